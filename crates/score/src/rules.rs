//! The table of rule scorers: names, options, how each is parsed. Apart from the rules so that `--help`, the JSON
//! Schema, the check of a suite and the building of a scorer cannot disagree.

mod choice;
mod contains;
mod exact;
mod field;
mod numeric;
mod pattern;

pub(crate) use choice::CHOICE_OPTIONS_DEFAULT;

use crate::ScorerError;
use crate::options::Options;
use crate::scorer::{Rule, RuleScorer};
use seatrial_config::{COMMON_OPTIONS, MetricEntry, OptionEntry, OptionShape, ScorerEntry};
use seatrial_task::Scorer;
use seatrial_types::{MetricKind, Pillar, Unit};
use serde_json::{Map, Value};

/// Every rule scorer yields one share of right answers, named after the scorer or its `name:` option.
const SHARE_OF_RIGHT: &[MetricEntry] = &[MetricEntry {
    name: "",
    kind: MetricKind::Binary,
    unit: Unit::Share,
    pillar: Pillar::Quality,
}];

type Parse = fn(&Options<'_>) -> Result<Box<dyn Rule>, ScorerError>;

struct Definition {
    entry: ScorerEntry,
    /// Goes up when the same answer could score differently.
    version: u32,
    parse: Parse,
}

const fn option(name: &'static str, shape: OptionShape, what: &'static str) -> OptionEntry {
    OptionEntry {
        name,
        shape,
        what,
        required: false,
    }
}

const fn definition(
    name: &'static str,
    what: &'static str,
    options: &'static [OptionEntry],
    parse: Parse,
) -> Definition {
    Definition {
        entry: ScorerEntry {
            name,
            what,
            options,
            metrics: SHARE_OF_RIGHT,
        },
        version: 1,
        parse,
    }
}

const DEFINITIONS: &[Definition] = &[
    definition(
        "exact_match",
        "right when the answer equals one of the accepted answers; both are trimmed unless `normalise` says otherwise",
        &[],
        exact::parse,
    ),
    definition(
        "contains",
        "right when the answer contains one of the values, or all of them",
        &[
            option(
                "values",
                OptionShape::TextOrList,
                "what to look for; default: the accepted answers of the case",
            ),
            option(
                "match",
                OptionShape::Choice(&contains::MATCH),
                "whether one value is enough; default any",
            ),
            option(
                "ignore_case",
                OptionShape::Bool,
                "whether upper and lower case are the same",
            ),
        ],
        contains::parse,
    ),
    definition(
        "regex",
        "right when a regular expression matches somewhere in the answer; anchor it with ^ and $ to match all of it",
        &[OptionEntry {
            name: "pattern",
            shape: OptionShape::Text,
            what: "the regular expression; (?i) ignores case; no look-around or back-references",
            required: true,
        }],
        pattern::parse,
    ),
    definition(
        "numeric_match",
        "right when the last number of the answer is close to the last number of an accepted answer; currency signs, \
         thousands separators and % are ignored",
        &[
            option(
                "tolerance",
                OptionShape::Number,
                "largest absolute difference; default 1e-9",
            ),
            option(
                "relative",
                OptionShape::Number,
                "largest difference as a share of the accepted number; the larger allowance counts; default 0",
            ),
        ],
        numeric::parse,
    ),
    definition(
        "choice",
        "right when the answer names the right option of a multiple-choice case, by its letter or its text",
        &[
            option(
                "options",
                OptionShape::Number,
                "how many options there are where the case has no choices; default 10, A to J",
            ),
            option(
                "reference",
                OptionShape::Choice(&choice::REFERENCE),
                "what the reference is: letter, 0-based index, text of the choice; default auto, which refuses to guess",
            ),
        ],
        choice::parse,
    ),
    definition(
        "json_field",
        "right when a field of the last JSON object in the answer has the expected value; numbers compare as numbers",
        &[
            OptionEntry {
                name: "field",
                shape: OptionShape::Text,
                what: "name of the field, or a JSON pointer such as /a/b",
                required: true,
            },
            option(
                "equals",
                OptionShape::Any,
                "the expected value, of any JSON type; default: the accepted answers",
            ),
        ],
        field::parse,
    ),
];

/// Every rule scorer with its options: for `--help`, the JSON Schema and the check of a suite.
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
    let rule = (definition.parse)(&options)?;
    Ok(Box::new(RuleScorer::parse(&options, definition.version, rule)?))
}
