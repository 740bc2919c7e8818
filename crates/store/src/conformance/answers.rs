//! Checks of `Answers`: what is kept comes back, once, with its batch or not at all.

use super::random::Random;
use super::specimens::{hard_texts, key, plain_sample, start_run};
use crate::{CachedAnswer, Store};
use seatrial_types::{Answer, ContentHash, RunId};

fn kept(name: &str, answer: Answer) -> CachedAnswer {
    CachedAnswer {
        key: ContentHash::of(name.as_bytes()),
        made_unix_ms: 1_769_860_800_000,
        answer,
        replaces: false,
    }
}

fn saying(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        ..Answer::default()
    }
}

fn found(store: &dyn Store, name: &str) -> Option<Answer> {
    store
        .cached_answer(ContentHash::of(name.as_bytes()))
        .expect("the cache is read")
}

/// Protects replays: an answer comes back with all its fields, also when it is long, odd or shared.
pub(super) fn answers_come_back(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let mut random = Random(3);
    let mut answers: Vec<CachedAnswer> = hard_texts()
        .iter()
        .enumerate()
        .map(|(number, text)| kept(&number.to_string(), saying(text)))
        .collect();
    answers.extend((0..50).map(|number| kept(&format!("random {number}"), random.answer())));
    let sample = plain_sample(key(0, 0, 0, 0));
    store
        .append_with_answers(&run, &[sample], &answers)
        .expect("answers are kept");
    for one in &answers {
        let found = store.cached_answer(one.key).expect("the cache is read");
        assert_eq!(
            found.as_ref(),
            Some(&one.answer),
            "an answer changed in the cache"
        );
    }
    assert_eq!(found(store, "never kept"), None);
    assert_eq!(store.count(&run).expect("samples are counted"), 1);
}

/// Protects two runs at once: the answer that came first stays, except where it is to be refreshed.
pub(super) fn the_first_stays_unless_replaced(store: &mut dyn Store) {
    let run = start_run(store, "run", "plan");
    let mut keep = |replaces, text| {
        let answer = CachedAnswer {
            replaces,
            ..kept("a", saying(text))
        };
        store
            .append_with_answers(&run, &[], &[answer])
            .expect("answers are kept");
        found(store, "a").map(|answer| answer.text)
    };
    assert_eq!(keep(false, "first").as_deref(), Some("first"));
    assert_eq!(keep(false, "second").as_deref(), Some("first"));
    assert_eq!(keep(true, "third").as_deref(), Some("third"));
}

/// Protects "all or none": a batch that is refused leaves no answers behind.
pub(super) fn nothing_is_kept_of_a_refused_batch(store: &mut dyn Store) {
    let nowhere = RunId::from_text("nowhere");
    let refused = store.append_with_answers(&nowhere, &[], &[kept("a", saying("x"))]);
    assert!(refused.is_err(), "there is no such run");
    assert_eq!(found(store, "a"), None);
}
