//! `seatrial load` through the binary: counts, shapes of streams, coordinated omission, a starved client.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// A simulated endpoint with one model, `m`, that answers everything.
fn simulate(persona: &Value) -> SimHandle {
    let mut all = json!({"model": "m", "unknown": "a b c d e f g h"});
    for (key, value) in persona.as_object().unwrap() {
        all[key] = value.clone();
    }
    SimHandle::spawn(SimConfig::from_value(json!({"seed": 3, "personas": [all]})).unwrap()).unwrap()
}

/// Loads an endpoint. A machine on which tests run is busy, so that numbers are told whatever their certificate says.
fn load(workspace: &Workspace, base_url: &str, arguments: &[&str]) -> Finished {
    let fixed = [
        "load",
        "--base-url",
        base_url,
        "--model",
        "m",
        "--json",
        "out.json",
        "--allow-degraded",
        "--no-calibrate",
    ];
    workspace.run(&[&fixed[..], arguments].concat())
}

/// A server that is written by hand: `answer` is given the number of the request.
fn serve(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(Mutex::new(0)));
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, answer, count) = (tcp.unwrap(), Arc::clone(&answer), Arc::clone(&count));
            std::thread::spawn(move || {
                while read_request(&mut tcp) {
                    let number = {
                        let mut count = count.lock().unwrap();
                        *count += 1;
                        *count - 1
                    };
                    if tcp.write_all(answer(number).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}/v1")
}

/// Reads a request with a content-length; whether there was one.
fn read_request(tcp: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if !matches!(tcp.read(&mut byte), Ok(1)) {
            return false;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    tcp.read_exact(&mut body).is_ok()
}

fn stream(events: &[&str]) -> String {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const TOKEN: &str = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;

/// Protects what people read first: exactly as many requests as asked for, one connection for each user, tokens as the
/// server counts them, every metric by name, a result that keeps its schema.
#[test]
fn a_closed_loop_is_counted() {
    let workspace = workspace();
    let server = simulate(&json!({}));
    let finished = load(
        &workspace,
        &server.base_url(),
        &[
            "--concurrency",
            "4",
            "--requests",
            "400",
            "--csv",
            "out.csv",
            "--hdr",
            "out.hgrm",
        ],
    )
    .expect_code(0);
    assert!(
        finished.stdout.contains("400 ok, 0 failed"),
        "{}",
        finished.stdout
    );
    let result = workspace.json("out.json");
    assert_eq!(result["requests"]["ok"], 400);
    assert_eq!(server.stats().requests, 400);
    assert_eq!(result["client"]["connections"], 4);
    assert_eq!(result["tokens"]["source"], "usage");
    for name in [
        "ttft",
        "ttft_sched",
        "ttfe",
        "ttfb",
        "ttfot",
        "icl",
        "itl",
        "tpot",
        "tpot_incl",
        "e2e",
        "e2e_sched",
    ] {
        let metric = &result["metrics"][name];
        assert!(metric["p50"].as_f64().is_some(), "{name}: {metric}");
        assert!(
            metric["p99"].as_f64() >= metric["p50"].as_f64(),
            "{name}: {metric}"
        );
    }
    assert_eq!(result["metrics"]["tls"]["status"], "unavailable");
    assert!(result["throughput"]["requests_per_s"].as_f64().unwrap() > 0.0);
    let csv = std::fs::read_to_string(workspace.path().join("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), 401);
    let log = std::fs::read_to_string(workspace.path().join("out.hgrm")).unwrap();
    assert!(log.contains("Tag=ttft,"), "{log}");
    validate(&workspace, &result);
}

/// The printed schema holds for a result.
fn validate(workspace: &Workspace, result: &Value) {
    let printed = workspace.run(&["schema", "load"]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(result)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

/// Protects other APIs: each is asked in its own way and read in its own way.
#[test]
fn every_api_is_asked() {
    let workspace = workspace();
    let server = simulate(&json!({}));
    let shape = ["--concurrency", "2", "--requests", "10"];
    for api in ["completions", "responses"] {
        let _ = load(
            &workspace,
            &server.base_url(),
            &[&shape[..], &["--api", api]].concat(),
        )
        .expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(result["target"]["api"], api);
        assert_eq!(result["metrics"]["ttft"]["n"], 10, "{api}");
    }
    let _ = load(
        &workspace,
        &server.base_url(),
        &[&shape[..], &["--provider", "anthropic"]].concat(),
    )
    .expect_code(0);
    assert_eq!(workspace.json("out.json")["metrics"]["ttft"]["n"], 10);
    let _ = load(
        &workspace,
        &server.base_url(),
        &[&shape[..], &["--no-stream"]].concat(),
    )
    .expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(result["metrics"]["ttft"]["status"], "unavailable");
    assert_eq!(result["metrics"]["e2e"]["n"], 10);
    workspace.write("body.json", r#"{"q": "hi"}"#);
    let url = serve(|_| "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npong".to_owned());
    let arguments = [
        "load",
        "--url",
        &url,
        "--body",
        "body.json",
        "--json",
        "out.json",
        "--no-calibrate",
        "--allow-degraded",
    ];
    let _ = workspace.run(&[&arguments[..], &shape].concat()).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["target"]["api"], &result["requests"]["ok"]),
        (&json!("http"), &json!(10))
    );
    validate(&workspace, &result);
}

/// Protects against failures that look like answers: an error inside of a stream, and a stream that just ends; above the
/// allowed share the exit code says so.
#[test]
fn failures_are_told() {
    let workspace = workspace();
    let url = serve(|number| match number % 4 {
        0 => stream(&[TOKEN, r#"{"error":{"message":"out of memory"}}"#, "[DONE]"]),
        1 => stream(&[TOKEN, TOKEN]),
        _ => stream(&[TOKEN, "[DONE]"]),
    });
    let shape = ["--concurrency", "2", "--requests", "40"];
    let finished = load(&workspace, &url, &shape).expect_code(4);
    assert!(finished.stdout.contains("out of memory"), "{}", finished.stdout);
    let result = workspace.json("out.json");
    assert_eq!(
        result["requests"]["by_error"],
        json!({"server": 10, "truncated": 10})
    );
    assert_eq!(
        (&result["requests"]["ok"], &result["exit_code"]),
        (&json!(20), &json!(4))
    );
    validate(&workspace, &result);
    let _ = load(
        &workspace,
        &url,
        &[&shape[..], &["--max-error-rate", "0.5"]].concat(),
    )
    .expect_code(0);
}

/// Protects keys: not even a server that sends it back gets one into a report.
#[test]
fn keys_are_not_told() {
    let workspace = workspace();
    let url = serve(|_| {
        let body = "bad key sk-canary-12345";
        format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let mut command = workspace.command(&[
        "load",
        "--base-url",
        &url,
        "--model",
        "m",
        "--concurrency",
        "2",
        "--requests",
        "1000",
        "--json",
        "out.json",
        "--api-key-env",
        "MY_KEY",
    ]);
    let finished = Finished::of(command.env("MY_KEY", "sk-canary-12345").output()).expect_code(4);
    let result = workspace.json("out.json");
    let all = format!("{}{}{result}", finished.stdout, finished.stderr);
    assert!(all.contains("bad key [redacted]"), "{all}");
    assert!(!all.contains("canary"));
    assert!(all.contains("nothing worked, so the run ended early"));
}

/// Protects people from mistakes in arguments: each is said before the first request, with what to do.
#[test]
fn mistakes_are_said() {
    let workspace = workspace();
    let said = |arguments: &[&str]| {
        workspace
            .run(&[&["load"], arguments].concat())
            .expect_code(2)
            .stderr
    };
    let target = ["--base-url", "http://127.0.0.1:1/v1", "--model", "m"];
    assert!(said(&target).contains("--concurrency"));
    let closed = [&target[..], &["-c", "1"]].concat();
    assert!(said(&closed).contains("--duration"));
    let loaded = [&closed[..], &["-n", "1"]].concat();
    assert!(said(&[&loaded[..], &["--param", "x"]].concat()).contains("NAME=JSON"));
    assert!(said(&[&loaded[..], &["--param", "stream=true"]].concat()).contains("stream"));
    assert!(said(&[&loaded[..], &["--json", "no/such/folder.json"]].concat()).contains("does not exist"));
    let rate = [&target[..], &["-n", "1", "--rate", "fast"]].concat();
    assert!(said(&rate).contains("--rate"));
    let remote = [
        "--base-url",
        "https://example.com/v1",
        "--model",
        "m",
        "-c",
        "1",
        "-n",
        "1",
    ];
    assert!(said(&remote).contains("OPENAI_API_KEY"));
}

/// Protects against coordinated omission. The server stands still for a second: a closed loop asks nothing meanwhile and
/// hardly sees it, an open loop counts everybody who would have come.
#[test]
fn a_stall_is_seen_by_those_who_wait() {
    const STALL: Duration = Duration::from_secs(1);
    let stalling = || {
        let first: Mutex<Option<Instant>> = Mutex::new(None);
        serve(move |_| {
            let started = *first.lock().unwrap().get_or_insert_with(Instant::now);
            let since = started.elapsed();
            // From half a second on nobody is answered until the stall is over.
            let (from, to) = (Duration::from_millis(500), Duration::from_millis(500) + STALL);
            if since > from && since < to {
                std::thread::sleep(to - since);
            }
            stream(&[TOKEN, "[DONE]"])
        })
    };
    let workspace = workspace();
    let measure = |arguments: &[&str]| {
        let _ = load(
            &workspace,
            &stalling(),
            &[arguments, &["--duration", "3s"]].concat(),
        )
        .expect_code(0);
        workspace.json("out.json")["metrics"].clone()
    };
    let closed = measure(&["--concurrency", "1"]);
    let open = measure(&["--rate", "200", "--arrivals", "constant"]);
    let ms = |metrics: &Value, name: &str, q: &str| metrics[name][q].as_f64().unwrap();
    // A third of the open loop's requests came while the server stood still, one of the closed loop's did.
    assert!(ms(&open, "e2e_sched", "p99") > 800.0, "{open}");
    assert!(ms(&open, "e2e_sched", "p90") > 500.0, "{open}");
    assert!(ms(&closed, "e2e_sched", "p90") < 500.0, "{closed}");
}

/// With a cap the requests behind it are sent late; from sent on they look fast, and only the intended moment tells.
#[test]
fn a_cap_does_not_hide_a_stall() {
    let first: Mutex<Option<Instant>> = Mutex::new(None);
    let url = serve(move |number| {
        first.lock().unwrap().get_or_insert_with(Instant::now);
        if number == 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        stream(&[TOKEN, "[DONE]"])
    });
    let workspace = workspace();
    let shape = [
        "--rate",
        "300",
        "--arrivals",
        "constant",
        "--duration",
        "2s",
        "--max-in-flight",
        "1",
    ];
    let _ = load(&workspace, &url, &shape).expect_code(0);
    let result = workspace.json("out.json");
    assert!(
        result["requests"]["capped"].as_u64().unwrap() >= 200,
        "{}",
        result["requests"]
    );
    let metric = |name: &str, q: &str| result["metrics"][name][q].as_f64().unwrap();
    assert!(
        metric("e2e_sched", "p50") > metric("e2e", "p50"),
        "{}",
        result["metrics"]
    );
    assert!(metric("e2e_sched", "p99") > 800.0);
    let warned = result["warnings"].to_string();
    assert!(warned.contains("--max-in-flight"), "{warned}");
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

/// Protects against numbers that the client spoiled: pinned to a processor that others keep busy, it withholds first
/// tokens and gaps, says why and what to do, exits with 8, and writes its result all the same.
#[test]
fn a_starved_client_withholds() {
    let has_taskset = Command::new("taskset").args(["-c", "0", "true"]).status();
    if !has_taskset.is_ok_and(|status| status.success()) {
        return;
    }
    let workspace = workspace();
    let server = simulate(&json!({
        "first_token_ms": 20, "gap_ms": 5, "events": 30, "unknown": "a b c d e f g h ".repeat(5),
    }));
    let _spinners = Spinners::on_processor_0(6);
    let command = workspace.command(&[]);
    let binary = command.get_program().to_owned();
    let starve = |more: &[&str]| {
        let base_url = server.base_url();
        let mut starved = Command::new("taskset");
        starved
            .args(["-c", "0"])
            .arg(&binary)
            .args([
                "load",
                "--base-url",
                &base_url,
                "--model",
                "m",
                "--concurrency",
                "16",
                "--requests",
                "100",
            ])
            .args(["--json", "out.json", "--no-calibrate"])
            .args(more)
            .current_dir(workspace.path())
            .env("CI", "true")
            .stdin(Stdio::null());
        Finished::of(starved.output())
    };
    let finished = starve(&[]).expect_code(8);
    let result = workspace.json("out.json");
    assert_eq!(result["exit_code"], 8);
    for name in ["ttft", "icl"] {
        let metric = &result["metrics"][name];
        assert_eq!(metric["status"], "withheld", "{name}: {metric}");
        for number in ["p50", "p90", "p99", "mean", "low", "high", "n"] {
            assert!(metric[number].is_null(), "{name}.{number}: {metric}");
        }
        // A machine that runs other tests beside may spoil it in the coarser way.
        let reason = metric["reason"].as_str().unwrap();
        assert!(
            reason.contains("own lateness") || reason.contains("processor"),
            "{reason}"
        );
        assert!(metric["remedy"].as_str().unwrap().contains("processor"));
    }
    assert!(finished.stdout.contains("withheld"), "{}", finished.stdout);
    validate(&workspace, &result);
    let _ = starve(&["--allow-degraded"]).expect_code(0);
    let metric = &workspace.json("out.json")["metrics"]["ttft"];
    assert_eq!(metric["status"], "degraded");
    assert!(metric["p50"].as_f64().unwrap() > 0.0 && metric["reason"].is_string());
}

/// Protects Ctrl-C: it ends at once, with what was measured so far and the code for that.
#[cfg(unix)]
#[test]
fn interrupting_keeps_results() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let sender = Mutex::new(sender);
    let url = serve(move |number| {
        if number == 50 {
            let _ = sender.lock().unwrap().send(());
        }
        stream(&[TOKEN, "[DONE]"])
    });
    let workspace = workspace();
    let child = workspace.spawn(&[
        "load",
        "--base-url",
        &url,
        "--model",
        "m",
        "--concurrency",
        "2",
        "--duration",
        "10m",
        "--json",
        "out.json",
    ]);
    receiver.recv().unwrap();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let finished = Finished::of(child.wait_with_output()).expect_code(130);
    assert!(finished.stderr.contains("stopping"), "{}", finished.stderr);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["interrupted"], &result["exit_code"]),
        (&json!(true), &json!(130))
    );
    assert!(result["requests"]["ok"].as_u64().unwrap() >= 49);
}

/// Protects people who only mistyped an address: nobody there is told with the class and the address.
#[test]
fn nobody_there() {
    let address: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let workspace = workspace();
    let shape = ["--concurrency", "1", "--requests", "3"];
    let finished = load(&workspace, &format!("http://{address}/v1"), &shape).expect_code(4);
    assert!(finished.stdout.contains("connect"), "{}", finished.stdout);
    assert!(
        finished.stdout.contains("hint: is a server listening at"),
        "{}",
        finished.stdout
    );
    assert_eq!(
        workspace.json("out.json")["requests"]["by_error"],
        json!({"connect": 3})
    );
}
