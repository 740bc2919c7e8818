//! Family `agreement` of the calculator.

use crate::args::to_u64;
use crate::function::{number, object};
use crate::labels::{Labels, Ratings};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::agreement as stats;
use seatrial_stats::agreement::{KappaWeights, MeasurementLevel, RatingWeights};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const WEIGHTS: Field = Field::new(
    "weights",
    "none|linear|quadratic",
    "how much a disagreement counts by the distance of the labels; default none",
);
const CONFIDENCE: Field = Field::new("confidence", "number", "level of the interval, default 0.95");
const UNITS: Field = Field::new(
    "ratings",
    "[[number|null]]",
    "one row per unit, one column per rater",
);

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "cohen_kappa",
        family: "agreement",
        what: "Cohen's kappa of two raters, plain or weighted, with the observed agreement",
        source: "Cohen 1960, 1968",
        inputs: &[
            Field::new("a", "[label]", "answers of the first rater"),
            Field::new("b", "[label]", "answers of the second rater to the same items"),
            Field::new(
                "labels",
                "[label]",
                "all labels in order; default those that occur",
            ),
            WEIGHTS,
        ],
        outputs: &[
            Field::new(
                "kappa",
                "number",
                "kappa, at most 1; NaN where one label took every answer",
            ),
            Field::new("p_o", "number", "observed (weighted) agreement"),
            Field::new("p_e", "number", "(weighted) agreement expected by chance"),
            Field::new("n", "number", "items"),
        ],
        eval: cohen_kappa,
    },
    Function {
        name: "cohen_kappa_ci",
        family: "agreement",
        what: "Cohen's kappa from a square table of counts, with interval and test of kappa = 0",
        source: "Fleiss, Cohen, Everitt 1969",
        inputs: &[
            Field::new(
                "table",
                "[[number]]",
                "counts, row: label of the first rater, column: of the second",
            ),
            WEIGHTS,
            CONFIDENCE,
        ],
        outputs: &[
            Field::new("kappa", "number", "kappa; NaN where one label took every answer"),
            Field::new("se", "number", "large-sample standard error; NaN with kappa"),
            Field::new("low", "number", "lower end of the interval; NaN with kappa"),
            Field::new("high", "number", "upper end of the interval; NaN with kappa"),
            Field::new(
                "se0",
                "number",
                "standard error if the raters answered independently; NaN with kappa",
            ),
            Field::new("z", "number", "kappa / se0; NaN where se0 is 0"),
            Field::new(
                "p_value",
                "number",
                "two-sided p-value of kappa = 0; NaN where se0 is 0",
            ),
        ],
        eval: cohen_kappa_ci,
    },
    Function {
        name: "fleiss_kappa",
        family: "agreement",
        what: "Fleiss' and Randolph's kappa of equally often rated subjects",
        source: "Fleiss 1971; Randolph 2005",
        inputs: &[Field::new(
            "table",
            "[[number]]",
            "counts, row: subject, column: category",
        )],
        outputs: &[
            Field::new(
                "fleiss",
                "number",
                "Fleiss' kappa; NaN with single ratings or where chance agreement is certain",
            ),
            Field::new(
                "randolph",
                "number",
                "free-marginal kappa; NaN with single ratings or where chance agreement is certain",
            ),
            Field::new(
                "p_o",
                "number",
                "mean share of agreeing pairs of raters; NaN with single ratings or where chance agreement is certain",
            ),
        ],
        eval: fleiss_kappa,
    },
    Function {
        name: "krippendorff_alpha",
        family: "agreement",
        what: "Krippendorff's alpha for any number of raters and missing ratings, on request with a bootstrap interval over units",
        source: "Krippendorff 2011",
        inputs: &[
            Field::new(
                "ratings",
                "[[number|label|null]]",
                "one row per rater, one column per unit",
            ),
            Field::new(
                "level",
                "nominal|ordinal|interval|ratio",
                "level of measurement, default nominal",
            ),
            Field::new("resamples", "number", "bootstrap draws; default 0, no interval"),
            CONFIDENCE,
            Field::new("seed", "number", "seed of the bootstrap, default 0"),
        ],
        outputs: &[
            Field::new(
                "alpha",
                "number",
                "alpha, at most 1; NaN where all pairable ratings are equal or there are none",
            ),
            Field::new("n_units", "number", "units with at least two ratings"),
            Field::new(
                "low",
                "number",
                "lower end of the percentile interval, if asked for; NaN where no draw has a value",
            ),
            Field::new(
                "high",
                "number",
                "upper end of the percentile interval, if asked for; NaN where no draw has a value",
            ),
            Field::new(
                "se",
                "number",
                "standard deviation of the draws, if asked for; NaN where no draw has a value",
            ),
            Field::new("undefined", "number", "draws without a value, if asked for"),
        ],
        eval: krippendorff_alpha,
    },
    Function {
        name: "cac",
        family: "agreement",
        what: "chance-corrected coefficients for many raters with missing ratings: AC1/AC2, Brennan-Prediger, Fleiss, Conger, Krippendorff",
        source: "Gwet 2008, 2014",
        inputs: &[
            UNITS,
            Field::new(
                "weights",
                "identity|linear|quadratic|ordinal",
                "credit for near agreement, default identity",
            ),
            CONFIDENCE,
        ],
        outputs: &[
            Field::new(
                "gwet",
                "{coef, se, low, high, pa, pe}",
                "AC1 (identity weights) or AC2; NaN where one label took every rating or no unit has two",
            ),
            Field::new(
                "bp",
                "{coef, se, low, high, pa, pe}",
                "Brennan-Prediger; NaN where one label took every rating or no unit has two",
            ),
            Field::new(
                "fleiss",
                "{coef, se, low, high, pa, pe}",
                "Fleiss' generalised kappa; NaN where one label took every rating or no unit has two",
            ),
            Field::new(
                "conger",
                "{coef, se, low, high, pa, pe}",
                "Conger's kappa; NaN where one label took every rating or no unit has two",
            ),
            Field::new(
                "krippendorff",
                "{coef, se, low, high, pa, pe}",
                "Krippendorff's alpha; NaN where one label took every rating or no unit has two",
            ),
        ],
        eval: cac,
    },
    Function {
        name: "icc",
        family: "agreement",
        what: "the six intraclass correlations with F tests and intervals",
        source: "Shrout and Fleiss 1979; McGraw and Wong 1996",
        inputs: &[
            Field::new(
                "ratings",
                "[[number]]",
                "one row per unit, one column per rater, nothing missing",
            ),
            CONFIDENCE,
        ],
        outputs: &[
            Field::new(
                "icc1",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(1,1); NaN where all ratings are equal",
            ),
            Field::new(
                "icc2",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(2,1), absolute agreement; NaN where all ratings are equal",
            ),
            Field::new(
                "icc3",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(3,1), consistency; NaN where all ratings are equal",
            ),
            Field::new(
                "icc1k",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(1,k); NaN where all ratings are equal",
            ),
            Field::new(
                "icc2k",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(2,k); NaN where all ratings are equal",
            ),
            Field::new(
                "icc3k",
                "{icc, f, df1, df2, p_value, low, high}",
                "ICC(3,k); NaN where all ratings are equal",
            ),
        ],
        eval: icc,
    },
    Function {
        name: "percent_agreement",
        family: "agreement",
        what: "mean share of agreeing pairs of raters per unit, missing ratings ignored",
        source: "definition",
        inputs: &[Field::new(
            "ratings",
            "[[number|label|null]]",
            "one row per rater, one column per unit",
        )],
        outputs: &[Field::new(
            "value",
            "number",
            "0 to 1; NaN where no unit has two ratings",
        )],
        eval: percent_agreement,
    },
];

fn kappa_weights(args: &Args<'_>) -> Result<KappaWeights, CalcError> {
    match args.str_or("weights", "none")? {
        "none" => Ok(KappaWeights::Unweighted),
        "linear" => Ok(KappaWeights::Linear),
        "quadratic" => Ok(KappaWeights::Quadratic),
        other => Err(crate::args::wrong(
            "weights",
            "none, linear or quadratic",
            &Value::from(other),
        )),
    }
}

fn cohen_kappa(args: &Args<'_>) -> Output {
    let a: Vec<&Value> = args.list("a", |value, _| Ok(value))?;
    let b: Vec<&Value> = args.list("b", |value, _| Ok(value))?;
    let all: Vec<&Value> = a.iter().chain(&b).copied().collect();
    let labels = Labels::read(args, "labels", &all)?;
    let places = |values: &[&Value], name: &str| {
        values
            .iter()
            .map(|value| labels.place(value, name))
            .collect::<Result<Vec<_>, _>>()
    };
    let kappa = stats::cohen_kappa(
        &places(&a, "a")?,
        &places(&b, "b")?,
        labels.len(),
        kappa_weights(args)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("kappa", number(kappa.kappa)),
        ("p_o", number(kappa.p_observed)),
        ("p_e", number(kappa.p_expected)),
        ("n", Value::from(kappa.n)),
    ]))
}

fn cohen_kappa_ci(args: &Args<'_>) -> Output {
    let table = args.matrix("table", to_u64)?;
    let k = stats::cohen_kappa_interval(&table, kappa_weights(args)?, args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("kappa", number(k.kappa)),
        ("se", number(k.se)),
        ("low", number(k.low)),
        ("high", number(k.high)),
        ("se0", number(k.se_null)),
        ("z", number(k.z)),
        ("p_value", number(k.p_value)),
    ]))
}

fn fleiss_kappa(args: &Args<'_>) -> Output {
    let k = stats::fleiss_kappa(&args.matrix("table", to_u64)?).map_err(CalcError::domain)?;
    Ok(object([
        ("fleiss", number(k.fleiss)),
        ("randolph", number(k.randolph)),
        ("p_o", number(k.p_observed)),
    ]))
}

fn krippendorff_alpha(args: &Args<'_>) -> Output {
    let ratings = Ratings::read(args, "ratings")?;
    let level = match args.str_or("level", "nominal")? {
        "nominal" => MeasurementLevel::Nominal,
        _ if !ratings.numeric => {
            return Err(CalcError::Domain(
                "ratings that are not numbers have no order; use level nominal".to_owned(),
            ));
        }
        "ordinal" => MeasurementLevel::Ordinal,
        "interval" => MeasurementLevel::Interval,
        "ratio" => MeasurementLevel::Ratio,
        other => {
            let expected = "nominal, ordinal, interval or ratio";
            return Err(crate::args::wrong("level", expected, &Value::from(other)));
        }
    };
    let resamples = usize::try_from(args.u64_or("resamples", 0)?).unwrap_or(usize::MAX);
    if resamples == 0 {
        let alpha = stats::krippendorff_alpha(&ratings.rows, level).map_err(CalcError::domain)?;
        return Ok(object([
            ("alpha", number(alpha.alpha)),
            ("n_units", Value::from(alpha.n_units)),
        ]));
    }
    let how = stats::AlphaResampling {
        resamples,
        confidence: args.f64_or("confidence", 0.95)?,
        seed: args.u64_or("seed", 0)?,
    };
    let drawn = stats::krippendorff_alpha_bootstrap(&ratings.rows, level, how).map_err(CalcError::domain)?;
    Ok(object([
        ("alpha", number(drawn.alpha.alpha)),
        ("n_units", Value::from(drawn.alpha.n_units)),
        ("low", number(drawn.low)),
        ("high", number(drawn.high)),
        ("se", number(drawn.se)),
        ("undefined", Value::from(drawn.undefined)),
    ]))
}

fn cac(args: &Args<'_>) -> Output {
    let weights = match args.str_or("weights", "identity")? {
        "identity" => RatingWeights::Identity,
        "linear" => RatingWeights::Linear,
        "quadratic" => RatingWeights::Quadratic,
        "ordinal" => RatingWeights::Ordinal,
        other => {
            let expected = "identity, linear, quadratic or ordinal";
            return Err(crate::args::wrong("weights", expected, &Value::from(other)));
        }
    };
    let ratings = Ratings::read(args, "ratings")?;
    if !ratings.numeric && weights != RatingWeights::Identity {
        return Err(CalcError::Domain(
            "ratings that are not numbers have no order; use weights identity".to_owned(),
        ));
    }
    let c = stats::agreement_coefficients(&ratings.rows, weights, args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    let part = |c: stats::AgreementCoefficient| {
        Value::Object(object([
            ("coef", number(c.coefficient)),
            ("se", number(c.se)),
            ("low", number(c.low)),
            ("high", number(c.high)),
            ("pa", number(c.p_observed)),
            ("pe", number(c.p_expected)),
        ]))
    };
    Ok(object([
        ("gwet", part(c.gwet)),
        ("bp", part(c.brennan_prediger)),
        ("fleiss", part(c.fleiss)),
        ("conger", part(c.conger)),
        ("krippendorff", part(c.krippendorff)),
    ]))
}

fn icc(args: &Args<'_>) -> Output {
    let ratings = args.matrix("ratings", crate::args::to_f64_opt)?;
    let forms = stats::icc(&ratings, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    let part = |icc: stats::Icc| {
        Value::Object(object([
            ("icc", number(icc.icc)),
            ("f", number(icc.f)),
            ("df1", number(icc.df1)),
            ("df2", number(icc.df2)),
            ("p_value", number(icc.p_value)),
            ("low", number(icc.low)),
            ("high", number(icc.high)),
        ]))
    };
    Ok(object([
        ("icc1", part(forms.icc1)),
        ("icc2", part(forms.icc2)),
        ("icc3", part(forms.icc3)),
        ("icc1k", part(forms.icc1k)),
        ("icc2k", part(forms.icc2k)),
        ("icc3k", part(forms.icc3k)),
    ]))
}

fn percent_agreement(args: &Args<'_>) -> Output {
    let ratings = Ratings::read(args, "ratings")?;
    let value = stats::percent_agreement(&ratings.rows).map_err(CalcError::domain)?;
    Ok(object([("value", number(value))]))
}
