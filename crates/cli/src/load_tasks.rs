//! The load tasks of a run: checked before its first call, carried out after the evaluation, one at a time, and put on
//! record one by one. Apart from the session, which knows samples; why a load is recorded as it is:
//! `docs/design/0029-load-tasks.md`.

use crate::caps;
use crate::commands::load::{Stopper, TaskEnd, TaskLoad, TaskWork};
use crate::error::CliError;
use crate::output;
use crate::session::{loads_of, record_load, store_error};
use crate::wiring::Wires;
use seatrial_config::CacheMode;
use seatrial_engine::{Job, PendingAnswers, RunEnd, StoreSink};
use seatrial_store::SqliteStore;
use seatrial_task::{Plan, SampleSink};
use seatrial_types::{LoadOutcome, Money, RunId};
use std::path::Path;
use std::time::{Duration, Instant};

/// Every load task on every target that it names; all problems at once, each at its place in the suite.
pub(crate) fn prepare(plan: &Plan, wires: &Wires<'_>) -> Result<Vec<TaskLoad>, CliError> {
    let draft = &plan.draft;
    let mut problems = draft.diagnostics();
    let mut prepared = Vec::new();
    for (load_index, load) in draft.loads.iter().enumerate() {
        if draft.cache == CacheMode::ReplayOnly {
            let hint = "leave load tasks to another suite, or ask: `cache: off`".to_owned();
            let message = "a load needs to ask, and the cache is `replay-only`";
            problems.push_at(draft.locate_load(load_index, "load"), message, Some(hint));
            continue;
        }
        for (target_index, target) in draft.targets.iter().enumerate() {
            if !load.asks(&target.name) {
                continue;
            }
            match TaskLoad::prepare(load, (load_index, target_index), target, wires) {
                Ok(task) => prepared.push(task),
                Err((key, message, hint)) => {
                    let place = draft.locate_load(load_index, &format!("load/{key}"));
                    problems.push_at(place, message, hint);
                    break;
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(prepared)
    } else {
        Err(CliError::rendered(problems.render(output::colors_stderr())))
    }
}

/// Carries out what is not on record yet. The evaluation is over by then; how the run ends.
pub(crate) fn carry_out(
    loads: &[TaskLoad],
    job: &Job,
    store: &mut SqliteStore,
    (folder, run): (&Path, &RunId),
) -> Result<RunEnd, CliError> {
    if loads.is_empty() {
        return Ok(RunEnd::Complete);
    }
    let stopper = Stopper::listen();
    let began = Instant::now();
    let known = loads_of(store, run)?;
    let mut end = RunEnd::Complete;
    for load in loads {
        if is_measured(load, &job.plan, &known) {
            continue;
        }
        if is_too_long(load, &job.plan, began) {
            end = RunEnd::DurationCap;
            break;
        }
        tell(load, &job.plan);
        let work = TaskWork {
            plan: &job.plan,
            scorers: &job.scorers,
            models: &job.models,
            stopper: &stopper,
            money_left: money_left(store, &job.plan, run)?,
        };
        match load.carry_out(&work)? {
            TaskEnd::Whole { outcome, samples } => {
                let own = SqliteStore::open(folder).map_err(store_error)?;
                let mut sink = StoreSink::new(own, run.clone(), PendingAnswers::default());
                for batch in samples.chunks(SAMPLES_PER_COMMIT) {
                    sink.put(batch).map_err(CliError::infrastructure)?;
                }
                record_load(store, run, outcome)?;
            }
            TaskEnd::Unfinished { outcome, is_capped } => {
                record_load(store, run, outcome)?;
                end = if is_capped {
                    RunEnd::CostCap
                } else {
                    RunEnd::Interrupted
                };
                break;
            }
            TaskEnd::TooDear(why) => {
                output::stderr(&format!("the load is not begun: {why}\n"));
                end = RunEnd::CostCap;
                break;
            }
        }
    }
    close_scoring(job);
    Ok(end)
}

/// Samples of a load that are put on record together.
const SAMPLES_PER_COMMIT: usize = 256;

fn names<'a>(load: &TaskLoad, plan: &'a Plan) -> (&'a str, &'a str) {
    let task = plan.draft.loads.get(load.load_index);
    let target = plan.draft.targets.get(load.target_index);
    (
        task.map_or("", |task| task.name.as_str()),
        target.map_or("", |target| target.name.as_str()),
    )
}

fn is_measured(load: &TaskLoad, plan: &Plan, known: &[LoadOutcome]) -> bool {
    let (task, target) = names(load, plan);
    known
        .iter()
        .any(|known| known.is_whole && known.task == task && known.target == target)
}

fn tell(load: &TaskLoad, plan: &Plan) {
    let (task, target) = names(load, plan);
    let calls = load.calls().map_or_else(
        || "as many requests as it answers".to_owned(),
        |calls| format!("about {calls} requests"),
    );
    let time = load
        .time()
        .map_or_else(String::new, |time| format!(" in {:.1} s", time.as_secs_f64()));
    output::stderr(&format!("load task {task} on {target}: {calls}{time}\n"));
}

/// Whether the load would take longer than what is left of the session's time.
fn is_too_long(load: &TaskLoad, plan: &Plan, began: Instant) -> bool {
    let Some(cap) = plan.draft.budget.duration else {
        return false;
    };
    began.elapsed() + load.time().unwrap_or(Duration::ZERO) > cap
}

fn money_left(store: &SqliteStore, plan: &Plan, run: &RunId) -> Result<Option<Money>, CliError> {
    let budget = caps::budget(store, &plan.draft, run)?;
    Ok(budget.cost.map(|cost| {
        let left = cost.cap.picodollars() - cost.spent_before.picodollars();
        Money::from_picodollars(left.max(0))
    }))
}

/// Programs that score were closed after the evaluation, and those that scoring under load began again are now.
fn close_scoring(job: &Job) {
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        runtime.block_on(seatrial_engine::close_scoring(&job.scorers, &job.models));
    }
}
