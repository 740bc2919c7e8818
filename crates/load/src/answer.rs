//! One answer, from bytes to moments: HTTP, compression, events and their meaning put together. Apart from sockets, so
//! that every shape of a stream can be tested on bytes alone.

use crate::clock::Stamp;
use crate::events::{AnswerForm, EventReader, Meaning};
use crate::fault::Fault;
use crate::gauge::Gauge;
use crate::http1::{AnswerParser, Encoding, Head, Sink};
use crate::kept_answers::BodyTap;
use crate::record::GapLog;
use crate::sse::EventSplitter;
use flate2::write::GzDecoder;
use seatrial_types::CallErrorKind;
use std::io::Write;

/// Most bytes of an answer that is no stream.
const DOCUMENT_BYTES_MAX: usize = 64 << 20;
/// Most bytes kept of an answer whose status is no success.
const REFUSAL_BYTES_MAX: usize = 16 << 10;
/// Most events with tokens of one answer.
const EVENTS_MAX: usize = 4 << 20;

/// Moments and counts of one answer; see [`RequestRecord`](crate::RequestRecord), which they become.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) status: u16,
    pub(crate) is_stream: bool,
    pub(crate) first_byte_ns: Option<u64>,
    pub(crate) first_event_ns: Option<u64>,
    pub(crate) first_token_ns: Option<u64>,
    pub(crate) first_answer_token_ns: Option<u64>,
    pub(crate) last_token_ns: Option<u64>,
    pub(crate) last_byte_ns: u64,
    pub(crate) first_token_lag_ns: u64,
    pub(crate) last_token_lag_ns: u64,
    pub(crate) events: u32,
    pub(crate) text_bytes: u64,
    /// In steps of the log.
    pub(crate) gaps: Vec<u32>,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More is to come.
    Open,
    /// All of it came; so many of the bytes belong to it.
    Whole(usize),
}

/// Reads the answers of one connection.
pub(crate) struct AnswerReader {
    http: AnswerParser,
    inner: Inner,
}

/// What is behind HTTP.
struct Inner {
    splitter: EventSplitter,
    events: EventReader,
    marks: Marks,
    stamp: Stamp,
    /// Whether its gaps count.
    is_measured: bool,
    mode: Mode,
    inflate: Option<GzDecoder<Vec<u8>>>,
    document: Vec<u8>,
    /// The body as it came, where somebody wants it.
    tap: BodyTap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No head yet, or a body that is not looked at.
    Ignored,
    Stream,
    Document,
    Refusal,
}

impl AnswerReader {
    pub(crate) fn new(form: AnswerForm) -> Self {
        Self {
            http: AnswerParser::new(),
            inner: Inner {
                splitter: EventSplitter::default(),
                events: EventReader::new(form),
                marks: Marks::default(),
                stamp: Stamp { at_ns: 0, lag_ns: 0 },
                is_measured: false,
                mode: Mode::Ignored,
                inflate: None,
                document: Vec::new(),
                tap: BodyTap::default(),
            },
        }
    }

    /// Keeps the text of answers from now on, or does not.
    pub(crate) const fn keep_text(&mut self, is_wanted: bool) {
        self.inner.events.text.set(is_wanted);
    }

    /// The text of a whole answer between the quotes of a JSON string; `None` where it is not all there.
    pub(crate) fn text_json(&self) -> Option<&[u8]> {
        self.inner.events.text.json()
    }

    /// Keeps the body of the next answer; to be said after [`begin`](Self::begin).
    pub(crate) fn keep_body(&mut self) {
        self.inner.tap.begin(true);
    }

    /// The body of a whole answer that was to be kept; `None` where it was too long.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.inner.tap.body()
    }

    /// Makes it ready for the next answer; whether that one is of measurement.
    pub(crate) fn begin(&mut self, is_measured: bool) {
        self.http.reset();
        self.inner.splitter.reset();
        self.inner.events.reset();
        let mut gaps = std::mem::take(&mut self.inner.marks.gaps);
        gaps.clear();
        self.inner.marks = Marks {
            gaps,
            ..Marks::default()
        };
        self.inner.is_measured = is_measured;
        self.inner.mode = Mode::Ignored;
        self.inner.inflate = None;
        self.inner.document.clear();
        self.inner.tap.begin(false);
    }

    /// Takes bytes that were read at `stamp`.
    pub(crate) fn feed(&mut self, bytes: &[u8], stamp: Stamp, gauge: &mut Gauge) -> Result<Progress, Fault> {
        self.inner.stamp = stamp;
        self.inner.marks.last_byte_ns = stamp.at_ns;
        self.inner.marks.first_byte_ns.get_or_insert(stamp.at_ns);
        if self.inner.marks.events == 0 {
            self.inner.marks.last_token_lag_ns = stamp.lag_ns;
        }
        let mut sink = Gauged {
            inner: &mut self.inner,
            gauge,
        };
        let taken = self.http.feed(bytes, &mut sink)?;
        if !self.http.is_done() {
            return Ok(Progress::Open);
        }
        self.inner.finish()?;
        Ok(Progress::Whole(taken))
    }

    /// The connection ended; whether the answer is whole.
    pub(crate) fn end_of_input(&mut self) -> Result<(), Fault> {
        if self.http.end_of_input() {
            return self.inner.finish();
        }
        let problem = if self.inner.marks.first_byte_ns.is_some() {
            "the connection was closed before the answer was complete"
        } else {
            "the connection was closed without an answer"
        };
        Err(Fault::new(CallErrorKind::Reset, problem))
    }

    /// Whether the connection can carry another request.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.http.is_done() && !self.http.closes()
    }

    /// Whether a stream said that it is at its end, whatever HTTP says.
    pub(crate) const fn said_done(&self) -> bool {
        self.inner.events.is_done
    }

    pub(crate) const fn marks(&self) -> &Marks {
        &self.inner.marks
    }

    /// Tokens as the server told: input, output.
    pub(crate) const fn tokens(&self) -> (Option<u64>, Option<u64>) {
        let usage = &self.inner.events.usage;
        (usage.input_tokens, usage.output_tokens)
    }

    /// Input tokens that the server says it took from its cache.
    pub(crate) fn tokens_cached(&self) -> Option<u32> {
        let tokens = self.inner.events.usage.cache_read_tokens?;
        Some(u32::try_from(tokens).unwrap_or(u32::MAX))
    }
}

struct Gauged<'a> {
    inner: &'a mut Inner,
    gauge: &'a mut Gauge,
}

impl Sink for Gauged<'_> {
    fn head(&mut self, head: Head) -> Result<(), Fault> {
        let inner = &mut *self.inner;
        inner.marks.status = head.status;
        inner.mode = match (head.status, head.is_event_stream) {
            (200..=299, true) => Mode::Stream,
            (200..=299, false) => Mode::Document,
            _ => Mode::Refusal,
        };
        inner.marks.is_stream = inner.mode == Mode::Stream;
        match head.encoding {
            Encoding::Identity => Ok(()),
            Encoding::Gzip => {
                inner.inflate = Some(GzDecoder::new(Vec::new()));
                Ok(())
            }
            Encoding::Other => Err(Fault::new(
                CallErrorKind::InvalidAnswer,
                "the answer is compressed in a way that was not asked for, expected identity or gzip",
            )),
        }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(mut inflate) = self.inner.inflate.take() else {
            return self.inner.plain(bytes, self.gauge);
        };
        let inflated = inflate.write_all(bytes).and_then(|()| inflate.flush());
        inflated.map_err(|error| {
            Fault::new(
                CallErrorKind::InvalidAnswer,
                format!("the answer is not the gzip that it says it is ({error})"),
            )
        })?;
        let plain = std::mem::take(inflate.get_mut());
        self.inner.inflate = Some(inflate);
        self.inner.plain(&plain, self.gauge)
    }
}

impl Inner {
    /// Takes bytes of the body as the server meant them.
    fn plain(&mut self, bytes: &[u8], gauge: &mut Gauge) -> Result<(), Fault> {
        self.tap.take(bytes);
        match self.mode {
            Mode::Ignored => Ok(()),
            Mode::Stream => {
                let Self {
                    splitter,
                    events,
                    marks,
                    stamp,
                    is_measured,
                    ..
                } = self;
                splitter.feed(bytes, |data, is_error| {
                    let meaning = events.take(data, is_error)?;
                    marks.first_event_ns.get_or_insert(stamp.at_ns);
                    match meaning {
                        Meaning::NoTokens => Ok(()),
                        Meaning::Tokens {
                            is_reasoning,
                            text_bytes,
                        } => {
                            marks.text_bytes += text_bytes;
                            marks.take_tokens(*stamp, is_reasoning, is_measured.then_some(&mut *gauge))
                        }
                    }
                })
            }
            Mode::Document if self.document.len() + bytes.len() > DOCUMENT_BYTES_MAX => Err(Fault::new(
                CallErrorKind::TooLarge,
                format!("the answer is longer than {DOCUMENT_BYTES_MAX} bytes"),
            )),
            Mode::Document => {
                self.document.extend_from_slice(bytes);
                Ok(())
            }
            Mode::Refusal => {
                let room = REFUSAL_BYTES_MAX.saturating_sub(self.document.len());
                self.document
                    .extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                Ok(())
            }
        }
    }

    /// The body ended; whether it is an answer.
    fn finish(&mut self) -> Result<(), Fault> {
        match self.mode {
            // Whoever asks for tokens asks for one at least: a server that says nothing and ends well has not answered, and
            // counted as an answer it would be the fastest of all.
            Mode::Stream
                if self.events.is_complete() && self.marks.events == 0 && self.events.is_of_tokens() =>
            {
                Err(Fault::new(
                    CallErrorKind::InvalidAnswer,
                    "the stream ended without any token",
                ))
            }
            Mode::Stream if self.events.is_complete() => Ok(()),
            Mode::Stream => Err(Fault::new(
                CallErrorKind::Truncated,
                "the stream ended without a finish reason or its mark of the end",
            )),
            Mode::Document | Mode::Ignored => self.events.take_document(&self.document),
            Mode::Refusal => Err(Fault::refused(self.marks.status, &self.document)),
        }
    }
}

impl Marks {
    fn take_tokens(
        &mut self,
        stamp: Stamp,
        is_reasoning: bool,
        gauge: Option<&mut Gauge>,
    ) -> Result<(), Fault> {
        self.events = self.events.saturating_add(1);
        if !is_reasoning {
            self.first_answer_token_ns.get_or_insert(stamp.at_ns);
        }
        if let Some(last) = self.last_token_ns {
            if self.gaps.len() >= EVENTS_MAX {
                return Err(Fault::new(
                    CallErrorKind::TooLarge,
                    format!("the answer has more than {EVENTS_MAX} events with tokens"),
                ));
            }
            let gap_ns = stamp.at_ns.saturating_sub(last);
            self.gaps.push(GapLog::steps(gap_ns));
            if let Some(gauge) = gauge {
                gauge.gaps.add_ns(gap_ns);
                gauge.gaps_low.add_ns(gap_ns.saturating_sub(stamp.lag_ns));
                gauge
                    .gaps_high
                    .add_ns(gap_ns.saturating_add(self.last_token_lag_ns));
            }
        } else {
            self.first_token_ns = Some(stamp.at_ns);
            self.first_token_lag_ns = stamp.lag_ns;
        }
        self.last_token_ns = Some(stamp.at_ns);
        self.last_token_lag_ns = stamp.lag_ns;
        Ok(())
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
