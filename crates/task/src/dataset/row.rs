//! From the columns of a row to a case: which column means what, and what its value may be.

use super::mapping::Mapping;
use super::{At, COLUMNS_SHOWN_MAX, DatasetError, REFERENCE_COLUMNS};
use seatrial_types::Case;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The case of a row. What expressions yield becomes a column under the field's name.
pub(super) fn case_of(
    mut columns: Map<String, Value>,
    mapping: &Mapping,
    is_text_only: bool,
    at: &At<'_>,
) -> Result<Case, DatasetError> {
    mapping.apply(&mut columns, at)?;
    let names = mapping.columns();
    let mapped = |name: Option<&str>| -> Result<Option<&Value>, DatasetError> {
        let Some(name) = name else { return Ok(None) };
        match columns.get(name) {
            Some(value) if !value.is_null() => Ok(Some(value)),
            _ => {
                let hint = known_columns(&columns);
                Err(at.error(format!("column `{name}` is missing or null"), hint))
            }
        }
    };
    let usual = |name: &str| columns.get(name).filter(|value| !value.is_null());

    let id = match mapped(names.id)?.or_else(|| usual("id")) {
        None => Arc::from(at.row.to_string()),
        Some(Value::String(text)) if !text.is_empty() => Arc::from(text.as_str()),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Arc::from(number.to_string()),
        Some(other) => {
            let problem = format!(
                "`id` is {}, expected a non-empty string or an integer",
                kind_of(other)
            );
            return Err(at.error(problem, "leave `id` out to use the row number"));
        }
    };
    let input = match mapped(names.input)?.or_else(|| usual("input")) {
        None => None,
        Some(value) => scalar_text(value),
    };
    let expected = match mapped(names.expected)? {
        Some(value) => accepted_answers(value).ok_or_else(|| {
            let problem = format!(
                "the reference is {}, expected a string, a number or a list of them",
                kind_of(value)
            );
            at.error(problem, "map another column with `fields: {expected: …}`")
        })?,
        None => REFERENCE_COLUMNS
            .iter()
            .find_map(|name| usual(name))
            .and_then(accepted_answers)
            .unwrap_or_default(),
    };
    let choices = match mapped(names.choices)?.or_else(|| usual("choices")) {
        None => Vec::new(),
        Some(value) => choices_of(value, is_text_only).ok_or_else(|| {
            let hint = if is_text_only {
                "in CSV write a JSON list"
            } else {
                "write \"choices\": [\"…\", \"…\"]"
            };
            at.error(
                format!(
                    "`choices` is {}, expected a list of strings or numbers",
                    kind_of(value)
                ),
                hint,
            )
        })?,
    };
    let cluster = match mapped(names.cluster)?.or_else(|| usual("cluster")) {
        None => None,
        Some(value) => Some(scalar_text(value).ok_or_else(|| {
            let problem = format!("the cluster is {}, expected a string or a number", kind_of(value));
            at.error(problem, "choose a column with one short value a row")
        })?),
    };
    Ok(Case {
        id,
        row: at.row,
        input,
        expected,
        choices,
        cluster,
        columns: Arc::new(columns),
    })
}

/// Text of a string, number or boolean.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn accepted_answers(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar_text).collect(),
        other => scalar_text(other).map(|text| vec![text]),
    }
}

fn choices_of(value: &Value, is_text_only: bool) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar_text).collect(),
        Value::String(text) if is_text_only => choices_of(&serde_json::from_str(text).ok()?, false),
        _ => None,
    }
}

pub(crate) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The columns that a row has, for a hint.
pub(crate) fn known_columns(columns: &Map<String, Value>) -> String {
    let known: Vec<_> = columns
        .keys()
        .map(String::as_str)
        .take(COLUMNS_SHOWN_MAX)
        .collect();
    format!("the row has: {}", known.join(", "))
}
