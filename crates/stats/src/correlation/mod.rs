//! Association and closeness of two scores of the same items: people against a judge, a metric against people.
//!
//! Correlations ignore scale and offset, [`closeness`] does not; the pairwise accuracies treat ties as an
//! answer, which matters for judges that give few distinct scores. Everything that counts pairs does so in
//! O(n log n).

mod closeness;
mod kendall;
mod linear;
mod pairs;
mod pairwise;
mod weighted_tau;

pub use closeness::{Closeness, closeness};
pub use kendall::{Kendall, kendall, somers_d};
pub use linear::{Pearson, Spearman, pearson, spearman};
pub use pairs::{PairCounts, pair_counts};
pub use pairwise::{
    PairwiseAccuracy, SystemAccuracy, TieCalibration, pairwise_accuracy, system_pairwise_accuracy,
    tie_calibration,
};
pub use weighted_tau::weighted_tau;

use crate::error::{StatsError, at_least, finite, same_length};

/// Checks that the two lists are parallel, long enough and finite.
fn parallel(x: &[f64], y: &[f64], needed: usize) -> Result<(), StatsError> {
    same_length("x", x.len(), "y", y.len())?;
    at_least("x", x.len(), needed)?;
    finite("x", x)?;
    finite("y", y)
}

/// A power of two that keeps sums and squares of the values from over- and underflowing when they are
/// multiplied by it; 1 for ordinary values. A power of two, so that nothing is rounded.
fn taming_factor(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0.0f64, |max, v| max.max(v.abs()));
    if largest > 1e100 {
        2f64.powi(-700)
    } else if largest > 0.0 && largest < 1e-100 {
        2f64.powi(700)
    } else {
        1.0
    }
}

/// The values times their [`taming_factor`]; correlations do not change.
fn tamed(values: &[f64]) -> Vec<f64> {
    let factor = taming_factor(values);
    values.iter().map(|v| v * factor).collect()
}
