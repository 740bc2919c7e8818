//! Where cases come from and how suites are put together, through the binary: every kind of dataset is asked and scored,
//! and every wrong one is told with its place before a call is made.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::process::Stdio;

const PARQUET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../task/tests/parquet/zstd.parquet");

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// A suite with these targets and this rest, `BASE` being the endpoint.
fn write(workspace: &Workspace, base: &str, rest: &str) {
    let text = format!(
        "version: 1\nname: trial\ntargets:\n  - {{name: t, provider: openai, base_url: \"{base}\", model: m}}\n{rest}"
    );
    workspace.write("suite.yaml", text);
}

fn metric<'a>(findings: &'a Value, target: usize, task: &str, name: &str) -> &'a Value {
    let metrics = findings["targets"][target]["metrics"].as_array().unwrap();
    let found = metrics
        .iter()
        .find(|metric| metric["task"] == task && metric["metric"] == name);
    found.unwrap_or(&Value::Null)
}

fn run_piped(workspace: &Workspace, arguments: &[&str], input: &[u8]) -> Finished {
    let mut command = workspace.command(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that ends before it reads closes the pipe, which is what some of the tests are about.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input);
    Finished::of(child.wait_with_output())
}

/// Protects every place that cases can come from: the same question, asked from each of them, is answered and scored.
#[test]
fn every_kind_of_dataset_is_asked() {
    let workspace = workspace();
    write_cases(&workspace, 3);
    let server = simulate(&workspace, &json!({"unknown": "ok"}));
    std::fs::create_dir_all(workspace.path().join("texts/ok")).unwrap();
    workspace.write("texts/ok/a.txt", "one");
    workspace.write("texts/ok/b.txt", "two");
    workspace.write("texts/.hidden", "no");
    workspace.write("cases.csv", "n,unit,gold\n1,km,ok\n2,mi,no\n");
    std::fs::copy(PARQUET, workspace.path().join("cases.parquet")).unwrap();
    let tasks = "defaults: {task: {scorers: [exact_match]}}
tasks:
  - {name: folder, dataset: {path: texts/, glob: '**/*.txt', fields: {expected: folder}}}
  - {name: csv, dataset: {path: cases.csv, fields: {input: 'How far? {{ n }} {{ unit }}', expected: '{{ gold | lower }}'}}}
  - {name: parquet, dataset: {path: cases.parquet}, first: 20}
  - name: inline
    dataset: {cases: [{input: a, expected: ok}, {id: b, input: b, expected: [no, ok]}]}
";
    write(&workspace, &server.base_url(), tasks);
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    let findings = workspace.json("f.json");
    for (task, n, value) in [
        ("folder", 2, 1.0),
        ("csv", 2, 0.5),
        ("parquet", 20, 0.0),
        ("inline", 2, 1.0),
    ] {
        let seen = metric(&findings, 0, task, "exact_match");
        assert_eq!(
            (&seen["n"], &seen["value"]),
            (&json!(n), &json!(value)),
            "{task}\n{}",
            run.stdout
        );
    }
    let again = workspace.run(&["run", "suite.yaml", "--resume"]).expect_code(0);
    assert!(again.stderr.contains("reporting again"), "{}", again.stderr);
}

/// Protects the matrix: each prompt is a task of its own, a restricted task is asked of its targets alone, and samples,
/// gates and resuming count exactly that.
#[test]
fn prompts_and_targets_make_a_matrix() {
    let workspace = workspace();
    write_cases(&workspace, 10);
    let server = simulate(&workspace, &json!({}));
    let base = server.base_url();
    let rest = format!(
        "  - {{name: u, provider: openai, base_url: \"{base}\", model: m}}
defaults: {{task: {{scorers: [exact_match], dataset: {{path: cases.jsonl}}}}}}
tasks:
  - name: answers
    prompts:
      - {{name: plain, prompt: \"{{{{ input }}}}\"}}
      - {{name: loud, prompt: \"{{{{ input | upper }}}}\"}}
  - {{name: extra, targets: [u], first: 4, epochs: 2}}
gates:
  - {{metric: answers.exact_match, at_least: 0.01}}
  - {{metric: extra.exact_match, at_least: 0.01, name: more}}
"
    );
    write(&workspace, &base, &rest);
    let run = workspace.run(&["run", "suite.yaml", "--json", "f.json"]);
    let findings = workspace.json("f.json");
    assert_eq!(findings["samples_planned"], 48, "{}{}", run.stdout, run.stderr);
    assert_eq!(findings["samples_finished"], 48);
    assert_eq!(metric(&findings, 0, "answers@plain", "exact_match")["n"], 10);
    assert_eq!(metric(&findings, 1, "answers@loud", "exact_match")["n"], 10);
    assert_eq!(metric(&findings, 0, "extra", "exact_match"), &Value::Null);
    assert_eq!(metric(&findings, 1, "extra", "exact_match")["n"], 8);
    let gates: Vec<String> = findings["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| {
            format!(
                "{} {}",
                gate["target"].as_str().unwrap(),
                gate["metric"].as_str().unwrap()
            )
        })
        .collect();
    let count = |text: &str| gates.iter().filter(|gate| gate.contains(text)).count();
    assert_eq!(
        (
            gates.len(),
            count("answers@plain"),
            count("answers@loud"),
            count("u extra")
        ),
        (5, 2, 2, 1),
        "{gates:?}"
    );
    let again = workspace.run(&["run", "suite.yaml", "--resume"]);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
}

/// Protects suites of several files and values of the environment, which reach the endpoint.
#[test]
fn includes_and_variables_reach_the_run() {
    let workspace = workspace();
    write_cases(&workspace, 4);
    let server = simulate(&workspace, &json!({}));
    std::fs::create_dir_all(workspace.path().join("shared")).unwrap();
    let common = "targets:
  - name: t
    provider: openai
    base_url: ${ENDPOINT}
    model: ${MODEL:-m}
defaults: {task: {scorers: [exact_match], dataset: {path: ../cases.jsonl}}}
";
    workspace.write("shared/common.yaml", common);
    let main = "version: 1\nname: main\ninclude: [shared/common.yaml]\ntasks:\n  - name: a\n    first: ${FIRST:-2}\n";
    workspace.write("suite.yaml", main);
    let mut command = workspace.command(&["run", "suite.yaml", "--json", "f.json"]);
    let run = Finished::of(command.env("ENDPOINT", server.base_url()).output()).expect_code(0);
    assert_eq!(workspace.json("f.json")["samples_finished"], 2, "{}", run.stdout);
    let run = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(run.stderr.contains("shared/common.yaml:4:15"), "{}", run.stderr);
    assert!(
        run.stderr.contains("variable `ENDPOINT` is not set"),
        "{}",
        run.stderr
    );
}

/// Protects piped cases: they are read twice, nothing of them is left, and the same input again is the same plan.
#[test]
fn cases_come_from_standard_input() {
    let workspace = workspace();
    write_cases(&workspace, 5);
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "", "");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write("suite.yaml", suite.replace("cases.jsonl", "\"-\""));
    let cases = std::fs::read(workspace.path().join("cases.jsonl")).unwrap();
    let _ = run_piped(&workspace, &["run", "suite.yaml", "--json", "f.json"], &cases).expect_code(0);
    assert_eq!(workspace.json("f.json")["samples_finished"], 5);
    let again = run_piped(&workspace, &["run", "suite.yaml", "--resume"], &cases).expect_code(0);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
    let left = std::fs::read_dir(workspace.path().join(".seatrial")).unwrap();
    let left = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("stdin-")
    });
    assert_eq!(left.count(), 0);

    let empty = run_piped(&workspace, &["run", "suite.yaml"], b"").expect_code(2);
    assert!(
        empty.stderr.contains("standard input is empty"),
        "{}",
        empty.stderr
    );
    let wrong = run_piped(&workspace, &["run", "suite.yaml"], b"{\"id\": 1}\n[]\n").expect_code(2);
    assert!(
        wrong
            .stderr
            .contains("standard input:2: row 2: expected a JSON object"),
        "{}",
        wrong.stderr
    );
}

/// A dataset that cannot be used: the files, the task's `dataset`, and what the error says.
struct Wrong {
    files: &'static [(&'static str, &'static [u8])],
    dataset: &'static str,
    says: &'static [&'static str],
}

const WRONG: &[Wrong] = &[
    Wrong {
        files: &[("d.parquet", b"PAR1 cut off before the footer")],
        dataset: "{path: d.parquet}",
        says: &["task `a`", "d.parquet: not a readable Parquet file", "hint: "],
    },
    Wrong {
        files: &[("d.parquet", b"{\"input\": \"a\"}\n")],
        dataset: "{path: d.parquet}",
        says: &["d.parquet: not a Parquet file", "name it .jsonl"],
    },
    Wrong {
        files: &[("d.parquet", b"")],
        dataset: "{path: d.parquet}",
        says: &["d.parquet: the file is empty"],
    },
    Wrong {
        files: &[],
        dataset: "{path: d.parquet}",
        says: &["failed to open dataset", "d.parquet"],
    },
    Wrong {
        files: &[("t/a.txt", b"text"), ("t/b.bin", b"\x00\x01")],
        dataset: "{path: t/}",
        says: &["t/b.bin: row 2: not a text file: byte 1 is 0x00", "`glob`"],
    },
    Wrong {
        files: &[("t/.keep", b"")],
        dataset: "{path: t/}",
        says: &["t/: the folder has no files"],
    },
    Wrong {
        files: &[("t/a.md", b"text")],
        dataset: "{path: t/, glob: '*.txt'}",
        says: &["none of its 1 files matches `glob: *.txt`"],
    },
    Wrong {
        files: &[("t/a.md", b"text")],
        dataset: "{path: t/, glob: 'a{'}",
        says: &["`glob: a{` is no pattern"],
    },
    Wrong {
        files: &[],
        dataset: "{path: t/}",
        says: &["failed to open dataset", "t/"],
    },
    Wrong {
        files: &[("t", b"a file")],
        dataset: "{path: t/}",
        says: &["failed to open dataset", "t/"],
    },
    Wrong {
        files: &[],
        dataset: "{cases: [{input: a, expected: b}, {question: a, expected: b}]}",
        says: &[
            "suite.yaml:6",
            "row 2: the task has no `prompt` and the row has no `input`",
            "question",
        ],
    },
    Wrong {
        files: &[],
        dataset: "{cases: [{input: a}]}",
        says: &[
            "suite.yaml:6",
            "row 1: no reference, but scorer `exact_match` needs one",
        ],
    },
    Wrong {
        files: &[],
        dataset: "{cases: [{id: 1, input: a, expected: b}, {id: 1, input: a, expected: b}]}",
        says: &["suite.yaml:6", "row 2: id `1` was already used in row 1"],
    },
    Wrong {
        files: &[("d.csv", b"q,gold\na,b\n")],
        dataset: "{path: d.csv, fields: {input: q, expected: golden}}",
        says: &[
            "d.csv:2: row 1: column `golden` is missing",
            "the row has: q, gold",
        ],
    },
    Wrong {
        files: &[("d.csv", b"q,gold\na,b\n")],
        dataset: "{path: d.csv, fields: {input: '{{ question }}', expected: gold}}",
        says: &[
            "d.csv:2: row 1: failed to evaluate `fields: input`",
            "the row has: q, gold",
        ],
    },
    Wrong {
        files: &[("d.csv", b"q,gold\na,b\n")],
        dataset: "{path: d.csv, fields: {input: '{{ q }', expected: gold}}",
        says: &["suite.yaml:6", "not a valid template"],
    },
    Wrong {
        files: &[("d.csv", b"q,gold\na,b\n")],
        dataset: "{path: d.csv, fields: {input: q, expected: gold, choices: '{{ {1: q} }}'}}",
        says: &["d.csv:2: row 1: `choices` is an object"],
    },
];

/// Protects people with a wrong dataset: exit 2, the file and row, what to do, and nothing recorded.
#[test]
fn wrong_datasets_are_explained() {
    for wrong in WRONG {
        let workspace = workspace();
        for (name, content) in wrong.files {
            let path = workspace.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let rest = format!(
            "tasks:\n  - {{name: a, scorers: [exact_match], dataset: {}}}\n",
            wrong.dataset
        );
        write(&workspace, "http://127.0.0.1:1/v1", &rest);
        let run = workspace.run(&["run", "suite.yaml"]);
        assert_eq!(run.code, 2, "{}: {}{}", wrong.dataset, run.stdout, run.stderr);
        for text in wrong.says {
            assert!(
                run.stderr.contains(text),
                "{}: {}\nlacks {text}",
                wrong.dataset,
                run.stderr
            );
        }
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        assert!(!workspace.path().join(".seatrial").exists(), "{}", wrong.dataset);
    }
}
