//! Parquet: the long form in columns, packed with Zstandard, written in groups of rows so that memory stays bounded.

use super::rows::{Cell, Column, ColumnKind, each_row};
use super::{Export, SampleWriter};
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use seatrial_types::{SampleRecord, TOOL_VERSION};
use std::io::{Error, Result, Write};
use std::sync::Arc;

/// A group is written when it has so many rows …
const GROUP_ROWS_MAX: usize = 100_000;
/// … or so many bytes of text.
const GROUP_BYTES_MAX: usize = 64 << 20;

pub(super) struct Parquet<'a, W: Write + Send> {
    export: &'a Export,
    columns: Vec<Column>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
    writer: Option<SerializedFileWriter<W>>,
}

/// Values of a column that wait for their group; `present` has 1 for a value and 0 for none.
struct Buffer {
    present: Vec<i16>,
    values: Values,
}

enum Values {
    Text(Vec<ByteArray>),
    Int(Vec<i64>),
    Real(Vec<f64>),
    Bool(Vec<bool>),
}

impl<'a, W: Write + Send> Parquet<'a, W> {
    pub(super) fn try_new(export: &'a Export, columns: Vec<Column>, out: W) -> Result<Self> {
        let schema = schema(&columns).map_err(other)?;
        let level = ZstdLevel::try_new(3).map_err(other)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(format!("seatrial {TOOL_VERSION}"))
            .build();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(other)?;
        Ok(Self {
            export,
            buffers: columns.iter().map(|column| Buffer::new(column.kind)).collect(),
            columns,
            rows: 0,
            bytes: 0,
            writer: Some(writer),
        })
    }

    fn flush(&mut self) -> Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|_| self.rows > 0) else {
            return Ok(());
        };
        let mut group = writer.next_row_group().map_err(other)?;
        let mut buffers = self.buffers.iter_mut();
        while let (Some(mut column), Some(buffer)) = (group.next_column().map_err(other)?, buffers.next()) {
            buffer.write(column.untyped()).map_err(other)?;
            column.close().map_err(other)?;
        }
        group.close().map_err(other)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl<W: Write + Send> SampleWriter for Parquet<'_, W> {
    fn sample(&mut self, sample: &SampleRecord) -> Result<()> {
        let (columns, buffers) = (&self.columns, &mut self.buffers);
        let (rows, bytes) = (&mut self.rows, &mut self.bytes);
        each_row(&self.export.run, &self.export.names, sample, &mut |row| {
            for (column, buffer) in columns.iter().zip(buffers.iter_mut()) {
                *bytes += buffer.push(column.cell(row));
            }
            *rows += 1;
            Ok(())
        })?;
        if self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.flush()?;
        match self.writer.take() {
            Some(writer) => writer.close().map(drop).map_err(other),
            None => Ok(()),
        }
    }
}

impl Buffer {
    fn new(kind: ColumnKind) -> Self {
        Self {
            present: Vec::new(),
            values: match kind {
                ColumnKind::Text => Values::Text(Vec::new()),
                ColumnKind::Int => Values::Int(Vec::new()),
                ColumnKind::Real => Values::Real(Vec::new()),
                ColumnKind::Bool => Values::Bool(Vec::new()),
            },
        }
    }

    /// Adds a value; how many bytes it keeps.
    fn push(&mut self, cell: Cell) -> usize {
        const FIXED: usize = 8;
        let kept = match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => {
                let bytes = text.len();
                values.push(ByteArray::from(text.into_bytes()));
                Some(bytes)
            }
            (Values::Int(values), Cell::Int(value)) => {
                values.push(value);
                Some(FIXED)
            }
            (Values::Real(values), Cell::Real(value)) => {
                values.push(value);
                Some(FIXED)
            }
            (Values::Real(values), Cell::Money(money)) => {
                values.push(money.to_usd_f64());
                Some(FIXED)
            }
            (Values::Bool(values), Cell::Bool(value)) => {
                values.push(value);
                Some(1)
            }
            _ => None,
        };
        self.present.push(i16::from(kept.is_some()));
        kept.unwrap_or(0) + size_of::<i16>()
    }

    fn write(&mut self, column: &mut ColumnWriter<'_>) -> std::result::Result<(), ParquetError> {
        let present = Some(self.present.as_slice());
        match (&mut self.values, column) {
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(values, present, None)?;
                values.clear();
            }
            (Values::Int(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, present, None)?;
                values.clear();
            }
            (Values::Real(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(values, present, None)?;
                values.clear();
            }
            (Values::Bool(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, present, None)?;
                values.clear();
            }
            _ => return Err(ParquetError::General("a column changed its type".to_owned())),
        }
        self.present.clear();
        Ok(())
    }
}

fn schema(columns: &[Column]) -> std::result::Result<TypePtr, ParquetError> {
    let fields = columns
        .iter()
        .map(|column| {
            let (physical, logical) = match column.kind {
                ColumnKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
                ColumnKind::Int => (PhysicalType::INT64, None),
                ColumnKind::Real => (PhysicalType::DOUBLE, None),
                ColumnKind::Bool => (PhysicalType::BOOLEAN, None),
            };
            let field = Type::primitive_type_builder(&column.name, physical)
                .with_logical_type(logical)
                .with_repetition(Repetition::OPTIONAL)
                .build()?;
            Ok(Arc::new(field))
        })
        .collect::<std::result::Result<Vec<_>, ParquetError>>()?;
    Type::group_type_builder("seatrial")
        .with_fields(fields)
        .build()
        .map(Arc::new)
}

fn other(error: ParquetError) -> Error {
    Error::other(error)
}
