//! Reads datasets row by row: JSONL and CSV, streamed, bounded, with errors that name the row.
//! Two passes over a file (one to check and hash, one to run) keep memory independent of its size.

use seatrial_types::{Case, ContentHash};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest row that is read, in bytes.
pub const ROW_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most rows that are read.
pub const ROWS_MAX: u64 = 50_000_000;
/// Columns that may hold the reference, first present wins, where the suite does not map one.
pub const REFERENCE_COLUMNS: [&str; 6] = ["expected", "reference", "target", "answer", "gold", "label"];

const READ_BUFFER_BYTES: usize = 128 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// File format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetFormat {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated with a header row.
    Csv,
}

/// Which columns hold what; `None` means the usual names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetColumns {
    /// Id of the case.
    pub id: Option<String>,
    /// The prompt where the task has none.
    pub input: Option<String>,
    /// The reference.
    pub expected: Option<String>,
    /// Answer options.
    pub choices: Option<String>,
    /// Cluster; a row without a value is an error when this is given.
    pub cluster: Option<String>,
}

/// Where a dataset lies and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSource {
    /// File.
    pub path: PathBuf,
    /// Format.
    pub format: DatasetFormat,
    /// Columns.
    pub columns: DatasetColumns,
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
    #[error("{path}:{line}: row {row}: {problem}\nhint: {hint}")]
    Row {
        /// File.
        path: PathBuf,
        /// 1-based line.
        line: u64,
        /// 1-based row.
        row: u64,
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

/// Iterator over the cases of a dataset, in file order.
pub struct DatasetReader {
    path: PathBuf,
    columns: DatasetColumns,
    rows: Rows,
    row: u64,
    failed: bool,
}

enum Rows {
    Jsonl {
        input: BufReader<HashingFile>,
        line: u64,
        buffer: Vec<u8>,
    },
    Csv {
        records: Box<csv::Reader<BoundedRow>>,
        header: Vec<String>,
        budget: Arc<AtomicU64>,
        line: u64,
    },
}

impl DatasetReader {
    /// Opens the file and, for CSV, reads its header.
    pub fn open(source: &DatasetSource) -> Result<Self, DatasetError> {
        let path = source.path.clone();
        let file = match File::open(&path).and_then(|file| Ok((file.metadata()?.is_dir(), file))) {
            Ok((false, file)) => HashingFile {
                file,
                hasher: Box::new(blake3::Hasher::new()),
            },
            Ok((true, _)) => {
                let source = std::io::Error::other("it is a folder, expected a file");
                return Err(DatasetError::Open { path, source });
            }
            Err(source) => return Err(DatasetError::Open { path, source }),
        };
        let rows = match source.format {
            DatasetFormat::Jsonl => Rows::Jsonl {
                input: BufReader::with_capacity(READ_BUFFER_BYTES, file),
                line: 0,
                buffer: Vec::new(),
            },
            DatasetFormat::Csv => open_csv(&path, file)?,
        };
        Ok(Self {
            path,
            columns: source.columns.clone(),
            rows,
            row: 0,
            failed: false,
        })
    }

    /// Hash of the whole file. Only meaningful once the iterator has ended.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        let file = match &self.rows {
            Rows::Jsonl { input, .. } => input.get_ref(),
            Rows::Csv { records, .. } => &records.get_ref().file,
        };
        ContentHash::finish(&file.hasher)
    }

    fn next_columns(&mut self) -> Result<Option<Map<String, Value>>, DatasetError> {
        let row = self.row + 1;
        match &mut self.rows {
            Rows::Jsonl { input, line, buffer } => next_jsonl(&self.path, input, line, buffer, row),
            Rows::Csv {
                records,
                header,
                budget,
                line,
            } => next_csv(&self.path, records, header, budget, line, row),
        }
    }

    /// 1-based line at which the last row began.
    #[must_use]
    pub fn line(&self) -> u64 {
        match &self.rows {
            Rows::Jsonl { line, .. } | Rows::Csv { line, .. } => *line,
        }
    }

    fn next_case(&mut self) -> Result<Option<Case>, DatasetError> {
        let Some(columns) = self.next_columns()? else {
            return Ok(None);
        };
        self.row += 1;
        let at = At {
            path: &self.path,
            line: self.line(),
            row: self.row,
        };
        if self.row > ROWS_MAX {
            return Err(at.error(format!("more than {ROWS_MAX} rows"), "split the dataset"));
        }
        case_of(columns, &self.columns, matches!(self.rows, Rows::Csv { .. }), &at).map(Some)
    }
}

impl Iterator for DatasetReader {
    type Item = Result<Case, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_case().transpose();
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

fn next_jsonl(
    path: &Path,
    input: &mut BufReader<HashingFile>,
    line: &mut u64,
    buffer: &mut Vec<u8>,
    row: u64,
) -> Result<Option<Map<String, Value>>, DatasetError> {
    loop {
        buffer.clear();
        *line += 1;
        let read = input
            .by_ref()
            .take(ROW_BYTES_MAX + 1)
            .read_until(b'\n', buffer)
            .map_err(|source| DatasetError::Read {
                path: path.to_owned(),
                line: *line,
                source,
            })?;
        if read == 0 {
            return Ok(None);
        }
        let at = At {
            path,
            line: *line,
            row,
        };
        if buffer.len() as u64 > ROW_BYTES_MAX {
            let problem = format!("the line is longer than {} MiB", ROW_BYTES_MAX / 1024 / 1024);
            return Err(at.error(
                problem,
                "one JSON object a line; is this a JSON array instead of JSON Lines?",
            ));
        }
        let whole = buffer.as_slice();
        let bytes = if *line == 1 {
            whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole)
        } else {
            whole
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            at.error(
                format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1),
                "save the file as UTF-8",
            )
        })?;
        if text.trim().is_empty() {
            continue;
        }
        return match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(columns)) => Ok(Some(columns)),
            Ok(other) => Err(at.error(
                format!("expected a JSON object, found {}", kind_of(&other)),
                "each line is an object such as {\"id\": 1, \"input\": \"…\", \"expected\": \"…\"}",
            )),
            Err(error) => Err(at.error(
                format!(
                    "not valid JSON at column {}: {}",
                    error.column(),
                    without_place(&error)
                ),
                "one complete JSON object a line",
            )),
        };
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

fn open_csv(path: &Path, file: HashingFile) -> Result<Rows, DatasetError> {
    let budget = Arc::new(AtomicU64::new(0));
    let bounded = BoundedRow {
        file,
        used: Arc::clone(&budget),
    };
    let mut records = csv::ReaderBuilder::new()
        .buffer_capacity(READ_BUFFER_BYTES)
        .flexible(false)
        .from_reader(bounded);
    let at = At {
        path,
        line: 1,
        row: 0,
    };
    let header: Vec<String> = records
        .headers()
        .map_err(|error| at.error(csv_problem(&error), "the first line names the columns, in UTF-8"))?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned())
        .collect();
    let mut sorted: Vec<&String> = header.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(at.error(
            format!("column `{}` occurs twice in the header", twice[0]),
            "rename one of them",
        ));
    }
    Ok(Rows::Csv {
        records: Box::new(records),
        header,
        budget,
        line: 1,
    })
}

fn next_csv(
    path: &Path,
    records: &mut csv::Reader<BoundedRow>,
    header: &[String],
    budget: &AtomicU64,
    line: &mut u64,
    row: u64,
) -> Result<Option<Map<String, Value>>, DatasetError> {
    let mut record = csv::StringRecord::new();
    let start = records.position().line();
    let more = records.read_record(&mut record).map_err(|error| {
        let line = error.position().map_or(start, csv::Position::line);
        let hint = "quote fields that hold commas, quotes or line breaks; is a quote left open?";
        At { path, line, row }.error(csv_problem(&error), hint)
    })?;
    budget.store(0, Ordering::Relaxed);
    *line = record.position().map_or(start, csv::Position::line);
    if !more {
        return Ok(None);
    }
    let columns = header
        .iter()
        .zip(&record)
        .map(|(name, text)| (name.clone(), Value::from(text)))
        .collect();
    Ok(Some(columns))
}

fn csv_problem(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { err, .. } => {
            format!(
                "invalid UTF-8 in field {} at byte {}",
                err.field() + 1,
                err.valid_up_to() + 1
            )
        }
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!("found {len} fields, the header has {expected_len}")
        }
        csv::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}

fn case_of(
    columns: Map<String, Value>,
    names: &DatasetColumns,
    is_csv: bool,
    at: &At<'_>,
) -> Result<Case, DatasetError> {
    let mapped = |name: &Option<String>| -> Result<Option<&Value>, DatasetError> {
        let Some(name) = name else { return Ok(None) };
        match columns.get(name) {
            Some(value) if !value.is_null() => Ok(Some(value)),
            _ => {
                let known: Vec<_> = columns.keys().map(String::as_str).take(20).collect();
                let hint = format!("the row has: {}", known.join(", "));
                Err(at.error(format!("column `{name}` is missing or null"), hint))
            }
        }
    };
    let usual = |name: &str| columns.get(name).filter(|value| !value.is_null());

    let id = match mapped(&names.id)?.or_else(|| usual("id")) {
        None => Arc::from(at.row.to_string()),
        Some(Value::String(text)) if !text.is_empty() => Arc::from(text.as_str()),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Arc::from(number.to_string()),
        Some(other) => {
            let problem = format!(
                "`id` is {}, expected a non-empty string or an integer",
                kind_of(other)
            );
            return Err(at.error(problem, "leave `id` out to use the row number"));
        }
    };
    let input = match mapped(&names.input)?.or_else(|| usual("input")) {
        None => None,
        Some(value) => scalar_text(value),
    };
    let expected = match mapped(&names.expected)? {
        Some(value) => accepted_answers(value).ok_or_else(|| {
            let problem = format!(
                "the reference is {}, expected a string, a number or a list of them",
                kind_of(value)
            );
            at.error(problem, "map another column with `fields: {expected: …}`")
        })?,
        None => REFERENCE_COLUMNS
            .iter()
            .find_map(|name| usual(name))
            .and_then(accepted_answers)
            .unwrap_or_default(),
    };
    let choices = match mapped(&names.choices)?.or_else(|| usual("choices")) {
        None => Vec::new(),
        Some(value) => choices_of(value, is_csv).ok_or_else(|| {
            let hint = if is_csv {
                "in CSV write a JSON list"
            } else {
                "write \"choices\": [\"…\", \"…\"]"
            };
            at.error(
                format!(
                    "`choices` is {}, expected a list of strings or numbers",
                    kind_of(value)
                ),
                hint,
            )
        })?,
    };
    let cluster = match mapped(&names.cluster)?.or_else(|| usual("cluster")) {
        None => None,
        Some(value) => Some(scalar_text(value).ok_or_else(|| {
            let problem = format!("the cluster is {}, expected a string or a number", kind_of(value));
            at.error(problem, "choose a column with one short value a row")
        })?),
    };
    Ok(Case {
        id,
        row: at.row,
        input,
        expected,
        choices,
        cluster,
        columns: Arc::new(columns),
    })
}

/// Text of a string, number or boolean.
#[must_use]
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn accepted_answers(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar_text).collect(),
        other => scalar_text(other).map(|text| vec![text]),
    }
}

fn choices_of(value: &Value, is_csv: bool) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(scalar_text).collect(),
        Value::String(text) if is_csv => choices_of(&serde_json::from_str(text).ok()?, false),
        _ => None,
    }
}

pub(crate) fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A file that hashes what is read from it, so that checking and hashing share one pass.
struct HashingFile {
    file: File,
    hasher: Box<blake3::Hasher>,
}

impl Read for HashingFile {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// Refuses to read on when one CSV record swallows more than [`ROW_BYTES_MAX`], as an open quote makes it do.
struct BoundedRow {
    file: HashingFile,
    used: Arc<AtomicU64>,
}

impl Read for BoundedRow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.used.load(Ordering::Relaxed) > ROW_BYTES_MAX {
            let megabytes = ROW_BYTES_MAX / 1024 / 1024;
            return Err(std::io::Error::other(format!(
                "the record is longer than {megabytes} MiB"
            )));
        }
        let read = self.file.read(buffer)?;
        self.used.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(name: &str, content: &[u8], columns: DatasetColumns) -> Result<Vec<Case>, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path).unwrap().write_all(content).unwrap();
        let format = if name.ends_with("csv") {
            DatasetFormat::Csv
        } else {
            DatasetFormat::Jsonl
        };
        DatasetReader::open(&DatasetSource {
            path,
            format,
            columns,
        })?
        .collect()
    }

    /// Protects the row contract: default ids, reference names, lists of accepted answers, blank lines, BOM.
    #[test]
    fn reads_rows_as_the_design_says() {
        let text = "\u{feff}{\"input\":\"a\",\"answer\":3}\n\n{\"id\":\"x\",\"gold\":[\"b\",\"c\"],\"expected\":null}\r\n{\"id\":7}";
        let cases = read("d.jsonl", text.as_bytes(), DatasetColumns::default()).unwrap();
        let seen: Vec<_> = cases
            .iter()
            .map(|case| (&*case.id, case.row, case.expected.clone()))
            .collect();
        assert_eq!(
            seen,
            [
                ("1", 1, vec!["3".to_owned()]),
                ("x", 2, vec!["b".to_owned(), "c".to_owned()]),
                ("7", 3, vec![])
            ]
        );
        assert_eq!(cases[0].input.as_deref(), Some("a"));
    }

    /// Protects CSV: quoting, line numbers across quoted line breaks, JSON lists as choices.
    #[test]
    fn reads_csv() {
        let text = "id,question,answer,choices\n1,\"two\nlines\",A,\"[\"\"x\"\",\"\"y\"\"]\"\n2,q,B,[]\n";
        let columns = DatasetColumns {
            input: Some("question".to_owned()),
            ..DatasetColumns::default()
        };
        let cases = read("d.csv", text.as_bytes(), columns).unwrap();
        assert_eq!(cases[0].input.as_deref(), Some("two\nlines"));
        assert_eq!(
            (cases[0].choices.as_slice(), cases[1].expected[0].as_str()),
            (&["x".to_owned(), "y".to_owned()][..], "B")
        );
    }

    /// Protects the promise that an error names file, line, row and remedy.
    #[test]
    fn errors_name_the_row() {
        let mapped = DatasetColumns {
            expected: Some("gold".to_owned()),
            ..DatasetColumns::default()
        };
        let cases: [(&str, &[u8], &str); 9] = [
            (
                "d.jsonl",
                b"{\"id\":1}\n{\"id\":",
                "d.jsonl:2: row 2: not valid JSON at column 6",
            ),
            (
                "d.jsonl",
                b"{\"id\":1,\"gold\":1}\n[1]",
                "d.jsonl:2: row 2: expected a JSON object, found a list",
            ),
            (
                "d.jsonl",
                b"{\"gold\":1}\n\xff\xfe",
                "d.jsonl:2: row 2: invalid UTF-8 at byte 1",
            ),
            ("d.jsonl", b"{\"id\":1.5}", "`id` is the number 1.5"),
            (
                "d.jsonl",
                b"{\"id\":1,\"answer\":2}",
                "column `gold` is missing or null",
            ),
            ("d.jsonl", b"{\"gold\":{}}", "the reference is an object"),
            (
                "d.csv",
                b"id,gold\n1,2\n3\n",
                "d.csv:3: row 2: found 1 fields, the header has 2",
            ),
            ("d.csv", b"id,gold\n1,\xff\n", "invalid UTF-8 in field 2"),
            ("d.csv", b"id,id\n", "column `id` occurs twice"),
        ];
        for (name, content, expected) in cases {
            let columns = if content.starts_with(b"{\"id\":1}") {
                DatasetColumns::default()
            } else {
                mapped.clone()
            };
            let error = read(name, content, columns).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} lacks {expected}");
        }
    }

    /// Protects memory: a row that never ends is refused, in both formats.
    #[test]
    fn over_long_rows_are_refused() {
        let mut line = vec![b' '; usize::try_from(ROW_BYTES_MAX).unwrap() + 2];
        line[0] = b'{';
        let error = read("d.jsonl", &line, DatasetColumns::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("longer than 16 MiB"), "{error}");
        let mut csv = b"id,gold\n1,\"".to_vec();
        csv.resize(
            usize::try_from(ROW_BYTES_MAX).unwrap() + READ_BUFFER_BYTES * 4,
            b'x',
        );
        let error = read("d.csv", &csv, DatasetColumns::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("longer than 16 MiB"), "{error}");
    }
}
