//! Conversations as Anthropic's messages want them: instructions beside the turns, content in blocks, results of tools
//! as the user's words. Apart from reading answers.

use crate::body::{push_string, push_texts};
use crate::image::{self, Sent};
use seatrial_types::{Image, Message, Role, ToolCall};

/// The instructions: what all messages of role `system` say, wherever they stand. `None` where there are none.
pub(crate) fn system_of(messages: &[Message]) -> Option<String> {
    let texts: Vec<&str> = messages
        .iter()
        .filter(|message| message.role == Role::System && !message.content.is_empty())
        .map(|message| message.content.as_str())
        .collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}

/// The turns, without their brackets. Results of tools that follow one another are one turn: the API wants all results
/// of parallel calls together.
pub(crate) fn write_messages(body: &mut Vec<u8>, messages: &[Message]) -> Result<(), String> {
    let mut turns = messages
        .iter()
        .filter(|message| message.role != Role::System)
        .peekable();
    let mut is_first = true;
    while let Some(message) = turns.next() {
        if !std::mem::take(&mut is_first) {
            body.push(b',');
        }
        if message.role == Role::Tool {
            push_texts(body, &[r#"{"role":"user","content":["#]);
            write_result(body, message);
            while let Some(next) = turns.next_if(|next| next.role == Role::Tool) {
                body.push(b',');
                write_result(body, next);
            }
            push_texts(body, &["]}"]);
        } else {
            write_turn(body, message)?;
        }
    }
    Ok(())
}

fn write_turn(body: &mut Vec<u8>, message: &Message) -> Result<(), String> {
    push_texts(body, &[r#"{"role":""#, message.role.as_str(), r#"","content":"#]);
    if message.images.is_empty() && message.tool_calls.is_empty() {
        push_string(body, &message.content);
        body.push(b'}');
        return Ok(());
    }
    body.push(b'[');
    for image in &message.images {
        write_image(body, image)?;
        body.push(b',');
    }
    if !message.content.is_empty() {
        push_texts(body, &[r#"{"type":"text","text":"#]);
        push_string(body, &message.content);
        push_texts(body, &["},"]);
    }
    for call in &message.tool_calls {
        write_call(body, call)?;
        body.push(b',');
    }
    // The last comma: there is at least one block.
    body.pop();
    push_texts(body, &["]}"]);
    Ok(())
}

fn write_image(body: &mut Vec<u8>, image: &Image) -> Result<(), String> {
    push_texts(body, &[r#"{"type":"image","source":{"#]);
    match image::sent(image)? {
        Sent::Address(address) => {
            push_texts(body, &[r#""type":"url","url":"#]);
            push_string(body, address);
        }
        Sent::Content(media_type, base64) => {
            push_texts(body, &[r#""type":"base64","media_type":"#]);
            push_string(body, media_type);
            push_texts(body, &[r#","data":""#, &base64, r#"""#]);
        }
    }
    push_texts(body, &["}}"]);
    Ok(())
}

/// A call whose arguments go as JSON and not as a text.
fn write_call(body: &mut Vec<u8>, call: &ToolCall) -> Result<(), String> {
    let is_object =
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&call.arguments).is_ok();
    if !is_object {
        return Err(format!(
            "the arguments of tool call `{}` are not a JSON object, which this API wants",
            call.name
        ));
    }
    push_texts(body, &[r#"{"type":"tool_use","id":"#]);
    push_string(body, &call.id);
    push_texts(body, &[r#","name":"#]);
    push_string(body, &call.name);
    push_texts(body, &[r#","input":"#, call.arguments.trim(), "}"]);
    Ok(())
}

fn write_result(body: &mut Vec<u8>, message: &Message) {
    push_texts(body, &[r#"{"type":"tool_result","tool_use_id":"#]);
    push_string(body, message.tool_call_id.as_deref().unwrap_or_default());
    push_texts(body, &[r#","content":"#]);
    push_string(body, &message.content);
    body.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn written(messages: &[Message]) -> Value {
        let mut body = b"[".to_vec();
        write_messages(&mut body, messages).unwrap();
        body.push(b']');
        serde_json::from_slice(&body).unwrap()
    }

    /// Protects conversations on the wire: system lifted out, blocks where there is more than text, results together.
    #[test]
    fn carries_pictures_and_tools() {
        let image = |source: &str, bytes: Option<&[u8]>| Image {
            source: source.to_owned(),
            media_type: bytes.map(|_| "image/png".to_owned()),
            hash: None,
            bytes: bytes.map(Into::into),
        };
        let call = |id: &str, arguments: &str| ToolCall {
            id: id.to_owned(),
            name: "weather".to_owned(),
            arguments: arguments.to_owned(),
        };
        let result = |id: &str| Message {
            tool_call_id: Some(id.to_owned()),
            ..Message::new(Role::Tool, "3 °C")
        };
        let messages = [
            Message::new(Role::System, "Be brief."),
            Message {
                images: vec![
                    image("a.png", Some(b"\x00\xff\x10")),
                    image("https://h/b.png", None),
                ],
                ..Message::new(Role::User, "Where?")
            },
            Message {
                tool_calls: vec![call("c1", r#" {"city": "Ulm"} "#), call("c2", "{}")],
                ..Message::new(Role::Assistant, "")
            },
            result("c1"),
            result("c2"),
            Message::new(Role::System, "Be kind."),
            Message::new(Role::User, "So?"),
        ];
        assert_eq!(system_of(&messages).as_deref(), Some("Be brief.\n\nBe kind."));
        assert_eq!(system_of(&messages[1..2]), None);
        let expected = json!([
            {"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AP8Q"}},
                {"type": "image", "source": {"type": "url", "url": "https://h/b.png"}},
                {"type": "text", "text": "Where?"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Ulm"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "3 °C"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "3 °C"}]},
            {"role": "user", "content": "So?"}
        ]);
        assert_eq!(written(&messages), expected);
        let broken = Message {
            tool_calls: vec![call("c", "[1]")],
            ..Message::new(Role::Assistant, "")
        };
        assert!(
            write_messages(&mut Vec::new(), &[broken])
                .unwrap_err()
                .contains("not a JSON object")
        );
    }
}
