//! The scorers of a task, checked against the vocabulary: names, options, shapes, and the metrics that come of them.

use crate::check::is_null;
use crate::declared;
use crate::diagnostics::{Diagnostics, shown};
use crate::document;
use crate::gate::RUN_METRICS;
use crate::nearest::{self, list};
use crate::plan::{Metric, ScorerUse};
use crate::scalar::{Meaning, found, to_json};
use crate::suite::Reader;
use crate::value::{MAX_NAME_CHARS, is_name};
use crate::vocabulary::{COMMON_OPTIONS, MAX_SCORER_DEPTH, OptionEntry, OptionShape, ScorerEntry};
use crate::yaml::{Data, Node};
use seatrial_types::{MetricKind, Unit};
use serde_json::{Map, Value};
use std::ops::Range;

/// One item of the list: where it is, what it names, and its options.
struct Item<'a> {
    name: &'a str,
    at: Range<usize>,
    options: Option<&'a Node>,
}

/// Reads the list of scorers of a task. `None` where something was reported.
pub(crate) fn read_all(list: Option<&Node>, reader: &mut Reader<'_>) -> Option<Vec<ScorerUse>> {
    let mut uses: Vec<(ScorerUse, Range<usize>)> = Vec::new();
    let mut complete = true;
    for node in list?.items() {
        let read = item(node, reader).and_then(|item| Some((read_one(&item, 1, reader)?, item.at)));
        match read {
            Some((scorer, at)) => {
                complete &= check_names(&scorer, &at, &uses, reader);
                uses.push((scorer, at));
            }
            None => complete = false,
        }
    }
    let uses: Vec<ScorerUse> = uses.into_iter().map(|(scorer, _)| scorer).collect();
    (complete && !uses.is_empty()).then_some(uses)
}

/// `name` or `name: {options}`.
fn item<'a>(node: &'a Node, reader: &mut Reader<'_>) -> Option<Item<'a>> {
    match &node.data {
        Data::Scalar(_) => {
            if let Some(name) = node.as_text().filter(|name| !name.is_empty()) {
                return Some(Item {
                    name,
                    at: node.span.clone(),
                    options: None,
                });
            }
            let message = format!("a scorer is {}, expected a name", found(node));
            reader.errors.push(&node.span, message, None);
        }
        Data::Map(entries) => match entries.as_slice() {
            [entry] => {
                let options = Some(&entry.value).filter(|options| !is_null(options));
                if options.is_some_and(|options| !matches!(options.data, Data::Map(_) | Data::Broken)) {
                    let message = format!(
                        "the options of {} are {}, expected a map",
                        shown(&entry.key.text),
                        found(&entry.value)
                    );
                    let hint = format!("write `{}: {{option: value}}`", entry.key.text.escape_debug());
                    reader.errors.push(&entry.value.span, message, Some(hint));
                    return None;
                }
                return Some(Item {
                    name: &entry.key.text,
                    at: entry.key.span.clone(),
                    options,
                });
            }
            entries => {
                let message = format!(
                    "a scorer is a map with {} keys, expected a name or one key with options",
                    entries.len()
                );
                let hint = entries.first().map(|first| {
                    format!(
                        "indent the options below `{}:`, or start each scorer with `- `",
                        first.key.text.escape_debug()
                    )
                });
                reader.errors.push(&node.span, message, hint);
            }
        },
        Data::List(_) => {
            reader.errors.push(
                &node.span,
                "a scorer is a list, expected a name or one key with options",
                None,
            );
        }
        Data::Broken => {}
    }
    None
}

/// `depth` is 1 for a scorer of a task and one more for each scorer around it.
fn read_one(item: &Item<'_>, depth: usize, reader: &mut Reader<'_>) -> Option<ScorerUse> {
    let Some(entry) = reader.vocabulary.scorer(item.name).copied() else {
        let names: Vec<&str> = reader.vocabulary.scorers.iter().map(|entry| entry.name).collect();
        let hint = nearest::hint(item.name, "known scorers", &names);
        reader
            .errors
            .push(&item.at, format!("unknown scorer {}", shown(item.name)), hint);
        return None;
    };
    let before = reader.errors.len();
    let mut options = Map::new();
    let mut given = None;
    for option in item.options.map_or(&[][..], Node::entries) {
        let name = option.key.text.as_str();
        let Some(known) = entry.option(name) else {
            let names: Vec<&str> = entry
                .options
                .iter()
                .chain(COMMON_OPTIONS)
                .map(|option| option.name)
                .collect();
            let hint = nearest::hint(name, "known options", &names);
            let message = format!("unknown option {} of scorer `{}`", shown(name), entry.name);
            reader.errors.push(&option.key.span, message, hint);
            continue;
        };
        let value = match known.shape {
            OptionShape::Scorers => check_nested(known.name, &option.value, depth, reader),
            OptionShape::Document => document::read(known.name, &option.value, reader),
            _ => check_option(known, &option.value, &mut reader.errors),
        };
        if known.shape == OptionShape::Model {
            check_model(&option.value, reader);
        }
        if name == "name" {
            given = check_given_name(&option.value, &mut reader.errors);
        } else if let Some(value) = value {
            options.insert(name.to_owned(), value);
        }
    }
    for option in entry.options.iter().filter(|option| option.required) {
        if item
            .options
            .is_none_or(|options| options.get(option.name).is_none())
        {
            let message = format!("scorer `{}` needs the option `{}`", entry.name, option.name);
            let hint = format!("write `{}: {{{}: …}}`: {}", entry.name, option.name, option.what);
            reader.errors.push(&item.at, message, Some(hint));
        }
    }
    (reader.errors.len() == before).then(|| scorer_use(&entry, given, options))
}

/// A model that a scorer asks must be one of the suite's `models:`.
fn check_model(node: &Node, reader: &mut Reader<'_>) {
    let Some(name) = node.as_text() else { return };
    if reader.models.iter().any(|known| known == name) {
        return;
    }
    let hint = if reader.models.is_empty() {
        let example = "models: [{name: …, provider: openai, base_url: …, model: …}]";
        Some(format!("describe it at the top of the suite: `{example}`"))
    } else {
        let names: Vec<&str> = reader.models.iter().map(String::as_str).collect();
        nearest::hint(name, "known models", &names)
    };
    let message = format!("there is no model named {} below `models:`", shown(name));
    reader.errors.push(&node.span, message, hint);
}

fn scorer_use(entry: &ScorerEntry, given: Option<String>, options: Map<String, Value>) -> ScorerUse {
    let metrics = entry.metrics.iter().map(|metric| Metric {
        name: metric.name_in(entry.name, given.as_deref()),
        kind: metric.kind,
        unit: metric.unit,
        pillar: metric.pillar,
    });
    let mut metrics: Vec<Metric> = metrics.collect();
    for option in entry.options {
        let Some(value) = options.get(option.name) else {
            continue;
        };
        match option.shape {
            OptionShape::Metrics => metrics = declared::metrics(value, entry.name, given.as_deref()),
            OptionShape::FurtherMetrics => metrics.extend(declared::further(value, given.as_deref())),
            OptionShape::Threshold => {
                if let Some(metric) = metrics.first_mut() {
                    (metric.kind, metric.unit) = (MetricKind::Binary, Unit::Share);
                }
            }
            _ => {}
        }
    }
    ScorerUse {
        scorer: entry.name.to_owned(),
        metrics,
        name: given.unwrap_or_else(|| entry.name.to_owned()),
        options,
    }
}

fn check_given_name(node: &Node, errors: &mut Diagnostics) -> Option<String> {
    let name = node.as_text()?;
    if !is_name(name, false) {
        let message = format!(
            "{} is not a name: 1 to {MAX_NAME_CHARS} letters, digits, `_` and `-`",
            shown(name)
        );
        errors.push(&node.span, message, None);
        return None;
    }
    Some(name.to_owned())
}

/// Names of scorers and metrics must tell them apart within their task, and from what every task has.
fn check_names(
    scorer: &ScorerUse,
    at: &Range<usize>,
    earlier: &[(ScorerUse, Range<usize>)],
    reader: &mut Reader<'_>,
) -> bool {
    let hint = || {
        Some(format!(
            "give one of them another name: `{}: {{name: …}}`",
            scorer.scorer
        ))
    };
    for metric in &scorer.metrics {
        if let Some(run) = RUN_METRICS.iter().find(|run| run.name == metric.name) {
            let message = format!(
                "the metric {} is there twice: every task has `{}` by itself",
                shown(&metric.name),
                run.name
            );
            reader.errors.push(at, message, hint());
            return false;
        }
    }
    let same = |other: &ScorerUse| {
        other.name == scorer.name
            || other
                .metrics
                .iter()
                .any(|one| scorer.metrics.iter().any(|two| two.name == one.name))
    };
    if let Some((_, first)) = earlier.iter().find(|(other, _)| same(other)) {
        let line = reader.errors.locate(first).line;
        let message = format!(
            "the metric {} is there twice in this task; the first is on line {line}",
            shown(&scorer.name)
        );
        reader.errors.push(at, message, hint());
        return false;
    }
    true
}

/// The value of an option as JSON, where its shape fits; reported where not.
fn check_option(option: &OptionEntry, node: &Node, errors: &mut Diagnostics) -> Option<Value> {
    if node.data == Data::Broken {
        return None;
    }
    let key = option.name;
    let meaning = match &node.data {
        Data::Scalar(scalar) => Some(scalar.meaning()),
        _ => None,
    };
    let is_text = meaning == Some(Meaning::Text);
    let fits = match option.shape {
        // The latter two have a reading of their own, which reports what is wrong.
        OptionShape::Any | OptionShape::Scorers | OptionShape::Document => true,
        OptionShape::Bool => matches!(meaning, Some(Meaning::Bool(_))),
        OptionShape::Number => matches!(meaning, Some(Meaning::Whole(_) | Meaning::Real(_))),
        OptionShape::Text => is_text,
        OptionShape::TextOrList | OptionShape::FurtherMetrics => {
            is_text || (!node.items().is_empty() && node.items().iter().all(|item| item.as_text().is_some()))
        }
        OptionShape::Choice(words) => node.as_text().is_some_and(|text| words.contains(&text)),
        OptionShape::Steps => return check_steps(key, node, errors),
        OptionShape::Metrics => return declared::check(key, node, errors),
        OptionShape::Threshold => matches!(meaning, Some(Meaning::Whole(_) | Meaning::Real(_))),
        OptionShape::Model => is_text,
    };
    if fits {
        return Some(to_json(node, errors));
    }
    let expected = match option.shape {
        OptionShape::Bool => "`true` or `false`".to_owned(),
        OptionShape::Number | OptionShape::Threshold => "a number".to_owned(),
        OptionShape::Model => "the name of a model below `models:`".to_owned(),
        OptionShape::Text => "a text".to_owned(),
        OptionShape::TextOrList | OptionShape::FurtherMetrics => "a text or a list of texts".to_owned(),
        OptionShape::Choice(words) => format!("one of {}", list(words)),
        OptionShape::Steps
        | OptionShape::Metrics
        | OptionShape::Any
        | OptionShape::Scorers
        | OptionShape::Document => "another value".to_owned(),
    };
    let message = format!("`{key}` is {}, expected {expected}", found(node));
    errors.push(&node.span, message, option_hint(option, node));
    None
}

/// Scorers inside a scorer, each in the form `{name: {options}}`, so that whoever builds them finds one form.
fn check_nested(key: &str, node: &Node, depth: usize, reader: &mut Reader<'_>) -> Option<Value> {
    if node.data == Data::Broken {
        return None;
    }
    if depth >= MAX_SCORER_DEPTH {
        let message = format!("scorers stand more than {MAX_SCORER_DEPTH} deep inside each other");
        let hint = "split the condition into several scorers of the task".to_owned();
        reader.errors.push(&node.span, message, Some(hint));
        return None;
    }
    let mut all = Vec::new();
    let mut complete = true;
    for node in items_or_self(node) {
        match item(node, reader).and_then(|item| read_one(&item, depth + 1, reader)) {
            Some(ScorerUse {
                scorer,
                name,
                mut options,
                ..
            }) => {
                if name != scorer {
                    options.insert("name".to_owned(), name.into());
                }
                all.push(Value::Object(Map::from_iter([(scorer, Value::Object(options))])));
            }
            None => complete = false,
        }
    }
    if all.is_empty() && complete {
        let message = format!("`{key}` is empty, expected at least one scorer");
        reader.errors.push(&node.span, message, None);
        return None;
    }
    complete.then_some(Value::Array(all))
}

/// The items of a list; anything else alone.
pub(crate) fn items_or_self(node: &Node) -> &[Node] {
    match &node.data {
        Data::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn option_hint(option: &OptionEntry, node: &Node) -> Option<String> {
    let text = node.scalar_text()?;
    match option.shape {
        OptionShape::Bool => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "1" => Some("write `true`".to_owned()),
            "no" | "off" | "0" => Some("write `false`".to_owned()),
            _ => None,
        },
        OptionShape::Text | OptionShape::TextOrList => Some(format!("put quotes around it: \"{text}\"")),
        OptionShape::Choice(words) => {
            nearest::nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"))
        }
        _ => None,
    }
}

/// A list of names or one-key maps; a single one becomes a list.
fn check_steps(key: &str, node: &Node, errors: &mut Diagnostics) -> Option<Value> {
    let steps = items_or_self(node);
    let mut all_fit = true;
    for step in steps {
        let fits = match &step.data {
            Data::Map(entries) => entries.len() == 1,
            Data::Broken => return None,
            _ => step.as_text().is_some_and(|name| !name.is_empty()),
        };
        if !fits {
            let message = format!(
                "a step of `{key}` is {}, expected a name or one key with options",
                found(step)
            );
            errors.push(
                &step.span,
                message,
                Some(format!("write `{key}: [name, {{name: {{option: value}}}}]`")),
            );
            all_fit = false;
        }
    }
    all_fit.then(|| Value::Array(steps.iter().map(|step| to_json(step, errors)).collect()))
}
