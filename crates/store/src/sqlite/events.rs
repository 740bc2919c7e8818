//! Samples in SQLite: one transaction for each batch, streams in key order. Apart from the catalogue because its cost per
//! sample is part of the budget of every run.

use super::SqliteStore;
use super::bodies::{BodyReader, BodyWriter, PlaceError};
use super::catalog::run_number;
use super::errors::{ReadError, sqlite_error};
use super::rows::Columns;
use crate::codec::text::{BODY_BYTES_MAX, BODY_FROM_BYTES, trim};
use crate::codec::{scores, slices, timing};
use crate::{Events, StoreError};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, TransactionBehavior, params};
use seatrial_types::{
    Answer, Attempt, Call, CallError, CallErrorKind, FinishReason, Message, Money, Role, RunId,
    SampleFigures, SampleKey, SampleRecord, SliceKey, Timing, Usage,
};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

const INSERT_SAMPLE: &str = "INSERT INTO sample (run, target, task, epoch, case_number, sample_text, \
    started_unix_ms, attempts, error, latency_ns, ttft_ns, queue_ns, input_tokens, output_tokens, cache_read_tokens, \
    cache_write_tokens, reasoning_tokens, cost_picodollars, finish_reason, served_model, case_id, cluster, slices, \
    scores) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, \
    ?22, ?23, ?24) ON CONFLICT DO NOTHING";
const INSERT_TEXT: &str = "INSERT INTO sample_text (id, streamed, request_id, error_status, error_message, status, \
    timing, attempts, prompt, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const NEXT_TEXT_ID: &str = "SELECT coalesce(max(id), 0) + 1 FROM sample_text";
const ADD_FINISHED: &str = "UPDATE run SET samples_finished = samples_finished + ?2 WHERE number = ?1";
pub(super) const SELECT_KEYS: &str = "SELECT target, task, epoch, case_number FROM sample WHERE run = ?1 \
    ORDER BY target, task, epoch, case_number";
pub(super) const SELECT_FIGURES: &str = "SELECT target, task, epoch, case_number, attempts, error, latency_ns, ttft_ns, \
    queue_ns, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_picodollars, \
    served_model, case_id, cluster, slices, scores FROM sample WHERE run = ?1 \
    ORDER BY target, task, epoch, case_number";
pub(super) const SELECT_SAMPLES: &str = "SELECT s.target, s.task, s.epoch, s.case_number, s.attempts, s.error, \
    s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, \
    s.cost_picodollars, s.served_model, s.case_id, s.cluster, s.slices, s.scores, s.started_unix_ms, \
    s.finish_reason, t.streamed, t.request_id, t.error_status, t.error_message, t.status, t.timing, \
    t.attempts AS tries, t.prompt, t.answer \
    FROM sample AS s CROSS JOIN sample_text AS t ON t.id = s.sample_text WHERE s.run = ?1 \
    ORDER BY s.target, s.task, s.epoch, s.case_number";
const COUNT: &str = "SELECT samples_finished FROM run WHERE number = ?1";

const APPENDING: &str = "record samples";
const READING: &str = "read samples";
/// What stands before a finish reason that is none of the normalised words, so that it is not taken for one.
const OTHER_REASON: &str = "other:";

impl Events for SqliteStore {
    fn append(&mut self, run: &RunId, batch: &[SampleRecord]) -> Result<(), StoreError> {
        let Self {
            conn, path, packer, ..
        } = self;
        let failed = |error| sqlite_error(path, APPENDING, error);
        let transaction = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let Some(number) = run_number(&transaction, run).map_err(failed)? else {
            return Err(StoreError::RunUnknown { run: run.clone() });
        };
        append_all(&transaction, packer, number, batch).map_err(|error| error.in_database(path))?;
        transaction.commit().map_err(failed)
    }

    fn finished_keys(&self, run: &RunId, f: &mut dyn FnMut(SampleKey)) -> Result<(), StoreError> {
        self.for_each_row(SELECT_KEYS, run, &mut |columns| {
            f(read_key(columns)?);
            Ok(ControlFlow::Continue(()))
        })
    }

    fn for_each_figures(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleFigures) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut names = Names::default();
        self.for_each_row(SELECT_FIGURES, run, &mut |columns| {
            Ok(f(read_figures(columns, &mut names)?))
        })
    }

    fn for_each_sample(
        &self,
        run: &RunId,
        f: &mut dyn FnMut(SampleRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut names = Names::default();
        let bodies = BodyReader::try_new(&self.conn, &self.unpacker).map_err(self.error(READING))?;
        self.for_each_row(SELECT_SAMPLES, run, &mut |columns| {
            Ok(f(read_sample(columns, &bodies, &mut names)?))
        })
    }

    fn count(&self, run: &RunId) -> Result<u64, StoreError> {
        let number = self.known_run_number(run)?;
        let count = || {
            self.conn
                .prepare_cached(COUNT)?
                .query_row(params![number], |row| row.get(0))
        };
        count().map(i64::cast_unsigned).map_err(self.error(READING))
    }
}

impl SqliteStore {
    /// Calls `f` for each row of a query whose parameter is the number of a run and whose first columns are the key.
    fn for_each_row(
        &self,
        sql: &str,
        run: &RunId,
        f: &mut dyn FnMut(&mut Columns<'_>) -> Result<ControlFlow<()>, ReadError>,
    ) -> Result<(), StoreError> {
        let failed = |error| sqlite_error(&self.path, READING, error);
        let number = self.known_run_number(run)?;
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params![number]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let flow = f(&mut Columns::new(row)).map_err(|error| {
                error.at(&self.path, READING, || {
                    let place = read_key(&mut Columns::new(row)).map_or_else(
                        |_| "an unreadable place".to_owned(),
                        |key| {
                            format!(
                                "target {}, task {}, epoch {}, case {}",
                                key.target, key.task, key.epoch, key.case
                            )
                        },
                    );
                    format!("a sample of run `{run}` ({place})")
                })
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Why a sample could not be written.
enum AppendError {
    Place(PlaceError),
    Encode(serde_json::Error),
}

impl<T: Into<PlaceError>> From<T> for AppendError {
    fn from(error: T) -> Self {
        Self::Place(error.into())
    }
}

impl AppendError {
    fn in_database(self, path: &Path) -> StoreError {
        match self {
            Self::Place(PlaceError::Sqlite(error)) => sqlite_error(path, APPENDING, error),
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

fn append_all(
    conn: &Connection,
    packer: &mut crate::codec::text::Packer,
    run: i64,
    batch: &[SampleRecord],
) -> Result<(), AppendError> {
    let mut writer = SampleWriter::try_new(conn, packer, run)?;
    let mut added = 0_i64;
    for record in batch {
        added += i64::from(writer.write(record)?);
    }
    if added > 0 {
        conn.prepare_cached(ADD_FINISHED)?.execute(params![run, added])?;
    }
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
}

impl Buffers {
    fn clear(&mut self) {
        for buffer in [
            &mut self.slices,
            &mut self.scores,
            &mut self.timing,
            &mut self.attempts,
            &mut self.prompt,
        ] {
            trim(buffer);
        }
    }
}

impl<'c> SampleWriter<'c> {
    fn try_new(
        conn: &'c Connection,
        packer: &'c mut crate::codec::text::Packer,
        run: i64,
    ) -> rusqlite::Result<Self> {
        Ok(Self {
            run,
            // Nobody else writes until this transaction ends: numbers can be given out here, and a sample knows the
            // number of its texts before they are written.
            next_text_id: conn
                .prepare_cached(NEXT_TEXT_ID)?
                .query_row([], |row| row.get(0))?,
            sample: conn.prepare_cached(INSERT_SAMPLE)?,
            text: conn.prepare_cached(INSERT_TEXT)?,
            bodies: BodyWriter::try_new(conn, packer)?,
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
        let bodies = &mut self.bodies;
        let attempts = match buffers.attempts.as_slice() {
            [] => None,
            json => Some(bodies.place(json)?),
        };
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
/// samples share is stored once.
#[derive(Serialize, Deserialize)]
struct StoredMessage<T> {
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none", default = "Option::default")]
    content: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    body: Option<i64>,
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

/// The names that came last. Most rows repeat them, and a shared name costs no memory.
#[derive(Default)]
struct Names {
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

fn read_key(columns: &mut Columns<'_>) -> Result<SampleKey, ReadError> {
    Ok(SampleKey {
        target: columns.number()?,
        task: columns.number()?,
        epoch: columns.number()?,
        case: columns.number()?,
    })
}

fn read_usage(columns: &mut Columns<'_>) -> Result<Usage, ReadError> {
    Ok(Usage {
        input_tokens: columns.optional_u64()?,
        output_tokens: columns.optional_u64()?,
        cache_read_tokens: columns.optional_u64()?,
        cache_write_tokens: columns.optional_u64()?,
        reasoning_tokens: columns.optional_u64()?,
    })
}

fn read_slices(columns: &mut Columns<'_>) -> Result<Vec<SliceKey>, ReadError> {
    let Some(json) = columns.optional_text()? else {
        return Ok(Vec::new());
    };
    slices::decode(json).map_err(|error| columns.unreadable(error.to_string()))
}

fn read_scores(columns: &mut Columns<'_>) -> Result<Vec<seatrial_types::ScoreRecord>, ReadError> {
    scores::decode(columns.text()?).map_err(|error| columns.unreadable(error.to_string()))
}

fn read_figures(columns: &mut Columns<'_>, names: &mut Names) -> Result<SampleFigures, ReadError> {
    let key = read_key(columns)?;
    let attempts = columns.number()?;
    let error = columns.optional_word(error_kind)?;
    Ok(SampleFigures {
        key,
        attempts,
        error,
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

fn read_sample(
    columns: &mut Columns<'_>,
    bodies: &BodyReader<'_>,
    names: &mut Names,
) -> Result<SampleRecord, ReadError> {
    let key = read_key(columns)?;
    let attempts_count: usize = columns.number()?;
    let error = columns.optional_word(error_kind)?;
    let usage = read_usage(columns)?;
    let cost = columns.optional_money()?;
    let served_model = columns.optional_text()?;
    let case_id = columns.text()?.into();
    let cluster = shared(columns.optional_text()?, &mut names.cluster);
    let slices = read_slices(columns)?;
    let scores = read_scores(columns)?;
    let started_unix_ms = columns.integer()?;
    let finish_reason = columns.optional_word(finish_reason)?;
    let streamed = columns.optional_integer()?.is_some_and(|flag| flag != 0);
    let request_id = columns.optional_text()?;
    let error_status = columns.optional_number()?;
    let error_message = bodies.optional_text(columns)?;
    let attempts = read_attempts(columns, bodies, attempts_count)?;
    let prompt = read_prompt(columns, bodies)?;
    let answer_text = bodies.optional_text(columns)?;
    let result = match (error, answer_text) {
        (Some(kind), _) => Err(CallError {
            kind,
            status: error_status,
            message: error_message.map(Into::into).unwrap_or_default(),
        }),
        (None, Some(text)) => Ok(Answer {
            text: text.into_owned(),
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
        call: Call { attempts, result },
        cost,
        started_unix_ms,
        scores,
    })
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
            error: None,
            retry_after_ms: None,
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
    let stored: Vec<StoredMessage<String>> =
        serde_json::from_str(&json).map_err(|error| columns.unreadable(error.to_string()))?;
    let message = |stored: StoredMessage<String>| {
        let content = match (stored.content, stored.body) {
            (Some(content), _) => content,
            (None, Some(id)) => bodies.body(id, columns)?,
            (None, None) => return Err(columns.unreadable("a message without content")),
        };
        let role = stored.role;
        Ok(Message { role, content })
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
