//! A ratio of two means of the same units, such as money by successes: Fieller's interval, which says when the data do
//! not bound it. Apart from [`crate::mean`], because the denominator may be nothing.

use crate::dist::t_isf;
use crate::error::{finite, open_unit};
use crate::{Interval, StatsError};

/// Sums over units of a numerator y and a denominator x.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RatioSums {
    /// Units.
    pub n: f64,
    /// Σ y.
    pub y: f64,
    /// Σ x.
    pub x: f64,
    /// Σ y².
    pub yy: f64,
    /// Σ x².
    pub xx: f64,
    /// Σ xy.
    pub xy: f64,
}

impl RatioSums {
    /// Adds a unit.
    pub fn add(&mut self, y: f64, x: f64) {
        self.n += 1.0;
        self.y += y;
        self.x += x;
        self.yy += y * y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// Σ y / Σ x; `None` where Σ x is not above 0.
    ///
    /// ```
    /// use seatrial_stats::ratio::RatioSums;
    /// let mut sums = RatioSums::default();
    /// sums.add(3.0, 0.0);
    /// assert_eq!(sums.ratio(), None);
    /// sums.add(2.0, 1.0);
    /// assert_eq!(sums.ratio(), Some(5.0));
    /// ```
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.x > 0.0).then(|| self.y / self.x)
    }
}

/// Fieller's confidence set of ȳ/x̄ with this probability in each tail: every ρ for which the t test of "the mean of
/// y − ρx is 0" does not reject (Fieller 1954, "Some problems in interval estimation").
///
/// For y ≥ 0 and x ≥ 0. `high` is infinite where the denominator is not shown to be above 0: then no upper limit can be
/// given, and `low` is what the data exclude below. `low` is never under 0.
///
/// # Errors
/// Fewer than two units; sums that are no numbers; a tail that is not between 0 and ½.
///
/// ```
/// use seatrial_stats::ratio::{RatioSums, fieller};
/// let mut sums = RatioSums::default();
/// for (cost, success) in [(2.0, 1.0), (3.0, 1.0), (2.5, 0.0), (2.0, 1.0), (3.0, 1.0)] {
///     sums.add(cost, success);
/// }
/// assert!(fieller(&sums, 0.025)?.contains(12.5 / 4.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn fieller(sums: &RatioSums, tail: f64) -> Result<Interval, StatsError> {
    open_unit("tail", 2.0 * tail)?;
    finite("sums", &[sums.n, sums.y, sums.x, sums.yy, sums.xx, sums.xy])?;
    if sums.n < 2.0 {
        return Err(StatsError::TooFew {
            what: "units",
            needed: 2,
            found: sums.n.max(0.0) as usize,
        });
    }
    let n = sums.n;
    let (y, x) = (sums.y / n, sums.x / n);
    // Variances of the means.
    let of_mean = |squares: f64, product: f64| (squares - n * product) / (n - 1.0) / n;
    let variance_y = of_mean(sums.yy, y * y).max(0.0);
    let variance_x = of_mean(sums.xx, x * x).max(0.0);
    let covariance = of_mean(sums.xy, x * y);
    let t = t_isf(tail, n - 1.0);
    let a = x * x - t * t * variance_x;
    let b = x * y - t * t * covariance;
    let c = y * y - t * t * variance_y;
    let root = (b * b - a * c).max(0.0).sqrt();
    if a > 0.0 {
        return Ok(Interval {
            low: ((b - root) / a).max(0.0),
            high: (b + root) / a,
        });
    }
    // What is excluded lies between the roots; the upper root bounds the ratio from below where it is positive.
    let low = if a < 0.0 && c > 0.0 {
        ((b - root) / a).max(0.0)
    } else {
        0.0
    };
    Ok(Interval {
        low,
        high: f64::INFINITY,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::t_two_sided;
    use crate::rng::stream;
    use rand::RngExt;

    fn sums(pairs: &[(f64, f64)]) -> RatioSums {
        let mut sums = RatioSums::default();
        pairs.iter().for_each(|(y, x)| sums.add(*y, *x));
        sums
    }

    /// p-value of "the mean of y − ρx is 0", from the values themselves.
    fn p_at(pairs: &[(f64, f64)], ratio: f64) -> f64 {
        let differences: Vec<f64> = pairs.iter().map(|(y, x)| y - ratio * x).collect();
        let n = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / n;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
        t_two_sided(mean / (variance / n).sqrt(), n - 1.0)
    }

    /// Protects the definition: the ends are where the t test just rejects, worked out from the values and not the sums.
    #[test]
    fn ends_are_where_the_test_rejects() {
        let pairs = [
            (2.0, 1.0),
            (3.0, 1.0),
            (2.5, 0.0),
            (2.0, 1.0),
            (3.0, 1.0),
            (2.2, 1.0),
            (1.0, 1.0),
        ];
        let interval = fieller(&sums(&pairs), 0.025).unwrap();
        assert!((p_at(&pairs, interval.low) - 0.05).abs() < 1e-9, "{interval:?}");
        assert!((p_at(&pairs, interval.high) - 0.05).abs() < 1e-9, "{interval:?}");
    }

    /// Protects "unbounded": two successes in twenty do not bound the price of a success from above, but from below.
    #[test]
    fn few_successes_leave_it_open() {
        let pairs: Vec<(f64, f64)> = (0..20)
            .map(|i| (1.0 + f64::from(i % 3) * 0.1, f64::from(u8::from(i < 2))))
            .collect();
        let interval = fieller(&sums(&pairs), 0.025).unwrap();
        assert!(interval.high.is_infinite());
        assert!((p_at(&pairs, interval.low) - 0.05).abs() < 1e-9, "{interval:?}");
        let none: Vec<(f64, f64)> = (0..20).map(|_| (1.0, 0.0)).collect();
        assert!(fieller(&sums(&none), 0.025).unwrap().high.is_infinite());
        assert!(fieller(&sums(&[(1.0, 1.0)]), 0.025).is_err());
        assert!(fieller(&sums(&pairs), 0.6).is_err());
    }

    /// Protects the promise: of a thousand samples about 95 in 100 hold the true ratio.
    #[test]
    fn covers_the_true_ratio() {
        let mut rng = stream(7, 0);
        let covered = (0..1000)
            .filter(|_| {
                let pairs: Vec<(f64, f64)> = (0..60)
                    .map(|_| {
                        let success = f64::from(u8::from(rng.random::<f64>() < 0.6));
                        (0.5 + rng.random::<f64>() + success, success)
                    })
                    .collect();
                // Mean cost 0.5 + 0.5 + 0.6, by 0.6.
                fieller(&sums(&pairs), 0.025).unwrap().contains(1.6 / 0.6)
            })
            .count();
        assert!((925..=975).contains(&covered), "{covered}");
    }
}
