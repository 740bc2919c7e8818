//! How well labels and scores match the truth: judges, detectors and guardrails seen as classifiers.
//!
//! The convention for 0/0 is that of the common libraries for precision, recall and their kin: 0, because a
//! detector that never fired earned nothing. Where that would hide that a class is absent (areas under curves)
//! the value is `NaN`.

mod calibration;
mod confusion;
mod multiclass;
mod roc;

pub use calibration::{Calibration, CalibrationBin, CalibrationBins, calibration};
pub use confusion::Confusion;
pub use multiclass::{Averages, Multiclass, multiclass};
pub use roc::{AucInterval, Roc, auc_interval, roc};

/// `numerator / denominator`, 0 where that is 0/0.
fn share(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 {
        0.0
    } else {
        numerator / denominator
    }
}
