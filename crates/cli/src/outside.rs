//! Scorers in another language: the programs and web services that answer for them. Apart from the rest of the wiring,
//! because only here a scorer meets a process or the network.

use crate::programs::{self, Problem, Written};
use crate::wiring::split_hint;
use futures_util::future::BoxFuture;
use seatrial_config::DraftPlan;
use seatrial_provider as provider;
use seatrial_score::{OutsidePlan, OutsideUse};
use seatrial_task::{Outside, Scorer, named_files};
use seatrial_types::{ModelRequest, Secret};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A scorer with somebody who answers for it.
pub(crate) fn scorer(
    plan: OutsidePlan,
    draft: &DraftPlan,
    clock: provider::Clock,
    ca_file: Option<&Path>,
) -> Result<Arc<dyn Scorer>, Problem> {
    let (backend, files): (Arc<dyn Outside>, _) = match &plan.judged_by {
        OutsideUse::Program {
            command,
            cwd,
            env,
            workers,
            in_flight,
        } => {
            let cwd = folder_of(draft).join(cwd.as_deref().unwrap_or_default());
            let files = named_files(command, &cwd);
            let spec = programs::spec(Written {
                command,
                cwd,
                env,
                workers: *workers,
                in_flight: *in_flight,
                timeout: plan.timeout,
            })?;
            let program = provider::Program::try_new(spec).map_err(|error| programs::problem(&error))?;
            let attempts = plan.attempts;
            (Arc::new(ByProgram { program, attempts }), files)
        }
        OutsideUse::Service { .. } => (Arc::new(service(&plan, clock, ca_file)?), Vec::new()),
    };
    Ok(Arc::new(plan.asking(backend, files)))
}

fn folder_of(draft: &DraftPlan) -> PathBuf {
    let folder = draft.path.parent().unwrap_or(Path::new(""));
    // Fails only where there is no working directory; then a relative path is the best there is.
    std::path::absolute(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    })
    .unwrap_or_else(|_| folder.to_owned())
}

/// A program that scores.
struct ByProgram {
    program: provider::Program,
    attempts: u32,
}

impl Outside for ByProgram {
    fn ask(&self, request: Map<String, Value>) -> BoxFuture<'_, Result<Map<String, Value>, String>> {
        Box::pin(async move {
            let mut attempt = 1;
            loop {
                // No wait in between: what failed was a process of this machine, and the next one is a new one.
                match self.program.ask(&request, &mut Instant::now()).await {
                    Ok(reply) => return Ok(reply.object),
                    Err(fault) if !fault.retry || attempt >= self.attempts => return Err(fault.message),
                    Err(_) => attempt += 1,
                }
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.program.close())
    }
}

/// A web service that scores: the caller of JSON endpoints, with the sample as the body and all of the answer as the
/// answer.
struct ByService {
    remote: provider::Remote,
}

impl Outside for ByService {
    fn ask(&self, request: Map<String, Value>) -> BoxFuture<'_, Result<Map<String, Value>, String>> {
        Box::pin(async move {
            let request = ModelRequest {
                columns: Arc::new(request),
                ..ModelRequest::default()
            };
            let answer = self
                .remote
                .call(&request)
                .await
                .result
                .map_err(|error| error.to_string())?;
            match serde_json::from_str(&answer.text) {
                Ok(Value::Object(object)) => Ok(object),
                _ => Err(format!(
                    "{} answered with {}, expected a JSON object with `score`",
                    self.remote.name(),
                    kind_of(&answer.text)
                )),
            }
        })
    }
}

fn kind_of(json: &str) -> &'static str {
    match json.trim_start().chars().next() {
        Some('[') => "a list",
        Some('"') => "a text",
        _ => "something else",
    }
}

fn service(plan: &OutsidePlan, clock: provider::Clock, ca_file: Option<&Path>) -> Result<ByService, Problem> {
    let OutsideUse::Service {
        url,
        headers,
        headers_env,
        concurrency,
    } = &plan.judged_by
    else {
        return Err(("url", "is no web service".to_owned(), None));
    };
    let mut all = Vec::with_capacity(headers.len() + headers_env.len());
    for (name, value) in headers {
        all.push(provider::Header {
            name: name.clone(),
            value: Secret::new(value.clone()),
            is_secret: false,
        });
    }
    for (name, variable) in headers_env {
        let Ok(value) = std::env::var(variable) else {
            let message = format!("the environment variable {variable} is not set");
            let hint = format!("export {variable}=…, or remove it from `headers_env`");
            return Err(("headers_env", message, Some(hint)));
        };
        all.push(provider::Header {
            name: name.clone(),
            value: Secret::new(value),
            is_secret: true,
        });
    }
    let json = provider::JsonSpec {
        method: "POST".to_owned(),
        body: Some(Value::String("{{ columns }}".to_owned())),
        ..provider::JsonSpec::default()
    };
    let json = provider::JsonApi::try_new(json).map_err(|error| ("url", error.to_string(), None))?;
    let endpoint = provider::Endpoint {
        name: "the scorer".to_owned(),
        api: provider::Api::Json(Arc::new(json)),
        base_url: url.clone(),
        model: String::new(),
        key: None,
        headers: all,
        params: Map::new(),
        limits: provider::Limits {
            concurrency: *concurrency,
            timeout: plan.timeout,
            ..provider::Limits::default()
        },
        retry: provider::RetryPolicy {
            attempts_max: plan.attempts,
            backoff_first: Duration::from_millis(200),
            ..provider::RetryPolicy::default()
        },
        stream: false,
        extra_ca: ca_file.map(PathBuf::from),
        pressure: Arc::default(),
    };
    let remote = provider::Remote::try_new(endpoint, clock, 0).map_err(|error| {
        let (message, hint) = split_hint(&error.to_string());
        ("url", message, hint)
    })?;
    Ok(ByService { remote })
}
