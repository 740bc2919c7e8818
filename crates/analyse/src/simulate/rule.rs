//! Rules that decide on a drawn baseline and a drawn new run: the real gates, asked through the functions that decide
//! real runs, and what people use instead.

use super::Simulated;
use super::asks::{Asks, Found};
use crate::against::{Contrast, ContrastEvidence, decide_pairs};
use crate::compare::PairedScores;
use crate::gate::weigh;
use crate::series::{Policy, Series};
use seatrial_config::{Against, Bound, Margin};
use seatrial_stats::dist;
use seatrial_types::{MetricKind, Outcome, Statistic, Unit};

/// A gate to be simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedGate {
    /// Its name.
    pub name: String,
    /// Index of its metric.
    pub metric: usize,
    /// What it asks.
    pub asks: Asks,
    /// Its risk.
    pub risk: f64,
}

/// Rules without statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NaiveRule {
    /// No case that passed in the baseline may fail; of several epochs the majority says which, a tie passes.
    NoNewFailure,
    /// The mean must not be lower by this many points or more.
    Points(u8),
}

impl NaiveRule {
    /// The rules that are shown.
    pub const ALL: [Self; 4] = [
        Self::NoNewFailure,
        Self::Points(2),
        Self::Points(5),
        Self::Points(10),
    ];

    /// In words.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::NoNewFailure => "no new failing case".to_owned(),
            Self::Points(points) => format!("not {points} points lower"),
        }
    }

    /// Whether it fails.
    pub(super) fn fails(self, seen: &Seen) -> bool {
        match self {
            Self::NoNewFailure => seen.newly_failing > 0,
            // A difference of exactly so many points, up to the rounding of its quotient.
            Self::Points(points) => seen.difference <= -f64::from(points) / 100.0 + 1e-9,
        }
    }
}

/// What rules without statistics look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub(super) newly_failing: u32,
    /// Mean rate of success, new minus baseline.
    pub(super) difference: f64,
}

/// A baseline and a new run of independent cases with one answer each, told by four numbers: all that a decision on
/// right and wrong depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Counts {
    pub(super) both: u32,
    pub(super) lost: u32,
    pub(super) won: u32,
    pub(super) neither: u32,
}

/// The same of repeated or clustered cases, in numbers of successes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Repeated {
    pub(super) epochs: u32,
    pub(super) baseline: Vec<u32>,
    pub(super) new: Vec<u32>,
    /// Cluster of each case; empty where cases are independent.
    pub(super) clusters: Vec<u32>,
}

impl Counts {
    pub(super) fn seen(self) -> Seen {
        let n = f64::from(self.both + self.lost + self.won + self.neither);
        Seen {
            newly_failing: self.lost,
            difference: (f64::from(self.won) - f64::from(self.lost)) / n,
        }
    }

    /// What of them a gate looks at, so that a decision is made once for all that agree in it.
    pub(super) const fn telling(self, gate: &SimulatedGate) -> Self {
        match gate.asks {
            Asks::Bound(_) => Self {
                both: self.both + self.won,
                lost: 0,
                won: 0,
                neither: self.lost + self.neither,
            },
            // The difference and its tests depend on the discordant cases and on how many cases there are.
            Asks::Baseline(Against {
                margin: Margin::Absolute(_),
                ..
            }) => Self {
                both: self.both + self.neither,
                neither: 0,
                ..self
            },
            Asks::Baseline(_) => self,
        }
    }

    /// The normal approximation of the exact test of a difference against a margin, half a case added to each cell: fast,
    /// and a little less careful.
    fn roughly(self, contrast: Contrast, higher_is_better: bool) -> Found {
        let n = f64::from(self.both + self.lost + self.won + self.neither) + 2.0;
        let (won, lost) = (f64::from(self.won), f64::from(self.lost));
        let gap = if higher_is_better { won - lost } else { lost - won } / n;
        let variance = ((won + lost + 1.0) / n - gap * gap) / n;
        let z = (gap - contrast.bound.limit()) / variance.max(f64::MIN_POSITIVE).sqrt();
        let (below, above) = (dist::normal_cdf(z), dist::normal_sf(z));
        let (p_fail, p_pass) = match contrast.bound {
            Bound::AtLeast(_) => (below, above),
            Bound::AtMost(_) => (above, below),
        };
        Found::Baseline(ContrastEvidence {
            p_fail: Some(p_fail),
            p_pass: Some(p_pass),
            ..ContrastEvidence::none(contrast.bound)
        })
    }

    /// The evidence of these counts for a gate.
    pub(super) fn weigh(self, gate: &SimulatedGate, metric: &Simulated, is_rough: bool) -> Found {
        if let (Asks::Baseline(against), true) = (gate.asks, is_rough) {
            let contrast = Contrast::of(&against);
            if contrast.scale == 1.0 && contrast.bound.limit() != 0.0 {
                return self.roughly(contrast, metric.higher_is_better);
            }
        }
        let value = |success: bool| f64::from(u8::from(success == metric.higher_is_better));
        let cells = [
            (self.both, true, true),
            (self.lost, true, false),
            (self.won, false, true),
            (self.neither, false, false),
        ];
        match gate.asks {
            Asks::Bound(bound) => {
                let mut series = Series::new(MetricKind::Binary, Unit::Share, Policy::EXCLUDE, false);
                for (count, _, new) in cells {
                    (0..count).for_each(|_| series.add(Outcome::Scored, Some(value(new)), 0));
                }
                Found::Bound(bound, weigh(&series, Statistic::Mean, bound, gate.risk))
            }
            Asks::Baseline(against) => {
                let side = |of: fn(&(u32, bool, bool)) -> bool| -> Vec<f64> {
                    cells
                        .iter()
                        .flat_map(|cell| std::iter::repeat_n(value(of(cell)), cell.0 as usize))
                        .collect()
                };
                let pairs = PairedScores {
                    a: side(|cell| cell.1),
                    b: side(|cell| cell.2),
                    epochs_max: 1,
                    kind: Some(MetricKind::Binary),
                    ..PairedScores::default()
                };
                Found::Baseline(decide_pairs(
                    &pairs,
                    MetricKind::Binary,
                    Contrast::of(&against),
                    gate.risk,
                ))
            }
        }
    }
}

impl Repeated {
    pub(super) fn seen(&self) -> Seen {
        let passes = |successes: u32| 2 * successes >= self.epochs;
        let pairs = || self.baseline.iter().zip(&self.new);
        let sum = |side: &[u32]| -> u64 { side.iter().map(|&count| u64::from(count)).sum() };
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let difference = (sum(&self.new) as f64 - sum(&self.baseline) as f64)
            / (self.new.len() as f64 * f64::from(self.epochs));
        Seen {
            newly_failing: pairs()
                .filter(|(old, new)| passes(**old) && !passes(**new))
                .count() as u32,
            difference,
        }
    }

    pub(super) fn weigh(&self, gate: &SimulatedGate, metric: &Simulated) -> Found {
        match gate.asks {
            Asks::Bound(bound) => {
                let mut series = Series::new(MetricKind::Binary, Unit::Share, Policy::EXCLUDE, true);
                for (index, &successes) in self.new.iter().enumerate() {
                    let cluster = self.clusters.get(index).copied().unwrap_or(index as u32);
                    for epoch in 0..self.epochs {
                        let value = f64::from(u8::from((epoch < successes) == metric.higher_is_better));
                        series.add(Outcome::Scored, Some(value), cluster);
                    }
                }
                Found::Bound(bound, weigh(&series, Statistic::Mean, bound, gate.risk))
            }
            Asks::Baseline(against) => {
                let side = |counts: &[u32]| -> Vec<f64> {
                    let share = |&count: &u32| f64::from(count) / f64::from(self.epochs);
                    let value = |share: f64| {
                        if metric.higher_is_better {
                            share
                        } else {
                            1.0 - share
                        }
                    };
                    counts.iter().map(share).map(value).collect()
                };
                let pairs = PairedScores {
                    a: side(&self.baseline),
                    b: side(&self.new),
                    clusters: self.clusters.clone(),
                    epochs_max: self.epochs,
                    kind: Some(if self.epochs > 1 {
                        MetricKind::Bounded
                    } else {
                        MetricKind::Binary
                    }),
                    ..PairedScores::default()
                };
                Found::Baseline(decide_pairs(
                    &pairs,
                    MetricKind::Binary,
                    Contrast::of(&against),
                    gate.risk,
                ))
            }
        }
    }
}
