//! What a run says when it ends early is enough to go on: the command names the record, `latest` names the run, and an
//! error is told in its own words.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::Workspace;
use serde_json::json;

/// Protects people who follow the advice of a run whose record is not in the usual place, and who call a run `latest` as
/// everywhere else.
#[test]
fn the_advice_names_the_record_and_latest_is_a_run() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 20);
    let server = simulate(&workspace, &json!({}));
    let priced =
        "    price: {input_usd_per_mtok: 0, output_usd_per_mtok: 100}\n    params: {max_tokens: 40}\n";
    write_suite(&workspace, &server.base_url(), priced, "");
    let capped = ["run", "suite.yaml", "--store", "elsewhere", "--max-cost", "0.003"];
    let stopped = workspace.run(&capped).expect_code(5);
    assert!(
        stopped
            .stderr
            .contains("continue with: seatrial run suite.yaml --resume --store elsewhere\n"),
        "{}",
        stopped.stderr
    );
    assert!(!stopped.stderr.contains("first error"), "{}", stopped.stderr);

    let latest = [
        "run",
        "suite.yaml",
        "--store",
        "elsewhere",
        "--resume-run",
        "latest",
    ];
    let finished = workspace.run(&latest).expect_code(0);
    assert!(
        finished.stderr.contains("continuing run 2"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stdout.contains("  20 samples  exit 0"),
        "{}",
        finished.stdout
    );
    let nothing = ["run", "suite.yaml", "--store", "empty", "--resume-run", "latest"];
    let refused = workspace.run(&nothing).expect_code(2);
    assert!(
        refused.stderr.contains("the record has no runs"),
        "{}",
        refused.stderr
    );
}

/// Protects the first hour with a program of one's own: the report counts `invalid_answer`, and beside it stands what was
/// wrong with the answer.
#[test]
fn an_error_is_told_in_its_own_words() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 20);
    workspace.write(
        "program.sh",
        "n=0\nwhile read -r line; do n=$((n+1)); echo \"{\\\"id\\\":$n,\\\"text\\\":\\\"4\\\"}\"; done\n",
    );
    workspace.write(
        "suite.yaml",
        "version: 1\nname: program\ntargets:\n  - {name: own, provider: exec, command: [sh, program.sh]}\n\
         tasks:\n  - {name: sums, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n",
    );
    let report = workspace.run(&["run", "suite.yaml"]).expect_code(4);
    let told = report
        .stderr
        .lines()
        .find(|line| line.starts_with("first error of own, case "));
    let told = told.unwrap_or_else(|| panic!("no error is told: {}", report.stderr));
    assert!(
        told.contains("invalid_answer: the program's answer has neither `output` nor `error`; hint: "),
        "{told}"
    );
}
