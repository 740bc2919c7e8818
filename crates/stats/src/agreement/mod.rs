//! Agreement between raters, people or judges: chance-corrected coefficients with their intervals.
//!
//! Two shapes of data are used, as in the literature: *raters × units* for α and percent agreement, *units ×
//! raters* for the coefficients of Gwet's family and the intraclass correlation. A missing rating is `None`.
//! Where a coefficient is 0/0 (for instance everybody always gave the same answer, so agreement by chance is
//! certain) the value is `NaN` on purpose and the observed agreement is still given; shape errors, `NaN` and
//! infinities in the data are errors.

mod coefficients;
mod fleiss;
mod icc;
mod kappa;
mod krippendorff;
mod percent;

pub use coefficients::{AgreementCoefficient, AgreementCoefficients, RatingWeights, agreement_coefficients};
pub use fleiss::{FleissKappa, fleiss_kappa};
pub use icc::{Icc, IccForms, icc};
pub use kappa::{CohenKappa, KappaInterval, KappaWeights, cohen_kappa, cohen_kappa_interval};
pub use krippendorff::{
    Alpha, AlphaBootstrap, AlphaResampling, MeasurementLevel, krippendorff_alpha,
    krippendorff_alpha_bootstrap,
};
pub use percent::percent_agreement;

use crate::error::{StatsError, same_length};

/// Checks that all rows have the length of the first and that every rating is finite; returns that length.
fn rectangular(what: &'static str, rows: &[Vec<Option<f64>>]) -> Result<usize, StatsError> {
    let Some(first) = rows.first() else {
        return Err(StatsError::TooFew {
            what,
            found: 0,
            needed: 1,
        });
    };
    for row in rows {
        same_length(what, row.len(), "its first row", first.len())?;
        for (index, value) in row.iter().enumerate() {
            if let Some(found) = value
                && !found.is_finite()
            {
                return Err(StatsError::NotFinite {
                    what,
                    index,
                    found: *found,
                });
            }
        }
    }
    Ok(first.len())
}

/// The distinct ratings in ascending order.
fn distinct_values(rows: &[Vec<Option<f64>>]) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().flatten().flatten().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    // `==`, so that -0.0 and 0.0 are one rating.
    values.dedup_by(|a, b| a == b);
    values
}

/// Place of a value in a list made by [`distinct_values`].
fn place(values: &[f64], value: f64) -> usize {
    values.partition_point(|&v| v < value)
}
