//! The difference of two ratios over the same units, such as money per success of two systems on the same cases. Apart
//! from [`crate::ratio`], because what is divided here is a product of two means, and because a difference has a sign.
//!
//! "y₂/x₂ ≤ k·y₁/x₁ + m" is, for denominators above 0, "A − m·B ≤ 0" with A = ȳ₂x̄₁ − k·ȳ₁x̄₂ and B = x̄₁x̄₂: nothing is
//! divided, so that a denominator near nothing makes no number explode. A and B are smooth functions of means over the same
//! units; their variances and covariance come from the influence of each unit on them (the delta method), summed over
//! clusters where units are not independent. The test is Student's t of A − m·B, and the limits are the m at which it
//! turns, as Fieller did for one ratio; where B is not shown to be above 0 there are none.

use crate::dist::{normal_quantile, t_isf, t_sf};
use crate::error::{StatsError, finite, open_unit};
use std::collections::BTreeMap;

/// One unit: numerator and denominator on either side.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairedRatioUnit {
    /// Numerator of the first.
    pub y1: f64,
    /// Denominator of the first, at least 0.
    pub x1: f64,
    /// Numerator of the second.
    pub y2: f64,
    /// Denominator of the second, at least 0.
    pub x2: f64,
}

/// What the units say about y₂/x₂ − k·y₁/x₁.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioDifference {
    /// y₁/x₁; `None` where the denominators of the first are all 0.
    pub first: Option<f64>,
    /// y₂/x₂; `None` where the denominators of the second are all 0.
    pub second: Option<f64>,
    /// A and B.
    products: (f64, f64),
    /// Variance of A, variance of B, and their covariance.
    variances: (f64, f64, f64),
    /// Degrees of freedom: units, or clusters, minus 1.
    pub df: f64,
}

impl RatioDifference {
    /// From units, `clusters` in parallel or empty, and what the first ratio is multiplied by.
    ///
    /// # Errors
    /// Fewer than two units or clusters; numbers that are not finite; lists of different lengths.
    ///
    /// ```
    /// use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
    /// let unit = |y1, x1, y2, x2| PairedRatioUnit { y1, x1, y2, x2 };
    /// let units = [unit(1.0, 1.0, 2.0, 1.0), unit(1.2, 1.0, 2.2, 1.0), unit(0.8, 1.0, 2.1, 1.0)];
    /// let found = RatioDifference::of(&units, &[], 1.0)?;
    /// assert!((found.value().unwrap() - 1.1).abs() < 1e-12);
    /// assert!(found.p_at_most(0.0) < 0.02 && found.p_at_most(2.0) > 0.9);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    pub fn of(units: &[PairedRatioUnit], clusters: &[u32], scale: f64) -> Result<Self, StatsError> {
        if !clusters.is_empty() && clusters.len() != units.len() {
            return Err(StatsError::LengthMismatch {
                left: "units",
                left_len: units.len(),
                right: "clusters",
                right_len: clusters.len(),
            });
        }
        finite("scale", &[scale])?;
        for unit in units {
            finite("units", &[unit.y1, unit.x1, unit.y2, unit.x2])?;
        }
        let n = units.len() as f64;
        let mean = |of: fn(&PairedRatioUnit) -> f64| units.iter().map(of).sum::<f64>() / n;
        let (y1, x1) = (mean(|unit| unit.y1), mean(|unit| unit.x1));
        let (y2, x2) = (mean(|unit| unit.y2), mean(|unit| unit.x2));
        let influence = |unit: &PairedRatioUnit| {
            let (dy1, dx1) = (unit.y1 - y1, unit.x1 - x1);
            let (dy2, dx2) = (unit.y2 - y2, unit.x2 - x2);
            let of_a = dy2 * x1 + y2 * dx1 - scale * (dy1 * x2 + y1 * dx2);
            (of_a, dx1 * x2 + x1 * dx2)
        };
        let mut groups: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (place, unit) in units.iter().enumerate() {
            let group = clusters.get(place).map_or(place, |&cluster| cluster as usize);
            let (a, b) = influence(unit);
            let sums = groups.entry(group).or_default();
            (sums.0, sums.1) = (sums.0 + a, sums.1 + b);
        }
        let count = groups.len() as f64;
        if groups.len() < 2 {
            return Err(StatsError::TooFew {
                what: "units",
                needed: 2,
                found: groups.len(),
            });
        }
        let factor = count / (count - 1.0) / (n * n);
        let sum = |of: fn(&(f64, f64)) -> f64| factor * groups.values().map(of).sum::<f64>();
        let found = Self {
            first: (x1 > 0.0).then(|| y1 / x1),
            second: (x2 > 0.0).then(|| y2 / x2),
            products: (y2 * x1 - scale * y1 * x2, x1 * x2),
            variances: (sum(|s| s.0 * s.0), sum(|s| s.1 * s.1), sum(|s| s.0 * s.1)),
            df: count - 1.0,
        };
        let (a, b, c) = found.variances;
        finite("units", &[found.products.0, found.products.1, a, b, c])?;
        Ok(found)
    }

    /// The difference; `None` where either denominator is 0.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        let (a, b) = self.products;
        (b > 0.0).then(|| a / b)
    }

    /// A − m·B with its standard error.
    fn at(&self, limit: f64) -> (f64, f64) {
        let (a, b) = self.products;
        let (of_a, of_b, both) = self.variances;
        let variance = limit.mul_add(limit.mul_add(of_b, -2.0 * both), of_a);
        (limit.mul_add(-b, a), variance.max(0.0).sqrt())
    }

    /// p-value of "the difference is at most `limit`". Without any spread the value itself decides.
    #[must_use]
    pub fn p_at_most(&self, limit: f64) -> f64 {
        let (beyond, se) = self.at(limit);
        p_of(beyond, se, self.df)
    }

    /// p-value of "the difference is at least `limit`".
    ///
    /// ```
    /// # use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
    /// # let unit = |y1, y2| PairedRatioUnit { y1, x1: 1.0, y2, x2: 1.0 };
    /// // Differences of 1.0, 1.0 and 1.3: 1.1 with a standard error of 0.1.
    /// let found = RatioDifference::of(&[unit(1.0, 2.0), unit(1.2, 2.2), unit(0.8, 2.1)], &[], 1.0)?;
    /// assert!(found.p_at_least(2.0) < 0.01 && found.p_at_least(0.0) > 0.99);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn p_at_least(&self, limit: f64) -> f64 {
        let (beyond, se) = self.at(limit);
        p_of(-beyond, se, self.df)
    }

    /// p-value of "there is no difference", two-sided.
    ///
    /// ```
    /// # use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
    /// # let unit = |y1, y2| PairedRatioUnit { y1, x1: 1.0, y2, x2: 1.0 };
    /// // Differences of 1.0, 1.0 and 1.3: 1.1 with a standard error of 0.1.
    /// let found = RatioDifference::of(&[unit(1.0, 2.0), unit(1.2, 2.2), unit(0.8, 2.1)], &[], 1.0)?;
    /// assert!((found.p_two_sided() - 0.0082).abs() < 1e-3);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn p_two_sided(&self) -> f64 {
        (2.0 * self.p_at_most(0.0).min(self.p_at_least(0.0))).min(1.0)
    }

    /// Lower and upper limit of the difference with this probability in each tail: dual to the p-values. `None` for both
    /// where a denominator is not shown to be above 0: then the data bound nothing.
    ///
    /// # Errors
    /// A tail that is not between 0 and ½.
    ///
    /// ```
    /// # use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
    /// # let unit = |y1, y2| PairedRatioUnit { y1, x1: 1.0, y2, x2: 1.0 };
    /// // Differences of 1.0, 1.0 and 1.3: 1.1 with a standard error of 0.1.
    /// let found = RatioDifference::of(&[unit(1.0, 2.0), unit(1.2, 2.2), unit(0.8, 2.1)], &[], 1.0)?;
    /// let (low, high) = found.limits(0.025)?.expect("denominators are far from 0");
    /// assert!((low - 0.67).abs() < 1e-2 && (high - 1.53).abs() < 1e-2);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    pub fn limits(&self, tail: f64) -> Result<Option<(f64, f64)>, StatsError> {
        open_unit("tail", 2.0 * tail)?;
        let (y, x) = self.products;
        let (of_y, of_x, both) = self.variances;
        let t = t_isf(tail, self.df);
        let a = x * x - t * t * of_x;
        let b = x * y - t * t * both;
        let c = y * y - t * t * of_y;
        if a <= 0.0 {
            return Ok(None);
        }
        let root = (b * b - a * c).max(0.0).sqrt();
        Ok(Some(((b - root) / a, (b + root) / a)))
    }

    /// The smallest distance from `limit` that a one-sided test at `risk` shows with this power, with the spread found;
    /// `None` where a denominator is 0.
    ///
    /// ```
    /// # use seatrial_stats::ratio_difference::{PairedRatioUnit, RatioDifference};
    /// # let unit = |y1, y2| PairedRatioUnit { y1, x1: 1.0, y2, x2: 1.0 };
    /// // Differences of 1.0, 1.0 and 1.3: 1.1 with a standard error of 0.1.
    /// let found = RatioDifference::of(&[unit(1.0, 2.0), unit(1.2, 2.2), unit(0.8, 2.1)], &[], 1.0)?;
    /// let distance = found.detectable(0.0, 0.05, 0.8).expect("denominators are above 0");
    /// assert!((distance - 0.376).abs() < 1e-2);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn detectable(&self, limit: f64, risk: f64, power: f64) -> Option<f64> {
        let (_, b) = self.products;
        let (_, se) = self.at(limit);
        let distance = (t_isf(risk, self.df) + normal_quantile(power)) * se / b;
        (b > 0.0 && distance.is_finite()).then_some(distance)
    }
}

fn p_of(beyond: f64, se: f64, df: f64) -> f64 {
    if se > 0.0 {
        t_sf(beyond / se, df)
    } else if beyond > 0.0 {
        0.0
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::{RatioSums, fieller};
    use crate::rng::stream;
    use rand::RngExt;

    fn drawn(rng: &mut impl RngExt, n: usize, shares: (f64, f64), dearer: f64) -> Vec<PairedRatioUnit> {
        (0..n)
            .map(|_| {
                // What is hard is hard for both and costs both more: pairs have something in common.
                let hard = rng.random::<f64>();
                let right = |share: f64, luck: f64| f64::from(u8::from(0.5 * (hard + luck) < share));
                PairedRatioUnit {
                    y1: 0.5 + hard + 0.2 * rng.random::<f64>(),
                    x1: right(shares.0, rng.random()),
                    y2: dearer * (0.5 + hard + 0.2 * rng.random::<f64>()),
                    x2: right(shares.1, rng.random()),
                }
            })
            .collect()
    }

    /// P(½(U + V) < share) for independent uniform U and V.
    fn share(cut: f64) -> f64 {
        let doubled = 2.0 * cut;
        if doubled <= 1.0 {
            0.5 * doubled * doubled
        } else {
            1.0 - 0.5 * (2.0 - doubled).powi(2)
        }
    }

    /// Protects the promise of gates: of 1,500 pairs of runs whose true difference is known, about 95 in 100 intervals
    /// hold it, also with few successes, in clusters, and with a share of the baseline as the margin.
    #[test]
    fn covers_the_true_difference() {
        let mut rng = stream(11, 0);
        // Mean cost 0.5 + 0.5 + 0.1 of the first, 1.2 times that of the second.
        for (n, cuts, scale, copies) in [
            (80, (0.6, 0.5), 1.0, 1),
            (300, (0.3, 0.3), 1.0, 1),
            (80, (0.6, 0.5), 1.1, 1),
            (40, (0.6, 0.5), 1.0, 4),
        ] {
            let truth = 1.2 * 1.1 / share(cuts.1) - scale * 1.1 / share(cuts.0);
            let (mut covered, mut below, mut open) = (0, 0, 0);
            for _ in 0..1500 {
                let base = drawn(&mut rng, n, cuts, 1.2);
                let units: Vec<PairedRatioUnit> = base.iter().flat_map(|unit| vec![*unit; copies]).collect();
                let clusters: Vec<u32> = (0..units.len() as u32).map(|i| i / copies as u32).collect();
                let clusters = if copies > 1 { clusters } else { Vec::new() };
                let found = RatioDifference::of(&units, &clusters, scale).unwrap();
                match found.limits(0.025).unwrap() {
                    Some((low, high)) => {
                        covered += u32::from(low <= truth && truth <= high);
                        below += u32::from(high < truth);
                    }
                    None => open += 1,
                }
            }
            let all = covered + open;
            assert!(
                (1400..=1455).contains(&all),
                "{n} {cuts:?} {scale} {copies}: {all}"
            );
            assert!(below <= 75, "{n} {cuts:?}: {below} upper ends are too low");
        }
    }

    /// Protects the duality: limits are where the p-values turn, and a first ratio that never varies gives Fieller's
    /// interval of the second.
    #[test]
    fn limits_are_where_tests_turn() {
        let mut rng = stream(3, 1);
        let units = drawn(&mut rng, 60, (0.6, 0.5), 1.0);
        let found = RatioDifference::of(&units, &[], 1.0).unwrap();
        let (low, high) = found.limits(0.05).unwrap().unwrap();
        assert!((found.p_at_most(low) - 0.05).abs() < 1e-9 && (found.p_at_least(high) - 0.05).abs() < 1e-9);
        let mut sums = RatioSums::default();
        let constant: Vec<PairedRatioUnit> = units
            .iter()
            .map(|unit| {
                sums.add(unit.y2, unit.x2);
                PairedRatioUnit {
                    y1: 0.5,
                    x1: 1.0,
                    ..*unit
                }
            })
            .collect();
        let shifted = RatioDifference::of(&constant, &[], 1.0)
            .unwrap()
            .limits(0.05)
            .unwrap()
            .unwrap();
        let alone = fieller(&sums, 0.05).unwrap();
        assert!((shifted.0 + 0.5 - alone.low).abs() < 1e-9 && (shifted.1 + 0.5 - alone.high).abs() < 1e-9);
    }

    /// Protects "unbounded": without a success on one side there is no difference and no limit, and no division by 0.
    #[test]
    fn no_success_has_no_limits() {
        let mut rng = stream(5, 0);
        let mut units = drawn(&mut rng, 40, (0.6, 0.5), 1.0);
        units.iter_mut().for_each(|unit| unit.x2 = 0.0);
        let found = RatioDifference::of(&units, &[], 1.0).unwrap();
        assert_eq!(
            (found.value(), found.second, found.limits(0.05).unwrap()),
            (None, None, None)
        );
        assert!(found.first.is_some() && found.detectable(0.0, 0.05, 0.8).is_none());
        assert!(RatioDifference::of(&units[..1], &[], 1.0).is_err());
        assert!(RatioDifference::of(&units, &[0; 40], 1.0).is_err());
        assert!(RatioDifference::of(&units, &[0; 3], 1.0).is_err());
        units[0].y1 = f64::NAN;
        assert!(RatioDifference::of(&units, &[], 1.0).is_err());
    }
}
