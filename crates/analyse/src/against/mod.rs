//! Evidence on the difference between this run and a baseline. Apart from gates with a number: here every case of one run
//! is set against the same case of the other, so that what the cases have in common cancels.
//!
//! What is tested is the mean of new − scale × base: scale 1 for a margin in the metric's unit; 1 ± share for a margin that
//! is a share of the baseline's value, which then needs no estimate of that value. Which bound depends on the data:
//!
//! - right or wrong: at margin 0 McNemar's exact one-sided test, else the exact unconditional test of the difference;
//! - scores from 0 to 1, and means over epochs: betting bounds, valid at every n and for every distribution;
//! - any number (money, tokens): Student's t of the differences;
//! - clustered cases: cluster-robust t of the differences, whatever the values;
//! - percentiles: order statistics of each run at half the risk, unpaired;
//! - money per success: see [`ratio`].

pub mod ratio;

use crate::bounds;
use crate::compare::PairedScores;
use crate::gate::POWER;
use crate::series::to_f64;
use seatrial_config::{Against, Bound, Margin, Relation};
use seatrial_stats::mcnemar::PairedCounts;
use seatrial_stats::{Interval, bounded, dist, mean, quantile};
use seatrial_types::{Method, MetricKind, Verdict};

/// Halvings by which the p-value of a comparison of percentiles is found; it is resolved to 2⁻⁴⁰.
const BISECTIONS: usize = 40;

/// What is asked of two runs: a limit on new − scale × base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// By what the baseline's values are multiplied, above 0.
    pub scale: f64,
    /// The limit.
    pub bound: Bound,
}

impl Contrast {
    /// What a gate asks.
    ///
    /// ```
    /// use seatrial_analyse::against::Contrast;
    /// use seatrial_config::{Against, Bound, Margin, Relation};
    /// let gate = Against {
    ///     relation: Relation::NotWorseThan, margin: Margin::Absolute(0.02), is_margin_given: true, higher_is_better: true,
    /// };
    /// assert_eq!(Contrast::of(&gate), Contrast { scale: 1.0, bound: Bound::AtLeast(-0.02) });
    /// ```
    #[must_use]
    pub fn of(against: &Against) -> Self {
        // Worse by the margin, or better by it; better is up or down.
        let towards_better = match against.relation {
            Relation::NotWorseThan => -1.0,
            Relation::BetterThan => 1.0,
        };
        let sign = if against.higher_is_better {
            towards_better
        } else {
            -towards_better
        };
        let (scale, limit) = match against.margin {
            Margin::Absolute(margin) => (1.0, sign * margin),
            Margin::Relative(share) => (sign.mul_add(share, 1.0), 0.0),
        };
        let limit = if limit == 0.0 { 0.0 } else { limit };
        Self {
            scale,
            bound: if against.higher_is_better {
                Bound::AtLeast(limit)
            } else {
                Bound::AtMost(limit)
            },
        }
    }
}

/// What two runs say about a contrast, before the correction over all gates.
#[derive(Debug, Clone, PartialEq)]
pub struct ContrastEvidence {
    /// The limit that is asked about.
    pub bound: Bound,
    /// This run's value over the pairs.
    pub value: Option<f64>,
    /// The baseline's value over the pairs.
    pub baseline: Option<f64>,
    /// Lower one-sided bound of the contrast at confidence 1 − risk; `None` where only p-values were asked for.
    pub low: Option<f64>,
    /// Upper one-sided bound of the contrast.
    pub high: Option<f64>,
    /// p-value of "the limit is met"; `None` where there are too few values.
    pub p_fail: Option<f64>,
    /// p-value of "the limit is missed".
    pub p_pass: Option<f64>,
    /// Smallest distance from the limit that is seen with probability [`POWER`].
    pub mde: Option<f64>,
    /// How it was made.
    pub method: Method,
    /// Pairs; for percentiles the values of this run.
    pub n: u64,
}

impl ContrastEvidence {
    /// No data.
    #[must_use]
    pub const fn none(bound: Bound) -> Self {
        Self {
            bound,
            value: None,
            baseline: None,
            low: None,
            high: None,
            p_fail: None,
            p_pass: None,
            mde: None,
            method: Method::None,
            n: 0,
        }
    }

    /// The decision, given the p-value after correction.
    #[must_use]
    pub fn verdict(&self, risk: f64, p_fail_adjusted: Option<f64>) -> Verdict {
        if self.p_pass.is_some_and(|p| p <= risk) {
            Verdict::Pass
        } else if p_fail_adjusted.is_some_and(|p| p <= risk) {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

/// Weighs pairs against a contrast, with bounds. `kind` is that of one score; `risk` lies between 0 and 1.
#[must_use]
pub fn weigh_pairs(
    paired: &PairedScores,
    kind: MetricKind,
    contrast: Contrast,
    risk: f64,
) -> ContrastEvidence {
    let mut evidence = decide_pairs(paired, kind, contrast, risk);
    if evidence.n == 0 {
        return evidence;
    }
    let limit = contrast.bound.limit();
    let (low, high) = match counts_of(paired, kind, contrast) {
        Some(counts) => (counts.exact_lower(risk).ok(), counts.exact_upper(risk).ok()),
        None => bounds_of(paired, kind, contrast, risk),
    };
    // Two tests of one risk may disagree by a hair; the decision is the one that is stated.
    let met = evidence.p_pass.is_some_and(|p| p <= risk);
    let missed = evidence.p_fail.is_some_and(|p| p <= risk);
    (evidence.low, evidence.high) = match contrast.bound {
        Bound::AtLeast(_) => (
            agreeing(low, limit, met, f64::max, f64::min),
            agreeing(high, limit, missed, f64::min, f64::max),
        ),
        Bound::AtMost(_) => (
            agreeing(low, limit, missed, f64::max, f64::min),
            agreeing(high, limit, met, f64::min, f64::max),
        ),
    };
    evidence
}

/// A bound on the side of the limit that the p-value says.
fn agreeing(
    end: Option<f64>,
    limit: f64,
    is_refuted: bool,
    towards_value: fn(f64, f64) -> f64,
    away: fn(f64, f64) -> f64,
) -> Option<f64> {
    end.map(|end| {
        if is_refuted {
            towards_value(end, limit)
        } else {
            away(end, limit)
        }
    })
}

/// The same without bounds, which cost most: for whoever decides many times.
#[must_use]
pub fn decide_pairs(
    paired: &PairedScores,
    kind: MetricKind,
    contrast: Contrast,
    risk: f64,
) -> ContrastEvidence {
    let n = paired.a.len();
    if n == 0 || paired.b.len() != n {
        return ContrastEvidence::none(contrast.bound);
    }
    let mut evidence = ContrastEvidence {
        value: mean_of(&paired.b),
        baseline: mean_of(&paired.a),
        n: n as u64,
        ..ContrastEvidence::none(contrast.bound)
    };
    if let Some(counts) = counts_of(paired, kind, contrast) {
        of_counts(&counts, contrast.bound, risk, &mut evidence);
        return evidence;
    }
    let contrasts = contrasts_of(paired, contrast.scale);
    let bound = contrast.bound;
    if !paired.clusters.is_empty() {
        let (_, p_fail, mde) = bounds::cluster_t_one_sided(&contrasts, &paired.clusters, bound, risk, POWER);
        let (_, p_pass, _) =
            bounds::cluster_t_one_sided(&contrasts, &paired.clusters, mirrored(bound), risk, POWER);
        (evidence.p_fail, evidence.p_pass, evidence.mde) = (p_fail, p_pass, mde);
        evidence.method = Method::ClusterT;
    } else if kind == MetricKind::Real {
        evidence.p_fail = bounds::student_t_one_sided(&contrasts, bound, risk).1;
        evidence.p_pass = bounds::student_t_one_sided(&contrasts, mirrored(bound), risk).1;
        evidence.mde = bounds::mde_mean(&contrasts, risk, POWER);
        evidence.method = Method::StudentT;
    } else {
        let range = range_of(contrast.scale);
        evidence.p_fail = betting_p(&contrasts, range, bound);
        evidence.p_pass = betting_p(&contrasts, range, mirrored(bound));
        evidence.mde = bounds::mde_mean(&contrasts, risk, POWER);
        evidence.method = Method::Betting;
    }
    evidence
}

/// Weighs percentiles of two runs, which have no pairs: values in any order.
#[must_use]
pub fn weigh_percentiles(
    new: &[f64],
    base: &[f64],
    q: f64,
    contrast: Contrast,
    risk: f64,
) -> ContrastEvidence {
    let (Ok(new), Ok(base)) = (quantile::sorted(new), quantile::sorted(base)) else {
        return ContrastEvidence::none(contrast.bound);
    };
    if new.is_empty() || base.is_empty() {
        return ContrastEvidence::none(contrast.bound);
    }
    let ends = |risk: f64| {
        let (new_low, new_high) = bounds::quantile_one_sided(&new, q, 0.5 * risk);
        let (base_low, base_high) = bounds::quantile_one_sided(&base, q, 0.5 * risk);
        let minus = |a: Option<f64>, b: Option<f64>| Some(contrast.scale.mul_add(-b?, a?));
        (minus(new_low, base_high), minus(new_high, base_low))
    };
    let limit = contrast.bound.limit();
    let is_above = |risk: f64| ends(risk).0.is_some_and(|low| low > limit);
    let is_below = |risk: f64| ends(risk).1.is_some_and(|high| high < limit);
    let (above, below) = (smallest_risk(is_above), smallest_risk(is_below));
    let (p_fail, p_pass) = match contrast.bound {
        Bound::AtLeast(_) => (below, above),
        Bound::AtMost(_) => (above, below),
    };
    let (low, high) = ends(risk);
    ContrastEvidence {
        bound: contrast.bound,
        value: bounds::quantile(&new, q),
        baseline: bounds::quantile(&base, q),
        low,
        high,
        p_fail: Some(p_fail),
        p_pass: Some(p_pass),
        mde: None,
        method: Method::OrderStatisticTwo,
        n: new.len() as u64,
    }
}

/// The smallest risk at which something is shown, where it is shown at every larger one; 1 where it never is.
fn smallest_risk(is_shown: impl Fn(f64) -> bool) -> f64 {
    /// Twice the level of a bound; a level must stay below 1.
    const LARGEST: f64 = 1.0 - 1e-9;
    if !is_shown(LARGEST) {
        return 1.0;
    }
    let (mut not_shown, mut shown) = (0.0, LARGEST);
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (not_shown + shown);
        if is_shown(middle) {
            shown = middle;
        } else {
            not_shown = middle;
        }
    }
    shown
}

/// The table of right and wrong, this run first; `None` where the data are more than that.
fn counts_of(paired: &PairedScores, kind: MetricKind, contrast: Contrast) -> Option<PairedCounts> {
    let is_table = kind == MetricKind::Binary
        && paired.epochs_max <= 1
        && paired.clusters.is_empty()
        && contrast.scale == 1.0
        && contrast.bound.limit().abs() < 1.0;
    if !is_table {
        return None;
    }
    let mut counts = PairedCounts {
        both: 0,
        first_only: 0,
        second_only: 0,
        neither: 0,
    };
    for (base, new) in paired.a.iter().zip(&paired.b) {
        let cell = match (*new == 1.0, *base == 1.0) {
            (true, true) => &mut counts.both,
            (true, false) => &mut counts.first_only,
            (false, true) => &mut counts.second_only,
            (false, false) => &mut counts.neither,
        };
        *cell += 1;
    }
    Some(counts)
}

fn of_counts(counts: &PairedCounts, bound: Bound, risk: f64, evidence: &mut ContrastEvidence) {
    let (at_least, at_most) = (
        counts.p_at_least(bound.limit(), risk).ok(),
        counts.p_at_most(bound.limit(), risk).ok(),
    );
    (evidence.p_fail, evidence.p_pass) = match bound {
        Bound::AtLeast(_) => (at_least, at_most),
        Bound::AtMost(_) => (at_most, at_least),
    };
    evidence.method = if bound.limit() == 0.0 {
        Method::McnemarExact
    } else {
        Method::PairedExact
    };
    let discordant = to_f64(counts.first_only + counts.second_only);
    evidence.mde = mde_pairs(discordant / to_f64(evidence.n), evidence.n, risk);
}

/// Smallest distance from the limit that n pairs with this share of discordant ones show: normal approximation, one
/// discordant pair at least.
#[must_use]
pub fn mde_pairs(discordant_share: f64, n: u64, risk: f64) -> Option<f64> {
    if n == 0 {
        return None;
    }
    let n = to_f64(n);
    let spread = (discordant_share.max(1.0 / n) / n).sqrt();
    let mde = (dist::normal_isf(risk) + dist::normal_quantile(POWER)) * spread;
    mde.is_finite().then_some(mde.min(1.0))
}

fn bounds_of(paired: &PairedScores, kind: MetricKind, contrast: Contrast, risk: f64) -> bounds::Ends {
    let contrasts = contrasts_of(paired, contrast.scale);
    let range = range_of(contrast.scale);
    let ends = if !paired.clusters.is_empty() {
        bounds::cluster_t_one_sided(&contrasts, &paired.clusters, contrast.bound, risk, POWER).0
    } else if kind == MetricKind::Real {
        bounds::student_t_one_sided(&contrasts, contrast.bound, risk).0
    } else {
        (
            bounded::lower(&contrasts, range, 1.0 - risk).ok(),
            bounded::upper(&contrasts, range, 1.0 - risk).ok(),
        )
    };
    if kind == MetricKind::Real {
        return ends;
    }
    (
        ends.0.map(|low| low.max(range.low)),
        ends.1.map(|high| high.min(range.high)),
    )
}

fn contrasts_of(paired: &PairedScores, scale: f64) -> Vec<f64> {
    let pairs = paired.a.iter().zip(&paired.b);
    pairs.map(|(base, new)| scale.mul_add(-base, *new)).collect()
}

/// Where contrasts of scores from 0 to 1 lie.
fn range_of(scale: f64) -> Interval {
    Interval::new(-scale, 1.0)
}

const fn mirrored(bound: Bound) -> Bound {
    match bound {
        Bound::AtLeast(limit) => Bound::AtMost(limit),
        Bound::AtMost(limit) => Bound::AtLeast(limit),
    }
}

/// Always-valid p-value of "the mean meets the limit", for values in `range`.
fn betting_p(values: &[f64], range: Interval, bound: Bound) -> Option<f64> {
    let p = match bound {
        Bound::AtMost(limit) => bounded::p_at_most(values, range, limit),
        Bound::AtLeast(limit) => {
            let turned: Vec<f64> = values.iter().map(|value| -value).collect();
            bounded::p_at_most(&turned, Interval::new(-range.high, -range.low), -limit)
        }
    };
    p.ok().filter(|p| p.is_finite())
}

fn mean_of(values: &[f64]) -> Option<f64> {
    mean::summarise(values).ok().map(|summary| summary.mean)
}
