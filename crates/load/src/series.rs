//! How far the values of one run depend on each other: batch means with an automatic batch length. Apart because every
//! interval of this crate rests on it.
//!
//! Requests of one run share a queue, so a slow one comes with slow neighbours and n of them say less than n independent
//! ones. Values are put into batches of successive ones until the batches look independent; the spread of the batches
//! then tells the error of the mean, whatever the dependence within them (Conway 1963; Schmeiser 1982).

use seatrial_stats::dist::t_isf;

/// Fewest batches from which a spread is taken. Twenty are the usual floor: with fewer, Student's t pays too much.
pub(crate) const BATCHES_MIN: usize = 20;
/// Most batches; beyond that a longer batch costs nothing and protects better.
const BATCHES_MAX: usize = 200;
/// One-sided level at which the dependence of neighbouring batches counts as seen.
const DEPENDENCE_Z: f64 = 1.0;

/// A mean of dependent values, with the standard error that they really have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchedMean {
    /// The mean: total of what is summed over total weight.
    pub mean: f64,
    /// Its standard error.
    pub se: f64,
    /// Batches behind the standard error; its degrees of freedom are one less.
    pub batches: usize,
    /// Units (requests, bins of time) in a batch.
    pub batch_len: usize,
    /// Whether neighbouring batches look independent. If not, the run was too short for its own memory and the standard
    /// error is a lower bound.
    pub settled: bool,
}

impl BatchedMean {
    /// Half the width of the two-sided interval at this level (Student's t).
    #[must_use]
    pub fn half_width(&self, level: f64) -> f64 {
        t_isf(0.5 * (1.0 - level), (self.batches - 1) as f64) * self.se
    }
}

/// One unit of a series in the order of time: a sum and the weight it is over. For a plain series the weight is 1; for
/// pooled gaps of a request the sum counts gaps below a value, and the weight counts all of them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Unit {
    /// What is summed.
    pub sum: f64,
    /// What it is over.
    pub weight: f64,
}

/// The ratio of sums to weights with its standard error from batches; `None` with fewer than two units or no weight.
///
/// Below 40 units every unit is a batch of its own and dependence cannot be told.
#[must_use]
pub fn batched_mean(units: &[Unit]) -> Option<BatchedMean> {
    let weight: f64 = units.iter().map(|unit| unit.weight).sum();
    if units.len() < 2 || weight.is_nan() || weight <= 0.0 {
        return None;
    }
    let mean = units.iter().map(|unit| unit.sum).sum::<f64>() / weight;
    let mut batch_len = units.len().div_ceil(BATCHES_MAX).max(1);
    loop {
        let batches = batches_of(units, batch_len, mean);
        let settled = !depends(&batches);
        // The next length would leave too few batches.
        let is_last = units.len() / (batch_len * 2) < BATCHES_MIN;
        if settled || is_last {
            return Some(BatchedMean {
                mean,
                se: standard_error(
                    &batches,
                    weight,
                    units.len() as f64 / (batches.len() * batch_len) as f64,
                ),
                batches: batches.len(),
                batch_len,
                settled,
            });
        }
        batch_len *= 2;
    }
}

/// Deviation of each batch: its sum less its share of the mean. What does not fill a batch is left out at the front,
/// where the run is least settled.
fn batches_of(units: &[Unit], batch_len: usize, mean: f64) -> Vec<f64> {
    let (_, whole) = units.split_at(units.len() % batch_len);
    whole
        .chunks_exact(batch_len)
        .map(|batch| batch.iter().map(|unit| unit.sum - mean * unit.weight).sum())
        .collect()
}

/// Whether neighbouring batches go the same way more than chance would have it.
fn depends(batches: &[f64]) -> bool {
    let k = batches.len() as f64;
    let squares: f64 = batches.iter().map(|x| x * x).sum();
    if squares <= 0.0 {
        return false;
    }
    let products: f64 = batches.windows(2).map(|pair| pair[0] * pair[1]).sum();
    // The lag-1 correlation of independent values has mean −1/k and variance near 1/k.
    products / squares + 1.0 / k > DEPENDENCE_Z / k.sqrt()
}

fn standard_error(batches: &[f64], weight: f64, covered: f64) -> f64 {
    let k = batches.len() as f64;
    let mean = batches.iter().sum::<f64>() / k;
    let squares: f64 = batches.iter().map(|x| (x - mean).powi(2)).sum();
    // The variance of the total is k times that of a batch; `covered` makes up for units in no batch.
    (k / (k - 1.0) * squares * covered).sqrt() / weight
}

/// A plain series as units of weight 1.
#[must_use]
pub fn plain(values: &[f64]) -> Vec<Unit> {
    values.iter().map(|&sum| Unit { sum, weight: 1.0 }).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::draws::{Purpose, normal, stream};

    /// A Gaussian AR(1) series with standard normal margin.
    pub(crate) fn ar1(n: usize, rho: f64, seed: u64) -> Vec<f64> {
        let mut random = stream(seed, Purpose::Choice, 77);
        let mut x = normal(&mut random);
        (0..n)
            .map(|_| {
                x = rho * x + (1.0 - rho * rho).sqrt() * normal(&mut random);
                x
            })
            .collect()
    }

    /// Protects: the standard error of independent values is the usual one; of dependent ones it is as much larger as
    /// theory says: √((1 + ρ)/(1 − ρ)).
    #[test]
    fn standard_errors() {
        for rho in [0.0, 0.5, 0.8] {
            let n = 8_000;
            let runs = 60;
            let mean_square: f64 = (0..runs)
                .map(|seed| {
                    let batched = batched_mean(&plain(&ar1(n, rho, seed))).unwrap();
                    batched.se * batched.se
                })
                .sum::<f64>()
                / runs as f64;
            let truth = ((1.0 + rho) / (1.0 - rho)) / n as f64;
            assert!(
                (mean_square / truth - 1.0).abs() < 0.15,
                "{rho}: {}",
                mean_square / truth
            );
        }
    }

    /// Protects: a 95 % interval of the mean covers it about 95 times in 100, strongly dependent values included.
    #[test]
    fn coverage_of_means() {
        for rho in [0.0, 0.6, 0.9] {
            let runs = 500;
            let covered = (0..runs)
                .filter(|&seed| {
                    let batched = batched_mean(&plain(&ar1(4_000, rho, seed))).unwrap();
                    batched.mean.abs() <= batched.half_width(0.95)
                })
                .count();
            let share = covered as f64 / runs as f64;
            assert!((0.925..=0.98).contains(&share), "{rho}: {share}");
        }
    }

    /// Protects: units with weights give the ratio, and its error does not depend on the unit of the weight.
    #[test]
    fn ratios() {
        let mut random = stream(4, Purpose::Choice, 0);
        let units: Vec<Unit> = (0..400)
            .map(|_| {
                let weight = 1.0 + normal(&mut random).abs();
                Unit {
                    sum: 3.0 * weight + normal(&mut random),
                    weight,
                }
            })
            .collect();
        let one = batched_mean(&units).unwrap();
        assert!((one.mean - 3.0).abs() < 4.0 * one.se);
        let scaled: Vec<Unit> = units
            .iter()
            .map(|u| Unit {
                weight: u.weight * 10.0,
                ..*u
            })
            .collect();
        let ten = batched_mean(&scaled).unwrap();
        assert!((ten.se * 10.0 / one.se - 1.0).abs() < 1e-9);
    }

    /// Protects: degenerate series.
    #[test]
    fn edges() {
        assert!(batched_mean(&[]).is_none());
        assert!(batched_mean(&plain(&[1.0])).is_none());
        assert!(batched_mean(&[Unit::default(); 3]).is_none());
        let level = batched_mean(&plain(&[2.0; 500])).unwrap();
        assert_eq!((level.mean, level.se, level.settled), (2.0, 0.0, true));
        // A trend never settles.
        let trend: Vec<f64> = (0..1_000).map(f64::from).collect();
        assert!(!batched_mean(&plain(&trend)).unwrap().settled);
    }
}
