//! What a run tells while it goes on.

use seatrial_types::Money;
use std::time::Duration;

/// The state of a run at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Samples of the plan, over all targets.
    pub planned: u64,
    /// Samples on record, those of earlier sessions included.
    pub finished: u64,
    /// Samples that were on record when this session began.
    pub finished_before: u64,
    /// Samples of this session that ended in an error.
    pub errors: u64,
    /// Calls under way.
    pub in_flight: usize,
    /// Money spent in this session; `None` where price or usage of any answer is unknown.
    pub cost: Option<Money>,
    /// Time since the session began.
    pub elapsed: Duration,
    /// Whether the run is ending early and waits for calls under way.
    pub stopping: bool,
}

impl Progress {
    /// Samples per second in this session; `None` before the first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for display")]
    pub fn rate_per_s(&self) -> Option<f64> {
        let done = self.finished.saturating_sub(self.finished_before);
        let seconds = self.elapsed.as_secs_f64();
        (done > 0 && seconds > 0.0).then(|| done as f64 / seconds)
    }
}
