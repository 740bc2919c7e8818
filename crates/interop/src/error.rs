//! What is wrong with a file of another tool: one type, because every such problem has a file, a place in it, what was
//! found, and what to do.

use std::path::{Path, PathBuf};

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}; hint: {hint}", path.display(), place.as_ref().map(|place| format!(": {place}")).unwrap_or_default())]
pub struct ImportError {
    /// The file.
    pub path: PathBuf,
    /// Entry, line or column in it; `None` where the whole file is meant.
    pub place: Option<String>,
    /// What was found and what was expected.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl ImportError {
    pub(crate) fn new(path: &Path, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            place: None,
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The file cannot be opened or read on.
    pub(crate) fn io(path: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::new(
            path,
            format!("failed to {doing}: {error}"),
            "check that the file is there and may be read",
        )
    }

    /// Text that is no JSON, or JSON of another shape.
    pub(crate) fn json(path: &Path, expected: &str, error: &serde_json::Error) -> Self {
        let problem = if error.is_eof() {
            format!("the text ends inside {expected}: {error}")
        } else {
            format!("expected {expected}: {error}")
        };
        let hint = if error.is_eof() {
            "the file was cut off; copy it again, or import the part of the run that is whole"
        } else {
            "check that the file was written by that tool and not changed since"
        };
        Self::new(path, problem, hint)
    }
}
