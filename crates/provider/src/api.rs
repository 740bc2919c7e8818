//! Which API an endpoint speaks: where its requests go, what has a place of its own in them, and how its answers are
//! folded. Apart from calling, which is the same for all of them.

use crate::anthropic::MessagesFold;
use crate::fault::{Fault, Wording};
use crate::http::{JsonApi, JsonFold};
use crate::openai::{ChatFold, ResponsesFold, embedding_of};
use crate::sse::SseEvent;
use seatrial_types::Answer;
use std::sync::Arc;

/// An API that is spoken over HTTP.
#[derive(Debug, Clone)]
pub enum Api {
    /// OpenAI's chat completions, which many servers imitate.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's legacy completions: a text is continued.
    Completions,
    /// OpenAI's embeddings: the last message is turned into a vector, which comes back as a JSON array of numbers.
    Embeddings,
    /// Anthropic's messages.
    Messages,
    /// Any endpoint that takes and gives JSON.
    Json(Arc<JsonApi>),
}

/// How an API wants to be shown the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyStyle {
    /// `authorization: Bearer …`
    Bearer,
    /// `x-api-key: …`
    XApiKey,
}

impl Api {
    /// Path of the API under its root.
    pub(crate) const fn path(&self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/messages",
            Self::Json(_) => "",
        }
    }

    /// Where a parameter that has its own place belongs; `None` for all others.
    pub(crate) fn reserved(&self, param: &str) -> Option<&'static str> {
        const MODEL: &str = "set the model of the target";
        const MESSAGES: &str = "messages come from the prompt of the task";
        const STREAM: &str = "set `stream` of the target";
        match (self, param) {
            (Self::Json(_), _) => None,
            (_, "model") => Some(MODEL),
            (_, "stream" | "stream_options") => Some(STREAM),
            (Self::Chat | Self::Messages, "messages")
            | (Self::Responses | Self::Embeddings, "input")
            | (Self::Completions, "prompt") => Some(MESSAGES),
            (Self::Messages, "system") => Some("write a message of role `system` in the task"),
            _ => None,
        }
    }

    /// Whether it can answer in a stream at all.
    pub(crate) fn can_stream(&self) -> bool {
        match self {
            Self::Embeddings => false,
            Self::Json(api) => api.stream.is_some(),
            _ => true,
        }
    }

    pub(crate) const fn key_style(&self) -> KeyStyle {
        match self {
            Self::Messages => KeyStyle::XApiKey,
            _ => KeyStyle::Bearer,
        }
    }
}

/// What reads of an answer need for their messages.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) status: u16,
    pub(crate) wording: &'a Wording,
}

impl Place<'_> {
    /// JSON that is not what the API documents.
    pub(crate) fn invalid(&self, problem: &str, found: &[u8]) -> Fault {
        self.wording.invalid(self.status, problem, found)
    }

    /// Text that should be JSON and is not, or has the wrong shape.
    pub(crate) fn not_json(&self, what: &str, error: &serde_json::Error, found: &[u8]) -> Fault {
        self.invalid(&format!("{what} is not the documented JSON ({error})"), found)
    }

    /// An error that the server reports inside of an answer.
    pub(crate) fn error_inside(&self, json: &[u8]) -> Fault {
        self.wording.error_inside(self.status, json)
    }
}

/// What an API's events have brought so far, or what its document says.
#[derive(Debug)]
pub(crate) enum Fold {
    Chat(ChatFold),
    Responses(ResponsesFold),
    Embeddings,
    Messages(MessagesFold),
    Json(JsonFold),
}

impl Fold {
    pub(crate) fn new(api: &Api) -> Self {
        match api {
            Api::Chat => Self::Chat(ChatFold::of_chat()),
            Api::Completions => Self::Chat(ChatFold::of_completions()),
            Api::Responses => Self::Responses(ResponsesFold::default()),
            Api::Embeddings => Self::Embeddings,
            Api::Messages => Self::Messages(MessagesFold::default()),
            Api::Json(api) => Self::Json(JsonFold::new(Arc::clone(api))),
        }
    }

    /// Takes an event of a stream; whether it brought anything that the model generated.
    pub(crate) fn take(&mut self, event: SseEvent<'_>, place: Place<'_>) -> Result<bool, Fault> {
        let data = event.data.trim_ascii();
        if self.is_done() || data.is_empty() {
            return Ok(false);
        }
        match self {
            Self::Chat(fold) => fold.take(data, event.is_error, place),
            Self::Responses(fold) => fold.take(data, place),
            Self::Messages(fold) => fold.take(data, place),
            Self::Json(fold) => fold.take(data, event.is_error, place),
            Self::Embeddings => Err(place.invalid("embeddings came as a stream", data)),
        }
    }

    /// Whether the stream has said its last word, after which nothing of interest can come.
    pub(crate) const fn is_done(&self) -> bool {
        match self {
            Self::Chat(fold) => fold.is_done(),
            Self::Responses(fold) => fold.is_done(),
            Self::Messages(fold) => fold.is_done(),
            Self::Json(fold) => fold.is_done(),
            Self::Embeddings => false,
        }
    }

    /// Whether what came is a complete answer, even if the connection breaks now.
    pub(crate) const fn is_complete(&self) -> bool {
        match self {
            Self::Chat(fold) => fold.is_complete(),
            Self::Responses(fold) => fold.is_done(),
            Self::Messages(fold) => fold.is_complete(),
            Self::Json(fold) => fold.is_done(),
            Self::Embeddings => false,
        }
    }

    /// Whether the end of the body is the end of the answer, as in streams that send no last word.
    pub(crate) fn ends_with_body(&self) -> bool {
        matches!(self, Self::Json(fold) if fold.ends_with_body())
    }

    /// The answer of a stream that is complete.
    pub(crate) fn finish(self, place: Place<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Chat(fold) => fold.finish(place),
            Self::Responses(fold) => Ok(fold.finish()),
            Self::Messages(fold) => Ok(fold.finish(true)),
            Self::Json(fold) => Ok(fold.finish()),
            Self::Embeddings => Err(place.invalid("embeddings came as a stream", b"")),
        }
    }

    /// The answer of a body in one piece.
    pub(crate) fn document(self, json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Chat(fold) => fold.document(json, place),
            Self::Responses(_) => ResponsesFold::document(json, place),
            Self::Messages(fold) => fold.document(json, place),
            Self::Json(fold) => fold.document(json, place),
            Self::Embeddings => embedding_of(json, place),
        }
    }
}
