//! Accuracy over pairs of items, where a tie is an answer: acc_eq, its tie calibration, and the share of system
//! pairs that a metric ranks as people do.

use super::pairs::{PairCounts, pair_counts};
use super::parallel;
use crate::error::StatsError;
use crate::ranks::{compare, dense, order};
use std::collections::BinaryHeap;

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

/// More items than this would take many minutes and are refused.
const CALIBRATION_ITEMS_MAX: usize = 200_000;
/// Pairs of distinct judge scores sorted at a time; bounds the memory to some tens of megabytes.
const CHUNK_PAIRS: u64 = 1 << 21;

/// The threshold below which differences of the judge count as ties that maximises
/// [`pairwise_accuracy`]'s acc_eq, among 0 and the observed absolute differences.
///
/// Fitted and scored on the same items, so the accuracy is optimistic; fit on one half and score on the other
/// where that matters.
///
/// Ranges of thresholds that cannot hold the best one are left out without looking at their pairs: counts at both
/// ends, in O(n log n), bound what lies between. What is left, commonly the neighbourhood of the best threshold, is
/// sorted piece by piece in bounded memory; at worst that is O(d² log d) for d distinct judge scores.
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
    let total = pair_counts(human, judge, 0.0)?.total();
    let search = Search {
        human,
        judge,
        groups: Groups::of(human, judge),
    };
    let (epsilon, right) = search.best(CHUNK_PAIRS)?;
    Ok(TieCalibration {
        epsilon,
        acc_eq: right as f64 / total as f64,
    })
}

/// A threshold and what is known at it.
#[derive(Debug, Clone, Copy)]
struct End {
    threshold: f64,
    /// Pairs of groups whose scores differ by at most the threshold.
    pairs: u64,
    /// Pairs of items that the judge orders as people do, by more than the threshold.
    ordered: u64,
    /// Pairs of items that both tie.
    tied: u64,
}

impl End {
    const fn right(self) -> u64 {
        self.ordered + self.tied
    }
}

/// The search for the best threshold, by branch and bound.
struct Search<'a> {
    human: &'a [f64],
    judge: &'a [f64],
    groups: Groups,
}

impl Search<'_> {
    /// The smallest threshold with the most pairs right, and how many these are. Ranges of at most `chunk_pairs` pairs
    /// of groups are looked at pair by pair, larger ones cut in two.
    fn best(&self, chunk_pairs: u64) -> Result<(f64, u64), StatsError> {
        let zero = self.at(0.0)?;
        let mut best = (0.0, zero.right());
        let Some(widest) = self.groups.widest().filter(|&widest| widest > 0.0) else {
            return Ok(best);
        };
        // What is reached somewhere, though the observed difference that reaches it may not be known yet.
        let mut reached = best.1;
        // A greater threshold orders fewer pairs and ties more: both ends together bound what lies between.
        let bound = |low: &End, high: &End| low.ordered + high.tied;
        let mut ranges = vec![(zero, self.at(widest)?)];
        let mut open = BinaryHeap::from([(bound(&ranges[0].0, &ranges[0].1), 0)]);
        while let Some((most, index)) = open.pop() {
            let (low, high) = ranges[index];
            if most < reached.max(best.1) {
                break;
            }
            if most == best.1 && low.threshold >= best.0 {
                continue;
            }
            let cut = if high.pairs - low.pairs > chunk_pairs {
                self.groups.cut(&low, &high)
            } else {
                None
            };
            let Some(cut) = cut else {
                self.look(&low, &high, &mut best);
                continue;
            };
            let middle = self.at(cut)?;
            reached = reached.max(middle.right());
            for half in [(low, middle), (middle, high)] {
                open.push((bound(&half.0, &half.1), ranges.len()));
                ranges.push(half);
            }
        }
        Ok(best)
    }

    fn at(&self, threshold: f64) -> Result<End, StatsError> {
        // Scores may differ by more than the largest number; then the threshold ties everything.
        let counts = if threshold.is_finite() {
            pair_counts(self.human, self.judge, threshold)?
        } else {
            let tied = pair_counts(self.human, self.human, 0.0)?.tied_both;
            PairCounts {
                tied_both: tied,
                ..PairCounts::default()
            }
        };
        Ok(End {
            threshold,
            pairs: self.groups.count_up_to(threshold),
            ordered: counts.concordant,
            tied: counts.tied_both,
        })
    }

    /// Visits the pairs of groups of a range in order of their difference.
    fn look(&self, low: &End, high: &End, best: &mut (f64, u64)) {
        let mut pairs = self.groups.pairs_between(low.threshold, high.threshold);
        pairs.sort_unstable_by(|a, b| compare(a.0, b.0));
        let mut right = low.right();
        for same in pairs.chunk_by(|a, b| a.0 == b.0) {
            right = right.saturating_add_signed(same.iter().map(|(_, gain)| gain).sum());
            if right > best.1 || (right == best.1 && same[0].0 < best.0) {
                *best = (same[0].0, right);
            }
        }
    }
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

    /// The greatest difference of two scores; `None` without any item.
    fn widest(&self) -> Option<f64> {
        self.difference(0, self.scores.len().checked_sub(1)?)
    }

    /// Difference and gain of each pair of groups whose scores differ by more than `above` and at most `up_to`.
    fn pairs_between(&self, above: f64, up_to: f64) -> Vec<(f64, i64)> {
        let mut pairs = Vec::new();
        let mut first = 0;
        for low in 0..self.scores.len() {
            first = first.max(low + 1);
            while self
                .difference(low, first)
                .is_some_and(|difference| difference <= above)
            {
                first += 1;
            }
            let mut next = first;
            while let Some(difference) = self.difference(low, next)
                && difference <= up_to
            {
                pairs.push((difference, self.gain(low, next)));
                next += 1;
            }
        }
        pairs
    }

    fn difference(&self, low: usize, high: usize) -> Option<f64> {
        self.scores.get(high).map(|score| score - self.scores[low])
    }

    /// A threshold between two others with pairs on both sides, about as many; `None` where all differ by the same.
    fn cut(&self, low: &End, high: &End) -> Option<f64> {
        let half = low.pairs + (high.pairs - low.pairs) / 2;
        // Bisection over the bits of the non-negative floats, which are in the order of the numbers: the last
        // threshold with at most half of the pairs, and the first with more.
        let (mut below, mut above) = (low.threshold.to_bits(), high.threshold.to_bits());
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            if self.count_up_to(f64::from_bits(middle)) > half {
                above = middle;
            } else {
                below = middle;
            }
        }
        let (below, above) = (f64::from_bits(below), f64::from_bits(above));
        if self.count_up_to(below) > low.pairs {
            Some(below)
        } else if self.count_up_to(above) < high.pairs {
            Some(above)
        } else {
            None
        }
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

    /// What calling the pairs between two groups ties puts right: those that people tied, minus those that people
    /// ordered as the judge does.
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
        /// Protects: the search finds the best threshold and its accuracy, ties of differences included, however
        /// finely it cuts.
        #[test]
        fn calibration_is_the_best(
            pairs in prop::collection::vec((0u8..4, prop_oneof![0.0f64..1.0, (0u8..5).prop_map(|v| f64::from(v) * 0.1)]), 2..25),
        ) {
            let (human, judge): (Vec<f64>, Vec<f64>) =
                pairs.into_iter().map(|(h, j)| (f64::from(h), j)).unzip();
            let expected = brute(&human, &judge);
            prop_assert_eq!(tie_calibration(&human, &judge).unwrap(), expected);
            let search = Search { human: &human, judge: &judge, groups: Groups::of(&human, &judge) };
            let total = pair_counts(&human, &judge, 0.0).unwrap().total();
            for chunk in [0, 1, 5, 40] {
                let (epsilon, right) = search.best(chunk).unwrap();
                prop_assert_eq!((epsilon, right as f64 / total as f64), (expected.epsilon, expected.acc_eq));
            }
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
