//! Prompts: texts, conversations, and files with either. Apart because each becomes a task.

use super::source::{Source, ending};
use super::{Imported, PromptfooError, templates};
use serde_json::{Map, Value};
use std::path::Path;

/// A prompt that becomes a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    /// What tests name it by: its label or id, else its text.
    pub(super) label: String,
    /// As promptfoo fills it in.
    pub(super) raw: String,
    /// Role and template of each message, where it is a conversation.
    pub(super) messages: Option<Vec<(String, String)>>,
}

/// Endings of files with prompts that are read; others in a text without blanks are programs or nothing.
const TEXTS: &[&str] = &["txt", "md", "j2", "json", "yaml", "yml"];
const PROGRAMS: &[&str] = &["js", "cjs", "mjs", "ts", "py", "rb", "sh"];

pub(super) fn read(source: &Source, imported: &mut Imported) -> Result<Vec<Prompt>, PromptfooError> {
    let mut prompts = Vec::new();
    match source.root.get("prompts") {
        None => add("{{prompt}}", None, "/prompts", source, imported, &mut prompts)?,
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                one(item, &format!("/prompts/{index}"), source, imported, &mut prompts)?;
            }
        }
        // A map from files to labels.
        Some(Value::Object(map)) => {
            for (text, label) in map {
                add(text, label.as_str(), "/prompts", source, imported, &mut prompts)?;
            }
        }
        Some(other) => one(other, "/prompts", source, imported, &mut prompts)?,
    }
    if prompts.is_empty() {
        return Err(PromptfooError::Config {
            place: source.place("/prompts"),
            message: "no prompt can be carried over".to_owned(),
            hint: "write prompts as texts or as files of texts".to_owned(),
        });
    }
    Ok(prompts)
}

fn one(
    item: &Value,
    pointer: &str,
    source: &Source,
    imported: &mut Imported,
    prompts: &mut Vec<Prompt>,
) -> Result<(), PromptfooError> {
    match item {
        Value::String(text) => add(text, None, pointer, source, imported, prompts),
        Value::Object(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            if map.contains_key("config") {
                imported.leave_out(
                    &source.place(pointer),
                    "prompts.config",
                    "parameters belong to targets; write them there",
                );
            }
            let Some(raw) = text("raw").or_else(|| text("id")) else {
                imported.leave_out(
                    &source.place(pointer),
                    "prompts",
                    "a prompt without `raw` or `id`",
                );
                return Ok(());
            };
            let label = text("label").or_else(|| text("id"));
            add(raw, label, pointer, source, imported, prompts)
        }
        _ => {
            imported.leave_out(
                &source.place(pointer),
                "prompts",
                "a prompt is neither a text nor a map",
            );
            Ok(())
        }
    }
}

fn add(
    text: &str,
    label: Option<&str>,
    pointer: &str,
    source: &Source,
    imported: &mut Imported,
    prompts: &mut Vec<Prompt>,
) -> Result<(), PromptfooError> {
    let place = source.place(pointer);
    let bare = text.strip_prefix("file://").unwrap_or(text);
    let kind = ending(Path::new(bare.split(':').next().unwrap_or(bare)));
    let is_program = PROGRAMS.contains(&kind.as_str());
    let one_word = !text.contains(char::is_whitespace) && !templates::is_template(text);
    let is_file = text.starts_with("file://") || (one_word && (TEXTS.contains(&kind.as_str()) || is_program));
    if text.starts_with("exec:") || (is_file && is_program) {
        imported.leave_out(
            &place,
            "prompts",
            "the prompt is a program, which is not run here",
        );
        return Ok(());
    }
    if ["langfuse://", "portkey://", "helicone://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        imported.leave_out(
            &place,
            "prompts",
            "the prompt lies with a service, which is not asked",
        );
        return Ok(());
    }
    if !is_file {
        push(text, label.unwrap_or(text), &place, imported, prompts);
        return Ok(());
    }
    for file in source.matches(text) {
        let (_, content) = source.text_of(&file)?;
        let is_text = !matches!(kind.as_str(), "json" | "yaml" | "yml");
        let parts: Vec<&str> = if is_text {
            let parts = content
                .split("\n---\n")
                .map(str::trim)
                .filter(|part| !part.is_empty());
            parts.collect()
        } else {
            vec![content.trim()]
        };
        for (index, part) in parts.iter().enumerate() {
            let own = if parts.len() > 1 {
                format!("{file}-{}", index + 1)
            } else {
                file.clone()
            };
            push(part, label.unwrap_or(&own), &place, imported, prompts);
        }
    }
    Ok(())
}

fn push(raw: &str, label: &str, place: &str, imported: &mut Imported, prompts: &mut Vec<Prompt>) {
    if templates::variables(raw).is_none() {
        imported.leave_out(
            place,
            "prompts",
            "the template is not understood: it uses what only Nunjucks has",
        );
        return;
    }
    prompts.push(Prompt {
        label: label.to_owned(),
        raw: raw.to_owned(),
        messages: conversation(raw),
    });
}

/// Messages of a prompt that is a list of them, as JSON or YAML.
fn conversation(raw: &str) -> Option<Vec<(String, String)>> {
    let start = raw.trim_start();
    if !start.starts_with(['[', '-']) {
        return None;
    }
    let value = serde_json::from_str(raw)
        .ok()
        .or_else(|| seatrial_config::load_yaml_value(raw, Path::new("prompt")).ok())?;
    let Value::Array(items) = value else { return None };
    let message = |item: &Value| -> Option<(String, String)> {
        let map: &Map<String, Value> = item.as_object()?;
        let role = map.get("role")?.as_str()?;
        let role = if role == "developer" { "system" } else { role };
        matches!(role, "system" | "user" | "assistant").then_some(())?;
        Some((role.to_owned(), map.get("content")?.as_str()?.to_owned()))
    };
    items
        .iter()
        .map(message)
        .collect::<Option<Vec<_>>>()
        .filter(|messages| !messages.is_empty())
}

/// Whether a test that names these prompts is for this one; `group:*` names all that begin so.
pub(super) fn is_named(prompt: &Prompt, names: &[String]) -> bool {
    names.iter().any(|name| match name.strip_suffix('*') {
        Some(start) => prompt.label.starts_with(start),
        None => prompt.label == *name || prompt.label.starts_with(&format!("{name}:")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects conversations, in both forms, and texts that only look like one.
    #[test]
    fn conversations_are_recognised() {
        let both = Some(vec![
            ("system".to_owned(), "Be {{ tone }}.".to_owned()),
            ("user".to_owned(), "{{ q }}".to_owned()),
        ]);
        let json =
            r#"[{"role": "system", "content": "Be {{ tone }}."}, {"role": "user", "content": "{{ q }}"}]"#;
        assert_eq!(conversation(json), both);
        let yaml = "- role: system\n  content: Be {{ tone }}.\n- role: user\n  content: '{{ q }}'\n";
        assert_eq!(conversation(yaml), both);
        assert_eq!(conversation("- a list\n- of points"), None);
        assert_eq!(conversation("[x] done"), None);
    }
}
