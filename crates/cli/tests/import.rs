//! Imports through the binary: a run on record with findings, told once however often it is imported, and errors with
//! file, place and hint.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_testkit::Workspace;
use serde_json::Value;
use std::path::Path;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/interop");
    root.join(name).to_str().unwrap().to_owned()
}

/// Mean of a metric of the first target.
fn mean(told: &Value, metric: &str) -> Value {
    let metrics = told["findings"]["targets"][0]["metrics"].as_array().unwrap();
    let found = metrics
        .iter()
        .find(|entry| entry["metric"] == metric && entry["statistic"] == "mean");
    found.unwrap()["value"].clone()
}

/// Protects the whole way: an Inspect log becomes a run with the means that Inspect reports, its report and its samples.
#[test]
fn an_inspect_log_becomes_a_run() {
    let workspace = workspace();
    let log = fixture("inspect.eval");
    let arguments = [
        "import",
        "inspect",
        &log,
        "--slice",
        "topic",
        "--json",
        "told.json",
    ];
    let _ = workspace.run(&arguments).expect_code(0);
    let told = workspace.json("told.json");
    assert_eq!(
        (
            told["schema"].as_str(),
            told["samples"].as_u64(),
            told["errors"].as_u64()
        ),
        (Some("seatrial.import/1"), Some(10), Some(2))
    );
    assert_eq!(told["warnings"].as_array().unwrap().len(), 0, "{told}");
    assert_eq!(
        (mean(&told, "includes"), mean(&told, "partial")),
        (0.375.into(), 0.25.into())
    );
    assert_eq!(told["findings"]["targets"][0]["model"], "mockllm/model");
    assert_eq!(told["findings"]["targets"][0]["client_queue_ms_p99"], Value::Null);
    let report = workspace.run(&["report", "latest"]).expect_code(0).stdout;
    assert!(
        report.contains("trivia.includes") && report.contains("topic=places"),
        "{report}"
    );
    let jsonl = workspace.run(&["export", "latest"]).expect_code(0).stdout;
    let errors = jsonl
        .lines()
        .filter(|line| line.contains("the tool broke"))
        .count();
    assert_eq!((jsonl.lines().count(), errors), (10, 2));
}

/// Protects the record: the same files are one run, however often they are imported.
#[test]
fn importing_again_makes_no_second_run() {
    let workspace = workspace();
    let rows = fixture("rows.csv");
    let once = |json: &str| {
        let _ = workspace
            .run(&["import", "results", &rows, "--json", json])
            .expect_code(0);
        workspace.json(json)
    };
    let (first, second) = (once("a.json"), once("b.json"));
    assert_eq!(first["run_id"], second["run_id"]);
    assert_eq!(
        (&first["already_on_record"], &second["already_on_record"]),
        (&false.into(), &true.into())
    );
    assert_eq!(first["findings"]["targets"], second["findings"]["targets"]);
}

/// Protects several files as one run: lm-eval writes one for each task.
#[test]
fn lm_eval_files_become_one_run() {
    let workspace = workspace();
    let file = |task: &str| {
        fixture(&format!(
            "lm_eval/org__small-model/samples_{task}_2026-01-31T12-00-00.000000.jsonl"
        ))
    };
    let (sums, colours) = (file("sums"), file("colours"));
    let out = workspace
        .run(&[
            "import", "lm-eval", &sums, &colours, "--name", "nightly", "--json", "-",
        ])
        .expect_code(0);
    let told: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(
        (told["suite"].as_str(), told["tasks"].as_array().unwrap().len()),
        (Some("nightly"), 2)
    );
    assert!(
        out.stderr.contains("org-small-model"),
        "the report goes to standard error: {}",
        out.stderr
    );
    assert!(
        told["run_id"].as_str().unwrap().starts_with("20260131T120000-"),
        "{told}"
    );
}

/// Protects the user: exit 2, the file, the place and a hint; nothing is left on record.
#[test]
fn broken_files_are_located_and_leave_nothing() {
    let workspace = workspace();
    workspace.write("cut.jsonl", "{\"doc_id\":0,\"resps\":[]}\n{\"doc_id\":");
    let out = workspace.run(&["import", "lm-eval", "cut.jsonl"]).expect_code(2);
    assert!(
        out.stderr.contains("cut.jsonl: line 2, column ") && out.stderr.contains("\nhint: "),
        "{}",
        out.stderr
    );
    let out = workspace
        .run(&["import", "inspect", "absent.eval"])
        .expect_code(2);
    assert!(
        out.stderr.contains("absent.eval: failed to open"),
        "{}",
        out.stderr
    );
    assert!(!workspace.path().join(".seatrial").exists());
}

/// Protects from taking a log that broke off for a result: what it has is shown, and the run neither passes nor says that
/// it was carried out.
#[test]
fn a_crashed_log_passes_nothing() {
    let workspace = workspace();
    let log = fixture("inspect-crashed.eval");
    let _ = workspace
        .run(&["import", "inspect", &log, "--json", "told.json"])
        .expect_code(0);
    let told = workspace.json("told.json");
    assert!(
        told["samples"].as_u64() < told["samples_expected"].as_u64(),
        "{told}"
    );
    let findings = &told["findings"];
    assert_eq!(
        (&findings["verdict"], &findings["exit_code"]),
        (&"inconclusive".into(), &130.into())
    );
    let report = workspace
        .run(&["report", "latest", "--gate"])
        .expect_code(130)
        .stdout;
    assert!(report.contains("INCONCLUSIVE"), "{report}");
}
