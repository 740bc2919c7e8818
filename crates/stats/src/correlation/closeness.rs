//! How far a judge's numbers are from people's numbers, offset and scale included.

use super::parallel;
use crate::Interval;
use crate::error::StatsError;
use crate::moments::{mean, squares};
use crate::scaling::{scaled, taming_factor};

/// What [`closeness`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closeness {
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean of judge − human: above 0 the judge is lenient.
    pub bias: f64,
    /// Lin's concordance correlation, −1 to 1; `NaN` where neither varies and the means are equal.
    pub ccc: f64,
    /// Bland–Altman limits of agreement, bias ± 1.96 sd of the differences; `NaN` with one item.
    pub limits: Interval,
}

/// Errors of a judge against human scores, Lin's concordance and Bland–Altman limits.
///
/// CCC = 2·cov/(var + var + (difference of the means)²), with variances over n: 1 only where the scores are
/// equal, unlike a correlation. The limits of agreement hold about 95 % of the differences if these are normal.
///
/// # Errors
/// No items, lists of unequal length, values that are not finite.
///
/// Source: Lin 1989; Bland and Altman 1986.
///
/// ```
/// use seatrial_stats::correlation::closeness;
/// let c = closeness(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0])?; // r would be 1
/// assert_eq!((c.mae, c.bias, c.limits.low), (1.0, 1.0, 1.0));
/// assert!((c.ccc - 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn closeness(human: &[f64], judge: &[f64]) -> Result<Closeness, StatsError> {
    parallel(human, judge, 1)?;
    let n = human.len() as f64;
    // One common factor, taken out again at the end, so that squares of huge scores do not overflow.
    let factor = taming_factor(&[human, judge]);
    let (human, judge) = (&scaled(human, factor)[..], &scaled(judge, factor)[..]);
    let differences: Vec<f64> = human.iter().zip(judge).map(|(h, j)| j - h).collect();
    let bias = mean(&differences);
    let absolute: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    let half = 1.96 * (squares(&differences, bias) / (n - 1.0)).sqrt();
    let (mean_h, mean_j) = (mean(human), mean(judge));
    let covariance = human
        .iter()
        .zip(judge)
        .map(|(h, j)| (h - mean_h) * (j - mean_j))
        .sum::<f64>()
        / n;
    let spread = (squares(human, mean_h) + squares(judge, mean_j)) / n;
    let shift = mean_h - mean_j;
    Ok(Closeness {
        mae: mean(&absolute) / factor,
        rmse: (squares(&differences, 0.0) / n).sqrt() / factor,
        bias: bias / factor,
        ccc: 2.0 * covariance / (spread + shift * shift),
        limits: Interval::around(bias / factor, half / factor),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: CCC is symmetric, in [−1, 1], and never above the correlation in size.
        #[test]
        fn ccc_is_bounded_by_r(pairs in prop::collection::vec((-9.0f64..9.0, -9.0f64..9.0), 2..40)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (a, b) = (closeness(&x, &y).unwrap(), closeness(&y, &x).unwrap());
            let r = crate::correlation::pearson(&x, &y, 0.95).unwrap().r;
            prop_assert!((a.ccc - b.ccc).abs() < 1e-12 && (a.bias + b.bias).abs() < 1e-12);
            prop_assert!(r.is_nan() || a.ccc.abs() <= r.abs() + 1e-9);
            prop_assert!(a.mae <= a.rmse + 1e-12);
        }
    }

    /// Protects: one item and constants are values, not panics.
    #[test]
    fn edges() {
        assert!(closeness(&[], &[]).is_err());
        let one = closeness(&[1.0], &[3.0]).unwrap();
        assert_eq!((one.bias, one.ccc), (2.0, 0.0));
        assert!(one.limits.low.is_nan());
        assert!(closeness(&[1.0, 1.0], &[1.0, 1.0]).unwrap().ccc.is_nan());
        assert!(closeness(&[1.0], &[f64::INFINITY]).is_err());
        let huge = closeness(&[1e300, 2e300], &[1e300, 2e300]).unwrap();
        assert_eq!((huge.ccc, huge.rmse), (1.0, 0.0));
        assert!(
            (closeness(&[0.0, 0.0], &[3e300, 4e300]).unwrap().rmse / 1e300 - 12.5f64.sqrt()).abs() < 1e-12
        );
    }
}
