//! How scorers are defined, listed and built. Apart from the table of them ([`crate::table`]), which only grows, and
//! from the rules.

mod choice;
mod contains;
mod exact;
mod field;
mod length;
mod measure;
mod numeric;
mod overlap;
mod pattern;
mod refusal;
mod starts_with;
mod structure;

pub(crate) use choice::CHOICE_OPTIONS_DEFAULT;
pub(crate) use measure::NO_LOG_PROBABILITIES;
pub(crate) use structure::{compile as compile_schema, first_violation};

/// What the table needs of the rules: their parsers, and words of options.
pub(crate) mod parsers {
    pub(crate) use super::choice::{REFERENCE, parse as choice};
    pub(crate) use super::contains::{MATCH, parse as contains};
    pub(crate) use super::exact::parse as exact;
    pub(crate) use super::field::parse as field;
    pub(crate) use super::length::{UNIT, parse as length};
    pub(crate) use super::measure::{
        TOKENS_OF, cost, first_token, latency, perplexity, perplexity_score, tokens,
    };
    pub(crate) use super::numeric::parse as numeric;
    pub(crate) use super::overlap::{
        EDIT_MEASURE, ROUGE_MEASURE, ROUGE_TYPE, TOKENISE, bleu, chrf, edit_similarity, f1, rouge,
    };
    pub(crate) use super::pattern::parse as pattern;
    pub(crate) use super::refusal::parse as refusal;
    pub(crate) use super::starts_with::parse as starts_with;
    pub(crate) use super::structure::{json_schema, json_valid};
}

use crate::ScorerError;
use crate::limits::LIMITS;
use crate::options::Options;
use crate::scorer::{Rule, RuleScorer};
use crate::table::DEFINITIONS;
use seatrial_config::{COMMON_OPTIONS, ScorerEntry};
use seatrial_task::Scorer;
use serde_json::{Map, Value};

/// Reads the options of a rule.
pub(crate) type ParseRule = fn(&Options<'_>) -> Result<Box<dyn Rule>, ScorerError>;
/// Reads the options of a scorer of its own kind.
pub(crate) type ParseScorer = fn(&Options<'_>, &'static Definition) -> Result<Box<dyn Scorer>, ScorerError>;

/// How a scorer is made of its options.
#[derive(Clone, Copy)]
pub(crate) enum Build {
    /// A rule, which gets extraction, limits and negation around it.
    Rule(ParseRule),
    /// A scorer of its own kind.
    Scorer(ParseScorer),
}

/// What a scorer looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The text of the answer, or the part that `extract` takes.
    Text,
    /// Other facts of the sample; `extract` would mean nothing.
    Sample,
}

/// One scorer that a suite may name.
#[derive(Clone, Copy)]
pub(crate) struct Definition {
    pub(crate) entry: ScorerEntry,
    /// Goes up when the same answer could score differently.
    pub(crate) version: u32,
    pub(crate) build: Build,
    pub(crate) reads: Reads,
    /// Whether `normalise` means something to it.
    pub(crate) normalises: bool,
    /// Whether unparsed and refused answers count as wrong where the suite does not say: so with what compares with a
    /// reference, and not with what measures.
    pub(crate) failures_are_wrong: bool,
    /// Whether it judges refused answers itself.
    pub(crate) looks_at_refusals: bool,
}

impl Definition {
    /// Whether its number can be held against bounds.
    pub(crate) fn takes_limits(&self) -> bool {
        LIMITS.iter().any(|limit| self.entry.option(limit).is_some())
    }
}

/// Every scorer with its options: for `--help`, the JSON Schema and the check of a suite.
///
/// Options that all scorers take are in [`COMMON_OPTIONS`] and not repeated.
#[must_use]
pub fn vocabulary() -> Vec<ScorerEntry> {
    DEFINITIONS.iter().map(|definition| definition.entry).collect()
}

/// Builds a scorer from its name and its options, `name` among them where the suite gives one.
///
/// # Errors
/// [`ScorerError`] names the first option at fault, what was found, what was expected and what to do.
pub fn build(name: &str, options: &Map<String, Value>) -> Result<Box<dyn Scorer>, ScorerError> {
    let definition = DEFINITIONS
        .iter()
        .find(|definition| definition.entry.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = DEFINITIONS
                .iter()
                .map(|definition| definition.entry.name)
                .collect();
            ScorerError::UnknownScorer {
                found: name.to_owned(),
                expected: names.join(", "),
            }
        })?;
    let entry = &definition.entry;
    if let Some(unknown) = options.keys().find(|key| entry.option(key).is_none()) {
        let own = entry
            .options
            .iter()
            .chain(COMMON_OPTIONS)
            .map(|option| option.name);
        return Err(ScorerError::UnknownOption {
            scorer: entry.name,
            option: unknown.clone(),
            expected: own.collect::<Vec<_>>().join(", "),
        });
    }
    let options = Options {
        scorer: entry.name,
        map: options,
    };
    match definition.build {
        Build::Rule(parse) => {
            let rule = parse(&options)?;
            Ok(Box::new(RuleScorer::parse(&options, definition, rule)?))
        }
        Build::Scorer(parse) => parse(&options, definition),
    }
}
