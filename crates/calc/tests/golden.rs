//! Runs every reference case through the calculator's functions, within each case's tolerance, and reports
//! per family. `SEATRIAL_GOLDEN=family` runs one family alone.

use seatrial_calc::{Args, find};
use serde_json::Value;
use std::path::Path;

const SHOWN_FAILURES_PER_FAMILY: usize = 12;

fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn compare(want: &Value, got: &Value, abs: f64, rel: f64, at: &str) -> Result<(), String> {
    let fail = || Err(format!("{at}: want {want}, got {got}"));
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (key, value) in want {
                let found = got.get(key).unwrap_or(&Value::Null);
                if found.is_null() && !value.is_null() {
                    return Err(format!("{at}.{key}: absent, want {value}"));
                }
                compare(value, found, abs, rel, &format!("{at}.{key}"))?;
            }
            Ok(())
        }
        (Value::Array(want), Value::Array(got)) => {
            if want.len() != got.len() {
                return Err(format!("{at}: want {} items, got {}", want.len(), got.len()));
            }
            for (i, (w, g)) in want.iter().zip(got).enumerate() {
                compare(w, g, abs, rel, &format!("{at}[{i}]"))?;
            }
            Ok(())
        }
        _ => match (as_f64(want), as_f64(got)) {
            (Some(w), Some(g)) if w.is_nan() => {
                if g.is_nan() {
                    Ok(())
                } else {
                    fail()
                }
            }
            (Some(w), Some(g)) if w.is_infinite() => {
                if w == g {
                    Ok(())
                } else {
                    fail()
                }
            }
            (Some(w), Some(g)) => {
                if (g - w).abs() <= abs + rel * w.abs() {
                    Ok(())
                } else {
                    fail()
                }
            }
            _ => {
                if want == got {
                    Ok(())
                } else {
                    fail()
                }
            }
        },
    }
}

#[test]
fn every_reference_case_holds_within_its_tolerance() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let only = std::env::var("SEATRIAL_GOLDEN").ok();
    let mut families: Vec<_> = std::fs::read_dir(folder)
        .expect("the reference values are in the repository")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    families.sort();
    assert_eq!(families.len(), 24, "a family of reference values is gone");
    let (mut total, mut bad) = (0, 0);
    for path in families {
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let family = document["family"].as_str().unwrap();
        if only.as_deref().is_some_and(|only| only != family) {
            continue;
        }
        let mut failures = Vec::new();
        let cases = document["cases"].as_array().unwrap();
        for case in cases {
            let name = case["fn"].as_str().unwrap();
            let result = match find(name) {
                None => Err(format!("no function `{name}`")),
                Some(function) => (function.eval)(&Args::new(case["input"].as_object().unwrap()))
                    .map_err(|error| error.to_string())
                    .and_then(|output| {
                        let (abs, rel) = (&case["tolerance"]["abs"], &case["tolerance"]["rel"]);
                        compare(
                            &case["expected"],
                            &Value::Object(output),
                            abs.as_f64().unwrap_or(0.0),
                            rel.as_f64().unwrap_or(0.0),
                            "",
                        )
                    }),
            };
            if let Err(error) = result {
                failures.push(format!("  {} ({name}) {error}", case["id"]));
            }
        }
        println!(
            "{family}: {} of {} cases",
            cases.len() - failures.len(),
            cases.len()
        );
        for failure in failures.iter().take(SHOWN_FAILURES_PER_FAMILY) {
            println!("{failure}");
        }
        total += cases.len();
        bad += failures.len();
    }
    assert!(
        only.is_some() || total > 3000,
        "only {total} reference cases were found"
    );
    assert_eq!(bad, 0, "{bad} of {total} reference cases differ");
}
