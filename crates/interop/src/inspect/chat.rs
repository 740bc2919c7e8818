//! Messages of an Inspect log in our words. Apart because attachments, parts of content and tool calls are a small
//! language of their own.

use crate::foreign::Tally;
use seatrial_types::{ContentHash, Image, Message, Role, ToolCall};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

const ATTACHMENT: &str = "attachment://";

/// Long texts that a sample keeps once, by hash.
pub(super) type Attachments = HashMap<String, String>;

#[derive(Debug, Deserialize)]
pub(super) struct ChatMessage {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Option<Vec<ChatToolCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ChatToolCall {
    #[serde(default)]
    id: String,
    #[serde(default)]
    function: String,
    #[serde(default)]
    arguments: Value,
}

impl ChatMessage {
    pub(super) const fn content(&self) -> &Value {
        &self.content
    }

    /// Tools that the message asks for.
    pub(super) fn tool_calls(&self) -> Vec<ToolCall> {
        let calls = self.tool_calls.iter().flatten();
        calls
            .map(|call| ToolCall {
                id: call.id.clone(),
                name: call.function.clone(),
                arguments: call.arguments.to_string(),
            })
            .collect()
    }
}

/// A text, looked up where it is kept elsewhere.
pub(super) fn resolve(text: &str, attachments: &Attachments) -> String {
    text.strip_prefix(ATTACHMENT)
        .and_then(|hash| attachments.get(hash))
        .map_or_else(|| text.to_owned(), Clone::clone)
}

/// The text of a content, and its images.
pub(super) fn content(
    content: &Value,
    attachments: &Attachments,
    tally: &mut Tally,
    place: &str,
) -> (String, Vec<Image>) {
    let parts = match content {
        Value::String(text) => return (resolve(text, attachments), Vec::new()),
        Value::Array(parts) => parts,
        Value::Null => return (String::new(), Vec::new()),
        other => return (other.to_string(), Vec::new()),
    };
    let (mut text, mut images) = (String::new(), Vec::new());
    for part in parts {
        let kind = part["type"].as_str().unwrap_or("text");
        let of = |key: &str| part[key].as_str().map(|text| resolve(text, attachments));
        match kind {
            "text" => text.push_str(&of("text").unwrap_or_default()),
            "image" => images.push(image(&of("image").unwrap_or_default())),
            // What the model thought is no part of what it said.
            "reasoning" => {}
            other => tally.add(&format!("content of type `{other}` is left out"), place),
        }
    }
    (text, images)
}

/// An image by its address; one that was written out is known by its hash.
fn image(source: &str) -> Image {
    let inline = source.strip_prefix("data:");
    Image {
        source: if inline.is_some() {
            "data:".to_owned()
        } else {
            source.to_owned()
        },
        media_type: inline
            .and_then(|rest| rest.split([';', ',']).next())
            .map(str::to_owned),
        hash: inline.map(|rest| ContentHash::of(rest.as_bytes())),
        bytes: None,
    }
}

/// A conversation. Inspect's `input` is a text or such a list.
pub(super) fn messages(
    chat: Vec<ChatMessage>,
    attachments: &Attachments,
    tally: &mut Tally,
    place: &str,
) -> Vec<Message> {
    chat.into_iter()
        .map(|message| {
            let role = match message.role.as_str() {
                "system" | "developer" => Role::System,
                "assistant" => Role::Assistant,
                "tool" => Role::Tool,
                _ => Role::User,
            };
            let (content, images) = content(&message.content, attachments, tally, place);
            Message {
                images,
                tool_calls: message.tool_calls(),
                tool_call_id: message.tool_call_id,
                ..Message::new(role, content)
            }
        })
        .collect()
}

/// The conversation that led to the last answer: everything before the last message of the assistant.
pub(super) fn before_last_answer(mut messages: Vec<Message>) -> Vec<Message> {
    if let Some(last) = messages
        .iter()
        .rposition(|message| message.role == Role::Assistant)
    {
        messages.truncate(last);
    }
    messages
}
