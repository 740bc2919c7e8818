//! What several processes, and processes that are killed, do to one record. Apart from the unit tests because it needs
//! processes: this test program starts itself again, with the part to play in the environment.

#![expect(
    clippy::unwrap_used,
    reason = "a failure of the tools of a test is a failure of the test"
)]

use rusqlite::Connection;
use seatrial_store::{Catalog, Events, RunHeader, RunStatus, SqliteStore, StoreError};
use seatrial_types::{
    Answer, Attempt, Call, ContentHash, Message, Role, RunId, SampleKey, SampleRecord, Timing,
};
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Folder of the store: set for a child process only.
const DIR: &str = "SEATRIAL_TEST_STORE_DIR";
/// Id of the run that the child appends to.
const RUN: &str = "SEATRIAL_TEST_STORE_RUN";
/// Number of batches that the child appends before it ends by itself.
const BATCHES: &str = "SEATRIAL_TEST_STORE_BATCHES";
const BATCH: u32 = 16;
const ACKNOWLEDGED: &str = "acknowledged ";

/// Not a test but a part: the writer that the tests below start in a process of its own.
#[test]
fn child_appends() {
    let (Ok(dir), Ok(run), Ok(batches)) = (std::env::var(DIR), std::env::var(RUN), std::env::var(BATCHES))
    else {
        return;
    };
    let mut store = SqliteStore::open(Path::new(&dir)).unwrap();
    let run = RunId::from_text(run);
    let _lock = store.lock_run(&run).unwrap();
    let first = u32::try_from(store.count(&run).unwrap()).unwrap().div_ceil(BATCH);
    for batch in first..first + batches.parse::<u32>().unwrap() {
        let samples: Vec<_> = (batch * BATCH..(batch + 1) * BATCH).map(sample).collect();
        store.append(&run, &samples).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{ACKNOWLEDGED}{}", (batch + 1) * BATCH).unwrap();
        out.flush().unwrap();
    }
}

/// Protects acknowledged results: whatever moment a process is killed at, what `append` returned for is there, whole
/// batches only, and the database is sound.
#[test]
fn killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let run = create_run(folder.path(), "run");
    let mut recorded = 0;
    // A few numbers of acknowledgements from none to past the first checkpoint; where in its work the child is when the
    // signal comes differs each time.
    for wait_for in [0, 1, 2, 3, 5, 8, 13, 40, 1, 120, 7, 0] {
        let (mut child, mut out) = start_child(folder.path(), &run, 1_000_000);
        let mut acknowledged = recorded;
        for _ in 0..wait_for {
            acknowledged = next_acknowledged(&mut out).expect("the child appends until it is killed");
        }
        child.kill().unwrap();
        // What it said before it died counts too.
        while let Some(more) = next_acknowledged(&mut out) {
            acknowledged = more;
        }
        assert!(!child.wait().unwrap().success(), "it was killed");

        let store = SqliteStore::open(folder.path()).unwrap();
        let _lock = store.lock_run(&run).expect("a killed process holds no lock");
        let samples = read_all(&store, &run);
        recorded = u32::try_from(samples.len()).unwrap();
        assert!(
            recorded >= acknowledged,
            "{acknowledged} acknowledged, {recorded} there"
        );
        assert!(
            recorded <= acknowledged + BATCH,
            "at most one batch was under way"
        );
        assert_eq!(recorded % BATCH, 0, "a batch is recorded whole or not at all");
        assert_eq!(samples, (0..recorded).map(sample).collect::<Vec<_>>());
        assert_eq!(store.count(&run).unwrap(), u64::from(recorded));
        assert_eq!(store.run(&run).unwrap().unwrap().status, RunStatus::Running);
        assert_sound(folder.path());
    }
    assert!(recorded >= 200 * BATCH);
}

/// Protects two runs at once: two processes write, a third reads meanwhile; nobody waits for ever, nothing is mixed up,
/// and a reader sees whole batches only.
#[test]
fn two_writers_and_a_reader_share_a_database() {
    const EACH: u32 = 60;
    let folder = tempfile::tempdir().unwrap();
    let runs = ["a", "b"].map(|id| create_run(folder.path(), id));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let store = SqliteStore::open_read_only(folder.path()).unwrap();
            loop {
                let last = ended.load(Ordering::Acquire);
                for run in &runs {
                    let mut seen = 0;
                    let read = store.for_each_figures(run, &mut |figures| {
                        assert_eq!(figures.key.case, seen);
                        seen += 1;
                        ControlFlow::Continue(())
                    });
                    read.unwrap();
                    assert_eq!(seen % BATCH, 0, "half a batch was seen");
                    assert!(u64::from(seen) <= store.count(run).unwrap());
                }
                if last {
                    break;
                }
            }
        });
        let children = runs.each_ref().map(|run| start_child(folder.path(), run, EACH));
        for (mut child, mut out) in children {
            while next_acknowledged(&mut out).is_some() {}
            assert!(child.wait().unwrap().success());
        }
        ended.store(true, Ordering::Release);
        reader.join().unwrap();
    });
    let store = SqliteStore::open_read_only(folder.path()).unwrap();
    for run in &runs {
        assert_eq!(
            read_all(&store, run),
            (0..EACH * BATCH).map(sample).collect::<Vec<_>>()
        );
    }
    assert_sound(folder.path());
}

/// Protects a run from being resumed twice at once, across processes: the second is told which process holds it.
#[test]
fn run_is_resumed_by_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let run = create_run(folder.path(), "run");
    let (mut child, mut out) = start_child(folder.path(), &run, 1_000_000);
    next_acknowledged(&mut out).expect("the child appends");
    let store = SqliteStore::open(folder.path()).unwrap();
    let error = store.lock_run(&run).unwrap_err();
    assert!(
        matches!(error, StoreError::RunInUse { holder: Some(pid), .. } if pid == child.id()),
        "{error}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    store.lock_run(&run).unwrap();
}

/// Protects the first moments: many that open a store that is not there yet make one database.
#[test]
fn opening_together_makes_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    std::thread::scope(|scope| {
        for index in 0..8 {
            let dir = &dir;
            scope.spawn(move || {
                create_run(dir, &format!("run-{index}"));
            });
        }
    });
    assert_eq!(
        SqliteStore::open_read_only(&dir)
            .unwrap()
            .runs(100)
            .unwrap()
            .len(),
        8
    );
    assert_sound(&dir);
}

fn create_run(dir: &Path, id: &str) -> RunId {
    let plan_hash = ContentHash::of(b"plan");
    let mut store = SqliteStore::open(dir).unwrap();
    store.put_plan(plan_hash, "plan").unwrap();
    let header = RunHeader {
        id: RunId::from_text(id),
        plan_hash,
        suite: "suite".to_owned(),
        suite_path: None,
        started_at: "2026-01-31T12:00:00Z".to_owned(),
        tool_version: "0.1.0".to_owned(),
        samples_planned: 1_000_000,
    };
    store.create_run(&header).unwrap();
    header.id
}

fn start_child(dir: &Path, run: &RunId, batches: u32) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_appends", "--exact", "--nocapture"])
        .env(DIR, dir)
        .env(RUN, run.as_str())
        .env(BATCHES, batches.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// The next number of samples that a child has appended; `None` at its end. The words of the test runner are skipped.
fn next_acknowledged(out: &mut BufReader<ChildStdout>) -> Option<u32> {
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 {
        // A line that is cut off by the kill was not acknowledged.
        let whole = line
            .strip_suffix('\n')
            .and_then(|line| line.strip_prefix(ACKNOWLEDGED));
        if let Some(number) = whole {
            return Some(number.parse().unwrap());
        }
        line.clear();
    }
    None
}

fn read_all(store: &SqliteStore, run: &RunId) -> Vec<SampleRecord> {
    let mut samples = Vec::new();
    let read = store.for_each_sample(run, &mut |sample| {
        samples.push(sample);
        ControlFlow::Continue(())
    });
    read.unwrap();
    samples
}

fn assert_sound(dir: &Path) {
    let conn = Connection::open(dir.join("seatrial.db")).unwrap();
    let verdict: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
    let violations: i64 = conn
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(violations, 0);
    let strays: i64 = conn
        .query_row(
            "SELECT (SELECT count(*) FROM sample_text) - (SELECT count(*) FROM sample) \
             + (SELECT count(*) FROM sample WHERE sample_text NOT IN (SELECT id FROM sample_text))",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(strays, 0, "each sample has its texts");
    let twice: i64 = conn
        .query_row("SELECT count(*) - count(DISTINCT hash) FROM body", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(twice, 0, "a long text is stored once, whoever writes it");
}

/// The sample of a case: every eighth with a long text, so that bodies are written too.
fn sample(case: u32) -> SampleRecord {
    let text = if case.is_multiple_of(8) {
        format!("answer {case} ").repeat(300)
    } else {
        format!("answer {case}")
    };
    SampleRecord {
        key: SampleKey {
            target: 0,
            task: 0,
            epoch: 0,
            case,
        },
        case_id: case.to_string().into(),
        cluster: None,
        slices: Vec::new(),
        prompt: vec![Message::new(Role::User, "a question that all share ".repeat(100))],
        call: Call {
            attempts: vec![Attempt {
                timing: Timing {
                    end_ns: u64::from(case),
                    ..Timing::default()
                },
                status: Some(200),
                ..Attempt::default()
            }],
            result: Ok(Answer {
                text,
                ..Answer::default()
            }),
            cached: false,
        },
        cost: None,
        started_unix_ms: i64::from(case),
        scores: Vec::new(),
    }
}
