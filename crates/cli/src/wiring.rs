//! Registers scorers, drivers and providers: the one place where a name in a suite becomes a thing that runs.

use crate::endpoints;
use crate::error::CliError;
use crate::output;
use seatrial_config::{CacheMode, Concurrency, DraftPlan, Endpoint, ScorerUse, Target, Vocabulary};
use seatrial_engine::{
    AskedModel, AskedModels, Bounds, PendingAnswers, ResponseCache, SingleTurn, TargetModel, TargetRun,
};
use seatrial_provider as provider;
use seatrial_score::{OutsidePlan, ScorerError, Similarity};
use seatrial_store::Answers;
use seatrial_task::{Driver, Plan, Scorer, TaskScorers};
use seatrial_types::MetricSpec;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Everything that may be named in a suite.
pub(crate) fn vocabulary() -> Vocabulary {
    let mut scorers = seatrial_score::vocabulary();
    scorers.push(seatrial_score::SIMILARITY);
    scorers.extend(seatrial_score::OUTSIDE_SCORERS);
    Vocabulary { scorers }
}

/// Builds the scorers of every task; all problems at once, each at its place in the suite.
pub(crate) fn scorers(
    draft: &DraftPlan,
    clock: &provider::Clock,
    ca_file: Option<&Path>,
) -> Result<TaskScorers, CliError> {
    let mut problems = draft.diagnostics();
    let mut all: TaskScorers = Vec::new();
    for (task_index, task) in draft.tasks.iter().enumerate() {
        let mut of_task: Vec<Arc<dyn Scorer>> = Vec::new();
        for (scorer_index, used) in task.scorers.iter().enumerate() {
            match scorer(used, draft, *clock, ca_file) {
                Ok(scorer) => of_task.push(scorer),
                Err((option, message, hint)) => {
                    problems.push_at(draft.locate(task_index, scorer_index, &option), message, hint);
                }
            }
        }
        all.push(of_task);
    }
    if problems.is_empty() {
        Ok(all)
    } else {
        Err(CliError::rendered(problems.render(output::colors_stderr())))
    }
}

/// One scorer; the error is the option at fault, message, hint.
fn scorer(
    used: &ScorerUse,
    draft: &DraftPlan,
    clock: provider::Clock,
    ca_file: Option<&Path>,
) -> Result<Arc<dyn Scorer>, (String, String, Option<String>)> {
    let mut options = used.options.clone();
    options.insert("name".to_owned(), used.name.clone().into());
    let of_options = |error: ScorerError| {
        let (message, hint) = split_hint(&error.to_string());
        (error.option().unwrap_or_default().to_owned(), message, hint)
    };
    if seatrial_score::is_outside(&used.scorer) {
        let plan = OutsidePlan::parse(&used.scorer, &options, &used.metrics).map_err(of_options)?;
        let built = crate::outside::scorer(plan, draft, clock, ca_file);
        return built.map_err(|(key, message, hint)| (key.to_owned(), message, hint));
    }
    if used.scorer == seatrial_score::SIMILARITY.name {
        let similarity = Similarity::parse(&options).map_err(of_options)?;
        return Ok(Arc::new(similarity));
    }
    seatrial_score::build(&used.scorer, &options)
        .map(Arc::from)
        .map_err(of_options)
}

/// The metrics of a recorded scorer (its JSON in a plan), as the scorers of this version say them; `None` for one that
/// this version does not know or would not accept. Nothing is connected to anything.
pub(crate) fn metrics_of(recorded: &Value, of_plan: &[MetricSpec]) -> Option<Vec<MetricSpec>> {
    let name = recorded["scorer"].as_str()?;
    let mut options = recorded["options"].as_object().cloned().unwrap_or_default();
    options.insert("name".to_owned(), recorded["name"].clone());
    if seatrial_score::is_outside(name) {
        let metric = |spec: &MetricSpec| seatrial_config::Metric {
            name: spec.name.to_string(),
            kind: spec.kind,
            unit: spec.unit,
            pillar: serde_json::from_value(recorded["options"]["metrics"][&*spec.name]["pillar"].clone())
                .unwrap_or(spec.pillar),
        };
        let metrics: Vec<_> = of_plan.iter().map(metric).collect();
        let plan = OutsidePlan::parse(name, &options, &metrics).ok()?;
        return Some(plan.metrics().to_vec());
    }
    if name == seatrial_score::SIMILARITY.name {
        return Some(Similarity::parse(&options).ok()?.metrics().to_vec());
    }
    Some(seatrial_score::build(name, &options).ok()?.metrics().to_vec())
}

/// Errors of lower floors carry their hint in the text; a diagnostic shows it on a line of its own.
pub(crate) fn split_hint(text: &str) -> (String, Option<String>) {
    match text.split_once("; hint: ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// One driver per task.
pub(crate) fn drivers(plan: &Arc<Plan>, scorers: &TaskScorers) -> Vec<Arc<dyn Driver>> {
    let driver = |task: usize| {
        let of_task = scorers.get(task).map_or(&[][..], Vec::as_slice);
        let asks = of_task.iter().any(|scorer| scorer.needs_log_probabilities());
        Arc::new(SingleTurn::new(Arc::clone(plan), task).with_log_probabilities(asks)) as Arc<dyn Driver>
    };
    (0..plan.tasks.len()).map(driver).collect()
}

/// What targets and models are connected to.
pub(crate) struct Wires<'a> {
    pub(crate) clock: &'a provider::Clock,
    pub(crate) ca_file: Option<&'a Path>,
    /// How the response cache is used.
    pub(crate) cache: CacheMode,
    /// Where kept answers are looked up; `None` with the cache off.
    pub(crate) answers: Option<Arc<Mutex<dyn Answers>>>,
    /// Where answers go that are to be kept.
    pub(crate) pending: PendingAnswers,
}

/// Builds every target; all problems at once.
pub(crate) fn targets(draft: &DraftPlan, wires: &Wires<'_>) -> Result<Vec<TargetRun>, CliError> {
    let mut problems = draft.diagnostics();
    let mut targets = Vec::new();
    for (index, target) in draft.targets.iter().enumerate() {
        match target_run(target, draft.seed.wrapping_add(index as u64), wires) {
            Ok(target) => targets.push(target),
            Err((key, message, hint)) => problems.push_at(draft.locate_target(index, key), message, hint),
        }
    }
    if problems.is_empty() {
        Ok(targets)
    } else {
        Err(CliError::rendered(problems.render(output::colors_stderr())))
    }
}

/// Builds the models that scorers ask; all problems at once.
pub(crate) fn models(draft: &DraftPlan, wires: &Wires<'_>) -> Result<AskedModels, CliError> {
    let mut problems = draft.diagnostics();
    let mut models = AskedModels::new();
    for (index, target) in draft.models.iter().enumerate() {
        let seed = draft.seed.wrapping_add((draft.targets.len() + index) as u64);
        match target_run(target, seed, wires) {
            Ok(run) => {
                let served = target.model().map(str::to_owned);
                let asked = AskedModel::new(target.name.clone(), served, run.model, run.price);
                models.insert(target.name.clone(), asked);
            }
            Err((key, message, hint)) => problems.push_at(draft.locate_model(index, key), message, hint),
        }
    }
    if problems.is_empty() {
        Ok(models)
    } else {
        Err(CliError::rendered(problems.render(output::colors_stderr())))
    }
}

/// Key of the target that is at fault, message, hint.
pub(crate) type TargetProblem = (&'static str, String, Option<String>);

pub(crate) fn target_run(target: &Target, seed: u64, wires: &Wires<'_>) -> Result<TargetRun, TargetProblem> {
    let Concurrency { start, min, max } = target.limits.concurrency;
    let pressure = Arc::new(provider::Pressure::default());
    let is_recorded = matches!(target.endpoint, Endpoint::Recorded(_));
    let answers = wires.answers.as_ref().filter(|_| !is_recorded);
    let cache = answers.map(|answers| {
        let (answers, pending) = (Arc::clone(answers), wires.pending.clone());
        ResponseCache::new(wires.cache, &target.endpoint, answers, pending)
    });
    let provider = provider_of(target, seed, wires, &pressure)?;
    // More calls than a program takes at a time would only wait in this process.
    let places = match &provider {
        provider::Provider::Exec(exec) => u32::try_from(exec.places()).unwrap_or(u32::MAX),
        _ => u32::MAX,
    };
    Ok(TargetRun {
        model: Arc::new(TargetModel::new(provider, cache)),
        concurrency: Bounds::new(u32::from(start), u32::from(min), u32::from(max).min(places)),
        pressure,
        price: target.price.clone(),
        is_paid: !is_recorded && wires.cache != CacheMode::ReplayOnly,
        answer_tokens_max: target.answer_tokens_max(),
    })
}

fn provider_of(
    target: &Target,
    seed: u64,
    wires: &Wires<'_>,
    pressure: &Arc<provider::Pressure>,
) -> Result<provider::Provider, TargetProblem> {
    let provider = match &target.endpoint {
        Endpoint::OpenAi(_) | Endpoint::Anthropic(_) | Endpoint::Http(_) => {
            endpoints::remote(target, seed, wires, pressure)?.into()
        }
        Endpoint::Exec(exec) => crate::programs::target(exec, target, *wires.clock, seed)?.into(),
        Endpoint::Recorded(recorded) => {
            let fields = provider::RecordedFields {
                id_field: recorded.id_field.clone(),
                output_field: recorded.output_field.clone(),
                usage_field: recorded.usage_field.clone(),
                latency_ms_field: recorded.latency_ms_field.clone(),
            };
            let answers = provider::Recorded::try_open(&recorded.path, fields).map_err(|error| {
                let (message, hint) = split_hint(&error.to_string());
                ("path", message, hint)
            })?;
            provider::Provider::Recorded(Box::new(answers))
        }
    };
    Ok(provider)
}
