//! The recorded GSM8K answers of three models give exactly the grades that were published for them: from a file, and
//! from a simulated endpoint over HTTP.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const MODELS: [&str; 3] = [
    "gpt-4o-mini-2024-07-18",
    "Meta-Llama-3.1-8B-Instruct",
    "claude-3-haiku-20240307",
];
const SCORER: &str = "numeric_match: {tolerance: 0.0001, extract: [{json_field: answer}, last_number]}";

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Grades by model and id from `correct.csv`.
fn published(folder: &Path) -> BTreeMap<(String, String), bool> {
    let text = std::fs::read_to_string(folder.join("correct.csv")).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut grades = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        for (model, cell) in header.iter().zip(&cells).skip(1) {
            grades.insert(((*model).to_owned(), cells[0].to_owned()), *cell == "1");
        }
    }
    grades
}

/// Grades by target and id from an exported run.
fn exported(workspace: &Workspace) -> BTreeMap<(String, String), bool> {
    let export = workspace.run(&["export", "latest"]).expect_code(0);
    let samples = export
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    samples
        .map(|sample| {
            let key = (
                sample["target"].as_str().unwrap().to_owned(),
                sample["id"].as_str().unwrap().to_owned(),
            );
            // Unparsable counts as wrong.
            (key, sample["scores"][0]["value"].as_f64().unwrap_or(0.0) == 1.0)
        })
        .collect()
}

fn check(workspace: &Workspace, folder: &Path) {
    let published = published(folder);
    let ours = exported(workspace);
    assert_eq!(ours.len(), 450, "150 answers of 3 models");
    let differing: Vec<_> = ours
        .iter()
        .filter(|(key, right)| published.get(key) != Some(right))
        .collect();
    assert!(
        differing.is_empty(),
        "graded otherwise than published: {differing:?}"
    );
    let findings = workspace.json("findings.json");
    for (index, target) in MODELS.iter().enumerate() {
        let right = ours
            .iter()
            .filter(|((model, _), right)| model == target && **right)
            .count();
        let metric = &findings["targets"][index]["metrics"][0];
        assert_eq!(
            (metric["n"].as_u64(), metric["denominator"].as_u64()),
            (Some(150), Some(150))
        );
        assert_eq!(
            metric["value"].as_f64().unwrap(),
            f64::from(u32::try_from(right).unwrap()) / 150.0
        );
    }
}

/// Protects scoring end to end: dataset, recorded answers, extraction, record, findings, export.
#[test]
fn recorded_answers_are_graded_as_published() {
    let Some(data) = test_data("gsm8k recorded") else {
        return;
    };
    let folder = data.join("benchmarks/gsm8k_many_models");
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let mut suite = "version: 1\nname: gsm8k\ntargets:\n".to_owned();
    for model in MODELS {
        let path = folder.join(format!("raw_{model}.jsonl"));
        writeln!(
            suite,
            "  - {{name: {model}, provider: recorded, path: {}}}",
            json!(path)
        )
        .unwrap();
    }
    let cases = folder.join(format!("raw_{}.jsonl", MODELS[0]));
    writeln!(
        suite,
        "tasks:\n  - name: gsm8k\n    dataset: {{path: {}, fields: {{expected: gold}}}}\n    \
         prompt: \"{{{{ question }}}}\"\n    scorers: [{{{SCORER}}}]",
        json!(cases)
    )
    .unwrap();
    workspace.write("suite.yaml", suite);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    check(&workspace, &folder);
}

/// Protects the same over HTTP: what a model says on the wire is what is graded.
#[test]
fn answers_over_http_are_graded_as_published() {
    let Some(data) = test_data("gsm8k over HTTP") else {
        return;
    };
    let folder = data.join("benchmarks/gsm8k_many_models");
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let mut suite = "version: 1\nname: gsm8k\ntargets:\n".to_owned();
    let mut servers = Vec::new();
    for model in MODELS {
        let answers: String = rows(&folder.join(format!("raw_{model}.jsonl")))
            .iter()
            .map(|row| {
                format!(
                    "{}\n",
                    json!({"question": row["question"], "answer": row["output"]})
                )
            })
            .collect();
        let path = workspace.write(&format!("{model}.jsonl"), answers);
        let config = json!({"seed": 1, "answers": path, "personas": [{"model": model, "accuracy": 1.0, "events": 16}]});
        let server = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
        writeln!(
            suite,
            "  - {{name: {model}, provider: openai, model: {model}, base_url: \"{}\"}}",
            server.base_url()
        )
        .unwrap();
        servers.push(server);
    }
    let cases = folder.join(format!("raw_{}.jsonl", MODELS[0]));
    writeln!(
        suite,
        "tasks:\n  - name: gsm8k\n    dataset: {{path: {}, fields: {{expected: gold}}}}\n    \
         prompt: \"{{{{ question }}}}\"\n    scorers: [{{{SCORER}}}]",
        json!(cases)
    )
    .unwrap();
    workspace.write("suite.yaml", suite);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    check(&workspace, &folder);
    assert!(servers.iter().all(|server| server.stats().requests == 150));
}
