//! Files that people write for `seatrial cost`, read with places: what is wrong is shown with its line.

use crate::error::CliError;
use crate::output;
use seatrial_config::{LocatedDocument, MAX_FILE_BYTES, load_located};
use seatrial_cost::Problem;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// Reads a file of at most `bytes_max` bytes.
pub(super) fn read_text(path: &Path, bytes_max: u64) -> Result<String, CliError> {
    let failed = |problem: &dyn std::fmt::Display| {
        CliError::usage(format!("failed to read {}: {problem}", path.display()))
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(failed(&format!(
            "it has more than {} MiB",
            bytes_max / (1024 * 1024)
        )));
    }
    String::from_utf8(bytes).map_err(|_| failed(&"it is not UTF-8"))
}

/// Reads the document of a file, puts what was measured in its place, and hands it to `read`; problems come with the line
/// they are on.
pub(super) fn read_case<T>(
    path: &Path,
    store: &Path,
    read: impl FnOnce(&Value) -> Result<T, Vec<Problem>>,
) -> Result<T, CliError> {
    let text = read_text(path, MAX_FILE_BYTES)?;
    read_text_document(&text, path, |document| {
        let mut document = document.clone();
        let sources = super::measured::Sources {
            store,
            folder: path.parent().unwrap_or_else(|| Path::new("")),
        };
        let problems = super::measured::fill_in(&mut document, sources);
        if problems.is_empty() {
            read(&document)
        } else {
            Err(problems)
        }
    })
}

/// Reads a document and hands it to `read`; problems come with the line they are on.
pub(super) fn read_text_document<T>(
    text: &str,
    path: &Path,
    read: impl FnOnce(&Value) -> Result<T, Vec<Problem>>,
) -> Result<T, CliError> {
    let document = load_located(text, path)
        .map_err(|errors| CliError::rendered(errors.render(output::colors_stderr())))?;
    read(&document.value).map_err(|problems| rendered(&document, &problems))
}

fn rendered(document: &LocatedDocument, problems: &[Problem]) -> CliError {
    let told = problems.iter().map(|problem| {
        (
            problem.pointer.as_str(),
            problem.message.as_str(),
            problem.hint.as_deref(),
        )
    });
    CliError::rendered(document.diagnostics(told).render(output::colors_stderr()))
}
