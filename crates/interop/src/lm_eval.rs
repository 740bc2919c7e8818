//! Sample files of lm-evaluation-harness (`samples_TASK_TIME.jsonl`, written with `--log_samples`), with what the
//! `results_TIME.json` beside them says of the run. A document that is scored under several filters has a line for each:
//! they are one sample with several scorers.

use crate::error::ImportError;
use crate::foreign::{
    CaseContent, Claim, FileFacts, ForeignSample, ForeignScore, OnSample, ScoreValue, Tally,
};
use crate::names::cut;
use crate::text_file::{Lines, object};
use seatrial_types::{Answer, Message, Role};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest results file that is read.
const RESULTS_BYTES_MAX: u64 = 256 << 20;
const DETAIL_CHARS_MAX: usize = 500;
/// Keys of a line that are no metrics, for versions that do not list theirs.
const KNOWN_KEYS: [&str; 11] = [
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
];
const NO_FILTER: &str = "none";

pub(crate) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let file = FileName::of(path);
    let mut tally = Tally::default();
    let results = Results::beside(path, &file, &mut tally);
    let model: Arc<str> = results.model().unwrap_or_else(|| file.model.clone()).into();
    if results.0.is_null() {
        let what = "there is no results file beside it: model and settings are not known for certain";
        tally.add(what, &file.task);
    }
    let task: Arc<str> = file.task.as_str().into();
    let scores = gather_scores(path, &mut tally)?;
    let mut seen = HashSet::new();
    each_line(path, &mut |line, row| {
        let id = doc_id(path, line, &row)?;
        if !seen.insert(id.clone()) {
            return Ok(());
        }
        let place = format!("line {line}");
        let scores = scores.get(&id).cloned().unwrap_or_default();
        f(sample(&model, &task, id, &row, scores, &place, &mut tally))
    })?;
    let mut facts = results.facts(&model, &task);
    facts.warnings = tally.into_warnings();
    Ok(facts)
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

fn doc_id(path: &Path, line: u64, row: &Map<String, Value>) -> Result<Arc<str>, ImportError> {
    match (row.get("doc_id"), row.contains_key("resps")) {
        (Some(Value::String(id)), true) => Ok(id.as_str().into()),
        (Some(id), true) if !id.is_null() => Ok(id.to_string().into()),
        _ => {
            let keys: Vec<&str> = row.keys().map(String::as_str).take(8).collect();
            let problem = format!("expected `doc_id` and `resps`, found {}", keys.join(", "));
            let hint =
                "import the samples_….jsonl that lm-eval writes with --log_samples, not its results_….json";
            Err(ImportError::new(path, problem, hint).at(format!("line {line}")))
        }
    }
}

/// Scores of every document under all its filters.
fn gather_scores(
    path: &Path,
    tally: &mut Tally,
) -> Result<HashMap<Arc<str>, Vec<ForeignScore>>, ImportError> {
    let mut all: HashMap<Arc<str>, Vec<ForeignScore>> = HashMap::new();
    each_line(path, &mut |line, row| {
        let id = doc_id(path, line, &row)?;
        let filter = row.get("filter").and_then(Value::as_str).unwrap_or(NO_FILTER);
        let detail = row.get("filtered_resps").and_then(first_text);
        let detail = detail.map(|text| cut(text, DETAIL_CHARS_MAX));
        let listed: Option<Vec<&str>> = row
            .get("metrics")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect());
        let names = listed.unwrap_or_else(|| {
            let keys = row.keys().map(String::as_str);
            keys.filter(|key| !KNOWN_KEYS.contains(key)).collect()
        });
        let scores = all.entry(id).or_default();
        for name in names {
            let number = match row.get(name) {
                Some(Value::Bool(value)) => Some(f64::from(u8::from(*value))),
                Some(Value::Number(value)) => value.as_f64(),
                Some(Value::Null) => None,
                _ => {
                    let what = format!(
                        "metric `{name}` has no number for each document (lm-eval computes it over all of them) and is left out"
                    );
                    tally.add(&what, &format!("line {line}"));
                    continue;
                }
            };
            scores.push(ForeignScore {
                scorer: filter.into(),
                metric: metric_name(name, filter).into(),
                value: number.map_or(ScoreValue::Unparsed, ScoreValue::Number),
                detail: detail.clone(),
            });
        }
        Ok(())
    })?;
    Ok(all)
}

fn metric_name(metric: &str, filter: &str) -> String {
    if filter == NO_FILTER {
        metric.to_owned()
    } else {
        format!("{metric}_{filter}")
    }
}

fn sample(
    model: &Arc<str>,
    task: &Arc<str>,
    case_id: Arc<str>,
    row: &Map<String, Value>,
    scores: Vec<ForeignScore>,
    place: &str,
    tally: &mut Tally,
) -> ForeignSample {
    let get = |key: &str| row.get(key).unwrap_or(&Value::Null);
    let content = match (get("doc_hash"), get("target_hash")) {
        (Value::String(_), Value::String(_)) => CaseContent::of(&[get("doc_hash"), get("target_hash")]),
        _ => CaseContent::of(&[get("doc"), get("target")]),
    };
    let prompt = argument(get("arguments"), 0, 0)
        .map(prompt_messages)
        .unwrap_or_default();
    let text = answer_text(get("arguments"), get("resps"), place, tally);
    let mut columns = get("doc").as_object().cloned().unwrap_or_default();
    columns.entry("target").or_insert_with(|| get("target").clone());
    ForeignSample {
        model: Arc::clone(model),
        task: Arc::clone(task),
        case_id,
        epoch: 0,
        content,
        columns,
        prompt,
        result: Ok(Answer {
            text,
            ..Answer::default()
        }),
        latency_s: None,
        ttft_s: None,
        cost: None,
        started_unix_ms: None,
        scores,
    }
}

/// Argument `position` of request `request`: newer versions write maps `gen_args_0: {arg_0: …}`, older ones lists.
fn argument(arguments: &Value, request: usize, position: usize) -> Option<&Value> {
    match arguments {
        Value::Object(map) => map
            .get(&format!("gen_args_{request}"))?
            .get(format!("arg_{position}")),
        Value::Array(list) => list.get(request)?.get(position),
        _ => None,
    }
}

/// A prompt is a text; with a chat template of an API it is messages, written as JSON.
fn prompt_messages(prompt: &Value) -> Vec<Message> {
    let text = match prompt {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list: Option<Vec<Value>> = text
        .trim_start()
        .starts_with('[')
        .then(|| serde_json::from_str(&text).ok())
        .flatten();
    let messages: Option<Vec<Message>> =
        list.and_then(|list| list.iter().map(chat_message).collect::<Option<_>>());
    messages
        .filter(|messages| !messages.is_empty())
        .unwrap_or_else(|| vec![Message::new(Role::User, text)])
}

fn chat_message(message: &Value) -> Option<Message> {
    let role = match message["role"].as_str()? {
        "system" | "developer" => Role::System,
        "assistant" => Role::Assistant,
        "user" => Role::User,
        _ => return None,
    };
    Some(Message::new(role, message["content"].as_str()?))
}

/// What the model wrote; for likelihoods the choice that it found most likely.
fn answer_text(arguments: &Value, resps: &Value, place: &str, tally: &mut Tally) -> String {
    let requests: &[Value] = resps.as_array().map_or(&[], Vec::as_slice);
    let likelihoods: Vec<f64> = requests.iter().map_while(likelihood).collect();
    if !likelihoods.is_empty() && likelihoods.len() == requests.len() {
        let best = likelihoods
            .iter()
            .enumerate()
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map_or(0, |(index, _)| index);
        let choice = argument(arguments, best, 1).and_then(Value::as_str);
        return choice.unwrap_or_default().trim().to_owned();
    }
    let repeats = requests.first().and_then(Value::as_array).map_or(0, Vec::len);
    if repeats > 1 || requests.len() > 1 {
        tally.add(
            "a document has several responses; the text of the first one is kept",
            place,
        );
    }
    first_text(resps).unwrap_or_default().to_owned()
}

/// The log-likelihood of a request: `[[-1.5, false]]`, or the same in texts.
fn likelihood(request: &Value) -> Option<f64> {
    let pair = match request.get(0)? {
        Value::Array(pair) => pair,
        _ => request.as_array()?,
    };
    let [likelihood, greedy] = pair.as_slice() else {
        return None;
    };
    let is_greedy = greedy.is_boolean() || matches!(greedy.as_str(), Some("True" | "False"));
    let number = likelihood
        .as_f64()
        .or_else(|| likelihood.as_str().and_then(|text| text.parse().ok()));
    number.filter(|_| is_greedy)
}

fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(list) => list.first().and_then(first_text),
        _ => None,
    }
}

/// What the name of a file tells.
struct FileName {
    task: String,
    time: Option<String>,
    model: String,
}

impl FileName {
    fn of(path: &Path) -> Self {
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let rest = stem.strip_prefix("samples_").unwrap_or(&stem);
        let is_time = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('T');
        let (task, time) = match rest.rsplit_once('_') {
            Some((task, time)) if is_time(time) => (task.to_owned(), Some(time.to_owned())),
            _ => (rest.to_owned(), None),
        };
        // lm-eval names the folder after the model, with `__` for `/`.
        let folder = path
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy());
        let model = folder
            .filter(|_| time.is_some())
            .map_or_else(|| "unknown".to_owned(), |folder| folder.replace("__", "/"));
        Self { task, time, model }
    }
}

/// The results file of the same run; `null` where there is none.
struct Results(Value);

impl Results {
    fn beside(path: &Path, file: &FileName, tally: &mut Tally) -> Self {
        let Some(time) = &file.time else {
            return Self(Value::Null);
        };
        let beside: PathBuf = path.with_file_name(format!("results_{time}.json"));
        let Ok(metadata) = std::fs::metadata(&beside) else {
            return Self(Value::Null);
        };
        let place = beside.display().to_string();
        if metadata.len() > RESULTS_BYTES_MAX {
            tally.add("the results file is too large and is not read", &place);
            return Self(Value::Null);
        }
        let mut scratch = Vec::new();
        let read = std::fs::read(&beside).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| {
            crate::tolerant::from_slice::<Value>(&bytes, &mut scratch).map_err(|error| error.to_string())
        });
        Self(read.unwrap_or_else(|error| {
            tally.add(&format!("the results file cannot be read: {error}"), &place);
            Value::Null
        }))
    }

    fn model(&self) -> Option<String> {
        let arguments = self.0["config"]["model_args"].as_str();
        let from_arguments = || {
            let wanted = ["pretrained=", "model="];
            let mut parts = arguments?.split(',');
            parts.find_map(|part| wanted.iter().find_map(|key| part.trim().strip_prefix(key)))
        };
        self.0["model_name"]
            .as_str()
            .or_else(from_arguments)
            .or_else(|| self.0["config"]["model"].as_str())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
    }

    fn facts(&self, model: &Arc<str>, task: &Arc<str>) -> FileFacts {
        let results = &self.0;
        let seconds = |key: &str| results[key].as_f64();
        let at = |seconds: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds are meant")]
            let whole = seconds as i64;
            jiff::Timestamp::from_second(whole).ok().map(|at| at.to_string())
        };
        let started = seconds("date");
        let took = seconds("total_evaluation_time_seconds")
            .or_else(|| results["total_evaluation_time_seconds"].as_str()?.parse().ok());
        let details = [
            ("config", &results["config"]),
            ("task_version", &results["versions"][&**task]),
            ("n_shot", &results["n-shot"][&**task]),
            ("task_hash", &results["task_hashes"][&**task]),
            ("git_hash", &results["git_hash"]),
            ("chat_template_sha", &results["chat_template_sha"]),
            ("system_instruction_sha", &results["system_instruction_sha"]),
            ("fewshot_as_multiturn", &results["fewshot_as_multiturn"]),
        ];
        FileFacts {
            tool: "lm_eval",
            tool_version: results["lm_eval_version"].as_str().map(str::to_owned),
            run_id: None,
            title: Some(task.to_string()),
            started_at: started.and_then(at),
            ended_at: started.zip(took).and_then(|(start, took)| at(start + took)),
            samples_expected: results["n-samples"][&**task]["effective"].as_u64(),
            details: details
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.to_owned(), value.clone()))
                .collect(),
            claims: self.claims(model, task),
            ..FileFacts::default()
        }
    }

    /// The metrics that lm-eval itself aggregates by their mean.
    fn claims(&self, model: &Arc<str>, task: &Arc<str>) -> Vec<Claim> {
        let metric_list = self.0["configs"][&**task]["metric_list"].as_array();
        let is_mean = |name: &str| {
            let of_name = metric_list
                .into_iter()
                .flatten()
                .find(|metric| metric["metric"] == name);
            of_name.is_some_and(|metric| metric["aggregation"] == "mean")
        };
        let values = self.0["results"][&**task].as_object();
        values
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| {
                let (metric, filter) = key.split_once(',')?;
                is_mean(metric).then_some(())?;
                Some(Claim {
                    model: Arc::clone(model),
                    task: Arc::clone(task),
                    scorer: filter.into(),
                    metric: metric_name(metric, filter).into(),
                    value: value.as_f64()?,
                })
            })
            .collect()
    }
}
