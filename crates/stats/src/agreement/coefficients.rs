//! The family of chance-corrected coefficients for many raters with missing ratings: Gwet's AC1/AC2,
//! Brennan–Prediger, Fleiss, Conger and Krippendorff, each with a standard error over units.

use super::{distinct_values, place, rectangular};
use crate::dist::t_quantile;
use crate::error::{StatsError, at_least, open_unit};

/// Credit for a disagreement, by the ordered list of the ratings that occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingWeights {
    /// None: only equal ratings agree. Gwet's coefficient is then AC1, otherwise AC2.
    Identity,
    /// One minus the distance of the ratings over the range of ratings.
    Linear,
    /// One minus the squared distance over the squared range.
    Quadratic,
    /// One minus the number of pairs of ranks between the two, over the largest such number.
    Ordinal,
}

/// One coefficient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementCoefficient {
    /// The coefficient, at most 1; `NaN` where agreement by chance is certain or nothing is pairable.
    pub coefficient: f64,
    /// Standard error over units (infinite population of units, these raters); `NaN` with one unit.
    pub se: f64,
    /// Lower end of the t interval; not clipped.
    pub low: f64,
    /// Upper end of the t interval, at most 1.
    pub high: f64,
    /// Observed agreement, weighted.
    pub p_observed: f64,
    /// Agreement expected by chance, as this coefficient defines it.
    pub p_expected: f64,
}

/// What [`agreement_coefficients`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgreementCoefficients {
    /// Gwet's AC1 (identity weights) or AC2: chance agreement Σw/(k(k−1))·Σπ(1−π). Stable when one category
    /// is rare.
    pub gwet: AgreementCoefficient,
    /// Brennan–Prediger: chance agreement Σw/k². With two categories the same as PABAK.
    pub brennan_prediger: AgreementCoefficient,
    /// Fleiss' κ, generalised to missing ratings: ΣΣ w π π.
    pub fleiss: AgreementCoefficient,
    /// Conger's κ, the many-rater version of Cohen's: each rater keeps their own category shares.
    pub conger: AgreementCoefficient,
    /// Krippendorff's α by the same weights (with identity weights the nominal α).
    pub krippendorff: AgreementCoefficient,
    /// Units with at least one rating.
    pub n_units: usize,
    /// Raters with at least one rating.
    pub n_raters: usize,
    /// Distinct ratings.
    pub n_categories: usize,
}

/// More distinct ratings than this are a measurement, not categories; use α or the intraclass correlation.
const CATEGORIES_MAX: usize = 4096;

/// Agreement coefficients of `ratings[unit][rater]` (`None` is missing), with t intervals at level `confidence`.
///
/// Every coefficient is (observed − expected)/(1 − expected) agreement. The observed agreement is the mean over
/// units with at least two ratings of the weighted share of agreeing pairs (Krippendorff's adds a small-sample
/// term and weights units by their ratings). They differ only in the agreement expected by chance; see the
/// fields of [`AgreementCoefficients`]. The categories are the ratings that occur, in numerical order. Standard
/// errors are by linearisation over units, the interval uses t with (units − 1) degrees of freedom.
///
/// A coefficient is `NaN` where one category took every rating or no unit has two ratings; Conger's also with a
/// single rater. Units and raters without any rating are left out.
///
/// # Errors
/// No units, rows of unequal length, ratings that are not finite, no rating at all, more than 4,096 distinct
/// ratings, a confidence outside (0, 1).
///
/// Source: Gwet 2008 and 2014, "Handbook of Inter-Rater Reliability", chapters 2 to 6.
///
/// ```
/// use seatrial_stats::agreement::{RatingWeights, agreement_coefficients};
/// let units = [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 2.0], [2.0, 2.0]];
/// let rows: Vec<Vec<_>> = units.iter().map(|row| row.iter().copied().map(Some).collect()).collect();
/// let c = agreement_coefficients(&rows, RatingWeights::Identity, 0.95)?;
/// assert!((c.gwet.p_observed - 0.8).abs() < 1e-12);
/// assert!((c.brennan_prediger.coefficient - 0.6).abs() < 1e-12);
/// assert!(c.gwet.coefficient > c.fleiss.coefficient); // the prevalence paradox
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn agreement_coefficients(
    ratings: &[Vec<Option<f64>>],
    weights: RatingWeights,
    confidence: f64,
) -> Result<AgreementCoefficients, StatsError> {
    open_unit("confidence", confidence)?;
    rectangular("ratings", ratings)?;
    let values = distinct_values(ratings);
    at_least("ratings", values.len(), 1)?;
    if values.len() > CATEGORIES_MAX {
        return Err(StatsError::TooLarge {
            what: "distinct ratings",
            found: values.len() as u64,
            limit: CATEGORIES_MAX as u64,
        });
    }
    let table = Table::read(ratings, &values, weights, confidence);
    Ok(AgreementCoefficients {
        gwet: table.gwet(),
        brennan_prediger: table.brennan_prediger(),
        fleiss: table.fleiss(),
        conger: table.conger(),
        krippendorff: table.krippendorff(),
        n_units: table.units.len(),
        n_raters: table.rater_shares.len(),
        n_categories: values.len(),
    })
}

/// The ratings of one unit.
struct Unit {
    /// Category by rater (places in the list of raters with ratings).
    by_rater: Vec<Option<usize>>,
    /// (category, number of raters).
    counts: Vec<(usize, f64)>,
    /// Number of raters.
    raters: f64,
    /// Weighted number of ordered agreeing pairs of raters.
    agreeing: f64,
}

/// All ratings and what every coefficient needs of them.
struct Table {
    categories: usize,
    /// Weight of each pair of categories, row-major.
    weights: Vec<f64>,
    units: Vec<Unit>,
    /// Per rater: number of ratings and share of each category.
    rater_shares: Vec<(f64, Vec<f64>)>,
    confidence: f64,
}

impl Table {
    fn read(ratings: &[Vec<Option<f64>>], values: &[f64], weights: RatingWeights, confidence: f64) -> Self {
        let categories = values.len();
        let weights = weight_matrix(values, weights);
        let raters = ratings.first().map_or(0, Vec::len);
        let present: Vec<usize> = (0..raters)
            .filter(|&g| ratings.iter().any(|row| row[g].is_some()))
            .collect();
        let mut rater_shares = vec![(0.0, vec![0.0; categories]); present.len()];
        let mut units = Vec::with_capacity(ratings.len());
        for row in ratings {
            let by_rater: Vec<Option<usize>> = present
                .iter()
                .map(|&g| row[g].map(|value| place(values, value)))
                .collect();
            for (rater, category) in rater_shares.iter_mut().zip(&by_rater) {
                if let Some(category) = category {
                    rater.0 += 1.0;
                    rater.1[*category] += 1.0;
                }
            }
            let mut given: Vec<usize> = by_rater.iter().flatten().copied().collect();
            if given.is_empty() {
                continue;
            }
            given.sort_unstable();
            let counts: Vec<(usize, f64)> = given
                .chunk_by(|a, b| a == b)
                .map(|group| (group[0], group.len() as f64))
                .collect();
            let agreeing = counts
                .iter()
                .map(|&(k, n)| {
                    let weighted: f64 = counts.iter().map(|&(l, m)| weights[k * categories + l] * m).sum();
                    n * (weighted - 1.0)
                })
                .sum();
            units.push(Unit {
                by_rater,
                counts,
                raters: given.len() as f64,
                agreeing,
            });
        }
        for (total, shares) in &mut rater_shares {
            shares.iter_mut().for_each(|share| *share /= *total);
        }
        Self {
            categories,
            weights,
            units,
            rater_shares,
            confidence,
        }
    }

    fn weight(&self, k: usize, l: usize) -> f64 {
        self.weights[k * self.categories + l]
    }

    fn weight_sum(&self) -> f64 {
        self.weights.iter().sum()
    }

    /// Number of units with at least two ratings.
    fn pairable(&self) -> f64 {
        self.units.iter().filter(|unit| unit.raters >= 2.0).count() as f64
    }

    /// Mean over units of the share of each category.
    fn mean_shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.categories];
        for unit in &self.units {
            for &(k, n) in &unit.counts {
                shares[k] += n / unit.raters;
            }
        }
        let n = self.units.len() as f64;
        shares.iter_mut().for_each(|share| *share /= n);
        shares
    }

    /// `W v`; the weights are symmetric.
    fn apply_weights(&self, v: &[f64]) -> Vec<f64> {
        (0..self.categories)
            .map(|k| v.iter().enumerate().map(|(l, x)| self.weight(k, l) * x).sum())
            .collect()
    }

    fn gwet(&self) -> AgreementCoefficient {
        let k = self.categories as f64;
        let shares = self.mean_shares();
        let factor = self.weight_sum() / (k * (k - 1.0));
        let doubt: f64 = shares.iter().map(|p| p * (1.0 - p)).sum();
        let expected = if self.categories < 2 { 1.0 } else { factor * doubt };
        let by_unit = |unit: &Unit| {
            let doubt: f64 = unit.counts.iter().map(|&(k, n)| n * (1.0 - shares[k])).sum();
            factor * doubt / unit.raters
        };
        self.corrected(expected, by_unit)
    }

    fn brennan_prediger(&self) -> AgreementCoefficient {
        let expected = self.weight_sum() / (self.categories * self.categories) as f64;
        // Chance agreement does not depend on the data, so it adds nothing to the variance.
        self.corrected(expected, |_| expected)
    }

    fn fleiss(&self) -> AgreementCoefficient {
        let shares = self.mean_shares();
        let weighted = self.apply_weights(&shares);
        let expected = dot(&shares, &weighted);
        let by_unit = |unit: &Unit| {
            let sum: f64 = unit.counts.iter().map(|&(k, n)| n * weighted[k]).sum();
            sum / unit.raters
        };
        self.corrected(expected, by_unit)
    }

    fn conger(&self) -> AgreementCoefficient {
        let r = self.rater_shares.len() as f64;
        let n = self.units.len() as f64;
        let mut mean = vec![0.0; self.categories];
        for (_, shares) in &self.rater_shares {
            mean.iter_mut().zip(shares).for_each(|(m, share)| *m += share / r);
        }
        // Mean over ordered pairs of different raters of Σ w p_g p_h, by "all minus own".
        let all = r * r * dot(&mean, &self.apply_weights(&mean));
        let own: Vec<Vec<f64>> = self
            .rater_shares
            .iter()
            .map(|(_, shares)| self.apply_weights(shares))
            .collect();
        let same: f64 = self
            .rater_shares
            .iter()
            .zip(&own)
            .map(|((_, shares), weighted)| dot(shares, weighted))
            .sum();
        let expected = (all - same) / (r * (r - 1.0));
        // Per rater: what one more rating of category l adds, and what the rater's average rating adds.
        let mean_weighted = self.apply_weights(&mean);
        let others: Vec<(f64, Vec<f64>, f64)> = self
            .rater_shares
            .iter()
            .zip(&own)
            .map(|((count, shares), weighted)| {
                let gain: Vec<f64> = mean_weighted
                    .iter()
                    .zip(weighted)
                    .map(|(all, own)| r * all - own)
                    .collect();
                let average = dot(shares, &gain);
                (*count, gain, average)
            })
            .collect();
        let by_unit = |unit: &Unit| {
            let sum: f64 = unit
                .by_rater
                .iter()
                .zip(&others)
                .map(|(category, (count, gain, average))| {
                    let (gained, rated) = category.map_or((0.0, 0.0), |l| (gain[l], 1.0));
                    n / count * (gained - (rated - count / n) * average)
                })
                .sum();
            sum / (r * (r - 1.0))
        };
        self.corrected(expected, by_unit)
    }

    /// The common part: observed agreement, correction, and the linearised variance. `by_unit` is a unit's
    /// contribution to the chance agreement.
    fn corrected(&self, expected: f64, by_unit: impl Fn(&Unit) -> f64) -> AgreementCoefficient {
        let n = self.units.len() as f64;
        let pairable = self.pairable();
        let share = |unit: &Unit| {
            if unit.raters < 2.0 {
                0.0
            } else {
                unit.agreeing / (unit.raters * (unit.raters - 1.0))
            }
        };
        let observed = self.units.iter().map(share).sum::<f64>() / pairable;
        if self.categories < 2 {
            return AgreementCoefficient::undefined(observed, 1.0);
        }
        let coefficient = (observed - expected) / (1.0 - expected);
        let squares: f64 = self
            .units
            .iter()
            .map(|unit| {
                let chance = if unit.raters < 2.0 { 0.0 } else { expected };
                let raw = n / pairable * (share(unit) - chance) / (1.0 - expected);
                let shift = 2.0 * (1.0 - coefficient) * (by_unit(unit) - expected) / (1.0 - expected);
                (raw - shift - coefficient).powi(2)
            })
            .sum();
        self.with_interval(coefficient, squares, n, observed, expected)
    }

    fn krippendorff(&self) -> AgreementCoefficient {
        let units: Vec<&Unit> = self.units.iter().filter(|unit| unit.raters >= 2.0).collect();
        let n = units.len() as f64;
        let ratings: f64 = units.iter().map(|unit| unit.raters).sum();
        let mean_raters = ratings / n;
        let share = |unit: &Unit| unit.agreeing / (mean_raters * (unit.raters - 1.0));
        let plain = units.iter().map(|unit| share(unit)).sum::<f64>() / n;
        let observed = (1.0 - 1.0 / ratings) * plain + 1.0 / ratings;
        if self.categories < 2 {
            return AgreementCoefficient::undefined(observed, 1.0);
        }
        let mut shares = vec![0.0; self.categories];
        for unit in &units {
            for &(k, count) in &unit.counts {
                shares[k] += count / ratings;
            }
        }
        let weighted = self.apply_weights(&shares);
        let expected = dot(&shares, &weighted);
        let coefficient = (observed - expected) / (1.0 - expected);
        let uncorrected = (plain - expected) / (1.0 - expected);
        let squares: f64 = units
            .iter()
            .map(|unit| {
                let excess = (unit.raters - mean_raters) / mean_raters;
                let raw = (share(unit) - observed * excess - expected) / (1.0 - expected);
                let sum: f64 = unit.counts.iter().map(|&(k, count)| count * weighted[k]).sum();
                let chance = sum / mean_raters - expected * excess;
                let shift = 2.0 * (1.0 - uncorrected) * (chance - expected) / (1.0 - expected);
                (raw - shift - uncorrected).powi(2)
            })
            .sum();
        self.with_interval(coefficient, squares, n, observed, expected)
    }

    fn with_interval(
        &self,
        coefficient: f64,
        squares: f64,
        n: f64,
        p_observed: f64,
        p_expected: f64,
    ) -> AgreementCoefficient {
        if !coefficient.is_finite() {
            return AgreementCoefficient::undefined(p_observed, p_expected);
        }
        // With one unit the sum of squares is rounding noise, not a variance.
        let se = if n < 2.0 {
            f64::NAN
        } else {
            (squares / (n * (n - 1.0))).sqrt()
        };
        let half = t_quantile(0.5 + 0.5 * self.confidence, n - 1.0) * se;
        AgreementCoefficient {
            coefficient,
            se,
            low: coefficient - half,
            // `NaN` must stay `NaN`, which `f64::min` would turn into 1.
            high: if coefficient + half > 1.0 {
                1.0
            } else {
                coefficient + half
            },
            p_observed,
            p_expected,
        }
    }
}

impl AgreementCoefficient {
    fn undefined(p_observed: f64, p_expected: f64) -> Self {
        Self {
            coefficient: f64::NAN,
            se: f64::NAN,
            low: f64::NAN,
            high: f64::NAN,
            p_observed,
            p_expected,
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn weight_matrix(values: &[f64], weights: RatingWeights) -> Vec<f64> {
    let q = values.len();
    let largest = values.iter().fold(0.0f64, |max, v| max.max(v.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let range = values[q - 1] / scale - values[0] / scale;
    let widest = (q * (q - 1)) as f64 / 2.0;
    let weight = |k: usize, l: usize| {
        if k == l {
            return 1.0;
        }
        let distance = (values[k] / scale - values[l] / scale).abs() / range;
        match weights {
            RatingWeights::Identity => 0.0,
            RatingWeights::Linear => 1.0 - distance,
            RatingWeights::Quadratic => 1.0 - distance * distance,
            RatingWeights::Ordinal => {
                let ranks = k.abs_diff(l) as f64;
                1.0 - ranks * (ranks + 1.0) / 2.0 / widest
            }
        }
    };
    (0..q).flat_map(|k| (0..q).map(move |l| weight(k, l))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::{MeasurementLevel, krippendorff_alpha};
    use proptest::prelude::*;

    fn units() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let cell = prop::option::weighted(0.85, (1u8..5).prop_map(f64::from));
        prop::collection::vec(prop::collection::vec(cell, 3), 3..25)
    }

    fn all(c: &AgreementCoefficients) -> [AgreementCoefficient; 5] {
        [c.gwet, c.brennan_prediger, c.fleiss, c.conger, c.krippendorff]
    }

    proptest! {
        /// Protects: coefficients are at most 1, symmetric in the raters, and α is the α of its own module.
        #[test]
        fn bounded_symmetric_and_consistent(ratings in units()) {
            let mirrored: Vec<Vec<_>> = ratings.iter().map(|row| row.iter().rev().copied().collect()).collect();
            if ratings.iter().flatten().flatten().next().is_none() {
                return Ok(());
            }
            for (weights, level) in [
                (RatingWeights::Identity, Some(MeasurementLevel::Nominal)),
                (RatingWeights::Quadratic, Some(MeasurementLevel::Interval)),
                (RatingWeights::Linear, None),
                (RatingWeights::Ordinal, None),
            ] {
                let a = agreement_coefficients(&ratings, weights, 0.95).unwrap();
                let b = agreement_coefficients(&mirrored, weights, 0.95).unwrap();
                for (x, y) in all(&a).into_iter().zip(all(&b)) {
                    prop_assert_eq!(x.coefficient.is_nan(), y.coefficient.is_nan());
                    if !x.coefficient.is_nan() {
                        prop_assert!(x.coefficient <= 1.0 + 1e-9);
                        prop_assert!((x.coefficient - y.coefficient).abs() < 1e-8);
                        prop_assert!(x.se.is_nan() || (x.se - y.se).abs() < 1e-6 * (1.0 + x.se));
                    }
                }
                if let Some(level) = level {
                    let by_rater: Vec<Vec<_>> =
                        (0..3).map(|g| ratings.iter().map(|row| row[g]).collect()).collect();
                    let alpha = krippendorff_alpha(&by_rater, level).unwrap().alpha;
                    if !alpha.is_nan() && !a.krippendorff.coefficient.is_nan() {
                        prop_assert!((alpha - a.krippendorff.coefficient).abs() < 1e-9);
                    }
                }
            }
        }
    }

    /// Protects: one category, one rating per unit and empty data are values or typed errors.
    #[test]
    fn edges() {
        let wrap = |rows: &[&[f64]]| -> Vec<Vec<Option<f64>>> {
            rows.iter()
                .map(|row| row.iter().copied().map(Some).collect())
                .collect()
        };
        let of = |rows: &[Vec<Option<f64>>]| agreement_coefficients(rows, RatingWeights::Linear, 0.95);
        assert!(of(&[]).is_err());
        assert!(of(&[vec![None, None]]).is_err());
        assert!(of(&wrap(&[&[f64::NAN]])).is_err());
        let same = of(&wrap(&[&[2.0, 2.0], &[2.0, 2.0]])).unwrap();
        assert!(
            all(&same)
                .iter()
                .all(|c| c.coefficient.is_nan() && c.p_observed == 1.0)
        );
        let single = of(&wrap(&[&[1.0], &[2.0]])).unwrap();
        assert!(all(&single).iter().all(|c| c.coefficient.is_nan()));
        let one_unit = of(&wrap(&[&[1.0, 1.0, 2.0]])).unwrap();
        assert!(
            all(&one_unit)
                .iter()
                .all(|c| c.coefficient < 0.5 && c.se.is_nan() && c.high.is_nan())
        );
    }
}
