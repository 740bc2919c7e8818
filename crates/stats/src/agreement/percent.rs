//! Raw percent agreement of two or more raters.

use super::{distinct_values, place, rectangular};
use crate::error::StatsError;

/// Share of pairs of raters that agree, averaged over units; `ratings[rater][unit]`, `None` is missing.
///
/// A unit with at least two ratings counts with the share of its rater pairs that gave the same rating; the
/// others are left out. With two raters and nothing missing this is the share of equal answers. Not corrected
/// for chance: two raters who always say "fine" agree completely.
///
/// Value: 0 to 1; `NaN` where no unit has two ratings.
///
/// # Errors
/// No raters, raters with unequal numbers of units, ratings that are not finite.
///
/// ```
/// use seatrial_stats::agreement::percent_agreement;
/// let ratings = vec![
///     vec![Some(1.0), Some(2.0), None],
///     vec![Some(1.0), Some(3.0), Some(4.0)],
/// ];
/// assert_eq!(percent_agreement(&ratings)?, 0.5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn percent_agreement(ratings: &[Vec<Option<f64>>]) -> Result<f64, StatsError> {
    let units = rectangular("ratings", ratings)?;
    let values = distinct_values(ratings);
    let (mut sum, mut counted) = (0.0, 0u64);
    let mut unit_ratings = Vec::with_capacity(ratings.len());
    for unit in 0..units {
        unit_ratings.clear();
        unit_ratings.extend(
            ratings
                .iter()
                .filter_map(|row| row[unit])
                .map(|value| place(&values, value)),
        );
        let m = unit_ratings.len() as f64;
        if m < 2.0 {
            continue;
        }
        unit_ratings.sort_unstable();
        let same: f64 = unit_ratings
            .chunk_by(|a, b| a == b)
            .map(|group| group.len() as f64 * (group.len() as f64 - 1.0))
            .sum();
        sum += same / (m * (m - 1.0));
        counted += 1;
    }
    Ok(if counted == 0 {
        f64::NAN
    } else {
        sum / counted as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the share lies in [0, 1] and does not depend on the order of the raters.
        #[test]
        fn bounded_and_symmetric(
            ratings in prop::collection::vec(
                prop::collection::vec(prop::option::of((0u8..3).prop_map(f64::from)), 7), 1..5),
        ) {
            let reversed: Vec<_> = ratings.iter().rev().cloned().collect();
            let (p, q) = (percent_agreement(&ratings).unwrap(), percent_agreement(&reversed).unwrap());
            prop_assert!(p.is_nan() && q.is_nan() || ((0.0..=1.0).contains(&p) && (p - q).abs() < 1e-12));
        }
    }

    /// Protects: nothing to compare is `NaN`, bad shapes are errors.
    #[test]
    fn edges() {
        assert!(percent_agreement(&[]).is_err());
        assert!(percent_agreement(&[vec![Some(1.0)], vec![]]).is_err());
        assert!(percent_agreement(&[vec![Some(f64::NAN)]]).is_err());
        assert!(percent_agreement(&[vec![Some(1.0)]]).unwrap().is_nan());
        assert!(percent_agreement(&[vec![], vec![]]).unwrap().is_nan());
        assert_eq!(
            percent_agreement(&[vec![Some(0.0)], vec![Some(-0.0)]]).unwrap(),
            1.0
        );
    }
}
