//! Distribution functions: normal, Student t (central and noncentral), beta, binomial, F, chi-square,
//! hypergeometric and Poisson; densities, both tails and quantiles.
//!
//! Apart from `special` because these carry the statistical names and conventions: `cdf(x)` is P(X <= x),
//! `sf(x)` is P(X > x) computed without `1 - cdf`, `quantile(p)` inverts `cdf` and `isf(q)` inverts `sf`.
//! Parameters outside the stated ranges and `NaN` arguments give `NaN`; these functions are arithmetic, the
//! user-facing functions of the other modules check their input and return [`crate::StatsError`].

use crate::special::{
    HALF_LN_TAU, beta_quantile_logit, binomial_kernel, gamma_quantile_ln, gauss_legendre, inc_beta,
    inc_beta_xy, inc_gamma, logistic, normal_quantile_lower, poisson_kernel,
};
use std::f64::consts::SQRT_2;

pub use crate::special::{ln_beta, ln_choose, ln_gamma};

/// Standard normal density.
///
/// ```
/// assert!((seatrial_stats::dist::normal_pdf(0.0) - 0.398_942_280_401_432_7).abs() < 1e-15);
/// ```
#[must_use]
pub fn normal_pdf(z: f64) -> f64 {
    (-0.5 * z * z - HALF_LN_TAU).exp()
}

/// Standard normal P(Z <= z).
///
/// ```
/// assert!((seatrial_stats::dist::normal_cdf(1.96) - 0.975_002_104_851_779_6).abs() < 1e-15);
/// ```
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// Standard normal P(Z > z).
///
/// ```
/// assert!((seatrial_stats::dist::normal_sf(10.0) / 7.619_853_024_160_527e-24 - 1.0).abs() < 1e-13);
/// ```
#[must_use]
pub fn normal_sf(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// Two-sided normal p-value P(|Z| >= |z|).
///
/// ```
/// assert_eq!(seatrial_stats::dist::normal_two_sided(0.0), 1.0);
/// ```
#[must_use]
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / SQRT_2)
}

/// Standard normal quantile; `p` in [0, 1] (±∞ at the ends).
///
/// Source: Wichura 1988 (AS 241) with one Halley step.
///
/// ```
/// assert!((seatrial_stats::dist::normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
/// assert_eq!(seatrial_stats::dist::normal_quantile(1.0), f64::INFINITY);
/// ```
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        f64::NAN
    } else if p == 0.0 {
        f64::NEG_INFINITY
    } else if p == 1.0 {
        f64::INFINITY
    } else if p <= 0.5 {
        normal_quantile_lower(p)
    } else {
        -normal_quantile_lower(1.0 - p)
    }
}

/// Standard normal point with upper tail `q` (accurate for tiny `q`).
///
/// ```
/// assert!((seatrial_stats::dist::normal_isf(1e-20) - 9.262_340_089_798_408).abs() < 1e-13);
/// ```
#[must_use]
pub fn normal_isf(q: f64) -> f64 {
    -normal_quantile(q)
}

/// Both tails of Student's t at `t`: (P(T <= t), P(T > t)).
fn t_tails(t: f64, df: f64) -> (f64, f64) {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if df.is_infinite() {
        return (normal_cdf(t), normal_sf(t));
    }
    if t.is_infinite() {
        return if t > 0.0 { (1.0, 0.0) } else { (0.0, 1.0) };
    }
    let t2 = t * t;
    let (far, near) = if t2 > 1e290 * df.max(1.0) {
        // The first term of the tail; t² itself would overflow.
        let a = 0.5 * df;
        let ln_far = a * (df.ln() - 2.0 * t.abs().ln()) - df.ln() - ln_beta(a, 0.5);
        (ln_far.exp().min(0.5), 1.0 - ln_far.exp().min(0.5))
    } else {
        let tails = inc_beta_xy(0.5, 0.5 * df, t2 / (df + t2), df / (df + t2));
        (
            0.5 * tails.upper,
            if tails.lower < 0.5 {
                0.5 + 0.5 * tails.lower
            } else {
                1.0 - 0.5 * tails.upper
            },
        )
    };
    if t >= 0.0 { (near, far) } else { (far, near) }
}

/// Student t P(T <= t); `df > 0`, `+∞` is the normal.
///
/// ```
/// assert!((seatrial_stats::dist::t_cdf(2.0, 5.0) - 0.949_030_260_585_070_8).abs() < 1e-14);
/// ```
#[must_use]
pub fn t_cdf(t: f64, df: f64) -> f64 {
    t_tails(t, df).0
}

/// Student t P(T > t).
///
/// ```
/// assert!((seatrial_stats::dist::t_sf(2.0, 5.0) - 0.050_969_739_414_929_2).abs() < 1e-15);
/// ```
#[must_use]
pub fn t_sf(t: f64, df: f64) -> f64 {
    t_tails(t, df).1
}

/// Two-sided t p-value P(|T| >= |t|).
///
/// ```
/// assert!((seatrial_stats::dist::t_two_sided(2.0, 5.0) - 0.101_939_478_829_858_4).abs() < 1e-14);
/// ```
#[must_use]
pub fn t_two_sided(t: f64, df: f64) -> f64 {
    2.0 * t_sf(t.abs(), df)
}

/// Student t quantile; `p` in [0, 1] (±∞ at the ends), `df > 0`.
///
/// Solved on the logit of T²/(T²+df), which is a beta variable.
///
/// ```
/// assert!((seatrial_stats::dist::t_quantile(0.975, 10.0) - 2.228_138_851_986_274_7).abs() < 1e-13);
/// ```
#[must_use]
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    let tail = if p < 0.5 { p } else { 1.0 - p };
    let sign = if p < 0.5 { -1.0 } else { 1.0 };
    sign * t_upper(tail, df)
}

/// Student t point with upper tail `q` (accurate for tiny `q`).
///
/// ```
/// assert!((seatrial_stats::dist::t_isf(0.025, 10.0) - 2.228_138_851_986_274_7).abs() < 1e-13);
/// ```
#[must_use]
pub fn t_isf(q: f64, df: f64) -> f64 {
    -t_quantile(q, df)
}

/// The positive t with P(T > t) = `tail`, `tail < ½`.
fn t_upper(tail: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return -normal_quantile(tail);
    }
    let logit = beta_quantile_logit(0.5, 0.5 * df, 1.0 - 2.0 * tail, 2.0 * tail);
    df.sqrt() * (0.5 * logit).exp()
}

/// Noncentral t P(T <= t) with `df > 0` and noncentrality `delta`.
///
/// Integrates Φ(t s − δ) over the density of s = √(χ²_df/df) by composite Gauss–Legendre quadrature, panels
/// split where the integrand changes; absolute error about 1e-13. No series, so large |δ| does not underflow.
///
/// ```
/// let p = seatrial_stats::dist::noncentral_t_cdf(2.0, 10.0, 1.0);
/// assert!((p - 0.807_611_562_530_375_3).abs() < 1e-9);
/// ```
#[must_use]
pub fn noncentral_t_cdf(t: f64, df: f64, delta: f64) -> f64 {
    noncentral_t_tail(t, df, delta, false)
}

/// Noncentral t P(T > t); see [`noncentral_t_cdf`].
///
/// ```
/// use seatrial_stats::dist::{noncentral_t_cdf, noncentral_t_sf};
/// assert!((noncentral_t_cdf(1.0, 4.0, 0.5) + noncentral_t_sf(1.0, 4.0, 0.5) - 1.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn noncentral_t_sf(t: f64, df: f64, delta: f64) -> f64 {
    noncentral_t_tail(t, df, delta, true)
}

fn noncentral_t_tail(t: f64, df: f64, delta: f64, upper: bool) -> f64 {
    if t.is_nan() || delta.is_nan() || df.is_nan() || df <= 0.0 || delta.is_infinite() {
        return f64::NAN;
    }
    if t.is_infinite() {
        return f64::from(u8::from((t > 0.0) != upper));
    }
    let conditional = |s: f64| [normal_cdf(t * s - delta), normal_sf(t * s - delta)];
    if df.is_infinite() {
        return conditional(1.0)[usize::from(upper)];
    }
    // Range of s that holds all but 1e-18 of its mass at either end.
    let scale = |ln_gamma_point: f64| ((ln_gamma_point.exp()) * 2.0 / df).sqrt();
    let from = scale(gamma_quantile_ln(0.5 * df, 1e-18, 1.0));
    let to = scale(gamma_quantile_ln(0.5 * df, 1.0, 1e-18));
    let mut cuts = vec![from, to];
    let spread = (to - from) / 16.0;
    for i in 1..16 {
        cuts.push(from + f64::from(i) * spread);
    }
    if t != 0.0 {
        // Φ(t s − δ) rises within a few units of (δ ± 8)/t.
        for i in -8..=8 {
            let s = (delta + f64::from(i)) / t;
            if s > from && s < to {
                cuts.push(s);
            }
        }
    }
    cuts.sort_by(f64::total_cmp);
    let rule = gauss_legendre(32);
    let mut total = [0.0; 2];
    for pair in cuts.windows(2) {
        let (middle, half) = (0.5 * (pair[0] + pair[1]), 0.5 * (pair[1] - pair[0]));
        for &(x, w) in &rule {
            let s = middle + half * x;
            // Density of s: 2/s · (df/2) · PoissonKernel(df/2, df s²/2).
            let weight = w * half * df / s * poisson_kernel(0.5 * df, 0.5 * df * s * s);
            for (total, part) in total.iter_mut().zip(conditional(s)) {
                *total += weight * part;
            }
        }
    }
    // Dividing by the whole mass removes what the quadrature lost.
    total[usize::from(upper)] / (total[0] + total[1])
}

/// Beta P(X <= x); `a, b > 0`, `x` clamped to [0, 1].
///
/// ```
/// assert!((seatrial_stats::dist::beta_cdf(0.4, 2.0, 3.0) - 0.5248).abs() < 1e-14);
/// ```
#[must_use]
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    inc_beta(a, b, x.clamp(0.0, 1.0)).lower
}

/// Beta P(X > x).
///
/// ```
/// assert!((seatrial_stats::dist::beta_sf(0.4, 2.0, 3.0) - 0.4752).abs() < 1e-14);
/// ```
#[must_use]
pub fn beta_sf(x: f64, a: f64, b: f64) -> f64 {
    inc_beta(a, b, x.clamp(0.0, 1.0)).upper
}

/// Beta density at `x` in (0, 1); 0 outside [0, 1], at the ends its limit.
///
/// ```
/// assert!((seatrial_stats::dist::beta_pdf(0.5, 2.0, 2.0) - 1.5).abs() < 1e-14);
/// ```
#[must_use]
pub fn beta_pdf(x: f64, a: f64, b: f64) -> f64 {
    if x.is_nan() || a.is_nan() || b.is_nan() || a <= 0.0 || b <= 0.0 {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&x) {
        return 0.0;
    }
    let end = |shape: f64, other: f64| {
        if shape < 1.0 {
            f64::INFINITY
        } else if shape == 1.0 {
            other
        } else {
            0.0
        }
    };
    if x == 0.0 {
        return end(a, b);
    }
    if x == 1.0 {
        return end(b, a);
    }
    let y = 1.0 - x;
    a / (a + b) * b * binomial_kernel(a, b, x, y) / x / y
}

/// Beta quantile; `p` in [0, 1], `a, b > 0`.
///
/// ```
/// assert!((seatrial_stats::dist::beta_quantile(0.5, 2.0, 2.0) - 0.5).abs() < 1e-15);
/// ```
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    logistic(beta_quantile_logit(a, b, p, 1.0 - p)).0
}

/// Beta point with upper tail `q` (accurate for tiny `q`).
///
/// ```
/// assert!((seatrial_stats::dist::beta_isf(0.025, 1.0, 1.0) - 0.975).abs() < 1e-15);
/// ```
#[must_use]
pub fn beta_isf(q: f64, a: f64, b: f64) -> f64 {
    logistic(beta_quantile_logit(a, b, 1.0 - q, q)).0
}

/// Binomial P(X = k) of `n` trials with success probability `p` in [0, 1].
///
/// Full relative precision at any `n` (Loader 2000).
///
/// ```
/// assert!((seatrial_stats::dist::binom_pmf(2, 4, 0.5) - 0.375).abs() < 1e-15);
/// ```
#[must_use]
pub fn binom_pmf(k: u64, n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if k > n {
        return 0.0;
    }
    binomial_kernel(real(k), real(n - k), p, 1.0 - p)
}

/// Binomial P(X <= k).
///
/// ```
/// assert!((seatrial_stats::dist::binom_cdf(2, 4, 0.5) - 0.6875).abs() < 1e-15);
/// ```
#[must_use]
pub fn binom_cdf(k: u64, n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if k >= n {
        return 1.0;
    }
    inc_beta_xy(real(n - k), real(k) + 1.0, 1.0 - p, p).lower
}

/// Binomial P(X > k), strictly; P(X >= k) is `binom_sf(k - 1, …)`, or 1 at `k = 0`.
///
/// ```
/// assert!((seatrial_stats::dist::binom_sf(2, 4, 0.5) - 0.3125).abs() < 1e-15);
/// ```
#[must_use]
pub fn binom_sf(k: u64, n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if k >= n {
        return 0.0;
    }
    inc_beta_xy(real(n - k), real(k) + 1.0, 1.0 - p, p).upper
}

/// The smallest `k` with P(X <= k) >= `q`; `q` in [0, 1], `p` in [0, 1]. `None` outside these ranges.
///
/// ```
/// assert_eq!(seatrial_stats::dist::binom_quantile(0.5, 10, 0.5), Some(5));
/// ```
#[must_use]
pub fn binom_quantile(q: f64, n: u64, p: f64) -> Option<u64> {
    if !(0.0..=1.0).contains(&q) || !(0.0..=1.0).contains(&p) {
        return None;
    }
    let (mut low, mut high) = (0u64, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if binom_cdf(middle, n, p) >= q {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

/// Poisson P(X = k) with mean `m >= 0`.
///
/// ```
/// assert!((seatrial_stats::dist::poisson_pmf(0, 2.0) - (-2.0f64).exp()).abs() < 1e-15);
/// ```
#[must_use]
pub fn poisson_pmf(k: u64, m: f64) -> f64 {
    if m.is_nan() || m < 0.0 {
        return f64::NAN;
    }
    poisson_kernel(real(k), m)
}

/// Poisson P(X <= k) with mean `m >= 0`.
///
/// ```
/// assert!((seatrial_stats::dist::poisson_cdf(1, 1.0) - 2.0 * (-1.0f64).exp()).abs() < 1e-15);
/// ```
#[must_use]
pub fn poisson_cdf(k: u64, m: f64) -> f64 {
    inc_gamma(real(k) + 1.0, m).upper
}

/// Hypergeometric P(X = k): `k` marked among `drawn` from `marked + unmarked` items.
///
/// ```
/// assert!((seatrial_stats::dist::hypergeom_pmf(1, 2, 2, 2) - 4.0 / 6.0).abs() < 1e-15);
/// ```
#[must_use]
pub fn hypergeom_pmf(k: u64, marked: u64, unmarked: u64, drawn: u64) -> f64 {
    let Some(total) = marked.checked_add(unmarked) else {
        return f64::NAN;
    };
    if drawn > total {
        return f64::NAN;
    }
    if k > marked || k > drawn || drawn - k > unmarked {
        return 0.0;
    }
    if total == 0 || drawn == 0 || drawn == total {
        return 1.0;
    }
    // Loader's product of three binomials with p = drawn/total; each keeps relative precision.
    let p = real(drawn) / real(total);
    let q = real(total - drawn) / real(total);
    let inside = binomial_kernel(real(k), real(marked - k), p, q);
    let outside = binomial_kernel(real(drawn - k), real(unmarked - (drawn - k)), p, q);
    let all = binomial_kernel(real(drawn), real(total - drawn), p, q);
    inside * outside / all
}

/// F distribution P(X > x); both degrees of freedom > 0, `x >= 0` (negative gives 1).
///
/// ```
/// assert!((seatrial_stats::dist::f_sf(4.0, 2.0, 10.0) - 0.052_922_149_401_344_63).abs() < 1e-14);
/// ```
#[must_use]
pub fn f_sf(x: f64, d1: f64, d2: f64) -> f64 {
    f_tails(x, d1, d2).1
}

/// F distribution P(X <= x).
///
/// ```
/// assert!((seatrial_stats::dist::f_cdf(1.0, 5.0, 5.0) - 0.5).abs() < 1e-14);
/// ```
#[must_use]
pub fn f_cdf(x: f64, d1: f64, d2: f64) -> f64 {
    f_tails(x, d1, d2).0
}

fn f_tails(x: f64, d1: f64, d2: f64) -> (f64, f64) {
    if x.is_nan() || d1.is_nan() || d2.is_nan() || d1 <= 0.0 || d2 <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    if d2.is_infinite() {
        let tails = inc_gamma(0.5 * d1, 0.5 * d1 * x);
        return (tails.lower, tails.upper);
    }
    let odds = d1 / d2 * x;
    let tails = inc_beta_xy(0.5 * d1, 0.5 * d2, odds / (1.0 + odds), 1.0 / (1.0 + odds));
    (tails.lower, tails.upper)
}

/// F quantile; `p` in [0, 1].
///
/// ```
/// assert!((seatrial_stats::dist::f_quantile(0.95, 2.0, 10.0) - 4.102_821_015_130_04).abs() < 1e-11);
/// ```
#[must_use]
pub fn f_quantile(p: f64, d1: f64, d2: f64) -> f64 {
    if d2.is_infinite() && d1 > 0.0 {
        return chi2_quantile(p, d1) / d1;
    }
    d2 / d1 * beta_quantile_logit(0.5 * d1, 0.5 * d2, p, 1.0 - p).exp()
}

/// Chi-square P(X > x); `df > 0`, `x >= 0` (negative gives 1).
///
/// ```
/// assert!((seatrial_stats::dist::chi2_sf(3.841_458_820_694_124, 1.0) - 0.05).abs() < 1e-14);
/// ```
#[must_use]
pub fn chi2_sf(x: f64, df: f64) -> f64 {
    if x < 0.0 && df > 0.0 {
        return 1.0;
    }
    if df == 1.0 {
        return libm::erfc((0.5 * x).sqrt());
    }
    inc_gamma(0.5 * df, 0.5 * x).upper
}

/// Chi-square P(X <= x).
///
/// ```
/// assert!((seatrial_stats::dist::chi2_cdf(2.0, 2.0) - (1.0 - (-1.0f64).exp())).abs() < 1e-15);
/// ```
#[must_use]
pub fn chi2_cdf(x: f64, df: f64) -> f64 {
    if x < 0.0 && df > 0.0 {
        return 0.0;
    }
    inc_gamma(0.5 * df, 0.5 * x).lower
}

/// Chi-square quantile; `p` in [0, 1], `df > 0`.
///
/// ```
/// assert!((seatrial_stats::dist::chi2_quantile(0.95, 1.0) - 3.841_458_820_694_124).abs() < 1e-12);
/// ```
#[must_use]
pub fn chi2_quantile(p: f64, df: f64) -> f64 {
    2.0 * gamma_quantile_ln(0.5 * df, p, 1.0 - p).exp()
}

/// Chi-square point with upper tail `q` (accurate for tiny `q`).
///
/// ```
/// assert!((seatrial_stats::dist::chi2_isf(0.05, 1.0) - 3.841_458_820_694_124).abs() < 1e-12);
/// ```
#[must_use]
pub fn chi2_isf(q: f64, df: f64) -> f64 {
    2.0 * gamma_quantile_ln(0.5 * df, 1.0 - q, q).exp()
}

/// Gamma(shape, rate 1) P(X <= x).
///
/// ```
/// assert!((seatrial_stats::dist::gamma_cdf(1.0, 1.0) - (1.0 - (-1.0f64).exp())).abs() < 1e-15);
/// ```
#[must_use]
pub fn gamma_cdf(x: f64, shape: f64) -> f64 {
    inc_gamma(shape, x.max(0.0)).lower
}

/// Gamma(shape, rate 1) P(X > x).
///
/// ```
/// assert!((seatrial_stats::dist::gamma_sf(1.0, 1.0) - (-1.0f64).exp()).abs() < 1e-15);
/// ```
#[must_use]
pub fn gamma_sf(x: f64, shape: f64) -> f64 {
    inc_gamma(shape, x.max(0.0)).upper
}

/// Gamma(shape, rate 1) quantile.
///
/// ```
/// assert!((seatrial_stats::dist::gamma_quantile(0.5, 1.0) - 2f64.ln()).abs() < 1e-15);
/// ```
#[must_use]
pub fn gamma_quantile(p: f64, shape: f64) -> f64 {
    gamma_quantile_ln(shape, p, 1.0 - p).exp()
}

/// A count as a real number; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts above 2^53 round, which the distributions do not notice"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: quantiles invert both tails to near rounding over sizes from tiny to huge.
    #[test]
    fn quantiles_invert_tails() {
        let tails = [1e-300, 1e-30, 1e-9, 1e-3, 0.025, 0.1, 0.3, 0.5];
        for &q in &tails {
            let z = normal_isf(q);
            assert!(
                (normal_sf(z) / q - 1.0).abs() < 1e-12 * (1.0 + z * z),
                "normal {q}"
            );
            for df in [0.1, 0.5, 1.0, 2.0, 3.7, 30.0, 1e3, 1e6, 1e12] {
                let t = t_isf(q, df);
                if t.is_finite() {
                    assert!(
                        (t_sf(t, df) / q - 1.0).abs() < 1e-10,
                        "t {q} {df} {t} {}",
                        t_sf(t, df)
                    );
                }
                // The answer itself is rounded, which moves the tail by this much.
                let slack = 1e-9 + 1000.0 * f64::EPSILON * df.sqrt();
                let x = chi2_isf(q, df);
                assert!(
                    (chi2_sf(x, df) / q - 1.0).abs() < slack,
                    "chi2 {q} {df} {x} {}",
                    chi2_sf(x, df)
                );
                let x = chi2_quantile(q, df);
                if x > 1e-290 {
                    assert!(
                        (chi2_cdf(x, df) / q - 1.0).abs() < slack,
                        "chi2 low {q} {df} {x} {}",
                        chi2_cdf(x, df)
                    );
                }
            }
            for a in [1e-3, 0.3, 1.0, 2.5, 40.0, 1e3, 1e6, 1e10] {
                for b in [1e-3, 0.3, 1.0, 2.5, 40.0, 1e3, 1e6, 1e10] {
                    let x = beta_quantile(q, a, b);
                    if x > 1e-290 && x < 0.5 {
                        let p = beta_cdf(x, a, b);
                        // The answer itself is rounded: allow for its own last digit.
                        let slack = 1e-9 + 4.0 * f64::EPSILON * x * beta_pdf(x, a, b) / q;
                        assert!((p / q - 1.0).abs() < slack, "beta {q} {a} {b} {x} {p}");
                    }
                }
            }
        }
    }
}
