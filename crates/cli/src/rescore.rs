//! `seatrial run SUITE --rescore RUN`: the answers of a finished run, judged anew by the suite as it is now. No target is
//! asked. The result is a run of its own, because the record is append-only and a run belongs to one plan; why so:
//! `docs/design/0015-answers-used-again.md`.

use crate::baselines;
use crate::error::CliError;
use crate::materials;
use crate::output;
use crate::session::{self, Session, store_error};
use crate::wiring;
use seatrial_engine::{Answered, AskedModel, AskedModels, PendingAnswers, RunEnd};
use seatrial_provider::Clock;
use seatrial_store::{Catalog, Events, RunLock, RunRow, RunStatus, SqliteStore};
use seatrial_task::{CaseStream, Plan, TaskScorers};
use seatrial_types::{Case, Findings, Message, RunId, SampleKey, SampleRecord};
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Samples that are scored at the same time and recorded together.
const BATCH: usize = 64;
/// Differences that are named before the rest is cut off.
const DIFFERENCES_SHOWN_MAX: usize = 10;

/// Scores the answers of run `source` (an id or `latest`) with the scorers of the session's suite.
pub(crate) fn rescore(mut session: Session, source: &str) -> Result<Findings, CliError> {
    let clock = Clock::start();
    let scorers = wiring::scorers(&session.draft, &clock, session.ca_file.as_deref())?;
    let _materials = materials::gather(&mut session)?;
    let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
    let mut store = SqliteStore::open(&session.store).map_err(store_error)?;
    let source = find_source(&store, source)?;
    let places = Places::of(&store, &source, &plan)?;
    refuse_differences(&store, &source, &plan, &places)?;

    let wires = wiring::Wires {
        clock: &clock,
        ca_file: session.ca_file.as_deref(),
        cache: seatrial_config::CacheMode::Off,
        answers: None,
        pending: PendingAnswers::default(),
    };
    let models = wiring::models(&plan.draft, &wires)?;
    let baseline = baselines::for_plan(&plan, &session.baselines)?;
    let run = session::create_run(&mut store, &plan, session.suite_path.as_deref())?;
    let id = run.header.id.clone();
    let _lock = RunLock::acquire(&session.store, &id).map_err(store_error)?;
    output::stderr(&format!(
        "scoring {} answers of run {} again, as run {id}\n",
        source.samples_finished, source.header.id
    ));
    let scoring = Scoring {
        plan: &plan,
        scorers: &scorers,
        models: &models,
        places: &places,
    };
    let reader = SqliteStore::open_read_only(&session.store).map_err(store_error)?;
    scoring.all(&reader, &source.header.id, &mut store, &id)?;
    let spend = models.values().map(AskedModel::spend).collect();
    session::carry_sessions(&mut store, &source.header.id, &id, spend)?;
    let ended_at = session::now();
    let findings = session::analyse(
        &store,
        &plan,
        &scorers,
        &run,
        RunEnd::Complete,
        ended_at.clone(),
        session.warnings,
        baseline.as_ref(),
    )?;
    let json = seatrial_report::findings_json(&findings).map_err(CliError::infrastructure)?;
    store
        .end_run(
            &id,
            RunStatus::Finished,
            &ended_at,
            findings.exit_code,
            Some(&json),
        )
        .map_err(store_error)?;
    Ok(findings)
}

fn find_source(store: &SqliteStore, source: &str) -> Result<RunRow, CliError> {
    let run = session::named_run(store, source)?.ok_or_else(|| {
        CliError::usage(format!("there is no run {source}")).hint(session::runs_hint(store))
    })?;
    if run.status != RunStatus::Finished {
        let message = format!(
            "run {} is {}: {} of {} samples are on record",
            run.header.id,
            run.status.as_str(),
            run.samples_finished,
            run.header.samples_planned
        );
        return Err(CliError::usage(message).hint("finish it first with --resume-run"));
    }
    Ok(run)
}

/// Where samples of the source stand in the plan of now: targets and tasks by name.
struct Places {
    /// Index in the plan of now by index in the source.
    targets: Vec<Option<u16>>,
    tasks: Vec<Option<u16>>,
    task_names: Vec<String>,
}

impl Places {
    fn of(store: &SqliteStore, source: &RunRow, plan: &Plan) -> Result<Self, CliError> {
        let id = &source.header.id;
        let body = store.plan(source.header.plan_hash).map_err(store_error)?;
        let body: Value = body
            .and_then(|body| serde_json::from_str(&body).ok())
            .ok_or_else(|| CliError::infrastructure(format!("the plan of run {id} is not on record")))?;
        let names = |key: &str| -> Vec<String> {
            let list = body["suite"][key].as_array().map_or(&[][..], Vec::as_slice);
            let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
            list.iter().map(name).collect()
        };
        let (targets, tasks) = (names("targets"), names("tasks"));
        let now = |list: Vec<&str>, name: &str| {
            let at = list.iter().position(|known| *known == name);
            at.and_then(|at| u16::try_from(at).ok())
        };
        let targets_now = || {
            plan.draft
                .targets
                .iter()
                .map(|target| target.name.as_str())
                .collect::<Vec<_>>()
        };
        let tasks_now = || {
            plan.draft
                .tasks
                .iter()
                .map(|task| task.name.as_str())
                .collect::<Vec<_>>()
        };
        let mut missing = Vec::new();
        missing.extend(unknown("target", &targets_now(), &targets));
        missing.extend(unknown("task", &tasks_now(), &tasks));
        if !missing.is_empty() {
            let message = format!("run {id} has no answers of {}", missing.join(", "));
            return Err(
                CliError::usage(message).hint("only what was recorded can be scored again; start a new run")
            );
        }
        Ok(Self {
            targets: targets.iter().map(|name| now(targets_now(), name)).collect(),
            tasks: tasks.iter().map(|name| now(tasks_now(), name)).collect(),
            task_names: tasks,
        })
    }

    /// Target and task of now; `None` for a sample that the suite of now does not ask for.
    fn place(&self, key: SampleKey) -> Option<(u16, u16)> {
        let target = self.targets.get(usize::from(key.target)).copied().flatten()?;
        let task = self.tasks.get(usize::from(key.task)).copied().flatten()?;
        Some((target, task))
    }
}

fn unknown(what: &str, wanted: &[&str], recorded: &[String]) -> Vec<String> {
    let is_missing = |name: &&&str| !recorded.iter().any(|known| known == **name);
    let missing = wanted.iter().filter(is_missing);
    missing.map(|name| format!("{what} `{name}`")).collect()
}

/// Walks through recorded samples and the cases of now side by side. Both are in order, so that neither is held in memory.
struct Walk<'a> {
    plan: &'a Plan,
    places: &'a Places,
    /// Target, task and epoch of the source that `cases` belongs to.
    group: Option<(u16, u16, u32)>,
    cases: Option<CaseStream<'a>>,
    /// Cases of the group that were matched.
    matched: u32,
    differences: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan, places: &'a Places) -> Self {
        Self {
            plan,
            places,
            group: None,
            cases: None,
            matched: 0,
            differences: Vec::new(),
        }
    }

    /// The case of now that belongs to a recorded sample, and its place in the plan of now. `None` where the suite does
    /// not ask for it, or where the two differ, which is noted.
    fn step(&mut self, key: SampleKey, case_id: &str) -> Result<Option<(SampleKey, Case)>, CliError> {
        let Some((target, task)) = self.places.place(key) else {
            return Ok(None);
        };
        let index = usize::from(task);
        let (Some(planned), Some(drafted)) = (self.plan.tasks.get(index), self.plan.draft.tasks.get(index))
        else {
            return Ok(None);
        };
        if key.epoch >= self.plan.epochs_max(index) && !drafted.under_load {
            return Ok(None);
        }
        // A task that stopped early has answers of some cases only, and they are known by their ids.
        let is_drawn = drafted.sequential || drafted.under_load;
        let group = (key.target, key.task, key.epoch);
        if self.group != Some(group) {
            self.end_group();
            self.group = Some(group);
            self.cases = Some(planned.open_cases().map_err(CliError::usage)?);
        }
        let next = self.cases.as_mut().and_then(|cases| {
            cases.find(|next| !is_drawn || next.as_ref().map_or(true, |(_, case)| *case.id == *case_id))
        });
        let Some(next) = next else {
            self.differ(&format!(
                "case `{case_id}` is not among the {} of now",
                planned.cases
            ));
            return Ok(None);
        };
        let (number, case) = next.map_err(CliError::usage)?;
        if *case.id != *case_id {
            self.differ(&format!(
                "case {} is `{}` now, `{case_id}` was recorded",
                number + 1,
                case.id
            ));
            return Ok(None);
        }
        self.matched += 1;
        let key = SampleKey {
            target,
            task,
            epoch: key.epoch,
            case: number,
        };
        Ok(Some((key, case)))
    }

    fn differ(&mut self, what: &str) {
        let name = |(_, task, _): (u16, u16, u32)| self.places.task_names.get(usize::from(task));
        let task = self.group.and_then(name).map_or("", String::as_str);
        let line = format!("task `{task}`: {what}");
        if !self.differences.contains(&line) {
            self.differences.push(line);
        }
    }

    /// Notes cases of now that the group before did not have.
    fn end_group(&mut self) {
        if let Some((_, task, _)) = self.group {
            let now = self.places.tasks.get(usize::from(task)).copied().flatten();
            let planned = now.and_then(|now| self.plan.tasks.get(usize::from(now)));
            let cases = planned
                .filter(|planned| planned.order.is_none() && !planned.under_load)
                .map_or(0, |planned| planned.cases);
            if self.matched < cases && self.differences.is_empty() {
                self.differ(&format!("{} of {cases} cases were recorded", self.matched));
            }
        }
        self.matched = 0;
    }

    fn is_full(&self) -> bool {
        self.differences.len() >= DIFFERENCES_SHOWN_MAX
    }
}

/// Ids of cases and texts of prompts must be the recorded ones; references, columns and scorers may have changed.
fn refuse_differences(
    store: &SqliteStore,
    source: &RunRow,
    plan: &Plan,
    places: &Places,
) -> Result<(), CliError> {
    let mut walk = Walk::new(plan, places);
    let mut failed = None;
    let mut kept = 0_u64;
    let mut check = |sample: SampleRecord| {
        match walk.step(sample.key, &sample.case_id) {
            Err(error) => failed = Some(error),
            Ok(None) => {}
            Ok(Some((key, case))) => {
                kept += 1;
                if let Some(difference) = prompt_difference(plan, key, &case, &sample.prompt) {
                    walk.differ(&format!("case `{}`: {difference}", case.id));
                }
            }
        }
        if failed.is_some() || walk.is_full() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    store
        .for_each_sample(&source.header.id, &mut check)
        .map_err(store_error)?;
    if let Some(error) = failed {
        return Err(error);
    }
    walk.end_group();
    // How far tasks are asked whose gates decide that, no plan knows.
    let is_open = plan.extends()
        || plan
            .tasks
            .iter()
            .any(|task| task.order.is_some() || task.under_load);
    if walk.differences.is_empty()
        && (if is_open {
            kept == 0
        } else {
            kept != plan.samples()
        })
    {
        walk.differences.push(format!(
            "{kept} of {} samples of the suite were recorded: epochs differ",
            plan.samples()
        ));
    }
    if walk.differences.is_empty() {
        return Ok(());
    }
    let more = if walk.is_full() { "\n…" } else { "" };
    let message = format!(
        "run {} asked something else than this suite:\n{}{more}",
        source.header.id,
        walk.differences.join("\n")
    );
    Err(CliError::usage(message).hint(
        "ids and prompts must be the recorded ones; scorers, references and gates may change; start a new run, or \
         restore datasets and prompts",
    ))
}

/// How the prompt of now differs from the recorded one. A sample whose prompt could not be built has none.
fn prompt_difference(plan: &Plan, key: SampleKey, case: &Case, recorded: &[Message]) -> Option<String> {
    let planned = plan.tasks.get(usize::from(key.task))?;
    let now = match planned.prompt.render(case) {
        Ok(now) => now,
        Err(_) if recorded.is_empty() => return None,
        Err(error) => return Some(error.to_string()),
    };
    if now.len() != recorded.len() {
        return Some(format!(
            "the prompt has {} messages now, {} were recorded",
            now.len(),
            recorded.len()
        ));
    }
    let differs = |(now, then): &(&Message, &Message)| now.role != then.role || now.content != then.content;
    let at = now.iter().zip(recorded).position(|pair| differs(&pair))?;
    Some(format!("message {} of the prompt is another text now", at + 1))
}

struct Scoring<'a> {
    plan: &'a Plan,
    scorers: &'a TaskScorers,
    models: &'a AskedModels,
    places: &'a Places,
}

impl Scoring<'_> {
    /// Scores every sample of `source` and records it under `run`.
    fn all(
        &self,
        reader: &SqliteStore,
        source: &RunId,
        store: &mut SqliteStore,
        run: &RunId,
    ) -> Result<(), CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                CliError::infrastructure(format!("failed to start the network runtime: {error}"))
            })?;
        let mut walk = Walk::new(self.plan, self.places);
        let mut batch: Vec<(SampleRecord, Case)> = Vec::with_capacity(BATCH);
        let mut failed = None;
        let mut take = |sample: SampleRecord| {
            let step = walk.step(sample.key, &sample.case_id).and_then(|found| {
                if let Some((key, case)) = found {
                    batch.push((SampleRecord { key, ..sample }, case));
                }
                if batch.len() < BATCH {
                    return Ok(());
                }
                self.record(&runtime, std::mem::take(&mut batch), store, run)
            });
            match step {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        reader.for_each_sample(source, &mut take).map_err(store_error)?;
        let recorded = match failed {
            Some(error) => Err(error),
            None => self.record(&runtime, batch, store, run),
        };
        // Programs that score, and models that are programs.
        runtime.block_on(seatrial_engine::close_scoring(self.scorers, self.models));
        recorded
    }

    fn record(
        &self,
        runtime: &tokio::runtime::Runtime,
        batch: Vec<(SampleRecord, Case)>,
        store: &mut SqliteStore,
        run: &RunId,
    ) -> Result<(), CliError> {
        let scored = batch.into_iter().map(|(sample, case)| self.score(sample, case));
        let samples = runtime.block_on(futures_util::future::join_all(scored));
        store.append(run, &samples).map_err(store_error)
    }

    async fn score(&self, sample: SampleRecord, case: Case) -> SampleRecord {
        let task = usize::from(sample.key.task);
        let scorers = self.scorers.get(task).map_or(&[][..], Vec::as_slice);
        let answered = Answered {
            case: &case,
            prompt: &sample.prompt,
            call: &sample.call,
            cost: sample.cost,
        };
        let scores = seatrial_engine::score(scorers, self.models, answered).await;
        let planned = self.plan.tasks.get(task);
        SampleRecord {
            slices: planned.map_or_else(Vec::new, |planned| planned.slices_of(&case)),
            cluster: case.cluster.as_deref().map(Arc::from),
            scores,
            ..sample
        }
    }
}
