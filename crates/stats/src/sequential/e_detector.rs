//! E-detectors: change detectors whose average time to a false alarm is bounded without a distribution.

use super::unit_value;
use crate::drift::{Detector, Signal};
use crate::error::{StatsError, closed_unit, open_unit};

/// How evidence from different starting points is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EDetectorKind {
    /// Sum over starting points: M = L·(M + 1).
    ShiryaevRoberts,
    /// Largest over starting points: M = L·max(M, 1).
    Cusum,
}

/// Watches a stream of values in [0, 1] for a fall of the mean below `m0`.
///
/// Each value multiplies the evidence by L = 1 + λ(m₀ − x), whose expectation is at most 1 while the mean is at
/// least m₀. Signals a drift at every value that leaves the evidence at 1/α or above; without a change the
/// average number of values before the first alarm is at least 1/α, whatever the distribution. Larger λ is
/// quicker for large falls; λ ≤ 1/(1 − m₀) keeps evidence from becoming negative. To watch for a rise, push
/// 1 − x with 1 − m₀.
///
/// Source: Shin, Ramdas, Rinaldo 2022.
///
/// ```
/// use seatrial_stats::drift::{Detector, Signal};
/// use seatrial_stats::sequential::{EDetector, EDetectorKind};
/// let watch = EDetector { m0: 0.9, lambda: 0.5, alpha: 0.01, kind: EDetectorKind::ShiryaevRoberts };
/// let mut values = vec![0.95; 50];
/// values.extend([0.4; 20]);
/// let alarms = watch.run(&mut watch.start()?, &values)?;
/// assert!((50..60).contains(&alarms[0].0));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EDetector {
    /// Mean below which the stream has fallen, in [0, 1].
    pub m0: f64,
    /// The bet, in (0, 1/(1 − m0)].
    pub lambda: f64,
    /// One over the average number of values to a false alarm, strictly between 0 and 1.
    pub alpha: f64,
    /// How evidence is put together.
    pub kind: EDetectorKind,
}

/// State of [`EDetector`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EDetectorState {
    /// Values since the stream began.
    pub seen: u64,
    /// Evidence for a change.
    pub evidence: f64,
}

impl Detector for EDetector {
    type State = EDetectorState;

    fn start(&self) -> Result<EDetectorState, StatsError> {
        closed_unit("m0", self.m0)?;
        open_unit("alpha", self.alpha)?;
        if !(self.lambda > 0.0 && self.lambda.is_finite() && self.lambda * (1.0 - self.m0) <= 1.0) {
            return Err(StatsError::OutOfRange {
                what: "lambda",
                found: self.lambda,
                expected: "a number in (0, 1/(1 - m0)]",
            });
        }
        Ok(EDetectorState {
            seen: 0,
            evidence: 0.0,
        })
    }

    fn step(&self, state: &mut EDetectorState, x: f64) -> Result<Signal, StatsError> {
        unit_value(x)?;
        // Rounding may leave a factor of −1e-17 where it should be 0.
        let factor = (1.0 + self.lambda * (self.m0 - x)).max(0.0);
        let start = match self.kind {
            EDetectorKind::ShiryaevRoberts => state.evidence + 1.0,
            EDetectorKind::Cusum => state.evidence.max(1.0),
        };
        state.seen += 1;
        // Kept finite, so that a factor of 0 can still clear it.
        state.evidence = (factor * start).min(f64::MAX);
        Ok(if state.evidence >= 1.0 / self.alpha {
            Signal::Drift
        } else {
            Signal::Quiet
        })
    }

    fn seen(&self, state: &EDetectorState) -> u64 {
        state.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WATCH: EDetector = EDetector {
        m0: 0.6,
        lambda: 0.8,
        alpha: 0.02,
        kind: EDetectorKind::ShiryaevRoberts,
    };

    proptest! {
        /// Protects: evidence is never negative, the sum is never below the maximum, parts equal the whole.
        #[test]
        fn in_parts(values in prop::collection::vec(0.0f64..=1.0, 0..120), cut in 0usize..120) {
            let cusum = EDetector { kind: EDetectorKind::Cusum, ..WATCH };
            let cut = cut.min(values.len());
            let (mut sr, mut cu) = (WATCH.start().unwrap(), cusum.start().unwrap());
            for &x in &values {
                WATCH.step(&mut sr, x).unwrap();
                cusum.step(&mut cu, x).unwrap();
                prop_assert!(cu.evidence >= 0.0 && sr.evidence >= cu.evidence - 1e-12 * cu.evidence);
            }
            let mut parts = WATCH.start().unwrap();
            let mut signals = WATCH.run(&mut parts, &values[..cut]).unwrap();
            signals.extend(WATCH.run(&mut parts, &values[cut..]).unwrap());
            prop_assert_eq!(parts, sr);
            prop_assert_eq!(signals, WATCH.run(&mut WATCH.start().unwrap(), &values).unwrap());
        }
    }

    /// Protects: bets that could lose more than everything are refused; endless evidence stays finite.
    #[test]
    fn edges() {
        assert!(EDetector { lambda: 2.6, ..WATCH }.start().is_err());
        assert!(EDetector { lambda: 0.0, ..WATCH }.start().is_err());
        assert!(EDetector { m0: 1.1, ..WATCH }.start().is_err());
        assert!(EDetector { alpha: 0.0, ..WATCH }.start().is_err());
        let all_in = EDetector { lambda: 2.5, ..WATCH };
        let mut state = all_in.start().unwrap();
        all_in.run(&mut state, &[0.0; 5000]).unwrap();
        assert_eq!(state.evidence, f64::MAX);
        all_in.step(&mut state, 1.0).unwrap();
        assert!(state.evidence.is_finite());
        let before = state;
        assert!(all_in.step(&mut state, 1.5).is_err() && all_in.step(&mut state, f64::NAN).is_err());
        assert_eq!(state, before);
    }
}
