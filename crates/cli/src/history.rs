//! Recorded runs of one subject as a ledger: which answers a case got in each of them. Apart from comparisons, which hold
//! two subjects against each other: here runs are put together, and so must not differ.

use crate::error::CliError;
use crate::record;
use crate::scored::{self, RunReference};
use crate::session::{self, store_error};
use seatrial_analyse::Collector;
use seatrial_analyse::ledger::Ledger;
use seatrial_analyse::scored::{
    FieldDifference, PlannedTarget, TaskShape, identity_differences, planned_targets, subject_differences,
};
use seatrial_store::{Catalog, Events, RunRow, RunStatus, SqliteStore};
use seatrial_types::{ExitCode, RunId, SampleFigures, SampleKey};
use serde_json::Value;
use std::ops::ControlFlow;

/// Most runs that are put together.
pub(crate) const RUNS_MAX: usize = 1000;
/// Facts of a subject that decide neither answers nor scores.
const SUBJECT_IGNORED: &[&str] = &["price", "tool_version", "recorded_answers"];

/// Newest runs on record among which earlier ones of a plan are looked for.
const LOOKED_AT_MAX: usize = 200;
/// Earlier runs that are put beside a run.
const EARLIER_MAX: usize = 20;
/// Samples of earlier runs that are read at most; older runs are left out beyond that.
const EARLIER_SAMPLES_MAX: u64 = 200_000;

/// Finished runs of the same plan before this one, the newest first: what is known of its cases already. A run that only
/// scored answers again is left out, for its answers are those of another run, and so is the source of this one.
pub(crate) fn earlier_runs(store: &SqliteStore, run: &RunRow) -> Result<Vec<RunRow>, CliError> {
    let source = session::rescored_from(store, &run.header.id)?;
    let mut earlier = Vec::new();
    let mut samples = 0;
    // The list is newest first, so that what stands before this run in it came later.
    let runs = store.runs(LOOKED_AT_MAX).map_err(store_error)?;
    let before = runs
        .into_iter()
        .skip_while(|other| other.header.id != run.header.id)
        .skip(1);
    for other in before {
        let is_repetition = other.header.plan_hash == run.header.plan_hash
            && other.status == RunStatus::Finished
            && source.as_ref() != Some(&other.header.id);
        if !is_repetition || session::rescored_from(store, &other.header.id)?.is_some() {
            continue;
        }
        samples += other.samples_finished;
        if earlier.len() >= EARLIER_MAX || samples > EARLIER_SAMPLES_MAX {
            break;
        }
        earlier.push(other);
    }
    Ok(earlier)
}

/// Puts the answers of earlier runs beside those of a run, whose samples have all been added.
pub(crate) fn remember(
    store: &SqliteStore,
    earlier: &[RunRow],
    collector: &mut Collector,
) -> Result<(), CliError> {
    for (number, run) in (1..).zip(earlier) {
        let mut add = |sample: SampleFigures| {
            collector.remember(number, &sample);
            ControlFlow::Continue(())
        };
        store
            .for_each_figures(&run.header.id, &mut add)
            .map_err(store_error)?;
    }
    Ok(())
}

/// Runs, put together.
pub(crate) struct History {
    /// The answers of every case, by target of the first run.
    pub(crate) ledger: Ledger,
    /// Targets of the first run that were asked for.
    pub(crate) targets: Vec<String>,
    /// Tasks of the first run.
    pub(crate) shapes: Vec<TaskShape>,
    /// The runs, in the order in which they were named.
    pub(crate) runs: Vec<RunId>,
    /// Name of the suite of the first run.
    pub(crate) suite: String,
    /// What a reader should know.
    pub(crate) warnings: Vec<String>,
}

/// A run and what its plan says.
struct Member<'a> {
    run: RunRow,
    plan: Value,
    targets: Vec<PlannedTarget>,
    wanted: Option<&'a str>,
}

/// Puts recorded runs together; each is an id or `latest`, perhaps with one of its targets behind an `@`.
pub(crate) fn of_references(store: &SqliteStore, references: &[String]) -> Result<History, CliError> {
    if references.len() > RUNS_MAX {
        let found = references.len();
        return Err(CliError::usage(format!(
            "{found} runs are named, expected at most {RUNS_MAX}"
        )));
    }
    let mut warnings = Vec::new();
    let members: Vec<Member<'_>> = references
        .iter()
        .map(|reference| member(store, RunReference::of(reference), &mut warnings))
        .collect::<Result<_, _>>()?;
    let Some(first) = members.first() else {
        return Err(CliError::usage("no run is named"));
    };
    for (index, member) in members.iter().enumerate() {
        let is_again = |other: &&Member<'_>| {
            other.run.header.id == member.run.header.id && other.wanted == member.wanted
        };
        if members.iter().take(index).any(|other| is_again(&other)) {
            let id = &member.run.header.id;
            return Err(CliError::usage(format!("run {id} is named twice"))
                .hint("the same answers must not count twice"));
        }
    }
    let targets: Vec<&PlannedTarget> = first.wanted_targets().collect();
    let shapes = scored::task_shapes(&first.plan, &mut warnings);
    let mut ledger = Ledger::new(targets.len(), &shapes);
    for (number, member) in (0..).zip(&members) {
        let places = places(first, &targets, &shapes, member)?;
        let mut add = |sample: SampleFigures| {
            if let Some(key) = places.key(sample.key) {
                ledger.add(number, &SampleFigures { key, ..sample });
            }
            ControlFlow::Continue(())
        };
        store
            .for_each_figures(&member.run.header.id, &mut add)
            .map_err(store_error)?;
    }
    Ok(History {
        ledger,
        targets: targets.iter().map(|target| target.name.clone()).collect(),
        shapes,
        runs: members
            .iter()
            .map(|member| member.run.header.id.clone())
            .collect(),
        suite: first.run.header.suite.clone(),
        warnings,
    })
}

fn member<'a>(
    store: &SqliteStore,
    reference: RunReference<'a>,
    warnings: &mut Vec<String>,
) -> Result<Member<'a>, CliError> {
    let run = record::find_run(store, reference.run)?;
    let body = store.plan(run.header.plan_hash).map_err(store_error)?;
    let plan: Value = body
        .and_then(|body| serde_json::from_str(&body).ok())
        .unwrap_or(Value::Null);
    let targets = planned_targets(&plan, &run.header.tool_version);
    if let Some(wanted) = reference.target
        && !targets.iter().any(|target| target.name == wanted)
    {
        let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(
            CliError::usage(format!("run {} has no target `{wanted}`", run.header.id))
                .hint(format!("it has: {}", known.join(", "))),
        );
    }
    if run.status != RunStatus::Finished {
        warnings.push(format!(
            "run {} is {}: {} of {} samples are on record",
            run.header.id,
            run.status.as_str(),
            run.samples_finished,
            run.header.samples_planned
        ));
    }
    Ok(Member {
        run,
        plan,
        targets,
        wanted: reference.target,
    })
}

impl Member<'_> {
    fn wanted_targets(&self) -> impl Iterator<Item = &PlannedTarget> {
        let wanted = self.wanted;
        self.targets
            .iter()
            .filter(move |target| wanted.is_none_or(|wanted| wanted == target.name))
    }
}

/// From the numbers of a run to those of the first one, by target and by task.
struct Places {
    targets: Vec<Option<u16>>,
    tasks: Vec<Option<u16>>,
}

impl Places {
    fn key(&self, key: SampleKey) -> Option<SampleKey> {
        let place = |of: &[Option<u16>], index: u16| of.get(usize::from(index)).copied().flatten();
        Some(SampleKey {
            target: place(&self.targets, key.target)?,
            task: place(&self.tasks, key.task)?,
            ..key
        })
    }
}

fn places(
    first: &Member<'_>,
    targets: &[&PlannedTarget],
    shapes: &[TaskShape],
    member: &Member<'_>,
) -> Result<Places, CliError> {
    let own: Vec<&PlannedTarget> = member.wanted_targets().collect();
    // A single target is the same one, whatever it is called; of several the names say which is which.
    let counterpart = |target: &PlannedTarget| match (targets, own.as_slice()) {
        ([_], [_]) => Some(0),
        _ => targets.iter().position(|known| known.name == target.name),
    };
    let mut of_targets = Vec::with_capacity(member.targets.len());
    for target in &member.targets {
        let is_wanted = member.wanted.is_none_or(|wanted| wanted == target.name);
        let place = is_wanted.then(|| counterpart(target)).flatten();
        if let Some(known) = place.and_then(|place| targets.get(place)) {
            same_subject(first, known, member, target)?;
        }
        of_targets.push(place.and_then(|place| u16::try_from(place).ok()));
    }
    let mut ignored = Vec::new();
    let of_tasks = scored::task_shapes(&member.plan, &mut ignored)
        .iter()
        .map(|task| shapes.iter().position(|known| known.name == task.name))
        .map(|place| place.and_then(|place| u16::try_from(place).ok()))
        .collect();
    Ok(Places {
        targets: of_targets,
        tasks: of_tasks,
    })
}

/// Refuses runs that are not repetitions of each other.
fn same_subject(
    first: &Member<'_>,
    known: &PlannedTarget,
    member: &Member<'_>,
    target: &PlannedTarget,
) -> Result<(), CliError> {
    let is_recorded = target.subject.fields.get("provider") == Some(&Value::from("recorded"));
    let matters = |difference: &FieldDifference| {
        // Where recorded answers lie is no part of who gave them.
        let is_place = is_recorded && difference.field == "endpoint";
        !is_place && !SUBJECT_IGNORED.contains(&difference.field.as_str())
    };
    let mut differences = identity_differences(&known.identity, &target.identity);
    differences.extend(
        subject_differences(&known.subject, &target.subject)
            .into_iter()
            .filter(matters),
    );
    if differences.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = differences
        .iter()
        .map(|difference| format!("  {difference}"))
        .collect();
    let message = format!(
        "runs {} and {} are not repetitions of each other:\n{}",
        first.run.header.id,
        member.run.header.id,
        lines.join("\n")
    );
    Err(CliError {
        exit: ExitCode::Baseline,
        ..CliError::usage(message)
            .hint("name runs of one subject: the same dataset, scorers, prompt and model")
    })
}
