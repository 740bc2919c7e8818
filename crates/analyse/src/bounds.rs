//! The few intervals, bounds and p-values that findings and gates use, as thin names over `stats`: where a statistic is
//! not defined, the answer is `None`, which reports show as such.

use crate::series::to_f64;
use seatrial_config::Bound;
use seatrial_stats::cluster::ClusterSummary;
use seatrial_stats::multiplicity::{Correction, adjust};
use seatrial_stats::ratio::{RatioSums, fieller};
use seatrial_stats::{Interval, StatsError, bounded, cluster, dist, mean, proportion, quantile as quantiles};
use seatrial_types::{MetricKind, Unit};

/// Lower and upper end.
pub(crate) type Ends = (Option<f64>, Option<f64>);

/// Range of bounded scores.
const UNIT: Interval = Interval::new(0.0, 1.0);
const NO_ENDS: Ends = (None, None);

fn ends(interval: Result<Interval, StatsError>) -> Ends {
    interval.map_or(NO_ENDS, |interval| (finite(interval.low), finite(interval.high)))
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// Keeps an interval inside the range of a bounded metric.
pub(crate) fn clamp_to(kind: MetricKind, (low, high): Ends) -> Ends {
    match kind {
        MetricKind::Real => (low, high),
        MetricKind::Binary | MetricKind::Bounded => {
            (low.map(|low| low.max(0.0)), high.map(|high| high.min(1.0)))
        }
    }
}

/// Keeps an interval inside what a unit allows: there is no negative money, time, token or count.
pub(crate) fn clamp_to_unit(unit: Unit, (low, high): Ends) -> Ends {
    match unit {
        Unit::Usd | Unit::Tokens | Unit::Ms | Unit::Count | Unit::PerS => (low.map(|low| low.max(0.0)), high),
        Unit::Share | Unit::Score => (low, high),
    }
}

pub(crate) fn wilson(ones: f64, n: u64, level: f64) -> Ends {
    ends(proportion::wilson(ones, to_f64(n), level))
}

pub(crate) fn student_t(values: &[f64], level: f64) -> Ends {
    ends(mean::summarise(values).and_then(|summary| summary.t_interval(level)))
}

pub(crate) fn cluster_t(values: &[f64], clusters: &[u32], level: f64) -> Ends {
    ends(cluster::summarise(values, clusters).and_then(|summary| summary.t_interval(level)))
}

/// Betting interval; the values must lie between 0 and 1.
pub(crate) fn betting(values: &[f64], level: f64) -> Ends {
    ends(bounded::interval(values, UNIT, level))
}

pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    quantiles::type7(sorted, q).ok().and_then(finite)
}

pub(crate) fn quantile_interval(sorted: &[f64], q: f64, level: f64) -> Ends {
    quantiles::estimate(sorted, q, level).map_or(NO_ENDS, |estimate| (estimate.low, estimate.high))
}

pub(crate) fn quantile_one_sided(sorted: &[f64], q: f64, risk: f64) -> Ends {
    let low = quantiles::lower_bound(sorted, q, 1.0 - risk).ok().flatten();
    let high = quantiles::upper_bound(sorted, q, 1.0 - risk).ok().flatten();
    (low, high)
}

/// p-value of "the q-quantile meets the limit": exact, since then the number of values on the good side of the limit is
/// binomial with a share of at least q (at most 1 − q for the other side).
pub(crate) fn quantile_p_of_met(sorted: &[f64], q: f64, bound: Bound) -> Option<f64> {
    let n = sorted.len() as u64;
    let limit = bound.limit();
    match bound {
        Bound::AtMost(_) => {
            let within = sorted.partition_point(|value| *value <= limit) as u64;
            finite(dist::binom_cdf(within, n, q))
        }
        Bound::AtLeast(_) => {
            let below = sorted.partition_point(|value| *value < limit) as u64;
            finite(if below == 0 {
                1.0
            } else {
                dist::binom_sf(below - 1, n, q)
            })
        }
    }
}

/// Exact one-sided bounds of a share, each at confidence 1 − risk.
pub(crate) fn clopper_pearson_one_sided(ones: f64, n: f64, risk: f64) -> Ends {
    let low = proportion::clopper_pearson_lower(ones, n, 1.0 - risk)
        .ok()
        .and_then(finite);
    let high = proportion::clopper_pearson_upper(ones, n, 1.0 - risk)
        .ok()
        .and_then(finite);
    (low, high)
}

/// p-value of "the share meets the limit": the exact binomial tail at the limit, written with the beta distribution so
/// that an effective n need not be whole. Dual to [`clopper_pearson_one_sided`].
pub(crate) fn binomial_p_of_met(ones: f64, n: f64, bound: Bound) -> Option<f64> {
    let limit = bound.limit();
    finite(match bound {
        // P(X ≤ k | p) = I_{1−p}(n − k, k + 1)
        Bound::AtLeast(_) if ones >= n => 1.0,
        Bound::AtLeast(_) => dist::beta_sf(limit.clamp(0.0, 1.0), ones + 1.0, n - ones),
        // P(X ≥ k | p) = I_p(k, n − k + 1)
        Bound::AtMost(_) if ones <= 0.0 => 1.0,
        Bound::AtMost(_) => dist::beta_cdf(limit.clamp(0.0, 1.0), ones, n - ones + 1.0),
    })
}

/// How many independent answers clustered ones are worth, with the degrees of freedom of few clusters taken off.
pub(crate) fn effective_n(values: &[f64], clusters: &[u32]) -> Option<f64> {
    let summary = cluster::summarise(values, clusters).ok()?;
    if summary.clusters < 2 {
        return None;
    }
    const TAIL: f64 = 0.025;
    let (z, t) = (dist::normal_isf(TAIL), dist::t_isf(TAIL, summary.df()));
    finite(summary.n_effective.min(to_f64(summary.n as u64)) * (z / t).powi(2))
}

/// Always-valid one-sided bounds of a mean of values between 0 and 1.
pub(crate) fn betting_one_sided(values: &[f64], risk: f64) -> Ends {
    let low = bounded::lower(values, UNIT, 1.0 - risk).ok().and_then(finite);
    let high = bounded::upper(values, UNIT, 1.0 - risk).ok().and_then(finite);
    (low, high)
}

/// Always-valid p-value of "the mean meets the limit", for values between 0 and 1.
pub(crate) fn betting_p_of_met(values: &[f64], bound: Bound) -> Option<f64> {
    let p = match bound {
        Bound::AtMost(limit) => bounded::p_at_most(values, UNIT, limit),
        Bound::AtLeast(limit) => {
            let mirrored: Vec<f64> = values.iter().map(|value| 1.0 - value).collect();
            bounded::p_at_most(&mirrored, UNIT, 1.0 - limit)
        }
    };
    p.ok().and_then(finite)
}

pub(crate) fn student_t_one_sided(values: &[f64], bound: Bound, risk: f64) -> (Ends, Option<f64>) {
    let Ok(summary) = mean::summarise(values) else {
        return (NO_ENDS, None);
    };
    let low = summary.t_lower(1.0 - risk).ok().and_then(finite);
    let high = summary.t_upper(1.0 - risk).ok().and_then(finite);
    let p = (summary.n > 1)
        .then(|| p_of_met(summary.mean, summary.se, summary.df(), bound))
        .flatten();
    ((low, high), p)
}

/// Bounds, p-value and smallest visible distance from cluster-robust errors.
pub(crate) fn cluster_t_one_sided(
    values: &[f64],
    clusters: &[u32],
    bound: Bound,
    risk: f64,
    power: f64,
) -> (Ends, Option<f64>, Option<f64>) {
    let Ok(summary) = cluster::summarise(values, clusters) else {
        return (NO_ENDS, None, None);
    };
    if summary.clusters < 2 {
        return (NO_ENDS, None, None);
    }
    let ClusterSummary { mean, se_cr1, .. } = summary;
    let low = summary.t_lower(1.0 - risk).ok().and_then(finite);
    let high = summary.t_upper(1.0 - risk).ok().and_then(finite);
    let visible = finite((dist::t_isf(risk, summary.df()) + dist::normal_quantile(power)) * se_cr1);
    ((low, high), p_of_met(mean, se_cr1, summary.df(), bound), visible)
}

/// p-value of "the mean meets the limit" by Student's t. Without any spread the mean itself decides.
fn p_of_met(mean: f64, se: f64, df: f64, bound: Bound) -> Option<f64> {
    let beyond = match bound {
        Bound::AtLeast(limit) => limit - mean,
        Bound::AtMost(limit) => mean - limit,
    };
    if se > 0.0 {
        finite(dist::t_sf(beyond / se, df))
    } else {
        Some(if beyond > 0.0 { 0.0 } else { 1.0 })
    }
}

/// Smallest distance of a mean from its limit that this many values show with the given power.
pub(crate) fn mde_mean(values: &[f64], risk: f64, power: f64) -> Option<f64> {
    let summary = mean::summarise(values).ok()?;
    finite((dist::normal_isf(risk) + dist::normal_quantile(power)) * summary.se)
}

/// Smallest distance of a share from its limit, on the failing side, that n answers show with the given power: normal
/// approximation with the variance at the limit for the test and at the truth for the power, by fixed-point iteration.
pub(crate) fn mde_share(limit: f64, n: f64, risk: f64, power: f64, bound: Bound) -> Option<f64> {
    const ITERATIONS: usize = 60;
    if !(0.0..=1.0).contains(&limit) || n < 1.0 {
        return None;
    }
    let (z_risk, z_power) = (dist::normal_isf(risk), dist::normal_quantile(power));
    let room = match bound {
        Bound::AtLeast(_) => limit,
        Bound::AtMost(_) => 1.0 - limit,
    };
    let spread = |p: f64| (p * (1.0 - p) / n).max(0.0).sqrt();
    let mut distance: f64 = 0.0;
    for _ in 0..ITERATIONS {
        let truth = match bound {
            Bound::AtLeast(_) => limit - distance,
            Bound::AtMost(_) => limit + distance,
        };
        distance = (z_risk * spread(limit) + z_power * spread(truth.clamp(0.0, 1.0))).min(room);
    }
    // At a limit of 0 or 1 a single counterexample decides; it must come up once with the wanted probability.
    let one_of_n = 1.0 - (1.0 - power).powf(1.0 / n);
    finite(distance.max(one_of_n.min(room)))
}

/// Fieller's limits of a ratio with this probability in each tail; no upper one where the data give none.
pub(crate) fn ratio_interval(sums: &RatioSums, tail: f64) -> Option<(f64, Option<f64>)> {
    let interval = fieller(sums, tail).ok()?;
    let high = Some(interval.high).filter(|high| high.is_finite());
    interval.low.is_finite().then_some((interval.low, high))
}

/// p-value of "the mean is not beyond zero" from a mean and a sum of squares.
pub(crate) fn p_of_mean_beyond(mean: f64, squares: f64, n: f64, bound: Bound) -> Option<f64> {
    if n < 2.0 {
        return None;
    }
    let variance = ((squares - n * mean * mean) / (n - 1.0)).max(0.0);
    let at_zero = match bound {
        Bound::AtLeast(_) => Bound::AtLeast(0.0),
        Bound::AtMost(_) => Bound::AtMost(0.0),
    };
    p_of_met(mean, (variance / n).sqrt(), n - 1.0, at_zero)
}

/// Holm's adjusted p-values.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    adjust(p, Correction::Holm).unwrap_or_else(|_| vec![1.0; p.len()])
}
