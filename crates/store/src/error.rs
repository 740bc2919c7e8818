//! What can go wrong with the record. Apart from the back ends so that callers match on causes, not on databases.

use seatrial_types::{ContentHash, RunId};
use std::path::PathBuf;

/// Why the record could not be opened, read or written. A failed write has changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A folder or file beside the database could not be made or read.
    #[error("cannot {doing} {}; hint: check that the folder exists and may be written", path.display())]
    Io {
        /// What was tried, such as `create`.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing to read.
    #[error("found no record of runs at {}; hint: start a run first, or name the folder that holds `seatrial.db`", path.display())]
    Absent {
        /// The database that was looked for.
        path: PathBuf,
    },
    /// The file is not a Seatrial database; it was left untouched.
    #[error("{} is not a Seatrial database: found {found}; hint: it was left as it is, move it away or name another folder", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The file was written by a newer Seatrial; it was left untouched.
    #[error("{} has record version {found}, this build reads up to {supported}; hint: it was left as it is, use the newer seatrial that wrote it", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this build knows.
        supported: u32,
    },
    /// The file is damaged.
    #[error("{} is damaged: {found}; hint: move it and its -wal file away, or restore a copy; `sqlite3 FILE .recover` may save rows", path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A stored row says something that this build cannot read.
    #[error("{} holds {what} that cannot be read: {found}; hint: the file may be damaged, `sqlite3 FILE 'PRAGMA integrity_check'` tells", path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// Which part of which row.
        what: String,
        /// What was found instead.
        found: String,
    },
    /// No space left.
    #[error("no space left to write {}; hint: free space and resume, everything recorded so far is kept", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// Another process held the database for too long.
    #[error("{} was held by another process for more than {waited_ms} ms; hint: wait for it to end, then resume", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// How long it was waited for, in milliseconds.
        waited_ms: u64,
    },
    /// The store was opened for reading only, or the system does not allow writing.
    #[error("{} may not be written; hint: check its permissions, or name another folder", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// The disk or the file system failed.
    #[error("the disk failed to {doing} in {}; hint: check the disk, its quota and file size limits, then resume; everything recorded so far is kept", path.display())]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Anything else that the database says.
    #[error("database {} failed to {doing}", path.display())]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The database.
        path: PathBuf,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A text above the limit of one body.
    #[error("a text of {found_bytes} bytes is above the limit of {limit_bytes} bytes for one body")]
    TooLarge {
        /// Its size.
        found_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// There is no such run.
    #[error("found no run `{run}`; hint: look for its id among the runs on record")]
    RunUnknown {
        /// The id that was asked for.
        run: RunId,
    },
    /// The id is taken.
    #[error("run `{run}` is already on record")]
    RunExists {
        /// The id.
        run: RunId,
    },
    /// A run was created before its plan was put.
    #[error("plan {hash} is not on record; it must be put before its run is created")]
    PlanUnknown {
        /// The plan's hash.
        hash: ContentHash,
    },
    /// Another process works on the same run.
    #[error("run `{run}` is in use{}; hint: wait for it to end or stop it, then resume", holder.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    RunInUse {
        /// The run.
        run: RunId,
        /// Process id of the other one, where it could be read.
        holder: Option<u32>,
    },
}
