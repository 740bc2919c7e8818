//! Scorers that yield numbers, read structure or look at more than the text, from outside. Apart from the scorers that
//! say right or wrong, because a number has limits, a scale and an unknown.

#![expect(clippy::float_cmp, reason = "exact values are what is promised")]

use crate::common::{answer, case, check, options, score, score_answer, scorer, scores, verdict};
use proptest::prelude::*;
use seatrial_score::{DETAIL_CHARS_MAX, build};
use seatrial_text::bleu::{Bleu, BleuOptions};
use seatrial_text::chrf::{Chrf, ChrfOptions};
use seatrial_text::edit::{Unit, compare};
use seatrial_text::matching::squad_answer;
use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions};
use seatrial_types::{
    Answer, Attempt, FinishReason, MetricKind, Money, Outcome, Pillar, RateLimit, Timing, Unit as MetricUnit,
    Usage,
};
use serde_json::{Value, json};

/// The value of a scored answer; `None` for unparsed.
fn value(name: &str, given: Value, columns: Value, text: &str) -> Option<f64> {
    let found = score(&*scorer(name, given), &case(columns), text);
    assert_eq!(
        found.outcome == Outcome::Scored,
        found.value.is_some(),
        "{found:?}"
    );
    assert!(found.detail.is_some());
    found.value
}

/// Protects `starts_with`: values and reference, trimming, case, and what every text begins with.
#[test]
fn starts_with_looks_at_the_beginning() {
    let none = json!({});
    check(
        "starts_with",
        &[
            (json!({"values": "Yes"}), none.clone(), " Yes, it is.", Some(true)),
            (json!({"values": "Yes"}), none.clone(), "Oh, Yes", Some(false)),
            (json!({"values": ["Yes", "No"]}), none.clone(), "No.", Some(true)),
            (json!({"values": "yes"}), none.clone(), "YES", Some(false)),
            (
                json!({"values": "yes", "ignore_case": true}),
                none.clone(),
                "YES",
                Some(true),
            ),
            (
                json!({"values": "yes", "normalise": []}),
                none.clone(),
                " yes",
                Some(false),
            ),
            (json!({"values": "yes"}), none.clone(), "", Some(false)),
            (
                json!({"values": "yes", "negate": true}),
                none.clone(),
                "no",
                Some(true),
            ),
            (
                json!({}),
                json!({"expected": ["Paris", "Lyon"]}),
                "Lyon it is",
                Some(true),
            ),
            (json!({}), json!({"expected": ""}), "Lyon", None),
            (json!({}), none, "Lyon", None),
        ],
    );
}

/// Protects the promise that these scorers add nothing to the functions of `text`: equal values, with several
/// references, with options, on an empty answer.
#[test]
fn overlap_equals_the_metrics_of_text() {
    let references = ["The cat sat on the mat.", "A cat was sitting on a mat, calmly."];
    let columns = json!({"expected": references});
    let rouge = |stem| {
        Rouge::new(RougeOptions {
            stem,
            ..RougeOptions::default()
        })
    };
    for text in [
        "the cat sits on a mat",
        "A cat was sitting on a mat, calmly.",
        "",
        "Something else entirely, in more words than any of the references has.",
        "猫はマットの上に座った",
    ] {
        let of = |name, given| value(name, given, columns.clone(), text).unwrap();
        assert_eq!(of("f1", json!({})), squad_answer(text, &references).unwrap().f1);
        let edit = references.map(|reference| compare(text, reference, Unit::Grapheme));
        let best = |values: [f64; 2]| values[0].max(values[1]);
        let levenshtein = best([edit[0].levenshtein_similarity, edit[1].levenshtein_similarity]);
        assert_eq!(of("edit_similarity", json!({})), levenshtein);
        let indel = best([edit[0].ratio / 100.0, edit[1].ratio / 100.0]);
        assert!((of("edit_similarity", json!({"measure": "indel"})) - indel).abs() < 1e-12);
        let bleu = Bleu::default().sentence(text, &references).unwrap().score;
        assert_eq!(of("bleu", json!({})), bleu);
        let lower = BleuOptions {
            lowercase: true,
            max_order: 2,
            ..BleuOptions::default()
        };
        let lower = Bleu::try_new(lower)
            .unwrap()
            .sentence(text, &references)
            .unwrap()
            .score;
        assert_eq!(of("bleu", json!({"lowercase": true, "max_order": 2})), lower);
        assert_eq!(
            of("chrf", json!({})),
            Chrf::default().sentence(text, &references).unwrap()
        );
        let plus = ChrfOptions {
            word_order: 2,
            ..ChrfOptions::default()
        };
        let plus = Chrf::try_new(plus).unwrap().sentence(text, &references).unwrap();
        assert_eq!(of("chrf", json!({"word_order": 2})), plus);
        let best = |kind, stem| rouge(stem).score_best(&references, text, &[kind]).unwrap()[0].f;
        assert_eq!(of("rouge", json!({})), best(RougeKind::L, false));
        assert_eq!(
            of("rouge", json!({"type": "rouge2", "stem": true})),
            best(RougeKind::N(2), true)
        );
        assert_eq!(
            of("rouge", json!({"type": "rougeLsum"})),
            best(RougeKind::Lsum, false)
        );
    }
}

/// Protects known values, so that a change of `text` does not change both sides of the test above unseen.
#[test]
fn overlap_has_known_values() {
    let mat = json!({"expected": "the cat sat on a mat"});
    let text = "the cat sat on the mat";
    let bleu = value("bleu", json!({}), mat.clone(), text).unwrap();
    assert!((bleu - 53.7285).abs() < 1e-4, "{bleu}");
    assert_eq!(
        value("f1", json!({}), mat.clone(), "A cat sat on The mat!"),
        Some(1.0)
    );
    assert_eq!(
        value(
            "edit_similarity",
            json!({}),
            json!({"expected": "sitting"}),
            "kitten"
        ),
        Some(1.0 - 3.0 / 7.0)
    );
    let recall = value(
        "rouge",
        json!({"type": "rouge1", "measure": "recall"}),
        json!({"expected": "a b c d"}),
        "a b x",
    );
    assert_eq!(recall, Some(0.5));
    let precision = json!({"type": "rouge1", "measure": "precision"});
    assert_eq!(
        value("rouge", precision, json!({"expected": "a b c d"}), "a b x"),
        Some(2.0 / 3.0)
    );
    for name in ["f1", "edit_similarity", "bleu", "chrf", "rouge"] {
        assert_eq!(
            value(name, json!({}), json!({}), "x"),
            None,
            "{name} needs a reference"
        );
        assert!(scorer(name, json!({})).needs_reference());
    }
}

/// Protects scales: what is a share, what is a number of its own scale, what a bound makes of it, and who counts
/// failures as wrong.
#[test]
fn metrics_say_what_they_are() {
    use MetricKind::{Binary, Bounded, Real};
    let rows = [
        (
            "f1",
            json!({}),
            "f1",
            Bounded,
            MetricUnit::Share,
            Pillar::Quality,
            true,
        ),
        (
            "f1",
            json!({"at_least": 0.5}),
            "f1",
            Binary,
            MetricUnit::Share,
            Pillar::Quality,
            true,
        ),
        (
            "bleu",
            json!({}),
            "sentence_bleu",
            Real,
            MetricUnit::Score,
            Pillar::Quality,
            false,
        ),
        (
            "bleu",
            json!({"name": "mt"}),
            "mt_sentence_bleu",
            Real,
            MetricUnit::Score,
            Pillar::Quality,
            false,
        ),
        (
            "bleu",
            json!({"name": "bleu"}),
            "sentence_bleu",
            Real,
            MetricUnit::Score,
            Pillar::Quality,
            false,
        ),
        (
            "chrf",
            json!({"at_least": 40}),
            "sentence_chrf",
            Binary,
            MetricUnit::Share,
            Pillar::Quality,
            false,
        ),
        (
            "rouge",
            json!({}),
            "rouge",
            Bounded,
            MetricUnit::Share,
            Pillar::Quality,
            false,
        ),
        (
            "length",
            json!({}),
            "length",
            Real,
            MetricUnit::Count,
            Pillar::Quality,
            false,
        ),
        (
            "latency",
            json!({}),
            "latency",
            Real,
            MetricUnit::Ms,
            Pillar::Performance,
            false,
        ),
        (
            "latency",
            json!({"at_most": 500}),
            "latency",
            Binary,
            MetricUnit::Share,
            Pillar::Performance,
            false,
        ),
        (
            "cost",
            json!({}),
            "cost",
            Real,
            MetricUnit::Usd,
            Pillar::Cost,
            false,
        ),
        (
            "tokens",
            json!({}),
            "tokens",
            Real,
            MetricUnit::Tokens,
            Pillar::Cost,
            false,
        ),
        (
            "refusal",
            json!({}),
            "refusal",
            Binary,
            MetricUnit::Share,
            Pillar::Safety,
            false,
        ),
        (
            "json_valid",
            json!({}),
            "json_valid",
            Binary,
            MetricUnit::Share,
            Pillar::Quality,
            true,
        ),
    ];
    for (name, given, metric, kind, unit, pillar, failures_are_wrong) in rows {
        let built = scorer(name, given.clone());
        let spec = &built.metrics()[0];
        assert_eq!(
            (spec.name.as_ref(), spec.kind, spec.unit, spec.pillar),
            (metric, kind, unit, pillar),
            "{name} {given}"
        );
        assert_eq!(
            (spec.unparsed_is_wrong, spec.refused_is_wrong),
            (failures_are_wrong, failures_are_wrong)
        );
    }
    let strict = scorer("rouge", json!({"unparsed": "wrong", "refused": "wrong"}));
    assert!(strict.metrics()[0].unparsed_is_wrong && strict.metrics()[0].refused_is_wrong);
}

/// Protects bounds: both ends belong to what passes, the number is in the detail, and `negate` turns the verdict.
#[test]
fn limits_make_verdicts() {
    let abcd = json!({"expected": "abcd"});
    check(
        "edit_similarity",
        &[
            (json!({"at_least": 0.75}), abcd.clone(), "abcx", Some(true)),
            (json!({"at_least": 0.76}), abcd.clone(), "abcx", Some(false)),
            (json!({"at_most": 0.75}), abcd.clone(), "abcx", Some(true)),
            (json!({"at_most": 0.5}), abcd.clone(), "abcx", Some(false)),
            (
                json!({"at_least": 0.5, "at_most": 0.8}),
                abcd.clone(),
                "abcx",
                Some(true),
            ),
            (
                json!({"at_least": 0.5, "negate": true}),
                abcd.clone(),
                "abcx",
                Some(false),
            ),
            (
                json!({"at_least": 0.5, "extract": "last_number"}),
                abcd.clone(),
                "abcx",
                None,
            ),
        ],
    );
    let found = score(
        &*scorer("edit_similarity", json!({"at_least": 0.8})),
        &case(abcd.clone()),
        "abcx",
    );
    assert_eq!(found.detail.as_deref(), Some("0.75, wanted at least 0.8: abcx"));
    let turned = value("edit_similarity", json!({"negate": true}), abcd, "abcx");
    assert_eq!(turned, Some(0.25), "a share can be turned round without a bound");
}

/// Protects lengths, and what they are counted in.
#[test]
fn length_counts() {
    let text = "naïve café 👍🏽";
    assert_eq!(value("length", json!({}), json!({}), text), Some(13.0));
    assert_eq!(
        value("length", json!({"unit": "words"}), json!({}), text),
        Some(3.0)
    );
    assert_eq!(
        value("length", json!({"unit": "words"}), json!({}), " \n "),
        Some(0.0)
    );
    assert_eq!(value("length", json!({"unit": "tokens"}), json!({}), text), None);
    assert_eq!(
        value("length", json!({"extract": "last_line"}), json!({}), "one\ntwo22"),
        Some(5.0)
    );
    let mut counted = answer(text, None);
    counted.usage.output_tokens = Some(9);
    let found = score_answer(
        &*scorer("length", json!({"unit": "tokens", "at_most": 8})),
        &case(json!({})),
        &counted,
    );
    assert_eq!(
        (found.value, found.detail.as_deref()),
        (Some(0.0), Some("9, wanted at most 8: naïve café 👍🏽"))
    );
}

/// Protects strict JSON: all of it, nothing beside it, bounded depth, and fences taken off only when asked.
#[test]
fn json_valid_is_strict() {
    let none = json!({});
    let deep = "[".repeat(100_000);
    check(
        "json_valid",
        &[
            (none.clone(), none.clone(), " {\"a\": [1, null]}\n", Some(true)),
            (none.clone(), none.clone(), "3", Some(true)),
            (none.clone(), none.clone(), "", Some(false)),
            (none.clone(), none.clone(), "{\"a\": 1,}", Some(false)),
            (none.clone(), none.clone(), "{\"a\": 1} done", Some(false)),
            (none.clone(), none.clone(), "NaN", Some(false)),
            (none.clone(), none.clone(), &deep, Some(false)),
            (
                json!({"extract": "code_block"}),
                none.clone(),
                "Here:\n```json\n{}\n```",
                Some(true),
            ),
            (json!({"extract": "code_block"}), none.clone(), "{}", None),
            (json!({"negate": true}), none.clone(), "plain", Some(true)),
        ],
    );
}

/// Protects schemas: draft 2020-12, the place of what is wrong, formats only when asked, and no way out of the schema.
#[test]
fn json_schema_validates() {
    let none = json!({});
    let order = json!({"schema": {
        "type": "object", "required": ["id", "items"],
        "properties": {"id": {"type": "integer"}, "items": {"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1}},
        "unevaluatedProperties": false,
    }});
    let email = |formats: bool| json!({"schema": {"type": "string", "format": "email"}, "formats": formats});
    check(
        "json_schema",
        &[
            (
                order.clone(),
                none.clone(),
                r#"{"id": 1, "items": ["a", 2]}"#,
                Some(true),
            ),
            (
                order.clone(),
                none.clone(),
                r#"{"id": 1, "items": [2]}"#,
                Some(false),
            ),
            (
                order.clone(),
                none.clone(),
                r#"{"id": 1, "items": ["a"], "x": 1}"#,
                Some(false),
            ),
            (order.clone(), none.clone(), "[]", Some(false)),
            (order.clone(), none.clone(), "no JSON", None),
            (order.clone(), none.clone(), "", None),
            (json!({"schema": true}), none.clone(), "null", Some(true)),
            (json!({"schema": false}), none.clone(), "null", Some(false)),
            (email(false), none.clone(), "\"nobody\"", Some(true)),
            (email(true), none.clone(), "\"nobody\"", Some(false)),
            (
                json!({"schema": {"pattern": "^(a+)+$"}}),
                none.clone(),
                &format!("\"{}b\"", "a".repeat(64)),
                Some(false),
            ),
        ],
    );
    let found = score(
        &*scorer("json_schema", order),
        &case(none),
        r#"{"id": 1, "items": [2]}"#,
    );
    assert_eq!(
        found.detail.as_deref(),
        Some("at /items/0: 2 is not of type \"string\"")
    );
    for schema in [
        json!({"type": "objekt"}),
        json!({"$ref": "https://example.com/other.json"}),
        json!({"$ref": "other.json"}),
        json!({"$ref": "#/$defs/missing"}),
        json!({"pattern": "("}),
    ] {
        let error = build("json_schema", &options(json!({"schema": schema})))
            .err()
            .unwrap();
        assert_eq!(error.option(), Some("schema"), "{schema}: {error}");
    }
}

fn timed(ttft_ns: Option<u64>, latency_ns: u64) -> Attempt {
    let timing = Timing {
        send_ns: Some(1_000_000),
        first_token_ns: ttft_ns.map(|ns| ns + 1_000_000),
        end_ns: latency_ns + 1_000_000,
        ..Timing::default()
    };
    Attempt {
        timing,
        status: Some(200),
        error: None,
        retry_after_ms: None,
        rate_limit: RateLimit::default(),
    }
}

/// Protects measurements: units, bounds, and that unknown is neither 0 nor within a bound.
#[test]
fn measurements_are_numbers_or_unknown() {
    let usage = Usage {
        input_tokens: Some(100),
        output_tokens: Some(20),
        reasoning_tokens: Some(5),
        ..Usage::default()
    };
    let known = Answer {
        usage,
        ..answer("x", None)
    };
    let unknown = answer("x", None);
    let attempts = || {
        vec![
            timed(None, 9_000_000_000),
            timed(Some(250_000_000), 1_500_000_000),
        ]
    };
    let price: Money = "0.0012".parse().unwrap();
    let empty = case(json!({}));
    let of = |name: &str, given: Value| {
        let scorer = scorer(name, given);
        let mut known = scores(&*scorer, &empty, &known, attempts(), Some(price));
        let unknown = score_answer(&*scorer, &empty, &unknown);
        assert_eq!(
            (unknown.outcome, unknown.value),
            (Outcome::Unparsed, None),
            "{name}"
        );
        known.remove(0)
    };
    let rows = [
        ("latency", json!({}), 1500.0),
        ("latency", json!({"at_most": 1500}), 1.0),
        ("latency", json!({"at_most": 1499}), 0.0),
        ("latency", json!({"at_most": 1499, "negate": true}), 1.0),
        ("first_token", json!({}), 250.0),
        ("cost", json!({}), 0.0012),
        ("cost", json!({"at_most": 0.001}), 0.0),
        ("tokens", json!({}), 20.0),
        ("tokens", json!({"of": "input"}), 100.0),
        ("tokens", json!({"of": "total", "at_most": 120}), 1.0),
        ("tokens", json!({"of": "reasoning"}), 5.0),
    ];
    for (name, given, expected) in rows {
        let found = of(name, given.clone());
        assert_eq!(found.value, Some(expected), "{name} {given}: {found:?}");
    }
    assert_eq!(
        of("cost", json!({"at_most": 0.001})).detail.as_deref(),
        Some("0.0012, wanted at most 0.001")
    );
}

/// Protects the refusal scorer's three jobs: a share of refusals, the mark for its neighbours, its own judgement of
/// answers that the provider calls refused.
#[test]
fn refusals_are_measured_and_marked() {
    let rule = scorer("refusal", json!({"phrases": ["Guardrail hit"]}));
    let empty = case(json!({}));
    let sorry = "I'm sorry, but I can't help with that.";
    let said = |text: &str| verdict(&score(&*rule, &empty, text));
    assert_eq!(said(sorry), Some(true));
    assert_eq!(
        said("<think>They want it.</think>I cannot help with that."),
        Some(true)
    );
    assert_eq!(said("All fine. [guardrail  HIT: 7]"), Some(true));
    assert_eq!(said("I'm sorry to hear that. Try this."), Some(false));
    assert_eq!(said("  "), None);
    assert!(rule.looks_at_refusals() && !scorer("exact_match", json!({})).looks_at_refusals());
    let filtered = answer("Once upon", Some(FinishReason::ContentFilter));
    let found = score_answer(&*rule, &empty, &filtered);
    assert_eq!(
        (found.value, found.detail.as_deref()),
        (Some(1.0), Some("finish reason content_filter"))
    );
    let turned = scorer("refusal", json!({"negate": true}));
    assert_eq!(verdict(&score(&*turned, &empty, sorry)), Some(false));
}

/// Protects the logic of conditions: three-valued, with the parts in the detail.
#[test]
fn conditions_know_three_values() {
    let paris = json!({"expected": "Paris"});
    let number = json!({"numeric_match": {}});
    let of = |parts: Value| json!({"of": parts});
    let long = json!({"length": {"at_least": 10}});
    let all = |parts: Value| (of(parts), paris.clone());
    let rows = [
        ("all_of", all(json!(["exact_match"])), "Paris", Some(true)),
        ("all_of", all(json!(["exact_match", long])), "Paris", Some(false)),
        ("all_of", all(json!(["exact_match", "choice"])), "Paris", None),
        ("all_of", all(json!([long, number])), "Paris", Some(false)),
        ("any_of", all(json!(["exact_match", number])), "Paris", Some(true)),
        ("any_of", all(json!([long, number])), "Lyon", None),
        (
            "any_of",
            all(json!([long, {"regex": {"pattern": "L"}}])),
            "Lyon",
            Some(true),
        ),
        ("any_of", all(json!([long, "exact_match"])), "Lyon", Some(false)),
        (
            "any_of",
            all(json!([long, {"numeric_match": {"unparsed": "wrong"}}])),
            "Lyon",
            Some(false),
        ),
        (
            "all_of",
            all(json!([{"any_of": {"of": ["exact_match", long]}}, {"json_valid": {"negate": true}}])),
            "Paris",
            Some(true),
        ),
    ];
    for (name, (given, columns), text, expected) in rows {
        check(name, &[(given, columns, text, expected)]);
    }
    let given = of(json!(["exact_match", {"length": {"name": "short", "at_most": 80}}]));
    let found = score(&*scorer("all_of", given), &case(paris), "Lyon");
    assert_eq!(found.detail.as_deref(), Some("exact_match 0 · short 1"));
}

/// Protects weighted means: weights, hundredths of BLEU, bounds, unparsed parts.
#[test]
fn weighted_means_weigh() {
    let abcd = || json!({"expected": "abcd"});
    let parts = json!(["exact_match", "edit_similarity"]);
    let of = |given: Value, text: &str| value("weighted", given, abcd(), text);
    assert_eq!(of(json!({"of": parts}), "abcx"), Some(0.375));
    assert_eq!(of(json!({"of": parts, "weights": [1, 3]}), "abcx"), Some(0.5625));
    assert_eq!(of(json!({"of": parts, "weights": [1, 0]}), "abcx"), Some(0.0));
    assert_eq!(
        of(json!({"of": parts, "weights": [1, 3], "at_least": 0.5}), "abcx"),
        Some(1.0)
    );
    assert_eq!(of(json!({"of": parts, "negate": true}), "abcx"), Some(0.625));
    assert_eq!(
        of(
            json!({"of": ["exact_match", "json_valid", "numeric_match"]}),
            "abcd"
        ),
        None
    );
    let forgiving = json!({"of": ["exact_match", {"numeric_match": {"unparsed": "wrong"}}]});
    // The dataset has no number: the part is unparsed and counts as 0.
    assert_eq!(of(forgiving, "abcd"), Some(0.5));
    assert_eq!(of(json!({"of": ["bleu"]}), "abcd"), Some(1.0));
    assert!(scorer("weighted", json!({"of": "bleu"})).needs_reference());
    assert!(!scorer("weighted", json!({"of": "json_valid"})).needs_reference());
}

/// Protects the messages of wrong options, with the path of the one at fault inside a condition.
#[test]
fn wrong_options_are_placed() {
    let rows = [
        (
            "f1",
            json!({"at_least": 50}),
            "at_least",
            "is the number `50`, expected a number from 0 to 1",
        ),
        (
            "bleu",
            json!({"at_least": 500}),
            "at_least",
            "expected a number from 0 to 100",
        ),
        (
            "latency",
            json!({"at_most": "2s"}),
            "at_most",
            "expected a number of at least 0",
        ),
        (
            "f1",
            json!({"at_least": 0.8, "at_most": 0.2}),
            "at_most",
            "no number is within",
        ),
        (
            "latency",
            json!({"extract": "trim"}),
            "extract",
            "it does not look at the text",
        ),
        (
            "json_valid",
            json!({"normalise": "trim"}),
            "normalise",
            "compares no texts",
        ),
        (
            "latency",
            json!({"negate": true}),
            "negate",
            "hint: give it `at_least` or `at_most`",
        ),
        (
            "length",
            json!({"unit": "tokens", "extract": "trim"}),
            "extract",
            "of the whole answer",
        ),
        (
            "rouge",
            json!({"type": "rouge9"}),
            "type",
            "expected one of rougeL, rougeLsum",
        ),
        ("json_schema", json!({}), "schema", "needs the option `schema`"),
        (
            "json_schema",
            json!({"schema": "x.json"}),
            "schema",
            "a file is read with the suite",
        ),
        ("all_of", json!({}), "of", "needs the option `of`"),
        ("all_of", json!({"of": []}), "of", "expected a list of scorers"),
        ("all_of", json!({"of": ["f1"]}), "of/0", "`f1` without a bound"),
        (
            "any_of",
            json!({"of": ["exact_match", {"regex": {"pattern": "("}}]}),
            "of/1/pattern",
            "unclosed group",
        ),
        (
            "any_of",
            json!({"of": ["exakt"]}),
            "of/0",
            "unknown scorer `exakt`",
        ),
        (
            "any_of",
            json!({"of": [{"any_of": {"of": [{"regex": {}}]}}]}),
            "of/0/of/0/pattern",
            "needs the option",
        ),
        (
            "all_of",
            json!({"of": [{"regex": {"pattern": "a", "refused": "wrong"}}]}),
            "of/0/refused",
            "say it of",
        ),
        (
            "all_of",
            json!({"of": ["refusal"]}),
            "of",
            "list `refusal` under the task",
        ),
        (
            "weighted",
            json!({"of": ["latency"]}),
            "of/0",
            "`latency` without a bound",
        ),
        (
            "weighted",
            json!({"of": ["exact_match"], "weights": [1, 2]}),
            "weights",
            "1 numbers of at least 0",
        ),
        (
            "weighted",
            json!({"of": ["exact_match"], "weights": [0]}),
            "weights",
            "not all 0",
        ),
        (
            "all_of",
            json!({"of": vec!["exact_match"; 33]}),
            "of",
            "at most 32",
        ),
    ];
    for (name, given, place, expected) in rows {
        let error = build(name, &options(given)).err().unwrap();
        assert!(error.to_string().contains(expected), "{error} lacks {expected}");
        assert_eq!(error.option(), Some(place), "{error}");
    }
    let mut deep = json!("exact_match");
    for _ in 0..4 {
        deep = json!({"all_of": {"of": [deep]}});
    }
    let error = build("all_of", &options(deep["all_of"].clone())).err().unwrap();
    assert!(error.to_string().contains("at most 4 levels"), "{error}");
}

fn graded() -> Vec<(&'static str, Value)> {
    vec![
        ("f1", json!({})),
        ("edit_similarity", json!({})),
        ("edit_similarity", json!({"measure": "indel"})),
        ("bleu", json!({})),
        ("chrf", json!({"word_order": 2})),
        ("rouge", json!({})),
        ("rouge", json!({"type": "rougeLsum", "stem": true})),
        ("length", json!({"unit": "words"})),
        (
            "weighted",
            json!({"of": ["f1", "bleu", {"json_schema": {"schema": {"type": "object"}, "unparsed": "wrong"}}]}),
        ),
    ]
}

proptest! {
    /// Protects against panics and numbers that are no numbers, on any text and reference; the reference itself gets
    /// the best value that the scale has.
    #[test]
    fn any_answer_gets_a_finite_value(text in any::<String>(), references in proptest::collection::vec(any::<String>(), 1..3)) {
        let case = case(json!({"expected": references}));
        for (name, given) in graded() {
            let scorer = scorer(name, given);
            let found = score(&*scorer, &case, &text);
            let value = found.value.unwrap();
            let most = match scorer.metrics()[0].unit {
                MetricUnit::Share => 1.0,
                MetricUnit::Score => 100.000_001,
                _ => f64::MAX,
            };
            prop_assert!((0.0..=most).contains(&value), "{} {}", name, value);
            prop_assert!(found.detail.is_some_and(|detail| detail.chars().count() <= DETAIL_CHARS_MAX + 1));
        }
        for name in ["f1", "edit_similarity"] {
            prop_assert_eq!(score(&*scorer(name, json!({})), &case, &references[0]).value, Some(1.0));
        }
        for name in ["refusal", "json_valid", "starts_with"] {
            score(&*scorer(name, json!({})), &case, &text);
        }
    }
}
