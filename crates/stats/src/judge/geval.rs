//! The expected score of a judge's token distribution.

use crate::error::StatsError;

/// What [`weighted_score`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightedScore {
    /// Expected score given that a valid one is said; `NaN` where no valid score is among the tokens. Never count
    /// that as 0.
    pub score: f64,
    /// Probability of all valid scores together, about 0 to 1. Low mass: the judge wanted to say something else.
    pub mass: f64,
    /// The most probable valid score; the first of the list on a tie.
    pub most_probable: Option<i64>,
}

/// Probability-weighted score from the log-probabilities of the top tokens at the place of the score.
///
/// Σ s·p(s) / Σ p(s) over the valid scores; a token stands for a score if it is its decimal text after trimming
/// white space, and tokens of the same score (" 4", "4") add up. A finer scale than the sampled score and
/// without its sampling noise.
///
/// # Errors
/// A log-probability that is `NaN` or greater than 0 by more than rounding.
///
/// Source: Liu et al. 2023 (G-Eval).
///
/// ```
/// use seatrial_stats::judge::weighted_score;
/// let tokens = [(" 4", 0.5f64.ln()), ("4", 0.25f64.ln()), ("2", 0.25f64.ln()), ("the", -9.0)];
/// let s = weighted_score(&tokens, &[1, 2, 3, 4, 5])?;
/// assert!((s.score - 3.5).abs() < 1e-12 && (s.mass - 1.0).abs() < 1e-12);
/// assert_eq!(s.most_probable, Some(4));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn weighted_score(top_logprobs: &[(&str, f64)], valid: &[i64]) -> Result<WeightedScore, StatsError> {
    /// Providers round; a log-probability may come out a little above 0.
    const ROUNDING: f64 = 1e-3;
    let texts: Vec<String> = valid.iter().map(i64::to_string).collect();
    let mut probability = vec![0.0; valid.len()];
    for &(token, logprob) in top_logprobs {
        if logprob.is_nan() || logprob > ROUNDING {
            return Err(StatsError::OutOfRange {
                what: "log-probability",
                found: logprob,
                expected: "a number of at most 0",
            });
        }
        if let Some(place) = texts.iter().position(|text| text == token.trim()) {
            probability[place] += logprob.exp();
        }
    }
    let mass: f64 = probability.iter().sum();
    let mut most_probable = None;
    let mut largest = 0.0;
    let mut sum = 0.0;
    for (&score, &p) in valid.iter().zip(&probability) {
        sum += score as f64 * p;
        if p > largest {
            largest = p;
            most_probable = Some(score);
        }
    }
    Ok(WeightedScore {
        score: if mass > 0.0 { sum / mass } else { f64::NAN },
        mass,
        most_probable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the score lies between the valid scores said, whatever the order of the tokens.
        #[test]
        fn between_the_scores(tokens in prop::collection::vec((0usize..7, -20.0f64..0.0), 0..10)) {
            const TEXTS: [&str; 7] = ["1", " 3", "3", "5\n", "4.", "x", ""];
            let mut tokens: Vec<(&str, f64)> = tokens.into_iter().map(|(i, p)| (TEXTS[i], p)).collect();
            let a = weighted_score(&tokens, &[1, 2, 3, 4, 5]).unwrap();
            tokens.reverse();
            let b = weighted_score(&tokens, &[1, 2, 3, 4, 5]).unwrap();
            prop_assert!(a.score.is_nan() == (a.mass == 0.0) && a.most_probable.is_some() == (a.mass > 0.0));
            prop_assert!(a.score.is_nan() || (1.0 - 1e-12..=5.0 + 1e-12).contains(&a.score));
            prop_assert!((a.mass - b.mass).abs() < 1e-12);
        }
    }

    /// Protects: impossible tokens are worth nothing, nonsense is an error, digits of other scripts do not count.
    #[test]
    fn edges() {
        assert!(weighted_score(&[("1", f64::NAN)], &[1]).is_err());
        assert!(weighted_score(&[("1", 1.0)], &[1]).is_err());
        let none = weighted_score(&[("1", f64::NEG_INFINITY), ("３", -0.1)], &[1, 3]).unwrap();
        assert!(none.score.is_nan() && none.mass == 0.0 && none.most_probable.is_none());
        assert!(weighted_score(&[], &[]).unwrap().score.is_nan());
        assert_eq!(weighted_score(&[("-1", 0.0)], &[-1]).unwrap().score, -1.0);
    }
}
