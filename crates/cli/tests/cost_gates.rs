//! Gates on money and tokens, absolute and against a baseline, from end to end: what a success costs is a ratio of two
//! numbers, both of which a release can change, and the suite says what a success is.

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

const CASES: usize = 200;

fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let rows: String = (0..CASES)
        .map(|case| {
            format!(
                "{}\n",
                json!({"id": format!("c{case}"), "input": format!("q {case}"), "answer": format!("a{case}")})
            )
        })
        .collect();
    workspace.write("cases.jsonl", rows);
    workspace
}

/// Answers of a model: one in `wrong` is wrong (none for 0, all for 1); each takes 100 prompt tokens and some 20 generated ones times
/// `output`, and is wordy where it is not exact.
fn write_answers(workspace: &Workspace, wrong: usize, output: usize) {
    let rows: String = (0..CASES)
        .map(|case| {
            let is_wrong = wrong > 0 && case % wrong == 0;
            let text = if is_wrong {
                "no idea".to_owned()
            } else if case % 2 == 0 {
                format!("a{case}")
            } else {
                format!("it is a{case} then")
            };
            let usage = json!({"prompt_tokens": 100, "completion_tokens": output * (15 + case % 11)});
            format!(
                "{}\n",
                json!({"id": format!("c{case}"), "output": text, "usage": usage})
            )
        })
        .collect();
    workspace.write("answers.jsonl", rows);
}

fn write_suite(workspace: &Workspace, task: &str, gates: &str) {
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: money\ntargets:\n  - name: t\n    provider: recorded\n    path: answers.jsonl\n    \
             usage_field: usage\n    price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 10}}\ntasks:\n  - name: answers\n    \
             dataset: {{path: cases.jsonl}}\n    scorers: [exact_match, contains]\n{task}gates:\n{gates}"
        ),
    );
}

fn gate<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let gates = findings["gates"].as_array().unwrap();
    gates.iter().find(|gate| gate["name"] == name).unwrap()
}

fn metric<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

const AGAINST: &str = "  - {metric: answers.cost_per_success_usd, not_worse_than: baseline, margin: 10%, name: share}\n  \
     - {metric: answers.cost_per_success_usd, not_worse_than: baseline, margin: 0.00005, name: dollars}\n  \
     - {metric: answers.cost_per_success_usd, better_than: baseline, name: better}\n  \
     - {metric: answers.total_tokens, not_worse_than: baseline, margin: 5%, name: tokens}\n  \
     - {metric: answers.cost_usd, not_worse_than: baseline, margin: 10%, name: sample}\n";

/// Protects gates on money per success against a baseline: the same answers again are not worse and not shown to be
/// better, dearer ones fail, cheaper ones are better, each by a paired interval; nothing of it ends in a usage error.
#[test]
fn money_per_success_is_held_against_a_baseline() {
    let workspace = workspace();
    write_answers(&workspace, 5, 2);
    write_suite(&workspace, "    success: contains\n", AGAINST);
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(6);
    let _ = workspace.run(&["baseline", "bless", "latest"]).expect_code(0);

    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "same.json"])
        .expect_code(0);
    let same = workspace.json("same.json");
    for name in ["share", "dollars", "tokens", "sample"] {
        assert_eq!(gate(&same, name)["verdict"], "pass", "{}", gate(&same, name));
    }
    assert_eq!(gate(&same, "better")["verdict"], "inconclusive");
    assert_eq!(gate(&same, "share")["method"], "paired_ratio");
    assert_eq!(gate(&same, "share")["baseline"]["is_paired"], true);

    // Three times the generated tokens: 100 + 10 × 120 instead of 100 + 10 × 40 millionths.
    write_answers(&workspace, 5, 6);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "dear.json"])
        .expect_code(1);
    let dear = workspace.json("dear.json");
    for name in ["share", "dollars", "tokens", "sample"] {
        assert_eq!(gate(&dear, name)["verdict"], "fail", "{}", gate(&dear, name));
    }
    let share = gate(&dear, "share");
    // 0.8 of the answers are right: mean cost by 0.8, the gate's limit 1.1 times the baseline's.
    let (value, base, limit) = (&share["value"], &share["baseline"]["value"], &share["limit"]);
    assert!(
        (value.as_f64().unwrap() - (100.0 + 60.0 * 19.985) / 0.8e6).abs() < 3e-5,
        "{share}"
    );
    assert!(
        (limit.as_f64().unwrap() / base.as_f64().unwrap() - 1.1).abs() < 1e-9,
        "{share}"
    );
    assert!(
        share["low"].as_f64().unwrap() > limit.as_f64().unwrap(),
        "{share}"
    );

    write_answers(&workspace, 5, 1);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "cheap.json"])
        .expect_code(0);
    let cheap = workspace.json("cheap.json");
    assert_eq!(
        gate(&cheap, "better")["verdict"],
        "pass",
        "{}",
        gate(&cheap, "better")
    );
    let ids = [&cheap, &dear].map(|findings| findings["run_id"].as_str().unwrap());
    let compared = workspace.run(&["compare", ids[0], ids[1], "--json", "-"]);
    assert!(
        compared.stdout.contains("cost_per_success_usd"),
        "{}",
        compared.stderr
    );
    let compared: Value = serde_json::from_str(&compared.stdout).unwrap();
    let schema: Value =
        serde_json::from_str(&workspace.run(&["schema", "compare"]).expect_code(0).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(&compared)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let pairs = compared["pairs"].as_array().unwrap();
    let money = pairs
        .iter()
        .find(|pair| pair["metric"] == "cost_per_success_usd")
        .unwrap();
    assert!(money["difference"]["low"].as_f64().unwrap() > 0.0, "{money}");
    assert_eq!(money["test"], "fieller");
}

/// Protects "unbounded": a run without a success has no cost of one. It cannot pass, and the reason says why; a baseline
/// without one is no error either.
#[test]
fn a_run_without_success_cannot_pass() {
    let workspace = workspace();
    write_answers(&workspace, 5, 2);
    write_suite(&workspace, "", AGAINST);
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(6);
    let _ = workspace.run(&["baseline", "bless", "latest"]).expect_code(0);
    write_answers(&workspace, 1, 2);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "none.json"])
        .expect_code(1);
    let none = workspace.json("none.json");
    for name in ["share", "dollars", "better"] {
        let found = gate(&none, name);
        assert_ne!(found["verdict"], "pass", "{found}");
        assert!(found["value"].is_null(), "{found}");
        assert!(
            found["reason"]
                .as_str()
                .unwrap()
                .contains("this run has no success"),
            "{found}"
        );
    }
    assert_eq!(gate(&none, "tokens")["verdict"], "pass");
    // The other way round: what a success of the baseline costs is known from below alone.
    let _ = workspace
        .run(&["baseline", "bless", "latest", "--force"])
        .expect_code(0);
    write_answers(&workspace, 5, 2);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "first.json"])
        .expect_code(0);
    let share = gate(&workspace.json("first.json"), "share").clone();
    assert!(share["baseline"]["value"].is_null(), "{share}");
    assert!(
        share["reason"]
            .as_str()
            .unwrap()
            .contains("the baseline has no success"),
        "{share}"
    );
}

/// Protects `success`: the named scorer decides what a success is, in findings, in `cost run`, and in gates; tokens are
/// the sum of both sides.
#[test]
fn the_suite_names_what_a_success_is() {
    let workspace = workspace();
    write_answers(&workspace, 5, 2);
    let gates = "  - {metric: answers.cost_per_success_usd, at_most: 0.0007, name: success}\n  \
                 - {metric: answers.total_tokens, at_most: 150, name: tokens}\n";
    // 100 + 10 × 40 millionths of a dollar: by 0.8 right ones 0.000625, by 0.4 exact ones 0.00125.
    for (task, code, value) in [("    success: contains\n", 0, 0.000_625), ("", 1, 0.001_25)] {
        write_suite(&workspace, task, gates);
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "run.json"])
            .expect_code(code);
        let findings = workspace.json("run.json");
        let of_success = metric(&findings, "cost_per_success_usd")["value"]
            .as_f64()
            .unwrap();
        assert!((of_success / value - 1.0).abs() < 0.01, "{of_success}");
        let sum = |name: &str| metric(&findings, name)["value"].as_f64().unwrap();
        assert!((sum("total_tokens") - sum("input_tokens") - sum("output_tokens")).abs() < 1e-9);
        assert_eq!(gate(&findings, "tokens")["verdict"], "pass");
        let _ = workspace
            .run(&["cost", "run", "latest", "--json", "cost.json"])
            .expect_code(0);
        let told = workspace.json("cost.json")["tasks"][0].clone();
        assert!(
            (told["cost_per_success_usd"]["value"].as_f64().unwrap() - of_success).abs() < 1e-12,
            "{told}"
        );
    }
    write_suite(&workspace, "    success: contians\n", gates);
    let refused = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(
        refused.stderr.contains("did you mean `contains`?"),
        "{}",
        refused.stderr
    );
}
