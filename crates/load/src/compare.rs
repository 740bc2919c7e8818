//! Two endpoints or builds against each other: short blocks in turn, so that drift of the machine falls on both alike, with
//! the same arrivals and prompts within a pair. Apart because its unit is the pair of blocks.
//!
//! The difference of a statistic of the pooled blocks is resampled over whole pairs; its interval is Student's t on the
//! bootstrap's standard error, which holds with few pairs where percentiles of the bootstrap would be too narrow.

use crate::draws::{Purpose, below, stream};
use seatrial_stats::dist::t_isf;
use seatrial_stats::quantile;

/// Resamples of the bootstrap.
const RESAMPLES: u64 = 500;
/// Fewest pairs from which anything is decided.
pub const PAIRS_MIN: usize = 4;

/// Which of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that is compared with.
    Baseline,
    /// The one that is judged.
    Candidate,
}

/// One block of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Which endpoint.
    pub side: Side,
    /// Its pair, from 0.
    pub pair: usize,
    /// The name of its arrivals and prompts: the same for both blocks of a pair.
    pub seed: u64,
}

/// Blocks in the order in which they are to be run: ABBA, BAAB by turns, so that each side comes first as often.
#[must_use]
pub fn interleaved(pairs: usize, seed: u64) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(2 * pairs);
    for pair in 0..pairs {
        let order = if pair % 2 == 0 {
            [Side::Baseline, Side::Candidate]
        } else {
            [Side::Candidate, Side::Baseline]
        };
        for side in order {
            blocks.push(Block {
                side,
                pair,
                seed: seed.wrapping_add(pair as u64),
            });
        }
    }
    blocks
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Summary {
    /// The mean of all values.
    Mean,
    /// The quantile of all values, 0.99 for p99.
    Quantile(f64),
}

impl Summary {
    fn of(self, values: &mut [f64]) -> Option<f64> {
        if values.is_empty() {
            return None;
        }
        match self {
            Self::Mean => Some(values.iter().sum::<f64>() / values.len() as f64),
            Self::Quantile(q) => {
                values.sort_unstable_by(f64::total_cmp);
                quantile::type7(values, q).ok()
            }
        }
    }
}

/// The values of both blocks of a pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pair {
    /// Of the baseline.
    pub baseline: Vec<f64>,
    /// Of the candidate.
    pub candidate: Vec<f64>,
}

/// What the difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The candidate is not worse than the margin allows.
    Pass,
    /// It is.
    Fail,
    /// The blocks decide neither.
    Inconclusive,
}

/// A difference with its interval: candidate less baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The baseline's value.
    pub baseline: f64,
    /// The candidate's value.
    pub candidate: f64,
    /// Candidate less baseline.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Level of the interval.
    pub level: f64,
    /// Pairs of blocks.
    pub pairs: usize,
}

impl Difference {
    /// The decision, where the candidate may be worse by `margin` in the statistic's own unit. `higher_is_worse` for
    /// latencies, not for rates.
    #[must_use]
    pub fn decide(&self, margin: f64, higher_is_worse: bool) -> Decision {
        let (low, high) = if higher_is_worse {
            (self.low, self.high)
        } else {
            (-self.high, -self.low)
        };
        if self.pairs < PAIRS_MIN {
            Decision::Inconclusive
        } else if high <= margin {
            Decision::Pass
        } else if low > margin {
            Decision::Fail
        } else {
            Decision::Inconclusive
        }
    }
}

/// The difference over pairs of blocks; `None` with fewer than two pairs or where a side has no values.
#[must_use]
pub fn difference(pairs: &[Pair], summary: Summary, level: f64, seed: u64) -> Option<Difference> {
    let n = pairs.len();
    if n < 2 {
        return None;
    }
    let every: Vec<usize> = (0..n).collect();
    let (baseline, candidate) = both(pairs, &every, summary)?;
    let mut random = stream(seed, Purpose::Resamples, 0);
    let mut chosen = vec![0; n];
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for _ in 0..RESAMPLES {
        for place in &mut chosen {
            *place = usize::try_from(below(n as u64, &mut random)).unwrap_or(0);
        }
        let Some((baseline, candidate)) = both(pairs, &chosen, summary) else {
            continue;
        };
        count += 1.0;
        let delta = candidate - baseline - mean;
        mean += delta / count;
        squares += delta * (candidate - baseline - mean);
    }
    if count < 2.0 {
        return None;
    }
    // The bootstrap's variance is that of n, not of n − 1 degrees of freedom.
    let size = n as f64;
    let se = (squares / (count - 1.0) * size / (size - 1.0)).sqrt();
    let half = t_isf(0.5 * (1.0 - level), size - 1.0) * se;
    let value = candidate - baseline;
    Some(Difference {
        baseline,
        candidate,
        value,
        low: value - half,
        high: value + half,
        level,
        pairs: n,
    })
}

/// The statistic of both sides over the chosen pairs.
fn both(pairs: &[Pair], chosen: &[usize], summary: Summary) -> Option<(f64, f64)> {
    let pooled = |side: fn(&Pair) -> &Vec<f64>| {
        let mut values: Vec<f64> = chosen
            .iter()
            .filter_map(|&place| pairs.get(place))
            .flat_map(|pair| side(pair).iter().copied())
            .collect();
        summary.of(&mut values)
    };
    Some((pooled(|pair| &pair.baseline)?, pooled(|pair| &pair.candidate)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::normal;

    /// Pairs of blocks on a machine that drifts, with a true difference.
    fn drifting(pairs: usize, true_difference: f64, seed: u64) -> Vec<Pair> {
        let mut random = stream(seed, Purpose::Choice, 5);
        (0..pairs)
            .map(|pair| {
                let drift = 20.0 * (pair as f64 / pairs as f64) + 2.0 * normal(&mut random);
                let mut block = |shift: f64| -> Vec<f64> {
                    let own = normal(&mut random);
                    (0..60)
                        .map(|_| (100.0 + drift + own + shift + 10.0 * normal(&mut random)).max(0.0))
                        .collect()
                };
                Pair {
                    baseline: block(0.0),
                    candidate: block(true_difference),
                }
            })
            .collect()
    }

    /// Protects: order is balanced and both blocks of a pair have one name.
    #[test]
    fn blocks_are_interleaved() {
        let blocks = interleaved(4, 9);
        let sides: String = blocks
            .iter()
            .map(|block| if block.side == Side::Baseline { 'A' } else { 'B' })
            .collect();
        assert_eq!(sides, "ABBAABBA");
        assert!(
            blocks
                .chunks(2)
                .all(|pair| pair[0].seed == pair[1].seed && pair[0].pair == pair[1].pair)
        );
    }

    /// Protects: the interval covers the true difference about as often as it says, drift or not, for means and for
    /// percentiles.
    #[test]
    fn coverage() {
        for summary in [Summary::Mean, Summary::Quantile(0.9)] {
            let trials = 120;
            let covered = (0..trials)
                .filter(|&seed| {
                    let found = difference(&drifting(12, 5.0, seed), summary, 0.95, seed).unwrap();
                    found.low <= 5.0 && 5.0 <= found.high
                })
                .count();
            let share = covered as f64 / trials as f64;
            assert!((0.88..=1.0).contains(&share), "{summary:?}: {share}");
        }
    }

    /// Protects: three-valued: clearly within the margin passes, clearly beyond fails, few or noisy pairs decide neither;
    /// for rates the direction is turned.
    #[test]
    fn decisions() {
        let same = difference(&drifting(20, 0.0, 1), Summary::Mean, 0.95, 1).unwrap();
        assert_eq!(same.decide(5.0, true), Decision::Pass);
        let worse = difference(&drifting(20, 15.0, 1), Summary::Mean, 0.95, 1).unwrap();
        assert_eq!(worse.decide(5.0, true), Decision::Fail);
        assert_eq!(worse.decide(5.0, false), Decision::Pass);
        assert_eq!(worse.decide(worse.value, true), Decision::Inconclusive);
        let few = difference(&drifting(3, 50.0, 1), Summary::Mean, 0.95, 1).unwrap();
        assert_eq!(few.decide(5.0, true), Decision::Inconclusive);
        assert!(difference(&drifting(1, 0.0, 1), Summary::Mean, 0.95, 1).is_none());
        assert!(difference(&[Pair::default(), Pair::default()], Summary::Mean, 0.95, 1).is_none());
    }
}
