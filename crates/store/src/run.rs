//! What the catalogue says of a run: how it started, how it stands, how it ended. Apart because every back end and
//! every caller share it.

use seatrial_types::{ContentHash, RunId};
use serde::{Deserialize, Serialize};

/// What is known of a run when it starts; never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Id of the run.
    pub id: RunId,
    /// Hash of the plan that it executes.
    pub plan_hash: ContentHash,
    /// Name of the suite.
    pub suite: String,
    /// Where the suite was read from; `None` where it did not come from a file.
    pub suite_path: Option<String>,
    /// When it started, RFC 3339.
    pub started_at: String,
    /// Version of Seatrial that started it.
    pub tool_version: String,
    /// Samples in the plan: cases × targets × epochs over all tasks.
    pub samples_planned: u64,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// A process works on it, or died while it did (the run's lock tells which).
    Running,
    /// It was interrupted by its user.
    Interrupted,
    /// It reached its error cap or its budget.
    Stopped,
    /// It came to its own end: every sample is done, or a sequential stop made the rest unnecessary.
    Finished,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Running, Self::Interrupted, Self::Stopped, Self::Finished];

    /// The word that reports and the record use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
        }
    }

    /// The status of this word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether `--resume` may continue such a run: every status but `Finished`.
    #[must_use]
    pub const fn is_unfinished(self) -> bool {
        !matches!(self, Self::Finished)
    }
}

/// A run as the catalogue shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// What was known at the start.
    pub header: RunHeader,
    /// How it stands.
    pub status: RunStatus,
    /// When it ended, RFC 3339; `None` while it runs.
    pub ended_at: Option<String>,
    /// Exit code of the process that ended it; `None` while it runs.
    pub exit_code: Option<u8>,
    /// Samples on record.
    pub samples_finished: u64,
}
