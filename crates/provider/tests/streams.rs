//! Every shape in which an answer may arrive.

#![expect(clippy::unwrap_used, reason = "what tests call is as free as tests are")]

mod common;

use common::*;
use seatrial_types::{CallErrorKind, FinishReason, Usage};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

/// Protects the plain case, whole: request as sent, answer, moments.
#[tokio::test]
async fn a_plain_stream() {
    let server = Server::always(|| {
        let pieces = [ROLE, &delta("Hel"), &delta("lo"), STOP, USAGE, DONE];
        vec![Step::Send(stream(&pieces))]
    })
    .await;
    let mut endpoint = endpoint(&server.url);
    endpoint.params.insert("temperature".to_owned(), json!(0));
    let call = chat(endpoint).call(&ask("say \"hello\"\n")).await;

    let answer = call.result.as_ref().unwrap();
    assert_eq!(answer.text, "Hello");
    assert_eq!(answer.finish_reason, Some(FinishReason::Stop));
    assert_eq!(answer.served_model.as_deref(), Some("m-2026"));
    assert_eq!(answer.request_id.as_deref(), Some("c1"));
    assert!(answer.streamed);
    let usage = Usage {
        input_tokens: Some(3),
        output_tokens: Some(2),
        ..Usage::default()
    };
    assert_eq!(answer.usage, usage);

    assert_eq!(call.attempts.len(), 1);
    let attempt = &call.attempts[0];
    assert_eq!((attempt.status, &attempt.error), (Some(200), &None));
    check_order(&attempt.timing);
    assert_eq!(attempt.timing.token_events_ns.len(), 2);
    assert!(attempt.timing.send_ns.is_some() && attempt.timing.first_byte_ns.is_some());

    let request = &server.requests()[0];
    let expected = json!({
        "model": "m", "messages": [{"role": "user", "content": "say \"hello\"\n"}], "temperature": 0,
        "stream": true, "stream_options": {"include_usage": true},
    });
    assert_eq!(request.body, expected);
    let head = request.head.to_ascii_lowercase();
    assert!(head.starts_with("post /v1/chat/completions http/1.1\r\n"));
    let host = format!("\r\nhost: 127.0.0.1:{}\r\n", server.port);
    let agent = format!("\r\nuser-agent: seatrial/{}\r\n", seatrial_types::TOOL_VERSION);
    for header in [
        host.as_str(),
        &agent,
        "\r\ncontent-type: application/json\r\n",
        "\r\naccept: text/event-stream, application/json\r\n",
    ] {
        assert!(head.contains(header), "{header:?} in {head}");
    }
    assert!(!head.contains("authorization"));
}

/// Protects the parser from the network: one byte per write gives the same answer.
#[tokio::test]
async fn one_byte_at_a_time() {
    let call = call_once(|| {
        let pieces = [ROLE, &delta("H\u{e9}"), &delta("\u{1F600}"), STOP, USAGE, DONE];
        vec![Step::Trickle(stream(&pieces))]
    })
    .await;
    assert_eq!(text(&call), "H\u{e9}\u{1F600}");
    assert_eq!(call.attempts[0].timing.token_events_ns.len(), 2);
    assert_eq!(call.result.unwrap().usage.output_tokens, Some(2));
}

/// Protects stamps: an event has the time of the read that completed it, not of the end or of the first piece.
#[tokio::test]
async fn events_have_their_own_times() {
    let gates: [Arc<Notify>; 2] = Default::default();
    let (one, two) = (Arc::clone(&gates[0]), Arc::clone(&gates[1]));
    let server = Server::always(move || {
        let second = delta("b");
        let (head, tail) = second.split_at(20);
        vec![
            Step::Send([stream_head(), chunk(ROLE), chunk(&delta("a")), chunk(head)].concat()),
            Step::Await(Arc::clone(&one)),
            Step::Send([chunk(tail), chunk(&delta("c"))].concat()),
            Step::Await(Arc::clone(&two)),
            Step::Send([chunk(STOP), chunk(DONE), end()].concat()),
        ]
    })
    .await;
    let time = StillTime::hold();
    let chat = chat(endpoint(&server.url));
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    for gate in gates {
        time.advance(std::time::Duration::from_millis(10)).await;
        gate.notify_one();
    }
    let call = call.await.unwrap();
    assert_eq!(text(&call), "abc");
    let timing = &call.attempts[0].timing;
    let since_send = |ns: u64| (ns - timing.send_ns.unwrap()) / 1_000_000;
    let events: Vec<u64> = timing.token_events_ns.iter().map(|&ns| since_send(ns)).collect();
    assert_eq!(
        (events.as_slice(), since_send(timing.end_ns)),
        ([0, 10, 10].as_slice(), 20)
    );
    assert_eq!(timing.intended_ns, timing.send_ns.unwrap());
}

/// Protects against losing what follows a role event that comes long before the text.
#[tokio::test]
async fn an_early_role_event_is_no_token() {
    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let server = Server::always(move || {
        vec![
            Step::Send([stream_head(), chunk(ROLE)].concat()),
            Step::Await(Arc::clone(&held)),
            Step::Send([chunk(&delta("a")), chunk(STOP), end()].concat()),
        ]
    })
    .await;
    let time = StillTime::hold();
    let chat = chat(endpoint(&server.url));
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    time.advance(std::time::Duration::from_millis(50)).await;
    gate.notify_one();
    let call = call.await.unwrap();
    let timing = call.timing().unwrap();
    assert_eq!(timing.ttft_ns(), Some(50_000_000));
    assert_eq!(timing.first_byte_ns, timing.send_ns);
}

/// Protects comments, CRLF, several data lines, several events in a chunk and an event in several chunks.
#[tokio::test]
async fn the_grammar_of_events() {
    let call = call_once(|| {
        let first = ": ping\r\n\r\ndata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n";
        let joined = [delta("b"), delta("c")].concat();
        let cut = delta("d");
        let (head, tail) = cut.split_at(33);
        let pieces = [first, &joined, head, tail, ": ping\n\n", STOP, DONE];
        vec![Step::Send(stream(&pieces))]
    })
    .await;
    assert_eq!(text(&call), "abcd");
    assert_eq!(call.attempts[0].timing.token_events_ns.len(), 4);
}

/// Protects against a needless error where the answer is complete, and against accepting half an answer.
#[tokio::test]
async fn ends_of_streams() {
    let without_done = call_once(|| vec![Step::Send(stream(&[&delta("a"), STOP]))]).await;
    assert_eq!(text(&without_done), "a");
    let without_reason = call_once(|| vec![Step::Send(stream(&[&delta("a"), DONE]))]).await;
    assert_eq!(without_reason.result.unwrap().finish_reason, None);
    let with_neither = call_once(|| vec![Step::Send(stream(&[&delta("a")]))]).await;
    assert_eq!(kinds(&with_neither), [CallErrorKind::Truncated; 3]);
    assert_eq!(with_neither.attempts[0].timing.token_events_ns.len(), 1);
    let cut = || {
        vec![
            Step::Send([stream_head(), chunk(&delta("a"))].concat()),
            Step::Close,
        ]
    };
    assert_eq!(kind(&call_once(cut).await), CallErrorKind::Truncated);
    let cut_after_reason = || {
        vec![
            Step::Send([stream_head(), chunk(&delta("a")), chunk(STOP)].concat()),
            Step::Close,
        ]
    };
    assert_eq!(text(&call_once(cut_after_reason).await), "a");
    let until_close = || {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec();
        let body = [&delta("a"), STOP].concat().into_bytes();
        vec![Step::Send([head, body].concat()), Step::Close]
    };
    assert_eq!(text(&call_once(until_close).await), "a");
}

/// Protects an answer from a server that says `[DONE]` and never ends the body.
#[tokio::test]
async fn done_is_enough() {
    let server = Server::always(|| {
        vec![
            Step::Send([stream_head(), chunk(&delta("a")), chunk(STOP), chunk(DONE)].concat()),
            Step::Hang,
        ]
    })
    .await;
    let time = StillTime::hold();
    let chat = chat(endpoint(&server.url));
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    time.advance(std::time::Duration::from_secs(2)).await;
    let call = call.await.unwrap();
    assert_eq!(text(&call), "a");
    assert_eq!(call.timing().unwrap().latency_ns(), Some(0));
}

/// Protects reasoning, refusals, usage on every event, and no usage at all.
#[tokio::test]
async fn what_deltas_carry() {
    let reasoning = call_once(|| {
        let thought = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
        vec![Step::Send(stream(&[thought, thought, &delta("a"), STOP, DONE]))]
    })
    .await;
    assert_eq!(text(&reasoning), "a");
    assert_eq!(reasoning.attempts[0].timing.token_events_ns.len(), 3);
    assert_eq!(reasoning.result.unwrap().usage, Usage::default());

    let refusal = call_once(|| {
        let no = "data: {\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}\n\n";
        vec![Step::Send(stream(&[ROLE, no, STOP, DONE]))]
    })
    .await;
    assert_eq!(text(&refusal), "no");
    assert_eq!(refusal.result.unwrap().finish_reason, Some(FinishReason::Refusal));

    let every = call_once(|| {
        let event = |text: &str, tokens: u32| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}],\"usage\":{{\"prompt_tokens\":3,\"completion_tokens\":{tokens}}}}}\n\n"
            )
        };
        vec![Step::Send(stream(&[&event("a", 1), &event("b", 2), STOP, DONE]))]
    })
    .await;
    assert_eq!(every.result.unwrap().usage.output_tokens, Some(2));
}

/// Protects answers that come in one piece although a stream was asked for: no error, no retry, no token time.
#[tokio::test]
async fn one_piece_answers() {
    let call = call_once(|| vec![Step::Send(document("Hi"))]).await;
    let answer = call.result.as_ref().unwrap();
    assert_eq!((answer.text.as_str(), answer.streamed), ("Hi", false));
    assert_eq!(answer.usage.input_tokens, Some(3));
    assert_eq!(call.attempts.len(), 1);
    assert_eq!(call.attempts[0].timing.first_token_ns, None);
    assert!(call.attempts[0].timing.first_byte_ns.is_some());

    let large = "x".repeat(300_000);
    let expected = large.clone();
    let call = call_once(move || vec![Step::Send(document(&large))]).await;
    assert_eq!(text(&call), expected);

    let server = Server::always(|| {
        let headers = "content-type: application/json\r\nx-request-id: req-7\r\n";
        vec![Step::Send(reply(200, headers, &document_json("Hi")))]
    })
    .await;
    let mut endpoint = endpoint(&server.url);
    endpoint.stream = false;
    let call = chat(endpoint).call(&ask("hi")).await;
    assert_eq!(call.result.unwrap().request_id.as_deref(), Some("req-7"));
    let body = &server.requests()[0].body;
    assert!(body.get("stream").is_none() && body.get("stream_options").is_none());
}

/// Protects readers from compression that nobody asked for, and from pages of HTML.
#[tokio::test]
async fn bodies_that_are_no_answer() {
    let zipped = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
    let call = call_once(move || vec![Step::Send(reply(200, zipped, "\u{1f}"))]).await;
    assert_eq!(kind(&call), CallErrorKind::InvalidAnswer);
    let call = call_once(|| vec![Step::Send(reply(200, "content-type: text/html\r\n", "<html>hi"))]).await;
    let error = call.result.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::InvalidAnswer);
    assert!(error.message.contains("<html>hi"), "{}", error.message);
}

/// Protects servers that know no `stream_options`, or no streams: asked once, then remembered, never a failed attempt.
#[tokio::test]
async fn falls_back_where_streaming_is_refused() {
    let server = Server::start(|_, request| {
        let (status, body) = if request.body.get("stream_options").is_some() {
            (
                400,
                r#"{"error":{"message":"Unrecognized request argument: stream_options"}}"#,
            )
        } else if request.body.get("stream").is_some() {
            (
                400,
                r#"{"error":{"message":"this model does not stream","param":"stream"}}"#,
            )
        } else {
            return vec![Step::Send(document("ok"))];
        };
        vec![Step::Send(reply(
            status,
            "content-type: application/json\r\n",
            body,
        ))]
    })
    .await;
    let chat = chat(endpoint(&server.url));
    let first = chat.call(&ask("hi")).await;
    assert_eq!(
        (text(&first), first.attempts.len(), kinds(&first).len()),
        ("ok", 1, 0)
    );
    assert_eq!(server.requests().len(), 3);
    let second = chat.call(&ask("hi")).await;
    assert_eq!(text(&second), "ok");
    assert_eq!(server.requests().len(), 4);
}

/// Protects streaming from a refusal that merely mentions it: nothing is remembered unless it helped.
#[tokio::test]
async fn other_refusals_are_not_remembered() {
    let server = Server::start(|number, request| {
        if number < 3 {
            let echo = format!("bad prompt in {}", request.body);
            vec![Step::Send(reply(400, "", &echo))]
        } else {
            vec![Step::Send(stream(&[&delta("a"), STOP]))]
        }
    })
    .await;
    let chat = chat(endpoint(&server.url));
    let refused = chat.call(&ask("hi")).await;
    assert_eq!(kinds(&refused), [CallErrorKind::BadRequest]);
    assert!(text(&chat.call(&ask("hi")).await) == "a");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.body["stream_options"]["include_usage"], json!(true));
}
