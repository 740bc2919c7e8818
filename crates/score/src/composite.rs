//! `all_of`, `any_of`, `weighted`: conditions made of scorers. Apart from the rules, because what they judge is what
//! other scorers said.
//!
//! A part is right, wrong or unparsed. `all_of` and `any_of` reckon with the three as Kleene's logic does: what a part
//! that could not read the answer would have said is looked at only where it could change the result. A weighted mean
//! has no such way out: one unparsed part leaves it unparsed. A part with `unparsed: wrong` counts as 0 instead.
//! What each part said is in the detail.

use crate::ScorerError;
use crate::limits::{LIMITS, Limits, rounded};
use crate::options::Options;
use crate::rules::{Definition, build};
use crate::scorer::{clip_detail, metric_spec, refuse_without_effect};
use seatrial_config::MAX_SCORER_DEPTH;
use seatrial_task::{Model, Scorer, ScorerInput, Scoring};
use seatrial_types::{MetricKind, MetricSpec, Outcome, Score, Unit};
use serde_json::{Map, Value};

/// Most parts of one composite.
pub const PARTS_MAX: usize = 32;

/// How parts become one.
#[derive(Debug, Clone, PartialEq)]
enum Combination {
    AllOf,
    AnyOf,
    /// Weights by part, none negative, with a sum above 0.
    Weighted(Vec<f64>),
}

struct Part {
    name: String,
    scorer: Box<dyn Scorer>,
    /// Share of a point that one unit of its value is worth.
    per_unit: f64,
    unparsed_is_wrong: bool,
}

struct Composite {
    name: &'static str,
    version: u32,
    parts: Vec<Part>,
    combination: Combination,
    limits: Option<Limits>,
    negate: bool,
    metrics: [MetricSpec; 1],
}

pub(crate) fn all_of(
    options: &Options<'_>,
    definition: &'static Definition,
) -> Result<Box<dyn Scorer>, ScorerError> {
    let parts = parts(options, true)?;
    composite(options, definition, parts, Combination::AllOf)
}

pub(crate) fn any_of(
    options: &Options<'_>,
    definition: &'static Definition,
) -> Result<Box<dyn Scorer>, ScorerError> {
    let parts = parts(options, true)?;
    composite(options, definition, parts, Combination::AnyOf)
}

pub(crate) fn weighted(
    options: &Options<'_>,
    definition: &'static Definition,
) -> Result<Box<dyn Scorer>, ScorerError> {
    let parts = parts(options, false)?;
    let weights = weights(options, parts.len())?;
    composite(options, definition, parts, Combination::Weighted(weights))
}

fn composite(
    options: &Options<'_>,
    definition: &'static Definition,
    parts: Vec<Part>,
    combination: Combination,
) -> Result<Box<dyn Scorer>, ScorerError> {
    let hint = "give it to the scorers inside";
    refuse_without_effect(options, "extract", hint)?;
    refuse_without_effect(options, "normalise", hint)?;
    let Some(metric) = definition.entry.metrics.first() else {
        return Err(options.invalid_text("of", "a scorer without a metric", "one metric", hint));
    };
    let limits = if definition.takes_limits() {
        Limits::parse(options, metric)?
    } else {
        None
    };
    // A part that recognises refusals would have to mark them for the whole task, and a condition is no place for that.
    if parts.iter().any(|part| part.scorer.looks_at_refusals()) {
        let expected = "scorers of answers that were given";
        let hint = "list `refusal` under the task; then refused answers are refused here too";
        return Err(options.invalid_text("of", "a list with `refusal`", expected, hint));
    }
    Ok(Box::new(Composite {
        name: options.scorer,
        version: definition.version,
        parts,
        combination,
        limits,
        negate: options.flag("negate")?,
        metrics: [metric_spec(options, definition, metric)?],
    }))
}

/// The scorers inside; `as_verdicts` where each must say right or wrong.
fn parts(options: &Options<'_>, as_verdicts: bool) -> Result<Vec<Part>, ScorerError> {
    let expected = "a list of scorers";
    let items = match options.value("of") {
        None => {
            return Err(options.missing("of", expected, "write of: [exact_match, {length: {at_most: 80}}]"));
        }
        Some(Value::Array(items)) if !items.is_empty() => items.as_slice(),
        Some(empty @ Value::Array(_)) => return Err(options.invalid("of", empty, expected, "name one")),
        Some(one) => std::slice::from_ref(one),
    };
    if items.len() > PARTS_MAX {
        let found = format!("a list of {} scorers", items.len());
        return Err(options.invalid_text("of", found, format!("at most {PARTS_MAX}"), "nest them"));
    }
    if items.iter().map(depth).max().unwrap_or(0) >= MAX_SCORER_DEPTH {
        let found = "a list of scorers inside scorers inside scorers";
        let expected = format!("at most {MAX_SCORER_DEPTH} levels");
        return Err(options.invalid_text("of", found, expected, "split the condition"));
    }
    let parts = items.iter().enumerate();
    parts
        .map(|(index, item)| part(options, index, item, as_verdicts))
        .collect()
}

/// Levels of scorers in an item; bounded by the reader of JSON or YAML, and checked before anything is built.
fn depth(item: &Value) -> usize {
    let inside = item
        .as_object()
        .and_then(|map| map.values().next())
        .and_then(|options| options.get("of"));
    match inside {
        None => 1,
        Some(Value::Array(items)) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Some(one) => 1 + depth(one),
    }
}

fn part(outer: &Options<'_>, index: usize, item: &Value, as_verdicts: bool) -> Result<Part, ScorerError> {
    let none = Map::new();
    let shape = || {
        let error = outer.invalid("of", item, "a name or one key with options", "write {name: {…}}");
        error.at(format!("of/{index}"))
    };
    let (name, options) = match item {
        Value::String(name) => (name, &none),
        Value::Object(map) => match map.iter().next() {
            Some((name, Value::Object(options))) if map.len() == 1 => (name, options),
            Some((name, Value::Null)) if map.len() == 1 => (name, &none),
            _ => return Err(shape()),
        },
        _ => return Err(shape()),
    };
    let scorer = build(name, options).map_err(|error| error.inside("of", index))?;
    let inner = Options {
        scorer: scorer.name(),
        map: options,
    };
    if let Some(refused) = inner.value("refused") {
        let hint = format!(
            "say it of `{}`: a refused answer is refused as a whole",
            outer.scorer
        );
        let error = inner.invalid("refused", refused, "nothing inside a scorer", hint);
        return Err(error.inside("of", index));
    }
    let [metric] = scorer.metrics() else {
        let hint = "list it under the task";
        let error = outer.invalid_text("of", format!("`{name}`"), "scorers with one metric", hint);
        return Err(error.at(format!("of/{index}")));
    };
    let per_unit = match (metric.kind, metric.unit) {
        (MetricKind::Binary, _) => 1.0,
        (MetricKind::Bounded, _) if !as_verdicts => 1.0,
        (MetricKind::Real, Unit::Score) if !as_verdicts => 0.01,
        _ => {
            let found = format!("`{name}` without a bound");
            let hint = format!("give it `{}` or `{}`", LIMITS[0], LIMITS[1]);
            let error = outer.invalid_text("of", found, "scorers that say right or wrong", hint);
            return Err(error.at(format!("of/{index}")));
        }
    };
    Ok(Part {
        name: metric.name.clone().into_owned(),
        unparsed_is_wrong: inner.value("unparsed").and_then(Value::as_str) == Some("wrong"),
        per_unit,
        scorer,
    })
}

fn weights(options: &Options<'_>, parts: usize) -> Result<Vec<f64>, ScorerError> {
    let Some(value) = options.value("weights") else {
        return Ok(vec![1.0; parts]);
    };
    let expected = format!("{parts} numbers of at least 0, one for each scorer");
    let hint = "write weights: [3, 1]";
    let weight = |item: &Value| {
        item.as_f64()
            .filter(|weight| weight.is_finite() && *weight >= 0.0)
    };
    let weights: Option<Vec<f64>> = value
        .as_array()
        .and_then(|items| items.iter().map(weight).collect());
    match weights.filter(|weights| weights.len() == parts) {
        None => Err(options.invalid("weights", value, expected, hint)),
        Some(weights) if weights.iter().sum::<f64>().is_normal() => Ok(weights),
        Some(_) => Err(options.invalid("weights", value, format!("{expected}, not all 0"), hint)),
    }
}

impl Composite {
    /// One score of what the parts said, in their order.
    fn combine(&self, scores: &[Option<Score>]) -> Score {
        let mut values = Vec::with_capacity(self.parts.len());
        let mut told = Vec::with_capacity(self.parts.len());
        for (part, score) in self.parts.iter().zip(scores) {
            let value = score
                .as_ref()
                .filter(|score| score.outcome == Outcome::Scored)
                .and_then(|score| score.value);
            let points = match value {
                Some(value) => Some((value * part.per_unit).clamp(0.0, 1.0)),
                None => part.unparsed_is_wrong.then_some(0.0),
            };
            told.push(match value {
                Some(value) => format!("{} {}", part.name, rounded(value)),
                None => {
                    let why = score.as_ref().and_then(|score| score.detail.as_deref());
                    format!("{} unparsed ({})", part.name, why.unwrap_or("no score"))
                }
            });
            values.push(points);
        }
        let detail = told.join(" · ");
        let (value, detail) = match (self.value(&values), &self.limits) {
            (Some(value), Some(limits)) => {
                let held = f64::from(u8::from(limits.hold(value)));
                (Some(held), limits.told(value, &detail))
            }
            (value, _) => (value, detail),
        };
        let value = value.map(|value| if self.negate { 1.0 - value } else { value });
        Score {
            metric: 0,
            outcome: if value.is_some() {
                Outcome::Scored
            } else {
                Outcome::Unparsed
            },
            value,
            detail: Some(clip_detail(&detail)),
        }
    }

    /// `None` is unparsed.
    fn value(&self, points: &[Option<f64>]) -> Option<f64> {
        let all = || points.iter().copied().collect::<Option<Vec<f64>>>();
        match &self.combination {
            Combination::AllOf if points.contains(&Some(0.0)) => Some(0.0),
            Combination::AllOf => all().map(|_| 1.0),
            Combination::AnyOf if points.contains(&Some(1.0)) => Some(1.0),
            Combination::AnyOf => all().map(|_| 0.0),
            Combination::Weighted(weights) => {
                let points = all()?;
                let sum: f64 = points
                    .iter()
                    .zip(weights)
                    .map(|(point, weight)| point * weight)
                    .sum();
                Some((sum / weights.iter().sum::<f64>()).clamp(0.0, 1.0))
            }
        }
    }
}

impl Scorer for Composite {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Goes up when a part's does: the parts are not listed anywhere else.
    fn version(&self) -> u32 {
        let parts = self
            .parts
            .iter()
            .map(|part| part.scorer.version().saturating_sub(1));
        parts.fold(self.version, u32::saturating_add)
    }

    fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    fn needs_reference(&self) -> bool {
        self.parts.iter().any(|part| part.scorer.needs_reference())
    }

    fn needs_log_probabilities(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.scorer.needs_log_probabilities())
    }

    fn score<'a>(&'a self, input: ScorerInput<'a>, judge: Option<&'a dyn Model>) -> Scoring<'a> {
        let scorings: Vec<Scoring<'a>> = self
            .parts
            .iter()
            .map(|part| part.scorer.score(input, judge))
            .collect();
        if scorings
            .iter()
            .all(|scoring| matches!(scoring, Scoring::Ready(_)))
        {
            let scores: Vec<Option<Score>> = scorings.into_iter().map(ready).collect();
            return Scoring::Ready(vec![self.combine(&scores)]);
        }
        Scoring::Later(Box::pin(async move {
            let mut scores = Vec::with_capacity(scorings.len());
            for scoring in scorings {
                scores.push(match scoring {
                    Scoring::Later(later) => later.await.into_iter().next(),
                    now => ready(now),
                });
            }
            vec![self.combine(&scores)]
        }))
    }
}

fn ready(scoring: Scoring<'_>) -> Option<Score> {
    match scoring {
        Scoring::Ready(scores) => scores.into_iter().next(),
        Scoring::Later(_) => None,
    }
}
