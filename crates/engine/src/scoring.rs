//! From an answer to its scores: every scorer of a task in turn. Apart from running a sample, because answers on record
//! are scored again in the same way.

use crate::asked::AskedModels;
use seatrial_task::{Model, Scorer, ScorerInput, Scoring, refusal_of, scores_without_looking};
use seatrial_types::{Call, Case, Message, Money, ScoreRecord};
use std::sync::Arc;

/// What is scored.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// The case with its reference.
    pub case: &'a Case,
    /// The conversation that was sent.
    pub prompt: &'a [Message],
    /// What came of it.
    pub call: &'a Call,
    /// Price of the answer.
    pub cost: Option<Money>,
}

/// Scores of all scorers of a task, in their order. Errors stay errors, refusals refusals: no scorer looks at them.
pub async fn score(
    scorers: &[Arc<dyn Scorer>],
    models: &AskedModels,
    answered: Answered<'_>,
) -> Vec<ScoreRecord> {
    let Answered {
        case,
        prompt,
        call,
        cost,
    } = answered;
    let answer = call.result.as_ref().ok();
    let input = answer.map(|answer| ScorerInput {
        case,
        prompt,
        answer,
        call,
        cost,
    });
    let refusal = input.and_then(|input| refusal_of(scorers, input));
    let mut scores = Vec::new();
    for (index, scorer) in scorers.iter().enumerate() {
        let without_looking = scores_without_looking(&**scorer, call, refusal.as_deref());
        let of_scorer = match (without_looking, input) {
            (Some(scores), _) => scores,
            (None, Some(input)) => {
                let asked = scorer.asks().and_then(|name| models.get(name));
                match scorer.score(input, asked.map(|model| model as &dyn Model)) {
                    Scoring::Ready(scores) => scores,
                    Scoring::Later(scores) => scores.await,
                }
            }
            (None, None) => Vec::new(),
        };
        let scorer = u16::try_from(index).unwrap_or(u16::MAX);
        scores.extend(of_scorer.into_iter().map(|score| ScoreRecord { scorer, score }));
    }
    scores
}
