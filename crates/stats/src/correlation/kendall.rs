//! Kendall's τ-b and τ-c with the exact or asymptotic test, and Somers' D.

use super::pairs::{PairCounts, pair_counts};
use super::parallel;
use crate::dist::{ln_gamma, normal_two_sided};
use crate::error::StatsError;
use crate::ranks::{dense, group_sizes};

/// What [`kendall`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kendall {
    /// τ-b, −1 to 1; `NaN` where one of the two never varies.
    pub tau_b: f64,
    /// Stuart's τ-c, −1 to 1; `NaN` with τ-b.
    pub tau_c: f64,
    /// Two-sided p-value of no association; `NaN` with τ-b.
    pub p_value: f64,
    /// How the pairs compare.
    pub pairs: PairCounts,
}

/// The exact distribution is used without ties up to this many items (as scipy does), and above it where at
/// most one pair is out of order.
const EXACT_MAX: usize = 33;

/// Kendall's rank correlations of two lists in O(n log n), with a test.
///
/// τ-b = (C − D)/√((C+D+T_x)(C+D+T_y)) with C concordant and D discordant pairs and T pairs tied in one list
/// only. τ-c = 2(C − D)/(n²(m−1)/m), m the smaller number of distinct values; for lists with different numbers
/// of levels. The p-value is exact without ties for up to 33 items, otherwise by the normal approximation with
/// the tie-corrected variance. τ-b rewards ties of the metric in an odd way; for judges with few distinct
/// scores prefer [`pairwise_accuracy`](crate::correlation::pairwise_accuracy).
///
/// # Errors
/// No items, lists of unequal length, values that are not finite.
///
/// Source: Kendall 1938, 1945; Stuart 1953.
///
/// ```
/// use seatrial_stats::correlation::kendall;
/// let k = kendall(&[1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 2.0, 4.0])?;
/// assert!((k.tau_b - 4.0 / 6.0).abs() < 1e-12);
/// assert!((k.p_value - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn kendall(x: &[f64], y: &[f64]) -> Result<Kendall, StatsError> {
    parallel(x, y, 1)?;
    let pairs = pair_counts(x, y, 0.0)?;
    let untied = (pairs.concordant + pairs.discordant) as f64;
    let difference = pairs.concordant as f64 - pairs.discordant as f64;
    let (x_free, y_free) = (
        untied + pairs.tied_y_only as f64,
        untied + pairs.tied_x_only as f64,
    );
    if x_free == 0.0 || y_free == 0.0 {
        return Ok(Kendall {
            tau_b: f64::NAN,
            tau_c: f64::NAN,
            p_value: f64::NAN,
            pairs,
        });
    }
    let (x_rank, x_distinct) = dense(x);
    let (y_rank, y_distinct) = dense(y);
    let n = x.len() as f64;
    let levels = x_distinct.min(y_distinct) as f64;
    let total = pairs.total();
    let out_of_order = pairs.discordant.min(total - pairs.discordant);
    let no_ties = untied as u64 == total;
    let p_value = if no_ties && (x.len() <= EXACT_MAX || out_of_order <= 1) {
        exact_p_value(x.len(), out_of_order)
    } else {
        let variance = null_variance(
            n,
            &group_sizes(&x_rank, x_distinct),
            &group_sizes(&y_rank, y_distinct),
        );
        normal_two_sided(difference / variance.sqrt())
    };
    Ok(Kendall {
        tau_b: (difference / geometric_mean(x_free, y_free)).clamp(-1.0, 1.0),
        tau_c: (2.0 * difference / (n * n * (levels - 1.0) / levels)).clamp(-1.0, 1.0),
        p_value,
        pairs,
    })
}

/// √(a·b), exactly `a` where both are equal, so that a perfect correlation is exactly 1.
fn geometric_mean(a: f64, b: f64) -> f64 {
    if a == b { a } else { a.sqrt() * b.sqrt() }
}

/// Twice the share of orders of n items with at most `inversions` pairs out of order (the fewer of the pairs
/// out of order and in order).
fn exact_p_value(n: usize, inversions: u64) -> f64 {
    let possible = n as u64 * (n as u64 - 1) / 2;
    if n <= 2 || 2 * inversions == possible {
        return 1.0;
    }
    if inversions <= 1 {
        // One order without an inversion, n − 1 with one.
        let orders = if inversions == 0 { 1.0 } else { n as f64 };
        return (2.0 * orders * (-ln_gamma(n as f64 + 1.0)).exp()).min(1.0);
    }
    // Numbers of orders by inversions: placing item k adds 0 to k inversions, so each step is a running sum of
    // the last k + 1 cells. Divided by k + 1 at each step, which leaves probabilities.
    let cells = inversions as usize + 1;
    let mut share = vec![0.0; cells];
    share[0] = 1.0;
    for k in 1..n {
        let before = share.clone();
        let mut window = 0.0;
        for (i, cell) in share.iter_mut().enumerate() {
            window += before[i];
            if i > k {
                window -= before[i - k - 1];
            }
            *cell = window / (k + 1) as f64;
        }
    }
    (2.0 * share.iter().sum::<f64>()).min(1.0)
}

/// Variance of C − D under independence, given the sizes of the groups of ties.
fn null_variance(n: f64, x_groups: &[u64], y_groups: &[u64]) -> f64 {
    let sum = |groups: &[u64], of: fn(f64) -> f64| groups.iter().map(|&t| of(t as f64)).sum::<f64>();
    let pairs = |t: f64| t * (t - 1.0) / 2.0;
    let triples = |t: f64| t * (t - 1.0) * (t - 2.0);
    let spread = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let all = n * (n - 1.0);
    let main = (all * (2.0 * n + 5.0) - sum(x_groups, spread) - sum(y_groups, spread)) / 18.0;
    let doubles = 2.0 * sum(x_groups, pairs) * sum(y_groups, pairs) / all;
    let third = if n > 2.0 {
        sum(x_groups, triples) * sum(y_groups, triples) / (9.0 * all * (n - 2.0))
    } else {
        0.0
    };
    main + doubles + third
}

/// Somers' D of `y` given `x`: (concordant − discordant)/pairs not tied in `x`, −1 to 1, in O(n log n).
///
/// Asymmetric: ties in `y` count against it, ties in `x` do not. With a binary `x` it is 2·AUC − 1 of `y` as a
/// score for `x`. `NaN` where either of the two never varies.
///
/// # Errors
/// No items, lists of unequal length, values that are not finite.
///
/// Source: Somers 1962.
///
/// ```
/// use seatrial_stats::correlation::somers_d;
/// let (x, y) = ([0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 2.0, 3.0]);
/// assert_eq!(somers_d(&x, &y)?, 0.75);
/// assert_eq!(somers_d(&y, &x)?, 0.6);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn somers_d(x: &[f64], y: &[f64]) -> Result<f64, StatsError> {
    parallel(x, y, 1)?;
    let pairs = pair_counts(x, y, 0.0)?;
    let untied = (pairs.concordant + pairs.discordant) as f64;
    let (x_free, y_free) = (
        untied + pairs.tied_y_only as f64,
        untied + pairs.tied_x_only as f64,
    );
    if x_free == 0.0 || y_free == 0.0 {
        return Ok(f64::NAN);
    }
    Ok((pairs.concordant as f64 - pairs.discordant as f64) / x_free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: τ-b, τ-c and D lie in [−1, 1], τ is symmetric and turns its sign with one of the lists.
        #[test]
        fn bounded_symmetric_odd(pairs in prop::collection::vec((0u8..9, 0u8..9), 1..50)) {
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip();
            let minus: Vec<f64> = y.iter().map(|v| -v).collect();
            let (k, t, m) = (kendall(&x, &y).unwrap(), kendall(&y, &x).unwrap(), kendall(&x, &minus).unwrap());
            let d = somers_d(&x, &y).unwrap();
            if k.tau_b.is_nan() {
                prop_assert!(t.tau_b.is_nan() && d.is_nan());
            } else {
                prop_assert!((-1.0..=1.0).contains(&k.tau_b) && (-1.0..=1.0).contains(&k.tau_c));
                prop_assert!((-1.0..=1.0).contains(&d));
                prop_assert!((k.tau_b - t.tau_b).abs() < 1e-12 && (k.tau_b + m.tau_b).abs() < 1e-12);
                prop_assert!((k.p_value - t.p_value).abs() < 1e-12 && (0.0..=1.0).contains(&k.p_value));
            }
        }
    }

    /// Protects: the exact p-value against counting all orders of six items.
    #[test]
    fn exact_p_value_counts_orders() {
        fn inversions(order: &[usize]) -> u64 {
            (0..order.len())
                .flat_map(|i| (0..i).map(move |j| (i, j)))
                .filter(|&(i, j)| order[j] > order[i])
                .count() as u64
        }
        fn orders(rest: &mut Vec<usize>, made: &mut Vec<usize>, out: &mut Vec<u64>) {
            if rest.is_empty() {
                out.push(inversions(made));
            }
            for i in 0..rest.len() {
                let item = rest.remove(i);
                made.push(item);
                orders(rest, made, out);
                made.pop();
                rest.insert(i, item);
            }
        }
        let mut all = Vec::new();
        orders(&mut (0..6).collect(), &mut Vec::new(), &mut all);
        for c in 0..=7 {
            let share = all.iter().filter(|&&v| v <= c).count() as f64 / all.len() as f64;
            assert!(
                (exact_p_value(6, c) - (2.0 * share).min(1.0)).abs() < 1e-12,
                "{c}"
            );
        }
    }

    /// Protects: a large list takes no quadratic time and no overflow; constants are `NaN`.
    #[test]
    fn edges() {
        let x: Vec<f64> = (0..200_000).map(f64::from).collect();
        let k = kendall(&x, &x).unwrap();
        assert_eq!((k.tau_b, k.pairs.concordant), (1.0, 200_000 * 199_999 / 2));
        assert!(kendall(&[], &[]).is_err());
        assert!(kendall(&[1.0], &[1.0]).unwrap().tau_b.is_nan());
        assert!(kendall(&[1.0, 1.0], &[1.0, 2.0]).unwrap().p_value.is_nan());
    }
}
