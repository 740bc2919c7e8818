//! Fisher's exact test of a 2 × 2 table. Apart from [`crate::two_proportions`] because it conditions on both
//! margins and works on whole counts.

use crate::StatsError;
use crate::dist::{hypergeom_pmf, real};

/// Factor by which two hypergeometric probabilities may differ and still count as equally likely.
const EQUALLY_LIKELY: f64 = 1.0 + 1e-7;
/// Tables above this total are refused.
const TOTAL_MAX: u64 = 1_000_000_000_000;

/// Fisher's exact test of a 2 × 2 table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FisherTest {
    /// Sample odds ratio k1 (n2 − k2) / (k2 (n1 − k1)); +∞ for a zero denominator, `NaN` when a margin is 0.
    pub odds_ratio: f64,
    /// Two-sided p: the probability of all tables with these margins no likelier than the observed one.
    pub p: f64,
}

/// Fisher's exact test of `k1` of `n1` against `k2` of `n2`; exact for small counts, conservative.
///
/// A table with an empty row or column carries no information: p = 1.
///
/// ```
/// let t = seatrial_stats::fisher::fisher_exact(0, 10, 3, 10)?;
/// assert!((t.p - 0.210_526_315_789_473_7).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] when `k > n`, [`StatsError::TooLarge`] above 10¹² observations.
pub fn fisher_exact(k1: u64, n1: u64, k2: u64, n2: u64) -> Result<FisherTest, StatsError> {
    for (what, k, n) in [("k1", k1, n1), ("k2", k2, n2)] {
        if k > n {
            return Err(StatsError::OutOfRange {
                what,
                found: real(k),
                expected: "a number from 0 to its n",
            });
        }
    }
    let total = n1.saturating_add(n2);
    if total > TOTAL_MAX {
        return Err(StatsError::TooLarge {
            what: "n1 + n2",
            found: total,
            limit: TOTAL_MAX,
        });
    }
    let drawn = k1 + k2;
    if n1 == 0 || n2 == 0 || drawn == 0 || drawn == total {
        return Ok(FisherTest {
            odds_ratio: f64::NAN,
            p: 1.0,
        });
    }
    let odds_ratio = if k2 > 0 && n1 > k1 {
        (real(k1) / real(k2)) * (real(n2 - k2) / real(n1 - k1))
    } else {
        f64::INFINITY
    };
    Ok(FisherTest {
        odds_ratio,
        p: two_sided(k1, n1, n2, drawn),
    })
}

fn two_sided(k: u64, marked: u64, unmarked: u64, drawn: u64) -> f64 {
    let low = drawn.saturating_sub(unmarked);
    let high = marked.min(drawn);
    let pmf = |x: u64| hypergeom_pmf(x, marked, unmarked, drawn);
    let limit = pmf(k) * EQUALLY_LIKELY;
    // (drawn + 1)(marked + 1)/(total + 2), rounded down, in wide integers.
    let mode =
        (u128::from(drawn) + 1) * (u128::from(marked) + 1) / (u128::from(marked) + u128::from(unmarked) + 2);
    let mode = u64::try_from(mode).unwrap_or(high).clamp(low, high);
    // The last count below the mode, and the first above it, that are unlikely enough.
    let (mut a, mut b) = (low, mode);
    while a < b {
        let middle = a + (b - a) / 2;
        if pmf(middle) <= limit {
            a = middle + 1;
        } else {
            b = middle;
        }
    }
    let below = a.checked_sub(1).filter(|&x| x >= low);
    let (mut a, mut b) = (mode, high.saturating_add(1));
    while a < b {
        let middle = a + (b - a) / 2;
        if pmf(middle) <= limit {
            b = middle;
        } else {
            a = middle + 1;
        }
    }
    let above = (a <= high).then_some(a);
    if limit >= pmf(mode) {
        return 1.0;
    }
    let (m, u, d) = (real(marked), real(unmarked), real(drawn));
    // Ratio of neighbouring probabilities p(x + 1)/p(x).
    let up = |x: f64| (m - x) * (d - x) / ((x + 1.0) * (u - d + x + 1.0));
    let mut p = 0.0;
    if let Some(start) = below {
        let (mut x, mut term) = (start, pmf(start));
        p += term;
        while x > low {
            x -= 1;
            term /= up(real(x));
            p += term;
            if term < 1e-18 * p {
                break;
            }
        }
    }
    if let Some(start) = above {
        let (mut x, mut term) = (start, pmf(start));
        let mut tail = term;
        while x < high {
            term *= up(real(x));
            x += 1;
            tail += term;
            if term < 1e-18 * tail {
                break;
            }
        }
        p += tail;
    }
    p.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = (u64, u64, u64, u64)> {
        (1u64..200, 1u64..200).prop_flat_map(|(n1, n2)| (0..=n1, Just(n1), 0..=n2, Just(n2)))
    }

    proptest! {
        /// Protects: the summed tails of Fisher's test equal the sum over the whole support.
        #[test]
        fn fisher_by_enumeration((k1, n1, k2, n2) in counts()) {
            let drawn = k1 + k2;
            let limit = hypergeom_pmf(k1, n1, n2, drawn) * EQUALLY_LIKELY;
            let all: f64 = (drawn.saturating_sub(n2)..=n1.min(drawn))
                .map(|x| hypergeom_pmf(x, n1, n2, drawn))
                .filter(|&p| p <= limit)
                .sum();
            let p = fisher_exact(k1, n1, k2, n2).unwrap().p;
            prop_assert!((p - all.min(1.0)).abs() < 1e-9, "{p} {all}");
        }

        /// Protects: exchanging the groups changes nothing.
        #[test]
        fn symmetric((k1, n1, k2, n2) in counts()) {
            let (p, q) = (fisher_exact(k1, n1, k2, n2).unwrap().p, fisher_exact(k2, n2, k1, n1).unwrap().p);
            prop_assert!((p - q).abs() < 1e-9);
        }
    }

    /// Protects: empty margins, invalid and enormous counts are defined or refused.
    #[test]
    fn edges() {
        assert_eq!(fisher_exact(0, 0, 1, 2).unwrap().p, 1.0);
        assert!(fisher_exact(3, 2, 1, 2).is_err());
        assert!(fisher_exact(1, u64::MAX, 1, 2).is_err());
        let huge = fisher_exact(500_000_100, 1_000_000_000, 500_000_000, 1_000_000_000).unwrap();
        assert!(huge.p > 0.9 && huge.p <= 1.0, "{}", huge.p);
    }
}
