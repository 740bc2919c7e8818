//! What the loop says about itself while it runs: histograms of its own lateness. Apart from the records because it must
//! hold for every event of a run, however long, in memory that does not grow.

use hdrhistogram::Histogram;

/// Longest time that a histogram holds apart; longer ones count as this.
const LONGEST_US: u64 = 3_600_000_000;
/// Significant digits: relative error at most 0.1 %.
const DIGITS: u8 = 3;

/// A histogram of times: from 1 µs (0.1 % above 2 ms) to an hour, mergeable without loss.
#[derive(Debug, Clone)]
pub struct TimeHistogram(Histogram<u64>);

impl Default for TimeHistogram {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Self(histogram.expect("the bounds are constants that fit"))
    }
}

impl TimeHistogram {
    /// Counts a time in nanoseconds.
    pub fn add_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns / 1000);
    }

    /// Counts a time in milliseconds; what is no time counts as 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most an hour, and the cast saturates"
    )]
    pub fn add_ms(&mut self, ms: f64) {
        self.0.saturating_record((ms * 1000.0).max(0.0) as u64);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        // Fails only for bounds that differ, and they are constants.
        let _ = self.0.add(&other.0);
    }

    /// The `q` quantile (0 to 1) in milliseconds; `None` where nothing was counted.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "microseconds of at most an hour")]
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(q) as f64 / 1000.0)
    }

    /// Times counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether none was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The histogram itself, in microseconds, for logs that other tools read.
    #[must_use]
    pub const fn as_histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

/// Lateness of one loop, and what gaps may have been without it; requests of measurement only.
#[derive(Debug, Clone, Default)]
pub struct Gauge {
    /// How long what was read may have waited, once per read; an upper bound.
    pub read_lag: TimeHistogram,
    /// From due to given to the kernel, once per request.
    pub send_lag: TimeHistogram,
    /// Gaps as they were stamped.
    pub gaps: TimeHistogram,
    /// Shortest that the same gaps can have been at the socket.
    pub gaps_low: TimeHistogram,
    /// Longest that they can have been.
    pub gaps_high: TimeHistogram,
    /// Reads.
    pub reads: u64,
    /// Largest number of bytes that lay in a socket when it was read.
    pub backlog_bytes_max: u64,
}

impl Gauge {
    /// Adds what another loop saw.
    pub fn merge(&mut self, other: &Self) {
        self.read_lag.merge(&other.read_lag);
        self.send_lag.merge(&other.send_lag);
        self.gaps.merge(&other.gaps);
        self.gaps_low.merge(&other.gaps_low);
        self.gaps_high.merge(&other.gaps_high);
        self.reads += other.reads;
        self.backlog_bytes_max = self.backlog_bytes_max.max(other.backlog_bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects figures of several loops: merged histograms are the histogram of all.
        #[test]
        fn merging_is_counting_together(a in proptest::collection::vec(0_u64..10_000_000_000, 0..50), b in proptest::collection::vec(0_u64..10_000_000_000, 0..50)) {
            let (mut first, mut second, mut both) = (TimeHistogram::default(), TimeHistogram::default(), TimeHistogram::default());
            for ns in &a { first.add_ns(*ns); both.add_ns(*ns); }
            for ns in &b { second.add_ns(*ns); both.add_ns(*ns); }
            first.merge(&second);
            prop_assert_eq!(first.len(), both.len());
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(first.quantile_ms(q), both.quantile_ms(q));
            }
        }
    }

    /// Protects the promised precision.
    #[test]
    fn quantiles_are_exact_to_a_thousandth() {
        let mut histogram = TimeHistogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        histogram.add_ns(123_456_789);
        let found = histogram.quantile_ms(0.5).unwrap();
        assert!((found / 123.456_789 - 1.0).abs() < 0.001, "{found}");
    }
}
