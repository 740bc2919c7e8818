//! Hostile inputs to the text functions: each answers with an output or with an error that names something, never
//! with a panic, never with `null`, and with `NaN` only where the description says so.

use seatrial_calc::{Args, functions};
use serde_json::{Value, json};
use std::path::Path;

const FAMILIES: [&str; 6] = [
    "bleu",
    "chrf_ter",
    "rouge_meteor",
    "match_edit",
    "readability_summarisation",
    "mt_significance",
];

/// What a key may be replaced by.
fn hostile() -> Vec<Value> {
    let long = "a b c ".repeat(2000);
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!("NaN"),
        json!(""),
        json!(" \n\t"),
        json!("e\u{301}👍🏽\u{202e}\u{0}字"),
        json!(long),
        json!([]),
        json!([[]]),
        json!([""]),
        json!(["a", "b"]),
        json!([null]),
        json!([["a"], ["b", "c"]]),
        json!([[null]]),
        json!([[1.0, 2.0], [3.0]]),
        json!({}),
        json!({"tokenize": "?", "max_ngram_order": 1000, "smooth_value": -1, "beta": "NaN", "char_order": 99}),
    ]
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

/// Where `NaN` stands, as `outer.inner`.
fn nan_at(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::String(text) => (text == "NaN").then(|| at.to_owned()),
        Value::Array(items) => items.iter().find_map(|item| nan_at(item, at)),
        Value::Object(map) => map.iter().find_map(|(key, value)| nan_at(value, key)),
        _ => None,
    }
}

/// Outputs that repeat a text of the input, which may be `NaN`.
const ECHOED: [&str; 3] = ["tokenize", "rouge_tokens", "porter"];

fn eval(name: &str, input: &Value) {
    let function = functions().find(|function| function.name == name).expect(name);
    let object = input.as_object().expect("inputs are objects");
    match (function.eval)(&Args::new(object)) {
        Ok(output) => {
            for (key, value) in &output {
                let field = function.outputs.iter().find(|field| field.name == key);
                let is_described =
                    field.is_some_and(|field| field.what.contains("NaN")) || function.what.contains("NaN");
                let is_echo = ECHOED.contains(&name) || key == "normalized";
                let nan = nan_at(value, key).filter(|_| !is_described && !is_echo);
                assert!(nan.is_none(), "{name}: {nan:?} is NaN for {input}");
            }
            assert!(!has_null(&Value::Object(output)), "{name}: null in the output");
        }
        Err(error) => assert!(!error.to_string().is_empty(), "{name}: silent error"),
    }
}

/// Protects the loop that serves lines: one bad line must not take the others with it.
#[test]
fn hostile_inputs_are_answered() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let hostile = hostile();
    let mut tried = 0;
    for family in FAMILIES {
        let path = folder.join(family).with_extension("json");
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let cases = document["cases"].as_array().unwrap();
        for function in functions().filter(|function| function.family == family) {
            assert!(!function.inputs.is_empty() && !function.outputs.is_empty());
            eval(function.name, &json!({}));
            let case = cases.iter().find(|case| case["fn"] == function.name).unwrap();
            for field in function.inputs {
                for value in &hostile {
                    let mut input = case["input"].clone();
                    input[field.name] = value.clone();
                    // Few enough resamples for a test; the number itself is tried with a small corpus.
                    if field.name != "n" && family == "mt_significance" {
                        input["n"] = json!(20);
                    }
                    if field.name == "n" && value.as_f64().is_some_and(|n| n > 1e6) {
                        input["n"] = json!(10_000_001);
                    }
                    eval(function.name, &input);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000, "only {tried} inputs were tried");
}

/// Protects the description of the calculator: every input of the reference cases is a described one.
#[test]
fn inputs_of_reference_cases_are_described() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    for family in FAMILIES {
        let path = folder.join(family).with_extension("json");
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for case in document["cases"].as_array().unwrap() {
            let function = functions().find(|function| case["fn"] == function.name).unwrap();
            for key in case["input"].as_object().unwrap().keys() {
                assert!(
                    function.inputs.iter().any(|field| field.name == key),
                    "{}: input `{key}` is not described",
                    function.name
                );
            }
        }
    }
}
