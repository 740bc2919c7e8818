//! Total cost of ownership: ways to serve the same traffic side by side, what each costs a month and over the horizon, and
//! at which volumes one becomes cheaper than another.
//!
//! The trap that this avoids: the price of an always-on machine times its utilisation. A machine that idles costs its full
//! price; utilisation decides how many requests share it.

mod break_even;
mod capacity;
mod read;
mod scenario;

pub use break_even::{BreakEven, Crossing, Stretch};
pub use capacity::{Capacity, Redundancy};
pub use scenario::{ApiPrice, Line, Owned, Scenario, Serving, Staff};

use crate::fields::Problem;
use serde_json::Value;

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
    /// Requests of the busiest minute by the mean minute.
    pub peak_factor: f64,
    /// Growth in a month.
    pub growth_per_month: f64,
    /// Rates of parts of equal length of the month by the mean rate: what overflows a fixed capacity.
    pub profile: Vec<f64>,
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
    /// Replicas or units of the first month; `None` for an API.
    pub replicas: Option<u64>,
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
}

/// What came out.
#[derive(Debug, Clone)]
pub struct TcoResult {
    /// Ways to serve, cheapest over the horizon first.
    pub scenarios: Vec<ScenarioCost>,
    /// For every pair of ways in file order, who is cheaper at which volume.
    pub break_even: Vec<BreakEven>,
}

impl TcoCase {
    /// Reads a file. `trace` reads the summary of the trace that the file names, and says why it cannot.
    ///
    /// # Errors
    /// Everything that is wrong, each with the pointer of its field.
    pub fn read(
        document: &Value,
        trace: &mut dyn FnMut(&str, bool) -> Result<crate::trace::TraceSummary, String>,
    ) -> Result<Self, Vec<Problem>> {
        read::read(document, trace)
    }

    /// Works it out.
    #[must_use]
    pub fn work_out(&self) -> TcoResult {
        let mut scenarios: Vec<ScenarioCost> = self
            .scenarios
            .iter()
            .map(|scenario| self.cost_of(scenario))
            .collect();
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
        TcoResult {
            scenarios,
            break_even,
        }
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
        let (horizon, present) = self.over_horizon(scenario);
        ScenarioCost {
            name: scenario.name.clone(),
            kind: scenario.serving.kind(),
            monthly_usd: monthly,
            horizon_usd: horizon,
            present_value_usd: present,
            replicas: scenario.replicas(workload, volume),
            utilisation,
            overflow_share: scenario.overflow_share(workload, volume),
            usd_per_request: if volume > 0.0 { monthly / volume } else { 0.0 },
            usd_per_mtok_allocation: per_mtok(monthly),
            usd_per_mtok_usage: per_mtok(monthly - idle),
            lines,
        }
    }

    /// Sum over the months with growth, and its present value; what is paid once is paid at the beginning.
    fn over_horizon(&self, scenario: &Scenario) -> (f64, f64) {
        let rate = (1.0 + self.discount_rate).powf(-1.0 / MONTHS_PER_YEAR);
        let once = scenario.one_off_usd();
        let (mut total, mut present, mut discount) = (once, once, 1.0);
        let mut volume = self.workload.requests_per_month;
        for _ in 0..self.horizon_months {
            discount *= rate;
            let month = scenario.running_usd(&self.workload, volume);
            total += month;
            present += month * discount;
            volume *= 1.0 + self.workload.growth_per_month;
        }
        (total, present)
    }
}
