//! What is asked of a model and what comes back: messages, answers, attempts, errors.

use crate::{Timing, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Text.
    pub content: String,
}

/// One call to a named target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Parameters that override the target's own.
    pub params: Map<String, Value>,
    /// Id of the case; recorded targets look the answer up by it.
    pub case_id: Option<std::sync::Arc<str>>,
    /// 0-based repetition of the case.
    pub epoch: u32,
}

/// Why the model stopped, normalised over providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached the token limit.
    Length,
    /// The provider's filter cut it off.
    ContentFilter,
    /// The model refused, said by the provider.
    Refusal,
    /// It asked for a tool.
    ToolCalls,
    /// Something else, verbatim.
    Other(String),
}

impl FinishReason {
    /// Whether the provider itself says that this is a refusal.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::ContentFilter | Self::Refusal)
    }

    /// The word that reports and the record use.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::ToolCalls => "tool_calls",
            Self::Other(text) => text,
        }
    }

    /// From the provider's word.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "stop" | "end_turn" | "stop_sequence" => Self::Stop,
            "length" | "max_tokens" => Self::Length,
            "content_filter" => Self::ContentFilter,
            "refusal" => Self::Refusal,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The text that the model wrote.
    pub text: String,
    /// Why it stopped; `None` where the provider did not say.
    pub finish_reason: Option<FinishReason>,
    /// The model that the provider says it used.
    pub served_model: Option<String>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// Tokens.
    pub usage: Usage,
    /// Whether it came as a stream.
    pub streamed: bool,
}

/// Classes of failure of a call. Each failing sample is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorKind {
    /// 429.
    RateLimited,
    /// 5xx, or an error event inside a 200 stream.
    Server,
    /// 401 or 403.
    Auth,
    /// Any other 4xx.
    BadRequest,
    /// No connection could be made.
    Connect,
    /// The connection was reset or closed before the answer was complete.
    Reset,
    /// The stream ended without a finish reason or `[DONE]`.
    Truncated,
    /// No complete answer within the time limit.
    Timeout,
    /// What came is not what the API documents.
    InvalidAnswer,
    /// A body above the size limit.
    TooLarge,
    /// A recorded target has no row for the case.
    NoRecordedAnswer,
    /// TLS or certificate failure.
    Tls,
    /// The prompt could not be built.
    Prompt,
}

impl CallErrorKind {
    /// The word that reports and the record use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::Auth => "auth",
            Self::BadRequest => "bad_request",
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Truncated => "truncated",
            Self::Timeout => "timeout",
            Self::InvalidAnswer => "invalid_answer",
            Self::TooLarge => "too_large",
            Self::NoRecordedAnswer => "no_recorded_answer",
            Self::Tls => "tls",
            Self::Prompt => "prompt",
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Server
                | Self::Connect
                | Self::Reset
                | Self::Truncated
                | Self::Timeout
                | Self::InvalidAnswer
        )
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", kind.as_str())]
pub struct CallError {
    /// Class.
    pub kind: CallErrorKind,
    /// HTTP status where there was one.
    pub status: Option<u16>,
    /// What was found, with the endpoint and a hint; never a key.
    pub message: String,
}

/// One try at a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When its parts happened.
    pub timing: Timing,
    /// HTTP status where one came.
    pub status: Option<u16>,
    /// Why it failed; `None` for the attempt that gave the answer.
    pub error: Option<CallError>,
    /// What the server asked to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// A call with all its attempts, in order; the last one decided `result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Every try, at least one for targets that are called over the network, none for recorded ones.
    pub attempts: Vec<Attempt>,
    /// The answer, or why there is none.
    pub result: Result<Answer, CallError>,
}

impl Call {
    /// Timing of the attempt that decided the result.
    #[must_use]
    pub fn timing(&self) -> Option<&Timing> {
        self.attempts.last().map(|attempt| &attempt.timing)
    }
}
