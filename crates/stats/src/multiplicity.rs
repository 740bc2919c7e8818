//! Adjusted p-values for families of tests: family-wise error (Bonferroni, Šidák, Holm, Hochberg) and false
//! discovery rate (Benjamini–Hochberg, Benjamini–Yekutieli).
//!
//! Gates use Holm (valid under any dependence), exploration over slices uses BH. The family (metrics × slices
//! × models) is the caller's to declare.

use crate::StatsError;
use crate::error::{closed_unit, open_unit};

/// How the p-values of one family are adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Correction {
    /// m · p. Family-wise error, any dependence. Never better than Holm.
    Bonferroni,
    /// 1 − (1 − p)^m. Family-wise error under independence.
    Sidak,
    /// Step-down Bonferroni: max over j <= i of (m − j + 1) p_(j). Family-wise error, any dependence. Holm 1979.
    Holm,
    /// Step-up form of Holm: min over j >= i of (m − j + 1) p_(j). Family-wise error under positive dependence.
    /// Hochberg 1988.
    Hochberg,
    /// min over j >= i of m p_(j) / j. False discovery rate under positive dependence. Benjamini, Hochberg 1995.
    BenjaminiHochberg,
    /// BH times 1 + 1/2 + … + 1/m. False discovery rate under any dependence. Benjamini, Yekutieli 2001.
    BenjaminiYekutieli,
}

/// A family of adjusted p-values, in input order.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted {
    /// Adjusted p-values, at most 1.
    pub p: Vec<f64>,
    /// Whether each is at most the chosen level.
    pub reject: Vec<bool>,
}

/// Adjusted p-values in input order; an empty family stays empty.
///
/// ```
/// use seatrial_stats::multiplicity::{Correction, adjust};
/// let adjusted = adjust(&[0.01, 0.04, 0.03], Correction::Holm)?;
/// assert!((adjusted[0] - 0.03).abs() < 1e-15 && (adjusted[1] - 0.06).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] when a p-value is `NaN` or outside [0, 1].
pub fn adjust(p: &[f64], correction: Correction) -> Result<Vec<f64>, StatsError> {
    for &value in p {
        closed_unit("p", value)?;
    }
    let m = p.len();
    let size = count(m);
    match correction {
        Correction::Bonferroni => return Ok(p.iter().map(|p| (size * p).min(1.0)).collect()),
        Correction::Sidak => {
            // At p = 1 the logarithm is −∞ and the result 1, except for the empty product 0 · −∞.
            return Ok(p.iter().map(|p| -(size * (-p).ln_1p()).exp_m1()).collect());
        }
        _ => {}
    }
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let harmonic = |correction| match correction {
        Correction::BenjaminiYekutieli => (1..=m).map(|i| 1.0 / count(i)).sum(),
        _ => 1.0,
    };
    let by_factor: f64 = harmonic(correction);
    let scaled = |rank: usize| {
        let value = p[order[rank]];
        match correction {
            Correction::Holm | Correction::Hochberg => value * count(m - rank),
            _ => value * size * by_factor / count(rank + 1),
        }
    };
    let mut adjusted = vec![0.0; m];
    if correction == Correction::Holm {
        let mut running = 0.0f64;
        for rank in 0..m {
            running = running.max(scaled(rank)).min(1.0);
            adjusted[order[rank]] = running;
        }
    } else {
        let mut running = 1.0f64;
        for rank in (0..m).rev() {
            running = running.min(scaled(rank));
            adjusted[order[rank]] = running;
        }
    }
    Ok(adjusted)
}

/// [`adjust`] and the decision at level `alpha` (family-wise error or false discovery rate).
///
/// ```
/// use seatrial_stats::multiplicity::{Correction, decide};
/// let family = decide(&[0.01, 0.04, 0.03], Correction::BenjaminiHochberg, 0.05)?;
/// assert_eq!(family.reject, [true, true, true]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] as in [`adjust`], or for an `alpha` not strictly between 0 and 1.
pub fn decide(p: &[f64], correction: Correction, alpha: f64) -> Result<Adjusted, StatsError> {
    open_unit("alpha", alpha)?;
    let p = adjust(p, correction)?;
    let reject = p.iter().map(|&p| p <= alpha).collect();
    Ok(Adjusted { p, reject })
}

fn count(m: usize) -> f64 {
    crate::dist::real(m as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Correction; 6] = [
        Correction::Bonferroni,
        Correction::Sidak,
        Correction::Holm,
        Correction::Hochberg,
        Correction::BenjaminiHochberg,
        Correction::BenjaminiYekutieli,
    ];

    proptest! {
        /// Protects: adjusting keeps the order, never lowers a p-value, stays in [0, 1], and the methods rank
        /// as their definitions demand.
        #[test]
        fn order_and_bounds(p in prop::collection::vec(0.0f64..=1.0, 0..40)) {
            let adjusted: Vec<Vec<f64>> = ALL.iter().map(|&c| adjust(&p, c).unwrap()).collect();
            for family in &adjusted {
                for i in 0..p.len() {
                    prop_assert!(family[i] >= p[i] * (1.0 - 1e-12) && family[i] <= 1.0);
                    for j in 0..p.len() {
                        prop_assert!(p[i] > p[j] || family[i] <= family[j] + 1e-12);
                    }
                }
            }
            for i in 0..p.len() {
                let mut at = adjusted.iter().map(|family| family[i]);
                let mut next = || at.next().unwrap();
                let (bonferroni, sidak, holm) = (next(), next(), next());
                let (hochberg, bh, by) = (next(), next(), next());
                prop_assert!(sidak <= bonferroni + 1e-12 && holm <= bonferroni + 1e-12);
                prop_assert!(hochberg <= holm + 1e-12 && bh <= hochberg + 1e-12 && bh <= by + 1e-12);
            }
        }
    }

    /// Protects: empty, single and degenerate families; invalid input is an error.
    #[test]
    fn edges() {
        for correction in ALL {
            assert!(adjust(&[], correction).unwrap().is_empty());
            assert_eq!(adjust(&[0.3], correction).unwrap()[0], 0.3);
            assert_eq!(adjust(&[0.0, 1.0], correction).unwrap(), [0.0, 1.0]);
            assert!(adjust(&[f64::NAN], correction).is_err());
            assert!(adjust(&[-0.1], correction).is_err());
            assert!(decide(&[0.1], correction, 0.0).is_err());
        }
    }
}
