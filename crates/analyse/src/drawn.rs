//! Displayed intervals of values from a draw that stopped where its gates were decided: confidence sequences, which hold
//! at every number of draws at once. Apart from the series, whose ordinary intervals hold at a number that was fixed
//! before. None of them depends on the order of the values, so that the record may be read in any.

use crate::bounds::Ends;
use crate::sequential::quantile_ranks;
use crate::series::{Series, to_f64};
use seatrial_stats::mean::summarise;
use seatrial_stats::sequential::{AsymptoticCs, Drawn, DrawnMean, Spread, bernoulli_interval};
use seatrial_stats::{cluster, dist};
use seatrial_types::{Estimate, Method, MetricKind};

/// Draws before an asymptotic interval is shown.
const START_UP: f64 = 30.0;
/// Spread of scores between 0 and 1 for which stakes are tuned.
const SCORE_SPREAD: f64 = 0.25;
/// Share of the planned draws at which intervals are tightest: with the truth away from the limits fewer are asked.
const TIGHTEST_AT: f64 = 0.5;

pub(crate) fn mean(series: &Series, planned: u64, alpha: f64) -> (Ends, Method) {
    let tightest_at = (TIGHTEST_AT * to_f64(planned)).max(1.0);
    match (series.kind(), series.is_clustered()) {
        (MetricKind::Binary, false) => (
            share(series.mean_value(), series.denominator(), tightest_at, alpha),
            Method::BetaBinomialCs,
        ),
        // No cluster differs, so no variance can be estimated: as if each cluster were one answer.
        (MetricKind::Binary, true) if series.is_constant() => {
            let clusters = series.n_clusters().unwrap_or(1);
            (
                share(series.mean_value(), clusters, tightest_at, alpha),
                Method::BetaBinomialCs,
            )
        }
        (MetricKind::Bounded, false) => (scores(series.values(), planned, alpha), Method::BettingCs),
        (kind, _) => (
            crate::bounds::clamp_to(kind, asymptotic(series, tightest_at, alpha)),
            Method::AsymptoticCs,
        ),
    }
}

fn share(share: f64, n: u64, tightest_at: f64, alpha: f64) -> Ends {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count: a share times its denominator"
    )]
    let ones = (share * to_f64(n)).round() as u64;
    bernoulli_interval(ones.min(n), n, alpha, tightest_at, alpha)
        .map_or((None, None), |ends| (Some(ends.low), Some(ends.high)))
}

fn scores(values: &[f64], planned: u64, alpha: f64) -> Ends {
    let draws: Vec<Drawn> = values
        .iter()
        .map(|value| Drawn {
            sum: *value,
            count: 1.0,
        })
        .collect();
    let drawn = DrawnMean {
        draws: &draws,
        low: 0.0,
        high: 1.0,
        size_max: 1.0,
        spread: Spread::Known(SCORE_SPREAD),
        planned: planned.max(1),
        centre: 0.5,
    };
    (drawn.lower(alpha / 2.0).ok(), drawn.upper(alpha / 2.0).ok())
}

fn asymptotic(series: &Series, tightest_at: f64, alpha: f64) -> Ends {
    let summary = if series.is_clustered() {
        cluster::summarise(series.values(), series.clusters())
            .map(|summary| (summary.mean, summary.se_cr1, summary.clusters))
    } else {
        summarise(series.values()).map(|summary| (summary.mean, summary.se, summary.n))
    };
    let Ok((mean, se, draws)) = summary else {
        return (None, None);
    };
    let draws = to_f64(draws as u64);
    let Ok(rho2) = AsymptoticCs::rho2_for(tightest_at, alpha) else {
        return (None, None);
    };
    if draws < START_UP || !se.is_finite() {
        return (None, None);
    }
    let half = se * draws.sqrt() * AsymptoticCs::half_width(draws, rho2, alpha);
    (Some(mean - half), Some(mean + half))
}

/// Makes an interval by Student's t, around its value, one that holds at every number of draws.
pub(crate) fn widen(estimate: &mut Estimate, planned: u64) {
    let alpha = 1.0 - estimate.level;
    let n = to_f64(estimate.n);
    let ends = estimate.value.zip(estimate.high).filter(|_| n >= START_UP);
    let rho2 = AsymptoticCs::rho2_for((TIGHTEST_AT * to_f64(planned)).max(1.0), alpha);
    let (Some((value, high)), Ok(rho2)) = (ends, rho2) else {
        (estimate.low, estimate.high, estimate.method) = (None, None, Method::None);
        return;
    };
    let se = (high - value) / dist::t_isf(0.5 * alpha, n - 1.0);
    let half = se * n.sqrt() * AsymptoticCs::half_width(n, rho2, alpha);
    (estimate.low, estimate.high) = (Some((value - half).max(0.0)), Some(value + half));
    estimate.method = Method::AsymptoticCs;
}

/// Ends of a percentile; none where values are clustered, since ranks of dependent values bound nothing.
pub(crate) fn percentile(series: &Series, sorted: &[f64], q: f64, planned: u64, alpha: f64) -> Ends {
    if series.is_clustered() {
        return (None, None);
    }
    let (low, high) = quantile_ranks(sorted.len() as u64, q, planned, alpha / 2.0);
    let at = |rank: Option<u64>| {
        let index = usize::try_from(rank?.checked_sub(1)?).ok()?;
        sorted.get(index).copied()
    };
    (at(low), at(high))
}
