//! Percentiles of two systems (latencies), compared by a bootstrap. Apart from means, because a percentile is no mean of
//! differences of cases: pairing comes in by drawing the same cases, or clusters, for both sides.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use seatrial_types::Statistic;

/// The percentiles, lowest first, with how many values a side must have for each: enough that at least five lie beyond
/// it, because a bootstrap knows nothing of what lies above the highest value.
pub(super) const PERCENTILES: [(Statistic, f64, usize); 3] = [
    (Statistic::P50, 0.50, 10),
    (Statistic::P95, 0.95, 100),
    (Statistic::P99, 0.99, 500),
];
/// Steps that one bootstrap may take in all: values walked over and units drawn.
const STEPS_MAX: usize = 100_000_000;
/// Resamples, between these two.
const RESAMPLES_MIN: usize = 200;
const RESAMPLES_MAX: usize = 2_000;
/// Resamples that share one random stream.
const BLOCK: usize = 16;

/// Values of one side, each with the unit that it is drawn with.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// Ascending by value.
    sorted: Vec<(f64, u32)>,
    /// Values per unit.
    per_unit: Vec<u32>,
}

impl Values {
    /// From values with their units, which are numbered from 0.
    pub(super) fn new(mut values: Vec<(f64, u32)>) -> Self {
        values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let units = values
            .iter()
            .map(|(_, unit)| *unit as usize + 1)
            .max()
            .unwrap_or(0);
        let mut per_unit = vec![0; units];
        for &(_, unit) in &values {
            per_unit[unit as usize] += 1;
        }
        Self {
            sorted: values,
            per_unit,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Values in a resample with these weights.
    fn total(&self, weights: &[u32]) -> u64 {
        let drawn = self.per_unit.iter().zip(weights);
        drawn
            .map(|(&values, &weight)| u64::from(values) * u64::from(weight))
            .sum()
    }

    /// The values alone, ascending.
    pub(super) fn sorted(&self) -> Vec<f64> {
        self.sorted.iter().map(|(value, _)| *value).collect()
    }

    /// The percentiles of a resample in which unit `u` was drawn `weights[u]` times; `None` where nothing was drawn.
    fn percentiles(&self, weights: &[u32], total: u64, levels: &[f64]) -> Option<Vec<f64>> {
        if total == 0 {
            return None;
        }
        let total = crate::series::to_f64(total);
        let mut found = Vec::with_capacity(levels.len());
        let mut wanted = levels.iter().map(|q| q * total);
        let mut next = wanted.next()?;
        let mut passed = 0.0;
        for &(value, unit) in &self.sorted {
            passed += f64::from(weights.get(unit as usize).copied().unwrap_or(0));
            while passed >= next {
                found.push(value);
                next = match wanted.next() {
                    Some(next) => next,
                    None => return Some(found),
                };
            }
        }
        None
    }
}

/// What a bootstrap says of the difference of one percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PercentileDifference {
    pub(super) statistic: Statistic,
    /// Level of the percentile.
    pub(super) q: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Two-sided p-value of "no difference".
    pub(super) p: f64,
    /// Share of resamples in which B's percentile is the higher one, ties by half.
    pub(super) b_higher: f64,
    pub(super) resamples: u32,
}

/// The differences B − A of those percentiles that both sides have enough values for. `shared` says that both sides have
/// the same units, which are then drawn together.
pub(super) fn differences(
    a: &Values,
    b: &Values,
    shared: bool,
    level: f64,
    seed: u64,
) -> Vec<PercentileDifference> {
    let fewest = a.len().min(b.len());
    let wanted: Vec<(Statistic, f64)> = PERCENTILES
        .iter()
        .filter(|(_, _, least)| fewest >= *least)
        .map(|(statistic, q, _)| (*statistic, *q))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let levels: Vec<f64> = wanted.iter().map(|(_, q)| *q).collect();
    let steps = a.len() + b.len() + a.per_unit.len() + b.per_unit.len();
    let resamples = (STEPS_MAX / steps.max(1)).clamp(RESAMPLES_MIN, RESAMPLES_MAX);
    let drawn: Vec<Vec<f64>> = (0..resamples.div_ceil(BLOCK))
        .into_par_iter()
        .flat_map_iter(|block| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(block as u64);
            let count = BLOCK.min(resamples - block * BLOCK);
            let resample = |_| one_resample(&mut rng, a, b, shared, &levels);
            (0..count).filter_map(resample).collect::<Vec<_>>()
        })
        .collect();
    let of_percentile = |(at, (statistic, q)): (usize, &(Statistic, f64))| {
        let replicates = drawn.iter().filter_map(|row| row.get(at).copied()).collect();
        summarise(*statistic, *q, replicates, level)
    };
    wanted.iter().enumerate().filter_map(of_percentile).collect()
}

/// Differences of the percentiles of one resample; `None` where it drew nothing of one side.
fn one_resample(
    rng: &mut ChaCha8Rng,
    a: &Values,
    b: &Values,
    shared: bool,
    levels: &[f64],
) -> Option<Vec<f64>> {
    let units = if shared {
        a.per_unit.len().max(b.per_unit.len())
    } else {
        a.per_unit.len()
    };
    let weights = draw(rng, units);
    let of_a = a.percentiles(&weights, a.total(&weights), levels)?;
    let weights = if shared {
        weights
    } else {
        draw(rng, b.per_unit.len())
    };
    let of_b = b.percentiles(&weights, b.total(&weights), levels)?;
    Some(of_b.iter().zip(&of_a).map(|(b, a)| b - a).collect())
}

/// How often each of so many units is drawn, in as many draws.
fn draw(rng: &mut ChaCha8Rng, units: usize) -> Vec<u32> {
    let mut weights = vec![0; units];
    for _ in 0..units {
        // Multiply and shift: off by less than 2⁻³² · units, far below what resampling can show.
        let at = (u64::from(rng.next_u32()) * units as u64) >> 32;
        weights[usize::try_from(at).unwrap_or(0)] += 1;
    }
    weights
}

fn summarise(
    statistic: Statistic,
    q: f64,
    mut replicates: Vec<f64>,
    level: f64,
) -> Option<PercentileDifference> {
    replicates.sort_unstable_by(f64::total_cmp);
    let n = replicates.len();
    let tail = 0.5 * (1.0 - level);
    let low = crate::bounds::quantile(&replicates, tail)?;
    let high = crate::bounds::quantile(&replicates, 1.0 - tail)?;
    let below = replicates.partition_point(|&d| d < 0.0);
    let not_above = replicates.partition_point(|&d| d <= 0.0);
    let number = |count: usize| crate::series::to_f64(count as u64);
    let fewer = number(not_above.min(n - below));
    Some(PercentileDifference {
        statistic,
        q,
        low,
        high,
        p: (2.0 * (1.0 + fewer) / (1.0 + number(n))).min(1.0),
        b_higher: (number(n - not_above) + 0.5 * number(not_above - below)) / number(n),
        resamples: u32::try_from(n).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that are the quantiles of an exponential distribution of this mean, in a scrambled order of units.
    fn exponential(n: u32, mean: f64) -> Values {
        let value = |i: u32| -mean * (1.0 - (f64::from(i) + 0.5) / f64::from(n)).ln();
        Values::new((0..n).map(|i| (value(i), i * 7919 % n)).collect())
    }

    /// Protects the claim: a doubled latency is seen in every percentile and in the right direction, an equal one in
    /// none; p and interval agree about zero.
    #[test]
    fn sees_what_there_is() {
        let (a, twice) = (exponential(1_001, 100.0), exponential(1_001, 200.0));
        let found = differences(&a, &twice, false, 0.95, 1);
        assert_eq!(found.len(), 3);
        for (percentile, expected) in found.iter().zip([69.3, 299.6, 460.5]) {
            assert!(
                percentile.low > 0.0 && percentile.p < 0.01 && percentile.b_higher > 0.99,
                "{percentile:?}"
            );
            assert!(
                percentile.low < expected && percentile.high > expected,
                "{percentile:?}"
            );
        }
        for shared in [false, true] {
            for percentile in differences(&a, &a, shared, 0.95, 1) {
                assert!(
                    percentile.p > 0.5 && percentile.low <= 0.0 && percentile.high >= 0.0,
                    "{percentile:?}"
                );
                assert!((percentile.b_higher - 0.5).abs() < 0.1, "{percentile:?}");
            }
        }
    }

    /// Protects pairing: a slowdown of every case by the same is certain when the same cases are drawn, and hidden in
    /// the spread of the cases when they are not.
    #[test]
    fn shared_units_see_more() {
        let base = exponential(400, 100.0);
        let slower = Values::new(
            base.sorted
                .iter()
                .map(|(value, unit)| (value + 5.0, *unit))
                .collect(),
        );
        let median = |shared| differences(&base, &slower, shared, 0.95, 3)[0];
        assert!(
            median(true).p < 0.01 && median(true).low == 5.0,
            "{:?}",
            median(true)
        );
        assert!(median(false).p > 0.05, "{:?}", median(false));
    }

    /// Protects against numbers that the data do not hold: a percentile with too few values beyond it is not there.
    #[test]
    fn few_values_have_no_tail() {
        let names = |n: u32| {
            let values = exponential(n, 1.0);
            let found = differences(&values, &values, true, 0.95, 0);
            found
                .iter()
                .map(|percentile| percentile.statistic.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(9), Vec::<&str>::new());
        assert_eq!(names(99), ["p50"]);
        assert_eq!(names(499), ["p50", "p95"]);
        assert_eq!(names(500), ["p50", "p95", "p99"]);
    }
}
