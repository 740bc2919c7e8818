//! What a simulated gate asks, and what a draw answers it. The evidence and the verdict are those of real gates; here is
//! only which of them, and how far the truth of the simulation lies from the limit.

use super::Simulated;
use crate::against::{Contrast, ContrastEvidence};
use crate::gate::Evidence;
use seatrial_config::{Against, Bound, Condition, Margin};
use seatrial_types::Verdict;

/// What a gate asks, as far as it can be simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asks {
    /// A number.
    Bound(Bound),
    /// A comparison with the baseline.
    Baseline(Against),
}

impl Asks {
    /// What a gate of a suite asks; `None` for zero tolerance, which leaves nothing to chance: it fails whenever a case
    /// that it is asked of is wrong.
    #[must_use]
    pub const fn of(condition: &Condition) -> Option<Self> {
        match condition {
            Condition::Bound(bound) => Some(Self::Bound(*bound)),
            Condition::Baseline(against) => Some(Self::Baseline(*against)),
            Condition::NoCritical(_) => None,
        }
    }

    /// How far beyond its limit the truth is when the mean rate of success is lower by `drop`; 0 or less where it is met.
    pub(super) fn distance_after(&self, metric: &Simulated, drop: f64) -> f64 {
        let value = |success: f64| {
            if metric.higher_is_better {
                success
            } else {
                1.0 - success
            }
        };
        let base = metric.population.mean();
        let (asked, bound) = match self {
            Self::Bound(bound) => (value(base - drop), *bound),
            Self::Baseline(against) => {
                let contrast = Contrast::of(against);
                (
                    contrast.scale.mul_add(-value(base), value(base - drop)),
                    contrast.bound,
                )
            }
        };
        match bound {
            Bound::AtLeast(limit) => limit - asked,
            Bound::AtMost(limit) => asked - limit,
        }
    }

    /// Whether a fail is right when the mean rate of success is lower by `drop`.
    #[must_use]
    pub fn is_missed_after(&self, metric: &Simulated, drop: f64) -> bool {
        // A truth at the limit meets it, up to rounding.
        self.distance_after(metric, drop) > 1e-9
    }

    /// The same with another margin; `None` for a number.
    pub(super) const fn with_margin(self, margin: f64) -> Option<Self> {
        match self {
            Self::Bound(_) => None,
            Self::Baseline(against) => Some(Self::Baseline(Against {
                margin: Margin::Absolute(margin),
                ..against
            })),
        }
    }
}

/// What a draw answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    Nothing,
    Bound(Bound, Evidence),
    Baseline(ContrastEvidence),
}

impl Found {
    pub(super) const fn p_fail(&self) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Bound(_, evidence) => evidence.p_fail,
            Self::Baseline(evidence) => evidence.p_fail,
        }
    }

    pub(super) fn verdict(&self, risk: f64, p_fail_adjusted: Option<f64>) -> Verdict {
        match self {
            Self::Nothing => Verdict::Inconclusive,
            Self::Bound(bound, evidence) => evidence.verdict(*bound, risk, p_fail_adjusted),
            Self::Baseline(evidence) => evidence.verdict(risk, p_fail_adjusted),
        }
    }
}
