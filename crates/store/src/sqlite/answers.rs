//! The response cache in SQLite. Apart from the samples, because it belongs to no run: a run can be removed or read
//! without it.

use super::SqliteStore;
use super::bodies::{BodyReader, BodyWriter};
use super::errors::{ReadError, sqlite_error};
use super::rows::Columns;
use super::sample_writer::AppendError;
use crate::{Answers, CachedAnswer, StoreError};
use rusqlite::{Connection, params};
use seatrial_types::{Answer, ContentHash, RunId, SampleRecord};

const SELECT: &str = "SELECT body FROM cached_answer WHERE key = ?1";
const READING: &str = "read a cached answer";
const KEEP_FIRST: &str =
    "INSERT INTO cached_answer (key, made_unix_ms, body) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const KEEP_LAST: &str = "INSERT INTO cached_answer (key, made_unix_ms, body) VALUES (?1, ?2, ?3) \
    ON CONFLICT (key) DO UPDATE SET made_unix_ms = excluded.made_unix_ms, body = excluded.body";

impl Answers for SqliteStore {
    fn cached_answer(&self, key: ContentHash) -> Result<Option<Answer>, StoreError> {
        let failed = |error| sqlite_error(&self.path, READING, error);
        let bodies = BodyReader::try_new(&self.conn, &self.unpacker).map_err(failed)?;
        let mut select = self.conn.prepare_cached(SELECT).map_err(failed)?;
        let mut rows = select.query(params![key.as_bytes()]).map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else {
            return Ok(None);
        };
        let read = |mut columns: Columns<'_>| -> Result<Answer, ReadError> {
            let json = bodies.text(&mut columns)?;
            serde_json::from_str(&json).map_err(|error| columns.unreadable(error.to_string()))
        };
        read(Columns::new(row))
            .map(Some)
            .map_err(|error| error.at(&self.path, READING, || format!("the cached answer {key}")))
    }

    fn append_with_answers(
        &mut self,
        run: &RunId,
        batch: &[SampleRecord],
        answers: &[CachedAnswer],
    ) -> Result<(), StoreError> {
        let appended = self.append_batch(run, batch, answers);
        if appended.is_err() {
            self.unindexed.forget();
        }
        appended
    }
}

/// Keeps the answers, within the transaction of a batch.
pub(super) fn put_answers(
    conn: &Connection,
    bodies: &mut BodyWriter<'_>,
    answers: &[CachedAnswer],
) -> Result<(), AppendError> {
    let mut json = Vec::new();
    for kept in answers {
        json.clear();
        serde_json::to_writer(&mut json, &kept.answer).map_err(AppendError::Encode)?;
        let sql = if kept.replaces { KEEP_LAST } else { KEEP_FIRST };
        let body = bodies.place(&json)?;
        conn.prepare_cached(sql)?
            .execute(params![kept.key.as_bytes(), kept.made_unix_ms, body])?;
    }
    Ok(())
}
