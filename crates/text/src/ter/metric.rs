//! Options, sufficient statistics and score of TER.

use super::{edits, tokens};
use crate::chars::words;
use crate::corpus::{self, CorpusError, ReferenceCount};
use crate::intern::Interner;
use crate::tokenise::{Scratch, join};

/// How TER reads text. The default is sacrebleu's: lower-cased, split at white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TerOptions {
    /// Split off punctuation and unescape four entities, as Tercom does.
    pub normalized: bool,
    /// Remove `. , ? : ; ! " ( )`.
    pub no_punct: bool,
    /// With `normalized`, split Chinese and Japanese characters; with `no_punct`, remove their punctuation.
    pub asian_support: bool,
    /// Do not lower-case.
    pub case_sensitive: bool,
}

/// What TER counts of one segment or of many; summing over parts gives the whole.
///
/// ```
/// use seatrial_text::ter::{Ter, TerStatistics};
/// let ter = Ter::default();
/// let (hypotheses, references) = (["the cat sat on a mat", "it rains"], [["the cat sat on the mat"], ["it rains"]]);
/// let mut sum = TerStatistics::default();
/// for segment in ter.segment_statistics(&hypotheses, &references)? {
///     sum.merge(&segment);
/// }
/// assert_eq!(ter.score(&sum), ter.corpus(&hypotheses, &references)?);
/// assert_eq!(ter.score_row(&sum.to_row()), ter.score(&sum).score);
/// # Ok::<(), seatrial_text::corpus::CorpusError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TerStatistics {
    /// Edits and shifts to the closest reference.
    pub edits: u64,
    /// Mean number of words of the references, summed over segments.
    pub reference_words: f64,
}

impl TerStatistics {
    /// Adds the statistics of other segments.
    pub fn merge(&mut self, other: &Self) {
        self.edits += other.edits;
        self.reference_words += other.reference_words;
    }

    /// The statistics as one row of numbers, for resampling: edits, reference words.
    #[must_use]
    pub fn to_row(&self) -> Vec<f64> {
        vec![self.edits as f64, self.reference_words]
    }
}

/// A TER score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TerScore {
    /// Edits per 100 reference words; 0 is perfect, more than 100 is possible.
    pub score: f64,
    /// Edits and shifts.
    pub edits: u64,
    /// Mean number of words of the references, summed over segments.
    pub reference_words: f64,
}

/// The TER metric.
///
/// Score = 100 × (insertions, deletions, substitutions and block shifts to the closest reference) ÷ (mean
/// number of reference words), summed over segments first. The number of edits is not the true minimum, which
/// is intractable, but that of Tercom's greedy search with its limits (beam 25, blocks of up to 10 words moved
/// by up to 50, 1000 tries), ties broken as sacrebleu 2.6.0 breaks them; its habit of normalising references
/// (not hypotheses) twice is kept too, since scores are only worth something when they compare. Lower is better; 0 to unbounded.
/// Edges: an empty reference scores 100 against any words and 0 against none; never NaN. Segments of more than
/// some 80,000 words are refused.
///
/// ```
/// use seatrial_text::ter::Ter;
/// let score = Ter::default().corpus(&["on the mat sat the cat"], &[["the cat sat on the mat"]])?;
/// assert_eq!((score.edits, score.reference_words), (2, 6.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ter {
    options: TerOptions,
}

impl Ter {
    /// A metric with these options; every combination is allowed.
    #[must_use]
    pub fn new(options: TerOptions) -> Self {
        Self { options }
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &TerOptions {
        &self.options
    }

    /// The reproducibility signature in sacrebleu's form, without a version.
    #[must_use]
    pub fn signature(&self, references: ReferenceCount) -> String {
        let yes = |flag| if flag { "yes" } else { "no" };
        format!(
            "nrefs:{references}|case:{}|tok:tercom|norm:{}|punct:{}|asian:{}",
            if self.options.case_sensitive {
                "mixed"
            } else {
                "lc"
            },
            yes(self.options.normalized),
            yes(!self.options.no_punct),
            yes(self.options.asian_support),
        )
    }

    /// The score of a whole corpus; `references[i]` are those of `hypotheses[i]`. Works in parallel.
    ///
    /// # Errors
    /// Lists of different lengths, a segment without a reference, or one that is too long.
    pub fn corpus<H, R, S>(&self, hypotheses: &[H], references: &[R]) -> Result<TerScore, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        Ok(self.score(&self.corpus_statistics(hypotheses, references)?))
    }

    /// The summed statistics of a corpus.
    ///
    /// # Errors
    /// As [`Ter::corpus`].
    pub fn corpus_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<TerStatistics, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        corpus::sum(
            hypotheses.len(),
            || Worker::new(self.options),
            |worker, i| worker.pair(hypotheses, references, i),
            TerStatistics::merge,
        )
    }

    /// The statistics of every segment, for resampling tests.
    ///
    /// # Errors
    /// As [`Ter::corpus`].
    pub fn segment_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<Vec<TerStatistics>, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        corpus::map(
            hypotheses.len(),
            || Worker::new(self.options),
            |worker, i| worker.pair(hypotheses, references, i),
        )
        .into_iter()
        .collect()
    }

    /// The score of one sentence.
    ///
    /// # Errors
    /// No reference, or a sentence that is too long.
    pub fn sentence<S: AsRef<str>>(
        &self,
        hypothesis: &str,
        references: &[S],
    ) -> Result<TerScore, CorpusError> {
        if references.is_empty() {
            return Err(CorpusError::NoReferences { index: 0 });
        }
        Ok(self.score(&Worker::new(self.options).segment(hypothesis, references, 0)?))
    }

    /// The score of these statistics.
    #[must_use]
    pub fn score(&self, statistics: &TerStatistics) -> TerScore {
        let TerStatistics {
            edits,
            reference_words,
        } = *statistics;
        TerScore {
            score: self.score_row(&[edits as f64, reference_words]),
            edits,
            reference_words,
        }
    }

    /// The score of a summed [`TerStatistics::to_row`]; 0 for a row that is too short.
    #[must_use]
    pub fn score_row(&self, row: &[f64]) -> f64 {
        match *row {
            [edits, words, ..] if words > 0.0 => 100.0 * edits / words,
            [edits, ..] if edits > 0.0 => 100.0,
            _ => 0.0,
        }
    }
}

/// One thread's tokeniser and interner.
struct Worker {
    options: TerOptions,
    scratch: Scratch,
    interner: Interner,
    hypothesis: Vec<u32>,
    reference: Vec<u32>,
}

impl Worker {
    fn new(options: TerOptions) -> Self {
        Self {
            options,
            scratch: Scratch::default(),
            interner: Interner::new(),
            hypothesis: Vec::new(),
            reference: Vec::new(),
        }
    }

    fn pair<H, R, S>(
        &mut self,
        hypotheses: &[H],
        references: &[R],
        index: usize,
    ) -> Result<TerStatistics, CorpusError>
    where
        H: AsRef<str>,
        R: AsRef<[S]>,
        S: AsRef<str>,
    {
        match (hypotheses.get(index), references.get(index)) {
            (Some(hypothesis), Some(references)) => {
                self.segment(hypothesis.as_ref(), references.as_ref(), index)
            }
            _ => Ok(TerStatistics::default()),
        }
    }

    fn segment<S: AsRef<str>>(
        &mut self,
        hypothesis: &str,
        references: &[S],
        index: usize,
    ) -> Result<TerStatistics, CorpusError> {
        self.interner.clear();
        let (options, scratch, interner) = (&self.options, &mut self.scratch, &mut self.interner);
        let mut number = |text: &str, numbers: &mut Vec<u32>| {
            numbers.clear();
            numbers.extend(words(text).map(|word| interner.intern(word)));
        };
        number(
            &tokens::prepare(hypothesis, options, scratch),
            &mut self.hypothesis,
        );
        let mut fewest = None;
        let mut reference_words = 0;
        for reference in references {
            // Twice, as sacrebleu 2.6.0 does for references only. It shows where the first pass uncovers something
            // for the second: `dog's...` ends as `dog's . . .` and then as `dog 's . . .`.
            let once = join(&tokens::prepare(reference.as_ref(), options, scratch));
            number(&tokens::prepare(&once, options, scratch), &mut self.reference);
            reference_words += self.reference.len();
            let edits = edits::edits(&self.hypothesis, &self.reference).map_err(|edits::TooLong| {
                CorpusError::TooLong {
                    index,
                    hypothesis_words: self.hypothesis.len(),
                    reference_words: self.reference.len(),
                }
            })?;
            fewest = Some(fewest.map_or(edits, |fewest: u64| fewest.min(edits)));
        }
        Ok(TerStatistics {
            edits: fewest.unwrap_or(0),
            reference_words: reference_words as f64 / references.len().max(1) as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "([ab.é字] ?){0,20}";

    /// Protects the defined values at the edges.
    #[test]
    fn edges_have_defined_values() {
        let ter = Ter::default();
        assert_eq!(ter.sentence("a b", &[""]).unwrap().score, 100.0);
        assert_eq!(ter.sentence("", &["a b"]).unwrap().score, 100.0);
        assert_eq!(ter.sentence("", &[""]).unwrap().score, 0.0);
        assert!(ter.sentence::<&str>("a", &[]).is_err());
        let none: [[&str; 1]; 0] = [];
        assert_eq!(ter.corpus::<&str, _, _>(&[], &none).unwrap().score, 0.0);
    }

    /// Protects memory: a pair beyond the limit is an error that says how long it is.
    #[test]
    fn too_long_a_pair_is_refused() {
        let long = "a ".repeat(200_000);
        let longer = "b ".repeat(200_001);
        let error = Ter::default()
            .corpus(&["x", &long], &[["y"], [longer.as_str()]])
            .unwrap_err();
        assert_eq!(
            error,
            CorpusError::TooLong {
                index: 1,
                hypothesis_words: 200_000,
                reference_words: 200_001
            }
        );
    }

    /// Protects the beam where the lengths differ so much that plain rows would not overlap; values from
    /// sacrebleu 2.6.0.
    #[test]
    fn very_different_lengths_are_scored() {
        let long = (0..2000).map(|i| format!("w{i}")).collect::<Vec<_>>().join(" ");
        let ter = Ter::default();
        assert_eq!(ter.sentence("w7 w1500", &[&long]).unwrap().edits, 1999);
        assert_eq!(ter.sentence(&long, &["w7 w1500"]).unwrap().edits, 1998);
    }

    proptest! {
        /// Protects bounds: never negative, zero for identical text, no more edits than rewriting everything.
        #[test]
        fn edits_are_bounded(h in TEXT, r in TEXT) {
            let ter = Ter::default();
            let score = ter.sentence(&h, &[&r]).unwrap();
            let words = |t: &str| words(t).count() as u64;
            prop_assert!(score.edits <= words(&h).max(words(&r)));
            prop_assert!(score.edits >= words(&h).abs_diff(words(&r)));
            prop_assert_eq!(ter.sentence(&h, &[&h]).unwrap().edits, 0);
            prop_assert!(ter.sentence(&h, &[&r, &h]).unwrap().edits == 0);
        }

        /// Protects merging: the statistics of two halves add up to those of the whole, however split.
        #[test]
        fn parts_add_up(pairs in prop::collection::vec((TEXT, TEXT), 0..12), cut in 0_usize..12) {
            let (h, r): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(h, r)| (h, [r])).unzip();
            let cut = cut.min(h.len());
            let ter = Ter::default();
            let whole = ter.corpus_statistics(&h, &r).unwrap();
            let mut parts = ter.corpus_statistics(&h[..cut], &r[..cut]).unwrap();
            parts.merge(&ter.corpus_statistics(&h[cut..], &r[cut..]).unwrap());
            prop_assert_eq!(whole, parts);
            prop_assert_eq!(ter.segment_statistics(&h, &r).unwrap().len(), h.len());
        }

        /// Protects against panics on any text with every switch on.
        #[test]
        fn any_text_is_scored(h in any::<String>(), r in any::<String>()) {
            let options =
                TerOptions { normalized: true, no_punct: true, asian_support: true, case_sensitive: false };
            prop_assert!(Ter::new(options).sentence(&h, &[r]).unwrap().score.is_finite());
        }
    }
}
