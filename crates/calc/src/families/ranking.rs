//! Family `ranking` of the calculator.

use crate::args::{to_f64, to_list, to_u64, wrong};
use crate::function::{numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::ranking as stats;
use seatrial_stats::ranking::{Elo, Match};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const PLAYERS: Field = Field::new("n_players", "number", "number of players; places count from 0");
const MATCHES: Field = Field::new(
    "matches",
    "[[a, b, score]]",
    "score of a against b: 1 win, 0.5 tie, 0 loss",
);

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "bt_mle",
        family: "ranking",
        what: "Bradley-Terry ratings by maximum likelihood with sandwich standard errors",
        source: "Bradley and Terry 1952; White 1982",
        inputs: &[
            PLAYERS,
            MATCHES,
            Field::new("confidence", "number", "level of the intervals, default 0.95"),
        ],
        outputs: &[
            Field::new("ratings", "[number]", "log-odds, mean 0"),
            Field::new("se", "[number]", "standard errors of the ratings"),
            Field::new("elo", "[number]", "1000 + 400/ln 10 * rating"),
            Field::new("elo_low", "[number]", "lower ends on the Elo scale"),
            Field::new("elo_high", "[number]", "upper ends on the Elo scale"),
        ],
        eval: bt_mle,
    },
    Function {
        name: "bt_ridge",
        family: "ranking",
        what: "Bradley-Terry ratings with a ridge: minimises -loglik + alpha * sum(rating^2)",
        source: "Bradley and Terry 1952 with a normal prior",
        inputs: &[
            PLAYERS,
            Field::new("alpha", "number", "strength of the ridge, > 0"),
            Field::new("wins", "[[winner, loser]]", "decided matches"),
        ],
        outputs: &[Field::new("ratings", "[number]", "log-odds, mean 0, shrunk")],
        eval: bt_ridge,
    },
    Function {
        name: "elo_online",
        family: "ranking",
        what: "sequential Elo ratings; the order of the matches matters",
        source: "Elo 1978",
        inputs: &[
            PLAYERS,
            Field::new("k", "number", "largest change per match, default 32"),
            Field::new("init", "number", "initial rating, default 1000"),
            MATCHES,
        ],
        outputs: &[Field::new("ratings", "[number]", "ratings after the last match")],
        eval: elo_online,
    },
    Function {
        name: "style_control",
        family: "ranking",
        what: "Bradley-Terry ratings at equal style, with the effect of each style difference",
        source: "Chiang et al. 2024",
        inputs: &[
            PLAYERS,
            MATCHES,
            Field::new(
                "style",
                "[[number]]",
                "style differences per match as seen from a, e.g. (xa-xb)/(xa+xb)",
            ),
        ],
        outputs: &[
            Field::new("ratings", "[number]", "log-odds at equal style, mean 0"),
            Field::new("se", "[number]", "sandwich standard errors"),
            Field::new("beta", "[number]", "log-odds per unit of style difference"),
            Field::new("beta_se", "[number]", "sandwich standard errors"),
        ],
        eval: style_control,
    },
    Function {
        name: "win_rate",
        family: "ranking",
        what: "win rates with ties as half, their standard errors, and points of each against each",
        source: "definition",
        inputs: &[PLAYERS, MATCHES],
        outputs: &[
            Field::new(
                "win_rate",
                "[number]",
                "mean score per match; NaN without matches",
            ),
            Field::new("se", "[number]", "sd/sqrt(n); NaN with fewer than two matches"),
            Field::new("wins", "[[number]]", "points of row against column"),
        ],
        eval: win_rate,
    },
];

fn to_place(value: &Value, name: &str) -> Result<usize, CalcError> {
    Ok(usize::try_from(to_u64(value, name)?).unwrap_or(usize::MAX))
}

fn matches(args: &Args<'_>) -> Result<Vec<Match>, CalcError> {
    args.list("matches", |value, name| {
        match to_list(value, name, &|cell, _| Ok(cell))?.as_slice() {
            [a, b, score] => Ok(Match {
                a: to_place(a, name)?,
                b: to_place(b, name)?,
                score: to_f64(score, name)?,
            }),
            _ => Err(wrong(name, "a list of two places and a score", value)),
        }
    })
}

fn bt_mle(args: &Args<'_>) -> Output {
    let bt = stats::bradley_terry(
        args.usize("n_players")?,
        &matches(args)?,
        args.f64_or("confidence", 0.95)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("ratings", numbers(bt.ratings)),
        ("se", numbers(bt.se)),
        ("elo", numbers(bt.elo)),
        ("elo_low", numbers(bt.elo_interval.iter().map(|i| i.low))),
        ("elo_high", numbers(bt.elo_interval.iter().map(|i| i.high))),
    ]))
}

fn bt_ridge(args: &Args<'_>) -> Output {
    let wins: Vec<Match> = args.list("wins", |value, name| {
        match to_list(value, name, &|cell, _| Ok(cell))?.as_slice() {
            [winner, loser] => Ok(Match {
                a: to_place(winner, name)?,
                b: to_place(loser, name)?,
                score: 1.0,
            }),
            _ => Err(wrong(name, "a list of winner and loser", value)),
        }
    })?;
    let ratings = stats::bradley_terry_ridge(args.usize("n_players")?, &wins, args.f64("alpha")?)
        .map_err(CalcError::domain)?;
    Ok(object([("ratings", numbers(ratings))]))
}

fn elo_online(args: &Args<'_>) -> Output {
    let elo = Elo {
        k: args.f64_or("k", 32.0)?,
        initial: args.f64_or("init", 1000.0)?,
    };
    let ratings =
        stats::elo_online(args.usize("n_players")?, &matches(args)?, elo).map_err(CalcError::domain)?;
    Ok(object([("ratings", numbers(ratings))]))
}

fn style_control(args: &Args<'_>) -> Output {
    // A single covariate may be given as a flat list.
    let style = args.list("style", |value, name| {
        if value.is_array() {
            to_list(value, name, &to_f64)
        } else {
            Ok(vec![to_f64(value, name)?])
        }
    })?;
    let fit =
        stats::style_control(args.usize("n_players")?, &matches(args)?, &style).map_err(CalcError::domain)?;
    Ok(object([
        ("ratings", numbers(fit.ratings)),
        ("se", numbers(fit.se)),
        ("beta", numbers(fit.beta)),
        ("beta_se", numbers(fit.beta_se)),
    ]))
}

fn win_rate(args: &Args<'_>) -> Output {
    let w = stats::win_rates(args.usize("n_players")?, &matches(args)?).map_err(CalcError::domain)?;
    Ok(object([
        ("win_rate", numbers(w.win_rate)),
        ("se", numbers(w.se)),
        ("wins", Value::Array(w.wins.into_iter().map(numbers).collect())),
    ]))
}
