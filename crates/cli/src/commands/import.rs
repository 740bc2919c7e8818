//! `seatrial import`: what another tool recorded becomes a run on record, with findings like any other.

use crate::args::{ImportArguments, ImportCommand};
use crate::error::CliError;
use crate::imported_plan;
use crate::output;
use crate::reports;
use crate::session::{new_run_id_at, now, store_error};
use seatrial_analyse::{Collector, RunFacts, RunState};
use seatrial_interop::{Format, ImportError, Options, Shape};
use seatrial_store::{Catalog, Events, RunHeader, RunLock, RunRow, RunStatus, SqliteStore, StoreError};
use seatrial_types::{ContentHash, ExitCode, Findings, RunId, SampleRecord, TOOL_VERSION};
use serde_json::json;
use std::ops::ControlFlow;

/// Samples that are written in one transaction.
const BATCH_SAMPLES: usize = 256;

pub(crate) fn import(command: &ImportCommand) -> Result<ExitCode, CliError> {
    let (format, arguments) = match command {
        ImportCommand::Inspect(arguments) => (Format::Inspect, arguments),
        ImportCommand::LmEval(arguments) => (Format::LmEval, arguments),
        ImportCommand::OpenaiEvals(arguments) => (Format::OpenAiEvals, arguments),
        ImportCommand::Results(arguments) => (Format::Results, arguments),
        ImportCommand::Promptfoo(arguments) => return super::promptfoo::import(arguments),
    };
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let options = Options {
        name: arguments.name.clone(),
        target: arguments.target.clone(),
        slices: arguments.slice.clone(),
        cluster: arguments.cluster.clone(),
    };
    let shape =
        seatrial_interop::survey(format, &arguments.files, &options).map_err(|error| import_error(&error))?;
    let body = shape.plan_body();
    let hash = ContentHash::of(body.as_bytes());
    let mut store = SqliteStore::open(&arguments.store.store).map_err(store_error)?;
    store.put_plan(hash, &body).map_err(store_error)?;
    let run = run_of(&mut store, &shape, hash)?;
    let _lock = RunLock::acquire(&arguments.store.store, &run.header.id).map_err(store_error)?;
    let was_there = run.status == RunStatus::Finished;
    if !was_there {
        record(&mut store, &shape, &run.header.id)?;
    }
    let findings = analyse(&store, &shape, &run, hash)?;
    if !was_there {
        let ended_at = shape
            .ended_at
            .clone()
            .unwrap_or_else(|| run.header.started_at.clone());
        let json = seatrial_report::findings_json(&findings).map_err(CliError::infrastructure)?;
        let id = &run.header.id;
        store
            .end_run(
                id,
                RunStatus::Finished,
                &ended_at,
                findings.exit_code,
                Some(&json),
            )
            .map_err(store_error)?;
    }
    tell(arguments, &shape, &findings, was_there)
}

fn import_error(error: &ImportError) -> CliError {
    let text = error.to_string();
    match text.split_once("; hint: ") {
        Some((message, hint)) => CliError::usage(message).hint(hint),
        None => CliError::usage(text),
    }
}

/// The run of these very files, where it is on record; else a new one. An import that was cut off is completed.
fn run_of(store: &mut SqliteStore, shape: &Shape, hash: ContentHash) -> Result<RunRow, CliError> {
    if let Some(run) = store.newest_run_of(hash).map_err(store_error)? {
        return Ok(run);
    }
    let started_at = shape.started_at.clone().unwrap_or_else(now);
    let header = RunHeader {
        id: new_run_id_at(&started_at),
        plan_hash: hash,
        suite: shape.name.clone(),
        suite_path: None,
        started_at,
        tool_version: TOOL_VERSION.to_owned(),
        samples_planned: shape.samples_expected,
    };
    store.create_run(&header).map_err(store_error)?;
    Ok(RunRow {
        header,
        status: RunStatus::Running,
        ended_at: None,
        exit_code: None,
        samples_finished: 0,
    })
}

fn record(store: &mut SqliteStore, shape: &Shape, id: &RunId) -> Result<(), CliError> {
    let mut batch: Vec<SampleRecord> = Vec::with_capacity(BATCH_SAMPLES);
    let mut failed: Option<StoreError> = None;
    let mut put = |batch: &mut Vec<SampleRecord>| match store.append(id, batch) {
        Ok(()) => {
            batch.clear();
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    seatrial_interop::records(shape, &mut |sample| {
        batch.push(sample);
        if batch.len() < BATCH_SAMPLES {
            return ControlFlow::Continue(());
        }
        put(&mut batch)
    })
    .map_err(|error| import_error(&error))?;
    if !batch.is_empty() {
        let _ = put(&mut batch);
    }
    match failed {
        Some(error) => Err(store_error(error)),
        None => Ok(()),
    }
}

/// Findings from the record, as for any run.
fn analyse(
    store: &SqliteStore,
    shape: &Shape,
    run: &RunRow,
    hash: ContentHash,
) -> Result<Findings, CliError> {
    let draft = imported_plan::draft(shape)?;
    let clustered = shape.tasks.iter().map(|task| task.is_clustered).collect();
    let mut collector = Collector::new(&draft, imported_plan::metrics(shape), clustered);
    let mut add = |sample: seatrial_types::SampleFigures| {
        collector.add(&sample);
        ControlFlow::Continue(())
    };
    store
        .for_each_figures(&run.header.id, &mut add)
        .map_err(store_error)?;
    let facts = RunFacts {
        ended_at: shape.ended_at.clone(),
        samples_planned: shape.samples_expected,
        warnings: shape.warnings.clone(),
        // A log that ends early is no result: what it has is shown, and nothing passes by it.
        state: if shape.samples < shape.samples_expected {
            RunState::Interrupted
        } else {
            RunState::Complete
        },
        ..RunFacts::recorded_elsewhere(run.header.id.clone(), hash, run.header.started_at.clone())
    };
    let mut findings = seatrial_analyse::findings(&draft, &collector, &facts);
    for (found, target) in findings.targets.iter_mut().zip(&shape.targets) {
        found.model = Some(target.model.clone());
        // How long the other tool kept its own calls waiting is not in any of these files.
        found.client_queue_ms_p99 = None;
    }
    findings.comparisons = crate::scored::comparisons(store, run, &findings)?;
    Ok(findings)
}

fn tell(
    arguments: &ImportArguments,
    shape: &Shape,
    findings: &Findings,
    was_there: bool,
) -> Result<ExitCode, CliError> {
    let id = &findings.run_id;
    let tasks: Vec<_> = shape
        .tasks
        .iter()
        .map(|task| {
            let metrics: Vec<_> = task.scorers.iter().flat_map(|scorer| &scorer.metrics).collect();
            json!({"name": task.name, "imported_name": task.original, "cases": task.cases(), "epochs": task.epochs,
                   "metrics": metrics})
        })
        .collect();
    let targets: Vec<_> = shape
        .targets
        .iter()
        .map(|target| json!({"name": target.name, "model": target.model}))
        .collect();
    let told = json!({
        "schema": "seatrial.import/1", "tool_version": TOOL_VERSION, "run_id": id, "plan_hash": findings.plan_hash,
        "suite": shape.name, "already_on_record": was_there, "targets": targets, "tasks": tasks,
        "samples": shape.samples, "samples_expected": shape.samples_expected, "errors": shape.errors,
        "provenance": shape.provenance, "findings": findings, "exit_code": ExitCode::Pass.code(),
        "warnings": shape.warnings,
    });
    let text = serde_json::to_string_pretty(&told).map_err(CliError::infrastructure)? + "\n";
    let takes_stdout = arguments.json.as_deref().is_some_and(output::is_stdout);
    let color = if takes_stdout {
        output::colors_stderr()
    } else {
        output::colors_stdout()
    };
    let report = reports::on_screen(findings, color);
    if takes_stdout {
        output::stderr(&report);
    } else {
        output::stdout(&report)?;
    }
    match arguments.json.as_deref() {
        None => {}
        Some(_) if takes_stdout => output::stdout(&text)?,
        Some(path) => output::write_whole(path, &text)?,
    }
    let was = if was_there {
        "was on record already"
    } else {
        "is on record"
    };
    output::stderr(&format!(
        "run {id} {was}: {} samples, {} of them errors; again: seatrial report {id}; its samples: seatrial export {id}\n",
        shape.samples, shape.errors
    ));
    Ok(ExitCode::Pass)
}
