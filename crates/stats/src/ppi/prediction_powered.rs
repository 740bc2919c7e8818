//! Prediction-powered means: the judge's mean over everything, corrected by its error on the human-labelled
//! part.

use crate::Interval;
use crate::dist::normal_quantile;
use crate::error::{StatsError, at_least, finite, open_unit, same_length};
use crate::moments::{mean, squares};
use crate::scaling::{scaled, taming_factor};

/// What [`ppi_mean`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PpiMean {
    /// The estimate of the human mean.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Normal interval.
    pub interval: Interval,
}

/// What [`ppi_plus_plus_mean`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PpiPlusPlus {
    /// How far the judge is trusted: 0 not at all (labels only), 1 as in plain PPI.
    pub lambda: f64,
    /// The estimate of the human mean.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Normal interval.
    pub interval: Interval,
    /// What the human labels alone would give.
    pub classical: Interval,
}

/// Prediction-powered mean: mean judge score of the unlabelled items + mean of (human − judge) over the labelled
/// ones.
///
/// `human` and `judge` belong to the same labelled items; `judge_unlabelled` to other items. Unbiased however
/// bad the judge, *if the labelled items are a random sample* of the same traffic; a bad judge only widens the
/// interval. Variances are population ones (divided by n) and the interval is normal, so use it from about 50
/// labels on.
///
/// # Errors
/// Fewer than two labelled or one unlabelled item, lists of unequal length, values that are not finite, a
/// confidence outside (0, 1).
///
/// Source: Angelopoulos et al. 2023.
///
/// ```
/// use seatrial_stats::ppi::ppi_mean;
/// let p = ppi_mean(&[1.0, 0.0, 1.0, 1.0], &[1.0, 1.0, 1.0, 1.0], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0], 0.95)?;
/// assert!((p.estimate - (4.0 / 6.0 - 0.25)).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn ppi_mean(
    human: &[f64],
    judge: &[f64],
    judge_unlabelled: &[f64],
    confidence: f64,
) -> Result<PpiMean, StatsError> {
    check(human, judge, judge_unlabelled, confidence)?;
    let factor = taming_factor(&[human, judge, judge_unlabelled]);
    let tame = |values| scaled(values, factor);
    Ok(with_lambda(
        &tame(human),
        &tame(judge),
        &tame(judge_unlabelled),
        1.0,
        confidence,
    )
    .unscaled(factor))
}

/// PPI++: like [`ppi_mean`], but the judge counts with the weight λ that makes the interval narrowest,
/// λ = cov(human, judge)/((1 + n/N)·var(judge)), clipped to [0, 1]. Never asymptotically worse than the labels
/// alone.
///
/// The covariance is over the labelled items (divided by n), the variance over all judge scores (divided by
/// their number − 1). A judge that never varies gets λ = 0.
///
/// # Errors
/// As [`ppi_mean`].
///
/// Source: Angelopoulos, Duchi, Zrnic 2023.
///
/// ```
/// use seatrial_stats::ppi::ppi_plus_plus_mean;
/// let human = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0];
/// let many: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i % 3 > 0))).collect();
/// let p = ppi_plus_plus_mean(&human, &human, &many, 0.95)?;
/// assert!(p.lambda > 0.8 && p.interval.width() < p.classical.width());
/// // A judge that answers at random is ignored.
/// let p = ppi_plus_plus_mean(&human, &[1.0, 1.0, 0.0, 0.0, 1.0, 0.0], &many, 0.95)?;
/// assert!(p.lambda < 0.3);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn ppi_plus_plus_mean(
    human: &[f64],
    judge: &[f64],
    judge_unlabelled: &[f64],
    confidence: f64,
) -> Result<PpiPlusPlus, StatsError> {
    check(human, judge, judge_unlabelled, confidence)?;
    let lambda = best_lambda(human, judge, judge_unlabelled);
    let factor = taming_factor(&[human, judge, judge_unlabelled]);
    let tame = |values| scaled(values, factor);
    let (human, judge, judge_unlabelled) = (&tame(human)[..], &tame(judge)[..], &tame(judge_unlabelled)[..]);
    let n = human.len() as f64;
    let mean_human = mean(human);
    let tuned = with_lambda(human, judge, judge_unlabelled, lambda, confidence).unscaled(factor);
    let half = normal_quantile(0.5 + 0.5 * confidence) * (squares(human, mean_human) / n / n).sqrt();
    Ok(PpiPlusPlus {
        lambda,
        estimate: tuned.estimate,
        se: tuned.se,
        interval: tuned.interval,
        classical: Interval::around(mean_human / factor, half / factor),
    })
}

/// The weight of the judge that makes the interval narrowest.
fn best_lambda(human: &[f64], judge: &[f64], more: &[f64]) -> f64 {
    if judge.iter().chain(more).all(|f| *f == judge[0]) {
        return 0.0;
    }
    // Human and judge scores each in their own range, taken out again at the end: the weight of a judge on a
    // scale of another size is extreme, but it is a number.
    let (factor_human, factor_judge) = (taming_factor(&[human]), taming_factor(&[judge, more]));
    let human = scaled(human, factor_human);
    let judge = scaled(judge, factor_judge);
    let all: Vec<f64> = judge.iter().copied().chain(scaled(more, factor_judge)).collect();
    let (n, total) = (human.len() as f64, all.len() as f64);
    let (mean_human, mean_judge) = (mean(&human), mean(&judge));
    let covariance = human
        .iter()
        .zip(&judge)
        .map(|(y, f)| (y - mean_human) * (f - mean_judge))
        .sum::<f64>()
        / n;
    let variance = squares(&all, mean(&all)) / (total - 1.0);
    if variance == 0.0 {
        return 0.0;
    }
    let lambda = covariance / ((1.0 + n / (total - n)) * variance);
    (lambda * factor_judge / factor_human).clamp(0.0, 1.0)
}

impl PpiMean {
    /// Takes out the factor by which the data were multiplied.
    fn unscaled(self, factor: f64) -> Self {
        Self {
            estimate: self.estimate / factor,
            se: self.se / factor,
            interval: Interval::new(self.interval.low / factor, self.interval.high / factor),
        }
    }
}

fn check(human: &[f64], judge: &[f64], more: &[f64], confidence: f64) -> Result<(), StatsError> {
    open_unit("confidence", confidence)?;
    same_length("human", human.len(), "judge", judge.len())?;
    at_least("human", human.len(), 2)?;
    at_least("unlabelled judge scores", more.len(), 1)?;
    finite("human", human)?;
    finite("judge", judge)?;
    finite("unlabelled judge scores", more)
}

fn with_lambda(human: &[f64], judge: &[f64], more: &[f64], lambda: f64, confidence: f64) -> PpiMean {
    let rest: Vec<f64> = human.iter().zip(judge).map(|(y, f)| y - lambda * f).collect();
    let (mean_rest, mean_more) = (mean(&rest), mean(more));
    let (n, m) = (human.len() as f64, more.len() as f64);
    let variance = squares(&rest, mean_rest) / n / n + lambda * lambda * squares(more, mean_more) / m / m;
    let estimate = lambda * mean_more + mean_rest;
    let se = variance.sqrt();
    PpiMean {
        estimate,
        se,
        interval: Interval::around(estimate, normal_quantile(0.5 + 0.5 * confidence) * se),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the estimate lies in its interval, λ in [0, 1], and a shift of everything shifts the
        /// estimate by as much.
        #[test]
        fn shifts_and_ranges(
            labelled in prop::collection::vec((-3.0f64..3.0, -3.0f64..3.0), 2..30),
            more in prop::collection::vec(-3.0f64..3.0, 1..60),
        ) {
            let (y, f): (Vec<f64>, Vec<f64>) = labelled.into_iter().unzip();
            let p = ppi_plus_plus_mean(&y, &f, &more, 0.9).unwrap();
            prop_assert!((0.0..=1.0).contains(&p.lambda) && p.interval.contains(p.estimate));
            let up = |v: &[f64]| v.iter().map(|x| x + 10.0).collect::<Vec<_>>();
            let q = ppi_plus_plus_mean(&up(&y), &up(&f), &up(&more), 0.9).unwrap();
            prop_assert!((q.estimate - p.estimate - 10.0).abs() < 1e-9 && (q.lambda - p.lambda).abs() < 1e-9);
            prop_assert!(ppi_mean(&y, &f, &more, 0.9).unwrap().se >= 0.0);
        }
    }

    /// Protects: too little data and a judge that never varies.
    #[test]
    fn edges() {
        assert!(ppi_mean(&[1.0], &[1.0], &[1.0], 0.95).is_err());
        assert!(ppi_mean(&[1.0, 2.0], &[1.0, 1.0], &[], 0.95).is_err());
        assert!(ppi_mean(&[1.0, 2.0], &[1.0], &[1.0], 0.95).is_err());
        assert!(ppi_mean(&[1.0, f64::NAN], &[1.0, 1.0], &[1.0], 0.95).is_err());
        assert!(ppi_mean(&[1.0, 2.0], &[1.0, 1.0], &[1.0], 1.0).is_err());
        let flat = ppi_plus_plus_mean(&[1.0, 2.0], &[5.0, 5.0], &[5.0, 5.0], 0.95).unwrap();
        assert_eq!((flat.lambda, flat.estimate), (0.0, 1.5));
        assert_eq!(flat.interval, flat.classical);
        let huge = ppi_plus_plus_mean(&[1e300, 2e300], &[1e300, 2e300], &[1e300, 3e300], 0.95).unwrap();
        assert!(huge.lambda > 0.0 && huge.interval.low.is_finite() && huge.se > 0.0);
    }
}
