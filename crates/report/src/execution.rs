//! How the samples of a target and the run as a whole came about, a line each: calls in flight, push-backs, answers from
//! the cache, what ended the run early, what evaluating cost. Apart from the metrics, because it is not about the
//! target's quality.

use seatrial_types::{
    Findings, ModelSpend, SequentialExecution, StopCause, TargetExecution, TargetFindings, Unit,
};

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
            parts.push(format!("pushed back {}, cut {}", times(push_backs), times(cuts)));
        }
    }
    if *n_cached > 0 {
        parts.push(format!("{n_cached} answers from the cache"));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        more => format!("{more} times"),
    }
}

/// What a reader must know of how the run came about; empty for a complete run that asked its targets.
#[must_use]
pub fn run_lines(findings: &Findings) -> Vec<String> {
    let execution = &findings.execution;
    let mut lines = Vec::new();
    if let Some(cause) = execution.stopped_by {
        let cause = match cause {
            StopCause::Interrupted => "its user",
            StopCause::ErrorCap => "the cap on errors",
            StopCause::CostCap => "the budget in money",
            StopCause::DurationCap => "the budget in time",
            StopCause::RecordFailed => "a record that could not be written",
        };
        lines.push(format!("ended early by {cause}"));
    }
    if let Some(run) = &execution.rescored_from {
        lines.push(format!("answers of run {run}, scored again; no target was asked"));
    }
    if execution.errors_asked_again > 0 {
        lines.push(format!(
            "{} samples that had ended in an error were asked again",
            execution.errors_asked_again
        ));
    }
    lines.extend(findings.models.iter().filter_map(model_line));
    lines.extend(sequential_lines(findings));
    lines
}

/// How far the tasks were asked whose gates decided that, a line for each target, and what the decisions promise.
fn sequential_lines(findings: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    let mut promises: Vec<String> = Vec::new();
    for target in &findings.targets {
        for entry in &target.execution.sequential {
            lines.push(sequential_line(&target.name, entry));
            let promise = format!("{}; values speak of {}", entry.guarantee, entry.estimand);
            if !promises.contains(&promise) {
                promises.push(promise);
            }
        }
    }
    lines.extend(promises);
    lines
}

fn sequential_line(target: &str, entry: &SequentialExecution) -> String {
    let SequentialExecution {
        task,
        samples_planned,
        samples_asked,
        samples_saved,
        samples_added,
        decided_after,
        saved_usd,
        ..
    } = entry;
    let what = if entry.is_drawn { "sequential" } else { "extended" };
    let mut line =
        format!("{what}: {task} of {target}  {samples_asked} of {samples_planned} planned samples asked");
    if *samples_added > 0 {
        line.push_str(&format!(", {samples_added} of them added"));
    }
    line.push_str(&match decided_after {
        Some(after) => format!(", decided after {after}"),
        None => ", not decided".to_owned(),
    });
    if *samples_saved > 0 {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = 100.0 * *samples_saved as f64 / (*samples_planned).max(1) as f64;
        line.push_str(&format!(", {samples_saved} saved ({share:.0} %)"));
    }
    if let Some(saved) = saved_usd
        && let Some(value) = saved.value
    {
        let ends = match (saved.low, saved.high) {
            (Some(low), Some(high)) => format!(" [{}, {}]", usd(low), usd(high)),
            _ => String::new(),
        };
        line.push_str(&format!(", about {}{ends} saved", usd(value)));
    }
    line
}

fn usd(value: f64) -> String {
    crate::format::number(value, Unit::Usd)
}

/// What evaluating cost, which is no target's cost; `None` for a model that was never asked.
fn model_line(spend: &ModelSpend) -> Option<String> {
    if spend.calls == 0 {
        return None;
    }
    let model = spend
        .model
        .as_deref()
        .map(|model| format!(" ({model})"))
        .unwrap_or_default();
    let cost = spend
        .cost_usd
        .map_or_else(|| "cost unknown".to_owned(), |cost| format!("${cost}"));
    let errors = if spend.errors > 0 {
        format!(", {} without answer", spend.errors)
    } else {
        String::new()
    };
    Some(format!(
        "asked by scorers: {}{model}  {} calls{errors}, {cost}",
        spend.name, spend.calls
    ))
}
