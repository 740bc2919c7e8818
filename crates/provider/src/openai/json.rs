//! The wire structs of answers. Apart from what is made of them, because they are lenient where servers differ and
//! because only the fields that are used are parsed, borrowed from the bytes where JSON allows it.

use crate::lenient::Text;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
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
    /// The text of legacy completions.
    #[serde(borrow, default)]
    pub(crate) text: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(crate) finish_reason: Text<'a>,
    /// How probable the tokens were, where that was asked for.
    #[serde(borrow, default)]
    pub(crate) logprobs: Option<&'a RawValue>,
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
    pub(crate) tool_calls: Option<&'a RawValue>,
    /// The form that tool calls had before.
    #[serde(borrow, default)]
    pub(crate) function_call: Option<FunctionPart<'a>>,
}

/// A tool call, or the piece of one that an event brings.
#[derive(Debug, Deserialize)]
pub(crate) struct ToolCallPart<'a> {
    /// Tells pieces of different calls apart; the position where a whole message leaves it out.
    #[serde(default)]
    pub(crate) index: Option<u64>,
    #[serde(borrow, default)]
    pub(crate) id: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) function: Option<FunctionPart<'a>>,
}

/// Name and arguments of a tool, or pieces of them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct FunctionPart<'a> {
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    #[serde(borrow, default)]
    pub(crate) arguments: Text<'a>,
}

impl Part<'_> {
    /// Whether it brings anything that the model generated, seen by the user or not.
    pub(crate) fn has_tokens(&self) -> bool {
        self.content.is_some()
            || self.refusal.is_some()
            || self.reasoning_content.is_some()
            || self.reasoning.is_some()
            || self.function_call.is_some()
            || self.tool_calls.is_some_and(|calls| !is_empty_list(calls.get()))
    }
}

fn is_empty_list(json: &str) -> bool {
    json.strip_prefix('[')
        .is_some_and(|rest| rest.trim_start() == "]")
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

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
}
