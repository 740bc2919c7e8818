//! Metrics that a suite declares for a scorer whose code is elsewhere: `metrics: binary`, or a map from names to kinds.
//! Apart from the scorers that this tool knows, whose metrics are in the vocabulary.

use crate::diagnostics::{Diagnostics, shown};
use crate::nearest::{self, list};
use crate::plan::Metric;
use crate::scalar::{found, to_json};
use crate::value::{MAX_NAME_CHARS, is_name};
use crate::vocabulary::MetricEntry;
use crate::yaml::{Data, Node};
use seatrial_types::{MetricKind, Pillar, Unit};
use serde_json::{Value, json};

/// Metrics that one scorer may declare at most.
pub const MAX_DECLARED_METRICS: usize = 32;

const KINDS: [&str; 3] = ["binary", "bounded", "real"];
const PILLARS: [&str; 5] = ["quality", "performance", "safety", "cost", "reliability"];
const KEYS: [&str; 2] = ["kind", "pillar"];
const EXAMPLE: &str =
    "write `metrics: binary`, or `metrics: {polite: binary, toxicity: {kind: bounded, pillar: safety}}`";

/// The declaration as JSON, where it fits; reported where not.
pub(crate) fn check(key: &str, node: &Node, errors: &mut Diagnostics) -> Option<Value> {
    let before = errors.len();
    match &node.data {
        Data::Broken => return None,
        Data::Scalar(_) => check_word(key, node, &KINDS, errors),
        Data::Map(entries) if entries.is_empty() || entries.len() > MAX_DECLARED_METRICS => {
            let message = format!(
                "`{key}` names {} metrics, expected 1 to {MAX_DECLARED_METRICS}",
                entries.len()
            );
            errors.push(&node.span, message, Some(EXAMPLE.to_owned()));
        }
        Data::Map(entries) => {
            for entry in entries {
                if !is_name(&entry.key.text, false) {
                    let message = format!(
                        "{} is not a name of a metric: 1 to {MAX_NAME_CHARS} letters, digits, `_` and `-`",
                        shown(&entry.key.text)
                    );
                    errors.push(&entry.key.span, message, None);
                }
                check_one(&entry.value, errors);
            }
        }
        Data::List(_) => {
            let message = format!("`{key}` is a list, expected a kind or a map from names to kinds");
            errors.push(&node.span, message, Some(EXAMPLE.to_owned()));
        }
    }
    (errors.len() == before).then(|| to_json(node, errors))
}

fn check_one(node: &Node, errors: &mut Diagnostics) {
    let Data::Map(entries) = &node.data else {
        check_word("kind", node, &KINDS, errors);
        return;
    };
    for entry in entries {
        match entry.key.text.as_str() {
            "kind" => check_word("kind", &entry.value, &KINDS, errors),
            "pillar" => check_word("pillar", &entry.value, &PILLARS, errors),
            other => {
                let message = format!("unknown key {} of a metric", shown(other));
                errors.push(
                    &entry.key.span,
                    message,
                    nearest::hint(other, "known keys", &KEYS),
                );
            }
        }
    }
    if node.get("kind").is_none() {
        let message = "a metric needs `kind`";
        errors.push(
            &node.span,
            message,
            Some(format!("it is one of {}", list(&KINDS))),
        );
    }
}

fn check_word(key: &str, node: &Node, words: &[&str], errors: &mut Diagnostics) {
    if node.as_text().is_some_and(|text| words.contains(&text)) || node.data == Data::Broken {
        return;
    }
    let message = format!("`{key}` is {}, expected one of {}", found(node), list(words));
    let near = node
        .scalar_text()
        .and_then(|text| nearest::nearest(text, words.iter().copied()));
    errors.push(
        &node.span,
        message,
        near.map(|word| format!("did you mean `{word}`?")),
    );
}

/// The metrics of a declaration that was checked.
pub(crate) fn metrics(declared: &Value, scorer: &str, given: Option<&str>) -> Vec<Metric> {
    let one = |name: &str, value: &Value| {
        let word = |key: &str| value.get(key).and_then(Value::as_str);
        let kind = match value.as_str().or_else(|| word("kind")) {
            Some("binary") => MetricKind::Binary,
            Some("real") => MetricKind::Real,
            _ => MetricKind::Bounded,
        };
        let pillar = match word("pillar") {
            Some("performance") => Pillar::Performance,
            Some("safety") => Pillar::Safety,
            Some("cost") => Pillar::Cost,
            Some("reliability") => Pillar::Reliability,
            _ => Pillar::Quality,
        };
        Metric {
            name: name.to_owned(),
            kind,
            unit: if kind == MetricKind::Binary {
                Unit::Share
            } else {
                Unit::Score
            },
            pillar,
        }
    };
    match declared {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| match given {
                Some(given) => one(&format!("{given}_{name}"), value),
                None => one(name, value),
            })
            .collect(),
        kind => vec![one(given.unwrap_or(scorer), kind)],
    }
}

/// Metrics that an option adds by name; the scorer checks the names when it is built.
pub(crate) fn further(names: &Value, given: Option<&str>) -> Vec<Metric> {
    let names = match names {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let metric = |name: &str| Metric {
        name: given.map_or_else(|| name.to_owned(), |given| format!("{given}_{name}")),
        kind: MetricKind::Bounded,
        unit: Unit::Share,
        pillar: Pillar::Quality,
    };
    names.iter().filter_map(Value::as_str).map(metric).collect()
}

/// What is allowed, for editors.
pub(crate) fn schema() -> Value {
    let map = json!({
        "type": "object",
        "properties": { "kind": { "enum": KINDS }, "pillar": { "enum": PILLARS } },
        "required": ["kind"],
        "additionalProperties": false,
    });
    json!({ "anyOf": [
        { "enum": KINDS },
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MAX_DECLARED_METRICS,
            "additionalProperties": { "anyOf": [{ "enum": KINDS }, map] },
        },
    ] })
}

/// What the vocabulary says of a scorer whose metrics are declared: one, between 0 and 1, unless the suite says more.
pub const DECLARED: &[MetricEntry] = &[MetricEntry {
    name: "",
    kind: MetricKind::Bounded,
    unit: Unit::Score,
    pillar: Pillar::Quality,
}];
