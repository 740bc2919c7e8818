//! From a measured load to the figures that the record keeps: every metric that a gate may name, with bounds at risks that
//! a gate may have. Apart from the result, which is for people and programs and has one interval each.

use super::result::{LEVEL, LoadResult, Status};
use seatrial_config::{LOAD_METRICS, LoadMetric};
use seatrial_load::intervals::{Bounded, mean_of_values};
use seatrial_load::metrics::{LoadMetrics, MeasureOptions, Window, measure};
use seatrial_load::slo::Objectives;
use seatrial_load::{Phase, Recording};
use seatrial_types::{LoadEnds, LoadFigure, LoadStatus, Method, Statistic, Unit};

/// Risks at which bounds are kept, falling: those that people state, and what the correction over several gates makes of
/// them.
const RISKS: [f64; 8] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001, 0.0001];

/// The figures of a load.
pub(super) fn figures(result: &LoadResult<'_>, objectives: Option<&Objectives>) -> Vec<LoadFigure> {
    let recording = &result.run.recording;
    let at_level = |level: f64| {
        let options = MeasureOptions {
            level,
            tokens: result.tokens,
            objectives,
            ..MeasureOptions::default()
        };
        Level {
            metrics: measure(recording, Window::measured(recording), &options),
            error_rate: error_rate(recording, level),
        }
    };
    let shown = at_level(LEVEL);
    let levels: Vec<(f64, Level)> = RISKS
        .iter()
        .map(|&risk| (risk, at_level(1.0 - 2.0 * risk)))
        .collect();
    let wanted = LOAD_METRICS
        .iter()
        .filter(|metric| objectives.is_some() || !matches!(metric.name, "goodput" | "attainment"));
    wanted
        .flat_map(|metric| {
            metric
                .statistics
                .iter()
                .map(move |&statistic| (metric, statistic))
        })
        .map(|(metric, statistic)| figure(result, metric, statistic, &shown, &levels))
        .collect()
}

/// Everything of a load at one confidence.
struct Level {
    metrics: LoadMetrics,
    error_rate: Option<Bounded>,
}

impl Level {
    fn bounded(&self, name: &str, statistic: Statistic) -> Option<Bounded> {
        let throughput = &self.metrics.throughput;
        match name {
            "requests_per_s" => throughput.requests_per_s,
            "output_tokens_per_s" => throughput.output_tokens_per_s,
            "stream_tokens_per_s" => throughput.stream_tokens_per_s,
            "attainment" => self.metrics.goodput.as_ref()?.attainment,
            "goodput" => self.goodput(),
            "error_rate" => self.error_rate,
            _ => {
                let mut latencies = self.metrics.latencies.iter();
                let latency = latencies.find(|latency| latency.name == name)?;
                match statistic {
                    Statistic::P50 => latency.at(0.5),
                    Statistic::P95 => latency.at(0.95),
                    Statistic::P99 => latency.at(0.99),
                    Statistic::Mean | Statistic::Rate => latency.mean,
                }
            }
        }
    }

    /// Good requests per second: the share that is good, of as many requests as there were.
    #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
    fn goodput(&self) -> Option<Bounded> {
        let goodput = self.metrics.goodput.as_ref()?;
        let share = goodput.attainment?;
        let seconds = self.metrics.window.seconds();
        if seconds <= 0.0 {
            return None;
        }
        let per_second = goodput.n as f64 / seconds;
        Some(Bounded {
            value: share.value * per_second,
            low: share.low.map(|low| low * per_second),
            high: share.high.map(|high| high * per_second),
            ..share
        })
    }
}

/// Share of measured requests that failed, Wilson's interval over as many independent requests as they are worth: failures
/// come in bursts.
fn error_rate(recording: &Recording, level: f64) -> Option<Bounded> {
    let mut ended: Vec<(u64, f64)> = recording
        .requests()
        .filter(|request| request.phase == Phase::Measured)
        .filter_map(|request| {
            let failed = recording.has_failed(request)?;
            Some((request.intended_ns, if failed { 1.0 } else { 0.0 }))
        })
        .collect();
    ended.sort_unstable_by_key(|(at, _)| *at);
    let values: Vec<f64> = ended.into_iter().map(|(_, failed)| failed).collect();
    let mean = mean_of_values(&values, level)?;
    let worth = mean.n_eff.max(1.0);
    let interval = seatrial_stats::proportion::wilson(mean.value * worth, worth, level).ok();
    Some(Bounded {
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        ..mean
    })
}

fn figure(
    result: &LoadResult<'_>,
    metric: &LoadMetric,
    statistic: Statistic,
    shown: &Level,
    levels: &[(f64, Level)],
) -> LoadFigure {
    let latency = result
        .metrics
        .iter()
        .find(|found| found.latency.name == metric.name);
    let status = match latency.map(|latency| latency.status) {
        Some(Status::Ok) => LoadStatus::Ok,
        Some(Status::Degraded) => LoadStatus::Degraded,
        Some(Status::Withheld) => LoadStatus::Withheld,
        Some(Status::Unavailable) => LoadStatus::Unavailable,
        // A time that this load does not have, or a rate: what was counted was counted.
        None if metric.unit == Unit::Ms => LoadStatus::Unavailable,
        None => LoadStatus::Ok,
    };
    let is_told = matches!(status, LoadStatus::Ok | LoadStatus::Degraded);
    let bounded = shown.bounded(metric.name, statistic).filter(|_| is_told);
    let ends = levels.iter().filter(|_| bounded.is_some());
    LoadFigure {
        metric: metric.name.to_owned(),
        statistic,
        unit: metric.unit,
        status,
        reason: latency.and_then(|latency| latency.reason.clone()),
        remedy: latency.and_then(|latency| latency.remedy.clone()),
        n: bounded.map_or_else(
            || latency.map_or(0, |latency| latency.latency.n),
            |bounded| bounded.n,
        ),
        value: bounded.map(|bounded| bounded.value),
        low: bounded.and_then(|bounded| bounded.low),
        high: bounded.and_then(|bounded| bounded.high),
        level: LEVEL,
        method: match (metric.unit, metric.name, statistic) {
            (Unit::Share, ..) | (_, "goodput", _) => Method::Wilson,
            (_, _, Statistic::Mean | Statistic::Rate) => Method::StudentT,
            _ => Method::OrderStatistic,
        },
        ends: ends
            .map(|(risk, level)| {
                let bounded = level.bounded(metric.name, statistic);
                LoadEnds {
                    risk: *risk,
                    low: bounded.and_then(|bounded| bounded.low),
                    high: bounded.and_then(|bounded| bounded.high),
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_load::definitions::Definition;

    /// Protects gates from metrics that nothing measures, and measured ones from being out of their reach.
    #[test]
    fn gates_may_name_every_latency() {
        let mut known: Vec<&str> = LOAD_METRICS
            .iter()
            .filter(|metric| metric.unit == Unit::Ms)
            .map(|metric| metric.name)
            .collect();
        let mut measured: Vec<&str> = Definition::ALL
            .iter()
            .map(|definition| definition.name())
            .collect();
        measured.extend(["icl", "itl"]);
        known.sort_unstable();
        measured.sort_unstable();
        assert_eq!(known, measured);
    }
}
