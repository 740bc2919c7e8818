//! Hashes that decide: which answers are right, which faults happen, which latencies are drawn. Apart because every
//! decision must follow from the seed and the conversation alone, in one documented way.

use rand_pcg::Pcg64Mcg;

/// What a draw is for. Two purposes never share bits, so that a fault says nothing about a latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Which fault, if any.
    Fault = 1,
    /// Delays and lengths.
    Timing = 2,
    /// Which wrong answer.
    Wrong = 3,
}

/// A 64-bit key of these parts: the head of a BLAKE3 hash over the parts, each with its length in front, so that
/// moving a byte from one part to the next gives another key.
pub(crate) fn key_of(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    head(hasher.finalize().as_bytes())
}

/// The first eight bytes as a number.
pub(crate) fn head(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// Bits for one decision: the output function of SplitMix64 (Steele, Lea and Flood 2014) over key, conversation, attempt
/// and purpose. Cheap, because it is paid by every request; the cryptographic work is done once in the keys.
pub(crate) fn bits(key: u64, conversation: u64, attempt: u64, purpose: Purpose) -> u64 {
    let step = |state: u64, word: u64| {
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    step(step(step(step(0, key), conversation), attempt), purpose as u64)
}

/// Bits as a number in [0, 1), from the upper 53.
pub(crate) fn unit(bits: u64) -> f64 {
    const SCALE: f64 = 1.0 / 9_007_199_254_740_992.0;
    (bits >> 11) as f64 * SCALE
}

/// A generator whose whole stream follows from these bits.
pub(crate) fn generator(bits: u64) -> Pcg64Mcg {
    Pcg64Mcg::new(u128::from(bits) << 64 | u128::from(bits.rotate_left(32) ^ 0x5851_f42d_4c95_7f2d))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the promise that the same seed gives the same run for every version: these numbers are fixed for ever.
    #[test]
    fn keys_and_bits_never_change() {
        assert_eq!(key_of(&[b"ab", b"c"]), key_of(&[b"ab", b"c"]));
        assert_ne!(key_of(&[b"ab", b"c"]), key_of(&[b"a", b"bc"]));
        // Worked out with another program.
        assert_eq!(bits(1, 2, 3, Purpose::Fault), 11_997_311_547_471_286_909);
    }

    /// Protects the probabilities: draws over many conversations are even over [0, 1), and purposes differ.
    #[test]
    fn units_are_even() {
        let count = 20_000_u64;
        let mut tenths = [0_u32; 10];
        for conversation in 0..count {
            let u = unit(bits(9, conversation, 0, Purpose::Fault));
            assert!((0.0..1.0).contains(&u));
            tenths[(u * 10.0) as usize] += 1;
        }
        // 2000 ± 42 expected per tenth; five standard deviations.
        assert!(tenths.iter().all(|&n| (1788..=2212).contains(&n)), "{tenths:?}");
        assert_ne!(bits(9, 1, 0, Purpose::Fault), bits(9, 1, 0, Purpose::Timing));
    }
}
