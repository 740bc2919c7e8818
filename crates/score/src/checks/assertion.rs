//! Checks as they stand in a column of the dataset: JSON read into types. Apart from judging, so that a faulty check is
//! told apart from an answer that fails it.

use super::js;
use crate::options::shown;
use serde_json::{Map, Value};

/// Most checks of one case, those inside sets included.
pub(super) const CHECKS_MAX: usize = 500;

/// All checks of one case.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct CaseChecks {
    pub(super) checks: Vec<Check>,
    /// What the score must reach for the case to pass; without it every check must pass.
    pub(super) threshold: Option<f64>,
}

/// A check, or a set of checks that counts as one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    One(Assertion),
    Set(CheckSet),
}

/// Checks that are judged together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CheckSet {
    pub(super) checks: Vec<Assertion>,
    pub(super) threshold: Option<f64>,
    pub(super) weight: f64,
    pub(super) metric: Option<String>,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assertion {
    /// Without `not-`.
    pub(super) kind: String,
    pub(super) negated: bool,
    pub(super) value: Value,
    pub(super) threshold: Option<f64>,
    pub(super) weight: f64,
    pub(super) metric: Option<String>,
    /// Further keys, such as `alpha` of `meteor`.
    pub(super) others: Map<String, Value>,
}

/// Keys of a check that mean the same for every type.
const KEYS: [&str; 5] = ["type", "value", "threshold", "weight", "metric"];

impl CaseChecks {
    /// From a cell: a list of checks, or a map `{assert: […], threshold: 0.5}`; also as JSON in a text, for CSV.
    pub(super) fn parse(cell: &Value) -> Result<Self, String> {
        let from_text: Value;
        let cell = match cell {
            Value::String(text) => {
                from_text = serde_json::from_str(text).map_err(|error| format!("no JSON ({error})"))?;
                &from_text
            }
            other => other,
        };
        let (list, threshold) = match cell {
            Value::Object(map) if map.contains_key("assert") => (
                map.get("assert").unwrap_or(&Value::Null),
                number(map, "threshold")?,
            ),
            other => (other, None),
        };
        let checks = match list {
            Value::Array(items) => items.iter().map(check).collect::<Result<Vec<_>, _>>()?,
            Value::Null => Vec::new(),
            other => return Err(format!("{}, expected a list of checks", shown(other))),
        };
        let count: usize = checks
            .iter()
            .map(|check| match check {
                Check::One(_) => 1,
                Check::Set(set) => 1 + set.checks.len(),
            })
            .sum();
        if count > CHECKS_MAX {
            return Err(format!("{count} checks, at most {CHECKS_MAX}"));
        }
        Ok(Self { checks, threshold })
    }
}

impl CaseChecks {
    /// Every single check, those of sets in their place.
    pub(super) fn all(&self) -> impl Iterator<Item = &Assertion> {
        self.checks.iter().flat_map(|check| match check {
            Check::One(one) => std::slice::from_ref(one),
            Check::Set(set) => set.checks.as_slice(),
        })
    }
}

fn check(item: &Value) -> Result<Check, String> {
    let Value::Object(map) = item else {
        return Err(format!(
            "{} among the checks, expected a map with `type`",
            shown(item)
        ));
    };
    if map.get("type").and_then(Value::as_str) != Some("assert-set") {
        return assertion(map).map(Check::One);
    }
    let Some(Value::Array(items)) = map.get("assert") else {
        return Err("an `assert-set` without a list `assert`".to_owned());
    };
    let inner = |item: &Value| match item {
        Value::Object(map) => assertion(map),
        other => Err(format!("{} in an `assert-set`, expected a map", shown(other))),
    };
    Ok(Check::Set(CheckSet {
        checks: items.iter().map(inner).collect::<Result<_, _>>()?,
        threshold: number(map, "threshold")?,
        weight: number(map, "weight")?.unwrap_or(1.0),
        metric: metric(map),
    }))
}

fn assertion(map: &Map<String, Value>) -> Result<Assertion, String> {
    let Some(written) = map.get("type").and_then(Value::as_str) else {
        return Err("a check without `type`".to_owned());
    };
    let kind = written.strip_prefix("not-").unwrap_or(written);
    if !super::KINDS.contains(&kind) {
        return Err(format!("the type `{written}` cannot be checked here"));
    }
    let others = map.iter().filter(|(key, _)| !KEYS.contains(&key.as_str()));
    Ok(Assertion {
        kind: kind.to_owned(),
        negated: written.starts_with("not-"),
        value: map.get("value").cloned().unwrap_or(Value::Null),
        threshold: number(map, "threshold")?,
        weight: number(map, "weight")?.unwrap_or(1.0),
        metric: metric(map),
        others: others.map(|(key, value)| (key.clone(), value.clone())).collect(),
    })
}

fn metric(map: &Map<String, Value>) -> Option<String> {
    map.get("metric")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

fn number(map: &Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("`{key}` is {}, expected a number", shown(value))),
        },
    }
}

impl Assertion {
    /// A number among the further keys.
    pub(super) fn other(&self, key: &str) -> Option<f64> {
        self.others.get(key).and_then(Value::as_f64)
    }

    /// The value as a text that is not empty, where the type needs one.
    pub(super) fn text(&self) -> Result<String, String> {
        match &self.value {
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(self.needs("a text that is not empty")),
        }
    }

    /// The value as a text or number that is not empty.
    pub(super) fn scalar(&self) -> Result<String, String> {
        match &self.value {
            Value::String(text) if !text.is_empty() => Ok(text.clone()),
            Value::Number(_) => Ok(js::string(&self.value)),
            _ => Err(self.needs("a number, or a text that is not empty")),
        }
    }

    /// The value as texts: a list, or one text.
    pub(super) fn texts(&self) -> Result<Vec<String>, String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts: Option<Vec<String>> = match &self.value {
            Value::Array(items) => items.iter().map(text).collect(),
            one => text(one).map(|text| vec![text]),
        };
        texts.ok_or_else(|| self.needs("a text or a list of texts"))
    }

    pub(super) fn needs(&self, expected: &str) -> String {
        format!(
            "`{}` has {} as its value, expected {expected}",
            self.kind,
            shown(&self.value)
        )
    }
}
