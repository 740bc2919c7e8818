//! `seatrial doctor` through the binary: what is in the way is found, named, and told with what to do; keys never are.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};

const CANARY: &str = "sk-canary-0123456789";

fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    workspace
}

fn doctor(workspace: &Workspace, arguments: &[&str], key: Option<&str>) -> (Finished, Value) {
    let all: Vec<&str> = ["doctor"]
        .iter()
        .chain(arguments)
        .chain(&["--json", "doctor.json"])
        .copied()
        .collect();
    let mut command = workspace.command(&all);
    if let Some(key) = key {
        command.env("SOME_KEY", key);
    }
    let finished = Finished::of(command.output());
    let report = workspace.json("doctor.json");
    assert_eq!(report["schema"], "seatrial.doctor/1");
    assert_eq!(report["exit_code"], finished.code);
    let schema = workspace.run(&["schema", "doctor"]).expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    let errors: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    (finished, report)
}

fn check<'a>(report: &'a Value, subject: &str, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|check| check["subject"] == subject && check["name"] == name);
    assert!(found.is_some(), "no check {subject} {name} in {report:#}");
    found.unwrap()
}

#[track_caller]
fn assert_fails(report: &Value, subject: &str, name: &str, words: &str) {
    let check = check(report, subject, name);
    assert_eq!(check["status"], "fail", "{check}");
    let text = format!("{} {}", check["found"], check["hint"]);
    assert!(text.contains(words), "{text}");
    assert!(
        check["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
        "{check}"
    );
}

/// Protects the good case: nothing is asked that costs money, nothing is left behind, exit code 0.
#[test]
fn a_healthy_suite_has_nothing_in_the_way() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "    api_key_env: SOME_KEY\n", "");
    let (finished, report) = doctor(&workspace, &["suite.yaml"], Some(CANARY));
    assert_eq!(finished.code, 0, "{}", finished.stdout);
    assert_eq!(server.stats().requests, 0, "no prompt is sent without --call");
    assert!(
        check(&report, "t", "answer")["found"]
            .as_str()
            .unwrap()
            .contains("lists `m`")
    );
    assert!(
        check(&report, "t", "key")["found"]
            .as_str()
            .unwrap()
            .contains("SOME_KEY is set (20 characters)")
    );
    for name in ["processors", "clocks", "certificates", "terminal"] {
        assert_ne!(check(&report, "machine", name)["found"], "");
    }
    assert_eq!(check(&report, "record", "folder")["status"], "ok");
    assert!(
        !workspace.path().join(".seatrial").exists(),
        "looking makes no record"
    );
    assert!(!format!("{}{}{report}", finished.stdout, finished.stderr).contains(CANARY));

    let (finished, report) = doctor(&workspace, &["suite.yaml", "--call"], Some(CANARY));
    assert_eq!(finished.code, 0, "{}", finished.stdout);
    assert_eq!(server.stats().requests, 1);
    assert_eq!(check(&report, "t", "call")["status"], "ok");

    let bare = workspace.run(&["doctor", "--json", "-"]).expect_code(0);
    let report: Value = serde_json::from_str(&bare.stdout).unwrap();
    assert_ne!(report["verdict"], "fail", "{report:#}");
    assert!(bare.stderr.contains("machine"), "{}", bare.stderr);
}

/// Protects people in front of an endpoint that does not work: each step that fails is named with what to do, and the
/// exit code says whether the suite or the world is at fault.
#[test]
fn what_is_in_the_way_is_named() {
    let workspace = workspace();
    write_suite(&workspace, "http://127.0.0.1:1/v1", "", "");
    let (finished, report) = doctor(&workspace, &["suite.yaml"], None);
    assert_eq!(finished.code, 4, "{}", finished.stdout);
    assert_fails(&report, "t", "connection", "is the server running");

    write_suite(
        &workspace,
        "http://no-such-host.invalid/v1",
        "    api_key_env: SOME_KEY\n",
        "",
    );
    let (finished, report) = doctor(&workspace, &["suite.yaml"], Some(CANARY));
    assert_eq!(finished.code, 4, "{}", finished.stdout);
    assert_fails(&report, "t", "name", "could not be resolved");

    write_suite(
        &workspace,
        "https://api.example.invalid/v1",
        "    api_key_env: SOME_KEY\n",
        "",
    );
    let (finished, report) = doctor(&workspace, &["suite.yaml"], None);
    assert_eq!(finished.code, 2, "{}", finished.stdout);
    assert_fails(&report, "t", "key", "SOME_KEY is not set");
    let (_, report) = doctor(&workspace, &["suite.yaml"], Some(&format!("\"{CANARY}\"")));
    assert_fails(&report, "t", "key", "quotation marks");
    assert!(!report.to_string().contains(CANARY));

    // A server that speaks no TLS.
    let server = simulate(&workspace, &json!({}));
    let https = server.base_url().replace("http://", "https://");
    write_suite(&workspace, &https, "", "");
    let (finished, report) = doctor(&workspace, &["suite.yaml"], None);
    assert_eq!(finished.code, 4, "{}", finished.stdout);
    assert_fails(&report, "t", "encryption", "");

    write_suite(&workspace, &server.base_url(), "", "");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write("suite.yaml", suite.replace("model: m\n", "model: other\n"));
    let (finished, report) = doctor(&workspace, &["suite.yaml"], None);
    assert_eq!(
        (finished.code, &check(&report, "t", "answer")["status"]),
        (0, &"warn".into())
    );
    let (finished, report) = doctor(&workspace, &["suite.yaml", "--call"], None);
    assert_eq!(finished.code, 4);
    assert_fails(&report, "t", "call", "found no model `other` here");
}

/// Protects people with a broken suite, program or record.
#[test]
fn suites_programs_and_records_are_looked_at() {
    let workspace = workspace();
    workspace.write("broken.yaml", "version: 1\nname: x\n");
    let (finished, report) = doctor(&workspace, &["broken.yaml"], None);
    assert_eq!(finished.code, 2, "{}", finished.stdout);
    assert_fails(&report, "suite", "grammar", "needs `targets`");

    workspace.write(
        "suite.yaml",
        "version: 1\nname: x\ntargets:\n  - {name: p, provider: exec, command: [no-such-program-here]}\n  - {name: q, \
         provider: exec, command: [sh]}\n  - {name: r, provider: recorded, path: absent.jsonl}\n\
         tasks:\n  - {name: a, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n",
    );
    let (finished, report) = doctor(&workspace, &["suite.yaml"], None);
    assert_eq!(finished.code, 2, "{}", finished.stdout);
    assert_fails(&report, "p", "command", "no-such-program-here");
    assert_fails(&report, "r", "path", "absent.jsonl");
    assert_eq!(check(&report, "q", "program")["status"], "ok");

    std::fs::create_dir(workspace.path().join("old")).unwrap();
    workspace.write(
        "old/seatrial.db",
        "this is no database, whatever its name says, and long enough to be looked at",
    );
    let (finished, report) = doctor(&workspace, &["--store", "old"], None);
    assert_eq!(finished.code, 2, "{}", finished.stdout);
    assert_fails(&report, "record", "database", "not a Seatrial database");
    workspace.write("file", "x");
    let (finished, report) = doctor(&workspace, &["--store", "file"], None);
    assert_eq!(finished.code, 2, "{}", finished.stdout);
    assert_fails(&report, "record", "folder", "is no folder");
}
