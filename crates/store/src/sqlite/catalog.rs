//! Plans, runs, findings and sessions in SQLite. Apart from the samples: these rows are few and written one by one.

use super::SqliteStore;
use super::errors::{ReadError, sqlite_error};
use super::rows::Columns;
use crate::{Catalog, RunHeader, RunRow, RunStatus, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, TransactionBehavior, params};
use seatrial_types::{ContentHash, RunId};

const RUN_COLUMNS: &str = "SELECT run.id, plan.hash, run.suite, run.suite_path, run.started_at, run.tool_version, \
    run.samples_planned, run.status, run.ended_at, run.exit_code, run.samples_finished \
    FROM run JOIN plan ON plan.number = run.plan";

impl Catalog for SqliteStore {
    fn put_plan(&mut self, hash: ContentHash, body: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO plan (hash, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.execute("record a plan", sql, params![hash.as_bytes(), body])?;
        Ok(())
    }

    fn plan(&self, hash: ContentHash) -> Result<Option<String>, StoreError> {
        let sql = "SELECT body FROM plan WHERE hash = ?1";
        self.text("read a plan", sql, params![hash.as_bytes()])
    }

    fn create_run(&mut self, header: &RunHeader) -> Result<(), StoreError> {
        let failed = self.error("record a run");
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if run_number(&transaction, &header.id).map_err(&failed)?.is_some() {
            let run = header.id.clone();
            return Err(StoreError::RunExists { run });
        }
        let sql = "INSERT INTO run (id, plan, suite, suite_path, started_at, tool_version, samples_planned, status) \
            SELECT ?1, number, ?3, ?4, ?5, ?6, ?7, ?8 FROM plan WHERE hash = ?2";
        let inserted = transaction
            .execute(
                sql,
                params![
                    header.id.as_str(),
                    header.plan_hash.as_bytes(),
                    header.suite,
                    header.suite_path,
                    header.started_at,
                    header.tool_version,
                    header.samples_planned.cast_signed(),
                    RunStatus::Running.as_str(),
                ],
            )
            .map_err(&failed)?;
        if inserted == 0 {
            let hash = header.plan_hash;
            return Err(StoreError::PlanUnknown { hash });
        }
        transaction.commit().map_err(failed)
    }

    fn run(&self, id: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.run_where("WHERE run.id = ?1", params![id.as_str()])
    }

    fn runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.runs_where("ORDER BY run.number DESC LIMIT ?1", params![limit])
    }

    fn newest_run_of(&self, plan_hash: ContentHash) -> Result<Option<RunRow>, StoreError> {
        let filter = "WHERE plan.hash = ?1 ORDER BY run.number DESC LIMIT 1";
        self.run_where(filter, params![plan_hash.as_bytes()])
    }

    fn newest_unfinished_run_of(&self, plan_hash: ContentHash) -> Result<Option<RunRow>, StoreError> {
        let filter = "WHERE plan.hash = ?1 AND run.status <> ?2 ORDER BY run.number DESC LIMIT 1";
        self.run_where(
            filter,
            params![plan_hash.as_bytes(), RunStatus::Finished.as_str()],
        )
    }

    fn end_run(
        &mut self,
        id: &RunId,
        status: RunStatus,
        ended_at: &str,
        exit_code: u8,
        findings: Option<&str>,
    ) -> Result<(), StoreError> {
        self.change_run("record the end of a run", id, |conn, number| {
            let sql = "UPDATE run SET status = ?2, ended_at = ?3, exit_code = ?4 WHERE number = ?1";
            conn.execute(sql, params![number, status.as_str(), ended_at, exit_code])?;
            if let Some(findings) = findings {
                let sql = "INSERT INTO run_findings (run, body) VALUES (?1, ?2) \
                    ON CONFLICT (run) DO UPDATE SET body = excluded.body";
                conn.execute(sql, params![number, findings])?;
            }
            Ok(())
        })
    }

    fn reopen_run(&mut self, id: &RunId) -> Result<(), StoreError> {
        self.change_run("reopen a run", id, |conn, number| {
            let sql = "UPDATE run SET status = ?2, ended_at = NULL, exit_code = NULL WHERE number = ?1";
            conn.execute(sql, params![number, RunStatus::Running.as_str()])?;
            conn.execute("DELETE FROM run_findings WHERE run = ?1", params![number])?;
            Ok(())
        })
    }

    fn findings(&self, id: &RunId) -> Result<Option<String>, StoreError> {
        let number = self.known_run_number(id)?;
        let sql = "SELECT body FROM run_findings WHERE run = ?1";
        self.text("read findings", sql, params![number])
    }

    fn append_session(&mut self, id: &RunId, json: &str) -> Result<(), StoreError> {
        self.change_run("record a session", id, |conn, number| {
            let sql = "INSERT INTO session (run, number, body) \
                SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM session WHERE run = ?1";
            conn.execute(sql, params![number, json])?;
            Ok(())
        })
    }

    fn sessions(&self, id: &RunId) -> Result<Vec<String>, StoreError> {
        let failed = self.error("read sessions");
        let number = self.known_run_number(id)?;
        let sql = "SELECT body FROM session WHERE run = ?1 ORDER BY number";
        let mut statement = self.conn.prepare_cached(sql).map_err(&failed)?;
        let rows = statement
            .query_map(params![number], |row| row.get(0))
            .map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}

impl SqliteStore {
    /// The number of a run that must be there.
    pub(super) fn known_run_number(&self, id: &RunId) -> Result<i64, StoreError> {
        let number = run_number(&self.conn, id).map_err(self.error("read runs"))?;
        number.ok_or_else(|| StoreError::RunUnknown { run: id.clone() })
    }

    fn execute(&self, doing: &'static str, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let run = || self.conn.prepare_cached(sql)?.execute(params);
        run().map_err(self.error(doing))
    }

    fn text(
        &self,
        doing: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<String>, StoreError> {
        let read = || {
            let mut statement = self.conn.prepare_cached(sql)?;
            statement.query_row(params, |row| row.get(0)).optional()
        };
        read().map_err(self.error(doing))
    }

    /// Changes what is said of a run that must be there, in one transaction.
    pub(super) fn change_run(
        &mut self,
        doing: &'static str,
        id: &RunId,
        change: impl FnOnce(&Connection, i64) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let failed = self.error(doing);
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        let Some(number) = run_number(&transaction, id).map_err(&failed)? else {
            return Err(StoreError::RunUnknown { run: id.clone() });
        };
        change(&transaction, number).map_err(&failed)?;
        transaction.commit().map_err(failed)
    }

    fn run_where(&self, filter: &str, params: impl Params) -> Result<Option<RunRow>, StoreError> {
        Ok(self.runs_where(filter, params)?.into_iter().next())
    }

    fn runs_where(&self, filter: &str, params: impl Params) -> Result<Vec<RunRow>, StoreError> {
        let doing = "read runs";
        let failed = |error| sqlite_error(&self.path, doing, error);
        let sql = format!("{RUN_COLUMNS} {filter}");
        let mut statement = self.conn.prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query(params).map_err(failed)?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let run = read_run(&mut Columns::new(row));
            runs.push(run.map_err(|error| error.at(&self.path, doing, || "a run".to_owned()))?);
        }
        Ok(runs)
    }
}

/// The number of a run in this database; `None` where there is no such run.
pub(super) fn run_number(conn: &Connection, id: &RunId) -> rusqlite::Result<Option<i64>> {
    let mut statement = conn.prepare_cached("SELECT number FROM run WHERE id = ?1")?;
    statement
        .query_row(params![id.as_str()], |row| row.get(0))
        .optional()
}

fn read_run(columns: &mut Columns<'_>) -> Result<RunRow, ReadError> {
    let header = RunHeader {
        id: RunId::from_text(columns.text()?),
        plan_hash: columns.hash()?,
        suite: columns.text()?.to_owned(),
        suite_path: columns.optional_text()?.map(str::to_owned),
        started_at: columns.text()?.to_owned(),
        tool_version: columns.text()?.to_owned(),
        samples_planned: columns.integer()?.cast_unsigned(),
    };
    Ok(RunRow {
        header,
        status: columns.word(RunStatus::from_word)?,
        ended_at: columns.optional_text()?.map(str::to_owned),
        exit_code: columns.optional_number()?,
        samples_finished: columns.integer()?.cast_unsigned(),
    })
}
