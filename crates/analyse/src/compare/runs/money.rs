//! Money per success of two systems on the same cases. Apart from the metrics of [`pair`](super::pair), which are means of
//! scores: this one is made of two of them, and a system without a success has none.

use super::super::comparison::ProbabilityMethod;
use super::pair::{Families, MetricJob, PairJob};
use crate::against::ratio::SUCCESSES_MIN;
use crate::bounds;
use crate::per_success::{PairedMoney, pair_money};
use crate::scored::ScoredMetric;
use seatrial_config::COST_PER_SUCCESS;
use seatrial_stats::ratio::RatioSums;
use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
use seatrial_types::{Estimate, Method, MetricKind, PairComparison, Pillar, Statistic, Unit};
use std::collections::BTreeMap;

/// Whether two tasks can be held against each other by money per success.
pub(super) fn has_money(job: &PairJob<'_>) -> bool {
    let has_cost = |side: usize| job.tasks[side].metric("cost_usd").is_some();
    has_cost(0) && has_cost(1) && job.tasks[0].success().is_some()
}

impl Families<'_> {
    /// `None` where nothing is priced, where a price is missing, and where no case is on both sides.
    pub(super) fn money(&self, job: &PairJob<'_>) -> Option<PairComparison> {
        if !has_money(job) {
            return None;
        }
        let success = &job.tasks[0].success()?.metric;
        let paired = pair_money(job.tasks, success)?;
        let found = RatioDifference::of(&paired.units, &paired.clusters, 1.0).ok()?;
        if paired.unknown > 0 {
            return None;
        }
        let metric = ScoredMetric {
            metric: COST_PER_SUCCESS.to_owned(),
            kind: MetricKind::Real,
            unit: Unit::Usd,
            pillar: Pillar::Cost,
            higher_is_better: false,
            is_primary: false,
            scores: Vec::new(),
        };
        let metric = MetricJob {
            metrics: [&metric, &metric],
            is_primary: false,
            higher_is_better: false,
        };
        let tail = 0.5 * (1.0 - self.options.level);
        let n = paired.units.len() as u64;
        let limits = found.limits(tail).ok().flatten();
        let value = found.value();
        let mut warnings = Vec::new();
        if value.is_none() {
            warnings
                .push("a side has no success, so that there is no difference of what one costs".to_owned());
        } else if limits.is_none() {
            warnings.push("too few successes to bound what one costs".to_owned());
        } else if few(&paired) {
            let least = SUCCESSES_MIN;
            warnings.push(format!(
                "fewer than {least} successes on a side: the interval is rough"
            ));
        }
        let blank = self.blank(job, &metric, Statistic::Mean);
        Some(PairComparison {
            n_pairs: n,
            n_clusters: (!paired.clusters.is_empty()).then(|| clusters_of(&paired.clusters)),
            only_a: paired.only_a,
            only_b: paired.only_b,
            value_a: self.of_side(&paired, 0),
            value_b: self.of_side(&paired, 1),
            difference: Estimate {
                value,
                low: limits.map(|(low, _)| low),
                high: limits.map(|(_, high)| high),
                n,
                method: if limits.is_some() {
                    Method::Fieller
                } else {
                    Method::None
                },
                ..blank.difference
            },
            test: "fieller".to_owned(),
            p: value.map(|_| found.p_two_sided()),
            mde: found.detectable(0.0, tail, self.options.power),
            // Less is better, and a flat prior makes the posterior of the difference Student's t.
            prob_b_better: value.map(|_| found.p_at_most(0.0)),
            prob_method: ProbabilityMethod::StudentT.as_str().to_owned(),
            warnings,
            ..blank
        })
    }

    /// What a success costs on one side, over the cases in common.
    fn of_side(&self, paired: &PairedMoney, side: usize) -> Estimate {
        let mut groups: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (place, unit) in paired.units.iter().enumerate() {
            let group = paired
                .clusters
                .get(place)
                .map_or(place, |&cluster| cluster as usize);
            let (usd, successes) = if side == 0 {
                (unit.y1, unit.x1)
            } else {
                (unit.y2, unit.x2)
            };
            let sums = groups.entry(group).or_default();
            (sums.0, sums.1) = (sums.0 + usd, sums.1 + successes);
        }
        let mut sums = RatioSums::default();
        groups
            .values()
            .for_each(|(usd, successes)| sums.add(*usd, *successes));
        let ends = bounds::ratio_interval(&sums, 0.5 * (1.0 - self.options.level));
        Estimate {
            value: sums.ratio(),
            low: ends.map(|(low, _)| low),
            high: ends.and_then(|(_, high)| high),
            level: self.options.level,
            n: paired.units.len() as u64,
            method: if ends.is_some() {
                Method::Fieller
            } else {
                Method::None
            },
            unit: Unit::Usd,
        }
    }
}

/// Whether a side has fewer successes than the delta method needs.
fn few(paired: &PairedMoney) -> bool {
    let sum = |of: fn(&PairedRatioUnit) -> f64| paired.units.iter().map(of).sum::<f64>();
    sum(|unit| unit.x1).min(sum(|unit| unit.x2)) < SUCCESSES_MIN
}

fn clusters_of(clusters: &[u32]) -> u64 {
    clusters.iter().max().map_or(0, |&last| u64::from(last) + 1)
}
