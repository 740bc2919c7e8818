//! Registers scorers, drivers and providers: the one place where a name in a suite becomes a thing that runs.

use crate::endpoints;
use crate::error::CliError;
use crate::output;
use seatrial_config::{DraftPlan, Endpoint, Target, Vocabulary};
use seatrial_engine::{AskedModel, AskedModels, SingleTurn, TargetModel, TargetRun};
use seatrial_provider as provider;
use seatrial_task::{Driver, Plan, Scorer, TaskScorers};
use std::path::Path;
use std::sync::Arc;

/// Everything that may be named in a suite.
pub(crate) fn vocabulary() -> Vocabulary {
    Vocabulary {
        scorers: seatrial_score::vocabulary(),
    }
}

/// Builds the scorers of every task; all problems at once, each at its place in the suite.
pub(crate) fn scorers(draft: &DraftPlan) -> Result<TaskScorers, CliError> {
    let mut problems = draft.diagnostics();
    let mut all: TaskScorers = Vec::new();
    for (task_index, task) in draft.tasks.iter().enumerate() {
        let mut of_task: Vec<Arc<dyn Scorer>> = Vec::new();
        for (scorer_index, used) in task.scorers.iter().enumerate() {
            let mut options = used.options.clone();
            options.insert("name".to_owned(), used.name.clone().into());
            match seatrial_score::build(&used.scorer, &options) {
                Ok(scorer) => of_task.push(Arc::from(scorer)),
                Err(error) => {
                    let place = draft.locate(task_index, scorer_index, error.option().unwrap_or_default());
                    let (message, hint) = split_hint(&error.to_string());
                    problems.push_at(place, message, hint);
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

/// Errors of lower floors carry their hint in the text; a diagnostic shows it on a line of its own.
pub(crate) fn split_hint(text: &str) -> (String, Option<String>) {
    match text.split_once("; hint: ") {
        Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
        None => (text.to_owned(), None),
    }
}

/// One driver per task.
pub(crate) fn drivers(plan: &Arc<Plan>) -> Vec<Arc<dyn Driver>> {
    (0..plan.tasks.len())
        .map(|task| Arc::new(SingleTurn::new(Arc::clone(plan), task)) as Arc<dyn Driver>)
        .collect()
}

/// Builds every target; all problems at once.
pub(crate) fn targets(
    draft: &DraftPlan,
    clock: &provider::Clock,
    ca_file: Option<&Path>,
) -> Result<Vec<TargetRun>, CliError> {
    let mut problems = draft.diagnostics();
    let mut targets = Vec::new();
    for (index, target) in draft.targets.iter().enumerate() {
        match target_run(target, draft.seed.wrapping_add(index as u64), clock, ca_file) {
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
pub(crate) fn models(
    draft: &DraftPlan,
    clock: &provider::Clock,
    ca_file: Option<&Path>,
) -> Result<AskedModels, CliError> {
    let mut problems = draft.diagnostics();
    let mut models = AskedModels::new();
    for (index, target) in draft.models.iter().enumerate() {
        let seed = draft.seed.wrapping_add((draft.targets.len() + index) as u64);
        match target_run(target, seed, clock, ca_file) {
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

fn target_run(
    target: &Target,
    seed: u64,
    clock: &provider::Clock,
    ca_file: Option<&Path>,
) -> Result<TargetRun, TargetProblem> {
    let concurrency = usize::from(target.limits.concurrency);
    let provider = match &target.endpoint {
        Endpoint::OpenAi(_) | Endpoint::Anthropic(_) | Endpoint::Http(_) => {
            endpoints::remote(target, *clock, seed, ca_file)?.into()
        }
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
    Ok(TargetRun {
        model: Arc::new(TargetModel::new(provider)),
        concurrency,
        price: target.price,
    })
}
