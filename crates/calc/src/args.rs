//! Typed reading of a function's input object, with errors that name the key and what was found.

use crate::CalcError;
use serde_json::{Map, Value};

/// The input object of one call.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a>(&'a Map<String, Value>);

impl<'a> Args<'a> {
    /// Wraps an input object.
    #[must_use]
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Self(object)
    }

    /// The raw value, `None` where absent or `null`.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn need(&self, name: &str, expected: &'static str) -> Result<&'a Value, CalcError> {
        self.raw(name).ok_or_else(|| CalcError::Missing {
            name: name.to_owned(),
            expected,
        })
    }

    /// A number; `"NaN"`, `"Infinity"` and `"-Infinity"` are numbers too.
    pub fn f64(&self, name: &str) -> Result<f64, CalcError> {
        to_f64(self.need(name, "a number")?, name)
    }

    /// A number with a default.
    pub fn f64_or(&self, name: &str, default: f64) -> Result<f64, CalcError> {
        self.raw(name).map_or(Ok(default), |value| to_f64(value, name))
    }

    /// A non-negative whole number (`3` or `3.0`).
    pub fn u64(&self, name: &str) -> Result<u64, CalcError> {
        to_u64(self.need(name, "a whole number >= 0")?, name)
    }

    /// A non-negative whole number with a default.
    pub fn u64_or(&self, name: &str, default: u64) -> Result<u64, CalcError> {
        self.raw(name).map_or(Ok(default), |value| to_u64(value, name))
    }

    /// A non-negative whole number as `usize`.
    pub fn usize(&self, name: &str) -> Result<usize, CalcError> {
        Ok(usize::try_from(self.u64(name)?).unwrap_or(usize::MAX))
    }

    /// A string.
    pub fn str(&self, name: &str) -> Result<&'a str, CalcError> {
        to_str(self.need(name, "a string")?, name)
    }

    /// A string with a default.
    pub fn str_or(&self, name: &str, default: &'static str) -> Result<&'a str, CalcError> {
        self.raw(name).map_or(Ok(default), |value| to_str(value, name))
    }

    /// `true` or `false`, with a default.
    pub fn bool_or(&self, name: &str, default: bool) -> Result<bool, CalcError> {
        match self.raw(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(name, "true or false", other)),
        }
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Args<'a>, CalcError> {
        match self.need(name, "an object")? {
            Value::Object(map) => Ok(Args(map)),
            other => Err(wrong(name, "an object", other)),
        }
    }

    /// A list of anything, read by `item`.
    pub fn list<T>(
        &self,
        name: &str,
        item: impl Fn(&'a Value, &str) -> Result<T, CalcError>,
    ) -> Result<Vec<T>, CalcError> {
        to_list(self.need(name, "a list")?, name, &item)
    }

    /// A list of numbers.
    pub fn f64s(&self, name: &str) -> Result<Vec<f64>, CalcError> {
        self.list(name, to_f64)
    }

    /// A list of numbers where `null` means missing.
    pub fn f64_opts(&self, name: &str) -> Result<Vec<Option<f64>>, CalcError> {
        self.list(name, to_f64_opt)
    }

    /// A list of non-negative whole numbers.
    pub fn u64s(&self, name: &str) -> Result<Vec<u64>, CalcError> {
        self.list(name, to_u64)
    }

    /// A list of strings.
    pub fn strs(&self, name: &str) -> Result<Vec<&'a str>, CalcError> {
        self.list(name, to_str)
    }

    /// A list of lists, read cell by cell.
    pub fn matrix<T>(
        &self,
        name: &str,
        cell: impl Fn(&'a Value, &str) -> Result<T, CalcError>,
    ) -> Result<Vec<Vec<T>>, CalcError> {
        self.list(name, |row, at| to_list(row, at, &cell))
    }
}

/// Reads a list whose items are read by `item`; the item's name is `name[index]`.
pub fn to_list<'a, T>(
    value: &'a Value,
    name: &str,
    item: &impl Fn(&'a Value, &str) -> Result<T, CalcError>,
) -> Result<Vec<T>, CalcError> {
    let Value::Array(items) = value else {
        return Err(wrong(name, "a list", value));
    };
    items
        .iter()
        .enumerate()
        // The name with its index is only built for an item that fails: this is the hot path of long lists.
        .map(|(index, value)| {
            item(value, name).map_err(|error| match error {
                CalcError::Wrong {
                    name: inner,
                    expected,
                    found,
                } => {
                    let rest = inner.strip_prefix(name).unwrap_or("").to_owned();
                    CalcError::Wrong {
                        name: format!("{name}[{index}]{rest}"),
                        expected,
                        found,
                    }
                }
                other => other,
            })
        })
        .collect()
}

/// Reads a number, or one of the strings that stand for non-finite numbers.
pub fn to_f64(value: &Value, name: &str) -> Result<f64, CalcError> {
    match value {
        Value::Number(n) => n.as_f64().ok_or_else(|| wrong(name, "a number", value)),
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        Value::String(text) => match text.as_str() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(wrong(name, "a number", value)),
        },
        _ => Err(wrong(name, "a number", value)),
    }
}

/// Reads a number, `null` is `None`.
pub fn to_f64_opt(value: &Value, name: &str) -> Result<Option<f64>, CalcError> {
    if value.is_null() {
        Ok(None)
    } else {
        to_f64(value, name).map(Some)
    }
}

/// Reads a non-negative whole number up to 2^53.
pub fn to_u64(value: &Value, name: &str) -> Result<u64, CalcError> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if let Some(n) = value.as_u64() {
        return Ok(n);
    }
    match value.as_f64() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked: whole and in range"
        )]
        Some(x) if (0.0..=LARGEST).contains(&x) && x.fract() == 0.0 => Ok(x as u64),
        _ => Err(wrong(name, "a whole number >= 0", value)),
    }
}

/// Reads a string.
pub fn to_str<'a>(value: &'a Value, name: &str) -> Result<&'a str, CalcError> {
    value.as_str().ok_or_else(|| wrong(name, "a string", value))
}

/// The error of a value that has the wrong shape; quotes at most 60 characters of it.
#[must_use]
pub fn wrong(name: &str, expected: &'static str, found: &Value) -> CalcError {
    const QUOTED: usize = 60;
    let mut text = found.to_string();
    if let Some((cut, _)) = text.char_indices().nth(QUOTED) {
        text.truncate(cut);
        text.push('…');
    }
    CalcError::Wrong {
        name: name.to_owned(),
        expected,
        found: text,
    }
}
