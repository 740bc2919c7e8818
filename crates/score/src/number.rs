//! Numbers in prose: `$1,000.50`, `-5`, `3.50.`, `6.02 × 10^23`. Apart because the extractors, `numeric_match` and
//! later scorers must all read the same number from the same text.
//!
//! What counts as a number:
//! * digits, with an optional fraction (`3.50`, `.5`); a full stop behind it ends the sentence (`3.50.` is 3.50);
//! * groups of three behind `,`, `'`, `’` or a no-break or thin space (`1,000`, `1 000`), also the Indian
//!   `1,00,000`; `12,34` and `1, 2` are two numbers each, because a decimal comma cannot be told from a list;
//! * an exponent: `1e5`, `1.5E-3`, `6.02 × 10^23`, `3 \times 10^{8}`;
//! * a sign that touches the number or its currency sign (`-5`, `-$5`, `$-5`, `−5`) and does not follow a letter, a
//!   digit or a closing bracket: `16 - 3`, `16-3` and `5–10` hold no negative number;
//! * `$`, `€`, `%` and units beside it do not change it: `60%` is 60, `20cups` is 20.
//!
//! What does not: digits behind an ASCII letter (`H2O`, `x1`), and dotted runs such as `1.2.3` (versions, dates,
//! addresses, full stops as thousands separators). Fractions are read as two numbers (`3/4` is 3, then 4), times too.
//! Only ASCII digits are read: put `nfkc` before it for full-width ones.

use std::borrow::Cow;

/// Powers of ten written with more digits than this are not read.
const EXPONENT_DIGITS_MAX: usize = 5;

/// A number as it stands in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number<'t> {
    /// Sign, digits and exponent without separators and currency: what `f64` parses.
    pub(crate) text: Cow<'t, str>,
    /// Its value; always finite.
    pub(crate) value: f64,
}

/// The first number of a text; `None` where there is none.
pub(crate) fn first_number(text: &str) -> Option<Number<'_>> {
    Spans { text, at: 0 }.find_map(|span| span.read(text))
}

/// The last number of a text; `None` where there is none.
///
/// A number never reaches over the end of a line, so the lines are read from the last one back: the cost does not
/// grow with the length of the reasoning above the answer.
pub(crate) fn last_number(text: &str) -> Option<Number<'_>> {
    text.rsplit('\n').find_map(|line| {
        let spans = Spans { text: line, at: 0 };
        spans.last().and_then(|span| span.read(line))
    })
}

/// The whole text as one plain number, as JSON or a CSV column writes it; no separators, no currency.
pub(crate) fn whole_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let starts_like_one = text
        .trim_start_matches(['-', '+'])
        .starts_with(|c: char| c.is_ascii_digit() || c == '.');
    // `f64` also parses `inf` and `nan`, which are words here.
    let value: f64 = if starts_like_one {
        text.parse().ok()?
    } else {
        return None;
    };
    value.is_finite().then_some(value)
}

/// Where a number lies: byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    negative: bool,
    /// Start of the digits, or of the point before them.
    start: usize,
    /// End of digits and fraction.
    end: usize,
    grouped: bool,
    /// Offsets of the exponent with its sign.
    exponent: Option<(usize, usize)>,
}

impl Span {
    fn read(self, text: &str) -> Option<Number<'_>> {
        let body = text.get(self.start..self.end)?;
        let plain = !self.negative && !self.grouped && self.exponent.is_none() && !body.starts_with('.');
        let text = if plain {
            Cow::Borrowed(body)
        } else {
            let mut out = String::with_capacity(body.len().saturating_add(8));
            if self.negative {
                out.push('-');
            }
            if body.starts_with('.') {
                out.push('0');
            }
            out.extend(body.chars().filter(|&c| c.is_ascii_digit() || c == '.'));
            if let Some((start, end)) = self.exponent {
                out.push('e');
                out.extend(
                    text.get(start..end)?
                        .chars()
                        .map(|c| if c == '−' { '-' } else { c }),
                );
            }
            Cow::Owned(out)
        };
        let value: f64 = text.parse().ok()?;
        value.is_finite().then_some(Number { text, value })
    }
}

/// All numbers of a text, first to last.
struct Spans<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let digit = self.at + rest.iter().position(u8::is_ascii_digit)?;
            if is_glued_to_word(self.text, digit) {
                self.at = end_of_word(self.text, digit);
                continue;
            }
            let start = leading_point(self.text, digit).unwrap_or(digit);
            let (end, grouped, dotted) = if start < digit {
                (end_of_digits(self.text, digit), false, false)
            } else {
                end_of_mantissa(self.text, digit)
            };
            if dotted {
                self.at = end;
                continue;
            }
            let exponent = exponent(self.text, end);
            self.at = exponent.map_or(end, |(_, exponent_end)| exponent_end);
            return Some(Span {
                negative: is_negative(self.text, start),
                start,
                end,
                grouped,
                exponent,
            });
        }
    }
}

fn byte(text: &str, at: usize) -> u8 {
    // NUL stands for "no more text": it is in no class that is asked for here.
    text.as_bytes().get(at).copied().unwrap_or(0)
}

fn end_of_digits(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or(&[]);
    at + rest.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Whether the digit at this offset belongs to a word such as `H2O` or `x_1`.
fn is_glued_to_word(text: &str, digit: usize) -> bool {
    let before = text.as_bytes().get(..digit).unwrap_or(&[]);
    match before {
        [.., last] if last.is_ascii_alphabetic() => true,
        // `_18_` is emphasis, `x_1` is a name.
        [.., other, b'_'] => other.is_ascii_alphanumeric(),
        _ => false,
    }
}

fn end_of_word(text: &str, at: usize) -> usize {
    let mut end = at;
    loop {
        let here = byte(text, end);
        let inside = here.is_ascii_alphanumeric()
            || here == b'_'
            || (here == b'.' && byte(text, end + 1).is_ascii_digit());
        if !inside {
            return end;
        }
        end += 1;
    }
}

/// Offset of the point of `.5`; `None` where the point ends something else, as in `1.5`, `Rs.5` and `...5`.
fn leading_point(text: &str, digit: usize) -> Option<usize> {
    let point = digit.checked_sub(1).filter(|&at| byte(text, at) == b'.')?;
    let before = point.checked_sub(1).map_or(0, |at| byte(text, at));
    (!before.is_ascii_alphanumeric() && before != b'.').then_some(point)
}

/// End of `1,000.50` that begins here, whether it has separators, and whether it is a dotted run, which is no number.
fn end_of_mantissa(text: &str, start: usize) -> (usize, bool, bool) {
    let whole = end_of_digits(text, start);
    let groups_end = end_of_groups(text, start, whole);
    let mut end = groups_end.unwrap_or(whole);
    let mut points = 0_u32;
    while byte(text, end) == b'.' && byte(text, end + 1).is_ascii_digit() {
        end = end_of_digits(text, end + 1);
        points = points.saturating_add(1);
    }
    (end, groups_end.is_some(), points > 1)
}

/// Length in bytes of a thousands separator at this offset.
fn separator_len(text: &str, at: usize) -> Option<usize> {
    match text.get(at..)?.chars().next()? {
        c @ (',' | '\'' | '’' | '\u{a0}' | '\u{2009}' | '\u{202f}') => Some(c.len_utf8()),
        _ => None,
    }
}

/// End of the groups behind the first digits; `None` where these digits stand alone.
fn end_of_groups(text: &str, start: usize, whole: usize) -> Option<usize> {
    let first_len = whole - start;
    if first_len > 3 || byte(text, start) == b'0' {
        return None;
    }
    let separator = text.get(whole..whole + separator_len(text, whole)?)?;
    let group_at = |end: usize| {
        let digits = end + separator.len();
        let follows = text.get(end..).is_some_and(|rest| rest.starts_with(separator));
        let group_end = end_of_digits(text, digits);
        (follows && group_end > digits).then(|| (group_end - digits, group_end))
    };
    let mut end = whole;
    while let Some((3, group_end)) = group_at(end) {
        end = group_end;
    }
    if end > whole {
        return Some(end);
    }
    // Indian grouping: 1,00,000.
    while let Some((2, group_end)) = group_at(end) {
        end = group_end;
    }
    match group_at(end) {
        Some((3, group_end)) if separator == "," && first_len <= 2 && end > whole => Some(group_end),
        _ => None,
    }
}

/// Offsets of the exponent (sign and digits) of a mantissa that ends here.
fn exponent(text: &str, end: usize) -> Option<(usize, usize)> {
    let rest = text.get(end..)?;
    if let Some(signed) = rest.strip_prefix(['e', 'E']) {
        let start = text.len() - signed.len();
        let stop = end_of_exponent(text, start)?;
        return (!byte(text, stop).is_ascii_alphanumeric()).then_some((start, stop));
    }
    let blank = |c: char| c == ' ' || c == '\t' || c == '\u{a0}';
    let rest = rest.trim_start_matches(blank);
    let rest = rest
        .strip_prefix("\\times")
        .or_else(|| rest.strip_prefix("\\cdot"))
        .or_else(|| rest.strip_prefix(['×', 'x', '*', '·', '⋅']))?;
    let rest = rest.trim_start_matches(blank).strip_prefix("10")?;
    let rest = rest.strip_prefix("**").or_else(|| rest.strip_prefix('^'))?;
    let rest = rest.strip_prefix(['{', '(']).unwrap_or(rest);
    let start = text.len() - rest.len();
    Some((start, end_of_exponent(text, start)?))
}

fn end_of_exponent(text: &str, start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let digits = rest.strip_prefix(['+', '-', '−']).unwrap_or(rest);
    let digits_start = text.len() - digits.len();
    let end = end_of_digits(text, digits_start);
    (1..=EXPONENT_DIGITS_MAX)
        .contains(&(end - digits_start))
        .then_some(end)
}

fn is_negative(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or("");
    let before = before
        .trim_end_matches([' ', '\u{a0}'])
        .strip_suffix(['$', '€', '£', '¥', '₹'])
        .unwrap_or(before);
    let Some(before) = before.strip_suffix(['-', '−', '–']) else {
        return false;
    };
    !before.ends_with(|c: char| {
        c.is_ascii_alphanumeric() || matches!(c, ')' | ']' | '}' | '%' | '-' | '−' | '–' | '_' | '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &str) -> Vec<String> {
        Spans { text, at: 0 }
            .filter_map(|span| span.read(text))
            .map(|number| number.text.into_owned())
            .collect()
    }

    /// Protects what is and what is not a number, case by case.
    #[test]
    fn reads_what_the_module_says() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("none", &[]),
            ("18", &["18"]),
            ("# 18", &["18"]),
            ("#### 18", &["18"]),
            ("costs $3.50.", &["3.50"]),
            ("26.00", &["26.00"]),
            ("1,000", &["1000"]),
            ("$1,234,567.89!", &["1234567.89"]),
            ("1,00,000 rupees", &["100000"]),
            ("12,34,567", &["1234567"]),
            ("1,2,3", &["1", "2", "3"]),
            ("1, 2", &["1", "2"]),
            ("12,34", &["12", "34"]),
            ("1234,567", &["1234", "567"]),
            ("1,0000", &["1", "0000"]),
            ("1,000,00", &["1000", "00"]),
            ("0,123", &["0", "123"]),
            ("1\u{202f}000\u{202f}000", &["1000000"]),
            ("1'000", &["1000"]),
            ("1 000", &["1", "000"]),
            ("-5", &["-5"]),
            ("−5 and –6", &["-5", "-6"]),
            ("+5", &["5"]),
            ("-$5", &["-5"]),
            ("$-5", &["-5"]),
            ("-$ 5", &["-5"]),
            ("16 - 3", &["16", "3"]),
            ("16-3", &["16", "3"]),
            ("(16)-3", &["16", "3"]),
            ("5–10", &["5", "10"]),
            ("10%-20%", &["10", "20"]),
            ("= -3", &["-3"]),
            ("(-3)", &["-3"]),
            ("--3", &["3"]),
            ("covid-19", &["19"]),
            ("- 5", &["5"]),
            ("60%", &["60"]),
            ("€20", &["20"]),
            ("20cups", &["20"]),
            ("共18个", &["18"]),
            (".5", &["0.5"]),
            ("-.5", &["-0.5"]),
            ("...5", &["5"]),
            ("Rs.500", &["500"]),
            ("1e5", &["1e5"]),
            ("1.5E-3.", &["1.5e-3"]),
            ("2e3x", &["2"]),
            ("6.02 × 10^23", &["6.02e23"]),
            ("3 \\times 10^{8}", &["3e8"]),
            ("3 x 10^−2", &["3e-2"]),
            ("2 * 10 = 20", &["2", "10", "20"]),
            ("3 x 4", &["3", "4"]),
            ("1.2.3", &[]),
            ("on 12.10.2024, 7", &["7"]),
            ("H2O, x1, x_1, v1.5, 8", &["8"]),
            ("_18_ **19**", &["18", "19"]),
            ("3/4", &["3", "4"]),
            ("12:30", &["12", "30"]),
            ("\\boxed{42}", &["42"]),
            ("1e999", &[]),
            ("１８", &[]),
            ("٣", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(all(text), *expected, "{text}");
        }
    }

    /// Protects the reading from the end: it must agree with the reading from the start.
    #[test]
    fn last_and_first_are_found_across_lines() {
        let text = "first 1\nthen 2,000\n\n x1 \n";
        assert_eq!(first_number(text).unwrap().value.to_bits(), 1_f64.to_bits());
        assert_eq!(last_number(text).unwrap().text, "2000");
        assert_eq!(last_number("a\nb"), None);
    }

    /// Protects the strict reading of a whole text from words that floats also parse.
    #[test]
    fn whole_number_is_strict() {
        for (text, expected) in [
            ("18", Some(18.0)),
            (" -1.50 ", Some(-1.5)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("1,000", None),
            ("18 cups", None),
            ("inf", None),
            ("-nan", None),
            ("1e999", None),
            ("", None),
        ] {
            assert_eq!(whole_number(text), expected, "{text}");
        }
    }

    proptest! {
        /// Protects against panics, endless loops and values that are not finite.
        #[test]
        fn any_text_is_read(text in any::<String>(), dense in "[-−–+$€.,'0-9eExX×^{}() %\u{a0}\n]{0,40}") {
            for text in [&text, &dense] {
                for number in [first_number(text), last_number(text)].into_iter().flatten() {
                    prop_assert!(number.value.is_finite());
                    prop_assert_eq!(number.text.parse::<f64>().ok(), Some(number.value));
                }
                let one_line = !text.contains('\n');
                let forward = Spans { text, at: 0 }.last().and_then(|span| span.read(text));
                prop_assert!(!one_line || forward == last_number(text));
            }
        }

        /// Protects the round trip of ordinary numbers with separators in a sentence.
        #[test]
        fn grouped_numbers_come_back(value in 0_u64..10_000_000_000, cents in 0_u8..100, negative: bool) {
            let digits = value.to_string();
            let mut grouped = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let sign = if negative { "-" } else { "" };
            let text = format!("It comes to {sign}${grouped}.{cents:02}.");
            let expected: f64 = format!("{sign}{digits}.{cents:02}").parse().unwrap();
            prop_assert_eq!(last_number(&text).map(|number| number.value), Some(expected));
        }
    }
}
