//! Which model gives the vectors of `similar`. Apart from the targets, because a grader is named in other places and by
//! other rules than a provider that is tested.

use super::providers::COMPATIBLE;
use super::{EMBEDDINGS, Imported};
use serde_json::{Map, Value, json};

/// What promptfoo asks where nobody names a model.
const DEFAULT: &str = "openai:embedding:text-embedding-3-large";
/// Keys of a provider's `config` that say where to ask and with which key.
const WHERE: [&str; 4] = ["apiKey", "apiKeyEnvar", "apiBaseUrl", "apiHost"];

/// A grader's id and options.
type Grader<'a> = (&'a str, Option<&'a Map<String, Value>>);

/// Makes sure that the suite has the model that `grader` names, and that it is the only one: a suite's checks ask one.
///
/// # Errors
/// Why a check that needs it cannot be carried over.
pub(super) fn note(grader: Option<&Value>, place: &str, imported: &mut Imported) -> Result<(), String> {
    let default = json!(DEFAULT);
    let (id, config) = named(grader.unwrap_or(&default))?;
    let model = model(id, config)?;
    match &imported.embeddings {
        Some(known) if *known != model => {
            return Err(format!(
                "its vectors come from `{id}`, those of checks before it from another model, and the checks of a suite \
                 ask one"
            ));
        }
        Some(_) => return Ok(()),
        None => imported.embeddings = Some(model),
    }
    if config.is_some_and(|config| config.contains_key("apiKey")) {
        let why = format!("keys do not belong into a file; export the variable of the model `{EMBEDDINGS}`");
        imported.leave_out(place, "provider.config.apiKey", why);
    }
    Ok(())
}

/// Id and options of a grader: an id, `{embedding: …}`, or `{id, config}`.
fn named(grader: &Value) -> Result<Grader<'_>, String> {
    match grader {
        Value::String(id) => Ok((id, None)),
        Value::Object(map) => match (map.get("embedding"), map.get("id").and_then(Value::as_str)) {
            // Only one level is defined, and recursion is bounded by it.
            (Some(Value::String(id)), _) => Ok((id, None)),
            (Some(Value::Object(inner)), _) => match inner.get("id").and_then(Value::as_str) {
                Some(id) => Ok((id, inner.get("config").and_then(Value::as_object))),
                None => Err("its provider of embeddings has no `id`".to_owned()),
            },
            (_, Some(id)) => Ok((id, map.get("config").and_then(Value::as_object))),
            _ => Err("its provider says nothing of embeddings".to_owned()),
        },
        _ => Err("its provider is neither a name nor a map".to_owned()),
    }
}

/// The keys of an entry of `models:`.
fn model(id: &str, config: Option<&Map<String, Value>>) -> Result<Map<String, Value>, String> {
    let mut parts = id.splitn(3, ':');
    let parts = (parts.next(), parts.next(), parts.next());
    let (Some(service), Some("embedding" | "embeddings"), Some(model)) = parts else {
        return Err(format!("`{id}` is no model of embeddings that can be asked here"));
    };
    let Some((_, address, variable)) = COMPATIBLE.iter().find(|(prefix, ..)| *prefix == service) else {
        return Err(format!("`{id}` has no counterpart here"));
    };
    let none = Map::new();
    let config = config.unwrap_or(&none);
    if let Some(other) = config.keys().find(|key| !WHERE.contains(&key.as_str())) {
        return Err(format!("the option `{other}` of `{id}` has no counterpart here"));
    }
    let text = |key: &str| config.get(key).and_then(Value::as_str);
    let host = text("apiHost").map(|host| format!("https://{host}/v1"));
    let own = text("apiBaseUrl").map(str::to_owned).or(host);
    let address = own.as_deref().unwrap_or(address);
    Ok(Map::from_iter([
        ("provider".to_owned(), json!("openai")),
        ("api".to_owned(), json!("embeddings")),
        ("base_url".to_owned(), json!(address.trim_end_matches('/'))),
        ("model".to_owned(), json!(model)),
        (
            "api_key_env".to_owned(),
            json!(text("apiKeyEnvar").unwrap_or(variable)),
        ),
    ]))
}
