//! Family `power` of the calculator: sample size, power and smallest detectable effect.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::dist::t_isf;
use seatrial_stats::power::{self, RepeatedAnswers};
use seatrial_stats::special::inc_beta;
use serde_json::{Map, Value};

const ALPHA: Field = Field::new(
    "alpha",
    "number",
    "level of the test, strictly between 0 and 1; default 0.05",
);
const POWER: Field = Field::new(
    "power",
    "number",
    "wanted power, strictly between 0 and 1; default 0.8",
);
const SD_DIFF: Field = Field::new(
    "sd_diff",
    "number",
    "standard deviation of the paired differences, >= 0",
);
const DELTA: Field = Field::new(
    "delta",
    "number",
    "mean difference to detect; 0 needs an infinite sample",
);
const T_POWER: &[Field] = &[
    Field::new(
        "power",
        "number",
        "probability of rejecting as statsmodels gives it (up to 1e-5 too high near 1)",
    ),
    Field::new(
        "power_exact",
        "number",
        "probability of rejecting, exact; use this one",
    ),
];
const REACHED: Field = Field::new("power", "number", "probability of rejecting, 0 to 1");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "n_paired_z",
        family: "power",
        what: "pairs to detect a mean difference, two-sided normal test, not rounded",
        source: "((z_{1-alpha/2} + z_power) sd / delta)^2",
        inputs: &[ALPHA, POWER, SD_DIFF, DELTA],
        outputs: &[Field::new("n", "number", "pairs")],
        eval: n_paired_z,
    },
    Function {
        name: "mde_paired_z",
        family: "power",
        what: "smallest mean difference that n pairs detect, two-sided normal test",
        source: "(z_{1-alpha/2} + z_power) sd / sqrt(n)",
        inputs: &[
            ALPHA,
            POWER,
            SD_DIFF,
            Field::new("n", "number", "pairs, greater than 0"),
        ],
        outputs: &[Field::new("mde", "number", "smallest detectable difference")],
        eval: mde_paired_z,
    },
    Function {
        name: "n_miller",
        family: "power",
        what: "cases for a paired comparison with repeated answers per case",
        source: "Miller 2024 (arXiv 2411.00640)",
        inputs: &[
            ALPHA,
            POWER,
            Field::new(
                "omega2",
                "number",
                "variance over cases of the difference of true means",
            ),
            Field::new(
                "sigma2_a",
                "number",
                "mean variance of the first system's answers to a case",
            ),
            Field::new(
                "sigma2_b",
                "number",
                "mean variance of the second system's answers to a case",
            ),
            Field::new(
                "k_a",
                "number",
                "answers per case of the first system, >= 1; default 1",
            ),
            Field::new(
                "k_b",
                "number",
                "answers per case of the second system, >= 1; default 1",
            ),
            DELTA,
        ],
        outputs: &[Field::new("n", "number", "cases")],
        eval: n_miller,
    },
    Function {
        name: "power_ttest_paired",
        family: "power",
        what: "power of the two-sided paired t test",
        source: "noncentral t; as statsmodels TTestPower",
        inputs: &[
            Field::new(
                "d",
                "number",
                "mean difference over the standard deviation of differences",
            ),
            Field::new("n", "number", "pairs, greater than 1"),
            ALPHA,
        ],
        outputs: T_POWER,
        eval: power_ttest_paired,
    },
    Function {
        name: "power_ttest_ind",
        family: "power",
        what: "power of the two-sided two-sample t test with equal arms",
        source: "noncentral t; as statsmodels TTestIndPower",
        inputs: &[
            Field::new(
                "d",
                "number",
                "difference of means over the common standard deviation",
            ),
            Field::new("n_per_arm", "number", "observations per arm, greater than 1"),
            ALPHA,
        ],
        outputs: T_POWER,
        eval: power_ttest_ind,
    },
    Function {
        name: "n_two_prop",
        family: "power",
        what: "trials per arm to tell two independent shares apart, two-sided normal test of the arcsine effect",
        source: "Cohen 1988; as statsmodels NormalIndPower",
        inputs: &[
            Field::new("p1", "number", "first share, 0 to 1"),
            Field::new("p2", "number", "second share, 0 to 1"),
            ALPHA,
            POWER,
        ],
        outputs: &[
            Field::new("h", "number", "2 asin sqrt(p1) - 2 asin sqrt(p2)"),
            Field::new("n_per_arm", "number", "trials per arm, not rounded"),
        ],
        eval: n_two_prop,
    },
    Function {
        name: "n_mcnemar",
        family: "power",
        what: "pairs for McNemar's test, two-sided",
        source: "Connor 1987",
        inputs: &[
            Field::new("p10", "number", "probability that only the first is right"),
            Field::new("p01", "number", "probability that only the second is right"),
            ALPHA,
            POWER,
        ],
        outputs: &[Field::new("n_pairs", "number", "pairs, not rounded")],
        eval: n_mcnemar,
    },
    Function {
        name: "power_one_prop_exact",
        family: "power",
        what: "power of the exact one-sided binomial test of H0: p <= p0 when the truth is p1",
        source: "binomial tails",
        inputs: &[
            Field::new("p0", "number", "share under the null hypothesis, 0 to 1"),
            Field::new("p1", "number", "true share, 0 to 1"),
            Field::new("n", "integer", "trials"),
            ALPHA,
        ],
        outputs: &[
            Field::new(
                "critical_k",
                "integer",
                "smallest rejecting count; n + 1 when none rejects",
            ),
            Field::new("size", "number", "false-alarm rate at p0"),
            REACHED,
        ],
        eval: power_one_prop_exact,
    },
];

type Output = Result<Map<String, Value>, CalcError>;

fn level(args: &Args<'_>) -> Result<f64, CalcError> {
    args.f64_or("alpha", 0.05)
}

fn wanted(args: &Args<'_>) -> Result<f64, CalcError> {
    args.f64_or("power", 0.8)
}

fn n_paired_z(args: &Args<'_>) -> Output {
    let n = power::pairs_needed(
        level(args)?,
        wanted(args)?,
        args.f64("sd_diff")?,
        args.f64("delta")?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([("n", number(n))]))
}

fn mde_paired_z(args: &Args<'_>) -> Output {
    let mde = power::detectable_difference(level(args)?, wanted(args)?, args.f64("sd_diff")?, args.f64("n")?)
        .map_err(CalcError::domain)?;
    Ok(object([("mde", number(mde))]))
}

fn n_miller(args: &Args<'_>) -> Output {
    let parts = RepeatedAnswers {
        omega2: args.f64("omega2")?,
        sigma2_a: args.f64("sigma2_a")?,
        sigma2_b: args.f64("sigma2_b")?,
        k_a: args.f64_or("k_a", 1.0)?,
        k_b: args.f64_or("k_b", 1.0)?,
    };
    let n = power::cases_needed(level(args)?, wanted(args)?, &parts, args.f64("delta")?)
        .map_err(CalcError::domain)?;
    Ok(object([("n", number(n))]))
}

fn power_ttest_paired(args: &Args<'_>) -> Output {
    let (d, n, alpha) = (args.f64("d")?, args.f64("n")?, level(args)?);
    let exact = power::t_paired(d, n, alpha).map_err(CalcError::domain)?;
    Ok(t_power(exact, d * n.sqrt(), n - 1.0, alpha))
}

fn power_ttest_ind(args: &Args<'_>) -> Output {
    let (d, n, alpha) = (args.f64("d")?, args.f64("n_per_arm")?, level(args)?);
    let exact = power::t_independent(d, n, alpha).map_err(CalcError::domain)?;
    Ok(t_power(exact, d * (0.5 * n).sqrt(), 2.0 * (n - 1.0), alpha))
}

/// `power` as statsmodels gives it beside the exact value.
///
/// statsmodels takes the noncentral t distribution from CDFLIB, which replaces P(T <= t) by Φ(−δ) as soon as
/// the two middle terms of its series round to one (their complements together below 1e-10). At 30 pairs and
/// d = 1.2 the power then reads 1 where it is 0.999994. Reference values hold the former, so both are given.
fn t_power(exact: f64, noncentrality: f64, df: f64, alpha: f64) -> Map<String, Value> {
    const CDFLIB_TINY: f64 = 1e-10;
    let critical = t_isf(0.5 * alpha, df);
    let inside = df / (df + critical * critical);
    let middle = (0.5 * noncentrality * noncentrality).floor().max(1.0);
    let complement = |b: f64| inc_beta(0.5 * df, b, inside).upper;
    let cut = complement(middle + 0.5) + complement(middle + 1.0) < CDFLIB_TINY;
    // The short cut gives 1 − Φ(−δ) above the upper critical point and Φ(−δ) below the lower one.
    let power = if cut { 1.0 } else { exact };
    object([("power", number(power)), ("power_exact", number(exact))])
}

fn n_two_prop(args: &Args<'_>) -> Output {
    let (p1, p2) = (args.f64("p1")?, args.f64("p2")?);
    let h = power::share_effect(p1, p2).map_err(CalcError::domain)?;
    let n = power::trials_per_arm(p1, p2, level(args)?, wanted(args)?).map_err(CalcError::domain)?;
    Ok(object([("h", number(h)), ("n_per_arm", number(n))]))
}

fn n_mcnemar(args: &Args<'_>) -> Output {
    let n = power::mcnemar_pairs(args.f64("p10")?, args.f64("p01")?, level(args)?, wanted(args)?)
        .map_err(CalcError::domain)?;
    Ok(object([("n_pairs", number(n))]))
}

fn power_one_prop_exact(args: &Args<'_>) -> Output {
    let test = power::exact_share(args.f64("p0")?, args.f64("p1")?, args.u64("n")?, level(args)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("critical_k", Value::from(test.critical_k)),
        ("size", number(test.size)),
        ("power", number(test.power)),
    ]))
}
