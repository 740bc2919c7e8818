//! The draft plan of an imported run, so that analysis needs to know nothing of imports. Apart because a run that
//! was recorded elsewhere has no suite: this makes one with its targets, tasks and metrics, and with nothing to ask.

use crate::error::CliError;
use crate::wiring;
use seatrial_analyse::TaskMetrics;
use seatrial_config::{DraftPlan, ErrorCap, Metric, ScorerUse};
use seatrial_interop::{ScorerShape, Shape};
use std::path::Path;

/// The smallest suite. Whatever an import does not say (limits, retries, seeds) is as it is for a suite that does not
/// say it.
const TEMPLATE: &str = r#"{"version": 1, "name": "imported", "targets": [{"name": "t", "provider": "recorded",
"path": "imported.jsonl"}], "tasks": [{"name": "t", "dataset": {"path": "imported.jsonl"}, "prompt": "{{ input }}",
"scorers": ["exact_match"]}]}"#;

/// The plan as analysis reads it.
pub(crate) fn draft(shape: &Shape) -> Result<DraftPlan, CliError> {
    let (mut draft, _) =
        seatrial_config::parse_suite(TEMPLATE, Path::new("imported.yaml"), &wiring::vocabulary())
            .map_err(|problems| CliError::infrastructure(problems.render(false)))?;
    let (Some(target), Some(task)) = (draft.targets.first().cloned(), draft.tasks.first().cloned()) else {
        return Err(CliError::infrastructure(
            "the template of imported plans is empty",
        ));
    };
    draft.name.clone_from(&shape.name);
    // Nobody set a cap for this run, and it is over.
    draft.error_cap = ErrorCap::MaxErrorRate(1.0);
    draft.targets = shape
        .targets
        .iter()
        .map(|imported| {
            let mut target = target.clone();
            target.name.clone_from(&imported.name);
            target
        })
        .collect();
    draft.tasks = shape
        .tasks
        .iter()
        .map(|imported| {
            let mut task = task.clone();
            task.name.clone_from(&imported.name);
            task.epochs = imported.epochs;
            let scorer = task.scorers.first().cloned();
            let scorers = imported.scorers.iter();
            task.scorers = scorers
                .filter_map(|imported| Some(scorer_use(scorer.clone()?, imported)))
                .collect();
            task
        })
        .collect();
    Ok(draft)
}

fn scorer_use(mut scorer: ScorerUse, imported: &ScorerShape) -> ScorerUse {
    scorer.name.clone_from(&imported.name);
    scorer.metrics = imported
        .metrics
        .iter()
        .map(|metric| Metric {
            name: metric.name.to_string(),
            kind: metric.kind,
            unit: metric.unit,
            pillar: metric.pillar,
        })
        .collect();
    scorer
}

/// Metrics of every task and scorer.
pub(crate) fn metrics(shape: &Shape) -> TaskMetrics {
    let tasks = shape.tasks.iter();
    tasks
        .map(|task| {
            let scorers = task.scorers.iter();
            scorers.map(|scorer| scorer.metrics.clone()).collect()
        })
        .collect()
}
