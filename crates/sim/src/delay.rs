//! Distributions of delays and lengths. Apart because configuration describes them and a plan draws from them.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// Longest delay that can be drawn, in milliseconds: ten minutes. A heavy tail must not hold a connection for ever.
pub(crate) const DELAY_MS_MAX: f64 = 600_000.0;

/// A distribution over non-negative numbers: milliseconds where it is a delay, tokens where it is a length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dist {
    /// Always this.
    Constant {
        /// The value, at least 0.
        value: f64,
    },
    /// Even between two bounds.
    Uniform {
        /// Lower bound, at least 0.
        low: f64,
        /// Upper bound, at least `low`.
        high: f64,
    },
    /// `median · exp(sigma · Z)` with Z standard normal: what network and queueing delays look like.
    LogNormal {
        /// Median, at least 0. The mean is `median · exp(sigma²/2)`.
        median: f64,
        /// Standard deviation of the logarithm, in [0, 10].
        sigma: f64,
    },
    /// Gamma with this mean and shape; the coefficient of variation is `1/√shape`.
    Gamma {
        /// Mean, at least 0.
        mean: f64,
        /// Shape, above 0; 1 is the exponential distribution, larger is more even.
        shape: f64,
    },
}

impl Dist {
    /// Always zero: no delay.
    pub const ZERO: Self = Self::Constant { value: 0.0 };

    /// Always this value.
    #[must_use]
    pub const fn constant(value: f64) -> Self {
        Self::Constant { value }
    }

    /// Whether every draw is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Constant { value } if *value == 0.0)
    }

    /// Why this distribution cannot be drawn from, as `(parameter, what was wrong)`; `None` where it can.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let not_in = |name, value: f64, low: f64, high: f64| {
            let good = value >= low && value <= high;
            (!good).then(|| {
                (
                    name,
                    format!("found {value}, expected a number from {low} to {high}"),
                )
            })
        };
        let size = |name, value| not_in(name, value, 0.0, 1e9);
        match *self {
            Self::Constant { value } => size("value", value),
            Self::Uniform { low, high } => size("low", low).or_else(|| not_in("high", high, low, 1e9)),
            Self::LogNormal { median, sigma } => {
                size("median", median).or_else(|| not_in("sigma", sigma, 0.0, 10.0))
            }
            Self::Gamma { mean, shape } => size("mean", mean).or_else(|| not_in("shape", shape, 1e-3, 1e9)),
        }
    }

    /// One draw.
    pub(crate) fn draw(&self, random: &mut Pcg64Mcg) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::Uniform { low, high } => low + (high - low) * random.random::<f64>(),
            Self::LogNormal { median, sigma } => median * (sigma * normal(random)).exp(),
            Self::Gamma { mean, shape } => mean / shape * gamma(shape, random),
        }
    }

    /// One draw as a delay, at most [`DELAY_MS_MAX`].
    pub(crate) fn draw_delay(&self, random: &mut Pcg64Mcg) -> Duration {
        if self.is_zero() {
            return Duration::ZERO;
        }
        delay(self.draw(random))
    }
}

/// Milliseconds as a delay, in [0, [`DELAY_MS_MAX`]]; NaN is no delay.
pub(crate) fn delay(ms: f64) -> Duration {
    // Clamping leaves NaN as it is, and a duration of NaN would panic.
    if ms.is_nan() {
        return Duration::ZERO;
    }
    Duration::from_secs_f64(ms.clamp(0.0, DELAY_MS_MAX) / 1e3)
}

/// A standard normal number by Box and Muller (1958).
fn normal(random: &mut Pcg64Mcg) -> f64 {
    // 1 − u lies in (0, 1], so the logarithm is finite.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// A gamma number with this shape and scale 1 by Marsaglia and Tsang (2000); a shape below 1 is lifted by one and scaled
/// back by u^(1/shape), as they describe.
fn gamma(shape: f64, random: &mut Pcg64Mcg) -> f64 {
    if shape < 1.0 {
        let lift = (1.0 - random.random::<f64>()).powf(1.0 / shape);
        return lift * gamma_from_one(shape + 1.0, random);
    }
    gamma_from_one(shape, random)
}

fn gamma_from_one(shape: f64, random: &mut Pcg64Mcg) -> f64 {
    /// More than 95 of 100 tries are taken, so that a hundred refusals in a row do not happen.
    const TRIES_MAX: u32 = 100;
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    for _ in 0..TRIES_MAX {
        let x = normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - random.random::<f64>()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::generator;

    /// Protects the simulated latencies: the sample mean and standard deviation of each distribution are the textbook's.
    #[test]
    fn moments_are_right() {
        let sigma = 0.5_f64;
        let cases = [
            (Dist::constant(3.0), 3.0, 0.0),
            (Dist::Uniform { low: 2.0, high: 8.0 }, 5.0, 6.0 / 12.0_f64.sqrt()),
            (
                Dist::LogNormal { median: 10.0, sigma },
                10.0 * (sigma * sigma / 2.0).exp(),
                10.0 * (((sigma * sigma).exp() - 1.0) * (sigma * sigma).exp()).sqrt(),
            ),
            (
                Dist::Gamma {
                    mean: 6.0,
                    shape: 4.0,
                },
                6.0,
                3.0,
            ),
            (
                Dist::Gamma {
                    mean: 6.0,
                    shape: 0.5,
                },
                6.0,
                6.0 * 2.0_f64.sqrt(),
            ),
        ];
        let count = 200_000;
        for (dist, mean, deviation) in cases {
            assert_eq!(dist.problem(), None);
            let mut random = generator(11);
            let draws: Vec<f64> = (0..count).map(|_| dist.draw(&mut random)).collect();
            let found = draws.iter().sum::<f64>() / f64::from(count);
            let spread = (draws.iter().map(|x| (x - found).powi(2)).sum::<f64>() / f64::from(count)).sqrt();
            assert!(
                (found - mean).abs() < 0.02 * mean,
                "{dist:?}: mean {found}, expected {mean}"
            );
            assert!(
                (spread - deviation).abs() <= 0.03 * deviation + 1e-9,
                "{dist:?}: {spread}, {deviation}"
            );
            assert!(draws.iter().all(|x| *x >= 0.0));
        }
    }

    /// Protects the server against delays that never end and against parameters that mean nothing.
    #[test]
    fn delays_are_bounded() {
        let mut random = generator(1);
        let forever = Dist::constant(1e9);
        assert_eq!(forever.draw_delay(&mut random), Duration::from_millis(600_000));
        assert_eq!(delay(f64::NAN), Duration::ZERO);
        assert!(Dist::constant(-1.0).problem().is_some());
        assert!(Dist::constant(f64::NAN).problem().is_some());
        assert!(Dist::Uniform { low: 2.0, high: 1.0 }.problem().is_some());
        assert!(
            Dist::Gamma {
                mean: 1.0,
                shape: 0.0
            }
            .problem()
            .is_some()
        );
    }
}
