//! Where the cases of a task come from. Apart from the rest of the plan, because there are many places and each of
//! them says other things about itself.

use crate::diagnostics::Location;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The cases of a task and what their columns mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Where the cases are.
    pub from: DatasetFrom,
    /// Which columns mean what.
    pub fields: Fields,
}

/// Where cases are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum DatasetFrom {
    /// In a file.
    File {
        /// The file, resolved against the folder of the suite.
        path: PathBuf,
        /// The same as the suite writes it.
        path_written: String,
        /// How it is written.
        format: DatasetFormat,
    },
    /// In a folder of text files, each of them a case.
    Folder {
        /// The folder, resolved against the folder of the suite.
        path: PathBuf,
        /// The same as the suite writes it.
        path_written: String,
        /// Which files, relative to the folder; `None` is all that are not hidden.
        glob: Option<String>,
    },
    /// On standard input.
    Stdin {
        /// How it is written: JSON Lines or CSV.
        format: DatasetFormat,
        /// The file into which it was put to be read twice; `None` until somebody has done so.
        #[serde(skip)]
        spooled: Option<PathBuf>,
    },
    /// In the suite itself.
    Inline {
        /// At least one.
        cases: Vec<InlineCase>,
    },
    /// On a hub of datasets.
    Hub(Hub),
}

impl DatasetFrom {
    /// The place in words, as the suite writes it.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::File { path_written, .. } | Self::Folder { path_written, .. } => path_written.clone(),
            Self::Stdin { .. } => "-".to_owned(),
            Self::Inline { cases } => format!("{} cases in the suite", cases.len()),
            Self::Hub(hub) => hub.written(),
        }
    }
}

/// A case that the suite writes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineCase {
    /// Its columns.
    pub columns: Map<String, Value>,
    /// Where it is written.
    pub location: Location,
}

impl Serialize for InlineCase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.columns.serialize(serializer)
    }
}

/// A dataset on a hub that speaks the API of huggingface.co.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hub {
    /// `owner/name`, or a bare `name`.
    pub repository: String,
    /// Commit, branch or tag; `None` is the hub's main branch.
    pub revision: Option<String>,
    /// Which of the repository's subsets, where it has several.
    pub subset: Option<String>,
    /// Which of the subset's splits, where it has several.
    pub split: Option<String>,
    /// Which files, instead of subset and split.
    pub glob: Option<String>,
    /// Name of the environment variable with the token; without the variable the hub is asked without one.
    pub token_env: String,
    /// What was fetched; `None` until somebody has done so.
    #[serde(skip)]
    pub fetched: Option<Fetched>,
}

impl Hub {
    /// `hf:owner/name@revision`.
    #[must_use]
    pub fn written(&self) -> String {
        match &self.revision {
            Some(revision) => format!("hf:{}@{revision}", self.repository),
            None => format!("hf:{}", self.repository),
        }
    }
}

/// A hub's dataset on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit to which the revision was resolved.
    pub commit: String,
    /// The chosen files in the order of their names on the hub; at least one.
    pub files: Vec<PathBuf>,
    /// What errors call them: their names on the hub, in the same order.
    pub names: Vec<String>,
    /// How all of them are written.
    pub format: DatasetFormat,
}

/// How a dataset is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetFormat {
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl DatasetFormat {
    /// The format that a file's extension tells.
    #[must_use]
    pub fn of_extension(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// Its word in a suite.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// What the columns of a case are made of; `None` is "the column of the usual name".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fields {
    /// Id of the case.
    pub id: Option<FieldSource>,
    /// The prompt where the task has none.
    pub input: Option<FieldSource>,
    /// Reference.
    pub expected: Option<FieldSource>,
    /// Answer options.
    pub choices: Option<FieldSource>,
    /// Cluster; set by the task's `cluster` too.
    pub cluster: Option<FieldSource>,
}

/// Where a field comes from. Written as one text: what holds `{{` or `{%` is an expression, anything else a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// A column.
    Column(String),
    /// A minijinja expression over the columns: a single `{{ … }}` gives a value of any kind, anything else a text.
    Expression(String),
}

impl FieldSource {
    /// The text as the suite writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Column(text) | Self::Expression(text) => text,
        }
    }

    /// Whether a text is an expression.
    #[must_use]
    pub fn is_expression(text: &str) -> bool {
        text.contains("{{") || text.contains("{%")
    }
}

impl From<&str> for FieldSource {
    fn from(text: &str) -> Self {
        if Self::is_expression(text) {
            Self::Expression(text.to_owned())
        } else {
            Self::Column(text.to_owned())
        }
    }
}

impl Serialize for FieldSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
