//! What a value of a suite may be, as data: the same tables drive the checks, the messages and the JSON Schema,
//! so that the three cannot drift apart.

use crate::diagnostics::{Diagnostics, shown};
use crate::nearest::{self, list};
use crate::scalar::{Meaning, found};
use crate::yaml::{Data, Entry, Node};
use crate::{address, secrets, template};
use seatrial_types::Money;
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest name of a target, task, metric or suite.
pub const MAX_NAME_CHARS: usize = 64;
/// Longest time that a suite may give.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// What such a map is, for messages: `a target`.
    pub(crate) what: &'static str,
    pub(crate) fields: &'static [Field],
    /// Groups of keys of which at most one may be given.
    pub(crate) exclusive: &'static [&'static [&'static str]],
    /// Groups of keys of which one must be given.
    pub(crate) one_of: &'static [&'static [&'static str]],
    /// Keys that are known but not read in this version.
    pub(crate) later: &'static [Later],
    /// Hints for keys that people try.
    pub(crate) tried: &'static [(&'static str, &'static str)],
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What it does, in one line.
    pub(crate) what: &'static str,
    pub(crate) required: bool,
    /// Default, as JSON.
    pub(crate) default: Option<&'static str>,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape, what: &'static str) -> Self {
        Self {
            name,
            shape,
            what,
            required: false,
            default: None,
        }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }
}

/// A word that is known but not supported in this version.
#[derive(Debug)]
pub(crate) struct Later {
    pub(crate) word: &'static str,
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// The number 1.
    Version,
    /// A name of up to 64 letters, digits, `_`, `-`, and `.` where allowed.
    Name { dots: bool },
    /// A text of one line.
    Line,
    /// A whole number in this range.
    Whole { min: u64, max: u64 },
    /// A number from 0 (or just above it) to `max`.
    Number { above_zero: bool, max: f64 },
    /// Any finite number.
    AnyNumber,
    /// One of these words.
    Choice {
        words: &'static [&'static str],
        later: &'static [Later],
    },
    /// A time such as `60s`.
    Duration,
    /// Dollars, exact.
    Money,
    /// Address of an API.
    Address,
    /// Name of an environment variable.
    Variable,
    /// A minijinja template.
    Template,
    /// A map with these keys.
    Record(&'static Table),
    /// The same map where nothing is required, as in `defaults:`.
    Partial(&'static [&'static Table]),
    /// A list.
    List {
        item: &'static Shape,
        min: usize,
        max: usize,
        unique: bool,
    },
    /// A map with any keys.
    AnyMap,
    /// One key with a value: `column: value`.
    Slice,
    /// A map whose checks wait until defaults are merged in.
    Merged(&'static [&'static Table]),
    /// The list of scorers, checked against the vocabulary.
    Scorers,
}

impl Shape {
    /// Reports everything about `node` that does not fit; `key` is what messages call it.
    pub(crate) fn check(&self, key: &str, node: &Node, errors: &mut Diagnostics) {
        match self {
            Self::Record(table) => check_record(table, node, errors),
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
                    item.check(&format!("an item of `{key}`"), entry, errors);
                }
                if *unique {
                    check_unique(key, node, errors);
                }
            }
            Self::AnyMap | Self::Merged(_) => {
                is_map(key, node, errors);
            }
            Self::Slice => check_slice(key, node, errors),
            Self::Template => {
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

    /// The text of a scalar that fits; `Err(None)` where it was reported already.
    fn try_scalar(&self, node: &Node) -> Result<String, Option<Wrong>> {
        let scalar = match &node.data {
            Data::Broken => return Err(None),
            Data::Scalar(scalar) => scalar,
            Data::List(_) | Data::Map(_) => return Err(Some(Wrong::expected(self.expectation()))),
        };
        let text = scalar.text.as_str();
        let meaning = scalar.meaning();
        let fits = match self {
            Self::Version => fits_version(&meaning),
            Self::Name { dots } => is_text(&meaning, text, self).and_then(|()| fits_name(text, *dots)),
            Self::Template => is_text(&meaning, text, self),
            Self::Line => is_text(&meaning, text, self).and_then(|()| fits_line(text)),
            Self::Whole { min, max } => fits_whole(&meaning, text, *min, *max),
            Self::Number { above_zero, max } => fits_number(&meaning, text, *above_zero, *max),
            Self::AnyNumber => real(&meaning)
                .map(|_| ())
                .ok_or_else(|| Wrong::expected("a number".to_owned()).hint(separator_hint(text))),
            Self::Choice { words, later } => fits_choice(&meaning, text, words, later),
            Self::Duration => parse_duration(text)
                .map(|_| ())
                .ok_or_else(|| wrong_duration(&meaning, text)),
            Self::Money => fits_money(&meaning, text),
            Self::Address => is_text(&meaning, text, self).and_then(|()| {
                address::Address::parse(text).map(|_| ()).map_err(|wrong| Wrong {
                    instead: Some(wrong.message),
                    hint: wrong.hint,
                    expected: String::new(),
                })
            }),
            Self::Variable => is_text(&meaning, text, self).and_then(|()| fits_variable(text)),
            Self::Record(_)
            | Self::Partial(_)
            | Self::List { .. }
            | Self::AnyMap
            | Self::Slice
            | Self::Merged(_)
            | Self::Scorers => Err(Wrong::expected(self.expectation())),
        };
        fits.map(|()| text.to_owned()).map_err(Some)
    }

    /// What is expected, as a message says it.
    pub(crate) fn expectation(&self) -> String {
        match self {
            Self::Version => "the number 1".to_owned(),
            Self::Name { .. } => "a name".to_owned(),
            Self::Line => "a text of one line".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number {
                above_zero: true,
                max,
            } => format!("a number above 0, at most {max}"),
            Self::Number { max, .. } => format!("a number from 0 to {max}"),
            Self::AnyNumber => "a number".to_owned(),
            Self::Choice { words, .. } => format!("one of {}", list(words)),
            Self::Duration => "a time with its unit, such as `60s`, `500ms` or `2m`".to_owned(),
            Self::Money => "a number of dollars".to_owned(),
            Self::Address => "an address such as `https://api.openai.com/v1`".to_owned(),
            Self::Variable => "the name of an environment variable".to_owned(),
            Self::Template => "a text (a template)".to_owned(),
            Self::Record(table) => format!("a map ({})", table.what),
            Self::Partial(_) | Self::AnyMap | Self::Merged(_) => "a map".to_owned(),
            Self::List { .. } | Self::Scorers => "a list".to_owned(),
            Self::Slice => "a map with one key, `column: value`".to_owned(),
        }
    }
}

/// Why a scalar does not fit.
struct Wrong {
    expected: String,
    /// What to say instead of "is …, expected …".
    instead: Option<String>,
    hint: Option<String>,
}

impl Wrong {
    fn expected(expected: String) -> Self {
        Self {
            expected,
            instead: None,
            hint: None,
        }
    }

    fn said(instead: String) -> Self {
        Self {
            expected: String::new(),
            instead: Some(instead),
            hint: None,
        }
    }

    fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// `` `key` `` unless it is a phrase already.
fn subject(key: &str) -> String {
    if key.contains(' ') {
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
pub(crate) fn check_record(table: &Table, node: &Node, errors: &mut Diagnostics) {
    if !is_map(table.what, node, errors) {
        return;
    }
    check_keys(&[table], node, errors);
    check_exclusive(table, node, errors);
    let is_later = |entry: &Entry| table.later.iter().any(|later| later.word == entry.key.text);
    if node.entries().iter().any(is_later) {
        // What it would take the place of is missing for a reason.
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
    check_keys(tables, node, errors);
    for table in tables {
        check_exclusive(table, node, errors);
    }
}

fn check_keys(tables: &[&Table], node: &Node, errors: &mut Diagnostics) {
    for entry in node.entries() {
        let name = entry.key.text.as_str();
        let field = tables
            .iter()
            .flat_map(|table| table.fields)
            .find(|field| field.name == name);
        match field {
            Some(field) if is_null(&entry.value) && !matches!(field.shape, Shape::Version) => {
                let hint = "give it a value or remove the key".to_owned();
                let message = format!("`{name}` has no value, expected {}", field.shape.expectation());
                errors.push(&entry.key.span, message, Some(hint));
            }
            Some(field) => field.shape.check(name, &entry.value, errors),
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

fn fits_version(meaning: &Meaning) -> Result<(), Wrong> {
    match meaning {
        Meaning::Whole(1) => Ok(()),
        Meaning::Whole(other) => Err(
            Wrong::said(format!("is {other}, but this build reads version 1 only"))
                .hint(Some("write `version: 1`, or use a newer seatrial".to_owned())),
        ),
        _ => Err(Wrong::expected("the number 1".to_owned()).hint(Some("write `version: 1`".to_owned()))),
    }
}

fn is_text(meaning: &Meaning, text: &str, shape: &Shape) -> Result<(), Wrong> {
    match meaning {
        Meaning::Text if text.is_empty() => Err(Wrong::said("is empty".to_owned())),
        Meaning::Text => Ok(()),
        Meaning::Null => Err(Wrong::expected(shape.expectation())),
        _ => {
            Err(Wrong::expected(shape.expectation()).hint(Some(format!("put quotes around it: \"{text}\""))))
        }
    }
}

fn fits_line(text: &str) -> Result<(), Wrong> {
    if text.contains(['\n', '\r']) {
        return Err(Wrong::said("has more than one line, expected one".to_owned()));
    }
    Ok(())
}

fn is_name_char(c: char, dots: bool) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-' || (dots && c == '.')
}

/// Whether a text is a name, and if not, what to say.
fn fits_name(text: &str, dots: bool) -> Result<(), Wrong> {
    let allowed = if dots {
        "letters, digits, `_`, `-` and `.`"
    } else {
        "letters, digits, `_` and `-`"
    };
    let length = text.chars().count();
    if length > MAX_NAME_CHARS {
        return Err(Wrong::said(format!(
            "has {length} characters, expected at most {MAX_NAME_CHARS}"
        )));
    }
    let Some(odd) = text.chars().find(|&c| !is_name_char(c, dots)) else {
        return Ok(());
    };
    let better: String = text
        .chars()
        .map(|c| if is_name_char(c, dots) { c } else { '-' })
        .collect();
    let better = better.trim_matches('-');
    let hint = (!better.is_empty()).then(|| format!("write `{better}`"));
    Err(Wrong::said(format!(
        "is {}, which contains `{}`; a name has {allowed} only",
        shown(text),
        odd.escape_debug()
    ))
    .hint(hint))
}

/// Whether a text could be the name of a task or metric.
pub(crate) fn is_name(text: &str, dots: bool) -> bool {
    !text.is_empty() && fits_name(text, dots).is_ok()
}

fn fits_whole(meaning: &Meaning, text: &str, min: u64, max: u64) -> Result<(), Wrong> {
    let wrong = || Wrong::expected(Shape::Whole { min, max }.expectation()).hint(separator_hint(text));
    match meaning {
        Meaning::Whole(value) => match u64::try_from(*value) {
            Ok(value) if (min..=max).contains(&value) => Ok(()),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

fn fits_number(meaning: &Meaning, text: &str, above_zero: bool, max: f64) -> Result<(), Wrong> {
    let wrong = Wrong::expected(Shape::Number { above_zero, max }.expectation());
    let Some(value) = real(meaning) else {
        return Err(wrong.hint(separator_hint(text).or_else(|| percent_hint(text))));
    };
    if value > max || value < 0.0 || (above_zero && value == 0.0) {
        return Err(wrong.hint(share_hint(value)));
    }
    Ok(())
}

/// The number that a scalar means.
#[expect(
    clippy::cast_precision_loss,
    reason = "limits are compared with floating-point estimates"
)]
fn real(meaning: &Meaning) -> Option<f64> {
    match meaning {
        Meaning::Whole(value) => Some(*value as f64),
        Meaning::Real(value) => Some(*value),
        _ => None,
    }
}

/// For a share that was given in per cent.
pub(crate) fn share_hint(value: f64) -> Option<String> {
    (value > 1.0 && value <= 100.0)
        .then(|| format!("this is a share: write {}, not {value}", round_share(value)))
}

/// A hundredth of a number without the noise of binary fractions.
fn round_share(percent: f64) -> f64 {
    (percent * 1e8).round() / 1e10
}

fn percent_hint(text: &str) -> Option<String> {
    let percent: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    percent
        .is_finite()
        .then(|| format!("this is a share: write {}, not {text}", round_share(percent)))
}

/// For `10_000` and `10,000`, which YAML reads as texts.
fn separator_hint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',' | '\'')).collect();
    let only_separators =
        digits.len() < text.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    only_separators.then(|| format!("write {digits}"))
}

fn fits_choice(meaning: &Meaning, text: &str, words: &[&str], later: &[Later]) -> Result<(), Wrong> {
    if *meaning == Meaning::Text {
        if words.contains(&text) {
            return Ok(());
        }
        if let Some(later) = later.iter().find(|later| later.word == text) {
            return Err(Wrong::said(later.message.to_owned()).hint(Some(later.hint.to_owned())));
        }
    }
    let near = nearest::nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
    Err(Wrong::expected(format!("one of {}", list(words))).hint(near))
}

fn wrong_duration(meaning: &Meaning, text: &str) -> Wrong {
    let wrong = Wrong::expected(Shape::Duration.expectation());
    match meaning {
        Meaning::Whole(value) if *value > 0 => wrong.hint(Some(format!("write `{value}s` or `{value}ms`"))),
        Meaning::Text if split_duration(text).is_some() => {
            Wrong::expected("more than 0 and at most 24h".to_owned())
        }
        _ => wrong,
    }
}

/// Number and unit in milliseconds of a time such as `1.5s`.
fn split_duration(text: &str) -> Option<(f64, f64)> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let unit_ms = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3600e3,
        _ => return None,
    };
    let is_decimal = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number = number.parse().ok().filter(|_| is_decimal)?;
    Some((number, unit_ms))
}

/// A time such as `60s`, `500ms`, `1.5m`, above zero and at most 24 hours.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit_ms) = split_duration(text)?;
    let duration = Duration::try_from_secs_f64(number * unit_ms / 1e3).ok()?;
    (duration > Duration::ZERO && duration <= MAX_DURATION).then_some(duration)
}

fn fits_money(meaning: &Meaning, text: &str) -> Result<(), Wrong> {
    if !matches!(meaning, Meaning::Whole(_) | Meaning::Real(_)) {
        let bare = text.trim_start_matches('$');
        let hint = bare
            .parse::<Money>()
            .ok()
            .map(|_| format!("write {bare}, as a number"));
        return Err(Wrong::expected(Shape::Money.expectation()).hint(hint));
    }
    match text.parse::<Money>() {
        Ok(money) if money >= Money::ZERO => Ok(()),
        Ok(_) => Err(Wrong::expected("0 or more dollars".to_owned())),
        Err(error) => Err(Wrong::said(format!("cannot be read: {error}"))),
    }
}

/// Never repeats what it found: it may be a key.
fn fits_variable(text: &str) -> Result<(), Wrong> {
    /// No operating system's tools make longer ones easy.
    const LONGEST: usize = 128;
    let hint =
        "put the key into an environment variable and write the variable's name here, such as OPENAI_API_KEY";
    if secrets::looks_like_key(text) {
        return Err(
            Wrong::said("looks like a key, expected the name of an environment variable".to_owned()).hint(
                Some(format!("{hint}; treat the key as leaked if this file was shared")),
            ),
        );
    }
    if !secrets::is_variable_name(text) || text.len() > LONGEST {
        return Err(
            Wrong::said("is not the name of an environment variable".to_owned()).hint(Some(hint.to_owned())),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects time limits: exactly the documented forms are read, and exactly.
    #[test]
    fn reads_times() {
        for (text, ms) in [
            ("60s", 60_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1.5s", 1500),
            ("24h", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "", "60", "s", "0s", "25h", "-1s", "1e3s", "1 s", "1.s", ".5s", "1.2.3s", "5d", "5S", "é5s", "5é",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    /// Protects the hint for shares: no noise of binary fractions in it.
    #[test]
    fn per_cent_become_shares() {
        assert_eq!(share_hint(95.0).unwrap(), "this is a share: write 0.95, not 95");
        assert_eq!(
            share_hint(99.9).unwrap(),
            "this is a share: write 0.999, not 99.9"
        );
        assert_eq!(percent_hint("7%").unwrap(), "this is a share: write 0.07, not 7%");
        assert_eq!(share_hint(0.5), None);
    }
}
