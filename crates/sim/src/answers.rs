//! The answer file: which text is right for which prompt, and which prompts a persona gets wrong. Apart because looking
//! up must be quick (a prompt holds a row's text somewhere inside a template) and accuracy must be exact.

use crate::key::{Purpose, bits, head, key_of};
use crate::persona::Persona;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Columns that can hold the prompt, best first.
const PROMPT_COLUMNS: [&str; 3] = ["prompt", "input", "question"];
/// Columns that can hold the answer, best first: those of a dataset's reference are accepted, so that a dataset can be
/// its own answer file.
const ANSWER_COLUMNS: [&str; 7] = [
    "answer",
    "expected",
    "reference",
    "target",
    "gold",
    "label",
    "output",
];
/// A longer prompt is searched for a row's text only this far.
const SEARCH_BYTES_MAX: usize = 1 << 20;

/// One prompt with its right answer, and wrong ones where somebody thought of plausible mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// What a prompt must equal or contain; white space around it does not count.
    pub prompt: String,
    /// The right answer.
    pub answer: String,
    /// Wrong answers; where there are none, another row's answer is given instead.
    pub wrong: Vec<String>,
}

impl AnswerRow {
    /// From an object with a prompt (`prompt`, `input` or `question`), an answer (`answer`, or a dataset's reference
    /// column such as `expected`) and perhaps `wrong` (a text or a list). Numbers and booleans are taken as they are
    /// written; of a list of accepted answers the first counts. Other columns are ignored.
    ///
    /// # Errors
    /// What is missing or not as expected.
    pub fn from_value(row: &Value) -> Result<Self, String> {
        let Value::Object(columns) = row else {
            return Err(
                "found a row that is no object, expected columns such as `prompt` and `answer`".to_owned(),
            );
        };
        let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, columns.get(*name)?)));
        let (name, prompt) = first(&PROMPT_COLUMNS).ok_or_else(|| {
            format!(
                "found no prompt, expected one of the columns {}",
                PROMPT_COLUMNS.join(", ")
            )
        })?;
        let prompt = prompt.as_str().filter(|text| !text.trim().is_empty());
        let prompt = prompt
            .ok_or_else(|| format!("found no text in `{name}`, expected a prompt"))?
            .to_owned();
        let (name, answer) = first(&ANSWER_COLUMNS).ok_or_else(|| {
            format!(
                "found no answer, expected one of the columns {}",
                ANSWER_COLUMNS.join(", ")
            )
        })?;
        let answer = match answer {
            Value::Array(accepted) => accepted.first().and_then(text_of),
            single => text_of(single),
        };
        let answer = answer.ok_or_else(|| {
            format!("found something else in `{name}`, expected a text, a number or a list")
        })?;
        let wrong = match columns.get("wrong") {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(text_of).collect(),
            Some(single) => text_of(single).map(|text| vec![text]),
        };
        let wrong = wrong.ok_or("found something else in `wrong`, expected a text or a list of texts")?;
        if wrong.contains(&answer) {
            return Err(format!(
                "found the right answer `{answer}` in `wrong`, expected others"
            ));
        }
        Ok(Self {
            prompt,
            answer,
            wrong,
        })
    }
}

/// A scalar as it is written.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Reads the rows of an answer file: one JSON object per line, empty lines skipped.
///
/// # Errors
/// The first line that is not a row.
pub fn read_answers(text: &str) -> Result<Vec<AnswerRow>, AnswersError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let wrong = |message| AnswersError::Row {
                line: index + 1,
                message,
            };
            let value: Value =
                serde_json::from_str(line).map_err(|error| wrong(format!("not JSON: {error}")))?;
            AnswerRow::from_value(&value).map_err(wrong)
        })
        .collect()
}

/// Why an answer file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswersError {
    /// A line is not a row.
    #[error("answers, line {line}: {message}")]
    Row {
        /// 1-based line.
        line: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// One prompt has two right answers.
    #[error("answers: found `{first}` and `{second}` as answers of one prompt, expected one: `{prompt}`")]
    Contradiction {
        /// The prompt.
        prompt: String,
        /// The answer of its first row.
        first: String,
        /// The other one.
        second: String,
    },
}

/// Rows ready to be looked up.
#[derive(Debug)]
pub(crate) struct Book {
    /// Sorted by prompt, no prompt twice.
    entries: Vec<Entry>,
    /// Bit for each two bytes with which some prompt starts: most places of a text are ruled out by one look.
    starts: Box<[u64; 1024]>,
}

#[derive(Debug)]
struct Entry {
    prompt: Box<str>,
    answer: Arc<str>,
    wrong: Vec<Arc<str>>,
}

/// What a persona says to one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    /// The text.
    pub(crate) text: Arc<str>,
    /// Whether it is the right answer.
    pub(crate) is_right: bool,
}

impl Book {
    pub(crate) fn new(rows: Vec<AnswerRow>) -> Result<Self, AnswersError> {
        // Equal answers share their memory: labels repeat a thousand times.
        let mut texts: HashMap<String, Arc<str>> = HashMap::new();
        let mut shared = |text: String| {
            let kept = texts
                .entry(text)
                .or_insert_with_key(|text| Arc::from(text.as_str()));
            Arc::clone(kept)
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let answer = shared(row.answer);
            let wrong = row
                .wrong
                .into_iter()
                .map(&mut shared)
                .filter(|text| *text != answer)
                .collect();
            let prompt = Box::from(row.prompt.trim());
            entries.push(Entry {
                prompt,
                answer,
                wrong,
            });
        }
        entries.sort_by(|a, b| a.prompt.cmp(&b.prompt));
        if let Some([first, second]) = entries
            .array_windows()
            .find(|[a, b]| a.prompt == b.prompt && a.answer != b.answer)
        {
            return Err(AnswersError::Contradiction {
                prompt: first.prompt.to_string(),
                first: first.answer.to_string(),
                second: second.answer.to_string(),
            });
        }
        entries.dedup_by(|a, b| a.prompt == b.prompt);
        entries.retain(|entry| !entry.prompt.is_empty());
        let mut starts = Box::new([0_u64; 1024]);
        for entry in &entries {
            match entry.prompt.as_bytes() {
                [first, second, ..] => set(&mut starts, pair(*first, *second)),
                [first] => (0..=255).for_each(|second| set(&mut starts, pair(*first, second))),
                [] => {}
            }
        }
        Ok(Self { entries, starts })
    }

    /// The row for a prompt: the one whose text it is, or else the longest one that it contains (the first of equals).
    pub(crate) fn find(&self, prompt: &str) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let prompt = prompt.trim();
        if let Ok(row) = self.entries.binary_search_by(|entry| (*entry.prompt).cmp(prompt)) {
            return Some(row);
        }
        let bytes = prompt.as_bytes();
        let bytes = bytes.get(..SEARCH_BYTES_MAX).unwrap_or(bytes);
        let mut best: Option<(usize, usize)> = None;
        for (at, rest) in (0..bytes.len()).filter_map(|at| Some((at, bytes.get(at..)?))) {
            let second = bytes.get(at + 1).copied().unwrap_or(0);
            let is_start = rest
                .first()
                .is_some_and(|first| is_set(&self.starts, pair(*first, second)));
            if is_start
                && let Some(row) = self.longest_prefix(rest)
                && let Some(entry) = self.entries.get(row)
                && best.is_none_or(|(length, _)| entry.prompt.len() > length)
            {
                best = Some((entry.prompt.len(), row));
            }
        }
        best.map(|(_, row)| row)
    }

    /// The longest row that `text` starts with. The last row not after `text` is it, or shares some bytes with `text`;
    /// a longer prefix than those shared bytes cannot exist, so the search goes on with them.
    fn longest_prefix(&self, text: &[u8]) -> Option<usize> {
        let mut key = text;
        loop {
            let row = self
                .entries
                .partition_point(|entry| entry.prompt.as_bytes() <= key)
                .checked_sub(1)?;
            let candidate = self.entries.get(row)?.prompt.as_bytes();
            if key.starts_with(candidate) {
                return Some(row);
            }
            let common = candidate.iter().zip(key).take_while(|(a, b)| a == b).count();
            key = key.get(..common).filter(|key| !key.is_empty())?;
        }
    }

    /// What a persona says to each row. Rows are ranked by hash of seed, model and prompt; the first
    /// `round(accuracy × rows)` are answered rightly, so that even a small file has exactly its share.
    pub(crate) fn serve(&self, seed: u64, persona: &Persona) -> Vec<Served> {
        let seed = seed.to_le_bytes();
        let keys: Vec<u64> = self
            .entries
            .iter()
            .map(|entry| key_of(&[&seed, persona.model.as_bytes(), entry.prompt.as_bytes()]))
            .collect();
        let mut ranked: Vec<usize> = (0..keys.len()).collect();
        ranked.sort_by_key(|&row| (keys.get(row).copied(), row));
        let right = (persona.accuracy * self.entries.len() as f64).round() as usize;
        let mut is_right = vec![false; ranked.len()];
        for row in ranked.into_iter().take(right) {
            if let Some(flag) = is_right.get_mut(row) {
                *flag = true;
            }
        }
        let serve_row = |((entry, is_right), key): ((&Entry, bool), u64)| Served {
            text: if is_right {
                Arc::clone(&entry.answer)
            } else {
                self.wrong_answer(entry, key, persona)
            },
            is_right,
        };
        self.entries
            .iter()
            .zip(is_right)
            .zip(keys)
            .map(serve_row)
            .collect()
    }

    /// A wrong answer of this row, another row's answer, or what the persona says when it does not know.
    fn wrong_answer(&self, entry: &Entry, key: u64, persona: &Persona) -> Arc<str> {
        let pick = bits(key, head(entry.answer.as_bytes()), 0, Purpose::Wrong);
        let place = |count: usize| (pick % (count.max(1) as u64)) as usize;
        if let Some(wrong) = entry.wrong.get(place(entry.wrong.len())) {
            return Arc::clone(wrong);
        }
        let (before, after) = self.entries.split_at(place(self.entries.len()));
        let mut others = after.iter().chain(before).map(|other| &other.answer);
        match others.find(|answer| **answer != entry.answer) {
            Some(answer) => Arc::clone(answer),
            None if *persona.unknown != *entry.answer => Arc::from(persona.unknown.as_str()),
            None => Arc::from(""),
        }
    }
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

fn set(bits: &mut [u64; 1024], place: usize) {
    if let Some(word) = bits.get_mut(place / 64) {
        *word |= 1 << (place % 64);
    }
}

fn is_set(bits: &[u64; 1024], place: usize) -> bool {
    bits.get(place / 64)
        .is_some_and(|word| word >> (place % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(prompt: &str, answer: &str) -> AnswerRow {
        AnswerRow {
            prompt: prompt.to_owned(),
            answer: answer.to_owned(),
            wrong: Vec::new(),
        }
    }

    fn found<'a>(book: &'a Book, prompt: &str) -> Option<&'a str> {
        book.find(prompt).map(|row| &*book.entries[row].answer)
    }

    /// Protects lookups inside a template: equal beats contained, longer beats shorter, and neighbours in sort order do
    /// not hide a shorter row.
    #[test]
    fn finds_the_longest_contained() {
        let book = Book::new(vec![
            row("Where is my parcel?", "track"),
            row("Where is my parcel? It is late.", "refund"),
            row("Where is my parcel? It is here.", "close"),
            row("parcel", "word"),
            row(" x ", "letter"),
        ])
        .unwrap();
        assert_eq!(found(&book, "Where is my parcel?"), Some("track"));
        assert_eq!(
            found(&book, "Policy: be kind.\n\nWhere is my parcel?\nAnswer:"),
            Some("track")
        );
        assert_eq!(
            found(&book, "Policy.\nWhere is my parcel? It is gone."),
            Some("track")
        );
        assert_eq!(
            found(&book, "Policy.\nWhere is my parcel? It is here. Really."),
            Some("close")
        );
        assert_eq!(
            found(&book, "a parcel, and then: Where is my parcel? It is late."),
            Some("refund")
        );
        assert_eq!(found(&book, "no such parcel"), Some("word"));
        assert_eq!(found(&book, "axb"), Some("letter"));
        assert_eq!(found(&book, "nothing"), None);
        assert_eq!(found(&book, ""), None);
        assert_eq!(found(&Book::new(Vec::new()).unwrap(), "parcel"), None);
    }

    /// Protects the lookup against a mistake of its search: the same as looking for every row with `contains`.
    #[test]
    fn lookup_equals_plain_search() {
        let texts: Vec<String> = (0..400_u32)
            .map(|n| format!("{:b}", n.wrapping_mul(2_654_435_761) >> 22))
            .collect();
        let book = Book::new(texts.iter().map(|text| row(text, text)).collect()).unwrap();
        for n in 0..300_u64 {
            let prompt = format!("Q {:b} A", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
            let longest = texts
                .iter()
                .filter(|text| prompt.contains(text.as_str()))
                .map(String::len)
                .max();
            assert_eq!(found(&book, &prompt).map(str::len), longest, "{prompt}");
        }
    }

    /// Protects "95 % of 300 is 285": the share is exact for every size, the choice follows seed and model, not the
    /// order of the file, and wrong answers are wrong.
    #[test]
    fn accuracy_is_exact() {
        for (count, accuracy, expected) in [
            (300, 0.95, 285),
            (300, 0.98, 294),
            (300, 0.99, 297),
            (7, 0.5, 4),
            (3, 0.0, 0),
            (3, 1.0, 3),
            (1, 0.4, 0),
        ] {
            let rows: Vec<_> = (0..count)
                .map(|n| row(&format!("case {n}?"), ["a", "b", "c"][n % 3]))
                .collect();
            let reversed = rows.iter().rev().cloned().collect();
            let book = Book::new(rows).unwrap();
            let persona = Persona {
                accuracy,
                ..Persona::instant("m")
            };
            let served = book.serve(7, &persona);
            assert_eq!(served.iter().filter(|served| served.is_right).count(), expected);
            for (entry, served) in book.entries.iter().zip(&served) {
                assert_eq!(served.is_right, served.text == entry.answer, "{entry:?}");
            }
            assert_eq!(served, Book::new(reversed).unwrap().serve(7, &persona));
            if expected == 285 {
                assert_ne!(served, book.serve(8, &persona));
                assert_ne!(
                    served,
                    book.serve(
                        7,
                        &Persona {
                            model: "n".into(),
                            ..persona
                        }
                    )
                );
            }
        }
    }

    /// Protects plausible mistakes: `wrong` is used where a row has it, and something wrong is found in any case.
    #[test]
    fn wrong_answers_are_wrong() {
        let mut first = row("one", "refund");
        first.wrong = vec!["replace".to_owned(), "refund".to_owned()];
        let persona = Persona {
            accuracy: 0.0,
            ..Persona::instant("m")
        };
        let book = Book::new(vec![first, row("two", "escalate")]).unwrap();
        let served: Vec<_> = book
            .serve(0, &persona)
            .into_iter()
            .map(|served| served.text.to_string())
            .collect();
        assert_eq!(served, ["replace", "refund"]);
        let alone = Book::new(vec![row("one", "refund"), row("two", "refund")]).unwrap();
        assert!(
            alone
                .serve(0, &persona)
                .iter()
                .all(|served| &*served.text == "I do not know.")
        );
        let odd = Persona {
            unknown: "refund".into(),
            ..persona
        };
        assert!(alone.serve(0, &odd).iter().all(|served| served.text.is_empty()));
    }

    /// Protects people who write answer files: each accepted form is read, each mistake named with its line.
    #[test]
    fn rows_are_read() {
        let text = concat!(
            r#"{"prompt": "p", "answer": "a", "wrong": ["x", 2]}"#,
            "\n\n",
            r#"{"input": "i", "expected": ["b", "c"]}"#,
            "\n",
            r#"{"id": 3, "question": "q", "answer": 4.5, "wrong": "no"}"#,
            "\n",
        );
        let rows = read_answers(text).unwrap();
        let all = |prompt: &str, answer: &str, wrong: &[&str]| AnswerRow {
            prompt: prompt.into(),
            answer: answer.into(),
            wrong: wrong.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            rows,
            [
                all("p", "a", &["x", "2"]),
                all("i", "b", &[]),
                all("q", "4.5", &["no"])
            ]
        );
        for (line, message) in [
            ("{", "answers, line 2: not JSON"),
            ("[]", "answers, line 2: found a row that is no object"),
            (r#"{"answer": 1}"#, "answers, line 2: found no prompt"),
            (
                r#"{"prompt": " ", "answer": 1}"#,
                "answers, line 2: found no text in `prompt`",
            ),
            (r#"{"prompt": "p"}"#, "answers, line 2: found no answer"),
            (
                r#"{"prompt": "p", "answer": {}}"#,
                "answers, line 2: found something else in `answer`",
            ),
            (
                r#"{"prompt": "p", "answer": 1, "wrong": [1]}"#,
                "answers, line 2: found the right answer",
            ),
        ] {
            let error = read_answers(&format!("\n{line}\n")).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert_eq!(
            AnswerRow::from_value(&json!({"prompt": "p", "answer": true}))
                .unwrap()
                .answer,
            "true"
        );
        let contradiction = Book::new(vec![row("p", "a"), row("p ", "b")]).unwrap_err();
        assert!(matches!(contradiction, AnswersError::Contradiction { .. }));
        assert_eq!(
            Book::new(vec![row("p", "a"), row("p", "a")])
                .unwrap()
                .entries
                .len(),
            1
        );
    }
}
