//! Mean of scores that come in clusters (questions about one document, turns of one conversation, epochs of
//! one case): cluster-robust standard errors, design effect and effective sample size.
//!
//! Ignoring clusters is the commonest way to a false "significant": with 20 clusters of 10 and an
//! intra-cluster correlation of ½, plain 95 % intervals cover 59 %.

use crate::dist::{normal_isf, real, t_isf};
use crate::error::{at_least, finite, open_unit, same_length};
use crate::moments;
use crate::proportion::wilson_at;
use crate::{Interval, StatsError};

/// Mean of clustered scores and the common conventions for its standard error.
///
/// ```
/// let s = seatrial_stats::cluster::summarise(&[0.0, 0.2, 1.0, 0.8, 0.5], &[1, 1, 2, 2, 3])?;
/// assert_eq!((s.clusters, s.df()), (3, 2.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusterSummary {
    /// Number of observations.
    pub n: usize,
    /// Number of distinct clusters G.
    pub clusters: usize,
    /// Mean over observations (large clusters weigh more).
    pub mean: f64,
    /// Standard error as if independent, √(s²/n) with divisor n − 1; `NaN` for one observation.
    pub se_clt: f64,
    /// Miller 2024: √(s²/n + Σ cross products within clusters / n²); `NaN` for one observation.
    pub se_miller: f64,
    /// √(Σ over clusters of (sum of residuals)²) / n. Zero for a single cluster, where it means nothing.
    pub se_cr0: f64,
    /// CR0 · √(G/(G − 1)), the one to use; `NaN` for a single cluster.
    pub se_cr1: f64,
    /// Variance inflation by clustering, (CR0 / independent)² with population variances; 1 where all scores
    /// are equal.
    pub design_effect: f64,
    /// n / design effect.
    pub n_effective: f64,
}

/// Mean and cluster-robust standard errors; `clusters[i]` names the cluster of `scores[i]` (any numbers).
///
/// With every observation in its own cluster CR1 equals the plain standard error. Source: Liang and Zeger
/// 1986 (CR0), MacKinnon and White 1985 (CR1), Miller 2024 (arXiv 2411.00640).
///
/// ```
/// let s = seatrial_stats::cluster::summarise(&[0.0, 0.0, 1.0, 1.0], &[7, 7, 9, 9])?;
/// assert_eq!((s.clusters, s.design_effect, s.n_effective), (2, 2.0, 2.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty, [`StatsError::LengthMismatch`], [`StatsError::NotFinite`], and
/// [`StatsError::Undefined`] when squares overflow.
pub fn summarise(scores: &[f64], clusters: &[u32]) -> Result<ClusterSummary, StatsError> {
    same_length("scores", scores.len(), "clusters", clusters.len())?;
    let plain = crate::mean::summarise(scores)?;
    let mut members: Vec<(u32, f64)> = clusters
        .iter()
        .zip(scores)
        .map(|(&cluster, score)| (cluster, score - plain.mean))
        .collect();
    // Stable, so that sums do not depend on anything but the input order.
    members.sort_by_key(|&(cluster, _)| cluster);
    let sums: Vec<f64> = members
        .chunk_by(|a, b| a.0 == b.0)
        .map(|cluster| cluster.iter().map(|&(_, residual)| residual).sum())
        .collect();
    let groups = sums.len();
    let (n, g) = (real(scores.len() as u64), real(groups as u64));
    let between: f64 = moments::sum(&sums.iter().map(|s| s * s).collect::<Vec<_>>());
    let total = moments::squares(scores, plain.mean);
    let se_cr0 = between.sqrt() / n;
    // Σ over i ≠ j of one cluster = (sum of residuals)² − Σ residual².
    let se_miller = (plain.variance / n + (between - total) / (n * n)).max(0.0).sqrt();
    let design_effect = if total > 0.0 { between / total } else { 1.0 };
    Ok(ClusterSummary {
        n: scores.len(),
        clusters: groups,
        mean: plain.mean,
        se_clt: plain.se,
        se_miller: if plain.variance.is_nan() {
            f64::NAN
        } else {
            se_miller
        },
        se_cr0,
        se_cr1: if groups > 1 {
            se_cr0 * (g / (g - 1.0)).sqrt()
        } else {
            f64::NAN
        },
        design_effect,
        n_effective: n / design_effect,
    })
}

impl ClusterSummary {
    /// Degrees of freedom of the cluster-robust error, G − 1.
    #[must_use]
    pub fn df(&self) -> f64 {
        real(self.clusters as u64) - 1.0
    }

    /// mean ± t(G − 1) · CR1; near nominal coverage from about ten clusters on.
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[0.0, 0.2, 1.0, 0.8], &[1, 1, 2, 2])?;
    /// assert!(s.t_interval(0.95)?.contains(s.mean));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::TooFew`] below two clusters, [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn t_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        self.check(confidence)?;
        Ok(Interval::around(self.mean, self.margin(0.5 * (1.0 - confidence))))
    }

    /// One-sided bound from below with the given confidence.
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[0.0, 0.2, 1.0, 0.8], &[1, 1, 2, 2])?;
    /// assert!((s.t_lower(0.975)? - s.t_interval(0.95)?.low).abs() < 1e-9);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::t_interval`].
    pub fn t_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        self.check(confidence)?;
        Ok(self.mean - self.margin(1.0 - confidence))
    }

    /// One-sided bound from above with the given confidence.
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[0.0, 0.2, 1.0, 0.8], &[1, 1, 2, 2])?;
    /// assert!((s.t_upper(0.975)? - s.t_interval(0.95)?.high).abs() < 1e-9);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::t_interval`].
    pub fn t_upper(&self, confidence: f64) -> Result<f64, StatsError> {
        self.check(confidence)?;
        Ok(self.mean + self.margin(1.0 - confidence))
    }

    /// Interval for a share (scores 0 and 1) that stays inside [0, 1] and has width at 0 and 1.
    ///
    /// Wilson at the effective sample size, shrunk by (z / t(G − 1))² for the uncertainty of the design effect
    /// (Korn and Graubard 1998). A design effect below 1 is not believed. Where all scores are equal the
    /// design effect cannot be seen, and each cluster counts as one observation.
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[1.0; 40], &[1, 2, 3, 4].repeat(10))?;
    /// assert!(s.share_interval(0.95)?.low < 0.5); // four clusters, not forty answers
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::t_interval`]; [`StatsError::OutOfRange`] when the mean is not a share.
    pub fn share_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        self.check(confidence)?;
        self.share_at(0.5 * (1.0 - confidence))
    }

    /// One-sided bound of a share from below; see [`Self::share_interval`].
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[1.0, 1.0, 1.0, 0.0], &[1, 2, 3, 4])?;
    /// assert!(s.share_lower(0.95)? > s.share_interval(0.95)?.low);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::share_interval`].
    pub fn share_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        self.check(confidence)?;
        Ok(self.share_at(1.0 - confidence)?.low)
    }

    /// One-sided bound of a share from above; see [`Self::share_interval`].
    ///
    /// ```
    /// let s = seatrial_stats::cluster::summarise(&[1.0, 1.0, 1.0, 0.0], &[1, 2, 3, 4])?;
    /// assert!(s.share_upper(0.95)? < s.share_interval(0.95)?.high);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::share_interval`].
    pub fn share_upper(&self, confidence: f64) -> Result<f64, StatsError> {
        self.check(confidence)?;
        Ok(self.share_at(1.0 - confidence)?.high)
    }

    /// The effective number of observations behind [`Self::share_interval`] at one-sided tail `tail`.
    fn share_at(&self, tail: f64) -> Result<Interval, StatsError> {
        if !(0.0..=1.0).contains(&self.mean) {
            return Err(StatsError::OutOfRange {
                what: "mean",
                found: self.mean,
                expected: "a share from 0 to 1",
            });
        }
        let z = normal_isf(tail);
        let t = t_isf(tail, self.df());
        let effective = if self.se_cr0 == 0.0 && (self.mean == 0.0 || self.mean == 1.0) {
            real(self.clusters as u64)
        } else {
            self.n_effective.min(real(self.n as u64))
        };
        let shrink = if t == 0.0 { 1.0 } else { (z / t) * (z / t) };
        let n = effective * shrink;
        Ok(wilson_at(self.mean * n, n, z))
    }

    fn check(&self, confidence: f64) -> Result<(), StatsError> {
        open_unit("confidence", confidence)?;
        at_least("clusters", self.clusters, 2)
    }

    fn margin(&self, tail: f64) -> f64 {
        t_isf(tail, self.df()) * self.se_cr1
    }
}

/// Intra-cluster correlation by one-way analysis of variance, (MSB − MSW)/(MSB + (m₀ − 1) MSW) with m₀ the
/// size-adjusted mean cluster size; may be negative. Donner 1986. For planning: a design of G clusters of m
/// has a design effect of about 1 + (m − 1) · ICC.
///
/// ```
/// let icc = seatrial_stats::cluster::intra_cluster_correlation(&[0.0, 0.0, 1.0, 1.0], &[1, 1, 2, 2])?;
/// assert_eq!(icc, 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`]; [`StatsError::TooFew`] below two clusters;
/// [`StatsError::Undefined`] when no cluster has two members or all scores are equal.
pub fn intra_cluster_correlation(scores: &[f64], clusters: &[u32]) -> Result<f64, StatsError> {
    same_length("scores", scores.len(), "clusters", clusters.len())?;
    finite("scores", scores)?;
    let mut members: Vec<(u32, f64)> = clusters.iter().copied().zip(scores.iter().copied()).collect();
    members.sort_by_key(|&(cluster, _)| cluster);
    let groups: Vec<&[(u32, f64)]> = members.chunk_by(|a, b| a.0 == b.0).collect();
    at_least("clusters", groups.len(), 2)?;
    let (n, g) = (real(scores.len() as u64), real(groups.len() as u64));
    if groups.len() == scores.len() {
        return Err(StatsError::Undefined {
            what: "intra-cluster correlation",
            why: "every cluster has one member",
        });
    }
    let grand = moments::mean(scores);
    let (mut between, mut within, mut squared_sizes) = (0.0, 0.0, 0.0);
    for group in &groups {
        let values: Vec<f64> = group.iter().map(|&(_, score)| score).collect();
        let (size, mean) = (real(values.len() as u64), moments::mean(&values));
        between += size * (mean - grand) * (mean - grand);
        within += moments::squares(&values, mean);
        squared_sizes += size * size;
    }
    let size = (n - squared_sizes / n) / (g - 1.0);
    let (msb, msw) = (between / (g - 1.0), within / (n - g));
    let denominator = msb + (size - 1.0) * msw;
    if denominator > 0.0 {
        Ok((msb - msw) / denominator)
    } else {
        Err(StatsError::Undefined {
            what: "intra-cluster correlation",
            why: "all scores are equal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: singletons give the plain error, relabelling and reordering change nothing, intervals
        /// contain the mean and widen with the level.
        #[test]
        fn invariants(
            rows in prop::collection::vec((0.0f64..1.0, 0u32..12), 2..150),
            level in 0.5f64..0.98,
        ) {
            let (x, c): (Vec<f64>, Vec<u32>) = rows.iter().copied().unzip();
            let own: Vec<u32> = (0..).take(x.len()).collect();
            let single = summarise(&x, &own).unwrap();
            prop_assert!((single.se_cr1 - single.se_clt).abs() <= 1e-9 * single.se_clt);
            let s = summarise(&x, &c).unwrap();
            let relabelled: Vec<u32> = c.iter().map(|c| 1000 - 7 * c).collect();
            let r = summarise(&x, &relabelled).unwrap();
            prop_assert!((s.se_cr0 - r.se_cr0).abs() <= 1e-9 * s.se_cr0.max(1e-9));
            if s.clusters > 1 {
                let (narrow, wide) = (s.t_interval(level).unwrap(), s.t_interval(level + 0.01).unwrap());
                prop_assert!(narrow.contains(s.mean));
                prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
                let share = s.share_interval(level).unwrap();
                prop_assert!(share.contains(s.mean) && share.low >= 0.0 && share.high <= 1.0);
            }
        }
    }

    /// Protects: one cluster, equal scores and invalid input are defined or refused.
    #[test]
    fn edges() {
        assert!(summarise(&[], &[]).is_err());
        assert!(matches!(
            summarise(&[1.0], &[]),
            Err(StatsError::LengthMismatch { .. })
        ));
        assert!(summarise(&[f64::NAN], &[1]).is_err());
        let one = summarise(&[0.0, 1.0], &[3, 3]).unwrap();
        assert!(one.se_cr1.is_nan() && one.t_interval(0.95).is_err() && one.share_interval(0.95).is_err());
        let equal = summarise(&[1.0; 6], &[1, 1, 2, 2, 3, 3]).unwrap();
        assert_eq!(
            (equal.design_effect, equal.n_effective, equal.se_cr1),
            (1.0, 6.0, 0.0)
        );
        assert!(equal.share_interval(0.95).unwrap().low < 0.6);
        let outside = summarise(&[2.0, 3.0], &[1, 2]).unwrap();
        assert!(outside.share_interval(0.95).is_err());
        assert!(intra_cluster_correlation(&[1.0, 1.0, 1.0], &[1, 1, 2]).is_err());
        assert!(intra_cluster_correlation(&[1.0, 2.0], &[1, 2]).is_err());
    }
}
