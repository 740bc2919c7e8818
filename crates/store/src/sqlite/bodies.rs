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
use std::collections::HashMap;

/// Why a text could not be written.
#[derive(Debug)]
pub(super) enum PlaceError {
    Sqlite(rusqlite::Error),
    Unreadable { column: String, found: String },
    TooLarge(usize),
}

impl From<rusqlite::Error> for PlaceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<ReadError> for PlaceError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Sqlite(error) => Self::Sqlite(error),
            ReadError::Unreadable { column, found } => Self::Unreadable { column, found },
        }
    }
}

/// Bodies that wait in memory until they are added to the index of hashes together. Hashes are random: added one by
/// one, each would rewrite a page of its own, and the cost of a body would grow with the number of bodies.
const UNINDEXED_MAX: usize = 4096;

/// What a connection knows of the bodies that are not in the index yet. The database is the truth: this is brought up to
/// date under the write lock, so that two processes still store a text once.
pub(super) struct UnindexedBodies {
    ids: HashMap<ContentHash, i64>,
    /// Bodies up to this id are in the index.
    indexed_to: i64,
    /// Bodies up to this id are in the index or in `ids`.
    seen_to: i64,
    limit: usize,
}

impl Default for UnindexedBodies {
    fn default() -> Self {
        Self::with_limit(UNINDEXED_MAX)
    }
}

impl UnindexedBodies {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self {
            ids: HashMap::new(),
            indexed_to: 0,
            seen_to: 0,
            limit,
        }
    }

    /// Forgets everything: what was added by a transaction that failed is not there.
    pub(super) fn forget(&mut self) {
        *self = Self::with_limit(self.limit);
    }

    /// Takes in what others have added.
    fn catch_up(&mut self, conn: &Connection) -> Result<(), ReadError> {
        let mut state = conn.prepare_cached("SELECT indexed_to FROM body_key_state")?;
        let indexed_to = state.query_row([], |row| row.get(0))?;
        if indexed_to != self.indexed_to {
            self.indexed_to = indexed_to;
            self.ids.retain(|_, id| *id > indexed_to);
        }
        self.seen_to = self.seen_to.max(indexed_to);
        let mut newer = conn.prepare_cached("SELECT id, hash FROM body WHERE id > ?1")?;
        let mut rows = newer.query(params![self.seen_to])?;
        while let Some(row) = rows.next()? {
            let mut columns = Columns::new(row);
            self.seen_to = columns.integer()?;
            let hash = columns.hash()?;
            self.ids.insert(hash, self.seen_to);
        }
        Ok(())
    }

    fn add(&mut self, hash: ContentHash, id: i64) {
        self.ids.insert(hash, id);
        self.seen_to = id;
    }

    /// Moves all bodies into the index, in its order, where there are enough of them.
    fn index_if_many(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if self.ids.len() < self.limit {
            return Ok(());
        }
        let mut keys: Vec<_> = self
            .ids
            .drain()
            .map(|(hash, id)| (hash_start(hash), id))
            .collect();
        keys.sort_unstable();
        let mut put = conn.prepare_cached("INSERT INTO body_key (hash_start, body) VALUES (?1, ?2)")?;
        for (hash_start, id) in keys {
            put.execute(params![hash_start, id])?;
        }
        let mut state = conn.prepare_cached("UPDATE body_key_state SET indexed_to = ?1")?;
        state.execute(params![self.seen_to])?;
        self.indexed_to = self.seen_to;
        Ok(())
    }
}

/// Half of the hash: the index has half the size, and the whole hash beside the body decides.
pub(super) fn hash_start(hash: ContentHash) -> i64 {
    let (start, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
    i64::from_be_bytes(*start)
}

/// Writes texts within a transaction.
pub(super) struct BodyWriter<'c> {
    conn: &'c Connection,
    packer: &'c mut Packer,
    packed: Vec<u8>,
    unindexed: &'c mut UnindexedBodies,
    /// Whether `unindexed` is up to date. Transactions without long texts never ask.
    is_current: bool,
}

impl<'c> BodyWriter<'c> {
    pub(super) fn new(
        conn: &'c Connection,
        packer: &'c mut Packer,
        unindexed: &'c mut UnindexedBodies,
    ) -> Self {
        Self {
            conn,
            packer,
            packed: Vec::new(),
            unindexed,
            is_current: false,
        }
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
        if !self.is_current {
            self.unindexed.catch_up(self.conn)?;
            self.is_current = true;
        }
        let hash = ContentHash::of(text);
        if let Some(id) = self.find(hash)? {
            return Ok(id);
        }
        let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let body = ToSqlOutput::Borrowed(if self.packer.pack(text, &mut self.packed) {
            ValueRef::Blob(&self.packed)
        } else {
            ValueRef::Text(text)
        });
        let sql = "INSERT INTO body (hash, bytes, body) VALUES (?1, ?2, ?3)";
        let id = self
            .conn
            .prepare_cached(sql)?
            .insert(params![hash.as_bytes(), bytes, body])?;
        self.unindexed.add(hash, id);
        Ok(id)
    }

    /// Ends the writing of bodies in this transaction.
    pub(super) fn finish(self) -> rusqlite::Result<()> {
        if self.is_current {
            self.unindexed.index_if_many(self.conn)?;
        }
        Ok(())
    }

    fn find(&self, hash: ContentHash) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.unindexed.ids.get(&hash) {
            return Ok(Some(*id));
        }
        let sql = "SELECT body.id FROM body_key CROSS JOIN body ON body.id = body_key.body \
            WHERE body_key.hash_start = ?1 AND body.hash = ?2";
        let mut find = self.conn.prepare_cached(sql)?;
        let key = params![hash_start(hash), hash.as_bytes()];
        find.query_row(key, |row| row.get(0)).optional()
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
