//! Gates as a suite states them: which number of which target, held against what. Apart from the rest of the plan,
//! because analysis decides on these types alone.

use seatrial_types::{SliceKey, Statistic, Unit};
use serde::Serialize;

/// A condition on a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// Name; unless given, the metric and its condition.
    pub name: String,
    /// 0-based index of the task.
    pub task_index: usize,
    /// Name of the task.
    pub task: String,
    /// Metric of that task, or one that every task has such as `latency_ms`.
    pub metric: String,
    /// Which summary of the metric.
    pub statistic: Statistic,
    /// Unit of the limit.
    pub unit: Unit,
    /// The one target that it asks; `None` is each target, one result each.
    pub target: Option<String>,
    /// The part of the data that it asks about.
    pub slice: Option<SliceKey>,
    /// What the value is held against.
    pub condition: Condition,
    /// Risk of a wrong decision, above 0, at most 0.5.
    pub risk: f64,
    /// What an inconclusive verdict does.
    pub on_inconclusive: OnInconclusive,
}

/// What a value is held against.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A number.
    Bound(Bound),
    /// The same metric of the baseline, case by case.
    Baseline(Against),
    /// Every single case.
    NoCritical(NoCritical),
}

impl Condition {
    /// The number that the value is held against, where it is one.
    #[must_use]
    pub const fn bound(&self) -> Option<Bound> {
        match self {
            Self::Bound(bound) => Some(*bound),
            Self::Baseline(_) | Self::NoCritical(_) => None,
        }
    }

    /// The word of a suite: `at_least`, `at_most`, `not_worse_than`, `better_than` or `no_critical`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Bound(bound) => bound.as_str(),
            Self::Baseline(against) => against.relation.as_str(),
            Self::NoCritical(_) => "no_critical",
        }
    }
}

/// A limit; finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value must reach this.
    AtLeast(f64),
    /// The value must not exceed this.
    AtMost(f64),
}

impl Bound {
    /// The number.
    #[must_use]
    pub const fn limit(self) -> f64 {
        match self {
            Self::AtLeast(limit) | Self::AtMost(limit) => limit,
        }
    }

    /// The word of a suite: `at_least` or `at_most`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast(_) => "at_least",
            Self::AtMost(_) => "at_most",
        }
    }
}

/// A comparison with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Against {
    /// What is asked of the difference.
    pub relation: Relation,
    /// By how much.
    pub margin: Margin,
    /// Whether the suite wrote the margin; otherwise it is a default.
    pub is_margin_given: bool,
    /// Which way is better.
    pub higher_is_better: bool,
}

/// What is asked of the difference from the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Worse by no more than the margin.
    NotWorseThan,
    /// Better by more than the margin.
    BetterThan,
}

impl Relation {
    /// The word of a suite.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotWorseThan => "not_worse_than",
            Self::BetterThan => "better_than",
        }
    }
}

/// How much of a difference is meant; 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Margin {
    /// In the unit of the metric.
    Absolute(f64),
    /// As a share of the baseline's value, below 1.
    Relative(f64),
}

/// Which cases a metric may not miss at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoCritical {
    /// Values of the column [`SEVERITY_COLUMN`](crate::SEVERITY_COLUMN) that are meant; empty is every case.
    pub severities: Vec<String>,
    /// Whether 1 is the good answer of the metric.
    pub higher_is_better: bool,
    /// Whether a miss is one of safety, which has an exit code of its own.
    pub is_safety: bool,
}

/// What an inconclusive verdict does to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Exit 0.
    Warn,
    /// Exit 3.
    Fail,
    /// The task is asked in further epochs, up to its budget; if that does not decide either, exit 0.
    Extend,
}

/// The baseline that a suite names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BaselineUse {
    /// Its name.
    pub name: String,
    /// Days after which it is called stale.
    pub stale_days: u32,
}
