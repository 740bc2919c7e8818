//! The tables, as a list of migrations. Apart because what is in this list can never change again: a database of any
//! earlier version is brought up to date by the rest of the list. The layout and why it is so:
//! `docs/design/0002-record-layout.md`.

use super::errors::sqlite_error;
use crate::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// "SEAT": tells a Seatrial database from any other SQLite file.
pub(crate) const APPLICATION_ID: u32 = 0x5345_4154;

/// One step; its position in [`MIGRATIONS`], from 1, is the version that it leads to.
pub(crate) struct Migration {
    /// What it does, for the log of a failure.
    pub(crate) what: &'static str,
    /// Its statements.
    pub(crate) sql: &'static str,
}

/// All steps, oldest first.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        what: "create the tables",
        sql: TABLES,
    },
    Migration {
        what: "create the views",
        sql: VIEWS,
    },
    Migration {
        what: "make room for tool calls",
        sql: TOOL_CALLS,
    },
    Migration {
        what: "make room for cached answers",
        sql: CACHE,
    },
    Migration {
        what: "make room for the probabilities of tokens",
        sql: LOG_PROBABILITIES,
    },
    Migration {
        what: "make room for lifetimes of what is cached",
        sql: CACHE_LIFETIMES,
    },
];

const TABLES: &str = "
CREATE TABLE plan (
  number INTEGER PRIMARY KEY,
  hash   BLOB NOT NULL UNIQUE,
  body   TEXT NOT NULL
) STRICT;

CREATE TABLE run (
  number           INTEGER PRIMARY KEY AUTOINCREMENT,
  id               TEXT NOT NULL UNIQUE,
  plan             INTEGER NOT NULL REFERENCES plan (number),
  suite            TEXT NOT NULL,
  suite_path       TEXT,
  started_at       TEXT NOT NULL,
  tool_version     TEXT NOT NULL,
  samples_planned  INTEGER NOT NULL,
  status           TEXT NOT NULL,
  ended_at         TEXT,
  exit_code        INTEGER,
  samples_finished INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_by_plan ON run (plan);

CREATE TABLE run_findings (
  run  INTEGER PRIMARY KEY REFERENCES run (number),
  body TEXT NOT NULL
) STRICT;

CREATE TABLE session (
  run    INTEGER NOT NULL REFERENCES run (number),
  number INTEGER NOT NULL,
  body   TEXT NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- The figures of a sample. Small rows, clustered by key: analysis reads this table alone.
CREATE TABLE sample (
  run                INTEGER NOT NULL REFERENCES run (number),
  target             INTEGER NOT NULL,
  task               INTEGER NOT NULL,
  epoch              INTEGER NOT NULL,
  case_number        INTEGER NOT NULL,
  sample_text        INTEGER NOT NULL,
  started_unix_ms    INTEGER NOT NULL,
  attempts           INTEGER NOT NULL,
  error              TEXT,
  latency_ns         INTEGER,
  ttft_ns            INTEGER,
  queue_ns           INTEGER,
  input_tokens       INTEGER,
  output_tokens      INTEGER,
  cache_read_tokens  INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens   INTEGER,
  cost_picodollars   ANY,
  finish_reason      TEXT,
  served_model       TEXT,
  case_id            TEXT NOT NULL,
  cluster            TEXT,
  slices             TEXT,
  scores             TEXT NOT NULL,
  PRIMARY KEY (run, target, task, epoch, case_number)
) STRICT, WITHOUT ROWID;

-- The texts of a sample, in order of arrival. ANY: TEXT is the text itself, INTEGER the id of a body. No foreign key from
-- `sample`: it would cost a look-up for each row, and nothing writes one without the other.
CREATE TABLE sample_text (
  id            INTEGER PRIMARY KEY,
  streamed      INTEGER,
  request_id    TEXT,
  error_status  INTEGER,
  error_message ANY,
  status        INTEGER,
  timing        BLOB,
  attempts      ANY,
  prompt        ANY NOT NULL,
  answer        ANY
) STRICT;

-- Long texts, once for each content. TEXT is the text itself, BLOB the text packed with zstd.
CREATE TABLE body (
  id    INTEGER PRIMARY KEY,
  hash  BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  body  ANY NOT NULL
) STRICT;

-- Bodies by the first eight bytes of their hash, all those up to `indexed_to`: the rest is added in one go, in order,
-- when there are enough of them. No foreign key: the look-ups would be as random as what this avoids.
CREATE TABLE body_key (
  hash_start INTEGER NOT NULL,
  body       INTEGER NOT NULL,
  PRIMARY KEY (hash_start, body)
) STRICT, WITHOUT ROWID;
CREATE TABLE body_key_state (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  indexed_to INTEGER NOT NULL
) STRICT;
INSERT INTO body_key_state (one, indexed_to) VALUES (1, 0);
";

const VIEWS: &str = "
-- Samples for people. Long texts, which are bodies, show as NULL.
CREATE VIEW samples AS
SELECT run.id AS run, s.target, s.task, s.epoch, s.case_number, s.case_id, s.cluster, s.slices,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.started_unix_ms / 1000.0, 'unixepoch') AS started_at,
  s.attempts, s.error,
  s.latency_ns / 1e6 AS latency_ms, s.ttft_ns / 1e6 AS ttft_ms, s.queue_ns / 1e6 AS queue_ms,
  s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens,
  s.cost_picodollars / 1e12 AS cost_usd, s.finish_reason, s.served_model, t.request_id, s.scores,
  CASE typeof(t.error_message) WHEN 'text' THEN t.error_message END AS error_message,
  CASE typeof(t.prompt) WHEN 'text' THEN t.prompt END AS prompt,
  CASE typeof(t.answer) WHEN 'text' THEN t.answer END AS answer
FROM sample AS s JOIN run ON run.number = s.run JOIN sample_text AS t ON t.id = s.sample_text;

-- Scores for people, a row for each.
CREATE VIEW scores AS
SELECT run.id AS run, s.target, s.task, s.epoch, s.case_number, s.case_id,
  score.value ->> 0 AS scorer, score.value ->> 1 AS metric, score.value ->> 2 AS outcome,
  score.value ->> 3 AS value, score.value ->> 4 AS detail
FROM sample AS s JOIN run ON run.number = s.run, json_each(s.scores) AS score;
";

const TOOL_CALLS: &str = "
-- JSON of the tools that an answer asked for; NULL for none, which is what all earlier rows have.
ALTER TABLE sample_text ADD COLUMN tool_calls ANY;
";

const CACHE: &str = "
-- 1 where the answer came from the response cache; NULL where the target was asked, which is what all earlier rows have.
ALTER TABLE sample ADD COLUMN cached INTEGER;

-- Answers for those who want to be spared a call, by the hash of target, request and epoch. TEXT is the answer as JSON,
-- INTEGER the id of a body with it.
CREATE TABLE cached_answer (
  number       INTEGER PRIMARY KEY,
  key          BLOB NOT NULL UNIQUE,
  made_unix_ms INTEGER NOT NULL,
  body         ANY NOT NULL
) STRICT;

DROP VIEW samples;
CREATE VIEW samples AS
SELECT run.id AS run, s.target, s.task, s.epoch, s.case_number, s.case_id, s.cluster, s.slices,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.started_unix_ms / 1000.0, 'unixepoch') AS started_at,
  s.attempts, s.error, coalesce(s.cached, 0) AS cached,
  s.latency_ns / 1e6 AS latency_ms, s.ttft_ns / 1e6 AS ttft_ms, s.queue_ns / 1e6 AS queue_ms,
  s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens,
  s.cost_picodollars / 1e12 AS cost_usd, s.finish_reason, s.served_model, t.request_id, s.scores,
  CASE typeof(t.error_message) WHEN 'text' THEN t.error_message END AS error_message,
  CASE typeof(t.prompt) WHEN 'text' THEN t.prompt END AS prompt,
  CASE typeof(t.answer) WHEN 'text' THEN t.answer END AS answer
FROM sample AS s JOIN run ON run.number = s.run JOIN sample_text AS t ON t.id = s.sample_text;
";

const LOG_PROBABILITIES: &str = "
-- How many tokens of an answer came with a probability, and the sum of the natural logarithms of these; NULL where nobody
-- asked or nothing was told, which is what all earlier rows have.
ALTER TABLE sample_text ADD COLUMN log_prob_tokens INTEGER;
ALTER TABLE sample_text ADD COLUMN log_prob_sum REAL;
";

const CACHE_LIFETIMES: &str = "
-- Of cache_write_tokens those that were written for an hour; NULL where nobody tells, which is what all earlier rows have.
ALTER TABLE sample ADD COLUMN cache_write_1h_tokens INTEGER;
";

/// The newest version that this build knows.
pub(crate) const fn latest_version() -> u32 {
    // The list has a handful of entries.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the list has a handful of entries"
    )]
    let version = MIGRATIONS.len() as u32;
    version
}

/// The version of an open database.
pub(crate) fn version_of(conn: &Connection) -> rusqlite::Result<u32> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the database from its version up to `target`, each step a transaction of its own. A step that another
/// process has taken meanwhile is not taken again.
pub(crate) fn migrate(conn: &mut Connection, path: &Path, target: u32) -> Result<(), StoreError> {
    for (migration, version) in MIGRATIONS
        .iter()
        .zip(1_u32..)
        .take_while(|(_, version)| *version <= target)
    {
        migrate_step(conn, migration, version).map_err(|error| sqlite_error(path, migration.what, error))?;
    }
    Ok(())
}

fn migrate_step(conn: &mut Connection, migration: &Migration, version: u32) -> rusqlite::Result<()> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version_of(&transaction)? >= version {
        return Ok(());
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(migration.sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}
