//! Findings: what analysis makes of a run. The one input of every report and the only source of the exit code.

use crate::{
    BaselineSummary, Estimate, GateBaseline, Method, Outcome, Pillar, RunExecution, RunId, Statistic,
    TargetExecution, Unit, UsageTotals,
};
use serde::{Deserialize, Serialize};

/// Name and version of the JSON form.
pub const FINDINGS_SCHEMA: &str = "seatrial.findings/1";

/// A three-valued answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Shown to meet the limit.
    Pass,
    /// Shown to miss the limit.
    Fail,
    /// The data decide neither.
    Inconclusive,
}

impl Verdict {
    /// The word that reports and JSON use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The part of the data that a value speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SliceKey {
    /// Column of the dataset.
    pub column: String,
    /// Value of that column.
    pub value: String,
}

/// One estimated value of a run, overall or of a slice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricResult {
    /// Task.
    pub task: String,
    /// Metric.
    pub metric: String,
    /// Which summary of the values.
    pub statistic: Statistic,
    /// Pillar it speaks for.
    pub pillar: Pillar,
    /// The slice; absent for overall values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<SliceKey>,
    /// The value over `denominator` samples; `None` where nothing was measured.
    pub value: Option<f64>,
    /// Lower end of the displayed interval.
    pub low: Option<f64>,
    /// Upper end of the displayed interval.
    pub high: Option<f64>,
    /// Confidence level of that interval.
    pub level: f64,
    /// Unit of the value.
    pub unit: Unit,
    /// How the interval was made.
    pub method: Method,
    /// Finished samples: `n_scored + n_unparsed + n_refused + n_error`.
    pub n: u64,
    /// Samples that the value is computed over.
    pub denominator: u64,
    /// Samples with a score.
    pub n_scored: u64,
    /// Samples whose answer could not be read.
    pub n_unparsed: u64,
    /// Samples that the model refused.
    pub n_refused: u64,
    /// Samples without an answer.
    pub n_error: u64,
    /// Clusters, where the interval is cluster-robust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_clusters: Option<u64>,
    /// The value if every excluded sample had scored lowest; given whenever any is excluded and the scale is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_worst: Option<f64>,
    /// The value if every excluded sample had scored highest; given whenever any is excluded and the scale is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_best: Option<f64>,
    /// `client_saturated` where the measuring client itself spoiled the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl MetricResult {
    /// `TASK.METRIC.STATISTIC`, as a gate may name it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}.{}", self.task, self.metric, self.statistic.as_str())
    }

    /// Copies value and interval from an estimate; counts stay as they are.
    pub fn set_estimate(&mut self, estimate: &Estimate) {
        (self.value, self.low, self.high) = (estimate.value, estimate.low, estimate.high);
        (self.level, self.method, self.unit) = (estimate.level, estimate.method, estimate.unit);
        self.denominator = estimate.n;
    }

    /// Adds one sample to its class.
    pub fn count(&mut self, outcome: Outcome) {
        self.n += 1;
        match outcome {
            Outcome::Scored => self.n_scored += 1,
            Outcome::Unparsed => self.n_unparsed += 1,
            Outcome::Refused => self.n_refused += 1,
            Outcome::Error => self.n_error += 1,
        }
    }
}

/// How a pillar stands for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PillarStatus {
    /// All its gates pass.
    Pass,
    /// One of its gates fails.
    Fail,
    /// One of its gates is undecided, none fails.
    Inconclusive,
    /// Measured, but no gate asks anything of it.
    Measured,
    /// Nothing ran.
    NotAssessed,
}

/// One row of a target's scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PillarRow {
    /// Pillar.
    pub pillar: Pillar,
    /// How it stands.
    pub status: PillarStatus,
    /// `TASK.METRIC.STATISTIC` of the values that speak for it, the telling one first.
    pub metrics: Vec<String>,
}

/// Everything found out about one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetFindings {
    /// Name in the suite.
    pub name: String,
    /// Model asked for.
    #[serde(default)]
    pub model: Option<String>,
    /// Models that the provider says it used, sorted.
    #[serde(default)]
    pub served_models: Vec<String>,
    /// Verdict over this target's gates; `None` where it has none.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// The four pillars, in the order performance, safety, cost, reliability.
    #[serde(default)]
    pub scorecard: Vec<PillarRow>,
    /// Overall values.
    pub metrics: Vec<MetricResult>,
    /// Values per slice.
    pub slices: Vec<MetricResult>,
    /// Tokens over all answers; unknown where any answer did not say.
    pub usage: UsageTotals,
    /// Money over all answers; `None` where price or tokens are unknown.
    pub cost_usd: Option<crate::Money>,
    /// Errors by class, sorted by class.
    #[serde(default)]
    pub errors: std::collections::BTreeMap<String, u64>,
    /// Attempts beyond the first, over all samples.
    #[serde(default)]
    pub retries: u64,
    /// Own queueing before the request was written, p99 in milliseconds; not part of any latency.
    #[serde(default)]
    pub client_queue_ms_p99: Option<f64>,
    /// Upper estimate of the mean time that an answer lay unread because the client was busy with others, milliseconds;
    /// part of every latency.
    #[serde(default)]
    pub client_read_lag_ms: Option<f64>,
    /// Cases whose recorded answers disagree, over epochs and earlier runs of the same plan: the most undecided first, at
    /// most a few hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<crate::FlakyCase>,
    /// How many there are in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_flaky: u64,
    /// How its samples came about.
    #[serde(default)]
    pub execution: TargetExecution,
}

/// A place in a suite file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file as it was named.
    pub path: String,
    /// 1-based line; 0 for the file as a whole.
    pub line: u64,
    /// 1-based column, in characters; 0 for the file as a whole.
    pub column: u64,
}

/// What a gate decided for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// Name of the gate.
    pub name: String,
    /// Target.
    pub target: String,
    /// `TASK.METRIC.STATISTIC`.
    pub metric: String,
    /// The slice, where the gate asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<SliceKey>,
    /// Decision.
    pub verdict: Verdict,
    /// `at_least`, `at_most`, `not_worse_than`, `better_than` or `no_critical`.
    pub bound: String,
    /// Whether an inconclusive verdict fails the run.
    pub inconclusive_fails: bool,
    /// Estimate.
    pub value: Option<f64>,
    /// Lower one-sided bound at confidence 1 − risk.
    pub low: Option<f64>,
    /// Upper one-sided bound at confidence 1 − risk.
    pub high: Option<f64>,
    /// The limit. Against a baseline it is what this run's value must reach or not exceed: the baseline's value, less or
    /// more the margin; 0 where that is not known. With `no_critical` it is 0, and the value is the share of misses.
    pub limit: f64,
    /// Risk of a wrong fail over the suite, and of a wrong pass of this gate.
    pub risk: f64,
    /// p-value of "the limit is met", before the Holm correction; a fail needs the corrected one ≤ risk.
    pub p_fail: Option<f64>,
    /// The same after the correction over the suite's blocking gates.
    pub p_fail_adjusted: Option<f64>,
    /// Samples behind the value.
    pub n: u64,
    /// Smallest distance from the limit that this n shows with probability 0.8.
    pub mde: Option<f64>,
    /// How the bounds were made.
    pub method: Method,
    /// Unit of value, bounds and limit.
    pub unit: Unit,
    /// One sentence: why this verdict, and what would decide an inconclusive one.
    pub reason: String,
    /// The comparison with the baseline, where the gate asks for one that could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<GateBaseline>,
    /// Where the suite writes the gate; absent where the suite did not come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What analysis makes of a run. Schema `seatrial.findings/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// [`FINDINGS_SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub tool_version: String,
    /// Run.
    pub run_id: RunId,
    /// Suite.
    pub suite: String,
    /// Hash of the plan.
    pub plan_hash: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC; `None` while unfinished.
    pub ended_at: Option<String>,
    /// Over all gates; `pass` without gates.
    pub verdict: Verdict,
    /// What the process exits with.
    pub exit_code: u8,
    /// What the reader should know, sorted by first occurrence.
    pub warnings: Vec<String>,
    /// Samples planned, over all targets.
    pub samples_planned: u64,
    /// Samples finished, over all targets.
    pub samples_finished: u64,
    /// Per target, in suite order.
    pub targets: Vec<TargetFindings>,
    /// Models that scorers asked, in suite order: the price of evaluating, in no target's cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<crate::ModelSpend>,
    /// Paired differences between targets.
    pub comparisons: Vec<serde_json::Value>,
    /// Gates × targets, in suite order.
    pub gates: Vec<GateResult>,
    /// The baseline that gates name; absent where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineSummary>,
    /// Cases under quarantine, in suite order, those whose time is over included until they are removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<crate::QuarantineRow>,
    /// How the run came about as a whole.
    #[serde(default)]
    pub execution: RunExecution,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
