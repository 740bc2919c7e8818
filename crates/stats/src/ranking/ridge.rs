//! Bradley–Terry with a ridge: always has a solution, shrinks towards equality.

use super::{Match, check, check_size, expit};
use crate::error::{StatsError, at_least, positive};
use crate::linalg::Square;

/// Newton steps at the most.
const STEPS_MAX: usize = 200;

/// Bradley–Terry ratings that minimise −log-likelihood + `alpha`·Σ rating²; log-odds with mean 0.
///
/// Unlike maximum likelihood it handles unbeaten players and groups that never met, whose difference it takes
/// to be 0 because nothing says otherwise. The ratings are shrunk towards each other, more so with few matches:
/// say that a ridge was used and how strong it was. No matches give ratings of 0.
///
/// # Errors
/// No players, `alpha` that is not a positive number, a place outside the list, a player against itself, a
/// score outside [0, 1], more than 3,000 players.
///
/// Source: Bradley and Terry 1952 with a normal prior of variance 1/(2·alpha).
///
/// ```
/// use seatrial_stats::ranking::{Match, bradley_terry_ridge};
/// let unbeaten = [Match { a: 0, b: 1, score: 1.0 }; 5];
/// let ratings = bradley_terry_ridge(2, &unbeaten, 0.1)?;
/// assert!(ratings[0] > 0.5 && (ratings[0] + ratings[1]).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn bradley_terry_ridge(players: usize, matches: &[Match], alpha: f64) -> Result<Vec<f64>, StatsError> {
    at_least("players", players, 1)?;
    positive("alpha", alpha)?;
    check_size(players)?;
    check(players, matches)?;
    let objective = |theta: &[f64]| -> f64 {
        let loss: f64 = matches
            .iter()
            .map(|m| {
                let eta = theta[m.a] - theta[m.b];
                eta.max(0.0) + (-eta.abs()).exp().ln_1p() - m.score * eta
            })
            .sum();
        loss + alpha * theta.iter().map(|t| t * t).sum::<f64>()
    };
    let mut theta = vec![0.0; players];
    let mut value = objective(&theta);
    for _ in 0..STEPS_MAX {
        let mut curvature = Square::zeros(players);
        let mut slope: Vec<f64> = theta.iter().map(|t| -2.0 * alpha * t).collect();
        for m in matches {
            let p = expit(theta[m.a] - theta[m.b]);
            curvature.add_outer(&[(m.a, 1.0), (m.b, -1.0)], p * (1.0 - p));
            slope[m.a] += m.score - p;
            slope[m.b] -= m.score - p;
        }
        (0..players).for_each(|i| curvature.add(i, i, 2.0 * alpha));
        let Some(factor) = curvature.cholesky() else {
            return Err(StatsError::Undefined {
                what: "Bradley-Terry rating",
                why: "the ridge is too weak for the number of matches to be told from rounding",
            });
        };
        let step = factor.solve(&slope);
        let mut size = 1.0;
        let (next, next_value) = loop {
            let next: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + size * s).collect();
            let next_value = objective(&next);
            if next_value <= value + 1e-12 * value.abs() || size < 1e-6 {
                break (next, next_value);
            }
            size *= 0.5;
        };
        let moved = step.iter().fold(0.0f64, |max, s| max.max((size * s).abs()));
        (theta, value) = (next, next_value);
        if moved < 1e-11 * (1.0 + theta.iter().fold(0.0f64, |max, t| max.max(t.abs()))) {
            return Ok(theta);
        }
    }
    Err(StatsError::NotConverged {
        what: "Bradley-Terry rating",
        iterations: STEPS_MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::bradley_terry;
    use proptest::prelude::*;

    proptest! {
        /// Protects: the slope vanishes at the solution, which therefore is the minimum; ratings have mean 0.
        #[test]
        fn slope_vanishes(
            games in prop::collection::vec((0usize..5, 1usize..5, any::<bool>()), 0..50),
            alpha in 0.001f64..5.0,
        ) {
            let matches: Vec<Match> = games
                .into_iter()
                .map(|(a, d, won)| Match { a, b: (a + d) % 5, score: f64::from(u8::from(won)) })
                .collect();
            let theta = bradley_terry_ridge(5, &matches, alpha).unwrap();
            let mut slope: Vec<f64> = theta.iter().map(|t| 2.0 * alpha * t).collect();
            for m in &matches {
                let gap = expit(theta[m.a] - theta[m.b]) - m.score;
                slope[m.a] += gap;
                slope[m.b] -= gap;
            }
            prop_assert!(slope.iter().all(|s| s.abs() < 1e-8));
            prop_assert!(theta.iter().sum::<f64>().abs() < 1e-8);
        }
    }

    /// Protects: a vanishing ridge gives the maximum-likelihood ratings; bad parameters are errors.
    #[test]
    fn edges() {
        let play = |a, b, score| Match { a, b, score };
        let matches = [
            play(0, 1, 1.0),
            play(1, 2, 1.0),
            play(2, 0, 1.0),
            play(0, 1, 0.5),
            play(0, 2, 1.0),
        ];
        let mle = bradley_terry(3, &matches, 0.95).unwrap().ratings;
        let ridge = bradley_terry_ridge(3, &matches, 1e-9).unwrap();
        assert!(mle.iter().zip(&ridge).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(bradley_terry_ridge(2, &[], 1.0).unwrap(), [0.0, 0.0]);
        assert!(bradley_terry_ridge(2, &[], 0.0).is_err());
        assert!(bradley_terry_ridge(2, &[], f64::NAN).is_err());
        assert!(bradley_terry_ridge(0, &[], 1.0).is_err());
        assert!(bradley_terry_ridge(2, &[play(0, 5, 1.0)], 1.0).is_err());
    }
}
