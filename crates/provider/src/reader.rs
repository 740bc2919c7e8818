//! From pieces of a body to an answer: events or one document, whatever the API says with them. Apart from the network,
//! bytes and stamps in, answer out, and from the APIs, which fold what is read here.

use crate::api::{Fold, Place};
use crate::fault::{Fault, Wording};
use crate::sse::SseParser;
use bytes::Bytes;
use seatrial_types::{Answer, CallErrorKind};

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
            b'{' | b'[' => Some(Self::Document),
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
    fold: Fold,
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

impl AnswerReader {
    pub(crate) fn new(status: u16, format: Format, fold: Fold) -> Self {
        Self {
            status,
            format,
            events: SseParser::default(),
            fold,
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
        let place = Place {
            status: self.status,
            wording,
        };
        let fold = &mut self.fold;
        self.events.feed(&piece, |event| {
            if fold.take(event, place)? {
                token_events_ns.push(stamp_ns);
            }
            Ok(())
        })
    }

    /// Whether the stream has said its last word, after which nothing of interest can come.
    pub(crate) const fn is_done(&self) -> bool {
        self.fold.is_done()
    }

    /// Whether what came is a complete answer, even if the connection breaks now.
    pub(crate) const fn is_complete(&self) -> bool {
        self.fold.is_complete()
    }

    /// Whether it is read as a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.format == Format::Events
    }

    /// The answer at the end of the body; `Ok(None)` for a stream that ended before its answer did.
    pub(crate) fn finish(
        mut self,
        end_ns: u64,
        token_events_ns: &mut Vec<u64>,
        wording: &Wording,
    ) -> Result<Option<Answer>, Fault> {
        let place = Place {
            status: self.status,
            wording,
        };
        match self.format {
            Format::Document => self.fold.document(self.document.bytes(), place).map(Some),
            Format::Unknown => Err(place.invalid("the body is empty", b"")),
            Format::Events => {
                if self.events.is_mid_event() {
                    let fold = &mut self.fold;
                    let last: Result<(), Fault> = self.events.finish(|event| {
                        if fold.take(event, place)? {
                            token_events_ns.push(end_ns);
                        }
                        Ok(())
                    });
                    // An event that was cut in its middle is not JSON, and no news: whether the stream is whole is
                    // decided by what came before it.
                    if let Err(fault) = last
                        && fault.error.kind != CallErrorKind::InvalidAnswer
                    {
                        return Err(fault);
                    }
                }
                if !self.fold.is_complete() && !self.fold.ends_with_body() {
                    return Ok(None);
                }
                self.fold.finish(place).map(Some)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Api;
    use seatrial_types::{FinishReason, Usage};

    fn wording() -> Wording {
        Wording::new("http://h".to_owned(), Vec::new())
    }

    /// Feeds pieces at stamps 0, 10, 20, …
    fn read(format: Format, pieces: &[&str]) -> (Result<Option<Answer>, Fault>, Vec<u64>) {
        let mut reader = AnswerReader::new(200, format, Fold::new(&Api::Chat));
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
