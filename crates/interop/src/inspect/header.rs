//! The header of an Inspect log: what was run, how it ended, and what Inspect itself computed. Apart because archive
//! and single file hold the same one, and a log that was never finished only the start of it.

use super::VERSION_MAX;
use crate::error::ImportError;
use crate::foreign::{Claim, FileFacts};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// `header.json`, `_journal/start.json`, or the top of a single file.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Header {
    #[serde(default)]
    pub(super) version: Option<u64>,
    #[serde(default)]
    pub(super) status: Option<String>,
    pub(super) eval: Spec,
    #[serde(default)]
    pub(super) results: Option<Results>,
    #[serde(default)]
    pub(super) stats: Option<Stats>,
    #[serde(default)]
    pub(super) error: Option<Message>,
    #[serde(default)]
    pub(super) invalidated: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Spec {
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    eval_id: Option<String>,
    #[serde(default)]
    created: Option<String>,
    pub(super) task: String,
    #[serde(default)]
    task_version: Value,
    #[serde(default)]
    task_args: Value,
    #[serde(default)]
    dataset: Dataset,
    pub(super) model: String,
    #[serde(default)]
    model_base_url: Value,
    #[serde(default)]
    model_generate_config: Value,
    #[serde(default)]
    pub(super) model_roles: Option<Map<String, Value>>,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    revision: Value,
    #[serde(default)]
    packages: Map<String, Value>,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    solver: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Dataset {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    samples: Option<u64>,
    #[serde(default)]
    sample_ids: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    epochs: Option<u64>,
    #[serde(default)]
    epochs_reducer: Option<Vec<String>>,
    #[serde(default)]
    limit: Value,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Results {
    #[serde(default)]
    total_samples: Option<u64>,
    #[serde(default)]
    scores: Vec<ResultScore>,
}

#[derive(Debug, Deserialize)]
struct ResultScore {
    name: String,
    #[serde(default)]
    scorer: Option<String>,
    #[serde(default)]
    reducer: Option<String>,
    #[serde(default)]
    metrics: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Stats {
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    completed_at: Option<String>,
}

/// An error as Inspect keeps it.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) message: String,
}

impl Header {
    /// Refuses versions that nobody here has seen.
    pub(super) fn check(&self, path: &Path) -> Result<(), ImportError> {
        match self.version {
            Some(version) if version > VERSION_MAX => Err(ImportError::new(
                path,
                format!("the log has format version {version}, up to {VERSION_MAX} is read"),
                "write it with an older Inspect, or convert it: inspect log convert --to json",
            )),
            _ => Ok(()),
        }
    }

    /// How the metric of a scorer is called here: a scorer with one value gives it its own name.
    pub(super) fn metric_name(scorer: &str, key: Option<&str>) -> String {
        key.map_or_else(|| scorer.to_owned(), |key| format!("{scorer}_{key}"))
    }

    /// Everything that a plan or a warning needs.
    pub(super) fn facts(&self, is_recovered: bool) -> FileFacts {
        let eval = &self.eval;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let stats = self.stats.as_ref();
        let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut facts = FileFacts {
            tool: "inspect_ai",
            tool_version: eval.packages.get("inspect_ai").and_then(text),
            run_id: known(&eval.run_id).or_else(|| known(&eval.eval_id)),
            title: Some(eval.task.clone()),
            started_at: stats
                .and_then(|stats| known(&stats.started_at))
                .or_else(|| known(&eval.created)),
            ended_at: stats.and_then(|stats| known(&stats.completed_at)),
            samples_expected: self.samples_expected(),
            details: self.details(),
            claims: self.claims(),
            ..FileFacts::default()
        };
        if is_recovered {
            let warning = "the log has no header: its run ended before it was written; samples are read from what was \
                           there, and nothing that Inspect itself computed is known";
            facts.warnings.push(warning.to_owned());
        }
        match self.status.as_deref() {
            Some("success") | None => {}
            Some(status) => {
                let error = self.error.as_ref().map_or("", |error| error.message.as_str());
                let error = crate::names::cut(error.lines().next().unwrap_or_default(), 200);
                let error = if error.is_empty() {
                    error
                } else {
                    format!(": {error}")
                };
                facts
                    .warnings
                    .push(format!("Inspect says that the run ended as `{status}`{error}"));
            }
        }
        if self.invalidated == Some(true) {
            facts
                .warnings
                .push("the log is marked as invalidated in Inspect".to_owned());
        }
        let reducers: Vec<&str> = eval
            .config
            .epochs_reducer
            .iter()
            .flatten()
            .map(String::as_str)
            .filter(|reducer| *reducer != "mean")
            .collect();
        if !reducers.is_empty() {
            facts.warnings.push(format!(
                "the reducers {} over epochs are not carried over: every epoch counts by itself, clustered by case",
                reducers.join(", ")
            ));
        }
        facts
    }

    fn samples_expected(&self) -> Option<u64> {
        if let Some(total) = self.results.as_ref().and_then(|results| results.total_samples) {
            return Some(total);
        }
        let dataset = &self.eval.dataset;
        let ids = dataset.sample_ids.as_ref().map(|ids| ids.len() as u64);
        let cases = ids.filter(|ids| *ids > 0).or(dataset.samples)?;
        Some(cases.saturating_mul(self.eval.config.epochs.unwrap_or(1)))
    }

    fn details(&self) -> Map<String, Value> {
        let eval = &self.eval;
        let dataset = [&eval.dataset.name, &eval.dataset.location].map(|text| Value::from(text.clone()));
        let [name, location] = dataset;
        [
            ("status", Value::from(self.status.clone())),
            ("task_version", eval.task_version.clone()),
            ("task_args", eval.task_args.clone()),
            ("dataset_name", name),
            ("dataset_location", location),
            ("limit", eval.config.limit.clone()),
            ("model_base_url", eval.model_base_url.clone()),
            ("model_generate_config", eval.model_generate_config.clone()),
            ("revision", eval.revision.clone()),
            ("packages", Value::Object(eval.packages.clone())),
            ("tags", eval.tags.clone()),
            ("solver", eval.solver.clone()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// Means and accuracies that Inspect computed over all samples with the mean over epochs.
    fn claims(&self) -> Vec<Claim> {
        let (model, task): (Arc<str>, Arc<str>) =
            (self.eval.model.as_str().into(), self.eval.task.as_str().into());
        let mut claims = Vec::new();
        for score in self.results.iter().flat_map(|results| &results.scores) {
            if score.reducer.as_deref().is_some_and(|reducer| reducer != "mean") {
                continue;
            }
            let scorer = score.scorer.as_deref().unwrap_or(&score.name);
            let key = (scorer != score.name).then_some(score.name.as_str());
            for metric in ["accuracy", "mean"] {
                let value = score
                    .metrics
                    .get(metric)
                    .and_then(|metric| metric["value"].as_f64());
                if let Some(value) = value {
                    claims.push(Claim {
                        model: Arc::clone(&model),
                        task: Arc::clone(&task),
                        scorer: scorer.into(),
                        metric: Self::metric_name(scorer, key).into(),
                        value,
                    });
                }
            }
        }
        claims
    }
}
