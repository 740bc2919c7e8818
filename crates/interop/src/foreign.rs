//! What every reader hands over: samples in our words, and facts about the file that they came from. Apart because the
//! readers know nothing of plans and indexes, and the survey nothing of formats.

use crate::error::ImportError;
use seatrial_types::{Answer, CallError, Message, Money};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// Which tool wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Inspect's log, `.eval` or `.json`.
    Inspect,
    /// lm-evaluation-harness's `samples_….jsonl`.
    LmEval,
    /// The log of OpenAI Evals.
    OpenAiEvals,
    /// Rows of results: JSON Lines (what `seatrial export` writes too) or CSV.
    Results,
}

impl Format {
    /// The word that the record uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::LmEval => "lm-eval",
            Self::OpenAiEvals => "openai-evals",
            Self::Results => "results",
        }
    }

    pub(crate) fn read(self, path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
        match self {
            Self::Inspect => crate::inspect::read(path, f),
            Self::LmEval => crate::lm_eval::read(path, f),
            Self::OpenAiEvals => crate::openai_evals::read(path, f),
            Self::Results => crate::results::read(path, f),
        }
    }
}

/// Takes samples one by one; an error of its own ends the reading.
pub(crate) type OnSample<'a> = &'a mut dyn FnMut(ForeignSample) -> Result<(), ImportError>;

/// One sample as another tool recorded it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForeignSample {
    /// Model as the tool names it.
    pub(crate) model: Arc<str>,
    /// Task as the tool names it.
    pub(crate) task: Arc<str>,
    pub(crate) case_id: Arc<str>,
    /// 0-based.
    pub(crate) epoch: u32,
    /// What the case consists of: its input and reference, in any form that is the same for the same case.
    pub(crate) content: CaseContent,
    /// Columns that slices and clusters can name.
    pub(crate) columns: Map<String, Value>,
    pub(crate) prompt: Vec<Message>,
    pub(crate) result: Result<Answer, CallError>,
    pub(crate) latency_s: Option<f64>,
    pub(crate) ttft_s: Option<f64>,
    pub(crate) cost: Option<Money>,
    pub(crate) started_unix_ms: Option<i64>,
    pub(crate) scores: Vec<ForeignScore>,
}

/// The parts of a case that make it this case.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CaseContent(pub(crate) Vec<String>);

impl CaseContent {
    pub(crate) fn of(parts: &[&Value]) -> Self {
        Self(parts.iter().map(ToString::to_string).collect())
    }
}

/// What one scorer says under one metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForeignScore {
    pub(crate) scorer: Arc<str>,
    pub(crate) metric: Arc<str>,
    pub(crate) value: ScoreValue,
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ScoreValue {
    Number(f64),
    /// The tool has no number here; `detail` says why.
    Unparsed,
    /// The tool, or our own export, says that the model refused.
    Refused,
}

/// What a file says beside its samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileFacts {
    pub(crate) tool: &'static str,
    pub(crate) tool_version: Option<String>,
    pub(crate) run_id: Option<String>,
    /// Name of the whole, such as the task.
    pub(crate) title: Option<String>,
    pub(crate) started_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    /// Samples that the run should have had.
    pub(crate) samples_expected: Option<u64>,
    /// What else decided the run, kept as it is: parameters, revision, packages.
    pub(crate) details: Map<String, Value>,
    /// What the tool itself computed, to be compared with what this record says.
    pub(crate) claims: Vec<Claim>,
    /// Columns that are no metrics, with a warning of each: told where nobody uses them as a slice or cluster.
    pub(crate) columns_left: Vec<(String, String)>,
    /// What the reader could not carry over, each said once.
    pub(crate) warnings: Vec<String>,
}

/// A mean that the tool itself reports.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub(crate) model: Arc<str>,
    pub(crate) task: Arc<str>,
    pub(crate) scorer: Arc<str>,
    pub(crate) metric: Arc<str>,
    pub(crate) value: f64,
}

/// Counts of things that could not be carried over, told once with a number instead of once a sample.
#[derive(Debug, Default)]
pub(crate) struct Tally(indexmap::IndexMap<String, (u64, String)>);

impl Tally {
    /// Most kinds of things that are told.
    const KINDS_MAX: usize = 100;

    /// Counts one `what`, met at `example`.
    pub(crate) fn add(&mut self, what: &str, example: &str) {
        if let Some((count, _)) = self.0.get_mut(what) {
            *count += 1;
        } else if self.0.len() < Self::KINDS_MAX {
            self.0.insert(what.to_owned(), (1, example.to_owned()));
        }
    }

    pub(crate) fn into_warnings(self) -> Vec<String> {
        let counted = self.0.into_iter();
        counted.map(|(what, counted)| told(&what, &counted)).collect()
    }

    /// Each of the things with its warning, which says `what(thing)`.
    pub(crate) fn into_named_warnings(self, what: impl Fn(&str) -> String) -> Vec<(String, String)> {
        let counted = self.0.into_iter();
        counted
            .map(|(thing, counted)| {
                let warning = told(&what(&thing), &counted);
                (thing, warning)
            })
            .collect()
    }
}

fn told(what: &str, (count, example): &(u64, String)) -> String {
    match count {
        1 => format!("{what} ({example})"),
        _ => format!("{what} ({count} times, first in {example})"),
    }
}
