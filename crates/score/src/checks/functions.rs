//! Calls of functions in an answer, held against the tools that were offered. Apart from the other checks because the
//! offer is no part of the answer: it stands in the value of the check.

use super::assertion::Assertion;
use crate::rules::{compile_schema, first_violation};
use jsonschema::Draft;
use seatrial_config::load_yaml_value;
use seatrial_types::ToolCall;
use serde_json::Value;
use std::path::Path;

/// Definitions of functions that are read.
const DEFINITIONS_MAX: usize = 512;
/// Calls of one answer that are looked at.
const CALLS_MAX: usize = 256;

/// Whether every call fits the definition of its function; the inner error says which does not and why. Calls are those
/// that the provider told, or those that the text is, in OpenAI's forms.
///
/// # Errors
/// The check has no definitions, or one that is no JSON Schema.
pub(super) fn calls_fit(
    check: &Assertion,
    text: &str,
    told: &[ToolCall],
) -> Result<Result<(), String>, String> {
    let offered = definitions(check)?;
    let calls: Vec<(String, String)> = if told.is_empty() {
        match calls_in_text(text) {
            Ok(calls) => calls,
            Err(why) => return Ok(Err(why)),
        }
    } else {
        let pair = |call: &ToolCall| (call.name.clone(), call.arguments.clone());
        told.iter().take(CALLS_MAX).map(pair).collect()
    };
    for (name, arguments) in calls {
        if let Err(why) = fits(check, &offered, &name, &arguments)? {
            return Ok(Err(why));
        }
    }
    Ok(Ok(()))
}

fn fits(
    check: &Assertion,
    offered: &[Value],
    name: &str,
    arguments: &str,
) -> Result<Result<(), String>, String> {
    let of_name = |definition: &&Value| definition.get("name").and_then(Value::as_str) == Some(name);
    let Some(definition) = offered.iter().find(of_name) else {
        return Ok(Err(format!("called `{name}`, and no function has that name")));
    };
    let Ok(arguments) = serde_json::from_str::<Value>(arguments) else {
        return Ok(Err(format!("the arguments of `{name}` are no JSON")));
    };
    let Some(schema) = definition.get("parameters").filter(|schema| !schema.is_null()) else {
        return Ok(Ok(()));
    };
    let validator = compile_schema(schema, true, Some(Draft::Draft7)).map_err(|why| {
        format!(
            "`{}` has a schema of `{name}` that cannot be used: {why}",
            check.kind
        )
    })?;
    Ok(match first_violation(&validator, &arguments) {
        None => Ok(()),
        Some(violation) => Err(format!("the call of `{name}` does not fit: {violation}")),
    })
}

/// Functions as `{name, parameters}`, from a list of them or of tools that hold them; a text is read as JSON or YAML.
fn definitions(check: &Assertion) -> Result<Vec<Value>, String> {
    let needs = || check.needs("the tools that were offered, as a list of their definitions");
    let from_text: Value;
    let list = match &check.value {
        Value::String(text) => {
            from_text = load_yaml_value(text, Path::new("value")).map_err(|_| needs())?;
            &from_text
        }
        other => other,
    };
    let Value::Array(items) = list else {
        return Err(needs());
    };
    if items.len() > DEFINITIONS_MAX {
        return Err(check.needs(&format!("at most {DEFINITIONS_MAX} definitions")));
    }
    let inner = |item: &Value| item.get("function").unwrap_or(item).clone();
    Ok(items.iter().map(inner).collect())
}

/// Names and arguments of the calls that a text is: one call, or a list of tool calls.
fn calls_in_text(text: &str) -> Result<Vec<(String, String)>, String> {
    let none = || "the answer is no call of a function".to_owned();
    let whole: Value = serde_json::from_str(text).map_err(|_| none())?;
    let calls: Vec<&Value> = match whole.get("tool_calls").unwrap_or(&whole) {
        Value::Array(items) => items.iter().take(CALLS_MAX).collect(),
        Value::Object(_) => vec![whole.get("function_call").unwrap_or(&whole)],
        _ => Vec::new(),
    };
    if calls.is_empty() {
        return Err(none());
    }
    let read = |call: &Value| {
        let call = call.get("function").unwrap_or(call);
        let text = |key: &str| call.get(key).and_then(Value::as_str).map(str::to_owned);
        text("name").zip(text("arguments"))
    };
    calls
        .into_iter()
        .map(|call| read(call).ok_or_else(|| "a call without `name` and `arguments` as texts".to_owned()))
        .collect()
}
