//! Rows of results from anywhere: JSON Lines (the form that `seatrial export` writes, or one object a sample with
//! numbers in it) and CSV (a row for each sample with a column for each metric, or a row for each sample and metric).

use crate::error::ImportError;
use crate::foreign::{CaseContent, FileFacts, ForeignSample, ForeignScore, OnSample, ScoreValue, Tally};
use crate::names::cut;
use crate::text_file::{self, Lines, object};
use seatrial_types::{Answer, CallError, CallErrorKind, FinishReason, Message, Money, Role, Usage};
use serde_json::{Map, Value};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// Columns with a meaning; every other column with numbers is a metric.
const KNOWN: [&str; 39] = [
    "run_id",
    "target",
    "model",
    "task",
    "id",
    "case_id",
    "epoch",
    "cluster",
    "slices",
    "prompt",
    "input",
    "output",
    "answer",
    "expected",
    "reference",
    "finish_reason",
    "served_model",
    "request_id",
    "usage",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "error",
    "error_message",
    "started_unix_ms",
    "latency_ms",
    "ttft_ms",
    "queue_ms",
    "attempts",
    "scores",
    "scorer",
    "metric",
    "outcome",
    "value",
    "detail",
    "metadata",
];
const DETAIL_CHARS_MAX: usize = 2000;
/// Most fields of a CSV row.
const COLUMNS_MAX: usize = 10_000;

pub(crate) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let title = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut reader = Reader {
        path,
        title: title.clone(),
        columns_left: Tally::default(),
        pending: None,
        f,
    };
    let is_csv = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    if is_csv {
        reader.csv()?;
    } else {
        reader.json_lines()?;
    }
    reader.flush()?;
    Ok(FileFacts {
        tool: "rows",
        title: Some(title),
        columns_left: reader.columns_left.into_named_warnings(|column| {
            format!("column `{column}` is no number: it can name a slice or cluster, but is no metric")
        }),
        ..FileFacts::default()
    })
}

struct Reader<'a, 'b> {
    path: &'a Path,
    title: String,
    columns_left: Tally,
    /// A sample whose further metrics may stand in the next rows.
    pending: Option<ForeignSample>,
    f: OnSample<'b>,
}

impl Reader<'_, '_> {
    fn json_lines(&mut self) -> Result<(), ImportError> {
        let mut lines = Lines::open(self.path)?;
        let mut scratch = Vec::new();
        let mut row = 0;
        while let Some(bytes) = lines.next()?.map(<[u8]>::to_vec) {
            row += 1;
            let object = object(self.path, lines.line(), &bytes, &mut scratch)?;
            self.row(&object, row, &format!("line {}", lines.line()))?;
        }
        Ok(())
    }

    fn csv(&mut self) -> Result<(), ImportError> {
        let path = self.path;
        let broken = |error: &csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            let problem = format!("expected CSV with a header: {error}");
            ImportError::new(path, problem, "every row needs as many fields as the header")
                .at(format!("line {line}"))
        };
        let mut records = csv::ReaderBuilder::new().from_reader(text_file::open(path)?);
        let header: Vec<String> = records
            .headers()
            .map_err(|error| broken(&error))?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        if header.len() > COLUMNS_MAX {
            let problem = format!("{} columns, at most {COLUMNS_MAX} are read", header.len());
            return Err(ImportError::new(
                path,
                problem,
                "is this a CSV file with a header?",
            ));
        }
        for (row, record) in (1..).zip(records.records()) {
            let record = record.map_err(|error| broken(&error))?;
            let line = record.position().map_or(0, csv::Position::line);
            let object: Map<String, Value> = header
                .iter()
                .zip(&record)
                .map(|(name, field)| (name.clone(), cell(field)))
                .collect();
            self.row(&object, row, &format!("line {line}"))?;
        }
        Ok(())
    }

    fn row(&mut self, row: &Map<String, Value>, number: u64, place: &str) -> Result<(), ImportError> {
        let sample = self.sample(row, number, place)?;
        if let Some(pending) = &mut self.pending
            && row.contains_key("metric")
            && pending.case_id == sample.case_id
            && (&pending.model, &pending.task, pending.epoch) == (&sample.model, &sample.task, sample.epoch)
        {
            pending.scores.extend(sample.scores);
            return Ok(());
        }
        self.flush()?;
        self.pending = Some(sample);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        match self.pending.take() {
            Some(sample) => (self.f)(sample),
            None => Ok(()),
        }
    }

    fn sample(
        &mut self,
        row: &Map<String, Value>,
        number: u64,
        place: &str,
    ) -> Result<ForeignSample, ImportError> {
        let get = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| row.get(*name).filter(|value| !value.is_null()))
        };
        let text = |names: &[&str]| get(names).map(plain_text);
        let number_of = |name: &str| row.get(name).and_then(as_number);
        let scores = self.scores(row, place)?;
        let error = get(&["error"]).map(|error| call_error(error, row));
        let mut columns = row.clone();
        if let Some(Value::Object(slices)) = row.get("slices") {
            columns.extend(slices.clone());
        }
        if let Some(Value::Object(metadata)) = row.get("metadata") {
            columns.extend(metadata.clone());
        }
        let cost = text(&["cost_usd"]).map(|cost| Money::from_str(&cost));
        if let Some(Err(error)) = &cost {
            return Err(ImportError::new(
                self.path,
                format!("`cost_usd`: {error}"),
                "a decimal number of dollars is expected",
            )
            .at(place));
        }
        let prompt = get(&["prompt", "input"]).map(prompt_of).unwrap_or_default();
        let expected = get(&["expected", "reference"]).cloned().unwrap_or_default();
        Ok(ForeignSample {
            model: text(&["target", "model"])
                .unwrap_or_else(|| "unknown".to_owned())
                .into(),
            task: text(&["task"]).unwrap_or_else(|| self.title.clone()).into(),
            case_id: text(&["id", "case_id"])
                .unwrap_or_else(|| number.to_string())
                .into(),
            epoch: count(row, "epoch")
                .and_then(|epoch| u32::try_from(epoch).ok())
                .unwrap_or(0),
            content: CaseContent::of(&[get(&["prompt", "input"]).unwrap_or(&Value::Null), &expected]),
            columns,
            prompt,
            result: error.map_or_else(|| Ok(answer(row)), Err),
            latency_s: number_of("latency_ms").map(|ms| ms / 1e3),
            ttft_s: number_of("ttft_ms").map(|ms| ms / 1e3),
            cost: cost.and_then(Result::ok),
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds far below 2^53")]
            started_unix_ms: number_of("started_unix_ms").map(|ms| ms as i64),
            scores,
        })
    }

    fn scores(&mut self, row: &Map<String, Value>, place: &str) -> Result<Vec<ForeignScore>, ImportError> {
        if row.contains_key("metric") {
            return Ok(told_score(row).into_iter().collect());
        }
        match row.get("scores") {
            Some(Value::Array(list)) => {
                let told = list.iter().filter_map(Value::as_object);
                return Ok(told.filter_map(told_score).collect());
            }
            Some(Value::Object(map)) => {
                return Ok(map.iter().map(|(name, value)| named_score(name, value)).collect());
            }
            None | Some(Value::Null) => {}
            Some(other) => {
                let problem = format!(
                    "`scores` is {}, expected a map of numbers or a list",
                    cut(&other.to_string(), 60)
                );
                return Err(
                    ImportError::new(self.path, problem, "write {\"scores\": {\"accuracy\": 1}}").at(place),
                );
            }
        }
        let mut scores = Vec::new();
        for (name, value) in row.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str())) {
            if as_number(value).is_some() {
                scores.push(named_score(name, value));
            } else if !value.is_null() {
                self.columns_left.add(name, place);
            }
        }
        Ok(scores)
    }
}

/// A whole number of this name, of the row or of its `usage`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "used only where it is a whole number in range"
)]
fn count(row: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = row
        .get(name)
        .or_else(|| row.get("usage")?.get(name))
        .and_then(as_number)?;
    (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
}

fn answer(row: &Map<String, Value>) -> Answer {
    let text = |names: &[&str]| {
        let found = names
            .iter()
            .find_map(|name| row.get(*name).filter(|value| !value.is_null()));
        found.map(plain_text)
    };
    Answer {
        text: text(&["output", "answer"]).unwrap_or_default(),
        finish_reason: text(&["finish_reason"]).map(|word| FinishReason::from_word(&word)),
        served_model: text(&["served_model"]),
        request_id: text(&["request_id"]),
        usage: Usage {
            input_tokens: count(row, "input_tokens"),
            output_tokens: count(row, "output_tokens"),
            cache_read_tokens: count(row, "cache_read_tokens"),
            cache_write_tokens: count(row, "cache_write_tokens"),
            cache_write_1h_tokens: None,
            reasoning_tokens: count(row, "reasoning_tokens"),
        },
        ..Answer::default()
    }
}

fn named_score(name: &str, value: &Value) -> ForeignScore {
    ForeignScore {
        scorer: name.into(),
        metric: name.into(),
        value: as_number(value).map_or(ScoreValue::Unparsed, ScoreValue::Number),
        detail: None,
    }
}

/// `{scorer, metric, outcome, value, detail}`, as our own export writes it.
fn told_score(score: &Map<String, Value>) -> Option<ForeignScore> {
    let text = |key: &str| score.get(key).filter(|value| !value.is_null()).map(plain_text);
    let metric: Arc<str> = text("metric")?.into();
    Some(ForeignScore {
        scorer: text("scorer").map_or_else(|| Arc::clone(&metric), Arc::from),
        metric,
        value: match (text("outcome").as_deref(), score.get("value").and_then(as_number)) {
            (Some("refused"), _) => ScoreValue::Refused,
            (Some("unparsed" | "error"), _) | (_, None) => ScoreValue::Unparsed,
            (_, Some(value)) => ScoreValue::Number(value),
        },
        detail: text("detail").map(|detail| cut(&detail, DETAIL_CHARS_MAX)),
    })
}

/// An empty field of a CSV file is "nothing said".
fn cell(field: &str) -> Value {
    if field.is_empty() {
        Value::Null
    } else {
        Value::String(field.to_owned())
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.trim() {
            "true" | "True" => Some(1.0),
            "false" | "False" => Some(0.0),
            number => number.parse().ok(),
        },
        _ => None,
    }
}

fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn prompt_of(value: &Value) -> Vec<Message> {
    let parsed = match value {
        Value::Array(_) => serde_json::from_value(value.clone()).ok(),
        Value::String(text) if text.trim_start().starts_with("[{") => serde_json::from_str(text).ok(),
        _ => None,
    };
    parsed.unwrap_or_else(|| vec![Message::new(Role::User, plain_text(value))])
}

fn call_error(error: &Value, row: &Map<String, Value>) -> CallError {
    if let Ok(error) = serde_json::from_value::<CallError>(error.clone()) {
        return error;
    }
    let word = plain_text(error);
    let kind = serde_json::from_value::<CallErrorKind>(Value::String(word.clone()));
    let message = row
        .get("error_message")
        .filter(|message| !message.is_null())
        .map(plain_text);
    CallError {
        kind: kind.unwrap_or(CallErrorKind::Foreign),
        status: None,
        message: cut(&message.unwrap_or(word), DETAIL_CHARS_MAX),
    }
}
