//! What `seatrial load` makes of requests that never end, of answers without tokens and of objectives, and what it refuses.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn simulate() -> SimHandle {
    let config = json!({"seed": 3, "personas": [{"model": "m", "unknown": "a b c d e f g h"}]});
    SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap()
}

/// Loads an endpoint. A machine on which tests run is busy, so that numbers are told whatever their certificate says.
fn load(workspace: &Workspace, base_url: &str, arguments: &[&str]) -> Finished {
    let fixed = [
        "load",
        "--base-url",
        base_url,
        "--model",
        "m",
        "--allow-degraded",
        "--no-calibrate",
    ];
    workspace.run(&[&fixed[..], arguments].concat())
}

/// A server that is written by hand: `answer` is given the number of the request, and says nothing where it gives `None`.
fn serve(answer: impl Fn(usize) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, answer, count) = (tcp.unwrap(), Arc::clone(&answer), Arc::clone(&count));
            std::thread::spawn(move || {
                while read_request(&mut tcp) {
                    let Some(text) = answer(count.fetch_add(1, Ordering::Relaxed)) else {
                        continue;
                    };
                    if tcp.write_all(text.as_bytes()).is_err() {
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

/// Protects against endpoints that never answer some: by default the drain ends before the timeout, and what it cut off is a
/// failure, a miss, longer than any latency that was seen, and worth a warning.
#[test]
fn what_the_drain_cuts_off_has_failed() {
    let workspace = workspace();
    let server = serve(|number| (number % 3 != 2).then(|| stream(&[TOKEN, TOKEN, "[DONE]"])));
    let shape = [
        "-c",
        "2",
        "-d",
        "2s",
        "--drain",
        "0s",
        "--json",
        "out.json",
        "--slo",
        "e2e_p99<10m",
    ];
    let finished = load(&workspace, &server, &shape).expect_code(4);
    let result = workspace.json("out.json");
    let requests = &result["requests"];
    assert_eq!((&requests["ok"], &requests["failed"]), (&json!(4), &json!(2)));
    assert_eq!((&requests["cut_off"], &requests["n"]), (&json!(2), &json!(6)));
    assert_eq!(requests["by_error"], json!({"cut_off": 2}));
    let e2e = &result["metrics"]["e2e"];
    assert_eq!(
        (&e2e["n"], &e2e["censored"], &e2e["mean"]),
        (&json!(4), &json!(2), &Value::Null)
    );
    assert_eq!(
        (&result["goodput"]["good"], &result["goodput"]["n"]),
        (&json!(4), &json!(6))
    );
    assert_eq!(result["verdict"], "fail");
    assert!(
        finished.stdout.contains("4 ok, 2 failed, 2 of them cut off"),
        "{}",
        finished.stdout
    );
    assert!(
        finished
            .stdout
            .contains("warning: 2 requests had no whole answer"),
        "{}",
        finished.stdout
    );
    validate(&workspace, &result);
}

/// Protects against a rate that the endpoint cannot bear: arrivals that were never sent are failures and misses too.
#[test]
fn what_was_never_sent_has_failed() {
    let workspace = workspace();
    let server = serve(|number| (number < 20).then(|| stream(&[TOKEN, "[DONE]"])));
    let shape = [
        "-r",
        "50",
        "--max-in-flight",
        "1",
        "-d",
        "2s",
        "--drain",
        "0s",
        "--json",
        "out.json",
    ];
    let _ = load(&workspace, &server, &shape).expect_code(4);
    let result = workspace.json("out.json");
    let requests = &result["requests"];
    let unsent = requests["unsent"].as_u64().unwrap();
    assert!(unsent > 0);
    assert_eq!(requests["by_error"], json!({"cut_off": 1, "unsent": unsent}));
    assert_eq!(requests["failed"], unsent + 1);
    let sched = &result["metrics"]["ttft_sched"];
    assert_eq!(
        (&sched["n"], &sched["censored"]),
        (&json!(20), &json!(unsent + 1))
    );
    assert_eq!(sched["p90"], Value::Null);
    validate(&workspace, &result);
}

/// Protects people from waiting: an open loop gives up after the same few failures as one user, however many requests may be
/// under way.
#[test]
fn an_open_loop_gives_up() {
    let workspace = workspace();
    let server = serve(|_| Some("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}".to_owned()));
    let finished = load(
        &workspace,
        &server,
        &["-r", "100", "-d", "10m", "--json", "out.json"],
    )
    .expect_code(4);
    let result = workspace.json("out.json");
    assert!(result["requests"]["failed"].as_u64().unwrap() >= 20);
    assert_eq!(result["requests"]["ok"], 0);
    assert!(
        finished.stdout.contains("the run ended early"),
        "{}",
        finished.stdout
    );
}

/// Protects latencies: a stream that ends well without saying anything would be the fastest answer of all.
#[test]
fn a_stream_without_tokens_has_failed() {
    let workspace = workspace();
    let server = serve(|number| {
        Some(stream(if number % 2 == 0 {
            &["[DONE]"]
        } else {
            &[TOKEN, "[DONE]"]
        }))
    });
    let finished = load(
        &workspace,
        &server,
        &["-c", "1", "-n", "10", "--json", "out.json"],
    )
    .expect_code(4);
    let requests = &workspace.json("out.json")["requests"];
    assert_eq!((&requests["ok"], &requests["failed"]), (&json!(5), &json!(5)));
    assert!(
        finished.stdout.contains("ended without any token"),
        "{}",
        finished.stdout
    );
}

/// Protects gates: objectives are met, missed or open, and each has its exit code.
#[test]
fn objectives_are_a_gate() {
    let workspace = workspace();
    let server = simulate();
    for (slo, requests, more, verdict, code) in [
        ("e2e_p90<10m", "200", &[][..], "pass", 0),
        ("e2e_p90<10m,ttft_p50<0.001ms", "200", &[], "fail", 1),
        ("e2e_p99<10m", "20", &[], "inconclusive", 0),
        (
            "e2e_p99<10m",
            "20",
            &["--on-inconclusive", "fail"],
            "inconclusive",
            3,
        ),
    ] {
        let shape = ["-c", "2", "-n", requests, "--slo", slo, "--json", "out.json"];
        let finished = load(&workspace, &server.base_url(), &[&shape[..], more].concat()).expect_code(code);
        let result = workspace.json("out.json");
        assert_eq!(result["verdict"], verdict, "{slo}");
        assert_eq!(result["goodput"]["verdict"], verdict, "{slo}");
        assert!(
            finished.stdout.contains(&format!("verdict: {verdict}")),
            "{}",
            finished.stdout
        );
        validate(&workspace, &result);
    }
}

/// Protects pipes: what is asked for on standard output is alone there.
#[test]
fn standard_output_holds_one_thing() {
    let workspace = workspace();
    let server = simulate();
    let shape = ["-c", "1", "-n", "5"];
    let said = load(
        &workspace,
        &server.base_url(),
        &[&shape[..], &["--csv", "-"]].concat(),
    )
    .expect_code(0);
    assert!(said.stdout.starts_with("phase,outcome,"), "{}", said.stdout);
    assert_eq!(said.stdout.lines().count(), 6);
    assert!(said.stderr.contains("5 ok, 0 failed"), "{}", said.stderr);
    let both = [&shape[..], &["--csv", "-", "--json", "-"]].concat();
    let refused = load(&workspace, &server.base_url(), &both).expect_code(2);
    assert!(refused.stderr.contains("only one file"), "{}", refused.stderr);
}

/// Protects against flags that do nothing.
#[test]
fn idle_flags_are_refused() {
    let workspace = workspace();
    let shape = ["-c", "1", "-n", "1"];
    for flags in [
        ["--arrivals", "constant"],
        ["--max-in-flight", "5"],
        ["--speed", "2"],
    ] {
        let refused = load(
            &workspace,
            "http://127.0.0.1:9/v1",
            &[&shape[..], &flags].concat(),
        )
        .expect_code(2);
        assert!(refused.stderr.contains(flags[0]), "{}", refused.stderr);
    }
}
