//! Curved boundaries from mixtures of supermartingales: with probability at least 1 − α a sum stays below its
//! boundary at every time.
//!
//! Each mixture knows the logarithm of its supermartingale at sum `s` and intrinsic time `v` (the accumulated
//! variance); the boundary at level α is the `s` where that reaches ln(1/α). The logarithms are written with
//! Stirling remainders and deviances, so that they keep their digits at intrinsic times of any size.

use super::bisect;
use crate::dist::normal_cdf;
use crate::error::{StatsError, open_unit, positive};
use crate::special::{deviance_part, inc_beta, inc_gamma, stirling_error};

/// Tuning of a two-sided normal mixture that makes the boundary tightest at intrinsic time `v_opt`.
fn best_rho_two_sided(v_opt: f64, alpha_opt: f64) -> f64 {
    let l = -alpha_opt.ln();
    v_opt / (2.0 * l + (2.0 * l).ln_1p())
}

/// The same for a one-sided mixture.
fn best_rho_one_sided(v_opt: f64, alpha_opt: f64) -> f64 {
    best_rho_two_sided(v_opt, 2.0 * alpha_opt)
}

fn check_tuning(v_opt: f64, alpha_opt: f64, one_sided: bool) -> Result<(), StatsError> {
    positive("v_opt", v_opt)?;
    open_unit("alpha_opt", alpha_opt)?;
    if one_sided && alpha_opt >= 0.5 {
        return Err(StatsError::OutOfRange {
            what: "alpha_opt",
            found: alpha_opt,
            expected: "a number below 0.5 for a one-sided boundary",
        });
    }
    Ok(())
}

fn check_time(v: f64, alpha: f64) -> Result<(), StatsError> {
    open_unit("alpha", alpha)?;
    if v >= 0.0 && v.is_finite() {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "v",
        found: v,
        expected: "a finite number of at least 0",
    })
}

/// The `s > 0` at which `log_mixture` reaches `threshold`; it is below at 0 and grows without bound.
fn boundary(v: f64, threshold: f64, log_mixture: impl Fn(f64) -> f64) -> Result<f64, StatsError> {
    let mut high = v.sqrt().max(f64::MIN_POSITIVE);
    while high.is_finite() && log_mixture(high) < threshold {
        high *= 2.0;
    }
    in_range(
        bisect(0.0, high, |s| log_mixture(s) - threshold),
        threshold,
        log_mixture,
    )
}

/// Refuses a root that lies where floating point has ended instead of where the mixture meets its threshold.
fn in_range(s: f64, threshold: f64, log_mixture: impl Fn(f64) -> f64) -> Result<f64, StatsError> {
    let missed = (log_mixture(s) - threshold).abs();
    if missed <= 1e-3 * threshold.max(1.0) {
        return Ok(s);
    }
    Err(StatsError::Undefined {
        what: "boundary",
        why: "the times and scales are too far apart for floating point",
    })
}

/// Checks a number of steps: beyond 1e24 the deviance of two counts is nothing but their rounding.
fn countable(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found <= 1e24 {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a number of at most 1e24",
    })
}

/// Mixture over a normal (two-sided) or half-normal (one-sided) prior, for sub-Gaussian sums.
///
/// ```
/// use seatrial_stats::sequential::NormalMixture;
/// let mixture = NormalMixture::try_new(100.0, 0.05, true)?;
/// // The boundary is where the mixture reaches 1/α.
/// let bound = mixture.bound(100.0, 0.05)?;
/// assert!((mixture.log_mixture(bound, 100.0) + 0.05_f64.ln()).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalMixture {
    rho: f64,
    one_sided: bool,
}

impl NormalMixture {
    /// A mixture tuned to be tightest at intrinsic time `v_opt` and level `alpha_opt`.
    ///
    /// # Errors
    /// `v_opt` that is not positive; `alpha_opt` outside (0, 1), or not below 0.5 when one-sided.
    pub fn try_new(v_opt: f64, alpha_opt: f64, one_sided: bool) -> Result<Self, StatsError> {
        check_tuning(v_opt, alpha_opt, one_sided)?;
        let rho = if one_sided {
            best_rho_one_sided(v_opt, alpha_opt)
        } else {
            best_rho_two_sided(v_opt, alpha_opt)
        };
        Ok(Self { rho, one_sided })
    }

    /// ln of the supermartingale at sum `s` and intrinsic time `v`.
    #[must_use]
    pub fn log_mixture(&self, s: f64, v: f64) -> f64 {
        let total = v + self.rho;
        let z = s / total.sqrt();
        let two_sided = 0.5 * (self.rho.ln() - total.ln()) + 0.5 * z * z;
        if self.one_sided {
            two_sided + (2.0 * normal_cdf(z)).ln()
        } else {
            two_sided
        }
    }

    /// The boundary at intrinsic time `v` and level `alpha`.
    ///
    /// # Errors
    /// `v` negative or not finite, `alpha` outside (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, StatsError> {
        check_time(v, alpha)?;
        let threshold = -alpha.ln();
        if self.one_sided {
            return boundary(v, threshold, |s| self.log_mixture(s, v));
        }
        // ln(1 + v/ρ) by difference where the quotient would overflow.
        let growth = if v / self.rho < f64::MAX {
            (v / self.rho).ln_1p()
        } else {
            v.ln() - self.rho.ln()
        };
        Ok((v + self.rho).sqrt() * (growth + 2.0 * threshold).sqrt())
    }
}

/// Normal-mixture boundary for a sum of sub-Gaussian increments at intrinsic time `v` (for variance proxy σ²
/// after t increments, σ²t): P(the sum ever exceeds it) ≤ `alpha`; two-sided, the absolute sum.
///
/// Two-sided: √((v+ρ)·ln((v+ρ)/(ρα²))). ρ is chosen so that the boundary is tightest at `v_opt`; being off by a
/// factor of ten costs little.
///
/// # Errors
/// `v` negative or not finite, `v_opt` not positive, `alpha` or `alpha_opt` outside (0, 1) (`alpha_opt` below 0.5
/// when one-sided).
///
/// Source: Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021.
///
/// ```
/// use seatrial_stats::sequential::normal_mixture_bound;
/// let b = normal_mixture_bound(100.0, 0.05, 100.0, 0.05, false)?;
/// assert!(b / 10.0 > 1.96 && b / 10.0 < 3.1); // the price of looking all the time
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn normal_mixture_bound(
    v: f64,
    alpha: f64,
    v_opt: f64,
    alpha_opt: f64,
    one_sided: bool,
) -> Result<f64, StatsError> {
    NormalMixture::try_new(v_opt, alpha_opt, one_sided)?.bound(v, alpha)
}

/// Gamma mixture for sub-exponential sums with scale `c`.
///
/// ```
/// use seatrial_stats::sequential::GammaExponentialMixture;
/// let mixture = GammaExponentialMixture::try_new(100.0, 1.0, 0.05)?;
/// // The boundary is where the mixture reaches 1/α.
/// let bound = mixture.bound(100.0, 0.05)?;
/// assert!((mixture.log_mixture(bound, 100.0) + 0.05_f64.ln()).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaExponentialMixture {
    rho: f64,
    c: f64,
    /// The part of the logarithm that depends on the prior only.
    constant: f64,
}

impl GammaExponentialMixture {
    /// A mixture tuned to be tightest at intrinsic time `v_opt` and level `alpha_opt`.
    ///
    /// # Errors
    /// `v_opt` or `c` not positive, `alpha_opt` outside (0, 0.5).
    pub fn try_new(v_opt: f64, c: f64, alpha_opt: f64) -> Result<Self, StatsError> {
        check_tuning(v_opt, alpha_opt, true)?;
        positive("c", c)?;
        let rho = best_rho_one_sided(v_opt, alpha_opt);
        let shape = rho / c / c;
        positive("rho/c^2 (the prior's shape, from v_opt and c)", shape)?;
        let constant = 0.5 * shape.ln() - stirling_error(shape) - inc_gamma(shape, shape).lower.ln();
        Ok(Self { rho, c, constant })
    }

    /// ln of the supermartingale at sum `s ≥ 0` and intrinsic time `v`.
    #[must_use]
    pub fn log_mixture(&self, s: f64, v: f64) -> f64 {
        // ln Γ(a) − a ln(a+y) + y + …, with a = (v+ρ)/c² and y = s/c, by Stirling: the large terms cancel on
        // paper instead of in floating point.
        let a = (v + self.rho) / self.c / self.c;
        let x = a + s / self.c;
        self.constant - 0.5 * a.ln() + stirling_error(a) + deviance_part(a, x) + inc_gamma(a, x).lower.ln()
    }

    /// The boundary at intrinsic time `v` and level `alpha`.
    ///
    /// # Errors
    /// `v` negative or not finite, `alpha` outside (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, StatsError> {
        check_time(v, alpha)?;
        boundary(v, -alpha.ln(), |s| self.log_mixture(s, v))
    }
}

/// Gamma-exponential mixture boundary for sums that are sub-exponential with scale `c` (for data in [0, 1] with
/// empirical variance as intrinsic time, c = 1): P(the sum ever exceeds it) ≤ `alpha`.
///
/// # Errors
/// `v` negative or not finite, `v_opt` or `c` not positive, `alpha` outside (0, 1), `alpha_opt` outside (0, 0.5).
///
/// Source: Howard, Ramdas, McAuliffe, Sekhon 2021, proposition 9.
///
/// ```
/// use seatrial_stats::sequential::{gamma_exponential_bound, normal_mixture_bound};
/// let heavy = gamma_exponential_bound(100.0, 0.05, 100.0, 1.0, 0.05)?;
/// let light = normal_mixture_bound(100.0, 0.05, 100.0, 0.05, true)?;
/// assert!(heavy > light);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn gamma_exponential_bound(
    v: f64,
    alpha: f64,
    v_opt: f64,
    c: f64,
    alpha_opt: f64,
) -> Result<f64, StatsError> {
    GammaExponentialMixture::try_new(v_opt, c, alpha_opt)?.bound(v, alpha)
}

/// Beta mixture for sums of increments in [−g, h].
///
/// ```
/// use seatrial_stats::sequential::BetaBinomialMixture;
/// let mixture = BetaBinomialMixture::try_new(100.0, 0.5, 0.5, 0.05, true)?;
/// // The boundary is where the mixture reaches 1/α.
/// let bound = mixture.bound(100.0, 0.05)?;
/// assert!((mixture.log_mixture(bound, 100.0) + 0.05_f64.ln()).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaBinomialMixture {
    /// Prior pseudo-counts of steps up and down.
    up: f64,
    down: f64,
    g: f64,
    h: f64,
    one_sided: bool,
    constant: f64,
}

impl BetaBinomialMixture {
    /// A mixture tuned to be tightest at intrinsic time `v_opt` and level `alpha_opt`.
    ///
    /// # Errors
    /// `v_opt`, `g` or `h` not positive; `alpha_opt` outside (0, 1), or not below 0.5 when one-sided.
    pub fn try_new(v_opt: f64, g: f64, h: f64, alpha_opt: f64, one_sided: bool) -> Result<Self, StatsError> {
        check_tuning(v_opt, alpha_opt, one_sided)?;
        positive("g", g)?;
        positive("h", h)?;
        let rho = if one_sided {
            best_rho_one_sided(v_opt, alpha_opt)
        } else {
            best_rho_two_sided(v_opt, alpha_opt)
        };
        // The prior must stay proper however early the boundary is to be tight.
        let r = (rho - g * h).max(1e-3 * g * h);
        let mut mixture = Self {
            up: r / (h * (g + h)),
            down: r / (g * (g + h)),
            g,
            h,
            one_sided,
            constant: 0.0,
        };
        for count in [mixture.up, mixture.down] {
            positive("prior count (from v_opt, g and h)", count)?;
            countable("prior count (from v_opt, g and h)", count)?;
        }
        mixture.constant = mixture.log_part(mixture.up, mixture.down);
        Ok(mixture)
    }

    /// ln of the supermartingale at sum `s` and intrinsic time `v`, for −v/h ≤ s ≤ v/g.
    #[must_use]
    pub fn log_mixture(&self, s: f64, v: f64) -> f64 {
        let span = self.g + self.h;
        let up = ((v + self.h * s) / (self.h * span)).max(0.0);
        let down = ((v - self.g * s) / (self.g * span)).max(0.0);
        self.log_counts(up, down)
    }

    /// The same by the numbers of steps up and down that it stands for.
    fn log_counts(&self, up: f64, down: f64) -> f64 {
        let (q, p) = (self.up + up, self.down + down);
        let n = q + p;
        // Deviances of the counts from their expectation; Σ over both, so their linear parts cancel.
        let share_up = self.g / (self.g + self.h);
        let share_down = self.h / (self.g + self.h);
        self.log_part(q, p) - self.constant
            + deviance_part(q, n * share_up)
            + deviance_part(p, n * share_down)
    }

    /// What ln B(p, q) has beyond p ln(p/n) + q ln(q/n), and the probability of the one-sided restriction.
    fn log_part(&self, q: f64, p: f64) -> f64 {
        let n = q + p;
        let restricted = if self.one_sided {
            let tails = inc_beta(p, q, self.h / (self.g + self.h));
            tails.lower.ln()
        } else {
            0.0
        };
        0.5 * (n / (p * q)).ln() + stirling_error(q) + stirling_error(p) - stirling_error(n) + restricted
    }

    /// The boundary at intrinsic time `v` and level `alpha`; at most v/g, which the sum cannot exceed.
    ///
    /// # Errors
    /// `v` negative or not finite, `alpha` outside (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, StatsError> {
        check_time(v, alpha)?;
        let threshold = -alpha.ln();
        countable("v/(g*h)", v / self.g / self.h)?;
        let most = v / self.g;
        if self.log_mixture(most, v) < threshold {
            return Ok(most);
        }
        let log_mixture = |s| self.log_mixture(s, v);
        in_range(
            bisect(0.0, most, |s| log_mixture(s) - threshold),
            threshold,
            log_mixture,
        )
    }
}

/// Beta-binomial mixture boundary for sums of increments in [−g, h] with mean at most 0 (sub-Bernoulli), at
/// intrinsic time `v` (g·h per step): P(the sum ever exceeds it) ≤ `alpha`.
///
/// For a Bernoulli(p) sum, centred, g = p and h = 1 − p; [`bernoulli_interval`](crate::sequential::bernoulli_interval)
/// inverts it. A two-sided mixture is also valid for the absolute sum if both sides are checked with their own
/// g and h.
///
/// # Errors
/// `v` negative or not finite, `v_opt`, `g` or `h` not positive, `alpha` or `alpha_opt` outside (0, 1)
/// (`alpha_opt` below 0.5 when one-sided).
///
/// Source: Howard, Ramdas, McAuliffe, Sekhon 2021, propositions 7 and 8.
///
/// ```
/// use seatrial_stats::sequential::beta_binomial_bound;
/// // One step of a fair coin cannot be surprising: the boundary is all it can do.
/// assert_eq!(beta_binomial_bound(1.0, 0.05, 100.0, 0.5, 0.5, 0.05, true)?, 2.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn beta_binomial_bound(
    v: f64,
    alpha: f64,
    v_opt: f64,
    g: f64,
    h: f64,
    alpha_opt: f64,
    one_sided: bool,
) -> Result<f64, StatsError> {
    BetaBinomialMixture::try_new(v_opt, g, h, alpha_opt, one_sided)?.bound(v, alpha)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: boundaries grow with time and with confidence, and lie on their supermartingale.
        #[test]
        fn monotone_and_consistent(v in 0.5f64..1e6, alpha in 1e-6f64..0.4) {
            let normal = NormalMixture::try_new(100.0, 0.05, true).unwrap();
            let gamma = GammaExponentialMixture::try_new(100.0, 0.5, 0.05).unwrap();
            let beta = BetaBinomialMixture::try_new(100.0, 0.3, 0.7, 0.05, false).unwrap();
            let of = |v: f64, alpha: f64| {
                [normal.bound(v, alpha), gamma.bound(v, alpha), beta.bound(v, alpha)].map(Result::unwrap)
            };
            let (here, later, surer) = (of(v, alpha), of(2.0 * v, alpha), of(v, alpha / 2.0));
            for i in 0..3 {
                prop_assert!(here[i] < later[i] && here[i] <= surer[i], "{i}");
            }
            let threshold = (1.0 / alpha).ln();
            prop_assert!((normal.log_mixture(here[0], v) - threshold).abs() < 1e-7 * threshold.max(1.0));
            prop_assert!((gamma.log_mixture(here[1], v) - threshold).abs() < 1e-7 * threshold.max(1.0));
            prop_assert!(
                here[2] == v / 0.3 || (beta.log_mixture(here[2], v) - threshold).abs() < 1e-7 * threshold.max(1.0)
            );
        }
    }

    /// Protects: at enormous times all three agree with each other instead of drowning in rounding: sums are
    /// then normal.
    #[test]
    fn enormous_times() {
        for v in [1e9, 1e12, 1e15] {
            let normal = normal_mixture_bound(v, 0.05, v, 0.05, true).unwrap();
            let gamma = gamma_exponential_bound(v, 0.05, v, 1.0, 0.05).unwrap();
            let beta = beta_binomial_bound(v, 0.05, v, 0.5, 0.5, 0.05, true).unwrap();
            assert!((gamma / normal - 1.0).abs() < 1e-3, "{v}: {gamma} {normal}");
            assert!((beta / normal - 1.0).abs() < 1e-3, "{v}: {beta} {normal}");
        }
    }

    /// Protects: parameters outside their ranges are errors, time 0 is a value.
    #[test]
    fn edges() {
        assert!(normal_mixture_bound(-1.0, 0.05, 1.0, 0.05, false).is_err());
        assert!(normal_mixture_bound(f64::NAN, 0.05, 1.0, 0.05, false).is_err());
        assert!(normal_mixture_bound(1.0, 1.0, 1.0, 0.05, false).is_err());
        assert!(normal_mixture_bound(1.0, 0.05, 0.0, 0.05, false).is_err());
        assert!(normal_mixture_bound(1.0, 0.05, 1.0, 0.5, true).is_err());
        assert!(gamma_exponential_bound(1.0, 0.05, 1.0, 0.0, 0.05).is_err());
        assert!(beta_binomial_bound(1.0, 0.05, 1.0, 0.5, -0.5, 0.05, false).is_err());
        assert!(normal_mixture_bound(0.0, 0.05, 10.0, 0.05, true).unwrap() > 0.0);
        assert!(gamma_exponential_bound(0.0, 0.05, 10.0, 1.0, 0.05).unwrap() > 0.0);
        assert_eq!(
            beta_binomial_bound(0.0, 0.05, 10.0, 0.5, 0.5, 0.05, false).unwrap(),
            0.0
        );
        for one_sided in [true, false] {
            assert!(
                normal_mixture_bound(1e308, 0.05, 1e-300, 0.05, one_sided)
                    .unwrap()
                    .is_finite()
            );
        }
        for c in [1e-300, 1e-10, 1e10, 1e300] {
            let bound = gamma_exponential_bound(10.0, 0.05, 10.0, c, 0.05);
            assert!(
                bound.is_err() || bound.is_ok_and(|b| b > 0.0 && b.is_finite()),
                "{c}"
            );
        }
        assert!(beta_binomial_bound(1.0, 0.05, 1e300, 0.5, 0.5, 0.05, false).is_err());
        assert!(beta_binomial_bound(1e300, 0.05, 1.0, 0.5, 0.5, 0.05, false).is_err());
        assert!(beta_binomial_bound(1.0, 0.05, 1.0, 1e-200, 1e-200, 0.05, false).is_err());
    }
}
