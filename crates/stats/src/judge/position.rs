//! Position bias, from verdicts in both orders.

use super::Verdict;
use crate::error::{StatsError, at_least, same_length};

/// What [`position_swap`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionSwap {
    /// Share of items with the same verdict in both orders.
    pub consistency: f64,
    /// Among verdicts that are not ties, in both orders, the share for the answer shown first; 0.5 without
    /// position bias, `NaN` where all are ties.
    pub first_rate: f64,
    /// How many verdicts that is a share of.
    pub decided: usize,
    /// Share of items for which the answer shown first won in both orders.
    pub flip_to_first: f64,
    /// Share of items for which the answer shown second won in both orders.
    pub flip_to_second: f64,
    /// Per item: the verdict if both orders agree, otherwise a tie.
    pub consensus: Vec<Verdict>,
    /// Win rate of A by consensus, ties half.
    pub win_rate_a: f64,
}

/// Compares verdicts with A shown first (`original`) and with B shown first (`swapped`, already mapped back, so
/// that A means the same answer in both).
///
/// # Errors
/// No items or lists of unequal length.
///
/// Source: Zheng et al. 2023; Wang et al. 2023.
///
/// ```
/// use seatrial_stats::judge::{Verdict::{A, B, Tie}, position_swap};
/// // Always for the answer shown first.
/// let p = position_swap(&[A, A], &[B, B])?;
/// assert_eq!((p.consistency, p.first_rate, p.flip_to_first, p.win_rate_a), (0.0, 1.0, 1.0, 0.5));
/// assert_eq!(p.consensus, [Tie, Tie]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn position_swap(original: &[Verdict], swapped: &[Verdict]) -> Result<PositionSwap, StatsError> {
    same_length("original", original.len(), "swapped", swapped.len())?;
    at_least("original", original.len(), 1)?;
    let pairs = || original.iter().copied().zip(swapped.iter().copied());
    let n = original.len() as f64;
    let share = |wanted: fn(Verdict, Verdict) -> bool| {
        pairs().filter(|&(first, second)| wanted(first, second)).count() as f64 / n
    };
    let (mut first_wins, mut decided) = (0usize, 0usize);
    for (first, second) in pairs() {
        first_wins += usize::from(first == Verdict::A) + usize::from(second == Verdict::B);
        decided += usize::from(first != Verdict::Tie) + usize::from(second != Verdict::Tie);
    }
    let consensus: Vec<Verdict> = pairs()
        .map(|(first, second)| if first == second { first } else { Verdict::Tie })
        .collect();
    let points: f64 = consensus
        .iter()
        .map(|verdict| match verdict {
            Verdict::A => 1.0,
            Verdict::Tie => 0.5,
            Verdict::B => 0.0,
        })
        .sum();
    Ok(PositionSwap {
        consistency: share(|first, second| first == second),
        first_rate: first_wins as f64 / decided as f64,
        decided,
        flip_to_first: share(|first, second| (first, second) == (Verdict::A, Verdict::B)),
        flip_to_second: share(|first, second| (first, second) == (Verdict::B, Verdict::A)),
        consensus,
        win_rate_a: points / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verdicts() -> impl Strategy<Value = Vec<(Verdict, Verdict)>> {
        let one = || prop_oneof![Just(Verdict::A), Just(Verdict::B), Just(Verdict::Tie)];
        prop::collection::vec((one(), one()), 1..50)
    }

    proptest! {
        /// Protects: shares are shares, and exchanging the names of the answers mirrors everything.
        #[test]
        fn mirrors(pairs in verdicts()) {
            let (original, swapped): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let flip = |v: &[Verdict]| -> Vec<Verdict> {
                v.iter()
                    .map(|v| match v {
                        Verdict::A => Verdict::B,
                        Verdict::B => Verdict::A,
                        Verdict::Tie => Verdict::Tie,
                    })
                    .collect()
            };
            let p = position_swap(&original, &swapped).unwrap();
            let m = position_swap(&flip(&swapped), &flip(&original)).unwrap();
            prop_assert!((p.win_rate_a + m.win_rate_a - 1.0).abs() < 1e-12);
            prop_assert!(p.consistency == m.consistency && p.flip_to_first == m.flip_to_first);
            prop_assert!(p.decided == 0 && p.first_rate.is_nan() || p.first_rate == m.first_rate);
            prop_assert!(p.consistency + p.flip_to_first + p.flip_to_second <= 1.0 + 1e-12);
        }
    }

    /// Protects: only ties, no items, unequal lists.
    #[test]
    fn edges() {
        let ties = position_swap(&[Verdict::Tie], &[Verdict::Tie]).unwrap();
        assert!(ties.first_rate.is_nan() && ties.consistency == 1.0 && ties.win_rate_a == 0.5);
        assert!(position_swap(&[], &[]).is_err());
        assert!(position_swap(&[Verdict::A], &[]).is_err());
    }
}
