//! What a file takes from recorded runs and load tests: `{run: RUN@TARGET, metric: TASK.METRIC}` becomes what was measured,
//! as a quantity with its uncertainty, and so does `{load: FILE}`. Apart, because the files themselves know nothing of a
//! record.

use crate::error::CliError;
use crate::record;
use crate::scored::RunReference;
use seatrial_cost::Problem;
use seatrial_types::{MetricResult, Unit};
use serde_json::{Value, json};
use std::path::Path;

/// Standard errors from the middle of a 95 % interval to its end.
const Z95: f64 = 1.959_963_984_540_054;
/// Deepest nesting that is looked at; the reader of YAML has the same limit.
const DEPTH_MAX: usize = seatrial_config::MAX_DEPTH;

/// Where measurements lie.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The record.
    pub(super) store: &'a Path,
    /// The folder of the file, from which paths of load tests go out.
    pub(super) folder: &'a Path,
}

/// Fills in whatever a document takes from runs and load tests; what cannot be found is told with its pointer.
pub(super) fn fill_in(document: &mut Value, sources: Sources<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(document, "", sources, 0, &mut problems);
    problems
}

fn walk(value: &mut Value, pointer: &str, sources: Sources<'_>, depth: usize, problems: &mut Vec<Problem>) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(map) if map.contains_key("prefix_trace") => {
            match super::measured_load::prefix_share(map, sources.folder) {
                Ok(found) => *value = found,
                Err(error) => problems.push(Problem {
                    pointer: pointer.to_owned(),
                    message: error.message,
                    hint: error.hint,
                }),
            }
        }
        Value::Object(map)
            if map.contains_key("load") || map.contains_key("run") && map.contains_key("metric") =>
        {
            let found = if map.contains_key("load") {
                super::measured_load::quantity(map, sources.folder)
            } else {
                measured(map, sources.store)
            };
            match found {
                Ok(found) => *value = found,
                Err(error) => problems.push(Problem {
                    pointer: pointer.to_owned(),
                    message: error.message,
                    hint: error.hint,
                }),
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                walk(value, &format!("{pointer}/{key}"), sources, depth + 1, problems);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                walk(item, &format!("{pointer}/{place}"), sources, depth + 1, problems);
            }
        }
        _ => {}
    }
}

fn measured(map: &serde_json::Map<String, Value>, store: &Path) -> Result<Value, CliError> {
    if let Some(other) = map
        .keys()
        .find(|key| !matches!(key.as_str(), "run" | "metric" | "complement"))
    {
        return Err(CliError::usage(format!(
            "unknown key `{other}` beside `run`, `metric` and `complement`"
        )));
    }
    let is_complement = is_complement(map)?;
    let text = |key: &str| {
        map.get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| CliError::usage(format!("`{key}` is no text")))
    };
    let (run, metric) = (text("run")?, text("metric")?);
    let reference = RunReference::of(run);
    let store = record::open(store)?;
    let row = record::find_run(&store, reference.run)?;
    let findings = record::findings(&store, &row)?;
    let names: Vec<&str> = findings
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let target = match reference.target {
        Some(wanted) => findings.targets.iter().find(|target| target.name == wanted),
        None if findings.targets.len() == 1 => findings.targets.first(),
        None => None,
    };
    let target = target.ok_or_else(|| {
        CliError::usage(format!("`run` is `{run}`, which names no single target"))
            .hint(format!("write RUN@TARGET; targets are: {}", names.join(", ")))
    })?;
    let is_meant = |found: &&MetricResult| {
        let name = found.name();
        name == metric || name.rsplit_once('.').is_some_and(|(name, _)| name == metric)
    };
    let found = target.metrics.iter().find(is_meant).ok_or_else(|| {
        let known: Vec<String> = target.metrics.iter().map(MetricResult::name).collect();
        CliError::usage(format!("target `{}` has no metric `{metric}`", target.name))
            .hint(format!("it has: {}", known.join(", ")))
    })?;
    quantity(found, is_complement)
}

/// Whether a map asks for the share of what failed instead of what succeeded.
pub(super) fn is_complement(map: &serde_json::Map<String, Value>) -> Result<bool, CliError> {
    match map.get("complement") {
        None => Ok(false),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| CliError::usage(format!("`complement` is {value}, expected `true` or `false`"))),
    }
}

/// A share of right answers as successes and trials, anything else as a mean with its standard error.
fn quantity(found: &MetricResult, is_complement: bool) -> Result<Value, CliError> {
    let Some(value) = found.value else {
        return Err(CliError::usage(format!("`{}` has no value", found.name())));
    };
    if found.unit == Unit::Share {
        #[expect(clippy::cast_precision_loss, reason = "counts of samples")]
        let trials = found.denominator as f64;
        let share = if is_complement { 1.0 - value } else { value };
        return Ok(json!({"successes": share * trials, "trials": trials}));
    }
    if is_complement {
        return Err(CliError::usage(format!(
            "`{}` is no share: it has no complement",
            found.name()
        )));
    }
    let sd = match (found.low, found.high) {
        (Some(low), Some(high)) => (high - low) / (2.0 * Z95),
        _ => 0.0,
    };
    Ok(json!({"mean": value, "sd": sd}))
}
