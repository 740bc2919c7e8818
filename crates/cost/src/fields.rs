//! Reading of files that people write, from JSON values: every problem is told with the pointer of its field, so that
//! whoever knows the places of the file can show the line. Apart because prices, scenarios, benefits and registers of
//! risk are all read by it.

use crate::fraction::Fraction;
use seatrial_types::Money;
use serde_json::{Map, Value};

/// Problems of one file that are kept.
pub const PROBLEMS_MAX: usize = 100;
/// Longest text of a value that a message repeats.
const SHOWN_CHARS: usize = 60;

/// Something that is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer of the field, or of the map that lacks it.
    pub pointer: String,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Gathers problems while a file is read.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one; beyond [`PROBLEMS_MAX`] they are dropped.
    pub fn push(&mut self, pointer: &str, message: impl Into<String>, hint: Option<&str>) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(Problem {
                pointer: pointer.to_owned(),
                message: message.into(),
                hint: hint.map(str::to_owned),
            });
        }
    }

    /// `value` where nothing is wrong.
    ///
    /// # Errors
    /// All problems.
    pub fn or<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }

    /// All problems so far.
    #[must_use]
    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    /// Problems so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A map of a file with the keys that it may have.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
}

impl<'a> Fields<'a> {
    /// Takes a map and reports keys that are not among `known`, with the nearest right one. `None` where it is no map.
    pub fn read(
        value: &'a Value,
        pointer: &str,
        what: &str,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Self::read_any(value, pointer, what, problems)?;
        for key in fields.map.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = nearest(key, known);
            problems.push(
                &fields.at(key),
                format!("unknown key `{}` in {what}", cut(key)),
                Some(&hint),
            );
        }
        Some(fields)
    }

    /// Takes a map with any keys.
    pub fn read_any(value: &'a Value, pointer: &str, what: &str, problems: &mut Problems) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self {
                map,
                pointer: pointer.to_owned(),
            }),
            other => {
                problems.push(
                    pointer,
                    format!("{what} is {}, expected a map", shown(other)),
                    None,
                );
                None
            }
        }
    }

    /// Pointer of the map.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Pointer of a key.
    #[must_use]
    pub fn at(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1"))
    }

    /// Keys and values.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.map.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A value that is there and is not `null`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether the key is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Reports that a key is missing.
    pub fn missing(&self, key: &str, what: &str, problems: &mut Problems) {
        problems.push(
            &self.pointer,
            format!("`{key}` is missing"),
            Some(&format!("add `{key}: …`: {what}")),
        );
    }

    /// A number from `low` to `high`, where it is given.
    pub fn number(&self, key: &str, low: f64, high: f64, problems: &mut Problems) -> Option<f64> {
        let value = self.get(key)?;
        let number = value.as_f64().filter(|number| number.is_finite());
        if let Some(number) = number.filter(|number| (low..=high).contains(number)) {
            return Some(number);
        }
        let message = format!("`{key}` is {}, expected {}", shown(value), range(low, high));
        let hint = (number.is_some_and(|n| n > 1.0 && n <= 100.0) && high == 1.0)
            .then_some("this is a share: write 0.95, not 95");
        problems.push(&self.at(key), message, hint);
        None
    }

    /// A number, or its default.
    pub fn number_or(&self, key: &str, default: f64, low: f64, high: f64, problems: &mut Problems) -> f64 {
        self.number(key, low, high, problems).unwrap_or(default)
    }

    /// A number that must be there.
    pub fn required_number(
        &self,
        key: &str,
        (low, high): (f64, f64),
        what: &str,
        problems: &mut Problems,
    ) -> Option<f64> {
        if !self.has(key) {
            self.missing(key, what, problems);
        }
        self.number(key, low, high, problems)
    }

    /// A whole number from `low` to `high`, where it is given.
    pub fn whole(&self, key: &str, low: u64, high: u64, problems: &mut Problems) -> Option<u64> {
        let value = self.get(key)?;
        let whole = value.as_u64().filter(|whole| (low..=high).contains(whole));
        if whole.is_none() {
            let message = format!(
                "`{key}` is {}, expected a whole number from {low} to {high}",
                shown(value)
            );
            problems.push(&self.at(key), message, None);
        }
        whole
    }

    /// Dollars from 0, exact, where they are given.
    pub fn money(&self, key: &str, problems: &mut Problems) -> Option<Money> {
        let value = self.get(key)?;
        let Value::Number(number) = value else {
            let message = format!("`{key}` is {}, expected a number of dollars", shown(value));
            problems.push(
                &self.at(key),
                message,
                Some("write the bare number, such as 0.25"),
            );
            return None;
        };
        match number.to_string().parse::<Money>() {
            Ok(money) if money >= Money::ZERO => Some(money),
            Ok(_) => {
                let message = format!("`{key}` is {number}, expected 0 or more dollars");
                problems.push(&self.at(key), message, None);
                None
            }
            Err(error) => {
                problems.push(&self.at(key), format!("`{key}`: {error}"), None);
                None
            }
        }
    }

    /// An exact factor from 0, where it is given.
    pub fn fraction(&self, key: &str, problems: &mut Problems) -> Option<Fraction> {
        let value = self.get(key)?;
        let read = match value {
            Value::Number(number) => Fraction::parse(&number.to_string()).map_err(|error| error.to_string()),
            other => Err(format!("{} is not a number", shown(other))),
        };
        match read {
            Ok(fraction) => Some(fraction),
            Err(why) => {
                problems.push(&self.at(key), format!("`{key}`: {why}"), None);
                None
            }
        }
    }

    /// A text, where it is given.
    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        let value = self.get(key)?;
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            problems.push(
                &self.at(key),
                format!("`{key}` is {}, expected a text", shown(value)),
                None,
            );
        }
        text
    }

    /// One of these words, where it is given.
    pub fn choice(&self, key: &str, words: &[&'static str], problems: &mut Problems) -> Option<&'static str> {
        let value = self.get(key)?;
        let found = words.iter().find(|word| value.as_str() == Some(**word)).copied();
        if found.is_none() {
            let message = format!(
                "`{key}` is {}, expected one of {}",
                shown(value),
                words
                    .iter()
                    .map(|word| format!("`{word}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            problems.push(&self.at(key), message, None);
        }
        found
    }

    /// `true` or `false`, or the default.
    pub fn flag(&self, key: &str, default: bool, problems: &mut Problems) -> bool {
        let Some(value) = self.get(key) else {
            return default;
        };
        value.as_bool().unwrap_or_else(|| {
            let message = format!("`{key}` is {}, expected `true` or `false`", shown(value));
            problems.push(&self.at(key), message, None);
            default
        })
    }

    /// The items of a list with their pointers; none where it is not given.
    pub fn list(&self, key: &str, problems: &mut Problems) -> Vec<(String, &'a Value)> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let pointer = self.at(key);
                let at = |(index, item)| (format!("{pointer}/{index}"), item);
                items.iter().enumerate().map(at).collect()
            }
            Some(other) => {
                let message = format!("`{key}` is {}, expected a list", shown(other));
                problems.push(&self.at(key), message, None);
                Vec::new()
            }
        }
    }
}

/// Ends of ranges from here on are as good as none.
pub(crate) const BOUNDLESS: f64 = 1e15;

fn range(low: f64, high: f64) -> String {
    let high = if high >= BOUNDLESS { f64::MAX } else { high };
    match (low, high) {
        (0.0, f64::MAX) => "a number from 0".to_owned(),
        (low, f64::MAX) if low > f64::MIN => format!("a number from {low}"),
        (f64::MIN, f64::MAX) => "a number".to_owned(),
        _ => format!("a number from {low} to {high}"),
    }
}

/// A value as a message repeats it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("the text `{}`", cut(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(SHOWN_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// The nearest known key, or all of them.
pub(crate) fn nearest(key: &str, known: &[&str]) -> String {
    /// How alike a key must be to be meant.
    const ALIKE: f64 = 0.7;
    let best = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(key, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((alike, candidate)) if alike >= ALIKE => format!("did you mean `{candidate}`?"),
        _ => format!("known keys are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects the messages: each names its field by pointer, says what was found and what was expected.
    #[test]
    fn problems_name_their_fields() {
        let value =
            json!({"a/b": {"share": 95, "price": -1, "word": "x", "shaer": 1, "list": 3, "text": " "}});
        let mut problems = Problems::default();
        let fields = Fields::read(
            &value["a/b"],
            "/a~1b",
            "a thing",
            &["share", "price", "word", "list", "text"],
            &mut problems,
        )
        .unwrap();
        assert_eq!(fields.number("share", 0.0, 1.0, &mut problems), None);
        assert_eq!(fields.money("price", &mut problems), None);
        assert_eq!(fields.choice("word", &["y"], &mut problems), None);
        assert!(fields.list("list", &mut problems).is_empty());
        assert_eq!(fields.text("text", &mut problems), None);
        let all = problems.into_vec();
        let said: Vec<_> = all
            .iter()
            .map(|problem| (problem.pointer.as_str(), problem.message.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("/a~1b/shaer", "unknown key `shaer` in a thing"),
                ("/a~1b/share", "`share` is 95, expected a number from 0 to 1"),
                ("/a~1b/price", "`price` is -1, expected 0 or more dollars"),
                ("/a~1b/word", "`word` is the text `x`, expected one of `y`"),
                ("/a~1b/list", "`list` is 3, expected a list"),
                ("/a~1b/text", "`text` is the text ` `, expected a text"),
            ]
        );
        assert_eq!(all[0].hint.as_deref(), Some("did you mean `share`?"));
        assert_eq!(
            all[1].hint.as_deref(),
            Some("this is a share: write 0.95, not 95")
        );
    }
}
