//! Non-inferiority and equivalence of scores (higher is better): the tests behind "not worse than the
//! baseline". A plain "not significantly different" is no evidence of sameness; these put the burden of proof
//! on the change. For shares see [`crate::two_proportions`] and [`crate::mcnemar`].

use crate::dist::{t_cdf, t_isf, t_sf};
use crate::error::{at_least, finite_scalar, open_unit};
use crate::mean::{self, MeanSummary};
use crate::{StatsError, paired};

/// Two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tost {
    /// The larger of the two one-sided p-values; equivalence is shown when it is at most α.
    pub p: f64,
    /// t of "the difference is above the lower limit".
    pub t_lower: f64,
    /// Its one-sided p.
    pub p_lower: f64,
    /// t of "the difference is below the upper limit".
    pub t_upper: f64,
    /// Its one-sided p.
    pub p_upper: f64,
}

/// Equivalence of paired scores: is the mean of `a − b` inside (`low`, `high`)? Schuirmann 1987.
///
/// Without spread t is ±∞ by the side of the limit, and 0 on it.
///
/// ```
/// let (a, b) = ([0.8, 0.7, 0.9, 0.8], [0.79, 0.72, 0.9, 0.8]);
/// assert!(seatrial_stats::equivalence::tost_paired(&a, &b, -0.1, 0.1)?.p < 0.01);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`], [`StatsError::TooFew`] below two pairs,
/// [`StatsError::OutOfRange`] unless `low < high`, both finite.
pub fn tost_paired(a: &[f64], b: &[f64], low: f64, high: f64) -> Result<Tost, StatsError> {
    check_limits(low, high)?;
    let d = difference(a, b)?;
    Ok(tost(d.mean, d.se, d.df(), low, high))
}

/// Equivalence of two independent samples with pooled variance: is the difference of means inside
/// (`low`, `high`)?
///
/// ```
/// let (a, b) = ([0.8, 0.7, 0.9], [0.79, 0.72, 0.9, 0.8]);
/// assert!(seatrial_stats::equivalence::tost_independent(&a, &b, -1.0, 1.0)?.p < 0.01);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`tost_paired`], but for lengths; each sample wants one value, both together three.
pub fn tost_independent(a: &[f64], b: &[f64], low: f64, high: f64) -> Result<Tost, StatsError> {
    check_limits(low, high)?;
    let (ma, mb) = (mean::summarise(a)?, mean::summarise(b)?);
    at_least("a and b", a.len() + b.len(), 3)?;
    let df = ma.df() + mb.df();
    let squares = |m: &MeanSummary| if m.n > 1 { m.df() * m.variance } else { 0.0 };
    let pooled = (squares(&ma) + squares(&mb)) / df;
    let se = (pooled * (1.0 / (ma.df() + 1.0) + 1.0 / (mb.df() + 1.0))).sqrt();
    Ok(tost(ma.mean - mb.mean, se, df, low, high))
}

/// Result of a one-sided non-inferiority test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NonInferiority {
    /// t of "the mean difference is above −margin".
    pub t: f64,
    /// Its one-sided p.
    pub p: f64,
    /// One-sided 1 − α lower bound of the mean difference.
    pub lower_bound: f64,
    /// Whether the bound lies above −margin.
    pub pass: bool,
}

/// Non-inferiority of paired scores, H0: mean of `a − b` is at most `-margin`.
///
/// ```
/// let (a, b) = ([0.8, 0.7, 0.9, 0.8], [0.79, 0.72, 0.9, 0.8]);
/// assert!(seatrial_stats::equivalence::noninferiority_paired(&a, &b, 0.1, 0.05)?.pass);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::LengthMismatch`], [`StatsError::NotFinite`], [`StatsError::TooFew`] below two pairs,
/// [`StatsError::OutOfRange`] for an infinite margin or an α outside (0, 1).
pub fn noninferiority_paired(
    a: &[f64],
    b: &[f64],
    margin: f64,
    alpha: f64,
) -> Result<NonInferiority, StatsError> {
    finite_scalar("margin", margin)?;
    open_unit("alpha", alpha)?;
    let d = difference(a, b)?;
    let t = statistic(d.mean + margin, d.se);
    let lower_bound = d.mean - t_isf(alpha, d.df()) * d.se;
    Ok(NonInferiority {
        t,
        p: t_sf(t, d.df()),
        lower_bound,
        pass: lower_bound > -margin,
    })
}

fn difference(a: &[f64], b: &[f64]) -> Result<MeanSummary, StatsError> {
    Ok(paired::difference(a, b, 0.95)?.summary)
}

fn check_limits(low: f64, high: f64) -> Result<(), StatsError> {
    finite_scalar("low", low)?;
    finite_scalar("high", high)?;
    if low < high {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "low",
        found: low,
        expected: "a number below high",
    })
}

fn tost(mean: f64, se: f64, df: f64, low: f64, high: f64) -> Tost {
    let (t_lower, t_upper) = (statistic(mean - low, se), statistic(mean - high, se));
    let (p_lower, p_upper) = (t_sf(t_lower, df), t_cdf(t_upper, df));
    Tost {
        p: p_lower.max(p_upper),
        t_lower,
        p_lower,
        t_upper,
        p_upper,
    }
}

/// gap/se; without spread ±∞ by the sign of the gap, 0 for no gap.
fn statistic(gap: f64, se: f64) -> f64 {
    if se > 0.0 {
        gap / se
    } else if gap == 0.0 {
        0.0
    } else {
        f64::INFINITY.copysign(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: p in [0, 1]; the pass flag, the bound and p tell one story; exchanging systems mirrors.
        #[test]
        fn consistent(rows in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 2..60), margin in 0.001f64..0.5) {
            let (a, b): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let n = noninferiority_paired(&a, &b, margin, 0.05).unwrap();
            prop_assert!((0.0..=1.0).contains(&n.p));
            prop_assert!(n.pass == (n.p < 0.05) || (n.p - 0.05).abs() < 1e-9);
            for test in [tost_paired, tost_independent] {
                let (x, y) = (test(&a, &b, -margin, margin).unwrap(), test(&b, &a, -margin, margin).unwrap());
                prop_assert!((0.0..=1.0).contains(&x.p) && (x.p - y.p).abs() < 1e-9);
            }
            let x = tost_paired(&a, &b, -margin, margin).unwrap();
            prop_assert!((x.p_lower - n.p).abs() < 1e-12);
        }
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        let same = noninferiority_paired(&[1.0; 5], &[1.0; 5], 0.02, 0.05).unwrap();
        assert!(same.pass && same.p == 0.0 && same.lower_bound == 0.0);
        let on_the_edge = noninferiority_paired(&[1.0; 5], &[1.0; 5], 0.0, 0.05).unwrap();
        assert!(!on_the_edge.pass && on_the_edge.p == 0.5);
        assert!(noninferiority_paired(&[1.0], &[1.0], 0.02, 0.05).is_err());
        assert!(noninferiority_paired(&[1.0, 2.0], &[1.0, 2.0], f64::NAN, 0.05).is_err());
        assert!(tost_paired(&[1.0, 2.0], &[1.0, 2.0], 0.1, -0.1).is_err());
        assert!(tost_independent(&[1.0], &[1.0], -0.1, 0.1).is_err());
        assert!(tost_independent(&[], &[1.0, 2.0], -0.1, 0.1).is_err());
        assert!(tost_independent(&[1.0], &[1.0, 1.0], -0.1, 0.1).unwrap().p < 1e-9);
    }
}
