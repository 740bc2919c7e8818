//! The client's own floor beside the results: at which load it is measured, and how it is told. Apart because it is about
//! this client and no number of the endpoint's.

use super::result::LoadResult;
use seatrial_load::calibrate::{Calibration, CalibrationPlan};
use serde_json::{Value, json};
use std::time::Duration;

/// Length of the calibration.
const LENGTH: Duration = Duration::from_secs(1);

/// The load that was just measured.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of streams"
)]
pub(super) fn plan(result: &LoadResult<'_>) -> CalibrationPlan {
    let seconds = result.measured.window.seconds();
    let gaps = result.run.gauge.gaps.len() as f64;
    CalibrationPlan {
        streams: result.run.in_flight_mean.unwrap_or(1.0).ceil().max(1.0) as usize,
        events_per_s: if seconds > 0.0 { gaps / seconds } else { 0.0 },
        workers: result.run.client.workers,
        length: LENGTH,
    }
}

pub(super) fn json(floor: &Calibration) -> Value {
    json!({
        "streams": floor.streams,
        "events_per_s": floor.events_per_s,
        "answers": floor.answers,
        "ttft_ms": {"p50": floor.ttft_p50_ms, "p99": floor.ttft_p99_ms},
        "gap_ms": {"p50": floor.gap_p50_ms, "p99": floor.gap_p99_ms},
    })
}

pub(super) fn text(floor: &Calibration) -> String {
    let ms = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:+.2}"));
    format!(
        "this client against a server of its own, {} streams and {:.0} events per second: ttft {} ms p50, {} ms p99; gaps {} \
         ms p50, {} ms p99",
        floor.streams,
        floor.events_per_s,
        ms(floor.ttft_p50_ms),
        ms(floor.ttft_p99_ms),
        ms(floor.gap_p50_ms),
        ms(floor.gap_p99_ms)
    )
}
