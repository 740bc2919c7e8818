//! Family `equivalence` of the calculator: equivalence and non-inferiority, higher is better.

use super::two_proportions::shares;
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::StatsError;
use seatrial_stats::equivalence::{self, Tost};
use seatrial_stats::two_proportions::ScoreRoot;
use serde_json::{Map, Value};

const A: Field = Field::new("a", "[number]", "scores of the new system, all finite");
const B: Field = Field::new("b", "[number]", "scores of the baseline, all finite");
const LOW: Field = Field::new("low", "number", "lower limit of equivalence, below upp");
const UPP: Field = Field::new("upp", "number", "upper limit of equivalence");
const MARGIN: Field = Field::new(
    "margin",
    "number",
    "how much worse is still acceptable; limit is -margin",
);
const TOST: &[Field] = &[
    Field::new("p_value", "number", "the larger of the two one-sided p-values"),
    Field::new("t_lower", "number", "t of \"above the lower limit\""),
    Field::new("p_lower", "number", "its one-sided p-value"),
    Field::new("t_upper", "number", "t of \"below the upper limit\""),
    Field::new("p_upper", "number", "its one-sided p-value"),
];
const Z: Field = Field::new("z", "number", "standardised distance from the limit");
const P: Field = Field::new(
    "p_value",
    "number",
    "one-sided p-value; small means not worse by the margin",
);
const ALPHA: Field = Field::new(
    "alpha",
    "number",
    "one-sided level, strictly between 0 and 1; default 0.05",
);
const K1: Field = Field::new("k1", "number", "successes of the new system");
const N1: Field = Field::new("n1", "number", "its trials, greater than 0");
const K2: Field = Field::new("k2", "number", "successes of the baseline");
const N2: Field = Field::new("n2", "number", "its trials, greater than 0");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "tost_paired",
        family: "equivalence",
        what: "equivalence of paired scores by two one-sided t tests: is the mean of a - b inside (low, upp)?",
        source: "Schuirmann 1987; as statsmodels ttost_paired",
        inputs: &[A, B, LOW, UPP],
        outputs: TOST,
        eval: |args| tost(args, equivalence::tost_paired),
    },
    Function {
        name: "tost_ind",
        family: "equivalence",
        what: "equivalence of two independent samples by two one-sided t tests with pooled variance",
        source: "Schuirmann 1987; as statsmodels ttost_ind(usevar='pooled')",
        inputs: &[A, B, LOW, UPP],
        outputs: TOST,
        eval: |args| tost(args, equivalence::tost_independent),
    },
    Function {
        name: "noninferiority_paired",
        family: "equivalence",
        what: "one-sided t test of H0: mean(a - b) <= -margin, with its lower bound",
        source: "as scipy.stats.ttest_1samp(alternative='greater')",
        inputs: &[A, B, MARGIN, ALPHA],
        outputs: &[
            Field::new("t", "number", "t statistic; infinite without spread"),
            P,
            Field::new(
                "lower_bound",
                "number",
                "one-sided 1 - alpha bound of the mean difference",
            ),
            Field::new("pass", "boolean", "whether the bound lies above -margin"),
        ],
        eval: noninferiority_paired,
    },
    Function {
        name: "noninferiority_prop_wald",
        family: "equivalence",
        what: "one-sided Wald test of H0: p1 - p2 <= -margin, independent shares, unpooled variances",
        source: "textbook",
        inputs: &[K1, N1, K2, N2, MARGIN, ALPHA],
        outputs: &[
            Z,
            P,
            Field::new("lower_bound", "number", "one-sided 1 - alpha bound of p1 - p2"),
        ],
        eval: noninferiority_prop_wald,
    },
    Function {
        name: "noninferiority_prop_score",
        family: "equivalence",
        what: "one-sided score test of H0: p1 - p2 <= -margin: as statsmodels computes it, and as published",
        source: "statsmodels 0.15 (whose cubic has k2 where the paper has n2); Miettinen and Nurminen 1985",
        inputs: &[K1, N1, K2, N2, MARGIN],
        outputs: &[
            Z,
            P,
            Field::new("mn_z", "number", "z by the published formula; use this one"),
            Field::new("mn_p_value", "number", "its one-sided p-value; use this one"),
        ],
        eval: noninferiority_prop_score,
    },
];

type TostTest = fn(&[f64], &[f64], f64, f64) -> Result<Tost, StatsError>;

fn tost(args: &Args<'_>, test: TostTest) -> Result<Map<String, Value>, CalcError> {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let t = test(&a, &b, args.f64("low")?, args.f64("upp")?).map_err(CalcError::domain)?;
    Ok(object([
        ("p_value", number(t.p)),
        ("t_lower", number(t.t_lower)),
        ("p_lower", number(t.p_lower)),
        ("t_upper", number(t.t_upper)),
        ("p_upper", number(t.p_upper)),
    ]))
}

fn noninferiority_paired(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let (margin, alpha) = (args.f64("margin")?, args.f64_or("alpha", 0.05)?);
    let test = equivalence::noninferiority_paired(&a, &b, margin, alpha).map_err(CalcError::domain)?;
    Ok(object([
        ("t", number(test.t)),
        ("p_value", number(test.p)),
        ("lower_bound", number(test.lower_bound)),
        ("pass", Value::from(test.pass)),
    ]))
}

fn noninferiority_prop_wald(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (shares, alpha) = (shares(args)?, args.f64_or("alpha", 0.05)?);
    let test = shares
        .noninferiority_wald(args.f64("margin")?)
        .map_err(CalcError::domain)?;
    let bound = shares.wald_lower(1.0 - alpha).map_err(CalcError::domain)?;
    Ok(object([
        ("z", number(test.z)),
        ("p_value", number(test.p)),
        ("lower_bound", number(bound)),
    ]))
}

fn noninferiority_prop_score(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let (shares, margin) = (shares(args)?, args.f64("margin")?);
    let by = |root| {
        shares
            .noninferiority_score(margin, root)
            .map_err(CalcError::domain)
    };
    let (compatible, published) = (by(ScoreRoot::Statsmodels)?, by(ScoreRoot::MiettinenNurminen)?);
    Ok(object([
        ("z", number(compatible.z)),
        ("p_value", number(compatible.p)),
        ("mn_z", number(published.z)),
        ("mn_p_value", number(published.p)),
    ]))
}
