//! The names that a suite may use and that this crate does not know by itself: scorers, their options and metrics.
//! Comes in as an argument, because scorers live on a higher floor.

use seatrial_types::{MetricKind, Pillar, Unit};

/// Everything that may be named in a suite.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vocabulary {
    /// Scorers, in the order in which they are listed to people.
    pub scorers: Vec<ScorerEntry>,
}

impl Vocabulary {
    /// The scorer of this name.
    #[must_use]
    pub fn scorer(&self, name: &str) -> Option<&ScorerEntry> {
        self.scorers.iter().find(|entry| entry.name == name)
    }
}

/// A scorer that can be named in a suite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScorerEntry {
    /// Name.
    pub name: &'static str,
    /// What it does, in one line.
    pub what: &'static str,
    /// Its own options, beside [`COMMON_OPTIONS`].
    pub options: &'static [OptionEntry],
    /// The metrics it yields, in order.
    pub metrics: &'static [MetricEntry],
}

impl ScorerEntry {
    /// An option by name, its own or a common one.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'static OptionEntry> {
        let mut all = self.options.iter().chain(COMMON_OPTIONS);
        all.find(|option| option.name == name)
    }
}

/// An option of a scorer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionEntry {
    /// Key.
    pub name: &'static str,
    /// What it may be.
    pub shape: OptionShape,
    /// What it does, in one line.
    pub what: &'static str,
    /// Whether it must be given.
    pub required: bool,
}

/// What the value of an option may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionShape {
    /// `true` or `false`.
    Bool,
    /// A finite number.
    Number,
    /// A text.
    Text,
    /// A text, or a list of texts with at least one.
    TextOrList,
    /// A list of names or one-key maps `name: {options}`; one alone may stand without the list, and becomes one.
    Steps,
    /// Names of further metrics, each a score between 0 and 1, beside those of the entry.
    FurtherMetrics,
    /// A list of scorers, each a name or a one-key map `name: {options}`, at most [`MAX_SCORER_DEPTH`] deep; one alone
    /// may stand without the list, and becomes one.
    Scorers,
    /// A JSON document: written there, or the name of a JSON or YAML file that holds it, relative to the suite.
    Document,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any YAML.
    Any,
    /// Name of an entry of the suite's `models:`, an endpoint that the scorer asks.
    Model,
    /// A number that turns the scorer's first metric into a share: of the answers that reach it.
    Threshold,
    /// The metrics that the scorer yields, in place of those of its entry: the kind of its single metric, or a map from
    /// names to kinds, each a word or `{kind, pillar}`.
    Metrics,
}

/// How deep scorers may stand inside scorers.
pub const MAX_SCORER_DEPTH: usize = 4;

/// A metric that a scorer yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricEntry {
    /// Name; `""` stands for the scorer's name or its `name:` option.
    pub name: &'static str,
    /// What values it takes.
    pub kind: MetricKind,
    /// Unit of its value.
    pub unit: Unit,
    /// Pillar that it speaks for.
    pub pillar: Pillar,
}

impl MetricEntry {
    /// The name of this metric in reports and gates, where `given` is the scorer's `name:` option.
    ///
    /// A metric without a name of its own takes the given name, else the scorer's. A metric with one keeps it, after
    /// the given name and an underscore where there is one, so that a scorer with several metrics can be used twice.
    /// The scorer's own name as given name is the same as none.
    #[must_use]
    pub fn name_in(&self, scorer: &str, given: Option<&str>) -> String {
        match (self.name, given.filter(|given| *given != scorer)) {
            ("", None) => scorer.to_owned(),
            ("", Some(given)) => given.to_owned(),
            (own, None) => own.to_owned(),
            (own, Some(given)) => format!("{given}_{own}"),
        }
    }
}

/// Options that every scorer takes.
pub const COMMON_OPTIONS: &[OptionEntry] = &[
    OptionEntry {
        name: "name",
        shape: OptionShape::Text,
        what: "name of the metric in reports and gates; default: the scorer's name",
        required: false,
    },
    OptionEntry {
        name: "extract",
        shape: OptionShape::Steps,
        what: "how the part that counts is taken out of the answer, step by step",
        required: false,
    },
    OptionEntry {
        name: "normalise",
        shape: OptionShape::Steps,
        what: "how answer and reference are made alike before they are compared, step by step",
        required: false,
    },
    OptionEntry {
        name: "negate",
        shape: OptionShape::Bool,
        what: "whether the score is turned round: 1 becomes 0 and 0 becomes 1",
        required: false,
    },
    OptionEntry {
        name: "unparsed",
        shape: OptionShape::Choice(&["wrong", "exclude"]),
        what: "whether an answer that cannot be read counts as wrong or is left out",
        required: false,
    },
    OptionEntry {
        name: "refused",
        shape: OptionShape::Choice(&["wrong", "exclude"]),
        what: "whether a refused answer counts as wrong or is left out",
        required: false,
    },
];
