//! The samples of runs in SQLite: one transaction for each batch, streams in key order. Apart from the catalogue because
//! these rows come by the hundred thousand.

use super::SqliteStore;
use super::answers::put_answers;
use super::bodies::{BodyReader, BodyWriter};
use super::catalog::run_number;
use super::errors::{ReadError, sqlite_error};
use super::rows::Columns;
use super::sample_reader::{
    Names, SELECT_FIGURES, SELECT_KEYS, SELECT_SAMPLE, SELECT_SAMPLES, read_figures, read_key, read_sample,
};
use super::sample_writer::{APPENDING, append_all};
use crate::{Answers, CachedAnswer, Events, StoreError};
use rusqlite::{TransactionBehavior, params};
use seatrial_types::{RunId, SampleFigures, SampleKey, SampleRecord};
use std::ops::ControlFlow;

const COUNT: &str = "SELECT samples_finished FROM run WHERE number = ?1";
const READING: &str = "read samples";

impl Events for SqliteStore {
    fn append(&mut self, run: &RunId, batch: &[SampleRecord]) -> Result<(), StoreError> {
        self.append_with_answers(run, batch, &[])
    }

    fn finished_keys(&self, run: &RunId, f: &mut dyn FnMut(SampleKey)) -> Result<(), StoreError> {
        self.for_each_row(SELECT_KEYS, run, &mut |columns| {
            f(read_key(columns)?);
            Ok(ControlFlow::Continue(()))
        })
    }

    fn for_each_figures(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleFigures) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut names = Names::default();
        self.for_each_row(SELECT_FIGURES, run, &mut |columns| {
            Ok(f(read_figures(columns, &mut names)?))
        })
    }

    fn for_each_sample(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut names = Names::default();
        let bodies = BodyReader::try_new(&self.conn, &self.unpacker).map_err(self.error(READING))?;
        self.for_each_row(SELECT_SAMPLES, run, &mut |columns| {
            Ok(f(read_sample(columns, &bodies, &mut names)?))
        })
    }

    fn sample(&self, run: &RunId, key: SampleKey) -> Result<Option<SampleRecord>, StoreError> {
        let number = self.known_run_number(run)?;
        let failed = |error| sqlite_error(&self.path, READING, error);
        let bodies = BodyReader::try_new(&self.conn, &self.unpacker).map_err(self.error(READING))?;
        let mut statement = self.conn.prepare_cached(SELECT_SAMPLE).map_err(failed)?;
        let mut rows = statement
            .query(params![number, key.target, key.task, key.epoch, key.case])
            .map_err(failed)?;
        let Some(row) = rows.next().map_err(failed)? else {
            return Ok(None);
        };
        let read = read_sample(&mut Columns::new(row), &bodies, &mut Names::default());
        let place = || format!("a sample of run `{run}` ({})", place_of(key));
        read.map(Some)
            .map_err(|error| error.at(&self.path, READING, place))
    }

    fn forget_errors(&mut self, run: &RunId) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        self.change_run("take errors off a run", run, |conn, number| {
            let sql = "DELETE FROM sample WHERE run = ?1 AND error IS NOT NULL";
            forgotten = conn.execute(sql, params![number])?;
            let left = i64::try_from(forgotten).unwrap_or(i64::MAX);
            let sql = "UPDATE run SET samples_finished = samples_finished - ?2 WHERE number = ?1";
            conn.execute(sql, params![number, left]).map(|_| ())
        })?;
        Ok(forgotten as u64)
    }

    fn count(&self, run: &RunId) -> Result<u64, StoreError> {
        let number = self.known_run_number(run)?;
        let count = || {
            self.conn
                .prepare_cached(COUNT)?
                .query_row(params![number], |row| row.get(0))
        };
        count().map(i64::cast_unsigned).map_err(self.error(READING))
    }
}

impl SqliteStore {
    /// Samples and answers in one transaction.
    pub(super) fn append_batch(
        &mut self,
        run: &RunId,
        batch: &[SampleRecord],
        answers: &[CachedAnswer],
    ) -> Result<(), StoreError> {
        let path = &self.path;
        let failed = |error| sqlite_error(path, APPENDING, error);
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let Some(number) = run_number(&transaction, run).map_err(failed)? else {
            return Err(StoreError::RunUnknown { run: run.clone() });
        };
        let mut bodies = BodyWriter::new(&transaction, &mut self.packer, &mut self.unindexed);
        put_answers(&transaction, &mut bodies, answers).map_err(|error| error.in_database(path))?;
        append_all(&transaction, bodies, number, batch).map_err(|error| error.in_database(path))?;
        transaction.commit().map_err(failed)
    }

    /// Calls `f` for each row of a query whose parameter is the number of a run and whose first columns are the key.
    fn for_each_row(
        &self,
        sql: &str,
        run: &RunId,
        f: &mut dyn FnMut(&mut Columns<'_>) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), StoreError> {
        let failed = |error| sqlite_error(&self.path, READING, error);
        let number = self.known_run_number(run)?;
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params![number]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let flow = f(&mut Columns::new(row)).map_err(|error| {
                error.at(&self.path, READING, || {
                    let place = read_key(&mut Columns::new(row))
                        .map_or_else(|_| "an unreadable place".to_owned(), place_of);
                    format!("a sample of run `{run}` ({place})")
                })
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn place_of(key: SampleKey) -> String {
    format!(
        "target {}, task {}, epoch {}, case {}",
        key.target, key.task, key.epoch, key.case
    )
}
