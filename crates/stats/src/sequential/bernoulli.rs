//! Confidence sequence for a success probability.

use super::mixture::BetaBinomialMixture;
use super::{ConfidenceSequence, bisect};
use crate::Interval;
use crate::error::{StatsError, open_unit, positive};

/// Interval for a success probability after `successes` of `trials`, valid at every number of trials at once
/// (level 1 − `alpha`).
///
/// The set of p whose beta-binomial mixture has not yet reached 1/α. Tightest around `t_opt` trials at level
/// `alpha_opt`; a wrong guess costs little. No trials give [0, 1].
///
/// # Errors
/// More successes than trials, `t_opt` not positive or beyond 1e20, `alpha` or `alpha_opt` outside (0, 1).
///
/// Source: Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021.
///
/// ```
/// use seatrial_stats::sequential::bernoulli_interval;
/// let i = bernoulli_interval(950, 1000, 0.05, 500.0, 0.05)?;
/// assert!(i.low > 0.9 && i.contains(0.95) && i.high < 0.98);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn bernoulli_interval(
    successes: u64,
    trials: u64,
    alpha: f64,
    t_opt: f64,
    alpha_opt: f64,
) -> Result<Interval, StatsError> {
    open_unit("alpha", alpha)?;
    open_unit("alpha_opt", alpha_opt)?;
    check_t_opt(t_opt)?;
    if successes > trials {
        return Err(StatsError::OutOfRange {
            what: "successes",
            found: successes as f64,
            expected: "no more than the trials",
        });
    }
    if trials == 0 {
        return Ok(Interval::new(0.0, 1.0));
    }
    let threshold = -alpha.ln();
    let (k, rest) = (successes as f64, (trials - successes) as f64);
    let n = k + rest;
    // How far the mixture at p is above the threshold; p → 0 and p → 1 are excluded by the brackets.
    let above = |p: f64| {
        let (p, q) = (p, 1.0 - p);
        match BetaBinomialMixture::try_new(p * q * t_opt, p, q, alpha_opt, false) {
            Ok(mixture) => mixture.log_mixture(k - n * p, n * p * q) - threshold,
            Err(_) => f64::INFINITY,
        }
    };
    let share = k / n;
    let low = if successes == 0 {
        0.0
    } else {
        bisect(0.0, share, |p| -above(p))
    };
    let high = if successes == trials {
        1.0
    } else {
        bisect(share, 1.0, above)
    };
    Ok(Interval::new(low, high))
}

/// More trials than this nobody will see, and a prior worth as many is nothing but rounding.
fn check_t_opt(t_opt: f64) -> Result<(), StatsError> {
    positive("t_opt", t_opt)?;
    if t_opt <= 1e20 {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "t_opt",
        found: t_opt,
        expected: "a number of at most 1e20",
    })
}

/// [`bernoulli_interval`] as a state fed with 0 and 1. Two states of disjoint trials merge by adding their
/// counts.
///
/// ```
/// use seatrial_stats::sequential::{BernoulliCs, ConfidenceSequence};
/// let mut cs = BernoulliCs::try_new(0.05, 100.0)?;
/// let last = cs.run(&[1.0; 50])?[49];
/// assert!(last.low > 0.85 && last.high == 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BernoulliCs {
    alpha: f64,
    t_opt: f64,
    /// Successes so far.
    pub successes: u64,
    /// Trials so far.
    pub trials: u64,
}

impl BernoulliCs {
    /// A sequence at level 1 − `alpha`, tightest around `t_opt` trials.
    ///
    /// # Errors
    /// `alpha` outside (0, 1), `t_opt` not positive.
    pub fn try_new(alpha: f64, t_opt: f64) -> Result<Self, StatsError> {
        open_unit("alpha", alpha)?;
        check_t_opt(t_opt)?;
        Ok(Self {
            alpha,
            t_opt,
            successes: 0,
            trials: 0,
        })
    }

    /// The interval after what has been counted.
    ///
    /// # Errors
    /// None for counts made by [`push`](ConfidenceSequence::push) and [`merge`](Self::merge).
    pub fn interval(&self) -> Result<Interval, StatsError> {
        bernoulli_interval(self.successes, self.trials, self.alpha, self.t_opt, self.alpha)
    }

    /// Adds the counts of another state.
    pub fn merge(&mut self, other: &Self) {
        self.successes = self.successes.saturating_add(other.successes);
        self.trials = self.trials.saturating_add(other.trials);
    }
}

impl ConfidenceSequence for BernoulliCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        if x != 0.0 && x != 1.0 {
            return Err(StatsError::OutOfRange {
                what: "x",
                found: x,
                expected: "0 or 1",
            });
        }
        self.trials = self.trials.saturating_add(1);
        self.successes = self.successes.saturating_add(u64::from(x == 1.0));
        self.interval()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the interval holds the share, mirrors with the outcome, and widens with confidence.
        #[test]
        fn contains_mirrors_widens(k in 0u64..300, rest in 0u64..300) {
            let n = k + rest;
            let i = bernoulli_interval(k, n, 0.05, 100.0, 0.05).unwrap();
            let mirrored = bernoulli_interval(rest, n, 0.05, 100.0, 0.05).unwrap();
            prop_assert!(0.0 <= i.low && i.high <= 1.0);
            prop_assert!((i.low + mirrored.high - 1.0).abs() < 1e-9);
            if n > 0 {
                prop_assert!(i.contains(k as f64 / n as f64));
                let wide = bernoulli_interval(k, n, 0.01, 100.0, 0.05).unwrap();
                prop_assert!(wide.low <= i.low + 1e-9 && i.high <= wide.high + 1e-9);
            }
        }

        /// Protects: parts merge to the whole.
        #[test]
        fn merges(flips in prop::collection::vec(any::<bool>(), 0..60), cut in 0usize..60) {
            let values: Vec<f64> = flips.iter().map(|&f| f64::from(u8::from(f))).collect();
            let cut = cut.min(values.len());
            let mut whole = BernoulliCs::try_new(0.1, 50.0).unwrap();
            let (mut a, mut b) = (whole, whole);
            whole.run(&values).unwrap();
            a.run(&values[..cut]).unwrap();
            b.run(&values[cut..]).unwrap();
            a.merge(&b);
            prop_assert_eq!(whole, a);
        }
    }

    /// Protects: no trials, all and none, enormous counts, nonsense.
    #[test]
    fn edges() {
        let of = |k, n| bernoulli_interval(k, n, 0.05, 500.0, 0.05).unwrap();
        assert_eq!(of(0, 0), Interval::new(0.0, 1.0));
        assert!(of(0, 10).low == 0.0 && of(10, 10).high == 1.0);
        let huge = of(1 << 52, 1 << 53);
        assert!(
            huge.contains(0.5) && huge.width() < 1e-6 && huge.width() > 1e-9,
            "{huge:?}"
        );
        assert!(bernoulli_interval(2, 1, 0.05, 500.0, 0.05).is_err());
        assert!(bernoulli_interval(1, 1, 0.0, 500.0, 0.05).is_err());
        assert!(bernoulli_interval(1, 1, 0.05, f64::NAN, 0.05).is_err());
        assert!(bernoulli_interval(1, 1, 0.05, 1e300, 0.05).is_err());
        let sure = bernoulli_interval(500, 1000, 1e-300, 500.0, 0.05).unwrap();
        assert!(sure.low < 0.1 && sure.high > 0.9);
        assert!(BernoulliCs::try_new(0.05, 10.0).unwrap().push(0.5).is_err());
    }
}
