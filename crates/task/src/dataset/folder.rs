//! Folders of text files: each file is a case with its relative path as id and its text as input.

use super::{At, DatasetError, ROW_BYTES_MAX, Rows};
use globset::{GlobBuilder, GlobMatcher};
use seatrial_types::ContentHash;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files of one folder at most, those that the glob leaves out included.
pub const FILES_MAX: usize = 1_000_000;
/// Folders inside each other at most.
pub const FOLDER_DEPTH_MAX: usize = 32;
/// Control characters that texts have.
const TEXT_CONTROLS: [u8; 5] = *b"\t\n\r\x0c\x1b";

pub(super) struct Folder {
    root: PathBuf,
    /// Relative paths with `/`, sorted, not yet read ones last.
    files: std::vec::IntoIter<String>,
    path: PathBuf,
    line: u64,
    hasher: Box<blake3::Hasher>,
}

impl Folder {
    pub(super) fn open(root: &Path, glob: Option<&str>) -> Result<Self, DatasetError> {
        let whole = |problem: String, hint: String| DatasetError::Whole {
            path: root.to_owned(),
            problem,
            hint,
        };
        let matcher = match glob {
            None => None,
            Some(pattern) => Some(matcher(pattern).map_err(|problem| {
                let hint = "`*` is any part of a name, `**` any folders, `{a,b}` either".to_owned();
                whole(format!("`glob: {pattern}` is no pattern: {problem}"), hint)
            })?),
        };
        let mut walk = Walk {
            files: Vec::new(),
            seen: 0,
            matcher,
        };
        walk.folder(root, "", 0)?;
        if walk.files.is_empty() {
            return Err(match glob {
                Some(pattern) if walk.seen > 0 => whole(
                    format!("none of its {} files matches `glob: {pattern}`", walk.seen),
                    "the pattern is compared with the path inside the folder".to_owned(),
                ),
                _ => whole(
                    "the folder has no files".to_owned(),
                    "each file is a case; hidden files are left out".to_owned(),
                ),
            });
        }
        walk.files.sort_unstable();
        Ok(Self {
            root: root.to_owned(),
            files: walk.files.into_iter(),
            path: root.to_owned(),
            line: 0,
            hasher: Box::new(blake3::Hasher::new()),
        })
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| error.kind().to_string())
}

struct Walk {
    files: Vec<String>,
    seen: usize,
    matcher: Option<GlobMatcher>,
}

impl Walk {
    /// Links to folders are not followed: they may lead in a circle.
    fn folder(&mut self, path: &Path, relative: &str, depth: usize) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::Open {
            path: path.to_owned(),
            source,
        };
        let whole = |problem: String, hint: &str| DatasetError::Whole {
            path: path.to_owned(),
            problem,
            hint: hint.to_owned(),
        };
        if depth > FOLDER_DEPTH_MAX {
            let problem = format!("folders are more than {FOLDER_DEPTH_MAX} deep inside each other");
            return Err(whole(problem, "name a folder further down"));
        }
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                let problem = format!("the name of the file {} is not UTF-8", name.display());
                return Err(whole(problem, "rename it: the path is the id of the case"));
            };
            if name.starts_with('.') {
                continue;
            }
            let below = if relative.is_empty() {
                name.to_owned()
            } else {
                format!("{relative}/{name}")
            };
            if entry.file_type().map_err(failed)?.is_dir() {
                self.folder(&entry.path(), &below, depth + 1)?;
            } else if entry.path().is_file() {
                self.seen += 1;
                if self.seen > FILES_MAX {
                    return Err(whole(
                        format!("more than {FILES_MAX} files"),
                        "name a folder further down",
                    ));
                }
                if self.matcher.as_ref().is_none_or(|glob| glob.is_match(&below)) {
                    self.files.push(below);
                }
            }
        }
        Ok(())
    }
}

impl Rows for Folder {
    fn next(&mut self, row: u64) -> Result<Option<Map<String, Value>>, DatasetError> {
        let Some(relative) = self.files.next() else {
            return Ok(None);
        };
        self.path = self.root.join(&relative);
        self.line = 0;
        let at = At {
            path: &self.path,
            line: 0,
            row,
        };
        let text = read_text(&at)?;
        for part in [relative.as_str(), text.as_str()] {
            self.hasher.update(&(part.len() as u64).to_le_bytes());
            self.hasher.update(part.as_bytes());
        }
        let (folder, name) = relative.rsplit_once('/').unwrap_or(("", &relative));
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let mut columns = Map::new();
        for (column, value) in [
            ("id", relative.as_str()),
            ("folder", folder),
            ("file", name),
            ("stem", stem),
        ] {
            columns.insert(column.to_owned(), Value::from(value));
        }
        columns.insert("input".to_owned(), Value::from(text));
        Ok(Some(columns))
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        Ok(ContentHash::finish(&self.hasher))
    }
}

fn read_text(at: &At<'_>) -> Result<String, DatasetError> {
    let failed = |source| DatasetError::Open {
        path: at.path.to_owned(),
        source,
    };
    let file = File::open(at.path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(ROW_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > ROW_BYTES_MAX {
        let problem = format!("the file has more than {} MiB", ROW_BYTES_MAX / 1024 / 1024);
        return Err(at.error(problem, "each file of the folder is one case; split it"));
    }
    let is_binary = |byte: &u8| *byte < b' ' && !TEXT_CONTROLS.contains(byte);
    if let Some(position) = bytes.iter().position(is_binary) {
        let problem = format!(
            "not a text file: byte {} is 0x{:02x}",
            position + 1,
            bytes[position]
        );
        return Err(at.error(problem, "choose the text files with `glob`"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => match text.strip_prefix('\u{feff}') {
            Some(rest) => Ok(rest.to_owned()),
            None => Ok(text),
        },
        Err(error) => {
            let problem = format!("invalid UTF-8 at byte {}", error.utf8_error().valid_up_to() + 1);
            Err(at.error(
                problem,
                "save the file as UTF-8, or choose the text files with `glob`",
            ))
        }
    }
}
