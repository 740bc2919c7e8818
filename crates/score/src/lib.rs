//! Rule scorers and extractors: how an answer is read and when it is right. Apart from `task` so that the ports know
//! no scorer, and from `config` so that a suite is checked against a table and not against code.
//!
//! [`vocabulary`] is that table, [`build`] makes a scorer of a name and its options. Each rule takes the part that
//! counts out of the answer ([`Extractor`]), judges it, and says `scored` with a value, or `unparsed` with a reason.
//! A value is 0 or 1 for right and wrong, a number for what measures; `at_least` and `at_most` make 0 or 1 of a number.
//! `negate` turns 0 and 1 round and leaves unparsed as it is, so that an answer that nobody could read is never right.
//! Refusals and errors are decided before a scorer is asked ([`seatrial_task::scores_without_looking`]). A fault of
//! the dataset that shows only here (a reference without a number, an ambiguous choice) is unparsed too, and its
//! reason begins with `dataset:`.
//!
//! Everything a suite gives is compiled when the scorer is built; scoring parses no option and compiles no pattern.

pub mod checks;
mod composite;
mod error;
mod extract;
mod fence;
mod json;
mod letter;
mod limits;
mod number;
mod options;
mod outside;
mod rules;
mod scorer;
mod similarity;
mod step;
mod table;
mod vectors;

pub use composite::PARTS_MAX;
pub use error::ScorerError;
pub use extract::{Extractor, NotFound};
pub use outside::{
    ATTEMPTS_DEFAULT, ATTEMPTS_MAX, OUTSIDE_SCORERS, OutsidePlan, OutsideScorer, OutsideUse, TIMEOUT_DEFAULT,
    is_outside,
};
pub use rules::{build, vocabulary};
pub use scorer::{DETAIL_CHARS_MAX, NORMALISE_STEPS_MAX};
pub use similarity::{SIMILARITY, Similarity};
pub use step::{EXTRACT_STEPS, EXTRACT_STEPS_MAX, REGEX_PROGRAM_BYTES_MAX, StepEntry, StepError};
