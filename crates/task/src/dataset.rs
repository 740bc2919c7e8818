//! Reads datasets row by row: JSON Lines, CSV, Parquet, folders of texts and cases of the suite; streamed, bounded, with
//! errors that name the row. Two passes over them (one to check and hash, one to run) keep memory independent of size.

mod csv;
mod folder;
mod inline;
mod jsonl;
mod mapping;
mod parquet;
mod row;

pub use folder::{FILES_MAX, FOLDER_DEPTH_MAX};
pub use parquet::{NESTING_MAX, ROW_GROUP_ROWS_MAX};
pub(crate) use row::{kind_of, known_columns, scalar_text};

use mapping::Mapping;
use seatrial_config::{DatasetFormat, FieldSource, InlineCase};
use seatrial_types::{Case, ContentHash};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest row that is read, in bytes.
pub const ROW_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most rows that are read.
pub const ROWS_MAX: u64 = 50_000_000;
/// Columns that may hold the reference, first present wins, where the suite does not map one.
pub const REFERENCE_COLUMNS: [&str; 6] = ["expected", "reference", "target", "answer", "gold", "label"];

const READ_BUFFER_BYTES: usize = 128 * 1024;
/// Columns that a hint names.
const COLUMNS_SHOWN_MAX: usize = 20;

/// What the columns of a case are made of; `None` means the usual names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetColumns {
    /// Id of the case.
    pub id: Option<FieldSource>,
    /// The prompt where the task has none.
    pub input: Option<FieldSource>,
    /// The reference.
    pub expected: Option<FieldSource>,
    /// Answer options.
    pub choices: Option<FieldSource>,
    /// Cluster; a row without a value is an error when this is given.
    pub cluster: Option<FieldSource>,
}

/// Where cases lie on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetContent {
    /// In files of one format, read one after the other as if they were one.
    Files {
        /// At least one.
        paths: Vec<PathBuf>,
        /// What errors call them, in the same order, where their paths would say nothing; empty is their paths.
        shown: Vec<PathBuf>,
        /// Format of all of them.
        format: DatasetFormat,
    },
    /// In a folder of text files, each of them a case.
    Folder {
        /// Folder.
        root: PathBuf,
        /// Which files, relative to it; `None` is all that are not hidden.
        glob: Option<String>,
    },
    /// In the suite.
    Inline(Vec<InlineCase>),
}

/// Where a dataset lies and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSource {
    /// Place.
    pub content: DatasetContent,
    /// Columns.
    pub columns: DatasetColumns,
}

impl DatasetSource {
    /// One file.
    #[must_use]
    pub fn file(path: PathBuf, format: DatasetFormat, columns: DatasetColumns) -> Self {
        Self {
            content: DatasetContent::Files {
                paths: vec![path],
                shown: Vec::new(),
                format,
            },
            columns,
        }
    }

    /// What an error calls the dataset as a whole.
    pub(crate) fn place(&self) -> PathBuf {
        match &self.content {
            DatasetContent::Files { paths, shown, .. } => {
                shown.first().or(paths.first()).cloned().unwrap_or_default()
            }
            DatasetContent::Folder { root, .. } => root.clone(),
            DatasetContent::Inline(cases) => cases
                .first()
                .map(|case| case.location.path.to_path_buf())
                .unwrap_or_default(),
        }
    }

    /// What errors call file number `file`, where that is not its path.
    fn shown(&self, file: usize) -> Option<&PathBuf> {
        match &self.content {
            DatasetContent::Files { shown, .. } => shown.get(file),
            DatasetContent::Folder { .. } | DatasetContent::Inline(_) => None,
        }
    }

    /// How a dataset of this kind is written, for one that has no rows.
    pub(crate) const fn form(&self) -> &'static str {
        match &self.content {
            DatasetContent::Files { format, .. } => match format {
                DatasetFormat::Jsonl => "one JSON object a line",
                DatasetFormat::Csv => "a header line, then one line a case",
                DatasetFormat::Parquet => "the file is complete, but whoever wrote it wrote no rows",
            },
            DatasetContent::Folder { .. } => "each file is a case; hidden files are left out",
            DatasetContent::Inline(_) => "write at least one case",
        }
    }
}

/// Why a dataset cannot be read. Every variant names the file, and the row where there is one.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be opened.
    #[error("failed to open dataset {path}: {source}\nhint: paths in a suite are relative to the suite file")]
    Open {
        /// File.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The file cannot be read on.
    #[error("failed to read dataset {path} at line {line}: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// 1-based line.
        line: u64,
        /// Cause.
        source: std::io::Error,
    },
    /// A row is wrong.
    #[error("{}: row {row}: {problem}\nhint: {hint}", place(.path, *.line))]
    Row {
        /// File.
        path: PathBuf,
        /// 1-based line; 0 where the file has no lines.
        line: u64,
        /// 1-based row.
        row: u64,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// The file as a whole is wrong.
    #[error("{path}: {problem}\nhint: {hint}")]
    Whole {
        /// File.
        path: PathBuf,
        /// What was found and what was expected.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// There is no row.
    #[error("{path}: the dataset has no rows\nhint: {hint}")]
    Empty {
        /// File.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
}

impl DatasetError {
    /// The same error of a file that is called `name`.
    fn of_file(mut self, name: Option<&PathBuf>) -> Self {
        let (Self::Open { path, .. }
        | Self::Read { path, .. }
        | Self::Row { path, .. }
        | Self::Whole { path, .. }
        | Self::Empty { path, .. }) = &mut self;
        if let Some(name) = name {
            path.clone_from(name);
        }
        self
    }
}

fn place(path: &Path, line: u64) -> String {
    if line == 0 {
        path.display().to_string()
    } else {
        format!("{}:{line}", path.display())
    }
}

/// The rows of one file, folder or list.
trait Rows {
    /// The columns of the next row, which is number `row`; `None` at the end.
    fn next(&mut self, row: u64) -> Result<Option<Map<String, Value>>, DatasetError>;

    /// File in which the last row stands.
    fn path(&self) -> &Path;

    /// 1-based line at which the last row began; 0 where there are no lines.
    fn line(&self) -> u64;

    /// Hash of the whole content. Only meaningful once there are no more rows.
    fn content_hash(&self) -> Result<ContentHash, DatasetError>;

    /// Whether all values are texts, so that lists are written as JSON.
    fn is_text_only(&self) -> bool {
        false
    }
}

/// Iterator over the cases of a dataset, in file order.
pub struct DatasetReader {
    source: DatasetSource,
    mapping: Mapping,
    rows: Box<dyn Rows + Send>,
    /// Files behind the one that is open.
    files_done: usize,
    hashes: Vec<ContentHash>,
    row: u64,
    failed: bool,
}

impl DatasetReader {
    /// Opens the file and reads as much of it as is needed before the first row.
    pub fn open(source: &DatasetSource) -> Result<Self, DatasetError> {
        let mapping = Mapping::try_new(&source.columns).map_err(|problem| DatasetError::Whole {
            path: source.place(),
            problem,
            hint: "expressions below `fields` are minijinja".to_owned(),
        })?;
        Ok(Self {
            rows: open_rows(source, 0).map_err(|error| error.of_file(source.shown(0)))?,
            source: source.clone(),
            mapping,
            files_done: 0,
            hashes: Vec::new(),
            row: 0,
            failed: false,
        })
    }

    /// Hash of the whole content; of several files, the hash of their hashes. Only meaningful once the iterator has
    /// ended.
    pub fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        let last = self.rows.content_hash()?;
        if self.hashes.is_empty() {
            return Ok(last);
        }
        let mut hasher = blake3::Hasher::new();
        for hash in self.hashes.iter().chain([&last]) {
            hasher.update(hash.as_bytes());
        }
        Ok(ContentHash::finish(&hasher))
    }

    /// File in which the last row stands, as errors call it.
    #[must_use]
    pub fn path(&self) -> &Path {
        let shown = self.source.shown(self.files_done);
        shown.map_or_else(|| self.rows.path(), PathBuf::as_path)
    }

    /// 1-based line at which the last row began; 0 where the dataset has no lines.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.rows.line()
    }

    fn next_columns(&mut self) -> Result<Option<Map<String, Value>>, DatasetError> {
        loop {
            if let Some(columns) = self.rows.next(self.row + 1)? {
                return Ok(Some(columns));
            }
            let files = match &self.source.content {
                DatasetContent::Files { paths, .. } => paths.len(),
                DatasetContent::Folder { .. } | DatasetContent::Inline(_) => 1,
            };
            if self.files_done + 1 >= files {
                return Ok(None);
            }
            self.hashes.push(self.rows.content_hash()?);
            self.files_done += 1;
            self.rows = open_rows(&self.source, self.files_done)?;
        }
    }

    fn next_case(&mut self) -> Result<Option<Case>, DatasetError> {
        let Some(columns) = self.next_columns()? else {
            return Ok(None);
        };
        self.row += 1;
        let at = At {
            path: self.rows.path(),
            line: self.rows.line(),
            row: self.row,
        };
        if self.row > ROWS_MAX {
            return Err(at.error(format!("more than {ROWS_MAX} rows"), "split the dataset"));
        }
        row::case_of(columns, &self.mapping, self.rows.is_text_only(), &at).map(Some)
    }
}

fn open_rows(source: &DatasetSource, file: usize) -> Result<Box<dyn Rows + Send>, DatasetError> {
    match &source.content {
        DatasetContent::Files { paths, format, .. } => {
            let path = paths.get(file).map_or(Path::new(""), PathBuf::as_path);
            match format {
                DatasetFormat::Jsonl => Ok(Box::new(jsonl::JsonLines::open(path)?)),
                DatasetFormat::Csv => Ok(Box::new(csv::Csv::open(path)?)),
                DatasetFormat::Parquet => Ok(Box::new(parquet::Parquet::open(path)?)),
            }
        }
        DatasetContent::Folder { root, glob } => Ok(Box::new(folder::Folder::open(root, glob.as_deref())?)),
        DatasetContent::Inline(cases) => Ok(Box::new(inline::Inline::new(cases))),
    }
}

impl Iterator for DatasetReader {
    type Item = Result<Case, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self
            .next_case()
            .map_err(|error| error.of_file(self.source.shown(self.files_done)));
        let next = next.transpose();
        self.failed = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Place of an error.
pub(crate) struct At<'a> {
    pub(crate) path: &'a Path,
    pub(crate) line: u64,
    pub(crate) row: u64,
}

impl At<'_> {
    pub(crate) fn error(&self, problem: impl Into<String>, hint: impl Into<String>) -> DatasetError {
        DatasetError::Row {
            path: self.path.to_owned(),
            line: self.line,
            row: self.row,
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// Opens a file, not a folder.
fn open_file(path: &Path) -> Result<File, DatasetError> {
    let failed = |source| DatasetError::Open {
        path: path.to_owned(),
        source,
    };
    match File::open(path).and_then(|file| Ok((file.metadata()?.is_dir(), file))) {
        Ok((false, file)) => Ok(file),
        Ok((true, _)) => Err(failed(std::io::Error::other("it is a folder, expected a file"))),
        Err(source) => Err(failed(source)),
    }
}

/// A file that hashes what is read from it, so that checking and hashing share one pass.
struct HashingFile {
    file: File,
    hasher: Box<blake3::Hasher>,
}

impl HashingFile {
    fn open(path: &Path) -> Result<Self, DatasetError> {
        Ok(Self {
            file: open_file(path)?,
            hasher: Box::new(blake3::Hasher::new()),
        })
    }
}

impl Read for HashingFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
