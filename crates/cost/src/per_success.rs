//! What a success costs, by resampling whole cases: an interval that asks nothing of the shape of costs, beside Fieller's.

use crate::montecarlo::stream;
use rand::RngExt;
use seatrial_stats::ratio::RatioSums;

/// Sums of one case over its repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CaseSums {
    /// Dollars.
    pub usd: f64,
    /// Successes.
    pub successes: f64,
}

/// A resampled interval of the cost of a success.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResampledRatio {
    /// Lower end.
    pub low: f64,
    /// Upper end; `None` where more than the tail of the resamples has no success at all: the data do not bound it.
    pub high: Option<f64>,
}

/// Percentile bootstrap of Σ dollars / Σ successes over cases; a resample without a success counts as infinite. `None`
/// without cases.
#[must_use]
pub fn bootstrap(cases: &[CaseSums], level: f64, resamples: usize, seed: u64) -> Option<ResampledRatio> {
    if cases.is_empty() || resamples == 0 {
        return None;
    }
    let mut rng = stream(seed, 0);
    let mut ratios: Vec<f64> = (0..resamples)
        .map(|_| {
            let (mut usd, mut successes) = (0.0, 0.0);
            for _ in 0..cases.len() {
                let place = (u128::from(rng.random::<u64>()) * cases.len() as u128) >> 64;
                if let Some(case) = cases.get(place as usize) {
                    usd += case.usd;
                    successes += case.successes;
                }
            }
            if successes > 0.0 {
                usd / successes
            } else {
                f64::INFINITY
            }
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| ratios[((q * resamples as f64) as usize).min(resamples - 1)];
    let tail = 0.5 * (1.0 - level);
    let low = at(tail);
    low.is_finite().then(|| ResampledRatio {
        low,
        high: Some(at(1.0 - tail)).filter(|high| high.is_finite()),
    })
}

/// The sums that Fieller's interval needs, a case as one unit.
#[must_use]
pub fn sums(cases: &[CaseSums]) -> RatioSums {
    let mut sums = RatioSums::default();
    for case in cases {
        sums.add(case.usd, case.successes);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_stats::ratio::fieller;

    fn cases(n: u32, every: u32) -> Vec<CaseSums> {
        (0..n)
            .map(|i| CaseSums {
                usd: 0.01 + f64::from(i % 7) * 0.001,
                successes: f64::from(u8::from(i % every == 0)),
            })
            .collect()
    }

    /// Protects the two intervals by each other: where there is enough data they agree.
    #[test]
    fn agrees_with_fieller() {
        let cases = cases(600, 3);
        let found = bootstrap(&cases, 0.95, 4000, 1).unwrap();
        let exact = fieller(&sums(&cases), 0.025).unwrap();
        assert!((found.low / exact.low - 1.0).abs() < 0.02, "{found:?} {exact:?}");
        assert!(
            (found.high.unwrap() / exact.high - 1.0).abs() < 0.02,
            "{found:?} {exact:?}"
        );
    }

    /// Protects "unbounded": one success in twenty is missing in more than a third of the resamples.
    #[test]
    fn few_successes_are_unbounded() {
        let found = bootstrap(&cases(20, 20), 0.95, 2000, 1).unwrap();
        assert!(found.high.is_none() && found.low > 0.0, "{found:?}");
        assert!(bootstrap(&cases(20, 100)[1..], 0.95, 2000, 1).is_none());
        assert!(bootstrap(&[], 0.95, 100, 1).is_none());
    }
}
