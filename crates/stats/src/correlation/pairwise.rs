//! Accuracy over pairs of items, where a tie is an answer: acc_eq, its tie calibration, and the share of system
//! pairs that a metric ranks as people do.

use super::pairs::pair_counts;
use super::parallel;
use crate::error::StatsError;
use crate::ranks::{compare, dense, order};

/// What [`pairwise_accuracy`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairwiseAccuracy {
    /// Share of all pairs on which human and judge agree, ties included; `NaN` with fewer than two items.
    pub acc_eq: f64,
    /// Share of the pairs that people did not tie which the judge orders the same way (a judge's tie is
    /// wrong); `NaN` where people tied every pair.
    pub acc_no_human_ties: f64,
}

/// Pairwise accuracy of a judge's scores against human scores, in O(n log n).
///
/// acc_eq = (concordant pairs + pairs tied in both)/all pairs. A judge's pair counts as tied when the scores
/// differ by at most `epsilon`; with 0 only equal scores tie. Unlike τ it neither rewards nor punishes ties as
/// such.
///
/// # Errors
/// Lists of unequal length, values that are not finite, a negative or infinite `epsilon`.
///
/// Source: Deutsch, Foster and Freitag 2023, "Ties matter".
///
/// ```
/// use seatrial_stats::correlation::pairwise_accuracy;
/// let a = pairwise_accuracy(&[1.0, 1.0, 2.0], &[0.10, 0.11, 0.50], 0.02)?;
/// assert_eq!((a.acc_eq, a.acc_no_human_ties), (1.0, 1.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn pairwise_accuracy(human: &[f64], judge: &[f64], epsilon: f64) -> Result<PairwiseAccuracy, StatsError> {
    let c = pair_counts(human, judge, epsilon)?;
    let total = c.total();
    let human_untied = total - c.tied_x_only - c.tied_both;
    Ok(PairwiseAccuracy {
        acc_eq: (c.concordant + c.tied_both) as f64 / total as f64,
        acc_no_human_ties: c.concordant as f64 / human_untied as f64,
    })
}

/// What [`tie_calibration`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TieCalibration {
    /// The smallest threshold with the best accuracy.
    pub epsilon: f64,
    /// acc_eq at that threshold; `NaN` with fewer than two items.
    pub acc_eq: f64,
}

/// More items than this would take minutes and are refused.
const CALIBRATION_ITEMS_MAX: usize = 200_000;
/// Pairs of distinct judge scores sorted at a time; bounds the memory to some tens of megabytes.
const CHUNK_PAIRS: u64 = 1 << 21;

/// The threshold below which differences of the judge count as ties that maximises
/// [`pairwise_accuracy`]'s acc_eq, among 0 and the observed absolute differences.
///
/// Fitted and scored on the same items, so the accuracy is optimistic; fit on one half and score on the other
/// where that matters.
///
/// Takes O(n·d + d² log d) time for d distinct judge scores and bounded memory: pairs of distinct scores are
/// visited in order of their difference, piece by piece. For a judge with few distinct scores that is linear.
///
/// # Errors
/// Lists of unequal length, values that are not finite, more than 200,000 items.
///
/// Source: Deutsch, Foster and Freitag 2023, "Ties matter".
///
/// ```
/// use seatrial_stats::correlation::tie_calibration;
/// let t = tie_calibration(&[1.0, 1.0, 2.0], &[0.25, 0.375, 0.5])?;
/// assert_eq!((t.epsilon, t.acc_eq), (0.0, 2.0 / 3.0));
/// let t = tie_calibration(&[1.0, 1.0, 2.0], &[0.25, 0.375, 0.75])?;
/// assert_eq!((t.epsilon, t.acc_eq), (0.125, 1.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn tie_calibration(human: &[f64], judge: &[f64]) -> Result<TieCalibration, StatsError> {
    parallel(human, judge, 0)?;
    if human.len() > CALIBRATION_ITEMS_MAX {
        return Err(StatsError::TooLarge {
            what: "items",
            found: human.len() as u64,
            limit: CALIBRATION_ITEMS_MAX as u64,
        });
    }
    let without = pair_counts(human, judge, 0.0)?;
    let groups = Groups::of(human, judge);
    let right_at_zero = without.concordant + without.tied_both;
    let (epsilon, gained) = groups.best_threshold();
    Ok(TieCalibration {
        epsilon,
        acc_eq: right_at_zero.saturating_add_signed(gained) as f64 / without.total() as f64,
    })
}

/// Items grouped by judge score, ascending.
struct Groups {
    scores: Vec<f64>,
    /// Per group (dense rank of the human score, how many items), ascending.
    humans: Vec<Vec<(usize, i64)>>,
}

impl Groups {
    fn of(human: &[f64], judge: &[f64]) -> Self {
        let (rank, _) = dense(human);
        let by_judge = order(judge);
        let mut scores = Vec::new();
        let mut humans = Vec::new();
        for group in by_judge.chunk_by(|&i, &j| judge[i] == judge[j]) {
            let mut ranks: Vec<usize> = group.iter().map(|&i| rank[i]).collect();
            ranks.sort_unstable();
            scores.push(judge[group[0]]);
            humans.push(
                ranks
                    .chunk_by(|a, b| a == b)
                    .map(|same| (same[0], same.len() as i64))
                    .collect(),
            );
        }
        Self { scores, humans }
    }

    /// The threshold after which most pairs have been put right, and how many that is: calling a pair a tie
    /// gains one if people tied it and loses one if the judge had it in the right order.
    fn best_threshold(&self) -> (f64, i64) {
        let (mut best, mut best_gain, mut gain) = (0.0, 0i64, 0i64);
        let mut cursor: Vec<usize> = (1..=self.scores.len()).collect();
        let mut chunk: Vec<(f64, i64)> = Vec::new();
        let mut up_to = 0.0;
        while let Some(limit) = self.next_limit(up_to) {
            chunk.clear();
            for (low, next) in cursor.iter_mut().enumerate() {
                while let Some(difference) = self.difference(low, *next)
                    && difference <= limit
                {
                    chunk.push((difference, self.gain(low, *next)));
                    *next += 1;
                }
            }
            chunk.sort_unstable_by(|a, b| compare(a.0, b.0));
            for same in chunk.chunk_by(|a, b| a.0 == b.0) {
                gain += same.iter().map(|(_, gain)| gain).sum::<i64>();
                if gain > best_gain {
                    (best, best_gain) = (same[0].0, gain);
                }
            }
            up_to = limit;
        }
        (best, best_gain)
    }

    fn difference(&self, low: usize, high: usize) -> Option<f64> {
        self.scores.get(high).map(|score| score - self.scores[low])
    }

    /// A threshold with about [`CHUNK_PAIRS`] more pairs of groups at or below it than `up_to` has; `None` when
    /// no pairs are left.
    fn next_limit(&self, up_to: f64) -> Option<f64> {
        let widest = self.difference(0, self.scores.len().checked_sub(1)?)?;
        if widest <= up_to {
            return None;
        }
        let done = self.count_up_to(up_to);
        if self.count_up_to(widest) - done <= CHUNK_PAIRS {
            return Some(widest);
        }
        // Bisection over the bits of the non-negative floats, which are in the order of the numbers.
        let (mut low, mut high) = (up_to.to_bits(), widest.to_bits());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.count_up_to(f64::from_bits(middle)) - done > CHUNK_PAIRS {
                high = middle;
            } else {
                low = middle;
            }
        }
        // At `low` at most CHUNK_PAIRS are new; if none is, one step further, however many that takes.
        let limit = f64::from_bits(low);
        Some(if self.count_up_to(limit) > done {
            limit
        } else {
            f64::from_bits(high)
        })
    }

    /// Number of pairs of groups whose scores differ by at most `limit`.
    fn count_up_to(&self, limit: f64) -> u64 {
        let mut high = 0;
        let mut count = 0;
        for low in 0..self.scores.len() {
            high = high.max(low + 1);
            while self
                .difference(low, high)
                .is_some_and(|difference| difference <= limit)
            {
                high += 1;
            }
            count += (high - low - 1) as u64;
        }
        count
    }

    /// Pairs between two groups that people tied, minus those that people ordered as the judge does.
    fn gain(&self, low: usize, high: usize) -> i64 {
        let (low, high) = (&self.humans[low], &self.humans[high]);
        let mut below = low.iter().peekable();
        let (mut smaller, mut gain) = (0, 0);
        for &(rank, count) in high {
            while let Some(&(_, more)) = below.next_if(|&&(other, _)| other < rank) {
                smaller += more;
            }
            let tied = below
                .peek()
                .map_or(0, |&&(other, more)| if other == rank { more } else { 0 });
            gain += count * (tied - smaller);
        }
        gain
    }
}

/// What [`system_pairwise_accuracy`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SystemAccuracy {
    /// Share of the pairs that the metric ranks as people do; `NaN` where there are none.
    pub accuracy: f64,
    /// Pairs of systems with different human means.
    pub n_pairs: u64,
}

/// Share of pairs of systems that a metric's means rank as the human means do. Pairs with equal human means are
/// left out; a tie of the metric counts as wrong.
///
/// # Errors
/// Lists of unequal length, values that are not finite.
///
/// Source: Kocmi et al. 2021, "To ship or not to ship".
///
/// ```
/// use seatrial_stats::correlation::system_pairwise_accuracy;
/// let a = system_pairwise_accuracy(&[1.0, 2.0, 2.0], &[0.3, 0.5, 0.1])?;
/// assert_eq!((a.accuracy, a.n_pairs), (0.5, 2));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn system_pairwise_accuracy(human: &[f64], metric: &[f64]) -> Result<SystemAccuracy, StatsError> {
    let c = pair_counts(human, metric, 0.0)?;
    let n_pairs = c.concordant + c.discordant + c.tied_y_only;
    Ok(SystemAccuracy {
        accuracy: c.concordant as f64 / n_pairs as f64,
        n_pairs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every candidate threshold, one by one.
    fn brute(human: &[f64], judge: &[f64]) -> TieCalibration {
        let mut candidates = vec![0.0];
        for i in 0..judge.len() {
            for j in 0..i {
                candidates.push((judge[i] - judge[j]).abs());
            }
        }
        candidates.sort_by(f64::total_cmp);
        let mut best = TieCalibration {
            epsilon: 0.0,
            acc_eq: f64::NEG_INFINITY,
        };
        for epsilon in candidates {
            let acc_eq = pairwise_accuracy(human, judge, epsilon).unwrap().acc_eq;
            if acc_eq > best.acc_eq {
                best = TieCalibration { epsilon, acc_eq };
            }
        }
        best
    }

    proptest! {
        /// Protects: the sorted sweep finds the best threshold and its accuracy, ties of differences included.
        #[test]
        fn calibration_is_the_best(
            pairs in prop::collection::vec((0u8..4, prop_oneof![0.0f64..1.0, (0u8..5).prop_map(|v| f64::from(v) * 0.1)]), 2..25),
        ) {
            let (human, judge): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(h, j)| (f64::from(h), j)).unzip();
            prop_assert_eq!(tie_calibration(&human, &judge).unwrap(), brute(&human, &judge));
        }

        /// Protects: accuracies are shares.
        #[test]
        fn accuracies_are_shares(pairs in prop::collection::vec((0u8..4, 0u8..4), 2..25)) {
            let (human, judge): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(h, j)| (f64::from(h), f64::from(j))).unzip();
            let a = pairwise_accuracy(&human, &judge, 0.0).unwrap();
            prop_assert!((0.0..=1.0).contains(&a.acc_eq));
            prop_assert!(a.acc_no_human_ties.is_nan() || (0.0..=1.0).contains(&a.acc_no_human_ties));
        }
    }

    /// Protects: more pairs than fit into one piece give the same answer as the accuracy at that threshold.
    #[test]
    fn many_pieces() {
        let n = 4_000u32;
        let noise = |i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24);
        let human: Vec<f64> = (0..n).map(|i| f64::from(i % 5)).collect();
        let judge: Vec<f64> = (0..n).map(|i| f64::from(i % 5) + 1.5 * noise(i)).collect();
        let t = tie_calibration(&human, &judge).unwrap();
        assert!(t.epsilon > 0.0);
        assert_eq!(
            t.acc_eq,
            pairwise_accuracy(&human, &judge, t.epsilon).unwrap().acc_eq
        );
        for nearby in [0.9, 0.99, 1.01, 1.1] {
            assert!(
                pairwise_accuracy(&human, &judge, nearby * t.epsilon)
                    .unwrap()
                    .acc_eq
                    <= t.acc_eq
            );
        }
    }

    /// Protects: no pairs is `NaN`, never a panic.
    #[test]
    fn edges() {
        assert!(pairwise_accuracy(&[], &[], 0.0).unwrap().acc_eq.is_nan());
        assert!(tie_calibration(&[1.0], &[1.0]).unwrap().acc_eq.is_nan());
        assert!(tie_calibration(&[], &[]).unwrap().acc_eq.is_nan());
        assert_eq!(tie_calibration(&[1.0, 1.0], &[1.0, 1.0]).unwrap().acc_eq, 1.0);
        assert_eq!(
            system_pairwise_accuracy(&[1.0, 1.0], &[1.0, 2.0])
                .unwrap()
                .n_pairs,
            0
        );
        let far = tie_calibration(&[1.0, 1.0], &[-1e308, 1e308]).unwrap();
        assert_eq!((far.epsilon, far.acc_eq), (f64::INFINITY, 1.0));
    }
}
