//! What a scalar means: YAML 1.2's core schema, and conversion to JSON. Apart from the tree, because money must see
//! the text and not the number that it rounds to.

use crate::diagnostics::{Diagnostics, shown};
use crate::yaml::{Data, Node, Scalar};
use saphyr_parser::ScalarStyle;
use serde_json::{Map, Number, Value};

/// A scalar by YAML 1.2's core schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    Null,
    Bool(bool),
    /// A whole number that fits.
    Whole(i128),
    /// Any other finite number.
    Real(f64),
    /// Infinite, not a number, or out of range.
    Unusable,
    Text,
}

impl Scalar {
    /// What it means.
    pub(crate) fn meaning(&self) -> Meaning {
        if self.style != ScalarStyle::Plain {
            return Meaning::Text;
        }
        let text = self.text.as_str();
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" => Meaning::Bool(true),
            "false" | "False" | "FALSE" => Meaning::Bool(false),
            ".nan" | ".NaN" | ".NAN" => Meaning::Unusable,
            _ => number(text),
        }
    }
}

fn number(text: &str) -> Meaning {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Meaning::Unusable;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        let digits = text.strip_prefix(prefix).filter(|digits| !digits.is_empty());
        if let Some(digits) = digits.filter(|digits| digits.chars().all(|c| c.is_digit(radix))) {
            return i128::from_str_radix(digits, radix).map_or(Meaning::Unusable, Meaning::Whole);
        }
    }
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !unsigned.is_empty() && all_digits(unsigned) {
        return text.parse().map_or(Meaning::Unusable, Meaning::Whole);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let mantissa_fits =
        !(whole.is_empty() && fraction.is_empty()) && all_digits(whole) && all_digits(fraction);
    if !mantissa_fits || !exponent_fits {
        return Meaning::Text;
    }
    match text.parse::<f64>() {
        Ok(real) if real.is_finite() => Meaning::Real(real),
        _ => Meaning::Unusable,
    }
}

/// What a node is, as a message says it after "is".
pub(crate) fn found(node: &Node) -> String {
    match &node.data {
        Data::List(items) if items.is_empty() => "an empty list".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Map(entries) if entries.is_empty() => "an empty map".to_owned(),
        Data::Map(_) => "a map".to_owned(),
        Data::Broken => "unreadable".to_owned(),
        Data::Scalar(scalar) => match scalar.meaning() {
            Meaning::Null => "empty".to_owned(),
            Meaning::Bool(_) | Meaning::Whole(_) | Meaning::Real(_) | Meaning::Unusable => {
                scalar.text.clone()
            }
            Meaning::Text if scalar.text.is_empty() => "an empty text".to_owned(),
            Meaning::Text => format!("the text {}", shown(&scalar.text)),
        },
    }
}

/// A node as JSON. Numbers that JSON cannot hold exactly enough (infinite, not a number, whole beyond 64 bits) are
/// reported and become `null`.
pub(crate) fn to_json(node: &Node, errors: &mut Diagnostics) -> Value {
    match &node.data {
        Data::Broken => Value::Null,
        Data::List(items) => Value::Array(items.iter().map(|item| to_json(item, errors)).collect()),
        Data::Map(_) => Value::Object(to_json_map(node, errors)),
        Data::Scalar(scalar) => scalar_to_json(node, scalar, errors),
    }
}

/// The same for a map; empty for anything else.
pub(crate) fn to_json_map(node: &Node, errors: &mut Diagnostics) -> Map<String, Value> {
    let entries = node.entries().iter();
    entries
        .map(|entry| (entry.key.text.clone(), to_json(&entry.value, errors)))
        .collect()
}

fn scalar_to_json(node: &Node, scalar: &Scalar, errors: &mut Diagnostics) -> Value {
    let number = match scalar.meaning() {
        Meaning::Null => return Value::Null,
        Meaning::Bool(value) => return Value::Bool(value),
        Meaning::Text => return Value::String(scalar.text.clone()),
        Meaning::Whole(value) => i64::try_from(value)
            .map(Number::from)
            .or_else(|_| u64::try_from(value).map(Number::from))
            .ok(),
        Meaning::Real(value) => Number::from_f64(value),
        Meaning::Unusable => None,
    };
    number.map_or_else(
        || {
            let message = format!("{} is not a number that JSON can hold", shown(&scalar.text));
            errors.push(&node.span, message, Some("quote it if it is a text".to_owned()));
            Value::Null
        },
        Value::Number,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Meaning {
        let style = ScalarStyle::Plain;
        Scalar {
            text: text.to_owned(),
            style,
        }
        .meaning()
    }

    /// Protects the meaning of what people write: YAML 1.2, where `no` is a text and `010` is ten.
    #[test]
    fn follows_the_core_schema() {
        for text in ["", "~", "null"] {
            assert_eq!(plain(text), Meaning::Null, "{text}");
        }
        for text in [
            "no", "off", "yes", "1_000", "1,5", "0x", "0xg", "-", "+", ".", "e5", "1e", "--1", "60s", "inf",
            "nan",
        ] {
            assert_eq!(plain(text), Meaning::Text, "{text}");
        }
        for (text, value) in [("010", 10), ("-3", -3), ("+4", 4), ("0x1F", 31), ("0o17", 15)] {
            assert_eq!(plain(text), Meaning::Whole(value), "{text}");
        }
        for (text, value) in [
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1e3", -1000.0),
            ("1E-2", 0.01),
        ] {
            assert_eq!(plain(text), Meaning::Real(value), "{text}");
        }
        for text in [
            ".inf",
            "-.INF",
            ".nan",
            "1e999",
            "9999999999999999999999999999999999999999",
        ] {
            assert_eq!(plain(text), Meaning::Unusable, "{text}");
        }
        let quoted = Scalar {
            text: "1".to_owned(),
            style: ScalarStyle::DoubleQuoted,
        };
        assert_eq!(quoted.meaning(), Meaning::Text);
    }
}
