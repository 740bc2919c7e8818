//! The configuration file and the files that it refers to. Apart so that every read is bounded, relative to the right
//! folder, and knows the place of what it read.

use super::assertions::PLACE_KEY;
use super::{CASES_MAX, Imported, PromptfooError, csv_rows};
use seatrial_config::{LocatedDocument, load_located};
use serde_json::{Map, Value};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Files that one pattern may name.
const MATCHES_MAX: usize = 10_000;
/// How deep references may stand inside referenced parts.
const REFERENCES_DEEP_MAX: usize = 16;
/// Lists whose items know their place.
const PLACED: &[&str] = &[
    "assert",
    "tests",
    "config",
    "providers",
    "targets",
    "prompts",
    "scenarios",
];

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// The configuration.
pub(super) struct Source {
    pub(super) path: PathBuf,
    folder: PathBuf,
    /// Items of lists know their place under [`PLACE_KEY`].
    pub(super) root: Map<String, Value>,
    document: LocatedDocument,
}

/// Keys that are carried over, or that change nothing about what is asked and how it is judged.
const KEYS: &[&str] = &[
    "$schema",
    "description",
    "prompts",
    "providers",
    "targets",
    "tests",
    "scenarios",
    "defaultTest",
    "evaluateOptions",
    "commandLineOptions",
    "outputPath",
    "sharing",
    "writeLatestResults",
    "tags",
    "metadata",
    "assertionTemplates",
];

/// Names what stands at the top and has no counterpart.
pub(super) fn note_unknown_keys(source: &Source, imported: &mut Imported) {
    for key in source
        .root
        .keys()
        .filter(|key| !KEYS.contains(&key.as_str()) && *key != PLACE_KEY)
    {
        let why = match key.as_str() {
            "derivedMetrics" => {
                "a metric computed from metrics has no counterpart; compute it from an export"
            }
            "env" => "set these variables where seatrial runs",
            "nunjucksFilters" | "extensions" => "programs are not run by an import",
            "redteam" => "attacks are not part of this import",
            "tracing" => "traces are not read",
            _ => "this import does not know the key",
        };
        imported.leave_out(&source.place(&format!("/{key}")), key, why);
    }
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, PromptfooError> {
        let text = read_text(path)?;
        let document = load_located(&text, path).map_err(PromptfooError::Yaml)?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let resolved = dereferenced(&document.value, &document.value, 0);
        let placed = with_places(resolved, "", "", &document);
        let Value::Object(root) = placed else {
            return Err(PromptfooError::Config {
                place: format!("{}:1:1", path.display()),
                message: "the file holds no map, expected prompts, providers and tests".to_owned(),
                hint: "name a promptfooconfig.yaml".to_owned(),
            });
        };
        Ok(Self {
            path: path.to_owned(),
            folder,
            root,
            document,
        })
    }

    /// Place of a JSON pointer, for messages.
    pub(super) fn place(&self, pointer: &str) -> String {
        let found = self.document.place(pointer);
        found.map_or_else(|| self.path.display().to_string(), ToString::to_string)
    }

    /// The file that `file://…` or a plain path names, with its text.
    pub(super) fn text_of(&self, reference: &str) -> Result<(PathBuf, String), PromptfooError> {
        let path = self
            .folder
            .join(reference.strip_prefix("file://").unwrap_or(reference));
        let text = read_text(&path)?;
        Ok((path, text))
    }

    /// What a file with data holds: JSON, YAML, or its text.
    pub(super) fn data_of(&self, reference: &str) -> Result<Value, PromptfooError> {
        let (path, text) = self.text_of(reference)?;
        match ending(&path).as_str() {
            "json" | "yaml" | "yml" => {
                let document = load_located(&text, &path).map_err(PromptfooError::Yaml)?;
                Ok(document.value)
            }
            _ => Ok(Value::String(text)),
        }
    }

    /// Files that a pattern with `*` names, sorted; one path where it has none.
    pub(super) fn matches(&self, pattern: &str) -> Vec<String> {
        let pattern = pattern.strip_prefix("file://").unwrap_or(pattern);
        if !pattern.contains('*') {
            return vec![pattern.to_owned()];
        }
        let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let (before, after) = name.split_once('*').unwrap_or((name, ""));
        let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .take(MATCHES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| {
                let long_enough = name.len() >= before.len() + after.len();
                long_enough && name.starts_with(before) && name.ends_with(after)
            })
            .map(|name| {
                if folder.is_empty() {
                    name
                } else {
                    format!("{folder}/{name}")
                }
            })
            .collect();
        names.sort();
        names
    }

    /// Tests of a file: a table with a header, lines of JSON, or YAML and JSON as they stand in a configuration.
    pub(super) fn tests_of(&self, reference: &str) -> Result<Vec<Value>, PromptfooError> {
        let (path, text) = self.text_of(reference)?;
        match ending(&path).as_str() {
            "csv" => rows_of(&path, &text),
            "jsonl" => lines_of(&path, &text),
            "json" | "yaml" | "yml" => {
                let document = load_located(&text, &path).map_err(PromptfooError::Yaml)?;
                let value = dereferenced(&document.value, &document.value, 0);
                let list = match value {
                    Value::Array(items) => Value::Array(items),
                    one => Value::Array(vec![one]),
                };
                match with_places(list, "tests", "", &document) {
                    Value::Array(items) => Ok(items),
                    _ => Ok(Vec::new()),
                }
            }
            _ => Err(PromptfooError::File {
                path,
                why: "tests of this kind are not read".to_owned(),
                hint: "write them as CSV, JSON, JSON Lines or YAML; programs that make tests are not run",
            }),
        }
    }
}

pub(super) fn ending(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.unwrap_or_default().to_ascii_lowercase()
}

fn read_text(path: &Path) -> Result<String, PromptfooError> {
    let failed = |why: String| PromptfooError::File {
        path: path.to_owned(),
        why,
        hint: "paths are relative to the configuration",
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(error.to_string()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(failed(format!(
            "it has more than {} MiB",
            FILE_BYTES_MAX / (1024 * 1024)
        )));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// `{$ref: '#/…'}` replaced by what it names; one that names nothing stays as it is.
fn dereferenced(value: &Value, root: &Value, depth: usize) -> Value {
    match value {
        Value::Object(map) => {
            let reference = map
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|text| text.strip_prefix('#'));
            if let Some(target) = reference.and_then(|pointer| root.pointer(pointer))
                && depth < REFERENCES_DEEP_MAX
            {
                return dereferenced(target, root, depth + 1);
            }
            let entries = map
                .iter()
                .map(|(key, value)| (key.clone(), dereferenced(value, root, depth)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(|item| dereferenced(item, root, depth)).collect(),
        other => other.clone(),
    }
}

fn with_places(value: Value, key: &str, pointer: &str, document: &LocatedDocument) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, value)| {
                let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                // What is inside a value belongs to the user.
                let placed = if key == "vars" || key == "value" {
                    value
                } else {
                    with_places(value, &key, &below, document)
                };
                (key, placed)
            });
            Value::Object(entries.collect())
        }
        Value::Array(items) => {
            let is_placed = PLACED.contains(&key);
            let items = items.into_iter().enumerate().map(|(index, item)| {
                let below = format!("{pointer}/{index}");
                let mut item = with_places(item, "", &below, document);
                if let (true, Value::Object(map), Some(place)) =
                    (is_placed, &mut item, document.place(&below))
                {
                    map.insert(PLACE_KEY.to_owned(), place.to_string().into());
                }
                item
            });
            items.collect()
        }
        other => other,
    }
}

fn rows_of(path: &Path, text: &str) -> Result<Vec<Value>, PromptfooError> {
    let wrong = |line: u64, message: String| PromptfooError::Config {
        place: format!("{}:{line}:1", path.display()),
        message,
        hint: "the first line holds the names of the columns".to_owned(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|error| wrong(1, error.to_string()))?
        .clone();
    let mut tests = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(1, error.to_string()))?;
        let line = record.position().map_or(1, csv::Position::line);
        if tests.len() >= CASES_MAX {
            return Err(wrong(line, format!("more than {CASES_MAX} rows")));
        }
        let row: Map<String, Value> = headers
            .iter()
            .zip(record.iter())
            .map(|(column, cell)| (column.to_owned(), cell.into()))
            .collect();
        let place = Place {
            path: path.display().to_string(),
            line: usize::try_from(line).unwrap_or(usize::MAX),
            column: 1,
        };
        let mut test = csv_rows::test_of(&row, &place).map_err(|message| wrong(line, message))?;
        if let Value::Object(map) = &mut test {
            map.insert(PLACE_KEY.to_owned(), place.to_string().into());
            map.entry("description")
                .or_insert_with(|| format!("Row #{}", index + 1).into());
        }
        tests.push(test);
    }
    Ok(tests)
}

fn lines_of(path: &Path, text: &str) -> Result<Vec<Value>, PromptfooError> {
    let mut tests = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = format!("{}:{}:1", path.display(), index + 1);
        let wrong = |message: String| PromptfooError::Config {
            place: place.clone(),
            message,
            hint: "each line is one test as a JSON object".to_owned(),
        };
        if tests.len() >= CASES_MAX {
            return Err(wrong(format!("more than {CASES_MAX} tests")));
        }
        let mut test: Value = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let Value::Object(map) = &mut test else {
            return Err(wrong("the line is no JSON object".to_owned()));
        };
        if let Some(Value::Array(asserts)) = map.get_mut("assert") {
            for assert in asserts.iter_mut().filter_map(Value::as_object_mut) {
                assert.insert(PLACE_KEY.to_owned(), place.clone().into());
            }
        }
        map.insert(PLACE_KEY.to_owned(), place.into());
        tests.push(test);
    }
    Ok(tests)
}
