//! Text metrics: normalisation, BLEU, chrF, TER, ROUGE, METEOR, edit distance, readability; pure.
//!
//! Values in, plain structs out: no files, no clock, no JSON, no randomness. Every metric has a defined value
//! for empty input and never yields a NaN; corpus metrics are sums of sufficient statistics that merge.

pub mod bleu;
pub mod chars;
pub mod corpus;
mod intern;
mod ngram;
pub mod normalise;
pub mod tokenise;
