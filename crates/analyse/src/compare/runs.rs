//! Whole systems compared: every two of them under every metric that both have, corrections over the families, slices
//! against the first, and a ranking of three or more. Apart from the comparison of one metric, which knows no family.
//!
//! Two families are corrected: the primary metrics of all pairs by Holm, because a decision hangs on them; everything
//! that is measured on the side, percentiles included, by Benjamini and Hochberg. Slices are a third, likewise by them.

use super::comparison::{CompareOptions, Comparison, TestChoice, compare};
use super::flips::{FLIPS_LISTED_MAX, flips};
use super::matching::Matched;
use super::percentiles::{self, PERCENTILES, Values};
use super::ranking::{Field, RankOptions, rank};
use super::unpaired::{Levels, Sample, Unpaired, unpaired};
use super::{CompareError, PairedScores};
use crate::scored::{ScoredMetric, ScoredRun, ScoredTask};
use crate::series::{Policy, Series};
use rayon::prelude::*;
use seatrial_stats::two_proportions::TwoShares;
use seatrial_stats::{mcnemar::PairedCounts, multiplicity};
use seatrial_types::{
    Correction, Design, EffectSize, Estimate, Method, MetricKind, Outcome, PairComparison, Pillar, Ranking,
    SliceKey, Statistic, Unit,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most systems of one comparison.
pub const SYSTEMS_MAX: usize = 200;
/// Sign flips of one test; beyond them Student's t says the same.
const FLIPS_MAX: u64 = 400_000_000;
/// How much finer than the corrected level the steps of a drawn p-value must be.
const STEPS_BELOW_LEVEL: f64 = 20.0;
/// Units up to which all sign patterns are looked at, whatever is asked for.
const ALL_PATTERNS_UNITS: usize = 20;
/// Fewest cases of a slice that is compared.
const SLICE_CASES_MIN: usize = 5;

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

/// Two systems on one task, to be compared.
struct PairJob<'a> {
    a: usize,
    b: usize,
    labels: [&'a str; 2],
    tasks: [&'a ScoredTask; 2],
}

/// What belongs to no one pair.
struct Families<'a> {
    options: &'a RunsOptions,
    /// Comparisons in the family of primary metrics, and in that of the rest.
    sizes: [usize; 2],
    /// Cases of each kind of flip that are named in pairs without the first system.
    listed: usize,
    is_many: bool,
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

/// The metrics that both tasks have, in the order of the first.
fn shared<'a>(job: &PairJob<'a>) -> impl Iterator<Item = [&'a ScoredMetric; 2]> {
    let [a, b] = job.tasks;
    a.metrics
        .iter()
        .filter_map(move |metric| Some([metric, b.metric(&metric.metric)?]))
}

fn is_named(names: &[String], task: &str, metric: &str) -> bool {
    names.iter().any(|name| {
        name == metric || name.strip_prefix(task).and_then(|rest| rest.strip_prefix('.')) == Some(metric)
    })
}

fn is_primary(task: &str, metric: &ScoredMetric, options: &RunsOptions) -> bool {
    if options.primary.is_empty() {
        metric.is_primary
    } else {
        is_named(&options.primary, task, &metric.metric)
    }
}

fn family_sizes(jobs: &[PairJob<'_>], options: &RunsOptions) -> [usize; 2] {
    let mut sizes = [0, 0];
    for job in jobs {
        for [metric, _] in shared(job) {
            let is_primary = is_primary(&job.tasks[0].task, metric, options);
            sizes[usize::from(!is_primary)] += 1 + percentiles_of(metric).len();
        }
    }
    sizes
}

/// Times have percentiles.
fn percentiles_of(metric: &ScoredMetric) -> &'static [(Statistic, f64, usize)] {
    if metric.unit == Unit::Ms && metric.pillar == Pillar::Performance {
        &PERCENTILES
    } else {
        &[]
    }
}

/// One metric of one pair, with everything that is the same for its mean, percentiles and slices.
struct MetricJob<'a> {
    metrics: [&'a ScoredMetric; 2],
    is_primary: bool,
    higher_is_better: bool,
}

impl Families<'_> {
    fn compare(&self, job: &PairJob<'_>) -> Result<(Vec<PairComparison>, Vec<PairComparison>), RunsError> {
        let failed = |source| RunsError {
            a: job.a,
            b: job.b,
            task: job.tasks[0].task.clone(),
            source: Box::new(source),
        };
        let matched = Matched::of(job.tasks[0], job.tasks[1]).map_err(failed)?;
        let (mut pairs, mut slices) = (Vec::new(), Vec::new());
        for metrics in shared(job) {
            let task = &job.tasks[0].task;
            let metric = MetricJob {
                metrics,
                is_primary: is_primary(task, metrics[0], self.options),
                higher_is_better: metrics[0].higher_is_better
                    && !is_named(&self.options.lower_is_better, task, &metrics[0].metric),
            };
            if matched.is_paired() {
                self.paired(job, &matched, &metric, &mut pairs).map_err(failed)?;
            } else {
                self.unpaired(job, &metric, &mut pairs).map_err(failed)?;
            }
            self.percentiles(job, &matched, &metric, &mut pairs);
            if self.options.slices && metric.is_primary && matched.is_paired() && job.a == 0 {
                self.slices(job, &matched, &metric, &mut slices).map_err(failed)?;
            }
        }
        Ok((pairs, slices))
    }

    fn paired(
        &self,
        job: &PairJob<'_>,
        matched: &Matched<'_>,
        metric: &MetricJob<'_>,
        pairs: &mut Vec<PairComparison>,
    ) -> Result<(), CompareError> {
        let paired = matched.pair(metric.metrics, None);
        // Cases in common, but none with this score on both sides: latencies of cached answers, judges that failed.
        if paired.a.is_empty() {
            return Ok(());
        }
        let mut pair = self.of_paired(job, metric, &paired)?;
        if metric.metrics[0].kind == MetricKind::Binary
            && metric.metrics[1].kind == MetricKind::Binary
            && metric.is_primary
        {
            let listed = if job.a == 0 { FLIPS_LISTED_MAX } else { self.listed };
            let turned = metric.turned();
            pair.flips = Some(flips(matched, [&turned, metric.metrics[1]], listed));
        }
        pairs.push(pair);
        Ok(())
    }

    fn of_paired(
        &self,
        job: &PairJob<'_>,
        metric: &MetricJob<'_>,
        paired: &PairedScores,
    ) -> Result<PairComparison, CompareError> {
        let kind = paired.kind.unwrap_or(MetricKind::Real);
        let units = if paired.clusters.is_empty() {
            paired.a.len()
        } else {
            distinct(&paired.clusters)
        };
        let options = CompareOptions {
            kind,
            higher_is_better: metric.higher_is_better,
            level: self.options.level,
            power: self.options.power,
            resamples: self.options.resamples,
            seed: self.options.seed,
            test: self.choice(metric, kind, units, !paired.clusters.is_empty()),
        };
        let comparison = compare(paired, &options)?;
        Ok(self.told(job, metric, paired, kind, &comparison))
    }

    /// Sign flips where their p-value is fine enough for the family and cheap enough; else Student's t.
    fn choice(
        &self,
        metric: &MetricJob<'_>,
        kind: MetricKind,
        units: usize,
        is_clustered: bool,
    ) -> TestChoice {
        if kind == MetricKind::Binary && !is_clustered {
            return if self.options.exact {
                TestChoice::McNemarExact
            } else {
                TestChoice::Usual
            };
        }
        if units <= ALL_PATTERNS_UNITS {
            return TestChoice::Usual;
        }
        let family = self.sizes[usize::from(!metric.is_primary)] as u64;
        let wanted = STEPS_BELOW_LEVEL * crate::series::to_f64(family) / (1.0 - self.options.level);
        let flips = u64::from(self.options.resamples).saturating_mul(units as u64);
        if f64::from(self.options.resamples) < wanted || flips > FLIPS_MAX {
            TestChoice::StudentT
        } else {
            TestChoice::Usual
        }
    }

    fn told(
        &self,
        job: &PairJob<'_>,
        metric: &MetricJob<'_>,
        paired: &PairedScores,
        kind: MetricKind,
        c: &Comparison,
    ) -> PairComparison {
        let own = metric.metrics[0].unit;
        let with_unit = |estimate: Estimate| Estimate {
            unit: own,
            ..estimate
        };
        PairComparison {
            kind,
            n_pairs: paired.a.len() as u64,
            n_clusters: c.clusters,
            epochs_max: paired.epochs_max,
            only_a: paired.only_a,
            only_b: paired.only_b,
            value_a: with_unit(c.a),
            value_b: with_unit(c.b),
            difference: with_unit(c.difference),
            difference_bootstrap: c.difference_bootstrap.map(with_unit),
            test: c.test.name.as_str().to_owned(),
            is_exact: c.test.is_exact,
            resamples: c.test.resamples,
            p: Some(c.test.p),
            p_other: other_tests(paired, kind),
            effect: Some(EffectSize {
                name: c.effect.kind.as_str().to_owned(),
                estimate: c.effect.estimate,
            }),
            mde: c.detectable.difference,
            prob_b_better: c.b_better.value,
            prob_method: c.b_better.method.as_str().to_owned(),
            wins_b: c.wins_b,
            wins_a: c.wins_a,
            ties: c.ties,
            warnings: c.warnings.iter().map(ToString::to_string).collect(),
            ..self.blank(job, metric, Statistic::Mean)
        }
    }

    fn unpaired(
        &self,
        job: &PairJob<'_>,
        metric: &MetricJob<'_>,
        pairs: &mut Vec<PairComparison>,
    ) -> Result<(), CompareError> {
        let [a, b] = [0, 1].map(|side| Sample::of(job.tasks[side], metric.metrics[side]));
        if a.values.is_empty() || b.values.is_empty() {
            return Ok(());
        }
        let kind = metric.kind();
        let levels = Levels {
            level: self.options.level,
            power: self.options.power,
        };
        let found: Unpaired = unpaired(&a, &b, kind, levels)?;
        let own = metric.metrics[0].unit;
        let with_unit = |estimate: Estimate| Estimate {
            unit: own,
            ..estimate
        };
        pairs.push(PairComparison {
            design: Design::Unpaired,
            n_clusters: found.clusters,
            epochs_max: a.epochs_max.max(b.epochs_max),
            only_a: a.values.len() as u64,
            only_b: b.values.len() as u64,
            value_a: with_unit(found.a),
            value_b: with_unit(found.b),
            difference: with_unit(found.difference),
            test: found.test.to_owned(),
            is_exact: found.is_exact,
            p: found.p,
            p_other: found
                .p_z
                .map(|p| ("two_proportion_z".to_owned(), p))
                .into_iter()
                .collect(),
            effect: Some(EffectSize {
                name: found.effect.0.to_owned(),
                estimate: found.effect.1,
            }),
            mde: found.detectable,
            prob_b_better: found
                .above_zero
                .map(|p| if metric.higher_is_better { p } else { 1.0 - p }),
            prob_method: found.posterior.to_owned(),
            ..self.blank(job, metric, Statistic::Mean)
        });
        Ok(())
    }

    fn percentiles(
        &self,
        job: &PairJob<'_>,
        matched: &Matched<'_>,
        metric: &MetricJob<'_>,
        pairs: &mut Vec<PairComparison>,
    ) {
        // Of very many systems only against the first: each needs a bootstrap of its own.
        if percentiles_of(metric.metrics[0]).is_empty() || (self.is_many && job.a > 0) {
            return;
        }
        let (sides, is_clustered) = self.values(job, matched, metric);
        let is_paired = matched.is_paired();
        let found = percentiles::differences(
            &sides[0],
            &sides[1],
            is_paired,
            self.options.level,
            self.options.seed,
        );
        let sorted = sides.map(|side| side.sorted());
        for percentile in found {
            let [value_a, value_b] =
                [0, 1].map(|side| self.percentile(&sorted[side], percentile.statistic, metric));
            let difference = value_b.value.zip(value_a.value).map(|(b, a)| b - a);
            let higher = percentile.b_higher;
            pairs.push(PairComparison {
                design: if is_paired {
                    Design::Paired
                } else {
                    Design::Unpaired
                },
                n_pairs: if is_paired { matched.cases.len() as u64 } else { 0 },
                difference: Estimate {
                    value: difference,
                    low: Some(percentile.low),
                    high: Some(percentile.high),
                    level: self.options.level,
                    n: value_a.n + value_b.n,
                    method: if is_clustered {
                        Method::ClusterBootstrap
                    } else {
                        Method::Bootstrap
                    },
                    unit: metric.metrics[0].unit,
                },
                value_a,
                value_b,
                test: "quantile_bootstrap".to_owned(),
                resamples: Some(percentile.resamples),
                p: Some(percentile.p),
                prob_b_better: Some(if metric.higher_is_better {
                    higher
                } else {
                    1.0 - higher
                }),
                prob_method: "bootstrap".to_owned(),
                ..self.blank(job, metric, percentile.statistic)
            });
        }
    }

    /// The values of both sides with their units: cases or clusters, the same on both sides where cases are paired.
    fn values(
        &self,
        job: &PairJob<'_>,
        matched: &Matched<'_>,
        metric: &MetricJob<'_>,
    ) -> ([Values; 2], bool) {
        let mut is_clustered = false;
        let sides = [0, 1].map(|side| {
            let units: Vec<Option<u32>> = if matched.is_paired() {
                matched.units(side).0
            } else {
                own_units(job.tasks[side])
            };
            let scores = metric.metrics[side].scores.iter().zip(&units);
            let values: Vec<(f64, u32)> = scores
                .filter_map(|(score, unit)| Some(((*score)?, (*unit)?)))
                .collect();
            let units: BTreeSet<u32> = values.iter().map(|(_, unit)| *unit).collect();
            is_clustered |= units.len() < values.len();
            Values::new(values)
        });
        (sides, is_clustered)
    }

    fn percentile(&self, sorted: &[f64], statistic: Statistic, metric: &MetricJob<'_>) -> Estimate {
        let mut series = Series::new(MetricKind::Real, metric.metrics[0].unit, Policy::EXCLUDE, false);
        for &value in sorted {
            series.add(Outcome::Scored, Some(value), 0);
        }
        series.estimate_at(statistic, self.options.level)
    }

    fn slices(
        &self,
        job: &PairJob<'_>,
        matched: &Matched<'_>,
        metric: &MetricJob<'_>,
        slices: &mut Vec<PairComparison>,
    ) -> Result<(), CompareError> {
        let task = job.tasks[0];
        let of_case: Vec<&[u16]> = matched
            .cases
            .iter()
            .map(|case| {
                let row = matched.rows_of(case, 0).next();
                row.and_then(|row| task.samples.get(row))
                    .map_or(&[][..], |sample| &sample.slices)
            })
            .collect();
        for (number, slice) in (0_u16..).zip(&task.slices) {
            let is_in = |position: usize| {
                of_case
                    .get(position)
                    .is_some_and(|slices| slices.contains(&number))
            };
            let paired = matched.pair(metric.metrics, Some(&is_in));
            if paired.a.len() < SLICE_CASES_MIN {
                continue;
            }
            let found = self.of_paired(job, metric, &paired)?;
            slices.push(PairComparison {
                slice: Some(SliceKey {
                    column: slice.column.clone(),
                    value: slice.value.clone(),
                }),
                ..found
            });
        }
        Ok(())
    }

    /// A comparison without numbers, with everything that its metric says.
    fn blank(&self, job: &PairJob<'_>, metric: &MetricJob<'_>, statistic: Statistic) -> PairComparison {
        let scored = metric.metrics[0];
        let nothing = Estimate {
            value: None,
            low: None,
            high: None,
            level: self.options.level,
            n: 0,
            method: Method::None,
            unit: scored.unit,
        };
        PairComparison {
            task: job.tasks[0].task.clone(),
            metric: scored.metric.clone(),
            statistic: match (statistic, scored.metric.as_str()) {
                (Statistic::Mean, "error_rate") => Statistic::Rate,
                _ => statistic,
            },
            slice: None,
            a: job.labels[0].to_owned(),
            b: job.labels[1].to_owned(),
            kind: metric.kind(),
            unit: scored.unit,
            pillar: scored.pillar,
            higher_is_better: metric.higher_is_better,
            is_primary: metric.is_primary && statistic == Statistic::Mean,
            design: Design::Paired,
            n_pairs: 0,
            n_clusters: None,
            epochs_max: 1,
            only_a: 0,
            only_b: 0,
            value_a: nothing,
            value_b: nothing,
            difference: nothing,
            difference_bootstrap: None,
            test: "none".to_owned(),
            is_exact: false,
            resamples: None,
            p: None,
            p_adjusted: None,
            correction: Correction::BenjaminiHochberg,
            p_other: BTreeMap::new(),
            effect: None,
            mde: None,
            prob_b_better: None,
            prob_method: "none".to_owned(),
            wins_b: 0,
            wins_a: 0,
            ties: 0,
            flips: None,
            warnings: Vec::new(),
        }
    }
}

impl MetricJob<'_> {
    /// The widest scale of both sides.
    fn kind(&self) -> MetricKind {
        let kinds = self.metrics.map(|metric| metric.kind);
        if kinds.contains(&MetricKind::Real) {
            MetricKind::Real
        } else if kinds == [MetricKind::Binary; 2] {
            MetricKind::Binary
        } else {
            MetricKind::Bounded
        }
    }

    /// The metric of A with the direction that is meant.
    fn turned(&self) -> ScoredMetric {
        ScoredMetric {
            higher_is_better: self.higher_is_better,
            ..self.metrics[0].clone()
        }
    }
}

fn distinct(clusters: &[u32]) -> usize {
    clusters.iter().collect::<BTreeSet<_>>().len()
}

/// Units of a task alone: its clusters, or its cases.
fn own_units(task: &ScoredTask) -> Vec<Option<u32>> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let units = task.samples.iter().map(|sample| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let name = sample.cluster.as_deref().unwrap_or(&sample.id);
        Some(*numbers.entry(name).or_insert(next))
    });
    units.collect()
}

/// The tests that readers of right-or-wrong comparisons expect beside the one that decides.
fn other_tests(paired: &PairedScores, kind: MetricKind) -> BTreeMap<String, f64> {
    let mut others = BTreeMap::new();
    if kind != MetricKind::Binary || !paired.clusters.is_empty() {
        return others;
    }
    let is_right = |scores: &[f64]| scores.iter().map(|&score| score == 1.0).collect::<Vec<_>>();
    let (a, b) = (is_right(&paired.a), is_right(&paired.b));
    if let Ok(counts) = PairedCounts::of(&b, &a) {
        let test = counts.test();
        others.insert("mcnemar_exact".to_owned(), test.p_exact);
        others.insert("mcnemar_mid_p".to_owned(), test.p_mid);
    }
    let right = |scores: &[bool]| crate::series::to_f64(scores.iter().filter(|&&right| right).count() as u64);
    let n = crate::series::to_f64(a.len() as u64);
    if let Ok(table) = TwoShares::try_new(right(&b), n, right(&a), n) {
        others.insert("two_proportion_z".to_owned(), table.z_test().p);
    }
    others.retain(|_, p| p.is_finite());
    others
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

/// Comparisons of one metric by the labels of A and B.
type PairsByLabels<'a> = HashMap<(&'a str, &'a str), &'a PairComparison>;

/// The primary metrics that every system has.
fn rankings(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::{answers, latency, metric, run, sample, task};

    fn quick() -> RunsOptions {
        RunsOptions {
            resamples: 2_000,
            ..RunsOptions::default()
        }
    }

    /// Right on every case but each `step`-th.
    fn right(n: usize, step: usize) -> Vec<bool> {
        (0..n).map(|case| case % step != 0).collect()
    }

    /// Protects the whole of a pair: a paired test of the primary metric under Holm, measured metrics under
    /// Benjamini-Hochberg, percentiles, flips, and which side is which.
    #[test]
    fn two_systems() {
        let side = |step: usize, slow: f64| {
            let mut of = answers("q", &right(600, step));
            let times = (0..600).map(|case| Some(slow * (100.0 + f64::from(case % 37))));
            of.metrics.push(latency(times.collect()));
            run(&format!("every-{step}"), vec![of])
        };
        let found = compare_runs(&[side(4, 1.0), side(50, 1.5)], &quick()).unwrap();
        let names: Vec<String> = found.pairs.iter().map(PairComparison::name).collect();
        assert_eq!(
            names,
            [
                "qa.right",
                "qa.latency_ms",
                "qa.latency_ms.p50",
                "qa.latency_ms.p95",
                "qa.latency_ms.p99"
            ]
        );
        let pair = &found.pairs[0];
        assert_eq!(
            (pair.a.as_str(), pair.b.as_str(), pair.n_pairs),
            ("every-4", "every-50", 600)
        );
        assert_eq!(
            (pair.test.as_str(), pair.correction),
            ("mcnemar_mid_p", Correction::Holm)
        );
        assert!(pair.differs() && pair.b_is_better() == Some(true) && pair.prob_b_better.unwrap() > 0.999);
        let flips = pair.flips.as_ref().unwrap();
        assert_eq!(
            (flips.n_newly_passing, flips.n_newly_failing, flips.n_flaky),
            (pair.wins_b, pair.wins_a, 0)
        );
        assert_eq!(flips.newly_passing.len() as u64, pair.wins_b);
        for pair in &found.pairs[1..] {
            assert_eq!(
                (pair.correction, pair.unit),
                (Correction::BenjaminiHochberg, Unit::Ms)
            );
            assert!(pair.differs() && pair.b_is_better() == Some(false), "{pair:?}");
        }
        assert_eq!((found.ranking.len(), found.warnings.len()), (0, 0));
        assert_eq!(found.pairs[0].p_other.len(), 3);
    }

    /// Protects honesty where cases cannot be paired: an unpaired test, said so; and where some can, only they count.
    #[test]
    fn no_cases_in_common() {
        let a = run("a", vec![answers("p", &right(200, 4))]);
        let b = run("b", vec![answers("q", &right(150, 30))]);
        let found = compare_runs(&[a.clone(), b], &quick()).unwrap();
        let pair = &found.pairs[0];
        assert_eq!(
            (pair.design, pair.n_pairs, pair.test.as_str()),
            (Design::Unpaired, 0, "fisher_exact")
        );
        assert!(pair.differs() && pair.flips.is_none(), "{pair:?}");
        assert!(
            found.warnings[0].contains("independent samples"),
            "{:?}",
            found.warnings
        );
        let half = run("c", vec![answers("p", &right(100, 30))]);
        let found = compare_runs(&[a, half], &quick()).unwrap();
        assert_eq!(
            (
                found.pairs[0].design,
                found.pairs[0].n_pairs,
                found.pairs[0].only_a
            ),
            (Design::Paired, 100, 100)
        );
        assert!(found.pairs[0].warnings[0].contains("100 cases have a score in A only"));
    }

    /// Protects families: a drawn p-value too coarse for the correction gives way to Student's t; the options name
    /// primary metrics and directions.
    #[test]
    fn families_and_options() {
        let side = |label: &str, shift: f64| {
            let samples = (0..40).map(|case| sample(&case.to_string(), 0, None)).collect();
            let scores = (0..40).map(|case| Some(f64::from(case * 7 % 13) + shift * f64::from(case % 3)));
            run(
                label,
                vec![task(
                    "t",
                    samples,
                    vec![metric("score", MetricKind::Real, scores.collect())],
                )],
            )
        };
        let two = [side("a", 0.0), side("b", 0.1)];
        let flipped = compare_runs(&two, &quick()).unwrap();
        assert_eq!(
            (flipped.pairs[0].test.as_str(), flipped.pairs[0].is_primary),
            ("sign_flip", true)
        );
        let coarse = RunsOptions {
            resamples: 100,
            ..quick()
        };
        assert_eq!(compare_runs(&two, &coarse).unwrap().pairs[0].test, "paired_t");
        let turned = RunsOptions {
            lower_is_better: vec!["t.score".to_owned()],
            ..quick()
        };
        let turned = compare_runs(&two, &turned).unwrap();
        assert_eq!(turned.pairs[0].b_is_better(), Some(false));
        assert!(
            (turned.pairs[0].prob_b_better.unwrap() + flipped.pairs[0].prob_b_better.unwrap() - 1.0).abs()
                < 1e-12
        );
        let other = RunsOptions {
            primary: vec!["else".to_owned()],
            ..quick()
        };
        assert_eq!(
            compare_runs(&two, &other).unwrap().pairs[0].correction,
            Correction::BenjaminiHochberg
        );
    }

    /// Protects slices: the same comparison on the cases of one value, corrected among themselves; tiny ones left out.
    #[test]
    fn slices_are_compared() {
        let side = |label: &str, wrong_from: usize| {
            let mut of = answers("q", &(0..60).map(|case| case < wrong_from).collect::<Vec<_>>());
            let slice = |value: &str| SliceKey {
                column: "topic".to_owned(),
                value: value.to_owned(),
            };
            of.slices = vec![slice("early"), slice("late"), slice("tiny")];
            for (case, sample) in of.samples.iter_mut().enumerate() {
                sample.slices = vec![u16::from(case >= 30)];
                if case < SLICE_CASES_MIN - 1 {
                    sample.slices.push(2);
                }
            }
            run(label, vec![of])
        };
        let found = compare_runs(&[side("a", 60), side("b", 30)], &quick()).unwrap();
        let rows: Vec<_> = found
            .slices
            .iter()
            .map(|pair| {
                (
                    pair.slice.as_ref().unwrap().value.as_str(),
                    pair.n_pairs,
                    pair.differs(),
                )
            })
            .collect();
        assert_eq!(rows, [("early", 30, false), ("late", 30, true)]);
    }

    /// Protects rankings: all pairs, ranks that agree with them, and a word where there is no common case.
    #[test]
    fn three_systems() {
        let systems = [
            run("poor", vec![answers("q", &right(300, 2))]),
            run("good", vec![answers("q", &right(300, 50))]),
            run("good-too", vec![answers("q", &right(300, 60))]),
        ];
        let found = compare_runs(&systems, &quick()).unwrap();
        assert_eq!(found.pairs.len(), 3);
        let ranking = &found.ranking[0];
        let rows: Vec<_> = ranking
            .systems
            .iter()
            .map(|system| {
                (
                    system.label.as_str(),
                    system.rank_best,
                    system.rank_worst,
                    system.groups.as_str(),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [("good-too", 1, 2, "a"), ("good", 1, 2, "a"), ("poor", 3, 3, "b")]
        );
        let apart = [
            systems[0].clone(),
            systems[1].clone(),
            run("other", vec![answers("z", &right(50, 5))]),
        ];
        let found = compare_runs(&apart, &quick()).unwrap();
        assert!(
            found.ranking.is_empty() && found.warnings.iter().any(|w| w.contains("no ranking")),
            "{:?}",
            found.warnings
        );
    }
}
