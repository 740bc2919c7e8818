//! What describes an endpoint, and why a description cannot be used. Apart from the client so that a suite can be
//! checked without one.

use crate::{Api, Pressure};
use seatrial_types::Secret;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Most time that one attempt may be given.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 3600);

/// An endpoint and how to treat it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Name of the target, for messages.
    pub name: String,
    /// API that it speaks.
    pub api: Api,
    /// Root of the API, such as `https://api.openai.com/v1`, or the whole address with [`Api::Json`]; a query is kept, user
    /// names and passwords are refused.
    pub base_url: String,
    /// Model to ask for; unused with [`Api::Json`].
    pub model: String,
    /// API key, sent as the API wants it.
    pub key: Option<Secret>,
    /// Headers beside those that every request has; one of the same name is replaced.
    pub headers: Vec<Header>,
    /// Parameters sent with every request, such as `temperature`.
    pub params: Map<String, Value>,
    /// Limits that this client keeps.
    pub limits: Limits,
    /// When to try again.
    pub retry: RetryPolicy,
    /// Whether to ask for a stream, which is what gives token times.
    pub stream: bool,
    /// PEM file with certificates to trust beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// Told of every push-back as it happens.
    pub pressure: Arc<Pressure>,
}

/// A header of every request.
#[derive(Debug, Clone)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value.
    pub value: Secret,
    /// Whether the value is kept out of messages.
    pub is_secret: bool,
}

/// Limits of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most calls at the same time, at least 1. Waiting for a slot counts neither as latency nor as own queueing.
    pub concurrency: usize,
    /// Requests per minute, at least 1; `None` is no limit.
    pub rpm: Option<u64>,
    /// Tokens per minute, prompt and answer, at least 1; `None` is no limit.
    pub tpm: Option<u64>,
    /// Time for one attempt from due to last byte, stalls included; more than zero, at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 64,
            rpm: None,
            tpm: None,
            timeout: Duration::from_secs(60),
        }
    }
}

/// When to try again, and how long to wait before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Most attempts of one call, the first included; at least 1.
    pub attempts_max: u32,
    /// Bound of the random wait after the first failure; doubles with each further one.
    pub backoff_first: Duration,
    /// Bound that the doubling stops at.
    pub backoff_max: Duration,
    /// Longest wait that a server may ask for; longer wishes are cut to this.
    pub retry_after_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            backoff_first: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            retry_after_max: Duration::from_secs(60),
        }
    }
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL cannot be used.
    #[error("base_url of target `{target}` {problem}; hint: write it like https://api.openai.com/v1")]
    BaseUrl {
        /// Name of the target.
        target: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The key cannot be sent in a header.
    #[error(
        "the key of target `{target}` holds a line break or another character that a header cannot carry; hint: check the variable that api_key_env names"
    )]
    Key {
        /// Name of the target.
        target: String,
    },
    /// A header that cannot be sent.
    #[error("header `{header}` of target `{target}` {problem}")]
    Header {
        /// Name of the target.
        target: String,
        /// Name of the header.
        header: String,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// A parameter that has a place of its own.
    #[error("params of target `{target}` sets `{param}`, which has its own place; hint: {hint}")]
    ReservedParam {
        /// Name of the target.
        target: String,
        /// Name of the parameter.
        param: String,
        /// Where it belongs.
        hint: &'static str,
    },
    /// A limit that allows nothing.
    #[error("{limit} of target `{target}` is {found}, expected {expected}")]
    Limit {
        /// Name of the target.
        target: String,
        /// Name of the limit.
        limit: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The file with certificates cannot be read.
    #[error("certificates of target `{target}` cannot be read from {}: {problem}", path.display())]
    Certificates {
        /// Name of the target.
        target: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl EndpointError {
    /// The part of the description that is wrong, as a suite calls it.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::BaseUrl { .. } | Self::Certificates { .. } => "base_url",
            Self::Key { .. } => "api_key_env",
            Self::Header { .. } => "headers",
            Self::ReservedParam { .. } => "params",
            Self::Limit { .. } => "limits",
        }
    }
}

impl Endpoint {
    /// Checks limits and retries.
    pub(crate) fn check_limits(&self) -> Result<(), EndpointError> {
        let wrong = |limit, found: String, expected| {
            Err(EndpointError::Limit {
                target: self.name.clone(),
                limit,
                found,
                expected,
            })
        };
        if self.limits.concurrency == 0 {
            return wrong("concurrency", "0".to_owned(), "at least 1");
        }
        if self.limits.rpm == Some(0) {
            return wrong("rpm", "0".to_owned(), "at least 1");
        }
        if self.limits.tpm == Some(0) {
            return wrong("tpm", "0".to_owned(), "at least 1");
        }
        if self.limits.timeout.is_zero() || self.limits.timeout > TIMEOUT_MAX {
            let found = format!("{:?}", self.limits.timeout);
            return wrong("timeout", found, "more than 0s and at most 24h");
        }
        if self.retry.attempts_max == 0 {
            return wrong("attempts_max", "0".to_owned(), "at least 1");
        }
        Ok(())
    }
}
