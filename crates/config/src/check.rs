//! Checks of maps and lists against the tables: unknown and missing keys, keys that exclude each other, and every
//! value below. Apart from the tables, which the JSON Schema uses too.

use crate::diagnostics::{Diagnostics, shown};
use crate::nearest::{self, list};
use crate::scalar::{Meaning, found};
use crate::shape::{NAME_KEY, Shape, Table};
use crate::template;
use crate::yaml::{Data, Entry, Node};
use std::collections::BTreeSet;

/// How much of a map must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Every required key.
    Whole,
    /// Nothing: it is merged with another map later.
    Part,
}

impl Shape {
    /// Reports everything about `node` that does not fit; `key` is what messages call it.
    pub(crate) fn check(&self, key: &str, node: &Node, demand: Demand, errors: &mut Diagnostics) {
        match self {
            Self::Record(table) => check_record(table, node, demand, errors),
            Self::WholeOr { table, .. } if matches!(node.data, Data::Map(_)) => {
                check_record(table, node, demand, errors);
            }
            Self::NameOr(table) if matches!(node.data, Data::Map(_)) => {
                check_record(table, node, demand, errors);
            }
            Self::TrueOrLines if matches!(node.data, Data::List(_)) => {
                let lines = Self::List {
                    item: &Self::Line,
                    min: 1,
                    max: crate::tables::MAX_SEVERITIES,
                    unique: true,
                };
                lines.check(key, node, demand, errors);
            }
            Self::Partial(tables) => check_partial(tables, key, node, errors),
            Self::List {
                item,
                min,
                max,
                unique,
            } => {
                if !is_list(key, node, (*min, *max), errors) {
                    return;
                }
                for entry in node.items() {
                    // Lists are never merged, so their items are whole.
                    item.check(&format!("an item of `{key}`"), entry, Demand::Whole, errors);
                }
                if *unique {
                    check_unique(key, node, errors);
                }
            }
            Self::AnyMap => {
                is_map(key, node, errors);
            }
            Self::MapOf(shape) => {
                if is_map(key, node, errors) {
                    for entry in node.entries() {
                        shape.check(&entry.key.text, &entry.value, Demand::Whole, errors);
                    }
                }
            }
            Self::Any => {}
            // The reading of targets and tasks checks them, with what defaults add.
            Self::Merged(_) => {}
            Self::Slice => check_slice(key, node, errors),
            Self::Template | Self::FieldSource => {
                if let Some(text) = self.text_or_report(key, node, errors) {
                    template::check(&text, node, errors);
                }
            }
            Self::Scorers => {
                is_list(key, node, (1, crate::tables::MAX_SCORERS), errors);
            }
            _ => {
                self.text_or_report(key, node, errors);
            }
        }
    }

    fn text_or_report(&self, key: &str, node: &Node, errors: &mut Diagnostics) -> Option<String> {
        match self.try_scalar(node) {
            Ok(text) => Some(text),
            Err(None) => None,
            Err(Some(wrong)) => {
                let key = subject(key);
                let message = match wrong.instead {
                    Some(instead) => format!("{key} {instead}"),
                    None => format!("{key} is {}, expected {}", found(node), wrong.expected),
                };
                errors.push(&node.span, message, wrong.hint);
                None
            }
        }
    }
}

/// `` `key` `` unless it is a phrase already.
fn subject(key: &str) -> String {
    if key.contains([' ', '`']) {
        key.to_owned()
    } else {
        format!("`{key}`")
    }
}

fn is_map(key: &str, node: &Node, errors: &mut Diagnostics) -> bool {
    expect_collection(key, node, matches!(node.data, Data::Map(_)), "a map", errors)
}

fn is_list(key: &str, node: &Node, (min, max): (usize, usize), errors: &mut Diagnostics) -> bool {
    if !expect_collection(key, node, matches!(node.data, Data::List(_)), "a list", errors) {
        return false;
    }
    let count = node.items().len();
    if count < min {
        errors.push(
            &node.span,
            format!("{} is an empty list, expected at least {min} item", subject(key)),
            None,
        );
    }
    if count > max {
        let message = format!("{} has {count} items, expected at most {max}", subject(key));
        errors.push(&node.span, message, None);
    }
    count <= max
}

fn expect_collection(key: &str, node: &Node, fits: bool, expected: &str, errors: &mut Diagnostics) -> bool {
    if !fits && node.data != Data::Broken {
        let message = format!("{} is {}, expected {expected}", subject(key), found(node));
        let hint =
            (expected == "a list").then(|| "write each item on a line of its own, after `- `".to_owned());
        errors.push(&node.span, message, hint);
    }
    fits
}

fn check_unique(key: &str, node: &Node, errors: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for item in node.items() {
        if let Data::Scalar(scalar) = &item.data
            && !seen.insert(scalar.text.as_str())
        {
            let message = format!("{} is in `{key}` twice", shown(&scalar.text));
            errors.push(&item.span, message, Some("keep one".to_owned()));
        }
    }
}

/// Checks a map against its table: unknown keys, missing keys, keys that exclude each other, and every value.
pub(crate) fn check_record(table: &Table, node: &Node, demand: Demand, errors: &mut Diagnostics) {
    if !matches!(node.data, Data::Map(_)) {
        if node.data != Data::Broken {
            let message = format!("{} is {}, expected a map", table.what, found(node));
            let keys: Vec<&str> = table.fields.iter().map(|field| field.name).take(3).collect();
            errors.push(
                &node.span,
                message,
                Some(format!("its keys are {} …", list(&keys))),
            );
        }
        return;
    }
    check_keys(&[table], node, demand, errors);
    check_exclusive(table, node, errors);
    let is_later = |entry: &Entry| table.later.iter().any(|later| later.word == entry.key.text);
    if demand == Demand::Part || node.entries().iter().any(is_later) {
        // What a key of a later version takes the place of is missing for a reason.
        return;
    }
    for field in table.fields.iter().filter(|field| field.required) {
        if node.get(field.name).is_none() {
            let hint = format!("add `{}: …`: {}", field.name, field.what);
            errors.push(
                &node.span,
                format!("{} needs `{}`", table.what, field.name),
                Some(hint),
            );
        }
    }
    for group in table.one_of {
        if group.iter().all(|key| node.get(key).is_none()) {
            errors.push(
                &node.span,
                format!("{} needs one of {}", table.what, list(group)),
                None,
            );
        }
    }
}

/// Checks what is given against the tables, requiring nothing.
fn check_partial(tables: &[&Table], key: &str, node: &Node, errors: &mut Diagnostics) {
    if !is_map(key, node, errors) {
        return;
    }
    check_keys(tables, node, Demand::Part, errors);
    if let Some(entry) = node.entry(NAME_KEY) {
        let hint = "write it in each of them".to_owned();
        errors.push(
            &entry.key.span,
            "names cannot be shared through `defaults`",
            Some(hint),
        );
    }
    for table in tables {
        check_exclusive(table, node, errors);
    }
}

fn check_keys(tables: &[&Table], node: &Node, demand: Demand, errors: &mut Diagnostics) {
    for entry in node.entries() {
        let name = entry.key.text.as_str();
        let field = tables
            .iter()
            .flat_map(|table| table.fields)
            .find(|field| field.name == name);
        match field {
            Some(field) if is_null(&entry.value) && !matches!(field.shape, Shape::Version) => {
                let hint = if field.required {
                    "give it a value"
                } else {
                    "give it a value or remove the key"
                };
                let message = format!("`{name}` has no value, expected {}", field.shape.expectation());
                errors.push(&entry.key.span, message, Some(hint.to_owned()));
            }
            Some(field) => field.shape.check(name, &entry.value, demand, errors),
            None => unknown_key(tables, entry, errors),
        }
    }
}

/// Whether a key has no value, or `null`.
pub(crate) fn is_null(node: &Node) -> bool {
    matches!(&node.data, Data::Scalar(scalar) if scalar.meaning() == Meaning::Null)
}

fn unknown_key(tables: &[&Table], entry: &Entry, errors: &mut Diagnostics) {
    let name = entry.key.text.as_str();
    if let Some(later) = tables
        .iter()
        .flat_map(|table| table.later)
        .find(|later| later.word == name)
    {
        errors.push(&entry.key.span, later.message, Some(later.hint.to_owned()));
        return;
    }
    let tried = tables
        .iter()
        .flat_map(|table| table.tried)
        .find(|(word, _)| *word == name);
    let known: Vec<&str> = tables
        .iter()
        .flat_map(|table| table.fields)
        .map(|field| field.name)
        .collect();
    let hint = match tried {
        _ if errors.is_full() => None,
        Some((_, hint)) => Some((*hint).to_owned()),
        None => nearest::hint(name, "known keys", &known),
    };
    let what = tables.first().map_or("this map", |table| table.what);
    errors.push(
        &entry.key.span,
        format!("unknown key {} in {what}", shown(name)),
        hint,
    );
}

fn check_exclusive(table: &Table, node: &Node, errors: &mut Diagnostics) {
    for group in table.exclusive {
        let given = group.iter().filter_map(|key| node.entry(key));
        if let Some(second) = given.clone().nth(1) {
            let names: Vec<&str> = given.map(|entry| entry.key.text.as_str()).collect();
            let message = format!("found {} together, expected one of them", list(&names));
            errors.push(&second.key.span, message, Some("remove the others".to_owned()));
        }
    }
}

fn check_slice(key: &str, node: &Node, errors: &mut Diagnostics) {
    if !is_map(key, node, errors) {
        return;
    }
    match node.entries() {
        [entry] => {
            if !matches!(entry.value.data, Data::Scalar(_) | Data::Broken) {
                let message = format!(
                    "the value of {} is {}, expected one value",
                    shown(&entry.key.text),
                    found(&entry.value)
                );
                errors.push(&entry.value.span, message, None);
            }
        }
        entries => {
            let message = format!(
                "`{key}` has {} keys, expected one, `column: value`",
                entries.len()
            );
            errors.push(&node.span, message, None);
        }
    }
}
