//! Parquet: rows of a columnar file as JSON, decoded batch by batch. Apart, because only this needs the `parquet` crate,
//! whose decoder is kept from taking the process down: files come from anywhere.

use super::{At, DatasetError, ROWS_MAX, Rows, open_file};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use seatrial_types::ContentHash;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Lists and structs inside each other at most.
pub const NESTING_MAX: usize = 32;
/// Rows of one row group at most.
pub const ROW_GROUP_ROWS_MAX: i64 = 50_000_000;

/// Digits of the widest decimal that other programs write.
const DECIMAL_DIGITS_MAX: i32 = 76;
const MAGIC: &[u8; 4] = b"PAR1";
/// Magic of a file whose footer is encrypted.
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";
/// How the decoder says that a compression was left out of the build.
const DISABLED: &str = "Disabled feature at compile time:";
/// Magic at both ends, and the length of the footer.
const SMALLEST_FILE: u64 = 12;
/// Parts of a second.
const MS_PER_S: i64 = 1000;
const US_PER_S: i64 = 1_000_000;
const NS_PER_S: i64 = 1_000_000_000;

pub(super) struct Parquet {
    path: PathBuf,
    rows: RowIter<'static>,
    /// Rows that the footer promises.
    promised: u64,
    given: u64,
}

impl Parquet {
    /// Reads the footer.
    pub(super) fn open(path: &Path) -> Result<Self, DatasetError> {
        let whole = |problem: String, hint: &str| DatasetError::Whole {
            path: path.to_owned(),
            problem,
            hint: hint.to_owned(),
        };
        let file = open_file(path)?;
        check_magic(path)?;
        let opened = guarded(|| {
            let reader = SerializedFileReader::new(file)?;
            let metadata = reader.metadata();
            let schema = metadata.file_metadata().schema_descr();
            let depth = (0..schema.num_columns()).map(|column| schema.column(column).path().parts().len());
            let depth = depth.max().unwrap_or(0);
            let promised = metadata.file_metadata().num_rows();
            let largest = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).max();
            Ok((
                depth,
                promised,
                largest.unwrap_or(0),
                RowIter::from_file_into(Box::new(reader)),
            ))
        });
        let damaged = "the footer of the file is damaged, or the file is cut off: fetch or write it again";
        let (depth, promised, largest, rows) =
            opened.map_err(|problem| whole(format!("not a readable Parquet file: {problem}"), damaged))?;
        if depth > NESTING_MAX {
            let problem = format!("a column is nested {depth} deep, at most {NESTING_MAX} are read");
            return Err(whole(problem, "flatten the column, or leave it out of the file"));
        }
        let promised = u64::try_from(promised).ok().filter(|rows| *rows <= ROWS_MAX);
        let Some(promised) = promised.filter(|_| (0..=ROW_GROUP_ROWS_MAX).contains(&largest)) else {
            let problem =
                format!("the footer promises an impossible number of rows, at most {ROWS_MAX} are read");
            return Err(whole(problem, damaged));
        };
        Ok(Self {
            path: path.to_owned(),
            rows,
            promised,
            given: 0,
        })
    }
}

/// Says what the most common wrong files are; the decoder would only find them strange.
fn check_magic(path: &Path) -> Result<(), DatasetError> {
    let whole = |problem: &str, hint: &str| DatasetError::Whole {
        path: path.to_owned(),
        problem: problem.to_owned(),
        hint: hint.to_owned(),
    };
    let failed = |source| DatasetError::Open {
        path: path.to_owned(),
        source,
    };
    let mut file = open_file(path)?;
    let length = file.metadata().map_err(failed)?.len();
    if length == 0 {
        return Err(whole(
            "the file is empty, expected Parquet",
            "fetch or write it again",
        ));
    }
    if length < SMALLEST_FILE {
        return Err(whole(
            "the file is too short to be Parquet",
            "fetch or write it again",
        ));
    }
    let mut magic = [0; 4];
    file.read_exact(&mut magic).map_err(failed)?;
    if &magic == MAGIC_ENCRYPTED {
        return Err(whole("the file is encrypted", "write it without encryption"));
    }
    if &magic != MAGIC {
        let hint = match magic {
            [b'{', ..] => "it looks like JSON: name it .jsonl, or write `format: jsonl`",
            [b'v', b'e', b'r', b's'] => {
                "it looks like a pointer of Git LFS: fetch the content with `git lfs pull`"
            }
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd] => "it is compressed as a whole: unpack it",
            _ => "is it written in another format?",
        };
        return Err(whole("not a Parquet file: it does not begin with `PAR1`", hint));
    }
    Ok(())
}

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Runs the decoder; a panic inside it, as damaged files cause, is an error of the file like any other. Nothing of it
/// is used afterwards, so nothing half-done is seen.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    // Only what this thread decodes is kept off the screen: every other panic is told as before.
    QUIET.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !DECODING.get() {
                told(panic);
            }
        }));
    });
    DECODING.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    DECODING.set(false);
    match result {
        Ok(result) => result.map_err(|error| problem_of(&error)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!(
                "the decoder gave up ({})",
                text.unwrap_or("without saying why")
            ))
        }
    }
}

fn problem_of(error: &ParquetError) -> String {
    match error {
        ParquetError::General(text) if text.starts_with(DISABLED) => {
            format!(
                "it is compressed with {}, which is not read",
                text[DISABLED.len()..].trim()
            )
        }
        ParquetError::General(text) | ParquetError::NYI(text) | ParquetError::EOF(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Rows for Parquet {
    fn next(&mut self, row: u64) -> Result<Option<Map<String, Value>>, DatasetError> {
        let at = At {
            path: &self.path,
            line: 0,
            row,
        };
        let damaged = "the file is damaged, or uses an encoding that is not read: fetch it again, or write it with \
                       Snappy, Zstandard, gzip or LZ4";
        let next = guarded(|| self.rows.next().transpose()).map_err(|problem| at.error(problem, damaged))?;
        let Some(next) = next else {
            return if self.given == self.promised {
                Ok(None)
            } else {
                let problem = format!(
                    "the file ends here, but its footer promises {} rows",
                    self.promised
                );
                Err(at.error(problem, damaged))
            };
        };
        self.given += 1;
        object_of(next, &at).map(Some)
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn line(&self) -> u64 {
        0
    }

    /// Reads the file once more: the decoder jumps about in it.
    fn content_hash(&self) -> Result<ContentHash, DatasetError> {
        let mut hasher = blake3::Hasher::new();
        let hashed = hasher.update_reader(open_file(&self.path)?);
        hashed.map_err(|source| DatasetError::Open {
            path: self.path.clone(),
            source,
        })?;
        Ok(ContentHash::finish(&hasher))
    }
}

fn object_of(row: Row, at: &At<'_>) -> Result<Map<String, Value>, DatasetError> {
    let mut columns = Map::new();
    for (name, field) in row.into_columns() {
        let value = value_of(field).map_err(|problem| {
            at.error(
                format!("column `{name}`: {problem}"),
                "write the column as text or as a number",
            )
        })?;
        columns.insert(name, value);
    }
    Ok(columns)
}

/// A value as JSON: times as RFC 3339, decimals as exact texts, bytes as text where they are UTF-8 and else as base64.
/// What is not a number becomes `null`, as JSON has no word for it.
fn value_of(field: Field) -> Result<Value, String> {
    let real = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::Bool(value),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float16(value) => real(value.to_f64()),
        Field::Float(value) => shortest(value),
        Field::Double(value) => real(value),
        Field::Str(text) => Value::String(text),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => Value::String(STANDARD.encode(bytes.data())),
        },
        Field::Group(row) => {
            let mut map = Map::new();
            for (name, field) in row.into_columns() {
                map.insert(name, value_of(field)?);
            }
            Value::Object(map)
        }
        Field::ListInternal(list) => {
            let items: Result<Vec<Value>, String> = list
                .elements()
                .iter()
                .map(|item| value_of(item.clone()))
                .collect();
            Value::Array(items?)
        }
        Field::MapInternal(entries) => {
            let mut map = Map::new();
            for (key, value) in entries.entries() {
                let key = match value_of(key.clone())? {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                map.insert(key, value_of(value.clone())?);
            }
            Value::Object(map)
        }
        Field::TimestampMillis(value) => timestamp(value, MS_PER_S)?,
        Field::TimestampMicros(value) => timestamp(value, US_PER_S)?,
        Field::Date(days) => date(days)?,
        Field::TimeMillis(value) => time_of_day(i64::from(value), MS_PER_S)?,
        Field::TimeMicros(value) => time_of_day(value, US_PER_S)?,
        Field::Decimal(decimal) => {
            let (precision, scale) = (decimal.precision(), decimal.scale());
            if !(0..=DECIMAL_DIGITS_MAX).contains(&scale) || precision < scale {
                return Err(format!(
                    "a decimal of {precision} digits, {scale} of them behind the point"
                ));
            }
            // Exact, with all its digits; a whole number has no point.
            let text = Field::Decimal(decimal).to_string();
            Value::String(text.trim_end_matches('.').to_owned())
        }
    })
}

/// The shortest number that is this `f32`: 0.1 and not 0.10000000149.
fn shortest(value: f32) -> Value {
    let parsed: Option<f64> = value.to_string().parse().ok();
    parsed
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

fn timestamp(value: i64, per_second: i64) -> Result<Value, String> {
    let nanoseconds = i32::try_from(value.rem_euclid(per_second) * (NS_PER_S / per_second));
    let time = jiff::Timestamp::new(value.div_euclid(per_second), nanoseconds.unwrap_or(0));
    let time = time.map_err(|_| format!("{value} is not a time between the years -9999 and 9999"))?;
    Ok(Value::String(time.to_string()))
}

fn date(days: i32) -> Result<Value, String> {
    let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).unwrap_or_default());
    let day = day.map_err(|_| format!("day {days} is not between the years -9999 and 9999"))?;
    Ok(Value::String(day.to_string()))
}

fn time_of_day(value: i64, per_second: i64) -> Result<Value, String> {
    let nanoseconds = value.checked_mul(NS_PER_S / per_second);
    let time = nanoseconds.and_then(|value| {
        let since_midnight = jiff::Span::new().try_nanoseconds(value).ok()?;
        jiff::civil::Time::midnight().checked_add(since_midnight).ok()
    });
    let time = time.ok_or_else(|| format!("{value} is not a time of day"))?;
    Ok(Value::String(time.to_string()))
}
