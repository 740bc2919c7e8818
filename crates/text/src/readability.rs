//! Readability indices: the published formulas from counts, and the counts that textstat makes of a text.
//! Apart so that the formulas, which are exact, are not confused with the counting, which no two tools agree on.

use crate::chars::{is_space, is_word, words};

/// What the formulas need to know of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextCounts {
    /// Words.
    pub words: u64,
    /// Sentences.
    pub sentences: u64,
    /// Syllables.
    pub syllables: u64,
    /// Words of three or more syllables, by Gunning's rules.
    pub complex_words: u64,
    /// Words of three or more syllables.
    pub polysyllables: u64,
    /// Characters without blanks.
    pub characters: u64,
    /// Letters and digits.
    pub letters: u64,
    /// Words of more than six letters.
    pub long_words: u64,
}

/// The indices of a text. English unless said otherwise; grades are school years of the United States.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadabilityIndices {
    /// Flesch reading ease: 206.835 − 1.015·W/S − 84.6·Y/W; higher is easier, about 0 to 100.
    pub flesch: f64,
    /// Flesch–Kincaid grade: 0.39·W/S + 11.8·Y/W − 15.59.
    pub flesch_kincaid_grade: f64,
    /// Gunning fog: 0.4·(W/S + 100·complex/W).
    pub fog: f64,
    /// SMOG: 1.043·√(30·polysyllables/S) + 3.1291; meant for 30 sentences or more.
    pub smog: f64,
    /// Automated readability index: 4.71·characters/W + 0.5·W/S − 21.43.
    pub ari: f64,
    /// Coleman–Liau: 0.0588·letters per 100 words − 0.296·sentences per 100 words − 15.8.
    pub coleman_liau: f64,
    /// LIX: W/S + 100·long/W; for any Western language.
    pub lix: f64,
    /// RIX: long/S; for any Western language.
    pub rix: f64,
}

/// A text without words or sentences has no readability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{words} words and {sentences} sentences found, expected at least one of each")]
pub struct NoText {
    /// Words found.
    pub words: u64,
    /// Sentences found.
    pub sentences: u64,
}

/// The indices from counts (W words, S sentences, Y syllables). Sources: Flesch 1948, Kincaid et al. 1975,
/// Gunning 1952, McLaughlin 1969, Smith & Senter 1967, Coleman & Liau 1975, Björnsson 1968, Anderson 1983.
///
/// # Errors
/// No word or no sentence.
///
/// ```
/// use seatrial_text::readability::{TextCounts, indices};
/// let counts = TextCounts { words: 100, sentences: 5, syllables: 150, ..TextCounts::default() };
/// assert!((indices(&counts)?.flesch - 59.635).abs() < 1e-9);
/// # Ok::<(), seatrial_text::readability::NoText>(())
/// ```
pub fn indices(counts: &TextCounts) -> Result<ReadabilityIndices, NoText> {
    let TextCounts { words, sentences, .. } = *counts;
    if words == 0 || sentences == 0 {
        return Err(NoText { words, sentences });
    }
    let per_word = |count: u64| count as f64 / words as f64;
    let per_sentence = |count: u64| count as f64 / sentences as f64;
    let words_per_sentence = per_sentence(words);
    let syllables_per_word = per_word(counts.syllables);
    Ok(ReadabilityIndices {
        flesch: 206.835 - 1.015 * words_per_sentence - 84.6 * syllables_per_word,
        flesch_kincaid_grade: 0.39 * words_per_sentence + 11.8 * syllables_per_word - 15.59,
        fog: 0.4 * (words_per_sentence + 100.0 * per_word(counts.complex_words)),
        smog: 1.043 * (30.0 * per_sentence(counts.polysyllables)).sqrt() + 3.1291,
        ari: 4.71 * per_word(counts.characters) + 0.5 * words_per_sentence - 21.43,
        coleman_liau: 5.88 * per_word(counts.letters) - 29.6 * per_word(sentences) - 15.8,
        lix: words_per_sentence + 100.0 * per_word(counts.long_words),
        rix: per_sentence(counts.long_words),
    })
}

/// Counts and the indices that need no syllables, as textstat 0.7.13 makes them.
///
/// Its sentence counter takes every `.`, `!` or `?` for an end, decimal points included, and drops what has two
/// words or fewer, so that `3,400.75` makes two sentences: good for comparing texts with each other, not with
/// the formulas' authors. Its Coleman–Liau has 0.058 where the paper has 0.0588.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TextstatReport {
    /// Words: what is left between blanks when punctuation other than the apostrophe of a contraction is removed.
    pub words: u64,
    /// Sentences; at least 1 unless the text is empty.
    pub sentences: u64,
    /// Characters without white space.
    pub characters: u64,
    /// Letters, digits and underscores.
    pub letters: u64,
    /// Words of more than six characters, without any punctuation.
    pub long_words: u64,
    /// Automated readability index; 0 if the text has no word.
    pub ari: f64,
    /// Coleman–Liau index; 0 if the text has no letter.
    pub coleman_liau: f64,
    /// LIX; 0 if the text has no word.
    pub lix: f64,
    /// RIX; 0 for an empty text.
    pub rix: f64,
}

/// Counts a text as textstat does; any text, empty gives zeros, never NaN.
///
/// ```
/// let report = seatrial_text::readability::textstat("The cat didn't sit on the mat. It slept well.");
/// assert_eq!((report.words, report.sentences, report.letters), (10, 2, 33));
/// ```
#[must_use]
pub fn textstat(text: &str) -> TextstatReport {
    let kept = |c: char| is_word(c) || is_space(c);
    let bare: String = text.chars().filter(|&c| kept(c)).collect();
    let words_found = count_words(text);
    let sentences = count_sentences(text);
    let characters = text.chars().filter(|&c| !is_space(c)).count() as u64;
    let letters = text.chars().filter(|&c| is_word(c)).count() as u64;
    let long_words = words(&bare).filter(|word| word.chars().nth(6).is_some()).count() as u64;
    let share = |a: u64, b: u64| if b == 0 { 0.0 } else { a as f64 / b as f64 };
    // Here, and only here, a dash between blanks is a word.
    let characters_per_word = share(characters, words(text).count() as u64);
    let words_per_sentence = share(words_found, sentences);
    let letters_per_word = share(letters, words_found);
    let sentences_per_word = share(sentences, words_found);
    TextstatReport {
        words: words_found,
        sentences,
        characters,
        letters,
        long_words,
        ari: if characters_per_word == 0.0 || words_per_sentence == 0.0 {
            0.0
        } else {
            4.71 * characters_per_word + 0.5 * words_per_sentence - 21.43
        },
        coleman_liau: if letters_per_word == 0.0 || sentences_per_word == 0.0 {
            0.0
        } else {
            5.8 * letters_per_word - 29.6 * sentences_per_word - 15.8
        },
        lix: if words_found == 0 {
            0.0
        } else {
            words_per_sentence + 100.0 * share(long_words, words_found)
        },
        rix: share(long_words, sentences),
    }
}

fn count_words(text: &str) -> u64 {
    let mut count = 0;
    let mut inside = false;
    for (at, c) in text.char_indices() {
        let kept = is_word(c) || (c == '\'' && starts_contraction(text.get(at + 1..).unwrap_or("")));
        if is_space(c) {
            inside = false;
        } else if kept && !inside {
            inside = true;
            count += 1;
        }
    }
    count
}

/// Whether an apostrophe before this belongs to a contraction: 't, 's, 'd, 've, 'll, 're.
fn starts_contraction(rest: &str) -> bool {
    ["t", "s", "d", "ve", "ll", "re"]
        .iter()
        .any(|ending| rest.starts_with(ending))
}

fn count_sentences(text: &str) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let ends = |c: char| matches!(c, '.' | '!' | '?');
    let mut count = 0;
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let from = rest.get(start..).unwrap_or("");
        let end = from.find(ends).unwrap_or(from.len());
        let (sentence, after) = from.split_at(end);
        if count_words(sentence) > 2 {
            count += 1;
        }
        rest = after.trim_start_matches(ends);
    }
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the defined values at the edges.
    #[test]
    fn edges_have_defined_values() {
        assert_eq!(textstat(""), TextstatReport::default());
        assert_eq!(textstat(" . ").words, 0);
        assert_eq!(textstat("No.").sentences, 1);
        assert_eq!(textstat("dogs' tails ain't 'x'").words, 4);
        assert_eq!(
            indices(&TextCounts {
                words: 3,
                ..TextCounts::default()
            }),
            Err(NoText {
                words: 3,
                sentences: 0
            })
        );
    }

    proptest! {
        /// Protects against panics and NaN on any text and any counts.
        #[test]
        fn any_text_is_counted(text in any::<String>(), words: u64, sentences: u64, syllables: u64) {
            let report = textstat(&text);
            for x in [report.ari, report.coleman_liau, report.lix, report.rix] {
                prop_assert!(x.is_finite());
            }
            prop_assert!(report.letters <= report.characters && report.long_words <= report.letters);
            let counts = TextCounts { words, sentences, syllables, ..TextCounts::default() };
            if let Ok(indices) = indices(&counts) {
                prop_assert!(indices.flesch.is_finite() && indices.smog.is_finite());
            }
        }
    }
}
