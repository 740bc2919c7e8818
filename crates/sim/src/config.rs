//! What a simulated provider is told: seed, answers, personas, limits; and what can be wrong with it. Apart from
//! `lower`, which makes it from a JSON value, because it is built in code as well.

use crate::answers::AnswerRow;
use crate::delay::{DELAY_MS_MAX, Dist};
use crate::persona::Persona;
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;

/// Largest request body by default.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Log entries kept in memory by default: some ten megabytes.
const LOG_CAPACITY: usize = 1 << 16;
/// Most log entries that may be asked for.
const LOG_CAPACITY_MAX: usize = 1 << 24;

/// Where right answers come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Answers {
    /// Nowhere: every prompt gets the persona's `unknown`.
    #[default]
    None,
    /// A JSON Lines file, read when the provider is bound; relative paths are relative to the working directory.
    File(PathBuf),
    /// Rows that were read already.
    Rows(Vec<AnswerRow>),
}

/// Everything a simulated provider is told.
#[derive(Debug, Clone, PartialEq)]
pub struct SimConfig {
    /// Decides answers, faults and latencies.
    pub seed: u64,
    /// Where right answers come from.
    pub answers: Answers,
    /// The models, at least one, no name twice.
    pub personas: Vec<Persona>,
    /// When set, requests without `Authorization: Bearer KEY` get a 401.
    pub api_key: Option<String>,
    /// Newest requests kept for `/sim/log` and `/sim/latency`.
    pub log_capacity: usize,
    /// File that gets a line for every request.
    pub log_file: Option<PathBuf>,
    /// Largest request body in bytes; a larger one gets a 413.
    pub body_bytes_max: usize,
    /// Allows addresses that other machines can reach. Only in code: a file must not open a port to the world.
    pub allow_remote: bool,
}

impl Default for SimConfig {
    /// One instant persona that answers to every model name.
    fn default() -> Self {
        Self::of_personas(vec![Persona::instant("*")])
    }
}

impl SimConfig {
    /// These personas with seed 0 and no answers.
    #[must_use]
    pub fn of_personas(personas: Vec<Persona>) -> Self {
        Self {
            seed: 0,
            answers: Answers::None,
            personas,
            api_key: None,
            log_capacity: LOG_CAPACITY,
            log_file: None,
            body_bytes_max: BODY_BYTES_MAX,
            allow_remote: false,
        }
    }

    /// From a value in the grammar of the configuration file.
    ///
    /// ```
    /// # use seatrial_sim::SimConfig;
    /// let value = serde_json::json!({
    ///     "seed": 7,
    ///     "personas": [{"model": "small-fast", "first_token_ms": 50, "gap_ms": {"dist": "gamma", "mean": 10, "shape": 4}}]
    /// });
    /// assert_eq!(SimConfig::from_value(value)?.seed, 7);
    ///
    /// let wrong = serde_json::json!({"personas": [{"model": "m", "first_tokn_ms": 5}]});
    /// let text = SimConfig::from_value(wrong).unwrap_err().to_string();
    /// assert!(text.contains("did you mean `first_token_ms`"), "{text}");
    /// # Ok::<(), seatrial_sim::SimConfigError>(())
    /// ```
    ///
    /// # Errors
    /// All problems at once, each with its key.
    pub fn from_value(value: Value) -> Result<Self, SimConfigError> {
        let (config, mut problems) = crate::lower::lower(value);
        // A value that could not be read was replaced by its default, so that nothing is complained of twice.
        problems.extend(config.problems());
        SimConfigError::check(problems)?;
        Ok(config)
    }

    /// Checks ranges; [`crate::Sim::bind`] does it too.
    ///
    /// # Errors
    /// All problems at once, each with its key.
    pub fn validate(&self) -> Result<(), SimConfigError> {
        SimConfigError::check(self.problems())
    }

    fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let mut require = |good: bool, key: &str, message: String| {
            if !good {
                problems.push(ConfigProblem {
                    key: key.to_owned(),
                    message,
                    hint: None,
                });
            }
        };
        let capacity = self.log_capacity;
        require(
            capacity <= LOG_CAPACITY_MAX,
            "log_capacity",
            format!("found {capacity}, expected at most {LOG_CAPACITY_MAX}"),
        );
        require(
            !self.personas.is_empty(),
            "personas",
            "found none, expected at least one".to_owned(),
        );
        for (index, persona) in self.personas.iter().enumerate() {
            let is_repeated = self
                .personas
                .iter()
                .take(index)
                .any(|other| other.model == persona.model);
            let model = &persona.model;
            require(
                !is_repeated,
                &format!("personas[{index}].model"),
                format!("found `{model}` a second time, expected each model once"),
            );
            problems_of(persona, &mut |good, key, message| {
                require(good, &format!("personas[{index}].{key}"), message);
            });
        }
        problems
    }
}

/// Ranges of one persona; `require` takes whether it is good, the key and the message.
fn problems_of(persona: &Persona, require: &mut dyn FnMut(bool, &str, String)) {
    let mut range = |key: &str, value: f64, low: f64, high: f64| {
        let good = value >= low && value <= high;
        require(
            good,
            key,
            format!("found {value}, expected a number from {low} to {high}"),
        );
    };
    range("accuracy", persona.accuracy, 0.0, 1.0);
    range("tokens_per_event", persona.tokens_per_event as f64, 1.0, 1e3);
    range("events", persona.events.unwrap_or(1) as f64, 1.0, 1e5);
    range("slots", persona.slots.unwrap_or(1) as f64, 1.0, 1e6);
    range("stall_ms", persona.stall_ms, 0.0, DELAY_MS_MAX);
    range("trickle_bytes", persona.trickle_bytes as f64, 1.0, 1e6);
    range("trickle_gap_ms", persona.trickle_gap_ms, 0.0, 1e3);
    range(
        "shape.reasoning_tokens",
        persona.shape.reasoning_tokens as f64,
        0.0,
        1e5,
    );
    for fault in crate::Fault::ALL {
        range(
            &format!("faults.{}", fault.name()),
            persona.faults.probability(fault),
            0.0,
            1.0,
        );
    }
    let total = persona.faults.total();
    // Sums of shares such as 0.7 + 0.2 + 0.1 may miss 1 by a rounding error.
    require(
        total <= 1.0 + 1e-9,
        "faults",
        format!(
            "found probabilities that sum to {total}, expected at most 1: a request meets at most one fault"
        ),
    );
    require(
        !persona.model.is_empty(),
        "model",
        "found an empty name, expected the name of a model".to_owned(),
    );
    let lengths = persona.output_tokens.as_ref();
    for (key, dist) in [
        ("first_token_ms", Some(&persona.first_token_ms)),
        ("gap_ms", Some(&persona.gap_ms)),
        ("output_tokens", lengths),
    ] {
        if let Some((parameter, message)) = dist.and_then(Dist::problem) {
            require(false, &format!("{key}.{parameter}"), message);
        }
    }
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key, as a path such as `personas[0].faults.reset`.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, " (hint: {hint})"))
    }
}

/// Everything wrong with a configuration, at least one problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("simulated provider: {}", listed(.problems))]
pub struct SimConfigError {
    /// The problems, in the order of the file.
    pub problems: Vec<ConfigProblem>,
}

impl SimConfigError {
    fn check(problems: Vec<ConfigProblem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }
}

fn listed(problems: &[ConfigProblem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl TryFrom<Value> for SimConfig {
    type Error = SimConfigError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::from_value(value)
    }
}

impl<'de> serde::Deserialize<'de> for SimConfig {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
