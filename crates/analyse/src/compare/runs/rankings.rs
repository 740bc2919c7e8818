//! Rankings from the comparisons of all pairs: which metrics have one, and over which cases. Apart from the ranking of
//! one field of values.

use super::super::ranking::{Field, RankOptions, rank};
use super::RunsOptions;
use super::pair::{is_named, is_primary};
use crate::scored::ScoredRun;
use seatrial_types::{MetricKind, PairComparison, Ranking};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Comparisons of one metric by the labels of A and B.
type PairsByLabels<'a> = HashMap<(&'a str, &'a str), &'a PairComparison>;

/// The primary metrics that every system has.
pub(super) fn rankings(
    systems: &[ScoredRun],
    pairs: &[PairComparison],
    options: &RunsOptions,
    warnings: &mut Vec<String>,
) -> Vec<Ranking> {
    let Some(first) = systems.first() else {
        return Vec::new();
    };
    // Labels are unique, so a pair of them is a pair of systems.
    let mut by_metric: HashMap<(&str, &str), PairsByLabels<'_>> = HashMap::new();
    for pair in pairs.iter().filter(|pair| pair.is_primary) {
        let of_metric = by_metric.entry((&pair.task, &pair.metric)).or_default();
        of_metric.insert((&pair.a, &pair.b), pair);
    }
    let mut rankings = Vec::new();
    for task in &first.tasks {
        for metric in task
            .metrics
            .iter()
            .filter(|metric| is_primary(&task.task, metric, options))
        {
            let Some(of_metric) = by_metric.get(&(task.task.as_str(), metric.metric.as_str())) else {
                continue;
            };
            let Some((field, kind)) = field(systems, &task.task, &metric.metric) else {
                warnings.push(format!(
                    "{}.{}: no case has a score in all {} systems: no ranking",
                    task.task,
                    metric.metric,
                    systems.len()
                ));
                continue;
            };
            let differs = |one: usize, other: usize| {
                let (one, other) = (&systems[one.min(other)].label, &systems[one.max(other)].label);
                of_metric
                    .get(&(one.as_str(), other.as_str()))
                    .is_some_and(|pair| pair.differs())
            };
            let lower = is_named(&options.lower_is_better, &task.task, &metric.metric);
            rankings.push(rank(
                &field,
                &RankOptions {
                    task: &task.task,
                    metric: &metric.metric,
                    kind,
                    higher_is_better: metric.higher_is_better && !lower,
                    level: options.level,
                    seed: options.seed,
                    differs: &differs,
                },
            ));
        }
    }
    rankings
}

/// Values of the cases that every system has a score for; `None` where there are none.
fn field(systems: &[ScoredRun], task: &str, metric: &str) -> Option<(Field, MetricKind)> {
    let mut is_binary = true;
    let mut means: Vec<BTreeMap<&str, (f64, u32)>> = Vec::with_capacity(systems.len());
    let mut clusters: BTreeMap<&str, &str> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for system in systems {
        let (of_task, of_metric) = system.metric(task, metric)?;
        kinds.insert(of_metric.kind as u8);
        let mut of_cases: BTreeMap<&str, (f64, u32)> = BTreeMap::new();
        for (sample, score) in of_task.samples.iter().zip(&of_metric.scores) {
            let Some(score) = *score else { continue };
            is_binary &= score == 0.0 || score == 1.0;
            let (sum, count) = of_cases.entry(&sample.id).or_default();
            *sum += score;
            *count += 1;
            if let Some(cluster) = sample.cluster.as_deref() {
                clusters.entry(&sample.id).or_insert(cluster);
            }
        }
        is_binary &= of_cases.values().all(|(_, count)| *count == 1);
        means.push(of_cases);
    }
    let (first, rest) = means.split_first()?;
    let common: Vec<&str> = first
        .keys()
        .copied()
        .filter(|id| rest.iter().all(|cases| cases.contains_key(id)))
        .collect();
    if common.is_empty() {
        return None;
    }
    let column = |cases: &BTreeMap<&str, (f64, u32)>| {
        let of_common = common.iter().filter_map(|id| cases.get(id));
        of_common.map(|(sum, count)| sum / f64::from(*count)).collect()
    };
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let numbered: Option<Vec<u32>> = common
        .iter()
        .map(|id| {
            let next = u32::try_from(numbers.len()).ok()?;
            Some(*numbers.entry(clusters.get(id)?).or_insert(next))
        })
        .collect();
    let kind = if kinds.contains(&(MetricKind::Real as u8)) {
        MetricKind::Real
    } else if is_binary && kinds == BTreeSet::from([MetricKind::Binary as u8]) {
        MetricKind::Binary
    } else {
        MetricKind::Bounded
    };
    let field = Field {
        labels: systems.iter().map(|system| system.label.clone()).collect(),
        values: means.iter().map(column).collect(),
        clusters: numbered.unwrap_or_default(),
    };
    Some((field, kind))
}
