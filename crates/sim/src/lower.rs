//! Makes a configuration from a JSON value, by hand. Apart and by hand because derived readers stop at the first
//! mistake and cannot say which key was meant.

use crate::answers::AnswerRow;
use crate::config::{Answers, ConfigProblem, SimConfig};
use crate::delay::Dist;
use crate::fault::{Fault, Faults};
use crate::persona::{Feature, Persona, Shape, UsageStyle};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Names further than this from every key get no hint: it would only mislead.
const SIMILARITY_MIN: f64 = 0.7;

/// The configuration as far as it could be read, and everything that was wrong.
pub(crate) fn lower(value: Value) -> (SimConfig, Vec<ConfigProblem>) {
    let mut problems = Vec::new();
    let mut config = SimConfig::default();
    if let Some(mut table) = Table::new(String::new(), value, &mut problems) {
        config.seed = table.whole("seed").unwrap_or(config.seed);
        config.api_key = table.text("api_key");
        config.log_capacity = table.size("log_capacity").unwrap_or(config.log_capacity);
        config.log_file = table.text("log_file").map(PathBuf::from);
        config.body_bytes_max = table.size("body_bytes_max").unwrap_or(config.body_bytes_max);
        if let Some((key, value)) = table.take("answers") {
            config.answers = answers(&key, value, table.problems);
        }
        match table.take("personas") {
            Some((key, Value::Array(items))) => {
                config.personas = items
                    .into_iter()
                    .enumerate()
                    .map(|(index, item)| persona(format!("{key}[{index}]"), item, table.problems))
                    .collect();
            }
            Some((key, other)) => table.found(&key, &other, "a list of personas"),
            None => table.complain(
                "personas",
                "found nothing, expected a list of personas".to_owned(),
                None,
            ),
        }
        table.finish();
    }
    (config, problems)
}

fn persona(path: String, value: Value, problems: &mut Vec<ConfigProblem>) -> Persona {
    // A persona without a readable name is called by its place, so that two of them are not also called duplicates.
    let mut persona = Persona::instant(path.as_str());
    let Some(mut table) = Table::new(path, value, problems) else {
        return persona;
    };
    match table.text("model") {
        Some(model) => persona.model = model,
        None if table.was_taken("model") => {}
        None => table.complain(
            "model",
            "found nothing, expected the name of a model".to_owned(),
            None,
        ),
    }
    persona.first_token_ms = table.dist("first_token_ms").unwrap_or(persona.first_token_ms);
    persona.gap_ms = table.dist("gap_ms").unwrap_or(persona.gap_ms);
    persona.tokens_per_event = table.size("tokens_per_event").unwrap_or(persona.tokens_per_event);
    persona.events = table.size("events");
    persona.accuracy = table.number("accuracy").unwrap_or(persona.accuracy);
    persona.unknown = table.text("unknown").unwrap_or(persona.unknown);
    persona.output_tokens = table.dist("output_tokens");
    persona.usage = table.choice("usage", &UsageStyle::ALL).unwrap_or_default();
    persona.slots = table.size("slots");
    persona.full_is_429 = table.flag("full_is_429");
    persona.faults_persist = table.flag("faults_persist");
    persona.retry_after_s = table.small("retry_after_s").unwrap_or(persona.retry_after_s);
    persona.retry_after_ms = table.small("retry_after_ms");
    persona.stall_ms = table.number("stall_ms").unwrap_or(persona.stall_ms);
    persona.trickle_bytes = table.size("trickle_bytes").unwrap_or(persona.trickle_bytes);
    persona.trickle_gap_ms = table.number("trickle_gap_ms").unwrap_or(persona.trickle_gap_ms);
    if let Some((key, value)) = table.take("faults") {
        persona.faults = faults(key, value, table.problems);
    }
    if let Some((key, value)) = table.take("shape") {
        persona.shape = shape(key, value, table.problems);
    }
    table.finish();
    persona
}

fn faults(path: String, value: Value, problems: &mut Vec<ConfigProblem>) -> Faults {
    let mut faults = Faults::none();
    let Some(mut table) = Table::new(path, value, problems) else {
        return faults;
    };
    for fault in Fault::ALL {
        if let Some(probability) = table.number(fault.name()) {
            faults = faults.with(fault, probability);
        }
    }
    table.finish();
    faults
}

fn shape(path: String, value: Value, problems: &mut Vec<ConfigProblem>) -> Shape {
    let Some(mut table) = Table::new(path, value, problems) else {
        return Shape::default();
    };
    let mut shape = Shape {
        early_headers: table.flag("early_headers"),
        comments: table.flag("comments"),
        crlf: table.flag("crlf"),
        finish_with_text: table.flag("finish_with_text"),
        reasoning_tokens: table.size("reasoning_tokens").unwrap_or(0),
        reasoning_field: table.text("reasoning_field"),
        ignores_stream: table.flag("ignores_stream"),
        refuses: Vec::new(),
    };
    match table.take("refuses") {
        Some((key, Value::Array(items))) => {
            for (index, item) in items.iter().enumerate() {
                let key = format!("{key}[{index}]");
                shape.refuses.extend(table.choose(&key, item, &Feature::ALL));
            }
        }
        Some((key, other)) => table.found(&key, &other, "a list of request fields"),
        None => {}
    }
    table.finish();
    shape
}

fn answers(key: &str, value: Value, problems: &mut Vec<ConfigProblem>) -> Answers {
    match value {
        Value::String(path) => Answers::File(PathBuf::from(path)),
        Value::Array(items) => {
            let mut rows = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match AnswerRow::from_value(item) {
                    Ok(row) => rows.push(row),
                    Err(message) => {
                        problems.push(ConfigProblem {
                            key: format!("{key}[{index}]"),
                            message,
                            hint: None,
                        });
                    }
                }
            }
            Answers::Rows(rows)
        }
        other => {
            let message = format!(
                "found {}, expected the path of a file or a list of rows",
                kind(&other)
            );
            problems.push(ConfigProblem {
                key: key.to_owned(),
                message,
                hint: None,
            });
            Answers::None
        }
    }
}

/// An object whose keys are taken one by one; what is left at the end is unknown.
struct Table<'p> {
    path: String,
    left: Map<String, Value>,
    asked: Vec<&'static str>,
    taken: Vec<&'static str>,
    problems: &'p mut Vec<ConfigProblem>,
}

impl<'p> Table<'p> {
    fn new(path: String, value: Value, problems: &'p mut Vec<ConfigProblem>) -> Option<Self> {
        match value {
            Value::Object(left) => Some(Self {
                path,
                left,
                asked: Vec::new(),
                taken: Vec::new(),
                problems,
            }),
            other => {
                let key = if path.is_empty() {
                    "(top level)".to_owned()
                } else {
                    path
                };
                let message = format!("found {}, expected an object", kind(&other));
                problems.push(ConfigProblem {
                    key,
                    message,
                    hint: None,
                });
                None
            }
        }
    }

    /// The value of a key with its full path; null counts as absent.
    fn take(&mut self, key: &'static str) -> Option<(String, Value)> {
        self.asked.push(key);
        let value = self.left.shift_remove(key)?;
        if value.is_null() {
            return None;
        }
        self.taken.push(key);
        Some((self.full(key), value))
    }

    fn was_taken(&self, key: &str) -> bool {
        self.taken.contains(&key)
    }

    /// Takes a key and reads it; what `read` cannot use is reported as not being `expected`.
    fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let (key, value) = self.take(key)?;
        let found = read(&value);
        if found.is_none() {
            self.found(&key, &value, expected);
        }
        found
    }

    fn whole(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, "a whole number from 0", Value::as_u64)
    }

    fn size(&mut self, key: &'static str) -> Option<usize> {
        self.read(key, "a whole number from 0", |value| {
            usize::try_from(value.as_u64()?).ok()
        })
    }

    fn small(&mut self, key: &'static str) -> Option<u32> {
        self.read(key, "a whole number from 0 to 4294967295", |value| {
            u32::try_from(value.as_u64()?).ok()
        })
    }

    fn number(&mut self, key: &'static str) -> Option<f64> {
        self.read(key, "a number", Value::as_f64)
    }

    fn flag(&mut self, key: &'static str) -> bool {
        self.read(key, "true or false", Value::as_bool).unwrap_or(false)
    }

    fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
        let (key, value) = self.take(key)?;
        self.choose(&key, &value, choices)
    }

    fn choose<T: Copy>(&mut self, key: &str, value: &Value, choices: &[(&'static str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let Some(word) = value.as_str() else {
            self.found(key, value, &one_of(names()));
            return None;
        };
        let choice = choices
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, choice)| *choice);
        if choice.is_none() {
            let message = format!("found `{word}`, expected {}", one_of(names()));
            self.push(key.to_owned(), message, nearest(word, names()));
        }
        choice
    }

    /// A distribution: a plain number, or an object with `dist` and the parameters of that distribution.
    fn dist(&mut self, key: &'static str) -> Option<Dist> {
        let (key, value) = self.take(key)?;
        if let Some(value) = value.as_f64() {
            return Some(Dist::Constant { value });
        }
        if !value.is_object() {
            self.found(
                &key,
                &value,
                "a number or a distribution such as {dist: uniform, low: 1, high: 2}",
            );
            return None;
        }
        let mut table = Table::new(key, value, self.problems)?;
        const KINDS: [(&str, Kind); 4] = [
            ("constant", Kind::Constant),
            ("uniform", Kind::Uniform),
            ("lognormal", Kind::LogNormal),
            ("gamma", Kind::Gamma),
        ];
        let Some(kind) = table.choice("dist", &KINDS) else {
            if !table.was_taken("dist") {
                let expected = format!(
                    "found nothing, expected {}",
                    one_of(KINDS.iter().map(|(name, _)| *name))
                );
                table.complain("dist", expected, None);
            }
            // Which parameters are right is unknown, so none is called wrong.
            return None;
        };
        let dist = match kind {
            Kind::Constant => table.required("value").map(Dist::constant),
            Kind::Uniform => table
                .pair("low", "high")
                .map(|(low, high)| Dist::Uniform { low, high }),
            Kind::LogNormal => table
                .pair("median", "sigma")
                .map(|(median, sigma)| Dist::LogNormal { median, sigma }),
            Kind::Gamma => table
                .pair("mean", "shape")
                .map(|(mean, shape)| Dist::Gamma { mean, shape }),
        };
        table.finish();
        dist
    }

    fn pair(&mut self, first: &'static str, second: &'static str) -> Option<(f64, f64)> {
        let first = self.required(first);
        first.zip(self.required(second))
    }

    /// A number that must be there.
    fn required(&mut self, key: &'static str) -> Option<f64> {
        let number = self.number(key);
        if number.is_none() && !self.was_taken(key) {
            self.complain(key, "found nothing, expected a number".to_owned(), None);
        }
        number
    }

    /// Complains of every key that nobody asked for.
    fn finish(self) {
        for key in self.left.keys() {
            let problem = ConfigProblem {
                key: join(&self.path, key),
                message: format!("unknown key, expected one of {}", self.asked.join(", ")),
                hint: nearest(key, self.asked.iter().copied()),
            };
            self.problems.push(problem);
        }
    }

    fn full(&self, key: &str) -> String {
        join(&self.path, key)
    }

    fn complain(&mut self, key: &str, message: String, hint: Option<String>) {
        let key = self.full(key);
        self.push(key, message, hint);
    }

    /// A value of the wrong kind, at a full path.
    fn found(&mut self, key: &str, value: &Value, expected: &str) {
        self.push(
            key.to_owned(),
            format!("found {}, expected {expected}", kind(value)),
            None,
        );
    }

    fn push(&mut self, key: String, message: String, hint: Option<String>) {
        self.problems.push(ConfigProblem { key, message, hint });
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Constant,
    Uniform,
    LogNormal,
    Gamma,
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}

fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// A value as an error names it: short ones themselves, long ones by their kind.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) if text.len() <= 40 => format!("the text `{text}`"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(value: Value) -> Vec<String> {
        match SimConfig::from_value(value) {
            Ok(config) => panic!("{config:?} should have been refused"),
            Err(error) => error.problems.iter().map(ToString::to_string).collect(),
        }
    }

    /// Protects the grammar: every key is read into the field of its name.
    #[test]
    fn everything_is_read() {
        let config = SimConfig::from_value(json!({
            "seed": 7, "api_key": "k", "log_capacity": 10, "log_file": "log.jsonl", "body_bytes_max": 1000,
            "answers": [{"prompt": "2+2?", "answer": 4}],
            "personas": [{
                "model": "m", "first_token_ms": {"dist": "lognormal", "median": 80, "sigma": 0.2},
                "gap_ms": {"dist": "gamma", "mean": 10, "shape": 4}, "tokens_per_event": 2, "events": 16,
                "accuracy": 0.95, "unknown": "?", "output_tokens": {"dist": "uniform", "low": 1, "high": 9},
                "usage": "every_event", "slots": 8, "full_is_429": true, "faults": {"reset": 0.25, "no_done": 0.5},
                "faults_persist": true, "retry_after_s": 1, "retry_after_ms": 20, "stall_ms": 5,
                "trickle_bytes": 2, "trickle_gap_ms": 0.5,
                "shape": {"early_headers": true, "comments": true, "crlf": true, "finish_with_text": true,
                    "reasoning_tokens": 3, "reasoning_field": "reasoning", "ignores_stream": true,
                    "refuses": ["stream_options"]}
            }, {"model": "*", "first_token_ms": 5, "events": null}]
        }))
        .unwrap();
        let rows = vec![AnswerRow {
            prompt: "2+2?".into(),
            answer: "4".into(),
            wrong: vec![],
        }];
        let persona = Persona {
            model: "m".into(),
            first_token_ms: Dist::LogNormal {
                median: 80.0,
                sigma: 0.2,
            },
            gap_ms: Dist::Gamma {
                mean: 10.0,
                shape: 4.0,
            },
            tokens_per_event: 2,
            events: Some(16),
            accuracy: 0.95,
            unknown: "?".into(),
            output_tokens: Some(Dist::Uniform { low: 1.0, high: 9.0 }),
            usage: UsageStyle::EveryEvent,
            slots: Some(8),
            full_is_429: true,
            faults: Faults::none().with(Fault::Reset, 0.25).with(Fault::NoDone, 0.5),
            faults_persist: true,
            retry_after_s: 1,
            retry_after_ms: Some(20),
            stall_ms: 5.0,
            trickle_bytes: 2,
            trickle_gap_ms: 0.5,
            shape: Shape {
                early_headers: true,
                comments: true,
                crlf: true,
                finish_with_text: true,
                reasoning_tokens: 3,
                reasoning_field: Some("reasoning".into()),
                ignores_stream: true,
                refuses: vec![Feature::StreamOptions],
            },
        };
        let other = Persona {
            first_token_ms: Dist::constant(5.0),
            ..Persona::instant("*")
        };
        let expected = SimConfig {
            seed: 7,
            answers: Answers::Rows(rows),
            personas: vec![persona, other],
            api_key: Some("k".into()),
            log_capacity: 10,
            log_file: Some("log.jsonl".into()),
            body_bytes_max: 1000,
            allow_remote: false,
        };
        assert_eq!(config, expected);
    }

    /// Protects people who mistype: every mistake of a file is named at once, with its key and the nearest right one.
    #[test]
    fn mistakes_are_named_together() {
        let found = problems(json!({
            "sed": 7,
            "personas": [
                {"model": "m", "accurracy": 0.9, "gap_ms": {"dist": "gama", "mean": 1}, "usage": "ful"},
                {"model": "m", "faults": {"resets": 0.1, "stall": 1.5}, "first_token_ms": {"dist": "uniform", "low": 3}},
                {"events": 0, "slots": "four", "shape": {"refuses": ["steam"]}},
            ]
        }));
        let expected = [
            "`personas[0].gap_ms.dist`: found `gama`, expected one of constant, uniform, lognormal, gamma (hint: did you mean `gamma`?)",
            "`personas[0].usage`: found `ful`, expected one of full, none, no_details, last_event_empty_choices, every_event (hint: did you mean `full`?)",
            "`personas[0].accurracy`: unknown key, expected one of ",
            "`personas[1].first_token_ms.high`: found nothing, expected a number",
            "`personas[1].faults.resets`: unknown key, expected one of ",
            "`personas[2].model`: found nothing, expected the name of a model",
            "`personas[2].slots`: found the text `four`, expected a whole number from 0",
            "`personas[2].shape.refuses[0]`: found `steam`, expected one of stream, stream_options, logprobs (hint: did you mean `stream`?)",
            "`sed`: unknown key, expected one of ",
            "`personas[1].model`: found `m` a second time, expected each model once",
            "`personas[1].faults.stall`: found 1.5, expected a number from 0 to 1",
            "`personas[1].faults`: found probabilities that sum to 1.5, expected at most 1",
            "`personas[2].events`: found 0, expected a number from 1 to 100000",
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "found {found}\nexpected {expected}");
        }
        assert!(
            found[2].ends_with("(hint: did you mean `accuracy`?)"),
            "{}",
            found[2]
        );
        assert!(
            found[4].ends_with("(hint: did you mean `reset`?)"),
            "{}",
            found[4]
        );
        assert!(found[8].ends_with("(hint: did you mean `seed`?)"), "{}", found[8]);
    }

    /// Protects against a file that opens a port to the world, and against things that are no configuration at all.
    #[test]
    fn refuses_what_it_is_not() {
        assert!(
            problems(json!({"personas": [{"model": "m"}], "allow_remote": true}))[0].contains("unknown key")
        );
        assert_eq!(
            problems(json!([])),
            ["`(top level)`: found a list, expected an object"]
        );
        assert_eq!(
            problems(json!({})),
            ["`personas`: found nothing, expected a list of personas"]
        );
        assert_eq!(
            problems(json!({"personas": []})),
            ["`personas`: found none, expected at least one"]
        );
        let found = problems(json!({"personas": [{"model": "m"}], "answers": [{"prompt": "p"}]}));
        assert!(found[0].starts_with("`answers[0]`: found no answer"), "{found:?}");
    }
}
