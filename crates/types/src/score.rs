//! Scores: what a scorer makes of a sample, and what kind of number that is.

use crate::Unit;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What became of a sample, for one scorer. Every finished sample is in exactly one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The scorer gave a value.
    Scored,
    /// The answer came, but the scorer could not read what it needs from it.
    Unparsed,
    /// The provider says the model refused.
    Refused,
    /// There is no answer.
    Error,
}

impl Outcome {
    /// The word that reports and the record use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Unparsed => "unparsed",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }
}

/// The four pillars, and quality, which all of them stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pillar {
    /// Latency and throughput.
    Performance,
    /// Harm.
    Safety,
    /// Money.
    Cost,
    /// Errors and repeatability.
    Reliability,
    /// Right answers.
    Quality,
}

impl Pillar {
    /// The word that reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Performance => "performance",
            Self::Safety => "safety",
            Self::Cost => "cost",
            Self::Reliability => "reliability",
            Self::Quality => "quality",
        }
    }
}

/// What values a metric can take; decides the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// 0 or 1: a share.
    Binary,
    /// Between 0 and 1.
    Bounded,
    /// Any finite number.
    Real,
}

/// A metric that a scorer yields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSpec {
    /// Name, unique in its task.
    pub name: Cow<'static, str>,
    /// What values it takes.
    pub kind: MetricKind,
    /// Unit of its value.
    pub unit: Unit,
    /// Pillar it speaks for.
    pub pillar: Pillar,
    /// Whether an unparsed answer counts as 0 (`true`) or is left out of the denominator.
    pub unparsed_is_wrong: bool,
    /// Whether a refused answer counts as 0 (`true`) or is left out of the denominator.
    pub refused_is_wrong: bool,
}

/// What one scorer says of one sample under one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Index of the metric in the scorer's list.
    pub metric: u16,
    /// Class.
    pub outcome: Outcome,
    /// The value; `None` unless `outcome` is scored.
    pub value: Option<f64>,
    /// What was read from the answer, or why nothing could be: for the reader of a report.
    pub detail: Option<String>,
}
