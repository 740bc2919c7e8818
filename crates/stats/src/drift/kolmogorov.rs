//! Tail probabilities of the Kolmogorov–Smirnov statistics: one-sample for given n, two-sample exact.

use crate::dist::ln_gamma;
use crate::error::{StatsError, at_least};
use std::f64::consts::PI;

/// Up to this n the exact recursion is used where it is needed, above it an expansion.
const EXACT_N_MAX: f64 = 140.0;
/// Above this n the sum of the one-sided tail is replaced by its expansion.
const SUM_N_MAX: f64 = 1e6;

/// P(D ≥ d) for the two-sided one-sample Kolmogorov–Smirnov statistic of n values of a continuous distribution.
///
/// Exact (Marsaglia–Tsang–Wang recursion, or twice the one-sided tail where n·d² ≥ 4 makes the difference
/// negligible) for n up to 140, Pelz–Good expansion beyond, with an absolute error of about 1e-6 at n = 141 that
/// falls quickly. 1 for `d ≤ 1/(2n)`, 0 for `d ≥ 1`, `NaN` for a `NaN` or n = 0.
///
/// Source: Simard and L'Ecuyer 2011.
///
/// ```
/// let p = seatrial_stats::drift::kolmogorov_sf(0.274, 10);
/// assert!((p - (1.0 - 0.628_479_615_4)).abs() < 1e-9); // published value
/// ```
#[must_use]
pub fn kolmogorov_sf(d: f64, n: u64) -> f64 {
    if d.is_nan() || n == 0 {
        return f64::NAN;
    }
    let size = n as f64;
    let nd = size * d;
    if nd <= 0.5 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    if nd <= 1.0 {
        // n!(2d − 1/n)^n
        return 1.0 - (ln_gamma(size + 1.0) + size * (2.0 * d - 1.0 / size).ln()).exp();
    }
    if nd >= size - 1.0 {
        return 2.0 * (1.0 - d).powf(size);
    }
    let s = nd * d;
    let tail_is_two_sided = if size <= EXACT_N_MAX { s >= 4.0 } else { s >= 2.2 };
    if tail_is_two_sided {
        return (2.0 * one_sided_sf(d, size)).min(1.0);
    }
    let cdf = if size <= EXACT_N_MAX || (size <= 1e5 && size * d.powf(1.5) <= 1.4) {
        matrix_power_cdf(d, n)
    } else {
        expansion_cdf(d, size)
    };
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// P(D⁺ ≥ d) for the one-sided statistic (Smirnov 1944, Birnbaum and Tingey 1951).
fn one_sided_sf(d: f64, n: f64) -> f64 {
    if n > SUM_N_MAX {
        // exp(−(6nd+1)²/(18n)), Maag and Dicaire 1971.
        let t = 6.0 * n * d + 1.0;
        return (-t * t / (18.0 * n)).exp();
    }
    let last = (n * (1.0 - d)).floor() as u64;
    let ln_n = ln_gamma(n + 1.0);
    let mut sum = 0.0;
    for j in 0..=last {
        let j = j as f64;
        let rest = 1.0 - d - j / n;
        if rest <= 0.0 {
            break;
        }
        let ln_choose = ln_n - ln_gamma(j + 1.0) - ln_gamma(n - j + 1.0);
        sum += (ln_choose + (j - 1.0) * (d + j / n).ln() + (n - j) * rest.ln()).exp();
    }
    (d * sum).min(1.0)
}

/// P(D < d) by the n-th power of a banded matrix (Durbin 1973; Marsaglia, Tsang, Wang 2003).
fn matrix_power_cdf(d: f64, n: u64) -> f64 {
    let nd = n as f64 * d;
    let k = nd.ceil();
    let h = k - nd;
    let m = 2 * k as usize - 1;
    let mut matrix = vec![0.0; m * m];
    let mut factorial = vec![1.0; m + 2];
    for i in 1..factorial.len() {
        factorial[i] = factorial[i - 1] * i as f64;
    }
    let power = |exponent: usize| h.powi(i32::try_from(exponent).unwrap_or(i32::MAX));
    for i in 0..m {
        for j in 0..m.min(i + 2) {
            // Entry 1/(i−j+1)!, less the parts that stick out at the first column and the last row.
            let mut cell = 1.0;
            if j == 0 {
                cell -= power(i + 1);
            }
            if i == m - 1 {
                cell -= power(m - j);
            }
            if i == m - 1 && j == 0 {
                cell += (2.0 * h - 1.0)
                    .max(0.0)
                    .powi(i32::try_from(m).unwrap_or(i32::MAX));
            }
            matrix[i * m + j] = cell / factorial[i + 1 - j];
        }
    }
    let (powered, mut exponent) = matrix_power(&matrix, m, n);
    // n!/n^n times the middle entry, with the powers of ten kept apart.
    let mut value = powered[(k as usize - 1) * m + k as usize - 1];
    for i in 1..=n {
        value *= i as f64 / n as f64;
        if value < 1e-140 {
            value *= 1e140;
            exponent -= 140;
        }
    }
    value * 10f64.powi(exponent)
}

/// `a` to the `n`, as a matrix and a power of ten.
fn matrix_power(a: &[f64], m: usize, n: u64) -> (Vec<f64>, i32) {
    let mut result: Vec<f64> = (0..m * m)
        .map(|i| if i % (m + 1) == 0 { 1.0 } else { 0.0 })
        .collect();
    let (mut base, mut result_exponent, mut base_exponent) = (a.to_vec(), 0i32, 0i32);
    let mut rest = n;
    while rest > 0 {
        if rest & 1 == 1 {
            result = multiply(&result, &base, m);
            result_exponent += base_exponent;
            result_exponent += rescale(&mut result, m);
        }
        rest >>= 1;
        if rest > 0 {
            base = multiply(&base, &base, m);
            base_exponent *= 2;
            base_exponent += rescale(&mut base, m);
        }
    }
    (result, result_exponent)
}

fn multiply(a: &[f64], b: &[f64], m: usize) -> Vec<f64> {
    let mut product = vec![0.0; m * m];
    for i in 0..m {
        let row = &mut product[i * m..(i + 1) * m];
        for (k, &x) in a[i * m..(i + 1) * m].iter().enumerate() {
            for (cell, y) in row.iter_mut().zip(&b[k * m..(k + 1) * m]) {
                *cell += x * y;
            }
        }
    }
    product
}

fn rescale(matrix: &mut [f64], m: usize) -> i32 {
    if matrix[(m / 2) * m + m / 2] > 1e140 {
        matrix.iter_mut().for_each(|cell| *cell *= 1e-140);
        return 140;
    }
    0
}

/// P(D < d) by the expansion of Pelz and Good 1976 to the order n^(−3/2).
fn expansion_cdf(d: f64, n: f64) -> f64 {
    let root = n.sqrt();
    let z = root * d;
    let (z2, z4, z6) = (z * z, z.powi(4), z.powi(6));
    let half_root_pi = (PI / 2.0).sqrt();
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    // Sums over (k + ½), k ≥ 0, each standing for two terms.
    for k in 0..20 {
        let q = PI * (f64::from(k) + 0.5);
        let q = q * q;
        let weight = 2.0 * (-q / (2.0 * z2)).exp();
        k0 += 0.5 * weight;
        k1 += weight * (q - z2);
        k2 += weight * (6.0 * z6 + 2.0 * z4 + (2.0 * z4 - 5.0 * z2) * q + (1.0 - 2.0 * z2) * q * q);
        k3 += weight
            * (-30.0 * z6 - 90.0 * z4 * z4
                + (135.0 * z4 - 96.0 * z6) * q
                + (212.0 * z4 - 60.0 * z2) * q * q
                + (5.0 - 30.0 * z2) * q * q * q);
    }
    let (mut whole2, mut whole3) = (0.0, 0.0);
    for k in 1..20 {
        let q = PI * f64::from(k);
        let q = q * q;
        let weight = 2.0 * (-q / (2.0 * z2)).exp();
        whole2 += weight * q;
        whole3 += weight * (3.0 * z2 * q - q * q);
    }
    let k0 = 2.0 * half_root_pi / z * k0;
    let k1 = half_root_pi / (6.0 * z4) * k1;
    let k2 = half_root_pi / (72.0 * z6 * z) * k2 - half_root_pi / (36.0 * z2 * z) * whole2;
    let k3 = half_root_pi / (6480.0 * z6 * z4) * k3 + half_root_pi / (216.0 * z6) * whole3;
    k0 + k1 / root + k2 / n + k3 / (n * root)
}

/// The two-sample recursion visits every pair of places; more than this many are refused.
const PLACES_MAX: u64 = 4_000_000_000;

/// P(D ≥ d) for the two-sided two-sample Kolmogorov–Smirnov statistic under the hypothesis of one continuous
/// distribution, where `numerator` = d·n·m is a whole number. Exact, with full relative precision in the tail.
///
/// With ties the true probability is smaller, so the p-value is conservative.
///
/// # Errors
/// An empty sample, or n·m beyond four billion (the time grows with it).
///
/// Source: Hodges 1958, run backwards on the probability of having crossed so that nothing cancels.
///
/// ```
/// use seatrial_stats::drift::smirnov_two_sample_sf;
/// // Two samples of 3, fully separated: 2 of the 20 orders.
/// assert!((smirnov_two_sample_sf(9, 3, 3)? - 0.1).abs() < 1e-15);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn smirnov_two_sample_sf(numerator: u64, n: u64, m: u64) -> Result<f64, StatsError> {
    at_least("first sample", usize::try_from(n).unwrap_or(usize::MAX), 1)?;
    at_least("second sample", usize::try_from(m).unwrap_or(usize::MAX), 1)?;
    match n.checked_mul(m) {
        Some(places) if places <= PLACES_MAX => {}
        places => {
            return Err(StatsError::TooLarge {
                what: "product of the sample sizes",
                found: places.unwrap_or(u64::MAX),
                limit: PLACES_MAX,
            });
        }
    }
    // crossed[j]: probability that a random path through (i, j) touched a place at least that far off the
    // diagonal.
    let outside = |i: u64, j: u64| (i * m).abs_diff(j * n) >= numerator;
    let mut crossed: Vec<f64> = Vec::with_capacity(m as usize + 1);
    for j in 0..=m {
        let before = crossed.last().copied().unwrap_or(0.0);
        crossed.push(if outside(0, j) { 1.0 } else { before });
    }
    for i in 1..=n {
        if outside(i, 0) {
            crossed[0] = 1.0;
        }
        for j in 1..=m {
            let at = j as usize;
            crossed[at] = if outside(i, j) {
                1.0
            } else {
                (i as f64 * crossed[at] + j as f64 * crossed[at - 1]) / (i + j) as f64
            };
        }
    }
    Ok(crossed.last().copied().unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: reference values of the one-sample distribution, and that its pieces meet.
    #[test]
    fn one_sample_values() {
        // scipy 1.12 stats.kstwo.sf
        for (n, d, want) in [
            (1, 0.7, 0.6),
            (5, 0.3, 0.664),
            (20, 0.1, 0.976_255_094_592_155),
            (86, 0.181_666_666_666_666_7, 0.005_898_989_668_027_509),
            (100, 0.05, 0.953_215_971_063_572_5),
            (141, 0.08, 0.310_841_708_792_641_2),
            (1000, 0.03, 0.322_690_214_391_463_6),
            (100_000, 0.004, 0.081_301_489_202_224_7),
        ] {
            let got = kolmogorov_sf(d, n);
            assert!((got - want).abs() < 1e-9, "{n} {d}: {got}");
        }
        for n in [10, 86, 139, 141, 1000, 100_000] {
            let mut last = 1.0;
            for step in 1..80 {
                let p = kolmogorov_sf(3.0 / (n as f64).sqrt() * f64::from(step) / 80.0, n);
                assert!(
                    (0.0..=1.0).contains(&p) && p <= last + 2e-6,
                    "{n} {step}: {p} after {last}"
                );
                last = p;
            }
        }
    }

    /// Protects: the two-sample tail against counting all orders.
    #[test]
    fn two_sample_counts_orders() {
        let (n, m) = (4u64, 5u64);
        let mut counts = std::collections::BTreeMap::new();
        for mask in 0u32..1 << (n + m) {
            if u64::from(mask.count_ones()) != n {
                continue;
            }
            let (mut i, mut j, mut largest) = (0u64, 0u64, 0u64);
            for place in 0..n + m {
                let up = u64::from(mask >> place & 1);
                (i, j) = (i + up, j + 1 - up);
                largest = largest.max((i * m).abs_diff(j * n));
            }
            *counts.entry(largest).or_insert(0u64) += 1;
        }
        let all: u64 = counts.values().sum();
        for &d in counts.keys() {
            let tail: u64 = counts.range(d..).map(|(_, c)| c).sum();
            let got = smirnov_two_sample_sf(d, n, m).unwrap();
            assert!((got - tail as f64 / all as f64).abs() < 1e-14, "{d}");
        }
    }

    /// Protects: the ends of the ranges.
    #[test]
    fn edges() {
        assert!(kolmogorov_sf(f64::NAN, 5).is_nan() && kolmogorov_sf(0.5, 0).is_nan());
        assert_eq!(
            (
                kolmogorov_sf(-1.0, 5),
                kolmogorov_sf(1.0, 5),
                kolmogorov_sf(0.0, 5)
            ),
            (1.0, 0.0, 1.0)
        );
        assert!(kolmogorov_sf(0.001, u64::MAX) < 1e-9);
        assert_eq!(smirnov_two_sample_sf(0, 3, 4).unwrap(), 1.0);
        assert!(smirnov_two_sample_sf(1, 0, 4).is_err());
        assert!(smirnov_two_sample_sf(1, u64::MAX, 4).is_err());
    }
}
