//! CSV with a header: every value is a text.

use super::{At, DatasetError, HashingFile, READ_BUFFER_BYTES, ROW_BYTES_MAX, Rows};
use seatrial_types::ContentHash;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) struct Csv {
    path: PathBuf,
    records: Box<csv::Reader<BoundedRow>>,
    header: Vec<String>,
    budget: Arc<AtomicU64>,
    line: u64,
}

impl Csv {
    /// Reads the header too.
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let budget = Arc::new(AtomicU64::new(0));
        let bounded = BoundedRow {
            file: HashingFile::open(path)?,
            used: Arc::clone(&budget),
        };
        let mut records = csv::ReaderBuilder::new()
            .buffer_capacity(READ_BUFFER_BYTES)
            .flexible(false)
            .from_reader(bounded);
        let at = At {
            path,
            line: 1,
            row: 0,
        };
        let header: Vec<String> = records
            .headers()
            .map_err(|error| at.error(problem_of(&error), "the first line names the columns, in UTF-8"))?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned())
            .collect();
        let mut sorted: Vec<&String> = header.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(at.error(
                format!("column `{}` occurs twice in the header", twice[0]),
                "rename one of them",
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            records: Box::new(records),
            header,
            budget,
            line: 1,
        })
    }
}

impl Rows for Csv {
    fn next(&mut self, row: u64) -> Result<Option<Map<String, Value>>, DatasetError> {
        let mut record = csv::StringRecord::new();
        let start = self.records.position().line();
        let more = self.records.read_record(&mut record).map_err(|error| {
            let line = error.position().map_or(start, csv::Position::line);
            let hint = "quote fields that hold commas, quotes or line breaks; is a quote left open?";
            let at = At {
                path: &self.path,
                line,
                row,
            };
            at.error(problem_of(&error), hint)
        })?;
        self.budget.store(0, Ordering::Relaxed);
        self.line = record.position().map_or(start, csv::Position::line);
        if !more {
            return Ok(None);
        }
        let columns = self
            .header
            .iter()
            .zip(&record)
            .map(|(name, text)| (name.clone(), Value::from(text)))
            .collect();
        Ok(Some(columns))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        Ok(ContentHash::finish(&self.records.get_ref().file.hasher))
    }

    fn is_text_only(&self) -> bool {
        true
    }
}

fn problem_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            format!(
                "invalid UTF-8 in field {} at byte {}",
                err.field() + 1,
                err.valid_up_to() + 1
            )
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("found {len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}

/// Refuses to read on when one CSV record swallows more than [`ROW_BYTES_MAX`], as an open quote makes it do.
struct BoundedRow {
    file: HashingFile,
    used: Arc<AtomicU64>,
}

impl Read for BoundedRow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.used.load(Ordering::Relaxed) > ROW_BYTES_MAX {
            let megabytes = ROW_BYTES_MAX / 1024 / 1024;
            return Err(std::io::Error::other(format!(
                "the record is longer than {megabytes} MiB"
            )));
        }
        let read = self.file.read(buffer)?;
        self.used.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
