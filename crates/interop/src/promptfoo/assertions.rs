//! What becomes of an assertion: a check, a stub for a judge, or a line in the list of what is left out. Apart from the
//! tests, because defaults, sets and tests hold assertions alike.

use super::source::{Source, ending};
use super::{Checks, Imported, embeddings, providers, templates};
use serde_json::{Map, Value};
use std::path::Path;

/// Key under which items know where they are written; no key of promptfoo begins so.
pub(super) const PLACE_KEY: &str = "$place";

/// Types that a model judges.
const JUDGED: &[&str] = &[
    "llm-rubric",
    "agent-rubric",
    "search-rubric",
    "g-eval",
    "factuality",
    "model-graded-factuality",
    "model-graded-closedqa",
    "answer-relevance",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "pi",
    "moderation",
    "select-best",
    "max-score",
    "human",
];

/// Assertions of one case, sorted by what becomes of them.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) checks: Vec<Value>,
    pub(super) judges: Vec<Value>,
    pub(super) left_out: Vec<Value>,
}

/// Sorts the assertions of a case whose variables are known, and fills their templates in. `grader` is whom promptfoo asks
/// where an assertion does not say.
pub(super) fn sort(
    asserts: &[Value],
    variables: &Map<String, Value>,
    grader: Option<&Value>,
    source: &Source,
    checks: &Checks<'_>,
    imported: &mut Imported,
) -> Sorted {
    let mut sorted = Sorted::default();
    for assert in asserts {
        let Value::Object(map) = assert else {
            imported.leave_out(
                &source.path.display().to_string(),
                "assert",
                "an assertion is no map",
            );
            continue;
        };
        let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "assert-set" {
            sort_set(map, variables, grader, source, checks, imported, &mut sorted);
            continue;
        }
        match one(map, variables, grader, source, checks, imported) {
            Fate::Check(check) => sorted.checks.push(check),
            Fate::Judge(stub) => sorted.judges.push(stub),
            Fate::LeftOut(rest) => sorted.left_out.push(rest),
        }
    }
    sorted
}

/// A set keeps its parts together; parts for a judge are put aside with the metric of their set.
fn sort_set(
    set: &Map<String, Value>,
    variables: &Map<String, Value>,
    grader: Option<&Value>,
    source: &Source,
    checks: &Checks<'_>,
    imported: &mut Imported,
    sorted: &mut Sorted,
) {
    let parts = set
        .get("assert")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let inner = sort(parts, variables, grader, source, checks, imported);
    let lost = inner.judges.len() + inner.left_out.len();
    if lost > 0 && set.get("threshold").is_some() {
        let why = format!(
            "{lost} of its {} parts are not checked, so its threshold means something else",
            parts.len()
        );
        imported.leave_out(place_of(set, source).as_str(), "assert-set", why);
    }
    sorted.judges.extend(inner.judges);
    sorted.left_out.extend(inner.left_out);
    if inner.checks.is_empty() {
        return;
    }
    let mut kept = without_place(set);
    kept.insert("assert".to_owned(), Value::Array(inner.checks));
    sorted.checks.push(Value::Object(kept));
}

enum Fate {
    Check(Value),
    Judge(Value),
    LeftOut(Value),
}

fn one(
    assert: &Map<String, Value>,
    variables: &Map<String, Value>,
    grader: Option<&Value>,
    source: &Source,
    checks: &Checks<'_>,
    imported: &mut Imported,
) -> Fate {
    let place = place_of(assert, source);
    let kind = assert
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let base = kind.strip_prefix("not-").unwrap_or(&kind);
    let mut kept = without_place(assert);
    if JUDGED.contains(&base) {
        fill(&mut kept, variables);
        *imported.judges.entry(kind).or_default() += 1;
        return Fate::Judge(Value::Object(kept));
    }
    let leave = |imported: &mut Imported, why: &str| {
        imported.leave_out(&place, kind.clone(), why);
        Fate::LeftOut(Value::Object(without_place(assert)))
    };
    if !checks.kinds.contains(&base) {
        let why = match base {
            "javascript" | "python" | "ruby" => "programs are not carried over; a scorer `exec` can run one",
            "webhook" => "a scorer `http` can ask a service",
            "classifier" => "a hosted service of text classification; a scorer `http` can ask one",
            "guardrails" => {
                "what a provider's guardrail says is known by the finish reason; use the scorer `refusal`"
            }
            "" => "an assertion without `type`",
            _ if base.starts_with("promptfoo:redteam:") => "attacks are not part of this import",
            _ if base.starts_with("trace-") || base.starts_with("trajectory:") || base == "skill-used" => {
                "traces are not read"
            }
            _ => "this type has no counterpart",
        };
        return leave(imported, why);
    }
    if assert.get("transform").is_some() || assert.get("contextTransform").is_some() {
        return leave(imported, "its `transform` is a program, which is not run here");
    }
    if base.starts_with("is-valid-") {
        match providers::tools_offered(source) {
            Ok(tools) => kept.insert("value".to_owned(), tools),
            Err(why) => return leave(imported, &why),
        };
    }
    if let Err(why) = load_value(&mut kept, source) {
        return leave(imported, &why);
    }
    if !fill(&mut kept, variables) {
        return leave(imported, "its template cannot be filled in");
    }
    if base == "similar" || base.starts_with("similar:") {
        let grader = assert.get("provider").or(grader);
        if let Err(why) = embeddings::note(grader, &place, imported) {
            return leave(imported, &why);
        }
        kept.remove("provider");
    }
    imported.wants_log_probabilities |= base == "perplexity" || base == "perplexity-score";
    if base == "meteor" {
        imported.leave_out(
            &place,
            "meteor: synonyms",
            "it is checked without WordNet's synonyms, so values can be lower",
        );
    }
    let check = Value::Object(kept);
    if let Some(problem) = (checks.problem_of)(&Value::Array(vec![check.clone()])) {
        return leave(imported, &problem);
    }
    *imported.carried.entry(kind).or_default() += 1;
    Fate::Check(check)
}

/// The value of an assertion that stands in a file of data.
fn load_value(assert: &mut Map<String, Value>, source: &Source) -> Result<(), String> {
    let Some(value) = assert.get_mut("value") else {
        return Ok(());
    };
    let load = |value: &mut Value| -> Result<(), String> {
        let Some(reference) = value.as_str().filter(|text| text.starts_with("file://")) else {
            return Ok(());
        };
        let bare = reference.split("file://").nth(1).unwrap_or_default();
        if ["js", "cjs", "mjs", "ts", "py", "rb"]
            .contains(&ending(Path::new(bare.split(':').next().unwrap_or(bare))).as_str())
        {
            return Err("its value is a program, which is not run here".to_owned());
        }
        *value = source.data_of(reference).map_err(|error| error.to_string())?;
        Ok(())
    };
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(load),
        one => load(one),
    }
}

/// Fills templates of value and metric in; false where one is faulty.
fn fill(assert: &mut Map<String, Value>, variables: &Map<String, Value>) -> bool {
    let mut all = true;
    let mut fill_one = |value: &mut Value| {
        let Some(text) = value.as_str().filter(|text| templates::is_template(text)) else {
            return;
        };
        match templates::render(text, variables) {
            Ok(filled) => *value = Value::String(filled),
            Err(_) => all = false,
        }
    };
    for key in ["value", "metric"] {
        match assert.get_mut(key) {
            Some(Value::Array(items)) => items.iter_mut().for_each(&mut fill_one),
            Some(one) => fill_one(one),
            None => {}
        }
    }
    all
}

pub(super) fn place_of(item: &Map<String, Value>, source: &Source) -> String {
    let place = item.get(PLACE_KEY).and_then(Value::as_str);
    place.map_or_else(|| source.path.display().to_string(), str::to_owned)
}

pub(super) fn without_place(item: &Map<String, Value>) -> Map<String, Value> {
    let kept = item.iter().filter(|(key, _)| *key != PLACE_KEY);
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}
