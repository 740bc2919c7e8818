//! A client that sees bytes: plain sockets, no HTTP library. Apart so that the tests compare what was really sent.

use seatrial_sim::{Persona, SimConfig, SimHandle};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// How the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It did not: the answer was complete before.
    Open,
    /// FIN.
    Closed,
    /// RST.
    Reset,
}

/// One answer as it came.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Lower-case header lines.
    pub(crate) headers: Vec<String>,
    /// Raw body, chunk sizes included.
    pub(crate) raw: Vec<u8>,
    /// Body without framing, as far as it came.
    pub(crate) body: String,
    pub(crate) ending: Ending,
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    inbox: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(sim: &SimHandle) -> Self {
        Self {
            stream: TcpStream::connect(sim.addr()).unwrap(),
            inbox: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, extra: &str, body: &str) {
        let length = body.len();
        let text =
            format!("{method} {path} HTTP/1.1\r\nhost: sim\r\n{extra}content-length: {length}\r\n\r\n{body}");
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, "", "");
        let reply = self.receive();
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()
    }

    pub(crate) fn chat(&mut self, body: &Value) -> Reply {
        self.send("POST", "/v1/chat/completions", "", &body.to_string());
        self.receive()
    }

    /// Reads one answer, or what came of it.
    pub(crate) fn receive(&mut self) -> Reply {
        let mut ending = Ending::Open;
        loop {
            if let Some((reply, used)) = parse(&self.inbox, ending) {
                self.inbox.drain(..used);
                return reply;
            }
            assert_eq!(
                ending,
                Ending::Open,
                "unreadable: {}",
                String::from_utf8_lossy(&self.inbox)
            );
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => ending = Ending::Closed,
                Ok(n) => self.inbox.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => ending = Ending::Reset,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// An answer at the start of these bytes, when it is complete or nothing more will come.
fn parse(bytes: &[u8], ending: Ending) -> Option<(Reply, usize)> {
    let over = ending != Ending::Open;
    let Some(head_end) = find(bytes, b"\r\n\r\n") else {
        let nothing = Reply {
            status: 0,
            headers: vec![],
            raw: bytes.to_vec(),
            body: String::new(),
            ending,
        };
        return over.then_some((nothing, bytes.len()));
    };
    let head = std::str::from_utf8(&bytes[..head_end]).unwrap();
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<String> = lines.map(str::to_lowercase).collect();
    let raw = &bytes[head_end + 4..];
    let value = |name: &str| {
        headers
            .iter()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    };
    let (body, used) = if value("transfer-encoding") == Some("chunked") {
        let mut body = Vec::new();
        let mut at = 0;
        let mut end = None;
        while let Some(line) = find(&raw[at..], b"\r\n") {
            let size = usize::from_str_radix(std::str::from_utf8(&raw[at..at + line]).unwrap(), 16).unwrap();
            let start = at + line + 2;
            body.extend_from_slice(&raw[start.min(raw.len())..(start + size).min(raw.len())]);
            at = start + size + 2;
            if at > raw.len() {
                break;
            }
            if size == 0 {
                end = Some(at);
                break;
            }
        }
        (body, end)
    } else {
        let length = value("content-length").map_or(usize::MAX, |text| text.parse().unwrap());
        (
            raw[..length.min(raw.len())].to_vec(),
            (raw.len() >= length).then_some(length),
        )
    };
    let used = used.or(over.then_some(raw.len()))?;
    let raw = raw[..used].to_vec();
    let reply = Reply {
        status,
        headers,
        raw,
        body: String::from_utf8(body).unwrap(),
        ending,
    };
    Some((reply, head_end + 4 + used))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Reply {
    pub(crate) fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|line| line == header)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The `data:` of every whole event.
    pub(crate) fn data(&self) -> Vec<&str> {
        let mut events: Vec<&str> = self.body.split("\n\n").collect();
        // What follows the last empty line is not a whole event.
        events.pop();
        events
            .into_iter()
            .filter_map(|event| event.strip_prefix("data: "))
            .collect()
    }

    /// The same as JSON, without `[DONE]`.
    pub(crate) fn events(&self) -> Vec<Value> {
        let json = self.data().into_iter().filter(|data| *data != "[DONE]");
        json.map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}")))
            .collect()
    }

    /// The texts of all events put together.
    pub(crate) fn text(&self) -> String {
        let text = |event: &Value| {
            event["choices"][0]["delta"]["content"]
                .as_str()
                .map(str::to_owned)
        };
        self.events().iter().filter_map(text).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.data().last() == Some(&"[DONE]")
    }
}

pub(crate) fn spawn(persona: Persona) -> SimHandle {
    SimHandle::spawn(SimConfig::of_personas(vec![persona])).unwrap()
}

/// A streamed request with usage for this prompt.
pub(crate) fn ask(model: &str, prompt: &str) -> Value {
    json!({"model": model, "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": prompt}]})
}

/// The same in one piece.
pub(crate) fn ask_whole(model: &str, prompt: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": prompt}]})
}
