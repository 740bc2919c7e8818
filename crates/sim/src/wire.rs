//! The chat API as bytes: what a request asks, and the JSON of answers, events and errors. Apart so that all wire JSON is
//! in one place, written by hand and ignorant of the client's structs.

use crate::log_probability;
use seatrial_types::ContentHash;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::io::Write;

/// What a chat request asks, as far as the simulation cares; other fields are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest<'a> {
    #[serde(borrow)]
    pub(crate) model: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) messages: Vec<WireMessage<'a>>,
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    #[serde(default)]
    pub(crate) stream_options: Option<StreamOptions>,
    #[serde(default)]
    pub(crate) max_tokens: Option<u64>,
    #[serde(default)]
    pub(crate) max_completion_tokens: Option<u64>,
    /// Whether the probabilities of tokens are wanted.
    #[serde(default)]
    pub(crate) logprobs: Option<bool>,
    /// The API tells usage without being asked for it.
    #[serde(skip)]
    pub(crate) always_tells_usage: bool,
}

/// How a stream is wanted.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamOptions {
    #[serde(default)]
    pub(crate) include_usage: Option<bool>,
}

/// One message of the conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct WireMessage<'a> {
    #[serde(borrow)]
    pub(crate) role: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) content: Content<'a>,
}

impl<'a> ChatRequest<'a> {
    /// Reads a request body.
    ///
    /// # Errors
    /// What is wrong, as the body of a 400 says it.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let request: Self =
            serde_json::from_slice(body).map_err(|error| format!("the body is no chat request: {error}"))?;
        if request.messages.is_empty() {
            return Err("`messages` is empty, expected at least one message".to_owned());
        }
        Ok(request)
    }

    pub(crate) fn wants_stream(&self) -> bool {
        self.stream.unwrap_or(false)
    }

    pub(crate) fn wants_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(self.always_tells_usage)
    }

    /// The token limit under its new or its old name.
    pub(crate) fn tokens_max(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// The last thing that the user said; the last message where the user said nothing.
    pub(crate) fn prompt(&self) -> &str {
        let of_user = self.messages.iter().rev().find(|message| message.role == "user");
        of_user
            .or(self.messages.last())
            .map_or("", |message| &message.content.0)
    }

    /// Names the whole conversation: a repeat is the same conversation again, not the same last sentence.
    pub(crate) fn conversation(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        for message in &self.messages {
            for part in [message.role.as_bytes(), message.content.0.as_bytes()] {
                hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
                hasher.update(part);
            }
        }
        ContentHash::finish(&hasher)
    }

    /// Bytes of all messages.
    pub(crate) fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.content.0.len()).sum()
    }
}

/// Content of a message: a text, or a list of parts whose texts are put together; null and absent are empty.
#[derive(Debug, Default)]
pub(crate) struct Content<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of parts as `content`")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut text = String::new();
        while let Some(Part(part)) = parts.next_element()? {
            text.push_str(&part);
        }
        Ok(Content(Cow::Owned(text)))
    }
}

/// The text of one part; parts without one (images, sound) have none here.
struct Part(String);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part such as {\"type\": \"text\", \"text\": …}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Part, A::Error> {
                let mut text = String::new();
                while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
                    if name == "text" {
                        text = fields.next_value()?;
                    } else {
                        fields.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Part(text))
            }
        }
        deserializer.deserialize_map(PartVisitor)
    }
}

/// Token counts as an answer tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireUsage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) reasoning_tokens: u64,
    pub(crate) has_details: bool,
}

impl WireUsage {
    fn write(self, out: &mut Vec<u8>) {
        let total = self.prompt_tokens.saturating_add(self.completion_tokens);
        put(
            out,
            format_args!(
                r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{total}"#,
                self.prompt_tokens, self.completion_tokens
            ),
        );
        if self.has_details {
            put(
                out,
                format_args!(
                    r#","prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":{}}}"#,
                    self.reasoning_tokens
                ),
            );
        }
        out.push(b'}');
    }
}

/// What an event says of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageField {
    /// Nothing.
    Absent,
    /// `"usage":null`: it will come in a later event.
    Null,
    /// Counts.
    Known(WireUsage),
}

/// What is new in an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Delta<'a> {
    /// An empty `delta`.
    Nothing,
    /// The role with an empty text.
    Role,
    /// Text, with the role in the first event that has one.
    Text {
        /// The text.
        text: &'a str,
        /// Whether the role is told with it.
        with_role: bool,
    },
    /// Reasoning, in the field of this name.
    Reasoning {
        /// The text.
        text: &'a str,
        /// Name of the field.
        field: &'a str,
        /// Whether the role is told with it.
        with_role: bool,
    },
}

/// Writes the JSON of one answer; what all its events share is written once.
pub(crate) struct Renderer {
    /// `{"id":…,"object":"`, up to the kind of object.
    id: Vec<u8>,
    /// `","created":…,"model":…,"choices":[`.
    rest: Vec<u8>,
    /// Both with the kind between them, for events.
    event: Vec<u8>,
    /// Whether the probabilities of tokens are told.
    pub(crate) tells_log_probabilities: bool,
}

impl Renderer {
    pub(crate) fn new(sequence: u64, created: u64, model: &str) -> Self {
        let mut id = Vec::with_capacity(64);
        put(
            &mut id,
            format_args!(r#"{{"id":"chatcmpl-sim{sequence:012x}","object":""#),
        );
        let mut rest = Vec::with_capacity(96);
        put(&mut rest, format_args!(r#"","created":{created},"model":"#));
        put_text(&mut rest, model);
        rest.extend_from_slice(br#","choices":["#);
        let event = [id.as_slice(), b"chat.completion.chunk", rest.as_slice()].concat();
        Self {
            id,
            rest,
            event,
            tells_log_probabilities: false,
        }
    }

    /// The JSON of one event.
    pub(crate) fn event(&self, out: &mut Vec<u8>, delta: Delta<'_>, finish: Option<&str>, usage: UsageField) {
        const ROLE: &[u8] = br#""role":"assistant","#;
        out.extend_from_slice(&self.event);
        out.extend_from_slice(br#"{"index":0,"delta":{"#);
        match delta {
            Delta::Nothing => {}
            Delta::Role => out.extend_from_slice(br#""role":"assistant","content":"""#),
            Delta::Text { text, with_role } => {
                out.extend_from_slice(if with_role { ROLE } else { b"" });
                out.extend_from_slice(br#""content":"#);
                put_text(out, text);
            }
            Delta::Reasoning {
                text,
                field,
                with_role,
            } => {
                out.extend_from_slice(if with_role { ROLE } else { b"" });
                put_text(out, field);
                out.push(b':');
                put_text(out, text);
            }
        }
        out.push(b'}');
        if let (true, Delta::Text { text, .. }) = (self.tells_log_probabilities, delta) {
            put(
                out,
                format_args!(r#","logprobs":{}"#, log_probability::of_chat(text)),
            );
        }
        match finish {
            None => out.extend_from_slice(br#","finish_reason":null}]"#),
            Some(reason) => put(out, format_args!(r#","finish_reason":"{reason}"}}]"#)),
        }
        put_usage(out, usage);
    }

    /// The event that tells usage with empty `choices`.
    pub(crate) fn usage_event(&self, out: &mut Vec<u8>, usage: WireUsage) {
        out.extend_from_slice(&self.event);
        out.push(b']');
        put_usage(out, UsageField::Known(usage));
    }

    /// An answer in one piece.
    pub(crate) fn whole(
        &self,
        out: &mut Vec<u8>,
        text: &str,
        reasoning: Option<(&str, &str)>,
        finish: &str,
        usage: UsageField,
    ) {
        out.extend_from_slice(&self.id);
        out.extend_from_slice(b"chat.completion");
        out.extend_from_slice(&self.rest);
        out.extend_from_slice(br#"{"index":0,"message":{"role":"assistant","content":"#);
        put_text(out, text);
        if let Some((field, text)) = reasoning {
            out.push(b',');
            put_text(out, field);
            out.push(b':');
            put_text(out, text);
        }
        out.extend_from_slice(br#","refusal":null},"logprobs":"#);
        if self.tells_log_probabilities {
            put(out, format_args!("{}", log_probability::of_chat(text)));
        } else {
            out.extend_from_slice(b"null");
        }
        put(out, format_args!(r#","finish_reason":"{finish}"}}]"#));
        put_usage(out, usage);
    }
}

fn put_usage(out: &mut Vec<u8>, usage: UsageField) {
    match usage {
        UsageField::Absent => out.push(b'}'),
        UsageField::Null => out.extend_from_slice(br#","usage":null}"#),
        UsageField::Known(usage) => {
            out.extend_from_slice(br#","usage":"#);
            usage.write(out);
            out.push(b'}');
        }
    }
}

/// The JSON of an error, in a body or in an event.
pub(crate) fn error(out: &mut Vec<u8>, message: &str, kind: &str, param: Option<&str>, code: Option<&str>) {
    out.extend_from_slice(br#"{"error":{"message":"#);
    put_text(out, message);
    for (name, value) in [("type", Some(kind)), ("param", param), ("code", code)] {
        put(out, format_args!(r#","{name}":"#));
        match value {
            Some(value) => put_text(out, value),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.extend_from_slice(b"}}");
}

/// The list of models.
pub(crate) fn models<'a>(out: &mut Vec<u8>, models: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(br#"{"object":"list","data":["#);
    for (index, model) in models.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"id":"#);
        put_text(out, model);
        out.extend_from_slice(br#","object":"model","created":0,"owned_by":"seatrial-sim"}"#);
    }
    out.extend_from_slice(b"]}");
}

/// Appends formatted text.
pub(crate) fn put(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to memory does not fail");
}

/// Appends a JSON string. Most pieces of text need no escape, and then it is one copy.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    if text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("writing to memory does not fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Protects the reading of requests: both forms of content, both names of the limit, and unknown fields.
    #[test]
    fn requests_are_read() {
        let body = json!({
            "model": "m", "temperature": 0, "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 5,
            "messages": [
                {"role": "system", "content": "be \"kind\""},
                {"role": "user", "content": [{"type": "text", "text": "two "}, {"type": "image_url", "image_url": {}},
                    {"text": "parts", "type": "text"}]},
                {"role": "assistant", "content": null, "tool_calls": []}
            ]
        })
        .to_string();
        let request = ChatRequest::parse(body.as_bytes()).unwrap();
        assert_eq!(request.prompt(), "two parts");
        assert!(request.wants_stream() && request.wants_usage());
        assert_eq!(request.tokens_max(), Some(5));
        assert_eq!(request.bytes(), 9 + 9);
        let plain = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":7}"#;
        let request = ChatRequest::parse(plain).unwrap();
        assert!(!request.wants_stream() && !request.wants_usage());
        assert_eq!(request.tokens_max(), Some(7));
        assert!(
            matches!(request.messages[0].content.0, Cow::Borrowed("hi")),
            "no copy of plain texts"
        );
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"model":"m","messages":[]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":5}]}"#,
        ] {
            assert!(ChatRequest::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    /// Protects the count of repeats: a conversation is its roles and texts, not its formatting or parameters.
    #[test]
    fn conversations_are_told_apart() {
        let of = |body: &str| ChatRequest::parse(body.as_bytes()).unwrap().conversation();
        let one = of(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
        assert_eq!(
            one,
            of(r#"{"stream":true, "messages": [{"content":"h\u0069","role":"user"}],"model":"n"}"#)
        );
        assert_ne!(
            one,
            of(r#"{"model":"m","messages":[{"role":"system","content":"hi"}]}"#)
        );
        assert_ne!(
            one,
            of(r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"user","content":""}]}"#)
        );
    }

    /// Protects the wire: everything rendered is JSON of the documented form, escapes included.
    #[test]
    fn rendered_json_is_right() {
        let renderer = Renderer::new(26, 1_700_000_000, "m\"x");
        let read = |out: &[u8]| -> Value { serde_json::from_slice(out).unwrap() };
        let usage = WireUsage {
            prompt_tokens: 3,
            completion_tokens: 2,
            reasoning_tokens: 1,
            has_details: true,
        };
        let mut out = Vec::new();
        let delta = Delta::Text {
            text: "a \"quote\"\n",
            with_role: true,
        };
        renderer.event(&mut out, delta, None, UsageField::Null);
        let head = json!({"id": "chatcmpl-sim00000000001a", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m\"x"});
        let mut expected = head.clone();
        expected["choices"] = json!([{"index": 0, "delta": {"role": "assistant", "content": "a \"quote\"\n"}, "finish_reason": null}]);
        expected["usage"] = Value::Null;
        assert_eq!(read(&out), expected);

        out.clear();
        renderer.event(&mut out, Delta::Nothing, Some("stop"), UsageField::Known(usage));
        assert_eq!(
            read(&out)["choices"][0],
            json!({"index": 0, "delta": {}, "finish_reason": "stop"})
        );
        assert_eq!(
            read(&out)["usage"]["completion_tokens_details"]["reasoning_tokens"],
            1
        );
        assert_eq!(read(&out)["usage"]["total_tokens"], 5);

        out.clear();
        let delta = Delta::Reasoning {
            text: "hm",
            field: "reasoning",
            with_role: false,
        };
        renderer.event(&mut out, delta, None, UsageField::Absent);
        assert_eq!(read(&out)["choices"][0]["delta"], json!({"reasoning": "hm"}));
        assert!(read(&out).get("usage").is_none());

        out.clear();
        renderer.usage_event(
            &mut out,
            WireUsage {
                has_details: false,
                ..usage
            },
        );
        assert_eq!(read(&out)["choices"], json!([]));
        assert_eq!(
            read(&out)["usage"],
            json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
        );

        out.clear();
        renderer.whole(
            &mut out,
            "done",
            Some(("reasoning_content", "hm")),
            "length",
            UsageField::Absent,
        );
        let choice = json!({"index": 0, "logprobs": null, "finish_reason": "length",
            "message": {"role": "assistant", "content": "done", "reasoning_content": "hm", "refusal": null}});
        assert_eq!(read(&out)["choices"][0], choice);
        assert_eq!(read(&out)["object"], "chat.completion");

        out.clear();
        error(&mut out, "no \"m\"", "invalid_request_error", Some("model"), None);
        let expected = json!({"error": {"message": "no \"m\"", "type": "invalid_request_error", "param": "model", "code": null}});
        assert_eq!(read(&out), expected);

        out.clear();
        models(&mut out, ["a", "b"].into_iter());
        assert_eq!(read(&out)["data"][1]["id"], "b");
    }
}
