//! Quarantine held against the datasets: a case that is not there was renamed or removed, and its entry says nothing any
//! more. Apart from freezing, because it decides nothing of the plan.

use super::SeenIds;
use seatrial_config::DraftPlan;
use seatrial_types::ContentHash;

/// Complaints about entries whose case the dataset of their task does not have. A case that is there and was not chosen
/// by `limit` or `first` is none.
pub(super) fn strangers(draft: &DraftPlan, task_index: usize, ids: &SeenIds) -> Vec<String> {
    let of_task = draft
        .quarantine
        .iter()
        .filter(|entry| entry.task_index == task_index);
    of_task
        .filter(|entry| !ids.contains_key(&ContentHash::of(entry.case.as_bytes())))
        .map(|entry| {
            let place = draft.locate_quarantine(entry.entry, "case");
            format!(
                "{place}: the dataset of task `{}` has no case `{}`\nhint: remove the entry from `quarantine`, or name \
                 the case by its id",
                entry.task, entry.case
            )
        })
        .collect()
}
