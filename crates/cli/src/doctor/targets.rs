//! The targets of a suite, and the models that its scorers ask: key, name, connection, encryption, an answer.

use super::{Check, Status};
use crate::wiring::{self, split_hint};
use seatrial_config::{CacheMode, DraftPlan, Endpoint, Target};
use seatrial_engine::PendingAnswers;
use seatrial_provider::Clock;
use seatrial_provider::probe::{Probe, ProbeAnswer, ProbeRequest, probe};
use seatrial_types::{Message, ModelRequest, Role, Secret};
use serde_json::Value;
use std::path::Path;

/// Difference between the clocks of client and server above which people should know, in seconds.
const SKEW_S_MAX: i64 = 5;
/// What `--call` asks.
const QUESTION: &str = "Answer with the one word: yes";

/// Looks at every target and model of the suite.
pub(crate) async fn checks(draft: &DraftPlan, ca_file: Option<&Path>, call: bool) -> Vec<Check> {
    let clock = Clock::start();
    let mut checks = Vec::new();
    for target in draft.targets.iter().chain(&draft.models) {
        let before = checks.len();
        if let Some(address) = address_of(target) {
            checks.extend(key(target, &address));
            checks.extend(reach(target, &address, ca_file, clock).await);
        }
        if !checks[before..].iter().any(|check| check.status == Status::Fail) {
            checks.extend(usable(target, &clock, ca_file, call).await);
        }
    }
    checks
}

/// Where a target is and how it wants to be asked for its models.
struct Address {
    url: String,
    /// What lists its models, where something does.
    path: Option<&'static str>,
    key_env: Option<String>,
    key_required: bool,
    /// Whether the key goes into `x-api-key`.
    is_anthropic: bool,
}

fn address_of(target: &Target) -> Option<Address> {
    match &target.endpoint {
        Endpoint::OpenAi(openai) => Some(Address {
            url: openai.base_url.clone(),
            path: Some("/models"),
            key_env: Some(openai.api_key_env.clone()),
            key_required: openai.api_key_required,
            is_anthropic: false,
        }),
        Endpoint::Anthropic(anthropic) => Some(Address {
            url: anthropic.base_url.clone(),
            path: Some("/models"),
            key_env: Some(anthropic.api_key_env.clone()),
            key_required: anthropic.api_key_required,
            is_anthropic: true,
        }),
        Endpoint::Http(http) => Some(Address {
            url: http.url.clone(),
            path: None,
            key_env: http.api_key_env.clone(),
            key_required: http.api_key_env.is_some(),
            is_anthropic: false,
        }),
        Endpoint::Recorded(_) | Endpoint::Exec(_) => None,
    }
}

/// Whether the key is there and looks like one. It is never shown.
fn key(target: &Target, address: &Address) -> Option<Check> {
    let subject = target.name.as_str();
    let variable = address.key_env.as_deref()?;
    let Ok(value) = std::env::var(variable) else {
        if address.key_required {
            let found = format!("the environment variable {variable} is not set");
            let hint = format!("export {variable}=…, or name another variable with `api_key_env`");
            return Some(Check::misuse(subject, "key", found, hint));
        }
        return Some(Check::ok(
            subject,
            "key",
            format!("{variable} is not set; none is needed on loopback"),
        ));
    };
    let trimmed = value.trim();
    Some(if trimmed.is_empty() {
        let found = format!("{variable} is set but empty");
        Check::misuse(subject, "key", found, format!("export {variable}=…"))
    } else if trimmed.starts_with(['"', '\'']) || trimmed.contains(char::is_whitespace) {
        let found = format!("{variable} holds quotation marks or spaces, which no key has");
        Check::misuse(subject, "key", found, format!("export {variable}=… without them"))
    } else {
        Check::ok(
            subject,
            "key",
            format!("{variable} is set ({} characters)", trimmed.chars().count()),
        )
    })
}

async fn reach(target: &Target, address: &Address, ca_file: Option<&Path>, clock: Clock) -> Vec<Check> {
    let subject = target.name.as_str();
    let mut headers = Vec::new();
    let key = address
        .key_env
        .as_deref()
        .and_then(|variable| std::env::var(variable).ok());
    if let Some(key) = key.as_deref().map(str::trim).filter(|key| !key.is_empty()) {
        if address.is_anthropic {
            headers.push(("x-api-key".to_owned(), Secret::new(key)));
            headers.push(("anthropic-version".to_owned(), Secret::new("2023-06-01")));
        } else {
            headers.push(("authorization".to_owned(), Secret::new(format!("Bearer {key}"))));
        }
    }
    let request = ProbeRequest {
        url: &address.url,
        path: address.path,
        headers,
        extra_ca: ca_file,
    };
    match probe(request, clock).await {
        Err(problem) => {
            let (found, hint) = split_hint(&format!("the address {problem}"));
            let hint = hint.unwrap_or_else(|| "write it like https://api.openai.com/v1".to_owned());
            vec![Check::misuse(subject, "address", found, hint)]
        }
        Ok(probe) => of_probe(target, &probe),
    }
}

fn of_probe(target: &Target, probe: &Probe) -> Vec<Check> {
    let subject = target.name.as_str();
    let mut checks = Vec::new();
    match &probe.name {
        Some(Ok(addresses)) => checks.push(Check::ok(subject, "name", addresses.join(", "))),
        Some(Err(problem)) => checks.push(Check::fail_with(
            subject,
            "name",
            problem,
            "check the host in base_url",
        )),
        None => {}
    }
    for (name, step) in [("connection", &probe.tcp), ("encryption", &probe.tls)] {
        match step {
            Some(Ok(took)) => checks.push(Check::ok(subject, name, format!("after {took:.1?}"))),
            Some(Err(problem)) => {
                let hint = "is there a proxy in between, and does it need --ca-file";
                checks.push(Check::fail_with(subject, name, problem, hint));
            }
            None => {}
        }
    }
    if probe.tls.is_none() && probe.tcp.as_ref().is_some_and(Result::is_ok) && probe.https {
        checks.push(Check::fail(
            subject,
            "encryption",
            "TLS was not reached",
            "try again",
        ));
    }
    match &probe.answer {
        Some(Ok(answer)) => {
            checks.push(of_answer(target, answer));
            checks.extend(skew(subject, answer));
        }
        Some(Err(problem)) => checks.push(Check::fail_with(
            subject,
            "answer",
            problem,
            "is it an http server",
        )),
        None => {}
    }
    checks
}

/// What the answer to the question for models says of key, address and model.
fn of_answer(target: &Target, answer: &ProbeAnswer) -> Check {
    let subject = target.name.as_str();
    let took = answer.took;
    let status = answer.status;
    match status {
        200..=299 => {
            let models = models_of(&answer.body);
            let model = target.model().unwrap_or_default();
            match models {
                Some(models) if !models.iter().any(|known| known == model) => {
                    let shown: Vec<&str> = models.iter().map(String::as_str).take(5).collect();
                    let found = format!("answered {status} after {took:.1?}, and does not list `{model}`");
                    let hint = format!("it lists {} models: {} …", models.len(), shown.join(", "));
                    Check::warn(subject, "answer", found, hint)
                }
                Some(_) => Check::ok(
                    subject,
                    "answer",
                    format!("answered {status} after {took:.1?}, and lists `{model}`"),
                ),
                None => Check::ok(subject, "answer", format!("answered {status} after {took:.1?}")),
            }
        }
        401 | 403 => Check::misuse(
            subject,
            "answer",
            format!("answered {status}: the key is not accepted"),
            "check the key in api_key_env, and that it is one for this endpoint",
        ),
        404 | 405 | 501 => Check::ok(
            subject,
            "answer",
            format!(
                "answered {status} after {took:.1?}: it has no list of models; --call asks it for an answer"
            ),
        ),
        429 => Check::warn(
            subject,
            "answer",
            "answered 429: it is being asked too much".to_owned(),
            "lower `limits.rpm`, or wait",
        ),
        _ => Check::fail(
            subject,
            "answer",
            format!("answered {status} after {took:.1?}"),
            "look at the status page or the log of the server",
        ),
    }
}

/// Ids in a list of models; `None` where the body is no such list.
fn models_of(body: &[u8]) -> Option<Vec<String>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let models = list.get("data")?.as_array()?;
    let ids = models
        .iter()
        .filter_map(|model| Some(model.get("id")?.as_str()?.to_owned()));
    Some(ids.collect())
}

fn skew(subject: &str, answer: &ProbeAnswer) -> Option<Check> {
    let ahead_s = answer.ahead_s?;
    let found = match ahead_s {
        1.. => format!("this machine's clock is about {ahead_s} s ahead of the server's"),
        0 => "this machine's clock and the server's agree to the second".to_owned(),
        _ => format!("this machine's clock is about {} s behind the server's", -ahead_s),
    };
    Some(if ahead_s.abs() > SKEW_S_MAX {
        let hint = "set the clock (chrony, ntp): certificates and timestamps depend on it, latencies do not";
        Check::warn(subject, "clock", found, hint)
    } else {
        Check::ok(subject, "clock", found)
    })
}

/// Whether the target can be built (files, programs, headers), and with `--call` whether it answers.
async fn usable(target: &Target, clock: &Clock, ca_file: Option<&Path>, call: bool) -> Vec<Check> {
    let subject = target.name.as_str();
    let wires = wiring::Wires {
        clock,
        ca_file,
        cache: CacheMode::Off,
        answers: None,
        pending: PendingAnswers::default(),
    };
    let run = match wiring::target_run(target, 0, &wires) {
        Ok(run) => run,
        Err((key, message, hint)) => {
            let hint = hint.unwrap_or_else(|| format!("correct `{key}`"));
            return vec![Check::misuse(subject, key, message, hint)];
        }
    };
    if !call {
        return match &target.endpoint {
            Endpoint::Exec(exec) => vec![Check::ok(
                subject,
                "program",
                format!("found: {}", exec.command.join(" ")),
            )],
            Endpoint::Recorded(recorded) => {
                vec![Check::ok(
                    subject,
                    "file",
                    format!("can be read: {}", recorded.path_written),
                )]
            }
            _ => Vec::new(),
        };
    }
    let request = ModelRequest {
        messages: vec![Message::new(Role::User, QUESTION)],
        ..ModelRequest::default()
    };
    if matches!(target.endpoint, Endpoint::Recorded(_)) {
        return Vec::new();
    }
    let answered = run.model.call(request).await;
    run.model.close().await;
    vec![match answered.result {
        Ok(answer) => {
            let tokens = answer
                .usage
                .output_tokens
                .map(|tokens| format!(", {tokens} tokens"));
            let found = format!(
                "answered {} characters{}",
                answer.text.chars().count(),
                tokens.unwrap_or_default()
            );
            Check::ok(subject, "call", found)
        }
        Err(error) => Check::fail_with(subject, "call", &error.to_string(), "look at the message"),
    }]
}
