//! When things happened during one call, on the client's monotonic clock.

use serde::{Deserialize, Serialize};

/// Moments of one attempt, in nanoseconds since the start of the measuring process's clock.
///
/// `intended ≤ send ≤ first_byte ≤ first_token ≤ token_events… ≤ end`. `None`: the moment never came, or (for
/// `first_token`) the answer arrived in one piece.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// When the call was due: its slot was free and its rate limit allowed it.
    pub intended_ns: u64,
    /// When its first byte was written to the socket.
    pub send_ns: Option<u64>,
    /// When the first byte of the answer was read.
    pub first_byte_ns: Option<u64>,
    /// When the first event that carried text was read.
    pub first_token_ns: Option<u64>,
    /// When each event that carried text was read, the first included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_events_ns: Vec<u64>,
    /// When the last byte of the answer was read, or the attempt was given up.
    pub end_ns: u64,
}

impl Timing {
    /// Own queueing: from due to written, in nanoseconds. Not part of the target's latency.
    #[must_use]
    pub fn queue_ns(&self) -> Option<u64> {
        Some(self.send_ns?.saturating_sub(self.intended_ns))
    }

    /// The target's latency: from the first byte written to the last byte read, in nanoseconds.
    #[must_use]
    pub fn latency_ns(&self) -> Option<u64> {
        Some(self.end_ns.saturating_sub(self.send_ns?))
    }

    /// Time to the first token: from the first byte written to the first event with text, in nanoseconds.
    #[must_use]
    pub fn ttft_ns(&self) -> Option<u64> {
        Some(self.first_token_ns?.saturating_sub(self.send_ns?))
    }
}
