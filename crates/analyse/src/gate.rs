//! Three-valued gates: the decision on one limit, with stated risks.
//!
//! A *pass* needs the gate's own one-sided bound at confidence 1 − risk on the right side of the limit. A *fail* needs
//! evidence against "the limit is met": a p-value, corrected by Holm over all gates of the suite, at most risk. So
//! P(any fail | every limit is met) ≤ risk, and P(this gate passes | its limit is missed) ≤ risk. Everything between is
//! inconclusive. Shares use exact binomial bounds (with an effective n where answers are clustered), percentiles exact
//! order statistics, scores between 0 and 1 always-valid betting bounds; unbounded means have Student's t only.

use crate::bounds;
use crate::series::{Series, to_f64};
use seatrial_config::Bound;
use seatrial_types::{Method, MetricKind, Statistic, Verdict};

/// Probability with which the smallest detectable difference is seen.
pub const POWER: f64 = 0.8;

/// What the data say about one limit, before the correction over all gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Estimate.
    pub value: Option<f64>,
    /// Lower one-sided bound at confidence 1 − risk.
    pub low: Option<f64>,
    /// Upper one-sided bound at confidence 1 − risk.
    pub high: Option<f64>,
    /// p-value of "the limit is met"; `None` where there are too few values.
    pub p_fail: Option<f64>,
    /// Smallest distance from the limit that is seen with probability [`POWER`].
    pub mde: Option<f64>,
    /// How it was made.
    pub method: Method,
    /// Values behind it.
    pub n: u64,
}

impl Evidence {
    /// No data.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            value: None,
            low: None,
            high: None,
            p_fail: None,
            mde: None,
            method: Method::None,
            n: 0,
        }
    }

    /// The decision, given the p-value after correction.
    #[must_use]
    pub fn verdict(&self, bound: Bound, risk: f64, p_fail_adjusted: Option<f64>) -> Verdict {
        let is_met = match bound {
            Bound::AtLeast(limit) => self.low.is_some_and(|low| low >= limit),
            Bound::AtMost(limit) => self.high.is_some_and(|high| high <= limit),
        };
        if is_met {
            Verdict::Pass
        } else if p_fail_adjusted.is_some_and(|p| p <= risk) {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

/// Weighs a series against a limit.
#[must_use]
pub fn weigh(series: &Series, statistic: Statistic, bound: Bound, risk: f64) -> Evidence {
    if series.denominator() == 0 {
        return Evidence::none();
    }
    match statistic {
        Statistic::P50 => weigh_percentile(series, 0.50, bound, risk),
        Statistic::P95 => weigh_percentile(series, 0.95, bound, risk),
        Statistic::P99 => weigh_percentile(series, 0.99, bound, risk),
        Statistic::Mean | Statistic::Rate => weigh_mean(series, bound, risk),
    }
}

fn weigh_mean(series: &Series, bound: Bound, risk: f64) -> Evidence {
    let value = series.mean_value();
    let limit = bound.limit();
    let n = to_f64(series.denominator());
    let ((low, high), p_fail, mde, method) = match (series.kind(), series.is_clustered()) {
        (MetricKind::Binary, clustered) => {
            let n_effective = if clustered { effective_n(series) } else { n };
            let ones = value * n_effective;
            let ends = bounds::clopper_pearson_one_sided(ones, n_effective, risk);
            let p_fail = bounds::binomial_p_of_met(ones, n_effective, bound);
            (
                ends,
                p_fail,
                bounds::mde_share(limit, n_effective, risk, POWER, bound),
                Method::ClopperPearson,
            )
        }
        (MetricKind::Bounded, false) => {
            let ends = bounds::betting_one_sided(series.values(), risk);
            let p_fail = bounds::betting_p_of_met(series.values(), bound);
            let mde = bounds::mde_mean(series.values(), risk, POWER);
            (ends, p_fail, mde, Method::Betting)
        }
        (kind, true) => {
            let (ends, p_fail, mde) =
                bounds::cluster_t_one_sided(series.values(), series.clusters(), bound, risk, POWER);
            let ends = bounds::clamp_to_unit(series.unit(), bounds::clamp_to(kind, ends));
            (ends, p_fail, mde, Method::ClusterT)
        }
        (MetricKind::Real, false) => {
            let (ends, p_fail) = bounds::student_t_one_sided(series.values(), bound, risk);
            (
                bounds::clamp_to_unit(series.unit(), ends),
                p_fail,
                bounds::mde_mean(series.values(), risk, POWER),
                Method::StudentT,
            )
        }
    };
    Evidence {
        value: Some(value),
        low,
        high,
        p_fail,
        mde,
        method,
        n: series.denominator(),
    }
}

fn weigh_percentile(series: &Series, q: f64, bound: Bound, risk: f64) -> Evidence {
    let mut sorted = series.values().to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (low, high) = bounds::quantile_one_sided(&sorted, q, risk);
    Evidence {
        value: bounds::quantile(&sorted, q),
        low,
        high,
        p_fail: bounds::quantile_p_of_met(&sorted, q, bound),
        mde: None,
        method: Method::OrderStatistic,
        n: series.denominator(),
    }
}

/// How many independent answers the clustered ones are worth: n over the design effect, never more than n, with the
/// degrees of freedom of few clusters taken off (Korn and Graubard 1998). Where all clusters agree there is no
/// variance to go by, and each counts once.
fn effective_n(series: &Series) -> f64 {
    let n = to_f64(series.denominator());
    let clusters = to_f64(series.n_clusters().unwrap_or(series.denominator()));
    if series.is_constant() {
        return clusters;
    }
    bounds::effective_n(series.values(), series.clusters()).map_or(1.0, |effective| effective.clamp(1.0, n))
}
