//! Which class a character belongs to: punctuation, symbol, number, word character, white space.
//! Apart because every tokeniser needs the same answers, and they must be those of the reference libraries
//! (Python's `str.isspace`, `str.isalnum`, and general categories), which differ from Rust's in a few places.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

const PUNCTUATION: u8 = 1;
const SYMBOL: u8 = 2;
const NUMBER: u8 = 4;
const WORD: u8 = 8;

/// Code points below this have their classes in a flat table; the few above are searched in ranges.
const TABLE_LEN: usize = 0x2_0000;

struct Classes {
    low: Vec<u8>,
    /// `(first, last, flag)` at or above `TABLE_LEN`.
    high: Vec<(u32, u32, u8)>,
}

impl Classes {
    fn build() -> Self {
        let mut low = vec![0_u8; TABLE_LEN];
        let mut high = Vec::new();
        for (pattern, flag) in [
            (r"\p{P}", PUNCTUATION),
            (r"\p{S}", SYMBOL),
            (r"\p{N}", NUMBER),
            (r"[\p{L}\p{N}_]", WORD),
        ] {
            for (first, last) in ranges(pattern) {
                for code in first..=last.min(TABLE_LEN as u32 - 1) {
                    if let Some(cell) = low.get_mut(code as usize) {
                        *cell |= flag;
                    }
                }
                if last >= TABLE_LEN as u32 {
                    high.push((first.max(TABLE_LEN as u32), last, flag));
                }
            }
        }
        Self { low, high }
    }

    fn has(&self, c: char, flag: u8) -> bool {
        let code = u32::from(c);
        match self.low.get(code as usize) {
            Some(flags) => flags & flag != 0,
            None => self
                .high
                .iter()
                .any(|&(first, last, own)| own == flag && first <= code && code <= last),
        }
    }
}

/// The ranges of a character class, from the Unicode tables that `regex` links anyway: no second copy of them.
fn ranges(pattern: &str) -> Vec<(u32, u32)> {
    let hir = ParserBuilder::new().build().parse(pattern);
    match hir.as_ref().map(regex_syntax::hir::Hir::kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class
            .ranges()
            .iter()
            .map(|range| (u32::from(range.start()), u32::from(range.end())))
            .collect(),
        _ => Vec::new(),
    }
}

static CLASSES: LazyLock<Classes> = LazyLock::new(Classes::build);

/// General category P (any punctuation).
///
/// ```
/// use seatrial_text::chars::is_punctuation;
/// assert!(is_punctuation('«') && !is_punctuation('+'));
/// ```
#[must_use]
pub fn is_punctuation(c: char) -> bool {
    CLASSES.has(c, PUNCTUATION)
}

/// General category S (currency, mathematical and other symbols, modifiers).
///
/// ```
/// use seatrial_text::chars::is_symbol;
/// assert!(is_symbol('€') && !is_symbol('«'));
/// ```
#[must_use]
pub fn is_symbol(c: char) -> bool {
    CLASSES.has(c, SYMBOL)
}

/// General category N (decimal digits, letter-like and other numbers).
///
/// ```
/// use seatrial_text::chars::is_number;
/// assert!(is_number('½') && !is_number('a'));
/// ```
#[must_use]
pub fn is_number(c: char) -> bool {
    CLASSES.has(c, NUMBER)
}

/// Letter, number or underscore: what `\w` means in Python, where combining marks are *not* word characters
/// (in Rust's `regex` they are).
///
/// ```
/// use seatrial_text::chars::is_word;
/// assert!(is_word('é') && !is_word('-'));
/// ```
#[must_use]
pub fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    CLASSES.has(c, WORD)
}

/// White space as Python's `str.split()` sees it: Unicode's `White_Space` and the four information
/// separators U+001C to U+001F. The one definition of a blank in this crate.
///
/// ```
/// use seatrial_text::chars::is_space;
/// assert!(is_space('\u{a0}') && !is_space('\u{200b}'));
/// ```
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// The words of a text: maximal runs without [white space](is_space). Never yields an empty word.
///
/// ```
/// assert!(seatrial_text::chars::words(" a\u{a0}b ").eq(["a", "b"]));
/// ```
pub fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> + Clone {
    text.split(is_space).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the classes from an upgrade of the tables that breaks their shape.
    #[test]
    fn classes_are_those_of_the_reference_libraries() {
        for c in ['.', '«', '、', '—', '_', '¿'] {
            assert!(is_punctuation(c), "{c}");
        }
        for c in ['$', '+', '€', '™', '¬', '😀'] {
            assert!(is_symbol(c) && !is_punctuation(c), "{c}");
        }
        for c in ['7', '٣', 'Ⅷ', '½', '①'] {
            assert!(is_number(c) && is_word(c), "{c}");
        }
        assert!(is_word('é') && is_word('好') && is_word('𝒳') && is_word('\u{20000}'));
        assert!(!is_word('\u{301}') && !is_word('-') && !is_word('\u{1f1e9}'));
        assert!(is_space('\u{1c}') && is_space('\u{a0}') && is_space('\u{3000}') && !is_space('\u{200b}'));
    }

    /// Protects splitting at the edges of a text.
    #[test]
    fn words_are_never_empty() {
        assert_eq!(
            words(" \t a  b\u{a0}c\u{1d}").collect::<Vec<_>>(),
            ["a", "b", "c"]
        );
        assert_eq!(words("").count() + words("  ").count(), 0);
    }
}
