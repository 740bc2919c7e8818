//! `seatrial report`: any report of any recorded run, and the list of runs.

use crate::args::{ReportArguments, ReportCommand, ReportFormat, ReportListArguments};
use crate::baselines;
use crate::error::CliError;
use crate::output;
use crate::pr_changes::{self, Other};
use crate::record;
use crate::reports;
use crate::scored;
use crate::session::{self, store_error};
use seatrial_store::{Catalog, RunRow, SqliteStore};
use seatrial_types::{ExitCode, Findings, TargetFindings};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

pub(crate) fn report(arguments: &ReportArguments) -> Result<ExitCode, CliError> {
    match (&arguments.command, &arguments.run) {
        (Some(ReportCommand::List(list_arguments)), _) => list(list_arguments),
        (Some(ReportCommand::Flaky(flaky_arguments)), _) => super::flaky::flaky(flaky_arguments),
        (None, Some(run)) => one(arguments, run),
        (None, None) => Err(CliError::usage(
            "no run is named, expected an id, `latest` or `list`",
        )),
    }
}

fn one(arguments: &ReportArguments, run: &str) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.output {
        output::check_writable(path)?;
    }
    let store = record::open(&arguments.store.store)?;
    let run = record::find_run(&store, run)?;
    let findings = record::findings(&store, &run)?;
    let to_screen = arguments.output.as_deref().is_none_or(output::is_stdout);
    let text = match arguments.format {
        ReportFormat::Terminal => reports::on_screen(&findings, to_screen && output::colors_stdout()),
        ReportFormat::Markdown => seatrial_report::markdown(&findings, seatrial_report::COMMENT_BYTES_MAX),
        ReportFormat::PrComment => pr_comment(arguments, &findings, &store, &run)?,
        ReportFormat::Html => reports::html(&findings, &store, &run)?,
        ReportFormat::Json => seatrial_report::findings_json(&findings).map_err(CliError::infrastructure)?,
        ReportFormat::Junit => reports::junit(
            &findings,
            &store,
            &run,
            arguments.junit_samples,
            arguments.junit_form.form(),
        )?,
        ReportFormat::Github => {
            reports::github_files(&findings, None)?;
            seatrial_report::github_annotations(&findings, &reports::repository_path)
        }
        ReportFormat::GitlabCodequality => {
            seatrial_report::gitlab_code_quality(&findings, &reports::repository_path)
        }
        ReportFormat::GitlabMetrics => seatrial_report::open_metrics(&findings),
    };
    match arguments
        .output
        .as_deref()
        .filter(|path| !output::is_stdout(path))
    {
        None => output::stdout(&text)?,
        Some(path) => output::write_whole(path, &text)?,
    }
    Ok(if arguments.gate {
        session::exit_code(&findings)
    } else {
        ExitCode::Pass
    })
}

/// The comment on a pull request: against the run that was named, else the baseline of the run, else the one of its
/// suite's name where there is one.
fn pr_comment(
    arguments: &ReportArguments,
    findings: &Findings,
    store: &SqliteStore,
    run: &RunRow,
) -> Result<String, CliError> {
    let runs = scored::of_run(store, run, None)?;
    let other = match &arguments.against {
        None => baseline_of(arguments, findings)?,
        Some(reference) => {
            let reference = scored::RunReference::of(reference);
            let row = record::find_run(store, reference.run)?;
            Some(Other {
                label: format!("run {}", row.header.id),
                runs: scored::of_run(store, &row, reference.target)?,
                values: values(&record::findings(store, &row)?),
            })
        }
    };
    let changes = pr_changes::changes(findings, store, run, &runs, other.as_ref())?;
    Ok(seatrial_report::pr_comment(
        findings,
        &changes,
        seatrial_report::COMMENT_BYTES_MAX,
    ))
}

fn baseline_of(arguments: &ReportArguments, findings: &Findings) -> Result<Option<Other>, CliError> {
    let named = findings.baseline.as_ref().map(|baseline| baseline.name.as_str());
    let path = baselines::path_of(&arguments.folder.baselines, named.unwrap_or(&findings.suite))?;
    let Some(found) = baselines::read(&path)? else {
        return Ok(None);
    };
    // The run that was blessed is no change to itself.
    if found.run_id == findings.run_id {
        return Ok(None);
    }
    let author = found.author.as_ref().map(|author| format!(" by {author}"));
    Ok(Some(Other {
        label: format!(
            "baseline {} (run {}, blessed {}{})",
            found.name,
            found.run_id,
            found.blessed_at,
            author.unwrap_or_default()
        ),
        values: found
            .estimates
            .into_iter()
            .filter_map(|estimate| Some(((estimate.target, estimate.metric), estimate.value?)))
            .collect(),
        runs: found.targets,
    }))
}

/// Values by target and metric.
fn values(findings: &Findings) -> HashMap<(String, String), f64> {
    let of_target = |target: &'_ TargetFindings| {
        let metrics = target.metrics.iter();
        let named = metrics.filter_map(|metric| Some(((target.name.clone(), metric.name()), metric.value?)));
        named.collect::<Vec<_>>()
    };
    findings.targets.iter().flat_map(of_target).collect()
}

fn list(arguments: &ReportListArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let store = record::open(&arguments.store.store)?;
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let runs = store.runs(limit).map_err(store_error)?;
    let listed: Vec<(RunRow, Option<String>)> = runs
        .into_iter()
        .map(|run| verdict(&store, &run).map(|verdict| (run, verdict)))
        .collect::<Result<_, _>>()?;
    let json = arguments.json.as_deref();
    if let Some(path) = json {
        let text =
            serde_json::to_string_pretty(&list_json(&listed)).map_err(CliError::infrastructure)? + "\n";
        if output::is_stdout(path) {
            return output::stdout(&text).map(|()| ExitCode::Pass);
        }
        output::write_whole(path, &text)?;
    }
    output::stdout(&list_text(&listed))?;
    Ok(ExitCode::Pass)
}

/// The verdict on record; `None` for a run without findings, and for findings of another version.
fn verdict(store: &SqliteStore, run: &RunRow) -> Result<Option<String>, CliError> {
    let json = store.findings(&run.header.id).map_err(store_error)?;
    let findings: Option<Value> = json.and_then(|json| serde_json::from_str(&json).ok());
    Ok(findings.and_then(|findings| findings["verdict"].as_str().map(str::to_owned)))
}

fn list_json(runs: &[(RunRow, Option<String>)]) -> Value {
    let runs: Vec<Value> = runs
        .iter()
        .map(|(run, verdict)| {
            json!({"run_id": run.header.id, "suite": run.header.suite, "suite_path": run.header.suite_path,
                   "plan_hash": run.header.plan_hash, "status": run.status, "verdict": verdict,
                   "exit_code": run.exit_code, "started_at": run.header.started_at, "ended_at": run.ended_at,
                   "samples_planned": run.header.samples_planned, "samples_finished": run.samples_finished,
                   "tool_version": run.header.tool_version})
        })
        .collect();
    json!({"schema": "seatrial.report.list/1", "tool_version": seatrial_types::TOOL_VERSION, "exit_code": 0,
           "warnings": [], "runs": runs})
}

fn list_text(runs: &[(RunRow, Option<String>)]) -> String {
    if runs.is_empty() {
        return "no runs on record\n".to_owned();
    }
    let mut text = format!(
        "{:<23} {:<12} {:<13} {:>4} {:>17}  {}\n",
        "run", "status", "verdict", "exit", "samples", "suite"
    );
    for (run, verdict) in runs {
        let samples = format!("{}/{}", run.samples_finished, run.header.samples_planned);
        let exit = run
            .exit_code
            .map_or_else(|| "–".to_owned(), |code| code.to_string());
        let suite = seatrial_report::clean::line(&run.header.suite);
        let _ = writeln!(
            text,
            "{:<23} {:<12} {:<13} {exit:>4} {samples:>17}  {suite}",
            run.header.id.as_str(),
            run.status.as_str(),
            verdict.as_deref().unwrap_or("–")
        );
    }
    text
}
