//! One sample of an Inspect log: conversation, answer, usage, scores. Apart because archive and single file hold the
//! same ones.

use super::chat::{self, Attachments, ChatMessage};
use super::header::{Header, Message as ErrorMessage};
use crate::foreign::{CaseContent, ForeignSample, ForeignScore, ScoreValue, Tally};
use crate::names::cut;
use seatrial_types::{Answer, CallError, CallErrorKind, FinishReason, Message, Money, Role, Usage};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

/// Longest explanation that is kept with a score.
const DETAIL_CHARS_MAX: usize = 2000;
/// Most entries of a score that is a list or a map.
const SCORE_ENTRIES_MAX: usize = 200;

/// A sample as Inspect writes it; events and stores are not read.
#[derive(Debug, Deserialize)]
pub(super) struct Sample {
    id: Value,
    #[serde(default = "one")]
    epoch: u32,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    choices: Value,
    #[serde(default)]
    target: Value,
    #[serde(default)]
    messages: Vec<ChatMessage>,
    #[serde(default)]
    output: Option<Output>,
    #[serde(default)]
    scores: Option<Map<String, Value>>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    model_usage: HashMap<String, ModelUsage>,
    #[serde(default)]
    started_at: Option<String>,
    #[serde(default)]
    error: Option<ErrorMessage>,
    #[serde(default)]
    limit: Option<Limit>,
    #[serde(default)]
    attachments: Attachments,
}

const fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
struct Limit {
    #[serde(default, rename = "type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    #[serde(default)]
    model: String,
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    completion: Option<String>,
    #[serde(default)]
    usage: Option<ModelUsage>,
    #[serde(default)]
    time: Option<f64>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    message: ChatMessage,
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ModelUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    total_tokens: u64,
    #[serde(default)]
    input_tokens_cache_write: Option<u64>,
    #[serde(default)]
    input_tokens_cache_read: Option<u64>,
    #[serde(default)]
    reasoning_tokens: Option<u64>,
    #[serde(default)]
    total_cost: Option<f64>,
}

impl ModelUsage {
    /// In our words: input with what was cached. Inspect counts cached tokens apart; older versions counted those of
    /// some providers inside, which the total gives away.
    fn usage(&self) -> Usage {
        let cached = self.input_tokens_cache_read.unwrap_or(0) + self.input_tokens_cache_write.unwrap_or(0);
        let is_inside = cached > 0
            && cached <= self.input_tokens
            && self.total_tokens == self.input_tokens.saturating_add(self.output_tokens);
        let input = if is_inside {
            self.input_tokens
        } else {
            self.input_tokens.saturating_add(cached)
        };
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(self.output_tokens),
            cache_read_tokens: self.input_tokens_cache_read,
            cache_write_tokens: self.input_tokens_cache_write,
            cache_write_1h_tokens: None,
            reasoning_tokens: self.reasoning_tokens,
        }
    }

    fn cost(&self) -> Option<Money> {
        // What is finer than a picodollar is rounded to it.
        let cost = self.total_cost.filter(|cost| cost.is_finite())?;
        Money::from_str(&format!("{cost:.12}")).ok()
    }
}

impl Sample {
    /// In our words. `metadata` is what a chunked log keeps beside the sample.
    pub(super) fn into_foreign(self, header: &Header, place: &str, tally: &mut Tally) -> ForeignSample {
        let attachments = self.attachments;
        let case_id: Arc<str> = match &self.id {
            Value::String(id) => id.as_str().into(),
            other => other.to_string().into(),
        };
        let content = CaseContent::of(&[
            &resolved(&self.input, &attachments),
            &self.choices,
            &resolved(&self.target, &attachments),
        ]);
        let prompt = if self.messages.is_empty() {
            input_messages(self.input, &attachments, tally, place)
        } else {
            let all = chat::messages(self.messages, &attachments, tally, place);
            chat::before_last_answer(all)
        };
        if let Some(limit) = self.limit {
            tally.add(
                &format!(
                    "a sample hit its {} limit; it counts as it was scored",
                    limit.kind
                ),
                place,
            );
        }
        let mut output = self.output.unwrap_or_default();
        if let Some(error) = output.error.take() {
            let error = cut(error.lines().next().unwrap_or_default(), 200);
            tally.add(&format!("the model's output carries an error: {error}"), place);
        }
        let usage = usage_of(&output, &self.model_usage, header, place, tally);
        let has_scores = self.scores.as_ref().is_some_and(|scores| !scores.is_empty());
        let latency_s = output.time;
        let result = match self.error {
            Some(error) => {
                if has_scores {
                    tally.add(
                        "a sample that ended in an error has scores, which are left out",
                        place,
                    );
                }
                Err(call_error(&error.message))
            }
            None => Ok(answer(output, usage.as_ref(), &attachments, tally, place)),
        };
        ForeignSample {
            model: header.eval.model.as_str().into(),
            task: header.eval.task.as_str().into(),
            case_id,
            epoch: self.epoch.saturating_sub(1),
            content,
            columns: self.metadata,
            prompt,
            cost: usage
                .as_ref()
                .and_then(ModelUsage::cost)
                .filter(|_| result.is_ok()),
            result,
            latency_s,
            ttft_s: None,
            started_unix_ms: self
                .started_at
                .and_then(|at| at.parse::<jiff::Timestamp>().ok())
                .map(jiff::Timestamp::as_millisecond),
            scores: scores(self.scores.unwrap_or_default(), &attachments, place, tally),
        }
    }

    /// Puts back what a chunked log keeps in an entry of its own.
    pub(super) fn set_metadata(&mut self, metadata: Map<String, Value>) {
        self.metadata = metadata;
    }
}

fn resolved(value: &Value, attachments: &Attachments) -> Value {
    match value {
        Value::String(text) => Value::String(chat::resolve(text, attachments)),
        Value::Array(items) => items.iter().map(|item| resolved(item, attachments)).collect(),
        Value::Object(map) => map
            .iter()
            // Ids of messages are drawn anew for every sample.
            .filter(|(key, _)| !matches!(key.as_str(), "id" | "source" | "metadata"))
            .map(|(key, value)| (key.clone(), resolved(value, attachments)))
            .collect(),
        other => other.clone(),
    }
}

fn input_messages(input: Value, attachments: &Attachments, tally: &mut Tally, place: &str) -> Vec<Message> {
    match input {
        Value::String(text) => vec![Message::new(Role::User, chat::resolve(&text, attachments))],
        Value::Null => Vec::new(),
        list => match serde_json::from_value::<Vec<ChatMessage>>(list) {
            Ok(chat) => chat::messages(chat, attachments, tally, place),
            Err(_) => {
                tally.add("the input is neither a text nor messages and is left out", place);
                Vec::new()
            }
        },
    }
}

fn answer(
    output: Output,
    usage: Option<&ModelUsage>,
    attachments: &Attachments,
    tally: &mut Tally,
    place: &str,
) -> Answer {
    if output.choices.len() > 1 {
        tally.add("an answer has several choices; the first one is kept", place);
    }
    let first = output.choices.into_iter().next();
    let from_choice = first
        .as_ref()
        .map(|choice| chat::content(choice.message.content(), attachments, tally, place).0);
    let from_completion = output.completion.map(|text| chat::resolve(&text, attachments));
    Answer {
        text: from_choice.or(from_completion).unwrap_or_default(),
        tool_calls: first
            .as_ref()
            .map(|choice| choice.message.tool_calls())
            .unwrap_or_default(),
        finish_reason: first
            .and_then(|choice| choice.stop_reason)
            .filter(|reason| reason != "unknown")
            .map(|reason| match reason.as_str() {
                "model_length" => FinishReason::Length,
                other => FinishReason::from_word(other),
            }),
        served_model: Some(output.model).filter(|model| !model.is_empty()),
        usage: usage.map_or_else(Usage::default, ModelUsage::usage),
        ..Answer::default()
    }
}

/// Tokens of the evaluated model over the whole sample; those of the last call where other parts of the sample use the
/// same model.
fn usage_of(
    output: &Output,
    by_model: &HashMap<String, ModelUsage>,
    header: &Header,
    place: &str,
    tally: &mut Tally,
) -> Option<ModelUsage> {
    let model = &header.eval.model;
    for other in by_model.keys().filter(|other| *other != model) {
        tally.add(
            &format!("tokens of `{other}`, which is not the evaluated model, are not counted"),
            place,
        );
    }
    let names_itself = |role: &Value| {
        let models = role.as_array().map_or(std::slice::from_ref(role), Vec::as_slice);
        models.iter().any(|entry| entry["model"].as_str() == Some(model))
    };
    let is_shared = header
        .eval
        .model_roles
        .iter()
        .flatten()
        .any(|(_, role)| names_itself(role));
    if is_shared {
        tally.add(
            "the evaluated model has another role too: tokens are those of the last call alone",
            place,
        );
        return output.usage.clone();
    }
    by_model.get(model).cloned().or_else(|| output.usage.clone())
}

/// The class of an error is read off its words; what they do not tell stays the other tool's.
fn call_error(message: &str) -> CallError {
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let kind = if has(&["RateLimit", "429"]) {
        CallErrorKind::RateLimited
    } else if has(&["Timeout", "timed out"]) {
        CallErrorKind::Timeout
    } else if has(&["APIConnectionError", "ConnectError"]) {
        CallErrorKind::Connect
    } else {
        CallErrorKind::Foreign
    };
    CallError {
        kind,
        status: None,
        message: cut(message, DETAIL_CHARS_MAX),
    }
}

fn scores(
    scores: Map<String, Value>,
    attachments: &Attachments,
    place: &str,
    tally: &mut Tally,
) -> Vec<ForeignScore> {
    let mut all = Vec::new();
    for (scorer, score) in scores {
        let text = |key: &str| score[key].as_str().map(|text| chat::resolve(text, attachments));
        let detail = text("answer").or_else(|| text("explanation"));
        let detail = detail
            .map(|detail| cut(&detail, DETAIL_CHARS_MAX))
            .filter(|detail| !detail.is_empty());
        let mut push = |key: Option<&str>, value: &Value| {
            let read = number(value);
            if read.is_none() {
                tally.add(
                    &format!("scorer {scorer}: a value is no number and counts as unparsed"),
                    place,
                );
            }
            all.push(ForeignScore {
                scorer: scorer.as_str().into(),
                metric: Header::metric_name(&scorer, key).into(),
                value: read.map_or(ScoreValue::Unparsed, ScoreValue::Number),
                detail: match read {
                    Some(_) => detail.clone(),
                    None => Some(format!("the value is {}", cut(&value.to_string(), 200))),
                },
            });
        };
        match &score["value"] {
            Value::Object(map) => {
                let entries = map.iter().take(SCORE_ENTRIES_MAX);
                entries.for_each(|(key, value)| push(Some(key), value));
            }
            Value::Array(list) => {
                let entries = (1..).zip(list.iter().take(SCORE_ENTRIES_MAX));
                entries.for_each(|(number, value): (u32, _)| push(Some(&number.to_string()), value));
            }
            value => push(None, value),
        }
    }
    all
}

/// A value as Inspect's `value_to_float` reads it; `None` where that gives up and counts 0.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(true) => Some(1.0),
        Value::Bool(false) => Some(0.0),
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "C" => Some(1.0),
            "P" => Some(0.5),
            "I" | "N" => Some(0.0),
            other => match other.to_lowercase().as_str() {
                "yes" | "true" => Some(1.0),
                "no" | "false" => Some(0.0),
                number => number
                    .trim()
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite()),
            },
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects equal scores: Inspect's own table of values.
    #[test]
    fn values_are_read_as_inspect_reads_them() {
        let table = [
            (json!("C"), Some(1.0)),
            (json!("I"), Some(0.0)),
            (json!("P"), Some(0.5)),
            (json!("N"), Some(0.0)),
            (json!(true), Some(1.0)),
            (json!(3), Some(3.0)),
            (json!(0.25), Some(0.25)),
            (json!("Yes"), Some(1.0)),
            (json!("FALSE"), Some(0.0)),
            (json!("0.5"), Some(0.5)),
            (json!("c"), None),
            (json!("inf"), None),
            (json!(null), None),
        ];
        for (value, expected) in table {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    /// Protects totals: cached tokens are counted once, whichever way the version of Inspect counts them.
    #[test]
    fn cached_tokens_are_counted_once() {
        let usage = |total| ModelUsage {
            input_tokens: 10,
            output_tokens: 5,
            total_tokens: total,
            input_tokens_cache_read: Some(4),
            ..ModelUsage::default()
        };
        assert_eq!(usage(19).usage().input_tokens, Some(14));
        assert_eq!(usage(15).usage().input_tokens, Some(10));
    }
}
