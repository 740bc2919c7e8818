//! Two systems on one task: every metric that both have, its percentiles and its slices. Apart from the whole, which
//! only decides who is held against whom and corrects the families.

use super::super::comparison::{CompareOptions, Comparison, TestChoice, compare};
use super::super::flips::{FLIPS_LISTED_MAX, flips};
use super::super::matching::Matched;
use super::super::percentiles::{self, PERCENTILES, Values};
use super::super::unpaired::{Levels, Sample, Unpaired, unpaired};
use super::super::{CompareError, PairedScores};
use super::money::has_money;
use super::{RunsError, RunsOptions};
use crate::scored::{ScoredMetric, ScoredTask};
use crate::series::{Policy, Series};
use seatrial_stats::mcnemar::PairedCounts;
use seatrial_stats::two_proportions::TwoShares;
use seatrial_types::{
    Correction, Design, EffectSize, Estimate, Method, MetricKind, Outcome, PairComparison, Pillar, SliceKey,
    Statistic, Unit,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Sign flips of one test; beyond them Student's t says the same.
const FLIPS_MAX: u64 = 400_000_000;
/// How much finer than the corrected level the steps of a drawn p-value must be.
const STEPS_BELOW_LEVEL: f64 = 20.0;
/// Units up to which all sign patterns are looked at, whatever is asked for.
const ALL_PATTERNS_UNITS: usize = 20;
/// Fewest cases of a slice that is compared.
pub(super) const SLICE_CASES_MIN: usize = 5;

/// Two systems on one task, to be compared.
pub(super) struct PairJob<'a> {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) labels: [&'a str; 2],
    pub(super) tasks: [&'a ScoredTask; 2],
}

/// What belongs to no one pair.
pub(super) struct Families<'a> {
    pub(super) options: &'a RunsOptions,
    /// Comparisons in the family of primary metrics, and in that of the rest.
    pub(super) sizes: [usize; 2],
    /// Cases of each kind of flip that are named in pairs without the first system.
    pub(super) listed: usize,
    pub(super) is_many: bool,
}

/// The metrics that both tasks have, in the order of the first.
pub(super) fn shared<'a>(job: &PairJob<'a>) -> impl Iterator<Item = [&'a ScoredMetric; 2]> {
    let [a, b] = job.tasks;
    a.metrics
        .iter()
        .filter_map(move |metric| Some([metric, b.metric(&metric.metric)?]))
}

pub(super) fn is_named(names: &[String], task: &str, metric: &str) -> bool {
    names.iter().any(|name| {
        name == metric || name.strip_prefix(task).and_then(|rest| rest.strip_prefix('.')) == Some(metric)
    })
}

pub(super) fn is_primary(task: &str, metric: &ScoredMetric, options: &RunsOptions) -> bool {
    if options.primary.is_empty() {
        metric.is_primary
    } else {
        is_named(&options.primary, task, &metric.metric)
    }
}

pub(super) fn family_sizes(jobs: &[PairJob<'_>], options: &RunsOptions) -> [usize; 2] {
    let mut sizes = [0, 0];
    for job in jobs {
        for [metric, _] in shared(job) {
            let is_primary = is_primary(&job.tasks[0].task, metric, options);
            sizes[usize::from(!is_primary)] += 1 + percentiles_of(metric).len();
        }
        sizes[1] += usize::from(has_money(job));
    }
    sizes
}

/// Times have percentiles.
pub(super) fn percentiles_of(metric: &ScoredMetric) -> &'static [(Statistic, f64, usize)] {
    if metric.unit == Unit::Ms && metric.pillar == Pillar::Performance {
        &PERCENTILES
    } else {
        &[]
    }
}

/// One metric of one pair, with everything that is the same for its mean, percentiles and slices.
pub(super) struct MetricJob<'a> {
    pub(super) metrics: [&'a ScoredMetric; 2],
    pub(super) is_primary: bool,
    pub(super) higher_is_better: bool,
}

impl Families<'_> {
    pub(super) fn compare(
        &self,
        job: &PairJob<'_>,
    ) -> Result<(Vec<PairComparison>, Vec<PairComparison>), RunsError> {
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
        pairs.extend(self.money(job));
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
    pub(super) fn blank(
        &self,
        job: &PairJob<'_>,
        metric: &MetricJob<'_>,
        statistic: Statistic,
    ) -> PairComparison {
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
