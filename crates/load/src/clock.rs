//! The clock of a run. Apart so that every moment has the same zero, and because where it is read decides what is measured:
//! once per readable socket, before any of its bytes is looked at.

use std::time::{Duration, Instant};

/// Nanoseconds since the start of the run, never going back (`CLOCK_MONOTONIC`, read without a system call).
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    epoch: Instant,
}

impl RunClock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Nanoseconds since the zero.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        nanoseconds(self.epoch.elapsed())
    }
}

/// A duration in nanoseconds, at most 584 years.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// When bytes were read, and how long they may have waited for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Just before the read.
    pub(crate) at_ns: u64,
    /// Upper bound of the time that they lay in the socket because this client was busy or had no processor.
    pub(crate) lag_ns: u64,
}
