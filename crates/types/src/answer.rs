//! What is asked of a model and what comes back: messages, answers, attempts, errors.

use crate::{ContentHash, Money, Timing, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

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
    /// A tool, with the result of a call that the model asked for.
    Tool,
}

impl Role {
    /// The word that suites, APIs and the record use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation: text, and what else the APIs let a message carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Text; may be empty beside images or tool calls.
    pub content: String,
    /// Images that stand before the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// Tools that an assistant asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a message of role `tool` answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of text alone.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            images: Vec::new(),
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }

    /// As programs and services are told it: `role` and `content`, and only where there are any `images` (addresses or
    /// paths as the suite writes them), `tool_calls` and `tool_call_id`.
    #[must_use]
    pub fn told(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("role".to_owned(), self.role.as_str().into());
        object.insert("content".to_owned(), self.content.as_str().into());
        if !self.images.is_empty() {
            let images: Vec<&str> = self.images.iter().map(|image| image.source.as_str()).collect();
            object.insert("images".to_owned(), images.into());
        }
        if !self.tool_calls.is_empty() {
            let calls = self.tool_calls.iter().map(ToolCall::told);
            object.insert("tool_calls".to_owned(), calls.collect());
        }
        if let Some(id) = &self.tool_call_id {
            object.insert("tool_call_id".to_owned(), id.as_str().into());
        }
        object
    }
}

/// An image of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `http` or `https` address that the provider fetches itself, else the path as the suite writes it, or `data:` for
    /// one that was written out.
    pub source: String,
    /// Media type by its content, such as `image/png`; `None` for an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Hash of the content that was sent; `None` for an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ContentHash>,
    /// The content, present on the way to a provider. The record keeps the hash instead.
    #[serde(skip)]
    pub bytes: Option<Arc<[u8]>>,
}

/// A tool that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call; empty where it has none.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments as the model wrote them: JSON text, which nobody promises to be valid.
    pub arguments: String,
}

impl ToolCall {
    /// As programs and services are told it: `id`, `name` and `arguments`, the latter as text.
    #[must_use]
    pub fn told(&self) -> Value {
        json!({"id": self.id, "name": self.name, "arguments": self.arguments})
    }
}

/// One call to a named target.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelRequest {
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Parameters that override the target's own.
    pub params: Map<String, Value>,
    /// Id of the case; recorded targets look the answer up by it.
    pub case_id: Option<Arc<str>>,
    /// Columns of the case, for targets whose body or program uses them; empty where there is no case.
    pub columns: Arc<Map<String, Value>>,
    /// 0-based repetition of the case.
    pub epoch: u32,
    /// Whether the answer is to say how probable its tokens were, where the API can be asked for that.
    pub log_probabilities: bool,
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
            "length" | "max_tokens" | "max_output_tokens" | "model_context_window_exceeded" => Self::Length,
            "content_filter" => Self::ContentFilter,
            "refusal" => Self::Refusal,
            "tool_calls" | "function_call" | "tool_use" => Self::ToolCalls,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The text that the model wrote; the vector as a JSON array of numbers from an endpoint of embeddings.
    pub text: String,
    /// Tools that it asked for, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
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
    /// Its price where the provider itself says it; wins over a price of the suite, and becomes the cost of the sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_cost: Option<Money>,
    /// How probable the model held the tokens that it wrote; `None` where nobody asked or the provider does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<LogProbability>,
}

/// How probable a model held the tokens that it wrote, over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LogProbability {
    /// Tokens that came with a probability, at least 1.
    pub tokens: u32,
    /// Sum of the natural logarithms of their probabilities; finite, and at most 0 but for rounding of the server.
    pub sum: f64,
}

// The sum is finite, so that equality is one.
impl Eq for LogProbability {}

impl LogProbability {
    /// From a sum over tokens; `None` where there are none or the sum is no number.
    #[must_use]
    pub fn of(tokens: u32, sum: f64) -> Option<Self> {
        (tokens > 0 && sum.is_finite()).then_some(Self { tokens, sum })
    }

    /// exp(−mean logarithm): 1 for an answer that could not have been another; infinite where it passes the largest
    /// number.
    #[must_use]
    pub fn perplexity(self) -> f64 {
        (-self.sum / f64::from(self.tokens)).exp()
    }
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
    /// Only the response cache was to be asked, and it has no answer.
    CacheMiss,
    /// TLS or certificate failure.
    Tls,
    /// The prompt could not be built.
    Prompt,
    /// Another tool recorded that the sample failed; its message says why.
    Foreign,
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
            Self::CacheMiss => "cache_miss",
            Self::Tls => "tls",
            Self::Prompt => "prompt",
            Self::Foreign => "foreign",
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

/// What a server says is left of its rate limits. `None` is "it did not say".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit {
    /// Requests left in the current window.
    pub requests_remaining: Option<u64>,
    /// Milliseconds until that window is full again.
    pub requests_reset_ms: Option<u64>,
    /// Tokens left in the current window; the tighter of input and output where they are counted apart.
    pub tokens_remaining: Option<u64>,
    /// Milliseconds until that window is full again.
    pub tokens_reset_ms: Option<u64>,
}

/// One try at a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attempt {
    /// When its parts happened.
    pub timing: Timing,
    /// HTTP status where one came.
    pub status: Option<u16>,
    /// Why it failed; `None` for the attempt that gave the answer.
    pub error: Option<CallError>,
    /// What the server asked to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What the server said of its limits. For whoever drives the target; not recorded, because it says nothing about
    /// the answer and would cost every clean attempt its short form.
    #[serde(skip)]
    pub rate_limit: RateLimit,
}

/// A call with all its attempts, in order; the last one decided `result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Every try, at least one for targets that are called over the network, none for recorded and cached answers.
    pub attempts: Vec<Attempt>,
    /// The answer, or why there is none.
    pub result: Result<Answer, CallError>,
    /// Whether the answer came from the response cache: nobody was asked, nothing was paid, nothing was timed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

impl Call {
    /// Timing of the attempt that decided the result.
    #[must_use]
    pub fn timing(&self) -> Option<&Timing> {
        self.attempts.last().map(|attempt| &attempt.timing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects records and exports written before messages could carry more than text: they read as before, and a
    /// plain message is written as it always was.
    #[test]
    fn plain_messages_keep_their_form() {
        let old = r#"{"role":"user","content":"Hi"}"#;
        let message: Message = serde_json::from_str(old).unwrap();
        assert_eq!(message, Message::new(Role::User, "Hi"));
        assert_eq!(serde_json::to_string(&message).unwrap(), old);
        let answer = r#"{"text":"a","finish_reason":null,"served_model":null,"request_id":null,"usage":{"input_tokens":1,
            "output_tokens":null,"cache_read_tokens":null,"cache_write_tokens":null,"reasoning_tokens":null},"streamed":true}"#;
        let answer: Answer = serde_json::from_str(answer).unwrap();
        assert!(answer.tool_calls.is_empty() && answer.streamed && answer.log_probability.is_none());
    }

    /// Protects the formula, against values by hand, and the edges: no tokens, sums that are no number.
    #[test]
    fn perplexity_is_the_inverse_of_the_geometric_mean() {
        let half = LogProbability::of(2, 0.5_f64.ln() * 2.0).unwrap();
        assert!((half.perplexity() - 2.0).abs() < 1e-12);
        assert_eq!(LogProbability::of(3, 0.0).unwrap().perplexity(), 1.0);
        assert_eq!(LogProbability::of(1, -1e9).unwrap().perplexity(), f64::INFINITY);
        assert_eq!(LogProbability::of(0, -1.0), None);
        assert_eq!(LogProbability::of(1, f64::NEG_INFINITY), None);
    }

    /// Protects the record's size and people's files: an image is kept by name and hash, never by content.
    #[test]
    fn images_are_written_without_content() {
        let mut message = Message::new(Role::User, "What is this?");
        message.images = vec![Image {
            source: "cat.png".to_owned(),
            media_type: Some("image/png".to_owned()),
            hash: Some(ContentHash::of(b"png")),
            bytes: Some(Arc::from(&b"png"[..])),
        }];
        let json = serde_json::to_string(&message).unwrap();
        assert!(!json.contains("bytes"), "{json}");
        let read: Message = serde_json::from_str(&json).unwrap();
        message.images[0].bytes = None;
        assert_eq!(read, message);
    }
}
