//! The long form: one row for each sample and metric, the same columns in CSV and Parquet. Apart because both forms
//! must tell the same; a sample without any score has one row with an empty metric.

use super::names::{Metric, Names};
use seatrial_store::RunRow;
use seatrial_types::{FinishReason, Money, SampleRecord, ScoreRecord, Timing};
use std::borrow::Cow;

/// A column: its name, its kind, and how its value is taken from a row.
pub(super) struct Column {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: ColumnKind,
    value: Source,
}

/// What values a column holds; every one of them may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    Int,
    Real,
    Bool,
}

enum Source {
    Of(fn(&Row<'_>) -> Cell),
    /// The slice of this column of the dataset.
    Slice(String),
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    None,
    Text(String),
    Int(i64),
    Real(f64),
    /// Exact in CSV; the nearest number elsewhere.
    Money(Money),
    Bool(bool),
}

/// A row.
pub(super) struct Row<'a> {
    run: &'a RunRow,
    sample: &'a SampleRecord,
    target: &'a str,
    model: Option<&'a str>,
    task: &'a str,
    prompt: &'a str,
    score: Option<(&'a ScoreRecord, &'a str, &'a Metric)>,
}

impl Column {
    pub(super) fn cell(&self, row: &Row<'_>) -> Cell {
        match &self.value {
            Source::Of(value) => value(row),
            Source::Slice(column) => {
                let found = row.sample.slices.iter().find(|slice| slice.column == *column);
                found.map_or(Cell::None, |slice| Cell::Text(slice.value.clone()))
            }
        }
    }
}

/// All columns, in order. Texts stand last, so that the numbers are in sight.
pub(super) fn columns(names: &Names, with_texts: bool) -> Vec<Column> {
    let column = |(name, kind, value): &(&'static str, ColumnKind, fn(&Row<'_>) -> Cell)| Column {
        name: (*name).into(),
        kind: *kind,
        value: Source::Of(*value),
    };
    let slices = names.slices.iter().map(|name| Column {
        name: format!("slice.{name}").into(),
        kind: ColumnKind::Text,
        value: Source::Slice(name.clone()),
    });
    let texts = TEXTS.iter().filter(|_| with_texts).map(column);
    let scored = SCORED.iter().map(column);
    scored
        .chain(slices)
        .chain(MEASURED.iter().map(column))
        .chain(texts)
        .collect()
}

type Definition = (&'static str, ColumnKind, fn(&Row<'_>) -> Cell);

const SCORED: &[Definition] = &[
    ("run_id", ColumnKind::Text, |row| text(row.run.header.id.as_str())),
    ("target", ColumnKind::Text, |row| text(row.target)),
    ("model", ColumnKind::Text, |row| optional(row.model)),
    ("task", ColumnKind::Text, |row| text(row.task)),
    ("id", ColumnKind::Text, |row| text(&row.sample.case_id)),
    ("epoch", ColumnKind::Int, |row| {
        Cell::Int(i64::from(row.sample.key.epoch))
    }),
    ("scorer", ColumnKind::Text, |row| {
        optional(row.score.map(|(_, scorer, _)| scorer))
    }),
    ("metric", ColumnKind::Text, |row| {
        optional(row.score.map(|(_, _, metric)| metric.name.as_str()))
    }),
    ("kind", ColumnKind::Text, |row| {
        optional(row.score.map(|(_, _, metric)| metric.kind.as_str()))
    }),
    ("unit", ColumnKind::Text, |row| {
        optional(row.score.map(|(_, _, metric)| metric.unit.as_str()))
    }),
    ("outcome", ColumnKind::Text, |row| {
        optional(row.score.map(|(record, ..)| record.score.outcome.as_str()))
    }),
    ("value", ColumnKind::Real, |row| {
        real(row.score.and_then(|(record, ..)| record.score.value))
    }),
    ("detail", ColumnKind::Text, |row| {
        optional(row.score.and_then(|(record, ..)| record.score.detail.as_deref()))
    }),
    ("cluster", ColumnKind::Text, |row| {
        optional(row.sample.cluster.as_deref())
    }),
];

const MEASURED: &[Definition] = &[
    ("latency_ms", ColumnKind::Real, |row| {
        milliseconds(timing(row).and_then(Timing::latency_ns))
    }),
    ("ttft_ms", ColumnKind::Real, |row| {
        milliseconds(timing(row).and_then(Timing::ttft_ns))
    }),
    ("queue_ms", ColumnKind::Real, |row| {
        milliseconds(timing(row).and_then(Timing::queue_ns))
    }),
    ("attempts", ColumnKind::Int, |row| {
        count(u64::try_from(row.sample.call.attempts.len()).ok())
    }),
    ("cached", ColumnKind::Bool, |row| {
        Cell::Bool(row.sample.call.cached)
    }),
    ("input_tokens", ColumnKind::Int, |row| {
        count(usage(row).and_then(|usage| usage.input_tokens))
    }),
    ("output_tokens", ColumnKind::Int, |row| {
        count(usage(row).and_then(|usage| usage.output_tokens))
    }),
    ("cache_read_tokens", ColumnKind::Int, |row| {
        count(usage(row).and_then(|usage| usage.cache_read_tokens))
    }),
    ("cache_write_tokens", ColumnKind::Int, |row| {
        count(usage(row).and_then(|usage| usage.cache_write_tokens))
    }),
    ("reasoning_tokens", ColumnKind::Int, |row| {
        count(usage(row).and_then(|usage| usage.reasoning_tokens))
    }),
    ("cost_usd", ColumnKind::Real, |row| {
        row.sample.cost.map_or(Cell::None, Cell::Money)
    }),
    ("started_unix_ms", ColumnKind::Int, |row| {
        Cell::Int(row.sample.started_unix_ms)
    }),
    ("finish_reason", ColumnKind::Text, |row| {
        optional(
            answer(row)
                .and_then(|answer| answer.finish_reason.as_ref())
                .map(FinishReason::as_str),
        )
    }),
    ("served_model", ColumnKind::Text, |row| {
        optional(answer(row).and_then(|answer| answer.served_model.as_deref()))
    }),
    ("request_id", ColumnKind::Text, |row| {
        optional(answer(row).and_then(|answer| answer.request_id.as_deref()))
    }),
    ("error", ColumnKind::Text, |row| {
        optional(
            row.sample
                .call
                .result
                .as_ref()
                .err()
                .map(|error| error.kind.as_str()),
        )
    }),
];

const TEXTS: &[Definition] = &[
    ("error_message", ColumnKind::Text, |row| {
        optional(
            row.sample
                .call
                .result
                .as_ref()
                .err()
                .map(|error| error.message.as_str()),
        )
    }),
    ("prompt", ColumnKind::Text, |row| text(row.prompt)),
    ("output", ColumnKind::Text, |row| {
        optional(answer(row).map(|answer| answer.text.as_str()))
    }),
];

/// Calls `f` with every row of a sample.
pub(super) fn each_row(
    run: &RunRow,
    names: &Names,
    sample: &SampleRecord,
    f: &mut dyn FnMut(&Row<'_>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let task_index = sample.key.task;
    let (target, task) = (names.target(sample.key.target), names.task(task_index));
    let prompt = serde_json::to_string(&sample.prompt)?;
    let row = |score| Row {
        run,
        sample,
        target: &target,
        model: names.model(sample.key.target),
        task: &task,
        prompt: &prompt,
        score,
    };
    for record in &sample.scores {
        let scorer = names.scorer(task_index, record.scorer);
        let metric = names.metric(task_index, record.scorer, record.score.metric);
        f(&Row {
            score: Some((record, &scorer, &metric)),
            ..row(None)
        })?;
    }
    if sample.scores.is_empty() {
        f(&row(None))?;
    }
    Ok(())
}

fn answer<'a>(row: &Row<'a>) -> Option<&'a seatrial_types::Answer> {
    row.sample.call.result.as_ref().ok()
}

fn usage<'a>(row: &Row<'a>) -> Option<&'a seatrial_types::Usage> {
    answer(row).map(|answer| &answer.usage)
}

fn timing<'a>(row: &Row<'a>) -> Option<&'a Timing> {
    row.sample.call.timing()
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn optional(text: Option<&str>) -> Cell {
    text.map_or(Cell::None, |text| Cell::Text(text.to_owned()))
}

fn real(value: Option<f64>) -> Cell {
    value.map_or(Cell::None, Cell::Real)
}

fn count(value: Option<u64>) -> Cell {
    value
        .and_then(|value| i64::try_from(value).ok())
        .map_or(Cell::None, Cell::Int)
}

fn milliseconds(ns: Option<u64>) -> Cell {
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
    real(ns.map(|ns| ns as f64 / 1e6))
}
