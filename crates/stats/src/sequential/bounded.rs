//! Confidence sequences for the mean of observations in [0, 1] in closed form: Hoeffding, empirical Bernstein by
//! predictable mixture, and empirical Bernstein by conjugate mixture.

use super::mixture::GammaExponentialMixture;
use super::{ConfidenceSequence, unit_value};
use crate::Interval;
use crate::error::{StatsError, open_unit};

/// Predictable-mixture Hoeffding confidence sequence for the mean of observations in [0, 1].
///
/// Bets λ_t = min(1, √(8·ln(2/α)/(t·ln(1+t)))); interval Σλx/Σλ ± (ln(2/α) + Σλ²/8)/Σλ, clipped to [0, 1].
/// Ignores the variance: for means near 0 or 1 far wider than [`EmpBernMixCs`].
///
/// Source: Waudby-Smith and Ramdas 2024.
///
/// ```
/// use seatrial_stats::sequential::{ConfidenceSequence, HoeffdingMixCs};
/// let last = HoeffdingMixCs::try_new(0.05)?.run(&[0.5; 1000])?[999];
/// assert!(last.contains(0.5) && last.width() < 0.2);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoeffdingMixCs {
    log_level: f64,
    t: f64,
    bets: f64,
    weighted: f64,
    spent: f64,
}

impl HoeffdingMixCs {
    /// A sequence at level 1 − `alpha`.
    ///
    /// # Errors
    /// `alpha` outside (0, 1).
    pub fn try_new(alpha: f64) -> Result<Self, StatsError> {
        open_unit("alpha", alpha)?;
        Ok(Self {
            log_level: std::f64::consts::LN_2 - alpha.ln(),
            t: 0.0,
            bets: 0.0,
            weighted: 0.0,
            spent: 0.0,
        })
    }
}

impl ConfidenceSequence for HoeffdingMixCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        unit_value(x)?;
        self.t += 1.0;
        let bet = (8.0 * self.log_level / (self.t * self.t.ln_1p())).sqrt().min(1.0);
        self.bets += bet;
        self.weighted += bet * x;
        self.spent += bet * bet / 8.0;
        let half = (self.log_level + self.spent) / self.bets;
        Ok(Interval::around(self.weighted / self.bets, half).clamped(0.0, 1.0))
    }
}

/// The predictable bets of empirical Bernstein and betting sequences: from the observations *before* the
/// present one, regularised by one imaginary observation with mean ½ and variance ¼.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PredictableBets {
    log_level: f64,
    t: f64,
    sum: f64,
    squares: f64,
}

impl PredictableBets {
    /// Bets for a one-sided process at a level of which `log_level` is ln(1/level).
    pub(super) fn new(log_level: f64) -> Self {
        Self {
            log_level,
            t: 0.0,
            sum: 0.0,
            squares: 0.0,
        }
    }

    /// √(2·ln(1/α)/(t·ln(1+t)·σ²)) for the next observation, σ² the regularised variance so far.
    pub(super) fn next(&self) -> f64 {
        let t = self.t + 1.0;
        let variance = (0.25 + self.squares) / t;
        (2.0 * self.log_level / (t * t.ln_1p() * variance)).sqrt()
    }

    /// Takes the observation that was bet on.
    pub(super) fn learn(&mut self, x: f64) {
        self.t += 1.0;
        self.sum += x;
        let mean = ((0.5 + self.sum) / (self.t + 1.0)).min(1.0);
        self.squares += (x - mean) * (x - mean);
    }
}

/// Predictable-mixture empirical-Bernstein confidence sequence for the mean of observations in [0, 1].
///
/// With bets λ_t ≤ ½ from the observations before t and ψ(λ) = −ln(1−λ) − λ: interval Σλx/Σλ ± (ln(2/α) +
/// Σψ(λ)·(x − mean before)²)/Σλ, clipped to [0, 1]. Adapts to the variance, O(1) per observation.
///
/// Source: Waudby-Smith and Ramdas 2024, theorem 2.
///
/// ```
/// use seatrial_stats::sequential::{ConfidenceSequence, EmpBernMixCs, HoeffdingMixCs};
/// let steady = [0.5; 1000];
/// let eb = EmpBernMixCs::try_new(0.05)?.run(&steady)?[999];
/// let hoeffding = HoeffdingMixCs::try_new(0.05)?.run(&steady)?[999];
/// assert!(eb.width() < 0.3 * hoeffding.width());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmpBernMixCs {
    log_level: f64,
    predict: PredictableBets,
    t: f64,
    sum: f64,
    bets: f64,
    weighted: f64,
    spent_low: f64,
    spent_high: f64,
}

/// Bets of the empirical-Bernstein sequence are at most this.
const BET_MAX: f64 = 0.5;

impl EmpBernMixCs {
    /// A sequence at level 1 − `alpha`.
    ///
    /// # Errors
    /// `alpha` outside (0, 1).
    pub fn try_new(alpha: f64) -> Result<Self, StatsError> {
        open_unit("alpha", alpha)?;
        Ok(Self {
            log_level: std::f64::consts::LN_2 - alpha.ln(),
            predict: PredictableBets::new(std::f64::consts::LN_2 - alpha.ln()),
            t: 0.0,
            sum: 0.0,
            bets: 0.0,
            weighted: 0.0,
            spent_low: 0.0,
            spent_high: 0.0,
        })
    }
}

impl ConfidenceSequence for EmpBernMixCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        unit_value(x)?;
        let bet = self.predict.next().min(BET_MAX);
        // Either side guesses 0 for its first observation (x below, 1 − x above).
        let (guess_low, guess_high) = if self.t == 0.0 {
            (0.0, 1.0)
        } else {
            (self.sum / self.t, self.sum / self.t)
        };
        let psi = -(-bet).ln_1p() - bet;
        self.spent_low += psi * (x - guess_low) * (x - guess_low);
        self.spent_high += psi * (x - guess_high) * (x - guess_high);
        self.t += 1.0;
        self.sum += x;
        self.bets += bet;
        self.weighted += bet * x;
        self.predict.learn(x);
        let centre = self.weighted / self.bets;
        let low = centre - (self.log_level + self.spent_low) / self.bets;
        let high = centre + (self.log_level + self.spent_high) / self.bets;
        Ok(Interval::new(low, high).clamped(0.0, 1.0))
    }
}

/// Conjugate-mixture empirical-Bernstein confidence sequence for the mean of observations in [0, 1]: mean ±
/// gamma-exponential boundary at the accumulated squared prediction errors, over t.
///
/// Tightest when these reach `v_opt` (variance × number of observations). As in the reference implementation
/// each side uses a quarter of α, so it is conservative. A root search per observation.
///
/// Source: Howard, Ramdas, McAuliffe, Sekhon 2021, theorem 4; Waudby-Smith and Ramdas 2024.
///
/// ```
/// use seatrial_stats::sequential::{ConfidenceSequence, EmpBernConjugateCs};
/// let values: Vec<f64> = (0..500).map(|i| f64::from(i % 2)).collect();
/// let last = EmpBernConjugateCs::try_new(0.05, 100.0)?.run(&values)?[499];
/// assert!(last.contains(0.5) && last.width() < 0.25);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EmpBernConjugateCs {
    side_alpha: f64,
    mixture: GammaExponentialMixture,
    t: f64,
    sum: f64,
    variance: f64,
}

impl EmpBernConjugateCs {
    /// A sequence at level 1 − `alpha`.
    ///
    /// # Errors
    /// `alpha` outside (0, 1), `v_opt` not positive.
    pub fn try_new(alpha: f64, v_opt: f64) -> Result<Self, StatsError> {
        open_unit("alpha", alpha)?;
        let side_alpha = 0.25 * alpha;
        Ok(Self {
            side_alpha,
            mixture: GammaExponentialMixture::try_new(v_opt, 1.0, side_alpha)?,
            t: 0.0,
            sum: 0.0,
            variance: 0.0,
        })
    }
}

impl ConfidenceSequence for EmpBernConjugateCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        unit_value(x)?;
        let guess = if self.t == 0.0 { 0.5 } else { self.sum / self.t };
        let variance = self.variance + (x - guess) * (x - guess);
        let bound = self.mixture.bound(variance, self.side_alpha)?;
        self.variance = variance;
        self.t += 1.0;
        self.sum += x;
        Ok(Interval::around(self.sum / self.t, bound / self.t).clamped(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks range, mirror symmetry and that parts equal the whole.
    fn check<C: ConfidenceSequence + Clone>(
        start: &C,
        values: &[f64],
        cut: usize,
    ) -> Result<(), TestCaseError> {
        let whole = start.clone().run(values).unwrap();
        let cut = cut.min(values.len());
        let mut state = start.clone();
        let mut parts = state.run(&values[..cut]).unwrap();
        parts.extend(state.clone().run(&values[cut..]).unwrap());
        prop_assert_eq!(&whole, &parts);
        let mirrored: Vec<f64> = values.iter().map(|x| 1.0 - x).collect();
        for (i, m) in whole.iter().zip(start.clone().run(&mirrored).unwrap()) {
            prop_assert!(0.0 <= i.low && i.low <= i.high && i.high <= 1.0);
            prop_assert!((i.low + m.high - 1.0).abs() < 1e-9 && (i.high + m.low - 1.0).abs() < 1e-9);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Protects: intervals lie in [0, 1], mirror with the data, and do not depend on how data arrive.
        #[test]
        fn ranges_mirror_parts(values in prop::collection::vec(0.0f64..=1.0, 0..60), cut in 0usize..60) {
            check(&HoeffdingMixCs::try_new(0.05).unwrap(), &values, cut)?;
            check(&EmpBernMixCs::try_new(0.05).unwrap(), &values, cut)?;
            check(&EmpBernConjugateCs::try_new(0.05, 10.0).unwrap(), &values, cut)?;
        }
    }

    /// Protects: values outside [0, 1] are errors that leave the state alone; constants are fine.
    #[test]
    fn edges() {
        let mut cs = EmpBernConjugateCs::try_new(0.05, 10.0).unwrap();
        assert_eq!(cs.push(0.5).unwrap(), Interval::new(0.0, 1.0)); // no variance yet
        let before = cs;
        for bad in [1.5, -0.1, f64::NAN, f64::INFINITY] {
            assert!(cs.push(bad).is_err());
            assert!(HoeffdingMixCs::try_new(0.05).unwrap().push(bad).is_err());
            assert!(EmpBernMixCs::try_new(0.05).unwrap().push(bad).is_err());
        }
        assert_eq!(cs, before);
        assert!(HoeffdingMixCs::try_new(1.0).is_err());
        assert!(EmpBernMixCs::try_new(f64::NAN).is_err());
        assert!(EmpBernConjugateCs::try_new(0.05, 0.0).is_err());
        let ones = EmpBernMixCs::try_new(0.05).unwrap().run(&[1.0; 5000]).unwrap()[4999];
        assert!(ones.low > 0.99 && ones.high == 1.0);
    }
}
