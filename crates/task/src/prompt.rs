//! Prompt templates: from a case to the messages that are sent. Strict: a variable that the row lacks is an error,
//! never an empty string, because a prompt with a hole in it would be measured as the model's fault.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use seatrial_types::{Case, Message, Role};

/// Longest prompt that a template may produce, in bytes over all messages.
pub const PROMPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Steps that one template may take: a loop over every choice of a case is far below, a runaway loop far above.
pub const FUEL_MAX: u64 = 1_000_000;

/// Compiled templates of a task, one per message.
#[derive(Debug)]
pub struct Prompt {
    environment: Environment<'static>,
    messages: Vec<(Role, Content)>,
}

#[derive(Debug, Clone, Copy)]
enum Content {
    /// Template number so and so of the environment.
    Template,
    /// The row's `input`, as it is: text of users is not a template.
    Input,
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
}

impl Prompt {
    /// Compiles the templates of a task.
    pub fn try_new(prompt: &seatrial_config::Prompt) -> Result<Self, PromptError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL_MAX));
        let mut compiled = Self {
            environment,
            messages: Vec::new(),
        };
        match prompt {
            seatrial_config::Prompt::Input { system } => {
                if let Some(template) = system {
                    compiled.push_template(Role::System, template)?;
                }
                compiled.messages.push((Role::User, Content::Input));
            }
            seatrial_config::Prompt::Messages { messages } => {
                for message in messages {
                    compiled.push_template(message.role, &message.content)?;
                }
            }
        }
        Ok(compiled)
    }

    fn push_template(&mut self, role: Role, template: &str) -> Result<(), PromptError> {
        let name = self.messages.len().to_string();
        // The engine strips one trailing newline, as templates in files end with one; a prompt is taken as written.
        let kept = if template.ends_with('\n') {
            format!("{template}\n")
        } else {
            template.to_owned()
        };
        self.environment
            .add_template_owned(name, kept)
            .map_err(|error| PromptError::Syntax {
                message: self.messages.len() + 1,
                problem: describe(&error),
            })?;
        self.messages.push((role, Content::Template));
        Ok(())
    }

    /// The messages for this case.
    pub fn render(&self, case: &Case) -> Result<Vec<Message>, PromptError> {
        let variables = minijinja::Value::from(Serde(&*case.columns));
        let mut messages = Vec::with_capacity(self.messages.len());
        let mut bytes = 0;
        for (index, (role, content)) in self.messages.iter().enumerate() {
            let content = match content {
                Content::Input => case.input.clone().ok_or(PromptError::NoInput)?,
                Content::Template => self
                    .environment
                    .get_template(&index.to_string())
                    .and_then(|template| template.render(&variables))
                    .map_err(|error| PromptError::Render(describe(&error)))?,
            };
            bytes += content.len();
            if bytes > PROMPT_BYTES_MAX {
                return Err(PromptError::TooLong);
            }
            messages.push(Message::new(*role, content));
        }
        Ok(messages)
    }
}

/// The error in one line, with the names that the template asked for in vain where the engine tells them.
fn describe(error: &minijinja::Error) -> String {
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
    use seatrial_config::MessageTemplate;
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
            .map(|(role, content)| MessageTemplate {
                role: *role,
                content: (*content).to_owned(),
            })
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
