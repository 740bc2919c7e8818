//! The words that TER edits: the Tercom normalisation as sacrebleu defines it.
//! Apart from the search over edits because it is all text and no numbers.

use super::metric::TerOptions;
use crate::chars::is_space;
use crate::normalise::lowercase;
use crate::tokenise::{Scratch, is_split_ascii, replace};
use std::borrow::Cow;

/// Prepares a text; the words of the result are those at white space.
pub(super) fn prepare<'a>(text: &'a str, options: &TerOptions, scratch: &'a mut Scratch) -> Cow<'a, str> {
    let text = text.trim_end_matches(is_space);
    let mut text = if options.case_sensitive {
        Cow::Borrowed(text)
    } else {
        lowercase(text)
    };
    if options.normalized {
        normalise_western(text, scratch);
        if options.asian_support {
            // The reference also has three passes that split runs of kana; they are anchored at the start of
            // a text that always starts with a blank by then, so they never do anything.
            scratch.single(is_asian_character);
            scratch.single(is_asian_punctuation);
        }
        text = Cow::Borrowed(&scratch.front);
    }
    if options.no_punct {
        let asian = options.asian_support;
        let dropped = |c: char| is_tercom_punctuation(c) || (asian && is_asian_punctuation(c));
        if text.chars().any(dropped) {
            text = Cow::Owned(text.chars().filter(|&c| !dropped(c)).collect());
        }
    }
    text
}

fn normalise_western(mut text: Cow<'_, str>, scratch: &mut Scratch) {
    // One after the other, as the reference does: `&amp;lt;` ends as `<`.
    for (from, to) in [
        ("\n-", ""),
        ("\n", " "),
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ] {
        replace(&mut text, from, to);
    }
    scratch.front.clear();
    scratch.front.push(' ');
    scratch.front.push_str(&text);
    scratch.front.push(' ');
    scratch.single(is_split_ascii);
    if scratch.front.contains("'s ") {
        scratch.front = scratch.front.replace("'s ", " 's ");
    }
    scratch.period_comma_dash();
}

fn is_tercom_punctuation(c: char) -> bool {
    matches!(c, '.' | ',' | '?' | ':' | ';' | '!' | '"' | '(' | ')')
}

fn is_asian_character(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2eff}' // radicals supplement
        | '\u{31c0}'..='\u{31ef}' // strokes
        | '\u{3200}'..='\u{4dbf}' // enclosed letters, compatibility, ideographs extension A
        | '\u{4e00}'..='\u{9fff}' // unified ideographs
        | '\u{f900}'..='\u{faff}' // compatibility ideographs
        | '\u{fe30}'..='\u{fe4f}') // compatibility forms
}

fn is_asian_punctuation(c: char) -> bool {
    matches!(c,
        '\u{3001}' | '\u{3002}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '\u{30fb}'
        | '\u{ff61}'..='\u{ff65}'
        | '\u{ff01}' | '\u{ff02}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0c}' | '\u{ff0e}' | '\u{ff1a}'
        | '\u{ff1b}' | '\u{ff1f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chars::words;

    fn prepared(text: &str, options: TerOptions) -> String {
        let mut scratch = Scratch::default();
        words(&prepare(text, &options, &mut scratch))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Protects each switch of the normalisation; values from sacrebleu 2.6.0.
    #[test]
    fn switches_do_what_the_reference_does() {
        let plain = TerOptions::default();
        let normalized = TerOptions {
            normalized: true,
            ..plain
        };
        let asian = TerOptions {
            asian_support: true,
            ..normalized
        };
        let bare = TerOptions {
            no_punct: true,
            ..plain
        };
        assert_eq!(prepared("The Dog's, 3.5-kg", plain), "the dog's, 3.5-kg");
        assert_eq!(
            prepared("The Dog's bone, 3.5-kg", normalized),
            "the dog 's bone , 3.5 - kg"
        );
        assert_eq!(prepared("東京 です。", asian), "東 京 です 。");
        assert_eq!(prepared("a.b, (c)?", bare), "ab c");
        assert_eq!(
            prepared(
                "a。",
                TerOptions {
                    asian_support: true,
                    ..bare
                }
            ),
            "a"
        );
        assert_eq!(prepared("", normalized), "");
    }
}
