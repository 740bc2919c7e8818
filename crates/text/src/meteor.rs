//! METEOR with the exact and stem stages (Lavie & Agarwal 2007), as NLTK aligns words.
//! Apart from ROUGE, with which it shares only the stemmer. Called `meteor-es` where it is named: the synonym
//! stage needs WordNet, so that values do not compare with published METEOR.

use crate::chars::words;
use crate::normalise::lowercase;
use crate::porter::stem;
use std::collections::HashMap;

/// Weights of METEOR. The default is that of the 2007 paper and of NLTK.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeteorOptions {
    /// Weight of precision in the harmonic mean, within 0 to 1; 0.9.
    pub alpha: f64,
    /// Exponent of the fragmentation; 3.
    pub beta: f64,
    /// Largest penalty, 0 to 1; 0.5.
    pub gamma: f64,
}

impl Default for MeteorOptions {
    fn default() -> Self {
        Self {
            alpha: 0.9,
            beta: 3.0,
            gamma: 0.5,
        }
    }
}

/// A METEOR score with what it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeteorScore {
    /// (1 − penalty) × weighted harmonic mean, 0 to 1.
    pub score: f64,
    /// Words matched.
    pub matches: usize,
    /// Runs of matched words that are adjacent and in order on both sides.
    pub chunks: usize,
}

/// `meteor-es`: words matched exactly, then by stem; their harmonic mean lowered by fragmentation.
///
/// F = P·R ÷ (α·P + (1 − α)·R) with P and R the shares of matched words; penalty = γ × (chunks ÷ matches)^β.
/// Words are the lower-cased ones at white space. Each hypothesis word, from the last, takes the last free equal
/// word of the reference, which is NLTK's choice and not always the alignment with the fewest chunks. Range 0
/// to 1; identical text of n words scores 1 − γ ÷ n^β, not 1; no match, or an empty side, scores 0. Weights that
/// are no finite numbers score 0.
///
/// ```
/// use seatrial_text::meteor::{MeteorOptions, meteor};
/// let score = meteor("the cats sat", "the cat sat", MeteorOptions::default());
/// assert_eq!((score.matches, score.chunks), (3, 1));
/// assert!((score.score - (1.0 - 0.5 / 27.0)).abs() < 1e-12);
/// ```
#[must_use]
pub fn meteor(hypothesis: &str, reference: &str, options: MeteorOptions) -> MeteorScore {
    let read = |text: &str| words(&lowercase(text)).map(str::to_owned).collect::<Vec<_>>();
    let (hypothesis, reference) = (read(hypothesis), read(reference));
    let mut matched: Vec<Option<usize>> = vec![None; hypothesis.len()];
    let mut taken = vec![false; reference.len()];
    match_words(&hypothesis, &reference, &mut matched, &mut taken);
    let stems = |texts: &[String]| texts.iter().map(|word| stem(word)).collect::<Vec<_>>();
    match_words(&stems(&hypothesis), &stems(&reference), &mut matched, &mut taken);

    let pairs: Vec<(usize, usize)> = matched
        .iter()
        .enumerate()
        .filter_map(|(i, place)| place.map(|j| (i, j)))
        .collect();
    let matches = pairs.len();
    if matches == 0 {
        return MeteorScore::default();
    }
    let breaks = pairs.windows(2).filter(|pair| match pair {
        [a, b] => b.0 != a.0 + 1 || b.1 != a.1 + 1,
        _ => false,
    });
    let chunks = 1 + breaks.count();
    let precision = matches as f64 / hypothesis.len() as f64;
    let recall = matches as f64 / reference.len() as f64;
    let mean = precision * recall / (options.alpha * precision + (1.0 - options.alpha) * recall);
    let penalty = options.gamma * (chunks as f64 / matches as f64).powf(options.beta);
    let score = (1.0 - penalty) * mean;
    MeteorScore {
        score: if score.is_finite() { score } else { 0.0 },
        matches,
        chunks,
    }
}

/// The best score over several references, each scored alone; the default (0) without any.
///
/// ```
/// use seatrial_text::meteor::{MeteorOptions, meteor_best};
/// assert_eq!(meteor_best("a cat", &["a dog", "a cat"], MeteorOptions::default()).matches, 2);
/// ```
#[must_use]
pub fn meteor_best<S: AsRef<str>>(hypothesis: &str, references: &[S], options: MeteorOptions) -> MeteorScore {
    references
        .iter()
        .map(|reference| meteor(hypothesis, reference.as_ref(), options))
        .fold(MeteorScore::default(), |best, score| {
            if score.score > best.score { score } else { best }
        })
}

/// Matches words that are still free on both sides.
fn match_words(
    hypothesis: &[String],
    reference: &[String],
    matched: &mut [Option<usize>],
    taken: &mut [bool],
) {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, word) in reference.iter().enumerate() {
        if taken.get(place) == Some(&false) {
            places.entry(word).or_default().push(place);
        }
    }
    for (word, matched) in hypothesis.iter().zip(matched).rev() {
        if matched.is_none()
            && let Some(place) = places.get_mut(word.as_str()).and_then(Vec::pop)
        {
            *matched = Some(place);
            if let Some(taken) = taken.get_mut(place) {
                *taken = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects bounds, the value for identical text, and that more references never hurt.
        #[test]
        fn scores_are_bounded(h in "([abc]|cats|cat| ){0,20}", r in "([abc]|cats|cat| ){0,20}") {
            let score = meteor(&h, &r, MeteorOptions::default());
            prop_assert!((0.0..=1.0).contains(&score.score) && score.chunks <= score.matches);
            let n = words(&h).count() as f64;
            let own = meteor(&h, &h, MeteorOptions::default());
            if n > 0.0 {
                prop_assert!((own.score - (1.0 - 0.5 / n.powi(3))).abs() < 1e-12);
            } else {
                prop_assert_eq!(own, MeteorScore::default());
            }
            prop_assert!(meteor_best(&h, &[&r, &h], MeteorOptions::default()).score >= own.score);
        }

        /// Protects against panics and NaN on any text and weight.
        #[test]
        fn any_text_is_scored(h in any::<String>(), r in any::<String>(), alpha: f64, beta: f64, gamma: f64) {
            let options = MeteorOptions { alpha, beta, gamma };
            prop_assert!(meteor(&h, &r, options).score.is_finite());
            prop_assert!(meteor(&h, &h, options).score.is_finite());
        }
    }
}
