//! What an imported run consists of: targets, tasks, scorers, metrics, cases. Apart from the reading, because this is
//! all that the rest of the program needs to put a plan on record and to analyse it.

use crate::foreign::Format;
use seatrial_types::{ContentHash, MetricSpec};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// An imported run, before its samples.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Name of the suite that the run is shown under.
    pub name: String,
    /// When the run started, RFC 3339, as the tool says; `None` where it does not.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Targets, in order of appearance; their indexes are those of the records.
    pub targets: Vec<TargetShape>,
    /// Tasks, likewise.
    pub tasks: Vec<TaskShape>,
    /// Samples in the files.
    pub samples: u64,
    /// Samples among them that ended in an error.
    pub errors: u64,
    /// Samples that the files say there should be, at least `samples`.
    pub samples_expected: u64,
    /// What could not be carried over, or does not agree with what the tool itself reports.
    pub warnings: Vec<String>,
    /// Where all this comes from: format, tool, version, files with hashes.
    pub provenance: Value,
    pub(crate) format: Format,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) slices: Vec<String>,
    pub(crate) cluster: Option<String>,
}

/// A model that was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetShape {
    /// Name in reports and gates.
    pub name: String,
    /// Model as the tool names it.
    pub model: String,
}

/// A task of the run.
#[derive(Debug, Clone)]
pub struct TaskShape {
    /// Name in reports and gates.
    pub name: String,
    /// As the tool names it.
    pub original: String,
    /// Repetitions of each case.
    pub epochs: u32,
    /// Whether answers belong to clusters.
    pub is_clustered: bool,
    /// Scorers, in order of appearance.
    pub scorers: Vec<ScorerShape>,
    /// Ids and content hashes of the cases, in order of appearance; their indexes are those of the records.
    pub(crate) cases: Vec<(std::sync::Arc<str>, ContentHash)>,
}

/// A scorer with its metrics.
#[derive(Debug, Clone)]
pub struct ScorerShape {
    /// As the tool names it.
    pub name: String,
    /// Metrics; the kind is read off the values.
    pub metrics: Vec<MetricSpec>,
    /// What the readers call these metrics.
    pub(crate) originals: Vec<std::sync::Arc<str>>,
}

/// Cases whose own hash is kept in the plan; of larger tasks only the hash over all of them is.
pub const CASES_LISTED_MAX: usize = 200_000;

impl TaskShape {
    /// Number of cases.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.cases.len()
    }

    /// Hash over ids and contents of all cases, by id, so that it does not depend on the order in which they finished.
    fn dataset_hashes(&self) -> (ContentHash, ContentHash) {
        let mut sorted: Vec<_> = self.cases.iter().collect();
        sorted.sort_unstable();
        let (mut rows, mut ids) = (blake3::Hasher::new(), blake3::Hasher::new());
        for (id, content) in sorted {
            for hasher in [&mut rows, &mut ids] {
                hasher.update(&(id.len() as u64).to_le_bytes());
                hasher.update(id.as_bytes());
            }
            rows.update(content.as_bytes());
        }
        (ContentHash::finish(&rows), ContentHash::finish(&ids))
    }
}

impl Shape {
    /// The plan of this run as canonical JSON: what a plan of our own holds as far as the files tell it, where it comes
    /// from, and the hash of every case, which is what makes two runs comparable case by case.
    #[must_use]
    pub fn plan_body(&self) -> String {
        let targets: Vec<Value> = self
            .targets
            .iter()
            .map(|target| {
                json!({"name": target.name, "provider": "imported", "endpoint": {"model": target.model}, "price": null})
            })
            .collect();
        let datasets: Vec<Value> = self
            .tasks
            .iter()
            .map(|task| {
                let (rows, cases) = task.dataset_hashes();
                json!({"rows": rows, "cases": cases})
            })
            .collect();
        let cases: Vec<Value> = self
            .tasks
            .iter()
            .map(|task| {
                if task.cases.len() > CASES_LISTED_MAX {
                    return Value::Null;
                }
                let hash = |(id, hash): &(std::sync::Arc<str>, ContentHash)| (id.to_string(), json!(hash));
                Value::Object(task.cases.iter().map(hash).collect::<Map<_, _>>())
            })
            .collect();
        let suite = json!({"identity": 1, "seed": 0, "targets": targets,
                           "tasks": self.tasks.iter().map(|task| self.task_body(task)).collect::<Vec<_>>()});
        json!({"plan": 1, "imported": self.provenance, "suite": suite, "datasets": datasets, "cases": cases})
            .to_string()
    }

    fn task_body(&self, task: &TaskShape) -> Value {
        let scorers: Vec<Value> = task
            .scorers
            .iter()
            .map(|scorer| {
                let metrics: Vec<Value> = scorer
                    .metrics
                    .iter()
                    .map(|metric| json!({"name": metric.name, "kind": metric.kind, "unit": metric.unit}))
                    .collect();
                json!({"scorer": "imported", "name": scorer.name, "options": {}, "metrics": metrics})
            })
            .collect();
        json!({"name": task.name, "imported_name": task.original, "epochs": task.epochs, "cluster": self.cluster,
               "slices": self.slices, "scorers": scorers})
    }
}
