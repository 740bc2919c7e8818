//! Little's law at work on the tool itself: wherever requests are neither lost nor invented, the mean number under way is
//! throughput times latency. Apart because it checks the loop from outside: one side is what the loops counted as they
//! went, the other what their records say.

use crate::record::Recording;

/// Largest mismatch that is not worth a word, as a share.
pub const MISMATCH_MAX: f64 = 0.02;

/// Both sides of the law over the measured stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LittlesLaw {
    /// Mean number of requests under way, as the loops counted.
    pub in_flight: f64,
    /// Requests per second times their mean time from sent to the last byte, from the records.
    pub rate_times_latency: f64,
    /// How far the two may differ because answers straddle the edges of the stretch, as a share.
    pub edge: f64,
}

impl LittlesLaw {
    /// From the records, and what the loops counted. `None` where nothing ended in the measured stretch.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sums of times")]
    pub fn of(recording: &Recording, in_flight: Option<f64>) -> Option<Self> {
        let in_flight = in_flight.filter(|mean| *mean > 0.0)?;
        let (from, to) = (recording.measured_from_ns, recording.measured_to_ns);
        let length = to.checked_sub(from).filter(|length| *length > 0)? as f64;
        let (mut n, mut total) = (0_u64, 0.0);
        for request in recording.requests() {
            let Some(sent_ns) = request.sent_ns else { continue };
            if request.end_ns > from && request.end_ns <= to {
                n += 1;
                total += request.end_ns.saturating_sub(sent_ns) as f64;
            }
        }
        (n > 0).then(|| Self {
            in_flight,
            rate_times_latency: total / length,
            edge: total / n as f64 / length,
        })
    }

    /// The difference as a share of the mean number under way.
    #[must_use]
    pub fn mismatch(&self) -> f64 {
        (self.rate_times_latency - self.in_flight).abs() / self.in_flight
    }

    /// Whether the law is broken by more than the edges explain.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.mismatch() > MISMATCH_MAX + self.edge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Outcome, Phase, RequestRecord, WorkerRecording};

    /// Requests one behind the other, each of 10 ms, on `users` connections for a second.
    fn steady(users: u64) -> Recording {
        let mut requests = Vec::new();
        for user in 0..users {
            for i in 0..100 {
                requests.push(RequestRecord {
                    phase: Phase::Measured,
                    outcome: Outcome::Ok,
                    sent_ns: Some(i * 10_000_000 + user),
                    end_ns: (i + 1) * 10_000_000 + user,
                    ..RequestRecord::default()
                });
            }
        }
        Recording {
            workers: vec![WorkerRecording {
                requests,
                ..WorkerRecording::default()
            }],
            measured_from_ns: 0,
            measured_to_ns: 1_000_000_000,
            ended_ns: 1_000_000_000,
        }
    }

    /// Protects the check: it holds for a sound recording, and is broken by one that lost every tenth request.
    #[test]
    fn losses_break_the_law() {
        let mut recording = steady(4);
        let law = LittlesLaw::of(&recording, Some(4.0)).unwrap();
        assert!(law.mismatch() < 0.02, "{law:?}");
        assert!(!law.is_broken());
        let requests = &mut recording.workers[0].requests;
        let mut i = 0;
        requests.retain(|_| {
            i += 1;
            i % 10 != 0
        });
        assert!(LittlesLaw::of(&recording, Some(4.0)).unwrap().is_broken());
        assert_eq!(LittlesLaw::of(&recording, None), None);
        assert_eq!(LittlesLaw::of(&Recording::default(), Some(1.0)), None);
    }
}
