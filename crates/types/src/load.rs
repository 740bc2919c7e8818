//! What a load task measured, as the record keeps it. Apart from samples, because a latency under load belongs to all
//! requests of the load together: percentiles with their certificates, and not values of cases.

use crate::{Method, Money, Statistic, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One load task on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadOutcome {
    /// Load task.
    pub task: String,
    /// Target.
    pub target: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub ended_at: String,
    /// Whether it was measured to its end; of one that was not, only what it cost counts.
    pub is_whole: bool,
    /// Requests of the measurement that ended.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// What it measured.
    pub figures: Vec<LoadFigure>,
    /// What requests cost that are not samples of the run; `None` where price or tokens are unknown.
    pub cost_usd: Option<Money>,
    /// What the reader should know.
    pub warnings: Vec<String>,
    /// Everything that is told of it, as `seatrial.load/1`.
    pub result: Value,
}

/// How far a figure can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadStatus {
    /// It is the target's.
    Ok,
    /// The measuring client made some of it.
    Degraded,
    /// The measuring client made so much of it that no number is told.
    Withheld,
    /// No answer has it.
    Unavailable,
}

impl LoadStatus {
    /// The word that reports and JSON use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Withheld => "withheld",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One summary of one metric under load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadFigure {
    /// Metric.
    pub metric: String,
    /// Which summary of it.
    pub statistic: Statistic,
    /// Unit of its numbers.
    pub unit: Unit,
    /// Its trust.
    pub status: LoadStatus,
    /// Why it is degraded, withheld or unavailable.
    pub reason: Option<String>,
    /// What helps.
    pub remedy: Option<String>,
    /// Values behind it.
    pub n: u64,
    /// The value; `None` where it is not told.
    pub value: Option<f64>,
    /// Two-sided interval.
    pub low: Option<f64>,
    /// Two-sided interval.
    pub high: Option<f64>,
    /// Its confidence.
    pub level: f64,
    /// How it was made.
    pub method: Method,
    /// One-sided bounds, by falling risk: gates are decided on them, whatever their limits will be.
    pub ends: Vec<LoadEnds>,
}

/// One-sided bounds of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LoadEnds {
    /// Risk of each of them.
    pub risk: f64,
    /// The true value is at least this; `None` where the requests do not bound it.
    pub low: Option<f64>,
    /// The true value is at most this; `None` where the requests do not bound it.
    pub high: Option<f64>,
}
