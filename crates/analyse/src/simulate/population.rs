//! The cases of a simulation and how probable it is that each is answered right: as it was observed, or as far as the
//! observations can tell. Apart from the draws, because what is believed of a case is a decision of its own.

use super::SimulateError;
use seatrial_stats::dist;
use std::collections::HashMap;

/// From this many recorded answers of each case on, its observed rate is taken as the true one. The spread within a case
/// is then understated by a quarter at most: observed rates keep 1 − 1/n of it.
pub const OBSERVED_FROM: u64 = 4;
/// Most cases of a simulation.
pub const CASES_MAX: usize = 1_000_000;
/// Points at which the posterior of a rate is held: the middles of as many equal parts of its probability.
const POSTERIOR_POINTS: u32 = 64;
/// Bounds of the weight of the common prior, in answers.
const PRIOR_WEIGHT: (f64, f64) = (0.05, 1e4);

/// What is known of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// Its rate, from 0 to 1, given from outside.
    Rate(f64),
    /// Answers on record and how many of them were right.
    Counts {
        /// Answers, at least one.
        attempts: u64,
        /// Right ones among them.
        successes: u64,
    },
}

impl Known {
    fn rate(self) -> f64 {
        match self {
            Self::Rate(rate) => rate,
            Self::Counts { attempts, successes } => real(successes) / real(attempts),
        }
    }
}

/// A case and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownCase {
    /// Its id, unique.
    pub id: String,
    /// What it depends on, where cases are not independent: for all cases or for none.
    pub cluster: Option<String>,
    /// Its rate or its counts.
    pub known: Known,
}

/// What is believed to be the true rate of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateModel {
    /// The observed rate.
    Observed,
    /// Drawn anew for every draw from the posterior of the case: a beta-binomial prior, whose mean and weight are those
    /// of all cases together by their moments, updated with the case's own counts. Without any case that was asked
    /// twice there is nothing to tell flaky from wrong, and the prior is Jeffreys'.
    Posterior,
}

impl RateModel {
    /// The word in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Posterior => "posterior",
        }
    }
}

/// How a worsening by this many points of the mean reaches the cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Every case keeps the same share of its rate.
    Proportional,
    /// Every case moves by the same distance on the logit scale; cases that are always right hardly move.
    Logit,
    /// Some cases, drawn anew each time, are never right any more; the others stay as they are.
    Broken,
}

impl Spread {
    /// The word in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proportional => "proportional",
            Self::Logit => "logit",
            Self::Broken => "broken",
        }
    }
}

/// Cases with their believed rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    cases: Vec<Believed>,
    /// Equally probable rates, of all cases one after the other; cases with the same counts share them.
    rates: Vec<f64>,
    /// Cases by cluster; empty where cases are independent.
    clusters: Vec<Vec<u32>>,
    mean: f64,
    model: RateModel,
    attempts: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Believed {
    first: u32,
    count: u32,
    /// Number of its cluster; of itself where cases are independent.
    pub(super) cluster: u32,
}

impl Believed {
    /// Where its rates lie.
    pub(super) const fn rates(self) -> std::ops::Range<usize> {
        self.first as usize..(self.first + self.count) as usize
    }
}

impl Population {
    /// From what is known of the cases. `model: None` takes observed rates where every case has [`OBSERVED_FROM`] answers
    /// or a given rate, else posteriors.
    ///
    /// # Errors
    /// No case or more than [`CASES_MAX`]; a rate outside 0 to 1; more successes than attempts, or no attempt; an id
    /// twice; clusters for some cases only.
    pub fn try_new(cases: &[KnownCase], model: Option<RateModel>) -> Result<Self, SimulateError> {
        check(cases)?;
        let attempts: Vec<u64> = cases
            .iter()
            .filter_map(|case| match case.known {
                Known::Rate(_) => None,
                Known::Counts { attempts, .. } => Some(attempts),
            })
            .collect();
        let attempts = attempts.iter().min().copied().zip(attempts.iter().max().copied());
        let model = model.unwrap_or(match attempts {
            Some((fewest, _)) if fewest < OBSERVED_FROM => RateModel::Posterior,
            _ => RateModel::Observed,
        });
        let (clusters, cluster_of) = clusters_of(cases);
        let mut population = Self {
            cases: Vec::with_capacity(cases.len()),
            rates: Vec::new(),
            clusters,
            mean: 0.0,
            model,
            attempts,
        };
        let prior = Prior::of(cases);
        let mut places: HashMap<(u64, u64), (u32, u32)> = HashMap::new();
        for (index, case) in cases.iter().enumerate() {
            let (first, count) = match (case.known, model) {
                (Known::Counts { attempts, successes }, RateModel::Posterior) => *places
                    .entry((attempts, successes))
                    .or_insert_with(|| population.hold(&prior.posterior(attempts, successes))),
                (known, _) => population.hold(&[known.rate()]),
            };
            population.cases.push(Believed {
                first,
                count,
                cluster: cluster_of.get(index).copied().unwrap_or(index as u32),
            });
        }
        population.mean = population.mean_of(&population.rates);
        Ok(population)
    }

    fn hold(&mut self, rates: &[f64]) -> (u32, u32) {
        let first = self.rates.len() as u32;
        self.rates.extend_from_slice(rates);
        (first, rates.len() as u32)
    }

    /// Mean over cases with these rates in the place of the believed ones.
    pub(super) fn mean_of(&self, rates: &[f64]) -> f64 {
        let sum: f64 = self.cases.iter().map(|case| mean(rates.get(case.rates()))).sum();
        sum / real(self.cases.len() as u64)
    }

    /// The same cases with the outcomes exchanged: rates of failure as rates of success.
    #[must_use]
    pub fn turned(&self) -> Self {
        Self {
            rates: self.rates.iter().map(|rate| 1.0 - rate).collect(),
            mean: 1.0 - self.mean,
            ..self.clone()
        }
    }

    /// Mean believed rate.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Number of cases, at least one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is no case; there always is one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Number of clusters; `None` where cases are independent.
    #[must_use]
    pub const fn clusters(&self) -> Option<usize> {
        if self.clusters.is_empty() {
            None
        } else {
            Some(self.clusters.len())
        }
    }

    /// Fewest and most recorded answers of a case; `None` where all rates are given.
    #[must_use]
    pub const fn attempts(&self) -> Option<(u64, u64)> {
        self.attempts
    }

    /// What is believed to be the true rates.
    #[must_use]
    pub const fn model(&self) -> RateModel {
        self.model
    }

    /// Mean variance of a single answer around the rate of its case, and variance of the rates among cases.
    #[must_use]
    pub fn variances(&self) -> (f64, f64) {
        let within: Vec<f64> = self.rates.iter().map(|rate| rate * (1.0 - rate)).collect();
        let squares: Vec<f64> = self.rates.iter().map(|rate| rate * rate).collect();
        let among = self.mean_of(&squares) - self.mean * self.mean;
        (self.mean_of(&within), among.max(0.0))
    }

    pub(super) fn believed(&self) -> &[Believed] {
        &self.cases
    }

    pub(super) fn rates(&self) -> &[f64] {
        &self.rates
    }

    pub(super) fn cases_by_cluster(&self) -> &[Vec<u32>] {
        &self.clusters
    }
}

fn check(cases: &[KnownCase]) -> Result<(), SimulateError> {
    if cases.is_empty() {
        return Err(SimulateError::NoCases);
    }
    if cases.len() > CASES_MAX {
        return Err(SimulateError::TooMany { found: cases.len() });
    }
    let is_clustered = cases.iter().any(|case| case.cluster.is_some());
    let mut seen = HashMap::with_capacity(cases.len());
    for (index, case) in cases.iter().enumerate() {
        let id = || case.id.clone();
        if let Some(first) = seen.insert(case.id.as_str(), index) {
            return Err(SimulateError::Duplicate {
                id: id(),
                first,
                second: index,
            });
        }
        if is_clustered && case.cluster.is_none() {
            return Err(SimulateError::ClusterMissing { id: id(), index });
        }
        match case.known {
            Known::Rate(found) if !(0.0..=1.0).contains(&found) => {
                return Err(SimulateError::Rate {
                    id: id(),
                    index,
                    found,
                });
            }
            Known::Counts { attempts, successes } if attempts == 0 || successes > attempts => {
                return Err(SimulateError::Counts {
                    id: id(),
                    index,
                    attempts,
                    successes,
                });
            }
            Known::Rate(_) | Known::Counts { .. } => {}
        }
    }
    Ok(())
}

/// Cases by cluster in order of first appearance, and the cluster of each case; both empty where there are none.
fn clusters_of(cases: &[KnownCase]) -> (Vec<Vec<u32>>, Vec<u32>) {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let (mut clusters, mut cluster_of) = (Vec::<Vec<u32>>::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        let Some(name) = case.cluster.as_deref() else {
            continue;
        };
        let number = *numbers.entry(name).or_insert_with(|| {
            clusters.push(Vec::new());
            (clusters.len() - 1) as u32
        });
        if let Some(cluster) = clusters.get_mut(number as usize) {
            cluster.push(index as u32);
        }
        cluster_of.push(number);
    }
    (clusters, cluster_of)
}

/// The common prior of all rates, Beta(a, b).
struct Prior {
    a: f64,
    b: f64,
}

impl Prior {
    /// By moments: the mean of all answers, and from cases that were asked more than once how much of their variance lies
    /// between two answers of one case.
    fn of(cases: &[KnownCase]) -> Self {
        let (mut right, mut all, mut within, mut repeated, mut pairs) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for case in cases {
            if let Known::Counts { attempts, successes } = case.known {
                let (n, c) = (real(attempts), real(successes));
                right += c;
                all += n;
                if attempts > 1 {
                    within += c * (n - c) / (n * (n - 1.0));
                    repeated += 1.0;
                    pairs += 0.5 * n * (n - 1.0);
                }
            }
        }
        let mean = right / all;
        let total = mean * (1.0 - mean);
        if repeated == 0.0 || total.is_nan() || total <= 0.0 {
            return Self { a: 0.5, b: 0.5 };
        }
        // No pair of answers that differ does not mean that none ever will: half of one is assumed.
        let within = (within / repeated).max(0.25 / pairs);
        let alike = 1.0 - (within / total).min(1.0);
        let weight = (1.0 / alike - 1.0).clamp(PRIOR_WEIGHT.0, PRIOR_WEIGHT.1);
        Self {
            a: mean * weight,
            b: (1.0 - mean) * weight,
        }
    }

    fn posterior(&self, attempts: u64, successes: u64) -> Vec<f64> {
        let (a, b) = (
            self.a + real(successes),
            self.b + real(attempts.saturating_sub(successes)),
        );
        (0..POSTERIOR_POINTS)
            .map(|point| {
                let p = (f64::from(point) + 0.5) / f64::from(POSTERIOR_POINTS);
                dist::beta_quantile(p, a, b).clamp(0.0, 1.0)
            })
            .map(|rate| if rate.is_finite() { rate } else { a / (a + b) })
            .collect()
    }
}

/// Rates after a worsening, and how probable it is that a case breaks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worsened {
    pub(super) rates: Vec<f64>,
    pub(super) broken: f64,
}

impl Population {
    /// The rates whose mean is lower by `drop`.
    pub(super) fn worsened(&self, spread: Spread, drop: f64) -> Result<Worsened, SimulateError> {
        if !(0.0..=self.mean).contains(&drop) {
            return Err(SimulateError::Drop {
                found: drop,
                mean: self.mean,
            });
        }
        let unchanged = || self.rates.clone();
        let share = if self.mean > 0.0 { drop / self.mean } else { 0.0 };
        Ok(match spread {
            _ if drop == 0.0 => Worsened {
                rates: unchanged(),
                broken: 0.0,
            },
            Spread::Broken => Worsened {
                rates: unchanged(),
                broken: share,
            },
            Spread::Proportional => Worsened {
                rates: self.rates.iter().map(|rate| rate * (1.0 - share)).collect(),
                broken: 0.0,
            },
            Spread::Logit => Worsened {
                rates: self.shifted(drop),
                broken: 0.0,
            },
        })
    }

    /// Rates moved by the same distance on the logit scale, found by bisection. A rate of 1 counts as one half of an
    /// answer in [`LOGIT_ANSWERS`] short of it, or it could not move at all.
    fn shifted(&self, drop: f64) -> Vec<f64> {
        const LOGIT_ANSWERS: f64 = 100.0;
        const BISECTIONS: usize = 60;
        let most = 1.0 - 0.5 / LOGIT_ANSWERS;
        let logits: Vec<f64> = self
            .rates
            .iter()
            .map(|&rate| (rate.min(most) / (1.0 - rate.min(most))).ln())
            .collect();
        let shift = |by: f64| -> Vec<f64> {
            let moved = logits.iter().map(|logit| 1.0 / (1.0 + (by - logit).exp()));
            // Nothing rises: capping at `most` alone is no worsening of what is not moved.
            self.rates
                .iter()
                .zip(moved)
                .map(|(rate, moved)| rate.min(moved))
                .collect()
        };
        let (mut low, mut high) = (0.0, 64.0);
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (low + high);
            if self.mean - self.mean_of(&shift(middle)) < drop {
                low = middle;
            } else {
                high = middle;
            }
        }
        shift(high)
    }
}

fn mean(values: Option<&[f64]>) -> f64 {
    let values = values.unwrap_or_default();
    values.iter().sum::<f64>() / real(values.len() as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(index: usize, attempts: u64, successes: u64) -> KnownCase {
        KnownCase {
            id: format!("c{index}"),
            cluster: None,
            known: Known::Counts { attempts, successes },
        }
    }

    fn given(index: usize, rate: f64) -> KnownCase {
        KnownCase {
            id: format!("c{index}"),
            cluster: None,
            known: Known::Rate(rate),
        }
    }

    /// Protects the choice of the model: four answers each are taken as they are, fewer are not, and a single answer a
    /// case is never taken for certainty.
    #[test]
    fn few_answers_are_no_certainty() {
        let cases = |attempts| -> Vec<_> {
            (0..20)
                .map(|i| counted(i, attempts, (i as u64) % (attempts + 1)))
                .collect()
        };
        let of = |attempts| Population::try_new(&cases(attempts), None).unwrap();
        assert_eq!(of(4).model(), RateModel::Observed);
        assert_eq!(of(3).model(), RateModel::Posterior);
        let single = of(1);
        assert!(single.variances().0 > 0.1, "{:?}", single.variances());
        let raw = Population::try_new(&cases(1), Some(RateModel::Observed)).unwrap();
        assert_eq!(raw.variances().0, 0.0);
        assert_eq!(raw.attempts(), Some((1, 1)));
    }

    /// Protects the posterior: its variance within a case is the unbiased one, which observed rates understate by 1/n.
    #[test]
    fn posteriors_keep_the_spread_within_cases() {
        // Beta(1, 1) rates give each count of 4 equally often; the true mean of p(1 − p) is 1/6.
        let cases: Vec<_> = (0..500).map(|i| counted(i, 4, (i % 5) as u64)).collect();
        let posterior = Population::try_new(&cases, Some(RateModel::Posterior)).unwrap();
        let observed = Population::try_new(&cases, Some(RateModel::Observed)).unwrap();
        assert!(
            (posterior.variances().0 - 1.0 / 6.0).abs() < 2e-3,
            "{:?}",
            posterior.variances()
        );
        assert!((observed.variances().0 - 1.0 / 8.0).abs() < 1e-12);
        assert!((posterior.mean() - 0.5).abs() < 1e-6);
    }

    /// Protects the refusals, each with the case.
    #[test]
    fn nonsense_is_refused() {
        let refused = |cases: &[KnownCase]| Population::try_new(cases, None).unwrap_err().to_string();
        assert_eq!(refused(&[]), "there is no case, expected at least one");
        assert!(refused(&[given(0, 1.5)]).contains("1.5"));
        assert!(refused(&[given(0, f64::NAN)]).contains("NaN"));
        assert!(refused(&[counted(0, 0, 0)]).contains("0 answers"));
        assert!(refused(&[counted(0, 1, 2)]).contains("2 of 1"));
        assert!(refused(&[given(0, 0.5), given(0, 0.5)]).contains("twice"));
        let clustered = KnownCase {
            cluster: Some("k".to_owned()),
            ..given(1, 0.5)
        };
        assert!(refused(&[given(0, 0.5), clustered]).contains("no cluster"));
        let population = Population::try_new(&[given(0, 0.5)], None).unwrap();
        assert!(population.worsened(Spread::Broken, 0.6).is_err());
        assert!(population.worsened(Spread::Broken, -0.1).is_err());
    }

    proptest! {
        /// Protects that every spread lowers the mean by what was asked and never raises a case.
        #[test]
        fn drops_are_as_large_as_asked(rates in prop::collection::vec(0.0f64..=1.0, 1..40), part in 0.0f64..0.9) {
            let cases: Vec<_> = rates.iter().enumerate().map(|(i, &rate)| given(i, rate)).collect();
            let population = Population::try_new(&cases, None).unwrap();
            let drop = part * population.mean();
            for spread in [Spread::Proportional, Spread::Logit, Spread::Broken] {
                let worse = population.worsened(spread, drop).unwrap();
                let mean = population.mean_of(&worse.rates) * (1.0 - worse.broken);
                // Capping rates of 1 moves by half a hundredth at least.
                let slack = if spread == Spread::Logit { 0.0051 } else { 1e-9 };
                prop_assert!((population.mean() - mean - drop).abs() < slack, "{spread:?} {mean} {drop}");
                prop_assert!(worse.rates.iter().zip(population.rates()).all(|(new, old)| new <= old));
            }
        }
    }
}
