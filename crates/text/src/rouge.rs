//! ROUGE-N, ROUGE-L and ROUGE-Lsum (Lin 2004) as Google's rouge-score defines them.
//! Apart because it reads words in its own way and keeps a stem cache from text to text.

use crate::corpus::{self, CorpusError};
use crate::intern::{Interner, Renumber};
use crate::lcs::Lcs;
use crate::ngram::{self, NgramCounter};
use crate::normalise::{lowercase, nfkc};
use crate::porter::stem;
use unicode_segmentation::UnicodeSegmentation;

/// Different words that one thread remembers before it starts again: bounds memory on endless corpora.
const WORDS_KEPT: usize = 1 << 17;

/// One kind of ROUGE.
///
/// ```
/// use seatrial_text::rouge::RougeKind;
/// assert_eq!(RougeKind::by_name("rouge2"), Some(RougeKind::N(2)));
/// assert_eq!(RougeKind::by_name("rougel"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RougeKind {
    /// `rouge1` to `rouge9`: clipped matches of n-grams of words. Orders outside 1 to 9 count as the nearest.
    N(u8),
    /// `rougeL`: the longest common subsequence of the two texts, lines ignored.
    L,
    /// `rougeLsum`: per reference line the union of its longest common subsequences with every candidate line,
    /// each word counted no more often than it occurs. On single lines the same as `rougeL`.
    Lsum,
}

impl RougeKind {
    /// The kind of this name: `rouge1` … `rouge9`, `rougeL`, `rougeLsum`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name.strip_prefix("rouge")? {
            "L" => Some(Self::L),
            "Lsum" => Some(Self::Lsum),
            digit => match digit.as_bytes() {
                [order @ b'1'..=b'9'] => Some(Self::N(order - b'0')),
                _ => None,
            },
        }
    }

    fn order(self) -> Option<usize> {
        match self {
            Self::N(order) => Some(usize::from(order.clamp(1, 9))),
            Self::L | Self::Lsum => None,
        }
    }
}

impl std::fmt::Display for RougeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::N(_) => write!(f, "rouge{}", self.order().unwrap_or(1)),
            Self::L => f.write_str("rougeL"),
            Self::Lsum => f.write_str("rougeLsum"),
        }
    }
}

/// What ROUGE takes for a word.
///
/// ```
/// use seatrial_text::rouge::RougeTokeniser;
/// assert_eq!(RougeTokeniser::by_name("unicode"), Some(RougeTokeniser::Unicode));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RougeTokeniser {
    /// `reference`: runs of `a`–`z` and `0`–`9` of the lower-cased text, as rouge-score and ROUGE-1.5.5 have it.
    /// Text in any other script has no words at all and scores 0: `café` is `caf`, `привет` is nothing.
    #[default]
    Reference,
    /// `unicode`: words by UAX #29 of the lower-cased NFKC text; each Chinese character is a word. For text that
    /// is not plain English; scores do not compare with published ones.
    Unicode,
}

impl RougeTokeniser {
    /// The tokeniser of this name: `reference` or `unicode`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "reference" => Some(Self::Reference),
            "unicode" => Some(Self::Unicode),
            _ => None,
        }
    }

    fn for_each(self, text: &str, mut each: impl FnMut(&str)) {
        match self {
            Self::Reference => {
                let lower = lowercase(text);
                lower
                    .split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()))
                    .filter(|word| !word.is_empty())
                    .for_each(each);
            }
            Self::Unicode => lowercase(&nfkc(text)).unicode_words().for_each(&mut each),
        }
    }
}

/// How ROUGE reads words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RougeOptions {
    /// Stem words of more than three characters with [Porter's stemmer](crate::porter::stem).
    pub stem: bool,
    /// What a word is.
    pub tokeniser: RougeTokeniser,
}

/// Shares of matched words or n-grams, each 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RougeScore {
    /// Matches ÷ those of the candidate; 0 if it has none.
    pub precision: f64,
    /// Matches ÷ those of the reference; 0 if it has none.
    pub recall: f64,
    /// Harmonic mean of both; 0 if both are 0.
    pub f: f64,
}

impl RougeScore {
    fn of(matches: u64, candidate: u64, reference: u64) -> Self {
        let precision = matches as f64 / candidate.max(1) as f64;
        let recall = matches as f64 / reference.max(1) as f64;
        let sum = precision + recall;
        Self {
            precision,
            recall,
            f: if sum > 0.0 {
                2.0 * precision * recall / sum
            } else {
                0.0
            },
        }
    }
}

/// The ROUGE metric.
///
/// Precision, recall and F1 of the overlap of a candidate text with a reference: n-grams, or the longest common
/// subsequence, of lower-cased words. Source: Lin 2004, rouge-score 0.1.2, equal to the last bit. All values
/// are 0 to 1, 1 for identical text with at least one word (n words for `rougeN`); a side without words scores
/// 0, never NaN.
///
/// ```
/// use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions};
/// let rouge = Rouge::new(RougeOptions { stem: true, ..RougeOptions::default() });
/// let scores = rouge.score("the cats sat on the mat", "a cat sat on mats", &[RougeKind::N(1), RougeKind::L]);
/// assert!((scores[0].f - 0.727273).abs() < 1e-6 && (scores[1].precision - 0.8).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rouge {
    options: RougeOptions,
}

impl Rouge {
    /// A metric with these options; every combination is allowed.
    #[must_use]
    pub fn new(options: RougeOptions) -> Self {
        Self { options }
    }

    /// The words that are compared, in order.
    ///
    /// ```
    /// use seatrial_text::rouge::{Rouge, RougeOptions};
    /// let rouge = Rouge::new(RougeOptions { stem: true, ..RougeOptions::default() });
    /// assert_eq!(rouge.words("The cats' e-mails"), ["the", "cat", "e", "mail"]);
    /// ```
    #[must_use]
    pub fn words(&self, text: &str) -> Vec<String> {
        let mut out = Vec::new();
        self.options.tokeniser.for_each(text, |word| {
            let word = if self.options.stem && is_stemmed(word) {
                stem(word)
            } else {
                word.to_owned()
            };
            if !word.is_empty() {
                out.push(word);
            }
        });
        out
    }

    /// The scores of a candidate against one reference, in the order of `kinds`.
    #[must_use]
    pub fn score(&self, reference: &str, candidate: &str, kinds: &[RougeKind]) -> Vec<RougeScore> {
        Worker::new(self.options).score(reference, candidate, kinds)
    }

    /// The scores against several references: for each kind those of the reference with the highest F1, the
    /// first of equally good ones.
    ///
    /// # Errors
    /// No reference.
    pub fn score_best<S: AsRef<str>>(
        &self,
        references: &[S],
        candidate: &str,
        kinds: &[RougeKind],
    ) -> Result<Vec<RougeScore>, CorpusError> {
        if references.is_empty() {
            return Err(CorpusError::NoReferences { index: 0 });
        }
        Ok(Worker::new(self.options).best(references, candidate, kinds))
    }

    /// [`Rouge::score_best`] for many candidates, in parallel; `references[i]` are those of `candidates[i]`.
    /// Results are in the order of the candidates. The mean of a score over candidates is what is published.
    ///
    /// ```
    /// use seatrial_text::rouge::{Rouge, RougeKind};
    /// let scores = Rouge::default().score_all(&[["a b"], ["c"]], &["a b", "d"], &[RougeKind::L])?;
    /// assert_eq!((scores[0][0].f, scores[1][0].f), (1.0, 0.0));
    /// # Ok::<(), seatrial_text::corpus::CorpusError>(())
    /// ```
    ///
    /// # Errors
    /// Lists of different lengths, or a candidate without a reference.
    pub fn score_all<C, R, S>(
        &self,
        references: &[R],
        candidates: &[C],
        kinds: &[RougeKind],
    ) -> Result<Vec<Vec<RougeScore>>, CorpusError>
    where
        C: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        corpus::check(candidates, references)?;
        Ok(corpus::map(
            candidates.len(),
            || Worker::new(self.options),
            |worker, i| match (references.get(i), candidates.get(i)) {
                (Some(references), Some(candidate)) => {
                    worker.best(references.as_ref(), candidate.as_ref(), kinds)
                }
                _ => Vec::new(),
            },
        ))
    }
}

fn is_stemmed(word: &str) -> bool {
    word.chars().nth(3).is_some()
}

/// A text as numbers, line by line.
#[derive(Debug, Default)]
struct Lines {
    words: Vec<u32>,
    /// End of each line in `words`; lines without any character are left out.
    ends: Vec<usize>,
}

impl Lines {
    fn iter(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| self.words.get(start..end).unwrap_or(&[]))
    }
}

/// Turns text into numbers: equal numbers for words that count as equal.
struct Reader {
    options: RougeOptions,
    /// Words as they stand in the text.
    raw: Interner,
    /// Words as they are compared.
    compared: Interner,
    /// For each raw word the compared one; `None` if nothing is left of it.
    stems: Vec<Option<u32>>,
    pair: Renumber,
}

impl Reader {
    /// Starts a pair of texts, whose numbers are dense.
    fn start_pair(&mut self) {
        if self.raw.len() > WORDS_KEPT {
            self.raw.clear();
            self.compared.clear();
            self.stems.clear();
        }
        self.pair.restart();
    }

    /// The words of a text, line by line. A line break is a word boundary for both tokenisers, so that the words
    /// of the lines are those of the text.
    fn read(&mut self, text: &str, lines: &mut Lines) {
        lines.words.clear();
        lines.ends.clear();
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            self.options.tokeniser.for_each(line, |word| {
                let raw = self.raw.intern(word) as usize;
                if raw == self.stems.len() {
                    let compared = if self.options.stem && is_stemmed(word) {
                        let stem = stem(word);
                        (!stem.is_empty()).then(|| self.compared.intern(&stem))
                    } else {
                        Some(self.compared.intern(word))
                    };
                    self.stems.push(compared);
                }
                if let Some(Some(compared)) = self.stems.get(raw) {
                    lines.words.push(self.pair.number(*compared));
                }
            });
            lines.ends.push(lines.words.len());
        }
    }
}

/// One thread's stem cache and working memory.
struct Worker {
    reader: Reader,
    counter: NgramCounter,
    lcs: Lcs,
    reference: Lines,
    candidate: Lines,
}

impl Worker {
    fn new(options: RougeOptions) -> Self {
        Self {
            reader: Reader {
                options,
                raw: Interner::new(),
                compared: Interner::new(),
                stems: Vec::new(),
                pair: Renumber::default(),
            },
            counter: NgramCounter::default(),
            lcs: Lcs::default(),
            reference: Lines::default(),
            candidate: Lines::default(),
        }
    }

    fn best<S: AsRef<str>>(
        &mut self,
        references: &[S],
        candidate: &str,
        kinds: &[RougeKind],
    ) -> Vec<RougeScore> {
        let mut best: Vec<RougeScore> = Vec::new();
        for reference in references {
            let scores = self.score(reference.as_ref(), candidate, kinds);
            if best.is_empty() {
                best = scores;
                continue;
            }
            for (best, score) in best.iter_mut().zip(scores) {
                if score.f > best.f {
                    *best = score;
                }
            }
        }
        best
    }

    fn score(&mut self, reference: &str, candidate: &str, kinds: &[RougeKind]) -> Vec<RougeScore> {
        self.reader.start_pair();
        self.reader.read(reference, &mut self.reference);
        self.reader.read(candidate, &mut self.candidate);
        let mut matches = [0_u64; 9];
        let orders = kinds.iter().filter_map(|kind| kind.order()).max().unwrap_or(0);
        let matches = matches.get_mut(..orders).unwrap_or_default();
        let (words, reference_words) = (&self.candidate.words, &self.reference.words);
        self.counter
            .clipped_matches(words, &[reference_words], self.reader.pair.len(), matches);
        let lengths = (words.len(), reference_words.len());
        let mut whole = None;
        let mut scores = Vec::with_capacity(kinds.len());
        for &kind in kinds {
            scores.push(match kind.order() {
                Some(order) => RougeScore::of(
                    matches.get(order - 1).copied().unwrap_or(0),
                    ngram::total(lengths.0, order),
                    ngram::total(lengths.1, order),
                ),
                None => {
                    let matched = if kind == RougeKind::L || self.is_one_line() {
                        *whole.get_or_insert_with(|| self.lcs())
                    } else {
                        self.lcs_by_line()
                    };
                    RougeScore::of(matched, lengths.0 as u64, lengths.1 as u64)
                }
            });
        }
        scores
    }

    fn lcs(&mut self) -> u64 {
        self.lcs.length(
            &self.reference.words,
            &self.candidate.words,
            self.reader.pair.len(),
        ) as u64
    }

    fn is_one_line(&self) -> bool {
        self.reference.ends.len() <= 1 && self.candidate.ends.len() <= 1
    }

    fn lcs_by_line(&mut self) -> u64 {
        let alphabet = self.reader.pair.len();
        let count = |words: &[u32]| {
            let mut counts = vec![0_u32; alphabet];
            for &word in words {
                if let Some(count) = counts.get_mut(word as usize) {
                    *count += 1;
                }
            }
            counts
        };
        let mut in_reference = count(&self.reference.words);
        let mut in_candidate = count(&self.candidate.words);
        // The union over candidate lines, for every word of the reference.
        let mut marks = vec![false; self.reference.words.len()];
        for other in self.candidate.iter() {
            self.lcs.index(other, alphabet);
            let mut rest = marks.as_mut_slice();
            for line in self.reference.iter() {
                let Some((of_line, after)) = rest.split_at_mut_checked(line.len()) else {
                    break;
                };
                self.lcs.mark(line, other, of_line);
                rest = after;
            }
        }
        let mut hits = 0;
        for (&word, _) in self
            .reference
            .words
            .iter()
            .zip(&marks)
            .filter(|&(_, &marked)| marked)
        {
            let counts = (
                in_reference.get_mut(word as usize),
                in_candidate.get_mut(word as usize),
            );
            if let (Some(r @ 1..), Some(c @ 1..)) = counts {
                *r -= 1;
                *c -= 1;
                hits += 1;
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KINDS: [RougeKind; 4] = [RougeKind::N(1), RougeKind::N(2), RougeKind::L, RougeKind::Lsum];
    const TEXT: &str = "([abé字]|the |cats\n|cat |\n| ){0,20}";

    /// Protects the names, also those that are close.
    #[test]
    fn names_are_read_and_written() {
        for name in ["rouge1", "rouge9", "rougeL", "rougeLsum"] {
            assert_eq!(RougeKind::by_name(name).unwrap().to_string(), name);
        }
        for name in ["rouge0", "rouge10", "rougel", "rouge", "L"] {
            assert_eq!(RougeKind::by_name(name), None);
        }
    }

    /// Protects the difference between the tokenisers, the reason why there are two.
    #[test]
    fn other_scripts_need_the_unicode_tokeniser() {
        let reference = Rouge::default();
        let unicode = Rouge::new(RougeOptions {
            tokeniser: RougeTokeniser::Unicode,
            stem: false,
        });
        assert_eq!(reference.words("Café привет 你好 K"), ["caf", "k"]);
        assert_eq!(
            unicode.words("Café привет 你好 don't"),
            ["café", "привет", "你", "好", "don't"]
        );
        assert_eq!(reference.score("привет", "привет", &KINDS)[0].f, 0.0);
        assert_eq!(unicode.score("привет", "привет", &KINDS)[0].f, 1.0);
    }

    /// Protects Lsum where lines share words: the union counts each word once per occurrence.
    #[test]
    fn lsum_is_a_union_over_lines() {
        let scores =
            Rouge::default().score("a b c d\ne f", "a c x\nb d\nf", &[RougeKind::L, RougeKind::Lsum]);
        assert!((scores[0].recall - 4.0 / 6.0).abs() < 1e-12);
        assert!((scores[1].recall - 5.0 / 6.0).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// Protects the batch: the same scores as one by one, also over more texts than one chunk.
        #[test]
        fn batch_equals_one_by_one(pairs in prop::collection::vec((TEXT, TEXT, TEXT), 1..6)) {
            let rouge = Rouge::new(RougeOptions { stem: true, ..Default::default() });
            let pairs: Vec<_> = pairs.iter().cycle().take(600).cloned().collect();
            let (r, c): (Vec<_>, Vec<_>) = pairs.into_iter().map(|(r, s, c)| ([r, s], c)).unzip();
            let all = rouge.score_all(&r, &c, &KINDS).unwrap();
            for ((r, c), scores) in r.iter().zip(&c).zip(all) {
                prop_assert_eq!(rouge.score_best(r, c, &KINDS).unwrap(), scores);
            }
        }
    }

    proptest! {
        /// Protects bounds, the maximum for identical text, and the symmetry of precision and recall.
        #[test]
        fn scores_are_bounded(r in TEXT, c in TEXT, stem: bool, tokeniser: bool) {
            let tokeniser = if tokeniser { RougeTokeniser::Unicode } else { RougeTokeniser::Reference };
            let rouge = Rouge::new(RougeOptions { stem, tokeniser });
            let scores = rouge.score(&r, &c, &KINDS);
            let back = rouge.score(&c, &r, &KINDS);
            for (kind, (score, back)) in KINDS.iter().zip(scores.iter().zip(&back)) {
                for x in [score.precision, score.recall, score.f] {
                    prop_assert!((0.0..=1.0).contains(&x), "{} {}", kind, x);
                }
                if *kind != RougeKind::Lsum {
                    prop_assert_eq!(score.precision, back.recall);
                    prop_assert!((score.f - back.f).abs() < 1e-12);
                }
            }
            let own = rouge.score(&r, &r, &KINDS);
            let words = rouge.words(&r).len();
            for (kind, own) in KINDS.iter().zip(own) {
                let enough = words >= kind.order().unwrap_or(1);
                prop_assert_eq!(own.f, f64::from(u8::from(enough)));
            }
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_is_scored(r in any::<String>(), c in any::<String>()) {
            let rouge = Rouge::new(RougeOptions { stem: true, tokeniser: RougeTokeniser::Unicode });
            prop_assert!(rouge.score(&r, &c, &KINDS).iter().all(|s| s.f.is_finite()));
        }
    }
}
