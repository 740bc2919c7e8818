//! `seatrial schema NAME` against what the commands really write: every result is valid, and every key of it described.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};
use std::path::Path;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    root.join(name).to_str().unwrap().to_owned()
}

/// Readers ignore keys that they do not know; here each must be described, so that neither outgrows the other.
fn forbid_more(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(forbid_more);
            let is_object = map.get("properties").is_some_and(Value::is_object);
            if is_object && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_more),
        _ => {}
    }
}

/// What is wrong with a result.
fn problems(workspace: &Workspace, name: &str, result: &Value) -> Vec<String> {
    let printed = workspace.run(&["schema", name]).expect_code(0).stdout;
    let mut schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    assert_eq!(schema["$id"], result["schema"], "{name}");
    forbid_more(&mut schema["properties"]);
    forbid_more(&mut schema["$defs"]);
    schema["additionalProperties"] = json!(false);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors = validator.iter_errors(result);
    errors
        .map(|error| format!("{name}{}: {error}", error.instance_path()))
        .collect()
}

/// Runs a command that writes `out.json`, and checks it.
fn check(workspace: &Workspace, name: &str, arguments: &[&str]) {
    let _ = workspace.run(arguments).expect_code(0);
    let found = problems(workspace, name, &workspace.json("out.json"));
    assert_eq!(found, Vec::<String>::new(), "{arguments:?}");
}

/// Protects readers of plans, recorded samples and findings, with and without a run on record, errors and slices in them.
#[test]
fn plans_and_exports_keep_their_schemas() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    let gates = "max_error_rate: 1.0\nslices: [group]\ngates:\n  - {metric: answers.exact_match, at_least: 0.5}\n  \
                 - {metric: answers.exact_match, at_least: 0.5, slice: {group: \"3\"}}\n  \
                 - {metric: answers.latency_ms.p95, at_most: 90000}\n";
    write_suite(&workspace, &server.base_url(), "", gates);
    let plan = ["plan", "suite.yaml", "--programme", "--json", "out.json"];
    check(&workspace, "plan", &plan);
    let _ = workspace.run(&["run", "suite.yaml"]);
    let plan = [&plan[..], &["--traffic", "100", "--label-usd", "0.5"]].concat();
    check(&workspace, "plan", &plan);
    let export = ["export", "latest", "--format", "json", "--output", "out.json"];
    check(&workspace, "export", &export);
    check(&workspace, "export", &[&export[..], &["--no-texts"]].concat());
    write_suite(
        &workspace,
        "http://127.0.0.1:1/v1",
        "    retry: {attempts: 1}\n",
        "",
    );
    let failed = workspace
        .run(&["run", "suite.yaml", "--store", "failed"])
        .expect_code(4);
    assert!(failed.stderr.contains("first error of t"), "{}", failed.stderr);
    let export = [&export[..], &["--store", "failed"]].concat();
    check(&workspace, "export", &export);
    let errors = workspace.json("out.json")["samples"][0]["error"].clone();
    assert_eq!(
        errors["kind"], "connect",
        "a sample that is an error was among them"
    );
}

/// Protects readers of comparisons: of runs with slices, texts and clusters, of three files, and of a refusal.
#[test]
fn comparisons_keep_their_schema() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.7}));
    let mut runs = Vec::new();
    for rest in [
        "    epochs: 2\nslices: [group]\n",
        "    epochs: 2\nslices: [group]\nseed: 9\n",
    ] {
        write_suite(&workspace, &server.base_url(), "", rest);
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "run.json"])
            .expect_code(0);
        runs.push(workspace.json("run.json")["run_id"].as_str().unwrap().to_owned());
    }
    let compare = ["compare", &runs[0], &runs[1], "--json", "out.json"];
    let _ = workspace.run(&compare).expect_code(6);
    assert_eq!(
        problems(&workspace, "compare", &workspace.json("out.json")),
        Vec::<String>::new()
    );
    check(&workspace, "compare", &[&compare[..], &["--force"]].concat());
    let made = workspace.json("out.json");
    assert!(!made["slices"].as_array().unwrap().is_empty() && made["forced"] == true);
    for (name, right) in [("a", "1"), ("b", "0"), ("c", "1")] {
        workspace.write(
            &format!("{name}.csv"),
            format!("id,score,cluster\nx,{right},k\ny,1,l\n"),
        );
    }
    check(
        &workspace,
        "compare",
        &["compare", "a.csv", "b.csv", "c.csv", "--json", "out.json"],
    );
    assert_eq!(workspace.json("out.json")["ranking"].as_array().unwrap().len(), 1);
}

/// Protects readers of audits and imports.
#[test]
fn audits_and_imports_keep_their_schemas() {
    let workspace = workspace();
    check(
        &workspace,
        "audit",
        &["audit", &fixture("audit"), "--json", "out.json"],
    );
    check(&workspace, "audit", &["audit", ".", "--json", "out.json"]);
    let samples = "interop/lm_eval/org__small-model/samples_sums_2026-01-31T12-00-00.000000.jsonl";
    for (tool, file) in [
        ("inspect", "interop/inspect.eval"),
        ("inspect", "interop/inspect-crashed.eval"),
        ("lm-eval", samples),
        ("openai-evals", "interop/openai_evals.jsonl"),
        ("results", "interop/rows.csv"),
    ] {
        let arguments = ["import", tool, &fixture(file), "--json", "out.json"];
        check(&workspace, "import", &arguments);
        let findings = workspace.json("out.json")["findings"].clone();
        assert_eq!(
            problems(&workspace, "findings", &findings),
            Vec::<String>::new(),
            "{file}"
        );
    }
    let config = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o]\ntests:\n  - vars: {q: a}\n    assert:\n      \
                  - {type: equals, value: b}\n      - {type: llm-rubric, value: nice}\n      - {type: javascript, value: 'true'}\n";
    workspace.write("promptfooconfig.yaml", config);
    let import = [
        "import",
        "promptfoo",
        "promptfooconfig.yaml",
        "--out",
        "made",
        "--json",
        "out.json",
    ];
    check(&workspace, "import-promptfoo", &import);
    let made = workspace.json("out.json");
    assert!(
        made["judges"]["llm-rubric"] == 1 && !made["left_out"].as_array().unwrap().is_empty(),
        "{made}"
    );
}

/// Protects readers of figures.
#[test]
fn figures_keep_their_schemas() {
    let workspace = workspace();
    let scores = |offset: usize| -> String {
        let row = |at: usize| {
            format!(
                "{{\"id\": {at}, \"score\": {}}}\n",
                usize::from(!(at + offset).is_multiple_of(3))
            )
        };
        (0..40).map(row).collect()
    };
    workspace.write("a.jsonl", scores(0));
    workspace.write("b.jsonl", scores(1));
    workspace.write(
        "models.csv",
        "name,quality,n,cost_usd\na,0.5,100,0.1\nb,0.6,100,\n",
    );
    workspace.write("outcomes.csv", "a,b\n1,1\n0,1\n");
    workspace.write("hyp.txt", "the cat sat\na b c d e\n");
    workspace.write("ref.txt", "the cat sat down\na b c d f\n");
    for (name, command) in [
        ("stats-proportion", "stats proportion 3/7"),
        ("stats-power", "stats power --n 100 --discordant 0.2"),
        ("stats-power", "stats power --difference 0.1 --p1 0.5"),
        (
            "stats-power",
            "stats power --n 50 --difference 0.1 --sd 0.4 --independent",
        ),
        ("stats-compare", "stats compare a.jsonl b.jsonl"),
        ("stats-compare", "stats compare a.jsonl b.jsonl --scale real"),
        ("text-bleu", "text bleu --hyp hyp.txt --ref ref.txt"),
        (
            "text-bleu",
            "text bleu --hyp hyp.txt --ref ref.txt --baseline ref.txt --paired-bs",
        ),
        ("text-chrf", "text chrf --hyp hyp.txt --ref ref.txt"),
        ("cost-pareto", "cost pareto --table models.csv --resamples 100"),
        (
            "cost-route",
            "cost pareto --outcomes outcomes.csv --route a,b --resamples 100",
        ),
        ("text-ter", "text ter --hyp hyp.txt --ref ref.txt"),
        ("text-rouge", "text rouge --hyp hyp.txt --ref ref.txt"),
    ] {
        let arguments: Vec<&str> = command.split(' ').chain(["--json", "out.json"]).collect();
        check(&workspace, name, &arguments);
    }
    let listed = workspace.run(&["stats", "list", "--json"]).expect_code(0).stdout;
    let found = problems(&workspace, "stats-list", &serde_json::from_str(&listed).unwrap());
    assert_eq!(found, Vec::<String>::new());
}

/// Protects readers of prices, deployments, returns and risks.
#[test]
fn costs_keep_their_schemas() {
    let workspace = workspace();
    write_cases(&workspace, 10);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    let price = "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n";
    write_suite(&workspace, &server.base_url(), price, "");
    let _ = workspace.run(&["run", "suite.yaml"]);
    let prices = "openai/m: {input_usd_per_mtok: 1, output_usd_per_mtok: 2, web_search_usd: 0.01, discount: 0.1, \
                  tiers: {batch: {factor: 0.5}}, above: [{input_tokens: 9, input_usd_per_mtok: 3}]}\n";
    workspace.write("prices.yaml", prices);
    workspace.write(
        "other.yaml",
        prices.replace("output_usd_per_mtok: 2", "output_usd_per_mtok: 3"),
    );
    let usage = r#"{"provider": "openai", "model": "m", "at": "2026-01-31", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
{"id": [1], "model": "none", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
"#;
    workspace.write("usage.jsonl", usage);
    workspace.write(
        "table.json",
        r#"{"x": {"litellm_provider": "openai", "input_cost_per_token": 1e-6}}"#,
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let example = |name: &str| root.join(name).to_str().unwrap().to_owned();
    for (name, command) in [
        (
            "cost-price",
            "cost price usage.jsonl --prices prices.yaml".to_owned(),
        ),
        (
            "cost-prices-list",
            "cost prices list --prices prices.yaml --prices other.yaml".to_owned(),
        ),
        (
            "cost-prices-show",
            "cost prices show openai/m --prices prices.yaml --prices other.yaml".to_owned(),
        ),
        (
            "cost-prices-diff",
            "cost prices diff prices.yaml other.yaml".to_owned(),
        ),
        (
            "cost-prices-import",
            "cost prices import litellm --from table.json".to_owned(),
        ),
        ("cost-run", "cost run latest --resamples 100".to_owned()),
        (
            "cost-replay",
            "cost replay latest --prices prices.yaml --model openai/m --batch-share 0.5".to_owned(),
        ),
        ("cost-tco", format!("cost tco {}", example("deployment-tco.yaml"))),
        ("cost-roi", format!("cost roi {}", example("tiers-roi.yaml"))),
        (
            "cost-risk",
            format!("cost risk {}", example("risk-register.yaml")),
        ),
    ] {
        let arguments: Vec<&str> = command.split(' ').chain(["--json", "out.json"]).collect();
        check(&workspace, name, &arguments);
    }
}

/// Protects the test above and readers alike: a schema refuses a result that lacks a key, or has a wrong or foreign one.
#[test]
fn schemas_refuse_what_is_wrong() {
    let workspace = workspace();
    let _ = workspace
        .run(&["stats", "proportion", "3/7", "--json", "out.json"])
        .expect_code(0);
    let right = workspace.json("out.json");
    for (key, value) in [
        ("trials", json!(-7)),
        ("trials", Value::Null),
        ("estimates", json!([{"value": 0.4}])),
        ("foreign", json!(1)),
    ] {
        let mut wrong = right.clone();
        wrong[key] = value;
        assert!(
            !problems(&workspace, "stats-proportion", &wrong).is_empty(),
            "{wrong}"
        );
    }
}
