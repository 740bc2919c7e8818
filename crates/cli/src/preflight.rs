//! What a run is going to take, told before it starts: the forecast of `analyse` over what this plan needs and what the
//! record knows of earlier runs.

use crate::caps;
use crate::output;
use seatrial_analyse::{Forecast, History, Pace, Question, forecast};
use seatrial_config::{CacheMode, Endpoint, Target};
use seatrial_engine::FinishedSet;
use seatrial_report::format;
use seatrial_store::{Catalog, RunRow, SqliteStore};
use seatrial_task::Plan;
use seatrial_types::{CallProfile, Estimate, Findings, Money, Unit};
use serde_json::Value;
use std::time::Duration;

/// Newest runs that are looked at for a history.
const RUNS_LOOKED_AT_MAX: usize = 20;

/// Says on standard error what is left to do will take. Says nothing where nobody is going to be asked.
pub(crate) fn tell(store: &SqliteStore, plan: &Plan, finished: &FinishedSet) {
    if plan.draft.cache == CacheMode::ReplayOnly {
        return;
    }
    let questions = questions(Some(store), plan, finished);
    let forecast = forecast(&questions);
    if forecast.calls > 0 {
        output::stderr(&describe(&forecast, plan.draft.budget.cost_usd));
        caps::warn_of_unbounded(&plan.draft);
        if plan.tasks.iter().any(|task| task.order.is_some()) {
            output::stderr("at most that: sequential tasks end as soon as their gates are decided\n");
        }
        if plan.extends() {
            output::stderr("beyond that, gates that are undecided may add epochs, within the budget\n");
        }
    }
}

/// What is still to be asked of every target that is asked at all.
pub(crate) fn questions(store: Option<&SqliteStore>, plan: &Plan, finished: &FinishedSet) -> Vec<Question> {
    let past = store.map_or_else(|| PastRuns(Vec::new()), PastRuns::read);
    let asked = plan.draft.targets.iter().enumerate();
    asked
        .filter(|(_, target)| !matches!(target.endpoint, Endpoint::Recorded(_)))
        .map(|(index, target)| {
            let concurrency = target.limits.concurrency;
            Question {
                target: target.name.clone(),
                calls: plan.samples_of(index).saturating_sub(finished.count_of(index)),
                prompt_chars_mean: prompt_chars_mean(plan, index),
                answer_tokens_max: target.answer_tokens_max(),
                price: target.price.clone(),
                pace: Pace {
                    concurrency_start: u64::from(concurrency.start),
                    concurrency_max: u64::from(concurrency.max),
                    rpm: target.limits.rpm,
                    tpm: target.limits.tpm,
                },
                history: past.of(plan, target),
            }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a mean for display")]
fn prompt_chars_mean(plan: &Plan, target: usize) -> Option<f64> {
    let tasks = plan.draft.tasks.iter().zip(&plan.tasks).enumerate();
    let chars: u64 = tasks
        .filter(|(index, _)| plan.asks(target, *index))
        .map(|(_, (task, planned))| planned.prompt_chars.saturating_mul(u64::from(task.epochs)))
        .fold(0, u64::saturating_add);
    let samples = plan.samples_of(target);
    (samples > 0).then(|| chars as f64 / samples as f64)
}

/// Runs on record that have findings, newest first.
struct PastRuns(Vec<(RunRow, Findings, Value)>);

impl PastRuns {
    /// A history is a help and not a need: what cannot be read is as good as none.
    fn read(store: &SqliteStore) -> Self {
        let runs = store.runs(RUNS_LOOKED_AT_MAX).unwrap_or_default();
        let with_findings = runs.into_iter().filter_map(|run| {
            let findings = store.findings(&run.header.id).ok()??;
            let plan = store.plan(run.header.plan_hash).ok()??;
            Some((
                run,
                serde_json::from_str(&findings).ok()?,
                serde_json::from_str(&plan).ok()?,
            ))
        });
        Self(with_findings.collect())
    }

    /// The newest run of the same plan that asked this target, else the newest that asked the same endpoint.
    fn of(&self, plan: &Plan, target: &Target) -> Option<History> {
        let profile = |findings: &Findings, name: &str| {
            let of_target = findings.targets.iter().find(|target| target.name == name)?;
            let calls = of_target.execution.calls;
            (calls != CallProfile::default()).then_some(calls)
        };
        let same_plan = self
            .0
            .iter()
            .filter(|(run, ..)| run.header.plan_hash == plan.hash);
        let mut same_plan = same_plan.filter_map(|(_, findings, _)| profile(findings, &target.name));
        if let Some(profile) = same_plan.next() {
            return Some(History::SamePlan(profile));
        }
        let identity = target.endpoint.identity();
        let is_same = |planned: &Value| {
            planned["provider"] == identity["provider"] && planned["endpoint"] == identity["endpoint"]
        };
        let mut same_target = self.0.iter().filter_map(|(_, findings, body)| {
            let targets = body["suite"]["targets"].as_array()?;
            let planned = targets.iter().find(|planned| is_same(planned))?;
            profile(findings, planned["name"].as_str()?)
        });
        same_target.next().map(History::SameTarget)
    }
}

fn describe(forecast: &Forecast, cap: Option<Money>) -> String {
    let targets = match forecast.targets.as_slice() {
        [one] => format!("of `{}`", one.target),
        many => format!("of {} targets", many.len()),
    };
    let mut text = format!(
        "estimate: {} calls {targets}; tokens in {}, out {}; cost {}; time {}\n",
        forecast.calls,
        quantity(&forecast.input_tokens),
        quantity(&forecast.output_tokens),
        quantity(&forecast.cost_usd),
        quantity(&forecast.duration_ms),
    );
    let cost = forecast.cost_usd.value.or(forecast.cost_usd.low);
    if let (Some(cap), Some(cost)) = (cap, cost)
        && cost > cap.to_usd_f64()
    {
        text.push_str(&format!(
            "the estimate is above the cap of ${cap}: the run is going to stop before its end\n"
        ));
    }
    text
}

/// A quantity as far as it is known: value with interval, value, bound, or that it is unknown.
pub(crate) fn quantity(estimate: &Estimate) -> String {
    let show = |number: f64| match estimate.unit {
        Unit::Ms => time(number),
        Unit::Tokens => tokens(number),
        unit => format::number(number, unit),
    };
    match (estimate.value, estimate.low, estimate.high) {
        (Some(value), Some(low), Some(high)) if estimate.n == 0 => format!(
            "about {} [{}, {}], by assumption",
            show(value),
            show(low),
            show(high)
        ),
        (None, Some(low), Some(high)) if low > 0.0 => {
            format!("{} to {}, by assumption", show(low), show(high))
        }
        (Some(value), Some(low), Some(high)) => format!(
            "{} [{}, {}], from {} earlier calls",
            show(value),
            show(low),
            show(high),
            estimate.n
        ),
        (Some(value), ..) => format!("about {}", show(value)),
        (None, _, Some(high)) => format!("at most about {}", show(high)),
        (None, Some(low), None) => format!("at least {}", show(low)),
        (None, None, None) => "unknown".to_owned(),
    }
}

/// Tokens to three places: a forecast of millions is no count.
fn tokens(count: f64) -> String {
    match count {
        ..1e4 => format!("{count:.0}"),
        ..1e6 => format!("{:.1}k", count / 1e3),
        _ => format!("{:.2}M", count / 1e6),
    }
}

/// A time with two places: nobody plans by more.
fn time(ms: f64) -> String {
    let seconds = ms / 1000.0;
    if !(0.0..1e9).contains(&seconds) {
        return "very long".to_owned();
    }
    let whole = Duration::from_secs_f64(seconds).as_secs();
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7200 => format!("{} min", (whole + 30) / 60),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::Method;

    fn estimate(value: Option<f64>, low: Option<f64>, high: Option<f64>, unit: Unit) -> Estimate {
        Estimate {
            value,
            low,
            high,
            level: 0.95,
            n: 30,
            method: Method::None,
            unit,
        }
    }

    /// Protects honesty of the pre-flight: each degree of knowledge has words of its own, and no digits are made up.
    #[test]
    fn what_is_known_is_said_as_such() {
        let all = estimate(Some(90_500.0), Some(80_000.0), Some(101_000.0), Unit::Ms);
        assert_eq!(quantity(&all), "90 s [80 s, 101 s], from 30 earlier calls");
        let mut guess = estimate(Some(4000.0), Some(2667.0), Some(10_667.0), Unit::Tokens);
        guess.n = 0;
        assert_eq!(quantity(&guess), "about 4000 [2667, 10.7k], by assumption");
        guess.value = None;
        assert_eq!(quantity(&guess), "2667 to 10.7k, by assumption");
        let value = estimate(Some(1_326_780.0), None, None, Unit::Tokens);
        assert_eq!(quantity(&value), "about 1.33M");
        let most = estimate(None, None, Some(12_345.0), Unit::Tokens);
        assert_eq!(quantity(&most), "at most about 12.3k");
        let least = estimate(None, Some(7_200_000.0), None, Unit::Ms);
        assert_eq!(quantity(&least), "at least 2.0 h");
        assert_eq!(quantity(&estimate(None, None, None, Unit::Usd)), "unknown");
        assert_eq!(time(f64::NAN), "very long");
        assert_eq!(
            (time(950.0), time(180_000.0)),
            ("0.9 s".to_owned(), "3 min".to_owned())
        );
    }
}
