//! Figures for people: shares, power, comparisons and text metrics of what lies in files. Apart from the calculator, which
//! answers programs; both ask the same functions.

mod compare;
pub(super) mod lines;
mod power;
mod proportion;
mod rouge;
pub(super) mod scores_file;
mod text_metric;

pub(crate) use compare::compare;
pub(crate) use power::power;
pub(crate) use proportion::proportion;
pub(crate) use rouge::rouge;
pub(crate) use text_metric::{bleu, chrf, ter};

use crate::error::CliError;
use crate::output;
use seatrial_types::{Estimate, ExitCode, Method, TOOL_VERSION};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The result of a command: what people read, and the same as JSON.
pub(super) struct Figures<'a> {
    pub(super) schema: &'a str,
    pub(super) text: String,
    pub(super) warnings: Vec<String>,
    pub(super) fields: Value,
}

impl Figures<'_> {
    /// Writes both. With `--json -` the text goes to standard error.
    pub(super) fn deliver(self, json: Option<&Path>) -> Result<ExitCode, CliError> {
        let code = ExitCode::Pass;
        let warned: String = self
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}\n"))
            .collect();
        match json {
            Some(path) if output::is_stdout(path) => output::stderr(&self.text),
            _ => output::stdout(&self.text)?,
        }
        output::stderr(&warned);
        if let Some(path) = json {
            let mut object = Map::new();
            object.insert("schema".to_owned(), json!(self.schema));
            object.insert("tool_version".to_owned(), json!(TOOL_VERSION));
            object.insert("exit_code".to_owned(), json!(code.code()));
            object.insert("warnings".to_owned(), json!(self.warnings));
            if let Value::Object(fields) = self.fields {
                object.extend(fields);
            }
            let text = serde_json::to_string_pretty(&object).map_err(CliError::infrastructure)? + "\n";
            if output::is_stdout(path) {
                output::stdout(&text)?;
            } else {
                output::write_whole(path, &text)?;
            }
        }
        Ok(code)
    }
}

/// Refuses an output path before any work is done.
pub(super) fn check_output(json: Option<&Path>) -> Result<(), CliError> {
    json.map_or(Ok(()), output::check_writable)
}

/// `value [low, high]` with this many decimals; open ends are `…`, and what is unknown says so.
fn shown(estimate: &Estimate, decimals: usize) -> String {
    let Some(value) = estimate.value else {
        return "– (no value)".to_owned();
    };
    let number = |x: f64| {
        let text = format!("{x:.decimals$}");
        // A rounded nothing has no sign.
        match text.strip_prefix('-') {
            Some(rest) if rest.bytes().all(|b| b == b'0' || b == b'.') => rest.to_owned(),
            _ => text,
        }
    };
    let value = number(value);
    if estimate.method == Method::None {
        return format!("{value} (no interval)");
    }
    let end = |end: Option<f64>| end.map_or_else(|| "…".to_owned(), number);
    format!("{value} [{}, {}]", end(estimate.low), end(estimate.high))
}

/// An estimate as JSON.
fn object(estimate: &Estimate) -> Result<Value, CliError> {
    serde_json::to_value(estimate).map_err(CliError::infrastructure)
}

/// Scores of cases by id, from a file of `id` and `score`, for other commands.
pub(super) struct ScoreRows(scores_file::ScoresFile);

impl ScoreRows {
    /// Reads a file, CSV or JSON Lines.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let columns = scores_file::Columns {
            id: "id",
            score: "score",
            epoch: None,
            cluster: None,
        };
        scores_file::ScoresFile::read(path, columns, scores_file::Allowed::Any).map(Self)
    }

    /// Id and score of each row that has one.
    pub(super) fn scores(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0
            .rows
            .iter()
            .filter_map(|row| Some((row.id.as_str(), row.score?)))
    }
}
