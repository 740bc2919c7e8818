//! Few human labels and many judge labels combined into one unbiased estimate: prediction-powered inference
//! where the labels are a sample of the target, Rogan–Gladen where sensitivity and specificity were measured
//! elsewhere.

mod prediction_powered;
mod rogan_gladen;

pub use prediction_powered::{PpiMean, PpiPlusPlus, ppi_mean, ppi_plus_plus_mean};
pub use rogan_gladen::{CorrectedRate, JudgeCounts, lang_reiczigel, rogan_gladen};
