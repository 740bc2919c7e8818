//! What went wrong in one attempt, in words. Apart because every text that a server sends passes through here on its
//! way to a message, and this is where keys, control characters and length are taken out.

use crate::dial::DialError;
use crate::lenient::ErrorText;
use seatrial_types::{CallError, CallErrorKind, Secret};
use std::time::Duration;

/// Most characters of a server's text in a message.
const EXCERPT_CHARS_MAX: usize = 300;

/// Code of a 429 for an account without credit.
const OUT_OF_QUOTA: &str = "insufficient_quota";

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) error: CallError,
    /// What the server asked to wait.
    pub(crate) retry_after_ms: Option<u64>,
    /// Whether trying again can help.
    pub(crate) retry: bool,
    /// What of streaming the server refused.
    pub(crate) refuses: Option<Refuses>,
    /// Whether a refusal names `logprobs`.
    pub(crate) refuses_log_probabilities: bool,
}

/// What of streaming a server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuses {
    /// `stream_options`
    StreamOptions,
    /// `stream`
    Stream,
}

/// A refusal by HTTP status.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    pub(crate) retry_after_ms: Option<u64>,
    pub(crate) location: Option<&'a str>,
}

/// Writes messages of one endpoint.
#[derive(Debug)]
pub(crate) struct Wording {
    url: String,
    /// Key and secret headers, which a server may send back.
    secrets: Vec<Secret>,
}

impl Wording {
    pub(crate) const fn new(url: String, secrets: Vec<Secret>) -> Self {
        Self { url, secrets }
    }

    /// Something in the way, `problem` said after the URL; the kind decides about trying again.
    pub(crate) fn fault(&self, kind: CallErrorKind, status: Option<u16>, problem: &str) -> Fault {
        let url = &self.url;
        // `problem` may quote what came, such as a JSON error that names a value.
        let message = self.redact(&format!("{url} {problem}"));
        Fault {
            error: CallError {
                kind,
                status,
                message,
            },
            retry_after_ms: None,
            retry: kind.is_retryable(),
            refuses: None,
            refuses_log_probabilities: false,
        }
    }

    /// No connection.
    pub(crate) fn dial(&self, error: &DialError) -> Fault {
        let hint = error
            .hint
            .map(|hint| format!("; hint: {hint}"))
            .unwrap_or_default();
        let problem = format!("could not be reached: {}{hint}", self.excerpt(&error.problem));
        self.fault(error.kind, None, &problem)
    }

    /// No complete answer in time.
    pub(crate) fn timeout(&self, limit: Duration, status: Option<u16>, token_events: usize) -> Fault {
        let came = match (status, token_events) {
            (None, _) => "nothing came".to_owned(),
            (Some(_), 0) => "the answer had begun without text".to_owned(),
            (Some(_), events) => format!("{events} events with text had come"),
        };
        let problem = format!("gave no complete answer within {limit:?}: {came}; hint: raise limits.timeout");
        self.fault(CallErrorKind::Timeout, status, &problem)
    }

    /// An answer whose status is not 2xx.
    pub(crate) fn refusal(&self, refusal: &Refusal<'_>) -> Fault {
        let status = refusal.status;
        let kind = match status {
            429 => CallErrorKind::RateLimited,
            401 | 403 => CallErrorKind::Auth,
            // The server's own time limit.
            408 => CallErrorKind::Timeout,
            300..=499 => CallErrorKind::BadRequest,
            500..=599 => CallErrorKind::Server,
            _ => CallErrorKind::InvalidAnswer,
        };
        let text = ErrorText::of_body(refusal.body);
        let out_of_quota = status == 429 && text.code.as_deref() == Some(OUT_OF_QUOTA);
        let hint = match status {
            401 | 403 => Some("check the key in api_key_env"),
            404 => Some("check model and base_url, which usually ends in /v1"),
            300..=399 => Some("redirects are not followed; put the new address into base_url"),
            _ if out_of_quota => Some("the account has no credit left, so waiting does not help"),
            _ => None,
        };
        let mut problem = format!("answered {status}");
        let location = refusal.location.filter(|_| kind == CallErrorKind::BadRequest);
        for part in [location, Some(text.message.as_str())].into_iter().flatten() {
            let part = self.excerpt(part);
            if !part.is_empty() {
                problem.push_str(": ");
                problem.push_str(&part);
            }
        }
        if let Some(hint) = hint {
            problem.push_str("; hint: ");
            problem.push_str(hint);
        }
        let fault = self.fault(kind, Some(status), &problem);
        Fault {
            retry: fault.retry && !out_of_quota,
            retry_after_ms: refusal.retry_after_ms,
            refuses: refuses(status, refusal.body),
            refuses_log_probabilities: names(status, refusal.body, b"logprobs"),
            ..fault
        }
    }

    /// An error inside an answer with status 2xx.
    pub(crate) fn error_inside(&self, status: u16, json: &[u8]) -> Fault {
        self.reported(status, &ErrorText::of_body(json))
    }

    /// The same, taken apart already. What the server calls it decides about trying again: an overloaded one may
    /// recover, a request that it does not understand will not become better.
    pub(crate) fn reported(&self, status: u16, text: &ErrorText) -> Fault {
        let code = text.code.as_deref().unwrap_or_default();
        let problem = format!(
            "answered {status} and then reported an error: {}",
            self.excerpt(&text.message)
        );
        let fault = self.fault(kind_of_code(code), Some(status), &problem);
        Fault {
            retry: fault.retry && code != OUT_OF_QUOTA,
            ..fault
        }
    }

    /// An answer that is not what the API documents; `found` is part of it.
    pub(crate) fn invalid(&self, status: u16, problem: &str, found: &[u8]) -> Fault {
        // A few bytes more than characters can be, so that an excerpt stays cheap for a body of megabytes. A key that
        // this cut goes through lies behind the end of the excerpt.
        let found = &found[..found.len().min(EXCERPT_CHARS_MAX * 8)];
        let found = self.excerpt(&String::from_utf8_lossy(found));
        let problem = format!("answered {status}, but {problem}, found `{found}`");
        self.fault(CallErrorKind::InvalidAnswer, Some(status), &problem)
    }

    /// A server's text as one line of at most 300 characters, without key and control characters.
    fn excerpt(&self, text: &str) -> String {
        let text = self.redact(text);
        let mut line = String::new();
        let mut chars = 0;
        for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
            if word.is_empty() {
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
                chars += 1;
            }
            for c in word.chars() {
                if chars >= EXCERPT_CHARS_MAX {
                    line.push('…');
                    return line;
                }
                line.push(c);
                chars += 1;
            }
        }
        line
    }

    fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = secret.redact(&text);
        }
        text
    }
}

/// The class of an error that is only named, by the words of OpenAI and Anthropic; the server's fault unless known
/// otherwise.
fn kind_of_code(code: &str) -> CallErrorKind {
    match code {
        "rate_limit_exceeded" | "rate_limit_error" | OUT_OF_QUOTA => CallErrorKind::RateLimited,
        "authentication_error" | "permission_error" | "invalid_api_key" => CallErrorKind::Auth,
        "invalid_request_error"
        | "invalid_prompt"
        | "not_found_error"
        | "request_too_large"
        | "billing_error"
        | "model_not_found"
        | "context_length_exceeded" => CallErrorKind::BadRequest,
        "timeout_error" => CallErrorKind::Timeout,
        _ => CallErrorKind::Server,
    }
}

/// Whether a refusal of the request's form holds this word. Validation errors are 422 in some servers.
fn names(status: u16, body: &[u8], word: &[u8]) -> bool {
    matches!(status, 400 | 422) && memchr::memmem::find(body, word).is_some()
}

/// Whether a refusal names `stream_options` or `stream`.
fn refuses(status: u16, body: &[u8]) -> Option<Refuses> {
    if names(status, body, b"stream_options") {
        Some(Refuses::StreamOptions)
    } else if names(status, body, b"stream") {
        Some(Refuses::Stream)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-canary-0123456789";

    fn wording() -> Wording {
        Wording::new(
            "http://h/v1/chat/completions".to_owned(),
            vec![Secret::new("team-canary-77"), Secret::new(KEY)],
        )
    }

    fn refusal(status: u16, body: &str) -> Fault {
        wording().refusal(&Refusal {
            status,
            body: body.as_bytes(),
            retry_after_ms: None,
            location: None,
        })
    }

    /// Protects the table of kinds and what is tried again.
    #[test]
    fn sorts_statuses() {
        use CallErrorKind as Kind;
        for (status, kind, retry) in [
            (429, Kind::RateLimited, true),
            (500, Kind::Server, true),
            (503, Kind::Server, true),
            (529, Kind::Server, true),
            (408, Kind::Timeout, true),
            (401, Kind::Auth, false),
            (403, Kind::Auth, false),
            (400, Kind::BadRequest, false),
            (404, Kind::BadRequest, false),
            (302, Kind::BadRequest, false),
        ] {
            let fault = refusal(status, "");
            assert_eq!((fault.error.kind, fault.retry), (kind, retry), "{status}");
            assert_eq!(fault.error.status, Some(status));
        }
        let body = r#"{"error":{"message":"no money","code":"insufficient_quota"}}"#;
        assert!(!refusal(429, body).retry);
    }

    /// Protects terminals, logs and keys from what servers send.
    #[test]
    fn cleans_texts() {
        let body = format!("line\r\n\u{1b}[31m two {KEY}\u{0} {}", "x".repeat(1000));
        let message = refusal(500, &body).error.message;
        assert!(
            !message.contains(KEY) && !message.contains(char::is_control),
            "{message}"
        );
        assert!(
            message.starts_with("http://h/v1/chat/completions answered 500: line [31m two [redacted] xxx")
        );
        assert!(message.chars().count() < 360);
        let quoted = wording().invalid(200, &format!("bad value {KEY}"), KEY.as_bytes());
        assert!(!quoted.error.message.contains(KEY));
        // A key that the length limit would have cut in two.
        let body = format!("{}{KEY}", "y".repeat(EXCERPT_CHARS_MAX - 10));
        assert!(!refusal(500, &body).error.message.contains("sk-canary"));
        assert!(
            !refusal(500, "header team-canary-77")
                .error
                .message
                .contains("canary")
        );
        assert!(!format!("{:?}", wording()).contains(KEY));
    }

    /// Protects the difference between what may pass and what will not, where no status says it.
    #[test]
    fn sorts_errors_inside_of_answers() {
        use CallErrorKind as Kind;
        for (code, kind, retry) in [
            ("overloaded_error", Kind::Server, true),
            ("server_error", Kind::Server, true),
            ("api_error", Kind::Server, true),
            ("rate_limit_error", Kind::RateLimited, true),
            ("insufficient_quota", Kind::RateLimited, false),
            ("invalid_request_error", Kind::BadRequest, false),
            ("authentication_error", Kind::Auth, false),
            ("timeout_error", Kind::Timeout, true),
        ] {
            let json = format!(r#"{{"type":"error","error":{{"type":"{code}","message":"m"}}}}"#);
            let fault = wording().error_inside(200, json.as_bytes());
            assert_eq!((fault.error.kind, fault.retry), (kind, retry), "{code}");
            assert_eq!(
                fault.error.message,
                "http://h/v1/chat/completions answered 200 and then reported an error: m"
            );
        }
    }

    /// Protects the fallback of streaming: only what is named, and only by statuses of validation.
    #[test]
    fn notices_refused_streaming() {
        let named = r#"{"error":{"message":"Unknown field: stream_options"}}"#;
        assert_eq!(refusal(400, named).refuses, Some(Refuses::StreamOptions));
        assert_eq!(
            refusal(422, "stream is not supported").refuses,
            Some(Refuses::Stream)
        );
        assert_eq!(refusal(400, "bad temperature").refuses, None);
        assert_eq!(refusal(500, named).refuses, None);
    }
}
