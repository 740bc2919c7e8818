//! Inference that may be looked at any time: boundaries, confidence sequences, betting, mSPRT, e-detectors.
//!
//! A confidence sequence C_t satisfies P(the truth is in C_t for *every* t) ≥ 1 − α, so one may look after each
//! observation, stop when one likes and report the last interval. An ordinary interval looked at repeatedly
//! breaks its promise: peeking every 50 of 2,000 observations at 5 % fires in about 30 % of runs without any
//! effect.
//!
//! Which one: Bernoulli data, [`BernoulliCs`]; data in [0, 1], [`BettingCs`] (tightest) or [`EmpBernMixCs`]
//! (cheap); any independent data with finite variance and some dozens of observations, [`AsymptoticCs`]; a
//! stream watched for a fall, [`EDetector`]; a mean held against one limit, with a planned number of observations,
//! [`Wager`].
//!
//! Everything here is a state fed with [`push`](ConfidenceSequence::push): feeding in parts equals feeding at
//! once.

mod asymptotic;
mod bernoulli;
mod betting;
mod bounded;
mod e_detector;
mod mixture;
mod msprt;
mod stitching;
mod wager;

pub use asymptotic::AsymptoticCs;
pub use bernoulli::{BernoulliCs, bernoulli_interval};
pub use betting::{BettingCs, BettingProcess};
pub use bounded::{EmpBernConjugateCs, EmpBernMixCs, HoeffdingMixCs};
pub use e_detector::{EDetector, EDetectorKind, EDetectorState};
pub use mixture::{
    BetaBinomialMixture, GammaExponentialMixture, NormalMixture, beta_binomial_bound,
    gamma_exponential_bound, normal_mixture_bound,
};
pub use msprt::{Msprt, MsprtStep};
pub use stitching::poly_stitching_bound;
pub use wager::{Drawn, DrawnMean, Spread, Wager, share_ln_capitals};

use crate::Interval;
use crate::error::StatsError;

/// A confidence sequence: a state that takes observations and always knows its interval.
pub trait ConfidenceSequence {
    /// Takes one observation and returns the interval after it. On an error the state is unchanged.
    ///
    /// # Errors
    /// An observation outside the range that the method is valid for, `NaN` included.
    fn push(&mut self, x: f64) -> Result<Interval, StatsError>;

    /// Takes many observations and returns the interval after each.
    ///
    /// # Errors
    /// As [`push`](Self::push); the observations before the bad one have been taken.
    fn run(&mut self, values: &[f64]) -> Result<Vec<Interval>, StatsError> {
        values.iter().map(|&x| self.push(x)).collect()
    }
}

/// The intersection of all intervals so far: as valid as the sequence itself and never wider. Empty (low above
/// high) means that the assumption of one constant mean does not hold.
///
/// ```
/// use seatrial_stats::sequential::running_intersection;
/// use seatrial_stats::Interval;
/// let all = running_intersection(&[Interval::new(0.0, 0.6), Interval::new(0.1, 0.9)]);
/// assert_eq!(all[1], Interval::new(0.1, 0.6));
/// ```
#[must_use]
pub fn running_intersection(intervals: &[Interval]) -> Vec<Interval> {
    let mut so_far = Interval::new(f64::NEG_INFINITY, f64::INFINITY);
    intervals
        .iter()
        .map(|next| {
            so_far = Interval::new(so_far.low.max(next.low), so_far.high.min(next.high));
            so_far
        })
        .collect()
}

/// Checks an observation that must lie in [0, 1].
fn unit_value(x: f64) -> Result<(), StatsError> {
    if (0.0..=1.0).contains(&x) {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "x",
        found: x,
        expected: "a number from 0 to 1",
    })
}

/// The root of a function that is negative at `low` and positive at `high`, to full precision.
fn bisect(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    /// Halvings after which no double is left between the ends, whatever they were.
    const HALVINGS_MAX: usize = 2100;
    for _ in 0..HALVINGS_MAX {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high || high - low <= 1e-14 * high {
            break;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
