//! One attempt: a request over one connection, and its answer read to the end. Apart from the retrying, so that every
//! attempt is timed and bounded in one place.

use crate::Clock;
use crate::api::{Api, Fold};
use crate::dial::Dialer;
use crate::fault::{Fault, Refusal, Wording};
use crate::link::{HEAD_BYTES_MAX, Link};
use crate::pool::Pool;
use crate::rate_limit::rate_limit;
use crate::reader::{AnswerReader, Format};
use crate::retry_after::retry_after_ms;
use crate::wire::Stamps;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, Uri};
use seatrial_types::{Answer, CallErrorKind, RateLimit, Timing};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Most bytes of an answer.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Most bytes of an error's body; what is longer is cut.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// How long the end of a body may come after the last event before the connection is given up. The answer is not.
const DONE_GRACE: Duration = Duration::from_secs(1);

/// The provider's id of a request: OpenAI's and most others' header, and Anthropic's.
const REQUEST_IDS: [HeaderName; 2] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
];

/// Asks one endpoint, once at a time or from many calls at once.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) api: Api,
    pub(crate) method: Method,
    pub(crate) clock: Clock,
    pub(crate) dialer: Dialer,
    pub(crate) pool: Pool,
    /// Path and query of every request.
    pub(crate) target: Uri,
    /// Headers of every request; the length is added by hyper.
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) wording: Wording,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) timing: Timing,
    pub(crate) status: Option<u16>,
    pub(crate) rate_limit: RateLimit,
    pub(crate) result: Result<Answer, Fault>,
}

/// What is known of an attempt while it runs; outlives it when time runs out.
#[derive(Debug, Default)]
struct Progress {
    stamps: Option<Arc<Stamps>>,
    status: Option<u16>,
    rate_limit: RateLimit,
    token_events_ns: Vec<u64>,
    /// When the latest byte of head or content was read.
    latest_ns: Option<u64>,
}

impl Exchange {
    /// One attempt that was due at `due`, and may take the time limit from then on.
    pub(crate) async fn attempt(&self, body: Bytes, due: Instant) -> Outcome {
        let mut progress = Progress::default();
        let asked = timeout_at(due + self.timeout, self.ask(body, &mut progress)).await;
        let result = asked.unwrap_or_else(|_elapsed| {
            let events = progress.token_events_ns.len();
            Err(self.wording.timeout(self.timeout, progress.status, events))
        });
        let given_up = result.as_ref().is_err_and(|fault| is_given_up(fault.error.kind));
        let latest_ns = progress.latest_ns.filter(|_| !given_up);
        let stamps = progress.stamps.as_deref();
        Outcome {
            timing: Timing {
                intended_ns: self.clock.ns_of(due),
                send_ns: stamps.and_then(Stamps::first_write_ns),
                first_byte_ns: stamps.and_then(Stamps::first_read_ns),
                first_token_ns: progress.token_events_ns.first().copied(),
                token_events_ns: progress.token_events_ns,
                end_ns: latest_ns.unwrap_or_else(|| self.clock.now_ns()),
            },
            status: progress.status,
            rate_limit: progress.rate_limit,
            result,
        }
    }

    async fn ask(&self, body: Bytes, progress: &mut Progress) -> Result<Answer, Fault> {
        let (link, response) = self.send(body, progress).await?;
        let status = response.status().as_u16();
        progress.status = Some(status);
        progress.rate_limit = rate_limit(response.headers());
        progress.latest_ns = link.stamps.last_read_ns();
        if response.status().is_success() {
            self.read_answer(link, response, progress).await
        } else {
            Err(self.read_refusal(link, response, progress).await)
        }
    }

    /// Sends the request over an idle connection or a new one, and waits for the head of the answer.
    async fn send(
        &self,
        body: Bytes,
        progress: &mut Progress,
    ) -> Result<(Box<Link>, Response<Incoming>), Fault> {
        if let Some(mut link) = self.pool.take().await {
            progress.stamps = Some(Arc::clone(&link.stamps));
            match link.ask(self.request(body.clone())).await {
                Ok(Some(response)) => return Ok((link, response)),
                // The server had hung up on the idle connection, which says nothing about this request.
                Ok(None) | Err(_) if link.stamps.first_read_ns().is_none() => {}
                Ok(None) => return Err(self.lost(None)),
                Err(error) => return Err(self.lost(Some(&error))),
            }
            progress.stamps = None;
        }
        let dialed = self.dialer.dial().await;
        let mut link = dialed.map_err(|error| self.wording.dial(&error))?;
        progress.stamps = Some(Arc::clone(&link.stamps));
        match link.ask(self.request(body)).await {
            Ok(Some(response)) => Ok((link, response)),
            Ok(None) => Err(self.lost(None)),
            Err(error) => Err(self.lost(Some(&error))),
        }
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    async fn read_answer(
        &self,
        mut link: Box<Link>,
        response: Response<Incoming>,
        progress: &mut Progress,
    ) -> Result<Answer, Fault> {
        let status = response.status().as_u16();
        let (head, mut body) = response.into_parts();
        if let Some(encoding) = head.headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let problem = "the body has a content encoding that was not asked for";
            return Err(self.wording.invalid(status, problem, encoding.as_bytes()));
        }
        let mut left = BODY_BYTES_MAX;
        if body.size_hint().lower() > left as u64 {
            return Err(self.too_large(status));
        }
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let mut reader = AnswerReader::new(
            status,
            Format::of_content_type(content_type),
            Fold::new(&self.api),
        );
        let mut at_end = false;
        while !reader.is_done() {
            let piece = match link.next_piece(&mut body).await {
                Some(Ok(piece)) => piece,
                Some(Err(_)) if reader.is_complete() => break,
                Some(Err(error)) => return Err(self.broken(status, &error, reader.is_stream())),
                None => {
                    at_end = true;
                    break;
                }
            };
            let stamp_ns = link.stamps.last_read_ns().unwrap_or_else(|| self.clock.now_ns());
            progress.latest_ns = Some(stamp_ns);
            left = match left.checked_sub(piece.len()) {
                Some(left) => left,
                None => return Err(self.too_large(status)),
            };
            reader.push(piece, stamp_ns, &mut progress.token_events_ns, &self.wording)?;
        }
        if at_end || reads_to_end(&mut link, &mut body).await {
            self.pool.put(link).await;
        }
        let end_ns = progress.latest_ns.unwrap_or_else(|| self.clock.now_ns());
        let answer = reader.finish(end_ns, &mut progress.token_events_ns, &self.wording)?;
        let mut answer = answer.ok_or_else(|| self.truncated(status))?;
        let id = REQUEST_IDS
            .iter()
            .find_map(|name| head.headers.get(name)?.to_str().ok());
        if let Some(id) = id {
            answer.request_id = Some(id.to_owned());
        }
        Ok(answer)
    }

    async fn read_refusal(
        &self,
        mut link: Box<Link>,
        response: Response<Incoming>,
        progress: &mut Progress,
    ) -> Fault {
        let (head, mut body) = response.into_parts();
        let mut text = Vec::new();
        // A status is an answer; how its body ends cannot change that.
        let at_end = loop {
            match link.next_piece(&mut body).await {
                Some(Ok(piece)) => {
                    progress.latest_ns = link.stamps.last_read_ns();
                    let room = ERROR_BODY_BYTES_MAX - text.len();
                    text.extend_from_slice(&piece[..piece.len().min(room)]);
                    if text.len() == ERROR_BODY_BYTES_MAX {
                        break false;
                    }
                }
                Some(Err(_)) => break false,
                None => break true,
            }
        };
        if at_end {
            self.pool.put(link).await;
        }
        self.wording.refusal(&Refusal {
            status: head.status.as_u16(),
            body: &text,
            retry_after_ms: retry_after_ms(&head.headers),
            location: head.headers.get(LOCATION).and_then(|value| value.to_str().ok()),
        })
    }

    /// The connection ended before the head of an answer was complete.
    fn lost(&self, error: Option<&hyper::Error>) -> Fault {
        let Some(error) = error else {
            let problem = "closed the connection before it answered";
            return self.wording.fault(CallErrorKind::Reset, None, problem);
        };
        // hyper tells clients only in words; a test keeps them.
        if error.is_parse() && error.to_string().contains("too large") {
            let problem = format!("sent a head of more than {HEAD_BYTES_MAX} bytes");
            return self.wording.fault(CallErrorKind::TooLarge, None, &problem);
        }
        let cause = cause(error);
        if error.is_parse() {
            let problem = format!("did not answer in HTTP/1.1 ({cause}); hint: is it an https endpoint");
            return self.wording.fault(CallErrorKind::InvalidAnswer, None, &problem);
        }
        let problem = format!("closed the connection before it answered ({cause})");
        self.wording.fault(CallErrorKind::Reset, None, &problem)
    }

    /// The connection ended before the body was complete.
    fn broken(&self, status: u16, error: &hyper::Error, is_stream: bool) -> Fault {
        if is_stream && is_end_of_file(error) {
            return self.truncated(status);
        }
        let cause = cause(error);
        let problem =
            format!("answered {status}, and the connection broke before the body was complete ({cause})");
        self.wording.fault(CallErrorKind::Reset, Some(status), &problem)
    }

    fn truncated(&self, status: u16) -> Fault {
        let problem =
            format!("answered {status}, and the stream ended without a finish reason or its last event");
        self.wording
            .fault(CallErrorKind::Truncated, Some(status), &problem)
    }

    fn too_large(&self, status: u16) -> Fault {
        let problem = format!("answered {status} with a body of more than {BODY_BYTES_MAX} bytes");
        self.wording
            .fault(CallErrorKind::TooLarge, Some(status), &problem)
    }
}

/// Whether the last byte of such an attempt was never read, so that its end is the moment of giving up.
const fn is_given_up(kind: CallErrorKind) -> bool {
    matches!(
        kind,
        CallErrorKind::Timeout | CallErrorKind::Reset | CallErrorKind::Truncated | CallErrorKind::TooLarge
    )
}

/// Reads what is left after the last event, so that the connection can be used again.
async fn reads_to_end(link: &mut Link, body: &mut Incoming) -> bool {
    let rest = async {
        let mut left = ERROR_BODY_BYTES_MAX;
        loop {
            match link.next_piece(body).await {
                None => return true,
                Some(Err(_)) => return false,
                Some(Ok(piece)) => match left.checked_sub(piece.len()) {
                    Some(rest) => left = rest,
                    None => return false,
                },
            }
        }
    };
    tokio::time::timeout(DONE_GRACE, rest).await.unwrap_or(false)
}

/// The innermost cause of an error, which says more than hyper's own words.
fn cause(error: &hyper::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn is_end_of_file(error: &hyper::Error) -> bool {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::UnexpectedEof;
        }
        next = error.source();
    }
    error.is_incomplete_message()
}
