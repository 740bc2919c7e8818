//! TER, translation edit rate (Snover et al. 2006), as sacrebleu defines it.

mod edits;
mod metric;
mod tokens;

pub use metric::{Ter, TerOptions, TerScore, TerStatistics};
