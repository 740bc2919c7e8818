//! How long answers took, as a distribution: bars for how many, a line for how many by then, marks at the percentiles
//! with their intervals. Apart, because it is drawn from samples while every other figure is drawn from findings.

use super::escape::{count, esc, name};
use super::plot::{tick_label, ticks};
use crate::format;
use crate::labels::Labels;
use seatrial_types::{Findings, MetricResult, SampleRecord, Statistic, Timing, Unit};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Values that are kept for each target and task; further ones take the place of earlier ones evenly.
const VALUES_MAX: usize = 100_000;
/// Figures of a page at most.
const FIGURES_MAX: usize = 24;
/// Bars of a figure.
const BARS: usize = 48;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 190.0;
const LEFT: f64 = 12.0;
const RIGHT: f64 = 44.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;

/// Latencies in milliseconds by task and target.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    values: BTreeMap<(u16, u16), Values>,
}

#[derive(Debug, Default)]
struct Values {
    ms: Vec<f64>,
    seen: usize,
}

impl Latencies {
    pub(super) fn add(&mut self, sample: &SampleRecord) {
        // An attempt that failed was cut short by its failure; it says nothing of answers.
        if sample.call.result.is_err() {
            return;
        }
        let Some(ns) = sample.call.timing().and_then(Timing::latency_ns) else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
        let ms = ns as f64 / 1e6;
        let values = self
            .values
            .entry((sample.key.task, sample.key.target))
            .or_default();
        if values.ms.len() < VALUES_MAX {
            values.ms.push(ms);
        } else {
            values.ms[values.seen % VALUES_MAX] = ms;
        }
        values.seen += 1;
    }

    /// The section; a sentence where no answer has a latency.
    pub(super) fn section(mut self, findings: &Findings, labels: &Labels) -> String {
        for values in self.values.values_mut() {
            values.ms.sort_by(f64::total_cmp);
        }
        if self.values.is_empty() {
            return "<p class=\"none\">No answer has a latency: they were recorded, cached, or there are none.</p>".to_owned();
        }
        let mut html = String::from("<div class=\"figures\">");
        let mut drawn = 0;
        for task in self
            .values
            .keys()
            .map(|key| key.0)
            .collect::<std::collections::BTreeSet<_>>()
        {
            let of_task: Vec<(u16, &Values)> = self
                .values
                .range((task, 0)..=(task, u16::MAX))
                .map(|(key, values)| (key.1, values))
                .collect();
            // One scale for the targets of a task. The slowest thousandth is drawn at its end, or it alone would be seen.
            let end = of_task
                .iter()
                .map(|(_, values)| quantile(&values.ms, 0.999))
                .fold(0.0, f64::max);
            for (target, values) in of_task {
                if drawn < FIGURES_MAX {
                    let (task, target) = (labels.task(task), labels.target(target));
                    html += &figure(findings, &task, &target, values, end.max(0.001));
                }
                drawn += 1;
            }
        }
        html += "</div>";
        if drawn > FIGURES_MAX {
            let _ = write!(
                html,
                "<p class=\"note\">{} more distributions are not drawn.</p>",
                drawn - FIGURES_MAX
            );
        }
        html
    }
}

/// The value below which this share of sorted values lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of values")]
    let rank = (sorted.len() as f64 * share).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let index = (rank as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or(0.0)
}

fn figure(findings: &Findings, task: &str, target: &str, values: &Values, end: f64) -> String {
    let marks = percentiles(findings, task, target);
    let n = values.seen as u64;
    let alternative: Vec<String> = marks
        .iter()
        .map(|metric| format!("{} {}", metric.statistic.as_str(), format::estimate(metric)))
        .collect();
    let mut html = format!(
        "<figure><figcaption><b>{}</b> · {} latency, ms<span class=\"n\">n {}</span></figcaption>",
        name(target),
        name(task),
        count(n)
    );
    let _ = write!(
        html,
        "<svg class=\"hist\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Distribution of the latency of {} answers of {} to {}: {}\">",
        n,
        esc(target),
        esc(task),
        esc(&alternative.join("; "))
    );
    draw(&mut html, &values.ms, &marks, end);
    html += "</svg>";
    let status = marks.iter().find_map(|metric| metric.status.as_deref());
    html += "<ul class=\"marks\">";
    for metric in &marks {
        let _ = write!(
            html,
            "<li><span class=\"k\">{}</span> {}</li>",
            metric.statistic.as_str(),
            esc(&format::estimate(metric))
        );
    }
    html += "</ul>";
    if let Some(status) = status {
        let _ = write!(
            html,
            "<p class=\"spoiled\">{}: the measuring client was too busy; these are not the target's numbers alone</p>",
            esc(status)
        );
    }
    html + "</figure>"
}

/// The percentiles that the findings state for a task and a target.
fn percentiles<'a>(findings: &'a Findings, task: &str, target: &str) -> Vec<&'a MetricResult> {
    let of_target = findings
        .targets
        .iter()
        .filter(|found| crate::clean::line(&found.name) == target);
    of_target
        .flat_map(|found| &found.metrics)
        .filter(|metric| {
            metric.task == task
                && metric.metric == "latency_ms"
                && matches!(metric.statistic, Statistic::P50 | Statistic::P95 | Statistic::P99)
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of values and bars")]
fn draw(svg: &mut String, sorted: &[f64], marks: &[&MetricResult], end: f64) {
    let x = |ms: f64| LEFT + (ms / end).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    let (floor, height) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP);
    for tick in ticks(0.0, end) {
        let x = x(tick);
        let label = tick_label(tick, end, Unit::Ms);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{floor}\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            floor + 16.0,
            esc(&label)
        );
    }
    let mut bars = [0usize; BARS];
    for ms in sorted {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the bars"
        )]
        let bar = ((ms / end * BARS as f64).max(0.0) as usize).min(BARS - 1);
        bars[bar] += 1;
    }
    let most = bars.iter().copied().max().unwrap_or(1).max(1) as f64;
    let width = (WIDTH - LEFT - RIGHT) / BARS as f64;
    for (index, bar) in bars.iter().enumerate().filter(|(_, bar)| **bar > 0) {
        let tall = *bar as f64 / most * height;
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"/>",
            LEFT + index as f64 * width + 0.5,
            floor - tall,
            width - 1.0
        );
    }
    let mut path = format!("M{:.1} {floor:.1}", x(0.0));
    let mut reached = 0.0;
    for step in 0..=200u32 {
        let share = f64::from(step) / 200.0;
        let ms = quantile(sorted, share);
        reached = x(ms);
        let _ = write!(path, "L{reached:.1} {:.1}", floor - share * height);
    }
    let _ = write!(
        svg,
        "<path class=\"cdf\" d=\"{path}L{:.1} {:.1}\"/>",
        x(end).max(reached),
        TOP
    );
    for share in [0.0, 0.5, 1.0] {
        let y = floor - share * height;
        let _ = write!(
            svg,
            "<text class=\"share\" x=\"{:.1}\" y=\"{:.1}\">{} %</text>",
            WIDTH - RIGHT + 6.0,
            y + 4.0,
            share * 100.0
        );
    }
    for metric in marks {
        let share = match metric.statistic {
            Statistic::P50 => 0.5,
            Statistic::P95 => 0.95,
            _ => 0.99,
        };
        let Some(value) = metric.value else { continue };
        let y = floor - share * height;
        let (low, high) = (x(metric.low.unwrap_or(0.0)), x(metric.high.unwrap_or(end)));
        let _ = write!(
            svg,
            "<line class=\"ci\" x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><circle class=\"dot\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>",
            x(value)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the line of the figure: quantiles of few values, and of none.
    #[test]
    fn quantiles_are_values() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 0.95, 1.0].map(|share| quantile(&sorted, share)),
            [1.0, 1.0, 2.0, 4.0, 4.0]
        );
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
