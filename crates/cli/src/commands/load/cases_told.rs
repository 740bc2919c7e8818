//! What is told of cases: how many there were and how often they were asked, and what the scorers made of the answers.
//! Apart from the result, which knows requests and no cases.

use super::result::LoadResult;
use seatrial_load::Phase;
use seatrial_report::format::interval;
use seatrial_types::MetricResult;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// How often cases were asked within the measurement.
struct Askings {
    /// Cases that there are.
    n: usize,
    /// Cases that were asked.
    asked: usize,
    /// Times that the most asked one was.
    times_max: u64,
}

impl LoadResult<'_> {
    fn askings(&self) -> Option<Askings> {
        let n = self.asked.cases?;
        let mut times: HashMap<u32, u64> = HashMap::new();
        let requests = self.run.recording.requests();
        for request in requests.filter(|request| request.phase == Phase::Measured) {
            *times.entry(request.prompt).or_default() += 1;
        }
        Some(Askings {
            n,
            asked: times.len(),
            times_max: times.values().copied().max().unwrap_or(0),
        })
    }

    /// `null` where no cases were asked.
    pub(super) fn cases_json(&self) -> Value {
        self.askings().map_or(
            Value::Null,
            |askings| json!({"n": askings.n, "asked": askings.asked, "times_max": askings.times_max}),
        )
    }

    /// `null` where nobody judged the answers.
    pub(super) fn quality_json(&self) -> Value {
        json!(self.quality)
    }

    /// Lines of the report about cases and their answers; empty without cases.
    pub(super) fn cases_text(&self) -> String {
        let Some(askings) = self.askings() else {
            return String::new();
        };
        let mut text = format!("cases      {} of {} asked", askings.asked, askings.n);
        if askings.times_max > 1 {
            // Writing to a string cannot fail.
            let _ = write!(text, ", each up to {} times", askings.times_max);
        }
        text.push('\n');
        for metric in self
            .quality
            .iter()
            .flatten()
            .filter(|metric| metric.slice.is_none())
        {
            text.push_str(&line(metric));
        }
        text
    }
}

fn line(metric: &MetricResult) -> String {
    let value = interval(metric.value, metric.low, metric.high, metric.unit);
    let mut line = format!(
        "quality    {} {} {value} of {} answers",
        metric.metric,
        metric.statistic.as_str(),
        metric.denominator
    );
    if let Some(clusters) = metric.n_clusters {
        // Writing to a string cannot fail.
        let _ = write!(line, " to {clusters} cases or clusters");
    }
    line.push('\n');
    line
}
