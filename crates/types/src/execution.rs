//! How a run was carried out, as findings tell it: calls, money really spent, concurrency, what stopped it. Apart from
//! the metrics, because none of this is a quality of the target.

use crate::{Estimate, Money, RunId};
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of so many values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeanSd {
    /// Number of values, at least 1.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation with divisor n − 1; `None` for a single value.
    pub sd: Option<f64>,
}

/// What one call of a target was like: the history that a forecast of later runs is made from. Calls answered from the
/// cache are not in it. `None` where no call told.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CallProfile {
    /// Prompt tokens of an answer.
    #[serde(default)]
    pub input_tokens: Option<MeanSd>,
    /// Generated tokens of an answer.
    #[serde(default)]
    pub output_tokens: Option<MeanSd>,
    /// Price of an answer, US dollars.
    #[serde(default)]
    pub cost_usd: Option<MeanSd>,
    /// Latency of the deciding attempt, milliseconds.
    #[serde(default)]
    pub latency_ms: Option<MeanSd>,
}

/// Why the number of calls in flight changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepReason {
    /// The session began.
    Start,
    /// A round without push-back before the first one: doubled.
    SlowStart,
    /// A round without push-back after the first one: a little more.
    Clean,
    /// The target pushed back: 429, or 503 with `Retry-After`.
    PushBack,
}

impl StepReason {
    /// The word that reports and the record use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::SlowStart => "slow_start",
            Self::Clean => "clean",
            Self::PushBack => "push_back",
        }
    }
}

/// One change of the number of calls in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrencyStep {
    /// Milliseconds since the session began.
    pub at_ms: u64,
    /// Calls in flight at most, from then on.
    pub limit: u32,
    /// Why.
    pub why: StepReason,
}

/// The course of concurrency of one target in one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcurrencyCourse {
    /// Least calls in flight that push-backs may lead to.
    pub min: u32,
    /// Most calls in flight.
    pub max: u32,
    /// Whether it could change at all; `false` where the suite fixes it.
    pub adaptive: bool,
    /// Lowest limit of the session.
    pub lowest: u32,
    /// Highest limit of the session.
    pub highest: u32,
    /// Limit at its end.
    pub last: u32,
    /// Answers by which the target pushed back.
    pub push_backs: u64,
    /// How often the limit was cut for it.
    pub cuts: u64,
    /// The changes in order, `start` first; thinned out where there were very many.
    pub steps: Vec<ConcurrencyStep>,
    /// Changes that are not in `steps`.
    #[serde(default)]
    pub steps_left_out: u64,
}

/// How the samples of one target came about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TargetExecution {
    /// Samples whose answer came from the cache: not asked, not paid for, without latency.
    #[serde(default)]
    pub n_cached: u64,
    /// Money spent on the answers of this run, cached ones left out; `None` where price or tokens are unknown.
    #[serde(default)]
    pub spent_usd: Option<Money>,
    /// What one call was like.
    #[serde(default)]
    pub calls: CallProfile,
    /// Calls in flight over time, a course for each session that asked.
    #[serde(default)]
    pub concurrency: Vec<ConcurrencyCourse>,
    /// Tasks that were asked until their gates were decided, in suite order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequential: Vec<SequentialExecution>,
}

/// How far a task was asked whose gates decided that: a sequential one, or one that gates extended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequentialExecution {
    /// Task.
    pub task: String,
    /// Whether cases were drawn in random order and asked until the gates were decided; otherwise every planned sample
    /// was asked, and gates added epochs.
    pub is_drawn: bool,
    /// Samples planned.
    pub samples_planned: u64,
    /// Samples at most, added epochs included.
    pub samples_max: u64,
    /// Samples on record.
    pub samples_asked: u64,
    /// Planned samples that were not asked.
    pub samples_saved: u64,
    /// Samples asked beyond the plan.
    pub samples_added: u64,
    /// Samples, in the order of the draw, after which every gate was decided; `None` where one is undecided.
    pub decided_after: Option<u64>,
    /// What the saved samples would have cost at the mean cost of an answer; `None` where nothing was saved or the
    /// cost is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<Estimate>,
    /// What the decisions promise although one looks all the time, in one sentence.
    pub guarantee: String,
    /// What the values speak of, in one sentence.
    pub estimand: String,
}

/// What ended a run before its samples were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The user.
    Interrupted,
    /// `max_error_rate` or `max_errors`.
    ErrorCap,
    /// The budget in money.
    CostCap,
    /// The budget in time.
    DurationCap,
    /// Results could no longer be recorded: a full disk, a broken one.
    RecordFailed,
}

/// How a run came about as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunExecution {
    /// What ended it early; `None` for a complete run.
    #[serde(default)]
    pub stopped_by: Option<StopCause>,
    /// The run whose answers were scored again; `None` where targets were asked.
    #[serde(default)]
    pub rescored_from: Option<RunId>,
    /// Samples that had ended in an error and were asked again.
    #[serde(default)]
    pub errors_asked_again: u64,
}
