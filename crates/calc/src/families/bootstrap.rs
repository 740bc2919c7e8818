//! Family `bootstrap` of the calculator: intervals by resampling, with given or own random indices.

use super::means::clusters;
use crate::args::{to_f64, to_u64};
use crate::function::{number, numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::bootstrap::{self, Statistic};
use serde_json::{Map, Value};

const X: Field = Field::new("x", "[number]", "observations, all finite");
const STATISTIC: Field = Field::new("statistic", "mean|median|std", "what is resampled; default mean");
const CONFIDENCE: Field = Field::new(
    "confidence",
    "number",
    "level of the intervals, between 0 and 1; default 0.95",
);
const A: Field = Field::new("a", "[number]", "scores of the first system");
const B: Field = Field::new("b", "[number]", "scores of the second system on the same cases");
const SCORES: Field = Field::new("scores", "[number]", "observations, all finite");
const CLUSTERS: Field = Field::new("clusters", "[integer|string]", "cluster of each observation");
const RESAMPLES: Field = Field::new("n_resamples", "integer", "resamples; default 10000");
const SEED: Field = Field::new("seed", "integer", "seed of the generator; default 0");
const LOW: Field = Field::new("low", "number", "lower end, percentile interval");
const HIGH: Field = Field::new("high", "number", "upper end, percentile interval");
const SE: Field = Field::new("se", "number", "standard deviation of the resampled statistic");
const ALL_INTERVALS: &[Field] = &[
    Field::new("theta_hat", "number", "the statistic on the sample"),
    Field::new("percentile", "[low, high]", "percentile interval"),
    SE,
    Field::new("basic", "[low, high]", "basic interval"),
    Field::new("bca", "[low, high]", "bias-corrected and accelerated interval"),
];

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "given_indices",
        family: "bootstrap",
        what: "percentile, basic and BCa intervals on given resamples",
        source: "Efron 1987; as scipy.stats.bootstrap",
        inputs: &[
            X,
            STATISTIC,
            CONFIDENCE,
            Field::new(
                "indices",
                "[[integer]]",
                "zero-based indices, one row per resample",
            ),
        ],
        outputs: ALL_INTERVALS,
        eval: given_indices,
    },
    Function {
        name: "paired_given_indices",
        family: "bootstrap",
        what: "difference of means on given resamples of cases, same cases for both systems",
        source: "p = (1 + #{|d* - mean d*| > |d|}) / (B + 1)",
        inputs: &[
            A,
            B,
            Field::new(
                "indices",
                "[[integer]]",
                "zero-based indices, one row per resample",
            ),
            CONFIDENCE,
        ],
        outputs: PAIRED,
        eval: paired_given_indices,
    },
    Function {
        name: "cluster_given_indices",
        family: "bootstrap",
        what: "mean over all observations of the drawn clusters, on given resamples of clusters",
        source: "cluster bootstrap, percentile interval",
        inputs: &[
            SCORES,
            CLUSTERS,
            Field::new(
                "cluster_rows",
                "[[integer]]",
                "zero-based positions of clusters in ascending order of their ids, one row per resample",
            ),
            CONFIDENCE,
        ],
        outputs: CLUSTERED,
        eval: cluster_given_indices,
    },
    Function {
        name: "mc_target",
        family: "bootstrap",
        what: "percentile, basic and BCa intervals with own random resamples",
        source: "Efron 1987; xoshiro256++",
        inputs: &[X, STATISTIC, CONFIDENCE, RESAMPLES, SEED],
        outputs: ALL_INTERVALS,
        eval: mc_target,
    },
    Function {
        name: "bootstrap_paired",
        family: "bootstrap",
        what: "difference of means with own random resamples of cases; identical systems give p = 1",
        source: "p = (1 + #{|d* - mean d*| >= |d|}) / (B + 1); xoshiro256++",
        inputs: &[A, B, CONFIDENCE, RESAMPLES, SEED],
        outputs: PAIRED,
        eval: bootstrap_paired,
    },
    Function {
        name: "bootstrap_clustered",
        family: "bootstrap",
        what: "mean of clustered scores with own random resamples of whole clusters",
        source: "cluster bootstrap, percentile interval; xoshiro256++",
        inputs: &[SCORES, CLUSTERS, CONFIDENCE, RESAMPLES, SEED],
        outputs: CLUSTERED,
        eval: bootstrap_clustered,
    },
];

const PAIRED: &[Field] = &[
    Field::new("diff", "number", "mean of a - b"),
    LOW,
    HIGH,
    Field::new("p_value", "number", "two-sided p-value"),
];
const CLUSTERED: &[Field] = &[
    LOW,
    HIGH,
    Field::new("mean", "number", "mean of the resampled means"),
    SE,
    Field::new("estimate", "number", "mean of all scores"),
];

type Output = Result<Map<String, Value>, CalcError>;

fn statistic(args: &Args<'_>) -> Result<Statistic, CalcError> {
    match args.str_or("statistic", "mean")? {
        "mean" => Ok(Statistic::Mean),
        "median" => Ok(Statistic::Median),
        "std" => Ok(Statistic::StandardDeviation),
        other => Err(crate::args::wrong(
            "statistic",
            "mean, median or std",
            &Value::from(other),
        )),
    }
}

fn rows(args: &Args<'_>, name: &str) -> Result<Vec<Vec<usize>>, CalcError> {
    args.matrix(name, |cell, at| {
        Ok(usize::try_from(to_u64(cell, at)?).unwrap_or(usize::MAX))
    })
}

fn confidence(args: &Args<'_>) -> Result<f64, CalcError> {
    args.f64_or("confidence", 0.95)
}

fn draws(args: &Args<'_>) -> Result<(usize, u64), CalcError> {
    let resamples = usize::try_from(args.u64_or("n_resamples", 10_000)?).unwrap_or(usize::MAX);
    Ok((resamples, args.u64_or("seed", 0)?))
}

fn all_intervals(b: &bootstrap::Bootstrap) -> Map<String, Value> {
    let pair = |i: seatrial_stats::Interval| numbers([i.low, i.high]);
    object([
        ("theta_hat", number(b.estimate)),
        ("percentile", pair(b.percentile)),
        ("se", number(b.se)),
        ("basic", pair(b.basic)),
        ("bca", pair(b.bca)),
    ])
}

fn paired_output(r: &bootstrap::PairedBootstrap) -> Map<String, Value> {
    object([
        ("diff", number(r.difference)),
        ("low", number(r.interval.low)),
        ("high", number(r.interval.high)),
        ("p_value", number(r.p)),
    ])
}

fn clustered_output(r: &bootstrap::ClusterBootstrap) -> Map<String, Value> {
    object([
        ("low", number(r.interval.low)),
        ("high", number(r.interval.high)),
        ("mean", number(r.replicate_mean)),
        ("se", number(r.se)),
        ("estimate", number(r.estimate)),
    ])
}

fn given_indices(args: &Args<'_>) -> Output {
    let b = bootstrap::from_indices(
        &args.f64s("x")?,
        statistic(args)?,
        confidence(args)?,
        &rows(args, "indices")?,
    )
    .map_err(CalcError::domain)?;
    Ok(all_intervals(&b))
}

fn paired_given_indices(args: &Args<'_>) -> Output {
    let (a, b) = (args.f64s("a")?, args.f64s("b")?);
    let r = bootstrap::paired_from_indices(&a, &b, confidence(args)?, &rows(args, "indices")?)
        .map_err(CalcError::domain)?;
    Ok(paired_output(&r))
}

fn cluster_given_indices(args: &Args<'_>) -> Output {
    let (scores, ids) = (args.list("scores", to_f64)?, clusters(args, "clusters")?);
    let r = bootstrap::clustered_from_indices(&scores, &ids, confidence(args)?, &rows(args, "cluster_rows")?)
        .map_err(CalcError::domain)?;
    Ok(clustered_output(&r))
}

fn mc_target(args: &Args<'_>) -> Output {
    let (resamples, seed) = draws(args)?;
    let b = bootstrap::resample(
        &args.f64s("x")?,
        statistic(args)?,
        confidence(args)?,
        resamples,
        seed,
    )
    .map_err(CalcError::domain)?;
    Ok(all_intervals(&b))
}

fn bootstrap_paired(args: &Args<'_>) -> Output {
    let ((resamples, seed), confidence) = (draws(args)?, confidence(args)?);
    let r = bootstrap::paired(&args.f64s("a")?, &args.f64s("b")?, confidence, resamples, seed)
        .map_err(CalcError::domain)?;
    Ok(paired_output(&r))
}

fn bootstrap_clustered(args: &Args<'_>) -> Output {
    let ((resamples, seed), confidence) = (draws(args)?, confidence(args)?);
    let r = bootstrap::clustered(
        &args.f64s("scores")?,
        &clusters(args, "clusters")?,
        confidence,
        resamples,
        seed,
    )
    .map_err(CalcError::domain)?;
    Ok(clustered_output(&r))
}
