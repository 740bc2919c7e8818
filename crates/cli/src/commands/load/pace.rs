//! From arguments to when requests are started, and by how many loops. Apart because it is arithmetic on arguments.

use crate::args::LoadShape;
use crate::error::CliError;
use seatrial_load::arrivals::{ArrivalPlan, Bursts, Profile, Scatter};
use seatrial_load::{Arrival, Pace};
use std::time::Duration;

/// Requests at once that one loop is given where nobody says.
const REQUESTS_PER_LOOP: usize = 1024;
/// The same for an open loop, whose cap is far above what is under way.
const REQUESTS_PER_OPEN_LOOP: usize = 4096;
/// Time over which users begin, for each of them: a burst of connections at the start is not what users do.
const START_STEP: Duration = Duration::from_millis(1);
/// Most time over which users begin.
const START_SPREAD_MAX: Duration = Duration::from_secs(1);

/// When requests are started.
pub(super) struct Schedule {
    /// One for each loop.
    pub(super) paces: Vec<Pace>,
    /// Most requests under way.
    pub(super) in_flight_max: usize,
    /// Whether arrivals do not wait for answers.
    pub(super) is_open: bool,
    /// Length of the measurement, where a trace says it.
    pub(super) duration: Option<Duration>,
    /// Processors that this process may use.
    pub(super) processors: usize,
}

impl Schedule {
    /// Users of a closed loop, each of whom may fail before a load is given up; an open loop has none, however much of it may
    /// be under way.
    pub(super) fn users(&self) -> u64 {
        if self.is_open {
            0
        } else {
            self.in_flight_max as u64
        }
    }
}

/// Reads the shape of the load; `times` are the moments of a trace.
pub(super) fn schedule(shape: &LoadShape, times: Option<&[u64]>) -> Result<Schedule, CliError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let in_flight_max = shape.concurrency.unwrap_or(shape.max_in_flight) as usize;
    let per_loop = if shape.concurrency.is_some() {
        REQUESTS_PER_LOOP
    } else {
        REQUESTS_PER_OPEN_LOOP
    };
    let usual = in_flight_max.div_ceil(per_loop).min(processors);
    let workers = shape
        .workers
        .map_or(usual, usize::from)
        .clamp(1, in_flight_max.max(1));
    let paces = match (&shape.rate, times) {
        (_, Some(times)) => replayed(times, workers, in_flight_max),
        (Some(rate), None) => open(shape, rate, workers, in_flight_max)?,
        (None, None) => closed(shape, workers, in_flight_max),
    };
    Ok(Schedule {
        paces,
        in_flight_max,
        is_open: shape.rate.is_some() || times.is_some(),
        duration: shape.duration.or_else(|| replay_time(times?, shape.warmup)),
        processors,
    })
}

/// Users begin one after the other, dealt to the loops in turn.
fn closed(shape: &LoadShape, workers: usize, users: usize) -> Vec<Pace> {
    let whole = shape.duration.unwrap_or(START_SPREAD_MAX) + shape.warmup;
    let spread = (START_STEP * u32::try_from(users).unwrap_or(u32::MAX))
        .min(START_SPREAD_MAX)
        .min(whole / 10);
    let start_ns = |user: usize| {
        let share = user as u128 * spread.as_nanos() / users.max(1) as u128;
        u64::try_from(share).unwrap_or(u64::MAX)
    };
    (0..workers)
        .map(|worker| Pace::Closed {
            starts_ns: (worker..users).step_by(workers).map(start_ns).collect(),
        })
        .collect()
}

/// The moments of a trace, dealt to the loops in turn.
fn replayed(times: &[u64], workers: usize, in_flight_max: usize) -> Vec<Pace> {
    (0..workers)
        .map(|worker| {
            let arrivals: Vec<Arrival> = times
                .iter()
                .zip(0..)
                .map(|(&intended_ns, number)| Arrival { intended_ns, number })
                .skip(worker)
                .step_by(workers)
                .collect();
            Pace::Open {
                arrivals: Box::new(arrivals.into_iter()),
                in_flight_max: in_flight_max.div_ceil(workers),
            }
        })
        .collect()
}

/// From the end of the warm-up to just after the last moment of a trace.
fn replay_time(times: &[u64], warm_up: Duration) -> Option<Duration> {
    let end = Duration::from_nanos(times.last()?.saturating_add(1_000_000));
    Some(end.saturating_sub(warm_up).max(Duration::from_millis(1)))
}

/// Every loop draws the same arrivals, and takes those that are its own.
fn open(shape: &LoadShape, rate: &str, workers: usize, in_flight_max: usize) -> Result<Vec<Pace>, CliError> {
    let profile =
        Profile::parse(rate).map_err(|error| CliError::usage(format!("--rate cannot be read: {error}")))?;
    let scatter = Scatter::parse(&shape.arrivals)
        .map_err(|error| CliError::usage(format!("--arrivals cannot be read: {error}")))?;
    let bursts = shape.bunched.bursts.as_deref().map(Bursts::parse).transpose();
    let plan = ArrivalPlan {
        profile,
        scatter,
        bursts: bursts.map_err(|error| CliError::usage(format!("--bursts cannot be read: {error}")))?,
        together: shape.bunched.together,
        seed: shape.seed,
    };
    Ok((0..workers)
        .map(|worker| {
            let arrivals = plan
                .arrivals()
                .zip(0..)
                .map(|(intended_ns, number)| Arrival { intended_ns, number })
                .skip(worker)
                .step_by(workers);
            Pace::Open {
                arrivals: Box::new(arrivals),
                in_flight_max: in_flight_max.div_ceil(workers),
            }
        })
        .collect())
}
