//! Has the distribution changed? Two-sample distances and tests for windows, and change detectors for streams.
//!
//! A detector is a plain set of parameters; what it remembers is a separate state, a step maps (state, value)
//! to (state, signal) and nothing else enters. So feeding a stream in parts equals feeding it at once, a state
//! can be stored between processes, and a replay equals production.

mod adwin;
mod categorical;
mod charts;
mod ddm;
mod detector;
mod kolmogorov;
mod page_hinkley;
mod psi;
mod two_sample;

pub use adwin::{Adwin, AdwinBucket, AdwinState};
pub use categorical::{CategoricalShift, categorical_shift};
pub use charts::{CusumChart, CusumState, EwmaChart, EwmaState};
pub use ddm::{Ddm, DdmState};
pub use detector::{Detector, Signal};
pub use kolmogorov::{kolmogorov_sf, smirnov_two_sample_sf};
pub use page_hinkley::{ChangeDirection, PageHinkley, PageHinkleyState};
pub use psi::{PsiBins, psi_numeric};
pub use two_sample::{KsMethod, TwoSample, two_sample};

/// Shares are raised to this before a logarithm is taken (population stability index).
const SHARE_FLOOR: f64 = 1e-4;

/// Population stability index of two lists of shares.
fn psi_of_shares(reference: impl Iterator<Item = f64>, current: impl Iterator<Item = f64>) -> f64 {
    reference
        .zip(current)
        .map(|(r, c)| {
            let (r, c) = (r.max(SHARE_FLOOR), c.max(SHARE_FLOOR));
            (c - r) * (c / r).ln()
        })
        .sum()
}
