//! `json_valid` and `json_schema`: the answer is JSON, of a stated shape. Together, because both read the answer
//! strictly; the tolerant reading is in [`crate::json`].

use crate::ScorerError;
use crate::extract::excerpt;
use crate::options::Options;
use crate::scorer::{Judgement, Rule};
use jsonschema::{Draft, PatternOptions, Validator};
use seatrial_task::ScorerInput;
use serde_json::Value;

/// Steps back that a `pattern` of a schema may take on one text before it counts as not matching.
pub(crate) const PATTERN_BACKTRACKS_MAX: usize = 1_000_000;
/// Largest compiled size of such a pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024 * 1024;

struct JsonValid;

pub(crate) fn json_valid(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(JsonValid))
}

impl Rule for JsonValid {
    fn judge(&self, text: &str, _input: ScorerInput<'_>) -> Judgement {
        match serde_json::from_str::<Value>(text.trim()) {
            Ok(_) => Judgement::scored(true, text.trim()),
            Err(error) => Judgement::scored(false, &format!("{error} in {}", excerpt(text))),
        }
    }

    fn needs_reference(&self) -> bool {
        false
    }
}

struct JsonSchema {
    validator: Validator,
}

pub(crate) fn json_schema(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let expected = "a JSON Schema, or the name of a file with one";
    let Some(schema) = options.value("schema") else {
        let hint = "write schema: {type: object, required: [answer]}, or schema: answer.schema.json";
        return Err(options.missing("schema", expected, hint));
    };
    if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
        let hint = "a file is read with the suite; here the schema itself is expected";
        return Err(options.invalid("schema", schema, expected, hint));
    }
    let validator = compile(schema, options.flag("formats")?, None).map_err(|why| {
        let hint = "https://json-schema.org/draft/2020-12 describes what may stand in it";
        options.invalid_text(
            "schema",
            format!("no schema that can be used ({why})"),
            expected,
            hint,
        )
    })?;
    Ok(Box::new(JsonSchema { validator }))
}

/// A validator of this draft, else of the one that the schema names, else of 2020-12; references to other documents do not resolve.
pub(crate) fn compile(schema: &Value, formats: bool, draft: Option<Draft>) -> Result<Validator, String> {
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(PATTERN_BACKTRACKS_MAX)
        .size_limit(PATTERN_BYTES_MAX);
    let mut options = jsonschema::options();
    if let Some(draft) = draft {
        options = options.with_draft(draft);
    }
    options
        .should_validate_formats(formats)
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| error.to_string())
}

/// The first thing that a schema does not accept, with its place in the answer.
pub(crate) fn first_violation(validator: &Validator, value: &Value) -> Option<String> {
    let error = validator.iter_errors(value).next()?;
    let place = error.instance_path().to_string();
    if place.is_empty() {
        Some(error.to_string())
    } else {
        Some(format!("at {place}: {error}"))
    }
}

impl Rule for JsonSchema {
    fn judge(&self, text: &str, _input: ScorerInput<'_>) -> Judgement {
        let value: Value = match serde_json::from_str(text.trim()) {
            Ok(value) => value,
            Err(error) => return Judgement::unparsed(format!("no JSON: {error} in {}", excerpt(text))),
        };
        match first_violation(&self.validator, &value) {
            None => Judgement::scored(true, text.trim()),
            Some(why) => Judgement::scored(false, &why),
        }
    }

    fn needs_reference(&self) -> bool {
        false
    }
}
