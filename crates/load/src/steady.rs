//! The part of a run in which it was in its stride: warm-up and drain are cut, and what was cut is told. Apart because it
//! looks at the whole recording before anything is measured.
//!
//! MSER-5 (White, Cobb and Spratt 2000) finds the end of the warm-up: of all beginnings that might be cut, the one whose
//! rest has the smallest standard error of its mean. It is applied to output (tokens, or answers) over time and to the
//! first-token times, and the later of both holds. The drain begins when the last request was intended.

use crate::definitions::Definition;
use crate::metrics::{TokenRule, Window};
use crate::record::{Outcome, Recording, RequestRecord};
use crate::series::{batched_mean, plain};
use seatrial_stats::dist::t_isf;

/// Values that MSER-5 puts together.
const MSER_BATCH: usize = 5;
/// Bins of time for the output.
const BINS: usize = 250;
/// Fewest values from which a warm-up can be told.
const VALUES_MIN: usize = 50;
/// Level of the tests for a trend and for a shift.
const LEVEL: f64 = 0.99;
/// Batches for those tests.
const BATCHES: usize = 20;

/// What a series looks like after the cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stationarity {
    /// Change over the whole window that a straight line shows, relative to the mean.
    pub drift: f64,
    /// Whether that line's slope differs from 0.
    pub has_trend: bool,
    /// Second half less first half, relative to the mean.
    pub shift: f64,
    /// Whether the halves differ.
    pub has_shift: bool,
}

/// A steady window, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Steady {
    /// The window.
    pub window: Window,
    /// Seconds cut at the beginning of the measured part.
    pub cut_front_s: f64,
    /// Seconds cut at its end: the drain.
    pub cut_back_s: f64,
    /// Requests intended in the measured part but before the window.
    pub cut_requests: u64,
    /// What decided the beginning: `output`, `ttft`, `e2e`, or `None` where nothing had to be cut.
    pub decided_by: Option<&'static str>,
    /// Output over time within the window; `None` with too few values.
    pub output: Option<Stationarity>,
    /// Latency over time within the window; `None` with too few values.
    pub latency: Option<Stationarity>,
}

impl Steady {
    /// Whether nothing speaks against it: no trend and no shift in either series, and both long enough to tell.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        let calm = |series: Option<Stationarity>| series.is_some_and(|s| !s.has_trend && !s.has_shift);
        calm(self.output) && calm(self.latency)
    }
}

/// How many values at the beginning MSER-5 would cut; at most half of them. `None` where the least error lies at that
/// edge: the series had not settled.
#[must_use]
pub fn mser5(values: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = values
        .chunks_exact(MSER_BATCH)
        .map(|batch| batch.iter().sum::<f64>() / MSER_BATCH as f64)
        .collect();
    let half = batches.len() / 2;
    // From the back, so that each step adds one value to mean and squares.
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for (cut, value) in batches.iter().enumerate().rev() {
        n += 1.0;
        let delta = value - mean;
        mean += delta / n;
        squares += delta * (value - mean);
        // Ties go to the shorter cut: a level series loses nothing.
        let error = squares / (n * n);
        if cut <= half && error <= best.0 {
            best = (error, cut);
        }
    }
    (half == 0 || best.1 < half).then_some(best.1 * MSER_BATCH)
}

/// The steady window of a recording.
#[must_use]
pub fn steady_window(recording: &Recording, tokens: TokenRule) -> Steady {
    let measured = Window::measured(recording);
    let whole = Window::whole(recording);
    let mut requests: Vec<&RequestRecord> = recording
        .requests()
        .filter(|request| request.outcome == Outcome::Ok && measured.contains(request.intended_ns))
        .collect();
    requests.sort_by_key(|request| request.intended_ns);
    let latencies = Latencies::of(&requests);
    let output = output_over_time(recording, measured, tokens);

    let mut from_ns = measured.from_ns;
    let mut decided_by = None;
    let width = (measured.to_ns.saturating_sub(measured.from_ns)) / BINS as u64;
    for (name, at_ns) in [
        (
            "output",
            cut_of(&output).map(|bins| measured.from_ns + width * bins as u64),
        ),
        (
            latencies.name,
            cut_of(&latencies.values).and_then(|count| latencies.moments.get(count).copied()),
        ),
    ] {
        if let Some(at_ns) = at_ns
            && at_ns > from_ns
        {
            (from_ns, decided_by) = (at_ns, Some(name));
        }
    }
    let window = Window {
        from_ns,
        to_ns: measured.to_ns,
    };
    let first_bin = (from_ns - measured.from_ns).checked_div(width).unwrap_or(0);
    let first_bin = usize::try_from(first_bin).unwrap_or(BINS).min(output.len());
    let first = latencies.moments.partition_point(|at| *at < from_ns);
    Steady {
        window,
        cut_front_s: (from_ns - measured.from_ns) as f64 / 1e9,
        cut_back_s: whole.to_ns.saturating_sub(measured.to_ns) as f64 / 1e9,
        cut_requests: requests.partition_point(|request| request.intended_ns < from_ns) as u64,
        decided_by,
        output: stationarity(&output[first_bin..]),
        latency: stationarity(&latencies.values[first..]),
    }
}

/// How many values to cut: MSER-5's answer, a half where it says that the series never settled.
fn cut_of(values: &[f64]) -> Option<usize> {
    if values.len() < VALUES_MIN {
        return None;
    }
    Some(mser5(values).unwrap_or(values.len() / 2))
}

/// First-token times in the order of intention; whole answers where there are no streams.
struct Latencies {
    name: &'static str,
    moments: Vec<u64>,
    values: Vec<f64>,
}

impl Latencies {
    fn of(requests: &[&RequestRecord]) -> Self {
        let series = |definition: Definition| -> (Vec<u64>, Vec<f64>) {
            let pairs = requests
                .iter()
                .filter_map(|request| Some((request.intended_ns, definition.of(request, None)?)));
            pairs.unzip()
        };
        let (moments, values) = series(Definition::Ttft);
        if values.is_empty() {
            let (moments, values) = series(Definition::E2e);
            return Self {
                name: "e2e",
                moments,
                values,
            };
        }
        Self {
            name: "ttft",
            moments,
            values,
        }
    }
}

/// Output tokens of each bin; whole answers where nothing counts tokens.
fn output_over_time(recording: &Recording, window: Window, tokens: TokenRule) -> Vec<f64> {
    let span = window.to_ns.saturating_sub(window.from_ns);
    let mut bins = vec![0.0; BINS];
    let mut add = |at_ns: u64, amount: f64| {
        if window.contains(at_ns) {
            let bin = (at_ns - window.from_ns) as u128 * BINS as u128 / u128::from(span);
            if let Some(bin) = usize::try_from(bin).ok().and_then(|bin| bins.get_mut(bin)) {
                *bin += amount;
            }
        }
    };
    for request in recording.requests() {
        match (request.outcome, request.first_token_ns) {
            (Outcome::Failed(_), _) => {}
            (Outcome::Ok, None) => add(request.end_ns, tokens.of(request).unwrap_or(1.0)),
            (_, None) => {}
            (_, Some(first)) => {
                let mut at_ns = first;
                add(at_ns, 1.0);
                for gap in recording.gaps_ns(request) {
                    at_ns += gap;
                    add(at_ns, 1.0);
                }
            }
        }
    }
    bins
}

/// Trend and shift of a series, from the means of batches; `None` with too few values.
#[must_use]
pub fn stationarity(values: &[f64]) -> Option<Stationarity> {
    if values.len() < 2 * BATCHES {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if mean == 0.0 {
        return None;
    }
    let size = values.len() / BATCHES;
    let batches: Vec<f64> = values
        .rchunks_exact(size)
        .take(BATCHES)
        .map(|batch| batch.iter().sum::<f64>() / size as f64)
        .collect();
    // `rchunks` goes backwards: the first batch is the last in time.
    let n = batches.len() as f64;
    let middle = 0.5 * (n - 1.0);
    let batch_mean = batches.iter().sum::<f64>() / n;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (i, value) in batches.iter().enumerate() {
        let (x, y) = (middle - i as f64, value - batch_mean);
        xx += x * x;
        xy += x * y;
        yy += y * y;
    }
    let slope = xy / xx;
    let rest = (yy - slope * xy).max(0.0);
    // Batches of a queue still depend on each other a little: what the series itself says of its error counts too.
    let own = batched_mean(&plain(values)).map_or(0.0, |batched| batched.se * (n).sqrt());
    let sigma = (rest / (n - 2.0)).sqrt().max(own);
    let tail = 0.5 * (1.0 - LEVEL);
    let half = BATCHES / 2;
    let second = batches[..half].iter().sum::<f64>() / half as f64;
    let first = batches[half..].iter().sum::<f64>() / (batches.len() - half) as f64;
    Some(Stationarity {
        drift: slope * n / mean,
        has_trend: slope.abs() > t_isf(tail, n - 2.0) * sigma / xx.sqrt(),
        shift: (second - first) / mean,
        has_shift: (second - first).abs() > t_isf(tail, n - 2.0) * sigma * 2.0 / n.sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Phase, WorkerRecording};
    use crate::series::tests::ar1;

    /// Protects: a beginning that differs is cut about where it ends, a level series is left whole, a trend is no
    /// steady state.
    #[test]
    fn warm_up_is_found() {
        for seed in 0..20 {
            let mut values: Vec<f64> = ar1(2_000, 0.5, seed).iter().map(|x| 100.0 + 5.0 * x).collect();
            let level = mser5(&values).unwrap();
            assert!(level <= 600, "seed {seed}: {level}");
            for (i, value) in values.iter_mut().enumerate().take(400) {
                *value += 200.0 * (1.0 - i as f64 / 400.0);
            }
            let cut = mser5(&values).unwrap();
            assert!((330..=1_000).contains(&cut), "seed {seed}: {cut}");
        }
        let trend: Vec<f64> = (0..1_000).map(f64::from).collect();
        assert_eq!(mser5(&trend), None);
        assert_eq!(mser5(&[5.0; 100]), Some(0));
        assert_eq!(mser5(&[]), Some(0));
    }

    /// Protects: trends and shifts are seen, and dependent values without either are rarely taken for one.
    #[test]
    fn trends_and_shifts() {
        let mut false_alarms = 0;
        for seed in 0..200 {
            let calm: Vec<f64> = ar1(2_000, 0.8, seed).iter().map(|x| 100.0 + 5.0 * x).collect();
            let found = stationarity(&calm).unwrap();
            false_alarms += u32::from(found.has_trend || found.has_shift);
            let rising: Vec<f64> = calm
                .iter()
                .enumerate()
                .map(|(i, x)| x + i as f64 * 0.02)
                .collect();
            let found = stationarity(&rising).unwrap();
            assert!(found.has_trend && found.drift > 0.2, "{found:?}");
            let stepped: Vec<f64> = calm
                .iter()
                .enumerate()
                .map(|(i, x)| if i < 1_000 { *x } else { x - 20.0 })
                .collect();
            let found = stationarity(&stepped).unwrap();
            assert!(found.has_shift && found.shift < -0.1, "{found:?}");
        }
        assert!(false_alarms <= 10, "{false_alarms} of 200");
        assert_eq!(stationarity(&[1.0; 39]), None);
        assert_eq!(stationarity(&[0.0; 400]), None);
    }

    /// Protects: the window of a recording: slow first answers are cut, the drain is, and both are told.
    #[test]
    fn window_of_a_recording() {
        let ms = 1_000_000;
        let requests = (0..2_000u64).map(|i| {
            let at = i * 10 * ms;
            // The first 2 s are slow, after that first tokens take 50 to 56 ms.
            let wait = if i < 200 { 400 - i } else { 50 + i % 7 };
            RequestRecord {
                phase: Phase::Measured,
                outcome: Outcome::Ok,
                intended_ns: at,
                sent_ns: Some(at),
                first_token_ns: Some(at + wait * ms),
                last_token_ns: Some(at + wait * ms),
                end_ns: at + (wait + 1) * ms,
                events: 1,
                is_stream: true,
                ..RequestRecord::default()
            }
        });
        let recording = Recording {
            workers: vec![WorkerRecording {
                requests: requests.collect(),
                ..WorkerRecording::default()
            }],
            measured_from_ns: 0,
            measured_to_ns: 20_000 * ms,
            ended_ns: 21_000 * ms,
            ..Recording::default()
        };
        let steady = steady_window(&recording, TokenRule::default());
        assert!((1.9..4.0).contains(&steady.cut_front_s), "{steady:?}");
        assert_eq!(steady.cut_back_s, 1.0);
        assert_eq!(steady.window.to_ns, 20_000 * ms);
        assert!(steady.decided_by.is_some());
        assert!((190..400).contains(&steady.cut_requests));
        assert!(steady.is_steady(), "{steady:?}");
        let nothing = steady_window(&Recording::default(), TokenRule::default());
        assert!(!nothing.is_steady() && nothing.decided_by.is_none());
    }
}
