//! Little's law at work on the tool itself: wherever requests are neither lost nor invented, the mean number under way is
//! throughput times latency. Apart because it checks the loop from outside: one side is what the loops counted as they
//! went, the other what their records say.

use crate::record::Recording;

/// Largest mismatch that is not worth a word, as a share…
pub const MISMATCH_MAX: f64 = 0.02;
/// … or as time of each request, milliseconds: between counting a request and sending it, and between its last byte and
/// counting that, this client works, which shows where answers take next to no time.
pub const MISMATCH_MS_MIN: f64 = 0.5;

/// Both sides of the law over the measured stretch.
///
/// Answers that straddle an edge count with the part that lies inside. So both sides are equal for any stretch, however
/// short, and a difference has no innocent explanation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LittlesLaw {
    /// Mean number of requests under way, as the loops counted.
    pub in_flight: f64,
    /// Requests per second times their mean time from connecting or sending to the last byte, from the records.
    pub rate_times_latency: f64,
    /// The difference, for each request under way in the stretch, milliseconds.
    pub per_request_ms: f64,
}

impl LittlesLaw {
    /// From the records, and what the loops counted. `None` where nothing was under way in the measured stretch.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "sums of times")]
    pub fn of(recording: &Recording, in_flight: Option<f64>) -> Option<Self> {
        let in_flight = in_flight.filter(|mean| *mean > 0.0)?;
        let (from, to) = (recording.measured_from_ns, recording.measured_to_ns);
        let length = to.checked_sub(from).filter(|length| *length > 0)? as f64;
        let (mut total, mut n) = (0.0, 0_u64);
        for request in recording.requests() {
            let begin = request.sent_ns.map_or(request.due_ns, |sent| {
                sent.saturating_sub(request.connecting_ns())
            });
            let inside_ns = request.end_ns.min(to).saturating_sub(begin.max(from));
            total += inside_ns as f64;
            n += u64::from(inside_ns > 0);
        }
        Some(Self {
            in_flight,
            rate_times_latency: total / length,
            per_request_ms: (in_flight * length - total).abs() / n.max(1) as f64 / 1e6,
        })
    }

    /// The difference as a share of the mean number under way.
    #[must_use]
    pub fn mismatch(&self) -> f64 {
        (self.rate_times_latency - self.in_flight).abs() / self.in_flight
    }

    /// Whether the law is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.mismatch() > MISMATCH_MAX && self.per_request_ms > MISMATCH_MS_MIN
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
            ..Recording::default()
        }
    }

    /// Protects the check: it holds for a sound recording, and is broken by one that lost every tenth request.
    #[test]
    fn losses_break_the_law() {
        let mut recording = steady(4);
        let law = LittlesLaw::of(&recording, Some(4.0)).unwrap();
        assert!(law.mismatch() < 0.001, "{law:?}");
        assert!(!law.is_broken());
        // Any stretch will do.
        recording.measured_from_ns = 333_000_000;
        recording.measured_to_ns = 351_000_000;
        let short = LittlesLaw::of(&recording, Some(4.0)).unwrap();
        assert!(short.mismatch() < 0.001, "{short:?}");
        recording.measured_from_ns = 0;
        recording.measured_to_ns = 1_000_000_000;
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
