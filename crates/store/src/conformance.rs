//! What every back end must do, as one suite that its own tests run. Apart from any back end: it sees the traits alone.
//!
//! A failing check panics, with the reason: this module is compiled for tests only (feature `conformance`).

use crate::{RunHeader, RunRow, RunStatus, Store, StoreError, figures_of};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, ContentHash, FinishReason, Message, Money, Outcome,
    Role, RunId, SampleKey, SampleRecord, Score, ScoreRecord, SliceKey, Timing, Usage,
};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Runs all checks. `make` gives a new, empty store each time.
///
/// # Panics
/// Where the back end does not do what the traits promise.
pub fn check(make: &mut dyn FnMut() -> Box<dyn Store>) {
    plans_are_kept_once(make().as_mut());
    runs_live_and_end(make().as_mut());
    runs_are_found_by_plan(make().as_mut());
    unknown_runs_are_errors(make().as_mut());
    sessions_keep_their_order(make().as_mut());
    every_field_comes_back(make().as_mut());
    random_samples_come_back(make().as_mut());
    shared_texts_come_back(make().as_mut());
    order_is_by_key(make().as_mut());
    appending_is_idempotent(make().as_mut());
    runs_do_not_mix(make().as_mut());
    reading_stops_when_told(make().as_mut());
}

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
                error: None,
                retry_after_ms: None,
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
                streamed: false,
            }),
        },
        cost: Some(Money::from_picodollars(3_700_000)),
        started_unix_ms: 1_769_860_800_000 + i64::from(key.case),
        scores: vec![score_record(0, 0, Outcome::Scored, Some(1.0), None)],
    }
}

fn message(role: Role, content: &str) -> Message {
    Message {
        role,
        content: content.to_owned(),
    }
}

fn score_record(
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

const fn key(target: u16, task: u16, epoch: u32, case: u32) -> SampleKey {
    SampleKey {
        target,
        task,
        epoch,
        case,
    }
}

fn samples(store: &dyn Store, run: &RunId) -> Vec<SampleRecord> {
    let mut samples = Vec::new();
    let read = store.for_each_sample(run, &mut |sample| {
        samples.push(sample);
        ControlFlow::Continue(())
    });
    read.expect("samples are read");
    samples
}

fn keys(store: &dyn Store, run: &RunId) -> Vec<SampleKey> {
    let mut keys = Vec::new();
    store
        .finished_keys(run, &mut |key| keys.push(key))
        .expect("keys are read");
    keys
}

/// Everything that is on record of `run` must be `expected`, in key order, through every way of reading.
fn expect_on_record(store: &dyn Store, run: &RunId, expected: &[SampleRecord]) {
    let mut expected = expected.to_vec();
    expected.sort_by_key(|sample| sample.key);
    for (found, expected) in samples(store, run).iter().zip(&expected) {
        assert_eq!(found, expected, "a sample changed on its way through the store");
    }
    let expected_keys: Vec<_> = expected.iter().map(|sample| sample.key).collect();
    assert_eq!(keys(store, run), expected_keys, "keys");
    let mut figures = Vec::new();
    let read = store.for_each_figures(run, &mut |row| {
        figures.push(row);
        ControlFlow::Continue(())
    });
    read.expect("figures are read");
    let expected_figures: Vec<_> = expected.iter().map(figures_of).collect();
    assert_eq!(figures, expected_figures, "figures");
    assert_eq!(
        samples(store, run).len(),
        expected.len(),
        "number of samples read"
    );
    let count = store.count(run).expect("samples are counted");
    assert_eq!(count, expected.len() as u64, "count");
    let row = store.run(run).expect("a run is read").expect("the run is there");
    assert_eq!(row.samples_finished, count, "samples_finished of the run");
}

fn plans_are_kept_once(store: &mut dyn Store) {
    let hash = ContentHash::of(b"plan");
    assert_eq!(
        store.plan(hash).expect("plans are read"),
        None,
        "an empty store has no plan"
    );
    let body = "{\"suite\":\"\u{0}é🦀\"}".repeat(10_000);
    store.put_plan(hash, &body).expect("a plan is kept");
    store
        .put_plan(hash, "another text")
        .expect("a plan that is there is no error");
    assert_eq!(
        store.plan(hash).expect("plans are read"),
        Some(body),
        "the first text stays"
    );
    assert_eq!(store.plan(ContentHash::of(b"x")).expect("plans are read"), None);
}

fn runs_live_and_end(store: &mut dyn Store) {
    let id = start_run(store, "run-1", "plan");
    let started = RunRow {
        header: header("run-1", "plan"),
        status: RunStatus::Running,
        ended_at: None,
        exit_code: None,
        samples_finished: 0,
    };
    assert_eq!(store.run(&id).expect("a run is read"), Some(started.clone()));
    assert_eq!(store.findings(&id).expect("findings are read"), None);
    let again = store.create_run(&header("run-1", "plan"));
    assert!(
        matches!(again, Err(StoreError::RunExists { run }) if run == id),
        "an id is taken once"
    );
    let no_plan = store.create_run(&header("run-2", "unknown plan"));
    assert!(
        matches!(no_plan, Err(StoreError::PlanUnknown { .. })),
        "a run needs its plan"
    );
    assert_eq!(
        store.runs(10).expect("runs are read").len(),
        1,
        "refused runs leave nothing behind"
    );

    for status in RunStatus::ALL {
        let findings = format!("{{\"verdict\":\"{}\"}}", status.as_str());
        store
            .end_run(&id, status, "2026-01-31T13:00:00Z", 130, Some(&findings))
            .expect("a run ends");
        let ended = RunRow {
            status,
            ended_at: Some("2026-01-31T13:00:00Z".to_owned()),
            exit_code: Some(130),
            ..started.clone()
        };
        assert_eq!(store.run(&id).expect("a run is read"), Some(ended));
        assert_eq!(store.findings(&id).expect("findings are read"), Some(findings));
    }
    store
        .end_run(&id, RunStatus::Finished, "2026-01-31T14:00:00Z", 0, None)
        .expect("a run ends again");
    assert!(
        store.findings(&id).expect("findings are read").is_some(),
        "no findings leave the old ones"
    );
    store.reopen_run(&id).expect("a run is reopened");
    assert_eq!(
        store.run(&id).expect("a run is read"),
        Some(started),
        "as it was at the start"
    );
    assert_eq!(
        store.findings(&id).expect("findings are read"),
        None,
        "findings of before are not shown"
    );

    let mut bare = header("run-3", "plan");
    bare.suite_path = None;
    bare.samples_planned = u64::MAX;
    store.create_run(&bare).expect("a run is created");
    let row = store
        .run(&bare.id)
        .expect("a run is read")
        .expect("the run is there");
    assert_eq!(row.header, bare);
}

fn runs_are_found_by_plan(store: &mut dyn Store) {
    let [a, b] = ["a", "b"].map(|plan| ContentHash::of(plan.as_bytes()));
    assert_eq!(store.newest_run_of(a).expect("runs are read"), None);
    assert_eq!(store.newest_unfinished_run_of(a).expect("runs are read"), None);
    // Ids and clocks in another order than creation: creation counts.
    let first = start_run(store, "z", "a");
    let second = start_run(store, "y", "a");
    let third = start_run(store, "x", "b");
    let ids = |limit| -> Vec<RunId> {
        let rows = store.runs(limit).expect("runs are read");
        rows.into_iter().map(|row| row.header.id).collect()
    };
    assert_eq!(
        ids(10),
        [third.clone(), second.clone(), first.clone()],
        "newest first"
    );
    assert_eq!(
        ids(2),
        [third.clone(), second.clone()],
        "at most as many as asked"
    );
    assert_eq!(ids(0), []);
    let id_of =
        |row: Result<Option<RunRow>, StoreError>| row.expect("runs are read").map(|row| row.header.id);
    assert_eq!(id_of(store.newest_run_of(a)), Some(second.clone()));
    assert_eq!(id_of(store.newest_run_of(b)), Some(third));
    for (status, expected) in [
        (RunStatus::Running, &second),
        (RunStatus::Interrupted, &second),
        (RunStatus::Stopped, &second),
        (RunStatus::Finished, &first),
    ] {
        store
            .end_run(&second, status, "2026-01-31T13:00:00Z", 0, None)
            .expect("a run ends");
        let found = id_of(store.newest_unfinished_run_of(a));
        assert_eq!(
            found.as_ref(),
            Some(expected),
            "newest that is not finished, after {status:?}"
        );
    }
    assert_eq!(id_of(store.newest_run_of(a)), Some(second), "whatever its status");
    store
        .end_run(&first, RunStatus::Finished, "2026-01-31T13:00:00Z", 0, None)
        .expect("a run ends");
    assert_eq!(id_of(store.newest_unfinished_run_of(a)), None);
}

fn unknown_runs_are_errors(store: &mut dyn Store) {
    let id = RunId::from_text("nobody");
    assert_eq!(store.run(&id).expect("runs are read"), None);
    let failures = [
        store
            .end_run(&id, RunStatus::Finished, "2026-01-31T13:00:00Z", 0, Some("{}"))
            .err(),
        store.reopen_run(&id).err(),
        store.findings(&id).err(),
        store.append_session(&id, "{}").err(),
        store.sessions(&id).err(),
        store.append(&id, &[plain_sample(key(0, 0, 0, 0))]).err(),
        store.append(&id, &[]).err(),
        store.finished_keys(&id, &mut |_| {}).err(),
        store
            .for_each_figures(&id, &mut |_| ControlFlow::Continue(()))
            .err(),
        store
            .for_each_sample(&id, &mut |_| ControlFlow::Continue(()))
            .err(),
        store.count(&id).err(),
    ];
    for (index, failure) in failures.into_iter().enumerate() {
        assert!(
            matches!(&failure, Some(StoreError::RunUnknown { run }) if *run == id),
            "call {index} on an unknown run gave {failure:?}"
        );
    }
}

fn sessions_keep_their_order(store: &mut dyn Store) {
    let (id, other) = (start_run(store, "run", "plan"), start_run(store, "other", "plan"));
    assert_eq!(
        store.sessions(&id).expect("sessions are read"),
        Vec::<String>::new()
    );
    let texts: Vec<_> = (0..12)
        .map(|index| format!("{{\"part\":{index},\"é\":\"\u{0}\"}}"))
        .collect();
    for text in &texts {
        store.append_session(&id, text).expect("a session is kept");
        store.append_session(&other, "{}").expect("a session is kept");
    }
    assert_eq!(store.sessions(&id).expect("sessions are read"), texts);
}

/// Texts that break careless storage: empty, NUL, quotes, other scripts, emoji, sizes on both sides of any threshold.
fn hard_texts() -> Vec<String> {
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
fn noise(seed: u64, bytes: usize) -> String {
    let mut random = Random(seed);
    (0..bytes)
        .map(|_| char::from(b' ' + random.below(95) as u8))
        .collect()
}

fn every_field_comes_back(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let mut records = Vec::new();
    let mut add = |change: &dyn Fn(&mut SampleRecord)| {
        let case = u32::try_from(records.len()).expect("a few samples");
        let mut record = plain_sample(key(0, 0, 0, case));
        change(&mut record);
        records.push(record);
    };
    add(&|_| {});
    for text in hard_texts() {
        // Each text in each place that takes one.
        add(&|r| r.case_id = text.as_str().into());
        add(&|r| r.cluster = Some(text.as_str().into()));
        add(&|r| {
            r.slices = vec![
                SliceKey {
                    column: text.clone(),
                    value: text.clone()
                };
                2
            ];
        });
        add(&|r| r.prompt = vec![message(Role::System, &text), message(Role::User, &text)]);
        add(&|r| answer(r).text.clone_from(&text));
        add(&|r| answer(r).finish_reason = Some(FinishReason::Other(text.clone())));
        add(&|r| answer(r).served_model = Some(text.clone()));
        add(&|r| answer(r).request_id = Some(text.clone()));
        add(&|r| r.scores = vec![score_record(1, 2, Outcome::Unparsed, None, Some(&text))]);
        add(&|r| r.call.result = Err(call_error(CallErrorKind::Server, Some(503), &text)));
        add(&|r| r.call.attempts.push(failed_attempt(&text)));
    }
    add(&|r| r.prompt.clear());
    add(&|r| r.prompt = vec![message(Role::Assistant, "x"); 150]);
    add(&|r| r.scores.clear());
    for outcome in [
        Outcome::Scored,
        Outcome::Unparsed,
        Outcome::Refused,
        Outcome::Error,
    ] {
        add(&|r| r.scores = vec![score_record(u16::MAX, u16::MAX, outcome, None, None); 3]);
    }
    for value in [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1 + 0.2,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        1e300,
        f64::INFINITY,
    ] {
        add(&|r| r.scores = vec![score_record(0, 0, Outcome::Scored, Some(value), Some("d"))]);
    }
    for reason in [
        FinishReason::Stop,
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::Refusal,
        FinishReason::ToolCalls,
        FinishReason::Other("stop".to_owned()),
        FinishReason::Other("other:stop".to_owned()),
    ] {
        add(&|r| answer(r).finish_reason = Some(reason.clone()));
    }
    add(&|r| {
        let answer = answer(r);
        answer.finish_reason = None;
        answer.served_model = None;
        answer.request_id = None;
        answer.usage = Usage::default();
        answer.streamed = true;
    });
    for tokens in [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        add(&|r| {
            answer(r).usage = Usage {
                input_tokens: Some(tokens),
                output_tokens: None,
                cache_read_tokens: Some(tokens),
                cache_write_tokens: None,
                reasoning_tokens: Some(tokens),
            };
        });
        add(&|r| r.call.attempts[0].timing.end_ns = tokens);
        add(&|r| r.call.attempts[0].timing.token_events_ns = vec![tokens, 0, tokens]);
        add(&|r| r.call.attempts[0].retry_after_ms = Some(tokens));
    }
    for picodollars in [
        0,
        1,
        -1,
        i128::from(i64::MAX),
        i128::from(i64::MAX) + 1,
        i128::MAX,
        i128::MIN,
    ] {
        add(&|r| r.cost = Some(Money::from_picodollars(picodollars)));
    }
    add(&|r| r.cost = None);
    for kind in ALL_KINDS {
        add(&|r| r.call.result = Err(call_error(kind, None, "why")));
    }
    add(&|r| r.call.attempts.clear());
    add(&|r| r.call.attempts[0].status = None);
    add(&|r| r.call.attempts[0].error = Some(call_error(CallErrorKind::Timeout, Some(u16::MAX), "late")));
    add(&|r| {
        let mut attempts = vec![failed_attempt("first"); 4];
        attempts.append(&mut r.call.attempts);
        r.call.attempts = attempts;
    });
    for started in [0, -1, i64::MIN, i64::MAX] {
        add(&|r| r.started_unix_ms = started);
    }
    add(&|r| r.key = key(u16::MAX, u16::MAX, u32::MAX, u32::MAX));
    for batch in records.chunks(64) {
        store.append(&run, batch).expect("samples are recorded");
    }
    expect_on_record(store, &run, &records);
}

const ALL_KINDS: [CallErrorKind; 13] = [
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
    CallErrorKind::Tls,
    CallErrorKind::Prompt,
];

fn answer(record: &mut SampleRecord) -> &mut Answer {
    record.call.result.as_mut().expect("plain samples have an answer")
}

fn call_error(kind: CallErrorKind, status: Option<u16>, message: &str) -> CallError {
    let message = message.to_owned();
    CallError {
        kind,
        status,
        message,
    }
}

fn failed_attempt(message: &str) -> Attempt {
    Attempt {
        timing: Timing {
            intended_ns: 1,
            ..Timing::default()
        },
        status: Some(503),
        error: Some(call_error(CallErrorKind::Server, Some(503), message)),
        retry_after_ms: Some(250),
    }
}

fn random_samples_come_back(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let mut random = Random(42);
    let records: Vec<_> = (0..500).map(|case| random.sample(key(1, 2, 3, case))).collect();
    let mut rest = records.as_slice();
    while !rest.is_empty() {
        let size = (random.below(70) as usize + 1).min(rest.len());
        let (batch, after) = rest.split_at(size);
        store.append(&run, batch).expect("samples are recorded");
        rest = after;
    }
    expect_on_record(store, &run, &records);
}

/// The same long text in many places, runs and messages: stored once or not, it must come back everywhere.
fn shared_texts_come_back(store: &mut dyn Store) {
    let shared = noise(1, 5000);
    let nearly = format!("{shared}.");
    for id in ["one", "two"] {
        let run = start_run(store, id, "plan");
        let records: Vec<_> = (0..20)
            .map(|case| {
                let mut record = plain_sample(key(0, 0, 0, case));
                record.prompt = vec![message(Role::System, &shared), message(Role::User, &nearly)];
                answer(&mut record)
                    .text
                    .clone_from(if case % 2 == 0 { &shared } else { &nearly });
                record
            })
            .collect();
        store.append(&run, &records).expect("samples are recorded");
        expect_on_record(store, &run, &records);
    }
}

fn order_is_by_key(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let mut records = Vec::new();
    for case in [300, 2, 70_000] {
        for (target, task, epoch) in [(1, 0, 0), (0, 256, 0), (0, 1, 5), (0, 1, 70_000), (0, 0, 1)] {
            records.push(plain_sample(key(target, task, epoch, case)));
        }
    }
    for record in &records {
        store
            .append(&run, std::slice::from_ref(record))
            .expect("a sample is recorded");
    }
    expect_on_record(store, &run, &records);
}

fn appending_is_idempotent(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let first = plain_sample(key(0, 0, 0, 1));
    let mut other = first.clone();
    other.case_id = "another".into();
    other.cost = None;
    answer(&mut other).text = "another".repeat(1000);
    store.append(&run, &[]).expect("nothing is recorded");
    expect_on_record(store, &run, &[]);
    store
        .append(&run, &[first.clone(), other.clone()])
        .expect("samples are recorded");
    expect_on_record(store, &run, std::slice::from_ref(&first));
    let new = plain_sample(key(0, 0, 0, 0));
    store
        .append(&run, &[other.clone(), new.clone(), other])
        .expect("samples are recorded");
    expect_on_record(store, &run, &[first, new]);
}

fn runs_do_not_mix(store: &mut dyn Store) {
    let (a, b) = (start_run(store, "a", "plan"), start_run(store, "b", "plan"));
    let mut of_a = plain_sample(key(0, 0, 0, 7));
    of_a.cluster = Some(Arc::from("a"));
    let of_b = [plain_sample(key(0, 0, 0, 7)), plain_sample(key(0, 0, 0, 8))];
    store
        .append(&a, std::slice::from_ref(&of_a))
        .expect("a sample is recorded");
    store.append(&b, &of_b).expect("samples are recorded");
    expect_on_record(store, &a, &[of_a]);
    expect_on_record(store, &b, &of_b);
}

fn reading_stops_when_told(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let records: Vec<_> = (0..10).map(|case| plain_sample(key(0, 0, 0, case))).collect();
    store.append(&run, &records).expect("samples are recorded");
    let (mut samples, mut figures) = (0, 0);
    let stop_at_three = |seen: &mut u32| {
        *seen += 1;
        if *seen == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    store
        .for_each_sample(&run, &mut |_| stop_at_three(&mut samples))
        .expect("samples are read");
    store
        .for_each_figures(&run, &mut |_| stop_at_three(&mut figures))
        .expect("figures are read");
    assert_eq!((samples, figures), (3, 3));
    let more = plain_sample(key(0, 0, 0, 10));
    store
        .append(&run, &[more])
        .expect("a stopped reader holds nothing up");
}

/// SplitMix64 (Steele, Lea, Flood 2014): a few lines, so that the suite needs no crate for random numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.below(2) == 0 {
            None
        } else {
            Some(make(self))
        }
    }

    fn text(&mut self) -> String {
        let length = [0, 3, 40, 900, 1500, 3000][self.below(6) as usize];
        let alphabet: Vec<char> = "etaoin shrdlu\n\0\"\\é日🦀".chars().collect();
        (0..length)
            .filter_map(|_| alphabet.get(self.below(alphabet.len() as u64) as usize))
            .collect()
    }

    fn moments(&mut self) -> Timing {
        Timing {
            intended_ns: self.next() >> self.below(64),
            send_ns: self.maybe(Self::next),
            first_byte_ns: self.maybe(Self::next),
            first_token_ns: self.maybe(Self::next),
            token_events_ns: (0..self.below(40)).map(|_| self.next() >> 20).collect(),
            end_ns: self.next() >> self.below(64),
        }
    }

    fn error(&mut self) -> CallError {
        let kind = ALL_KINDS[self.below(ALL_KINDS.len() as u64) as usize];
        let status = self.maybe(|random| random.next() as u16);
        CallError {
            kind,
            status,
            message: self.text(),
        }
    }

    fn sample(&mut self, key: SampleKey) -> SampleRecord {
        let attempts = (0..self.below(4))
            .map(|_| Attempt {
                timing: self.moments(),
                status: self.maybe(|random| random.next() as u16),
                error: self.maybe(Self::error),
                retry_after_ms: self.maybe(Self::next),
            })
            .collect();
        let roles = [Role::System, Role::User, Role::Assistant];
        let result = if self.below(4) == 0 {
            Err(self.error())
        } else {
            Ok(self.answer())
        };
        SampleRecord {
            key,
            case_id: self.text().into(),
            cluster: self.maybe(|random| random.text().into()),
            slices: (0..self.below(3))
                .map(|_| SliceKey {
                    column: self.text(),
                    value: self.text(),
                })
                .collect(),
            prompt: (0..self.below(4))
                .map(|_| message(roles[self.below(3) as usize], &self.text()))
                .collect(),
            call: Call { attempts, result },
            cost: self.maybe(|random| Money::from_picodollars(i128::from(random.next()) << random.below(60))),
            started_unix_ms: self.next().cast_signed(),
            scores: (0..self.below(4))
                .map(|_| {
                    let value = self.maybe(|random| random.next() as f64 / 7.0);
                    let detail = self.maybe(Self::text);
                    score_record(
                        self.next() as u16,
                        self.next() as u16,
                        Outcome::Scored,
                        value,
                        detail.as_deref(),
                    )
                })
                .collect(),
        }
    }

    fn answer(&mut self) -> Answer {
        Answer {
            text: self.text(),
            finish_reason: self.maybe(|random| FinishReason::from_word(&random.text())),
            served_model: self.maybe(Self::text),
            request_id: self.maybe(Self::text),
            usage: Usage {
                input_tokens: self.maybe(Self::next),
                output_tokens: self.maybe(Self::next),
                cache_read_tokens: self.maybe(Self::next),
                cache_write_tokens: self.maybe(Self::next),
                reasoning_tokens: self.maybe(Self::next),
            },
            streamed: self.below(2) == 1,
        }
    }
}
