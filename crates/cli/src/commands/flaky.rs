//! `seatrial report flaky`: the flakiness ledger of runs on record: pass@k and pass^k of every task, and the cases whose
//! answers disagree.

use crate::args::ReportFlakyArguments;
use crate::error::CliError;
use crate::history::{self, History};
use crate::output;
use crate::record;
use seatrial_report::clean;
use seatrial_types::{Estimate, ExitCode, FlakyCase, MetricResult, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;

/// Flaky cases of a task that are shown on the screen; the JSON has all.
const SHOWN_MAX: usize = 30;

pub(crate) fn flaky(arguments: &ReportFlakyArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let store = record::open(&arguments.store.store)?;
    let named = if arguments.runs.is_empty() {
        let latest = record::find_run(&store, "latest")?;
        let earlier = history::earlier_runs(&store, &latest)?;
        std::iter::once(&latest)
            .chain(&earlier)
            .map(|run| run.header.id.to_string())
            .collect()
    } else {
        arguments.runs.clone()
    };
    let history = history::of_references(&store, &named)?;
    let tasks = tasks_of(&history);
    let text = text(&history, &tasks);
    let takes_stdout = arguments.json.as_deref().is_some_and(output::is_stdout);
    if takes_stdout {
        output::stderr(&text);
    } else {
        output::stdout(&text)?;
    }
    for warning in &history.warnings {
        output::stderr(&format!("warning: {}\n", clean::line(warning)));
    }
    if let Some(path) = &arguments.json {
        let told = json(&history, &tasks);
        let told = serde_json::to_string_pretty(&told).map_err(CliError::infrastructure)? + "\n";
        if takes_stdout {
            output::stdout(&told)?;
        } else {
            output::write_whole(path, &told)?;
        }
    }
    Ok(ExitCode::Pass)
}

/// A task of a target that has a metric of right and wrong.
struct Repeated {
    target: usize,
    task: String,
    metric: String,
    cases: usize,
    repeats: Vec<MetricResult>,
    flaky: Vec<FlakyCase>,
}

fn tasks_of(history: &History) -> Vec<Repeated> {
    let mut tasks = Vec::new();
    for (target, ledgers) in history.ledger.targets.iter().enumerate() {
        for ledger in ledgers {
            let metric = ledger.success().and_then(|index| ledger.metrics.get(index));
            if let (Some(metric), false) = (metric, ledger.cases.is_empty()) {
                tasks.push(Repeated {
                    target,
                    task: ledger.task.clone(),
                    metric: metric.name.clone(),
                    cases: ledger.cases.len(),
                    repeats: ledger.repeated_over_all(),
                    flaky: ledger.flaky(),
                });
            }
        }
    }
    tasks
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn text(history: &History, tasks: &[Repeated]) -> String {
    let runs = history.runs.len();
    let mut text = format!(
        "{}: {runs} {}\n",
        clean::line(&history.suite),
        if runs == 1 { "run" } else { "runs" }
    );
    if tasks.is_empty() {
        text.push_str("no task has a metric that says right or wrong\n");
    }
    for task in tasks {
        let target = history.targets.get(task.target).map_or("", String::as_str);
        let name = format!("{target}  {}.{}", task.task, task.metric);
        let _ = writeln!(text, "\n{}  {} cases", clean::line(&name), task.cases);
        for repeats in &task.repeats {
            let _ = writeln!(
                text,
                "  {:<10} {} [{}, {}]  over {} cases",
                repeats.metric,
                share(repeats.value),
                share(repeats.low),
                share(repeats.high),
                repeats.denominator
            );
        }
        let _ = writeln!(text, "  flaky      {} of {} cases", task.flaky.len(), task.cases);
        for case in task.flaky.iter().take(SHOWN_MAX) {
            let _ = writeln!(
                text,
                "    {}  {} of {} right over {} {}, {} [{}, {}]",
                clean::line(&case.case_id),
                case.passes,
                case.attempts,
                case.runs,
                if case.runs == 1 { "run" } else { "runs" },
                share(case.rate.value),
                share(case.rate.low),
                share(case.rate.high)
            );
        }
        if task.flaky.len() > SHOWN_MAX {
            let _ = writeln!(text, "    … and {} more, in --json", task.flaky.len() - SHOWN_MAX);
        }
    }
    text
}

fn json(history: &History, tasks: &[Repeated]) -> Value {
    let estimate = |metric: &MetricResult| Estimate {
        value: metric.value,
        low: metric.low,
        high: metric.high,
        level: metric.level,
        n: metric.denominator,
        method: metric.method,
        unit: metric.unit,
    };
    let told: Vec<Value> = tasks
        .iter()
        .map(|task| {
            let repeats: Vec<Value> = task
                .repeats
                .iter()
                .map(|metric| json!({"name": metric.metric, "estimate": estimate(metric)}))
                .collect();
            json!({"target": history.targets.get(task.target), "task": task.task, "metric": task.metric,
                   "n_cases": task.cases, "repeats": repeats, "n_flaky": task.flaky.len(), "flaky": task.flaky})
        })
        .collect();
    json!({"schema": "seatrial.report.flaky/1", "tool_version": TOOL_VERSION, "exit_code": ExitCode::Pass.code(),
           "warnings": history.warnings, "suite": history.suite, "runs": history.runs, "tasks": told})
}
