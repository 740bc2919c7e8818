//! Adaptive windowing: a window that forgets its older part when the means of the two parts differ.

use super::detector::{Detector, Signal, finite_value};
use crate::error::{StatsError, open_unit};

/// ADWIN with exponential buckets. After a drift it starts anew with the next value.
///
/// The window is kept as buckets of 1, 2, 4, … values, at most `max_buckets` of each size, so memory grows with
/// its logarithm. Every `clock` values, from `grace_period` values on, each boundary between buckets is tried as
/// a cut into an older part (n₀ values) and a newer part (n₁), each of at least `min_window_length` values; there
/// is a drift if their means differ by more than √(2·m·v·d) + ⅔·m·d, with v the variance of the window, d =
/// ln(2·ln(n)/δ) and m = 1/(n₀−w+1) + 1/(n₁−w+1), w the minimum length. The oldest bucket is then dropped and
/// the cuts tried again.
///
/// The cuts are those of the river library, which never tries the last bucket of a size and counts it to the
/// newer part. For values in [0, 1] the paper bounds false alarms per cut by δ; the bound here uses the normal
/// approximation, so treat δ as a sensitivity.
///
/// Source: Bifet and Gavaldà 2007.
///
/// ```
/// use seatrial_stats::drift::{Adwin, Detector, Signal};
/// let detector = Adwin::default();
/// let mut values: Vec<f64> = (0..500).map(|i| f64::from(i % 7)).collect();
/// values.extend((0..500).map(|i| 4.0 + f64::from(i % 7)));
/// let mut state = detector.start()?;
/// let signals = detector.run(&mut state, &values)?;
/// assert_eq!(signals.len(), 1);
/// assert!((500..600).contains(&signals[0].0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adwin {
    /// Sensitivity, strictly between 0 and 1; smaller is calmer.
    pub delta: f64,
    /// How many values between two checks, at least 1.
    pub clock: u64,
    /// Buckets of one size before two of them merge, at least 1.
    pub max_buckets: usize,
    /// Least number of values in either part, at least 1.
    pub min_window_length: u64,
    /// No check before the window holds more values than this.
    pub grace_period: u64,
}

impl Default for Adwin {
    /// δ 0.002, checked every 32 values, 5 buckets, parts of 5, grace of 10.
    fn default() -> Self {
        Self {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_window_length: 5,
            grace_period: 10,
        }
    }
}

/// A run of neighbouring values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdwinBucket {
    /// Their sum.
    pub total: f64,
    /// Their sum of squared deviations from their mean.
    pub squares: f64,
}

/// State of [`Adwin`].
///
/// ```
/// use seatrial_stats::drift::{Adwin, Detector};
/// let adwin = Adwin::default();
/// let mut state = adwin.start()?;
/// for x in [1.0, 2.0, 3.0] {
///     adwin.step(&mut state, x)?;
/// }
/// assert_eq!(state.mean(), 2.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AdwinState {
    /// Values since the stream began.
    pub seen: u64,
    /// Values since the last reset.
    pub n: u64,
    /// Buckets by size (entry i: 2^i values each), oldest first within a size.
    pub rows: Vec<Vec<AdwinBucket>>,
    /// Values in the window.
    pub width: f64,
    /// Their sum.
    pub total: f64,
    /// Their sum of squared deviations from their mean.
    pub squares: f64,
    /// Whether the last value was a drift, so that the next one starts anew.
    pub drifted: bool,
}

impl AdwinState {
    fn fresh(seen: u64) -> Self {
        Self {
            seen,
            n: 0,
            rows: vec![Vec::new()],
            width: 0.0,
            total: 0.0,
            squares: 0.0,
            drifted: false,
        }
    }

    /// Mean of the window; 0 where it is empty.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.width == 0.0 {
            0.0
        } else {
            self.total / self.width
        }
    }

    fn insert(&mut self, x: f64, max_buckets: usize) {
        if self.width > 0.0 {
            let deviation = x - self.total / self.width;
            self.squares += self.width * deviation * deviation / (self.width + 1.0);
        }
        self.width += 1.0;
        self.total += x;
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        self.rows[0].push(AdwinBucket {
            total: x,
            squares: 0.0,
        });
        let mut size = 1.0;
        for row in 0.. {
            if self.rows[row].len() <= max_buckets {
                break;
            }
            let (a, b) = (self.rows[row][0], self.rows[row][1]);
            self.rows[row].drain(..2);
            let gap = a.total / size - b.total / size;
            if row + 1 == self.rows.len() {
                self.rows.push(Vec::new());
            }
            self.rows[row + 1].push(AdwinBucket {
                total: a.total + b.total,
                squares: a.squares + b.squares + 0.5 * size * gap * gap,
            });
            size *= 2.0;
        }
    }

    /// Drops the oldest bucket. The window keeps at least one value: a cut leaves values on both sides.
    fn forget_oldest(&mut self) {
        while self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
        let Some(row) = self.rows.last_mut() else {
            return;
        };
        let bucket = row.remove(0);
        let row_is_empty = row.is_empty();
        let n = bucket_size(self.rows.len() - 1);
        if row_is_empty {
            self.rows.pop();
        }
        self.width -= n;
        self.total -= bucket.total;
        let gap = bucket.total / n - self.mean();
        self.squares -= bucket.squares + n * self.width * gap * gap / (n + self.width);
    }
}

/// Number of values in a bucket of this row.
fn bucket_size(row: usize) -> f64 {
    2f64.powi(i32::try_from(row).unwrap_or(i32::MAX))
}

impl Adwin {
    /// Whether some cut separates two different means.
    fn finds_cut(&self, state: &AdwinState) -> bool {
        let (mut n0, mut total0) = (0.0, 0.0);
        for (row, buckets) in state.rows.iter().enumerate().rev() {
            let size = bucket_size(row);
            for bucket in buckets.iter().take(buckets.len().saturating_sub(1)) {
                n0 += size;
                total0 += bucket.total;
                let n1 = state.width - n0;
                let gap = total0 / n0 - (state.total - total0) / n1;
                let least = self.min_window_length as f64;
                if n0 >= least && n1 >= least && gap.abs() > self.tolerance(state, n0, n1) {
                    return true;
                }
            }
        }
        false
    }

    fn tolerance(&self, state: &AdwinState, n0: f64, n1: f64) -> f64 {
        let least = self.min_window_length as f64;
        let m = 1.0 / (n0 - least + 1.0) + 1.0 / (n1 - least + 1.0);
        let d = (2.0 * state.width.ln() / self.delta).ln();
        let variance = state.squares / state.width;
        (2.0 * m * variance * d).sqrt() + 2.0 / 3.0 * d * m
    }
}

impl Detector for Adwin {
    type State = AdwinState;

    fn start(&self) -> Result<AdwinState, StatsError> {
        open_unit("delta", self.delta)?;
        for (what, found) in [
            ("clock", self.clock),
            ("max_buckets", self.max_buckets as u64),
            ("min_window_length", self.min_window_length),
        ] {
            if found == 0 {
                return Err(StatsError::OutOfRange {
                    what,
                    found: 0.0,
                    expected: "at least 1",
                });
            }
        }
        Ok(AdwinState::fresh(0))
    }

    fn step(&self, state: &mut AdwinState, x: f64) -> Result<Signal, StatsError> {
        finite_value(x, state.seen)?;
        if state.drifted {
            *state = AdwinState::fresh(state.seen);
        }
        state.seen += 1;
        state.n += 1;
        state.insert(x, self.max_buckets);
        if state.n.is_multiple_of(self.clock) && state.width > self.grace_period as f64 {
            while self.finds_cut(state) {
                state.drifted = true;
                state.forget_oldest();
            }
        }
        Ok(if state.drifted {
            Signal::Drift
        } else {
            Signal::Quiet
        })
    }

    fn seen(&self, state: &AdwinState) -> u64 {
        state.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::detector::tests::{bad_value_changes_nothing, parts_equal_whole};
    use proptest::prelude::*;

    proptest! {
        /// Protects: a stream in parts gives the signals of the whole stream; the buckets are the window.
        #[test]
        fn in_parts(
            before in prop::collection::vec(0.0f64..1.0, 0..150),
            after in prop::collection::vec(0.5f64..3.0, 0..150),
            cut in 0usize..300,
            max_buckets in 1usize..6,
        ) {
            let detector = Adwin { clock: 4, max_buckets, ..Adwin::default() };
            let values: Vec<f64> = before.into_iter().chain(after).collect();
            parts_equal_whole(&detector, &values, cut);
            let mut state = detector.start().unwrap();
            detector.run(&mut state, &values).unwrap();
            let held: f64 =
                state.rows.iter().enumerate().map(|(row, b)| bucket_size(row) * b.len() as f64).sum();
            let total: f64 = state.rows.iter().flatten().map(|bucket| bucket.total).sum();
            prop_assert_eq!(held, state.width);
            prop_assert!((total - state.total).abs() < 1e-9 && state.squares > -1e-9);
            prop_assert!(state.rows.iter().all(|row| row.len() <= max_buckets));
        }
    }

    /// Protects: bad values and parameters are errors; checks at every value of tiny windows do not panic.
    #[test]
    fn edges() {
        bad_value_changes_nothing(&Adwin::default(), f64::NAN);
        bad_value_changes_nothing(&Adwin::default(), 1e200);
        assert!(
            Adwin {
                delta: 0.0,
                ..Adwin::default()
            }
            .start()
            .is_err()
        );
        assert!(
            Adwin {
                clock: 0,
                ..Adwin::default()
            }
            .start()
            .is_err()
        );
        assert!(
            Adwin {
                max_buckets: 0,
                ..Adwin::default()
            }
            .start()
            .is_err()
        );
        let eager = Adwin {
            clock: 1,
            grace_period: 0,
            min_window_length: 1,
            delta: 0.9,
            ..Adwin::default()
        };
        let mut state = eager.start().unwrap();
        eager
            .run(&mut state, &[0.0, 0.0, 1e9, 1e9, -1e140, 1e140, 3.0, 3.0])
            .unwrap();
        assert!(state.mean().is_finite());
    }
}
