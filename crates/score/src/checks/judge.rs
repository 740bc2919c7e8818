//! One check on one answer, by the rules of promptfoo 0.121. Apart from the scorer, which adds checks up.
//!
//! A check that cannot be judged at all, on which promptfoo throws, is an error of the case and no verdict.

use super::assertion::Assertion;
use super::{functions, js, markup, overlap, refusals, sql};
use crate::rules::{NO_LOG_PROBABILITIES, compile_schema, first_violation};
use jsonschema::Draft;
use seatrial_config::load_yaml_value;
use seatrial_task::ScorerInput;
use seatrial_text::edit;
use seatrial_text::meteor::MeteorOptions;
use seatrial_types::{Money, Timing};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Largest part of an answer in which a JSON object is sought, in bytes.
const OBJECT_BYTES_MAX: usize = 100_000;
/// Objects that are tried in one answer.
const OBJECTS_MAX: usize = 256;
/// Bytes of objects that are tried in one answer, those tried again inside others included.
const OBJECTS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Largest product of two lengths for the edit distance.
const CELLS_MAX: usize = 1 << 33;

/// What a check says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Graded {
    pub(super) passes: bool,
    pub(super) score: f64,
    pub(super) reason: String,
}

impl Graded {
    fn of(passes: bool, reason: impl Into<String>) -> Self {
        Self {
            passes,
            score: if passes { 1.0 } else { 0.0 },
            reason: reason.into(),
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The check is faulty, whatever the answer is.
    Check(String),
    /// What it asks about was not measured.
    Unmeasured(&'static str),
    /// A model that had to be asked failed, which says nothing about the answer.
    Asked(String),
}

/// Judges an answer.
pub(super) fn judge(check: &Assertion, text: &str, input: ScorerInput<'_>) -> Result<Graded, Fault> {
    match check.kind.as_str() {
        "latency" => latency(check, input),
        "cost" => cost(check, input),
        "perplexity" | "perplexity-score" => perplexity(check, input),
        _ => judge_answer(check, text, input).map_err(Fault::Check),
    }
}

/// promptfoo gives `perplexity` no score between: it passes or not. Without a limit both always pass.
fn perplexity(check: &Assertion, input: ScorerInput<'_>) -> Result<Graded, Fault> {
    let told = input.answer.log_probability;
    let perplexity = told.ok_or(Fault::Unmeasured(NO_LOG_PROBABILITIES))?.perplexity();
    let limit = check
        .threshold
        .map_or_else(String::new, |threshold| format!(", threshold {threshold}"));
    if check.kind == "perplexity" {
        let passes = check
            .threshold
            .is_none_or(|threshold| (perplexity <= threshold) != check.negated);
        return Ok(Graded::of(passes, format!("perplexity {perplexity:.4}{limit}")));
    }
    let score = 1.0 / (1.0 + perplexity);
    Ok(Graded {
        passes: check
            .threshold
            .is_none_or(|threshold| (score >= threshold) != check.negated),
        score: if check.negated { 1.0 - score } else { score },
        reason: format!("perplexity score {score:.4}{limit}"),
    })
}

fn judge_answer(check: &Assertion, text: &str, input: ScorerInput<'_>) -> Result<Graded, String> {
    let verdict = |holds: bool, what: String| Ok(Graded::of(holds != check.negated, what));
    match check.kind.as_str() {
        "equals" => equals(check, text),
        "contains" => {
            let value = check.scalar()?;
            verdict(text.contains(&value), format!("contains `{value}`"))
        }
        "icontains" => {
            let value = check.scalar()?;
            verdict(
                text.to_lowercase().contains(&value.to_lowercase()),
                format!("contains `{value}`"),
            )
        }
        "contains-any" | "icontains-any" | "contains-all" | "icontains-all" => contains_several(check, text),
        "starts-with" => {
            let value = check.text()?;
            verdict(text.starts_with(&value), format!("starts with `{value}`"))
        }
        "regex" => regex(check, text),
        "levenshtein" => levenshtein(check, text),
        "word-count" => {
            let (holds, what) = word_count(check, text)?;
            verdict(holds, what)
        }
        "is-json" => is_json(check, text),
        "contains-json" => contains_json(check, text),
        "is-html" => {
            let found = markup::is_html(text);
            verdict(found.is_ok(), found.err().unwrap_or("is HTML").to_owned())
        }
        "contains-html" => verdict(markup::contains_html(text), "contains HTML".to_owned()),
        "is-xml" | "contains-xml" => {
            let required = required_elements(check)?;
            let found = if check.kind == "is-xml" {
                markup::is_xml(text, &required)
            } else {
                markup::contains_xml(text, &required)
            };
            verdict(found.is_ok(), found.err().unwrap_or_else(|| "is XML".to_owned()))
        }
        "is-sql" | "contains-sql" => {
            let found = if check.kind == "is-sql" {
                sql::is_sql(check, text)?
            } else {
                sql::contains_sql(check, text)?
            };
            verdict(found.is_ok(), found.err().unwrap_or_else(|| "is SQL".to_owned()))
        }
        "bleu" | "gleu" | "meteor" | "rouge-n" => graded(check, text),
        "is-refusal" => Ok(is_refusal(check, text)),
        "is-valid-function-call" | "is-valid-openai-function-call" | "is-valid-openai-tools-call" => {
            let found = functions::calls_fit(check, text, &input.answer.tool_calls)?;
            verdict(
                found.is_ok(),
                found.err().unwrap_or_else(|| "every call fits".to_owned()),
            )
        }
        "tool-call-f1" => tool_call_f1(check, text, input),
        "finish-reason" => finish_reason(check, input),
        other => Err(format!("the type `{other}` cannot be checked here")),
    }
}

fn equals(check: &Assertion, text: &str) -> Result<Graded, String> {
    match &check.value {
        value @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
            let found = serde_json::from_str::<Value>(text);
            let holds = found.is_ok_and(|found| js::equal(value, &found));
            Ok(Graded::of(holds != check.negated, "equals the JSON value"))
        }
        scalar => {
            let holds = (js::string(scalar) == text) != check.negated;
            Ok(Graded::of(holds, format!("equals `{}`", js::string(scalar))))
        }
    }
}

fn contains_several(check: &Assertion, text: &str) -> Result<Graded, String> {
    let values: Vec<String> = match &check.value {
        Value::String(list) if !list.is_empty() => split_list(list)?,
        Value::Array(items) => items.iter().map(js::string).collect(),
        _ => return Err(check.needs("a list of texts")),
    };
    let ignores_case = check.kind.starts_with('i');
    let lower = if ignores_case {
        text.to_lowercase()
    } else {
        String::new()
    };
    let is_in = |value: &String| {
        if ignores_case {
            lower.contains(&value.to_lowercase())
        } else {
            text.contains(value.as_str())
        }
    };
    let holds = if check.kind.ends_with("any") {
        values.iter().any(is_in)
    } else {
        values.iter().all(is_in)
    };
    Ok(Graded::of(
        holds != check.negated,
        format!("contains [{}]", values.join(", ")),
    ))
}

/// A list in one text, at commas; an item in quotes may have commas, `""` and `\"`.
fn split_list(list: &str) -> Result<Vec<String>, String> {
    let is_between = |c: char| js::is_space(c) || c == ',';
    let mut values = Vec::new();
    let mut rest = list.trim_start_matches(is_between);
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (value, after) = quoted_item(quoted).ok_or("a quoted item of a list without its end")?;
            values.push(value);
            rest = after.trim_start_matches(js::is_space);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err("a quoted item of a list that is not followed by a comma".to_owned());
            }
        } else {
            let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
            values.push(js::trim(value).to_owned());
            rest = after;
        }
        rest = rest.trim_start_matches(is_between);
    }
    Ok(values)
}

/// What stands before the closing quote, and what behind it.
fn quoted_item(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        match (c, next) {
            ('\\', Some(escaped @ ('"' | '\\'))) | ('"', Some(escaped @ '"')) => {
                value.push(escaped);
                chars.next();
            }
            ('"', _) => return Some((value, text.get(at + 1..)?)),
            (other, _) => value.push(other),
        }
    }
    None
}

fn regex(check: &Assertion, text: &str) -> Result<Graded, String> {
    let pattern = check.text()?;
    let regex = match js::regex(&pattern) {
        Ok(regex) => regex,
        Err(why) => return Ok(Graded::of(false, format!("the pattern is invalid: {why}"))),
    };
    let found = regex
        .is_match(text)
        .map_err(|error| format!("the pattern `{pattern}` gave up: {error}"))?;
    Ok(Graded::of(found != check.negated, format!("matches `{pattern}`")))
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
fn levenshtein(check: &Assertion, text: &str) -> Result<Graded, String> {
    let Value::String(value) = &check.value else {
        return Err(check.needs("a text"));
    };
    let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
    let (a, b) = (units(text), units(value));
    if a.len().saturating_mul(b.len()) > CELLS_MAX {
        return Err("answer and value are too long to compare".to_owned());
    }
    let distance = edit::levenshtein(&a, &b);
    let most = check.threshold.unwrap_or(5.0);
    Ok(Graded::of(
        (distance as f64 <= most) != check.negated,
        format!("distance {distance}, at most {most}"),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "numbers of words are far below 2^53")]
fn word_count(check: &Assertion, text: &str) -> Result<(bool, String), String> {
    let count = js::words(text).count() as f64;
    let expected = "a number, or a map with `min` and `max`";
    let bound = |key: &str| match check.value.get(key) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or_else(|| check.needs(expected)),
    };
    if check.value.is_object() {
        return match (bound("min")?, bound("max")?) {
            (None, None) => Err(check.needs(expected)),
            (Some(min), Some(max)) if min > max => Err(check.needs("`min` below `max`")),
            (min, max) => {
                let holds = min.is_none_or(|min| count >= min) && max.is_none_or(|max| count <= max);
                Ok((holds, format!("{count} words")))
            }
        };
    }
    let wanted = match &check.value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => js::number(text),
        _ => None,
    };
    let wanted = wanted.ok_or_else(|| check.needs(expected))?;
    Ok((count == wanted, format!("{count} words, wanted {wanted}")))
}

/// The schema of a check: JSON, or YAML in a text; `None` where there is none.
fn schema_of(check: &Assertion) -> Result<Option<jsonschema::Validator>, String> {
    let from_text: Value;
    let schema = match &check.value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => {
            from_text = load_yaml_value(text, Path::new("value"))
                .map_err(|_| check.needs("a JSON Schema, as JSON or YAML"))?;
            &from_text
        }
        schema @ (Value::Object(_) | Value::Array(_)) => schema,
        _ => return Err(check.needs("a JSON Schema")),
    };
    compile_schema(schema, true, Some(Draft::Draft7))
        .map(Some)
        .map_err(|why| format!("`{}` has a schema that cannot be used: {why}", check.kind))
}

fn is_json(check: &Assertion, text: &str) -> Result<Graded, String> {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return Ok(Graded::of(check.negated, "is JSON"));
    };
    let Some(validator) = schema_of(check)? else {
        return Ok(Graded::of(!check.negated, "is JSON"));
    };
    let violation = first_violation(&validator, &value);
    let reason = violation.clone().unwrap_or_else(|| "fits the schema".to_owned());
    Ok(Graded::of(violation.is_none() != check.negated, reason))
}

fn contains_json(check: &Assertion, text: &str) -> Result<Graded, String> {
    let objects = json_objects(text);
    if objects.is_empty() {
        return Ok(Graded::of(check.negated, "contains JSON"));
    }
    let Some(validator) = schema_of(check)? else {
        return Ok(Graded::of(!check.negated, "contains JSON"));
    };
    let fits = objects.iter().any(|object| validator.is_valid(object));
    Ok(Graded::of(
        fits != check.negated,
        "contains JSON that fits the schema",
    ))
}

/// The objects in a text, outermost first; each from a brace to the one that closes it, read as YAML reads flow maps;
/// what is cut off at the end is closed.
fn json_objects(text: &str) -> Vec<Value> {
    let mut objects = Vec::new();
    let mut at = 0;
    let (mut tried, mut bytes) = (0, 0);
    while let Some(start) = text
        .get(at..)
        .and_then(|rest| rest.find('{'))
        .map(|offset| at + offset)
    {
        let (end, open) = closing_brace(text, start);
        tried += 1;
        bytes += end - start;
        if tried > OBJECTS_MAX || bytes > OBJECTS_BYTES_MAX {
            break;
        }
        let candidate = text.get(start..end).unwrap_or_default();
        match read_object(candidate, open) {
            Some(object) => {
                objects.push(object);
                at = end;
            }
            None => at = start + 1,
        }
    }
    objects
}

/// Where the object ends that begins here, and how many braces are open there.
fn closing_brace(text: &str, start: usize) -> (usize, usize) {
    let mut open = 0_usize;
    let bytes = text.as_bytes();
    let limit = bytes.len().min(start + OBJECT_BYTES_MAX);
    for (at, byte) in bytes.iter().enumerate().take(limit).skip(start) {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return (at + 1, 0);
        }
    }
    let end = (start..=limit).rev().find(|end| text.is_char_boundary(*end));
    (end.unwrap_or(start), open)
}

fn read_object(candidate: &str, open: usize) -> Option<Value> {
    let closed;
    let candidate = if open == 0 {
        candidate
    } else {
        closed = format!("{candidate}{}", "}".repeat(open));
        &closed
    };
    let value = serde_json::from_str(candidate)
        .ok()
        .or_else(|| load_yaml_value(candidate, Path::new("answer")).ok())?;
    matches!(value, Value::Object(_)).then_some(value)
}

fn required_elements(check: &Assertion) -> Result<Vec<String>, String> {
    match &check.value {
        Value::Null => Ok(Vec::new()),
        Value::String(list) => Ok(list.split(',').map(|item| js::trim(item).to_owned()).collect()),
        Value::Array(items) => Ok(items.iter().map(js::string).collect()),
        Value::Object(map) if map.is_empty() => Ok(Vec::new()),
        Value::Object(map) => match map.get("requiredElements") {
            Some(Value::Array(items)) => Ok(items.iter().map(js::string).collect()),
            _ => Err(check.needs("a list of elements")),
        },
        _ => Err(check.needs("a list of elements")),
    }
}

fn graded(check: &Assertion, text: &str) -> Result<Graded, String> {
    let (value, default) = match check.kind.as_str() {
        "bleu" => (overlap::bleu(text, &check.texts()?)?, 0.5),
        "gleu" => (overlap::gleu(text, &check.texts()?)?, 0.5),
        "meteor" => {
            let defaults = MeteorOptions::default();
            let options = MeteorOptions {
                alpha: check.other("alpha").unwrap_or(defaults.alpha),
                beta: check.other("beta").unwrap_or(defaults.beta),
                gamma: check.other("gamma").unwrap_or(defaults.gamma),
            };
            (overlap::meteor_score(text, &check.texts()?, options)?, 0.5)
        }
        _ => match &check.value {
            Value::String(reference) => (overlap::rouge_1(text, reference)?, 0.75),
            _ => return Err(check.needs("a text")),
        },
    };
    let threshold = check.threshold.unwrap_or(default);
    Ok(Graded {
        passes: (value >= threshold) != check.negated,
        score: if check.negated { 1.0 - value } else { value },
        reason: format!("{} {value:.4}, threshold {threshold}", check.kind),
    })
}

fn is_refusal(check: &Assertion, text: &str) -> Graded {
    if js::trim(text).is_empty() {
        return Graded {
            passes: !check.negated,
            score: 0.0,
            reason: "an empty answer counts as a refusal".to_owned(),
        };
    }
    Graded::of(refusals::is_refusal(text) != check.negated, "is a refusal")
}

fn tool_call_f1(check: &Assertion, text: &str, input: ScorerInput<'_>) -> Result<Graded, String> {
    let expected: BTreeSet<String> = match &check.value {
        Value::Array(items) => items.iter().map(js::string).collect(),
        Value::String(list) => list.split(',').map(|item| js::trim(item).to_owned()).collect(),
        _ => return Err(check.needs("names of tools")),
    };
    if expected.is_empty() {
        return Err(check.needs("at least one name of a tool"));
    }
    let mut called: BTreeSet<String> = input
        .answer
        .tool_calls
        .iter()
        .map(|call| call.name.clone())
        .collect();
    if called.is_empty() {
        tool_names_in_text(text, &mut called);
    }
    let both = expected.intersection(&called).count();
    let ratio = |n: usize, of: usize| super::share(n, of);
    let (precision, recall) = (ratio(both, called.len()), ratio(both, expected.len()));
    let f1 = if precision + recall > 0.0 {
        2.0 * precision * recall / (precision + recall)
    } else {
        0.0
    };
    let threshold = check.threshold.unwrap_or(1.0);
    Ok(Graded {
        passes: (f1 >= threshold) != check.negated,
        // Not turned round when negated, as there.
        score: f1,
        reason: format!("tool-call-f1 {f1:.3}, threshold {threshold}"),
    })
}

fn tool_names_in_text(text: &str, names: &mut BTreeSet<String>) {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        tool_names(&value, names);
        return;
    }
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(['{', '[']));
    for value in lines.filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        tool_names(&value, names);
    }
}

/// Names of called tools in the shapes of the large providers.
fn tool_names(value: &Value, names: &mut BTreeSet<String>) {
    let mut note = |name: Option<&Value>| {
        if let Some(name) = name.and_then(Value::as_str) {
            names.insert(name.to_owned());
        }
    };
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(calls)) = map.get("tool_calls") {
                for call in calls {
                    note(call.get("function").and_then(|function| function.get("name")));
                    note(call.get("name"));
                }
            } else if map.get("type").and_then(Value::as_str) == Some("tool_use") {
                note(map.get("name"));
            } else if let Some(call) = map.get("functionCall") {
                note(call.get("name"));
            } else if let Some(Value::Array(calls)) =
                map.get("toolCall").and_then(|call| call.get("functionCalls"))
            {
                calls.iter().for_each(|call| note(call.get("name")));
            }
        }
        Value::Array(items) => {
            for item in items {
                let function = item.get("functionCall").or_else(|| item.get("function"));
                match function {
                    Some(function) if function.is_object() => note(function.get("name")),
                    _ => note(item.get("name")),
                }
            }
        }
        _ => {}
    }
}

fn threshold(check: &Assertion) -> Result<f64, Fault> {
    let missing = || Fault::Check(format!("`{}` without a `threshold`", check.kind));
    check.threshold.ok_or_else(missing)
}

fn latency(check: &Assertion, input: ScorerInput<'_>) -> Result<Graded, Fault> {
    let most = threshold(check)?;
    let ns = input.call.timing().and_then(Timing::latency_ns);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    let ms = ns
        .map(|ns| ns as f64 / 1e6)
        .ok_or(Fault::Unmeasured("no latency was measured"))?;
    Ok(Graded::of(
        (ms <= most) != check.negated,
        format!("{ms:.0} ms, at most {most}"),
    ))
}

fn cost(check: &Assertion, input: ScorerInput<'_>) -> Result<Graded, Fault> {
    let most = threshold(check)?;
    let usd = input
        .cost
        .map(Money::to_usd_f64)
        .ok_or(Fault::Unmeasured("price or usage is unknown"))?;
    Ok(Graded::of(
        (usd <= most) != check.negated,
        format!("{usd} US dollars, at most {most}"),
    ))
}

fn finish_reason(check: &Assertion, input: ScorerInput<'_>) -> Result<Graded, String> {
    let Value::String(wanted) = &check.value else {
        return Err(check.needs("a text"));
    };
    Ok(match &input.answer.finish_reason {
        None => Graded::of(check.negated, "the provider gave no finish reason"),
        Some(found) => Graded::of(
            wanted.eq_ignore_ascii_case(found.as_str()) != check.negated,
            format!("finish reason {}, wanted {wanted}", found.as_str()),
        ),
    })
}
