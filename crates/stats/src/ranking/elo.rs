//! Online Elo: a live ticker, not a measurement.

use super::{Match, check};
use crate::error::{StatsError, finite_scalar, positive};

/// How online Elo moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elo {
    /// Largest change per match, > 0.
    pub k: f64,
    /// Rating of a player who has not played.
    pub initial: f64,
}

impl Elo {
    /// Ratings of both players after a match.
    ///
    /// The first gains k × (score − expected), the second loses as much; the expected score is
    /// 1/(1 + 10^((b − a)/400)).
    ///
    /// ```
    /// let elo = seatrial_stats::ranking::Elo { k: 32.0, initial: 1000.0 };
    /// assert_eq!(elo.step(1000.0, 1000.0, 1.0), (1016.0, 984.0));
    /// ```
    #[must_use]
    pub fn step(&self, a: f64, b: f64, score: f64) -> (f64, f64) {
        let expected = 1.0 / (1.0 + 10f64.powf((b - a) / 400.0));
        let change = self.k * (score - expected);
        (a + change, b - change)
    }
}

/// Elo ratings after the matches in their order.
///
/// The result depends on the order and has no standard error; for a leaderboard use
/// [`bradley_terry`](crate::ranking::bradley_terry).
///
/// # Errors
/// A place outside the list, a player against itself, a score outside [0, 1], a `k` that is not positive, an
/// initial rating that is not finite.
///
/// Source: Elo 1978.
///
/// ```
/// use seatrial_stats::ranking::{Elo, Match, elo_online};
/// let elo = Elo { k: 32.0, initial: 1000.0 };
/// let ratings = elo_online(2, &[Match { a: 1, b: 0, score: 0.5 }], elo)?;
/// assert_eq!(ratings, [1000.0, 1000.0]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn elo_online(players: usize, matches: &[Match], elo: Elo) -> Result<Vec<f64>, StatsError> {
    /// Bounds the memory for ratings that nobody asked about.
    const PLAYERS_MAX: usize = 10_000_000;
    /// Points beyond this size are refused, so that no number of matches adds up to infinity.
    const POINTS_MAX: f64 = 1e100;
    positive("k", elo.k)?;
    for (what, found) in [("k", elo.k), ("initial rating", elo.initial)] {
        finite_scalar(what, found)?;
        if found.abs() > POINTS_MAX {
            return Err(StatsError::OutOfRange {
                what,
                found,
                expected: "a number between -1e100 and 1e100",
            });
        }
    }
    if players > PLAYERS_MAX {
        return Err(StatsError::TooLarge {
            what: "players",
            found: players as u64,
            limit: PLAYERS_MAX as u64,
        });
    }
    check(players, matches)?;
    let mut ratings = vec![elo.initial; players];
    for m in matches {
        (ratings[m.a], ratings[m.b]) = elo.step(ratings[m.a], ratings[m.b], m.score);
    }
    Ok(ratings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: points are only exchanged, and replaying the rest continues the first part.
        #[test]
        fn points_are_exchanged(games in prop::collection::vec((0usize..3, 1usize..3, 0u8..=2), 0..60)) {
            let matches: Vec<Match> = games
                .into_iter()
                .map(|(a, d, s)| Match { a, b: (a + d) % 3, score: f64::from(s) / 2.0 })
                .collect();
            let elo = Elo { k: 24.0, initial: 1500.0 };
            let ratings = elo_online(3, &matches, elo).unwrap();
            prop_assert!((ratings.iter().sum::<f64>() - 4500.0).abs() < 1e-8);
        }
    }

    /// Protects: bad parameters are errors, absurd differences stay finite.
    #[test]
    fn edges() {
        let m = Match {
            a: 0,
            b: 1,
            score: 1.0,
        };
        assert!(elo_online(2, &[m], Elo { k: 0.0, initial: 1.0 }).is_err());
        assert!(
            elo_online(
                2,
                &[m],
                Elo {
                    k: 1.0,
                    initial: f64::NAN
                }
            )
            .is_err()
        );
        assert!(elo_online(1, &[m], Elo { k: 1.0, initial: 1.0 }).is_err());
        let elo = Elo { k: 1.0, initial: 0.0 };
        assert_eq!(elo.step(1e300, -1e300, 1.0), (1e300, -1e300));
        assert_eq!(elo_online(0, &[], elo).unwrap(), Vec::<f64>::new());
    }
}
