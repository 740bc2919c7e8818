//! Word and character error rates, with the alignment they are counted on.
//! Apart from the plain distances because the kinds of error depend on which of the cheapest alignments is taken.

use crate::chars::words;
use crate::checkpoint::Rows;
use crate::edit::{Column, Unit};
use crate::intern::dense_pair;
use crate::lcs::Masks;
use crate::normalise::trim;

/// Hits and errors of a hypothesis against its reference; those of parts of a corpus add up.
///
/// ```
/// use seatrial_text::error_rate::word_errors;
/// let mut counts = word_errors("the cat sat", "the cat sat down");
/// counts.merge(&word_errors("a dog", "the dog"));
/// assert_eq!((counts.errors(), counts.rate()), (2, 2.0 / 6.0));
/// assert!(counts.match_error_rate() <= counts.rate() && counts.information_lost() < 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorCounts {
    /// Units that agree.
    pub hits: u64,
    /// Units of the reference that were replaced.
    pub substitutions: u64,
    /// Units of the reference that are missing.
    pub deletions: u64,
    /// Units of the hypothesis that are too many.
    pub insertions: u64,
}

impl ErrorCounts {
    /// Adds the counts of other segments.
    pub fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
    }

    /// Substitutions, deletions and insertions.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    fn reference(&self) -> u64 {
        self.hits + self.substitutions + self.deletions
    }

    /// Errors ÷ units of the reference: the word error rate (WER) or character error rate (CER). May exceed 1.
    /// Against an empty reference the number of insertions, as in jiwer.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.errors() as f64 / self.reference().max(1) as f64
    }

    /// Errors ÷ (hits + errors), 0 to 1: the match error rate (Morris et al. 2004). 0 if both sides are empty.
    #[must_use]
    pub fn match_error_rate(&self) -> f64 {
        self.errors() as f64 / (self.hits + self.errors()).max(1) as f64
    }

    /// 1 − the product of the shares of hits on both sides, 0 to 1: word information lost (Morris et al. 2004).
    /// 0 if both sides are empty, 1 if one is.
    #[must_use]
    pub fn information_lost(&self) -> f64 {
        let hypothesis = self.hits + self.substitutions + self.insertions;
        match (self.reference(), hypothesis) {
            (0, 0) => 0.0,
            (0, _) | (_, 0) => 1.0,
            (reference, hypothesis) => {
                1.0 - (self.hits as f64 / reference as f64) * (self.hits as f64 / hypothesis as f64)
            }
        }
    }
}

/// Counts word errors: words are those at white space, compared as they are (normalise first where case and
/// punctuation should not count). Of equally cheap alignments the one of rapidfuzz, and so of jiwer, is taken
/// (they differ where jiwer is given texts of many thousand words, or blanks other than single spaces).
///
/// ```
/// let counts = seatrial_text::error_rate::word_errors("the cat sat on the mat", "the cat");
/// assert_eq!((counts.insertions, counts.rate()), (4, 2.0));
/// ```
#[must_use]
pub fn word_errors(hypothesis: &str, reference: &str) -> ErrorCounts {
    let hypothesis: Vec<&str> = words(hypothesis).collect();
    let reference: Vec<&str> = words(reference).collect();
    let (reference, hypothesis, alphabet) = dense_pair(&reference, &hypothesis);
    align(&reference, &hypothesis, alphabet)
}

/// Counts character errors, blanks included, white space at both ends not.
///
/// ```
/// use seatrial_text::{edit::Unit, error_rate::character_errors};
/// assert_eq!(character_errors("cats", "cat", Unit::Scalar).rate(), 1.0 / 3.0);
/// ```
#[must_use]
pub fn character_errors(hypothesis: &str, reference: &str, unit: Unit) -> ErrorCounts {
    let (reference, hypothesis, alphabet) = unit.encode(trim(reference), trim(hypothesis));
    align(&reference, &hypothesis, alphabet)
}

fn align(reference: &[u32], hypothesis: &[u32], alphabet: usize) -> ErrorCounts {
    let prefix = reference
        .iter()
        .zip(hypothesis)
        .take_while(|(a, b)| a == b)
        .count();
    let reference = reference.get(prefix..).unwrap_or(&[]);
    let hypothesis = hypothesis.get(prefix..).unwrap_or(&[]);
    let suffix = reference
        .iter()
        .rev()
        .zip(hypothesis.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let reference = reference.get(..reference.len() - suffix).unwrap_or(&[]);
    let hypothesis = hypothesis.get(..hypothesis.len() - suffix).unwrap_or(&[]);
    let mut counts = ErrorCounts {
        hits: (prefix + suffix) as u64,
        ..ErrorCounts::default()
    };

    let mut masks = Masks::default();
    masks.index(reference, alphabet);
    let mut table = Rows::new(
        &Column::first(masks.words()).bits,
        hypothesis.len(),
        |row, bits| {
            Column::advance(bits, masks.of(hypothesis.get(row).copied().unwrap_or(u32::MAX)));
        },
    );
    let (mut row, mut column) = (hypothesis.len(), reference.len());
    while row > 0 && column > 0 {
        // Back from the end: a missing word if the cost falls to the left, else one too many if it falls upwards
        // and the cell above is cheaper than the one beside it, else a pair.
        if bit(table.state(row), 0, column - 1) {
            counts.deletions += 1;
            column -= 1;
            continue;
        }
        row -= 1;
        if row > 0 && bit(table.state(row), 1, column - 1) {
            counts.insertions += 1;
            continue;
        }
        column -= 1;
        if reference.get(column) == hypothesis.get(row) {
            counts.hits += 1;
        } else {
            counts.substitutions += 1;
        }
    }
    counts.deletions += column as u64;
    counts.insertions += row as u64;
    counts
}

/// Whether the cost rises (`half` 0) or falls (`half` 1) from this column to the next.
fn bit(bits: &[u64], half: usize, column: usize) -> bool {
    let at = half * (bits.len() / 2) + column / 64;
    bits.get(at).is_some_and(|word| word >> (column % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::levenshtein;
    use proptest::prelude::*;

    /// Protects the defined values of empty texts; those of jiwer 4.0.0.
    #[test]
    fn edges_have_defined_values() {
        let all = |h, r| {
            let counts = word_errors(h, r);
            (
                counts.rate(),
                counts.match_error_rate(),
                counts.information_lost(),
            )
        };
        assert_eq!(all("", ""), (0.0, 0.0, 0.0));
        assert_eq!(all("a b", ""), (2.0, 1.0, 1.0));
        assert_eq!(all("", "a b"), (1.0, 1.0, 1.0));
        assert_eq!(all("a", "b"), (1.0, 1.0, 1.0));
        assert_eq!(character_errors(" a ", "a", Unit::Scalar).errors(), 0);
        assert_eq!(character_errors("👍🏽", "👍", Unit::Grapheme).errors(), 1);
    }

    /// Protects long texts, whose table is not kept whole.
    #[test]
    fn long_texts_are_aligned() {
        let reference = "a b c d e f g h ".repeat(2000);
        let hypothesis = "a b x d f g h h ".repeat(2000);
        let counts = word_errors(&hypothesis, &reference);
        assert_eq!(counts.errors(), 6000);
        assert_eq!(counts.hits + counts.substitutions + counts.deletions, 16_000);
    }

    proptest! {
        /// Protects that the alignment is a cheapest one and accounts for every unit of both sides.
        #[test]
        fn the_alignment_is_cheapest(h in "[abc]{0,140}", r in "[abc]{0,140}") {
            let counts = character_errors(&h, &r, Unit::Scalar);
            prop_assert_eq!(counts.errors() as usize, levenshtein(h.as_bytes(), r.as_bytes()));
            prop_assert_eq!((counts.hits + counts.substitutions + counts.deletions) as usize, r.len());
            prop_assert_eq!((counts.hits + counts.substitutions + counts.insertions) as usize, h.len());
            for share in [counts.match_error_rate(), counts.information_lost()] {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_is_counted(h in any::<String>(), r in any::<String>()) {
            prop_assert!(word_errors(&h, &r).rate().is_finite());
            prop_assert!(character_errors(&h, &r, Unit::Grapheme).rate().is_finite());
        }
    }
}
