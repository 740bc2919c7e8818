//! Two endpoints or builds against each other: short blocks in turn, so that drift of the machine falls on both alike, with
//! the same arrivals and prompts within a pair. Apart because its unit is the pair of blocks.
//!
//! Difference and ratio of a statistic of the pooled blocks are resampled over whole pairs; their intervals are Student's
//! t on the bootstrap's standard error, which holds with few pairs where percentiles of the bootstrap would be too narrow.

use crate::draws::{Purpose, below, stream};
use crate::effect::{Contrast, Effect};
use crate::figure::Summary;

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

/// The values of both blocks of a pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pair {
    /// Of the baseline.
    pub baseline: Vec<f64>,
    /// Of the candidate.
    pub candidate: Vec<f64>,
}

/// Candidate against baseline over pairs of blocks; `None` with fewer than two pairs or where a side has no values.
#[must_use]
pub fn contrast(pairs: &[Pair], summary: Summary, seed: u64) -> Option<Contrast> {
    let n = pairs.len();
    if n < 2 {
        return None;
    }
    let baseline = Pool::of(pairs.iter().map(|pair| &pair.baseline));
    let candidate = Pool::of(pairs.iter().map(|pair| &pair.candidate));
    let mut times = vec![1u32; n];
    let (a, b) = (
        baseline.summary(summary, &times)?,
        candidate.summary(summary, &times)?,
    );
    let mut random = stream(seed, Purpose::Resamples, 0);
    let (mut difference, mut log_ratio) = (Spread::default(), Spread::default());
    for _ in 0..RESAMPLES {
        times.fill(0);
        for _ in 0..n {
            let place = usize::try_from(below(n as u64, &mut random)).unwrap_or(0);
            if let Some(times) = times.get_mut(place) {
                *times += 1;
            }
        }
        let both = (
            baseline.summary(summary, &times),
            candidate.summary(summary, &times),
        );
        let (Some(a), Some(b)) = both else {
            continue;
        };
        difference.add(b - a);
        if a > 0.0 && b > 0.0 {
            log_ratio.add((b / a).ln());
        }
    }
    let df = (n - 1) as f64;
    // The bootstrap's variance is that of n, not of n − 1 degrees of freedom.
    let correction = (n as f64 / df).sqrt();
    let effect = |value: f64, spread: &Spread| {
        let error = spread.deviation()? * correction;
        Some(Effect {
            value,
            down: error,
            up: error,
            df,
        })
    };
    Some(Contrast {
        baseline: a,
        candidate: b,
        difference: effect(b - a, &difference)?,
        log_ratio: if a > 0.0 && b > 0.0 {
            effect((b / a).ln(), &log_ratio)
        } else {
            None
        },
    })
}

/// The statistic of one side of one pair; `None` without values.
#[must_use]
pub fn summary_of(values: &[f64], summary: Summary) -> Option<f64> {
    let values = values.to_vec();
    Pool::of(std::iter::once(&values)).summary(summary, &[1])
}

/// All values of one side in order, each with its pair: a resample then counts and sorts nothing.
struct Pool {
    sorted: Vec<(f64, u32)>,
    /// Sum and number of values of each pair.
    sums: Vec<(f64, u64)>,
}

impl Pool {
    fn of<'a>(blocks: impl Iterator<Item = &'a Vec<f64>>) -> Self {
        let mut pool = Self {
            sorted: Vec::new(),
            sums: Vec::new(),
        };
        for (block, place) in blocks.zip(0u32..) {
            pool.sorted.extend(block.iter().map(|&value| (value, place)));
            pool.sums.push((block.iter().sum(), block.len() as u64));
        }
        pool.sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        pool
    }

    /// The statistic where each pair is there so many times.
    fn summary(&self, summary: Summary, times: &[u32]) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0u64);
        for ((block, count), &times) in self.sums.iter().zip(times) {
            sum += block * f64::from(times);
            n += count * u64::from(times);
        }
        if n == 0 {
            return None;
        }
        match summary {
            Summary::Mean => Some(sum / n as f64),
            Summary::Quantile(q) => self.quantile(q, n, times),
        }
    }

    /// Type 7 over the repeated values, of which there are `n`.
    fn quantile(&self, q: f64, n: u64, times: &[u32]) -> Option<f64> {
        let at = q.clamp(0.0, 1.0) * (n - 1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and n"
        )]
        let below_it = at.floor() as u64;
        let mut passed = 0;
        let mut lower = None;
        for &(value, place) in &self.sorted {
            passed += u64::from(times.get(place as usize).copied().unwrap_or(0));
            if let Some(lower) = lower {
                if passed > below_it + 1 {
                    return Some(lower + (at - at.floor()) * (value - lower));
                }
            } else if passed > below_it {
                if passed > below_it + 1 {
                    return Some(value);
                }
                lower = Some(value);
            }
        }
        lower
    }
}

/// Variance in one pass (Welford).
#[derive(Debug, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn deviation(&self) -> Option<f64> {
        (self.count >= 2.0).then(|| (self.squares / (self.count - 1.0)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::normal;
    use crate::effect::{Decision, Question, judge};
    use crate::figure::{Figure, Margin};
    use proptest::prelude::*;
    use seatrial_stats::quantile;

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

    fn decide(pairs: &[Pair], margin: Margin) -> Decision {
        let question = Question {
            figure: Figure::USUAL[0],
            margin,
            contrast: contrast(pairs, Summary::Mean, 1),
        };
        judge(&[question], 0.05)[0].decision
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
                    let found = contrast(&drifting(12, 5.0, seed), summary, seed).unwrap();
                    let difference = found.difference;
                    difference.low(0.95).unwrap() <= 5.0 && 5.0 <= difference.high(0.95).unwrap()
                })
                .count();
            let share = covered as f64 / trials as f64;
            assert!((0.88..=1.0).contains(&share), "{summary:?}: {share}");
        }
    }

    /// Protects CI pipelines from false alarms: two equal endpoints on a drifting machine, judged on three figures at once
    /// with no margin at all, fail in at most about 5 % of comparisons, with few pairs too.
    #[test]
    fn equal_endpoints_rarely_fail() {
        let trials = 400;
        for pairs in [4, 8] {
            let alarms = (0..trials)
                .filter(|&seed| {
                    let blocks = drifting(pairs, 0.0, 1_000 + seed);
                    let figures = [Summary::Mean, Summary::Quantile(0.5), Summary::Quantile(0.9)];
                    let questions: Vec<Question> = figures
                        .into_iter()
                        .map(|summary| Question {
                            figure: Figure::USUAL[0],
                            margin: Margin::Share(0.0),
                            contrast: contrast(&blocks, summary, seed),
                        })
                        .collect();
                    judge(&questions, 0.05)
                        .iter()
                        .any(|judged| judged.decision == Decision::Fail)
                })
                .count();
            // Three standard errors of 400 trials above the risk.
            assert!(alarms as f64 / trials as f64 <= 0.083, "{pairs} pairs: {alarms}");
        }
    }

    /// Protects: three-valued: clearly within the margin passes, clearly beyond fails, noisy pairs decide neither.
    #[test]
    fn decisions() {
        let same = drifting(20, 0.0, 1);
        assert_eq!(decide(&same, Margin::Share(0.05)), Decision::Pass);
        let worse = drifting(20, 15.0, 1);
        assert_eq!(decide(&worse, Margin::Share(0.05)), Decision::Fail);
        assert_eq!(decide(&worse, Margin::Absolute(5.0)), Decision::Fail);
        let found = contrast(&worse, Summary::Mean, 1).unwrap();
        assert_eq!(
            decide(&worse, Margin::Absolute(found.difference.value)),
            Decision::Inconclusive
        );
        assert!(contrast(&drifting(1, 0.0, 1), Summary::Mean, 1).is_none());
        assert!(contrast(&[Pair::default(), Pair::default()], Summary::Mean, 1).is_none());
    }

    proptest! {
        /// Protects: a quantile over repeated blocks is that of all values written out.
        #[test]
        fn repeated_blocks(
            blocks in prop::collection::vec(prop::collection::vec(0.0..100.0f64, 0..12), 1..6),
            times in prop::collection::vec(0u32..4, 6),
            q in 0.0..=1.0f64,
        ) {
            let mut all: Vec<f64> = Vec::new();
            for (block, times) in blocks.iter().zip(&times) {
                for _ in 0..*times {
                    all.extend(block);
                }
            }
            all.sort_by(f64::total_cmp);
            let found = Pool::of(blocks.iter()).summary(Summary::Quantile(q), &times[..blocks.len()]);
            let expected = quantile::type7(&all, q).ok();
            match (found, expected) {
                (Some(found), Some(expected)) => prop_assert!((found - expected).abs() < 1e-9),
                (found, expected) => prop_assert_eq!(found, expected),
            }
        }
    }
}
