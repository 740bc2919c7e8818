//! Files of a hub on this machine: contents by their hash, and notes that say which file of which commit has which
//! content. Apart, because it must survive two processes at once, a kill at any moment, and a full disk.

use seatrial_types::ContentHash;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// Contents that are kept, in bytes; the ones that were not used for the longest time go first.
pub const CACHE_BYTES_MAX: u64 = 32 * 1024 * 1024 * 1024;

/// The files of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<String>,
}

/// Which content a file has.
#[derive(Debug, Serialize, Deserialize)]
struct FileNote {
    hash: ContentHash,
}

/// A note with what it is about, so that one can be read by people.
#[derive(Debug, Serialize, Deserialize)]
struct Note<T> {
    of: String,
    is: T,
}

pub(super) struct Cache {
    contents: PathBuf,
    notes: PathBuf,
}

impl Cache {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            contents: folder.join("contents"),
            notes: folder.join("notes"),
        }
    }

    pub(super) fn listing(&self, key: &str) -> Option<Listing> {
        self.note(key)
    }

    pub(super) fn put_listing(&self, key: &str, listing: &Listing) -> std::io::Result<()> {
        self.put_note(key, listing)
    }

    /// The content of a file, where it is here and whole.
    pub(super) fn file(&self, key: &str) -> Option<PathBuf> {
        let note: FileNote = self.note(key)?;
        let path = self.contents.join(note.hash.to_string());
        if hash_of(&path).ok()? != note.hash {
            // Damaged: it is fetched again, and must not be found again before.
            std::fs::remove_file(&path).ok();
            return None;
        }
        // When it was used last decides what goes first; where that cannot be noted, it only goes earlier.
        if let Ok(file) = File::options().append(true).open(&path) {
            file.set_modified(SystemTime::now()).ok();
        }
        Some(path)
    }

    /// A file to fetch into, removed unless it is put.
    pub(super) fn spool(&self) -> std::io::Result<NamedTempFile> {
        std::fs::create_dir_all(&self.contents)?;
        NamedTempFile::new_in(&self.contents)
    }

    /// Keeps what was fetched.
    pub(super) fn put_file(&self, key: &str, spool: NamedTempFile) -> std::io::Result<PathBuf> {
        spool.as_file().sync_all()?;
        let hash = hash_of(spool.path())?;
        let path = self.contents.join(hash.to_string());
        spool.persist(&path).map_err(|error| error.error)?;
        self.put_note(key, &FileNote { hash })?;
        Ok(path)
    }

    /// Removes what was not used for the longest time until no more than `bytes_max` are left; never what is `needed`.
    /// What cannot be removed stays: a cache that is too large is no reason to fail.
    pub(super) fn prune(&self, needed: &[&PathBuf], bytes_max: u64) {
        let Ok(entries) = std::fs::read_dir(&self.contents) else {
            return;
        };
        let mut contents: Vec<(SystemTime, u64, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        contents.sort_unstable();
        let mut bytes: u64 = contents.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in contents {
            if bytes <= bytes_max {
                break;
            }
            if !needed.iter().any(|needed| **needed == path) && std::fs::remove_file(&path).is_ok() {
                bytes = bytes.saturating_sub(len);
            }
        }
    }

    fn note<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let bytes = std::fs::read(self.note_path(key)).ok()?;
        let note: Note<T> = serde_json::from_slice(&bytes).ok()?;
        (note.of == key).then_some(note.is)
    }

    fn put_note<T: Serialize>(&self, key: &str, is: &T) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.notes)?;
        let mut file = NamedTempFile::new_in(&self.notes)?;
        let of = key.to_owned();
        file.write_all(&serde_json::to_vec(&Note { of, is })?)?;
        file.persist(self.note_path(key)).map_err(|error| error.error)?;
        Ok(())
    }

    fn note_path(&self, key: &str) -> PathBuf {
        self.notes
            .join(format!("{}.json", ContentHash::of(key.as_bytes())))
    }
}

fn hash_of(path: &Path) -> std::io::Result<ContentHash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(ContentHash::finish(&hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects what is evaluated on: a content that was damaged on the disk is not used, and pruning takes the oldest.
    #[test]
    fn damaged_and_old_contents_go() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let put = |key: &str, text: &[u8]| {
            let mut spool = cache.spool().unwrap();
            spool.write_all(text).unwrap();
            cache.put_file(key, spool).unwrap()
        };
        let (one, two) = (put("one", b"first"), put("two", b"second"));
        assert_eq!(cache.file("one").as_ref(), Some(&one));
        assert_eq!(cache.file("three"), None);
        std::fs::write(&one, b"fIrst").unwrap();
        assert_eq!(cache.file("one"), None);
        assert!(!one.exists());
        let three = put("three", b"third");
        let past = SystemTime::UNIX_EPOCH;
        File::options()
            .append(true)
            .open(&two)
            .unwrap()
            .set_modified(past)
            .unwrap();
        cache.prune(&[&three], 5);
        assert_eq!(
            (cache.file("two"), cache.file("three")),
            (None, Some(three.clone()))
        );
        cache.prune(&[&three], 0);
        assert!(cache.file("three").is_some());
    }
}
