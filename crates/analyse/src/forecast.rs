//! What a run will take before it starts: calls, tokens, money, wall time. Pure, and apart from findings, because it
//! speaks of calls that nobody has made: sizes of prompts and limits come in, and what one call was like in the past.
//!
//! A quantity is a value with a prediction interval where runs of the same plan are on record; a range by assumption, of no
//! method and from no observation, where none is; and only a bound where nothing better is known. What is unknown stays
//! `None`.

use crate::series::LEVEL;
use seatrial_stats::dist;
use seatrial_types::{CallProfile, Estimate, MeanSd, Method, Money, Price, SampleFigures, Unit};
use serde::Serialize;

/// Characters of a prompt for one token where no run has told better: the usual figure for English text. Code has
/// fewer, most other scripts have far fewer.
pub const CHARS_PER_TOKEN: f64 = 4.0;
/// The range of that figure: from scripts that take a token for nearly each character to prose of long words.
pub const CHARS_PER_TOKEN_RANGE: (f64, f64) = (1.5, 6.0);
const MINUTE_MS: f64 = 60_000.0;

/// How fast a target may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pace {
    /// Calls in flight at the start, at least 1.
    pub concurrency_start: u64,
    /// Calls in flight at most; above the start where concurrency adapts.
    pub concurrency_max: u64,
    /// Requests per minute at most.
    pub rpm: Option<u64>,
    /// Tokens per minute at most.
    pub tpm: Option<u64>,
}

/// What a past run told about calls of this target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum History {
    /// A run of the same plan: prompts, parameters and prices are the same, so all of it holds.
    SamePlan(CallProfile),
    /// A run of another plan with the same endpoint, model and parameters: only its latency is of use, as a value
    /// without an interval, since prompts and answers differ.
    SameTarget(CallProfile),
}

/// One target, and how much will be asked of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Name of the target.
    pub target: String,
    /// Calls still to be made.
    pub calls: u64,
    /// Mean number of characters in a prompt over these calls; `None` where it is unknown.
    pub prompt_chars_mean: Option<f64>,
    /// Most tokens of an answer, where the request sets a limit.
    pub answer_tokens_max: Option<u64>,
    /// What the target charges.
    pub price: Option<Price>,
    /// How fast it may be asked.
    pub pace: Pace,
    /// What is known of earlier calls.
    pub history: Option<History>,
}

/// What bounds the wall time of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundBy {
    /// Calls in flight and how long one takes.
    Concurrency,
    /// Requests per minute.
    Rpm,
    /// Tokens per minute.
    Tpm,
    /// Unknown, because neither a latency nor a rate is known.
    Unknown,
}

/// What asking one target will take, retries left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetForecast {
    /// Name of the target.
    pub target: String,
    /// Calls to be made.
    pub calls: u64,
    /// Prompt tokens.
    pub input_tokens: Estimate,
    /// Generated tokens.
    pub output_tokens: Estimate,
    /// Money, US dollars.
    pub cost_usd: Estimate,
    /// Wall time, milliseconds.
    pub duration_ms: Estimate,
    /// What bounds the wall time.
    pub bound_by: BoundBy,
}

/// What a run will take over all targets, which are asked at the same time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// By target, in the order of the questions.
    pub targets: Vec<TargetForecast>,
    /// Calls over all targets.
    pub calls: u64,
    /// Prompt tokens over all targets.
    pub input_tokens: Estimate,
    /// Generated tokens over all targets.
    pub output_tokens: Estimate,
    /// Money over all targets.
    pub cost_usd: Estimate,
    /// Wall time of the slowest target.
    pub duration_ms: Estimate,
}

/// Forecasts a run of these targets.
///
/// Sums over calls have Student's prediction interval: N · mean ± t(n − 1) · sd · √(N + N²/n) for N calls after n seen
/// (for instance Hahn and Meeker, "Statistical Intervals", §4.8, times N). Money takes the interval of past prices,
/// else follows from tokens. Wall time is the number of rounds of calls in flight times the mean latency, but not less
/// than the rate limits demand; doubling from the start to the bound is counted.
#[must_use]
pub fn forecast(questions: &[Question]) -> Forecast {
    let targets: Vec<TargetForecast> = questions.iter().map(forecast_target).collect();
    let sum = |part: fn(&TargetForecast) -> &Estimate, unit| {
        total(&targets.iter().map(part).collect::<Vec<_>>(), unit)
    };
    Forecast {
        calls: targets
            .iter()
            .fold(0, |sum, target| target.calls.saturating_add(sum)),
        input_tokens: sum(|target| &target.input_tokens, Unit::Tokens),
        output_tokens: sum(|target| &target.output_tokens, Unit::Tokens),
        cost_usd: sum(|target| &target.cost_usd, Unit::Usd),
        duration_ms: slowest(&targets),
        targets,
    }
}

fn forecast_target(question: &Question) -> TargetForecast {
    let past = match &question.history {
        Some(History::SamePlan(profile)) => *profile,
        _ => CallProfile::default(),
    };
    let calls = count(question.calls);
    let input_tokens = match (past.input_tokens, question.prompt_chars_mean) {
        (Some(tokens), _) => predicted_sum(tokens, question.calls, Unit::Tokens),
        (None, Some(chars)) => {
            let tokens = |per_token: f64| Some((chars / per_token).ceil() * calls);
            let (fewest, most) = CHARS_PER_TOKEN_RANGE;
            assumed(
                tokens(CHARS_PER_TOKEN),
                (tokens(most), tokens(fewest)),
                Unit::Tokens,
            )
        }
        (None, None) => assumed(None, (None, None), Unit::Tokens),
    };
    let output_tokens = match past.output_tokens {
        Some(tokens) => predicted_sum(tokens, question.calls, Unit::Tokens),
        None => {
            let most = question.answer_tokens_max.map(|most| count(most) * calls);
            assumed(None, (None, most), Unit::Tokens)
        }
    };
    let cost_usd = match (past.cost_usd, &question.price) {
        (_, None) => assumed(None, (None, None), Unit::Usd),
        (Some(cost), Some(_)) => predicted_sum(cost, question.calls, Unit::Usd),
        (None, Some(price)) => priced(price, question, &input_tokens, &output_tokens),
    };
    let (duration_ms, bound_by) = duration(question, &input_tokens, &output_tokens);
    TargetForecast {
        target: question.target.clone(),
        calls: question.calls,
        input_tokens,
        output_tokens,
        cost_usd,
        duration_ms,
        bound_by,
    }
}

/// What rests on no observation: `ends` are those of an assumption, not of an interval with a confidence.
fn assumed(value: Option<f64>, ends: (Option<f64>, Option<f64>), unit: Unit) -> Estimate {
    Estimate {
        value,
        low: ends.0,
        high: ends.1,
        level: LEVEL,
        n: 0,
        method: Method::None,
        unit,
    }
}

/// The sum over `calls` calls like those of the past, with its prediction interval; no lower end below 0.
fn predicted_sum(past: MeanSd, calls: u64, unit: Unit) -> Estimate {
    let (n, calls) = (count(past.n), count(calls));
    let value = past.mean * calls;
    let half = past.sd.filter(|_| past.n > 1).map(|sd| {
        let t = dist::t_isf((1.0 - LEVEL) / 2.0, n - 1.0);
        t * sd * (calls + calls * calls / n).sqrt()
    });
    let half = half.filter(|half| half.is_finite());
    Estimate {
        value: Some(value).filter(|value| value.is_finite()),
        low: half.map(|half| (value - half).max(0.0)),
        high: half.map(|half| value + half),
        level: LEVEL,
        n: past.n,
        method: half.map_or(Method::None, |_| Method::StudentT),
        unit,
    }
}

/// Tokens times price. The dearer ends of both are the dearer end of money, and the cheaper ones the cheaper end; an answer
/// of unknown length costs nothing at least.
fn priced(price: &Price, question: &Question, input: &Estimate, output: &Estimate) -> Estimate {
    let calls = count(question.calls);
    let usd = |input: Option<f64>, output: Option<f64>| {
        let per_token = |price: Money| price.to_usd_f64() / 1e6;
        let (input, output) = (input?, output?);
        // Prompts are taken as equally long: that decides which cliff they pass. `as` saturates.
        let (input_usd, output_usd) = price.plain((input / calls.max(1.0)).ceil() as u64);
        let tokens = per_token(input_usd) * input + per_token(output_usd) * output;
        Some(tokens + price.request_fee().to_usd_f64() * calls)
    };
    let low = usd(
        input.low.or(input.value),
        output.low.or(output.value).or(Some(0.0)),
    );
    let high = usd(input.high.or(input.value), output.high.or(output.value));
    let value = usd(input.value, output.value);
    let is_range = low != high;
    assumed(
        value,
        (low.filter(|_| is_range), high.filter(|_| is_range)),
        Unit::Usd,
    )
}

fn duration(question: &Question, input: &Estimate, output: &Estimate) -> (Estimate, BoundBy) {
    let (latency, is_same_plan) = match &question.history {
        Some(History::SamePlan(profile)) => (profile.latency_ms, true),
        Some(History::SameTarget(profile)) => (profile.latency_ms, false),
        None => (None, false),
    };
    let calls = count(question.calls);
    let tokens = input.value.zip(output.value.or(output.high));
    let by_rate = [
        (
            question.pace.rpm.map(|rpm| calls / count(rpm) * MINUTE_MS),
            BoundBy::Rpm,
        ),
        (
            question
                .pace
                .tpm
                .zip(tokens)
                .map(|(tpm, (input, output))| (input + output) / count(tpm) * MINUTE_MS),
            BoundBy::Tpm,
        ),
    ];
    let slowest_rate = by_rate
        .into_iter()
        .filter_map(|(ms, by)| Some((ms?, by)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let rounds = rounds(question.calls, &question.pace);
    let Some(latency) = latency else {
        // Nothing is known of the target's speed: the rates say what it takes at least.
        let (low, by) = slowest_rate.map_or((None, BoundBy::Unknown), |(ms, by)| (Some(ms), by));
        return (assumed(None, (low, None), Unit::Ms), by);
    };
    // The mean of N further latencies, times the rounds that they are spread over.
    let mut estimate = predicted_sum(latency, question.calls, Unit::Ms);
    let scale = if question.calls == 0 { 0.0 } else { rounds / calls };
    let ends = [&mut estimate.value, &mut estimate.low, &mut estimate.high];
    for end in ends {
        *end = end.map(|end| end * scale);
    }
    if !is_same_plan {
        (estimate.low, estimate.high, estimate.method) = (None, None, Method::None);
    }
    let Some((ms, by)) = slowest_rate.filter(|(ms, _)| estimate.value.is_some_and(|value| *ms > value))
    else {
        return (estimate, BoundBy::Concurrency);
    };
    estimate.value = Some(ms);
    estimate.low = estimate.low.map(|_| ms);
    estimate.high = estimate.high.map(|high| high.max(ms));
    (estimate, by)
}

/// Latencies that follow each other: calls over calls in flight, which double from the start to the bound.
fn rounds(calls: u64, pace: &Pace) -> f64 {
    let most = pace.concurrency_max.max(1);
    let mut in_flight = pace.concurrency_start.clamp(1, most);
    let (mut left, mut rounds) = (calls, 0.0);
    // Doubles up to 64 times at most.
    while in_flight < most && left > in_flight {
        left -= in_flight;
        in_flight = in_flight.saturating_mul(2).min(most);
        rounds += 1.0;
    }
    // A last round that is not full takes as long as a full one, and so does the only one.
    rounds + count(left.div_ceil(in_flight))
}

/// The sum over targets. Predictions are independent, so that their half-widths add up in squares; assumptions are wrong
/// together, so that their ends add up.
fn total(parts: &[&Estimate], unit: Unit) -> Estimate {
    let sum = |part: fn(&Estimate) -> Option<f64>| {
        parts
            .iter()
            .copied()
            .map(part)
            .try_fold(0.0, |sum, part| Some(sum + part?))
    };
    let value = sum(|part| part.value);
    let squares =
        |side: fn(&Estimate) -> Option<f64>| sum(side).map(|squares: f64| squares.sqrt()).zip(value);
    let is_interval = parts.iter().all(|part| part.method == Method::StudentT);
    let low = squares(|part| Some((part.value? - part.low?).powi(2))).filter(|_| is_interval);
    let high = squares(|part| Some((part.high? - part.value?).powi(2))).filter(|_| is_interval);
    let is_interval = low.is_some() && high.is_some();
    let has = |end: fn(&Estimate) -> Option<f64>| parts.iter().any(|part| end(part).is_some());
    Estimate {
        value,
        low: match low {
            Some((half, value)) => Some((value - half).max(0.0)),
            None => sum(|part| part.low.or(part.value)).filter(|_| has(|part| part.low)),
        },
        high: match high {
            Some((half, value)) => Some(value + half),
            // Bounds of what is unknown, and values of what has none, still bound the sum.
            None => sum(|part| part.high.or(part.value)).filter(|_| has(|part| part.high)),
        },
        level: LEVEL,
        n: parts.iter().map(|part| part.n).min().unwrap_or(0),
        method: if is_interval {
            Method::StudentT
        } else {
            Method::None
        },
        unit,
    }
}

/// Targets are asked at the same time: the run takes as long as the slowest. Unknown where any is unknown, except that
/// every lower end is one of the whole.
fn slowest(targets: &[TargetForecast]) -> Estimate {
    let durations = || targets.iter().map(|target| &target.duration_ms);
    let all = |part: fn(&Estimate) -> Option<f64>| {
        durations()
            .map(part)
            .try_fold(0.0_f64, |most, part| Some(most.max(part?)))
    };
    let lows = durations().filter_map(|duration| duration.low.or(duration.value));
    let (value, high) = (all(|duration| duration.value), all(|duration| duration.high));
    let has_low = durations().any(|duration| duration.low.is_some());
    Estimate {
        value,
        low: lows.reduce(f64::max).filter(|_| has_low),
        high,
        level: LEVEL,
        n: durations().map(|duration| duration.n).min().unwrap_or(0),
        method: if value.is_some() && high.is_some() {
            Method::StudentT
        } else {
            Method::None
        },
        unit: Unit::Ms,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of calls and tokens far below 2^53"
)]
fn count(n: u64) -> f64 {
    n as f64
}

/// Makes a [`CallProfile`] of recorded samples.
#[derive(Debug, Clone, Default)]
pub struct Profiler {
    input_tokens: Running,
    output_tokens: Running,
    cost_usd: Running,
    latency_ms: Running,
}

impl Profiler {
    /// Adds a sample; errors and cached answers say nothing about calls and are left out.
    pub fn add(&mut self, sample: &SampleFigures) {
        if sample.error.is_some() || sample.cached {
            return;
        }
        self.input_tokens.add(sample.usage.input_tokens.map(count));
        self.output_tokens.add(sample.usage.output_tokens.map(count));
        self.cost_usd.add(sample.cost.map(Money::to_usd_f64));
        self.latency_ms.add(sample.latency_ns.map(|ns| count(ns) / 1e6));
    }

    /// What one call was like.
    #[must_use]
    pub fn profile(&self) -> CallProfile {
        CallProfile {
            input_tokens: self.input_tokens.summary(),
            output_tokens: self.output_tokens.summary(),
            cost_usd: self.cost_usd.summary(),
            latency_ms: self.latency_ms.summary(),
        }
    }
}

/// Mean and spread of values as they come (Welford, 1962).
#[derive(Debug, Clone, Copy, Default)]
struct Running {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return;
        };
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / count(self.n);
        self.squares += before * (value - self.mean);
    }

    fn summary(self) -> Option<MeanSd> {
        (self.n > 0).then(|| MeanSd {
            n: self.n,
            mean: self.mean,
            sd: (self.n > 1).then(|| (self.squares / (count(self.n) - 1.0)).sqrt()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(calls: u64) -> Question {
        Question {
            target: "a".to_owned(),
            calls,
            prompt_chars_mean: Some(400.0),
            answer_tokens_max: Some(50),
            price: Some(Price {
                input_usd_per_mtok: "1".parse().unwrap(),
                output_usd_per_mtok: "10".parse().unwrap(),
                ..Price::default()
            }),
            pace: Pace {
                concurrency_start: 20,
                concurrency_max: 100,
                rpm: None,
                tpm: None,
            },
            history: None,
        }
    }

    fn of(mean: f64, sd: f64, n: u64) -> Option<MeanSd> {
        Some(MeanSd {
            n,
            mean,
            sd: Some(sd),
        })
    }

    fn profile() -> CallProfile {
        CallProfile {
            input_tokens: of(120.0, 30.0, 100),
            output_tokens: of(20.0, 10.0, 100),
            cost_usd: of(0.000_32, 0.000_1, 100),
            latency_ms: of(500.0, 100.0, 100),
        }
    }

    /// Protects "no bare number": without a history there is a range by assumption, of no method: 400 characters are 67 to
    /// 267 tokens. An answer costs nothing at least.
    #[test]
    fn without_history_only_assumptions_and_bounds() {
        let forecast = forecast(&[question(200)]);
        let target = &forecast.targets[0];
        assert_eq!(
            (
                target.input_tokens.value,
                target.input_tokens.low,
                target.input_tokens.high
            ),
            (Some(20_000.0), Some(13_400.0), Some(53_400.0))
        );
        assert_eq!(
            (target.input_tokens.n, target.input_tokens.method),
            (0, Method::None)
        );
        assert_eq!(
            (target.output_tokens.value, target.output_tokens.high),
            (None, Some(10_000.0))
        );
        assert_eq!(target.cost_usd.value, None);
        let most = target.cost_usd.high.unwrap();
        assert!((most - (0.0534 + 0.1)).abs() < 1e-12, "{most}");
        let least = target.cost_usd.low.unwrap();
        assert!((least - 0.0134).abs() < 1e-12, "{least}");
        assert_eq!(
            (target.duration_ms.value, target.bound_by),
            (None, BoundBy::Unknown)
        );
        assert_eq!(forecast.cost_usd.high, Some(most));
        assert_eq!(forecast.output_tokens.high, Some(10_000.0));
    }

    /// Protects the prediction interval against the textbook: 100 seen, 50 to come.
    #[test]
    fn a_history_gives_prediction_intervals() {
        let mut asked = question(50);
        asked.history = Some(History::SamePlan(profile()));
        let target = forecast(&[asked]).targets.remove(0);
        let tokens = target.input_tokens;
        assert_eq!(
            (tokens.value, tokens.n, tokens.method),
            (Some(6000.0), 100, Method::StudentT)
        );
        // t(99) at 0.975 is 1.98422 (R: qt(.975, 99)); √(50 + 2500/100) = 8.660254.
        let half = 1.984_217 * 30.0 * 75.0_f64.sqrt();
        assert!(
            (tokens.high.unwrap() - (6000.0 + half)).abs() < 1e-2,
            "{tokens:?}"
        );
        assert!((tokens.low.unwrap() - (6000.0 - half)).abs() < 1e-2, "{tokens:?}");
        assert!((target.cost_usd.value.unwrap() - 0.016).abs() < 1e-12);
        assert_eq!(target.bound_by, BoundBy::Concurrency);
    }

    /// Protects the wall time: rounds of doubling concurrency, and rates that are slower than it.
    #[test]
    fn wall_time_counts_rounds_and_rates() {
        let mut asked = question(240);
        asked.history = Some(History::SameTarget(profile()));
        // 20 + 40 + 80 in three rounds, then 100 in the last.
        let fast = forecast(&[asked.clone()]).targets.remove(0);
        assert_eq!(
            (fast.duration_ms.value, fast.duration_ms.high),
            (Some(2000.0), None)
        );
        asked.pace.rpm = Some(60);
        let slow = forecast(&[asked.clone()]);
        assert_eq!(slow.targets[0].duration_ms.value, Some(240_000.0));
        assert_eq!(slow.targets[0].bound_by, BoundBy::Rpm);
        asked.history = None;
        asked.pace.tpm = Some(1000);
        let unknown = forecast(&[asked]).targets.remove(0);
        // 24,000 prompt tokens and at most 12,000 of answers, at 1000 a minute.
        assert_eq!(
            (unknown.duration_ms.low, unknown.bound_by),
            (Some(2_160_000.0), BoundBy::Tpm)
        );
    }

    /// Protects totals: an unknown price makes the sum unknown, and the slowest target is the run's.
    #[test]
    fn totals_keep_what_is_unknown() {
        let mut known = question(50);
        known.history = Some(History::SamePlan(profile()));
        let mut silent = known.clone();
        silent.price = None;
        let both = forecast(&[known.clone(), silent]);
        assert_eq!((both.cost_usd.value, both.cost_usd.high), (None, None));
        assert_eq!((both.calls, both.input_tokens.value), (100, Some(12_000.0)));
        let half = |estimate: &Estimate| estimate.high.unwrap() - estimate.value.unwrap();
        let one = forecast(&[known]);
        assert!((half(&both.input_tokens) - 2.0_f64.sqrt() * half(&one.input_tokens)).abs() < 1e-9);
        assert_eq!(both.duration_ms, one.duration_ms);
        let guessed = forecast(&[question(200), question(200)]);
        assert_eq!(
            (guessed.input_tokens.low, guessed.input_tokens.high),
            (Some(26_800.0), Some(106_800.0)),
            "assumptions are wrong together"
        );
        let nothing = forecast(&[]);
        assert_eq!((nothing.calls, nothing.cost_usd.value), (0, Some(0.0)));
    }

    proptest! {
        /// Protects every caller: intervals hold their value, nothing is NaN, nothing is negative.
        #[test]
        fn ends_hold_the_value(calls in 0_u64..1_000_000, start in 0_u64..200, most in 0_u64..5000, mean in 0.0_f64..1e5,
                               sd in 0.0_f64..1e5, n in 1_u64..1000, rpm in proptest::option::of(1_u64..10_000)) {
            let mut asked = question(calls);
            let moments = Some(MeanSd { n, mean, sd: (n > 1).then_some(sd) });
            asked.pace = Pace { concurrency_start: start, concurrency_max: most, rpm, tpm: None };
            asked.history = Some(History::SamePlan(CallProfile {
                input_tokens: moments, output_tokens: moments, cost_usd: None, latency_ms: moments,
            }));
            let whole = forecast(&[asked.clone(), asked]);
            let target = &whole.targets[0];
            for estimate in [target.input_tokens, target.output_tokens, target.cost_usd, target.duration_ms,
                             whole.input_tokens, whole.cost_usd, whole.duration_ms] {
                let value = estimate.value.unwrap();
                prop_assert!(value.is_finite() && value >= 0.0);
                prop_assert!(estimate.low.is_none_or(|low| low <= value + 1e-6 * value && low >= 0.0), "{estimate:?}");
                prop_assert!(estimate.high.is_none_or(|high| high >= value - 1e-6 * value), "{estimate:?}");
            }
        }

        /// Protects histories of long runs: the running figures are those of all values together.
        #[test]
        fn running_is_the_whole(values in proptest::collection::vec(-1e6_f64..1e6, 1..50)) {
            let mut running = Running::default();
            values.iter().for_each(|value| running.add(Some(*value)));
            let summary = running.summary().unwrap();
            let n = count(values.len() as u64);
            let mean = values.iter().sum::<f64>() / n;
            prop_assert!((summary.mean - mean).abs() <= 1e-6 * mean.abs().max(1.0));
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
            if let Some(sd) = summary.sd {
                prop_assert!((sd - variance.sqrt()).abs() <= 1e-6 * variance.sqrt().max(1.0));
            }
        }
    }
}
