//! The draws themselves: a baseline and a new run of every metric, the evidence of each gate, and the correction over all
//! gates, exactly as over the gates of a real run.

use super::asks::Found;
use super::population::{Population, Worsened};
use super::rule::{Counts, NaiveRule, Repeated, Seen, SimulatedGate};
use super::{Simulated, Spread, Tally};
use crate::bounds;
use rayon::prelude::*;
use seatrial_stats::draw::Draws;
use seatrial_types::Verdict;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Draws of one stream of random numbers: few enough to keep all threads busy.
const DRAWS_PER_BLOCK: u32 = 64;

/// How large a run is and how many are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) draws: u32,
    pub(super) cases: Option<u32>,
    pub(super) epochs: u32,
    pub(super) seed: u64,
    /// Gates that are not drawn and count in the correction all the same, as met ones do.
    pub(super) other_gates: usize,
    /// Whether comparisons with the baseline may be decided by the normal approximation of their exact test.
    pub(super) is_rough: bool,
}

/// What the new run answers like, for each metric; `None` where there is not that much to lose.
pub(super) struct Scenario(Vec<Option<Worsened>>);

impl Scenario {
    pub(super) fn new(metrics: &[Simulated], spread: Spread, drop: f64) -> Self {
        let worsened = |metric: &Simulated| metric.population.worsened(spread, drop).ok();
        Self(metrics.iter().map(worsened).collect())
    }
}

/// What was decided over all draws; `None` where the scenario does not exist for the metric.
#[derive(Debug, Clone)]
pub(super) struct Tallies {
    pub(super) gates: Vec<Option<Tally>>,
    pub(super) naive: Vec<Option<Vec<Tally>>>,
    pub(super) together: Option<Tally>,
}

impl Tallies {
    fn merge(mut self, other: &Self) -> Self {
        let add = |into: &mut Tally, from: &Tally| {
            into.draws += from.draws;
            into.passes += from.passes;
            into.fails += from.fails;
        };
        let pairs = |into: &mut [Option<Tally>], from: &[Option<Tally>]| {
            for (into, from) in into.iter_mut().zip(from) {
                if let (Some(into), Some(from)) = (into, from) {
                    add(into, from);
                }
            }
        };
        pairs(&mut self.gates, &other.gates);
        for (into, from) in self.naive.iter_mut().zip(&other.naive) {
            if let (Some(into), Some(from)) = (into, from) {
                into.iter_mut().zip(from).for_each(|(into, from)| add(into, from));
            }
        }
        pairs(
            std::slice::from_mut(&mut self.together),
            std::slice::from_ref(&other.together),
        );
        self
    }
}

/// What single answers to independent cases decide is decided once: few of their counts differ.
pub(super) type Memory = Mutex<HashMap<(usize, Counts), Found>>;

/// Everything that a block of draws needs.
struct Work<'a> {
    metrics: &'a [Simulated],
    gates: &'a [SimulatedGate],
    scenario: &'a Scenario,
    shape: Shape,
    memory: &'a Memory,
}

/// Draws and decides.
pub(super) fn tallies(
    metrics: &[Simulated],
    gates: &[SimulatedGate],
    scenario: &Scenario,
    shape: &Shape,
    memory: &Memory,
) -> Tallies {
    let work = Work {
        metrics,
        gates,
        scenario,
        shape: *shape,
        memory,
    };
    (0..shape.draws.div_ceil(DRAWS_PER_BLOCK))
        .into_par_iter()
        .map(|block| work.block(block))
        .reduce(|| work.nothing(), |all, block| all.merge(&block))
}

/// A metric as it was drawn.
enum Drawn {
    Counts(Counts),
    Repeated(Repeated),
}

impl Drawn {
    fn seen(&self) -> Seen {
        match self {
            Self::Counts(counts) => counts.seen(),
            Self::Repeated(repeated) => repeated.seen(),
        }
    }
}

impl Work<'_> {
    fn exists(&self, metric: usize) -> Option<&Worsened> {
        self.scenario.0.get(metric)?.as_ref()
    }

    fn nothing(&self) -> Tallies {
        let naive = vec![Tally::default(); NaiveRule::ALL.len()];
        let all_exist = self.gates.iter().all(|gate| self.exists(gate.metric).is_some());
        Tallies {
            gates: self
                .gates
                .iter()
                .map(|gate| self.exists(gate.metric).map(|_| Tally::default()))
                .collect(),
            naive: (0..self.metrics.len())
                .map(|metric| self.exists(metric).map(|_| naive.clone()))
                .collect(),
            together: (all_exist && !self.gates.is_empty()).then(Tally::default),
        }
    }

    fn block(&self, block: u32) -> Tallies {
        let mut tallies = self.nothing();
        let first = block * DRAWS_PER_BLOCK;
        // Each metric has its own stream, so that adding one leaves the draws of the others as they were.
        let mut streams: Vec<Draws> = (0..self.metrics.len() as u64)
            .map(|metric| Draws::new(self.shape.seed, (metric << 32) | u64::from(block)))
            .collect();
        for _ in first..self.shape.draws.min(first + DRAWS_PER_BLOCK) {
            let drawn: Vec<Option<Drawn>> = streams
                .iter_mut()
                .enumerate()
                .map(|(metric, stream)| self.draw(metric, stream))
                .collect();
            self.decide(&drawn, &mut tallies);
        }
        tallies
    }

    fn draw(&self, metric: usize, draws: &mut Draws) -> Option<Drawn> {
        let worsened = self.exists(metric)?;
        let population = &self.metrics.get(metric)?.population;
        Some(if self.shape.epochs == 1 && population.clusters().is_none() {
            let mut counts = Counts {
                both: 0,
                lost: 0,
                won: 0,
                neither: 0,
            };
            each_case(population, worsened, &self.shape, draws, |old, new, _| {
                match (old, new) {
                    (0, 0) => counts.neither += 1,
                    (0, _) => counts.won += 1,
                    (_, 0) => counts.lost += 1,
                    _ => counts.both += 1,
                }
            });
            Drawn::Counts(counts)
        } else {
            let mut repeated = Repeated {
                epochs: self.shape.epochs,
                ..Repeated::default()
            };
            let is_clustered = population.clusters().is_some();
            each_case(population, worsened, &self.shape, draws, |old, new, cluster| {
                repeated.baseline.push(old);
                repeated.new.push(new);
                if is_clustered {
                    repeated.clusters.push(cluster);
                }
            });
            Drawn::Repeated(repeated)
        })
    }

    fn decide(&self, drawn: &[Option<Drawn>], tallies: &mut Tallies) {
        for (tally, drawn) in tallies.naive.iter_mut().zip(drawn) {
            if let (Some(tally), Some(drawn)) = (tally, drawn) {
                let seen = drawn.seen();
                for (rule, tally) in NaiveRule::ALL.into_iter().zip(tally) {
                    tally.add(if rule.fails(&seen) {
                        Verdict::Fail
                    } else {
                        Verdict::Pass
                    });
                }
            }
        }
        let found: Vec<Found> = self
            .gates
            .iter()
            .enumerate()
            .map(|(index, gate)| self.found(index, gate, drawn))
            .collect();
        let p: Vec<f64> = found
            .iter()
            .map(|found| found.p_fail().unwrap_or(1.0))
            .chain(std::iter::repeat_n(1.0, self.shape.other_gates))
            .collect();
        let adjusted = bounds::holm(&p);
        let mut together = Verdict::Pass;
        let decisions = self.gates.iter().zip(&found).zip(adjusted);
        for (((gate, found), adjusted), tally) in decisions.zip(&mut tallies.gates) {
            let verdict = found.verdict(gate.risk, found.p_fail().map(|_| adjusted));
            together = match (together, verdict) {
                (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
                (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => Verdict::Inconclusive,
                _ => Verdict::Pass,
            };
            if let Some(tally) = tally {
                tally.add(verdict);
            }
        }
        if let Some(tally) = &mut tallies.together {
            tally.add(together);
        }
    }

    fn found(&self, index: usize, gate: &SimulatedGate, drawn: &[Option<Drawn>]) -> Found {
        let (Some(metric), Some(Some(drawn))) = (self.metrics.get(gate.metric), drawn.get(gate.metric))
        else {
            return Found::Nothing;
        };
        match drawn {
            Drawn::Repeated(repeated) => repeated.weigh(gate, metric),
            Drawn::Counts(counts) => {
                let counts = counts.telling(gate);
                let remembered = || self.memory.lock().unwrap_or_else(PoisonError::into_inner);
                let known = remembered().get(&(index, counts)).cloned();
                known.unwrap_or_else(|| {
                    // Weighed outside the lock: two threads may do the same work, none waits for the other's.
                    let found = counts.weigh(gate, metric, self.shape.is_rough);
                    remembered().insert((index, counts), found.clone());
                    found
                })
            }
        }
    }
}

/// Draws the successes of every case in the baseline and in the new run, and hands them over with the cluster.
fn each_case(
    population: &Population,
    worsened: &Worsened,
    shape: &Shape,
    draws: &mut Draws,
    mut visit: impl FnMut(u32, u32, u32),
) {
    let mut one = |index: usize, cluster: u32, draws: &mut Draws| {
        let Some(case) = population.believed().get(index) else {
            return;
        };
        let rates = case.rates();
        // The same true rate on both sides: what is not known of a case is no difference between its two runs.
        let at = rates.start
            + if rates.len() > 1 {
                draws.index(rates.len())
            } else {
                0
            };
        let old = population.rates().get(at).copied().unwrap_or(0.0);
        let new = worsened.rates.get(at).copied().unwrap_or(0.0);
        let is_broken = worsened.broken > 0.0 && draws.unit() < worsened.broken;
        let baseline = draws.successes(shape.epochs, old);
        let now = draws.successes(shape.epochs, if is_broken { 0.0 } else { new });
        visit(baseline, now, cluster);
    };
    let clusters = population.cases_by_cluster();
    match shape.cases {
        None => {
            for (index, case) in population.believed().iter().enumerate() {
                one(index, case.cluster, draws);
            }
        }
        Some(cases) if clusters.is_empty() => {
            for cluster in 0..cases {
                let index = draws.index(population.len());
                one(index, cluster, draws);
            }
        }
        Some(cases) => {
            let (mut drawn, mut cluster) = (0, 0);
            while drawn < cases {
                let at = draws.index(clusters.len());
                for &index in clusters.get(at).map_or(&[][..], Vec::as_slice) {
                    one(index as usize, cluster, draws);
                    drawn += 1;
                }
                cluster += 1;
            }
        }
    }
}
