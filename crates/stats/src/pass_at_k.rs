//! Success of repeated attempts: pass@k (one of k succeeds) and pass^k (all of k succeed), estimated without
//! bias from n attempts of which c succeeded.
//!
//! The plug-in 1 − (1 − c/n)^k is biased and is not offered. Tasks are the sampling unit: the interval of a
//! data set comes from the spread over tasks, not over attempts.

use crate::dist::{normal_isf, real};
use crate::error::{at_least, open_unit};
use crate::{Interval, StatsError, mean};

fn check(n: u64, c: u64, k: u64) -> Result<(), StatsError> {
    let bad = |what, found: u64, expected| {
        Err(StatsError::OutOfRange {
            what,
            found: real(found),
            expected,
        })
    };
    if k == 0 || k > n {
        return bad("k", k, "a whole number from 1 to n");
    }
    if c > n {
        return bad("c", c, "a whole number from 0 to n");
    }
    Ok(())
}

/// Probability that at least one of `k` attempts succeeds: 1 − C(n − c, k)/C(n, k), `1 <= k <= n`.
///
/// Source: Chen et al. 2021 (arXiv 2107.03374).
///
/// ```
/// let p = seatrial_stats::pass_at_k::pass_at_k(3, 1, 2)?;
/// assert!((p - 2.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `1 <= k <= n` and `c <= n`.
pub fn pass_at_k(n: u64, c: u64, k: u64) -> Result<f64, StatsError> {
    check(n, c, k)?;
    if n - c < k {
        return Ok(1.0);
    }
    // All k attempts among the failures.
    Ok(-ln_all_among(n, n - c, k).exp_m1())
}

/// Probability that all of `k` attempts succeed: C(c, k)/C(n, k), `1 <= k <= n`. Source: Yao et al. 2024.
///
/// ```
/// let p = seatrial_stats::pass_at_k::pass_hat_k(4, 3, 2)?;
/// assert!((p - 0.5).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`pass_at_k`].
pub fn pass_hat_k(n: u64, c: u64, k: u64) -> Result<f64, StatsError> {
    check(n, c, k)?;
    if c < k {
        return Ok(0.0);
    }
    Ok(ln_all_among(n, c, k).exp())
}

/// ln of C(m, k)/C(n, k) with k <= m <= n: that all of k draws without return come from m of n items.
fn ln_all_among(n: u64, m: u64, k: u64) -> f64 {
    // Also Π over the n − m others of (1 − k/(n − i)); the shorter product is taken, factor by factor, which
    // keeps relative precision that differences of log-factorials would lose.
    const FACTORS_MAX: u64 = 1_000_000;
    let others = n - m;
    let (total, factors, taken) = if k <= others {
        (n, k, others)
    } else {
        (n, others, k)
    };
    if factors <= FACTORS_MAX {
        return (0..factors)
            .map(|i| (-real(taken) / real(total - i)).ln_1p())
            .sum();
    }
    crate::dist::ln_choose(real(m), real(k)) - crate::dist::ln_choose(real(n), real(k))
}

/// pass@k over a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassAtK {
    /// Mean over tasks.
    pub mean: f64,
    /// Standard error over tasks, sd/√T; `NaN` for one task.
    pub se: f64,
    /// Normal interval over tasks, clipped to [0, 1]; `NaN` ends for one task. Below about thirty tasks use
    /// [`crate::bounded`] on [`per_task`] instead.
    pub interval: Interval,
}

/// pass@k of each task from its `(attempts, successes)`.
///
/// ```
/// let p = seatrial_stats::pass_at_k::per_task(&[(2, 1), (2, 2)], 1)?;
/// assert_eq!(p, [0.5, 1.0]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`pass_at_k`].
pub fn per_task(tasks: &[(u64, u64)], k: u64) -> Result<Vec<f64>, StatsError> {
    tasks.iter().map(|&(n, c)| pass_at_k(n, c, k)).collect()
}

/// Mean pass@k over tasks with its standard error; each task is `(attempts, successes)`.
///
/// ```
/// let d = seatrial_stats::pass_at_k::dataset(&[(10, 5), (10, 7)], 1, 0.95)?;
/// assert!((d.mean - 0.6).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`pass_at_k`]; [`StatsError::TooFew`] without tasks, [`StatsError::OutOfRange`] for a confidence outside
/// (0, 1).
pub fn dataset(tasks: &[(u64, u64)], k: u64, confidence: f64) -> Result<PassAtK, StatsError> {
    open_unit("confidence", confidence)?;
    at_least("tasks", tasks.len(), 1)?;
    let summary = mean::summarise(&per_task(tasks, k)?)?;
    let half = normal_isf(0.5 * (1.0 - confidence)) * summary.se;
    Ok(PassAtK {
        mean: summary.mean,
        se: summary.se,
        interval: Interval::around(summary.mean, half).clamped(0.0, 1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: pass@k rises with k and c, pass^k falls with k; both are shares, equal at k = 1, and
        /// pass@k of successes is the complement of pass^k of failures.
        #[test]
        fn monotone(n in 1u64..300, c in 0.0f64..=1.0, k in 0.0f64..=1.0) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let (c, k) = ((c * real(n)) as u64, 1 + (k * real(n - 1)) as u64);
            let (at, hat) = (pass_at_k(n, c, k).unwrap(), pass_hat_k(n, c, k).unwrap());
            prop_assert!((0.0..=1.0).contains(&at) && (0.0..=1.0).contains(&hat) && hat <= at + 1e-12);
            prop_assert!((at - (1.0 - pass_hat_k(n, n - c, k).unwrap())).abs() < 1e-12);
            if k < n {
                prop_assert!(pass_at_k(n, c, k + 1).unwrap() >= at - 1e-12);
                prop_assert!(pass_hat_k(n, c, k + 1).unwrap() <= hat + 1e-12);
            }
            prop_assert!((pass_at_k(n, c, 1).unwrap() - real(c) / real(n)).abs() < 1e-12);
        }
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        for (n, c, k) in [(0, 0, 0), (5, 6, 1), (5, 2, 6), (5, 2, 0)] {
            assert!(pass_at_k(n, c, k).is_err() && pass_hat_k(n, c, k).is_err());
        }
        assert_eq!(pass_at_k(10, 0, 10).unwrap(), 0.0);
        assert_eq!(pass_hat_k(10, 10, 10).unwrap(), 1.0);
        assert!(dataset(&[], 1, 0.95).is_err());
        let one = dataset(&[(5, 0)], 1, 0.95).unwrap();
        assert!(one.mean == 0.0 && one.se.is_nan() && one.interval.low.is_nan());
        let huge = pass_hat_k(1 << 50, 1 << 49, 1 << 30).unwrap();
        assert_eq!(huge, 0.0);
        assert!((pass_at_k(1 << 50, 1, 1 << 49).unwrap() - 0.5).abs() < 1e-9);
    }
}
