//! `seatrial load` with made prompts, traces and objectives, through the binary.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_testkit::{Finished, Workspace, test_data};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// An endpoint that keeps the bodies it was sent and answers each with one token, or with a status alone.
struct Endpoint {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

fn serve(status: u16) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, kept) = (tcp.unwrap(), Arc::clone(&kept));
            std::thread::spawn(move || {
                while let Some(body) = read_request(&mut tcp) {
                    kept.lock().unwrap().push(body);
                    let answer = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";
                    let answer = if status == 200 { answer } else { "" };
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
                        answer.len()
                    );
                    if tcp.write_all((head + answer).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Endpoint { url, bodies }
}

fn read_request(tcp: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if !matches!(tcp.read(&mut byte), Ok(1)) {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).ok()?.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    tcp.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn load(workspace: &Workspace, url: &str, arguments: &[&str]) -> Finished {
    let fixed = ["load", "--base-url", url, "--model", "m", "--json", "out.json"];
    let quiet = ["--allow-degraded", "--no-calibrate"];
    workspace.run(&[&fixed[..], &quiet[..], arguments].concat())
}

fn prompt(body: &Value) -> &str {
    body["messages"][0]["content"].as_str().unwrap()
}

/// Protects: made prompts have the asked lengths, differ from each other, share what they should, and each asks for its
/// own number of tokens.
#[test]
fn made_prompts() {
    let (workspace, endpoint) = (workspace(), serve(200));
    let lengths = [
        "--input-tokens",
        "20..40",
        "--output-tokens",
        "5..9",
        "--shared-prefix",
        "2x10",
    ];
    let shape = ["--concurrency", "2", "--requests", "60", "--seed", "4"];
    let _ = load(&workspace, &endpoint.url, &[&lengths[..], &shape[..]].concat()).expect_code(0);
    let bodies = endpoint.bodies.lock().unwrap();
    assert_eq!(bodies.len(), 60);
    let mut beginnings = std::collections::BTreeSet::new();
    let mut prompts = std::collections::BTreeSet::new();
    for body in &*bodies {
        let words: Vec<&str> = prompt(body).split(' ').collect();
        assert!((30..=50).contains(&words.len()), "{}", words.len());
        assert!((5..=9).contains(&body["max_tokens"].as_u64().unwrap()), "{body}");
        beginnings.insert(words[..10].join(" "));
        prompts.insert(prompt(body).to_owned());
    }
    assert_eq!(beginnings.len(), 2);
    assert_eq!(prompts.len(), 60);
}

/// Protects: a trace is replayed as it is: its moments (times speed), its lengths, its shared blocks.
#[test]
fn a_trace_is_replayed() {
    let (workspace, endpoint) = (workspace(), serve(200));
    let trace = "{\"timestamp\":0,\"input_length\":600,\"output_length\":5,\"hash_ids\":[3,4]}\n\
                 {\"timestamp\":200,\"input_length\":1100,\"output_length\":6,\"hash_ids\":[3,5,6]}\n\
                 {\"timestamp\":400,\"input_length\":10,\"output_length\":7,\"hash_ids\":[8]}\n";
    workspace.write("t.jsonl", trace);
    let shape = ["--trace", "t.jsonl", "--speed", "2", "--csv", "out.csv"];
    let _ = load(&workspace, &endpoint.url, &shape).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(result["load"]["loop"], "open");
    assert_eq!(result["requests"]["ok"], 3);
    let csv = std::fs::read_to_string(workspace.path().join("out.csv")).unwrap();
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = head.iter().position(|name| *name == "intended_ms").unwrap();
    let mut moments: Vec<f64> = rows.map(|row| row[column].parse().unwrap()).collect();
    moments.sort_by(f64::total_cmp);
    assert_eq!(moments, [0.0, 100.0, 200.0]);
    let mut bodies = endpoint.bodies.lock().unwrap().clone();
    bodies.sort_by_key(|body| body["max_tokens"].as_u64());
    let words = |i: usize| {
        prompt(&bodies[i])
            .split(' ')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!((words(0).len(), words(1).len(), words(2).len()), (600, 1_100, 10));
    assert_eq!(words(0)[..512], words(1)[..512]);
}

/// Protects: a real trace comes through whole: every arrival of the first minutes, intended when it was then.
#[test]
fn azure_is_replayed() {
    let Some(data) = test_data("azure_is_replayed") else {
        return;
    };
    let (workspace, endpoint) = (workspace(), serve(200));
    let path = data.join("benchmarks/traces_azure_2023_conv/AzureLLMInferenceTrace_conv.csv");
    let path = path.display().to_string();
    let shape = ["--trace", &path, "--speed", "100", "--requests", "300"];
    let _ = load(&workspace, &endpoint.url, &shape).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["requests"]["ok"], &result["requests"]["unsent"]),
        (&json!(300), &json!(0))
    );
    let tokens: u64 = endpoint
        .bodies
        .lock()
        .unwrap()
        .iter()
        .map(|body| body["max_tokens"].as_u64().unwrap())
        .sum();
    assert!(tokens > 300);
}

/// Protects: what is wrong with a trace, a length or an objective is told with its place before anything is sent.
#[test]
fn errors_have_places() {
    let (workspace, endpoint) = (workspace(), serve(200));
    workspace.write(
        "bad.csv",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,374,many\n",
    );
    for (arguments, part) in [
        (
            &[
                "-c",
                "1",
                "-n",
                "1",
                "--input-tokens",
                "9",
                "--tokenizer",
                "bad.csv",
            ][..],
            "bad.csv: line 1",
        ),
        (
            &["--trace", "bad.csv"][..],
            "bad.csv:2: `many` in column GeneratedTokens",
        ),
        (&["--trace", "none.csv"][..], "none.csv"),
        (
            &["-c", "1", "-n", "1", "--input-tokens", "9..5"][..],
            "at character 4 of `9..5`",
        ),
        (
            &["-c", "1", "-n", "1", "--slo", "ttft_p99<500"][..],
            "at character 10",
        ),
        (&["--slo", "mlperf:gpt", "--find", "rate"][..], "llama2-70b"),
        (&["--find", "rate"][..], "--slo"),
    ] {
        let finished = load(&workspace, &endpoint.url, arguments).expect_code(2);
        assert!(
            finished.stderr.contains(part),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
    assert!(endpoint.bodies.lock().unwrap().is_empty());
}

/// Protects: goodput counts what meets every limit; Markdown holds the report and its pictures.
#[test]
fn goodput() {
    let (workspace, endpoint) = (workspace(), serve(200));
    let slo = "ttft_p99<10m,tpot_p99<10m";
    let shape = ["-c", "2", "-n", "50", "--slo", slo, "--markdown", "out.md"];
    let _ = load(&workspace, &endpoint.url, &shape).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["goodput"]["good"], &result["goodput"]["n"]),
        (&json!(50), &json!(50))
    );
    assert_eq!(result["goodput"]["attainment"]["value"], 1.0);
    assert!(result["steady"]["cut_front_s"].is_number());
    let markdown = std::fs::read_to_string(workspace.path().join("out.md")).unwrap();
    assert_eq!(markdown.matches("<svg").count(), 2, "{markdown}");
    assert!(markdown.starts_with("# Load\n\n```text\n") && markdown.contains("<title>Latencies</title>"));
}

/// Protects: a search says that nothing passes where everything fails, with exit code 1 and a result that keeps its schema.
#[test]
fn a_search_where_nothing_passes() {
    let (workspace, endpoint) = (workspace(), serve(500));
    let shape = ["--slo", "e2e_p99<10m", "--find", "concurrency", "--start", "2"];
    let finished = load(&workspace, &endpoint.url, &shape).expect_code(4);
    assert!(
        finished.stdout.contains("was answered") && finished.stdout.contains("failed with server"),
        "{}",
        finished.stdout
    );
    let result = workspace.json("out.json");
    let printed = workspace.run(&["schema", "load-search"]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    let problems: Vec<String> = jsonschema::validator_for(&schema)
        .unwrap()
        .iter_errors(&result)
        .map(|error| error.to_string())
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(result["end"], "nothing_passes");
    assert_eq!(result["probes"][0]["verdict"], "fail");
    assert_eq!(result["estimate"]["value"], Value::Null);
}
