//! One module per family of reference values: how its functions read their input and name their output.

use crate::Function;

pub mod agreement;
pub mod bleu;
pub mod bootstrap;
pub mod chrf_ter;
pub mod classification;
pub mod correlation;
pub mod drift;
pub mod equivalence;
pub mod judge;
pub mod match_edit;
pub mod mcnemar;
pub mod means;
pub mod mt_significance;
pub mod multiplicity;
pub mod paired;
pub mod pass_at_k;
pub mod power;
pub mod ppi;
pub mod proportion_ci;
pub mod ranking;
pub mod readability_summarisation;
pub mod rouge_meteor;
pub mod sequential;
pub mod two_proportions;

/// The tables of all families.
pub static ALL: &[&[Function]] = &[
    agreement::FUNCTIONS,
    bleu::FUNCTIONS,
    bootstrap::FUNCTIONS,
    chrf_ter::FUNCTIONS,
    classification::FUNCTIONS,
    correlation::FUNCTIONS,
    drift::FUNCTIONS,
    equivalence::FUNCTIONS,
    judge::FUNCTIONS,
    match_edit::FUNCTIONS,
    mcnemar::FUNCTIONS,
    means::FUNCTIONS,
    mt_significance::FUNCTIONS,
    multiplicity::FUNCTIONS,
    paired::FUNCTIONS,
    pass_at_k::FUNCTIONS,
    power::FUNCTIONS,
    ppi::FUNCTIONS,
    proportion_ci::FUNCTIONS,
    ranking::FUNCTIONS,
    readability_summarisation::FUNCTIONS,
    rouge_meteor::FUNCTIONS,
    sequential::FUNCTIONS,
    two_proportions::FUNCTIONS,
];
