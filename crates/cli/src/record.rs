//! Reading a run back from the record: which run, its findings, its samples with their names. What every command on
//! recorded runs shares.

use crate::error::CliError;
use crate::session::store_error;
use seatrial_report::Labels;
use seatrial_store::{Catalog, Events, RunRow, SqliteStore};
use seatrial_types::{Findings, RunId, SampleRecord};
use std::ops::ControlFlow;
use std::path::Path;

/// Runs that an error message names.
const RUNS_NAMED: usize = 5;

/// Opens the record for reading.
pub(crate) fn open(folder: &Path) -> Result<SqliteStore, CliError> {
    SqliteStore::open_read_only(folder).map_err(|error| {
        CliError::usage(error)
            .hint("name the folder of the record with --store, or make a run first: seatrial run SUITE")
    })
}

/// The run of this id; `latest` is the newest one.
pub(crate) fn find_run(store: &SqliteStore, id: &str) -> Result<RunRow, CliError> {
    let runs = store.runs(RUNS_NAMED).map_err(store_error)?;
    let found = if id == "latest" {
        runs.first().cloned()
    } else {
        store.run(&RunId::from_text(id)).map_err(store_error)?
    };
    found.ok_or_else(|| {
        let ids: Vec<_> = runs.iter().map(|run| run.header.id.as_str()).collect();
        let known = if ids.is_empty() {
            "the record has no runs".to_owned()
        } else {
            format!("newest runs: {}", ids.join(", "))
        };
        CliError::usage(format!("there is no run `{id}`")).hint(known)
    })
}

/// The findings of a run as they were recorded.
pub(crate) fn findings(store: &SqliteStore, run: &RunRow) -> Result<Findings, CliError> {
    let id = &run.header.id;
    let Some(json) = store.findings(id).map_err(store_error)? else {
        let suite = run.header.suite_path.as_deref().unwrap_or("SUITE");
        return Err(CliError::usage(format!(
            "run {id} has no findings: it is {} with {} of {} samples",
            run.status.as_str(),
            run.samples_finished,
            run.header.samples_planned
        ))
        .hint(format!(
            "wait for its end, or continue it: seatrial run {suite} --resume-run {id}"
        )));
    };
    serde_json::from_str(&json).map_err(|error| {
        CliError::infrastructure(format!("the findings of run {id} cannot be read: {error}")).hint(format!(
            "they were written by version {}; this is {}",
            run.header.tool_version,
            seatrial_types::TOOL_VERSION
        ))
    })
}

/// The plan of a run as it was recorded, as JSON; empty where it is not there.
pub(crate) fn plan(store: &SqliteStore, run: &RunRow) -> Result<String, CliError> {
    let plan = store.plan(run.header.plan_hash).map_err(store_error)?;
    Ok(plan.unwrap_or_default())
}

/// Names of the targets, tasks, scorers and metrics of a run, from its recorded plan; the suite may be gone by now.
pub(crate) fn labels(store: &SqliteStore, run: &RunRow, findings: &Findings) -> Result<Labels, CliError> {
    Ok(Labels::of_plan(&plan(store, run)?).with_pillars(findings))
}

/// All samples of a run, in key order.
pub(crate) fn for_each_sample(
    store: &SqliteStore,
    run: &RunId,
    f: &mut dyn FnMut(&SampleRecord),
) -> Result<(), CliError> {
    let mut each = |sample: SampleRecord| {
        f(&sample);
        ControlFlow::Continue(())
    };
    store.for_each_sample(run, &mut each).map_err(store_error)
}
