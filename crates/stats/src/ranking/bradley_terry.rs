//! Bradley–Terry by maximum likelihood with sandwich standard errors, alone and with style covariates.

use super::{ELO_CENTRE, ELO_PER_LOG_ODDS, Match, check, check_size, expit};
use crate::Interval;
use crate::dist::normal_quantile;
use crate::error::{StatsError, at_least, finite, open_unit, same_length};
use crate::linalg::{Cholesky, Square, sandwich_diagonal};

/// What [`bradley_terry`] returns, in the order of the players.
#[derive(Debug, Clone, PartialEq)]
pub struct BradleyTerry {
    /// Log-odds ratings with mean 0.
    pub ratings: Vec<f64>,
    /// Sandwich standard errors of these.
    pub se: Vec<f64>,
    /// Ratings on the Elo scale, 1000 + 400/ln 10 × rating.
    pub elo: Vec<f64>,
    /// Normal intervals on the Elo scale.
    pub elo_interval: Vec<Interval>,
}

/// Bradley–Terry ratings by maximum likelihood: logit P(a beats b) = rating_a − rating_b, a tie is half a win.
///
/// Standard errors are sandwich ones (HC0), so they stay honest when ties make outcomes less variable than the
/// model says. Ratings have mean 0; only differences mean something. Matches are taken as independent: with
/// several matches per prompt, resample prompts instead.
///
/// The maximum exists exactly when the players cannot be split into two groups of which one never won or tied
/// against the other. Otherwise ratings run off to infinity and this is an error; use
/// [`bradley_terry_ridge`](crate::ranking::bradley_terry_ridge), and say so.
///
/// # Errors
/// No players or matches, a place outside the list, a player against itself, a score outside [0, 1], separated
/// players as above, more than 3,000 players, a confidence outside (0, 1).
///
/// Source: Bradley and Terry 1952; Ford 1957 for existence; White 1982 for the standard error; Chiang et al.
/// 2024 for the use on language models.
///
/// ```
/// use seatrial_stats::ranking::{Match, bradley_terry};
/// let play = |a, b, score| Match { a, b, score };
/// // 3 wins of 4: log-odds difference ln 3.
/// let matches = [play(0, 1, 1.0), play(0, 1, 1.0), play(1, 0, 0.0), play(0, 1, 0.0)];
/// let bt = bradley_terry(2, &matches, 0.95)?;
/// assert!((bt.ratings[0] - bt.ratings[1] - 3f64.ln()).abs() < 1e-9);
/// // An unbeaten player has no maximum-likelihood rating.
/// assert!(bradley_terry(2, &matches[..3], 0.95).is_err());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn bradley_terry(players: usize, matches: &[Match], confidence: f64) -> Result<BradleyTerry, StatsError> {
    let fit = Fit::run(players, matches, &[], confidence)?;
    let z = normal_quantile(0.5 + 0.5 * confidence);
    let elo: Vec<f64> = fit
        .theta
        .iter()
        .map(|r| ELO_CENTRE + ELO_PER_LOG_ODDS * r)
        .collect();
    let elo_interval = elo
        .iter()
        .zip(&fit.se)
        .map(|(&centre, se)| Interval::around(centre, z * ELO_PER_LOG_ODDS * se))
        .collect();
    Ok(BradleyTerry {
        ratings: fit.theta,
        se: fit.se,
        elo,
        elo_interval,
    })
}

/// What [`style_control`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct StyleControl {
    /// Log-odds ratings with mean 0, at equal style.
    pub ratings: Vec<f64>,
    /// Sandwich standard errors of these.
    pub se: Vec<f64>,
    /// Log-odds per unit of each style difference.
    pub beta: Vec<f64>,
    /// Sandwich standard errors of these.
    pub beta_se: Vec<f64>,
}

/// Bradley–Terry with style covariates: logit P(a beats b) = rating_a − rating_b + Σ β·x.
///
/// `style[match]` holds the style differences of the match as seen from `a`, usually (x_a − x_b)/(x_a + x_b) for
/// length, headers, lists and bold text. The ratings are then those at equal style; a large β for length says
/// that the judge likes long answers.
///
/// # Errors
/// As [`bradley_terry`]; also style rows of unequal length, values that are not finite, covariates that are
/// constant combinations of the players or of each other, or covariates that separate wins from losses.
///
/// Source: Chiang et al. 2024; Dubois et al. 2024 for length.
///
/// ```
/// use seatrial_stats::ranking::{Match, style_control};
/// // The longer answer (x > 0) wins 3 of 4, whoever wrote it.
/// let rows = [(0, 1, 1.0, 0.5), (0, 1, 1.0, 0.5), (0, 1, 0.0, 0.5), (0, 1, 1.0, 0.5),
///             (0, 1, 0.0, -0.5), (0, 1, 0.0, -0.5), (0, 1, 1.0, -0.5), (0, 1, 0.0, -0.5)];
/// let matches: Vec<_> = rows.iter().map(|&(a, b, score, _)| Match { a, b, score }).collect();
/// let style: Vec<_> = rows.iter().map(|&(.., x)| vec![x]).collect();
/// let fit = style_control(2, &matches, &style)?;
/// assert!(fit.ratings[0].abs() < 1e-9);
/// assert!((fit.beta[0] - 2.0 * 3f64.ln()).abs() < 1e-9);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn style_control(
    players: usize,
    matches: &[Match],
    style: &[Vec<f64>],
) -> Result<StyleControl, StatsError> {
    same_length("matches", matches.len(), "style", style.len())?;
    let fit = Fit::run(players, matches, style, 0.95)?;
    let (ratings, beta) = fit.theta.split_at(players);
    let (se, beta_se) = fit.se.split_at(players);
    Ok(StyleControl {
        ratings: ratings.to_vec(),
        se: se.to_vec(),
        beta: beta.to_vec(),
        beta_se: beta_se.to_vec(),
    })
}

/// Newton steps at the most; a well-posed fit needs about six.
const STEPS_MAX: usize = 100;
/// A rating or coefficient beyond this many log-odds means that the likelihood has no maximum.
const LOG_ODDS_MAX: f64 = 40.0;

/// A fitted model: players first, then covariates.
struct Fit {
    theta: Vec<f64>,
    se: Vec<f64>,
}

impl Fit {
    fn run(
        players: usize,
        matches: &[Match],
        style: &[Vec<f64>],
        confidence: f64,
    ) -> Result<Self, StatsError> {
        open_unit("confidence", confidence)?;
        at_least("players", players, 1)?;
        at_least("matches", matches.len(), 1)?;
        check_size(players)?;
        check(players, matches)?;
        let covariates = style.first().map_or(0, Vec::len);
        check_size(covariates)?;
        for row in style {
            same_length("style row", row.len(), "its first row", covariates)?;
            finite("style", row)?;
        }
        if !one_component(players, matches) {
            return Err(StatsError::Undefined {
                what: "Bradley-Terry rating",
                why: "some players never won or tied against the others, so the maximum lies at infinity; use the ridge",
            });
        }
        // Covariates in units of their largest value: the fit is the same and nothing over- or underflows.
        let scales: Vec<f64> = (0..covariates)
            .map(|j| style.iter().fold(0.0f64, |max, row| max.max(row[j].abs())))
            .map(|largest| if largest > 0.0 { largest } else { 1.0 })
            .collect();
        let rows: Vec<Vec<(usize, f64)>> = matches
            .iter()
            .enumerate()
            .map(|(i, m)| {
                let mut row = vec![(m.a, 1.0), (m.b, -1.0)];
                if let Some(style) = style.get(i) {
                    row.extend(
                        style
                            .iter()
                            .zip(&scales)
                            .enumerate()
                            .map(|(j, (x, scale))| (players + j, x / scale)),
                    );
                }
                row
            })
            .collect();
        let scores: Vec<f64> = matches.iter().map(|m| m.score).collect();
        let mut theta = maximise(players, covariates, &rows, &scores)?;
        let (factor, meat) = curvature(players, &theta, &rows, &scores)?;
        let mut se: Vec<f64> = sandwich_diagonal(&factor.inverse(), &meat)
            .into_iter()
            .map(f64::sqrt)
            .collect();
        for (j, scale) in scales.iter().enumerate() {
            theta[players + j] /= scale;
            se[players + j] /= scale;
        }
        Ok(Self { theta, se })
    }
}

fn linear(theta: &[f64], row: &[(usize, f64)]) -> f64 {
    row.iter().map(|&(i, x)| theta[i] * x).sum()
}

/// ln P of the outcomes.
fn log_likelihood(theta: &[f64], rows: &[Vec<(usize, f64)>], scores: &[f64]) -> f64 {
    rows.iter()
        .zip(scores)
        .map(|(row, y)| {
            let eta = linear(theta, row);
            // y·η − ln(1 + e^η), without overflow.
            y * eta - eta.max(0.0) - (-eta.abs()).exp().ln_1p()
        })
        .sum()
}

/// Newton's method with halved steps where a full one would not climb.
fn maximise(
    players: usize,
    covariates: usize,
    rows: &[Vec<(usize, f64)>],
    scores: &[f64],
) -> Result<Vec<f64>, StatsError> {
    let size = players + covariates;
    let mut theta = vec![0.0; size];
    let mut value = log_likelihood(&theta, rows, scores);
    for _ in 0..STEPS_MAX {
        let (factor, _) = curvature(players, &theta, rows, scores)?;
        let mut gradient = vec![0.0; size];
        for (row, y) in rows.iter().zip(scores) {
            let residual = y - expit(linear(&theta, row));
            row.iter().for_each(|&(i, x)| gradient[i] += residual * x);
        }
        let step = factor.solve(&gradient);
        let mut factor = 1.0;
        let (next, next_value) = loop {
            let next: Vec<f64> = theta.iter().zip(&step).map(|(t, s)| t + factor * s).collect();
            let next_value = log_likelihood(&next, rows, scores);
            // Rounding of the sum is allowed for, or the last step would be halved for ever.
            if next_value >= value - 1e-12 * value.abs() || factor < 1e-6 {
                break (next, next_value);
            }
            factor *= 0.5;
        };
        let moved = step.iter().fold(0.0f64, |max, s| max.max((factor * s).abs()));
        (theta, value) = (next, next_value);
        if theta.iter().any(|t| t.abs() > LOG_ODDS_MAX) {
            return Err(StatsError::Undefined {
                what: "Bradley-Terry rating",
                why: "the covariates separate wins from losses, so the maximum lies at infinity",
            });
        }
        if moved < 1e-11 {
            return Ok(theta);
        }
    }
    Err(StatsError::NotConverged {
        what: "Bradley-Terry rating",
        iterations: STEPS_MAX,
    })
}

/// Factor of the information matrix, made definite along "all ratings shift" (which the likelihood does not
/// see; with a gradient of mean 0 the solution then has mean 0 too), and the sum of squared scores.
fn curvature(
    players: usize,
    theta: &[f64],
    rows: &[Vec<(usize, f64)>],
    scores: &[f64],
) -> Result<(Cholesky, Square), StatsError> {
    let mut information = Square::zeros(theta.len());
    let mut meat = Square::zeros(theta.len());
    let mut total = 0.0;
    for (row, y) in rows.iter().zip(scores) {
        let p = expit(linear(theta, row));
        information.add_outer(row, p * (1.0 - p));
        meat.add_outer(row, (y - p) * (y - p));
        total += p * (1.0 - p);
    }
    let shift = total / (players * players) as f64;
    for i in 0..players {
        for j in 0..players {
            information.add(i, j, shift);
        }
    }
    let factor = information.cholesky().ok_or(StatsError::Undefined {
        what: "Bradley-Terry rating",
        why: "the covariates do not vary apart from the players and from each other",
    })?;
    Ok((factor, meat))
}

/// Whether everyone can be reached from everyone along "won or tied against": then, and only then, the
/// likelihood has a maximum (Ford 1957).
fn one_component(players: usize, matches: &[Match]) -> bool {
    let mut forward = vec![Vec::new(); players];
    let mut backward = vec![Vec::new(); players];
    for m in matches {
        if m.score > 0.0 {
            forward[m.a].push(m.b);
            backward[m.b].push(m.a);
        }
        if m.score < 1.0 {
            forward[m.b].push(m.a);
            backward[m.a].push(m.b);
        }
    }
    [forward, backward].iter().all(|edges| {
        let mut seen = vec![false; players];
        seen[0] = true;
        let mut open = vec![0];
        while let Some(player) = open.pop() {
            for &other in &edges[player] {
                if !seen[other] {
                    seen[other] = true;
                    open.push(other);
                }
            }
        }
        seen.into_iter().all(|seen| seen)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches() -> impl Strategy<Value = Vec<Match>> {
        let one =
            (0usize..4, 1usize..4, prop_oneof![Just(0.0), Just(0.5), Just(1.0)]).prop_map(|(a, d, score)| {
                Match {
                    a,
                    b: (a + d) % 4,
                    score,
                }
            });
        prop::collection::vec(one, 1..60)
    }

    proptest! {
        /// Protects: at the maximum every player's expected wins are the observed ones, ratings have mean 0,
        /// and turning every match round changes nothing.
        #[test]
        fn expected_wins_are_observed(matches in matches()) {
            let Ok(bt) = bradley_terry(4, &matches, 0.95) else {
                prop_assert!(!one_component(4, &matches));
                return Ok(());
            };
            let mut gap = [0.0; 4];
            for m in &matches {
                let p = expit(bt.ratings[m.a] - bt.ratings[m.b]);
                gap[m.a] += m.score - p;
                gap[m.b] -= m.score - p;
            }
            prop_assert!(gap.iter().all(|g| g.abs() < 1e-7));
            prop_assert!(bt.ratings.iter().sum::<f64>().abs() < 1e-9);
            let turned: Vec<Match> =
                matches.iter().map(|m| Match { a: m.b, b: m.a, score: 1.0 - m.score }).collect();
            let other = bradley_terry(4, &turned, 0.95).unwrap();
            for i in 0..4 {
                prop_assert!((bt.ratings[i] - other.ratings[i]).abs() < 1e-8);
                prop_assert!((bt.se[i] - other.se[i]).abs() < 1e-8 && bt.elo_interval[i].contains(bt.elo[i]));
            }
        }
    }

    /// Protects: data without a maximum are refused with a reason, not fitted to noise.
    #[test]
    fn edges() {
        let play = |a, b, score| Match { a, b, score };
        assert!(bradley_terry(2, &[], 0.95).is_err());
        assert!(bradley_terry(0, &[], 0.95).is_err());
        assert!(bradley_terry(2, &[play(0, 2, 1.0)], 0.95).is_err());
        assert!(bradley_terry(2, &[play(0, 0, 1.0)], 0.95).is_err());
        assert!(bradley_terry(2, &[play(0, 1, 1.5)], 0.95).is_err());
        assert!(bradley_terry(3, &[play(0, 1, 0.5)], 0.95).is_err()); // player 2 never played
        assert!(bradley_terry(usize::MAX, &[play(0, 1, 0.5)], 0.95).is_err());
        let even = [play(0, 1, 1.0), play(0, 1, 0.0)];
        assert_eq!(bradley_terry(2, &even, 0.95).unwrap().elo, [1000.0, 1000.0]);
        assert!(style_control(2, &even, &[vec![1.0], vec![1.0]]).is_err()); // constant: a player effect
        assert!(style_control(2, &even, &[vec![1.0], vec![-1.0]]).is_err()); // separates
        assert!(style_control(2, &even, &[vec![1.0], vec![]]).is_err());
        assert!(style_control(2, &even, &[vec![f64::NAN], vec![0.0]]).is_err());
    }
}
