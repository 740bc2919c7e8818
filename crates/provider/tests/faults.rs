//! Every way in which a call may fail, and what is tried again.

#![expect(clippy::unwrap_used, reason = "what tests call is as free as tests are")]

mod common;

use common::*;
use seatrial_provider::{Clock, Endpoint, EndpointError, Remote};
use seatrial_types::{CallErrorKind, Secret};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const KEY: &str = "sk-canary-5up3r53cr3t";

/// Calls a server that refuses as often as said, then answers.
async fn after_refusals(count: usize, refusal: &'static [u8]) -> seatrial_types::Call {
    let server = Server::start(move |number, _| {
        if number < count {
            vec![Step::Send(refusal.to_vec())]
        } else {
            vec![Step::Send(document("ok"))]
        }
    })
    .await;
    chat(endpoint(&server.url)).call(&ask("hi")).await
}

/// Protects 429 and 5xx: tried again, each attempt in the record, the server's wish with it.
#[tokio::test]
async fn tries_again() {
    let limited = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\ncontent-length: 4\r\n\r\nslow";
    let call = after_refusals(2, limited).await;
    assert_eq!(text(&call), "ok");
    assert_eq!(kinds(&call), [CallErrorKind::RateLimited; 2]);
    let first = &call.attempts[0];
    assert_eq!((first.status, first.retry_after_ms), (Some(429), Some(2000)));
    assert_eq!(call.attempts[2].status, Some(200));
    for pair in call.attempts.windows(2) {
        // The wish of 2 s is cut to the 5 ms of the test's policy.
        let waited_ns = pair[1].timing.intended_ns - pair[0].timing.end_ns;
        assert!(waited_ns >= 5_000_000, "{waited_ns}");
        check_order(&pair[1].timing);
    }

    let call = after_refusals(1, b"HTTP/1.1 429 X\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((text(&call), call.attempts[0].retry_after_ms), ("ok", None));
    let call = after_refusals(
        2,
        b"HTTP/1.1 503 X\r\nretry-after-ms: 1\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    assert_eq!((text(&call), call.attempts[0].retry_after_ms), ("ok", Some(1)));
    assert_eq!(kinds(&call), [CallErrorKind::Server; 2]);
}

/// Protects the bound of attempts, and that the last error is the call's.
#[tokio::test]
async fn gives_up() {
    let call = after_refusals(9, b"HTTP/1.1 500 X\r\ncontent-length: 4\r\n\r\noops").await;
    assert_eq!(kinds(&call), [CallErrorKind::Server; 3]);
    let error = call.result.unwrap_err();
    assert_eq!(error.status, Some(500));
    assert!(
        error.message.ends_with("/v1/chat/completions answered 500: oops"),
        "{}",
        error.message
    );
}

/// Protects users from waiting for what cannot get better.
#[tokio::test]
async fn does_not_try_again() {
    for (status, kind_expected, hint) in [
        (400, CallErrorKind::BadRequest, ""),
        (401, CallErrorKind::Auth, "check the key in api_key_env"),
        (403, CallErrorKind::Auth, "check the key in api_key_env"),
        (404, CallErrorKind::BadRequest, "base_url"),
        (307, CallErrorKind::BadRequest, "redirects are not followed"),
    ] {
        let call = call_once(move || vec![Step::Send(reply(status, "location: /elsewhere\r\n", "no"))]).await;
        assert_eq!((call.attempts.len(), kind(&call)), (1, kind_expected), "{status}");
        let message = call.result.unwrap_err().message;
        assert!(message.contains(hint), "{message}");
    }
}

/// Protects the wait between attempts: random up to the bound, counted as neither latency nor own queueing.
#[tokio::test]
async fn waits_between_attempts() {
    let server = Server::start(|number, _| {
        let refusal = reply(500, "", "");
        vec![Step::Send(if number == 0 { refusal } else { document("ok") })]
    })
    .await;
    let time = StillTime::hold();
    let mut endpoint = endpoint(&server.url);
    endpoint.retry.backoff_first = Duration::from_secs(10);
    endpoint.retry.backoff_max = Duration::from_secs(10);
    let chat = chat(endpoint);
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    time.advance(Duration::from_secs(11)).await;
    let call = call.await.unwrap();
    assert_eq!(text(&call), "ok");
    let [first, second] = call.attempts.as_slice() else {
        panic!("{call:?}");
    };
    let waited_ns = second.timing.intended_ns - first.timing.end_ns;
    assert!((1..10_000_000_000).contains(&waited_ns), "{waited_ns}");
    // The clock jumped over the due moment, so this client was late, and says so.
    assert_eq!(second.timing.queue_ns(), Some(11_000_000_000 - waited_ns));
    assert_eq!(second.timing.latency_ns(), Some(0));
}

/// Protects the classes of broken connections.
#[tokio::test]
async fn broken_connections() {
    let at_once = call_once(|| vec![Step::Reset]).await;
    assert_eq!(kinds(&at_once), [CallErrorKind::Reset; 3]);
    let closed = call_once(|| vec![Step::Close]).await;
    assert_eq!(kinds(&closed), [CallErrorKind::Reset; 3]);
    let mid_head = call_once(|| vec![Step::Send(b"HTTP/1.1 200 OK\r\nconte".to_vec()), Step::Close]).await;
    assert_eq!(kind(&mid_head), CallErrorKind::Reset);
    let mid_document = call_once(|| {
        let whole = document("hello");
        vec![Step::Send(whole[..whole.len() - 9].to_vec()), Step::Close]
    })
    .await;
    assert_eq!(kind(&mid_document), CallErrorKind::Reset);
    assert_eq!(mid_document.attempts[0].status, Some(200));

    let gate = Arc::new(Notify::new());
    let held = Arc::clone(&gate);
    let server = Server::always(move || {
        vec![
            Step::Send([stream_head(), chunk(&delta("a"))].concat()),
            Step::Await(Arc::clone(&held)),
            Step::Reset,
        ]
    })
    .await;
    let mut endpoint = endpoint(&server.url);
    endpoint.retry.attempts_max = 1;
    let chat = chat(endpoint);
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    // The first event must be read before the reset, which throws away what is unread.
    settle().await;
    gate.notify_one();
    let call = call.await.unwrap();
    assert_eq!(kind(&call), CallErrorKind::Reset);
    assert_eq!(call.attempts[0].timing.token_events_ns.len(), 1);
}

/// Protects the class of an endpoint that is not there.
#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let call = chat(endpoint(&url)).call(&ask("hi")).await;
    assert_eq!(kinds(&call), [CallErrorKind::Connect; 3]);
    assert_eq!(call.attempts[0].timing.send_ns, None);
    let error = call.result.unwrap_err();
    assert!(
        error.message.contains("is the server running"),
        "{}",
        error.message
    );
}

/// Protects the time limit: before the answer, in its middle, and the moments until then are kept.
#[tokio::test]
async fn stalls() {
    let server = Server::start(|number, _| match number {
        0 => vec![Step::Hang],
        1 => vec![
            Step::Send([stream_head(), chunk(ROLE), chunk(&delta("a"))].concat()),
            Step::Hang,
        ],
        _ => vec![Step::Send(stream(&[&delta("b"), STOP]))],
    })
    .await;
    let time = StillTime::hold();
    let chat = chat(endpoint(&server.url));
    let call = tokio::spawn(async move { chat.call(&ask("hi")).await });
    // Tokio's timers are rounded up to the next millisecond.
    let limit = Duration::from_millis(60_001);
    time.advance(limit).await;
    time.advance(limit).await;
    let call = call.await.unwrap();
    assert_eq!(text(&call), "b");
    assert_eq!(kinds(&call), [CallErrorKind::Timeout; 2]);
    let [first, second, _] = call.attempts.as_slice() else {
        panic!("{call:?}");
    };
    assert_eq!((first.status, first.timing.first_byte_ns), (None, None));
    assert_eq!(first.timing.latency_ns(), Some(60_001_000_000));
    assert_eq!(
        (second.status, second.timing.token_events_ns.len()),
        (Some(200), 1)
    );
    let message = &second.error.as_ref().unwrap().message;
    assert!(
        message.contains("within 60s: 1 events with text had come"),
        "{message}"
    );
    assert_eq!(server.connections(), 3);
}

/// Protects the classes of wrong answers.
#[tokio::test]
async fn wrong_answers() {
    let broken_json = call_once(|| vec![Step::Send(stream(&["data: {\"choices\":\n\n", STOP]))]).await;
    assert_eq!(kinds(&broken_json), [CallErrorKind::InvalidAnswer; 3]);
    let broken_document = call_once(|| {
        vec![Step::Send(reply(
            200,
            "content-type: application/json\r\n",
            "{\"choi",
        ))]
    })
    .await;
    assert_eq!(kinds(&broken_document), [CallErrorKind::InvalidAnswer; 3]);
    let no_http = call_once(|| vec![Step::Send(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())]).await;
    assert_eq!(kind(&no_http), CallErrorKind::InvalidAnswer);
    let error_event = call_once(|| {
        let error = "data: {\"error\":{\"message\":\"engine died\",\"code\":500}}\n\n";
        vec![Step::Send(stream(&[&delta("a"), error]))]
    })
    .await;
    assert_eq!(kinds(&error_event), [CallErrorKind::Server; 3]);
    let error = error_event.result.unwrap_err();
    assert_eq!(error.status, Some(200));
    assert!(
        error.message.ends_with("reported an error: engine died"),
        "{}",
        error.message
    );
}

/// Protects memory: bodies and heads have bounds, and a large error is cut.
#[tokio::test]
async fn too_much() {
    let announced = call_once(|| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n";
        vec![Step::Send(head.as_bytes().to_vec()), Step::Hang]
    })
    .await;
    assert_eq!(kinds(&announced), [CallErrorKind::TooLarge]);
    let endless = call_once(|| {
        let piece = ": x".repeat(1 << 20);
        let mut steps = vec![Step::Send(stream_head())];
        steps.extend((0..12).map(|_| Step::Send(chunk(&piece))));
        steps
    })
    .await;
    assert_eq!(kinds(&endless), [CallErrorKind::TooLarge]);
    let head = call_once(|| {
        let filler = "x".repeat(100_000);
        vec![Step::Send(
            format!("HTTP/1.1 200 OK\r\nx: {filler}\r\n\r\n").into_bytes(),
        )]
    })
    .await;
    assert_eq!(kinds(&head), [CallErrorKind::TooLarge]);
    let error = call_once(|| vec![Step::Send(reply(400, "", &"z".repeat(1 << 20)))]).await;
    let error = error.result.unwrap_err();
    assert_eq!((error.kind, error.status), (CallErrorKind::BadRequest, Some(400)));
    assert!(error.message.chars().count() < 400);
}

/// Protects the key: sent, and in no error and no `Debug`, even where the server repeats every header it got.
#[tokio::test]
async fn the_key_is_never_repeated() {
    let with_key = |url: &str| Endpoint {
        key: Some(Secret::new(KEY)),
        ..endpoint(url)
    };
    type Echo = fn(&str) -> Vec<u8>;
    let echoes: [Echo; 6] = [
        |head| reply(401, "content-type: text/plain\r\n", head),
        |head| reply(500, "", &json!({"error": {"message": head}}).to_string()),
        |head| {
            reply(
                200,
                "content-type: application/json\r\n",
                &json!({"error": head}).to_string(),
            )
        },
        |head| reply(200, "content-type: text/html\r\n", &format!("<{head}")),
        |head| stream(&[&format!("data: {}\n\n", json!({"error": {"message": head}}))]),
        |head| {
            stream(&[&format!(
                "data: {{\"choices\": \"{}\"}}\n\n",
                head.replace("\r\n", " ")
            )])
        },
    ];
    for (index, echo) in echoes.into_iter().enumerate() {
        let server = Server::start(move |_, request| vec![Step::Send(echo(&request.head))]).await;
        let endpoint = with_key(&server.url);
        assert!(!format!("{endpoint:?}").contains(KEY));
        let chat = chat(endpoint);
        let call = chat.call(&ask("hi")).await;
        let shown = format!("{call:?} {chat:?} {}", call.result.as_ref().unwrap_err());
        assert!(
            !shown.contains(KEY) && !shown.contains("5up3r53cr3t"),
            "echo {index}: {shown}"
        );
        if index < 2 {
            assert!(
                shown.contains("Bearer [redacted]") || shown.contains("bearer [redacted]"),
                "{shown}"
            );
        }
        assert!(server.requests()[0].head.contains(&format!("Bearer {KEY}")));
    }
}

/// Protects people from endpoints that could never work: said before the first call.
#[tokio::test]
async fn endpoints_are_checked() {
    let refuse = |change: fn(&mut Endpoint)| {
        let mut endpoint = endpoint("http://127.0.0.1:1/v1");
        change(&mut endpoint);
        Remote::try_new(endpoint, Clock::start(), 0).unwrap_err()
    };
    let error = refuse(|endpoint| endpoint.base_url = "127.0.0.1:1".to_owned());
    assert!(matches!(error, EndpointError::BaseUrl { .. }), "{error}");
    let error = refuse(|endpoint| endpoint.key = Some(Secret::new("sk-canary\n")));
    assert!(matches!(error, EndpointError::Key { .. }) && !error.to_string().contains("canary"));
    let error = refuse(|endpoint| drop(endpoint.params.insert("stream".to_owned(), json!(false))));
    assert!(matches!(error, EndpointError::ReservedParam { .. }), "{error}");
    let error = refuse(|endpoint| endpoint.limits.rpm = Some(0));
    assert_eq!(error.to_string(), "rpm of target `t` is 0, expected at least 1");
    let error = refuse(|endpoint| endpoint.limits.timeout = Duration::MAX);
    assert!(matches!(error, EndpointError::Limit { .. }), "{error}");
    let error = refuse(|endpoint| endpoint.extra_ca = Some("/nowhere.pem".into()));
    assert!(matches!(error, EndpointError::Certificates { .. }), "{error}");
}

/// Protects requests from parameters that would silently break reading: refused without a call.
#[tokio::test]
async fn reserved_params_of_a_request() {
    let mut request = ask("hi");
    request.params.insert("model".to_owned(), json!("x"));
    let call = chat(endpoint("http://127.0.0.1:1/v1")).call(&request).await;
    assert_eq!((kind(&call), call.attempts.len()), (CallErrorKind::Prompt, 0));
}
