//! Configurations of promptfoo become a suite and its cases. Apart from the logs of other tools, because what is read
//! here is a plan and not a result.
//!
//! The way: the file and what it refers to are read ([`source`]); tests get their defaults, scenarios and combinations
//! of variables ([`tests`](self::cases)); each assertion is kept, put aside for a judge, or left out ([`assertions`]);
//! prompts become tasks ([`prompts`]), providers targets ([`providers`]); all of it is written down ([`suite`]). What is
//! not carried over is named with its place.

mod assertions;
mod cases;
mod csv_rows;
mod embeddings;
mod prompts;
mod providers;
mod source;
mod suite;
mod templates;

use seatrial_config::Diagnostics;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Cases of one import at most, over all prompts.
pub const CASES_MAX: usize = 200_000;
/// Things left out that are listed one by one; the rest is counted.
pub const LEFT_OUT_LISTED_MAX: usize = 1_000;

/// Name of the model that gives vectors, in the suite.
pub(crate) const EMBEDDINGS: &str = "embeddings";

/// What the scorer `checks` can do; comes in as an argument, because scorers live on a higher floor.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// Types of assertions, without `not-`.
    pub kinds: &'a [&'a str],
    /// The name of a metric for what an assertion calls it.
    pub metric_name: fn(&str) -> String,
    /// What is wrong with the checks of a case.
    pub problem_of: fn(&Value) -> Option<String>,
}

/// A file that is to be written beside the suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Name, without folders.
    pub name: String,
    /// Content.
    pub text: String,
}

/// Something that was not carried over.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// File, line and column.
    pub place: String,
    /// What it is, such as `javascript`.
    pub what: String,
    /// Why, and what to do.
    pub why: String,
}

/// What an import makes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// The suite and its files; the suite is the first.
    pub files: Vec<NewFile>,
    /// Names of the targets.
    pub targets: Vec<String>,
    /// Names of the tasks.
    pub tasks: Vec<String>,
    /// Cases over all tasks.
    pub cases: usize,
    /// Assertions that are checked, by type; those of a default count once.
    pub carried: BTreeMap<String, usize>,
    /// Assertions that wait for a judge, by type.
    pub judges: BTreeMap<String, usize>,
    /// What was not carried over, in the order of the files.
    pub left_out: Vec<LeftOut>,
    /// How many more there are than [`Imported::left_out`] lists.
    pub left_out_more: usize,
    /// Keys of the model that checks of type `similar` ask; `None` where there are none.
    pub(crate) embeddings: Option<serde_json::Map<String, Value>>,
    /// Whether a check needs the log probabilities of answers.
    pub(crate) wants_log_probabilities: bool,
}

impl Imported {
    pub(crate) fn leave_out(&mut self, place: &str, what: impl Into<String>, why: impl Into<String>) {
        let item = LeftOut {
            place: place.to_owned(),
            what: what.into(),
            why: why.into(),
        };
        if self.left_out.contains(&item) {
            return;
        }
        if self.left_out.len() < LEFT_OUT_LISTED_MAX {
            self.left_out.push(item);
        } else {
            self.left_out_more += 1;
        }
    }
}

/// Why a configuration cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum PromptfooError {
    /// The file is no YAML that can be read.
    #[error("{}", .0.render(false))]
    Yaml(Diagnostics),
    /// A file cannot be read.
    #[error("failed to read {path}: {why}; hint: {hint}")]
    File {
        /// File.
        path: PathBuf,
        /// Cause.
        why: String,
        /// What to do.
        hint: &'static str,
    },
    /// The file says something that cannot be meant.
    #[error("{place}: {message}; hint: {hint}")]
    Config {
        /// File, line and column.
        place: String,
        /// What was found and expected.
        message: String,
        /// What to do.
        hint: String,
    },
}

/// Reads a configuration and everything that it refers to.
///
/// # Errors
/// [`PromptfooError`] where there is nothing that could become a suite. What can only partly be carried over is no error.
pub fn import(path: &Path, checks: &Checks<'_>) -> Result<Imported, PromptfooError> {
    let source = source::Source::open(path)?;
    let mut imported = Imported::default();
    source::note_unknown_keys(&source, &mut imported);
    let targets = providers::read(&source, &mut imported)?;
    let prompts = prompts::read(&source, &mut imported)?;
    let tests = cases::read(&source, checks, &mut imported)?;
    suite::write(&source, &targets, &prompts, &tests, &mut imported)?;
    Ok(imported)
}
