//! Total cost of ownership: ways to serve the same traffic side by side, what each costs a month and over the horizon, and
//! at which volumes one becomes cheaper than another.
//!
//! The trap that this avoids: the price of an always-on machine times its utilisation. A machine that idles costs its full
//! price; utilisation decides how many requests share it.

mod break_even;
mod capacity;
mod read;
mod rhythm;
mod scenario;
mod uncertain;

pub use break_even::{BreakEven, Crossing, Stretch};
pub use capacity::{Capacity, Redundancy, Scaling};
pub use rhythm::{Hour, Rates, Rhythm};
pub use scenario::{ApiPrice, Line, Owned, Scenario, Serving, Staff};
pub use uncertain::{TcoSpread, Uncertain};

use crate::fields::Problem;
use crate::montecarlo::InformationValue;
use crate::trace::TraceSummary;
use serde_json::Value;
use std::sync::Arc;

/// Hours of a month.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// Seconds of a month.
pub const SECONDS_PER_MONTH: f64 = HOURS_PER_MONTH * 3600.0;
/// Scenarios of one file at most.
pub const SCENARIOS_MAX: usize = 50;
const MONTHS_PER_YEAR: f64 = 12.0;

/// The traffic that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Requests in the first month.
    pub requests_per_month: f64,
    /// Mean tokens of a prompt.
    pub input_tokens: f64,
    /// Mean tokens of an answer.
    pub output_tokens: f64,
    /// Share of prompt tokens that an API reads from its cache.
    pub cached_share: f64,
    /// Share that an API writes to its cache; with the one before at most all.
    pub cache_write_share: f64,
    /// Growth in a month.
    pub growth_per_month: f64,
    /// Dollars that a request costs which a person takes over.
    pub cost_per_escalation_usd: f64,
    /// Dollars that a wrong answer costs afterwards.
    pub loss_per_error_usd: f64,
    /// How requests are spread over the month.
    pub rhythm: Arc<Rhythm>,
}

/// A file of scenarios, read.
#[derive(Debug, Clone)]
pub struct TcoCase {
    /// Name, for reports.
    pub name: Option<String>,
    /// Months that are looked at.
    pub horizon_months: u32,
    /// Interest for a year.
    pub discount_rate: f64,
    /// The traffic.
    pub workload: Workload,
    /// Ways to serve it, in file order.
    pub scenarios: Vec<Scenario>,
    /// Volumes over which break-even is sought, requests a month.
    pub volumes: (f64, f64),
    /// Draws, where something is not known exactly.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    trace: Option<TraceSummary>,
    uncertain: Uncertain,
}

/// What one way costs.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioCost {
    /// Name.
    pub name: String,
    /// Kind: `api`, `provisioned`, `rented`, `owned`, `hybrid`.
    pub kind: &'static str,
    /// Lines of the first month; what is paid once is spread over the horizon.
    pub lines: Vec<Line>,
    /// Their sum.
    pub monthly_usd: f64,
    /// Over the horizon, with growth, not discounted.
    pub horizon_usd: f64,
    /// The same, discounted.
    pub present_value_usd: f64,
    /// Replicas or units at the busiest minute of the first month; `None` for an API.
    pub replicas: Option<u64>,
    /// Those that are paid in the mean of its hours.
    pub billed_replicas: Option<f64>,
    /// What the first month would cost if machines that follow the hour always ran; `None` where they do not follow it.
    pub always_on_usd: Option<f64>,
    /// Share of the capacity that serves requests in the mean; `None` for an API.
    pub utilisation: Option<f64>,
    /// Share of requests that go to the API beside a fixed capacity.
    pub overflow_share: f64,
    /// First month by requests.
    pub usd_per_request: f64,
    /// First month by million tokens, all that is paid (idle is charged).
    pub usd_per_mtok_allocation: f64,
    /// The same with idle machines left out: what is used.
    pub usd_per_mtok_usage: f64,
    /// What machines cost by million tokens of prompts and of answers, by the time that each takes; all that is paid.
    /// `None` where the rates are not known.
    pub usd_per_mtok_split: Option<(f64, f64)>,
    /// What a request that was answered well costs, failures included; `None` where the share of success is not known.
    pub usd_per_success: Option<f64>,
    /// What the draws say; `None` where everything is known exactly.
    pub spread: Option<TcoSpread>,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct TcoResult {
    /// Ways to serve, cheapest over the horizon first.
    pub scenarios: Vec<ScenarioCost>,
    /// For every pair of ways in file order, who is cheaper at which volume.
    pub break_even: Vec<BreakEven>,
    /// What knowing more would be worth for the choice by cost over the horizon; `None` where everything is known. Its
    /// choices are the scenarios in file order.
    pub information: Option<InformationValue>,
    /// Names of what is not known exactly, as `information` numbers it.
    pub inputs: Vec<String>,
}

impl TcoCase {
    /// Reads a file. `trace` reads the summary of the trace that the file names, and says why it cannot.
    ///
    /// # Errors
    /// Everything that is wrong, each with the pointer of its field.
    pub fn read(
        document: &Value,
        trace: &mut dyn FnMut(&str, bool) -> Result<TraceSummary, String>,
    ) -> Result<Self, Vec<Problem>> {
        read::read(document, trace)
    }

    /// Works it out.
    ///
    /// # Errors
    /// Values that contradict each other in some draw, with the pointer of the field.
    pub fn work_out(&self) -> Result<TcoResult, Vec<Problem>> {
        let mut scenarios: Vec<ScenarioCost> = self
            .scenarios
            .iter()
            .map(|scenario| self.cost_of(scenario))
            .collect();
        let drawn = self.uncertain.work_out(self)?;
        let information = drawn.map(|(spreads, information)| {
            for (found, spread) in scenarios.iter_mut().zip(spreads) {
                found.spread = Some(spread);
            }
            information
        });
        scenarios.sort_by(|a, b| a.horizon_usd.total_cmp(&b.horizon_usd));
        let mut break_even = Vec::new();
        for (place, a) in self.scenarios.iter().enumerate() {
            for b in self.scenarios.iter().skip(place + 1) {
                break_even.push(break_even::between(
                    a,
                    b,
                    &self.workload,
                    self.horizon_months,
                    self.volumes,
                ));
            }
        }
        Ok(TcoResult {
            scenarios,
            break_even,
            information: information.flatten(),
            inputs: self.uncertain.names(),
        })
    }

    /// What each scenario costs a month over the volumes of the break-even, at so many of them, in file order; what is paid
    /// once is spread.
    #[must_use]
    pub fn bills(&self, points: u32) -> Vec<Vec<(f64, f64)>> {
        let (from, to) = self.volumes;
        let volume = |point: u32| from + (to - from) * f64::from(point) / f64::from(points.max(2) - 1);
        let bill = |scenario: &Scenario, volume: f64| {
            let once = scenario.one_off_usd() / f64::from(self.horizon_months.max(1));
            (volume, scenario.running_usd(&self.workload, volume) + once)
        };
        let of = |scenario| {
            (0..points.max(2))
                .map(|point| bill(scenario, volume(point)))
                .collect()
        };
        self.scenarios.iter().map(of).collect()
    }

    fn cost_of(&self, scenario: &Scenario) -> ScenarioCost {
        let (workload, months) = (&self.workload, self.horizon_months);
        let volume = workload.requests_per_month;
        let lines = scenario.lines(workload, volume, months);
        let monthly: f64 = lines.iter().map(|line| line.usd).sum();
        let utilisation = scenario.utilisation(workload, volume);
        let mtok = volume * (workload.input_tokens + workload.output_tokens) / 1e6;
        let per_mtok = |usd: f64| if mtok > 0.0 { usd / mtok } else { 0.0 };
        let idle: f64 = lines
            .iter()
            .filter(|line| line.is_capacity)
            .map(|line| line.usd * (1.0 - utilisation.unwrap_or(1.0)))
            .sum();
        let (horizon, present) = self.over_horizon(scenario, workload);
        let usd_per_request = if volume > 0.0 { monthly / volume } else { 0.0 };
        let once = scenario.one_off_usd() / f64::from(months.max(1));
        let split = |rates| split_by_time(workload, volume, capacity_usd(&lines), rates);
        ScenarioCost {
            name: scenario.name.clone(),
            kind: scenario.serving.kind(),
            monthly_usd: monthly,
            horizon_usd: horizon,
            present_value_usd: present,
            replicas: scenario.replicas(workload, volume),
            billed_replicas: scenario.billed_replicas(workload, volume),
            always_on_usd: scenario
                .always_on()
                .map(|fixed| fixed.running_usd(workload, volume) + once),
            utilisation,
            overflow_share: scenario.overflow_share(workload, volume),
            usd_per_request,
            usd_per_mtok_allocation: per_mtok(monthly),
            usd_per_mtok_usage: per_mtok(monthly - idle),
            usd_per_mtok_split: scenario.tokens_per_second.and_then(split),
            usd_per_success: scenario.usd_per_success(workload, usd_per_request),
            spread: None,
            lines,
        }
    }

    /// Sum over the months with growth, and its present value; what is paid once is paid at the beginning.
    fn over_horizon(&self, scenario: &Scenario, workload: &Workload) -> (f64, f64) {
        let rate = (1.0 + self.discount_rate).powf(-1.0 / MONTHS_PER_YEAR);
        let once = scenario.one_off_usd();
        let (mut total, mut present, mut discount) = (once, once, 1.0);
        let mut volume = workload.requests_per_month;
        for _ in 0..self.horizon_months {
            discount *= rate;
            let month = scenario.running_usd(workload, volume);
            total += month;
            present += month * discount;
            volume *= 1.0 + workload.growth_per_month;
        }
        (total, present)
    }
}

fn capacity_usd(lines: &[Line]) -> f64 {
    lines
        .iter()
        .filter(|line| line.is_capacity)
        .map(|line| line.usd)
        .sum()
}

/// The bill of machines by million tokens of prompts and of answers, in the proportion of the time that a request takes
/// for each. `None` where there are no such tokens.
fn split_by_time(
    workload: &Workload,
    volume: f64,
    usd: f64,
    (prefill, decode): (f64, f64),
) -> Option<(f64, f64)> {
    let (input, output) = (workload.input_tokens / prefill, workload.output_tokens / decode);
    let mtok = |tokens: f64| volume * tokens / 1e6;
    let all = input + output;
    let is_there = volume > 0.0 && workload.input_tokens > 0.0 && workload.output_tokens > 0.0;
    is_there.then(|| {
        (
            usd * input / all / mtok(workload.input_tokens),
            usd * output / all / mtok(workload.output_tokens),
        )
    })
}
