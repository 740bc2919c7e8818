//! Family `multiplicity` of the calculator: adjusted p-values of a family of tests.

use crate::function::{numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::multiplicity::{Correction, decide};
use serde_json::{Map, Value};

const INPUTS: &[Field] = &[
    Field::new("p", "[number]", "p-values of one family, 0 to 1"),
    Field::new(
        "alpha",
        "number",
        "level of the decisions, strictly between 0 and 1; default 0.05",
    ),
];
const OUTPUTS: &[Field] = &[
    Field::new(
        "adjusted",
        "[number]",
        "adjusted p-values, in input order, at most 1",
    ),
    Field::new(
        "reject",
        "[boolean]",
        "whether each adjusted p-value is at most alpha",
    ),
];

type Eval = fn(&Args<'_>) -> Result<Map<String, Value>, CalcError>;

const fn function(name: &'static str, what: &'static str, source: &'static str, eval: Eval) -> Function {
    Function {
        name,
        family: "multiplicity",
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
        "bonferroni",
        "family-wise error by m times p; any dependence, never better than holm",
        "Bonferroni 1936",
        |args| family(args, Correction::Bonferroni),
    ),
    function(
        "sidak",
        "family-wise error by 1 - (1 - p)^m; independent tests",
        "Šidák 1967",
        |args| family(args, Correction::Sidak),
    ),
    function(
        "holm",
        "family-wise error, step-down; any dependence, the choice for gates",
        "Holm 1979",
        |args| family(args, Correction::Holm),
    ),
    function(
        "hochberg",
        "family-wise error, step-up; positive dependence",
        "Hochberg 1988",
        |args| family(args, Correction::Hochberg),
    ),
    function(
        "bh",
        "false discovery rate under positive dependence; the choice for exploring slices",
        "Benjamini and Hochberg 1995",
        |args| family(args, Correction::BenjaminiHochberg),
    ),
    function(
        "by",
        "false discovery rate under any dependence",
        "Benjamini and Yekutieli 2001",
        |args| family(args, Correction::BenjaminiYekutieli),
    ),
];

fn family(args: &Args<'_>, correction: Correction) -> Result<Map<String, Value>, CalcError> {
    let family =
        decide(&args.f64s("p")?, correction, args.f64_or("alpha", 0.05)?).map_err(CalcError::domain)?;
    Ok(object([
        ("adjusted", numbers(family.p)),
        ("reject", Value::from(family.reject)),
    ]))
}
