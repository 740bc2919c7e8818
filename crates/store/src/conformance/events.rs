//! Checks of `Events`: whatever a sample holds comes back, in order, once. Apart because they are the longer half.

use super::random::Random;
use super::specimens::{
    ALL_KINDS, answer, call_error, failed_attempt, full_message, hard_texts, key, message, noise,
    plain_sample, score_record, start_run, tool_call,
};
use crate::{Store, figures_of};
use seatrial_types::{
    CallErrorKind, FinishReason, LogProbability, Money, Outcome, Role, RunId, SampleKey, SampleRecord,
    SliceKey, Usage,
};
use std::ops::ControlFlow;
use std::sync::Arc;

pub(super) fn samples(store: &dyn Store, run: &RunId) -> Vec<SampleRecord> {
    let mut samples = Vec::new();
    let read = store.for_each_sample(run, &mut |sample| {
        samples.push(sample);
        ControlFlow::Continue(())
    });
    read.expect("samples are read");
    samples
}

pub(super) fn keys(store: &dyn Store, run: &RunId) -> Vec<SampleKey> {
    let mut keys = Vec::new();
    store
        .finished_keys(run, &mut |key| keys.push(key))
        .expect("keys are read");
    keys
}

/// Everything that is on record of `run` must be `expected`, in key order, through every way of reading.
pub(super) fn expect_on_record(store: &dyn Store, run: &RunId, expected: &[SampleRecord]) {
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
    for wanted in expected.first().into_iter().chain(expected.last()) {
        let found = store.sample(run, wanted.key).expect("a sample is read");
        assert_eq!(found.as_ref(), Some(wanted), "one sample by its key");
        // Next to the wanted one, and not on record itself.
        let beyond = SampleKey {
            epoch: wanted.key.epoch ^ 1,
            ..wanted.key
        };
        if expected.iter().any(|sample| sample.key == beyond) {
            continue;
        }
        let absent = store.sample(run, beyond).expect("a sample is looked for");
        assert_eq!(absent, None, "a sample that is not there");
    }
    let row = store.run(run).expect("a run is read").expect("the run is there");
    assert_eq!(row.samples_finished, count, "samples_finished of the run");
}

pub(super) fn every_field_comes_back(store: &mut dyn Store) {
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
        add(&|r| r.prompt = vec![full_message(&text), message(Role::Tool, &text)]);
        add(&|r| answer(r).text.clone_from(&text));
        add(&|r| answer(r).tool_calls = vec![tool_call(&text), tool_call("x")]);
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
    for (tokens, sum) in [(1, -0.1), (7, 0.0), (u32::MAX, -1e300), (3, 1e-9)] {
        add(&|r| answer(r).log_probability = LogProbability::of(tokens, sum));
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
                cache_write_tokens: Some(tokens),
                cache_write_1h_tokens: Some(tokens),
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

pub(super) fn random_samples_come_back(store: &mut dyn Store) {
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
pub(super) fn shared_texts_come_back(store: &mut dyn Store) {
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

pub(super) fn order_is_by_key(store: &mut dyn Store) {
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

pub(super) fn appending_is_idempotent(store: &mut dyn Store) {
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

/// Errors of one run are taken off, answers and other runs stay, and the keys can be recorded anew.
pub(super) fn errors_are_forgotten(store: &mut dyn Store) {
    let (run, other) = (
        start_run(store, "mended", "plan"),
        start_run(store, "untouched", "plan"),
    );
    let good = plain_sample(key(0, 0, 0, 0));
    let mut bad = plain_sample(key(0, 0, 0, 1));
    bad.call.result = Err(call_error(CallErrorKind::Connect, None, "nobody listens"));
    for id in [&run, &other] {
        store
            .append(id, &[good.clone(), bad.clone()])
            .expect("samples are recorded");
    }
    assert_eq!(
        store.forget_errors(&run).expect("errors are taken off"),
        1,
        "errors taken off"
    );
    expect_on_record(store, &run, std::slice::from_ref(&good));
    let mended = plain_sample(bad.key);
    store
        .append(&run, std::slice::from_ref(&mended))
        .expect("the key is free again");
    expect_on_record(store, &run, &[good.clone(), mended]);
    expect_on_record(store, &other, &[good, bad]);
}

pub(super) fn runs_do_not_mix(store: &mut dyn Store) {
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

pub(super) fn reading_stops_when_told(store: &mut dyn Store) {
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
