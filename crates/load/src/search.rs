//! The largest load that meets objectives: a state machine, probe result in, next probe out. Apart and pure so that it
//! can be shown right in virtual time, and so that whatever sends the load need not know how it is chosen.
//!
//! 1. *Bracket*: the load doubles until a probe fails (or halves until one passes).
//! 2. *Bisection*: a posterior over the largest load that meets them is kept; the next probe is at its median
//!    (probabilistic bisection, Horstein 1963; Waeber, Frazier, Henderson 2013). Each probe is a sequential test, so clear
//!    passes and failures are short and only probes near the boundary cost their whole budget.
//! 3. *Confirmation*: when the credible interval is narrow enough, its ends are probed, where that has not been done.
//!
//! What comes out is a value with a credible interval, not one number.

mod posterior;
mod probe;

use posterior::Posterior;

pub use probe::{ProbeOutcome, ProbeVerdict, ProbeWatch};

/// Where in the posterior a probe is put. Above the median: misses tell more than their absence, and at the boundary itself
/// there are next to none.
const PROBE_AT: f64 = 0.82;

/// How far above the smallest load that failed a probe may be: it may have failed by chance.
const CEILING: f64 = 4.0;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadKind {
    /// Requests per second of an open loop.
    Rate,
    /// Requests in flight of a closed loop: whole numbers.
    Concurrency,
}

/// What decides a search.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPlan {
    /// Rate or concurrency.
    pub kind: LoadKind,
    /// The first load. The bracket costs a probe for each doubling between it and the answer.
    pub start: f64,
    /// Smallest load that is tried, above 0.
    pub load_min: f64,
    /// Largest load that is tried.
    pub load_max: f64,
    /// Shares that must meet their terms, as [`Objectives::shares`](crate::slo::Objectives::shares).
    pub shares: Vec<f64>,
    /// The interval's half-width, relative to the load, at which the search ends. 0.05 is 5 %.
    pub tolerance: f64,
    /// Level of the credible interval.
    pub level: f64,
    /// Most probes.
    pub probes_max: usize,
    /// Most requests in one probe.
    pub probe_requests_max: u64,
    /// Chance of a wrong verdict of one probe.
    pub probe_error: f64,
}

impl SearchPlan {
    /// The usual plan: a 90 % interval of about ± 5 %, at most 100 probes of at most 6,000 requests.
    ///
    /// In virtual time against single-server queues (`search/tests.rs`) it came within 5 % in 19 of 20 seeds, and its
    /// interval held the truth in 18 or more.
    #[must_use]
    pub fn new(kind: LoadKind, start: f64, shares: &[f64]) -> Self {
        let (load_min, load_max) = match kind {
            LoadKind::Rate => (0.01, 1e6),
            LoadKind::Concurrency => (1.0, 1e5),
        };
        Self {
            kind,
            start: start.clamp(load_min, load_max),
            load_min,
            load_max,
            shares: shares.to_vec(),
            tolerance: 0.05,
            level: 0.9,
            probes_max: 100,
            probe_requests_max: 6_000,
            probe_error: 0.05,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Send this load and watch it with [`Search::watch`].
    Probe(ProbePlan),
    /// The search is over.
    Done(SearchResult),
}

/// A probe to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbePlan {
    /// Its number, from 0.
    pub index: usize,
    /// Rate or concurrency.
    pub load: f64,
    /// Why it is made.
    pub stage: Stage,
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking for a load that passes and one that fails.
    Bracket,
    /// Between them.
    Bisection,
    /// At the lower end of the interval.
    ConfirmLow,
    /// At the upper end of the interval.
    ConfirmHigh,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEnd {
    /// The interval is as narrow as was asked.
    Resolved,
    /// The probes were spent before it was.
    ProbesSpent,
    /// The smallest load fails.
    NothingPasses,
    /// The largest load passes.
    NothingFails,
    /// It was stopped before it was done: by somebody, or because this client could not send what was due.
    Stopped,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// How it ended.
    pub end: SearchEnd,
    /// The largest load that meets the objectives; `None` where nothing passes, or where the search was stopped. Where nothing fails it is the largest
    /// load that was tried.
    pub load: Option<f64>,
    /// Lower end of the credible interval; of a search that was stopped, the largest load that passed.
    pub low: Option<f64>,
    /// Upper end of the credible interval; `None` where nothing fails. Of a search that was stopped, the smallest load that
    /// failed.
    pub high: Option<f64>,
    /// Level of the interval.
    pub level: f64,
    /// Largest load of which a probe passed.
    pub passed: Option<f64>,
    /// Smallest load of which a probe failed.
    pub failed: Option<f64>,
    /// Requests sent in all probes.
    pub requests: u64,
}

/// The search.
#[derive(Debug, Clone)]
pub struct Search {
    plan: SearchPlan,
    posterior: Posterior,
    probes: Vec<ProbeOutcome>,
    stage: Stage,
    load: f64,
    end: Option<SearchEnd>,
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(plan: SearchPlan) -> Self {
        let mut search = Self {
            posterior: Posterior::flat(plan.load_min, plan.load_max),
            load: plan.start,
            probes: Vec::new(),
            stage: Stage::Bracket,
            end: None,
            plan,
        };
        search.load = search.allowed(search.load);
        search
    }

    /// What to do now. Does not change until [`Self::observe`] is called.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.end {
            Some(end) => Step::Done(self.result(end)),
            None => Step::Probe(ProbePlan {
                index: self.probes.len(),
                load: self.load,
                stage: self.stage,
            }),
        }
    }

    /// The sequential test of the probe that is due.
    #[must_use]
    pub fn watch(&self) -> ProbeWatch {
        ProbeWatch::new(
            self.load,
            &self.plan.shares,
            self.plan.probe_error,
            self.plan.probe_requests_max,
            self.known_clumping(),
        )
    }

    /// The least design effect at the load that is due. Requests depend on each other the more, the nearer a queue is to
    /// its capacity; so what lower loads showed holds here too. Half of it, because the largest of noisy estimates is too
    /// large.
    fn known_clumping(&self) -> f64 {
        self.probes
            .iter()
            .filter(|probe| probe.load <= self.load)
            .map(|probe| 0.5 * probe.clumping)
            .fold(1.0, f64::max)
    }

    /// Probes so far, in order.
    #[must_use]
    pub fn probes(&self) -> &[ProbeOutcome] {
        &self.probes
    }

    /// The interval as it stands: low, median, high.
    #[must_use]
    pub fn interval(&self) -> (f64, f64, f64) {
        let tail = 0.5 * (1.0 - self.plan.level);
        let at = |share| self.posterior.quantile(share);
        (at(tail), at(0.5), at(1.0 - tail))
    }

    /// Takes in what the probe that was due showed.
    pub fn observe(&mut self, outcome: ProbeOutcome) {
        if self.end.is_some() {
            return;
        }
        self.posterior.learn(&outcome);
        let verdict = outcome.verdict;
        self.probes.push(outcome);
        self.advance(verdict);
        if self.end.is_none() && self.probes.len() >= self.plan.probes_max {
            self.end = Some(SearchEnd::ProbesSpent);
        }
    }

    fn advance(&mut self, verdict: ProbeVerdict) {
        if self.stage == Stage::Bracket && !self.leave_bracket(verdict) {
            return;
        }
        if !self.is_narrow() {
            self.stage = Stage::Bisection;
            self.load = self.allowed(self.posterior.quantile(PROBE_AT).min(self.ceiling()));
            return;
        }
        let (low, _, high) = self.interval();
        if self.stage != Stage::ConfirmLow && !self.is_shown(low, ProbeVerdict::Pass) {
            self.stage = Stage::ConfirmLow;
            self.load = self.allowed(low);
        } else if self.stage != Stage::ConfirmHigh && !self.is_shown(high, ProbeVerdict::Fail) {
            self.stage = Stage::ConfirmHigh;
            self.load = self.allowed(high);
        } else {
            self.end = Some(SearchEnd::Resolved);
        }
    }

    /// Whether a probe near this end of the interval has already shown what is expected there.
    fn is_shown(&self, load: f64, verdict: ProbeVerdict) -> bool {
        self.with(verdict)
            .any(|probed| (probed / load).ln().abs() <= self.plan.tolerance)
    }

    /// Goes on doubling or halving; `true` once there is a load that passes and one that fails.
    fn leave_bracket(&mut self, verdict: ProbeVerdict) -> bool {
        let (passed, failed) = (self.passed().is_some(), self.failed().is_some());
        // Undecided counts as neither; while nothing has failed, the boundary may be anywhere above.
        if failed && (passed || verdict == ProbeVerdict::Undecided) {
            return true;
        }
        let next = self.allowed(if failed { self.load / 2.0 } else { self.load * 2.0 });
        if next == self.load {
            self.end = Some(if !failed {
                SearchEnd::NothingFails
            } else {
                SearchEnd::NothingPasses
            });
        }
        self.load = next;
        false
    }

    fn is_narrow(&self) -> bool {
        let (low, median, high) = self.interval();
        if self.plan.kind == LoadKind::Concurrency && high - low < 1.0 {
            return true;
        }
        (high - low) / 2.0 <= self.plan.tolerance * median
    }

    /// The nearest load that may be sent.
    fn allowed(&self, load: f64) -> f64 {
        let load = match self.plan.kind {
            LoadKind::Rate => load,
            LoadKind::Concurrency => load.round(),
        };
        load.clamp(self.plan.load_min, self.plan.load_max)
    }

    /// Nothing above this is sent: not far above the smallest load that failed above all that passed, or above what passed
    /// where none did. Belief has a long upper tail, and what lies there is a flood for an endpoint and too much for this
    /// client, that tells no more than a load which is known to be too large.
    fn ceiling(&self) -> f64 {
        let passed = self.passed().unwrap_or(self.plan.load_min);
        let failed = self.with(ProbeVerdict::Fail).filter(|load| *load > passed);
        CEILING * failed.reduce(f64::min).unwrap_or(passed)
    }

    /// What is known of a search that is stopped before its end.
    #[must_use]
    pub fn so_far(&self) -> SearchResult {
        self.result(self.end.unwrap_or(SearchEnd::Stopped))
    }

    fn passed(&self) -> Option<f64> {
        let loads = self.with(ProbeVerdict::Pass);
        loads.reduce(f64::max)
    }

    fn failed(&self) -> Option<f64> {
        let loads = self.with(ProbeVerdict::Fail);
        loads.reduce(f64::min)
    }

    fn with(&self, verdict: ProbeVerdict) -> impl Iterator<Item = f64> {
        let probes = self.probes.iter();
        probes
            .filter(move |probe| probe.verdict == verdict)
            .map(|probe| probe.load)
    }

    fn result(&self, end: SearchEnd) -> SearchResult {
        let (low, median, high) = self.interval();
        let (load, low, high) = match end {
            SearchEnd::NothingPasses => (None, None, Some(high)),
            SearchEnd::NothingFails => (self.passed(), self.passed(), None),
            SearchEnd::Stopped => (None, self.passed(), self.failed()),
            SearchEnd::Resolved | SearchEnd::ProbesSpent => {
                (Some(self.allowed(median)), Some(low), Some(high))
            }
        };
        SearchResult {
            end,
            load,
            low,
            high,
            level: self.plan.level,
            passed: self.passed(),
            failed: self.failed(),
            requests: self.probes.iter().map(|probe| probe.requests).sum(),
        }
    }
}

#[cfg(test)]
mod tests;
