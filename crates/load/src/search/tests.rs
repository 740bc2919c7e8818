//! The search in virtual time: a queue whose capacity is known in closed form.

use super::*;
use crate::arrivals::{ArrivalPlan, Scatter};
use crate::draws::{Purpose, exponential, stream};
use rand::RngExt;

/// Requests that the usual bisection does not count at the beginning of a probe.
const WARM_UP: u64 = 150;

/// One server, exponential service, Poisson arrivals, first come first served: time in system is exponential with rate
/// μ − λ, so P(time > limit) = exp(−(μ − λ) limit).
struct Queue {
    service_per_s: f64,
    limit_s: f64,
}

impl Queue {
    /// The largest rate at which 99 % stay within the limit.
    fn capacity(&self) -> f64 {
        self.service_per_s - 100f64.ln() / self.limit_s
    }

    /// Time over limit of successive requests, with requests in flight when each arrives.
    fn requests(&self, rate: f64, seed: u64) -> impl Iterator<Item = (f64, u64)> {
        let mut services = stream(seed, Purpose::Choice, 1);
        let arrivals = ArrivalPlan::flat(rate, Scatter::Poisson, seed)
            .unwrap()
            .arrivals();
        let mut free_at = 0.0f64;
        let mut ends = std::collections::VecDeque::new();
        let (mu, limit) = (self.service_per_s, self.limit_s);
        arrivals.map(move |at| {
            let at = at as f64 / 1e9;
            free_at = free_at.max(at) + exponential(&mut services) / mu;
            ends.push_back(free_at);
            while ends.front().is_some_and(|end| *end <= at) {
                ends.pop_front();
            }
            ((free_at - at) / limit, ends.len() as u64)
        })
    }

    fn probe(&self, search: &Search, load: f64, seed: u64) -> ProbeOutcome {
        let mut watch = search.watch();
        let mut sent = 0;
        for (strain, in_flight) in self.requests(load, seed) {
            sent += 1;
            let grown = if sent % 20 == 0 {
                watch.push_in_flight(in_flight, sent)
            } else {
                None
            };
            if grown.or(watch.push(&[strain <= 1.0], strain)).is_some() {
                break;
            }
        }
        watch.finish(sent)
    }

    fn search(&self, start: f64, seed: u64) -> SearchResult {
        let mut search = Search::new(SearchPlan::new(LoadKind::Rate, start, &[0.99]));
        loop {
            match search.step() {
                Step::Done(result) => return result,
                Step::Probe(probe) => {
                    let outcome = self.probe(&search, probe.load, seed * 1_000 + probe.index as u64);
                    search.observe(outcome);
                }
            }
        }
    }

    /// What is usual: doubling, then bisection until the bracket is 5 % wide, every probe of one length, judged by its
    /// share alone. Result and requests.
    fn bisection(&self, start: f64, seed: u64, length: u64) -> (f64, u64) {
        let (mut low, mut high) = (start, None::<f64>);
        let mut requests = 0;
        for index in 0..60 {
            let load = high.map_or(low * 2.0, |high| 0.5 * (low + high));
            let probe = self
                .requests(load, seed * 1_000 + index)
                .take((WARM_UP + length) as usize);
            let misses = probe
                .skip(WARM_UP as usize)
                .filter(|(strain, _)| *strain > 1.0)
                .count();
            requests += WARM_UP + length;
            if misses as f64 <= 0.01 * length as f64 {
                low = load;
            } else {
                high = Some(load);
            }
            if high.is_some_and(|high| high - low <= 0.05 * low) {
                break;
            }
        }
        (0.5 * (low + high.unwrap_or(low)), requests)
    }
}

const QUEUES: [Queue; 3] = [
    Queue {
        service_per_s: 100.0,
        limit_s: 0.2,
    },
    Queue {
        service_per_s: 100.0,
        limit_s: 0.15,
    },
    Queue {
        service_per_s: 1_000.0,
        limit_s: 0.02,
    },
];

/// Protects the promise of the search: within 5 % of a known capacity in at least 18 of 20 seeds, with fewer requests than
/// bisection with probes of a fixed length that are long enough for the same.
#[test]
fn finds_a_known_capacity_with_fewer_requests_than_bisection() {
    let (mut ours, mut theirs) = (0, 0);
    for queue in QUEUES {
        let truth = queue.capacity();
        let start = truth / 9.0;
        let is_near = |load: f64| (load / truth - 1.0).abs() <= 0.05;
        let (mut near, mut covered, mut requests) = (0, 0, 0);
        for seed in 0..20 {
            let result = queue.search(start, seed);
            let load = result.load.unwrap();
            near += u32::from(is_near(load));
            covered += u32::from(result.low.unwrap() <= truth && truth <= result.high.unwrap());
            requests += result.requests;
        }
        let mut usual = u64::MAX;
        for length in [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000] {
            let (mut hits, mut sum) = (0, 0);
            for seed in 0..20 {
                let (load, requests) = queue.bisection(start, seed, length);
                hits += u32::from(is_near(load));
                sum += requests;
            }
            if hits >= 18 {
                usual = sum;
                break;
            }
        }
        println!("{near} near, {covered} covered, {requests} against {usual}");
        assert!(near >= 18, "{truth}: {near} of 20");
        assert!(covered >= 17, "{truth}: {covered} of 20 intervals hold the truth");
        ours += requests;
        theirs += usual;
    }
    assert!(ours < theirs, "{ours} requests against {theirs}");
}

fn outcome(load: f64, verdict: ProbeVerdict) -> ProbeOutcome {
    let misses = match verdict {
        ProbeVerdict::Pass => 0,
        ProbeVerdict::Fail => 100,
        ProbeVerdict::Undecided => 4,
    };
    ProbeOutcome {
        load,
        verdict,
        share: 0.99,
        misses,
        n: 400,
        clumping: 1.0,
        is_growing: false,
        requests: 500,
    }
}

fn drive(plan: SearchPlan, verdict: impl Fn(f64) -> ProbeVerdict) -> (SearchResult, Vec<f64>) {
    let mut search = Search::new(plan);
    let mut loads = Vec::new();
    loop {
        match search.step() {
            Step::Done(result) => return (result, loads),
            Step::Probe(probe) => {
                assert_eq!(probe.index, loads.len());
                loads.push(probe.load);
                search.observe(outcome(probe.load, verdict(probe.load)));
            }
        }
    }
}

/// Protects: a search ends whatever probes say, and says why.
#[test]
fn every_end() {
    let plan = SearchPlan::new(LoadKind::Concurrency, 4.0, &[0.99]);
    let (result, loads) = drive(plan.clone(), |_| ProbeVerdict::Pass);
    assert_eq!(
        (result.end, result.load, result.high),
        (SearchEnd::NothingFails, Some(1e5), None)
    );
    assert!(loads.windows(2).all(|pair| pair[0] < pair[1]));

    let (result, loads) = drive(plan.clone(), |_| ProbeVerdict::Fail);
    assert_eq!((result.end, result.load), (SearchEnd::NothingPasses, None));
    assert_eq!(loads, [4.0, 2.0, 1.0]);

    // Nothing is decided: the load goes up step by step and never by a leap.
    let (result, loads) = drive(plan.clone(), |_| ProbeVerdict::Undecided);
    assert_eq!((result.end, result.passed), (SearchEnd::NothingFails, None));
    assert!(loads.windows(2).all(|pair| pair[1] <= 2.0 * pair[0]), "{loads:?}");

    let sharp = |load: f64| {
        if load <= 37.0 {
            ProbeVerdict::Pass
        } else {
            ProbeVerdict::Fail
        }
    };
    let (result, loads) = drive(plan.clone(), sharp);
    assert_eq!(result.end, SearchEnd::Resolved, "{result:?}");
    assert!(
        (35.0..=40.0).contains(&result.load.unwrap()),
        "{result:?} {loads:?}"
    );
    assert!(loads.iter().all(|load| load.fract() == 0.0));

    let (result, _) = drive(
        SearchPlan {
            probes_max: 3,
            ..plan
        },
        sharp,
    );
    assert_eq!((result.end, result.requests), (SearchEnd::ProbesSpent, 1_500));
}

/// Protects: a probe at a clear load is short, whichever way it goes; what is on the boundary costs its budget; an
/// ever-growing queue ends a probe before its latencies show it.
#[test]
fn clear_probes_are_short() {
    let search = Search::new(SearchPlan::new(LoadKind::Rate, 10.0, &[0.99, 0.9]));
    let run = |met: &dyn Fn(u64) -> [bool; 2]| {
        let mut watch = search.watch();
        let mut draws = stream(1, Purpose::Choice, 9);
        for i in 0..20_000 {
            if let Some(verdict) = watch.push(&met(i), draws.random()) {
                return (verdict, watch.finish(i + 1));
            }
        }
        panic!("no verdict")
    };
    let (verdict, outcome) = run(&|_| [true, true]);
    assert!(verdict == ProbeVerdict::Pass && outcome.n < 500, "{outcome:?}");
    let (verdict, outcome) = run(&|i| [i % 3 != 0, true]);
    assert!(
        verdict == ProbeVerdict::Fail && outcome.n < 100 && outcome.share == 0.99,
        "{outcome:?}"
    );
    let (verdict, outcome) = run(&|i| [true, i % 3 != 0]);
    assert!(
        verdict == ProbeVerdict::Fail && outcome.share == 0.9,
        "{outcome:?}"
    );
    let (verdict, outcome) = run(&|i| [i % 56 != 0, true]);
    assert!(
        verdict == ProbeVerdict::Undecided && outcome.n == 4_800,
        "{outcome:?}"
    );

    let mut watch = search.watch();
    let verdict = (0..100).find_map(|i| watch.push_in_flight(i * 10, i * 20));
    assert_eq!(verdict, Some(ProbeVerdict::Fail));
    assert!(watch.finish(1).is_growing);
    let mut watch = search.watch();
    let verdict = (0..1_000).find_map(|i| watch.push_in_flight(50 + i % 7, i * 20));
    assert_eq!(verdict, None);
}

/// Protects endpoints and clients from a flood: once loads have passed and failed, nothing far above the smallest that failed
/// is sent, however long the upper tail of belief; and a search that is stopped tells what it knew.
#[test]
fn nothing_far_above_a_failure_is_sent() {
    for kind in [LoadKind::Rate, LoadKind::Concurrency] {
        let mut search = Search::new(SearchPlan::new(kind, 40.0, &[0.99]));
        let mut failed = f64::INFINITY;
        for _ in 0..30 {
            let Step::Probe(probe) = search.step() else { break };
            assert!(
                probe.load <= CEILING * failed,
                "{} far above {failed}",
                probe.load
            );
            // As a server does that bears 250, with a sharp edge.
            let verdict = if probe.load <= 250.0 {
                ProbeVerdict::Pass
            } else {
                failed = failed.min(probe.load);
                ProbeVerdict::Fail
            };
            search.observe(ProbeOutcome {
                load: probe.load,
                verdict,
                share: 0.99,
                misses: if verdict == ProbeVerdict::Pass { 0 } else { 40 },
                n: 200,
                clumping: 1.0,
                is_growing: false,
                requests: 250,
            });
        }
        let known = search.so_far();
        assert!(
            known.passed.unwrap() <= 250.0 && known.failed.unwrap() > 250.0,
            "{known:?}"
        );
    }
    let mut search = Search::new(SearchPlan::new(LoadKind::Rate, 40.0, &[0.99]));
    assert_eq!(search.so_far().end, SearchEnd::Stopped);
    search.observe(ProbeOutcome {
        load: 40.0,
        verdict: ProbeVerdict::Pass,
        share: 0.99,
        misses: 0,
        n: 200,
        clumping: 1.0,
        is_growing: false,
        requests: 250,
    });
    let known = search.so_far();
    assert_eq!(
        (known.end, known.load, known.low, known.high),
        (SearchEnd::Stopped, None, Some(40.0), None)
    );
}
