//! The body of a request. Apart because all of it that does not change between calls is made once.

use crate::anthropic::{MAX_TOKENS_DEFAULT, system_of, write_messages};
use crate::api::Api;
use crate::image::IMAGE_TOKENS_GUESS;
use crate::openai::{input_of, write_chat_message, write_prompt, write_response_items};
use bytes::Bytes;
use seatrial_types::{Message, ModelRequest};
use serde_json::{Map, Value};

/// Tokens set aside for an answer whose length nobody limited; corrected by its usage.
const OUTPUT_TOKENS_GUESS: u64 = 512;

/// The parameter of chat and legacy completions; a target's own wins.
const LOG_PROBABILITIES: &str = "logprobs";

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

    /// The end of a body that asks for it. Only chat and completions must be asked for usage.
    const fn json(self, api: &Api) -> &'static str {
        match (self, api) {
            (Self::Whole, _) | (_, Api::Embeddings | Api::Json(_)) => "}",
            (Self::StreamWithUsage, Api::Chat | Api::Completions) => {
                r#","stream":true,"stream_options":{"include_usage":true}}"#
            }
            (Self::Stream | Self::StreamWithUsage, _) => r#","stream":true}"#,
        }
    }
}

/// A body without its messages.
#[derive(Debug)]
pub(crate) struct BodyTemplate {
    api: Api,
    /// `{"model":"…"`, not yet closed.
    head: String,
    /// `,"temperature":0`: parameters of the target, not yet closed.
    tail: String,
    params: Map<String, Value>,
    output_tokens_max: u64,
}

impl BodyTemplate {
    /// A template for `model` with the target's parameters, none of them [reserved](Api::reserved).
    pub(crate) fn new(api: &Api, model: &str, params: &Map<String, Value>) -> Self {
        let mut params = params.clone();
        if matches!(api, Api::Messages) && !params.contains_key("max_tokens") {
            params.insert("max_tokens".to_owned(), MAX_TOKENS_DEFAULT.into());
        }
        Self {
            api: api.clone(),
            head: format!(r#"{{"model":{}"#, Value::from(model)),
            tail: tail(&params),
            output_tokens_max: output_tokens_max(&params).unwrap_or(OUTPUT_TOKENS_GUESS),
            params,
        }
    }

    /// The body for a request, parameters of the target overridden by the request's own. The error reads as the message
    /// of a prompt that cannot be built.
    pub(crate) fn fill(&self, request: &ModelRequest, shape: Shape) -> Result<Bytes, String> {
        let params = (!request.params.is_empty()).then(|| self.params_with(&request.params));
        if let Api::Json(api) = &self.api {
            return api
                .fill(request, params.as_ref().unwrap_or(&self.params))
                .map(Bytes::from);
        }
        let messages = &request.messages;
        let text_bytes: usize = messages.iter().map(bytes_of).sum();
        let end = shape.json(&self.api);
        let fixed_bytes = self.head.len() + self.tail.len() + end.len();
        let mut body = Vec::with_capacity(fixed_bytes + text_bytes + text_bytes / 8);
        push_texts(&mut body, &[&self.head]);
        self.write_conversation(&mut body, messages)?;
        if request.log_probabilities
            && !params
                .as_ref()
                .unwrap_or(&self.params)
                .contains_key(LOG_PROBABILITIES)
        {
            push_texts(&mut body, &[self.asks_log_probabilities()]);
        }
        match params {
            None => push_texts(&mut body, &[&self.tail]),
            Some(params) => push_texts(&mut body, &[&tail(&params)]),
        }
        push_texts(&mut body, &[end]);
        Ok(Bytes::from(body))
    }

    fn write_conversation(&self, body: &mut Vec<u8>, messages: &[Message]) -> Result<(), String> {
        match &self.api {
            Api::Chat => {
                push_texts(body, &[r#","messages":["#]);
                write_all(body, messages, write_chat_message)?;
            }
            Api::Responses => {
                push_texts(body, &[r#","input":["#]);
                write_all(body, messages, write_response_items)?;
            }
            Api::Messages => {
                if let Some(system) = system_of(messages) {
                    push_texts(body, &[r#","system":"#]);
                    push_string(body, &system);
                }
                push_texts(body, &[r#","messages":["#]);
                write_messages(body, messages)?;
            }
            Api::Completions => {
                push_texts(body, &[r#","prompt":"#]);
                return write_prompt(body, messages);
            }
            Api::Embeddings => {
                push_texts(body, &[r#","input":"#]);
                push_string(body, input_of(messages));
                return Ok(());
            }
            Api::Json(_) => return Ok(()),
        }
        body.push(b']');
        Ok(())
    }

    /// The parameter that asks how probable tokens were; nothing where the API has none.
    const fn asks_log_probabilities(&self) -> &'static str {
        match self.api {
            Api::Chat => r#","logprobs":true"#,
            // A number of alternatives beside the token; servers that imitate OpenAI take 0 for no.
            Api::Completions => r#","logprobs":1"#,
            Api::Responses | Api::Messages | Api::Embeddings | Api::Json(_) => "",
        }
    }

    fn params_with(&self, overrides: &Map<String, Value>) -> Map<String, Value> {
        let mut params = self.params.clone();
        let own = overrides
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        params.extend(own);
        params
    }

    /// About how many tokens a call will use: a quarter of its characters, its images, and the longest answer.
    pub(crate) fn estimate_tokens(&self, request: &ModelRequest) -> u64 {
        let messages = &request.messages;
        let chars: usize = messages
            .iter()
            .map(|message| message.content.chars().count())
            .sum();
        let images: usize = messages.iter().map(|message| message.images.len()).sum();
        let output = match &self.api {
            Api::Embeddings => 0,
            _ => output_tokens_max(&request.params).unwrap_or(self.output_tokens_max),
        };
        (chars as u64 / 4)
            .saturating_add((images as u64).saturating_mul(IMAGE_TOKENS_GUESS))
            .saturating_add(output)
    }
}

/// About how many bytes a message is on the wire.
fn bytes_of(message: &Message) -> usize {
    let image =
        |image: &seatrial_types::Image| image.bytes.as_ref().map_or(0, |bytes| bytes.len() * 4 / 3) + 96;
    let images: usize = message.images.iter().map(image).sum();
    message.content.len() + 48 + images
}

fn write_all(
    body: &mut Vec<u8>,
    messages: &[Message],
    write: impl Fn(&mut Vec<u8>, &Message) -> Result<(), String>,
) -> Result<(), String> {
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write(body, message)?;
    }
    Ok(())
}

fn tail(params: &Map<String, Value>) -> String {
    let mut tail = String::new();
    for (name, value) in params {
        tail.push(',');
        tail.push_str(&Value::from(name.as_str()).to_string());
        tail.push(':');
        tail.push_str(&value.to_string());
    }
    tail
}

/// Writes texts that are JSON already.
pub(crate) fn push_texts(body: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        body.extend_from_slice(text.as_bytes());
    }
}

/// Writes a JSON string: most text needs no escape, and is then copied in one go.
pub(crate) fn push_string(body: &mut Vec<u8>, text: &str) {
    // Writing into a vector cannot fail, and a string is always JSON.
    let written = serde_json::to_writer(&mut *body, text);
    debug_assert!(written.is_ok());
}

fn output_tokens_max(params: &Map<String, Value>) -> Option<u64> {
    ["max_completion_tokens", "max_tokens", "max_output_tokens"]
        .iter()
        .find_map(|name| params.get(*name)?.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::Role;
    use serde_json::json;

    fn params(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => unreachable!(),
        }
    }

    fn request(messages: &[Message], overrides: Value) -> ModelRequest {
        ModelRequest {
            messages: messages.to_vec(),
            params: params(overrides),
            ..ModelRequest::default()
        }
    }

    fn filled(template: &BodyTemplate, request: &ModelRequest, shape: Shape) -> Value {
        serde_json::from_slice(&template.fill(request, shape).unwrap()).unwrap()
    }

    fn conversation() -> [Message; 2] {
        [
            Message::new(Role::System, "be \"brief\"\u{1}\u{1F600}"),
            Message::new(Role::User, ""),
        ]
    }

    /// Protects the wire: the body is the JSON that the API documents, whatever the text, in every shape.
    #[test]
    fn makes_the_documented_json() {
        let given = params(json!({"temperature": 0, "stop": ["a\n"]}));
        let template = BodyTemplate::new(&Api::Chat, "m\"x", &given);
        let messages = conversation();
        let found = filled(&template, &request(&messages, json!({})), Shape::StreamWithUsage);
        let expected = json!({
            "model": "m\"x",
            "messages": [{"role": "system", "content": "be \"brief\"\u{1}\u{1F600}"}, {"role": "user", "content": ""}],
            "temperature": 0, "stop": ["a\n"], "stream": true, "stream_options": {"include_usage": true},
        });
        assert_eq!(found, expected);

        let overrides = json!({"temperature": 0.5, "seed": 3});
        let found = filled(&template, &request(&messages[1..], overrides), Shape::Whole);
        let expected = json!({"model": "m\"x", "messages": [{"role": "user", "content": ""}],
            "temperature": 0.5, "stop": ["a\n"], "seed": 3});
        assert_eq!(found, expected);

        let found = filled(&template, &ModelRequest::default(), Shape::Stream);
        assert_eq!(
            (&found["stream"], found.get("stream_options")),
            (&json!(true), None)
        );
    }

    /// Protects the other APIs' wires: each has its own name for the conversation and its own way to ask for a stream.
    #[test]
    fn makes_the_json_of_each_api() {
        let messages = [
            Message::new(Role::System, "Be brief."),
            Message::new(Role::User, "Hi"),
        ];
        let asked = request(&messages, json!({"top_p": 1}));
        let body = |api: &Api, shape| filled(&BodyTemplate::new(api, "m", &Map::new()), &asked, shape);
        let both = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
        assert_eq!(
            body(&Api::Responses, Shape::StreamWithUsage),
            json!({"model": "m", "input": both, "top_p": 1, "stream": true})
        );
        assert_eq!(
            body(&Api::Completions, Shape::StreamWithUsage),
            json!({"model": "m", "prompt": "Be brief.\n\nHi", "top_p": 1, "stream": true,
                "stream_options": {"include_usage": true}})
        );
        assert_eq!(
            body(&Api::Embeddings, Shape::StreamWithUsage),
            json!({"model": "m", "input": "Hi", "top_p": 1})
        );
        assert_eq!(
            body(&Api::Messages, Shape::StreamWithUsage),
            json!({"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": MAX_TOKENS_DEFAULT, "top_p": 1, "stream": true})
        );
        let limited = BodyTemplate::new(&Api::Messages, "m", &params(json!({"max_tokens": 7})));
        assert_eq!(filled(&limited, &asked, Shape::Whole)["max_tokens"], 7);
    }

    /// Protects the token limit's estimate.
    #[test]
    fn estimates_tokens() {
        let message = |text: &str| Message::new(Role::User, text);
        let template = BodyTemplate::new(&Api::Chat, "m", &params(json!({"max_tokens": 100})));
        let messages = [message(&"\u{e9}".repeat(40)), message("abcd")];
        assert_eq!(template.estimate_tokens(&request(&messages, json!({}))), 111);
        let overrides = json!({"max_completion_tokens": 7});
        assert_eq!(template.estimate_tokens(&request(&messages, overrides)), 18);
        let open = BodyTemplate::new(&Api::Chat, "m", &Map::new());
        assert_eq!(
            open.estimate_tokens(&ModelRequest::default()),
            OUTPUT_TOKENS_GUESS
        );
        let embeddings = BodyTemplate::new(&Api::Embeddings, "m", &Map::new());
        assert_eq!(embeddings.estimate_tokens(&request(&messages, json!({}))), 11);
    }
}
