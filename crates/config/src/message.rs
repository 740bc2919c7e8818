//! Conversations of tasks: from checked maps to templates of messages. Apart from the rest of a task, because which
//! role may carry what is a small grammar of its own.

use crate::diagnostics::shown;
use crate::plan::{ImageTemplates, MessageTemplate, Prompt, ToolCallTemplate};
use crate::suite::Reader;
use crate::yaml::Node;
use seatrial_types::Role;

/// The conversation that a task writes, in whichever of the three ways. `None` where something was reported.
pub(crate) fn lower_prompt(task: &Node, reader: &mut Reader<'_>) -> Option<Prompt> {
    let system = task.text("system").map(str::to_owned);
    if let Some(messages) = task.get("messages") {
        let lowered: Vec<_> = messages
            .items()
            .iter()
            .map(|message| lower_message(message, reader))
            .collect();
        check_tool_results(messages, reader);
        let messages: Option<Vec<_>> = lowered.into_iter().collect();
        return Some(Prompt::Messages {
            messages: messages.filter(|messages| !messages.is_empty())?,
        });
    }
    let Some(prompt) = task.get("prompt") else {
        return Some(Prompt::Input { system });
    };
    let system = system.map(|content| MessageTemplate::new(Role::System, content));
    let user = MessageTemplate::new(Role::User, prompt.as_text()?);
    Some(Prompt::Messages {
        messages: system.into_iter().chain([user]).collect(),
    })
}

fn lower_message(message: &Node, reader: &mut Reader<'_>) -> Option<MessageTemplate> {
    let role = match message.text("role")? {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return None,
    };
    let fits = check_role(message, role, reader);
    let sources = message.texts("images");
    let tool_calls: Option<Vec<_>> = message
        .get("tool_calls")
        .map_or(&[][..], Node::items)
        .iter()
        .map(lower_tool_call)
        .collect();
    let lowered = MessageTemplate {
        role,
        content: message.text("content").unwrap_or_default().to_owned(),
        images: if sources.is_empty() {
            ImageTemplates::default()
        } else {
            let folder = reader.resolve(message, "");
            ImageTemplates { folder, sources }
        },
        tool_calls: tool_calls?,
        tool_call_id: message.text("tool_call_id").map(str::to_owned),
    };
    fits.then_some(lowered)
}

fn lower_tool_call(call: &Node) -> Option<ToolCallTemplate> {
    Some(ToolCallTemplate {
        id: call.text("id")?.to_owned(),
        name: call.text("name")?.to_owned(),
        arguments: call.text("arguments").unwrap_or("{}").to_owned(),
    })
}

/// Whether the message carries only what its role may, each misplaced key reported.
fn check_role(message: &Node, role: Role, reader: &mut Reader<'_>) -> bool {
    let word = role.as_str();
    let mut fits = true;
    for (key, owner) in [
        ("images", Role::User),
        ("tool_calls", Role::Assistant),
        ("tool_call_id", Role::Tool),
    ] {
        if let Some(entry) = message.entry(key)
            && role != owner
        {
            let owner = owner.as_str();
            let text = format!("`{key}` belongs to messages of role `{owner}`, but this one is `{word}`");
            let hint = format!("remove `{key}`, or change `role`");
            reader.errors.push(&entry.key.span, text, Some(hint));
            fits = false;
        }
    }
    if role == Role::Tool && message.get("tool_call_id").is_none() {
        let hint = "write the `id` of the call in the assistant's `tool_calls`".to_owned();
        let text = "a message of role `tool` needs `tool_call_id`";
        reader.errors.push(&message.span, text, Some(hint));
        fits = false;
    }
    fits
}

/// Reports results of calls that nobody made before them: every API refuses those.
fn check_tool_results(messages: &Node, reader: &mut Reader<'_>) {
    let mut made: Vec<&str> = Vec::new();
    for message in messages.items() {
        if message.text("role") == Some("tool")
            && let Some(entry) = message.entry("tool_call_id")
            && let Some(id) = entry.value.as_text()
            && !made.contains(&id)
        {
            let hint = if made.is_empty() {
                "write the assistant's message with `tool_calls` before it".to_owned()
            } else {
                format!("calls so far: {}", crate::nearest::list(&made))
            };
            let text = format!("no message before this one makes the call {}", shown(id));
            reader.errors.push(&entry.value.span, text, Some(hint));
        }
        let calls = message.get("tool_calls").map_or(&[][..], Node::items);
        made.extend(calls.iter().filter_map(|call| call.text("id")));
    }
}
