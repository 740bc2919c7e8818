//! Krippendorff's α for any number of raters, missing ratings and four levels of measurement, with a bootstrap
//! interval over units.
//!
//! The data are reduced once to *patterns*: the multiset of ratings of a unit. Units with the same pattern are
//! exchangeable, so a bootstrap draw only has to count how often each pattern was drawn; with five raters on a
//! five-point scale there are at most 126 patterns, whatever the number of units. This is what makes 2,000
//! draws over 10,000 units a matter of a fraction of a second.

use super::{distinct_values, place, rectangular};
use crate::error::{StatsError, at_least, open_unit};
use crate::quantile::type7;
use crate::rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What the numbers mean, and so how far apart two ratings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasurementLevel {
    /// Names: equal or not.
    Nominal,
    /// Ranks: squared number of ratings between the two.
    Ordinal,
    /// Differences mean something: squared difference.
    Interval,
    /// Ratios mean something: squared relative difference ((a − b)/(a + b))², 0 where a + b = 0.
    Ratio,
}

/// What [`krippendorff_alpha`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alpha {
    /// α, at most 1; `NaN` where the pairable ratings are all equal or there are none.
    pub alpha: f64,
    /// Units with at least two ratings; the others do not count.
    pub n_units: usize,
    /// Ratings in those units.
    pub n_ratings: usize,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlphaResampling {
    /// Number of draws; at least 1, 2,000 is a good choice.
    pub resamples: usize,
    /// Confidence level, strictly between 0 and 1.
    pub confidence: f64,
    /// Seed of the generator.
    pub seed: u64,
}

/// What [`krippendorff_alpha_bootstrap`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlphaBootstrap {
    /// The coefficient of the data themselves.
    pub alpha: Alpha,
    /// Lower end of the percentile interval; `NaN` where no draw has a value.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard deviation of the draws; `NaN` with fewer than two.
    pub se: f64,
    /// Draws without a value (all drawn ratings equal); they are left out of the interval.
    pub undefined: usize,
}

/// The largest number of elementary steps one call takes; beyond it the input is refused rather than hanging.
const WORK_MAX: f64 = 1e11;
/// More draws than this are refused; their values are kept for the quantiles.
const RESAMPLES_MAX: usize = 10_000_000;

/// Krippendorff's α of `ratings[rater][unit]`; `None` is a missing rating.
///
/// α = 1 − observed/expected disagreement. Observed: the mean distance of two ratings of the same unit, each
/// unit weighted by its number of ratings. Expected: the mean distance of two ratings drawn from all pairable
/// ones without replacement. The distance depends on the level of measurement, see [`MeasurementLevel`].
///
/// α is 1 for perfect agreement, about 0 for chance, negative for systematic disagreement. Unlike κ it takes any
/// number of raters and missing ratings. It is symmetric in the raters.
///
/// # Errors
/// No raters, raters with unequal numbers of units, ratings that are not finite, or (ratio level only) so many
/// distinct ratings that their pairs cannot be visited.
///
/// Source: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
///
/// ```
/// use seatrial_stats::agreement::{MeasurementLevel, krippendorff_alpha};
/// let ratings = vec![
///     vec![Some(1.0), Some(2.0), Some(3.0), None],
///     vec![Some(1.0), Some(2.0), Some(4.0), Some(2.0)],
/// ];
/// let a = krippendorff_alpha(&ratings, MeasurementLevel::Interval)?;
/// assert_eq!((a.n_units, a.n_ratings), (3, 6));
/// assert!((a.alpha - 36.0 / 41.0).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn krippendorff_alpha(
    ratings: &[Vec<Option<f64>>],
    level: MeasurementLevel,
) -> Result<Alpha, StatsError> {
    let patterns = Patterns::read(ratings, level)?;
    patterns.refuse_hopeless(1)?;
    Ok(patterns.of_data())
}

/// [`krippendorff_alpha`] with a percentile bootstrap interval: units are drawn with replacement and α is
/// computed anew for every draw, the expected disagreement included.
///
/// Only pairable units are drawn. The same seed gives the same interval whatever the number of threads: draw
/// number i has its own stream of xoshiro256++. Quantiles are linear (type 7).
///
/// # Errors
/// As [`krippendorff_alpha`]; also no draws, more than ten million or more than can be worked off in minutes, or
/// a confidence outside (0, 1).
///
/// Source: Krippendorff 2011 for the coefficient; resampling of units as in Hayes and Krippendorff 2007, but
/// with the expected disagreement recomputed.
///
/// ```
/// use seatrial_stats::agreement::{AlphaResampling, MeasurementLevel, krippendorff_alpha_bootstrap};
/// let first: Vec<_> = (0..40).map(|i| Some(f64::from(i % 4))).collect();
/// let second: Vec<_> = (0..40).map(|i| Some(f64::from((i + i / 13) % 4))).collect();
/// let how = AlphaResampling { resamples: 500, confidence: 0.95, seed: 7 };
/// let a = krippendorff_alpha_bootstrap(&[first, second], MeasurementLevel::Nominal, how)?;
/// assert!(a.low < a.alpha.alpha && a.alpha.alpha < a.high);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn krippendorff_alpha_bootstrap(
    ratings: &[Vec<Option<f64>>],
    level: MeasurementLevel,
    how: AlphaResampling,
) -> Result<AlphaBootstrap, StatsError> {
    open_unit("confidence", how.confidence)?;
    at_least("resamples", how.resamples, 1)?;
    if how.resamples > RESAMPLES_MAX {
        return Err(StatsError::TooLarge {
            what: "resamples",
            found: how.resamples as u64,
            limit: RESAMPLES_MAX as u64,
        });
    }
    let patterns = Patterns::read(ratings, level)?;
    patterns.refuse_hopeless(how.resamples)?;
    let alpha = patterns.of_data();
    if alpha.n_units == 0 {
        return Ok(AlphaBootstrap {
            alpha,
            low: f64::NAN,
            high: f64::NAN,
            se: f64::NAN,
            undefined: how.resamples,
        });
    }
    let drawn: Vec<f64> = (0..how.resamples)
        .into_par_iter()
        .map_init(
            || patterns.scratch(),
            |scratch, i| patterns.draw(&mut scratch.0, &mut scratch.1, how.seed, i as u64),
        )
        .collect();
    let mut defined: Vec<f64> = drawn.into_iter().filter(|a| !a.is_nan()).collect();
    defined.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 - 0.5 * how.confidence;
    Ok(AlphaBootstrap {
        alpha,
        low: type7(&defined, tail).unwrap_or(f64::NAN),
        high: type7(&defined, 1.0 - tail).unwrap_or(f64::NAN),
        se: standard_deviation(&defined),
        undefined: how.resamples - defined.len(),
    })
}

fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// The ratings of one kind of unit.
struct Pattern {
    /// (place of the rating in `Patterns::values`, how many raters gave it), ascending.
    counts: Vec<(u32, u32)>,
    /// Observed disagreement of one such unit, for levels whose distances do not depend on the sample.
    disagreement: f64,
    /// How many units of the data look like this.
    units: u32,
}

/// The data, reduced to what α needs.
struct Patterns {
    level: MeasurementLevel,
    /// Distinct ratings, scaled so that no square overflows.
    values: Vec<f64>,
    patterns: Vec<Pattern>,
    /// Pattern of each pairable unit.
    unit_pattern: Vec<u32>,
}

/// Buffers of one thread.
#[derive(Default)]
struct Buffers {
    /// How often each distinct rating occurs in the draw.
    totals: Vec<f64>,
    /// Where each distinct rating lies on the scale of distances.
    position: Vec<f64>,
}

impl Patterns {
    fn read(ratings: &[Vec<Option<f64>>], level: MeasurementLevel) -> Result<Self, StatsError> {
        let units = rectangular("ratings", ratings)?;
        for (what, size) in [("units", units), ("raters", ratings.len())] {
            let found = size as u64;
            if found > u64::from(u32::MAX) {
                return Err(StatsError::TooLarge {
                    what,
                    found,
                    limit: u64::from(u32::MAX),
                });
            }
        }
        let raw = distinct_values(ratings);
        let mut by_counts: BTreeMap<Vec<(u32, u32)>, u32> = BTreeMap::new();
        let mut unit_pattern = Vec::with_capacity(units);
        let mut patterns = Vec::new();
        let mut places: Vec<u32> = Vec::with_capacity(ratings.len());
        for unit in 0..units {
            places.clear();
            places.extend(
                ratings
                    .iter()
                    .filter_map(|row| row[unit])
                    .map(|value| place(&raw, value) as u32),
            );
            if places.len() < 2 {
                continue;
            }
            places.sort_unstable();
            let counts: Vec<(u32, u32)> = places
                .chunk_by(|a, b| a == b)
                .map(|group| (group[0], group.len() as u32))
                .collect();
            let next = by_counts.len() as u32;
            let id = *by_counts.entry(counts).or_insert_with_key(|counts| {
                patterns.push(Pattern {
                    counts: counts.clone(),
                    disagreement: 0.0,
                    units: 0,
                });
                next
            });
            patterns[id as usize].units += 1;
            unit_pattern.push(id);
        }
        // Distances of all levels are invariant to scale, so dividing by the largest rating only prevents
        // overflow of squares.
        let largest = raw.iter().fold(0.0f64, |max, v| max.max(v.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let values: Vec<f64> = raw.iter().map(|v| v / scale).collect();
        for pattern in &mut patterns {
            pattern.disagreement = fixed_disagreement(&pattern.counts, &values, level);
        }
        Ok(Self {
            level,
            values,
            patterns,
            unit_pattern,
        })
    }

    fn refuse_hopeless(&self, repeats: usize) -> Result<(), StatsError> {
        let distinct = self.values.len() as f64;
        let pairs = if self.level == MeasurementLevel::Ratio {
            distinct * distinct
        } else {
            distinct
        };
        if (pairs + self.unit_pattern.len() as f64) * repeats as f64 > WORK_MAX {
            return Err(StatsError::TooLarge {
                what: "distinct ratings",
                found: self.values.len() as u64,
                limit: (WORK_MAX / repeats as f64).sqrt() as u64,
            });
        }
        Ok(())
    }

    fn scratch(&self) -> (Buffers, Vec<u32>) {
        (Buffers::default(), vec![0; self.patterns.len()])
    }

    fn of_data(&self) -> Alpha {
        let counts: Vec<u32> = self.patterns.iter().map(|pattern| pattern.units).collect();
        let ratings = self
            .patterns
            .iter()
            .map(|pattern| pattern.units as usize * raters(&pattern.counts) as usize)
            .sum();
        Alpha {
            alpha: self.alpha(&mut Buffers::default(), &counts),
            n_units: self.unit_pattern.len(),
            n_ratings: ratings,
        }
    }

    /// α of one bootstrap draw.
    fn draw(&self, buffers: &mut Buffers, counts: &mut [u32], seed: u64, stream: u64) -> f64 {
        counts.fill(0);
        let units = self.unit_pattern.len();
        rng::for_each_index(&mut rng::stream(seed, stream), units, units, |unit| {
            counts[self.unit_pattern[unit] as usize] += 1;
        });
        self.alpha(buffers, counts)
    }

    /// α of a sample in which pattern i occurs `counts[i]` times.
    fn alpha(&self, buffers: &mut Buffers, counts: &[u32]) -> f64 {
        let Buffers { totals, position } = buffers;
        totals.clear();
        totals.resize(self.values.len(), 0.0);
        for (pattern, &count) in self.patterns.iter().zip(counts) {
            if count > 0 {
                for &(place, ratings) in &pattern.counts {
                    totals[place as usize] += f64::from(count) * f64::from(ratings);
                }
            }
        }
        let all: f64 = totals.iter().sum();
        let observed = if self.level == MeasurementLevel::Ordinal {
            // A rank lies in the middle of its ratings, so the distance of two ranks is the number of ratings
            // between them, half of their own included. Divided by all ratings: the scale does not matter.
            position.clear();
            let mut below = 0.0;
            position.extend(totals.iter().map(|&total| {
                let middle = (below + 0.5 * total) / all;
                below += total;
                middle
            }));
            weighted_sum(&self.patterns, counts, |pattern| {
                spread(&pattern.counts, position)
            })
        } else {
            weighted_sum(&self.patterns, counts, |pattern| pattern.disagreement)
        };
        let expected = match self.level {
            MeasurementLevel::Nominal => {
                // Σ n_c (n − n_c), not n² − Σ n_c²: exactly 0 when one rating is left.
                totals.iter().map(|&total| total * (all - total)).sum()
            }
            MeasurementLevel::Ordinal => spread_of_totals(totals, position, all),
            MeasurementLevel::Interval => spread_of_totals(totals, &self.values, all),
            MeasurementLevel::Ratio => ratio_total(totals, &self.values),
        };
        if expected > 0.0 {
            1.0 - observed * (all - 1.0) / expected
        } else {
            f64::NAN
        }
    }
}

fn weighted_sum(patterns: &[Pattern], counts: &[u32], of: impl Fn(&Pattern) -> f64) -> f64 {
    patterns
        .iter()
        .zip(counts)
        .filter(|&(_, &count)| count > 0)
        .map(|(pattern, &count)| f64::from(count) * of(pattern))
        .sum()
}

fn raters(counts: &[(u32, u32)]) -> u32 {
    counts.iter().map(|&(_, n)| n).sum()
}

/// Σ over ordered pairs of ratings of their squared distance, divided by raters − 1.
fn spread(counts: &[(u32, u32)], position: &[f64]) -> f64 {
    let m = f64::from(raters(counts));
    // Σ_ij (x_i − x_j)² = 2 m Σ (x_i − mean)²; centred, so that equal ratings give exactly 0.
    let origin = position[counts[0].0 as usize];
    let mean = counts
        .iter()
        .map(|&(c, n)| f64::from(n) * (position[c as usize] - origin))
        .sum::<f64>()
        / m;
    let squares: f64 = counts
        .iter()
        .map(|&(c, n)| {
            let d = position[c as usize] - origin - mean;
            f64::from(n) * d * d
        })
        .sum();
    2.0 * m * squares / (m - 1.0)
}

/// Σ over ordered pairs of all ratings of their squared distance.
fn spread_of_totals(totals: &[f64], position: &[f64], all: f64) -> f64 {
    let mut used = totals
        .iter()
        .zip(position)
        .filter(|&(&total, _)| total > 0.0)
        .peekable();
    let Some(&(_, &origin)) = used.peek() else {
        return 0.0;
    };
    let (mut first, mut second) = (0.0, 0.0);
    for (&total, &x) in used.clone() {
        first += total * (x - origin);
    }
    let mean = first / all;
    for (&total, &x) in used {
        let d = x - origin - mean;
        second += total * d * d;
    }
    2.0 * all * second
}

fn ratio_distance(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum == 0.0 {
        return 0.0;
    }
    let d = (a - b) / sum;
    d * d
}

fn ratio_total(totals: &[f64], values: &[f64]) -> f64 {
    let used: Vec<(f64, f64)> = totals
        .iter()
        .copied()
        .zip(values.iter().copied())
        .filter(|&(total, _)| total > 0.0)
        .collect();
    let mut sum = 0.0;
    for (i, &(total, value)) in used.iter().enumerate() {
        let inner: f64 = used[..i]
            .iter()
            .map(|&(other, v)| other * ratio_distance(value, v))
            .sum();
        sum += total * inner;
    }
    2.0 * sum
}

fn fixed_disagreement(counts: &[(u32, u32)], values: &[f64], level: MeasurementLevel) -> f64 {
    let m = f64::from(raters(counts));
    match level {
        MeasurementLevel::Nominal => {
            let pairs: f64 = counts
                .iter()
                .map(|&(_, n)| f64::from(n) * (m - f64::from(n)))
                .sum();
            pairs / (m - 1.0)
        }
        MeasurementLevel::Interval => spread(counts, values),
        MeasurementLevel::Ratio => {
            let pairs: f64 = counts
                .iter()
                .flat_map(|&a| counts.iter().map(move |&b| (a, b)))
                .map(|((c, n), (d, m))| {
                    f64::from(n) * f64::from(m) * ratio_distance(values[c as usize], values[d as usize])
                })
                .sum();
            pairs / (m - 1.0)
        }
        // Depends on the sample; computed per draw.
        MeasurementLevel::Ordinal => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [MeasurementLevel; 4] = [
        MeasurementLevel::Nominal,
        MeasurementLevel::Ordinal,
        MeasurementLevel::Interval,
        MeasurementLevel::Ratio,
    ];

    fn table() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let cell = prop::option::weighted(0.85, (1u8..5).prop_map(f64::from));
        prop::collection::vec(prop::collection::vec(cell, 12), 2..5)
    }

    /// The definition, pair by pair, with the coincidence weights written out.
    fn by_definition(ratings: &[Vec<Option<f64>>], level: MeasurementLevel) -> f64 {
        let units: Vec<Vec<f64>> = (0..ratings[0].len())
            .map(|u| ratings.iter().filter_map(|row| row[u]).collect::<Vec<_>>())
            .filter(|unit| unit.len() > 1)
            .collect();
        let all: Vec<f64> = units.iter().flatten().copied().collect();
        let count = |v: f64| all.iter().filter(|&&x| x == v).count() as f64;
        let distance = |a: f64, b: f64| match level {
            MeasurementLevel::Nominal => f64::from(u8::from(a != b)),
            MeasurementLevel::Ordinal => {
                let (low, high) = (a.min(b), a.max(b));
                let between = all.iter().filter(|&&x| low <= x && x <= high).count() as f64;
                (between - (count(a) + count(b)) / 2.0).powi(2)
            }
            MeasurementLevel::Interval => (a - b).powi(2),
            MeasurementLevel::Ratio => ((a - b) / (a + b)).powi(2),
        };
        let (mut observed, mut expected) = (0.0, 0.0);
        for unit in &units {
            for a in unit {
                for b in unit {
                    observed += distance(*a, *b) / (unit.len() as f64 - 1.0);
                }
            }
        }
        for a in &all {
            for b in &all {
                expected += distance(*a, *b) / (all.len() as f64 - 1.0);
            }
        }
        if expected > 0.0 {
            1.0 - observed / expected
        } else {
            f64::NAN
        }
    }

    proptest! {
        /// Protects: the reduction to patterns is the definition; α is at most 1 and symmetric in the raters.
        #[test]
        fn agrees_with_the_definition(ratings in table()) {
            let reversed: Vec<_> = ratings.iter().rev().cloned().collect();
            for level in LEVELS {
                let (want, got) =
                    (by_definition(&ratings, level), krippendorff_alpha(&ratings, level).unwrap().alpha);
                let other = krippendorff_alpha(&reversed, level).unwrap().alpha;
                if want.is_nan() {
                    prop_assert!(got.is_nan() && other.is_nan());
                } else {
                    prop_assert!((want - got).abs() < 1e-10, "{level:?} {want} {got}");
                    prop_assert!((got - other).abs() < 1e-10 && got <= 1.0);
                }
            }
        }
    }

    /// Protects: a seed fixes the interval whatever the number of threads, and another seed moves it.
    #[test]
    fn one_seed_one_interval() {
        let ratings: Vec<Vec<_>> = (0..3)
            .map(|r| {
                (0..60)
                    .map(|u| Some(f64::from((u * 7 + r * (u % 3)) % 5)))
                    .collect()
            })
            .collect();
        let how = AlphaResampling {
            resamples: 200,
            confidence: 0.9,
            seed: 3,
        };
        let run = |how| krippendorff_alpha_bootstrap(&ratings, MeasurementLevel::Ordinal, how).unwrap();
        let one = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap()
            .install(|| run(how));
        let three = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .unwrap()
            .install(|| run(how));
        assert_eq!(one, three);
        assert_ne!(one.low, run(AlphaResampling { seed: 4, ..how }).low);
        assert!(one.low <= one.alpha.alpha && one.alpha.alpha <= one.high && one.undefined == 0);
    }

    /// Protects: nothing pairable and nothing that varies are `NaN`; sizes beyond squares do not overflow.
    #[test]
    fn edges() {
        let how = AlphaResampling {
            resamples: 5,
            confidence: 0.95,
            seed: 0,
        };
        for level in LEVELS {
            assert!(krippendorff_alpha(&[], level).is_err());
            assert!(krippendorff_alpha(&[vec![Some(f64::INFINITY)]], level).is_err());
            assert!(
                krippendorff_alpha(&[vec![Some(1.0), None], vec![None, None]], level)
                    .unwrap()
                    .alpha
                    .is_nan()
            );
            let same = vec![vec![Some(2.0); 4]; 3];
            let a = krippendorff_alpha_bootstrap(&same, level, how).unwrap();
            assert!(a.alpha.alpha.is_nan() && a.low.is_nan() && a.undefined == 5);
            let none = krippendorff_alpha_bootstrap(&[vec![], vec![]], level, how).unwrap();
            assert!(none.alpha.n_units == 0 && none.high.is_nan());
            let huge = vec![vec![Some(1e308), Some(-1e308), Some(1.0)]; 2];
            assert_eq!(krippendorff_alpha(&huge, level).unwrap().alpha, 1.0);
            assert!(
                krippendorff_alpha_bootstrap(&same, level, AlphaResampling { resamples: 0, ..how }).is_err()
            );
            assert!(
                krippendorff_alpha_bootstrap(
                    &same,
                    level,
                    AlphaResampling {
                        confidence: 1.0,
                        ..how
                    }
                )
                .is_err()
            );
        }
    }
}
