//! Family `mcnemar` of the calculator: right-or-wrong outcomes of two systems on the same cases.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::mcnemar::PairedCounts;
use serde_json::{Map, Value};

const fn count(name: &'static str, what: &'static str) -> Field {
    Field::new(name, "integer", what)
}

const fn out(name: &'static str, what: &'static str) -> Field {
    Field::new(name, "number", what)
}

const N11: Field = count("n11", "cases both are right on");
const B: Field = count("b", "cases only the first is right on");
const C: Field = count("c", "cases only the second is right on");
const N00: Field = count("n00", "cases both are wrong on");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "mcnemar",
        family: "mcnemar",
        what: "McNemar's tests of equal accuracy on the same cases; no discordant cases give p = 1",
        source: "as statsmodels mcnemar; mid-p: Fagerland, Lydersen and Laake 2013",
        inputs: &[N11, B, C, N00],
        outputs: &[
            out("p_exact", "exact binomial, conservative"),
            out("p_mid", "mid-p, the default"),
            out("chi2", "(b - c)^2 / (b + c)"),
            out("p_chi2", "its p-value"),
            out("chi2_cc", "(|b - c| - 1)^2 / (b + c)"),
            out("p_chi2_cc", "its p-value"),
        ],
        eval: mcnemar,
    },
    Function {
        name: "paired_prop_diff",
        family: "mcnemar",
        what: "difference of paired shares (b - c)/n with Wald and Agresti–Min intervals",
        source: "Agresti and Min 2005",
        inputs: &[
            N11,
            B,
            C,
            N00,
            Field::new(
                "confidence",
                "number",
                "level of the intervals, strictly between 0 and 1; default 0.95",
            ),
        ],
        outputs: &[
            out("diff", "(b - c) / n"),
            out("se", "Wald standard error"),
            out("low", "lower end, Wald"),
            out("high", "upper end, Wald"),
            out("am_low", "lower end, Agresti–Min; use this one"),
            out("am_high", "upper end, Agresti–Min; use this one"),
        ],
        eval: paired_prop_diff,
    },
];

fn table(args: &Args<'_>) -> Result<PairedCounts, CalcError> {
    Ok(PairedCounts {
        both: args.u64_or("n11", 0)?,
        first_only: args.u64("b")?,
        second_only: args.u64("c")?,
        neither: args.u64_or("n00", 0)?,
    })
}

fn mcnemar(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let test = table(args)?.test();
    Ok(object([
        ("p_exact", number(test.p_exact)),
        ("p_mid", number(test.p_mid)),
        ("chi2", number(test.chi2)),
        ("p_chi2", number(test.p_chi2)),
        ("chi2_cc", number(test.chi2_corrected)),
        ("p_chi2_cc", number(test.p_chi2_corrected)),
    ]))
}

fn paired_prop_diff(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let d = table(args)?
        .difference(args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("diff", number(d.difference)),
        ("se", number(d.se)),
        ("low", number(d.wald.low)),
        ("high", number(d.wald.high)),
        ("am_low", number(d.agresti_min.low)),
        ("am_high", number(d.agresti_min.high)),
    ]))
}
