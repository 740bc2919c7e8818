//! Asymptotic confidence sequence: any independent observations with finite variance, O(1) each.

use super::ConfidenceSequence;
use crate::Interval;
use crate::error::{StatsError, open_unit, positive};
use crate::moments::Moments;

/// Asymptotic confidence sequence for a mean: mean ± sd·√(2(tρ²+1)/(t²ρ²)·ln(√(tρ²+1)/α)).
///
/// Needs independent observations with a finite variance and nothing else; the price is that the level holds
/// only from some dozens of observations on, as for the normal approximation. Give [`start_up`](Self::start_up)
/// at least 30 (more for rare events): before that the interval is (−∞, ∞). The standard deviation divides by
/// t. States of disjoint data merge.
///
/// Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021.
///
/// ```
/// use seatrial_stats::sequential::{AsymptoticCs, ConfidenceSequence};
/// let mut cs = AsymptoticCs::try_new(0.05, AsymptoticCs::rho2_for(200.0, 0.05)?)?.start_up(30);
/// let values: Vec<f64> = (0..200).map(|i| f64::from(i % 5)).collect();
/// let all = cs.run(&values)?;
/// assert_eq!(all[28].low, f64::NEG_INFINITY);
/// assert!(all[199].contains(2.0) && all[199].width() < 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AsymptoticCs {
    alpha: f64,
    rho2: f64,
    start_up: u64,
    moments: Moments,
}

impl AsymptoticCs {
    /// A sequence at level 1 − `alpha` with tuning `rho2`, see [`rho2_for`](Self::rho2_for).
    ///
    /// # Errors
    /// `alpha` outside (0, 1), `rho2` not positive.
    pub fn try_new(alpha: f64, rho2: f64) -> Result<Self, StatsError> {
        open_unit("alpha", alpha)?;
        positive("rho2", rho2)?;
        Ok(Self {
            alpha,
            rho2,
            start_up: 0,
            moments: Moments::new(),
        })
    }

    /// The tuning that makes the interval tightest after `t` observations (ρ² = (2·ln(1/α) + ln(1 + 2·ln(1/α)))/t).
    ///
    /// # Errors
    /// `t` not positive, `alpha` outside (0, 1).
    pub fn rho2_for(t: f64, alpha: f64) -> Result<f64, StatsError> {
        positive("t", t)?;
        open_unit("alpha", alpha)?;
        let l = -2.0 * alpha.ln();
        Ok((l + l.ln_1p()) / t)
    }

    /// No interval before this many observations.
    #[must_use]
    pub fn start_up(mut self, observations: u64) -> Self {
        self.start_up = observations;
        self
    }

    /// Adds the observations of another state.
    pub fn merge(&mut self, other: &Self) {
        self.moments.merge(&other.moments);
    }

    /// The interval after what has been seen; (−∞, ∞) during the start-up and before the first observation.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let t = self.moments.n();
        let (Some(mean), Some(variance), true) = (
            self.moments.mean(),
            self.moments.variance_population(),
            t >= self.start_up,
        ) else {
            return Interval::new(f64::NEG_INFINITY, f64::INFINITY);
        };
        let half = if variance > 0.0 {
            variance.sqrt() * Self::half_width(t as f64, self.rho2, self.alpha)
        } else {
            0.0
        };
        Interval::around(mean, half)
    }

    /// Half of the width after `t` > 0 observations of standard deviation 1: for statistics whose standard error,
    /// times √t, takes the place of the standard deviation.
    #[must_use]
    pub fn half_width(t: f64, rho2: f64, alpha: f64) -> f64 {
        // The formula with its quotients taken apart, so that no tuning overflows.
        let growth = (t * rho2).min(f64::MAX);
        let factor = 2.0 * (1.0 + 1.0 / growth) / t * (0.5 * growth.ln_1p() - alpha.ln());
        factor.max(0.0).sqrt()
    }

    /// The level at which the interval after `t` > 0 observations just reaches a value `distance` standard deviations
    /// from the mean, at most 1: its smallest so far is an always-valid p-value. Inverse of
    /// [`half_width`](Self::half_width).
    ///
    /// ```
    /// use seatrial_stats::sequential::AsymptoticCs;
    /// let half = AsymptoticCs::half_width(200.0, 0.04, 0.05);
    /// assert!((AsymptoticCs::p_value(half, 200.0, 0.04) - 0.05).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn p_value(distance: f64, t: f64, rho2: f64) -> f64 {
        let growth = (t * rho2).min(f64::MAX);
        let exponent = 0.5 * growth.ln_1p() - distance * distance * t / (2.0 * (1.0 + 1.0 / growth));
        exponent.exp().min(1.0)
    }
}

impl ConfidenceSequence for AsymptoticCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        /// Beyond this size sums of squares would not fit.
        const VALUE_MAX: f64 = 1e140;
        if x.abs() > VALUE_MAX {
            return Err(StatsError::OutOfRange {
                what: "x",
                found: x,
                expected: "a number between -1e140 and 1e140",
            });
        }
        self.moments.push(x)?;
        Ok(self.interval())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the interval holds the mean, shifts and scales with the data, and parts merge.
        #[test]
        fn equivariant_and_mergeable(values in prop::collection::vec(-9.0f64..9.0, 1..60), cut in 0usize..60) {
            let start = AsymptoticCs::try_new(0.05, 0.1).unwrap();
            let (mut whole, mut scaled) = (start, start);
            whole.run(&values).unwrap();
            scaled.run(&values.iter().map(|x| 3.0 + 2.0 * x).collect::<Vec<_>>()).unwrap();
            let (i, s) = (whole.interval(), scaled.interval());
            prop_assert!((3.0 + 2.0 * i.low - s.low).abs() < 1e-8 && (3.0 + 2.0 * i.high - s.high).abs() < 1e-8);
            let cut = cut.min(values.len());
            let (mut a, mut b) = (start, start);
            a.run(&values[..cut]).unwrap();
            b.run(&values[cut..]).unwrap();
            a.merge(&b);
            let merged = a.interval();
            prop_assert!((merged.low - i.low).abs() < 1e-9 && (merged.high - i.high).abs() < 1e-9);
        }
    }

    /// Protects: nothing seen, constants and bad input.
    #[test]
    fn edges() {
        let mut cs = AsymptoticCs::try_new(0.05, 0.1).unwrap();
        assert_eq!(cs.interval().high, f64::INFINITY);
        assert_eq!(cs.push(2.0).unwrap(), Interval::new(2.0, 2.0));
        let before = cs;
        assert!(cs.push(f64::NAN).is_err());
        assert_eq!(cs, before);
        assert!(AsymptoticCs::try_new(0.0, 0.1).is_err());
        assert!(AsymptoticCs::try_new(0.05, 0.0).is_err());
        assert!(AsymptoticCs::rho2_for(0.0, 0.05).is_err());
    }
}
