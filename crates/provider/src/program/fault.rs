//! What can go wrong with a request to a program, in words and classes.

use seatrial_types::CallErrorKind;
use tokio::time::Instant;

/// Why a request to a program has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ProgramFault {
    /// Class: `connect` for a program that cannot be started or was given up, `reset` for one that ended first,
    /// `timeout`, `invalid_answer`, `too_large`.
    pub kind: CallErrorKind,
    /// What happened, with the command and the program's last words.
    pub message: String,
    /// Whether trying again can help.
    pub retry: bool,
    /// When its first byte was written; `None` where that never happened.
    pub sent: Option<Instant>,
    /// When it was given up.
    pub end: Instant,
}
