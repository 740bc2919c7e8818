//! The body of a request. Apart because all of it that does not change between calls is made once.

use bytes::Bytes;
use seatrial_types::{Message, Role};
use serde_json::{Map, Value};

/// Tokens set aside for an answer whose length nobody limited; corrected by its usage.
const OUTPUT_TOKENS_GUESS: u64 = 512;

/// How much of streaming a body asks for. Servers that refuse one shape are asked the next smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Shape {
    /// One answer.
    Whole = 0,
    /// A stream, without asking for usage.
    Stream = 1,
    /// A stream with usage at its end.
    StreamWithUsage = 2,
}

impl Shape {
    /// From its number; unknown numbers are the largest shape.
    pub(crate) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Whole,
            1 => Self::Stream,
            _ => Self::StreamWithUsage,
        }
    }

    const fn json(self) -> &'static str {
        match self {
            Self::Whole => "}",
            Self::Stream => r#","stream":true}"#,
            Self::StreamWithUsage => r#","stream":true,"stream_options":{"include_usage":true}}"#,
        }
    }
}

/// A body without its messages.
#[derive(Debug)]
pub(crate) struct BodyTemplate {
    /// `{"model":"…","messages":[`
    head: String,
    /// `],"temperature":0`: parameters of the target, not yet closed.
    tail: String,
    params: Map<String, Value>,
    output_tokens_max: u64,
}

/// Where a parameter that has its own place belongs; `None` for all others.
pub(crate) fn reserved(param: &str) -> Option<&'static str> {
    match param {
        "model" => Some("set the model of the target"),
        "messages" => Some("messages come from the prompt of the task"),
        "stream" | "stream_options" => Some("set `stream` of the target"),
        _ => None,
    }
}

impl BodyTemplate {
    /// A template for `model` with the target's parameters, none of them [`reserved`].
    pub(crate) fn new(model: &str, params: &Map<String, Value>) -> Self {
        let model = Value::from(model);
        Self {
            head: format!(r#"{{"model":{model},"messages":["#),
            tail: tail(params),
            output_tokens_max: output_tokens_max(params).unwrap_or(OUTPUT_TOKENS_GUESS),
            params: params.clone(),
        }
    }

    /// The body for a conversation, parameters of the target overridden by `overrides`.
    pub(crate) fn fill(&self, messages: &[Message], overrides: &Map<String, Value>, shape: Shape) -> Bytes {
        let text_bytes: usize = messages.iter().map(|message| message.content.len() + 48).sum();
        let fixed_bytes = self.head.len() + self.tail.len() + shape.json().len();
        let mut body = Vec::with_capacity(fixed_bytes + text_bytes + text_bytes / 8);
        body.extend_from_slice(self.head.as_bytes());
        for (index, message) in messages.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            let opening = match message.role {
                Role::System => r#"{"role":"system","content":"#,
                Role::User => r#"{"role":"user","content":"#,
                Role::Assistant => r#"{"role":"assistant","content":"#,
                Role::Tool => r#"{"role":"tool","content":"#,
            };
            body.extend_from_slice(opening.as_bytes());
            push_string(&mut body, &message.content);
            body.push(b'}');
        }
        if overrides.is_empty() {
            body.extend_from_slice(self.tail.as_bytes());
        } else {
            let mut params = self.params.clone();
            params.extend(
                overrides
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
            body.extend_from_slice(tail(&params).as_bytes());
        }
        body.extend_from_slice(shape.json().as_bytes());
        Bytes::from(body)
    }

    /// About how many tokens a call will use: a quarter of its characters, and the longest answer.
    pub(crate) fn estimate_tokens(&self, messages: &[Message], overrides: &Map<String, Value>) -> u64 {
        let chars: usize = messages
            .iter()
            .map(|message| message.content.chars().count())
            .sum();
        let output = output_tokens_max(overrides).unwrap_or(self.output_tokens_max);
        (chars as u64 / 4).saturating_add(output)
    }
}

fn tail(params: &Map<String, Value>) -> String {
    let mut tail = String::from("]");
    for (name, value) in params {
        tail.push(',');
        tail.push_str(&Value::from(name.as_str()).to_string());
        tail.push(':');
        tail.push_str(&value.to_string());
    }
    tail
}

/// Writes a JSON string: most text needs no escape, and is then copied in one go.
fn push_string(body: &mut Vec<u8>, text: &str) {
    // Writing into a vector cannot fail, and a string is always JSON.
    let written = serde_json::to_writer(&mut *body, text);
    debug_assert!(written.is_ok());
}

fn output_tokens_max(params: &Map<String, Value>) -> Option<u64> {
    ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|name| params.get(*name)?.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => unreachable!(),
        }
    }

    /// Protects the wire: the body is the JSON that the API documents, whatever the text, in every shape.
    #[test]
    fn makes_the_documented_json() {
        let template = BodyTemplate::new("m\"x", &params(json!({"temperature": 0, "stop": ["a\n"]})));
        let messages = [
            Message::new(Role::System, "be \"brief\"\u{1}\u{1F600}"),
            Message::new(Role::User, ""),
        ];
        let body = template.fill(&messages, &Map::new(), Shape::StreamWithUsage);
        let found: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({
            "model": "m\"x",
            "messages": [{"role": "system", "content": "be \"brief\"\u{1}\u{1F600}"}, {"role": "user", "content": ""}],
            "temperature": 0, "stop": ["a\n"], "stream": true, "stream_options": {"include_usage": true},
        });
        assert_eq!(found, expected);

        let overrides = params(json!({"temperature": 0.5, "seed": 3}));
        let body = template.fill(&messages[1..], &overrides, Shape::Whole);
        let found: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({"model": "m\"x", "messages": [{"role": "user", "content": ""}],
            "temperature": 0.5, "stop": ["a\n"], "seed": 3});
        assert_eq!(found, expected);

        let body = template.fill(&[], &Map::new(), Shape::Stream);
        let found: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&found["stream"], found.get("stream_options")),
            (&json!(true), None)
        );
    }

    /// Protects the token limit's estimate.
    #[test]
    fn estimates_tokens() {
        let message = |text: &str| Message::new(Role::User, text);
        let template = BodyTemplate::new("m", &params(json!({"max_tokens": 100})));
        let messages = [message(&"\u{e9}".repeat(40)), message("abcd")];
        assert_eq!(template.estimate_tokens(&messages, &Map::new()), 111);
        let overrides = params(json!({"max_completion_tokens": 7}));
        assert_eq!(template.estimate_tokens(&messages, &overrides), 18);
        let open = BodyTemplate::new("m", &Map::new());
        assert_eq!(open.estimate_tokens(&[], &Map::new()), OUTPUT_TOKENS_GUESS);
    }
}
