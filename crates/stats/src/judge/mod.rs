//! Measuring judges: may a model replace human annotators (alt-test), what score does its token distribution
//! mean (G-Eval), and how far do position and length sway it.

mod alt_test;
mod geval;
mod length;
mod panel;
mod position;

pub use alt_test::{AltTest, AltTestOptions, AltTestScoring, AnnotatorResult, alt_test};
pub use geval::{WeightedScore, weighted_score};
pub use length::{LengthBias, LengthFit, length_bias};
pub use panel::{Panel, panel};
pub use position::{PositionSwap, position_swap};

/// A verdict between two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The first answer (A) is better.
    A,
    /// The second answer (B) is better.
    B,
    /// Neither.
    Tie,
}
