//! Quality of predicted probabilities: Brier score, log loss, calibration error.

use crate::error::{StatsError, at_least, finite, same_length};

/// Number of bins of the calibration error.
const BINS: usize = 10;
/// Probabilities are moved this far from 0 and 1 before taking the logarithm.
const LOG_LOSS_EPSILON: f64 = 1e-15;

/// One bin of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CalibrationBin {
    /// Predictions in the bin.
    pub n: u64,
    /// Sum of the predicted probabilities.
    pub predicted: f64,
    /// How often the event happened.
    pub observed: u64,
}

/// Mergeable counts behind the calibration error and the reliability diagram: ten bins of equal width,
/// [0, 0.1], (0.1, 0.2], …, (0.9, 1].
///
/// ```
/// use seatrial_stats::classification::CalibrationBins;
/// let (mut bins, mut later) = (CalibrationBins::default(), CalibrationBins::default());
/// bins.push(true, 0.75)?;
/// later.push(false, 0.75)?;
/// bins.merge(&later);
/// assert!((bins.ece() - 0.25).abs() < 1e-15 && bins.mce() == bins.ece());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CalibrationBins {
    /// The bins, ascending.
    pub bins: [CalibrationBin; BINS],
}

impl CalibrationBins {
    /// Counts one prediction.
    ///
    /// # Errors
    /// A probability outside [0, 1] or `NaN`; nothing is counted then.
    pub fn push(&mut self, happened: bool, p: f64) -> Result<(), StatsError> {
        crate::error::closed_unit("p", p)?;
        // Right-closed bins: the first upper edge that is not below p.
        let bin = (1..BINS).find(|&i| p <= i as f64 * 0.1).unwrap_or(BINS) - 1;
        let bin = &mut self.bins[bin];
        bin.n = bin.n.saturating_add(1);
        bin.predicted += p;
        bin.observed = bin.observed.saturating_add(u64::from(happened));
        Ok(())
    }

    /// Adds the counts of another set of predictions.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            mine.n = mine.n.saturating_add(theirs.n);
            mine.predicted += theirs.predicted;
            mine.observed = mine.observed.saturating_add(theirs.observed);
        }
    }

    /// |mean prediction − share that happened| of each bin that is not empty, with the bin's share of items.
    fn gaps(&self) -> impl Iterator<Item = (f64, f64)> {
        let total: f64 = self.bins.iter().map(|bin| bin.n as f64).sum();
        self.bins.iter().filter(|bin| bin.n > 0).map(move |bin| {
            let n = bin.n as f64;
            ((bin.predicted / n - bin.observed as f64 / n).abs(), n / total)
        })
    }

    /// Expected calibration error: gaps weighted by the share of items; `NaN` without items.
    #[must_use]
    pub fn ece(&self) -> f64 {
        self.gaps()
            .map(|(gap, share)| gap * share)
            .reduce(|a, b| a + b)
            .unwrap_or(f64::NAN)
    }

    /// Maximum calibration error: the largest gap; `NaN` without items.
    #[must_use]
    pub fn mce(&self) -> f64 {
        self.gaps()
            .map(|(gap, _)| gap)
            .reduce(f64::max)
            .unwrap_or(f64::NAN)
    }
}

/// What [`calibration`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Mean squared difference of prediction and outcome, 0 (best) to 1.
    pub brier: f64,
    /// Mean negative log-likelihood (natural), predictions clipped to [1e-15, 1 − 1e-15].
    pub log_loss: f64,
    /// Expected calibration error over ten bins, 0 to 1.
    pub ece: f64,
    /// Maximum calibration error over ten bins, 0 to 1.
    pub mce: f64,
    /// The bins, for a reliability diagram.
    pub bins: CalibrationBins,
}

/// Scores predicted probabilities `p` of events that happened or not.
///
/// The calibration error depends on the number of bins and is biased upwards in small samples; compare only
/// like with like.
///
/// # Errors
/// No items, lists of unequal length, a probability outside [0, 1].
///
/// Source: Brier 1950; Naeini, Cooper, Hauskrecht 2015 for ECE and MCE.
///
/// ```
/// use seatrial_stats::classification::calibration;
/// let c = calibration(&[true, true, false, false], &[0.95, 0.95, 0.05, 0.05])?;
/// assert!((c.ece - 0.05).abs() < 1e-12 && (c.brier - 0.0025).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn calibration(happened: &[bool], p: &[f64]) -> Result<Calibration, StatsError> {
    same_length("happened", happened.len(), "p", p.len())?;
    at_least("p", p.len(), 1)?;
    finite("p", p)?;
    let mut bins = CalibrationBins::default();
    let (mut brier, mut log_loss) = (0.0, 0.0);
    for (&happened, &p) in happened.iter().zip(p) {
        bins.push(happened, p)?;
        let error = p - f64::from(u8::from(happened));
        brier += error * error;
        let clipped = p.clamp(LOG_LOSS_EPSILON, 1.0 - LOG_LOSS_EPSILON);
        log_loss -= if happened {
            clipped.ln()
        } else {
            (1.0 - clipped).ln()
        };
    }
    let n = p.len() as f64;
    Ok(Calibration {
        brier: brier / n,
        log_loss: log_loss / n,
        ece: bins.ece(),
        mce: bins.mce(),
        bins,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: ranges, order of the two errors, and that parts merge to the whole.
        #[test]
        fn ranges_and_merge(items in prop::collection::vec((any::<bool>(), 0u16..=1000), 1..60), cut in 0usize..60) {
            let (y, p): (Vec<bool>, Vec<f64>) = items.iter().map(|&(y, p)| (y, f64::from(p) / 1000.0)).unzip();
            let c = calibration(&y, &p).unwrap();
            prop_assert!((0.0..=1.0).contains(&c.brier) && c.log_loss >= 0.0);
            prop_assert!(0.0 <= c.ece && c.ece <= c.mce + 1e-12 && c.mce <= 1.0);
            let cut = cut.min(y.len());
            let mut parts = [CalibrationBins::default(), CalibrationBins::default()];
            for (i, (&y, &p)) in y.iter().zip(&p).enumerate() {
                parts[usize::from(i >= cut)].push(y, p).unwrap();
            }
            let [mut left, right] = parts;
            left.merge(&right);
            prop_assert!((left.ece() - c.ece).abs() < 1e-12 && (left.mce() - c.mce).abs() < 1e-12);
        }
    }

    /// Protects: edges belong to the bin below, certainty that fails is finite, nonsense is refused.
    #[test]
    fn edges() {
        let mut bins = CalibrationBins::default();
        for i in 0..=10 {
            bins.push(true, f64::from(i) / 10.0).unwrap();
        }
        assert_eq!(bins.bins.map(|bin| bin.n), [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let wrong = calibration(&[true], &[0.0]).unwrap();
        assert!((wrong.log_loss - 34.538_776_394_910_684).abs() < 1e-9 && wrong.mce == 1.0);
        assert!(calibration(&[], &[]).is_err());
        assert!(calibration(&[true], &[1.1]).is_err());
        assert!(calibration(&[true], &[f64::NAN]).is_err());
        assert!(CalibrationBins::default().ece().is_nan());
    }
}
