//! Inspect's logs: the archive `.eval` and the single JSON file, format version 2 (and 1 as far as it is the same).

mod archive;
mod chat;
mod header;
mod sample;
mod single;

use crate::error::ImportError;
use crate::foreign::{FileFacts, OnSample};
use std::io::Read;
use std::path::Path;

/// Newest version of the format that is read.
const VERSION_MAX: u64 = 2;

/// Reads either form; which one is seen from the first bytes, not from the name.
pub(crate) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let mut start = [0; 4];
    let mut file = crate::text_file::open(path)?;
    let mut filled = 0;
    while let Some(rest) = start.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) => return Err(ImportError::io(path, "read", &error)),
        }
    }
    match start {
        [b'P', b'K', 3, 4] => archive::read(path, f),
        [b'P', b'K', 5, 6] => Err(ImportError::new(
            path,
            "the archive is empty",
            "Inspect writes its first entry when the first sample starts; import another log",
        )),
        _ if filled == 0 => Err(ImportError::new(
            path,
            "the file is empty",
            "an Inspect log is a .eval archive or a .json file",
        )),
        _ => single::read(path, f),
    }
}
