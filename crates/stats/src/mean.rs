//! Mean of a score with its standard error, normal and Student-t intervals.
//!
//! Assumes independent observations; clustered ones belong to [`crate::cluster`], scores in [0, 1] below
//! thirty observations to [`crate::bounded`], where these intervals undercover.

use crate::dist::{normal_isf, real, t_isf};
use crate::error::{at_least, finite, open_unit};
use crate::moments::{self, Moments};
use crate::{Interval, StatsError};

/// Mean, sample variance and standard error of independent observations.
///
/// ```
/// let m = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?;
/// assert_eq!((m.n, m.df()), (3, 2.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSummary {
    /// Number of observations.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample variance, divisor n − 1; `NaN` for one observation.
    pub variance: f64,
    /// √(variance / n); `NaN` for one observation.
    pub se: f64,
}

/// Mean, variance and standard error of `x`.
///
/// ```
/// let m = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?;
/// assert_eq!((m.mean, m.variance), (2.0, 1.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty, [`StatsError::NotFinite`] for a `NaN` or an infinity,
/// [`StatsError::Undefined`] when the values are so large that their squares overflow.
pub fn summarise(x: &[f64]) -> Result<MeanSummary, StatsError> {
    at_least("x", x.len(), 1)?;
    finite("x", x)?;
    let mean = moments::mean(x);
    MeanSummary::build(x.len(), mean, moments::squares(x, mean))
}

impl MeanSummary {
    /// From an accumulator.
    ///
    /// ```
    /// use seatrial_stats::{mean::MeanSummary, moments::Moments};
    /// let m = MeanSummary::from_moments(&Moments::of(&[1.0, 2.0, 3.0])?)?;
    /// assert_eq!((m.n, m.mean, m.variance), (3, 2.0, 1.0));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::TooFew`] when it is empty.
    pub fn from_moments(moments: &Moments) -> Result<Self, StatsError> {
        let n = usize::try_from(moments.n()).unwrap_or(usize::MAX);
        at_least("moments", n, 1)?;
        let mean = moments.mean().unwrap_or(f64::NAN);
        let squares = moments.variance_population().unwrap_or(f64::NAN) * real(moments.n());
        Self::build(n, mean, squares)
    }

    fn build(n: usize, mean: f64, squares: f64) -> Result<Self, StatsError> {
        if !(mean.is_finite() && squares.is_finite()) {
            return Err(StatsError::Undefined {
                what: "mean",
                why: "the values are too large for double precision",
            });
        }
        let (variance, se) = if n > 1 {
            let variance = squares / real(n as u64 - 1);
            (variance, (variance / real(n as u64)).sqrt())
        } else {
            (f64::NAN, f64::NAN)
        };
        Ok(Self {
            n,
            mean,
            variance,
            se,
        })
    }

    /// Degrees of freedom of the standard error, n − 1.
    #[must_use]
    pub fn df(&self) -> f64 {
        real(self.n as u64) - 1.0
    }

    /// Normal interval mean ± z · se. Too narrow below about a hundred observations; for comparison only.
    ///
    /// ```
    /// let i = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?.z_interval(0.95)?;
    /// assert!((i.high - 2.0 - 1.959_963_984_540_054 / 3f64.sqrt()).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::TooFew`] below two observations, [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn z_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        open_unit("confidence", confidence)?;
        at_least("x", self.n, 2)?;
        Ok(Interval::around(
            self.mean,
            normal_isf(0.5 * (1.0 - confidence)) * self.se,
        ))
    }

    /// Student-t interval mean ± t(n − 1) · se, the default for scores that are not shares.
    ///
    /// Assumes independent observations without extreme skew; coverage is near nominal from 20 observations
    /// on for bell-shaped, flat and five-level scores, and from 200 on for lognormal ones. Zero width when all
    /// values are equal: then it says nothing about what was not seen.
    ///
    /// ```
    /// let i = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?.t_interval(0.95)?;
    /// assert!((i.high - 2.0 - 4.302_652_729_749_464 / 3f64.sqrt()).abs() < 1e-11);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::z_interval`].
    pub fn t_interval(&self, confidence: f64) -> Result<Interval, StatsError> {
        open_unit("confidence", confidence)?;
        at_least("x", self.n, 2)?;
        Ok(Interval::around(self.mean, self.margin(0.5 * (1.0 - confidence))))
    }

    /// One-sided t bound from below: the mean is at least this with the given confidence.
    ///
    /// ```
    /// let m = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?;
    /// assert!((m.t_lower(0.975)? - m.t_interval(0.95)?.low).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::z_interval`].
    pub fn t_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        at_least("x", self.n, 2)?;
        Ok(self.mean - self.margin(1.0 - confidence))
    }

    /// One-sided t bound from above: the mean is at most this with the given confidence.
    ///
    /// ```
    /// let m = seatrial_stats::mean::summarise(&[1.0, 2.0, 3.0])?;
    /// assert!((m.t_upper(0.975)? - m.t_interval(0.95)?.high).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::z_interval`].
    pub fn t_upper(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        at_least("x", self.n, 2)?;
        Ok(self.mean + self.margin(1.0 - confidence))
    }

    fn margin(&self, tail: f64) -> f64 {
        t_isf(tail, self.df()) * self.se
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: t intervals contain the mean, widen with the level and are wider than normal ones.
        #[test]
        fn nested(x in prop::collection::vec(-1e6f64..1e6, 2..200), level in 0.5f64..0.98) {
            let m = summarise(&x).unwrap();
            let (narrow, wide) = (m.t_interval(level).unwrap(), m.t_interval(level + 0.015).unwrap());
            prop_assert!(narrow.contains(m.mean));
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            prop_assert!(narrow.width() >= m.z_interval(level).unwrap().width());
            prop_assert!((m.t_lower(0.5 + level / 2.0).unwrap() - narrow.low).abs() <= 1e-9 * m.se);
        }
    }

    /// Protects: the accumulator and the slice give one result.
    #[test]
    fn from_accumulator() {
        let x = [0.3, 0.9, 0.25, 0.7];
        let a = summarise(&x).unwrap();
        let b = MeanSummary::from_moments(&Moments::of(&x).unwrap()).unwrap();
        assert!((a.mean - b.mean).abs() < 1e-15 && (a.se - b.se).abs() < 1e-15);
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        assert!(matches!(summarise(&[]), Err(StatsError::TooFew { .. })));
        assert!(matches!(
            summarise(&[1.0, f64::NAN]),
            Err(StatsError::NotFinite { index: 1, .. })
        ));
        assert!(matches!(
            summarise(&[1e300, -1e300]),
            Err(StatsError::Undefined { .. })
        ));
        let one = summarise(&[0.7]).unwrap();
        assert!(one.mean == 0.7 && one.se.is_nan() && one.t_interval(0.95).is_err());
        let equal = summarise(&[0.1; 10]).unwrap().t_interval(0.95).unwrap();
        assert_eq!(equal, Interval::new(0.1, 0.1));
        assert!(summarise(&[1.0, 2.0]).unwrap().t_interval(0.0).is_err());
    }
}
