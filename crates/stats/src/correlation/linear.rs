//! Pearson's r and Spearman's ρ with p-values and intervals.

use super::parallel;
use crate::dist::{normal_quantile, t_two_sided};
use crate::error::{StatsError, open_unit};
use crate::moments::{mean, squares};
use crate::ranks::doubled_average;
use crate::scaling::{scaled, taming_factor};
use crate::{Interval, dist::real};

/// What [`pearson`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pearson {
    /// r, −1 to 1; `NaN` where one of the two never varies.
    pub r: f64,
    /// Two-sided p-value of no correlation (t test); 1 with two items.
    pub p_value: f64,
    /// Fisher interval; [−1, 1] with two or three items, `NaN` with r.
    pub interval: Interval,
}

/// Pearson's correlation of two lists, with the t test and Fisher's interval at level `confidence`.
///
/// r = covariance / (sd × sd). The interval is tanh(artanh r ± z/√(n−3)) and the test is exact under bivariate
/// normality; both are good approximations for some dozens of items without outliers. Blind to offset and scale:
/// a judge who always gives twice the human score has r = 1, see [`closeness`](crate::correlation::closeness).
///
/// # Errors
/// Fewer than two items, lists of unequal length, values that are not finite, a confidence outside (0, 1).
///
/// Source: Fisher 1915, 1921.
///
/// ```
/// use seatrial_stats::correlation::pearson;
/// let c = pearson(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0], 0.95)?;
/// assert!((c.r - 0.8).abs() < 1e-12 && (c.p_value - 0.2).abs() < 1e-12);
/// assert!(pearson(&[1.0, 1.0], &[1.0, 2.0], 0.95)?.r.is_nan());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn pearson(x: &[f64], y: &[f64], confidence: f64) -> Result<Pearson, StatsError> {
    parallel(x, y, 2)?;
    open_unit("confidence", confidence)?;
    let constant = |values: &[f64]| values.iter().all(|v| *v == values[0]);
    let r = if constant(x) || constant(y) {
        f64::NAN
    } else {
        product_moment(&tamed(x), &tamed(y))
    };
    Ok(Pearson {
        r,
        p_value: if x.len() == 2 && !r.is_nan() {
            1.0
        } else {
            correlation_p_value(r, x.len())
        },
        interval: fisher_interval(r, x.len(), 1.0, confidence),
    })
}

/// The values in a range where their squares are numbers; a correlation does not change by it.
fn tamed(values: &[f64]) -> Vec<f64> {
    scaled(values, taming_factor(&[values]))
}

fn product_moment(x: &[f64], y: &[f64]) -> f64 {
    if let (&[x0, x1], &[y0, y1]) = (x, y) {
        // Two points always lie on a line.
        return if (x0 < x1) == (y0 < y1) { 1.0 } else { -1.0 };
    }
    let (mean_x, mean_y) = (mean(x), mean(y));
    let norm_x = squares(x, mean_x).sqrt();
    let norm_y = squares(y, mean_y).sqrt();
    let r: f64 = x
        .iter()
        .zip(y)
        .map(|(a, b)| ((a - mean_x) / norm_x) * ((b - mean_y) / norm_y))
        .sum();
    r.clamp(-1.0, 1.0)
}

/// t test of a correlation of n items.
fn correlation_p_value(r: f64, n: usize) -> f64 {
    let df = n as f64 - 2.0;
    if r.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    let rest = (1.0 - r) * (1.0 + r);
    if rest <= 0.0 {
        return 0.0;
    }
    t_two_sided(r * (df / rest).sqrt(), df)
}

/// tanh(artanh r ± z·√(factor/(n−3))).
fn fisher_interval(r: f64, n: usize, factor: f64, confidence: f64) -> Interval {
    if r.is_nan() {
        return Interval::new(f64::NAN, f64::NAN);
    }
    if n <= 3 {
        return Interval::new(-1.0, 1.0);
    }
    if r.abs() == 1.0 {
        return Interval::new(r, r);
    }
    let half = normal_quantile(0.5 + 0.5 * confidence) * (factor / (n as f64 - 3.0)).sqrt();
    Interval::new((r.atanh() - half).tanh(), (r.atanh() + half).tanh())
}

/// What [`spearman`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spearman {
    /// ρ, −1 to 1; `NaN` where one of the two never varies (one item included).
    pub rho: f64,
    /// Two-sided p-value of no association (t approximation); `NaN` with two items.
    pub p_value: f64,
    /// Fisher interval with standard error 1/√(n−3); a little too narrow for ranks.
    pub fisher: Interval,
    /// Bonett–Wright interval with standard error √((1+ρ²/2)/(n−3)); the one to report.
    pub bonett_wright: Interval,
}

/// Spearman's rank correlation of two lists, with the t approximation and two intervals at level `confidence`.
///
/// ρ is Pearson's correlation of the average ranks (ties share the mean of their places), computed in whole
/// numbers, so that perfect agreement is exactly 1. Both intervals are [−1, 1] with three items or fewer and
/// `NaN` with ρ.
///
/// # Errors
/// No items, lists of unequal length, values that are not finite, a confidence outside (0, 1).
///
/// Source: Spearman 1904; Bonett and Wright 2000.
///
/// ```
/// use seatrial_stats::correlation::spearman;
/// let c = spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 30.0, 20.0, 400.0], 0.95)?;
/// assert!((c.rho - 0.8).abs() < 1e-12);
/// assert!(c.bonett_wright.low < c.fisher.low);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn spearman(x: &[f64], y: &[f64], confidence: f64) -> Result<Spearman, StatsError> {
    parallel(x, y, 1)?;
    open_unit("confidence", confidence)?;
    let n = x.len();
    let rho = rank_moment(&doubled_average(x), &doubled_average(y));
    Ok(Spearman {
        rho,
        p_value: correlation_p_value(rho, n),
        fisher: fisher_interval(rho, n, 1.0, confidence),
        bonett_wright: fisher_interval(rho, n, 1.0 + 0.5 * rho * rho, confidence),
    })
}

/// Correlation of doubled ranks in whole numbers; their mean is n + 1 whatever the ties.
fn rank_moment(x: &[u64], y: &[u64]) -> f64 {
    let centre = |r: u64| i128::from(r) - (x.len() as i128 + 1);
    let (mut xx, mut yy, mut xy) = (0i128, 0i128, 0i128);
    for (&a, &b) in x.iter().zip(y) {
        let (a, b) = (centre(a), centre(b));
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    if xx == 0 || yy == 0 {
        return f64::NAN;
    }
    if xx == yy {
        return xy as f64 / xx as f64;
    }
    let r = xy as f64 / ((xx as f64).sqrt() * (yy as f64).sqrt());
    r.clamp(-real(1), real(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: both correlations lie in [−1, 1], are symmetric, and a list correlates fully with itself.
        #[test]
        fn bounded_and_symmetric(pairs in prop::collection::vec((-1e3f64..1e3, -9i32..9), 2..50)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().map(|(a, b)| (a, f64::from(b))).unzip();
            let (r, s) = (pearson(&x, &y, 0.95).unwrap(), pearson(&y, &x, 0.95).unwrap());
            let (rho, ohr) = (spearman(&x, &y, 0.95).unwrap(), spearman(&y, &x, 0.95).unwrap());
            prop_assert_eq!(r.r.is_nan(), s.r.is_nan());
            prop_assert_eq!(r.r.is_nan(), rho.rho.is_nan());
            if !r.r.is_nan() {
                prop_assert!((-1.0..=1.0).contains(&r.r) && (r.r - s.r).abs() < 1e-12);
                prop_assert!((-1.0..=1.0).contains(&rho.rho) && rho.rho == ohr.rho);
                prop_assert!(r.interval.contains(r.r) && rho.bonett_wright.contains(rho.rho));
                prop_assert_eq!(spearman(&x, &x, 0.95).unwrap().rho, 1.0);
                prop_assert!(pearson(&x, &x, 0.95).unwrap().r > 1.0 - 1e-12);
            }
        }
    }

    /// Protects: values near the ends of the number range neither overflow nor vanish.
    #[test]
    fn edges() {
        let x = [1.0, 2.0, 3.0, 5.0];
        let want = pearson(&x, &[1.0, 1.5, 1.0, 1.75], 0.95).unwrap().r;
        for scale in [1e308 / 2.0, 1e-300] {
            let y: Vec<f64> = [1.0, 1.5, 1.0, 1.75].iter().map(|v| v * scale).collect();
            assert!((pearson(&x, &y, 0.95).unwrap().r - want).abs() < 1e-12);
        }
        assert!(pearson(&[1.0], &[1.0], 0.95).is_err());
        assert!(pearson(&x, &[1.0, 2.0, f64::NAN, 4.0], 0.95).is_err());
        assert!(pearson(&x, &x, f64::NAN).is_err());
        let two = pearson(&[1.0, 2.0], &[5.0, 3.0], 0.95).unwrap();
        assert_eq!(
            (two.r, two.p_value, two.interval),
            (-1.0, 1.0, Interval::new(-1.0, 1.0))
        );
        assert!(spearman(&[], &[], 0.95).is_err());
        assert!(spearman(&[1.0], &[1.0], 0.95).unwrap().rho.is_nan());
        assert!(
            spearman(&[1.0, 1.0], &[1.0, 2.0], 0.95)
                .unwrap()
                .fisher
                .low
                .is_nan()
        );
    }
}
