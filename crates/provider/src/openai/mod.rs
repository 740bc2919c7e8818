//! OpenAI's APIs, as OpenAI and the many servers that imitate it speak them.

mod embeddings;
mod fold;
mod json;
mod log_probability;
mod messages;
mod responses;

pub(crate) use embeddings::{embedding_of, input_of};
pub(crate) use fold::ChatFold;
pub(crate) use messages::{write_chat_message, write_prompt, write_response_items};
pub(crate) use responses::ResponsesFold;
