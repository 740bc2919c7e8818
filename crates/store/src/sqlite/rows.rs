//! Reading a row from left to right. Apart because a stored value is checked here, once, for every table: a row that
//! another program has changed must become an error with a name, never a panic or another value.

use super::errors::ReadError;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use seatrial_types::{ContentHash, Money};

/// The columns of one row, taken in the order of the query.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn new(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn value(&mut self) -> Result<ValueRef<'r>, ReadError> {
        let value = self.row.get_ref(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// An error that names the column that was taken last.
    pub(super) fn unreadable(&self, found: impl Into<String>) -> ReadError {
        let column = self.row.as_ref().column_name(self.next.saturating_sub(1));
        ReadError::Unreadable {
            column: column.unwrap_or("?").to_owned(),
            found: found.into(),
        }
    }

    pub(super) fn integer(&mut self) -> Result<i64, ReadError> {
        self.optional_integer()?.ok_or_else(|| self.unreadable("nothing"))
    }

    pub(super) fn optional_integer(&mut self) -> Result<Option<i64>, ReadError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(value) => Ok(Some(value)),
            other => Err(self.unreadable(describe(other))),
        }
    }

    /// A number in the range of `T`.
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, ReadError> {
        self.optional_number()?.ok_or_else(|| self.unreadable("nothing"))
    }

    pub(super) fn optional_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, ReadError> {
        let Some(value) = self.optional_integer()? else {
            return Ok(None);
        };
        let number =
            T::try_from(value).map_err(|_| self.unreadable(format!("{value}, which is out of range")))?;
        Ok(Some(number))
    }

    /// A number of 64 bits that was written bit for bit.
    pub(super) fn optional_u64(&mut self) -> Result<Option<u64>, ReadError> {
        Ok(self.optional_integer()?.map(i64::cast_unsigned))
    }

    pub(super) fn optional_real(&mut self) -> Result<Option<f64>, ReadError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Real(value) => Ok(Some(value)),
            other => Err(self.unreadable(describe(other))),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'r str, ReadError> {
        self.optional_text()?.ok_or_else(|| self.unreadable("nothing"))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<&'r str>, ReadError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => self.utf8(bytes).map(Some),
            other => Err(self.unreadable(describe(other))),
        }
    }

    pub(super) fn optional_blob(&mut self) -> Result<Option<&'r [u8]>, ReadError> {
        match self.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            other => Err(self.unreadable(describe(other))),
        }
    }

    pub(super) fn hash(&mut self) -> Result<ContentHash, ReadError> {
        let bytes = self.optional_blob()?.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(ContentHash::from_bytes)
            .ok_or_else(|| self.unreadable("no hash of 16 bytes"))
    }

    /// One of a list of words.
    pub(super) fn word<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ReadError> {
        let word = self.text()?;
        parse(word).ok_or_else(|| self.unreadable(format!("`{word}`")))
    }

    pub(super) fn optional_word<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let Some(word) = self.optional_text()? else {
            return Ok(None);
        };
        parse(word)
            .map(Some)
            .ok_or_else(|| self.unreadable(format!("`{word}`")))
    }

    /// Whole picodollars: an integer, or decimal text where they do not fit into 64 bits.
    pub(super) fn optional_money(&mut self) -> Result<Option<Money>, ReadError> {
        let picodollars = match self.value()? {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(value) => i128::from(value),
            ValueRef::Text(bytes) => {
                let text = self.utf8(bytes)?;
                text.parse().map_err(|_| self.unreadable(format!("`{text}`")))?
            }
            other => return Err(self.unreadable(describe(other))),
        };
        Ok(Some(Money::from_picodollars(picodollars)))
    }

    pub(super) fn utf8(&self, bytes: &'r [u8]) -> Result<&'r str, ReadError> {
        std::str::from_utf8(bytes).map_err(|error| self.unreadable(error.to_string()))
    }
}

/// What kind of value this is, for messages.
pub(super) fn describe(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "nothing".to_owned(),
        ValueRef::Integer(value) => format!("the integer {value}"),
        ValueRef::Real(value) => format!("the number {value}"),
        ValueRef::Text(bytes) => format!("a text of {} bytes", bytes.len()),
        ValueRef::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
    }
}
