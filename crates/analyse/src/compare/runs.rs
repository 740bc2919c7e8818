//! Whole systems compared: every two of them under every metric that both have, corrections over the families, slices
//! against the first, and a ranking of three or more. Apart from the comparison of one metric, which knows no family.
//!
//! Two families are corrected: the primary metrics of all pairs by Holm, because a decision hangs on them; everything
//! that is measured on the side, percentiles included, by Benjamini and Hochberg. Slices are a third, likewise by them.

mod money;
mod pair;
mod rankings;
#[cfg(test)]
mod tests;

use super::CompareError;
use super::flips::FLIPS_LISTED_MAX;
use super::percentiles::PERCENTILES;
use crate::scored::ScoredRun;
use pair::{Families, PairJob, family_sizes, percentiles_of, shared};
use rankings::rankings;
use rayon::prelude::*;
use seatrial_stats::multiplicity;
use seatrial_types::{Correction, Design, PairComparison, Ranking, Statistic};
use std::collections::BTreeSet;

/// Most systems of one comparison.
pub const SYSTEMS_MAX: usize = 200;

/// How to compare whole systems.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsOptions {
    /// Confidence level of the intervals; the families are corrected at one minus it.
    pub level: f64,
    /// Power of the smallest detectable differences.
    pub power: f64,
    /// Random sign patterns and bootstrap resamples at most.
    pub resamples: u32,
    /// Seed of everything drawn.
    pub seed: u64,
    /// McNemar's exact test instead of the mid-p-value.
    pub exact: bool,
    /// Primary metrics (`METRIC` or `TASK.METRIC`) instead of those that scorers yield; empty for those.
    pub primary: Vec<String>,
    /// Metrics of which less is better although their scorer does not say so.
    pub lower_is_better: Vec<String>,
    /// Whether slices are compared.
    pub slices: bool,
}

impl Default for RunsOptions {
    fn default() -> Self {
        Self {
            level: 0.95,
            power: 0.8,
            resamples: 10_000,
            seed: 0,
            exact: false,
            primary: Vec::new(),
            lower_is_better: Vec::new(),
            slices: true,
        }
    }
}

/// What is said of the systems.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComparedRuns {
    /// Every two systems × metrics: tasks and metrics in the order of the first, primary ones first.
    pub pairs: Vec<PairComparison>,
    /// The same of slices.
    pub slices: Vec<PairComparison>,
    /// Three or more systems.
    pub ranking: Vec<Ranking>,
    /// What could not be compared.
    pub warnings: Vec<String>,
}

/// Why two systems cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("task `{task}`: {source}")]
pub struct RunsError {
    /// Position of A.
    pub a: usize,
    /// Position of B.
    pub b: usize,
    /// The task.
    pub task: String,
    /// What is wrong; places are samples of the task.
    pub source: Box<CompareError>,
}

/// Compares systems with each other. Fewer than two have nothing to compare.
///
/// # Errors
/// The first task in which two systems contradict each other: a case twice, clusters that do not agree.
pub fn compare_runs(systems: &[ScoredRun], options: &RunsOptions) -> Result<ComparedRuns, RunsError> {
    let mut warnings = Vec::new();
    let jobs = jobs(systems, &mut warnings);
    let families = Families {
        options,
        sizes: family_sizes(&jobs, options),
        listed: if systems.len() > 2 { 0 } else { FLIPS_LISTED_MAX },
        is_many: systems.len() > 2,
    };
    let compared: Vec<(Vec<PairComparison>, Vec<PairComparison>)> = jobs
        .par_iter()
        .map(|job| families.compare(job))
        .collect::<Result<_, _>>()?;
    let (mut pairs, mut slices) = (Vec::new(), Vec::new());
    for (overall, of_slices) in compared {
        pairs.extend(overall);
        slices.extend(of_slices);
    }
    // Primary metrics first; the order of tasks and metrics stays as it is.
    pairs.sort_by_key(|pair| !pair.is_primary);
    correct(&mut pairs);
    adjust(&mut slices, |_| true, Correction::BenjaminiHochberg);
    let ranking = if systems.len() > 2 {
        rankings(systems, &pairs, options, &mut warnings)
    } else {
        Vec::new()
    };
    tell_unpaired(&pairs, &mut warnings);
    tell_percentiles(&jobs, &pairs, &mut warnings);
    Ok(ComparedRuns {
        pairs,
        slices,
        ranking,
        warnings,
    })
}

/// Every two systems × tasks that both have.
fn jobs<'a>(systems: &'a [ScoredRun], warnings: &mut Vec<String>) -> Vec<PairJob<'a>> {
    let mut jobs = Vec::new();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for (a, of_a) in systems.iter().enumerate() {
        for (b, of_b) in systems.iter().enumerate().skip(a + 1) {
            for task in &of_a.tasks {
                match of_b.task(&task.task) {
                    Some(other) => jobs.push(PairJob {
                        a,
                        b,
                        labels: [&of_a.label, &of_b.label],
                        tasks: [task, other],
                    }),
                    None => {
                        missing.insert(format!(
                            "task `{}` is not in {}: not compared",
                            task.task, of_b.label
                        ));
                    }
                }
            }
            for task in of_b.tasks.iter().filter(|task| of_a.task(&task.task).is_none()) {
                missing.insert(format!(
                    "task `{}` is not in {}: not compared",
                    task.task, of_a.label
                ));
            }
        }
    }
    warnings.extend(missing);
    jobs
}

fn correct(pairs: &mut [PairComparison]) {
    adjust(pairs, |pair| pair.is_primary, Correction::Holm);
    adjust(pairs, |pair| !pair.is_primary, Correction::BenjaminiHochberg);
}

fn adjust(pairs: &mut [PairComparison], is_member: impl Fn(&PairComparison) -> bool, correction: Correction) {
    let members: Vec<&mut PairComparison> = pairs.iter_mut().filter(|pair| is_member(pair)).collect();
    let p: Vec<f64> = members.iter().filter_map(|pair| pair.p).collect();
    let how = match correction {
        Correction::Holm => multiplicity::Correction::Holm,
        Correction::BenjaminiHochberg => multiplicity::Correction::BenjaminiHochberg,
    };
    let mut adjusted = multiplicity::adjust(&p, how).unwrap_or_default().into_iter();
    for pair in members {
        pair.correction = correction;
        pair.p_adjusted = pair.p.and_then(|_| adjusted.next());
    }
}

fn tell_unpaired(pairs: &[PairComparison], warnings: &mut Vec<String>) {
    let unpaired: BTreeSet<(&str, &str, &str)> = pairs
        .iter()
        .filter(|pair| pair.design == Design::Unpaired)
        .map(|pair| (pair.task.as_str(), pair.a.as_str(), pair.b.as_str()))
        .collect();
    /// Pairs that are named one by one.
    const NAMED_MAX: usize = 5;
    for (task, a, b) in unpaired.iter().take(NAMED_MAX) {
        warnings.push(format!(
            "task `{task}`: no case is in both {a} and {b}: compared as independent samples, which needs several times \
             as many cases to see as much"
        ));
    }
    if unpaired.len() > NAMED_MAX {
        warnings.push(format!(
            "{} further pairs have no case in common",
            unpaired.len() - NAMED_MAX
        ));
    }
}

/// Percentiles that some pair has too few values for.
fn tell_percentiles(jobs: &[PairJob<'_>], pairs: &[PairComparison], warnings: &mut Vec<String>) {
    let timed: BTreeSet<(&str, &str)> = jobs
        .iter()
        .flat_map(|job| shared(job).map(|[metric, _]| (job.tasks[0].task.as_str(), metric)))
        .filter(|(_, metric)| !percentiles_of(metric).is_empty())
        .map(|(task, metric)| (task, metric.metric.as_str()))
        .collect();
    for (task, metric) in timed {
        let has = |statistic: Statistic| {
            pairs
                .iter()
                .any(|pair| pair.task == task && pair.metric == metric && pair.statistic == statistic)
        };
        let missing: Vec<String> = PERCENTILES
            .iter()
            .filter(|(statistic, ..)| !has(*statistic))
            .map(|(statistic, _, least)| format!("{} ({least})", statistic.as_str()))
            .collect();
        if !missing.is_empty() {
            warnings.push(format!(
                "{task}.{metric}: left out for too few values on a side (needed): {}",
                missing.join(", ")
            ));
        }
    }
}
