//! Flaky cases, pass@k, pass^k and quarantine through the binary: in findings, reports and `report flaky`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

/// A program that answers cases by number: those of the form 3n rightly, 3n + 1 wrongly, 3n + 2 every second time.
const EVERY_OTHER_TIME: &str = r"
import json, re, sys
counts = {}
for line in sys.stdin:
    row = json.loads(line)
    number = int(re.search(r'question number (\d+)', line).group(1))
    counts[number] = counts.get(number, 0) + 1
    right = [True, False, counts[number] % 2 == 0][number % 3]
    print(json.dumps({'id': row['id'], 'output': f'answer {number}' if right else 'no'}), flush=True)
";

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// Writes the trials of an agent as recorded answers with a suite that scores them: the reward is the answer.
fn recorded_trials(workspace: &Workspace) -> bool {
    let Some(data) = test_data("recorded_trials") else {
        return false;
    };
    let file = data.join("benchmarks/tau_bench_airline_runs/gpt4o_airline_rewards.csv");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rows = vec![Vec::new(); 4];
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let trial: usize = cells[1].parse().unwrap();
        rows[trial].push(json!({"id": cells[0], "output": if cells[2] == "1.0" { "yes" } else { "no" }}));
    }
    let lines = |rows: &[Value]| -> String { rows.iter().map(|row| format!("{row}\n")).collect() };
    for (trial, rows) in rows.iter().enumerate() {
        workspace.write(&format!("trial{trial}.jsonl"), lines(rows));
    }
    let cases: Vec<Value> = rows[0]
        .iter()
        .map(|row| json!({"id": row["id"], "input": "task", "expected": "yes"}))
        .collect();
    workspace.write("cases.jsonl", lines(&cases));
    true
}

/// Protects pass^1..4 of four recorded runs of one subject, and a simulation from them.
#[test]
fn four_runs_make_a_ledger() {
    let workspace = workspace();
    if !recorded_trials(&workspace) {
        return;
    }
    for trial in 0..4 {
        workspace.write(
            "suite.yaml",
            format!(
                "version: 1\nname: airline\ntargets:\n  - {{name: gpt-4o, provider: recorded, path: trial{trial}.jsonl}}\ntasks:\n  - {{name: solved, dataset: {{path: cases.jsonl}}, scorers: [exact_match]}}\n"
            ),
        );
        let _ = workspace.run(&["run", "suite.yaml", "--quiet"]).expect_code(0);
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
    let arguments = [&["report", "flaky"][..], &ids, &["--json", "out.json"]].concat();
    let text = workspace.run(&arguments).expect_code(0).stdout;
    assert!(
        text.contains("pass^4") && text.contains("26 of 50 cases"),
        "{text}"
    );
    let result = workspace.json("out.json");
    let task = &result["tasks"][0];
    let value = |name: &str| {
        let repeats = task["repeats"].as_array().unwrap();
        let found = repeats.iter().find(|repeats| repeats["name"] == name).unwrap();
        found["estimate"]["value"].as_f64().unwrap()
    };
    for (name, expected) in [
        ("pass^1", 0.420),
        ("pass^2", 0.273),
        ("pass^3", 0.220),
        ("pass^4", 0.200),
    ] {
        assert!((value(name) - expected).abs() < 0.0005, "{name}: {}", value(name));
    }
    assert_eq!(task["n_flaky"], 26);
    let simulate = [&["gate", "simulate"][..], &ids, &["--json", "simulated.json"]].concat();
    let _ = workspace.run(&simulate).expect_code(0);
    let simulated = workspace.json("simulated.json");
    let rules = &simulated["metrics"][0]["rules"];
    assert!(rules[0]["false_alarm"]["value"].as_f64().unwrap() > 0.99);
    assert!((rules[1]["false_alarm"]["value"].as_f64().unwrap() - 0.43).abs() < 0.025);
    assert!(simulated["gates"][0]["false_alarm"]["value"].as_f64().unwrap() <= 0.05);
}

/// Protects the reports of a run with epochs: pass@k and pass^k with intervals, flaky cases with their counts, and every
/// case under quarantine with its owner, all in the schema of the findings.
#[test]
fn epochs_show_flaky_cases_in_every_report() {
    let workspace = workspace();
    write_cases(&workspace, 30);
    // One case in three is always right, one never, and one every other time.
    workspace.write("answer.py", EVERY_OTHER_TIME);
    let quarantine = "quarantine:\n  - {case: c3, task: answers, owner: ann, until: 2099-12-31, reason: \"<b>the weather\"}\n  \
                      - {case: c4, task: answers, owner: bob, until: 2020-01-31}\n";
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n  - {{name: t, provider: exec, command: [python3, answer.py]}}\n\
             tasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n    scorers: [exact_match]\n    epochs: 4\n\
             {quarantine}"
        ),
    );
    let ended = workspace
        .run(&[
            "run",
            "suite.yaml",
            "--json",
            "f.json",
            "--junit",
            "j.xml",
            "--markdown",
            "m.md",
            "--html",
            "h.html",
        ])
        .expect_code(0);
    let findings = workspace.json("f.json");
    let printed = workspace.run(&["schema", "findings"]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(&findings)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
    let target = &findings["targets"][0];
    let metrics = target["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|metric| metric["metric"] == name).unwrap();
    let number = |name: &str, key: &str| of(name)[key].as_f64().unwrap();
    assert_eq!(
        (of("pass^4")["n"].as_u64(), of("pass^4")["pillar"].as_str()),
        (Some(30), Some("reliability"))
    );
    assert!(number("pass^4", "low") <= number("pass^4", "value"));
    assert!(number("pass^4", "value") <= number("pass^2", "value"));
    assert!(number("pass^2", "value") <= number("exact_match", "value"));
    assert!(number("exact_match", "value") <= number("pass@2", "value"));
    let flaky = target["flaky"].as_array().unwrap();
    assert_eq!((flaky.len(), &target["n_flaky"]), (10, &json!(10)));
    assert!((number("pass^4", "value") - 1.0 / 3.0).abs() < 1e-9);
    assert!((number("pass@4", "value") - 2.0 / 3.0).abs() < 1e-9);
    for case in flaky {
        let (passes, attempts) = (
            case["passes"].as_u64().unwrap(),
            case["attempts"].as_u64().unwrap(),
        );
        assert_eq!((passes, attempts), (2, 4), "{case}");
        assert_eq!(case["rate"]["method"], "jeffreys");
    }
    assert_eq!(findings["quarantine"][0]["owner"], "ann");
    assert_eq!(findings["quarantine"][0]["outcomes"][0]["attempts"], 4);
    assert_eq!(
        (
            &findings["quarantine"][0]["has_ended"],
            &findings["quarantine"][1]["has_ended"]
        ),
        (&json!(false), &json!(true))
    );
    assert!(findings["warnings"].to_string().contains("ended on 2020-01-31"));
    let read = |name: &str| std::fs::read_to_string(workspace.path().join(name)).unwrap();
    let (junit, markdown, html) = (read("j.xml"), read("m.md"), read("h.html"));
    assert!(
        junit.contains("<flakyFailure") && junit.contains(" of 4 right"),
        "{junit}"
    );
    assert!(junit.contains("name=\"quarantine\"") && junit.contains("quarantine until 2099-12-31, ann"));
    assert!(
        markdown.contains("flaky cases")
            && markdown.contains("Quarantine")
            && markdown.contains("until 2099-12-31")
    );
    assert!(
        html.contains("id=\"flaky\"")
            && html.contains("id=\"quarantine\"")
            && html.contains("ended 2020-01-31")
    );
    assert!(!html.contains("<b>the weather") && !markdown.contains("<b>the weather"));
    assert!(
        ended.stdout.contains("flaky") && ended.stdout.contains("quarantine"),
        "{}",
        ended.stdout
    );
}

/// Protects histories: a second run of the same plan knows the answers of the first, and one epoch is enough for that.
#[test]
fn earlier_runs_are_remembered() {
    let workspace = workspace();
    workspace.write("cases.jsonl", "{\"id\": \"a\", \"input\": \"first\", \"expected\": \"yes\"}\n{\"id\": \"b\", \"input\": \"second\", \"expected\": \"yes\"}\n");
    workspace.write(
        "answer.py",
        "import json, os, sys\nfor line in sys.stdin:\n    row = json.loads(line)\n    right = 'second' in line or os.path.exists('flag')\n    print(json.dumps({'id': row['id'], 'output': 'yes' if right else 'no'}), flush=True)\n",
    );
    workspace.write(
        "suite.yaml",
        "version: 1\nname: changing\ntargets:\n  - {name: p, provider: exec, command: [python3, answer.py]}\ntasks:\n  - {name: t, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n",
    );
    let first = workspace.run(&["run", "suite.yaml", "--json", "f.json"]);
    assert!(
        workspace.json("f.json")["targets"][0].get("flaky").is_none(),
        "{}",
        first.stdout
    );
    workspace.write("flag", "");
    let _ = workspace.run(&["run", "suite.yaml", "--json", "f.json"]);
    let findings = workspace.json("f.json");
    let case = &findings["targets"][0]["flaky"][0];
    assert_eq!(
        (&case["case_id"], &case["passes"], &case["attempts"]),
        (&json!("a"), &json!(1), &json!(2)),
        "{findings}"
    );
    assert_eq!((&case["runs"], &case["passes_now"]), (&json!(2), &json!(1)));
    let told = workspace
        .run(&["report", "flaky", "--json", "-"])
        .expect_code(0)
        .stdout;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (
            told["runs"].as_array().unwrap().len(),
            &told["tasks"][0]["n_flaky"]
        ),
        (2, &json!(1))
    );
}

/// Protects entries that say nothing any more: a case that the dataset lacks is an error with its place; and quarantine
/// is no part of the plan.
#[test]
fn quarantine_of_nobody_is_an_error() {
    let workspace = workspace();
    write_cases(&workspace, 3);
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "", "");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    let hash = workspace.json("f.json")["plan_hash"].clone();
    let entry = |case: &str| {
        format!("quarantine:\n  - {{case: {case}, task: answers, owner: ann, until: 2099-12-31}}\n")
    };
    write_suite(&workspace, &server.base_url(), "", &entry("c1"));
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    assert_eq!(workspace.json("f.json")["plan_hash"], hash);
    write_suite(&workspace, &server.base_url(), "", &entry("c99"));
    let ended = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(
        ended.stderr.contains("has no case `c99`") && ended.stderr.contains("suite.yaml:13:"),
        "{}",
        ended.stderr
    );
    write_suite(
        &workspace,
        &server.base_url(),
        "",
        "quarantine:\n  - {case: c1, task: answer, owner: ann, until: soon}\n",
    );
    let ended = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(
        ended.stderr.contains("there is no task `answer`") && ended.stderr.contains("expected YYYY-MM-DD"),
        "{}",
        ended.stderr
    );
}
