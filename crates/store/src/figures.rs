//! From a whole sample to its figures. Apart from the back ends because the figures of a stored sample must be the same
//! whether they come out of a database or straight from the record.

use seatrial_types::{SampleFigures, SampleRecord, Timing, Usage};

/// The figures of a sample: what [`crate::Events::for_each_figures`] shows of it once it is on record.
///
/// Latency, time to first token and queueing are those of the attempt that decided the result; usage is all unknown
/// where there is no answer.
#[must_use]
pub fn figures_of(record: &SampleRecord) -> SampleFigures {
    let timing = record.call.timing();
    let answer = record.call.result.as_ref().ok();
    SampleFigures {
        key: record.key,
        case_id: record.case_id.clone(),
        cluster: record.cluster.clone(),
        slices: record.slices.clone(),
        error: record.call.result.as_ref().err().map(|error| error.kind),
        latency_ns: timing.and_then(Timing::latency_ns),
        ttft_ns: timing.and_then(Timing::ttft_ns),
        queue_ns: timing.and_then(Timing::queue_ns),
        attempts: u32::try_from(record.call.attempts.len()).unwrap_or(u32::MAX),
        cached: record.call.cached,
        usage: answer.map_or_else(Usage::default, |answer| answer.usage),
        cost: record.cost,
        served_model: answer.and_then(|answer| answer.served_model.as_deref().map(Into::into)),
        scores: record.scores.clone(),
    }
}
