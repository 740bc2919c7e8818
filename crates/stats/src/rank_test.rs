//! Wilcoxon's signed-rank test and the Mann–Whitney U test.
//!
//! Both test the symmetry of a distribution, not a mean: on Likert data with many ties report the sign test
//! beside them. Exact p-values come from the permutation distribution of the ranks, ties included.

use crate::dist::{normal_sf, real};
use crate::error::{at_least, finite};
use crate::ranks;
use crate::{Interval, StatsError};

/// Exact signed-rank distributions are built up to this many differences.
const SIGNED_RANK_EXACT_MAX: usize = 500;
/// `Auto` of the signed-rank test is exact up to this many differences (as scipy).
const SIGNED_RANK_AUTO_MAX: usize = 50;
/// `Auto` of the U test is exact when a sample has at most this many values and there are no ties (as scipy).
const U_AUTO_MAX: usize = 8;
/// Steps the exact U distribution may take.
const U_EXACT_STEPS_MAX: u64 = 2_000_000_000;

/// How a rank test gets its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankMethod {
    /// From the permutation distribution of the ranks.
    Exact,
    /// Normal approximation with correction for ties.
    Approximate,
    /// Exact for small samples without ties, approximate otherwise (the rule of scipy).
    Auto,
}

/// What the signed-rank test does with differences of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// Drop them before ranking (Wilcoxon).
    Drop,
    /// Rank them, then drop their ranks (Pratt 1959).
    Pratt,
    /// Rank them and give half of their ranks to each side.
    Split,
}

/// Result of the signed-rank test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// The smaller of the two rank sums.
    pub statistic: f64,
    /// Rank sum of the positive differences.
    pub positive: f64,
    /// Rank sum of the negative differences.
    pub negative: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Whether `p` is exact.
    pub exact: bool,
}

/// Wilcoxon's signed-rank test of paired differences.
///
/// `correction` takes ½ from the distance to the mean in the approximation. `Exact` with zeros drops them
/// whatever `zeros` says, because the permutation distribution does not know them. Differences that should be
/// tied but differ by rounding are not ties: round scores first where that matters.
///
/// ```
/// use seatrial_stats::rank_test::{RankMethod, Zeros, signed_rank};
/// let w = signed_rank(&[-2.061, -0.222, 0.002, 0.231], RankMethod::Exact, Zeros::Drop, false)?;
/// assert_eq!((w.statistic, w.p), (4.0, 0.875));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when empty, [`StatsError::NotFinite`], [`StatsError::Undefined`] when all
/// differences are zero, [`StatsError::TooLarge`] for an exact test of more than 500.
pub fn signed_rank(
    differences: &[f64],
    method: RankMethod,
    zeros: Zeros,
    correction: bool,
) -> Result<SignedRank, StatsError> {
    at_least("differences", differences.len(), 1)?;
    finite("differences", differences)?;
    let zero_count = differences.iter().filter(|&&d| d == 0.0).count();
    if zero_count == differences.len() {
        return Err(StatsError::Undefined {
            what: "the signed-rank test",
            why: "all differences are zero",
        });
    }
    let exact = match method {
        RankMethod::Exact => true,
        RankMethod::Approximate => false,
        RankMethod::Auto => zero_count == 0 && differences.len() <= SIGNED_RANK_AUTO_MAX,
    };
    let kept: Vec<f64> = if exact || zeros == Zeros::Drop {
        differences.iter().copied().filter(|&d| d != 0.0).collect()
    } else {
        differences.to_vec()
    };
    let sizes: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
    let doubled = ranks::doubled_average(&sizes);
    let rank_sum = |keep: fn(f64) -> bool| -> u64 {
        let kept = kept.iter().zip(&doubled).filter(|&(&d, _)| keep(d));
        kept.map(|(_, &rank)| rank).sum()
    };
    let (up, down, flat) = (
        rank_sum(|d| d > 0.0),
        rank_sum(|d| d < 0.0),
        rank_sum(|d| d == 0.0),
    );
    let share = if zeros == Zeros::Split {
        0.25 * real(flat)
    } else {
        0.0
    };
    let (positive, negative) = (0.5 * real(up) + share, 0.5 * real(down) + share);
    let statistic = positive.min(negative);
    let p = if exact {
        signed_rank_exact(&doubled, up)?
    } else {
        let ranked_zeros = kept.iter().filter(|&&d| d == 0.0).count();
        signed_rank_normal(statistic, &kept, zeros, ranked_zeros, correction)
    };
    Ok(SignedRank {
        statistic,
        positive,
        negative,
        p,
        exact,
    })
}

/// Two-sided p from all 2^n sign patterns of the given doubled ranks.
fn signed_rank_exact(doubled: &[u64], up: u64) -> Result<f64, StatsError> {
    if doubled.len() > SIGNED_RANK_EXACT_MAX {
        return Err(StatsError::TooLarge {
            what: "differences",
            found: doubled.len() as u64,
            limit: SIGNED_RANK_EXACT_MAX as u64,
        });
    }
    let total: usize = doubled.iter().map(|&rank| rank as usize).sum();
    // probability[s]: that the positive doubled ranks sum to s.
    let mut probability = vec![0.0f64; total + 1];
    probability[0] = 1.0;
    let mut reach = 0;
    for &rank in doubled {
        let rank = rank as usize;
        reach += rank;
        for s in (0..=reach).rev() {
            let with = if s >= rank { probability[s - rank] } else { 0.0 };
            probability[s] = 0.5 * (probability[s] + with);
        }
    }
    let up = up as usize;
    let at_most: f64 = probability.iter().take(up + 1).sum();
    let at_least: f64 = probability.iter().skip(up).sum();
    Ok((2.0 * at_most.min(at_least)).min(1.0))
}

fn signed_rank_normal(
    statistic: f64,
    kept: &[f64],
    zeros: Zeros,
    zero_count: usize,
    correction: bool,
) -> f64 {
    let (n, z) = (real(kept.len() as u64), real(zero_count as u64));
    let mut mean = 0.25 * n * (n + 1.0);
    let mut variance = n * (n + 1.0) * (2.0 * n + 1.0);
    let mut sizes: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
    if zeros == Zeros::Pratt {
        // Cureton 1967.
        mean -= 0.25 * z * (z + 1.0);
        variance -= z * (z + 1.0) * (2.0 * z + 1.0);
        sizes.retain(|&size| size != 0.0);
    }
    variance -= 0.5 * tie_sum(&sizes);
    let spread = (variance / 24.0).sqrt();
    if spread == 0.0 {
        return 1.0;
    }
    let gap = (statistic - mean).abs();
    let gap = if correction { (gap - 0.5).max(0.0) } else { gap };
    (2.0 * normal_sf(gap / spread)).min(1.0)
}

/// Σ over groups of equal values of t³ − t.
fn tie_sum(values: &[f64]) -> f64 {
    let (dense, distinct) = ranks::dense(values);
    let sizes = ranks::group_sizes(&dense, distinct);
    sizes.iter().map(|&t| real(t) * (real(t) * real(t) - 1.0)).sum()
}

/// Result of the Mann–Whitney U test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// U of the first sample: pairs in which it is greater, ties half.
    pub u1: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Vargha–Delaney A₁₂ = U/(n₁ n₂): the probability that a value of the first sample is the greater.
    pub a12: f64,
    /// Cliff's δ = 2 A₁₂ − 1.
    pub cliffs_delta: f64,
    /// Whether `p` is exact.
    pub exact: bool,
}

/// Mann–Whitney U test of two independent samples.
///
/// The approximation has the correction for ties and for continuity. All values equal give p = 1.
///
/// ```
/// use seatrial_stats::rank_test::{RankMethod, mann_whitney};
/// let u = mann_whitney(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], RankMethod::Exact)?;
/// assert_eq!((u.u1, u.p, u.cliffs_delta), (0.0, 0.1, -1.0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] when a sample is empty, [`StatsError::NotFinite`], [`StatsError::TooLarge`] when the
/// exact distribution would take too long.
pub fn mann_whitney(a: &[f64], b: &[f64], method: RankMethod) -> Result<MannWhitney, StatsError> {
    at_least("a", a.len(), 1)?;
    at_least("b", b.len(), 1)?;
    finite("a", a)?;
    finite("b", b)?;
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let doubled = ranks::doubled_average(&all);
    let rank_sum: u64 = doubled.iter().take(a.len()).sum();
    let (n1, n2) = (real(a.len() as u64), real(b.len() as u64));
    let u1 = 0.5 * real(rank_sum) - 0.5 * n1 * (n1 + 1.0);
    let a12 = u1 / (n1 * n2);
    let ties = tie_sum(&all);
    let exact = match method {
        RankMethod::Exact => true,
        RankMethod::Approximate => false,
        RankMethod::Auto => ties == 0.0 && a.len().min(b.len()) <= U_AUTO_MAX,
    };
    let p = if exact {
        // The smaller sample makes the smaller table; the two-sided p is the same.
        if a.len() <= b.len() {
            rank_sum_exact(&doubled, a.len(), rank_sum)?
        } else {
            rank_sum_exact(&doubled, b.len(), doubled.iter().sum::<u64>() - rank_sum)?
        }
    } else {
        let n = n1 + n2;
        let variance = n1 * n2 / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)));
        let gap = ((u1 - 0.5 * n1 * n2).abs() - 0.5).max(0.0);
        if variance > 0.0 {
            (2.0 * normal_sf(gap / variance.sqrt())).min(1.0)
        } else {
            1.0
        }
    };
    Ok(MannWhitney {
        u1,
        p,
        a12,
        cliffs_delta: 2.0 * a12 - 1.0,
        exact,
    })
}

/// Two-sided p from all ways to choose `size` of the given doubled ranks.
fn rank_sum_exact(doubled: &[u64], size: usize, observed: u64) -> Result<f64, StatsError> {
    let mut top: Vec<u64> = doubled.to_vec();
    top.sort_unstable();
    let most: u64 = top.iter().rev().take(size).sum();
    let steps = (doubled.len() as u64)
        .saturating_mul(size as u64)
        .saturating_mul(most);
    if steps > U_EXACT_STEPS_MAX {
        return Err(StatsError::TooLarge {
            what: "work of the exact U test",
            found: steps,
            limit: U_EXACT_STEPS_MAX,
        });
    }
    let width = most as usize + 1;
    // chosen[k][s]: probability that the items so far chose k with sum s, by sequential sampling.
    let mut chosen = vec![vec![0.0f64; width]; size + 1];
    chosen[0][0] = 1.0;
    for (seen, &rank) in doubled.iter().enumerate() {
        let left = real((doubled.len() - seen) as u64);
        for k in (0..=size.min(seen)).rev() {
            // The next item is chosen with probability (still to choose)/(items left).
            let take = real((size - k) as u64) / left;
            for s in (0..width).rev() {
                let mass = chosen[k][s];
                if mass > 0.0 {
                    chosen[k][s] = mass * (1.0 - take);
                    if take > 0.0 {
                        chosen[k + 1][s + rank as usize] += mass * take;
                    }
                }
            }
        }
    }
    let row = &chosen[size];
    let at = observed as usize;
    let at_most: f64 = row.iter().take(at + 1).sum();
    let at_least: f64 = row.iter().skip(at).sum();
    Ok((2.0 * at_most.min(at_least)).min(1.0))
}

/// Interval for Cliff's δ by Cliff's consistent variance estimate with his asymmetric limits (Feng and Cliff
/// 2004), which stay inside [−1, 1].
///
/// ```
/// let i = seatrial_stats::rank_test::cliffs_delta_interval(&[1.0, 2.0, 3.0, 4.0], &[2.5, 3.5, 4.5, 5.5], 0.95)?;
/// assert!(i.low >= -1.0 && i.contains(-0.5));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::TooFew`] below two values in a sample, [`StatsError::NotFinite`], [`StatsError::OutOfRange`]
/// for a confidence outside (0, 1).
pub fn cliffs_delta_interval(a: &[f64], b: &[f64], confidence: f64) -> Result<Interval, StatsError> {
    crate::error::open_unit("confidence", confidence)?;
    at_least("a", a.len(), 2)?;
    at_least("b", b.len(), 2)?;
    let delta = mann_whitney(a, b, RankMethod::Approximate)?.cliffs_delta;
    let (n1, n2) = (real(a.len() as u64), real(b.len() as u64));
    // Dominance of each value over the other sample, from sorted positions.
    let dominance = |values: &[f64], other: &[f64]| -> Vec<f64> {
        let mut sorted = other.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let size = real(other.len() as u64);
        let share = |&x: &f64| {
            let below = sorted.partition_point(|&y| y < x);
            let up_to = sorted.partition_point(|&y| y <= x);
            (real(below as u64) - (size - real(up_to as u64))) / size
        };
        values.iter().map(share).collect()
    };
    let (rows, columns) = (dominance(a, b), dominance(b, a));
    let ss = |values: &[f64], centre: f64| values.iter().map(|v| (v - centre) * (v - centre)).sum::<f64>();
    let (ss_rows, ss_columns) = (ss(&rows, delta), ss(&columns, -delta));
    // Σ d²ᵢⱼ is the number of untied pairs.
    let up_down = rows.iter().map(|r| r.abs()).sum::<f64>() * n2;
    let untied = untied_pairs(a, b).max(up_down);
    let ss_cells = untied - n1 * n2 * delta * delta;
    let unbiased =
        (n2 * n2 * ss_rows + n1 * n1 * ss_columns - ss_cells) / (n1 * n2 * (n1 - 1.0) * (n2 - 1.0));
    let variance = unbiased.max((1.0 - delta * delta) / (n1 * n2 - 1.0));
    let z = crate::dist::normal_isf(0.5 * (1.0 - confidence));
    let d2 = delta * delta;
    let root = z * variance.sqrt() * ((1.0 - d2).powi(2) + z * z * variance).sqrt();
    let denominator = 1.0 - d2 + z * z * variance;
    if delta.abs() == 1.0 {
        // The limits collapse at the ends; bound by the exact share of one of min(n1, n2) values instead.
        let n = n1.min(n2);
        let edge = (n - z * z) / (n + z * z);
        return Ok(if delta > 0.0 {
            Interval::new(edge, 1.0)
        } else {
            Interval::new(-1.0, -edge)
        });
    }
    let centre = delta - delta * d2;
    let limits = Interval::new((centre - root) / denominator, (centre + root) / denominator);
    Ok(Interval::new(limits.low.min(delta), limits.high.max(delta)).clamped(-1.0, 1.0))
}

/// Pairs (one of each sample) that differ.
fn untied_pairs(a: &[f64], b: &[f64]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    a.iter()
        .map(|&x| {
            let below = sorted.partition_point(|&y| y < x);
            let up_to = sorted.partition_point(|&y| y <= x);
            real((sorted.len() - (up_to - below)) as u64)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: p-values in [0, 1] and indifferent to which system is first, exact and approximate.
        #[test]
        fn symmetric(d in prop::collection::vec(-5i32..=5, 1..40), correction: bool) {
            let up: Vec<f64> = d.iter().map(|&d| f64::from(d)).collect();
            let down: Vec<f64> = up.iter().map(|d| -d).collect();
            for method in [RankMethod::Exact, RankMethod::Approximate, RankMethod::Auto] {
                for zeros in [Zeros::Drop, Zeros::Pratt, Zeros::Split] {
                    match (signed_rank(&up, method, zeros, correction), signed_rank(&down, method, zeros, correction)) {
                        (Ok(x), Ok(y)) => {
                            prop_assert!((0.0..=1.0).contains(&x.p));
                            prop_assert!((x.p - y.p).abs() < 1e-12 && x.positive == y.negative);
                        }
                        (x, y) => prop_assert!(x.is_err() && y.is_err() && d.iter().all(|&d| d == 0)),
                    }
                }
            }
            if up.len() > 1 {
                let (a, b) = up.split_at(up.len() / 2);
                for method in [RankMethod::Exact, RankMethod::Approximate] {
                    let (x, y) = (mann_whitney(a, b, method).unwrap(), mann_whitney(b, a, method).unwrap());
                    prop_assert!((x.p - y.p).abs() < 1e-9 && (0.0..=1.0).contains(&x.p));
                    prop_assert!((x.cliffs_delta + y.cliffs_delta).abs() < 1e-12);
                }
                if a.len() > 1 && b.len() > 1 {
                    let delta = mann_whitney(a, b, RankMethod::Approximate).unwrap().cliffs_delta;
                    let (x, w) = (cliffs_delta_interval(a, b, 0.9).unwrap(), cliffs_delta_interval(a, b, 0.99).unwrap());
                    prop_assert!(x.contains(delta) && w.low <= x.low + 1e-12 && x.high <= w.high + 1e-12);
                }
            }
        }
    }

    /// Protects: the exact distributions against enumeration of all sign patterns and all choices, with ties.
    #[test]
    fn exact_by_enumeration() {
        let d = [1.0, -2.0, 2.0, 3.0, 3.0, -3.0, 7.0, 0.5];
        let w = signed_rank(&d, RankMethod::Exact, Zeros::Drop, false).unwrap();
        let ranks = [2.0, 3.5, 3.5, 6.0, 6.0, 6.0, 8.0, 1.0];
        let sums: Vec<f64> = (0u32..256)
            .map(|mask| (0..8).filter(|i| mask >> i & 1 == 1).map(|i| ranks[i]).sum())
            .collect();
        let share =
            |keep: &dyn Fn(f64) -> bool| real(sums.iter().filter(|&&s| keep(s)).count() as u64) / 256.0;
        let p = 2.0 * share(&|s| s <= w.positive).min(share(&|s| s >= w.positive));
        assert!((w.p - p.min(1.0)).abs() < 1e-12);

        let (a, b) = ([1.0, 2.0, 2.0, 5.0], [2.0, 3.0, 4.0, 5.0, 5.0]);
        let u = mann_whitney(&a, &b, RankMethod::Exact).unwrap();
        let ranks = [1.0, 3.0, 3.0, 8.0, 3.0, 5.0, 6.0, 8.0, 8.0];
        let sums: Vec<f64> = (0u32..512)
            .filter(|mask| mask.count_ones() == 4)
            .map(|mask| (0..9).filter(|i| mask >> i & 1 == 1).map(|i| ranks[i]).sum())
            .collect();
        let observed = 15.0;
        let share =
            |keep: &dyn Fn(f64) -> bool| real(sums.iter().filter(|&&s| keep(s)).count() as u64) / 126.0;
        let p = 2.0 * share(&|s| s <= observed).min(share(&|s| s >= observed));
        assert!((u.p - p.min(1.0)).abs() < 1e-12, "{} {p}", u.p);
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        let run = |d: &[f64], method| signed_rank(d, method, Zeros::Split, true);
        assert!(run(&[], RankMethod::Auto).is_err());
        assert!(run(&[0.0, 0.0], RankMethod::Approximate).is_err());
        assert!(run(&[f64::NAN], RankMethod::Auto).is_err());
        assert!(run(&vec![1.0; 501], RankMethod::Exact).is_err());
        assert!(mann_whitney(&[], &[1.0], RankMethod::Auto).is_err());
        let equal = mann_whitney(&[1.0; 5], &[1.0; 9], RankMethod::Approximate).unwrap();
        assert_eq!((equal.p, equal.a12), (1.0, 0.5));
        let single = mann_whitney(&[1.0], &[1.0], RankMethod::Approximate).unwrap();
        assert_eq!(single.p, 1.0);
        let x: Vec<f64> = (0..3000).map(f64::from).collect();
        assert!(mann_whitney(&x, &x, RankMethod::Exact).is_err());
        assert!(mann_whitney(&x, &x, RankMethod::Auto).unwrap().p == 1.0);
    }
}
