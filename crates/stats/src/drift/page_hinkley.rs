//! Page–Hinkley test: a cumulative sum of deviations from the running mean.

use super::detector::{Detector, Signal, finite_value, moderate};
use crate::error::StatsError;

/// Which changes of the mean count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeDirection {
    /// Increases.
    Up,
    /// Decreases.
    Down,
    /// Either.
    Both,
}

/// Page–Hinkley test with forgetting. After a drift it starts anew with the next value.
///
/// The sums S⁺ = αS⁺ + (x − mean) − δ and S⁻ = αS⁻ + (x − mean) + δ follow the deviations from the running
/// mean (this value included); a drift is signalled when S⁺ rises more than `threshold` above its minimum, or
/// S⁻ falls more than that below its maximum (which starts at −1), from `min_instances` values on. Without a
/// model of the values there is no false-alarm rate: tune on quiet data, or use
/// [`EDetector`](crate::sequential::EDetector), which has one.
///
/// Source: Page 1954; the forgetting two-sided form as in the river library.
///
/// ```
/// use seatrial_stats::drift::{Detector, PageHinkley, Signal};
/// let detector = PageHinkley { threshold: 5.0, ..PageHinkley::default() };
/// let mut values = vec![0.0; 50];
/// values.extend([1.0; 20]);
/// let signals = detector.run(&mut detector.start()?, &values)?;
/// assert_eq!(signals[0].1, Signal::Drift);
/// assert!((50..65).contains(&signals[0].0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkley {
    /// Values before the first possible drift.
    pub min_instances: u64,
    /// Deviations up to this size are tolerated.
    pub delta: f64,
    /// How far a sum must move.
    pub threshold: f64,
    /// Forgetting factor of the sums, 0 to 1; 1 never forgets.
    pub alpha: f64,
    /// Which changes count.
    pub direction: ChangeDirection,
}

impl Default for PageHinkley {
    /// The usual parameters: 30 values, δ 0.005, threshold 50, α 0.9999, both directions.
    fn default() -> Self {
        Self {
            min_instances: 30,
            delta: 0.005,
            threshold: 50.0,
            alpha: 0.9999,
            direction: ChangeDirection::Both,
        }
    }
}

/// State of [`PageHinkley`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkleyState {
    /// Values since the stream began.
    pub seen: u64,
    /// Values since the last reset.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// S⁺.
    pub increase: f64,
    /// Smallest S⁺.
    pub increase_min: f64,
    /// S⁻.
    pub decrease: f64,
    /// Largest S⁻.
    pub decrease_max: f64,
    /// Whether the last value was a drift, so that the next one starts anew.
    pub drifted: bool,
}

impl PageHinkleyState {
    fn fresh(seen: u64) -> Self {
        Self {
            seen,
            n: 0,
            mean: 0.0,
            increase: 0.0,
            increase_min: f64::INFINITY,
            decrease: 0.0,
            decrease_max: -1.0,
            drifted: false,
        }
    }
}

impl Detector for PageHinkley {
    type State = PageHinkleyState;

    fn start(&self) -> Result<PageHinkleyState, StatsError> {
        moderate("delta", self.delta)?;
        moderate("threshold", self.threshold)?;
        crate::error::closed_unit("alpha", self.alpha)?;
        Ok(PageHinkleyState::fresh(0))
    }

    fn step(&self, state: &mut PageHinkleyState, x: f64) -> Result<Signal, StatsError> {
        finite_value(x, state.seen)?;
        let mut next = if state.drifted {
            PageHinkleyState::fresh(state.seen)
        } else {
            *state
        };
        next.seen += 1;
        next.n += 1;
        next.mean += (x - next.mean) / next.n as f64;
        let deviation = x - next.mean;
        next.increase = self.alpha * next.increase + deviation - self.delta;
        next.decrease = self.alpha * next.decrease + deviation + self.delta;
        next.increase_min = next.increase_min.min(next.increase);
        next.decrease_max = next.decrease_max.max(next.decrease);
        if next.n >= self.min_instances {
            let up = next.increase - next.increase_min > self.threshold;
            let down = next.decrease_max - next.decrease > self.threshold;
            next.drifted = match self.direction {
                ChangeDirection::Up => up,
                ChangeDirection::Down => down,
                ChangeDirection::Both => up || down,
            };
        }
        *state = next;
        Ok(if next.drifted {
            Signal::Drift
        } else {
            Signal::Quiet
        })
    }

    fn seen(&self, state: &PageHinkleyState) -> u64 {
        state.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::detector::tests::{bad_value_changes_nothing, parts_equal_whole};
    use proptest::prelude::*;

    proptest! {
        /// Protects: a stream in parts gives the signals of the whole stream.
        #[test]
        fn in_parts(values in prop::collection::vec(-5.0f64..5.0, 0..200), cut in 0usize..200) {
            let detector = PageHinkley { threshold: 8.0, min_instances: 5, ..PageHinkley::default() };
            parts_equal_whole(&detector, &values, cut);
        }
    }

    /// Protects: directions, bad values and bad parameters.
    #[test]
    fn edges() {
        let mut values = vec![5.0; 40];
        values.extend([0.0; 40]);
        let only = |direction| {
            let detector = PageHinkley {
                threshold: 5.0,
                direction,
                ..PageHinkley::default()
            };
            detector
                .run(&mut detector.start().unwrap(), &values)
                .unwrap()
                .len()
        };
        assert_eq!(only(ChangeDirection::Up), 0);
        assert!(only(ChangeDirection::Down) > 0 && only(ChangeDirection::Both) > 0);
        bad_value_changes_nothing(&PageHinkley::default(), f64::NAN);
        assert!(
            PageHinkley {
                alpha: 1.5,
                ..PageHinkley::default()
            }
            .start()
            .is_err()
        );
        assert!(
            PageHinkley {
                delta: f64::NAN,
                ..PageHinkley::default()
            }
            .start()
            .is_err()
        );
    }
}
