//! Plain win rates with ties as half.

use super::{Match, check, check_size};
use crate::error::{StatsError, at_least};
use crate::moments::{mean, squares};

/// What [`win_rates`] returns, in the order of the players.
#[derive(Debug, Clone, PartialEq)]
pub struct WinRates {
    /// Mean score per match, 0 to 1; `NaN` for a player without matches.
    pub win_rate: Vec<f64>,
    /// Standard error sd/√n from the scores of the player's matches; `NaN` with fewer than two.
    pub se: Vec<f64>,
    /// `wins[i][j]`: points of i against j, ties half.
    pub wins: Vec<Vec<f64>>,
    /// Matches per player.
    pub n: Vec<usize>,
}

/// Win rates against whoever was met, ties as half a win. Depends on the opponents; ratings
/// ([`bradley_terry`](crate::ranking::bradley_terry)) do not.
///
/// # Errors
/// No players, a place outside the list, a player against itself, a score outside [0, 1], more than 3,000
/// players.
///
/// ```
/// use seatrial_stats::ranking::{Match, win_rates};
/// let w = win_rates(2, &[Match { a: 0, b: 1, score: 1.0 }, Match { a: 1, b: 0, score: 0.5 }])?;
/// assert_eq!(w.win_rate, [0.75, 0.25]);
/// assert_eq!(w.wins[0][1], 1.5);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn win_rates(players: usize, matches: &[Match]) -> Result<WinRates, StatsError> {
    at_least("players", players, 1)?;
    check_size(players)?;
    check(players, matches)?;
    let mut wins = vec![vec![0.0; players]; players];
    let mut scores = vec![Vec::new(); players];
    for m in matches {
        for (player, other, score) in [(m.a, m.b, m.score), (m.b, m.a, 1.0 - m.score)] {
            wins[player][other] += score;
            scores[player].push(score);
        }
    }
    let se = scores
        .iter()
        .map(|scores: &Vec<f64>| {
            let n = scores.len() as f64;
            if n < 2.0 {
                f64::NAN
            } else {
                (squares(scores, mean(scores)) / (n - 1.0) / n).sqrt()
            }
        })
        .collect();
    Ok(WinRates {
        win_rate: scores.iter().map(|scores| mean(scores)).collect(),
        se,
        wins,
        n: scores.iter().map(Vec::len).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: rates are shares and points are the matches.
        #[test]
        fn shares_and_points(games in prop::collection::vec((0usize..3, 1usize..3, 0u8..=2), 0..60)) {
            let matches: Vec<Match> = games
                .into_iter()
                .map(|(a, d, s)| Match { a, b: (a + d) % 3, score: f64::from(s) / 2.0 })
                .collect();
            let w = win_rates(3, &matches).unwrap();
            prop_assert_eq!(w.wins.iter().flatten().sum::<f64>(), matches.len() as f64);
            for i in 0..3 {
                prop_assert!(w.n[i] == 0 && w.win_rate[i].is_nan() || (0.0..=1.0).contains(&w.win_rate[i]));
            }
        }
    }

    /// Protects: players without matches and with one.
    #[test]
    fn edges() {
        let w = win_rates(
            3,
            &[Match {
                a: 0,
                b: 1,
                score: 1.0,
            }],
        )
        .unwrap();
        assert!(w.win_rate[2].is_nan() && w.se[0].is_nan() && w.win_rate[0] == 1.0);
        assert!(win_rates(0, &[]).is_err());
    }
}
