//! Statistics: intervals, tests, power, agreement, sequential inference, change detectors; pure.

pub mod cluster;
pub mod dist;
mod error;
mod interval;
pub mod mean;
pub mod moments;
pub mod multiplicity;
pub mod proportion;
pub mod quantile;
pub mod special;

pub use error::StatsError;
pub use interval::{Alternative, Interval};
