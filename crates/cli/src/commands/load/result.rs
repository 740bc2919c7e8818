//! What is told of a load: every number with its name, interval and certificate, once, for JSON and the screen alike. Apart
//! from both, so that they cannot differ.

use super::endpoint::Asked;
use super::pace::Schedule;
use super::sized::PromptLengths;
use crate::args::LoadArguments;
use seatrial_load::bounds::certify;
use seatrial_load::certificate::{Certificate, Circumstances, Trust};
use seatrial_load::intervals::Bounded;
use seatrial_load::littles::LittlesLaw;
use seatrial_load::metrics::{Latency, LoadMetrics, MeasureOptions, TokenRule, Window, measure};
use seatrial_load::slo::Objectives;
use seatrial_load::steady::{Steady, steady_window};
use seatrial_load::{EarlyEnd, RunResult};
use seatrial_types::{ExitCode, MetricResult, TOOL_VERSION};
use serde_json::{Map, Value, json};

/// Confidence of intervals.
pub(super) const LEVEL: f64 = 0.95;

/// Whether a metric's numbers can be trusted, or are there at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Degraded,
    Withheld,
    Unavailable,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Withheld => "withheld",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One latency with its certificate.
pub(super) struct Metric {
    pub(super) latency: Latency,
    pub(super) status: Status,
    pub(super) certificate: Option<Certificate>,
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
}

impl Metric {
    /// The percentile at `q`, where it may be told.
    pub(super) fn at(&self, q: f64) -> Option<Bounded> {
        self.latency.at(q).filter(|_| self.is_told())
    }

    pub(super) fn mean(&self) -> Option<Bounded> {
        self.latency.mean.filter(|_| self.is_told())
    }

    pub(super) fn is_told(&self) -> bool {
        matches!(self.status, Status::Ok | Status::Degraded)
    }
}

/// Everything about one load.
pub(super) struct LoadResult<'a> {
    pub(super) arguments: &'a LoadArguments,
    pub(super) asked: &'a Asked,
    pub(super) run: &'a RunResult,
    pub(super) whole: LoadMetrics,
    pub(super) measured: LoadMetrics,
    pub(super) steady: Steady,
    /// Rates of the steady window.
    in_stride: LoadMetrics,
    pub(super) metrics: Vec<Metric>,
    pub(super) law: Option<LittlesLaw>,
    /// How output tokens were counted.
    pub(super) tokens: TokenRule,
    pub(super) warnings: Vec<String>,
    pub(super) exit: ExitCode,
    /// What scorers made of the answers, where the load asked a task's cases.
    pub(super) quality: Option<Vec<MetricResult>>,
    /// Against a saved result, where one was named.
    pub(super) comparison: Option<super::diff::AgainstTold>,
    pub(super) started_at: String,
    pub(super) ended_at: String,
}

impl<'a> LoadResult<'a> {
    /// Measures a run.
    pub(super) fn new(
        arguments: &'a LoadArguments,
        asked: &'a Asked,
        schedule: &Schedule,
        run: &'a RunResult,
        objectives: Option<&Objectives>,
        (started_at, ended_at): (String, String),
    ) -> Self {
        let options = MeasureOptions {
            level: LEVEL,
            objectives,
            tokens: run.tokens,
            ..MeasureOptions::default()
        };
        let window = Window::measured(&run.recording);
        let measured = measure(&run.recording, window, &options);
        let whole = measure(&run.recording, Window::whole(&run.recording), &options);
        let steady = steady_window(&run.recording, options.tokens);
        let in_stride = measure(&run.recording, steady.window, &options);
        let circumstances = Circumstances {
            busy_share: run.client.busy_share,
            wait_share: run.client.wait_share,
            throttled: run.client.throttled.map_or(0, |throttled| throttled.periods),
            workers: run.client.workers,
            processors: schedule.processors,
        };
        let mut certificates = certify(&run.recording, &run.gauge, &measured, options.tokens);
        let metrics: Vec<Metric> = measured
            .latencies
            .iter()
            .map(|latency| {
                let certificate = certificates.remove(latency.name);
                metric(
                    latency,
                    certificate,
                    &circumstances,
                    arguments.output.allow_degraded,
                )
            })
            .collect();
        let law = LittlesLaw::of(&run.recording, run.in_flight_mean);
        let mut result = Self {
            arguments,
            asked,
            run,
            whole,
            measured,
            steady,
            in_stride,
            metrics,
            law,
            tokens: options.tokens,
            warnings: Vec::new(),
            exit: ExitCode::Pass,
            quality: None,
            comparison: None,
            started_at,
            ended_at,
        };
        result.warnings = result.warnings();
        let sized = PromptLengths::of(&result).and_then(|sized| sized.warning());
        result.warnings.extend(sized);
        result.exit = result.exit();
        result
    }

    fn exit(&self) -> ExitCode {
        let mut codes = Vec::new();
        if self.run.early_end == Some(EarlyEnd::Interrupted) {
            codes.push(ExitCode::Interrupted);
        }
        let requests = &self.measured.requests;
        if self.failed_share() > self.arguments.output.max_error_rate
            || (requests.ok == 0 && self.run.early_end != Some(EarlyEnd::Interrupted))
        {
            codes.push(ExitCode::Errors);
        }
        if self
            .metrics
            .iter()
            .any(|metric| metric.status == Status::Withheld)
        {
            codes.push(ExitCode::Saturated);
        }
        ExitCode::strongest(&codes)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    pub(super) fn failed_share(&self) -> f64 {
        let requests = &self.measured.requests;
        requests.failed as f64 / requests.n.max(1) as f64
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let requests = &self.measured.requests;
        match self.run.early_end {
            Some(EarlyEnd::Hopeless) => {
                warnings.push("nothing worked, so the run ended early".to_owned());
            }
            Some(EarlyEnd::Full) => warnings.push(format!(
                "the run ended early: there is room for {} requests, and all of it was used",
                seatrial_load::RECORDS_MAX
            )),
            Some(EarlyEnd::Interrupted) => warnings.push("interrupted: the results are of a part".to_owned()),
            None => {}
        }
        if requests.ok == 0 {
            warnings.push("no request of the measurement was answered".to_owned());
        }
        if requests.capped > 0 {
            warnings.push(format!(
                "{} arrivals waited for one of {} connections (--max-in-flight); the …_sched latencies hold their wait",
                requests.capped, self.arguments.shape.max_in_flight
            ));
        }
        if self.run.unsent > 0 {
            warnings.push(format!(
                "{} arrivals were never sent: the endpoint does not keep up with this rate",
                self.run.unsent
            ));
        }
        if let Some(law) = self.law.filter(LittlesLaw::is_broken) {
            warnings.push(format!(
                "requests under way ({:.1}) and throughput times latency ({:.1}) differ by {:.1} %: numbers of this run do \
                 not fit together",
                law.in_flight,
                law.rate_times_latency,
                100.0 * law.mismatch()
            ));
        }
        if !self.run.client.knows_waits {
            warnings.push(
                "this system does not tell how long a thread waits for a processor: certificates know the loop's own turns alone"
                    .to_owned(),
            );
        }
        if let Some(mismatch) = self.measured.tokens.events_mismatch.filter(|share| *share > 0.02) {
            warnings.push(format!(
                "events and tokens differ by {:.0} %: some events carry several tokens, so icl is not a time per token",
                100.0 * mismatch
            ));
        }
        warnings
    }

    /// As `seatrial.load/1`; `calibration` is the client's own floor.
    pub(super) fn json(&self, calibration: &Value) -> Value {
        let metrics: Map<String, Value> = self
            .metrics
            .iter()
            .map(|metric| (metric.latency.name.to_owned(), metric_json(metric)))
            .collect();
        let requests = &self.measured.requests;
        json!({
            "schema": "seatrial.load/1",
            "tool_version": TOOL_VERSION,
            "exit_code": self.exit.code(),
            "warnings": self.warnings,
            "interrupted": self.run.early_end == Some(EarlyEnd::Interrupted),
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "target": target_json(self.asked),
            "load": load_json(self.arguments, self.asked),
            "window": {
                "from_s": seconds(self.measured.window.from_ns),
                "to_s": seconds(self.measured.window.to_ns),
                "seconds": self.measured.window.seconds(),
                "ended_s": seconds(self.run.recording.ended_ns),
            },
            "metrics": metrics,
            "stalls": self.stalls_json(),
            "throughput": throughput_json(&self.measured),
            "steady": self.steady_json(),
            "goodput": self.goodput_json(),
            "whole_run": {
                "seconds": self.whole.window.seconds(),
                "throughput": throughput_json(&self.whole),
            },
            "requests": {
                "n": requests.n,
                "ok": requests.ok,
                "failed": requests.failed,
                "by_error": requests.by_error,
                "cut_off": requests.cut_off,
                "capped": requests.capped,
                "unsent": self.run.unsent,
                "first_errors": self.first_errors().map(|(kind, count, message)| {
                    json!({"kind": kind, "count": count, "message": message})
                }).collect::<Vec<_>>(),
            },
            "tokens": {
                "input": self.measured.tokens.input,
                "output": self.measured.tokens.output,
                "source": self.measured.tokens.source().map(seatrial_load::metrics::TokenSource::as_str),
                "events_mismatch": self.measured.tokens.events_mismatch,
                "prompts": PromptLengths::of(self).map(|sized| sized.json()),
                "tokenizer_mismatch": self.measured.tokens.tokenizer_mismatch,
                "answers_by": {
                    "usage": self.measured.tokens.by_usage,
                    "tokenizer": self.measured.tokens.by_tokenizer,
                    "events": self.measured.tokens.by_events,
                },
            },
            "cases": self.cases_json(),
            "quality": self.quality_json(),
            "turns": self.turns_json(),
            "conversations": self.conversations_json(),
            "client": self.client_json(),
            "littles_law": self.law.map(|law| json!({
                "in_flight": law.in_flight,
                "rate_times_latency": law.rate_times_latency,
                "mismatch": law.mismatch(),
                "holds": !law.is_broken(),
            })),
            "calibration": calibration,
            "verdict": self.comparison.as_ref().map(|told| &told.json["verdict"]),
            "comparison": self.comparison.as_ref().map(|told| &told.json),
        })
    }

    /// Class, number and first message of failures, keys taken out; of warm-up too.
    pub(super) fn first_errors(&self) -> impl Iterator<Item = (&'static str, u64, String)> {
        let key = self.asked.key.clone();
        self.run.failures.iter().map(move |(kind, count, message)| {
            let message = key
                .as_ref()
                .map_or_else(|| message.to_owned(), |key| key.redact(message));
            (kind.as_str(), count, message)
        })
    }

    fn client_json(&self) -> Value {
        let client = &self.run.client;
        let gauge = &self.run.gauge;
        json!({
            "send_lag_ms_p50": gauge.send_lag.quantile_ms(0.5),
            "send_lag_ms_p99": gauge.send_lag.quantile_ms(0.99),
            "read_lag_ms_p50": gauge.read_lag.quantile_ms(0.5),
            "read_lag_ms_p99": gauge.read_lag.quantile_ms(0.99),
            "busy": client.busy_share,
            "waited": client.wait_share,
            "cpu_s": client.loops_cpu_s,
            "process_cpu_s": client.cpu_s,
            "connections": client.connections,
            "reads": client.reads,
            "backlog_bytes_max": gauge.backlog_bytes_max,
            "loops": client.workers,
            "throttled_periods": client.throttled.map(|throttled| throttled.periods),
            "throttled_s": client.throttled.map(|throttled| throttled.time.as_secs_f64()),
            "open_files_max": client.open_files_max,
            "resolve_ms": self.asked.resolve.as_secs_f64() * 1e3,
        })
    }

    /// The part of the measurement in which it was in its stride, and what was cut.
    fn steady_json(&self) -> Value {
        let steady = &self.steady;
        let shown = |series: Option<seatrial_load::steady::Stationarity>| {
            series.map(|series| {
                json!({
                    "drift": series.drift,
                    "has_trend": series.has_trend,
                    "shift": series.shift,
                    "has_shift": series.has_shift,
                })
            })
        };
        json!({
            "from_s": seconds(steady.window.from_ns),
            "to_s": seconds(steady.window.to_ns),
            "cut_front_s": steady.cut_front_s,
            "cut_back_s": steady.cut_back_s,
            "cut_requests": steady.cut_requests,
            "decided_by": steady.decided_by,
            "is_steady": steady.is_steady(),
            "output": shown(steady.output),
            "latency": shown(steady.latency),
            "throughput": throughput_json(&self.in_stride),
        })
    }

    fn goodput_json(&self) -> Value {
        let objectives = self.arguments.objectives.slo.as_ref();
        match (&self.measured.goodput, objectives) {
            (Some(goodput), Some(slo)) => json!({
                "slo": slo,
                "good": goodput.good,
                "n": goodput.n,
                "attainment": goodput.attainment.map(|share| json!({
                    "value": share.value, "low": share.low, "high": share.high, "n_eff": share.n_eff,
                })),
                "requests_per_s": goodput.requests_per_s,
            }),
            _ => Value::Null,
        }
    }

    fn stalls_json(&self) -> Value {
        self.measured.stalls.as_ref().map_or(Value::Null, |stalls| {
            json!({
                "over_ms": stalls.over_ms,
                "count": stalls.count,
                "requests": stalls.requests,
                "of_requests": stalls.of_requests,
                "total_ms": stalls.total_ms,
                "longest_ms": stalls.longest_ms,
            })
        })
    }
}

/// An endpoint, as results tell it.
pub(super) fn target_json(asked: &Asked) -> Value {
    json!({
        "url": asked.url,
        "api": asked.api,
        "model": asked.model,
        "tls": asked.target.tls.is_some(),
    })
}

/// What was asked for, as results tell it.
pub(super) fn load_json(arguments: &LoadArguments, asked: &Asked) -> Value {
    let shape = &arguments.shape;
    let trace = arguments.inputs.trace.as_ref();
    let talk = &arguments.talk;
    let is_open = shape.rate.is_some() || trace.is_some();
    json!({
        "loop": if is_open { "open" } else { "closed" },
        "concurrency": shape.concurrency,
        "rate": shape.rate,
        "arrivals": shape.rate.as_ref().map(|_| &shape.arrivals),
        "bursts": shape.bunched.bursts,
        "together": shape.rate.as_ref().map(|_| shape.bunched.together),
        "turns": talk.turns,
        "think_time": talk.turns.as_ref().map(|_| &talk.think_time),
        "follow_up": talk.follow_up,
        "follow_up_tokens": talk.follow_up_tokens,
        "history": talk.turns.as_ref().map(|_| talk.history.as_str()),
        "trace": trace.map(|path| path.display().to_string()),
        "speed": trace.map(|_| arguments.inputs.speed),
        "dataset": arguments.cases.dataset.as_ref().map(|path| path.display().to_string()),
        "fields": arguments.cases.dataset.as_ref().map(|_| &arguments.cases.fields),
        "prompt_template": arguments.cases.prompt_template,
        "suite": arguments.cases.suite.as_ref().map(|path| path.display().to_string()),
        "task": arguments.cases.task,
        "max_in_flight": is_open.then_some(shape.max_in_flight),
        "duration_s": shape.duration.map(|duration| duration.as_secs_f64()),
        "requests": shape.requests,
        "warmup_s": shape.warmup.as_secs_f64(),
        "seed": shape.seed,
        "timeout_s": arguments.endpoint.timeout.as_secs_f64(),
        "cold": arguments.endpoint.cold,
        "stream": !arguments.endpoint.no_stream,
        "prompts": asked.prompts,
    })
}

/// What a certificate and the client's own state make of a metric, and why.
pub(super) fn trust_of(
    certificate: Option<&Certificate>,
    circumstances: &Circumstances,
) -> (Trust, Option<String>) {
    let saturation = circumstances.saturation();
    let trust = match (&saturation, certificate) {
        (Some(_), _) => Trust::Withheld,
        (None, Some(certificate)) => certificate.trust,
        (None, None) => Trust::Ok,
    };
    // What its own stamps say is the better reason, where they say something.
    let own = certificate.and_then(|certificate| certificate.reason.clone());
    (trust, own.or(saturation))
}

fn metric(
    latency: &Latency,
    certificate: Option<Certificate>,
    circumstances: &Circumstances,
    allow_degraded: bool,
) -> Metric {
    let (trust, own) = trust_of(certificate.as_ref(), circumstances);
    let status = match trust {
        _ if latency.n == 0 => Status::Unavailable,
        Trust::Ok => Status::Ok,
        Trust::Withheld if !allow_degraded => Status::Withheld,
        Trust::Degraded | Trust::Withheld => Status::Degraded,
    };
    let reason = match status {
        Status::Unavailable => Some("no answer of this run has it".to_owned()),
        Status::Ok => None,
        Status::Degraded | Status::Withheld => own,
    };
    Metric {
        latency: latency.clone(),
        status,
        certificate,
        remedy: matches!(status, Status::Degraded | Status::Withheld).then(|| circumstances.remedy()),
        reason,
    }
}

fn metric_json(metric: &Metric) -> Value {
    let value = |bounded: Option<Bounded>| bounded.map(|bounded| bounded.value);
    let interval = |bounded: Option<Bounded>| {
        bounded.map_or(Value::Null, |bounded| {
            json!({"low": bounded.low, "high": bounded.high, "n_eff": bounded.n_eff, "settled": bounded.settled})
        })
    };
    let told = metric.is_told();
    let mean = metric.mean();
    let client: Vec<Value> = metric
        .certificate
        .iter()
        .flat_map(|certificate| &certificate.bounds)
        .filter(|_| told)
        .map(|bound| json!({"q": bound.q, "low": bound.low, "high": bound.high}))
        .collect();
    json!({
        "meaning": metric.latency.meaning,
        "unit": "ms",
        "status": metric.status.as_str(),
        "reason": metric.reason,
        "remedy": metric.remedy,
        "p50": value(metric.at(0.5)),
        "p90": value(metric.at(0.9)),
        "p95": value(metric.at(0.95)),
        "p99": value(metric.at(0.99)),
        "p999": value(metric.at(0.999)),
        "mean": value(mean),
        "low": mean.and_then(|mean| mean.low),
        "high": mean.and_then(|mean| mean.high),
        "level": LEVEL,
        "n": told.then_some(metric.latency.n),
        "intervals": {
            "p50": interval(metric.at(0.5)),
            "p90": interval(metric.at(0.9)),
            "p95": interval(metric.at(0.95)),
            "p999": interval(metric.at(0.999)),
            "p99": interval(metric.at(0.99)),
            "mean": interval(mean),
        },
        "client": client,
    })
}

fn throughput_json(metrics: &LoadMetrics) -> Value {
    let throughput = &metrics.throughput;
    let value = |bounded: &Option<Bounded>| bounded.map(|bounded| bounded.value);
    let interval = |bounded: &Option<Bounded>| {
        bounded.map_or(
            Value::Null,
            |bounded| json!({"low": bounded.low, "high": bounded.high}),
        )
    };
    json!({
        "requests_per_s": value(&throughput.requests_per_s),
        "output_tokens_per_s": value(&throughput.output_tokens_per_s),
        "input_tokens_per_s": throughput.input_tokens_per_s,
        "stream_tokens_per_s": value(&throughput.stream_tokens_per_s),
        "intervals": {
            "requests_per_s": interval(&throughput.requests_per_s),
            "output_tokens_per_s": interval(&throughput.output_tokens_per_s),
            "stream_tokens_per_s": interval(&throughput.stream_tokens_per_s),
        },
    })
}

#[expect(clippy::cast_precision_loss, reason = "moments of a run")]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
