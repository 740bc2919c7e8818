//! Our record written as an Inspect log, JSON format version 2: what `read_eval_log`, `inspect view` and its data
//! frames read. Apart from the reading: what we write is ours, and the tool itself checks it (scripts/inspect_parity.sh).

use seatrial_types::{FinishReason, Message, Outcome, Role, SampleRecord, Timing, ToolCall, Usage};
use serde_json::{Map, Value, json};

/// What the head of a log says.
#[derive(Debug, Clone)]
pub struct LogHead {
    /// Id of the run.
    pub run_id: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` for a run that is not over.
    pub ended_at: Option<String>,
    /// Whether every sample of the plan is there.
    pub is_complete: bool,
    /// Task.
    pub task: String,
    /// Model.
    pub model: String,
    /// Samples that follow.
    pub samples: u64,
    /// Those of them that have an answer.
    pub answered: u64,
    /// Repetitions of each case.
    pub epochs: u64,
    /// Scorers with their metrics.
    pub scorers: Vec<(String, Vec<MetricSummary>)>,
    /// What else is worth keeping, such as the hash of the plan and the version of Seatrial.
    pub metadata: Map<String, Value>,
}

/// A metric with its mean over all samples.
#[derive(Debug, Clone)]
pub struct MetricSummary {
    /// Name.
    pub name: String,
    /// Mean; `None` where nothing was scored.
    pub mean: Option<f64>,
    /// Samples with a value.
    pub scored: u64,
}

/// The log without its samples: everything before `"samples"`.
#[must_use]
pub fn head_json(head: &LogHead) -> Value {
    let status = if head.is_complete { "success" } else { "cancelled" };
    let scores: Vec<Value> = head
        .scorers
        .iter()
        .flat_map(|(scorer, metrics)| {
            let is_alone = metrics.len() == 1;
            metrics.iter().map(move |metric| {
                let name = if is_alone {
                    scorer.as_str()
                } else {
                    key_of(scorer, &metric.name)
                };
                let mean = metric
                    .mean
                    .map(|mean| json!({"mean": {"name": "mean", "value": mean, "params": {}}}));
                json!({"name": name, "scorer": scorer, "params": {}, "scored_samples": metric.scored,
                       "unscored_samples": head.samples.saturating_sub(metric.scored), "metrics": mean.unwrap_or_else(|| json!({}))})
            })
        })
        .collect();
    let scorers: Vec<Value> = head
        .scorers
        .iter()
        .map(|(scorer, _)| json!({"name": scorer, "options": {}, "metrics": [], "metadata": {}}))
        .collect();
    json!({
        "version": 2, "status": status,
        "eval": {
            "eval_id": head.run_id, "run_id": head.run_id, "created": head.started_at, "task": head.task,
            "task_id": format!("{}-{}", head.run_id, head.task), "task_version": 0, "task_attribs": {}, "task_args": {},
            "dataset": {"samples": head.samples / head.epochs.max(1), "shuffled": false},
            "model": head.model, "model_args": {}, "config": {"epochs": head.epochs}, "packages": {},
            "metadata": head.metadata, "scorers": scorers,
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {"total_samples": head.samples, "completed_samples": head.answered, "scores": scores},
        "stats": {"started_at": head.started_at, "completed_at": head.ended_at.as_deref().unwrap_or_default(),
                  "model_usage": {}},
    })
}

/// One entry of `"samples"`. `scorers` names scorers and metrics by the indexes of the record.
#[must_use]
pub fn sample_json(model: &str, scorers: &[(String, Vec<String>)], sample: &SampleRecord) -> Value {
    let answer = sample.call.result.as_ref().ok();
    let mut messages: Vec<Value> = sample.prompt.iter().map(message).collect();
    let input = match sample.prompt.as_slice() {
        [only] if only.role == Role::User && only.images.is_empty() => Value::from(only.content.clone()),
        _ => Value::Array(messages.clone()),
    };
    let mut output = json!({"model": model, "choices": [], "completion": ""});
    let mut model_usage = Map::new();
    if let Some(answer) = answer {
        let mut said =
            json!({"role": "assistant", "content": answer.text, "source": "generate", "model": model});
        if !answer.tool_calls.is_empty() {
            said["tool_calls"] = tool_calls(&answer.tool_calls);
        }
        messages.push(said.clone());
        output = json!({
            "model": answer.served_model.as_deref().unwrap_or(model), "completion": answer.text,
            "choices": [{"message": said, "stop_reason": stop_reason(answer.finish_reason.as_ref())}],
        });
        if let Some(usage) = usage(&answer.usage, sample.cost.map(seatrial_types::Money::to_usd_f64)) {
            model_usage.insert(model.to_owned(), usage.clone());
            output["usage"] = usage;
        }
        let latency = sample.call.timing().and_then(Timing::latency_ns);
        if let Some(ns) = latency {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
            let seconds = ns as f64 / 1e9;
            output["time"] = json!(seconds);
        }
    }
    let metadata: Map<String, Value> = sample
        .slices
        .iter()
        .map(|slice| (slice.column.clone(), Value::from(slice.value.clone())))
        .chain(
            sample
                .cluster
                .as_deref()
                .map(|cluster| ("cluster".to_owned(), Value::from(cluster))),
        )
        .collect();
    let mut entry = json!({
        "id": sample.case_id.as_ref(), "epoch": sample.key.epoch.saturating_add(1), "input": input,
        // The record does not hold references.
        "target": "", "messages": messages, "output": output, "scores": scores(scorers, sample), "metadata": metadata,
        "store": {}, "events": [], "model_usage": model_usage, "attachments": {},
    });
    if let Err(error) = &sample.call.result {
        entry["error"] = json!({"message": error.to_string(), "traceback": "", "traceback_ansi": ""});
    }
    entry
}

/// Scores by scorer. A scorer with one metric has a number, one with several a map; what has no value is left out,
/// which Inspect counts as unscored.
fn scores(scorers: &[(String, Vec<String>)], sample: &SampleRecord) -> Value {
    let mut all = Map::new();
    for (index, (scorer, metrics)) in (0_u16..).zip(scorers) {
        let of_scorer: Vec<_> = sample
            .scores
            .iter()
            .filter(|record| record.scorer == index && record.score.outcome == Outcome::Scored)
            .collect();
        let value = match (metrics.len(), of_scorer.as_slice()) {
            (_, []) => continue,
            (1, [only, ..]) => json!(only.score.value),
            _ => {
                let named = of_scorer.iter().filter_map(|record| {
                    let metric = metrics.get(usize::from(record.score.metric))?;
                    Some((key_of(scorer, metric).to_owned(), json!(record.score.value)))
                });
                Value::Object(named.collect())
            }
        };
        let detail = of_scorer.iter().find_map(|record| record.score.detail.as_deref());
        let mut score = json!({"value": value, "history": []});
        if let Some(detail) = detail {
            score["answer"] = detail.into();
        }
        all.insert(scorer.clone(), score);
    }
    Value::Object(all)
}

/// The name of a metric inside its scorer: `shape_length` of the scorer `shape` is `length`.
fn key_of<'a>(scorer: &str, metric: &'a str) -> &'a str {
    metric
        .strip_prefix(scorer)
        .and_then(|rest| rest.strip_prefix('_'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(metric)
}

fn message(message: &Message) -> Value {
    let mut content: Vec<Value> = message
        .images
        .iter()
        .map(|image| json!({"type": "image", "image": image.source}))
        .collect();
    let content = if content.is_empty() {
        Value::from(message.content.clone())
    } else {
        content.push(json!({"type": "text", "text": message.content}));
        Value::Array(content)
    };
    let mut entry = json!({"role": message.role.as_str(), "content": content});
    if !message.tool_calls.is_empty() {
        entry["tool_calls"] = tool_calls(&message.tool_calls);
    }
    if let Some(id) = &message.tool_call_id {
        entry["tool_call_id"] = id.as_str().into();
    }
    entry
}

/// Arguments are a map in Inspect; what is none stands under `text`.
fn tool_calls(calls: &[ToolCall]) -> Value {
    calls
        .iter()
        .map(|call| {
            let arguments = match serde_json::from_str(&call.arguments) {
                Ok(Value::Object(map)) => Value::Object(map),
                _ => json!({"text": call.arguments}),
            };
            json!({"id": call.id, "function": call.name, "arguments": arguments, "type": "function"})
        })
        .collect()
}

/// Inspect knows six words.
fn stop_reason(reason: Option<&FinishReason>) -> &'static str {
    match reason {
        Some(FinishReason::Stop) => "stop",
        Some(FinishReason::Length) => "max_tokens",
        Some(FinishReason::ToolCalls) => "tool_calls",
        Some(FinishReason::ContentFilter | FinishReason::Refusal) => "content_filter",
        Some(FinishReason::Other(_)) | None => "unknown",
    }
}

/// Inspect counts cached tokens apart from the others. `None` where the counts are not known: there is no null there.
fn usage(usage: &Usage, cost: Option<f64>) -> Option<Value> {
    let (input, output) = (usage.input_tokens?, usage.output_tokens?);
    let cached = usage.cache_read_tokens.unwrap_or(0) + usage.cache_write_tokens.unwrap_or(0);
    Some(json!({
        "input_tokens": input.saturating_sub(cached), "output_tokens": output, "total_tokens": input + output,
        "input_tokens_cache_read": usage.cache_read_tokens, "input_tokens_cache_write": usage.cache_write_tokens,
        "reasoning_tokens": usage.reasoning_tokens, "total_cost": cost,
    }))
}
