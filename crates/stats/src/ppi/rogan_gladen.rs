//! The true rate behind a judge's positive rate, given how often the judge is right on positives and on
//! negatives.

use crate::Interval;
use crate::dist::normal_quantile;
use crate::error::{StatsError, at_least, open_unit};

/// What a judge said of the target, and how it did on two calibration sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgeCounts {
    /// Positive verdicts on the target.
    pub positive: u64,
    /// Items of the target.
    pub n: u64,
    /// Positive verdicts on items known to be positive.
    pub true_positive: u64,
    /// Items known to be positive.
    pub known_positive: u64,
    /// Negative verdicts on items known to be negative.
    pub true_negative: u64,
    /// Items known to be negative.
    pub known_negative: u64,
}

/// What [`rogan_gladen`] and [`lang_reiczigel`] return.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectedRate {
    /// The estimate as the formula gives it; may leave [0, 1] when the judge's rate does not fit its record.
    pub estimate: f64,
    /// The estimate clipped to [0, 1].
    pub clipped: f64,
    /// Standard error (of the adjusted estimate for [`lang_reiczigel`]).
    pub se: f64,
    /// Interval, clipped to [0, 1].
    pub interval: Interval,
    /// Youden's J of the judge as used, sensitivity + specificity − 1. Below about 0.2 the correction divides
    /// by almost nothing: do not report it.
    pub youden: f64,
}

impl CorrectedRate {
    /// Whether the judge separates well enough (|J| at least 0.2) for the correction to mean something.
    #[must_use]
    pub fn usable(&self) -> bool {
        self.youden.abs() >= 0.2
    }
}

/// The true positive rate of the target behind a judge's positive rate q:
/// (q + specificity − 1)/(sensitivity + specificity − 1), with a delta-method interval at level `confidence`.
///
/// Sensitivity and specificity may come from sets enriched with positives, unlike the labels of
/// prediction-powered inference, but must hold for the target's items. The interval is too narrow for small
/// calibration sets; [`lang_reiczigel`] has better coverage.
///
/// # Errors
/// No items in one of the three sets, more successes than items, a judge with sensitivity + specificity of
/// exactly 1 (it knows nothing), a confidence outside (0, 1).
///
/// Source: Rogan and Gladen 1978.
///
/// ```
/// use seatrial_stats::ppi::{JudgeCounts, rogan_gladen};
/// let counts = JudgeCounts {
///     positive: 300, n: 1000, true_positive: 90, known_positive: 100, true_negative: 80, known_negative: 100,
/// };
/// let r = rogan_gladen(counts, 0.95)?;
/// assert!((r.estimate - 0.1 / 0.7).abs() < 1e-12 && r.usable());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn rogan_gladen(counts: JudgeCounts, confidence: f64) -> Result<CorrectedRate, StatsError> {
    counts.check(confidence)?;
    let z = normal_quantile(0.5 + 0.5 * confidence);
    let rates = Rates {
        q: counts.positive as f64 / counts.n as f64,
        n: counts.n as f64,
        sensitivity: counts.true_positive as f64 / counts.known_positive as f64,
        positives: counts.known_positive as f64,
        specificity: counts.true_negative as f64 / counts.known_negative as f64,
        negatives: counts.known_negative as f64,
    };
    rates.corrected(z, false)
}

/// [`rogan_gladen`] with Lang and Reiczigel's adjustments: one success in two added to each calibration set,
/// z²/2 in z² to the target, and the centre shifted for the curvature of the formula. Prefer this one.
///
/// `estimate` is the adjusted estimate before the shift of the interval's centre, so with extreme counts it can
/// lie outside the interval.
///
/// # Errors
/// As [`rogan_gladen`], for the adjusted rates.
///
/// Source: Lang and Reiczigel 2014.
///
/// ```
/// use seatrial_stats::ppi::{JudgeCounts, lang_reiczigel};
/// let perfect_so_far = JudgeCounts {
///     positive: 50, n: 1000, true_positive: 20, known_positive: 20, true_negative: 20, known_negative: 20,
/// };
/// let r = lang_reiczigel(perfect_so_far, 0.95)?;
/// assert!(r.interval.low == 0.0 && r.interval.high > 0.06);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn lang_reiczigel(counts: JudgeCounts, confidence: f64) -> Result<CorrectedRate, StatsError> {
    counts.check(confidence)?;
    let z = normal_quantile(0.5 + 0.5 * confidence);
    let (n, positives, negatives) = (
        counts.n as f64 + z * z,
        counts.known_positive as f64 + 2.0,
        counts.known_negative as f64 + 2.0,
    );
    let rates = Rates {
        q: (counts.positive as f64 + 0.5 * z * z) / n,
        n,
        sensitivity: (counts.true_positive as f64 + 1.0) / positives,
        positives,
        specificity: (counts.true_negative as f64 + 1.0) / negatives,
        negatives,
    };
    rates.corrected(z, true)
}

impl JudgeCounts {
    fn check(&self, confidence: f64) -> Result<(), StatsError> {
        open_unit("confidence", confidence)?;
        for (what, successes, items) in [
            ("target", self.positive, self.n),
            ("known positives", self.true_positive, self.known_positive),
            ("known negatives", self.true_negative, self.known_negative),
        ] {
            at_least(what, usize::try_from(items).unwrap_or(usize::MAX), 1)?;
            if successes > items {
                return Err(StatsError::OutOfRange {
                    what,
                    found: successes as f64,
                    expected: "no more successes than items",
                });
            }
        }
        Ok(())
    }
}

/// The three rates and their denominators, adjusted or not.
struct Rates {
    q: f64,
    n: f64,
    sensitivity: f64,
    positives: f64,
    specificity: f64,
    negatives: f64,
}

impl Rates {
    fn corrected(&self, z: f64, shifted: bool) -> Result<CorrectedRate, StatsError> {
        let youden = self.sensitivity + self.specificity - 1.0;
        // A difference this small is rounding of rates that add up to 1.
        if youden.abs() < 1e-12 {
            return Err(StatsError::Undefined {
                what: "corrected rate",
                why: "the judge is positive as often on negatives as on positives",
            });
        }
        let estimate = (self.q + self.specificity - 1.0) / youden;
        let from_target = self.q * (1.0 - self.q) / self.n;
        let from_positives = self.sensitivity * (1.0 - self.sensitivity) / self.positives;
        let from_negatives = self.specificity * (1.0 - self.specificity) / self.negatives;
        let variance = from_target
            + estimate * estimate * from_positives
            + (1.0 - estimate) * (1.0 - estimate) * from_negatives;
        let se = variance.sqrt() / youden.abs();
        let shift = if shifted {
            2.0 * z * z * (estimate * from_positives - (1.0 - estimate) * from_negatives)
        } else {
            0.0
        };
        Ok(CorrectedRate {
            estimate,
            clipped: estimate.clamp(0.0, 1.0),
            se,
            interval: Interval::around(estimate + shift, z * se).clamped(0.0, 1.0),
            youden,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts() -> impl Strategy<Value = JudgeCounts> {
        (0u64..200, 0u64..200, 0u64..50, 0u64..50, 0u64..50, 0u64..50).prop_map(|(k, a, tp, b, tn, c)| {
            JudgeCounts {
                positive: k,
                n: k + a,
                true_positive: tp,
                known_positive: tp + b,
                true_negative: tn,
                known_negative: tn + c,
            }
        })
    }

    proptest! {
        /// Protects: intervals are ordered parts of [0, 1], and a perfect judge is taken at its word.
        #[test]
        fn ranges(counts in counts()) {
            for result in [rogan_gladen(counts, 0.95), lang_reiczigel(counts, 0.95)].into_iter().flatten() {
                let Interval { low, high } = result.interval;
                prop_assert!(0.0 <= low && low <= high && high <= 1.0);
                prop_assert!((0.0..=1.0).contains(&result.clipped) && result.se >= 0.0);
            }
            if counts.n > 0 {
                let perfect = JudgeCounts {
                    true_positive: 30, known_positive: 30, true_negative: 30, known_negative: 30, ..counts
                };
                let rate = counts.positive as f64 / counts.n as f64;
                prop_assert!((rogan_gladen(perfect, 0.95).unwrap().estimate - rate).abs() < 1e-12);
            }
        }
    }

    /// Protects: empty sets, impossible counts and a judge that knows nothing are errors with a reason.
    #[test]
    fn edges() {
        let good = JudgeCounts {
            positive: 5,
            n: 10,
            true_positive: 9,
            known_positive: 10,
            true_negative: 9,
            known_negative: 10,
        };
        assert!(rogan_gladen(good, 0.95).is_ok());
        assert!(
            rogan_gladen(
                JudgeCounts {
                    n: 0,
                    positive: 0,
                    ..good
                },
                0.95
            )
            .is_err()
        );
        assert!(rogan_gladen(JudgeCounts { positive: 11, ..good }, 0.95).is_err());
        assert!(
            rogan_gladen(
                JudgeCounts {
                    known_negative: 0,
                    true_negative: 0,
                    ..good
                },
                0.95
            )
            .is_err()
        );
        assert!(
            rogan_gladen(
                JudgeCounts {
                    true_negative: 1,
                    ..good
                },
                0.95
            )
            .is_err()
        );
        assert!(lang_reiczigel(good, f64::NAN).is_err());
        assert!(
            !rogan_gladen(
                JudgeCounts {
                    true_negative: 2,
                    ..good
                },
                0.95
            )
            .unwrap()
            .usable()
        );
    }
}
