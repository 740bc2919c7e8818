//! Money per success: of one run by its sums, and the answers of two runs on the same cases. Apart from other metrics,
//! because it is the quotient of two means and no mean of its own: a case without a success has no value, and a run without
//! one has none either, which is no error and never good news.

use crate::scored::ScoredTask;
use seatrial_stats::ratio::RatioSums;
use seatrial_stats::ratio_difference::PairedRatioUnit;
use seatrial_types::{MetricKind, MetricSpec, Pillar};
use std::collections::{BTreeMap, HashMap};

/// Whether a metric says that an answer was right: the first such of a task decides what a success is, unless the suite
/// names another. A share that speaks for another pillar (refusals, answers within a latency) is no success.
pub(crate) fn is_success(kind: MetricKind, pillar: Pillar) -> bool {
    kind == MetricKind::Binary && pillar == Pillar::Quality
}

/// Scorer and metric that say what a success is: the named one, else the first of quality.
pub(crate) fn success_at(scorers: &[Vec<MetricSpec>], named: Option<&str>) -> Option<(usize, usize)> {
    let find = |is_it: &dyn Fn(&MetricSpec) -> bool| {
        let mut scorers = scorers.iter().enumerate();
        scorers.find_map(|(scorer, metrics)| Some((scorer, metrics.iter().position(is_it)?)))
    };
    match named {
        Some(name) => find(&|spec| spec.kind == MetricKind::Binary && *spec.name == *name),
        None => find(&|spec| is_success(spec.kind, spec.pillar)),
    }
}

/// Money and successes of one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct CostPerSuccess {
    samples: RatioSums,
    /// Sums of each cluster; `None` where samples are independent.
    clusters: Option<BTreeMap<u32, (f64, f64)>>,
    /// Whether the price of any finished answer is unknown; then the ratio is unknown.
    pub(crate) unknown: bool,
}

impl CostPerSuccess {
    pub(crate) fn new(clustered: bool) -> Self {
        Self {
            clusters: clustered.then(BTreeMap::new),
            ..Self::default()
        }
    }

    /// Adds an answer; `None` is an unknown cost.
    pub(crate) fn add(&mut self, usd: Option<f64>, success: f64, cluster: u32) {
        let Some(usd) = usd else {
            self.unknown = true;
            return;
        };
        self.samples.add(usd, success);
        if let Some(clusters) = &mut self.clusters {
            let sums = clusters.entry(cluster).or_default();
            (sums.0, sums.1) = (sums.0 + usd, sums.1 + success);
        }
    }

    /// Answers.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count kept as a whole float"
    )]
    pub(crate) fn n(&self) -> u64 {
        self.samples.n as u64
    }

    /// Sums over what is independent: whole clusters, where there are any.
    pub(crate) fn units(&self) -> RatioSums {
        let Some(clusters) = &self.clusters else {
            return self.samples;
        };
        let mut sums = RatioSums::default();
        clusters
            .values()
            .for_each(|(usd, successes)| sums.add(*usd, *successes));
        sums
    }
}

/// Cases that two runs have in common, as ratios see them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PairedMoney {
    /// Means over the epochs of each case, A first.
    pub(crate) units: Vec<PairedRatioUnit>,
    /// Cluster of each by number; empty where cases are independent.
    pub(crate) clusters: Vec<u32>,
    /// Cases with an answer in A only.
    pub(crate) only_a: u64,
    /// Cases with an answer in B only.
    pub(crate) only_b: u64,
    /// Answers whose price is unknown, of both sides.
    pub(crate) unknown: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Side {
    usd: f64,
    successes: f64,
    answers: f64,
}

/// Pairs the answers of two runs by case: money, and successes by the metric of this name. Errors are left out, as
/// everywhere. `None` where a side lacks the metric.
pub(crate) fn pair_money(tasks: [&ScoredTask; 2], success: &str) -> Option<PairedMoney> {
    let mut paired = PairedMoney::default();
    let mut cases: BTreeMap<&str, ([Side; 2], Option<&str>)> = BTreeMap::new();
    for (side, task) in tasks.into_iter().enumerate() {
        let scores = task.metric(success)?.scores.as_slice();
        let cost = task.metric("cost_usd").map(|metric| metric.scores.as_slice());
        let errors = task.metric("error_rate").map(|metric| metric.scores.as_slice());
        let at =
            |of: Option<&[Option<f64>]>, place: usize| of.and_then(|of| of.get(place).copied().flatten());
        for (place, sample) in task.samples.iter().enumerate() {
            if at(errors, place) == Some(1.0) {
                continue;
            }
            let (sides, cluster) = cases.entry(&sample.id).or_default();
            *cluster = cluster.or(sample.cluster.as_deref());
            let Some(usd) = at(cost, place) else {
                paired.unknown += 1;
                continue;
            };
            let sum = &mut sides[side];
            sum.usd += usd;
            sum.successes += at(Some(scores), place).unwrap_or(0.0);
            sum.answers += 1.0;
        }
    }
    let is_clustered = cases.values().any(|(_, cluster)| cluster.is_some());
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    for (id, ([a, b], cluster)) in &cases {
        if a.answers == 0.0 || b.answers == 0.0 {
            paired.only_a += u64::from(a.answers > 0.0);
            paired.only_b += u64::from(b.answers > 0.0);
            continue;
        }
        paired.units.push(PairedRatioUnit {
            y1: a.usd / a.answers,
            x1: a.successes / a.answers,
            y2: b.usd / b.answers,
            x2: b.successes / b.answers,
        });
        if is_clustered {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            paired
                .clusters
                .push(*numbers.entry(cluster.unwrap_or(id)).or_insert(next));
        }
    }
    Some(paired)
}
