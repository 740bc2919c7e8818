//! chrF and chrF++ (Popović 2015, 2017) as sacrebleu defines them: options, sufficient statistics, score.
//! Apart because its units are characters, and its best reference is chosen per segment.

use crate::chars::{is_space, words};
use crate::corpus::{self, CorpusError, ReferenceCount};
use crate::intern::Interner;
use crate::ngram::{self, NgramCounter};
use crate::normalise::lowercase;
use std::collections::HashMap;

/// Largest number of character and word orders together.
pub const ORDERS_MAX: usize = 16;

/// How chrF is computed. The default is sacrebleu's chrF2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChrfOptions {
    /// Largest order of character n-grams; 6.
    pub char_order: usize,
    /// Largest order of word n-grams; 0 (chrF), 2 is chrF++.
    pub word_order: usize,
    /// Weight of recall over precision, finite and positive; 2.
    pub beta: f64,
    /// Lower-case first; no.
    pub lowercase: bool,
    /// Count white space as characters; no.
    pub whitespace: bool,
    /// Smooth orders without n-grams by 10⁻¹⁶ as the original script, NLTK and Moses do, instead of leaving
    /// them out of the mean; no.
    pub eps_smoothing: bool,
}

impl Default for ChrfOptions {
    fn default() -> Self {
        Self {
            char_order: 6,
            word_order: 0,
            beta: 2.0,
            lowercase: false,
            whitespace: false,
            eps_smoothing: false,
        }
    }
}

/// Options that chrF cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ChrfOptionsError {
    /// The orders are out of range.
    #[error(
        "character order {char_order} and word order {word_order} found, expected 1 to {ORDERS_MAX} in all"
    )]
    Orders {
        /// Largest order of character n-grams.
        char_order: usize,
        /// Largest order of word n-grams.
        word_order: usize,
    },
    /// Beta is not a positive finite number.
    #[error("beta is {found}, expected a finite number > 0")]
    Beta {
        /// The value asked for.
        found: f64,
    },
}

/// N-grams of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrderCounts {
    /// In the hypotheses, where the best reference has n-grams of this order at all.
    pub hypothesis: u64,
    /// In the best references.
    pub reference: u64,
    /// In both, clipped.
    pub matches: u64,
}

/// What chrF counts of one segment or of many; summing over parts gives the whole.
///
/// ```
/// use seatrial_text::chrf::{Chrf, ChrfStatistics};
/// let chrf = Chrf::default();
/// let (hypotheses, references) = (["the cat sat on a mat", "it rains"], [["the cat sat on the mat"], ["it rains"]]);
/// let mut sum = ChrfStatistics::default();
/// for segment in chrf.segment_statistics(&hypotheses, &references)? {
///     sum.merge(&segment);
/// }
/// assert_eq!(chrf.score(&sum), chrf.corpus(&hypotheses, &references)?);
/// assert_eq!(chrf.score_row(&sum.to_row()), chrf.score(&sum));
/// # Ok::<(), seatrial_text::corpus::CorpusError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChrfStatistics {
    /// Character orders from 1, then word orders from 1, then zeros.
    pub orders: [OrderCounts; ORDERS_MAX],
}

impl ChrfStatistics {
    /// Adds the statistics of other segments.
    pub fn merge(&mut self, other: &Self) {
        for (sum, part) in self.orders.iter_mut().zip(&other.orders) {
            sum.hypothesis += part.hypothesis;
            sum.reference += part.reference;
            sum.matches += part.matches;
        }
    }

    /// The statistics as one row of numbers, for resampling: hypothesis, reference, matches by order.
    #[must_use]
    pub fn to_row(&self) -> Vec<f64> {
        self.orders
            .iter()
            .flat_map(|order| {
                [
                    order.hypothesis as f64,
                    order.reference as f64,
                    order.matches as f64,
                ]
            })
            .collect()
    }
}

/// The chrF metric.
///
/// For each order, precision and recall of clipped n-gram matches; the score is 100 × F_β of their means over
/// the orders that both sides have n-grams of. Corpus: counts are summed first; of several references the one
/// with the best segment score is counted. Range 0 to 100; identical text scores 100; texts without any
/// n-gram (empty, or only white space) score 0, never NaN.
///
/// ```
/// use seatrial_text::chrf::{Chrf, ChrfOptions};
/// let chrf = Chrf::try_new(ChrfOptions { word_order: 2, ..ChrfOptions::default() })?;
/// let score = chrf.corpus(&["the cat sat on the mat"], &[["the cat sat on a mat"]])?;
/// assert!((score - 72.0304).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Chrf {
    options: ChrfOptions,
}

impl Chrf {
    /// A metric with these options.
    ///
    /// # Errors
    /// No order or more than [`ORDERS_MAX`], or a beta that is not finite and positive.
    pub fn try_new(options: ChrfOptions) -> Result<Self, ChrfOptionsError> {
        let ChrfOptions {
            char_order,
            word_order,
            beta,
            ..
        } = options;
        if !(1..=ORDERS_MAX).contains(&char_order.saturating_add(word_order)) {
            return Err(ChrfOptionsError::Orders {
                char_order,
                word_order,
            });
        }
        if !(beta.is_finite() && beta > 0.0) {
            return Err(ChrfOptionsError::Beta { found: beta });
        }
        Ok(Self { options })
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &ChrfOptions {
        &self.options
    }

    /// The metric's name in sacrebleu's form: `chrF2`, `chrF2++`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("chrF{}{}", self.options.beta, "+".repeat(self.options.word_order))
    }

    /// The reproducibility signature in sacrebleu's form, without a version.
    #[must_use]
    pub fn signature(&self, references: ReferenceCount) -> String {
        let options = &self.options;
        format!(
            "nrefs:{references}|case:{}|eff:{}|nc:{}|nw:{}|space:{}",
            if options.lowercase { "lc" } else { "mixed" },
            if options.eps_smoothing { "no" } else { "yes" },
            options.char_order,
            options.word_order,
            if options.whitespace { "yes" } else { "no" },
        )
    }

    /// The score of a whole corpus, 0 to 100; `references[i]` are those of `hypotheses[i]`. Works in parallel.
    ///
    /// # Errors
    /// Lists of different lengths, or a segment without a reference.
    pub fn corpus<H, R, S>(&self, hypotheses: &[H], references: &[R]) -> Result<f64, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        Ok(self.score(&self.corpus_statistics(hypotheses, references)?))
    }

    /// The summed statistics of a corpus; merge those of the parts of one that does not fit into memory.
    ///
    /// # Errors
    /// As [`Chrf::corpus`].
    pub fn corpus_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<ChrfStatistics, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        corpus::sum(
            hypotheses.len(),
            || Worker::new(*self),
            |worker, i| Ok(worker.pair(hypotheses, references, i)),
            ChrfStatistics::merge,
        )
    }

    /// The statistics of every segment, for resampling tests.
    ///
    /// # Errors
    /// As [`Chrf::corpus`].
    pub fn segment_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<Vec<ChrfStatistics>, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        Ok(corpus::map(
            hypotheses.len(),
            || Worker::new(*self),
            |worker, i| worker.pair(hypotheses, references, i),
        ))
    }

    /// The score of one sentence, 0 to 100: against the reference that scores best.
    ///
    /// ```
    /// let chrf = seatrial_text::chrf::Chrf::default();
    /// assert_eq!(chrf.sentence("the cat", &["a dog", "the cat"])?, 100.0);
    /// # Ok::<(), seatrial_text::corpus::CorpusError>(())
    /// ```
    ///
    /// # Errors
    /// No reference.
    pub fn sentence<S: AsRef<str>>(&self, hypothesis: &str, references: &[S]) -> Result<f64, CorpusError> {
        if references.is_empty() {
            return Err(CorpusError::NoReferences { index: 0 });
        }
        Ok(self.score(&Worker::new(*self).segment(hypothesis, references)))
    }

    /// The score of these statistics, 0 to 100.
    #[must_use]
    pub fn score(&self, statistics: &ChrfStatistics) -> f64 {
        self.combine(statistics.orders.iter().map(|order| {
            [
                order.hypothesis as f64,
                order.reference as f64,
                order.matches as f64,
            ]
        }))
    }

    /// The score of a summed [`ChrfStatistics::to_row`], 0 to 100.
    #[must_use]
    pub fn score_row(&self, row: &[f64]) -> f64 {
        self.combine(row.as_chunks::<3>().0.iter().copied())
    }

    fn combine(&self, orders: impl Iterator<Item = [f64; 3]>) -> f64 {
        const EPSILON: f64 = 1e-16;
        let wanted = self.options.char_order + self.options.word_order;
        let factor = self.options.beta * self.options.beta;
        let f_score = |precision: f64, recall: f64| {
            let denominator = factor * precision + recall;
            (denominator > 0.0).then(|| (1.0 + factor) * precision * recall / denominator)
        };
        let (mut smoothed, mut precisions, mut recalls, mut effective) = (0.0, 0.0, 0.0, 0_u32);
        for [hypothesis, reference, matches] in orders.take(wanted) {
            let share = |of: f64| if of > 0.0 { matches / of } else { EPSILON };
            let (precision, recall) = (share(hypothesis), share(reference));
            smoothed += f_score(precision, recall).unwrap_or(EPSILON);
            if hypothesis > 0.0 && reference > 0.0 {
                precisions += precision;
                recalls += recall;
                effective += 1;
            }
        }
        if self.options.eps_smoothing {
            return 100.0 * smoothed / wanted as f64;
        }
        let orders = f64::from(effective.max(1));
        100.0 * f_score(precisions / orders, recalls / orders).unwrap_or(0.0)
    }
}

/// A text as numbers.
#[derive(Debug, Default)]
struct Encoded {
    chars: Vec<u32>,
    words: Vec<u32>,
}

/// One thread's numbering and counter.
struct Worker {
    metric: Chrf,
    chars: CharNumbers,
    interner: Interner,
    counter: NgramCounter,
    hypothesis: Encoded,
    reference: Encoded,
}

impl Worker {
    fn new(metric: Chrf) -> Self {
        Self {
            metric,
            chars: CharNumbers::new(),
            interner: Interner::new(),
            counter: NgramCounter::default(),
            hypothesis: Encoded::default(),
            reference: Encoded::default(),
        }
    }

    fn pair<H, R, S>(&mut self, hypotheses: &[H], references: &[R], index: usize) -> ChrfStatistics
    where
        H: AsRef<str>,
        R: AsRef<[S]>,
        S: AsRef<str>,
    {
        match (hypotheses.get(index), references.get(index)) {
            (Some(hypothesis), Some(references)) => self.segment(hypothesis.as_ref(), references.as_ref()),
            _ => ChrfStatistics::default(),
        }
    }

    /// The statistics against the reference with the best score, the first of equally good ones.
    fn segment<S: AsRef<str>>(&mut self, hypothesis: &str, references: &[S]) -> ChrfStatistics {
        self.chars.clear();
        self.interner.clear();
        let mut encoded = std::mem::take(&mut self.hypothesis);
        self.encode(hypothesis, &mut encoded);
        self.hypothesis = encoded;
        let mut best: Option<(f64, ChrfStatistics)> = None;
        for reference in references {
            let mut encoded = std::mem::take(&mut self.reference);
            self.encode(reference.as_ref(), &mut encoded);
            self.reference = encoded;
            let statistics = self.count();
            if references.len() == 1 {
                return statistics;
            }
            let score = self.metric.score(&statistics);
            if best.as_ref().is_none_or(|(best, _)| score > *best) {
                best = Some((score, statistics));
            }
        }
        best.map(|(_, statistics)| statistics).unwrap_or_default()
    }

    fn count(&mut self) -> ChrfStatistics {
        let ChrfOptions {
            char_order,
            word_order,
            ..
        } = self.metric.options;
        let mut statistics = ChrfStatistics::default();
        let mut orders = statistics.orders.iter_mut();
        for (hypothesis, reference, order, alphabet) in [
            (
                &self.hypothesis.chars,
                &self.reference.chars,
                char_order,
                self.chars.len(),
            ),
            (
                &self.hypothesis.words,
                &self.reference.words,
                word_order,
                self.interner.len(),
            ),
        ] {
            let mut matches = [0_u64; ORDERS_MAX];
            let matches = matches.get_mut(..order).unwrap_or_default();
            self.counter
                .clipped_matches(hypothesis, &[reference], alphabet, matches);
            for (n, (&matches, counts)) in (1..).zip(matches.iter().zip(&mut orders)) {
                let in_reference = ngram::total(reference.len(), n);
                *counts = OrderCounts {
                    hypothesis: if in_reference > 0 {
                        ngram::total(hypothesis.len(), n)
                    } else {
                        0
                    },
                    reference: in_reference,
                    matches,
                };
            }
        }
        statistics
    }

    fn encode(&mut self, text: &str, encoded: &mut Encoded) {
        let text = if self.metric.options.lowercase {
            lowercase(text)
        } else {
            text.into()
        };
        encoded.chars.clear();
        encoded.words.clear();
        let kept = |c: &char| self.metric.options.whitespace || !is_space(*c);
        if self.metric.options.char_order > 0 {
            encoded
                .chars
                .extend(text.chars().filter(kept).map(|c| self.chars.number(c)));
        }
        if self.metric.options.word_order > 0 {
            for word in words(&text) {
                let (first, second) = split_punctuation(word);
                encoded.words.push(self.interner.intern(first));
                if !second.is_empty() {
                    encoded.words.push(self.interner.intern(second));
                }
            }
        }
    }
}

/// Splits off one ASCII punctuation character, the last one or else the first one, of a word of at least two
/// characters: `(hi)` becomes `(hi` and `)`, as in the reference.
fn split_punctuation(word: &str) -> (&str, &str) {
    let last = word.len() - word.chars().next_back().map_or(0, char::len_utf8);
    let first = word.chars().next().map_or(0, char::len_utf8);
    if last == 0 {
        (word, "")
    } else if word.ends_with(|c: char| c.is_ascii_punctuation()) {
        word.split_at(last)
    } else if word.starts_with(|c: char| c.is_ascii_punctuation()) {
        word.split_at(first)
    } else {
        (word, "")
    }
}

/// Small numbers for the characters of one pair of texts.
struct CharNumbers {
    /// Number plus one of the characters of most alphabets; 0 is none.
    low: Vec<u16>,
    /// The characters in `low` that have a number.
    used: Vec<u16>,
    high: HashMap<char, u32>,
    next: u32,
}

impl CharNumbers {
    const LOW: usize = 0x3000;

    fn new() -> Self {
        Self {
            low: vec![0; Self::LOW],
            used: Vec::new(),
            high: HashMap::new(),
            next: 0,
        }
    }

    fn clear(&mut self) {
        for &at in &self.used {
            if let Some(cell) = self.low.get_mut(usize::from(at)) {
                *cell = 0;
            }
        }
        self.used.clear();
        self.high.clear();
        self.next = 0;
    }

    fn len(&self) -> usize {
        self.next as usize
    }

    fn number(&mut self, c: char) -> u32 {
        let code = u32::from(c) as usize;
        let Some(cell) = self.low.get_mut(code) else {
            return *self.high.entry(c).or_insert_with(|| {
                self.next += 1;
                self.next - 1
            });
        };
        // A number may be too large for the small table once the other one is full of rare characters.
        if *cell == 0 {
            match u16::try_from(self.next + 1) {
                Ok(number) => {
                    *cell = number;
                    self.used.push(code as u16);
                    self.next += 1;
                }
                Err(_) => {
                    return *self.high.entry(c).or_insert_with(|| {
                        self.next += 1;
                        self.next - 1
                    });
                }
            }
        }
        u32::from(*cell) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "[ab,.é字( ]{0,20}";

    fn plus_plus() -> Chrf {
        Chrf::try_new(ChrfOptions {
            word_order: 2,
            ..Default::default()
        })
        .unwrap()
    }

    /// Protects the defined values at the edges.
    #[test]
    fn edges_have_defined_values() {
        let chrf = Chrf::default();
        let none: [[&str; 1]; 0] = [];
        assert_eq!(chrf.corpus::<&str, _, _>(&[], &none).unwrap(), 0.0);
        for (h, r) in [("", "a"), ("a", ""), ("", ""), (" ", "\n")] {
            assert_eq!(chrf.sentence(h, &[r]).unwrap(), 0.0);
        }
        assert!(chrf.sentence::<&str>("a", &[]).is_err());
        let options = ChrfOptions::default();
        assert!(
            Chrf::try_new(ChrfOptions {
                char_order: 0,
                ..options
            })
            .is_err()
        );
        assert!(
            Chrf::try_new(ChrfOptions {
                word_order: usize::MAX,
                ..options
            })
            .is_err()
        );
        assert!(
            Chrf::try_new(ChrfOptions {
                beta: f64::NAN,
                ..options
            })
            .is_err()
        );
        assert_eq!(plus_plus().name(), "chrF2++");
    }

    /// Protects the reference's splitting of punctuation.
    #[test]
    fn one_punctuation_character_is_split_off() {
        for (word, parts) in [
            ("(hi)", ("(hi", ")")),
            ("(hi", ("(", "hi")),
            (".", (".", "")),
            ("..", (".", ".")),
            ("é!", ("é", "!")),
            ("hi", ("hi", "")),
        ] {
            assert_eq!(split_punctuation(word), parts);
        }
    }

    /// Protects the numbering when a text has more different characters than the small table can number.
    #[test]
    fn numbers_stay_different_for_huge_alphabets() {
        let mut numbers = CharNumbers::new();
        let all: Vec<char> = ('\u{4000}'..='\u{1ffff}').chain('a'..='z').collect();
        let first: Vec<u32> = all.iter().map(|&c| numbers.number(c)).collect();
        assert_eq!(first, (0..all.len() as u32).collect::<Vec<_>>());
        assert_eq!(first, all.iter().map(|&c| numbers.number(c)).collect::<Vec<_>>());
    }

    proptest! {
        /// Protects bounds, the maximum for identical text, and symmetry at beta 1.
        #[test]
        fn scores_are_bounded(h in TEXT, r in TEXT, eps_smoothing: bool) {
            let options = ChrfOptions { eps_smoothing, beta: 1.0, word_order: 2, ..Default::default() };
            let chrf = Chrf::try_new(options).unwrap();
            let score = chrf.sentence(&h, &[&r]).unwrap();
            prop_assert!((0.0..=100.0 + 1e-9).contains(&score));
            prop_assert!((score - chrf.sentence(&r, &[&h]).unwrap()).abs() < 1e-9);
            if !eps_smoothing && !h.trim().is_empty() {
                prop_assert!((chrf.sentence(&h, &[&h]).unwrap() - 100.0).abs() < 1e-9);
            }
        }

        /// Protects the choice of reference: one more reference never lowers a sentence's score.
        #[test]
        fn another_reference_never_hurts(h in TEXT, r in TEXT, s in TEXT) {
            let chrf = plus_plus();
            let one = chrf.sentence(&h, &[&r]).unwrap();
            let two = chrf.sentence(&h, &[&s, &r]).unwrap();
            prop_assert!(two >= one);
        }

        /// Protects merging: the statistics of two halves add up to those of the whole, however split.
        #[test]
        fn parts_add_up(pairs in prop::collection::vec((TEXT, TEXT), 0..12), cut in 0_usize..12) {
            let (h, r): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(h, r)| (h, [r])).unzip();
            let cut = cut.min(h.len());
            let chrf = plus_plus();
            let whole = chrf.corpus_statistics(&h, &r).unwrap();
            let mut parts = chrf.corpus_statistics(&h[..cut], &r[..cut]).unwrap();
            parts.merge(&chrf.corpus_statistics(&h[cut..], &r[cut..]).unwrap());
            prop_assert_eq!(whole, parts);
            prop_assert_eq!(chrf.score_row(&whole.to_row()), chrf.score(&whole));
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_is_scored(h in any::<String>(), r in any::<String>()) {
            prop_assert!(plus_plus().sentence(&h, &[r]).unwrap().is_finite());
        }
    }
}
