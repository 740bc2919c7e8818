//! Faults and their probabilities. Apart because configuration names them, a plan draws them and the record counts them.

use crate::key::unit;
use serde::Serialize;

/// Something that goes wrong on purpose, or an unusual but legal shape of a stream.
///
/// The names are the keys of the configuration and of `/sim/stats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 429 with `Retry-After` (and `retry-after-ms` where the persona sets it).
    RateLimited,
    /// 429 that does not say when to come back.
    RateLimitedNoRetryAfter,
    /// 500 with an error body.
    ServerError,
    /// The connection is reset (RST) after the request was read, before a byte of the answer.
    Reset,
    /// Status and headers, then silence for the persona's stall time, then the connection is closed.
    Stall,
    /// The answer stops in its middle and the connection is closed (FIN), without an end of the body.
    Truncated,
    /// One event (or the whole body of an answer in one piece) is not JSON; a stream goes on to its `[DONE]`.
    InvalidJson,
    /// Some text, then an error event inside the 200 stream, and a proper end of the body.
    ErrorEvent,
    /// Legal: usage comes in an event of its own whose `choices` is empty. Streams only.
    EmptyChoicesUsage,
    /// Legal: an event with the role and no text is sent at once, long before the first token. Streams only.
    RoleOnlyFirst,
    /// The stream ends properly but without `[DONE]`. Streams only.
    NoDone,
    /// Legal: everything arrives, a few bytes at a time.
    Trickle,
}

impl Fault {
    /// All of them, in the order in which probabilities are laid end to end.
    pub const ALL: [Self; 12] = [
        Self::RateLimited,
        Self::RateLimitedNoRetryAfter,
        Self::ServerError,
        Self::Reset,
        Self::Stall,
        Self::Truncated,
        Self::InvalidJson,
        Self::ErrorEvent,
        Self::EmptyChoicesUsage,
        Self::RoleOnlyFirst,
        Self::NoDone,
        Self::Trickle,
    ];

    /// The name in configuration, log and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::RateLimitedNoRetryAfter => "rate_limited_no_retry_after",
            Self::ServerError => "server_error",
            Self::Reset => "reset",
            Self::Stall => "stall",
            Self::Truncated => "truncated",
            Self::InvalidJson => "invalid_json",
            Self::ErrorEvent => "error_event",
            Self::EmptyChoicesUsage => "empty_choices_usage",
            Self::RoleOnlyFirst => "role_only_first",
            Self::NoDone => "no_done",
            Self::Trickle => "trickle",
        }
    }

    /// Whether it can only happen to a stream; an answer in one piece is then given unharmed and counted as such.
    #[must_use]
    pub const fn needs_stream(self) -> bool {
        matches!(self, Self::EmptyChoicesUsage | Self::RoleOnlyFirst | Self::NoDone)
    }

    /// Whether a client still gets the whole answer.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(
            self,
            Self::EmptyChoicesUsage | Self::RoleOnlyFirst | Self::NoDone | Self::Trickle
        )
    }

    /// Position in [`Fault::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A probability for each fault; at most one fault happens to a request, so they sum to at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    shares: [f64; Fault::ALL.len()],
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The same with this probability, in [0, 1], for one fault. [`crate::SimConfig::validate`] refuses others.
    #[must_use]
    pub fn with(mut self, fault: Fault, probability: f64) -> Self {
        if let Some(share) = self.shares.get_mut(fault.index()) {
            *share = probability;
        }
        self
    }

    /// Probability of one fault.
    #[must_use]
    pub fn probability(&self, fault: Fault) -> f64 {
        self.shares.get(fault.index()).copied().unwrap_or(0.0)
    }

    /// Probability of any fault.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.shares.iter().sum()
    }

    /// The fault that these bits choose.
    pub(crate) fn draw(&self, bits: u64) -> Option<Fault> {
        let mut left = unit(bits);
        for (fault, share) in Fault::ALL.into_iter().zip(self.shares) {
            if left < share {
                return Some(fault);
            }
            left -= share;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Purpose, bits};

    /// Protects counting by index: a variant's number is its place in the list.
    #[test]
    fn index_is_place() {
        for (place, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.index(), place);
            assert_eq!(serde_json::to_value(fault).unwrap(), fault.name());
        }
    }

    /// Protects the shares: each fault comes about as often as asked, and no fault when none is asked for.
    #[test]
    fn shares_are_kept() {
        let faults = Faults::none().with(Fault::Reset, 0.2).with(Fault::Trickle, 0.3);
        let mut resets = 0;
        let mut trickles = 0;
        let count = 10_000;
        for conversation in 0..count {
            let draw = bits(5, conversation, 0, Purpose::Fault);
            assert_eq!(Faults::none().draw(draw), None);
            match faults.draw(draw) {
                Some(Fault::Reset) => resets += 1,
                Some(Fault::Trickle) => trickles += 1,
                Some(other) => panic!("{other:?} was never asked for"),
                None => {}
            }
        }
        // Five standard deviations.
        assert!((1800..=2200).contains(&resets), "{resets}");
        assert!((2770..=3230).contains(&trickles), "{trickles}");
        assert_eq!(
            Faults::none().with(Fault::Stall, 1.0).draw(u64::MAX),
            Some(Fault::Stall)
        );
    }
}
