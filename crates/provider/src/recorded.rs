//! Recorded answers: a target whose answers are already in a file. Apart from the network; only an index is kept in
//! memory, and a row is read when its case asks for it, so that 200,000 answers cost a few megabytes.

mod row;

use crate::usage::of_openai_chat;
use row::{CsvColumns, Row, RowError};
use seatrial_types::{Answer, Attempt, Call, CallError, CallErrorKind, ModelRequest, Timing, Usage};
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Longest row.
const ROW_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Names of the fields, or of the columns of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFields {
    /// Id of the case: a string or an integer.
    pub id_field: String,
    /// The answer: a text; other JSON counts as its JSON text, `null` as no answer.
    pub output_field: String,
    /// A usage object in OpenAI's shape.
    pub usage_field: Option<String>,
    /// How long the answer took, in milliseconds.
    pub latency_ms_field: Option<String>,
}

impl Default for RecordedFields {
    fn default() -> Self {
        Self {
            id_field: "id".to_owned(),
            output_field: "output".to_owned(),
            usage_field: None,
            latency_ms_field: None,
        }
    }
}

/// Why a file of recorded answers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The file cannot be opened or read.
    #[error("failed to read recorded answers from {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A row is not what is expected.
    #[error("{}:{line}: {what}; hint: {hint}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: u64,
        /// What was found and what was expected.
        what: String,
        /// What to do.
        hint: String,
    },
}

/// Answers from a file, JSON Lines or (by its ending `.csv`) CSV with a header row.
///
/// Rows with the same id are the answers of successive epochs.
#[derive(Debug)]
pub struct Recorded {
    path: PathBuf,
    file: File,
    fields: RecordedFields,
    columns: Option<CsvColumns>,
    /// One entry per row, sorted by hash of the id and then by place in the file.
    index: Vec<Place>,
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    id_hash: u64,
    offset: u64,
    bytes: u32,
}

impl Recorded {
    /// Reads the file once, checks every row and remembers where it is.
    pub fn try_open(path: &Path, fields: RecordedFields) -> Result<Self, RecordedError> {
        let read_error = |source| RecordedError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read_error)?;
        let is_csv = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        let mut recorded = Self {
            path: path.to_owned(),
            file,
            fields,
            columns: None,
            index: Vec::new(),
        };
        let reader = BufReader::with_capacity(256 * 1024, File::open(path).map_err(read_error)?);
        if is_csv {
            recorded.index_csv(reader)?;
        } else {
            recorded.index_json_lines(reader)?;
        }
        recorded
            .index
            .sort_unstable_by_key(|place| (place.id_hash, place.offset));
        recorded.index.shrink_to_fit();
        Ok(recorded)
    }

    /// The recorded answer of the request's case and epoch. Recorded answers have no attempts, except one with the
    /// recorded time where that is known.
    #[must_use]
    pub fn call(&self, request: &ModelRequest) -> Call {
        match self.find(request) {
            Ok((row, usage)) => Call {
                attempts: row.latency_ms.map(attempt_of).into_iter().collect(),
                result: Ok(Answer {
                    text: row.output.unwrap_or_default().into_owned(),
                    usage,
                    ..Answer::default()
                }),
                cached: false,
            },
            Err(message) => Call {
                attempts: Vec::new(),
                result: Err(CallError {
                    kind: CallErrorKind::NoRecordedAnswer,
                    status: None,
                    message,
                }),
                cached: false,
            },
        }
    }

    /// Number of recorded answers.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether the file has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn index_json_lines(&mut self, mut reader: impl BufRead) -> Result<(), RecordedError> {
        let mut offset = 0;
        let mut line_number = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            line_number += 1;
            let mut bounded = std::io::Read::take(&mut reader, ROW_BYTES_MAX + 1);
            let read = bounded.read_until(b'\n', &mut line);
            let bytes = read.map_err(|source| self.read_error(source))?;
            if bytes == 0 {
                return Ok(());
            }
            if bytes as u64 > ROW_BYTES_MAX {
                return Err(self.row_error(line_number, RowError::too_long(ROW_BYTES_MAX)));
            }
            let mut text = line.as_slice();
            if offset == 0 {
                text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
            }
            if !text.trim_ascii().is_empty() {
                let row =
                    Row::of_json(text, &self.fields).map_err(|error| self.row_error(line_number, error))?;
                let id_hash = hash(&row.id);
                self.remember(id_hash, offset, bytes as u64, line_number)?;
            }
            offset += bytes as u64;
        }
    }

    fn index_csv(&mut self, reader: impl BufRead) -> Result<(), RecordedError> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
        let csv_error = |error: csv::Error| RowError::of_csv(&error);
        let header = csv
            .byte_headers()
            .map_err(csv_error)
            .and_then(|header| CsvColumns::try_new(header, &self.fields))
            .map_err(|error| self.row_error(1, error))?;
        let mut record = csv::ByteRecord::new();
        loop {
            let line_before = csv.position().line();
            let more = csv
                .read_byte_record(&mut record)
                .map_err(|error| self.row_error(line_before, csv_error(error)))?;
            if !more {
                break;
            }
            let start = record.position().map_or(0, csv::Position::byte);
            let line_number = record.position().map_or(line_before, csv::Position::line);
            let row = Row::of_record(&record, &header).map_err(|error| self.row_error(line_number, error))?;
            let bytes = csv.position().byte().saturating_sub(start);
            let id_hash = hash(&row.id);
            self.remember(id_hash, start, bytes, line_number)?;
        }
        self.columns = Some(header);
        Ok(())
    }

    fn remember(&mut self, id_hash: u64, offset: u64, bytes: u64, line: u64) -> Result<(), RecordedError> {
        let fits = u32::try_from(bytes).ok().filter(|_| bytes <= ROW_BYTES_MAX);
        let bytes = fits.ok_or_else(|| self.row_error(line, RowError::too_long(ROW_BYTES_MAX)))?;
        self.index.push(Place {
            id_hash,
            offset,
            bytes,
        });
        Ok(())
    }

    /// The row of a case and epoch; the error says why there is none.
    fn find(&self, request: &ModelRequest) -> Result<(Row<'static>, Usage), String> {
        let file = self.path.display();
        let Some(id) = request.case_id.as_deref() else {
            return Err("the request has no case id to look up".to_owned());
        };
        let id_hash = hash(id);
        let first = self.index.partition_point(|place| place.id_hash < id_hash);
        let same_hash = self.index[first..]
            .iter()
            .take_while(|place| place.id_hash == id_hash);
        let mut seen: u32 = 0;
        for place in same_hash {
            // Two ids may share a hash, so only the row itself decides.
            let (row, usage) = self.read(place)?;
            if row.id != id {
                continue;
            }
            if seen < request.epoch {
                seen += 1;
                continue;
            }
            if row.output.is_none() {
                return Err(format!("the recorded answer of case `{id}` in {file} is null"));
            }
            return Ok((row, usage));
        }
        if seen == 0 {
            let field = &self.fields.id_field;
            return Err(format!("{file} has no row with `{field}` {id:?}"));
        }
        let epoch = request.epoch.saturating_add(1);
        Err(format!(
            "{file} has {seen} answers of case `{id}`, and this is repetition {epoch}"
        ))
    }

    fn read(&self, place: &Place) -> Result<(Row<'static>, Usage), String> {
        let problem = |what: &dyn std::fmt::Display| {
            let (file, offset) = (self.path.display(), place.offset);
            format!("{file} cannot be read again at byte {offset}: {what}; hint: was it changed meanwhile")
        };
        let mut bytes = vec![0; place.bytes as usize];
        read_at(&self.file, &mut bytes, place.offset).map_err(|error| problem(&error))?;
        let row = match &self.columns {
            None => {
                let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
                Row::of_json(text, &self.fields).map(Row::into_owned)
            }
            Some(columns) => Row::of_csv_text(&bytes, columns).map(Row::into_owned),
        };
        let row = row.map_err(|error| problem(&error.what))?;
        let usage = row.usage.as_deref().map(of_openai_chat).unwrap_or_default();
        Ok((row, usage))
    }

    fn read_error(&self, source: std::io::Error) -> RecordedError {
        RecordedError::Read {
            path: self.path.clone(),
            source,
        }
    }

    fn row_error(&self, line: u64, error: RowError) -> RecordedError {
        RecordedError::Row {
            path: self.path.clone(),
            line,
            what: error.what,
            hint: error.hint,
        }
    }
}

fn hash(id: &str) -> u64 {
    // Lives no longer than the process, so that it may differ between builds.
    let mut hasher = DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// An attempt that was sent at 0 and took as long as recorded.
fn attempt_of(latency_ms: f64) -> Attempt {
    Attempt {
        timing: Timing {
            intended_ns: 0,
            send_ns: Some(0),
            // Checked on reading to be at least 0; `as` saturates.
            end_ns: (latency_ms * 1e6).round() as u64,
            ..Timing::default()
        },
        ..Attempt::default()
    }
}

/// Reads from a place without moving a shared cursor.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Reads from a place without moving a shared cursor.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        offset += read as u64;
    }
    Ok(())
}
