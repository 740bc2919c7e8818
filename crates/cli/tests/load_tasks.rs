//! Load tasks of suites through the binary: measured after the evaluation, judged by gates, their answers scored, and told
//! again from the record without a call.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};

const CASES: usize = 40;
const PRICE: &str =
    "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 10}\n    params: {max_tokens: 100}\n";

fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    workspace
}

/// A suite whose task `answers` is asked under load too, five times each case. A machine on which tests run is busy, so
/// that numbers are told whatever their certificate says.
fn write(workspace: &Workspace, base_url: &str, gates: &str) {
    let load = "  - name: busy\n    load: {of: answers, concurrency: 4, requests: 200, allow_degraded: true, slo: 'e2e_p50<1h'}\n";
    write_suite(workspace, base_url, PRICE, &format!("{load}gates:\n{gates}"));
}

fn metric<'a>(findings: &'a Value, task: &str, name: &str, statistic: &str) -> &'a Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|metric| {
        metric["task"] == task && metric["metric"] == name && metric["statistic"] == statistic
    });
    assert!(
        found.is_some(),
        "{task}.{name}.{statistic} is missing: {metrics:?}"
    );
    found.unwrap()
}

const PASSING: &str = "  - {metric: busy.e2e.p50, at_most: 3600000}\n  - {metric: busy.exact_match, at_least: 0.2}\n  \
                       - {metric: busy.attainment, at_least: 0.9}\n  - {metric: busy.error_rate, at_most: 0.1}\n";

/// Protects the purpose: the same answers are measured and scored, the record holds both, and reports and gates are made
/// from it again without a call.
#[test]
fn quality_and_latency_of_the_same_answers() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({"accuracy": 0.6}));
    write(&workspace, &server.base_url(), PASSING);
    let plan = workspace
        .run(&["plan", "suite.yaml", "--json", "plan.json"])
        .expect_code(0);
    assert!(plan.stdout.contains("200 calls"), "{}", plan.stdout);
    let plan = workspace.json("plan.json");
    assert_eq!(
        (&plan["loads"][0]["calls"], &plan["samples"]),
        (&json!(200), &json!(CASES))
    );
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "out.json"])
        .expect_code(0);
    assert!(run.stderr.contains("load task busy on t"), "{}", run.stderr);
    assert_eq!(server.stats().requests, CASES as u64 + 200);
    let findings = workspace.json("out.json");
    assert_eq!(
        (&findings["verdict"], findings["gates"].as_array().unwrap().len()),
        (&json!("pass"), 4)
    );
    assert_eq!(findings["samples_finished"], CASES as u64 + 200);
    assert_eq!(findings["samples_planned"], findings["samples_finished"]);
    // Every case was asked five times, and the simulator gives each the same answer each time.
    let quality = metric(&findings, "busy", "exact_match", "mean");
    assert_eq!(quality["n"], 200);
    assert_eq!(quality["n_clusters"], CASES);
    assert_eq!(
        quality["value"],
        metric(&findings, "answers", "exact_match", "mean")["value"]
    );
    let latency = metric(&findings, "busy", "e2e", "p50");
    assert_eq!(
        (&latency["unit"], &latency["pillar"]),
        (&json!("ms"), &json!("performance"))
    );
    assert_eq!(latency["denominator"], 200);
    assert!(latency["low"].as_f64().unwrap() <= latency["value"].as_f64().unwrap());
    assert_eq!(metric(&findings, "busy", "goodput", "mean")["unit"], "per_s");
    assert_eq!(metric(&findings, "busy", "error_rate", "rate")["value"], 0.0);
    let cost = findings["targets"][0]["cost_usd"].as_f64();
    assert!(cost.is_some_and(|cost| cost > 0.0), "{cost:?}");

    // Told again, resumed, and decided by other gates: nobody is asked.
    let again = workspace.run(&["report", "latest"]).expect_code(0);
    assert!(again.stdout.contains("busy.e2e.p50"), "{}", again.stdout);
    let _ = workspace
        .run(&["run", "suite.yaml", "--resume", "--json", "resumed.json"])
        .expect_code(0);
    assert_eq!(workspace.json("resumed.json")["gates"], findings["gates"]);
    write(
        &workspace,
        &server.base_url(),
        "  - {metric: busy.e2e.p50, at_most: 0.000001}\n",
    );
    let _ = workspace
        .run(&["gate", "latest", "--suite", "suite.yaml", "--json", "gate.json"])
        .expect_code(1);
    let gate = &workspace.json("gate.json")["gates"][0];
    assert_eq!(
        (&gate["verdict"], &gate["metric"]),
        (&json!("fail"), &json!("busy.e2e.p50"))
    );
    assert!(gate["p_fail"].as_f64().unwrap() <= 0.05, "{gate}");
    assert!(gate["place"]["line"].as_u64().unwrap() > 1, "{gate}");
    assert_eq!(server.stats().requests, CASES as u64 + 200);
}

/// Protects the exit code of a missed limit, under load and of the answers under load.
#[test]
fn missed_limits_fail() {
    for gate in [
        "  - {metric: busy.e2e.p50, at_most: 0.000001}\n",
        "  - {metric: busy.requests_per_s, at_least: 100000000}\n",
        "  - {metric: busy.exact_match, at_least: 0.99}\n",
    ] {
        let workspace = workspace();
        let server = simulate(&workspace, &json!({"accuracy": 0.5}));
        write(&workspace, &server.base_url(), gate);
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "out.json"])
            .expect_code(1);
        assert_eq!(
            workspace.json("out.json")["gates"][0]["verdict"],
            "fail",
            "{gate}"
        );
    }
}

/// Protects failures from counting as quality: they are errors of the load's answers, and nothing is scored.
#[test]
fn failures_are_errors() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({"faults": {"server_error": 1.0}}));
    let suite = format!(
        "version: 1\nname: trial\nmax_errors: 1000\ntargets:\n  - name: t\n    provider: openai\n    base_url: {}\n    model: m\n    \
         retry: {{attempts: 1}}\ntasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n    first: 1\n    \
         scorers: [exact_match]\n  - name: busy\n    load: {{of: answers, concurrency: 2, requests: 100, allow_degraded: true}}\n",
        server.base_url()
    );
    workspace.write("suite.yaml", suite);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "out.json"])
        .expect_code(0);
    let findings = workspace.json("out.json");
    let quality = metric(&findings, "busy", "exact_match", "mean");
    assert!(quality["n"].as_u64().unwrap() >= 20, "{quality}");
    assert_eq!(quality["n_error"], quality["n"]);
    assert_eq!(
        (&quality["denominator"], &quality["value"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(metric(&findings, "busy", "error_rate", "rate")["value"], 1.0);
}

/// Protects suites without any evaluation: a load by itself, several targets one after the other, and the forecast's
/// silence about samples.
#[test]
fn a_load_by_itself() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({"unknown": "a b c d"}));
    let url = server.base_url();
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n  - {{name: a, provider: openai, base_url: {url}, model: m}}\n  \
             - {{name: b, provider: openai, base_url: {url}, model: m}}\ntasks:\n  - name: crowd\n    \
             load: {{concurrency: 2, requests: 50, input_tokens: 10..20, max_tokens: 5, allow_degraded: true}}\n\
             gates:\n  - {{metric: crowd.requests_per_s, at_least: 0.001}}\n"
        ),
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "out.json"])
        .expect_code(0);
    let findings = workspace.json("out.json");
    assert_eq!(server.stats().requests, 100);
    let gates = findings["gates"].as_array().unwrap();
    let targets: Vec<&Value> = gates.iter().map(|gate| &gate["target"]).collect();
    assert_eq!(targets, ["a", "b"]);
    assert_eq!(metric(&findings, "crowd", "error_rate", "rate")["n"], 50);
}

/// Protects what people type wrong: told at its place, before the first call.
#[test]
fn wrong_loads_are_placed() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    let base_url = server.base_url();
    for (load, expected) in [
        (
            "{of: nothing, rate: 5, duration: 1s}",
            "there is no task `nothing` to ask under load",
        ),
        ("{rate: 5..x/1m, duration: 1s}", "`rate` cannot be read"),
        (
            "{rate: 5, arrivals: often, duration: 1s}",
            "`arrivals` cannot be read",
        ),
        ("{rate: 5, duration: 1s, slo: fast}", "`slo` cannot be read"),
    ] {
        write_suite(
            &workspace,
            &base_url,
            "",
            &format!("  - name: busy\n    load: {load}\n"),
        );
        let run = workspace.run(&["run", "suite.yaml"]).expect_code(2);
        assert!(run.stderr.contains(expected), "{load}: {}", run.stderr);
        assert!(run.stderr.contains("suite.yaml:13:"), "{load}: {}", run.stderr);
    }
    write_suite(
        &workspace,
        &base_url,
        "  - {name: p, provider: exec, command: [cat]}\n",
        "  - name: busy\n    load: {rate: 5, duration: 1s}\n",
    );
    let run = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(run.stderr.contains("which cannot be loaded"), "{}", run.stderr);
    assert_eq!(server.stats().requests, 0);
}

/// Protects the cap on money: a load that would pass it is not begun, and the run goes on under a larger one.
#[test]
fn a_dear_load_is_not_begun() {
    let workspace = workspace();
    let server = simulate(&workspace, &json!({}));
    write(&workspace, &server.base_url(), PASSING);
    let run = workspace
        .run(&["run", "suite.yaml", "--max-cost", "0.1", "--json", "out.json"])
        .expect_code(5);
    assert!(run.stderr.contains("the load is not begun"), "{}", run.stderr);
    assert_eq!(server.stats().requests, CASES as u64);
    let findings = workspace.json("out.json");
    assert_eq!(findings["gates"][0]["verdict"], "inconclusive");
    let _ = workspace
        .run(&[
            "run",
            "suite.yaml",
            "--resume",
            "--max-cost",
            "10",
            "--json",
            "out.json",
        ])
        .expect_code(0);
    assert_eq!(server.stats().requests, CASES as u64 + 200);
    assert_eq!(
        metric(&workspace.json("out.json"), "busy", "exact_match", "mean")["n"],
        200
    );
}

/// Programs that keep a processor busy, for as long as this lives.
struct Spinners(Vec<Child>);

impl Drop for Spinners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Protects gates from numbers that the client spoiled: what is withheld decides nothing, and the run exits with 8.
#[test]
fn a_starved_client_decides_nothing() {
    let has_taskset = Command::new("taskset").args(["-c", "0", "true"]).status();
    if !has_taskset.is_ok_and(|status| status.success()) {
        return;
    }
    let workspace = workspace();
    let server = simulate(
        &workspace,
        &json!({"first_token_ms": 20, "gap_ms": 5, "events": 30, "unknown": "a b c d e f g h ".repeat(5)}),
    );
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n  - {{name: t, provider: openai, base_url: {}, model: m}}\ntasks:\n  \
             - name: busy\n    load: {{concurrency: 16, requests: 100}}\ngates:\n  - {{metric: busy.ttft.p50, at_most: 3600000}}\n",
            server.base_url()
        ),
    );
    let spin = || {
        Command::new("taskset")
            .args(["-c", "0", "sh", "-c", "while :; do :; done"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let _spinners = Spinners((0..6).map(|_| spin()).collect());
    let command = workspace.command(&[]);
    let binary = command.get_program().to_owned();
    let mut starved = Command::new("taskset");
    starved
        .args(["-c", "0"])
        .arg(&binary)
        .args(["run", "suite.yaml", "--json", "out.json"])
        .current_dir(workspace.path())
        .env("CI", "true")
        .stdin(Stdio::null());
    let _ = Finished::of(starved.output()).expect_code(8);
    let findings = workspace.json("out.json");
    let latency = metric(&findings, "busy", "ttft", "p50");
    assert_eq!(
        (&latency["status"], &latency["value"]),
        (&json!("withheld"), &Value::Null)
    );
    let gate = &findings["gates"][0];
    assert_eq!(gate["verdict"], "inconclusive");
    assert!(gate["reason"].as_str().unwrap().contains("withheld"), "{gate}");
}
