//! Random numbers of the load generator: streams that are named by seed, purpose and index, and the few distributions
//! that are drawn from. Apart so that a schedule or a prompt depends on nothing but its own name: not on the order in
//! which things are drawn, not on the number of threads, and not on the version of a crate of distributions.

use rand::RngExt;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// What a stream is for. Two purposes never share random numbers, so changing one leaves the others as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Gaps between arrivals.
    Arrivals,
    /// Lengths of bursts and of the time between them.
    Bursts,
    /// Lengths of prompts and answers.
    Lengths,
    /// Words of prompts.
    Words,
    /// Which shared prefix a request has, which row of a dataset.
    Choice,
    /// Think time between the turns of a conversation.
    Think,
    /// Numbers of turns of conversations.
    Turns,
    /// Resamples of a bootstrap.
    Resamples,
}

/// The stream of this name. `index` is the number of the request, conversation or block it is for.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Pcg64Mcg {
    // A multiplicative generator must not start from neighbouring states: scatter each part of the name first.
    let name = scatter(seed ^ 0x5ea7_41a1_0ad5_eed5);
    let high = scatter(name ^ (purpose as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
    let low = scatter(high ^ index);
    Pcg64Mcg::from_seed(((u128::from(high) << 64) | u128::from(low)).to_le_bytes())
}

/// One step of SplitMix64 with its finaliser: a bijection in which every input bit reaches every output bit.
pub(crate) fn scatter(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in (0, 1]: its logarithm is finite.
pub(crate) fn unit(random: &mut Pcg64Mcg) -> f64 {
    1.0 - random.random::<f64>()
}

/// A whole number below `end`, which must be above 0.
pub(crate) fn below(end: u64, random: &mut Pcg64Mcg) -> u64 {
    // Multiply and shift: off by less than `end`/2⁶⁴.
    ((u128::from(random.random::<u64>()) * u128::from(end)) >> 64) as u64
}

/// An exponential number with mean 1.
pub(crate) fn exponential(random: &mut Pcg64Mcg) -> f64 {
    -unit(random).ln()
}

/// A standard normal number by Box and Muller (1958).
pub(crate) fn normal(random: &mut Pcg64Mcg) -> f64 {
    let radius = (-2.0 * unit(random).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// A gamma number with this shape and mean 1 by Marsaglia and Tsang (2000); a shape below 1 is lifted by one and scaled
/// back by u^(1/shape), as they describe. The coefficient of variation is 1/√shape.
pub(crate) fn gamma(shape: f64, random: &mut Pcg64Mcg) -> f64 {
    if shape < 1.0 {
        let lift = unit(random).powf(1.0 / shape);
        return lift * gamma_from_one(shape + 1.0, random) / shape;
    }
    gamma_from_one(shape, random) / shape
}

fn gamma_from_one(shape: f64, random: &mut Pcg64Mcg) -> f64 {
    /// More than 95 of 100 tries are taken, so that a hundred refusals in a row do not happen.
    const TRIES_MAX: u32 = 100;
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    for _ in 0..TRIES_MAX {
        let x = normal(random);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && unit(random).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: streams are reproducible, and neighbours in seed, purpose and index have nothing in common.
    #[test]
    fn streams_differ() {
        let first = |seed, purpose, index| stream(seed, purpose, index).random::<u64>();
        assert_eq!(first(7, Purpose::Words, 3), first(7, Purpose::Words, 3));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..20 {
            for index in 0..20 {
                for purpose in [Purpose::Arrivals, Purpose::Lengths, Purpose::Think] {
                    assert!(seen.insert(first(seed, purpose, index)));
                }
            }
        }
    }

    /// Protects: mean and variance of what is drawn, for shapes on both sides of 1.
    #[test]
    fn moments() {
        let moments = |draw: &mut dyn FnMut() -> f64| {
            let n = 200_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let x = draw();
                sum += x;
                squares += x * x;
            }
            let mean = sum / f64::from(n);
            (mean, squares / f64::from(n) - mean * mean)
        };
        for shape in [0.2, 0.5, 1.0, 2.0, 9.0] {
            let mut random = stream(1, Purpose::Arrivals, 0);
            let (mean, variance) = moments(&mut || gamma(shape, &mut random));
            assert!((mean - 1.0).abs() < 0.03, "{shape}: {mean}");
            assert!((variance * shape - 1.0).abs() < 0.06, "{shape}: {variance}");
        }
        let mut random = stream(2, Purpose::Arrivals, 0);
        let (mean, variance) = moments(&mut || exponential(&mut random));
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.04);
        let mut random = stream(3, Purpose::Arrivals, 0);
        let (mean, variance) = moments(&mut || normal(&mut random));
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02);
    }
}
