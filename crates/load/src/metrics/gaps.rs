//! Gaps between events, pooled over requests: `icl` as they are, `itl` as tokens see them, and those that stand out.
//! Apart because there are millions of them and they belong together by request.

use super::{Latency, MeasureOptions, Percentile, QUANTILES};
use crate::intervals::{Bounded, mean_of, pooled_quantile, sample_min};
use crate::record::{GAP_STEP_NS, GapLog, Recording, RequestRecord};
use crate::series::Unit;

const STEP_MS: f64 = GAP_STEP_NS as f64 / 1e6;

/// Gaps that stand out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stalls {
    /// A gap longer than this is one, in milliseconds.
    pub over_ms: f64,
    /// How many.
    pub count: u64,
    /// Requests with at least one.
    pub requests: u64,
    /// Requests whose gaps were kept.
    pub of_requests: u64,
    /// Their time together, in milliseconds.
    pub total_ms: f64,
    /// The longest gap of all, in milliseconds, stall or not.
    pub longest_ms: f64,
}

/// The gaps of some requests.
pub(super) struct GapPool<'a> {
    recording: &'a Recording,
    /// Requests with gaps in the order of time, each with its tokens to an event.
    requests: Vec<(&'a RequestRecord, f64)>,
    /// All gaps in steps, ascending.
    sorted: Vec<u32>,
    stall_factor: f64,
    stall_min_ms: f64,
}

impl<'a> GapPool<'a> {
    pub(super) fn of(
        recording: &'a Recording,
        ok: &[&'a RequestRecord],
        options: &MeasureOptions<'_>,
    ) -> Self {
        let requests: Vec<_> = ok
            .iter()
            .filter(|request| request.gaps.is_some_and(|gaps| !gaps.is_empty()))
            .map(|request| {
                let tokens = options.tokens.of(request).unwrap_or(0.0);
                (*request, (tokens / f64::from(request.events.max(1))).max(1.0))
            })
            .collect();
        let mut sorted: Vec<u32> = requests
            .iter()
            .flat_map(|(request, _)| recording.gaps_ns(request).map(GapLog::steps))
            .collect();
        sorted.sort_unstable();
        Self {
            recording,
            requests,
            sorted,
            stall_factor: options.stall_factor,
            stall_min_ms: options.stall_min_ms,
        }
    }

    /// One value for each gap.
    pub(super) fn icl(&self, level: f64) -> Latency {
        let at = |share: f64| self.value_at(share);
        let units = |limit: f64| self.units(|gap, _| if gap <= limit { (1.0, 1.0) } else { (0.0, 1.0) });
        let mean = self.units(|gap, _| (gap, 1.0));
        self.latency(
            "icl",
            "from one event with tokens to the next, pooled",
            level,
            at,
            units,
            &mean,
        )
    }

    /// The same gap for each token of its event, divided by them. How many tokens an event carries no server says; the
    /// mean of the answer stands for it.
    pub(super) fn itl(&self, level: f64) -> Latency {
        let meaning = "gap over the tokens of its event, once for each token, pooled";
        let units = |limit: f64| {
            self.units(|gap, tokens| {
                if gap / tokens <= limit {
                    (tokens, tokens)
                } else {
                    (0.0, tokens)
                }
            })
        };
        let mean = self.units(|gap, tokens| (gap, tokens));
        if self.requests.iter().all(|(_, tokens)| *tokens == 1.0) {
            return self.latency("itl", meaning, level, |share| self.value_at(share), units, &mean);
        }
        let mut weighted: Vec<(f32, f32)> = Vec::with_capacity(self.sorted.len());
        for (request, tokens) in &self.requests {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "seven digits are enough for a gap"
            )]
            weighted.extend(
                self.gaps(request)
                    .map(|gap| ((gap / tokens) as f32, *tokens as f32)),
            );
        }
        weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = weighted.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let at = |share: f64| {
            let mut left = share * total;
            for (gap, weight) in &weighted {
                left -= f64::from(*weight);
                if left <= 0.0 {
                    return f64::from(*gap);
                }
            }
            weighted.last().map_or(0.0, |(gap, _)| f64::from(*gap))
        };
        self.latency("itl", meaning, level, at, units, &mean)
    }

    fn latency(
        &self,
        name: &'static str,
        meaning: &'static str,
        level: f64,
        at: impl Fn(f64) -> f64,
        units: impl Fn(f64) -> Vec<Unit>,
        mean: &[Unit],
    ) -> Latency {
        let n = self.sorted.len() as u64;
        let percentile = |q: f64| -> Percentile {
            let n_min = sample_min(q, level);
            let value: Option<Bounded> = (n >= n_min)
                .then(|| pooled_quantile(n, q, level, &at, &units))
                .flatten();
            Percentile { q, value, n_min }
        };
        Latency {
            name,
            meaning,
            n,
            censored: 0,
            mean: mean_of(mean, n, level),
            percentiles: QUANTILES.map(percentile).to_vec(),
            range: (n > 0).then(|| (at(0.0), at(1.0))),
        }
    }

    pub(super) fn stalls(&self) -> Option<Stalls> {
        let longest = *self.sorted.last()?;
        let over_ms = (self.stall_factor * self.value_at(0.5)).max(self.stall_min_ms);
        let first = self
            .sorted
            .partition_point(|&steps| f64::from(steps) * STEP_MS <= over_ms);
        let stalled = &self.sorted[first..];
        let with_one = |request: &RequestRecord| self.gaps(request).any(|gap| gap > over_ms);
        Some(Stalls {
            over_ms,
            count: stalled.len() as u64,
            requests: self
                .requests
                .iter()
                .filter(|(request, _)| with_one(request))
                .count() as u64,
            of_requests: self.requests.len() as u64,
            total_ms: stalled.iter().map(|&steps| f64::from(steps) * STEP_MS).sum(),
            longest_ms: f64::from(longest) * STEP_MS,
        })
    }

    /// Gaps of a request in milliseconds.
    fn gaps(&self, request: &RequestRecord) -> impl Iterator<Item = f64> {
        // Through steps, so that a value compares equal with itself in the pool.
        self.recording
            .gaps_ns(request)
            .map(|ns| f64::from(GapLog::steps(ns)) * STEP_MS)
    }

    /// One unit for each request: the sum over its gaps of what `part` makes of gap and tokens to an event.
    fn units(&self, part: impl Fn(f64, f64) -> (f64, f64)) -> Vec<Unit> {
        let unit = |(request, tokens): &(&RequestRecord, f64)| {
            self.gaps(request).fold(Unit::default(), |unit, gap| {
                let (sum, weight) = part(gap, *tokens);
                Unit {
                    sum: unit.sum + sum,
                    weight: unit.weight + weight,
                }
            })
        };
        self.requests.iter().map(unit).collect()
    }

    /// The value at a share of all gaps (type 7 of Hyndman and Fan); 0 without gaps.
    fn value_at(&self, share: f64) -> f64 {
        let Some(last) = self.sorted.len().checked_sub(1) else {
            return 0.0;
        };
        let at = share.clamp(0.0, 1.0) * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the last index"
        )]
        let below = at as usize;
        let low = f64::from(self.sorted[below]);
        let high = f64::from(self.sorted[(below + 1).min(last)]);
        (low + (high - low) * (at - below as f64)) * STEP_MS
    }
}
