//! Two independent shares: intervals for their difference, tests, odds ratio, Bayesian superiority.
//!
//! For the same cases answered by two systems use [`crate::mcnemar`]: pairing is worth a factor of several in
//! sample size.

use crate::dist::{chi2_sf, normal_isf, normal_sf, normal_two_sided};
use crate::error::{open_unit, positive_count};
use crate::proportion::wilson_at;
use crate::special::{beta_quantile_logit, binomial_kernel, gauss_legendre, inc_beta_xy, logistic};
use crate::{Interval, StatsError};

/// Halvings of a bracket in (−1, 1) until double precision is exhausted.
const BISECTIONS: usize = 64;

/// Successes and trials of two independent groups; counts may be real (effective sample sizes).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoShares {
    k1: f64,
    n1: f64,
    k2: f64,
    n2: f64,
}

/// How the score test estimates the shares under the null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreRoot {
    /// The restricted maximum-likelihood estimate of Miettinen and Nurminen 1985.
    MiettinenNurminen,
    /// statsmodels 0.15 and earlier: the linear coefficient of the likelihood cubic has the number of
    /// *successes* of the second group where the paper has its number of *trials*. Intervals come out up to
    /// 0.012 off and lopsided. Kept to reproduce published numbers; never used by a gate.
    Statsmodels,
}

/// A z statistic with its p-value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZTest {
    /// Standardised difference.
    pub z: f64,
    /// p-value.
    pub p: f64,
}

/// Pearson chi-square of a 2 × 2 table, plain and with Yates' correction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// Plain statistic.
    pub chi2: f64,
    /// Its p-value at one degree of freedom.
    pub p: f64,
    /// With |observed − expected| reduced by ½ (at most to 0).
    pub chi2_yates: f64,
    /// Its p-value.
    pub p_yates: f64,
}

/// Log odds ratio with its standard error and interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogOdds {
    /// ln of the odds ratio with ½ added to every cell.
    pub log_odds_ratio: f64,
    /// √(Σ 1/cell).
    pub se: f64,
    /// Normal interval on the log scale.
    pub interval: Interval,
}

impl TwoShares {
    /// Checks and holds the counts: `0 < n <= 2^53`, `0 <= k <= n`.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(61.0, 80.0, 50.0, 79.0)?;
    /// assert!((t.difference() - 0.129_588_607_594_936_7).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] otherwise.
    pub fn try_new(k1: f64, n1: f64, k2: f64, n2: f64) -> Result<Self, StatsError> {
        for (what_n, what_k, k, n) in [("n1", "k1", k1, n1), ("n2", "k2", k2, n2)] {
            positive_count(what_n, n)?;
            if !(0.0..=n).contains(&k) {
                return Err(StatsError::OutOfRange {
                    what: what_k,
                    found: k,
                    expected: "a number from 0 to its n",
                });
            }
        }
        Ok(Self { k1, n1, k2, n2 })
    }

    fn p1(&self) -> f64 {
        self.k1 / self.n1
    }

    fn p2(&self) -> f64 {
        self.k2 / self.n2
    }

    /// First share minus second.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.p1() - self.p2()
    }

    /// Standard error of the difference with unpooled variances; 0 when both shares are 0 or 1.
    #[must_use]
    pub fn se(&self) -> f64 {
        let (p1, p2) = (self.p1(), self.p2());
        (p1 * (1.0 - p1) / self.n1 + p2 * (1.0 - p2) / self.n2).sqrt()
    }

    /// Wald interval of the difference. Zero width at 0/n against 0/n; for comparison only.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(90.0, 100.0, 85.0, 100.0)?;
    /// assert!((t.wald(0.95)?.high - 0.05 - 1.959_963_984_540_054 * t.se()).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn wald(&self, confidence: f64) -> Result<Interval, StatsError> {
        open_unit("confidence", confidence)?;
        let z = normal_isf(0.5 * (1.0 - confidence));
        Ok(Interval::around(self.difference(), z * self.se()))
    }

    /// Newcombe's hybrid score interval (1998, method 10), the default: the distances of each share to its
    /// Wilson limits, added in squares.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let i = TwoShares::try_new(5.0, 10.0, 5.0, 10.0)?.newcombe(0.95)?;
    /// assert!((i.high - 0.372_513_623_819_914).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn newcombe(&self, confidence: f64) -> Result<Interval, StatsError> {
        open_unit("confidence", confidence)?;
        Ok(self.newcombe_at(normal_isf(0.5 * (1.0 - confidence))))
    }

    /// One-sided Newcombe bound of the difference from below, for non-inferiority gates.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(90.0, 100.0, 85.0, 100.0)?;
    /// assert!((t.newcombe_lower(0.975)? - t.newcombe(0.95)?.low).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn newcombe_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        Ok(self.newcombe_at(normal_isf(1.0 - confidence)).low)
    }

    /// One-sided Newcombe bound of the difference from above.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(90.0, 100.0, 85.0, 100.0)?;
    /// assert!((t.newcombe_upper(0.975)? - t.newcombe(0.95)?.high).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn newcombe_upper(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        Ok(self.newcombe_at(normal_isf(1.0 - confidence)).high)
    }

    fn newcombe_at(&self, z: f64) -> Interval {
        let (p1, p2) = (self.p1(), self.p2());
        let (w1, w2) = (wilson_at(self.k1, self.n1, z), wilson_at(self.k2, self.n2, z));
        let d = p1 - p2;
        Interval::new(
            d - (p1 - w1.low).hypot(w2.high - p2) * z.signum(),
            d + (w1.high - p1).hypot(p2 - w2.low) * z.signum(),
        )
    }

    /// Agresti–Caffo interval (2000): Wald after adding one success and one failure to each group.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let i = TwoShares::try_new(5.0, 10.0, 5.0, 10.0)?.agresti_caffo(0.95)?;
    /// assert!((i.high - 0.400_075_973_029_609).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn agresti_caffo(&self, confidence: f64) -> Result<Interval, StatsError> {
        Self {
            k1: self.k1 + 1.0,
            n1: self.n1 + 2.0,
            k2: self.k2 + 1.0,
            n2: self.n2 + 2.0,
        }
        .wald(confidence)
    }

    /// Score interval (Miettinen and Nurminen 1985): the differences that their score test with variance
    /// factor N/(N − 1) does not reject.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::{ScoreRoot, TwoShares};
    /// let i = TwoShares::try_new(5.0, 10.0, 5.0, 10.0)?.score(0.95, ScoreRoot::MiettinenNurminen)?;
    /// assert!((i.low + i.high).abs() < 1e-12 && (i.high - 0.410_096_603_3).abs() < 1e-9);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn score(&self, confidence: f64, root: ScoreRoot) -> Result<Interval, StatsError> {
        open_unit("confidence", confidence)?;
        let z = normal_isf(0.5 * (1.0 - confidence));
        let d = self.difference();
        let search = |mut inside: f64, mut outside: f64| {
            for _ in 0..BISECTIONS {
                let middle = 0.5 * (inside + outside);
                if self.score_z(middle, root, true).abs() <= z {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            inside
        };
        Ok(Interval::new(search(d, -1.0), search(d, 1.0)))
    }

    /// One-sided Wald bound of the difference from below with the given confidence.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(90.0, 100.0, 85.0, 100.0)?;
    /// assert!((t.wald_lower(0.975)? - t.wald(0.95)?.low).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn wald_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        Ok(self.difference() - normal_isf(1.0 - confidence) * self.se())
    }

    /// One-sided score test of H0: difference <= `-margin` (non-inferiority of the first group), without the
    /// N/(N − 1) factor. Small p means the first group is not worse by more than the margin.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::{ScoreRoot, TwoShares};
    /// let t = TwoShares::try_new(85.0, 100.0, 88.0, 100.0)?;
    /// let test = t.noninferiority_score(0.1, ScoreRoot::MiettinenNurminen)?;
    /// assert!((test.z - 1.419_297_573).abs() < 1e-8);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] unless `-1 < margin < 1`.
    pub fn noninferiority_score(&self, margin: f64, root: ScoreRoot) -> Result<ZTest, StatsError> {
        check_margin(margin)?;
        let z = self.score_z(-margin, root, false);
        Ok(ZTest { z, p: normal_sf(z) })
    }

    /// One-sided Wald test of H0: difference <= `-margin` with unpooled variances.
    ///
    /// Without any spread (shares 0 or 1 in both groups) z is ±∞ by the sign of difference + margin, 0 on it.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let test = TwoShares::try_new(85.0, 100.0, 88.0, 100.0)?.noninferiority_wald(0.02)?;
    /// assert!((test.p - 0.582_043_199_624_955_5).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] unless `-1 < margin < 1`.
    pub fn noninferiority_wald(&self, margin: f64) -> Result<ZTest, StatsError> {
        check_margin(margin)?;
        let z = quotient(self.difference() + margin, self.se());
        Ok(ZTest { z, p: normal_sf(z) })
    }

    /// The score statistic at a hypothetical difference; falls as `d` rises.
    fn score_z(&self, d: f64, root: ScoreRoot, correction: bool) -> f64 {
        let total = self.n1 + self.n2;
        let (p1, p2) = self.restricted(d, root);
        let mut variance = p1 * (1.0 - p1) / self.n1 + p2 * (1.0 - p2) / self.n2;
        if correction && total > 1.0 {
            variance *= total / (total - 1.0);
        }
        quotient(self.difference() - d, variance.max(0.0).sqrt())
    }

    /// Both shares, estimated under "their difference is d".
    fn restricted(&self, d: f64, root: ScoreRoot) -> (f64, f64) {
        let total = self.n1 + self.n2;
        let successes = self.k1 + self.k2;
        if d == 0.0 {
            return (successes / total, successes / total);
        }
        let factor = match root {
            ScoreRoot::MiettinenNurminen => self.n2,
            ScoreRoot::Statsmodels => self.k2,
        };
        let l2 = (self.n1 + 2.0 * self.n2) * d - total - successes;
        let l1 = (factor * d - total - 2.0 * self.k2) * d + successes;
        let l0 = self.k2 * d * (1.0 - d);
        let shift = l2 / (3.0 * total);
        let q = shift * shift * shift - l1 * l2 / (6.0 * total * total) + l0 / (2.0 * total);
        let p = (shift * shift - l1 / (3.0 * total)).max(0.0).sqrt().copysign(q);
        let cosine = if p == 0.0 {
            1.0
        } else {
            (q / (p * p * p)).clamp(-1.0, 1.0)
        };
        let angle = (std::f64::consts::PI + cosine.acos()) / 3.0;
        let mut share = 2.0 * p * angle.cos() - shift;
        if root == ScoreRoot::MiettinenNurminen {
            // The arc cosine loses half the digits near ±1: polish the root of the cubic.
            for _ in 0..3 {
                let value = ((total * share + l2) * share + l1) * share + l0;
                let slope = (3.0 * total * share + 2.0 * l2) * share + l1;
                let next = share - value / slope;
                if next.is_finite() && (next - share).abs() < 1e-6 {
                    share = next;
                }
            }
            share = share.clamp((-d).max(0.0), (1.0 - d).min(1.0));
        }
        (share + d, share)
    }

    /// Two-sided z test with pooled variance. Without any spread in the pooled data z = 0 and p = 1.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(0.0, 10.0, 3.0, 10.0)?.z_test();
    /// assert!((t.p - 0.060_289_173_990_602).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn z_test(&self) -> ZTest {
        let pooled = (self.k1 + self.k2) / (self.n1 + self.n2);
        let variance = pooled * (1.0 - pooled) * (1.0 / self.n1 + 1.0 / self.n2);
        let z = if variance > 0.0 {
            self.difference() / variance.sqrt()
        } else {
            0.0
        };
        ZTest {
            z,
            p: normal_two_sided(z),
        }
    }

    /// Pearson's chi-square with and without Yates' correction. Without any spread both are 0, p = 1.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let t = TwoShares::try_new(1.0, 1.0, 0.0, 1.0)?.chi_square();
    /// assert_eq!((t.chi2, t.chi2_yates), (2.0, 0.0));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn chi_square(&self) -> ChiSquare {
        let total = self.n1 + self.n2;
        let successes = self.k1 + self.k2;
        let share = successes / total;
        let off = (self.k1 - self.n1 * share).abs();
        let statistic = |off: f64| {
            if successes == 0.0 || successes == total {
                0.0
            } else {
                off * off * (1.0 / self.n1 + 1.0 / self.n2) / (share * (1.0 - share))
            }
        };
        let (chi2, chi2_yates) = (statistic(off), statistic(off - off.min(0.5)));
        ChiSquare {
            chi2,
            p: chi2_sf(chi2, 1.0),
            chi2_yates,
            p_yates: chi2_sf(chi2_yates, 1.0),
        }
    }

    /// Log odds ratio with ½ added to every cell (Haldane 1956, Anscombe 1956), defined for every table.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let o = TwoShares::try_new(0.0, 10.0, 3.0, 10.0)?.log_odds_ratio(0.95)?;
    /// assert!((o.log_odds_ratio + 2.282_382_385_676_526_4).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn log_odds_ratio(&self, confidence: f64) -> Result<LogOdds, StatsError> {
        open_unit("confidence", confidence)?;
        let cells = [self.k1, self.n1 - self.k1, self.k2, self.n2 - self.k2].map(|cell| cell + 0.5);
        let [a, b, c, d] = cells;
        let log_odds_ratio = (a / b).ln() - (c / d).ln();
        let se = cells.iter().map(|cell| 1.0 / cell).sum::<f64>().sqrt();
        let half = normal_isf(0.5 * (1.0 - confidence)) * se;
        Ok(LogOdds {
            log_odds_ratio,
            se,
            interval: Interval::around(log_odds_ratio, half),
        })
    }

    /// P(first share > second) when both have uniform priors: independent Beta(1 + k, 1 + n − k) posteriors.
    ///
    /// ```
    /// use seatrial_stats::two_proportions::TwoShares;
    /// let p = TwoShares::try_new(1.0, 1.0, 0.0, 1.0)?.probability_of_superiority();
    /// assert!((p - 5.0 / 6.0).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn probability_of_superiority(&self) -> f64 {
        beta_superiority(
            [1.0 + self.k1, 1.0 + self.n1 - self.k1],
            [1.0 + self.k2, 1.0 + self.n2 - self.k2],
        )
    }
}

fn check_margin(margin: f64) -> Result<(), StatsError> {
    if margin.abs() < 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "margin",
        found: margin,
        expected: "a number between -1 and 1",
    })
}

/// a/b where b >= 0; without spread ±∞ by the sign of a, and 0 for 0/0.
fn quotient(a: f64, b: f64) -> f64 {
    if b > 0.0 {
        a / b
    } else if a == 0.0 {
        0.0
    } else {
        f64::INFINITY.copysign(a)
    }
}

/// P(X > Y) for independent beta variables with parameters above 0: the density of X times the distribution
/// of Y, by Gauss–Legendre quadrature over the logit between far quantiles of both.
fn beta_superiority([a1, b1]: [f64; 2], [a2, b2]: [f64; 2]) -> f64 {
    const TAIL: f64 = 1e-17;
    const PANELS: u32 = 12;
    let ends = |a, b| {
        (
            beta_quantile_logit(a, b, TAIL, 1.0 - TAIL),
            beta_quantile_logit(a, b, 1.0 - TAIL, TAIL),
        )
    };
    let (from, to) = ends(a1, b1);
    let (other_from, other_to) = ends(a2, b2);
    // Panels as fine as the narrower of the two needs, where it lies.
    let mut cuts: Vec<f64> = (0..=PANELS)
        .flat_map(|i| {
            let t = f64::from(i) / f64::from(PANELS);
            [from + t * (to - from), other_from + t * (other_to - other_from)]
        })
        .filter(|&u| from < u && u < to)
        .chain([from, to])
        .collect();
    cuts.sort_by(f64::total_cmp);
    let rule = gauss_legendre(24);
    let mut total = 0.0;
    for pair in cuts.windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        for &(node, weight) in &rule {
            let (x, y) = logistic(middle + half * node);
            let density = a1 / (a1 + b1) * b1 * binomial_kernel(a1, b1, x, y);
            total += weight * half * density * inc_beta_xy(a2, b2, x, y).lower;
        }
    }
    total.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::real;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = (u64, u64, u64, u64)> {
        (1u64..200, 1u64..200).prop_flat_map(|(n1, n2)| (0..=n1, Just(n1), 0..=n2, Just(n2)))
    }

    proptest! {
        /// Protects: intervals contain the difference, widen with the level, lie in [−1, 1] where they must,
        /// and mirror when the groups are exchanged; p-values lie in [0, 1] and do not care about the order.
        #[test]
        fn invariants((k1, n1, k2, n2) in counts(), level in 0.5f64..0.98) {
            let t = TwoShares::try_new(real(k1), real(n1), real(k2), real(n2)).unwrap();
            let s = TwoShares::try_new(real(k2), real(n2), real(k1), real(n1)).unwrap();
            let d = t.difference();
            let score = |t: &TwoShares, level| t.score(level, ScoreRoot::MiettinenNurminen).unwrap();
            for (name, narrow, wide, mirror) in [
                ("wald", t.wald(level).unwrap(), t.wald(level + 0.01).unwrap(), s.wald(level).unwrap()),
                ("newcombe", t.newcombe(level).unwrap(), t.newcombe(level + 0.01).unwrap(), s.newcombe(level).unwrap()),
                ("score", score(&t, level), score(&t, level + 0.01), score(&s, level)),
            ] {
                prop_assert!(narrow.low <= d + 1e-9 && d <= narrow.high + 1e-9, "{name} {narrow:?}");
                prop_assert!(wide.low <= narrow.low + 1e-9 && narrow.high <= wide.high + 1e-9, "{name}");
                prop_assert!((narrow.low + mirror.high).abs() < 1e-7, "{name} {narrow:?} {mirror:?}");
                if name != "wald" {
                    prop_assert!(narrow.low >= -1.0 - 1e-12 && narrow.high <= 1.0 + 1e-12, "{name}");
                }
            }
            for (p, q) in [
                (t.z_test().p, s.z_test().p),
                (t.chi_square().p, s.chi_square().p),
                (t.chi_square().p_yates, s.chi_square().p_yates),
                (t.probability_of_superiority(), 1.0 - s.probability_of_superiority()),
            ] {
                prop_assert!((0.0..=1.0).contains(&p) && (p - q).abs() < 1e-9, "{p} {q}");
            }
            prop_assert!((t.z_test().p - t.chi_square().p).abs() < 1e-9);
        }
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        assert!(TwoShares::try_new(0.0, 0.0, 1.0, 2.0).is_err());
        assert!(TwoShares::try_new(3.0, 2.0, 1.0, 2.0).is_err());
        assert!(TwoShares::try_new(f64::NAN, 2.0, 1.0, 2.0).is_err());
        let same = TwoShares::try_new(10.0, 10.0, 10.0, 10.0).unwrap();
        assert_eq!(
            (same.z_test().z, same.z_test().p, same.chi_square().p),
            (0.0, 1.0, 1.0)
        );
        assert!(same.score(0.95, ScoreRoot::MiettinenNurminen).unwrap().low < -0.1);
        let apart = TwoShares::try_new(10.0, 10.0, 0.0, 10.0).unwrap();
        assert_eq!(apart.score(0.95, ScoreRoot::MiettinenNurminen).unwrap().high, 1.0);
        assert_eq!(apart.noninferiority_wald(0.1).unwrap().p, 0.0);
        assert!(apart.noninferiority_wald(1.0).is_err());
        let huge = TwoShares::try_new(5e11, 1e12, 5e11, 1e12).unwrap();
        assert!((huge.probability_of_superiority() - 0.5).abs() < 1e-9);
    }
}
