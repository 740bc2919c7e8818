//! From arguments to where requests go and what they are. Apart because everything that can be wrong with an endpoint is
//! said here, before the first request.

use crate::args::{LoadApi, LoadArguments, LoadEndpoint, LoadProvider};
use crate::error::CliError;
use seatrial_load::counted::COUNTED_ANSWERS_BYTES_MAX;
use seatrial_load::words::TokenCounter;
use seatrial_load::{
    AnswerForm, FixedRequests, KeepingAnswers, RequestSource, Target, TlsTarget, make_room_for_files,
};
use seatrial_provider::{
    Api, Blueprint, Endpoint, JsonApi, JsonSpec, JsonStreamSpec, Limits, Pressure, RetryPolicy,
};
use seatrial_types::{Message, ModelRequest, Role, Secret};
use serde_json::{Map, Value};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is asked where nobody says: some thirty tokens, with room for a long answer.
pub(super) const PROMPT: &str = "Tell the story of a ship on its first voyage: the weather, the crew, what breaks, and how they mend it. \
Write in plain sentences and take your time.";
/// Largest body of a request.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// An endpoint that can be asked.
pub(super) struct Asked {
    pub(super) target: Target,
    pub(super) source: Arc<dyn RequestSource>,
    /// Without its query, which may hold a key.
    pub(super) url: String,
    pub(super) model: Option<String>,
    pub(super) api: &'static str,
    /// How its answers are read again when the run is over.
    pub(super) wire: Api,
    /// What counts their tokens then, where a tokenizer was given.
    pub(super) counter: Option<Arc<dyn TokenCounter>>,
    /// For cleaning what a server sends back.
    pub(super) key: Option<Secret>,
    /// When requests are due, where a trace says it.
    pub(super) times: Option<Vec<u64>>,
    /// How many cases of a dataset or task there are, where they are what is asked.
    pub(super) cases: Option<usize>,
    /// Stands for the prompts, whatever model and endpoint they are sent to.
    pub(super) prompts: String,
    /// How long the name took.
    pub(super) resolve: Duration,
}

/// Reads the key, checks the endpoint, resolves its name, makes its requests.
pub(super) fn asked(arguments: &LoadArguments) -> Result<Asked, CliError> {
    asked_of(arguments, &arguments.endpoint)
}

/// The same requests for another endpoint.
pub(super) fn asked_of(arguments: &LoadArguments, given: &LoadEndpoint) -> Result<Asked, CliError> {
    // Before there is a second thread.
    let shape = &arguments.shape;
    make_room_for_files(shape.concurrency.unwrap_or(shape.max_in_flight) as usize);
    if arguments.cases.suite.is_some() {
        return Err(
            CliError::usage("--suite is for one load at a time, and its answers are scored")
                .hint("leave --suite out; --dataset asks the same rows and scores nothing"),
        );
    }
    let (endpoint, form, name) = described(arguments, given)?;
    let blueprint = blueprint_of(&endpoint)?;
    let counter = super::work::counter(arguments)?;
    let (source, times, cases) = source(arguments, &endpoint, &blueprint)?;
    let made = (kept_for_counting(counter.is_some(), source), times);
    let asked = connected(
        endpoint,
        form,
        name,
        made,
        (given.timeout, given.cold, given.model.as_deref()),
    )?;
    let prompts = match cases {
        Some(_) => identity_of_cases(&asked),
        None => asked.prompts.clone(),
    };
    Ok(Asked {
        counter,
        prompts,
        cases,
        ..asked
    })
}

/// Stands for all cases, of which there may be more than prompts that are made.
pub(super) fn identity_of_cases(asked: &Asked) -> String {
    super::identity::prompts_of(
        &*asked.source,
        asked.model.as_deref(),
        super::cases::CASES_MAX as u64,
    )
}

/// The endpoint of the command line, with its key.
pub(super) fn described(
    arguments: &LoadArguments,
    given: &LoadEndpoint,
) -> Result<(Endpoint, AnswerForm, &'static str), CliError> {
    let (api, form, name) = api_of(given)?;
    let base_url = given.url.as_ref().or(given.base_url.as_ref());
    let base_url = base_url
        .cloned()
        .ok_or_else(|| CliError::usage("no endpoint was given").hint("add --base-url URL"))?;
    let mut endpoint = Endpoint {
        name: "load".to_owned(),
        api,
        base_url,
        model: given.model.clone().unwrap_or_default(),
        key: None,
        headers: Vec::new(),
        params: params_of(arguments)?,
        limits: Limits::default(),
        retry: RetryPolicy::default(),
        stream: !given.no_stream,
        extra_ca: given.ca_file.clone(),
        pressure: Arc::new(Pressure::default()),
    };
    // The address says whether a key is needed, and the key is part of the requests.
    let bare = blueprint_of(&endpoint)?;
    endpoint.key = key(given, is_loopback(bare.host()))?;
    Ok((endpoint, form, name))
}

/// An endpoint with its requests and their moments: name resolved, TLS ready.
pub(super) fn connected(
    endpoint: Endpoint,
    form: AnswerForm,
    api: &'static str,
    (source, times): (Arc<dyn RequestSource>, Option<Vec<u64>>),
    (timeout, is_cold, model): (Duration, bool, Option<&str>),
) -> Result<Asked, CliError> {
    let blueprint = blueprint_of(&endpoint)?;
    let started = Instant::now();
    let addresses = resolve(blueprint.host(), blueprint.port())?;
    let resolve = started.elapsed();
    let tls = if blueprint.is_https() {
        let (config, name) = blueprint.tls().map_err(|problem| {
            CliError::usage(format!("TLS cannot be used: {problem}"))
                .hint("name a file of trusted certificates with --ca-file or SSL_CERT_FILE")
        })?;
        Some(TlsTarget { config, name })
    } else {
        None
    };
    Ok(Asked {
        prompts: super::identity::prompts(&*source, model),
        target: Target {
            addresses,
            tls,
            form,
            timeout,
            is_cold,
        },
        source,
        url: blueprint.shown_url().to_owned(),
        model: model.map(str::to_owned),
        api,
        wire: endpoint.api,
        counter: None,
        key: endpoint.key,
        times,
        cases: None,
        resolve,
    })
}

/// The request of a load whose prompt is one text.
pub(super) fn usual_request(arguments: &LoadArguments, endpoint: &Endpoint) -> Result<Vec<u8>, CliError> {
    request(arguments, &blueprint_of(endpoint)?)
}

/// Where requests come from, when they are due, where that is known, and of how many cases they are, where they are.
type Requests = (Arc<dyn RequestSource>, Option<Vec<u64>>, Option<usize>);

fn source(
    arguments: &LoadArguments,
    endpoint: &Endpoint,
    blueprint: &Blueprint,
) -> Result<Requests, CliError> {
    if let Some(dialogues) = super::turns::dialogues(arguments, endpoint)? {
        return Ok((Arc::new(dialogues), None, None));
    }
    if let Some(rows) = super::rows::requests(arguments, endpoint)? {
        let cases = rows.len();
        return Ok((Arc::new(FixedRequests::new(rows)), None, Some(cases)));
    }
    let (requests, times) = match super::work::made(arguments, endpoint)? {
        Some(work) => (work.requests, work.times),
        None => (vec![request(arguments, blueprint)?.into()], None),
    };
    Ok((Arc::new(FixedRequests::new(requests)), times, None))
}

/// The same requests, with as many answers kept as are to be counted.
fn kept_for_counting(is_wanted: bool, requests: Arc<dyn RequestSource>) -> Arc<dyn RequestSource> {
    if !is_wanted {
        return requests;
    }
    let bytes_max = requests.answers_bytes_max().max(COUNTED_ANSWERS_BYTES_MAX);
    Arc::new(KeepingAnswers { requests, bytes_max })
}

fn api_of(given: &LoadEndpoint) -> Result<(Api, AnswerForm, &'static str), CliError> {
    if given.url.is_some() {
        let spec = JsonSpec {
            method: "POST".to_owned(),
            body: None,
            answer: "/answer".to_owned(),
            usage_input: None,
            usage_output: None,
            finish_reason: None,
            model: None,
            stream: Some(JsonStreamSpec {
                delta: "/delta".to_owned(),
                done: None,
            }),
        };
        let api = JsonApi::try_new(spec).map_err(CliError::usage)?;
        return Ok((Api::Json(Arc::new(api)), AnswerForm::Any, "http"));
    }
    Ok(match (given.provider, given.api) {
        (LoadProvider::Anthropic, LoadApi::Chat) => (Api::Messages, AnswerForm::Messages, "messages"),
        (LoadProvider::Anthropic, _) => {
            return Err(
                CliError::usage("--api is for provider openai, and anthropic has messages alone")
                    .hint("leave --api out"),
            );
        }
        (LoadProvider::Openai, LoadApi::Chat) => (Api::Chat, AnswerForm::Chat, "chat"),
        (LoadProvider::Openai, LoadApi::Completions) => {
            (Api::Completions, AnswerForm::Completions, "completions")
        }
        (LoadProvider::Openai, LoadApi::Responses) => (Api::Responses, AnswerForm::Responses, "responses"),
        (LoadProvider::Openai, LoadApi::Embeddings) => {
            (Api::Embeddings, AnswerForm::Embeddings, "embeddings")
        }
    })
}

pub(super) fn blueprint_of(endpoint: &Endpoint) -> Result<Blueprint, CliError> {
    Blueprint::try_new(endpoint).map_err(|error| {
        let (message, hint) = crate::wiring::split_hint(&error.to_string());
        let error = CliError::usage(message.replace(" of target `load`", ""));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// What the API calls the largest number of output tokens.
pub(super) const fn output_parameter(arguments: &LoadArguments) -> &'static str {
    match arguments.endpoint.api {
        LoadApi::Responses => "max_output_tokens",
        _ => "max_tokens",
    }
}

/// Parameters of every request.
pub(super) fn params_of(arguments: &LoadArguments) -> Result<Map<String, Value>, CliError> {
    let mut params = Map::new();
    if let Some(tokens) = arguments.work.max_tokens {
        params.insert(output_parameter(arguments).to_owned(), tokens.into());
    }
    for text in &arguments.work.params {
        let wrong = || {
            CliError::usage(format!("--param is `{text}`, expected NAME=JSON"))
                .hint("write it like --param temperature=0 or --param 'stop=[\"\\n\"]'")
        };
        let (name, json) = text.split_once('=').ok_or_else(wrong)?;
        let value = serde_json::from_str(json).map_err(|_| wrong())?;
        params.insert(name.trim().to_owned(), value);
    }
    Ok(params)
}

/// The request in bytes.
fn request(arguments: &LoadArguments, blueprint: &Blueprint) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    if let Some(path) = &arguments.endpoint.body {
        let failed = |problem: String| CliError::usage(format!("--body {}: {problem}", path.display()));
        let size = std::fs::metadata(path)
            .map_err(|error| failed(error.to_string()))?
            .len();
        if size > BODY_BYTES_MAX {
            return Err(failed(format!(
                "is {size} bytes, at most {BODY_BYTES_MAX} are allowed"
            )));
        }
        let body = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice::<serde::de::IgnoredAny>(&body)
            .map_err(|error| failed(format!("is not JSON: {error}")))?;
        blueprint.push_body(&body, &mut bytes);
        return Ok(bytes);
    }
    let prompt = arguments.work.prompt.as_deref().unwrap_or(PROMPT);
    let request = ModelRequest {
        messages: vec![Message::new(Role::User, prompt)],
        ..ModelRequest::default()
    };
    blueprint
        .push_request(&request, &mut bytes)
        .map_err(CliError::usage)?;
    Ok(bytes)
}

/// The key from the environment; it goes into a [`Secret`] at once.
fn key(given: &LoadEndpoint, is_loopback: bool) -> Result<Option<Secret>, CliError> {
    let usual = match given.provider {
        LoadProvider::Anthropic => "ANTHROPIC_API_KEY",
        LoadProvider::Openai => "OPENAI_API_KEY",
    };
    let variable = match (&given.api_key_env, &given.url) {
        (Some(variable), _) => variable.as_str(),
        // An endpoint of any kind is sent a key only when somebody says so.
        (None, Some(_)) => return Ok(None),
        (None, None) => usual,
    };
    let value = std::env::var(variable).unwrap_or_default();
    match value.trim() {
        "" if is_loopback && given.api_key_env.is_none() => Ok(None),
        "" => Err(
            CliError::usage(format!("the environment variable {variable} is not set")).hint(format!(
                "export {variable}=…, or name another variable with --api-key-env"
            )),
        ),
        key => Ok(Some(Secret::new(key))),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, CliError> {
    let failed = |problem: String| {
        CliError::infrastructure(format!("the name `{host}` could not be resolved: {problem}"))
            .hint("check the host in --base-url")
    };
    let addresses: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(|error| failed(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(failed("it has no address".to_owned()));
    }
    Ok(seatrial_load::reachable_first(addresses))
}
