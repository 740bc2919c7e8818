//! `seatrial doctor`: what is in the way of a run, and what to do about it. Gathers the checks and shows them.

use crate::args::DoctorArguments;
use crate::doctor::{Check, Status, machine, record, targets};
use crate::error::CliError;
use crate::{output, wiring};
use anstyle::{AnsiColor, Style};
use seatrial_config::DraftPlan;
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::json;
use std::fmt::Write;

/// Name and version of the JSON form.
const SCHEMA: &str = "seatrial.doctor/1";

pub(crate) fn doctor(arguments: &DoctorArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let (draft, mut checks) = read_suite(arguments);
    let concurrency = draft.as_ref().map_or(0, |draft| {
        let targets = draft.targets.iter().chain(&draft.models);
        targets
            .map(|target| u64::from(target.limits.concurrency.max))
            .sum()
    });
    checks.extend(machine::checks(concurrency));
    checks.extend(record::checks(&arguments.store.store));
    if let Some(draft) = &draft {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                CliError::infrastructure(format!("failed to start the network runtime: {error}"))
            })?;
        let looked = targets::checks(draft, arguments.ca_file.as_deref(), arguments.call);
        checks.extend(runtime.block_on(looked));
        // A name that is still being resolved holds a thread; nobody waits for it.
        runtime.shutdown_background();
    }
    let failed: Vec<ExitCode> = checks
        .iter()
        .map(|check| check.exit)
        .filter(|exit| *exit != ExitCode::Pass)
        .collect();
    let exit = ExitCode::strongest(&failed);
    show(&checks, exit, arguments)?;
    Ok(exit)
}

/// The suite, and the check that says how reading it went.
fn read_suite(arguments: &DoctorArguments) -> (Option<DraftPlan>, Vec<Check>) {
    let Some(path) = &arguments.suite else {
        return (None, Vec::new());
    };
    match seatrial_config::read_suite(path, &wiring::vocabulary()) {
        Ok((draft, warnings)) => {
            let found = format!("{} targets, {} tasks", draft.targets.len(), draft.tasks.len());
            let mut checks = vec![Check::ok("suite", "grammar", found)];
            checks.extend(warnings.iter().map(|warning| {
                let hint = warning.hint.clone().unwrap_or_default();
                Check::warn(
                    "suite",
                    "grammar",
                    format!("{}: {}", warning.location, warning.message),
                    hint,
                )
            }));
            (Some(draft), checks)
        }
        Err(problems) => {
            let found = problems.render(false);
            let first = found.lines().take(2).map(str::trim).collect::<Vec<_>>().join(" ");
            let hint = format!("seatrial run {} shows all of them", path.display());
            (None, vec![Check::misuse("suite", "grammar", first, hint)])
        }
    }
}

fn show(checks: &[Check], exit: ExitCode, arguments: &DoctorArguments) -> Result<(), CliError> {
    let worst = checks
        .iter()
        .map(|check| check.status)
        .max()
        .unwrap_or(Status::Ok);
    let takes_stdout = arguments.json.as_deref().is_some_and(output::is_stdout);
    if takes_stdout {
        output::stderr(&text(checks, worst, output::colors_stderr()));
    } else {
        output::stdout(&text(checks, worst, output::colors_stdout()))?;
    }
    let Some(path) = &arguments.json else {
        return Ok(());
    };
    let warnings: Vec<String> = checks
        .iter()
        .filter(|check| check.status == Status::Warn)
        .map(|check| format!("{}: {}: {}", check.subject, check.name, check.found))
        .collect();
    let object = json!({
        "schema": SCHEMA,
        "tool_version": TOOL_VERSION,
        "verdict": worst,
        "exit_code": exit.code(),
        "warnings": warnings,
        "checks": checks,
    });
    let json = serde_json::to_string_pretty(&object).map_err(CliError::infrastructure)? + "\n";
    if takes_stdout {
        output::stdout(&json)
    } else {
        output::write_whole(path, &json)
    }
}

fn text(checks: &[Check], worst: Status, color: bool) -> String {
    let paint = |style: Style, text: &str| {
        if color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    };
    let mut text = String::new();
    let mut subject = "";
    for check in checks {
        if check.subject != subject {
            subject = &check.subject;
            let _ = writeln!(text, "{}", paint(Style::new().bold(), subject));
        }
        let (word, style) = match check.status {
            Status::Ok => ("ok  ", AnsiColor::Green),
            Status::Warn => ("warn", AnsiColor::Yellow),
            Status::Fail => ("fail", AnsiColor::Red),
        };
        let word = paint(style.on_default(), word);
        let _ = writeln!(text, "  {word}  {:<12} {}", check.name, check.found);
        if let Some(hint) = check.hint.as_deref().filter(|hint| !hint.is_empty()) {
            let _ = writeln!(text, "        {:<12} hint: {hint}", "");
        }
    }
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let end = match worst {
        Status::Ok => "nothing is in the way".to_owned(),
        Status::Warn => format!("nothing is in the way, {} to know", count(Status::Warn)),
        Status::Fail => format!(
            "{} in the way, {} to know",
            count(Status::Fail),
            count(Status::Warn)
        ),
    };
    let _ = writeln!(text, "{end}");
    text
}
