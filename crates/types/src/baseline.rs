//! What findings say of the baseline they were decided against. Apart from the findings' other parts, because it speaks of
//! two runs.

use crate::{Method, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether the baseline could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaselineStatus {
    /// Gates were decided against it.
    Used,
    /// There is none of this name.
    Missing,
    /// It asked or scored something else, so that a difference would mean nothing.
    Incompatible,
}

/// A field in which two runs differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineChange {
    /// Target of this run.
    pub target: String,
    /// The field, such as `model` or `prompt.answers`; of an identity `TASK.FIELD`.
    pub field: String,
    /// In the baseline; null where it has none.
    pub baseline: Value,
    /// In this run; null where it has none.
    pub run: Value,
}

/// The baseline of a run whose gates name one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineSummary {
    /// Its name.
    pub name: String,
    /// Whether it could be used.
    pub status: BaselineStatus,
    /// The blessed run; `None` where the baseline is missing.
    pub run_id: Option<RunId>,
    /// When it was blessed, RFC 3339.
    pub blessed_at: Option<String>,
    /// Days since then.
    pub age_days: Option<f64>,
    /// Whether it is older than the suite allows.
    pub is_stale: bool,
    /// Who blessed it, where that was said.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What changed since, and is what is compared: sorted by target and field.
    pub changed: Vec<BaselineChange>,
    /// What must be equal and is not; empty unless incompatible.
    pub differences: Vec<BaselineChange>,
    /// What is wrong in one sentence, and the command that mends it; `None` where nothing is.
    pub problem: Option<String>,
}

/// What a gate found when it compared with the baseline. Differences are this run − baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateBaseline {
    /// Target of the baseline.
    pub target: String,
    /// The baseline's value over the same cases.
    pub value: Option<f64>,
    /// This run's value minus that.
    pub difference: Option<f64>,
    /// Lower one-sided bound of the difference at confidence 1 − risk.
    pub difference_low: Option<f64>,
    /// Upper one-sided bound of the difference at confidence 1 − risk.
    pub difference_high: Option<f64>,
    /// The margin in the metric's unit.
    pub margin: Option<f64>,
    /// The margin as a share of the baseline's value, where the suite states it so.
    pub margin_share: Option<f64>,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
    /// Whether cases were compared one by one; percentiles are not.
    pub is_paired: bool,
    /// Pairs of cases; of unpaired comparisons the values of the baseline.
    pub n: u64,
    /// Cases with a value on one side only, left out.
    pub n_unpaired: u64,
    /// How difference and p-value were made.
    pub method: Method,
    /// p-value of "the gate is not met", which a pass needs at most at the risk.
    pub p_pass: Option<f64>,
}
