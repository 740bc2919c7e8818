//! What JavaScript does with texts, numbers and patterns, where it differs from Rust: checks that were written for
//! promptfoo must mean here what they mean there. Apart so that the checks themselves read as rules.

use fancy_regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};
use std::fmt::Write;

/// Steps back that one search may take.
const BACKTRACKS_MAX: usize = 1_000_000;
/// Largest compiled size of the parts of a pattern that need no backtracking, in bytes.
const PROGRAM_BYTES_MAX: usize = 4 * 1024 * 1024;

const SPACE: &str =
    r"\t\n\x0B\x0C\r \x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\x{FEFF}";
const WORD: &str = "0-9A-Za-z_";
const NOTHING: &str = r"(?:[a&&b])";

/// White space as `\s` and `trim` have it.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, '\u{feff}') || (c.is_whitespace() && c != '\u{85}')
}

/// `text.trim()`.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `text.trim().split(/\s+/)` without the empty word of an empty text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// `String(value)` of a scalar; JSON of anything else.
pub(super) fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number_string(number),
        other => other.to_string(),
    }
}

/// A number as JavaScript writes it: `1.0` is `1`, `1e21` and `1e-7` have an exponent with a sign.
fn number_string(number: &Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or(f64::NAN);
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// `Number(text)`; `None` where that is not a finite number.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = trim(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

/// Deep equality of JSON values, in which 1 and 1.0 are one number.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let same = |(key, value): (&String, &Value)| b.get(key).is_some_and(|other| equal(value, other));
            a.len() == b.len() && a.iter().all(same)
        }
        (a, b) => a == b,
    }
}

/// `new RegExp(pattern)`.
///
/// Two things are different: a character beyond U+FFFF is one character and not two, and a search that steps back too
/// often ends with an error instead of never.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    compile(&Translator::new(pattern).translate()?)
}

/// The same with JavaScript's flag `i`.
pub(super) fn regex_of_any_case(pattern: &str) -> Result<Regex, String> {
    compile(&format!("(?i){}", Translator::new(pattern).translate()?))
}

fn compile(translated: &str) -> Result<Regex, String> {
    RegexBuilder::new(translated)
        .backtrack_limit(BACKTRACKS_MAX)
        .delegate_size_limit(PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| error.to_string())
}

/// From JavaScript's syntax of patterns, without the `u` flag, to that of the crate.
struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
}

impl Translator {
    fn new(pattern: &str) -> Self {
        Self {
            chars: pattern.chars().collect(),
            at: 0,
            out: String::with_capacity(pattern.len() + 16),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        Some(c)
    }

    fn translate(mut self) -> Result<String, String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '.' => self.out.push_str(r"[^\n\r\x{2028}\x{2029}]"),
                '$' => self.out.push_str(r"\z"),
                '{' if !self.is_quantifier() => self.out.push_str(r"\{"),
                '}' if !self.closes_quantifier() => self.out.push_str(r"\}"),
                ']' => self.out.push_str(r"\]"),
                // Comments and verbose mode are no part of JavaScript, so these are themselves.
                '#' | '&' | '~' | '-' => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '(' => self.group()?,
                other => self.out.push(other),
            }
        }
        Ok(self.out)
    }

    /// Whether what follows `{` makes it a quantifier; otherwise it is a brace.
    fn is_quantifier(&self) -> bool {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|c| *c == '}');
        let inner = end.and_then(|end| rest.get(..end)).unwrap_or_default();
        let digits = inner.iter().take_while(|c| c.is_ascii_digit()).count();
        let tail = inner.get(digits..).unwrap_or_default();
        digits > 0
            && match tail {
                [] => true,
                [',', upper @ ..] => upper.iter().all(char::is_ascii_digit),
                _ => false,
            }
    }

    fn closes_quantifier(&self) -> bool {
        let open = self.out.rfind('{');
        let inner = open.and_then(|open| self.out.get(open + 1..)).unwrap_or("x");
        let escaped = open.is_some_and(|open| self.out.get(..open).is_some_and(|out| out.ends_with('\\')));
        !escaped && !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_digit() || b == b',')
    }

    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.peek(0) != Some('?') {
            return Ok(());
        }
        match (self.peek(1), self.peek(2)) {
            (Some(':' | '=' | '!'), _) | (Some('<'), Some(_)) => Ok(()),
            _ => Err("invalid group".to_owned()),
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        let c = self.next().ok_or("a backslash at the end of the pattern")?;
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => write!(self.out, "[{WORD}]").map_err(|error| error.to_string())?,
            'W' => write!(self.out, "[^{WORD}]").map_err(|error| error.to_string())?,
            's' => write!(self.out, "[{SPACE}]").map_err(|error| error.to_string())?,
            'S' => write!(self.out, "[^{SPACE}]").map_err(|error| error.to_string())?,
            'b' => {
                let word = format!("[{WORD}]");
                let boundary = format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))");
                self.out.push_str(&boundary);
            }
            'B' => {
                let word = format!("[{WORD}]");
                let inside = format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))");
                self.out.push_str(&inside);
            }
            '1'..='9' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'k' if self.peek(0) == Some('<') => self.out.push_str(r"\k"),
            other => match self.escaped(other) {
                Some(c) => push_literal(&mut self.out, c),
                None => self.out.push_str(NOTHING),
            },
        }
        Ok(())
    }

    /// The character that an escape stands for; `None` for half of a pair, which no text here contains.
    fn escaped(&mut self, c: char) -> Option<char> {
        match c {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            'f' => Some('\u{c}'),
            '0' => Some('\0'),
            'c' => match self.peek(0) {
                Some(letter) if letter.is_ascii_alphabetic() => {
                    self.at += 1;
                    char::from_u32(letter as u32 % 32)
                }
                _ => Some('\\'),
            },
            'x' => Some(self.hex(2).and_then(char::from_u32).unwrap_or('x')),
            'u' => match self.hex(4) {
                None => Some('u'),
                Some(high @ 0xd800..=0xdbff) => {
                    let is_pair = self.peek(0) == Some('\\') && self.peek(1) == Some('u');
                    let before = self.at;
                    self.at += if is_pair { 2 } else { 0 };
                    match self
                        .hex(4)
                        .filter(|low| is_pair && (0xdc00..=0xdfff).contains(low))
                    {
                        Some(low) => char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
                        None => {
                            self.at = before;
                            None
                        }
                    }
                }
                Some(code) => char::from_u32(code),
            },
            other => Some(other),
        }
    }

    /// So many hexadecimal digits, taken only if all are there.
    fn hex(&mut self, digits: usize) -> Option<u32> {
        let text: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        let all_hex = text.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(&text, 16).ok().filter(|_| all_hex)?;
        self.at += digits;
        Some(code)
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.peek(0) == Some('^');
        self.at += usize::from(negated);
        if self.peek(0) == Some(']') {
            self.at += 1;
            self.out.push_str(if negated { r"(?s:.)" } else { NOTHING });
            return Ok(());
        }
        self.out.push_str(if negated { "[^" } else { "[" });
        loop {
            let c = self.next().ok_or("a class without its end")?;
            match c {
                ']' => break,
                '\\' => self.class_escape()?,
                '-' => {
                    // Between two characters it makes a range; at the ends it is itself.
                    let first = self.out.ends_with('[') || self.out.ends_with("[^");
                    let last = self.peek(0) == Some(']');
                    self.out.push_str(if first || last { r"\-" } else { "-" });
                }
                other => push_literal(&mut self.out, other),
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn class_escape(&mut self) -> Result<(), String> {
        let c = self.next().ok_or("a backslash at the end of the pattern")?;
        match c {
            'd' => self.out.push_str("0-9"),
            'D' => self.out.push_str("[^0-9]"),
            'w' => self.out.push_str(WORD),
            'W' => write!(self.out, "[^{WORD}]").map_err(|error| error.to_string())?,
            's' => self.out.push_str(SPACE),
            'S' => write!(self.out, "[^{SPACE}]").map_err(|error| error.to_string())?,
            'b' => self.out.push_str(r"\x08"),
            other => {
                if let Some(c) = self.escaped(other) {
                    push_literal(&mut self.out, c);
                }
            }
        }
        Ok(())
    }
}

/// A character that stands for itself, inside a class and outside.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", c as u32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects patterns that mean something else in Rust's syntax, against what Node says of them.
    #[test]
    fn patterns_mean_what_they_mean_in_javascript() {
        let rows = [
            (r"\d{3}-\d{4}", "555-1234", true),
            (r"\d", "٣", false),
            (r"^\w+$", "naïve", false),
            (r"\bcat\b", "a cat.", true),
            (r"\bcat\b", "concat", false),
            (r"a.c", "a\nc", false),
            (r"[^]", "\n", true),
            (r"x[]", "x", false),
            (r"a{,2}", "a{,2}", true),
            (r"^a{2}$", "aa", true),
            (r"{}", "{}", true),
            (r"[[]", "[", true),
            (r"[a&&b]", "&", true),
            (r"[\w-]+@", "a-b@", true),
            (r"[+-]", "-", true),
            (r"\/path\/", "/path/", true),
            (r"\u00e9", "é", true),
            (r"\uD83D\uDE00", "😀", true),
            (r"(?<=\$)\d+", "$42", true),
            (r"^(?!.*sorry).*$", "all good", true),
            (r"^(?!.*sorry).*$", "so sorry", false),
            (r"(a)\1", "aa", true),
            (r"(?<x>a)\k<x>", "aa", true),
            (r"end$", "end\n", false),
            (r"\s", "\u{feff}", true),
            (r"\x41", "A", true),
            ("#1 ", "#1 !", true),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(
                regex(pattern).unwrap().is_match(text).unwrap(),
                expected,
                "{pattern} on {text:?}"
            );
        }
        for pattern in ["(?i)x", "(", "[a", "a\\", "*a", "(?P<x>a)"] {
            assert!(regex(pattern).is_err(), "{pattern}");
        }
        assert!(
            regex("^((?=a)a|(?=a)a)*$")
                .unwrap()
                .is_match(&format!("{}b", "a".repeat(64)))
                .is_err()
        );
    }

    /// Protects numbers as texts.
    #[test]
    fn numbers_are_written_as_javascript_does() {
        for (value, text) in [
            (json!(1.0), "1"),
            (json!(0.1), "0.1"),
            (json!(-3), "-3"),
            (json!(1e21), "1e+21"),
            (json!(1e-7), "1e-7"),
            (json!(123_456_789.5), "123456789.5"),
            (json!(true), "true"),
        ] {
            assert_eq!(string(&value), text);
        }
        assert_eq!(
            (number(" 5 "), number("5 words"), number("inf")),
            (Some(5.0), None, None)
        );
        assert!(equal(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(!equal(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }
}
