//! Statistics: intervals, tests, power, agreement, sequential inference, change detectors; pure.

pub mod agreement;
pub mod bootstrap;
pub mod bounded;
pub mod classification;
pub mod cluster;
pub mod correlation;
pub mod describe;
pub mod dist;
pub mod drift;
pub mod equivalence;
mod error;
pub mod fisher;
mod interval;
pub mod judge;
mod linalg;
pub mod mcnemar;
pub mod mean;
pub mod moments;
pub mod multiplicity;
pub mod paired;
pub mod pass_at_k;
pub mod permutation;
pub mod power;
pub mod ppi;
pub mod proportion;
pub mod quantile;
pub mod rank_test;
pub mod ranking;
mod ranks;
mod rng;
mod scaling;
pub mod sequential;
pub mod special;
pub mod two_proportions;

pub use error::StatsError;
pub use interval::{Alternative, Interval};
