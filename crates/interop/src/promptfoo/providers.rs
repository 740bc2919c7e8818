//! Providers: which endpoint each becomes. Apart because what cannot be carried over here leaves nothing to ask.

use super::assertions::{PLACE_KEY, place_of};
use super::source::Source;
use super::{Imported, PromptfooError};
use serde_json::{Map, Value, json};

/// A provider that becomes a target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Provider {
    /// Label, else id.
    pub(super) label: String,
    pub(super) endpoint: Endpoint,
}

/// What a provider asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Endpoint {
    /// The keys of a target beside its name.
    Target(Map<String, Value>),
    /// It answers with the prompt.
    Echo,
}

/// Services that speak OpenAI's chat completions: prefix, address, variable of the key.
pub(super) const COMPATIBLE: &[(&str, &str, &str)] = &[
    ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    ("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    ("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    ("togetherai", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    (
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    ("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    ("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    ("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    ("ollama", "http://localhost:11434/v1", "OLLAMA_API_KEY"),
    ("localai", "http://localhost:8080/v1", "LOCALAI_API_KEY"),
];
/// Parameters that are sent as they are.
const PARAMETERS: &[&str] = &[
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "reasoning_effort",
    "response_format",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
];
/// Parts of a request that have a place of their own here, so that nothing passed through can be one of them.
const OWN_PLACE: &[&str] = &["model", "messages", "stream", "stream_options", PLACE_KEY];
/// Where a target points whose provider cannot be carried over.
const PLACEHOLDER: &str = "http://127.0.0.1:8080/v1";

pub(super) fn read(source: &Source, imported: &mut Imported) -> Result<Vec<Provider>, PromptfooError> {
    let key = if source.root.contains_key("providers") {
        "providers"
    } else {
        "targets"
    };
    let list = source.root.get(key);
    let items: Vec<Value> = match list {
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
        None => {
            return Err(PromptfooError::Config {
                place: source.place(""),
                message: "there are neither `providers` nor `targets`".to_owned(),
                hint: "name at least one provider, such as `providers: [echo]`".to_owned(),
            });
        }
    };
    let is_list = matches!(list, Some(Value::Array(_)));
    let items = items.iter().enumerate();
    let providers = items
        .map(|(index, item)| {
            let pointer = if is_list {
                format!("/{key}/{index}")
            } else {
                format!("/{key}")
            };
            one(item, &source.place(&pointer), source, imported)
        })
        .collect();
    Ok(providers)
}

/// The tools that the providers offer, for checks of calls: those of the only provider that has some, or of several that
/// have the same.
pub(super) fn tools_offered(source: &Source) -> Result<Value, String> {
    let none = Vec::new();
    let list = source
        .root
        .get("providers")
        .or_else(|| source.root.get("targets"));
    let items = list.and_then(Value::as_array).unwrap_or(&none);
    let mut offered: Option<Value> = None;
    for item in items {
        // In the older form `{openai:gpt: {config}}` the options stand one map deeper.
        let maps = std::iter::once(item).chain(item.as_object().into_iter().flat_map(Map::values));
        let configs = maps.filter_map(|map| map.get("config"));
        for config in configs {
            let Some(tools) = config.get("tools").or_else(|| config.get("functions")) else {
                continue;
            };
            let tools = match tools.as_str() {
                Some(reference) => source.data_of(reference).map_err(|error| error.to_string())?,
                None => tools.clone(),
            };
            if offered.as_ref().is_some_and(|before| *before != tools) {
                return Err(
                    "its providers offer different tools, and a check knows only one list".to_owned(),
                );
            }
            offered = Some(tools);
        }
    }
    offered.ok_or_else(|| "no provider of the configuration offers tools".to_owned())
}

fn one(item: &Value, own_place: &str, source: &Source, imported: &mut Imported) -> Provider {
    let none = Map::new();
    let (id, map, place) = match item {
        Value::String(id) => (id.as_str(), &none, own_place.to_owned()),
        Value::Object(map) => match map.get("id").and_then(Value::as_str) {
            Some(id) => (id, map, place_of(map, source)),
            // `{openai:gpt: {config}}` is an older form.
            None => match map.iter().find(|(key, _)| *key != PLACE_KEY) {
                Some((id, Value::Object(inner))) => (id.as_str(), inner, place_of(map, source)),
                _ => ("", map, place_of(map, source)),
            },
        },
        _ => ("", &none, own_place.to_owned()),
    };
    for (key, why) in [
        (
            "transform",
            "answers are checked as they are: the transformation is a program, which is not run here",
        ),
        ("prompts", "every target is asked every prompt"),
        ("delay", "use limits: {rpm: …}"),
        ("env", "set these variables where seatrial runs"),
    ] {
        if map.contains_key(key) {
            imported.leave_out(&place, format!("providers.{key}"), why);
        }
    }
    let config = map.get("config").and_then(Value::as_object).unwrap_or(&none);
    let endpoint = if id == "echo" {
        Endpoint::Echo
    } else {
        Endpoint::Target(target(id, config, &place, imported))
    };
    let label = map.get("label").and_then(Value::as_str).unwrap_or(id);
    Provider {
        label: if label.is_empty() {
            "target".to_owned()
        } else {
            label.to_owned()
        },
        endpoint,
    }
}

fn target(id: &str, config: &Map<String, Value>, place: &str, imported: &mut Imported) -> Map<String, Value> {
    let mut parts = id.splitn(3, ':');
    let (service, second, third) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    if service == "anthropic" {
        return anthropic(id, config, place, imported);
    }
    if let ("anthropic", Some("messages"), Some(model)) = (service, second, third) {
        return anthropic(model, config, place, imported);
    }
    let known = COMPATIBLE.iter().find(|(prefix, ..)| *prefix == service);
    let model = match (second, third) {
        (Some("chat"), Some(model)) => Some(model.to_owned()),
        (
            Some(
                "responses" | "completion" | "completions" | "embedding" | "embeddings" | "image"
                | "realtime" | "assistant" | "moderation",
            ),
            _,
        ) => None,
        (Some(model), None) => Some(model.to_owned()),
        (Some(one), Some(two)) => Some(format!("{one}:{two}")),
        (None, _) => None,
    };
    let (Some((_, address, variable)), Some(model)) = (known, model) else {
        let why = format!(
            "this provider has no counterpart here; point the target at an endpoint instead of {PLACEHOLDER}"
        );
        imported.leave_out(place, format!("provider {id}"), why);
        return placeholder(id);
    };
    let text = |key: &str| config.get(key).and_then(Value::as_str);
    let host = text("apiHost").map(|host| format!("https://{host}/v1"));
    let address = text("apiBaseUrl")
        .map(str::to_owned)
        .or(host)
        .unwrap_or_else(|| (*address).to_owned());
    if config.contains_key("apiKey") {
        imported.leave_out(
            place,
            "providers.config.apiKey",
            format!("keys do not belong into a file; export {variable}"),
        );
    }
    let params = parameters(config, place, imported);
    let mut target = Map::from_iter([
        ("provider".to_owned(), json!("openai")),
        ("base_url".to_owned(), json!(address.trim_end_matches('/'))),
        ("model".to_owned(), json!(model)),
        (
            "api_key_env".to_owned(),
            json!(text("apiKeyEnvar").unwrap_or(variable)),
        ),
    ]);
    if !params.is_empty() {
        target.insert("params".to_owned(), Value::Object(params));
    }
    target
}

/// The messages of Anthropic, which want a limit of tokens; promptfoo's is 1024.
fn anthropic(
    model: &str,
    config: &Map<String, Value>,
    place: &str,
    imported: &mut Imported,
) -> Map<String, Value> {
    let mut params = parameters(config, place, imported);
    params.entry("max_tokens").or_insert_with(|| json!(1024));
    let mut target = Map::from_iter([
        ("provider".to_owned(), json!("anthropic")),
        ("model".to_owned(), json!(model)),
        ("params".to_owned(), Value::Object(params)),
    ]);
    if let Some(variable) = config.get("apiKeyEnvar").and_then(Value::as_str) {
        target.insert("api_key_env".to_owned(), json!(variable));
    }
    target
}

/// Options that are sent as they are; the others are named, unless they say where and with which key.
fn parameters(config: &Map<String, Value>, place: &str, imported: &mut Imported) -> Map<String, Value> {
    let mut params = Map::new();
    for (key, value) in config {
        let is_file = value.as_str().is_some_and(|text| text.starts_with("file://"));
        if PARAMETERS.contains(&key.as_str()) && !is_file {
            params.insert(key.clone(), value.clone());
        } else if let ("passthrough", Value::Object(passed)) = (key.as_str(), value) {
            let own = passed
                .iter()
                .filter(|(key, _)| !OWN_PLACE.contains(&key.as_str()));
            params.extend(own.map(|(key, value)| (key.clone(), value.clone())));
        } else if !["apiKey", "apiKeyEnvar", "apiBaseUrl", "apiHost"].contains(&key.as_str()) {
            let what = format!("providers.config.{key}");
            imported.leave_out(place, what, "the option has no counterpart here");
        }
    }
    params
}

/// A target on loopback, so that the suite is whole and nobody is asked by mistake.
fn placeholder(id: &str) -> Map<String, Value> {
    Map::from_iter([
        ("provider".to_owned(), json!("openai")),
        ("base_url".to_owned(), json!(PLACEHOLDER)),
        (
            "model".to_owned(),
            json!(if id.is_empty() { "model" } else { id }),
        ),
    ])
}
