//! How many tokens an answer has: what the server says, else what a tokenizer makes of its text, else its events. Apart
//! because every number per token depends on it, so the way is named and the disagreement is told.

use crate::record::RequestRecord;

/// How output tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenRule {
    /// Bytes of text to a token, as a tokenizer found on this model's answers, for those that it did not count one by one;
    /// `None` without a tokenizer.
    pub bytes_per_token: Option<f64>,
}

/// Where a count comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// The server's usage.
    Usage,
    /// A tokenizer.
    Tokenizer,
    /// One for each event with tokens.
    Events,
}

impl TokenSource {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Tokenizer => "tokenizer",
            Self::Events => "events",
        }
    }
}

impl TokenRule {
    /// Output tokens of an answer; `None` where nothing tells.
    #[must_use]
    pub fn of(&self, request: &RequestRecord) -> Option<f64> {
        self.count(request).map(|(tokens, _)| tokens)
    }

    /// Output tokens of an answer, and who says so.
    #[must_use]
    pub fn count(&self, request: &RequestRecord) -> Option<(f64, TokenSource)> {
        if let Some(tokens) = request.tokens_out {
            return Some((tokens as f64, TokenSource::Usage));
        }
        if let Some(tokens) = self.by_text(request) {
            return Some((tokens, TokenSource::Tokenizer));
        }
        (request.events > 0).then(|| (f64::from(request.events), TokenSource::Events))
    }

    /// By the text itself where it was counted, else by its length.
    fn by_text(&self, request: &RequestRecord) -> Option<f64> {
        if let Some(tokens) = request.tokens_counted {
            return Some(f64::from(tokens));
        }
        let bytes_per_token = self.bytes_per_token.filter(|bytes| *bytes > 0.0)?;
        (request.text_bytes > 0).then(|| (request.text_bytes as f64 / bytes_per_token).max(1.0))
    }
}

/// How tokens were counted over many answers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TokenCounts {
    /// Output tokens of all answers.
    pub output: f64,
    /// Input tokens, of answers that tell them.
    pub input: u64,
    /// Answers counted by usage.
    pub by_usage: u64,
    /// Answers counted by tokenizer.
    pub by_tokenizer: u64,
    /// Answers counted by events.
    pub by_events: u64,
    /// Events over usage, of answers that have both, less 1: −0.75 where four tokens come in one event.
    pub events_mismatch: Option<f64>,
    /// Tokenizer over usage, of answers that have both, less 1.
    pub tokenizer_mismatch: Option<f64>,
}

impl TokenCounts {
    pub(super) fn of(requests: &[&RequestRecord], rule: TokenRule) -> Self {
        let mut counts = Self::default();
        let (mut usage, mut events, mut text, mut usage_with_text) = (0.0, 0.0, 0.0, 0.0);
        for request in requests {
            counts.input += request.tokens_in.unwrap_or(0);
            let Some((tokens, source)) = rule.count(request) else {
                continue;
            };
            counts.output += tokens;
            match source {
                TokenSource::Usage => counts.by_usage += 1,
                TokenSource::Tokenizer => counts.by_tokenizer += 1,
                TokenSource::Events => counts.by_events += 1,
            }
            if source == TokenSource::Usage && request.events > 0 {
                usage += tokens;
                events += f64::from(request.events);
            }
            if source == TokenSource::Usage
                && let Some(by_text) = rule.by_text(request)
            {
                text += by_text;
                usage_with_text += tokens;
            }
        }
        counts.events_mismatch = (usage > 0.0).then(|| events / usage - 1.0);
        counts.tokenizer_mismatch = (usage_with_text > 0.0).then(|| text / usage_with_text - 1.0);
        counts
    }

    /// The one source, or `None` where answers were counted in different ways or not at all.
    #[must_use]
    pub fn source(&self) -> Option<TokenSource> {
        match (self.by_usage > 0, self.by_tokenizer > 0, self.by_events > 0) {
            (true, false, false) => Some(TokenSource::Usage),
            (false, true, false) => Some(TokenSource::Tokenizer),
            (false, false, true) => Some(TokenSource::Events),
            _ => None,
        }
    }
}
