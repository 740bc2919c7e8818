//! Reading samples back from their rows. Apart from writing because it trusts nothing: each value is checked, and what
//! cannot be read names its column.

use super::bodies::BodyReader;
use super::errors::ReadError;
use super::rows::Columns;
use super::sample_writer::{OTHER_REASON, StoredMessage};
use crate::codec::{scores, slices, timing};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, FinishReason, LogProbability, Message, SampleFigures,
    SampleKey, SampleRecord, ScoreRecord, SliceKey, Usage,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::borrow::Cow;
use std::sync::Arc;

pub(super) const SELECT_KEYS: &str = "SELECT target, task, epoch, case_number FROM sample WHERE run = ?1 \
    ORDER BY target, task, epoch, case_number";
pub(super) const SELECT_FIGURES: &str = "SELECT target, task, epoch, case_number, attempts, error, cached, latency_ns, ttft_ns, \
    queue_ns, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, \
    reasoning_tokens, cost_picodollars, served_model, case_id, cluster, slices, scores FROM sample WHERE run = ?1 \
    ORDER BY target, task, epoch, case_number";
/// Samples with their texts, up to which of them.
macro_rules! select_samples {
    ($which:literal) => {
        concat!(
            "SELECT s.target, s.task, s.epoch, s.case_number, s.attempts, s.error, s.cached, \
            s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, \
            s.cache_write_1h_tokens, s.reasoning_tokens, s.cost_picodollars, s.served_model, s.case_id, s.cluster, s.slices, s.scores, s.started_unix_ms, \
            s.finish_reason, t.streamed, t.request_id, t.error_status, t.error_message, t.status, t.timing, \
            t.attempts AS tries, t.prompt, t.tool_calls, t.log_prob_tokens, t.log_prob_sum, t.answer \
            FROM sample AS s CROSS JOIN sample_text AS t ON t.id = s.sample_text WHERE s.run = ?1 ",
            $which
        )
    };
}
pub(super) const SELECT_SAMPLES: &str = select_samples!("ORDER BY s.target, s.task, s.epoch, s.case_number");
pub(super) const SELECT_SAMPLE: &str =
    select_samples!("AND s.target = ?2 AND s.task = ?3 AND s.epoch = ?4 AND s.case_number = ?5");

/// The names that came last. Most rows repeat them, and a shared name costs no memory.
#[derive(Default)]
pub(super) struct Names {
    model: Option<Arc<str>>,
    cluster: Option<Arc<str>>,
}

fn shared(text: Option<&str>, last: &mut Option<Arc<str>>) -> Option<Arc<str>> {
    let text = text?;
    if last.as_deref() != Some(text) {
        *last = Some(text.into());
    }
    last.clone()
}

pub(super) fn read_key(columns: &mut Columns<'_>) -> Result<SampleKey, ReadError> {
    Ok(SampleKey {
        target: columns.number()?,
        task: columns.number()?,
        epoch: columns.number()?,
        case: columns.number()?,
    })
}

/// A flag; `NULL`, which earlier versions left, is no.
fn read_flag(columns: &mut Columns<'_>) -> Result<bool, ReadError> {
    Ok(columns.optional_integer()?.is_some_and(|flag| flag != 0))
}

fn read_usage(columns: &mut Columns<'_>) -> Result<Usage, ReadError> {
    Ok(Usage {
        input_tokens: columns.optional_u64()?,
        output_tokens: columns.optional_u64()?,
        cache_read_tokens: columns.optional_u64()?,
        cache_write_tokens: columns.optional_u64()?,
        cache_write_1h_tokens: columns.optional_u64()?,
        reasoning_tokens: columns.optional_u64()?,
    })
}

fn read_slices(columns: &mut Columns<'_>) -> Result<Vec<SliceKey>, ReadError> {
    let Some(json) = columns.optional_text()? else {
        return Ok(Vec::new());
    };
    slices::decode(json).map_err(|error| columns.unreadable(error.to_string()))
}

fn read_scores(columns: &mut Columns<'_>) -> Result<Vec<ScoreRecord>, ReadError> {
    scores::decode(columns.text()?).map_err(|error| columns.unreadable(error.to_string()))
}

pub(super) fn read_figures(columns: &mut Columns<'_>, names: &mut Names) -> Result<SampleFigures, ReadError> {
    let key = read_key(columns)?;
    let attempts = columns.number()?;
    let error = columns.optional_word(error_kind)?;
    let cached = read_flag(columns)?;
    Ok(SampleFigures {
        key,
        attempts,
        error,
        cached,
        latency_ns: columns.optional_u64()?,
        ttft_ns: columns.optional_u64()?,
        queue_ns: columns.optional_u64()?,
        usage: read_usage(columns)?,
        cost: columns.optional_money()?,
        served_model: shared(columns.optional_text()?, &mut names.model),
        case_id: columns.text()?.into(),
        cluster: shared(columns.optional_text()?, &mut names.cluster),
        slices: read_slices(columns)?,
        scores: read_scores(columns)?,
    })
}

pub(super) fn read_sample(
    columns: &mut Columns<'_>,
    bodies: &BodyReader<'_>,
    names: &mut Names,
) -> Result<SampleRecord, ReadError> {
    let key = read_key(columns)?;
    let attempts_count: usize = columns.number()?;
    let error = columns.optional_word(error_kind)?;
    let cached = read_flag(columns)?;
    let usage = read_usage(columns)?;
    let cost = columns.optional_money()?;
    let served_model = columns.optional_text()?;
    let case_id = columns.text()?.into();
    let cluster = shared(columns.optional_text()?, &mut names.cluster);
    let slices = read_slices(columns)?;
    let scores = read_scores(columns)?;
    let started_unix_ms = columns.integer()?;
    let finish_reason = columns.optional_word(finish_reason)?;
    let streamed = read_flag(columns)?;
    let request_id = columns.optional_text()?;
    let error_status = columns.optional_number()?;
    let error_message = bodies.optional_text(columns)?;
    let attempts = read_attempts(columns, bodies, attempts_count)?;
    let prompt = read_prompt(columns, bodies)?;
    let tool_calls = match bodies.optional_text(columns)? {
        None => Vec::new(),
        Some(json) => serde_json::from_str(&json).map_err(|error| columns.unreadable(error.to_string()))?,
    };
    let log_probability = read_log_probability(columns)?;
    let answer_text = bodies.optional_text(columns)?;
    let result = match (error, answer_text) {
        (Some(kind), _) => Err(CallError {
            kind,
            status: error_status,
            message: error_message.map(Into::into).unwrap_or_default(),
        }),
        (None, Some(text)) => Ok(Answer {
            stated_cost: None,
            log_probability,
            text: text.into_owned(),
            tool_calls,
            finish_reason,
            served_model: served_model.map(str::to_owned),
            request_id: request_id.map(str::to_owned),
            usage,
            streamed,
        }),
        (None, None) => return Err(columns.unreadable("neither an answer nor an error")),
    };
    Ok(SampleRecord {
        key,
        case_id,
        cluster,
        slices,
        prompt,
        call: Call {
            attempts,
            result,
            cached,
        },
        cost,
        started_unix_ms,
        scores,
    })
}

/// Takes the two columns of the probabilities of tokens; `NULL`, which earlier versions left, is unknown.
fn read_log_probability(columns: &mut Columns<'_>) -> Result<Option<LogProbability>, ReadError> {
    let tokens = columns.optional_number()?;
    let sum = columns.optional_real()?;
    match tokens.zip(sum) {
        None => Ok(None),
        Some((tokens, sum)) => match LogProbability::of(tokens, sum) {
            Some(told) => Ok(Some(told)),
            None => Err(columns.unreadable(format!("a sum of {sum} over {tokens} tokens"))),
        },
    }
}

/// Takes the three columns that hold attempts: status and timing of a clean one, JSON of all others.
fn read_attempts(
    columns: &mut Columns<'_>,
    bodies: &BodyReader<'_>,
    count: usize,
) -> Result<Vec<Attempt>, ReadError> {
    let status = columns.optional_number()?;
    let timing = match columns.optional_blob()? {
        None => None,
        Some(bytes) => Some(timing::decode(bytes).ok_or_else(|| columns.unreadable("damaged moments"))?),
    };
    let json = bodies.optional_text(columns)?;
    let attempts = match (timing, json) {
        (Some(timing), _) => vec![Attempt {
            timing,
            status,
            ..Attempt::default()
        }],
        (None, None) => Vec::new(),
        (None, Some(json)) => {
            serde_json::from_str(&json).map_err(|error| columns.unreadable(error.to_string()))?
        }
    };
    if attempts.len() != count {
        let found = format!("{} attempts instead of {count}", attempts.len());
        return Err(columns.unreadable(found));
    }
    Ok(attempts)
}

fn read_prompt(columns: &mut Columns<'_>, bodies: &BodyReader<'_>) -> Result<Vec<Message>, ReadError> {
    let json = bodies.text(columns)?;
    let stored: Vec<StoredMessage<'static, String>> =
        serde_json::from_str(&json).map_err(|error| columns.unreadable(error.to_string()))?;
    let message = |stored: StoredMessage<'static, String>| {
        let content = match (stored.content, stored.body) {
            (Some(content), _) => content,
            (None, Some(id)) => bodies.body(id, columns)?,
            (None, None) => return Err(columns.unreadable("a message without content")),
        };
        Ok(Message {
            role: stored.role,
            content,
            images: stored.images.into_owned(),
            tool_calls: stored.tool_calls.into_owned(),
            tool_call_id: stored.tool_call_id.map(Cow::into_owned),
        })
    };
    stored.into_iter().map(message).collect()
}

fn error_kind(word: &str) -> Option<CallErrorKind> {
    let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    CallErrorKind::deserialize(word).ok()
}

/// Reads what [`reason_value`] wrote; a word of ours or `other:` and any text.
fn finish_reason(word: &str) -> Option<FinishReason> {
    if let Some(text) = word.strip_prefix(OTHER_REASON) {
        return Some(FinishReason::Other(text.to_owned()));
    }
    match FinishReason::from_word(word) {
        FinishReason::Other(_) => None,
        known => Some(known),
    }
}
