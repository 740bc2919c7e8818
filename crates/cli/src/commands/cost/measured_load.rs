//! What a file takes from a load test: `{load: load.json}` becomes the requests a second that met the objectives, and
//! `{load: load.json, metric: ttft, statistic: p95}` a latency, and `metric: attainment` the share of requests that met the
//! objectives (with `complement: true` that of slow ones), each with its uncertainty. Apart from what comes from
//! recorded runs, because it is read from files beside the case and not from the record.

use super::document::read_text;
use super::measured::is_complement;
use crate::error::CliError;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Largest result of a load test.
const LOAD_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Standard errors from the middle of a 95 % interval to its end.
const Z95: f64 = 1.959_963_984_540_054;
/// The 90 % quantile of the normal distribution.
const Z90: f64 = 1.281_551_565_544_600_4;
const KEYS: [&str; 5] = ["load", "metric", "statistic", "replicas", "complement"];
const STATISTICS: [&str; 6] = ["mean", "p50", "p90", "p95", "p99", "p999"];

/// `{prefix_trace: FILE}`, with `complement: true` the rest: the share of prompt tokens that begin as an earlier prompt did,
/// from a trace whose prompts are named by hashes of their blocks. A cache that forgets nothing would have them, so that it
/// is the most that a cache can save.
pub(super) fn prefix_share(map: &Map<String, Value>, folder: &Path) -> Result<Value, CliError> {
    if let Some(other) = map
        .keys()
        .find(|key| !matches!(key.as_str(), "prefix_trace" | "complement"))
    {
        return Err(CliError::usage(format!(
            "unknown key `{other}` beside `prefix_trace` and `complement`"
        )));
    }
    let path = map.get("prefix_trace").and_then(Value::as_str).ok_or_else(|| {
        CliError::usage("`prefix_trace` is no text").hint("write the path of a trace in JSON Lines")
    })?;
    let text = read_text(&folder.join(path), LOAD_BYTES_MAX)?;
    let found = seatrial_cost::trace::prefix_share(&text).map_err(|error| {
        CliError::usage(format!("{path}: {error}")).hint("each line needs `input_length` and `hash_ids`")
    })?;
    if found.input_tokens == 0 {
        return Err(CliError::usage(format!("{path} has no prompts")));
    }
    let share = found.share();
    Ok(json!(if is_complement(map)? { 1.0 - share } else { share }))
}

/// The quantity that a map asks for; paths are relative to `folder`.
pub(super) fn quantity(map: &Map<String, Value>, folder: &Path) -> Result<Value, CliError> {
    if let Some(other) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(CliError::usage(format!("unknown key `{other}` beside `load`"))
            .hint(format!("known keys are {}", KEYS.join(", "))));
    }
    let path = map.get("load").and_then(Value::as_str).ok_or_else(|| {
        CliError::usage("`load` is no text")
            .hint("write the path of a file that `seatrial load --json` wrote")
    })?;
    let replicas = match map.get("replicas") {
        None => 1.0,
        Some(value) => value
            .as_u64()
            .filter(|replicas| (1..=1_000_000).contains(replicas))
            .and_then(|replicas| u32::try_from(replicas).ok())
            .map(f64::from)
            .ok_or_else(|| {
                CliError::usage(format!(
                    "`replicas` is {value}, expected how many answered, from 1"
                ))
            })?,
    };
    let text = read_text(&folder.join(path), LOAD_BYTES_MAX)?;
    let result: Value = serde_json::from_str(&text)
        .map_err(|error| CliError::usage(format!("{path} is no JSON: {error}")))?;
    match (result["schema"].as_str().unwrap_or_default(), map.get("metric")) {
        ("seatrial.load/1", None) => goodput(&result, path, replicas),
        ("seatrial.load/1", Some(metric)) if metric == "attainment" => {
            attainment(&result, path, is_complement(map)?)
        }
        ("seatrial.load/1", Some(metric)) => latency(&result, path, metric, map.get("statistic")),
        ("seatrial.load.search/1", None) => largest(&result, path, replicas),
        ("seatrial.load.search/1", Some(_)) => Err(CliError::usage(format!(
            "{path} holds the largest load, which has no metrics"
        ))
        .hint("take a latency from the result of a load without --find")),
        (other, _) => Err(CliError::usage(format!(
            "{path} has the schema `{other}`, expected `seatrial.load/1` or `seatrial.load.search/1`"
        ))
        .hint("write it with `seatrial load … --json PATH`")),
    }
}

/// The share of requests that met the objectives, as successes in as many trials as they are worth.
fn attainment(result: &Value, path: &str, is_complement: bool) -> Result<Value, CliError> {
    let found = &result["goodput"];
    let slo = found["slo"].as_str().unwrap_or_default();
    let share = &found["attainment"];
    let Some((value, n)) = share["value"].as_f64().zip(share["n_eff"].as_f64()) else {
        return Err(
            CliError::usage(format!("{path} has no share of requests that met objectives"))
                .hint("run `seatrial load` with --slo, such as --slo 'ttft_p95<500ms'"),
        );
    };
    trusted(result, path, |name| names_metric(slo, name))?;
    let share = if is_complement { 1.0 - value } else { value };
    let trials = n.max(1.0);
    Ok(json!({"successes": share.clamp(0.0, 1.0) * trials, "trials": trials}))
}

/// Requests a second that met the objectives. The interval of their share is that of the rate: how many were sent is known.
fn goodput(result: &Value, path: &str, replicas: f64) -> Result<Value, CliError> {
    let found = &result["goodput"];
    let Some(rate) = found["requests_per_s"].as_f64() else {
        return Err(CliError::usage(format!("{path} has no goodput"))
            .hint("run `seatrial load` with --slo, such as --slo 'ttft_p95<500ms'"));
    };
    let slo = found["slo"].as_str().unwrap_or_default();
    trusted(result, path, |name| names_metric(slo, name))?;
    if rate <= 0.0 {
        return Err(CliError::usage(format!(
            "{path}: no request met the objectives ({slo})"
        )));
    }
    let share = &found["attainment"];
    let relative = match (
        share["value"].as_f64(),
        share["low"].as_f64(),
        share["high"].as_f64(),
    ) {
        (Some(value), Some(low), Some(high)) if value > 0.0 => (high - low) / (2.0 * Z95 * value),
        _ => 1.0 / found["good"].as_f64().unwrap_or(1.0).max(1.0).sqrt(),
    };
    // A rate is above 0, which a lognormal distribution keeps.
    Ok(json!({"median": rate / replicas, "p90": rate * (Z90 * relative).exp() / replicas}))
}

/// The largest rate that met the objectives, with the interval that the search ended with.
fn largest(result: &Value, path: &str, replicas: f64) -> Result<Value, CliError> {
    if result["kind"] != "rate" {
        return Err(CliError::usage(format!(
            "{path} holds the largest number of users, expected requests a second"
        ))
        .hint("run `seatrial load … --find rate`"));
    }
    if result["status"] == "withheld" {
        let at = &result["saturated_at"];
        return Err(CliError::usage(format!(
            "{path}: the largest load is withheld: this client was saturated at {at} requests a second"
        ))
        .hint("measure again from a machine with more processors, or with --workers"));
    }
    let found = &result["estimate"];
    match (
        found["value"].as_f64(),
        found["low"].as_f64(),
        found["high"].as_f64(),
    ) {
        (Some(value), Some(low), Some(high)) if low <= value && value <= high && value > 0.0 => Ok(json!({
            "low": low / replicas, "mode": value / replicas, "high": high / replicas
        })),
        _ => Err(
            CliError::usage(format!("{path}: the search found no load with an interval"))
                .hint("give it more time, or begin nearer with --start"),
        ),
    }
}

fn latency(result: &Value, path: &str, metric: &Value, statistic: Option<&Value>) -> Result<Value, CliError> {
    let name = metric.as_str().unwrap_or_default();
    let metrics = result["metrics"].as_object();
    let Some(found) = metrics.and_then(|metrics| metrics.get(name)) else {
        let known: Vec<&str> =
            metrics.map_or_else(Vec::new, |metrics| metrics.keys().map(String::as_str).collect());
        return Err(CliError::usage(format!("{path} has no metric `{name}`"))
            .hint(format!("it has: {}", known.join(", "))));
    };
    let statistic = statistic.map_or(Some("mean"), Value::as_str).unwrap_or_default();
    if !STATISTICS.contains(&statistic) {
        return Err(CliError::usage(format!("`statistic` is `{statistic}`"))
            .hint(format!("expected one of {}", STATISTICS.join(", "))));
    }
    trusted(result, path, |other| other == name)?;
    let Some(value) = found[statistic].as_f64() else {
        return Err(CliError::usage(format!("{path}: `{name}` has no {statistic}"))
            .hint("measure longer, or take a lower percentile"));
    };
    let interval = &found["intervals"][statistic];
    let sd = match (interval["low"].as_f64(), interval["high"].as_f64()) {
        (Some(low), Some(high)) => (high - low) / (2.0 * Z95),
        _ => 0.0,
    };
    Ok(json!({"mean": value, "sd": sd}))
}

/// Refuses numbers that may be this client's own: a metric that is asked for and withheld, or a saturated client.
fn trusted(result: &Value, path: &str, is_asked: impl Fn(&str) -> bool) -> Result<(), CliError> {
    let mut metrics = result["metrics"].as_object().into_iter().flatten();
    let withheld = metrics.find(|(name, metric)| metric["status"] == "withheld" && is_asked(name));
    let Some((name, metric)) = withheld else {
        return Ok(());
    };
    let reason = metric["reason"].as_str().unwrap_or("no reason is given");
    let refused = CliError::usage(format!("{path}: `{name}` is withheld: {reason}"));
    Err(match metric["remedy"].as_str() {
        Some(remedy) => refused.hint(remedy),
        None => refused,
    })
}

/// Whether objectives such as `ttft_p95<500ms, e2e<3s` speak of a metric. Those that name none, such as a preset, may
/// speak of any.
fn names_metric(slo: &str, metric: &str) -> bool {
    if !slo.contains('<') {
        return true;
    }
    slo.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| {
            word.strip_prefix(metric)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("_p") || rest.starts_with("_mean"))
        })
}

#[cfg(test)]
mod tests {
    use super::names_metric;

    /// Protects from numbers of a withheld metric, and from refusals because of one that no objective speaks of.
    #[test]
    fn objectives_name_their_metrics() {
        for (slo, metric, is_named) in [
            ("ttft_p95<500ms, e2e<3s", "ttft", true),
            ("ttft_p95<500ms, e2e<3s", "e2e", true),
            ("ttft_sched_p95<500ms", "ttft", false),
            ("ttft_p95<500ms", "tpot", false),
            ("chat", "tpot", true),
        ] {
            assert_eq!(names_metric(slo, metric), is_named, "{slo} {metric}");
        }
    }
}
