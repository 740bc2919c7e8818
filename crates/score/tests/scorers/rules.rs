//! Scorers that say right or wrong, and what all scorers share: the table, options, classes, details.

use crate::common::{answer, case, check, options, score, score_answer, scorer, verdict};
use proptest::prelude::*;
use seatrial_config::{COMMON_OPTIONS, OptionShape};
use seatrial_score::{DETAIL_CHARS_MAX, ScorerError, build, vocabulary};
use seatrial_task::Scorer;
use seatrial_types::{FinishReason, Outcome};
use serde_json::{Value, json};

/// Protects equality after normalisation, with one and with many accepted answers.
#[test]
fn exact_match_compares_whole_answers() {
    let paris = json!({"expected": "Paris"});
    let many = json!({"expected": ["Paris", " ville lumière "]});
    check(
        "exact_match",
        &[
            (json!({}), paris.clone(), "Paris", Some(true)),
            (json!({}), paris.clone(), " Paris\n", Some(true)),
            (json!({}), paris.clone(), "paris", Some(false)),
            (json!({}), paris.clone(), "", Some(false)),
            (json!({}), paris.clone(), "Paris.", Some(false)),
            (json!({"normalise": []}), paris.clone(), "Paris ", Some(false)),
            (
                json!({"normalise": "casefold"}),
                paris.clone(),
                "PARIS",
                Some(true),
            ),
            (
                json!({"normalise": ["squad"]}),
                paris.clone(),
                "The Paris!",
                Some(true),
            ),
            (
                json!({"normalise": ["nfkc", "trim"]}),
                paris.clone(),
                "Ｐａｒｉｓ",
                Some(true),
            ),
            (json!({}), many.clone(), "ville lumière", Some(true)),
            (json!({}), many, "Lyon", Some(false)),
            (json!({}), json!({"expected": 18}), "18", Some(true)),
            (json!({}), json!({"expected": ""}), " ", Some(true)),
            (
                json!({"extract": "last_line"}),
                paris.clone(),
                "Hm.\nParis",
                Some(true),
            ),
            (
                json!({"extract": {"after": "A:"}}),
                paris.clone(),
                "A: Paris",
                Some(true),
            ),
            (json!({"extract": {"after": "A:"}}), paris.clone(), "Paris", None),
            (json!({"negate": true}), paris.clone(), "Paris", Some(false)),
            (json!({"negate": true}), paris.clone(), "Lyon", Some(true)),
            (
                json!({"negate": true, "extract": "last_number"}),
                paris,
                "Lyon",
                None,
            ),
            (json!({}), json!({}), "Paris", None),
        ],
    );
}

/// Protects any and all, values and reference, case, and values that every text contains.
#[test]
fn contains_looks_for_texts() {
    let none = json!({});
    let two = json!({"values": ["red", "blue"]});
    let all = json!({"values": ["red", "blue"], "match": "all"});
    check(
        "contains",
        &[
            (two.clone(), none.clone(), "a blue sky", Some(true)),
            (two, none.clone(), "green", Some(false)),
            (all.clone(), none.clone(), "red and blue", Some(true)),
            (all, none.clone(), "red", Some(false)),
            (json!({"values": "RED"}), none.clone(), "red", Some(false)),
            (
                json!({"values": "RED", "ignore_case": true}),
                none.clone(),
                "red",
                Some(true),
            ),
            (
                json!({"values": "STRASSE", "ignore_case": true}),
                none.clone(),
                "Straße",
                Some(true),
            ),
            (
                json!({"values": [1, true]}),
                none.clone(),
                "is it true",
                Some(true),
            ),
            (
                json!({"values": "a b", "normalise": "collapse_whitespace"}),
                none.clone(),
                "a \n b",
                Some(true),
            ),
            (
                json!({"values": "sorry", "negate": true}),
                none.clone(),
                "",
                Some(true),
            ),
            (
                json!({}),
                json!({"expected": ["Paris", "Lyon"]}),
                "In Lyon.",
                Some(true),
            ),
            (
                json!({"match": "all"}),
                json!({"expected": ["Paris", "Lyon"]}),
                "In Lyon.",
                Some(false),
            ),
            (json!({}), json!({"expected": ["Paris", ""]}), "In Lyon.", None),
            (json!({}), none, "In Lyon.", None),
        ],
    );
}

/// Protects searching, anchoring and flags.
#[test]
fn regex_searches() {
    let none = json!({});
    check(
        "regex",
        &[
            (json!({"pattern": "b+"}), none.clone(), "abc", Some(true)),
            (json!({"pattern": "^b"}), none.clone(), "abc", Some(false)),
            (json!({"pattern": "(?i)YES"}), none.clone(), "yes", Some(true)),
            (json!({"pattern": "^$"}), none.clone(), "", Some(true)),
            (json!({"pattern": r"^\p{L}+$"}), none.clone(), "naïve", Some(true)),
            (json!({"pattern": 18}), none.clone(), "it is 18", Some(true)),
            (
                json!({"pattern": "b", "negate": true}),
                none.clone(),
                "abc",
                Some(false),
            ),
            (
                json!({"pattern": "^b$", "extract": {"regex": "a(.)c"}}),
                none,
                "abc",
                Some(true),
            ),
        ],
    );
}

/// Protects tolerances, the choice of number, and the classes of faulty answers and cases.
#[test]
fn numeric_match_compares_numbers() {
    let gold = json!({"expected": "#### 1,800"});
    let small = json!({"expected": 26});
    check(
        "numeric_match",
        &[
            (json!({}), gold.clone(), "so $1,800.00.", Some(true)),
            (json!({}), gold.clone(), "1800 or 1801", Some(false)),
            (json!({}), gold.clone(), "1800.0000000001", Some(true)),
            (json!({}), gold.clone(), "1800.001", Some(false)),
            (json!({}), gold.clone(), "-1800", Some(false)),
            (json!({}), gold.clone(), "no idea", None),
            (json!({}), gold.clone(), "", None),
            (json!({"negate": true}), gold.clone(), "", None),
            (json!({"negate": true}), gold.clone(), "5", Some(true)),
            (json!({"relative": 0.01}), gold.clone(), "1818", Some(true)),
            (json!({"relative": 0.01}), gold.clone(), "1818.1", Some(false)),
            (
                json!({"relative": 0.01, "tolerance": 20}),
                gold.clone(),
                "1820",
                Some(true),
            ),
            (json!({"tolerance": 1e-4}), small.clone(), "26.0001", Some(true)),
            (json!({"tolerance": 1e-4}), small.clone(), "25.9999", Some(true)),
            (json!({"tolerance": 1e-4}), small.clone(), "26.00011", Some(false)),
            (json!({"tolerance": 0}), small.clone(), "26.0", Some(true)),
            (
                json!({"tolerance": 0}),
                json!({"expected": 1e17}),
                "100000000000000016",
                Some(false),
            ),
            (
                json!({}),
                json!({"expected": "0.3"}),
                "0.1 + 0.2 = 0.30000000000000004",
                Some(true),
            ),
            (json!({}), json!({"expected": [5, 7]}), "7", Some(true)),
            (json!({}), json!({"expected": ["five", 7]}), "7", Some(true)),
            (json!({}), json!({"expected": "five"}), "5", None),
            (json!({}), json!({}), "5", None),
            (
                json!({"normalise": "nfkc"}),
                json!({"expected": 18}),
                "１８",
                Some(true),
            ),
            (
                json!({"extract": "first_number"}),
                small,
                "26, not 27",
                Some(true),
            ),
        ],
    );
    let found = score(
        &*scorer("numeric_match", json!({})),
        &case(json!({"expected": "five"})),
        "5",
    );
    assert_eq!(
        found.detail.as_deref(),
        Some("dataset: no number in the reference `five`")
    );
}

/// Protects how references are read: letters, indices, texts, and the refusal to guess.
#[test]
fn choice_compares_options() {
    let cities = json!({"choices": ["Paris", "Lyon", "Nice"], "expected": "B"});
    let mmlu = json!({"choices": ["2", "0", "3", "1"], "answer": 3, "expected": 3});
    let mapped = json!({"choices": ["2", "0", "3", "1"], "gold_index": 3, "id": "x3"});
    let csv = json!({"choices": ["2", "0", "3", "1"], "expected": "3"});
    let metals = json!({"choices": ["B", "Al", "In", "Tl"], "expected": "B"});
    let mut mapped_case = case(mapped);
    mapped_case.expected = vec!["3".to_owned()];
    let by_map = score(&*scorer("choice", json!({})), &mapped_case, "ANSWER: D");
    assert_eq!(
        verdict(&by_map),
        Some(true),
        "a mapped column of numbers holds indices"
    );
    check(
        "choice",
        &[
            (json!({}), cities.clone(), "ANSWER: B", Some(true)),
            (json!({}), cities.clone(), "ANSWER: C", Some(false)),
            (json!({}), cities.clone(), "It is Lyon.", Some(true)),
            (json!({}), cities.clone(), "ANSWER: D", None),
            (json!({}), cities.clone(), "", None),
            (json!({"negate": true}), cities.clone(), "", None),
            (json!({"negate": true}), cities, "A", Some(true)),
            (
                json!({}),
                json!({"choices": ["Paris", "Lyon"], "expected": "lyon"}),
                "(B)",
                Some(true),
            ),
            (
                json!({}),
                json!({"choices": ["Paris", "Lyon"], "expected": "(b)"}),
                "Lyon",
                Some(true),
            ),
            (
                json!({}),
                json!({"choices": ["Paris", "Lyon"], "expected": "1"}),
                "B",
                Some(true),
            ),
            (
                json!({}),
                json!({"choices": ["Paris", "Lyon"], "expected": "2"}),
                "B",
                None,
            ),
            (
                json!({}),
                json!({"choices": ["Paris", "Lyon"], "expected": ["A", "B"]}),
                "B",
                Some(true),
            ),
            (json!({}), mmlu.clone(), "ANSWER: D", Some(true)),
            (json!({}), mmlu, "ANSWER: C", Some(false)),
            (json!({}), csv.clone(), "ANSWER: D", None),
            (
                json!({"reference": "index"}),
                csv.clone(),
                "ANSWER: D",
                Some(true),
            ),
            (json!({"reference": "text"}), csv, "ANSWER: C", Some(true)),
            (json!({}), metals.clone(), "ANSWER: B", None),
            (
                json!({"reference": "letter"}),
                metals.clone(),
                "ANSWER: B",
                Some(true),
            ),
            (json!({"reference": "text"}), metals, "ANSWER: A", Some(true)),
            (
                json!({}),
                json!({"expected": "J"}),
                "The answer is J.",
                Some(true),
            ),
            (
                json!({"options": 4}),
                json!({"expected": "B"}),
                "The answer is J.",
                None,
            ),
            (
                json!({"options": 4}),
                json!({"expected": "J"}),
                "The answer is B.",
                None,
            ),
            (
                json!({"options": 4.0}),
                json!({"expected": 1}),
                "The answer is B.",
                Some(true),
            ),
            (
                json!({"extract": "strip_think"}),
                json!({"expected": "A"}),
                "<think>(B)</think>A",
                Some(true),
            ),
            (
                json!({}),
                json!({"choices": vec!["x"; 27], "expected": "A"}),
                "A",
                None,
            ),
            (json!({}), json!({}), "A", None),
        ],
    );
    let csv = case(json!({"choices": ["2", "0", "3", "1"], "expected": "3"}));
    let found = score(&*scorer("choice", json!({})), &csv, "ANSWER: D");
    let told = "dataset: the reference `3` can mean D and C; hint: say reference: letter, index or text";
    assert_eq!(found.detail.as_deref(), Some(told));
}

/// Protects types with `equals`, texts of references, structures and broken JSON.
#[test]
fn json_field_compares_values() {
    let none = json!({});
    let answer = |equals: Value| json!({"field": "answer", "equals": equals});
    let by_reference = json!({"field": "answer"});
    check(
        "json_field",
        &[
            (answer(json!(18)), none.clone(), r#"{"answer": 18.0}"#, Some(true)),
            (
                answer(json!(18)),
                none.clone(),
                r#"{"answer": "18"}"#,
                Some(false),
            ),
            (
                answer(json!("18")),
                none.clone(),
                r#"{"answer": 18}"#,
                Some(false),
            ),
            (
                answer(json!(1e3)),
                none.clone(),
                r#"{"answer": 1000}"#,
                Some(true),
            ),
            (
                answer(json!(9_007_199_254_740_993_i64)),
                none.clone(),
                r#"{"answer": 9007199254740992}"#,
                Some(false),
            ),
            (
                answer(json!("yes")),
                none.clone(),
                r#"{"answer": " yes "}"#,
                Some(true),
            ),
            (
                answer(json!("yes")),
                none.clone(),
                r#"{"answer": yes}"#,
                Some(true),
            ),
            (
                answer(json!(true)),
                none.clone(),
                r#"{"answer": true}"#,
                Some(true),
            ),
            (
                answer(json!(true)),
                none.clone(),
                r#"{"answer": "true"}"#,
                Some(false),
            ),
            (
                answer(json!(null)),
                none.clone(),
                r#"{"answer": null}"#,
                Some(true),
            ),
            (answer(json!(null)), none.clone(), r#"{"answer": 0}"#, Some(false)),
            (
                answer(json!(["a", 1])),
                none.clone(),
                r#"{"answer": ["a", 1.0]}"#,
                Some(true),
            ),
            (
                answer(json!(["a", 1])),
                none.clone(),
                r#"{"answer": ["a"]}"#,
                Some(false),
            ),
            (
                answer(json!({"x": 1, "y": 2})),
                none.clone(),
                r#"{"answer": {"y": 2, "x": 1}}"#,
                Some(true),
            ),
            (
                answer(json!({"x": 1})),
                none.clone(),
                r#"{"answer": {"y": 2, "x": 1}}"#,
                Some(false),
            ),
            (
                answer(json!({"x": 1, "y": 2})),
                none.clone(),
                r#"{"answer": {"x": 1}}"#,
                Some(false),
            ),
            (answer(json!(18)), none.clone(), "no json", None),
            (
                json!({"field": "/a/b", "equals": 2}),
                none.clone(),
                r#"{"a": {"b": 2}}"#,
                Some(true),
            ),
            (
                json!({"field": "a", "equals": 2, "negate": true}),
                none.clone(),
                r#"{"b": 2}"#,
                None,
            ),
            (
                by_reference.clone(),
                json!({"expected": 18}),
                r#"{"answer": "18"}"#,
                Some(true),
            ),
            (
                by_reference.clone(),
                json!({"expected": "18.0"}),
                r#"{"answer": 18}"#,
                Some(true),
            ),
            (
                by_reference.clone(),
                json!({"expected": ["a", "b"]}),
                r#"{"answer": "b"}"#,
                Some(true),
            ),
            (
                by_reference.clone(),
                json!({"expected": "true"}),
                r#"{"answer": true}"#,
                Some(true),
            ),
            (
                by_reference.clone(),
                json!({"expected": "[1, 2]"}),
                r#"{"answer": [1,2.0]}"#,
                Some(true),
            ),
            (
                by_reference.clone(),
                json!({"expected": "x"}),
                r#"{"answer": [1]}"#,
                Some(false),
            ),
            (by_reference.clone(), none, r#"{"answer": 1}"#, None),
            (
                json!({"field": "answer", "normalise": ["casefold", "trim"]}),
                json!({"expected": "Paris"}),
                r#"{"answer": "PARIS "}"#,
                Some(true),
            ),
        ],
    );
}

/// Protects reports from answers of any size: the detail is bounded, and tells that an answer was cut off.
#[test]
fn details_are_bounded_and_tell_the_cause() {
    let huge = "é".repeat(1_000_000);
    let found = score(
        &*scorer("exact_match", json!({})),
        &case(json!({"expected": "x"})),
        &huge,
    );
    assert_eq!(
        found.detail.map(|detail| detail.chars().count()),
        Some(DETAIL_CHARS_MAX + 1)
    );

    let numeric = scorer("numeric_match", json!({}));
    let cut = answer("Let me think", Some(FinishReason::Length));
    let found = score_answer(&*numeric, &case(json!({"expected": 5})), &cut);
    let told = "no number in `Let me think`; the answer was cut off at the token limit";
    assert_eq!(
        (found.outcome, found.detail.as_deref()),
        (Outcome::Unparsed, Some(told))
    );

    let json = scorer(
        "numeric_match",
        json!({"extract": [{"json_field": "answer"}, "last_number"]}),
    );
    let found = score(&*json, &case(json!({"expected": 5})), "5");
    assert_eq!(
        found.detail.as_deref(),
        Some("step 1 (json_field) found no JSON field `answer`")
    );
    let found = score(&*json, &case(json!({"expected": 5})), r#"{"answer": "$5.00"}"#);
    assert_eq!(found.detail.as_deref(), Some("5.00"));
}

/// Protects the metric: its name, and what an unparsed or refused answer counts as.
#[test]
fn common_options_reach_the_metric() {
    let plain = scorer("exact_match", json!({}));
    let metric = &plain.metrics()[0];
    assert_eq!(
        (plain.name(), plain.version(), metric.name.as_ref()),
        ("exact_match", 1, "exact_match")
    );
    assert!(metric.unparsed_is_wrong && metric.refused_is_wrong && plain.needs_reference());

    let named = scorer(
        "contains",
        json!({"values": "x", "name": "polite", "unparsed": "exclude", "refused": "exclude"}),
    );
    let metric = &named.metrics()[0];
    assert_eq!((named.name(), metric.name.as_ref()), ("contains", "polite"));
    assert!(!metric.unparsed_is_wrong && !metric.refused_is_wrong && !named.needs_reference());

    assert!(scorer("json_field", json!({"field": "a"})).needs_reference());
    assert!(!scorer("json_field", json!({"field": "a", "equals": null})).needs_reference());
}

/// Protects the table against options that it lists and the scorer does not know, and the other way round.
#[test]
fn vocabulary_and_scorers_agree() {
    let names: Vec<_> = vocabulary().iter().map(|entry| entry.name).collect();
    assert_eq!(
        names,
        [
            "exact_match",
            "contains",
            "regex",
            "numeric_match",
            "choice",
            "json_field",
            "starts_with",
            "f1",
            "edit_similarity",
            "bleu",
            "chrf",
            "rouge",
            "json_valid",
            "json_schema",
            "length",
            "refusal",
            "latency",
            "first_token",
            "cost",
            "tokens",
            "perplexity",
            "perplexity_score",
            "all_of",
            "any_of",
            "weighted",
            "checks",
        ]
    );
    for entry in vocabulary() {
        let mut given = json!({});
        for option in entry.options.iter().filter(|option| option.required) {
            given[option.name] = match option.shape {
                OptionShape::Document => json!(true),
                OptionShape::Scorers => json!(["json_valid"]),
                _ => json!("x"),
            };
        }
        let metric = &entry.metrics[0];
        let built = scorer(entry.name, given.clone());
        let spec = &built.metrics()[0];
        assert_eq!(
            (spec.kind, spec.unit, spec.pillar),
            (metric.kind, metric.unit, metric.pillar)
        );
        // A value that no option accepts is refused under the option's own name by every one of them.
        for option in entry.options.iter().chain(COMMON_OPTIONS).filter(|option| {
            !matches!(
                (option.name, option.shape),
                ("equals", _) | (_, OptionShape::Document)
            )
        }) {
            let mut wrong = options(given.clone());
            wrong.insert(
                option.name.to_owned(),
                json!({"no": {"such": ["thing"]}, "at": "all"}),
            );
            let error = build(entry.name, &wrong).err().unwrap();
            let place = error.option().unwrap().split('/').next();
            assert_eq!(place, Some(option.name), "{}: {error}", entry.name);
        }
    }
}

/// Protects the messages: option, what was found, what was expected, a hint.
#[test]
fn wrong_options_are_refused() {
    let rows = [
        (
            "exact",
            json!({}),
            "unknown scorer `exact`, expected one of exact_match, contains, regex",
        ),
        (
            "exact_match",
            json!({"patern": 1}),
            "scorer `exact_match` has no option `patern`; hint: it takes name, extract",
        ),
        (
            "regex",
            json!({}),
            "scorer `regex` needs the option `pattern`, a regular expression; hint: write pattern",
        ),
        (
            "regex",
            json!({"pattern": "(a"}),
            "option `pattern` of scorer `regex` is the pattern `(a` (unclosed group), expected",
        ),
        (
            "json_field",
            json!({}),
            "scorer `json_field` needs the option `field`, a name, or a JSON pointer",
        ),
        (
            "json_field",
            json!({"field": ""}),
            "option `field` of scorer `json_field` is the text ``, expected a name",
        ),
        (
            "contains",
            json!({"values": []}),
            "is the list `[]`, expected a text or a list of texts; hint: write",
        ),
        (
            "contains",
            json!({"values": ["a", ""]}),
            "expected texts that are not empty; hint: every answer contains",
        ),
        (
            "contains",
            json!({"match": "most"}),
            "is the text `most`, expected one of any, all",
        ),
        (
            "contains",
            json!({"ignore_case": "yes"}),
            "is the text `yes`, expected true or false; hint: write it without",
        ),
        (
            "numeric_match",
            json!({"tolerance": "1e-4"}),
            "is the text `1e-4`, expected a number of at least 0",
        ),
        (
            "numeric_match",
            json!({"relative": -1}),
            "is the number `-1`, expected a number of at least 0",
        ),
        (
            "choice",
            json!({"options": 27}),
            "is the number `27`, expected a whole number from 2 to 26",
        ),
        (
            "choice",
            json!({"reference": "number"}),
            "expected one of auto, letter, index, text",
        ),
        (
            "exact_match",
            json!({"normalise": "lower"}),
            "is the text `lower`, expected steps of trim, collapse_whitespace",
        ),
        (
            "exact_match",
            json!({"normalise": vec!["trim"; 17]}),
            "is a list of 17 steps, expected at most 16",
        ),
        (
            "exact_match",
            json!({"extract": ["trim", "last"]}),
            "option `extract` of scorer `exact_match` is step 2, `last`, expected",
        ),
        (
            "exact_match",
            json!({"unparsed": "ignore"}),
            "is the text `ignore`, expected one of wrong, exclude",
        ),
        (
            "exact_match",
            json!({"name": "a.b"}),
            "is the text `a.b`, expected letters, digits, `_` and `-`; hint: gates",
        ),
    ];
    for (name, given, expected) in rows {
        let error: ScorerError = build(name, &options(given)).err().unwrap();
        assert!(error.to_string().contains(expected), "{error} lacks {expected}");
    }
}

fn all_scorers(extra: &Value) -> Vec<Box<dyn Scorer>> {
    let with = |mut given: Value| {
        if let (Value::Object(given), Value::Object(extra)) = (&mut given, extra) {
            given.extend(extra.clone());
        }
        given
    };
    [
        ("exact_match", json!({})),
        ("contains", json!({"ignore_case": true})),
        ("regex", json!({"pattern": "(?i)answer|[0-9]"})),
        ("numeric_match", json!({"tolerance": 1e-4})),
        (
            "numeric_match",
            json!({"extract": [{"json_field": "answer"}, "last_number"]}),
        ),
        ("choice", json!({})),
        ("json_field", json!({"field": "answer"})),
    ]
    .into_iter()
    .map(|(name, given)| scorer(name, with(given)))
    .collect()
}

proptest! {
    /// Protects against panics on any text and any reference; negation is its own inverse on scored answers, and
    /// never turns an unparsed one into a right one.
    #[test]
    fn any_answer_gets_a_class(
        text in any::<String>(),
        dense in r#"(answer|ANSWER: |"answer": |\{|\}|"|,|-|\$|[A-E]|[0-9]|\.|é|\n| ){0,40}"#,
        expected in proptest::collection::vec("[A-D]|[0-3]|.*", 0..3),
        choices in proptest::collection::vec("[a-d]{1,3}|[0-3]|.*", 0..5),
    ) {
        let case = case(json!({"expected": expected, "choices": choices}));
        let (plain, negated) = (all_scorers(&json!({})), all_scorers(&json!({"negate": true})));
        for text in [&text, &dense] {
            for (plain, negated) in plain.iter().zip(&negated) {
                let (a, b) = (score(&**plain, &case, text), score(&**negated, &case, text));
                prop_assert_eq!(verdict(&a), verdict(&b).map(|right| !right));
                prop_assert!(a.detail.is_some_and(|detail| detail.chars().count() <= DETAIL_CHARS_MAX + 1));
            }
        }
    }

    /// Protects that the reference itself, alone as the answer, is right wherever it can be read at all.
    #[test]
    fn the_reference_is_right(reference in any::<String>(), number in any::<i32>()) {
        let case = case(json!({"expected": reference}));
        prop_assert_eq!(verdict(&score(&*scorer("exact_match", json!({})), &case, &reference)), Some(true));
        for name in ["contains", "numeric_match"] {
            let found = score(&*scorer(name, json!({})), &case, &reference);
            prop_assert_ne!(verdict(&found), Some(false), "{}", name);
        }
        let answer = json!({"answer": reference}).to_string();
        let by_field = scorer("json_field", json!({"field": "answer"}));
        prop_assert_eq!(verdict(&score(&*by_field, &case, &answer)), Some(true));
        let case = self::case(json!({"expected": number}));
        let text = format!("It is {number}.");
        prop_assert_eq!(verdict(&score(&*scorer("numeric_match", json!({})), &case, &text)), Some(true));
    }
}
