//! Drift detection method for a stream of errors.

use super::detector::{Detector, Signal};
use crate::error::StatsError;

/// Drift detection method (DDM) for a stream of 0 (right) and 1 (error). After a drift it starts anew with the
/// next value.
///
/// With p the error rate so far and s = √(p(1−p)/n), the smallest p + s is remembered as (p_min, s_min) once
/// more than `warm_start` values were seen; a warning when p + s > p_min + `warning`·s_min, a drift when
/// p + s > p_min + `drift`·s_min. Looks at every value without correcting for it, so false alarms are frequent;
/// it is here because dashboards know it.
///
/// Source: Gama, Medas, Castillo, Rodrigues 2004.
///
/// ```
/// use seatrial_stats::drift::{Ddm, Detector, Signal};
/// let detector = Ddm::default();
/// let mut values: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i % 10 == 0))).collect();
/// values.extend([1.0; 30]);
/// let signals = detector.run(&mut detector.start()?, &values)?;
/// assert!(signals.iter().any(|&(at, signal)| at > 100 && signal == Signal::Drift));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddm {
    /// Values before the first possible signal.
    pub warm_start: u64,
    /// Standard deviations of a warning.
    pub warning: f64,
    /// Standard deviations of a drift.
    pub drift: f64,
}

impl Default for Ddm {
    /// 30 values, 2 and 3 standard deviations.
    fn default() -> Self {
        Self {
            warm_start: 30,
            warning: 2.0,
            drift: 3.0,
        }
    }
}

/// State of [`Ddm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DdmState {
    /// Values since the stream began.
    pub seen: u64,
    /// Values since the last reset.
    pub n: u64,
    /// Their error rate.
    pub p: f64,
    /// Error rate where p + s was smallest; `None` during the warm start.
    pub p_min: Option<f64>,
    /// s at that point.
    pub s_min: f64,
    /// Whether the last value was a drift, so that the next one starts anew.
    pub drifted: bool,
}

impl DdmState {
    fn fresh(seen: u64) -> Self {
        Self {
            seen,
            n: 0,
            p: 0.0,
            p_min: None,
            s_min: 0.0,
            drifted: false,
        }
    }
}

impl Detector for Ddm {
    type State = DdmState;

    fn start(&self) -> Result<DdmState, StatsError> {
        for (what, found) in [
            ("warning threshold", self.warning),
            ("drift threshold", self.drift),
        ] {
            if found.is_nan() {
                return Err(StatsError::OutOfRange {
                    what,
                    found,
                    expected: "a number of standard deviations",
                });
            }
        }
        Ok(DdmState::fresh(0))
    }

    fn step(&self, state: &mut DdmState, x: f64) -> Result<Signal, StatsError> {
        if x != 0.0 && x != 1.0 {
            return Err(StatsError::OutOfRange {
                what: "error indicator",
                found: x,
                expected: "0 or 1",
            });
        }
        let mut next = if state.drifted {
            DdmState::fresh(state.seen)
        } else {
            *state
        };
        next.seen += 1;
        next.n += 1;
        let n = next.n as f64;
        next.p += (x - next.p) / n;
        let s = (next.p * (1.0 - next.p) / n).max(0.0).sqrt();
        let mut signal = Signal::Quiet;
        if next.n > self.warm_start {
            let p_min = match next.p_min {
                Some(p_min) if next.p + s > p_min + next.s_min => p_min,
                _ => {
                    next.p_min = Some(next.p);
                    next.s_min = s;
                    next.p
                }
            };
            if next.p + s > p_min + self.drift * next.s_min {
                signal = Signal::Drift;
                next.drifted = true;
            } else if next.p + s > p_min + self.warning * next.s_min {
                signal = Signal::Warning;
            }
        }
        *state = next;
        Ok(signal)
    }

    fn seen(&self, state: &DdmState) -> u64 {
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
        fn in_parts(errors in prop::collection::vec(any::<bool>(), 0..200), cut in 0usize..200) {
            let values: Vec<f64> = errors.iter().map(|&e| f64::from(u8::from(e))).collect();
            parts_equal_whole(&Ddm { warm_start: 5, ..Ddm::default() }, &values, cut);
        }
    }

    /// Protects: only 0 and 1 are taken; nothing is signalled during the warm start.
    #[test]
    fn edges() {
        bad_value_changes_nothing(&Ddm::default(), 0.5);
        bad_value_changes_nothing(&Ddm::default(), f64::NAN);
        assert!(
            Ddm {
                drift: f64::NAN,
                ..Ddm::default()
            }
            .start()
            .is_err()
        );
        let detector = Ddm {
            warm_start: u64::MAX,
            ..Ddm::default()
        };
        assert!(
            detector
                .run(&mut detector.start().unwrap(), &[1.0; 100])
                .unwrap()
                .is_empty()
        );
    }
}
