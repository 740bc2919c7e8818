//! Which files are looked at, and what each of them is. Apart because folders come from anywhere: the walk has bounds
//! in depth, number and size, follows no links, and leaves out what others installed.

use super::{Findings, ci, setups, yaml};
use crate::error::ImportError;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Folders inside each other at most.
pub const FOLDERS_DEEP_MAX: usize = 12;
/// Entries that are looked at, at most.
pub const FILES_MAX: usize = 50_000;
/// Largest file that is read.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Folders that hold what others made.
const LEFT_OUT: [&str; 14] = [
    ".git",
    "node_modules",
    "target",
    ".venv",
    "venv",
    "__pycache__",
    "dist",
    "build",
    "vendor",
    "site-packages",
    ".seatrial",
    ".tox",
    ".cache",
    ".hg",
];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A suite of Seatrial.
    Suite,
    /// A configuration of promptfoo.
    Promptfoo,
    /// A task or group of lm-evaluation-harness.
    LmEval,
    /// A workflow, pipeline or makefile that runs an evaluation.
    Ci,
}

impl Kind {
    /// As people say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suite => "suite",
            Self::Promptfoo => "promptfoo",
            Self::LmEval => "lm-eval",
            Self::Ci => "CI",
        }
    }
}

/// A file to be looked at.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Path below the one that was given, with `/`.
    pub(super) shown: String,
}

pub(super) struct Listing {
    pub(super) files: Vec<Candidate>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn list(root: &Path) -> Result<Listing, ImportError> {
    let metadata = std::fs::metadata(root).map_err(|error| ImportError::io(root, "look at", &error))?;
    let mut listing = Listing {
        files: Vec::new(),
        warnings: Vec::new(),
    };
    if metadata.is_file() {
        let shown = root
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        listing.files.push(Candidate {
            path: root.to_owned(),
            shown,
        });
        return Ok(listing);
    }
    let mut seen = 0;
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if folder == root => return Err(ImportError::io(root, "look into", &error)),
            Err(error) => {
                let shown = below(root, &folder);
                listing.warnings.push(format!("{shown}: left out: {error}"));
                continue;
            }
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            seen += 1;
            if seen > FILES_MAX {
                let warning =
                    format!("more than {FILES_MAX} entries: the rest is left out; audit a smaller folder");
                listing.warnings.push(warning);
                return Ok(listing);
            }
            let Ok(kind) = entry.file_type() else { continue };
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if kind.is_dir() && !LEFT_OUT.contains(&&*name) && depth < FOLDERS_DEEP_MAX {
                folders.push((path, depth + 1));
            } else if kind.is_file() && is_of_interest(&name) {
                let shown = below(root, &path);
                listing.files.push(Candidate { path, shown });
            }
        }
    }
    Ok(listing)
}

fn below(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn is_of_interest(name: &str) -> bool {
    let lower = name.to_lowercase();
    let ends = [".yaml", ".yml", ".json", ".mk"];
    ends.iter().any(|end| lower.ends_with(end))
        || lower.starts_with("promptfooconfig.")
        || matches!(
            lower.as_str(),
            "makefile" | "gnumakefile" | "jenkinsfile" | "justfile"
        )
}

/// Reads a file and adds what it tells; `None` where it has nothing to do with evaluation.
pub(super) fn read(file: &Candidate, findings: &mut Findings) -> Option<Kind> {
    let size = std::fs::metadata(&file.path).ok()?.len();
    let name = file.shown.rsplit('/').next().unwrap_or_default().to_lowercase();
    let is_named = name.starts_with("promptfooconfig.");
    if size > FILE_BYTES_MAX {
        if is_named {
            let warning = format!("{}: larger than {FILE_BYTES_MAX} bytes and left out", file.shown);
            findings.warnings.push(warning);
        }
        return None;
    }
    let text = String::from_utf8_lossy(&std::fs::read(&file.path).ok()?).into_owned();
    if is_ci(&file.shown, &name) {
        return ci::read(&file.shown, &text, findings).then_some(Kind::Ci);
    }
    let value = if name.ends_with(".json") {
        serde_json::from_str(&text).ok()
    } else {
        yaml::read(&text)
    };
    // A program read as YAML is one long text.
    let Some(value) = value.filter(Value::is_object) else {
        if is_named {
            let warning = format!(
                "{}: cannot be read as YAML or JSON; programs are not run",
                file.shown
            );
            findings.warnings.push(warning);
            findings.facts.has_promptfoo = true;
            return Some(Kind::Promptfoo);
        }
        return None;
    };
    let kind = kind_of(&value, is_named)?;
    let folder = file.path.parent().unwrap_or(Path::new("."));
    let source = setups::Source {
        value: &value,
        text: &text,
        shown: &file.shown,
        folder,
    };
    match kind {
        Kind::Suite => setups::suite(&source, findings),
        Kind::Promptfoo => setups::promptfoo(&source, findings),
        Kind::LmEval => setups::lm_eval(&source, findings),
        Kind::Ci => {}
    }
    Some(kind)
}

fn is_ci(shown: &str, name: &str) -> bool {
    shown.contains(".github/workflows/")
        || shown.contains(".circleci/")
        || name.starts_with(".gitlab-ci")
        || name.starts_with("azure-pipelines")
        || name == "bitbucket-pipelines.yml"
        || name.ends_with(".mk")
        || matches!(name, "makefile" | "gnumakefile" | "jenkinsfile" | "justfile")
}

fn kind_of(value: &Value, is_named: bool) -> Option<Kind> {
    let map = value.as_object()?;
    let has = |key: &str| map.contains_key(key);
    if has("tasks") && has("targets") && has("version") {
        return Some(Kind::Suite);
    }
    if is_named
        || (has("prompts") && (has("providers") || has("targets")))
        || (has("redteam") && has("targets"))
    {
        return Some(Kind::Promptfoo);
    }
    let of_task = [
        "doc_to_text",
        "output_type",
        "metric_list",
        "doc_to_target",
        "dataset_path",
    ];
    let is_task = map.get("task").is_some_and(Value::is_string) && of_task.iter().any(|key| has(key));
    let is_group = has("group") && map.get("task").is_some_and(Value::is_array);
    (is_task || is_group).then_some(Kind::LmEval)
}
