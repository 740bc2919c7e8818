//! From a target of a suite to an endpoint over HTTP: keys and secret headers out of the environment, limits and retries
//! as the provider takes them. Apart from the rest of the wiring, because secrets are read here and nowhere else.

use crate::wiring::{TargetProblem, Wires, split_hint};
use seatrial_config::{CacheMode, Endpoint, Headers, Http, OpenAiApi, Target};
use seatrial_provider::{
    Api, Endpoint as Described, Header, JsonApi, JsonSpec, JsonStreamSpec, Limits, Pressure, Remote,
    RetryPolicy,
};
use seatrial_types::Secret;
use serde_json::Map;
use std::path::PathBuf;
use std::sync::Arc;

/// The caller of a target that is called over HTTP.
///
/// # Errors
/// A key or header that is not in the environment, and what the provider finds wrong with the description.
pub(crate) fn remote(
    target: &Target,
    seed: u64,
    wires: &Wires<'_>,
    pressure: &Arc<Pressure>,
) -> Result<Remote, TargetProblem> {
    let described = described(target, wires, pressure)?;
    Remote::try_new(described, *wires.clock, seed).map_err(|error| {
        let (message, hint) = split_hint(&error.to_string());
        (error.key(), message, hint)
    })
}

/// The endpoint of a target that is called over HTTP, with its key.
///
/// # Errors
/// A key or header that is not in the environment.
pub(crate) fn described(
    target: &Target,
    wires: &Wires<'_>,
    pressure: &Arc<Pressure>,
) -> Result<Described, TargetProblem> {
    let mut described = bare(target, wires, pressure);
    // Where nobody is asked, nobody needs a key.
    let is_asked = wires.cache != CacheMode::ReplayOnly;
    match &target.endpoint {
        Endpoint::OpenAi(openai) => {
            described.api = match openai.api {
                OpenAiApi::Chat => Api::Chat,
                OpenAiApi::Responses => Api::Responses,
                OpenAiApi::Completions => Api::Completions,
                OpenAiApi::Embeddings => Api::Embeddings,
            };
            described.base_url.clone_from(&openai.base_url);
            described.model.clone_from(&openai.model);
            described.key = key(&openai.api_key_env, openai.api_key_required && is_asked)?;
            described.params.clone_from(&openai.params);
            described.headers = headers(&openai.headers)?;
            described.stream = openai.stream;
        }
        Endpoint::Anthropic(anthropic) => {
            described.api = Api::Messages;
            described.base_url.clone_from(&anthropic.base_url);
            described.model.clone_from(&anthropic.model);
            described.key = key(&anthropic.api_key_env, anthropic.api_key_required && is_asked)?;
            described.params.clone_from(&anthropic.params);
            described.headers = headers(&anthropic.headers)?;
            described.stream = anthropic.stream;
        }
        Endpoint::Http(http) => {
            described.api = Api::Json(Arc::new(json_api(http)?));
            described.base_url.clone_from(&http.url);
            described.key = match &http.api_key_env {
                Some(variable) => key(variable, is_asked)?,
                None => None,
            };
            described.params.clone_from(&http.params);
            described.headers = headers(&http.headers)?;
        }
        other => {
            let message = format!("provider `{}` is not called over HTTP", other.provider());
            return Err(("provider", message, None));
        }
    }
    Ok(described)
}

/// What does not depend on the API.
fn bare(target: &Target, wires: &Wires<'_>, pressure: &Arc<Pressure>) -> Described {
    Described {
        name: target.name.clone(),
        api: Api::Chat,
        base_url: String::new(),
        model: String::new(),
        key: None,
        headers: Vec::new(),
        params: Map::new(),
        limits: Limits {
            concurrency: usize::from(target.limits.concurrency.max),
            rpm: target.limits.rpm,
            tpm: target.limits.tpm,
            timeout: target.limits.timeout,
        },
        retry: RetryPolicy {
            attempts_max: target.retry.attempts,
            backoff_first: target.retry.wait_first,
            backoff_max: target.retry.wait_max,
            ..RetryPolicy::default()
        },
        stream: true,
        extra_ca: wires.ca_file.map(PathBuf::from),
        pressure: Arc::clone(pressure),
    }
}

fn json_api(http: &Http) -> Result<JsonApi, TargetProblem> {
    let spec = JsonSpec {
        method: http.method.clone(),
        body: http.body.clone(),
        answer: http.answer.clone(),
        usage_input: http.usage_input.clone(),
        usage_output: http.usage_output.clone(),
        finish_reason: http.finish_reason.clone(),
        model: http.answer_model.clone(),
        stream: http.stream.as_ref().map(|stream| JsonStreamSpec {
            delta: stream.delta.clone(),
            done: stream.done.clone(),
        }),
    };
    JsonApi::try_new(spec).map_err(|error| {
        let (message, hint) = split_hint(&error.to_string());
        (error.key, message, hint)
    })
}

/// Headers of a suite, the secret ones out of the environment.
fn headers(headers: &Headers) -> Result<Vec<Header>, TargetProblem> {
    let plain = headers.plain.iter().map(|(name, value)| {
        Ok(Header {
            name: name.clone(),
            value: Secret::new(value.as_str()),
            is_secret: false,
        })
    });
    let secret = headers.from_env.iter().map(|(name, variable)| {
        Ok(Header {
            name: name.clone(),
            value: variable_value(variable).ok_or_else(|| unset("headers_env", variable))?,
            is_secret: true,
        })
    });
    plain.chain(secret).collect()
}

/// The API key from the environment; it goes into a [`Secret`] at once.
fn key(variable: &str, is_required: bool) -> Result<Option<Secret>, TargetProblem> {
    match variable_value(variable) {
        Some(key) => Ok(Some(key)),
        None if !is_required => Ok(None),
        None => Err(unset("api_key_env", variable)),
    }
}

fn variable_value(variable: &str) -> Option<Secret> {
    let value = std::env::var(variable).ok()?;
    let value = value.trim();
    (!value.is_empty()).then(|| Secret::new(value))
}

fn unset(key: &'static str, variable: &str) -> TargetProblem {
    let hint = match key {
        "api_key_env" => format!("export {variable}=…, or name another variable with `api_key_env`"),
        _ => format!("export {variable}=…, or name another variable"),
    };
    (
        key,
        format!("the environment variable {variable} is not set"),
        Some(hint),
    )
}
