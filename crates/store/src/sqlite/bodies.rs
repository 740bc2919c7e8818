//! Where a text lies: in its row as it is, or among the bodies, packed and once for each content. Apart because prompts,
//! answers, error messages and attempts share it.

use super::errors::ReadError;
use super::rows::{Columns, describe};
use crate::codec::text::{BODY_BYTES_MAX, BODY_FROM_BYTES, Packer, Unpacker};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use seatrial_types::ContentHash;
use std::borrow::Cow;
use std::cell::RefCell;

/// Why a text could not be written.
#[derive(Debug)]
pub(super) enum PlaceError {
    Sqlite(rusqlite::Error),
    TooLarge(usize),
}

impl From<rusqlite::Error> for PlaceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Writes texts within a transaction.
pub(super) struct BodyWriter<'c> {
    packer: &'c mut Packer,
    packed: Vec<u8>,
    find: CachedStatement<'c>,
    put: CachedStatement<'c>,
}

impl<'c> BodyWriter<'c> {
    pub(super) fn try_new(conn: &'c Connection, packer: &'c mut Packer) -> rusqlite::Result<Self> {
        Ok(Self {
            packer,
            packed: Vec::new(),
            find: conn.prepare_cached("SELECT id FROM body WHERE hash = ?1")?,
            put: conn.prepare_cached("INSERT INTO body (hash, bytes, body) VALUES (?1, ?2, ?3)")?,
        })
    }

    /// The value that a row holds for `text`, which is UTF-8.
    pub(super) fn place<'a>(&mut self, text: &'a [u8]) -> Result<ToSqlOutput<'a>, PlaceError> {
        if text.len() < BODY_FROM_BYTES {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text)));
        }
        Ok(ToSqlOutput::from(self.body_id(text)?))
    }

    /// The id of the body with this content; it is written where it is new.
    pub(super) fn body_id(&mut self, text: &[u8]) -> Result<i64, PlaceError> {
        if text.len() > BODY_BYTES_MAX {
            return Err(PlaceError::TooLarge(text.len()));
        }
        let hash = ContentHash::of(text);
        let found = self
            .find
            .query_row(params![hash.as_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let body = ToSqlOutput::Borrowed(if self.packer.pack(text, &mut self.packed) {
            ValueRef::Blob(&self.packed)
        } else {
            ValueRef::Text(text)
        });
        Ok(self.put.insert(params![hash.as_bytes(), bytes, body])?)
    }
}

/// Reads texts that [`BodyWriter`] wrote.
pub(super) struct BodyReader<'c> {
    unpacker: &'c RefCell<Unpacker>,
    get: RefCell<CachedStatement<'c>>,
}

impl<'c> BodyReader<'c> {
    pub(super) fn try_new(conn: &'c Connection, unpacker: &'c RefCell<Unpacker>) -> rusqlite::Result<Self> {
        let get = RefCell::new(conn.prepare_cached("SELECT body FROM body WHERE id = ?1")?);
        Ok(Self { unpacker, get })
    }

    /// The text of the next column; `None` for NULL.
    pub(super) fn optional_text<'r>(
        &self,
        columns: &mut Columns<'r>,
    ) -> Result<Option<Cow<'r, str>>, ReadError> {
        match columns.value()? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => Ok(Some(Cow::Borrowed(columns.utf8(bytes)?))),
            ValueRef::Integer(id) => self.body(id, columns).map(|text| Some(Cow::Owned(text))),
            other => Err(columns.unreadable(describe(other))),
        }
    }

    /// The text of the next column, which must have one.
    pub(super) fn text<'r>(&self, columns: &mut Columns<'r>) -> Result<Cow<'r, str>, ReadError> {
        self.optional_text(columns)?
            .ok_or_else(|| columns.unreadable("nothing"))
    }

    /// The body with this id, which the column that was taken last refers to.
    pub(super) fn body(&self, id: i64, columns: &Columns<'_>) -> Result<String, ReadError> {
        let mut get = self.get.borrow_mut();
        let mut rows = get.query(params![id])?;
        let Some(row) = rows.next()? else {
            return Err(columns.unreadable(format!("body {id}, which is not there")));
        };
        let text = match row.get_ref(0)? {
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|error| error.to_string()),
            ValueRef::Blob(packed) => self.unpacker.borrow_mut().unpack(packed),
            other => Err(describe(other)),
        };
        text.map_err(|found| columns.unreadable(format!("body {id}: {found}")))
    }
}
