//! Intervals and tests for one share: successes `k` among `n` trials.
//!
//! `k` and `n` are real numbers wherever the formula allows it, so that an *effective* sample size (after a
//! design effect of clustering) can be used: `wilson(share * n_eff, n_eff, …)`. Every function wants `0 < n <= 2^53`,
//! `0 <= k <= n`, and a confidence strictly between 0 and 1; anything else is
//! [`StatsError::OutOfRange`]. Intervals lie inside [0, 1].

use crate::dist::{beta_isf, beta_quantile, binom_cdf, binom_pmf, binom_sf, normal_isf, real};
use crate::error::{closed_unit, open_unit, positive_count};
use crate::{Alternative, Interval, StatsError};

/// Factor by which two binomial probabilities may differ and still count as equally likely (as in scipy).
const EQUALLY_LIKELY: f64 = 1.0 + 1e-7;

fn check(k: f64, n: f64, confidence: f64) -> Result<(), StatsError> {
    positive_count("n", n)?;
    if !(0.0..=n).contains(&k) {
        return Err(StatsError::OutOfRange {
            what: "k",
            found: k,
            expected: "a number from 0 to n",
        });
    }
    open_unit("confidence", confidence)
}

/// Half of what the confidence leaves out.
fn half_alpha(confidence: f64) -> f64 {
    0.5 * (1.0 - confidence)
}

/// Wald interval: share ± z · √(share (1 − share) / n), clipped to [0, 1].
///
/// Assumes a normal share, which fails below a few hundred trials and near 0 and 1 (coverage of a "95 %"
/// interval at n = 30, p = 0.97 is 60 %); zero width at k = 0 and k = n. For comparison with other tools only.
///
/// ```
/// let i = seatrial_stats::proportion::wald(8.0, 10.0, 0.95)?;
/// assert!((i.low - 0.552_081_987_1).abs() < 1e-9);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn wald(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    check(k, n, confidence)?;
    let share = k / n;
    let z = normal_isf(half_alpha(confidence));
    Ok(Interval::around(share, z * (share * (1.0 - share) / n).sqrt()).clamped(0.0, 1.0))
}

/// Wilson score interval, the default for shares.
///
/// The shares that a score test at this level does not reject: centre (k + z²/2)/(n + z²), half width
/// z · √(k (n−k)/n + z²/4)/(n + z²). Average coverage is the nominal level; single cells may lie below it
/// (0.911 at worst over n ∈ {20, 50, 200, 1000}, p ∈ {0.01, 0.1, 0.5, 0.95}). Lower end exactly 0 at k = 0,
/// upper end exactly 1 at k = n. Source: Wilson 1927.
///
/// ```
/// let i = seatrial_stats::proportion::wilson(1.0, 1.0, 0.95)?;
/// assert!((i.low - 0.206_549_314_377).abs() < 1e-11 && i.high == 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn wilson(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    check(k, n, confidence)?;
    Ok(wilson_at(k, n, normal_isf(half_alpha(confidence))))
}

/// One-sided Wilson lower bound: the share is at least this with the given confidence.
///
/// ```
/// let low = seatrial_stats::proportion::wilson_lower(95.0, 100.0, 0.95)?;
/// assert!(low > 0.89 && low < 0.95);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn wilson_lower(k: f64, n: f64, confidence: f64) -> Result<f64, StatsError> {
    check(k, n, confidence)?;
    Ok(wilson_at(k, n, normal_isf(1.0 - confidence)).low)
}

/// One-sided Wilson upper bound: the share is at most this with the given confidence.
///
/// ```
/// let high = seatrial_stats::proportion::wilson_upper(5.0, 100.0, 0.95)?;
/// assert!(high > 0.05 && high < 0.11);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn wilson_upper(k: f64, n: f64, confidence: f64) -> Result<f64, StatsError> {
    check(k, n, confidence)?;
    Ok(wilson_at(k, n, normal_isf(1.0 - confidence)).high)
}

/// Wilson limits at a given normal point. For one-sided levels below ½ the point is negative and the "limits"
/// cross, which is what a bound of such a level is.
pub(crate) fn wilson_at(k: f64, n: f64, z: f64) -> Interval {
    let total = n + z * z;
    let centre = (k + 0.5 * z * z) / total;
    let half = z * (k * ((n - k) / n) + 0.25 * z * z).sqrt() / total;
    let low = if k == 0.0 && z >= 0.0 { 0.0 } else { centre - half };
    let high = if k == n && z >= 0.0 { 1.0 } else { centre + half };
    Interval::new(low, high).clamped(0.0, 1.0)
}

/// Wilson interval with continuity correction (Newcombe 1998, method 4): conservative.
///
/// ```
/// let i = seatrial_stats::proportion::wilson_cc(1.0, 1.0, 0.95)?;
/// assert!((i.low - 0.054_620_755_528_852).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn wilson_cc(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    check(k, n, confidence)?;
    let z = normal_isf(half_alpha(confidence));
    let (p, q) = (k / n, (n - k) / n);
    let z2 = z * z;
    let denominator = 2.0 * (n + z2);
    let centre = 2.0 * n * p + z2;
    let spread = |shift: f64| {
        (z2 + shift * 2.0 - 1.0 / n + 4.0 * p * (n * q - shift))
            .max(0.0)
            .sqrt()
    };
    let low = if k == 0.0 {
        0.0
    } else {
        (centre - 1.0 - z * spread(-1.0)) / denominator
    };
    let high = if k == n {
        1.0
    } else {
        (centre + 1.0 + z * spread(1.0)) / denominator
    };
    Ok(Interval::new(low, high).clamped(0.0, 1.0))
}

/// Clopper–Pearson "exact" interval: coverage is at least the confidence for every share; the one for safety.
///
/// Ends are the α/2 quantile of Beta(k, n−k+1) and the 1−α/2 quantile of Beta(k+1, n−k); 0 at k = 0, 1 at
/// k = n. Source: Clopper and Pearson 1934.
///
/// ```
/// let i = seatrial_stats::proportion::clopper_pearson(0.0, 299.0, 0.90)?;
/// assert!(i.high < 0.01); // no violation in 299 attempts bounds the rate by 1 % at one-sided 95 %
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn clopper_pearson(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    check(k, n, confidence)?;
    let tail = half_alpha(confidence);
    Ok(Interval::new(exact_lower(k, n, tail), exact_upper(k, n, tail)))
}

/// One-sided Clopper–Pearson lower bound with the given confidence; 0 at k = 0.
///
/// ```
/// let low = seatrial_stats::proportion::clopper_pearson_lower(10.0, 10.0, 0.95)?;
/// assert!((low - 0.05f64.powf(0.1)).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn clopper_pearson_lower(k: f64, n: f64, confidence: f64) -> Result<f64, StatsError> {
    check(k, n, confidence)?;
    Ok(exact_lower(k, n, 1.0 - confidence))
}

/// One-sided Clopper–Pearson upper bound with the given confidence; 1 at k = n.
///
/// ```
/// let high = seatrial_stats::proportion::clopper_pearson_upper(0.0, 10.0, 0.95)?;
/// assert!((high - (1.0 - 0.05f64.powf(0.1))).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn clopper_pearson_upper(k: f64, n: f64, confidence: f64) -> Result<f64, StatsError> {
    check(k, n, confidence)?;
    Ok(exact_upper(k, n, 1.0 - confidence))
}

fn exact_lower(k: f64, n: f64, tail: f64) -> f64 {
    if k == 0.0 {
        0.0
    } else {
        beta_quantile(tail, k, n - k + 1.0)
    }
}

fn exact_upper(k: f64, n: f64, tail: f64) -> f64 {
    if k == n {
        1.0
    } else {
        beta_isf(tail, k + 1.0, n - k)
    }
}

/// Agresti–Coull interval: Wald on k + z²/2 successes of n + z², clipped to [0, 1]. Source: Agresti, Coull 1998.
///
/// ```
/// let i = seatrial_stats::proportion::agresti_coull(0.0, 1.0, 0.95)?;
/// assert!((i.high - 0.832_500_514_520_587).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn agresti_coull(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    check(k, n, confidence)?;
    let z = normal_isf(half_alpha(confidence));
    let total = n + z * z;
    let share = (k + 0.5 * z * z) / total;
    Ok(Interval::around(share, z * (share * (1.0 - share) / total).sqrt()).clamped(0.0, 1.0))
}

/// Jeffreys interval: equal tails of Beta(k + ½, n − k + ½). Not forced to 0 at k = 0 nor to 1 at k = n.
///
/// ```
/// let i = seatrial_stats::proportion::jeffreys(0.0, 1.0, 0.95)?;
/// assert!((i.high - 0.853_253_683_690_424_8).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says.
pub fn jeffreys(k: f64, n: f64, confidence: f64) -> Result<Interval, StatsError> {
    Ok(beta_posterior(k, n, confidence, 0.5, 0.5)?.interval)
}

/// A Bayesian reading of a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaPosterior {
    /// Posterior mean.
    pub mean: f64,
    /// Equal-tailed credible interval.
    pub interval: Interval,
}

/// Posterior of a share under a Beta(`prior_a`, `prior_b`) prior, both greater than 0; (1, 1) is uniform.
///
/// ```
/// let posterior = seatrial_stats::proportion::beta_posterior(1.0, 1.0, 0.95, 1.0, 1.0)?;
/// assert!((posterior.mean - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as the module says, or for a prior outside (0, 2^53].
pub fn beta_posterior(
    k: f64,
    n: f64,
    confidence: f64,
    prior_a: f64,
    prior_b: f64,
) -> Result<BetaPosterior, StatsError> {
    check(k, n, confidence)?;
    positive_count("prior_a", prior_a)?;
    positive_count("prior_b", prior_b)?;
    let (a, b) = (prior_a + k, prior_b + n - k);
    let tail = half_alpha(confidence);
    Ok(BetaPosterior {
        mean: a / (a + b),
        interval: Interval::new(beta_quantile(tail, a, b), beta_isf(tail, a, b)),
    })
}

/// Exact binomial test of H0: share = `p0`.
///
/// Two-sided: the probability of all outcomes no likelier than the observed one (a relative 1e-7 counts as
/// equally likely, as in scipy). One-sided: the tail including the observed count. `n = 0` gives 1.
///
/// ```
/// use seatrial_stats::{Alternative, proportion::binom_test};
/// assert!((binom_test(0, 1, 0.9, Alternative::TwoSided)? - 0.1).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] for `k > n` or `p0` outside [0, 1].
pub fn binom_test(k: u64, n: u64, p0: f64, alternative: Alternative) -> Result<f64, StatsError> {
    closed_unit("p0", p0)?;
    if k > n {
        return Err(StatsError::OutOfRange {
            what: "k",
            found: real(k),
            expected: "a number from 0 to n",
        });
    }
    let at_most = binom_cdf(k, n, p0);
    let at_least = k.checked_sub(1).map_or(1.0, |below| binom_sf(below, n, p0));
    Ok(match alternative {
        Alternative::Less => at_most,
        Alternative::Greater => at_least,
        Alternative::TwoSided => two_sided(k, n, p0, at_most, at_least).min(1.0),
    })
}

fn two_sided(k: u64, n: u64, p0: f64, at_most: f64, at_least: f64) -> f64 {
    let expected = p0 * real(n);
    #[expect(clippy::float_cmp, reason = "the observed count is exactly the expected one")]
    if real(k) == expected {
        return 1.0;
    }
    let limit = binom_pmf(k, n, p0) * EQUALLY_LIKELY;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= p0·n <= n, which was a u64"
    )]
    if real(k) < expected {
        // Falling probabilities from the mode up: the first count that is unlikely enough.
        let (mut low, mut high) = ((expected.ceil() as u64).min(n), n.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            if binom_pmf(middle, n, p0) <= limit {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        at_most
            + if low > n {
                0.0
            } else {
                binom_sf(low.saturating_sub(1), n, p0)
            }
    } else {
        // Rising probabilities up to the mode: the number of counts from 0 that are unlikely enough.
        let (mut low, mut high) = (0, (expected.floor() as u64).saturating_add(1).min(n));
        while low < high {
            let middle = low + (high - low) / 2;
            if binom_pmf(middle, n, p0) <= limit {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        at_least + low.checked_sub(1).map_or(0.0, |last| binom_cdf(last, n, p0))
    }
}

/// How many trials without a single violation bound the violation rate by `limit` with the given confidence:
/// the smallest whole n with (1 − limit)^n <= 1 − confidence (the exact form of the rule of three).
///
/// ```
/// assert_eq!(seatrial_stats::proportion::clean_trials_needed(0.01, 0.95)?, 299);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless both lie strictly between 0 and 1.
pub fn clean_trials_needed(limit: f64, confidence: f64) -> Result<u64, StatsError> {
    open_unit("limit", limit)?;
    open_unit("confidence", confidence)?;
    let n = (-confidence).ln_1p() / (-limit).ln_1p();
    // A quotient that is whole but for rounding must not be rounded up.
    let nearest = n.round();
    let n = if (n - nearest).abs() <= 1e-9 * nearest {
        nearest
    } else {
        n.ceil()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates and n >= 0"
    )]
    Ok((n as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Method = fn(f64, f64, f64) -> Result<Interval, StatsError>;
    const METHODS: [(&str, Method); 6] = [
        ("wald", wald),
        ("wilson", wilson),
        ("wilson_cc", wilson_cc),
        ("clopper_pearson", clopper_pearson),
        ("agresti_coull", agresti_coull),
        ("jeffreys", jeffreys),
    ];

    proptest! {
        /// Protects: every interval contains the share, lies in [0, 1] and widens with the level.
        #[test]
        fn contains_the_share_and_widens(n in 1u32..5000, at in 0.0f64..=1.0, level in 0.5f64..0.98) {
            let k = (f64::from(n) * at).round();
            let n = f64::from(n);
            for (name, method) in METHODS {
                let narrow = method(k, n, level).unwrap();
                let wide = method(k, n, level + 0.015).unwrap();
                prop_assert!(wide.low <= narrow.low + 1e-12 && narrow.high <= wide.high + 1e-12, "{name}");
                prop_assert!(narrow.low >= 0.0 && narrow.high <= 1.0, "{name}");
                if name != "jeffreys" || (k > 0.0 && k < n) {
                    prop_assert!(narrow.low <= k / n + 1e-12 && k / n <= narrow.high + 1e-12, "{name}");
                }
            }
        }

        /// Protects: exchanging successes and failures mirrors the interval.
        #[test]
        fn mirrored(n in 1u32..3000, at in 0.0f64..=1.0) {
            let k = (f64::from(n) * at).round();
            let n = f64::from(n);
            for (name, method) in METHODS {
                let (i, j) = (method(k, n, 0.95).unwrap(), method(n - k, n, 0.95).unwrap());
                prop_assert!((i.low - (1.0 - j.high)).abs() < 1e-11, "{name}");
            }
        }

        /// Protects: p-values lie in [0, 1] and mirror with the share.
        #[test]
        fn p_values(n in 0u64..300, at in 0.0f64..=1.0, p0 in 0.0f64..=1.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let k = (real(n) * at).round() as u64;
            for side in [Alternative::TwoSided, Alternative::Less, Alternative::Greater] {
                let p = binom_test(k, n, p0, side).unwrap();
                prop_assert!((0.0..=1.0).contains(&p), "{p}");
            }
            let p = binom_test(k, n, 0.5, Alternative::TwoSided).unwrap();
            let q = binom_test(n - k, n, 0.5, Alternative::TwoSided).unwrap();
            prop_assert!((p - q).abs() < 1e-12);
        }
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        for (name, method) in METHODS {
            assert!(method(0.0, 0.0, 0.95).is_err(), "{name}");
            assert!(method(2.0, 1.0, 0.95).is_err(), "{name}");
            assert!(method(f64::NAN, 1.0, 0.95).is_err(), "{name}");
            assert!(method(1.0, f64::INFINITY, 0.95).is_err(), "{name}");
            assert!(method(1.0, 2.0, 1.0).is_err(), "{name}");
            assert!(method(1.0, 2.0, f64::NAN).is_err(), "{name}");
            let huge = method(5e14, 1e15, 0.95).unwrap();
            assert!(
                huge.low < 0.5 && huge.high > 0.5 && huge.width() < 1e-6,
                "{name} {huge:?}"
            );
        }
        assert_eq!(binom_test(0, 0, 0.3, Alternative::TwoSided).unwrap(), 1.0);
        assert_eq!(binom_test(0, 5, 0.0, Alternative::TwoSided).unwrap(), 1.0);
        assert_eq!(binom_test(1, 5, 0.0, Alternative::TwoSided).unwrap(), 0.0);
        assert_eq!(binom_test(5, 5, 1.0, Alternative::TwoSided).unwrap(), 1.0);
        assert!(binom_test(2, 1, 0.3, Alternative::Less).is_err());
        let huge = binom_test(1 << 60, u64::MAX, 0.5, Alternative::TwoSided).unwrap();
        assert!(huge < 1e-100);
    }

    /// Protects: the counts people plan with.
    #[test]
    fn clean_trials() {
        for (limit, n) in [(0.01, 299), (0.02, 149), (0.05, 59), (0.001, 2995), (0.5, 5)] {
            assert_eq!(clean_trials_needed(limit, 0.95).unwrap(), n);
        }
        assert_eq!(clean_trials_needed(0.5, 0.75).unwrap(), 2);
    }
}
