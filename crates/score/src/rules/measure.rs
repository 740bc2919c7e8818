//! `latency`, `first_token`, `cost`, `tokens`: what every task has as metrics anyway, as scorers, so that each answer
//! can be held against a bound and be a part of a condition; `perplexity` and `perplexity_score`, how sure the model was of
//! its own words. Together, because each only picks a number.

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Judgement, Rule};
use seatrial_task::ScorerInput;
use seatrial_types::{LogProbability, Money, Timing};

/// Words of the option `of` of `tokens`; the first is the default.
pub(crate) const TOKENS_OF: [&str; 4] = ["output", "input", "total", "reasoning"];

/// What is measured; `None` where it is unknown.
struct Measure {
    value: fn(ScorerInput<'_>) -> Option<f64>,
    unknown: &'static str,
    of_log_probabilities: bool,
}

/// Said where neither the stream nor the document told it.
pub(crate) const NO_LOG_PROBABILITIES: &str =
    "the target told no log probabilities; chat and completions of `provider: openai` are asked for them";

impl Rule for Measure {
    fn judge(&self, _text: &str, input: ScorerInput<'_>) -> Judgement {
        match (self.value)(input) {
            Some(value) => Judgement::graded(value, ""),
            None => Judgement::unparsed(self.unknown),
        }
    }

    fn needs_reference(&self) -> bool {
        false
    }

    fn needs_log_probabilities(&self) -> bool {
        self.of_log_probabilities
    }
}

pub(crate) fn latency(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(Measure {
        value: |input| input.call.timing().and_then(Timing::latency_ns).map(milliseconds),
        unknown: "no latency was measured",
        of_log_probabilities: false,
    }))
}

pub(crate) fn first_token(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(Measure {
        value: |input| input.call.timing().and_then(Timing::ttft_ns).map(milliseconds),
        unknown: "no time to the first token was measured",
        of_log_probabilities: false,
    }))
}

pub(crate) fn cost(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(Measure {
        value: |input| input.cost.map(Money::to_usd_f64),
        unknown: "price or usage is unknown",
        of_log_probabilities: false,
    }))
}

pub(crate) fn tokens(options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    let value: fn(ScorerInput<'_>) -> Option<f64> = match options.word("of", &TOKENS_OF)? {
        Some(1) => |input| input.answer.usage.input_tokens.map(count),
        Some(2) => |input| {
            let usage = &input.answer.usage;
            Some(count(usage.input_tokens?.saturating_add(usage.output_tokens?)))
        },
        Some(3) => |input| input.answer.usage.reasoning_tokens.map(count),
        _ => |input| input.answer.usage.output_tokens.map(count),
    };
    Ok(Box::new(Measure {
        value,
        unknown: "the provider did not count these tokens",
        of_log_probabilities: false,
    }))
}

pub(crate) fn perplexity(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(Measure {
        // Infinite only where a server's logarithms are absurd; then there is no number to report.
        value: |input| of_answer(input).filter(|perplexity| perplexity.is_finite()),
        unknown: NO_LOG_PROBABILITIES,
        of_log_probabilities: true,
    }))
}

pub(crate) fn perplexity_score(_options: &Options<'_>) -> Result<Box<dyn Rule>, ScorerError> {
    Ok(Box::new(Measure {
        value: |input| of_answer(input).map(|perplexity| 1.0 / (1.0 + perplexity)),
        unknown: NO_LOG_PROBABILITIES,
        of_log_probabilities: true,
    }))
}

fn of_answer(input: ScorerInput<'_>) -> Option<f64> {
    input.answer.log_probability.map(LogProbability::perplexity)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "tokens far below 2^53")]
fn count(tokens: u64) -> f64 {
    tokens as f64
}
