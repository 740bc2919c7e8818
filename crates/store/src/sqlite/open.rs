//! Opening: a new database, one of this or an earlier version, for writing or for reading, and refusing everything else
//! untouched. Apart from reading and writing because this is where two versions and two processes meet.

use super::bodies::UnindexedBodies;
use super::errors::sqlite_error;
use super::schema::{APPLICATION_ID, latest_version, migrate, version_of};
use super::settings::{self, PAGE_BYTES};
use crate::codec::text::{Packer, Unpacker};
use crate::lock::{LOCKS_FOLDER, open_lock_file};
use crate::{RunLock, StoreError};
use rusqlite::{Connection, OpenFlags};
use seatrial_types::RunId;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Name of the database in the folder of a store.
pub const DATABASE_FILE: &str = "seatrial.db";
/// A database is made under this name and gets its own when it is whole.
const UNFINISHED_FILE: &str = "seatrial.db.new";
/// Held while a database is made or brought up to date.
const OPEN_LOCK_FILE: &str = "open.lock";
const IGNORE_FILE: &str = ".gitignore";
/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

/// The record in an SQLite database. One value is one connection; any number of processes may have one each.
pub struct SqliteStore {
    pub(super) conn: Connection,
    pub(super) dir: PathBuf,
    pub(super) path: PathBuf,
    pub(super) packer: Packer,
    pub(super) unindexed: UnindexedBodies,
    pub(super) unpacker: RefCell<Unpacker>,
}

impl SqliteStore {
    /// Opens the store in the folder `dir` for writing; makes folder and database where there is none, and brings a
    /// database of an earlier version up to date.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], [`StoreError::Newer`] and [`StoreError::Corrupt`] for a file that is not for us: it is
    /// left as it is.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE_FILE);
        if !is_there(&path)? {
            let _lock = lock_opening(dir)?;
            // Another process may have been faster.
            if !is_there(&path)? {
                create(dir, &path)?;
            }
        }
        check_header(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Self::connect(dir, |path| Connection::open_with_flags(path, flags))?;
        let version = store.version()?;
        if version < latest_version() {
            let _lock = lock_opening(dir)?;
            migrate(&mut store.conn, &path, latest_version())?;
        }
        Ok(store)
    }

    /// Opens the store in the folder `dir` for reading. Makes no folder and no database. One of an earlier version is
    /// brought up to date first, which needs the right to write.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is no database; otherwise as [`Self::open`].
    pub fn open_read_only(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE_FILE);
        if !is_there(&path)? {
            return Err(StoreError::Absent { path });
        }
        check_header(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = match Self::connect(dir, |path| Connection::open_with_flags(path, flags)) {
            // A database with a log cannot be read without writing beside it, unless nobody can write it at all: a
            // folder that is mounted for reading only, and no log left behind.
            Err(error)
                if matches!(error, StoreError::Disk { .. } | StoreError::ReadOnly { .. })
                    && !has_log(&path) =>
            {
                Self::connect(dir, connect_unchanging)?
            }
            other => other?,
        };
        if store.version()? < latest_version() {
            drop(store);
            drop(Self::open(dir)?);
            return Self::connect(dir, |path| Connection::open_with_flags(path, flags));
        }
        Ok(store)
    }

    /// Takes the right to work on `run`; see [`RunLock`].
    ///
    /// # Errors
    /// As [`RunLock::acquire`].
    pub fn lock_run(&self, run: &RunId) -> Result<RunLock, StoreError> {
        RunLock::acquire(&self.dir, run)
    }

    /// The folder of the store.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn error(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |error| sqlite_error(&path, doing, error)
    }

    fn connect(
        dir: &Path,
        connect: impl FnOnce(&Path) -> rusqlite::Result<Connection>,
    ) -> Result<Self, StoreError> {
        let path = dir.join(DATABASE_FILE);
        let failed = |error| sqlite_error(&path, "open", error);
        let conn = connect(&path).map_err(failed)?;
        settings::apply(&conn).map_err(failed)?;
        // The first look into the file: everything before is set-up.
        version_of(&conn).map_err(failed)?;
        let packing = |source| StoreError::Database {
            doing: "reserve memory for packing",
            path: path.clone(),
            source: Box::new(source),
        };
        Ok(Self {
            conn,
            dir: dir.to_owned(),
            packer: Packer::try_new().map_err(packing)?,
            unindexed: UnindexedBodies::default(),
            unpacker: RefCell::new(Unpacker::try_new().map_err(packing)?),
            path,
        })
    }

    /// The version of the open database, which the header alone does not tell while a log is beside it.
    fn version(&self) -> Result<u32, StoreError> {
        let found = version_of(&self.conn).map_err(self.error("read the version"))?;
        refuse_newer(&self.path, found)?;
        Ok(found)
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn is_there(path: &Path) -> Result<bool, StoreError> {
    match path.metadata() {
        // An empty file holds nothing that could be lost.
        Ok(metadata) => Ok(!metadata.is_file() || metadata.len() > 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(io_error("read", path, source)),
    }
}

/// Makes a database under another name and renames it when it is whole: a process that dies meanwhile leaves no half of
/// a database behind, and a database that has its name has its header. The caller holds the lock.
fn create(dir: &Path, path: &Path) -> Result<(), StoreError> {
    write_ignore_file(dir)?;
    let unfinished = dir.join(UNFINISHED_FILE);
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let left_behind = dir.join(format!("{UNFINISHED_FILE}{suffix}"));
        match std::fs::remove_file(&left_behind) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error("remove", &left_behind, error));
            }
            _ => {}
        }
    }
    make_database(&unfinished, latest_version())?;
    std::fs::rename(&unfinished, path).map_err(|source| io_error("create", path, source))?;
    // The name itself must survive power loss too. Not every system lets a folder be synced; those sync it themselves.
    if let Ok(folder) = File::open(dir) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Makes an empty database of a version at `path`.
pub(super) fn make_database(path: &Path, version: u32) -> Result<(), StoreError> {
    let failed = |error| sqlite_error(path, "create", error);
    let mut conn = Connection::open(path).map_err(failed)?;
    settings::apply(&conn).map_err(failed)?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)
        .map_err(failed)?;
    migrate(&mut conn, path, version)?;
    // Where the file system cannot do this, SQLite stays with its other journal, which is as durable but slower.
    conn.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    conn.close().map_err(|(_, error)| failed(error))
}

/// Keeps the record out of version control. A folder that holds other things is not ours to hide.
fn write_ignore_file(dir: &Path) -> Result<(), StoreError> {
    let ignore_file = dir.join(IGNORE_FILE);
    if ignore_file.exists() {
        return Ok(());
    }
    let entries = dir.read_dir().map_err(|source| io_error("read", dir, source))?;
    let is_ours =
        |name: &std::ffi::OsStr| name == LOCKS_FOLDER || name.to_string_lossy().starts_with(DATABASE_FILE);
    let holds_others = entries.flatten().any(|entry| !is_ours(&entry.file_name()));
    let text = if holds_others {
        format!("/{DATABASE_FILE}*\n/{LOCKS_FOLDER}/\n")
    } else {
        "*\n".to_owned()
    };
    std::fs::write(&ignore_file, text).map_err(|source| io_error("write", &ignore_file, source))
}

fn lock_opening(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCKS_FOLDER).join(OPEN_LOCK_FILE);
    let file = open_lock_file(&path)?;
    file.lock().map_err(|source| io_error("lock", &path, source))?;
    Ok(file)
}

/// Looks at the file before SQLite does: even opening a foreign database could change files beside it.
fn check_header(path: &Path) -> Result<(), StoreError> {
    let foreign = |found: String| StoreError::Foreign {
        path: path.to_owned(),
        found,
    };
    let mut header = Vec::with_capacity(HEADER_BYTES);
    File::open(path)
        .and_then(|file| file.take(HEADER_BYTES as u64).read_to_end(&mut header))
        .map_err(|source| io_error("read", path, source))?;
    if !header.starts_with(MAGIC) {
        return Err(foreign("a file that is no SQLite database".to_owned()));
    }
    let (Some(user_version), Some(application_id)) = (number_at(&header, 60), number_at(&header, 68)) else {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            found: format!("a header of {} bytes instead of {HEADER_BYTES}", header.len()),
        });
    };
    if application_id != APPLICATION_ID {
        return Err(foreign(format!(
            "an SQLite database with application id {application_id:#010x} instead of {APPLICATION_ID:#010x}"
        )));
    }
    refuse_newer(path, user_version)
}

fn refuse_newer(path: &Path, found: u32) -> Result<(), StoreError> {
    let supported = latest_version();
    if found > supported {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            supported,
        });
    }
    Ok(())
}

fn number_at(header: &[u8], offset: usize) -> Option<u32> {
    let bytes = header.get(offset..offset + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    PathBuf::from(log)
        .metadata()
        .is_ok_and(|metadata| metadata.len() > 0)
}

/// Opens a file that nobody can change, without the files beside it that SQLite uses otherwise.
pub(super) fn connect_unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let path = path
        .to_str()
        .ok_or_else(|| rusqlite::Error::InvalidPath(path.to_owned()))?;
    let mut uri = "file:".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags)
}

fn io_error(doing: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
