//! A run from its start to its end: loops are started, watched and joined, and what they recorded is put together. Apart
//! from the loops, which know only their own share.

use crate::account::{Throttling, make_room_for_files, process_cpu, raise_open_files};
use crate::ahead::{Ahead, connect_ahead};
use crate::clock::{RunClock, nanoseconds};
use crate::gauge::Gauge;
use crate::kept_answers::KeptAnswers;
use crate::live::{EarlyEnd, Failures, Live};
use crate::metrics::TokenRule;
use crate::pace::Pace;
use crate::record::Recording;
use crate::talks::{ConversationCounts, Talks};
use crate::target::{RequestSource, Target};
use crate::worker::{WorkerPlan, WorkerReport, run};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Most gaps kept one by one, over all loops: 64 MiB.
pub const GAPS_MAX: u64 = 16 << 20;
/// Most requests recorded, over all loops: some 550 MB. A run that reaches it ends, and says so.
pub const RECORDS_MAX: usize = 2 << 20;
/// Most loops.
pub const WORKERS_MAX: usize = 64;

/// What a run is to do.
#[derive(Debug)]
pub struct RunPlan {
    /// Where requests go.
    pub target: Target,
    /// One for each loop, at least one and at most [`WORKERS_MAX`].
    pub paces: Vec<Pace>,
    /// Length of the warm-up; its requests are load, and in no metric.
    pub warm_up: Duration,
    /// Length of measurement; `None` leaves its end to the number of requests.
    pub duration: Option<Duration>,
    /// How long what is under way at the end is waited for.
    pub drain: Duration,
}

/// Why a run did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system gave no event queue or thread.
    #[error(
        "failed to start a measuring loop: {0}; hint: is the limit of open files or threads reached (ulimit -n, -u)"
    )]
    System(#[from] std::io::Error),
    /// A loop ended in a panic.
    #[error("a measuring loop ended unexpectedly; this is a bug of seatrial")]
    Lost,
}

/// What a run brought.
#[derive(Debug, Default)]
pub struct RunResult {
    /// Requests and gaps.
    pub recording: Recording,
    /// Answers by loop, where the source of requests wanted them.
    pub answers: Vec<KeptAnswers>,
    /// The loops' own lateness.
    pub gauge: Gauge,
    /// Failures by class.
    pub failures: Failures,
    /// What the client itself used.
    pub client: ClientUse,
    /// Mean number of requests under way during measurement, as the loops counted.
    pub in_flight_mean: Option<f64>,
    /// Requests that were due in measurement and never sent.
    pub unsent: u64,
    /// Why it ended before its time.
    pub early_end: Option<EarlyEnd>,
    /// What became of conversations; `None` where each request stands alone.
    pub conversations: Option<ConversationCounts>,
    /// How output tokens of these answers are counted; a run does not count texts itself.
    pub tokens: TokenRule,
}

/// What the client itself used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClientUse {
    /// Loops.
    pub workers: usize,
    /// Largest share of time that a loop was on a processor; `None` where the system does not tell.
    pub busy_share: Option<f64>,
    /// Largest share of time that a loop was ready but without a processor.
    pub wait_share: Option<f64>,
    /// Whether the system tells waits for a processor; where it does not, lags are known in part.
    pub knows_waits: bool,
    /// Processor time of the loops, seconds.
    pub loops_cpu_s: Option<f64>,
    /// Processor time of the whole process during the run, seconds.
    pub cpu_s: Option<f64>,
    /// Connections made.
    pub connections: u64,
    /// Reads from sockets.
    pub reads: u64,
    /// How often a limit on processor time stopped this process.
    pub throttled: Option<Throttling>,
    /// Files that may be open.
    pub open_files_max: Option<u64>,
}

/// Runs a plan; `live` was made for as many loops as the plan has. Blocks until the end.
pub fn run_plan(
    plan: RunPlan,
    source: &Arc<dyn RequestSource>,
    live: &Arc<Live>,
    clock: RunClock,
) -> Result<RunResult, RunError> {
    let open_files_max = raise_open_files();
    let throttled_before = Throttling::read();
    let cpu_before = process_cpu();
    let mut paces = plan.paces;
    let workers = paces.len().max(1);
    let target = Arc::new(plan.target);
    let in_flight_max: usize = paces.iter().map(Pace::in_flight_max).sum();
    make_room_for_files(in_flight_max);
    let mut ahead = made_ahead(&target, &paces, plan.warm_up, live, clock);
    let mut begin_ns = 0;
    if !ahead.is_empty() {
        begin_ns = clock.now_ns();
        paces.iter_mut().for_each(|pace| pace.delay(begin_ns));
    }
    let measured_from_ns = begin_ns.saturating_add(nanoseconds(plan.warm_up));
    let stop_ns = plan
        .duration
        .map(|duration| measured_from_ns.saturating_add(nanoseconds(duration)));
    let mut threads = Vec::with_capacity(workers);
    for (index, pace) in paces.into_iter().take(WORKERS_MAX).enumerate() {
        let own = pace.in_flight_max().min(ahead.len());
        let plan = WorkerPlan {
            index: u16::try_from(index).unwrap_or(u16::MAX),
            clock,
            target: Arc::clone(&target),
            source: Arc::clone(source),
            pace,
            ahead: ahead.split_off(ahead.len() - own),
            measured_from_ns,
            stop_ns,
            drain: plan.drain,
            gaps_max: GAPS_MAX / workers as u64,
            records_max: RECORDS_MAX / workers,
            answers_bytes_max: source.answers_bytes_max() / workers as u64,
            talks: Talks::for_one_of(workers),
            live: Arc::clone(live),
        };
        let thread = thread::Builder::new()
            .name(format!("load-{index}"))
            .spawn(move || run(plan))?;
        threads.push(thread);
    }
    let mut reports = Vec::with_capacity(threads.len());
    for thread in threads {
        reports.push(thread.join().map_err(|_| RunError::Lost)??);
    }
    let mut result = gather(reports, measured_from_ns, stop_ns);
    result.early_end = live.early_end();
    result.recording.is_abandoned = live.is_abandoned();
    result.recording.unsent = result.unsent;
    if source.dialogues().is_none() {
        result.conversations = None;
    }
    let client = &mut result.client;
    client.open_files_max = open_files_max;
    client.throttled = Throttling::read()
        .zip(throttled_before)
        .map(|(now, before)| now.since(before));
    client.cpu_s = process_cpu()
        .zip(cpu_before)
        .map(|(now, before)| now.saturating_sub(before).as_secs_f64());
    Ok(result)
}

/// The connections of a closed loop; none for an open one, which makes them as it needs them, where every request is to make
/// its own, and with TLS, whose handshake would be left to be done.
fn made_ahead(
    target: &Target,
    paces: &[Pace],
    warm_up: Duration,
    live: &Live,
    clock: RunClock,
) -> Vec<Ahead> {
    let is_closed = paces.iter().all(|pace| matches!(pace, Pace::Closed { .. }));
    let Some(address) = target
        .addresses
        .first()
        .filter(|_| is_closed && !target.is_cold && target.tls.is_none())
    else {
        return Vec::new();
    };
    let users: usize = paces.iter().map(Pace::in_flight_max).sum();
    // Fewer requests than users need fewer connections; those of a warm-up are not counted beforehand.
    let needed = if warm_up.is_zero() {
        usize::try_from(live.requests_max()).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    connect_ahead(*address, users.min(needed), clock)
}

#[expect(clippy::cast_precision_loss, reason = "shares of times")]
fn gather(reports: Vec<WorkerReport>, measured_from_ns: u64, stop_ns: Option<u64>) -> RunResult {
    let mut result = RunResult {
        recording: Recording {
            measured_from_ns,
            ..Recording::default()
        },
        answers: Vec::with_capacity(reports.len()),
        gauge: Gauge::default(),
        failures: Failures::default(),
        client: ClientUse {
            workers: reports.len(),
            knows_waits: reports.iter().all(|report| report.knows_waits),
            ..ClientUse::default()
        },
        in_flight_mean: None,
        unsent: 0,
        early_end: None,
        conversations: None,
        tokens: TokenRule::default(),
    };
    let mut conversations = ConversationCounts::default();
    let mut in_flight_ns = 0;
    for report in reports {
        result.recording.ended_ns = result.recording.ended_ns.max(report.ended_ns);
        result.gauge.merge(&report.gauge);
        result.failures.merge(report.failures);
        result.unsent += report.unsent;
        conversations.merge(report.conversations);
        in_flight_ns += report.in_flight_ns;
        let client = &mut result.client;
        client.connections += report.connections;
        client.reads += report.reads;
        if let Some(times) = report.times.filter(|_| report.wall_ns > 0) {
            let wall = report.wall_ns as f64;
            let larger =
                |old: Option<f64>, new: f64| Some(old.map_or(new, |old| if new > old { new } else { old }));
            client.busy_share = larger(client.busy_share, times.run_ns as f64 / wall);
            client.wait_share = larger(client.wait_share, times.wait_ns as f64 / wall);
            client.loops_cpu_s = Some(client.loops_cpu_s.unwrap_or(0.0) + times.run_ns as f64 / 1e9);
        }
        result.recording.workers.push(report.recording);
        result.answers.push(report.answers);
    }
    result.conversations = Some(conversations);
    let recording = &mut result.recording;
    // A run that was cut short measured until then, and one that counts requests until the last of them ended.
    let planned_ns = stop_ns.unwrap_or(recording.ended_ns);
    recording.measured_to_ns = planned_ns.min(recording.ended_ns).max(measured_from_ns);
    let length_ns = recording.measured_to_ns - measured_from_ns;
    result.in_flight_mean = (length_ns > 0).then(|| in_flight_ns as f64 / length_ns as f64);
    result
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "session_dialogue_tests.rs"]
mod dialogue_tests;
