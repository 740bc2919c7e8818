//! `seatrial baseline`: blessing a run, and looking at what was blessed. The comparison of a run with one is a module of its
//! own.

mod diff;

use crate::args::baseline::{
    BaselineCommand, BaselineListArguments, BaselineRmArguments, BaselineShowArguments, BlessArguments,
};
use crate::baselines;
use crate::error::CliError;
use crate::output;
use crate::record;
use crate::scored;
use seatrial_analyse::baseline::{Baseline, Blessing};
use seatrial_config::{DEFAULT_MAX_ERROR_RATE, DEFAULT_STALE_DAYS};
use seatrial_report::{clean, format};
use seatrial_store::{RunRow, RunStatus};
use seatrial_types::{ExitCode, Findings, TOOL_VERSION, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Longest author and reason.
const WORDS_CHARS_MAX: usize = 1000;

pub(crate) fn baseline(command: &BaselineCommand) -> Result<ExitCode, CliError> {
    match command {
        BaselineCommand::Bless(arguments) => bless(arguments),
        BaselineCommand::List(arguments) => list(arguments),
        BaselineCommand::Show(arguments) => show(arguments),
        BaselineCommand::Diff(arguments) => diff::diff(arguments),
        BaselineCommand::Rm(arguments) => rm(arguments),
    }
}

fn bless(arguments: &BlessArguments) -> Result<ExitCode, CliError> {
    let store = record::open(&arguments.store.store)?;
    let run = record::find_run(&store, &arguments.run)?;
    let findings = record::findings(&store, &run)?;
    let against = speaks_against(&run, &findings);
    if let (Some(why), false) = (&against, arguments.force) {
        return Err(
            CliError::usage(format!("run {} is no baseline: {why}", run.header.id))
                .hint("bless a run that is good, or insist with --force; the baseline will say so"),
        );
    }
    let name = arguments.name.clone().unwrap_or_else(|| run.header.suite.clone());
    let path = match &arguments.file {
        Some(path) => path.clone(),
        None => baselines::path_of(&arguments.folder.baselines, &name)?,
    };
    baselines::check_name(&name)?;
    // A file that is there and is no baseline is not written over.
    let earlier = baselines::read(&path)?;
    let targets = scored::of_run(&store, &run, None)?;
    let warnings: BTreeSet<&String> = targets.iter().flat_map(|target| &target.warnings).collect();
    for warning in warnings {
        output::stderr(&format!("warning: {warning}\n"));
    }
    let words = |given: Option<String>| given.map(|text| clean::preview(&text, WORDS_CHARS_MAX));
    let blessing = Blessing {
        name,
        at: crate::session::now(),
        author: words(arguments.author.clone().or_else(author)),
        reason: words(arguments.reason.clone()),
        is_forced: against.is_some(),
    };
    let blessed = Baseline::of(&findings, targets, blessing);
    baselines::write(&path, &blessed)?;
    let mut text = format!(
        "run {} is baseline `{}` now: {}\n",
        blessed.run_id,
        blessed.name,
        path.display()
    );
    if let Some(earlier) = earlier {
        let _ = writeln!(
            text,
            "it replaces run {}, blessed {}",
            earlier.run_id, earlier.blessed_at
        );
    }
    if let Some(why) = against {
        let _ = writeln!(text, "warning: {why}");
    }
    output::stdout(&text)?;
    Ok(ExitCode::Pass)
}

/// Why a run should not be what others are compared with.
fn speaks_against(run: &RunRow, findings: &Findings) -> Option<String> {
    if run.status != RunStatus::Finished {
        return Some(format!(
            "it is {} with {} of {} samples",
            run.status.as_str(),
            run.samples_finished,
            run.header.samples_planned
        ));
    }
    if findings.verdict == Verdict::Fail {
        return Some("its gates fail".to_owned());
    }
    let broken = [
        ExitCode::Critical,
        ExitCode::Budget,
        ExitCode::Errors,
        ExitCode::Saturated,
        ExitCode::Interrupted,
    ]
    .into_iter()
    .find(|code| code.code() == findings.exit_code);
    if let Some(code) = broken {
        return Some(code.meaning().to_owned());
    }
    // A missing baseline hides weaker exit codes.
    let errors: u64 = findings
        .targets
        .iter()
        .flat_map(|target| target.errors.values())
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let is_many = errors as f64 > DEFAULT_MAX_ERROR_RATE * findings.samples_finished as f64;
    is_many.then(|| format!("{errors} of {} samples are errors", findings.samples_finished))
}

/// Who git says is working here; nobody where it does not say.
fn author() -> Option<String> {
    let given = std::env::var("GIT_AUTHOR_NAME").ok();
    let told = given.or_else(|| {
        let asked = std::process::Command::new("git")
            .args(["config", "--get", "user.name"])
            .stdin(std::process::Stdio::null())
            .output()
            .ok()?;
        String::from_utf8(asked.stdout).ok()
    });
    told.map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

fn list(arguments: &BaselineListArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let mut warnings = Vec::new();
    let mut found = Vec::new();
    for path in baselines::files(&arguments.folder.baselines) {
        match baselines::read(&path) {
            Ok(Some(baseline)) => found.push((path, baseline)),
            Ok(None) => {}
            Err(error) => warnings.push(error.message),
        }
    }
    let rows: Vec<Value> = found
        .iter()
        .map(|(path, baseline)| facts(path, baseline))
        .collect();
    let result = json!({"schema": "seatrial.baseline.list/1", "tool_version": TOOL_VERSION, "exit_code": 0,
                        "warnings": warnings, "baselines": rows});
    let mut text = String::new();
    if found.is_empty() {
        let _ = writeln!(text, "{}", baselines::known(&arguments.folder.baselines));
    } else {
        let _ = writeln!(
            text,
            "{:<24} {:<23} {:>8}  {:<12} {:<20} why",
            "baseline", "run", "days", "verdict", "author"
        );
    }
    for (_, baseline) in &found {
        let days = baselines::days_since(&baseline.blessed_at);
        let is_stale = days.is_some_and(|days| days > f64::from(DEFAULT_STALE_DAYS));
        let days = days.map_or_else(|| "–".to_owned(), |days| format!("{days:.0}"));
        let _ = writeln!(
            text,
            "{:<24} {:<23} {days:>8}  {:<12} {:<20} {}{}",
            clean::line(&baseline.name),
            baseline.run_id.as_str(),
            baseline.verdict.as_str(),
            clean::line(baseline.author.as_deref().unwrap_or("–")),
            clean::line(baseline.reason.as_deref().unwrap_or("–")),
            if is_stale { "  (stale)" } else { "" },
        );
    }
    for warning in &warnings {
        let _ = writeln!(text, "warning: {}", clean::line(warning));
    }
    deliver(&text, &result, arguments.json.as_deref())?;
    Ok(ExitCode::Pass)
}

/// What a baseline is, without its samples.
fn facts(path: &Path, baseline: &Baseline) -> Value {
    let age_days = baselines::days_since(&baseline.blessed_at);
    let tasks = baseline.targets.iter().flat_map(|target| &target.tasks);
    let samples: usize = tasks.map(|task| task.samples.len()).sum();
    let targets: Vec<&str> = baseline
        .targets
        .iter()
        .filter_map(|target| target.target.as_deref())
        .collect();
    json!({"name": baseline.name, "path": path.display().to_string(), "run_id": baseline.run_id, "suite": baseline.suite,
           "plan_hash": baseline.plan_hash, "started_at": baseline.started_at, "blessed_at": baseline.blessed_at,
           "age_days": age_days, "author": baseline.author, "reason": baseline.reason,
           "verdict": baseline.verdict, "is_forced": baseline.is_forced, "targets": targets, "samples": samples})
}

fn show(arguments: &BaselineShowArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let (path, baseline) = baselines::require(&arguments.folder.baselines, &arguments.name)?;
    let mut result = json!({"schema": "seatrial.baseline.show/1", "tool_version": TOOL_VERSION, "exit_code": 0,
                            "warnings": []});
    let subjects: Vec<Value> = baseline
        .targets
        .iter()
        .map(|target| json!({"target": target.target, "subject": target.subject.fields, "identity": target.identity.tasks}))
        .collect();
    if let (Value::Object(result), Value::Object(facts)) = (&mut result, facts(&path, &baseline)) {
        result.extend(facts);
        result.insert("estimates".to_owned(), json!(baseline.estimates));
        result.insert("subjects".to_owned(), json!(subjects));
    }
    let told = |text: &Option<String>| clean::line(text.as_deref().unwrap_or("–")).into_owned();
    let mut text = format!(
        "baseline {}  run {}  {}\nblessed {} by {}\nwhy      {}\n",
        clean::line(&baseline.name),
        baseline.run_id,
        baseline.verdict.as_str(),
        baseline.blessed_at,
        told(&baseline.author),
        told(&baseline.reason)
    );
    if baseline.is_forced {
        text.push_str("it was blessed with --force, although something spoke against it\n");
    }
    for target in &baseline.targets {
        let name = target.target.as_deref().unwrap_or_default();
        let _ = writeln!(text, "\n{}", clean::line(name));
        for (field, value) in &target.subject.fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "  {field}: {}", clean::preview(&value, 100));
        }
        for estimate in baseline
            .estimates
            .iter()
            .filter(|estimate| estimate.target == name)
        {
            let value = format::interval(estimate.value, estimate.low, estimate.high, estimate.unit);
            let _ = writeln!(
                text,
                "  {:<40} {value}  n {}",
                clean::line(&estimate.metric),
                estimate.n
            );
        }
    }
    deliver(&text, &result, arguments.json.as_deref())?;
    Ok(ExitCode::Pass)
}

fn rm(arguments: &BaselineRmArguments) -> Result<ExitCode, CliError> {
    let folder = &arguments.folder.baselines;
    baselines::check_name(&arguments.name)?;
    let (path, baseline) = baselines::require(folder, &arguments.name)?;
    std::fs::remove_file(&path)
        .map_err(|error| CliError::infrastructure(format!("failed to remove {}: {error}", path.display())))?;
    output::stdout(&format!(
        "baseline `{}` of run {} is removed: {}\n",
        baseline.name,
        baseline.run_id,
        path.display()
    ))?;
    Ok(ExitCode::Pass)
}

/// The text for people and the result for programs, each where it belongs.
fn deliver(text: &str, result: &Value, json: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = json else {
        return output::stdout(text);
    };
    let whole = serde_json::to_string_pretty(result).map_err(CliError::infrastructure)? + "\n";
    if output::is_stdout(path) {
        output::stderr(text);
        return output::stdout(&whole);
    }
    output::stdout(text)?;
    output::write_whole(path, &whole)
}
