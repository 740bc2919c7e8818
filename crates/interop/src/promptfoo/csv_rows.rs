//! Tests as rows of a table: `__expected` and its relatives. Apart from YAML tests, because here assertions are texts.

use super::source::Place;
use serde_json::{Map, Value, json};

/// Types whose threshold is 0.75 where a row gives none.
const WITH_THRESHOLD: &[&str] = &[
    "answer-relevance",
    "classifier",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "cost",
    "latency",
    "levenshtein",
    "perplexity-score",
    "perplexity",
    "rouge-n",
    "similar",
    "starts-with",
];

/// All types that a text may begin with; anything else is an exact answer.
const KNOWN: &[&str] = &[
    "answer-relevance",
    "agent-rubric",
    "bleu",
    "classifier",
    "contains",
    "contains-all",
    "contains-any",
    "contains-html",
    "contains-json",
    "contains-sql",
    "contains-xml",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "cost",
    "equals",
    "factuality",
    "finish-reason",
    "g-eval",
    "gleu",
    "guardrails",
    "icontains",
    "icontains-all",
    "icontains-any",
    "is-html",
    "is-json",
    "is-refusal",
    "is-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
    "javascript",
    "latency",
    "levenshtein",
    "llm-rubric",
    "meteor",
    "model-graded-closedqa",
    "model-graded-factuality",
    "moderation",
    "perplexity",
    "perplexity-score",
    "pi",
    "python",
    "regex",
    "rouge-n",
    "ruby",
    "search-rubric",
    "similar",
    "similar:cosine",
    "similar:dot",
    "similar:euclidean",
    "starts-with",
    "tool-call-f1",
    "trace-error-spans",
    "trace-span-count",
    "trace-span-duration",
    "webhook",
    "word-count",
];

/// A test as promptfoo makes one of a row; `Err` with the column at fault.
pub(super) fn test_of(row: &Map<String, Value>, place: &Place) -> Result<Value, String> {
    let mut test = Map::new();
    let (mut vars, mut options, mut metadata) = (Map::new(), Map::new(), Map::new());
    let mut asserts: Vec<Map<String, Value>> = Vec::new();
    let mut thresholds: Vec<(usize, f64)> = Vec::new();
    let mut metric = None;
    for (column, value) in row {
        let column = column.trim();
        let text = text_of(value);
        let Some(special) = column.strip_prefix("__") else {
            vars.insert(column.to_owned(), value.clone());
            continue;
        };
        match special {
            "prefix" | "suffix" => {
                options.insert(special.to_owned(), text.into());
            }
            "description" | "providerOutput" if !text.is_empty() => {
                test.insert(special.to_owned(), text.into());
            }
            "metric" => metric = Some(text).filter(|text| !text.is_empty()),
            "threshold" => {
                if let Ok(threshold) = text.trim().parse::<f64>() {
                    test.insert("threshold".to_owned(), json!(threshold));
                }
            }
            _ if special.starts_with("expected") => {
                if !text.trim().is_empty() {
                    asserts.push(assertion_of(text.trim()));
                }
            }
            _ if special.starts_with("metadata:") => {
                if !text.trim().is_empty() {
                    let key = special.trim_start_matches("metadata:");
                    metadata.insert(key.trim_end_matches("[]").to_owned(), text.into());
                }
            }
            _ if special.starts_with("config:") => {
                thresholds.push(threshold_of(special, &text)?);
            }
            "description" | "providerOutput" | "metadata" => {}
            _ => {
                vars.insert(column.to_owned(), value.clone());
            }
        }
    }
    for (index, threshold) in thresholds {
        if let Some(assert) = asserts.get_mut(index) {
            assert.insert("threshold".to_owned(), json!(threshold));
        }
    }
    for assert in &mut asserts {
        if let Some(metric) = &metric {
            assert.insert("metric".to_owned(), metric.clone().into());
        }
        // The place of the row, for what cannot be carried over.
        assert.insert(super::assertions::PLACE_KEY.to_owned(), place.to_string().into());
    }
    test.insert("vars".to_owned(), Value::Object(vars));
    test.insert(
        "assert".to_owned(),
        asserts.into_iter().map(Value::Object).collect(),
    );
    test.insert("options".to_owned(), Value::Object(options));
    if !metadata.is_empty() {
        test.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Ok(Value::Object(test))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `config:__expected2:threshold` and its value.
fn threshold_of(special: &str, text: &str) -> Result<(usize, f64), String> {
    let wrong = || format!("column `__{special}`: expected `__config:__expected2:threshold` and a number");
    let key = special
        .strip_prefix("config:__expected")
        .and_then(|rest| rest.strip_suffix(":threshold"))
        .ok_or_else(wrong)?;
    let number: usize = if key.is_empty() {
        1
    } else {
        key.parse().map_err(|_| wrong())?
    };
    let threshold = text.trim().parse().map_err(|_| wrong())?;
    Ok((number.checked_sub(1).ok_or_else(wrong)?, threshold))
}

/// An assertion written as a text: `contains: x`, `not-regex: …`, `rouge-n(0.8): …`; else the exact answer.
pub(super) fn assertion_of(text: &str) -> Map<String, Value> {
    let one = |kind: &str, value: &str| {
        Map::from_iter([
            ("type".to_owned(), json!(kind)),
            ("value".to_owned(), json!(value)),
        ])
    };
    for (prefix, kind) in [
        ("javascript:", "javascript"),
        ("fn:", "javascript"),
        ("eval:", "javascript"),
        ("grade:", "llm-rubric"),
        ("llm-rubric:", "llm-rubric"),
        ("python:", "python"),
    ] {
        if let Some(rest) = text.strip_prefix(prefix) {
            return one(kind, rest.trim());
        }
    }
    if let Some(path) = text.strip_prefix("file://") {
        if path.ends_with(".py") || path.contains(".py:") {
            return one("python", text);
        }
        if [".js", ".cjs", ".mjs", ".ts"]
            .iter()
            .any(|ending| path.ends_with(ending))
        {
            return one("javascript", text);
        }
    }
    let (head, value) = match split_head(text) {
        Some(parts) => parts,
        None => return one("equals", text),
    };
    let (kind, threshold) = match head.strip_suffix(')').and_then(|head| head.split_once('(')) {
        Some((kind, threshold)) => (kind, threshold.parse::<f64>().ok()),
        None => (head, None),
    };
    let base = kind.strip_prefix("not-").unwrap_or(kind);
    let mut assertion = Map::from_iter([("type".to_owned(), json!(kind))]);
    match base {
        // Lists stay one text, which the checks read by the same rules.
        "contains-json" | "is-json" => {
            if let Some(value) = value {
                assertion.insert("value".to_owned(), json!(value));
            }
        }
        _ => {
            if let Some(value) = value {
                assertion.insert("value".to_owned(), json!(value.trim()));
            }
            if WITH_THRESHOLD.contains(&base) {
                let default = if base == "similar" { 0.8 } else { 0.75 };
                assertion.insert("threshold".to_owned(), json!(threshold.unwrap_or(default)));
            }
        }
    }
    assertion
}

/// Type with its threshold, and what stands behind the colon; `None` where the text begins with no type.
fn split_head(text: &str) -> Option<(&str, Option<&str>)> {
    // Types can have a colon of their own (`similar:dot`), so the longest one counts.
    let bare = text.strip_prefix("not-").unwrap_or(text);
    let skipped = text.len() - bare.len();
    let kind = KNOWN
        .iter()
        .filter(|kind| bare.starts_with(**kind))
        .filter(|kind| {
            let rest = bare.get(kind.len()..).unwrap_or_default();
            rest.is_empty() || rest.starts_with(':') || is_threshold(rest)
        })
        .max_by_key(|kind| kind.len())?;
    let rest = bare.get(kind.len()..)?;
    let threshold = if is_threshold(rest) {
        rest.find(')')? + 1
    } else {
        0
    };
    let head = text.get(..skipped + kind.len() + threshold)?;
    let rest = rest.get(threshold..)?;
    match rest.strip_prefix(':') {
        Some(value) => Some((head, Some(value))),
        None if rest.is_empty() => Some((head, None)),
        None => None,
    }
}

fn is_threshold(rest: &str) -> bool {
    let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    inner.is_some_and(|(number, _)| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && number.parse::<f64>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the shorthand of assertions.
    #[test]
    fn texts_become_assertions() {
        let of = |text: &str| Value::Object(assertion_of(text));
        assert_eq!(of("Paris"), json!({"type": "equals", "value": "Paris"}));
        assert_eq!(
            of("contains: Paris"),
            json!({"type": "contains", "value": "Paris"})
        );
        assert_eq!(
            of("not-icontains:Lyon"),
            json!({"type": "not-icontains", "value": "Lyon"})
        );
        assert_eq!(
            of("contains-any: a, \"b, c\",d"),
            json!({"type": "contains-any", "value": "a, \"b, c\",d"})
        );
        assert_eq!(of("is-json"), json!({"type": "is-json"}));
        assert_eq!(
            of("levenshtein(3): kitten"),
            json!({"type": "levenshtein", "value": "kitten", "threshold": 3.0})
        );
        assert_eq!(
            of("rouge-n: x"),
            json!({"type": "rouge-n", "value": "x", "threshold": 0.75})
        );
        assert_eq!(of("similar:dot: x"), json!({"type": "similar:dot", "value": "x"}));
        assert_eq!(
            of("fn: output.length"),
            json!({"type": "javascript", "value": "output.length"})
        );
        assert_eq!(
            of("grade: is it polite"),
            json!({"type": "llm-rubric", "value": "is it polite"})
        );
        assert_eq!(
            of("containsx: y"),
            json!({"type": "equals", "value": "containsx: y"})
        );
    }
}
