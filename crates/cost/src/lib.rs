//! What answers cost and what they are worth: usage in classes, prices with conditions, cost per success, Pareto fronts,
//! deployments, returns and risks. Apart and pure: no file, clock, network or environment, so that every figure can be
//! worked out again from what was given.

pub mod class;
pub mod fields;
pub mod fraction;
pub mod pareto;
pub mod prices;
pub mod routing;
pub mod rows;
pub mod usage;

pub use class::{CLASSES, Class, Counts};
pub use fields::{Fields, PROBLEMS_MAX, Problem, Problems};
pub use fraction::{Fraction, FractionError};
pub use usage::{Counted, RawUsage, Shape, UsageError};
