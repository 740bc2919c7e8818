//! `seatrial load` with a tokenizer, through the binary: who counts the tokens of prompts and answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A tokenizer for which each word is a token.
const TOKENIZER: &str = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
    "pre_tokenizer":{"type":"WhitespaceSplit"},"post_processor":null,"decoder":null,
    "model":{"type":"WordLevel","vocab":{"[UNK]":0,"time":1},"unk_token":"[UNK]"}}"#;

fn workspace() -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    workspace.write("tokenizer.json", TOKENIZER);
    workspace
}

struct Endpoint {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

/// An endpoint whose answers are six words in two events; it tells `usage` tokens, or nothing.
fn serve(usage: Option<u64>) -> Endpoint {
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
                    if tcp.write_all(answer(usage).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Endpoint { url, bodies }
}

fn answer(usage: Option<u64>) -> String {
    let delta = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let mut events = vec![delta("one two three"), delta(" four five six")];
    if let Some(tokens) = usage {
        events.push(json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": tokens}}));
    }
    let mut stream: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    stream.push_str("data: [DONE]\n\n");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{stream}",
        stream.len()
    )
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
    let quiet = ["--allow-degraded", "--no-calibrate", "-c", "2", "-n", "20"];
    workspace.run(&[&fixed[..], &quiet[..], arguments].concat())
}

/// Protects the order of counting: usage where the server tells it, else the tokenizer, else events; the source is named,
/// and so is how far the ways are apart.
#[test]
fn who_counts() {
    let workspace = workspace();
    let by = |usage, tokenizer: &[&str]| {
        let finished = load(&workspace, &serve(usage).url, tokenizer).expect_code(0);
        let tokens = workspace.json("out.json")["tokens"].clone();
        (finished.stdout, tokens)
    };
    let (_, events) = by(None, &[]);
    assert_eq!(
        (&events["source"], &events["output"]),
        (&json!("events"), &json!(40.0))
    );
    assert_eq!(events["tokenizer_mismatch"], Value::Null);
    let given = ["--tokenizer", "tokenizer.json"];
    let (text, counted) = by(None, &given);
    assert_eq!(
        (&counted["source"], &counted["output"]),
        (&json!("tokenizer"), &json!(120.0))
    );
    assert_eq!(
        counted["answers_by"],
        json!({"usage": 0, "tokenizer": 20, "events": 0})
    );
    assert!(text.contains("counted by tokenizer"), "{text}");
    let (text, told) = by(Some(5), &given);
    assert_eq!(
        (&told["source"], &told["output"]),
        (&json!("usage"), &json!(100.0))
    );
    let mismatch = told["tokenizer_mismatch"].as_f64().unwrap();
    assert!((mismatch - 0.2).abs() < 1e-9, "{mismatch}");
    assert!(text.contains("the tokenizer finds +20.0 %"), "{text}");
    let (_, whole) = by(None, &[&given[..], &["--turns", "2"]].concat());
    assert_eq!(whole["answers_by"]["tokenizer"], 20);
}

/// Protects lengths of prompts that are made of words: where the server counts otherwise, it is said what would fit.
#[test]
fn words_are_worth_tokens() {
    let workspace = workspace();
    let warned = |arguments: &[&str]| {
        let _ = load(&workspace, &serve(Some(5)).url, arguments).expect_code(0);
        let result = workspace.json("out.json");
        (
            result["tokens"]["prompts"].clone(),
            result["warnings"].to_string(),
        )
    };
    // The server says nine tokens of whatever it is asked.
    let (prompts, warnings) = warned(&["--input-tokens", "6"]);
    assert_eq!(
        (&prompts["asked_tokens_mean"], &prompts["told_tokens_mean"]),
        (&json!(6.0), &json!(9.0))
    );
    assert!(warnings.contains("--tokens-per-word 1.50"), "{warnings}");
    let (prompts, warnings) = warned(&["--input-tokens", "9", "--tokens-per-word", "1.5"]);
    assert_eq!(prompts["tokens_per_word"], 1.5);
    assert!(!warnings.contains("--tokens-per-word"), "{warnings}");
    let (prompts, _) = warned(&["--prompt", "hi"]);
    assert_eq!(prompts, Value::Null);
}

/// Protects made prompts: by a tokenizer they have exactly the asked lengths, in its tokens.
#[test]
fn prompts_have_their_length() {
    let (workspace, endpoint) = (workspace(), serve(None));
    let made = ["--tokenizer", "tokenizer.json", "--input-tokens", "12"];
    let _ = load(&workspace, &endpoint.url, &made).expect_code(0);
    for body in &*endpoint.bodies.lock().unwrap() {
        let prompt = body["messages"][0]["content"].as_str().unwrap();
        assert_eq!(prompt.split(' ').count(), 12);
    }
    workspace.write("other.json", r#"{"some": "thing"}"#);
    let finished = load(&workspace, &endpoint.url, &["--tokenizer", "other.json"]).expect_code(2);
    assert!(finished.stderr.contains("tokenizer.json"), "{}", finished.stderr);
    assert_eq!(endpoint.bodies.lock().unwrap().len(), 20);
}
