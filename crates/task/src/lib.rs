//! Ports between engine, drivers and scorers; dataset readers; freezing a draft plan. Apart from the engine so that
//! a scorer can be written and tested without it.

pub mod dataset;
pub mod freeze;
mod image;
pub mod ports;
pub mod prompt;

pub use dataset::{DatasetColumns, DatasetContent, DatasetError, DatasetReader, DatasetSource};
pub use freeze::{
    CaseStream, DatasetProblem, FreezeError, NumberedCase, Plan, PlannedTask, TaskScorers, freeze,
    named_files,
};
pub use image::IMAGE_BYTES_MAX;
pub use ports::{
    Driver, Model, Outside, SampleSink, Scorer, ScorerInput, Scoring, SinkError, Transcript, refusal_of,
    scores_without_looking,
};
pub use prompt::{Prompt, PromptError};
pub use seatrial_config::DatasetFormat;
