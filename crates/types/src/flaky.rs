//! Cases that are sometimes right and sometimes wrong, and cases that somebody has put under quarantine. Apart from
//! metrics, which speak of many cases: these name single ones.

use crate::Estimate;
use crate::findings::Place;
use serde::{Deserialize, Serialize};

/// A case whose recorded answers disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlakyCase {
    /// Task.
    pub task: String,
    /// The metric that says right or wrong.
    pub metric: String,
    /// Case.
    pub case_id: String,
    /// Recorded answers of the same subject, over epochs and runs; errors are none.
    pub attempts: u64,
    /// Right ones among them.
    pub passes: u64,
    /// Right ones among the answers of this run.
    pub passes_now: u64,
    /// Answers of this run.
    pub attempts_now: u64,
    /// Runs that the answers come from.
    pub runs: u64,
    /// Probability of a right answer: mean and equal-tailed interval of its posterior under Jeffreys' prior.
    pub rate: Estimate,
    /// The last day of its quarantine, where it is under one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined_until: Option<String>,
}

/// A case under quarantine: known to be unreliable, with somebody who mends it and a day on which that ends. It counts
/// in every value and every gate as any other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuarantineRow {
    /// Task.
    pub task: String,
    /// Case.
    pub case_id: String,
    /// Who mends it.
    pub owner: String,
    /// Last day, `YYYY-MM-DD`.
    pub until: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether that day was over when the findings were made; then it has no effect any more.
    pub has_ended: bool,
    /// What each target answered in this run, in suite order; targets that were not asked are left out.
    pub outcomes: Vec<QuarantineOutcome>,
    /// Where the suite writes it; absent where the suite did not come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What a target answered to a case under quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineOutcome {
    /// Target.
    pub target: String,
    /// Answers of this run that were judged right or wrong.
    pub attempts: u64,
    /// Right ones among them.
    pub passes: u64,
}
