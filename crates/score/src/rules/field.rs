//! `json_field`: a field of the last JSON object in the answer has the expected value. Apart, as every rule has its
//! own file; how the field is found is in [`crate::json`].
//!
//! With `equals`, types count: 18 equals 18.0 but not "18". A reference of the dataset is a text, so it is read as
//! what was found: a number for a number, `true`, `false` and `null` for these words, JSON for a list or an object.
//! Texts are compared after `normalise`, whole numbers of any size exactly, other numbers as 64-bit floats.

use crate::ScorerError;
use crate::json::{FieldPath, Json};
use crate::number::whole_number;
use crate::options::Options;
use crate::scorer::{Judgement, Rule, normaliser};
use seatrial_task::ScorerInput;
use seatrial_text::normalise::{Normaliser, Step};
use serde_json::Value;

struct Field {
    path: FieldPath,
    equals: Option<Value>,
    normaliser: Normaliser,
}

pub(crate) fn parse(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let expected = "a name, or a JSON pointer such as /a/b";
    let Some(path) = options.text("field")? else {
        return Err(options.missing("field", expected, "write field: answer"));
    };
    let invalid = || {
        options.invalid_text(
            "field",
            format!("the text `{path}`"),
            expected,
            "write field: answer",
        )
    };
    Ok(Box::new(Field {
        path: FieldPath::parse(&path).ok_or_else(invalid)?,
        // `equals: null` is a value like any other.
        equals: options.map.get("equals").cloned(),
        normaliser: normaliser(options, &[Step::Trim])?,
    }))
}

impl Rule for Field {
    fn judge(&self, text: &str, input: ScorerInput<'_>) -> Judgement {
        let case = input.case;
        if self.equals.is_none() && case.expected.is_empty() {
            return Judgement::faulty_case("the case has no reference");
        }
        let Some(found) = self.path.find(text) else {
            return Judgement::unparsed(format!("no JSON field `{}`", self.path.as_str()));
        };
        let right = match &self.equals {
            Some(value) => equals(&found, value, &self.normaliser),
            None => case
                .expected
                .iter()
                .any(|accepted| self.equals_text(&found, accepted)),
        };
        Judgement::scored(right, &found.into_text().unwrap_or("null".into()))
    }

    fn needs_reference(&self) -> bool {
        self.equals.is_none()
    }
}

impl Field {
    fn equals_text(&self, found: &Json<'_>, accepted: &str) -> bool {
        match found {
            Json::Text(text) => self.normaliser.apply(text) == self.normaliser.apply(accepted),
            Json::Bare(raw) => {
                numbers_equal(raw, accepted.trim())
                    || self.normaliser.apply(raw) == self.normaliser.apply(accepted)
            }
            Json::Bool(flag) => accepted.trim() == if *flag { "true" } else { "false" },
            Json::Null => accepted.trim() == "null",
            Json::List { .. } | Json::Object { .. } => serde_json::from_str(accepted)
                .is_ok_and(|accepted: Value| equals(found, &accepted, &self.normaliser)),
        }
    }
}

/// Equality of JSON values; the order of keys does not count, of a repeated key the last does.
fn equals(found: &Json<'_>, value: &Value, normaliser: &Normaliser) -> bool {
    match (found, value) {
        (Json::Text(text), Value::String(value)) => normaliser.apply(text) == normaliser.apply(value),
        (Json::Bare(raw), Value::Number(number)) => numbers_equal(raw, &number.to_string()),
        // What stands bare in broken JSON is a text without quotes.
        (Json::Bare(raw), Value::String(value)) if whole_number(raw).is_none() => {
            normaliser.apply(raw) == normaliser.apply(value)
        }
        (Json::Bool(flag), Value::Bool(value)) => flag == value,
        (Json::Null, Value::Null) => true,
        (Json::List { items, .. }, Value::Array(values)) => {
            let mut pairs = items.iter().zip(values);
            items.len() == values.len() && pairs.all(|(item, value)| equals(item, value, normaliser))
        }
        (Json::Object { members, .. }, Value::Object(map)) => {
            let last = |key: &str| {
                members
                    .iter()
                    .rfind(|(name, _)| name == key)
                    .map(|(_, value)| value)
            };
            members.iter().all(|(name, _)| map.contains_key(name.as_ref()))
                && map
                    .iter()
                    .all(|(key, value)| last(key).is_some_and(|member| equals(member, value, normaliser)))
        }
        _ => false,
    }
}

fn numbers_equal(a: &str, b: &str) -> bool {
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return a == b;
    }
    matches!((whole_number(a), whole_number(b)), (Some(a), Some(b)) if a == b)
}
