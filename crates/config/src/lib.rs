//! Reads, merges, explains and validates suites: YAML in, a typed [`DraftPlan`] or a list of located errors out.

pub mod diagnostics;
pub mod plan;
pub mod vocabulary;

pub use diagnostics::{Diagnostic, Diagnostics, Location};
pub use plan::{
    Bound, DEFAULT_MAX_ERROR_RATE, Dataset, DatasetFormat, DraftPlan, Endpoint, ErrorCap, Fields, Gate,
    Limits, MessageTemplate, Metric, OnInconclusive, OpenAi, Origin, Prompt, Recorded, Retry, ScorerUse,
    Selection, Target, Task, Warning,
};
pub use vocabulary::{COMMON_OPTIONS, MetricEntry, OptionEntry, OptionShape, ScorerEntry, Vocabulary};
