//! Taking the part that counts out of an answer, step by step. Apart from the scorers because every scorer, judge and
//! recipe uses the same steps by the same names.

use crate::fence;
use crate::json::FieldPath;
use crate::letter;
use crate::number;
use crate::options::{clipped, scalar_text, shown, whole};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Most steps of one `extract`.
pub const EXTRACT_STEPS_MAX: usize = 16;
/// Largest compiled size of a regular expression that a suite gives, in bytes.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Characters of a text that a reason shows.
const SHOWN_CHARS_MAX: usize = 60;
/// Blocks in which reasoning models think aloud.
const THINK_TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

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

/// Why a step found nothing: `step 2 (last_number) found no number`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("step {step} ({name}) {reason}")]
pub struct NotFound {
    /// 1-based number of the step.
    pub step: usize,
    /// Name of the step.
    pub name: &'static str,
    /// What it looked for in vain.
    pub reason: String,
}

/// A list of steps, applied first to last; the empty list takes the whole text.
///
/// ```
/// use serde_json::json;
/// let steps = seatrial_score::Extractor::parse(&json!([{"json_field": "answer"}, "last_number"]))?;
/// assert_eq!(steps.apply(r#"Sure: {"answer": "$1,000 or so"}"#).as_deref(), Ok("1000"));
/// assert_eq!(steps.apply("no idea").unwrap_err().step, 1);
/// # Ok::<(), seatrial_score::StepError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Extractor {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    entry: &'static StepEntry,
    optional: bool,
    kind: StepKind,
}

#[derive(Debug, Clone)]
enum StepKind {
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

impl Extractor {
    /// From a suite: one step, or a list of steps; each a name or a one-key map.
    ///
    /// # Errors
    /// [`StepError`] for the first step that is not one.
    pub fn parse(value: &Value) -> Result<Self, StepError> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        if items.len() > EXTRACT_STEPS_MAX {
            return Err(StepError {
                found: format!("a list of {} steps", items.len()),
                expected: format!("at most {EXTRACT_STEPS_MAX}"),
                hint: "one `regex` step can do the work of several".to_owned(),
            });
        }
        let numbered = items.iter().zip(1..);
        let steps = numbered
            .map(|(item, number)| Step::parse(item, number))
            .collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }

    /// The part that counts.
    ///
    /// # Errors
    /// [`NotFound`] with the first step that found nothing.
    pub fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, NotFound> {
        let mut current = Cow::Borrowed(text);
        for (step, number) in self.steps.iter().zip(1..) {
            let next = match &current {
                Cow::Borrowed(text) => step.kind.find(text),
                Cow::Owned(text) => step.kind.find(text).map(|found| Cow::Owned(found.into_owned())),
            };
            match next {
                Ok(found) => current = found,
                Err(_) if step.optional => {}
                Err(reason) => {
                    return Err(NotFound {
                        step: number,
                        name: step.entry.name,
                        reason,
                    });
                }
            }
        }
        Ok(current)
    }
}

impl Step {
    fn parse(item: &Value, number: usize) -> Result<Self, StepError> {
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

    fn error(&self, found: String, expected: String) -> StepError {
        let name = self.entry.name;
        StepError {
            found: format!("step {} `{name}` with {found}", self.number),
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

    /// The part of the text that this step takes, or what it looked for in vain.
    fn find<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        let slice = match self {
            Self::FirstLine => text.lines().find(|line| !line.trim().is_empty()).map(str::trim),
            Self::LastLine => text.lines().rfind(|line| !line.trim().is_empty()).map(str::trim),
            Self::Trim => Some(seatrial_text::normalise::trim(text)),
            Self::StripThink => return strip_think(text).map(Cow::Borrowed),
            Self::CodeBlock { language } => fence::first_block(text, language.as_deref()),
            Self::After { mark, last, .. } => {
                occurrence(mark, text, *last).and_then(|found| text.get(found.end()..))
            }
            Self::Before { mark, last, .. } => {
                occurrence(mark, text, *last).and_then(|found| text.get(..found.start()))
            }
            Self::Pattern { regex, last, group } => return matched(regex, text, *last, *group),
            Self::FirstNumber => return number_in(number::first_number(text), text),
            Self::LastNumber => return number_in(number::last_number(text), text),
            Self::ChoiceLetter { count } => {
                let index =
                    letter::read_choice(text, *count, &[]).map_err(|reason| format!("found {reason}"))?;
                return Ok(Cow::Owned(letter::letter_of(index).to_string()));
            }
            Self::Field(path) => return field(path, text),
        };
        slice.map(Cow::Borrowed).ok_or_else(|| self.reason())
    }

    fn reason(&self) -> String {
        match self {
            Self::CodeBlock {
                language: Some(language),
            } => {
                format!("found no fenced block labelled `{language}` or unlabelled")
            }
            Self::CodeBlock { language: None } => "found no fenced block".to_owned(),
            Self::After { text, .. } | Self::Before { text, .. } => {
                format!("found no `{}`", clipped(text, SHOWN_CHARS_MAX))
            }
            _ => "found an empty text".to_owned(),
        }
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

fn occurrence<'t>(mark: &Regex, text: &'t str, last: bool) -> Option<regex::Match<'t>> {
    if last {
        mark.find_iter(text).last()
    } else {
        mark.find(text)
    }
}

fn matched<'t>(regex: &Regex, text: &'t str, last: bool, group: usize) -> Result<Cow<'t, str>, String> {
    let nothing = || {
        let pattern = clipped(regex.as_str(), SHOWN_CHARS_MAX);
        format!("found no match of `{pattern}`")
    };
    let found = occurrence(regex, text, last).ok_or_else(nothing)?;
    if group == 0 {
        return Ok(Cow::Borrowed(found.as_str()));
    }
    // Groups cost more than matches, so they are asked for once, where the match begins.
    let captures = regex.captures_at(text, found.start()).ok_or_else(nothing)?;
    let group_match = captures.get(group);
    let unused = || format!("found a match in which group {group} took no part");
    group_match
        .map(|found| Cow::Borrowed(found.as_str()))
        .ok_or_else(unused)
}

fn number_in<'t>(found: Option<number::Number<'t>>, text: &str) -> Result<Cow<'t, str>, String> {
    found
        .map(|number| number.text)
        .ok_or_else(|| format!("found no number in {}", excerpt(text)))
}

/// A text as reasons show it.
pub(crate) fn excerpt(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        "an empty text".to_owned()
    } else {
        format!("`{}`", clipped(text, SHOWN_CHARS_MAX))
    }
}

fn field<'t>(path: &FieldPath, text: &'t str) -> Result<Cow<'t, str>, String> {
    let Some(value) = path.find(text) else {
        return Err(format!("found no JSON field `{}`", path.as_str()));
    };
    value
        .into_text()
        .ok_or_else(|| format!("found null in the JSON field `{}`", path.as_str()))
}

/// Some servers put the opening tag into the prompt, so that only the closing one arrives.
fn strip_think(text: &str) -> Result<&str, String> {
    let start = text.trim_start();
    for (open, close) in THINK_TAGS {
        if let Some(thought) = start.strip_prefix(open) {
            let answer = thought.split_once(close).map(|(_, answer)| answer.trim_start());
            return answer.ok_or_else(|| format!("found no {close}: the answer ends while the model thinks"));
        }
        if let Some((thought, answer)) = text.split_once(close)
            && !thought.contains(open)
        {
            return Ok(answer.trim_start());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn run(steps: &Value, text: &str) -> Result<String, String> {
        let extractor = Extractor::parse(steps).unwrap();
        extractor
            .apply(text)
            .map(Cow::into_owned)
            .map_err(|missing| missing.to_string())
    }

    /// Protects what each step takes.
    #[test]
    fn steps_take_what_they_say() {
        let cases = [
            (json!([]), " as it is \n", " as it is \n"),
            (json!("first_line"), "\n \n a b \nc", "a b"),
            (json!("last_line"), "a\n b \n\n \n", "b"),
            (json!("first_number"), "1,000 of 2", "1000"),
            (json!("last_number"), "first 3, then $1,234.50.", "1234.50"),
            (json!(["last_number"]), "16 - 3", "3"),
            (json!("choice_letter"), "The answer is (j).", "J"),
            (json!({"choice_letter": 4}), "ANSWER: B", "B"),
            (json!({"choice_letter": {"options": 4}}), "ANSWER: B", "B"),
            (json!("code_block"), "x\n```js\n1\n```", "1"),
            (
                json!({"code_block": "python"}),
                "```js\n1\n```\n```py\n2\n```",
                "2",
            ),
            (json!("trim"), "\u{a0} x \n", "x"),
            (json!("trim"), "", ""),
            (json!("strip_think"), "<think>hm\n</think>\n\n18", "18"),
            (json!("strip_think"), " <thinking>hm</thinking>18", "18"),
            (json!("strip_think"), "hm</think>18", "18"),
            (json!("strip_think"), "18 <think>", "18 <think>"),
            (json!("strip_think"), "18", "18"),
            (json!({"after": "Answer:"}), "Answer: 1\nAnswer: 2", " 2"),
            (
                json!({"after": {"text": "Answer:", "which": "first"}}),
                "Answer: 1\nAnswer: 2",
                " 1\nAnswer: 2",
            ),
            (
                json!({"after": {"text": "ANSWER:", "ignore_case": true}}),
                "Answer: 2",
                " 2",
            ),
            (json!({"after": "."}), "a.b", "b"),
            (json!({"after": 7}), "a 7 b", " b"),
            (json!({"before": "\nQ:"}), "1\nQ: 2\nQ: 3", "1"),
            (
                json!({"before": {"text": "Q:", "which": "last"}}),
                "1 Q: 2 Q: 3",
                "1 Q: 2 ",
            ),
            (json!({"before": {"text": "Q:", "optional": true}}), "1", "1"),
            (json!({"regex": r"#### (\S+)"}), "#### 1\n#### 2", "2"),
            (json!({"regex": r"\d+"}), "1 22", "22"),
            (
                json!({"regex": {"pattern": r"(\d)(\d)", "which": "first", "group": 2}}),
                "12 34",
                "2",
            ),
            (
                json!({"regex": {"pattern": r"(\d)(\d)", "group": 0}}),
                "12 34",
                "34",
            ),
            (
                json!({"regex": {"pattern": r"(?P<n>\d)x", "group": "n"}}),
                "1x 2",
                "1",
            ),
            (json!({"regex": r"\bé(.)"}), "é1 né2 é3", "3"),
            (json!({"json_field": "answer"}), r#"{"answer": 3}"#, "3"),
            (json!({"json_field": "/a/b"}), r#"{"a": {"b": "x"}}"#, "x"),
            (
                json!([{"json_field": "answer"}, "last_number"]),
                r#"{"answer": "about 3.50."}"#,
                "3.50",
            ),
            (
                json!(["strip_think", "last_line", {"after": ":"}, "trim"]),
                "<think>A: 1</think>\nA: 2 ",
                "2",
            ),
        ];
        for (steps, text, expected) in cases {
            assert_eq!(run(&steps, text).as_deref(), Ok(expected), "{steps} on {text:?}");
        }
    }

    /// Protects the reasons that a report shows for unparsed samples.
    #[test]
    fn steps_say_what_they_miss() {
        let cases = [
            (
                json!("first_line"),
                " \n",
                "step 1 (first_line) found an empty text",
            ),
            (
                json!(["trim", "last_number"]),
                " none ",
                "step 2 (last_number) found no number in `none`",
            ),
            (
                json!("last_number"),
                "",
                "step 1 (last_number) found no number in an empty text",
            ),
            (
                json!({"after": "Answer:"}),
                "x",
                "step 1 (after) found no `Answer:`",
            ),
            (
                json!({"code_block": "sql"}),
                "x",
                "step 1 (code_block) found no fenced block labelled `sql` or unlabelled",
            ),
            (
                json!("code_block"),
                "x",
                "step 1 (code_block) found no fenced block",
            ),
            (
                json!({"regex": "a(b)?"}),
                "a",
                "step 1 (regex) found a match in which group 1 took no part",
            ),
            (json!({"regex": "z"}), "a", "step 1 (regex) found no match of `z`"),
            (
                json!({"json_field": "answer"}),
                "{}",
                "step 1 (json_field) found no JSON field `answer`",
            ),
            (
                json!({"json_field": "a"}),
                "{\"a\":null}",
                "step 1 (json_field) found null in the JSON field `a`",
            ),
            (
                json!("choice_letter"),
                "x",
                "step 1 (choice_letter) found no clear letter from A to J",
            ),
            (
                json!("strip_think"),
                "<think>hm",
                "step 1 (strip_think) found no </think>: the answer ends while the model thinks",
            ),
        ];
        for (steps, text, expected) in cases {
            assert_eq!(
                run(&steps, text).as_ref().map_err(String::as_str),
                Err(expected),
                "{steps}"
            );
        }
    }

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

    proptest! {
        /// Protects against panics of any step on any text, huge ones included.
        #[test]
        fn any_text_is_survived(text in any::<String>(), times in 1_usize..200) {
            let steps = [
                json!("first_line"), json!("last_line"), json!("first_number"), json!("last_number"),
                json!("choice_letter"), json!("code_block"), json!({"code_block": "python"}), json!("trim"),
                json!("strip_think"), json!({"after": "a"}), json!({"before": {"text": "É", "ignore_case": true}}),
                json!({"regex": "(.)(.)?"}), json!({"regex": "x*"}), json!({"json_field": "a"}),
            ];
            let long = text.repeat(times);
            for step in steps {
                let extractor = Extractor::parse(&step).unwrap();
                let _ = extractor.apply(&text);
                let _ = extractor.apply(&long);
            }
        }
    }
}
