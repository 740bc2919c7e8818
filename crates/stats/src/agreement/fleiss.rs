//! Fleiss' κ and Randolph's free-marginal κ from a table of counts.

use crate::error::{StatsError, at_least, same_length};

/// What [`fleiss_kappa`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FleissKappa {
    /// Fleiss' κ: chance agreement from the category shares. `NaN` where one category took every rating, or
    /// where each subject has a single rating.
    pub fleiss: f64,
    /// Randolph's κ: chance agreement 1/k. `NaN` with one category in the table or single ratings.
    pub randolph: f64,
    /// Mean share of agreeing pairs of raters per subject.
    pub p_observed: f64,
    /// Chance agreement of Fleiss' κ: the sum of squared category shares.
    pub p_expected: f64,
    /// Ratings per subject.
    pub raters: u64,
}

/// Fleiss' κ and Randolph's κ for subjects that were all rated equally often, not necessarily by the same
/// people. `table[subject][category]` counts the ratings.
///
/// κ = (P − P_e) / (1 − P_e); P is the mean over subjects of the share of rater pairs that agree. P_e is the
/// sum of squared category shares (Fleiss) or one over the number of categories (Randolph: use it where raters
/// were not told how often each category should occur). Not Cohen's κ for more raters; that is Conger's, see
/// [`agreement_coefficients`](crate::agreement::agreement_coefficients), which also takes missing ratings.
///
/// # Errors
/// No subjects, no categories, rows of unequal length, no ratings, or subjects with unequal numbers of ratings.
///
/// Source: Fleiss 1971; Randolph 2005.
///
/// ```
/// use seatrial_stats::agreement::fleiss_kappa;
/// let k = fleiss_kappa(&[vec![3, 0], vec![0, 3], vec![2, 1]])?;
/// assert!((k.p_observed - 7.0 / 9.0).abs() < 1e-15);
/// assert!((k.randolph - 5.0 / 9.0).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn fleiss_kappa(table: &[Vec<u64>]) -> Result<FleissKappa, StatsError> {
    at_least("table", table.len(), 1)?;
    let categories = table[0].len();
    at_least("row of the table", categories, 1)?;
    let mut shares = vec![0.0; categories];
    let mut raters = None;
    let mut agreeing = 0.0;
    for row in table {
        same_length("row of the table", row.len(), "its first row", categories)?;
        let total = row.iter().try_fold(0u64, |sum, &count| sum.checked_add(count));
        let (Some(total), true) = (total, raters.is_none_or(|raters| Some(raters) == total)) else {
            return Err(StatsError::Undefined {
                what: "Fleiss' kappa",
                why: "the subjects have unequal numbers of ratings",
            });
        };
        raters = Some(total);
        let m = total as f64;
        for (share, &count) in shares.iter_mut().zip(row) {
            *share += count as f64;
            agreeing += count as f64 * (count as f64 - 1.0) / (m * (m - 1.0));
        }
    }
    let raters = raters.unwrap_or(0);
    if raters == 0 {
        return Err(StatsError::TooFew {
            what: "ratings per subject",
            found: 0,
            needed: 1,
        });
    }
    let n = table.len() as f64;
    let p_observed = agreeing / n;
    let p_expected: f64 = shares
        .iter()
        .map(|sum| {
            let share = sum / (n * raters as f64);
            share * share
        })
        .sum();
    let uniform = 1.0 / categories as f64;
    let corrected = |expected: f64| {
        if expected == 1.0 {
            f64::NAN
        } else {
            (p_observed - expected) / (1.0 - expected)
        }
    };
    Ok(FleissKappa {
        fleiss: corrected(p_expected),
        randolph: corrected(uniform),
        p_observed,
        p_expected,
        raters,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: both coefficients are at most 1 and do not depend on the order of subjects or categories.
        #[test]
        fn bounded_and_order_free(
            rows in prop::collection::vec(prop::collection::vec(0usize..4, 3), 1..30),
        ) {
            let table: Vec<Vec<u64>> = rows
                .iter()
                .map(|ratings| {
                    let mut row = vec![0; 4];
                    ratings.iter().for_each(|&c| row[c] += 1);
                    row
                })
                .collect();
            let mirrored: Vec<Vec<u64>> =
                table.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
            let (k, m) = (fleiss_kappa(&table).unwrap(), fleiss_kappa(&mirrored).unwrap());
            prop_assert!(k.randolph <= 1.0 && (k.randolph - m.randolph).abs() < 1e-12);
            if k.fleiss.is_nan() {
                prop_assert!(m.fleiss.is_nan());
            } else {
                prop_assert!(k.fleiss <= 1.0 && (k.fleiss - m.fleiss).abs() < 1e-9);
            }
        }
    }

    /// Protects: unequal raters, empty tables and overflowing counts are errors; one category is undefined.
    #[test]
    fn edges() {
        assert!(fleiss_kappa(&[]).is_err());
        assert!(fleiss_kappa(&[vec![]]).is_err());
        assert!(fleiss_kappa(&[vec![0, 0]]).is_err());
        assert!(fleiss_kappa(&[vec![2, 1], vec![1, 1]]).is_err());
        assert!(fleiss_kappa(&[vec![u64::MAX, 1]]).is_err());
        let same = fleiss_kappa(&[vec![3, 0], vec![3, 0]]).unwrap();
        assert!(same.fleiss.is_nan() && same.randolph == 1.0);
        let single = fleiss_kappa(&[vec![1, 0], vec![0, 1]]).unwrap();
        assert!(single.fleiss.is_nan() && single.randolph.is_nan());
    }
}
