//! One session of a run: from a checked suite to findings. What `run` and `demo` share.

use crate::error::CliError;
use crate::output;
use crate::progress::Display;
use crate::signals;
use crate::wiring;
use seatrial_analyse::{Collector, RunFacts, RunState, TaskMetrics};
use seatrial_config::DraftPlan;
use seatrial_engine::{
    AskedModel, ClientHealth, FinishedSet, HealthProbe, Job, RunEnd, StoreSink, TurnMeter,
};
use seatrial_provider::Clock;
use seatrial_store::{Catalog, Events, RunHeader, RunLock, RunRow, RunStatus, SqliteStore, StoreError};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{ExitCode, Findings, ModelSpend, RunId, TOOL_VERSION};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

/// What a session needs.
pub(crate) struct Session {
    pub(crate) draft: DraftPlan,
    pub(crate) warnings: Vec<String>,
    pub(crate) suite_path: Option<String>,
    pub(crate) store: PathBuf,
    pub(crate) resume: Resume,
    pub(crate) ca_file: Option<PathBuf>,
}

/// Which run to continue.
pub(crate) enum Resume {
    /// None: start a new one.
    No,
    /// The newest unfinished one of this plan.
    Newest,
    /// This one.
    Run(RunId),
}

/// What a process says of its part of a run, in the record.
#[derive(Debug, Serialize, Deserialize)]
struct SessionFacts {
    started_at: String,
    ended_at: String,
    end: String,
    health: ClientHealth,
    /// What the models that scorers ask have cost meanwhile.
    #[serde(default)]
    models: Vec<ModelSpend>,
}

/// Executes what is left of the plan and analyses the record.
pub(crate) fn conduct(session: Session) -> Result<Findings, CliError> {
    let scorers = wiring::scorers(&session.draft)?;
    let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
    let plan = Arc::new(plan);
    output::detail(&format!(
        "plan {}: {} targets, {} tasks, {} samples\n",
        plan.hash,
        plan.draft.targets.len(),
        plan.tasks.len(),
        plan.samples()
    ));
    let clock = Clock::start();
    let targets = wiring::targets(&plan.draft, &clock, session.ca_file.as_deref())?;
    let models = wiring::models(&plan.draft, &clock, session.ca_file.as_deref())?;

    let mut store = SqliteStore::open(&session.store).map_err(store_error)?;
    let (run, is_new) = choose_run(&mut store, &plan, &session.resume, session.suite_path.as_deref())?;
    let _lock = RunLock::acquire(&session.store, &run.header.id).map_err(store_error)?;
    let id = run.header.id.clone();
    output::detail(&format!("run {id}, recorded in {}\n", session.store.display()));
    let mut end = RunEnd::Complete;
    if run.status != RunStatus::Finished {
        let finished = finished_samples(&mut store, &plan, &run)?;
        if !is_new {
            store.reopen_run(&id).map_err(store_error)?;
            output::stderr(&format!(
                "continuing run {id}: {} of {} samples are on record\n",
                finished.count(),
                plan.samples()
            ));
        }
        let sink = StoreSink::new(
            SqliteStore::open(&session.store).map_err(store_error)?,
            id.clone(),
        );
        let drivers = wiring::drivers(&plan);
        let job = Job {
            plan: Arc::clone(&plan),
            scorers: scorers.clone(),
            drivers,
            targets,
            models,
            finished,
        };
        end = execute(&job, sink, &mut store, &id)?;
    } else {
        output::stderr(&format!("run {id} is finished: reporting again, without calls\n"));
    }
    let ended_at = if run.status == RunStatus::Finished {
        run.ended_at.clone().unwrap_or_else(now)
    } else {
        now()
    };
    let findings = analyse(
        &store,
        &plan,
        &scorers,
        &run,
        end,
        ended_at.clone(),
        session.warnings,
    )?;
    let status = match end {
        RunEnd::Complete => RunStatus::Finished,
        RunEnd::Interrupted => RunStatus::Interrupted,
        RunEnd::ErrorCap => RunStatus::Stopped,
    };
    let json = seatrial_report::findings_json(&findings).map_err(CliError::infrastructure)?;
    store
        .end_run(&id, status, &ended_at, findings.exit_code, Some(&json))
        .map_err(store_error)?;
    if end != RunEnd::Complete {
        let suite = session.suite_path.unwrap_or_default();
        output::stderr(&format!(
            "everything finished so far is on record; continue with: seatrial run {suite} --resume\n"
        ));
    }
    Ok(findings)
}

fn choose_run(
    store: &mut SqliteStore,
    plan: &Plan,
    resume: &Resume,
    suite_path: Option<&str>,
) -> Result<(RunRow, bool), CliError> {
    match resume {
        Resume::No => {}
        Resume::Newest => {
            let unfinished = store.newest_unfinished_run_of(plan.hash).map_err(store_error)?;
            let newest = match unfinished {
                Some(run) => Some(run),
                None => store.newest_run_of(plan.hash).map_err(store_error)?,
            };
            match newest {
                Some(run) => return Ok((run, false)),
                None => output::stderr("no run of this plan is on record: starting one\n"),
            }
        }
        Resume::Run(id) => {
            let run = store.run(id).map_err(store_error)?;
            let run =
                run.ok_or_else(|| CliError::usage(format!("there is no run {id}")).hint(runs_hint(store)))?;
            if run.header.plan_hash != plan.hash {
                let message = format!(
                    "run {id} has another plan ({}) than this suite ({})",
                    run.header.plan_hash, plan.hash
                );
                return Err(CliError::usage(message)
                    .hint("targets, prompts, datasets, scorers or seeds differ; start a new run, or restore the suite"));
            }
            return Ok((run, false));
        }
    }
    store.put_plan(plan.hash, &plan.body).map_err(store_error)?;
    let header = RunHeader {
        id: new_run_id(),
        plan_hash: plan.hash,
        suite: plan.draft.name.clone(),
        suite_path: suite_path.map(str::to_owned),
        started_at: now(),
        tool_version: TOOL_VERSION.to_owned(),
        samples_planned: plan.samples(),
    };
    store.create_run(&header).map_err(store_error)?;
    let row = RunRow {
        header,
        status: RunStatus::Running,
        ended_at: None,
        exit_code: None,
        samples_finished: 0,
    };
    Ok((row, true))
}

fn runs_hint(store: &SqliteStore) -> String {
    const SHOWN: usize = 5;
    match store.runs(SHOWN) {
        Ok(runs) if !runs.is_empty() => {
            let ids: Vec<_> = runs.iter().map(|run| run.header.id.as_str()).collect();
            format!("newest runs on record: {}", ids.join(", "))
        }
        _ => "the record has no runs".to_owned(),
    }
}

/// What needs no call any more. After a stop at the error cap errors are asked again: their cause was to be mended.
fn finished_samples(store: &mut SqliteStore, plan: &Plan, run: &RunRow) -> Result<FinishedSet, CliError> {
    let mut finished = FinishedSet::empty(plan);
    let id = &run.header.id;
    if run.status == RunStatus::Stopped {
        let forgotten = store.forget_errors(id).map_err(store_error)?;
        output::stderr(&format!(
            "asking again for {forgotten} samples that ended in an error\n"
        ));
    }
    store
        .finished_keys(id, &mut |key| finished.insert(plan, key))
        .map_err(store_error)?;
    Ok(finished)
}

fn execute(
    job: &Job,
    sink: StoreSink<SqliteStore>,
    store: &mut SqliteStore,
    id: &RunId,
) -> Result<RunEnd, CliError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let turns = TurnMeter::attach(&mut builder);
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CliError::infrastructure(format!("failed to start the network runtime: {error}")))?;
    let started_at = now();
    let mut display = Display::new();
    let (result, health) = runtime.block_on(async {
        let stop = signals::listen();
        let probe = HealthProbe::start();
        let result =
            seatrial_engine::execute(job, Box::new(sink), stop, &mut |progress| display.show(progress)).await;
        (
            result,
            ClientHealth {
                read_lag_ms: turns.read_lag_ms(),
                ..probe.read()
            },
        )
    });
    display.finish();
    // Calls that were abandoned may hold a resolver thread; nobody waits for it.
    runtime.shutdown_background();
    let end = match &result {
        Ok(end) => format!("{end:?}").to_lowercase(),
        Err(error) => error.to_string(),
    };
    let facts = SessionFacts {
        started_at,
        ended_at: now(),
        end,
        health,
        models: job.models.values().map(AskedModel::spend).collect(),
    };
    let noted = serde_json::to_string(&facts).map(|json| store.append_session(id, &json));
    let end = result.map_err(CliError::infrastructure)?;
    noted.map_err(CliError::infrastructure)?.map_err(store_error)?;
    Ok(end)
}

/// Findings from the record alone.
fn analyse(
    store: &SqliteStore,
    plan: &Plan,
    scorers: &TaskScorers,
    run: &RunRow,
    end: RunEnd,
    ended_at: String,
    warnings: Vec<String>,
) -> Result<Findings, CliError> {
    let metrics: TaskMetrics = scorers
        .iter()
        .map(|task| task.iter().map(|scorer| scorer.metrics().to_vec()).collect())
        .collect();
    let clustered = plan.tasks.iter().map(|task| task.is_clustered).collect();
    let mut collector = Collector::new(&plan.draft, metrics, clustered);
    let mut add = |sample: seatrial_types::SampleFigures| {
        collector.add(&sample);
        ControlFlow::Continue(())
    };
    store
        .for_each_figures(&run.header.id, &mut add)
        .map_err(store_error)?;
    let sessions = store.sessions(&run.header.id).map_err(store_error)?;
    let sessions: Vec<SessionFacts> = sessions
        .iter()
        .filter_map(|json| serde_json::from_str(json).ok())
        .collect();
    let healths: Vec<ClientHealth> = sessions.iter().map(|session| session.health).collect();
    let facts = RunFacts {
        run_id: run.header.id.clone(),
        plan_hash: plan.hash.to_string(),
        started_at: run.header.started_at.clone(),
        ended_at: Some(ended_at),
        state: match end {
            RunEnd::Complete => RunState::Complete,
            RunEnd::Interrupted => RunState::Interrupted,
            RunEnd::ErrorCap => RunState::ErrorCap,
        },
        samples_planned: plan.samples(),
        client_saturated: healths.iter().any(ClientHealth::is_saturated),
        client_read_lag_ms: healths
            .iter()
            .filter_map(|health| health.read_lag_ms)
            .reduce(f64::max),
        models: spend_of(&plan.draft, &sessions),
        warnings,
    };
    let mut findings = seatrial_analyse::findings(&plan.draft, &collector, &facts);
    crate::reports::place_gates(&mut findings, &plan.draft);
    Ok(findings)
}

/// What the models that scorers ask have cost over all sessions. A session that died said nothing of itself.
fn spend_of(draft: &DraftPlan, sessions: &[SessionFacts]) -> Vec<ModelSpend> {
    let of_model = |target: &seatrial_config::Target| {
        let mut sum = ModelSpend::new(target.name.clone(), target.model().map(str::to_owned));
        let spends = sessions.iter().flat_map(|session| &session.models);
        spends
            .filter(|spend| spend.name == target.name)
            .for_each(|spend| sum.merge(spend));
        sum
    };
    draft.models.iter().map(of_model).collect()
}

/// The exit code that the findings state.
pub(crate) fn exit_code(findings: &Findings) -> ExitCode {
    ExitCode::PRECEDENCE
        .into_iter()
        .find(|code| code.code() == findings.exit_code)
        .unwrap_or(ExitCode::Pass)
}

/// A store that cannot be used is an infrastructure error, except where the user named the wrong thing.
pub(crate) fn store_error(error: StoreError) -> CliError {
    CliError::infrastructure(error)
}

/// This moment, RFC 3339, to the second.
pub(crate) fn now() -> String {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second())
        .unwrap_or(now)
        .to_string()
}

/// An id for a run that started at this moment (RFC 3339), or now where that is none.
pub(crate) fn new_run_id_at(started_at: &str) -> RunId {
    let at = started_at.parse().unwrap_or_else(|_| jiff::Timestamp::now());
    RunId::new(&at.strftime("%Y%m%dT%H%M%S").to_string(), random_bits())
}

fn new_run_id() -> RunId {
    RunId::new(
        &jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S").to_string(),
        random_bits(),
    )
}

/// Random bits from the operating system by way of the standard library's hash keys.
fn random_bits() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    let hash = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}
