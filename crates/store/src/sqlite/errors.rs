//! From what SQLite says to what a caller can act on. Apart so that the mapping is one table.

use super::settings::BUSY_TIMEOUT;
use crate::StoreError;
use rusqlite::ErrorCode;
use std::path::Path;

/// What a failure of SQLite while `doing` something with the database at `path` means.
pub(crate) fn sqlite_error(path: &Path, doing: &'static str, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
            path,
            found: error.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            let waited_ms = u64::try_from(BUSY_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
            StoreError::Busy { path, waited_ms }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly { path },
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => StoreError::Disk {
            doing,
            path,
            source: Box::new(error),
        },
        _ => StoreError::Database {
            doing,
            path,
            source: Box::new(error),
        },
    }
}

/// What goes wrong while rows are read: the database fails, or a row says something unreadable.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// A column holds something else than was written.
    Unreadable { column: String, found: String },
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl ReadError {
    /// Says where it happened: `row` names the row.
    pub(crate) fn at(self, path: &Path, doing: &'static str, row: impl FnOnce() -> String) -> StoreError {
        match self {
            Self::Sqlite(error) => sqlite_error(path, doing, error),
            Self::Unreadable { column, found } => StoreError::Unreadable {
                path: path.to_owned(),
                what: format!("`{column}` of {}", row()),
                found,
            },
        }
    }
}
