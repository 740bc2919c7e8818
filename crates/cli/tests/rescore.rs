//! Scoring recorded answers again: new scores, the same answers, nobody asked, and a refusal where the answers belong to
//! other questions.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_sim::SimHandle;
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

const CASES: usize = 150;

fn recorded() -> (Workspace, SimHandle) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let persona = json!({"accuracy": 0.8, "faults": {"server_error": 0.1}});
    let server = simulate(&workspace, &persona);
    suite(&workspace, &server, "");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "first.json"])
        .expect_code(0);
    (workspace, server)
}

/// The suite with something changed: `rest` is YAML below the task or beside it.
fn suite(workspace: &Workspace, server: &SimHandle, rest: &str) {
    let target = "    retry: {attempts: 1}\n";
    write_suite(
        workspace,
        &server.base_url(),
        target,
        &format!("    epochs: 2\n{rest}max_error_rate: 1\n"),
    );
}

fn metric<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

/// Protects the record: a scorer that is added later judges the answers of then, errors stay errors, times and prices are
/// carried over, and the new run names its source.
#[test]
fn new_scorers_judge_old_answers() {
    let (workspace, server) = recorded();
    let asked = server.stats().requests;
    let first = workspace.json("first.json");
    let yaml = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let more = yaml.replace("[exact_match]", "[exact_match, {contains: {name: has_answer}}]");
    workspace.write("suite.yaml", more);
    let again = workspace
        .run(&["run", "suite.yaml", "--rescore", "latest", "--json", "again.json"])
        .expect_code(0);
    assert_eq!(server.stats().requests, asked, "nobody was asked");
    let rescored = workspace.json("again.json");
    let source = first["run_id"].as_str().unwrap();
    assert_ne!(rescored["run_id"], first["run_id"]);
    assert_eq!(rescored["execution"]["rescored_from"], source);
    assert!(again.stderr.contains(source), "{}", again.stderr);
    let (was, is) = (metric(&first, "exact_match"), metric(&rescored, "exact_match"));
    assert_eq!(was, is, "the same scorer says the same");
    assert!(was["n_error"].as_u64().unwrap() > 5);
    assert_eq!(metric(&rescored, "has_answer")["n"], 2 * CASES);
    assert_eq!(metric(&rescored, "has_answer")["n_error"], was["n_error"]);
    for carried in ["latency_ms", "error_rate", "output_tokens"] {
        assert_eq!(
            metric(&first, carried)["value"],
            metric(&rescored, carried)["value"],
            "{carried}"
        );
    }

    // By id too, and a source stays what it was.
    let _ = workspace
        .run(&["run", "suite.yaml", "--rescore", source, "--json", "third.json"])
        .expect_code(0);
    assert_eq!(
        workspace.json("third.json")["targets"][0]["metrics"],
        rescored["targets"][0]["metrics"]
    );
}

/// Protects corrections of references: they are the usual reason to score again, and change scores alone.
#[test]
fn corrected_references_count() {
    let (workspace, _server) = recorded();
    let rows = std::fs::read_to_string(workspace.path().join("cases.jsonl")).unwrap();
    workspace.write(
        "cases.jsonl",
        rows.replace("\"answer\":\"answer ", "\"answer\":\"no answer "),
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--rescore", "latest", "--json", "again.json"])
        .expect_code(0);
    assert_eq!(metric(&workspace.json("again.json"), "exact_match")["value"], 0.0);
}

/// Protects against answers to other questions: each difference is named, and no run is made.
#[test]
fn other_questions_are_refused() {
    let (workspace, _server) = recorded();
    let rows = std::fs::read_to_string(workspace.path().join("cases.jsonl")).unwrap();
    let yaml = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let refused = |expected: &str| {
        let run = workspace
            .run(&["run", "suite.yaml", "--rescore", "latest"])
            .expect_code(2);
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    };
    workspace.write(
        "cases.jsonl",
        rows.replace("question number 7,", "question no. 7,"),
    );
    refused("case `c7`: message 1 of the prompt is another text now");
    workspace.write("cases.jsonl", rows.replace("\"c9\"", "\"nine\""));
    refused("case 10 is `nine` now, `c9` was recorded");
    let shorter: String = rows
        .lines()
        .take(CASES - 1)
        .map(|row| format!("{row}\n"))
        .collect();
    workspace.write("cases.jsonl", shorter);
    refused("case `c149` is not among the 149 of now");
    let longer = format!(
        "{rows}{}\n",
        json!({"id": "new", "input": "more", "answer": "x", "group": 0})
    );
    workspace.write("cases.jsonl", longer);
    refused("150 of 151 cases were recorded");
    workspace.write("cases.jsonl", rows);
    workspace.write("suite.yaml", yaml.replace("name: answers", "name: replies"));
    refused("has no answers of task `replies`");
    workspace.write("suite.yaml", yaml.replace("epochs: 2", "epochs: 3"));
    refused("300 of 450 samples");
    workspace.write("suite.yaml", &yaml);
    let unknown = workspace
        .run(&["run", "suite.yaml", "--rescore", "nothing"])
        .expect_code(2);
    assert!(
        unknown.stderr.contains("there is no run nothing"),
        "{}",
        unknown.stderr
    );
    let both = workspace
        .run(&["run", "suite.yaml", "--rescore", "latest", "--resume"])
        .expect_code(2);
    assert!(both.stderr.contains("--rescore"), "{}", both.stderr);
}

/// Protects half a run from being taken for a whole one.
#[test]
fn an_unfinished_run_is_refused() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 100);
    let server = simulate(&workspace, &json!({"faults": {"server_error": 1.0}}));
    write_suite(
        &workspace,
        &server.base_url(),
        "    retry: {attempts: 1}\n",
        "max_errors: 2\n",
    );
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(4);
    let refused = workspace
        .run(&["run", "suite.yaml", "--rescore", "latest"])
        .expect_code(2);
    assert!(refused.stderr.contains("is stopped"), "{}", refused.stderr);
}
