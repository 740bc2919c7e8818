//! `seatrial load` against every kind of endpoint, through the binary: what each is asked, how it is read, and TLS.

#![expect(clippy::unwrap_used, reason = "tests")]

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

const ANSWER: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n";

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn load(workspace: &Workspace, url: &str, arguments: &[&str]) -> Finished {
    let fixed = ["load", "--base-url", url, "--model", "m", "--json", "out.json"];
    let quiet = ["--allow-degraded", "--no-calibrate", "-c", "2", "-n", "20"];
    workspace.run(&[&fixed[..], &quiet[..], arguments].concat())
}

/// Protects endpoints that do not write: embeddings have a latency, input tokens, and no tokens of an answer.
#[test]
fn embeddings_are_measured() {
    let workspace = workspace();
    let config = json!({"seed": 3, "personas": [{"model": "m", "unknown": "a b c"}]});
    let server = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
    let made = ["--api", "embeddings", "--input-tokens", "30"];
    let _ = load(&workspace, &server.base_url(), &made).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(result["target"]["api"], "embeddings");
    assert_eq!(
        (&result["requests"]["ok"], &result["tokens"]["input"]),
        (&json!(20), &json!(600))
    );
    assert_eq!(result["metrics"]["e2e"]["n"], 20);
    for name in ["ttft", "tpot", "icl"] {
        assert_eq!(result["metrics"][name]["status"], "unavailable", "{name}");
    }
    assert!(result["throughput"]["input_tokens_per_s"].as_f64().unwrap() > 0.0);
}

/// Protects endpoints of any kind: JSON is sent as it is given, and a stream of theirs has moments of events.
#[test]
fn any_endpoint_is_asked() {
    let workspace = workspace();
    workspace.write("body.json", "{\"question\":  \"why\"}");
    let url = serve(None, |request| {
        assert!(request.ends_with("\r\n\r\n{\"question\":  \"why\"}"), "{request}");
        answer("text/event-stream", "data: one\n\ndata: two\n\n")
    });
    let finished = workspace.run(&[
        "load",
        "--url",
        &url,
        "--body",
        "body.json",
        "--json",
        "out.json",
        "--allow-degraded",
        "--no-calibrate",
        "-c",
        "2",
        "-n",
        "20",
    ]);
    let _ = finished.expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["target"]["api"], &result["requests"]["ok"]),
        (&json!("http"), &json!(20))
    );
    assert_eq!(result["metrics"]["icl"]["n"], 20);
}

/// Protects against a stranger at the other end: a certificate that nobody vouches for, or of another name, is refused
/// with its class and its reason; one that is vouched for is not, and cold connections tell TCP and TLS apart.
#[test]
fn certificates_are_checked() {
    let workspace = workspace();
    let (certificate, config) = certificate("localhost");
    workspace.write("ca.pem", &certificate);
    let url = serve(Some(config), |_| answer("text/event-stream", ANSWER));
    // A key is needed where requests leave the machine, and here they do not.
    let named = url.replace("127.0.0.1", "localhost");
    let trusted = ["--ca-file", "ca.pem"];
    let _ = load(&workspace, &named, &[&trusted[..], &["--cold"]].concat()).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["target"]["tls"], &result["requests"]["ok"]),
        (&json!(true), &json!(20))
    );
    assert_eq!(result["client"]["connections"], 20);
    for name in ["connect", "tls"] {
        assert_eq!(result["metrics"][name]["n"], 20, "{name}");
        assert!(result["metrics"][name]["p50"].as_f64().unwrap() > 0.0, "{name}");
    }
    let _ = load(&workspace, &named, &trusted).expect_code(0);
    let result = workspace.json("out.json");
    assert_eq!(
        (&result["client"]["connections"], &result["metrics"]["tls"]["n"]),
        (&json!(2), &json!(2))
    );
    for (url, arguments, part) in [
        (&named, &[][..], "UnknownIssuer"),
        (&url, &trusted[..], "not valid for name"),
    ] {
        let finished = load(&workspace, url, arguments).expect_code(4);
        let result = workspace.json("out.json");
        assert_eq!(result["requests"]["by_error"], json!({"tls": 20}), "{part}");
        assert!(finished.stdout.contains(part), "{part}: {}", finished.stdout);
    }
}

fn answer(kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A certificate for a name, in PEM, and the server's half of TLS.
fn certificate(name: &str) -> (String, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (made.cert.pem(), Arc::new(config))
}

/// A server with a thread for each connection; `answer` is given the whole request.
fn serve(tls: Option<Arc<ServerConfig>>, answer: fn(&str) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, tls) = (tcp.unwrap(), tls.clone());
            std::thread::spawn(move || match tls {
                None => answer_all(&mut tcp, answer),
                Some(tls) => {
                    let connection = ServerConnection::new(tls).unwrap();
                    answer_all(&mut StreamOwned::new(connection, tcp), answer);
                }
            });
        }
    });
    url
}

fn answer_all(stream: &mut (impl Read + Write), answer: fn(&str) -> String) {
    while let Some(request) = read_request(stream) {
        if stream.write_all(answer(&request).as_bytes()).is_err() || stream.flush().is_err() {
            return;
        }
    }
}

fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes.clone()).ok()?.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    bytes.extend(body);
    String::from_utf8(bytes).ok()
}

/// Protects a request that the API documents from others that it does not: the bodies of one prompt, API by API.
#[test]
fn each_api_is_asked_in_its_way() {
    let workspace = workspace();
    let checked = |arguments: &[&str], answer: fn(&str) -> String| {
        let url = serve(None, answer);
        let finished = load(&workspace, &url, &[&["--prompt", "hi"], arguments].concat());
        let _ = finished.expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(
            (&result["requests"]["ok"], &result["tokens"]["source"]),
            (&json!(20), &json!("usage"))
        );
        assert_eq!(result["tokens"]["output"], 60.0);
    };
    fn asked(request: &str, path: &str, expected: &Value) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{head}");
        let body: Value = serde_json::from_str(body).unwrap();
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&body[key], value, "{body}");
        }
    }
    fn events(events: &[Value]) -> String {
        let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        answer("text/event-stream", &body)
    }
    checked(&["--max-tokens", "9"], |request| {
        asked(
            request,
            "/v1/chat/completions",
            &json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "stream": true}),
        );
        events(&[
            json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 3}}),
        ])
    });
    checked(&["--api", "completions"], |request| {
        asked(
            request,
            "/v1/completions",
            &json!({"prompt": "hi", "stream": true}),
        );
        events(&[
            json!({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 3}}),
        ])
    });
    checked(&["--api", "responses", "--max-tokens", "9"], |request| {
        asked(
            request,
            "/v1/responses",
            &json!({"input": [{"role": "user", "content": "hi"}], "max_output_tokens": 9, "stream": true}),
        );
        events(&[
            json!({"type": "response.output_text.delta", "delta": "a"}),
            json!({"type": "response.completed", "response": {"usage": {"input_tokens": 1, "output_tokens": 3}}}),
        ])
    });
    checked(&["--provider", "anthropic", "--max-tokens", "9"], |request| {
        asked(
            request,
            "/v1/messages",
            &json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9, "stream": true}),
        );
        events(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}),
            json!({"type": "message_stop"}),
        ])
    });
}
