//! Tests with their defaults, scenarios and combinations of variables: what promptfoo makes of them before it asks.
//! Apart from the assertions, which are sorted per case once its variables are known.

use super::assertions::{self, place_of, without_place};
use super::source::{Source, ending};
use super::{CASES_MAX, Checks, Imported, PromptfooError, templates};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// A case before it is asked by one prompt or another.
#[derive(Debug, Clone)]
pub(super) struct TestCase {
    pub(super) variables: Map<String, Value>,
    /// The cell of the column with the checks.
    pub(super) checks: Value,
    pub(super) judges: Vec<Value>,
    pub(super) left_out: Vec<Value>,
    pub(super) description: Option<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) prefix: String,
    pub(super) suffix: String,
    /// An answer that is given instead of asking.
    pub(super) provider_output: Option<String>,
    /// Labels or ids of the prompts that it is for; all where there are none.
    pub(super) prompts: Option<Vec<String>>,
}

/// All cases, and the metrics that their checks name.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub(super) cases: Vec<TestCase>,
    pub(super) named: Vec<String>,
    pub(super) repeat: u64,
}

pub(super) fn read(
    source: &Source,
    checks: &Checks<'_>,
    imported: &mut Imported,
) -> Result<Tests, PromptfooError> {
    let default = default_test(source)?;
    let mut raw = Vec::new();
    if let Some(tests) = source.root.get("tests") {
        collect(tests, source, &mut raw, imported)?;
    }
    let has_scenarios = scenarios(source, &default, &mut raw, imported)?;
    if raw.is_empty() && !has_scenarios {
        raw.push(json!({}));
    }
    let mut tests = Tests {
        repeat: repeat(source),
        ..Tests::default()
    };
    let mut named: BTreeSet<String> = BTreeSet::new();
    for test in &raw {
        let Value::Object(test) = test else { continue };
        expand(test, &default, source, checks, imported, &mut tests, &mut named)?;
    }
    tests.named = named.into_iter().collect();
    Ok(tests)
}

fn repeat(source: &Source) -> u64 {
    let of = |key: &str| {
        source
            .root
            .get(key)
            .and_then(|options| options.get("repeat"))
            .and_then(Value::as_u64)
    };
    of("commandLineOptions")
        .or_else(|| of("evaluateOptions"))
        .unwrap_or(1)
        .max(1)
}

fn default_test(source: &Source) -> Result<Map<String, Value>, PromptfooError> {
    match source.root.get("defaultTest") {
        Some(Value::Object(map)) => Ok(map.clone()),
        Some(Value::String(reference)) => match source.tests_of(reference)?.into_iter().next() {
            Some(Value::Object(map)) => Ok(map),
            _ => Ok(Map::new()),
        },
        _ => Ok(Map::new()),
    }
}

/// Tests of a list, of files, or of both.
fn collect(
    tests: &Value,
    source: &Source,
    raw: &mut Vec<Value>,
    imported: &mut Imported,
) -> Result<(), PromptfooError> {
    match tests {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| collect(item, source, raw, imported)),
        Value::String(reference) => {
            if reference.contains("://") && !reference.starts_with("file://") {
                imported.leave_out(
                    &source.place("/tests"),
                    "tests",
                    format!("{reference} is not fetched; save it as a file"),
                );
                return Ok(());
            }
            for file in source.matches(reference) {
                raw.extend(source.tests_of(&file)?);
            }
            Ok(())
        }
        Value::Object(map) if map.contains_key("path") && !map.contains_key("assert") => {
            let why = "programs that make tests are not run; write the tests to a file";
            imported.leave_out(&place_of(map, source), "tests", why);
            Ok(())
        }
        test @ Value::Object(_) => {
            raw.push(test.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Every set of data with every test of its scenario. Whether there are scenarios at all.
fn scenarios(
    source: &Source,
    default: &Map<String, Value>,
    raw: &mut Vec<Value>,
    imported: &mut Imported,
) -> Result<bool, PromptfooError> {
    let Some(Value::Array(scenarios)) = source.root.get("scenarios") else {
        return Ok(false);
    };
    for scenario in scenarios {
        let Value::Object(scenario) = scenario else {
            imported.leave_out(
                &source.place("/scenarios"),
                "scenarios",
                "a scenario in another file is not read; put it here",
            );
            continue;
        };
        let data = scenario
            .get("config")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let mut tests = Vec::new();
        if let Some(list) = scenario.get("tests") {
            collect(list, source, &mut tests, imported)?;
        }
        if tests.is_empty() {
            tests.push(json!({}));
        }
        for data in data.iter().filter_map(Value::as_object) {
            for test in tests.iter().filter_map(Value::as_object) {
                raw.push(Value::Object(merged(default, data, test)));
            }
        }
    }
    Ok(true)
}

/// A test of a scenario: what stands further right wins, variables, options and metadata are merged, assertions added.
fn merged(
    default: &Map<String, Value>,
    data: &Map<String, Value>,
    test: &Map<String, Value>,
) -> Map<String, Value> {
    let mut all = Map::new();
    for part in [default, data, test] {
        all.extend(part.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    for key in ["vars", "options", "metadata"] {
        let parts = [default, data, test];
        let maps = parts.iter().filter_map(|part| part.get(key)?.as_object());
        let entries = maps.flat_map(|map| map.iter().map(|(key, value)| (key.clone(), value.clone())));
        all.insert(key.to_owned(), Value::Object(entries.collect()));
    }
    let asserts = [data, test]
        .into_iter()
        .filter_map(|part| part.get("assert")?.as_array())
        .flatten();
    all.insert("assert".to_owned(), asserts.cloned().collect());
    all
}

/// One test becomes a case for each combination of its variables.
fn expand(
    test: &Map<String, Value>,
    default: &Map<String, Value>,
    source: &Source,
    checks: &Checks<'_>,
    imported: &mut Imported,
    tests: &mut Tests,
    named: &mut BTreeSet<String>,
) -> Result<(), PromptfooError> {
    let place = place_of(test, source);
    let both = |key: &str| {
        let maps = [default, test]
            .into_iter()
            .filter_map(|part| part.get(key)?.as_object());
        maps.flat_map(|map| map.iter().map(|(key, value)| (key.clone(), value.clone())))
            .collect::<Map<_, _>>()
    };
    let options = both("options");
    note_options(test, &options, &place, imported);
    let mut asserts: Vec<Value> = Vec::new();
    if options.get("disableDefaultAsserts") != Some(&Value::Bool(true)) {
        asserts.extend(
            default
                .get("assert")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    asserts.extend(
        test.get("assert")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .cloned(),
    );
    let threshold = test
        .get("threshold")
        .or_else(|| default.get("threshold"))
        .filter(|value| value.is_number());
    let combinations = if options.get("disableVarExpansion") == Some(&Value::Bool(true)) {
        vec![both("vars")]
    } else {
        combinations(&both("vars"), source, &place)?
    };
    let text = |key: &str| {
        options
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    for variables in combinations {
        if tests.cases.len() >= CASES_MAX {
            let message = format!("the tests make more than {CASES_MAX} cases");
            let hint = "lists among the variables multiply; write fewer".to_owned();
            return Err(PromptfooError::Config { place, message, hint });
        }
        let variables = loaded(variables, source, &place, imported);
        let sorted = assertions::sort(
            &asserts,
            &variables,
            options.get("provider"),
            source,
            checks,
            imported,
        );
        note_metrics(&sorted.checks, checks, named);
        let lost = sorted.judges.len() + sorted.left_out.len();
        let cell = match threshold {
            None => Value::Array(sorted.checks),
            Some(threshold) => {
                if lost > 0 {
                    let why = format!(
                        "{lost} of its assertions are not checked, so its threshold means something else"
                    );
                    imported.leave_out(&place, "threshold", why);
                }
                json!({"threshold": threshold, "assert": sorted.checks})
            }
        };
        tests.cases.push(TestCase {
            variables,
            checks: cell,
            judges: sorted.judges,
            left_out: sorted.left_out,
            description: test.get("description").and_then(Value::as_str).map(str::to_owned),
            metadata: without_place(&both("metadata")),
            prefix: text("prefix"),
            suffix: text("suffix"),
            provider_output: test.get("providerOutput").and_then(output_of),
            prompts: filter_of(test, default),
        });
    }
    Ok(())
}

/// An answer that a test brings; promptfoo takes an empty one for none.
fn output_of(output: &Value) -> Option<String> {
    match output {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

fn filter_of(test: &Map<String, Value>, default: &Map<String, Value>) -> Option<Vec<String>> {
    let list = test
        .get("prompts")
        .or_else(|| default.get("prompts"))?
        .as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn note_options(
    test: &Map<String, Value>,
    options: &Map<String, Value>,
    place: &str,
    imported: &mut Imported,
) {
    for (key, why) in [
        (
            "transform",
            "answers are checked as they are: the transformation is a program, which is not run here",
        ),
        (
            "postprocess",
            "answers are checked as they are: the transformation is a program, which is not run here",
        ),
        (
            "transformVars",
            "variables are taken as they are: the transformation is a program, which is not run here",
        ),
        (
            "storeOutputAs",
            "answers are not handed on from one test to the next",
        ),
        ("runSerially", "cases are asked at the same time"),
    ] {
        if options.contains_key(key) {
            imported.leave_out(place, format!("options.{key}"), why);
        }
    }
    for (key, why) in [
        (
            "assertScoringFunction",
            "scores are added up by weight: the function is a program, which is not run here",
        ),
        ("provider", "every target is asked the case"),
        ("providers", "every target is asked the case"),
    ] {
        if test.contains_key(key) {
            imported.leave_out(place, key, why);
        }
    }
}

fn note_metrics(list: &[Value], checks: &Checks<'_>, named: &mut BTreeSet<String>) {
    for check in list {
        if let Some(metric) = check
            .get("metric")
            .and_then(Value::as_str)
            .filter(|metric| !metric.is_empty())
        {
            named.insert((checks.metric_name)(metric));
        }
        if let Some(Value::Array(inner)) = check.get("assert") {
            note_metrics(inner, checks, named);
        }
    }
}

/// The product of all variables that are lists of texts or patterns of files.
fn combinations(
    variables: &Map<String, Value>,
    source: &Source,
    place: &str,
) -> Result<Vec<Map<String, Value>>, PromptfooError> {
    let mut all = vec![Map::new()];
    for (name, value) in variables {
        let values: Vec<Value> = match value {
            Value::String(text) if text.starts_with("file://") => {
                let files = source.matches(text);
                files
                    .into_iter()
                    .map(|file| Value::String(format!("file://{file}")))
                    .collect()
            }
            Value::Array(items) if items.first().is_some_and(Value::is_string) => items.clone(),
            one => vec![one.clone()],
        };
        if values.is_empty() {
            return Err(PromptfooError::Config {
                place: place.to_owned(),
                message: format!("no file matches the variable `{name}`"),
                hint: "paths are relative to the configuration".to_owned(),
            });
        }
        if all.len().saturating_mul(values.len()) > CASES_MAX {
            return Err(PromptfooError::Config {
                place: place.to_owned(),
                message: format!("the variables make more than {CASES_MAX} combinations"),
                hint: "set options.disableVarExpansion, or write fewer".to_owned(),
            });
        }
        let mut next = Vec::with_capacity(all.len() * values.len());
        for combination in &all {
            for value in &values {
                let mut combination: Map<String, Value> = combination.clone();
                combination.insert(name.clone(), value.clone());
                next.push(combination);
            }
        }
        all = next;
    }
    Ok(all)
}

/// Variables with their files read and their own templates filled in.
fn loaded(
    variables: Map<String, Value>,
    source: &Source,
    place: &str,
    imported: &mut Imported,
) -> Map<String, Value> {
    let mut read = Map::new();
    for (name, value) in variables {
        let value = match value.as_str().filter(|text| text.starts_with("file://")) {
            None => value,
            Some(reference) => match file_variable(reference, source) {
                Ok(value) => value,
                Err(why) => {
                    imported.leave_out(place, format!("vars.{name}"), why);
                    value
                }
            },
        };
        let value = match value {
            Value::String(text) => Value::String(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)),
            other => other,
        };
        read.insert(name, value);
    }
    let before = read.clone();
    for value in read.values_mut() {
        let Some(text) = value.as_str().filter(|text| templates::is_template(text)) else {
            continue;
        };
        if let Ok(filled) = templates::render(text, &before) {
            *value = Value::String(filled);
        }
    }
    read
}

fn file_variable(reference: &str, source: &Source) -> Result<Value, String> {
    let bare = reference.strip_prefix("file://").unwrap_or(reference);
    match ending(Path::new(bare)).as_str() {
        "js" | "cjs" | "mjs" | "ts" | "py" => Err("the file is a program, which is not run here".to_owned()),
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "pdf" | "mp4" | "mp3" | "wav" => {
            Err("the file is no text; name it as an image of the message".to_owned())
        }
        _ => {
            // YAML becomes JSON; anything else is text without blanks around it.
            let value = match ending(Path::new(bare)).as_str() {
                "yaml" | "yml" => source.data_of(reference).map(|value| value.to_string()),
                _ => source.text_of(reference).map(|(_, text)| text.trim().to_owned()),
            };
            value.map(Value::String).map_err(|error| error.to_string())
        }
    }
}
