//! From records to numbers: every latency by its name, pooled gaps, stalls, rates and goodput, over a window of time.
//! Apart from the loop because it needs no clock: the same recording gives the same numbers.
//!
//! Latencies are of requests that were *intended* within the window; rates are of what *happened* within it, counted
//! token by token: an answer that straddles an edge counts with the part that lies inside. Dividing all tokens by all
//! time would be too low by the ramp and the drain.

mod gaps;
mod tokens;
mod turns;

use crate::definitions::Definition;
use crate::intervals::{Bounded, mean_of, mean_of_values, quantile_of, quantile_of_sorted, sample_min};
use crate::record::{Outcome, Phase, Recording, RequestRecord};
use crate::series::Unit;
use crate::slo::Objectives;
use gaps::GapPool;
use seatrial_stats::quantile;
use std::collections::BTreeMap;

pub use gaps::Stalls;
pub use tokens::{TokenCounts, TokenRule, TokenSource};
pub use turns::{TURNS_TOLD_MAX, TurnMetrics, by_turn, later_turns};

/// The percentiles that are told of every latency.
pub const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];
/// Bins into which a window is cut for the error of a rate.
const RATE_BINS: usize = 200;

/// A stretch of time on the run's clock, in nanoseconds; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

impl Window {
    /// The measured part of a recording.
    #[must_use]
    pub const fn measured(recording: &Recording) -> Self {
        Self {
            from_ns: recording.measured_from_ns,
            to_ns: recording.measured_to_ns,
        }
    }

    /// The measured part and the drain after it: until the last request ended.
    #[must_use]
    pub const fn whole(recording: &Recording) -> Self {
        Self {
            from_ns: recording.measured_from_ns,
            to_ns: if recording.ended_ns > recording.measured_to_ns {
                recording.ended_ns
            } else {
                recording.measured_to_ns
            },
        }
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    /// Whether a moment lies in it.
    #[must_use]
    pub const fn contains(&self, at_ns: u64) -> bool {
        at_ns >= self.from_ns && at_ns < self.to_ns
    }
}

/// How to count.
#[derive(Debug, Clone, Copy)]
pub struct MeasureOptions<'a> {
    /// Confidence of intervals, such as 0.95.
    pub level: f64,
    /// How output tokens are counted.
    pub tokens: TokenRule,
    /// A gap is a stall if it is longer than this many times the median gap…
    pub stall_factor: f64,
    /// … and than this many milliseconds.
    pub stall_min_ms: f64,
    /// What a good request is; `None` for no goodput.
    pub objectives: Option<&'a Objectives>,
}

impl Default for MeasureOptions<'_> {
    fn default() -> Self {
        Self {
            level: 0.95,
            tokens: TokenRule::default(),
            stall_factor: 5.0,
            stall_min_ms: 0.0,
            objectives: None,
        }
    }
}

/// One percentile of one latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentile {
    /// Which: 0.99 for p99.
    pub q: f64,
    /// Its value; `None` with fewer than `n_min` values.
    pub value: Option<Bounded>,
    /// Fewest values from which it is told.
    pub n_min: u64,
}

/// One latency, summarised.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// Its name.
    pub name: &'static str,
    /// What the name means.
    pub meaning: &'static str,
    /// Values.
    pub n: u64,
    /// Requests that had not come so far when the drain ran out, or were never sent: they have no value, but a longer one
    /// than was waited for, and percentiles count them as longest.
    pub censored: u64,
    /// Mean; `None` without values, and where requests have none because the run ended.
    pub mean: Option<Bounded>,
    /// In the order of [`QUANTILES`].
    pub percentiles: Vec<Percentile>,
    /// Smallest and largest value; `None` without values.
    pub range: Option<(f64, f64)>,
}

impl Latency {
    /// The percentile at `q`, where it is told.
    #[must_use]
    pub fn at(&self, q: f64) -> Option<Bounded> {
        let found = self.percentiles.iter().find(|percentile| percentile.q == q)?;
        found.value
    }
}

/// How requests ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestCounts {
    /// Intended in the window. Those that were cut off because somebody ended the run are not in it.
    pub n: u64,
    /// Whole answers.
    pub ok: u64,
    /// Everything else, what the drain's end cut off and what was never sent included.
    pub failed: u64,
    /// Failed ones by the word of their error class; `cut_off` and `unsent` are classes of their own.
    pub by_error: BTreeMap<&'static str, u64>,
    /// Cut off by the end of the run.
    pub cut_off: u64,
    /// Held back by a cap on connections.
    pub capped: u64,
}

/// Rates over a window, per second.
#[derive(Debug, Clone, PartialEq)]
pub struct Throughput {
    /// Whole answers.
    pub requests_per_s: Option<Bounded>,
    /// Output tokens of all streams together.
    pub output_tokens_per_s: Option<Bounded>,
    /// Input tokens of whole answers, where the server told them.
    pub input_tokens_per_s: Option<f64>,
    /// Output tokens of one stream while it streams: the median over requests of (n − 1) / (e_last − e₁). Not their mean: one
    /// answer that comes in a single piece would decide that.
    pub stream_tokens_per_s: Option<Bounded>,
}

/// Requests that met every objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Goodput {
    /// Good requests in the window.
    pub good: u64,
    /// Requests that could have been: failures are in it, and so is what was cut off by the end of the drain or never sent.
    pub n: u64,
    /// Share that was good.
    pub attainment: Option<Bounded>,
    /// Good requests per second.
    pub requests_per_s: f64,
    /// The same for the terms of each percentile that the objectives name, largest share first.
    pub shares: Vec<ShareMet>,
}

/// How many requests met all terms that ask for the same share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareMet {
    /// The share that is asked for, such as 0.99.
    pub share: f64,
    /// Requests that met them.
    pub good: u64,
    /// Share that did.
    pub attainment: Option<Bounded>,
}

/// All of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadMetrics {
    /// The window.
    pub window: Window,
    /// Every latency by name; then `icl` and `itl`.
    pub latencies: Vec<Latency>,
    /// Gaps that stand out; `None` without gaps.
    pub stalls: Option<Stalls>,
    /// How requests ended.
    pub requests: RequestCounts,
    /// Rates.
    pub throughput: Throughput,
    /// How tokens were counted, and how far the ways of counting disagree.
    pub tokens: TokenCounts,
    /// `None` without objectives.
    pub goodput: Option<Goodput>,
}

impl LoadMetrics {
    /// The latency of this name.
    #[must_use]
    pub fn latency(&self, name: &str) -> Option<&Latency> {
        self.latencies.iter().find(|latency| latency.name == name)
    }
}

/// Everything about what a window holds.
#[must_use]
pub fn measure(recording: &Recording, window: Window, options: &MeasureOptions<'_>) -> LoadMetrics {
    let mut chosen: Vec<&RequestRecord> = recording
        .requests()
        .filter(|request| request.phase == Phase::Measured && window.contains(request.intended_ns))
        .collect();
    // The order of time is what tells how far neighbours depend on each other.
    chosen.sort_by_key(|request| request.intended_ns);
    let ok: Vec<&RequestRecord> = chosen
        .iter()
        .copied()
        .filter(|request| request.outcome == Outcome::Ok)
        .collect();
    let pool = GapPool::of(recording, &ok, options);
    let mut latencies: Vec<Latency> = Definition::ALL
        .into_iter()
        .map(|definition| {
            let values = chosen
                .iter()
                .filter_map(|request| value_of(definition, recording, request, options));
            // Never sent: the last ones of the window, because what waits is sent in order.
            let unsent = std::iter::repeat_n(f64::INFINITY, unsent_of(definition, recording, window));
            let values = values.chain(unsent);
            latency(
                definition.name(),
                definition.meaning(),
                &values.collect::<Vec<_>>(),
                options.level,
            )
        })
        .collect();
    latencies.push(pool.icl(options.level));
    latencies.push(pool.itl(options.level));
    LoadMetrics {
        window,
        latencies,
        stalls: pool.stalls(),
        requests: counts(
            &chosen,
            (!recording.is_abandoned).then(|| unsent_in(recording, window)),
        ),
        throughput: throughput(recording, &ok, window, options),
        tokens: TokenCounts::of(&ok, options.tokens),
        goodput: options
            .objectives
            .map(|objectives| goodput(recording, &chosen, objectives, window, options)),
    }
}

/// Requests that were never sent, where a window holds all of measurement; when they were due is not kept.
const fn unsent_in(recording: &Recording, window: Window) -> u64 {
    if window.from_ns <= recording.measured_from_ns && window.to_ns >= recording.measured_to_ns {
        recording.unsent
    } else {
        0
    }
}

/// How many requests that were never sent count as longest for a latency: it has to begin at the intended moment.
fn unsent_of(definition: Definition, recording: &Recording, window: Window) -> usize {
    match definition {
        Definition::TtftSched | Definition::E2eSched if !recording.is_abandoned => {
            usize::try_from(unsent_in(recording, window)).unwrap_or(usize::MAX)
        }
        _ => 0,
    }
    .min(crate::session::RECORDS_MAX)
}

/// The latency of one request: infinite where it was cut off by the end of the drain before it came so far.
fn value_of(
    definition: Definition,
    recording: &Recording,
    request: &RequestRecord,
    options: &MeasureOptions<'_>,
) -> Option<f64> {
    if request.outcome == Outcome::CutOff && !recording.is_abandoned {
        let begun = RequestRecord {
            outcome: Outcome::Ok,
            ..*request
        };
        return match definition {
            Definition::Ttft
            | Definition::TtftSched
            | Definition::Ttfe
            | Definition::Ttfb
            | Definition::Ttfot => Some(definition.of(&begun, None).unwrap_or(f64::INFINITY)),
            Definition::E2e | Definition::E2eSched => Some(f64::INFINITY),
            _ => None,
        };
    }
    if definition == Definition::Ttst {
        let is_whole = request.outcome == Outcome::Ok;
        return recording
            .gaps_ns(request)
            .next()
            .filter(|_| is_whole)
            .map(crate::definitions::ms);
    }
    definition.of(request, options.tokens.of(request))
}

/// Infinite values are of requests that had none when the run ended.
fn latency(name: &'static str, meaning: &'static str, values: &[f64], level: f64) -> Latency {
    let seen: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let mut sorted = quantile::sorted(&seen).unwrap_or_default();
    let (n, range) = (sorted.len(), sorted.first().copied().zip(sorted.last().copied()));
    let censored = values.len() - n;
    sorted.resize(values.len(), f64::INFINITY);
    let finite = |end: Option<f64>| end.filter(|end| end.is_finite());
    let percentiles = QUANTILES.map(|q| {
        let n_min = sample_min(q, level);
        let is_told = sorted.len() as u64 >= n_min;
        Percentile {
            q,
            value: is_told
                .then(|| quantile_of_sorted(values, &sorted, q, level))
                .flatten()
                .filter(|bounded| bounded.value.is_finite())
                .map(|bounded| Bounded {
                    low: finite(bounded.low),
                    high: finite(bounded.high),
                    ..bounded
                }),
            n_min,
        }
    });
    Latency {
        name,
        meaning,
        n: n as u64,
        censored: censored as u64,
        mean: (censored == 0).then(|| mean_of_values(values, level)).flatten(),
        percentiles: percentiles.to_vec(),
        range,
    }
}

/// Counts requests; `unsent` are those that were never sent, `None` where somebody ended the run, and what was cut off then is
/// nobody's failure.
fn counts(chosen: &[&RequestRecord], unsent: Option<u64>) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for request in chosen {
        counts.capped += u64::from(request.is_capped);
        match request.outcome {
            Outcome::Ok => counts.ok += 1,
            Outcome::CutOff => counts.cut_off += 1,
            Outcome::Failed(kind) => {
                counts.failed += 1;
                *counts.by_error.entry(kind.as_str()).or_default() += 1;
            }
        }
    }
    if let Some(unsent) = unsent {
        for (class, count) in [("cut_off", counts.cut_off), ("unsent", unsent)] {
            if count > 0 {
                counts.failed += count;
                counts.by_error.insert(class, count);
            }
        }
    }
    counts.n = counts.ok + counts.failed;
    counts
}

fn throughput(
    recording: &Recording,
    ok: &[&RequestRecord],
    window: Window,
    options: &MeasureOptions<'_>,
) -> Throughput {
    let mut answers = Bins::over(window);
    let mut output = Bins::over(window);
    let mut input = 0.0;
    let mut tells_input = true;
    let mut counts_tokens = false;
    for request in recording.requests() {
        if request.outcome == Outcome::Ok && window.contains(request.end_ns) {
            answers.add(request.end_ns, 1.0);
            match request.tokens_in {
                Some(tokens) => input += tokens as f64,
                None => tells_input = false,
            }
        }
        // What a server sent before the run ended it did send; what a failed answer held is no use to anybody.
        if !matches!(request.outcome, Outcome::Failed(_)) {
            counts_tokens |= request.events > 0 || options.tokens.of(request).is_some();
            add_tokens(&mut output, recording, request, options);
        }
    }
    let speeds: Vec<f64> = ok
        .iter()
        .filter_map(|request| Definition::Tpot.of(request, options.tokens.of(request)))
        .filter(|ms| *ms > 0.0)
        .map(|ms| 1e3 / ms)
        .collect();
    let has_answers = answers.total() > 0.0;
    Throughput {
        requests_per_s: answers.rate(options.level),
        output_tokens_per_s: output.rate(options.level).filter(|_| counts_tokens),
        input_tokens_per_s: (tells_input && has_answers).then(|| input / window.seconds()),
        stream_tokens_per_s: quantile_of(&speeds, 0.5, options.level),
    }
}

/// Puts every token of a request into the bin of its moment.
fn add_tokens(
    output: &mut Bins,
    recording: &Recording,
    request: &RequestRecord,
    options: &MeasureOptions<'_>,
) {
    let tokens = match request.outcome {
        // A cut-off answer has no usage yet, or one that counts what never came.
        Outcome::CutOff => f64::from(request.events),
        _ => options.tokens.of(request).unwrap_or(0.0),
    };
    if tokens <= 0.0 {
        return;
    }
    let (Some(first), Some(last)) = (request.first_token_ns, request.last_token_ns) else {
        // No stream: all of it came with the last byte.
        output.add(request.end_ns, tokens);
        return;
    };
    if request
        .gaps
        .is_some_and(|gaps| gaps.len() + 1 == request.events as usize)
    {
        let each = tokens / f64::from(request.events.max(1));
        let mut at = first;
        output.add(at, each);
        for gap in recording.gaps_ns(request) {
            at += gap;
            output.add(at, each);
        }
        return;
    }
    // The gaps were not kept: evenly between the first and the last.
    output.spread(first, last, tokens);
}

fn goodput(
    recording: &Recording,
    chosen: &[&RequestRecord],
    objectives: &Objectives,
    window: Window,
    options: &MeasureOptions<'_>,
) -> Goodput {
    let missed = || vec![false; objectives.shares().len()];
    let mut met: Vec<Vec<bool>> = chosen
        .iter()
        .filter_map(|request| match request.outcome {
            // It had the whole drain to become one.
            Outcome::CutOff if !recording.is_abandoned => Some(missed()),
            _ => objectives.met(request, options.tokens.of(request)),
        })
        .collect();
    if !recording.is_abandoned {
        let unsent = usize::try_from(unsent_in(recording, window)).unwrap_or(usize::MAX);
        met.extend((0..unsent.min(crate::session::RECORDS_MAX)).map(|_| missed()));
    }
    let (good, attainment) = attained(&met, |met| met.iter().all(|met| *met), options.level);
    let shares = objectives.shares().iter().enumerate().map(|(place, share)| {
        let (good, attainment) = attained(&met, |met| met.get(place) == Some(&true), options.level);
        ShareMet {
            share: *share,
            good,
            attainment,
        }
    });
    Goodput {
        good,
        n: met.len() as u64,
        attainment,
        requests_per_s: if window.seconds() > 0.0 {
            good as f64 / window.seconds()
        } else {
            0.0
        },
        shares: shares.collect(),
    }
}

/// How many rows are good, and their share with its interval.
fn attained(met: &[Vec<bool>], is_good: impl Fn(&[bool]) -> bool, level: f64) -> (u64, Option<Bounded>) {
    let units: Vec<Unit> = met
        .iter()
        .map(|met| Unit {
            sum: if is_good(met) { 1.0 } else { 0.0 },
            weight: 1.0,
        })
        .collect();
    let good = units.iter().filter(|unit| unit.sum > 0.0).count() as u64;
    let n = units.len() as u64;
    let attainment = mean_of(&units, n, level).map(|bounded| share_bounds(bounded, good, n, level));
    (good, attainment)
}

/// A share near 1 has no symmetric interval: Wilson's, over as many independent requests as these are worth.
fn share_bounds(bounded: Bounded, good: u64, n: u64, level: f64) -> Bounded {
    let worth = bounded.n_eff.min(n as f64);
    let share = good as f64 / n as f64;
    match seatrial_stats::proportion::wilson(share * worth, worth, level) {
        Ok(interval) => Bounded {
            low: Some(interval.low),
            high: Some(interval.high),
            ..bounded
        },
        Err(_) => bounded,
    }
}

/// A window in equal bins, for rates.
struct Bins {
    window: Window,
    sums: Vec<f64>,
    seconds: f64,
    count: u64,
}

impl Bins {
    fn over(window: Window) -> Self {
        Self {
            window,
            sums: vec![0.0; RATE_BINS],
            seconds: window.seconds() / RATE_BINS as f64,
            count: 0,
        }
    }

    fn add(&mut self, at_ns: u64, amount: f64) {
        if self.window.contains(at_ns) {
            let share =
                (at_ns - self.window.from_ns) as f64 / (self.window.to_ns - self.window.from_ns) as f64;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the number of bins"
            )]
            let bin = (share * RATE_BINS as f64) as usize;
            self.sums[bin.min(RATE_BINS - 1)] += amount;
            self.count += 1;
        }
    }

    /// An amount evenly between two moments.
    fn spread(&mut self, from_ns: u64, to_ns: u64, amount: f64) {
        if to_ns <= from_ns {
            return self.add(from_ns, amount);
        }
        let width = (self.window.to_ns.saturating_sub(self.window.from_ns)) as f64 / RATE_BINS as f64;
        let (from, to) = (from_ns as f64, to_ns as f64);
        for (i, sum) in self.sums.iter_mut().enumerate() {
            let begin = self.window.from_ns as f64 + width * i as f64;
            let overlap = (to.min(begin + width) - from.max(begin)).max(0.0);
            *sum += amount * overlap / (to - from);
        }
        self.count += 1;
    }

    fn total(&self) -> f64 {
        self.sums.iter().sum()
    }

    fn rate(&self, level: f64) -> Option<Bounded> {
        let units: Vec<Unit> = self
            .sums
            .iter()
            .map(|&sum| Unit {
                sum,
                weight: self.seconds,
            })
            .collect();
        let rate = mean_of(&units, self.count, level)?;
        Some(Bounded {
            low: rate.low.map(|low| low.max(0.0)),
            ..rate
        })
    }
}

#[cfg(test)]
mod tests;
