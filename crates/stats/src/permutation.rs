//! Sign-flip permutation test for paired scores: exact for up to twenty non-zero differences, Monte Carlo
//! beyond.
//!
//! Under "the two systems are exchangeable on every case" each difference is as likely with either sign. The
//! statistic is the sum of the differences (the same as their mean). Sums are read from tables of all 256 sign
//! patterns of eight neighbouring differences ("method of four Russians"), so that a random 64-bit word flips
//! sixty-four signs with eight look-ups and eight additions.

use crate::StatsError;
use crate::error::finite;
use crate::rng::stream;
use rand::Rng as _;
use rayon::prelude::*;

/// Two sums count as equal when they differ by less than this share of the observed one …
const TIE_RELATIVE: f64 = 1e-12;
/// … or by less than this share of the sum of absolute differences, which is what rounding can do.
const TIE_ROUNDING: f64 = 4e-15;
/// The exact test enumerates up to 2^20 sign patterns.
const EXACT_MAX: usize = 20;
/// Resamples per block of work; a block has its own random stream.
const BLOCK: u64 = 1024;
/// Largest accepted number of resamples.
const RESAMPLES_MAX: u64 = 100_000_000;
/// Differences per random word.
const WORD: usize = 64;
/// Differences per table.
const GROUP: usize = 8;

/// p-values of the sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Twice the smaller one-sided p, at most 1.
    pub p_two_sided: f64,
    /// Share of sign patterns with an absolute sum at least as large as the observed one.
    pub p_abs: f64,
    /// Share with a sum at most the observed one.
    pub p_less: f64,
    /// Share with a sum at least the observed one.
    pub p_greater: f64,
    /// Whether all sign patterns were enumerated.
    pub exact: bool,
}

/// Sign patterns at least as extreme as the observed one.
#[derive(Debug, Clone, Copy, Default)]
struct Extreme {
    abs: u64,
    less: u64,
    greater: u64,
}

impl Extreme {
    fn add(self, other: Self) -> Self {
        Self {
            abs: self.abs + other.abs,
            less: self.less + other.less,
            greater: self.greater + other.greater,
        }
    }

    /// p-values from these counts of `patterns`.
    fn p(self, patterns: f64, exact: bool) -> SignFlip {
        let share = |count: u64| (crate::dist::real(count) / patterns).min(1.0);
        let (p_less, p_greater) = (share(self.less), share(self.greater));
        SignFlip {
            p_two_sided: (2.0 * p_less.min(p_greater)).min(1.0),
            p_abs: share(self.abs),
            p_less,
            p_greater,
            exact,
        }
    }
}

/// The observed sum and how far another may lie off and still be a tie.
#[derive(Debug, Clone, Copy)]
struct Observed {
    sum: f64,
    slack: f64,
}

impl Observed {
    #[inline]
    fn compare(&self, sum: f64) -> Extreme {
        Extreme {
            abs: u64::from(sum.abs() >= self.sum.abs() - self.slack),
            less: u64::from(sum <= self.sum + self.slack),
            greater: u64::from(sum >= self.sum - self.slack),
        }
    }
}

/// All 2^n sign patterns of up to twenty non-zero differences (zeros do not matter and are left out).
///
/// Nothing but zeros, or nothing at all, gives p = 1.
///
/// ```
/// let p = seatrial_stats::permutation::sign_flip_exact(&[0.0, 1.0, 1.0])?;
/// assert_eq!((p.p_two_sided, p.p_greater), (0.5, 0.25));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::NotFinite`], [`StatsError::TooLarge`] above twenty.
pub fn sign_flip_exact(differences: &[f64]) -> Result<SignFlip, StatsError> {
    let d = non_zero(differences)?;
    if d.len() > EXACT_MAX {
        return Err(StatsError::TooLarge {
            what: "differences that are not zero",
            found: d.len() as u64,
            limit: EXACT_MAX as u64,
        });
    }
    Ok(enumerate(&d))
}

/// Sign-flip test: exact where at most twenty differences are not zero, otherwise `resamples` random patterns
/// with p = (1 + extreme)/(resamples + 1).
///
/// Random signs come from xoshiro256++, one stream per 1,024 resamples, so that a seed gives the same result
/// on any number of threads. Sums within a relative 1e-12 of the observed one are ties and count as extreme.
///
/// ```
/// let d: Vec<f64> = (0..200).map(|i| f64::from(i % 7) - 2.5).collect();
/// let p = seatrial_stats::permutation::sign_flip(&d, 9_999, 0)?;
/// assert!(p.p_abs < 0.01 && p.p_less > 0.99);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// [`StatsError::NotFinite`]; [`StatsError::TooFew`] for no resamples, [`StatsError::TooLarge`] above 10⁸.
pub fn sign_flip(differences: &[f64], resamples: u64, seed: u64) -> Result<SignFlip, StatsError> {
    let d = non_zero(differences)?;
    if d.len() <= EXACT_MAX {
        return Ok(enumerate(&d));
    }
    sample(&d, resamples, seed)
}

/// The Monte Carlo branch of [`sign_flip`], also for few differences.
///
/// ```
/// let p = seatrial_stats::permutation::sign_flip_sampled(&[1.0, 1.0], 9_999, 7)?;
/// assert!((p.p_greater - 0.25).abs() < 0.03);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
///
/// # Errors
/// As [`sign_flip`].
pub fn sign_flip_sampled(differences: &[f64], resamples: u64, seed: u64) -> Result<SignFlip, StatsError> {
    sample(&non_zero(differences)?, resamples, seed)
}

fn non_zero(differences: &[f64]) -> Result<Vec<f64>, StatsError> {
    finite("differences", differences)?;
    let d: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    if !d.iter().map(|d| d.abs()).sum::<f64>().is_finite() {
        return Err(StatsError::Undefined {
            what: "the sum of differences",
            why: "the values are too large for double precision",
        });
    }
    Ok(d)
}

/// Signed sums of up to eight differences: bit i set means `+d[i]`.
fn table(d: &[f64]) -> [f64; 1 << GROUP] {
    let mut sums = [0.0; 1 << GROUP];
    sums[0] = -d.iter().sum::<f64>();
    for mask in 1..1usize << GROUP {
        let lowest = mask.trailing_zeros() as usize;
        sums[mask] = sums[mask & (mask - 1)] + 2.0 * d.get(lowest).copied().unwrap_or(0.0);
    }
    sums
}

fn observe(sum: f64, d: &[f64]) -> Observed {
    let size: f64 = d.iter().map(|d| d.abs()).sum();
    Observed {
        sum,
        slack: (TIE_RELATIVE * sum.abs()).max(TIE_ROUNDING * size),
    }
}

fn enumerate(d: &[f64]) -> SignFlip {
    let tables: Vec<_> = d.chunks(GROUP).map(table).collect();
    let all = (1usize << d.len()) - 1;
    let sum_of = |mask: usize| -> f64 {
        let parts = tables.iter().enumerate();
        parts.map(|(i, table)| table[(mask >> (GROUP * i)) & 0xff]).sum()
    };
    let observed = observe(sum_of(all), d);
    let mut extreme = Extreme::default();
    for mask in 0..=all {
        extreme = extreme.add(observed.compare(sum_of(mask)));
    }
    extreme.p(crate::dist::real(1 << d.len()), true)
}

fn sample(d: &[f64], resamples: u64, seed: u64) -> Result<SignFlip, StatsError> {
    crate::error::at_least("resamples", usize::try_from(resamples).unwrap_or(usize::MAX), 1)?;
    if resamples > RESAMPLES_MAX {
        return Err(StatsError::TooLarge {
            what: "resamples",
            found: resamples,
            limit: RESAMPLES_MAX,
        });
    }
    let observed_sum = d
        .chunks(WORD)
        .map(|word| sum_of_word(&word_tables(word), u64::MAX))
        .sum();
    let observed = observe(observed_sum, d);
    let blocks = resamples.div_ceil(BLOCK);
    let extreme = (0..blocks)
        .into_par_iter()
        .map(|block| {
            let size = (resamples - block * BLOCK).min(BLOCK);
            sample_block(d, &observed, size, seed, block)
        })
        .reduce(Extreme::default, Extreme::add);
    let counted = Extreme {
        abs: extreme.abs + 1,
        less: extreme.less + 1,
        greater: extreme.greater + 1,
    };
    Ok(counted.p(crate::dist::real(resamples) + 1.0, false))
}

fn sample_block(d: &[f64], observed: &Observed, size: u64, seed: u64, block: u64) -> Extreme {
    let mut rng = stream(seed, block);
    let mut sums = vec![0.0; usize::try_from(size).unwrap_or(0)];
    for word in d.chunks(WORD) {
        let tables = word_tables(word);
        for sum in &mut sums {
            *sum += sum_of_word(&tables, rng.next_u64());
        }
    }
    sums.iter().fold(Extreme::default(), |extreme, &sum| {
        extreme.add(observed.compare(sum))
    })
}

type WordTables = [[f64; 1 << GROUP]; WORD / GROUP];

/// The eight tables of up to sixty-four differences.
fn word_tables(word: &[f64]) -> WordTables {
    let mut tables = [[0.0; 1 << GROUP]; WORD / GROUP];
    for (slot, group) in tables.iter_mut().zip(word.chunks(GROUP)) {
        *slot = table(group);
    }
    tables
}

/// The signed sum that a random word selects; a tree, so that additions do not wait for each other.
#[inline]
fn sum_of_word(tables: &WordTables, word: u64) -> f64 {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = word.to_le_bytes();
    let at = |i: usize, byte: u8| tables[i][usize::from(byte)];
    ((at(0, b0) + at(1, b1)) + (at(2, b2) + at(3, b3))) + ((at(4, b4) + at(5, b5)) + (at(6, b6) + at(7, b7)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: p-values in [0, 1], the two sides exchange with the systems, and the sampled test agrees
        /// with the exact one within five standard errors.
        #[test]
        fn exact_and_sampled(d in prop::collection::vec(-10i32..=10, 0..12), seed: u64) {
            let up: Vec<f64> = d.iter().map(|&d| 0.1 * f64::from(d)).collect();
            let down: Vec<f64> = up.iter().map(|d| -d).collect();
            let (x, y) = (sign_flip_exact(&up).unwrap(), sign_flip_exact(&down).unwrap());
            prop_assert_eq!((x.p_abs, x.p_less, x.p_greater), (y.p_abs, y.p_greater, y.p_less));
            let s = sign_flip_sampled(&up, 4000, seed).unwrap();
            for (p, q) in [(x.p_abs, s.p_abs), (x.p_less, s.p_less), (x.p_greater, s.p_greater)] {
                prop_assert!((0.0..=1.0).contains(&p) && (0.0..=1.0).contains(&q));
                prop_assert!((p - q).abs() <= 5.0 * (p * (1.0 - p) / 4000.0).sqrt() + 1e-3, "{} {}", p, q);
            }
        }
    }

    /// Protects: a seed gives one result whatever the number of threads, and seeds differ.
    #[test]
    fn deterministic_over_threads() {
        let d: Vec<f64> = (0..777).map(|i| f64::from((i * 37) % 101) - 48.0).collect();
        let run = |threads: usize, seed| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| sign_flip(&d, 20_000, seed).unwrap())
        };
        assert_eq!(run(1, 5), run(3, 5));
        assert_ne!(run(1, 5), run(1, 6));
    }

    /// Protects: ties by rounding are ties (0.1 + 0.2 against 0.3), edges are defined or refused.
    #[test]
    fn edges() {
        let p = sign_flip_exact(&[0.1, 0.2, -0.3]).unwrap();
        assert_eq!((p.p_abs, p.p_two_sided), (1.0, 1.0));
        assert_eq!(sign_flip_exact(&[]).unwrap().p_abs, 1.0);
        assert_eq!(sign_flip(&[0.0; 50], 100, 0).unwrap().p_two_sided, 1.0);
        assert!(sign_flip(&[1.0, f64::NAN], 100, 0).is_err());
        assert!(sign_flip(&[f64::MAX, f64::MAX], 100, 0).is_err());
        assert!(sign_flip_exact(&[1.0; 21]).is_err());
        assert!(sign_flip(&[1.0; 30], 0, 0).is_err());
        assert!(sign_flip(&[1.0; 30], u64::MAX, 0).is_err());
        let extreme = sign_flip(&[1.0; 100], 999, 0).unwrap();
        assert_eq!((extreme.p_abs, extreme.exact), (0.001, false));
    }
}
