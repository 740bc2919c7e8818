//! From figures of samples, one by one, to the scores of every target. Apart from the collector of findings, which sums
//! and forgets: here every sample keeps its name, so that it can be paired. Memory is one row for each sample and one
//! number for each sample and metric, never a text.

use super::{ScoredMetric, ScoredSample, ScoredTask};
use crate::collect::SLICES_PER_COLUMN_MAX;
use crate::per_success::success_at;
use seatrial_types::{
    MetricKind, MetricSpec, Money, Outcome, Pillar, SampleFigures, ScoreRecord, SliceKey, Unit,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What is known of a task before its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskShape {
    /// Name.
    pub name: String,
    /// Repetitions that were planned.
    pub epochs: u32,
    /// Metrics by scorer.
    pub scorers: Vec<Vec<MetricSpec>>,
    /// Metric that says what a success is, where the suite names one.
    pub success: Option<String>,
}

/// Takes recorded samples one by one, in key order.
#[derive(Debug)]
pub struct ScoredCollector {
    /// By target, then task.
    targets: Vec<Vec<Building>>,
    served: Vec<BTreeSet<Arc<str>>>,
}

#[derive(Debug)]
struct Building {
    task: ScoredTask,
    /// Index of a scorer's first metric.
    offsets: Vec<usize>,
    specs: Vec<MetricSpec>,
    slices: HashMap<SliceKey, u16>,
}

/// The scores of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectedTarget {
    /// Tasks with at least one sample, in order.
    pub tasks: Vec<ScoredTask>,
    /// Models that the provider says it used, sorted.
    pub served_models: Vec<Arc<str>>,
}

struct Measured {
    name: &'static str,
    kind: MetricKind,
    unit: Unit,
    pillar: Pillar,
    of: fn(&SampleFigures) -> Option<f64>,
}

/// What every task is measured by, whatever its scorers; all of it is better when it is lower.
const MEASURED: [Measured; 7] = [
    Measured {
        name: "latency_ms",
        kind: MetricKind::Real,
        unit: Unit::Ms,
        pillar: Pillar::Performance,
        of: |sample| milliseconds(sample, sample.latency_ns),
    },
    Measured {
        name: "ttft_ms",
        kind: MetricKind::Real,
        unit: Unit::Ms,
        pillar: Pillar::Performance,
        of: |sample| milliseconds(sample, sample.ttft_ns),
    },
    Measured {
        name: "cost_usd",
        kind: MetricKind::Real,
        unit: Unit::Usd,
        pillar: Pillar::Cost,
        of: |sample| answered(sample, sample.cost.map(Money::to_usd_f64)),
    },
    Measured {
        name: "input_tokens",
        kind: MetricKind::Real,
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        of: |sample| tokens(sample, sample.usage.input_tokens),
    },
    Measured {
        name: "output_tokens",
        kind: MetricKind::Real,
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        of: |sample| tokens(sample, sample.usage.output_tokens),
    },
    Measured {
        name: "total_tokens",
        kind: MetricKind::Real,
        unit: Unit::Tokens,
        pillar: Pillar::Cost,
        of: |sample| tokens(sample, sample.usage.total_tokens()),
    },
    Measured {
        name: "error_rate",
        kind: MetricKind::Binary,
        unit: Unit::Share,
        pillar: Pillar::Reliability,
        of: |sample| Some(f64::from(u8::from(sample.error.is_some()))),
    },
];

fn answered(sample: &SampleFigures, value: Option<f64>) -> Option<f64> {
    value.filter(|_| sample.error.is_none())
}

/// A time of the target; a cached answer has none, whatever was recorded with it.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn milliseconds(sample: &SampleFigures, ns: Option<u64>) -> Option<f64> {
    answered(sample, ns.filter(|_| !sample.cached).map(|ns| ns as f64 / 1e6))
}

#[expect(clippy::cast_precision_loss, reason = "tokens far below 2^53")]
fn tokens(sample: &SampleFigures, tokens: Option<u64>) -> Option<f64> {
    answered(sample, tokens.map(|tokens| tokens as f64))
}

/// Whether a higher value of a scorer's metric is better: less time, money and tokens are.
const fn is_higher_better(spec: &MetricSpec) -> bool {
    !matches!(spec.unit, Unit::Ms | Unit::Usd | Unit::Tokens)
        && !matches!(spec.pillar, Pillar::Performance | Pillar::Cost)
}

impl ScoredCollector {
    /// For so many targets that are asked these tasks.
    #[must_use]
    pub fn new(targets: usize, tasks: &[TaskShape]) -> Self {
        let of_target = |_| tasks.iter().map(Building::new).collect();
        Self {
            targets: (0..targets).map(of_target).collect(),
            served: vec![BTreeSet::new(); targets],
        }
    }

    /// Adds one finished sample. One with a key outside the plan is ignored.
    pub fn add(&mut self, sample: &SampleFigures) {
        let (target, task) = (usize::from(sample.key.target), usize::from(sample.key.task));
        let building = self.targets.get_mut(target).and_then(|tasks| tasks.get_mut(task));
        if let Some(building) = building {
            building.add(sample);
        }
        if let (Some(model), Some(served)) = (&sample.served_model, self.served.get_mut(target))
            && !served.contains(model)
        {
            served.insert(Arc::clone(model));
        }
    }

    /// The scores, by target. Metrics that nothing was measured of, and tasks without samples, are left out; a metric
    /// that a scorer yields is never left out.
    #[must_use]
    pub fn finish(self) -> Vec<CollectedTarget> {
        let targets = self.targets.into_iter().zip(self.served);
        targets
            .map(|(tasks, served)| CollectedTarget {
                tasks: tasks
                    .into_iter()
                    .filter(|building| !building.task.samples.is_empty())
                    .map(Building::finish)
                    .collect(),
                served_models: served.into_iter().collect(),
            })
            .collect()
    }
}

impl Building {
    fn new(shape: &TaskShape) -> Self {
        let mut offsets = Vec::with_capacity(shape.scorers.len());
        let mut specs: Vec<MetricSpec> = Vec::new();
        for metrics in &shape.scorers {
            offsets.push(specs.len());
            specs.extend(metrics.iter().cloned());
        }
        let scored = specs.iter().map(|spec| ScoredMetric {
            metric: spec.name.to_string(),
            kind: spec.kind,
            unit: spec.unit,
            pillar: spec.pillar,
            higher_is_better: is_higher_better(spec),
            is_primary: matches!(spec.pillar, Pillar::Quality | Pillar::Safety),
            scores: Vec::new(),
        });
        let measured = MEASURED.iter().map(|measured| ScoredMetric {
            metric: measured.name.to_owned(),
            kind: measured.kind,
            unit: measured.unit,
            pillar: measured.pillar,
            higher_is_better: false,
            is_primary: false,
            scores: Vec::new(),
        });
        Self {
            task: ScoredTask {
                task: shape.name.clone(),
                epochs: shape.epochs,
                success: success_at(&shape.scorers, shape.success.as_deref())
                    .and_then(|(scorer, metric)| shape.scorers.get(scorer)?.get(metric))
                    .map(|spec| spec.name.to_string()),
                slices: Vec::new(),
                samples: Vec::new(),
                metrics: scored.chain(measured).collect(),
            },
            offsets,
            specs,
            slices: HashMap::new(),
        }
    }

    fn add(&mut self, sample: &SampleFigures) {
        let slices = sample.slices.iter().filter_map(|key| self.slice(key)).collect();
        self.task.samples.push(ScoredSample {
            id: Arc::clone(&sample.case_id),
            epoch: sample.key.epoch,
            case: sample.key.case,
            cluster: sample.cluster.clone(),
            slices,
        });
        let (scored, measured) = self.task.metrics.split_at_mut(self.specs.len());
        scored.iter_mut().for_each(|metric| metric.scores.push(None));
        for record in &sample.scores {
            let offset = self.offsets.get(usize::from(record.scorer)).copied();
            let Some(index) = offset.map(|offset| offset + usize::from(record.score.metric)) else {
                continue;
            };
            if let (Some(spec), Some(metric)) = (self.specs.get(index), scored.get_mut(index))
                && let Some(last) = metric.scores.last_mut()
            {
                *last = counted(record, spec);
            }
        }
        for (metric, measured) in measured.iter_mut().zip(&MEASURED) {
            metric
                .scores
                .push((measured.of)(sample).filter(|value| value.is_finite()));
        }
    }

    /// Number of a slice; `None` for one value of its column too many.
    fn slice(&mut self, key: &SliceKey) -> Option<u16> {
        if let Some(&known) = self.slices.get(key) {
            return Some(known);
        }
        let of_column = self
            .slices
            .keys()
            .filter(|known| known.column == key.column)
            .count();
        let next = u16::try_from(self.task.slices.len()).ok()?;
        if of_column >= SLICES_PER_COLUMN_MAX {
            return None;
        }
        self.task.slices.push(key.clone());
        self.slices.insert(key.clone(), next);
        Some(next)
    }

    fn finish(mut self) -> ScoredTask {
        let asked_for = self.specs.len();
        let mut index = 0;
        self.task.metrics.retain(|metric| {
            index += 1;
            index <= asked_for || metric.scores.iter().any(Option::is_some)
        });
        // A case without a cluster is one of its own, as in findings.
        if self.task.samples.iter().any(|sample| sample.cluster.is_some()) {
            for sample in &mut self.task.samples {
                sample.cluster.get_or_insert_with(|| Arc::clone(&sample.id));
            }
        }
        self.task
    }
}

/// A score as findings count it.
fn counted(record: &ScoreRecord, spec: &MetricSpec) -> Option<f64> {
    let value = record.score.value.filter(|value| value.is_finite());
    match (record.score.outcome, value) {
        (Outcome::Scored, Some(value)) => Some(value),
        (Outcome::Scored | Outcome::Unparsed, _) => spec.unparsed_is_wrong.then_some(0.0),
        (Outcome::Refused, _) => spec.refused_is_wrong.then_some(0.0),
        (Outcome::Error, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{CallErrorKind, SampleKey, Score, Usage};

    fn spec(name: &'static str, wrong: bool) -> MetricSpec {
        MetricSpec {
            name: name.into(),
            kind: MetricKind::Binary,
            unit: Unit::Share,
            pillar: Pillar::Quality,
            unparsed_is_wrong: wrong,
            refused_is_wrong: wrong,
        }
    }

    fn sample(case: u32, outcomes: &[(Outcome, Option<f64>)], error: bool) -> SampleFigures {
        SampleFigures {
            key: SampleKey {
                target: 0,
                task: 0,
                epoch: 0,
                case,
            },
            case_id: format!("c{case}").into(),
            cluster: (case == 1).then(|| "k".into()),
            slices: vec![SliceKey {
                column: "topic".to_owned(),
                value: (case % 2).to_string(),
            }],
            error: error.then_some(CallErrorKind::Timeout),
            latency_ns: Some(5_000_000),
            ttft_ns: None,
            queue_ns: None,
            attempts: 1,
            cached: case == 2,
            usage: Usage::default(),
            cost: None,
            served_model: Some("m-1".into()),
            scores: (0_u16..)
                .zip(outcomes)
                .map(|(scorer, &(outcome, value))| ScoreRecord {
                    scorer,
                    score: Score {
                        metric: 0,
                        outcome,
                        value,
                        detail: None,
                    },
                })
                .collect(),
        }
    }

    /// Protects agreement with the findings: classes count by the scorer's policy, errors never, a cached answer has no
    /// latency, what nobody measured is no metric, and cases without a cluster are their own.
    #[test]
    fn counts_as_findings_do() {
        let shape = TaskShape {
            name: "qa".to_owned(),
            epochs: 1,
            scorers: vec![vec![spec("strict", true)], vec![spec("lenient", false)]],
            success: None,
        };
        let mut collector = ScoredCollector::new(1, &[shape]);
        let both = |outcome, value| [(outcome, value), (outcome, value)];
        collector.add(&sample(0, &both(Outcome::Scored, Some(1.0)), false));
        collector.add(&sample(1, &both(Outcome::Unparsed, None), false));
        collector.add(&sample(2, &both(Outcome::Refused, None), false));
        collector.add(&sample(3, &both(Outcome::Error, None), true));
        collector.add(&SampleFigures {
            key: SampleKey {
                target: 9,
                task: 0,
                epoch: 0,
                case: 0,
            },
            ..sample(0, &[], false)
        });
        let found = collector.finish();
        let task = &found[0].tasks[0];
        let scores = |name: &str| task.metric(name).map(|metric| metric.scores.clone());
        assert_eq!(
            scores("strict"),
            Some(vec![Some(1.0), Some(0.0), Some(0.0), None])
        );
        assert_eq!(scores("lenient"), Some(vec![Some(1.0), None, None, None]));
        assert_eq!(scores("latency_ms"), Some(vec![Some(5.0), Some(5.0), None, None]));
        assert_eq!(
            scores("error_rate"),
            Some(vec![Some(0.0), Some(0.0), Some(0.0), Some(1.0)])
        );
        assert_eq!(scores("cost_usd"), None);
        let clusters: Vec<_> = task
            .samples
            .iter()
            .map(|sample| sample.cluster.as_deref().unwrap())
            .collect();
        assert_eq!(clusters, ["c0", "k", "c2", "c3"]);
        assert_eq!(task.slices.len(), 2);
        assert_eq!(task.samples[3].slices, [1]);
        assert_eq!(found[0].served_models, ["m-1".into()]);
        assert_eq!(task.rows(&task.metrics[0])[1].score, Some(0.0));
    }

    /// Protects baselines: what is written is what is read.
    #[test]
    fn survives_json() {
        let shape = TaskShape {
            name: "qa".to_owned(),
            epochs: 2,
            scorers: vec![vec![spec("strict", true)]],
            success: None,
        };
        let mut collector = ScoredCollector::new(1, &[shape]);
        (0..4).for_each(|case| collector.add(&sample(case, &[(Outcome::Scored, Some(0.25))], false)));
        let task = collector.finish().remove(0).tasks.remove(0);
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(serde_json::from_str::<ScoredTask>(&text).unwrap(), task);
    }
}
