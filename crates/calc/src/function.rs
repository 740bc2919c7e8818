//! What a calculator function is, and the table of all of them.

use crate::Args;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One named input or output of a function.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Key in the JSON object.
    pub name: &'static str,
    /// Shape in words: `number`, `[number]`, `[[number|null]]`, `string`, `none|linear|quadratic`, …
    pub shape: &'static str,
    /// One line: meaning, unit, default if the key may be left out.
    pub what: &'static str,
}

impl Field {
    /// A field from its three texts, for tables that read as tables.
    #[must_use]
    pub const fn new(name: &'static str, shape: &'static str, what: &'static str) -> Self {
        Self { name, shape, what }
    }
}

/// A function that the calculator offers by its bare name.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Bare name, unique over all families.
    pub name: &'static str,
    /// Family: the name of its file of reference values, without `.json`.
    pub family: &'static str,
    /// One line: what it computes.
    pub what: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Inputs in the order in which people would give them.
    pub inputs: &'static [Field],
    /// Outputs.
    pub outputs: &'static [Field],
    /// From input object to output object. Never panics.
    pub eval: fn(&Args<'_>) -> Result<Map<String, Value>, CalcError>,
}

/// Why a line could not be answered. The text is what the line's `error` holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalcError {
    /// An input is absent.
    #[error("missing input `{name}`: expected {expected}")]
    Missing {
        /// The key.
        name: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// An input has the wrong type or shape.
    #[error("input `{name}`: expected {expected}, found {found}")]
    Wrong {
        /// The key, with an index where there is one.
        name: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// The function itself refuses the values.
    #[error("{0}")]
    Domain(String),
}

impl CalcError {
    /// Wraps an error of a library function.
    pub fn domain(error: impl std::fmt::Display) -> Self {
        Self::Domain(error.to_string())
    }
}

/// All functions, family by family, in the order of the table.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    crate::families::ALL.iter().copied().flatten()
}

/// The function of this bare name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<HashMap<&str, &Function>> =
        LazyLock::new(|| functions().map(|function| (function.name, function)).collect());
    BY_NAME.get(name).copied()
}

/// A JSON number, or the string `"NaN"`, `"Infinity"` or `"-Infinity"`. Nothing has no sign: `-0.0` becomes `0.0`.
#[must_use]
pub fn number(x: f64) -> Value {
    if x.is_nan() {
        Value::from("NaN")
    } else if x.is_infinite() {
        Value::from(if x > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        Value::from(x + 0.0)
    }
}

/// A JSON array of [`number`]s.
pub fn numbers(xs: impl IntoIterator<Item = f64>) -> Value {
    Value::Array(xs.into_iter().map(number).collect())
}

/// An output object from `(key, value)` pairs.
pub fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
