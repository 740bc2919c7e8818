//! One session of a run: from a checked suite to findings. What `run` and `demo` share.

use crate::answers::LateAnswers;
use crate::args::{STORE_DEFAULT, STORE_VARIABLE};
use crate::baselines::{self, BaselinesAt};
use crate::caps;
use crate::error::CliError;
use crate::first_errors;
use crate::history;
use crate::load_tasks;
use crate::materials;
use crate::output;
use crate::preflight;
use crate::progress::Display;
use crate::sequential::{self, GateStopper};
use crate::signals;
use crate::wiring;
use seatrial_analyse::{Collector, RunFacts, RunState};
use seatrial_config::DraftPlan;
use seatrial_engine::{
    AskedModel, ClientHealth, EngineError, FinishedSet, HealthProbe, Job, PendingAnswers, RunEnd, StoreSink,
    TurnMeter,
};
use seatrial_provider::Clock;
use seatrial_store::{Catalog, Events, RunHeader, RunLock, RunRow, RunStatus, SqliteStore, StoreError};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{
    ConcurrencyCourse, ExitCode, Findings, LoadOutcome, ModelSpend, Money, RunId, TOOL_VERSION,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a session needs.
pub(crate) struct Session {
    pub(crate) draft: DraftPlan,
    pub(crate) warnings: Vec<String>,
    pub(crate) suite_path: Option<String>,
    pub(crate) store: PathBuf,
    pub(crate) resume: Resume,
    /// Whether errors on record are asked again, whatever ended the run.
    pub(crate) retry_errors: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) baselines: BaselinesAt,
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
    /// Course of concurrency, by target in plan order.
    #[serde(default)]
    concurrency: Vec<ConcurrencyCourse>,
    /// Samples that had ended in an error and were asked again in this session.
    #[serde(default)]
    errors_asked_again: u64,
    /// The run whose answers were scored again; `None` where targets were asked.
    #[serde(default)]
    rescored_from: Option<RunId>,
    /// What the models that scorers ask have cost meanwhile.
    #[serde(default)]
    models: Vec<ModelSpend>,
    /// What load tasks measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    loads: Vec<LoadOutcome>,
    /// What the suite took from the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
}

/// Executes what is left of the plan and analyses the record.
pub(crate) fn conduct(mut session: Session) -> Result<Findings, CliError> {
    let clock = Clock::start();
    let scorers = wiring::scorers(&session.draft, &clock, session.ca_file.as_deref())?;
    let _materials = materials::gather(&mut session)?;
    let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
    let plan = Arc::new(plan);
    output::detail(&format!(
        "plan {}: {} targets, {} tasks, {} samples\n",
        plan.hash,
        plan.draft.targets.len(),
        plan.tasks.len(),
        plan.samples()
    ));
    caps::check(&plan.draft)?;
    let baseline = baselines::for_plan(&plan, &session.baselines)?;
    baseline.iter().for_each(baselines::ForPlan::tell);
    let (answers, pending) = (LateAnswers::default(), PendingAnswers::default());
    let wires = wiring::Wires {
        clock: &clock,
        ca_file: session.ca_file.as_deref(),
        cache: plan.draft.cache,
        answers: answers.for_targets(plan.draft.cache),
        pending: pending.clone(),
    };
    let targets = wiring::targets(&plan.draft, &wires)?;
    let models = wiring::models(&plan.draft, &wires)?;
    let loads = load_tasks::prepare(&plan, &wires)?;

    let mut store = SqliteStore::open(&session.store).map_err(store_error)?;
    answers
        .open(plan.draft.cache, &session.store)
        .map_err(store_error)?;
    let (run, is_new) = choose_run(&mut store, &plan, &session.resume, session.suite_path.as_deref())?;
    let _lock = RunLock::acquire(&session.store, &run.header.id).map_err(store_error)?;
    let id = run.header.id.clone();
    output::detail(&format!("run {id}, recorded in {}\n", session.store.display()));
    let mut end = RunEnd::Complete;
    if run.status != RunStatus::Finished || session.retry_errors {
        let (finished, errors_asked_again) = finished_samples(&mut store, &plan, &run, session.retry_errors)?;
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
            pending,
        );
        preflight::tell(&store, &plan, &finished);
        let drivers = wiring::drivers(&plan, &scorers);
        let job = Job {
            plan: Arc::clone(&plan),
            scorers: scorers.clone(),
            drivers,
            targets,
            models,
            finished,
            budget: caps::budget(&store, &plan.draft, &id)?,
        };
        let mut stopper = GateStopper::resume(
            sequential::of_plan(&plan, &scorers, baseline.as_ref()),
            &store,
            &id,
        )?;
        end = execute(
            &job,
            &mut stopper,
            sink,
            &mut store,
            &id,
            errors_asked_again,
            &mut session.warnings,
        )?;
        if end == RunEnd::Complete {
            end = load_tasks::carry_out(&loads, &job, &mut store, (&session.store, &id))?;
        }
    } else {
        output::stderr(&format!("run {id} is finished: reporting again, without calls\n"));
    }
    let ended_at = if run.status == RunStatus::Finished && !session.retry_errors {
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
        baseline.as_ref(),
    )?;
    let status = match end {
        RunEnd::Complete => RunStatus::Finished,
        RunEnd::Interrupted | RunEnd::RecordFailed => RunStatus::Interrupted,
        RunEnd::ErrorCap | RunEnd::CostCap | RunEnd::DurationCap => RunStatus::Stopped,
    };
    let json = seatrial_report::findings_json(&findings).map_err(CliError::infrastructure)?;
    let noted = store.end_run(&id, status, &ended_at, findings.exit_code, Some(&json));
    // A record that cannot be written does not know how the run ended either; it can be resumed all the same.
    if end != RunEnd::RecordFailed {
        noted.map_err(store_error)?;
    }
    first_errors::tell(&store, &id, &findings)?;
    if end != RunEnd::Complete {
        let suite = session.suite_path.unwrap_or_default();
        output::stderr(&format!(
            "everything finished so far is on record; continue with: seatrial run {suite} --resume{}\n",
            store_option(&session.store)
        ));
    }
    Ok(findings)
}

/// How a command names this record, where it is not the one that is used without a word.
fn store_option(store: &Path) -> String {
    let usual = std::env::var_os(STORE_VARIABLE).map_or_else(|| PathBuf::from(STORE_DEFAULT), PathBuf::from);
    if store == usual {
        return String::new();
    }
    format!(" --store {}", store.display())
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
            let run = named_run(store, id.as_str())?;
            let id = run.as_ref().map_or(id, |run| &run.header.id).clone();
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
    Ok((create_run(store, plan, suite_path)?, true))
}

/// The run of this id; `latest` is the newest one on record.
pub(crate) fn named_run(store: &SqliteStore, id: &str) -> Result<Option<RunRow>, CliError> {
    if id == "latest" {
        return Ok(store.runs(1).map_err(store_error)?.into_iter().next());
    }
    store.run(&RunId::from_text(id)).map_err(store_error)
}

/// Puts a new run of this plan on record.
pub(crate) fn create_run(
    store: &mut SqliteStore,
    plan: &Plan,
    suite_path: Option<&str>,
) -> Result<RunRow, CliError> {
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
    Ok(RunRow {
        header,
        status: RunStatus::Running,
        ended_at: None,
        exit_code: None,
        samples_finished: 0,
    })
}

pub(crate) fn runs_hint(store: &SqliteStore) -> String {
    const SHOWN: usize = 5;
    match store.runs(SHOWN) {
        Ok(runs) if !runs.is_empty() => {
            let ids: Vec<_> = runs.iter().map(|run| run.header.id.as_str()).collect();
            format!("newest runs on record: {}", ids.join(", "))
        }
        _ => "the record has no runs".to_owned(),
    }
}

/// What needs no call any more, and how many errors were taken off to be asked again: where that is wished, and after a
/// stop at the error cap, whose cause was to be mended. A budget that was reached says nothing about errors.
fn finished_samples(
    store: &mut SqliteStore,
    plan: &Plan,
    run: &RunRow,
    retry_errors: bool,
) -> Result<(FinishedSet, u64), CliError> {
    let mut finished = FinishedSet::empty(plan);
    let mut forgotten = 0;
    let id = &run.header.id;
    let was_error_cap = run.status == RunStatus::Stopped && run.exit_code != Some(ExitCode::Budget.code());
    if was_error_cap || retry_errors {
        forgotten = store.forget_errors(id).map_err(store_error)?;
        output::stderr(&format!(
            "asking again for {forgotten} samples that ended in an error\n"
        ));
    }
    store
        .finished_keys(id, &mut |key| finished.insert(plan, key))
        .map_err(store_error)?;
    Ok((finished, forgotten))
}

fn execute(
    job: &Job,
    stopper: &mut GateStopper,
    sink: StoreSink<SqliteStore>,
    store: &mut SqliteStore,
    id: &RunId,
    errors_asked_again: u64,
    warnings: &mut Vec<String>,
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
        let result = seatrial_engine::execute(job, stopper, Box::new(sink), stop, &mut |progress| {
            display.show(progress);
        })
        .await;
        seatrial_engine::close(job).await;
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
        Ok(execution) => format!("{:?}", execution.end).to_lowercase(),
        Err(error) => error.to_string(),
    };
    let facts = SessionFacts {
        started_at,
        ended_at: now(),
        end,
        health,
        concurrency: result
            .as_ref()
            .map_or_else(|_| Vec::new(), |execution| execution.courses.clone()),
        errors_asked_again,
        rescored_from: None,
        models: job.models.values().map(AskedModel::spend).collect(),
        loads: Vec::new(),
        environment: job.plan.draft.environment().clone(),
    };
    let noted = serde_json::to_string(&facts).map(|json| store.append_session(id, &json));
    let end = match result {
        Ok(execution) => execution.end,
        // What is on record can still be read and reported, which is what was paid for.
        Err(EngineError::Sink(error)) => {
            warnings.push(error.to_string());
            return Ok(RunEnd::RecordFailed);
        }
        Err(error) => return Err(CliError::infrastructure(error)),
    };
    noted.map_err(CliError::infrastructure)?.map_err(store_error)?;
    Ok(end)
}

/// Findings from the record alone, and from the baseline where gates name one.
#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing, and none has a default"
)]
pub(crate) fn analyse(
    store: &SqliteStore,
    plan: &Plan,
    scorers: &TaskScorers,
    run: &RunRow,
    end: RunEnd,
    ended_at: String,
    warnings: Vec<String>,
    baseline: Option<&baselines::ForPlan>,
) -> Result<Findings, CliError> {
    let clustered = sequential::clustered(plan, store, &run.header.id)?;
    let mut collector = Collector::new(&plan.draft, sequential::metrics(scorers), clustered);
    collector.watch(sequential::of_plan(plan, scorers, baseline));
    let earlier = history::earlier_runs(store, run)?;
    if !earlier.is_empty() {
        collector.keep_cases();
    }
    let mut add = |sample: seatrial_types::SampleFigures| {
        collector.add(&sample);
        ControlFlow::Continue(())
    };
    store
        .for_each_figures(&run.header.id, &mut add)
        .map_err(store_error)?;
    history::remember(store, &earlier, &mut collector)?;
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
            // What was planned is there: the budget has only ended what gates added to it.
            RunEnd::CostCap | RunEnd::DurationCap
                if plan.extends() && collector.finished() >= plan.samples() =>
            {
                RunState::Complete
            }
            RunEnd::CostCap => RunState::CostCap,
            RunEnd::DurationCap => RunState::DurationCap,
            RunEnd::RecordFailed => RunState::RecordFailed,
        },
        samples_planned: plan.samples().saturating_add(collector.under_load()),
        client_saturated: healths.iter().any(ClientHealth::is_saturated),
        client_read_lag_ms: healths
            .iter()
            .filter_map(|health| health.read_lag_ms)
            .reduce(f64::max),
        models: spend_of(&plan.draft, &sessions),
        rescored_from: sessions.iter().find_map(|session| session.rescored_from.clone()),
        errors_asked_again: sessions.iter().map(|session| session.errors_asked_again).sum(),
        courses: courses_of(plan, &sessions),
        loads: sessions
            .iter()
            .flat_map(|session| session.loads.clone())
            .collect(),
        baseline: baseline
            .map(|baseline| baseline.facts(store, run, plan))
            .transpose()?,
        warnings,
    };
    let mut findings = seatrial_analyse::findings(&plan.draft, &collector, &facts);
    crate::reports::place_gates(&mut findings, &plan.draft);
    findings.comparisons = crate::scored::comparisons(store, run, &findings)?;
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

/// Sessions of a run whose answers are those of `source`: how its client was doing and how it asked, but not what its
/// scorers cost, and at last a session of its own that names it.
pub(crate) fn carry_sessions(
    store: &mut SqliteStore,
    source: &RunId,
    run: &RunId,
    models: Vec<ModelSpend>,
) -> Result<(), CliError> {
    let earlier = store.sessions(source).map_err(store_error)?;
    let earlier = earlier
        .iter()
        .filter_map(|json| serde_json::from_str::<SessionFacts>(json).ok())
        .map(|facts| SessionFacts {
            models: Vec::new(),
            rescored_from: None,
            ..facts
        });
    let own = SessionFacts {
        started_at: now(),
        ended_at: now(),
        end: "rescored".to_owned(),
        health: ClientHealth::default(),
        concurrency: Vec::new(),
        errors_asked_again: 0,
        rescored_from: Some(source.clone()),
        models,
        loads: Vec::new(),
        environment: BTreeMap::new(),
    };
    for facts in earlier.chain([own]) {
        let json = serde_json::to_string(&facts).map_err(CliError::infrastructure)?;
        store.append_session(run, &json).map_err(store_error)?;
    }
    Ok(())
}

/// The run whose answers a run scored again; `None` where targets were asked.
pub(crate) fn rescored_from(store: &SqliteStore, run: &RunId) -> Result<Option<RunId>, CliError> {
    let sessions = store.sessions(run).map_err(store_error)?;
    Ok(sessions
        .iter()
        .filter_map(|json| serde_json::from_str::<SessionFacts>(json).ok())
        .find_map(|session| session.rescored_from))
}

/// Courses by target, one for each session that told one.
fn courses_of(plan: &Plan, sessions: &[SessionFacts]) -> Vec<Vec<ConcurrencyCourse>> {
    let of_target = |index: usize| {
        sessions
            .iter()
            .filter_map(|session| session.concurrency.get(index).cloned())
            .collect()
    };
    (0..plan.draft.targets.len()).map(of_target).collect()
}

/// What load tasks measured in the sessions on record, in order of time.
pub(crate) fn loads_of(store: &SqliteStore, run: &RunId) -> Result<Vec<LoadOutcome>, CliError> {
    let sessions = store.sessions(run).map_err(store_error)?;
    let sessions = sessions
        .iter()
        .filter_map(|json| serde_json::from_str::<SessionFacts>(json).ok());
    Ok(sessions.flat_map(|session| session.loads).collect())
}

/// Puts what a load task measured on record, as a part of the run of its own.
pub(crate) fn record_load(store: &mut SqliteStore, run: &RunId, load: LoadOutcome) -> Result<(), CliError> {
    let facts = SessionFacts {
        started_at: load.started_at.clone(),
        ended_at: load.ended_at.clone(),
        end: if load.is_whole { "load" } else { "load stopped" }.to_owned(),
        health: ClientHealth::default(),
        concurrency: Vec::new(),
        errors_asked_again: 0,
        rescored_from: None,
        models: Vec::new(),
        loads: vec![load],
        environment: BTreeMap::new(),
    };
    let json = serde_json::to_string(&facts).map_err(CliError::infrastructure)?;
    store.append_session(run, &json).map_err(store_error)
}

/// What models that scorers ask and load tasks have cost in the sessions on record.
pub(crate) fn earlier_spend(store: &SqliteStore, draft: &DraftPlan, run: &RunId) -> Result<Money, CliError> {
    let sessions = store.sessions(run).map_err(store_error)?;
    let sessions: Vec<SessionFacts> = sessions
        .iter()
        .filter_map(|json| serde_json::from_str(json).ok())
        .collect();
    let spend = spend_of(draft, &sessions);
    let of_models = spend.iter().filter_map(|model| model.cost_usd);
    let loads = sessions.iter().flat_map(|session| &session.loads);
    Ok(of_models.chain(loads.filter_map(|load| load.cost_usd)).sum())
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
