//! A saved result of `seatrial load` as what another is compared with: what it must have in common, and what its numbers
//! and intervals are. Apart because a file may hold anything, and everything that can be wrong with it is said here.

use super::contrasts::{Compared, figures, judge_all};
use super::result::{LEVEL, Status};
use crate::args::load_compare::LoadMargins;
use crate::error::CliError;
use seatrial_load::effect::Decision;
use seatrial_load::figure::{Figure, Limit, Summary};
use seatrial_load::saved::{Told, contrast};
use seatrial_types::ExitCode;
use serde_json::{Map, Value};
use std::path::Path;

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;
const LOAD: &str = "seatrial.load/1";
const RUNS: &str = "seatrial.load.runs/1";
/// Facts of a load that may differ: they change how much is known, not what is measured.
const SUBJECT: [&str; 7] = [
    "duration_s",
    "requests",
    "seed",
    "timeout_s",
    "trace",
    "dataset",
    "suite",
];
/// Facts of an endpoint that may differ: they are what is compared.
const ENDPOINT_SUBJECT: [&str; 3] = ["url", "model", "tls"];

/// A result.
pub(super) struct Saved {
    pub(super) name: String,
    json: Value,
    is_runs: bool,
}

/// Two results against each other.
pub(super) struct SavedComparison {
    pub(super) compared: Vec<Compared>,
    pub(super) verdict: Decision,
    /// What differs and may: `name: old → new`.
    pub(super) changed: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Saved {
    /// Reads a file; what is missing or no result is `code`.
    pub(super) fn read(path: &Path, code: ExitCode) -> Result<Self, CliError> {
        let name = path.display().to_string();
        let failed = |problem: String| {
            CliError {
                exit: code,
                ..CliError::usage(format!("{name}: {problem}"))
            }
            .hint("name a file that `seatrial load … --json FILE` wrote")
        };
        let size = std::fs::metadata(path)
            .map_err(|error| failed(error.to_string()))?
            .len();
        if size > FILE_BYTES_MAX {
            return Err(failed(format!(
                "is {size} bytes, at most {FILE_BYTES_MAX} are read"
            )));
        }
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let json: Value =
            serde_json::from_slice(&bytes).map_err(|error| failed(format!("is not JSON: {error}")))?;
        Self::of(name.clone(), json).map_err(failed)
    }

    /// A result that was just made, or what is wrong with it.
    pub(super) fn of(name: String, json: Value) -> Result<Self, String> {
        let is_runs = match json["schema"].as_str() {
            Some(LOAD) => false,
            Some(RUNS) => true,
            Some(other) => return Err(format!("has the schema `{other}`, expected `{LOAD}` or `{RUNS}`")),
            None => return Err(format!("has no `schema`, expected `{LOAD}` or `{RUNS}`")),
        };
        for key in ["load", "target"] {
            if !json[key].is_object() {
                return Err(format!("has no object `{key}`"));
            }
        }
        Ok(Self { name, json, is_runs })
    }

    fn facts(&self, key: &str) -> &Map<String, Value> {
        static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        self.json[key].as_object().unwrap_or(&NONE)
    }

    /// What must be the same and is not, against facts of another load: `load.concurrency: 4 → 8`.
    fn misfits(&self, load: &Map<String, Value>, target: &Map<String, Value>) -> Vec<String> {
        let mut misfits = differing("load", self.facts("load"), load, |name| !SUBJECT.contains(&name));
        misfits.extend(differing("target", self.facts("target"), target, |name| {
            !ENDPOINT_SUBJECT.contains(&name)
        }));
        misfits
    }

    /// Refuses what cannot be compared with a load that is to be measured or was.
    pub(super) fn check(&self, load: &Value, target: &Value) -> Result<(), CliError> {
        let none = Map::new();
        let misfits = self.misfits(
            load.as_object().unwrap_or(&none),
            target.as_object().unwrap_or(&none),
        );
        if misfits.is_empty() {
            return Ok(());
        }
        Err(self.refused(&misfits))
    }

    fn refused(&self, misfits: &[String]) -> CliError {
        CliError {
            exit: ExitCode::Baseline,
            ..CliError::usage(format!(
                "{} cannot be compared with this load: {}",
                self.name,
                misfits.join("; ")
            ))
        }
        .hint("measure both with the same load and prompts; endpoint, model, length and seed may differ")
    }

    /// The candidate against this baseline.
    pub(super) fn compared_with(
        &self,
        candidate: &Self,
        limits: &[Limit],
        margins: &LoadMargins,
    ) -> Result<SavedComparison, CliError> {
        self.check(&candidate.json["load"], &candidate.json["target"])?;
        let is_open = candidate.json["load"]["loop"] == "open";
        let wanted = figures(limits, is_open);
        let definitions = self.differing_definitions(candidate, &wanted);
        if !definitions.is_empty() {
            return Err(self.refused(&definitions));
        }
        let mut compared: Vec<Compared> = wanted
            .into_iter()
            .map(|figure| {
                let mut one = self.one(candidate, figure);
                one.limit = limits.iter().find(|limit| limit.figure == figure).copied();
                one
            })
            .collect();
        let verdict = judge_all(&mut compared, margins.risk);
        let mut changed = differing("load", self.facts("load"), candidate.facts("load"), |name| {
            SUBJECT.contains(&name)
        });
        changed.extend(differing(
            "target",
            self.facts("target"),
            candidate.facts("target"),
            |name| ENDPOINT_SUBJECT.contains(&name),
        ));
        let (old, new) = (&self.json["tool_version"], &candidate.json["tool_version"]);
        if old != new {
            changed.push(format!("tool_version: {old} → {new}"));
        }
        Ok(SavedComparison {
            warnings: self.warnings(candidate, &compared),
            compared,
            verdict,
            changed,
        })
    }

    fn warnings(&self, candidate: &Self, compared: &[Compared]) -> Vec<String> {
        let mut warnings = Vec::new();
        if !(self.is_runs && candidate.is_runs) {
            warnings.push(
                "unpaired: what changed between the two measurements is part of the difference, and one run does not tell \
                 how much that is (--runs on both sides does)"
                    .to_owned(),
            );
        }
        for one in [self, candidate] {
            if one.json["interrupted"] == true {
                warnings.push(format!("{} was interrupted: its numbers are of a part", one.name));
            }
        }
        let tells_errors = |one: &Compared| one.figure == Figure::ErrorRate && one.limit.is_some();
        if compared.iter().any(tells_errors) {
            warnings.push("error_rate: failures are taken as independent of each other".to_owned());
        }
        warnings
    }

    /// Latencies that mean something else in the other result, and tokens that were counted otherwise.
    fn differing_definitions(&self, candidate: &Self, figures: &[Figure]) -> Vec<String> {
        let mut differences = Vec::new();
        for figure in figures {
            let (place, pointer) = match figure {
                Figure::Latency(definition, _) => (
                    format!("metrics.{}.meaning", definition.name()),
                    format!("/metrics/{}/meaning", definition.name()),
                ),
                Figure::OutputTokensPerS => ("tokens.source".to_owned(), "/tokens/source".to_owned()),
                Figure::Attainment => ("goodput.slo".to_owned(), "/goodput/slo".to_owned()),
                Figure::RequestsPerS | Figure::ErrorRate => continue,
            };
            let old = self.json.pointer(&pointer);
            let new = candidate.json.pointer(&pointer);
            let is_known = |value: Option<&Value>| value.is_some_and(|value| !value.is_null());
            let difference = format!(
                "{place}: {} → {}",
                old.unwrap_or(&Value::Null),
                new.unwrap_or(&Value::Null)
            );
            if is_known(old) && is_known(new) && old != new && !differences.contains(&difference) {
                differences.push(difference);
            }
        }
        differences
    }

    fn one(&self, candidate: &Self, figure: Figure) -> Compared {
        let (old, new) = (self.told(figure), candidate.told(figure));
        let n = match (&old, &new) {
            (Ok((_, Some(old))), Ok((_, Some(new)))) => Some((*old, *new)),
            _ => None,
        };
        let mut compared = Compared {
            figure,
            status: Status::Ok,
            reason: None,
            remedy: None,
            contrast: None,
            limit: None,
            judged: None,
            n,
            pairs: Vec::new(),
        };
        match (old, new) {
            (Ok((old, _)), Ok((new, _))) => {
                compared.contrast = contrast(old, new, LEVEL);
                let is_degraded = |one: &Self| one.status(figure) == Some("degraded");
                if is_degraded(self) || is_degraded(candidate) {
                    compared.status = Status::Degraded;
                    compared.reason = Some("a part of it may be the client's own lateness".to_owned());
                }
            }
            (_, Err((status, reason))) => {
                compared.status = status;
                compared.reason = Some(format!("{}: {reason}", candidate.name));
            }
            (Err((_, reason)), Ok(_)) => {
                compared.status = Status::Unavailable;
                compared.reason = Some(format!("{}: {reason}", self.name));
            }
        }
        compared
    }

    /// How trusted a latency is; `None` for other figures.
    fn status(&self, figure: Figure) -> Option<&str> {
        let Figure::Latency(definition, _) = figure else {
            return None;
        };
        self.json["metrics"][definition.name()]["status"].as_str()
    }

    /// As it was read or made.
    pub(super) const fn json(&self) -> &Value {
        &self.json
    }

    /// A figure with its interval and the values behind it, or why there is none.
    pub(super) fn told(&self, figure: Figure) -> Result<(Told, Option<u64>), (Status, String)> {
        if self.is_runs {
            return self.told_by_runs(figure);
        }
        let missing = |reason: &str| (Status::Unavailable, reason.to_owned());
        match figure {
            Figure::Latency(definition, summary) => {
                let metric = &self.json["metrics"][definition.name()];
                match metric["status"].as_str() {
                    Some("withheld") => {
                        return Err((
                            Status::Withheld,
                            "withheld, because the client was too late itself".to_owned(),
                        ));
                    }
                    Some("unavailable") => return Err(missing("no answer has it")),
                    _ => {}
                }
                let key = match summary {
                    Summary::Mean => "mean".to_owned(),
                    Summary::Quantile(q) => format!("p{}", (q * 1e5).round() / 1e3).replace('.', ""),
                };
                let interval = &metric["intervals"][&key];
                let told = told_of(&metric[&key], interval);
                told.map(|told| (told, metric["n"].as_u64())).ok_or_else(|| {
                    missing(
                        "does not tell it; p50, p90, p95, p99, p99.9 and mean are told, with enough values",
                    )
                })
            }
            Figure::RequestsPerS | Figure::OutputTokensPerS => {
                let throughput = &self.json["throughput"];
                let key = figure.to_string();
                let told = told_of(&throughput[&key], &throughput["intervals"][&key]);
                told.map(|told| (told, None))
                    .ok_or_else(|| missing("does not tell it"))
            }
            Figure::ErrorRate => {
                let requests = &self.json["requests"];
                let (failed, n) = (requests["failed"].as_f64(), requests["n"].as_f64());
                let (Some(failed), Some(n)) = (failed, n) else {
                    return Err(missing("does not tell it"));
                };
                let interval = seatrial_stats::proportion::wilson(failed, n, LEVEL);
                let interval = interval.map_err(|_| missing("no request ended"))?;
                let told = Told {
                    value: failed / n,
                    low: Some(interval.low),
                    high: Some(interval.high),
                };
                Ok((told, requests["n"].as_u64()))
            }
            Figure::Attainment => {
                let attainment = &self.json["goodput"]["attainment"];
                let told = told_of(&attainment["value"], attainment);
                told.map(|told| (told, self.json["goodput"]["n"].as_u64()))
                    .ok_or_else(|| missing("was measured without --slo"))
            }
        }
    }

    fn told_by_runs(&self, figure: Figure) -> Result<(Told, Option<u64>), (Status, String)> {
        let repeated = &self.json["repeated"][figure.to_string()];
        if repeated["status"] == "withheld" {
            return Err((
                Status::Withheld,
                "withheld, because the client was too late itself".to_owned(),
            ));
        }
        let told = told_of(&repeated["value"], repeated);
        told.map(|told| (told, None))
            .ok_or_else(|| (Status::Unavailable, "its runs do not tell it".to_owned()))
    }
}

fn told_of(value: &Value, interval: &Value) -> Option<Told> {
    Some(Told {
        value: value.as_f64()?,
        low: interval["low"].as_f64(),
        high: interval["high"].as_f64(),
    })
}

/// Facts that differ, in the order of their names; a fact that one side lacks is null there.
fn differing(
    place: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let fact = |facts: &Map<String, Value>, name: &str| facts.get(name).cloned().unwrap_or(Value::Null);
    names
        .into_iter()
        .filter(|name| is_wanted(name))
        .filter_map(|name| {
            let (old, new) = (fact(old, name), fact(new, name));
            (old != new).then(|| format!("{place}.{name}: {old} → {new}"))
        })
        .collect()
}
