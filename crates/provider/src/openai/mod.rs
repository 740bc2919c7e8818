//! The OpenAI chat completions API, as OpenAI and the many servers that imitate it speak it.

mod body;
mod chat;
mod exchange;
mod fault;
mod fold;
mod json;

pub use chat::OpenAiChat;
pub(crate) use json::usage_of;
