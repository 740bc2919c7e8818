//! What outside programs rely on: exit codes, files, streams, schemas, resuming, exporting, keys that never leak.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace, without_times};
use serde_json::{Value, json};
use std::process::Command;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn schema(name: &str) -> Value {
    let printed = workspace().run(&["schema", name]).expect_code(0);
    serde_json::from_str(&printed.stdout).unwrap()
}

/// Every key of `instance` is described by the schema, so that neither outgrows the other.
fn assert_described(instance: &Value, schema: &Value, root: &Value, at: &str) {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    match instance {
        Value::Object(map) => {
            for (key, value) in map {
                let inner = schema["properties"]
                    .get(key)
                    .or_else(|| schema.get("additionalProperties"));
                assert!(inner.is_some(), "{at}/{key} is not in the schema");
                let inner = inner.unwrap();
                assert_described(value, inner, root, &format!("{at}/{key}"));
            }
        }
        Value::Array(items) => {
            for item in items.iter().take(3) {
                assert_described(
                    item,
                    schema.get("items").unwrap_or(&Value::Null),
                    root,
                    &format!("{at}[]"),
                );
            }
        }
        _ => {}
    }
}

/// Protects verdict, exit code, JSON and JUnit of the three answers a gate can give.
#[test]
fn gates_decide_the_exit_code() {
    for (accuracy, policy, code, verdict) in [
        (0.99, "warn", 0, "pass"),
        (0.80, "warn", 1, "fail"),
        (0.91, "warn", 0, "inconclusive"),
        (0.91, "fail", 3, "inconclusive"),
    ] {
        let workspace = workspace();
        write_cases(&workspace, 200);
        let server = simulate(&workspace, &json!({"accuracy": accuracy}));
        let gates = format!(
            "gates: [{{metric: answers.exact_match, at_least: 0.9, on_inconclusive: {policy}}}]\nslices: [group]\n"
        );
        write_suite(&workspace, &server.base_url(), "", &gates);
        let run = workspace
            .run(&["run", "suite.yaml", "--json", "f.json", "--junit", "j.xml"])
            .expect_code(code);
        assert!(run.stdout.starts_with(&verdict.to_uppercase()), "{}", run.stdout);
        let findings = workspace.json("f.json");
        assert_eq!(
            (findings["verdict"].as_str(), findings["exit_code"].as_i64()),
            (Some(verdict), Some(code.into()))
        );
        let schema = schema("findings");
        jsonschema::validate(&schema, &findings).unwrap();
        assert_described(&findings, &schema, &schema, "");
        let junit = std::fs::read_to_string(workspace.path().join("j.xml")).unwrap();
        assert_eq!(
            junit.matches("<failure").count(),
            usize::from(code != 0),
            "{junit}"
        );
        assert!(!junit.contains("<error"), "{junit}");
    }
}

/// Protects `--json -`: data alone on standard output, the report on standard error.
#[test]
fn json_on_standard_output_is_json_alone() {
    let workspace = workspace();
    write_cases(&workspace, 30);
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "", "");
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "-"])
        .expect_code(0);
    let findings: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(run.stderr.contains("PASS"), "{}", run.stderr);
    assert_eq!(findings["warnings"][0], "no gates");
    let rows = findings["targets"][0]["scorecard"].as_array().unwrap();
    let status: Vec<_> = rows
        .iter()
        .map(|row| (row["pillar"].as_str().unwrap(), row["status"].as_str().unwrap()))
        .collect();
    assert_eq!(status[1], ("safety", "not_assessed"));
    assert_eq!(rows.len(), 4);
    // Without a price nothing costs nothing: it is unknown.
    assert!(findings["targets"][0]["cost_usd"].is_null());
}

/// Protects an interrupted run: exit 130 with its file written, then the same findings as an undisturbed run.
#[test]
fn an_interrupted_run_is_resumed() {
    let workspace = workspace();
    write_cases(&workspace, 400);
    let server = simulate(&workspace, &json!({"accuracy": 0.9, "first_token_ms": 30}));
    let gates = "gates: [{metric: answers.exact_match, at_least: 0.8}]\n";
    write_suite(
        &workspace,
        &server.base_url(),
        "    limits: {concurrency: 8}\n",
        gates,
    );
    let child = workspace.spawn(&["run", "suite.yaml", "--json", "first.json"]);
    while server.stats().requests < 60 {
        std::thread::yield_now();
    }
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    let asked = std::time::Instant::now();
    let ended = Finished::of(child.wait_with_output()).expect_code(130);
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
    assert!(ended.stderr.contains("--resume"), "{}", ended.stderr);
    let first = workspace.json("first.json");
    assert_eq!(
        (first["exit_code"].as_i64(), first["verdict"].as_str()),
        (Some(130), Some("inconclusive"))
    );
    let finished = first["samples_finished"].as_u64().unwrap();
    assert!((40..400).contains(&finished), "{finished}");

    let _ = workspace
        .run(&["run", "suite.yaml", "--resume", "--json", "second.json"])
        .expect_code(0);
    let _ = workspace
        .run(&["run", "suite.yaml", "--store", "other", "--json", "calm.json"])
        .expect_code(0);
    assert_eq!(
        without_times(&workspace.json("second.json")),
        without_times(&workspace.json("calm.json"))
    );
}

/// Protects against paying for a provider that is down, and the way back: exit 4 early, and errors are asked again.
#[test]
fn a_dead_endpoint_stops_the_run_and_is_asked_again() {
    let workspace = workspace();
    write_cases(&workspace, 300);
    let target = "    retry: {attempts: 1}\n    limits: {concurrency: 4, timeout: 500ms}\n";
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    write_suite(&workspace, &format!("http://{closed}/v1"), target, "");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json", "--junit", "j.xml"])
        .expect_code(4);
    let findings = workspace.json("f.json");
    let finished = findings["samples_finished"].as_u64().unwrap();
    assert!(finished < 40, "stopped late: {finished}");
    assert_eq!(
        findings["targets"][0]["errors"]["connect"].as_u64(),
        Some(finished)
    );
    assert!(
        std::fs::read_to_string(workspace.path().join("j.xml"))
            .unwrap()
            .contains("<error")
    );

    let config = json!({"answers": workspace.path().join("cases.jsonl"), "personas": [{"model": "m"}]});
    let config = seatrial_sim::SimConfig::from_value(config).unwrap();
    let server = seatrial_sim::SimHandle::spawn_at(closed, config).unwrap();
    let _ = workspace
        .run(&["run", "suite.yaml", "--resume", "--json", "f.json"])
        .expect_code(0);
    assert_eq!(
        workspace.json("f.json")["targets"][0]["metrics"][0]["n_scored"],
        300
    );
    assert_eq!(server.stats().requests, 300);
}

/// Protects keys: one that is in use appears in no file and no stream, even where the server sends it back.
#[test]
fn a_key_never_leaves_the_process() {
    const CANARY: &str = "sk-canary-4f9d2c77a1";
    let workspace = workspace();
    write_cases(&workspace, 12);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // A server that answers every request with 400 and everything it was sent.
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut seen = vec![0; 65536];
            let read = stream.read(&mut seen).unwrap_or(0);
            let body = String::from_utf8_lossy(&seen[..read]).into_owned();
            let body = json!({"error": {"message": body}}).to_string();
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    write_suite(
        &workspace,
        &format!("http://{address}/v1"),
        "    api_key_env: CANARY_KEY\n",
        "max_error_rate: 1\n",
    );
    let arguments = ["run", "suite.yaml", "--json", "f.json", "--junit", "j.xml"];
    let run = Finished::of(workspace.command(&arguments).env("CANARY_KEY", CANARY).output()).expect_code(0);
    let export = workspace.run(&["export", "latest"]).expect_code(0);
    assert!(
        export.stdout.contains("bad_request") && export.stdout.contains("[redacted]"),
        "{}",
        export.stdout
    );
    for text in [&run.stdout, &run.stderr, &export.stdout, &export.stderr] {
        assert!(!text.contains(CANARY), "{text}");
    }
    let mut waiting = vec![workspace.path().to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes
                    .windows(CANARY.len())
                    .any(|window| window == CANARY.as_bytes());
                assert!(!found, "the key is in {}", path.display());
            }
        }
    }
}

/// Protects the export: one line a sample with its texts; CSV with one row a score; both forms of a wrong id.
#[test]
fn samples_are_exported() {
    let workspace = workspace();
    write_cases(&workspace, 25);
    let server = simulate(&workspace, &json!({"usage": "last_event_empty_choices"}));
    let target = "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n";
    write_suite(&workspace, &server.base_url(), target, "slices: [group]\n");
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let jsonl = workspace.run(&["export", "latest"]).expect_code(0).stdout;
    let samples: Vec<Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(samples.len(), 25);
    let sample = &samples[4];
    assert_eq!(
        (sample["id"].as_str(), sample["output"].as_str()),
        (Some("c4"), Some("answer 4"))
    );
    assert_eq!(
        (
            sample["slices"]["group"].as_str(),
            sample["scores"][0]["value"].as_f64()
        ),
        (Some("4"), Some(1.0))
    );
    assert!(sample["latency_ms"].as_f64().unwrap() > 0.0 && sample["cost_usd"].as_f64().unwrap() > 0.0);
    let _ = workspace
        .run(&["export", "latest", "--format", "csv", "--output", "s.csv"])
        .expect_code(0);
    let csv = std::fs::read_to_string(workspace.path().join("s.csv")).unwrap();
    assert_eq!(csv.lines().count(), 26, "{csv}");
    let unknown = workspace.run(&["export", "nobody"]).expect_code(2);
    assert!(unknown.stderr.contains("newest runs: "), "{}", unknown.stderr);
    let _ = workspace
        .run(&["export", "latest", "--store", "nowhere"])
        .expect_code(2);
    assert!(!workspace.path().join("nowhere").exists());
}

/// Protects two processes on one record: both runs are whole; the same run cannot be worked on twice.
#[test]
fn two_processes_share_a_record() {
    let workspace = workspace();
    write_cases(&workspace, 200);
    let server = simulate(&workspace, &json!({"first_token_ms": 5}));
    write_suite(
        &workspace,
        &server.base_url(),
        "    limits: {concurrency: 8}\n",
        "",
    );
    let one = workspace.spawn(&["run", "suite.yaml", "--json", "one.json"]);
    let two = workspace.spawn(&["run", "suite.yaml", "--json", "two.json"]);
    let _ = Finished::of(one.wait_with_output()).expect_code(0);
    let _ = Finished::of(two.wait_with_output()).expect_code(0);
    for name in ["one.json", "two.json"] {
        assert_eq!(workspace.json(name)["samples_finished"], 200);
    }
    assert_eq!(server.stats().requests, 400);
}

/// Protects reproducibility: the same seed gives the same demonstration but for times.
#[test]
fn the_demo_repeats_itself() {
    let workspace = workspace();
    let _ = workspace.run(&["demo", "--out", "a"]).expect_code(0);
    let _ = workspace.run(&["demo", "--out", "b", "--gate"]).expect_code(0);
    let strip = |name: &str| {
        let mut findings = without_times(&workspace.json(name));
        // The simulator's port is part of the plan.
        findings["plan_hash"] = Value::Null;
        // The suite lies in the folder that each has of its own.
        for gate in findings["gates"].as_array_mut().unwrap() {
            assert!(gate["place"]["path"].as_str().unwrap().ends_with("/demo.yaml"));
            gate["place"] = Value::Null;
        }
        findings
    };
    let findings = strip("a/findings.json");
    assert_eq!(findings, strip("b/findings.json"));
    assert_eq!(
        (
            findings["verdict"].as_str(),
            findings["samples_finished"].as_u64()
        ),
        (Some("pass"), Some(1170))
    );
    for (target, right) in findings["targets"]
        .as_array()
        .unwrap()
        .iter()
        .zip([371.0, 382.0, 386.0])
    {
        assert_eq!(target["metrics"][0]["value"].as_f64(), Some(right / 390.0));
        assert!(target["cost_usd"].as_f64().unwrap() > 0.0);
    }
}

/// Protects repetitions and clusters: repeated answers of a case do not count as independent.
#[test]
fn repetitions_are_clustered_by_case() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.8}));
    write_suite(&workspace, &server.base_url(), "", "    epochs: 5\n");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    let metric = &workspace.json("f.json")["targets"][0]["metrics"][0];
    assert_eq!(
        (metric["n"].as_u64(), metric["n_clusters"].as_u64()),
        (Some(200), Some(40))
    );
    let width = metric["high"].as_f64().unwrap() - metric["low"].as_f64().unwrap();
    // 40 cases at 0.8 are known to ±0.13; 200 independent answers would pretend ±0.055.
    assert!(width > 0.2, "{metric}");
}
