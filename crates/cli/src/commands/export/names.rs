//! Names and facts of a recorded plan that rows of an export carry. Apart from the labels of reports, because an export
//! names models, slices and kinds too.

use serde_json::Value;

/// The names of a run. What the plan does not name is called by its number.
pub(super) struct Names {
    targets: Vec<Target>,
    tasks: Vec<Task>,
    /// Columns that any task slices by, in order.
    pub(super) slices: Vec<String>,
}

struct Target {
    name: String,
    model: Option<String>,
}

struct Task {
    name: String,
    epochs: u64,
    scorers: Vec<Scorer>,
}

struct Scorer {
    name: String,
    metrics: Vec<Metric>,
}

/// A metric of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) name: String,
    /// `binary`, `bounded` or `real`; empty where the plan does not say.
    pub(super) kind: String,
    /// Unit of its values; empty likewise.
    pub(super) unit: String,
}

impl Names {
    /// From the JSON text of the plan on record.
    pub(super) fn of(plan: Option<&str>) -> Self {
        let plan: Value = plan
            .and_then(|plan| serde_json::from_str(plan).ok())
            .unwrap_or(Value::Null);
        let suite = &plan["suite"];
        let tasks: Vec<&Value> = list(&suite["tasks"]).collect();
        let mut slices: Vec<String> = Vec::new();
        for column in tasks.iter().flat_map(|task| list(&task["slices"])) {
            let column = text(column);
            if !slices.contains(&column) {
                slices.push(column);
            }
        }
        Self {
            targets: list(&suite["targets"])
                .map(|target| Target {
                    name: text(&target["name"]),
                    model: target["endpoint"]["model"].as_str().map(str::to_owned),
                })
                .collect(),
            tasks: tasks.into_iter().map(task).collect(),
            slices,
        }
    }

    pub(super) fn target(&self, index: u16) -> String {
        let target = self.targets.get(usize::from(index));
        target.map_or_else(|| index.to_string(), |target| target.name.clone())
    }

    pub(super) fn model(&self, index: u16) -> Option<&str> {
        self.targets.get(usize::from(index))?.model.as_deref()
    }

    pub(super) fn task(&self, index: u16) -> String {
        let task = self.tasks.get(usize::from(index));
        task.map_or_else(|| index.to_string(), |task| task.name.clone())
    }

    pub(super) fn epochs(&self, task: u16) -> u64 {
        self.tasks.get(usize::from(task)).map_or(1, |task| task.epochs)
    }

    pub(super) fn scorer(&self, task: u16, scorer: u16) -> String {
        let found = self.find(task, scorer);
        found.map_or_else(|| scorer.to_string(), |scorer| scorer.name.clone())
    }

    pub(super) fn metric(&self, task: u16, scorer: u16, metric: u16) -> Metric {
        let found = self
            .find(task, scorer)
            .and_then(|scorer| scorer.metrics.get(usize::from(metric)));
        found.cloned().unwrap_or_else(|| Metric {
            name: metric.to_string(),
            kind: String::new(),
            unit: String::new(),
        })
    }

    /// Scorers of a task with the names of their metrics.
    pub(super) fn scorers(&self, task: u16) -> Vec<(String, Vec<String>)> {
        let scorers = self.tasks.get(usize::from(task)).map(|task| &task.scorers);
        scorers
            .into_iter()
            .flatten()
            .map(|scorer| {
                let metrics = scorer.metrics.iter().map(|metric| metric.name.clone());
                (scorer.name.clone(), metrics.collect())
            })
            .collect()
    }

    /// Indexes of the targets with this name, or of all.
    pub(super) fn targets_named(&self, name: Option<&str>) -> Vec<u16> {
        named(self.targets.iter().map(|target| target.name.as_str()), name)
    }

    /// Indexes of the tasks with this name, or of all.
    pub(super) fn tasks_named(&self, name: Option<&str>) -> Vec<u16> {
        named(self.tasks.iter().map(|task| task.name.as_str()), name)
    }

    /// Names of all targets, for hints.
    pub(super) fn target_names(&self) -> String {
        let names: Vec<&str> = self.targets.iter().map(|target| target.name.as_str()).collect();
        names.join(", ")
    }

    /// Names of all tasks, for hints.
    pub(super) fn task_names(&self) -> String {
        let names: Vec<&str> = self.tasks.iter().map(|task| task.name.as_str()).collect();
        names.join(", ")
    }

    fn find(&self, task: u16, scorer: u16) -> Option<&Scorer> {
        self.tasks
            .get(usize::from(task))?
            .scorers
            .get(usize::from(scorer))
    }
}

fn named<'a>(names: impl Iterator<Item = &'a str>, wanted: Option<&str>) -> Vec<u16> {
    (0_u16..)
        .zip(names)
        .filter(|(_, name)| wanted.is_none_or(|wanted| wanted == *name))
        .map(|(index, _)| index)
        .collect()
}

fn task(task: &Value) -> Task {
    let metric = |metric: &Value| Metric {
        name: text(&metric["name"]),
        kind: text(&metric["kind"]),
        unit: text(&metric["unit"]),
    };
    Task {
        name: text(&task["name"]),
        epochs: task["epochs"].as_u64().unwrap_or(1),
        scorers: list(&task["scorers"])
            .map(|scorer| Scorer {
                name: text(&scorer["name"]),
                metrics: list(&scorer["metrics"]).map(metric).collect(),
            })
            .collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
