//! One row of a file of recorded answers, in either notation. Apart from the index, which only asks for ids.

use super::RecordedFields;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A row, its texts borrowed where its notation allows it.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) id: Cow<'a, str>,
    /// `None`: recorded as null.
    pub(super) output: Option<Cow<'a, str>>,
    /// JSON text of a usage object.
    pub(super) usage: Option<Cow<'a, str>>,
    /// At least 0, finite.
    pub(super) latency_ms: Option<f64>,
}

/// What is wrong with a row, and what to do.
#[derive(Debug)]
pub(super) struct RowError {
    pub(super) what: String,
    pub(super) hint: String,
}

impl RowError {
    fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }

    pub(super) fn of_csv(error: &csv::Error) -> Self {
        Self::new(error.to_string(), "expected CSV with a header row, in UTF-8")
    }

    pub(super) fn too_long(bytes_max: u64) -> Self {
        Self::new(
            format!("the row is longer than {bytes_max} bytes"),
            "expected one answer per row",
        )
    }

    fn missing(field: &str, key: &str) -> Self {
        Self::new(
            format!("the row has no `{field}`"),
            format!("name the right one in `{key}`"),
        )
    }
}

impl<'a> Row<'a> {
    /// From a line of JSON.
    pub(super) fn of_json(line: &'a [u8], fields: &RecordedFields) -> Result<Self, RowError> {
        let mut json = serde_json::Deserializer::from_slice(line);
        let raw = RawRowSeed(fields).deserialize(&mut json);
        let raw = raw.and_then(|raw| json.end().map(|()| raw)).map_err(|error| {
            let column = error.column();
            let what = format!("the row is not a JSON object ({error}, column {column})");
            RowError::new(what, "expected one JSON object per line")
        })?;
        let id = raw
            .id
            .ok_or_else(|| RowError::missing(&fields.id_field, "id_field"))?;
        let output = raw
            .output
            .ok_or_else(|| RowError::missing(&fields.output_field, "output_field"))?;
        Ok(Self {
            id: id_of(id.get(), &fields.id_field)?,
            output: output_of(output.get()),
            usage: raw.usage.map(|usage| Cow::Borrowed(usage.get())),
            latency_ms: match (raw.latency, &fields.latency_ms_field) {
                (Some(latency), Some(field)) => latency_of(latency.get(), field)?,
                _ => None,
            },
        })
    }

    /// From a CSV record. An empty usage or latency is none; an empty answer is an answer.
    pub(super) fn of_record(record: &'a csv::ByteRecord, columns: &CsvColumns) -> Result<Self, RowError> {
        let text = |column: usize, name: &str, key: &str| {
            let bytes = record.get(column).ok_or_else(|| RowError::missing(name, key))?;
            std::str::from_utf8(bytes)
                .map_err(|_| RowError::new(format!("`{name}` is not UTF-8"), "save the file as UTF-8"))
        };
        let optional = |column: Option<usize>| {
            let bytes = record.get(column?)?;
            std::str::from_utf8(bytes)
                .ok()
                .filter(|text| !text.trim().is_empty())
        };
        Ok(Self {
            id: Cow::Borrowed(text(columns.id, &columns.names.id_field, "id_field")?),
            output: Some(Cow::Borrowed(text(
                columns.output,
                &columns.names.output_field,
                "output_field",
            )?)),
            usage: optional(columns.usage).map(Cow::Borrowed),
            latency_ms: match optional(columns.latency_ms) {
                Some(latency) => latency_of(latency.trim(), "latency_ms_field")?,
                None => None,
            },
        })
    }

    /// From the text of one CSV record.
    pub(super) fn of_csv_text(text: &[u8], columns: &CsvColumns) -> Result<Row<'static>, RowError> {
        let mut csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text);
        let mut record = csv::ByteRecord::new();
        csv.read_byte_record(&mut record)
            .map_err(|error| RowError::of_csv(&error))?;
        Row::of_record(&record, columns).map(Row::into_owned)
    }

    pub(super) fn into_owned(self) -> Row<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Row {
            id: owned(self.id),
            output: self.output.map(owned),
            usage: self.usage.map(owned),
            latency_ms: self.latency_ms,
        }
    }
}

/// Columns of a CSV file.
#[derive(Debug)]
pub(super) struct CsvColumns {
    id: usize,
    output: usize,
    usage: Option<usize>,
    latency_ms: Option<usize>,
    names: RecordedFields,
}

impl CsvColumns {
    pub(super) fn try_new(header: &csv::ByteRecord, fields: &RecordedFields) -> Result<Self, RowError> {
        let find = |name: &str, key: &str| {
            let mut names = header
                .iter()
                .map(|found| found.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(found));
            names.position(|found| found == name.as_bytes()).ok_or_else(|| {
                let found: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
                let what = format!("there is no column `{name}`, found: {}", found.join(", "));
                RowError::new(what, format!("name the right one in `{key}`"))
            })
        };
        let find_optional =
            |name: &Option<String>, key| name.as_deref().map(|name| find(name, key)).transpose();
        Ok(Self {
            id: find(&fields.id_field, "id_field")?,
            output: find(&fields.output_field, "output_field")?,
            usage: find_optional(&fields.usage_field, "usage_field")?,
            latency_ms: find_optional(&fields.latency_ms_field, "latency_ms_field")?,
            names: fields.clone(),
        })
    }
}

/// The fields of a row as they stand in the file.
#[derive(Default)]
struct RawRow<'a> {
    id: Option<&'a RawValue>,
    output: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    latency: Option<&'a RawValue>,
}

/// Picks fields by names that are known only at run time, and skips all others without building them.
struct RawRowSeed<'f>(&'f RecordedFields);

impl<'de> DeserializeSeed<'de> for RawRowSeed<'_> {
    type Value = RawRow<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawRow<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RawRowSeed<'_> {
    type Value = RawRow<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawRow<'de>, A::Error> {
        let fields = self.0;
        let mut row = RawRow::default();
        while let Some(key) = map.next_key::<Key<'_>>()? {
            let is = |name: &Option<String>| name.as_deref() == Some(key.0.as_ref());
            // One field may serve twice, so each is asked for.
            let wants_id = key.0 == fields.id_field;
            let wants_output = key.0 == fields.output_field;
            let wants_usage = is(&fields.usage_field);
            let wants_latency = is(&fields.latency_ms_field);
            if !(wants_id || wants_output || wants_usage || wants_latency) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &RawValue = map.next_value()?;
            let slots = [
                (wants_id, &mut row.id),
                (wants_output, &mut row.output),
                (wants_usage, &mut row.usage),
                (wants_latency, &mut row.latency),
            ];
            for (wanted, slot) in slots {
                if wanted && slot.replace(value).is_some() {
                    return Err(A::Error::custom(format!("`{}` stands twice", key.0)));
                }
            }
        }
        Ok(row)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn id_of<'a>(json: &'a str, field: &str) -> Result<Cow<'a, str>, RowError> {
    if json.starts_with('"')
        && let Ok(id) = serde_json::from_str::<Key<'_>>(json)
    {
        return Ok(id.0);
    }
    let digits = json.strip_prefix('-').unwrap_or(json);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Cow::Borrowed(json));
    }
    let found: String = json.chars().take(40).collect();
    Err(RowError::new(
        format!("`{field}` is {found}, expected a string or an integer"),
        "ids must be those of the dataset",
    ))
}

fn output_of(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => serde_json::from_str::<Key<'_>>(json).ok().map(|text| text.0),
        _ => Some(Cow::Borrowed(json)),
    }
}

fn latency_of(text: &str, field: &str) -> Result<Option<f64>, RowError> {
    if text == "null" {
        return Ok(None);
    }
    let latency_ms = text.parse::<f64>().ok();
    let valid = latency_ms.filter(|latency_ms| *latency_ms >= 0.0 && latency_ms.is_finite());
    if valid.is_none() {
        let found: String = text.chars().take(40).collect();
        let what = format!("`{field}` is {found}, expected milliseconds, at least 0");
        return Err(RowError::new(what, "leave it out where it is not known"));
    }
    Ok(valid)
}
