//! Control charts around a known target: EWMA and two-sided CUSUM.

use super::detector::{Detector, Signal, finite_value, moderate};
use crate::error::{StatsError, positive};

/// Exponentially weighted moving average chart: z = λx + (1−λ)z from μ₀, limits μ₀ ± L·σ·√(λ/(2−λ)·(1−(1−λ)^2t)).
///
/// Signals a drift at every value that leaves z outside the limits. For independent values with mean `mu0` and
/// standard deviation `sigma`; L = 2.7 with λ = 0.1 gives about 500 values between false alarms for normal ones.
///
/// Source: Roberts 1959; Lucas and Saccucci 1990.
///
/// ```
/// use seatrial_stats::drift::{Detector, EwmaChart, Signal};
/// let chart = EwmaChart { mu0: 0.0, sigma: 1.0, lambda: 0.2, width: 3.0 };
/// let mut state = chart.start()?;
/// assert_eq!(chart.run(&mut state, &[0.0, 0.5, 3.0, 3.0])?, [(3, Signal::Drift)]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EwmaChart {
    /// Target mean.
    pub mu0: f64,
    /// Standard deviation of a value, > 0.
    pub sigma: f64,
    /// Weight of the newest value, in (0, 1].
    pub lambda: f64,
    /// L: half the distance of the limits in standard deviations of z, > 0.
    pub width: f64,
}

/// State of [`EwmaChart`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EwmaState {
    /// Values since the stream began.
    pub seen: u64,
    /// The moving average.
    pub z: f64,
}

impl Detector for EwmaChart {
    type State = EwmaState;

    fn start(&self) -> Result<EwmaState, StatsError> {
        moderate("mu0", self.mu0)?;
        positive("sigma", self.sigma)?;
        positive("L", self.width)?;
        if !(self.lambda > 0.0 && self.lambda <= 1.0) {
            return Err(StatsError::OutOfRange {
                what: "lambda",
                found: self.lambda,
                expected: "a number in (0, 1]",
            });
        }
        Ok(EwmaState { seen: 0, z: self.mu0 })
    }

    fn step(&self, state: &mut EwmaState, x: f64) -> Result<Signal, StatsError> {
        finite_value(x, state.seen)?;
        state.seen += 1;
        state.z = self.lambda * x + (1.0 - self.lambda) * state.z;
        // 1 − (1−λ)^2t without loss for tiny λ.
        let settled = -(2.0 * state.seen as f64 * (-self.lambda).ln_1p()).exp_m1();
        let limit = (self.lambda / (2.0 - self.lambda) * settled).sqrt() * self.width * self.sigma;
        Ok(if (state.z - self.mu0).abs() > limit {
            Signal::Drift
        } else {
            Signal::Quiet
        })
    }

    fn seen(&self, state: &EwmaState) -> u64 {
        state.seen
    }
}

/// Two-sided tabular CUSUM: C⁺ = max(0, C⁺ + (x−μ₀)/σ − k), C⁻ = max(0, C⁻ − (x−μ₀)/σ − k).
///
/// Signals a drift at every value that leaves either above `h`. Tuned to a shift of 2k standard deviations;
/// k = 0.5, h = 5 gives about 465 values between false alarms for independent normal ones.
///
/// Source: Page 1954; Hawkins and Olwell 1998.
///
/// ```
/// use seatrial_stats::drift::{CusumChart, Detector};
/// let chart = CusumChart { mu0: 0.0, sigma: 1.0, k: 0.5, h: 5.0 };
/// let mut state = chart.start()?;
/// chart.run(&mut state, &[1.0, 1.0, -2.0])?;
/// assert_eq!((state.upper, state.lower), (0.0, 1.5));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CusumChart {
    /// Target mean.
    pub mu0: f64,
    /// Standard deviation of a value, > 0.
    pub sigma: f64,
    /// Tolerated deviation in standard deviations, at least 0.
    pub k: f64,
    /// Decision limit in standard deviations, > 0.
    pub h: f64,
}

/// State of [`CusumChart`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CusumState {
    /// Values since the stream began.
    pub seen: u64,
    /// C⁺, grows with increases.
    pub upper: f64,
    /// C⁻, grows with decreases.
    pub lower: f64,
}

impl Detector for CusumChart {
    type State = CusumState;

    fn start(&self) -> Result<CusumState, StatsError> {
        moderate("mu0", self.mu0)?;
        positive("sigma", self.sigma)?;
        positive("h", self.h)?;
        if !(self.k >= 0.0 && self.k.is_finite()) {
            return Err(StatsError::OutOfRange {
                what: "k",
                found: self.k,
                expected: "a finite number of at least 0",
            });
        }
        Ok(CusumState {
            seen: 0,
            upper: 0.0,
            lower: 0.0,
        })
    }

    fn step(&self, state: &mut CusumState, x: f64) -> Result<Signal, StatsError> {
        finite_value(x, state.seen)?;
        let deviation = (x - self.mu0) / self.sigma;
        state.seen += 1;
        // At most the largest number, so that two absurd values cannot make ∞ − ∞.
        state.upper = (state.upper + deviation - self.k).clamp(0.0, f64::MAX);
        state.lower = (state.lower - deviation - self.k).clamp(0.0, f64::MAX);
        Ok(if state.upper.max(state.lower) > self.h {
            Signal::Drift
        } else {
            Signal::Quiet
        })
    }

    fn seen(&self, state: &CusumState) -> u64 {
        state.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::detector::tests::{bad_value_changes_nothing, parts_equal_whole};
    use proptest::prelude::*;

    const EWMA: EwmaChart = EwmaChart {
        mu0: 0.5,
        sigma: 1.0,
        lambda: 0.2,
        width: 2.0,
    };
    const CUSUM: CusumChart = CusumChart {
        mu0: 0.5,
        sigma: 1.0,
        k: 0.25,
        h: 3.0,
    };

    proptest! {
        /// Protects: a stream in parts gives the signals of the whole stream; sums stay at 0 or above.
        #[test]
        fn in_parts(values in prop::collection::vec(-5.0f64..5.0, 0..120), cut in 0usize..120) {
            parts_equal_whole(&EWMA, &values, cut);
            parts_equal_whole(&CUSUM, &values, cut);
            let mut state = CUSUM.start().unwrap();
            CUSUM.run(&mut state, &values).unwrap();
            prop_assert!(state.upper >= 0.0 && state.lower >= 0.0);
        }
    }

    /// Protects: bad values and parameters are errors, absurd values do not make `NaN`.
    #[test]
    fn edges() {
        bad_value_changes_nothing(&EWMA, f64::INFINITY);
        bad_value_changes_nothing(&CUSUM, f64::NAN);
        assert!(EwmaChart { lambda: 0.0, ..EWMA }.start().is_err());
        assert!(EwmaChart { sigma: 0.0, ..EWMA }.start().is_err());
        assert!(CusumChart { h: f64::NAN, ..CUSUM }.start().is_err());
        assert!(CusumChart { k: -1.0, ..CUSUM }.start().is_err());
        let mut state = CUSUM.start().unwrap();
        CUSUM
            .run(&mut state, &[1e140, 1e140, -1e140, -1e140, -1e140])
            .unwrap();
        assert!(!state.upper.is_nan() && !state.lower.is_nan());
    }
}
