//! `seatrial cost tco`, `roi` and `risk` through the binary: the examples of the documentation, Markdown and JSON, what is
//! taken from a recorded run, and what is wrong, with its line.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn example(name: &str) -> String {
    format!("{}/../../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|item| item["name"] == name);
    found.unwrap()
}

/// Protects the table of tiers: High, Medium and Low under its stated assumptions, with their spread.
#[test]
fn tiers_come_out_high_medium_low() {
    let workspace = workspace();
    let roi = example("tiers-roi.yaml");
    let shown = workspace
        .run(&["cost", "roi", &roi, "--json", "roi.json", "--markdown", "roi.md"])
        .expect_code(0);
    let result = workspace.json("roi.json");
    assert_eq!(result["schema"], "seatrial.cost.roi/1");
    let bands: Vec<(&str, &str)> = result["alternatives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["name"].as_str().unwrap(), found["band"].as_str().unwrap()))
        .collect();
    assert_eq!(
        bands,
        [("tier-1", "high"), ("tier-2", "medium"), ("tier-3", "low")]
    );
    for found in result["alternatives"].as_array().unwrap() {
        let roi = &found["roi"];
        assert!(
            roi["low"].as_f64() < roi["p10"].as_f64() && roi["p10"].as_f64() < roi["value"].as_f64(),
            "{roi}"
        );
        assert!(
            found["p_positive"].as_f64().unwrap() > 0.5 && !found["tornado"].as_array().unwrap().is_empty()
        );
    }
    assert!(
        shown.stdout.contains("tier-1  High ROI") && shown.stdout.contains("best by net present value"),
        "{}",
        shown.stdout
    );
    let markdown = std::fs::read_to_string(workspace.path().join("roi.md")).unwrap();
    assert!(markdown.contains("| tier-3 | Low |"), "{markdown}");
    let again = workspace
        .run(&["cost", "roi", &roi, "--json", "-"])
        .expect_code(0);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap(), result);
}

/// Protects deployments and registers as the documentation shows them.
#[test]
fn examples_are_worked_out() {
    let workspace = workspace();
    let tco = [
        "cost",
        "tco",
        &example("deployment-tco.yaml"),
        "--json",
        "tco.json",
        "--markdown",
        "tco.md",
    ];
    let shown = workspace.run(&tco).expect_code(0).stdout;
    let result = workspace.json("tco.json");
    let scenarios = &result["scenarios"];
    assert_eq!(
        (
            scenarios.as_array().unwrap().len(),
            result["break_even"].as_array().unwrap().len()
        ),
        (6, 15)
    );
    let rented = named(scenarios, "rented");
    // 2.28 requests a second in the mean are 5.63 in the peak, by 3.2: two replicas and a spare one.
    assert_eq!(rented["replicas"], 3);
    // At the median of 2.1, 2.5 and 3.2 dollars an hour.
    let gpus = named(&rented["lines"], "accelerators")["usd"].as_f64().unwrap();
    assert!((gpus / (3.0 * 730.0) - 2.54).abs() < 0.02, "{gpus}");
    let drawn = &rented["drawn"];
    assert!(
        drawn["monthly_usd"]["p10"].as_f64() < drawn["monthly_usd"]["p90"].as_f64()
            && drawn["monthly_usd"]["n"] == 10_000,
        "{drawn}"
    );
    let cheapest: f64 = scenarios
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["drawn"]["p_cheapest"].as_f64().unwrap())
        .sum();
    assert!((cheapest - 1.0).abs() < 1e-9, "{cheapest}");
    let hourly = named(scenarios, "rented by the hour");
    assert!(
        hourly["billed_replicas"].as_f64().unwrap() < 3.0
            && hourly["monthly_usd"].as_f64() < hourly["always_on_usd"].as_f64(),
        "{hourly}"
    );
    assert!(
        named(scenarios, "rented with overflow")["overflow_share"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    assert!(shown.contains("break-even, requests a month"), "{shown}");
    let risk = [
        "cost",
        "risk",
        &example("risk-register.yaml"),
        "--json",
        "risk.json",
        "--markdown",
        "risk.md",
    ];
    let shown = workspace.run(&risk).expect_code(0).stdout;
    let result = workspace.json("risk.json");
    assert_eq!(result["risks"].as_array().unwrap().len(), 5);
    let (expected, at_risk) = (
        &result["expected_annual_loss_usd"],
        &result["value_at_risk_95_usd"],
    );
    assert!(at_risk.as_f64().unwrap() > expected.as_f64().unwrap() && expected.as_f64().unwrap() > 0.0);
    assert!(shown.contains("check of facts pays"), "{shown}");
}

/// Protects what a file takes from the record: the share that was measured, as successes and trials, and its place where
/// it cannot be found.
#[test]
fn measured_values_are_taken_from_runs() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    write_suite(
        &workspace,
        &server.base_url(),
        "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n",
        "",
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    let measured = metrics
        .iter()
        .find(|metric| metric["metric"] == "exact_match")
        .unwrap();
    let file = |metric: &str| {
        format!(
            "horizon_months: 1\nalternatives:\n  - name: a\n    volume_per_month: 100\n    value_per_success_usd: 1\n    \
             success: {{run: latest, metric: {metric}}}\n    cost_per_task_usd: {{run: latest, metric: answers.cost_usd}}\n"
        )
    };
    let _ = workspace.write("roi.yaml", file("answers.exact_match"));
    let _ = workspace
        .run(&["cost", "roi", "roi.yaml", "--json", "roi.json"])
        .expect_code(0);
    let benefit = workspace.json("roi.json")["alternatives"][0]["benefit_usd"].clone();
    // The posterior's median is close to the share; its spread is that of 40 answers.
    let share = measured["value"].as_f64().unwrap();
    assert!(
        (benefit["value"].as_f64().unwrap() - 100.0 * share).abs() < 2.0,
        "{benefit} {share}"
    );
    assert!(
        benefit["high"].as_f64().unwrap() - benefit["low"].as_f64().unwrap() > 5.0,
        "{benefit}"
    );
    let _ = workspace.write("roi.yaml", file("answers.exactness"));
    let refused = workspace.run(&["cost", "roi", "roi.yaml"]).expect_code(2).stderr;
    assert!(
        refused.contains("roi.yaml:6:14") && refused.contains("has no metric `answers.exactness`"),
        "{refused}"
    );
}

/// Protects people who write such files: the line, the field, exit 2.
#[test]
fn what_is_wrong_is_shown_with_its_line() {
    let workspace = workspace();
    let refused = |command: &str, text: &str| {
        let _ = workspace.write("case.yaml", text);
        workspace
            .run(&["cost", command, "case.yaml"])
            .expect_code(2)
            .stderr
    };
    let text = refused(
        "tco",
        "workload: {trace: trace.csv}\nscenarios:\n  - {name: a, kind: api, price: {input_usd_per_mtok: -1, output_usd_per_mtok: 1}}\n",
    );
    assert!(
        text.contains("case.yaml:3:54") && text.contains("`input_usd_per_mtok` is -1"),
        "{text}"
    );
    assert!(
        text.contains("case.yaml:1:19") && text.contains("failed to read trace.csv"),
        "{text}"
    );
    let _ = workspace.write(
        "trace.csv",
        "timestamp,input_tokens,output_tokens\n0,1,1\n70,1,1\n1000,1,1\n",
    );
    let text = refused(
        "tco",
        "workload: {trace: trace.csv}\nscenarios:\n  - {name: a, kind: api, price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}}\n",
    );
    assert!(
        text.contains("`timestamp` has a gap: no request for 15 minutes after line 3"),
        "{text}"
    );
    let text = refused(
        "roi",
        "alternatives:\n  - {name: a, volume_per_month: 1, cost_per_task_usd: 1, success: 95}\n",
    );
    assert!(
        text.contains("case.yaml:2:67") && text.contains("this is a share: write 0.95, not 95"),
        "{text}"
    );
    let text = refused(
        "risk",
        "risks:\n  - {name: a, rate: 0.1, loss_usd: {low: 3, high: 1}}\n",
    );
    assert!(
        text.contains("`exposure_per_month` is missing") && text.contains("out of order"),
        "{text}"
    );
    let text = refused("roi", "alternatives: [");
    assert!(text.contains("not valid YAML"), "{text}");
}

/// Protects capacity from real traffic: Azure's trace of an hour of chat.
#[test]
fn capacity_comes_from_a_trace() {
    let Some(folder) = test_data("capacity_comes_from_a_trace") else {
        return;
    };
    let trace = folder.join("benchmarks/traces_azure_2023_conv/AzureLLMInferenceTrace_conv.csv");
    let workspace = workspace();
    let _ = workspace.write("trace.csv", std::fs::read(trace).unwrap());
    let _ = workspace.write(
        "tco.yaml",
        "workload: {trace: trace.csv}\nscenarios:\n  - {name: gpu, kind: rented, usd_per_gpu_hour: 2, goodput_rps: 2, headroom: 0.2}\n",
    );
    let _ = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0);
    let result = workspace.json("tco.json");
    let workload = &result["workload"];
    let rounded = |key: &str, by: f64| (workload[key].as_f64().unwrap() * by).round() / by;
    assert_eq!(
        (
            rounded("input_tokens", 1.0),
            rounded("output_tokens", 1.0),
            rounded("peak_factor", 100.0)
        ),
        (1155.0, 211.0, 1.54)
    );
    assert_eq!(result["scenarios"][0]["replicas"], 6);
}

/// Protects the cost of a run: by sample, case, success, token and character, and "unbounded" where too few succeed.
#[test]
fn runs_tell_what_they_cost() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    write_suite(
        &workspace,
        &server.base_url(),
        "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2, request_usd: 0.001}\n",
        "",
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let shown = workspace
        .run(&[
            "cost",
            "run",
            "latest",
            "--json",
            "cost.json",
            "--resamples",
            "500",
        ])
        .expect_code(0)
        .stdout;
    let result = workspace.json("cost.json");
    let task = &result["tasks"][0];
    let findings = workspace.json("findings.json");
    let total = findings["targets"][0]["cost_usd"].as_f64().unwrap();
    assert!(
        (task["cost_usd"].as_f64().unwrap() - total).abs() < 1e-9 && total > 0.04,
        "{task} {total}"
    );
    let metric = |name: &str| {
        let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
        metrics
            .iter()
            .find(|metric| metric["metric"] == name)
            .unwrap()
            .clone()
    };
    let per_success = metric("cost_per_success_usd");
    assert_eq!(per_success["method"], "fieller");
    for key in ["value", "low", "high"] {
        let (one, other) = (
            task["cost_per_success_usd"][key].as_f64().unwrap(),
            per_success[key].as_f64().unwrap(),
        );
        assert!((one - other).abs() < 1e-12, "{key} {one} {other}");
    }
    assert!(
        task["usd_per_1k_characters"].as_f64().unwrap() > 0.0
            && task["tokens_per_case"]["value"].as_f64().unwrap() > 0.0
    );
    assert!(shown.contains("a success, resampled"), "{shown}");
    let wrong = simulate(&workspace, &json!({"accuracy": 0.0}));
    write_suite(
        &workspace,
        &wrong.base_url(),
        "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n",
        "",
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let _ = workspace
        .run(&["cost", "run", "latest", "--json", "cost.json"])
        .expect_code(0);
    let none = workspace.json("cost.json")["tasks"][0]["cost_per_success_usd"].clone();
    assert_eq!(
        (&none["value"], &none["high"]),
        (&Value::Null, &Value::Null),
        "{none}"
    );
}

/// Protects what-ifs and charges: a recorded run under other prices and shares, and a bill in the columns of FOCUS.
#[test]
fn runs_are_repriced_and_billed() {
    let workspace = workspace();
    write_cases(&workspace, 10);
    let server = simulate(&workspace, &json!({"accuracy": 1.0}));
    write_suite(
        &workspace,
        &server.base_url(),
        "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 1}\n",
        "",
    );
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let _ = workspace.write(
        "prices.yaml",
        "x/double: {input_usd_per_mtok: 2, output_usd_per_mtok: 2, cache_read_usd_per_mtok: 0, tiers: {batch: {factor: 0.5}}}\n",
    );
    let replay = [
        "cost",
        "replay",
        "latest",
        "--prices",
        "prices.yaml",
        "--model",
        "x/double",
        "--json",
        "out.json",
    ];
    let _ = workspace.run(&replay).expect_code(0);
    let plain = workspace.json("out.json")["totals"].clone();
    assert!((plain["factor"].as_f64().unwrap() - 2.0).abs() < 1e-9, "{plain}");
    let batched = [&replay[..], &["--batch-share", "1", "--cached-share", "0"]].concat();
    let _ = workspace.run(&batched).expect_code(0);
    assert!((workspace.json("out.json")["totals"]["factor"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    let refused = workspace
        .run(&[&replay[..], &["--batch-share", "2"]].concat())
        .expect_code(2)
        .stderr;
    assert!(refused.contains("--batch-share is 2"), "{refused}");
    let _ = workspace.write(
        "usage.jsonl",
        r#"{"provider": "x", "model": "double", "at": "2026-01-31T10:00:00Z", "usage": {"prompt_tokens": 500000, "completion_tokens": 0}}
{"provider": "x", "model": "double", "usage": {"prompt_tokens": 1, "completion_tokens": 0}}
"#,
    );
    let focus = [
        "cost",
        "focus",
        "--usage",
        "usage.jsonl",
        "--prices",
        "prices.yaml",
        "--csv",
        "charges.csv",
    ];
    let told = workspace.run(&focus).expect_code(0).stderr;
    assert!(
        told.contains("1 of 2 answers have no known price, day or usage"),
        "{told}"
    );
    let charges = std::fs::read_to_string(workspace.path().join("charges.csv")).unwrap();
    let rows: Vec<&str> = charges.lines().collect();
    assert!(
        rows.len() == 2 && rows[0].starts_with("BilledCost,") && rows[1].starts_with("1,"),
        "{charges}"
    );
}
