//! Sample quantiles and distribution-free intervals for percentiles.
//!
//! Latency percentiles are the main customer: a p99 from 100 requests has no upper bound at 95 %, and these
//! functions say so with `None` instead of inventing one.

use crate::StatsError;
use crate::dist::{binom_cdf, real};
use crate::error::{at_least, closed_unit, finite, open_unit};

/// Sample quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996, the
/// default of numpy): position `(n − 1) q` of the sorted sample.
///
/// `sorted` must be ascending; `q` in [0, 1]. One value is its own quantile at every `q`.
///
/// ```
/// let q = seatrial_stats::quantile::type7(&[1.0, 2.0, 3.0, 5.0], 0.5)?;
/// assert_eq!(q, 2.5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty, [`StatsError::OutOfRange`] for `q` outside [0, 1].
pub fn type7(sorted: &[f64], q: f64) -> Result<f64, StatsError> {
    at_least("sorted", sorted.len(), 1)?;
    closed_unit("q", q)?;
    let last = sorted.len() - 1;
    let at = real(last as u64) * q;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= at <= last"
    )]
    let below = (at.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let share = at - at.floor();
    let (low, high) = (sorted[below], sorted[above]);
    if low == high {
        return Ok(low);
    }
    Ok(low + (high - low) * share)
}

/// A sorted copy, checked to be finite; what the other functions of this module want.
///
/// ```
/// assert_eq!(seatrial_stats::quantile::sorted(&[2.0, 1.0])?, [1.0, 2.0]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::NotFinite`] for a `NaN` or an infinity.
pub fn sorted(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    finite("values", values)?;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted)
}

/// One-based ranks of the order statistics that bound a percentile; `None` where the sample is too small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantileRanks {
    /// Rank of the lower bound, 1..=n.
    pub low: Option<u64>,
    /// Rank of the upper bound, 1..=n.
    pub high: Option<u64>,
}

/// Ranks of the order statistics between which the `q`-quantile of the population lies with at least the
/// given confidence, equal tails.
///
/// The number of observations below the quantile is binomial(n, q). Lower rank: the largest l with
/// P(B <= l − 1) <= α/2; upper rank: the smallest u with P(B >= u) <= α/2. Valid for every distribution, ties
/// included. For callers that keep a histogram instead of a sample.
///
/// ```
/// let ranks = seatrial_stats::quantile::interval_ranks(100, 0.99, 0.95)?;
/// assert_eq!((ranks.low, ranks.high), (Some(97), None)); // 100 requests cannot bound a p99 from above
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `q` and `confidence` lie strictly between 0 and 1.
pub fn interval_ranks(n: u64, q: f64, confidence: f64) -> Result<QuantileRanks, StatsError> {
    open_unit("q", q)?;
    open_unit("confidence", confidence)?;
    let tail = 0.5 * (1.0 - confidence);
    Ok(QuantileRanks {
        low: lower_rank(n, q, tail),
        high: upper_rank(n, q, tail),
    })
}

/// The largest l >= 1 with P(B <= l − 1) <= tail.
fn lower_rank(n: u64, q: f64, tail: f64) -> Option<u64> {
    // The number of counts 0, 1, … whose cumulative probability stays within the tail.
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binom_cdf(middle, n, q) <= tail {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low > 0).then_some(low)
}

/// The smallest u <= n with P(B >= u) <= tail.
fn upper_rank(n: u64, q: f64, tail: f64) -> Option<u64> {
    // Counting from the other end turns it into the lower rank of the 1 − q quantile.
    lower_rank(n, 1.0 - q, tail).map(|rank| n - rank + 1)
}

/// A percentile with its distribution-free bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileEstimate {
    /// Sample quantile (type 7).
    pub value: f64,
    /// Lower bound; `None` where the sample is too small for one.
    pub low: Option<f64>,
    /// Upper bound; `None` where the sample is too small for one.
    pub high: Option<f64>,
    /// Sample size.
    pub n: usize,
}

/// Sample quantile with its order-statistic interval (see [`interval_ranks`]); `sorted` must be ascending.
///
/// ```
/// let x: Vec<f64> = (1..=1000).map(f64::from).collect();
/// let p99 = seatrial_stats::quantile::estimate(&x, 0.99, 0.95)?;
/// assert!(p99.low.unwrap() < 990.0 && p99.high.unwrap() > 990.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty; [`StatsError::OutOfRange`] unless `q` and `confidence` lie strictly
/// between 0 and 1.
pub fn estimate(sorted: &[f64], q: f64, confidence: f64) -> Result<QuantileEstimate, StatsError> {
    let ranks = interval_ranks(sorted.len() as u64, q, confidence)?;
    let value = type7(sorted, q)?;
    let at = |rank: Option<u64>| {
        let index = usize::try_from(rank?.checked_sub(1)?).ok()?;
        sorted.get(index).copied()
    };
    // Between few order statistics the interpolated value can leave the bounds; it must not.
    let low = at(ranks.low).map(|low| low.min(value));
    let high = at(ranks.high).map(|high| high.max(value));
    Ok(QuantileEstimate {
        value,
        low,
        high,
        n: sorted.len(),
    })
}

/// Distribution-free one-sided upper bound of the `q`-quantile with the given confidence, `None` where the
/// sample is too small; `sorted` must be ascending. For gates of the form "p99 is at most".
///
/// ```
/// let x: Vec<f64> = (1..=299).map(f64::from).collect();
/// assert_eq!(seatrial_stats::quantile::upper_bound(&x, 0.99, 0.95)?, Some(299.0));
/// assert_eq!(seatrial_stats::quantile::upper_bound(&x[1..], 0.99, 0.95)?, None);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `q` and `confidence` lie strictly between 0 and 1.
pub fn upper_bound(sorted: &[f64], q: f64, confidence: f64) -> Result<Option<f64>, StatsError> {
    open_unit("q", q)?;
    open_unit("confidence", confidence)?;
    let rank = upper_rank(sorted.len() as u64, q, 1.0 - confidence);
    Ok(rank.and_then(|rank| sorted.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied()))
}

/// Distribution-free one-sided lower bound of the `q`-quantile with the given confidence, `None` where the
/// sample is too small; `sorted` must be ascending.
///
/// ```
/// let x: Vec<f64> = (1..=300).map(f64::from).collect();
/// assert!(seatrial_stats::quantile::lower_bound(&x, 0.5, 0.95)?.unwrap() < 150.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `q` and `confidence` lie strictly between 0 and 1.
pub fn lower_bound(sorted: &[f64], q: f64, confidence: f64) -> Result<Option<f64>, StatsError> {
    open_unit("q", q)?;
    open_unit("confidence", confidence)?;
    let rank = lower_rank(sorted.len() as u64, q, 1.0 - confidence);
    Ok(rank.and_then(|rank| sorted.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied()))
}

/// The smallest sample in which the two-sided interval of [`interval_ranks`] has both ends.
///
/// ```
/// assert_eq!(seatrial_stats::quantile::sample_needed(0.99, 0.95)?, 368);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::OutOfRange`] unless `q` and `confidence` lie strictly between 0 and 1.
pub fn sample_needed(q: f64, confidence: f64) -> Result<u64, StatsError> {
    open_unit("q", q)?;
    open_unit("confidence", confidence)?;
    // Both extremes bound it once max(q, 1 − q)^n <= α/2.
    crate::proportion::clean_trials_needed(q.min(1.0 - q), 1.0 - 0.5 * (1.0 - confidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::binom_sf;
    use proptest::prelude::*;

    proptest! {
        /// Protects: coverage of the interval, computed exactly, is at least the confidence, and neither rank
        /// could be tightened.
        #[test]
        fn ranks_cover_exactly(n in 1u64..2000, q in 0.001f64..0.999, confidence in 0.5f64..0.999) {
            let ranks = interval_ranks(n, q, confidence).unwrap();
            let tail = 0.5 * (1.0 - confidence);
            let below = |l: u64| l.checked_sub(1).map_or(0.0, |k| binom_cdf(k, n, q));
            let above = |u: u64| u.checked_sub(1).map_or(1.0, |k| binom_sf(k, n, q));
            match ranks.low {
                Some(l) => prop_assert!(below(l) <= tail && below(l + 1) > tail),
                None => prop_assert!(below(1) > tail),
            }
            match ranks.high {
                Some(u) => prop_assert!(above(u) <= tail + 1e-13 && above(u - 1) > tail - 1e-13),
                None => prop_assert!(above(n) > tail - 1e-13),
            }
        }

        /// Protects: the estimate lies between its bounds and the interval widens with the level.
        #[test]
        fn nested(mut x in prop::collection::vec(-1e6f64..1e6, 1..300), q in 0.01f64..0.99) {
            x.sort_by(f64::total_cmp);
            let narrow = estimate(&x, q, 0.8).unwrap();
            let wide = estimate(&x, q, 0.99).unwrap();
            if let Some(low) = narrow.low {
                prop_assert!(low <= narrow.value);
                prop_assert!(wide.low.is_none_or(|wide| wide <= low));
            }
            if let Some(high) = narrow.high {
                prop_assert!(high >= narrow.value);
                prop_assert!(wide.high.is_none_or(|wide| wide >= high));
            }
        }
    }

    /// Protects: empty, single, tied and invalid input.
    #[test]
    fn edges() {
        assert!(type7(&[], 0.5).is_err());
        assert!(estimate(&[], 0.5, 0.95).is_err());
        assert_eq!(type7(&[3.0], 0.99).unwrap(), 3.0);
        assert!(type7(&[3.0], f64::NAN).is_err());
        assert!(sorted(&[1.0, f64::NAN]).is_err());
        let one = estimate(&[3.0], 0.5, 0.95).unwrap();
        assert_eq!((one.value, one.low, one.high), (3.0, None, None));
        let tied = estimate(&[2.0; 50], 0.5, 0.95).unwrap();
        assert_eq!((tied.low, tied.high), (Some(2.0), Some(2.0)));
        assert_eq!(type7(&[1.0, 2.0], 1.0).unwrap(), 2.0);
        assert_eq!(
            type7(&[f64::NEG_INFINITY, f64::NEG_INFINITY], 0.3).unwrap(),
            f64::NEG_INFINITY
        );
        assert!(interval_ranks(u64::MAX, 0.99, 0.95).unwrap().high.is_some());
    }

    /// Protects: the smallest sample is really the smallest.
    #[test]
    fn smallest_sample() {
        for (q, confidence) in [(0.5, 0.95), (0.9, 0.95), (0.99, 0.9), (0.01, 0.95), (0.999, 0.99)] {
            let n = sample_needed(q, confidence).unwrap();
            let both = |n| {
                let r = interval_ranks(n, q, confidence).unwrap();
                r.low.is_some() && r.high.is_some()
            };
            assert!(both(n) && !both(n - 1), "{q} {confidence} {n}");
        }
    }
}
