//! What answers cost and what they are worth: usage in classes, prices with conditions, cost per success, Pareto fronts,
//! deployments, returns and risks. Apart and pure: no file, clock, network or environment, so that every figure can be
//! worked out again from what was given.

pub mod class;
pub mod fields;
pub mod focus;
pub mod fraction;
pub mod montecarlo;
pub mod pareto;
pub mod per_success;
pub mod prices;
pub mod quantity;
pub mod replay;
pub mod risk;
pub mod roi;
pub mod routing;
pub mod rows;
pub mod tco;
pub mod trace;
pub mod usage;

pub use class::{CLASSES, Class, Counts};
pub use fields::{Fields, PROBLEMS_MAX, Problem, Problems};
pub use fraction::{Fraction, FractionError};
pub use usage::{Counted, RawUsage, Shape, UsageError};
