//! A call: limits, attempts, waits between them. Apart from one attempt, which knows nothing of other attempts.

use super::body::{BodyTemplate, Shape, reserved};
use super::exchange::Exchange;
use super::fault::{Fault, Refuses, Wording};
use crate::address::Address;
use crate::backoff::Backoff;
use crate::dial::{Dialer, read_certificates};
use crate::limiter::Limiter;
use crate::pool::Pool;
use crate::{Clock, Endpoint, EndpointError, Pressure};
use hyper::HeaderMap;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, ModelRequest, Secret, TOOL_VERSION, Usage,
};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

/// Longest wait between attempts, whatever a policy says: keeps clock arithmetic in range.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// An endpoint with the OpenAI chat completions API, called over HTTP/1.1.
///
/// Calls share connections, limits and what was learnt about the server. Must be called inside a tokio runtime with
/// I/O and time. A call spawns no task: dropping its future closes its connection, and nothing else keeps running.
#[derive(Debug)]
pub struct OpenAiChat {
    name: String,
    exchange: Exchange,
    body: BodyTemplate,
    limiter: Limiter,
    slots: Semaphore,
    backoff: Mutex<Backoff>,
    attempts_max: usize,
    pressure: Arc<Pressure>,
    /// The largest [`Shape`] that the server is known or assumed to take.
    shape: AtomicU8,
}

impl OpenAiChat {
    /// Checks the endpoint; no connection is made yet. Waits between attempts are drawn from `seed`.
    pub fn try_new(endpoint: Endpoint, clock: Clock, seed: u64) -> Result<Self, EndpointError> {
        endpoint.check_limits()?;
        let wrong_url = |problem| EndpointError::BaseUrl {
            target: endpoint.name.clone(),
            problem,
        };
        let address = Address::parse(&endpoint.base_url).map_err(wrong_url)?;
        for param in endpoint.params.keys() {
            if let Some(hint) = reserved(param) {
                return Err(EndpointError::ReservedParam {
                    target: endpoint.name,
                    param: param.clone(),
                    hint,
                });
            }
        }
        let extra = match &endpoint.extra_ca {
            None => Vec::new(),
            Some(path) => read_certificates(path).map_err(|problem| EndpointError::Certificates {
                target: endpoint.name.clone(),
                path: path.clone(),
                problem,
            })?,
        };
        let headers = headers(&address, endpoint.key.as_ref()).ok_or_else(|| EndpointError::Key {
            target: endpoint.name.clone(),
        })?;
        let shape = if endpoint.stream {
            Shape::StreamWithUsage
        } else {
            Shape::Whole
        };
        let dialer = Dialer::try_new(&address, extra, clock).map_err(wrong_url)?;
        Ok(Self {
            body: BodyTemplate::new(&endpoint.model, &endpoint.params),
            limiter: Limiter::new(&endpoint.limits),
            slots: Semaphore::new(endpoint.limits.concurrency.min(Semaphore::MAX_PERMITS)),
            attempts_max: usize::try_from(endpoint.retry.attempts_max).unwrap_or(usize::MAX),
            backoff: Mutex::new(Backoff::new(endpoint.retry, seed, &endpoint.name)),
            pressure: endpoint.pressure,
            shape: AtomicU8::new(shape as u8),
            exchange: Exchange {
                clock,
                dialer,
                pool: Pool::new(endpoint.limits.concurrency),
                target: address.target,
                headers,
                timeout: endpoint.limits.timeout,
                wording: Wording::new(address.shown, endpoint.key),
            },
            name: endpoint.name,
        })
    }

    /// Name of the target.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks, retries where that can help, and never fails: errors are in the [`Call`].
    ///
    /// An attempt is due when a slot is free, its wait is over and the limits allow it; everything between that and
    /// the first byte written (a busy event loop, making a connection) is this client's own queueing.
    pub async fn call(&self, request: &ModelRequest) -> Call {
        let mut due = Instant::now();
        if let Some((param, hint)) = first_reserved(request) {
            return prompt_error(&self.name, param, hint);
        }
        let _slot = match self.slots.try_acquire() {
            Ok(slot) => Some(slot),
            Err(_) => {
                let slot = self.slots.acquire().await.ok();
                due = Instant::now();
                slot
            }
        };
        let mut shape = Shape::from_number(self.shape.load(Relaxed));
        let mut body = self.body.fill(&request.messages, &request.params, shape);
        let tokens = if self.limiter.counts_tokens() {
            self.body.estimate_tokens(&request.messages, &request.params)
        } else {
            0
        };
        let mut attempts = Vec::with_capacity(1);
        loop {
            due = self.limiter.admit(tokens, due).await;
            let outcome = self.exchange.attempt(body.clone(), due).await;
            self.limiter
                .settle(tokens, used_tokens(&outcome.result, outcome.status, tokens));
            let mut attempt = Attempt {
                timing: outcome.timing,
                status: outcome.status,
                ..Attempt::default()
            };
            let fault = match outcome.result {
                Ok(answer) => {
                    self.shape.fetch_min(shape as u8, Relaxed);
                    attempts.push(attempt);
                    return Call {
                        attempts,
                        result: Ok(answer),
                        cached: false,
                    };
                }
                Err(fault) => fault,
            };
            if let Some(smaller) = smaller_shape(shape, fault.refuses) {
                shape = smaller;
                body = self.body.fill(&request.messages, &request.params, shape);
                due = Instant::now();
                continue;
            }
            self.pressure.tell(outcome.status, fault.retry_after_ms);
            attempt.error = Some(fault.error.clone());
            attempt.retry_after_ms = fault.retry_after_ms;
            attempts.push(attempt);
            if !fault.retry || attempts.len() >= self.attempts_max {
                return Call {
                    attempts,
                    result: Err(fault.error),
                    cached: false,
                };
            }
            due = self.back_off(attempts.len(), fault.retry_after_ms).await;
        }
    }

    /// Waits before the next attempt; the moment at which the wait was over.
    async fn back_off(&self, failures: usize, retry_after_ms: Option<u64>) -> Instant {
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let wait = self
            .backoff
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait(failures, retry_after_ms);
        let until = Instant::now() + wait.min(WAIT_MAX);
        // The timer rounds up to the next millisecond, so that no wait at all must not be asked of it.
        if !wait.is_zero() {
            sleep_until(until).await;
        }
        until
    }
}

/// The next smaller shape, where the server refused what the larger one adds.
const fn smaller_shape(shape: Shape, refuses: Option<Refuses>) -> Option<Shape> {
    match (refuses, shape) {
        (Some(Refuses::StreamOptions), Shape::StreamWithUsage) => Some(Shape::Stream),
        (Some(Refuses::Stream), Shape::Stream | Shape::StreamWithUsage) => Some(Shape::Whole),
        _ => None,
    }
}

/// What an attempt costs of the token limit: its usage; nothing where the server did not answer or refused by limit;
/// the estimate where nobody knows.
fn used_tokens(result: &Result<Answer, Fault>, status: Option<u16>, estimate: u64) -> u64 {
    match result {
        Ok(Answer { usage, .. }) => match *usage {
            Usage {
                input_tokens: Some(input),
                output_tokens: Some(output),
                ..
            } => input.saturating_add(output),
            _ => estimate,
        },
        Err(_) if matches!(status, None | Some(400..=499)) => 0,
        Err(_) => estimate,
    }
}

/// Headers of every request; `None` where the key cannot be one.
fn headers(address: &Address, key: Option<&Secret>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(HOST, address.host_header.clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        ACCEPT,
        HeaderValue::from_static("text/event-stream, application/json"),
    );
    // Compression would hold tokens back until a block is full.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = format!("seatrial/{TOOL_VERSION}");
    headers.insert(USER_AGENT, HeaderValue::from_str(&agent).ok()?);
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Some(headers)
}

fn first_reserved(request: &ModelRequest) -> Option<(&str, &'static str)> {
    request
        .params
        .keys()
        .find_map(|param| Some((param.as_str(), reserved(param)?)))
}

fn prompt_error(target: &str, param: &str, hint: &str) -> Call {
    Call {
        attempts: Vec::new(),
        result: Err(CallError {
            kind: CallErrorKind::Prompt,
            status: None,
            message: format!(
                "the request to `{target}` sets `{param}`, which has its own place; hint: {hint}"
            ),
        }),
        cached: false,
    }
}
