//! A disk that is full, through the binary: the record stays intact, the process says so with exit code 4 and reports what
//! is on record, and once there is room again the run is continued without asking twice for what was recorded.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_sim::SimHandle;
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::process::Command;

const CASES: u64 = 3000;
const CONCURRENCY: u64 = 16;

fn prepared() -> (Workspace, SimHandle) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, usize::try_from(CASES).unwrap());
    let server = simulate(&workspace, &json!({}));
    let target = format!("    limits: {{concurrency: {{fixed: {CONCURRENCY}}}}}\n");
    write_suite(&workspace, &server.base_url(), &target, "");
    (workspace, server)
}

/// Runs a script in the workspace with the same environment as the binary; `$SEATRIAL` is the binary.
fn script(workspace: &Workspace, shell: &[&str], text: &str) -> Finished {
    let bare = workspace.command(&[]);
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .arg(text)
        .current_dir(workspace.path())
        .env_clear();
    for (name, value) in bare.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("SEATRIAL", env!("CARGO_BIN_EXE_seatrial"));
    Finished::of(command.output())
}

fn metric(findings: &Value) -> &Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics
        .iter()
        .find(|metric| metric["metric"] == "exact_match")
        .unwrap()
}

/// What was recorded before the disk was full, and that it is told as it should be.
fn check_full(workspace: &Workspace, full: &Finished) -> u64 {
    let told = format!("{}{}", full.stdout, full.stderr);
    assert!(told.contains("failed to record results"), "{told}");
    assert!(told.contains("everything recorded so far is kept"), "{told}");
    assert!(told.contains("--resume") && !told.contains("panicked"), "{told}");
    let findings = workspace.json("full.json");
    assert_eq!(
        (&findings["exit_code"], &findings["verdict"]),
        (&4.into(), &"inconclusive".into())
    );
    assert_eq!(findings["execution"]["stopped_by"], "record_failed");
    let recorded = findings["samples_finished"].as_u64().unwrap();
    assert!(recorded > 0 && recorded < CASES, "{recorded}");
    recorded
}

/// What the resumed run made of it.
fn check_resumed(workspace: &Workspace, server: &SimHandle) {
    let findings = workspace.json("resumed.json");
    assert_eq!(
        (&metric(&findings)["n_scored"], &metric(&findings)["n_error"]),
        (&CASES.into(), &0.into())
    );
    let asked = server.stats().requests;
    // Batches that wait for the writer when it fails are lost with what is in flight.
    assert!(
        asked <= CASES + 2 * CONCURRENCY,
        "{asked} requests for {CASES} cases"
    );
}

/// Protects the record under a limit of file sizes, which is what a quota looks like.
#[test]
fn a_limit_of_file_sizes_leaves_the_record_intact() {
    let (workspace, server) = prepared();
    let limited = "ulimit -f 2000; exec \"$SEATRIAL\" run suite.yaml --json full.json";
    let full = script(&workspace, &["sh", "-c"], limited).expect_code(4);
    let recorded = check_full(&workspace, &full);
    let export = workspace.run(&["export", "latest"]).expect_code(0);
    assert_eq!(
        export.stdout.lines().count() as u64,
        recorded,
        "what is on record can be read"
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--resume", "--json", "resumed.json"])
        .expect_code(0);
    check_resumed(&workspace, &server);
}

/// Protects the record on a file system without room: a small one in memory, where the system lets a test mount one.
#[test]
fn a_full_file_system_leaves_the_record_intact() {
    let (workspace, server) = prepared();
    std::fs::create_dir(workspace.path().join("small")).unwrap();
    let mount = "mount -t tmpfs -o size=1500k none small";
    let unshared = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
    let tried = Command::new(unshared[0])
        .args(&unshared[1..])
        .arg(mount)
        .current_dir(workspace.path())
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        let notice =
            "a_full_file_system_leaves_the_record_intact skipped: no file system may be mounted here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
        return;
    }
    let text = format!(
        "{mount} || exit 90; \"$SEATRIAL\" run suite.yaml --store small --json full.json; code=$?; \
         [ $code = 4 ] || exit $code; mount -o remount,size=100m small || exit 91; \
         \"$SEATRIAL\" run suite.yaml --store small --resume --json resumed.json >&2 || exit 92"
    );
    let both = script(&workspace, &unshared, &text).expect_code(0);
    let _ = check_full(&workspace, &both);
    check_resumed(&workspace, &server);
}
