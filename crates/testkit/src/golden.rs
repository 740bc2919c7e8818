//! Reference values: reading `testdata/golden` and comparing an output with what a case expects, within its tolerance.
//! Apart because the functions themselves and the program around them are both held to the same cases.

use serde_json::Value;
use std::path::Path;

/// One file of reference values.
#[derive(Debug)]
pub struct GoldenFamily {
    /// Name of the family, that of the file.
    pub name: String,
    /// Its cases.
    pub cases: Vec<GoldenCase>,
}

/// One reference case.
#[derive(Debug)]
pub struct GoldenCase {
    /// Name of the case, unique in its family.
    pub id: String,
    /// Bare name of the function.
    pub function: String,
    /// Input object of the function.
    pub input: Value,
    /// What its output must hold at least.
    pub expected: Value,
    abs: f64,
    rel: f64,
}

/// All families of reference values, by name.
///
/// # Panics
/// Where the folder or a file is gone or is not what the folder's README says.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a test without its reference values cannot go on"
)]
pub fn golden_families() -> Vec<GoldenFamily> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/golden"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the reference values are in the repository")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = std::fs::read(path).expect("a file of reference values");
            let document: Value = serde_json::from_slice(&text).expect("reference values are JSON");
            let text_of = |value: &Value| value.as_str().expect("a string").to_owned();
            let cases = document["cases"].as_array().expect("cases");
            let cases = cases.iter().map(|case| GoldenCase {
                id: text_of(&case["id"]),
                function: text_of(&case["fn"]),
                input: case["input"].clone(),
                expected: case["expected"].clone(),
                abs: case["tolerance"]["abs"].as_f64().unwrap_or(0.0),
                rel: case["tolerance"]["rel"].as_f64().unwrap_or(0.0),
            });
            GoldenFamily {
                name: text_of(&document["family"]),
                cases: cases.collect(),
            }
        })
        .collect()
}

impl GoldenCase {
    /// Whether an output holds everything that is expected, each number within the tolerance; more is allowed.
    ///
    /// # Errors
    /// The first place that differs, with both values.
    pub fn check(&self, output: &Value) -> Result<(), String> {
        compare(&self.expected, output, self.abs, self.rel, "")
    }
}

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
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (key, value) in want {
                let found = got.get(key).unwrap_or(&Value::Null);
                if found.is_null() && !value.is_null() {
                    return Err(format!("{at}.{key}: absent, want {value}"));
                }
                compare(value, found, abs, rel, &format!("{at}.{key}"))?;
            }
            return Ok(());
        }
        (Value::Array(want), Value::Array(got)) => {
            if want.len() != got.len() {
                return Err(format!("{at}: want {} items, got {}", want.len(), got.len()));
            }
            for (i, (w, g)) in want.iter().zip(got).enumerate() {
                compare(w, g, abs, rel, &format!("{at}[{i}]"))?;
            }
            return Ok(());
        }
        _ => {}
    }
    let is_equal = match (as_f64(want), as_f64(got)) {
        (Some(w), Some(g)) if w.is_nan() => g.is_nan(),
        #[expect(clippy::float_cmp, reason = "infinities")]
        (Some(w), Some(g)) if w.is_infinite() => w == g,
        (Some(w), Some(g)) => (g - w).abs() <= abs + rel * w.abs(),
        _ => want == got,
    };
    if is_equal {
        Ok(())
    } else {
        Err(format!("{at}: want {want}, got {got}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects the comparison itself: one that accepts everything would hide every difference.
    #[test]
    fn differences_are_seen() {
        let case = |expected| GoldenCase {
            id: String::new(),
            function: String::new(),
            input: Value::Null,
            expected,
            abs: 1e-9,
            rel: 1e-6,
        };
        let expected = case(json!({"p": 0.5, "list": [1, "NaN"], "name": "a"}));
        assert!(
            expected
                .check(&json!({"p": 0.500_000_1, "list": [1, "NaN"], "name": "a", "more": 1}))
                .is_ok()
        );
        for wrong in [
            json!({"p": 0.500_01, "list": [1, "NaN"], "name": "a"}),
            json!({"p": 0.5, "list": [1, 0], "name": "a"}),
            json!({"p": 0.5, "list": [1], "name": "a"}),
            json!({"p": 0.5, "list": [1, "NaN"], "name": "b"}),
            json!({"p": "NaN", "list": [1, "NaN"], "name": "a"}),
            json!({"list": [1, "NaN"], "name": "a"}),
        ] {
            assert!(expected.check(&wrong).is_err(), "{wrong}");
        }
        assert!(case(json!("Infinity")).check(&json!("-Infinity")).is_err());
    }
}
