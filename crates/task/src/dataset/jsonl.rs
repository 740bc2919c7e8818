//! JSON Lines: one object a line.

use super::row::kind_of;
use super::{At, DatasetError, HashingFile, READ_BUFFER_BYTES, ROW_BYTES_MAX, Rows};
use seatrial_types::ContentHash;
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) struct JsonLines {
    path: PathBuf,
    input: BufReader<HashingFile>,
    line: u64,
    buffer: Vec<u8>,
}

impl JsonLines {
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(READ_BUFFER_BYTES, HashingFile::open(path)?),
            line: 0,
            buffer: Vec::new(),
        })
    }
}

impl Rows for JsonLines {
    fn next(&mut self, row: u64) -> Result<Option<Map<String, Value>>, DatasetError> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self
                .input
                .by_ref()
                .take(ROW_BYTES_MAX + 1)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|source| DatasetError::Read {
                    path: self.path.clone(),
                    line: self.line,
                    source,
                })?;
            if read == 0 {
                return Ok(None);
            }
            let at = At {
                path: &self.path,
                line: self.line,
                row,
            };
            if let Some(columns) = object_of(&self.buffer, &at)? {
                return Ok(Some(columns));
            }
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        Ok(ContentHash::finish(&self.input.get_ref().hasher))
    }
}

/// The object of a line; `None` for a blank one.
fn object_of(whole: &[u8], at: &At<'_>) -> Result<Option<Map<String, Value>>, DatasetError> {
    if whole.len() as u64 > ROW_BYTES_MAX {
        let problem = format!("the line is longer than {} MiB", ROW_BYTES_MAX / 1024 / 1024);
        return Err(at.error(
            problem,
            "one JSON object a line; is this a JSON array instead of JSON Lines?",
        ));
    }
    let bytes = if at.line == 1 {
        whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole)
    } else {
        whole
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        at.error(
            format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1),
            "save the file as UTF-8",
        )
    })?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(columns)) => Ok(Some(columns)),
        Ok(other) => Err(at.error(
            format!("expected a JSON object, found {}", kind_of(&other)),
            "each line is an object such as {\"id\": 1, \"input\": \"…\", \"expected\": \"…\"}",
        )),
        Err(error) => Err(at.error(
            format!(
                "not valid JSON at column {}: {}",
                error.column(),
                without_place(&error)
            ),
            "one complete JSON object a line",
        )),
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}
