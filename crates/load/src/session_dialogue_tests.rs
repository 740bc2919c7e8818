//! Conversations against a server on loopback that keeps what it was sent. Apart from other runs because what is looked
//! at is what was asked, and when.

use super::*;
use crate::dialogue::{Dialogues, Frame, Turn};
use crate::events::AnswerForm;
use crate::pace::Arrival;
use crate::record::{Outcome, RequestRecord};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

/// Bodies in the order in which they came.
type Bodies = Arc<Mutex<Vec<String>>>;

/// What a server does with a body: the text of its answer, or a failure.
type Script = fn(body: &str) -> Option<String>;

fn serve(script: Script) -> (SocketAddr, Bodies) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let bodies = Bodies::default();
    let kept = Arc::clone(&bodies);
    thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, kept) = (tcp.unwrap(), Arc::clone(&kept));
            thread::spawn(move || {
                while let Some(body) = read_request(&mut tcp) {
                    let answer = answer(script(&body));
                    kept.lock().unwrap().push(body);
                    if tcp.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, bodies)
}

fn read_request(tcp: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    tcp.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

fn answer(text: Option<String>) -> String {
    let Some(text) = text else {
        return "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_owned();
    };
    let body =
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\ndata: [DONE]\n\n");
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Conversations that ask `a`, `b`, `c`, with a millisecond and then two of thought.
fn dialogues(turns: usize) -> Dialogues {
    let frame = Arc::new(Frame::for_tests());
    let questions = ["a", "b", "c"].into_iter().zip(0..);
    let script = questions
        .map(|(text, i)| Turn::new(&frame, text, 1_000_000 * i))
        .take(turns);
    Dialogues::new(vec![script.collect()])
}

fn converse(address: SocketAddr, dialogues: Dialogues, pace: Pace, requests: u64) -> RunResult {
    let plan = RunPlan {
        target: Target {
            addresses: vec![address],
            tls: None,
            form: AnswerForm::Chat,
            timeout: Duration::from_secs(20),
            is_cold: false,
        },
        paces: vec![pace],
        warm_up: Duration::ZERO,
        duration: None,
        drain: Duration::from_secs(20),
    };
    let source: Arc<dyn RequestSource> = Arc::new(dialogues);
    let live = Arc::new(Live::new(1, 4, requests));
    run_plan(plan, &source, &live, RunClock::start()).unwrap()
}

fn users(count: usize) -> Pace {
    Pace::Closed {
        starts_ns: vec![0; count],
    }
}

fn arrivals(count: u64, in_flight_max: usize) -> Pace {
    let arrivals = (0..count).map(|number| Arrival {
        intended_ns: number * 100_000,
        number,
    });
    Pace::Open {
        arrivals: Box::new(arrivals),
        in_flight_max,
    }
}

/// The turns of each conversation in order.
fn conversations(result: &RunResult) -> Vec<Vec<RequestRecord>> {
    let mut all: std::collections::BTreeMap<u32, Vec<RequestRecord>> = std::collections::BTreeMap::new();
    for record in result.recording.requests() {
        all.entry(record.conversation).or_default().push(*record);
    }
    for turns in all.values_mut() {
        turns.sort_by_key(|record| record.turn);
    }
    all.into_values().collect()
}

/// Every later turn is intended the time of thought after the answer before it, to the nanosecond.
fn assert_thought(turns: &[RequestRecord]) {
    for (before, after) in turns.iter().zip(turns.iter().skip(1)) {
        assert_eq!(after.turn, before.turn + 1);
        assert_eq!(
            after.intended_ns,
            before.end_ns + 1_000_000 * u64::from(after.turn),
            "{after:?}"
        );
        assert!(after.sent_ns.unwrap() >= after.due_ns && after.due_ns >= after.intended_ns);
    }
}

/// Protects conversations of a closed loop: exactly so many requests, each user one conversation at a time over one
/// connection, the next turn after thought and with the real answers in front of it.
#[test]
fn users_hold_conversations() {
    let (address, bodies) = serve(|body| Some(format!("n{}", body.len())));
    let result = converse(address, dialogues(3), users(2), 18);
    let held = conversations(&result);
    assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 18);
    held.iter().for_each(|turns| assert_thought(turns));
    assert_eq!(result.client.connections, 2);
    let counts = result.conversations.unwrap();
    assert_eq!(counts.begun, held.len() as u64);
    assert_eq!(
        counts.whole,
        held.iter().filter(|turns| turns.len() == 3).count() as u64
    );
    assert_eq!(counts.whole + counts.unfinished(), counts.begun);
    // The history of a turn says what was asked and answered: the length of each body before it.
    let asked: std::collections::BTreeSet<String> = bodies.lock().unwrap().iter().cloned().collect();
    let expected = ["[a]", "[a|n3|b]", "[a|n3|b|n8|c]"].map(str::to_owned);
    assert_eq!(asked, expected.into());
}

/// Protects conversations of an open loop: they begin when drawn, whatever the answers do, and later turns are intended
/// from the answers on; a cap holds both back, and is booked.
#[test]
fn conversations_arrive() {
    let (address, _) = serve(|_| Some("x".to_owned()));
    for in_flight_max in [64, 1] {
        let result = converse(address, dialogues(3), arrivals(20, in_flight_max), u64::MAX);
        let held = conversations(&result);
        assert_eq!(held.len(), 20);
        for (turns, number) in held.iter().zip(0_u64..) {
            assert_eq!((turns.len(), turns[0].intended_ns), (3, number * 100_000));
            assert_thought(turns);
        }
        let counts = result.conversations.unwrap();
        assert_eq!((counts.begun, counts.whole, result.unsent), (20, 20, 0));
        let mut records: Vec<RequestRecord> = held.into_iter().flatten().collect();
        if in_flight_max == 1 {
            // Never two at once, though many were intended.
            records.sort_by_key(|record| record.sent_ns);
            for (before, after) in records.iter().zip(records.iter().skip(1)) {
                assert!(after.sent_ns.unwrap() >= before.end_ns);
            }
            assert!(records.iter().any(|record| record.is_capped));
        }
    }
}

/// Protects against talking on after a failure: the conversation is over and counted, and its user begins another.
#[test]
fn a_failed_turn_ends_it() {
    let (address, bodies) = serve(|body| (!body.contains("|b")).then(|| "x".to_owned()));
    let result = converse(address, dialogues(3), users(1), 6);
    let counts = result.conversations.unwrap();
    assert_eq!((counts.begun, counts.whole, counts.broken), (3, 0, 3));
    assert_eq!(*bodies.lock().unwrap(), ["[a]", "[a|x|b]"].repeat(3));
    let outcomes: Vec<bool> = result
        .recording
        .requests()
        .map(|record| record.outcome == Outcome::Ok)
        .collect();
    assert_eq!(outcomes, [true, false].repeat(3));
}

/// Protects made-up answers and answers without a token: those stand in for what came, these have failed and are the end.
#[test]
fn what_goes_into_the_history() {
    let (address, bodies) = serve(|_| Some(String::new()));
    let result = converse(address, dialogues(2), users(1), 3);
    assert_eq!(result.conversations.unwrap().broken, 3);
    assert_eq!(*bodies.lock().unwrap(), ["[a]"].repeat(3));
    let (address, bodies) = serve(|_| Some("x".to_owned()));
    let frame = Arc::new(Frame::for_tests());
    let turn = |text| Turn::new(&frame, text, 0).with_made_answer("m");
    let made = Dialogues::new(vec![vec![turn("a"), turn("b")]]);
    let result = converse(address, made, users(1), 4);
    assert_eq!(result.conversations.unwrap().whole, 2);
    assert_eq!(*bodies.lock().unwrap(), ["[a]", "[a|m|b]"].repeat(2));
}
