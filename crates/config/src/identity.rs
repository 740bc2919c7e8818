//! What makes two plans the same work: everything that decides requests and scores, and nothing else. Apart from the
//! plan, because each new field has to be put on one side of this line deliberately.

use crate::plan::{
    Dataset, DraftPlan, Endpoint, Exec, Fields, ImageTemplates, MessageTemplate, Metric, Prompt, Recorded,
    ScorerUse, Selection, Target, Task,
};
use crate::remote::{Anthropic, Headers, Http, OpenAi, OpenAiApi};
use serde_json::{Map, Value, json};

/// Goes up when the same suite would be asked or scored differently although nothing here changed.
const IDENTITY_VERSION: u32 = 1;

impl DraftPlan {
    /// The identity as JSON with sorted keys; hash its compact text.
    ///
    /// In it: targets with provider, address, model, parameters and price; tasks with prompt, scorers and options,
    /// columns, selection, repetitions and seeds; in the order of the file, because records refer to indexes. Not in
    /// it: gates, concurrency, rates, timeouts, retries, keys, the error cap and names of files. The content of
    /// datasets belongs to it too, but is known only to whoever reads them; a recording of answers is known by its path.
    #[must_use]
    pub fn identity(&self) -> Value {
        // Taken apart without `..`, so that a new field does not compile until somebody decides.
        let Self {
            path: _,
            name: _,
            seed,
            targets,
            models,
            tasks,
            loads,
            gates: _,
            load_gates: _,
            baseline: _,
            error_cap: _,
            budget: _,
            extend: _,
            cache: _,
            quarantine: _,
            origin: _,
        } = self;
        let mut identity = json!({
            "identity": IDENTITY_VERSION,
            "seed": seed,
            "targets": targets.iter().map(target).collect::<Vec<_>>(),
            "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
        });
        // Only where there are any: plans of suites without them stay what they were.
        if !loads.is_empty() {
            identity["loads"] = json!(loads);
        }
        if !models.is_empty() {
            identity["models"] = models.iter().map(target).collect();
        }
        sorted(identity)
    }
}

impl Endpoint {
    /// What of it decides its answers, with the provider's word: the part of a target by which an answer is known again,
    /// whatever the target is called and whatever it charges.
    #[must_use]
    pub fn identity(&self) -> Value {
        sorted(json!({ "provider": self.provider(), "endpoint": endpoint_identity(self) }))
    }
}

fn target(target: &Target) -> Value {
    let Target {
        name,
        endpoint,
        price,
        // What it says has become the price when a plan is frozen.
        price_table: _,
        limits: _,
        retry: _,
    } = target;
    json!({ "name": name, "provider": endpoint.provider(), "endpoint": endpoint_identity(endpoint), "price": price })
}

/// What of an endpoint decides its answers; keys and how it is reached do not.
fn endpoint_identity(endpoint: &Endpoint) -> Value {
    match endpoint {
        Endpoint::OpenAi(openai) => openai_identity(openai),
        Endpoint::Anthropic(anthropic) => anthropic_identity(anthropic),
        Endpoint::Http(http) => http_identity(http),
        Endpoint::Recorded(Recorded {
            path: _,
            path_written,
            id_field,
            output_field,
            usage_field,
            latency_ms_field,
        }) => json!({
            "path": path_written,
            "id_field": id_field,
            "output_field": output_field,
            "usage_field": usage_field,
            "latency_ms_field": latency_ms_field,
        }),
        Endpoint::Exec(Exec {
            command,
            cwd: _,
            cwd_written,
            env,
            workers: _,
            in_flight: _,
            params,
        }) => json!({ "command": command, "cwd": cwd_written, "env": env, "params": params }),
    }
}

/// What is as it was before there was a choice is left out, so that plans keep their identity.
fn openai_identity(openai: &OpenAi) -> Value {
    let OpenAi {
        api,
        base_url,
        model,
        api_key_env: _,
        api_key_required: _,
        params,
        headers,
        stream,
    } = openai;
    let mut identity = json!({ "base_url": base_url, "model": model, "params": params });
    if *api != OpenAiApi::Chat {
        identity["api"] = json!(api);
    }
    add_common(&mut identity, headers, *stream);
    identity
}

fn anthropic_identity(anthropic: &Anthropic) -> Value {
    let Anthropic {
        base_url,
        model,
        api_key_env: _,
        api_key_required: _,
        params,
        headers,
        stream,
    } = anthropic;
    let mut identity = json!({ "base_url": base_url, "model": model, "params": params });
    add_common(&mut identity, headers, *stream);
    identity
}

fn http_identity(http: &Http) -> Value {
    let Http {
        url,
        method,
        body,
        answer,
        usage_input,
        usage_output,
        finish_reason,
        answer_model,
        stream,
        api_key_env: _,
        params,
        headers,
    } = http;
    let mut identity = json!({
        "url": url,
        "method": method,
        "body": body,
        "answer": answer,
        "usage_input": usage_input,
        "usage_output": usage_output,
        "finish_reason": finish_reason,
        "answer_model": answer_model,
        "stream": stream,
        "params": params,
    });
    add_common(&mut identity, headers, true);
    identity
}

/// Headers decide requests by their names, and by their values where those are known.
fn add_common(identity: &mut Value, headers: &Headers, stream: bool) {
    let Headers { plain, from_env } = headers;
    if !headers.is_empty() {
        let secret: Vec<&String> = from_env.keys().collect();
        identity["headers"] = json!({ "plain": plain, "secret": secret });
    }
    if !stream {
        identity["stream"] = json!(false);
    }
}

fn task(task: &Task) -> Value {
    let Task {
        name,
        dataset,
        targets,
        prompt,
        scorers,
        success,
        cluster,
        epochs,
        sequential,
        selection,
        seed,
        slices,
        under_load,
    } = task;
    let Dataset {
        // The content of every kind of place is known by its hash, and a hub's commit beside it, to whoever reads it.
        from: _,
        fields,
    } = dataset;
    let mut identity = json!({
        "name": name,
        "fields": columns(fields),
        "prompt": prompt_identity(prompt),
        "scorers": scorers.iter().map(scorer).collect::<Vec<_>>(),
        "cluster": cluster,
        "epochs": epochs,
        "selection": match selection {
            Selection::All => json!("all"),
            Selection::Limit(cases) => json!({ "limit": cases }),
            Selection::First(cases) => json!({ "first": cases }),
        },
        "seed": seed,
        "slices": slices,
    });
    // Absent where all are asked, as it was before there was a choice.
    if !targets.is_empty() {
        identity["targets"] = json!(targets);
    }
    // A part of what is on record, for whoever reads it later; absent where the suite names none.
    if let Some(success) = success {
        identity["success"] = json!(success);
    }
    // The order of asking is a part of what is asked, since the run may stop anywhere in it.
    if *sequential {
        identity["sequential"] = json!(true);
    }
    if *under_load {
        identity["under_load"] = json!(true);
    }
    identity
}

fn columns(fields: &Fields) -> Value {
    let Fields {
        id,
        input,
        expected,
        choices,
        cluster,
    } = fields;
    json!({ "id": id, "input": input, "expected": expected, "choices": choices, "cluster": cluster })
}

fn prompt_identity(prompt: &Prompt) -> Value {
    match prompt {
        Prompt::Input { system } => json!({ "input": { "system": system } }),
        Prompt::Messages { messages } => {
            json!({ "messages": messages.iter().map(message_identity).collect::<Vec<_>>() })
        }
    }
}

/// What a message of text alone has none of is left out, so that its identity is what it was before there was more.
fn message_identity(message: &MessageTemplate) -> Value {
    let MessageTemplate {
        role,
        content,
        images: ImageTemplates { folder: _, sources },
        tool_calls,
        tool_call_id,
    } = message;
    let mut identity = Map::new();
    identity.insert("role".to_owned(), json!(role));
    identity.insert("content".to_owned(), json!(content));
    if !sources.is_empty() {
        identity.insert("images".to_owned(), json!(sources));
    }
    if !tool_calls.is_empty() {
        identity.insert("tool_calls".to_owned(), json!(tool_calls));
    }
    if let Some(id) = tool_call_id {
        identity.insert("tool_call_id".to_owned(), json!(id));
    }
    Value::Object(identity)
}

fn scorer(scorer: &ScorerUse) -> Value {
    let ScorerUse {
        scorer,
        name,
        options,
        metrics,
    } = scorer;
    let metric = |Metric {
                      name,
                      kind,
                      unit,
                      pillar: _,
                  }: &Metric| json!({ "name": name, "kind": kind, "unit": unit });
    json!({
        "scorer": scorer,
        "name": name,
        "options": options,
        "metrics": metrics.iter().map(metric).collect::<Vec<_>>(),
    })
}

/// The same value with the keys of every map in byte order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect::<Map<_, _>>())
        }
        scalar => scalar,
    }
}
