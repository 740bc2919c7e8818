//! Baselines: a blessed run as one document, whether a plan may be compared with it, and what its gates find. Apart from
//! comparisons of any two runs, because a baseline was chosen by somebody for a reason, is kept beside the suite, and
//! decides verdicts.

use crate::against::ratio::{CostOfCase, PairedCosts, weigh_ratios};
use crate::against::{Contrast, ContrastEvidence, weigh_pairs, weigh_percentiles};
use crate::compare::{ScoredCase, pair};
use crate::scored::{
    FieldDifference, Identity, Origin, PlannedTarget, ScoredMetric, ScoredRun, ScoredTask,
    identity_differences, subject_differences,
};
use seatrial_config::{COST_PER_SUCCESS, Condition, DraftPlan, Gate};
use seatrial_types::{
    BaselineChange, Findings, MetricKind, MetricResult, RunId, SliceKey, Statistic, Unit, Verdict,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Name and version of the JSON form.
pub const BASELINE_SCHEMA: &str = "seatrial.baseline/1";
/// What money per success is read from, beside the successes.
const COST: &str = "cost_usd";
/// Longest name of a baseline.
pub const NAME_CHARS_MAX: usize = 64;

/// A blessed run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`BASELINE_SCHEMA`].
    pub schema: String,
    /// Version of the program that blessed it.
    pub tool_version: String,
    /// Name by which suites refer to it.
    pub name: String,
    /// The run.
    pub run_id: RunId,
    /// Suite of the run.
    pub suite: String,
    /// Hash of its plan.
    pub plan_hash: String,
    /// When the run started, RFC 3339.
    pub started_at: String,
    /// When it was blessed, RFC 3339.
    pub blessed_at: String,
    /// Who blessed it; null where nobody said.
    pub author: Option<String>,
    /// Why; null where nobody said.
    pub reason: Option<String>,
    /// Verdict of the run at that time.
    pub verdict: Verdict,
    /// Whether it was blessed although it was unfinished or its gates had failed.
    pub is_forced: bool,
    /// What the run found, for people: gates read the samples.
    pub estimates: Vec<BaselineEstimate>,
    /// Every target, sample by sample.
    pub targets: Vec<ScoredRun>,
}

/// A value of the blessed run with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineEstimate {
    /// Target.
    pub target: String,
    /// `TASK.METRIC.STATISTIC`.
    pub metric: String,
    /// The value.
    pub value: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Confidence level of the interval.
    pub level: f64,
    /// Samples behind it.
    pub n: u64,
    /// Unit.
    pub unit: Unit,
}

/// What blessing says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Blessing {
    /// Name of the baseline.
    pub name: String,
    /// Now, RFC 3339.
    pub at: String,
    /// Who.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Against what spoke against it.
    pub is_forced: bool,
}

impl Baseline {
    /// The document of a run.
    #[must_use]
    pub fn of(findings: &Findings, mut targets: Vec<ScoredRun>, blessing: Blessing) -> Self {
        let metrics = targets.iter_mut().flat_map(|run| &mut run.tasks);
        metrics.flat_map(|task| &mut task.metrics).for_each(shorten);
        let of_target = |name: &str, metric: &MetricResult| BaselineEstimate {
            target: name.to_owned(),
            metric: metric.name(),
            value: metric.value,
            low: metric.low,
            high: metric.high,
            level: metric.level,
            n: metric.n,
            unit: metric.unit,
        };
        let estimates = findings.targets.iter().flat_map(|target| {
            let metrics = target.metrics.iter();
            metrics.map(|metric| of_target(&target.name, metric))
        });
        Self {
            schema: BASELINE_SCHEMA.to_owned(),
            tool_version: seatrial_types::TOOL_VERSION.to_owned(),
            name: blessing.name,
            run_id: findings.run_id.clone(),
            suite: findings.suite.clone(),
            plan_hash: findings.plan_hash.clone(),
            started_at: findings.started_at.clone(),
            blessed_at: blessing.at,
            author: blessing.author,
            reason: blessing.reason,
            verdict: findings.verdict,
            is_forced: blessing.is_forced,
            estimates: estimates.collect(),
            targets,
        }
    }

    /// The target that a target of this name is compared with: the one of its name, or the only one there is.
    ///
    /// # Errors
    /// [`Unfit::NoTarget`].
    pub fn target(&self, name: &str) -> Result<&ScoredRun, Unfit> {
        let is_named = |run: &&ScoredRun| run.target.as_deref() == Some(name);
        let found = self.targets.iter().find(is_named);
        match (found, self.targets.as_slice()) {
            (Some(run), _) | (None, [run]) => Ok(run),
            _ => Err(Unfit::NoTarget {
                target: name.to_owned(),
                known: self.targets.iter().filter_map(|run| run.target.clone()).collect(),
            }),
        }
    }
}

/// Times are kept to a microsecond: more is noise and makes the file twice as large.
fn shorten(metric: &mut ScoredMetric) {
    if metric.unit == Unit::Ms {
        let times = metric.scores.iter_mut().flatten();
        times.for_each(|time| *time = (*time * 1e3).round() / 1e3);
    }
}

/// Why a plan cannot be compared with a baseline.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// No such target.
    #[error("it has no target `{target}`, only {}", list(.known))]
    NoTarget {
        /// Target of the plan.
        target: String,
        /// Targets of the baseline.
        known: Vec<String>,
    },
    /// The task was not asked, or has another name.
    #[error("it has no task `{task}` of target `{target}`")]
    NoTask {
        /// Target of the plan.
        target: String,
        /// Task.
        task: String,
    },
    /// The metric was not measured.
    #[error("it has no `{task}.{metric}` of target `{target}`")]
    NoMetric {
        /// Target of the plan.
        target: String,
        /// Task.
        task: String,
        /// Metric.
        metric: String,
    },
    /// Something was asked or scored in another way.
    #[error("{difference}")]
    Identity {
        /// Target of the plan.
        target: String,
        /// The field.
        difference: Box<FieldDifference>,
    },
    /// Made by another tool, so that nobody knows whether it asked the same.
    #[error(
        "it was imported from another tool, so nobody knows whether target `{target}` was asked the same"
    )]
    Foreign {
        /// Target of the plan.
        target: String,
    },
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Unfit {
    /// The same for findings; values of what has none are null.
    #[must_use]
    pub fn as_change(&self) -> BaselineChange {
        let absent = |target: &String, field: String| BaselineChange {
            target: target.clone(),
            field,
            baseline: serde_json::Value::Null,
            run: serde_json::Value::Null,
        };
        match self {
            Self::NoTarget { target, .. } => absent(target, "target".to_owned()),
            Self::NoTask { target, task } => absent(target, format!("{task}.task")),
            Self::NoMetric { target, task, metric } => absent(target, format!("{task}.{metric}")),
            Self::Foreign { target } => absent(target, "origin".to_owned()),
            Self::Identity { target, difference } => change(target, difference),
        }
    }
}

fn change(target: &str, difference: &FieldDifference) -> BaselineChange {
    BaselineChange {
        target: target.to_owned(),
        field: difference.field.clone(),
        baseline: difference.a.clone(),
        run: difference.b.clone(),
    }
}

/// Gates that compare with a baseline, each with the indexes of gate and target.
fn compared(draft: &DraftPlan) -> impl Iterator<Item = (usize, usize, &Gate, &str)> {
    let gates = draft.gates.iter().enumerate();
    let gates = gates.filter(|(_, gate)| matches!(gate.condition, Condition::Baseline(_)));
    gates.flat_map(|(number, gate)| {
        let targets = draft.targets.iter().enumerate();
        targets
            .filter(|(_, target)| crate::decide::is_asked(draft, gate, &target.name))
            .map(move |(index, target)| (number, index, gate, target.name.as_str()))
    })
}

/// Whether any gate compares with a baseline.
#[must_use]
pub fn is_needed(draft: &DraftPlan) -> bool {
    draft
        .gates
        .iter()
        .any(|gate| matches!(gate.condition, Condition::Baseline(_)))
}

/// What keeps gates from being compared with a baseline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Misfits {
    /// Everything that is wrong, each once.
    pub problems: Vec<Unfit>,
    /// The first of it for each gate that cannot be decided, by the indexes of gate and target. Other gates can.
    pub by_gate: BTreeMap<(usize, usize), String>,
}

/// Everything that keeps the gates of a plan from being compared with the baseline; empty where nothing does. Only tasks
/// and scorers that such a gate asks about are looked at. `planned` are the targets of the plan, in its order.
#[must_use]
pub fn misfits(baseline: &Baseline, draft: &DraftPlan, planned: &[PlannedTarget]) -> Misfits {
    let mut found = Misfits::default();
    for (number, index, gate, name) in compared(draft) {
        for problem in unfit_gate(baseline, draft, gate, name, planned.get(index)) {
            let why = found.by_gate.entry((number, index));
            why.or_insert_with(|| problem.to_string());
            if !found.problems.contains(&problem) {
                found.problems.push(problem);
            }
        }
    }
    found
}

fn unfit_gate(
    baseline: &Baseline,
    draft: &DraftPlan,
    gate: &Gate,
    name: &str,
    planned: Option<&PlannedTarget>,
) -> Vec<Unfit> {
    let run = match baseline.target(name) {
        Ok(run) => run,
        Err(problem) => return vec![problem],
    };
    let (target, task, metric) = (name.to_owned(), gate.task.clone(), gate.metric.clone());
    if run.task(&task).is_none() {
        return vec![Unfit::NoTask { target, task }];
    }
    let Some(planned) = planned else {
        return Vec::new();
    };
    if run.identity.origin != Origin::Plan {
        return vec![Unfit::Foreign { target }];
    }
    let of_task = |identity: &Identity| Identity {
        origin: identity.origin,
        tasks: identity
            .tasks
            .iter()
            .filter(|(name, _)| **name == task)
            .map(|(name, fields)| (name.clone(), fields.clone()))
            .collect(),
    };
    let differences = identity_differences(&of_task(&run.identity), &of_task(&planned.identity));
    let relevant = differences
        .into_iter()
        .filter(|difference| concerns(draft, gate, &difference.field))
        .map(|difference| Unfit::Identity {
            target: target.clone(),
            difference: Box::new(difference),
        });
    let mut problems: Vec<Unfit> = relevant.collect();
    if problems.is_empty() && !has_metric(run, draft, gate) {
        problems.push(Unfit::NoMetric { target, task, metric });
    }
    problems
}

/// What a success costs is no score of a sample: it needs what both of its parts are read from.
fn has_metric(run: &ScoredRun, draft: &DraftPlan, gate: &Gate) -> bool {
    let has = |metric: &str| run.metric(&gate.task, metric).is_some();
    if gate.metric == COST_PER_SUCCESS {
        return success_of(draft, gate).is_some_and(has) && has(COST);
    }
    has(&gate.metric)
}

/// The metric that says what a success is: the plan's, also for a baseline whose suite meant another.
fn success_of<'a>(draft: &'a DraftPlan, gate: &Gate) -> Option<&'a str> {
    draft.tasks.get(gate.task_index)?.success_metric()
}

/// Whether a field of the task's identity decides this gate's metric: scorers, their models and files only where they
/// yield it.
fn concerns(draft: &DraftPlan, gate: &Gate, field: &str) -> bool {
    let rest = field.strip_prefix(gate.task.as_str()).unwrap_or(field);
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let scorers = draft
        .tasks
        .get(gate.task_index)
        .map_or(&[][..], |task| &task.scorers);
    let is_asked = |metric: &seatrial_config::Metric| {
        if gate.metric == COST_PER_SUCCESS {
            success_of(draft, gate) == Some(metric.name.as_str())
        } else {
            metric.name == gate.metric
        }
    };
    let own = scorers.iter().find(|scorer| scorer.metrics.iter().any(is_asked));
    if let Some(of_scorer) = rest.strip_prefix("scorers.") {
        return own.is_some_and(|own| {
            of_scorer
                .strip_prefix(own.name.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        });
    }
    if let Some(of_model) = rest.strip_prefix("models.") {
        let model = of_model.rsplit_once('.').map_or(of_model, |(model, _)| model);
        return own.is_some_and(|own| own.options.values().any(|option| names(option, model, DEPTH_MAX)));
    }
    rest != "files" || own.is_some()
}

/// Deepest nesting of options that is looked at; scorers of scorers go a few levels.
const DEPTH_MAX: usize = 32;

/// Whether an option is this text, or holds it somewhere.
fn names(option: &serde_json::Value, text: &str, depth: usize) -> bool {
    use serde_json::Value;
    match option {
        _ if depth == 0 => false,
        Value::String(own) => own == text,
        Value::Array(items) => items.iter().any(|item| names(item, text, depth - 1)),
        Value::Object(map) => map.values().any(|item| names(item, text, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What changed since the baseline and is what is compared, target by target. `tool_version` alone is no change of the
/// system under test, but it is told.
#[must_use]
pub fn changed(baseline: &Baseline, runs: &[ScoredRun]) -> Vec<BaselineChange> {
    let mut changes = Vec::new();
    for run in runs {
        let name = run.target.as_deref().unwrap_or_default();
        if let Ok(base) = baseline.target(name) {
            let differences = subject_differences(&base.subject, &run.subject);
            changes.extend(differences.iter().map(|difference| change(name, difference)));
        }
    }
    changes
}

/// What the gates of a run found against its baseline, by the indexes of gate and target.
pub type GateEvidence = BTreeMap<(usize, usize), AgainstBaseline>;

/// What one gate found for one target.
#[derive(Debug, Clone, PartialEq)]
pub struct AgainstBaseline {
    /// Target of the baseline.
    pub target: String,
    /// The question.
    pub contrast: Contrast,
    /// The answer.
    pub evidence: ContrastEvidence,
    /// Cases with a value on one side only.
    pub n_unpaired: u64,
    /// Values of the baseline, where nothing is paired.
    pub n_baseline: u64,
    /// What a reader must know beside it.
    pub note: Option<String>,
}

/// The baseline's side of a gate that is decided case by case while a run goes on.
#[derive(Debug, Clone)]
pub struct Base {
    /// The question.
    pub contrast: Contrast,
    /// The baseline's value of each case, its mean over epochs, by the id of the case.
    pub values: Arc<HashMap<String, f64>>,
}

/// The same for every gate that can be decided so, by the indexes of gate and target. Percentiles have no pairs.
pub type Bases = BTreeMap<(usize, usize), Base>;

/// The baseline's values of all cases that the gates of a plan compare.
#[must_use]
pub fn bases(baseline: &Baseline, draft: &DraftPlan, misfits: &Misfits) -> Bases {
    let mut found = Bases::new();
    for (number, index, gate, name) in compared(draft) {
        if misfits.by_gate.contains_key(&(number, index)) {
            continue;
        }
        let (Condition::Baseline(against), Ok(base)) = (&gate.condition, baseline.target(name)) else {
            continue;
        };
        let Some((task, metric)) = base
            .metric(&gate.task, &gate.metric)
            .filter(|_| quantile_of(gate.statistic).is_none())
        else {
            continue;
        };
        let mut sums: HashMap<String, (f64, f64)> = HashMap::new();
        for row in rows_of(task, metric, gate.slice.as_ref()) {
            if let Some(score) = row.score {
                let (sum, count) = sums.entry(row.id).or_default();
                *sum += score;
                *count += 1.0;
            }
        }
        let values = sums.into_iter().map(|(id, (sum, count))| (id, sum / count));
        let base = Base {
            contrast: Contrast::of(against),
            values: Arc::new(values.collect()),
        };
        found.insert((number, index), base);
    }
    found
}

/// Weighs every gate that compares with the baseline and fits it. `runs` are the targets of this run, by name.
#[must_use]
pub fn weigh_gates(
    baseline: &Baseline,
    draft: &DraftPlan,
    runs: &[ScoredRun],
    misfits: &Misfits,
) -> GateEvidence {
    let mut found = GateEvidence::new();
    for (number, index, gate, name) in compared(draft) {
        if misfits.by_gate.contains_key(&(number, index)) {
            continue;
        }
        let run = runs.iter().find(|run| run.target.as_deref() == Some(name));
        if let (Condition::Baseline(against), Some(run), Ok(base)) =
            (&gate.condition, run, baseline.target(name))
        {
            let success = success_of(draft, gate).filter(|_| gate.metric == COST_PER_SUCCESS);
            let weighed = weigh_gate(gate, success, Contrast::of(against), base, run);
            found.insert((number, index), weighed);
        }
    }
    found
}

fn weigh_gate(
    gate: &Gate,
    success: Option<&str>,
    contrast: Contrast,
    base: &ScoredRun,
    run: &ScoredRun,
) -> AgainstBaseline {
    let mut weighed = AgainstBaseline {
        target: base.target.clone().unwrap_or_else(|| base.label.clone()),
        contrast,
        evidence: ContrastEvidence::none(contrast.bound),
        n_unpaired: 0,
        n_baseline: 0,
        note: None,
    };
    if let Some(success) = success {
        weigh_cost_per_success(gate, success, base, run, &mut weighed);
        return weighed;
    }
    let of_base = base.metric(&gate.task, &gate.metric);
    let (Some((base_task, base_metric)), Some((task, metric))) =
        (of_base, run.metric(&gate.task, &gate.metric))
    else {
        return weighed;
    };
    let (base_rows, rows) = (
        rows_of(base_task, base_metric, gate.slice.as_ref()),
        rows_of(task, metric, gate.slice.as_ref()),
    );
    if let Some(q) = quantile_of(gate.statistic) {
        let values = |rows: &[ScoredCase]| rows.iter().filter_map(|row| row.score).collect::<Vec<f64>>();
        let (base, new) = (values(&base_rows), values(&rows));
        weighed.n_baseline = base.len() as u64;
        weighed.evidence = weigh_percentiles(&new, &base, q, contrast, gate.risk);
        weighed.note = Some("percentiles of two runs are compared unpaired".to_owned());
        return weighed;
    }
    match pair(&base_rows, &rows) {
        Ok(paired) => {
            weighed.n_unpaired = paired.only_a + paired.only_b;
            weighed.n_baseline = paired.a.len() as u64;
            weighed.evidence = weigh_pairs(&paired, kind_of(metric, paired.epochs_max), contrast, gate.risk);
            if weighed.n_unpaired > 0 {
                let count = weighed.n_unpaired;
                weighed.note = Some(format!(
                    "{count} cases have a value in one of the runs only and are left out"
                ));
            }
        }
        Err(error) => weighed.note = Some(error.to_string()),
    }
    weighed
}

/// Money per success, of the cases whose cost is known in both runs. As everywhere, answers that are no success for
/// whatever reason cost as well, and calls that brought no answer are left out.
fn weigh_cost_per_success(
    gate: &Gate,
    success: &str,
    base: &ScoredRun,
    run: &ScoredRun,
    weighed: &mut AgainstBaseline,
) {
    let rows = |of: &ScoredRun| -> Option<(Vec<ScoredCase>, Vec<ScoredCase>)> {
        let task = of.task(&gate.task)?;
        let slice = gate.slice.as_ref();
        let costs = rows_of(task, task.metric(COST)?, slice);
        let mut successes = rows_of(task, task.metric(success)?, slice);
        for (success, cost) in successes.iter_mut().zip(&costs) {
            success.score = cost.score.map(|_| success.score.unwrap_or(0.0));
        }
        Some((costs, successes))
    };
    let (Some(of_base), Some(of_run)) = (rows(base), rows(run)) else {
        return;
    };
    let (costs, successes) = match (pair(&of_base.0, &of_run.0), pair(&of_base.1, &of_run.1)) {
        (Ok(costs), Ok(successes)) => (costs, successes),
        (Err(error), _) | (_, Err(error)) => {
            weighed.note = Some(error.to_string());
            return;
        }
    };
    let join = |usd: &[f64], success: &[f64]| {
        let both = usd.iter().zip(success);
        both.map(|(&usd, &success)| CostOfCase { usd, success }).collect()
    };
    let paired = PairedCosts {
        base: join(&costs.a, &successes.a),
        new: join(&costs.b, &successes.b),
        clusters: costs.clusters.clone(),
    };
    weighed.n_unpaired = costs.only_a + costs.only_b;
    weighed.n_baseline = costs.a.len() as u64;
    weighed.evidence = weigh_ratios(&paired, weighed.contrast, gate.risk);
    let none = match (weighed.evidence.value, weighed.evidence.baseline) {
        _ if weighed.evidence.n == 0 => None,
        (None, None) => Some("neither run has a success, so what one costs is unbounded in both"),
        (None, _) => Some("this run has no success, so what one costs is unbounded"),
        (_, None) => Some("the baseline has no success, so what one cost is unbounded"),
        _ => None,
    };
    weighed.note = none.map(str::to_owned).or_else(|| {
        let count = weighed.n_unpaired;
        (count > 0)
            .then(|| format!("{count} cases have a known cost in one of the runs only and are left out"))
    });
}

/// What values a case takes: right and wrong become shares once they are averaged over epochs.
fn kind_of(metric: &ScoredMetric, epochs_max: u32) -> MetricKind {
    match metric.kind {
        MetricKind::Binary if epochs_max > 1 => MetricKind::Bounded,
        kind => kind,
    }
}

/// The quantile that a statistic is, where it is one.
#[must_use]
pub const fn quantile_of(statistic: Statistic) -> Option<f64> {
    match statistic {
        Statistic::P50 => Some(0.50),
        Statistic::P95 => Some(0.95),
        Statistic::P99 => Some(0.99),
        Statistic::Mean | Statistic::Rate => None,
    }
}

/// The rows of a metric, of one slice where one is asked for.
fn rows_of(task: &ScoredTask, metric: &ScoredMetric, slice: Option<&SliceKey>) -> Vec<ScoredCase> {
    let rows = task.rows(metric);
    let Some(slice) = slice else {
        return rows;
    };
    let Some(wanted) = task.slices.iter().position(|known| known == slice) else {
        return Vec::new();
    };
    let is_wanted = |slices: &[u16]| slices.iter().any(|index| usize::from(*index) == wanted);
    let samples = task.samples.iter().zip(rows);
    samples
        .filter(|(sample, _)| is_wanted(&sample.slices))
        .map(|(_, row)| row)
        .collect()
}
