//! A scripted server on loopback and short ways to make endpoints: what the tests of this crate call.
//!
//! Written by hand and byte by byte, so that a mistake of the client is not answered by the same mistake here.

#![expect(dead_code, reason = "each test binary uses a part of it")]

use seatrial_provider::{Api, Clock, Endpoint, Limits, Remote, RetryPolicy};
use seatrial_types::{Call, CallErrorKind, Message, ModelRequest, Role, Timing};
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does after it has read a request.
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Each byte in a write of its own.
    Trickle(Vec<u8>),
    Tell(Arc<Notify>),
    Await(Arc<Notify>),
    Hang,
    Close,
    Reset,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// 0-based number of the connection.
    pub(crate) connection: usize,
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) type Script = dyn Fn(usize, &Received) -> Vec<Step> + Send + Sync;

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// `script` gets the 0-based number of the request and the request.
    pub(crate) async fn start(
        script: impl Fn(usize, &Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            url: format!("http://127.0.0.1:{port}/v1"),
            port,
            received: Arc::default(),
            connections: Arc::default(),
        };
        let (received, connections) = (Arc::clone(&server.received), Arc::clone(&server.connections));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let number = connections.fetch_add(1, SeqCst);
                tokio::spawn(serve_tcp(
                    stream,
                    number,
                    Arc::clone(&received),
                    Arc::clone(&script),
                ));
            }
        });
        server
    }

    /// The same steps for every request.
    pub(crate) async fn always(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::start(move |_, _| steps()).await
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

async fn serve_tcp(
    stream: TcpStream,
    number: usize,
    received: Arc<Mutex<Vec<Received>>>,
    script: Arc<Script>,
) {
    let mut stream = stream;
    while let Some(steps) = next_steps(&mut stream, number, &received, &script).await {
        for step in steps {
            if let Step::Reset = step {
                stream.set_zero_linger().unwrap();
                return;
            }
            if !take(step, &mut stream).await {
                return;
            }
        }
    }
}

/// Reads one request; `None` when the client has hung up.
pub(crate) async fn next_steps(
    stream: &mut (impl AsyncRead + Unpin),
    connection: usize,
    received: &Mutex<Vec<Received>>,
    script: &Arc<Script>,
) -> Option<Vec<Step>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0_usize);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let request = Received {
        connection,
        head,
        body: serde_json::from_slice(&bytes[head_end..]).unwrap_or(Value::Null),
    };
    let number = {
        let mut received = received.lock().unwrap();
        received.push(request.clone());
        received.len() - 1
    };
    Some(script(number, &request))
}

/// Takes a step; `false` when the connection is to be closed.
pub(crate) async fn take(step: Step, stream: &mut (impl AsyncWrite + Unpin)) -> bool {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
        Step::Trickle(bytes) => {
            for byte in bytes {
                if stream.write_all(&[byte]).await.is_err() {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            true
        }
        Step::Tell(notify) => {
            notify.notify_one();
            true
        }
        Step::Await(notify) => {
            notify.notified().await;
            true
        }
        Step::Hang => std::future::pending().await,
        Step::Close | Step::Reset => {
            stream.shutdown().await.ok();
            false
        }
    }
}

/// An answer with a length.
pub(crate) fn reply(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// A one-piece answer that says `text`.
pub(crate) fn document(text: &str) -> Vec<u8> {
    reply(200, "content-type: application/json\r\n", &document_json(text))
}

pub(crate) fn document_json(text: &str) -> String {
    let text = Value::from(text);
    format!(
        r#"{{"id":"c1","object":"chat.completion","model":"m-2026","choices":[{{"index":0,"message":
        {{"role":"assistant","content":{text}}},"finish_reason":"stop"}}],
        "usage":{{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}}}"#
    )
}

/// Head of a chunked event stream.
pub(crate) fn stream_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

pub(crate) fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

pub(crate) fn end() -> Vec<u8> {
    b"0\r\n\r\n".to_vec()
}

/// A whole chunked event stream, one chunk per piece.
pub(crate) fn stream(pieces: &[&str]) -> Vec<u8> {
    let mut bytes = stream_head();
    for piece in pieces {
        bytes.extend(chunk(piece));
    }
    bytes.extend(end());
    bytes
}

pub(crate) fn delta(text: &str) -> String {
    let text = Value::from(text);
    format!(
        "data: {{\"id\":\"c1\",\"model\":\"m-2026\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{text}}}}}]}}\n\n"
    )
}

pub(crate) const ROLE: &str = "data: {\"id\":\"c1\",\"model\":\"m-2026\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub(crate) const STOP: &str =
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const USAGE: &str =
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// An endpoint that retries at once.
pub(crate) fn endpoint(url: &str) -> Endpoint {
    Endpoint {
        name: "t".to_owned(),
        api: Api::Chat,
        headers: Vec::new(),
        base_url: url.to_owned(),
        model: "m".to_owned(),
        key: None,
        params: Map::new(),
        limits: Limits::default(),
        retry: RetryPolicy {
            attempts_max: 3,
            backoff_first: Duration::ZERO,
            backoff_max: Duration::ZERO,
            retry_after_max: Duration::from_millis(5),
        },
        stream: true,
        extra_ca: None,
        pressure: Arc::default(),
    }
}

pub(crate) fn chat(endpoint: Endpoint) -> Remote {
    Remote::try_new(endpoint, Clock::start(), 0).unwrap()
}

pub(crate) fn ask(text: &str) -> ModelRequest {
    ModelRequest {
        messages: vec![Message::new(Role::User, text)],
        ..ModelRequest::default()
    }
}

/// Calls a server that always takes these steps.
pub(crate) async fn call_once(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Call {
    let server = Server::always(steps).await;
    let call = chat(endpoint(&server.url)).call(&ask("hi")).await;
    for attempt in &call.attempts {
        check_order(&attempt.timing);
    }
    call
}

pub(crate) fn text(call: &Call) -> &str {
    &call.result.as_ref().unwrap().text
}

pub(crate) fn kind(call: &Call) -> CallErrorKind {
    call.result.as_ref().unwrap_err().kind
}

/// Kinds of the failed attempts.
pub(crate) fn kinds(call: &Call) -> Vec<CallErrorKind> {
    call.attempts
        .iter()
        .filter_map(|attempt| Some(attempt.error.as_ref()?.kind))
        .collect()
}

/// The order of moments that `Timing` promises.
pub(crate) fn check_order(timing: &Timing) {
    let mut moments = vec![timing.intended_ns];
    moments.extend(timing.send_ns);
    moments.extend(timing.first_byte_ns);
    moments.extend(timing.first_token_ns);
    moments.extend(&timing.token_events_ns);
    moments.push(timing.end_ns);
    assert!(moments.is_sorted(), "{timing:?}");
    assert_eq!(timing.first_token_ns, timing.token_events_ns.first().copied());
}

/// Time that stands still until the test moves it, while sockets go on working.
///
/// Tokio moves paused time by itself when nothing is left to do, and to wait for a socket is nothing to do; a blocking
/// task that runs keeps it from that.
pub(crate) struct StillTime {
    _release: std::sync::mpsc::SyncSender<()>,
}

impl StillTime {
    pub(crate) fn hold() -> Self {
        let (release, released) = std::sync::mpsc::sync_channel(0);
        tokio::task::spawn_blocking(move || released.recv());
        tokio::time::pause();
        Self { _release: release }
    }

    pub(crate) async fn advance(&self, duration: Duration) {
        settle().await;
        tokio::time::advance(duration).await;
    }
}

/// Lets everything that can go on go on: each yield also looks at the sockets, and loopback delivers at once.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
