//! Checks of single values: names, numbers, times, money, addresses. Apart from the checks of maps and lists, because
//! these look at a scalar and nothing around it.

use crate::diagnostics::shown;
use crate::nearest::{self, list};
use crate::scalar::Meaning;
use crate::shape::Shape;
use crate::yaml::{Data, Node};
use crate::{address, secrets};
use seatrial_types::Money;
use std::time::Duration;

/// Longest name of a target, task, metric or suite.
pub const MAX_NAME_CHARS: usize = 64;
/// Longest time that a suite may give.
pub const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

impl Shape {
    /// The text of a scalar that fits; `Err(None)` where it was reported already.
    pub(crate) fn try_scalar(&self, node: &Node) -> Result<String, Option<Wrong>> {
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
            Self::Template | Self::FieldSource => is_text(&meaning, text, self),
            Self::Line => is_text(&meaning, text, self).and_then(|()| fits_line(text)),
            Self::Whole { min, max } => fits_whole(&meaning, text, *min, *max),
            Self::WholeOr { min, max, .. } => fits_whole(&meaning, text, *min, *max).map_err(|wrong| Wrong {
                expected: self.expectation(),
                ..wrong
            }),
            Self::Number { above_zero, max } => fits_number(&meaning, text, *above_zero, *max),
            Self::AnyNumber => real(&meaning).map(|_| ()).ok_or_else(|| {
                Wrong::expected("a number".to_owned())
                    .hint(separator_hint(text).or_else(|| percent_hint(text)))
            }),
            Self::NumberOrLine if real(&meaning).is_some() => Ok(()),
            Self::NumberOrLine => is_text(&meaning, text, self).and_then(|()| fits_line(text)),
            Self::Margin => fits_margin(&meaning, text),
            Self::TrueOrLines => match meaning {
                Meaning::Bool(true) => Ok(()),
                Meaning::Bool(false) => Err(Wrong::expected(self.expectation())
                    .hint(Some("remove the gate where nothing is critical".to_owned()))),
                _ => Err(Wrong::expected(self.expectation())),
            },
            Self::NameOr(_) => is_text(&meaning, text, self).and_then(|()| fits_name(text, true)),
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
            Self::Url => is_text(&meaning, text, self).and_then(|()| {
                address::Address::parse_whole(text)
                    .map(|_| ())
                    .map_err(|wrong| Wrong {
                        instead: Some(wrong.message),
                        hint: wrong.hint,
                        expected: String::new(),
                    })
            }),
            Self::Bool => match meaning {
                Meaning::Bool(_) => Ok(()),
                _ => Err(Wrong::expected(self.expectation())),
            },
            Self::Pointer => is_text(&meaning, text, self).and_then(|()| {
                if text.starts_with('/') {
                    return Ok(());
                }
                let hint = format!("write `/{}`", text.trim_start_matches("$.").replace('.', "/"));
                Err(Wrong::expected(self.expectation()).hint(Some(hint)))
            }),
            Self::Variable => is_text(&meaning, text, self).and_then(|()| fits_variable(text)),
            Self::Record(_)
            | Self::Partial(_)
            | Self::List { .. }
            | Self::AnyMap
            | Self::MapOf(_)
            | Self::Any
            | Self::Slice
            | Self::Merged(_)
            | Self::Scorers => Err(Wrong::expected(self.expectation())),
        };
        fits.map(|()| text.to_owned()).map_err(Some)
    }
}

/// Why a scalar does not fit.
pub(crate) struct Wrong {
    pub(crate) expected: String,
    /// What to say instead of "is …, expected …".
    pub(crate) instead: Option<String>,
    pub(crate) hint: Option<String>,
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

/// A number from 0, or a percentage below 100.
fn fits_margin(meaning: &Meaning, text: &str) -> Result<(), Wrong> {
    let wrong = || Wrong::expected(Shape::Margin.expectation());
    match (real(meaning), parse_percent(text)) {
        (Some(number), _) if number >= 0.0 => Ok(()),
        (None, Some(percent)) if (0.0..100.0).contains(&percent) => Ok(()),
        (None, Some(_)) => Err(wrong().hint(Some("a share of the baseline is below 100%".to_owned()))),
        _ => Err(wrong().hint(Some(
            "a margin is how much worse is still good enough, in the metric's unit; it is never negative"
                .to_owned(),
        ))),
    }
}

/// The number before a per cent sign.
pub(crate) fn parse_percent(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    percent.is_finite().then_some(percent)
}

/// For `10_000` and `10,000`, which YAML reads as texts.
fn separator_hint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',' | '\'')).collect();
    let only_separators =
        digits.len() < text.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    only_separators.then(|| format!("write {digits}"))
}

fn fits_choice(meaning: &Meaning, text: &str, words: &[&str], later: &[(&str, &str)]) -> Result<(), Wrong> {
    if *meaning == Meaning::Text {
        if words.contains(&text) {
            return Ok(());
        }
        if let Some((word, instead)) = later.iter().find(|(word, _)| *word == text) {
            let message = format!("is `{word}`, which is not in this version");
            return Err(Wrong::said(message).hint(Some((*instead).to_owned())));
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
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
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
