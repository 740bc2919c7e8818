//! The search for the largest load, carried out: each probe is a run that ends as soon as its sequential test has decided.
//! Apart from the search, which is pure, and from the session, which knows nothing of objectives.

use crate::arrivals::{ArrivalPlan, Scatter};
use crate::clock::RunClock;
use crate::definitions::Definition;
use crate::live::{EarlyEnd, Failures, Live, LiveCounts, RequestWatch};
use crate::metrics::TokenRule;
use crate::pace::{Arrival, Pace};
use crate::record::{Outcome, RequestRecord};
use crate::search::{LoadKind, ProbeOutcome, ProbePlan, ProbeWatch, Search, SearchPlan, SearchResult, Step};
use crate::session::{RunError, RunPlan, RunResult, run_plan};
use crate::slo::Objectives;
use crate::target::{RequestSource, Target};
use order::{Judged, Order};
use seatrial_types::CallErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

mod order;

/// Requests in flight are looked at after so many have ended.
const IN_FLIGHT_EVERY: u64 = 20;
/// This client's own lateness (p99 of sending and reading) may be this share of the tightest limit; beyond it a probe says
/// nothing of the endpoint.
const OWN_LAG_SHARE_MAX: f64 = 0.2;
/// Failures of one probe without a single success that are no accident.
const FAILURES_MIN: u64 = 20;
/// Probes in a row without a single success after which load is not what is wrong.
const HOPELESS_PROBES_MAX: usize = 3;
/// A closed loop is counted once so large a share of its users is under way at once: one of them may be between two
/// requests.
const USERS_SHARE_MIN: f64 = 0.95;
/// Users of a closed loop start within this share of the longest probe, and at most a millisecond apart.
const RAMP_SHARE: f64 = 0.25;
/// What is cut off at the end without a first token had hung if it waited this many times the largest limit, and so many
/// seconds.
const HUNG_LIMITS: f64 = 20.0;
const HUNG_S: f64 = 10.0;

/// What is to be found.
pub struct FindPlan {
    /// Where requests go.
    pub target: Target,
    /// What they are.
    pub source: Arc<dyn RequestSource>,
    /// What a good request is.
    pub objectives: Objectives,
    /// Rate or concurrency, and how exactly.
    pub search: SearchPlan,
    /// How arrivals scatter in a search for a rate.
    pub scatter: Scatter,
    /// The name of arrivals; each probe has its own.
    pub seed: u64,
    /// Loops.
    pub workers: usize,
    /// Most requests under way in a search for a rate.
    pub in_flight_max: usize,
    /// Longest probe.
    pub probe_time_max: Duration,
}

/// One probe as it was carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundProbe {
    /// What it showed.
    pub outcome: ProbeOutcome,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// This client's own lateness, p99 of sending and of reading, in milliseconds.
    pub own_lag_ms: f64,
    /// Requests that were answered.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// How a search went.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it found; of an unfinished search, what it knew.
    pub result: Option<SearchResult>,
    /// Every probe in order.
    pub probes: Vec<FoundProbe>,
    /// The load at which this client was too late itself, or did not have so many requests under way as there were
    /// users; the search ended there.
    pub saturated_at: Option<f64>,
    /// How requests of the last probe failed, where no request of any probe was answered.
    pub failures: Option<Failures>,
    /// Whether somebody ended it.
    pub is_interrupted: bool,
}

/// Carries out a search. `begin` is told of each probe before it starts, with what can stop it; `end` after it.
///
/// # Errors
/// A run that did not come about.
pub fn find(
    plan: &FindPlan,
    begin: &mut dyn FnMut(&ProbePlan, &Arc<Live>),
    end: &mut dyn FnMut(&FoundProbe, &Search),
) -> Result<Found, RunError> {
    let mut search = Search::new(plan.search.clone());
    let mut found = Found {
        result: None,
        probes: Vec::new(),
        saturated_at: None,
        failures: None,
        is_interrupted: false,
    };
    let mut hopeless = 0;
    loop {
        let probe = match search.step() {
            Step::Done(result) => {
                found.result = Some(result);
                return Ok(found);
            }
            Step::Probe(probe) => probe,
        };
        let paces = paces(plan, &probe);
        // How many failures without a success end a probe depends on the users; an open loop has none.
        let users = match plan.search.kind {
            LoadKind::Rate => 1,
            LoadKind::Concurrency => probe.load as u64,
        };
        let watched = Arc::new(Watched::new(plan, search.watch(), users));
        let live = Arc::new(Live::watched(
            paces.len(),
            users,
            Arc::clone(&watched) as Arc<dyn RequestWatch>,
        ));
        begin(&probe, &live);
        let clock = RunClock::start();
        let run = run_plan(
            RunPlan {
                target: plan.target.clone(),
                paces,
                warm_up: Duration::ZERO,
                duration: Some(plan.probe_time_max),
                drain: drain(&plan.objectives),
            },
            &plan.source,
            &live,
            clock,
        )?;
        let seconds = clock.now_ns() as f64 / 1e9;
        let counts = live.counts();
        let taken = FoundProbe {
            outcome: watched.outcome(&run, counts.started),
            seconds,
            own_lag_ms: own_lag(&run),
            ok: counts.ok,
            failed: counts.failed,
        };
        found.probes.push(taken);
        if live.early_end() == Some(EarlyEnd::Interrupted) {
            found.is_interrupted = true;
            found.result = Some(search.so_far());
            return Ok(found);
        }
        let is_late = taken.own_lag_ms > OWN_LAG_SHARE_MAX * plan.objectives.tightest_ms();
        if is_late || (taken.ok > 0 && !watched.is_loaded()) {
            found.saturated_at = Some(probe.load);
            found.result = Some(search.so_far());
            return Ok(found);
        }
        search.observe(taken.outcome);
        end(&taken, &search);
        let nothing_works = found.probes.iter().all(|probe| probe.ok == 0);
        found.failures = (nothing_works && taken.failed > 0).then(|| run.failures.clone());
        if nothing_works && taken.failed >= FAILURES_MIN {
            hopeless += 1;
            let blames_load = run.failures.iter().any(|(kind, ..)| is_of_load(kind));
            if !blames_load || hopeless >= HOPELESS_PROBES_MAX {
                found.result = Some(search.so_far());
                return Ok(found);
            }
        }
    }
}

fn own_lag(run: &RunResult) -> f64 {
    let p99 = |histogram: &crate::gauge::TimeHistogram| histogram.quantile_ms(0.99).unwrap_or(0.0);
    p99(&run.gauge.send_lag) + p99(&run.gauge.read_lag)
}

/// Whether less load may mend such a failure.
const fn is_of_load(kind: CallErrorKind) -> bool {
    matches!(
        kind,
        CallErrorKind::RateLimited
            | CallErrorKind::Server
            | CallErrorKind::Reset
            | CallErrorKind::Truncated
            | CallErrorKind::Timeout
    )
}

/// Requests under way at the end are waited for until they must have missed.
fn drain(objectives: &Objectives) -> Duration {
    let longest = objectives
        .terms()
        .iter()
        .map(|term| term.limit_ms)
        .fold(0.0, f64::max);
    Duration::from_secs_f64((longest / 1e3).clamp(1.0, 60.0))
}

fn paces(plan: &FindPlan, probe: &ProbePlan) -> Vec<Pace> {
    match plan.search.kind {
        LoadKind::Concurrency => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the search keeps it between 1 and 100,000"
            )]
            let users = probe.load as usize;
            let workers = plan.workers.clamp(1, users.max(1));
            // A millisecond apart: a burst of connections is not what users do.
            let ramp_ns = plan.probe_time_max.mul_f64(RAMP_SHARE).as_nanos() as u64;
            let apart_ns = (ramp_ns / users.max(1) as u64).min(1_000_000);
            let start_ns = |user: usize| user as u64 * apart_ns;
            (0..workers)
                .map(|worker| Pace::Closed {
                    starts_ns: (worker..users).step_by(workers).map(start_ns).collect(),
                })
                .collect()
        }
        LoadKind::Rate => {
            let seed = plan.seed.wrapping_add(probe.index as u64);
            let workers = plan.workers.max(1);
            (0..workers)
                .map(|worker| {
                    let arrivals = ArrivalPlan::flat(probe.load, plan.scatter, seed);
                    let arrivals = arrivals.into_iter().flat_map(|plan| plan.arrivals()).zip(0..);
                    let own = arrivals
                        .map(|(intended_ns, number)| Arrival { intended_ns, number })
                        .skip(worker)
                        .step_by(workers);
                    Pace::Open {
                        arrivals: Box::new(own),
                        in_flight_max: plan.in_flight_max.div_ceil(workers),
                    }
                })
                .collect()
        }
    }
}

/// The sequential test of a probe, fed by the loops.
#[derive(Debug)]
struct Watched {
    state: Mutex<State>,
    objectives: Objectives,
    kind: LoadKind,
}

#[derive(Debug)]
struct State {
    watch: ProbeWatch,
    order: Order,
    /// Requests under way.
    in_flight: u64,
    /// From so many on a closed loop is under its load.
    loaded_at: u64,
    /// Since when it is; requests intended before do not count.
    loaded_since_ns: Option<u64>,
}

impl State {
    fn push(&mut self, released: &[Judged]) -> bool {
        for judged in released {
            let _ = self.watch.push(&judged.met, judged.strain);
        }
        self.watch.verdict().is_some()
    }
}

impl Watched {
    fn new(plan: &FindPlan, watch: ProbeWatch, users: u64) -> Self {
        let is_open = plan.search.kind == LoadKind::Rate;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of at most 100,000 users"
        )]
        let loaded_at = (users as f64 * USERS_SHARE_MIN).ceil() as u64;
        Self {
            state: Mutex::new(State {
                watch,
                order: Order::new(hopeless_ns(plan), plan.objectives.shares().len()),
                in_flight: 0,
                loaded_at,
                loaded_since_ns: is_open.then_some(0),
            }),
            objectives: plan.objectives.clone(),
            kind: plan.search.kind,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the load that was asked for was there.
    fn is_loaded(&self) -> bool {
        self.state().loaded_since_ns.is_some()
    }

    fn judge(&self, record: &RequestRecord) -> Option<Judged> {
        let tokens = TokenRule::default().of(record);
        let met = self.objectives.met(record, tokens).or_else(|| {
            let waited_ms = crate::definitions::ms(record.end_ns.saturating_sub(record.intended_ns));
            let largest = self.objectives.terms().iter().map(|term| term.limit_ms);
            let hung_ms = (HUNG_LIMITS * largest.fold(0.0, f64::max)).max(HUNG_S * 1e3);
            let is_hung =
                record.outcome == Outcome::CutOff && record.first_token_ns.is_none() && waited_ms >= hung_ms;
            is_hung.then(|| vec![false; self.objectives.shares().len()])
        })?;
        let strain = self.objectives.strain(record, tokens);
        Some(Judged { met, strain })
    }

    /// Takes a request that ended. Whether enough has been seen.
    fn push(&self, record: &RequestRecord, now_ns: u64) -> bool {
        let judged = self.judge(record);
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        let counts = state
            .loaded_since_ns
            .is_some_and(|since| record.intended_ns >= since);
        let released = state
            .order
            .ended(record.intended_ns, judged.filter(|_| counts), now_ns);
        // What was given up while the loop was filling is no miss under its load.
        state.loaded_since_ns.is_some() && state.push(&released)
    }

    /// What the probe showed. What was cut off at the end and had missed already counts where nothing was decided before.
    fn outcome(&self, run: &RunResult, started: u64) -> ProbeOutcome {
        if self.state().watch.verdict().is_none() {
            let requests = run.recording.requests();
            let cut_off = requests.filter(|record| record.outcome == Outcome::CutOff);
            let mut cut_off: Vec<&RequestRecord> = cut_off.collect();
            cut_off.sort_unstable_by_key(|record| record.intended_ns);
            for record in cut_off {
                self.push(record, record.end_ns);
            }
        }
        let mut state = self.state();
        state.watch.look();
        state.watch.finish(started)
    }
}

/// Age beyond which a request under way cannot be good any more: the smallest limit on whole answers; without one nobody
/// can tell before the time for a request is over.
fn hopeless_ns(plan: &FindPlan) -> u64 {
    let terms = plan.objectives.terms().iter();
    let whole = terms.filter(|term| matches!(term.definition, Definition::E2e | Definition::E2eSched));
    let smallest_ms = whole.map(|term| term.limit_ms).reduce(f64::min);
    let timeout_ns = crate::clock::nanoseconds(plan.target.timeout);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates, and limits are positive"
    )]
    smallest_ms.map_or(timeout_ns, |ms| ((ms * 1e6) as u64).min(timeout_ns))
}

impl RequestWatch for Watched {
    fn began(&self, intended_ns: u64) {
        let mut state = self.state();
        state.in_flight += 1;
        state.order.began(intended_ns);
        if state.loaded_since_ns.is_none() && state.in_flight >= state.loaded_at {
            state.loaded_since_ns = Some(intended_ns);
        }
    }

    fn ended(&self, record: &RequestRecord, counts: LiveCounts) -> bool {
        let mut is_enough = self.push(record, record.end_ns);
        // Users who start one after the other always grow; above capacity only arrivals that nobody waits for do.
        if self.kind == LoadKind::Rate && (counts.ok + counts.failed).is_multiple_of(IN_FLIGHT_EVERY) {
            let mut state = self.state();
            let verdict = state.watch.push_in_flight(counts.in_flight(), counts.started);
            is_enough |= verdict.is_some();
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::AnswerForm;
    use crate::search::{ProbeVerdict, SearchEnd};
    use crate::target::FixedRequests;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};

    const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}";
    const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    const BAD: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";

    /// A server that gives one answer to everything, for as long as the process lives.
    fn serve(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let mut tcp = tcp.unwrap();
                std::thread::spawn(move || {
                    let mut request = vec![0; REQUEST.len()];
                    while tcp.read_exact(&mut request).is_ok() && tcp.write_all(answer.as_bytes()).is_ok() {}
                });
            }
        });
        address
    }

    /// A server that answers nothing on every tenth request, and keeps that connection open.
    fn serve_and_hang() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let seen = Arc::new(std::sync::atomic::AtomicU64::new(0));
            let mut hung = Vec::new();
            for tcp in listener.incoming() {
                let mut tcp = tcp.unwrap();
                hung.push(tcp.try_clone().unwrap());
                let seen = Arc::clone(&seen);
                std::thread::spawn(move || {
                    let mut request = vec![0; REQUEST.len()];
                    while tcp.read_exact(&mut request).is_ok() {
                        let number = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if number % 10 == 9 || tcp.write_all(GOOD.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn found(answer: &'static str, kind: LoadKind) -> Found {
        found_at(serve(answer), kind, "e2e_p99<5m", 1.0)
    }

    fn found_at(address: SocketAddr, kind: LoadKind, slo: &str, load_min: f64) -> Found {
        let plan = FindPlan {
            target: Target {
                addresses: vec![address],
                tls: None,
                form: AnswerForm::Any,
                timeout: Duration::from_secs(20),
                is_cold: false,
            },
            source: Arc::new(FixedRequests::new(vec![REQUEST.into()])),
            objectives: Objectives::parse(slo).unwrap(),
            search: SearchPlan {
                load_min,
                load_max: if kind == LoadKind::Rate { 4_000.0 } else { 8.0 },
                ..SearchPlan::new(kind, if kind == LoadKind::Rate { 1_000.0 } else { 2.0 }, &[0.99])
            },
            scatter: Scatter::Poisson,
            seed: 1,
            workers: 1,
            in_flight_max: 64,
            probe_time_max: Duration::from_secs(60),
        };
        let mut begun = 0;
        let found = find(&plan, &mut |_, _| begun += 1, &mut |_, _| {}).unwrap();
        assert_eq!(begun, found.probes.len());
        found
    }

    /// Protects: a probe ends as soon as it is decided, in both loops; an endpoint that bears everything is told so.
    #[test]
    fn everything_passes() {
        for kind in [LoadKind::Concurrency, LoadKind::Rate] {
            let found = found(GOOD, kind);
            let result = found.result.unwrap();
            assert_eq!(result.end, SearchEnd::NothingFails, "{result:?}");
            assert!(
                found
                    .probes
                    .iter()
                    .all(|probe| probe.outcome.verdict == ProbeVerdict::Pass)
            );
            // Nothing like the minute that a probe may take.
            assert!(found.probes.iter().all(|probe| probe.outcome.n < 6_000));
        }
    }

    /// Protects: failures are misses: an endpoint that only fails passes nothing, and the search ends.
    #[test]
    fn nothing_passes() {
        let found = found(BAD, LoadKind::Concurrency);
        let result = found.result.unwrap();
        assert_eq!((result.end, result.load), (SearchEnd::NothingPasses, None));
        let failures = found.failures.unwrap();
        assert_eq!(
            failures.iter().next().map(|(kind, ..)| kind),
            Some(CallErrorKind::Server)
        );
        assert!(
            found
                .probes
                .iter()
                .all(|probe| probe.outcome.verdict == ProbeVerdict::Fail)
        );
    }

    /// Protects: requests that never end are misses at every rate, although the ninety others in a hundred are fast.
    #[test]
    fn who_hangs_has_missed() {
        let found = found_at(serve_and_hang(), LoadKind::Rate, "e2e_p99<200ms", 500.0);
        let result = found.result.unwrap();
        assert_eq!(
            (result.end, result.load),
            (SearchEnd::NothingPasses, None),
            "{:?}",
            found.probes
        );
        assert!(found.failures.is_none());
        assert!(
            found.probes.iter().all(|probe| probe.outcome.misses > 0),
            "{:?}",
            found.probes
        );
    }

    /// Protects an endpoint behind a wrong key or address from being asked for a minute at ever smaller loads.
    #[test]
    fn a_refusal_ends_the_search() {
        const REFUSED: &str = "HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n";
        let found = found_at(serve(REFUSED), LoadKind::Rate, "e2e_p99<5m", 1.0);
        assert_eq!(found.probes.len(), 1);
        let failures = found.failures.unwrap();
        assert_eq!(
            failures.iter().next().map(|(kind, ..)| kind),
            Some(CallErrorKind::Auth)
        );
    }
}
