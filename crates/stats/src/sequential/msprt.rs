//! Mixture sequential probability ratio test for a normal mean with known variance.

use crate::error::{StatsError, finite_scalar, positive};

/// What [`Msprt::push`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MsprtStep {
    /// Mixture likelihood ratio Λ_n; may overflow to infinity.
    pub lambda: f64,
    /// Always-valid p-value: the smallest 1/Λ so far, at most 1. Reject at the first time it is at most α.
    pub p_value: f64,
}

/// Mixture SPRT of mean `theta0` for independent observations with variance `sigma2`, mixing over a normal prior
/// with variance `tau2` around `theta0`.
///
/// Λ_n = √(σ²/(σ²+nτ²))·exp(n²τ²(x̄−θ₀)²/(2σ²(σ²+nτ²))). Exact for normal observations, approximate for means
/// of batches; for A/B differences push a_i − b_i with the sum of the variances. τ should be about the size of
/// the effects worth finding.
///
/// Source: Robbins 1970; Johari, Koomen, Pekelis, Walsh 2017.
///
/// ```
/// use seatrial_stats::sequential::Msprt;
/// let mut test = Msprt::try_new(1.0, 0.5, 0.0)?;
/// let mut last = test.push(0.0)?;
/// for _ in 0..40 {
///     last = test.push(1.0)?;
/// }
/// assert!(last.p_value < 1e-4);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Msprt {
    sigma2: f64,
    tau2: f64,
    theta0: f64,
    n: f64,
    sum: f64,
    p_value: f64,
}

impl Msprt {
    /// A test that has seen nothing.
    ///
    /// # Errors
    /// `sigma2` or `tau2` not positive, `theta0` not finite.
    pub fn try_new(sigma2: f64, tau2: f64, theta0: f64) -> Result<Self, StatsError> {
        positive("sigma2", sigma2)?;
        positive("tau2", tau2)?;
        finite_scalar("theta0", theta0)?;
        Ok(Self {
            sigma2,
            tau2,
            theta0,
            n: 0.0,
            sum: 0.0,
            p_value: 1.0,
        })
    }

    /// Takes an observation.
    ///
    /// # Errors
    /// An observation that is not finite or so large that sums overflow; the state is unchanged then.
    pub fn push(&mut self, x: f64) -> Result<MsprtStep, StatsError> {
        finite_scalar("x", x)?;
        let sum = self.sum + (x - self.theta0);
        finite_scalar("sum of x - theta0", sum)?;
        self.n += 1.0;
        self.sum = sum;
        let total = self.sigma2 + self.n * self.tau2;
        // Divided step by step, so that large sums over large variances do not overflow on the way.
        let scaled = sum / total.sqrt() / self.sigma2.sqrt();
        let log_lambda = 0.5 * (self.sigma2.ln() - total.ln()) + 0.5 * (self.tau2 * scaled * scaled);
        self.p_value = self.p_value.min((-log_lambda).exp());
        Ok(MsprtStep {
            lambda: log_lambda.exp(),
            p_value: self.p_value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the p-value never rises, lies in [0, 1], and does not depend on the sign of the effect.
        #[test]
        fn p_value_never_rises(values in prop::collection::vec(-3.0f64..3.0, 1..60)) {
            let mut test = Msprt::try_new(1.5, 0.7, 0.0).unwrap();
            let mut mirrored = test;
            let mut before = 1.0;
            for x in values {
                let (step, other) = (test.push(x).unwrap(), mirrored.push(-x).unwrap());
                prop_assert_eq!(step, other);
                prop_assert!(step.lambda > 0.0 && step.p_value <= before && step.p_value >= 0.0);
                before = step.p_value;
            }
        }
    }

    /// Protects: bad parameters and observations are errors, overwhelming evidence is p = 0.
    #[test]
    fn edges() {
        assert!(Msprt::try_new(0.0, 1.0, 0.0).is_err());
        assert!(Msprt::try_new(1.0, f64::NAN, 0.0).is_err());
        assert!(Msprt::try_new(1.0, 1.0, f64::INFINITY).is_err());
        let mut test = Msprt::try_new(1.0, 1.0, 0.0).unwrap();
        let before = test;
        assert!(test.push(f64::NAN).is_err());
        assert_eq!(test, before);
        let step = test.push(1e200).unwrap();
        assert_eq!((step.lambda, step.p_value), (f64::INFINITY, 0.0));
        assert!(test.push(f64::MAX).is_ok() && test.push(f64::MAX).is_err());
    }
}
