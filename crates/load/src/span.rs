//! Times and numbers as people write them on a command line: `250ms`, `1m30s`, `2h`. Apart because profiles, think times
//! and objectives read the same spelling, and because each error must say at which character it stands.

use std::time::Duration;

/// Longest time that is accepted: a week.
const SECONDS_MAX: f64 = 7.0 * 86_400.0;

/// A text that does not say what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at character {column} of `{text}`: found {found}, expected {expected}")]
pub struct SyntaxError {
    /// The whole text.
    pub text: String,
    /// Where the part in question begins, counted in characters from 1.
    pub column: usize,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

/// A part of a text, with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    whole: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Part<'a> {
    /// All of it.
    pub(crate) fn whole(text: &'a str) -> Self {
        Self {
            whole: text,
            start: 0,
            end: text.len(),
        }
    }

    pub(crate) fn text(self) -> &'a str {
        &self.whole[self.start..self.end]
    }

    fn at(self, start: usize, end: usize) -> Self {
        Self { start, end, ..self }
    }

    /// Without blanks at both ends.
    pub(crate) fn trimmed(self) -> Self {
        let text = self.text();
        let start = self.start + (text.len() - text.trim_start().len());
        self.at(start, start + text.trim().len())
    }

    /// What stands before and after the first `separator`.
    pub(crate) fn split_once(self, separator: &str) -> Option<(Self, Self)> {
        let at = self.start + self.text().find(separator)?;
        Some((self.at(self.start, at), self.at(at + separator.len(), self.end)))
    }

    /// The first `bytes` bytes, and the rest. `bytes` must lie between two characters.
    pub(crate) fn split_at(self, bytes: usize) -> (Self, Self) {
        let at = self.start + bytes;
        (self.at(self.start, at), self.at(at, self.end))
    }

    /// The parts between separators.
    pub(crate) fn split(self, separator: char) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        std::iter::from_fn(move || {
            let part = rest?;
            match part.text().find(separator) {
                Some(at) => {
                    let (before, after) = part.split_at(at);
                    rest = Some(after.split_at(separator.len_utf8()).1);
                    Some(before)
                }
                None => {
                    rest = None;
                    Some(part)
                }
            }
        })
    }

    pub(crate) fn error(self, expected: impl Into<String>) -> SyntaxError {
        /// More of a foreign text than this is not repeated in a message.
        const FOUND_CHARS_MAX: usize = 60;
        let cut = |text: &str| text.chars().take(FOUND_CHARS_MAX).collect::<String>();
        let text = self.text();
        SyntaxError {
            text: cut(self.whole),
            column: self.whole[..self.start].chars().count() + 1,
            found: if text.is_empty() {
                "nothing".to_owned()
            } else {
                format!("`{}`", cut(text))
            },
            expected: expected.into(),
        }
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn number(self, what: &str, low: f64, high: f64) -> Result<f64, SyntaxError> {
        let part = self.trimmed();
        match part.text().parse::<f64>() {
            Ok(number) if number >= low && number <= high => Ok(number),
            _ => Err(part.error(format!("{what}, a number from {low} to {high}"))),
        }
    }

    /// A time such as `250ms` or `1m30s`; above 0, at most a week.
    pub(crate) fn seconds(self, what: &str) -> Result<f64, SyntaxError> {
        let part = self.trimmed();
        let expected = || part.error(format!("{what}, a time such as 500ms, 30s, 1m30s or 2h"));
        let mut rest = part.text();
        let mut seconds = 0.0;
        if rest.is_empty() {
            return Err(expected());
        }
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let number: f64 = rest[..digits].parse().map_err(|_| expected())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
            seconds += number * unit_seconds(&rest[..letters]).ok_or_else(expected)?;
            rest = &rest[letters..];
        }
        if seconds > 0.0 && seconds <= SECONDS_MAX {
            return Ok(seconds);
        }
        Err(part.error(format!("{what}, more than nothing and at most a week")))
    }
}

fn unit_seconds(word: &str) -> Option<f64> {
    Some(match word {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    })
}

/// Reads a time such as `250ms`, `30s` or `1m30s`: above 0, at most a week.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(seatrial_load::span::duration("1m30s")?, Duration::from_secs(90));
/// assert!(seatrial_load::span::duration("soon").is_err());
/// # Ok::<(), seatrial_load::span::SyntaxError>(())
/// ```
///
/// # Errors
/// Anything else, with its place.
pub fn duration(text: &str) -> Result<Duration, SyntaxError> {
    Part::whole(text)
        .seconds("a duration")
        .map(Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: every unit, sums of units, and places of what is wrong.
    #[test]
    fn times() {
        let seconds = |text: &str| Part::whole(text).seconds("a time");
        for (text, expected) in [
            ("250ms", 0.25),
            ("30s", 30.0),
            ("1m30s", 90.0),
            ("2h", 7_200.0),
            ("1.5s", 1.5),
            (" 40us ", 4e-5),
        ] {
            assert!((seconds(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        for text in [
            "", "5", "s", "1.2.3s", "-1s", "0s", "1d", "8d", "200h", "1s2", "٣s", "nans", "1e9s",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
        let error = Part::whole("10/1s, x/2s").split(',').nth(1).unwrap();
        let error = error
            .split_once("/")
            .unwrap()
            .0
            .number("a rate", 0.0, 9.0)
            .unwrap_err();
        assert_eq!((error.column, error.found.as_str()), (8, "`x`"));
    }
}
