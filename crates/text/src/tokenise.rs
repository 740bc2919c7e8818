//! The tokenisers of corpus BLEU, as sacrebleu defines them: `13a`, `intl`, `zh`, `char`, `none`.
//! Apart because a BLEU score means nothing without its tokeniser: these follow the reference to the letter,
//! quirks included, and each quirk is named where it is followed.

use crate::chars::{is_number, is_punctuation, is_space, is_symbol, words};
use crate::normalise::trim;
use std::borrow::Cow;

/// A BLEU tokeniser. `tokenise` gives the tokens joined by single spaces.
///
/// Source: sacrebleu 2.6.0 (Post 2018), after NIST mteval-v13a and v14. Text in, text out, empty gives empty;
/// the Japanese, Korean and SentencePiece tokenisers need models and are not offered.
///
/// ```
/// use seatrial_text::tokenise::Tokeniser;
/// assert_eq!(Tokeniser::by_name("13a").map(|t| t.tokenise("Hi, you.")), Some("Hi , you .".to_owned()));
/// assert!(Tokeniser::ALL.iter().all(|t| Tokeniser::by_name(t.name()) == Some(*t)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tokeniser {
    /// `13a`: ASCII punctuation split off, except period and comma between digits; four entities unescaped.
    /// The default, and the only choice for comparing with published scores of most language pairs.
    #[default]
    Mteval13a,
    /// `intl`: every Unicode symbol, and punctuation that does not touch a number on both sides. As in the
    /// original, punctuation after a number at the very end stays with the number.
    International,
    /// `zh`: every Chinese character alone, the rest as `13a` without unescaping. The reference's ranges for
    /// supplementary planes are misread there as U+2001–U+2A6D and U+2F81–U+2FA1; kept, or scores would differ.
    Chinese,
    /// `char`: every character that is not white space alone.
    Character,
    /// `none`: split at white space only.
    None,
}

impl Tokeniser {
    /// All tokenisers.
    pub const ALL: [Self; 5] = [
        Self::Mteval13a,
        Self::International,
        Self::Chinese,
        Self::Character,
        Self::None,
    ];

    /// The name in signatures and suites.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mteval13a => "13a",
            Self::International => "intl",
            Self::Chinese => "zh",
            Self::Character => "char",
            Self::None => "none",
        }
    }

    /// The tokeniser of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tokeniser| tokeniser.name() == name)
    }

    /// The tokenised text, as the reference library prints it: tokens joined by one space (for `char`, white
    /// space characters are joined like any other; `none` returns the text itself).
    ///
    /// ```
    /// use seatrial_text::tokenise::Tokeniser;
    /// assert_eq!(Tokeniser::Mteval13a.tokenise("It costs $1,000.50, OK?"), "It costs $ 1,000.50 , OK ?");
    /// assert_eq!(Tokeniser::Chinese.tokenise("用GPT。"), "用 GPT 。");
    /// ```
    #[must_use]
    pub fn tokenise(self, text: &str) -> String {
        let mut scratch = Scratch::default();
        match self {
            Self::Mteval13a | Self::International | Self::Chinese => join(self.spaced(text, &mut scratch)),
            Self::Character => {
                let mut out = String::with_capacity(text.len() * 2);
                for (at, c) in text.char_indices() {
                    if at > 0 {
                        out.push(' ');
                    }
                    out.push(c);
                }
                out
            }
            Self::None => text.to_owned(),
        }
    }

    /// Calls `each` with every token, in order.
    pub(crate) fn for_each(self, text: &str, scratch: &mut Scratch, mut each: impl FnMut(&str)) {
        if self == Self::Character {
            let mut utf8 = [0; 4];
            for c in text.chars().filter(|&c| !is_space(c)) {
                each(c.encode_utf8(&mut utf8));
            }
        } else {
            words(self.spaced(text, scratch)).for_each(each);
        }
    }

    /// The text with blanks at every token boundary.
    fn spaced<'a>(self, text: &'a str, scratch: &'a mut Scratch) -> &'a str {
        match self {
            Self::Mteval13a => {
                let joined = join_lines_and_unescape(text);
                scratch.front.clear();
                // One blank at each end: the pairs below need a neighbour for the first and last character.
                scratch.front.push(' ');
                scratch.front.push_str(&joined);
                scratch.front.push(' ');
                scratch.western()
            }
            Self::International => {
                scratch.front.clear();
                scratch.front.push_str(text);
                scratch.pairs(|c| !is_number(c), is_punctuation, Mark::Second);
                scratch.pairs(is_punctuation, |c| !is_number(c), Mark::First);
                scratch.single(is_symbol);
                &scratch.front
            }
            Self::Chinese => {
                scratch.front.clear();
                scratch.front.push_str(trim(text));
                scratch.single(is_chinese);
                scratch.western()
            }
            Self::Character | Self::None => text,
        }
    }
}

/// The words of a text, one space between them.
pub(crate) fn join(spaced: &str) -> String {
    let mut out = String::with_capacity(spaced.len());
    for word in words(spaced) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn join_lines_and_unescape(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    // One after the other, as the reference does: `&amp;lt;` ends as `<`.
    for (from, to) in [
        ("<skipped>", ""),
        ("-\n", ""),
        ("\n", " "),
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
    ] {
        replace(&mut text, from, to);
    }
    text
}

/// Replaces every occurrence, without a copy where there is none.
pub(crate) fn replace(text: &mut Cow<'_, str>, from: &str, to: &str) {
    let first = from.as_bytes().first().copied().unwrap_or(0);
    if memchr::memchr(first, text.as_bytes()).is_some() && text.contains(from) {
        *text = Cow::Owned(text.replace(from, to));
    }
}

/// Which of a matched pair of characters is the one set apart.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    First,
    Second,
}

/// Two buffers that the passes write in turn; reused from text to text.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) front: String,
    back: String,
}

impl Scratch {
    /// The language-dependent part of mteval-v13a for Western languages.
    pub(crate) fn western(&mut self) -> &str {
        self.single(is_split_ascii);
        self.period_comma_dash();
        &self.front
    }

    /// Sets periods and commas apart unless between digits, and a dash after a digit.
    pub(crate) fn period_comma_dash(&mut self) {
        let digit = |c: char| c.is_ascii_digit();
        let stop = |c: char| c == '.' || c == ',';
        if memchr::memchr2(b'.', b',', self.front.as_bytes()).is_some() {
            self.pairs(|c| !digit(c), stop, Mark::Second);
            self.pairs(stop, |c| !digit(c), Mark::First);
        }
        if memchr::memchr(b'-', self.front.as_bytes()).is_some() {
            self.pairs(digit, |c| c == '-', Mark::Second);
        }
    }

    /// Sets every character of a class apart.
    pub(crate) fn single(&mut self, class: impl Fn(char) -> bool) {
        self.rewrite(|text, at| {
            let (offset, c) = text.get(at..)?.char_indices().find(|&(_, c)| class(c))?;
            let start = at + offset;
            let end = start + c.len_utf8();
            Some(Split {
                before: start,
                after: end,
                end,
            })
        });
    }

    /// For every pair of neighbours of these classes, left to right and without overlap, sets the marked one
    /// apart. What a global substitution of the expression `(first)(second)` does.
    pub(crate) fn pairs(&mut self, first: impl Fn(char) -> bool, second: impl Fn(char) -> bool, mark: Mark) {
        self.rewrite(|text, at| {
            let mut chars = text.get(at..)?.char_indices().peekable();
            while let Some((offset, a)) = chars.next() {
                let &(next, b) = chars.peek()?;
                if second(b) && first(a) {
                    let (start, middle) = (at + offset, at + next);
                    let end = middle + b.len_utf8();
                    return Some(match mark {
                        Mark::First => Split {
                            before: start,
                            after: middle,
                            end,
                        },
                        Mark::Second => Split {
                            before: middle,
                            after: end,
                            end,
                        },
                    });
                }
            }
            None
        });
    }

    /// Puts blanks where `find` says, asking it again behind each find. Copies whole runs: this is the hot path.
    fn rewrite(&mut self, find: impl Fn(&str, usize) -> Option<Split>) {
        self.back.clear();
        let part = |from: usize, to: usize| self.front.get(from..to).unwrap_or("");
        let mut at = 0;
        while let Some(Split { before, after, end }) = find(&self.front, at) {
            self.back.push_str(part(at, before));
            self.back.push(' ');
            self.back.push_str(part(before, after));
            self.back.push(' ');
            self.back.push_str(part(after, end));
            at = end;
        }
        if at == 0 {
            return;
        }
        self.back.push_str(part(at, self.front.len()));
        std::mem::swap(&mut self.front, &mut self.back);
    }
}

/// Where blanks go: before and after the character at `before..after`; the search goes on at `end`.
struct Split {
    before: usize,
    after: usize,
    end: usize,
}

/// ASCII punctuation and symbols other than `'`, `,`, `-` and `.`.
pub(crate) fn is_split_ascii(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '\'' | ',' | '-' | '.')
}

/// What the reference's `zh` tokeniser sets apart.
fn is_chinese(c: char) -> bool {
    const RANGES: [(u32, u32); 22] = [
        (0x2001, 0x2a6d), // written for U+20000–U+2A6D6
        (0x2e80, 0x2eff),
        (0x2f00, 0x2fdf), // covers what was written for U+2F800–U+2FA1D
        (0x2ff0, 0x2fff),
        (0x3000, 0x303f),
        (0x3100, 0x312f),
        (0x31a0, 0x31bf),
        (0x31c0, 0x31ef),
        (0x3200, 0x32ff),
        (0x3300, 0x33ff),
        (0x3400, 0x4db5),
        (0x4e00, 0x9fa5),
        (0x9fa6, 0x9fbb),
        (0xf900, 0xfa2d),
        (0xfa30, 0xfa6a),
        (0xfa70, 0xfad9),
        (0xfe10, 0xfe1f),
        (0xfe30, 0xfe4f),
        (0xff00, 0xffef),
        (0x2600, 0x26ff),
        (0x2700, 0x27bf),
        (0x2f81, 0x2fa1),
    ];
    let code = u32::from(c);
    code > 0x2000 && RANGES.iter().any(|&(first, last)| first <= code && code <= last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the order and the non-overlap of the passes, where a single-pass rewrite would differ.
    #[test]
    fn quirks_of_the_reference_are_kept() {
        let t = Tokeniser::Mteval13a;
        assert_eq!(t.tokenise("a..5 5,a 5.5 5-6 a-b"), "a . .5 5 , a 5.5 5 - 6 a-b");
        assert_eq!(t.tokenise("x &amp;lt; y<skipped>-\nz\nw"), "x < yz w");
        let t = Tokeniser::International;
        assert_eq!(t.tokenise("In 1648. In 1648."), "In 1648 . In 1648.");
        assert_eq!(Tokeniser::Character.tokenise("a b"), "a   b");
        assert_eq!(Tokeniser::None.tokenise(" a "), " a ");
        // A real supplementary ideograph is left alone, a box-drawing character is split.
        assert_eq!(
            Tokeniser::Chinese.tokenise("\u{20001}\u{20002}a─b"),
            "\u{20001}\u{20002}a ─ b"
        );
    }

    proptest! {
        /// Protects totality, and that the two ways to get the tokens agree.
        #[test]
        fn tokens_agree_with_the_printed_form(text in any::<String>()) {
            for tokeniser in Tokeniser::ALL {
                let printed = tokeniser.tokenise(&text);
                let mut tokens = Vec::new();
                tokeniser.for_each(&text, &mut Scratch::default(), |t| tokens.push(t.to_owned()));
                prop_assert_eq!(tokens, words(&printed).map(str::to_owned).collect::<Vec<_>>());
                prop_assert_eq!(Tokeniser::by_name(tokeniser.name()), Some(tokeniser));
            }
        }
    }
}
