//! Family `proportion_ci` of the calculator: one share.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::{Alternative, Interval, StatsError, proportion};
use serde_json::{Map, Value};

const K: Field = Field::new(
    "k",
    "number",
    "successes, 0 to n; need not be whole (effective counts)",
);
const N: Field = Field::new("n", "number", "trials, greater than 0");
const CONFIDENCE: Field = Field::new(
    "confidence",
    "number",
    "level of the interval, strictly between 0 and 1; default 0.95",
);
const LOW: Field = Field::new("low", "number", "lower end, at least 0");
const HIGH: Field = Field::new("high", "number", "upper end, at most 1");
const INPUTS: &[Field] = &[K, N, CONFIDENCE];
const OUTPUTS: &[Field] = &[LOW, HIGH];

type Eval = fn(&Args<'_>) -> Result<Map<String, Value>, CalcError>;

const fn function(name: &'static str, what: &'static str, source: &'static str, eval: Eval) -> Function {
    Function {
        name,
        family: "proportion_ci",
        what,
        source,
        inputs: INPUTS,
        outputs: OUTPUTS,
        eval,
    }
}

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    function(
        "wald",
        "normal (Wald) interval of a share, clipped; for comparison only, undercovers badly at small n",
        "textbook; as statsmodels proportion_confint(method='normal')",
        |args| interval(args, proportion::wald),
    ),
    function(
        "wilson",
        "Wilson score interval of a share, the default",
        "Wilson 1927",
        |args| interval(args, proportion::wilson),
    ),
    function(
        "clopper_pearson",
        "Clopper–Pearson exact interval of a share: coverage is never below the level",
        "Clopper and Pearson 1934",
        |args| interval(args, proportion::clopper_pearson),
    ),
    function(
        "agresti_coull",
        "Agresti–Coull interval of a share, clipped",
        "Agresti and Coull 1998",
        |args| interval(args, proportion::agresti_coull),
    ),
    function(
        "jeffreys",
        "equal-tailed interval of the Beta(k + 1/2, n - k + 1/2) posterior",
        "Brown, Cai and DasGupta 2001",
        |args| interval(args, proportion::jeffreys),
    ),
    function(
        "wilson_cc",
        "Wilson interval with continuity correction, conservative",
        "Newcombe 1998, method 4",
        |args| interval(args, proportion::wilson_cc),
    ),
    Function {
        name: "beta_binomial_uniform",
        family: "proportion_ci",
        what: "equal-tailed credible interval of a share under a uniform prior",
        source: "Beta(1 + k, 1 + n - k) posterior",
        inputs: INPUTS,
        outputs: &[LOW, HIGH, Field::new("mean", "number", "posterior mean")],
        eval: beta_binomial_uniform,
    },
    Function {
        name: "binom_test",
        family: "proportion_ci",
        what: "exact two-sided binomial test of the share p0: outcomes no likelier than the observed one",
        source: "as scipy.stats.binomtest",
        inputs: &[
            Field::new("k", "integer", "successes, 0 to n"),
            Field::new("n", "integer", "trials"),
            Field::new(
                "p0",
                "number",
                "share under the null hypothesis, 0 to 1; default 0.5",
            ),
        ],
        outputs: &[Field::new("p_value", "number", "two-sided p-value")],
        eval: binom_test,
    },
];

fn counts(args: &Args<'_>) -> Result<(f64, f64, f64), CalcError> {
    Ok((args.f64("k")?, args.f64("n")?, args.f64_or("confidence", 0.95)?))
}

fn interval(
    args: &Args<'_>,
    method: fn(f64, f64, f64) -> Result<Interval, StatsError>,
) -> Result<Map<String, Value>, CalcError> {
    let (k, n, confidence) = counts(args)?;
    let interval = method(k, n, confidence).map_err(CalcError::domain)?;
    Ok(object([
        ("low", number(interval.low)),
        ("high", number(interval.high)),
    ]))
}

fn beta_binomial_uniform(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (k, n, confidence) = counts(args)?;
    let posterior = proportion::beta_posterior(k, n, confidence, 1.0, 1.0).map_err(CalcError::domain)?;
    Ok(object([
        ("low", number(posterior.interval.low)),
        ("high", number(posterior.interval.high)),
        ("mean", number(posterior.mean)),
    ]))
}

fn binom_test(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (k, n, p0) = (args.u64("k")?, args.u64("n")?, args.f64_or("p0", 0.5)?);
    let p = proportion::binom_test(k, n, p0, Alternative::TwoSided).map_err(CalcError::domain)?;
    Ok(object([("p_value", number(p))]))
}
