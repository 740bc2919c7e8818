//! Bootstrap intervals (percentile, basic, BCa) of a statistic, of a paired difference and of clustered means,
//! with own random numbers or with given resample indices.
//!
//! Below about 300 observations of a share the percentile bootstrap is as bad as Wald; use
//! [`crate::proportion`] there. Random indices come from xoshiro256++, one stream per 64 resamples, so that a
//! seed gives the same result on any number of threads.

use crate::dist::{normal_cdf, normal_isf, normal_quantile, real};
use crate::error::{at_least, finite, open_unit, same_length};
use crate::rng::{for_each_index, resampled_sum, stream};
use crate::{Interval, StatsError, moments, quantile};
use rayon::prelude::*;

/// Resamples per block of work; a block has its own random stream.
const BLOCK: usize = 64;
/// Work (resamples × observations) below which threads cost more than they bring.
const PARALLEL_FROM: usize = 200_000;
/// Largest accepted number of resamples.
const RESAMPLES_MAX: usize = 10_000_000;
/// Two values of the statistic count as equal within this share of their size.
const TIE_RELATIVE: f64 = 1e-13;

/// What is computed on each resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median (mean of the middle two).
    Median,
    /// Standard deviation, divisor n − 1.
    StandardDeviation,
}

/// Bootstrap intervals of one statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// The statistic on the sample.
    pub estimate: f64,
    /// Standard deviation of the resampled statistic (divisor B − 1); `NaN` for one resample.
    pub se: f64,
    /// Quantiles of the resampled statistic (type 7).
    pub percentile: Interval,
    /// 2 · estimate − those quantiles, ends exchanged.
    pub basic: Interval,
    /// Bias-corrected and accelerated (Efron 1987): quantiles at levels shifted for bias and skewness.
    ///
    /// Bias z₀ = Φ⁻¹((#{θ* < θ} + #{θ* <= θ}) / 2B), acceleration from the jackknife. When all resamples agree
    /// it is a point; when all lie on one side of the estimate the share is taken as ½ resample, so that the
    /// interval stays finite.
    pub bca: Interval,
}

/// Bootstrap of a statistic with own random numbers.
///
/// Ten thousand resamples are the usual number; the seed makes the result reproducible.
///
/// ```
/// use seatrial_stats::bootstrap::{Statistic, resample};
/// let x = [1.2, 0.4, 3.1, 0.9, 2.2, 1.7, 0.3, 5.0];
/// let b = resample(&x, Statistic::Mean, 0.95, 10_000, 0)?;
/// assert!((b.estimate - 1.85).abs() < 1e-12 && b.bca.contains(b.estimate) && b.bca.high > b.percentile.high);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] for no data (two values for a standard deviation) or no resamples,
/// [`StatsError::TooLarge`] above 10⁷ resamples, [`StatsError::NotFinite`], [`StatsError::OutOfRange`] for a
/// confidence outside (0, 1), [`StatsError::Undefined`] when sums overflow.
pub fn resample(
    x: &[f64],
    statistic: Statistic,
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Result<Bootstrap, StatsError> {
    check(x, statistic, confidence, resamples)?;
    let n = x.len();
    let replicates = match statistic {
        Statistic::Mean => {
            let size = real(n as u64);
            replicate(resamples, n, seed, || |rng: &mut _| resampled_sum(rng, x) / size)
        }
        Statistic::StandardDeviation => {
            // Centred first, so that the sum of squares does not cancel.
            let mean = moments::mean(x);
            let centred: Vec<f64> = x.iter().map(|x| x - mean).collect();
            let size = real(n as u64);
            replicate(resamples, n, seed, || {
                |rng: &mut _| {
                    let (mut sum, mut squares) = (0.0, 0.0);
                    for_each_index(rng, n, n, |i| {
                        sum += centred[i];
                        squares += centred[i] * centred[i];
                    });
                    let spread = squares - sum * sum / size;
                    // A resample of one value over and over has no spread; rounding must not give it one.
                    let spread = if spread > 4.0 * f64::EPSILON * size * squares {
                        spread
                    } else {
                        0.0
                    };
                    (spread / (size - 1.0)).sqrt()
                }
            })
        }
        Statistic::Median => {
            let sorted = quantile::sorted(x)?;
            let sorted = &sorted;
            replicate(resamples, n, seed, || {
                let mut counts = vec![0u32; n];
                move |rng: &mut _| {
                    counts.fill(0);
                    for_each_index(rng, n, n, |i| counts[i] += 1);
                    median_of_counts(sorted, &counts)
                }
            })
        }
    };
    finish(x, statistic, confidence, replicates)
}

/// Bootstrap of a statistic on given resamples: each row holds the indices of one resample.
///
/// ```
/// use seatrial_stats::bootstrap::{Statistic, from_indices};
/// let b = from_indices(&[1.0, 2.0, 3.0], Statistic::Mean, 0.9, &[vec![0, 0, 1], vec![2, 2, 1], vec![0, 1, 2]])?;
/// assert_eq!(b.estimate, 2.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`resample`]; [`StatsError::OutOfRange`] for an index past the end or an empty row.
pub fn from_indices(
    x: &[f64],
    statistic: Statistic,
    confidence: f64,
    rows: &[Vec<usize>],
) -> Result<Bootstrap, StatsError> {
    check(x, statistic, confidence, rows.len())?;
    check_rows(rows, x.len())?;
    let replicates = rows
        .iter()
        .map(|row| {
            let values: Vec<f64> = row.iter().map(|&i| x[i]).collect();
            evaluate(&values, statistic)
        })
        .collect();
    finish(x, statistic, confidence, replicates)
}

fn check(x: &[f64], statistic: Statistic, confidence: f64, resamples: usize) -> Result<(), StatsError> {
    let needed = if statistic == Statistic::StandardDeviation {
        2
    } else {
        1
    };
    at_least("x", x.len(), needed)?;
    finite("x", x)?;
    // The variance is the largest number any of the statistics passes through.
    crate::mean::summarise(x)?;
    open_unit("confidence", confidence)?;
    check_resamples(resamples)
}

fn check_resamples(resamples: usize) -> Result<(), StatsError> {
    at_least("resamples", resamples, 1)?;
    if resamples > RESAMPLES_MAX {
        return Err(StatsError::TooLarge {
            what: "resamples",
            found: resamples as u64,
            limit: RESAMPLES_MAX as u64,
        });
    }
    Ok(())
}

fn check_rows(rows: &[Vec<usize>], items: usize) -> Result<(), StatsError> {
    for row in rows {
        at_least("row of indices", row.len(), 1)?;
        if let Some(&index) = row.iter().find(|&&index| index >= items) {
            return Err(StatsError::OutOfRange {
                what: "index",
                found: real(index as u64),
                expected: "an index below the number of items",
            });
        }
    }
    Ok(())
}

/// One replicate per resample, in order; `prepare` makes the scratch space of a block.
fn replicate<F, R>(resamples: usize, work: usize, seed: u64, prepare: F) -> Vec<f64>
where
    F: Fn() -> R + Sync,
    R: FnMut(&mut rand::rngs::Xoshiro256PlusPlus) -> f64,
{
    let mut replicates = vec![0.0; resamples];
    let fill = |(block, slots): (usize, &mut [f64])| {
        let mut rng = stream(seed, block as u64);
        let mut one = prepare();
        for slot in slots {
            *slot = one(&mut rng);
        }
    };
    if resamples.saturating_mul(work) < PARALLEL_FROM {
        replicates.chunks_mut(BLOCK).enumerate().for_each(fill);
    } else {
        replicates.par_chunks_mut(BLOCK).enumerate().for_each(fill);
    }
    replicates
}

/// Median of a resample that took the i-th smallest value `counts[i]` times.
fn median_of_counts(sorted: &[f64], counts: &[u32]) -> f64 {
    let n = sorted.len();
    let (low_rank, high_rank) = ((n - 1) / 2, n / 2);
    let mut seen = 0usize;
    let mut low = None;
    for (value, &count) in sorted.iter().zip(counts) {
        seen += count as usize;
        if low.is_none() && seen > low_rank {
            low = Some(*value);
        }
        if seen > high_rank {
            return middle(low.unwrap_or(*value), *value);
        }
    }
    sorted[n - 1]
}

fn middle(low: f64, high: f64) -> f64 {
    low + 0.5 * (high - low)
}

fn evaluate(values: &[f64], statistic: Statistic) -> f64 {
    match statistic {
        Statistic::Mean => moments::mean(values),
        Statistic::StandardDeviation => {
            let mean = moments::mean(values);
            (moments::squares(values, mean) / (real(values.len() as u64) - 1.0)).sqrt()
        }
        Statistic::Median => {
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            middle(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
        }
    }
}

/// Acceleration Σ d³ / (6 (Σ d²)^1.5) with d = mean of the leave-one-out values minus each; 0 without spread.
fn acceleration(x: &[f64], statistic: Statistic) -> f64 {
    let n = x.len();
    let jackknife: Vec<f64> = match statistic {
        // Leaving out x_i moves the mean by (mean − x_i)/(n − 1); the constant factor cancels.
        Statistic::Mean => x.iter().map(|x| -x).collect(),
        Statistic::StandardDeviation => {
            if n < 3 {
                return 0.0;
            }
            let mean = moments::mean(x);
            let total = moments::squares(x, mean);
            let size = real(n as u64);
            // Σ without i = total − d_i² n/(n − 1).
            x.iter()
                .map(|x| {
                    let left = total - (x - mean) * (x - mean) * size / (size - 1.0);
                    (left.max(0.0) / (size - 2.0)).sqrt()
                })
                .collect()
        }
        Statistic::Median => {
            if n < 2 {
                return 0.0;
            }
            let mut sorted = x.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            let without = |i: usize, rank: usize| sorted[if rank < i { rank } else { rank + 1 }];
            let (low, high) = ((n - 2) / 2, (n - 1) / 2);
            (0..n)
                .map(|i| middle(without(i, low), without(i, high)))
                .collect()
        }
    };
    let centre = moments::mean(&jackknife);
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in &jackknife {
        let d = centre - value;
        squares += d * d;
        cubes += d * d * d;
    }
    if squares > 0.0 && cubes.is_finite() {
        cubes / (6.0 * squares.powf(1.5))
    } else {
        0.0
    }
}

fn finish(
    x: &[f64],
    statistic: Statistic,
    confidence: f64,
    mut replicates: Vec<f64>,
) -> Result<Bootstrap, StatsError> {
    let estimate = evaluate(x, statistic);
    let se = spread(&replicates);
    replicates.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - confidence);
    let percentile = quantiles(&replicates, tail, 1.0 - tail)?;
    let bca = bca_interval(&replicates, estimate, acceleration(x, statistic), confidence)?;
    Ok(Bootstrap {
        estimate,
        se,
        percentile,
        basic: Interval::new(2.0 * estimate - percentile.high, 2.0 * estimate - percentile.low),
        bca,
    })
}

/// Standard deviation, divisor B − 1; `NaN` for one value.
fn spread(replicates: &[f64]) -> f64 {
    if replicates.len() < 2 {
        return f64::NAN;
    }
    let centre = moments::mean(replicates);
    (moments::squares(replicates, centre) / (real(replicates.len() as u64) - 1.0)).sqrt()
}

fn quantiles(sorted: &[f64], low: f64, high: f64) -> Result<Interval, StatsError> {
    Ok(Interval::new(
        quantile::type7(sorted, low)?,
        quantile::type7(sorted, high)?,
    ))
}

fn bca_interval(
    sorted: &[f64],
    estimate: f64,
    acceleration: f64,
    confidence: f64,
) -> Result<Interval, StatsError> {
    let b = real(sorted.len() as u64);
    let slack = TIE_RELATIVE * estimate.abs();
    let less = sorted.partition_point(|&value| value < estimate - slack);
    let at_most = sorted.partition_point(|&value| value <= estimate + slack);
    let share = (real(less as u64) + real(at_most as u64)) / (2.0 * b);
    let bias = normal_quantile(share.clamp(0.5 / b, 1.0 - 0.5 / b));
    let z = normal_isf(0.5 * (1.0 - confidence));
    let level = |z: f64| {
        let shifted = bias + z;
        // Beyond 1/a the correction has no meaning; it runs into the end it was heading for.
        let stretch = 1.0 - acceleration * shifted;
        if stretch > 0.0 {
            normal_cdf(bias + shifted / stretch)
        } else if shifted > 0.0 {
            1.0
        } else {
            0.0
        }
    };
    quantiles(sorted, level(-z), level(z))
}

/// Bootstrap of the mean paired difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedBootstrap {
    /// Mean of a − b.
    pub difference: f64,
    /// Percentile interval.
    pub interval: Interval,
    /// Two-sided p of "no difference": (1 + #{|d* − mean d*| >= |d|}) / (B + 1).
    pub p: f64,
}

/// Paired bootstrap with own random numbers: cases are resampled, both systems keep the same cases.
///
/// Identical systems give p = 1.
///
/// ```
/// let (a, b) = ([0.9, 0.8, 0.7, 0.9, 1.0], [0.5, 0.6, 0.6, 0.4, 0.7]);
/// let r = seatrial_stats::bootstrap::paired(&a, &b, 0.95, 10_000, 0)?;
/// assert!(r.interval.low > 0.0 && r.p < 0.05);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`resample`]; [`StatsError::LengthMismatch`].
pub fn paired(
    a: &[f64],
    b: &[f64],
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Result<PairedBootstrap, StatsError> {
    let d = crate::paired::differences(a, b)?;
    check(&d, Statistic::Mean, confidence, resamples)?;
    let size = real(d.len() as u64);
    let replicates = replicate(resamples, d.len(), seed, || {
        |rng: &mut _| resampled_sum(rng, &d) / size
    });
    paired_result(moments::mean(&d), replicates, confidence, true)
}

/// Paired bootstrap on given resamples. Here a deviation *equal* to the observed difference does not count
/// as extreme, as in the reference values; [`paired`] counts it.
///
/// ```
/// use seatrial_stats::bootstrap::paired_from_indices;
/// let r = paired_from_indices(&[1.0, 0.0], &[0.0, 0.0], 0.9, &[vec![0, 0], vec![1, 1], vec![0, 1]])?;
/// assert_eq!(r.difference, 0.5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`from_indices`]; [`StatsError::LengthMismatch`].
pub fn paired_from_indices(
    a: &[f64],
    b: &[f64],
    confidence: f64,
    rows: &[Vec<usize>],
) -> Result<PairedBootstrap, StatsError> {
    let d = crate::paired::differences(a, b)?;
    check(&d, Statistic::Mean, confidence, rows.len())?;
    check_rows(rows, d.len())?;
    let replicates = rows
        .iter()
        .map(|row| moments::mean(&row.iter().map(|&i| d[i]).collect::<Vec<_>>()))
        .collect();
    paired_result(moments::mean(&d), replicates, confidence, false)
}

fn paired_result(
    difference: f64,
    mut replicates: Vec<f64>,
    confidence: f64,
    ties_are_extreme: bool,
) -> Result<PairedBootstrap, StatsError> {
    let centre = moments::mean(&replicates);
    let size = replicates
        .iter()
        .fold(difference.abs(), |size, r| size.max(r.abs()));
    let slack = if ties_are_extreme {
        -1e-12 * size
    } else {
        1e-12 * size
    };
    let extreme = replicates
        .iter()
        .filter(|&&r| (r - centre).abs() - difference.abs() >= slack)
        .count();
    let p = (1.0 + real(extreme as u64)) / (real(replicates.len() as u64) + 1.0);
    replicates.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - confidence);
    Ok(PairedBootstrap {
        difference,
        interval: quantiles(&replicates, tail, 1.0 - tail)?,
        p,
    })
}

/// Bootstrap of the mean of clustered scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterBootstrap {
    /// Mean of all scores.
    pub estimate: f64,
    /// Mean of the replicates.
    pub replicate_mean: f64,
    /// Standard deviation of the replicates (divisor B − 1); `NaN` for one.
    pub se: f64,
    /// Percentile interval.
    pub interval: Interval,
}

/// Cluster bootstrap with own random numbers: whole clusters are drawn, the statistic is the mean over all
/// scores of the drawn clusters.
///
/// ```
/// let r = seatrial_stats::bootstrap::clustered(&[0.0, 0.1, 1.0, 0.9, 0.5], &[1, 1, 2, 2, 3], 0.95, 5_000, 0)?;
/// assert!(r.estimate == 0.5 && r.interval.contains(0.5));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`resample`]; [`StatsError::LengthMismatch`].
pub fn clustered(
    scores: &[f64],
    clusters: &[u32],
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Result<ClusterBootstrap, StatsError> {
    let totals = cluster_totals(scores, clusters)?;
    check(scores, Statistic::Mean, confidence, resamples)?;
    let groups = totals.len();
    let replicates = replicate(resamples, groups, seed, || {
        |rng: &mut _| {
            let (mut sum, mut size) = (0.0, 0.0);
            for_each_index(rng, groups, groups, |i| {
                sum += totals[i].0;
                size += totals[i].1;
            });
            sum / size
        }
    });
    cluster_result(scores, replicates, confidence)
}

/// Cluster bootstrap on given resamples: each row holds positions of clusters in ascending order of their ids.
///
/// ```
/// use seatrial_stats::bootstrap::clustered_from_indices;
/// let r = clustered_from_indices(&[0.0, 1.0, 1.0], &[4, 7, 7], 0.9, &[vec![0, 0], vec![0, 1], vec![1, 1]])?;
/// assert!((r.estimate - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`from_indices`]; [`StatsError::LengthMismatch`].
pub fn clustered_from_indices(
    scores: &[f64],
    clusters: &[u32],
    confidence: f64,
    rows: &[Vec<usize>],
) -> Result<ClusterBootstrap, StatsError> {
    let totals = cluster_totals(scores, clusters)?;
    check(scores, Statistic::Mean, confidence, rows.len())?;
    check_rows(rows, totals.len())?;
    let replicates = rows
        .iter()
        .map(|row| {
            let (sum, size) = row.iter().fold((0.0, 0.0), |(sum, size), &i| {
                (sum + totals[i].0, size + totals[i].1)
            });
            sum / size
        })
        .collect();
    cluster_result(scores, replicates, confidence)
}

/// Sum and size of each cluster, in ascending order of ids.
fn cluster_totals(scores: &[f64], clusters: &[u32]) -> Result<Vec<(f64, f64)>, StatsError> {
    same_length("scores", scores.len(), "clusters", clusters.len())?;
    let mut totals = std::collections::BTreeMap::new();
    for (&score, &cluster) in scores.iter().zip(clusters) {
        let total: &mut (f64, f64) = totals.entry(cluster).or_default();
        total.0 += score;
        total.1 += 1.0;
    }
    Ok(totals.into_values().collect())
}

fn cluster_result(
    scores: &[f64],
    mut replicates: Vec<f64>,
    confidence: f64,
) -> Result<ClusterBootstrap, StatsError> {
    let (replicate_mean, se) = (moments::mean(&replicates), spread(&replicates));
    replicates.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - confidence);
    Ok(ClusterBootstrap {
        estimate: moments::mean(scores),
        replicate_mean,
        se,
        interval: quantiles(&replicates, tail, 1.0 - tail)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Statistic; 3] = [Statistic::Mean, Statistic::Median, Statistic::StandardDeviation];

    proptest! {
        /// Protects: percentile and BCa intervals widen with the level, percentile ones hold the middle of the
        /// replicates, and the same seed gives the same numbers.
        #[test]
        fn nested(x in prop::collection::vec(-1e3f64..1e3, 3..60), level in 0.5f64..0.95, seed: u64) {
            for statistic in ALL {
                let narrow = resample(&x, statistic, level, 400, seed).unwrap();
                let wide = resample(&x, statistic, level + 0.04, 400, seed).unwrap();
                prop_assert_eq!(narrow.se, wide.se);
                prop_assert!(wide.percentile.low <= narrow.percentile.low);
                prop_assert!(wide.percentile.high >= narrow.percentile.high);
                prop_assert!(wide.bca.low <= narrow.bca.low && wide.bca.high >= narrow.bca.high);
                prop_assert!(narrow.basic.width() - narrow.percentile.width() < 1e-9);
            }
        }

        /// Protects: the mean of a resample is the resample's mean (the fast sums equal plain evaluation).
        #[test]
        fn fast_paths_equal_evaluation(x in prop::collection::vec(-1e3f64..1e3, 2..40), seed: u64) {
            let n = x.len();
            let mut rng = stream(seed, 0);
            let rows: Vec<Vec<usize>> = (0..BLOCK)
                .map(|_| {
                    let mut row = Vec::new();
                    for_each_index(&mut rng, n, n, |i| row.push(i));
                    row
                })
                .collect();
            for statistic in [Statistic::Mean, Statistic::StandardDeviation] {
                let own = resample(&x, statistic, 0.9, BLOCK, seed).unwrap();
                let given = from_indices(&x, statistic, 0.9, &rows).unwrap();
                prop_assert!((own.se - given.se).abs() <= 1e-7 * (1.0 + given.se));
                prop_assert!((own.percentile.low - given.percentile.low).abs() <= 1e-4);
            }
            // The median sorts first, so its indices mean other cases; compare the distribution's width.
            let (own, given) = (
                resample(&x, Statistic::Median, 0.9, 2000, seed).unwrap(),
                resample(&x, Statistic::Median, 0.9, 2000, seed.wrapping_add(1)).unwrap(),
            );
            prop_assert!((own.se - given.se).abs() <= 0.35 * own.se.max(given.se) + 1e-9);
        }
    }

    /// Protects: a seed gives one result whatever the number of threads.
    #[test]
    fn deterministic_over_threads() {
        let x: Vec<f64> = (0..500).map(|i| f64::from((i * 37) % 101)).collect();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| resample(&x, Statistic::Mean, 0.95, 3000, 9).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    /// Protects: equal data give a point, never NaN; invalid input is refused; identical systems give p = 1.
    #[test]
    fn edges() {
        for statistic in ALL {
            let b = resample(&[0.1; 20], statistic, 0.95, 500, 0).unwrap();
            let at = if statistic == Statistic::StandardDeviation {
                0.0
            } else {
                0.1
            };
            for end in [b.bca.low, b.bca.high, b.percentile.low, b.basic.high] {
                assert!((end - at).abs() < 1e-15, "{statistic:?} {b:?}");
            }
            assert!(resample(&[], statistic, 0.95, 500, 0).is_err());
            assert!(resample(&[1.0, f64::NAN], statistic, 0.95, 500, 0).is_err());
            assert!(resample(&[1.0, 2.0], statistic, 0.95, 0, 0).is_err());
            assert!(resample(&[1.0, 2.0], statistic, 0.95, usize::MAX, 0).is_err());
            assert!(resample(&[1.0, 2.0], statistic, 1.5, 10, 0).is_err());
            assert!(resample(&[1e300, -1e300], statistic, 0.95, 10, 0).is_err());
            let two = resample(&[1.0, 2.0], statistic, 0.95, 200, 0).unwrap();
            assert!(two.bca.low.is_finite() && two.bca.high.is_finite());
        }
        assert!(resample(&[1.0], Statistic::StandardDeviation, 0.95, 10, 0).is_err());
        assert_eq!(
            resample(&[1.0], Statistic::Median, 0.95, 10, 0).unwrap().bca,
            Interval::new(1.0, 1.0)
        );
        assert!(from_indices(&[1.0], Statistic::Mean, 0.9, &[vec![1]]).is_err());
        assert!(from_indices(&[1.0], Statistic::Mean, 0.9, &[vec![]]).is_err());
        let same = paired(&[0.3, 0.7, 0.1], &[0.3, 0.7, 0.1], 0.95, 100, 0).unwrap();
        assert_eq!((same.difference, same.p), (0.0, 1.0));
        assert!(clustered(&[1.0], &[], 0.95, 10, 0).is_err());
        assert!(
            clustered(&[1.0, 2.0], &[1, 1], 0.95, 10, 0)
                .unwrap()
                .interval
                .width()
                == 0.0
        );
    }
}
