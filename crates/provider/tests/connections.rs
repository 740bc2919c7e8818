//! Connections, limits and TLS, seen from the server.

#![expect(clippy::unwrap_used, reason = "what tests call is as free as tests are")]

mod common;

use common::*;
use seatrial_types::CallErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Protects servers and timings from a new connection per request, for every kind of complete answer.
#[tokio::test]
async fn connections_are_reused() {
    let server = Server::start(|number, _| {
        vec![Step::Send(match number % 4 {
            0 => document("a"),
            1 => stream(&[&delta("b"), STOP, DONE]),
            2 => stream(&[&delta("c"), STOP]),
            _ => reply(400, "", "no"),
        })]
    })
    .await;
    let chat = chat(endpoint(&server.url));
    for _ in 0..12 {
        chat.call(&ask("hi")).await;
    }
    assert_eq!((server.requests().len(), server.connections()), (12, 1));
}

/// Protects concurrency: as many connections as calls at once, then reused, last one first.
#[tokio::test]
async fn concurrent_calls() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let held = Arc::clone(&gate);
    let waiting = Arc::new(Notify::new());
    let told = Arc::clone(&waiting);
    let server = Server::start(move |number, request| {
        let text = request.body["messages"][0]["content"].as_str().unwrap();
        let mut steps = vec![Step::Send(stream(&[&delta(text), STOP, DONE]))];
        if number == 15 {
            told.notify_one();
        }
        if number < 16 {
            let ready = Arc::new(Notify::new());
            let (held, opened) = (Arc::clone(&held), Arc::clone(&ready));
            tokio::spawn(async move {
                held.acquire().await.unwrap().forget();
                opened.notify_one();
            });
            steps.insert(0, Step::Await(ready));
        }
        steps
    })
    .await;
    let chat = Arc::new(chat(endpoint(&server.url)));
    let calls: Vec<_> = (0..16)
        .map(|number| {
            let chat = Arc::clone(&chat);
            tokio::spawn(async move { chat.call(&ask(&format!("number {number}"))).await })
        })
        .collect();
    waiting.notified().await;
    gate.add_permits(16);
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(text(&call.await.unwrap()), format!("number {number}"));
    }
    assert_eq!(server.connections(), 16);
    chat.call(&ask("again")).await;
    chat.call(&ask("again")).await;
    assert_eq!(server.connections(), 16);
    let requests = server.requests();
    assert_eq!(requests[16].connection, requests[17].connection);
}

/// Protects the server from more calls at once than allowed; the wait for a slot is nobody's latency.
#[tokio::test]
async fn slots_are_kept() {
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, high) = (Arc::clone(&open), Arc::clone(&most));
    let server = Server::start(move |_, _| {
        high.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        vec![Step::Send(document("a"))]
    })
    .await;
    let mut endpoint = endpoint(&server.url);
    endpoint.limits.concurrency = 2;
    let chat = Arc::new(chat(endpoint));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (chat, open) = (Arc::clone(&chat), Arc::clone(&open));
            tokio::spawn(async move {
                let call = chat.call(&ask("hi")).await;
                open.fetch_sub(1, SeqCst);
                call
            })
        })
        .collect();
    for call in calls {
        assert_eq!(text(&call.await.unwrap()), "a");
    }
    assert!(server.connections() <= 2);
    assert_eq!(most.load(SeqCst), 2);
}

/// Protects against blaming the target for a connection that it closed while idle: replaced, no failed attempt.
#[tokio::test]
async fn stale_connections_are_replaced() {
    // The server closes right after the answer, seen before the next call.
    let server = Server::always(|| vec![Step::Send(document("a")), Step::Close]).await;
    let chat_closing = chat(endpoint(&server.url));
    for _ in 0..3 {
        let call = chat_closing.call(&ask("hi")).await;
        assert_eq!((text(&call), call.attempts.len()), ("a", 1));
        settle().await;
    }
    assert_eq!(server.connections(), 3);

    // The server resets on the second request of a connection, seen only after the request was sent.
    let server = Server::start(|number, request| match (number, request.connection) {
        (1, 0) => vec![Step::Reset],
        _ => vec![Step::Send(document("a"))],
    })
    .await;
    let chat_reset = chat(endpoint(&server.url));
    chat_reset.call(&ask("hi")).await;
    let call = chat_reset.call(&ask("hi")).await;
    assert_eq!(
        (text(&call), call.attempts.len(), kinds(&call).len()),
        ("a", 1, 0)
    );
    assert_eq!((server.connections(), server.requests().len()), (2, 3));
    check_order(&call.attempts[0].timing);
}

/// Protects against hiding real failures: a new connection that breaks, or a reused one that had begun to answer, is
/// a failed attempt.
#[tokio::test]
async fn only_silent_ends_are_replaced() {
    let server = Server::start(|number, _| match number {
        0 => vec![Step::Send(document("a"))],
        1 => vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Close],
        _ => vec![Step::Send(document("b"))],
    })
    .await;
    let chat = chat(endpoint(&server.url));
    chat.call(&ask("hi")).await;
    let call = chat.call(&ask("hi")).await;
    assert_eq!((text(&call), kinds(&call)), ("b", vec![CallErrorKind::Reset]));
}

/// Protects abandoned calls: the connection is closed, its neighbours go on.
#[tokio::test]
async fn abandoned_calls_close_their_connection() {
    let hung_up = Arc::new(Notify::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let arrived = Arc::new(Notify::new());
    let (told, gone) = (Arc::clone(&arrived), Arc::clone(&hung_up));
    tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
        told.notify_one();
        while stream.read(&mut bytes).await.unwrap_or(0) > 0 {}
        gone.notify_one();
    });
    let chat = chat(endpoint(&url));
    let request = ask("hi");
    tokio::select! {
        _ = chat.call(&request) => panic!("nobody answers"),
        () = arrived.notified() => {}
    }
    hung_up.notified().await;
}

/// Protects the limit of requests, and that its wait is neither latency nor own queueing.
#[tokio::test]
async fn the_request_limit() {
    let server = Server::always(|| vec![Step::Send(document("a"))]).await;
    let time = StillTime::hold();
    let mut endpoint = endpoint(&server.url);
    endpoint.limits.rpm = Some(60);
    let chat = Arc::new(chat(endpoint));
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let chat = Arc::clone(&chat);
            tokio::spawn(async move { chat.call(&ask("hi")).await })
        })
        .collect();
    for sent in 1..=3 {
        settle().await;
        assert_eq!(server.requests().len(), sent);
        // Tokio's timers are rounded up to the next millisecond.
        time.advance(Duration::from_millis(1001)).await;
    }
    let mut due_s = Vec::new();
    for call in calls {
        let call = call.await.unwrap();
        let timing = call.timing().unwrap();
        assert!(timing.queue_ns() < Some(3_000_000), "{timing:?}");
        assert_eq!(timing.latency_ns(), Some(0));
        due_s.push(timing.intended_ns / 1_000_000_000);
    }
    assert_eq!(due_s, [0, 1, 2]);
}

/// Protects the limit of tokens: what usage says is charged, not the estimate.
#[tokio::test]
async fn the_token_limit() {
    let server = Server::always(|| vec![Step::Send(document("a"))]).await;
    let _time = StillTime::hold();
    let mut endpoint = endpoint(&server.url);
    // An estimate is 512 tokens, 8.5 s of this; an answer uses 5.
    endpoint.limits.tpm = Some(3600);
    let chat = chat(endpoint);
    for _ in 0..10 {
        assert_eq!(text(&chat.call(&ask("hi")).await), "a");
    }
    assert_eq!(server.requests().len(), 10);
}

/// Serves https with a certificate made for 127.0.0.1; returns the URL and the certificate as PEM.
async fn serve_tls() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let received = Mutex::default();
                let script: Arc<Script> = Arc::new(|_, _| vec![Step::Send(stream_reply())]);
                while let Some(steps) = next_steps(&mut stream, 0, &received, &script).await {
                    for step in steps {
                        take(step, &mut stream).await;
                    }
                }
            });
        }
    });
    (url, pem)
}

fn stream_reply() -> Vec<u8> {
    stream(&[ROLE, &delta("over "), &delta("TLS"), STOP, DONE])
}

/// Protects keys from impostors: an unknown certificate is refused, once, with a hint; a named one is trusted.
#[tokio::test]
async fn certificates_are_checked() {
    let (url, pem) = serve_tls().await;
    let call = chat(endpoint(&url)).call(&ask("hi")).await;
    assert_eq!(kinds(&call), [CallErrorKind::Tls]);
    let message = call.result.unwrap_err().message;
    assert!(
        message.contains("hint: ") && message.contains("SSL_CERT_FILE"),
        "{message}"
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let mut trusting = endpoint(&url);
    trusting.extra_ca = Some(file.path().to_owned());
    let chat = chat(trusting);
    for _ in 0..2 {
        let call = chat.call(&ask("hi")).await;
        assert_eq!(text(&call), "over TLS");
        check_order(call.timing().unwrap());
    }
}

/// Protects people who mix up http and https.
#[tokio::test]
async fn mixed_up_schemes() {
    let server = Server::always(|| vec![Step::Send(document("a"))]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await
                .ok();
        }
    });
    drop(server);
    let (_, pem) = serve_tls().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let mut endpoint = endpoint(&format!("https://{plain}/v1"));
    endpoint.extra_ca = Some(file.path().to_owned());
    let call = chat(endpoint).call(&ask("hi")).await;
    assert_eq!(kind(&call), CallErrorKind::Tls);
    let message = call.result.unwrap_err().message;
    assert!(
        message.contains("is the endpoint http and not https"),
        "{message}"
    );
}
