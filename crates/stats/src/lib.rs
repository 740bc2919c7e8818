//! Statistics: intervals, tests, power, agreement, sequential inference, change detectors; pure.

pub mod dist;
mod error;
mod interval;
pub mod special;

pub use error::StatsError;
pub use interval::{Alternative, Interval};
