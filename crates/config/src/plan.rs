//! The typed result of reading a suite: what every later floor works from. Apart from the reading, because task,
//! engine, analyse and score need these types and nothing of YAML.

mod dataset;
mod gate;
mod load;
mod quarantine;

pub use dataset::{Dataset, DatasetFormat, DatasetFrom, Fetched, FieldSource, Fields, Hub, InlineCase};
pub use gate::{Against, BaselineUse, Bound, Condition, Gate, Margin, NoCritical, OnInconclusive, Relation};
pub use load::{LoadGate, LoadTask, LoadWork};
pub use quarantine::Quarantined;

use crate::diagnostics::{Diagnostics, Location, Source};
use crate::remote::{Anthropic, Http, OpenAi};
use seatrial_types::{MetricKind, Money, Pillar, Price, Role, Unit};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A suite, read and checked, before its datasets are looked at.
///
/// Lists keep the order of the file; their indexes are the indexes of records. There is at least one target and one
/// task; names are unique in their list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DraftPlan {
    /// The suite file as it was named.
    pub path: PathBuf,
    /// Name of the suite.
    pub name: String,
    /// Seed of everything random; 0 unless given.
    pub seed: u64,
    /// Endpoints under test.
    pub targets: Vec<Target>,
    /// Endpoints that scorers ask. They are not evaluated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Target>,
    /// What is asked of each of them.
    pub tasks: Vec<Task>,
    /// What each target is loaded with after the evaluation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadTask>,
    /// Conditions on the results.
    pub gates: Vec<Gate>,
    /// Conditions on what load tasks measure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_gates: Vec<LoadGate>,
    /// The baseline that gates compare with; `None` where the suite does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineUse>,
    /// How many samples may end in an error.
    pub error_cap: ErrorCap,
    /// What a run may take; no caps unless given.
    pub budget: Budget,
    /// How far a run goes on for gates that say `on_inconclusive: extend`.
    #[serde(skip_serializing_if = "Extend::is_default")]
    pub extend: Extend,
    /// Whether answers are kept and used again; off unless given.
    pub cache: CacheMode,
    /// Cases that are known to be unreliable, in the order of the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<Quarantined>,
    /// Where things are written, for errors that show only later; `Origin::default()` for a plan made by hand.
    #[serde(skip)]
    pub origin: Origin,
}

/// The text of a suite and the places of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub(crate) source: Source,
    /// From a path such as `tasks/0/scorers/1/pattern` to a location.
    pub(crate) locations: BTreeMap<String, Location>,
    pub(crate) environment: BTreeMap<String, String>,
}

/// An endpoint under test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// Name, unique in the suite; letters, digits, `_`, `.`, `-`.
    pub name: String,
    /// Where the answers come from.
    pub endpoint: Endpoint,
    /// What it charges; `None` is "unknown", and then cost is unknown too.
    pub price: Option<Price>,
    /// Where its price stands, in place of the price until that is looked up; what is found goes into `price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_table: Option<PriceTable>,
    /// How hard it may be driven.
    pub limits: Limits,
    /// What happens after a failed attempt.
    pub retry: Retry,
}

impl Target {
    /// Most tokens that an answer can have by the parameters of the request, over all answers of one call; `None` where
    /// they set no limit.
    #[must_use]
    pub fn answer_tokens_max(&self) -> Option<u64> {
        const LIMITS: &[&str] = &["max_completion_tokens", "max_output_tokens", "max_tokens"];
        let params = self.endpoint.params()?;
        let whole = |key: &str| params.get(key).and_then(Value::as_u64);
        let answers = whole("n").unwrap_or(1).max(1);
        let most = LIMITS.iter().find_map(|key| whole(key))?;
        Some(most.saturating_mul(answers))
    }

    /// The model that is asked for; `None` for recorded answers.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::OpenAi(openai) => Some(&openai.model),
            Endpoint::Anthropic(anthropic) => Some(&anthropic.model),
            Endpoint::Http(_) | Endpoint::Recorded(_) | Endpoint::Exec(_) => None,
        }
    }
}

/// A price by its name in a table or a price file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceTable {
    /// Table, by its word; `None` where the form of the file is found out.
    pub table: Option<String>,
    /// File; `None` is the copy of the table that was imported.
    pub path: Option<PathBuf>,
    /// Model in it, such as `openai/gpt-4o`.
    pub id: String,
    /// Service tier, such as `batch`; the standard one unless given.
    pub tier: Option<String>,
    /// Region that serves.
    pub region: Option<String>,
}

/// Where answers come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "provider", rename_all = "lowercase")]
pub enum Endpoint {
    /// An endpoint that speaks one of OpenAI's APIs.
    OpenAi(OpenAi),
    /// An endpoint that speaks Anthropic's messages.
    Anthropic(Anthropic),
    /// An endpoint that takes and gives JSON.
    Http(Box<Http>),
    /// A file of answers that were recorded elsewhere.
    Recorded(Recorded),
    /// A program that answers lines.
    Exec(Exec),
}

impl Endpoint {
    /// Whether a call is sent more of a case than its conversation: its id, its columns.
    #[must_use]
    pub const fn sends_case(&self) -> bool {
        !matches!(self, Self::OpenAi(_) | Self::Anthropic(_))
    }

    /// Request parameters; `None` for an endpoint that has none.
    #[must_use]
    pub const fn params(&self) -> Option<&Map<String, Value>> {
        match self {
            Self::OpenAi(openai) => Some(&openai.params),
            Self::Anthropic(anthropic) => Some(&anthropic.params),
            Self::Http(http) => Some(&http.params),
            Self::Exec(exec) => Some(&exec.params),
            Self::Recorded(_) => None,
        }
    }

    /// The provider's word in a suite.
    #[must_use]
    pub const fn provider(&self) -> &'static str {
        match self {
            Self::OpenAi(_) => "openai",
            Self::Anthropic(_) => "anthropic",
            Self::Http(_) => "http",
            Self::Recorded(_) => "recorded",
            Self::Exec(_) => "exec",
        }
    }
}

/// A JSON Lines file of recorded answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// The file, resolved against the folder of the suite.
    pub path: PathBuf,
    /// The same as the suite writes it.
    pub path_written: String,
    /// Field with the id of the case.
    pub id_field: String,
    /// Field with the answer.
    pub output_field: String,
    /// Field with token counts.
    pub usage_field: Option<String>,
    /// Field with the latency in milliseconds.
    pub latency_ms_field: Option<String>,
}

/// A program that answers JSON Lines on its standard input and output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exec {
    /// Program and arguments; at least one. No shell is between.
    pub command: Vec<String>,
    /// Folder in which it runs, resolved; the folder of the suite unless given.
    pub cwd: PathBuf,
    /// The same as the suite writes it.
    pub cwd_written: Option<String>,
    /// Names of the environment variables that it is given beside the usual ones.
    pub env: Vec<String>,
    /// Processes at most, at least 1.
    pub workers: u16,
    /// Requests that one process is given at a time, at least 1.
    pub in_flight: u16,
    /// Parameters, handed to it as they are.
    pub params: Map<String, Value>,
}

/// How hard a target may be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Calls in flight.
    pub concurrency: Concurrency,
    /// Requests per minute at most, at least 1.
    pub rpm: Option<u64>,
    /// Tokens per minute at most, at least 1.
    pub tpm: Option<u64>,
    /// Time that one attempt may take; above zero.
    #[serde(rename = "timeout_ms", serialize_with = "as_milliseconds")]
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            rpm: None,
            tpm: None,
            timeout: Duration::from_secs(60),
        }
    }
}

/// How many calls may be in flight, 1 to 4096 each: from `start`, as many as the target bears between `min` and `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Concurrency {
    /// At the start of a session; from `min` to `max`.
    pub start: u16,
    /// Least that push-backs may lead to.
    pub min: u16,
    /// Most; equal to `min` where the number is fixed.
    pub max: u16,
}

impl Concurrency {
    /// Adapts below this bound.
    #[must_use]
    pub const fn up_to(max: u16) -> Self {
        let default = Self::DEFAULT;
        let start = if default.start < max { default.start } else { max };
        Self {
            start,
            min: default.min,
            max,
        }
    }

    /// Never changes.
    #[must_use]
    pub const fn fixed(count: u16) -> Self {
        Self {
            start: count,
            min: count,
            max: count,
        }
    }

    /// What a target has that says nothing of it.
    pub const DEFAULT: Self = Self {
        start: 20,
        min: 1,
        max: 100,
    };
}

impl Default for Concurrency {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a run may take, beside its error cap; `None` is no cap. Not part of the plan's identity: a run that reached a
/// cap continues under a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Budget {
    /// Money over all sessions of a run.
    pub cost_usd: Option<Money>,
    /// Wall time of one session.
    #[serde(rename = "duration_ms", serialize_with = "as_optional_milliseconds")]
    pub duration: Option<Duration>,
}

/// How far a run goes on for gates that say `on_inconclusive: extend` and are undecided at its planned end. Not part of
/// the plan's identity: a run continues under a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Extend {
    /// Most epochs of a task, the planned ones included; `None` is [`Extend::EPOCHS_ADDED`] more than planned.
    pub epochs_max: Option<u32>,
}

impl Extend {
    /// Epochs that may be added where the suite does not say how many.
    pub const EPOCHS_ADDED: u32 = 4;

    /// Most epochs of a task that plans so many; never fewer than planned.
    #[must_use]
    pub const fn epochs_max(self, planned: u32) -> u32 {
        match self.epochs_max {
            Some(most) if most > planned => most,
            Some(_) => planned,
            None => planned.saturating_add(Self::EPOCHS_ADDED),
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether answers are kept, and whether kept ones take the place of calls. Not part of the plan's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheMode {
    /// Neither.
    #[default]
    Off,
    /// What is kept is used, the rest is asked and kept.
    ReadWrite,
    /// What is kept is used; what is not is an error, and nobody is asked.
    ReplayOnly,
    /// Everything is asked, and kept in place of what was there.
    Refresh,
}

impl CacheMode {
    /// The words of a suite and of the command line, in the order of [`CacheMode::ALL`].
    pub const WORDS: &[&str] = &["off", "read-write", "replay-only", "refresh"];
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Off, Self::ReadWrite, Self::ReplayOnly, Self::Refresh];

    /// The mode of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let at = Self::WORDS.iter().position(|known| *known == word)?;
        Self::ALL.get(at).copied()
    }

    /// Whether kept answers are used.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::ReadWrite | Self::ReplayOnly)
    }
}

/// What happens after a failed attempt that is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Attempts in all, the first one included; 1 to 100.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each further one. Above zero, at most `wait_max`.
    #[serde(rename = "wait_first_ms", serialize_with = "as_milliseconds")]
    pub wait_first: Duration,
    /// Longest wait.
    #[serde(rename = "wait_max_ms", serialize_with = "as_milliseconds")]
    pub wait_max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            wait_first: Duration::from_millis(500),
            wait_max: Duration::from_secs(30),
        }
    }
}

/// A dataset, how to ask, and how to score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    /// Name, unique in the suite; letters, digits, `_`, `-`, and `@` before the name of one of several prompts.
    pub name: String,
    /// Where the cases come from.
    pub dataset: Dataset,
    /// Names of the targets that are asked; empty is all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// How a case becomes a conversation.
    pub prompt: Prompt,
    /// How answers are judged, at least one.
    pub scorers: Vec<ScorerUse>,
    /// Metric of rights and wrongs that says what a success is, where the suite names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<String>,
    /// Column whose value names the cluster of a case; cases without one are their own cluster.
    pub cluster: Option<String>,
    /// How often each case is asked, at least 1.
    pub epochs: u32,
    /// Whether cases are asked in seeded random order until the gates of the task are decided.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sequential: bool,
    /// Which of the cases.
    pub selection: Selection,
    /// Seed of the selection and of the scorers; the suite's unless the task has its own.
    pub seed: u64,
    /// Columns whose values are reported apart: the suite's, then the task's own, without repetition.
    pub slices: Vec<String>,
    /// Whether a load task of this name asks its prompts, and nobody else: the evaluation leaves it out, and its samples
    /// are the requests of the load.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub under_load: bool,
}

impl Task {
    /// Whether the target of this name is asked.
    #[must_use]
    pub fn asks(&self, target: &str) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|name| name == target)
    }

    /// The metric that says what a success is: the one that the suite names, else the first of quality that is right or
    /// wrong. `None` where no scorer yields such a one.
    #[must_use]
    pub fn success_metric(&self) -> Option<&str> {
        self.success.as_deref().or_else(|| {
            let mut metrics = self.scorers.iter().flat_map(|scorer| &scorer.metrics);
            let first =
                metrics.find(|metric| metric.kind == MetricKind::Binary && metric.pillar == Pillar::Quality);
            first.map(|metric| metric.name.as_str())
        })
    }
}

/// How a case becomes a conversation. Templates are minijinja; their syntax is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum Prompt {
    /// The `input` of the case as one user message.
    Input {
        /// Template of a system message before it.
        system: Option<String>,
    },
    /// These messages; at least one.
    Messages {
        /// In order.
        messages: Vec<MessageTemplate>,
    },
}

/// A message to be filled in with the columns of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageTemplate {
    /// Who speaks.
    pub role: Role,
    /// Template; empty where the message has none.
    pub content: String,
    /// Images before the text.
    #[serde(skip_serializing_if = "ImageTemplates::is_empty")]
    pub images: ImageTemplates,
    /// Tools that an assistant has asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallTemplate>,
    /// The call that a message of role `tool` answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl MessageTemplate {
    /// A message of text alone.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            images: ImageTemplates::default(),
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

/// The images of a message, to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImageTemplates {
    /// Folder that paths are relative to.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Templates of addresses and paths; one that comes out empty is no image.
    pub sources: Vec<String>,
}

impl ImageTemplates {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

/// A tool call of an assistant's message, to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolCallTemplate {
    /// Id that the tool's result names.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Template of the arguments, which comes out as JSON.
    pub arguments: String,
}

/// Which cases of a dataset take part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "take", content = "cases", rename_all = "lowercase")]
pub enum Selection {
    /// All.
    All,
    /// This many, drawn at random with the task's seed; at least 1.
    Limit(u64),
    /// The first so many; at least 1.
    First(u64),
}

/// A scorer with its options.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScorerUse {
    /// Name under which the scorer is registered.
    pub scorer: String,
    /// Its `name:` option, else the scorer's name; unique in the task.
    pub name: String,
    /// Its options as written, common ones included and `name` left out. Shapes are checked; an option of the shape
    /// [`Steps`](crate::OptionShape::Steps) is always a list here.
    pub options: Map<String, Value>,
    /// The metrics that it yields, in the scorer's order; names are unique in the task.
    pub metrics: Vec<Metric>,
}

/// A metric of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Name in reports and gates.
    pub name: String,
    /// What values it takes.
    pub kind: MetricKind,
    /// Unit of its value.
    pub unit: Unit,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
}

/// How many finished samples may be errors before the run counts as broken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCap {
    /// A share of finished samples, 0 to 1.
    MaxErrorRate(f64),
    /// A count.
    MaxErrors(u64),
}

/// The share of errors that a run may have when the suite says nothing.
pub const DEFAULT_MAX_ERROR_RATE: f64 = 0.05;

impl Default for ErrorCap {
    fn default() -> Self {
        Self::MaxErrorRate(DEFAULT_MAX_ERROR_RATE)
    }
}

/// A thing that the reader should know although the suite can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where.
    pub location: Location,
}

impl std::fmt::Display for Warning {
    /// `FILE:LINE:COLUMN: message (hint: …)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.location, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl DraftPlan {
    /// Where option `option` of a scorer is written; the scorer itself when the option is not written, the task when
    /// there is no such scorer.
    #[must_use]
    pub fn locate(&self, task_index: usize, scorer_index: usize, option: &str) -> Location {
        self.locate_path(&format!("tasks/{task_index}/scorers/{scorer_index}/{option}"))
    }

    /// Where `key` of a target is written (such as `base_url` or `limits/rpm`), or the target when it is not.
    #[must_use]
    pub fn locate_target(&self, target_index: usize, key: &str) -> Location {
        self.locate_path(&format!("targets/{target_index}/{key}"))
    }

    /// Where `key` of a model that scorers ask is written, or the model when it is not.
    #[must_use]
    pub fn locate_model(&self, model_index: usize, key: &str) -> Location {
        self.locate_path(&format!("models/{model_index}/{key}"))
    }

    /// Where `key` of a task is written (such as `dataset/path` or `cluster`), or the task when it is not.
    #[must_use]
    pub fn locate_task(&self, task_index: usize, key: &str) -> Location {
        self.locate_path(&format!("tasks/{task_index}/{key}"))
    }

    /// Where `key` of a gate is written, or the gate when it is not.
    #[must_use]
    pub fn locate_gate(&self, gate_index: usize, key: &str) -> Location {
        self.locate_path(&format!("gates/{gate_index}/{key}"))
    }

    /// Where `key` of a load task is written (such as `load/rate`), or the task when it is not.
    #[must_use]
    pub fn locate_load(&self, load_index: usize, key: &str) -> Location {
        self.locate_path(&format!("loads/{load_index}/{key}"))
    }

    /// Where `key` of a gate on a load task is written, or the gate when it is not.
    #[must_use]
    pub fn locate_load_gate(&self, gate_index: usize, key: &str) -> Location {
        self.locate_path(&format!("load_gates/{gate_index}/{key}"))
    }

    /// Where `key` of an entry of `quarantine` is written, or the entry when it is not.
    #[must_use]
    pub fn locate_quarantine(&self, entry: usize, key: &str) -> Location {
        self.locate_path(&format!("quarantine/{entry}/{key}"))
    }

    /// The variables of the environment whose values the suite took with `${NAME}`, defaults included.
    #[must_use]
    pub const fn environment(&self) -> &BTreeMap<String, String> {
        &self.origin.environment
    }

    /// An empty list of errors about this suite, to be filled by whoever checks it further.
    #[must_use]
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::new(self.origin.source.clone())
    }

    fn locate_path(&self, path: &str) -> Location {
        let mut path = path;
        loop {
            if let Some(location) = self.origin.locations.get(path) {
                return location.clone();
            }
            match path.rsplit_once('/') {
                Some((parent, _)) => path = parent,
                None => return self.origin.source.whole(),
            }
        }
    }
}

fn as_optional_milliseconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn as_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
