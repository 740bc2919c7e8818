//! Two systems without a case in common: two independent samples. Apart from the paired comparison, which is worth
//! several times as many cases and is always taken where it is possible.
//!
//! - right or wrong, independent cases: Fisher's exact test; Newcombe's interval; Cohen's h; Beta posteriors;
//! - everything else: Welch's t over cases, with cluster-robust errors where cases come in clusters; d.
//!
//! A case that was asked several times counts once, with its mean.

use super::estimates::{ends, estimate, mean_of, unit_of};
use crate::bounds::Ends;
use crate::scored::{ScoredMetric, ScoredTask};
use seatrial_stats::fisher::fisher_exact;
use seatrial_stats::two_proportions::TwoShares;
use seatrial_stats::{Interval, StatsError, cluster, dist, mean, power};
use seatrial_types::{Estimate, Method, MetricKind, Unit};
use std::collections::HashMap;

/// One side: a value for each case, with clusters where there are any.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sample {
    pub(super) values: Vec<f64>,
    pub(super) clusters: Vec<u32>,
    pub(super) epochs_max: u32,
    pub(super) is_binary: bool,
}

/// What is said of two independent samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unpaired {
    pub(super) a: Estimate,
    pub(super) b: Estimate,
    pub(super) difference: Estimate,
    pub(super) test: &'static str,
    pub(super) is_exact: bool,
    pub(super) p: Option<f64>,
    pub(super) p_z: Option<f64>,
    pub(super) effect: (&'static str, Estimate),
    pub(super) detectable: Option<f64>,
    /// Probability that B's true value is the higher one.
    pub(super) above_zero: Option<f64>,
    pub(super) posterior: &'static str,
    pub(super) clusters: Option<u64>,
}

/// Level and power of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levels {
    pub(super) level: f64,
    pub(super) power: f64,
}

impl Sample {
    /// The cases of a task under a metric, in the order of their first sample.
    pub(super) fn of(task: &ScoredTask, metric: &ScoredMetric) -> Self {
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(task.samples.len());
        let mut sums: Vec<(f64, u32)> = Vec::new();
        let mut clusters = Vec::new();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut is_binary = metric.kind == MetricKind::Binary;
        for (sample, score) in task.samples.iter().zip(&metric.scores) {
            let Some(score) = *score else { continue };
            is_binary &= score == 0.0 || score == 1.0;
            let place = *places.entry(&sample.id).or_insert_with(|| {
                sums.push((0.0, 0));
                if let Some(cluster) = sample.cluster.as_deref() {
                    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                    clusters.push(*numbers.entry(cluster).or_insert(next));
                }
                sums.len() - 1
            });
            if let Some((sum, count)) = sums.get_mut(place) {
                *sum += score;
                *count += 1;
            }
        }
        // Clusters that only some cases name cannot be used.
        if clusters.len() != sums.len() {
            clusters.clear();
        }
        let epochs_max = sums.iter().map(|(_, count)| *count).max().unwrap_or(0);
        Self {
            values: sums.iter().map(|(sum, count)| sum / f64::from(*count)).collect(),
            clusters,
            epochs_max,
            is_binary: is_binary && epochs_max <= 1,
        }
    }

    fn kind(&self, metric: MetricKind) -> MetricKind {
        match metric {
            MetricKind::Binary if self.is_binary => MetricKind::Binary,
            MetricKind::Binary | MetricKind::Bounded => MetricKind::Bounded,
            MetricKind::Real => MetricKind::Real,
        }
    }
}

/// Compares two independent samples.
///
/// # Errors
/// An empty side, scores whose squares overflow, a level or power out of range.
pub(super) fn unpaired(
    a: &Sample,
    b: &Sample,
    metric: MetricKind,
    levels: Levels,
) -> Result<Unpaired, StatsError> {
    let kind = match (a.kind(metric), b.kind(metric)) {
        (one, other) if one == other => one,
        _ => MetricKind::Bounded,
    };
    let is_clustered = !a.clusters.is_empty() || !b.clusters.is_empty();
    if kind == MetricKind::Binary && !is_clustered {
        return shares(a, b, levels);
    }
    means(a, b, kind, levels)
}

fn shares(a: &Sample, b: &Sample, levels: Levels) -> Result<Unpaired, StatsError> {
    let right = |sample: &Sample| sample.values.iter().filter(|&&value| value == 1.0).count() as u64;
    let ((k_a, n_a), (k_b, n_b)) = (
        (right(a), a.values.len() as u64),
        (right(b), b.values.len() as u64),
    );
    let number = crate::series::to_f64;
    let table = TwoShares::try_new(number(k_b), number(n_b), number(k_a), number(n_a))?;
    let alpha = 1.0 - levels.level;
    let (share_a, share_b) = (number(k_a) / number(n_a), number(k_b) / number(n_b));
    let harmonic = 2.0 / (1.0 / number(n_a) + 1.0 / number(n_b));
    let n = n_a + n_b;
    Ok(Unpaired {
        a: mean_of(&a.values, &[], MetricKind::Binary, levels.level),
        b: mean_of(&b.values, &[], MetricKind::Binary, levels.level),
        difference: estimate(
            Some(table.difference()),
            ends(table.newcombe(levels.level)?),
            levels.level,
            n,
            Method::Newcombe,
            Unit::Share,
        ),
        test: "fisher_exact",
        is_exact: true,
        p: Some(fisher_exact(k_b, n_b, k_a, n_a)?.p),
        p_z: finite(table.z_test().p),
        effect: (
            "cohens_h",
            estimate(
                Some(power::share_effect(share_b, share_a)?),
                (None, None),
                levels.level,
                n,
                Method::None,
                Unit::Score,
            ),
        ),
        detectable: power::detectable_share(share_a, harmonic, alpha, levels.power)?
            .map(|share| (share - share_a).abs())
            .and_then(finite),
        above_zero: finite(table.probability_of_superiority()),
        posterior: "beta_posterior",
        clusters: None,
    })
}

/// Mean of one side with its standard error and degrees of freedom.
struct Side {
    mean: f64,
    se: f64,
    df: f64,
    variance: f64,
    clusters: Option<u64>,
}

fn side(sample: &Sample) -> Result<Side, StatsError> {
    let plain = mean::summarise(&sample.values)?;
    if sample.clusters.is_empty() {
        return Ok(Side {
            mean: plain.mean,
            se: plain.se,
            df: plain.df(),
            variance: plain.variance,
            clusters: None,
        });
    }
    let clustered = cluster::summarise(&sample.values, &sample.clusters)?;
    Ok(Side {
        mean: clustered.mean,
        se: clustered.se_cr1,
        df: clustered.df(),
        variance: plain.variance,
        clusters: Some(clustered.clusters as u64),
    })
}

fn means(a: &Sample, b: &Sample, kind: MetricKind, levels: Levels) -> Result<Unpaired, StatsError> {
    let (of_a, of_b) = (side(a)?, side(b)?);
    let (va, vb) = (of_a.se * of_a.se, of_b.se * of_b.se);
    let se = (va + vb).sqrt();
    let difference = of_b.mean - of_a.mean;
    let n = (a.values.len() + b.values.len()) as u64;
    // Shares of the variance first, so that tiny variances do not underflow when squared.
    let (sa, sb) = (va / (va + vb), vb / (va + vb));
    let df = 1.0 / (sa * sa / of_a.df + sb * sb / of_b.df);
    let has_spread = se.is_finite() && se > 0.0 && df.is_finite() && df > 0.0;
    let tail = 0.5 * (1.0 - levels.level);
    let interval: Ends = if has_spread {
        let half = dist::t_isf(tail, df) * se;
        let whole = Interval::new(difference - half, difference + half);
        match kind {
            MetricKind::Real => ends(whole),
            MetricKind::Binary | MetricKind::Bounded => ends(whole.clamped(-1.0, 1.0)),
        }
    } else {
        (None, None)
    };
    let sd = (0.5 * (of_a.variance + of_b.variance)).sqrt();
    let t = has_spread.then(|| difference / se);
    let clusters = of_a.clusters.or(of_b.clusters).map(|_| {
        let of = |side: &Side, sample: &Sample| side.clusters.unwrap_or(sample.values.len() as u64);
        of(&of_a, a) + of(&of_b, b)
    });
    Ok(Unpaired {
        a: mean_of(&a.values, &a.clusters, kind, levels.level),
        b: mean_of(&b.values, &b.clusters, kind, levels.level),
        difference: estimate(
            Some(difference),
            interval,
            levels.level,
            n,
            Method::WelchT,
            unit_of(kind),
        ),
        test: if clusters.is_some() {
            "cluster_welch_t"
        } else {
            "welch_t"
        },
        is_exact: false,
        p: t.map(|t| dist::t_two_sided(t, df)).and_then(finite),
        p_z: None,
        effect: (
            "d",
            estimate(
                Some(difference / sd),
                (None, None),
                levels.level,
                n,
                Method::None,
                Unit::Score,
            ),
        ),
        detectable: has_spread
            .then(|| (dist::t_isf(tail, df) + dist::normal_quantile(levels.power)) * se)
            .and_then(finite),
        above_zero: t.map(|t| dist::t_cdf(t, df)).and_then(finite),
        posterior: "student_t_posterior",
        clusters,
    })
}

fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::{metric, sample, task};
    use seatrial_stats::paired::welch_t;

    const LEVELS: Levels = Levels {
        level: 0.95,
        power: 0.8,
    };

    fn of(values: &[f64]) -> Sample {
        Sample {
            values: values.to_vec(),
            clusters: Vec::new(),
            epochs_max: 1,
            is_binary: values.iter().all(|&v| v == 0.0 || v == 1.0),
        }
    }

    fn share(right: usize, n: usize) -> Sample {
        of(&[vec![1.0; right], vec![0.0; n - right]].concat())
    }

    /// Protects the numbers of two shares, 45/100 against 30/100, against both formulas worked out apart in Python with
    /// whole binomial coefficients.
    #[test]
    fn shares_as_published() {
        let found = unpaired(&share(30, 100), &share(45, 100), MetricKind::Binary, LEVELS).unwrap();
        assert!((found.difference.value.unwrap() - 0.15).abs() < 1e-12);
        let (low, high) = (found.difference.low.unwrap(), found.difference.high.unwrap());
        assert!(
            (low - 0.015_852_195).abs() < 1e-8 && (high - 0.276_830_854).abs() < 1e-8,
            "{low} {high}"
        );
        assert!(
            (found.p.unwrap() - 0.040_534_006_515).abs() < 1e-10,
            "{:?}",
            found.p
        );
        assert_eq!(
            (found.test, found.difference.method),
            ("fisher_exact", Method::Newcombe)
        );
        assert!(found.above_zero.unwrap() > 0.98 && found.detectable.unwrap() > 0.1);
    }

    /// Protects means: without clusters they are Welch's, with each case its own cluster nearly so, and whole clusters
    /// of copies do not count as more data.
    #[test]
    fn means_are_welchs() {
        let (a, b) = ([1.0, 2.0, 3.5, 4.0, 2.5], [2.0, 4.0, 6.5, 5.0]);
        let found = unpaired(&of(&a), &of(&b), MetricKind::Real, LEVELS).unwrap();
        let expected = welch_t(&b, &a, 0.95).unwrap();
        assert!((found.p.unwrap() - expected.p).abs() < 1e-12);
        assert!((found.difference.low.unwrap() - expected.interval.low).abs() < 1e-9);
        let copied = |values: &[f64]| Sample {
            values: values.iter().flat_map(|&v| [v; 4]).collect(),
            clusters: (0_u32..).take(values.len()).flat_map(|c| [c; 4]).collect(),
            ..of(values)
        };
        let clustered = unpaired(&copied(&a), &copied(&b), MetricKind::Real, LEVELS).unwrap();
        assert!((clustered.p.unwrap() - expected.p).abs() < 1e-9);
        assert_eq!((clustered.test, clustered.clusters), ("cluster_welch_t", Some(9)));
    }

    /// Protects repeated cases and edges: epochs are averaged, equal values have no test, an empty side is refused.
    #[test]
    fn edges() {
        let samples = vec![sample("x", 0, None), sample("x", 1, None), sample("y", 0, None)];
        let scores = vec![Some(1.0), Some(0.0), None];
        let repeated = task("t", samples, vec![metric("m", MetricKind::Binary, scores)]);
        let found = Sample::of(&repeated, &repeated.metrics[0]);
        assert_eq!(
            (found.values.as_slice(), found.epochs_max, found.is_binary),
            ([0.5].as_slice(), 2, false)
        );
        let same = unpaired(&of(&[2.0; 4]), &of(&[2.0; 5]), MetricKind::Real, LEVELS).unwrap();
        assert_eq!(
            (same.p, same.difference.low, same.difference.value),
            (None, None, Some(0.0))
        );
        let one = unpaired(&of(&[2.0]), &of(&[2.5, 3.0]), MetricKind::Real, LEVELS).unwrap();
        assert_eq!((one.p, one.above_zero, one.detectable), (None, None, None));
        for kind in [MetricKind::Binary, MetricKind::Real] {
            assert!(unpaired(&of(&[]), &of(&[1.0]), kind, LEVELS).is_err());
        }
    }
}
