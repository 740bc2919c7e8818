//! What a summary takes from its article, how much it repeats itself, and matching of given embeddings.
//! Apart from ROUGE because nothing here needs a reference summary.

use crate::chars::words;
use crate::intern::Interner;
use crate::normalise::lowercase;
use std::collections::HashSet;

/// Extractiveness of a summary (Grusky et al. 2018, "Newsroom").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extractiveness {
    /// Share of the summary's words that lie in fragments copied from the article, 0 to 1; 0 for an empty summary.
    pub coverage: f64,
    /// Mean length of the fragment that a word of the summary lies in, 0 to the summary's length; 0 for an empty
    /// summary.
    pub density: f64,
    /// Words of the article per word of the summary; `None` for an empty summary.
    pub compression: Option<f64>,
    /// For n = 1 to 4 the share of the summary's different n-grams that the article does not have, 0 to 1; `None`
    /// where the summary has no n-gram.
    pub novel: [Option<f64>; 4],
}

/// Comparisons beyond which a pair of texts is refused; only texts that repeat one word very often get there.
pub const COMPARISONS_MAX: u64 = 1 << 32;

/// The words of the summary stand in too many places of the article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "article and summary are too long and repetitive: {comparisons} places to compare, expected at most \
     {COMPARISONS_MAX}; hint: split the article"
)]
pub struct TooRepetitive {
    /// Places of the article that the words of the summary stand in, added up.
    pub comparisons: u64,
}

/// Greedy extractive fragments over lower-cased words at white space: from each word of the summary that is not
/// yet in a fragment, the longest run that also stands in the article.
///
/// Source: Grusky et al. 2018, figure 3. Their search goes on behind a match in the article, so that a longer
/// match that overlaps an earlier one is not seen; kept. Identical texts have coverage 1 and density equal to
/// their length.
///
/// # Errors
/// More than [`COMPARISONS_MAX`] places to compare.
///
/// ```
/// let found = seatrial_text::summary::extractiveness("the cat sat on the mat", "the cat on a mat")?;
/// assert_eq!(found.coverage, 0.8);
/// assert_eq!(found.novel[0], Some(0.2));
/// # Ok::<(), seatrial_text::summary::TooRepetitive>(())
/// ```
pub fn extractiveness(article: &str, summary: &str) -> Result<Extractiveness, TooRepetitive> {
    let mut interner = Interner::new();
    let mut read = |text: &str| -> Vec<u32> {
        words(&lowercase(text))
            .map(|word| interner.intern(word))
            .collect()
    };
    let (article, summary) = (read(article), read(summary));
    let mut places = vec![Vec::new(); interner.len()];
    for (place, &word) in article.iter().enumerate() {
        if let Some(places) = places.get_mut(word as usize) {
            places.push(place);
        }
    }
    let places_of = |word: u32| places.get(word as usize).map_or(&[][..], Vec::as_slice);
    let comparisons = summary.iter().map(|&word| places_of(word).len() as u64).sum();
    if comparisons > COMPARISONS_MAX {
        return Err(TooRepetitive { comparisons });
    }
    let (mut covered, mut squares) = (0_u64, 0_u64);
    let mut at = 0;
    while let Some(&word) = summary.get(at) {
        let mut longest = 0;
        let mut resume = 0;
        for &place in places_of(word) {
            if place < resume {
                continue;
            }
            let run = article
                .iter()
                .skip(place)
                .zip(summary.iter().skip(at))
                .take_while(|(a, b)| a == b)
                .count();
            longest = longest.max(run);
            resume = place + run;
        }
        covered += longest as u64;
        squares += (longest as u64).saturating_mul(longest as u64);
        at += longest.max(1);
    }
    let length = summary.len().max(1) as f64;
    Ok(Extractiveness {
        coverage: covered as f64 / length,
        density: squares as f64 / length,
        compression: (!summary.is_empty()).then(|| article.len() as f64 / length),
        novel: [1, 2, 3, 4].map(|n| {
            let mine = grams(&summary, n);
            let theirs = grams(&article, n);
            let novel = mine.iter().filter(|gram| !theirs.contains(*gram)).count();
            (!mine.is_empty()).then(|| novel as f64 / mine.len() as f64)
        }),
    })
}

fn grams(text: &[u32], n: usize) -> HashSet<&[u32]> {
    text.windows(n).collect()
}

/// How varied and how repetitive a text is, over lower-cased words at white space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diversity {
    /// For n = 1 to 4, different n-grams ÷ n-grams (distinct-n, Li et al. 2016; for n = 1 the type–token ratio),
    /// above 0 to 1; `None` where the text has no n-gram. 1 − this is the share of repeated n-grams.
    pub distinct: [Option<f64>; 4],
    /// Most times that a word stands in immediate succession; 0 for an empty text.
    pub longest_run: usize,
}

impl Diversity {
    /// Share of n-grams that repeat an earlier one, 0 to below 1, for n = 1 to 4; `None` where undefined.
    #[must_use]
    pub fn repeated(&self, n: usize) -> Option<f64> {
        let distinct = n
            .checked_sub(1)
            .and_then(|index| self.distinct.get(index))
            .copied()
            .flatten();
        distinct.map(|distinct| 1.0 - distinct)
    }
}

/// Measures variety and repetition. Longer texts repeat more by nature: compare texts of similar length.
///
/// ```
/// let found = seatrial_text::summary::diversity("the the THE loop");
/// assert_eq!((found.distinct[0], found.longest_run), (Some(0.5), 3));
/// assert_eq!(found.repeated(2), Some(1.0 - 2.0 / 3.0));
/// ```
#[must_use]
pub fn diversity(text: &str) -> Diversity {
    let mut interner = Interner::new();
    let text: Vec<u32> = words(&lowercase(text))
        .map(|word| interner.intern(word))
        .collect();
    Diversity {
        distinct: [1, 2, 3, 4].map(|n| {
            let total = text.windows(n).len();
            (total > 0).then(|| grams(&text, n).len() as f64 / total as f64)
        }),
        longest_run: text.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0),
    }
}

/// One side of [`greedy_match`]: a vector and a weight per token.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedTokens<'a> {
    /// One unit-length vector per token, all of the same dimension.
    pub vectors: &'a [Vec<f64>],
    /// Inverse document frequencies, finite, not negative and not all zero.
    pub weights: &'a [f64],
}

/// What [`greedy_match`] finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreedyMatch {
    /// Weighted mean over candidate tokens of the largest cosine with a reference token, −1 to 1.
    pub precision: f64,
    /// The same over reference tokens.
    pub recall: f64,
    /// 2·P·R ÷ (P + R); 0 if P + R is 0.
    pub f1: f64,
    /// (F1 − baseline) ÷ (1 − baseline).
    pub f1_rescaled: f64,
}

/// Embeddings that cannot be matched.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GreedyMatchError {
    /// A side has no token.
    #[error("the {side} has no tokens, expected at least one")]
    Empty {
        /// `candidate` or `reference`.
        side: &'static str,
    },
    /// A vector has another dimension than the first one.
    #[error("{side} vector {index} has {found} numbers, expected {expected}")]
    Dimension {
        /// `candidate` or `reference`.
        side: &'static str,
        /// 0-based index of the token.
        index: usize,
        /// Numbers found.
        found: usize,
        /// Dimension of the first candidate vector.
        expected: usize,
    },
    /// A vector holds an infinity or NaN.
    #[error("{side} vector {index} holds a number that is not finite")]
    NotFinite {
        /// `candidate` or `reference`.
        side: &'static str,
        /// 0-based index of the token.
        index: usize,
    },
    /// There is not one finite weight ≥ 0 per token, or all are zero.
    #[error(
        "the {side} has {found} weights for {expected} tokens, expected one finite number >= 0 each, not all 0"
    )]
    Weights {
        /// `candidate` or `reference`.
        side: &'static str,
        /// Weights found.
        found: usize,
        /// Tokens.
        expected: usize,
    },
    /// The baseline is not below 1.
    #[error("baseline is {found}, expected a finite number < 1")]
    Baseline {
        /// The baseline asked for.
        found: f64,
    },
}

/// The matching of BERTScore (Zhang et al. 2020) on given embeddings: each token with its most similar one on the
/// other side, by cosine. The embeddings come from outside; this crate has no encoder.
///
/// # Errors
/// Empty sides, vectors of different dimension or with numbers that are not finite, unusable weights or baseline.
///
/// ```
/// use seatrial_text::summary::{EmbeddedTokens, greedy_match};
/// let vectors = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
/// let side = EmbeddedTokens { vectors: &vectors, weights: &[1.0, 3.0] };
/// assert_eq!(greedy_match(side, side, 0.5)?.f1_rescaled, 1.0);
/// # Ok::<(), seatrial_text::summary::GreedyMatchError>(())
/// ```
pub fn greedy_match(
    candidate: EmbeddedTokens<'_>,
    reference: EmbeddedTokens<'_>,
    baseline: f64,
) -> Result<GreedyMatch, GreedyMatchError> {
    if !(baseline.is_finite() && baseline < 1.0) {
        return Err(GreedyMatchError::Baseline { found: baseline });
    }
    let dimension = candidate.vectors.first().map_or(0, Vec::len);
    check_side("candidate", candidate, dimension)?;
    check_side("reference", reference, dimension)?;
    let mut best_candidate = vec![f64::NEG_INFINITY; candidate.vectors.len()];
    let mut best_reference = vec![f64::NEG_INFINITY; reference.vectors.len()];
    for (mine, best_mine) in candidate.vectors.iter().zip(&mut best_candidate) {
        for (other, best_other) in reference.vectors.iter().zip(&mut best_reference) {
            let cosine: f64 = mine.iter().zip(other).map(|(x, y)| x * y).sum();
            *best_mine = best_mine.max(cosine);
            *best_other = best_other.max(cosine);
        }
    }
    let mean = |best: &[f64], weights: &[f64]| {
        let total: f64 = weights.iter().sum();
        best.iter()
            .zip(weights)
            .map(|(best, weight)| best * weight)
            .sum::<f64>()
            / total
    };
    let precision = mean(&best_candidate, candidate.weights);
    let recall = mean(&best_reference, reference.weights);
    let sum = precision + recall;
    let f1 = if sum == 0.0 {
        0.0
    } else {
        2.0 * precision * recall / sum
    };
    Ok(GreedyMatch {
        precision,
        recall,
        f1,
        f1_rescaled: (f1 - baseline) / (1.0 - baseline),
    })
}

fn check_side(
    side: &'static str,
    tokens: EmbeddedTokens<'_>,
    dimension: usize,
) -> Result<(), GreedyMatchError> {
    let EmbeddedTokens { vectors, weights } = tokens;
    if vectors.is_empty() {
        return Err(GreedyMatchError::Empty { side });
    }
    for (index, vector) in vectors.iter().enumerate() {
        if vector.len() != dimension {
            return Err(GreedyMatchError::Dimension {
                side,
                index,
                found: vector.len(),
                expected: dimension,
            });
        }
        if !vector.iter().all(|x| x.is_finite()) {
            return Err(GreedyMatchError::NotFinite { side, index });
        }
    }
    let total: f64 = weights.iter().sum();
    if weights.len() != vectors.len()
        || !weights.iter().all(|&weight| weight >= 0.0)
        || !(total.is_finite() && total > 0.0)
    {
        return Err(GreedyMatchError::Weights {
            side,
            found: weights.len(),
            expected: vectors.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the defined values of empty texts.
    #[test]
    fn edges_have_defined_values() {
        let empty = extractiveness("a b", "").unwrap();
        assert_eq!(
            (empty.coverage, empty.density, empty.compression),
            (0.0, 0.0, None)
        );
        assert_eq!(empty.novel, [None; 4]);
        assert_eq!(extractiveness("", "a b").unwrap().coverage, 0.0);
        let article = "a b ".repeat(100_000);
        let comparisons = 100_000 * 100_000;
        assert_eq!(
            extractiveness(&article, &"a c ".repeat(100_000)),
            Err(TooRepetitive { comparisons })
        );
        let empty = diversity(" ");
        assert_eq!(
            (empty.distinct, empty.longest_run, empty.repeated(0)),
            ([None; 4], 0, None)
        );
    }

    /// Protects each refusal of embeddings.
    #[test]
    fn bad_embeddings_are_refused() {
        let one = vec![vec![1.0]];
        let two = vec![vec![1.0, 0.0]];
        let nan = vec![vec![f64::NAN]];
        let side = |vectors, weights| EmbeddedTokens { vectors, weights };
        let good = side(&one, &[1.0]);
        assert!(greedy_match(good, good, 0.0).is_ok());
        for bad in [
            side(&[], &[]),
            side(&two, &[1.0]),
            side(&nan, &[1.0]),
            side(&one, &[]),
            side(&one, &[0.0]),
        ] {
            assert!(greedy_match(good, bad, 0.0).is_err());
        }
        assert!(greedy_match(good, side(&one, &[f64::NAN]), 0.0).is_err());
        assert!(greedy_match(good, good, 1.0).is_err());
    }

    proptest! {
        /// Protects bounds and the values for identical texts, and against panics on any text.
        #[test]
        fn shares_are_shares(a in "([abc] ){0,30}", s in "([abc] ){0,12}", any in any::<String>()) {
            let found = extractiveness(&a, &s).unwrap();
            for share in found.novel.into_iter().flatten().chain([found.coverage]) {
                prop_assert!((0.0..=1.0).contains(&share));
            }
            let own = extractiveness(&any, &any).unwrap();
            let n = words(&lowercase(&any)).count();
            if n > 0 {
                prop_assert_eq!((own.coverage, own.density), (1.0, n as f64));
                prop_assert_eq!(own.novel[0], Some(0.0));
            }
            let found = diversity(&any);
            prop_assert!(found.longest_run <= n);
            for share in found.distinct.into_iter().flatten() {
                prop_assert!(share > 0.0 && share <= 1.0);
            }
        }
    }
}
