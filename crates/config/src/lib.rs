//! Reads, merges, explains and validates suites: YAML in, a typed [`DraftPlan`] or a list of located errors out.
//!
//! The way through: YAML events become a tree with places; the tables of the grammar are checked against
//! it; what fits is lowered into the plan. Each step goes on after an error, so that one reading reports them all.

mod address;
mod against;
mod check;
mod dataset;
mod declared;
pub mod diagnostics;
mod document;
mod environment;
mod fields;
mod gate;
mod identity;
mod include;
mod load;
mod located;
mod message;
mod nearest;
pub mod plan;
mod price;
mod quarantine;
pub mod remote;
mod scalar;
mod schema;
mod scorer;
mod secrets;
mod shape;
mod suite;
mod tables;
mod target;
mod task;
mod template;
mod value;
pub mod vocabulary;
mod yaml;

pub use against::{DEFAULT_MARGIN, DEFAULT_STALE_DAYS, SEVERITY_COLUMN};
pub use declared::{DECLARED, MAX_DECLARED_METRICS};
pub use diagnostics::{Diagnostic, Diagnostics, Location, MAX_DIAGNOSTICS};
pub use document::MAX_DOCUMENT_BYTES;
pub use gate::{COST_PER_SUCCESS, DEFAULT_RISK, RUN_METRICS, RunMetric};
pub use include::{MAX_INCLUDE_DEPTH, MAX_INCLUDED_FILES};
pub use load::{LOAD_METRICS, LoadMetric};
pub use located::{LocatedDocument, load_located};
pub use plan::{
    Against, BaselineUse, Bound, Budget, CacheMode, Concurrency, Condition, DEFAULT_MAX_ERROR_RATE, Dataset,
    DatasetFormat, DatasetFrom, DraftPlan, Endpoint, ErrorCap, Exec, Extend, Fetched, FieldSource, Fields,
    Gate, Hub, ImageTemplates, InlineCase, Limits, LoadGate, LoadTask, LoadWork, Margin, MessageTemplate,
    Metric, NoCritical, OnInconclusive, Origin, PriceTable, Prompt, Quarantined, Recorded, Relation, Retry,
    ScorerUse, Selection, Target, Task, ToolCallTemplate, Warning,
};
pub use remote::{Anthropic, Headers, Http, HttpStream, OpenAi, OpenAiApi};
pub use schema::schema;
pub use suite::{MAX_DEFAULTS_BYTES, ReadResult, load_yaml_value, parse_suite, parse_suite_in, read_suite};
pub use tables::{
    DEFAULT_ANTHROPIC_KEY_ENV, DEFAULT_ANTHROPIC_URL, DEFAULT_API_KEY_ENV, DEFAULT_BASE_URL,
    DEFAULT_TOKEN_ENV, MAX_ATTEMPTS, MAX_COMMAND_PARTS, MAX_CONCURRENCY, MAX_EPOCHS, MAX_GATES, MAX_IMAGES,
    MAX_IN_FLIGHT, MAX_INLINE_CASES, MAX_MESSAGES, MAX_PROMPTS, MAX_QUARANTINED, MAX_SCORERS, MAX_SLICES,
    MAX_TARGETS, MAX_TASKS, MAX_TOOL_CALLS, MAX_WORKERS,
};
pub use value::{MAX_DURATION, MAX_NAME_CHARS, parse_duration};
pub use vocabulary::{
    COMMON_OPTIONS, MAX_SCORER_DEPTH, MetricEntry, OptionEntry, OptionShape, ScorerEntry, Vocabulary,
};
pub use yaml::{MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES};
