//! Exact match and token F1 of short answers, as SQuAD scores them.
//! Apart from ROUGE because words are compared after [normalisation](crate::normalise::squad), without order.

use crate::chars::words;
use crate::corpus::CorpusError;
use crate::normalise::squad;
use std::collections::HashMap;

/// Scores of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AnswerScore {
    /// 1 if equal to an accepted answer, else 0.
    pub exact_match: f64,
    /// Largest token F1 with an accepted answer, 0 to 1.
    pub f1: f64,
}

/// Exact match and token F1 of an answer with the closest of the accepted answers, each measure on its own.
///
/// Both sides are normalised by [`squad`]; tokens are those at white space, F1 is 2·P·R ÷ (P + R) of the tokens
/// they share (each as often as it occurs on both sides). If both are empty after normalisation both scores are
/// 1, if one is 0. Source: Rajpurkar et al. 2016, evaluation of SQuAD 1.1 and 2.0. Curly quotes and the
/// punctuation of other scripts are not removed; neither are the articles of other languages.
///
/// # Errors
/// No accepted answer; "no answer" is accepted as an empty text.
///
/// ```
/// let score = seatrial_text::matching::squad_answer("the cat sat", &["A cat!", "dog"])?;
/// assert_eq!(score.exact_match, 0.0);
/// assert!((score.f1 - 2.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), seatrial_text::corpus::CorpusError>(())
/// ```
pub fn squad_answer<S: AsRef<str>>(answer: &str, accepted: &[S]) -> Result<AnswerScore, CorpusError> {
    if accepted.is_empty() {
        return Err(CorpusError::NoReferences { index: 0 });
    }
    let answer = squad(answer);
    let mut best = AnswerScore::default();
    for accepted in accepted {
        let accepted = squad(accepted.as_ref());
        if answer == accepted {
            best.exact_match = 1.0;
        }
        best.f1 = best.f1.max(token_f1(&answer, &accepted));
    }
    Ok(best)
}

/// F1 of the words that two texts share, each as often as it occurs in both; words are those at white space, as
/// they are. 1 if neither has a word, 0 if one has none. Symmetric.
///
/// ```
/// assert_eq!(seatrial_text::matching::token_f1("a b b", "b b c"), 2.0 / 3.0);
/// ```
#[must_use]
pub fn token_f1(a: &str, b: &str) -> f64 {
    let mut free: HashMap<&str, usize> = HashMap::new();
    let mut in_a = 0_usize;
    for word in words(a) {
        *free.entry(word).or_default() += 1;
        in_a += 1;
    }
    let (mut in_b, mut shared) = (0_usize, 0_usize);
    for word in words(b) {
        in_b += 1;
        if let Some(count @ 1..) = free.get_mut(word) {
            *count -= 1;
            shared += 1;
        }
    }
    match (in_a, in_b) {
        (0, 0) => 1.0,
        // 2PR / (P + R) with P = shared / a and R = shared / b.
        _ => 2.0 * shared as f64 / (in_a + in_b) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects bounds, symmetry, the maximum for identical text, and totality.
        #[test]
        fn f1_is_bounded_and_symmetric(a in "([ab]|the|,| ){0,10}", b in "([ab]|the|,| ){0,10}", c in any::<String>()) {
            prop_assert!((0.0..=1.0).contains(&token_f1(&a, &b)));
            prop_assert_eq!(token_f1(&a, &b), token_f1(&b, &a));
            prop_assert_eq!(token_f1(&c, &c), 1.0);
            let score = squad_answer(&a, &[&b, &c]).unwrap();
            prop_assert!(score.exact_match <= score.f1);
            prop_assert_eq!(squad_answer(&c, &[&b, &c]).unwrap().exact_match, 1.0);
            prop_assert!(squad_answer::<&str>(&a, &[]).is_err());
        }
    }
}
