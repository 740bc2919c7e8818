//! One sample from case to record: drive, score, price.

use crate::run::Job;
use crate::scoring::{Answered, score};
use seatrial_types::{Case, Price, SampleKey, SampleRecord};
use std::time::{SystemTime, UNIX_EPOCH};

/// A sample that is due.
pub(crate) struct Due {
    pub(crate) key: SampleKey,
    pub(crate) case: Case,
    /// Bytes of its prompt, once somebody wanted to know.
    pub(crate) prompt_bytes: Option<u64>,
}

/// Runs a sample to its end. Never fails: what goes wrong is in the record.
pub(crate) async fn run_sample(job: &Job, due: Due) -> Option<SampleRecord> {
    let Due { key, case, .. } = due;
    let (target, task) = (usize::from(key.target), usize::from(key.task));
    let (driver, target) = (job.drivers.get(task)?, job.targets.get(target)?);
    let planned = job.plan.tasks.get(task)?;
    let started_unix_ms = unix_ms();
    let transcript = driver.drive(&case, key.epoch, &*target.model).await;
    let answer = transcript.call.result.as_ref().ok();
    let cost = answer.and_then(|answer| {
        let by_price = |price: &Price| price.cost(&answer.usage);
        answer
            .stated_cost
            .or_else(|| target.price.as_ref().and_then(by_price))
    });
    let answered = Answered {
        case: &case,
        prompt: &transcript.prompt,
        call: &transcript.call,
        cost,
    };
    let scores = score(job.scorers.get(task)?, &job.models, answered).await;
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
