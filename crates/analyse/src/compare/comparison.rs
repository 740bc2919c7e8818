//! What is said of one metric of two systems on the same cases. Which test and which interval follow from the data:
//!
//! - right or wrong, independent cases: McNemar's mid-p; Agresti and Min's interval; Cohen's g;
//! - scores, independent cases: sign flips of the differences (a paired permutation test); Student's t; d_z;
//! - clustered cases: sign flips of whole clusters; cluster-robust t, and a cluster bootstrap beside it; d_z.
//!
//! Sign flips are drawn, so their p-value has a smallest step; where a family of tests needs finer ones the caller asks
//! for Student's t, which is what they tend to.
//!
//! The difference is always B − A.

use super::estimates::{
    clustered_difference, clusters_of, difference_of_shares, ends, estimate, mean_difference, mean_of, size,
    spread,
};
use super::{CLUSTERS_FEW, CompareError, PairedScores};
use seatrial_stats::cluster::{self, ClusterSummary};
use seatrial_stats::mcnemar::PairedCounts;
use seatrial_stats::permutation::{SignFlip, sign_flip};
use seatrial_stats::{bootstrap, dist, mean, paired as pairs, power as powers, proportion};
use seatrial_types::{Estimate, Method, MetricKind, Unit};

/// Draws of clusters that one bootstrap may take.
const CLUSTER_DRAWS_MAX: usize = 200_000_000;
/// Resamples of a bootstrap that is looked at for its interval alone.
const RESAMPLES_FEW: usize = 1_000;
/// Resamples below which an interval means nothing, however many clusters there are.
const RESAMPLES_LEAST: usize = 200;

/// How to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompareOptions {
    /// What values the scores take.
    pub kind: MetricKind,
    /// Whether a higher score is better.
    pub higher_is_better: bool,
    /// Confidence level of the intervals, between 0 and 1; the smallest detectable difference is for the two-sided test
    /// at one minus it.
    pub level: f64,
    /// Power of the smallest detectable difference, above one minus the level and below 1.
    pub power: f64,
    /// Random sign patterns where there are too many to look at all, and bootstrap resamples; 1 to 10⁷.
    pub resamples: u32,
    /// Seed of both.
    pub seed: u64,
    /// Which test, where there is a choice.
    pub test: TestChoice,
}

/// Which of the tests that fit the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestChoice {
    /// McNemar's mid-p-value for right or wrong, sign flips for scores and clusters.
    #[default]
    Usual,
    /// McNemar's exact p-value for right or wrong, which is conservative; else as usual.
    McNemarExact,
    /// Student's t for scores and clusters; else as usual.
    StudentT,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            kind: MetricKind::Real,
            higher_is_better: true,
            level: 0.95,
            power: 0.8,
            resamples: 10_000,
            seed: 0,
            test: TestChoice::Usual,
        }
    }
}

/// Everything that is said of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Mean of A over the pairs.
    pub a: Estimate,
    /// Mean of B over the pairs.
    pub b: Estimate,
    /// Mean of B − A.
    pub difference: Estimate,
    /// The same with a cluster bootstrap; only for clustered cases.
    pub difference_bootstrap: Option<Estimate>,
    /// Test of "no difference".
    pub test: Test,
    /// How large the difference is beside the spread of the cases.
    pub effect: Effect,
    /// How probable it is that B is the better one.
    pub b_better: Probability,
    /// The smallest difference that this comparison would have shown.
    pub detectable: Detectable,
    /// Pairs that B wins.
    pub wins_b: u64,
    /// Pairs that A wins.
    pub wins_a: u64,
    /// Pairs without a winner.
    pub ties: u64,
    /// Clusters among the pairs; `None` where cases are independent.
    pub clusters: Option<u64>,
    /// What a reader must know before believing the numbers.
    pub warnings: Vec<Warning>,
}

/// A test and its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Which.
    pub name: TestName,
    /// Two-sided p-value, above 0 to 1.
    pub p: f64,
    /// Whether all sign patterns were looked at; McNemar's is always exact.
    pub is_exact: bool,
    /// Random patterns looked at; `None` where exact.
    pub resamples: Option<u32>,
}

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestName {
    /// McNemar's test with the mid-p-value.
    McNemarMidP,
    /// McNemar's exact test.
    McNemarExact,
    /// Sign flips of the differences of cases.
    SignFlip,
    /// Sign flips of the sums of differences of whole clusters.
    ClusterSignFlip,
    /// Student's t of the differences of cases.
    PairedT,
    /// Student's t with cluster-robust errors.
    ClusterT,
}

impl TestName {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::McNemarMidP => "mcnemar_mid_p",
            Self::McNemarExact => "mcnemar_exact",
            Self::SignFlip => "sign_flip",
            Self::ClusterSignFlip => "cluster_sign_flip",
            Self::PairedT => "paired_t",
            Self::ClusterT => "cluster_t",
        }
    }
}

/// A standardised difference; positive where B − A is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Which.
    pub kind: EffectKind,
    /// Its estimate; `value` is `None` where no case differs or all differ by the same.
    pub estimate: Estimate,
}

/// Which standardised difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// Cohen's g: the share of B among the cases that one system alone got right, minus ½.
    CohensG,
    /// Mean difference over the standard deviation of the differences.
    DZ,
}

impl EffectKind {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CohensG => "cohens_g",
            Self::DZ => "d_z",
        }
    }
}

/// A probability that follows from a posterior.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// 0 to 1; `None` where nothing can be said.
    pub value: Option<f64>,
    /// From which posterior.
    pub method: ProbabilityMethod,
}

/// Which posterior.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbabilityMethod {
    /// Beta, of the share of B among the cases that one system alone got right, from a uniform prior.
    Beta,
    /// Student's t, of the mean difference, from a flat prior.
    StudentT,
}

impl ProbabilityMethod {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beta => "beta_posterior",
            Self::StudentT => "student_t_posterior",
        }
    }
}

/// What a comparison could have seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detectable {
    /// Smallest true difference that the test would show with the power, given the spread found; `None` where the
    /// pairs show none.
    pub difference: Option<f64>,
    /// The power.
    pub power: f64,
    /// The level of the two-sided test.
    pub alpha: f64,
}

/// What a reader must know before believing the numbers.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Warning {
    /// Cases were left out.
    #[error("{only_a} cases have a score in A only and {only_b} in B only; they are left out")]
    Unpaired {
        /// In A only.
        only_a: u64,
        /// In B only.
        only_b: u64,
    },
    /// Rows without a score.
    #[error("{a} rows of A and {b} rows of B have no score; they are not part of any mean")]
    Missing {
        /// Rows of A.
        a: u64,
        /// Rows of B.
        b: u64,
    },
    /// Cluster-robust errors from few clusters are too small.
    #[error("{clusters} clusters, expected at least {CLUSTERS_FEW}: interval and p-value are rough")]
    FewClusters {
        /// Clusters found.
        clusters: u64,
    },
    /// Nothing differs, so there is nothing to estimate a spread from.
    #[error("every case differs by the same amount: the pairs show no spread to judge it by")]
    NoSpread,
}

/// Compares two systems under one metric.
///
/// Assumes that pairs (or, where given, clusters) are independent. Sign flips assume that the differences are
/// symmetric around their mean under "no difference". Edges: one pair has no interval unless its scale is bounded, and
/// p = 1 at best ½; equal systems have p = 1; without spread there is no effect size.
///
/// ```
/// use seatrial_analyse::compare::{CompareOptions, PairedScores, compare};
/// use seatrial_types::MetricKind;
/// let paired = PairedScores {
///     a: [[1.0; 80].as_slice(), &[0.0; 20]].concat(),
///     b: [[1.0; 78].as_slice(), &[0.0; 2], &[1.0; 12], &[0.0; 8]].concat(),
///     ..PairedScores::default()
/// };
/// let options = CompareOptions { kind: MetricKind::Binary, ..CompareOptions::default() };
/// let comparison = compare(&paired, &options)?;
/// assert!((comparison.difference.value.unwrap() - 0.1).abs() < 1e-12);
/// assert_eq!((comparison.wins_b, comparison.wins_a), (12, 2));
/// assert!(comparison.test.p < 0.01 && comparison.b_better.value.unwrap() > 0.99);
/// # Ok::<(), seatrial_analyse::compare::CompareError>(())
/// ```
///
/// # Errors
/// No pairs; scores that are not finite or whose squares overflow; lists of different lengths; an option out of range.
pub fn compare(paired: &PairedScores, options: &CompareOptions) -> Result<Comparison, CompareError> {
    if paired.a.is_empty() {
        let (only_a, only_b) = (paired.only_a, paired.only_b);
        return Err(CompareError::NoPairs { only_a, only_b });
    }
    let differences = pairs::differences(&paired.b, &paired.a)?;
    // Refuses a level or a power out of range before any work is done.
    powers::pairs_needed(1.0 - options.level, options.power, 1.0, 1.0)?;
    let parts = match (options.kind, paired.clusters.is_empty()) {
        (MetricKind::Binary, true) => of_shares(paired, options)?,
        (_, true) => of_scores(&differences, options)?,
        (_, false) => of_clusters(paired, &differences, options)?,
    };
    let (above, below) = (
        differences.iter().filter(|&&d| d > 0.0).count() as u64,
        differences.iter().filter(|&&d| d < 0.0).count() as u64,
    );
    let (wins_b, wins_a) = if options.higher_is_better {
        (above, below)
    } else {
        (below, above)
    };
    let mean_of = |values: &[f64]| mean_of(values, &paired.clusters, options.kind, options.level);
    Ok(Comparison {
        a: mean_of(&paired.a),
        b: mean_of(&paired.b),
        difference: parts.difference,
        difference_bootstrap: parts.bootstrap,
        test: parts.test,
        effect: parts.effect,
        b_better: Probability {
            value: parts
                .above_zero
                .map(|p| if options.higher_is_better { p } else { 1.0 - p }),
            method: parts.posterior,
        },
        detectable: Detectable {
            // On a bounded scale nothing differs by more than 1.
            difference: parts
                .detectable
                .filter(|&x| x.is_finite() && (options.kind == MetricKind::Real || x <= 1.0)),
            power: options.power,
            alpha: 1.0 - options.level,
        },
        wins_b,
        wins_a,
        ties: differences.len() as u64 - above - below,
        clusters: parts.clusters,
        warnings: warnings(paired, &differences, parts.clusters),
    })
}

/// What depends on the kind of data.
struct Parts {
    difference: Estimate,
    bootstrap: Option<Estimate>,
    test: Test,
    effect: Effect,
    /// Probability that the true difference is above zero.
    above_zero: Option<f64>,
    posterior: ProbabilityMethod,
    detectable: Option<f64>,
    clusters: Option<u64>,
}

fn of_shares(paired: &PairedScores, options: &CompareOptions) -> Result<Parts, CompareError> {
    let is_right = |scores: &[f64]| scores.iter().map(|&score| score == 1.0).collect::<Vec<_>>();
    let counts = PairedCounts::of(&is_right(&paired.b), &is_right(&paired.a))?;
    let (b_only, a_only) = (dist_count(counts.first_only), dist_count(counts.second_only));
    let discordant = b_only + a_only;
    let g = (discordant > 0.0).then(|| b_only / discordant - 0.5);
    let g_ends = match proportion::wilson(b_only, discordant, options.level) {
        Ok(interval) if discordant > 0.0 => (Some(interval.low - 0.5), Some(interval.high - 0.5)),
        _ => (None, None),
    };
    let n = size(paired.a.len());
    let alpha = 1.0 - options.level;
    Ok(Parts {
        difference: difference_of_shares(&counts, options.level),
        bootstrap: None,
        test: mcnemar_test(&counts, options.test),
        effect: Effect {
            kind: EffectKind::CohensG,
            estimate: estimate(
                g,
                g_ends,
                options.level,
                counts.first_only + counts.second_only,
                Method::Wilson,
                Unit::Share,
            ),
        },
        above_zero: Some(dist::beta_sf(0.5, b_only + 1.0, a_only + 1.0)).filter(|p| p.is_finite()),
        posterior: ProbabilityMethod::Beta,
        detectable: powers::mcnemar_detectable(discordant / n, n, alpha, options.power)?,
        clusters: None,
    })
}

fn mcnemar_test(counts: &PairedCounts, choice: TestChoice) -> Test {
    let (name, p) = match choice {
        TestChoice::McNemarExact => (TestName::McNemarExact, counts.test().p_exact),
        TestChoice::Usual | TestChoice::StudentT => (TestName::McNemarMidP, counts.test().p_mid),
    };
    Test {
        name,
        p,
        is_exact: true,
        resamples: None,
    }
}

fn of_scores(differences: &[f64], options: &CompareOptions) -> Result<Parts, CompareError> {
    let summary = mean::summarise(differences)?;
    let test = if options.test == TestChoice::StudentT {
        t_test(TestName::PairedT, summary.mean, summary.se, summary.df())
    } else {
        let flips = sign_flip(differences, u64::from(options.resamples), options.seed)?;
        flip_test(TestName::SignFlip, &flips, options)
    };
    let (alpha, n) = (1.0 - options.level, size(differences.len()));
    let sd = spread(differences).filter(|&sd| sd > 0.0);
    let detectable = match sd {
        Some(sd) => Some(sd * powers::t_paired_detectable(n, alpha, options.power)?),
        None => None,
    };
    Ok(Parts {
        difference: mean_difference(differences, options.kind, options.level),
        bootstrap: None,
        test,
        effect: effect(differences, options, true),
        above_zero: sd.and_then(|_| above_zero(summary.mean, summary.se, summary.df())),
        posterior: ProbabilityMethod::StudentT,
        detectable,
        clusters: None,
    })
}

fn of_clusters(
    paired: &PairedScores,
    differences: &[f64],
    options: &CompareOptions,
) -> Result<Parts, CompareError> {
    let summary = cluster::summarise(differences, &paired.clusters)?;
    let test = if options.test == TestChoice::StudentT {
        t_test(TestName::ClusterT, summary.mean, summary.se_cr1, summary.df())
    } else {
        let sums = cluster_sums(differences, &paired.clusters);
        let flips = sign_flip(&sums, u64::from(options.resamples), options.seed)?;
        flip_test(TestName::ClusterSignFlip, &flips, options)
    };
    let difference = clustered_difference(&summary, paired, options.kind, options.level);
    let resamples = bootstrap_resamples(options, summary.clusters);
    let drawn = bootstrap::clustered(
        differences,
        &paired.clusters,
        options.level,
        resamples,
        options.seed,
    )?;
    let has_spread = summary.clusters > 1 && summary.se_cr1 > 0.0;
    let bootstrapped = Estimate {
        low: has_spread.then_some(drawn.interval.low),
        high: has_spread.then_some(drawn.interval.high),
        method: if has_spread {
            Method::ClusterBootstrap
        } else {
            Method::None
        },
        ..difference
    };
    Ok(Parts {
        difference,
        bootstrap: Some(bootstrapped),
        test,
        effect: effect(differences, options, false),
        above_zero: has_spread
            .then(|| above_zero(summary.mean, summary.se_cr1, summary.df()))
            .flatten(),
        posterior: ProbabilityMethod::StudentT,
        detectable: has_spread.then(|| clustered_detectable(&summary, options)),
        clusters: Some(clusters_of(&summary)),
    })
}

/// As many as asked for, but no more cluster draws than [`CLUSTER_DRAWS_MAX`]; an interval needs a thousand at most where
/// nothing else is drawn.
fn bootstrap_resamples(options: &CompareOptions, clusters: usize) -> usize {
    let asked = usize::try_from(options.resamples).unwrap_or(usize::MAX);
    let asked = match options.test {
        TestChoice::StudentT => asked.min(RESAMPLES_FEW),
        TestChoice::Usual | TestChoice::McNemarExact => asked,
    };
    asked.min((CLUSTER_DRAWS_MAX / clusters.max(1)).max(RESAMPLES_LEAST))
}

fn t_test(name: TestName, mean: f64, se: f64, df: f64) -> Test {
    let p = if se > 0.0 {
        dist::t_two_sided(mean / se, df)
    } else {
        // Without spread, or with one unit alone, nothing is shown.
        1.0
    };
    Test {
        name,
        p: if p.is_finite() { p } else { 1.0 },
        is_exact: false,
        resamples: None,
    }
}

fn clustered_detectable(summary: &ClusterSummary, options: &CompareOptions) -> f64 {
    let tail = 0.5 * (1.0 - options.level);
    (dist::t_isf(tail, summary.df()) + dist::normal_quantile(options.power)) * summary.se_cr1
}

/// Sum of the differences of each cluster: what is exchangeable is the sign of a cluster, not of a case.
fn cluster_sums(differences: &[f64], clusters: &[u32]) -> Vec<f64> {
    let mut sums = std::collections::BTreeMap::new();
    for (&difference, &cluster) in differences.iter().zip(clusters) {
        *sums.entry(cluster).or_insert(0.0) += difference;
    }
    sums.into_values().collect()
}

fn flip_test(name: TestName, flips: &SignFlip, options: &CompareOptions) -> Test {
    Test {
        name,
        p: flips.p_abs,
        is_exact: flips.exact,
        resamples: (!flips.exact).then_some(options.resamples),
    }
}

/// d_z; its interval holds for independent cases only.
fn effect(differences: &[f64], options: &CompareOptions, is_independent: bool) -> Effect {
    let d_z = mean::summarise(differences)
        .ok()
        .map(|summary| summary.mean / summary.variance.sqrt())
        .filter(|d| d.is_finite());
    let interval = d_z
        .filter(|_| is_independent)
        .and_then(|d| pairs::d_z_interval(d, differences.len(), options.level).ok());
    Effect {
        kind: EffectKind::DZ,
        estimate: estimate(
            d_z,
            interval.map_or((None, None), ends),
            options.level,
            differences.len() as u64,
            Method::NoncentralT,
            Unit::Score,
        ),
    }
}

fn above_zero(mean: f64, se: f64, df: f64) -> Option<f64> {
    Some(dist::t_cdf(mean / se, df)).filter(|p| p.is_finite())
}

fn warnings(paired: &PairedScores, differences: &[f64], clusters: Option<u64>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if paired.only_a + paired.only_b > 0 {
        warnings.push(Warning::Unpaired {
            only_a: paired.only_a,
            only_b: paired.only_b,
        });
    }
    if paired.missing_a + paired.missing_b > 0 {
        warnings.push(Warning::Missing {
            a: paired.missing_a,
            b: paired.missing_b,
        });
    }
    if let Some(clusters) = clusters.filter(|&clusters| clusters < CLUSTERS_FEW) {
        warnings.push(Warning::FewClusters { clusters });
    }
    if differences.windows(2).all(|pair| pair[0] == pair[1]) {
        warnings.push(Warning::NoSpread);
    }
    warnings
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn dist_count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(kind: MetricKind) -> CompareOptions {
        CompareOptions {
            kind,
            resamples: 999,
            ..CompareOptions::default()
        }
    }

    fn paired(a: &[f64], b: &[f64], clusters: &[u32]) -> PairedScores {
        PairedScores {
            a: a.to_vec(),
            b: b.to_vec(),
            clusters: clusters.to_vec(),
            ..PairedScores::default()
        }
    }

    /// Protects the published example (Agresti, Categorical Data Analysis, table 10.1: approval ratings): 86 and 150
    /// discordant of 1,600; chi-square 17.36 and the interval of the difference.
    #[test]
    fn shares_are_those_of_the_textbook() {
        let cell = |a: f64, b: f64, n: usize| vec![(a, b); n];
        let rows = [
            cell(1.0, 1.0, 794),
            cell(1.0, 0.0, 150),
            cell(0.0, 1.0, 86),
            cell(0.0, 0.0, 570),
        ]
        .concat();
        let (a, b): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        let c = compare(&paired(&a, &b, &[]), &options(MetricKind::Binary)).unwrap();
        assert!((c.difference.value.unwrap() + 0.04).abs() < 1e-12);
        assert!(
            (c.difference.low.unwrap() + 0.0587).abs() < 2e-4
                && (c.difference.high.unwrap() + 0.0213).abs() < 2e-4
        );
        assert!(c.test.p < 1e-4 && c.test.name == TestName::McNemarMidP);
        assert!((c.effect.estimate.value.unwrap() - (86.0 / 236.0 - 0.5)).abs() < 1e-12);
        assert_eq!((c.wins_a, c.wins_b, c.ties, c.clusters), (150, 86, 1364, None));
        assert!(c.b_better.value.unwrap() < 1e-4 && c.warnings.is_empty());
        let seen = c.detectable.difference.unwrap();
        assert!(seen > 0.02 && seen < 0.03, "{seen}");
        let lower = CompareOptions {
            higher_is_better: false,
            ..options(MetricKind::Binary)
        };
        let flipped = compare(&paired(&a, &b, &[]), &lower).unwrap();
        assert_eq!((flipped.wins_a, flipped.wins_b), (86, 150));
        assert!(flipped.b_better.value.unwrap() > 0.999);
    }

    /// Protects Darwin's maize data (Fisher 1935, 15 pairs): mean 2.617 inches, t interval 0.004 to 5.230, exact
    /// permutation p of 1726/32768.
    #[test]
    fn scores_are_those_of_fisher() {
        let eighths = [
            49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0,
        ];
        let crossed: Vec<f64> = eighths.iter().map(|d| 100.0 + d / 8.0).collect();
        let c = compare(&paired(&[100.0; 15], &crossed, &[]), &options(MetricKind::Real)).unwrap();
        assert!((c.difference.value.unwrap() - 2.6167).abs() < 1e-4);
        assert!(
            (c.difference.low.unwrap() - 0.004).abs() < 1e-3
                && (c.difference.high.unwrap() - 5.230).abs() < 1e-3
        );
        assert!(
            c.test.is_exact && (c.test.p - 1726.0 / 32768.0).abs() < 1e-12,
            "{}",
            c.test.p
        );
        assert!((c.effect.estimate.value.unwrap() - 2.6167 / 4.7181).abs() < 1e-3);
        assert!((c.b_better.value.unwrap() - 0.975).abs() < 2e-3);
    }

    /// Protects against repetitions counted as evidence: each case ten times over, as one cluster, says no more than
    /// the cases alone.
    #[test]
    fn clusters_do_not_add_evidence() {
        let a: Vec<f64> = (0..30).map(|i| f64::from(i % 3) / 4.0).collect();
        let b: Vec<f64> = (0..30)
            .map(|i| f64::from(i % 3) / 4.0 + f64::from(i % 4) / 8.0 - 0.1)
            .collect();
        let repeat = |x: &[f64]| x.iter().flat_map(|&x| [x; 10]).collect::<Vec<_>>();
        let clusters: Vec<u32> = (0..300).map(|i| i / 10).collect();
        let alone = compare(&paired(&a, &b, &[]), &options(MetricKind::Real)).unwrap();
        let ten = compare(
            &paired(&repeat(&a), &repeat(&b), &clusters),
            &options(MetricKind::Real),
        )
        .unwrap();
        assert!((ten.difference.low.unwrap() - alone.difference.low.unwrap()).abs() < 1e-9);
        assert_eq!(ten.test.name, TestName::ClusterSignFlip);
        assert!((ten.test.p - alone.test.p).abs() < 0.02);
        let drawn = ten.difference_bootstrap.unwrap();
        assert!((drawn.low.unwrap() - ten.difference.low.unwrap()).abs() < 0.02);
        assert_eq!((ten.clusters, drawn.method), (Some(30), Method::ClusterBootstrap));
        let few = compare(
            &paired(&a, &b, &[[0; 15], [1; 15]].concat()),
            &options(MetricKind::Real),
        )
        .unwrap();
        assert_eq!(few.warnings, [Warning::FewClusters { clusters: 2 }]);
    }

    /// Protects the edges: one pair, no difference at all, the same difference everywhere, one cluster.
    #[test]
    fn edges() {
        let one = compare(&paired(&[0.2], &[0.7], &[]), &options(MetricKind::Real)).unwrap();
        assert_eq!(
            (one.difference.low, one.difference.method, one.test.p),
            (None, Method::None, 1.0)
        );
        assert_eq!(
            (
                one.effect.estimate.value,
                one.b_better.value,
                one.detectable.difference
            ),
            (None, None, None)
        );
        for kind in [MetricKind::Binary, MetricKind::Bounded, MetricKind::Real] {
            let same = compare(&paired(&[1.0; 40], &[1.0; 40], &[]), &options(kind)).unwrap();
            assert_eq!((same.difference.value, same.test.p), (Some(0.0), 1.0));
            assert_eq!(same.difference.low.is_some(), kind != MetricKind::Real);
            assert_eq!(
                (same.effect.estimate.value, same.warnings),
                (None, vec![Warning::NoSpread])
            );
        }
        let lone = compare(
            &paired(&[0.0, 1.0], &[1.0, 1.0], &[3, 3]),
            &options(MetricKind::Real),
        )
        .unwrap();
        assert_eq!(
            (
                lone.difference.low,
                lone.difference_bootstrap.unwrap().low,
                lone.clusters
            ),
            (None, None, Some(1))
        );
        let none = compare(&paired(&[], &[], &[]), &options(MetricKind::Real));
        assert!(matches!(none, Err(CompareError::NoPairs { .. })));
        for wrong in [
            CompareOptions {
                level: 1.0,
                ..Default::default()
            },
            CompareOptions {
                power: 0.0,
                ..Default::default()
            },
            CompareOptions {
                resamples: 0,
                ..Default::default()
            },
        ] {
            let many: Vec<f64> = (0..30).map(f64::from).collect();
            assert!(compare(&paired(&[0.0; 30], &many, &[]), &wrong).is_err());
        }
        assert!(
            compare(
                &paired(&[1e300, -1e300], &[0.0, 0.0], &[]),
                &options(MetricKind::Real)
            )
            .is_err()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Protects the symmetry: exchanging the systems turns every sign and keeps the p-value; intervals contain
        /// their value and widen with the level.
        #[test]
        fn exchanging_turns_signs(rows in prop::collection::vec((0u8..2, 0u8..2, 0u32..5), 2..40), clustered: bool, binary: bool) {
            let column = |f: fn(&(u8, u8, u32)) -> u8| rows.iter().map(|row| f64::from(f(row))).collect::<Vec<_>>();
            let (a, b) = (column(|row| row.0), column(|row| row.1));
            let clusters: Vec<u32> = if clustered { rows.iter().map(|row| row.2).collect() } else { Vec::new() };
            let kind = if binary { MetricKind::Binary } else { MetricKind::Real };
            let there = compare(&paired(&a, &b, &clusters), &options(kind)).unwrap();
            let back = compare(&paired(&b, &a, &clusters), &options(kind)).unwrap();
            prop_assert!((there.difference.value.unwrap() + back.difference.value.unwrap()).abs() < 1e-12);
            prop_assert!((there.test.p - back.test.p).abs() < 0.05 && there.test.p > 0.0 && there.test.p <= 1.0);
            prop_assert_eq!((there.wins_a, there.ties), (back.wins_b, back.ties));
            if let (Some(low), Some(high), Some(value)) = (there.difference.low, there.difference.high, there.difference.value) {
                prop_assert!(low <= value && value <= high);
                let wide = compare(&paired(&a, &b, &clusters), &CompareOptions { level: 0.99, ..options(kind) }).unwrap();
                prop_assert!(wide.difference.low.unwrap() <= low && wide.difference.high.unwrap() >= high);
            }
        }
    }
}
