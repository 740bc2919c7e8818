//! How much a suite may ask for, and the defaults that are texts. Apart, because programs that write suites need them.

/// Targets of one suite at most.
pub const MAX_TARGETS: usize = 256;
/// Tasks of one suite at most.
pub const MAX_TASKS: usize = 1000;
/// Gates of one suite at most.
pub const MAX_GATES: usize = 1000;
/// Cases under quarantine at most.
pub const MAX_QUARANTINED: usize = 10_000;
/// Scorers of one task at most.
pub const MAX_SCORERS: usize = 100;
/// Values of `severity` that one gate may name at most.
pub(crate) const MAX_SEVERITIES: usize = 32;
/// Messages of one prompt at most.
pub const MAX_MESSAGES: usize = 200;
/// Cases that one task may write out in the suite.
pub const MAX_INLINE_CASES: usize = 10_000;
/// Prompts of one task at most.
pub const MAX_PROMPTS: usize = 64;
/// Columns to slice by at most, for each list of them.
pub const MAX_SLICES: usize = 32;
/// Calls in flight at most.
pub const MAX_CONCURRENCY: u64 = 4096;
/// Repetitions of a case at most.
pub const MAX_EPOCHS: u64 = 10_000;
/// Attempts at one call at most.
pub const MAX_ATTEMPTS: u64 = 100;
/// Parts of a command, and names of variables, at most.
pub const MAX_COMMAND_PARTS: usize = 256;
/// Processes of one program at most.
pub const MAX_WORKERS: u64 = 256;
/// Requests that one process is given at a time, at most.
pub const MAX_IN_FLIGHT: u64 = 1024;
/// Largest limit per minute, and largest number of cases.
pub(crate) const MAX_COUNT: u64 = 1_000_000_000_000;
/// Address of a target that gives none.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";
/// Variable with the key of a target that names none.
pub const DEFAULT_API_KEY_ENV: &str = "OPENAI_API_KEY";
/// Most images of one message.
pub const MAX_IMAGES: usize = 32;
/// Most tool calls of one message.
pub const MAX_TOOL_CALLS: usize = 64;
/// Address of a target of provider `anthropic` that gives none.
pub const DEFAULT_ANTHROPIC_URL: &str = "https://api.anthropic.com/v1";
/// Variable with the key of a target of provider `anthropic` that names none.
pub const DEFAULT_ANTHROPIC_KEY_ENV: &str = "ANTHROPIC_API_KEY";
