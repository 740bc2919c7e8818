//! Runs against servers on loopback that do as scripted. Apart from the session because of what they need.

use super::*;
use crate::events::AnswerForm;
use crate::record::{Outcome, Phase, RequestRecord};
use crate::target::{FixedRequests, TlsTarget};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use seatrial_types::CallErrorKind;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const REQUEST: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn token() -> String {
    chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
}

/// A whole stream of so many events with tokens.
fn stream(events: usize) -> String {
    let usage = format!(
        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":{events}}}}}\n\n"
    );
    [
        HEAD,
        &token().repeat(events),
        &chunk(&usage),
        &chunk("data: [DONE]\n\n"),
        "0\r\n\r\n",
    ]
    .concat()
}

/// What a server does with request `number` of its life; whether the connection stays.
type Script = fn(number: usize, out: &mut dyn Write) -> bool;

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

fn read_request(stream: &mut dyn Read) -> bool {
    let mut request = vec![0; REQUEST.len()];
    stream.read_exact(&mut request).is_ok()
}

/// A server with a thread for each connection, for as long as the process lives.
fn serve(script: Script) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (seen, requests) = (Arc::clone(&connections), Arc::new(AtomicUsize::new(0)));
    thread::spawn(move || {
        for tcp in listener.incoming() {
            seen.fetch_add(1, SeqCst);
            let (mut tcp, requests) = (tcp.unwrap(), Arc::clone(&requests));
            thread::spawn(
                move || {
                    while read_request(&mut tcp) && script(requests.fetch_add(1, SeqCst), &mut tcp) {}
                },
            );
        }
    });
    Server { address, connections }
}

fn target(address: SocketAddr) -> Target {
    Target {
        addresses: vec![address],
        tls: None,
        form: AnswerForm::Chat,
        timeout: Duration::from_secs(20),
        is_cold: false,
    }
}

/// A closed loop of `users` until `requests` were made.
fn closed(target: Target, users: usize, requests: u64) -> RunResult {
    let plan = RunPlan {
        target,
        paces: vec![Pace::Closed {
            starts_ns: vec![0; users],
        }],
        warm_up: Duration::ZERO,
        duration: None,
        drain: Duration::from_secs(20),
    };
    let source: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(vec![Arc::from(REQUEST)]));
    let live = Arc::new(Live::new(1, users as u64, requests));
    run_plan(plan, &source, &live, RunClock::start()).unwrap()
}

fn records(result: &RunResult) -> Vec<RequestRecord> {
    result.recording.requests().copied().collect()
}

fn outcomes(result: &RunResult) -> Vec<Outcome> {
    records(result).iter().map(|record| record.outcome).collect()
}

fn send(out: &mut dyn Write, text: &str) -> bool {
    out.write_all(text.as_bytes()).is_ok()
}

/// Protects counts and connections: exactly so many requests, one connection for each user, every token of every answer,
/// stamps in order, gaps for all events but the first.
#[test]
fn a_closed_loop_keeps_its_connections() {
    let server = serve(|_, out| send(out, &stream(5)));
    let result = closed(target(server.address), 3, 50);
    let records = records(&result);
    assert_eq!(records.len(), 50);
    assert_eq!(server.connections.load(SeqCst), 3);
    assert_eq!(result.client.connections, 3);
    for record in &records {
        assert_eq!(record.outcome, Outcome::Ok);
        assert_eq!((record.events, record.tokens_out), (5, Some(5)));
        assert_eq!(result.recording.gaps_ns(record).count(), 4);
        let moments = [
            record.intended_ns,
            record.due_ns,
            record.sent_ns.unwrap(),
            record.first_byte_ns.unwrap(),
            record.first_event_ns.unwrap(),
            record.first_token_ns.unwrap(),
            record.last_token_ns.unwrap(),
            record.end_ns,
        ];
        assert!(moments.is_sorted(), "{record:?}");
    }
    assert_eq!(records.iter().filter(|record| !record.is_reused).count(), 3);
    // They stood before anybody asked.
    assert_eq!(records.iter().filter(|record| record.is_ahead).count(), 3);
    assert_eq!(result.gauge.gaps.len(), 200);
    // What the loop counted as it went holds what its records say.
    let law = crate::littles::LittlesLaw::of(&result.recording, result.in_flight_mean).unwrap();
    assert!(law.in_flight <= 3.0, "{law:?}");
    assert!(law.rate_times_latency <= law.in_flight * 1.0001, "{law:?}");
}

/// Protects quality under load: the answers of measurement that are whole are kept and belong to their requests, what does
/// not fit is counted, and a source that does not ask for them gets none.
#[test]
fn answers_are_kept_where_they_are_wanted() {
    let server = serve(|number, out| match number % 4 {
        1 => send(out, "HTTP/1.1 500 No\r\ncontent-length: 4\r\n\r\nno!!"),
        number => send(out, &stream(number + 1)),
    });
    let run = |bytes_max: u64| {
        let plan = RunPlan {
            target: target(server.address),
            paces: vec![Pace::Closed { starts_ns: vec![0] }],
            warm_up: Duration::ZERO,
            duration: None,
            drain: Duration::from_secs(20),
        };
        let requests: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(vec![Arc::from(REQUEST)]));
        let source: Arc<dyn RequestSource> = Arc::new(crate::KeepingAnswers { requests, bytes_max });
        let live = Arc::new(Live::new(1, 1, 12));
        run_plan(plan, &source, &live, RunClock::start()).unwrap()
    };
    let result = run(crate::ANSWERS_BYTES_MAX);
    let requests = &result.recording.workers[0].requests;
    assert_eq!(
        (result.answers[0].answers().len(), result.answers[0].left_out()),
        (9, 0)
    );
    for kept in result.answers[0].answers() {
        let body = std::str::from_utf8(&kept.body).unwrap();
        assert_eq!(requests[kept.request].outcome, Outcome::Ok);
        assert_eq!(
            body.matches("\"a\"").count() as u32,
            requests[kept.request].events
        );
        assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    }
    let tight = run(400);
    let (kept, left_out) = (
        tight.answers[0].answers().len() as u64,
        tight.answers[0].left_out(),
    );
    assert!(kept < 9 && kept + left_out == 9, "{kept} and {left_out}");
    assert!(run(0).answers[0].answers().is_empty());
}

/// Protects `cold`: every request makes a connection of its own, and says how long that took.
#[test]
fn cold_requests_connect() {
    let server = serve(|_, out| send(out, &stream(1)));
    let cold = Target {
        is_cold: true,
        ..target(server.address)
    };
    let result = closed(cold, 2, 10);
    assert_eq!(result.client.connections, 10);
    assert!(
        records(&result)
            .iter()
            .all(|record| !record.is_reused && !record.is_ahead && record.connect_ns.is_some())
    );
}

/// Protects failure classes at the socket: closed amid the answer, without one, refused, and ended by the server's wish.
#[test]
fn failures_at_the_socket() {
    let failed = |script: Script| {
        let result = closed(target(serve(script).address), 1, 1);
        (outcomes(&result), records(&result)[0].events)
    };
    let reset = Outcome::Failed(CallErrorKind::Reset);
    assert_eq!(
        failed(|_, out| {
            send(out, HEAD);
            send(out, &token());
            false
        }),
        (vec![reset], 1)
    );
    assert_eq!(failed(|_, _| false), (vec![reset], 0));
    assert_eq!(
        failed(|_, out| send(out, &[HEAD, &token(), "0\r\n\r\n"].concat())),
        (vec![Outcome::Failed(CallErrorKind::Truncated)], 1)
    );
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let result = closed(target(nobody), 1, 1);
    assert_eq!(outcomes(&result), [Outcome::Failed(CallErrorKind::Connect)]);
    assert_eq!(records(&result)[0].sent_ns, None);
}

/// Protects loops from servers that never end: a hung answer is a timeout, and a body that stays open behind its mark of
/// the end is an answer.
#[test]
fn hung_answers_end() {
    let hung = Target {
        timeout: Duration::from_millis(150),
        ..target(
            serve(|_, out| {
                send(out, HEAD);
                send(out, &token())
            })
            .address,
        )
    };
    let result = closed(hung, 1, 1);
    assert_eq!(outcomes(&result), [Outcome::Failed(CallErrorKind::Timeout)]);
    assert_eq!(records(&result)[0].events, 1);
    let open_end = serve(|_, out| send(out, &[HEAD, &token(), &chunk("data: [DONE]\n\n")].concat()));
    let result = closed(target(open_end.address), 1, 1);
    assert_eq!(outcomes(&result), [Outcome::Ok]);
}

/// Protects connections that a server ends after each answer, which is no failure.
#[test]
fn a_server_may_close() {
    let server = serve(|_, out| {
        send(
            out,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{\"choices\":[]}",
        );
        false
    });
    let result = closed(target(server.address), 2, 9);
    assert_eq!(outcomes(&result), vec![Outcome::Ok; 9]);
    assert_eq!(result.client.connections, 9);
    assert!(
        records(&result)
            .iter()
            .all(|record| !record.is_stream && record.first_token_ns.is_none())
    );
}

/// Protects people from waiting: where nothing works, a run ends early and says so.
#[test]
fn hopeless_runs_end() {
    let server = serve(|_, out| {
        send(
            out,
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 7\r\n\r\nbad key",
        )
    });
    let result = closed(target(server.address), 4, 100_000);
    assert_eq!(result.early_end, Some(EarlyEnd::Hopeless));
    let (kind, _, message) = result.failures.iter().next().unwrap();
    assert_eq!((kind, message), (CallErrorKind::Auth, "answered 401: bad key"));
}

/// Protects open loops: what was intended stays intended; a cap holds arrivals back and is booked; warm-up is apart.
#[test]
fn an_open_loop_keeps_its_schedule() {
    let server = serve(|_, out| send(out, &stream(2)));
    let arrivals: Vec<crate::Arrival> = (0..40)
        .map(|i| crate::Arrival {
            intended_ns: i * 5_000_000,
            number: i,
        })
        .collect();
    let plan = RunPlan {
        target: target(server.address),
        paces: vec![Pace::Open {
            arrivals: Box::new(arrivals.clone().into_iter()),
            in_flight_max: 64,
        }],
        warm_up: Duration::from_millis(50),
        duration: Some(Duration::from_millis(150)),
        drain: Duration::from_secs(20),
    };
    let source: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(vec![Arc::from(REQUEST)]));
    let live = Arc::new(Live::new(1, 64, u64::MAX));
    let result = run_plan(plan, &source, &live, RunClock::start()).unwrap();
    let mut records = records(&result);
    records.sort_by_key(|record| record.intended_ns);
    let intended: Vec<u64> = records.iter().map(|record| record.intended_ns).collect();
    let expected: Vec<u64> = arrivals.iter().map(|arrival| arrival.intended_ns).collect();
    assert_eq!(intended, expected);
    assert_eq!(
        records
            .iter()
            .filter(|record| record.phase == Phase::WarmUp)
            .count(),
        10
    );
    assert!(
        records
            .iter()
            .all(|record| record.sent_ns.unwrap() >= record.intended_ns && !record.is_capped)
    );
    assert_eq!(result.gauge.send_lag.len(), 30);
    assert_eq!(result.unsent, 0);
}

/// Protects against coordinated omission: with a cap of one, requests that were held back count from when they were
/// intended, and say that a cap did it.
#[test]
fn a_cap_counts_from_intended() {
    let server = serve(|number, out| {
        if number == 0 {
            // The server is slow with its first answer, and everything else waits behind it.
            thread::sleep(Duration::from_millis(200));
        }
        send(out, &stream(1))
    });
    let arrivals = (0..10).map(|i| crate::Arrival {
        intended_ns: i * 1_000_000,
        number: i,
    });
    let plan = RunPlan {
        target: target(server.address),
        paces: vec![Pace::Open {
            arrivals: Box::new(arrivals),
            in_flight_max: 1,
        }],
        warm_up: Duration::ZERO,
        duration: Some(Duration::from_millis(100)),
        drain: Duration::from_secs(20),
    };
    let source: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(vec![Arc::from(REQUEST)]));
    let live = Arc::new(Live::new(1, 1, u64::MAX));
    let result = run_plan(plan, &source, &live, RunClock::start()).unwrap();
    let records = records(&result);
    assert_eq!(records.len(), 10);
    let held: Vec<&RequestRecord> = records.iter().filter(|record| record.is_capped).collect();
    assert_eq!(held.len(), 9);
    for record in held {
        assert!(record.end_ns - record.intended_ns > 180_000_000, "{record:?}");
        assert!(record.due_ns > record.intended_ns);
    }
}

/// A certificate for 127.0.0.1 and the server's half of TLS.
fn certificate() -> (CertificateDer<'static>, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, Arc::new(config))
}

/// Trusts exactly these certificates.
fn trusting(certificates: &[CertificateDer<'static>]) -> TlsTarget {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsTarget {
        config: Arc::new(config),
        name: ServerName::try_from("127.0.0.1").unwrap(),
    }
}

/// Protects TLS: certificates are checked, its time is told apart from TCP's, and answers come out the same.
#[test]
fn tls_is_checked_and_timed() {
    let (certificate, config) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                let mut tcp: TcpStream = tcp.unwrap();
                let mut tls = rustls::ServerConnection::new(config).unwrap();
                let mut stream_of = rustls::Stream::new(&mut tls, &mut tcp);
                while read_request(&mut stream_of) && send(&mut stream_of, &stream(3)) {
                    stream_of.flush().unwrap();
                }
            });
        }
    });
    let with = |trusted: &[CertificateDer<'static>]| Target {
        tls: Some(trusting(trusted)),
        ..target(address)
    };
    let result = closed(with(&[certificate]), 2, 6);
    assert_eq!(outcomes(&result), vec![Outcome::Ok; 6]);
    assert_eq!(result.client.connections, 2);
    for record in records(&result) {
        assert_eq!(record.events, 3);
        assert_eq!(record.tls_ns.is_some(), !record.is_reused);
    }
    let (other, _) = self::certificate();
    let result = closed(with(&[other]), 1, 1);
    assert_eq!(outcomes(&result), [Outcome::Failed(CallErrorKind::Tls)]);
}
