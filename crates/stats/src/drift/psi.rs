//! Population stability index of numbers, over quantile bins of the reference.

use super::psi_of_shares;
use crate::error::{StatsError, at_least, finite};
use crate::quantile::{sorted, type7};

/// Number of bins before equal edges are merged.
const BINS: usize = 10;

/// Bins made from a reference window, with the counts of both windows: what a dashboard keeps. Counts of the
/// same bins merge by addition.
///
/// ```
/// use seatrial_stats::drift::PsiBins;
/// let reference: Vec<f64> = (0..100).map(f64::from).collect();
/// let mut bins = PsiBins::from_reference(&reference)?;
/// bins.add_current(&reference)?;
/// assert_eq!(bins.psi(), 0.0);
/// bins.add_current(&[95.0; 50])?;
/// assert!(bins.psi() > 0.25);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PsiBins {
    /// Inner edges, ascending; a value belongs to the bin left of the first edge that is not below it.
    pub edges: Vec<f64>,
    /// Reference values per bin.
    pub reference: Vec<u64>,
    /// Current values per bin.
    pub current: Vec<u64>,
}

impl PsiBins {
    /// Ten quantile bins (type 7) of the reference; equal edges are merged, so ties make fewer bins.
    ///
    /// # Errors
    /// No reference values, or values that are not finite.
    pub fn from_reference(reference: &[f64]) -> Result<Self, StatsError> {
        at_least("reference", reference.len(), 1)?;
        // The difference of two edges must be a number; a quarter of any double allows that.
        let mut sorted = sorted(reference)?;
        let factor = if sorted.iter().any(|x| x.abs() > 1e307) {
            0.25
        } else {
            1.0
        };
        sorted.iter_mut().for_each(|x| *x *= factor);
        let mut edges = Vec::with_capacity(BINS - 1);
        for i in 1..BINS {
            edges.push(type7(&sorted, i as f64 / BINS as f64)? / factor);
        }
        edges.dedup_by(|a, b| a == b);
        let mut bins = Self {
            reference: vec![0; edges.len() + 1],
            current: vec![0; edges.len() + 1],
            edges,
        };
        for &x in reference {
            let bin = bins.bin(x);
            bins.reference[bin] += 1;
        }
        Ok(bins)
    }

    fn bin(&self, x: f64) -> usize {
        self.edges.partition_point(|&edge| edge < x)
    }

    /// Counts current values.
    ///
    /// # Errors
    /// Values that are not finite; nothing is counted then.
    pub fn add_current(&mut self, values: &[f64]) -> Result<(), StatsError> {
        finite("current", values)?;
        for &x in values {
            let bin = self.bin(x);
            self.current[bin] = self.current[bin].saturating_add(1);
        }
        Ok(())
    }

    /// The index of what has been counted; `NaN` while no current value has been.
    #[must_use]
    pub fn psi(&self) -> f64 {
        let shares = |counts: &[u64]| -> Vec<f64> {
            let total: f64 = counts.iter().map(|&c| c as f64).sum();
            counts.iter().map(|&c| c as f64 / total).collect()
        };
        if self.current.iter().all(|&count| count == 0) {
            return f64::NAN;
        }
        psi_of_shares(
            shares(&self.reference).into_iter(),
            shares(&self.current).into_iter(),
        )
    }
}

/// Population stability index of current numbers against a reference: Σ(c−r)·ln(c/r) over ten quantile bins of
/// the reference, shares raised to 1e-4. At least 0; by convention 0.1 is some and 0.25 a large shift.
///
/// Biased upwards in small windows: with 10 bins and n values each, about 18/n is expected without any shift.
///
/// # Errors
/// An empty window or values that are not finite.
///
/// ```
/// use seatrial_stats::drift::psi_numeric;
/// let reference: Vec<f64> = (0..1000).map(f64::from).collect();
/// let shifted: Vec<f64> = reference.iter().map(|x| x + 500.0).collect();
/// assert_eq!(psi_numeric(&reference, &reference)?, 0.0);
/// assert!(psi_numeric(&reference, &shifted)? > 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn psi_numeric(reference: &[f64], current: &[f64]) -> Result<f64, StatsError> {
    let mut bins = PsiBins::from_reference(reference)?;
    at_least("current", current.len(), 1)?;
    bins.add_current(current)?;
    Ok(bins.psi())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: never negative, 0 against itself, and counting in parts equals counting at once.
        #[test]
        fn ranged_and_in_parts(
            reference in prop::collection::vec(-5.0f64..5.0, 1..60),
            current in prop::collection::vec(-5.0f64..5.0, 1..60),
            cut in 0usize..60,
        ) {
            let whole = psi_numeric(&reference, &current).unwrap();
            prop_assert!(whole >= 0.0 && psi_numeric(&reference, &reference).unwrap() < 1e-12);
            let cut = cut.min(current.len());
            let mut bins = PsiBins::from_reference(&reference).unwrap();
            bins.add_current(&current[..cut]).unwrap();
            bins.add_current(&current[cut..]).unwrap();
            prop_assert_eq!(bins.psi(), whole);
        }
    }

    /// Protects: empty windows, ties and bad values.
    #[test]
    fn edges() {
        assert!(psi_numeric(&[], &[1.0]).is_err());
        assert!(psi_numeric(&[1.0], &[]).is_err());
        assert!(psi_numeric(&[1.0], &[f64::NAN]).is_err());
        assert_eq!(psi_numeric(&[1.0; 20], &[1.0; 3]).unwrap(), 0.0);
        assert!(psi_numeric(&[1.0; 20], &[2.0; 3]).unwrap() > 5.0);
        assert_eq!(
            psi_numeric(&[-1.7e308, 1.7e308], &[-1.7e308, 1.7e308]).unwrap(),
            0.0
        );
        assert!(PsiBins::from_reference(&[1.0]).unwrap().psi().is_nan());
    }
}
