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
