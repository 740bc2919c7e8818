//! `seatrial load --suite --task`: a task's cases as a load, and what its scorers make of the answers. Apart from load
//! tasks of suites, which are recorded; here the suite lends prompts, target and scorers, and nothing is put on record.

use super::cases::{Loaded, TaskCases, score};
use super::endpoint::{Asked, connected, described, identity_of_cases, params_of};
use super::result::LoadResult;
use super::tasked::{form_of, unix_ms};
use crate::args::{LoadApi, LoadArguments, LoadProvider, STORE_DEFAULT, STORE_VARIABLE};
use crate::baselines::BaselinesAt;
use crate::endpoints;
use crate::error::CliError;
use crate::materials::{self, Materials};
use crate::output;
use crate::sequential;
use crate::session::{Resume, Session};
use crate::wiring::{self, Wires};
use seatrial_analyse::{Collector, RunFacts, RunState};
use seatrial_config::{CacheMode, DraftPlan, Target};
use seatrial_engine::{AskedModels, PendingAnswers};
use seatrial_load::{ANSWERS_BYTES_MAX, AnswerForm, FixedRequests, KeepingAnswers, make_room_for_files};
use seatrial_provider::{Clock, Endpoint, Pressure};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{ExitCode, MetricResult, Pillar, RunId};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A task that is asked by a load, ready to be asked.
pub(super) struct JudgedTask {
    /// The command line, with what the suite's target says of the endpoint.
    pub(super) arguments: LoadArguments,
    plan: Plan,
    scorers: TaskScorers,
    models: AskedModels,
    task: usize,
    target: usize,
    endpoint: Endpoint,
    form: AnswerForm,
    api: &'static str,
    cases: TaskCases,
    started_unix_ms: i64,
    /// Files of datasets that must stay while the cases are read.
    _materials: Materials,
}

impl JudgedTask {
    /// Reads suite and cases; `None` where no suite was named.
    ///
    /// # Errors
    /// Whatever is wrong with the suite or its datasets, a task or target that it has not, a target that is not called over
    /// HTTP.
    pub(super) fn prepare(arguments: &LoadArguments) -> Result<Option<Self>, CliError> {
        let (Some(path), Some(name)) = (&arguments.cases.suite, &arguments.cases.task) else {
            return Ok(None);
        };
        let shape = &arguments.shape;
        make_room_for_files(shape.concurrency.unwrap_or(shape.max_in_flight) as usize);
        let (mut draft, warnings) = seatrial_config::read_suite(path, &wiring::vocabulary())
            .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
        let task = find(
            path,
            "task",
            name,
            draft.tasks.iter().map(|task| task.name.as_str()),
        )?;
        let target = target_of(arguments, path, &draft)?;
        // A case may be asked often, and the load alone decides how often; nothing is decided about the suite.
        if let Some(task) = draft.tasks.get_mut(task) {
            (task.under_load, task.sequential, task.epochs) = (true, false, 1);
        }
        draft.gates.clear();
        let ca_file = arguments.endpoint.ca_file.as_deref();
        let clock = Clock::start();
        let scorers = wiring::scorers(&draft, &clock, ca_file)?;
        let mut session = Session {
            draft,
            warnings: warnings.iter().map(ToString::to_string).collect(),
            suite_path: Some(path.display().to_string()),
            store: std::env::var_os(STORE_VARIABLE)
                .map_or_else(|| PathBuf::from(STORE_DEFAULT), PathBuf::from),
            resume: Resume::No,
            retry_errors: false,
            ca_file: arguments.endpoint.ca_file.clone(),
            baselines: BaselinesAt::default(),
        };
        let materials = materials::gather(&mut session)?;
        for warning in &session.warnings {
            output::stderr(&format!("warning: {warning}\n"));
        }
        let plan = seatrial_task::freeze(session.draft, &scorers).map_err(CliError::usage)?;
        let wires = Wires {
            clock: &clock,
            ca_file,
            cache: CacheMode::Off,
            answers: None,
            pending: PendingAnswers::default(),
        };
        let models = wiring::models(&plan.draft, &wires)?;
        let mut arguments = arguments.clone();
        let (endpoint, form, api) = endpoint_of(&mut arguments, &plan.draft, target, &wires)?;
        let planned = plan
            .tasks
            .get(task)
            .ok_or_else(|| CliError::infrastructure("the plan has no such task"))?;
        let of_task = scorers.get(task).map_or(&[][..], Vec::as_slice);
        let asks = of_task.iter().any(|scorer| scorer.needs_log_probabilities());
        let cases = TaskCases::read(planned, &endpoint, arguments.shape.seed, None, asks)?;
        Ok(Some(Self {
            arguments,
            plan,
            scorers,
            models,
            task,
            target,
            endpoint,
            form,
            api,
            cases,
            started_unix_ms: unix_ms(),
            _materials: materials,
        }))
    }

    /// The endpoint with the requests of all cases, name resolved.
    pub(super) fn asked(&self) -> Result<Asked, CliError> {
        let source = Arc::new(KeepingAnswers {
            requests: Arc::new(FixedRequests::new(self.cases.requests.clone())),
            bytes_max: ANSWERS_BYTES_MAX,
        });
        let given = &self.arguments.endpoint;
        let place = (given.timeout, given.cold, given.model.as_deref());
        let asked = connected(self.endpoint.clone(), self.form, self.api, (source, None), place)?;
        Ok(Asked {
            counter: super::work::counter(&self.arguments)?,
            prompts: identity_of_cases(&asked),
            cases: Some(self.cases.len()),
            ..asked
        })
    }

    /// Scores the answers of a load that is over, and adds what came of it to the result. A scorer that fails takes nothing
    /// from what was measured: that becomes a warning, and the exit code says so.
    pub(super) fn judge(&self, result: &mut LoadResult<'_>) {
        if result.exit == ExitCode::Interrupted {
            result
                .warnings
                .push("the load was interrupted: its answers are not scored".to_owned());
            return;
        }
        match self.quality(result) {
            Ok((quality, warning)) => {
                result.quality = Some(quality);
                result.warnings.extend(warning);
            }
            Err(error) => {
                result.exit = ExitCode::strongest(&[result.exit, error.exit]);
                result
                    .warnings
                    .push(format!("answers were not scored: {}", error.message));
            }
        }
    }

    fn quality(&self, result: &LoadResult<'_>) -> Result<(Vec<MetricResult>, Option<String>), CliError> {
        let planned = self
            .plan
            .tasks
            .get(self.task)
            .ok_or_else(|| CliError::infrastructure("the plan has no task for these answers"))?;
        let number = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
        let loaded = Loaded {
            run: result.run,
            cases: &self.cases,
            planned,
            api: &result.asked.wire,
            url: &result.asked.url,
            price: None,
            started_unix_ms: self.started_unix_ms,
            target: number(self.target),
            task: number(self.task),
        };
        let (samples, missing) = loaded.samples();
        let warning = (missing > 0).then(|| {
            format!(
                "{missing} answers were not kept, for there is room for {} MiB: they are measured and not scored",
                ANSWERS_BYTES_MAX >> 20
            )
        });
        output::stderr(&format!("scoring {} answers of the load\n", samples.len()));
        let scorers = self.scorers.get(self.task).map_or(&[][..], Vec::as_slice);
        let samples = score(samples, scorers, &self.models, &|| false)?.unwrap_or_default();
        close_scoring(&self.scorers, &self.models);
        // Requests of one case are no independent answers.
        let clustered = vec![true; self.plan.draft.tasks.len()];
        let metrics = sequential::metrics(&self.scorers);
        let mut collector = Collector::new(&self.plan.draft, metrics, clustered);
        for sample in &samples {
            collector.add(&seatrial_store::figures_of(sample));
        }
        let findings = seatrial_analyse::findings(&self.plan.draft, &collector, &self.facts(result));
        let name = &planned_name(&self.plan, self.task);
        let of_target = findings.targets.into_iter().nth(self.target);
        let mut quality = of_target.map(|target| target.metrics).unwrap_or_default();
        quality.retain(|metric| metric.task == *name && metric.pillar == Pillar::Quality);
        Ok((quality, warning))
    }

    fn facts(&self, result: &LoadResult<'_>) -> RunFacts {
        RunFacts {
            run_id: RunId::from_text("load"),
            plan_hash: self.plan.hash.to_string(),
            started_at: result.started_at.clone(),
            ended_at: Some(result.ended_at.clone()),
            state: RunState::Complete,
            samples_planned: 0,
            client_saturated: false,
            client_read_lag_ms: None,
            models: Vec::new(),
            rescored_from: None,
            errors_asked_again: 0,
            courses: Vec::new(),
            baseline: None,
            loads: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

fn planned_name(plan: &Plan, task: usize) -> String {
    plan.draft
        .tasks
        .get(task)
        .map_or_else(String::new, |task| task.name.clone())
}

/// Which target is loaded; the first, whose name nobody reads, where the endpoint was given.
fn target_of(arguments: &LoadArguments, path: &Path, draft: &DraftPlan) -> Result<usize, CliError> {
    if arguments.endpoint.base_url.is_some() {
        return Ok(0);
    }
    let names = || draft.targets.iter().map(|target| target.name.as_str());
    match &arguments.cases.target {
        Some(name) => find(path, "target", name, names()),
        None if draft.targets.len() == 1 => Ok(0),
        None => {
            let message = format!(
                "{} has {} targets, and one is loaded",
                path.display(),
                draft.targets.len()
            );
            Err(CliError::usage(message).hint(format!(
                "add --target NAME: {}",
                names().collect::<Vec<_>>().join(", ")
            )))
        }
    }
}

fn find<'a>(
    path: &Path,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Result<usize, CliError> {
    let known: Vec<&str> = known.collect();
    known.iter().position(|known| *known == name).ok_or_else(|| {
        CliError::usage(format!("{} has no {what} `{name}`", path.display()))
            .hint(format!("it has: {}", known.join(", ")))
    })
}

/// The endpoint of the command line where one was given, else the suite's target.
fn endpoint_of(
    arguments: &mut LoadArguments,
    draft: &DraftPlan,
    target: usize,
    wires: &Wires<'_>,
) -> Result<(Endpoint, AnswerForm, &'static str), CliError> {
    if arguments.endpoint.base_url.is_none() {
        return of_target(arguments, draft, target, wires);
    }
    if arguments.endpoint.model.is_none() {
        return Err(CliError::usage("--base-url is given and no model").hint("add --model NAME"));
    }
    described(arguments, &arguments.endpoint)
}

/// The endpoint of the suite's target; its model and API go into the command line, by which everything else is told.
fn of_target(
    arguments: &mut LoadArguments,
    draft: &DraftPlan,
    index: usize,
    wires: &Wires<'_>,
) -> Result<(Endpoint, AnswerForm, &'static str), CliError> {
    refuse_half_endpoints(arguments)?;
    let target = draft
        .targets
        .get(index)
        .ok_or_else(|| CliError::usage("the suite has no target").hint("add --base-url URL --model NAME"))?;
    let (form, api) = form_of(&target.endpoint).ok_or_else(|| {
        CliError::usage(format!(
            "target `{}` is of provider `{}`, which cannot be loaded",
            target.name,
            target.endpoint.provider()
        ))
        .hint("name a target that is called over HTTP with --target, or an endpoint with --base-url")
    })?;
    let pressure = Arc::new(Pressure::default());
    let mut endpoint = endpoints::described(target, wires, &pressure).map_err(|(_, message, hint)| {
        let error = CliError::usage(format!("target `{}`: {message}", target.name));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })?;
    tell_api(arguments, api);
    complete(arguments, &mut endpoint, target)?;
    Ok((endpoint, form, api))
}

/// What the command line adds to the target: model, parameters, most tokens, streams or not.
fn complete(arguments: &mut LoadArguments, endpoint: &mut Endpoint, target: &Target) -> Result<(), CliError> {
    match &arguments.endpoint.model {
        Some(model) => endpoint.model.clone_from(model),
        None => arguments.endpoint.model = target.model().map(str::to_owned),
    }
    if arguments.work.max_tokens.is_some() {
        for key in ["max_completion_tokens", "max_output_tokens", "max_tokens"] {
            endpoint.params.remove(key);
        }
    }
    endpoint.params.extend(params_of(arguments)?);
    endpoint.stream &= !arguments.endpoint.no_stream;
    arguments.endpoint.no_stream = !endpoint.stream;
    Ok(())
}

fn tell_api(arguments: &mut LoadArguments, api: &str) {
    let given = &mut arguments.endpoint;
    (given.provider, given.api) = match api {
        "messages" => (LoadProvider::Anthropic, LoadApi::Chat),
        "completions" => (LoadProvider::Openai, LoadApi::Completions),
        "responses" => (LoadProvider::Openai, LoadApi::Responses),
        "embeddings" => (LoadProvider::Openai, LoadApi::Embeddings),
        _ => (LoadProvider::Openai, LoadApi::Chat),
    };
}

/// What belongs to an endpoint of the command line means nothing to the suite's target.
fn refuse_half_endpoints(arguments: &LoadArguments) -> Result<(), CliError> {
    let given = &arguments.endpoint;
    let extra = [
        ("--provider", given.provider != LoadProvider::Openai),
        ("--api", given.api != LoadApi::Chat),
        ("--api-key-env", given.api_key_env.is_some()),
    ];
    match extra.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => Err(CliError::usage(format!("{name} is given without --base-url"))
            .hint("the suite says this of its target; add --base-url and --model to load another endpoint")),
    }
}

/// Ends programs that scored.
fn close_scoring(scorers: &TaskScorers, models: &AskedModels) {
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
        runtime.block_on(seatrial_engine::close_scoring(scorers, models));
    }
}
