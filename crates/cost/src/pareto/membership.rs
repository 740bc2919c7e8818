//! How sure a front is: the share of resamples in which a candidate is on it, and the spread of its values. Cases are
//! resampled together for all candidates, so that what makes a case hard makes it hard for everybody.

use super::candidate::{Axis, Candidate, Evidence};
use super::front::mark;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use seatrial_stats::dist::binom_quantile;

/// Candidates at most.
pub const CANDIDATES_MAX: usize = 1_000;
/// Resamples at most.
pub const RESAMPLES_MAX: u32 = 100_000;
/// Resamples of one piece of work.
const CHUNK: u32 = 64;

/// A value with its bounds: exact ones of shares and percentiles, of other axes the spread over the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// From all cases; `None` where unknown.
    pub value: Option<f64>,
    /// Lower end of the interval of the level; `None` where unknown.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Lower one-sided bound at 1 − risk.
    pub lower_bound: Option<f64>,
    /// Upper one-sided bound at 1 − risk; `None` where unknown, infinite where there is none.
    pub upper_bound: Option<f64>,
}

/// What resampling says.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// Share of resamples in which a candidate is on the front.
    pub probability: Vec<f64>,
    /// By candidate and axis.
    pub values: Vec<Vec<Measured>>,
    /// Whether cases were resampled together; otherwise shares were drawn for each candidate alone, and cost and latency
    /// taken as they were given.
    pub is_paired: bool,
    /// Resamples.
    pub resamples: u32,
}

/// Resamples. Candidates are paired where all have the same number of cases.
#[must_use]
pub fn membership(
    candidates: &[Candidate],
    axes: &[Axis],
    level: f64,
    risk: f64,
    resamples: u32,
    seed: u64,
) -> Membership {
    let resamples = resamples.clamp(1, RESAMPLES_MAX);
    let cases = candidates.first().and_then(Candidate::cases);
    let is_paired = cases.is_some() && candidates.iter().all(|candidate| candidate.cases() == cases);
    let width = candidates.len() * axes.len();
    let pieces: Vec<(Vec<u32>, Vec<f32>)> = (0..resamples.div_ceil(CHUNK))
        .into_par_iter()
        .map(|piece| {
            let count = CHUNK.min(resamples - piece * CHUNK) as usize;
            let mut rng = stream(seed, u64::from(piece));
            let mut members = vec![0_u32; candidates.len()];
            let mut drawn = Vec::with_capacity(count * width);
            let mut is_on = vec![false; candidates.len()];
            for _ in 0..count {
                let values = if is_paired {
                    resampled(candidates, axes, &weights(&mut rng, cases.unwrap_or(0)))
                } else {
                    drawn_alone(candidates, axes, &mut rng)
                };
                let losses: Vec<f64> = values
                    .iter()
                    .zip(axes.iter().cycle())
                    .map(|(value, axis)| axis.loss(*value))
                    .collect();
                mark(&losses, axes.len(), &mut is_on);
                for (count, is_on) in members.iter_mut().zip(&is_on) {
                    *count += u32::from(*is_on);
                }
                #[expect(clippy::cast_possible_truncation, reason = "spread needs no more digits")]
                drawn.extend(values.iter().map(|value| *value as f32));
            }
            (members, drawn)
        })
        .collect();
    let mut members = vec![0_u32; candidates.len()];
    for (piece, _) in &pieces {
        for (total, count) in members.iter_mut().zip(piece) {
            *total += count;
        }
    }
    let values = (0..candidates.len())
        .into_par_iter()
        .map(|candidate| {
            (0..axes.len())
                .map(|axis| {
                    let place = candidate * axes.len() + axis;
                    let mut drawn: Vec<f32> = pieces
                        .iter()
                        .flat_map(|(_, drawn)| drawn.iter().skip(place).step_by(width).copied())
                        .collect();
                    measured(&candidates[candidate], axes[axis], &mut drawn, level, risk)
                })
                .collect()
        })
        .collect();
    Membership {
        probability: members
            .iter()
            .map(|count| f64::from(*count) / f64::from(resamples))
            .collect(),
        values,
        is_paired,
        resamples,
    }
}

fn stream(seed: u64, piece: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ (piece + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31))
}

/// How often each case is drawn when as many as there are are drawn with replacement.
fn weights(rng: &mut Xoshiro256PlusPlus, cases: usize) -> Vec<u32> {
    let mut weights = vec![0; cases];
    for _ in 0..cases {
        weights[rng.random_range(0..cases)] += 1;
    }
    weights
}

fn resampled(candidates: &[Candidate], axes: &[Axis], weights: &[u32]) -> Vec<f64> {
    candidates
        .iter()
        .flat_map(|candidate| {
            axes.iter()
                .map(|axis| candidate.weighted(*axis, weights).unwrap_or(f64::NAN))
        })
        .collect()
}

/// Of summaries the share of right cases is drawn as if it were measured again; candidates with cases draw their own.
fn drawn_alone(candidates: &[Candidate], axes: &[Axis], rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut values = Vec::with_capacity(candidates.len() * axes.len());
    for candidate in candidates {
        match &candidate.evidence {
            Evidence::Summary { quality, n, .. } => {
                let share = binomial_share(rng.random(), *n, *quality);
                values.extend(
                    axes.iter()
                        .map(|axis| candidate.summary(*axis, Some(share)).unwrap_or(f64::NAN)),
                );
            }
            Evidence::Cases { quality, .. } => {
                let weights = weights(rng, quality.len());
                values.extend(
                    axes.iter()
                        .map(|axis| candidate.weighted(*axis, &weights).unwrap_or(f64::NAN)),
                );
            }
        }
    }
    values
}

/// A share of right cases at a point of the binomial distribution.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a count of cases"
)]
fn binomial_share(u: f64, n: f64, p: f64) -> f64 {
    binom_quantile(u, n as u64, p).map_or(p, |right| right as f64 / n)
}

fn measured(candidate: &Candidate, axis: Axis, drawn: &mut [f32], level: f64, risk: f64) -> Measured {
    let value = candidate.value(axis);
    if value.is_none() || drawn.iter().any(|value| value.is_nan()) {
        return Measured {
            value,
            low: None,
            high: None,
            lower_bound: None,
            upper_bound: None,
        };
    }
    drawn.sort_unstable_by(f32::total_cmp);
    let at = |q: f64| f64::from(drawn[rank(q, drawn.len())]);
    // Shares and percentiles have exact bounds. They hold where resampling sees no spread at all, and where it cannot see
    // beyond the largest value that was measured.
    let ends = |risk: f64| {
        candidate
            .bounds(axis, 1.0 - risk)
            .unwrap_or_else(|| (Some(at(risk)), Some(at(1.0 - risk))))
    };
    let (low, high) = ends((1.0 - level) / 2.0);
    let (lower_bound, upper_bound) = ends(risk);
    Measured {
        value,
        low,
        high,
        lower_bound,
        upper_bound,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "at most RESAMPLES_MAX"
)]
fn rank(q: f64, len: usize) -> usize {
    ((q * len as f64) as usize).min(len - 1)
}
