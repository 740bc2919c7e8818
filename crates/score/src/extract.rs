//! Taking the part that counts out of an answer, step by step. Apart from the scorers because every scorer, judge and
//! recipe uses the same steps by the same names; apart from [`crate::step`], which reads the steps from a suite.

use crate::json::FieldPath;
use crate::options::clipped;
use crate::step::{EXTRACT_STEPS_MAX, Step, StepError, StepKind};
use crate::{fence, letter, number};
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;

/// Characters of a text that a reason shows.
pub(crate) const SHOWN_CHARS_MAX: usize = 60;
/// Blocks in which reasoning models think aloud.
const THINK_TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

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

impl StepKind {
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
pub(crate) fn strip_think(text: &str) -> Result<&str, String> {
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
