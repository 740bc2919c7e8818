//! Files as systems: scores of single cases, exports of this program, rows and logs of other tools. Apart from the
//! record: a file does not say what it was made of, so nothing can be checked to be equal.

use super::inputs::{Input, Source};
use super::unpack::{Unpacked, unpack};
use crate::commands::figures::scores_file::{Allowed, Columns, ScoresFile};
use crate::error::CliError;
use seatrial_analyse::scored::{
    Identity, ScoredCollector, ScoredMetric, ScoredRun, ScoredSample, ScoredTask, Subject, TaskShape,
};
use seatrial_interop::{Format, Options, Shape};
use seatrial_store::figures_of;
use seatrial_types::{MetricKind, MetricSpec, Pillar, Unit};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The task of a file of scores.
const SCORES_TASK: &str = "scores";
/// The metric of a file of scores.
const SCORES_METRIC: &str = "score";
/// Bytes at the head of a file that are looked at to know what it is.
const HEAD_BYTES: u64 = 1 << 20;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scores,
    Rows,
    /// Rows that are no lines: Parquet, a whole JSON export.
    Packed,
    Inspect,
}

/// The systems in a file: one for each model in it, or for that of this name.
pub(super) fn read(path: &Path, target: Option<&str>) -> Result<Vec<Input>, CliError> {
    let kind = kind_of(path)?;
    let inputs = match kind {
        Kind::Scores => vec![scores(path)?],
        Kind::Rows => samples(path, path, Format::Results, None)?,
        Kind::Inspect => samples(path, path, Format::Inspect, None)?,
        Kind::Packed => {
            let unpacked = unpack(path)?;
            let lines = unpacked.lines.clone();
            samples(path, &lines, Format::Results, Some(unpacked))?
        }
    };
    let Some(wanted) = target else {
        return Ok(inputs);
    };
    let known: Vec<String> = inputs
        .iter()
        .filter_map(|input| input.run.target.clone())
        .collect();
    let found: Vec<Input> = inputs
        .into_iter()
        .filter(|input| input.run.target.as_deref() == Some(wanted))
        .collect();
    if found.is_empty() {
        let hint = if known.is_empty() {
            "a file of scores has no targets".to_owned()
        } else {
            format!("it has: {}", known.join(", "))
        };
        return Err(CliError::usage(format!("{} has no target `{wanted}`", path.display())).hint(hint));
    }
    Ok(found)
}

fn ending(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
}

/// What a file holds, by its ending and its first row.
fn kind_of(path: &Path) -> Result<Kind, CliError> {
    let failed =
        |error: std::io::Error| CliError::usage(format!("failed to read {}: {error}", path.display()));
    let ending = ending(path);
    if ending == "eval" {
        return Ok(Kind::Inspect);
    }
    if ending == "parquet" {
        return Ok(Kind::Packed);
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut head = BufReader::new(file.take(HEAD_BYTES));
    let mut line = String::new();
    if ending == "json" {
        // The keys of an export stand at its beginning, in this order.
        let _ = head.read_to_string(&mut line);
        let start: String = line
            .split_whitespace()
            .collect::<String>()
            .chars()
            .take(200)
            .collect();
        let is_export = start.contains("\"schema\":\"seatrial.export/");
        return Ok(if is_export { Kind::Packed } else { Kind::Inspect });
    }
    while line.trim().is_empty() {
        line.clear();
        if head.read_line(&mut line).map_err(failed)? == 0 {
            return Err(CliError::usage(format!(
                "{} has no rows, expected one score a row",
                path.display()
            )));
        }
    }
    let line = line.trim_start_matches('\u{feff}');
    let names: Vec<String> = if matches!(ending.as_str(), "jsonl" | "ndjson") {
        // A first line that is no JSON is told of, with its place, by whoever reads the file.
        let row: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        row.as_object().map_or_else(
            || vec![SCORES_METRIC.to_owned()],
            |row| row.keys().cloned().collect(),
        )
    } else {
        line.trim()
            .split(',')
            .map(|name| name.trim().trim_matches('"').to_owned())
            .collect()
    };
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let is_rows = has("metric") || has("scores");
    Ok(if has(SCORES_METRIC) && !is_rows {
        Kind::Scores
    } else {
        Kind::Rows
    })
}

fn label(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// A file of scores: one task, one metric, of the scale that its values keep to.
fn scores(path: &Path) -> Result<Input, CliError> {
    let columns = Columns {
        id: "id",
        score: SCORES_METRIC,
        epoch: None,
        cluster: None,
    };
    let file = ScoresFile::read(path, columns, Allowed::Any)?;
    let is_binary = file
        .rows
        .iter()
        .filter_map(|row| row.score)
        .all(|score| score == 0.0 || score == 1.0);
    let kind = if is_binary {
        MetricKind::Binary
    } else {
        MetricKind::Real
    };
    let metric = ScoredMetric {
        metric: SCORES_METRIC.to_owned(),
        kind,
        unit: if is_binary { Unit::Share } else { Unit::Score },
        pillar: Pillar::Quality,
        higher_is_better: true,
        is_primary: true,
        scores: file.rows.iter().map(|row| row.score).collect(),
    };
    let epochs = file
        .rows
        .iter()
        .map(|row| row.epoch.saturating_add(1))
        .max()
        .unwrap_or(1);
    let lines = Rc::new(file.lines.clone());
    let samples = file
        .rows
        .into_iter()
        .zip(0_u32..)
        .map(|(row, case)| ScoredSample {
            id: row.id.into(),
            epoch: row.epoch,
            case,
            cluster: row.cluster.map(Into::into),
            slices: Vec::new(),
        });
    let task = ScoredTask {
        task: SCORES_TASK.to_owned(),
        epochs,
        success: None,
        slices: Vec::new(),
        samples: samples.collect(),
        metrics: vec![metric],
    };
    Ok(Input {
        run: of_file(label(path), None, None, vec![task]),
        source: Source::Scores {
            path: path.to_owned(),
            lines,
        },
    })
}

fn of_file(
    label: String,
    target: Option<String>,
    started_at: Option<String>,
    tasks: Vec<ScoredTask>,
) -> ScoredRun {
    ScoredRun {
        label,
        run_id: None,
        target,
        started_at,
        identity: Identity::default(),
        subject: Subject::default(),
        tasks,
        warnings: Vec::new(),
    }
}

/// A file with samples, read as an import reads it; `lines` is the file itself or what it was unpacked into.
fn samples(
    path: &Path,
    lines: &Path,
    format: Format,
    unpacked: Option<Unpacked>,
) -> Result<Vec<Input>, CliError> {
    let survey = |slices: Vec<String>, cluster: Option<String>| {
        let options = Options {
            slices,
            cluster,
            ..Options::default()
        };
        let files: [PathBuf; 1] = [lines.to_owned()];
        seatrial_interop::survey(format, &files, &options).map_err(|error| import_error(&error.to_string()))
    };
    // Rows of ours and of many tools have a column for the cluster; without it the survey says so and is done again.
    let mut shape = survey(Vec::new(), Some("cluster".to_owned())).or_else(|_| survey(Vec::new(), None))?;
    let warnings = std::mem::take(&mut shape.warnings);
    let shapes: Vec<TaskShape> = shape
        .tasks
        .iter()
        .map(|task| TaskShape {
            name: task.name.clone(),
            epochs: task.epochs,
            success: None,
            scorers: task
                .scorers
                .iter()
                .map(|scorer| scorer.metrics.iter().map(as_findings_count).collect())
                .collect(),
        })
        .collect();
    let mut collector = ScoredCollector::new(shape.targets.len(), &shapes);
    seatrial_interop::records(&shape, &mut |sample| {
        collector.add(&figures_of(&sample));
        ControlFlow::Continue(())
    })
    .map_err(|error| import_error(&error.to_string()))?;
    let (shape, unpacked) = (Rc::new(shape), Rc::new(unpacked));
    let several = shape.targets.len() > 1;
    let targets = shape.targets.iter().zip(collector.finish());
    Ok(targets
        .map(|(target, collected)| {
            let name = if several {
                format!("{}@{}", label(path), target.name)
            } else {
                label(path)
            };
            Input {
                run: ScoredRun {
                    warnings: warnings.clone(),
                    ..of_file(
                        name,
                        Some(target.name.clone()),
                        shape.started_at.clone(),
                        collected.tasks,
                    )
                },
                source: Source::Samples {
                    shape: Rc::clone(&shape),
                    unpacked: Rc::clone(&unpacked),
                },
            }
        })
        .collect())
}

/// A file tells the class of an answer and not what its scorer makes of it. What is right or wrong counts as findings
/// count it unless told otherwise: an answer that nobody could read, or that was refused, is wrong.
fn as_findings_count(spec: &MetricSpec) -> MetricSpec {
    let is_judgement = spec.kind == MetricKind::Binary;
    MetricSpec {
        unparsed_is_wrong: is_judgement,
        refused_is_wrong: is_judgement,
        ..spec.clone()
    }
}

fn import_error(text: &str) -> CliError {
    match text.split_once("; hint: ") {
        Some((message, hint)) => CliError::usage(message).hint(hint),
        None => CliError::usage(text),
    }
}

/// Calls `f` with every sample of a file that was read before.
pub(super) fn for_each_sample(
    shape: &Shape,
    f: &mut dyn FnMut(seatrial_types::SampleRecord) -> ControlFlow<()>,
) -> Result<(), CliError> {
    seatrial_interop::records(shape, f).map_err(|error| import_error(&error.to_string()))
}
