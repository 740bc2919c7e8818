//! Files of lines, read one bounded line at a time, with the number of each. Apart because three formats are lines.

use crate::error::ImportError;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Longest line that is read, in bytes.
pub(crate) const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const READ_BUFFER_BYTES: usize = 256 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(crate) struct Lines {
    path: PathBuf,
    input: BufReader<File>,
    buffer: Vec<u8>,
    line: u64,
}

/// Opens a file, not a folder.
pub(crate) fn open(path: &Path) -> Result<File, ImportError> {
    let file = File::open(path).map_err(|error| ImportError::io(path, "open", &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(ImportError::new(
            path,
            "found a folder, expected a file",
            "name the files in it, for example with a pattern of the shell",
        )),
        Ok(_) => Ok(file),
        Err(error) => Err(ImportError::io(path, "look at the file", &error)),
    }
}

impl Lines {
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(READ_BUFFER_BYTES, open(path)?),
            buffer: Vec::new(),
            line: 0,
        })
    }

    /// 1-based number of the last line.
    pub(crate) const fn line(&self) -> u64 {
        self.line
    }

    /// The next line that is not blank, without its end; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, ImportError> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = (&mut self.input)
                .take(LINE_BYTES_MAX + 1)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| {
                    ImportError::io(&self.path, "read", &error).at(format!("line {}", self.line))
                })?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 > LINE_BYTES_MAX {
                let problem = format!("the line is longer than {LINE_BYTES_MAX} bytes");
                let hint = "one JSON object a line is expected; is this a file of one large object?";
                return Err(ImportError::new(&self.path, problem, hint).at(format!("line {}", self.line)));
            }
            if self.line == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(self.buffer.trim_ascii()));
            }
        }
    }
}

/// A JSON object on a line, with a located error.
pub(crate) fn object(
    path: &Path,
    line: u64,
    bytes: &[u8],
    scratch: &mut Vec<u8>,
) -> Result<serde_json::Map<String, serde_json::Value>, ImportError> {
    crate::tolerant::from_slice(bytes, scratch).map_err(|error| {
        // The number of the line is the file's, not the one inside the single line that was parsed.
        let place = format!("line {line}, column {}", error.column());
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or(&what);
        let problem = format!("expected a JSON object: {what}");
        ImportError::new(path, problem, "one JSON object a line is expected").at(place)
    })
}
