//! The sum of all ways to get an answer. An enum and not a trait: the set is closed, and a call stays free of a boxed
//! future.

use crate::{OpenAiChat, Recorded};
use seatrial_types::{Call, ModelRequest};

/// A target that can be called.
#[derive(Debug)]
pub enum Provider {
    /// An endpoint with the OpenAI chat completions API.
    OpenAi(Box<OpenAiChat>),
    /// Answers from a file.
    Recorded(Box<Recorded>),
}

impl Provider {
    /// Asks, retries where that can help, and never fails: errors are in the [`Call`].
    ///
    /// Dropping the future abandons the call: its connection is closed, nothing else keeps running.
    pub async fn call(&self, request: &ModelRequest) -> Call {
        match self {
            Self::OpenAi(chat) => chat.call(request).await,
            Self::Recorded(recorded) => recorded.call(request),
        }
    }
}

impl From<OpenAiChat> for Provider {
    fn from(chat: OpenAiChat) -> Self {
        Self::OpenAi(Box::new(chat))
    }
}

impl From<Recorded> for Provider {
    fn from(recorded: Recorded) -> Self {
        Self::Recorded(Box::new(recorded))
    }
}
