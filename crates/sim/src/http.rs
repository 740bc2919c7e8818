//! HTTP/1.1 over a socket that we hold ourselves: requests in, bytes out. Apart from what is said over it. Faults need
//! the socket (resets, half a chunk, single bytes), which is why no HTTP framework is used.

use crate::dialect::Dialect;
use crate::wire::put;
use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, sleep_until};

/// Largest head of a request, and largest line between chunks.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most header lines.
const HEADERS_MAX: usize = 64;
/// Room made for each read.
const READ_BYTES: usize = 16 << 10;
/// Bytes of further requests that are taken in while an answer waits; beyond, TCP makes the client wait.
const PIPELINED_BYTES_MAX: usize = 64 << 10;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// A model is asked, in this API.
    Ask(Dialect),
    Embeddings,
    Models,
    Stats,
    Log {
        after: u64,
    },
    Latency {
        after: u64,
        model: Option<String>,
    },
    /// A known path with another method.
    WrongMethod,
    Unknown {
        path: String,
    },
}

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) route: Route,
    /// HTTP/1.0: no chunks, and the connection closes after the answer.
    pub(crate) is_old: bool,
    pub(crate) keeps_alive: bool,
    /// The API key, as a bearer token or as Anthropic's header has it.
    pub(crate) key: Option<String>,
    /// Whether `anthropic-version` is there.
    pub(crate) names_version: bool,
    length: Length,
    expects_continue: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

/// A whole request.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) head: Head,
    body: Body,
    /// Bytes of the inbox that it takes up.
    used: usize,
}

#[derive(Debug)]
enum Body {
    /// Where it lies in the inbox.
    Inbox(Range<usize>),
    /// Put together from chunks.
    Own(Vec<u8>),
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The connection is closed or broken; nothing can be said any more.
    Gone,
    /// It must be answered with this status and message, and the connection closed.
    Refused { status: u16, message: String },
}

impl Unreadable {
    fn malformed(message: impl Into<String>) -> Self {
        Self::Refused {
            status: 400,
            message: message.into(),
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// How an answer's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By its length.
    Length(usize),
    /// In chunks.
    Chunks,
    /// By closing the connection, for HTTP/1.0.
    Close,
}

/// A connection with what was read and not used yet, and what is to be written next.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// Bytes for the next [`Connection::flush`].
    pub(crate) outbox: Vec<u8>,
    /// Writes of this many bytes with this pause between them, instead of one.
    pub(crate) pace: Option<(usize, Duration)>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            inbox: Vec::new(),
            outbox: Vec::new(),
            pace: None,
        }
    }

    /// Reads the next request to its last byte.
    pub(crate) async fn read(&mut self, body_bytes_max: usize) -> Result<Incoming, Unreadable> {
        let (head, head_len) = loop {
            if let Some(parsed) = parse_head(&self.inbox)? {
                break parsed;
            }
            if self.inbox.len() >= HEAD_BYTES_MAX {
                let message = format!("the head of the request is longer than {HEAD_BYTES_MAX} bytes");
                return Err(Unreadable::Refused { status: 431, message });
            }
            self.fill(READ_BYTES).await?;
        };
        let too_large = || {
            let message = format!("the body of the request is longer than {body_bytes_max} bytes");
            Unreadable::Refused { status: 413, message }
        };
        if head.expects_continue {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        match head.length {
            Length::Known(length) if length > body_bytes_max => Err(too_large()),
            Length::Known(length) => {
                let end = head_len.saturating_add(length);
                while self.inbox.len() < end {
                    self.fill((end - self.inbox.len()).max(READ_BYTES)).await?;
                }
                Ok(Incoming {
                    head,
                    body: Body::Inbox(head_len..end),
                    used: end,
                })
            }
            Length::Chunked => {
                let (body, used) = self
                    .read_chunks(head_len, body_bytes_max)
                    .await?
                    .ok_or_else(too_large)?;
                Ok(Incoming {
                    head,
                    body: Body::Own(body),
                    used,
                })
            }
        }
    }

    /// A chunked body that starts at `at`, with the place after it; `None` where it is too large.
    async fn read_chunks(
        &mut self,
        mut at: usize,
        max: usize,
    ) -> Result<Option<(Vec<u8>, usize)>, Unreadable> {
        let mut body = Vec::new();
        loop {
            let (line_end, line) = self.line_at(at).await?;
            let size = match httparse::parse_chunk_size(&line) {
                Ok(httparse::Status::Complete((_, size))) => usize::try_from(size).unwrap_or(usize::MAX),
                _ => return Err(Unreadable::malformed("found a chunk without a size in the body")),
            };
            if size == 0 {
                at = line_end;
                break;
            }
            if size > max.saturating_sub(body.len()) {
                return Ok(None);
            }
            let end = line_end + size;
            while self.inbox.len() < end + 2 {
                self.fill(READ_BYTES).await?;
            }
            body.extend_from_slice(self.inbox.get(line_end..end).unwrap_or_default());
            if self.inbox.get(end..end + 2) != Some(b"\r\n") {
                return Err(Unreadable::malformed(
                    "found a chunk that is longer than its size",
                ));
            }
            at = end + 2;
        }
        // Trailers, up to an empty line.
        for _ in 0..HEADERS_MAX {
            let (line_end, line) = self.line_at(at).await?;
            at = line_end;
            if line.len() <= 2 {
                return Ok(Some((body, at)));
            }
        }
        Err(Unreadable::malformed("found too many trailers after the body"))
    }

    /// The line that starts at `at` with its end, and the place after it.
    async fn line_at(&mut self, at: usize) -> Result<(usize, Vec<u8>), Unreadable> {
        loop {
            let rest = self.inbox.get(at..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line = rest.get(..=length).unwrap_or_default().to_vec();
                return Ok((at + length + 1, line));
            }
            if rest.len() > HEAD_BYTES_MAX {
                return Err(Unreadable::malformed("found an endless line in the body"));
            }
            self.fill(READ_BYTES).await?;
        }
    }

    async fn fill(&mut self, room: usize) -> Result<(), Unreadable> {
        self.inbox.reserve(room);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(Unreadable::Gone),
            _ => Ok(()),
        }
    }

    /// The body of a request that was just read.
    pub(crate) fn body<'a>(&'a self, incoming: &'a Incoming) -> &'a [u8] {
        match &incoming.body {
            Body::Inbox(range) => self.inbox.get(range.clone()).unwrap_or_default(),
            Body::Own(body) => body,
        }
    }

    /// Forgets a request; what a client sent behind it stays.
    pub(crate) fn consume(&mut self, incoming: &Incoming) {
        self.inbox.drain(..incoming.used.min(self.inbox.len()));
    }

    /// Puts status line and headers into the outbox; `extra` are whole header lines with their ends.
    pub(crate) fn put_head(
        &mut self,
        status: u16,
        kind: &str,
        framing: Framing,
        keeps_alive: bool,
        extra: &str,
    ) {
        let out = &mut self.outbox;
        let reason = reason(status);
        put(
            out,
            format_args!("HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\n{extra}"),
        );
        match framing {
            Framing::Length(length) => put(out, format_args!("content-length: {length}\r\n")),
            Framing::Chunks => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Close => {}
        }
        if !keeps_alive || framing == Framing::Close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Puts a part of a body into the outbox; in chunks, each part is one, as servers that flush every event send it.
    pub(crate) fn put_part(&mut self, part: &[u8], framing: Framing) {
        self.put_parts([part, b"", b""], framing);
    }

    /// The same for a part that is in three pieces.
    pub(crate) fn put_parts(&mut self, pieces: [&[u8]; 3], framing: Framing) {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        // An empty chunk would be the end of the body.
        if length == 0 {
            return;
        }
        if framing == Framing::Chunks {
            put(&mut self.outbox, format_args!("{length:x}\r\n"));
        }
        for piece in pieces {
            self.outbox.extend_from_slice(piece);
        }
        if framing == Framing::Chunks {
            self.outbox.extend_from_slice(b"\r\n");
        }
    }

    /// Puts the end of a body into the outbox.
    pub(crate) fn put_end(&mut self, framing: Framing) {
        if framing == Framing::Chunks {
            self.outbox.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Writes the outbox, at once or at its pace. Returns when the kernel has taken the last byte.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self.pace {
            None => self.stream.write_all(&self.outbox).await?,
            Some((bytes, pause)) => {
                for (index, piece) in self.outbox.chunks(bytes.max(1)).enumerate() {
                    if index > 0 {
                        sleep(pause).await;
                    }
                    self.stream.write_all(piece).await?;
                }
            }
        }
        self.outbox.clear();
        Ok(())
    }

    /// Waits until a time, or fails as soon as the client closes: a client that gave up must not hold a slot.
    pub(crate) async fn wait_until(&mut self, due: Instant) -> io::Result<()> {
        self.while_open(sleep_until(due.into())).await
    }

    /// Waits for something, or fails as soon as the client closes. Bytes of a next request are kept.
    pub(crate) async fn while_open<T>(&mut self, wait: impl Future<Output = T>) -> io::Result<T> {
        let mut wait = std::pin::pin!(wait);
        while self.inbox.len() < PIPELINED_BYTES_MAX {
            self.inbox.reserve(READ_BYTES);
            tokio::select! {
                biased;
                done = &mut wait => return Ok(done),
                read = self.stream.read_buf(&mut self.inbox) => if read? == 0 {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                },
            }
        }
        Ok(wait.await)
    }

    /// Closes so that the client sees a reset instead of an end.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// The head at the start of these bytes and its length; `None` while it is not complete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Unreadable> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_len = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            let message = format!("the request has more than {HEADERS_MAX} headers");
            return Err(Unreadable::Refused { status: 431, message });
        }
        Err(error) => return Err(Unreadable::malformed(format!("found no HTTP request: {error}"))),
    };
    let is_old = request.version == Some(0);
    let mut head = Head {
        route: route(
            request.method.unwrap_or_default(),
            request.path.unwrap_or_default(),
        ),
        is_old,
        keeps_alive: !is_old,
        key: None,
        names_version: false,
        length: Length::Known(0),
        expects_continue: false,
    };
    for header in request.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = value.parse().map_err(|_| {
                Unreadable::malformed(format!(
                    "found content-length `{value}`, expected a number of bytes"
                ))
            })?;
            // Both lengths together are how requests are smuggled; chunked wins, as RFC 9112 §6.3 says.
            if head.length != Length::Chunked {
                head.length = Length::Known(length);
            }
        } else if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                let message = format!("found transfer-encoding `{value}`, expected chunked");
                return Err(Unreadable::Refused { status: 501, message });
            }
            head.length = Length::Chunked;
        } else if is("connection") {
            head.keeps_alive &= !value.to_ascii_lowercase().contains("close");
        } else if is("authorization") {
            head.key = value.strip_prefix("Bearer ").map(|key| key.trim().to_owned());
        } else if is("x-api-key") {
            head.key = Some(value.to_owned());
        } else if is("anthropic-version") {
            head.names_version = true;
        } else if is("expect") {
            head.expects_continue = !is_old && value.eq_ignore_ascii_case("100-continue");
        }
    }
    Ok(Some((head, head_len)))
}

/// Method and path as a route. Queries matter only to the log.
fn route(method: &str, target: &str) -> Route {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let of_query = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1)
    };
    let after = || of_query("after").and_then(|text| text.parse().ok()).unwrap_or(0);
    let (expected, route) = match path {
        "/v1/embeddings" => ("POST", Route::Embeddings),
        "/v1/models" => ("GET", Route::Models),
        "/sim/stats" => ("GET", Route::Stats),
        "/sim/log" => ("GET", Route::Log { after: after() }),
        "/sim/latency" => (
            "GET",
            Route::Latency {
                after: after(),
                model: of_query("model").map(str::to_owned),
            },
        ),
        _ => match Dialect::of_path(path) {
            Some(dialect) => ("POST", Route::Ask(dialect)),
            None => {
                return Route::Unknown {
                    path: path.to_owned(),
                };
            }
        },
    };
    if method == expected {
        route
    } else {
        Route::WrongMethod
    }
}

/// The words of the statuses that are used here.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        parse_head(text.as_bytes()).unwrap().unwrap().0
    }

    /// Protects the reading of heads: what keeps a connection, what frames a body, what carries the key.
    #[test]
    fn heads_are_read() {
        let post = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nauthorization: Bearer k \r\n\r\n";
        let expected = Head {
            route: Route::Ask(Dialect::Chat),
            is_old: false,
            keeps_alive: true,
            key: Some("k".into()),
            names_version: false,
            length: Length::Known(12),
            expects_continue: false,
        };
        assert_eq!(head(post), expected);
        assert!(parse_head(&post.as_bytes()[..post.len() - 1]).unwrap().is_none());
        let chunked = head(
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 5\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\nConnection: Close\r\n\r\n",
        );
        assert_eq!(
            (chunked.length, chunked.expects_continue, chunked.keeps_alive),
            (Length::Chunked, true, false)
        );
        let messages =
            head("POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n\r\n");
        assert_eq!(
            (messages.route, messages.key.as_deref(), messages.names_version),
            (Route::Ask(Dialect::Messages), Some("k"), true)
        );
        let old = head("GET /v1/models HTTP/1.0\r\n\r\n");
        assert_eq!(
            (old.route, old.is_old, old.keeps_alive),
            (Route::Models, true, false)
        );
        assert_eq!(
            head("GET /sim/log?after=7&x HTTP/1.1\r\n\r\n").route,
            Route::Log { after: 7 }
        );
        let latency = Route::Latency {
            after: 0,
            model: Some("m".into()),
        };
        assert_eq!(head("GET /sim/latency?model=m HTTP/1.1\r\n\r\n").route, latency);
        assert_eq!(
            head("GET /v1/chat/completions HTTP/1.1\r\n\r\n").route,
            Route::WrongMethod
        );
        assert_eq!(
            head("GET /v2 HTTP/1.1\r\n\r\n").route,
            Route::Unknown { path: "/v2".into() }
        );
        for (text, expected) in [
            ("NONSENSE\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 501),
            (&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65)), 431),
        ] {
            match parse_head(text.as_bytes()) {
                Err(Unreadable::Refused { status, .. }) => assert_eq!(status, expected, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
