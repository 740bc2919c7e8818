//! Writing samples: figures in one row, texts in another. Apart from reading because its cost per sample is part of the
//! budget of every run: statements and buffers are used again for each sample.

use super::bodies::{BodyWriter, PlaceError};
use super::errors::sqlite_error;
use crate::StoreError;
use crate::codec::text::{BODY_BYTES_MAX, BODY_FROM_BYTES, trim};
use crate::codec::{scores, slices, timing};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, params};
use seatrial_types::{
    Attempt, Call, FinishReason, Image, Message, Money, Role, SampleKey, SampleRecord, Timing, ToolCall,
    Usage,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::Path;

/// What is being done, for messages.
pub(super) const APPENDING: &str = "record samples";
/// What stands before a finish reason that is none of the normalised words, so that it is not taken for one.
pub(super) const OTHER_REASON: &str = "other:";

const INSERT_SAMPLE: &str = "INSERT INTO sample (run, target, task, epoch, case_number, sample_text, \
    started_unix_ms, attempts, error, latency_ns, ttft_ns, queue_ns, input_tokens, output_tokens, cache_read_tokens, \
    cache_write_tokens, reasoning_tokens, cost_picodollars, finish_reason, served_model, case_id, cluster, slices, \
    scores, cached, cache_write_1h_tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
    ?22, ?23, ?24, ?25, ?26) ON CONFLICT DO NOTHING";
const INSERT_TEXT: &str = "INSERT INTO sample_text (id, streamed, request_id, error_status, error_message, status, \
    timing, attempts, prompt, answer, tool_calls, log_prob_tokens, log_prob_sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
    ?8, ?9, ?10, ?11, ?12, ?13)";
const NEXT_TEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM sample_text";
const ADD_FINISHED: &str = "UPDATE run SET samples_finished = samples_finished + ?2 WHERE number = ?1";

/// Why a sample could not be written.
pub(super) enum AppendError {
    Place(PlaceError),
    Encode(serde_json::Error),
}

impl<T: Into<PlaceError>> From<T> for AppendError {
    fn from(error: T) -> Self {
        Self::Place(error.into())
    }
}

impl AppendError {
    pub(super) fn in_database(self, path: &Path) -> StoreError {
        match self {
            Self::Place(PlaceError::Sqlite(error)) => sqlite_error(path, APPENDING, error),
            Self::Place(PlaceError::Unreadable { column, found }) => StoreError::Unreadable {
                path: path.to_owned(),
                what: format!("`{column}` of a body"),
                found,
            },
            Self::Place(PlaceError::TooLarge(found_bytes)) => StoreError::TooLarge {
                found_bytes,
                limit_bytes: BODY_BYTES_MAX,
            },
            Self::Encode(error) => StoreError::Database {
                doing: APPENDING,
                path: path.to_owned(),
                source: Box::new(error),
            },
        }
    }
}

/// Writes a batch of samples of the run with this number.
pub(super) fn append_all<'c>(
    conn: &'c Connection,
    bodies: BodyWriter<'c>,
    run: i64,
    batch: &[SampleRecord],
) -> Result<(), AppendError> {
    let mut writer = SampleWriter::try_new(conn, bodies, run)?;
    let mut added = 0_i64;
    for record in batch {
        added += i64::from(writer.write(record)?);
    }
    if added > 0 {
        conn.prepare_cached(ADD_FINISHED)?.execute(params![run, added])?;
    }
    writer.bodies.finish()?;
    Ok(())
}

/// Writes samples of one run within a transaction, with buffers that are used again for each.
struct SampleWriter<'c> {
    run: i64,
    next_text_id: i64,
    sample: CachedStatement<'c>,
    text: CachedStatement<'c>,
    bodies: BodyWriter<'c>,
    buffers: Buffers,
}

#[derive(Default)]
struct Buffers {
    slices: Vec<u8>,
    scores: Vec<u8>,
    timing: Vec<u8>,
    attempts: Vec<u8>,
    prompt: Vec<u8>,
    tool_calls: Vec<u8>,
}

impl Buffers {
    fn clear(&mut self) {
        for buffer in [
            &mut self.slices,
            &mut self.scores,
            &mut self.timing,
            &mut self.attempts,
            &mut self.prompt,
            &mut self.tool_calls,
        ] {
            trim(buffer);
        }
    }
}

impl<'c> SampleWriter<'c> {
    fn try_new(conn: &'c Connection, bodies: BodyWriter<'c>, run: i64) -> rusqlite::Result<Self> {
        Ok(Self {
            run,
            // Nobody else writes until this transaction ends: numbers can be given out here, and a sample knows the
            // number of its texts before they are written.
            next_text_id: conn
                .prepare_cached(NEXT_TEXT_ID)?
                .query_row([], |row| row.get(0))?,
            sample: conn.prepare_cached(INSERT_SAMPLE)?,
            text: conn.prepare_cached(INSERT_TEXT)?,
            bodies,
            buffers: Buffers::default(),
        })
    }

    /// Writes a sample; false where its key was there already.
    fn write(&mut self, record: &SampleRecord) -> Result<bool, AppendError> {
        self.buffers.clear();
        let is_new = self.write_figures(record)?;
        if is_new {
            self.write_texts(record)?;
            self.next_text_id += 1;
        }
        Ok(is_new)
    }

    fn write_figures(&mut self, record: &SampleRecord) -> Result<bool, AppendError> {
        let Buffers { slices, scores, .. } = &mut self.buffers;
        scores::encode(&record.scores, scores).map_err(AppendError::Encode)?;
        if !record.slices.is_empty() {
            slices::encode(&record.slices, slices).map_err(AppendError::Encode)?;
        }
        let timing = record.call.timing();
        let answer = record.call.result.as_ref().ok();
        let usage = answer.map_or_else(Usage::default, |answer| answer.usage);
        let bits = |number: Option<u64>| number.map(u64::cast_signed);
        let SampleKey {
            target,
            task,
            epoch,
            case,
        } = record.key;
        let inserted = self.sample.execute(params![
            self.run,
            target,
            task,
            epoch,
            case,
            self.next_text_id,
            record.started_unix_ms,
            i64::try_from(record.call.attempts.len()).unwrap_or(i64::MAX),
            record.call.result.as_ref().err().map(|error| error.kind.as_str()),
            bits(timing.and_then(Timing::latency_ns)),
            bits(timing.and_then(Timing::ttft_ns)),
            bits(timing.and_then(Timing::queue_ns)),
            bits(usage.input_tokens),
            bits(usage.output_tokens),
            bits(usage.cache_read_tokens),
            bits(usage.cache_write_tokens),
            bits(usage.reasoning_tokens),
            record.cost.map(money_value),
            answer
                .and_then(|answer| answer.finish_reason.as_ref())
                .map(reason_value),
            answer.and_then(|answer| answer.served_model.as_deref()),
            &*record.case_id,
            record.cluster.as_deref(),
            (!slices.is_empty()).then_some(json_value(slices)),
            json_value(scores),
            record.call.cached.then_some(1_i64),
            bits(usage.cache_write_1h_tokens),
        ])?;
        Ok(inserted > 0)
    }

    fn write_texts(&mut self, record: &SampleRecord) -> Result<(), AppendError> {
        let buffers = &mut self.buffers;
        let answer = record.call.result.as_ref().ok();
        let error = record.call.result.as_ref().err();
        encode_prompt(&record.prompt, &mut self.bodies, &mut buffers.prompt)?;
        let clean = clean_attempt(&record.call);
        if let Some(attempt) = clean {
            timing::encode(&attempt.timing, &mut buffers.timing);
        } else if !record.call.attempts.is_empty() {
            serde_json::to_writer(&mut buffers.attempts, &record.call.attempts)
                .map_err(AppendError::Encode)?;
        }
        if let Some(answer) = answer.filter(|answer| !answer.tool_calls.is_empty()) {
            serde_json::to_writer(&mut buffers.tool_calls, &answer.tool_calls)
                .map_err(AppendError::Encode)?;
        }
        let bodies = &mut self.bodies;
        let tool_calls = match buffers.tool_calls.as_slice() {
            [] => None,
            json => Some(bodies.place(json)?),
        };
        let attempts = match buffers.attempts.as_slice() {
            [] => None,
            json => Some(bodies.place(json)?),
        };
        let log_probability = answer.and_then(|answer| answer.log_probability);
        let answer_text = match answer {
            None => None,
            Some(answer) => Some(bodies.place(answer.text.as_bytes())?),
        };
        let error_message = match error {
            None => None,
            Some(error) => Some(bodies.place(error.message.as_bytes())?),
        };
        self.text.execute(params![
            self.next_text_id,
            answer.map(|answer| answer.streamed),
            answer.and_then(|answer| answer.request_id.as_deref()),
            error.and_then(|error| error.status),
            error_message,
            clean.and_then(|attempt| attempt.status),
            clean.map(|_| buffers.timing.as_slice()),
            attempts,
            bodies.place(&buffers.prompt)?,
            answer_text,
            tool_calls,
            log_probability.map(|told| told.tokens),
            log_probability.map(|told| told.sum),
        ])?;
        Ok(())
    }
}

/// The only attempt of a call, where it has nothing to say but its timing and status: the usual case, which is stored
/// without names. All others are JSON.
fn clean_attempt(call: &Call) -> Option<&Attempt> {
    match call.attempts.as_slice() {
        [attempt] if attempt.error.is_none() && attempt.retry_after_ms.is_none() => Some(attempt),
        _ => None,
    }
}

/// A message as it stands in the JSON of a prompt: long texts are bodies of their own, so that a system prompt that all
/// samples share is stored once. The first versions wrote role and content alone, which most messages still are.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredMessage<'a, T> {
    pub(super) role: Role,
    #[serde(skip_serializing_if = "Option::is_none", default = "Option::default")]
    pub(super) content: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) body: Option<i64>,
    #[serde(skip_serializing_if = "<[Image]>::is_empty", default)]
    pub(super) images: Cow<'a, [Image]>,
    #[serde(skip_serializing_if = "<[ToolCall]>::is_empty", default)]
    pub(super) tool_calls: Cow<'a, [ToolCall]>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) tool_call_id: Option<Cow<'a, str>>,
}

fn encode_prompt(
    messages: &[Message],
    bodies: &mut BodyWriter<'_>,
    json: &mut Vec<u8>,
) -> Result<(), AppendError> {
    let mut stored = Vec::with_capacity(messages.len());
    for message in messages {
        let content = message.content.as_str();
        let body = if content.len() >= BODY_FROM_BYTES {
            Some(bodies.body_id(content.as_bytes())?)
        } else {
            None
        };
        stored.push(StoredMessage {
            role: message.role,
            content: body.is_none().then_some(content),
            body,
            images: Cow::Borrowed(&message.images),
            tool_calls: Cow::Borrowed(&message.tool_calls),
            tool_call_id: message.tool_call_id.as_deref().map(Cow::Borrowed),
        });
    }
    serde_json::to_writer(json, &stored).map_err(AppendError::Encode)
}

fn json_value(json: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(json))
}

fn money_value(money: Money) -> Value {
    let picodollars = money.picodollars();
    i64::try_from(picodollars).map_or_else(|_| Value::Text(picodollars.to_string()), Value::Integer)
}

fn reason_value(reason: &FinishReason) -> ToSqlOutput<'_> {
    match reason {
        FinishReason::Other(text) => ToSqlOutput::from(format!("{OTHER_REASON}{text}")),
        known => ToSqlOutput::from(known.as_str()),
    }
}
