//! Family `two_proportions` of the calculator: two independent shares.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::fisher::fisher_exact;
use seatrial_stats::two_proportions::{ScoreRoot, TwoShares};
use seatrial_stats::{Interval, StatsError};
use serde_json::{Map, Value};

const K1: Field = Field::new("k1", "number", "successes of the first group");
const N1: Field = Field::new("n1", "number", "trials of the first group, greater than 0");
const K2: Field = Field::new("k2", "number", "successes of the second group");
const N2: Field = Field::new("n2", "number", "trials of the second group, greater than 0");
const CONFIDENCE: Field = Field::new(
    "confidence",
    "number",
    "level of the interval, strictly between 0 and 1; default 0.95",
);
const LOW: Field = Field::new("low", "number", "lower end of p1 - p2");
const HIGH: Field = Field::new("high", "number", "upper end of p1 - p2");
const P_VALUE: Field = Field::new("p_value", "number", "two-sided p-value");
const COUNTS: &[Field] = &[K1, N1, K2, N2];
const COUNTS_AND_LEVEL: &[Field] = &[K1, N1, K2, N2, CONFIDENCE];

type Eval = fn(&Args<'_>) -> Result<Map<String, Value>, CalcError>;

const fn difference(name: &'static str, what: &'static str, source: &'static str, eval: Eval) -> Function {
    Function {
        name,
        family: "two_proportions",
        what,
        source,
        inputs: COUNTS_AND_LEVEL,
        outputs: &[LOW, HIGH],
        eval,
    }
}

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    difference(
        "diff_ci_wald",
        "normal interval of p1 - p2 with unpooled variances; for comparison only",
        "textbook; as statsmodels confint_proportions_2indep(method='wald')",
        |args| interval(args, TwoShares::wald),
    ),
    difference(
        "diff_ci_newcomb",
        "Newcombe's hybrid Wilson interval of p1 - p2, the default",
        "Newcombe 1998, method 10",
        |args| interval(args, TwoShares::newcombe),
    ),
    difference(
        "diff_ci_agresti_caffo",
        "normal interval of p1 - p2 after adding one success and one failure to each group",
        "Agresti and Caffo 2000",
        |args| interval(args, TwoShares::agresti_caffo),
    ),
    Function {
        name: "diff_ci_score",
        family: "two_proportions",
        what: "score interval of p1 - p2: as statsmodels computes it, and as published",
        source: "statsmodels 0.15 (whose cubic has k2 where the paper has n2); Miettinen and Nurminen 1985",
        inputs: COUNTS_AND_LEVEL,
        outputs: &[
            LOW,
            HIGH,
            Field::new(
                "mn_low",
                "number",
                "lower end by the published formula; use this one",
            ),
            Field::new(
                "mn_high",
                "number",
                "upper end by the published formula; use this one",
            ),
        ],
        eval: diff_ci_score,
    },
    Function {
        name: "ztest_pooled",
        family: "two_proportions",
        what: "two-sided z test of p1 = p2 with pooled variance; no spread gives z = 0, p = 1",
        source: "as statsmodels proportions_ztest",
        inputs: COUNTS,
        outputs: &[Field::new("z", "number", "standardised difference"), P_VALUE],
        eval: ztest_pooled,
    },
    Function {
        name: "fisher_exact",
        family: "two_proportions",
        what: "Fisher's exact test of a 2 x 2 table, two-sided",
        source: "Fisher 1935; as scipy.stats.fisher_exact",
        inputs: COUNTS,
        outputs: &[
            Field::new(
                "odds_ratio",
                "number",
                "sample odds ratio; Infinity for a zero denominator, NaN for an empty margin",
            ),
            P_VALUE,
        ],
        eval: fisher,
    },
    Function {
        name: "chi2_yates",
        family: "two_proportions",
        what: "Pearson chi-square of a 2 x 2 table, plain and with Yates' correction",
        source: "as scipy.stats.chi2_contingency",
        inputs: COUNTS,
        outputs: &[
            Field::new("chi2", "number", "plain statistic"),
            P_VALUE,
            Field::new("chi2_yates", "number", "statistic with continuity correction"),
            Field::new("p_value_yates", "number", "its p-value"),
        ],
        eval: chi2_yates,
    },
    Function {
        name: "prob_superiority_beta",
        family: "two_proportions",
        what: "probability that p1 > p2 under uniform priors",
        source: "independent Beta(1 + k, 1 + n - k) posteriors",
        inputs: COUNTS,
        outputs: &[Field::new("p_superior", "number", "posterior probability")],
        eval: prob_superiority_beta,
    },
    Function {
        name: "odds_ratio",
        family: "two_proportions",
        what: "log odds ratio with 1/2 added to every cell",
        source: "Haldane 1956, Anscombe 1956",
        inputs: COUNTS_AND_LEVEL,
        outputs: &[
            Field::new("log_or", "number", "log odds ratio"),
            Field::new("se", "number", "its standard error"),
            Field::new("low", "number", "lower end on the log scale"),
            Field::new("high", "number", "upper end on the log scale"),
        ],
        eval: odds_ratio,
    },
];

/// The two groups; also read by the family of non-inferiority tests.
pub(crate) fn shares(args: &Args<'_>) -> Result<TwoShares, CalcError> {
    TwoShares::try_new(args.f64("k1")?, args.f64("n1")?, args.f64("k2")?, args.f64("n2")?)
        .map_err(CalcError::domain)
}

fn interval(
    args: &Args<'_>,
    method: fn(&TwoShares, f64) -> Result<Interval, StatsError>,
) -> Result<Map<String, Value>, CalcError> {
    let interval = method(&shares(args)?, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(object([
        ("low", number(interval.low)),
        ("high", number(interval.high)),
    ]))
}

fn diff_ci_score(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (shares, confidence) = (shares(args)?, args.f64_or("confidence", 0.95)?);
    let by = |root| shares.score(confidence, root).map_err(CalcError::domain);
    let (compatible, published) = (by(ScoreRoot::Statsmodels)?, by(ScoreRoot::MiettinenNurminen)?);
    Ok(object([
        ("low", number(compatible.low)),
        ("high", number(compatible.high)),
        ("mn_low", number(published.low)),
        ("mn_high", number(published.high)),
    ]))
}

fn ztest_pooled(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let test = shares(args)?.z_test();
    Ok(object([("z", number(test.z)), ("p_value", number(test.p))]))
}

fn fisher(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let test = fisher_exact(args.u64("k1")?, args.u64("n1")?, args.u64("k2")?, args.u64("n2")?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("odds_ratio", number(test.odds_ratio)),
        ("p_value", number(test.p)),
    ]))
}

fn chi2_yates(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let test = shares(args)?.chi_square();
    Ok(object([
        ("chi2", number(test.chi2)),
        ("p_value", number(test.p)),
        ("chi2_yates", number(test.chi2_yates)),
        ("p_value_yates", number(test.p_yates)),
    ]))
}

fn prob_superiority_beta(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let p = shares(args)?.probability_of_superiority();
    Ok(object([("p_superior", number(p))]))
}

fn odds_ratio(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let odds = shares(args)?
        .log_odds_ratio(args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("log_or", number(odds.log_odds_ratio)),
        ("se", number(odds.se)),
        ("low", number(odds.interval.low)),
        ("high", number(odds.interval.high)),
    ]))
}
