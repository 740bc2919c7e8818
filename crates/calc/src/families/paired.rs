//! Family `paired` of the calculator: two systems' scores, mostly on the same cases.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::rank_test::{RankMethod, Zeros, mann_whitney, signed_rank};
use seatrial_stats::{paired, permutation};
use serde_json::{Map, Value};

const A: Field = Field::new("a", "[number]", "scores of the first system, all finite");
const B: Field = Field::new("b", "[number]", "scores of the second system, all finite");
const D: Field = Field::new("d", "[number]", "differences, instead of a and b");
const CONFIDENCE: Field = Field::new(
    "confidence",
    "number",
    "level of the interval, between 0 and 1; default 0.95",
);
const P: Field = Field::new("p_value", "number", "two-sided p-value");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "paired_diff",
        family: "paired",
        what: "mean difference a - b with what pairing gains; t is NaN when all differences are equal",
        source: "textbook; t test as scipy.stats.ttest_rel",
        inputs: &[A, B, CONFIDENCE],
        outputs: &[
            Field::new("mean_diff", "number", "mean of a - b"),
            Field::new("se_paired", "number", "its standard error"),
            Field::new("se_unpaired", "number", "standard error as if unpaired"),
            Field::new(
                "corr",
                "number",
                "Pearson correlation of a and b; NaN when either is constant",
            ),
            Field::new(
                "variance_reduction",
                "number",
                "1 - (paired / unpaired)^2; NaN when both are constant",
            ),
            Field::new("z_low", "number", "lower end, normal"),
            Field::new("z_high", "number", "upper end, normal"),
            Field::new("t", "number", "t statistic"),
            Field::new("t_p_value", "number", "its two-sided p-value"),
        ],
        eval: paired_diff,
    },
    Function {
        name: "wilcoxon",
        family: "paired",
        what: "Wilcoxon's signed-rank test of paired differences",
        source: "Wilcoxon 1945, Pratt 1959, Cureton 1967; as scipy.stats.wilcoxon",
        inputs: &[
            A,
            B,
            D,
            Field::new("method", "auto|exact|approx", "how p is found; default auto"),
            Field::new(
                "zero_method",
                "wilcox|pratt|zsplit",
                "drop, rank and drop, or split zeros; default wilcox",
            ),
            Field::new(
                "correction",
                "boolean",
                "continuity correction of the approximation; default false",
            ),
        ],
        outputs: &[Field::new("statistic", "number", "smaller rank sum"), P],
        eval: wilcoxon,
    },
    Function {
        name: "sign_test",
        family: "paired",
        what: "exact two-sided sign test of paired differences, zeros left out",
        source: "binomial test of one half",
        inputs: &[A, B, D],
        outputs: &[
            Field::new("n_pos", "integer", "pairs where a is greater"),
            Field::new("n_neg", "integer", "pairs where b is greater"),
            Field::new("n_zero", "integer", "ties"),
            P,
        ],
        eval: sign_test,
    },
    Function {
        name: "permutation_paired_exact",
        family: "paired",
        what: "sign-flip permutation test over all sign patterns of at most 20 differences that are not zero",
        source: "Fisher 1935; as scipy.stats.permutation_test(permutation_type='samples')",
        inputs: &[A, B, D],
        outputs: PERMUTATION,
        eval: permutation_paired_exact,
    },
    Function {
        name: "permutation_paired",
        family: "paired",
        what: "sign-flip permutation test: exact for at most 20 differences that are not zero, else random signs",
        source: "Fisher 1935; p = (1 + extreme)/(resamples + 1); xoshiro256++",
        inputs: &[
            A,
            B,
            D,
            Field::new("n_resamples", "integer", "random sign patterns; default 10000"),
            Field::new("seed", "integer", "seed of the generator; default 0"),
        ],
        outputs: PERMUTATION,
        eval: permutation_paired,
    },
    Function {
        name: "mann_whitney",
        family: "paired",
        what: "Mann–Whitney U test of two independent samples with Vargha–Delaney A12 and Cliff's delta",
        source: "Mann and Whitney 1947; as scipy.stats.mannwhitneyu",
        inputs: &[
            A,
            B,
            Field::new("method", "auto|exact|asymptotic", "how p is found; default auto"),
        ],
        outputs: &[
            Field::new("u1", "number", "pairs in which a is greater, ties half"),
            P,
            Field::new("a12", "number", "u1 / (n1 n2)"),
            Field::new("cliffs_delta", "number", "2 a12 - 1"),
        ],
        eval: mann_whitney_u,
    },
    Function {
        name: "welch_t",
        family: "paired",
        what: "Welch's t test of two independent samples",
        source: "Welch 1947; as scipy.stats.ttest_ind(equal_var=False)",
        inputs: &[A, B, CONFIDENCE],
        outputs: &[
            Field::new("t", "number", "t statistic"),
            Field::new("df", "number", "Welch–Satterthwaite degrees of freedom"),
            P,
            Field::new("low", "number", "lower end of mean(a) - mean(b)"),
            Field::new("high", "number", "upper end of mean(a) - mean(b)"),
        ],
        eval: welch_t,
    },
    Function {
        name: "effect_size",
        family: "paired",
        what: "standardised differences of two systems; NaN without spread",
        source: "Cohen 1988, Hedges 1981",
        inputs: &[A, B],
        outputs: &[
            Field::new(
                "cohens_d",
                "number",
                "difference of means over the pooled standard deviation",
            ),
            Field::new(
                "hedges_g",
                "number",
                "cohens_d times the exact small-sample correction",
            ),
            Field::new(
                "d_z",
                "number",
                "mean difference over the standard deviation of differences",
            ),
        ],
        eval: effect_size,
    },
];

const PERMUTATION: &[Field] = &[
    Field::new(
        "p_two_sided",
        "number",
        "twice the smaller one-sided p-value, at most 1",
    ),
    Field::new(
        "p_abs",
        "number",
        "share of patterns with at least the observed absolute sum",
    ),
    Field::new("p_less", "number", "share with at most the observed sum"),
    Field::new("p_greater", "number", "share with at least the observed sum"),
];

type Output = Result<Map<String, Value>, CalcError>;

/// The differences: `d` as given, or `a - b`.
fn differences(args: &Args<'_>) -> Result<Vec<f64>, CalcError> {
    if args.raw("d").is_some() {
        return args.f64s("d");
    }
    paired::differences(&args.f64s("a")?, &args.f64s("b")?).map_err(CalcError::domain)
}

fn paired_diff(args: &Args<'_>) -> Output {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let d = paired::difference(&a, &b, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(object([
        ("mean_diff", number(d.summary.mean)),
        ("se_paired", number(d.summary.se)),
        ("se_unpaired", number(d.se_unpaired)),
        ("corr", number(d.correlation)),
        ("variance_reduction", number(d.variance_reduction)),
        ("z_low", number(d.z_interval.low)),
        ("z_high", number(d.z_interval.high)),
        ("t", number(d.t)),
        ("t_p_value", number(d.t_p)),
    ]))
}

fn method(args: &Args<'_>) -> Result<RankMethod, CalcError> {
    match args.str_or("method", "auto")? {
        "auto" => Ok(RankMethod::Auto),
        "exact" => Ok(RankMethod::Exact),
        "approx" | "asymptotic" => Ok(RankMethod::Approximate),
        other => Err(crate::args::wrong(
            "method",
            "auto, exact, approx or asymptotic",
            &Value::from(other),
        )),
    }
}

fn wilcoxon(args: &Args<'_>) -> Output {
    let zeros = match args.str_or("zero_method", "wilcox")? {
        "wilcox" => Zeros::Drop,
        "pratt" => Zeros::Pratt,
        "zsplit" => Zeros::Split,
        other => {
            return Err(crate::args::wrong(
                "zero_method",
                "wilcox, pratt or zsplit",
                &Value::from(other),
            ));
        }
    };
    let test = signed_rank(
        &differences(args)?,
        method(args)?,
        zeros,
        args.bool_or("correction", false)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("statistic", number(test.statistic)),
        ("p_value", number(test.p)),
    ]))
}

fn sign_test(args: &Args<'_>) -> Output {
    let test = paired::sign_test(&differences(args)?).map_err(CalcError::domain)?;
    Ok(object([
        ("n_pos", Value::from(test.positive)),
        ("n_neg", Value::from(test.negative)),
        ("n_zero", Value::from(test.zero)),
        ("p_value", number(test.p)),
    ]))
}

fn permutation_paired_exact(args: &Args<'_>) -> Output {
    let p = permutation::sign_flip_exact(&differences(args)?).map_err(CalcError::domain)?;
    Ok(permutation_output(&p))
}

fn permutation_paired(args: &Args<'_>) -> Output {
    let (resamples, seed) = (args.u64_or("n_resamples", 10_000)?, args.u64_or("seed", 0)?);
    let p = permutation::sign_flip(&differences(args)?, resamples, seed).map_err(CalcError::domain)?;
    Ok(permutation_output(&p))
}

fn permutation_output(p: &permutation::SignFlip) -> Map<String, Value> {
    object([
        ("p_two_sided", number(p.p_two_sided)),
        ("p_abs", number(p.p_abs)),
        ("p_less", number(p.p_less)),
        ("p_greater", number(p.p_greater)),
    ])
}

fn mann_whitney_u(args: &Args<'_>) -> Output {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let test = mann_whitney(&a, &b, method(args)?).map_err(CalcError::domain)?;
    Ok(object([
        ("u1", number(test.u1)),
        ("p_value", number(test.p)),
        ("a12", number(test.a12)),
        ("cliffs_delta", number(test.cliffs_delta)),
    ]))
}

fn welch_t(args: &Args<'_>) -> Output {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let test = paired::welch_t(&a, &b, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    Ok(object([
        ("t", number(test.t)),
        ("df", number(test.df)),
        ("p_value", number(test.p)),
        ("low", number(test.interval.low)),
        ("high", number(test.interval.high)),
    ]))
}

fn effect_size(args: &Args<'_>) -> Output {
    let e = paired::effect_sizes(&args.f64s("a")?, &args.f64s("b")?).map_err(CalcError::domain)?;
    Ok(object([
        ("cohens_d", number(e.cohens_d)),
        ("hedges_g", number(e.hedges_g)),
        ("d_z", number(e.d_z)),
    ]))
}
