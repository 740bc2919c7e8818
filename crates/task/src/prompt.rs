//! Prompt templates: from a case to the messages that are sent. Strict: a variable that the row lacks is an error,
//! never an empty string, because a prompt with a hole in it would be measured as the model's fault.

use crate::image::read_image;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use seatrial_config::MessageTemplate;
use seatrial_types::{Case, Image, Message, Role, ToolCall};
use std::path::PathBuf;

/// Longest prompt that a template may produce, in bytes over all messages.
pub const PROMPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Steps that one template may take: a loop over every choice of a case is far below, a runaway loop far above.
pub const FUEL_MAX: u64 = 1_000_000;

/// Most bytes of all images of one prompt: what fits, written out as base64, into a request that the APIs take.
pub const PROMPT_IMAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Compiled templates of a task.
#[derive(Debug)]
pub struct Prompt {
    environment: Environment<'static>,
    messages: Vec<MessageParts>,
}

/// A message, its templates by their names in the environment.
#[derive(Debug)]
struct MessageParts {
    role: Role,
    content: Content,
    images: Vec<String>,
    image_folder: PathBuf,
    tool_calls: Vec<CallParts>,
    tool_call_id: Option<String>,
}

#[derive(Debug)]
enum Content {
    /// The template of this name.
    Template(String),
    /// The row's `input`, as it is: text of users is not a template.
    Input,
    /// Nothing: the message has images or tool calls alone.
    None,
}

#[derive(Debug)]
struct CallParts {
    id: String,
    name: String,
    arguments: String,
}

/// Why a prompt cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The template has a syntax error.
    #[error("message {message}: template error: {problem}")]
    Syntax {
        /// 1-based message.
        message: usize,
        /// Cause with its line.
        problem: String,
    },
    /// The row does not fit the template.
    #[error("failed to fill the prompt: {0}")]
    Render(String),
    /// The task has no prompt and the row has no `input`.
    #[error("the task has no `prompt` and the row has no `input`")]
    NoInput,
    /// The prompt is too long.
    #[error("the prompt is longer than {} MiB", PROMPT_BYTES_MAX / 1024 / 1024)]
    TooLong,
    /// An image cannot be sent.
    #[error("image `{source_shown}` {problem}")]
    Image {
        /// The path as the template wrote it.
        source_shown: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The images together are too large.
    #[error("the images of the prompt have more than {} MiB together", PROMPT_IMAGE_BYTES_MAX / 1024 / 1024)]
    ImagesTooLarge,
    /// Arguments of a tool call are not JSON.
    #[error("the arguments of tool call `{name}` are not JSON: {problem}")]
    Arguments {
        /// Name of the tool.
        name: String,
        /// What is wrong with them.
        problem: String,
    },
}

impl Prompt {
    /// Compiles the templates of a task.
    pub fn try_new(prompt: &seatrial_config::Prompt) -> Result<Self, PromptError> {
        let mut compiled = Self {
            environment: strict_environment(),
            messages: Vec::new(),
        };
        match prompt {
            seatrial_config::Prompt::Input { system } => {
                if let Some(template) = system {
                    compiled.push(&MessageTemplate::new(Role::System, template))?;
                }
                compiled.messages.push(MessageParts {
                    role: Role::User,
                    content: Content::Input,
                    images: Vec::new(),
                    image_folder: PathBuf::new(),
                    tool_calls: Vec::new(),
                    tool_call_id: None,
                });
            }
            seatrial_config::Prompt::Messages { messages } => {
                for message in messages {
                    compiled.push(message)?;
                }
            }
        }
        Ok(compiled)
    }

    fn push(&mut self, message: &MessageTemplate) -> Result<(), PromptError> {
        let number = self.messages.len();
        let content = if message.content.is_empty() {
            Content::None
        } else {
            Content::Template(self.add(number.to_string(), &message.content)?)
        };
        let mut images = Vec::new();
        for (index, source) in message.images.sources.iter().enumerate() {
            images.push(self.add(format!("{number}/images/{index}"), source)?);
        }
        let mut tool_calls = Vec::new();
        for (index, call) in message.tool_calls.iter().enumerate() {
            tool_calls.push(CallParts {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: self.add(format!("{number}/tool_calls/{index}"), &call.arguments)?,
            });
        }
        self.messages.push(MessageParts {
            role: message.role,
            content,
            images,
            image_folder: message.images.folder.clone(),
            tool_calls,
            tool_call_id: message.tool_call_id.clone(),
        });
        Ok(())
    }

    fn add(&mut self, name: String, template: &str) -> Result<String, PromptError> {
        // The engine strips one trailing newline, as templates in files end with one; a prompt is taken as written.
        let kept = if template.ends_with('\n') {
            format!("{template}\n")
        } else {
            template.to_owned()
        };
        self.environment
            .add_template_owned(name.clone(), kept)
            .map_err(|error| PromptError::Syntax {
                message: self.messages.len() + 1,
                problem: describe(&error),
            })?;
        Ok(name)
    }

    /// The messages for this case. Reads the images that they name.
    pub fn render(&self, case: &Case) -> Result<Vec<Message>, PromptError> {
        let variables = minijinja::Value::from(Serde(&*case.columns));
        let mut messages = Vec::with_capacity(self.messages.len());
        let (mut bytes, mut image_bytes) = (0, 0);
        for parts in &self.messages {
            let content = match &parts.content {
                Content::Input => case.input.clone().ok_or(PromptError::NoInput)?,
                Content::Template(name) => self.fill(name, &variables)?,
                Content::None => String::new(),
            };
            let message = Message {
                images: self.images(parts, &variables)?,
                tool_calls: self.tool_calls(parts, &variables)?,
                tool_call_id: parts.tool_call_id.clone(),
                ..Message::new(parts.role, content)
            };
            bytes += message.content.len();
            bytes += message
                .tool_calls
                .iter()
                .map(|call| call.arguments.len())
                .sum::<usize>();
            if bytes > PROMPT_BYTES_MAX {
                return Err(PromptError::TooLong);
            }
            let content_of = |image: &Image| image.bytes.as_ref().map_or(0, |bytes| bytes.len());
            image_bytes += message.images.iter().map(content_of).sum::<usize>();
            if image_bytes > PROMPT_IMAGE_BYTES_MAX {
                return Err(PromptError::ImagesTooLarge);
            }
            messages.push(message);
        }
        Ok(messages)
    }

    fn fill(&self, name: &str, variables: &minijinja::Value) -> Result<String, PromptError> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(variables))
            .map_err(|error| PromptError::Render(describe(&error)))
    }

    fn images(&self, parts: &MessageParts, variables: &minijinja::Value) -> Result<Vec<Image>, PromptError> {
        let mut images = Vec::with_capacity(parts.images.len());
        for name in &parts.images {
            let source = self.fill(name, variables)?;
            images.extend(read_image(&source, &parts.image_folder)?);
        }
        Ok(images)
    }

    fn tool_calls(
        &self,
        parts: &MessageParts,
        variables: &minijinja::Value,
    ) -> Result<Vec<ToolCall>, PromptError> {
        let mut calls = Vec::with_capacity(parts.tool_calls.len());
        for call in &parts.tool_calls {
            let arguments = self.fill(&call.arguments, variables)?;
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&arguments) {
                return Err(PromptError::Arguments {
                    name: call.name.clone(),
                    problem: error.to_string(),
                });
            }
            calls.push(ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments,
            });
        }
        Ok(calls)
    }
}

/// An environment in which a missing variable is an error and no template runs for ever.
pub(crate) fn strict_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL_MAX));
    environment
}

/// The error in one line, with the names that the template asked for in vain where the engine tells them.
pub(crate) fn describe(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    let detail = error
        .detail()
        .map(|detail| format!(": {detail}"))
        .unwrap_or_default();
    let line = error
        .line()
        .map(|line| format!(" (template line {line})"))
        .unwrap_or_default();
    format!("{kind}{detail}{line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_config::{ImageTemplates, ToolCallTemplate};
    use serde_json::json;

    fn case(columns: serde_json::Value) -> Case {
        let serde_json::Value::Object(columns) = columns else {
            panic!("an object")
        };
        let input = columns
            .get("input")
            .and_then(|input| input.as_str())
            .map(str::to_owned);
        Case {
            id: "1".into(),
            row: 1,
            columns: columns.into(),
            input,
            expected: vec![],
            choices: vec![],
            cluster: None,
        }
    }

    fn templates(messages: &[(Role, &str)]) -> Result<Prompt, PromptError> {
        let messages = messages
            .iter()
            .map(|(role, content)| MessageTemplate::new(*role, *content))
            .collect();
        Prompt::try_new(&seatrial_config::Prompt::Messages { messages })
    }

    /// Protects what is sent: columns fill the template, the input is the prompt where there is none.
    #[test]
    fn renders_columns_and_falls_back_to_input() {
        let prompt = templates(&[(Role::System, "Be {{ tone }}.\n"), (Role::User, "{{ q }}")]).unwrap();
        let messages = prompt
            .render(&case(json!({"tone": "brief", "q": "Ü <b>?"})))
            .unwrap();
        assert_eq!(
            (messages[0].content.as_str(), messages[1].content.as_str()),
            ("Be brief.\n", "Ü <b>?")
        );
        let input = Prompt::try_new(&seatrial_config::Prompt::Input {
            system: Some("{{ tone }}".into()),
        })
        .unwrap();
        let messages = input
            .render(&case(json!({"tone": "brief", "input": "{{ not a template }}"})))
            .unwrap();
        assert_eq!(
            (messages[0].content.as_str(), messages[1].content.as_str()),
            ("brief", "{{ not a template }}")
        );
    }

    /// Protects against prompts with holes.
    #[test]
    fn a_missing_variable_is_an_error() {
        let prompt = templates(&[(Role::User, "{{ question }}")]).unwrap();
        let error = prompt.render(&case(json!({"q": 1}))).unwrap_err().to_string();
        assert!(error.contains("undefined"), "{error}");
        let input = Prompt::try_new(&seatrial_config::Prompt::Input { system: None }).unwrap();
        assert!(matches!(
            input.render(&case(json!({"q": 1}))),
            Err(PromptError::NoInput)
        ));
        assert!(matches!(
            templates(&[(Role::User, "{{ x")]),
            Err(PromptError::Syntax { .. })
        ));
    }

    /// Protects conversations with pictures and tools: every part is a template, paths are relative to their folder,
    /// an image that comes out empty is none, and arguments that are not JSON are found before the first call.
    #[test]
    fn fills_images_and_tool_calls() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.gif"), "GIF89a").unwrap();
        let call = |arguments: &str| MessageTemplate {
            tool_calls: vec![ToolCallTemplate {
                id: "c1".to_owned(),
                name: "weather".to_owned(),
                arguments: arguments.to_owned(),
            }],
            ..MessageTemplate::new(Role::Assistant, "")
        };
        let prompt = |messages| Prompt::try_new(&seatrial_config::Prompt::Messages { messages }).unwrap();
        let picture = MessageTemplate {
            images: ImageTemplates {
                folder: folder.path().to_owned(),
                sources: vec![
                    "{{ file }}.gif".into(),
                    "{{ other }}".into(),
                    "https://h/{{ file }}".into(),
                ],
            },
            ..MessageTemplate::new(Role::User, "Where?")
        };
        let result = MessageTemplate {
            tool_call_id: Some("c1".to_owned()),
            ..MessageTemplate::new(Role::Tool, "{{ degrees }} °C")
        };
        let columns = json!({"file": "a", "other": "", "city": "\"Ulm\"", "degrees": 3});
        let both = prompt(vec![picture, call(r#"{"city": {{ city | tojson }}}"#), result]);
        let messages = both.render(&case(columns.clone())).unwrap();
        let sources: Vec<_> = messages[0]
            .images
            .iter()
            .map(|image| image.source.as_str())
            .collect();
        assert_eq!(sources, ["a.gif", "https://h/a"]);
        assert_eq!(messages[0].images[0].bytes.as_deref(), Some(b"GIF89a".as_slice()));
        assert_eq!(messages[1].tool_calls[0].arguments, r#"{"city": "\"Ulm\""}"#);
        assert_eq!(
            (messages[2].content.as_str(), messages[2].tool_call_id.as_deref()),
            ("3 °C", Some("c1"))
        );

        let missing = both.render(&case(json!({"file": "b", "other": "", "city": "", "degrees": 3})));
        assert!(matches!(missing, Err(PromptError::Image { .. })));
        let broken = prompt(vec![call("{{ city }}x")]).render(&case(columns));
        assert!(matches!(broken, Err(PromptError::Arguments { .. })), "{broken:?}");
    }

    /// Protects the run from a template that never ends.
    #[test]
    fn a_runaway_loop_is_stopped() {
        let prompt = templates(&[(
            Role::User,
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        )]);
        assert!(prompt.unwrap().render(&case(json!({}))).is_err());
    }
}
