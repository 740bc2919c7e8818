//! What several tests of the binary share: numbered cases, a simulated endpoint that knows their answers, a suite.

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

/// Writes `cases.jsonl` with `count` cases `c0`, `c1`, …, which serve as the simulator's answer file too.
pub(crate) fn write_cases(workspace: &Workspace, count: usize) {
    let rows: String = (0..count)
        .map(|number| {
            let row = json!({"id": format!("c{number}"), "input": format!("question number {number}, please"),
                             "answer": format!("answer {number}"), "group": number % 7});
            format!("{row}\n")
        })
        .collect();
    workspace.write("cases.jsonl", rows);
}

/// A simulated endpoint for these cases; `persona` adds to or overrides `{"model": "m"}`.
pub(crate) fn simulate(workspace: &Workspace, persona: &Value) -> SimHandle {
    let mut with_model = json!({"model": "m"});
    for (key, value) in persona.as_object().unwrap() {
        with_model[key] = value.clone();
    }
    let config =
        json!({"seed": 3, "answers": workspace.path().join("cases.jsonl"), "personas": [with_model]});
    SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap()
}

/// Writes `suite.yaml` with one target and one task; `target` and `rest` are YAML that is added.
pub(crate) fn write_suite(workspace: &Workspace, base_url: &str, target: &str, rest: &str) {
    let suite = format!(
        "version: 1\nname: trial\ntargets:\n  - name: t\n    provider: openai\n    base_url: {base_url}\n    model: m\n{target}\
         tasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n    scorers: [exact_match]\n{rest}"
    );
    workspace.write("suite.yaml", suite);
}
