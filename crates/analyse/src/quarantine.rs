//! Quarantine and flaky cases in the findings. Apart from values and gates, on which neither has any effect: a case that
//! is known to be unreliable still counts, or a suite would get better by quarantine.

use crate::collect::Collector;
use crate::findings::RunFacts;
use crate::ledger::FLAKY_LISTED_MAX;
use seatrial_config::DraftPlan;
use seatrial_types::{FlakyCase, Place, QuarantineOutcome, QuarantineRow};

/// Letters of a day in an RFC 3339 text.
const DAY_CHARS: usize = 10;

/// The day of the findings: the one on which the run ended or, unfinished, began.
fn today(facts: &RunFacts) -> &str {
    let moment = facts.ended_at.as_deref().unwrap_or(&facts.started_at);
    moment.get(..DAY_CHARS).unwrap_or(moment)
}

/// Every entry, with what the targets answered.
pub(crate) fn rows(draft: &DraftPlan, collector: &Collector, facts: &RunFacts) -> Vec<QuarantineRow> {
    let today = today(facts);
    draft
        .quarantine
        .iter()
        .map(|entry| {
            let location = draft.locate_quarantine(entry.entry, "case");
            let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            let asks = |target: &str| {
                let task = draft.tasks.get(entry.task_index);
                task.is_some_and(|task| task.asks(target))
            };
            let outcomes = draft
                .targets
                .iter()
                .enumerate()
                .filter(|(_, target)| asks(&target.name))
                .filter_map(|(index, target)| {
                    let ledger = collector.ledger.task(index, entry.task_index)?;
                    let counts = ledger.of_case(&entry.case, ledger.success()?);
                    Some(QuarantineOutcome {
                        target: target.name.clone(),
                        attempts: counts.now.attempts,
                        passes: counts.now.passes,
                    })
                })
                .collect();
            QuarantineRow {
                task: entry.task.clone(),
                case_id: entry.case.clone(),
                owner: entry.owner.clone(),
                until: entry.until.clone(),
                reason: entry.reason.clone(),
                has_ended: entry.has_ended(today),
                outcomes,
                place: (!location.path.as_os_str().is_empty()).then(|| Place {
                    path: location.path.display().to_string(),
                    line: number(location.line),
                    column: number(location.column),
                }),
            }
        })
        .collect()
}

/// Says of entries whose last day is over that they have no effect any more.
pub(crate) fn warn(rows: &[QuarantineRow], warnings: &mut Vec<String>) {
    for row in rows.iter().filter(|row| row.has_ended) {
        let place = row
            .place
            .as_ref()
            .map_or_else(String::new, |place| format!(" ({}:{})", place.path, place.line));
        warnings.push(format!(
            "the quarantine of case `{}` of task `{}` ended on {}{place}: it has no effect any more; {} may mend the case or \
             remove the entry",
            row.case_id, row.task, row.until, row.owner
        ));
    }
}

/// The flaky cases of a target that are listed, and how many there are.
pub(crate) fn flaky(
    draft: &DraftPlan,
    collector: &Collector,
    target: usize,
    facts: &RunFacts,
) -> (Vec<FlakyCase>, u64) {
    let today = today(facts);
    let mut flaky: Vec<FlakyCase> = (0..draft.tasks.len())
        .filter_map(|task| Some((task, collector.ledger.task(target, task)?)))
        .flat_map(|(task, ledger)| {
            ledger.flaky().into_iter().map(move |case| {
                let entry = draft.quarantine.iter().find(|entry| {
                    entry.task_index == task && entry.case == case.case_id && !entry.has_ended(today)
                });
                FlakyCase {
                    quarantined_until: entry.map(|entry| entry.until.clone()),
                    ..case
                }
            })
        })
        .collect();
    let all = flaky.len() as u64;
    flaky.truncate(FLAKY_LISTED_MAX);
    (flaky, all)
}
