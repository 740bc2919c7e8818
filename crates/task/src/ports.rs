//! The ports between the engine and what it runs: drivers lead a conversation, scorers judge it, a model answers,
//! a sink makes the result durable. Apart so that none of them knows another.

use futures_util::future::BoxFuture;
use seatrial_types::{
    Answer, Call, CallError, CallErrorKind, Case, Message, MetricSpec, ModelRequest, Money, Outcome,
    SampleRecord, Score,
};
use std::sync::Arc;

/// One call to a named target, through cache, limits, price, budget and record.
///
/// Drivers and judges are handed one; nobody else calls a provider.
pub trait Model: Send + Sync {
    /// Asks, retries where that can help, and never fails: errors are in the [`Call`].
    fn call(&self, request: ModelRequest) -> BoxFuture<'_, Call>;

    /// Ends what keeps running between calls, such as a program; bounded in time. Nothing is called afterwards.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Somebody outside who answers one JSON object with another: a program, a web service.
///
/// What is asked and what an answer means is the matter of the scorer that asks.
pub trait Outside: Send + Sync {
    /// Asks once more or less: tries again where that can help. The error says what happened, with a hint, in a form
    /// that is fit for a report.
    fn ask(
        &self,
        request: serde_json::Map<String, serde_json::Value>,
    ) -> BoxFuture<'_, Result<serde_json::Map<String, serde_json::Value>, String>>;

    /// Ends what keeps running between questions; bounded in time. Nothing is asked afterwards.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What a driver brings back: the conversation as sent, and the last call.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// Messages of the deciding request.
    pub prompt: Vec<Message>,
    /// The deciding call with its attempts.
    pub call: Call,
}

impl Transcript {
    /// A transcript of a sample whose prompt could not be built: nothing was sent.
    #[must_use]
    pub fn of_prompt_error(message: String) -> Self {
        let error = CallError {
            kind: CallErrorKind::Prompt,
            status: None,
            message,
        };
        Self {
            prompt: Vec::new(),
            call: Call {
                attempts: Vec::new(),
                result: Err(error),
                cached: false,
            },
        }
    }
}

/// Leads the conversation of one sample.
pub trait Driver: Send + Sync {
    /// Leads it to its end. Errors are in the transcript.
    fn drive<'a>(&'a self, case: &'a Case, epoch: u32, model: &'a dyn Model) -> BoxFuture<'a, Transcript>;
}

/// What a scorer may look at.
#[derive(Debug, Clone, Copy)]
pub struct ScorerInput<'a> {
    /// The case with its reference.
    pub case: &'a Case,
    /// The conversation that led to the answer.
    pub prompt: &'a [Message],
    /// The answer.
    pub answer: &'a Answer,
    /// All attempts of the call that gave the answer, with their moments.
    pub call: &'a Call,
    /// Price of the answer; `None` where price or usage is unknown.
    pub cost: Option<Money>,
}

/// Scores now, or later for scorers that must ask somebody.
pub enum Scoring<'a> {
    /// Done; one entry per metric of the scorer.
    Ready(Vec<Score>),
    /// Still to be awaited.
    Later(BoxFuture<'a, Vec<Score>>),
}

/// Turns a sample into scores.
pub trait Scorer: Send + Sync {
    /// Name under which it is registered, such as `exact_match`.
    fn name(&self) -> &'static str;

    /// Version of its definition; part of a baseline's identity. Goes up when the same answer could score differently.
    fn version(&self) -> u32;

    /// The metrics it yields, in the order of [`Score::metric`].
    fn metrics(&self) -> &[MetricSpec];

    /// Whether it cannot judge a case that has no reference; such cases are refused before the run starts.
    fn needs_reference(&self) -> bool {
        false
    }

    /// Whether answers must say how probable their tokens were; targets are asked for it where their API has a way.
    fn needs_log_probabilities(&self) -> bool {
        false
    }

    /// Whether, and by what sign, this answer is a refusal although the provider does not say so. Once one scorer of
    /// a task says so, the answer is refused for all of them; a task without such a scorer knows finish reasons only.
    fn refusal(&self, _input: ScorerInput<'_>) -> Option<String> {
        None
    }

    /// Whether it judges refused answers itself instead of having them counted in their class: a scorer that measures
    /// how often a target refuses.
    fn looks_at_refusals(&self) -> bool {
        false
    }

    /// The name of the model that it asks, an entry of the suite's `models:`; `None` for a scorer that asks nobody.
    fn asks(&self) -> Option<&str> {
        None
    }

    /// Files that decide its scores beside its options, as the suite writes them and where they are; their content is
    /// part of the plan's hash.
    fn depends_on(&self) -> &[(String, std::path::PathBuf)] {
        &[]
    }

    /// Ends what keeps running between samples, such as a program; bounded in time. Nothing is scored afterwards.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Judges an answer. `judge` is the model that [`Scorer::asks`] names; always there where it names one.
    fn score<'a>(&'a self, input: ScorerInput<'a>, judge: Option<&'a dyn Model>) -> Scoring<'a>;
}

/// Where finished samples go.
pub trait SampleSink: Send {
    /// Makes the samples durable: when this returns, they survive the death of the process and of the machine.
    /// A sample that is already there is left as it is.
    fn put(&mut self, samples: &[SampleRecord]) -> Result<(), SinkError>;
}

/// Why samples could not be made durable.
#[derive(Debug, thiserror::Error)]
#[error("failed to record results: {0}")]
pub struct SinkError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why an answer counts as refused: the provider's finish reason, else what a scorer of the task recognised.
#[must_use]
pub fn refusal_of(scorers: &[Arc<dyn Scorer>], input: ScorerInput<'_>) -> Option<String> {
    let reason = input.answer.finish_reason.as_ref();
    match reason.filter(|reason| reason.is_refusal()) {
        Some(reason) => Some(reason.as_str().to_owned()),
        None => scorers.iter().find_map(|scorer| scorer.refusal(input)),
    }
}

/// Scores of a sample that no scorer needs to look at: it has no answer, or the answer is a refusal (`refusal` says
/// why, see [`refusal_of`]) and the scorer does not judge those.
///
/// `None` where the scorer has to look.
#[must_use]
pub fn scores_without_looking(scorer: &dyn Scorer, call: &Call, refusal: Option<&str>) -> Option<Vec<Score>> {
    let (outcome, detail) = match (&call.result, refusal) {
        (Err(error), _) => (Outcome::Error, error.kind.as_str()),
        (Ok(_), Some(reason)) if !scorer.looks_at_refusals() => (Outcome::Refused, reason),
        (Ok(_), _) => return None,
    };
    let count = u16::try_from(scorer.metrics().len()).unwrap_or(u16::MAX);
    let score = |metric| Score {
        metric,
        outcome,
        value: None,
        detail: Some(detail.to_owned()),
    };
    Some((0..count).map(score).collect())
}
