//! Anthropic's messages API.

mod fold;
mod messages;

pub(crate) use fold::MessagesFold;
pub(crate) use messages::{system_of, write_messages};

/// Version of the API that is spoken, sent as `anthropic-version`.
pub(crate) const VERSION: &str = "2023-06-01";

/// Longest answer where nobody says how long: the API asks for a number, and every model takes this one.
pub const MAX_TOKENS_DEFAULT: u64 = 4096;
