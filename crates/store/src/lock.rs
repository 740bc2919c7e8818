//! One process for each run. Apart from the database because its locks last for a transaction, this one for a session,
//! and the system lets go of it when the process dies, however it dies.

use crate::StoreError;
use seatrial_types::{ContentHash, RunId};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Folder of the lock files, beside the database.
pub(crate) const LOCKS_FOLDER: &str = "locks";
/// A process id has far fewer digits.
const HOLDER_BYTES_MAX: u64 = 20;

/// The right to work on a run, until it is dropped or the process ends.
///
/// The file stays behind: removing it would let two processes hold locks on two files of the same name.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of `run` in the store at `dir`, at once or not at all.
    ///
    /// # Errors
    /// [`StoreError::RunInUse`] where someone else holds it, [`StoreError::Io`] where the lock file cannot be made.
    pub fn acquire(dir: &Path, run: &RunId) -> Result<Self, StoreError> {
        let path = lock_path(dir, run);
        let mut file = open_lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::RunInUse {
                    run: run.clone(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => {
                let doing = "lock";
                return Err(StoreError::Io { doing, path, source });
            }
        }
        // Only for the other one's message: a lock without a name is still a lock.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Opens a lock file for writing, making it and its folder where needed.
pub(crate) fn open_lock_file(path: &Path) -> Result<File, StoreError> {
    let io_error = |doing, path: &Path, source| StoreError::Io {
        doing,
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| io_error("create", folder, source))?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|source| io_error("open", path, source))
}

fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Ids come from users too: one that is no plain file name is replaced by its hash.
fn lock_path(dir: &Path, run: &RunId) -> PathBuf {
    const NAME_BYTES_MAX: usize = 100;
    let id = run.as_str();
    let is_plain = !id.is_empty()
        && id.len() <= NAME_BYTES_MAX
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let name = if is_plain {
        format!("{id}.lock")
    } else {
        format!("{}.lock", ContentHash::of(id.as_bytes()))
    };
    dir.join(LOCKS_FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects a run from two processes that resume it: the second is told who holds it, and gets it afterwards.
    #[test]
    fn second_holder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunId::from_text("20260131T120000-9f3a61");
        let held = RunLock::acquire(dir.path(), &run).unwrap();
        let error = RunLock::acquire(dir.path(), &run).unwrap_err();
        assert!(
            matches!(&error, StoreError::RunInUse { holder: Some(pid), .. } if *pid == std::process::id())
        );
        assert!(error.to_string().contains("is in use by process"), "{error}");
        let _other = RunLock::acquire(dir.path(), &RunId::from_text("other")).unwrap();
        drop(held);
        RunLock::acquire(dir.path(), &run).unwrap();
    }

    /// Protects the file system from ids that users type.
    #[test]
    fn strange_ids_stay_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        for id in ["../../x", "", ".", "a/b", "a\0b", "é", &"x".repeat(5000)] {
            let path = lock_path(dir.path(), &RunId::from_text(id));
            assert_eq!(
                path.parent(),
                Some(dir.path().join(LOCKS_FOLDER).as_path()),
                "{id}"
            );
            RunLock::acquire(dir.path(), &RunId::from_text(id)).unwrap();
        }
    }
}
