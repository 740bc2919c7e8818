//! Text metrics: normalisation, BLEU, chrF, TER, ROUGE, METEOR, edit distance, readability; pure.
//!
//! Values in, plain structs out: no files, no clock, no JSON, no randomness. Every metric has a defined value
//! for empty input and never yields a NaN; corpus metrics are sums of sufficient statistics that merge.

pub mod bleu;
pub mod chars;
mod checkpoint;
pub mod chrf;
pub mod corpus;
pub mod edit;
pub mod error_rate;
mod intern;
mod lcs;
pub mod matching;
pub mod meteor;
mod ngram;
pub mod normalise;
pub mod porter;
pub mod readability;
pub mod rouge;
pub mod summary;
pub mod ter;
pub mod tokenise;
