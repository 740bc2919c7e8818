//! Candidates from a table of published figures: CSV, JSON Lines, JSON or YAML.

use super::{Gathered, shown};
use crate::commands::cost::document::read_text;
use crate::error::CliError;
use crate::output;
use seatrial_config::load_located;
use seatrial_cost::pareto::{Candidate, Evidence};
use serde_json::{Map, Value};
use std::path::Path;

/// Largest table.
const TABLE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Rows of a table.
const ROWS_MAX: usize = 10_000;
/// What a column may be.
const KEYS: &[&str] = &[
    "name",
    "quality",
    "successes",
    "n",
    "cost_usd",
    "total_cost_usd",
    "latency_ms",
    "latency_s",
    "safety",
];

/// Names of the columns by what they are.
struct Columns<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Columns<'a> {
    fn read(written: &'a [String]) -> Result<Self, CliError> {
        let mut columns = Vec::new();
        for text in written {
            let (key, column) = text.split_once('=').unwrap_or((text, ""));
            if !KEYS.contains(&key) || column.is_empty() {
                return Err(CliError::usage(format!("--column {} says nothing", shown(text)))
                    .hint(format!("write KEY=COLUMN; keys are {}", KEYS.join(", "))));
            }
            columns.push((key, column));
        }
        Ok(Self(columns))
    }

    fn of(&self, key: &'a str) -> &'a str {
        self.0
            .iter()
            .find(|(known, _)| *known == key)
            .map_or(key, |(_, column)| column)
    }
}

/// A row with its place.
struct Row {
    place: String,
    cells: Map<String, Value>,
}

pub(super) fn read(path: &Path, columns: &[String]) -> Result<Gathered, CliError> {
    let columns = Columns::read(columns)?;
    let rows = rows(path)?;
    if rows.is_empty() || rows.len() > ROWS_MAX {
        return Err(CliError::usage(format!(
            "{} has {} rows, expected 1 to {ROWS_MAX}",
            path.display(),
            rows.len()
        )));
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut warnings = Vec::new();
    for row in &rows {
        let mut name = row.text(columns.of("name"))?;
        if candidates.iter().any(|candidate| candidate.name == name) {
            let again = format!("{name} ({})", row.place);
            warnings.push(format!(
                "{} is there twice; the one at {} is called so",
                shown(&name),
                row.place
            ));
            name = again;
        }
        candidates.push(Candidate::new(name, evidence(row, &columns)?));
    }
    Ok(Gathered { candidates, warnings })
}

fn evidence(row: &Row, columns: &Columns<'_>) -> Result<Evidence, CliError> {
    let number = |key, low, high| row.number(columns.of(key), low, high);
    let n = number("n", 1.0, 1e12)?.ok_or_else(|| {
        CliError::usage(format!(
            "{}: there is no `{}`, the number of cases",
            row.place,
            columns.of("n")
        ))
        .hint("say which column it is: --column n=COLUMN")
    })?;
    let quality = match (number("quality", 0.0, 1.0)?, number("successes", 0.0, n)?) {
        (_, Some(successes)) => successes / n,
        (Some(quality), None) => quality,
        (None, None) => {
            return Err(CliError::usage(format!(
                "{}: there is neither `quality` nor `successes`",
                row.place
            ))
            .hint("say which column it is: --column quality=COLUMN, or --column successes=COLUMN"));
        }
    };
    // A cost of nothing is not known: nobody answers for nothing.
    let cost = match (
        number("cost_usd", 0.0, f64::MAX)?,
        number("total_cost_usd", 0.0, f64::MAX)?,
    ) {
        (Some(cost), _) => Some(cost),
        (None, total) => total.map(|total| total / n),
    };
    let latency_ms = match (
        number("latency_ms", 0.0, f64::MAX)?,
        number("latency_s", 0.0, f64::MAX)?,
    ) {
        (Some(latency), _) => Some(latency),
        (None, seconds) => seconds.map(|seconds| seconds * 1000.0),
    };
    Ok(Evidence::Summary {
        quality,
        n,
        cost: cost.filter(|cost| *cost > 0.0),
        latency_ms,
        safety: number("safety", f64::MIN, f64::MAX)?,
    })
}

impl Row {
    fn text(&self, column: &str) -> Result<String, CliError> {
        match self.cells.get(column) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            _ => Err(
                CliError::usage(format!("{}: there is no `{column}`, the name", self.place))
                    .hint("say which column it is: --column name=COLUMN"),
            ),
        }
    }

    fn number(&self, column: &str, low: f64, high: f64) -> Result<Option<f64>, CliError> {
        let found = match self.cells.get(column) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
        };
        let expected = match (low, high) {
            (f64::MIN, f64::MAX) => "a number".to_owned(),
            (low, f64::MAX) => format!("a number from {low}"),
            (low, high) => format!("a number from {low} to {high}"),
        };
        found
            .filter(|number: &f64| (low..=high).contains(number))
            .map(Some)
            .ok_or_else(|| {
                let found = self.cells.get(column).map(Value::to_string).unwrap_or_default();
                CliError::usage(format!(
                    "{}: `{column}` is {}, expected {expected}",
                    self.place,
                    shown(&found)
                ))
            })
    }
}

fn rows(path: &Path) -> Result<Vec<Row>, CliError> {
    let text = read_text(path, TABLE_BYTES_MAX)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    match ending.as_str() {
        "csv" => csv_rows(path, text),
        "jsonl" | "ndjson" => json_lines(path, text),
        _ => document_rows(path, text),
    }
}

fn csv_rows(path: &Path, text: &str) -> Result<Vec<Row>, CliError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let bad = |error: csv::Error| CliError::usage(format!("{}: {error}", path.display()));
    let header = reader.headers().map_err(bad)?.clone();
    reader
        .records()
        .take(ROWS_MAX + 1)
        .map(|record| {
            let record = record.map_err(bad)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = header
                .iter()
                .zip(&record)
                .map(|(name, cell)| (name.to_owned(), cell.into()));
            Ok(Row {
                place: format!("{}:{line}", path.display()),
                cells: cells.collect(),
            })
        })
        .collect()
}

fn json_lines(path: &Path, text: &str) -> Result<Vec<Row>, CliError> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .take(ROWS_MAX + 1)
        .map(|(index, line)| {
            let place = format!("{}:{}", path.display(), index + 1);
            let cells = serde_json::from_str(line)
                .map_err(|error| CliError::usage(format!("{place}: a row is no JSON object: {error}")))?;
            Ok(Row { place, cells })
        })
        .collect()
}

fn document_rows(path: &Path, text: &str) -> Result<Vec<Row>, CliError> {
    let document = load_located(text, path)
        .map_err(|errors| CliError::rendered(errors.render(output::colors_stderr())))?;
    let place = |index: usize| {
        let place = document.place(&format!("/{index}"));
        place.map_or_else(|| path.display().to_string(), ToString::to_string)
    };
    let Value::Array(items) = &document.value else {
        return Err(CliError::usage(format!("{} is no list of rows", path.display())));
    };
    items
        .iter()
        .take(ROWS_MAX + 1)
        .enumerate()
        .map(|(index, item)| match item {
            Value::Object(cells) => Ok(Row {
                place: place(index),
                cells: cells.clone(),
            }),
            _ => Err(CliError::usage(format!("{}: a row is no map", place(index)))),
        })
        .collect()
}
