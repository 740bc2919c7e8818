//! The two-by-two table of a binary decision and what is read from it.

use super::share;
use crate::error::{StatsError, same_length};

/// Counts of a binary decision against the truth. Two tables of disjoint items merge by [`merge`](Self::merge).
///
/// ```
/// use seatrial_stats::classification::Confusion;
/// let mut counts = Confusion { tp: 8, fp: 1, fn_: 2, tn: 8 };
/// counts.push(false, false);
/// counts.merge(&Confusion { tn: 1, ..Confusion::default() });
/// assert_eq!((counts.accuracy(), counts.recall(), counts.specificity()), (18.0 / 21.0, 0.8, 10.0 / 11.0));
/// assert!((counts.balanced_accuracy() - 0.5 * (counts.youden() + 1.0)).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confusion {
    /// True positives.
    pub tp: u64,
    /// False positives.
    pub fp: u64,
    /// False negatives.
    pub fn_: u64,
    /// True negatives.
    pub tn: u64,
}

impl Confusion {
    /// Counts decisions (`predicted`) against the truth.
    ///
    /// No items give an empty table, whose rates are 0 and whose accuracy is `NaN`.
    ///
    /// # Errors
    /// Lists of unequal length.
    ///
    /// ```
    /// use seatrial_stats::classification::Confusion;
    /// let c = Confusion::of(&[true, true, false, false], &[true, false, true, false])?;
    /// assert_eq!((c.tp, c.fn_, c.fp, c.tn), (1, 1, 1, 1));
    /// assert_eq!((c.precision(), c.recall(), c.mcc()), (0.5, 0.5, 0.0));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    pub fn of(truth: &[bool], predicted: &[bool]) -> Result<Self, StatsError> {
        same_length("truth", truth.len(), "predicted", predicted.len())?;
        let mut table = Self::default();
        for (&truth, &predicted) in truth.iter().zip(predicted) {
            table.push(truth, predicted);
        }
        Ok(table)
    }

    /// Counts one item.
    pub fn push(&mut self, truth: bool, predicted: bool) {
        let cell = match (truth, predicted) {
            (true, true) => &mut self.tp,
            (false, true) => &mut self.fp,
            (true, false) => &mut self.fn_,
            (false, false) => &mut self.tn,
        };
        *cell = cell.saturating_add(1);
    }

    /// Adds the counts of another table.
    pub fn merge(&mut self, other: &Self) {
        self.tp = self.tp.saturating_add(other.tp);
        self.fp = self.fp.saturating_add(other.fp);
        self.fn_ = self.fn_.saturating_add(other.fn_);
        self.tn = self.tn.saturating_add(other.tn);
    }

    fn cells(&self) -> [f64; 4] {
        [self.tp as f64, self.fp as f64, self.fn_ as f64, self.tn as f64]
    }

    /// Share of right decisions; `NaN` for an empty table.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let [tp, fp, fn_, tn] = self.cells();
        (tp + tn) / (tp + fp + fn_ + tn)
    }

    /// Share of alarms that were right: TP/(TP+FP), 0 without alarms.
    #[must_use]
    pub fn precision(&self) -> f64 {
        let [tp, fp, ..] = self.cells();
        share(tp, tp + fp)
    }

    /// Share of positives that were caught: TP/(TP+FN), 0 without positives. Also sensitivity.
    #[must_use]
    pub fn recall(&self) -> f64 {
        let [tp, _, fn_, _] = self.cells();
        share(tp, tp + fn_)
    }

    /// Share of negatives that were let through: TN/(TN+FP), 0 without negatives.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        let [_, fp, _, tn] = self.cells();
        share(tn, tn + fp)
    }

    /// F_β = (1+β²)·TP/((1+β²)·TP + β²·FN + FP); β > 1 weighs recall more. 0 where that is 0/0.
    ///
    /// Source: van Rijsbergen 1979.
    ///
    /// ```
    /// use seatrial_stats::classification::Confusion;
    /// let c = Confusion { tp: 1, fp: 0, fn_: 3, tn: 0 };
    /// assert_eq!(c.f_beta(1.0), 0.4);
    /// ```
    #[must_use]
    pub fn f_beta(&self, beta: f64) -> f64 {
        let [tp, fp, fn_, _] = self.cells();
        let b = beta * beta;
        share((1.0 + b) * tp, (1.0 + b) * tp + b * fn_ + fp)
    }

    /// Mean of recall and specificity over the classes that occur; `NaN` for an empty table.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        match (self.tp + self.fn_ > 0, self.tn + self.fp > 0) {
            (true, true) => 0.5 * (self.recall() + self.specificity()),
            (true, false) => self.recall(),
            (false, true) => self.specificity(),
            (false, false) => f64::NAN,
        }
    }

    /// Youden's J = recall + specificity − 1, −1 to 1; 0 for a decision unrelated to the truth.
    #[must_use]
    pub fn youden(&self) -> f64 {
        self.recall() + self.specificity() - 1.0
    }

    /// Matthews' correlation of decision and truth, −1 to 1; 0 where either never varies.
    ///
    /// Source: Matthews 1975.
    #[must_use]
    pub fn mcc(&self) -> f64 {
        let [tp, fp, fn_, tn] = self.cells();
        // Roots before the product, so that huge counts do not overflow.
        let scale = (tp + fp).sqrt() * (tp + fn_).sqrt() * (tn + fp).sqrt() * (tn + fn_).sqrt();
        share(tp * tn - fp * fn_, scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: every rate lies in its range, MCC is symmetric, and parts merge to the whole.
        #[test]
        fn ranges_symmetry_merge(pairs in prop::collection::vec((any::<bool>(), any::<bool>()), 0..60), cut in 0usize..60) {
            let (truth, predicted): (Vec<bool>, Vec<bool>) = pairs.into_iter().unzip();
            let whole = Confusion::of(&truth, &predicted).unwrap();
            let cut = cut.min(truth.len());
            let mut parts = Confusion::of(&truth[..cut], &predicted[..cut]).unwrap();
            parts.merge(&Confusion::of(&truth[cut..], &predicted[cut..]).unwrap());
            prop_assert_eq!(whole, parts);
            for rate in [whole.precision(), whole.recall(), whole.specificity(), whole.f_beta(2.0)] {
                prop_assert!((0.0..=1.0).contains(&rate));
            }
            let other = Confusion::of(&predicted, &truth).unwrap();
            prop_assert!(whole.mcc().abs() <= 1.0 + 1e-12 && (whole.mcc() - other.mcc()).abs() < 1e-12);
            prop_assert!((-1.0..=1.0).contains(&whole.youden()));
        }
    }

    /// Protects: the empty table and counts at the end of the range.
    #[test]
    fn edges() {
        assert!(Confusion::of(&[true], &[]).is_err());
        let empty = Confusion::of(&[], &[]).unwrap();
        assert!(empty.accuracy().is_nan() && empty.balanced_accuracy().is_nan() && empty.mcc() == 0.0);
        let huge = Confusion {
            tp: u64::MAX,
            fp: 0,
            fn_: 0,
            tn: u64::MAX,
        };
        assert!((huge.mcc() - 1.0).abs() < 1e-12 && huge.accuracy() == 1.0);
    }
}
