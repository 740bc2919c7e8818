//! Streams small enough to compute by hand.

use super::*;
use crate::record::{GapLog, WorkerRecording};
use seatrial_types::CallErrorKind;

const MS: u64 = 1_000_000;

/// A stream, in milliseconds on the run's clock.
#[derive(Clone)]
struct Stream<'a> {
    intended: u64,
    sent: u64,
    first: Option<u64>,
    gaps: &'a [u64],
    usage: Option<u64>,
    outcome: Outcome,
}

impl Stream<'_> {
    const PLAIN: Stream<'static> = Stream {
        intended: 0,
        sent: 10,
        first: Some(110),
        gaps: &[20, 30, 40],
        usage: Some(4),
        outcome: Outcome::Ok,
    };
}

fn recording(streams: &[Stream<'_>]) -> Recording {
    let mut worker = WorkerRecording {
        requests: Vec::new(),
        gaps: GapLog::with_limit(1_000_000),
    };
    for stream in streams {
        let steps: Vec<u32> = stream.gaps.iter().map(|ms| GapLog::steps(ms * MS)).collect();
        let last = stream.first.map(|first| first + stream.gaps.iter().sum::<u64>());
        worker.requests.push(RequestRecord {
            phase: Phase::Measured,
            outcome: stream.outcome,
            status: 200,
            worker: 0,
            intended_ns: stream.intended * MS,
            due_ns: stream.intended * MS,
            sent_ns: Some(stream.sent * MS),
            write_ns: 0,
            connect_ns: None,
            tls_ns: None,
            first_byte_ns: Some((stream.sent + 1) * MS),
            first_event_ns: Some((stream.sent + 2) * MS),
            first_token_ns: stream.first.map(|at| at * MS),
            first_answer_token_ns: stream.first.map(|at| at * MS),
            last_token_ns: last.map(|at| at * MS),
            end_ns: (last.unwrap_or(stream.sent) + 5) * MS,
            first_token_lag_ns: 0,
            last_token_lag_ns: 0,
            events: stream.first.map_or(0, |_| stream.gaps.len() as u32 + 1),
            tokens_in: Some(7),
            tokens_out: stream.usage,
            text_bytes: 40,
            is_reused: true,
            is_ahead: false,
            is_capped: false,
            is_stream: true,
            gaps: worker.gaps.push(&steps),
            prompt: 0,
            ..RequestRecord::default()
        });
    }
    Recording {
        workers: vec![worker],
        measured_from_ns: 0,
        measured_to_ns: 1_000 * MS,
        ended_ns: 1_000 * MS,
        ..Recording::default()
    }
}

fn measured(streams: &[Stream<'_>]) -> LoadMetrics {
    let recording = recording(streams);
    measure(
        &recording,
        Window::measured(&recording),
        &MeasureOptions::default(),
    )
}

fn mean(metrics: &LoadMetrics, name: &str) -> Option<f64> {
    metrics.latency(name).unwrap().mean.map(|mean| mean.value)
}

#[track_caller]
fn assert_near(found: Option<f64>, expected: f64) {
    assert!(
        found.is_some_and(|found| (found - expected).abs() < 1e-6),
        "{found:?}, expected {expected}"
    );
}

/// Protects: every definition, on one stream: sent at 10, tokens at 110, 130, 160, 200.
#[test]
fn one_stream_by_every_name() {
    let metrics = measured(&[Stream::PLAIN]);
    for (name, expected) in [
        ("ttft", 100.0),
        ("ttft_sched", 110.0),
        ("ttfe", 2.0),
        ("ttfb", 1.0),
        ("ttfot", 100.0),
        ("ttst", 20.0),
        ("tpot", 30.0),
        ("tpot_incl", 47.5),
        ("e2e", 190.0),
        ("e2e_sched", 200.0),
        ("icl", 30.0),
        ("itl", 30.0),
    ] {
        assert_near(mean(&metrics, name), expected);
    }
    assert_eq!(metrics.latency("connect").unwrap().n, 0);
    // Four tokens and one answer in a second.
    assert_near(metrics.throughput.output_tokens_per_s.map(|rate| rate.value), 4.0);
    assert_near(metrics.throughput.requests_per_s.map(|rate| rate.value), 1.0);
    assert_near(metrics.throughput.input_tokens_per_s, 7.0);
    assert_near(
        metrics.throughput.stream_tokens_per_s.map(|rate| rate.value),
        1_000.0 / 30.0,
    );
    assert_eq!(metrics.tokens.source(), Some(TokenSource::Usage));
    assert_near(metrics.tokens.events_mismatch, 0.0);
    // One value bounds nothing.
    assert_eq!(metrics.latency("ttft").unwrap().at(0.5), None);
}

/// Protects: several tokens in an event. Sixteen tokens in four events: per token all is a quarter, events are as they
/// were, and the mismatch is told.
#[test]
fn several_tokens_an_event() {
    let metrics = measured(&[Stream {
        usage: Some(16),
        ..Stream::PLAIN
    }]);
    assert_near(mean(&metrics, "tpot"), 90.0 / 15.0);
    assert_near(mean(&metrics, "tpot_incl"), 190.0 / 16.0);
    assert_near(mean(&metrics, "icl"), 30.0);
    assert_near(mean(&metrics, "itl"), 7.5);
    assert_near(metrics.tokens.events_mismatch, -0.75);
    assert_near(
        metrics.throughput.output_tokens_per_s.map(|rate| rate.value),
        16.0,
    );
}

/// Protects: one token has a first-token time and no time between tokens; it does not enter means as 0.
#[test]
fn one_token() {
    let one = Stream {
        gaps: &[],
        usage: Some(1),
        ..Stream::PLAIN
    };
    let metrics = measured(&[one, Stream::PLAIN]);
    let n = |name| metrics.latency(name).unwrap().n;
    assert_eq!(
        (n("ttft"), n("tpot"), n("ttst"), n("icl"), n("e2e")),
        (2, 1, 1, 3, 2)
    );
    assert_near(mean(&metrics, "tpot"), 30.0);
    assert_near(mean(&metrics, "e2e"), (100.0 + 190.0) / 2.0);
    // One event that carries many tokens has no time between them either.
    let lump = measured(&[Stream {
        gaps: &[],
        usage: Some(50),
        ..Stream::PLAIN
    }]);
    assert_eq!(lump.latency("tpot").unwrap().n, 0);
}

/// Protects: without usage events are counted, with a tokenizer the text is; the source is named.
#[test]
fn without_usage() {
    let bare = Stream {
        usage: None,
        ..Stream::PLAIN
    };
    let metrics = measured(std::slice::from_ref(&bare));
    assert_eq!(metrics.tokens.source(), Some(TokenSource::Events));
    assert_near(mean(&metrics, "tpot"), 30.0);
    let recording = recording(&[bare, Stream::PLAIN]);
    let options = MeasureOptions {
        // 40 bytes are ten tokens.
        tokens: TokenRule {
            bytes_per_token: Some(4.0),
        },
        ..MeasureOptions::default()
    };
    let metrics = measure(&recording, Window::measured(&recording), &options);
    assert_eq!((metrics.tokens.by_tokenizer, metrics.tokens.by_usage), (1, 1));
    assert_eq!(metrics.tokens.source(), None);
    assert_near(Some(metrics.tokens.output), 14.0);
    assert_near(metrics.tokens.tokenizer_mismatch, 10.0 / 4.0 - 1.0);
}

/// Protects: failures and cut-off requests are counted apart, and have no latency; tokens of what was cut off came.
#[test]
fn failures_have_no_latency() {
    let failed = Stream {
        outcome: Outcome::Failed(CallErrorKind::Truncated),
        ..Stream::PLAIN
    };
    let cut = Stream {
        outcome: Outcome::CutOff,
        usage: None,
        ..Stream::PLAIN
    };
    let metrics = measured(&[failed, cut, Stream::PLAIN]);
    let counts = &metrics.requests;
    assert_eq!((counts.n, counts.ok, counts.failed, counts.cut_off), (3, 1, 2, 1));
    assert_eq!((counts.by_error["truncated"], counts.by_error["cut_off"]), (1, 1));
    // It had begun, so that its first token is known and its last is not.
    let seen = |name: &str| {
        (
            metrics.latency(name).unwrap().n,
            metrics.latency(name).unwrap().censored,
        )
    };
    assert_eq!((seen("ttft"), seen("e2e")), ((2, 0), (1, 1)));
    assert_near(metrics.throughput.output_tokens_per_s.map(|rate| rate.value), 8.0);
    assert_near(metrics.throughput.requests_per_s.map(|rate| rate.value), 1.0);
}

/// Protects: rates of a window count tokens one by one, latencies belong to requests intended in it.
#[test]
fn a_window_cuts_between_tokens() {
    let recording = recording(&[
        Stream::PLAIN,
        Stream {
            intended: 140,
            sent: 140,
            first: Some(240),
            ..Stream::PLAIN
        },
    ]);
    // Tokens at 110, 130, 160, 200 and 240, 260, 290, 330.
    let window = Window {
        from_ns: 120 * MS,
        to_ns: 280 * MS,
    };
    let metrics = measure(&recording, window, &MeasureOptions::default());
    assert_near(
        metrics.throughput.output_tokens_per_s.map(|rate| rate.value),
        5.0 / 0.16,
    );
    // The first one ended at 205, the second at 335.
    assert_near(
        metrics.throughput.requests_per_s.map(|rate| rate.value),
        1.0 / 0.16,
    );
    assert_eq!((metrics.requests.n, metrics.latency("ttft").unwrap().n), (1, 1));
    // Whether or not gaps were kept, the total is the same over a window that holds all of it.
    let mut without = recording.clone();
    for request in &mut without.workers[0].requests {
        request.gaps = None;
    }
    let all = Window {
        from_ns: 0,
        to_ns: 1_000 * MS,
    };
    let rate = |recording: &Recording| {
        let metrics = measure(recording, all, &MeasureOptions::default());
        metrics.throughput.output_tokens_per_s.map(|rate| rate.value)
    };
    assert_near(rate(&recording), 8.0);
    assert_near(rate(&without), 8.0);
}

/// Protects: a stall inside an answer is seen although the answer's mean is not out of the ordinary.
#[test]
fn stalls() {
    let steady = Stream {
        gaps: &[10; 50],
        usage: Some(51),
        ..Stream::PLAIN
    };
    let stalled = Stream {
        gaps: &[10, 10, 10, 600, 10],
        usage: Some(6),
        ..Stream::PLAIN
    };
    let metrics = measured(&[steady, stalled]);
    let stalls = metrics.stalls.unwrap();
    assert_eq!((stalls.count, stalls.requests, stalls.of_requests), (1, 1, 2));
    assert_near(Some(stalls.over_ms), 50.0);
    assert_near(Some(stalls.total_ms), 600.0);
    assert_near(Some(stalls.longest_ms), 600.0);
    assert!(measured(&[]).stalls.is_none());
}

/// Protects: a request is good if it meets every limit; failures are misses; what cannot be told is left out.
#[test]
fn goodput_is_joint() {
    let slo = Objectives::parse("ttft_p99<150ms,tpot_p99<25ms").unwrap();
    let good = Stream {
        gaps: &[20, 20, 20],
        ..Stream::PLAIN
    };
    let slow_tokens = Stream::PLAIN;
    let slow_first = Stream {
        first: Some(300),
        ..good.clone()
    };
    let single = Stream {
        gaps: &[],
        usage: Some(1),
        ..Stream::PLAIN
    };
    let failed = Stream {
        outcome: Outcome::Failed(CallErrorKind::Server),
        ..good.clone()
    };
    let cut = Stream {
        outcome: Outcome::CutOff,
        ..good.clone()
    };
    let recording = recording(&[good, slow_tokens, slow_first, single, failed, cut]);
    let options = MeasureOptions {
        objectives: Some(&slo),
        ..MeasureOptions::default()
    };
    let goodput = measure(&recording, Window::measured(&recording), &options)
        .goodput
        .unwrap();
    assert_eq!((goodput.good, goodput.n), (2, 6));
    assert_near(Some(goodput.requests_per_s), 2.0);
    assert_near(goodput.attainment.map(|share| share.value), 2.0 / 6.0);
    let bounds = goodput.attainment.unwrap();
    assert!(bounds.low.unwrap() > 0.0 && bounds.high.unwrap() < 1.0);
}

/// Protects: percentiles appear at the sample that bears them and not before.
#[test]
fn percentiles_wait_for_their_sample() {
    let many = |n: u64| -> Vec<Stream<'static>> {
        (0..n)
            .map(|i| Stream {
                intended: i,
                sent: i,
                first: Some(i + 50 + i % 17),
                ..Stream::PLAIN
            })
            .collect()
    };
    let told = |n| {
        let metrics = measured(&many(n));
        let ttft = metrics.latency("ttft").unwrap();
        QUANTILES.map(|q| ttft.at(q).is_some())
    };
    assert_eq!(told(298), [true, true, true, false, false]);
    assert_eq!(told(299), [true, true, true, true, false]);
    let metrics = measured(&many(600));
    let p50 = metrics.latency("ttft").unwrap().at(0.5).unwrap();
    assert!(
        (p50.value - 58.0).abs() <= 1.0 && p50.low.unwrap() <= p50.value && p50.value <= p50.high.unwrap()
    );
    let icl = metrics.latency("icl").unwrap();
    assert_eq!((icl.n, icl.range), (1_800, Some((20.0, 40.0))));
    assert_near(icl.at(0.5).map(|p50| p50.value), 30.0);
}

/// Protects: nothing in, nothing out, and no panic.
#[test]
fn empty() {
    let nothing = Recording::default();
    let metrics = measure(&nothing, Window::whole(&nothing), &MeasureOptions::default());
    assert_eq!(metrics.requests, RequestCounts::default());
    assert_eq!(metrics.throughput.requests_per_s, None);
    assert!(
        metrics
            .latencies
            .iter()
            .all(|latency| latency.n == 0 && latency.mean.is_none())
    );
    assert_eq!(metrics.latencies.len(), 14);
}

/// Protects people from endpoints that never answer some: what the drain's end cut off and what was never sent are failures,
/// misses, and longer than any latency that was seen; where somebody ended the run they are nothing.
#[test]
fn what_never_ended_counts() {
    let stream = |outcome| Stream {
        outcome,
        first: (outcome == Outcome::Ok).then_some(200),
        ..Stream::PLAIN
    };
    let streams: Vec<Stream> = (0..100)
        .map(|i| stream(if i % 10 == 0 { Outcome::CutOff } else { Outcome::Ok }))
        .collect();
    let mut recording = recording(&streams);
    recording.unsent = 60;
    let slo = Objectives::parse("ttft_sched_p99<10s,ttft_p50<10s").unwrap();
    let options = MeasureOptions {
        objectives: Some(&slo),
        ..MeasureOptions::default()
    };
    let all = |recording: &Recording| measure(recording, Window::measured(recording), &options);
    let metrics = all(&recording);
    let counts = &metrics.requests;
    assert_eq!((counts.n, counts.ok, counts.failed), (160, 90, 70));
    assert_eq!((counts.by_error["cut_off"], counts.by_error["unsent"]), (10, 60));
    let goodput = metrics.goodput.as_ref().unwrap();
    assert_eq!((goodput.good, goodput.n), (90, 160));
    assert_eq!(
        goodput
            .shares
            .iter()
            .map(|met| (met.share, met.good))
            .collect::<Vec<_>>(),
        [(0.99, 90), (0.5, 90)]
    );
    let sched = metrics.latency("ttft_sched").unwrap();
    assert_eq!((sched.n, sched.censored), (90, 70));
    assert!(sched.at(0.5).is_some() && sched.at(0.9).is_none() && sched.mean.is_none());
    let ttft = metrics.latency("ttft").unwrap();
    assert_eq!((ttft.n, ttft.censored), (90, 10));
    assert!(ttft.at(0.5).is_some() && ttft.at(0.95).is_none());
    recording.is_abandoned = true;
    let metrics = all(&recording);
    assert_eq!((metrics.requests.n, metrics.requests.failed), (90, 0));
    let ttft = metrics.latency("ttft").unwrap();
    assert_eq!(ttft.censored, 0);
    assert!(ttft.at(0.95).is_some() && ttft.mean.is_some());
}
