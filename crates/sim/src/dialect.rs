//! The APIs that the simulation speaks, and the reading of their requests: whatever they are written in, a request is a
//! model, a conversation and a few wishes. Apart from the chat API, which is read without copying because speed is
//! measured with it; the others are read plainly.

use crate::wire::{ChatRequest, Content, StreamOptions, WireMessage};
use serde_json::Value;
use std::borrow::Cow;

/// An API of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's legacy completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

impl Dialect {
    /// The dialect of a path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        match path {
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/completions" => Some(Self::Completions),
            "/v1/responses" => Some(Self::Responses),
            "/v1/messages" => Some(Self::Messages),
            _ => None,
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// What is wrong, as the body of a 400 says it.
    pub(crate) fn read(self, body: &[u8]) -> Result<ChatRequest<'_>, String> {
        if self == Self::Chat {
            return ChatRequest::parse(body);
        }
        let json: Value =
            serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
        let model = json["model"].as_str().ok_or("model: Field required")?.to_owned();
        let messages = match self {
            Self::Completions => completions_messages(&json)?,
            Self::Responses => responses_messages(&json)?,
            Self::Chat | Self::Messages => anthropic_messages(&json)?,
        };
        if messages.is_empty() {
            return Err("found no message, expected at least one".to_owned());
        }
        let tokens_max = match self {
            Self::Responses => json["max_output_tokens"].as_u64(),
            _ => json["max_tokens"].as_u64(),
        };
        if self == Self::Messages && tokens_max.is_none() {
            return Err("max_tokens: Field required".to_owned());
        }
        // Responses and messages always tell usage; completions are asked for it as chat is.
        let stream_options = match self {
            Self::Completions => json["stream_options"]["include_usage"].as_bool(),
            _ => None,
        };
        Ok(ChatRequest {
            model: Cow::Owned(model),
            messages,
            stream: json["stream"].as_bool(),
            stream_options: stream_options.map(|include_usage| StreamOptions {
                include_usage: Some(include_usage),
            }),
            max_tokens: tokens_max,
            max_completion_tokens: None,
            // Legacy completions ask by a number of alternatives, of which none may be wanted.
            logprobs: (self == Self::Completions).then(|| json["logprobs"].is_u64()),
            always_tells_usage: self != Self::Completions,
        })
    }
}

fn message(role: &str, text: String) -> WireMessage<'static> {
    WireMessage {
        role: Cow::Owned(role.to_owned()),
        content: Content(Cow::Owned(text)),
    }
}

fn completions_messages(json: &Value) -> Result<Vec<WireMessage<'static>>, String> {
    let prompt = match &json["prompt"] {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => return Err("found no `prompt`, expected a text".to_owned()),
    };
    Ok(vec![message("user", prompt)])
}

fn responses_messages(json: &Value) -> Result<Vec<WireMessage<'static>>, String> {
    let mut messages = Vec::new();
    if let Some(instructions) = json["instructions"].as_str() {
        messages.push(message("system", instructions.to_owned()));
    }
    match &json["input"] {
        Value::String(text) => messages.push(message("user", text.clone())),
        Value::Array(items) => {
            for item in items {
                match item["type"].as_str() {
                    Some("function_call") => {
                        messages.push(message("assistant", item["arguments"].to_string()));
                    }
                    Some("function_call_output") => {
                        messages.push(message("tool", text_of(&item["output"])?));
                    }
                    None | Some("message") => {
                        let role = item["role"]
                            .as_str()
                            .ok_or("found an item of `input` without `role`")?;
                        messages.push(message(role, text_of(&item["content"])?));
                    }
                    Some(_) => {}
                }
            }
        }
        _ => return Err("found no `input`, expected a text or a list".to_owned()),
    }
    Ok(messages)
}

fn anthropic_messages(json: &Value) -> Result<Vec<WireMessage<'static>>, String> {
    let mut messages = Vec::new();
    if !json["system"].is_null() {
        messages.push(message("system", text_of(&json["system"])?));
    }
    let given = json["messages"].as_array().ok_or("messages: Field required")?;
    for (index, one) in given.iter().enumerate() {
        let role = one["role"].as_str().unwrap_or_default();
        if !matches!(role, "user" | "assistant") {
            return Err(format!(
                "messages.{index}.role: Input should be 'user' or 'assistant', found `{role}`"
            ));
        }
        messages.push(message(role, text_of(&one["content"])?));
    }
    Ok(messages)
}

/// A text, or a list of blocks whose texts are put together; blocks without one (images, tools) have none here.
fn text_of(content: &Value) -> Result<String, String> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(blocks) => Ok(blocks
            .iter()
            .filter_map(|block| block["text"].as_str().or_else(|| block["content"].as_str()))
            .collect()),
        Value::Null => Ok(String::new()),
        _ => Err("found a content that is neither a text nor a list of blocks".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(dialect: Dialect, body: &Value) -> Result<(String, usize, Option<u64>, bool), String> {
        let body = body.to_string();
        let request = dialect.read(body.as_bytes())?;
        Ok((
            request.prompt().to_owned(),
            request.messages.len(),
            request.tokens_max(),
            request.wants_stream() && request.wants_usage(),
        ))
    }

    /// Protects the reading of requests in each API's own words.
    #[test]
    fn requests_of_every_api_are_read() {
        let completions = json!({"model": "m", "prompt": "Hi", "max_tokens": 5, "stream": true,
            "stream_options": {"include_usage": true}});
        assert_eq!(
            read(Dialect::Completions, &completions).unwrap(),
            ("Hi".into(), 1, Some(5), true)
        );
        let responses = json!({"model": "m", "instructions": "Be brief.", "stream": true, "max_output_tokens": 7, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_image", "image_url": "x"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "3"}]});
        assert_eq!(
            read(Dialect::Responses, &responses).unwrap(),
            ("Hi".into(), 4, Some(7), true)
        );
        assert_eq!(
            read(Dialect::Responses, &json!({"model": "m", "input": "Hi"}))
                .unwrap()
                .0,
            "Hi"
        );
        let messages = json!({"model": "m", "max_tokens": 9, "stream": true, "system": [{"type": "text", "text": "Be brief."}],
            "messages": [{"role": "user", "content": "One"}, {"role": "assistant", "content": "Two"},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Three"}]}]});
        assert_eq!(
            read(Dialect::Messages, &messages).unwrap(),
            ("Three".into(), 4, Some(9), true)
        );
    }

    /// Protects the refusals that a client must be able to show.
    #[test]
    fn wrong_requests_are_refused() {
        for (dialect, body) in [
            (
                Dialect::Messages,
                json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
            ),
            (
                Dialect::Messages,
                json!({"model": "m", "max_tokens": 1, "messages": [{"role": "system", "content": "x"}]}),
            ),
            (
                Dialect::Messages,
                json!({"model": "m", "max_tokens": 1, "messages": []}),
            ),
            (Dialect::Messages, json!({"max_tokens": 1})),
            (Dialect::Responses, json!({"model": "m"})),
            (
                Dialect::Responses,
                json!({"model": "m", "input": [{"content": "x"}]}),
            ),
            (Dialect::Completions, json!({"model": "m", "messages": []})),
        ] {
            assert!(read(dialect, &body).is_err(), "{body}");
        }
    }
}
