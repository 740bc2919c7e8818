//! Tests of what is particular to SQLite: the file, its versions, its failures, its plans of queries, its views.

use super::bodies::UnindexedBodies;
use super::errors::sqlite_error;
use super::open::{connect_unchanging, make_database};
use super::schema::{APPLICATION_ID, MIGRATIONS, latest_version, version_of};
use super::{DATABASE_FILE, SqliteStore};
use crate::conformance::{self, plain_sample, start_run};
use crate::{Catalog, Events, StoreError};
use rusqlite::Connection;
use seatrial_types::{
    ContentHash, Message, Outcome, Role, RunId, SampleKey, SampleRecord, Score, ScoreRecord, SliceKey,
};
use std::ops::ControlFlow;
use std::path::Path;

const fn key(case: u32) -> SampleKey {
    SampleKey {
        target: 0,
        task: 0,
        epoch: 0,
        case,
    }
}

fn records(cases: std::ops::Range<u32>) -> Vec<SampleRecord> {
    cases.map(|case| plain_sample(key(case))).collect()
}

fn read_all(store: &SqliteStore, run: &RunId) -> Result<Vec<SampleRecord>, StoreError> {
    let mut samples = Vec::new();
    store.for_each_sample(run, &mut |sample| {
        samples.push(sample);
        ControlFlow::Continue(())
    })?;
    Ok(samples)
}

/// Protects the traits' promises.
#[test]
fn conforms() {
    let mut folders = Vec::new();
    conformance::check(&mut || {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        folders.push(folder);
        Box::new(store)
    });
}

/// Protects durability, memory and integrity settings from being lost.
#[test]
fn settings_hold() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let setting = |name: &str| -> rusqlite::types::Value {
        store
            .conn
            .pragma_query_value(None, name, |row| row.get(0))
            .unwrap()
    };
    let integer = rusqlite::types::Value::Integer;
    assert_eq!(
        setting("journal_mode"),
        rusqlite::types::Value::Text("wal".to_owned())
    );
    assert_eq!(setting("synchronous"), integer(2));
    assert_eq!(setting("foreign_keys"), integer(1));
    assert_eq!(setting("cache_size"), integer(-8192));
    assert_eq!(setting("application_id"), integer(i64::from(APPLICATION_ID)));
    assert_eq!(setting("user_version"), integer(i64::from(latest_version())));
    assert_eq!(
        setting("page_size"),
        integer(i64::from(super::settings::PAGE_BYTES))
    );
}

/// Protects the user's repository: a folder of our own is ignored whole, one with other files only where we write.
#[test]
fn record_stays_out_of_version_control() {
    let folder = tempfile::tempdir().unwrap();
    let ignore_file = |dir: &Path| std::fs::read_to_string(dir.join(".gitignore")).unwrap();
    let own = folder.path().join("a/.seatrial");
    SqliteStore::open(&own).unwrap();
    assert_eq!(ignore_file(&own), "*\n");
    std::fs::write(own.join(".gitignore"), "mine").unwrap();
    std::fs::remove_file(own.join(DATABASE_FILE)).unwrap();
    SqliteStore::open(&own).unwrap();
    assert_eq!(ignore_file(&own), "mine");
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("suite.yaml"), "").unwrap();
    SqliteStore::open(&shared).unwrap();
    assert_eq!(ignore_file(&shared), "/seatrial.db*\n/locks/\n");
}

/// Protects a run's memory of itself: what was recorded is there after closing and opening, for writing and reading.
#[test]
fn record_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let samples = records(0..100);
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    store.append(&run, &samples).unwrap();
    // Read while the writer is open, and its log not yet in the database.
    let mut reader = SqliteStore::open_read_only(folder.path()).unwrap();
    assert_eq!(read_all(&reader, &run).unwrap(), samples);
    assert!(matches!(
        reader.append(&run, &records(100..101)),
        Err(StoreError::ReadOnly { .. })
    ));
    assert!(matches!(
        reader.put_plan(ContentHash::of(b"x"), "x"),
        Err(StoreError::ReadOnly { .. })
    ));
    drop((store, reader));
    assert_eq!(
        read_all(&SqliteStore::open(folder.path()).unwrap(), &run).unwrap(),
        samples
    );
    assert_eq!(
        read_all(&SqliteStore::open_read_only(folder.path()).unwrap(), &run).unwrap(),
        samples
    );
}

/// Protects readers from making things: no folder, no file, and a plain word.
#[test]
fn reading_nothing_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("none");
    let error = SqliteStore::open_read_only(&dir).unwrap_err();
    assert!(matches!(error, StoreError::Absent { .. }), "{error}");
    assert!(!dir.exists());
}

/// Protects reading from a medium that cannot be written, wherever it is mounted.
#[test]
fn unchanging_files_are_read_without_companions() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("100% #1 ?é");
    let mut store = SqliteStore::open(&dir).unwrap();
    start_run(&mut store, "run", "plan");
    drop(store);
    let conn = connect_unchanging(&dir.join(DATABASE_FILE)).unwrap();
    let runs: i64 = conn
        .query_row("SELECT count(*) FROM run", [], |row| row.get(0))
        .unwrap();
    assert_eq!(runs, 1);
    assert!(!dir.join("seatrial.db-shm").exists());
}

/// Makes a store of an earlier version, with a run and samples as that version wrote them.
fn store_of_version(dir: &Path, version: u32, samples: &[SampleRecord]) -> RunId {
    // Migrations so far only add columns: rows of today without them are rows of then. One that changes more gets its
    // rows here, in SQL.
    std::fs::create_dir_all(dir).unwrap();
    let mut store = SqliteStore::open(dir).unwrap();
    let run = start_run(&mut store, "old", "plan");
    store.append(&run, samples).unwrap();
    let today = store.path.clone();
    let old = dir.join("old.db");
    make_database(&old, version).unwrap();
    {
        let conn = Connection::open(&old).unwrap();
        conn.execute("ATTACH ?1 AS today", [today.to_str().unwrap()])
            .unwrap();
        for table in [
            "plan",
            "run",
            "run_findings",
            "session",
            "sample",
            "sample_text",
            "body",
            "body_key",
            "body_key_state",
        ] {
            let columns = columns_of(&conn, table).join(", ");
            let sql = format!(
                "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}"
            );
            conn.execute(&sql, []).unwrap();
        }
    }
    drop(store);
    std::fs::rename(&old, &today).unwrap();
    run
}

fn columns_of(conn: &Connection, table: &str) -> Vec<String> {
    let mut names = conn
        .prepare("SELECT name FROM pragma_table_info(?1, 'main')")
        .unwrap();
    let rows = names.query_map([table], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Protects the record of earlier versions: each is brought up to date with all its rows, for writers and for readers.
#[test]
fn earlier_versions_are_migrated() {
    let samples = records(0..10);
    for version in 1..latest_version() {
        for reading in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let run = store_of_version(folder.path(), version, &samples);
            let path = folder.path().join(DATABASE_FILE);
            assert_eq!(version_of(&Connection::open(&path).unwrap()).unwrap(), version);
            let store = if reading {
                SqliteStore::open_read_only(folder.path()).unwrap()
            } else {
                SqliteStore::open(folder.path()).unwrap()
            };
            assert_eq!(version_of(&store.conn).unwrap(), latest_version());
            assert_eq!(read_all(&store, &run).unwrap(), samples);
            let schema_of = |conn: &Connection| -> Vec<String> {
                let mut rows = conn
                    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
                    .unwrap();
                let schema = rows.query_map([], |row| row.get(0)).unwrap();
                schema.collect::<Result<_, _>>().unwrap()
            };
            let fresh = tempfile::tempdir().unwrap();
            let fresh = SqliteStore::open(fresh.path()).unwrap();
            assert_eq!(
                schema_of(&store.conn),
                schema_of(&fresh.conn),
                "as if it had been made today"
            );
        }
    }
}

/// Protects prompts that were recorded when a message was role and content alone: they read, and plain messages are
/// still written in just that form.
#[test]
fn plain_prompts_keep_their_first_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    let mut sample = plain_sample(key(0));
    sample.prompt = vec![
        Message::new(Role::System, "Be brief."),
        Message::new(Role::User, "Hi"),
    ];
    store.append(&run, &[sample.clone()]).unwrap();
    let first_form = r#"[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]"#;
    let written: String = store
        .conn
        .query_row("SELECT prompt FROM sample_text", [], |row| row.get(0))
        .unwrap();
    assert_eq!(written, first_form);
    assert_eq!(read_all(&store, &run).unwrap(), [sample]);
}

/// Protects old databases from a change of what their version means: a migration that was released is never edited.
#[test]
fn migrations_are_only_added() {
    let hashes: Vec<String> = MIGRATIONS
        .iter()
        .map(|migration| ContentHash::of(migration.sql.as_bytes()).to_string())
        .collect();
    assert_eq!(
        hashes,
        [
            "48da095e7427cbb8d485063b73da647f",
            "cb4bbfb379f5b5cf11325d519e90391d",
            "a9c8245a02e841bc11194ad2bfeefaa4",
            "670f516b1f6d3ba9c3f020a1cfa81a6a",
            "a5f794742e909c231b9bfc69a58938e2",
            "4212659d6df78547970a738902b5343c",
        ]
    );
}

/// Protects files that are not ours, or not yet ours: refused with a clear word, and not a byte changed.
#[test]
fn foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    let refused = |expected: &str| {
        let before = std::fs::read(&path).unwrap();
        for error in [
            SqliteStore::open(folder.path()).unwrap_err(),
            SqliteStore::open_read_only(folder.path()).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains(expected) && text.contains("hint: "), "{text}");
            assert!(text.contains(path.to_str().unwrap()), "{text}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let mut names: Vec<_> = folder
            .path()
            .read_dir()
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, [DATABASE_FILE], "nothing was put beside it");
    };
    std::fs::write(&path, "some notes, no database").unwrap();
    refused("a file that is no SQLite database");
    std::fs::write(&path, b"SQLite format 3\0").unwrap();
    refused("a header of 16 bytes");
    std::fs::remove_file(&path).unwrap();
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(foreign);
    refused("application id 0x00000000");
    std::fs::remove_file(&path).unwrap();
    make_database(&path, latest_version()).unwrap();
    let newer = Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", latest_version() + 1)
        .unwrap();
    drop(newer);
    refused("use the newer seatrial");
}

/// Protects a database that a newer version has just changed and not yet written back from its log.
#[test]
fn newer_version_in_the_log_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    drop(SqliteStore::open(folder.path()).unwrap());
    let newer = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    newer
        .pragma_update(None, "user_version", latest_version() + 1)
        .unwrap();
    let error = SqliteStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
}

/// Protects against half-made databases: one that a dying process left behind is replaced, an empty file as well.
#[test]
fn unfinished_creation_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("seatrial.db.new"), "half a database").unwrap();
    std::fs::write(folder.path().join("seatrial.db.new-journal"), "half a journal").unwrap();
    std::fs::write(folder.path().join(DATABASE_FILE), "").unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    start_run(&mut store, "run", "plan");
    assert!(!folder.path().join("seatrial.db.new").exists());
}

/// Protects users from silent damage: a file with rotten pages is named, and reading it gives errors, not other values.
#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    store.append(&run, &records(0..2000)).unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() / 2;
    bytes[from..from + 100_000].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let error = read_all(&store, &run).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

/// Protects reading from rows that another program has changed: an error that names the column and the sample.
#[test]
fn unreadable_values_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    for (column, change) in [
        ("scores", "UPDATE sample SET scores = '[[0]]'"),
        ("error", "UPDATE sample SET error = 'bad luck'"),
        ("finish_reason", "UPDATE sample SET finish_reason = 'tired'"),
        ("attempts", "UPDATE sample SET attempts = -1"),
        ("cost_picodollars", "UPDATE sample SET cost_picodollars = 'much'"),
        ("timing", "UPDATE sample_text SET timing = x'ff'"),
        ("prompt", "UPDATE sample_text SET prompt = 77"),
        (
            "prompt",
            "UPDATE sample_text SET prompt = '[{\"role\":\"user\"}]'",
        ),
        ("answer", "UPDATE sample_text SET answer = x'0102'"),
        (
            "answer",
            "INSERT INTO body (id, hash, bytes, body) VALUES (9, x'', 0, x'0102'); UPDATE sample_text SET answer = 9",
        ),
        ("answer", "UPDATE sample_text SET answer = 1.5"),
        ("answer", "UPDATE sample_text SET answer = NULL"),
    ] {
        store
            .conn
            .execute_batch("DELETE FROM sample; DELETE FROM sample_text")
            .unwrap();
        store.append(&run, &records(5..6)).unwrap();
        store.conn.execute_batch(change).unwrap();
        let text = read_all(&store, &run).unwrap_err().to_string();
        let place = format!("`{column}` of a sample of run `run` (target 0, task 0, epoch 0, case 5)");
        assert!(text.contains(&place) || column == "attempts", "{change}: {text}");
        assert!(text.contains("hint: "), "{text}");
    }
}

/// Protects the record when the disk is full: an error that says so, nothing half written, and on it goes afterwards.
#[test]
fn full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    store.append(&run, &records(0..64)).unwrap();
    let pages: i64 = store
        .conn
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .conn
        .pragma_update(None, "max_page_count", pages + 3)
        .unwrap();
    let error = store.append(&run, &records(64..3000)).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(
        error.to_string().contains(DATABASE_FILE) && error.to_string().contains("hint: "),
        "{error}"
    );
    assert_eq!(store.count(&run).unwrap(), 64);
    assert_eq!(read_all(&store, &run).unwrap(), records(0..64));
    store
        .conn
        .pragma_update(None, "max_page_count", 1_000_000)
        .unwrap();
    store.append(&run, &records(64..3000)).unwrap();
    assert_eq!(read_all(&store, &run).unwrap(), records(0..3000));
    let verdict: String = store
        .conn
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}

/// Protects messages: what SQLite says of the disk, of locks and of damage becomes a cause that a caller can act on.
#[test]
fn causes_are_told_apart() {
    let path = Path::new("x.db");
    let error_of = |code| {
        let failure = rusqlite::ffi::Error::new(code);
        sqlite_error(
            path,
            "record samples",
            rusqlite::Error::SqliteFailure(failure, None),
        )
    };
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_FULL),
        StoreError::Full { .. }
    ));
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_IOERR_WRITE),
        StoreError::Disk { .. }
    ));
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_BUSY),
        StoreError::Busy { .. }
    ));
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_CORRUPT),
        StoreError::Corrupt { .. }
    ));
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_READONLY),
        StoreError::ReadOnly { .. }
    ));
    assert!(matches!(
        error_of(rusqlite::ffi::SQLITE_MISUSE),
        StoreError::Database { .. }
    ));
}

/// Protects the speed of large runs: every stream follows the key, without sorting and without reading whole tables.
#[test]
fn streams_follow_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    for sql in [
        super::sample_reader::SELECT_KEYS,
        super::sample_reader::SELECT_FIGURES,
        super::sample_reader::SELECT_SAMPLES,
    ] {
        let mut statement = store.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = statement
            .query_map([1], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = steps.join("\n");
        assert!(
            plan.contains("SEARCH") && plan.contains("PRIMARY KEY (run=?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
    }
}

/// Protects the size of the record: a long text that many samples share is stored once, a short one in its row.
#[test]
fn long_texts_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    let mut samples = records(0..50);
    for sample in &mut samples {
        sample.prompt[0].content = "You are a patient assistant. ".repeat(200);
    }
    store.append(&run, &samples).unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM body"), 1);
    assert_eq!(read_all(&store, &run).unwrap(), samples);
}

/// A sample whose prompt is a text of its own for each `text`, long enough to be a body.
fn long_sample(case: u32, text: u32) -> SampleRecord {
    let mut sample = plain_sample(key(case));
    sample.prompt[0].content = format!("context {text}, ").repeat(300);
    sample
}

fn count(store: &SqliteStore, sql: &str) -> i64 {
    store.conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Protects "once for each content" while bodies move into their index: before, at and after the move, in this process
/// and for another one, and after a batch that failed.
#[test]
fn bodies_are_found_before_and_after_they_are_indexed() {
    const LIMIT: usize = 10;
    const TEXTS: u32 = 37;
    let folder = tempfile::tempdir().unwrap();
    let mut stores = [(); 2].map(|()| {
        let mut store = SqliteStore::open(folder.path()).unwrap();
        store.unindexed = UnindexedBodies::with_limit(LIMIT);
        store
    });
    let run = start_run(&mut stores[0], "run", "plan");
    let mut written = Vec::new();
    for round in 0..3 {
        for text in 0..TEXTS {
            // The two processes take turns with the same texts, a step apart.
            let case = u32::try_from(written.len()).unwrap();
            let samples = [
                long_sample(case, text),
                long_sample(case + 1, (text + round) % TEXTS),
            ];
            stores[(case as usize / 2) % 2].append(&run, &samples).unwrap();
            written.extend(samples);
        }
        // A batch that fails takes its bodies with it; the next one must not believe in them.
        let store = &mut stores[0];
        let pages: i64 = count(store, "PRAGMA page_count");
        let failing: Vec<_> = (0..5000)
            .map(|case| long_sample(100_000 + case, 100_000 + case))
            .collect();
        store
            .conn
            .pragma_update(None, "max_page_count", pages + 2)
            .unwrap();
        assert!(matches!(
            store.append(&run, &failing),
            Err(StoreError::Full { .. })
        ));
        store
            .conn
            .pragma_update(None, "max_page_count", 1_000_000)
            .unwrap();
    }
    let case = u32::try_from(written.len()).unwrap();
    written.push(long_sample(case, 100_000));
    stores[0].append(&run, &written[case as usize..]).unwrap();
    for store in &stores {
        assert_eq!(count(store, "SELECT count(*) FROM body"), i64::from(TEXTS) + 1);
        assert!(count(store, "SELECT count(*) FROM body_key") >= i64::from(TEXTS) - LIMIT as i64);
        assert_eq!(
            count(store, "SELECT count(*) FROM body_key"),
            count(
                store,
                "SELECT count(*) FROM body, body_key_state WHERE id <= indexed_to"
            ),
            "the index holds all bodies up to where it says"
        );
        assert_eq!(read_all(store, &run).unwrap(), written);
    }
}

/// Protects texts from each other: two bodies whose hashes start alike are two bodies.
#[test]
fn half_a_hash_does_not_decide() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    store.unindexed = UnindexedBodies::with_limit(1);
    let run = start_run(&mut store, "run", "plan");
    store.append(&run, &[long_sample(0, 0)]).unwrap();
    // The index now says that the text to come is the first body.
    let text = long_sample(1, 1).prompt[0].content.clone();
    let start = super::bodies::hash_start(ContentHash::of(text.as_bytes()));
    store
        .conn
        .execute("UPDATE body_key SET hash_start = ?1", [start])
        .unwrap();
    store.append(&run, &[long_sample(1, 1)]).unwrap();
    assert_eq!(
        read_all(&store, &run).unwrap(),
        [long_sample(0, 0), long_sample(1, 1)]
    );
    assert_eq!(count(&store, "SELECT count(*) FROM body"), 2);
}

/// Protects people who query with SQL: names, units and JSON paths of the views.
#[test]
fn views_can_be_queried() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(folder.path()).unwrap();
    let run = start_run(&mut store, "run", "plan");
    let mut sample = plain_sample(key(3));
    sample.slices = vec![SliceKey {
        column: "topic".to_owned(),
        value: "refunds".to_owned(),
    }];
    let score = Score {
        metric: 0,
        outcome: Outcome::Scored,
        value: Some(0.25),
        detail: Some("B".to_owned()),
    };
    sample.scores = vec![ScoreRecord { scorer: 1, score }];
    store.append(&run, &[sample]).unwrap();
    let text = |sql: &str| -> String { store.conn.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(
        text(
            "SELECT run || ' ' || case_id || ' ' || started_at || ' ' || latency_ms || ' ' || cost_usd || ' ' || answer FROM samples"
        ),
        "run case-3 2026-01-31T12:00:00.003Z 12.325678 3.7e-06 It is 3."
    );
    assert_eq!(text("SELECT slices ->> '$.topic' FROM samples"), "refunds");
    assert_eq!(
        text("SELECT json_extract(prompt, '$[0].content') FROM samples"),
        "What is 3 + 0?"
    );
    assert_eq!(
        text("SELECT scorer || ' ' || metric || ' ' || outcome || ' ' || value || ' ' || detail FROM scores"),
        "1 0 scored 0.25 B"
    );
}
