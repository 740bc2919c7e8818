//! What is wrong with a suite, and where: collected over a whole file, shown with the lines in question.
//! Apart, because later floors add to it in the same style.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named.
    pub path: Arc<Path>,
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// Bytes from here to there.
    pub(crate) span: Range<usize>,
}

impl fmt::Display for Location {
    /// `FILE:LINE:COLUMN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// A file with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    path: Arc<Path>,
    text: Arc<str>,
}

impl Default for Source {
    fn default() -> Self {
        Self::new(PathBuf::new(), "")
    }
}

impl Source {
    pub(crate) fn new(path: PathBuf, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    pub(crate) fn start(&self) -> Location {
        Location {
            path: Arc::clone(&self.path),
            line: 1,
            column: 1,
            span: 0..0,
        }
    }
}

/// Everything that is wrong with one file. As an error it prints its rendered form without colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    source: Source,
    entries: Vec<Diagnostic>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What was found and what was expected.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Where.
    pub location: Location,
}

impl Diagnostics {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            entries: Vec::new(),
        }
    }

    /// Number of errors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an error at a place of the same file.
    pub fn push_at(&mut self, location: Location, message: impl Into<String>, hint: Option<String>) {
        self.entries.push(Diagnostic {
            message: message.into(),
            hint,
            location,
        });
    }
}
