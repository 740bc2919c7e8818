//! Two systems on the same cases with right-or-wrong outcomes: McNemar's tests and the paired difference.
//!
//! Only the discordant cases carry information: `b` where the first alone is right, `c` where the second
//! alone is.

use crate::dist::{binom_cdf, binom_pmf, chi2_sf, normal_isf, real};
use crate::error::open_unit;
use crate::{Interval, StatsError};

/// A table of paired outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedCounts {
    /// Both right.
    pub both: u64,
    /// Only the first right.
    pub first_only: u64,
    /// Only the second right.
    pub second_only: u64,
    /// Both wrong.
    pub neither: u64,
}

/// p-values of McNemar's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Exact binomial, conservative.
    pub p_exact: f64,
    /// Mid-p (Fagerland, Lydersen and Laake 2013), the default: exact minus half the probability of the
    /// observed table.
    pub p_mid: f64,
    /// (b − c)²/(b + c); wants b + c of 25 or more.
    pub chi2: f64,
    /// Its p-value.
    pub p_chi2: f64,
    /// (|b − c| − 1)²/(b + c), Edwards 1948.
    pub chi2_corrected: f64,
    /// Its p-value.
    pub p_chi2_corrected: f64,
}

/// Difference of paired shares with its intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedShareDifference {
    /// (b − c)/n.
    pub difference: f64,
    /// √(b + c − (b − c)²/n)/n.
    pub se: f64,
    /// Wald interval; zero width without discordant pairs.
    pub wald: Interval,
    /// Agresti–Min interval (2005): the same after adding ½ to each cell. The one to use.
    pub agresti_min: Interval,
}

impl PairedCounts {
    /// Counts the outcomes of two systems on the same cases.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts::of(&[true, true, false], &[true, false, false])?;
    /// assert_eq!((t.both, t.first_only, t.second_only, t.neither), (1, 1, 0, 1));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::LengthMismatch`].
    pub fn of(first: &[bool], second: &[bool]) -> Result<Self, StatsError> {
        crate::error::same_length("first", first.len(), "second", second.len())?;
        let mut table = Self {
            both: 0,
            first_only: 0,
            second_only: 0,
            neither: 0,
        };
        for pair in first.iter().zip(second) {
            match pair {
                (true, true) => table.both += 1,
                (true, false) => table.first_only += 1,
                (false, true) => table.second_only += 1,
                (false, false) => table.neither += 1,
            }
        }
        Ok(table)
    }

    /// Number of cases.
    fn n(&self) -> f64 {
        real(self.both) + real(self.first_only) + real(self.second_only) + real(self.neither)
    }

    /// McNemar's tests of "both systems are right equally often". Without discordant pairs every p is 1.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 10, first_only: 0, second_only: 6, neither: 3 }.test();
    /// assert!((t.p_exact - 0.03125).abs() < 1e-15 && (t.p_mid - 0.015625).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn test(&self) -> McNemar {
        let (b, c) = (self.first_only, self.second_only);
        let discordant = b.saturating_add(c);
        let fewer = b.min(c);
        if discordant == 0 {
            return McNemar {
                p_exact: 1.0,
                p_mid: 1.0,
                chi2: 0.0,
                p_chi2: 1.0,
                chi2_corrected: 0.0,
                p_chi2_corrected: 1.0,
            };
        }
        let at_most = binom_cdf(fewer, discordant, 0.5);
        let here = binom_pmf(fewer, discordant, 0.5);
        let gap = real(b.abs_diff(c));
        let chi2 = gap * gap / real(discordant);
        let chi2_corrected = (gap - 1.0) * (gap - 1.0) / real(discordant);
        McNemar {
            p_exact: (2.0 * at_most).min(1.0),
            p_mid: (2.0 * at_most - here).min(1.0),
            chi2,
            p_chi2: chi2_sf(chi2, 1.0),
            chi2_corrected,
            p_chi2_corrected: chi2_sf(chi2_corrected, 1.0),
        }
    }

    /// Share of the first minus share of the second, with intervals.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 20, first_only: 5, second_only: 5, neither: 20 };
    /// let d = t.difference(0.95)?;
    /// assert!(d.difference == 0.0 && d.agresti_min.low < 0.0);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::TooFew`] for an empty table, [`StatsError::OutOfRange`] for a confidence outside (0, 1).
    pub fn difference(&self, confidence: f64) -> Result<PairedShareDifference, StatsError> {
        open_unit("confidence", confidence)?;
        let z = normal_isf(0.5 * (1.0 - confidence));
        let (difference, se) = self.difference_adding(0.0)?;
        let (adjusted, adjusted_se) = self.difference_adding(0.5)?;
        Ok(PairedShareDifference {
            difference,
            se,
            wald: Interval::around(difference, z * se),
            agresti_min: Interval::around(adjusted, z * adjusted_se),
        })
    }

    /// One-sided Agresti–Min bound of the difference from below with the given confidence.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 80, first_only: 9, second_only: 3, neither: 8 };
    /// assert!(t.difference_lower(0.95)? > -0.02); // the first is not worse by two points
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::difference`].
    pub fn difference_lower(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        let (difference, se) = self.difference_adding(0.5)?;
        Ok(difference - normal_isf(1.0 - confidence) * se)
    }

    /// One-sided Agresti–Min bound of the difference from above with the given confidence.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 80, first_only: 1, second_only: 11, neither: 8 };
    /// assert!(t.difference_upper(0.95)? < 0.0); // the first is worse
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::difference`].
    pub fn difference_upper(&self, confidence: f64) -> Result<f64, StatsError> {
        open_unit("confidence", confidence)?;
        let (difference, se) = self.difference_adding(0.5)?;
        Ok(difference + normal_isf(1.0 - confidence) * se)
    }

    /// Difference and its standard error after adding `extra` to each cell.
    fn difference_adding(&self, extra: f64) -> Result<(f64, f64), StatsError> {
        if self.n() == 0.0 {
            return Err(StatsError::TooFew {
                what: "pairs",
                found: 0,
                needed: 1,
            });
        }
        let n = self.n() + 4.0 * extra;
        let (b, c) = (real(self.first_only) + extra, real(self.second_only) + extra);
        let gap = b - c;
        Ok((gap / n, (b + c - gap * gap / n).max(0.0).sqrt() / n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: p-values in [0, 1], symmetric in the systems, mid-p below exact; intervals nest and mirror.
        #[test]
        fn invariants(both in 0u64..500, b in 0u64..200, c in 0u64..200, neither in 0u64..500) {
            let t = PairedCounts { both, first_only: b, second_only: c, neither };
            let s = PairedCounts { first_only: c, second_only: b, ..t };
            let (x, y) = (t.test(), s.test());
            prop_assert_eq!(x, y);
            for p in [x.p_exact, x.p_mid, x.p_chi2, x.p_chi2_corrected] {
                prop_assert!((0.0..=1.0).contains(&p));
            }
            prop_assert!(x.p_mid <= x.p_exact);
            if both + b + c + neither > 0 {
                let (narrow, wide) = (t.difference(0.9).unwrap(), t.difference(0.99).unwrap());
                prop_assert!(narrow.wald.contains(narrow.difference));
                prop_assert!(narrow.agresti_min.contains(narrow.difference));
                prop_assert!(wide.agresti_min.low <= narrow.agresti_min.low);
                let mirror = s.difference(0.9).unwrap();
                prop_assert!((mirror.agresti_min.low + narrow.agresti_min.high).abs() < 1e-12);
                prop_assert!((t.difference_lower(0.95).unwrap() - narrow.agresti_min.low).abs() < 1e-12);
            }
        }
    }

    /// Protects: an empty table, no discordant pairs, enormous counts.
    #[test]
    fn edges() {
        let empty = PairedCounts::of(&[], &[]).unwrap();
        assert_eq!(empty.test().p_mid, 1.0);
        assert!(empty.difference(0.95).is_err());
        assert!(PairedCounts::of(&[true], &[]).is_err());
        let same = PairedCounts {
            both: 7,
            first_only: 0,
            second_only: 0,
            neither: 1,
        };
        assert_eq!(same.difference(0.95).unwrap().wald.width(), 0.0);
        assert!(same.difference(0.95).unwrap().agresti_min.width() > 0.1);
        let huge = PairedCounts {
            both: u64::MAX,
            first_only: u64::MAX,
            second_only: 5,
            neither: u64::MAX,
        };
        assert_eq!(huge.test().p_mid, 0.0);
    }
}
