//! What a gate would do, before anybody relies on it: how often it fails a system that did not change, and how often it
//! sees one that became worse. Cases answer at random with the rates that past runs show; every draw makes a baseline and
//! a new run and asks the very functions that decide real gates, beside rules that people use without statistics.
//!
//! Pure: rates in, shares of draws out, the same for a seed on any number of threads. Apart from `design`, which computes
//! what a gate can see from formulas; here nothing is approximated but by the number of draws.

mod advice;
mod asks;
mod population;
mod rule;
mod trial;

pub use advice::{Advice, Advised};
pub use asks::Asks;
pub use population::{CASES_MAX, Known, KnownCase, OBSERVED_FROM, Population, RateModel, Spread};
pub use rule::{NaiveRule, SimulatedGate};

use crate::bounds;
use rayon::prelude::*;
use seatrial_types::{Estimate, Method, Unit, Verdict};
use trial::{Scenario, Shape};

/// Most draws.
pub const DRAWS_MAX: u32 = 1_000_000;
/// Most cases of a run that is drawn.
pub const DRAWN_CASES_MAX: u32 = 1_000_000;
/// Most epochs of a run that is drawn.
pub const EPOCHS_MAX: u32 = 1000;
/// Most stated drops.
pub const DROPS_MAX: usize = 20;
/// Most answers that are drawn in all; beyond it the work is refused rather than begun.
pub const ANSWERS_MAX: u64 = 200_000_000_000;
/// Confidence of the intervals of simulated shares.
const LEVEL: f64 = 0.95;

/// Why nothing can be simulated. Indices are those of the cases handed in, so that a caller can name lines.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulateError {
    /// Nothing to draw from.
    #[error("there is no case, expected at least one")]
    NoCases,
    /// More than can be held.
    #[error("{found} cases, expected at most {CASES_MAX}")]
    TooMany {
        /// Cases found.
        found: usize,
    },
    /// One case twice.
    #[error("case `{id}` is there twice")]
    Duplicate {
        /// The case.
        id: String,
        /// Where it is first.
        first: usize,
        /// Where it is again.
        second: usize,
    },
    /// Some cases have a cluster and this one has none.
    #[error("case `{id}` has no cluster, but other cases have one")]
    ClusterMissing {
        /// The case.
        id: String,
        /// Where.
        index: usize,
    },
    /// No probability.
    #[error("the rate of case `{id}` is {found}, expected a number from 0 to 1")]
    Rate {
        /// The case.
        id: String,
        /// Where.
        index: usize,
        /// The rate.
        found: f64,
    },
    /// No counts.
    #[error(
        "case `{id}` has {attempts} answers and {successes} of {attempts} right, expected at least one answer"
    )]
    Counts {
        /// The case.
        id: String,
        /// Where.
        index: usize,
        /// Answers.
        attempts: u64,
        /// Right ones.
        successes: u64,
    },
    /// More than there is to lose.
    #[error("a drop of {found}, expected more than 0 and at most the mean rate, which is {mean:.4}")]
    Drop {
        /// The drop.
        found: f64,
        /// Mean rate of success.
        mean: f64,
    },
    /// A setting outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Setting {
        /// Which.
        what: &'static str,
        /// What was given.
        found: String,
        /// What it may be.
        expected: String,
    },
}

/// A metric whose cases are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// Its name, `TASK.METRIC`.
    pub metric: String,
    /// Whether a higher value is better. Where not, rates are those of the good outcome, 1 minus the metric.
    pub higher_is_better: bool,
    /// Cases with the rates of the good outcome.
    pub population: Population,
}

/// How to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Draws for each scenario, from 1 to [`DRAWS_MAX`].
    pub draws: u32,
    /// Cases of a run, drawn with replacement (whole clusters, where there are any); `None` takes the cases as they are.
    pub cases: Option<u32>,
    /// Answers of each case in a run, on both sides; from 1.
    pub epochs: u32,
    /// Stated drops of the mean rate of success, each more than 0.
    pub drops: Vec<f64>,
    /// How a drop reaches the cases.
    pub spread: Spread,
    /// Probability with which a drop should be seen; for advice.
    pub power: f64,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Further gates of the suite, which cannot be drawn. They count in the correction as met gates do.
    pub other_gates: usize,
}

impl Setting {
    fn check(&self, metrics: &[Simulated]) -> Result<(), SimulateError> {
        let wrong = |what, found: String, expected: String| {
            Err(SimulateError::Setting {
                what,
                found,
                expected,
            })
        };
        let whole = |max: u32| format!("a whole number from 1 to {max}");
        if !(1..=DRAWS_MAX).contains(&self.draws) {
            return wrong("the number of draws", self.draws.to_string(), whole(DRAWS_MAX));
        }
        if !(1..=EPOCHS_MAX).contains(&self.epochs) {
            return wrong("the number of epochs", self.epochs.to_string(), whole(EPOCHS_MAX));
        }
        if let Some(cases) = self.cases.filter(|cases| !(1..=DRAWN_CASES_MAX).contains(cases)) {
            return wrong("the number of cases", cases.to_string(), whole(DRAWN_CASES_MAX));
        }
        if self.drops.len() > DROPS_MAX {
            return wrong(
                "the number of drops",
                self.drops.len().to_string(),
                format!("at most {DROPS_MAX}"),
            );
        }
        if !(self.power > 0.0 && self.power < 1.0) {
            return wrong(
                "the power",
                self.power.to_string(),
                "a number between 0 and 1".to_owned(),
            );
        }
        if metrics.is_empty() {
            return Err(SimulateError::NoCases);
        }
        let cases: u64 = metrics
            .iter()
            .map(|metric| self.cases.map_or(metric.population.len() as u64, u64::from))
            .sum();
        let answers = [
            u64::from(self.draws),
            u64::from(self.epochs),
            2,
            1 + self.drops.len() as u64,
        ]
        .into_iter()
        .fold(cases, u64::saturating_mul);
        if answers > ANSWERS_MAX {
            return wrong(
                "the number of answers to draw",
                answers.to_string(),
                format!("at most {ANSWERS_MAX}: fewer draws, cases or drops"),
            );
        }
        Ok(())
    }
}

/// How often each decision was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Draws.
    pub draws: u64,
    /// Of which pass.
    pub passes: u64,
    /// Of which fail; the others are inconclusive.
    pub fails: u64,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        self.draws += 1;
        self.passes += u64::from(verdict == Verdict::Pass);
        self.fails += u64::from(verdict == Verdict::Fail);
    }

    /// Share of draws that fail.
    #[must_use]
    pub fn fail(&self) -> Estimate {
        self.share(self.fails)
    }

    /// Share of draws that pass.
    #[must_use]
    pub fn pass(&self) -> Estimate {
        self.share(self.passes)
    }

    /// Share of draws that decide nothing.
    #[must_use]
    pub fn inconclusive(&self) -> Estimate {
        self.share(self.draws - self.passes - self.fails)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn share(&self, count: u64) -> Estimate {
        let (low, high) = bounds::wilson(count as f64, self.draws, LEVEL);
        Estimate {
            value: (self.draws > 0).then(|| count as f64 / self.draws as f64),
            low,
            high,
            level: LEVEL,
            n: self.draws,
            method: Method::Wilson,
            unit: Unit::Share,
        }
    }
}

/// What a gate or a rule did.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    /// On an unchanged system.
    pub unchanged: Tally,
    /// On a system that became worse by each stated drop, in their order; `None` where there is not that much to lose.
    pub dropped: Vec<Option<Tally>>,
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Of the gates, in their order.
    pub gates: Vec<Behaviour>,
    /// Of the rules without statistics, for each metric in its order, in the order of [`NaiveRule::ALL`].
    pub naive: Vec<Vec<Behaviour>>,
    /// Of all gates together: a fail where any fails, a pass where all pass.
    pub together: Behaviour,
}

/// Draws baselines and new runs and decides.
///
/// Metrics are drawn independently of each other. A drop is one of every metric at once. The draws of a seed use the same
/// random numbers in every scenario, so that differences between scenarios are not noise.
///
/// # Errors
/// A setting out of range, a gate on a metric that is not there, a drop that is not positive.
pub fn simulate(
    metrics: &[Simulated],
    gates: &[SimulatedGate],
    setting: &Setting,
) -> Result<Simulation, SimulateError> {
    setting.check(metrics)?;
    if let Some(&found) = setting.drops.iter().find(|drop| !(**drop > 0.0 && **drop <= 1.0)) {
        let mean = metrics.first().map_or(0.0, |metric| metric.population.mean());
        return Err(SimulateError::Drop { found, mean });
    }
    let shape = Shape {
        draws: setting.draws,
        cases: setting.cases,
        epochs: setting.epochs,
        seed: setting.seed,
        other_gates: setting.other_gates,
        is_rough: false,
    };
    let memory = trial::Memory::default();
    let tallies = |drop: f64| {
        trial::tallies(
            metrics,
            gates,
            &Scenario::new(metrics, setting.spread, drop),
            &shape,
            &memory,
        )
    };
    let unchanged = tallies(0.0);
    let dropped: Vec<_> = setting.drops.iter().map(|&drop| tallies(drop)).collect();
    let behaviour = |of: &dyn Fn(&trial::Tallies) -> Option<Tally>| Behaviour {
        unchanged: of(&unchanged).unwrap_or_default(),
        dropped: dropped.iter().map(of).collect(),
    };
    Ok(Simulation {
        gates: (0..gates.len())
            .map(|index| behaviour(&|tallies| tallies.gates.get(index).copied().flatten()))
            .collect(),
        naive: (0..metrics.len())
            .map(|metric| {
                (0..NaiveRule::ALL.len())
                    .map(|rule| behaviour(&|tallies| tallies.naive.get(metric)?.as_ref()?.get(rule).copied()))
                    .collect()
            })
            .collect(),
        together: behaviour(&|tallies| tallies.together),
    })
}

/// What would reach the wanted power, for each gate and each drop. The search decides comparisons with a margin by the
/// normal approximation of their exact test, which asks for a little less.
///
/// # Errors
/// As [`simulate`].
pub fn advise(
    metrics: &[Simulated],
    gates: &[SimulatedGate],
    setting: &Setting,
) -> Result<Vec<Vec<Advice>>, SimulateError> {
    setting.check(metrics)?;
    let others = setting.other_gates + gates.len().saturating_sub(1);
    let of_gate = |gate: &SimulatedGate| -> Vec<Advice> {
        let Some(metric) = metrics.get(gate.metric) else {
            return vec![Advice::default(); setting.drops.len()];
        };
        let margin = advice::margin(metric, gate, setting, others);
        let of_drop = |drop: &f64| Advice {
            margin,
            ..advice::of(metric, gate, *drop, setting, others)
        };
        setting.drops.par_iter().map(of_drop).collect()
    };
    Ok(gates.par_iter().map(of_gate).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_config::{Against, Bound, Margin, Relation};

    /// GPT-4o on the 50 tasks of the airline domain of tau-bench, four runs each (sierra-research/tau-bench, 59a200c,
    /// historical_trajectories): how many tasks were solved 0, 1, 2, 3 and 4 times.
    const AIRLINE: [(u64, usize); 5] = [(0, 14), (1, 12), (2, 10), (3, 4), (4, 10)];

    fn airline() -> Simulated {
        let counts = AIRLINE
            .into_iter()
            .flat_map(|(successes, tasks)| std::iter::repeat_n(successes, tasks));
        let cases: Vec<_> = counts
            .enumerate()
            .map(|(index, successes)| KnownCase {
                id: index.to_string(),
                cluster: None,
                known: Known::Counts {
                    attempts: 4,
                    successes,
                },
            })
            .collect();
        Simulated {
            metric: "airline.solved".to_owned(),
            higher_is_better: true,
            population: Population::try_new(&cases, None).unwrap(),
        }
    }

    fn setting() -> Setting {
        Setting {
            draws: 4000,
            cases: None,
            epochs: 1,
            drops: vec![0.1, 0.3],
            spread: Spread::Proportional,
            power: 0.8,
            seed: 0,
            other_gates: 0,
        }
    }

    fn gate(asks: Asks) -> SimulatedGate {
        SimulatedGate {
            name: "g".to_owned(),
            metric: 0,
            asks,
            risk: 0.05,
        }
    }

    fn fail(tally: &Tally) -> f64 {
        tally.fail().value.unwrap()
    }

    fn not_worse(margin: f64) -> Asks {
        Asks::Baseline(Against {
            relation: Relation::NotWorseThan,
            margin: Margin::Absolute(margin),
            is_margin_given: true,
            higher_is_better: true,
        })
    }

    /// Protects the reason for all of this: rules without statistics cry wolf, the paired gate does not.
    #[test]
    fn naive_rules_cry_wolf() {
        let simulation = simulate(&[airline()], &[gate(not_worse(0.0))], &setting()).unwrap();
        let naive: Vec<f64> = simulation.naive[0]
            .iter()
            .map(|rule| fail(&rule.unchanged))
            .collect();
        for (found, expected, slack) in [
            (naive[0], 0.998, 0.003),
            (naive[1], 0.43, 0.02),
            (naive[2], 0.23, 0.02),
            (naive[3], 0.09, 0.015),
            (fail(&simulation.gates[0].unchanged), 0.026, 0.01),
        ] {
            assert!((found - expected).abs() <= slack, "{found} {expected}");
        }
        let seen = simulation.gates[0]
            .dropped
            .iter()
            .map(|tally| fail(tally.as_ref().unwrap()));
        let seen: Vec<f64> = seen.collect();
        assert!(seen[0] > 0.1 && seen[1] > 0.7 && seen[1] < 1.0, "{seen:?}");
    }

    /// Protects that a seed gives the same draws on any number of threads, and another seed others.
    #[test]
    fn a_seed_is_a_result() {
        let metrics = [airline()];
        let gates = [gate(Asks::Bound(Bound::AtLeast(0.5)))];
        let all = simulate(&metrics, &gates, &setting()).unwrap();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(
            one.install(|| simulate(&metrics, &gates, &setting())).unwrap(),
            all
        );
        let other = Setting { seed: 1, ..setting() };
        assert_ne!(simulate(&metrics, &gates, &other).unwrap(), all);
    }

    /// Protects absolute gates: one at its limit keeps its risk, one far from it is seen, with clusters and epochs too.
    #[test]
    fn a_gate_at_its_limit_keeps_its_risk() {
        let cases: Vec<_> = (0..100)
            .map(|index| KnownCase {
                id: index.to_string(),
                cluster: Some((index / 4).to_string()),
                known: Known::Rate(0.8),
            })
            .collect();
        let metric = Simulated {
            metric: "t.m".to_owned(),
            higher_is_better: true,
            population: Population::try_new(&cases, None).unwrap(),
        };
        for epochs in [1, 3] {
            let setting = Setting {
                draws: 1000,
                epochs,
                drops: vec![0.2],
                ..setting()
            };
            let gates = [gate(Asks::Bound(Bound::AtLeast(0.8)))];
            let simulation = simulate(std::slice::from_ref(&metric), &gates, &setting).unwrap();
            let unchanged = simulation.gates[0].unchanged;
            assert!(fail(&unchanged) <= 0.07, "{epochs}: {unchanged:?}");
            assert!(fail(&simulation.gates[0].dropped[0].unwrap()) > 0.95);
            assert_eq!(simulation.together, simulation.gates[0]);
        }
    }

    /// Protects metrics of which less is better: the same gate mirrored decides the same.
    #[test]
    fn directions_mirror_each_other() {
        let higher = airline();
        let lower = Simulated {
            higher_is_better: false,
            ..higher.clone()
        };
        let of = |metric: Simulated, bound| {
            simulate(&[metric], &[gate(Asks::Bound(bound))], &setting())
                .unwrap()
                .gates
        };
        assert_eq!(of(higher, Bound::AtLeast(0.4)), of(lower, Bound::AtMost(0.6)));
    }

    /// Protects the advice: what it names has the power, and what nothing reaches is said so.
    #[test]
    fn advice_holds() {
        let metrics = [airline()];
        let gates = [gate(not_worse(0.0)), gate(Asks::Bound(Bound::AtLeast(0.2)))];
        let setting = Setting {
            drops: vec![0.1],
            ..setting()
        };
        let advice = advise(&metrics, &gates, &setting).unwrap();
        let Advised::At(cases) = advice[0][0].cases else {
            panic!("{advice:?}")
        };
        let with = |cases| {
            let setting = Setting {
                cases: Some(cases),
                other_gates: 1,
                ..setting.clone()
            };
            fail(&simulate(&metrics, &gates[..1], &setting).unwrap().gates[0].dropped[0].unwrap())
        };
        let (there, before) = (with(cases), with(cases * 2 / 3));
        assert!(there > 0.77 && before < 0.78, "{cases}: {there} {before}");
        assert!(
            matches!(advice[0][0].epochs, Advised::At(2..) | Advised::NotUpTo(32)),
            "{advice:?}"
        );
        assert!(
            matches!(advice[0][0].margin, Advised::At(margin) if margin > 0.05 && margin < 0.3),
            "{advice:?}"
        );
        // The mean after the drop still meets 0.2: that is no failure to be seen.
        assert_eq!(advice[1][0].cases, Advised::Never);
    }

    /// Protects the settings' ranges.
    #[test]
    fn settings_are_checked() {
        let metrics = [airline()];
        let refused = |setting: Setting| simulate(&metrics, &[], &setting).unwrap_err().to_string();
        assert!(
            refused(Setting {
                draws: 0,
                ..setting()
            })
            .contains("draws is 0")
        );
        assert!(
            refused(Setting {
                epochs: 0,
                ..setting()
            })
            .contains("epochs is 0")
        );
        assert!(
            refused(Setting {
                cases: Some(0),
                ..setting()
            })
            .contains("cases is 0")
        );
        assert!(
            refused(Setting {
                power: 1.0,
                ..setting()
            })
            .contains("power is 1")
        );
        assert!(
            refused(Setting {
                drops: vec![0.0],
                ..setting()
            })
            .contains("drop of 0")
        );
        assert!(
            refused(Setting {
                drops: vec![f64::NAN],
                ..setting()
            })
            .contains("NaN")
        );
        let huge = Setting {
            draws: DRAWS_MAX,
            cases: Some(DRAWN_CASES_MAX),
            ..setting()
        };
        assert!(refused(huge).contains("fewer draws"));
        let too_far = Setting {
            drops: vec![0.9],
            ..setting()
        };
        let simulation = simulate(&metrics, &[], &too_far).unwrap();
        assert_eq!(simulation.naive[0][0].dropped, [None]);
        assert_eq!(simulation.together.unchanged.draws, 0);
    }
}
