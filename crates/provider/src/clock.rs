//! The one monotonic clock of a measuring process. Apart so that every stamp of a call has the same zero.

use tokio::time::Instant;

/// Nanoseconds since one moment of this process, never going back.
///
/// Start one per process and copy it: stamps of two clocks must not be compared. It follows tokio's clock, which is
/// the system's monotonic clock outside tests with paused time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Nanoseconds from the zero to now.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.ns_of(Instant::now())
    }

    /// Nanoseconds from the zero to `moment`; 0 for moments before it, and at most 584 years.
    #[must_use]
    pub fn ns_of(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.epoch);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Protects the order of stamps: moments before the zero do not wrap around.
    #[test]
    fn never_wraps() {
        let before = Instant::now();
        let clock = Clock {
            epoch: before + Duration::from_secs(1),
        };
        assert_eq!(clock.ns_of(before), 0);
        assert_eq!(clock.ns_of(before + Duration::from_millis(1500)), 500_000_000);
    }
}
