//! From a sample of another tool to one of the record, with the indexes of the run. Apart from the survey, which gives
//! the indexes: this only applies them.

use crate::foreign::{ForeignSample, ForeignScore, ScoreValue};
use crate::names;
use crate::shape::{Shape, TaskShape};
use crate::survey::TEXT_BYTES_MAX;
use seatrial_types::{Attempt, Call, Outcome, SampleKey, SampleRecord, Score, ScoreRecord, SliceKey, Timing};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// From names to indexes.
pub(crate) struct Numbers {
    targets: HashMap<String, u16>,
    tasks: HashMap<String, u16>,
    cases: Vec<HashMap<Arc<str>, u32>>,
}

impl Numbers {
    pub(crate) fn of(shape: &Shape) -> Self {
        let number = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
        let targets = shape.targets.iter().enumerate();
        let tasks = shape.tasks.iter().enumerate();
        Self {
            targets: targets
                .map(|(index, target)| (target.model.clone(), number(index)))
                .collect(),
            tasks: tasks
                .map(|(index, task)| (task.original.clone(), number(index)))
                .collect(),
            cases: shape
                .tasks
                .iter()
                .map(|task| {
                    (0..)
                        .zip(&task.cases)
                        .map(|(index, (id, _))| (Arc::clone(id), index))
                        .collect()
                })
                .collect(),
        }
    }

    pub(crate) fn key<'a>(
        &self,
        shape: &'a Shape,
        sample: &ForeignSample,
    ) -> Option<(SampleKey, &'a TaskShape)> {
        let task = *self.tasks.get(&*sample.task)?;
        let key = SampleKey {
            target: *self.targets.get(&*sample.model)?,
            task,
            epoch: sample.epoch,
            case: *self.cases.get(usize::from(task))?.get(&sample.case_id)?,
        };
        Some((key, shape.tasks.get(usize::from(task))?))
    }
}

/// The record of a sample.
pub(crate) fn record(shape: &Shape, task: &TaskShape, key: SampleKey, sample: ForeignSample) -> SampleRecord {
    let scores = scores(task, &sample);
    let slices = shape
        .slices
        .iter()
        .map(|column| SliceKey {
            column: column.clone(),
            value: column_text(&sample.columns, column).unwrap_or_else(|| "(none)".to_owned()),
        })
        .collect();
    let cluster = shape
        .cluster
        .as_ref()
        .and_then(|column| column_text(&sample.columns, column))
        .map(Arc::from);
    let mut prompt = sample.prompt;
    for message in &mut prompt {
        cut_to_limit(&mut message.content);
    }
    let result = sample.result.map(|mut answer| {
        cut_to_limit(&mut answer.text);
        answer
    });
    let attempts = sample.latency_s.and_then(nanoseconds).map(|end_ns| Attempt {
        timing: Timing {
            intended_ns: 0,
            send_ns: Some(0),
            first_byte_ns: None,
            first_token_ns: sample.ttft_s.and_then(nanoseconds).filter(|ttft| *ttft <= end_ns),
            token_events_ns: Vec::new(),
            end_ns,
        },
        error: result.as_ref().err().cloned(),
        ..Attempt::default()
    });
    SampleRecord {
        key,
        case_id: sample.case_id,
        cluster,
        slices,
        prompt,
        call: Call {
            attempts: attempts.into_iter().collect(),
            cached: false,
            result,
        },
        cost: sample.cost,
        // Where the file has no time for a sample, that of its run is the nearest to it.
        started_unix_ms: sample.started_unix_ms.or_else(|| run_started(shape)).unwrap_or(0),
        scores,
    }
}

/// One score for every metric of the task: what the file does not tell is said to be missing, never left out.
fn scores(task: &TaskShape, sample: &ForeignSample) -> Vec<ScoreRecord> {
    let mut by_name: HashMap<(&str, &str), &ForeignScore> = HashMap::new();
    for score in &sample.scores {
        by_name.entry((&score.scorer, &score.metric)).or_insert(score);
    }
    let mut scores = Vec::new();
    for (scorer_index, scorer) in (0_u16..).zip(&task.scorers) {
        for (metric_index, original) in (0_u16..).zip(&scorer.originals) {
            let found = by_name.get(&(scorer.name.as_str(), &**original));
            let (outcome, value, detail) = match (&sample.result, found) {
                (Err(error), _) => (Outcome::Error, None, Some(error.kind.as_str().to_owned())),
                (Ok(_), None) => (
                    Outcome::Unparsed,
                    None,
                    Some("the file has no score here".to_owned()),
                ),
                (Ok(_), Some(score)) => match score.value {
                    ScoreValue::Number(value) if value.is_finite() => {
                        (Outcome::Scored, Some(value), score.detail.clone())
                    }
                    ScoreValue::Refused => (Outcome::Refused, None, score.detail.clone()),
                    ScoreValue::Number(_) | ScoreValue::Unparsed => {
                        (Outcome::Unparsed, None, score.detail.clone())
                    }
                },
            };
            scores.push(ScoreRecord {
                scorer: scorer_index,
                score: Score {
                    metric: metric_index,
                    outcome,
                    value,
                    detail,
                },
            });
        }
    }
    scores
}

fn run_started(shape: &Shape) -> Option<i64> {
    let at: jiff::Timestamp = shape.started_at.as_deref()?.parse().ok()?;
    Some(at.as_millisecond())
}

fn column_text(columns: &Map<String, Value>, column: &str) -> Option<String> {
    match columns.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(names::cut(&other.to_string(), 200)),
    }
}

fn cut_to_limit(text: &mut String) {
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

/// Nanoseconds of a time in seconds; `None` for what is no time.
fn nanoseconds(seconds: f64) -> Option<u64> {
    /// Ten years: what is longer was no duration.
    const SECONDS_MAX: f64 = 3.2e8;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be between 0 and 3.2e17"
    )]
    (0.0..SECONDS_MAX)
        .contains(&seconds)
        .then(|| (seconds * 1e9).round() as u64)
}
