//! Sample size, power and smallest detectable effect, for planning and for the "what could this have seen"
//! beside every comparison.
//!
//! All tests are two-sided unless the name says otherwise. Sample sizes are real numbers, not rounded up: the
//! caller adds them, multiplies them by a design effect, and rounds at the end. Effects may have either sign;
//! no effect needs an infinite sample (`+∞`). `alpha` and `power` lie strictly between 0 and 1.

use crate::StatsError;
use crate::dist::{
    binom_sf, noncentral_t_cdf, noncentral_t_sf, normal_cdf, normal_isf, normal_quantile, normal_sf, real,
    t_isf,
};
use crate::error::{closed_unit, finite_scalar, open_unit, positive};
use crate::proportion::wilson;

/// z for the two-sided level plus z for the power.
fn z_sum(alpha: f64, power: f64) -> Result<f64, StatsError> {
    open_unit("alpha", alpha)?;
    open_unit("power", power)?;
    Ok(normal_isf(0.5 * alpha) + normal_quantile(power))
}

/// Halvings of a bracket; beyond this double precision is exhausted.
const HALVINGS: usize = 100;

/// A test rejects with the probability of its level anyway, so no smaller power can be asked for.
fn above_level(power: f64, alpha: f64) -> Result<(), StatsError> {
    if power > alpha {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "power",
        found: power,
        expected: "a number above alpha",
    })
}

fn not_negative(what: &'static str, found: f64) -> Result<(), StatsError> {
    if found >= 0.0 && found.is_finite() {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found,
        expected: "a finite number of at least 0",
    })
}

/// Pairs needed to detect a mean difference `delta` when differences have standard deviation `sd`:
/// ((z₁₋α/₂ + z_power) sd/delta)².
///
/// ```
/// let n = seatrial_stats::power::pairs_needed(0.05, 0.8, 1.0, 0.1)?;
/// assert!((n - 784.887_973).abs() < 1e-5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a level or power outside (0, 1), a negative `sd` or an infinite `delta`.
pub fn pairs_needed(alpha: f64, power: f64, sd: f64, delta: f64) -> Result<f64, StatsError> {
    let z = z_sum(alpha, power)?;
    not_negative("sd", sd)?;
    finite_scalar("delta", delta)?;
    Ok(needed(z * sd, delta))
}

/// (spread/effect)², 0 without spread and ∞ without effect.
fn needed(spread: f64, effect: f64) -> f64 {
    if spread == 0.0 {
        0.0
    } else if effect == 0.0 {
        f64::INFINITY
    } else {
        (spread / effect).powi(2)
    }
}

/// Smallest mean difference that `n` pairs detect: (z₁₋α/₂ + z_power) sd/√n.
///
/// ```
/// let mde = seatrial_stats::power::detectable_difference(0.05, 0.8, 0.3, 600.0)?;
/// assert!((mde - 0.034_312_271_3).abs() < 1e-9);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a level or power outside (0, 1), a negative `sd` or an `n` that is not
/// positive.
pub fn detectable_difference(alpha: f64, power: f64, sd: f64, n: f64) -> Result<f64, StatsError> {
    let z = z_sum(alpha, power)?;
    not_negative("sd", sd)?;
    positive("n", n)?;
    Ok(z * sd / n.sqrt())
}

/// Variance components of a paired comparison with repeated answers per case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatedAnswers {
    /// Variance over cases of the difference of true means.
    pub omega2: f64,
    /// Mean variance of the first system's answers to one case.
    pub sigma2_a: f64,
    /// The same of the second system.
    pub sigma2_b: f64,
    /// Answers per case of the first system, at least 1.
    pub k_a: f64,
    /// Answers per case of the second system, at least 1.
    pub k_b: f64,
}

/// Cases needed for a paired comparison with repeated answers: (z₁₋α/₂ + z_power)² (ω² + σ²_A/K_A +
/// σ²_B/K_B)/δ². Source: Miller 2024 (arXiv 2411.00640).
///
/// ```
/// use seatrial_stats::power::{RepeatedAnswers, cases_needed};
/// let parts = RepeatedAnswers { omega2: 0.05, sigma2_a: 0.1, sigma2_b: 0.2, k_a: 4.0, k_b: 2.0 };
/// assert!((cases_needed(0.05, 0.8, &parts, 0.02)? - 3433.884_883_8).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a level or power outside (0, 1), negative variances, less than one answer,
/// or an infinite `delta`.
pub fn cases_needed(alpha: f64, power: f64, parts: &RepeatedAnswers, delta: f64) -> Result<f64, StatsError> {
    not_negative("omega2", parts.omega2)?;
    not_negative("sigma2_a", parts.sigma2_a)?;
    not_negative("sigma2_b", parts.sigma2_b)?;
    for (what, k) in [("k_a", parts.k_a), ("k_b", parts.k_b)] {
        if !(k >= 1.0 && k.is_finite()) {
            return Err(StatsError::OutOfRange {
                what,
                found: k,
                expected: "a finite number of at least 1",
            });
        }
    }
    let variance = parts.omega2 + parts.sigma2_a / parts.k_a + parts.sigma2_b / parts.k_b;
    pairs_needed(alpha, power, variance.sqrt(), delta)
}

/// Power of the two-sided paired (one-sample) t test with standardised effect `d` and `n` pairs, exactly
/// (noncentral t).
///
/// ```
/// let power = seatrial_stats::power::t_paired(0.5, 30.0, 0.05)?;
/// assert!((power - 0.753_964_715_743_8).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `n > 1`, `d` is finite and `0 < alpha < 1`.
pub fn t_paired(d: f64, n: f64, alpha: f64) -> Result<f64, StatsError> {
    more_than_one("n", n)?;
    t_power(d * n.sqrt(), n - 1.0, alpha)
}

/// Power of the two-sided two-sample t test with standardised effect `d` and `n` per arm, exactly.
///
/// ```
/// let power = seatrial_stats::power::t_independent(0.5, 30.0, 0.05)?;
/// assert!((power - 0.477_896_520_0).abs() < 1e-8);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`t_paired`].
pub fn t_independent(d: f64, n_per_arm: f64, alpha: f64) -> Result<f64, StatsError> {
    more_than_one("n_per_arm", n_per_arm)?;
    t_power(d * (0.5 * n_per_arm).sqrt(), 2.0 * (n_per_arm - 1.0), alpha)
}

fn more_than_one(what: &'static str, n: f64) -> Result<(), StatsError> {
    if n > 1.0 && n.is_finite() {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what,
        found: n,
        expected: "a finite number greater than 1",
    })
}

fn t_power(noncentrality: f64, df: f64, alpha: f64) -> Result<f64, StatsError> {
    finite_scalar("d", noncentrality)?;
    open_unit("alpha", alpha)?;
    let critical = t_isf(0.5 * alpha, df);
    let above = noncentral_t_sf(critical, df, noncentrality);
    let below = noncentral_t_cdf(-critical, df, noncentrality);
    Ok((above + below).min(1.0))
}

/// Pairs at which the paired t test ([`t_paired`]) of a standardised effect `d` first has the power: a whole number,
/// at least 2.
///
/// ```
/// assert_eq!(seatrial_stats::power::t_paired_pairs(0.5, 0.05, 0.8)?, Some(34));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// `None` without effect, or when 2⁵³ pairs are not enough.
///
/// # Errors
/// [`StatsError::OutOfRange`] for an infinite `d`, a level outside (0, 1), or a power not between the level and 1.
pub fn t_paired_pairs(d: f64, alpha: f64, power: f64) -> Result<Option<u64>, StatsError> {
    first_reaching(d, alpha, power, t_paired)
}

/// The same for the two-sample t test ([`t_independent`]): trials per arm.
///
/// ```
/// assert_eq!(seatrial_stats::power::t_independent_per_arm(0.5, 0.05, 0.8)?, Some(64));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`t_paired_pairs`].
pub fn t_independent_per_arm(d: f64, alpha: f64, power: f64) -> Result<Option<u64>, StatsError> {
    first_reaching(d, alpha, power, t_independent)
}

/// Smallest standardised effect that `n` pairs show with the power, by [`t_paired`].
///
/// ```
/// let d = seatrial_stats::power::t_paired_detectable(30.0, 0.05, 0.753_964_715_743_8)?;
/// assert!((d - 0.5).abs() < 1e-9);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `n > 1`, for a level outside (0, 1), or a power not between the level and 1.
pub fn t_paired_detectable(n: f64, alpha: f64, power: f64) -> Result<f64, StatsError> {
    detectable_effect(n, alpha, power, t_paired)
}

/// Smallest standardised effect that `n_per_arm` trials per arm show with the power, by [`t_independent`].
///
/// ```
/// let d = seatrial_stats::power::t_independent_detectable(64.0, 0.05, 0.8)?;
/// assert!(d < 0.5 && d > 0.49);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`t_paired_detectable`].
pub fn t_independent_detectable(n_per_arm: f64, alpha: f64, power: f64) -> Result<f64, StatsError> {
    detectable_effect(n_per_arm, alpha, power, t_independent)
}

/// Power of a test by effect, size and level.
type PowerOf = fn(f64, f64, f64) -> Result<f64, StatsError>;

fn first_reaching(d: f64, alpha: f64, power: f64, power_of: PowerOf) -> Result<Option<u64>, StatsError> {
    const N_MAX: u64 = 1 << 53;
    z_sum(alpha, power)?;
    above_level(power, alpha)?;
    let mut high = 2;
    while power_of(d, real(high), alpha)? < power {
        if high >= N_MAX || d == 0.0 {
            return Ok(None);
        }
        high *= 2;
    }
    let mut low = (high / 2).max(1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if power_of(d, real(middle), alpha)? < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(high))
}

fn detectable_effect(n: f64, alpha: f64, power: f64, power_of: PowerOf) -> Result<f64, StatsError> {
    const EFFECT_MAX: f64 = 1e9;
    z_sum(alpha, power)?;
    above_level(power, alpha)?;
    let (mut low, mut high) = (0.0, 1.0);
    while power_of(high, n, alpha)? < power && high < EFFECT_MAX {
        high *= 2.0;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if power_of(middle, n, alpha)? < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(high)
}

/// Cohen's effect size of two shares: 2 asin √p1 − 2 asin √p2.
///
/// ```
/// let h = seatrial_stats::power::share_effect(0.5, 0.55)?;
/// assert!((h + 0.100_167_421_161_559_97).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a share outside [0, 1].
pub fn share_effect(p1: f64, p2: f64) -> Result<f64, StatsError> {
    closed_unit("p1", p1)?;
    closed_unit("p2", p2)?;
    Ok(2.0 * p1.sqrt().asin() - 2.0 * p2.sqrt().asin())
}

/// Trials per arm to tell share `p1` from share `p2` in independent groups: the n at which the two-sided
/// normal test of effect [`share_effect`] has the power. Both rejection regions count.
///
/// ```
/// let n = seatrial_stats::power::trials_per_arm(0.5, 0.55, 0.05, 0.9)?;
/// assert!((n - 2094.464_856).abs() < 1e-3);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a share outside [0, 1], a level outside (0, 1), or a power not between the
/// level and 1.
pub fn trials_per_arm(p1: f64, p2: f64, alpha: f64, power: f64) -> Result<f64, StatsError> {
    let h = share_effect(p1, p2)?.abs();
    z_sum(alpha, power)?;
    above_level(power, alpha)?;
    if h == 0.0 {
        return Ok(f64::INFINITY);
    }
    let critical = normal_isf(0.5 * alpha);
    let reached = |shift: f64| normal_sf(critical - shift) + normal_cdf(-critical - shift);
    // shift = h √(n/2); the one-region solution is an upper bound, power = alpha at 0 a lower one.
    let (mut low, mut high) = (0.0, critical + normal_quantile(power).max(0.0) + 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if reached(middle) < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(2.0 * (high / h).powi(2))
}

/// Power of the two-sided normal test that tells share `p1` from share `p2` with `n_per_arm` trials in each of
/// two independent groups; what [`trials_per_arm`] inverts. At equal shares it is the level.
///
/// ```
/// let power = seatrial_stats::power::two_shares(0.5, 0.55, 2094.464_856, 0.05)?;
/// assert!((power - 0.9).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a share outside [0, 1], an `n_per_arm` that is not positive, or a level outside
/// (0, 1).
pub fn two_shares(p1: f64, p2: f64, n_per_arm: f64, alpha: f64) -> Result<f64, StatsError> {
    let h = share_effect(p1, p2)?.abs();
    positive("n_per_arm", n_per_arm)?;
    open_unit("alpha", alpha)?;
    let critical = normal_isf(0.5 * alpha);
    let shift = h * (0.5 * n_per_arm).sqrt();
    Ok((normal_sf(critical - shift) + normal_cdf(-critical - shift)).min(1.0))
}

/// Smallest share above `p1` that `n_per_arm` trials in each group tell from it with the power, by
/// [`two_shares`]. `None` when even a share of 1 is not told from it.
///
/// ```
/// let p2 = seatrial_stats::power::detectable_share(0.5, 2094.464_856, 0.05, 0.9)?.unwrap();
/// assert!((p2 - 0.55).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`two_shares`]; [`StatsError::OutOfRange`] for a power not between the level and 1.
pub fn detectable_share(p1: f64, n_per_arm: f64, alpha: f64, power: f64) -> Result<Option<f64>, StatsError> {
    z_sum(alpha, power)?;
    above_level(power, alpha)?;
    if two_shares(p1, 1.0, n_per_arm, alpha)? < power {
        return Ok(None);
    }
    let (mut low, mut high) = (p1, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if two_shares(p1, middle, n_per_arm, alpha)? < power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(high))
}

/// Pairs for McNemar's test when the first alone is right with probability `p10` and the second alone with
/// `p01`: (z₁₋α/₂ √p_d + z_power √(p_d − δ²))²/δ², p_d = p10 + p01, δ = p10 − p01. Source: Connor 1987.
///
/// ```
/// let n = seatrial_stats::power::mcnemar_pairs(0.1, 0.05, 0.05, 0.8)?;
/// assert!((n - 468.567_979).abs() < 1e-5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for probabilities outside [0, 1] or summing to more than 1, and for a level or
/// power outside (0, 1).
pub fn mcnemar_pairs(p10: f64, p01: f64, alpha: f64, power: f64) -> Result<f64, StatsError> {
    closed_unit("p10", p10)?;
    closed_unit("p01", p01)?;
    let (discordant, delta) = (p10 + p01, p10 - p01);
    closed_unit("p10 + p01", discordant)?;
    z_sum(alpha, power)?;
    let spread = normal_isf(0.5 * alpha) * discordant.sqrt()
        + normal_quantile(power) * (discordant - delta * delta).max(0.0).sqrt();
    Ok(if delta == 0.0 {
        f64::INFINITY
    } else {
        (spread / delta).powi(2)
    })
}

/// Power of McNemar's test with `n` pairs, the first alone right with probability `p10`, the second alone with
/// `p01`; what [`mcnemar_pairs`] inverts: Φ((|δ| √n − z₁₋α/₂ √p_d)/√(p_d − δ²)). At δ = 0 it is half the level: the normal
/// approximation leaves out the far side.
///
/// ```
/// let power = seatrial_stats::power::mcnemar(0.1, 0.05, 468.567_979, 0.05)?;
/// assert!((power - 0.8).abs() < 1e-6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for probabilities outside [0, 1] or summing to more than 1, an `n` that is not
/// positive, and a level outside (0, 1).
pub fn mcnemar(p10: f64, p01: f64, n: f64, alpha: f64) -> Result<f64, StatsError> {
    closed_unit("p10", p10)?;
    closed_unit("p01", p01)?;
    let (discordant, delta) = (p10 + p01, (p10 - p01).abs());
    closed_unit("p10 + p01", discordant)?;
    positive("n", n)?;
    open_unit("alpha", alpha)?;
    let beyond = delta * n.sqrt() - normal_isf(0.5 * alpha) * discordant.sqrt();
    let spread = (discordant - delta * delta).max(0.0).sqrt();
    Ok(if spread > 0.0 {
        normal_cdf(beyond / spread)
    } else {
        // No pair is concordant and all lie one way, or none is discordant: nothing is left to chance.
        f64::from(u8::from(beyond >= 0.0 && delta > 0.0))
    })
}

/// Smallest difference of paired shares that `n` pairs detect with McNemar's test when a share `discordant`
/// of the pairs differs. `None` when even the largest possible difference (all one way) is not detected.
///
/// ```
/// let d = seatrial_stats::power::mcnemar_detectable(0.1, 312.0, 0.05, 0.8)?.unwrap();
/// assert!((d - 0.05).abs() < 1e-3);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a share outside [0, 1], an `n` that is not positive, and a level or power
/// outside (0, 1).
pub fn mcnemar_detectable(
    discordant: f64,
    n: f64,
    alpha: f64,
    power: f64,
) -> Result<Option<f64>, StatsError> {
    closed_unit("discordant", discordant)?;
    positive("n", n)?;
    z_sum(alpha, power)?;
    let pairs = |delta: f64| {
        mcnemar_pairs(
            0.5 * (discordant + delta),
            0.5 * (discordant - delta),
            alpha,
            power,
        )
    };
    if discordant == 0.0 || pairs(discordant)? > n {
        return Ok(None);
    }
    let (mut low, mut high) = (0.0, discordant);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if pairs(middle)? <= n {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// Exact one-sided binomial test of H0: share <= p0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExactSharePower {
    /// Smallest count of successes that rejects; n + 1 when none does.
    pub critical_k: u64,
    /// Actual false-alarm rate at `p0`, at most α.
    pub size: f64,
    /// Probability of rejecting when the share is `p1`.
    pub power: f64,
}

/// Power of the exact one-sided binomial test of H0: share <= `p0` with `n` trials when the share is `p1`.
///
/// ```
/// let t = seatrial_stats::power::exact_share(0.8, 0.97, 30, 0.1)?;
/// assert_eq!(t.critical_k, 28);
/// assert!((t.power - 0.939_930_905_478_882).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for shares outside [0, 1] or a level outside (0, 1).
pub fn exact_share(p0: f64, p1: f64, n: u64, alpha: f64) -> Result<ExactSharePower, StatsError> {
    closed_unit("p0", p0)?;
    closed_unit("p1", p1)?;
    open_unit("alpha", alpha)?;
    let at_least = |k: u64, p: f64| k.checked_sub(1).map_or(1.0, |below| binom_sf(below, n, p));
    let (mut low, mut high) = (0, n.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if at_least(middle, p0) <= alpha {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(ExactSharePower {
        critical_k: low,
        size: at_least(low, p0),
        power: at_least(low, p1),
    })
}

/// Trials at which the Wilson interval of a share near `share` has half width at most `half_width`.
///
/// ```
/// assert_eq!(seatrial_stats::power::trials_for_half_width(0.9, 0.05, 0.95)?, 141);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for a share outside [0, 1], or a half width or confidence outside (0, 1).
pub fn trials_for_half_width(share: f64, half_width: f64, confidence: f64) -> Result<u64, StatsError> {
    closed_unit("share", share)?;
    open_unit("half_width", half_width)?;
    open_unit("confidence", confidence)?;
    let narrow = |n: u64| -> Result<bool, StatsError> {
        Ok(0.5 * wilson(share * real(n), real(n), confidence)?.width() <= half_width)
    };
    let mut high = 1u64;
    while !narrow(high)? {
        // Half width falls as 1/√n, so this ends long before the counter does.
        high = high.saturating_mul(2);
        if high == u64::MAX {
            return Ok(high);
        }
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if narrow(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: sample size and detectable difference are each other's inverse; power grows with n, is
        /// at least the level and at most 1, and does not care about the sign of the effect.
        #[test]
        fn inverse_and_monotone(sd in 0.01f64..10.0, delta in 0.001f64..5.0, power in 0.5f64..0.99, d in 0.0f64..2.0, n in 2.0f64..300.0) {
            let pairs = pairs_needed(0.05, power, sd, delta).unwrap();
            let back = detectable_difference(0.05, power, sd, pairs).unwrap();
            prop_assert!((back - delta).abs() < 1e-9 * delta);
            prop_assert_eq!(pairs, pairs_needed(0.05, power, sd, -delta).unwrap());
            for test in [t_paired, t_independent] {
                let (p, q, r) = (test(d, n, 0.05).unwrap(), test(d, n + 1.0, 0.05).unwrap(), test(-d, n, 0.05).unwrap());
                prop_assert!(p <= q + 1e-9 && (p - r).abs() < 1e-9);
                prop_assert!((0.05 - 1e-9..=1.0).contains(&p));
            }
        }

        /// Protects: McNemar's detectable difference needs exactly the given pairs.
        #[test]
        fn mcnemar_inverse(discordant in 0.02f64..0.9, n in 50.0f64..1e5) {
            if let Some(delta) = mcnemar_detectable(discordant, n, 0.05, 0.8).unwrap() {
                let pairs = mcnemar_pairs(0.5 * (discordant + delta), 0.5 * (discordant - delta), 0.05, 0.8).unwrap();
                prop_assert!((pairs - n).abs() < 1e-6 * n);
            }
        }
    }

    proptest! {
        /// Protects: the three questions (size, difference, power) of one design have one answer.
        #[test]
        fn three_questions_one_answer(p1 in 0.05f64..0.9, gain in 0.02f64..0.09, discordant in 0.1f64..0.9, d in 0.05f64..2.0) {
            let n = trials_per_arm(p1, p1 + gain, 0.05, 0.8).unwrap();
            prop_assert!((two_shares(p1, p1 + gain, n, 0.05).unwrap() - 0.8).abs() < 1e-6);
            prop_assert!((detectable_share(p1, n, 0.05, 0.8).unwrap().unwrap() - p1 - gain).abs() < 1e-6);
            let (p10, p01) = (0.5 * (discordant + gain), 0.5 * (discordant - gain));
            let pairs = mcnemar_pairs(p10, p01, 0.05, 0.8).unwrap();
            prop_assert!((mcnemar(p10, p01, pairs, 0.05).unwrap() - 0.8).abs() < 1e-9);
            for (size, power, detectable) in [
                (t_paired_pairs as fn(f64, f64, f64) -> _, t_paired as PowerOf, t_paired_detectable as PowerOf),
                (t_independent_per_arm, t_independent, t_independent_detectable),
            ] {
                let n = size(d, 0.05, 0.8).unwrap().unwrap() as f64;
                prop_assert!(power(d, n, 0.05).unwrap() >= 0.8);
                prop_assert!(n <= 2.0 || power(d, n - 1.0, 0.05).unwrap() < 0.8);
                prop_assert!(detectable(n, 0.05, 0.8).unwrap() <= d + 1e-9);
            }
        }
    }

    /// Protects: the sample sizes people know, computed by others.
    #[test]
    fn known_sizes() {
        for (share, half, n) in [(0.9, 0.05, 141), (0.8, 0.05, 245), (0.8, 0.1, 60)] {
            assert_eq!(trials_for_half_width(share, half, 0.95).unwrap(), n);
        }
        // An accuracy change of 5 points with 10 % discordant pairs: 312 pairs.
        assert_eq!(mcnemar_pairs(0.075, 0.025, 0.05, 0.8).unwrap().ceil(), 312.0);
        assert_eq!(mcnemar_pairs(0.06, 0.04, 0.05, 0.8).unwrap().ceil(), 1960.0);
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        assert_eq!(pairs_needed(0.05, 0.8, 1.0, 0.0).unwrap(), f64::INFINITY);
        assert_eq!(pairs_needed(0.05, 0.8, 0.0, 0.1).unwrap(), 0.0);
        assert!(pairs_needed(0.0, 0.8, 1.0, 0.1).is_err());
        assert!(pairs_needed(0.05, f64::NAN, 1.0, 0.1).is_err());
        assert!(detectable_difference(0.05, 0.8, 1.0, 0.0).is_err());
        assert_eq!(trials_per_arm(0.5, 0.5, 0.05, 0.8).unwrap(), f64::INFINITY);
        assert!(trials_per_arm(1.5, 0.5, 0.05, 0.8).is_err());
        assert!(trials_per_arm(0.4, 0.5, 0.05, 0.01).is_err());
        assert_eq!(mcnemar_pairs(0.1, 0.1, 0.05, 0.8).unwrap(), f64::INFINITY);
        assert!(mcnemar_pairs(0.7, 0.7, 0.05, 0.8).is_err());
        assert_eq!(mcnemar_detectable(0.1, 5.0, 0.05, 0.8).unwrap(), None);
        assert_eq!(mcnemar_detectable(0.0, 5.0, 0.05, 0.8).unwrap(), None);
        let none = exact_share(0.95, 0.97, 30, 0.05).unwrap();
        assert_eq!((none.critical_k, none.size, none.power), (31, 0.0, 0.0));
        assert_eq!(exact_share(0.5, 0.5, 0, 0.05).unwrap().critical_k, 1);
        assert!(exact_share(0.5, 0.6, u64::MAX, 0.05).unwrap().power > 0.99);
        assert!(t_paired(0.5, 1.0, 0.05).is_err());
        assert_eq!(t_paired(50.0, 1000.0, 0.05).unwrap(), 1.0);
        assert!(trials_for_half_width(0.5, 0.0, 0.95).is_err());
        assert_eq!(t_paired_pairs(0.0, 0.05, 0.8).unwrap(), None);
        assert_eq!(t_paired_pairs(1e6, 0.05, 0.8).unwrap(), Some(2));
        assert!(t_paired_pairs(f64::NAN, 0.05, 0.8).is_err());
        assert!(t_paired_pairs(0.5, 0.05, 0.01).is_err());
        assert!(t_independent_detectable(1.0, 0.05, 0.8).is_err());
        assert_eq!(detectable_share(0.99, 10.0, 0.05, 0.8).unwrap(), None);
        assert!((two_shares(0.4, 0.4, 100.0, 0.05).unwrap() - 0.05).abs() < 1e-12);
        assert!(two_shares(0.4, 0.4, 0.0, 0.05).is_err());
        assert_eq!(mcnemar(0.0, 0.0, 10.0, 0.05).unwrap(), 0.0);
        assert_eq!(mcnemar(1.0, 0.0, 10.0, 0.05).unwrap(), 1.0);
        assert!(mcnemar(0.7, 0.7, 10.0, 0.05).is_err());
    }
}
