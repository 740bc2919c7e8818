//! Exports that are no lines, turned into lines: Parquet, and the whole JSON object. Apart, so that one reader of rows is
//! enough. Rows stream through; memory holds one.

use crate::error::CliError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A file of lines in a folder that is gone when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) lines: PathBuf,
    _folder: TempDir,
}

/// The rows of a Parquet file, or the samples of a whole JSON export, as JSON Lines.
pub(super) fn unpack(path: &Path) -> Result<Unpacked, CliError> {
    let folder = tempfile::tempdir().map_err(CliError::infrastructure)?;
    // A table without a task is called by its file.
    let stem = path.file_stem().unwrap_or_default();
    let lines = folder.path().join(stem).with_extension("jsonl");
    let mut out = BufWriter::new(File::create(&lines).map_err(CliError::infrastructure)?);
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let is_parquet = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"));
    if is_parquet {
        parquet(path, file, &mut out)?;
    } else {
        whole_json(path, file, &mut out)?;
    }
    out.flush().map_err(CliError::infrastructure)?;
    Ok(Unpacked {
        lines,
        _folder: folder,
    })
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> CliError {
    CliError::usage(format!("failed to read {}: {error}", path.display()))
}

fn parquet(path: &Path, file: File, out: &mut impl Write) -> Result<(), CliError> {
    let failed = |error: parquet::errors::ParquetError| unreadable(path, error);
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    for row in reader.get_row_iter(None).map_err(failed)? {
        let row = row.map_err(failed)?;
        let object: Map<String, Value> = row
            .get_column_iter()
            .map(|(name, field)| (name.clone(), value(field)))
            .collect();
        write_line(out, &object)?;
    }
    Ok(())
}

/// A value of a column; of a kind that no column of ours has, nothing.
fn value(field: &Field) -> Value {
    match field {
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float(value) => f64::from(*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Str(value) => value.clone().into(),
        Field::Bytes(value) => String::from_utf8_lossy(value.data()).into(),
        _ => Value::Null,
    }
}

fn write_line(out: &mut impl Write, row: &Map<String, Value>) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, row).map_err(CliError::infrastructure)?;
    out.write_all(b"\n").map_err(CliError::infrastructure)
}

fn whole_json(path: &Path, file: File, out: &mut impl Write) -> Result<(), CliError> {
    let mut failed = None;
    let mut each = |row: Map<String, Value>| {
        if failed.is_none() {
            failed = write_line(out, &row).err();
        }
    };
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(file));
    let read = Whole { each: &mut each }.deserialize(&mut reader);
    let read = read.and_then(|()| reader.end());
    if let Err(error) = read {
        return Err(CliError::usage(format!(
            "{}:{}:{}: no export: {error}",
            path.display(),
            error.line(),
            error.column()
        ))
        .hint("write it again: seatrial export RUN --format json"));
    }
    failed.map_or(Ok(()), Err)
}

/// The object of an export: its samples are handed over one by one.
struct Whole<'a> {
    each: &'a mut dyn FnMut(Map<String, Value>),
}

struct Samples<'a> {
    each: &'a mut dyn FnMut(Map<String, Value>),
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with `samples`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "samples" {
                map.next_value_seed(Samples { each: self.each })?;
            } else {
                let _: IgnoredAny = map.next_value()?;
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Samples<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Samples<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of samples")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut samples: A) -> Result<(), A::Error> {
        while let Some(sample) = samples.next_element()? {
            (self.each)(sample);
        }
        Ok(())
    }
}
