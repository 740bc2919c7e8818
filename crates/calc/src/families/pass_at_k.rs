//! Family `pass_at_k` of the calculator: success of repeated attempts.

use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::{StatsError, pass_at_k};
use serde_json::{Map, Value};

const N: Field = Field::new("n", "integer", "attempts per task");
const K: Field = Field::new("k", "integer", "attempts that count, 1 to n");
const C: Field = Field::new("c", "integer", "successful attempts, 0 to n");
const VALUE: Field = Field::new("value", "number", "unbiased estimate, 0 to 1");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "pass_at_k",
        family: "pass_at_k",
        what: "probability that one of k attempts succeeds: 1 - C(n - c, k)/C(n, k)",
        source: "Chen et al. 2021 (arXiv 2107.03374)",
        inputs: &[N, C, K],
        outputs: &[VALUE],
        eval: |args| single(args, pass_at_k::pass_at_k),
    },
    Function {
        name: "pass_hat_k",
        family: "pass_at_k",
        what: "probability that all of k attempts succeed: C(c, k)/C(n, k)",
        source: "Yao et al. 2024 (tau-bench)",
        inputs: &[N, C, K],
        outputs: &[VALUE],
        eval: |args| single(args, pass_at_k::pass_hat_k),
    },
    Function {
        name: "dataset",
        family: "pass_at_k",
        what: "mean pass@k over tasks with a normal interval over tasks, clipped to [0, 1]; NaN for one task",
        source: "tasks as sampling units",
        inputs: &[
            N,
            Field::new("c", "[integer]", "successful attempts of each task"),
            K,
            Field::new(
                "confidence",
                "number",
                "level of the interval, strictly between 0 and 1; default 0.95",
            ),
        ],
        outputs: &[
            Field::new("mean", "number", "mean over tasks"),
            Field::new(
                "se_tasks",
                "number",
                "standard deviation over tasks / sqrt(tasks)",
            ),
            Field::new("low", "number", "lower end"),
            Field::new("high", "number", "upper end"),
        ],
        eval: dataset,
    },
];

fn single(
    args: &Args<'_>,
    estimate: fn(u64, u64, u64) -> Result<f64, StatsError>,
) -> Result<Map<String, Value>, CalcError> {
    let value = estimate(args.u64("n")?, args.u64("c")?, args.u64("k")?).map_err(CalcError::domain)?;
    Ok(object([("value", number(value))]))
}

fn dataset(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let n = args.u64("n")?;
    let tasks: Vec<(u64, u64)> = args.u64s("c")?.into_iter().map(|c| (n, c)).collect();
    let d = pass_at_k::dataset(&tasks, args.u64("k")?, args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("mean", number(d.mean)),
        ("se_tasks", number(d.se)),
        ("low", number(d.interval.low)),
        ("high", number(d.interval.high)),
    ]))
}
