//! What an event or a document of an answer means: tokens or none, reasoning or answer, usage, the end, an error.
//!
//! Own code because this is the hot path. The first event with tokens of a stream is parsed in full; one that differs from
//! it in nothing but the text is recognised by comparing bytes, which is exact and some fifty times cheaper. Everything
//! else is parsed in full.

use crate::fault::{Fault, excerpt};
use crate::kept::{KeptText, document};
use memchr::memchr2;
use seatrial_provider::usage::{AnthropicCounts, of_openai_chat, of_openai_embeddings, of_openai_responses};
use seatrial_types::{CallErrorKind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

/// How answers are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's legacy completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's embeddings.
    Embeddings,
    /// Anthropic's messages.
    Messages,
    /// Anything: every event of a stream counts as one with tokens, and nothing is known of their number.
    Any,
}

/// What an event brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Tokens.
    Tokens {
        /// Which the user does not see.
        is_reasoning: bool,
        /// Length of their text as JSON carries it.
        text_bytes: u64,
    },
    /// None.
    NoTokens,
}

/// Reads the events or the document of one answer after the other.
#[derive(Debug)]
pub(crate) struct EventReader {
    form: AnswerForm,
    template: Template,
    pub(crate) usage: Usage,
    counts: AnthropicCounts,
    /// The mark of the end came.
    pub(crate) is_done: bool,
    /// A reason for the end came.
    is_finished: bool,
    saw_event: bool,
    /// What the answer says, where somebody wants it.
    pub(crate) text: KeptText,
}

/// An event with tokens without its text.
#[derive(Debug, Default)]
struct Template {
    /// Up to and with the quote that opens the text; empty where nothing was learnt.
    prefix: Vec<u8>,
    /// From the quote that closes it.
    suffix: Vec<u8>,
    kind: PartKind,
}

impl EventReader {
    pub(crate) fn new(form: AnswerForm) -> Self {
        Self {
            form,
            template: Template::default(),
            usage: Usage::default(),
            counts: AnthropicCounts::default(),
            is_done: false,
            is_finished: false,
            saw_event: false,
            text: KeptText::default(),
        }
    }

    /// Forgets the last answer.
    pub(crate) fn reset(&mut self) {
        self.template.prefix.clear();
        self.usage = Usage::default();
        self.counts = AnthropicCounts::default();
        self.is_done = false;
        self.is_finished = false;
        self.saw_event = false;
        self.text.reset();
    }

    /// Takes the data of an event.
    pub(crate) fn take(&mut self, data: &[u8], is_error: bool) -> Result<Meaning, Fault> {
        if let Some(meaning) = self.template.recognise(data) {
            if self.text.is_on() {
                self.text.put(self.template.text_of(data));
            }
            return Ok(meaning);
        }
        if data == b"[DONE]" {
            self.is_done = true;
            return Ok(Meaning::NoTokens);
        }
        if is_error {
            return Err(error_inside(data));
        }
        self.saw_event = true;
        match self.form {
            AnswerForm::Chat | AnswerForm::Completions | AnswerForm::Embeddings => self.take_chunk(data),
            AnswerForm::Messages => self.take_message_event(data),
            AnswerForm::Responses => self.take_response_event(data),
            AnswerForm::Any => Ok(Meaning::Tokens {
                is_reasoning: false,
                text_bytes: data.len() as u64,
            }),
        }
    }

    /// Whether a whole answer has tokens that are known as such.
    pub(crate) const fn is_of_tokens(&self) -> bool {
        !matches!(self.form, AnswerForm::Any | AnswerForm::Embeddings)
    }

    /// Whether the events so far are a whole answer.
    pub(crate) fn is_complete(&self) -> bool {
        match self.form {
            AnswerForm::Any | AnswerForm::Embeddings => self.saw_event || self.is_done,
            _ => self.is_done || self.is_finished,
        }
    }

    fn take_chunk(&mut self, data: &[u8]) -> Result<Meaning, Fault> {
        let chunk: Chunk<'_> = parse(data)?;
        if let Some(error) = chunk.error {
            return Err(error_inside(error.get().as_bytes()));
        }
        if let Some(usage) = chunk.usage {
            self.usage = of_openai_chat(usage.get());
        }
        let choice = chunk
            .choices
            .iter()
            .flatten()
            .find(|choice| choice.index.unwrap_or(0) == 0);
        let Some(choice) = choice else {
            return Ok(Meaning::NoTokens);
        };
        self.is_finished |= choice.finish_reason.is_some();
        let parts = choice.parts();
        // What repeats must not be more than the text: neither an end nor counts.
        let is_plain = chunk.usage.is_none() && choice.finish_reason.is_none();
        Ok(self.tokens_of(data, &parts, is_plain))
    }

    fn take_message_event(&mut self, data: &[u8]) -> Result<Meaning, Fault> {
        let event: MessageEvent<'_> = parse(data)?;
        let usage = event
            .usage
            .or(event.message.as_ref().and_then(|message| message.usage));
        if let Some(usage) = usage {
            self.counts.add(usage.get());
            self.usage = self.counts.usage();
        }
        match event.kind {
            "error" => return Err(error_inside(data)),
            "message_stop" => self.is_done = true,
            "message_delta" => self.is_finished = true,
            "content_block_delta" => {
                if let Some(delta) = event.delta {
                    return Ok(self.tokens_of(data, &delta.parts(), usage.is_none()));
                }
            }
            // `ping`, starts and stops of blocks, and events of newer versions, which the API says to pass over.
            _ => {}
        }
        Ok(Meaning::NoTokens)
    }

    fn take_response_event(&mut self, data: &[u8]) -> Result<Meaning, Fault> {
        let event: ResponseEvent<'_> = parse(data)?;
        match event.kind {
            "error" | "response.failed" => return Err(error_inside(data)),
            "response.completed" | "response.incomplete" => {
                self.is_done = true;
                if let Some(usage) = event.response.and_then(|response| response.usage) {
                    self.usage = of_openai_responses(usage.get());
                }
            }
            kind if kind.ends_with(".delta") => {
                let parts = [Part {
                    text: event.delta,
                    kind: match kind {
                        "response.output_text.delta" | "response.refusal.delta" => PartKind::Text,
                        _ if kind.contains("reasoning") => PartKind::Reasoning,
                        _ => PartKind::Other,
                    },
                }];
                return Ok(self.tokens_of(data, &parts, false));
            }
            _ => {}
        }
        Ok(Meaning::NoTokens)
    }

    /// Whether these parts of an event hold text, and learns its form where there is exactly one that does.
    fn tokens_of(&mut self, data: &[u8], parts: &[Part<'_>], is_plain: bool) -> Meaning {
        let mut is_answer = false;
        let mut text_bytes = 0;
        let mut full = 0;
        let mut last = None;
        for part in parts.iter() {
            if let Some(text) = part.text.filter(|text| holds_text(text.get())) {
                full += 1;
                is_answer |= part.kind != PartKind::Reasoning;
                text_bytes += text.get().len().saturating_sub(2) as u64;
                if part.kind == PartKind::Text {
                    self.text.put_string(text.get());
                }
                last = Some((text, part.kind));
            }
        }
        let Some((text, kind)) = last else {
            return Meaning::NoTokens;
        };
        if is_plain && full == 1 {
            self.template.learn(data, text.get().as_bytes(), kind);
        }
        Meaning::Tokens {
            is_reasoning: !is_answer,
            text_bytes,
        }
    }

    /// Takes an answer in one piece.
    pub(crate) fn take_document(&mut self, json: &[u8]) -> Result<(), Fault> {
        let document: Document<'_> = match self.form {
            AnswerForm::Any => Document::default(),
            _ => parse(json)?,
        };
        if let Some(error) = document.error {
            return Err(error_inside(error.get().as_bytes()));
        }
        let (has_answer, what) = match self.form {
            AnswerForm::Chat | AnswerForm::Completions => (document.choices.is_some(), "choices"),
            AnswerForm::Embeddings => (document.data.is_some(), "data"),
            AnswerForm::Messages => (document.content.is_some(), "content"),
            AnswerForm::Responses => (document.output.is_some(), "output"),
            AnswerForm::Any => (true, ""),
        };
        if !has_answer {
            return Err(Fault::invalid(format!("the body has no `{what}`"), json));
        }
        if let Some(usage) = document.usage {
            self.usage = match self.form {
                AnswerForm::Embeddings => of_openai_embeddings(usage.get()),
                AnswerForm::Responses => of_openai_responses(usage.get()),
                AnswerForm::Messages => {
                    self.counts.add(usage.get());
                    self.counts.usage()
                }
                _ => of_openai_chat(usage.get()),
            };
        }
        self.is_done = true;
        if self.text.is_on() {
            let text = &mut self.text;
            match self.form {
                AnswerForm::Chat | AnswerForm::Completions => {
                    document::of_choices(json, |json| text.put_string(json));
                }
                AnswerForm::Messages | AnswerForm::Responses => {
                    document::of_pieces(json, |json| text.put_string(json));
                }
                AnswerForm::Embeddings | AnswerForm::Any => {}
            }
        }
        Ok(())
    }
}

impl Template {
    fn learn(&mut self, data: &[u8], text: &[u8], kind: PartKind) {
        self.prefix.clear();
        if !text.starts_with(b"\"") {
            return;
        }
        // The raw text is a part of the data; where it begins is the distance of their addresses.
        let Some(at) = (text.as_ptr() as usize).checked_sub(data.as_ptr() as usize) else {
            return;
        };
        let (Some(prefix), Some(suffix)) = (data.get(..=at), data.get(at + text.len() - 1..)) else {
            return;
        };
        self.prefix.extend_from_slice(prefix);
        self.suffix.clear();
        self.suffix.extend_from_slice(suffix);
        self.kind = kind;
    }

    /// The text of an event that was recognised, where users see it.
    fn text_of<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let end = data.len().saturating_sub(self.suffix.len());
        match self.kind {
            PartKind::Text => data.get(self.prefix.len()..end).unwrap_or_default(),
            PartKind::Other | PartKind::Reasoning => &[],
        }
    }

    /// What an event means that differs from the learnt one in nothing but its text; `None` for all others.
    fn recognise(&self, data: &[u8]) -> Option<Meaning> {
        if self.prefix.is_empty() {
            return None;
        }
        let rest = data.strip_prefix(self.prefix.as_slice())?;
        let mut end = 0;
        loop {
            end += memchr2(b'"', b'\\', rest.get(end..)?)?;
            if rest.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        // An empty text is no token, and rare enough for the long way.
        if end == 0 || rest.get(end..)? != self.suffix.as_slice() {
            return None;
        }
        Some(Meaning::Tokens {
            is_reasoning: self.kind == PartKind::Reasoning,
            text_bytes: end as u64,
        })
    }
}

/// A part of an event that may hold text.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    text: Option<&'a RawValue>,
    kind: PartKind,
}

/// Whom a part is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum PartKind {
    /// Users read it.
    #[default]
    Text,
    /// Programs do, such as arguments of tools.
    Other,
    /// Nobody does.
    Reasoning,
}

/// Whether a value is a text or list that is not empty, or an object.
fn holds_text(raw: &str) -> bool {
    let is_empty_list = raw.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]");
    !is_empty_list && !matches!(raw, "\"\"" | "null" | "{}" | "false")
}

fn parse<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(data)
        .map_err(|error| Fault::invalid(format!("not the documented JSON ({error})"), data))
}

fn error_inside(json: &[u8]) -> Fault {
    Fault::new(
        CallErrorKind::Server,
        format!("reported an error inside of the answer: {}", excerpt(json)),
    )
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
}

impl<'a> Choice<'a> {
    fn parts(&self) -> [Part<'a>; 7] {
        let delta = self.delta.as_ref();
        let part = |kind, text| Part { text, kind };
        [
            part(PartKind::Text, self.text),
            part(PartKind::Text, delta.and_then(|delta| delta.content)),
            part(PartKind::Text, delta.and_then(|delta| delta.refusal)),
            part(PartKind::Other, delta.and_then(|delta| delta.tool_calls)),
            part(PartKind::Other, delta.and_then(|delta| delta.function_call)),
            part(
                PartKind::Reasoning,
                delta.and_then(|delta| delta.reasoning_content),
            ),
            // Some servers send the same text under both names.
            part(
                PartKind::Reasoning,
                delta.and_then(|delta| match delta.reasoning_content {
                    Some(text) if holds_text(text.get()) => None,
                    _ => delta.reasoning,
                }),
            ),
        ]
    }
}

#[derive(Deserialize)]
struct MessageEvent<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: &'a str,
    #[serde(borrow, default)]
    message: Option<UsageOnly<'a>>,
    #[serde(borrow, default)]
    delta: Option<MessageDelta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UsageOnly<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageDelta<'a> {
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

impl<'a> MessageDelta<'a> {
    fn parts(&self) -> [Part<'a>; 3] {
        let part = |kind, text| Part { text, kind };
        [
            part(PartKind::Text, self.text),
            part(PartKind::Other, self.partial_json),
            part(PartKind::Reasoning, self.thinking),
        ]
    }
}

#[derive(Deserialize)]
struct ResponseEvent<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: &'a str,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<UsageOnly<'a>>,
}

/// An answer in one piece; only that what an API promises is there is looked at.
#[derive(Deserialize, Default)]
struct Document<'a> {
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Meaning = Meaning::Tokens {
        is_reasoning: false,
        text_bytes: 1,
    };
    const THOUGHT: Meaning = Meaning::Tokens {
        is_reasoning: true,
        text_bytes: 1,
    };

    fn chat(content: &str) -> String {
        format!(
            r#"{{"id":"c1","choices":[{{"index":0,"delta":{{"content":"{content}"}},"finish_reason":null}}]}}"#
        )
    }

    /// Protects the fast path: it says what the long way says, for texts with escapes, quotes, and none.
    #[test]
    fn recognising_equals_parsing() {
        let mut warm = EventReader::new(AnswerForm::Chat);
        assert_eq!(warm.take(chat("a").as_bytes(), false), Ok(TOKEN));
        for text in ["a", "", r"\n", r#"\""#, r"\\", r#"a\"b"#, r"\\\\", "é"] {
            let mut cold = EventReader::new(AnswerForm::Chat);
            let json = chat(text);
            assert_eq!(
                warm.template
                    .recognise(json.as_bytes())
                    .map_or_else(|| cold.take(json.as_bytes(), false), Ok),
                EventReader::new(AnswerForm::Chat).take(json.as_bytes(), false),
                "{text}"
            );
        }
        assert!(warm.template.recognise(chat("b").as_bytes()).is_some());
        // Anything else that is new goes the long way.
        let end = r#"{"id":"c1","choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
        assert_eq!(warm.template.recognise(end.as_bytes()), None);
        assert!(!warm.is_complete());
        assert_eq!(warm.take(end.as_bytes(), false), Ok(TOKEN));
        assert!(warm.is_complete());
        assert_eq!(
            warm.template.recognise(br#"{"id":"c1","choices":[{"index":0,"#),
            None
        );
    }

    /// Protects token counts and first tokens: what is a token, what is reasoning, and what is neither.
    #[test]
    fn knows_tokens_from_other_events() {
        let mut reader = EventReader::new(AnswerForm::Chat);
        let mut take = |json: &str| reader.take(json.as_bytes(), false).unwrap();
        let delta = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
        assert_eq!(
            take(&delta(r#"{"role":"assistant","content":""}"#)),
            Meaning::NoTokens
        );
        assert_eq!(
            take(&delta(r#"{"role":"assistant","content":null,"tool_calls":[ ]}"#)),
            Meaning::NoTokens
        );
        assert_eq!(take(&delta(r#"{"content":"","reasoning_content":"x"}"#)), THOUGHT);
        assert_eq!(
            take(&delta(r#"{"reasoning":"x","reasoning_content":"x"}"#)),
            THOUGHT
        );
        assert_eq!(take(&delta(r#"{"content":"y","reasoning":null}"#)), TOKEN);
        assert_eq!(
            take(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#),
            Meaning::NoTokens
        );
        assert_eq!(
            take(r#"{"choices":[{"index":1,"delta":{"content":"x"}}]}"#),
            Meaning::NoTokens
        );
        assert_eq!(
            (reader.usage.input_tokens, reader.usage.output_tokens),
            (Some(3), Some(4))
        );
        let mut legacy = EventReader::new(AnswerForm::Completions);
        assert_eq!(legacy.take(br#"{"choices":[{"text":"x"}]}"#, false), Ok(TOKEN));
    }

    /// Protects Anthropic's events, thinking and counts in two places included.
    #[test]
    fn reads_messages() {
        let mut reader = EventReader::new(AnswerForm::Messages);
        let mut take = |json: &str| reader.take(json.as_bytes(), false).unwrap();
        let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1},"content":[]}}"#;
        assert_eq!(take(start), Meaning::NoTokens);
        assert_eq!(take(r#"{"type":"ping"}"#), Meaning::NoTokens);
        let delta = |kind: &str, key: &str| {
            format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{key}":"x"}}}}"#)
        };
        assert_eq!(take(&delta("thinking_delta", "thinking")), THOUGHT);
        assert_eq!(take(&delta("text_delta", "text")), TOKEN);
        assert_eq!(take(&delta("text_delta", "text")), TOKEN);
        assert_eq!(take(&delta("input_json_delta", "partial_json")), TOKEN);
        take(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}"#);
        assert_eq!(
            (reader.usage.input_tokens, reader.usage.output_tokens),
            (Some(5), Some(4))
        );
        assert!(reader.is_complete());
        let error = br#"{"type":"error","error":{"type":"overloaded_error"}}"#;
        assert_eq!(reader.take(error, false).unwrap_err().kind, CallErrorKind::Server);
    }

    /// Protects the events of responses.
    #[test]
    fn reads_responses() {
        let mut reader = EventReader::new(AnswerForm::Responses);
        let mut take = |json: &str| reader.take(json.as_bytes(), false).unwrap();
        assert_eq!(
            take(r#"{"type":"response.output_text.delta","delta":"x"}"#),
            TOKEN
        );
        assert_eq!(
            take(r#"{"type":"response.reasoning_text.delta","delta":"x"}"#),
            THOUGHT
        );
        take(r#"{"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":2}}}"#);
        assert_eq!(reader.usage.output_tokens, Some(2));
        assert!(reader.is_complete());
    }

    /// Protects failures from counting as answers: errors inside, JSON that is none, documents without an answer.
    #[test]
    fn knows_failures() {
        let kind = |form, json: &[u8], is_error| {
            EventReader::new(form)
                .take(json, is_error)
                .map_err(|fault| fault.kind)
        };
        let chat = AnswerForm::Chat;
        assert_eq!(
            kind(chat, br#"{"error":{"message":"x"}}"#, false),
            Err(CallErrorKind::Server)
        );
        assert_eq!(kind(chat, b"overloaded", true), Err(CallErrorKind::Server));
        assert_eq!(kind(chat, b"nonsense", false), Err(CallErrorKind::InvalidAnswer));
        assert_eq!(
            kind(chat, br#"{"error":null,"choices":null}"#, false),
            Ok(Meaning::NoTokens)
        );
        let document = |form, json: &[u8]| {
            EventReader::new(form)
                .take_document(json)
                .map_err(|fault| fault.kind)
        };
        assert_eq!(document(chat, br#"{"choices":[]}"#), Ok(()));
        assert_eq!(document(chat, b"{}"), Err(CallErrorKind::InvalidAnswer));
        assert_eq!(
            document(AnswerForm::Embeddings, br#"{"error":{"message":"x"}}"#),
            Err(CallErrorKind::Server)
        );
        assert_eq!(document(AnswerForm::Any, b"anything"), Ok(()));
    }
}
