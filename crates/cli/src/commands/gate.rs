//! `seatrial gate RUN --suite SUITE`: a recorded run decided again by the gates of now, without a call. The record stays as
//! it is; only reports are written.

use super::gate_simulate;
use crate::args::{GateArguments, GateCommand};
use crate::baselines::{self, BaselinesAt};
use crate::error::CliError;
use crate::materials;
use crate::output;
use crate::record;
use crate::reports::{self, Outputs};
use crate::session::{self, Resume, Session, store_error};
use crate::wiring;
use seatrial_analyse::scored::{identity_differences, planned_targets, subject_differences};
use seatrial_engine::RunEnd;
use seatrial_provider::Clock;
use seatrial_store::{Catalog, RunRow, RunStatus, SqliteStore};
use seatrial_task::Plan;
use seatrial_types::{ExitCode, Findings, StopCause, TOOL_VERSION};
use serde_json::Value;
use std::path::Path;

/// Differences between two plans that one error names.
const DIFFERENCES_SHOWN_MAX: usize = 12;

pub(crate) fn gate(arguments: &GateArguments) -> Result<ExitCode, CliError> {
    if let Some(GateCommand::Simulate(arguments)) = &arguments.command {
        return gate_simulate::simulate(arguments);
    }
    let (Some(run), Some(suite)) = (&arguments.run, &arguments.suite) else {
        return Err(CliError::usage(
            "no run is named, expected an id or `latest`, and --suite SUITE",
        ));
    };
    let outputs = Outputs::of(&arguments.output, &arguments.store.store);
    outputs.check()?;
    let findings = decide(arguments, run, suite)?;
    reports::write(&findings, &outputs)?;
    Ok(session::exit_code(&findings))
}

fn decide(arguments: &GateArguments, run: &str, suite: &Path) -> Result<Findings, CliError> {
    let (draft, warnings) = seatrial_config::read_suite(suite, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    let store = record::open(&arguments.store.store)?;
    let run = record::find_run(&store, run)?;
    let scorers = wiring::scorers(&draft, &Clock::start(), None)?;
    let mut session = Session {
        draft,
        warnings: warnings.iter().map(ToString::to_string).collect(),
        suite_path: Some(suite.display().to_string()),
        store: arguments.store.store.clone(),
        // Prices of tables are those of the run.
        resume: Resume::Run(run.header.id.clone()),
        retry_errors: false,
        ca_file: None,
        baselines: BaselinesAt::of(&arguments.baseline),
    };
    let _materials = materials::gather(&mut session)?;
    let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
    refuse_other_plan(&store, &run, &plan)?;
    let (end, ended_at) = end_of(&store, &run)?;
    let baseline = baselines::for_plan(&plan, &session.baselines)?;
    session::analyse(
        &store,
        &plan,
        &scorers,
        &run,
        end,
        ended_at,
        session.warnings,
        baseline.as_ref(),
    )
}

/// The answers on record must be those that the suite of now would ask for and score.
fn refuse_other_plan(store: &SqliteStore, run: &RunRow, plan: &Plan) -> Result<(), CliError> {
    if run.header.plan_hash == plan.hash {
        return Ok(());
    }
    let id = &run.header.id;
    let recorded = store.plan(run.header.plan_hash).map_err(store_error)?;
    let parse = |body: &str| serde_json::from_str::<Value>(body).unwrap_or_default();
    let then = planned_targets(&parse(recorded.as_deref().unwrap_or_default()), TOOL_VERSION);
    let now = planned_targets(&parse(&plan.body), TOOL_VERSION);
    let mut told: Vec<String> = Vec::new();
    for target in &now {
        let Some(earlier) = then.iter().find(|earlier| earlier.name == target.name) else {
            told.push(format!("target `{}` was not asked", target.name));
            continue;
        };
        let identity = identity_differences(&earlier.identity, &target.identity);
        let subject = subject_differences(&earlier.subject, &target.subject);
        let fields = identity.iter().chain(&subject);
        told.extend(fields.map(|difference| format!("{}: {difference}", target.name)));
        let missing = target
            .identity
            .tasks
            .keys()
            .filter(|task| !earlier.identity.tasks.contains_key(*task));
        told.extend(missing.map(|task| format!("{}: task `{task}` was not asked", target.name)));
    }
    let missing = then
        .iter()
        .filter(|earlier| !now.iter().any(|target| target.name == earlier.name));
    told.extend(missing.map(|earlier| format!("target `{}` is not in the suite any more", earlier.name)));
    let more = told.len().saturating_sub(DIFFERENCES_SHOWN_MAX);
    told.truncate(DIFFERENCES_SHOWN_MAX);
    if told.is_empty() {
        told.push("epochs, or the order of targets and tasks".to_owned());
    }
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    let message = format!(
        "run {id} was made by another plan than this suite's:\n{}",
        told.join("\n")
    );
    Err(CliError::usage(message).hint(
        "only gates, baseline, limits, retries and outputs may differ; to judge the same answers by other scorers: \
         seatrial run SUITE --rescore RUN",
    ))
}

/// How the run ended, and when.
fn end_of(store: &SqliteStore, run: &RunRow) -> Result<(RunEnd, String), CliError> {
    let id = &run.header.id;
    let ended_at = run
        .ended_at
        .clone()
        .unwrap_or_else(|| run.header.started_at.clone());
    let end = match run.status {
        RunStatus::Finished => RunEnd::Complete,
        RunStatus::Running => {
            let message = format!("run {id} is still running, or its process died");
            let suite = run.header.suite_path.as_deref().unwrap_or("SUITE");
            return Err(CliError::usage(message).hint(format!(
                "wait for its end, or continue it: seatrial run {suite} --resume-run {id}"
            )));
        }
        RunStatus::Interrupted => RunEnd::Interrupted,
        RunStatus::Stopped => match record::findings(store, run)?.execution.stopped_by {
            Some(StopCause::CostCap) => RunEnd::CostCap,
            Some(StopCause::DurationCap) => RunEnd::DurationCap,
            _ => RunEnd::ErrorCap,
        },
    };
    Ok((end, ended_at))
}
