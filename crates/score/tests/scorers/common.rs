//! Scorers from outside: options and columns in, scores out. Shared by these tests.

use seatrial_score::build;
use seatrial_task::{Scorer, ScorerInput, Scoring};
use seatrial_types::{Answer, Attempt, Call, Case, FinishReason, Money, Outcome, Score};
use serde_json::{Map, Value};

pub(crate) fn options(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("options are a map, not {other}"),
    }
}

pub(crate) fn scorer(name: &str, given: Value) -> Box<dyn Scorer> {
    build(name, &options(given)).unwrap()
}

pub(crate) fn case(columns: Value) -> Case {
    let columns = options(columns);
    let texts = |key: &str| -> Vec<String> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match columns.get(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items.iter().map(text).collect(),
            Some(one) => vec![text(one)],
        }
    };
    Case {
        id: "1".into(),
        row: 1,
        input: None,
        expected: texts("expected"),
        choices: texts("choices"),
        cluster: None,
        columns: columns.into(),
    }
}

pub(crate) fn answer(text: &str, finish_reason: Option<FinishReason>) -> Answer {
    Answer {
        text: text.to_owned(),
        finish_reason,
        ..Answer::default()
    }
}

pub(crate) fn score_answer(scorer: &dyn Scorer, case: &Case, answer: &Answer) -> Score {
    let mut scores = scores(scorer, case, answer, Vec::new(), None);
    assert_eq!(scores.len(), 1, "a rule scorer gives one score");
    scores.remove(0)
}

/// All scores of a sample with these attempts and this price.
pub(crate) fn scores(
    scorer: &dyn Scorer,
    case: &Case,
    answer: &Answer,
    attempts: Vec<Attempt>,
    cost: Option<Money>,
) -> Vec<Score> {
    let call = Call {
        attempts,
        result: Ok(answer.clone()),
        cached: false,
    };
    let input = ScorerInput {
        case,
        prompt: &[],
        answer,
        call: &call,
        cost,
    };
    match scorer.score(input, None) {
        Scoring::Ready(scores) => scores,
        Scoring::Later(_) => panic!("a rule scorer gives its scores at once"),
    }
}

pub(crate) fn score(scorer: &dyn Scorer, case: &Case, text: &str) -> Score {
    score_answer(scorer, case, &answer(text, None))
}

/// `Some(right)` for scored, `None` for unparsed.
pub(crate) fn verdict(score: &Score) -> Option<bool> {
    match (score.outcome, score.value) {
        (Outcome::Scored, Some(value)) => {
            assert!(value == 0.0 || value == 1.0);
            Some(value == 1.0)
        }
        (Outcome::Unparsed, None) => None,
        other => panic!("a rule scorer says scored with a value or unparsed without, not {other:?}"),
    }
}

pub(crate) fn check(name: &str, rows: &[(Value, Value, &str, Option<bool>)]) {
    for (given, columns, text, expected) in rows {
        let found = score(&*scorer(name, given.clone()), &case(columns.clone()), text);
        assert_eq!(
            verdict(&found),
            *expected,
            "{name} {given} on {columns} for {text:?}: {found:?}"
        );
        assert!(
            found.detail.is_some(),
            "{name} says what it read or why it could not"
        );
    }
}
