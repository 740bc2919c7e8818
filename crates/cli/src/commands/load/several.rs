//! One load of several, with what is told of it later. Apart from a single load, which tells itself at once, and because
//! sweeps and repeated runs keep the numbers of every load and the requests of none.

use super::endpoint::Asked;
use super::result::{LEVEL, LoadResult, Metric, Status};
use super::saved::Saved;
use super::stopper::Stopper;
use crate::args::LoadArguments;
use crate::error::CliError;
use seatrial_load::definitions::Definition;
use seatrial_load::figure::{Figure, Summary};
use seatrial_load::saved::Told;
use seatrial_load::slo::Objectives;
use seatrial_load::sweep::Shown;
use seatrial_types::ExitCode;
use serde_json::{Value, json};

/// One load that was measured.
pub(super) struct Measured {
    /// The whole result, as `seatrial.load/1`.
    pub(super) result: Saved,
    pub(super) shown: Shown,
    /// Of the latencies that people look at.
    pub(super) status: Status,
    /// Why not all of them are trusted, and what to do.
    pub(super) reason: Option<String>,
    pub(super) remedy: Option<String>,
    pub(super) exit: ExitCode,
    pub(super) counts: (u64, u64),
    pub(super) warnings: Vec<String>,
}

impl Measured {
    /// Measures it; what was interrupted is told of the part that there is.
    pub(super) fn new(
        name: String,
        arguments: &LoadArguments,
        asked: &Asked,
        objectives: Option<&Objectives>,
        stopper: &Stopper,
    ) -> Result<Self, CliError> {
        let (schedule, plan, live) = super::planned(arguments, asked)?;
        stopper.begin(&live);
        let started_at = crate::session::now();
        let (run, _) = super::run(arguments, asked, plan, &live, None)?;
        let times = (started_at, crate::session::now());
        let result = LoadResult::new(arguments, asked, &schedule, &run, objectives, times);
        let is_open = arguments.shape.rate.is_some();
        let e2e = if is_open {
            Definition::E2eSched
        } else {
            Definition::E2e
        };
        let of = |definition: Definition| {
            let mut metrics = result.metrics.iter();
            metrics.find(|metric| metric.latency.name == definition.name())
        };
        let looked_at: Vec<&Metric> = [Definition::Ttft, Definition::Tpot, e2e]
            .into_iter()
            .filter_map(of)
            .collect();
        let status = worst(looked_at.iter().copied());
        let least = looked_at.iter().find(|metric| metric.status == status);
        let throughput = &result.measured.throughput;
        let requests = &result.measured.requests;
        let mut json = result.json(&Value::Null);
        json["server"] = Value::Null;
        Ok(Self {
            shown: Shown {
                throughput: throughput.output_tokens_per_s.or(throughput.requests_per_s),
                latency_ms: of(e2e).and_then(Metric::mean).map(|mean| mean.value),
                failed_share: result.failed_share(),
                is_withheld: status == Status::Withheld,
            },
            status,
            reason: least.and_then(|metric| metric.reason.clone()),
            remedy: least.and_then(|metric| metric.remedy.clone()),
            exit: result.exit,
            counts: (requests.ok, requests.failed),
            warnings: result.warnings.clone(),
            result: Saved::of(name, json).map_err(CliError::infrastructure)?,
        })
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.exit == ExitCode::Interrupted
    }

    /// A figure with its interval, where it may be told.
    pub(super) fn told(&self, figure: Figure) -> Result<Told, (Status, String)> {
        self.result.told(figure).map(|(told, _)| told)
    }

    /// The same as an estimate; `null` where it is not told.
    pub(super) fn estimate(&self, figure: Figure) -> Value {
        let Ok((told, n)) = self.result.told(figure) else {
            return Value::Null;
        };
        json!({
            "value": told.value,
            "low": told.low,
            "high": told.high,
            "level": LEVEL,
            "n": n.unwrap_or(self.counts.0),
            "method": match figure {
                Figure::Latency(_, Summary::Quantile(_)) => "order_statistic",
                _ => "batch_means",
            },
            "unit": figure.unit(),
        })
    }
}

/// The least trusted of what is there at all.
fn worst<'m>(metrics: impl Iterator<Item = &'m Metric>) -> Status {
    let mut worst = Status::Unavailable;
    for metric in metrics {
        worst = match (worst, metric.status) {
            (worst, Status::Unavailable) => worst,
            (Status::Withheld, _) | (_, Status::Withheld) => Status::Withheld,
            (Status::Degraded, _) | (_, Status::Degraded) => Status::Degraded,
            _ => Status::Ok,
        };
    }
    worst
}

/// `51.23 [50.91, 51.60]`, or a dash.
pub(super) fn text(told: Option<Told>, digits: usize) -> String {
    let Some(told) = told else {
        return "–".to_owned();
    };
    let end = |end: Option<f64>| end.map_or_else(|| "?".to_owned(), |end| format!("{end:.digits$}"));
    format!("{:.digits$} [{}, {}]", told.value, end(told.low), end(told.high))
}

/// Text of a report in a block of Markdown.
pub(super) fn fenced(text: &str) -> String {
    format!("```text\n{}\n```\n", text.trim_end().replace("```", "'''"))
}
