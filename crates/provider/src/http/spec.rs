//! What a suite says of a JSON endpoint, compiled; and bodies made from it. Apart from reading answers.
//!
//! A body is a JSON tree whose texts are templates. A text that is one expression, `"{{ messages }}"`, becomes that
//! value, so that lists and numbers can be put anywhere; any other text stays a text. A body that is a text as a whole
//! must come out as JSON.

use crate::body::push_string;
use crate::image;
use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use seatrial_types::{Message, ModelRequest, Role};
use serde_json::{Map, Value};

/// Steps that one template of a body may take.
const FUEL_MAX: u64 = 1_000_000;

/// Longest body that templates may produce, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How a JSON endpoint is asked, and where its answers hold what is looked for; places are JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JsonSpec {
    /// Method, such as `POST`.
    pub method: String,
    /// Body with templates in its texts; `None` sends none.
    pub body: Option<Value>,
    /// Where the answer's text is.
    pub answer: String,
    /// Where the number of prompt tokens is.
    pub usage_input: Option<String>,
    /// Where the number of generated tokens is.
    pub usage_output: Option<String>,
    /// Where the reason of the end is.
    pub finish_reason: Option<String>,
    /// Where the name of the model that answered is.
    pub model: Option<String>,
    /// How a stream of server-sent events is read; `None` where the endpoint sends none.
    pub stream: Option<JsonStreamSpec>,
}

/// How a stream of server-sent events is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonStreamSpec {
    /// Where in each event the next piece of text is.
    pub delta: String,
    /// Data of the last event; `None` where the stream just ends.
    pub done: Option<String>,
}

/// A JSON endpoint, ready to be asked.
#[derive(Debug)]
pub struct JsonApi {
    environment: Environment<'static>,
    body: Option<Node>,
    pub(crate) method: hyper::Method,
    pub(crate) answer: String,
    pub(crate) usage_input: Option<String>,
    pub(crate) usage_output: Option<String>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) stream: Option<JsonStreamSpec>,
}

/// A part of a body.
#[derive(Debug)]
enum Node {
    /// JSON that never changes.
    Fixed(String),
    /// A template whose result is a JSON text.
    Text(String),
    /// A template whose result is JSON.
    Json(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Why a description of an endpoint cannot be used. `key` is the part of it that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct JsonApiError {
    /// The part that is wrong.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl JsonApi {
    /// Compiles templates and checks pointers.
    pub fn try_new(spec: JsonSpec) -> Result<Self, JsonApiError> {
        let wrong = |key, problem: String| JsonApiError { key, problem };
        let method = spec.method.parse().map_err(|_| {
            wrong(
                "method",
                format!("is `{}`, expected a method such as POST", spec.method),
            )
        })?;
        let delta = spec.stream.as_ref().map(|stream| stream.delta.clone());
        for (key, pointer) in [
            ("answer", Some(&spec.answer)),
            ("usage_input", spec.usage_input.as_ref()),
            ("usage_output", spec.usage_output.as_ref()),
            ("finish_reason", spec.finish_reason.as_ref()),
            ("answer_model", spec.model.as_ref()),
            ("stream", delta.as_ref()),
        ] {
            if let Some(pointer) = pointer
                && !pointer.is_empty()
                && !pointer.starts_with('/')
            {
                let problem = format!("is `{pointer}`, expected a JSON pointer such as /choices/0/text");
                return Err(wrong(key, problem));
            }
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL_MAX));
        // The engine's own writes what is undefined as `null`, a hole in the body that nobody would see.
        environment.add_filter("tojson", to_json);
        let mut templates = 0;
        let body = match spec.body {
            None => None,
            Some(Value::String(text)) => {
                let template = expression(&text).unwrap_or(text);
                Some(Node::Json(add(&mut environment, &mut templates, template)?))
            }
            Some(tree) => Some(compile(tree, &mut environment, &mut templates)?),
        };
        Ok(Self {
            environment,
            body,
            method,
            answer: spec.answer,
            usage_input: spec.usage_input,
            usage_output: spec.usage_output,
            finish_reason: spec.finish_reason,
            model: spec.model,
            stream: spec.stream,
        })
    }

    /// The body of a request with these parameters. The error reads as the message of a prompt that cannot be built.
    pub(crate) fn fill(
        &self,
        request: &ModelRequest,
        params: &Map<String, Value>,
    ) -> Result<Vec<u8>, String> {
        let Some(body) = &self.body else {
            return Ok(Vec::new());
        };
        let variables = variables(request, params)?;
        let mut json = Vec::new();
        self.write(&mut json, body, &variables)?;
        if json.len() > BODY_BYTES_MAX {
            return Err(format!("the body has more than {BODY_BYTES_MAX} bytes"));
        }
        Ok(json)
    }

    fn write(&self, json: &mut Vec<u8>, node: &Node, variables: &minijinja::Value) -> Result<(), String> {
        match node {
            Node::Fixed(fixed) => json.extend_from_slice(fixed.as_bytes()),
            Node::Text(name) => push_string(json, &self.render(name, variables)?),
            Node::Json(name) => {
                let text = self.render(name, variables)?;
                serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| {
                    format!("the body is not JSON: {error}; hint: use the filter `tojson`")
                })?;
                json.extend_from_slice(text.as_bytes());
            }
            Node::List(nodes) => {
                json.push(b'[');
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    self.write(json, node, variables)?;
                }
                json.push(b']');
            }
            Node::Map(entries) => {
                json.push(b'{');
                for (index, (key, node)) in entries.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    push_string(json, key);
                    json.push(b':');
                    self.write(json, node, variables)?;
                }
                json.push(b'}');
            }
        }
        Ok(())
    }

    fn render(&self, name: &str, variables: &minijinja::Value) -> Result<String, String> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(variables))
            .map_err(|error| format!("failed to fill the body: {}", describe(&error)))
    }
}

/// A message as a template sees it; a server cannot open our files, so an image is an address or a `data:` one.
fn message(message: &Message) -> Result<Value, String> {
    let mut object = message.told();
    if !message.images.is_empty() {
        let images: Result<Vec<String>, String> = message.images.iter().map(image::address).collect();
        object.insert("images".to_owned(), images?.into());
    }
    Ok(object.into())
}

/// What templates may use: the conversation, the target's parameters, and the case.
fn variables(request: &ModelRequest, params: &Map<String, Value>) -> Result<minijinja::Value, String> {
    let messages: Result<Vec<Value>, String> = request.messages.iter().map(message).collect();
    let messages = messages?;
    let text_of = |role: Role| {
        let found = request.messages.iter().rev().find(|message| message.role == role);
        found.map_or("", |message| message.content.as_str())
    };
    Ok(context! {
        messages => minijinja::Value::from(Serde(&messages)),
        prompt => text_of(Role::User),
        system => text_of(Role::System),
        params => minijinja::Value::from(Serde(params)),
        columns => minijinja::Value::from(Serde(&*request.columns)),
        id => request.case_id.as_deref(),
        epoch => request.epoch,
    })
}

fn compile(
    tree: Value,
    environment: &mut Environment<'static>,
    templates: &mut usize,
) -> Result<Node, JsonApiError> {
    Ok(match tree {
        Value::String(text) if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") => {
            Node::Fixed(Value::String(text).to_string())
        }
        Value::String(text) => match expression(&text) {
            Some(template) => Node::Json(add(environment, templates, template)?),
            None => Node::Text(add(environment, templates, text)?),
        },
        Value::Array(items) => Node::List(
            items
                .into_iter()
                .map(|item| compile(item, environment, templates))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(map) => Node::Map(
            map.into_iter()
                .map(|(key, value)| Ok((key, compile(value, environment, templates)?)))
                .collect::<Result<_, _>>()?,
        ),
        fixed => Node::Fixed(fixed.to_string()),
    })
}

/// A value as JSON; one that is undefined is an error.
fn to_json(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    if value.is_undefined() {
        return Err(minijinja::Error::new(
            ErrorKind::UndefinedError,
            "nothing to write as JSON",
        ));
    }
    serde_json::to_string(value)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// For a text that is one expression: the template that writes its value as JSON.
fn expression(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let is_one = !inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%");
    is_one.then(|| format!("{{{{ ({}) | tojson }}}}", inner.trim_matches('-').trim()))
}

fn add(
    environment: &mut Environment<'static>,
    templates: &mut usize,
    template: String,
) -> Result<String, JsonApiError> {
    let name = templates.to_string();
    *templates += 1;
    environment
        .add_template_owned(name.clone(), template)
        .map_err(|error| JsonApiError {
            key: "body",
            problem: format!("is not a valid template: {}", describe(&error)),
        })?;
    Ok(name)
}

fn describe(error: &minijinja::Error) -> String {
    let kind = error.kind().to_string();
    match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::{ContentHash, Image, ToolCall};
    use serde_json::json;
    use std::sync::Arc;

    fn api(body: Value) -> Result<JsonApi, JsonApiError> {
        JsonApi::try_new(JsonSpec {
            method: "POST".to_owned(),
            body: Some(body),
            answer: "/text".to_owned(),
            ..JsonSpec::default()
        })
    }

    fn request() -> ModelRequest {
        let columns = json!({"question": "a \"b\"?", "tags": ["x", 1]});
        ModelRequest {
            messages: vec![
                Message::new(Role::System, "Be brief."),
                Message::new(Role::User, "Ü\n?"),
            ],
            case_id: Some("c-1".into()),
            columns: Arc::new(columns.as_object().unwrap().clone()),
            epoch: 2,
            ..ModelRequest::default()
        }
    }

    fn filled(body: Value) -> Result<Value, String> {
        let params = json!({"temperature": 0.5});
        let json = api(body).unwrap().fill(&request(), params.as_object().unwrap())?;
        Ok(serde_json::from_slice(&json).unwrap())
    }

    /// Protects bodies: expressions keep their kind, texts are escaped, keys and fixed parts stay as they are.
    #[test]
    fn fills_trees_and_texts() {
        let body = json!({
            "q": "{{ prompt }}", "said": "{{ system }} {{ columns.question }}", "all": "{{ messages }}",
            "t": "{{ params.temperature }}", "tags": ["{{ columns.tags[1] }}", "{{columns.tags}}"],
            "id": "{{ id }}", "epoch": "{{ epoch }}", "{{ key }}": null, "fixed": [1, true, "a}b"]
        });
        let expected = json!({
            "q": "Ü\n?", "said": "Be brief. a \"b\"?",
            "all": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Ü\n?"}],
            "t": 0.5, "tags": [1, ["x", 1]], "id": "c-1", "epoch": 2, "{{ key }}": null, "fixed": [1, true, "a}b"]
        });
        assert_eq!(filled(body).unwrap(), expected);
        let text = r#"{"q": {{ prompt | tojson }}, "n": {{ 1 + 1 }}}"#;
        assert_eq!(filled(json!(text)).unwrap(), json!({"q": "Ü\n?", "n": 2}));
        assert_eq!(
            filled(json!("{{ messages }}")).unwrap().as_array().unwrap().len(),
            2
        );
    }

    /// Protects conversations with images and tools: nothing of a message is left out on the way to an endpoint.
    #[test]
    fn tells_images_and_tools() {
        let mut shown = Message::new(Role::User, "What is it?");
        shown.images = vec![
            Image {
                source: "cat.png".to_owned(),
                media_type: Some("image/png".to_owned()),
                hash: Some(ContentHash::of(b"cat")),
                bytes: Some(b"cat".as_slice().into()),
            },
            Image {
                source: "https://example.org/a.png".to_owned(),
                media_type: None,
                hash: None,
                bytes: None,
            },
        ];
        let mut asked = Message::new(Role::Assistant, "");
        asked.tool_calls = vec![ToolCall {
            id: "t1".to_owned(),
            name: "look".to_owned(),
            arguments: "{\"at\":1}".to_owned(),
        }];
        let mut answered = Message::new(Role::Tool, "a cat");
        answered.tool_call_id = Some("t1".to_owned());
        let mut request = ModelRequest {
            messages: vec![shown, asked, answered],
            ..ModelRequest::default()
        };
        let api = api(json!({"all": "{{ messages }}"})).unwrap();
        let body: Value = serde_json::from_slice(&api.fill(&request, &Map::new()).unwrap()).unwrap();
        let expected = json!([
            {"role": "user", "content": "What is it?", "images": ["data:image/png;base64,Y2F0", "https://example.org/a.png"]},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "t1", "name": "look", "arguments": "{\"at\":1}"}]},
            {"role": "tool", "content": "a cat", "tool_call_id": "t1"}
        ]);
        assert_eq!(body["all"], expected);

        request.messages[0].images[0].bytes = None;
        let problem = api.fill(&request, &Map::new()).unwrap_err();
        assert!(problem.contains("`cat.png`"), "{problem}");
    }

    /// Protects people from holes and from bodies that no server can read.
    #[test]
    fn refuses_holes_and_broken_json() {
        assert!(
            filled(json!({"q": "{{ columns.missing }}"}))
                .unwrap_err()
                .contains("undefined")
        );
        assert!(
            filled(json!({"q": "{{ nothing }} x"}))
                .unwrap_err()
                .contains("undefined")
        );
        assert!(
            filled(json!("{\"q\": {{ prompt }}}"))
                .unwrap_err()
                .contains("tojson")
        );
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert!(filled(json!({"q": endless})).is_err());
        assert_eq!(api(json!({"q": ["{{ x"]})).unwrap_err().key, "body");
        let spec = |answer: &str, method: &str| JsonSpec {
            method: method.to_owned(),
            answer: answer.to_owned(),
            ..JsonSpec::default()
        };
        assert_eq!(JsonApi::try_new(spec("text", "POST")).unwrap_err().key, "answer");
        assert_eq!(
            JsonApi::try_new(spec("/text", "PO ST")).unwrap_err().key,
            "method"
        );
    }
}
