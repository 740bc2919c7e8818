//! Candidates from recorded runs: the cases that all have, each with quality, cost, latency and safety.

use super::{Gathered, shown};
use crate::args::pareto::ParetoArguments;
use crate::error::CliError;
use crate::record;
use crate::scored::{RunReference, of_reference};
use seatrial_analyse::scored::{ScoredMetric, ScoredRun, ScoredTask};
use seatrial_cost::pareto::{CASES_MAX, Candidate, Evidence};
use seatrial_types::Pillar;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What one candidate did on one case: sums over its samples.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Case {
    samples: f64,
    quality: Mean,
    cost: Mean,
    latency: Mean,
    safety: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    n: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.n += 1.0;
        }
    }

    fn get(self) -> Option<f64> {
        (self.n > 0.0).then(|| self.sum / self.n)
    }
}

impl Case {
    pub(super) fn quality(&self) -> Option<f64> {
        self.quality.get()
    }

    /// Known only where it is known of every sample.
    pub(super) fn cost(&self) -> Option<f64> {
        self.cost.get().filter(|_| self.cost.n >= self.samples)
    }
}

/// Task and id of a case.
pub(super) type CaseKey = (String, Arc<str>);

/// One candidate, case by case.
pub(super) struct Played {
    pub(super) name: String,
    pub(super) cases: HashMap<CaseKey, Case>,
}

/// All candidates of the runs that were named.
pub(super) fn played(arguments: &ParetoArguments) -> Result<(Vec<Played>, Vec<String>), CliError> {
    let store = record::open(&arguments.store.store)?;
    let mut scored: Vec<ScoredRun> = Vec::new();
    for run in &arguments.runs {
        scored.extend(of_reference(&store, RunReference::of(run))?);
    }
    let mut warnings: BTreeSet<String> = BTreeSet::new();
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &scored {
        *targets
            .entry(run.target.as_deref().unwrap_or_default())
            .or_default() += 1;
        warnings.extend(run.warnings.iter().cloned());
    }
    let mut all = Vec::new();
    for run in &scored {
        let target = run.target.as_deref().unwrap_or_default();
        // A target's name is enough where it is the only one of that name.
        let name = if targets.get(target) == Some(&1) && !target.is_empty() {
            target
        } else {
            &run.label
        };
        if all.iter().any(|other: &Played| other.name == name) {
            return Err(CliError::usage(format!("{} is named twice", shown(name))));
        }
        all.push(Played {
            name: name.to_owned(),
            cases: cases(run, &arguments.metric)?,
        });
    }
    Ok((all, warnings.into_iter().collect()))
}

fn cases(run: &ScoredRun, wanted: &[String]) -> Result<HashMap<CaseKey, Case>, CliError> {
    let mut cases: HashMap<CaseKey, Case> = HashMap::new();
    for name in wanted {
        let found = name
            .split_once('.')
            .and_then(|(task, metric)| run.metric(task, metric));
        if found.is_none() {
            let known: Vec<String> = run
                .tasks
                .iter()
                .flat_map(|task| {
                    task.metrics
                        .iter()
                        .map(move |metric| format!("{}.{}", task.task, metric.metric))
                })
                .collect();
            return Err(
                CliError::usage(format!("{} has no metric {}", run.label, shown(name)))
                    .hint(format!("it has: {}", known.join(", "))),
            );
        }
    }
    for task in &run.tasks {
        let quality = match wanted
            .iter()
            .filter_map(|name| name.split_once('.'))
            .find(|(of, _)| *of == task.task)
        {
            Some((_, metric)) => task.metric(metric),
            None if wanted.is_empty() => primary(task, Pillar::Quality),
            // Only what was named counts.
            None => continue,
        };
        if let Some(quality) = quality.filter(|quality| !quality.higher_is_better) {
            return Err(CliError::usage(format!(
                "less is better of {}.{}, which therefore is no quality",
                task.task, quality.metric
            )));
        }
        let safety = primary(task, Pillar::Safety);
        let measured = |name: &str| task.metric(name);
        let (cost, latency) = (measured("cost_usd"), measured("latency_ms"));
        for (index, sample) in task.samples.iter().enumerate() {
            let case = cases
                .entry((task.task.clone(), Arc::clone(&sample.id)))
                .or_default();
            let of = |metric: Option<&ScoredMetric>| metric.and_then(|metric| metric.scores[index]);
            case.samples += 1.0;
            case.quality.add(of(quality));
            case.cost.add(of(cost));
            case.latency.add(of(latency));
            case.safety.add(of(safety));
        }
    }
    Ok(cases)
}

fn primary(task: &ScoredTask, pillar: Pillar) -> Option<&ScoredMetric> {
    task.metrics
        .iter()
        .find(|metric| metric.is_primary && metric.pillar == pillar && metric.higher_is_better)
}

/// Keys of the cases that every candidate has with a quality, in order; how many others there are.
pub(super) fn common(all: &[Played]) -> (Vec<CaseKey>, usize) {
    let mut keys: BTreeSet<&CaseKey> = BTreeSet::new();
    for played in all {
        keys.extend(played.cases.keys());
    }
    let total = keys.len();
    let kept: Vec<CaseKey> = keys
        .into_iter()
        .filter(|key| {
            all.iter().all(|played| {
                played
                    .cases
                    .get(*key)
                    .is_some_and(|case| case.quality().is_some())
            })
        })
        .cloned()
        .collect();
    let left_out = total - kept.len();
    (kept, left_out)
}

pub(super) fn read(arguments: &ParetoArguments) -> Result<Gathered, CliError> {
    let (all, mut warnings) = played(arguments)?;
    let (keys, left_out) = common(&all);
    if keys.is_empty() {
        return Err(
            CliError::usage("the candidates have no case in common that was scored for all")
                .hint("cases are paired by task and id; compare targets of one run, or runs of one dataset"),
        );
    }
    if keys.len() > CASES_MAX {
        return Err(CliError::usage(format!(
            "there are {} cases, expected at most {CASES_MAX}",
            keys.len()
        )));
    }
    if left_out > 0 {
        warnings.push(format!(
            "{left_out} cases are left out: not every candidate has a score for them; {} are compared",
            keys.len()
        ));
    }
    let candidates = all
        .iter()
        .map(|played| {
            let cases: Vec<Case> = keys
                .iter()
                .filter_map(|key| played.cases.get(key).copied())
                .collect();
            let latency: Vec<Option<f64>> = cases.iter().map(|case| case.latency.get()).collect();
            let evidence = Evidence::Cases {
                quality: cases.iter().filter_map(Case::quality).collect(),
                cost: cases.iter().map(Case::cost).collect(),
                latency_ms: latency.iter().any(Option::is_some).then_some(latency),
                safety: cases.iter().map(|case| case.safety.get()).collect(),
            };
            Candidate::new(played.name.clone(), evidence)
        })
        .collect();
    Ok(Gathered { candidates, warnings })
}
