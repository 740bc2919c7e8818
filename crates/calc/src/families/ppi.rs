//! Family `ppi` of the calculator.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::ppi as stats;
use seatrial_stats::ppi::{CorrectedRate, JudgeCounts};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const Y: Field = Field::new("y", "[number]", "human labels of the labelled items");
const YHAT: Field = Field::new("yhat", "[number]", "judge labels of the same items");
const YHAT_UNLABELED: Field = Field::new("yhat_unlabeled", "[number]", "judge labels of other items");
const CONFIDENCE: Field = Field::new("confidence", "number", "level of the interval, default 0.95");
const COUNTS: &[Field] = &[
    Field::new("k", "number", "positive verdicts on the target"),
    Field::new("n", "number", "items of the target"),
    Field::new("tp", "number", "positive verdicts on known positives"),
    Field::new("n_pos", "number", "known positives"),
    Field::new("tn", "number", "negative verdicts on known negatives"),
    Field::new("n_neg", "number", "known negatives"),
    CONFIDENCE,
];
const RATE: &[Field] = &[
    Field::new(
        "estimate",
        "number",
        "true rate as the formula gives it, not clipped",
    ),
    Field::new("estimate_clipped", "number", "clipped to [0, 1]"),
    Field::new("se", "number", "standard error"),
    Field::new("low", "number", "lower end, at least 0"),
    Field::new("high", "number", "upper end, at most 1"),
    Field::new(
        "youden",
        "number",
        "sensitivity + specificity - 1; below 0.2 do not use the result",
    ),
];

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "ppi_mean",
        family: "ppi",
        what: "prediction-powered mean: judge mean of unlabelled items plus mean human - judge of labelled ones",
        source: "Angelopoulos et al. 2023",
        inputs: &[Y, YHAT, YHAT_UNLABELED, CONFIDENCE],
        outputs: &[
            Field::new("estimate", "number", "estimate of the human mean"),
            Field::new("low", "number", "lower end of the normal interval"),
            Field::new("high", "number", "upper end"),
            Field::new("se", "number", "standard error"),
        ],
        eval: ppi_mean,
    },
    Function {
        name: "ppi_plus_plus_mean",
        family: "ppi",
        what: "prediction-powered mean with the judge's weight tuned to the narrowest interval",
        source: "Angelopoulos, Duchi, Zrnic 2023",
        inputs: &[Y, YHAT, YHAT_UNLABELED, CONFIDENCE],
        outputs: &[
            Field::new("lambda", "number", "weight of the judge, 0 to 1"),
            Field::new("estimate", "number", "estimate of the human mean"),
            Field::new("low", "number", "lower end of the normal interval"),
            Field::new("high", "number", "upper end"),
            Field::new("classical_low", "number", "lower end from the labels alone"),
            Field::new("classical_high", "number", "upper end from the labels alone"),
            Field::new("se", "number", "standard error"),
        ],
        eval: ppi_plus_plus_mean,
    },
    Function {
        name: "rogan_gladen",
        family: "ppi",
        what: "true rate behind a judge's positive rate, from its sensitivity and specificity",
        source: "Rogan and Gladen 1978",
        inputs: COUNTS,
        outputs: RATE,
        eval: rogan_gladen,
    },
    Function {
        name: "lang_reiczigel",
        family: "ppi",
        what: "Rogan-Gladen with adjusted counts and shifted centre, for better coverage",
        source: "Lang and Reiczigel 2014",
        inputs: COUNTS,
        outputs: RATE,
        eval: lang_reiczigel,
    },
];

fn ppi_mean(args: &Args<'_>) -> Output {
    let p = stats::ppi_mean(
        &args.f64s("y")?,
        &args.f64s("yhat")?,
        &args.f64s("yhat_unlabeled")?,
        args.f64_or("confidence", 0.95)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("estimate", number(p.estimate)),
        ("low", number(p.interval.low)),
        ("high", number(p.interval.high)),
        ("se", number(p.se)),
    ]))
}

fn ppi_plus_plus_mean(args: &Args<'_>) -> Output {
    let p = stats::ppi_plus_plus_mean(
        &args.f64s("y")?,
        &args.f64s("yhat")?,
        &args.f64s("yhat_unlabeled")?,
        args.f64_or("confidence", 0.95)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("lambda", number(p.lambda)),
        ("estimate", number(p.estimate)),
        ("low", number(p.interval.low)),
        ("high", number(p.interval.high)),
        ("classical_low", number(p.classical.low)),
        ("classical_high", number(p.classical.high)),
        ("se", number(p.se)),
    ]))
}

fn counts(args: &Args<'_>) -> Result<JudgeCounts, CalcError> {
    Ok(JudgeCounts {
        positive: args.u64("k")?,
        n: args.u64("n")?,
        true_positive: args.u64("tp")?,
        known_positive: args.u64("n_pos")?,
        true_negative: args.u64("tn")?,
        known_negative: args.u64("n_neg")?,
    })
}

fn rate(r: &CorrectedRate) -> Map<String, Value> {
    object([
        ("estimate", number(r.estimate)),
        ("estimate_clipped", number(r.clipped)),
        ("se", number(r.se)),
        ("low", number(r.interval.low)),
        ("high", number(r.interval.high)),
        ("youden", number(r.youden)),
    ])
}

fn rogan_gladen(args: &Args<'_>) -> Output {
    let r =
        stats::rogan_gladen(counts(args)?, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(rate(&r))
}

fn lang_reiczigel(args: &Args<'_>) -> Output {
    let r =
        stats::lang_reiczigel(counts(args)?, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(rate(&r))
}
