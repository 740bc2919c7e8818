//! `seatrial load --server-metrics` through the binary: the server's own numbers beside ours, and readings that fail.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_testkit::{Finished, Workspace};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// A server with an answer of one token for everything that is posted, and for everything else the page that `page` makes
/// of the number of the reading, from 0; where it listens, and how often it was read.
fn serve(page: impl Fn(usize) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (page, readings) = (Arc::new(page), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&readings);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, page, count) = (tcp.unwrap(), Arc::clone(&page), Arc::clone(&count));
            std::thread::spawn(move || {
                while let Some(is_post) = read_request(&mut tcp) {
                    let answer = if is_post {
                        token()
                    } else {
                        page(count.fetch_add(1, Relaxed))
                    };
                    // A page ends its connection, whole or not.
                    if tcp.write_all(answer.as_bytes()).is_err() || !is_post {
                        return;
                    }
                }
            });
        }
    });
    (format!("http://{address}"), readings)
}

/// Whether a request was a POST; `None` where none came.
fn read_request(tcp: &mut TcpStream) -> Option<bool> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if !matches!(tcp.read(&mut byte), Ok(1)) {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    tcp.read_exact(&mut body).ok()?;
    Some(head.starts_with("post"))
}

/// One token, and the end.
fn token() -> String {
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn page(text: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// What a vLLM with two engines tells at the reading of this number.
fn vllm(reading: usize) -> String {
    page(&format!(
        "# HELP vllm:num_requests_running Number of requests in model execution batches.\n\
         # TYPE vllm:num_requests_running gauge\n\
         vllm:num_requests_running{{engine=\"0\",model_name=\"m\"}} 3.0\n\
         vllm:num_requests_running{{engine=\"1\",model_name=\"m\"}} 2.0\n\
         # TYPE vllm:kv_cache_usage_perc gauge\n\
         vllm:kv_cache_usage_perc{{engine=\"0\",model_name=\"m\"}} 0.25\n\
         # TYPE vllm:generation_tokens_total counter\n\
         vllm:generation_tokens_total{{model_name=\"m\"}} {tokens}.0\n\
         # TYPE vllm:prefix_cache_queries_total counter\n\
         vllm:prefix_cache_queries_total{{model_name=\"m\"}} {queries}\n\
         # TYPE vllm:prefix_cache_hits_total counter\n\
         vllm:prefix_cache_hits_total{{model_name=\"m\"}} {hits}\n\
         # TYPE vllm:time_to_first_token_seconds histogram\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.05\",model_name=\"m\"}} {early}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"0.1\",model_name=\"m\"}} {all}\n\
         vllm:time_to_first_token_seconds_bucket{{le=\"+Inf\",model_name=\"m\"}} {all}\n\
         vllm:time_to_first_token_seconds_count{{model_name=\"m\"}} {all}\n\
         vllm:time_to_first_token_seconds_sum{{model_name=\"m\"}} {all}\n\
         # TYPE gpu_power_watts gauge\n\
         gpu_power_watts{{gpu=\"0\"}} 300\n\
         gpu_power_watts{{gpu=\"1\"}} 200\n",
        tokens = 5000 + 100 * reading,
        queries = 900 + 20 * reading,
        hits = 800 + 5 * reading,
        early = 7,
        all = 7 + 10 * reading,
    ))
}

fn load(workspace: &Workspace, url: &str, arguments: &[&str]) -> Finished {
    let base = format!("{url}/v1");
    let fixed = [
        "load",
        "--base-url",
        &base,
        "--model",
        "m",
        "--concurrency",
        "2",
        "--requests",
        "40",
        "--json",
        "out.json",
        "--allow-degraded",
        "--no-calibrate",
    ];
    workspace.run(&[&fixed[..], arguments].concat())
}

/// Protects the window: what counters and histograms grew by between the first and the last reading, and nothing of before;
/// plain words for the server's names; numbers that were asked for by name; the schema.
#[test]
fn the_servers_numbers_stand_beside_ours() {
    let (url, readings) = serve(vllm);
    let workspace = workspace();
    let metrics = format!("{url}/metrics");
    let finished = load(
        &workspace,
        &url,
        &[
            "--server-metrics",
            &metrics,
            "--server-metrics-every",
            "50ms",
            "--server-metric",
            "gpu_power_watts{gpu=\"1\"}",
            "--server-metric",
            "no_such_number",
        ],
    )
    .expect_code(0);
    let result = workspace.json("out.json");
    let server = &result["server"];
    let count = readings.load(Relaxed);
    assert!(count >= 2, "one at the beginning and one at the end, {server}");
    assert_eq!(server["readings"], count);
    assert_eq!((&server["failed"], &server["kind"]), (&0.into(), &"vllm".into()));
    assert_eq!(server["url"], metrics);
    #[expect(clippy::cast_precision_loss, reason = "a few readings")]
    let steps = (count - 1) as f64;
    let metrics = &server["metrics"];
    assert_eq!(metrics["running"]["mean"], 5.0);
    assert_eq!(metrics["kv_cache_use"]["max"], 0.25);
    assert_eq!(metrics["generation_tokens"]["total"], 100.0 * steps);
    assert_eq!(metrics["prefix_cache_hits"]["value"], 0.25);
    let ttft = &metrics["ttft"];
    assert_eq!(
        (&ttft["n"], &ttft["unit"]),
        (&(10.0 * steps).into(), &"ms".into())
    );
    assert_eq!(ttft["quantiles"][0]["low"], 50.0);
    assert_eq!(ttft["quantiles"][0]["high"], 100.0);
    assert_eq!(server["asked"]["gpu_power_watts{gpu=\"1\"}"]["mean"], 200.0);
    assert_eq!(server["missing"][0], "no_such_number");
    assert!(
        finished.stdout.contains("what vllm says of itself"),
        "{}",
        finished.stdout
    );
    assert!(finished.stdout.contains("25.0 % of"), "{}", finished.stdout);
    assert!(
        result["warnings"]
            .to_string()
            .contains("never told no_such_number"),
        "{}",
        result["warnings"]
    );
    let printed = workspace.run(&["schema", "load"]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let problems: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&result)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

/// Protects a run from its server's numbers: nobody there, another page, an error, an answer without an end: it is told,
/// and everything else is as it would be.
#[test]
fn readings_that_fail_spoil_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases: [(&str, &str); 4] = [
        ("", "cannot be reached"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n<html></html",
            "found `<html></html`",
        ),
        ("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "status 404"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\na 1\n",
            "hung up before its answer was complete",
        ),
    ];
    for (answer, expected) in cases {
        let (url, _) = serve(move |_| answer.to_owned());
        let workspace = workspace();
        let metrics = if answer.is_empty() {
            format!("http://{nobody}/metrics")
        } else {
            format!("{url}/metrics")
        };
        let finished = load(&workspace, &url, &["--server-metrics", &metrics]).expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(result["requests"]["ok"], 40);
        assert_eq!(result["server"]["readings"], 0);
        let problem = result["server"]["first_error"].as_str().unwrap();
        assert!(problem.contains(expected), "{problem}");
        assert!(
            finished
                .stdout
                .contains("readings of the server's numbers failed")
        );
        assert!(
            finished.stdout.contains("could not be read"),
            "{}",
            finished.stdout
        );
    }
}

/// Protects people from finding out after the run: an address or a name that cannot be is refused before it, and without
/// --server-metrics there is nothing of the server.
#[test]
fn what_cannot_be_read_is_refused() {
    let (url, readings) = serve(vllm);
    let workspace = workspace();
    let wrong = load(&workspace, &url, &["--server-metrics", "localhost/metrics"]).expect_code(2);
    assert!(
        wrong.stderr.contains("--server-metrics is `localhost/metrics`"),
        "{}",
        wrong.stderr
    );
    let metrics = format!("{url}/metrics");
    let name = load(
        &workspace,
        &url,
        &["--server-metrics", &metrics, "--server-metric", "a{b"],
    )
    .expect_code(2);
    assert!(name.stderr.contains("expected a name"), "{}", name.stderr);
    let _ = load(&workspace, &url, &[]).expect_code(0);
    assert!(workspace.json("out.json")["server"].is_null());
    assert_eq!(readings.load(Relaxed), 0);
}
