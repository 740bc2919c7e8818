//! Family `means` of the calculator: mean, plain and clustered standard errors, descriptive summary.

use crate::function::{number, numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::{Interval, StatsError, bounded, cluster, describe, mean, quantile};
use serde_json::{Map, Value};
use std::collections::HashMap;

const X: Field = Field::new("x", "[number]", "observations, all finite");
const CONFIDENCE: Field = Field::new(
    "confidence",
    "number",
    "level, strictly between 0 and 1; default 0.95",
);
const MEAN: Field = Field::new("mean", "number", "arithmetic mean");

const fn out(name: &'static str, what: &'static str) -> Field {
    Field::new(name, "number", what)
}

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "mean_ci",
        family: "means",
        what: "mean, variance, standard error, normal and Student-t interval; NaN for one observation",
        source: "as statsmodels DescrStatsW",
        inputs: &[X, CONFIDENCE],
        outputs: &[
            MEAN,
            out("var", "sample variance, divisor n - 1"),
            out("se", "sqrt(var / n)"),
            out("z_low", "lower end, normal"),
            out("z_high", "upper end, normal"),
            out("t_low", "lower end, Student t"),
            out("t_high", "upper end, Student t"),
        ],
        eval: mean_ci,
    },
    Function {
        name: "se_clustered",
        family: "means",
        what: "standard errors of a mean of clustered scores by the three usual conventions, design effect",
        source: "Liang and Zeger 1986 (CR0, CR1 as statsmodels OLS); Miller 2024 (arXiv 2411.00640)",
        inputs: &[
            Field::new("scores", "[number]", "observations, all finite"),
            Field::new("clusters", "[integer|string]", "cluster of each observation"),
        ],
        outputs: &[
            MEAN,
            out("se_clt", "as if independent"),
            out("se_miller", "with cross products within clusters"),
            out("se_cr0", "cluster-robust without small-sample factor"),
            out(
                "se_cr1",
                "cluster-robust times sqrt(G/(G-1)); NaN for one cluster",
            ),
            out("n_clusters", "number of clusters"),
            out("design_effect", "variance inflation by clustering"),
            out("n_effective", "n / design effect"),
        ],
        eval: se_clustered,
    },
    Function {
        name: "summary",
        family: "means",
        what: "extremes, quantiles (type 7), spread and shape of a sample; NaN shape when all values are equal",
        source: "as numpy and scipy.stats",
        inputs: &[
            X,
            Field::new("q", "[number]", "quantile levels, 0 to 1; default none"),
        ],
        outputs: &[
            out("min", "smallest"),
            out("max", "largest"),
            out("median", "median"),
            MEAN,
            out("sd", "standard deviation, divisor n - 1"),
            Field::new("quantiles", "[number]", "quantiles at q"),
            out("skew", "skewness, biased"),
            out("kurtosis", "excess kurtosis, biased"),
            out("trimmed_mean_10", "mean without the lowest and highest tenth"),
            out("mad", "median absolute deviation, unscaled"),
        ],
        eval: summary,
    },
    Function {
        name: "bounded_ci",
        family: "means",
        what: "interval of the mean of bounded scores that covers at every sample size (betting)",
        source: "Waudby-Smith and Ramdas 2024 (arXiv 2010.09686), fixed mixture of stakes",
        inputs: &[
            X,
            Field::new("min", "number", "smallest possible score; default 0"),
            Field::new("max", "number", "largest possible score; default 1"),
            CONFIDENCE,
        ],
        outputs: &[MEAN, out("low", "lower end"), out("high", "upper end")],
        eval: bounded_ci,
    },
    Function {
        name: "clustered_ci",
        family: "means",
        what: "Student-t interval of the mean of clustered scores, CR1 error and G - 1 degrees of freedom",
        source: "MacKinnon and White 1985",
        inputs: &[
            Field::new("scores", "[number]", "observations, all finite"),
            Field::new("clusters", "[integer|string]", "cluster of each observation"),
            CONFIDENCE,
        ],
        outputs: &[
            MEAN,
            out("se", "CR1 standard error"),
            out("low", "lower end"),
            out("high", "upper end"),
        ],
        eval: clustered_ci,
    },
    Function {
        name: "quantile_ci",
        family: "means",
        what: "sample quantile (type 7) with distribution-free interval between order statistics",
        source: "binomial ranks; covers for every distribution",
        inputs: &[
            X,
            Field::new("q", "number", "quantile level, strictly between 0 and 1"),
            CONFIDENCE,
        ],
        outputs: &[
            out("value", "sample quantile"),
            Field::new(
                "low",
                "number|null",
                "lower end; null where the sample is too small",
            ),
            Field::new(
                "high",
                "number|null",
                "upper end; null where the sample is too small",
            ),
        ],
        eval: quantile_ci,
    },
];

fn bounded_ci(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let x = args.f64s("x")?;
    let range = Interval::new(args.f64_or("min", 0.0)?, args.f64_or("max", 1.0)?);
    let interval =
        bounded::interval(&x, range, args.f64_or("confidence", 0.95)?).map_err(CalcError::domain)?;
    let m = mean::summarise(&x).map_err(CalcError::domain)?;
    Ok(object([
        ("mean", number(m.mean)),
        ("low", number(interval.low)),
        ("high", number(interval.high)),
    ]))
}

fn clustered_ci(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let s =
        cluster::summarise(&args.f64s("scores")?, &clusters(args, "clusters")?).map_err(CalcError::domain)?;
    let interval = s
        .t_interval(args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("mean", number(s.mean)),
        ("se", number(s.se_cr1)),
        ("low", number(interval.low)),
        ("high", number(interval.high)),
    ]))
}

fn quantile_ci(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let sorted = quantile::sorted(&args.f64s("x")?).map_err(CalcError::domain)?;
    let estimate = quantile::estimate(&sorted, args.f64("q")?, args.f64_or("confidence", 0.95)?)
        .map_err(CalcError::domain)?;
    let end = |end: Option<f64>| end.map_or(Value::Null, number);
    Ok(object([
        ("value", number(estimate.value)),
        ("low", end(estimate.low)),
        ("high", end(estimate.high)),
    ]))
}

fn mean_ci(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let confidence = args.f64_or("confidence", 0.95)?;
    let m = mean::summarise(&args.f64s("x")?).map_err(CalcError::domain)?;
    // One observation has no interval, which the reference values write as NaN.
    let or_none = |interval: Result<Interval, StatsError>| match interval {
        Err(StatsError::TooFew { .. }) => Ok(Interval::new(f64::NAN, f64::NAN)),
        other => other.map_err(CalcError::domain),
    };
    let (z, t) = (
        or_none(m.z_interval(confidence))?,
        or_none(m.t_interval(confidence))?,
    );
    Ok(object([
        ("mean", number(m.mean)),
        ("var", number(m.variance)),
        ("se", number(m.se)),
        ("z_low", number(z.low)),
        ("z_high", number(z.high)),
        ("t_low", number(t.low)),
        ("t_high", number(t.high)),
    ]))
}

/// Reads cluster names: whole numbers are ids as they are; otherwise (strings, or other numbers) names are
/// numbered in order of first appearance.
pub(crate) fn clusters(args: &Args<'_>, name: &str) -> Result<Vec<u32>, CalcError> {
    let names = args.list(name, |value, at| match value {
        Value::Number(_) | Value::String(_) => Ok(value),
        other => Err(crate::args::wrong(at, "an integer or a string", other)),
    })?;
    if let Some(ids) = names
        .iter()
        .map(|v| v.as_u64().and_then(|id| u32::try_from(id).ok()))
        .collect()
    {
        return Ok(ids);
    }
    let mut seen: HashMap<String, u32> = HashMap::new();
    let ids = names.iter().map(|value| {
        let next = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        *seen.entry(value.to_string()).or_insert(next)
    });
    Ok(ids.collect())
}

fn se_clustered(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let s =
        cluster::summarise(&args.f64s("scores")?, &clusters(args, "clusters")?).map_err(CalcError::domain)?;
    Ok(object([
        ("mean", number(s.mean)),
        ("se_clt", number(s.se_clt)),
        ("se_miller", number(s.se_miller)),
        ("se_cr0", number(s.se_cr0)),
        ("se_cr1", number(s.se_cr1)),
        ("n_clusters", Value::from(s.clusters)),
        ("design_effect", number(s.design_effect)),
        ("n_effective", number(s.n_effective)),
    ]))
}

fn summary(args: &Args<'_>) -> Result<Map<String, Value>, CalcError> {
    let levels = if args.raw("q").is_some() {
        args.f64s("q")?
    } else {
        Vec::new()
    };
    let s = describe::summarise(&args.f64s("x")?).map_err(CalcError::domain)?;
    let quantiles = levels
        .iter()
        .map(|&q| quantile::type7(&s.sorted, q))
        .collect::<Result<Vec<_>, _>>()
        .map_err(CalcError::domain)?;
    Ok(object([
        ("min", number(s.min)),
        ("max", number(s.max)),
        ("median", number(s.median)),
        ("mean", number(s.mean)),
        ("sd", number(s.sd)),
        ("quantiles", numbers(quantiles)),
        ("skew", number(s.skewness)),
        ("kurtosis", number(s.kurtosis)),
        ("trimmed_mean_10", number(s.trimmed_mean)),
        ("mad", number(s.mad)),
    ]))
}
