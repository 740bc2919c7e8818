//! Fetches files over HTTP: one at a time, bounded, through redirects, into memory or a file. Apart from calls to models,
//! because nothing here is timed or recorded; the connections are the same.

use crate::address::Address;
use crate::clock::Clock;
use crate::dial::{Dialer, read_certificates};
use crate::link::Link;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, LOCATION, USER_AGENT};
use rustls::pki_types::CertificateDer;
use seatrial_types::{Secret, TOOL_VERSION};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Duration;

/// Redirects that are followed.
pub(crate) const REDIRECTS_MAX: usize = 5;
/// Times that one fetch is tried where a failure may pass.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// Wait before the second attempt; the third waits four times as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Characters of a server's own words that an error repeats.
const SHOWN_CHARS_MAX: usize = 300;

/// Why a file could not be fetched.
#[derive(Debug)]
pub(crate) struct FetchError {
    pub(crate) kind: FetchErrorKind,
    /// Reads after the address and a colon.
    pub(crate) problem: String,
    pub(crate) hint: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchErrorKind {
    /// No connection, or it broke, or nothing came in time.
    Network,
    /// The server answered with this status.
    Status(u16),
    /// More bytes than were allowed.
    TooLarge,
    /// The answer makes no sense.
    Invalid,
    /// The local file.
    Disk,
}

impl FetchError {
    fn new(kind: FetchErrorKind, problem: impl Into<String>) -> Self {
        Self {
            kind,
            problem: problem.into(),
            hint: None,
        }
    }

    /// Whether the server cannot be reached or is not well, so that what is here already may do.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self.kind,
            FetchErrorKind::Network | FetchErrorKind::Status(429 | 500..=599)
        )
    }
}

/// Where the bytes go.
pub(crate) enum Sink<'a> {
    Memory(&'a mut Vec<u8>),
    File(&'a mut File),
}

impl Sink<'_> {
    fn reset(&mut self) -> std::io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.clear(),
            Self::File(file) => {
                file.set_len(0)?;
                file.rewind()?;
            }
        }
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Memory(bytes) => bytes.extend_from_slice(piece),
            Self::File(file) => file.write_all(piece)?,
        }
        Ok(())
    }
}

/// Fetches from one server and from where it redirects to.
pub(crate) struct Fetcher {
    /// Scheme, host and port that see the token.
    trusted: (bool, String, u16),
    token: Option<Secret>,
    extra: Vec<CertificateDer<'static>>,
    /// Longest silence.
    patience: Duration,
    clock: Clock,
}

impl Fetcher {
    /// The error reads after the address.
    pub(crate) fn try_new(
        endpoint: &str,
        token: Option<Secret>,
        extra_ca: Option<&Path>,
        patience: Duration,
    ) -> Result<Self, String> {
        let address = Address::parse(endpoint, "")?;
        let extra = match extra_ca {
            Some(path) => read_certificates(path)
                .map_err(|problem| format!("needs certificates of {}: {problem}", path.display()))?,
            None => Vec::new(),
        };
        Ok(Self {
            trusted: (address.https, address.host, address.port),
            token,
            extra,
            patience,
            clock: Clock::start(),
        })
    }

    /// Fetches `url` into `sink`, at most `bytes_max` bytes; tries again what may pass.
    pub(crate) async fn get(&self, url: &str, bytes_max: u64, mut sink: Sink<'_>) -> Result<(), FetchError> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            sink.reset()
                .map_err(|error| FetchError::new(FetchErrorKind::Disk, error.to_string()))?;
            match self.follow(url, bytes_max, &mut sink).await {
                Err(error) if error.is_passing() && attempt < ATTEMPTS_MAX => {
                    tokio::time::sleep(wait).await;
                    wait *= 4;
                }
                result => return result,
            }
        }
        Ok(())
    }

    async fn follow(&self, url: &str, bytes_max: u64, sink: &mut Sink<'_>) -> Result<(), FetchError> {
        let invalid = |problem: String| FetchError::new(FetchErrorKind::Invalid, problem);
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let address =
                Address::parse(&url, "").map_err(|problem| invalid(format!("the address {problem}")))?;
            if self.trusted.0 && !address.https {
                return Err(invalid(format!(
                    "redirected to {}, which is not encrypted",
                    address.shown
                )));
            }
            match self.once(&address, bytes_max, sink).await? {
                None => return Ok(()),
                Some(location) => {
                    url = absolute(&address, &location)
                        .ok_or_else(|| invalid("redirected to what is no address".to_owned()))?;
                }
            }
        }
        Err(invalid(format!("more than {REDIRECTS_MAX} redirects")))
    }

    /// One request; the address to go on with, where there is one.
    async fn once(
        &self,
        address: &Address,
        bytes_max: u64,
        sink: &mut Sink<'_>,
    ) -> Result<Option<String>, FetchError> {
        let dialer = Dialer::try_new(address, self.extra.clone(), self.clock)
            .map_err(|problem| FetchError::new(FetchErrorKind::Invalid, problem))?;
        let mut link = dialer.dial().await.map_err(|error| FetchError {
            kind: FetchErrorKind::Network,
            problem: error.problem,
            hint: error.hint,
        })?;
        let request = self.request(address)?;
        let answer = self.patiently(link.ask(request)).await?;
        let answer = answer
            .map_err(|error| FetchError::new(FetchErrorKind::Network, error.to_string()))?
            .ok_or_else(|| {
                FetchError::new(FetchErrorKind::Network, "the server hung up without an answer")
            })?;
        let (head, mut body) = answer.into_parts();
        let status = head.status;
        if status.is_redirection() {
            let location = head.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.map(str::to_owned);
            return location
                .map(Some)
                .ok_or_else(|| FetchError::new(FetchErrorKind::Invalid, "a redirect without an address"));
        }
        if !status.is_success() {
            let mut words = Vec::new();
            // Its words are a help, not more: what cannot be read of them is left out.
            let _ = self
                .read(&mut link, &mut body, 64 * 1024, &mut Sink::Memory(&mut words))
                .await;
            return Err(refusal(status.as_u16(), &head.headers, &words));
        }
        let announced = head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large(bytes_max));
        }
        self.read(&mut link, &mut body, bytes_max, sink).await?;
        Ok(None)
    }

    fn request(&self, address: &Address) -> Result<Request<Full<Bytes>>, FetchError> {
        let mut request = Request::get(address.target.clone())
            .header(HOST, address.host_header.clone())
            .header(USER_AGENT, format!("seatrial/{TOOL_VERSION}"))
            .header(ACCEPT, "*/*");
        // Redirects lead to other hosts, which the token is none of.
        let here = (address.https, address.host.clone(), address.port);
        if let Some(token) = self.token.as_ref().filter(|_| here == self.trusted) {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        request.body(Full::default()).map_err(|_| {
            FetchError::new(
                FetchErrorKind::Invalid,
                "the token holds characters that no header can carry",
            )
        })
    }

    async fn read(
        &self,
        link: &mut Link,
        body: &mut hyper::body::Incoming,
        bytes_max: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), FetchError> {
        let mut bytes: u64 = 0;
        while let Some(piece) = self.patiently(link.next_piece(body)).await? {
            let piece = piece.map_err(|error| {
                FetchError::new(
                    FetchErrorKind::Network,
                    format!("the connection broke after {bytes} bytes: {error}"),
                )
            })?;
            bytes = bytes.saturating_add(piece.len() as u64);
            if bytes > bytes_max {
                return Err(too_large(bytes_max));
            }
            sink.write(&piece)
                .map_err(|error| FetchError::new(FetchErrorKind::Disk, error.to_string()))?;
        }
        Ok(())
    }

    async fn patiently<T>(&self, work: impl Future<Output = T>) -> Result<T, FetchError> {
        let waited = tokio::time::timeout(self.patience, work).await;
        waited.map_err(|_elapsed| FetchError {
            kind: FetchErrorKind::Network,
            problem: format!("nothing came for {} s", self.patience.as_secs()),
            hint: Some("set HF_HUB_DOWNLOAD_TIMEOUT to more seconds where the server is slow"),
        })
    }
}

fn too_large(bytes_max: u64) -> FetchError {
    let problem = format!("it has more than {} MiB", bytes_max / (1024 * 1024));
    FetchError::new(FetchErrorKind::TooLarge, problem)
}

/// The status with the server's own words, which some write into headers.
fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> FetchError {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let in_body = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let mut problem = format!("status {status}");
    let words = [header("x-error-code"), header("x-error-message").or(in_body)];
    for words in words.into_iter().flatten() {
        let shown = words.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX);
        problem.push_str(", ");
        problem.extend(shown);
    }
    FetchError::new(FetchErrorKind::Status(status), problem)
}

/// Where a redirect leads to.
fn absolute(from: &Address, location: &str) -> Option<String> {
    if location.contains("://") {
        return Some(location.to_owned());
    }
    let scheme = if from.https { "https" } else { "http" };
    let host = from.host_header.to_str().ok()?;
    location
        .starts_with('/')
        .then(|| format!("{scheme}://{host}{location}"))
}
