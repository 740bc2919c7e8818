//! Files of scores of single cases, CSV or JSON Lines, with a place for every complaint. Apart from the comparison, which
//! knows indices and no lines.

use super::lines::{is_json_lines, read_text};
use crate::error::CliError;
use seatrial_analyse::compare::ScoredCase;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Most rows of a file.
const ROWS_MAX: usize = 10_000_000;

/// Which columns hold what.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Columns<'a> {
    pub(in crate::commands) id: &'a str,
    pub(in crate::commands) score: &'a str,
    /// `None`: `epoch`, where there is such a column.
    pub(in crate::commands) epoch: Option<&'a str>,
    /// `None`: `cluster`, where there is such a column.
    pub(in crate::commands) cluster: Option<&'a str>,
}

/// What values a score may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Allowed {
    /// Any finite number.
    Any,
    /// 0 or 1.
    Binary,
    /// From 0 to 1.
    Unit,
}

/// The rows of a file and the line of each.
#[derive(Debug)]
pub(in crate::commands) struct ScoresFile {
    pub(in crate::commands) path: PathBuf,
    pub(in crate::commands) rows: Vec<ScoredCase>,
    pub(in crate::commands) lines: Vec<u64>,
}

impl ScoresFile {
    /// Reads a file.
    pub(in crate::commands) fn read(
        path: &Path,
        columns: Columns<'_>,
        allowed: Allowed,
    ) -> Result<Self, CliError> {
        let text = read_text(path)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut file = Self {
            path: path.to_owned(),
            rows: Vec::new(),
            lines: Vec::new(),
        };
        if is_json_lines(path) {
            file.read_json(text, columns, allowed)?;
        } else {
            file.read_csv(text, columns, allowed)?;
        }
        if file.rows.is_empty() {
            return Err(CliError::usage(format!(
                "{} has no rows, expected one score a row",
                path.display()
            )));
        }
        Ok(file)
    }

    /// `file:line` of a row.
    pub(in crate::commands) fn place(&self, index: usize) -> String {
        format!(
            "{}:{}",
            self.path.display(),
            self.lines.get(index).copied().unwrap_or(0)
        )
    }

    fn wrong(&self, line: u64, problem: impl std::fmt::Display) -> CliError {
        CliError::usage(format!("{}:{line}: {problem}", self.path.display()))
    }

    fn push(&mut self, line: u64, row: ScoredCase) -> Result<(), CliError> {
        if self.rows.len() >= ROWS_MAX {
            return Err(self.wrong(
                line,
                format_args!("more than {ROWS_MAX} rows, the most that is read"),
            ));
        }
        self.rows.push(row);
        self.lines.push(line);
        Ok(())
    }

    fn read_json(&mut self, text: &str, columns: Columns<'_>, allowed: Allowed) -> Result<(), CliError> {
        for (line, row) in (1..).zip(text.lines()) {
            if row.trim().is_empty() {
                continue;
            }
            let row: Map<String, Value> = serde_json::from_str(row).map_err(|error| {
                self.wrong(
                    line,
                    format_args!("column {}: no JSON object ({error})", error.column()),
                )
            })?;
            let case = self.case(line, columns, allowed, &|name| row.get(name).map(Cell::of))?;
            self.push(line, case)?;
        }
        Ok(())
    }

    fn read_csv(&mut self, text: &str, columns: Columns<'_>, allowed: Allowed) -> Result<(), CliError> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return Err(self.wrong(1, error)),
        };
        for (index, name) in header.iter().enumerate() {
            if header.iter().take(index).any(|before| before == name) {
                return Err(self.wrong(1, format_args!("column `{name}` is there twice")));
            }
        }
        let asked = [
            Some(columns.id),
            Some(columns.score),
            columns.epoch,
            columns.cluster,
        ];
        for name in asked.into_iter().flatten() {
            if !header.iter().any(|found| found == name) {
                let found = header.join(", ");
                return Err(self.wrong(1, format_args!("no column `{name}`, found: {found}")).hint(
                    "the first line names the columns; --id-field, --score-field, --epoch-field and --cluster-field \
                     name other ones",
                ));
            }
        }
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => return Ok(()),
                Ok(true) => {}
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    return Err(self.wrong(line, csv_problem(&error)));
                }
            }
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |name: &str| {
                let at = header.iter().position(|found| found == name)?;
                Some(Cell::Text(record.get(at).unwrap_or("").trim()))
            };
            let case = self.case(line, columns, allowed, &cell)?;
            self.push(line, case)?;
        }
    }

    fn case<'a>(
        &self,
        line: u64,
        columns: Columns<'_>,
        allowed: Allowed,
        cell: &dyn Fn(&str) -> Option<Cell<'a>>,
    ) -> Result<ScoredCase, CliError> {
        let missing = |name: &str| self.wrong(line, format_args!("no `{name}`"));
        let id = match cell(columns.id).ok_or_else(|| missing(columns.id))? {
            Cell::Text(text) if !text.is_empty() => text.to_owned(),
            Cell::Number(number) => number.to_string(),
            found => {
                let name = columns.id;
                return Err(self.wrong(
                    line,
                    format_args!("`{name}` is {found}, expected a string or a number"),
                ));
            }
        };
        let score = cell(columns.score).ok_or_else(|| missing(columns.score))?;
        let epoch = match (columns.epoch, cell(columns.epoch.unwrap_or("epoch"))) {
            (Some(name), None) => return Err(missing(name)),
            (_, found) => found.unwrap_or(Cell::Nothing),
        };
        let cluster = match (columns.cluster, cell(columns.cluster.unwrap_or("cluster"))) {
            (Some(name), None) => return Err(missing(name)),
            (_, found) => found.unwrap_or(Cell::Nothing),
        };
        Ok(ScoredCase {
            id,
            epoch: self.epoch(line, &epoch)?,
            cluster: match cluster {
                Cell::Nothing | Cell::Text("") => None,
                Cell::Text(text) => Some(text.to_owned()),
                found => Some(found.to_string()),
            },
            score: self.score(line, columns.score, &score, allowed)?,
        })
    }

    fn epoch(&self, line: u64, cell: &Cell<'_>) -> Result<u32, CliError> {
        let epoch = match cell {
            Cell::Nothing | Cell::Text("") => Some(0),
            Cell::Text(text) => text.parse().ok(),
            Cell::Number(number) => number.as_u64().and_then(|epoch| u32::try_from(epoch).ok()),
            Cell::Flag(_) | Cell::Other => None,
        };
        epoch.ok_or_else(|| {
            self.wrong(
                line,
                format_args!("epoch is {cell}, expected a whole number from 0"),
            )
        })
    }

    fn score(
        &self,
        line: u64,
        name: &str,
        cell: &Cell<'_>,
        allowed: Allowed,
    ) -> Result<Option<f64>, CliError> {
        let score = match cell {
            Cell::Nothing | Cell::Text("") => return Ok(None),
            Cell::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Cell::Number(number) => number.as_f64(),
            Cell::Text(text) if text.eq_ignore_ascii_case("true") => Some(1.0),
            Cell::Text(text) if text.eq_ignore_ascii_case("false") => Some(0.0),
            Cell::Text(text) => text.parse().ok(),
            Cell::Other => None,
        };
        let expected = match allowed {
            Allowed::Any => "a finite number, or nothing where there is no score",
            Allowed::Binary => "0 or 1",
            Allowed::Unit => "a number from 0 to 1",
        };
        score
            .filter(|score| score.is_finite())
            .filter(|&score| match allowed {
                Allowed::Any => true,
                Allowed::Binary => score == 0.0 || score == 1.0,
                Allowed::Unit => (0.0..=1.0).contains(&score),
            })
            .map(Some)
            .ok_or_else(|| self.wrong(line, format_args!("`{name}` is {cell}, expected {expected}")))
    }
}

/// What stands in one column of one row.
enum Cell<'a> {
    Nothing,
    Flag(bool),
    Number(serde_json::Number),
    Text(&'a str),
    Other,
}

impl<'a> Cell<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text),
            Value::Array(_) | Value::Object(_) => Self::Other,
        }
    }
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        /// Most characters of a value that a message repeats.
        const SHOWN_MAX: usize = 60;
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "`{}`", text.chars().take(SHOWN_MAX).collect::<String>()),
            Self::Other => f.write_str("a list or an object"),
        }
    }
}

fn csv_problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("{len} columns, expected {expected_len} as in the first line")
        }
        _ => error.to_string(),
    }
}
