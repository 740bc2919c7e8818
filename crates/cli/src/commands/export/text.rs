//! The forms that are text: JSON Lines, one JSON object, CSV. Apart from Parquet, which needs a library and groups of
//! rows.

use super::names::Names;
use super::rows::{Cell, Column, each_row};
use super::{Export, SampleWriter};
use seatrial_types::{FinishReason, SampleRecord, TOOL_VERSION, Timing};
use serde_json::{Map, Value, json};
use std::io::{Result, Write};

/// One JSON object a line, with all texts.
pub(super) struct JsonLines<'a, W> {
    pub(super) export: &'a Export,
    pub(super) out: W,
}

impl<W: Write> SampleWriter for JsonLines<'_, W> {
    fn sample(&mut self, sample: &SampleRecord) -> Result<()> {
        writeln!(self.out, "{}", sample_json(self.export, sample))
    }

    fn end(&mut self) -> Result<()> {
        self.out.flush()
    }
}

/// One object: facts of the run, then its samples, written as they come.
pub(super) struct WholeJson<'a, W> {
    pub(super) export: &'a Export,
    pub(super) out: W,
    pub(super) is_begun: bool,
}

impl<W: Write> WholeJson<'_, W> {
    fn begin(&mut self) -> Result<()> {
        let run = &self.export.run;
        let head = json!({
            "schema": "seatrial.export/1", "tool_version": TOOL_VERSION, "exit_code": 0, "warnings": [],
            "run_id": run.header.id, "suite": run.header.suite, "plan_hash": run.header.plan_hash,
            "status": run.status, "started_at": run.header.started_at, "ended_at": run.ended_at,
            "samples_planned": run.header.samples_planned,
        })
        .to_string();
        let open = head.strip_suffix('}').unwrap_or(&head);
        write!(self.out, "{open},\"samples\":[")
    }
}

impl<W: Write> SampleWriter for WholeJson<'_, W> {
    fn sample(&mut self, sample: &SampleRecord) -> Result<()> {
        if self.is_begun {
            writeln!(self.out, ",")?;
        } else {
            self.begin()?;
            writeln!(self.out)?;
            self.is_begun = true;
        }
        write!(self.out, "{}", sample_json(self.export, sample))
    }

    fn end(&mut self) -> Result<()> {
        if !self.is_begun {
            self.begin()?;
        }
        writeln!(self.out, "\n]}}")?;
        self.out.flush()
    }
}

/// A row for each sample and metric, with a header.
pub(super) struct Csv<'a, W> {
    pub(super) export: &'a Export,
    pub(super) columns: Vec<Column>,
    pub(super) out: W,
    pub(super) is_begun: bool,
}

impl<W: Write> Csv<'_, W> {
    fn begin(&mut self) -> Result<()> {
        self.is_begun = true;
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|column| csv_field(&column.name))
            .collect();
        writeln!(self.out, "{}", names.join(","))
    }
}

impl<W: Write> SampleWriter for Csv<'_, W> {
    fn sample(&mut self, sample: &SampleRecord) -> Result<()> {
        if !self.is_begun {
            self.begin()?;
        }
        let (columns, out) = (&self.columns, &mut self.out);
        each_row(&self.export.run, &self.export.names, sample, &mut |row| {
            let fields: Vec<String> = columns.iter().map(|column| csv_cell(&column.cell(row))).collect();
            writeln!(out, "{}", fields.join(","))
        })
    }

    fn end(&mut self) -> Result<()> {
        if !self.is_begun {
            self.begin()?;
        }
        self.out.flush()
    }
}

fn csv_cell(cell: &Cell) -> String {
    match cell {
        Cell::None => String::new(),
        Cell::Text(text) => csv_field(text),
        Cell::Int(value) => value.to_string(),
        Cell::Real(value) => value.to_string(),
        Cell::Money(money) => money.to_string(),
        Cell::Bool(value) => value.to_string(),
    }
}

/// A field as RFC 4180 writes it.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn milliseconds(ns: Option<u64>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    ns.map(|ns| ns as f64 / 1e6)
}

/// A sample with everything that is on record of it.
fn sample_json(export: &Export, sample: &SampleRecord) -> Value {
    let names: &Names = &export.names;
    let task = sample.key.task;
    let timing = sample.call.timing();
    let answer = sample.call.result.as_ref().ok();
    let scores: Vec<Value> = sample
        .scores
        .iter()
        .map(|record| {
            let metric = names.metric(task, record.scorer, record.score.metric);
            json!({"scorer": names.scorer(task, record.scorer), "metric": metric.name,
                   "outcome": record.score.outcome, "value": record.score.value, "detail": record.score.detail})
        })
        .collect();
    let slices: Map<String, Value> = sample
        .slices
        .iter()
        .map(|slice| (slice.column.clone(), slice.value.clone().into()))
        .collect();
    let mut object = json!({
        "run_id": export.run.header.id, "target": names.target(sample.key.target),
        "model": names.model(sample.key.target), "task": names.task(task), "id": sample.case_id.as_ref(),
        "epoch": sample.key.epoch, "cluster": sample.cluster.as_deref(), "slices": slices,
        "prompt": sample.prompt, "output": answer.map(|answer| &answer.text),
        "tool_calls": answer.map(|answer| &answer.tool_calls),
        "finish_reason": answer.and_then(|answer| answer.finish_reason.as_ref().map(FinishReason::as_str)),
        "served_model": answer.and_then(|answer| answer.served_model.as_ref()),
        "request_id": answer.and_then(|answer| answer.request_id.as_ref()),
        "usage": answer.map(|answer| answer.usage), "cost_usd": sample.cost,
        "error": sample.call.result.as_ref().err(), "cached": sample.call.cached,
        "started_unix_ms": sample.started_unix_ms,
        "latency_ms": milliseconds(timing.and_then(Timing::latency_ns)),
        "ttft_ms": milliseconds(timing.and_then(Timing::ttft_ns)),
        "queue_ms": milliseconds(timing.and_then(Timing::queue_ns)),
        "attempts": sample.call.attempts, "scores": scores,
    });
    if let (false, Value::Object(object)) = (export.with_texts, &mut object) {
        for text in ["prompt", "output", "tool_calls"] {
            object.remove(text);
        }
    }
    object
}
