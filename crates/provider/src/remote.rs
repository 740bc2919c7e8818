//! A call: limits, attempts, waits between them. Apart from one attempt, which knows nothing of other attempts.

use crate::address::Address;
use crate::api::Api;
use crate::backoff::Backoff;
use crate::body::{BodyTemplate, Shape};
use crate::dial::{Dialer, read_certificates};
use crate::exchange::Exchange;
use crate::fault::{Fault, Refuses, Wording};
use crate::headers::headers;
use crate::limiter::Limiter;
use crate::pool::Pool;
use crate::{Clock, Endpoint, EndpointError, Pressure};
use hyper::Method;
use rustls::pki_types::CertificateDer;
use seatrial_types::{Answer, Attempt, Call, CallError, CallErrorKind, ModelRequest, Usage};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

/// Longest wait between attempts, whatever a policy says: keeps clock arithmetic in range.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// An endpoint of any [`Api`], called over HTTP/1.1.
///
/// Calls share connections, limits and what was learnt about the server. Must be called inside a tokio runtime with
/// I/O and time. A call spawns no task: dropping its future closes its connection, and nothing else keeps running.
#[derive(Debug)]
pub struct Remote {
    name: String,
    exchange: Exchange,
    api: Api,
    body: BodyTemplate,
    limiter: Limiter,
    slots: Semaphore,
    backoff: Mutex<Backoff>,
    attempts_max: usize,
    pressure: Arc<Pressure>,
    /// The largest [`Shape`] that the server is known or assumed to take.
    shape: AtomicU8,
    /// Whether the server is known to refuse questions for the probabilities of tokens.
    refuses_log_probabilities: AtomicBool,
}

impl Remote {
    /// Checks the endpoint; no connection is made yet. Waits between attempts are drawn from `seed`.
    pub fn try_new(endpoint: Endpoint, clock: Clock, seed: u64) -> Result<Self, EndpointError> {
        endpoint.check_limits()?;
        let wrong_url = |problem| EndpointError::BaseUrl {
            target: endpoint.name.clone(),
            problem,
        };
        let address = Address::parse(&endpoint.base_url, endpoint.api.path()).map_err(wrong_url)?;
        for param in endpoint.params.keys() {
            if let Some(hint) = endpoint.api.reserved(param) {
                return Err(EndpointError::ReservedParam {
                    target: endpoint.name,
                    param: param.clone(),
                    hint,
                });
            }
        }
        let extra = extra_certificates(&endpoint)?;
        let headers = headers(&address, &endpoint)?;
        let shape = if endpoint.stream && endpoint.api.can_stream() {
            Shape::StreamWithUsage
        } else {
            Shape::Whole
        };
        let secret_headers = endpoint.headers.into_iter().filter(|header| header.is_secret);
        let secrets = secret_headers
            .map(|header| header.value)
            .chain(endpoint.key)
            .collect();
        let dialer = Dialer::try_new(&address, extra, clock).map_err(wrong_url)?;
        Ok(Self {
            body: BodyTemplate::new(&endpoint.api, &endpoint.model, &endpoint.params),
            limiter: Limiter::new(&endpoint.limits),
            slots: Semaphore::new(endpoint.limits.concurrency.min(Semaphore::MAX_PERMITS)),
            attempts_max: usize::try_from(endpoint.retry.attempts_max).unwrap_or(usize::MAX),
            backoff: Mutex::new(Backoff::new(endpoint.retry, seed, &endpoint.name)),
            pressure: endpoint.pressure,
            shape: AtomicU8::new(shape as u8),
            refuses_log_probabilities: AtomicBool::new(false),
            exchange: Exchange {
                api: endpoint.api.clone(),
                method: match &endpoint.api {
                    Api::Json(api) => api.method.clone(),
                    _ => Method::POST,
                },
                clock,
                dialer,
                pool: Pool::new(endpoint.limits.concurrency),
                target: address.target,
                headers,
                timeout: endpoint.limits.timeout,
                wording: Wording::new(address.shown, secrets),
            },
            api: endpoint.api,
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
        if let Some(problem) = self.reserved_param(request) {
            return self.prompt_error(&problem);
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
        let mut request = Cow::Borrowed(request);
        let asks_log_probabilities = request.log_probabilities;
        if asks_log_probabilities && self.refuses_log_probabilities.load(Relaxed) {
            request.to_mut().log_probabilities = false;
        }
        let mut body = match self.body.fill(&request, shape) {
            Ok(body) => body,
            Err(problem) => return self.prompt_error(&problem),
        };
        let tokens = if self.limiter.counts_tokens() {
            self.body.estimate_tokens(&request)
        } else {
            0
        };
        let mut attempts = Vec::with_capacity(1);
        loop {
            due = self.limiter.admit(tokens, due).await;
            let outcome = self.exchange.attempt(body.clone(), due).await;
            self.limiter
                .settle(tokens, used_tokens(&outcome.result, outcome.status, tokens));
            self.limiter.heed(&outcome.rate_limit);
            let mut attempt = Attempt {
                timing: outcome.timing,
                status: outcome.status,
                rate_limit: outcome.rate_limit,
                ..Attempt::default()
            };
            let fault = match outcome.result {
                Ok(answer) => {
                    self.shape.fetch_min(shape as u8, Relaxed);
                    // Like a shape, a refusal is remembered once asking for less has helped.
                    if asks_log_probabilities && !request.log_probabilities {
                        self.refuses_log_probabilities.store(true, Relaxed);
                    }
                    attempts.push(attempt);
                    return Call {
                        attempts,
                        result: Ok(answer),
                        cached: false,
                    };
                }
                Err(fault) => fault,
            };
            if self.ask_for_less(&mut shape, &mut request, &fault) {
                body = match self.body.fill(&request, shape) {
                    Ok(body) => body,
                    Err(problem) => return self.prompt_error(&problem),
                };
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

    /// Takes out of the request what the server refused of it; false where it refused something else.
    fn ask_for_less(&self, shape: &mut Shape, request: &mut Cow<'_, ModelRequest>, fault: &Fault) -> bool {
        if let Some(smaller) = smaller_shape(*shape, fault.refuses) {
            *shape = smaller;
            return true;
        }
        let is_refused = fault.refuses_log_probabilities && request.log_probabilities;
        if is_refused {
            request.to_mut().log_probabilities = false;
        }
        is_refused
    }

    /// What is wrong with a parameter of the request that has a place of its own.
    fn reserved_param(&self, request: &ModelRequest) -> Option<String> {
        let mut params = request.params.keys();
        let (param, hint) = params.find_map(|param| Some((param, self.api.reserved(param)?)))?;
        Some(format!(
            "the request sets `{param}`, which has its own place; hint: {hint}"
        ))
    }

    /// A call that was never made, because its request cannot be built.
    fn prompt_error(&self, problem: &str) -> Call {
        Call {
            attempts: Vec::new(),
            result: Err(CallError {
                kind: CallErrorKind::Prompt,
                status: None,
                message: format!("the request to `{}` cannot be built: {problem}", self.name),
            }),
            cached: false,
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

/// The certificates of the endpoint's own file.
fn extra_certificates(endpoint: &Endpoint) -> Result<Vec<CertificateDer<'static>>, EndpointError> {
    let Some(path) = &endpoint.extra_ca else {
        return Ok(Vec::new());
    };
    read_certificates(path).map_err(|problem| EndpointError::Certificates {
        target: endpoint.name.clone(),
        path: path.clone(),
        problem,
    })
}
