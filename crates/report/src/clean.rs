//! Texts from outside made safe to look at. Answers, case ids, slice values and model names may hold anything: escape
//! sequences that rewrite a screen, characters that turn a line around, megabytes. Apart, so that every report shows
//! the same hostile text the same way: visible, and cut where it says so.

use std::borrow::Cow;

/// A text with every character that acts instead of being seen made visible as its code,
/// `[U+001B]`: pictures of control characters are in few fonts. Line breaks and tabs stay.
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| acts(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    // A carriage return before a line break is a line end and no overprinting.
    let unified = text.replace("\r\n", "\n");
    let mut seen = String::with_capacity(unified.len() + 16);
    for c in unified.chars() {
        match c {
            '\n' | '\t' => seen.push(c),
            c if acts(c) => seen.push_str(&format!("[U+{:04X}]", u32::from(c))),
            c => seen.push(c),
        }
    }
    Cow::Owned(seen)
}

/// The same on one line: line breaks are `⏎`, tabs are spaces.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    match self::text(text) {
        Cow::Borrowed(text) if !text.contains(['\n', '\t']) => Cow::Borrowed(text),
        seen => Cow::Owned(seen.replace('\n', "⏎").replace('\t', " ")),
    }
}

/// Whether a character acts on the screen or on the characters around it instead of being one.
const fn acts(c: char) -> bool {
    matches!(
        c,
        '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            // No characters at all, and forbidden in XML.
            | '\u{fffe}'
            | '\u{ffff}'
    )
}

/// At most this many characters: the beginning, a note of how many are left out, and the last fifth, because what
/// decides about an answer often stands at its end. Shorter texts are as they were.
#[must_use]
pub fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    // Bytes bound characters from above, so that short texts cost nothing.
    if text.len() <= chars_max {
        return Cow::Borrowed(text);
    }
    let count = text.chars().count();
    if count <= chars_max {
        return Cow::Borrowed(text);
    }
    let tail = chars_max / 5;
    let head = chars_max - tail;
    let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let left_out = count - chars_max;
    Cow::Owned(format!(
        "{}\n[… {left_out} characters left out …]\n{}",
        &text[..at(head)],
        &text[at(count - tail)..]
    ))
}

/// The first characters of a text on one line, with `…` where it goes on.
#[must_use]
pub fn preview(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(chars_max).collect();
    let seen = line(head.trim()).into_owned();
    if chars.next().is_some() {
        seen + "…"
    } else {
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects screens and pages: nothing that acts gets through, everything else does, unchanged.
    #[test]
    fn what_acts_is_made_visible() {
        let cases = [
            ("plain, ünïcode, 👩‍👩‍👧, עברית", "plain, ünïcode, 👩‍👩‍👧, עברית"),
            ("\u{1b}[31mred\u{1b}[0m", "[U+001B][31mred[U+001B][0m"),
            ("nul\0bell\u{7}del\u{7f}", "nul[U+0000]bell[U+0007]del[U+007F]"),
            ("abc\u{202e}cba\u{2066}x", "abc[U+202E]cba[U+2066]x"),
            ("one\r\ntwo\rthree\tfour", "one\ntwo[U+000D]three\tfour"),
            ("\u{85}\u{9b}", "[U+0085][U+009B]"),
        ];
        for (given, want) in cases {
            assert_eq!(text(given), want);
        }
        assert_eq!(line("a\nb\tc"), "a⏎b c");
        assert_eq!(preview("  one\ntwo three", 10), "one⏎two…");
    }

    /// Protects readers of long texts: what is left out is said, beginning and end are there, characters stay whole.
    #[test]
    fn long_texts_say_what_is_missing() {
        let long: String = "ä".repeat(900) + "the end";
        let short = cut(&long, 100);
        assert!(short.starts_with("ää") && short.ends_with("the end"), "{short}");
        assert!(short.contains("[… 807 characters left out …]"), "{short}");
        assert_eq!(cut("ää", 2), "ää");
        assert_eq!(cut("", 0), "");
        assert!(cut("abc", 0).contains("3 characters left out"));
    }
}
