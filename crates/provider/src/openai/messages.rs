//! Conversations as OpenAI's APIs want them. Apart from reading answers, and written without structs: what is sent is
//! what stands here.

use crate::body::{push_string, push_texts};
use crate::image;
use seatrial_types::{Message, Role};

/// One message of chat completions.
pub(crate) fn write_chat_message(body: &mut Vec<u8>, message: &Message) -> Result<(), String> {
    push_texts(body, &[r#"{"role":""#, message.role.as_str(), r#"","#]);
    if let Some(id) = &message.tool_call_id {
        push_texts(body, &[r#""tool_call_id":"#]);
        push_string(body, id);
        body.push(b',');
    }
    push_texts(body, &[r#""content":"#]);
    if !message.images.is_empty() {
        body.push(b'[');
        for image in &message.images {
            push_texts(body, &[r#"{"type":"image_url","image_url":{"url":"#]);
            push_string(body, &image::address(image)?);
            push_texts(body, &["}},"]);
        }
        if message.content.is_empty() {
            // The comma after the last image.
            body.pop();
        } else {
            push_texts(body, &[r#"{"type":"text","text":"#]);
            push_string(body, &message.content);
            body.push(b'}');
        }
        body.push(b']');
    } else if message.content.is_empty() && !message.tool_calls.is_empty() {
        push_texts(body, &["null"]);
    } else {
        push_string(body, &message.content);
    }
    for (index, call) in message.tool_calls.iter().enumerate() {
        let opening = if index == 0 { r#","tool_calls":["# } else { "," };
        push_texts(body, &[opening, r#"{"id":"#]);
        push_string(body, &call.id);
        push_texts(body, &[r#","type":"function","function":{"name":"#]);
        push_string(body, &call.name);
        push_texts(body, &[r#","arguments":"#]);
        push_string(body, &call.arguments);
        push_texts(body, &["}}"]);
    }
    if !message.tool_calls.is_empty() {
        body.push(b']');
    }
    body.push(b'}');
    Ok(())
}

/// The items that a message is in the input of responses: tools are called and answered beside messages, not in them.
pub(crate) fn write_response_items(body: &mut Vec<u8>, message: &Message) -> Result<(), String> {
    if message.role == Role::Tool {
        push_texts(body, &[r#"{"type":"function_call_output","call_id":"#]);
        push_string(body, message.tool_call_id.as_deref().unwrap_or_default());
        push_texts(body, &[r#","output":"#]);
        push_string(body, &message.content);
        body.push(b'}');
        return Ok(());
    }
    let mut is_first = true;
    if !message.content.is_empty() || message.tool_calls.is_empty() {
        write_response_message(body, message)?;
        is_first = false;
    }
    for call in &message.tool_calls {
        let opening = if is_first { "" } else { "," };
        push_texts(body, &[opening, r#"{"type":"function_call","call_id":"#]);
        push_string(body, &call.id);
        push_texts(body, &[r#","name":"#]);
        push_string(body, &call.name);
        push_texts(body, &[r#","arguments":"#]);
        push_string(body, &call.arguments);
        body.push(b'}');
        is_first = false;
    }
    Ok(())
}

fn write_response_message(body: &mut Vec<u8>, message: &Message) -> Result<(), String> {
    push_texts(body, &[r#"{"role":""#, message.role.as_str(), r#"","content":"#]);
    if message.images.is_empty() {
        push_string(body, &message.content);
    } else {
        body.push(b'[');
        for image in &message.images {
            push_texts(body, &[r#"{"type":"input_image","image_url":"#]);
            push_string(body, &image::address(image)?);
            push_texts(body, &["},"]);
        }
        if message.content.is_empty() {
            body.pop();
        } else {
            push_texts(body, &[r#"{"type":"input_text","text":"#]);
            push_string(body, &message.content);
            body.push(b'}');
        }
        body.push(b']');
    }
    body.push(b'}');
    Ok(())
}

/// The prompt of legacy completions: one text, the messages' own with an empty line between them.
pub(crate) fn write_prompt(body: &mut Vec<u8>, messages: &[Message]) -> Result<(), String> {
    let mut texts = Vec::with_capacity(messages.len());
    for message in messages {
        if !message.images.is_empty() || !message.tool_calls.is_empty() || message.role == Role::Tool {
            return Err(
                "legacy completions take text only, no images and no tools; hint: use `api: chat`".to_owned(),
            );
        }
        texts.push(message.content.as_str());
    }
    push_string(body, &texts.join("\n\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{Image, ToolCall};
    use serde_json::{Value, json};

    fn picture(content: &str) -> Message {
        let image = |source: &str, bytes: Option<&[u8]>| Image {
            source: source.to_owned(),
            media_type: bytes.map(|_| "image/png".to_owned()),
            hash: None,
            bytes: bytes.map(Into::into),
        };
        Message {
            images: vec![
                image("a.png", Some(b"\x00\xff\x10")),
                image("https://h/b.png", None),
            ],
            ..Message::new(Role::User, content)
        }
    }

    fn calls(content: &str) -> Message {
        let call = |id: &str| ToolCall {
            id: id.to_owned(),
            name: "weather".to_owned(),
            arguments: r#"{"city":"Ulm"}"#.to_owned(),
        };
        Message {
            tool_calls: vec![call("c1"), call("c2")],
            ..Message::new(Role::Assistant, content)
        }
    }

    fn result() -> Message {
        Message {
            tool_call_id: Some("c1".to_owned()),
            ..Message::new(Role::Tool, "3 °C")
        }
    }

    fn chat(message: &Message) -> Value {
        let mut body = Vec::new();
        write_chat_message(&mut body, message).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn items(message: &Message) -> Value {
        let mut body = b"[".to_vec();
        write_response_items(&mut body, message).unwrap();
        body.push(b']');
        serde_json::from_slice(&body).unwrap()
    }

    /// Protects pictures and tools on the wire of chat completions.
    #[test]
    fn chat_carries_pictures_and_tools() {
        let images = [
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AP8Q"}}),
            json!({"type": "image_url", "image_url": {"url": "https://h/b.png"}}),
        ];
        let text = json!({"type": "text", "text": "What?"});
        assert_eq!(
            chat(&picture("What?")),
            json!({"role": "user", "content": [images[0], images[1], text]})
        );
        assert_eq!(chat(&picture("")), json!({"role": "user", "content": images}));
        let function = json!({"name": "weather", "arguments": "{\"city\":\"Ulm\"}"});
        let call = |id: &str| json!({"id": id, "type": "function", "function": function});
        let expected = json!({"role": "assistant", "content": null, "tool_calls": [call("c1"), call("c2")]});
        assert_eq!(chat(&calls("")), expected);
        assert_eq!(chat(&calls("Let me see."))["content"], "Let me see.");
        let expected = json!({"role": "tool", "tool_call_id": "c1", "content": "3 °C"});
        assert_eq!(chat(&result()), expected);
    }

    /// Protects the same on the wire of responses.
    #[test]
    fn responses_carry_pictures_and_tools() {
        let expected = json!([{"role": "user", "content": [
            {"type": "input_image", "image_url": "data:image/png;base64,AP8Q"},
            {"type": "input_image", "image_url": "https://h/b.png"},
            {"type": "input_text", "text": "What?"}]}]);
        assert_eq!(items(&picture("What?")), expected);
        assert_eq!(items(&picture(""))[0]["content"].as_array().unwrap().len(), 2);
        let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "weather", "arguments": "{\"city\":\"Ulm\"}"});
        assert_eq!(items(&calls("")), json!([call("c1"), call("c2")]));
        let said = json!({"role": "assistant", "content": "Let me see."});
        assert_eq!(
            items(&calls("Let me see.")),
            json!([said, call("c1"), call("c2")])
        );
        assert_eq!(
            items(&result()),
            json!([{"type": "function_call_output", "call_id": "c1", "output": "3 °C"}])
        );
        assert_eq!(
            items(&Message::new(Role::User, "")),
            json!([{"role": "user", "content": ""}])
        );
    }

    /// Protects completions from losing what they cannot carry.
    #[test]
    fn completions_are_text() {
        let mut body = Vec::new();
        let messages = [
            Message::new(Role::System, "Be \"brief\"."),
            Message::new(Role::User, "Hi"),
        ];
        write_prompt(&mut body, &messages).unwrap();
        assert_eq!(body, br#""Be \"brief\".\n\nHi""#);
        for message in [picture(""), calls(""), result()] {
            assert!(write_prompt(&mut Vec::new(), &[message]).is_err());
        }
    }
}
