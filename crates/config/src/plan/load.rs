//! Load tasks and gates on what they measure. Apart from tasks and gates of the evaluation, because nothing of them has
//! cases: a load has requests, and a latency under load is a property of the whole of them.

use super::gate::{Bound, OnInconclusive};
use seatrial_types::{Statistic, Unit};
use serde::Serialize;
use std::time::Duration;

/// A target under load.
///
/// Texts of rates, arrivals, lengths and objectives are those of `seatrial load`; they are read where load is made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadTask {
    /// Name, unique among all tasks of the suite.
    pub name: String,
    /// Names of the targets that are loaded; empty is all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Users of a closed loop; `None` for an open one.
    pub concurrency: Option<u64>,
    /// Requests per second of an open loop, or its profile; `None` for a closed one.
    pub rate: Option<String>,
    /// How arrivals scatter.
    pub arrivals: String,
    /// Most requests under way in an open loop; `None` is the usual number.
    pub max_in_flight: Option<u64>,
    /// Length of the measurement; `None` where requests are counted.
    #[serde(rename = "duration_ms", serialize_with = "super::as_optional_milliseconds")]
    pub duration: Option<Duration>,
    /// Requests of the measurement; `None` where its length is given.
    pub requests: Option<u64>,
    /// Load before the measurement.
    #[serde(rename = "warmup_ms", serialize_with = "super::as_optional_milliseconds")]
    pub warmup: Option<Duration>,
    /// How long the end waits for what is under way.
    #[serde(rename = "drain_ms", serialize_with = "super::as_milliseconds")]
    pub drain: Duration,
    /// What is asked.
    pub work: LoadWork,
    /// Most output tokens of an answer.
    pub max_tokens: Option<u64>,
    /// What a good request is.
    pub slo: Option<String>,
    /// Seed of arrivals and prompts.
    pub seed: u64,
    /// Whether spoiled numbers are told, marked.
    pub allow_degraded: bool,
}

impl LoadTask {
    /// How long the end of a load waits unless the suite says it.
    pub const DRAIN_DEFAULT: Duration = Duration::from_secs(30);

    /// Whether the target of this name is loaded.
    #[must_use]
    pub fn asks(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }

    /// The task of the plan that holds its cases and scorers; `None` where nothing is scored.
    #[must_use]
    pub const fn task_index(&self) -> Option<usize> {
        match self.work {
            LoadWork::Answers { task_index } => Some(task_index),
            LoadWork::Usual | LoadWork::Prompt { .. } | LoadWork::Lengths { .. } => None,
        }
    }
}

/// What a load asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
pub enum LoadWork {
    /// A built-in prompt.
    Usual,
    /// One text again and again.
    Prompt {
        /// It.
        prompt: String,
    },
    /// Made prompts.
    Lengths {
        /// Tokens of the prompt.
        input: String,
        /// Tokens of the answer.
        output: Option<String>,
    },
    /// The prompts of a task, whose scorers judge the answers afterwards.
    Answers {
        /// 0-based index of the plan's task of the same name, which is asked under load alone.
        task_index: usize,
    },
}

/// A condition on what a load task measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadGate {
    /// Name; unless given, the metric and its bound.
    pub name: String,
    /// 0-based index of the load task.
    pub load_index: usize,
    /// Name of the load task.
    pub task: String,
    /// One of [`LOAD_METRICS`](crate::LOAD_METRICS).
    pub metric: String,
    /// Which summary of it.
    pub statistic: Statistic,
    /// Unit of the limit.
    pub unit: Unit,
    /// The one target that it asks; `None` is each target, one result each.
    pub target: Option<String>,
    /// The limit.
    pub bound: Bound,
    /// Risk of a wrong decision, above 0, at most 0.5.
    pub risk: f64,
    /// What an inconclusive verdict does; never `Extend`.
    pub on_inconclusive: OnInconclusive,
}
