//! Distances between two samples of numbers, with the Kolmogorov–Smirnov test.

use super::kolmogorov::{kolmogorov_sf, smirnov_two_sample_sf};
use crate::error::{StatsError, at_least, finite};
use crate::ranks::compare;
use crate::scaling::taming_factor;

/// How the p-value of the Kolmogorov–Smirnov test is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KsMethod {
    /// Exact up to 10,000 values in the larger sample, otherwise asymptotic.
    Auto,
    /// From all orders of the pooled values.
    Exact,
    /// From the one-sample distribution with n = nm/(n+m), rounded.
    Asymptotic,
}

/// What [`two_sample`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoSample {
    /// Kolmogorov–Smirnov distance: the largest difference of the two distribution functions, 0 to 1.
    pub ks_d: f64,
    /// Its two-sided p-value; conservative with ties.
    pub ks_p: f64,
    /// Wasserstein-1 (earth mover's) distance, in units of the values.
    pub wasserstein: f64,
    /// Energy distance √(2∫(F−G)²), in square-root units of the values.
    pub energy: f64,
    /// Cramér–von Mises statistic.
    pub cramer_von_mises: f64,
    /// Anderson–Darling k-sample statistic for two samples, with ties, standardised (mean 0, variance 1 under
    /// the hypothesis); about 1.96 is the 5 % point. `NaN` where all values are equal or fewer than four.
    pub anderson_darling: f64,
}

/// Larger samples than this get the asymptotic p-value from [`KsMethod::Auto`].
const AUTO_EXACT_MAX: usize = 10_000;

/// Compares two samples of numbers, in O((n+m) log(n+m)) apart from an exact p-value (n·m).
///
/// The distances say how much has changed, the p-value whether it could be chance; with production volumes
/// everything is significant, so alert on a distance. Not valid under repeated looks.
///
/// # Errors
/// An empty sample, values that are not finite, or an exact p-value of samples whose sizes multiply to more
/// than four billion.
///
/// Source: Smirnov 1939; Simard and L'Ecuyer 2011; Székely and Rizzo 2013; Anderson 1962; Scholz and Stephens
/// 1987.
///
/// ```
/// use seatrial_stats::drift::{KsMethod, two_sample};
/// let t = two_sample(&[0.0, 1.0, 2.0], &[1.0, 2.0, 3.0], KsMethod::Auto)?;
/// assert!((t.ks_d - 1.0 / 3.0).abs() < 1e-15 && (t.wasserstein - 1.0).abs() < 1e-15);
/// assert_eq!(two_sample(&[1.0; 5], &[1.0; 4], KsMethod::Auto)?.ks_p, 1.0);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn two_sample(a: &[f64], b: &[f64], method: KsMethod) -> Result<TwoSample, StatsError> {
    at_least("a", a.len(), 1)?;
    at_least("b", b.len(), 1)?;
    finite("a", a)?;
    finite("b", b)?;
    let pooled = Pooled::of(a, b);
    let (n, m) = (a.len() as u64, b.len() as u64);
    let numerator = pooled.largest_gap();
    let ks_d = numerator as f64 / (n as f64 * m as f64);
    let exact = match method {
        KsMethod::Exact => true,
        KsMethod::Asymptotic => false,
        KsMethod::Auto => a.len().max(b.len()) <= AUTO_EXACT_MAX,
    };
    let ks_p = if exact {
        smirnov_two_sample_sf(numerator, n, m)?
    } else {
        let effective = n as f64 * m as f64 / (n as f64 + m as f64);
        kolmogorov_sf(ks_d, effective.round_ties_even() as u64)
    };
    let (wasserstein, energy) = pooled.areas(taming_factor(&[a, b]));
    Ok(TwoSample {
        ks_d,
        ks_p,
        wasserstein,
        energy,
        cramer_von_mises: pooled.cramer_von_mises(),
        anderson_darling: pooled.anderson_darling(),
    })
}

/// A distinct value and how often it occurs in each sample.
struct Knot {
    value: f64,
    a: u64,
    b: u64,
}

/// Both samples, merged.
struct Pooled {
    knots: Vec<Knot>,
    n: u64,
    m: u64,
}

impl Pooled {
    fn of(a: &[f64], b: &[f64]) -> Self {
        let mut all: Vec<(f64, bool)> = a
            .iter()
            .map(|&x| (x, true))
            .chain(b.iter().map(|&x| (x, false)))
            .collect();
        all.sort_unstable_by(|x, y| compare(x.0, y.0));
        let knots = all
            .chunk_by(|x, y| x.0 == y.0)
            .map(|group| {
                let a = group.iter().filter(|(_, first)| *first).count() as u64;
                Knot {
                    value: group[0].0,
                    a,
                    b: group.len() as u64 - a,
                }
            })
            .collect();
        Self {
            knots,
            n: a.len() as u64,
            m: b.len() as u64,
        }
    }

    /// Knots with the numbers of values of either sample up to and including them.
    fn cumulative(&self) -> impl Iterator<Item = (&Knot, u64, u64)> {
        self.knots.iter().scan((0, 0), |(a, b), knot| {
            *a += knot.a;
            *b += knot.b;
            Some((knot, *a, *b))
        })
    }

    /// max |F − G| times n·m.
    fn largest_gap(&self) -> u64 {
        let gap = |(_, a, b): (&Knot, u64, u64)| {
            let gap = (u128::from(a) * u128::from(self.m)).abs_diff(u128::from(b) * u128::from(self.n));
            u64::try_from(gap).unwrap_or(u64::MAX)
        };
        self.cumulative().map(gap).max().unwrap_or(0)
    }

    /// ∫|F − G| and √(2∫(F − G)²), worked out on values times `factor`.
    fn areas(&self, factor: f64) -> (f64, f64) {
        let (mut first, mut second) = (0.0, 0.0);
        for ((knot, a, b), next) in self.cumulative().zip(self.knots.iter().skip(1)) {
            let gap = a as f64 / self.n as f64 - b as f64 / self.m as f64;
            let step = factor * next.value - factor * knot.value;
            first += gap.abs() * step;
            second += gap * gap * step;
        }
        (first / factor, (2.0 * second).sqrt() / factor.sqrt())
    }

    /// Anderson's rank form, ties by average ranks.
    fn cramer_von_mises(&self) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        let (mut first, mut second) = (0.0, 0.0);
        for (knot, a, b) in self.cumulative() {
            let (own_a, own_b) = (knot.a as f64, knot.b as f64);
            // Average rank of the group in the pool; within a sample its members have consecutive ranks.
            let rank = (a + b) as f64 - 0.5 * (own_a + own_b - 1.0);
            let squares = |last: f64, count: f64| {
                let centre = last - 0.5 * (count - 1.0);
                let d = rank - centre;
                count * d * d + count * (count * count - 1.0) / 12.0
            };
            first += squares(a as f64, own_a);
            second += squares(b as f64, own_b);
        }
        let product = n * m;
        (n * first + m * second) / (product * (n + m)) - (4.0 * product - 1.0) / (6.0 * (n + m))
    }

    /// Scholz and Stephens' statistic A²_akN (midranks), standardised.
    fn anderson_darling(&self) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        let total = n + m;
        if self.knots.len() < 2 || total < 4.0 {
            return f64::NAN;
        }
        let mut sums = [0.0, 0.0];
        for (knot, a, b) in self.cumulative() {
            let here = (knot.a + knot.b) as f64;
            let below = (a + b) as f64 - 0.5 * here;
            let scale = here / total / (below * (total - below) - total * here / 4.0);
            for (sum, (up_to, own, size)) in sums.iter_mut().zip([(a, knot.a, n), (b, knot.b, m)]) {
                let middle = up_to as f64 - 0.5 * own as f64;
                let gap = total * middle - below * size;
                *sum += scale * gap * gap;
            }
        }
        let statistic = (sums[0] / n + sums[1] / m) * (total - 1.0) / total;
        (statistic - 1.0) / anderson_darling_variance(n, m).sqrt()
    }
}

/// Variance of the two-sample Anderson–Darling statistic (Scholz and Stephens 1987, equation 4, k = 2).
fn anderson_darling_variance(n: f64, m: f64) -> f64 {
    let total = n + m;
    let inverse = 1.0 / n + 1.0 / m;
    // h = Σ_{i<N} 1/i and g = Σ_{i=1}^{N−2} Σ_{j=i+1}^{N−1} 1/((N−i) j), the inner sum growing term by term.
    let (mut h, mut g) = (0.0, 0.0);
    let mut i = 1.0;
    while i < total - 1.0 {
        h += 1.0 / (total - i);
        g += h / (i + 1.0);
        i += 1.0;
    }
    h += 1.0;
    let a = (4.0 * g - 6.0) + (10.0 - 6.0 * g) * inverse;
    let b = (2.0 * g - 4.0) * 4.0 + 16.0 * h + (2.0 * g - 14.0 * h - 4.0) * inverse - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * 4.0
        + (4.0 * h - 4.0 * g + 6.0) * 2.0
        + (2.0 * h - 6.0) * inverse
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * 4.0 - 8.0 * h;
    let cubic = ((a * total + b) * total + c) * total + d;
    cubic / ((total - 1.0) * (total - 2.0) * (total - 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec((-8i8..8).prop_map(|v| f64::from(v) / 2.0), 1..30)
    }

    proptest! {
        /// Protects: every distance is symmetric, 0 or minimal for equal samples, and in its range.
        #[test]
        fn symmetric_and_ranged(a in sample(), b in sample()) {
            let (ab, ba) = (two_sample(&a, &b, KsMethod::Auto).unwrap(), two_sample(&b, &a, KsMethod::Auto).unwrap());
            prop_assert!((0.0..=1.0).contains(&ab.ks_d) && (0.0..=1.0).contains(&ab.ks_p));
            prop_assert!((ab.ks_d - ba.ks_d).abs() < 1e-12 && (ab.ks_p - ba.ks_p).abs() < 1e-9);
            prop_assert!((ab.wasserstein - ba.wasserstein).abs() < 1e-12 && ab.wasserstein >= 0.0);
            prop_assert!((ab.energy - ba.energy).abs() < 1e-12 && ab.energy >= 0.0);
            prop_assert!((ab.cramer_von_mises - ba.cramer_von_mises).abs() < 1e-9);
            prop_assert!(
                ab.anderson_darling.is_nan() || (ab.anderson_darling - ba.anderson_darling).abs() < 1e-6
            );
            let same = two_sample(&a, &a, KsMethod::Exact).unwrap();
            prop_assert!(same.ks_d == 0.0 && same.ks_p == 1.0 && same.wasserstein == 0.0 && same.energy == 0.0);
        }
    }

    /// Protects: tiny samples, bad values, and samples too large for the exact method.
    #[test]
    fn edges() {
        assert!(two_sample(&[], &[1.0], KsMethod::Auto).is_err());
        assert!(two_sample(&[1.0], &[f64::NAN], KsMethod::Auto).is_err());
        let one = two_sample(&[1.0], &[2.0], KsMethod::Auto).unwrap();
        assert!(one.ks_d == 1.0 && one.ks_p == 1.0 && one.anderson_darling.is_nan());
        assert!(
            two_sample(&[1.0; 4], &[1.0; 4], KsMethod::Auto)
                .unwrap()
                .anderson_darling
                .is_nan()
        );
        let far = two_sample(&[-1e308, 1e308], &[-1e308, 1e308], KsMethod::Auto).unwrap();
        assert_eq!((far.wasserstein, far.energy), (0.0, 0.0));
        let many: Vec<f64> = (0..70_000).map(f64::from).collect();
        assert!(two_sample(&many, &many, KsMethod::Exact).is_err());
        assert_eq!(two_sample(&many, &many, KsMethod::Auto).unwrap().ks_p, 1.0);
    }
}
