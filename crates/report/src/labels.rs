//! Names for the numbers of a record: which target, task, scorer and metric a sample speaks of. Apart, because the
//! record holds indexes and the plan that was recorded with it holds the names.

use seatrial_types::{Findings, MetricKind, Outcome, Pillar, SampleRecord, ScoreRecord, Unit};
use serde_json::Value;

/// A metric of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricLabel {
    /// Name in reports and gates.
    pub name: String,
    /// Name of its scorer.
    pub scorer: String,
    /// What values it takes, where the plan says so.
    pub kind: Option<MetricKind>,
    /// Unit of its values.
    pub unit: Unit,
    /// Pillar, where the findings say so.
    pub pillar: Option<Pillar>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskLabels {
    /// Name.
    pub name: String,
    /// Per scorer, its metrics in order.
    pub scorers: Vec<Vec<MetricLabel>>,
}

/// The names of a run. What the plan does not name is called by its number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    /// Targets, in order.
    pub targets: Vec<String>,
    /// Tasks, in order.
    pub tasks: Vec<TaskLabels>,
}

/// How a sample stands as a test: by the metrics of quality that are right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// There is no answer.
    Error,
    /// At least one such metric is below 1, unparsed or refused.
    Wrong,
    /// No metric of the task is right or wrong; there is an answer.
    Unjudged,
    /// All are 1.
    Right,
}

impl Standing {
    /// The word that reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Wrong => "wrong",
            Self::Unjudged => "unjudged",
            Self::Right => "right",
        }
    }
}

impl Labels {
    /// From the JSON text of a recorded plan; of a text that is none, no names.
    #[must_use]
    pub fn of_plan(plan: &str) -> Self {
        let plan: Value = serde_json::from_str(plan).unwrap_or(Value::Null);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
        let suite = &plan["suite"];
        Self {
            targets: list(&suite["targets"]).iter().map(name).collect(),
            tasks: list(&suite["tasks"])
                .iter()
                .map(|task| TaskLabels {
                    name: name(task),
                    scorers: list(&task["scorers"])
                        .iter()
                        .map(|scorer| metrics(scorer, &name(scorer)))
                        .collect(),
                })
                .collect(),
        }
    }

    /// The same with the pillars that the findings give the metrics.
    #[must_use]
    pub fn with_pillars(mut self, findings: &Findings) -> Self {
        let known: std::collections::HashMap<(&str, &str), Pillar> = findings
            .targets
            .iter()
            .flat_map(|target| &target.metrics)
            .map(|metric| ((metric.task.as_str(), metric.metric.as_str()), metric.pillar))
            .collect();
        for task in &mut self.tasks {
            for metric in task.scorers.iter_mut().flatten() {
                metric.pillar = known.get(&(task.name.as_str(), metric.name.as_str())).copied();
            }
        }
        self
    }

    /// Name of a target.
    #[must_use]
    pub fn target(&self, index: u16) -> String {
        named(self.targets.get(usize::from(index)), index)
    }

    /// Name of a task.
    #[must_use]
    pub fn task(&self, index: u16) -> String {
        named(self.tasks.get(usize::from(index)).map(|task| &task.name), index)
    }

    /// The metric of a score; `None` where the plan does not know it.
    #[must_use]
    pub fn metric(&self, task: u16, score: &ScoreRecord) -> Option<&MetricLabel> {
        self.tasks
            .get(usize::from(task))?
            .scorers
            .get(usize::from(score.scorer))?
            .get(usize::from(score.score.metric))
    }

    /// How a sample stands.
    #[must_use]
    pub fn standing(&self, sample: &SampleRecord) -> Standing {
        if sample.call.result.is_err() {
            return Standing::Error;
        }
        let mut standing = Standing::Unjudged;
        for score in &sample.scores {
            let is_judgement = self.metric(sample.key.task, score).is_some_and(|metric| {
                metric.kind == Some(MetricKind::Binary) && metric.pillar.is_none_or(|p| p == Pillar::Quality)
            });
            if is_judgement {
                match (score.score.outcome, score.score.value) {
                    (Outcome::Scored, Some(value)) if value >= 1.0 => standing = Standing::Right,
                    _ => return Standing::Wrong,
                }
            }
        }
        standing
    }
}

fn metrics(scorer: &Value, scorer_name: &str) -> Vec<MetricLabel> {
    let metric = |metric: &Value| MetricLabel {
        name: metric["name"].as_str().unwrap_or_default().to_owned(),
        scorer: scorer_name.to_owned(),
        kind: serde_json::from_value(metric["kind"].clone()).ok(),
        unit: serde_json::from_value(metric["unit"].clone()).unwrap_or(Unit::Score),
        pillar: None,
    };
    scorer["metrics"]
        .as_array()
        .map(|list| list.iter().map(metric).collect())
        .unwrap_or_default()
}

fn named(name: Option<&String>, index: u16) -> String {
    name.filter(|name| !name.is_empty())
        .map_or_else(|| index.to_string(), |name| crate::clean::line(name).into_owned())
}
