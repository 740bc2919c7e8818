//! Intervals of percentiles and means of one run, widened by as much as its requests depend on each other, and the
//! smallest samples from which a percentile is told at all.
//!
//! A percentile's interval goes from one order statistic to another, so it holds for every distribution. How many ranks
//! apart they must be follows from the error of the share of values below the percentile. That share is a mean, and
//! [`series`](crate::series) knows the error of a mean of dependent values.

use crate::series::{BatchedMean, Unit, batched_mean, plain};
use seatrial_stats::dist::{binom_cdf, normal_isf, t_isf};
use seatrial_stats::quantile::{self, interval_ranks};

/// Searching for a smallest sample ends here.
const SAMPLE_MAX: u64 = 100_000_000;

/// A value with its interval, and what the interval is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The value.
    pub value: f64,
    /// Lower end; `None` where the sample cannot bound it.
    pub low: Option<f64>,
    /// Upper end; `None` where the sample cannot bound it.
    pub high: Option<f64>,
    /// Values behind it.
    pub n: u64,
    /// How many independent values they are worth.
    pub n_eff: f64,
    /// Whether the run was long enough to tell how far its values depend on each other.
    pub settled: bool,
}

/// Fewest values from which the `q`-quantile is told: the least n in which, with this confidence, a value beyond the
/// quantile has been seen: (1 − confidence) ≥ qⁿ (or (1 − q)ⁿ below the median). 299 for a p99 at 95 %, 2 995 for a p99.9.
#[must_use]
pub fn sample_min(q: f64, confidence: f64) -> u64 {
    let q = q.max(1.0 - q);
    let n = (1.0 - confidence).ln() / q.ln();
    if n.is_finite() && n > 0.0 && n < SAMPLE_MAX as f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and SAMPLE_MAX"
        )]
        return (n - 1e-9).ceil() as u64;
    }
    SAMPLE_MAX
}

/// Fewest requests from which MLPerf certifies a percentile: with n of them one beyond the limit must still leave the
/// confidence. 662 for a p99 and 64 for a p90 at 99 %.
#[must_use]
pub fn sample_min_certified(q: f64, confidence: f64) -> u64 {
    let (mut low, mut high) = (1, SAMPLE_MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if binom_cdf(1, middle, 1.0 - q) <= 1.0 - confidence {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// The `q`-quantile of `n` values pooled over units, with its interval.
///
/// `at` gives the value at a share of the pool, 0 to 1. `units_below` gives for a value the units in the order of time,
/// each with how much of it is at or below that value (`sum`) and how much it has (`weight`). `None` where there are no
/// values.
#[must_use]
pub fn pooled_quantile(
    n: u64,
    q: f64,
    level: f64,
    at: impl Fn(f64) -> f64,
    units_below: impl FnOnce(f64) -> Vec<Unit>,
) -> Option<Bounded> {
    if n == 0 {
        return None;
    }
    let value = at(q);
    let none = Bounded {
        value,
        low: None,
        high: None,
        n,
        n_eff: 1.0,
        settled: false,
    };
    let units = units_below(value);
    let Some(batched) = batched_mean(&units) else {
        return Some(none);
    };
    let n_eff = effective_n(q, n as f64, &batched, level);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and n"
    )]
    let whole = n_eff.round().max(1.0) as u64;
    let Ok(ranks) = interval_ranks(whole, q, level) else {
        return Some(none);
    };
    // A rank among n_eff values is a share, and that share is one of the pool. One step outwards each, because between
    // two values of the smaller sample lie several of the pool.
    let low = ranks.low.map(|rank| at((rank - 1) as f64 / whole as f64));
    let high = ranks.high.map(|rank| at(rank as f64 / whole as f64));
    Some(Bounded {
        low: low.map(|low| low.min(value)),
        high: high.map(|high| high.max(value)),
        n_eff,
        settled: batched.settled,
        ..none
    })
}

/// How many independent values the share below the quantile is worth; smaller again by what Student's t costs over the
/// normal, because the error itself was estimated.
fn effective_n(q: f64, n: f64, batched: &BatchedMean, level: f64) -> f64 {
    let tail = 0.5 * (1.0 - level);
    let independent = q * (1.0 - q);
    let price = (normal_isf(tail) / t_isf(tail, (batched.batches - 1) as f64)).powi(2);
    let variance = batched.se * batched.se;
    // Values that repel each other would make it larger than n; that is not relied upon.
    if variance > 0.0 {
        (independent / variance).min(n) * price
    } else {
        n * price
    }
    .max(1.0)
}

/// The `q`-quantile of one value per request, in the order of time; `None` where there are none.
#[must_use]
pub fn quantile_of(values: &[f64], q: f64, level: f64) -> Option<Bounded> {
    let sorted = quantile::sorted(values).ok()?;
    quantile_of_sorted(values, &sorted, q, level)
}

/// [`quantile_of`] for callers that have the values sorted already.
#[must_use]
pub fn quantile_of_sorted(values: &[f64], sorted: &[f64], q: f64, level: f64) -> Option<Bounded> {
    let value_at = |share: f64| quantile::type7(sorted, share.clamp(0.0, 1.0)).unwrap_or(f64::NAN);
    pooled_quantile(sorted.len() as u64, q, level, value_at, |at| {
        let below = values.iter().map(|&value| Unit {
            sum: if value <= at { 1.0 } else { 0.0 },
            weight: 1.0,
        });
        below.collect()
    })
}

/// The mean of a series in the order of time, with Student's t over batches; `None` where there is nothing.
#[must_use]
pub fn mean_of(units: &[Unit], n: u64, level: f64) -> Option<Bounded> {
    let weight: f64 = units.iter().map(|unit| unit.weight).sum();
    if weight.is_nan() || weight <= 0.0 {
        return None;
    }
    let value = units.iter().map(|unit| unit.sum).sum::<f64>() / weight;
    let Some(batched) = batched_mean(units) else {
        return Some(Bounded {
            value,
            low: None,
            high: None,
            n,
            n_eff: 1.0,
            settled: false,
        });
    };
    let half = batched.half_width(level);
    Some(Bounded {
        value,
        low: Some(value - half),
        high: Some(value + half),
        n,
        n_eff: independent_worth(units, value, &batched).min(n as f64),
        settled: batched.settled,
    })
}

/// The mean of one value per request.
#[must_use]
pub fn mean_of_values(values: &[f64], level: f64) -> Option<Bounded> {
    mean_of(&plain(values), values.len() as u64, level)
}

/// How many independent units would give this standard error.
fn independent_worth(units: &[Unit], mean: f64, batched: &BatchedMean) -> f64 {
    let n = units.len() as f64;
    let weight: f64 = units.iter().map(|unit| unit.weight).sum();
    let squares: f64 = units
        .iter()
        .map(|unit| (unit.sum - mean * unit.weight).powi(2))
        .sum();
    let plain_variance = squares * n / (n - 1.0) / (weight * weight);
    let variance = batched.se * batched.se;
    if variance > 0.0 {
        (n * plain_variance / variance).clamp(1.0, n)
    } else {
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::tests::ar1;
    use seatrial_stats::dist::normal_quantile;

    /// Protects: the floors that are published: 299 and 2 995 at 95 %, MLPerf's 662 and 64 at 99 %.
    #[test]
    fn floors() {
        assert_eq!(sample_min(0.99, 0.95), 299);
        assert_eq!(sample_min(0.999, 0.95), 2_995);
        assert_eq!(sample_min(0.01, 0.95), 299);
        assert_eq!(sample_min(0.5, 0.95), 5);
        assert_eq!(sample_min(1.0, 0.95), SAMPLE_MAX);
        assert_eq!(sample_min_certified(0.99, 0.99), 662);
        assert_eq!(sample_min_certified(0.9, 0.99), 64);
    }

    /// Protects: intervals of percentiles of dependent values cover the true percentile about as often as they say,
    /// where intervals for independent values would not.
    #[test]
    fn coverage_of_percentiles() {
        for (rho, n) in [(0.0, 2_000), (0.5, 4_000), (0.9, 8_000)] {
            for q in [0.5, 0.9, 0.99] {
                // Latencies are skewed; a monotone transform moves percentiles along with itself.
                let truth = normal_quantile(q).exp();
                let runs = 300;
                let (mut covered, mut naive) = (0, 0);
                for seed in 0..runs {
                    let values: Vec<f64> = ar1(n, rho, seed).into_iter().map(f64::exp).collect();
                    let bounded = quantile_of(&values, q, 0.95).unwrap();
                    let (low, high) = (bounded.low.unwrap_or(0.0), bounded.high.unwrap_or(f64::INFINITY));
                    covered += u32::from(low <= truth && truth <= high);
                    let sorted = quantile::sorted(&values).unwrap();
                    let plain = quantile::estimate(&sorted, q, 0.95).unwrap();
                    naive += u32::from(plain.low.unwrap() <= truth && truth <= plain.high.unwrap());
                }
                let share = f64::from(covered) / runs as f64;
                assert!((0.92..=1.0).contains(&share), "ρ {rho}, q {q}: {share}");
                if rho == 0.9 && q == 0.5 {
                    assert!(f64::from(naive) / (runs as f64) < 0.75, "{naive}");
                }
            }
        }
    }

    /// Protects: an interval is no wider than dependence demands: independent values are worth nearly their number.
    #[test]
    fn independent_values_keep_their_worth() {
        let mean_worth = (0..50)
            .map(|seed| quantile_of(&ar1(4_000, 0.0, seed), 0.9, 0.95).unwrap().n_eff)
            .sum::<f64>()
            / 50.0;
        assert!(mean_worth > 0.8 * 4_000.0, "{mean_worth}");
        let strong = quantile_of(&ar1(8_000, 0.9, 1), 0.5, 0.95).unwrap();
        assert!(strong.n_eff < 0.2 * 8_000.0, "{}", strong.n_eff);
    }

    /// Protects: pooled values of requests of different sizes; the interval is that of requests, not of gaps.
    #[test]
    fn pooled_gaps_are_worth_their_requests() {
        // Each request has 100 equal gaps: 200 requests, worth no more than 200 values.
        let levels = ar1(200, 0.0, 3);
        let mut pooled: Vec<f64> = levels.iter().flat_map(|&x| [x.exp(); 100]).collect();
        pooled.sort_by(f64::total_cmp);
        let value_at = |share: f64| quantile::type7(&pooled, share).unwrap();
        let bounded = pooled_quantile(20_000, 0.5, 0.95, value_at, |at| {
            let below = levels.iter().map(|&x| Unit {
                sum: if x.exp() <= at { 100.0 } else { 0.0 },
                weight: 100.0,
            });
            below.collect()
        })
        .unwrap();
        assert_eq!(bounded.n, 20_000);
        assert!(bounded.n_eff < 260.0, "{}", bounded.n_eff);
        assert!(bounded.low.unwrap() < bounded.value && bounded.value < bounded.high.unwrap());
    }

    /// Protects: what is empty, alone or constant; too few values leave an end open.
    #[test]
    fn edges() {
        assert!(quantile_of(&[], 0.5, 0.95).is_none());
        let one = quantile_of(&[3.0], 0.5, 0.95).unwrap();
        assert_eq!((one.value, one.low, one.high), (3.0, None, None));
        let level = quantile_of(&[3.0; 400], 0.5, 0.95).unwrap();
        assert_eq!((level.low, level.high), (Some(3.0), Some(3.0)));
        let few = quantile_of(&ar1(150, 0.0, 1), 0.99, 0.95).unwrap();
        assert_eq!(few.high, None);
        assert!(mean_of_values(&[], 0.95).is_none());
        assert_eq!(mean_of_values(&[2.0], 0.95).unwrap().low, None);
        let mean = mean_of_values(&ar1(4_000, 0.8, 2), 0.95).unwrap();
        assert!(mean.n_eff < 1_000.0 && mean.low.unwrap() < mean.high.unwrap());
    }
}
