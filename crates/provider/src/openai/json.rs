//! The wire structs of answers. Apart from what is made of them, because they are lenient where servers differ and
//! because only the fields that are used are parsed, borrowed from the bytes where JSON allows it.

use seatrial_types::Usage;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// One event of a stream, or a whole answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) model: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) choices: FirstChoice<'a>,
    #[serde(borrow, default)]
    pub(crate) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
}

/// The choice with index 0 of a list of choices; others are somebody's `n: 2` and not the answer.
#[derive(Debug, Default)]
pub(crate) struct FirstChoice<'a>(pub(crate) Option<Choice<'a>>);

/// A choice.
#[derive(Debug, Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    pub(crate) delta: Option<Part<'a>>,
    #[serde(borrow, default)]
    pub(crate) message: Option<Part<'a>>,
    #[serde(borrow, default)]
    pub(crate) finish_reason: Text<'a>,
}

/// A message, or the piece of one that an event brings.
#[derive(Debug, Deserialize)]
pub(crate) struct Part<'a> {
    #[serde(borrow, default)]
    pub(crate) content: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) refusal: Text<'a>,
    #[serde(borrow, default)]
    reasoning_content: Text<'a>,
    #[serde(borrow, default)]
    reasoning: Text<'a>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
}

impl Part<'_> {
    /// Whether it brings anything that the model generated, seen by the user or not.
    pub(crate) fn has_tokens(&self) -> bool {
        self.content.is_some()
            || self.refusal.is_some()
            || self.reasoning_content.is_some()
            || self.reasoning.is_some()
            || self.tool_calls.is_some_and(|calls| !is_empty_list(calls.get()))
    }
}

fn is_empty_list(json: &str) -> bool {
    json.strip_prefix('[')
        .is_some_and(|rest| rest.trim_start() == "]")
}

/// A text that may be missing, null, a number, or a list of parts of which those of type `text` count. An empty text
/// is no text.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text<'de>, A::Error> {
        #[derive(Deserialize)]
        struct ContentPart<'a> {
            #[serde(borrow, rename = "type", default)]
            kind: Text<'a>,
            #[serde(borrow, default)]
            text: Text<'a>,
        }
        let mut joined = String::new();
        while let Some(part) = parts.next_element::<ContentPart<'_>>()? {
            if let (Some("text" | "output_text"), Some(text)) = (part.kind.as_str(), part.text.as_str()) {
                joined.push_str(text);
            }
        }
        Ok(Text((!joined.is_empty()).then_some(Cow::Owned(joined))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for FirstChoice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstChoiceVisitor)
    }
}

struct FirstChoiceVisitor;

impl<'de> Visitor<'de> for FirstChoiceVisitor {
    type Value = FirstChoice<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of choices")
    }

    fn visit_unit<E>(self) -> Result<FirstChoice<'de>, E> {
        Ok(FirstChoice(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut choices: A) -> Result<FirstChoice<'de>, A::Error> {
        let mut first = None;
        while let Some(choice) = choices.next_element::<Choice<'_>>()? {
            if first.is_none() && choice.index.unwrap_or(0) == 0 {
                first = Some(choice);
            }
        }
        Ok(FirstChoice(first))
    }
}

/// Token counts from a `usage` object. Unknown, negative and broken counts are `None`, never zero.
pub(crate) fn usage_of(json: &str) -> Usage {
    // Numbers as f64: some gateways write `12.0`.
    #[derive(Deserialize, Default)]
    struct UsageWire {
        #[serde(default)]
        prompt_tokens: Option<f64>,
        #[serde(default)]
        completion_tokens: Option<f64>,
        #[serde(default)]
        prompt_tokens_details: Option<PromptDetails>,
        #[serde(default)]
        completion_tokens_details: Option<CompletionDetails>,
    }
    #[derive(Deserialize)]
    struct PromptDetails {
        #[serde(default)]
        cached_tokens: Option<f64>,
    }
    #[derive(Deserialize)]
    struct CompletionDetails {
        #[serde(default)]
        reasoning_tokens: Option<f64>,
    }
    let count = |number: Option<f64>| {
        number
            .filter(|number| *number >= 0.0 && number.fract() == 0.0 && *number < 1e15)
            .map(|number| number as u64)
    };
    let wire: UsageWire = serde_json::from_str(json).unwrap_or_default();
    Usage {
        input_tokens: count(wire.prompt_tokens),
        output_tokens: count(wire.completion_tokens),
        cache_read_tokens: count(
            wire.prompt_tokens_details
                .and_then(|details| details.cached_tokens),
        ),
        cache_write_tokens: None,
        reasoning_tokens: count(
            wire.completion_tokens_details
                .and_then(|details| details.reasoning_tokens),
        ),
    }
}

/// What a server says about an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorText {
    /// The message, or the body as it is where it has no known shape.
    pub(crate) message: String,
    /// A code such as `insufficient_quota`.
    pub(crate) code: Option<String>,
}

impl ErrorText {
    /// From a body: `{"error": {"message", "code", "type"}}`, `{"error": "text"}`, `{"message"}`, `{"detail"}`, or any text.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow, default)]
            error: Option<&'a RawValue>,
        }
        let inner = serde_json::from_slice::<Body<'_>>(body)
            .ok()
            .and_then(|body| body.error);
        let found = inner.map_or_else(|| Self::of_object(body), |error| Self::of_error(error.get()));
        found.unwrap_or_else(|| Self {
            message: String::from_utf8_lossy(body).into_owned(),
            code: None,
        })
    }

    /// From the value of an `error` field.
    pub(crate) fn of_error(json: &str) -> Option<Self> {
        if let Ok(message) = serde_json::from_str::<String>(json) {
            return Some(Self { message, code: None });
        }
        Self::of_object(json.as_bytes())
    }

    fn of_object(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow, default)]
            message: Text<'a>,
            #[serde(borrow, default)]
            detail: Text<'a>,
            #[serde(borrow, default)]
            code: Text<'a>,
            #[serde(borrow, rename = "type", default)]
            kind: Text<'a>,
        }
        let object: Object<'_> = serde_json::from_slice(json).ok()?;
        let message = object.message.0.or(object.detail.0)?.into_owned();
        let code = object.code.0.or(object.kind.0).map(Cow::into_owned);
        Some(Self { message, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the fast path: plain texts are borrowed, not copied.
    #[test]
    fn borrows_plain_text() {
        let chunk: Chunk<'_> = serde_json::from_str(r#"{"choices":[{"delta":{"content":"abc"}}]}"#).unwrap();
        let delta = chunk.choices.0.unwrap().delta.unwrap();
        assert!(matches!(delta.content.0, Some(Cow::Borrowed("abc"))));
        let chunk: Chunk<'_> = serde_json::from_slice(br#"{"model":"m\u00e9"}"#).unwrap();
        assert_eq!(chunk.model.as_str(), Some("m\u{e9}"));
    }

    /// Protects against servers that differ: nulls, lists of parts, numbers as ids, odd types, foreign choices.
    #[test]
    fn is_lenient() {
        let json = r#"{"id":7,"model":null,"object":{"x":[1,{"y":null}]},"choices":[
            {"index":1,"delta":{"content":"other"}},
            {"index":0,"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"a"},
             {"type":"text","text":"b"}],"tool_calls":[ ],"refusal":null,"reasoning":{"x":1}}}]}"#;
        let chunk: Chunk<'_> = serde_json::from_str(json).unwrap();
        assert_eq!(chunk.id.as_str(), Some("7"));
        assert!(!chunk.model.is_some());
        let delta = chunk.choices.0.unwrap().delta.unwrap();
        assert_eq!(delta.content.as_str(), Some("ab"));
        assert!(!delta.reasoning.is_some());
        for empty in [
            r#"{"choices":null}"#,
            r#"{"choices":[]}"#,
            "{}",
            r#"{"usage":null,"error":null}"#,
        ] {
            let chunk: Chunk<'_> = serde_json::from_str(empty).unwrap();
            assert!(chunk.choices.0.is_none() && chunk.usage.is_none() && chunk.error.is_none());
        }
    }

    /// Protects token times: what counts as a token event and what does not.
    #[test]
    fn knows_token_events() {
        let has = |json: &str| serde_json::from_str::<Part<'_>>(json).unwrap().has_tokens();
        assert!(has(r#"{"content":"a"}"#));
        assert!(has(r#"{"reasoning_content":"a"}"#));
        assert!(has(r#"{"reasoning":"a"}"#));
        assert!(has(r#"{"refusal":"a"}"#));
        assert!(has(r#"{"tool_calls":[{"index":0}]}"#));
        assert!(!has(
            r#"{"role":"assistant","content":"","tool_calls":[],"refusal":null}"#
        ));
        assert!(!has(r#"{"content":null}"#));
    }

    /// Protects "unknown is not zero" and the nested counts.
    #[test]
    fn reads_usage() {
        let usage = usage_of(
            r#"{"prompt_tokens":10,"completion_tokens":5.0,"prompt_tokens_details":{"cached_tokens":4},
                "completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":0},"total_tokens":15}"#,
        );
        let expected = Usage {
            input_tokens: Some(10),
            output_tokens: Some(5),
            cache_read_tokens: Some(4),
            cache_write_tokens: None,
            reasoning_tokens: Some(2),
        };
        assert_eq!(usage, expected);
        let partial =
            usage_of(r#"{"prompt_tokens":1,"completion_tokens":null,"prompt_tokens_details":null}"#);
        assert_eq!((partial.input_tokens, partial.output_tokens), (Some(1), None));
        for broken in [
            "null",
            "[]",
            "7",
            r#"{"prompt_tokens":-1}"#,
            r#"{"prompt_tokens":"x"}"#,
            "{",
        ] {
            assert_eq!(usage_of(broken), Usage::default(), "{broken}");
        }
    }

    /// Protects the reader of an error: the message is found in every common shape.
    #[test]
    fn finds_the_message() {
        for (body, message, code) in [
            (
                r#"{"error":{"message":"m","type":"t","code":"c"}}"#,
                "m",
                Some("c"),
            ),
            (
                r#"{"error":{"message":"m","type":"t","code":null}}"#,
                "m",
                Some("t"),
            ),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"object":"error","message":"m","code":404}"#, "m", Some("404")),
            (r#"{"detail":"m"}"#, "m", None),
            (r#"{"error":{"odd":1}}"#, r#"{"error":{"odd":1}}"#, None),
            ("Bad Gateway", "Bad Gateway", None),
            ("", "", None),
        ] {
            let found = ErrorText::of_body(body.as_bytes());
            assert_eq!(
                (found.message.as_str(), found.code.as_deref()),
                (message, code),
                "{body}"
            );
        }
    }
}
