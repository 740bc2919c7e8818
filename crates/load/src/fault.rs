//! Why a request failed, in a class that is counted and in words that are shown once. Apart because every step of an
//! exchange can end in one.

use seatrial_types::CallErrorKind;

/// Most bytes of a server's text in a message.
const EXCERPT_BYTES_MAX: usize = 300;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: CallErrorKind,
    pub(crate) problem: String,
}

impl Fault {
    pub(crate) fn new(kind: CallErrorKind, problem: impl Into<String>) -> Self {
        Self {
            kind,
            problem: problem.into(),
        }
    }

    /// What came is not what the API documents.
    pub(crate) fn invalid(problem: impl Into<String>, found: &[u8]) -> Self {
        let problem = problem.into();
        Self::new(
            CallErrorKind::InvalidAnswer,
            format!("{problem}, found: {}", excerpt(found)),
        )
    }

    /// An answer with a status that is no success.
    pub(crate) fn refused(status: u16, body: &[u8]) -> Self {
        let kind = match status {
            429 => CallErrorKind::RateLimited,
            401 | 403 => CallErrorKind::Auth,
            500.. => CallErrorKind::Server,
            _ => CallErrorKind::BadRequest,
        };
        let problem = if body.is_empty() {
            format!("answered {status} without a body")
        } else {
            format!("answered {status}: {}", excerpt(body))
        };
        Self::new(kind, problem)
    }
}

/// The beginning of a server's text, on one line and without control characters.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let cut = bytes.get(..EXCERPT_BYTES_MAX).unwrap_or(bytes);
    let text: String = String::from_utf8_lossy(cut)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let dots = if cut.len() < bytes.len() { "…" } else { "" };
    format!("{}{dots}", text.trim())
}
