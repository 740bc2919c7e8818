//! Files of other evaluation tools: their logs become recorded runs, our record becomes a file that they read. Apart
//! from the store and the analysis, because these formats change with tools that are not ours.
//!
//! [`promptfoo`] is the exception: its configurations become suites, not runs.
//!
//! Reading goes over the files twice, so that memory is proportional to the number of cases and never to the size of
//! the texts: [`survey`] learns targets, tasks, metrics and cases, [`records`] makes samples of the record.

pub mod audit;
pub mod error;
mod foreign;
mod inspect;
pub mod inspect_log;
mod lm_eval;
mod names;
mod openai_evals;
pub mod promptfoo;
mod record;
mod results;
mod shape;
mod survey;
mod text_file;
mod tolerant;

pub use error::ImportError;
pub use foreign::Format;
pub use shape::{CASES_LISTED_MAX, ScorerShape, Shape, TargetShape, TaskShape};
pub use survey::{METRICS_MAX, Options, SAMPLES_MAX, TEXT_BYTES_MAX, records, survey};
