//! Shift of a categorical distribution, from counts.

use super::psi_of_shares;
use crate::dist::chi2_sf;
use crate::error::{StatsError, at_least, same_length};

/// What [`categorical_shift`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoricalShift {
    /// Pearson's χ² of homogeneity, no continuity correction.
    pub chi2: f64,
    /// Its degrees of freedom: categories that occur, less one.
    pub df: u64,
    /// Its p-value; 1 with a single category. Approximate where expected counts are below about 5.
    pub p_value: f64,
    /// Jensen–Shannon distance (root of the divergence, base 2), 0 to 1.
    pub jensen_shannon: f64,
    /// Hellinger distance, 0 to 1.
    pub hellinger: f64,
    /// Total variation distance: half the summed absolute differences of shares, 0 to 1.
    pub total_variation: f64,
    /// Population stability index Σ(c−r)·ln(c/r) with shares raised to 1e-4; by convention 0.1 is some and
    /// 0.25 a large shift.
    pub psi: f64,
}

/// Compares counts per category of a reference and a current window.
///
/// Distances say how much, the p-value whether it could be chance. A category that occurs in neither is left
/// out.
///
/// # Errors
/// Lists of unequal length, or a window without any count.
///
/// Source: Pearson 1900; Lin 1991; Hellinger 1909.
///
/// ```
/// use seatrial_stats::drift::categorical_shift;
/// let s = categorical_shift(&[50, 50], &[100, 0])?;
/// assert_eq!((s.total_variation, s.df), (0.5, 1));
/// assert!(s.p_value < 1e-10);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn categorical_shift(reference: &[u64], current: &[u64]) -> Result<CategoricalShift, StatsError> {
    same_length("reference", reference.len(), "current", current.len())?;
    at_least("reference", reference.len(), 1)?;
    let total = |counts: &[u64]| counts.iter().map(|&c| c as f64).sum::<f64>();
    let (n, m) = (total(reference), total(current));
    for (what, sum) in [("reference counts", n), ("current counts", m)] {
        if sum == 0.0 {
            return Err(StatsError::TooFew {
                what,
                found: 0,
                needed: 1,
            });
        }
    }
    let shares = || {
        reference
            .iter()
            .zip(current)
            .map(|(&r, &c)| (r as f64 / n, c as f64 / m))
    };
    let (mut chi2, mut occurring, mut divergence, mut hellinger, mut variation) = (0.0, 0u64, 0.0, 0.0, 0.0);
    for (p, q) in shares() {
        if p + q == 0.0 {
            continue;
        }
        occurring += 1;
        // Both rows' (observed − expected)²/expected of this category in one: n·m/(n+m)·(p−q)²/pooled share.
        chi2 += (p - q) * (p - q) / ((n * p + m * q) / (n + m));
        let middle = 0.5 * (p + q);
        let part = |share: f64| {
            if share > 0.0 {
                0.5 * share * (share / middle).log2()
            } else {
                0.0
            }
        };
        divergence += part(p) + part(q);
        let root = p.sqrt() - q.sqrt();
        hellinger += root * root;
        variation += (p - q).abs();
    }
    let chi2 = chi2 * n * (m / (n + m));
    let df = occurring - 1;
    Ok(CategoricalShift {
        chi2,
        df,
        p_value: if df == 0 { 1.0 } else { chi2_sf(chi2, df as f64) },
        jensen_shannon: divergence.clamp(0.0, 1.0).sqrt(),
        hellinger: (0.5 * hellinger).min(1.0).sqrt(),
        total_variation: (0.5 * variation).min(1.0),
        psi: psi_of_shares(shares().map(|s| s.0), shares().map(|s| s.1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: distances are symmetric, in their ranges and 0 for equal shares.
        #[test]
        fn symmetric_and_ranged(counts in prop::collection::vec((0u64..50, 0u64..50), 1..8)) {
            let (r, c): (Vec<u64>, Vec<u64>) = counts.into_iter().unzip();
            let Ok(s) = categorical_shift(&r, &c) else {
                prop_assert!(r.iter().sum::<u64>() == 0 || c.iter().sum::<u64>() == 0);
                return Ok(());
            };
            let t = categorical_shift(&c, &r).unwrap();
            for (x, y) in [
                (s.jensen_shannon, t.jensen_shannon),
                (s.hellinger, t.hellinger),
                (s.total_variation, t.total_variation),
            ] {
                prop_assert!((0.0..=1.0).contains(&x) && (x - y).abs() < 1e-9);
            }
            prop_assert!((s.chi2 - t.chi2).abs() < 1e-8 && (0.0..=1.0).contains(&s.p_value));
            prop_assert!(s.psi >= 0.0 && (s.psi - t.psi).abs() < 1e-9);
            let doubled: Vec<u64> = r.iter().map(|x| 2 * x).collect();
            let same = categorical_shift(&r, &doubled).unwrap();
            prop_assert!(same.chi2 < 1e-9 && same.total_variation < 1e-12 && same.psi < 1e-12);
        }
    }

    /// Protects: empty windows, one category and counts at the end of the range.
    #[test]
    fn edges() {
        assert!(categorical_shift(&[], &[]).is_err());
        assert!(categorical_shift(&[0, 0], &[1, 1]).is_err());
        assert!(categorical_shift(&[1], &[1, 1]).is_err());
        let one = categorical_shift(&[3, 0], &[5, 0]).unwrap();
        assert_eq!((one.chi2, one.df, one.p_value), (0.0, 0, 1.0));
        let huge = categorical_shift(&[u64::MAX, 1], &[1, u64::MAX]).unwrap();
        assert!(huge.chi2.is_finite() && huge.p_value == 0.0);
    }
}
