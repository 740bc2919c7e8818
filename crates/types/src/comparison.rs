//! What is said of two or more systems on the same cases: differences with their tests, what flipped, a ranking. Apart
//! from findings, which speak of one run; the findings of a run with several targets hold some of it. Schema
//! `seatrial.compare/1`.

use crate::{Estimate, MetricKind, Pillar, RunId, SliceKey, Statistic, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name and version of the JSON form.
pub const COMPARE_SCHEMA: &str = "seatrial.compare/1";

/// Whether cases could be paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// The same cases on both sides: what is looked at is the difference of each case.
    Paired,
    /// No case in common: two independent samples.
    Unpaired,
}

/// Which correction adjusted a p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Holm's: the chance of any wrong "differs" in the family stays below one minus the level.
    Holm,
    /// Benjamini and Hochberg's: the expected share of wrong ones among those that are said to differ does.
    BenjaminiHochberg,
}

impl Correction {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Holm => "holm",
            Self::BenjaminiHochberg => "benjamini_hochberg",
        }
    }
}

/// A standardised difference; positive where B − A is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectSize {
    /// Which: `cohens_g`, `d_z`, `cohens_h`, `d`.
    pub name: String,
    /// Its estimate.
    pub estimate: Estimate,
}

/// The texts of a case that flipped, as far as they are on record; long ones are cut.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlipTexts {
    /// The last message that was sent.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What A answered.
    #[serde(default)]
    pub answer_a: Option<String>,
    /// What B answered.
    #[serde(default)]
    pub answer_b: Option<String>,
    /// What the scorer said of A's answer.
    #[serde(default)]
    pub detail_a: Option<String>,
    /// What it said of B's.
    #[serde(default)]
    pub detail_b: Option<String>,
}

/// A case whose standing differs between A and B, or between epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flip {
    /// Id of the case.
    pub id: String,
    /// Share of A's epochs that are right.
    pub a: f64,
    /// Epochs of A with a score.
    pub epochs_a: u32,
    /// Share of B's epochs that are right.
    pub b: f64,
    /// Epochs of B with a score.
    pub epochs_b: u32,
    /// The epoch of A that the texts are of.
    pub epoch_a: u32,
    /// The epoch of B that the texts are of.
    pub epoch_b: u32,
    /// Texts, where they are on record and few enough are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<FlipTexts>,
}

/// Which cases flipped, of a metric that is right or wrong.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Flips {
    /// Cases that every epoch of A gets right and every epoch of B wrong.
    pub n_newly_failing: u64,
    /// The reverse.
    pub n_newly_passing: u64,
    /// Cases whose epochs disagree, in A or in B.
    pub n_flaky: u64,
    /// The first of them, by id.
    pub newly_failing: Vec<Flip>,
    /// The first of them, by id.
    pub newly_passing: Vec<Flip>,
    /// The first of them, by id.
    pub flaky: Vec<Flip>,
}

/// Two systems under one metric. Differences are B − A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairComparison {
    /// Task.
    pub task: String,
    /// Metric.
    pub metric: String,
    /// Which summary of its values.
    pub statistic: Statistic,
    /// The slice; absent for overall values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<SliceKey>,
    /// What is compared with.
    pub a: String,
    /// What is judged.
    pub b: String,
    /// What values the metric takes.
    pub kind: MetricKind,
    /// Unit of the values and of their difference.
    pub unit: Unit,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
    /// Whether it belongs to the family of primary metrics.
    pub is_primary: bool,
    /// Whether cases were paired.
    pub design: Design,
    /// Pairs; 0 where cases could not be paired.
    pub n_pairs: u64,
    /// Clusters behind the test; `None` where cases are independent.
    #[serde(default)]
    pub n_clusters: Option<u64>,
    /// Most epochs of one case on either side.
    pub epochs_max: u32,
    /// Cases with a score in A only.
    pub only_a: u64,
    /// Cases with a score in B only.
    pub only_b: u64,
    /// A's value over the cases that are compared.
    pub value_a: Estimate,
    /// B's.
    pub value_b: Estimate,
    /// B − A.
    pub difference: Estimate,
    /// The same with a cluster bootstrap, for clustered pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference_bootstrap: Option<Estimate>,
    /// The test of "no difference": `mcnemar_mid_p`, `mcnemar_exact`, `sign_flip`, `cluster_sign_flip`, `paired_t`,
    /// `cluster_t`, `fisher_exact`, `welch_t`, `cluster_welch_t`, `quantile_bootstrap`, or `none`.
    pub test: String,
    /// Whether p counts every possibility instead of drawn ones or an approximation.
    pub is_exact: bool,
    /// Random patterns or resamples behind p; `None` where nothing was drawn.
    #[serde(default)]
    pub resamples: Option<u32>,
    /// Two-sided p-value; `None` where the data allow no test.
    pub p: Option<f64>,
    /// The same after the correction over its family.
    pub p_adjusted: Option<f64>,
    /// Which correction that was.
    pub correction: Correction,
    /// Other tests of the same data, for readers who expect them: `mcnemar_exact`, `mcnemar_mid_p`, `two_proportion_z`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub p_other: BTreeMap<String, f64>,
    /// Effect size; `None` for percentiles.
    #[serde(default)]
    pub effect: Option<EffectSize>,
    /// Smallest true difference that the test would show with [`RunsComparison::power`]; `None` where none would do.
    pub mde: Option<f64>,
    /// Probability that B is the better one.
    pub prob_b_better: Option<f64>,
    /// The posterior, or the bootstrap, that it is read from.
    pub prob_method: String,
    /// Cases that B wins; 0 where cases are not paired.
    pub wins_b: u64,
    /// Cases that A wins.
    pub wins_a: u64,
    /// Cases without a winner.
    pub ties: u64,
    /// What flipped; `None` for a metric that is not right or wrong, and where cases are not paired.
    #[serde(default)]
    pub flips: Option<Flips>,
    /// What a reader must know before believing the numbers.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl PairComparison {
    /// Whether the difference stands after the correction, at the level of its interval.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.p_adjusted
            .is_some_and(|p| p <= 1.0 - self.difference.level + 1e-12)
    }

    /// Whether B is the better one by its estimate; `None` where they are equal or unknown.
    #[must_use]
    pub fn b_is_better(&self) -> Option<bool> {
        let difference = self.difference.value.filter(|d| *d != 0.0)?;
        Some((difference > 0.0) == self.higher_is_better)
    }

    /// `TASK.METRIC`, with the percentile where it is one.
    #[must_use]
    pub fn name(&self) -> String {
        match self.statistic {
            Statistic::Mean | Statistic::Rate => format!("{}.{}", self.task, self.metric),
            other => format!("{}.{}.{}", self.task, self.metric, other.as_str()),
        }
    }
}

/// One of the systems that are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedSystem {
    /// What it is called here: `RUN@TARGET` or the name of a file.
    pub label: String,
    /// The run, where there is one.
    pub run_id: Option<RunId>,
    /// Its target, where it has a name.
    pub target: Option<String>,
    /// `record` or `file`.
    pub source: String,
    /// When the run started, RFC 3339.
    pub started_at: Option<String>,
    /// Finished samples.
    pub n_samples: u64,
}

/// A field of identity or subject in which a system differs from the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangedField {
    /// The system.
    pub system: String,
    /// The one that it is held against.
    pub against: String,
    /// The field.
    pub field: String,
    /// Its value in `against`; null where it has none.
    pub from: serde_json::Value,
    /// Its value in `system`.
    pub to: serde_json::Value,
    /// `field: from → to`, cut to a readable length.
    pub text: String,
}

/// One system in a ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedSystem {
    /// Which.
    pub label: String,
    /// Its value over the cases that all have; the interval holds for all systems at once.
    pub value: Estimate,
    /// Best rank that the differences leave open, 1 or more: one more than the systems that are better for certain.
    pub rank_best: u32,
    /// Worst rank that they leave open.
    pub rank_worst: u32,
    /// Letters of its groups: two systems that share one cannot be told apart.
    pub groups: String,
}

/// Three or more systems under one metric, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Task.
    pub task: String,
    /// Metric.
    pub metric: String,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
    /// Cases that every system has a score for.
    pub n_cases: u64,
    /// Clusters among them.
    #[serde(default)]
    pub n_clusters: Option<u64>,
    /// Chance that all intervals hold their true values at once.
    pub level: f64,
    /// How the intervals were made simultaneous: `max_t` or `bonferroni`.
    pub simultaneous: String,
    /// The systems, best first.
    pub systems: Vec<RankedSystem>,
    /// The groups of systems that cannot be told apart, by label, in the order of their letters.
    pub indistinguishable: Vec<Vec<String>>,
}

/// Two or more systems compared. Schema `seatrial.compare/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunsComparison {
    /// [`COMPARE_SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// What the process exits with: 0, or 6 where the systems are not comparable.
    pub exit_code: u8,
    /// Whether differences of identity were overridden.
    pub forced: bool,
    /// Confidence level of every interval.
    pub level: f64,
    /// Power of every smallest detectable difference.
    pub power: f64,
    /// Seed of everything drawn.
    pub seed: u64,
    /// What the reader should know.
    pub warnings: Vec<String>,
    /// The systems, in the order of the command line. The first is what others are held against.
    pub systems: Vec<ComparedSystem>,
    /// What makes the systems incomparable; empty unless refused or forced.
    pub identity_differences: Vec<ChangedField>,
    /// What changed and is what is compared.
    pub changed: Vec<ChangedField>,
    /// Overall values: every two systems × metrics.
    pub pairs: Vec<PairComparison>,
    /// Primary metrics by slice, against the first system.
    pub slices: Vec<PairComparison>,
    /// Three or more systems, per primary metric.
    pub ranking: Vec<Ranking>,
}
