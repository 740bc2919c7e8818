//! From events, or from one document, to an answer. Apart from the network: bytes and stamps in, answer out.

use super::fault::{Fault, Wording};
use super::json::{Choice, Chunk, usage_of};
use crate::sse::{SseEvent, SseParser};
use bytes::Bytes;
use seatrial_types::{Answer, CallErrorKind, FinishReason, Usage};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Server-sent events.
    Events,
    /// One JSON document.
    Document,
    /// Not said, or something else was said: the first byte decides.
    Unknown,
}

impl Format {
    /// By the value of `Content-Type`.
    pub(crate) fn of_content_type(value: Option<&[u8]>) -> Self {
        let Some(value) = value else {
            return Self::Unknown;
        };
        let media = value
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if media.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Events
        } else if media.eq_ignore_ascii_case(b"application/json") {
            Self::Document
        } else {
            Self::Unknown
        }
    }

    fn of_first_byte(byte: u8) -> Option<Self> {
        match byte {
            b'{' => Some(Self::Document),
            // `data`, `event`, `id`, `retry`, a comment
            b'd' | b'e' | b'i' | b'r' | b':' => Some(Self::Events),
            _ => None,
        }
    }
}

/// Reads the body of a 2xx answer piece by piece.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    status: u16,
    format: Format,
    events: SseParser,
    stream: StreamFold,
    document: Document,
}

/// A document that mostly comes in one piece and is then never copied.
#[derive(Debug, Default)]
struct Document {
    first: Bytes,
    all: Vec<u8>,
}

impl Document {
    fn push(&mut self, piece: Bytes) {
        if self.all.is_empty() && self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all = std::mem::take(&mut self.first).into();
        }
        self.all.extend_from_slice(&piece);
    }

    fn bytes(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }
}

/// What the events of a stream have brought so far.
#[derive(Debug, Default)]
struct StreamFold {
    answer: AnswerParts,
    saw_choice: bool,
    done: bool,
}

/// An answer in the making.
#[derive(Debug, Default)]
struct AnswerParts {
    text: String,
    finish_reason: Option<FinishReason>,
    refused: bool,
    usage: Usage,
    served_model: Option<String>,
    id: Option<String>,
}

impl AnswerReader {
    pub(crate) fn new(status: u16, format: Format) -> Self {
        Self {
            status,
            format,
            events: SseParser::default(),
            stream: StreamFold::default(),
            document: Document::default(),
        }
    }

    /// Reads a piece that the socket gave at `stamp_ns`; the moments of events with text go to `token_events_ns`.
    pub(crate) fn push(
        &mut self,
        piece: Bytes,
        stamp_ns: u64,
        token_events_ns: &mut Vec<u64>,
        wording: &Wording,
    ) -> Result<(), Fault> {
        if self.format == Format::Unknown {
            let Some(&first) = piece.iter().find(|byte| !byte.is_ascii_whitespace()) else {
                return Ok(());
            };
            let Some(format) = Format::of_first_byte(first) else {
                let problem = "the body is neither JSON nor an event stream";
                return Err(wording.invalid(self.status, problem, &piece));
            };
            self.format = format;
        }
        if self.format == Format::Document {
            self.document.push(piece);
            return Ok(());
        }
        let (status, stream) = (self.status, &mut self.stream);
        self.events.feed(&piece, |event| {
            stream.take(event, stamp_ns, token_events_ns, status, wording)
        })
    }

    /// Whether `[DONE]` has come, after which nothing of interest can.
    pub(crate) const fn is_done(&self) -> bool {
        self.stream.done
    }

    /// Whether what came is a complete answer, even if the connection breaks now.
    pub(crate) const fn is_complete(&self) -> bool {
        self.stream.done || self.stream.answer.finish_reason.is_some()
    }

    /// Whether it is read as a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.format == Format::Events
    }

    /// The answer at the end of the body; `Ok(None)` for a stream without a finish reason or `[DONE]`.
    pub(crate) fn finish(
        mut self,
        end_ns: u64,
        token_events_ns: &mut Vec<u64>,
        wording: &Wording,
    ) -> Result<Option<Answer>, Fault> {
        let status = self.status;
        match self.format {
            Format::Document => parse_document(self.document.bytes(), status, wording).map(Some),
            Format::Unknown => Err(wording.invalid(status, "the body is empty", b"")),
            Format::Events => {
                if self.events.is_mid_event() {
                    let stream = &mut self.stream;
                    let last = self
                        .events
                        .finish(|event| stream.take(event, end_ns, token_events_ns, status, wording));
                    // An event that was cut in its middle is not JSON, and no news: whether the stream is whole is
                    // decided by what came before it.
                    if let Err(fault) = last
                        && fault.error.kind == CallErrorKind::Server
                    {
                        return Err(fault);
                    }
                }
                if !self.is_complete() {
                    return Ok(None);
                }
                if !self.stream.saw_choice {
                    return Err(wording.invalid(status, "the stream holds no choice", b"[DONE]"));
                }
                Ok(Some(self.stream.answer.into_answer(true)))
            }
        }
    }
}

impl StreamFold {
    fn take(
        &mut self,
        event: SseEvent<'_>,
        stamp_ns: u64,
        token_events_ns: &mut Vec<u64>,
        status: u16,
        wording: &Wording,
    ) -> Result<(), Fault> {
        let data = event.data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        if event.is_error {
            return Err(wording.error_inside(status, data));
        }
        let chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|error| {
            let problem = format!("an event of the stream is not the documented JSON ({error})");
            wording.invalid(status, &problem, data)
        })?;
        if chunk.error.is_some() {
            return Err(wording.error_inside(status, data));
        }
        if let Some(choice) = self.answer.take(chunk) {
            self.saw_choice = true;
            if self.answer.take_choice(&choice) {
                token_events_ns.push(stamp_ns);
            }
        }
        Ok(())
    }
}

impl AnswerParts {
    /// Takes over what is not part of a choice, and returns the choice.
    fn take<'a>(&mut self, chunk: Chunk<'a>) -> Option<Choice<'a>> {
        if self.id.is_none() {
            self.id = chunk.id.as_str().map(str::to_owned);
        }
        if self.served_model.is_none() {
            self.served_model = chunk.model.as_str().map(str::to_owned);
        }
        if let Some(usage) = chunk.usage {
            self.usage = usage_of(usage.get());
        }
        chunk.choices.0
    }

    /// Takes over a choice; whether it brought tokens.
    fn take_choice(&mut self, choice: &Choice<'_>) -> bool {
        if let Some(reason) = choice.finish_reason.as_str() {
            self.finish_reason = Some(FinishReason::from_word(reason));
        }
        let Some(part) = choice.delta.as_ref().or(choice.message.as_ref()) else {
            return false;
        };
        if let Some(text) = part.content.as_str() {
            self.text.push_str(text);
        }
        if let Some(text) = part.refusal.as_str() {
            self.refused = true;
            self.text.push_str(text);
        }
        part.has_tokens()
    }

    fn into_answer(self, streamed: bool) -> Answer {
        let finish_reason = if self.refused {
            Some(FinishReason::Refusal)
        } else {
            self.finish_reason
        };
        Answer {
            text: self.text,
            tool_calls: Vec::new(),
            finish_reason,
            served_model: self.served_model,
            request_id: self.id,
            usage: self.usage,
            streamed,
        }
    }
}

fn parse_document(json: &[u8], status: u16, wording: &Wording) -> Result<Answer, Fault> {
    let chunk: Chunk<'_> = serde_json::from_slice(json).map_err(|error| {
        let problem = format!("the body is not the documented JSON ({error})");
        wording.invalid(status, &problem, json)
    })?;
    if chunk.error.is_some() {
        return Err(wording.error_inside(status, json));
    }
    let mut answer = AnswerParts::default();
    let choice = answer.take(chunk).filter(|choice| choice.message.is_some());
    let Some(choice) = choice else {
        return Err(wording.invalid(status, "the body has no choice with a message", json));
    };
    answer.take_choice(&choice);
    Ok(answer.into_answer(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording() -> Wording {
        Wording::new("http://h".to_owned(), None)
    }

    /// Feeds pieces at stamps 0, 10, 20, …
    fn read(format: Format, pieces: &[&str]) -> (Result<Option<Answer>, Fault>, Vec<u64>) {
        let mut reader = AnswerReader::new(200, format);
        let mut events_ns = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let piece = Bytes::copy_from_slice(piece.as_bytes());
            if let Err(fault) = reader.push(piece, index as u64 * 10, &mut events_ns, &wording()) {
                return (Err(fault), events_ns);
            }
        }
        let end_ns = pieces.len() as u64 * 10;
        (reader.finish(end_ns, &mut events_ns, &wording()), events_ns)
    }

    fn answer(pieces: &[&str]) -> (Answer, Vec<u64>) {
        let (result, events_ns) = read(Format::Events, pieces);
        (result.unwrap().unwrap(), events_ns)
    }

    fn kind(format: Format, pieces: &[&str]) -> CallErrorKind {
        read(format, pieces).0.unwrap_err().error.kind
    }

    const ROLE: &str = "data: {\"id\":\"c1\",\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    const HEL: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    const LO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"},\"finish_reason\":null}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    /// Protects the plain case: text, times of text only, model, id, usage from the event without choices.
    #[test]
    fn folds_a_stream() {
        let (answer, events_ns) = answer(&[ROLE, HEL, LO, STOP, USAGE, DONE]);
        let expected = Answer {
            text: "Hello".to_owned(),
            finish_reason: Some(FinishReason::Stop),
            served_model: Some("m-1".to_owned()),
            request_id: Some("c1".to_owned()),
            usage: Usage {
                input_tokens: Some(4),
                output_tokens: Some(2),
                ..Usage::default()
            },
            streamed: true,
            ..Answer::default()
        };
        assert_eq!(answer, expected);
        assert_eq!(events_ns, [10, 20]);
    }

    /// Protects stamps: events of one read share its stamp, an event cut in two has that of its end.
    #[test]
    fn stamps_the_completing_read() {
        let joined = [ROLE, HEL, LO].concat();
        let (head, tail) = STOP.split_at(20);
        let lo = LO.split_at(30);
        assert_eq!(answer(&[&joined, head, tail]).1, [0, 0]);
        assert_eq!(answer(&[HEL, lo.0, lo.1, STOP]).1, [0, 20]);
    }

    /// Protects against a verdict of truncation where the answer is whole, and the reverse.
    #[test]
    fn knows_the_end() {
        assert_eq!(answer(&[HEL, STOP]).0.text, "Hel");
        assert_eq!(answer(&[HEL, DONE]).0.finish_reason, None);
        assert_eq!(
            answer(&[HEL, STOP.trim_end()]).0.finish_reason,
            Some(FinishReason::Stop)
        );
        let (result, events_ns) = read(Format::Events, &[ROLE, HEL]);
        assert_eq!((result.unwrap(), events_ns), (None, vec![10]));
        assert_eq!(read(Format::Events, &[HEL, &LO[..30]]).0.unwrap(), None);
        assert_eq!(read(Format::Events, &[]).0.unwrap(), None);
    }

    /// Protects the classes of failure inside a stream.
    #[test]
    fn finds_failures_inside() {
        let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
        assert_eq!(kind(Format::Events, &[HEL, error]), CallErrorKind::Server);
        let named = "event: error\ndata: {\"message\":\"overloaded\"}\n\n";
        assert_eq!(kind(Format::Events, &[named]), CallErrorKind::Server);
        assert_eq!(
            kind(Format::Events, &["data: {\"choices\":[{]}\n\n"]),
            CallErrorKind::InvalidAnswer
        );
        assert_eq!(
            kind(Format::Events, &["data: 7\n\n"]),
            CallErrorKind::InvalidAnswer
        );
        assert_eq!(kind(Format::Events, &[DONE]), CallErrorKind::InvalidAnswer);
        assert_eq!(
            kind(Format::Events, &[HEL, error.trim_end()]),
            CallErrorKind::Server
        );
        let message = read(Format::Events, &[error]).0.unwrap_err().error.message;
        assert_eq!(
            message,
            "http://h answered 200 and then reported an error: overloaded"
        );
    }

    /// Protects reasoning: it has times and is not the text.
    #[test]
    fn reasoning_has_times_only() {
        let thought = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"content\":null}}]}\n\n";
        let (answer, events_ns) = answer(&[ROLE, thought, HEL, STOP]);
        assert_eq!(
            (answer.text.as_str(), events_ns.as_slice()),
            ("Hel", [10, 20].as_slice())
        );
    }

    /// Protects refusals from being scored as answers.
    #[test]
    fn refusals_are_refusals() {
        let refusal = "data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot\"}}]}\n\n";
        let (answer, events_ns) = answer(&[ROLE, refusal, STOP, DONE]);
        assert_eq!(answer.text, "I cannot");
        assert_eq!(answer.finish_reason, Some(FinishReason::Refusal));
        assert_eq!(events_ns, [10]);
    }

    /// Protects one-piece answers, in one piece or several, and their failures.
    #[test]
    fn reads_documents() {
        let json = r#"{"id":"c2","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi\n"},
            "finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
        let (head, tail) = json.split_at(70);
        for pieces in [vec![json], vec![head, tail], vec!["", head, "", tail, " \n"]] {
            let (result, events_ns) = read(Format::Document, &pieces);
            let answer = result.unwrap().unwrap();
            assert_eq!((answer.text.as_str(), answer.streamed), ("Hi\n", false));
            assert_eq!(answer.finish_reason, Some(FinishReason::Length));
            assert_eq!(answer.usage.input_tokens, Some(1));
            assert!(events_ns.is_empty());
        }
        let refused = r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#;
        let answer = read(Format::Document, &[refused]).0.unwrap().unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.finish_reason),
            ("no", Some(FinishReason::Refusal))
        );
        let tools =
            r#"{"choices":[{"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"}]}"#;
        let answer = read(Format::Document, &[tools]).0.unwrap().unwrap();
        assert_eq!(answer.finish_reason, Some(FinishReason::ToolCalls));
        assert_eq!(
            kind(Format::Document, &[r#"{"error":{"message":"x"}}"#]),
            CallErrorKind::Server
        );
        for broken in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":[{"finish_reason":"stop"}]}"#,
        ] {
            assert_eq!(
                kind(Format::Document, &[broken]),
                CallErrorKind::InvalidAnswer,
                "{broken}"
            );
        }
    }

    /// Protects servers that name their type wrongly or not at all, and readers from a page of HTML.
    #[test]
    fn looks_where_the_type_is_unclear() {
        let json = r#"{"choices":[{"message":{"content":"Hi"}}]}"#;
        assert!(!read(Format::Unknown, &[" \n", json]).0.unwrap().unwrap().streamed);
        assert!(
            read(Format::Unknown, &[": ping\n\n", HEL, DONE])
                .0
                .unwrap()
                .unwrap()
                .streamed
        );
        assert_eq!(kind(Format::Unknown, &["<html>"]), CallErrorKind::InvalidAnswer);
        assert_eq!(kind(Format::Unknown, &[]), CallErrorKind::InvalidAnswer);
        let of = |value: &str| Format::of_content_type(Some(value.as_bytes()));
        assert_eq!(of("text/event-stream; charset=utf-8"), Format::Events);
        assert_eq!(of("Application/JSON"), Format::Document);
        assert_eq!(of("text/html"), Format::Unknown);
        assert_eq!(Format::of_content_type(None), Format::Unknown);
    }
}
