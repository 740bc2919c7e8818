//! Targets over HTTP: their typed form, and the way to it from a checked map. Apart from other targets, because what is
//! sent where, with which key, is decided here.

use crate::address::Address;
use crate::diagnostics::shown;
use crate::scalar::{Meaning, to_json, to_json_map};
use crate::secrets;
use crate::suite::Reader;
use crate::tables::{
    DEFAULT_ANTHROPIC_KEY_ENV, DEFAULT_ANTHROPIC_URL, DEFAULT_API_KEY_ENV, DEFAULT_BASE_URL,
};
use crate::template;
use crate::yaml::{Data, Node};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// An endpoint that speaks one of OpenAI's APIs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenAi {
    /// Which of them.
    pub api: OpenAiApi,
    /// `http` or `https` address without a trailing slash, query or credentials; the path of the API is added to it.
    pub base_url: String,
    /// Model as the provider names it.
    pub model: String,
    /// Name of the environment variable that holds the key.
    pub api_key_env: String,
    /// Whether a missing key is an error; `false` on loopback, and where a header carries another.
    pub api_key_required: bool,
    /// Request parameters, sent as they are.
    pub params: Map<String, Value>,
    /// Extra headers.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// Whether streams are asked for.
    pub stream: bool,
}

/// One of OpenAI's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenAiApi {
    /// Chat completions.
    Chat,
    /// Responses.
    Responses,
    /// Legacy completions.
    Completions,
    /// Embeddings.
    Embeddings,
}

/// An endpoint that speaks Anthropic's messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Anthropic {
    /// `http` or `https` address without a trailing slash, query or credentials; `/messages` is added to it.
    pub base_url: String,
    /// Model as the provider names it.
    pub model: String,
    /// Name of the environment variable that holds the key.
    pub api_key_env: String,
    /// Whether a missing key is an error; `false` on loopback, and where a header carries another.
    pub api_key_required: bool,
    /// Request parameters, sent as they are.
    pub params: Map<String, Value>,
    /// Extra headers.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
    /// Whether streams are asked for.
    pub stream: bool,
}

/// An endpoint that takes and gives JSON. Places in its answers are JSON pointers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Http {
    /// Whole `http` or `https` address.
    pub url: String,
    /// Method, in capitals.
    pub method: String,
    /// Body with templates in its texts, or a template of JSON; `None` sends none.
    pub body: Option<Value>,
    /// Where the text of the answer is.
    pub answer: String,
    /// Where the number of prompt tokens is.
    pub usage_input: Option<String>,
    /// Where the number of generated tokens is.
    pub usage_output: Option<String>,
    /// Where the reason of the end is.
    pub finish_reason: Option<String>,
    /// Where the name of the model that answered is.
    pub answer_model: Option<String>,
    /// How a stream is read.
    pub stream: Option<HttpStream>,
    /// Name of the environment variable that holds a key, sent as a bearer token.
    pub api_key_env: Option<String>,
    /// Values that the body may use.
    pub params: Map<String, Value>,
    /// Extra headers.
    #[serde(skip_serializing_if = "Headers::is_empty")]
    pub headers: Headers,
}

/// How a stream of server-sent events is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpStream {
    /// Where in each event the next piece of text is.
    pub delta: String,
    /// Data of the last event.
    pub done: Option<String>,
}

/// Extra headers, by their names in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Headers {
    /// With their values.
    pub plain: BTreeMap<String, String>,
    /// With the names of the environment variables that hold their values.
    pub from_env: BTreeMap<String, String>,
}

impl Headers {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.from_env.is_empty()
    }
}

/// Headers that carry keys: their values belong into the environment.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
];

/// Longest name of a header.
const HEADER_NAME_BYTES_MAX: usize = 128;

/// What the provider of a target is called, and where it is asked unless told otherwise.
struct Usual {
    base_url: &'static str,
    api_key_env: &'static str,
    /// Host to which the usual key may go without a word.
    host: &'static str,
}

const OPENAI_USUAL: Usual = Usual {
    base_url: DEFAULT_BASE_URL,
    api_key_env: DEFAULT_API_KEY_ENV,
    host: "openai.com",
};
const ANTHROPIC_USUAL: Usual = Usual {
    base_url: DEFAULT_ANTHROPIC_URL,
    api_key_env: DEFAULT_ANTHROPIC_KEY_ENV,
    host: "anthropic.com",
};

/// What both providers with an API of their own share.
struct Common {
    base_url: String,
    model: String,
    api_key_env: String,
    api_key_required: bool,
    params: Map<String, Value>,
    headers: Headers,
    stream: bool,
}

pub(crate) fn lower_openai(target: &Node, reader: &mut Reader<'_>) -> Option<OpenAi> {
    let (api, reserved): (_, &[&str]) = match target.text("api") {
        Some("responses") => (OpenAiApi::Responses, &["model", "input", "stream"]),
        Some("completions") => (
            OpenAiApi::Completions,
            &["model", "prompt", "stream", "stream_options"],
        ),
        Some("embeddings") => (OpenAiApi::Embeddings, &["model", "input", "stream"]),
        _ => (
            OpenAiApi::Chat,
            &["model", "messages", "stream", "stream_options"],
        ),
    };
    let common = lower_common(target, &OPENAI_USUAL, reserved, reader)?;
    Some(OpenAi {
        api,
        base_url: common.base_url,
        model: common.model,
        api_key_env: common.api_key_env,
        api_key_required: common.api_key_required,
        params: common.params,
        headers: common.headers,
        stream: common.stream,
    })
}

pub(crate) fn lower_anthropic(target: &Node, reader: &mut Reader<'_>) -> Option<Anthropic> {
    let reserved = ["model", "messages", "system", "stream"];
    let common = lower_common(target, &ANTHROPIC_USUAL, &reserved, reader)?;
    if !common.params.contains_key("max_tokens") {
        let at = target
            .entry("params")
            .map_or(&target.span, |entry| &entry.key.span);
        let message =
            "`max_tokens` is not given, which this API wants: 4096 is sent, and longer answers are cut";
        let hint = "write `params: {max_tokens: …}`".to_owned();
        reader.warn(at, message.to_owned(), Some(hint));
    }
    Some(Anthropic {
        base_url: common.base_url,
        model: common.model,
        api_key_env: common.api_key_env,
        api_key_required: common.api_key_required,
        params: common.params,
        headers: common.headers,
        stream: common.stream,
    })
}

fn lower_common(target: &Node, usual: &Usual, reserved: &[&str], reader: &mut Reader<'_>) -> Option<Common> {
    let headers = lower_headers(target, reader);
    let written = target.text("base_url").unwrap_or(usual.base_url);
    let address = Address::parse(written).ok()?;
    let named_key = target.text("api_key_env");
    let at = value_span(target, "base_url");
    // A header that carries a key takes the place of the usual one.
    let has_own_key = headers
        .from_env
        .keys()
        .any(|name| SECRET_HEADERS.contains(&name.as_str()));
    if !address.is_loopback() {
        warn_unencrypted(&address, written, &at, reader);
        let is_usual = address.host == usual.host || address.host.ends_with(&format!(".{}", usual.host));
        if named_key.is_none() && !is_usual && !has_own_key {
            let message = format!(
                "the key in {} will be sent to {}",
                usual.api_key_env,
                shown(&address.host)
            );
            let hint = "name the variable that is meant with `api_key_env`".to_owned();
            reader.warn(&at, message, Some(hint));
        }
    }
    let wants_key = named_key.is_some() || !has_own_key;
    let empty = target.emptied();
    let params = target.get("params").unwrap_or(&empty);
    check_params(params, reserved, reader);
    Some(Common {
        api_key_required: wants_key && !address.is_loopback(),
        base_url: address.url,
        model: target.text("model")?.to_owned(),
        api_key_env: named_key.unwrap_or(usual.api_key_env).to_owned(),
        params: to_json_map(params, &mut reader.errors),
        headers,
        stream: target.get("stream").is_none_or(|stream| !is_false(stream)),
    })
}

pub(crate) fn lower_http(target: &Node, reader: &mut Reader<'_>) -> Option<Http> {
    let headers = lower_headers(target, reader);
    let method = target.text("method").unwrap_or("POST").to_owned();
    check_body(target, &method, reader);
    let written = target.text("url")?;
    let address = Address::parse_whole(written).ok()?;
    if !address.is_loopback() {
        warn_unencrypted(&address, written, &value_span(target, "url"), reader);
    }
    let text = |key: &str| target.text(key).map(str::to_owned);
    let stream = target.get("stream").and_then(|stream| {
        Some(HttpStream {
            delta: stream.text("delta")?.to_owned(),
            done: stream.text("done").map(str::to_owned),
        })
    });
    let empty = target.emptied();
    let params = target.get("params").unwrap_or(&empty);
    Some(Http {
        url: address.url,
        method,
        body: target.get("body").map(|body| to_json(body, &mut reader.errors)),
        answer: text("answer")?,
        usage_input: text("usage_input"),
        usage_output: text("usage_output"),
        finish_reason: text("finish_reason"),
        answer_model: text("answer_model"),
        stream,
        api_key_env: text("api_key_env"),
        params: to_json_map(params, &mut reader.errors),
        headers,
    })
}

fn is_false(node: &Node) -> bool {
    matches!(&node.data, Data::Scalar(scalar) if scalar.meaning() == Meaning::Bool(false))
}

fn value_span(target: &Node, key: &str) -> Range<usize> {
    target
        .entry(key)
        .map_or(&target.span, |entry| &entry.value.span)
        .clone()
}

fn warn_unencrypted(address: &Address, written: &str, at: &Range<usize>, reader: &mut Reader<'_>) {
    if !address.secure {
        let message = format!(
            "{} is not encrypted: prompts, answers and the key can be read on the way",
            shown(written)
        );
        reader.warn(at, message, Some("use https".to_owned()));
    }
}

fn check_params(params: &Node, reserved: &[&str], reader: &mut Reader<'_>) {
    for entry in params.entries() {
        let name = entry.key.text.as_str();
        if reserved.contains(&name) {
            let hint = match name {
                "model" => "write `model` beside `params`",
                "stream" | "stream_options" => "write `stream: true` or `stream: false` beside `params`",
                "system" => "write `system` in the task",
                _ => "write `prompt` or `messages` in the task",
            };
            let message = format!("`{name}` cannot be a request parameter: seatrial sets it itself");
            reader
                .errors
                .push(&entry.key.span, message, Some(hint.to_owned()));
        }
        if name == "n" && entry.value.scalar_text() != Some("1") {
            let message =
                "`n` asks for several answers per call, but only the first is used and all are paid for";
            reader.warn(
                &entry.key.span,
                message.to_owned(),
                Some("remove `n` and set `epochs` in the task".to_owned()),
            );
        }
    }
}

/// The headers of a target; names that cannot be one, and secrets that are written out, are reported.
fn lower_headers(target: &Node, reader: &mut Reader<'_>) -> Headers {
    let mut headers = Headers::default();
    for (key, is_env) in [("headers", false), ("headers_env", true)] {
        for entry in target.get(key).map_or(&[][..], Node::entries) {
            let name = entry.key.text.to_ascii_lowercase();
            let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || name.len() > HEADER_NAME_BYTES_MAX || !name.chars().all(is_token) {
                let message = format!("{} is not the name of a header", shown(&entry.key.text));
                let hint = "names have letters, digits and `-`".to_owned();
                reader.errors.push(&entry.key.span, message, Some(hint));
                continue;
            }
            let Some(value) = entry.value.as_text() else {
                continue;
            };
            let is_secret = SECRET_HEADERS.contains(&name.as_str()) || secrets::looks_like_key(value);
            if !is_env && is_secret {
                let message =
                    format!("the value of header `{name}` is a secret, which does not belong into a suite");
                let hint = format!(
                    "put it into an environment variable and write `headers_env: {{{name}: VARIABLE}}`"
                );
                reader.errors.push(&entry.key.span, message, Some(hint));
                continue;
            }
            if headers.plain.contains_key(&name) || headers.from_env.contains_key(&name) {
                let message = format!("header `{name}` is given twice");
                reader
                    .errors
                    .push(&entry.key.span, message, Some("keep one".to_owned()));
                continue;
            }
            let map = if is_env {
                &mut headers.from_env
            } else {
                &mut headers.plain
            };
            map.insert(name, value.to_owned());
        }
    }
    headers
}

/// Whether there is a body where the method needs one, and whether its templates are any.
fn check_body(target: &Node, method: &str, reader: &mut Reader<'_>) {
    match target.entry("body") {
        None if method != "GET" => {
            let message = format!("a target that is asked with {method} needs `body`");
            let hint =
                "write what the endpoint wants, such as `body: {question: \"{{ prompt }}\"}`".to_owned();
            reader.errors.push(&target.span, message, Some(hint));
        }
        Some(entry) if method == "GET" => {
            let message = "a request with GET has no `body`";
            let hint = "remove it, or change `method`".to_owned();
            reader.errors.push(&entry.key.span, message, Some(hint));
        }
        Some(entry) => check_templates(&entry.value, reader),
        None => {}
    }
}

fn check_templates(node: &Node, reader: &mut Reader<'_>) {
    match &node.data {
        Data::Scalar(scalar) => {
            if node.as_text().is_some() {
                let text = scalar.text.clone();
                template::check(&text, node, &mut reader.errors);
            }
        }
        Data::List(items) => items.iter().for_each(|item| check_templates(item, reader)),
        Data::Map(entries) => entries
            .iter()
            .for_each(|entry| check_templates(&entry.value, reader)),
        Data::Broken => {}
    }
}
