//! Arbitrary lines and arbitrary inputs to every function: each line is answered, no function panics.

use proptest::prelude::*;
use seatrial_calc::{functions, serve};
use seatrial_testkit::golden_families;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Inputs of each function that are right, to be spoiled one key at a time.
static RIGHT_INPUTS: LazyLock<BTreeMap<String, Vec<Map<String, Value>>>> = LazyLock::new(|| {
    let mut inputs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for case in golden_families().into_iter().flat_map(|family| family.cases) {
        let known = inputs.entry(case.function).or_default();
        if let Value::Object(input) = case.input
            && known.len() < 5
        {
            known.push(input);
        }
    }
    inputs
});

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..30_i32).prop_map(Value::from),
        (-1.0..1.0).prop_map(Value::from),
        prop_oneof![
            Just(1e300),
            Just(-1e300),
            Just(5e-324),
            Just(-0.0),
            Just(0.5),
            Just(f64::MAX)
        ]
        .prop_map(Value::from),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(1 << 53), Just((1 << 53) + 1)].prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        prop_oneof![
            Just("NaN"),
            Just("Infinity"),
            Just("-Infinity"),
            Just("linear"),
            Just("")
        ]
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(-2.0..2.0_f64, 0..6).prop_map(Value::from),
            prop::collection::vec(prop::collection::vec(0..4_u8, 2), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Serves a line and gives its one answer; a function that panicked is a failure, not an answer.
fn answer(line: &str) -> Value {
    let mut out = Vec::new();
    serve(line.as_bytes(), &mut out).expect("memory takes every answer");
    let answer: Value = serde_json::from_slice(&out).expect(line);
    let (output, error) = (&answer["output"], answer["error"].as_str());
    assert!(output.is_object() != error.is_some(), "{line}: {answer}");
    assert!(
        error.is_none_or(|error| !error.starts_with("internal error")),
        "{line}: {answer}"
    );
    answer
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Protects the loop: no JSON value as a line ends it.
    #[test]
    fn any_value_is_answered(value in value()) {
        let answer = answer(&value.to_string());
        prop_assert!(answer["error"].is_string());
    }

    /// Protects the loop: no text as a line ends it.
    #[test]
    fn any_text_is_answered(text in "[^\n]{0,40}") {
        if !text.trim_ascii().is_empty() {
            prop_assert!(answer(&text)["error"].is_string());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    /// Protects every function: whatever stands in the place of an input, the call is answered under its id.
    #[test]
    fn any_input_is_answered(values in prop::collection::vec(value(), 8), pick in any::<prop::sample::Index>()) {
        for function in functions() {
            let no_inputs = Vec::new();
            let right = RIGHT_INPUTS.get(function.name).unwrap_or(&no_inputs);
            let mut inputs = vec![values[0].clone()];
            for (field, value) in function.inputs.iter().zip(values.iter().cycle()) {
                if !right.is_empty() {
                    let mut input = pick.get(right).clone();
                    input.insert(field.name.to_owned(), value.clone());
                    inputs.push(Value::Object(input));
                }
            }
            let wild = function.inputs.iter().zip(values.iter().cycle());
            inputs.push(wild.map(|(field, value)| (field.name.to_owned(), value.clone())).collect());
            for input in inputs {
                let id = &values[0];
                let line = json!({"id": id, "fn": function.name, "input": input}).to_string();
                let answer = answer(&line);
                prop_assert_eq!(&answer["id"], id);
            }
        }
    }
}
