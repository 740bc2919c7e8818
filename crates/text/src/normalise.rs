//! Making texts comparable: Unicode form, case, blanks, punctuation, articles, and ordered chains of these.
//! Apart from the metrics because scorers, datasets and judges need the same steps by the same names.
//!
//! Each step is total (any text in, a text out, empty in gives empty out), pure and idempotent, and returns
//! the input unchanged, without copying, where there is nothing to do.

use crate::chars::{is_punctuation, is_space, is_word, words};
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Unicode compatibility composition (NFKC, UAX #15): `ﬁ` → `fi`, `①` → `1`, `e◌́` → `é`, full-width → ASCII.
///
/// ```
/// assert_eq!(seatrial_text::normalise::nfkc("ﬁne ① cafe\u{301}"), "fine 1 café");
/// ```
#[must_use]
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfkc().collect())
    }
}

/// Lower case by Unicode's default mapping without a language (final sigma becomes `ς`, `İ` becomes two
/// characters); the same as Python's `str.lower()`.
///
/// ```
/// assert_eq!(seatrial_text::normalise::lowercase("ΟΔΟΣ Ünal"), "οδος ünal");
/// ```
#[must_use]
pub fn lowercase(text: &str) -> Cow<'_, str> {
    let unchanged = if text.is_ascii() {
        !text.bytes().any(|b| b.is_ascii_uppercase())
    } else {
        text.chars().all(|c| {
            let mut lower = c.to_lowercase();
            lower.next() == Some(c) && lower.next().is_none()
        })
    };
    if unchanged {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// Case folding, for comparing without case: stronger than [`lowercase`] (`Straße` = `STRASSE`, `ς` = `σ`).
///
/// Lower, upper and lower again, character by character, except for `ı`, which stays. It agrees with
/// Unicode's full default folding on every character but the Cherokee letters, which fold to lower case here;
/// which texts compare equal is the same.
///
/// ```
/// use seatrial_text::normalise::casefold;
/// assert_eq!(casefold("Straße"), casefold("STRASSE"));
/// ```
#[must_use]
pub fn casefold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return lowercase(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == 'ı' {
            out.push(c);
        } else {
            out.extend(
                c.to_lowercase()
                    .flat_map(char::to_uppercase)
                    .flat_map(char::to_lowercase),
            );
        }
    }
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

/// Removes [white space](crate::chars::is_space) at both ends.
///
/// ```
/// assert_eq!(seatrial_text::normalise::trim("\u{a0} x \n"), "x");
/// ```
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Turns every run of white space into one space; a run at an end stays as one space (see [`trim`]).
///
/// ```
/// assert_eq!(seatrial_text::normalise::collapse_whitespace("a \t\n b"), "a b");
/// ```
#[must_use]
pub fn collapse_whitespace(text: &str) -> Cow<'_, str> {
    let mut previous_space = false;
    let unchanged = text.chars().all(|c| {
        let space = is_space(c);
        let fine = !space || (c == ' ' && !previous_space);
        previous_space = space;
        fine
    });
    if unchanged {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut previous_space = false;
    for c in text.chars() {
        let space = is_space(c);
        if !space {
            out.push(c);
        } else if !previous_space {
            out.push(' ');
        }
        previous_space = space;
    }
    Cow::Owned(out)
}

fn without(text: &str, dropped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().any(&dropped) {
        Cow::Owned(text.chars().filter(|&c| !dropped(c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Removes all punctuation: Unicode's general category P, and the ASCII symbols `` $+<=>^`|~ ``, so that it
/// removes at least what [`strip_ascii_punctuation`] does. Other symbols (`€`, `°`, emoji) stay.
///
/// Nothing is put in place of what is removed: `3,000` becomes `3000`, `e-mail` becomes `email`, and so does
/// a minus sign vanish: do not use it where a sign matters.
///
/// ```
/// assert_eq!(seatrial_text::normalise::strip_punctuation("“Oui”, 3,000 €…"), "Oui 3000 €");
/// ```
#[must_use]
pub fn strip_punctuation(text: &str) -> Cow<'_, str> {
    without(text, |c| c.is_ascii_punctuation() || is_punctuation(c))
}

/// Removes the 32 ASCII punctuation characters only, as SQuAD's evaluation does; curly quotes and CJK
/// punctuation survive.
///
/// ```
/// assert_eq!(seatrial_text::normalise::strip_ascii_punctuation("U.S.A. “x”"), "USA “x”");
/// ```
#[must_use]
pub fn strip_ascii_punctuation(text: &str) -> Cow<'_, str> {
    without(text, |c| c.is_ascii_punctuation())
}

/// Replaces the English articles `a`, `an`, `the` (any case) by a space each, where they stand as whole words
/// between characters that are neither letters, numbers nor `_`.
///
/// The space is part of SQuAD's definition; follow with [`collapse_whitespace`] and [`trim`].
///
/// ```
/// assert_eq!(seatrial_text::normalise::strip_articles("the cat, an a-b"), "  cat,    -b");
/// ```
#[must_use]
pub fn strip_articles(text: &str) -> Cow<'_, str> {
    let is_article = |word: &str| ["a", "an", "the"].iter().any(|a| a.eq_ignore_ascii_case(word));
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut word_start = None;
    // One turn past the end closes a word that touches it.
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (word_start, is_word(c)) {
            (None, true) => word_start = Some(at),
            (Some(start), false) => {
                word_start = None;
                if text.get(start..at).is_some_and(is_article) {
                    let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
                    out.push_str(text.get(copied..start).unwrap_or(""));
                    out.push(' ');
                    copied = at;
                }
            }
            _ => {}
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(copied..).unwrap_or(""));
            Cow::Owned(out)
        }
    }
}

/// SQuAD's answer normalisation (Rajpurkar et al. 2016, evaluation v1.1): lower case, ASCII punctuation
/// removed, articles removed, blanks collapsed and trimmed, in this order.
///
/// ```
/// assert_eq!(seatrial_text::normalise::squad("The  U.S.A., an old nation"), "usa old nation");
/// ```
#[must_use]
pub fn squad(text: &str) -> Cow<'_, str> {
    let lower = lowercase(text);
    let bare = strip_ascii_punctuation(&lower);
    let plain = strip_articles(&bare);
    let mut out = String::with_capacity(plain.len());
    for word in words(&plain) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(out)
    }
}

/// One normalisation step, by the name that suites use.
///
/// ```
/// use seatrial_text::normalise::Step;
/// assert_eq!(Step::by_name("trim").map(|step| step.apply(" a ").into_owned()), Some("a".to_owned()));
/// assert!(Step::ALL.iter().all(|step| Step::by_name(step.name()) == Some(*step)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// [`trim`].
    Trim,
    /// [`collapse_whitespace`].
    CollapseWhitespace,
    /// [`lowercase`].
    Lowercase,
    /// [`casefold`].
    Casefold,
    /// [`nfkc`].
    Nfkc,
    /// [`strip_punctuation`].
    StripPunctuation,
    /// [`strip_articles`].
    StripArticles,
    /// [`squad`].
    Squad,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 8] = [
        Self::Trim,
        Self::CollapseWhitespace,
        Self::Lowercase,
        Self::Casefold,
        Self::Nfkc,
        Self::StripPunctuation,
        Self::StripArticles,
        Self::Squad,
    ];

    /// The step's name in suites and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trim => "trim",
            Self::CollapseWhitespace => "collapse_whitespace",
            Self::Lowercase => "lowercase",
            Self::Casefold => "casefold",
            Self::Nfkc => "nfkc",
            Self::StripPunctuation => "strip_punctuation",
            Self::StripArticles => "strip_articles",
            Self::Squad => "squad",
        }
    }

    /// The step of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Applies this step.
    #[must_use]
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Trim => Cow::Borrowed(trim(text)),
            Self::CollapseWhitespace => collapse_whitespace(text),
            Self::Lowercase => lowercase(text),
            Self::Casefold => casefold(text),
            Self::Nfkc => nfkc(text),
            Self::StripPunctuation => strip_punctuation(text),
            Self::StripArticles => strip_articles(text),
            Self::Squad => squad(text),
        }
    }
}

/// A step name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown normalisation step `{found}`: expected one of trim, collapse_whitespace, lowercase, casefold, \
     nfkc, strip_punctuation, strip_articles, squad"
)]
pub struct UnknownStep {
    /// The name as it was written.
    pub found: String,
}

/// An ordered chain of [steps](Step); the empty chain changes nothing.
///
/// ```
/// use seatrial_text::normalise::Normaliser;
/// let chain = Normaliser::parse(&["nfkc", "lowercase", "trim"])?;
/// assert_eq!(chain.apply("  ＡＢＣ "), "abc");
/// assert_eq!(Normaliser::parse(&["shout"]).unwrap_err().found, "shout");
/// # Ok::<(), seatrial_text::normalise::UnknownStep>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normaliser {
    steps: Vec<Step>,
}

impl Normaliser {
    /// A chain of these steps, applied first to last.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }

    /// A chain from step names, applied first to last.
    ///
    /// # Errors
    /// [`UnknownStep`] with the first name that is not a step.
    pub fn parse(names: &[&str]) -> Result<Self, UnknownStep> {
        let step = |name: &&str| {
            Step::by_name(name).ok_or_else(|| UnknownStep {
                found: (*name).to_owned(),
            })
        };
        Ok(Self {
            steps: names.iter().map(step).collect::<Result<_, _>>()?,
        })
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Applies every step in order; borrows where no step changed anything but the ends.
    #[must_use]
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut current = Cow::Borrowed(text);
        for step in &self.steps {
            current = match current {
                Cow::Borrowed(text) => step.apply(text),
                Cow::Owned(text) => match step.apply(&text) {
                    // Borrowed and of the same length: the step changed nothing, keep the allocation.
                    Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
                    changed => Cow::Owned(changed.into_owned()),
                },
            };
        }
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the documented meaning of each step at its edges.
    #[test]
    fn steps_do_what_they_say() {
        assert_eq!(trim("\u{3000}x\u{1f}"), "x");
        assert_eq!(collapse_whitespace("\t\ta\u{a0}\u{a0}b "), " a b ");
        assert_eq!(lowercase("İ"), "i\u{307}");
        assert_eq!(casefold("ΟΔΟΣ"), casefold("οδος"));
        assert_eq!(casefold("ẞ"), "ss");
        assert_eq!(casefold("ı"), "ı");
        assert_eq!(strip_punctuation("a-b_c、d™ $5"), "abcd™ 5");
        assert_eq!(strip_articles("theatre the_a THE"), "theatre the_a  ");
        // A combining mark is no word character for the reference definition.
        assert_eq!(strip_articles("a\u{301}"), " \u{301}");
        assert_eq!(squad("a an the"), "");
        assert_eq!(squad("“smart” quotes"), "“smart” quotes");
    }

    /// Protects against copies where nothing changes: normalisation runs on every answer of a run.
    #[test]
    fn unchanged_text_is_borrowed() {
        for step in Step::ALL {
            assert!(
                matches!(step.apply("plain words é"), Cow::Borrowed(_)),
                "{step:?}"
            );
        }
    }

    /// Protects the names: each is found again, and the error lists them all.
    #[test]
    fn names_and_error_agree() {
        let text = UnknownStep { found: String::new() }.to_string();
        for step in Step::ALL {
            assert_eq!(Step::by_name(step.name()), Some(step));
            assert!(text.contains(step.name()));
        }
    }

    proptest! {
        /// Protects totality, idempotence of every step and the equality of a chain with its parts.
        #[test]
        fn steps_are_total_and_idempotent(text in any::<String>()) {
            for step in Step::ALL {
                let once = step.apply(&text).into_owned();
                prop_assert_eq!(&step.apply(&once), &once, "{:?}", step);
                prop_assert_eq!(Normaliser::new(vec![step]).apply(&text), once);
            }
            let all = Normaliser::new(Step::ALL.to_vec());
            let by_hand = Step::ALL.iter().fold(text.clone(), |t, s| s.apply(&t).into_owned());
            prop_assert_eq!(all.apply(&text), by_hand);
        }
    }
}
