//! One system as a comparison sees it: one target of one run, with the score of every sample under every metric, what
//! must be equal for a comparison to mean anything (its identity), and what may differ and is what is compared (its
//! subject). Apart from the findings, which hold estimates and no samples, and from the record, which holds texts:
//! a baseline stores this, and gates, comparisons and simulations read it.

mod collector;
mod fields;
mod plan;

pub use collector::{CollectedTarget, ScoredCollector, TaskShape};
pub use fields::{FieldDifference, Identity, Origin, Subject, identity_differences, subject_differences};
pub use plan::{PlannedTarget, planned_targets};

use crate::compare::ScoredCase;
use seatrial_types::{MetricKind, Pillar, RunId, SliceKey, Unit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One target of one run, sample by sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredRun {
    /// What people call it: `RUN@TARGET`, or the name of a file.
    pub label: String,
    /// The run, where there is one on record.
    #[serde(default)]
    pub run_id: Option<RunId>,
    /// Name of the target; `None` for scores whose maker is not known.
    #[serde(default)]
    pub target: Option<String>,
    /// When the run started, RFC 3339; `None` where nobody knows.
    #[serde(default)]
    pub started_at: Option<String>,
    /// What must be equal.
    pub identity: Identity,
    /// What may differ.
    pub subject: Subject,
    /// Tasks that were asked, in order.
    pub tasks: Vec<ScoredTask>,
    /// What a reader should know before believing the scores: an unfinished run, a scorer of another version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The samples of one task and their scores, column by column: one list of samples, and one list of scores of the same
/// length for every metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredTask {
    /// Name.
    pub task: String,
    /// Repetitions that were planned, at least 1.
    pub epochs: u32,
    /// Metric that says what a success is; `None` where no scorer says right or wrong, and in baselines of versions that
    /// did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Slices that [`ScoredSample::slices`] refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<SliceKey>,
    /// Finished samples, by epoch, then case.
    pub samples: Vec<ScoredSample>,
    /// Metrics: those of the scorers in suite order, then what every task is measured by.
    pub metrics: Vec<ScoredMetric>,
}

/// Which sample a score belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredSample {
    /// Id of the case: what pairs it with another run.
    #[serde(with = "shared_text")]
    pub id: Arc<str>,
    /// Repetition, counted from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub epoch: u32,
    /// 0-based number of the case in its run: where the record has its texts.
    #[serde(default)]
    pub case: u32,
    /// What the case depends on. Either all samples of a task have one or none has.
    #[serde(
        default,
        with = "shared_optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub cluster: Option<Arc<str>>,
    /// Its slices, as indexes of [`ScoredTask::slices`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<u16>,
}

/// The scores of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredMetric {
    /// Name, unique in its task.
    pub metric: String,
    /// What values it takes.
    pub kind: MetricKind,
    /// Unit of its values.
    pub unit: Unit,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
    /// Whether a scorer of the suite yields it and it speaks for quality or safety; everything else is measured on the
    /// side.
    pub is_primary: bool,
    /// One score for every sample of the task, counted as findings count it: 0 for an unparsed or refused answer where
    /// the scorer says `wrong`, `None` where it says `exclude`, and `None` for errors.
    pub scores: Vec<Option<f64>>,
}

impl ScoredRun {
    /// The task of this name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&ScoredTask> {
        self.tasks.iter().find(|task| task.task == name)
    }

    /// A metric with the task that its samples are in.
    #[must_use]
    pub fn metric(&self, task: &str, metric: &str) -> Option<(&ScoredTask, &ScoredMetric)> {
        let task = self.task(task)?;
        Some((task, task.metric(metric)?))
    }
}

impl ScoredTask {
    /// The metric that says what a success is.
    #[must_use]
    pub fn success(&self) -> Option<&ScoredMetric> {
        if let Some(name) = &self.success {
            return self.metric(name);
        }
        let is_usual = |metric: &&ScoredMetric| {
            metric.is_primary && crate::per_success::is_success(metric.kind, metric.pillar)
        };
        self.metrics.iter().find(is_usual)
    }

    /// The metric of this name.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<&ScoredMetric> {
        self.metrics.iter().find(|metric| metric.metric == name)
    }

    /// The scores of a metric as rows, for [`pair`](crate::compare::pair). Empty for a metric of another task.
    #[must_use]
    pub fn rows(&self, metric: &ScoredMetric) -> Vec<ScoredCase> {
        let scores = metric.scores.iter();
        self.samples
            .iter()
            .zip(scores)
            .map(|(sample, &score)| ScoredCase {
                id: sample.id.to_string(),
                epoch: sample.epoch,
                cluster: sample.cluster.as_deref().map(str::to_owned),
                score,
            })
            .collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(epoch: &u32) -> bool {
    *epoch == 0
}

/// Shared texts in JSON. Apart from serde's own, which needs a feature that every crate would be built with.
mod shared_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(deserializer).map(Arc::from)
    }
}

/// The same for texts that may be missing.
mod shared_optional_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        text: &Option<Arc<str>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) => serializer.serialize_some(&**text),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<str>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Arc::from))
    }
}
