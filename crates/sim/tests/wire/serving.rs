//! How the simulated provider serves: HTTP, answers, counters, the log, repeatability, its own thread. Apart from the
//! unit tests because it goes through a real socket.

use crate::raw::{Client, Ending, ask, ask_whole, spawn};
use seatrial_sim::{AnswerRow, Answers, Dist, Fault, Faults, Persona, Sim, SimConfig, SimHandle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

fn rows(count: usize) -> Vec<AnswerRow> {
    let labels = ["refund", "replace", "escalate"];
    let row = |n: usize| AnswerRow {
        prompt: format!("Case {n}: what now?"),
        answer: labels[n % 3].to_owned(),
        wrong: Vec::new(),
    };
    (0..count).map(row).collect()
}

fn tiers() -> SimConfig {
    let tier = |model: &str, accuracy| Persona {
        accuracy,
        ..Persona::instant(model)
    };
    SimConfig {
        seed: 7,
        answers: Answers::Rows(rows(300)),
        ..SimConfig::of_personas(vec![
            tier("tier-1", 0.95),
            tier("tier-2", 0.98),
            tier("tier-3", 0.99),
        ])
    }
}

/// Protects the demonstration's figures: over the socket, inside a prompt template, each tier answers exactly its share
/// of the file rightly, and says so in its counters.
#[test]
fn accuracy_over_the_wire() {
    let sim = SimHandle::spawn(tiers()).unwrap();
    let mut client = Client::connect(&sim);
    for (model, expected) in [("tier-1", 285), ("tier-2", 294), ("tier-3", 297)] {
        let is_right = |row: &AnswerRow| {
            let prompt = format!("Answer with one word.\n\n{}\n", row.prompt);
            client.chat(&ask(model, &prompt)).text() == row.answer
        };
        assert_eq!(
            rows(300).iter().map(is_right).filter(|right| *right).count(),
            expected
        );
        let stats = sim.stats().by_model[model];
        assert_eq!(
            (stats.right, stats.wrong, stats.unknown),
            (expected as u64, 300 - expected as u64, 0)
        );
        assert_eq!((stats.distinct_prompts, stats.repeats), (300, 0));
    }
    assert_eq!(
        client.chat(&ask("tier-1", "something else")).text(),
        "I do not know."
    );
    assert_eq!(sim.stats().by_model["tier-1"].unknown, 1);
}

/// Protects resumed runs: another server with the same seed, asked in another order, gives the same answers, faults
/// and retries; another seed does not.
#[test]
fn outcomes_do_not_depend_on_order() {
    let run = |seed: u64, prompts: &[usize]| -> BTreeMap<usize, Vec<(u16, String, Ending)>> {
        let faults = Faults::none()
            .with(Fault::RateLimited, 0.2)
            .with(Fault::Reset, 0.1)
            .with(Fault::Truncated, 0.1)
            .with(Fault::NoDone, 0.1);
        let mut config = tiers();
        config.seed = seed;
        config.personas[0].faults = faults;
        let sim = SimHandle::spawn(config).unwrap();
        let mut seen: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for &n in prompts {
            let prompt = &rows(300)[n].prompt;
            let reply = Client::connect(&sim).chat(&ask("tier-1", prompt));
            seen.entry(n)
                .or_default()
                .push((reply.status, reply.text_or_error(), reply.ending));
        }
        seen
    };
    let forth: Vec<usize> = (0..60).chain(0..60).collect();
    let back: Vec<usize> = forth.iter().rev().copied().collect();
    let first = run(7, &forth);
    assert_eq!(first, run(7, &back));
    assert_ne!(first, run(8, &forth));
    let first_tries = first.values().filter(|tries| tries[0].0 == 429).count();
    let both = first
        .values()
        .filter(|tries| tries.iter().all(|found| found.0 == 429))
        .count();
    assert!(
        first_tries > 4 && both < first_tries,
        "a retry can succeed: {first_tries} then {both}"
    );
}

impl crate::raw::Reply {
    fn text_or_error(&self) -> String {
        if self.status == 200 {
            self.text()
        } else {
            self.body.clone()
        }
    }
}

/// Protects the proof that a resumed run repeats few calls: counts of requests, repeats, faults and aborts.
#[test]
fn stats_are_counted() {
    let mut config = tiers();
    config.personas[1] = config.personas[1].clone().always(Fault::ServerError);
    let sim = SimHandle::spawn(config).unwrap();
    let mut client = Client::connect(&sim);
    for prompt in ["a", "b", "a", "a"] {
        client.chat(&ask("tier-1", prompt));
    }
    client.chat(&ask("tier-2", "a"));
    assert_eq!(client.chat(&ask("nobody", "a")).status, 404);
    let stats = client.get("/sim/stats");
    for (key, expected) in [
        ("requests", 6),
        ("answered", 4),
        ("rejected", 1),
        ("aborted", 0),
        ("in_flight", 0),
        ("in_flight_max", 1),
        ("distinct_prompts", 3),
        ("repeats", 2),
        ("connections", 1),
        ("seed", 7),
    ] {
        assert_eq!(stats[key], expected, "{key}");
    }
    assert_eq!(stats["schema"], "seatrial.sim.stats/1");
    assert_eq!(stats["by_fault"]["server_error"], 1);
    assert_eq!(stats["by_fault"]["reset"], 0);
    assert_eq!(stats["by_model"]["tier-1"]["requests"], 4);
    assert_eq!(stats["by_model"]["tier-1"]["repeats"], 2);
    assert_eq!(
        serde_json::to_value(sim.stats()).unwrap()["by_model"],
        stats["by_model"]
    );
}

/// Protects the count of calls in flight: while answers wait they are in flight, and a client that leaves ends its
/// call at once instead of holding it until the answer is due.
#[test]
fn in_flight_and_aborted() {
    let never = Persona {
        first_token_ms: Dist::constant(600_000.0),
        ..Persona::instant("m")
    };
    let sim = spawn(never);
    let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(&sim)).collect();
    for client in &mut clients {
        client.send("POST", "/v1/chat/completions", "", &ask("m", "hi").to_string());
    }
    while sim.stats().in_flight < 5 {
        std::thread::yield_now();
    }
    drop(clients);
    while sim.stats().in_flight > 0 {
        std::thread::yield_now();
    }
    let stats = sim.stats();
    assert_eq!(
        (stats.requests, stats.in_flight_max, stats.aborted, stats.answered),
        (5, 5, 5, 0)
    );
    assert!(
        sim.log()
            .iter()
            .all(|entry| !entry.complete && entry.first_byte_ns.is_none())
    );
}

/// Protects trials of clients that adapt: a full model that is told so refuses instead of letting wait.
#[test]
fn a_full_model_can_refuse() {
    let sim = spawn(Persona {
        slots: Some(1),
        full_is_429: true,
        first_token_ms: Dist::constant(600_000.0),
        ..Persona::instant("full")
    });
    let mut holder = Client::connect(&sim);
    holder.send(
        "POST",
        "/v1/chat/completions",
        "",
        &ask("full", "hold").to_string(),
    );
    while sim.stats().in_flight < 1 {
        std::thread::yield_now();
    }
    let mut refused = Client::connect(&sim);
    let answer = refused.chat(&ask("full", "more"));
    assert_eq!(answer.status, 429);
    assert_eq!(sim.stats().by_fault.get("rate_limited"), Some(&1));
}

/// Protects saturation: with two slots, a third request waits until one is free.
#[test]
fn slots_are_a_limit() {
    let never = Persona {
        first_token_ms: Dist::constant(600_000.0),
        ..Persona::instant("slow")
    };
    let limited = Persona {
        slots: Some(1),
        ..never
    };
    let sim = spawn(limited);
    let mut holder = Client::connect(&sim);
    holder.send(
        "POST",
        "/v1/chat/completions",
        "",
        &ask("slow", "hold").to_string(),
    );
    while sim.stats().in_flight < 1 {
        std::thread::yield_now();
    }
    let mut waiting = Client::connect(&sim);
    waiting.send(
        "POST",
        "/v1/chat/completions",
        "",
        &ask("slow", "wait").to_string(),
    );
    while sim.stats().in_flight < 2 {
        std::thread::yield_now();
    }
    // A request that waits for a slot gives up its place when its client leaves, and so does one that holds it.
    drop(waiting);
    drop(holder);
    while sim.stats().in_flight > 0 {
        std::thread::yield_now();
    }
    assert_eq!(sim.stats().aborted, 2);
}

/// Protects the truth that clients are checked against: times are in order, delays are kept, and a client's own times
/// in the same process lie around them.
#[test]
fn log_tells_the_truth() {
    let persona = Persona {
        first_token_ms: Dist::constant(4.0),
        gap_ms: Dist::constant(2.0),
        output_tokens: Some(Dist::constant(5.0)),
        ..Persona::instant("m")
    };
    let sim = spawn(persona);
    let mut client = Client::connect(&sim);
    let since_epoch = || sim.epoch().elapsed().as_nanos() as u64;
    for prompt in ["a", "b", "b"] {
        let sent = since_epoch();
        client.chat(&ask("m", prompt));
        let done = since_epoch();
        let entry = sim.log().pop().unwrap();
        let (first_byte, first_token) = (entry.first_byte_ns.unwrap(), entry.first_token_ns.unwrap());
        let order = [sent, entry.received_ns, first_byte, first_token, entry.end_ns];
        assert!(order.is_sorted(), "{order:?}");
        // The server's end is stamped after its write, and the client may have read it by then.
        assert!(
            entry.received_ns + 12_000_000 <= done.min(entry.end_ns),
            "{entry:?}, {done}"
        );
        assert!(first_token - entry.received_ns >= 4_000_000);
        assert_eq!(
            (entry.output_tokens, entry.events, entry.status, entry.connection),
            (5, 5, 200, 1)
        );
    }
    let page = client.get("/sim/log?after=1");
    assert_eq!(page["schema"], "seatrial.sim.log/1");
    assert_eq!(page["entries"].as_array().unwrap().len(), 2);
    assert_eq!(page["entries"][1]["attempt"], 1);
    assert_eq!(page["entries"][0]["prompt"], page["entries"][1]["prompt"]);
    let latency = client.get("/sim/latency?model=m");
    assert_eq!(latency["end_ms"]["n"], 3);
    assert!(latency["first_event_ms"]["p50"].as_f64().unwrap() >= 4.0);
    assert!(latency["end_ms"]["p99"].as_f64().unwrap() >= 12.0);
    assert_eq!(
        client.get("/sim/latency?model=other")["end_ms"]["p50"],
        Value::Null
    );
}

/// Protects the log file: a line for each request, complete when the provider has stopped.
#[test]
fn log_file_is_written() {
    let path = std::env::temp_dir().join(format!("seatrial-sim-log-{}.jsonl", std::process::id()));
    let config = SimConfig {
        log_file: Some(path.clone()),
        ..tiers()
    };
    let sim = SimHandle::spawn(config).unwrap();
    let mut client = Client::connect(&sim);
    client.chat(&ask("tier-1", "a"));
    client.chat(&ask("tier-2", "a"));
    drop(sim);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let models: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["model"].clone())
        .collect();
    assert_eq!(models, ["tier-1", "tier-2"]);
}

/// Protects HTTP: pipelining, chunked bodies, HTTP/1.0, closing on request, and errors for what is not served.
#[test]
fn http_is_kept() {
    let sim = SimHandle::spawn(SimConfig {
        body_bytes_max: 1000,
        ..tiers()
    })
    .unwrap();
    let mut client = Client::connect(&sim);
    assert_eq!(client.get("/v1/models")["data"][2]["id"], "tier-3");
    for (method, path, expected) in [
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/sim/stats", 405),
        ("GET", "/v1/embeddings", 405),
        ("GET", "/v1/images", 404),
    ] {
        client.send(method, path, "", "");
        let reply = client.receive();
        assert_eq!((reply.status, reply.ending), (expected, Ending::Open), "{path}");
        assert!(reply.json()["error"]["message"].is_string());
    }
    client.send("POST", "/v1/chat/completions", "", "{");
    assert_eq!(client.receive().status, 400);

    client.send(
        "POST",
        "/v1/chat/completions",
        "",
        &ask_whole("tier-1", "first").to_string(),
    );
    client.send(
        "POST",
        "/v1/chat/completions",
        "",
        &ask("tier-1", "second").to_string(),
    );
    client.send("GET", "/sim/stats", "connection: close\r\n", "");
    assert_eq!(client.receive().json()["object"], "chat.completion");
    assert!(client.receive().is_done());
    let last = client.receive();
    assert!(last.has("connection: close") && last.json()["answered"] == 2);
    let mut rest = Vec::new();
    assert_eq!(client.stream.read_to_end(&mut rest).unwrap(), 0);

    let body = ask_whole("tier-1", "third").to_string();
    let (left, right) = body.split_at(20);
    let mut client = Client::connect(&sim);
    let chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n\
         {:x};note\r\n{left}\r\n{:X}\r\n{right}\r\n0\r\ntrailer: x\r\n\r\n",
        left.len(),
        right.len()
    );
    client.stream.write_all(chunked.as_bytes()).unwrap();
    let mut interim = [0; 25];
    client.stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.receive().json()["object"], "chat.completion");

    let body = ask("tier-1", "fourth").to_string();
    let mut old = Client::connect(&sim);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    old.stream.write_all(request.as_bytes()).unwrap();
    let reply = old.receive();
    assert_eq!(reply.ending, Ending::Closed);
    assert!(reply.is_done() && !reply.has("transfer-encoding: chunked"));

    for (text, expected) in [
        (
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 1001\r\n\r\n{}",
                "x".repeat(1001)
            ),
            413,
        ),
        (
            "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n".to_owned(),
            413,
        ),
        (
            "POST /v1/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(),
            400,
        ),
        ("hello\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(17_000)), 431),
    ] {
        let mut client = Client::connect(&sim);
        client.stream.write_all(text.as_bytes()).unwrap();
        let mut seen = Vec::new();
        // What the server did not read turns its close into a reset; the status was sent before.
        match client.stream.read_to_end(&mut seen) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.starts_with(&format!("HTTP/1.1 {expected} ")), "{seen}");
    }
}

/// Protects keys: with one set, only requests that carry it are answered.
#[test]
fn keys_are_checked() {
    let sim = SimHandle::spawn(SimConfig {
        api_key: Some("right".into()),
        ..tiers()
    })
    .unwrap();
    let mut client = Client::connect(&sim);
    let body = ask("tier-1", "a").to_string();
    for (extra, expected) in [
        ("", 401),
        ("authorization: Bearer wrong\r\n", 401),
        ("authorization: Bearer right\r\n", 200),
    ] {
        client.send("POST", "/v1/chat/completions", extra, &body);
        assert_eq!(client.receive().status, expected, "{extra}");
    }
    assert_eq!(sim.stats().rejected, 2);
}

/// Protects machines: no port is opened to others by mistake, and wrong input is refused before a port is opened.
#[test]
fn binding_is_careful() {
    let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let error = Sim::bind(anywhere, tiers()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("expected a loopback address"),
        "{error}"
    );
    assert!(
        Sim::bind(
            anywhere,
            SimConfig {
                allow_remote: true,
                ..tiers()
            }
        )
        .is_ok()
    );
    let nobody = Sim::bind(loopback, SimConfig::of_personas(vec![])).unwrap_err();
    assert!(nobody.to_string().contains("`personas`"), "{nobody}");
    let missing = SimConfig {
        answers: Answers::File("no/such/file.jsonl".into()),
        ..tiers()
    };
    let error = Sim::bind(loopback, missing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no/such/file.jsonl"), "{error}");
}

/// Protects programs that embed it: a provider runs inside somebody else's runtime and stops when told to.
#[test]
fn runs_until_told_to_stop() {
    let config = SimConfig::from_value(json!({"personas": [{"model": "m"}]})).unwrap();
    let sim = Sim::bind("127.0.0.1:0".parse().unwrap(), config).unwrap();
    let addr = sim.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(sim.run(async { stopped.await.unwrap() }))
    });
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    stream.write_all(b"GET /v1/models HTTP/1.1\r\n\r\n").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    stop.send(()).unwrap();
    server.join().unwrap().unwrap();
    assert!(std::net::TcpStream::connect(addr).is_err());
}
