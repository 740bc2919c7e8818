//! Scorers through the binary: what reaches the findings, what refused answers do to their neighbours, where mistakes
//! inside conditions and schemas are shown. Apart from the tests of `score`, because config, engine and analysis have
//! their part in it.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_testkit::Workspace;
use serde_json::{Value, json};

const ROWS: &[(&str, &str)] = &[
    ("1", r#"{"city": "Paris", "people": 2}"#),
    ("2", r#"{"city": "Lyon"}"#),
    ("3", "Paris, of course."),
    ("4", "I'm sorry, but I can't help with that."),
];

fn workspace(scorers: &str) -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let lines = |rows: Vec<Value>| rows.iter().map(|row| format!("{row}\n")).collect::<String>();
    let cases = ROWS
        .iter()
        .map(|(id, _)| json!({"id": id, "input": "Where?", "expected": "Paris"}));
    workspace.write("cases.jsonl", lines(cases.collect()));
    let answers = ROWS
        .iter()
        .map(|(id, output)| json!({"id": id, "output": output}));
    workspace.write("answers.jsonl", lines(answers.collect()));
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets: [{{name: t, provider: recorded, path: answers.jsonl}}]\ntasks:\n  \
             - name: a\n    dataset: {{path: cases.jsonl}}\n    scorers:\n{scorers}"
        ),
    );
    workspace
}

fn metrics(workspace: &Workspace) -> Vec<Value> {
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    workspace.json("findings.json")["targets"][0]["metrics"]
        .as_array()
        .unwrap()
        .clone()
}

fn metric<'a>(metrics: &'a [Value], name: &str) -> &'a Value {
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

/// Protects the way of numbers, verdicts and classes from a scorer to the findings: `[value, denominator, scored,
/// unparsed, refused]`.
#[test]
fn scores_reach_the_findings() {
    let workspace = workspace(
        "      - json_valid
      - json_schema: {schema: city.json}
      - length: {unit: words}
      - length: {name: short, unit: words, at_most: 3}
      - bleu
      - latency: {at_most: 100}
      - all_of: {of: [{contains: {name: paris, values: Paris}}, {json_schema: {schema: city.json}}]}
",
    );
    workspace.write(
        "city.json",
        r#"{"type": "object", "required": ["city", "people"]}"#,
    );
    let metrics = metrics(&workspace);
    let found = |name: &str| {
        let metric = metric(&metrics, name);
        json!([
            metric["value"],
            metric["denominator"],
            metric["n_scored"],
            metric["n_unparsed"],
            metric["n_refused"]
        ])
    };
    assert_eq!(found("json_valid"), json!([0.5, 4, 4, 0, 0]));
    assert_eq!(found("json_schema"), json!([0.25, 4, 2, 2, 0]));
    assert_eq!(found("length"), json!([4.25, 4, 4, 0, 0]));
    assert_eq!(found("short"), json!([0.5, 4, 4, 0, 0]));
    assert_eq!(metric(&metrics, "sentence_bleu")["unit"], "score");
    // A recorded answer without a latency is not within the bound, and not beyond it either.
    assert_eq!(found("latency"), json!([null, 0, 0, 4, 0]));
    assert_eq!(found("all_of"), json!([0.25, 4, 3, 1, 0]));
}

/// Protects the rule of the design: an answer is refused by finish reason, or once the task lists `refusal`.
#[test]
fn a_listed_refusal_scorer_marks_refused_answers() {
    let without = metrics(&workspace("      - exact_match\n      - rouge\n"));
    assert_eq!(metric(&without, "exact_match")["n_refused"], 0);
    assert_eq!(metric(&without, "rouge")["denominator"], 4);
    let with = metrics(&workspace(
        "      - refusal\n      - exact_match\n      - rouge\n",
    ));
    let refusal = metric(&with, "refusal");
    assert_eq!(
        (&refusal["value"], &refusal["pillar"]),
        (&json!(0.25), &json!("safety"))
    );
    let exact = metric(&with, "exact_match");
    assert_eq!(
        (&exact["n_refused"], &exact["denominator"]),
        (&json!(1), &json!(4))
    );
    let rouge = metric(&with, "rouge");
    assert_eq!(
        (&rouge["n_refused"], &rouge["denominator"]),
        (&json!(1), &json!(3))
    );
    assert!(rouge["value_worst"].is_number() && rouge["value_best"].is_number());
}

/// Protects the places of mistakes that only the scorers themselves can see.
#[test]
fn mistakes_inside_conditions_are_placed() {
    let workspace = workspace(
        "      - any_of:
          of:
            - exact_match
            - regex: {pattern: '('}
      - all_of: {of: [f1]}
      - json_schema: {schema: {type: objekt}}
",
    );
    let finished = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    for place in ["suite.yaml:11:32", "suite.yaml:12:23", "suite.yaml:13:31"] {
        assert!(
            finished.stderr.contains(place),
            "{place} is not in\n{}",
            finished.stderr
        );
    }
    assert!(finished.stderr.contains("give it `at_least` or `at_most`"));
}

/// Protects resuming: a schema file is part of the plan, so a run with another schema is another run.
#[test]
fn a_changed_schema_file_changes_the_plan() {
    let workspace = workspace("      - json_schema: {schema: city.json}\n");
    let plan_hash = |schema: &str| {
        workspace.write("city.json", schema);
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "findings.json"])
            .expect_code(0);
        workspace.json("findings.json")["plan_hash"].clone()
    };
    let first = plan_hash("{}");
    assert_eq!(first, plan_hash(" {} "));
    assert_ne!(first, plan_hash("{\"type\": \"object\"}"));
}
