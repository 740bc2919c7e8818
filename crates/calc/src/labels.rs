//! Category labels of any JSON type, as places in an ordered list. Apart because several families accept names
//! where the library wants numbers.

use crate::args::{to_f64_opt, wrong};
use crate::{Args, CalcError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An ordered list of distinct labels.
pub(crate) struct Labels {
    places: BTreeMap<String, usize>,
}

impl Labels {
    /// The labels of a list, in its order.
    pub(crate) fn of_list(name: &str, values: &[&Value]) -> Result<Self, CalcError> {
        let mut places = BTreeMap::new();
        for (place, value) in values.iter().enumerate() {
            if places.insert(key(value, name)?, place).is_some() {
                return Err(wrong(name, "labels that differ from each other", value));
            }
        }
        Ok(Self { places })
    }

    /// The input `name`, or, where it is absent, the distinct labels of the data: numbers in ascending order,
    /// then texts in alphabetical order.
    pub(crate) fn read(args: &Args<'_>, name: &str, data: &[&Value]) -> Result<Self, CalcError> {
        if args.raw(name).is_some() {
            return Self::of_list(name, &args.list(name, |value, _| Ok(value))?);
        }
        let mut distinct: BTreeMap<String, &Value> = BTreeMap::new();
        for value in data {
            distinct.insert(key(value, name)?, value);
        }
        let mut values: Vec<&Value> = distinct.into_values().collect();
        values.sort_by(|a, b| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            // Numbers first; texts keep the alphabetical order in which they come out of the map.
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        Self::of_list(name, &values)
    }

    /// How many labels there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of a label.
    pub(crate) fn place(&self, value: &Value, name: &str) -> Result<usize, CalcError> {
        self.places
            .get(&key(value, name)?)
            .copied()
            .ok_or_else(|| wrong(name, "one of the labels", value))
    }
}

/// One text for each label: `1` and `1.0` are one label, `1` and `"1"` are two.
fn key(value: &Value, name: &str) -> Result<String, CalcError> {
    match value {
        Value::Number(n) => Ok(format!("n{}", n.as_f64().unwrap_or(f64::NAN) + 0.0)),
        Value::String(text) => Ok(format!("s{text}")),
        Value::Bool(flag) => Ok(format!("b{flag}")),
        _ => Err(wrong(name, "a label (number, string, true or false)", value)),
    }
}

/// A matrix of ratings, `null` is missing: numbers as they are, or, where any is a text or a truth value, each
/// distinct label as a number of its own (for statistics that only ask whether two are equal).
pub(crate) struct Ratings {
    /// The cells.
    pub(crate) rows: Vec<Vec<Option<f64>>>,
    /// Whether all labels were numbers, so that order and distance mean something.
    pub(crate) numeric: bool,
}

impl Ratings {
    /// Reads a matrix of ratings.
    pub(crate) fn read(args: &Args<'_>, name: &str) -> Result<Self, CalcError> {
        let cells: Vec<Vec<&Value>> = args.matrix(name, |value, _| Ok(value))?;
        let numeric = cells
            .iter()
            .flatten()
            .all(|value| value.is_null() || to_f64_opt(value, name).is_ok());
        if numeric {
            let rows = args.matrix(name, to_f64_opt)?;
            return Ok(Self { rows, numeric });
        }
        let keys: BTreeSet<String> = cells
            .iter()
            .flatten()
            .filter(|value| !value.is_null())
            .map(|value| key(value, name))
            .collect::<Result<_, _>>()?;
        let codes: BTreeMap<String, f64> = keys
            .into_iter()
            .zip(0u32..)
            .map(|(k, i)| (k, f64::from(i)))
            .collect();
        let rows = cells
            .iter()
            .map(|row| {
                row.iter()
                    .map(|value| {
                        if value.is_null() {
                            return Ok(None);
                        }
                        Ok(codes.get(&key(value, name)?).copied())
                    })
                    .collect::<Result<Vec<_>, CalcError>>()
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { rows, numeric })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects: numbers come before texts, equal numbers are one label, other types are refused.
    #[test]
    fn orders_and_refuses() {
        let input = json!({"x": [10, 9.0, "b", "a", 9, true]});
        let args = Args::new(input.as_object().unwrap());
        let data: Vec<&Value> = args.list("x", |value, _| Ok(value)).unwrap();
        let labels = Labels::read(&args, "labels", &data).unwrap();
        assert_eq!(labels.len(), 5);
        assert_eq!(labels.place(&json!(9.0), "x").unwrap(), 0);
        assert_eq!(labels.place(&json!(10), "x").unwrap(), 1);
        assert!(labels.place(&json!("a"), "x").unwrap() < labels.place(&json!("b"), "x").unwrap());
        assert!(labels.place(&json!(11), "x").is_err());
        assert!(labels.place(&json!([]), "x").is_err());
        let input = json!({"labels": [1, 1.0]});
        assert!(Labels::read(&Args::new(input.as_object().unwrap()), "labels", &[]).is_err());
    }

    /// Protects: names become codes that keep what is equal, and say that distances mean nothing.
    #[test]
    fn ratings_of_names() {
        let input = json!({"r": [["yes", null], ["no", "yes"]]});
        let ratings = Ratings::read(&Args::new(input.as_object().unwrap()), "r").unwrap();
        assert!(!ratings.numeric);
        assert_eq!(ratings.rows[0][0], ratings.rows[1][1]);
        assert_ne!(ratings.rows[0][0], ratings.rows[1][0]);
        assert_eq!(ratings.rows[0][1], None);
    }
}
