//! Descriptive summary of a sample: extremes, centre, spread, shape.

use crate::error::{at_least, finite};
use crate::moments::{self, Moments};
use crate::{StatsError, quantile};

/// Share cut from each end by [`Summary::trimmed_mean`].
const TRIMMED_SHARE: f64 = 0.1;

/// Descriptive summary of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Sorted sample, for further quantiles.
    pub sorted: Vec<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Median (type 7).
    pub median: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation, divisor n − 1; `NaN` for one value.
    pub sd: f64,
    /// Skewness, biased; `NaN` when all values are equal.
    pub skewness: f64,
    /// Excess kurtosis, biased; `NaN` when all values are equal.
    pub kurtosis: f64,
    /// Mean without the lowest and highest tenth (whole observations, rounded down).
    pub trimmed_mean: f64,
    /// Median absolute deviation from the median, unscaled.
    pub mad: f64,
}

/// Summarises `x`.
///
/// ```
/// let s = seatrial_stats::describe::summarise(&[1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 5.0])?;
/// assert_eq!((s.median, s.mad, s.max), (2.0, 1.0, 5.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty, [`StatsError::NotFinite`] for a `NaN` or an infinity.
pub fn summarise(x: &[f64]) -> Result<Summary, StatsError> {
    at_least("x", x.len(), 1)?;
    finite("x", x)?;
    let sorted = quantile::sorted(x)?;
    let moments = Moments::of(x)?;
    let median = quantile::type7(&sorted, 0.5)?;
    let deviations: Vec<f64> = x.iter().map(|x| (x - median).abs()).collect();
    let mad = quantile::type7(&quantile::sorted(&deviations)?, 0.5)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a tenth of a length"
    )]
    let cut = (TRIMMED_SHARE * sorted.len() as f64) as usize;
    let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
    Ok(Summary {
        min,
        max,
        median,
        mean: moments.mean().unwrap_or(f64::NAN),
        sd: moments.variance().map_or(f64::NAN, f64::sqrt),
        skewness: moments.skewness().unwrap_or(f64::NAN),
        kurtosis: moments.kurtosis().unwrap_or(f64::NAN),
        trimmed_mean: moments::mean(&sorted[cut..sorted.len() - cut]),
        mad,
        sorted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: one value, equal values and invalid input are defined or refused.
    #[test]
    fn edges() {
        assert!(summarise(&[]).is_err());
        assert!(summarise(&[f64::NAN]).is_err());
        let one = summarise(&[2.5]).unwrap();
        assert!(one.median == 2.5 && one.sd.is_nan() && one.skewness.is_nan() && one.trimmed_mean == 2.5);
        let equal = summarise(&[0.1; 12]).unwrap();
        assert!(equal.sd == 0.0 && equal.skewness.is_nan() && equal.mad == 0.0);
    }
}
