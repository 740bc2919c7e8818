//! The rows of a dataset as the requests of a load. Apart from a task's cases, whose answers are judged: of a row nothing
//! is kept but its request.

use super::cases::CASES_MAX;
use super::endpoint::blueprint_of;
use super::work::BYTES_MAX;
use crate::args::LoadArguments;
use crate::error::CliError;
use seatrial_config::{DatasetFormat, FieldSource, MessageTemplate, Prompt as WrittenPrompt};
use seatrial_provider::Endpoint;
use seatrial_task::{DatasetColumns, DatasetReader, DatasetSource, Prompt};
use seatrial_types::{Case, ContentHash, ModelRequest, Role};
use std::path::Path;
use std::sync::Arc;

/// Columns that a hint names.
const COLUMNS_SHOWN_MAX: usize = 20;

/// The requests of the dataset that was named, in their order; `None` where none was.
///
/// # Errors
/// A file that is not there or of no known kind, without rows or with too many, a row without its prompt.
pub(super) fn requests(
    arguments: &LoadArguments,
    endpoint: &Endpoint,
) -> Result<Option<Vec<Arc<[u8]>>>, CliError> {
    let Some(path) = &arguments.cases.dataset else {
        return Ok(None);
    };
    let prompt = prompt(arguments.cases.prompt_template.as_deref())?;
    let source = DatasetSource::file(path.clone(), format(path)?, columns(&arguments.cases.fields)?);
    let mut reader = DatasetReader::open(&source).map_err(CliError::usage)?;
    let blueprint = blueprint_of(endpoint)?;
    let (mut drawn, mut bytes_all) = (Vec::new(), 0);
    while let Some(next) = reader.next() {
        let case = next.map_err(CliError::usage)?;
        let messages = prompt
            .render(&case)
            .map_err(|error| unfit(&reader, &case, &error.to_string()))?;
        let request = ModelRequest {
            messages,
            case_id: Some(Arc::clone(&case.id)),
            columns: Arc::clone(&case.columns),
            ..ModelRequest::default()
        };
        let mut bytes = Vec::new();
        blueprint
            .push_request(&request, &mut bytes)
            .map_err(|error| unfit(&reader, &case, &error.to_string()))?;
        bytes_all += bytes.len();
        if drawn.len() == CASES_MAX || bytes_all > BYTES_MAX {
            return Err(CliError::usage(format!(
                "--dataset {}: row {} is more than a load keeps ready: {CASES_MAX} rows, or requests of {} MiB",
                path.display(),
                case.row,
                BYTES_MAX >> 20
            ))
            .hint("name a file with a part of the rows"));
        }
        let place = ContentHash::of(format!("{}:{}", arguments.shape.seed, case.id).as_bytes());
        drawn.push((place, case.row, bytes));
    }
    if drawn.is_empty() {
        return Err(
            CliError::usage(format!("--dataset {}: there are no rows", path.display()))
                .hint("name a file with at least one"),
        );
    }
    drawn.sort_unstable_by_key(|(place, row, _)| (*place, *row));
    Ok(Some(drawn.into_iter().map(|(.., bytes)| bytes.into()).collect()))
}

fn prompt(template: Option<&str>) -> Result<Prompt, CliError> {
    let written = match template {
        Some(text) => WrittenPrompt::Messages {
            messages: vec![MessageTemplate::new(Role::User, text)],
        },
        None => WrittenPrompt::Input { system: None },
    };
    Prompt::try_new(&written).map_err(|error| {
        CliError::usage(format!("--prompt-template cannot be read: {error}"))
            .hint("write it like 'Answer briefly: {{ question }}', with names of columns")
    })
}

fn format(path: &Path) -> Result<DatasetFormat, CliError> {
    let shown = path.display().to_string();
    let hint = "name a file of JSON Lines (.jsonl), CSV (.csv) or Parquet (.parquet)";
    match std::fs::metadata(path) {
        Err(error) => return Err(CliError::usage(format!("--dataset {shown}: {error}")).hint(hint)),
        Ok(found) if found.is_dir() => {
            return Err(
                CliError::usage(format!("--dataset {shown}: is a folder, expected a file")).hint(hint),
            );
        }
        Ok(_) => {}
    }
    DatasetFormat::of_extension(&shown).ok_or_else(|| {
        let message = format!("--dataset {shown}: the name does not tell the format");
        CliError::usage(message).hint(hint)
    })
}

fn columns(fields: &[String]) -> Result<DatasetColumns, CliError> {
    let mut columns = DatasetColumns::default();
    for field in fields {
        let wrong = |problem: &str| {
            CliError::usage(format!("--field is `{field}`, {problem}"))
                .hint("write it like --field input=question")
        };
        let (name, from) = field
            .split_once('=')
            .ok_or_else(|| wrong("expected NAME=COLUMN"))?;
        let from = from.trim();
        if from.is_empty() {
            return Err(wrong("which names no column"));
        }
        let place = match name.trim() {
            "input" => &mut columns.input,
            "id" => &mut columns.id,
            _ => return Err(wrong("expected `input` or `id` before the =")),
        };
        if place.replace(FieldSource::from(from)).is_some() {
            return Err(wrong("and the same field was given before"));
        }
    }
    Ok(columns)
}

/// A row that cannot be asked, at its place.
fn unfit(reader: &DatasetReader, case: &Case, problem: &str) -> CliError {
    let path = reader.path().display();
    let place = match reader.line() {
        0 => path.to_string(),
        line => format!("{path}:{line}"),
    };
    let problem = problem.replace(
        "the task has no `prompt` and the row has no `input`",
        "there is no column `input`",
    );
    let known: Vec<&str> = case
        .columns
        .keys()
        .map(String::as_str)
        .take(COLUMNS_SHOWN_MAX)
        .collect();
    CliError::usage(format!("{place}: row {}: {problem}", case.row)).hint(format!(
        "the row has: {}; name the prompt with --field input=COLUMN, or make it with --prompt-template TEXT",
        known.join(", ")
    ))
}
