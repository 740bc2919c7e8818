//! `checks`: how the checks of a case are added up, named, and found faulty. What each type of check means is compared
//! with promptfoo's own verdicts through the binary (`crates/cli/tests/promptfoo.rs`).

#![expect(clippy::float_cmp, reason = "exact values are what is promised")]

use crate::common::{answer, case, options, scorer, scores};
use proptest::prelude::*;
use seatrial_score::{build, checks};
use seatrial_types::{MetricKind, Outcome, Pillar};
use serde_json::{Value, json};

/// Pass and score of a case with these checks; `None` for unparsed.
fn judged(cell: &Value, text: &str) -> Option<(bool, f64)> {
    let found = scores(
        &*scorer("checks", json!({})),
        &case(json!({"checks": cell})),
        &answer(text, None),
        Vec::new(),
        None,
    );
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|score| score.detail.is_some()));
    match (found[0].value, found[1].value) {
        (Some(pass), Some(score)) => Some((pass == 1.0, score)),
        (None, None) => None,
        other => panic!("{other:?}"),
    }
}

/// Protects Σ weight · score ÷ Σ weight, thresholds, weight 0 and sets.
#[test]
fn checks_add_up() {
    let red = json!({"type": "contains", "value": "red"});
    let green = |weight: f64| json!({"type": "contains", "value": "green", "weight": weight});
    let rows = [
        (json!([]), Some((true, 1.0))),
        (json!([red]), Some((true, 1.0))),
        (json!([red, green(1.0)]), Some((false, 0.5))),
        (json!([red, green(3.0)]), Some((false, 0.25))),
        (
            json!({"threshold": 0.5, "assert": [red, green(1.0)]}),
            Some((true, 0.5)),
        ),
        (
            json!({"threshold": 0.51, "assert": [red, green(1.0)]}),
            Some((false, 0.5)),
        ),
        (
            json!({"threshold": 0, "assert": [red, green(1.0)]}),
            Some((true, 0.5)),
        ),
        (json!([red, green(0.0)]), Some((true, 1.0))),
        (json!([green(0.0)]), Some((true, 0.0))),
        (
            json!([red, {"type": "assert-set", "threshold": 0.5, "assert": [red, green(1.0)]}]),
            Some((true, 0.75)),
        ),
        (
            json!([{"type": "assert-set", "assert": [red, green(1.0)]}]),
            Some((false, 0.5)),
        ),
        (
            json!(r#"[{"type": "not-contains", "value": "green"}]"#),
            Some((true, 1.0)),
        ),
    ];
    for (cell, expected) in rows {
        assert_eq!(judged(&cell, "red blue"), expected, "{cell}");
    }
}

/// Protects the difference between an answer that fails and a case that is faulty.
#[test]
fn faulty_checks_are_no_wrong_answers() {
    for (cell, problem) in [
        (json!("no json"), Some("no JSON")),
        (json!(5), Some("expected a list of checks")),
        (json!([5]), Some("expected a map with `type`")),
        (json!([{"value": "x"}]), Some("without `type`")),
        (
            json!([{"type": "javascript", "value": "true"}]),
            Some("`javascript` cannot be checked here"),
        ),
        (
            json!([{"type": "contains", "weight": "heavy"}]),
            Some("`weight` is the text `heavy`"),
        ),
        (json!([{"type": "assert-set"}]), Some("without a list `assert`")),
        (json!(vec![json!({"type": "is-json"}); 501]), Some("at most 500")),
        (json!([{"type": "contains"}]), None),
        (json!([{"type": "latency", "threshold": 5}]), None),
        (json!([{"type": "is-json", "value": {"type": "objekt"}}]), None),
    ] {
        let text = "{}";
        assert_eq!(judged(&cell, text), None, "{cell}");
        match (checks::problem_of(&cell), problem) {
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found} lacks {expected}"),
            (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "{cell}: {found:?}"),
        }
    }
    let none = scores(
        &*scorer("checks", json!({})),
        &case(json!({})),
        &answer("x", None),
        vec![],
        None,
    );
    assert_eq!(
        none[0].detail.as_deref(),
        Some("dataset: there is no column `checks`")
    );
}

/// Protects metrics that checks name: their mean score, in the order of the option, left out where no check has them.
#[test]
fn named_metrics_are_reported() {
    let given = json!({"column": "c", "named": ["Colour", "Size_words", "absent"]});
    let built = scorer("checks", given);
    let kinds: Vec<_> = built
        .metrics()
        .iter()
        .map(|metric| (metric.name.to_string(), metric.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("checks".to_owned(), MetricKind::Binary),
            ("check_score".to_owned(), MetricKind::Bounded),
            ("Colour".to_owned(), MetricKind::Bounded),
            ("Size_words".to_owned(), MetricKind::Bounded),
            ("absent".to_owned(), MetricKind::Bounded),
        ]
    );
    assert!(
        built
            .metrics()
            .iter()
            .all(|metric| metric.pillar == Pillar::Quality)
    );
    let cell = json!([
        {"type": "contains", "value": "red", "metric": "Colour"},
        {"type": "assert-set", "assert": [{"type": "contains", "value": "green", "metric": "Colour"}]},
        {"type": "word-count", "value": 2, "metric": "Size / words", "weight": 0},
    ]);
    let found = scores(
        &*built,
        &case(json!({"c": cell})),
        &answer("red blue", None),
        vec![],
        None,
    );
    let values: Vec<_> = found.iter().map(|score| score.value).collect();
    assert_eq!(values, [Some(0.0), Some(0.5), Some(0.5), Some(1.0), None]);
    assert_eq!(found[4].outcome, Outcome::Unparsed);
    assert_eq!(checks::metric_name(" Tone: (formal) "), "Tone_formal");

    let error = build("checks", &options(json!({"named": ["a b"]})))
        .err()
        .unwrap();
    assert_eq!(error.option(), Some("named"));
    assert!(error.to_string().contains("write `a_b`"), "{error}");
    let again = scorer("checks", json!({"name": "strict", "named": "Tone"}));
    let names: Vec<_> = again
        .metrics()
        .iter()
        .map(|metric| metric.name.as_ref())
        .collect();
    assert_eq!(names, ["strict", "strict_check_score", "strict_Tone"]);
}

/// Protects time and stack from answers that are nothing but nesting.
#[test]
fn deep_answers_are_judged() {
    let deep = |open: &str, close: &str| open.repeat(60_000) + &close.repeat(60_000);
    for (kind, text) in [
        ("is-xml", deep("<a>", "</a>")),
        ("contains-xml", deep("<a>", "</a>")),
        ("is-html", deep("<div>", "")),
        ("contains-json", deep("{", "")),
        ("is-json", deep("[", "]")),
    ] {
        assert!(judged(&json!([{"type": kind}]), &text).is_some(), "{kind}");
    }
}

proptest! {
    /// Protects against panics and values out of range, whatever the answer and the value of a check.
    #[test]
    fn any_answer_and_value_are_judged(text in any::<String>(), value in any::<String>(), markup in r#"(<|>|/|a|p|=|"|\{|\}|!--|[0-9]|:|,| ){0,40}"#) {
        for kind in checks::KINDS {
            for prefix in ["", "not-"] {
                for text in [&text, &markup] {
                    let cell = json!([{"type": format!("{prefix}{kind}"), "value": value, "threshold": 0.5}]);
                    if let Some((_, score)) = judged(&cell, text) {
                        prop_assert!((0.0..=1.0).contains(&score));
                    }
                }
            }
        }
    }
}
