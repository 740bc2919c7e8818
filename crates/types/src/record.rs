//! What is recorded of one sample. The record is the only truth: every report can be made again from it.

use crate::{Call, CallErrorKind, Message, Money, Score, SliceKey, Usage};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Place of a sample in its plan: indexes of target and task, repetition, 0-based number of the case among the
/// task's chosen cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SampleKey {
    /// 0-based index of the target.
    pub target: u16,
    /// 0-based index of the task.
    pub task: u16,
    /// 0-based repetition.
    pub epoch: u32,
    /// 0-based number of the case among the chosen ones, in dataset order.
    pub case: u32,
}

/// One score with the index of its scorer in the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRecord {
    /// 0-based index of the scorer in the task.
    pub scorer: u16,
    /// The score.
    pub score: Score,
}

/// A finished sample, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRecord {
    /// Place in the plan.
    pub key: SampleKey,
    /// Id of the case.
    pub case_id: Arc<str>,
    /// Cluster of the case.
    pub cluster: Option<Arc<str>>,
    /// Values of the columns that the suite slices by.
    pub slices: Vec<SliceKey>,
    /// The conversation that was sent.
    pub prompt: Vec<Message>,
    /// All attempts, and the answer or the error.
    pub call: Call,
    /// Price of the answer, also where it came from the cache and was not paid again; `None` where price or usage is
    /// unknown.
    pub cost: Option<Money>,
    /// Wall clock at the start of the first attempt, milliseconds since 1970.
    pub started_unix_ms: i64,
    /// Scores of all scorers of the task.
    pub scores: Vec<ScoreRecord>,
}

/// The figures of a recorded sample, without texts: what analysis reads.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFigures {
    /// Place in the plan.
    pub key: SampleKey,
    /// Id of the case.
    pub case_id: Arc<str>,
    /// Cluster of the case.
    pub cluster: Option<Arc<str>>,
    /// Values of the columns that the suite slices by.
    pub slices: Vec<SliceKey>,
    /// `None` for an answer, else the class of the error.
    pub error: Option<CallErrorKind>,
    /// Target's latency of the deciding attempt, nanoseconds; `None` for cached and recorded answers without one.
    pub latency_ns: Option<u64>,
    /// Time to the first token, nanoseconds.
    pub ttft_ns: Option<u64>,
    /// Own queueing before the request was written, nanoseconds.
    pub queue_ns: Option<u64>,
    /// Number of attempts.
    pub attempts: u32,
    /// Whether the answer came from the response cache.
    pub cached: bool,
    /// Tokens.
    pub usage: Usage,
    /// Price of the answer.
    pub cost: Option<Money>,
    /// Model that the provider says it used.
    pub served_model: Option<Arc<str>>,
    /// Scores of all scorers of the task.
    pub scores: Vec<ScoreRecord>,
}
