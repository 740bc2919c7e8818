//! What would give a gate the wanted power: more cases, more epochs, another margin. Found by simulating the gate alone
//! again and again; a formula only says where to begin.

use super::asks::Asks;
use super::rule::SimulatedGate;
use super::trial::{self, Scenario, Shape};
use super::{EPOCHS_MAX, Setting, Simulated, Tally};
use seatrial_stats::dist;

/// Draws of one trial of a search; a power of 0.8 is then known to about 0.013.
const SEARCH_DRAWS: u32 = 1000;
/// Most cases that are advised; what needs more is said to need more.
const ADVISED_CASES_MAX: u32 = 50_000;
/// Most epochs that are advised.
const ADVISED_EPOCHS_MAX: u32 = 32;
/// Answers that one trial of a search draws at most, over all its draws.
const SEARCH_ANSWERS_MAX: u64 = 40_000_000;
/// Steps in which a margin is advised.
const MARGIN_STEP: f64 = 0.005;

/// A number that reaches the power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Advised<T> {
    /// This one, and fewer do not.
    At(T),
    /// None up to this one.
    NotUpTo(T),
    /// More of it does not help, or it has none.
    Never,
}

/// What would reach the wanted power against one drop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advice {
    /// Cases like the recorded ones, at the epochs of the setting.
    pub cases: Advised<u32>,
    /// Epochs, at the cases of the setting.
    pub epochs: Advised<u32>,
    /// The smallest margin with which an unchanged system passes with this probability; only for a gate against a
    /// baseline that is not to be worse.
    pub margin: Advised<f64>,
}

impl Default for Advice {
    fn default() -> Self {
        Self {
            cases: Advised::Never,
            epochs: Advised::Never,
            margin: Advised::Never,
        }
    }
}

/// Advice for a gate among so many others, of which none is taken to fail: Holm's correction asks the most of it then.
/// Without a margin, which does not depend on the drop.
pub(super) fn of(
    metric: &Simulated,
    gate: &SimulatedGate,
    drop: f64,
    setting: &Setting,
    other_gates: usize,
) -> Advice {
    if drop > metric.population.mean() || !gate.asks.is_missed_after(metric, drop) {
        return Advice::default();
    }
    let gate = alone(gate);
    let search = Search::new(metric, setting, other_gates);
    Advice {
        cases: search.cases(&gate, drop),
        epochs: search.epochs(&gate, drop),
        margin: Advised::Never,
    }
}

/// The margin with which an unchanged system passes as often.
pub(super) fn margin(
    metric: &Simulated,
    gate: &SimulatedGate,
    setting: &Setting,
    other_gates: usize,
) -> Advised<f64> {
    Search::new(metric, setting, other_gates).margin(&alone(gate))
}

/// A gate on the only metric.
fn alone(gate: &SimulatedGate) -> SimulatedGate {
    SimulatedGate {
        metric: 0,
        ..gate.clone()
    }
}

struct Search<'a> {
    metric: &'a [Simulated],
    setting: &'a Setting,
    other_gates: usize,
}

impl<'a> Search<'a> {
    const fn new(metric: &'a Simulated, setting: &'a Setting, other_gates: usize) -> Self {
        Self {
            metric: std::slice::from_ref(metric),
            setting,
            other_gates,
        }
    }

    fn tally(&self, gate: &SimulatedGate, drop: f64, cases: Option<u32>, epochs: u32) -> Option<Tally> {
        let size = cases.map_or_else(
            || self.metric.first().map_or(0, |m| m.population.len() as u64),
            u64::from,
        );
        let affordable = SEARCH_ANSWERS_MAX / (size * u64::from(epochs) * 2).max(1);
        let shape = Shape {
            draws: SEARCH_DRAWS
                .min(u32::try_from(affordable).unwrap_or(u32::MAX))
                .max(100),
            cases,
            epochs,
            seed: self.setting.seed,
            other_gates: self.other_gates,
            is_rough: true,
        };
        let scenario = Scenario::new(self.metric, self.setting.spread, drop);
        let tallies = trial::tallies(
            self.metric,
            std::slice::from_ref(gate),
            &scenario,
            &shape,
            &trial::Memory::default(),
        );
        tallies.gates.first().copied().flatten()
    }

    fn sees(&self, gate: &SimulatedGate, drop: f64, cases: Option<u32>, epochs: u32) -> bool {
        self.tally(gate, drop, cases, epochs)
            .and_then(|tally| tally.fail().value)
            .is_some_and(|power| power >= self.setting.power)
    }

    fn cases(&self, gate: &SimulatedGate, drop: f64) -> Advised<u32> {
        let start = self.start(gate, drop);
        smallest(start, ADVISED_CASES_MAX, |cases| {
            self.sees(gate, drop, Some(cases), self.setting.epochs)
        })
    }

    fn epochs(&self, gate: &SimulatedGate, drop: f64) -> Advised<u32> {
        let most = ADVISED_EPOCHS_MAX.min(EPOCHS_MAX);
        smallest(self.setting.epochs, most, |epochs| {
            self.sees(gate, drop, self.setting.cases, epochs)
        })
    }

    /// Cases by the normal approximation.
    fn start(&self, gate: &SimulatedGate, drop: f64) -> u32 {
        let z = dist::normal_isf(gate.risk) + dist::normal_quantile(self.setting.power);
        let Some(metric) = self.metric.first() else {
            return 1;
        };
        let (within, among) = metric.population.variances();
        let noise = within / f64::from(self.setting.epochs);
        let (variance, distance) = match gate.asks {
            Asks::Bound(_) => (noise + among, gate.asks.distance_after(metric, drop)),
            Asks::Baseline(_) => (2.0 * noise, gate.asks.distance_after(metric, drop)),
        };
        let n = (z / distance).powi(2) * variance;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; NaN becomes 0, which is clamped too"
        )]
        let n = n.clamp(1.0, f64::from(ADVISED_CASES_MAX)) as u32;
        n.max(1)
    }

    /// Steps of the margin by the normal approximation.
    fn first_margin(&self, gate: &SimulatedGate) -> u32 {
        let Some(metric) = self.metric.first() else {
            return 1;
        };
        let cases = self
            .setting
            .cases
            .map_or(metric.population.len() as f64, f64::from);
        let (within, _) = metric.population.variances();
        let error = (2.0 * within / f64::from(self.setting.epochs) / cases).sqrt();
        let z = dist::normal_isf(gate.risk) + dist::normal_quantile(self.setting.power);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; NaN becomes 0, which is clamped too"
        )]
        let steps = (z * error / MARGIN_STEP).clamp(1.0, 100.0) as u32;
        steps.max(1)
    }

    fn margin(&self, gate: &SimulatedGate) -> Advised<f64> {
        let Asks::Baseline(_) = gate.asks else {
            return Advised::Never;
        };
        let passes = |steps: u32| {
            let margin = f64::from(steps) * MARGIN_STEP;
            let Some(asks) = gate.asks.with_margin(margin) else {
                return false;
            };
            let gate = SimulatedGate { asks, ..gate.clone() };
            self.tally(&gate, 0.0, self.setting.cases, self.setting.epochs)
                .and_then(|tally| tally.pass().value)
                .is_some_and(|share| share >= self.setting.power)
        };
        if gate.asks.with_margin(MARGIN_STEP).is_none() {
            return Advised::Never;
        }
        // Half a scale: a gate that allows more is none.
        const STEPS_MAX: u32 = 100;
        match smallest(self.first_margin(gate), STEPS_MAX, passes) {
            Advised::At(steps) => Advised::At(f64::from(steps) * MARGIN_STEP),
            Advised::NotUpTo(steps) => Advised::NotUpTo(f64::from(steps) * MARGIN_STEP),
            Advised::Never => Advised::Never,
        }
    }
}

/// The smallest number from 1 to `most` for which this holds, supposing that it holds for all larger ones: outwards from
/// a guess by halves of itself, then inwards by halving, to two digits. At most 60 trials, for a guess that is far off.
fn smallest(guess: u32, most: u32, holds: impl Fn(u32) -> bool) -> Advised<u32> {
    let mut high = guess.clamp(1, most);
    let mut low = 0;
    if holds(high) {
        let mut lower = high * 2 / 3;
        while lower > 0 && holds(lower) {
            high = lower;
            lower = lower * 2 / 3;
        }
        low = lower;
    } else {
        while low < high {
            low = high;
            high = (high + (high / 2).max(1)).min(most);
            if high == low {
                return Advised::NotUpTo(most);
            }
            if holds(high) {
                break;
            }
        }
    }
    while high - low > (high / 50).max(1) {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Advised::At(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the search: the first number that holds, to two digits, from guesses on either side of it.
    #[test]
    fn searches_find_the_first() {
        for first in [1, 2, 7, 40, 99, 700, 4000] {
            for guess in [1, 30, 500, 4000] {
                let found = smallest(guess, 5000, |n| n >= first);
                if let Advised::At(n) = found {
                    assert!(
                        n >= first && n <= first + first / 40 + 1,
                        "{first} from {guess}: {n}"
                    );
                } else {
                    panic!("{first} from {guess}: {found:?}");
                }
            }
        }
        assert_eq!(smallest(10, 100, |_| false), Advised::NotUpTo(100));
        assert_eq!(smallest(10, 100, |_| true), Advised::At(1));
    }
}
