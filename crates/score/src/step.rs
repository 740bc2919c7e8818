//! The steps that `extract` may name and how they are read from a suite. Apart from [`crate::extract`] so that names,
//! arguments and messages are in one place, and what the steps do in another.

use crate::extract::SHOWN_CHARS_MAX;
use crate::json::FieldPath;
use crate::letter;
use crate::options::{clipped, scalar_text, shown, whole};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most steps of one `extract`.
pub const EXTRACT_STEPS_MAX: usize = 16;
/// Largest compiled size of a regular expression that a suite gives, in bytes.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A step that `extract` may name: for `--help`, the reference pages and the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepEntry {
    /// Name.
    pub name: &'static str,
    /// Key of the value in `name: value`, when the value is a map; empty where the step takes none.
    pub argument: &'static str,
    /// Whether it must have the argument.
    pub argument_required: bool,
    /// Further keys of the map; `optional: true` (nothing found leaves the text as it is) is understood by all.
    pub keys: &'static [&'static str],
    /// What it does, in one line.
    pub what: &'static str,
}

const fn plain(name: &'static str, what: &'static str) -> StepEntry {
    StepEntry {
        name,
        argument: "",
        argument_required: false,
        keys: &[],
        what,
    }
}

/// Every step, in the order in which they are listed to people.
pub const EXTRACT_STEPS: &[StepEntry] = &[
    plain("first_line", "the first line that is not blank, trimmed"),
    plain("last_line", "the last line that is not blank, trimmed"),
    plain(
        "first_number",
        "the first number: `$1,000.50` becomes 1000.50, `16 - 3` becomes 16",
    ),
    plain(
        "last_number",
        "the last number; a fraction such as 3/4 is two numbers, H2O and 1.2.3 hold none",
    ),
    StepEntry {
        name: "choice_letter",
        argument: "options",
        argument_required: false,
        keys: &[],
        what: "the letter of the option that the answer names, of `options` (default 10: A to J)",
    },
    StepEntry {
        name: "code_block",
        argument: "language",
        argument_required: false,
        keys: &[],
        what: "the first fenced block; with a language the first labelled so, else the first without a label",
    },
    plain("trim", "white space at both ends goes"),
    plain(
        "strip_think",
        "a leading <think>…</think> block goes; text without one stays as it is",
    ),
    StepEntry {
        name: "after",
        argument: "text",
        argument_required: true,
        keys: &["which", "ignore_case"],
        what: "what stands behind the last occurrence of a text; `which: first` for the first",
    },
    StepEntry {
        name: "before",
        argument: "text",
        argument_required: true,
        keys: &["which", "ignore_case"],
        what: "what stands before the first occurrence of a text; `which: last` for the last",
    },
    StepEntry {
        name: "regex",
        argument: "pattern",
        argument_required: true,
        keys: &["which", "group"],
        what: "the last match of a regular expression: its first group, or all of it where it has none; `which: first`, \
               `group: 2` or a group's name choose others",
    },
    StepEntry {
        name: "json_field",
        argument: "field",
        argument_required: true,
        keys: &[],
        what: "a field of the last JSON object that holds it, by name or JSON pointer; broken JSON is read as far as \
               it goes",
    },
];

/// What is wrong with a list of steps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found}, expected {expected}; hint: {hint}")]
pub struct StepError {
    /// What was found, with the 1-based number of the step.
    pub found: String,
    /// What it may be.
    pub expected: String,
    /// What to do.
    pub hint: String,
}

/// A step of a suite.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) entry: &'static StepEntry,
    /// Whether a text in which it finds nothing stays as it is.
    pub(crate) optional: bool,
    pub(crate) kind: StepKind,
}

/// What a step does, with its arguments.
#[derive(Debug, Clone)]
pub(crate) enum StepKind {
    FirstLine,
    LastLine,
    FirstNumber,
    LastNumber,
    ChoiceLetter { count: usize },
    CodeBlock { language: Option<String> },
    Trim,
    StripThink,
    After { mark: Regex, text: String, last: bool },
    Before { mark: Regex, text: String, last: bool },
    Pattern { regex: Regex, last: bool, group: usize },
    Field(FieldPath),
}

impl Step {
    pub(crate) fn parse(item: &Value, number: usize) -> Result<Self, StepError> {
        let (name, argument) = match item {
            Value::String(name) => (name.as_str(), &Value::Null),
            Value::Object(map) if map.len() == 1 => match map.iter().next() {
                Some((name, argument)) => (name.as_str(), argument),
                None => return Err(not_a_step(item, number)),
            },
            _ => return Err(not_a_step(item, number)),
        };
        let entry = EXTRACT_STEPS
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| StepError {
                found: format!("step {number}, `{}`", clipped(name, SHOWN_CHARS_MAX)),
                expected: format!("one of {}", step_names()),
                hint: "the steps are listed with the scorer's options".to_owned(),
            })?;
        let arguments = Arguments::read(entry, number, argument)?;
        Ok(Self {
            entry,
            optional: arguments.flag("optional")?,
            kind: StepKind::parse(&arguments)?,
        })
    }
}

fn step_names() -> String {
    EXTRACT_STEPS
        .iter()
        .map(|entry| entry.name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn not_a_step(item: &Value, number: usize) -> StepError {
    StepError {
        found: format!("step {number}, {}", shown(item)),
        expected: "a name or a map with one key".to_owned(),
        hint: "write [last_line, {after: \"Answer:\"}]".to_owned(),
    }
}

/// What stands behind the name of a step.
struct Arguments<'a> {
    entry: &'static StepEntry,
    number: usize,
    main: &'a Value,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Arguments<'a> {
    fn read(entry: &'static StepEntry, number: usize, argument: &'a Value) -> Result<Self, StepError> {
        let (main, map) = match argument {
            Value::Object(map) => (map.get(entry.argument).unwrap_or(&Value::Null), Some(map)),
            scalar => (scalar, None),
        };
        let arguments = Self {
            entry,
            number,
            main,
            map,
        };
        let known = |key: &str| {
            key == "optional" || entry.keys.contains(&key) || (key == entry.argument && !key.is_empty())
        };
        if let Some(key) = map.and_then(|map| map.keys().find(|key| !known(key.as_str()))) {
            return Err(arguments.error(
                format!("key `{}`", clipped(key, SHOWN_CHARS_MAX)),
                arguments.keys(),
            ));
        }
        if entry.argument.is_empty() && !main.is_null() {
            return Err(arguments.error(shown(main), "no value".to_owned()));
        }
        if entry.argument_required && main.is_null() {
            return Err(arguments.error("no value".to_owned(), format!("its {}", entry.argument)));
        }
        Ok(arguments)
    }

    fn keys(&self) -> String {
        let own = [self.entry.argument].into_iter().filter(|key| !key.is_empty());
        let all: Vec<_> = own
            .chain(self.entry.keys.iter().copied())
            .chain(["optional"])
            .collect();
        format!("one of {}", all.join(", "))
    }

    fn error(&self, mut found: String, expected: String) -> StepError {
        found.insert_str(0, &format!("step {} `{}` with ", self.number, self.entry.name));
        let name = self.entry.name;
        StepError {
            found,
            expected,
            hint: format!("`{name}` gives {}", self.entry.what),
        }
    }

    fn key(&self, key: &str) -> Option<&'a Value> {
        self.map
            .and_then(|map| map.get(key))
            .filter(|value| !value.is_null())
    }

    fn flag(&self, key: &str) -> Result<bool, StepError> {
        match self.key(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.error(format!("`{key}` {}", shown(other)), "true or false".to_owned())),
        }
    }

    /// Whether the last occurrence is meant.
    fn last(&self, default: bool) -> Result<bool, StepError> {
        match self.key("which").map(|value| (value, value.as_str())) {
            None => Ok(default),
            Some((_, Some("first"))) => Ok(false),
            Some((_, Some("last"))) => Ok(true),
            Some((other, _)) => {
                Err(self.error(format!("`which` {}", shown(other)), "first or last".to_owned()))
            }
        }
    }

    /// The main argument as a text that is not empty; `None` where there is none.
    fn text(&self) -> Result<Option<Cow<'a, str>>, StepError> {
        if self.main.is_null() {
            return Ok(None);
        }
        let text = scalar_text(self.main).filter(|text| !text.is_empty());
        let wrong = || self.error(shown(self.main), "a text that is not empty".to_owned());
        text.map(Some).ok_or_else(wrong)
    }

    fn required_text(&self) -> Result<Cow<'a, str>, StepError> {
        let missing = || self.error("no value".to_owned(), format!("its {}", self.entry.argument));
        self.text()?.ok_or_else(missing)
    }

    fn mark(&self) -> Result<(Regex, String), StepError> {
        let text = self.required_text()?;
        let mut builder = RegexBuilder::new(&regex::escape(&text));
        builder.case_insensitive(self.flag("ignore_case")?);
        let mark =
            compile(&mut builder).map_err(|problem| self.error(problem, "a shorter text".to_owned()))?;
        Ok((mark, text.into_owned()))
    }

    fn pattern(&self) -> Result<StepKind, StepError> {
        let pattern = self.required_text()?;
        let regex = parse_regex(&pattern).map_err(|(found, expected)| self.error(found, expected))?;
        let last = self.last(true)?;
        let groups = regex.captures_len().saturating_sub(1);
        let group = match self.key("group") {
            None => groups.min(1),
            Some(Value::String(name)) => {
                let index = regex
                    .capture_names()
                    .position(|group| group == Some(name.as_str()));
                index.ok_or_else(|| {
                    self.error(
                        format!("group `{}`", clipped(name, SHOWN_CHARS_MAX)),
                        "a group that the pattern names, as in (?P<name>…)".to_owned(),
                    )
                })?
            }
            Some(value) => whole(value).filter(|group| *group <= groups).ok_or_else(|| {
                self.error(
                    format!("`group` {}", shown(value)),
                    format!("a whole number from 0 to {groups}"),
                )
            })?,
        };
        Ok(StepKind::Pattern { regex, last, group })
    }
}

/// Compiles a pattern of a suite; the error is what was found and what was expected.
pub(crate) fn parse_regex(pattern: &str) -> Result<Regex, (String, String)> {
    compile(&mut RegexBuilder::new(pattern)).map_err(|problem| {
        let expected = "a regular expression without look-around and back-references, which cannot be matched in \
                        linear time";
        (format!("the pattern `{}` ({problem})", clipped(pattern, SHOWN_CHARS_MAX)), expected.to_owned())
    })
}

fn compile(builder: &mut RegexBuilder) -> Result<Regex, String> {
    builder
        .size_limit(REGEX_PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
            // The last line says what is wrong; those above draw the pattern again.
            other => {
                let text = other.to_string();
                let line = text.lines().last().unwrap_or("").trim();
                line.strip_prefix("error: ").unwrap_or(line).to_owned()
            }
        })
}

impl StepKind {
    fn parse(arguments: &Arguments<'_>) -> Result<Self, StepError> {
        Ok(match arguments.entry.name {
            "first_line" => Self::FirstLine,
            "last_line" => Self::LastLine,
            "first_number" => Self::FirstNumber,
            "last_number" => Self::LastNumber,
            "choice_letter" => Self::ChoiceLetter {
                count: choice_count(arguments)?,
            },
            "code_block" => Self::CodeBlock {
                language: arguments.text()?.map(Cow::into_owned),
            },
            "trim" => Self::Trim,
            "strip_think" => Self::StripThink,
            "after" => {
                let (mark, text) = arguments.mark()?;
                Self::After {
                    mark,
                    text,
                    last: arguments.last(true)?,
                }
            }
            "before" => {
                let (mark, text) = arguments.mark()?;
                Self::Before {
                    mark,
                    text,
                    last: arguments.last(false)?,
                }
            }
            "regex" => arguments.pattern()?,
            _ => {
                let path = arguments.required_text()?;
                let expected = || "a name, or a JSON pointer such as /a/b".to_owned();
                let parsed = FieldPath::parse(&path);
                Self::Field(parsed.ok_or_else(|| arguments.error(shown(arguments.main), expected()))?)
            }
        })
    }
}

fn choice_count(arguments: &Arguments<'_>) -> Result<usize, StepError> {
    if arguments.main.is_null() {
        return Ok(crate::rules::CHOICE_OPTIONS_DEFAULT);
    }
    let count = whole(arguments.main).filter(|count| (2..=letter::LETTERS_MAX).contains(count));
    count.ok_or_else(|| {
        let expected = format!("a whole number from 2 to {}", letter::LETTERS_MAX);
        arguments.error(shown(arguments.main), expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extractor;
    use serde_json::json;

    /// Protects the messages about wrong steps: what was found, what was expected, a hint.
    #[test]
    fn wrong_steps_are_refused() {
        let cases = [
            (
                json!("last_numbr"),
                "step 1, `last_numbr`, expected one of first_line, ",
            ),
            (
                json!([1]),
                "step 1, the number `1`, expected a name or a map with one key",
            ),
            (
                json!([{}]),
                "step 1, the map `{}`, expected a name or a map with one key",
            ),
            (
                json!({"after": 1, "before": 2}),
                "expected a name or a map with one key",
            ),
            (
                json!("after"),
                "step 1 `after` with no value, expected its text; hint: `after` gives what stands",
            ),
            (
                json!({"after": ""}),
                "step 1 `after` with the text ``, expected a text that is not empty",
            ),
            (
                json!({"after": {"text": "x", "witch": "first"}}),
                "with key `witch`, expected one of text, which, ignore_case, optional",
            ),
            (
                json!({"after": {"text": "x", "which": "middle"}}),
                "with `which` the text `middle`, expected first or last",
            ),
            (
                json!({"trim": 3}),
                "step 1 `trim` with the number `3`, expected no value",
            ),
            (
                json!({"trim": {"": 3}}),
                "step 1 `trim` with key ``, expected one of optional",
            ),
            (
                json!({"choice_letter": 1}),
                "expected a whole number from 2 to 26",
            ),
            (
                json!(["trim", {"regex": "(a"}]),
                "step 2 `regex` with the pattern `(a` (unclosed group), expected a regular",
            ),
            (json!({"regex": "(?=a)"}), "look-around"),
            (
                json!({"regex": {"pattern": "(a)", "group": 2}}),
                "with `group` the number `2`, expected a whole number from 0 to 1",
            ),
            (
                json!({"regex": {"pattern": "(a)", "group": "n"}}),
                "with group `n`, expected a group that the pattern names",
            ),
            (
                json!({"regex": r"\w{5000}"}),
                "(it compiles to more than 4194304 bytes)",
            ),
            (
                json!({"json_field": "/"}),
                "expected a name, or a JSON pointer such as /a/b",
            ),
            (json!(vec!["trim"; 17]), "a list of 17 steps, expected at most 16"),
        ];
        for (steps, expected) in cases {
            let error = Extractor::parse(&steps).unwrap_err().to_string();
            assert!(error.contains(expected), "{steps}: {error}");
            assert!(error.contains("; hint: "), "{error}");
        }
    }

    /// Protects the table: every step in it can be parsed, with its argument where it needs one.
    #[test]
    fn every_entry_is_a_step() {
        for entry in EXTRACT_STEPS {
            let step = if entry.argument_required {
                json!({entry.name: "x"})
            } else {
                json!(entry.name)
            };
            assert!(Extractor::parse(&step).is_ok(), "{step}");
            let optional = json!({entry.name: {entry.argument: "x", "optional": true}});
            assert!(
                !entry.argument_required || Extractor::parse(&optional).is_ok(),
                "{optional}"
            );
        }
    }
}
