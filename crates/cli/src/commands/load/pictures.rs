//! A load as Markdown with pictures: the report in words, the distribution of latencies, latencies over the run. Apart
//! because pictures are drawn from the recording, not from summaries.

use super::result::LoadResult;
use seatrial_load::definitions::Definition;
use seatrial_load::metrics::{TokenRule, Window};
use seatrial_load::plot::{Axes, Line, Point, distribution, picture};
use seatrial_load::{Outcome, Phase, RequestRecord};
use std::fmt::Write;

/// Latencies whose distribution is drawn, where they are told.
const SHOWN: [Definition; 3] = [Definition::Ttft, Definition::E2e, Definition::E2eSched];
/// Slices of time in the picture of the run.
const SLICES: usize = 60;

/// The whole document.
pub(super) fn markdown(result: &LoadResult<'_>, report: &str) -> String {
    let mut text = format!(
        "# Load\n\n```text\n{}\n```\n",
        report.trim_end().replace("```", "'''")
    );
    // What a certificate withholds is not drawn either.
    let is_told = |definition: &Definition| {
        let metric = result
            .metrics
            .iter()
            .find(|metric| metric.latency.name == definition.name());
        metric.is_some_and(super::result::Metric::is_told)
    };
    let told: Vec<Definition> = SHOWN.into_iter().filter(is_told).collect();
    for svg in [distributions(result, &told), over_time(result, &told)]
        .into_iter()
        .flatten()
    {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{svg}\n");
    }
    text
}

fn measured<'a>(result: &'a LoadResult<'_>) -> impl Iterator<Item = &'a RequestRecord> {
    let window = result.measured.window;
    result.run.recording.requests().filter(move |request| {
        request.phase == Phase::Measured
            && request.outcome == Outcome::Ok
            && window.contains(request.intended_ns)
    })
}

fn distributions(result: &LoadResult<'_>, told: &[Definition]) -> Option<String> {
    let lines: Vec<Line> = told
        .iter()
        .map(|definition| {
            let values = measured(result)
                .filter_map(|request| definition.of(request, TokenRule::default().of(request)));
            distribution(definition.name(), &values.collect::<Vec<_>>())
        })
        .collect();
    let axes = Axes {
        title: "Latencies",
        x: "milliseconds",
        y: "share of requests",
        is_log_x: true,
    };
    picture(&axes, &lines)
}

/// The median of each slice of time.
fn over_time(result: &LoadResult<'_>, told: &[Definition]) -> Option<String> {
    let window = result.measured.window;
    let lines: Vec<Line> = told
        .iter()
        .map(|definition| line_over_time(result, *definition, window))
        .collect();
    let axes = Axes {
        title: "Median latency over the run",
        x: "seconds",
        y: "milliseconds",
        is_log_x: false,
    };
    picture(&axes, &lines)
}

#[expect(clippy::cast_precision_loss, reason = "positions in a picture")]
fn line_over_time(result: &LoadResult<'_>, definition: Definition, window: Window) -> Line {
    let mut slices: Vec<Vec<f64>> = vec![Vec::new(); SLICES];
    let span = u128::from(window.to_ns.saturating_sub(window.from_ns)).max(1);
    for request in measured(result) {
        let place = u128::from(request.intended_ns - window.from_ns) * SLICES as u128 / span;
        let value = definition.of(request, TokenRule::default().of(request));
        if let (Some(slice), Some(value)) = (slices.get_mut(usize::try_from(place).unwrap_or(SLICES)), value)
        {
            slice.push(value);
        }
    }
    let begin = window.from_ns as f64 / 1e9;
    let width = window.seconds() / SLICES as f64;
    let points = slices.iter_mut().enumerate().filter_map(|(i, slice)| {
        slice.sort_unstable_by(f64::total_cmp);
        Some(Point {
            x: begin + width * (i as f64 + 0.5),
            y: *slice.get(slice.len() / 2)?,
            range: None,
        })
    });
    Line {
        name: definition.name().to_owned(),
        points: points.collect(),
    }
}
