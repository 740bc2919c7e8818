//! Ratings from pairwise comparisons: Bradley–Terry with honest standard errors, a ridge for data that cannot
//! carry it, style control, online Elo and plain win rates.

mod bradley_terry;
mod elo;
mod ridge;
mod win_rate;

pub use bradley_terry::{BradleyTerry, StyleControl, bradley_terry, style_control};
pub use elo::{Elo, elo_online};
pub use ridge::bradley_terry_ridge;
pub use win_rate::{WinRates, win_rates};

use crate::error::{StatsError, closed_unit};

/// Elo points per unit of log-odds: a difference of 400 points is odds of 10 to 1.
pub const ELO_PER_LOG_ODDS: f64 = 400.0 / std::f64::consts::LN_10;
/// Elo points of a player with rating 0.
pub const ELO_CENTRE: f64 = 1000.0;

/// One comparison of two players (models, prompts, answers' authors), given by their places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// First player.
    pub a: usize,
    /// Second player.
    pub b: usize,
    /// Result for `a`: 1 win, 0.5 tie, 0 loss; any share in between is taken as such.
    pub score: f64,
}

/// Dense systems of more players than this are refused (memory grows with the square, time with the cube).
const PLAYERS_MAX: usize = 3000;

/// Checks places and scores.
fn check(players: usize, matches: &[Match]) -> Result<(), StatsError> {
    for m in matches {
        if m.a.max(m.b) >= players {
            return Err(StatsError::OutOfRange {
                what: "player",
                found: m.a.max(m.b) as f64,
                expected: "a place in the list of players",
            });
        }
        if m.a == m.b {
            return Err(StatsError::Undefined {
                what: "match",
                why: "a player meets itself",
            });
        }
        closed_unit("score", m.score)?;
    }
    Ok(())
}

fn check_size(players: usize) -> Result<(), StatsError> {
    if players > PLAYERS_MAX {
        return Err(StatsError::TooLarge {
            what: "players",
            found: players as u64,
            limit: PLAYERS_MAX as u64,
        });
    }
    Ok(())
}

/// 1/(1 + e^−x).
fn expit(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}
