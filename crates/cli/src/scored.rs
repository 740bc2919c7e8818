//! A recorded run as scored runs, one for each target: what comparisons, baselines and simulations start from. Apart
//! from reports, which read findings: here every sample counts by name. Figures stream from the record, so memory
//! depends on the number of samples and never on their texts.

use crate::error::CliError;
use crate::record;
use crate::session::store_error;
use crate::wiring;
use seatrial_analyse::compare::{RunsOptions, compare_runs};
use seatrial_analyse::scored::{
    CollectedTarget, PlannedTarget, ScoredCollector, ScoredMetric, ScoredRun, TaskShape, planned_targets,
};
use seatrial_store::{Catalog, Events, RunRow, RunStatus, SqliteStore};
use seatrial_types::{Findings, Flips, MetricKind, MetricSpec, PairComparison, Pillar, Statistic, Unit};
use serde_json::Value;
use std::ops::ControlFlow;

/// Most targets of a run that are compared with each other in its findings.
pub(crate) const TARGETS_COMPARED_MAX: usize = 32;

/// A run as people name it: an id or `latest`, and perhaps one of its targets behind an `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunReference<'a> {
    /// Id, or `latest`.
    pub(crate) run: &'a str,
    /// The one target that is meant.
    pub(crate) target: Option<&'a str>,
}

impl<'a> RunReference<'a> {
    /// From `RUN` or `RUN@TARGET`; no id holds an `@`.
    pub(crate) fn of(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((run, target)) => Self {
                run,
                target: Some(target),
            },
            None => Self {
                run: text,
                target: None,
            },
        }
    }
}

/// The scored runs that a reference names: one for the target that it names, or one for each target of the run.
pub(crate) fn of_reference(
    store: &SqliteStore,
    reference: RunReference<'_>,
) -> Result<Vec<ScoredRun>, CliError> {
    let run = record::find_run(store, reference.run)?;
    of_run(store, &run, reference.target)
}

/// The scored runs of a recorded run, in the order of its targets; with `target` only that one.
pub(crate) fn of_run(
    store: &SqliteStore,
    run: &RunRow,
    target: Option<&str>,
) -> Result<Vec<ScoredRun>, CliError> {
    let body = store.plan(run.header.plan_hash).map_err(store_error)?;
    let plan: Value = body
        .and_then(|body| serde_json::from_str(&body).ok())
        .unwrap_or(Value::Null);
    let planned = planned_targets(&plan, &run.header.tool_version);
    if let Some(wanted) = target
        && !planned.iter().any(|planned| planned.name == wanted)
    {
        let known: Vec<&str> = planned.iter().map(|planned| planned.name.as_str()).collect();
        return Err(
            CliError::usage(format!("run {} has no target `{wanted}`", run.header.id))
                .hint(format!("it has: {}", known.join(", "))),
        );
    }
    let mut warnings = Vec::new();
    let shapes = task_shapes(&plan, &mut warnings);
    if run.status != RunStatus::Finished {
        warnings.push(format!(
            "run {} is {}: {} of {} samples are on record",
            run.header.id,
            run.status.as_str(),
            run.samples_finished,
            run.header.samples_planned
        ));
    }
    let mut collector = ScoredCollector::new(planned.len(), &shapes);
    let mut add = |sample: seatrial_types::SampleFigures| {
        collector.add(&sample);
        ControlFlow::Continue(())
    };
    store
        .for_each_figures(&run.header.id, &mut add)
        .map_err(store_error)?;
    let targets = planned.into_iter().zip(collector.finish());
    let mut runs: Vec<ScoredRun> = targets
        .filter(|(planned, _)| target.is_none_or(|wanted| wanted == planned.name))
        .map(|(planned, collected)| scored(run, planned, collected, &warnings))
        .collect();
    let findings = store.findings(&run.header.id).map_err(store_error)?;
    if let Some(findings) = findings.and_then(|json| serde_json::from_str::<Findings>(&json).ok()) {
        withhold_spoiled(&mut runs, &findings);
    }
    Ok(runs)
}

/// Takes out what the measuring client itself spoiled, as the findings say it: such a number is compared with nothing.
fn withhold_spoiled(runs: &mut [ScoredRun], findings: &Findings) {
    for target in &findings.targets {
        let Some(run) = runs
            .iter_mut()
            .find(|run| run.target.as_deref() == Some(target.name.as_str()))
        else {
            continue;
        };
        for task in &mut run.tasks {
            let is_spoiled = |metric: &ScoredMetric| {
                let mut of_findings = target.metrics.iter();
                of_findings.any(|found| {
                    found.status.is_some() && found.task == task.task && found.metric == metric.metric
                })
            };
            let before = task.metrics.len();
            task.metrics.retain(|metric| !is_spoiled(metric));
            if task.metrics.len() < before {
                run.warnings.push(format!(
                    "task `{}`: the measuring client was saturated, so its times are compared with nothing",
                    task.task
                ));
            }
        }
    }
}

/// The paired differences between the targets of one run, for its findings: primary metrics, and means of what is
/// measured on the side. Empty for one target, and for more than [`TARGETS_COMPARED_MAX`].
pub(crate) fn comparisons(
    store: &SqliteStore,
    run: &RunRow,
    findings: &Findings,
) -> Result<Vec<Value>, CliError> {
    if findings.targets.len() < 2 || findings.targets.len() > TARGETS_COMPARED_MAX {
        return Ok(Vec::new());
    }
    let mut runs = of_run(store, run, None)?;
    withhold_spoiled(&mut runs, findings);
    for run in &mut runs {
        if let Some(target) = run.target.clone() {
            run.label = target;
        }
    }
    let options = RunsOptions {
        slices: false,
        ..RunsOptions::default()
    };
    // Times are a family of their own: they differ between two executions of one plan, and nothing else should.
    let part = |of_times: bool| -> Result<Vec<PairComparison>, CliError> {
        let mut runs = runs.clone();
        for task in runs.iter_mut().flat_map(|run| &mut run.tasks) {
            task.metrics
                .retain(|metric| (metric.pillar == Pillar::Performance) == of_times);
        }
        let compared = compare_runs(&runs, &options).map_err(CliError::infrastructure)?;
        Ok(compared.pairs)
    };
    let told = [part(false)?, part(true)?]
        .into_iter()
        .flatten()
        .filter(|pair| matches!(pair.statistic, Statistic::Mean | Statistic::Rate));
    told.map(|pair| {
        // Which cases flipped is for `compare`; findings would grow with every case.
        let flips = pair.flips.map(|flips| Flips {
            newly_failing: Vec::new(),
            newly_passing: Vec::new(),
            flaky: Vec::new(),
            ..flips
        });
        serde_json::to_value(PairComparison { flips, ..pair }).map_err(CliError::infrastructure)
    })
    .collect()
}

fn scored(
    run: &RunRow,
    planned: PlannedTarget,
    collected: CollectedTarget,
    warnings: &[String],
) -> ScoredRun {
    let mut subject = planned.subject;
    let served: Vec<&str> = collected.served_models.iter().map(|model| &**model).collect();
    if !served.is_empty() {
        subject
            .fields
            .insert("served_model".to_owned(), served.join(", ").into());
    }
    ScoredRun {
        label: format!("{}@{}", run.header.id, planned.name),
        run_id: Some(run.header.id.clone()),
        target: Some(planned.name),
        started_at: Some(run.header.started_at.clone()),
        identity: planned.identity,
        subject,
        tasks: collected.tasks,
        warnings: warnings.to_vec(),
    }
}

/// The tasks of a recorded plan with the metrics of their scorers, as the scorers of this version say them.
pub(crate) fn task_shapes(plan: &Value, warnings: &mut Vec<String>) -> Vec<TaskShape> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let tasks = list(&plan["suite"]["tasks"]);
    tasks
        .iter()
        .map(|task| TaskShape {
            name: task["name"].as_str().unwrap_or_default().to_owned(),
            epochs: task["epochs"]
                .as_u64()
                .and_then(|epochs| u32::try_from(epochs).ok())
                .unwrap_or(1),
            success: task["success"].as_str().map(str::to_owned),
            scorers: list(&task["scorers"])
                .iter()
                .map(|scorer| metrics(scorer, warnings))
                .collect(),
        })
        .collect()
}

/// The metrics of a recorded scorer. One that this version cannot build has those that the plan names, and what it could
/// not score is left out of them.
fn metrics(scorer: &Value, warnings: &mut Vec<String>) -> Vec<MetricSpec> {
    let recorded: Vec<MetricSpec> = scorer["metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .map(recorded_metric)
        .collect();
    // An import leaves out what its tool did not score.
    if scorer["scorer"] == "imported" {
        return recorded;
    }
    let built = wiring::metrics_of(scorer, &recorded);
    // By position and name: a metric of another name would be given somebody else's scores.
    let agrees = |built: &[MetricSpec]| {
        built.len() == recorded.len()
            && built
                .iter()
                .zip(&recorded)
                .all(|(one, other)| one.name == other.name)
    };
    match built {
        Some(built) if agrees(&built) => built,
        _ => {
            warnings.push(format!(
                "scorer `{}` was recorded by another version and is not known to this one: answers that it could not \
                 score are left out",
                scorer["name"].as_str().unwrap_or_default()
            ));
            recorded
        }
    }
}

fn recorded_metric(metric: &Value) -> MetricSpec {
    let kind = serde_json::from_value(metric["kind"].clone()).unwrap_or(MetricKind::Real);
    let unit = serde_json::from_value(metric["unit"].clone()).unwrap_or(Unit::Score);
    MetricSpec {
        name: metric["name"].as_str().unwrap_or_default().to_owned().into(),
        kind,
        unit,
        pillar: match unit {
            Unit::Ms | Unit::PerS => Pillar::Performance,
            Unit::Usd | Unit::Tokens => Pillar::Cost,
            Unit::Share | Unit::Count | Unit::Score => Pillar::Quality,
        },
        unparsed_is_wrong: false,
        refused_is_wrong: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects the policy of classes: it comes from the recorded options, and an unknown scorer says so.
    #[test]
    fn policies_come_from_the_plan() {
        let scorer = |scorer: &str, options: Value| {
            json!({"scorer": scorer, "name": "right", "options": options,
                   "metrics": [{"name": "right", "kind": "binary", "unit": "share"}]})
        };
        let mut warnings = Vec::new();
        let strict = metrics(&scorer("exact_match", json!({})), &mut warnings);
        let lenient = metrics(
            &scorer("exact_match", json!({"unparsed": "exclude"})),
            &mut warnings,
        );
        let imported = metrics(&scorer("imported", json!({})), &mut warnings);
        let policy = |metrics: &[MetricSpec]| (metrics[0].unparsed_is_wrong, metrics[0].refused_is_wrong);
        assert_eq!((policy(&strict), policy(&lenient)), ((true, true), (false, true)));
        assert_eq!((policy(&imported), warnings.len()), ((false, false), 0));
        let gone = metrics(&scorer("telepathy", json!({})), &mut warnings);
        assert_eq!((policy(&gone), warnings.len()), ((false, false), 1));
        assert!(warnings[0].contains("`right`"), "{warnings:?}");
    }

    /// Protects references: a target behind the first `@`.
    #[test]
    fn references() {
        let whole = RunReference::of("latest");
        assert_eq!((whole.run, whole.target), ("latest", None));
        let part = RunReference::of("20260131T120000-9f3a61@tier-1");
        assert_eq!(
            (part.run, part.target),
            ("20260131T120000-9f3a61", Some("tier-1"))
        );
    }
}
