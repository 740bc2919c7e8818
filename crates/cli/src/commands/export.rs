//! `seatrial export`: the samples of a recorded run as JSON Lines or CSV.

use crate::args::{ExportArguments, ExportFormat};
use crate::error::CliError;
use crate::output;
use crate::session::store_error;
use seatrial_store::{Catalog, Events, SqliteStore};
use seatrial_types::{ExitCode, RunId, SampleRecord, Timing};
use serde_json::{Value, json};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

pub(crate) fn export(arguments: &ExportArguments) -> Result<ExitCode, CliError> {
    let store = SqliteStore::open_read_only(&arguments.store.store).map_err(|error| {
        CliError::usage(error)
            .hint("name the folder of the record with --store, or make a run first: seatrial run SUITE")
    })?;
    let run = find_run(&store, &arguments.run)?;
    let plan = store.plan(run.header.plan_hash).map_err(store_error)?;
    let names = Names::of(plan.as_deref());
    match arguments
        .output
        .as_deref()
        .filter(|path| !output::is_stdout(path))
    {
        None => {
            let out = std::io::stdout().lock();
            match write_samples(&store, &run.header.id, &names, arguments.format, out) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                result => result.map_err(CliError::infrastructure)?,
            }
        }
        Some(path) => {
            output::check_writable(path)?;
            let failed = |error: std::io::Error| {
                CliError::infrastructure(format!("failed to write {}: {error}", path.display()))
            };
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new("."));
            let mut file = tempfile::Builder::new()
                .prefix(".seatrial-")
                .tempfile_in(folder)
                .map_err(failed)?;
            write_samples(
                &store,
                &run.header.id,
                &names,
                arguments.format,
                file.as_file_mut(),
            )
            .map_err(failed)?;
            file.as_file().sync_all().map_err(failed)?;
            file.persist(path).map_err(|error| failed(error.error))?;
        }
    }
    Ok(ExitCode::Pass)
}

fn find_run(store: &SqliteStore, id: &str) -> Result<seatrial_store::RunRow, CliError> {
    let runs = store.runs(5).map_err(store_error)?;
    let found = if id == "latest" {
        runs.first().cloned()
    } else {
        store.run(&RunId::from_text(id)).map_err(store_error)?
    };
    found.ok_or_else(|| {
        let ids: Vec<_> = runs.iter().map(|run| run.header.id.as_str()).collect();
        let known = if ids.is_empty() {
            "the record has no runs".to_owned()
        } else {
            format!("newest runs: {}", ids.join(", "))
        };
        CliError::usage(format!("there is no run `{id}`")).hint(known)
    })
}

/// Names of targets, tasks and metrics, from the recorded plan; the suite may be gone by now.
struct Names(Value);

impl Names {
    fn of(plan: Option<&str>) -> Self {
        let plan: Value = plan
            .and_then(|plan| serde_json::from_str(plan).ok())
            .unwrap_or(Value::Null);
        Self(plan["suite"].clone())
    }

    fn target(&self, index: u16) -> String {
        self.0["targets"][usize::from(index)]["name"]
            .as_str()
            .map_or_else(|| index.to_string(), str::to_owned)
    }

    fn task(&self, index: u16) -> String {
        self.0["tasks"][usize::from(index)]["name"]
            .as_str()
            .map_or_else(|| index.to_string(), str::to_owned)
    }

    fn scorer(&self, task: u16, scorer: u16) -> String {
        let scorer_value = &self.0["tasks"][usize::from(task)]["scorers"][usize::from(scorer)];
        scorer_value["name"]
            .as_str()
            .map_or_else(|| scorer.to_string(), str::to_owned)
    }
}

fn write_samples(
    store: &SqliteStore,
    run: &RunId,
    names: &Names,
    format: ExportFormat,
    out: impl Write,
) -> std::io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut csv_header_due = format == ExportFormat::Csv;
    let mut result = Ok(());
    let mut write = |sample: SampleRecord| {
        let written = match format {
            ExportFormat::Jsonl => writeln!(out, "{}", sample_json(names, run, &sample)),
            ExportFormat::Csv => {
                if std::mem::take(&mut csv_header_due) {
                    out.write_all(CSV_HEADER)
                        .and_then(|()| write_csv(&mut out, names, &sample))
                } else {
                    write_csv(&mut out, names, &sample)
                }
            }
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    };
    store
        .for_each_sample(run, &mut write)
        .map_err(std::io::Error::other)?;
    result?;
    if csv_header_due {
        out.write_all(CSV_HEADER)?;
    }
    out.flush()
}

fn milliseconds(ns: Option<u64>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    ns.map(|ns| ns as f64 / 1e6)
}

fn sample_json(names: &Names, run: &RunId, sample: &SampleRecord) -> Value {
    let timing = sample.call.timing();
    let answer = sample.call.result.as_ref().ok();
    let scores: Vec<Value> = sample
        .scores
        .iter()
        .map(|record| {
            json!({"scorer": names.scorer(sample.key.task, record.scorer), "metric": record.score.metric,
                   "outcome": record.score.outcome, "value": record.score.value, "detail": record.score.detail})
        })
        .collect();
    let slices: serde_json::Map<String, Value> = sample
        .slices
        .iter()
        .map(|slice| (slice.column.clone(), slice.value.clone().into()))
        .collect();
    json!({
        "run_id": run, "target": names.target(sample.key.target), "task": names.task(sample.key.task),
        "id": sample.case_id.as_ref(), "epoch": sample.key.epoch, "cluster": sample.cluster.as_deref(), "slices": slices,
        "prompt": sample.prompt, "output": answer.map(|answer| &answer.text), "tool_calls": answer.map(|answer| &answer.tool_calls),
        "finish_reason": answer.and_then(|answer| answer.finish_reason.as_ref().map(seatrial_types::FinishReason::as_str)),
        "served_model": answer.and_then(|answer| answer.served_model.as_ref()),
        "request_id": answer.and_then(|answer| answer.request_id.as_ref()),
        "usage": answer.map(|answer| answer.usage), "cost_usd": sample.cost,
        "error": sample.call.result.as_ref().err(),
        "started_unix_ms": sample.started_unix_ms,
        "latency_ms": milliseconds(timing.and_then(Timing::latency_ns)),
        "ttft_ms": milliseconds(timing.and_then(Timing::ttft_ns)),
        "queue_ms": milliseconds(timing.and_then(Timing::queue_ns)),
        "attempts": sample.call.attempts, "scores": scores,
    })
}

const CSV_HEADER: &[u8] =
    b"target,task,id,epoch,scorer,metric,outcome,value,detail,latency_ms,input_tokens,output_tokens,cost_usd,error\n";

fn write_csv(out: &mut impl Write, names: &Names, sample: &SampleRecord) -> std::io::Result<()> {
    let answer = sample.call.result.as_ref().ok();
    let error = sample.call.result.as_ref().err();
    let latency = milliseconds(sample.call.timing().and_then(Timing::latency_ns));
    let text = |number: Option<String>| number.unwrap_or_default();
    for record in &sample.scores {
        let fields = [
            names.target(sample.key.target),
            names.task(sample.key.task),
            sample.case_id.to_string(),
            sample.key.epoch.to_string(),
            names.scorer(sample.key.task, record.scorer),
            record.score.metric.to_string(),
            record.score.outcome.as_str().to_owned(),
            text(record.score.value.map(|value| value.to_string())),
            record.score.detail.clone().unwrap_or_default(),
            text(latency.map(|ms| ms.to_string())),
            text(
                answer
                    .and_then(|answer| answer.usage.input_tokens)
                    .map(|n| n.to_string()),
            ),
            text(
                answer
                    .and_then(|answer| answer.usage.output_tokens)
                    .map(|n| n.to_string()),
            ),
            text(sample.cost.map(|cost| cost.to_string())),
            error
                .map(|error| error.kind.as_str().to_owned())
                .unwrap_or_default(),
        ];
        let line: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
        writeln!(out, "{}", line.join(","))?;
    }
    Ok(())
}

/// A field as RFC 4180 writes it.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
