//! `seatrial gate simulate` through the binary: the figures of real repeated runs, gates of a suite, and what it refuses.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// What `--json` wrote, held against its schema; every key must be described.
fn told(workspace: &Workspace) -> Value {
    fn forbid_more(schema: &mut Value) {
        match schema {
            Value::Object(map) => {
                map.values_mut().for_each(forbid_more);
                if map.get("properties").is_some_and(Value::is_object) {
                    map.insert("additionalProperties".to_owned(), json!(false));
                }
            }
            Value::Array(list) => list.iter_mut().for_each(forbid_more),
            _ => {}
        }
    }
    let result = workspace.json("out.json");
    let printed = workspace.run(&["schema", "gate-simulate"]).expect_code(0).stdout;
    let mut schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    forbid_more(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(&result)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(problems, Vec::<String>::new());
    result
}

fn share(estimate: &Value) -> f64 {
    assert!(estimate["low"].as_f64().unwrap() <= estimate["value"].as_f64().unwrap());
    assert_eq!(estimate["method"], "wilson");
    estimate["value"].as_f64().unwrap()
}

/// Protects the figures of four identical runs of an agent: "no new failing case" nearly always cries wolf, "not two
/// points lower" in four of nine runs, the paired gate hardly ever; and that a seed is a result.
#[test]
fn four_equal_runs_of_an_agent() {
    let Some(data) = test_data("four_equal_runs_of_an_agent") else {
        return;
    };
    let file = data.join("benchmarks/tau_bench_airline_runs/gpt4o_airline_rewards.csv");
    let workspace = workspace();
    let arguments = [
        "gate",
        "simulate",
        "--rates",
        file.to_str().unwrap(),
        "--id-field",
        "task_id",
        "--score-field",
        "reward",
        "--epoch-field",
        "trial",
        "--json",
        "out.json",
    ];
    let text = workspace.run(&arguments).expect_code(0).stdout;
    let result = told(&workspace);
    let rules = &result["metrics"][0]["rules"];
    for (rule, expected, slack) in [
        (0, 0.999, 0.004),
        (1, 0.43, 0.02),
        (2, 0.23, 0.02),
        (3, 0.09, 0.015),
    ] {
        let found = share(&rules[rule]["false_alarm"]);
        assert!(
            (found - expected).abs() <= slack,
            "{}: {found}",
            rules[rule]["name"]
        );
    }
    assert!(share(&result["gates"][0]["false_alarm"]) <= 0.05);
    assert_eq!(result["metrics"][0]["n_cases"], 50);
    assert_eq!(result["metrics"][0]["rate_model"], "observed");
    let advice = &result["gates"][0]["advice"];
    assert!(advice[2]["cases"].as_u64().unwrap() > 50, "{advice}");
    assert!(advice[0]["cases"].as_u64().unwrap() > advice[2]["cases"].as_u64().unwrap());
    for part in [
        "no new failing case",
        "not 2 points lower",
        "mean rate of 0.4200",
        "fails",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let _ = workspace.run(&arguments).expect_code(0);
    assert_eq!(told(&workspace), result);
    let posterior = [
        &arguments[..],
        &["--rate-model", "posterior", "--spread", "broken"],
    ]
    .concat();
    let _ = workspace.run(&posterior).expect_code(0);
    let other = told(&workspace);
    let noise = |result: &Value| share(&result["metrics"][0]["rules"][3]["false_alarm"]);
    assert!(noise(&other) > noise(&result));
}

/// Protects gates of a suite on recorded runs: each with its own limit, Holm over all of them, those that cannot be drawn
/// named, and two runs of one subject put together.
#[test]
fn gates_of_a_suite_on_recorded_runs() {
    let workspace = workspace();
    write_cases(&workspace, 60);
    let server = simulate(&workspace, &json!({"accuracy": 0.8}));
    let gates = "gates:\n  - {metric: answers.exact_match, at_least: 0.5}\n  \
                 - {metric: answers.exact_match, at_least: 0.99}\n  \
                 - {metric: answers.exact_match, not_worse_than: baseline, margin: 0.05}\n  \
                 - {metric: answers.latency_ms.p95, at_most: 90000}\n  \
                 - {metric: answers.error_rate, at_most: 0.05}\n";
    write_suite(&workspace, &server.base_url(), "", gates);
    for _ in 0..2 {
        let _ = workspace.run(&["run", "suite.yaml", "--quiet"]);
    }
    let _ = workspace
        .run(&["report", "list", "--json", "runs.json"])
        .expect_code(0);
    let runs = workspace.json("runs.json");
    let ids: Vec<&str> = runs["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["run_id"].as_str().unwrap())
        .collect();
    let arguments = [
        &["gate", "simulate"][..],
        &ids,
        &[
            "--suite",
            "suite.yaml",
            "--draws",
            "400",
            "--drop",
            "0.1,0.9",
            "--json",
            "out.json",
        ],
    ]
    .concat();
    let ended = workspace.run(&arguments).expect_code(0);
    let result = told(&workspace);
    let gates = result["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 4, "{result}");
    assert_eq!(result["left_out"][0]["reason"], "it asks about a percentile");
    assert_eq!(result["runs"].as_array().unwrap().len(), 2);
    assert_eq!(result["metrics"][0]["answers_per_case_max"], 2);
    assert_eq!(result["metrics"][0]["rate_model"], "posterior");
    assert_eq!(gates[0]["is_met_unchanged"], true);
    assert!(share(&gates[0]["false_alarm"]) < 0.05);
    assert_eq!(
        (&gates[1]["is_met_unchanged"], &gates[1]["false_alarm"]),
        (&json!(false), &Value::Null)
    );
    assert!(share(&gates[1]["unchanged"]["fail"]) > 0.9);
    assert_eq!(
        (&gates[2]["condition"], &gates[2]["margin"]),
        (&json!("not_worse_than"), &json!(0.05))
    );
    // No error was ever seen, so there is one to lose whole.
    assert_eq!(gates[3]["condition"], "at_most");
    assert!(
        gates[0]["drops"][1]["fail"].is_null(),
        "nothing falls by more than it is"
    );
    assert!(
        ended.stderr.contains("more than some metric has to lose"),
        "{}",
        ended.stderr
    );
}

/// Protects runs against being mixed: another model is another subject, and two targets are two.
#[test]
fn runs_of_two_subjects_are_refused() {
    let workspace = workspace();
    write_cases(&workspace, 5);
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "", "");
    let _ = workspace.run(&["run", "suite.yaml", "--quiet"]).expect_code(0);
    let _ = workspace
        .run(&["report", "list", "--json", "runs.json"])
        .expect_code(0);
    let first = workspace.json("runs.json")["runs"][0]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let twice = workspace
        .run(&["gate", "simulate", &first, "latest"])
        .expect_code(2);
    assert!(twice.stderr.contains("is named twice"), "{}", twice.stderr);
    write_suite(
        &workspace,
        &server.base_url(),
        "    params: {temperature: 1}\n  - {name: u, provider: openai, model: m, base_url: \"http://127.0.0.1:1/v1\", retry: {attempts: 1}}\n",
        "max_error_rate: 1.0\n",
    );
    let _ = workspace.run(&["run", "suite.yaml", "--quiet"]);
    let ended = workspace
        .run(&["gate", "simulate", &first, "latest@t"])
        .expect_code(6);
    assert!(ended.stderr.contains("parameters"), "{}", ended.stderr);
    let ended = workspace.run(&["gate", "simulate", "latest"]).expect_code(2);
    assert!(ended.stderr.contains("latest@t or latest@u"), "{}", ended.stderr);
}

/// Protects the messages: what was found, what was expected, and where.
#[test]
fn nonsense_is_explained() {
    let workspace = workspace();
    for (name, content) in [
        ("high.csv", "id,rate\na,0.5\nb,1.5\n"),
        ("word.csv", "id,rate\na,often\n"),
        ("empty.csv", ""),
        ("header.csv", "id,rate\n"),
        ("none.csv", "id,rate\na,\n"),
        ("other.csv", "id,share\na,0.5\n"),
        ("twice.csv", "id,rate\na,0.5\na,0.5\n"),
        ("half.csv", "id,score\na,0.5\n"),
        ("again.csv", "id,score\na,1\na,0\n"),
        ("unscored.csv", "id,score\na,\n"),
        ("cluster.csv", "id,rate,cluster\na,0.5,k\nb,0.5,\n"),
        ("moved.csv", "id,score,epoch,cluster\na,1,0,k\na,1,1,l\n"),
        ("broken.jsonl", "{\"id\": 1, \"rate\": 0.5}\n{\"id\": \n"),
        ("good.csv", "id,rate\na,0.5\nb,1\n"),
    ] {
        workspace.write(name, content);
    }
    for (arguments, expected) in [
        (
            &["--rates", "high.csv"][..],
            "high.csv:3: `rate` is `1.5`, expected a number from 0 to 1",
        ),
        (&["--rates", "word.csv"], "word.csv:2: `rate` is `often`"),
        (&["--rates", "empty.csv"], "empty.csv"),
        (&["--rates", "header.csv"], "has no rows"),
        (&["--rates", "none.csv"], "none.csv:2: case `a` has no `rate`"),
        (
            &["--rates", "other.csv"],
            "neither `rate` nor `score` is there, found: id, share",
        ),
        (
            &["--rates", "twice.csv"],
            "twice.csv:3: case `a` is there twice; the first is at twice.csv:2",
        ),
        (
            &["--rates", "half.csv"],
            "half.csv:2: `score` is `0.5`, expected 0 or 1",
        ),
        (
            &["--rates", "again.csv"],
            "again.csv:3: case `a` has a second score for epoch 0",
        ),
        (&["--rates", "unscored.csv"], "no row with a score"),
        (
            &["--rates", "cluster.csv"],
            "cluster.csv:3: case `b` has no cluster",
        ),
        (
            &["--rates", "moved.csv"],
            "moved.csv:3: the cluster of case `a` is `l`, but at moved.csv:2 it is `k`",
        ),
        (&["--rates", "broken.jsonl"], "broken.jsonl:2:"),
        (&["--rates", "missing.csv"], "failed to read missing.csv"),
        (
            &["--rates", "good.csv", "--draws", "0"],
            "the number of draws is 0, expected a whole number from 1",
        ),
        (
            &["--rates", "good.csv", "--epochs", "0"],
            "the number of epochs is 0",
        ),
        (
            &["--rates", "good.csv", "--cases", "0"],
            "the number of cases is 0",
        ),
        (&["--rates", "good.csv", "--power", "1"], "the power is 1"),
        (&["--rates", "good.csv", "--risk", "0.9"], "--risk is 0.9"),
        (&["--rates", "good.csv", "--margin", "2"], "--margin is 2"),
        (&["--rates", "good.csv", "--drop", "0.02,5"], "--drop has 5"),
        (
            &["--rates", "good.csv", "--draws", "1000000", "--cases", "1000000"],
            "fewer draws, cases or drops",
        ),
        (
            &["--rates", "good.csv", "--suite", "nothing.yaml"],
            "nothing.yaml",
        ),
        (&["latest"], "seatrial run SUITE"),
        (&[], "required"),
    ] {
        let ended = workspace
            .run(&[&["gate", "simulate"], arguments].concat())
            .expect_code(2);
        assert!(ended.stderr.contains(expected), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    let json = workspace
        .run(&[
            "gate", "simulate", "--rates", "good.csv", "--draws", "50", "--json", "-",
        ])
        .expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["draws"], 50);
    assert!(json.stderr.contains("no new failing case"));
}
