//! Two samples of scores: paired differences, Welch's test, effect sizes, the sign test.
//!
//! Paired is the default for two systems on the same cases. Tests that rank are in [`crate::rank_test`], the
//! permutation test in [`crate::permutation`].

use crate::dist::{ln_gamma, noncentral_t_cdf, noncentral_t_sf, normal_isf, real, t_isf, t_two_sided};
use crate::error::{at_least, finite, open_unit, same_length};
use crate::mean::{self, MeanSummary};
use crate::moments;
use crate::proportion::binom_test;
use crate::{Alternative, Interval, StatsError};

/// Differences `a[i] − b[i]`.
///
/// ```
/// assert_eq!(seatrial_stats::paired::differences(&[1.0, 0.0], &[0.5, 0.5])?, [0.5, -0.5]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`].
pub fn differences(a: &[f64], b: &[f64]) -> Result<Vec<f64>, StatsError> {
    same_length("a", a.len(), "b", b.len())?;
    finite("a", a)?;
    finite("b", b)?;
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    finite("a - b", &d)?;
    Ok(d)
}

/// Mean paired difference with what pairing gained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// Mean, variance and standard error of the differences; its `t_interval` is the one to report.
    pub summary: MeanSummary,
    /// Standard error as if unpaired, √(s²ₐ/n + s²_b/n).
    pub se_unpaired: f64,
    /// Pearson correlation of the two systems' scores; `NaN` when either is constant.
    pub correlation: f64,
    /// 1 − (paired/unpaired)²; `NaN` when both are constant. Negative when pairing hurts.
    pub variance_reduction: f64,
    /// Normal interval.
    pub z_interval: Interval,
    /// t statistic of "no difference"; `NaN` when all differences are equal.
    pub t: f64,
    /// Its two-sided p-value at n − 1 degrees of freedom; `NaN` when all differences are equal.
    pub t_p: f64,
}

/// Paired difference `a − b` with at least two pairs.
///
/// Differences that are equal up to rounding count as equal (no spread).
///
/// ```
/// let d = seatrial_stats::paired::difference(&[3.0, 2.0, 3.0], &[3.0, 1.0, 2.0], 0.95)?;
/// assert!((d.summary.mean - 2.0 / 3.0).abs() < 1e-15 && (d.variance_reduction - 0.75).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`], [`StatsError::TooFew`] below two pairs,
/// [`StatsError::OutOfRange`] for a confidence outside (0, 1).
pub fn difference(a: &[f64], b: &[f64], confidence: f64) -> Result<PairedDifference, StatsError> {
    open_unit("confidence", confidence)?;
    let d = differences(a, b)?;
    at_least("a", a.len(), 2)?;
    let mut summary = mean::summarise(&d)?;
    let (ma, mb) = (mean::summarise(a)?, mean::summarise(b)?);
    let n = real(a.len() as u64);
    let scale = ma.mean.abs().max(mb.mean.abs());
    if summary.variance <= (8.0 * f64::EPSILON * scale).powi(2) {
        summary.variance = 0.0;
        summary.se = 0.0;
    }
    let se_unpaired = (ma.variance / n + mb.variance / n).sqrt();
    let products: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - ma.mean) * (b - mb.mean))
        .collect();
    let covariance = moments::sum(&products) / (n - 1.0);
    let correlation = if ma.variance > 0.0 && mb.variance > 0.0 {
        (covariance / (ma.variance.sqrt() * mb.variance.sqrt())).clamp(-1.0, 1.0)
    } else {
        f64::NAN
    };
    let variance_reduction = if se_unpaired > 0.0 {
        1.0 - (summary.se / se_unpaired).powi(2)
    } else {
        f64::NAN
    };
    let t = if summary.se > 0.0 {
        summary.mean / summary.se
    } else {
        f64::NAN
    };
    Ok(PairedDifference {
        summary,
        se_unpaired,
        correlation,
        variance_reduction,
        z_interval: Interval::around(summary.mean, normal_isf(0.5 * (1.0 - confidence)) * summary.se),
        t,
        t_p: t_two_sided(t, summary.df()),
    })
}

/// Signs of paired differences and the exact test of "as many up as down".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignTest {
    /// Pairs where the first is greater.
    pub positive: u64,
    /// Pairs where the second is greater.
    pub negative: u64,
    /// Ties, left out of the test.
    pub zero: u64,
    /// Two-sided exact binomial p; 1 when all are ties.
    pub p: f64,
}

/// Sign test of paired differences; empty input gives p = 1.
///
/// Assumes nothing but independence; the honest companion of Wilcoxon's test on scores with many ties.
///
/// ```
/// let s = seatrial_stats::paired::sign_test(&[1.0, 1.0, 0.0])?;
/// assert_eq!((s.positive, s.zero, s.p), (2, 1, 0.5));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::NotFinite`].
pub fn sign_test(differences: &[f64]) -> Result<SignTest, StatsError> {
    finite("differences", differences)?;
    let count = |keep: fn(f64) -> bool| differences.iter().filter(|&&d| keep(d)).count() as u64;
    let (positive, negative) = (count(|d| d > 0.0), count(|d| d < 0.0));
    Ok(SignTest {
        positive,
        negative,
        zero: count(|d| d == 0.0),
        p: binom_test(positive, positive + negative, 0.5, Alternative::TwoSided)?,
    })
}

/// Welch's test for two independent samples of unequal variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchTest {
    /// t statistic of the difference of means, first minus second.
    pub t: f64,
    /// Welch–Satterthwaite degrees of freedom.
    pub df: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Difference of means.
    pub difference: f64,
    /// Interval of the difference.
    pub interval: Interval,
}

/// Welch's t test of `a` against `b`, at least two observations each.
///
/// ```
/// let w = seatrial_stats::paired::welch_t(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0], 0.95)?;
/// assert!(w.difference == -2.0 && w.p > 0.1);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`], [`StatsError::NotFinite`], [`StatsError::OutOfRange`] for a confidence outside
/// (0, 1), [`StatsError::Undefined`] when neither sample varies.
pub fn welch_t(a: &[f64], b: &[f64], confidence: f64) -> Result<WelchTest, StatsError> {
    open_unit("confidence", confidence)?;
    at_least("a", a.len(), 2)?;
    at_least("b", b.len(), 2)?;
    let (ma, mb) = (mean::summarise(a)?, mean::summarise(b)?);
    let (va, vb) = (ma.se * ma.se, mb.se * mb.se);
    let se = (va + vb).sqrt();
    if se == 0.0 {
        return Err(StatsError::Undefined {
            what: "Welch's t",
            why: "neither sample varies",
        });
    }
    // Shares of the variance first, so that tiny variances do not underflow when squared.
    let (sa, sb) = (va / (va + vb), vb / (va + vb));
    let df = 1.0 / (sa * sa / ma.df() + sb * sb / mb.df());
    let difference = ma.mean - mb.mean;
    let t = difference / se;
    Ok(WelchTest {
        t,
        df,
        p: t_two_sided(t, df),
        difference,
        interval: Interval::around(difference, t_isf(0.5 * (1.0 - confidence), df) * se),
    })
}

/// Standardised differences of two samples of equal length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectSizes {
    /// Difference of means over the pooled standard deviation; `NaN` when neither sample varies.
    pub cohens_d: f64,
    /// Cohen's d without its small-sample bias (exact gamma correction, Hedges 1981).
    pub hedges_g: f64,
    /// Mean difference over the standard deviation of the differences; `NaN` when these are all equal.
    pub d_z: f64,
}

/// Effect sizes of `a` against `b` on the same cases; at least two.
///
/// ```
/// let e = seatrial_stats::paired::effect_sizes(&[3.0, 2.0, 3.0], &[3.0, 1.0, 2.0])?;
/// assert!((e.cohens_d - 0.816_496_580_927_726).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`], [`StatsError::TooFew`] below two pairs.
pub fn effect_sizes(a: &[f64], b: &[f64]) -> Result<EffectSizes, StatsError> {
    let paired = difference(a, b, 0.95)?;
    let (ma, mb) = (mean::summarise(a)?, mean::summarise(b)?);
    let df = ma.df() + mb.df();
    let pooled = ((ma.df() * ma.variance + mb.df() * mb.variance) / df).sqrt();
    let cohens_d = if pooled > 0.0 {
        (ma.mean - mb.mean) / pooled
    } else {
        f64::NAN
    };
    let correction = (ln_gamma(0.5 * df) - 0.5 * (0.5 * df).ln() - ln_gamma(0.5 * (df - 1.0))).exp();
    let sd = paired.summary.variance.sqrt();
    Ok(EffectSizes {
        cohens_d,
        hedges_g: cohens_d * correction,
        d_z: if sd > 0.0 {
            paired.summary.mean / sd
        } else {
            f64::NAN
        },
    })
}

/// Interval for the standardised mean difference d_z of `n` pairs: the effects δ at which the observed t statistic is
/// the upper and the lower tail point of the noncentral t distribution with n − 1 degrees of freedom.
///
/// Exact when the differences are normal. Source: Steiger and Fouladi 1997.
///
/// ```
/// let i = seatrial_stats::paired::d_z_interval(0.5, 30, 0.95)?;
/// assert!((i.low - 0.116_100_710).abs() < 1e-8 && (i.high - 0.876_261_341).abs() < 1e-8);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] below two pairs; [`StatsError::OutOfRange`] for a `d_z` beyond ±1,000 and a confidence outside
/// (0, 1).
pub fn d_z_interval(d_z: f64, n: usize, confidence: f64) -> Result<Interval, StatsError> {
    const LIMIT: f64 = 1e3;
    const HALVINGS: usize = 100;
    if n < 2 {
        return Err(StatsError::TooFew {
            what: "differences",
            found: n,
            needed: 2,
        });
    }
    open_unit("confidence", confidence)?;
    if d_z.is_nan() || d_z.abs() > LIMIT {
        return Err(StatsError::OutOfRange {
            what: "d_z",
            found: d_z,
            expected: "a number from -1000 to 1000",
        });
    }
    let (root, df) = (real(n as u64).sqrt(), real(n as u64) - 1.0);
    let (t, tail) = (d_z * root, 0.5 * (1.0 - confidence));
    // The standard error of t around its noncentrality is about √(1 + t²/2df); at few degrees of freedom the tails are
    // far longer, and the bracket is widened until it holds.
    let step = 4.0 * (1.0 + 0.5 * t * t / df).sqrt();
    let solve = |is_beyond: &dyn Fn(f64) -> bool, direction: f64| {
        let (mut near, mut far) = (t, t + direction * step);
        for _ in 0..HALVINGS {
            if is_beyond(far) {
                break;
            }
            far += direction * step;
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (near + far);
            if is_beyond(middle) {
                far = middle;
            } else {
                near = middle;
            }
        }
        0.5 * (near + far) / root
    };
    let low = solve(&|delta| noncentral_t_sf(t, df, delta) <= tail, -1.0);
    let high = solve(&|delta| noncentral_t_cdf(t, df, delta) <= tail, 1.0);
    Ok(Interval::new(low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: exchanging the systems flips signs and keeps p-values, all of them in [0, 1].
        #[test]
        fn symmetric(rows in prop::collection::vec((-1e3f64..1e3, -1e3f64..1e3), 2..60)) {
            let (a, b): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let (x, y) = (difference(&a, &b, 0.95).unwrap(), difference(&b, &a, 0.95).unwrap());
            prop_assert!((x.summary.mean + y.summary.mean).abs() < 1e-9);
            prop_assert!(x.t.is_nan() || ((x.t_p - y.t_p).abs() < 1e-9 && (0.0..=1.0).contains(&x.t_p)));
            let (x, y) = (welch_t(&a, &b, 0.95).unwrap(), welch_t(&b, &a, 0.95).unwrap());
            prop_assert!((x.p - y.p).abs() < 1e-9 && (0.0..=1.0).contains(&x.p));
            prop_assert!(x.interval.contains(x.difference));
            let d = differences(&a, &b).unwrap();
            let e = differences(&b, &a).unwrap();
            prop_assert_eq!(sign_test(&d).unwrap().p, sign_test(&e).unwrap().p);
            let (x, y) = (effect_sizes(&a, &b).unwrap(), effect_sizes(&b, &a).unwrap());
            prop_assert!((x.hedges_g + y.hedges_g).abs() < 1e-9);
        }
    }

    /// Protects: the interval of a standardised effect, against scipy's noncentral t inverted by its root finder.
    #[test]
    fn effects_have_the_interval_of_scipy() {
        for (d, n, confidence, low, high) in [
            (0.0, 20, 0.95, -0.438_261_270_288_290_8, 0.438_261_270_288_290_8),
            (-1.2, 12, 0.90, -1.811_273_548_952_137_2, -0.549_056_622_917_411_5),
            (2.5, 100, 0.99, 1.978_367_542_601_152, 3.027_124_119_645_334_2),
            (
                0.1,
                5000,
                0.95,
                0.072_207_727_051_995_71,
                0.127_782_318_340_986_16,
            ),
        ] {
            let i = d_z_interval(d, n, confidence).unwrap();
            assert!(
                (i.low - low).abs() < 1e-7 && (i.high - high).abs() < 1e-7,
                "{d} {n}: {i:?}"
            );
        }
        assert!(d_z_interval(0.1, 1, 0.95).is_err());
        assert!(d_z_interval(f64::NAN, 10, 0.95).is_err());
        assert!(d_z_interval(0.1, 10, 1.0).is_err());
        assert!(d_z_interval(1e3, 100, 0.95).unwrap().contains(1e3));
        assert!(d_z_interval(3.0, 2, 0.95).unwrap().contains(3.0));
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        assert!(difference(&[1.0], &[1.0], 0.95).is_err());
        assert!(difference(&[1.0, 2.0], &[1.0], 0.95).is_err());
        assert!(difference(&[1.0, f64::INFINITY], &[1.0, 2.0], 0.95).is_err());
        assert!(difference(&[f64::MAX, 1.0], &[-f64::MAX, 2.0], 0.95).is_err());
        let constant = difference(&[0.3, 0.4, 0.5], &[0.2, 0.3, 0.4], 0.95).unwrap();
        assert!(constant.summary.se == 0.0 && constant.t.is_nan() && constant.variance_reduction == 1.0);
        assert!(welch_t(&[1.0, 1.0], &[1.0, 1.0], 0.95).is_err());
        assert!(welch_t(&[1.0], &[1.0, 2.0], 0.95).is_err());
        assert_eq!(sign_test(&[]).unwrap().p, 1.0);
        assert!(effect_sizes(&[1.0, 1.0], &[1.0, 1.0]).unwrap().cohens_d.is_nan());
    }
}
