//! How the samples of a target came about, in one line: calls in flight, push-backs, answers from the cache. Apart from
//! the metrics, because it is not about the target's quality.

use seatrial_types::{TargetExecution, TargetFindings};

/// One line about the calls of a target; `None` where there is nothing to tell: nobody was asked.
#[must_use]
pub fn execution_line(target: &TargetFindings) -> Option<String> {
    let TargetExecution {
        n_cached,
        concurrency,
        ..
    } = &target.execution;
    let mut parts = Vec::new();
    if let Some(last) = concurrency
        .last()
        .filter(|_| target.execution.calls != Default::default())
    {
        let lowest = concurrency.iter().map(|course| course.lowest).min();
        let highest = concurrency.iter().map(|course| course.highest).max();
        let (lowest, highest) = (lowest.unwrap_or(last.last), highest.unwrap_or(last.last));
        let push_backs: u64 = concurrency.iter().map(|course| course.push_backs).sum();
        let cuts: u64 = concurrency.iter().map(|course| course.cuts).sum();
        parts.push(match (last.adaptive, lowest == highest) {
            (false, _) => format!("{} calls in flight, fixed", last.max),
            (true, true) => format!("{highest} calls in flight of at most {}", last.max),
            (true, false) => format!(
                "{lowest} to {highest} calls in flight of at most {}, {} at the end",
                last.max, last.last
            ),
        });
        if push_backs > 0 {
            parts.push(format!("pushed back {push_backs} times, cut {cuts} times"));
        }
    }
    if *n_cached > 0 {
        parts.push(format!("{n_cached} answers from the cache"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
