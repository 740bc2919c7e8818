//! `seatrial load --sweep` and `--runs` through the binary: the curve bends where the endpoint is full, runs are put
//! together, both end when enough is known.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::process::Command;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// An endpoint that answers after 20 ms, to as many at once as there are slots.
fn simulate(more: &Value) -> SimHandle {
    let mut persona = json!({"model": "m", "first_token_ms": 20, "events": 2, "unknown": "a b c d e f g h"});
    for (key, value) in more.as_object().unwrap() {
        persona[key] = value.clone();
    }
    SimHandle::spawn(SimConfig::from_value(json!({"seed": 3, "personas": [persona]})).unwrap()).unwrap()
}

/// A machine on which tests run is busy, so that numbers are told whatever their certificate says.
fn load(workspace: &Workspace, base_url: &str, arguments: &str, more: &[&str]) -> Finished {
    let fixed = "--model m --json out.json --allow-degraded --no-calibrate --base-url";
    let fixed: Vec<&str> = fixed.split(' ').chain([base_url]).collect();
    let arguments: Vec<&str> = arguments.split(' ').collect();
    workspace.run(&[&["load"], &fixed[..], &arguments, more].concat())
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

/// Protects the curve: throughput rises with users and stops where the endpoint's two slots are taken; the sweep ends
/// there, latency goes on rising, and pictures have a text for those who cannot see them.
#[test]
fn a_full_endpoint_is_a_plateau() {
    let (workspace, server) = (workspace(), simulate(&json!({"slots": 2})));
    let arguments =
        "--sweep concurrency=1,2,8,16,32,64,128 --duration 900ms --warmup 200ms --markdown out.md";
    let finished = load(&workspace, &server.base_url(), arguments, &[]).expect_code(0);
    let result = workspace.json("out.json");
    validate(&workspace, "load-sweep", &result);
    assert_eq!(result["end"], "plateau", "{}", finished.stdout);
    let points = result["points"].as_array().unwrap();
    assert!((3..7).contains(&points.len()), "{}", finished.stdout);
    let e2e = |point: &Value| point["latencies"]["e2e_p50"]["value"].as_f64().unwrap();
    assert!(
        e2e(points.last().unwrap()) > 3.0 * e2e(&points[0]),
        "{}",
        finished.stdout
    );
    let rate = |point: &Value| point["requests_per_s"]["value"].as_f64().unwrap();
    assert!(rate(&points[1]) > 1.3 * rate(&points[0]), "{}", finished.stdout);
    for (point, users) in points.iter().zip([1, 2, 8, 16, 32, 64, 128]) {
        assert_eq!(point["load"], f64::from(users));
        assert_eq!(point["result"]["load"]["concurrency"], users);
        assert!(point["result"]["littles_law"].is_object());
        validate(&workspace, "load", &point["result"]);
    }
    assert!(
        finished.stdout.contains("throughput grows no more"),
        "{}",
        finished.stdout
    );
    let markdown = std::fs::read_to_string(workspace.path().join("out.md")).unwrap();
    assert!(
        markdown.matches("<svg").count() >= 2 && markdown.contains("<desc>"),
        "{markdown}"
    );
    assert!(markdown.contains("| users |"), "{markdown}");
}

/// Protects sweeps of rates, and those that are to be whole.
#[test]
fn rates_are_swept_to_the_end() {
    let (workspace, server) = (workspace(), simulate(&json!({"slots": 1})));
    let arguments = "--sweep rate=20..160 --sweep-all --arrivals constant --duration 500ms --drain 100ms";
    let _ = load(&workspace, &server.base_url(), arguments, &[]).expect_code(0);
    let result = workspace.json("out.json");
    validate(&workspace, "load-sweep", &result);
    assert_eq!(
        (&result["end"], &result["kind"]),
        (&json!("done"), &json!("rate"))
    );
    let loads: Vec<f64> = result["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["load"].as_f64().unwrap())
        .collect();
    assert_eq!(loads, [20.0, 40.0, 80.0, 160.0]);
    assert!(result["points"][0]["latencies"].get("e2e_sched_p50").is_some());
}

/// Protects: where requests fail, more load is not tried, and an endpoint that fails from the first is an error.
#[test]
fn failures_end_a_sweep() {
    let (workspace, server) = (workspace(), simulate(&json!({})));
    let arguments = "--sweep concurrency=1..8 --requests 40 --model nobody";
    let fixed = [
        "load",
        "--base-url",
        &server.base_url(),
        "--json",
        "out.json",
        "--allow-degraded",
    ];
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let _ = workspace.run(&[&fixed[..], &arguments].concat()).expect_code(4);
    let result = workspace.json("out.json");
    validate(&workspace, "load-sweep", &result);
    assert_eq!(result["end"], "errors");
    assert_eq!(result["points"].as_array().unwrap().len(), 1);
}

/// Protects repeated runs: the value is the mean of runs, its interval Student's t over them, and saved runs compare with
/// later ones.
#[test]
fn runs_are_put_together() {
    let (workspace, server) = (workspace(), simulate(&json!({})));
    let url = server.base_url();
    let arguments = "--concurrency 4 --requests 120 --runs 3 --markdown out.md";
    let finished = load(&workspace, &url, arguments, &[]).expect_code(0);
    let result = workspace.json("out.json");
    validate(&workspace, "load-runs", &result);
    assert_eq!(result["runs"].as_array().unwrap().len(), 3);
    let ttft = &result["repeated"]["ttft_p50"];
    let values: Vec<f64> = ttft["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect();
    let mean = values.iter().sum::<f64>() / 3.0;
    assert!((ttft["value"].as_f64().unwrap() - mean).abs() < 1e-9);
    let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    let half = 4.302_653 * sd / 3f64.sqrt();
    assert!(
        (ttft["high"].as_f64().unwrap() - mean - half).abs() < 1e-4 * mean,
        "{ttft}"
    );
    // Of 120 requests no p99 is told.
    assert_eq!(result["repeated"]["ttft_p99"]["status"], "unavailable");
    assert_eq!(server.stats().requests, 360);
    assert!(
        finished.stdout.contains("3 of at most 3 runs"),
        "{}",
        finished.stdout
    );
    let markdown = std::fs::read_to_string(workspace.path().join("out.md")).unwrap();
    assert!(
        markdown.contains("<svg") && markdown.contains("| ttft_p50 |"),
        "{markdown}"
    );

    std::fs::rename(
        workspace.path().join("out.json"),
        workspace.path().join("old.json"),
    )
    .unwrap();
    let against = "--concurrency 4 --requests 120 --runs 3 --baseline old.json --margin ttft_p50=400%";
    let finished = load(&workspace, &url, against, &[]).expect_code(0);
    let result = workspace.json("out.json");
    validate(&workspace, "load-runs", &result);
    assert_ne!(result["verdict"], "fail", "{}", finished.stdout);
    assert_eq!(result["comparison"]["baseline"], "old.json");
    let other = "--concurrency 2 --requests 120 --runs 3 --baseline old.json";
    let refused = load(&workspace, &url, other, &[]).expect_code(6);
    assert!(
        refused.stderr.contains("load.concurrency: 4 → 2"),
        "{}",
        refused.stderr
    );
}

/// Protects the stop: wide targets are met as soon as they may be, narrow ones never, and that is said.
#[test]
fn runs_end_when_narrow() {
    let (workspace, server) = (workspace(), simulate(&json!({})));
    let url = server.base_url();
    let wide = "--concurrency 2 --requests 60 --runs 8 --until-half-width requests_per_s=100000%";
    let _ = load(&workspace, &url, wide, &[]).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["end"], &result["repeated"]["requests_per_s"]["met"]),
        (&json!("narrow"), &json!(true))
    );
    // Two looks in a row, from three runs on.
    assert_eq!(result["runs"].as_array().unwrap().len(), 4);
    let narrow = "--concurrency 2 --requests 60 --runs 4 --until-half-width requests_per_s=0.0000001%";
    let finished = load(&workspace, &url, narrow, &[]).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["end"], &result["repeated"]["requests_per_s"]["met"]),
        (&json!("runs_spent"), &json!(false))
    );
    assert!(
        finished.stdout.contains("target was not met"),
        "{}",
        finished.stdout
    );
    // The usual targets, with a switch alone.
    let usual = "--concurrency 2 --requests 60 --runs 2 --until-half-width";
    let _ = load(&workspace, &url, usual, &[]).expect_code(0);
    let target = &workspace.json("out.json")["repeated"]["output_tokens_per_s"]["target"];
    assert_eq!(*target, json!(0.03));
}

/// Protects Ctrl-C between and within loads: what is whole is told, the file is written, the code is 130.
#[cfg(unix)]
#[test]
fn interrupting_keeps_what_is_there() {
    use std::io::{BufRead, BufReader, Read};
    let (workspace, server) = (workspace(), simulate(&json!({})));
    let url = server.base_url();
    let fixed = [
        "load",
        "--base-url",
        &url,
        "--model",
        "m",
        "--json",
        "out.json",
        "--allow-degraded",
    ];
    let cases = [
        (
            "--sweep concurrency=1..64 --sweep-all --duration 300ms",
            "load-sweep",
            "4  ",
        ),
        (
            "--concurrency 2 --duration 200ms --runs 200",
            "load-runs",
            "run 3 of 200",
        ),
    ];
    for (arguments, schema, seen) in cases {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut child = workspace.spawn(&[&fixed[..], &arguments].concat());
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.trim_start().starts_with(seen) {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{seen}");
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
            (&json!(true), &json!(130)),
            "{rest}"
        );
        validate(&workspace, schema, &result);
    }
    assert!(workspace.json("out.json")["runs"].as_array().unwrap().len() >= 3);
}

/// Protects people from mistakes in arguments.
#[test]
fn mistakes_are_said() {
    let workspace = workspace();
    let said = |arguments: &str| {
        let fixed = "load --base-url http://127.0.0.1:1/v1 --model m -n 10";
        let all: Vec<&str> = fixed.split(' ').chain(arguments.split(' ')).collect();
        workspace.run(&all).expect_code(2).stderr
    };
    let wrong = said("--sweep concurrency=1,2,x");
    assert!(
        wrong.contains("character 17") && wrong.contains("hint"),
        "{wrong}"
    );
    assert!(said("--sweep users=1,2").contains("concurrency=LOADS"));
    assert!(said("--sweep rate=1,2 -c 4").contains("cannot be used with"));
    assert!(said("--sweep rate=1,2 --margin ttft_p50=10%").contains("--baseline"));
    assert!(said("-c 1 --runs 1").contains("2..=200"));
    assert!(said("-c 1 --runs 5 --until-half-width ttft_p99=20ms").contains("percentage"));
    assert!(said("-c 1 --runs 5 --until-half-width often").contains("percentage"));
    assert!(said("-c 1 --until-half-width 3%").contains("--runs"));
}
