//! One sample from case to record: drive, score, price.

use crate::run::Job;
use seatrial_task::{Model, ScorerInput, Scoring, refusal_of, scores_without_looking};
use seatrial_types::{Case, Price, SampleKey, SampleRecord, ScoreRecord};
use std::time::{SystemTime, UNIX_EPOCH};

/// A sample that is due.
pub(crate) struct Due {
    pub(crate) key: SampleKey,
    pub(crate) case: Case,
}

/// Runs a sample to its end. Never fails: what goes wrong is in the record.
pub(crate) async fn run_sample(job: &Job, due: Due) -> Option<SampleRecord> {
    let Due { key, case } = due;
    let (target, task) = (usize::from(key.target), usize::from(key.task));
    let (driver, target) = (job.drivers.get(task)?, job.targets.get(target)?);
    let planned = job.plan.tasks.get(task)?;
    let started_unix_ms = unix_ms();
    let transcript = driver.drive(&case, key.epoch, &*target.model).await;
    let answer = transcript.call.result.as_ref().ok();
    let cost = answer.and_then(|answer| {
        target
            .price
            .as_ref()
            .and_then(|price: &Price| price.cost(&answer.usage))
    });
    let input = answer.map(|answer| ScorerInput {
        case: &case,
        prompt: &transcript.prompt,
        answer,
        call: &transcript.call,
        cost,
    });
    let scorers = job.scorers.get(task)?;
    let refusal = input.and_then(|input| refusal_of(scorers, input));
    let mut scores = Vec::new();
    for (index, scorer) in scorers.iter().enumerate() {
        let without_looking = scores_without_looking(&**scorer, &transcript.call, refusal.as_deref());
        let of_scorer = match (without_looking, input) {
            (Some(scores), _) => scores,
            (None, Some(input)) => {
                let asked = scorer.asks().and_then(|name| job.models.get(name));
                match scorer.score(input, asked.map(|model| model as &dyn Model)) {
                    Scoring::Ready(scores) => scores,
                    Scoring::Later(scores) => scores.await,
                }
            }
            (None, None) => Vec::new(),
        };
        let scorer = u16::try_from(index).unwrap_or(u16::MAX);
        scores.extend(of_scorer.into_iter().map(|score| ScoreRecord { scorer, score }));
    }
    Some(SampleRecord {
        key,
        slices: planned.slices_of(&case),
        cluster: case.cluster.as_deref().map(Into::into),
        case_id: case.id,
        prompt: transcript.prompt,
        call: transcript.call,
        cost,
        started_unix_ms,
        scores,
    })
}

fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
