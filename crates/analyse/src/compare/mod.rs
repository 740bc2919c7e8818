//! The comparison of systems on the same cases: pairing by id, then everything that is said of one metric (difference
//! with interval, test, effect size, probability of being better, what could have been seen); and whole systems, with all
//! their metrics, what flipped, slices and a ranking. Pure: scores in, a struct out. Apart from gates, which compare a
//! metric with a limit.

mod comparison;
mod estimates;
mod flips;
mod matching;
mod pairing;
mod percentiles;
mod ranking;
mod runs;
#[cfg(test)]
mod testing;
mod unpaired;

pub use comparison::{
    CompareOptions, Comparison, Detectable, Effect, EffectKind, Probability, ProbabilityMethod, Test,
    TestChoice, TestName, Warning, compare,
};
pub use flips::FLIPS_LISTED_MAX;
pub use pairing::{PairedScores, ScoredCase, Side, pair};
pub use runs::{ComparedRuns, RunsError, RunsOptions, SYSTEMS_MAX, compare_runs};

/// Fewest clusters for which cluster-robust errors keep near their level.
pub const CLUSTERS_FEW: u64 = 10;

/// Why two systems cannot be compared. Indices are those of the slices handed in, so that a caller can name lines.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// Nothing to compare.
    #[error("no case has a score on both sides: {only_a} only in A, {only_b} only in B")]
    NoPairs {
        /// Cases with a score in A only.
        only_a: u64,
        /// Cases with a score in B only.
        only_b: u64,
    },
    /// One case twice in one epoch.
    #[error("case `{id}` has a second score for epoch {epoch}")]
    Duplicate {
        /// Which system.
        side: Side,
        /// The case.
        id: String,
        /// Its epoch.
        epoch: u32,
        /// Where it is first.
        first: usize,
        /// Where it is again.
        second: usize,
    },
    /// Some cases have a cluster and this one has none.
    #[error("case `{id}` has no cluster, but other cases have one")]
    ClusterMissing {
        /// Which system.
        side: Side,
        /// The case.
        id: String,
        /// Where.
        index: usize,
    },
    /// A case is in two clusters.
    #[error("case `{id}` is in cluster `{second_cluster}`, but before it was in `{first_cluster}`")]
    ClusterConflict {
        /// The case.
        id: String,
        /// Side and index of the first.
        first: (Side, usize),
        /// Its cluster.
        first_cluster: String,
        /// Side and index of the second.
        second: (Side, usize),
        /// Its cluster.
        second_cluster: String,
    },
    /// A score that its scale does not have.
    #[error("score {found} of case `{id}` is outside the scale, expected {expected}")]
    OffScale {
        /// Which system.
        side: Side,
        /// The case.
        id: String,
        /// Where.
        index: usize,
        /// The score.
        found: f64,
        /// What the scale has.
        expected: &'static str,
    },
    /// The statistics refuse an option or overflow.
    #[error(transparent)]
    Statistics(#[from] seatrial_stats::StatsError),
}
