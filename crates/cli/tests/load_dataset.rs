//! `seatrial load` over the rows of a dataset and over a task of a suite, through the binary: what is asked, in which order
//! and how often, what the scorers make of the answers, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};

const CASES: usize = 40;
const QUIET: [&str; 4] = ["--json", "out.json", "--allow-degraded", "--no-calibrate"];

fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    workspace
}

fn load(workspace: &Workspace, arguments: &[&str]) -> Finished {
    workspace.run(&[&["load"], arguments, &QUIET[..]].concat())
}

fn exact_match(result: &Value) -> &Value {
    let quality = result["quality"].as_array().unwrap();
    let found = quality
        .iter()
        .find(|metric| metric["metric"] == "exact_match" && metric["slice"].is_null());
    found.unwrap()
}

fn assert_described(workspace: &Workspace, result: &Value) {
    let schema = workspace.run(&["schema", "load"]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(result)
        .map(|error| error.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
}

/// Protects: every row is asked, all of them before any again, whatever the format; how often is told.
#[test]
fn rows_are_asked_in_turn() {
    let workspace = workspace();
    let rows: String = (0..CASES).map(|n| format!("r{n},What is {n}?\n")).collect();
    workspace.write("rows.csv", format!("id,question\n{rows}"));
    let server = simulate(&workspace, &json!({}));
    let url = server.base_url();
    let endpoint = ["--base-url", url.as_str(), "--model", "m", "-c", "2"];
    for (dataset, requests, asked, times) in [
        (&["--dataset", "cases.jsonl"][..], "100", CASES, 3),
        (&["--dataset", "cases.jsonl"][..], "30", 30, 1),
        (
            &["--dataset", "rows.csv", "--field", "input=question"][..],
            "40",
            CASES,
            1,
        ),
        (
            &[
                "--dataset",
                "rows.csv",
                "--prompt-template",
                "Say: {{ question }}",
            ][..],
            "80",
            CASES,
            2,
        ),
    ] {
        let told = load(&workspace, &[&endpoint[..], dataset, &["-n", requests]].concat()).expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(
            result["cases"],
            json!({"n": CASES, "asked": asked, "times_max": times}),
            "{dataset:?}"
        );
        assert_eq!(result["quality"], Value::Null);
        assert_eq!(result["requests"]["ok"].to_string(), requests);
        assert!(
            told.stdout.contains(&format!("{asked} of {CASES} asked")),
            "{}",
            told.stdout
        );
        assert_described(&workspace, &result);
    }
    assert_eq!(server.stats().requests, 250);
}

/// Protects comparisons: the same rows under another name are the same load, other prompts or another order are not.
#[test]
fn rows_are_part_of_what_must_be_the_same() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    let url = server.base_url();
    let cases = std::fs::read_to_string(workspace.path().join("cases.jsonl")).unwrap();
    workspace.write("same.jsonl", &cases);
    workspace.write("other.jsonl", cases.replace("number 39", "number thirty-nine"));
    let load = |more: &[&str]| {
        let fixed = ["load", "--base-url", &url, "--model", "m", "-c", "2", "-n", "40"];
        let quiet = ["--allow-degraded", "--no-calibrate"];
        workspace.run(&[&fixed[..], &quiet[..], more].concat())
    };
    let _ = load(&["--dataset", "cases.jsonl", "--json", "old.json"]).expect_code(0);
    let against = ["--baseline", "old.json"];
    let _ = load(&[&against[..], &["--dataset", "same.jsonl"]].concat()).expect_code(0);
    for other in [
        &["--dataset", "other.jsonl"][..],
        &["--dataset", "cases.jsonl", "--seed", "1"],
        &["--dataset", "cases.jsonl", "--prompt-template", "{{ input }}!"],
        &[],
    ] {
        let refused = load(&[&against[..], other].concat()).expect_code(6);
        assert!(refused.stderr.contains("load.prompts"), "{}", refused.stderr);
    }
}

/// Protects people with a wrong file: what is wrong is said before anything is asked, at its place, with what to do.
#[test]
fn wrong_datasets_are_refused() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    let url = server.base_url();
    workspace.write("empty.jsonl", "");
    workspace.write("rows.txt", "a\n");
    workspace.write("broken.jsonl", "{\"input\": \"a\"}\n{\"question\": \"b\"}\n");
    for (arguments, wanted) in [
        (&["--dataset", "none.jsonl"][..], &["none.jsonl", ".parquet"][..]),
        (&["--dataset", "."], &["is a folder"]),
        (&["--dataset", "empty.jsonl"], &["no rows"]),
        (&["--dataset", "rows.txt"], &["does not tell the format", ".csv"]),
        (
            &["--dataset", "broken.jsonl"],
            &["broken.jsonl:2", "`input`", "question", "--field"],
        ),
        (
            &["--dataset", "cases.jsonl", "--field", "input=nothing"],
            &["cases.jsonl:1", "`nothing`", "the row has"],
        ),
        (
            &["--dataset", "cases.jsonl", "--field", "colour=input"],
            &["expected `input` or `id`"],
        ),
        (
            &["--dataset", "cases.jsonl", "--field", "input"],
            &["NAME=COLUMN"],
        ),
        (
            &["--dataset", "cases.jsonl", "--prompt-template", "{{ nothing }}"],
            &["cases.jsonl:1", "nothing", "the row has"],
        ),
        (
            &["--dataset", "cases.jsonl", "--prompt-template", "{{ in"],
            &["--prompt-template"],
        ),
        (
            &["--dataset", "cases.jsonl", "--prompt", "x"],
            &["cannot be used with"],
        ),
        (
            &["--dataset", "cases.jsonl", "--input-tokens", "5"],
            &["cannot be used with"],
        ),
        (&["--prompt-template", "x"], &["--dataset"]),
    ] {
        let endpoint = ["--base-url", url.as_str(), "--model", "m", "-c", "1", "-n", "1"];
        let refused = load(&workspace, &[&endpoint[..], arguments].concat()).expect_code(2);
        for part in wanted {
            assert!(
                refused.stderr.contains(part),
                "{arguments:?}: {part}: {}",
                refused.stderr
            );
        }
    }
    assert_eq!(server.stats().requests, 0);
}

/// Protects the purpose: the answers that were measured are scored, to the same value as in an evaluation, with each case a
/// cluster; the suite's target is loaded, or another endpoint.
#[test]
fn answers_of_a_task_are_scored() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({"accuracy": 0.6}));
    write_suite(&workspace, &server.base_url(), "", "");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "run.json"])
        .expect_code(0);
    let run = workspace.json("run.json");
    let metrics = run["targets"][0]["metrics"].as_array().unwrap();
    let of_run = metrics
        .iter()
        .find(|metric| metric["metric"] == "exact_match")
        .unwrap();
    let suite = [
        "--suite",
        "suite.yaml",
        "--task",
        "answers",
        "-c",
        "4",
        "-n",
        "200",
    ];
    let told = load(&workspace, &suite).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        result["cases"],
        json!({"n": CASES, "asked": CASES, "times_max": 5})
    );
    assert_eq!(result["target"]["model"], "m");
    let quality = exact_match(&result);
    assert_eq!(
        (&quality["n"], &quality["n_clusters"]),
        (&json!(200), &json!(CASES))
    );
    assert_eq!(quality["value"], of_run["value"]);
    assert!(quality["low"].as_f64().unwrap() < quality["high"].as_f64().unwrap());
    assert!(told.stdout.contains("quality    exact_match"), "{}", told.stdout);
    assert_described(&workspace, &result);
    assert_eq!(server.stats().requests, CASES as u64 + 200);

    let perfect = simulate(&workspace, &json!({"accuracy": 1.0}));
    let url = perfect.base_url();
    let _ = load(
        &workspace,
        &[&suite[..], &["--base-url", &url, "--model", "m"]].concat(),
    )
    .expect_code(0);
    assert_eq!(exact_match(&workspace.json("out.json"))["value"], 1.0);
    assert_eq!(perfect.stats().requests, 200);
}

/// Protects people from names that a suite has not, and from combinations that would score nothing.
#[test]
fn wrong_tasks_are_refused() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    let url = server.base_url();
    write_suite(
        &workspace,
        &url,
        "  - name: u\n    provider: openai\n    base_url: http://127.0.0.1:1/v1\n    model: m\n",
        "",
    );
    let task = ["--suite", "suite.yaml", "--task", "answers"];
    for (arguments, wanted) in [
        (
            &["--suite", "suite.yaml", "--task", "other"][..],
            &["no task `other`", "answers"][..],
        ),
        (&["--suite", "none.yaml", "--task", "answers"], &["none.yaml"]),
        (&["--suite", "suite.yaml"], &["--task"]),
        (&task, &["2 targets", "--target NAME: t, u"]),
        (&[&task[..], &["--target", "v"]].concat(), &["no target `v`"]),
        (
            &[&task[..], &["--target", "t", "--provider", "anthropic"]].concat(),
            &["--provider", "--base-url"],
        ),
        (&[&task[..], &["--base-url", &url]].concat(), &["--model"]),
        (&[&task[..], &["--runs", "2"]].concat(), &["cannot be used with"]),
    ] {
        let refused = load(&workspace, &[arguments, &["-c", "1", "-n", "1"]].concat()).expect_code(2);
        for part in wanted {
            assert!(
                refused.stderr.contains(part),
                "{arguments:?}: {part}: {}",
                refused.stderr
            );
        }
    }
    let compared = [
        "load",
        "compare",
        "-c",
        "1",
        "-d",
        "1s",
        "--base-url",
        &url,
        "--model",
        "m",
        "--against-model",
        "n",
    ];
    let refused = workspace.run(&[&compared[..], &task[..]].concat()).expect_code(2);
    assert!(refused.stderr.contains("--dataset"), "{}", refused.stderr);
    assert_eq!(server.stats().requests, 0);
}
