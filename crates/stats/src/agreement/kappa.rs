//! Cohen's κ for two raters, plain and weighted, with its large-sample interval and test.

use crate::dist::{normal_quantile, normal_two_sided};
use crate::error::{StatsError, at_least, open_unit, same_length};

/// How much a disagreement of two ordered categories counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KappaWeights {
    /// Every disagreement counts fully; the order of the categories does not matter.
    Unweighted,
    /// A disagreement counts in proportion to the distance of the categories.
    Linear,
    /// A disagreement counts in proportion to the squared distance.
    Quadratic,
}

impl KappaWeights {
    /// Disagreement of categories `i` and `j` of `k`, from 0 (same) to 1 (the two ends).
    fn disagreement(self, i: usize, j: usize, k: usize) -> f64 {
        if i == j {
            return 0.0;
        }
        let distance = i.abs_diff(j) as f64 / (k - 1) as f64;
        match self {
            Self::Unweighted => 1.0,
            Self::Linear => distance,
            Self::Quadratic => distance * distance,
        }
    }
}

/// What [`cohen_kappa`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CohenKappa {
    /// κ, at most 1; `NaN` where both raters gave one and the same category throughout (agreement by chance is
    /// certain, so there is nothing to correct).
    pub kappa: f64,
    /// Observed (weighted) agreement, 0 to 1.
    pub p_observed: f64,
    /// (Weighted) agreement expected by chance, 0 to 1.
    pub p_expected: f64,
    /// Number of items.
    pub n: usize,
}

/// Cohen's κ of two raters over the same items.
///
/// κ = (observed − expected agreement) / (1 − expected agreement), where the expected agreement is that of two
/// raters who keep their own category shares but answer independently. With weights, agreement is one minus
/// the mean disagreement: the distance of the two categories divided by the largest possible one (linear) or
/// its square (quadratic).
///
/// `a` and `b` are places in the ordered list of categories, which has `categories` entries. The list is part
/// of the question: with weights, a category that nobody used still stretches the scale. κ depends on how
/// common the categories are (the prevalence paradox); look at the observed agreement and at Gwet's AC1
/// ([`agreement_coefficients`](crate::agreement::agreement_coefficients)) beside it.
///
/// Takes time and memory in proportion to the number of items, whatever the number of categories.
///
/// # Errors
/// No items, lists of unequal length, or a place outside the list of categories.
///
/// Source: Cohen 1960, 1968.
///
/// ```
/// use seatrial_stats::agreement::{KappaWeights, cohen_kappa};
/// let k = cohen_kappa(&[0, 0, 1, 1], &[0, 0, 1, 0], 2, KappaWeights::Unweighted)?;
/// assert_eq!((k.kappa, k.p_observed), (0.5, 0.75));
/// // One category throughout: undefined, but the observed agreement is known.
/// let k = cohen_kappa(&[0, 0], &[0, 0], 2, KappaWeights::Linear)?;
/// assert!(k.kappa.is_nan() && k.p_observed == 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn cohen_kappa(
    a: &[usize],
    b: &[usize],
    categories: usize,
    weights: KappaWeights,
) -> Result<CohenKappa, StatsError> {
    same_length("a", a.len(), "b", b.len())?;
    at_least("a", a.len(), 1)?;
    for &place in a.iter().chain(b) {
        if place >= categories {
            return Err(StatsError::OutOfRange {
                what: "category",
                found: place as f64,
                expected: "a place in the list of categories",
            });
        }
    }
    let n = a.len() as f64;
    let observed: f64 = a
        .iter()
        .zip(b)
        .map(|(&i, &j)| weights.disagreement(i, j, categories))
        .sum::<f64>()
        / n;
    let (mut a_sorted, mut b_sorted) = (a.to_vec(), b.to_vec());
    a_sorted.sort_unstable();
    b_sorted.sort_unstable();
    let one_category = a_sorted[0] == b_sorted[0]
        && a_sorted.last() == a_sorted.first()
        && b_sorted.last() == b_sorted.first();
    let scale = categories.saturating_sub(1).max(1) as f64;
    let expected = match weights {
        KappaWeights::Unweighted => 1.0 - same_share(&a_sorted, &b_sorted),
        KappaWeights::Linear => mean_distance(&a_sorted, &b_sorted) / scale,
        KappaWeights::Quadratic => mean_squared_distance(a, b) / (scale * scale),
    };
    Ok(CohenKappa {
        kappa: if one_category {
            f64::NAN
        } else {
            1.0 - observed / expected
        },
        p_observed: 1.0 - observed,
        p_expected: 1.0 - expected,
        n: a.len(),
    })
}

/// Share of pairs (item of `a`, item of `b`) with the same category; both lists sorted.
fn same_share(a: &[usize], b: &[usize]) -> f64 {
    let (mut i, mut j, mut same) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        if a[i] < b[j] {
            i += 1;
        } else if a[i] > b[j] {
            j += 1;
        } else {
            let value = a[i];
            let (from_i, from_j) = (i, j);
            while i < a.len() && a[i] == value {
                i += 1;
            }
            while j < b.len() && b[j] == value {
                j += 1;
            }
            same += (i - from_i) as f64 * (j - from_j) as f64;
        }
    }
    same / (a.len() as f64 * b.len() as f64)
}

/// Mean of |i − j| over all pairs of an item of `a` and an item of `b`: the area between the two cumulative
/// counts, weighted; both lists sorted.
fn mean_distance(a: &[usize], b: &[usize]) -> f64 {
    // ∫ F(1−G) + G(1−F) over the scale, where F and G are the shares at or below a point.
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    let mut point = a[0].min(b[0]);
    while i < a.len() || j < b.len() {
        while i < a.len() && a[i] <= point {
            i += 1;
        }
        while j < b.len() && b[j] <= point {
            j += 1;
        }
        let Some(next) = a.get(i).into_iter().chain(b.get(j)).min().copied() else {
            break;
        };
        let (f, g) = (i as f64 / n, j as f64 / m);
        area += (next - point) as f64 * (f * (1.0 - g) + g * (1.0 - f));
        point = next;
    }
    area
}

/// Mean of (i − j)² over all pairs: the two variances plus the squared difference of the means.
fn mean_squared_distance(a: &[usize], b: &[usize]) -> f64 {
    let mean = |x: &[usize]| x.iter().map(|&i| i as f64).sum::<f64>() / x.len() as f64;
    let variance = |x: &[usize], mean: f64| {
        x.iter()
            .map(|&i| (i as f64 - mean) * (i as f64 - mean))
            .sum::<f64>()
            / x.len() as f64
    };
    let (mean_a, mean_b) = (mean(a), mean(b));
    variance(a, mean_a) + variance(b, mean_b) + (mean_a - mean_b) * (mean_a - mean_b)
}

/// What [`cohen_kappa_interval`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KappaInterval {
    /// κ, at most 1; `NaN` where the expected agreement is 1.
    pub kappa: f64,
    /// Large-sample standard error at the observed table; `NaN` with κ.
    pub se: f64,
    /// κ − z·se. Not clipped: a bound below −1 or above 1 says that the sample is too small for the normal
    /// approximation.
    pub low: f64,
    /// κ + z·se.
    pub high: f64,
    /// Standard error under the hypothesis that the raters answer independently.
    pub se_null: f64,
    /// κ / `se_null`; `NaN` where that is 0/0.
    pub z: f64,
    /// Two-sided p-value of κ = 0.
    pub p_value: f64,
}

/// Cohen's κ from a square table of counts (row: category of the first rater, column: of the second), with a
/// normal interval at level `confidence` and the test of κ = 0.
///
/// The standard error is the delta-method one for multinomial counts. It is meant for some dozens of items at
/// least; the labels needed for κ ± 0.1 run from about 250 (balanced) to over 1,000 (5 % prevalence).
///
/// # Errors
/// A table that is empty, not square or without counts; a confidence outside (0, 1).
///
/// Source: Fleiss, Cohen, Everitt 1969.
///
/// ```
/// use seatrial_stats::agreement::{KappaWeights, cohen_kappa_interval};
/// let table = vec![vec![20, 5], vec![10, 15]];
/// let k = cohen_kappa_interval(&table, KappaWeights::Unweighted, 0.95)?;
/// assert!((k.kappa - 0.4).abs() < 1e-12);
/// assert!(k.low < k.kappa && k.kappa < k.high);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn cohen_kappa_interval(
    table: &[Vec<u64>],
    weights: KappaWeights,
    confidence: f64,
) -> Result<KappaInterval, StatsError> {
    open_unit("confidence", confidence)?;
    let k = table.len();
    for row in table {
        same_length("row of the table", row.len(), "rows of the table", k)?;
    }
    let n: f64 = table.iter().flatten().map(|&count| count as f64).sum();
    if n == 0.0 {
        return Err(StatsError::TooFew {
            what: "table",
            found: 0,
            needed: 1,
        });
    }
    let share = |i: usize, j: usize| table[i][j] as f64 / n;
    let disagreement = |i: usize, j: usize| weights.disagreement(i, j, k);
    let rows: Vec<f64> = (0..k).map(|i| (0..k).map(|j| share(i, j)).sum()).collect();
    let columns: Vec<f64> = (0..k).map(|j| (0..k).map(|i| share(i, j)).sum()).collect();
    let (mut observed, mut expected) = (0.0, 0.0);
    let mut row_mean = vec![0.0; k];
    let mut column_mean = vec![0.0; k];
    for i in 0..k {
        for j in 0..k {
            let d = disagreement(i, j);
            observed += d * share(i, j);
            expected += d * rows[i] * columns[j];
            row_mean[i] += d * columns[j];
            column_mean[j] += d * rows[i];
        }
    }
    if expected == 0.0 {
        let nan = f64::NAN;
        return Ok(KappaInterval {
            kappa: nan,
            se: nan,
            low: nan,
            high: nan,
            se_null: nan,
            z: nan,
            p_value: nan,
        });
    }
    // The published formulas in terms of disagreements instead of agreements, so that nothing cancels where
    // agreement is nearly complete.
    let ratio = observed / expected;
    let kappa = 1.0 - ratio;
    let (mut at_table, mut at_null) = (0.0, 0.0);
    for i in 0..k {
        for j in 0..k {
            let d = disagreement(i, j);
            let marginal = row_mean[i] + column_mean[j];
            at_table += share(i, j) * (marginal * ratio - d).powi(2);
            at_null += rows[i] * columns[j] * (marginal - d).powi(2);
        }
    }
    let spread = |sum: f64, mean: f64| ((sum - mean * mean).max(0.0) / n).sqrt() / expected;
    let se = spread(at_table, observed);
    let se_null = spread(at_null, expected);
    let half = normal_quantile(0.5 + 0.5 * confidence) * se;
    let z = if se_null > 0.0 { kappa / se_null } else { f64::NAN };
    Ok(KappaInterval {
        kappa,
        se,
        low: kappa - half,
        high: kappa + half,
        se_null,
        z,
        p_value: normal_two_sided(z),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weightings() -> impl Strategy<Value = KappaWeights> {
        prop_oneof![
            Just(KappaWeights::Unweighted),
            Just(KappaWeights::Linear),
            Just(KappaWeights::Quadratic)
        ]
    }

    proptest! {
        /// Protects: κ is symmetric in the raters, at most 1, and the same from items and from a table.
        #[test]
        fn symmetric_bounded_and_one_value(
            pairs in prop::collection::vec((0usize..5, 0usize..5), 1..60),
            weights in weightings(),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            let ab = cohen_kappa(&a, &b, 5, weights).unwrap();
            let ba = cohen_kappa(&b, &a, 5, weights).unwrap();
            let mut table = vec![vec![0u64; 5]; 5];
            for (i, j) in pairs {
                table[i][j] += 1;
            }
            let from_table = cohen_kappa_interval(&table, weights, 0.95).unwrap();
            prop_assert_eq!(ab.kappa.is_nan(), from_table.kappa.is_nan());
            if !ab.kappa.is_nan() {
                prop_assert!((ab.kappa - ba.kappa).abs() < 1e-12);
                prop_assert!((ab.kappa - from_table.kappa).abs() < 1e-10);
                prop_assert!(ab.kappa <= 1.0 + 1e-12);
                prop_assert!(from_table.se >= 0.0);
            }
            prop_assert!((0.0..=1.0).contains(&ab.p_observed));
        }

        /// Protects: perfect agreement over two categories or more is exactly 1.
        #[test]
        fn perfect_agreement_is_one(mut a in prop::collection::vec(0usize..4, 2..40), weights in weightings()) {
            a[0] = 0;
            a[1] = 3;
            prop_assert_eq!(cohen_kappa(&a, &a, 4, weights).unwrap().kappa, 1.0);
        }
    }

    /// Protects: shape errors are typed, a scale of enormous length does not cost memory.
    #[test]
    fn edges() {
        assert!(cohen_kappa(&[], &[], 2, KappaWeights::Linear).is_err());
        assert!(cohen_kappa(&[0], &[0, 1], 2, KappaWeights::Linear).is_err());
        assert!(cohen_kappa(&[2], &[0], 2, KappaWeights::Linear).is_err());
        let far = usize::MAX - 1;
        let k = cohen_kappa(&[0, far], &[0, far], usize::MAX, KappaWeights::Quadratic).unwrap();
        assert_eq!(k.kappa, 1.0);
        assert!(cohen_kappa_interval(&[], KappaWeights::Linear, 0.95).is_err());
        assert!(cohen_kappa_interval(&[vec![0, 0], vec![0, 0]], KappaWeights::Linear, 0.95).is_err());
        assert!(cohen_kappa_interval(&[vec![1, 0]], KappaWeights::Linear, 0.95).is_err());
        let rare =
            cohen_kappa_interval(&[vec![u64::MAX, 1], vec![1, 18]], KappaWeights::Linear, 0.95).unwrap();
        assert!((rare.kappa - 18.0 / 19.0).abs() < 1e-9 && rare.se > 0.0 && rare.se < 0.1);
        let one = cohen_kappa_interval(&[vec![5]], KappaWeights::Linear, 0.95).unwrap();
        assert!(one.kappa.is_nan());
    }
}
