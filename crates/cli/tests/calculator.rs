//! The calculator through a real pipe: every reference value, order, flushing, and lines that are no calls.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_testkit::{Workspace, golden_families};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

fn calculator(workspace: &Workspace, name: &str) -> Child {
    let mut command = workspace.command(&[name, "eval"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Protects the numbers as outside programs see them: all reference cases, answered in order.
#[test]
fn every_reference_value_comes_through_the_pipe() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let families = golden_families();
    let cases: Vec<_> = families.iter().flat_map(|family| &family.cases).collect();
    let mut child = calculator(&workspace, "stats");
    let calls: String = cases
        .iter()
        .map(|case| {
            format!(
                "{}\n",
                json!({"id": case.id, "fn": case.function, "input": case.input})
            )
        })
        .collect();
    let mut input = child.stdin.take().unwrap();
    // A thread of its own: the pipe holds less than all calls.
    let writer = std::thread::spawn(move || input.write_all(calls.as_bytes()));
    let answers: Vec<Value> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        cases.len() > 3000 && answers.len() == cases.len(),
        "{} of {}",
        answers.len(),
        cases.len()
    );
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter_map(|(case, answer)| {
            assert_eq!(
                answer["id"],
                case.id.as_str(),
                "answers are in the order of the calls"
            );
            case.check(&answer["output"])
                .err()
                .map(|error| format!("{}: {error} {}", case.id, answer["error"]))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Protects conversations: an answer comes before the next call is written, under either name.
#[test]
fn an_answer_does_not_wait_for_the_next_call() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let mut child = calculator(&workspace, "text");
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for (call, expected) in [
        (
            r#"{"id":1,"fn":"binom_test","input":{"k":5,"n":10}}"#,
            r#""p_value":1.0"#,
        ),
        (r#"{"id":[2],"fn":"wilsn","input":{}}"#, "wilson"),
        ("not JSON", r#""error""#),
        (
            r#"{"id":null,"fn":"wilson","input":{"k":-1,"n":10,"confidence":0.95}}"#,
            r#""error""#,
        ),
    ] {
        writeln!(input, "{call}").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains(expected), "{call}: {answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// Protects what people type: a share with its intervals, the list, and wrong input.
#[test]
fn figures_for_people() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let share = workspace.run(&["stats", "proportion", "187/200"]).expect_code(0);
    assert!(
        share.stdout.contains("wilson           0.9350 [0.8920, 0.9616]"),
        "{}",
        share.stdout
    );
    for wrong in ["187", "a/b", "5/3", "1/0"] {
        let _ = workspace.run(&["stats", "proportion", wrong]).expect_code(2);
    }
    let list = workspace.run(&["stats", "list", "--json"]).expect_code(0);
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let functions = list["functions"].as_array().unwrap();
    assert!(functions.len() >= 134, "{}", functions.len());
    let is_described = |function: &Value| !function["inputs"].as_array().unwrap().is_empty();
    assert!(functions.iter().all(is_described));
    let _ = workspace.run(&["text", "list"]).expect_code(0);
}
