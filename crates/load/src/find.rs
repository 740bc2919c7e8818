//! The search for the largest load, carried out: each probe is a run that ends as soon as its sequential test has decided.
//! Apart from the search, which is pure, and from the session, which knows nothing of objectives.

use crate::arrivals::{ArrivalPlan, Scatter};
use crate::clock::RunClock;
use crate::live::{EarlyEnd, Live, LiveCounts, RequestWatch};
use crate::metrics::TokenRule;
use crate::pace::{Arrival, Pace};
use crate::record::RequestRecord;
use crate::search::{LoadKind, ProbeOutcome, ProbePlan, ProbeWatch, Search, SearchPlan, SearchResult, Step};
use crate::session::{RunError, RunPlan, RunResult, run_plan};
use crate::slo::Objectives;
use crate::target::{RequestSource, Target};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Requests in flight are looked at after so many have ended.
const IN_FLIGHT_EVERY: u64 = 20;
/// This client's own lateness (p99 of sending and reading) may be this share of the tightest limit; beyond it a probe says
/// nothing of the endpoint.
const OWN_LAG_SHARE_MAX: f64 = 0.2;

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
}

/// How a search went.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it found; of an unfinished search, what it knew.
    pub result: Option<SearchResult>,
    /// Every probe in order.
    pub probes: Vec<FoundProbe>,
    /// The load at which this client was too late itself; the search ended there.
    pub saturated_at: Option<f64>,
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
        is_interrupted: false,
    };
    loop {
        let probe = match search.step() {
            Step::Done(result) => {
                found.result = Some(result);
                return Ok(found);
            }
            Step::Probe(probe) => probe,
        };
        let watched = Arc::new(Watched {
            watch: Mutex::new(search.watch()),
            objectives: plan.objectives.clone(),
        });
        let paces = paces(plan, &probe);
        let users = match plan.search.kind {
            LoadKind::Rate => plan.in_flight_max as u64,
            LoadKind::Concurrency => probe.load as u64,
        };
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
        let taken = FoundProbe {
            outcome: watched.outcome(&run, live.counts().started),
            seconds,
            own_lag_ms: own_lag(&run),
        };
        found.probes.push(taken);
        if live.early_end() == Some(EarlyEnd::Interrupted) {
            found.is_interrupted = true;
            found.result = Some(search.so_far());
            return Ok(found);
        }
        if taken.own_lag_ms > OWN_LAG_SHARE_MAX * plan.objectives.tightest_ms() {
            found.saturated_at = Some(probe.load);
            found.result = Some(search.so_far());
            return Ok(found);
        }
        search.observe(taken.outcome);
        end(&taken, &search);
    }
}

fn own_lag(run: &RunResult) -> f64 {
    let p99 = |histogram: &crate::gauge::TimeHistogram| histogram.quantile_ms(0.99).unwrap_or(0.0);
    p99(&run.gauge.send_lag) + p99(&run.gauge.read_lag)
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
            let start_ns = |user: usize| user as u64 * 1_000_000;
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
    watch: Mutex<ProbeWatch>,
    objectives: Objectives,
}

impl Watched {
    fn push(&self, record: &RequestRecord) -> bool {
        let tokens = TokenRule::default().of(record);
        let Some(met) = self.objectives.met(record, tokens) else {
            return false;
        };
        let strain = self.objectives.strain(record, tokens);
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.push(&met, strain).is_some()
    }

    /// What the probe showed. What was cut off at the end and had missed already counts where nothing was decided before.
    fn outcome(&self, run: &RunResult, started: u64) -> ProbeOutcome {
        let is_decided = || {
            let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.verdict().is_some()
        };
        if !is_decided() {
            for record in run.recording.requests() {
                if record.outcome == crate::record::Outcome::CutOff {
                    self.push(record);
                }
            }
        }
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.look();
        watch.finish(started)
    }
}

impl RequestWatch for Watched {
    fn ended(&self, record: &RequestRecord, counts: LiveCounts) -> bool {
        let mut is_enough = self.push(record);
        if (counts.ok + counts.failed).is_multiple_of(IN_FLIGHT_EVERY) {
            let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            is_enough |= watch.push_in_flight(counts.in_flight(), counts.started).is_some();
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

    fn found(answer: &'static str, kind: LoadKind) -> Found {
        let plan = FindPlan {
            target: Target {
                addresses: vec![serve(answer)],
                tls: None,
                form: AnswerForm::Any,
                timeout: Duration::from_secs(20),
                is_cold: false,
            },
            source: Arc::new(FixedRequests::new(vec![REQUEST.into()])),
            objectives: Objectives::parse("e2e_p99<5m").unwrap(),
            search: SearchPlan {
                load_min: 1.0,
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
        assert!(
            found
                .probes
                .iter()
                .all(|probe| probe.outcome.verdict == ProbeVerdict::Fail)
        );
    }
}
