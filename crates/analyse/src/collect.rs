//! Gathers recorded samples into series: per target and task, overall and per slice. One pass, memory proportional to
//! the number of values, never to the size of the texts.

use crate::forecast::Profiler;
use crate::ledger::Ledger;
use crate::per_success::{CostPerSuccess, success_at};
use crate::scored::TaskShape;
use crate::sequential::Sequential;
use crate::series::{Policy, Series};
use seatrial_config::DraftPlan;
use seatrial_types::{
    MetricKind, MetricSpec, Money, Outcome, Pillar, SampleFigures, SliceKey, Statistic, Unit, UsageTotals,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Slices of one column that are reported; further values are left out with a warning.
pub const SLICES_PER_COLUMN_MAX: usize = 200;

/// Metrics per task and scorer, in suite order.
pub type TaskMetrics = Vec<Vec<Vec<MetricSpec>>>;

/// A metric of a task with its values.
#[derive(Debug)]
pub(crate) struct NamedSeries {
    pub(crate) name: String,
    pub(crate) pillar: Pillar,
    pub(crate) statistics: &'static [Statistic],
    pub(crate) series: Series,
}

/// All metrics of one task for one target and one part of the data.
#[derive(Debug)]
pub(crate) struct TaskSeries {
    pub(crate) scored: Vec<NamedSeries>,
    /// Index into `scored` by scorer and metric.
    offsets: Vec<usize>,
    pub(crate) measured: Vec<NamedSeries>,
    pub(crate) cost_per_success: Option<CostPerSuccess>,
    /// Index into `scored` of what says that an answer was a success.
    success: Option<usize>,
}

const OF_SCORES: &[Statistic] = &[Statistic::Mean];
const OF_TIMES: &[Statistic] = &[Statistic::P50, Statistic::P95, Statistic::P99, Statistic::Mean];
const OF_SHARES: &[Statistic] = &[Statistic::Rate];

/// Positions in [`TaskSeries::measured`].
const LATENCY: usize = 0;
const TTFT: usize = 1;
const COST: usize = 2;
const INPUT: usize = 3;
const OUTPUT: usize = 4;
const TOKENS: usize = 5;
const ERROR_RATE: usize = 6;

impl TaskSeries {
    /// `success` is the scorer and metric that say what a success is.
    fn new(scorers: &[Vec<MetricSpec>], clustered: bool, success: Option<(usize, usize)>) -> Self {
        let mut scored = Vec::new();
        let mut offsets = Vec::with_capacity(scorers.len());
        for metrics in scorers {
            offsets.push(scored.len());
            for spec in metrics {
                let policy = Policy {
                    unparsed_is_wrong: spec.unparsed_is_wrong,
                    refused_is_wrong: spec.refused_is_wrong,
                };
                scored.push(NamedSeries {
                    name: spec.name.to_string(),
                    pillar: spec.pillar,
                    statistics: OF_SCORES,
                    series: Series::new(spec.kind, spec.unit, policy, clustered),
                });
            }
        }
        let measure = |name: &str, pillar, unit, statistics| NamedSeries {
            name: name.to_owned(),
            pillar,
            statistics,
            series: Series::new(MetricKind::Real, unit, Policy::EXCLUDE, clustered),
        };
        let error_rate = NamedSeries {
            name: "error_rate".to_owned(),
            pillar: Pillar::Reliability,
            statistics: OF_SHARES,
            series: Series::new(MetricKind::Binary, Unit::Share, Policy::EXCLUDE, clustered),
        };
        let success = success.and_then(|(scorer, metric)| Some(offsets.get(scorer)? + metric));
        Self {
            scored,
            offsets,
            success,
            measured: vec![
                measure("latency_ms", Pillar::Performance, Unit::Ms, OF_TIMES),
                measure("ttft_ms", Pillar::Performance, Unit::Ms, OF_TIMES),
                measure("cost_usd", Pillar::Cost, Unit::Usd, OF_SCORES),
                measure("input_tokens", Pillar::Cost, Unit::Tokens, OF_SCORES),
                measure("output_tokens", Pillar::Cost, Unit::Tokens, OF_SCORES),
                measure("total_tokens", Pillar::Cost, Unit::Tokens, OF_SCORES),
                error_rate,
            ],
            cost_per_success: success.map(|_| CostPerSuccess::new(clustered)),
        }
    }

    fn add(&mut self, sample: &SampleFigures, cluster: u32) {
        let mut success = 0.0;
        for record in &sample.scores {
            let offset = self.offsets.get(usize::from(record.scorer)).copied();
            let index = offset.map(|offset| offset + usize::from(record.score.metric));
            if index.is_some() && index == self.success {
                success = record.score.value.unwrap_or(0.0);
            }
            let Some(named) = index.and_then(|index| self.scored.get_mut(index)) else {
                continue;
            };
            named
                .series
                .add(record.score.outcome, record.score.value, cluster);
        }
        let is_error = sample.error.is_some();
        let cost = sample.cost.map(Money::to_usd_f64);
        #[expect(clippy::cast_precision_loss, reason = "tokens far below 2^53")]
        let tokens = |count: Option<u64>| count.map(|count| count as f64);
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
        let values = [
            (LATENCY, sample.latency_ns.map(|ns| ns as f64 / 1e6)),
            (TTFT, sample.ttft_ns.map(|ns| ns as f64 / 1e6)),
            (COST, cost),
            (INPUT, tokens(sample.usage.input_tokens)),
            (OUTPUT, tokens(sample.usage.output_tokens)),
            (TOKENS, tokens(sample.usage.total_tokens())),
        ];
        for (index, value) in values {
            let outcome = match (is_error, value) {
                (true, _) => Outcome::Error,
                (false, Some(_)) => Outcome::Scored,
                (false, None) => Outcome::Unparsed,
            };
            if let Some(named) = self.measured.get_mut(index) {
                named.series.add(outcome, value, cluster);
            }
        }
        if let Some(named) = self.measured.get_mut(ERROR_RATE) {
            named.series.add_error_indicator(is_error, cluster);
        }
        if let (Some(ratio), false) = (&mut self.cost_per_success, is_error) {
            ratio.add(cost, success, cluster);
        }
    }

    /// Says that the samples come from a draw of so many that may have stopped anywhere.
    fn set_planned_draws(&mut self, planned: Option<u64>) {
        for named in self.scored.iter_mut().chain(&mut self.measured) {
            named.series.set_planned_draws(planned);
        }
    }

    /// Samples whose call brought no answer.
    pub(crate) fn without_answer(&self) -> u64 {
        self.measured
            .get(LATENCY)
            .map_or(0, |named| named.series.counts.error)
    }

    /// What says that an answer was a success.
    pub(crate) fn success(&self) -> Option<&NamedSeries> {
        self.scored.get(self.success?)
    }

    /// The series of a metric by name.
    pub(crate) fn series(&self, metric: &str) -> Option<&NamedSeries> {
        self.scored
            .iter()
            .chain(&self.measured)
            .find(|named| named.name == metric)
    }
}

/// Facts about one target over all its tasks.
#[derive(Debug, Default)]
pub(crate) struct TargetFacts {
    pub(crate) usage: UsageTotals,
    pub(crate) cost: Option<Money>,
    /// The part of it that was paid in this run: what the cache answered was not.
    pub(crate) spent: Option<Money>,
    /// Samples that the cache answered.
    pub(crate) cached: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) retries: u64,
    pub(crate) served_models: BTreeSet<Arc<str>>,
    pub(crate) queue_ms: Vec<f64>,
    pub(crate) finished: u64,
    pub(crate) profiler: Profiler,
}

/// Takes recorded samples one by one.
#[derive(Debug)]
pub struct Collector {
    metrics: TaskMetrics,
    clustered: Vec<bool>,
    /// Scorer and metric of each task that say what a success is.
    successes: Vec<Option<(usize, usize)>>,
    pub(crate) targets: Vec<TargetFacts>,
    /// By target, then task.
    pub(crate) overall: Vec<Vec<TaskSeries>>,
    /// By target and task.
    pub(crate) slices: BTreeMap<(u16, u16), BTreeMap<SliceKey, TaskSeries>>,
    pub(crate) slices_left_out: BTreeSet<String>,
    cluster_ids: HashMap<Arc<str>, u32>,
    /// Answers case by case, of tasks where that says more than their sum.
    pub(crate) ledger: Ledger,
    /// Whether a task is in it.
    in_ledger: Vec<bool>,
    /// Whether a task is asked under load.
    under_load: Vec<bool>,
    n_under_load: u64,
    /// What decides how far tasks are asked; `None` where all of them are asked as planned.
    pub(crate) sequential: Option<Sequential>,
}

impl Collector {
    /// For a plan, with the metrics that its scorers yield, and for each task whether its answers are clustered.
    #[must_use]
    pub fn new(draft: &DraftPlan, metrics: TaskMetrics, clustered: Vec<bool>) -> Self {
        let named = draft.tasks.iter().map(|task| task.success.as_deref());
        let successes: Vec<_> = named
            .zip(&metrics)
            .map(|(named, scorers)| success_at(scorers, named))
            .collect();
        let overall = draft
            .targets
            .iter()
            .map(|_| {
                let tasks = metrics.iter().zip(&clustered).zip(&successes);
                tasks
                    .map(|((scorers, clustered), success)| TaskSeries::new(scorers, *clustered, *success))
                    .collect()
            })
            .collect();
        let facts = || TargetFacts {
            cost: Some(Money::ZERO),
            spent: Some(Money::ZERO),
            ..TargetFacts::default()
        };
        let shapes: Vec<TaskShape> = draft
            .tasks
            .iter()
            .zip(&metrics)
            .map(|(task, scorers)| TaskShape {
                name: task.name.clone(),
                epochs: task.epochs,
                scorers: scorers.clone(),
                success: task.success.clone(),
            })
            .collect();
        let is_told = |index: usize| draft.quarantine.iter().any(|entry| entry.task_index == index);
        let in_ledger = draft
            .tasks
            .iter()
            .enumerate()
            .map(|(index, task)| (task.epochs > 1 || is_told(index)) && !task.under_load)
            .collect();
        Self {
            ledger: Ledger::new(draft.targets.len(), &shapes),
            in_ledger,
            under_load: draft.tasks.iter().map(|task| task.under_load).collect(),
            n_under_load: 0,
            targets: draft.targets.iter().map(|_| facts()).collect(),
            metrics,
            clustered,
            successes,
            overall,
            slices: BTreeMap::new(),
            slices_left_out: BTreeSet::new(),
            cluster_ids: HashMap::new(),
            sequential: None,
        }
    }

    /// Has this, which has taken no sample yet, take them too: then gates are decided in the order of the draw, and
    /// values of drawn tasks get intervals that hold wherever the task stopped. To be called before the first sample.
    pub fn watch(&mut self, sequential: Sequential) {
        if sequential.is_idle() {
            return;
        }
        for (target, tasks) in self.overall.iter_mut().enumerate() {
            for (task, series) in tasks.iter_mut().enumerate() {
                series.set_planned_draws(sequential.planned_draws(target, task));
            }
        }
        self.sequential = Some(sequential);
    }

    /// Adds one finished sample. One with a key outside the plan is ignored.
    pub fn add(&mut self, sample: &SampleFigures) {
        let (target, task) = (usize::from(sample.key.target), usize::from(sample.key.task));
        let Some(clustered) = self.clustered.get(task).copied() else {
            return;
        };
        let cluster = if clustered { self.cluster_id(sample) } else { 0 };
        let Some(series) = self.overall.get_mut(target).and_then(|tasks| tasks.get_mut(task)) else {
            return;
        };
        series.add(sample, cluster);
        self.n_under_load += u64::from(self.under_load.get(task) == Some(&true));
        if self.in_ledger.get(task) == Some(&true) {
            self.ledger.add(0, sample);
        }
        if let Some(sequential) = &mut self.sequential {
            sequential.take(sample);
        }
        if let Some(facts) = self.targets.get_mut(target) {
            facts.add(sample);
        }
        if !sample.slices.is_empty() {
            self.add_to_slices(sample, cluster, clustered);
        }
    }

    /// Keeps the answers of every task case by case, because earlier runs are to be put beside them. To be called before
    /// the first sample.
    pub fn keep_cases(&mut self) {
        let under_load = self.under_load.iter();
        self.in_ledger
            .iter_mut()
            .zip(under_load)
            .for_each(|(is_in, under_load)| *is_in = !under_load);
    }

    /// Adds a sample of an earlier run of the same plan, `run` from 1, to be called after the samples of this run. It
    /// counts in the history of its case alone. What the cache answered is left out, for it was given before, and so is
    /// what a model gave that did not serve this run.
    pub fn remember(&mut self, run: u32, sample: &SampleFigures) {
        let served = self
            .targets
            .get(usize::from(sample.key.target))
            .map(|facts| &facts.served_models);
        let is_other_model = match (&sample.served_model, served) {
            (Some(model), Some(served)) => !served.is_empty() && !served.contains(model),
            _ => false,
        };
        if run > 0 && !sample.cached && !is_other_model {
            self.ledger.add(run, sample);
        }
    }

    fn add_to_slices(&mut self, sample: &SampleFigures, cluster: u32, clustered: bool) {
        let slices = self
            .slices
            .entry((sample.key.target, sample.key.task))
            .or_default();
        let Some(metrics) = self.metrics.get(usize::from(sample.key.task)) else {
            return;
        };
        let success = self
            .successes
            .get(usize::from(sample.key.task))
            .copied()
            .flatten();
        for key in &sample.slices {
            if !slices.contains_key(key) {
                let of_column = slices.keys().filter(|known| known.column == key.column).count();
                if of_column >= SLICES_PER_COLUMN_MAX {
                    self.slices_left_out.insert(key.column.clone());
                    continue;
                }
                let mut fresh = TaskSeries::new(metrics, clustered, success);
                let (target, task) = (usize::from(sample.key.target), usize::from(sample.key.task));
                let sequential = self.sequential.as_ref();
                fresh.set_planned_draws(
                    sequential.and_then(|sequential| sequential.planned_draws(target, task)),
                );
                slices.insert(key.clone(), fresh);
            }
            if let Some(series) = slices.get_mut(key) {
                series.add(sample, cluster);
            }
        }
    }

    fn cluster_id(&mut self, sample: &SampleFigures) -> u32 {
        let name = sample.cluster.as_ref().unwrap_or(&sample.case_id);
        let next = u32::try_from(self.cluster_ids.len()).unwrap_or(u32::MAX);
        *self.cluster_ids.entry(Arc::clone(name)).or_insert(next)
    }

    /// Those of them that are requests of a load, which no plan counts beforehand.
    #[must_use]
    pub const fn under_load(&self) -> u64 {
        self.n_under_load
    }

    /// Finished samples over all targets.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.targets.iter().map(|facts| facts.finished).sum()
    }
}

impl TargetFacts {
    fn add(&mut self, sample: &SampleFigures) {
        self.finished += 1;
        self.profiler.add(sample);
        self.retries += u64::from(sample.attempts.saturating_sub(1));
        if let Some(queue) = sample.queue_ns {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
            self.queue_ms.push(queue as f64 / 1e6);
        }
        if let Some(model) = &sample.served_model
            && !self.served_models.contains(model)
        {
            self.served_models.insert(Arc::clone(model));
        }
        match sample.error {
            Some(kind) => *self.errors.entry(kind.as_str().to_owned()).or_default() += 1,
            None => {
                let add = |sum: Option<Money>| Some(sum?.saturating_add(sample.cost?));
                self.usage.add(&sample.usage);
                self.cost = add(self.cost);
                self.cached += u64::from(sample.cached);
                if !sample.cached {
                    self.spent = add(self.spent);
                }
            }
        }
    }
}
