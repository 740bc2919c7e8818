//! Cases that the suite writes out: no file of their own, so errors name the place in the suite.

use super::{DatasetError, Rows};
use seatrial_config::InlineCase;
use seatrial_types::ContentHash;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

pub(super) struct Inline {
    cases: Vec<InlineCase>,
    next: usize,
    path: PathBuf,
    line: u64,
}

impl Inline {
    pub(super) fn new(cases: &[InlineCase]) -> Self {
        Self {
            cases: cases.to_vec(),
            next: 0,
            path: PathBuf::new(),
            line: 0,
        }
    }
}

impl Rows for Inline {
    fn next(&mut self, _row: u64) -> Result<Option<Map<String, Value>>, DatasetError> {
        let Some(case) = self.cases.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        self.path = case.location.path.to_path_buf();
        self.line = case.location.line as u64;
        Ok(Some(case.columns.clone()))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn line(&self) -> u64 {
        self.line
    }

    /// Of the same bytes as a file with one of these objects on every line.
    fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        let mut hasher = blake3::Hasher::new();
        for case in &self.cases {
            hasher.update(Value::Object(case.columns.clone()).to_string().as_bytes());
            hasher.update(b"\n");
        }
        Ok(ContentHash::finish(&hasher))
    }
}
