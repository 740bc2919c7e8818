//! What a value of a suite may be, as data: the same tables drive the checks, the messages and the JSON Schema,
//! so that the three cannot drift apart.

use crate::nearest::list;

/// The key of targets and tasks that defaults cannot give.
pub(crate) const NAME_KEY: &str = "name";

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// What such a map is, for messages: `a target`.
    pub(crate) what: &'static str,
    pub(crate) fields: &'static [Field],
    /// Groups of keys of which at most one may be given.
    pub(crate) exclusive: &'static [&'static [&'static str]],
    /// Groups of keys of which one must be given.
    pub(crate) one_of: &'static [&'static [&'static str]],
    /// Keys that are known but not read in this version.
    pub(crate) later: &'static [Later],
    /// Hints for keys that people try.
    pub(crate) tried: &'static [(&'static str, &'static str)],
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// What it does, in one line.
    pub(crate) what: &'static str,
    pub(crate) required: bool,
    /// Default, as JSON.
    pub(crate) default: Option<&'static str>,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape, what: &'static str) -> Self {
        Self {
            name,
            shape,
            what,
            required: false,
            default: None,
        }
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }
}

/// A key that is known but not supported in this version.
#[derive(Debug)]
pub(crate) struct Later {
    pub(crate) word: &'static str,
    pub(crate) message: &'static str,
    pub(crate) hint: &'static str,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// The number 1.
    Version,
    /// A name of up to 64 letters, digits, `_`, `-`, and `.` where allowed.
    Name { dots: bool },
    /// A text of one line.
    Line,
    /// A whole number in this range.
    Whole { min: u64, max: u64 },
    /// A whole number in this range, or a map with these keys.
    WholeOr {
        min: u64,
        max: u64,
        table: &'static Table,
    },
    /// A number from 0 (or just above it) to `max`.
    Number { above_zero: bool, max: f64 },
    /// A finite number, or a text of one line that says more than a number can.
    NumberOrLine,
    /// Any finite number.
    AnyNumber,
    /// One of these words.
    Choice {
        words: &'static [&'static str],
        /// Words that are known but not supported in this version, with what to write instead.
        later: &'static [(&'static str, &'static str)],
    },
    /// A number from 0, or a share such as `10%`.
    Margin,
    /// `true`, or a list of texts of one line with at least one.
    TrueOrLines,
    /// A name, or a map with these keys.
    NameOr(&'static Table),
    /// A time such as `60s`.
    Duration,
    /// Dollars, exact.
    Money,
    /// Address of an API.
    Address,
    /// Name of an environment variable.
    Variable,
    /// A minijinja template.
    Template,
    /// A column, or a minijinja expression over columns.
    FieldSource,
    /// A map with these keys.
    Record(&'static Table),
    /// The same map where nothing is required, as in `defaults:`.
    Partial(&'static [&'static Table]),
    /// A list.
    List {
        item: &'static Shape,
        min: usize,
        max: usize,
        unique: bool,
    },
    /// A map with any keys.
    AnyMap,
    /// A map with any keys whose values all are this.
    MapOf(&'static Shape),
    /// Any value.
    Any,
    /// `true` or `false`.
    Bool,
    /// A place in a JSON document, such as `/choices/0/text`.
    Pointer,
    /// A whole address, query allowed.
    Url,
    /// One key with a value: `column: value`.
    Slice,
    /// A map whose checks wait until defaults are merged in.
    Merged(&'static [&'static Table]),
    /// The list of scorers, checked against the vocabulary.
    Scorers,
}

impl Shape {
    /// What is expected, as a message says it.
    pub(crate) fn expectation(&self) -> String {
        match self {
            Self::Version => "the number 1".to_owned(),
            Self::Name { .. } => "a name".to_owned(),
            Self::Line => "a text of one line".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::WholeOr { min, max, .. } => format!("a whole number from {min} to {max}, or a map"),
            Self::Number {
                above_zero: true,
                max,
            } => format!("a number above 0, at most {max}"),
            Self::Number { max, .. } => format!("a number from 0 to {max}"),
            Self::AnyNumber => "a number".to_owned(),
            Self::NumberOrLine => "a number or a text of one line".to_owned(),
            Self::Choice { words, .. } => format!("one of {}", list(words)),
            Self::Margin => "a number from 0, or a share such as `10%`".to_owned(),
            Self::TrueOrLines => "`true`, or a list of values".to_owned(),
            Self::NameOr(_) => "a name, or a map".to_owned(),
            Self::Duration => "a time with its unit, such as `60s`, `500ms` or `2m`".to_owned(),
            Self::Money => "a number of dollars".to_owned(),
            Self::Any => "a value".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Pointer => "a JSON pointer such as `/choices/0/text`".to_owned(),
            Self::Url => "an address such as `https://example.org/ask`".to_owned(),
            Self::Address => "an address such as `https://api.openai.com/v1`".to_owned(),
            Self::Variable => "the name of an environment variable".to_owned(),
            Self::Template => "a text (a template)".to_owned(),
            Self::FieldSource => "a column, or an expression such as `{{ question }}`".to_owned(),
            Self::Record(_) | Self::Partial(_) | Self::AnyMap | Self::MapOf(_) | Self::Merged(_) => {
                "a map".to_owned()
            }
            Self::List { .. } | Self::Scorers => "a list".to_owned(),
            Self::Slice => "a map with one key, `column: value`".to_owned(),
        }
    }
}
