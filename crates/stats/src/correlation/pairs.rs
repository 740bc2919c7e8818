//! Counts of concordant, discordant and tied pairs in O(n log n), on which Kendall's τ, Somers' D and the
//! pairwise accuracies stand.

use crate::error::StatsError;
use crate::ranks::{dense, group_sizes, order};

/// How the n(n−1)/2 pairs of items compare in two scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairCounts {
    /// Ordered the same way by both.
    pub concordant: u64,
    /// Ordered in opposite ways.
    pub discordant: u64,
    /// Equal in the first score only.
    pub tied_x_only: u64,
    /// Equal in the second score only.
    pub tied_y_only: u64,
    /// Equal in both.
    pub tied_both: u64,
}

impl PairCounts {
    /// All pairs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.concordant + self.discordant + self.tied_x_only + self.tied_y_only + self.tied_both
    }
}

/// The largest number of items whose pairs can be counted in 64 bits with room to spare.
const ITEMS_MAX: usize = 4_000_000_000;

/// Counts how the pairs of items compare in `x` and `y`, where a pair counts as tied in `y` when its difference
/// is at most `epsilon_y`.
///
/// O(n log n) time, O(n) memory. The difference is that of the floating-point numbers as given, so an `epsilon_y`
/// taken from such a difference ties exactly the pairs up to it.
///
/// # Errors
/// Lists of unequal length, values that are not finite, an `epsilon_y` that is negative or not finite, or more
/// than four billion items.
///
/// ```
/// use seatrial_stats::correlation::pair_counts;
/// let c = pair_counts(&[1.0, 2.0, 2.0], &[1.0, 3.0, 1.5], 0.0)?;
/// assert_eq!((c.concordant, c.tied_x_only, c.total()), (2, 1, 3));
/// let c = pair_counts(&[1.0, 2.0, 2.0], &[1.0, 3.0, 1.5], 0.5)?;
/// assert_eq!((c.concordant, c.tied_y_only), (1, 1));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn pair_counts(x: &[f64], y: &[f64], epsilon_y: f64) -> Result<PairCounts, StatsError> {
    super::parallel(x, y, 0)?;
    if !(epsilon_y >= 0.0 && epsilon_y.is_finite()) {
        return Err(StatsError::OutOfRange {
            what: "epsilon",
            found: epsilon_y,
            expected: "a finite number of at least 0",
        });
    }
    if x.len() > ITEMS_MAX {
        return Err(StatsError::TooLarge {
            what: "x",
            found: x.len() as u64,
            limit: ITEMS_MAX as u64,
        });
    }
    let (x_rank, x_distinct) = dense(x);
    let by_y = order(y);
    let mut seen = Counter::new(x_distinct);
    let mut counts = PairCounts::default();
    // Items enter `seen` once their y lies more than epsilon below the current one. Subtraction rounds
    // monotonically, so those items are always a prefix of the order.
    let mut entered = 0;
    let mut untied_y = 0;
    let mut untied_y_tied_x = 0;
    for &item in &by_y {
        while y[item] - y[by_y[entered]] > epsilon_y {
            seen.add(x_rank[by_y[entered]]);
            entered += 1;
        }
        let below = seen.below(x_rank[item]);
        let up_to = seen.below(x_rank[item] + 1);
        counts.concordant += below;
        counts.discordant += entered as u64 - up_to;
        untied_y_tied_x += up_to - below;
        untied_y += entered as u64;
    }
    let pairs = |n: u64| n * n.saturating_sub(1) / 2;
    let tied_x: u64 = group_sizes(&x_rank, x_distinct).into_iter().map(pairs).sum();
    counts.tied_x_only = untied_y_tied_x;
    counts.tied_both = tied_x - untied_y_tied_x;
    counts.tied_y_only = pairs(x.len() as u64) - untied_y - counts.tied_both;
    Ok(counts)
}

/// Counts by rank with prefix sums in O(log n): a Fenwick tree.
struct Counter {
    tree: Vec<u64>,
}

impl Counter {
    fn new(ranks: usize) -> Self {
        Self {
            tree: vec![0; ranks + 1],
        }
    }

    fn add(&mut self, rank: usize) {
        let mut i = rank + 1;
        while i < self.tree.len() {
            self.tree[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    /// How many were added with a rank below this one.
    fn below(&self, rank: usize) -> u64 {
        let mut i = rank;
        let mut sum = 0;
        while i > 0 {
            sum += self.tree[i];
            i &= i - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every pair, one by one.
    pub(crate) fn brute(x: &[f64], y: &[f64], epsilon: f64) -> PairCounts {
        let mut c = PairCounts::default();
        for i in 0..x.len() {
            for j in 0..i {
                let tied_y = (y[i] - y[j]).abs() <= epsilon;
                match (x[i] == x[j], tied_y) {
                    (true, true) => c.tied_both += 1,
                    (true, false) => c.tied_x_only += 1,
                    (false, true) => c.tied_y_only += 1,
                    (false, false) if (x[i] < x[j]) == (y[i] < y[j]) => c.concordant += 1,
                    (false, false) => c.discordant += 1,
                }
            }
        }
        c
    }

    proptest! {
        /// Protects: the fast count is the brute-force count, for every epsilon, ties or not.
        #[test]
        fn counts_every_pair(
            pairs in prop::collection::vec((0u8..6, -5i32..5), 0..40),
            epsilon in prop_oneof![Just(0.0), Just(0.1), Just(0.3), Just(2.0)],
        ) {
            // Tenths, so that differences round.
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b) * 0.1)).unzip();
            prop_assert_eq!(pair_counts(&x, &y, epsilon).unwrap(), brute(&x, &y, epsilon));
        }
    }

    /// Protects: bad epsilons and values are errors; no items is no pairs.
    #[test]
    fn edges() {
        assert_eq!(pair_counts(&[], &[], 0.0).unwrap().total(), 0);
        assert!(pair_counts(&[1.0], &[1.0], f64::NAN).is_err());
        assert!(pair_counts(&[1.0], &[1.0], -1.0).is_err());
        assert!(pair_counts(&[f64::NAN], &[1.0], 0.0).is_err());
        assert_eq!(
            pair_counts(&[1.0, 2.0], &[-1e308, 1e308], 1.0)
                .unwrap()
                .concordant,
            1
        );
    }
}
