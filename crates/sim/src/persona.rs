//! A persona: one simulated model with its speed, accuracy, stream shape and faults. Apart from the rest of the
//! configuration because tests and demonstrations build personas in code.

use crate::delay::Dist;
use crate::fault::{Fault, Faults};

/// When and how a stream tells the number of tokens. Answers in one piece always tell it, except with `None`.
///
/// A stream tells it only when the request asks (`stream_options.include_usage`), as providers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageStyle {
    /// With the finish reason, in one event, with the details of cached and reasoning tokens.
    #[default]
    Full,
    /// Never.
    None,
    /// As `Full`, without the details.
    NoDetails,
    /// In a last event of its own with empty `choices`, with the details.
    LastEventEmptyChoices,
    /// Running totals on every event.
    EveryEvent,
}

impl UsageStyle {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("full", Self::Full),
        ("none", Self::None),
        ("no_details", Self::NoDetails),
        ("last_event_empty_choices", Self::LastEventEmptyChoices),
        ("every_event", Self::EveryEvent),
    ];
}

/// A request field that a persona can refuse with a 400 naming it, as endpoints without that feature do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `stream: true`.
    Stream,
    /// `stream_options`.
    StreamOptions,
    /// `logprobs`.
    LogProbabilities,
}

impl Feature {
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("stream", Self::Stream),
        ("stream_options", Self::StreamOptions),
        ("logprobs", Self::LogProbabilities),
    ];

    /// The request field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::LogProbabilities => "logprobs",
        }
    }
}

/// Legal variations of a stream that every answer of a persona has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Status and headers are sent when the request was read, not with the first event.
    pub early_headers: bool,
    /// Comment lines (`: ping`) before the first event and before the finish reason.
    pub comments: bool,
    /// Lines end with CR LF.
    pub crlf: bool,
    /// The finish reason is in the last event with text instead of an event of its own.
    pub finish_with_text: bool,
    /// This many reasoning tokens come before the text, one event of `tokens_per_event` after the other.
    pub reasoning_tokens: usize,
    /// Field of `delta` that carries them: `reasoning_content` (the default) or `reasoning` are in use.
    pub reasoning_field: Option<String>,
    /// `stream: true` is ignored: the answer comes in one piece as `application/json`.
    pub ignores_stream: bool,
    /// Fields that are refused with a 400.
    pub refuses: Vec<Feature>,
}

/// One simulated model.
#[derive(Debug, Clone, PartialEq)]
pub struct Persona {
    /// The name that requests give as `model`; `*` answers to every name that no other persona has.
    pub model: String,
    /// From the request being read (and a slot being free) to the first event, in milliseconds.
    pub first_token_ms: Dist,
    /// Between events, in milliseconds. Events are due at fixed times: one that is late does not delay the next.
    pub gap_ms: Dist,
    /// Tokens in an event, 1 to 1,000.
    pub tokens_per_event: usize,
    /// Exactly this many events with text, 1 to 100,000, instead of `tokens_per_event`; events without text fill up.
    pub events: Option<usize>,
    /// Share of the answer file that is answered rightly, in [0, 1]: exactly `round(accuracy × rows)` of its prompts,
    /// chosen by seed and model.
    pub accuracy: f64,
    /// Answer to a prompt that the answer file does not have.
    pub unknown: String,
    /// Overrides the length of answers, in tokens: longer ones are cut, shorter ones filled with words.
    pub output_tokens: Option<Dist>,
    /// When tokens are told.
    pub usage: UsageStyle,
    /// Requests answered at the same time; others wait their turn, first come first served. `None` is no limit.
    pub slots: Option<usize>,
    /// A request that finds no slot free gets the 429 of [`Fault::RateLimited`] instead of waiting.
    pub full_is_429: bool,
    /// Probabilities of faults.
    pub faults: Faults,
    /// A prompt that met a fault meets it again on every further attempt. Otherwise each attempt draws anew.
    pub faults_persist: bool,
    /// `Retry-After` of 429, in seconds.
    pub retry_after_s: u32,
    /// `retry-after-ms` of 429; `None` leaves the header out.
    pub retry_after_ms: Option<u32>,
    /// Silence of a stall in milliseconds, at most ten minutes.
    pub stall_ms: f64,
    /// Bytes per write of a trickle, at least 1.
    pub trickle_bytes: usize,
    /// Pause between these writes in milliseconds.
    pub trickle_gap_ms: f64,
    /// Variations of the stream.
    pub shape: Shape,
}

impl Persona {
    /// A model that answers at once, without faults: the counterpart of a speed measurement.
    #[must_use]
    pub fn instant(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            first_token_ms: Dist::ZERO,
            gap_ms: Dist::ZERO,
            tokens_per_event: 1,
            events: None,
            accuracy: 1.0,
            unknown: "I do not know.".to_owned(),
            output_tokens: None,
            usage: UsageStyle::default(),
            slots: None,
            full_is_429: false,
            faults: Faults::none(),
            faults_persist: false,
            retry_after_s: 0,
            retry_after_ms: None,
            stall_ms: 30_000.0,
            trickle_bytes: 3,
            trickle_gap_ms: 1.0,
            shape: Shape::default(),
        }
    }

    /// The same, where every request meets this fault.
    #[must_use]
    pub fn always(mut self, fault: Fault) -> Self {
        self.faults = Faults::none().with(fault, 1.0);
        self
    }
}
