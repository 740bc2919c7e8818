//! Scorers in another language: a program or a web service gets a sample as a JSON object and answers with its scores.
//! Apart from the rules, because what judges is elsewhere: here is what is asked, how an answer is read, and that a
//! failure of the one who judges never becomes quality.
//!
//! How the question gets there is a matter of the [`Outside`] port, which the wiring provides: this crate knows neither
//! processes nor the network.

use crate::ScorerError;
use crate::options::{Options, clipped};
use crate::scorer::DETAIL_CHARS_MAX;
use futures_util::future::BoxFuture;
use seatrial_config::{DECLARED, Metric, OptionEntry, OptionShape, ScorerEntry, parse_duration};
use seatrial_task::{Model, Outside, Scorer, ScorerInput, Scoring};
use seatrial_types::{Message, MetricKind, MetricSpec, Outcome, Role, Score, ToolCall};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Time that one question may take unless the suite says otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
/// Attempts at one question unless the suite says otherwise.
pub const ATTEMPTS_DEFAULT: u32 = 3;
/// Most attempts at one question.
pub const ATTEMPTS_MAX: u32 = 100;

const fn option(name: &'static str, shape: OptionShape, what: &'static str) -> OptionEntry {
    OptionEntry {
        name,
        shape,
        what,
        required: false,
    }
}

const METRICS: OptionEntry = option(
    "metrics",
    OptionShape::Metrics,
    "kind of the score (binary, bounded or real), or a map from names to kinds for several; default bounded",
);
const TIMEOUT: OptionEntry = option(
    "timeout",
    OptionShape::Text,
    "time for one sample, such as 30s; default 60s",
);
const ATTEMPTS: OptionEntry = option(
    "attempts",
    OptionShape::Number,
    "attempts at one sample; default 3",
);

/// The scorers of this module, for the vocabulary.
pub const OUTSIDE_SCORERS: &[ScorerEntry] = &[
    ScorerEntry {
        name: "exec",
        what: "asks a program: one JSON object a line on its standard input, one with `score` on its standard output",
        options: &[
            OptionEntry {
                name: "command",
                shape: OptionShape::TextOrList,
                what: "program and arguments, without a shell",
                required: true,
            },
            option(
                "cwd",
                OptionShape::Text,
                "folder in which it runs; default: the folder of the suite",
            ),
            option(
                "env",
                OptionShape::TextOrList,
                "names of environment variables that it is given beside PATH, HOME and a few like them",
            ),
            option("workers", OptionShape::Number, "processes at most; default 1"),
            option(
                "in_flight",
                OptionShape::Number,
                "samples that one process is given at a time; default 1",
            ),
            METRICS,
            TIMEOUT,
            ATTEMPTS,
        ],
        metrics: DECLARED,
    },
    ScorerEntry {
        name: "http",
        what: "asks a web service: a JSON object is posted, one with `score` is the answer",
        options: &[
            OptionEntry {
                name: "url",
                shape: OptionShape::Text,
                what: "http or https address",
                required: true,
            },
            option(
                "headers",
                OptionShape::Any,
                "further headers, a map from names to values; no keys here",
            ),
            option(
                "headers_env",
                OptionShape::Any,
                "further headers whose values are in environment variables, a map from names to variables",
            ),
            option(
                "concurrency",
                OptionShape::Number,
                "samples in flight at most; default 16",
            ),
            METRICS,
            TIMEOUT,
            ATTEMPTS,
        ],
        metrics: DECLARED,
    },
];

/// Who judges, as the suite describes it.
#[derive(Debug, Clone, PartialEq)]
pub enum OutsideUse {
    /// A program.
    Program {
        /// Program and arguments.
        command: Vec<String>,
        /// Folder in which it runs, as written.
        cwd: Option<String>,
        /// Names of variables that it is given.
        env: Vec<String>,
        /// Processes at most.
        workers: usize,
        /// Samples that one process is given at a time.
        in_flight: usize,
    },
    /// A web service.
    Service {
        /// Its address.
        url: String,
        /// Headers with their values.
        headers: Vec<(String, String)>,
        /// Headers with the variables that hold their values.
        headers_env: Vec<(String, String)>,
        /// Samples in flight at most.
        concurrency: usize,
    },
}

/// A scorer of this module, read from its options, without anybody to ask yet.
#[derive(Debug, Clone, PartialEq)]
pub struct OutsidePlan {
    /// Who judges.
    pub judged_by: OutsideUse,
    /// Time for one question.
    pub timeout: Duration,
    /// Attempts at one question.
    pub attempts: u32,
    name: &'static str,
    /// Names of the metrics in answers; empty where there is one alone.
    names: Vec<String>,
    specs: Vec<MetricSpec>,
}

/// Whether a scorer is one of this module.
#[must_use]
pub fn is_outside(name: &str) -> bool {
    OUTSIDE_SCORERS.iter().any(|entry| entry.name == name)
}

impl OutsidePlan {
    /// Reads the options of a scorer; `metrics` are those that the suite declares for it.
    ///
    /// # Errors
    /// [`ScorerError`] names the first option at fault.
    pub fn parse(name: &str, map: &Map<String, Value>, metrics: &[Metric]) -> Result<Self, ScorerError> {
        let entry = OUTSIDE_SCORERS.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| ScorerError::UnknownScorer {
            found: name.to_owned(),
            expected: "exec, http".to_owned(),
        })?;
        let own = |key: &str| entry.options.iter().any(|option| option.name == key);
        let taken = |key: &str| own(key) || matches!(key, "name" | "unparsed" | "refused");
        if let Some(unknown) = map.keys().find(|key| !taken(key)) {
            let all = entry.options.iter().map(|option| option.name);
            let all: Vec<&str> = all.chain(["name", "unparsed", "refused"]).collect();
            return Err(ScorerError::UnknownOption {
                scorer: entry.name,
                option: unknown.clone(),
                expected: all.join(", "),
            });
        }
        let options = Options {
            scorer: entry.name,
            map,
        };
        let judged_by = match entry.name {
            "exec" => program(&options)?,
            _ => service(&options)?,
        };
        let names = match map.get("metrics") {
            Some(Value::Object(declared)) => declared.keys().cloned().collect(),
            _ => Vec::new(),
        };
        // Unlike a rule, a judge that could not read an answer says nothing about it.
        let is_wrong = |key: &'static str| Ok(options.text(key)?.as_deref() == Some("wrong"));
        let (unparsed_is_wrong, refused_is_wrong) = (is_wrong("unparsed")?, is_wrong("refused")?);
        let specs = metrics.iter().map(|metric| MetricSpec {
            name: Cow::Owned(metric.name.clone()),
            kind: metric.kind,
            unit: metric.unit,
            pillar: metric.pillar,
            unparsed_is_wrong,
            refused_is_wrong,
        });
        let attempts = whole(
            &options,
            "attempts",
            u64::from(ATTEMPTS_DEFAULT),
            u64::from(ATTEMPTS_MAX),
        )?;
        Ok(Self {
            judged_by,
            timeout: timeout(&options)?,
            attempts: u32::try_from(attempts).unwrap_or(ATTEMPTS_DEFAULT),
            name: entry.name,
            names,
            specs: specs.collect(),
        })
    }

    /// The metrics that it yields.
    #[must_use]
    pub fn metrics(&self) -> &[MetricSpec] {
        &self.specs
    }

    /// The scorer, with somebody to ask. `depends_on` are the files that decide how it judges, as the suite writes them
    /// and where they are.
    #[must_use]
    pub fn asking(self, backend: Arc<dyn Outside>, depends_on: Vec<(String, PathBuf)>) -> OutsideScorer {
        OutsideScorer {
            plan: self,
            backend,
            depends_on,
        }
    }
}

fn program(options: &Options<'_>) -> Result<OutsideUse, ScorerError> {
    let hint = "write command: [python3, score.py]";
    let command = texts(options, "command")?;
    if command.first().is_none_or(String::is_empty) {
        return Err(options.invalid_text("command", "nothing".to_owned(), "a program", hint));
    }
    let count = |key, default, most| {
        whole(options, key, default, most).map(|count| usize::try_from(count).unwrap_or(1))
    };
    Ok(OutsideUse::Program {
        command,
        cwd: options.text("cwd")?.map(Cow::into_owned),
        env: texts(options, "env")?,
        workers: count("workers", 1, 256)?,
        in_flight: count("in_flight", 1, 1024)?,
    })
}

fn service(options: &Options<'_>) -> Result<OutsideUse, ScorerError> {
    let url = options.text("url")?.unwrap_or_default().into_owned();
    if url.is_empty() {
        let hint = "write url: https://host/score";
        return Err(options.invalid_text("url", "nothing".to_owned(), "an address", hint));
    }
    let concurrency = whole(options, "concurrency", 16, 4096)?;
    Ok(OutsideUse::Service {
        url,
        headers: pairs(options, "headers")?,
        headers_env: pairs(options, "headers_env")?,
        concurrency: usize::try_from(concurrency).unwrap_or(16),
    })
}

/// A text or a list of texts.
fn texts(options: &Options<'_>, key: &'static str) -> Result<Vec<String>, ScorerError> {
    let wrong = |value: &Value| {
        options.invalid(
            key,
            value,
            "a text or a list of texts",
            "put quotes around numbers",
        )
    };
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(value));
    match options.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(one) => Ok(vec![text(one)?]),
    }
}

/// A map from texts to texts.
fn pairs(options: &Options<'_>, key: &'static str) -> Result<Vec<(String, String)>, ScorerError> {
    let expected = "a map from names to texts";
    let hint = "write {x-team: quality}";
    match options.value(key) {
        None => Ok(Vec::new()),
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, value)| match value.as_str() {
                Some(text) => Ok((name.clone(), text.to_owned())),
                None => Err(options.invalid(key, value, expected, hint)),
            })
            .collect(),
        Some(other) => Err(options.invalid(key, other, expected, hint)),
    }
}

fn whole(options: &Options<'_>, key: &'static str, default: u64, most: u64) -> Result<u64, ScorerError> {
    let Some(value) = options.value(key) else {
        return Ok(default);
    };
    let number = value.as_u64().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        options.invalid(
            key,
            value,
            format!("a whole number from 1 to {most}"),
            "remove it for the default",
        )
    })
}

fn timeout(options: &Options<'_>) -> Result<Duration, ScorerError> {
    let Some(value) = options.value("timeout") else {
        return Ok(TIMEOUT_DEFAULT);
    };
    let duration = value
        .as_str()
        .and_then(parse_duration)
        .filter(|time| !time.is_zero());
    duration.ok_or_else(|| options.invalid("timeout", value, "a time with its unit", "write timeout: 30s"))
}

/// A scorer whose judgement comes from outside.
pub struct OutsideScorer {
    plan: OutsidePlan,
    backend: Arc<dyn Outside>,
    depends_on: Vec<(String, PathBuf)>,
}

impl Scorer for OutsideScorer {
    fn name(&self) -> &'static str {
        self.plan.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.plan.specs
    }

    fn depends_on(&self) -> &[(String, PathBuf)] {
        &self.depends_on
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.backend.close()
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, _judge: Option<&'a dyn Model>) -> Scoring<'a> {
        let request = request(&input);
        Scoring::Later(Box::pin(async move {
            match self.backend.ask(request).await {
                Ok(answer) => self.read(&answer),
                Err(problem) => self.all(Outcome::Error, &problem),
            }
        }))
    }
}

impl OutsideScorer {
    fn all(&self, outcome: Outcome, detail: &str) -> Vec<Score> {
        let detail = clipped(detail, DETAIL_CHARS_MAX).into_owned();
        (0..self.plan.specs.len())
            .map(|index| score(index, outcome, None, Some(detail.clone())))
            .collect()
    }

    fn read(&self, answer: &Map<String, Value>) -> Vec<Score> {
        let reason = answer.get("reason").and_then(Value::as_str).unwrap_or_default();
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let error = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            return self.all(Outcome::Error, &format!("the scorer says: {error}"));
        }
        match answer
            .get("outcome")
            .map(|outcome| outcome.as_str().unwrap_or_default())
        {
            None | Some("scored") => {}
            Some("unparsed") => return self.all(Outcome::Unparsed, reason),
            Some(other) => {
                let problem = format!("the scorer's `outcome` is `{other}`, expected `scored` or `unparsed`");
                return self.all(Outcome::Error, &problem);
            }
        }
        let specs = self.plan.specs.iter().enumerate();
        specs
            .map(|(index, spec)| self.one(index, spec, answer, reason))
            .collect()
    }

    /// One metric out of an answer. What is not what the suite declares is a fault of the scorer, not of the answer.
    fn one(&self, index: usize, spec: &MetricSpec, answer: &Map<String, Value>, reason: &str) -> Score {
        let detail = |text: &str| Some(clipped(text, DETAIL_CHARS_MAX).into_owned());
        let (place, value) = match self.plan.names.get(index) {
            None => ("score".to_owned(), answer.get("score")),
            Some(name) => {
                let of_name = answer.get("scores").and_then(|scores| scores.get(name));
                let alone = (self.plan.names.len() == 1)
                    .then(|| answer.get("score"))
                    .flatten();
                (format!("scores.{name}"), of_name.or(alone))
            }
        };
        let number = match value {
            None => {
                let problem = format!("the scorer's answer has no `{place}`");
                return score(index, Outcome::Error, None, detail(&problem));
            }
            // Said to be unknown, for this metric alone.
            Some(Value::Null) => return score(index, Outcome::Unparsed, None, detail(reason)),
            Some(Value::Bool(truth)) => Some(f64::from(u8::from(*truth))),
            Some(other) => other.as_f64(),
        };
        let fits = |number: &f64| match spec.kind {
            MetricKind::Binary => *number == 0.0 || *number == 1.0,
            MetricKind::Bounded => (0.0..=1.0).contains(number),
            MetricKind::Real => number.is_finite(),
        };
        let Some(number) = number.filter(fits) else {
            let expected = match spec.kind {
                MetricKind::Binary => "true, false, 1 or 0 (the suite says binary)",
                MetricKind::Bounded => "a number from 0 to 1 (the suite says bounded)",
                MetricKind::Real => "a number",
            };
            let found = value.map(Value::to_string).unwrap_or_default();
            let problem = format!("the scorer's `{place}` is {found}, expected {expected}");
            return score(index, Outcome::Error, None, detail(&problem));
        };
        score(
            index,
            Outcome::Scored,
            Some(number),
            Some(reason).filter(|text| !text.is_empty()).and_then(detail),
        )
    }
}

fn score(index: usize, outcome: Outcome, value: Option<f64>, detail: Option<String>) -> Score {
    Score {
        metric: u16::try_from(index).unwrap_or(u16::MAX),
        outcome,
        value,
        detail,
    }
}

/// What the one who judges gets to see.
fn request(input: &ScorerInput<'_>) -> Map<String, Value> {
    let case = input.case;
    let last = input
        .prompt
        .iter()
        .rev()
        .find(|message| message.role == Role::User);
    let prompt = last.map_or("", |message| &message.content);
    let messages = input.prompt.iter().map(Message::told);
    let tool_calls = input.answer.tool_calls.iter().map(ToolCall::told);
    let usage = &input.answer.usage;
    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds of a call are far below 2^53"
    )]
    let latency_ms = input
        .call
        .timing()
        .and_then(seatrial_types::Timing::latency_ns)
        .map(|ns| ns as f64 / 1e6);
    let object = json!({
        "case_id": &*case.id,
        "input": case.input,
        "prompt": prompt,
        "messages": messages.collect::<Vec<_>>(),
        "output": input.answer.text,
        "tool_calls": tool_calls.collect::<Vec<_>>(),
        "expected": case.expected,
        "choices": case.choices,
        "metadata": *case.columns,
        "finish_reason": input.answer.finish_reason.as_ref().map(seatrial_types::FinishReason::as_str),
        "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        "latency_ms": latency_ms,
        "cost_usd": input.cost.map(seatrial_types::Money::to_usd_f64),
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
