//! Weighted τ: rank correlation in which exchanges near the top cost more.

use super::parallel;
use crate::error::StatsError;
use crate::ranks::{compare, dense};

/// Vigna's weighted τ with hyperbolic additive weights, −1 to 1, in O(n log n).
///
/// A pair weighs 1/(1 + rank) of the one item plus the same of the other, so what happens at the top of the
/// ranking matters most. Ranks are by decreasing score: once by `x` (ties broken by `y`) and once by `y` (ties
/// broken by `x`); the result is the mean of the two. For judging a ranking of systems or answers of which only
/// the best will be used.
///
/// `NaN` with fewer than two items or where one list never varies.
///
/// # Errors
/// No items, lists of unequal length, values that are not finite.
///
/// Source: Vigna 2015, "A weighted correlation index for rankings with ties".
///
/// ```
/// use seatrial_stats::correlation::weighted_tau;
/// let x = [4.0, 3.0, 2.0, 1.0];
/// // Exchanging the best two costs more than exchanging the worst two.
/// let top = weighted_tau(&x, &[3.0, 4.0, 2.0, 1.0])?;
/// let bottom = weighted_tau(&x, &[4.0, 3.0, 1.0, 2.0])?;
/// assert!(top < bottom && bottom < 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn weighted_tau(x: &[f64], y: &[f64]) -> Result<f64, StatsError> {
    parallel(x, y, 1)?;
    Ok(0.5 * (ranked_by_first(x, y) + ranked_by_first(y, x)))
}

/// Weighted τ with ranks by decreasing (`x`, `y`).
fn ranked_by_first(x: &[f64], y: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&i, &j| compare(x[j], x[i]).then(compare(y[j], y[i])));
    let weight: Vec<f64> = (0..order.len()).map(|rank| 1.0 / (1.0 + rank as f64)).collect();
    let (y_rank, y_distinct) = dense(y);
    let mut seen = WeightTree::new(y_distinct);
    let (mut agreement, mut x_free, mut seen_count, mut seen_weight) = (0.0, 0.0, 0.0, 0.0);
    let mut start = 0;
    // Groups of equal x from the top: every earlier item has a greater x.
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && x[order[end]] == x[order[start]] {
            end += 1;
        }
        for place in start..end {
            let rank = y_rank[order[place]];
            let below = seen.below(rank);
            let up_to = seen.below(rank + 1);
            let w = weight[place];
            let greater = (seen_count - up_to.0) * w + (seen_weight - up_to.1);
            let smaller = below.0 * w + below.1;
            agreement += greater - smaller;
            x_free += seen_count * w + seen_weight;
        }
        for place in start..end {
            seen.add(y_rank[order[place]], weight[place]);
            seen_count += 1.0;
            seen_weight += weight[place];
        }
        start = end;
    }
    let mut groups = vec![(0.0, 0.0); y_distinct];
    for (place, &item) in order.iter().enumerate() {
        groups[y_rank[item]].0 += 1.0;
        groups[y_rank[item]].1 += weight[place];
    }
    // All pairs weigh (n − 1)·Σw; those inside a group of equal y weigh (size − 1)·Σw of the group.
    let all = (order.len() as f64 - 1.0) * seen_weight;
    let y_tied: f64 = groups.iter().map(|(count, sum)| (count - 1.0) * sum).sum();
    let y_free = all - y_tied;
    if y_distinct < 2 || start == 0 || x_free == 0.0 {
        return f64::NAN;
    }
    (agreement / x_free.sqrt() / y_free.sqrt()).clamp(-1.0, 1.0)
}

/// Counts and sums of weights by rank, with prefix sums in O(log n).
struct WeightTree {
    tree: Vec<(f64, f64)>,
}

impl WeightTree {
    fn new(ranks: usize) -> Self {
        Self {
            tree: vec![(0.0, 0.0); ranks + 1],
        }
    }

    fn add(&mut self, rank: usize, weight: f64) {
        let mut i = rank + 1;
        while i < self.tree.len() {
            self.tree[i].0 += 1.0;
            self.tree[i].1 += weight;
            i += i & i.wrapping_neg();
        }
    }

    fn below(&self, rank: usize) -> (f64, f64) {
        let mut i = rank;
        let mut sum = (0.0, 0.0);
        while i > 0 {
            sum.0 += self.tree[i].0;
            sum.1 += self.tree[i].1;
            i &= i - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, pair by pair, given ranks by decreasing (x, y).
    fn brute(x: &[f64], y: &[f64]) -> f64 {
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&i, &j| compare(x[j], x[i]).then(compare(y[j], y[i])));
        let mut weight = vec![0.0; x.len()];
        order
            .iter()
            .enumerate()
            .for_each(|(rank, &i)| weight[i] = 1.0 / (1.0 + rank as f64));
        let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let w = weight[i] + weight[j];
                let (a, b) = (sign(x[i], x[j]), sign(y[i], y[j]));
                xy += a * b * w;
                xx += a * a * w;
                yy += b * b * w;
            }
        }
        xy / (xx * yy).sqrt()
    }

    proptest! {
        /// Protects: the fast form is the definition, symmetric and in [−1, 1].
        #[test]
        fn is_the_definition(pairs in prop::collection::vec((0u8..7, 0u8..7), 1..40)) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip();
            let (got, mirrored) = (weighted_tau(&x, &y).unwrap(), weighted_tau(&y, &x).unwrap());
            let want = 0.5 * (brute(&x, &y) + brute(&y, &x));
            if want.is_nan() {
                prop_assert!(got.is_nan() && mirrored.is_nan());
            } else {
                prop_assert!((got - want).abs() < 1e-10 && (got - mirrored).abs() < 1e-10);
                prop_assert!((-1.0..=1.0).contains(&got));
            }
        }
    }

    /// Protects: degenerate lists.
    #[test]
    fn edges() {
        assert!(weighted_tau(&[], &[]).is_err());
        assert!(weighted_tau(&[1.0], &[1.0]).unwrap().is_nan());
        assert!(weighted_tau(&[1.0, 1.0], &[1.0, 2.0]).unwrap().is_nan());
        assert_eq!(weighted_tau(&[1.0, 2.0], &[1.0, 2.0]).unwrap(), 1.0);
    }
}
