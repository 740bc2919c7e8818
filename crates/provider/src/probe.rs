//! Looks whether an endpoint can be reached, step by step: name, TCP, TLS, an answer. Apart from calling, which only
//! wants the whole of it; here each step is told apart, so that a person learns which one is in the way.

use crate::Clock;
use crate::address::Address;
use crate::dial::{Dialer, read_certificates};
use crate::retry_after::answered_at_s;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, DATE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use seatrial_types::{Secret, TOOL_VERSION};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest time for one step.
const STEP_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer that are looked at.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What to look for.
#[derive(Debug, Clone)]
pub struct ProbeRequest<'a> {
    /// Address of the API.
    pub url: &'a str,
    /// Path below it that is asked for with GET, such as `/models`; `None` asks nothing.
    pub path: Option<&'a str>,
    /// Headers of the request.
    pub headers: Vec<(String, Secret)>,
    /// PEM file with certificates to trust beside the system's.
    pub extra_ca: Option<&'a Path>,
}

/// A step that worked, or why it did not, in words with a hint.
pub type Step<T> = Result<T, String>;

/// How far it went; a step that was not reached is `None`.
#[derive(Debug, Default)]
pub struct Probe {
    /// Whether TLS is spoken.
    pub https: bool,
    /// Addresses of the host.
    pub name: Option<Step<Vec<String>>>,
    /// Time to connect.
    pub tcp: Option<Step<Duration>>,
    /// Time to connect with TLS, where it is spoken.
    pub tls: Option<Step<Duration>>,
    /// Answer to the request.
    pub answer: Option<Step<ProbeAnswer>>,
}

/// What a server said.
#[derive(Debug)]
pub struct ProbeAnswer {
    /// HTTP status.
    pub status: u16,
    /// The beginning of its body.
    pub body: Vec<u8>,
    /// How far this machine's wall clock is ahead of the server's, seconds, exact to about one; `None` where the server
    /// does not tell the time.
    pub ahead_s: Option<i64>,
    /// From request to answer.
    pub took: Duration,
}

/// Looks at an endpoint. Nothing that costs money is asked: the request is a GET.
///
/// # Errors
/// An address that cannot be used, in words.
pub async fn probe(request: ProbeRequest<'_>, clock: Clock) -> Result<Probe, String> {
    let address = Address::parse(request.url, request.path.unwrap_or_default())?;
    let mut probe = Probe {
        https: address.https,
        ..Probe::default()
    };
    let name = within("the name was not resolved", resolve(&address)).await;
    let first = name
        .as_ref()
        .ok()
        .and_then(|addresses| addresses.first().copied());
    probe.name = Some(name.map(|addresses| addresses.iter().map(|one| one.ip().to_string()).collect()));
    let Some(first) = first else { return Ok(probe) };
    let begun = Instant::now();
    let tcp = within("no connection", async {
        tokio::net::TcpStream::connect(first).await.map_err(|error| {
            format!(
                "{first}: {error}; hint: is the server running, is the port right, is a firewall in between"
            )
        })
    });
    let tcp = tcp.await.map(|_stream| begun.elapsed());
    let reached = tcp.is_ok();
    probe.tcp = Some(tcp);
    if !reached {
        return Ok(probe);
    }
    let extra = match request.extra_ca {
        None => Vec::new(),
        Some(path) => read_certificates(path)?,
    };
    let dialer = Dialer::try_new(&address, extra, clock)?;
    let begun = Instant::now();
    let mut link = match dialer.dial().await {
        Ok(link) => link,
        Err(error) => {
            let hint = error
                .hint
                .map(|hint| format!("; hint: {hint}"))
                .unwrap_or_default();
            probe.tls = Some(Err(format!("{}{hint}", error.problem)));
            return Ok(probe);
        }
    };
    probe.tls = address.https.then(|| Ok(begun.elapsed()));
    if request.path.is_some() {
        let answer = within("no answer", ask(&mut link, &address, &request.headers)).await;
        probe.answer = Some(answer);
    }
    Ok(probe)
}

/// How many certificates of the system are trusted, and what went wrong with reading them.
#[must_use]
pub fn trusted_certificates() -> (usize, Option<String>) {
    let native = rustls_native_certs::load_native_certs();
    (native.certs.len(), native.errors.first().map(ToString::to_string))
}

async fn within<T>(what: &str, step: impl Future<Output = Step<T>>) -> Step<T> {
    match tokio::time::timeout(STEP_MAX, step).await {
        Ok(result) => result,
        Err(_elapsed) => Err(format!(
            "{what} within {} s; hint: is the host reachable from here",
            STEP_MAX.as_secs()
        )),
    }
}

async fn resolve(address: &Address) -> Step<Vec<std::net::SocketAddr>> {
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let found: Vec<_> = found
        .map_err(|error| {
            format!(
                "the name `{}` could not be resolved: {error}; hint: check the host",
                address.host
            )
        })?
        .collect();
    if found.is_empty() {
        return Err(format!("the name `{}` has no address", address.host));
    }
    Ok(found)
}

async fn ask(
    link: &mut crate::link::Link,
    address: &Address,
    headers: &[(String, Secret)],
) -> Step<ProbeAnswer> {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = Method::GET;
    *request.uri_mut() = address.target.clone();
    let map = request.headers_mut();
    map.insert(HOST, address.host_header.clone());
    map.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(agent) = HeaderValue::from_str(&format!("seatrial/{TOOL_VERSION}")) {
        map.insert(USER_AGENT, agent);
    }
    for (name, value) in headers {
        let parsed = (name.parse::<HeaderName>(), HeaderValue::from_str(value.reveal()));
        let (Ok(name), Ok(mut value)) = parsed else {
            return Err(format!(
                "the header `{name}` cannot be sent; hint: does its value hold a line break"
            ));
        };
        value.set_sensitive(true);
        map.insert(name, value);
    }
    let begun = Instant::now();
    let response = match link.ask(request).await {
        Ok(Some(response)) => response,
        Ok(None) => return Err("the connection was closed without an answer".to_owned()),
        Err(error) => {
            return Err(format!(
                "the answer cannot be read: {error}; hint: is it an http server"
            ));
        }
    };
    let (head, mut body) = response.into_parts();
    let ahead_s = head.headers.contains_key(DATE).then(|| {
        let server_s = i64::try_from(answered_at_s(&head.headers)).unwrap_or(i64::MAX);
        unix_s().saturating_sub(server_s)
    });
    let mut text = Vec::new();
    while let Some(Ok(piece)) = link.next_piece(&mut body).await {
        let room = BODY_BYTES_MAX - text.len();
        text.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
        if text.len() >= BODY_BYTES_MAX {
            break;
        }
    }
    Ok(ProbeAnswer {
        status: head.status.as_u16(),
        body: text,
        ahead_s,
        took: begun.elapsed(),
    })
}

fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
