//! Hostile inputs to the functions of agreement, correlation, classification, ranking, prediction-powered and
//! sequential inference, drift and judges: every input of a reference case, and the first cell of every nested
//! list, is replaced in turn by wrong types, non-finite, huge, tiny and degenerate values. A `NaN` in the output
//! is only allowed where the description of the output names it, so the description is checked as well.

use seatrial_calc::{Args, find, functions};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FAMILIES: [&str; 8] = [
    "agreement",
    "classification",
    "correlation",
    "drift",
    "judge",
    "ppi",
    "ranking",
    "sequential",
];

/// Outputs that echo labels of the input, of which one may be called `NaN`.
const ECHOED: [&str; 1] = ["panel.majority"];

/// Cases tried of each function.
const CASES: usize = 5;

fn scalars() -> Vec<Value> {
    let mut out = vec![
        Value::Null,
        json!(true),
        json!("x"),
        json!(""),
        json!("NaN"),
        json!("Infinity"),
        json!("-Infinity"),
        json!([]),
        json!([[]]),
        json!({}),
        json!(u64::MAX),
        json!(9_007_199_254_740_991_u64),
    ];
    out.extend(
        [
            0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 5e-324, 1e-300, 1e-160, 1e15, 1e160, 1e300, -1.7e308,
        ]
        .map(Value::from),
    );
    out
}

/// The value with its first innermost cell replaced.
fn with_first_cell(value: &Value, cell: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items = items.clone();
            if let Some(first) = items.first_mut() {
                *first = with_first_cell(first, cell);
            }
            Value::Array(items)
        }
        _ => cell.clone(),
    }
}

/// The value with every innermost cell replaced.
fn with_every_cell(value: &Value, cell: &mut impl FnMut() -> Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| with_every_cell(item, cell)).collect(),
        _ => cell(),
    }
}

fn hostile(value: &Value) -> Vec<Value> {
    let mut out = scalars();
    let Value::Array(items) = value else {
        return out;
    };
    for cell in scalars() {
        out.push(with_first_cell(value, &cell));
        out.push(with_every_cell(value, &mut || cell.clone()));
    }
    let mut turn = 0;
    out.push(with_every_cell(value, &mut || {
        turn += 1;
        json!(if turn % 2 == 0 { 1e200 } else { -1e200 })
    }));
    let first = items.first().cloned().unwrap_or(Value::Null);
    out.push(json!([first]));
    out.push(Value::Array(vec![first; items.len()]));
    out.push(Value::Array(items.iter().skip(1).cloned().collect()));
    out
}

/// The case with each input replaced, alone and together with the lists that run parallel to it.
fn inputs(case: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let length = |value: &Value| value.as_array().map(Vec::len);
    let mut out = Vec::new();
    for (key, value) in case {
        for bad in hostile(value) {
            let mut input = case.clone();
            input.insert(key.clone(), bad.clone());
            if bad.is_array() {
                let mut together = input.clone();
                for (other, parallel) in case {
                    if length(parallel) == length(value) {
                        together.insert(other.clone(), bad.clone());
                    }
                }
                out.push(together);
            }
            out.push(input);
        }
    }
    out
}

fn holds_nan(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "NaN",
        Value::Array(items) => items.iter().any(holds_nan),
        Value::Object(map) => map.values().any(holds_nan),
        _ => false,
    }
}

fn cases_by_function(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let mut cases: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for family in FAMILIES {
        let bytes = std::fs::read(folder.join(format!("{family}.json"))).expect("reference values are there");
        let document: Value = serde_json::from_slice(&bytes).expect("reference values are JSON");
        for case in document["cases"].as_array().expect("a list of cases") {
            let name = case["fn"].as_str().expect("a name").to_owned();
            cases.entry(name).or_default().push(case["input"].clone());
        }
    }
    cases
}

/// Protects: whatever the input, a described value or an error with a text; never a panic, never a silent NaN.
#[test]
fn no_panic_and_no_silent_nan() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let (mut calls, mut silent) = (0, BTreeSet::new());
    for (name, mut cases) in cases_by_function(folder) {
        let function = find(&name).expect("a function for every reference case");
        // The smallest inputs: degenerate ones are reached soonest.
        cases.sort_by_key(|case| case.to_string().len());
        for case in cases.iter().take(CASES) {
            for input in inputs(case.as_object().expect("an object")) {
                calls += 1;
                match (function.eval)(&Args::new(&input)) {
                    Ok(output) => {
                        for (key, value) in &output {
                            let field = function.outputs.iter().find(|field| field.name == key);
                            let at = format!("{name}.{key}");
                            let described = field.is_some_and(|field| field.what.contains("NaN"));
                            if holds_nan(value) && !described && !ECHOED.contains(&at.as_str()) {
                                let mut shown = Value::from(input.clone()).to_string();
                                shown.truncate(shown.floor_char_boundary(300));
                                silent.insert((at, shown));
                            }
                        }
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
    assert!(calls > 5000, "only {calls} calls");
    let mut last = String::new();
    let shown: Vec<String> = silent
        .into_iter()
        .filter(|(at, _)| std::mem::replace(&mut last, at.clone()) != *at)
        .map(|(at, input)| format!("{at} for {input}"))
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

/// Protects the description of the calculator: every input of the reference cases, and every output that comes
/// back, is a described one.
#[test]
fn inputs_and_outputs_are_described() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let cases = cases_by_function(folder);
    for function in functions().filter(|function| FAMILIES.contains(&function.family)) {
        for case in &cases[function.name] {
            let input = case.as_object().expect("an object");
            for key in input.keys() {
                assert!(
                    function.inputs.iter().any(|field| field.name == key),
                    "{}: input `{key}` is not described",
                    function.name
                );
            }
            let output = (function.eval)(&Args::new(input)).expect("reference cases have values");
            for key in output.keys() {
                assert!(
                    function.outputs.iter().any(|field| field.name == key),
                    "{}: output `{key}` is not described",
                    function.name
                );
            }
        }
    }
}
