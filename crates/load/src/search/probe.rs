//! One probe: a sequential test of whether enough requests meet the objectives at one load. Apart because it sees
//! requests one by one, while the search sees probes.
//!
//! Wald's sequential probability ratio test between the allowed share of misses and three times that (0.99 against 0.97
//! for a p99), on counts divided by their design effect; it bounds both errors at every moment at which it may stop.

use crate::series::{Unit, batched_mean};

/// The alternative: this many times the allowed share of misses.
const ALTERNATIVE: f64 = 3.0;
/// Requests before the first look, and between looks at least; later looks are this share of the probe apart.
const CHECK_FIRST: usize = 60;
const CHECK_STEP: usize = 20;
/// Fewest requests that are looked at when a run ends.
const CHECK_LAST: usize = 10;
const CHECK_SHARE: usize = 12;
/// Fewest requests at the beginning that are not counted, where there are twice as many.
const WARM_UP_MIN: usize = 40;
/// Requests of one probe, whatever the plan says.
const REQUESTS_MAX: usize = 10_000_000;
/// One in so many requests is in the tail that is looked at.
const TAIL: usize = 10;
/// A strain beyond this is a failure and says nothing of the tail.
const STRAIN_MAX: f64 = 10.0;
/// Samples of requests in flight in one window of the test for growth.
const GROWTH_SAMPLES: usize = 20;
/// Windows in a row that must show growth.
const GROWTH_WINDOWS: u32 = 3;
/// Growth counts only beyond this many times what chance makes of that many arrivals.
const GROWTH_SIGMAS: f64 = 3.0;

/// What a probe shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// Enough requests meet the objectives.
    Pass,
    /// Not enough do.
    Fail,
    /// The budget was spent first: the load is near the boundary.
    Undecided,
}

/// What a probe showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbeOutcome {
    /// Rate or concurrency that was sent.
    pub load: f64,
    /// Whether it meets the objectives.
    pub verdict: ProbeVerdict,
    /// The share that was asked for, of the terms that came out worst.
    pub share: f64,
    /// Requests that missed those terms.
    pub misses: u64,
    /// Requests counted: all but those at the beginning, in which the queue fills.
    pub n: u64,
    /// The design effect: how many requests are worth one independent one, at least 1.
    pub clumping: f64,
    /// Whether requests in flight did nothing but grow.
    pub is_growing: bool,
    /// Requests sent.
    pub requests: u64,
}

/// The test while it runs.
#[derive(Debug, Clone)]
pub struct ProbeWatch {
    load: f64,
    error: f64,
    n_max: usize,
    groups: Vec<Group>,
    /// Request by request: how near the worst term came to its limit, 1 at it.
    strain: Vec<f32>,
    growth: Growth,
    check_at: usize,
    verdict: Option<ProbeVerdict>,
    clumping_min: f64,
    clumping: f64,
}

/// The terms of one share.
#[derive(Debug, Clone)]
struct Group {
    share: f64,
    /// Misses among the first i requests, for each i.
    misses: Vec<u32>,
}

impl ProbeWatch {
    pub(super) fn new(load: f64, shares: &[f64], error: f64, n_max: u64, clumping_min: f64) -> Self {
        let group = |&share: &f64| Group {
            share,
            misses: vec![0],
        };
        Self {
            load,
            error,
            n_max: usize::try_from(n_max)
                .unwrap_or(usize::MAX)
                .clamp(CHECK_FIRST, REQUESTS_MAX),
            groups: shares.iter().map(group).collect(),
            strain: Vec::new(),
            growth: Growth::default(),
            check_at: CHECK_FIRST,
            verdict: None,
            clumping_min,
            clumping: clumping_min.max(1.0),
        }
    }

    /// Counts a request, in the order in which they were intended. `met` says for each share whether its terms are met;
    /// `strain` is the largest of latency over limit (anything large for a failure). The verdict, once there is one.
    pub fn push(&mut self, met: &[bool], strain: f64) -> Option<ProbeVerdict> {
        if self.verdict.is_some() {
            return self.verdict;
        }
        for (group, met) in self.groups.iter_mut().zip(met) {
            let before = group.misses.last().copied().unwrap_or(0);
            group.misses.push(before + u32::from(!met));
        }
        #[expect(clippy::cast_possible_truncation, reason = "only the order of strains counts")]
        self.strain.push(if strain.is_finite() {
            strain as f32
        } else {
            f32::MAX
        });
        if self.strain.len() >= self.check_at || self.strain.len() >= self.n_max {
            self.check();
        }
        self.verdict
    }

    /// Takes a sample of requests in flight, at even times, with how many have arrived since the probe began. For an
    /// open loop: above capacity the queue only grows, and latencies never settle.
    pub fn push_in_flight(&mut self, in_flight: u64, arrived: u64) -> Option<ProbeVerdict> {
        self.growth.push(in_flight, arrived);
        if self.growth.is_certain() {
            self.verdict = Some(ProbeVerdict::Fail);
        }
        self.verdict
    }

    /// The verdict, once there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<ProbeVerdict> {
        self.verdict
    }

    /// Looks once more at the end of a run that was shorter than the next look.
    pub fn look(&mut self) {
        if self.verdict.is_none() && self.strain.len() >= CHECK_LAST {
            self.check();
        }
    }

    /// Looks at everything so far.
    fn check(&mut self) {
        let n = self.strain.len();
        self.check_at = n + (n / CHECK_SHARE).max(CHECK_STEP);
        let counted = &self.strain[warm_up(n)..];
        let mut sorted = counted.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let (clumping, settled) = dependence(counted, &sorted);
        let clumping = clumping.max(self.clumping_min);
        self.clumping = clumping;
        let threshold = ((1.0 - self.error) / self.error).ln();
        let evidence = |group: &Group| group.evidence(n) / clumping;
        let allowed = self
            .groups
            .iter()
            .map(|group| 1.0 - group.share)
            .fold(1.0, f64::min);
        if self.groups.iter().any(|group| evidence(group) >= threshold) {
            self.verdict = Some(ProbeVerdict::Fail);
        } else if settled
            && self.groups.iter().all(|group| evidence(group) <= -threshold)
            && foretold_misses(&sorted) <= allowed
        {
            // A queue that is still filling looks better than it is: only what has settled may pass.
            self.verdict = Some(ProbeVerdict::Pass);
        } else if n >= self.n_max {
            self.verdict = Some(ProbeVerdict::Undecided);
        }
    }

    /// Ends the probe. `requests` is how many were sent.
    #[must_use]
    pub fn finish(&self, requests: u64) -> ProbeOutcome {
        let n = self.strain.len();
        let worst = self
            .groups
            .iter()
            .max_by(|a, b| a.evidence(n).total_cmp(&b.evidence(n)));
        ProbeOutcome {
            load: self.load,
            verdict: self.verdict.unwrap_or(ProbeVerdict::Undecided),
            share: worst.map_or(0.99, |group| group.share),
            misses: worst.map_or(0, |group| group.counted(n)),
            n: (n - warm_up(n)) as u64,
            clumping: self.clumping,
            is_growing: self.growth.is_certain(),
            requests,
        }
    }
}

/// The design effect of being among the most strained tenth, and whether there are enough requests to tell. Misses
/// themselves are too few to ask.
fn dependence(counted: &[f32], sorted: &[f32]) -> (f64, bool) {
    let limit = sorted[sorted.len() - 1 - sorted.len() / TAIL];
    let units: Vec<Unit> = counted
        .iter()
        .map(|&strain| Unit {
            sum: if strain > limit { 1.0 } else { 0.0 },
            weight: 1.0,
        })
        .collect();
    let Some(batched) = batched_mean(&units) else {
        return (1.0, false);
    };
    let independent = batched.mean * (1.0 - batched.mean) / counted.len() as f64;
    if independent <= 0.0 {
        return (1.0, batched.settled);
    }
    ((batched.se * batched.se / independent).max(1.0), batched.settled)
}

/// The share of requests beyond the limit as the most strained tenth foretells it: exponential beyond its lower edge, as
/// waiting times in queues are. Where misses are still to come, they show here first.
fn foretold_misses(sorted: &[f32]) -> f64 {
    let tail = &sorted[sorted.len() - 1 - sorted.len() / TAIL..];
    let edge = f64::from(tail[0]);
    let n = (tail.len() - 1).max(1) as f64;
    let excess = tail
        .iter()
        .map(|&strain| f64::from(strain).min(STRAIN_MAX) - edge)
        .sum::<f64>()
        / n;
    let share = n / sorted.len() as f64;
    if edge >= 1.0 {
        return share;
    }
    if excess <= 0.0 {
        return 0.0;
    }
    share * (-(1.0 - edge) / excess).exp()
}

/// Requests at the beginning that are not counted: a queue that is still filling looks better than it is. Of short probes,
/// which fail early at loads that are far too large, that is more than a fifth.
fn warm_up(n: usize) -> usize {
    (n / 5).max(WARM_UP_MIN.min(n / 2))
}

impl Group {
    /// Misses among the counted of the first `n`.
    fn counted(&self, n: usize) -> u64 {
        let at = |i: usize| u64::from(self.misses.get(i).copied().unwrap_or(0));
        at(n) - at(warm_up(n))
    }

    /// Logarithm of the likelihood of too many misses over that of few enough.
    fn evidence(&self, n: usize) -> f64 {
        let allowed = 1.0 - self.share;
        let too_many = (ALTERNATIVE * allowed).min(0.5 * (1.0 + allowed));
        let misses = self.counted(n) as f64;
        let met = (n - warm_up(n)) as f64 - misses;
        misses * (too_many / allowed).ln() + met * ((1.0 - too_many) / (1.0 - allowed)).ln()
    }
}

/// Whether requests in flight grow without end.
#[derive(Debug, Clone, Default)]
struct Growth {
    window: Vec<f64>,
    in_a_row: u32,
    first: Option<f64>,
    last: f64,
    arrived: u64,
}

impl Growth {
    fn push(&mut self, in_flight: u64, arrived: u64) {
        let in_flight = in_flight as f64;
        self.first.get_or_insert(in_flight);
        self.last = in_flight;
        self.arrived = arrived;
        self.window.push(in_flight);
        if self.window.len() == GROWTH_SAMPLES {
            if rises(&self.window) {
                self.in_a_row += 1;
            } else {
                self.in_a_row = 0;
            }
            self.window.clear();
        }
    }

    fn is_certain(&self) -> bool {
        let grown = self.last - self.first.unwrap_or(0.0);
        self.in_a_row >= GROWTH_WINDOWS && grown > GROWTH_SIGMAS * (self.arrived as f64).sqrt()
    }
}

/// Whether the slope of a straight line through these is above 0 by more than two standard errors.
fn rises(values: &[f64]) -> bool {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let middle = 0.5 * (n - 1.0);
    let (mut xx, mut xy) = (0.0, 0.0);
    for (i, value) in values.iter().enumerate() {
        let x = i as f64 - middle;
        xx += x * x;
        xy += x * (value - mean);
    }
    let slope = xy / xx;
    let rest: f64 = values
        .iter()
        .enumerate()
        .map(|(i, value)| (value - mean - slope * (i as f64 - middle)).powi(2))
        .sum();
    slope > 2.0 * (rest / (n - 2.0) / xx).sqrt() && slope > 0.0
}
