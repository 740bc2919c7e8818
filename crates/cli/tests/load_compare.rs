//! `seatrial load compare`, `load diff` and `load --baseline` through the binary: who is slower fails, who is equal does
//! not, what cannot be compared is refused.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// One endpoint with three models: two that are equal, one that takes five times as long.
fn simulate() -> SimHandle {
    let persona = |model: &str, ms: u64| json!({"model": model, "first_token_ms": ms, "gap_ms": 1, "events": 4, "unknown": "a b c d e f g h"});
    let personas = json!([persona("fast", 20), persona("same", 20), persona("slow", 100)]);
    SimHandle::spawn(SimConfig::from_value(json!({"seed": 3, "personas": personas})).unwrap()).unwrap()
}

/// A machine on which tests run is busy, so that numbers are told whatever their certificate says.
const FIXED: [&str; 3] = ["--json", "out.json", "--allow-degraded"];

/// Blocks that are as short as they can be.
fn compare(workspace: &Workspace, url: &str, candidate: &str, baseline: &str, more: &[&str]) -> Finished {
    let endpoints = [
        "--base-url",
        url,
        "--model",
        candidate,
        "--against-model",
        baseline,
    ];
    let blocks = "--concurrency 4 --duration 400ms --warmup 150ms --cooldown 150ms --pairs 4";
    let blocks: Vec<&str> = blocks.split(' ').collect();
    workspace.run(&[&["load", "compare"], &endpoints[..], &blocks, &FIXED, more].concat())
}

fn figure<'a>(result: &'a Value, name: &str) -> &'a Value {
    let mut figures = result["figures"].as_array().unwrap().iter();
    figures.find(|figure| figure["name"] == name).unwrap()
}

/// The printed schema holds for a result.
fn validate(workspace: &Workspace, name: &str, result: &Value) {
    let printed = workspace.run(&["schema", name]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(result)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

/// Protects what a gate in CI is for: an endpoint that takes five times as long fails, by name, with its ratio; and the
/// other way round it passes.
#[test]
fn a_slower_endpoint_fails() {
    let (workspace, server) = (workspace(), simulate());
    let margins = [
        "--margin",
        "ttft_p50=50%,requests_per_s=30%",
        "--markdown",
        "out.md",
    ];
    let finished = compare(&workspace, &server.base_url(), "slow", "fast", &margins).expect_code(1);
    assert!(finished.stdout.contains("verdict    fail"), "{}", finished.stdout);
    let result = workspace.json("out.json");
    validate(&workspace, "load-compare", &result);
    assert_eq!(
        (&result["verdict"], &result["exit_code"]),
        (&json!("fail"), &json!(1))
    );
    assert_eq!(result["blocks"]["pairs"], 4);
    let ttft = figure(&result, "ttft_p50");
    assert_eq!(ttft["verdict"], "fail");
    let ratio = &ttft["ratio"];
    assert!(ratio["low"].as_f64().unwrap() > 1.5, "{ttft}");
    assert_eq!(ttft["pairs"].as_array().unwrap().len(), 4);
    // A p99 of so few values is not told.
    assert_eq!(figure(&result, "ttft_p99")["status"], "unavailable");
    assert!(figure(&result, "ttft_p99")["candidate"].is_null());
    let markdown = std::fs::read_to_string(workspace.path().join("out.md")).unwrap();
    assert!(
        markdown.contains("| ttft_p50 ms |") && markdown.contains("<svg"),
        "{markdown}"
    );

    let _ = compare(&workspace, &server.base_url(), "fast", "slow", &margins).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(result["verdict"], "pass");
    assert_eq!(figure(&result, "requests_per_s")["verdict"], "pass");
}

/// Protects from false alarms: two equal endpoints do not fail. Nothing is decided without a margin, and that is said.
#[test]
fn equal_endpoints_do_not_fail() {
    let (workspace, server) = (workspace(), simulate());
    let margins = ["--margin", "ttft_p50=100%,requests_per_s=60%,error_rate=20%"];
    let finished = compare(&workspace, &server.base_url(), "same", "fast", &margins).expect_code(0);
    let result = workspace.json("out.json");
    assert_ne!(result["verdict"], "fail", "{}", finished.stdout);
    assert_eq!(figure(&result, "error_rate")["verdict"], "pass");
    assert!(figure(&result, "error_rate")["ratio"].is_null());
    let finished = compare(&workspace, &server.base_url(), "same", "fast", &[]).expect_code(0);
    assert!(finished.stdout.contains("no margins"), "{}", finished.stdout);
    assert_eq!(workspace.json("out.json")["verdict"], "pass");
}

/// Protects pipelines that must know: what cannot be decided is inconclusive, 0 or 3 as asked.
#[test]
fn undecided_is_told() {
    let (workspace, server) = (workspace(), simulate());
    let margins = ["--margin", "e2e_p99=10%"];
    let finished = compare(&workspace, &server.base_url(), "same", "fast", &margins).expect_code(0);
    assert!(finished.stdout.contains("told from 299"), "{}", finished.stdout);
    assert_eq!(workspace.json("out.json")["verdict"], "inconclusive");
    let strict = [&margins[..], &["--on-inconclusive", "fail"]].concat();
    let _ = compare(&workspace, &server.base_url(), "same", "fast", &strict).expect_code(3);
}

/// Protects: an endpoint where nothing works ends the comparison with the code for errors, and says which it was.
#[test]
fn a_broken_endpoint_is_named() {
    let (workspace, server) = (workspace(), simulate());
    let finished = compare(&workspace, &server.base_url(), "nobody", "fast", &[]).expect_code(4);
    assert!(
        finished.stdout.contains("nothing worked at the candidate"),
        "{}",
        finished.stdout
    );
    let result = workspace.json("out.json");
    assert_eq!(result["candidate"]["requests"]["ok"], 0);
    validate(&workspace, "load-compare", &result);
}

/// Programs that keep a processor busy, for as long as this lives.
struct Spinners(Vec<Child>);

impl Spinners {
    fn on_processor_0(count: usize) -> Self {
        let spin = || {
            Command::new("taskset")
                .args(["-c", "0", "sh", "-c", "while :; do :; done"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self((0..count).map(|_| spin()).collect())
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Protects against verdicts on the client itself: pinned to a processor that others keep busy, it withholds latencies,
/// decides nothing by them, exits with 8, and writes its result all the same. How many requests failed it can tell.
#[test]
fn a_starved_client_decides_nothing() {
    let has_taskset = Command::new("taskset").args(["-c", "0", "true"]).status();
    if !has_taskset.is_ok_and(|status| status.success()) {
        return;
    }
    let (workspace, server) = (workspace(), simulate());
    let _spinners = Spinners::on_processor_0(6);
    let binary = workspace.command(&[]).get_program().to_owned();
    let arguments = "load compare --model slow --against-model fast --concurrency 16 --duration 600ms --warmup 200ms \
                     --cooldown 200ms --pairs 4 --margin ttft_p50=10%,error_rate=50% --json out.json --base-url";
    let starved = Command::new("taskset")
        .args(["-c", "0"])
        .arg(binary)
        .args(arguments.split_whitespace())
        .arg(server.base_url())
        .current_dir(workspace.path())
        .env("CI", "true")
        .stdin(Stdio::null())
        .output();
    let finished = Finished::of(starved).expect_code(8);
    let result = workspace.json("out.json");
    validate(&workspace, "load-compare", &result);
    assert_eq!(result["verdict"], "inconclusive", "{}", finished.stdout);
    let ttft = figure(&result, "ttft_p50");
    assert_eq!(ttft["status"], "withheld", "{ttft}");
    for number in ["baseline", "candidate", "difference", "ratio", "p_fail"] {
        assert!(ttft[number].is_null(), "{number}: {ttft}");
    }
    assert!(ttft["reason"].as_str().unwrap().contains("too late in"), "{ttft}");
    assert!(ttft["remedy"].as_str().unwrap().contains("processor"), "{ttft}");
    assert_eq!(figure(&result, "error_rate")["verdict"], "pass");
}

/// Protects Ctrl-C: whole pairs so far are told, the file is written, the code is 130.
#[cfg(unix)]
#[test]
fn interrupting_keeps_whole_pairs() {
    use std::io::{BufRead, BufReader, Read};
    let (workspace, server) = (workspace(), simulate());
    let url = server.base_url();
    let mut child = workspace.spawn(&[
        "load",
        "compare",
        "--base-url",
        &url,
        "--model",
        "fast",
        "--against-model",
        "same",
        "-c",
        "2",
        "-d",
        "200ms",
        "--warmup",
        "50ms",
        "--cooldown",
        "50ms",
        "--pairs",
        "1000",
        "--json",
        "out.json",
        "--allow-degraded",
    ]);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("pair 5 of 1000") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0);
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    let _ = Finished::of(child.wait_with_output()).expect_code(130);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["interrupted"], &result["exit_code"]),
        (&json!(true), &json!(130))
    );
    assert!(result["blocks"]["pairs"].as_u64().unwrap() >= 4, "{rest}");
    assert!(figure(&result, "ttft_p50")["ratio"]["value"].is_number());
    validate(&workspace, "load-compare", &result);
}

/// Protects people from mistakes in arguments.
#[test]
fn mistakes_are_said() {
    let workspace = workspace();
    let said = |arguments: &[&str]| {
        workspace
            .run(&[&["load"], arguments].concat())
            .expect_code(2)
            .stderr
    };
    let target = ["compare", "--base-url", "http://127.0.0.1:1/v1", "--model", "m"];
    let shape = ["-c", "1", "-d", "1s"];
    assert!(said(&[&target[..], &shape].concat()).contains("--against-base-url"));
    let whole = [&target[..], &["--against-model", "n"], &shape].concat();
    let wrong = said(&[&whole[..], &["--margin", "ttft_p99=10%,tpo_p50=1%"]].concat());
    assert!(
        wrong.contains("character 14") && wrong.contains("tpot"),
        "{wrong}"
    );
    assert!(said(&[&whole[..], &["--margin", "attainment=1%"]].concat()).contains("--slo"));
    assert!(said(&[&whole[..], &["--csv", "x.csv"]].concat()).contains("not for `load compare`"));
    assert!(said(&[&whole[..], &["--pairs", "3"]].concat()).contains("4..=1000"));
    let find =
        "--base-url http://127.0.0.1:1/v1 --model m --slo ttft_p99<1s --find rate --margin ttft_p99=10%";
    assert!(said(&find.split(' ').collect::<Vec<_>>()).contains("--baseline"));
    let load = [
        "--base-url",
        "http://127.0.0.1:1/v1",
        "--model",
        "m",
        "-c",
        "1",
        "-n",
        "1",
    ];
    assert!(said(&[&load[..], &["--margin", "ttft_p99=10%"]].concat()).contains("--baseline"));
}

/// Measures a model and saves the result.
fn save(workspace: &Workspace, url: &str, model: &str, file: &str, more: &[&str]) -> Finished {
    let fixed = [
        "load",
        "--base-url",
        url,
        "--model",
        model,
        "--allow-degraded",
        "--no-calibrate",
        "--json",
        file,
    ];
    workspace.run(&[&fixed[..], more].concat())
}

/// Protects saved baselines: the slower one fails, by file and while measuring; the same one does not; a load, prompts or
/// objectives that differ are refused with exit 6 and named before anything is sent.
#[test]
fn saved_results_are_compared() {
    let (workspace, server) = (workspace(), simulate());
    let url = server.base_url();
    let shape = ["--concurrency", "4", "--requests", "200"];
    let _ = save(&workspace, &url, "fast", "fast.json", &shape).expect_code(0);
    let _ = save(&workspace, &url, "slow", "slow.json", &shape).expect_code(0);
    let margin = ["--margin", "ttft_p50=50%,requests_per_s=30%"];
    let diff = |old: &str, new: &str| {
        workspace.run(&[&["load", "diff", old, new, "--json", "diff.json"], &margin[..]].concat())
    };
    let finished = diff("fast.json", "slow.json").expect_code(1);
    assert!(
        finished.stdout.contains("changed: target.model"),
        "{}",
        finished.stdout
    );
    assert!(finished.stdout.contains("unpaired"), "{}", finished.stdout);
    let result = workspace.json("diff.json");
    validate(&workspace, "load-diff", &result);
    assert_eq!(figure(&result, "ttft_p50")["verdict"], "fail");
    let _ = diff("slow.json", "fast.json").expect_code(0);
    let _ = diff("fast.json", "fast.json").expect_code(0);
    assert_eq!(workspace.json("diff.json")["verdict"], "pass");

    let against = [&shape[..], &margin, &["--baseline", "fast.json"]].concat();
    let finished = save(&workspace, &url, "slow", "new.json", &against).expect_code(1);
    assert!(
        finished.stdout.contains("against fast.json"),
        "{}",
        finished.stdout
    );
    let result = workspace.json("new.json");
    validate(&workspace, "load", &result);
    assert_eq!(
        (&result["verdict"], &result["exit_code"]),
        (&json!("fail"), &json!(1))
    );
    assert_eq!(result["comparison"]["pairing"], "unpaired");

    let asked = server.stats().requests;
    let refused = |more: &[&str]| {
        let arguments = [&["--requests", "200", "--baseline", "fast.json"], more].concat();
        save(&workspace, &url, "fast", "no.json", &arguments)
            .expect_code(6)
            .stderr
    };
    let other_load = refused(&["--concurrency", "8"]);
    assert!(other_load.contains("load.concurrency: 4 → 8"), "{other_load}");
    let other_prompt = refused(&["--concurrency", "4", "--prompt", "another"]);
    assert!(other_prompt.contains("load.prompts"), "{other_prompt}");
    assert_eq!(server.stats().requests, asked);

    workspace.write("old.json", "{\"schema\": \"seatrial.findings/1\"}");
    let wrong = workspace
        .run(&["load", "diff", "old.json", "fast.json"])
        .expect_code(6)
        .stderr;
    assert!(
        wrong.contains("seatrial.findings/1") && wrong.contains("hint"),
        "{wrong}"
    );
    let _ = workspace
        .run(&["load", "diff", "missing.json", "fast.json"])
        .expect_code(6);
    let _ = workspace
        .run(&["load", "diff", "fast.json", "missing.json"])
        .expect_code(2);
}
