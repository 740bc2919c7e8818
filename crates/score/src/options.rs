//! Typed reading of a scorer's options. Apart so that scorers are parsed once, at the edge, and carry types from there.
//! The suite reader has checked the shapes already; they are checked again here, because a scorer can also be built
//! from a plan, a recipe or a test.

use crate::ScorerError;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Characters of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

/// The options of one scorer in a suite.
pub(crate) struct Options<'a> {
    pub(crate) scorer: &'static str,
    pub(crate) map: &'a Map<String, Value>,
}

impl<'a> Options<'a> {
    /// The value of an option; an empty YAML value is the same as none.
    pub(crate) fn value(&self, option: &str) -> Option<&'a Value> {
        self.map.get(option).filter(|value| !value.is_null())
    }

    pub(crate) fn flag(&self, option: &'static str) -> Result<bool, ScorerError> {
        match self.value(option) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.invalid(option, other, "true or false", "write it without quotes")),
        }
    }

    /// A finite number that is not negative.
    pub(crate) fn size(&self, option: &'static str) -> Result<Option<f64>, ScorerError> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        match value.as_f64() {
            Some(size) if size.is_finite() && size >= 0.0 => Ok(Some(size)),
            _ => Err(self.invalid(option, value, "a number of at least 0", "write it without quotes")),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn count(
        &self,
        option: &'static str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Result<Option<usize>, ScorerError> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        let count = whole(value).filter(|count| bounds.contains(count));
        count.map(Some).ok_or_else(|| {
            let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
            self.invalid(option, value, expected, "leave it out for the default")
        })
    }

    pub(crate) fn text(&self, option: &'static str) -> Result<Option<Cow<'a, str>>, ScorerError> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        scalar_text(value)
            .map(Some)
            .ok_or_else(|| self.invalid(option, value, "a text", "put it in quotes"))
    }

    /// One text or a list with at least one.
    pub(crate) fn texts(&self, option: &'static str) -> Result<Option<Vec<String>>, ScorerError> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        let texts: Option<Vec<String>> = match value {
            Value::Array(items) if items.is_empty() => None,
            Value::Array(items) => items
                .iter()
                .map(|item| scalar_text(item).map(Cow::into_owned))
                .collect(),
            one => scalar_text(one).map(|text| vec![text.into_owned()]),
        };
        texts.map(Some).ok_or_else(|| {
            self.invalid(
                option,
                value,
                "a text or a list of texts",
                "write [\"one\", \"two\"]",
            )
        })
    }

    /// Whether the second of two words is given; the first is the default.
    pub(crate) fn is_second(
        &self,
        option: &'static str,
        words: [&'static str; 2],
    ) -> Result<bool, ScorerError> {
        self.word(option, &words).map(|index| index == Some(1))
    }

    /// Index of the word that is given.
    pub(crate) fn word(&self, option: &'static str, words: &[&str]) -> Result<Option<usize>, ScorerError> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        let index = value
            .as_str()
            .and_then(|text| words.iter().position(|word| *word == text));
        index.map(Some).ok_or_else(|| {
            let expected = format!("one of {}", words.join(", "));
            self.invalid(option, value, expected, "leave it out for the default")
        })
    }

    pub(crate) fn invalid(
        &self,
        option: &'static str,
        found: &Value,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> ScorerError {
        self.invalid_text(option, shown(found), expected, hint)
    }

    pub(crate) fn invalid_text(
        &self,
        option: &'static str,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> ScorerError {
        ScorerError::InvalidOption {
            scorer: self.scorer,
            option,
            found: found.into(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn missing(
        &self,
        option: &'static str,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> ScorerError {
        ScorerError::MissingOption {
            scorer: self.scorer,
            option,
            expected: expected.into(),
            hint: hint.into(),
        }
    }
}

/// A whole number, also where YAML or JSON wrote it as `4.0`.
pub(crate) fn whole(value: &Value) -> Option<usize> {
    if let Some(whole) = value.as_u64() {
        return usize::try_from(whole).ok();
    }
    let number = value.as_f64()?;
    let fits = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    // Checked just above: whole, not negative, and within 32 bits.
    fits.then_some(number as usize)
}

/// Text of a string, number or boolean: YAML reads `values: [1, yes]` as other things than texts.
pub(crate) fn scalar_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        _ => None,
    }
}

/// A value as messages show it, cut to a bounded length.
pub(crate) fn shown(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "empty".to_owned(),
        Value::Bool(_) => "",
        Value::Number(_) => "the number ",
        Value::String(_) => "the text ",
        Value::Array(_) => "the list ",
        Value::Object(_) => "the map ",
    };
    let written = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    format!("{kind}`{}`", clipped(&written, SHOWN_CHARS_MAX))
}

/// A text cut to so many characters, with `…` in place of the rest.
pub(crate) fn clipped(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or(""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects messages from values of any length and from cuts inside a character.
    #[test]
    fn long_values_are_cut() {
        assert_eq!(clipped("äöü", 3), "äöü");
        assert_eq!(clipped("äöü", 2), "äö…");
        assert_eq!(clipped("", 0), "");
        assert_eq!(
            shown(&json!("x".repeat(100))).chars().count(),
            "the text ``…".chars().count() + 60
        );
        assert_eq!(shown(&json!([1, 2])), "the list `[1,2]`");
    }

    /// Protects whole numbers written with a point, and the refusal of everything else.
    #[test]
    fn whole_numbers_are_read() {
        assert_eq!(whole(&json!(4)), Some(4));
        assert_eq!(whole(&json!(4.0)), Some(4));
        for value in [json!(4.5), json!(-1), json!("4"), json!(1e300)] {
            assert_eq!(whole(&value), None, "{value}");
        }
    }
}
