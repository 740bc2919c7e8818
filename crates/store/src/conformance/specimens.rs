//! What the checks record: headers, samples, texts that break careless storage. Apart because several checks, and tests
//! of back ends, use them.

use super::random::Random;
use crate::{RunHeader, Store};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, ContentHash, FinishReason, Image, Message, Money,
    Outcome, Role, RunId, SampleKey, SampleRecord, Score, ScoreRecord, Timing, ToolCall, Usage,
};

/// A header for tests, with a plan of its own name.
#[must_use]
pub fn header(id: &str, plan: &str) -> RunHeader {
    RunHeader {
        id: RunId::from_text(id),
        plan_hash: ContentHash::of(plan.as_bytes()),
        suite: "support-bot".to_owned(),
        suite_path: Some("suites/é \0🦀.yaml".to_owned()),
        started_at: "2026-01-31T12:00:00Z".to_owned(),
        tool_version: "0.1.0".to_owned(),
        samples_planned: 200_000,
    }
}

/// Puts a plan and creates a run of it.
///
/// # Panics
/// Where the store refuses.
pub fn start_run(store: &mut dyn Store, id: &str, plan: &str) -> RunId {
    let header = header(id, plan);
    store.put_plan(header.plan_hash, plan).expect("a plan is kept");
    store.create_run(&header).expect("a run is created");
    header.id
}

/// A sample with one clean attempt and a short answer.
#[must_use]
pub fn plain_sample(key: SampleKey) -> SampleRecord {
    let start = u64::from(key.case) * 1_000_000;
    SampleRecord {
        key,
        case_id: format!("case-{}", key.case).into(),
        cluster: None,
        slices: Vec::new(),
        prompt: vec![message(
            Role::User,
            &format!("What is {} + {}?", key.case, key.epoch),
        )],
        call: Call {
            attempts: vec![Attempt {
                timing: Timing {
                    intended_ns: start,
                    send_ns: Some(start + 20_000),
                    first_byte_ns: Some(start + 9_000_000),
                    first_token_ns: None,
                    token_events_ns: Vec::new(),
                    end_ns: start + 12_345_678,
                },
                status: Some(200),
                ..Attempt::default()
            }],
            result: Ok(Answer {
                text: format!("It is {}.", key.case + key.epoch),
                finish_reason: Some(FinishReason::Stop),
                served_model: Some("small-fast-2026-01-01".to_owned()),
                request_id: Some(format!("req-{}", key.case)),
                usage: Usage {
                    input_tokens: Some(17),
                    output_tokens: Some(5),
                    ..Usage::default()
                },
                ..Answer::default()
            }),
            cached: false,
        },
        cost: Some(Money::from_picodollars(3_700_000)),
        started_unix_ms: 1_769_860_800_000 + i64::from(key.case),
        scores: vec![score_record(0, 0, Outcome::Scored, Some(1.0), None)],
    }
}

pub(super) fn message(role: Role, content: &str) -> Message {
    Message::new(role, content)
}

/// A message with all that the APIs let one carry.
pub(super) fn full_message(text: &str) -> Message {
    let image = |source: &str, content: Option<&[u8]>| Image {
        source: source.to_owned(),
        media_type: content.map(|_| "image/png".to_owned()),
        hash: content.map(ContentHash::of),
        bytes: None,
    };
    Message {
        images: vec![
            image(text, Some(text.as_bytes())),
            image("https://example.org/a.png", None),
        ],
        tool_calls: vec![tool_call(text), tool_call("")],
        tool_call_id: Some(text.to_owned()),
        ..Message::new(Role::Tool, text)
    }
}

pub(super) fn tool_call(text: &str) -> ToolCall {
    ToolCall {
        id: text.to_owned(),
        name: text.to_owned(),
        arguments: text.to_owned(),
    }
}

pub(super) fn score_record(
    scorer: u16,
    metric: u16,
    outcome: Outcome,
    value: Option<f64>,
    detail: Option<&str>,
) -> ScoreRecord {
    let detail = detail.map(str::to_owned);
    ScoreRecord {
        scorer,
        score: Score {
            metric,
            outcome,
            value,
            detail,
        },
    }
}

pub(super) const fn key(target: u16, task: u16, epoch: u32, case: u32) -> SampleKey {
    SampleKey {
        target,
        task,
        epoch,
        case,
    }
}

/// Texts that break careless storage: empty, NUL, quotes, other scripts, emoji, sizes on both sides of any threshold.
pub(super) fn hard_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "'\"\\;--",
        "línea\r\n\t",
        "日本語",
        "🦀👩‍👩‍👧",
        "\u{feff}x",
        "null",
        "{}",
    ]
    .map(str::to_owned)
    .to_vec();
    for size in [
        200, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 9000, 70_000,
    ] {
        texts.push("x".repeat(size));
        texts.push(noise(size as u64, size));
    }
    texts.push("🦀\0".repeat(500_000));
    texts.push(noise(7, 3 << 20));
    texts
}

/// Text that does not pack.
pub(super) fn noise(seed: u64, bytes: usize) -> String {
    let mut random = Random(seed);
    (0..bytes)
        .map(|_| char::from(b' ' + random.below(95) as u8))
        .collect()
}

pub(super) const ALL_KINDS: [CallErrorKind; 15] = [
    CallErrorKind::RateLimited,
    CallErrorKind::Server,
    CallErrorKind::Auth,
    CallErrorKind::BadRequest,
    CallErrorKind::Connect,
    CallErrorKind::Reset,
    CallErrorKind::Truncated,
    CallErrorKind::Timeout,
    CallErrorKind::InvalidAnswer,
    CallErrorKind::TooLarge,
    CallErrorKind::NoRecordedAnswer,
    CallErrorKind::CacheMiss,
    CallErrorKind::Tls,
    CallErrorKind::Prompt,
    CallErrorKind::Foreign,
];

pub(super) fn answer(record: &mut SampleRecord) -> &mut Answer {
    record.call.result.as_mut().expect("plain samples have an answer")
}

pub(super) fn call_error(kind: CallErrorKind, status: Option<u16>, message: &str) -> CallError {
    let message = message.to_owned();
    CallError {
        kind,
        status,
        message,
    }
}

pub(super) fn failed_attempt(message: &str) -> Attempt {
    Attempt {
        timing: Timing {
            intended_ns: 1,
            ..Timing::default()
        },
        status: Some(503),
        error: Some(call_error(CallErrorKind::Server, Some(503), message)),
        retry_after_ms: Some(250),
        ..Attempt::default()
    }
}
