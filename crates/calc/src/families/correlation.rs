//! Family `correlation` of the calculator.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::correlation as stats;
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const HUMAN: Field = Field::new("human", "[number]", "human scores, one per item");
const JUDGE: Field = Field::new(
    "judge",
    "[number]",
    "scores of the judge or metric for the same items",
);
const CONFIDENCE: Field = Field::new("confidence", "number", "level of the intervals, default 0.95");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "pearson",
        family: "correlation",
        what: "Pearson's correlation with t test and Fisher interval",
        source: "Fisher 1915, 1921",
        inputs: &[HUMAN, JUDGE, CONFIDENCE],
        outputs: &[
            Field::new("r", "number", "-1 to 1; NaN where one of the two never varies"),
            Field::new(
                "p_value",
                "number",
                "two-sided p-value of no correlation; NaN with r",
            ),
            Field::new("low", "number", "lower end of the interval; NaN with r"),
            Field::new("high", "number", "upper end of the interval; NaN with r"),
        ],
        eval: pearson,
    },
    Function {
        name: "spearman",
        family: "correlation",
        what: "Spearman's rank correlation with t approximation, Fisher and Bonett-Wright intervals",
        source: "Spearman 1904; Bonett and Wright 2000",
        inputs: &[HUMAN, JUDGE, CONFIDENCE],
        outputs: &[
            Field::new("rho", "number", "-1 to 1; NaN where one of the two never varies"),
            Field::new(
                "p_value",
                "number",
                "two-sided p-value of no association; NaN with rho and with two items",
            ),
            Field::new(
                "fisher_low",
                "number",
                "lower end, standard error 1/sqrt(n-3); NaN with rho",
            ),
            Field::new("fisher_high", "number", "upper end; NaN with rho"),
            Field::new(
                "bonett_wright_low",
                "number",
                "lower end, standard error sqrt((1+rho^2/2)/(n-3)); NaN with rho",
            ),
            Field::new("bonett_wright_high", "number", "upper end; NaN with rho"),
        ],
        eval: spearman,
    },
    Function {
        name: "kendall",
        family: "correlation",
        what: "Kendall's tau-b and tau-c with exact or asymptotic test and the counts of pairs",
        source: "Kendall 1938, 1945; Stuart 1953",
        inputs: &[HUMAN, JUDGE],
        outputs: &[
            Field::new(
                "tau_b",
                "number",
                "-1 to 1; NaN where one of the two never varies",
            ),
            Field::new(
                "p_value",
                "number",
                "two-sided; exact without ties up to 33 items; NaN with tau_b",
            ),
            Field::new("tau_c", "number", "Stuart's tau-c; NaN with tau_b"),
            Field::new("concordant", "number", "pairs ordered the same way"),
            Field::new("discordant", "number", "pairs ordered in opposite ways"),
            Field::new("tied_human_only", "number", "pairs tied by people only"),
            Field::new("tied_judge_only", "number", "pairs tied by the judge only"),
            Field::new("tied_both", "number", "pairs tied by both"),
        ],
        eval: kendall,
    },
    Function {
        name: "weighted_tau",
        family: "correlation",
        what: "weighted tau with hyperbolic additive weights: exchanges at the top cost more",
        source: "Vigna 2015",
        inputs: &[HUMAN, JUDGE],
        outputs: &[Field::new(
            "tau",
            "number",
            "-1 to 1; NaN where one of the two never varies",
        )],
        eval: weighted_tau,
    },
    Function {
        name: "somers_d",
        family: "correlation",
        what: "Somers' D of y given x",
        source: "Somers 1962",
        inputs: &[
            Field::new("x", "[number]", "the given variable"),
            Field::new("y", "[number]", "the variable to explain"),
        ],
        outputs: &[Field::new(
            "d",
            "number",
            "-1 to 1; NaN where one of the two never varies",
        )],
        eval: somers_d,
    },
    Function {
        name: "agreement_error",
        family: "correlation",
        what: "errors of judge against human scores, Lin's concordance, Bland-Altman limits",
        source: "Lin 1989; Bland and Altman 1986",
        inputs: &[HUMAN, JUDGE],
        outputs: &[
            Field::new("mae", "number", "mean absolute error"),
            Field::new("rmse", "number", "root of the mean squared error"),
            Field::new("bias", "number", "mean of judge - human"),
            Field::new(
                "ccc",
                "number",
                "concordance correlation, -1 to 1; NaN where neither varies and the means are equal",
            ),
            Field::new(
                "loa_low",
                "number",
                "lower limit of agreement, bias - 1.96 sd; NaN with one item",
            ),
            Field::new(
                "loa_high",
                "number",
                "upper limit of agreement; NaN with one item",
            ),
        ],
        eval: agreement_error,
    },
    Function {
        name: "pairwise_accuracy",
        family: "correlation",
        what: "share of pairs of items on which human and judge agree, ties included",
        source: "Deutsch, Foster and Freitag 2023",
        inputs: &[
            HUMAN,
            JUDGE,
            Field::new(
                "epsilon",
                "number",
                "judge scores that differ by at most this are tied, default 0",
            ),
        ],
        outputs: &[
            Field::new(
                "acc_eq",
                "number",
                "(concordant + tied in both) / all pairs; NaN without pairs",
            ),
            Field::new(
                "acc_no_human_ties",
                "number",
                "concordant / pairs that people did not tie; NaN where people tied all",
            ),
        ],
        eval: pairwise_accuracy,
    },
    Function {
        name: "tie_calibration",
        family: "correlation",
        what: "the judge's tie threshold with the best pairwise accuracy",
        source: "Deutsch, Foster and Freitag 2023",
        inputs: &[HUMAN, JUDGE],
        outputs: &[
            Field::new(
                "epsilon",
                "number",
                "smallest best threshold among 0 and the observed differences",
            ),
            Field::new(
                "acc_eq",
                "number",
                "pairwise accuracy at that threshold; NaN without pairs",
            ),
        ],
        eval: tie_calibration,
    },
    Function {
        name: "system_pairwise_accuracy",
        family: "correlation",
        what: "share of pairs of systems ranked by the metric means as by the human means",
        source: "Kocmi et al. 2021",
        inputs: &[
            Field::new("human_mean", "[number]", "human mean per system"),
            Field::new("metric_mean", "[number]", "metric mean per system"),
        ],
        outputs: &[
            Field::new("accuracy", "number", "share; NaN where all human means are equal"),
            Field::new("n_pairs", "number", "pairs with different human means"),
        ],
        eval: system_pairwise_accuracy,
    },
];

fn scores(args: &Args<'_>) -> Result<(Vec<f64>, Vec<f64>), CalcError> {
    Ok((args.f64s("human")?, args.f64s("judge")?))
}

fn pearson(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let c = stats::pearson(&human, &judge, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(object([
        ("r", number(c.r)),
        ("p_value", number(c.p_value)),
        ("low", number(c.interval.low)),
        ("high", number(c.interval.high)),
    ]))
}

fn spearman(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let c = stats::spearman(&human, &judge, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(object([
        ("rho", number(c.rho)),
        ("p_value", number(c.p_value)),
        ("fisher_low", number(c.fisher.low)),
        ("fisher_high", number(c.fisher.high)),
        ("bonett_wright_low", number(c.bonett_wright.low)),
        ("bonett_wright_high", number(c.bonett_wright.high)),
    ]))
}

fn kendall(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let k = stats::kendall(&human, &judge).map_err(CalcError::domain)?;
    Ok(object([
        ("tau_b", number(k.tau_b)),
        ("p_value", number(k.p_value)),
        ("tau_c", number(k.tau_c)),
        ("concordant", Value::from(k.pairs.concordant)),
        ("discordant", Value::from(k.pairs.discordant)),
        ("tied_human_only", Value::from(k.pairs.tied_x_only)),
        ("tied_judge_only", Value::from(k.pairs.tied_y_only)),
        ("tied_both", Value::from(k.pairs.tied_both)),
    ]))
}

fn weighted_tau(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let tau = stats::weighted_tau(&human, &judge).map_err(CalcError::domain)?;
    Ok(object([("tau", number(tau))]))
}

fn somers_d(args: &Args<'_>) -> Output {
    let d = stats::somers_d(&args.f64s("x")?, &args.f64s("y")?).map_err(CalcError::domain)?;
    Ok(object([("d", number(d))]))
}

fn agreement_error(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let c = stats::closeness(&human, &judge).map_err(CalcError::domain)?;
    Ok(object([
        ("mae", number(c.mae)),
        ("rmse", number(c.rmse)),
        ("bias", number(c.bias)),
        ("ccc", number(c.ccc)),
        ("loa_low", number(c.limits.low)),
        ("loa_high", number(c.limits.high)),
    ]))
}

fn pairwise_accuracy(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let a =
        stats::pairwise_accuracy(&human, &judge, args.f64_or("epsilon", 0.0)?).map_err(CalcError::domain)?;
    Ok(object([
        ("acc_eq", number(a.acc_eq)),
        ("acc_no_human_ties", number(a.acc_no_human_ties)),
    ]))
}

fn tie_calibration(args: &Args<'_>) -> Output {
    let (human, judge) = scores(args)?;
    let t = stats::tie_calibration(&human, &judge).map_err(CalcError::domain)?;
    Ok(object([
        ("epsilon", number(t.epsilon)),
        ("acc_eq", number(t.acc_eq)),
    ]))
}

fn system_pairwise_accuracy(args: &Args<'_>) -> Output {
    let a = stats::system_pairwise_accuracy(&args.f64s("human_mean")?, &args.f64s("metric_mean")?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("accuracy", number(a.accuracy)),
        ("n_pairs", Value::from(a.n_pairs)),
    ]))
}
