//! `seatrial load` with conversations and bursts, through the binary.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// Loads an endpoint. A machine on which tests run is busy, so that numbers are told whatever their certificate says.
fn load(workspace: &Workspace, url: &str, arguments: &[&str]) -> Finished {
    let fixed = ["load", "--base-url", url, "--model", "m", "--json", "out.json"];
    let quiet = ["--allow-degraded", "--no-calibrate"];
    workspace.run(&[&fixed[..], &quiet[..], arguments].concat())
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

/// An endpoint that keeps the bodies it was sent; it answers with the number of messages in words, and says that all
/// tokens but ten came from its cache.
struct Endpoint {
    url: String,
    bodies: Arc<Mutex<Vec<Value>>>,
}

fn serve() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, kept) = (tcp.unwrap(), Arc::clone(&kept));
            std::thread::spawn(move || {
                while let Some(body) = read_request(&mut tcp) {
                    let answer = answer(&body);
                    kept.lock().unwrap().push(body);
                    if tcp.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Endpoint { url, bodies }
}

fn answer(body: &Value) -> String {
    let said = body["messages"].as_array().unwrap().len();
    let delta = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 10 * said, "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 10 * (said - 1)}}});
    let events = [delta("\"said\"\n"), delta(&said.to_string()), usage];
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

fn texts(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

/// Protects conversations: each turn has all that was said before it, the server's own answers included, and the turns
/// are told apart: first turns have nothing cached, later ones do.
#[test]
fn conversations_are_held() {
    let (workspace, endpoint) = (workspace(), serve());
    let shape = ["--concurrency", "2", "--requests", "30", "--turns", "3"];
    let texts_asked = [
        "--prompt",
        "hello \"you\"",
        "--follow-up",
        "and?",
        "--think-time",
        "1ms",
    ];
    let csv = ["--csv", "out.csv"];
    let finished = load(
        &workspace,
        &endpoint.url,
        &[&shape[..], &texts_asked, &csv].concat(),
    )
    .expect_code(0);
    assert!(finished.stdout.contains("talks      "), "{}", finished.stdout);
    assert!(finished.stdout.contains("turns 2–"), "{}", finished.stdout);
    let bodies = endpoint.bodies.lock().unwrap();
    assert_eq!(bodies.len(), 30);
    let whole = ["hello \"you\"", "\"said\"\n1", "and?", "\"said\"\n3", "and?"];
    let mut lengths = [0_u64; 6];
    for body in &*bodies {
        let said = texts(body);
        assert_eq!(said, whole[..said.len()]);
        assert_eq!(
            body["messages"][1]["role"].as_str().unwrap_or("assistant"),
            "assistant"
        );
        lengths[said.len()] += 1;
    }
    assert_eq!(lengths[1] + lengths[3] + lengths[5], 30);
    let result = workspace.json("out.json");
    let turns = result["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 3);
    for (turn, said) in turns.iter().zip([1_usize, 3, 5]) {
        assert_eq!(turn["ok"], lengths[said]);
        assert_eq!(turn["input_tokens"], 10.0 * said as f64);
        let cached = turn["cached_share"].as_f64().unwrap();
        assert!((cached - (said - 1) as f64 / said as f64).abs() < 1e-9, "{turn}");
        assert_eq!(turn["metrics"]["ttft"]["n"], lengths[said]);
    }
    let talked = &result["conversations"];
    assert_eq!(talked["begun"], lengths[1]);
    assert_eq!(talked["whole"], lengths[5]);
    assert_eq!(
        (&talked["history"], &talked["broken"]),
        (&json!("real"), &json!(0))
    );
    assert_eq!(result["littles_law"]["holds"], true);
    let table = std::fs::read_to_string(workspace.path().join("out.csv")).unwrap();
    assert!(
        table
            .lines()
            .next()
            .unwrap()
            .ends_with(",conversation,turn,tokens_cached")
    );
    assert_eq!(
        table.lines().filter(|line| line.ends_with(",3,40")).count() as u64,
        lengths[5]
    );
    validate(&workspace, &result);
}

/// Protects made prompts in conversations and open loops of them: a rate counts conversations, lengths are drawn for every
/// turn, made-up answers are the same in every run, and so is everything else.
#[test]
fn conversations_arrive_and_repeat() {
    let run = || {
        let (workspace, endpoint) = (workspace(), serve());
        let shape = [
            "--rate",
            "50/200ms",
            "--arrivals",
            "constant",
            "--duration",
            "2s",
            "--seed",
            "5",
        ];
        let made = [
            "--turns",
            "2..4",
            "--input-tokens",
            "20..30",
            "--follow-up-tokens",
            "5",
        ];
        let answers = ["--output-tokens", "7", "--history", "made"];
        let finished =
            load(&workspace, &endpoint.url, &[&shape[..], &made, &answers].concat()).expect_code(0);
        assert!(
            finished.stdout.contains("conversations per second"),
            "{}",
            finished.stdout
        );
        let result = workspace.json("out.json");
        assert_eq!(
            (
                &result["conversations"]["begun"],
                &result["conversations"]["whole"]
            ),
            (&json!(10), &json!(10))
        );
        assert_eq!(result["requests"]["ok"], endpoint.bodies.lock().unwrap().len());
        let mut bodies: Vec<String> = endpoint
            .bodies
            .lock()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        bodies.sort();
        bodies
    };
    let first = run();
    assert_eq!(first, run());
    for body in &first {
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["max_tokens"], 7);
        for (i, text) in texts(&body).into_iter().enumerate() {
            let words = text.split(' ').count();
            let expected = match i {
                0 => 20..=30,
                i if i % 2 == 1 => 7..=7,
                _ => 5..=5,
            };
            assert!(expected.contains(&words), "{i}: {words}");
        }
    }
}

/// Protects every API that has messages; the simulator refuses what it does not understand.
#[test]
fn conversations_with_every_api() {
    let workspace = workspace();
    let config = json!({"seed": 3, "personas": [{"model": "m", "unknown": "a b c"}]});
    let server = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
    let shape = ["--concurrency", "1", "--requests", "9", "--turns", "3"];
    for api in [
        &["--api", "responses"][..],
        &["--provider", "anthropic"],
        &["--no-stream"],
        &[],
    ] {
        let _ = load(&workspace, &server.base_url(), &[&shape[..], api].concat()).expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(
            (&result["conversations"]["whole"], &result["requests"]["failed"]),
            (&json!(3), &json!(0)),
            "{api:?}"
        );
        validate(&workspace, &result);
    }
}

/// Protects bursts: in each one, as many more requests arrive as was asked for, and several may come at one moment.
#[test]
fn bursts_arrive() {
    let (workspace, endpoint) = (workspace(), serve());
    let rate = ["--rate", "20", "--arrivals", "constant", "--duration", "2s"];
    let bunched = ["--bursts", "10x200ms/1s", "--together", "2", "--csv", "out.csv"];
    let finished = load(&workspace, &endpoint.url, &[&rate[..], &bunched].concat()).expect_code(0);
    assert!(
        finished.stdout.contains("bursts 10x200ms/1s, 2 at a time"),
        "{}",
        finished.stdout
    );
    let result = workspace.json("out.json");
    assert_eq!(result["load"]["bursts"], "10x200ms/1s");
    let csv = std::fs::read_to_string(workspace.path().join("out.csv")).unwrap();
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = head.iter().position(|name| *name == "intended_ms").unwrap();
    let mut moments: Vec<f64> = rows.map(|row| row[column].parse().unwrap()).collect();
    moments.sort_by(f64::total_cmp);
    let within = |from: f64, to: f64| moments.iter().filter(|at| **at >= from && **at < to).count();
    // 20 a second for 800 ms is 16, and ten times that for 200 ms is 40.
    for second in [0.0, 1_000.0] {
        let (rest, burst) = (
            within(second, second + 800.0),
            within(second + 800.0, second + 1_000.0),
        );
        assert!(
            (14..=18).contains(&rest) && (36..=44).contains(&burst),
            "{rest} {burst}"
        );
    }
    assert!(moments.chunks(2).all(|pair| pair[0] == pair[1]), "{moments:?}");
    validate(&workspace, &result);
}

/// Protects people from mistakes in arguments: each is said with its place before anything is sent.
#[test]
fn mistakes_are_said() {
    let (workspace, endpoint) = (workspace(), serve());
    let closed = ["-c", "1", "-n", "1", "--turns"];
    for (arguments, part) in [
        (&["9..5"][..], "at character 4 of `9..5`"),
        (&["2000"], "expected 1 to 1000 turns"),
        (
            &["2", "--think-time", "2"],
            "--think-time cannot be read: at character 1 of `2`",
        ),
        (&["2", "--api", "completions"], "--api chat or responses"),
        (&["2", "--history", "made"], "--output-tokens"),
        (&["2", "--follow-up-tokens", "5"], "--input-tokens"),
        (&["2", "--trace", "t.csv"], "--trace"),
    ] {
        let finished = load(&workspace, &endpoint.url, &[&closed[..], arguments].concat()).expect_code(2);
        assert!(
            finished.stderr.contains(part),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
    let bursts = ["-r", "5", "-n", "1", "--bursts", "5x9s/3s"];
    let finished = load(&workspace, &endpoint.url, &bursts).expect_code(2);
    assert!(
        finished.stderr.contains("--bursts cannot be read"),
        "{}",
        finished.stderr
    );
    assert!(endpoint.bodies.lock().unwrap().is_empty());
}
