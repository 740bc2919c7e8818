//! Gates on money and tokens against a baseline, from end to end: what a success costs is a ratio of two numbers, both of
//! which a release can change.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

fn write_cases(workspace: &Workspace, count: usize) {
    let rows: String = (0..count)
        .map(|number| {
            let row = json!({"id": format!("c{number}"), "input": format!("question number {number}, please"),
                             "answer": format!("answer {number}")});
            format!("{row}\n")
        })
        .collect();
    workspace.write("cases.jsonl", rows);
}

fn suite(workspace: &Workspace, base_url: &str, model: &str, usd_per_mtok: f64) {
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: bot\ntargets:\n  - {{name: t, provider: openai, base_url: \"{base_url}\", model: {model}, \
             price: {{input_usd_per_mtok: {usd_per_mtok}, output_usd_per_mtok: {usd_per_mtok}}}}}\ntasks:\n  \
             - {{name: answers, dataset: {{path: cases.jsonl}}, prompt: \"{{{{ input }}}}\", scorers: [exact_match]}}\n\
             gates:\n  - {{metric: answers.cost_per_success_usd, not_worse_than: baseline, margin: 20%, name: per success}}\n  \
             - {{metric: answers.cost_usd, not_worse_than: baseline, margin: 20%, name: per sample}}\n  \
             - {{metric: answers.total_tokens, not_worse_than: baseline, margin: 20%, name: tokens}}\n  \
             - {{metric: answers.total_tokens, at_most: 100000, name: few tokens}}\n"
        ),
    );
}

fn gates(findings: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let gates = findings["gates"].as_array().unwrap();
    gates
        .iter()
        .map(|gate| (text(&gate["name"]), text(&gate["verdict"])))
        .collect()
}

fn verdict<'a>(gates: &'a [(String, String)], name: &str) -> &'a str {
    &gates.iter().find(|(known, _)| known == name).unwrap().1
}

/// Protects the gate that says whether a release is worth its money: the same model passes; one that is right half as
/// often fails per success though a sample costs the same; one that is never right has no cost per success and fails; a
/// dearer price fails both.
#[test]
fn a_success_may_not_become_dearer() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 150);
    let answers = workspace.path().join("cases.jsonl");
    let personas = json!([
        {"model": "good", "accuracy": 0.9}, {"model": "worse", "accuracy": 0.45}, {"model": "never", "accuracy": 0.0},
    ]);
    let config = json!({"seed": 1, "answers": answers, "personas": personas});
    let sim = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
    let base_url = sim.base_url();
    suite(&workspace, &base_url, "good", 1.0);
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(6);
    let _ = workspace.run(&["baseline", "bless", "latest"]).expect_code(0);
    let run = |model: &str, price: f64, code: i32| {
        suite(&workspace, &base_url, model, price);
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "findings.json"])
            .expect_code(code);
        workspace.json("findings.json")
    };
    let same = run("good", 1.0, 0);
    for (name, verdict) in gates(&same) {
        assert_eq!(verdict, "pass", "{name}");
    }
    let worse = run("worse", 1.0, 1);
    let found = gates(&worse);
    assert_eq!(verdict(&found, "per success"), "fail");
    assert_eq!(verdict(&found, "per sample"), "pass");
    let gate = &worse["gates"][0];
    assert_eq!(gate["method"], "paired_ratio");
    let (low, limit) = (gate["low"].as_f64().unwrap(), gate["limit"].as_f64().unwrap());
    assert!(low > limit && gate["value"].as_f64().unwrap() > low, "{gate}");
    let never = run("never", 1.0, 1);
    assert_eq!(verdict(&gates(&never), "per success"), "fail");
    let gate = &never["gates"][0];
    assert!(gate["value"].is_null() && gate["high"].is_null(), "{gate}");
    assert!(gate["reason"].as_str().unwrap().contains("no success"), "{gate}");
    let dearer = gates(&run("good", 1.5, 1));
    assert_eq!(verdict(&dearer, "per success"), "fail");
    assert_eq!(verdict(&dearer, "per sample"), "fail");
    assert_eq!(verdict(&dearer, "tokens"), "pass");
    assert_eq!(verdict(&dearer, "few tokens"), "pass");
}

/// Protects a plain error: money has no natural margin, so one must be written.
#[test]
fn money_needs_a_margin() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    suite(&workspace, "http://127.0.0.1:1/v1", "m", 1.0);
    let text = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write("suite.yaml", text.replacen(", margin: 20%", "", 1));
    let told = workspace.run(&["run", "suite.yaml"]).expect_code(2).stderr;
    assert!(
        told.contains("`not_worse_than` on `cost_per_success_usd` needs `margin`"),
        "{told}"
    );
}
