//! Random numbers for resampling: xoshiro256++ (Blackman and Vigna 2021; `rand::rngs::Xoshiro256PlusPlus`), one
//! independent stream per block of work, so that a seed gives the same result on any number of threads.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng};

/// Up to this many items an index is drawn from 32 random bits; its probability is off by less than 2⁻¹².
const HALF_WORD_ITEMS_MAX: usize = 1 << 20;

/// The generator of one block of work.
pub(crate) fn stream(seed: u64, block: u64) -> Xoshiro256PlusPlus {
    // Seeding expands by SplitMix64, whose states must not lie a few steps apart: scatter the pair first.
    Xoshiro256PlusPlus::seed_from_u64(scatter(seed ^ 0x6a09_e667_f3bc_c908) ^ scatter(block).rotate_left(32))
}

/// Finaliser of SplitMix64 after one step: a bijection in which every input bit reaches every output bit.
fn scatter(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Calls `visit` with `count` indices drawn uniformly from `0..items` (multiply and shift). `items > 0`.
#[inline]
pub(crate) fn for_each_index(
    rng: &mut Xoshiro256PlusPlus,
    items: usize,
    count: usize,
    mut visit: impl FnMut(usize),
) {
    if items > HALF_WORD_ITEMS_MAX {
        for _ in 0..count {
            visit(wide_index(rng, items));
        }
        return;
    }
    for _ in 0..count / 2 {
        let (first, second) = index_pair(rng, items);
        visit(first);
        visit(second);
    }
    if count % 2 == 1 {
        visit(index_pair(rng, items).0);
    }
}

/// Sum of `x.len()` values of `x` drawn with replacement; the same draws as [`for_each_index`].
#[inline]
pub(crate) fn resampled_sum(rng: &mut Xoshiro256PlusPlus, x: &[f64]) -> f64 {
    // Separate sums, so that additions do not wait for each other.
    let (mut even, mut odd) = (0.0, 0.0);
    if x.len() > HALF_WORD_ITEMS_MAX {
        for _ in 0..x.len() {
            even += x[wide_index(rng, x.len())];
        }
        return even;
    }
    for _ in 0..x.len() / 2 {
        let (first, second) = index_pair(rng, x.len());
        even += x[first];
        odd += x[second];
    }
    if x.len() % 2 == 1 {
        even += x[index_pair(rng, x.len()).0];
    }
    even + odd
}

/// Two indices below `items` from one random word.
#[inline]
fn index_pair(rng: &mut Xoshiro256PlusPlus, items: usize) -> (usize, usize) {
    let (word, n) = (rng.next_u64(), items as u64);
    (
        (((word & 0xffff_ffff) * n) >> 32) as usize,
        (((word >> 32) * n) >> 32) as usize,
    )
}

/// One index below `items` from a whole random word.
#[inline]
fn wide_index(rng: &mut Xoshiro256PlusPlus, items: usize) -> usize {
    ((u128::from(rng.next_u64()) * (items as u128)) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: streams of neighbouring seeds and blocks differ, and a stream is reproducible.
    #[test]
    fn streams_differ() {
        let first = |seed, block| stream(seed, block).next_u64();
        assert_eq!(first(7, 3), first(7, 3));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..50 {
            for block in 0..50 {
                assert!(seen.insert(first(seed, block)));
            }
        }
    }

    /// Protects: indices stay in range and are uniform (chi-square below its 1e-6 point), small and large.
    #[test]
    fn indices_are_uniform() {
        let mut rng = stream(1, 0);
        let mut counts = [0u32; 50];
        for_each_index(&mut rng, 50, 100_001, |i| counts[i] += 1);
        let expected = 100_001.0 / 50.0;
        let chi2: f64 = counts
            .iter()
            .map(|&c| (f64::from(c) - expected).powi(2) / expected)
            .sum();
        assert!(crate::dist::chi2_sf(chi2, 49.0) > 1e-6, "{chi2}");
        let items = 3 << 20;
        let mut high = 0;
        for_each_index(&mut rng, items, 10_000, |i| {
            assert!(i < items);
            high += u32::from(i >= items / 2);
        });
        assert!((4700..5300).contains(&high));
    }
}
