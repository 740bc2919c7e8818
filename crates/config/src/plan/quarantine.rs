//! Cases under quarantine. Apart from tasks, because they decide neither what is asked nor how it is scored.

use serde::Serialize;

/// A case that is known to be unreliable. It counts as any other; reports list it until its last day is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// 0-based index of the task.
    pub task_index: usize,
    /// Name of the task.
    pub task: String,
    /// Id of the case.
    pub case: String,
    /// Who mends it.
    pub owner: String,
    /// Last day, `YYYY-MM-DD`; of two such texts the earlier day is the smaller text.
    pub until: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// 0-based index of the entry in the suite: one entry names several tasks where a task has several prompts.
    pub entry: usize,
}

impl Quarantined {
    /// Whether the last day was over on this day, `YYYY-MM-DD`.
    #[must_use]
    pub fn has_ended(&self, today: &str) -> bool {
        self.until.as_str() < today
    }
}
