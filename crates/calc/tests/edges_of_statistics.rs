//! Hostile inputs to the functions of intervals, comparisons, resampling, multiplicity and power: every input
//! of a reference case is replaced in turn by wrong types, non-finite, huge, tiny and degenerate values.

use seatrial_calc::{Args, find};
use serde_json::{Map, Value, json};
use std::path::Path;

const FAMILIES: [&str; 10] = [
    "proportion_ci",
    "two_proportions",
    "means",
    "mcnemar",
    "paired",
    "bootstrap",
    "multiplicity",
    "equivalence",
    "power",
    "pass_at_k",
];

/// Outputs that are `NaN` on purpose, as their descriptions say: no spread, one observation, empty margin.
const UNDEFINED: [&str; 26] = [
    "cluster_given_indices.se",
    "dataset.high",
    "dataset.low",
    "dataset.se_tasks",
    "effect_size.cohens_d",
    "effect_size.d_z",
    "effect_size.hedges_g",
    "fisher_exact.odds_ratio",
    "given_indices.se",
    "mc_target.se",
    "mean_ci.se",
    "mean_ci.t_high",
    "mean_ci.t_low",
    "mean_ci.var",
    "mean_ci.z_high",
    "mean_ci.z_low",
    "paired_diff.corr",
    "paired_diff.t",
    "paired_diff.t_p_value",
    "paired_diff.variance_reduction",
    "se_clustered.se_clt",
    "se_clustered.se_cr1",
    "se_clustered.se_miller",
    "summary.kurtosis",
    "summary.sd",
    "summary.skew",
];

/// Cases tried of each function.
const CASES: usize = 2;

fn hostile(value: &Value) -> Vec<Value> {
    let mut out = vec![
        Value::Null,
        json!("x"),
        json!("NaN"),
        json!("Infinity"),
        json!("-Infinity"),
        json!([]),
        json!({}),
        json!(u64::MAX),
        json!(9_007_199_254_740_991_u64),
    ];
    out.extend([0.0, 1.0, 2.0, -1.0, 0.5, 1e-300, 1e15, 1e300].map(Value::from));
    let Value::Array(items) = value else {
        return out;
    };
    let first = items.first().cloned().unwrap_or(Value::Null);
    out.push(json!([first]));
    out.push(Value::Array(vec![first; items.len()]));
    out.push(Value::Array(items.iter().skip(1).cloned().collect()));
    if items.iter().all(Value::is_number) {
        for number in [
            json!(0),
            json!(0.1),
            json!(1e300),
            json!(-1e308),
            json!(1e-300),
            json!("NaN"),
            json!(u64::MAX),
        ] {
            let mut one = items.clone();
            if let Some(slot) = one.first_mut() {
                *slot = number.clone();
            }
            out.push(Value::Array(one));
            out.push(Value::Array(vec![number; items.len()]));
        }
        let alternating = (0..items.len()).map(|i| if i % 2 == 0 { 1e200 } else { -1e200 });
        out.push(alternating.collect());
    }
    out
}

fn holds_nan(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "NaN",
        Value::Array(items) => items.iter().any(holds_nan),
        _ => false,
    }
}

fn inputs(case: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut out = Vec::new();
    for (key, value) in case {
        for bad in hostile(value) {
            let mut input = case.clone();
            input.insert(key.clone(), bad.clone());
            // Lists that run in parallel are degenerate together, or the length check ends it.
            if bad.is_array() {
                let mut together = input.clone();
                for (other, parallel) in case {
                    if parallel.as_array().map(Vec::len) == value.as_array().map(Vec::len) {
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

/// Protects: whatever the input, a defined value or an error with a text; never a panic, never a silent NaN.
#[test]
fn no_panic_and_no_silent_nan() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let (mut calls, mut silent) = (0, Vec::new());
    for family in FAMILIES {
        let bytes = std::fs::read(folder.join(format!("{family}.json"))).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let mut seen: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        for case in document["cases"].as_array().unwrap() {
            let name = case["fn"].as_str().unwrap();
            let count = seen.entry(name).or_default();
            *count += 1;
            if *count > CASES {
                continue;
            }
            let function = find(name).unwrap();
            for input in inputs(case["input"].as_object().unwrap()) {
                calls += 1;
                match (function.eval)(&Args::new(&input)) {
                    Ok(output) => {
                        for (key, value) in &output {
                            let at = format!("{name}.{key}");
                            if holds_nan(value) && !UNDEFINED.contains(&at.as_str()) {
                                silent.push(format!("{at} for {}", Value::from(input.clone())));
                            }
                        }
                    }
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
    assert!(calls > 5000, "only {calls} calls");
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
