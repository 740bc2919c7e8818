//! Logs of OpenAI Evals: a line with the specification, a line for each event, a last line with the report. Events of
//! different samples are mixed, so scores are gathered first and samples made when their answer comes by.

use crate::error::ImportError;
use crate::foreign::{
    CaseContent, Claim, FileFacts, ForeignSample, ForeignScore, OnSample, ScoreValue, Tally,
};
use crate::names::cut;
use crate::text_file::{Lines, object};
use indexmap::IndexMap;
use seatrial_types::{Answer, CallError, CallErrorKind, Message, Role, Usage};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

const DETAIL_CHARS_MAX: usize = 1000;

pub(crate) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let mut log = Log::default();
    each_line(path, &mut |line, row| {
        log.add(line, row);
        Ok(())
    })?;
    let Some(spec) = log.spec.take() else {
        let problem = "expected a line `{\"spec\": …}`, found none";
        let hint = "import the log that `oaieval` writes (its --record_path), not the samples of an eval";
        return Err(ImportError::new(path, problem, hint));
    };
    let model = match &spec["completion_fns"] {
        Value::Array(names) => names.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let model: Arc<str> = model
        .or_else(|| spec["model_name"].as_str())
        .unwrap_or("unknown")
        .into();
    let task: Arc<str> = spec["eval_name"].as_str().unwrap_or("eval").into();
    let emit = |id: &str, sampling: &Value, at: Option<&str>, log: &mut Log| {
        let gathered = log.samples.get(id).cloned().unwrap_or_default();
        sample(&model, &task, id, sampling, at, gathered)
    };
    let mut seen = HashSet::new();
    each_line(path, &mut |_, row| {
        let (Some(id), Some("sampling")) = (sample_id(&row), row.get("type").and_then(Value::as_str)) else {
            return Ok(());
        };
        if !seen.insert(id.clone()) {
            let what = "a sample asked more than once (a judge, or a conversation); its first answer is kept";
            log.tally.add(what, &id);
            return Ok(());
        }
        let at = row.get("created_at").and_then(Value::as_str);
        f(emit(&id, row.get("data").unwrap_or(&Value::Null), at, &mut log))
    })?;
    let unasked: Vec<String> = log
        .samples
        .keys()
        .filter(|id| !seen.contains(*id))
        .cloned()
        .collect();
    for id in unasked {
        if log.samples.get(&id).is_some_and(|sample| sample.error.is_none()) {
            log.tally.add("a sample has scores but no answer in the log", &id);
        }
        f(emit(&id, &Value::Null, None, &mut log))?;
    }
    Ok(log.facts(&spec, &model, &task))
}

fn each_line(
    path: &Path,
    f: &mut dyn FnMut(u64, Map<String, Value>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut lines = Lines::open(path)?;
    let mut scratch = Vec::new();
    while let Some(bytes) = lines.next()?.map(<[u8]>::to_vec) {
        let line = lines.line();
        f(line, object(path, line, &bytes, &mut scratch)?)?;
    }
    Ok(())
}

fn sample_id(row: &Map<String, Value>) -> Option<String> {
    match row.get("sample_id")? {
        Value::String(id) => Some(id.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// What the log says of a sample beside its answer.
#[derive(Debug, Clone, Default)]
struct Gathered {
    scores: Vec<ForeignScore>,
    error: Option<String>,
    /// The sample of the eval itself, or the reference of its match.
    raw: Value,
    expected: Value,
}

#[derive(Default)]
struct Log {
    spec: Option<Value>,
    report: Option<Value>,
    samples: IndexMap<String, Gathered>,
    tally: Tally,
}

impl Log {
    fn add(&mut self, line: u64, mut row: Map<String, Value>) {
        if let Some(spec) = row.remove("spec") {
            self.spec = Some(spec);
            return;
        }
        if let Some(report) = row.remove("final_report") {
            self.report = Some(report);
            return;
        }
        let kind = row
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let Some(id) = sample_id(&row) else {
            self.tally.add(
                &format!("an event of type `{kind}` belongs to no sample and is left out"),
                &format!("line {line}"),
            );
            return;
        };
        let data = row.remove("data").unwrap_or(Value::Null);
        let sample = self.samples.entry(id.clone()).or_default();
        let has =
            |sample: &Gathered, metric: &str| sample.scores.iter().any(|score| &*score.metric == metric);
        match kind.as_str() {
            "sampling" => {}
            "match" if has(sample, "match") => {
                self.tally
                    .add("a sample has several matches; the first one is kept", &id);
            }
            "match" => {
                let picked = ["picked", "sampled"].iter().find_map(|key| data[*key].as_str());
                sample.scores.push(score("match", &data["correct"], picked));
                sample.expected = data["expected"].clone();
            }
            "metrics" => {
                for (name, value) in data.as_object().into_iter().flatten() {
                    if value.is_number() || value.is_boolean() {
                        sample.scores.push(score(name, value, None));
                    } else {
                        self.tally
                            .add(&format!("metric `{name}` is no number and is left out"), &id);
                    }
                }
            }
            "error" => sample.error = Some(data["message"].as_str().unwrap_or("error").to_owned()),
            "raw_sample" => sample.raw = data,
            other => self
                .tally
                .add(&format!("events of type `{other}` are left out"), &id),
        }
    }

    fn facts(self, spec: &Value, model: &Arc<str>, task: &Arc<str>) -> FileFacts {
        let text = |key: &str| spec[key].as_str().map(str::to_owned);
        let claim = |report: &Value| {
            Some(Claim {
                model: Arc::clone(model),
                task: Arc::clone(task),
                scorer: "match".into(),
                metric: "match".into(),
                value: report["accuracy"].as_f64()?,
            })
        };
        let mut warnings = self.tally.into_warnings();
        if self.report.is_none() {
            warnings.push("the log has no final report: its run ended before it was written".to_owned());
        }
        let details = ["base_eval", "split", "run_config", "created_by"];
        FileFacts {
            tool: "openai-evals",
            tool_version: None,
            run_id: text("run_id"),
            title: Some(task.to_string()),
            started_at: text("created_at")
                .and_then(|at| timestamp(&at))
                .map(|at| at.to_string()),
            ended_at: None,
            samples_expected: None,
            details: details
                .into_iter()
                .filter(|key| !spec[*key].is_null())
                .map(|key| (key.to_owned(), spec[key].clone()))
                .collect(),
            claims: self.report.as_ref().and_then(claim).into_iter().collect(),
            warnings,
            ..FileFacts::default()
        }
    }
}

/// `2023-03-14 09:26:53.5+00:00`, with a blank or a `T`, with or without an offset (then UTC).
fn timestamp(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| {
        let at: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(at).ok()
    })
}

fn score(name: &str, value: &Value, detail: Option<&str>) -> ForeignScore {
    let number = match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        other => other.as_f64(),
    };
    ForeignScore {
        scorer: name.into(),
        metric: name.into(),
        value: number.map_or(ScoreValue::Unparsed, ScoreValue::Number),
        detail: detail.map(|text| cut(text, DETAIL_CHARS_MAX)),
    }
}

fn sample(
    model: &Arc<str>,
    task: &Arc<str>,
    id: &str,
    sampling: &Value,
    at: Option<&str>,
    gathered: Gathered,
) -> ForeignSample {
    let prompt = match &sampling["prompt"] {
        Value::String(text) => vec![Message::new(Role::User, text)],
        Value::Array(list) => list.iter().map(message).collect(),
        _ => Vec::new(),
    };
    let text = match &sampling["sampled"] {
        Value::Array(list) => list.first().and_then(Value::as_str),
        other => other.as_str(),
    };
    let tokens = |key: &str| sampling["usage"][key].as_u64();
    let answer = Answer {
        text: text.unwrap_or_default().to_owned(),
        served_model: sampling["model"].as_str().map(str::to_owned),
        usage: Usage {
            input_tokens: tokens("prompt_tokens"),
            output_tokens: tokens("completion_tokens"),
            ..Usage::default()
        },
        ..Answer::default()
    };
    ForeignSample {
        model: Arc::clone(model),
        task: Arc::clone(task),
        case_id: id.into(),
        epoch: 0,
        content: CaseContent::of(&[&sampling["prompt"], &gathered.expected]),
        columns: gathered.raw.as_object().cloned().unwrap_or_default(),
        prompt,
        result: match gathered.error {
            None => Ok(answer),
            Some(message) => Err(CallError {
                kind: CallErrorKind::Foreign,
                status: None,
                message: cut(&message, DETAIL_CHARS_MAX),
            }),
        },
        latency_s: None,
        ttft_s: None,
        cost: None,
        started_unix_ms: at.and_then(timestamp).map(jiff::Timestamp::as_millisecond),
        scores: gathered.scores,
    }
}

fn message(message: &Value) -> Message {
    let role = match message["role"].as_str() {
        Some("system" | "developer") => Role::System,
        Some("assistant") => Role::Assistant,
        _ => Role::User,
    };
    let content = message["content"]
        .as_str()
        .map_or_else(|| message["content"].to_string(), str::to_owned);
    Message::new(role, content)
}
