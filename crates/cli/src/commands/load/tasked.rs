//! A load task of a suite, from its plan to its outcome. Apart from the command, whose arguments it is translated into: a
//! load task is the command line that it stands for, read by the same parser, so that both mean the same.

use super::cases::{Loaded, TaskCases, cost_of, score, usage_of};
use super::endpoint::{Asked, connected, usual_request};
use super::figures::figures;
use super::pace::schedule;
use super::result::LoadResult;
use super::stopper::Stopper;
use super::{find, run, work};
use crate::args::LoadArguments;
use crate::endpoints;
use crate::error::CliError;
use crate::output;
use crate::wiring::Wires;
use clap::Parser;
use seatrial_config::{Endpoint as Written, LoadTask, LoadWork, OpenAiApi, Target};
use seatrial_engine::AskedModels;
use seatrial_load::slo::Objectives;
use seatrial_load::{
    ANSWERS_BYTES_MAX, AnswerForm, EarlyEnd, FixedRequests, KeepingAnswers, Live, LiveCounts, RequestRecord,
    RequestSource, RequestWatch, RunPlan,
};
use seatrial_provider::{Endpoint, Pressure};
use seatrial_task::{Plan, TaskScorers};
use seatrial_types::{LoadOutcome, Money, Price, SampleRecord, Usage};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Characters that are taken for a token where a price must be known beforehand.
const CHARS_PER_TOKEN: u64 = 4;

/// Why a load task cannot be made: key of its `load`, message, hint.
pub(crate) type LoadProblem = (&'static str, String, Option<String>);

/// A load task on one target, checked before anything is asked.
pub(crate) struct TaskLoad {
    pub(crate) load_index: usize,
    pub(crate) target_index: usize,
    arguments: LoadArguments,
    objectives: Option<Objectives>,
    endpoint: Endpoint,
    form: AnswerForm,
    api: &'static str,
    timeout: Duration,
    price: Option<Price>,
    /// Most tokens of an answer, where something limits them.
    answer_tokens_max: Option<u64>,
    calls: Option<u64>,
}

/// Requests that a load task sends to one target, warm-up included; `None` for users who ask for a time, of whom nobody
/// knows how often they will, and for rates that change.
pub(crate) fn calls_of(load: &LoadTask) -> Option<u64> {
    let rate = load.rate.as_ref().map(|rate| rate.parse::<f64>());
    let warm_up = load.warmup.unwrap_or_default().as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of requests; a cast of a float saturates"
    )]
    let in_time = |rate: f64, seconds: f64| (rate * seconds).ceil() as u64;
    match (load.requests, rate, load.duration) {
        (Some(requests), Some(Ok(rate)), _) => Some(requests.saturating_add(in_time(rate, warm_up))),
        (Some(requests), None, _) if load.warmup.is_none() => Some(requests),
        (None, Some(Ok(rate)), Some(duration)) => Some(in_time(rate, duration.as_secs_f64() + warm_up)),
        _ => None,
    }
}

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(flatten)]
    load: LoadArguments,
}

impl TaskLoad {
    /// Checks everything that can be wrong before the first request.
    pub(crate) fn prepare(
        load: &LoadTask,
        (load_index, target_index): (usize, usize),
        target: &Target,
        wires: &Wires<'_>,
    ) -> Result<Self, LoadProblem> {
        let (form, api) = form_of(&target.endpoint).ok_or_else(|| {
            let message = format!(
                "target `{}` is of provider `{}`, which cannot be loaded",
                target.name,
                target.endpoint.provider()
            );
            let hint = "name targets that are called over HTTP under `targets`".to_owned();
            ("", message, Some(hint))
        })?;
        let line = command_line(load, target, api);
        let arguments = Line::try_parse_from(line)
            .map_err(|error| argument_problem(&error.to_string()))?
            .load;
        let objectives = find::objectives(&arguments).map_err(|error| argument_problem(&error.message))?;
        schedule(&arguments.shape, None).map_err(|error| argument_problem(&error.message))?;
        let pressure = Arc::new(Pressure::default());
        let mut endpoint = endpoints::described(target, wires, &pressure)
            .map_err(|(_, message, hint)| ("", message, hint))?;
        let mut answer_tokens_max = target.answer_tokens_max();
        if let Some(tokens) = load.max_tokens {
            let known = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
            known.iter().for_each(|key| {
                endpoint.params.remove(*key);
            });
            let name = super::endpoint::output_parameter(&arguments);
            endpoint.params.insert(name.to_owned(), tokens.into());
            answer_tokens_max = Some(tokens);
        }
        Ok(Self {
            load_index,
            target_index,
            arguments,
            objectives,
            endpoint,
            form,
            api,
            timeout: target.limits.timeout,
            price: target.price.clone(),
            answer_tokens_max,
            calls: calls_of(load),
        })
    }

    /// Requests that it will send, where that is known beforehand.
    pub(crate) const fn calls(&self) -> Option<u64> {
        self.calls
    }

    /// Most time that it takes, where that is known.
    pub(crate) fn time(&self) -> Option<Duration> {
        let shape = &self.arguments.shape;
        shape.duration.map(|duration| duration + shape.warmup)
    }

    /// Loads the target, measures, and judges the answers where the task says how.
    pub(crate) fn carry_out(&self, work: &TaskWork<'_>) -> Result<TaskEnd, CliError> {
        let load = work
            .plan
            .draft
            .loads
            .get(self.load_index)
            .ok_or_else(|| CliError::infrastructure("the plan has no such load task"))?;
        let (cases, asked) = self.asked(load, work)?;
        if let Some(why) = self.too_dear(&asked, work) {
            return Ok(TaskEnd::TooDear(why));
        }
        let mut schedule = schedule(&self.arguments.shape, None)?;
        let started_at = crate::session::now();
        let started_unix_ms = unix_ms();
        let watch = Arc::new(Spending::new(self.price.clone(), work.money_left));
        let paces = std::mem::take(&mut schedule.paces);
        let live = Live::new(
            paces.len(),
            schedule.in_flight_max as u64,
            self.arguments.shape.requests.unwrap_or(u64::MAX),
        );
        let live = Arc::new(live.with_watch(Arc::clone(&watch) as Arc<dyn RequestWatch>));
        work.stopper.begin(&live);
        let plan = RunPlan {
            target: asked.target.clone(),
            paces,
            warm_up: self.arguments.shape.warmup,
            duration: schedule.duration.or(self.arguments.shape.duration),
            drain: self.arguments.shape.drain,
        };
        let (run, _) = run(&self.arguments, &asked, plan, &live, None)?;
        let times = (started_at, crate::session::now());
        let result = LoadResult::new(
            &self.arguments,
            &asked,
            &schedule,
            &run,
            self.objectives.as_ref(),
            times.clone(),
        );
        let is_stopped = run.early_end == Some(EarlyEnd::Interrupted) || work.stopper.is_stopped();
        let is_capped = watch.is_passed();
        let mut outcome = LoadOutcome {
            task: load.name.clone(),
            target: work.target_name(self.target_index).to_owned(),
            started_at: times.0,
            ended_at: times.1,
            is_whole: !is_stopped && !is_capped,
            requests: result.measured.requests.n,
            failed: result.measured.requests.failed,
            figures: Vec::new(),
            cost_usd: cost_of(run.recording.requests(), self.price.as_ref()),
            warnings: result.warnings.clone(),
            result: Value::Null,
        };
        if !outcome.is_whole {
            return Ok(TaskEnd::Unfinished {
                outcome,
                is_capped: is_capped && !is_stopped,
            });
        }
        outcome.figures = figures(&result, self.objectives.as_ref());
        outcome.result = result.json(&Value::Null);
        outcome.warnings.extend(
            result
                .first_errors()
                .map(|(kind, count, message)| format!("{count} × {kind}, the first: {message}")),
        );
        output::stderr(&super::text::report(&result, None));
        let samples = match (&cases, load.task_index()) {
            (Some(cases), Some(task_index)) => {
                let loaded =
                    Loaded {
                        run: &run,
                        cases,
                        planned: work.plan.tasks.get(task_index).ok_or_else(|| {
                            CliError::infrastructure("the plan has no task for these answers")
                        })?,
                        api: &self.endpoint.api,
                        url: &asked.url,
                        price: self.price.as_ref(),
                        started_unix_ms,
                        target: u16::try_from(self.target_index).unwrap_or(u16::MAX),
                        task: u16::try_from(task_index).unwrap_or(u16::MAX),
                    };
                let (samples, missing) = loaded.samples();
                if missing > 0 {
                    outcome.warnings.push(format!(
                        "{missing} answers were not kept, for there is room for {} MiB: they are measured and not scored",
                        ANSWERS_BYTES_MAX >> 20
                    ));
                }
                if samples.len() > cases.len() {
                    outcome.warnings.push(format!(
                        "the load needed {} requests and the task has {} cases: they were asked again",
                        samples.len(),
                        cases.len()
                    ));
                }
                outcome.cost_usd = loaded.other_cost();
                let scorers = work.scorers.get(task_index).map_or(&[][..], Vec::as_slice);
                output::stderr(&format!("scoring {} answers of the load\n", samples.len()));
                match score(samples, scorers, work.models, &|| work.stopper.is_stopped())? {
                    Some(samples) => samples,
                    None => {
                        outcome.is_whole = false;
                        outcome.cost_usd = cost_of(run.recording.requests(), self.price.as_ref());
                        return Ok(TaskEnd::Unfinished {
                            outcome,
                            is_capped: false,
                        });
                    }
                }
            }
            _ => Vec::new(),
        };
        Ok(TaskEnd::Whole { outcome, samples })
    }

    /// The requests of this load at its endpoint.
    fn asked(&self, load: &LoadTask, work: &TaskWork<'_>) -> Result<(Option<TaskCases>, Asked), CliError> {
        let cases = match load
            .task_index()
            .and_then(|at| Some((at, work.plan.tasks.get(at)?)))
        {
            None => None,
            Some((at, planned)) => {
                let scorers = work.scorers.get(at).map_or(&[][..], Vec::as_slice);
                let asks = scorers.iter().any(|scorer| scorer.needs_log_probabilities());
                let wanted = self
                    .arguments
                    .shape
                    .requests
                    .filter(|_| self.arguments.shape.warmup.is_zero());
                Some(TaskCases::read(planned, &self.endpoint, load.seed, wanted, asks)?)
            }
        };
        let requests = match &cases {
            Some(cases) => cases.requests.clone(),
            None => match work::made(&self.arguments, &self.endpoint)? {
                Some(made) => made.requests,
                None => vec![usual_request(&self.arguments, &self.endpoint)?.into()],
            },
        };
        let mut source: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(requests));
        if cases.is_some() {
            source = Arc::new(KeepingAnswers {
                requests: source,
                bytes_max: ANSWERS_BYTES_MAX,
            });
        }
        let model = self.arguments.endpoint.model.as_deref();
        let place = (self.timeout, false, model);
        let asked = connected(self.endpoint.clone(), self.form, self.api, (source, None), place)?;
        Ok((cases, asked))
    }

    /// Why the load is not begun: what it is going to cost passes what is left.
    fn too_dear(&self, asked: &Asked, work: &TaskWork<'_>) -> Option<String> {
        let (left, price) = (work.money_left?, self.price.as_ref()?);
        let calls = self.calls?;
        let mut request = Vec::new();
        asked.source.push_request(0, &mut request);
        let usage = Usage {
            input_tokens: Some(request.len() as u64 / CHARS_PER_TOKEN),
            output_tokens: Some(self.answer_tokens_max?),
            ..Usage::default()
        };
        let each = price.cost(&usage)?;
        let whole = Money::from_picodollars(each.picodollars().saturating_mul(i128::from(calls)));
        (whole > left).then(|| {
            format!("{calls} requests with answers of `max_tokens` may cost ${whole}, and ${left} are left")
        })
    }
}

/// What load tasks need beside themselves.
pub(crate) struct TaskWork<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) scorers: &'a TaskScorers,
    pub(crate) models: &'a AskedModels,
    pub(crate) stopper: &'a Stopper,
    /// What may still be spent; `None` without a cap.
    pub(crate) money_left: Option<Money>,
}

impl TaskWork<'_> {
    fn target_name(&self, index: usize) -> &str {
        let target = self.plan.draft.targets.get(index);
        target.map_or("", |target| target.name.as_str())
    }
}

/// How a load task ended.
pub(crate) enum TaskEnd {
    /// Measured, and its answers scored.
    Whole {
        outcome: LoadOutcome,
        samples: Vec<SampleRecord>,
    },
    /// Stopped by somebody, or by the cap on money.
    Unfinished { outcome: LoadOutcome, is_capped: bool },
    /// Not begun, for this reason.
    TooDear(String),
}

/// Adds up what requests cost, and ends the load before the cap is passed.
#[derive(Debug)]
struct Spending {
    price: Option<Price>,
    /// Picodollars that may be spent.
    left: Option<i64>,
    spent: AtomicI64,
    dearest: AtomicI64,
    is_passed: AtomicBool,
}

impl Spending {
    fn new(price: Option<Price>, left: Option<Money>) -> Self {
        Self {
            price,
            left: left.map(|left| i64::try_from(left.picodollars()).unwrap_or(i64::MAX)),
            spent: AtomicI64::new(0),
            dearest: AtomicI64::new(0),
            is_passed: AtomicBool::new(false),
        }
    }

    fn is_passed(&self) -> bool {
        self.is_passed.load(Relaxed)
    }
}

impl RequestWatch for Spending {
    fn began(&self, _intended_ns: u64) {}

    fn ended(&self, record: &RequestRecord, counts: LiveCounts) -> bool {
        let (Some(price), Some(left)) = (&self.price, self.left) else {
            return false;
        };
        let cost = price.cost(&usage_of(record)).unwrap_or_default().picodollars();
        let cost = i64::try_from(cost).unwrap_or(i64::MAX);
        let spent = self.spent.fetch_add(cost, Relaxed).saturating_add(cost);
        let dearest = self.dearest.fetch_max(cost, Relaxed).max(cost);
        let under_way = i64::try_from(counts.in_flight()).unwrap_or(i64::MAX);
        if spent.saturating_add(under_way.saturating_mul(dearest)) < left {
            return false;
        }
        self.is_passed.store(true, Relaxed);
        true
    }
}

pub(super) fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// How answers of an endpoint are read; `None` for one that is not called over HTTP.
pub(super) const fn form_of(endpoint: &Written) -> Option<(AnswerForm, &'static str)> {
    Some(match endpoint {
        Written::OpenAi(openai) => match openai.api {
            OpenAiApi::Chat => (AnswerForm::Chat, "chat"),
            OpenAiApi::Completions => (AnswerForm::Completions, "completions"),
            OpenAiApi::Responses => (AnswerForm::Responses, "responses"),
            OpenAiApi::Embeddings => (AnswerForm::Embeddings, "embeddings"),
        },
        Written::Anthropic(_) => (AnswerForm::Messages, "messages"),
        Written::Http(_) => (AnswerForm::Any, "http"),
        Written::Recorded(_) | Written::Exec(_) => return None,
    })
}

/// The command line that a load task stands for.
fn command_line(load: &LoadTask, target: &Target, api: &str) -> Vec<String> {
    let mut line: Vec<String> = Vec::new();
    let mut add = |name: &str, value: &dyn std::fmt::Display| line.push(format!("--{name}={value}"));
    // Where requests go is told by the target itself.
    add("base-url", &"http://target.invalid");
    add("model", &target.model().unwrap_or("model"));
    match api {
        "messages" => add("provider", &"anthropic"),
        "chat" | "completions" | "responses" | "embeddings" => add("api", &api),
        _ => {}
    }
    if let Some(users) = load.concurrency {
        add("concurrency", &users);
    }
    if let Some(rate) = &load.rate {
        add("rate", rate);
        add("arrivals", &load.arrivals);
    }
    if let Some(most) = load.max_in_flight {
        add("max-in-flight", &most);
    }
    if let Some(duration) = load.duration {
        add("duration", &milliseconds(duration));
    }
    if let Some(requests) = load.requests {
        add("requests", &requests);
    }
    if let Some(warm_up) = load.warmup {
        add("warmup", &milliseconds(warm_up));
    }
    add("drain", &milliseconds(load.drain));
    add("timeout", &milliseconds(target.limits.timeout));
    add("seed", &load.seed);
    if let Some(slo) = &load.slo {
        add("slo", slo);
    }
    match &load.work {
        LoadWork::Prompt { prompt } => add("prompt", prompt),
        LoadWork::Lengths { input, output } => {
            add("input-tokens", input);
            if let Some(output) = output {
                add("output-tokens", output);
            }
        }
        LoadWork::Usual | LoadWork::Answers { .. } => {}
    }
    if load.allow_degraded {
        line.push("--allow-degraded".to_owned());
    }
    line
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis().max(1))
}

/// What the parser of arguments says, in the words of a suite: the key and the first line of the message.
fn argument_problem(message: &str) -> LoadProblem {
    const KEYS: [(&str, &str); 10] = [
        ("--arrivals", "arrivals"),
        ("--rate", "rate"),
        ("--slo", "slo"),
        ("--input-tokens", "input_tokens"),
        ("--output-tokens", "output_tokens"),
        ("--duration", "duration"),
        ("--requests", "requests"),
        ("--warmup", "warmup"),
        ("--max-in-flight", "max_in_flight"),
        ("--concurrency", "concurrency"),
    ];
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let key = KEYS.iter().find(|(argument, _)| first.contains(argument));
    let told = KEYS.iter().fold(first.to_owned(), |text, (argument, key)| {
        text.replace(argument, &format!("`{key}`"))
    });
    (key.map_or("", |(_, key)| *key), told, None)
}
