//! BLEU (Papineni et al. 2002) as sacrebleu defines it (Post 2018): options, sufficient statistics, score.
//! Apart from the other metrics because its score is that of a corpus: statistics are summed, scores never are.

use crate::corpus::{self, CorpusError, ReferenceCount};
use crate::intern::Interner;
use crate::ngram::{self, NgramCounter};
use crate::normalise::lowercase;
use crate::tokenise::{Scratch, Tokeniser};

/// Largest n-gram order that can be asked for.
pub const ORDER_MAX: usize = 9;

/// What stands in for a precision of zero.
///
/// ```
/// use seatrial_text::bleu::Smoothing;
/// assert_eq!(Smoothing::by_name("floor", None), Some(Smoothing::Floor(0.1)));
/// assert_eq!(Smoothing::by_name("laplace", None), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Smoothing {
    /// Nothing: one order without a match makes the score 0.
    None,
    /// The k-th order without a match counts as 1/2ᵏ matches (NIST; the default).
    #[default]
    Exponential,
    /// An order without a match counts as this many matches (0.1 unless said otherwise).
    Floor(f64),
    /// This is added to matches and totals of the orders above 1 (1 unless said otherwise).
    AddK(f64),
}

impl Smoothing {
    /// From sacrebleu's `smooth_method` and `smooth_value`; `None` for an unknown method.
    #[must_use]
    pub fn by_name(method: &str, value: Option<f64>) -> Option<Self> {
        match method {
            "none" => Some(Self::None),
            "exp" => Some(Self::Exponential),
            "floor" => Some(Self::Floor(value.unwrap_or(0.1))),
            "add-k" => Some(Self::AddK(value.unwrap_or(1.0))),
            _ => None,
        }
    }
}

impl std::fmt::Display for Smoothing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Exponential => f.write_str("exp"),
            Self::Floor(value) => write!(f, "floor[{value:.2}]"),
            Self::AddK(value) => write!(f, "add-k[{value:.2}]"),
        }
    }
}

/// How BLEU is computed. The default is sacrebleu's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BleuOptions {
    /// Tokeniser; `13a`.
    pub tokeniser: Tokeniser,
    /// Lower-case before tokenising; no.
    pub lowercase: bool,
    /// Smoothing; exponential.
    pub smoothing: Smoothing,
    /// Largest n-gram order, 1 to [`ORDER_MAX`]; 4.
    pub max_order: usize,
    /// Leave orders that the hypothesis is too short for out of the mean; no. [`Bleu::sentence`] always does.
    pub effective_order: bool,
}

impl Default for BleuOptions {
    fn default() -> Self {
        Self {
            tokeniser: Tokeniser::default(),
            lowercase: false,
            smoothing: Smoothing::default(),
            max_order: 4,
            effective_order: false,
        }
    }
}

/// Options that BLEU cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BleuOptionsError {
    /// The order is out of range.
    #[error("largest n-gram order is {found}, expected 1 to {ORDER_MAX}")]
    Order {
        /// The order asked for.
        found: usize,
    },
    /// The smoothing value is not a positive finite number.
    #[error("smoothing value is {found}, expected a finite number > 0")]
    SmoothingValue {
        /// The value asked for.
        found: f64,
    },
}

/// What BLEU counts of one segment or of many; summing over parts gives the whole.
///
/// ```
/// use seatrial_text::bleu::{Bleu, BleuStatistics};
/// let bleu = Bleu::default();
/// let (hypotheses, references) = (["the cat sat on a mat", "it rains"], [["the cat sat on the mat"], ["it rains"]]);
/// let mut sum = BleuStatistics::default();
/// for segment in bleu.segment_statistics(&hypotheses, &references)? {
///     sum.merge(&segment);
/// }
/// assert_eq!(bleu.score(&sum), bleu.corpus(&hypotheses, &references)?);
/// assert_eq!(bleu.score_row(&sum.to_row()), bleu.score(&sum).score);
/// # Ok::<(), seatrial_text::corpus::CorpusError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BleuStatistics {
    /// Tokens of the hypotheses.
    pub hypothesis_tokens: u64,
    /// Tokens of the reference closest in length to each hypothesis (the shorter one of two equally close).
    pub reference_tokens: u64,
    /// Clipped matches by order, from order 1.
    pub correct: [u64; ORDER_MAX],
    /// N-grams of the hypotheses by order.
    pub total: [u64; ORDER_MAX],
}

impl BleuStatistics {
    /// Adds the statistics of other segments.
    pub fn merge(&mut self, other: &Self) {
        self.hypothesis_tokens += other.hypothesis_tokens;
        self.reference_tokens += other.reference_tokens;
        for (sum, part) in self.correct.iter_mut().zip(&other.correct) {
            *sum += part;
        }
        for (sum, part) in self.total.iter_mut().zip(&other.total) {
            *sum += part;
        }
    }

    /// The statistics as one row of numbers, for resampling: lengths, matches, totals.
    #[must_use]
    pub fn to_row(&self) -> Vec<f64> {
        [self.hypothesis_tokens, self.reference_tokens]
            .iter()
            .chain(&self.correct)
            .chain(&self.total)
            .map(|&count| count as f64)
            .collect()
    }
}

/// A BLEU score with all that explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct BleuScore {
    /// 0 to 100 (a perfect match may exceed 100 by rounding in the last bits, as in the reference).
    pub score: f64,
    /// Clipped matches by order.
    pub counts: Vec<u64>,
    /// N-grams of the hypotheses by order.
    pub totals: Vec<u64>,
    /// Smoothed precision by order in percent; 0 from the first order that has no n-grams.
    pub precisions: Vec<f64>,
    /// Brevity penalty, 0 to 1.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hypothesis_tokens: u64,
    /// Tokens of the closest references.
    pub reference_tokens: u64,
}

/// The BLEU metric.
///
/// Score = brevity penalty × geometric mean of the clipped n-gram precisions of orders 1 to `max_order`;
/// brevity penalty = exp(1 − r/h) when the hypotheses (h tokens) are shorter than their closest references
/// (r tokens), else 1. A match is clipped at the largest count in any one reference. Assumes that hypotheses
/// are detokenised text. Edges: no match of order 1 to `max_order` at all, an empty hypothesis or an empty
/// corpus score 0; never NaN.
///
/// ```
/// use seatrial_text::bleu::{Bleu, BleuOptions};
/// let bleu = Bleu::try_new(BleuOptions::default())?;
/// let score = bleu.corpus(&["the cat sat on the mat"], &[["the cat sat on a mat"]])?;
/// assert!((score.score - 53.7285).abs() < 1e-4);
/// assert_eq!(score.counts, [5, 3, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bleu {
    options: BleuOptions,
}

impl Bleu {
    /// A metric with these options.
    ///
    /// # Errors
    /// An order outside 1 to [`ORDER_MAX`], or a smoothing value that is not finite and positive.
    pub fn try_new(options: BleuOptions) -> Result<Self, BleuOptionsError> {
        if !(1..=ORDER_MAX).contains(&options.max_order) {
            return Err(BleuOptionsError::Order {
                found: options.max_order,
            });
        }
        if let Smoothing::Floor(found) | Smoothing::AddK(found) = options.smoothing
            && !(found.is_finite() && found > 0.0)
        {
            return Err(BleuOptionsError::SmoothingValue { found });
        }
        Ok(Self { options })
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &BleuOptions {
        &self.options
    }

    /// The reproducibility signature in sacrebleu's form, without a version.
    ///
    /// ```
    /// use seatrial_text::{bleu::Bleu, corpus::ReferenceCount};
    /// let signature = Bleu::default().signature(ReferenceCount::Each(1));
    /// assert_eq!(signature, "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
    /// ```
    #[must_use]
    pub fn signature(&self, references: ReferenceCount) -> String {
        let BleuOptions {
            tokeniser,
            lowercase,
            smoothing,
            effective_order,
            ..
        } = self.options;
        format!(
            "nrefs:{references}|case:{}|eff:{}|tok:{}|smooth:{smoothing}",
            if lowercase { "lc" } else { "mixed" },
            if effective_order { "yes" } else { "no" },
            tokeniser.name(),
        )
    }

    /// The score of a whole corpus; `references[i]` are those of `hypotheses[i]`. Works in parallel and keeps
    /// no more than one chunk of segments per thread in memory.
    ///
    /// # Errors
    /// Lists of different lengths, or a segment without a reference.
    pub fn corpus<H, R, S>(&self, hypotheses: &[H], references: &[R]) -> Result<BleuScore, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        Ok(self.score(&self.corpus_statistics(hypotheses, references)?))
    }

    /// The summed statistics of a corpus, as [`Bleu::corpus`] uses them; merge those of the parts of a corpus
    /// that does not fit into memory.
    ///
    /// # Errors
    /// As [`Bleu::corpus`].
    pub fn corpus_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<BleuStatistics, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        corpus::sum(
            hypotheses.len(),
            || Worker::new(self.options),
            |worker, i| Ok(worker.pair(hypotheses, references, i)),
            BleuStatistics::merge,
        )
    }

    /// The statistics of every segment, for resampling tests.
    ///
    /// # Errors
    /// As [`Bleu::corpus`].
    pub fn segment_statistics<H, R, S>(
        &self,
        hypotheses: &[H],
        references: &[R],
    ) -> Result<Vec<BleuStatistics>, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(hypotheses, references)?;
        Ok(corpus::map(
            hypotheses.len(),
            || Worker::new(self.options),
            |worker, i| worker.pair(hypotheses, references, i),
        ))
    }

    /// Sentence BLEU: always with effective order, as a single sentence is often shorter than `max_order`.
    /// The mean of sentence scores is not corpus BLEU; use [`Bleu::corpus`] for more than one sentence.
    ///
    /// # Errors
    /// No reference.
    pub fn sentence<S: AsRef<str>>(
        &self,
        hypothesis: &str,
        references: &[S],
    ) -> Result<BleuScore, CorpusError> {
        if references.is_empty() {
            return Err(CorpusError::NoReferences { index: 0 });
        }
        let statistics = Worker::new(self.options).segment(hypothesis, references);
        let sentence = Self {
            options: BleuOptions {
                effective_order: true,
                ..self.options
            },
        };
        Ok(sentence.score(&statistics))
    }

    /// The score of these statistics.
    #[must_use]
    pub fn score(&self, statistics: &BleuStatistics) -> BleuScore {
        let order = self.options.max_order;
        let counts = statistics.correct.get(..order).unwrap_or(&[]);
        let totals = statistics.total.get(..order).unwrap_or(&[]);
        let lengths = (
            statistics.hypothesis_tokens as f64,
            statistics.reference_tokens as f64,
        );
        let float = |counts: &[u64]| counts.iter().map(|&c| c as f64).collect::<Vec<_>>();
        let (score, precisions, brevity_penalty) =
            self.combine(lengths.0, lengths.1, &float(counts), &float(totals));
        BleuScore {
            score,
            counts: counts.to_vec(),
            totals: totals.to_vec(),
            precisions,
            brevity_penalty,
            hypothesis_tokens: statistics.hypothesis_tokens,
            reference_tokens: statistics.reference_tokens,
        }
    }

    /// The score of a summed [`BleuStatistics::to_row`]; 0 for a row that is too short.
    #[must_use]
    pub fn score_row(&self, row: &[f64]) -> f64 {
        let order = self.options.max_order;
        match (
            row,
            row.get(2..2 + order),
            row.get(2 + ORDER_MAX..2 + ORDER_MAX + order),
        ) {
            ([hypothesis, reference, ..], Some(counts), Some(totals)) => {
                self.combine(*hypothesis, *reference, counts, totals).0
            }
            _ => 0.0,
        }
    }

    /// Score, precisions in percent and brevity penalty.
    fn combine(
        &self,
        hypothesis: f64,
        reference: f64,
        counts: &[f64],
        totals: &[f64],
    ) -> (f64, Vec<f64>, f64) {
        let brevity_penalty = if hypothesis >= reference {
            1.0
        } else if hypothesis > 0.0 {
            (1.0 - reference / hypothesis).exp()
        } else {
            0.0
        };
        let mut precisions = vec![0.0; counts.len()];
        if counts.iter().all(|&count| count == 0.0) {
            return (0.0, precisions, brevity_penalty);
        }
        let mut unmatched_weight = 1.0;
        let mut orders = counts.len();
        for (index, (precision, (&count, &total))) in
            precisions.iter_mut().zip(counts.iter().zip(totals)).enumerate()
        {
            let added = match self.options.smoothing {
                Smoothing::AddK(k) if index > 0 => k,
                _ => 0.0,
            };
            let (count, total) = (count + added, total + added);
            if total == 0.0 {
                break;
            }
            if self.options.effective_order {
                orders = index + 1;
            }
            *precision = if count > 0.0 {
                100.0 * count / total
            } else {
                match self.options.smoothing {
                    Smoothing::Exponential => {
                        unmatched_weight *= 2.0;
                        100.0 / (unmatched_weight * total)
                    }
                    Smoothing::Floor(value) => 100.0 * value / total,
                    Smoothing::None | Smoothing::AddK(_) => 0.0,
                }
            };
        }
        let used = precisions.get(..orders).unwrap_or(&[]);
        // The logarithm of zero is minus infinity and its exponential is zero: no special case.
        let mean_log = used.iter().map(|p| p.ln()).sum::<f64>() / orders as f64;
        (brevity_penalty * mean_log.exp(), precisions, brevity_penalty)
    }
}

/// One thread's tokeniser, interner and counter.
struct Worker {
    options: BleuOptions,
    scratch: Scratch,
    interner: Interner,
    counter: NgramCounter,
    tokens: Vec<u32>,
    ends: Vec<usize>,
}

impl Worker {
    fn new(options: BleuOptions) -> Self {
        Self {
            options,
            scratch: Scratch::default(),
            interner: Interner::new(),
            counter: NgramCounter::default(),
            tokens: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn pair<H, R, S>(&mut self, hypotheses: &[H], references: &[R], index: usize) -> BleuStatistics
    where
        H: AsRef<str>,
        R: AsRef<[S]>,
        S: AsRef<str>,
    {
        match (hypotheses.get(index), references.get(index)) {
            (Some(hypothesis), Some(references)) => self.segment(hypothesis.as_ref(), references.as_ref()),
            _ => BleuStatistics::default(),
        }
    }

    fn segment<S: AsRef<str>>(&mut self, hypothesis: &str, references: &[S]) -> BleuStatistics {
        self.interner.clear();
        self.tokens.clear();
        self.ends.clear();
        self.read(hypothesis);
        for reference in references {
            self.read(reference.as_ref());
        }
        let mut starts = std::iter::once(0).chain(self.ends.iter().copied());
        let mut texts = self
            .ends
            .iter()
            .zip(&mut starts)
            .map(|(&end, start)| self.tokens.get(start..end).unwrap_or(&[]));
        let hypothesis = texts.next().unwrap_or(&[]);
        let references: Vec<&[u32]> = texts.collect();
        let closest = references
            .iter()
            .map(|reference| reference.len())
            .min_by_key(|&length| (length.abs_diff(hypothesis.len()), length))
            .unwrap_or(0);
        let mut statistics = BleuStatistics {
            hypothesis_tokens: hypothesis.len() as u64,
            reference_tokens: closest as u64,
            ..BleuStatistics::default()
        };
        let order = self.options.max_order;
        for (index, total) in statistics.total.iter_mut().take(order).enumerate() {
            *total = ngram::total(hypothesis.len(), index + 1);
        }
        if let Some(correct) = statistics.correct.get_mut(..order) {
            self.counter
                .clipped_matches(hypothesis, &references, self.interner.len(), correct);
        }
        statistics
    }

    fn read(&mut self, text: &str) {
        let text = text.trim_end_matches(crate::chars::is_space);
        let lower = if self.options.lowercase {
            lowercase(text)
        } else {
            text.into()
        };
        let (interner, tokens) = (&mut self.interner, &mut self.tokens);
        self.options
            .tokeniser
            .for_each(&lower, &mut self.scratch, |token| {
                tokens.push(interner.intern(token));
            });
        self.ends.push(self.tokens.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "[ab,.5é字 ]{0,20}";

    /// Protects the defined values at the edges.
    #[test]
    fn edges_have_defined_values() {
        let bleu = Bleu::default();
        let none: [[&str; 1]; 0] = [];
        assert_eq!(bleu.corpus::<&str, _, _>(&[], &none).unwrap().score, 0.0);
        assert_eq!(bleu.sentence("", &["a b"]).unwrap().score, 0.0);
        assert_eq!(bleu.sentence("a b", &[""]).unwrap().score, 0.0);
        assert_eq!(bleu.sentence("", &[""]).unwrap().score, 0.0);
        assert!((bleu.sentence("a", &["a"]).unwrap().score - 100.0).abs() < 1e-9);
        assert!(bleu.sentence::<&str>("a", &[]).is_err());
        assert!(bleu.corpus(&["a"], &none).is_err());
        for (max_order, ok) in [(0, false), (1, true), (9, true), (10, false)] {
            assert_eq!(
                Bleu::try_new(BleuOptions {
                    max_order,
                    ..Default::default()
                })
                .is_ok(),
                ok
            );
        }
        let smoothing = Smoothing::Floor(f64::NAN);
        assert!(
            Bleu::try_new(BleuOptions {
                smoothing,
                ..Default::default()
            })
            .is_err()
        );
    }

    /// Protects the choice of the closest reference: the shorter one when two are equally close.
    #[test]
    fn the_shorter_of_two_equally_close_references_counts() {
        let statistics = Bleu::default()
            .corpus_statistics(&["a b c"], &[["a b c d", "a b"]])
            .unwrap();
        assert_eq!(
            (statistics.hypothesis_tokens, statistics.reference_tokens),
            (3, 2)
        );
    }

    proptest! {
        /// Protects bounds, the maximum for identical text, and independence of the order of references.
        #[test]
        fn scores_are_bounded(h in TEXT, r in TEXT, s in TEXT, tokeniser in 0_usize..5) {
            let tokeniser = Tokeniser::ALL[tokeniser];
            let bleu = Bleu::try_new(BleuOptions { tokeniser, ..Default::default() }).unwrap();
            let score = bleu.sentence(&h, &[&r, &s]).unwrap();
            prop_assert!((0.0..=100.0 + 1e-9).contains(&score.score));
            prop_assert_eq!(&score, &bleu.sentence(&h, &[&s, &r]).unwrap());
            let own = bleu.sentence(&h, &[&h]).unwrap();
            if own.hypothesis_tokens > 0 {
                prop_assert!((own.score - 100.0).abs() < 1e-9);
                prop_assert!(score.score <= own.score + 1e-9);
            }
        }

        /// Protects merging: the statistics of two halves add up to those of the whole, however split.
        #[test]
        fn parts_add_up(pairs in prop::collection::vec((TEXT, TEXT), 0..12), cut in 0_usize..12) {
            let (h, r): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(h, r)| (h, [r])).unzip();
            let cut = cut.min(h.len());
            let bleu = Bleu::default();
            let whole = bleu.corpus_statistics(&h, &r).unwrap();
            let mut parts = bleu.corpus_statistics(&h[..cut], &r[..cut]).unwrap();
            parts.merge(&bleu.corpus_statistics(&h[cut..], &r[cut..]).unwrap());
            prop_assert_eq!(whole, parts);
            let mut row = vec![0.0; whole.to_row().len()];
            for segment in bleu.segment_statistics(&h, &r).unwrap() {
                row.iter_mut().zip(segment.to_row()).for_each(|(sum, x)| *sum += x);
            }
            prop_assert_eq!(bleu.score_row(&row), bleu.score(&whole).score);
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_is_scored(h in any::<String>(), r in any::<String>()) {
            prop_assert!(Bleu::default().sentence(&h, &[r]).unwrap().score.is_finite());
        }
    }
}
