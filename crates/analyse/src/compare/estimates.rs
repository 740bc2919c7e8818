//! The estimates inside a comparison: the means of both systems and their difference. Apart from the comparison so that
//! which interval belongs to which data is in one place.

use super::PairedScores;
use crate::bounds::{self, Ends};
use crate::series::{BETTING_BELOW, Policy, Series, to_f64};
use seatrial_stats::cluster::ClusterSummary;
use seatrial_stats::mcnemar::PairedCounts;
use seatrial_stats::{Interval, bounded, mean};
use seatrial_types::{Estimate, Method, MetricKind, Outcome, Statistic, Unit};

/// Range of differences of scores between 0 and 1.
const DIFFERENCES: Interval = Interval::new(-1.0, 1.0);

/// The unit of scores of this kind.
pub(super) const fn unit_of(kind: MetricKind) -> Unit {
    match kind {
        MetricKind::Binary => Unit::Share,
        MetricKind::Bounded | MetricKind::Real => Unit::Score,
    }
}

/// Mean of one system over the pairs, as findings estimate it.
pub(super) fn mean_of(values: &[f64], clusters: &[u32], kind: MetricKind, level: f64) -> Estimate {
    let mut series = Series::new(kind, unit_of(kind), Policy::EXCLUDE, !clusters.is_empty());
    for (index, &value) in values.iter().enumerate() {
        series.add(
            Outcome::Scored,
            Some(value),
            clusters.get(index).copied().unwrap_or(0),
        );
    }
    let mean = series.estimate_at(Statistic::Mean, level);
    // As with the difference: without spread the t interval would have no width.
    if kind == MetricKind::Real && mean.low == mean.high {
        return estimate(mean.value, (None, None), level, mean.n, mean.method, mean.unit);
    }
    mean
}

/// An estimate; without any end its method is `none`.
pub(super) fn estimate(
    value: Option<f64>,
    (low, high): Ends,
    level: f64,
    n: u64,
    method: Method,
    unit: Unit,
) -> Estimate {
    let method = if low.is_none() && high.is_none() {
        Method::None
    } else {
        method
    };
    Estimate {
        value: value.filter(|value| value.is_finite()),
        low,
        high,
        level,
        n,
        method,
        unit,
    }
}

/// Both ends, where they are finite.
pub(super) fn ends(interval: Interval) -> Ends {
    (
        Some(interval.low).filter(|x| x.is_finite()),
        Some(interval.high).filter(|x| x.is_finite()),
    )
}

/// Difference of shares of independent pairs.
pub(super) fn difference_of_shares(counts: &PairedCounts, level: f64) -> Estimate {
    let difference = counts.difference(level).ok();
    let interval = difference.map_or((None, None), |d| ends(d.agresti_min.clamped(-1.0, 1.0)));
    estimate(
        difference.map(|d| d.difference),
        interval,
        level,
        counts.both + counts.first_only + counts.second_only + counts.neither,
        Method::AgrestiMin,
        Unit::Share,
    )
}

/// Mean difference of scores of independent pairs. Without any spread the t interval would have no width and say
/// nothing about what was not seen: a bounded scale gets the betting interval then, any other one none.
pub(super) fn mean_difference(differences: &[f64], kind: MetricKind, level: f64) -> Estimate {
    let n = differences.len() as u64;
    let value = mean::summarise(differences).ok().map(|summary| summary.mean);
    let is_constant = differences.windows(2).all(|pair| pair[0] == pair[1]);
    let (interval, method) = if kind != MetricKind::Real && (n < BETTING_BELOW || is_constant) {
        let interval = bounded::interval(differences, DIFFERENCES, level);
        (interval.map_or((None, None), ends), Method::Betting)
    } else if is_constant {
        ((None, None), Method::None)
    } else {
        (
            clamped(kind, bounds::student_t(differences, level)),
            Method::StudentT,
        )
    };
    estimate(value, interval, level, n, method, unit_of(kind))
}

/// Mean difference of clustered pairs, from cluster-robust errors.
pub(super) fn clustered_difference(
    summary: &ClusterSummary,
    paired: &PairedScores,
    kind: MetricKind,
    level: f64,
) -> Estimate {
    let has_spread = summary.se_cr1.is_finite() && summary.se_cr1 > 0.0;
    let interval = match summary.t_interval(level) {
        Ok(interval) if has_spread => clamped(kind, ends(interval)),
        _ => (None, None),
    };
    let n = paired.a.len() as u64;
    estimate(
        Some(summary.mean),
        interval,
        level,
        n,
        Method::ClusterT,
        unit_of(kind),
    )
}

fn clamped(kind: MetricKind, (low, high): Ends) -> Ends {
    match kind {
        MetricKind::Real => (low, high),
        MetricKind::Binary | MetricKind::Bounded => (low.map(|x| x.max(-1.0)), high.map(|x| x.min(1.0))),
    }
}

/// Clusters among the pairs.
pub(super) fn clusters_of(summary: &ClusterSummary) -> u64 {
    summary.clusters as u64
}

/// The standard deviation of the differences.
pub(super) fn spread(differences: &[f64]) -> Option<f64> {
    let summary = mean::summarise(differences).ok()?;
    Some(summary.variance.sqrt()).filter(|sd| sd.is_finite())
}

/// n as a number.
pub(super) fn size(n: usize) -> f64 {
    to_f64(n as u64)
}
