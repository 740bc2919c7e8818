//! What a gate will be able to see, before any call is made: the smallest visible difference at the planned n, the n for
//! a wanted difference, and the n below which it cannot pass at all. Pure, and apart from gates, because it speaks of
//! answers that nobody has; it uses the same bounds, so that a plan and its findings agree.

use crate::against::{Contrast, mde_pairs};
use crate::baseline::quantile_of;
use crate::bounds;
use crate::gate::POWER;
use seatrial_config::{Against, Bound, Condition, Gate, Margin, Relation};
use seatrial_stats::dist;
use seatrial_stats::mcnemar::PairedCounts;
use seatrial_types::{MetricKind, SliceKey, Unit};
use serde::Serialize;

/// Most answers that a plan speaks of; what needs more is said to need more.
pub const N_MAX: u64 = 1_000_000_000;

/// Share of cases that one of two runs alone gets right, where nobody has seen them: between a prompt edit (a few points)
/// and another model (a third and more).
pub const DISCORDANT_ASSUMED: f64 = 0.2;

/// A gate and what is known before the run.
#[derive(Debug, Clone, Copy)]
pub struct PlannedGate<'a> {
    /// The gate.
    pub gate: &'a Gate,
    /// Target that it is asked of.
    pub target: &'a str,
    /// What values its metric takes.
    pub kind: MetricKind,
    /// Planned answers.
    pub n: u64,
    /// How many independent ones they are worth at least: the number of cases where cases are repeated.
    pub n_independent: u64,
    /// Standard deviation of one value, from a run on record; shares need none.
    pub spread: Option<f64>,
}

/// What a gate will be able to see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateDesign {
    /// Name of the gate.
    pub gate: String,
    /// Target.
    pub target: String,
    /// `TASK.METRIC.STATISTIC`.
    pub metric: String,
    /// The slice, where the gate asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<SliceKey>,
    /// `at_least`, `at_most`, `not_worse_than`, `better_than` or `no_critical`.
    pub bound: &'static str,
    /// The limit; against a baseline the margin, 0 where it is a share of the baseline's value.
    pub limit: f64,
    /// The margin as a share of the baseline's value, where the suite states it so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin_share: Option<f64>,
    /// Unit of the limit and of the differences.
    pub unit: Unit,
    /// Risk of a wrong decision.
    pub risk: f64,
    /// Power that the differences are given for.
    pub power: f64,
    /// Planned answers.
    pub n: u64,
    /// How many independent ones they are worth at least.
    pub n_independent: u64,
    /// Smallest distance from the limit that is seen with this power; `None` where the spread is unknown.
    pub mde: Option<f64>,
    /// The difference that was asked for.
    pub difference: Option<f64>,
    /// Independent answers that show this difference; `None` where the spread is unknown or more than [`N_MAX`] are needed.
    pub n_for_difference: Option<u64>,
    /// Independent answers below which the gate cannot pass, however good they are; `None` where there is no such number.
    pub n_to_pass: Option<u64>,
    /// What the figures rest on, and what to do where there are none.
    pub note: String,
}

impl GateDesign {
    /// Whether the planned answers are too few for the gate ever to pass.
    #[must_use]
    pub fn can_never_pass(&self) -> bool {
        self.n_to_pass.is_some_and(|needed| self.n_independent < needed)
    }
}

/// What this gate will be able to see.
#[must_use]
pub fn design(planned: &PlannedGate<'_>, difference: Option<f64>) -> GateDesign {
    let gate = planned.gate;
    let quantile = quantile_of(gate.statistic);
    let is_share = quantile.is_none() && planned.kind == MetricKind::Binary;
    let (limit, margin_share) = match &gate.condition {
        Condition::Bound(bound) => (bound.limit(), None),
        Condition::Baseline(against) => match against.margin {
            Margin::Absolute(margin) => (margin, None),
            Margin::Relative(share) => (0.0, Some(share)),
        },
        Condition::NoCritical(_) => (0.0, None),
    };
    let visible = |n: f64| visible(planned, quantile, is_share, n);
    GateDesign {
        gate: gate.name.clone(),
        target: planned.target.to_owned(),
        metric: format!("{}.{}.{}", gate.task, gate.metric, gate.statistic.as_str()),
        slice: gate.slice.clone(),
        bound: gate.condition.as_str(),
        limit,
        margin_share,
        unit: gate.unit,
        risk: gate.risk,
        power: POWER,
        n: planned.n,
        n_independent: planned.n_independent,
        mde: visible(count(planned.n_independent)).filter(|_| planned.n_independent > 0),
        difference,
        n_for_difference: difference
            .and_then(|difference| smallest_n(|n| visible(n).is_some_and(|mde| mde <= difference))),
        n_to_pass: match &gate.condition {
            Condition::Bound(bound) => n_to_pass(gate, *bound, quantile, is_share),
            Condition::Baseline(against) if is_share && planned.n == planned.n_independent => {
                pairs_to_pass(against, gate.risk)
            }
            Condition::Baseline(_) => None,
            Condition::NoCritical(_) => Some(1),
        },
        note: note(planned, quantile, is_share),
    }
}

/// Smallest distance from the limit that n independent answers, or pairs of them, show with probability [`POWER`].
fn visible(planned: &PlannedGate<'_>, quantile: Option<f64>, is_share: bool, n: f64) -> Option<f64> {
    let gate = planned.gate;
    let of_mean = |sd: f64| (dist::normal_isf(gate.risk) + dist::normal_quantile(POWER)) * sd / n.sqrt();
    match (&gate.condition, planned.spread) {
        (Condition::NoCritical(_), _) => Some(1.0 - (1.0 - POWER).powf(1.0 / n.max(1.0))),
        _ if quantile.is_some() => None,
        (Condition::Bound(bound), _) if is_share => {
            bounds::mde_share(bound.limit(), n, gate.risk, POWER, *bound)
        }
        (Condition::Baseline(_), _) if is_share => mde_pairs(DISCORDANT_ASSUMED, whole(n)?, gate.risk),
        (Condition::Bound(_), Some(sd)) if n >= 2.0 => Some(of_mean(sd)),
        // As if the two runs had nothing in common, which is the least that pairing is worth.
        (Condition::Baseline(_), Some(sd)) if n >= 2.0 => Some(of_mean(sd * std::f64::consts::SQRT_2)),
        _ => None,
    }
}

/// Pairs below which a comparison of shares cannot pass, even if not one case differs: only with a margin are there any.
fn pairs_to_pass(against: &Against, risk: f64) -> Option<u64> {
    let contrast = Contrast::of(against);
    let limit = contrast.bound.limit();
    if against.relation != Relation::NotWorseThan || limit == 0.0 || contrast.scale != 1.0 {
        return None;
    }
    smallest_n(|n| {
        let all = whole(n).map(|both| PairedCounts {
            both,
            first_only: 0,
            second_only: 0,
            neither: 0,
        });
        all.is_some_and(|all| all.p_at_most(-limit.abs(), risk).is_ok_and(|p| p <= risk))
    })
}

/// Answers below which no data can pass: all right must clear a share's limit, a percentile needs its order statistic.
fn n_to_pass(gate: &Gate, bound: Bound, quantile: Option<f64>, is_share: bool) -> Option<u64> {
    if let Some(q) = quantile {
        // The largest of n answers bounds the percentile from above only if q^n ≤ risk; the smallest likewise from below.
        let inside = match bound {
            Bound::AtMost(_) => q,
            Bound::AtLeast(_) => 1.0 - q,
        };
        return whole((gate.risk.ln() / inside.ln()).ceil());
    }
    if !is_share {
        return None;
    }
    let perfect = |n: f64| match bound {
        Bound::AtLeast(limit) => bounds::clopper_pearson_one_sided(n, n, gate.risk)
            .0
            .is_some_and(|low| low >= limit),
        Bound::AtMost(limit) => bounds::clopper_pearson_one_sided(0.0, n, gate.risk)
            .1
            .is_some_and(|high| high <= limit),
    };
    smallest_n(perfect)
}

/// The smallest n for which this holds, where it holds for all larger ones.
fn smallest_n(holds: impl Fn(f64) -> bool) -> Option<u64> {
    let mut high = 1;
    while !holds(count(high)) {
        high = high.checked_mul(2).filter(|high| *high <= N_MAX)?;
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if holds(count(middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

fn note(planned: &PlannedGate<'_>, quantile: Option<f64>, is_share: bool) -> String {
    let is_compared = matches!(planned.gate.condition, Condition::Baseline(_));
    let mut note = if matches!(planned.gate.condition, Condition::NoCritical(_)) {
        "the share of misses that shows up at least once".to_owned()
    } else if is_compared && quantile.is_some() {
        "percentiles of two runs are compared unpaired, by order statistics of both".to_owned()
    } else if is_compared && is_share {
        format!(
            "as if {:.0}% of the cases were right in one of the two runs alone",
            100.0 * DISCORDANT_ASSUMED
        )
    } else if is_compared && planned.spread.is_some() {
        "from the spread of a run on record, as if the two runs had nothing in common".to_owned()
    } else if quantile.is_some() {
        "percentiles are judged by order statistics; the visible distance depends on the tail".to_owned()
    } else if is_share {
        "normal approximation of the exact binomial bound".to_owned()
    } else if planned.spread.is_some() {
        "from the spread of a run on record".to_owned()
    } else {
        "the spread is unknown until a run is on record: make a small one first (first: 30)".to_owned()
    };
    if planned.n_independent < planned.n {
        note.push_str("; repetitions of a case are counted once, which is the least they are worth");
    }
    note
}

#[expect(clippy::cast_precision_loss, reason = "counts up to 1e9")]
fn count(n: u64) -> f64 {
    n as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "used only where it is a whole number in range"
)]
fn whole(n: f64) -> Option<u64> {
    (1.0..=1e9).contains(&n).then_some(n as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_config::OnInconclusive;
    use seatrial_types::Statistic;

    fn gate(statistic: Statistic, bound: Bound) -> Gate {
        Gate {
            name: "g".to_owned(),
            task_index: 0,
            task: "t".to_owned(),
            metric: "m".to_owned(),
            statistic,
            unit: Unit::Share,
            target: None,
            slice: None,
            condition: Condition::Bound(bound),
            risk: 0.05,
            on_inconclusive: OnInconclusive::Warn,
        }
    }

    fn planned(gate: &Gate, kind: MetricKind, n: u64, spread: Option<f64>) -> PlannedGate<'_> {
        PlannedGate {
            gate,
            target: "a",
            kind,
            n,
            n_independent: n,
            spread,
        }
    }

    /// Protects "can never pass": 0.95^n ≤ 0.05 first at 59, the rule of three for rates near 0, order statistics for
    /// percentiles (0.99^n ≤ 0.05 first at 299).
    #[test]
    fn gates_need_a_smallest_n_to_pass() {
        let n_of = |statistic, bound| {
            let gate = gate(statistic, bound);
            design(&planned(&gate, MetricKind::Binary, 50, None), None)
        };
        let design = n_of(Statistic::Mean, Bound::AtLeast(0.95));
        assert_eq!(design.n_to_pass, Some(59));
        assert!(design.can_never_pass());
        assert_eq!(n_of(Statistic::Rate, Bound::AtMost(0.01)).n_to_pass, Some(299));
        assert_eq!(n_of(Statistic::P99, Bound::AtMost(900.0)).n_to_pass, Some(299));
        assert_eq!(n_of(Statistic::P50, Bound::AtMost(900.0)).n_to_pass, Some(5));
        assert_eq!(n_of(Statistic::Mean, Bound::AtLeast(0.0)).n_to_pass, Some(1));
        assert_eq!(
            n_of(Statistic::Mean, Bound::AtLeast(1.0)).n_to_pass,
            None,
            "no data show 1"
        );
    }

    /// Protects the two directions against each other: the n for a difference is the first whose visible difference is
    /// at most that. The closed form for means is (1.645 + 0.842)² sd² / d².
    #[test]
    fn n_and_difference_agree() {
        let share = gate(Statistic::Mean, Bound::AtLeast(0.9));
        let at = |n| design(&planned(&share, MetricKind::Binary, n, None), Some(0.05));
        let n = at(100).n_for_difference.unwrap();
        assert!(at(n).mde.unwrap() <= 0.05 && at(n - 1).mde.unwrap() > 0.05, "{n}");
        let mean = gate(Statistic::Mean, Bound::AtMost(2.0));
        let design_of = |spread| design(&planned(&mean, MetricKind::Real, 100, spread), Some(0.1));
        assert_eq!(design_of(Some(1.0)).n_for_difference, Some(619));
        assert!((design_of(Some(1.0)).mde.unwrap() - 0.248_647).abs() < 1e-5);
        assert_eq!(
            (design_of(None).mde, design_of(None).n_for_difference),
            (None, None)
        );
        let nothing = design(&planned(&share, MetricKind::Binary, 0, None), None);
        assert_eq!(nothing.mde, None);
    }

    /// Protects plans of comparisons: with nothing discordant 0.98ⁿ ≤ 0.05 first near 149; the visible difference is
    /// (1.645 + 0.842)·√(0.2/n); without a margin nothing can pass by agreement alone; a zero-tolerance gate sees a share
    /// of misses with probability 1 − (1 − p)ⁿ.
    #[test]
    fn comparisons_are_planned_in_pairs() {
        let against = |relation, margin| {
            let mut gate = gate(Statistic::Mean, Bound::AtLeast(0.0));
            gate.condition = Condition::Baseline(Against {
                relation,
                margin,
                is_margin_given: true,
                higher_is_better: true,
            });
            gate
        };
        let at = |gate: &Gate, n| design(&planned(gate, MetricKind::Binary, n, None), Some(0.05));
        let two_points = against(Relation::NotWorseThan, Margin::Absolute(0.02));
        let found = at(&two_points, 500);
        assert!(
            found.n_to_pass.is_some_and(|n| (149..=156).contains(&n)),
            "{found:?}"
        );
        assert!(
            (found.mde.unwrap() - 2.486_475 * (0.2_f64 / 500.0).sqrt()).abs() < 1e-5,
            "{found:?}"
        );
        assert_eq!((found.bound, found.limit), ("not_worse_than", 0.02));
        assert!(at(&two_points, 100).can_never_pass());
        let better = against(Relation::BetterThan, Margin::Absolute(0.0));
        assert_eq!(at(&better, 500).n_to_pass, None);
        let mut strict = gate(Statistic::Mean, Bound::AtLeast(0.0));
        strict.condition = Condition::NoCritical(seatrial_config::NoCritical {
            severities: Vec::new(),
            higher_is_better: true,
            is_safety: false,
        });
        assert!((at(&strict, 100).mde.unwrap() - 0.015_965).abs() < 1e-5);
    }
}
