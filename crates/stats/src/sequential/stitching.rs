//! Polynomial stitched boundary: closed form, shrinks at the rate of the iterated logarithm.

use crate::error::{StatsError, open_unit, positive};

/// Polynomial stitched boundary for a sub-gamma sum with scale `c` at intrinsic time `v`: P(the sum ever exceeds
/// it) ≤ `alpha`.
///
/// With ℓ = s·ln ln(ηv/m) + ln(ζ(s)/(α·ln^s η)), k₁ = (η^¼ + η^−¼)/√2, k₂ = (√η + 1)/2, time from `v_min` = m on:
/// √(k₁²vℓ + k₂²c²ℓ²) + k₂cℓ. Flat before `v_min`. `s` = 1.4 and `eta` = 2 are good choices; `c` = 0 for
/// sub-Gaussian sums.
///
/// # Errors
/// `v` or `c` negative or not finite, `v_min` not positive, `s` or `eta` not in (1, 1000], `alpha` outside (0, 1).
///
/// Source: Howard, Ramdas, McAuliffe, Sekhon 2021, theorem 1.
///
/// ```
/// use seatrial_stats::sequential::poly_stitching_bound;
/// let b = poly_stitching_bound(1.0, 0.01, 10.0, 0.0, 1.4, 2.0)?;
/// assert!((b - 10.874_194_313_9).abs() < 1e-9);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn poly_stitching_bound(
    v: f64,
    alpha: f64,
    v_min: f64,
    c: f64,
    s: f64,
    eta: f64,
) -> Result<f64, StatsError> {
    open_unit("alpha", alpha)?;
    positive("v_min", v_min)?;
    for (what, found) in [("v", v), ("c", c)] {
        if !(found >= 0.0 && found.is_finite()) {
            return Err(StatsError::OutOfRange {
                what,
                found,
                expected: "a finite number of at least 0",
            });
        }
    }
    for (what, found) in [("s", s), ("eta", eta)] {
        if !(found > 1.0 && found <= 1000.0) {
            return Err(StatsError::OutOfRange {
                what,
                found,
                expected: "a number above 1 and at most 1000",
            });
        }
    }
    let v = v.max(v_min);
    let k1 = (eta.powf(0.25) + eta.powf(-0.25)) / std::f64::consts::SQRT_2;
    let k2 = 0.5 * (eta.sqrt() + 1.0);
    // ln(ηv/m) by difference, so that an extreme v/m does not overflow.
    let epochs = eta.ln() + v.ln() - v_min.ln();
    let ell = s * epochs.ln() + zeta(s).ln() - s * eta.ln().ln() - alpha.ln();
    let linear = k2 * c * ell;
    Ok((k1 * k1 * v * ell + linear * linear).sqrt() + linear)
}

/// Riemann's zeta function for s > 1, by summing 20 terms and the Euler–Maclaurin remainder.
fn zeta(s: f64) -> f64 {
    const TERMS: u32 = 20;
    let n = f64::from(TERMS);
    let head: f64 = (1..TERMS).map(|k| f64::from(k).powf(-s)).sum();
    let tail = n.powf(1.0 - s) / (s - 1.0) + 0.5 * n.powf(-s);
    // Bernoulli numbers over factorials: 1/12, −1/720, 1/30240, −1/1209600.
    let mut term = s * n.powf(-s - 1.0);
    let mut correction = 0.0;
    for (j, b) in [1.0 / 12.0, -1.0 / 720.0, 1.0 / 30_240.0, -1.0 / 1_209_600.0]
        .into_iter()
        .enumerate()
    {
        correction += b * term;
        let next = s + 2.0 * j as f64;
        term *= (next + 1.0) * (next + 2.0) / (n * n);
    }
    head + tail + correction
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects: zeta at points with known values.
    #[test]
    fn zeta_values() {
        let pi = std::f64::consts::PI;
        assert!((zeta(2.0) - pi * pi / 6.0).abs() < 1e-14);
        assert!((zeta(4.0) - pi.powi(4) / 90.0).abs() < 1e-14);
        assert!((zeta(1.4) - 3.105_547_277_977_581).abs() < 1e-12);
        assert!((zeta(60.0) - 1.0).abs() < 1e-15);
    }

    proptest! {
        /// Protects: grows with time, confidence and scale; flat before the first time.
        #[test]
        fn monotone(v in 0.1f64..1e9, alpha in 1e-9f64..0.5, c in 0.0f64..3.0) {
            let of = |v, alpha, c| poly_stitching_bound(v, alpha, 10.0, c, 1.4, 2.0).unwrap();
            let here = of(v, alpha, c);
            prop_assert!(here <= of(2.0 * v, alpha, c) && here < of(v, alpha / 2.0, c));
            prop_assert!(here < of(v, alpha, c + 1.0));
            prop_assert!(v > 10.0 || here == of(10.0, alpha, c));
        }
    }

    /// Protects: parameters outside their ranges are errors.
    #[test]
    fn edges() {
        let of = |v, alpha, v_min, c, s, eta| poly_stitching_bound(v, alpha, v_min, c, s, eta);
        assert!(of(f64::NAN, 0.05, 1.0, 0.0, 1.4, 2.0).is_err());
        assert!(of(1.0, 0.0, 1.0, 0.0, 1.4, 2.0).is_err());
        assert!(of(1.0, 0.05, 0.0, 0.0, 1.4, 2.0).is_err());
        assert!(of(1.0, 0.05, 1.0, -1.0, 1.4, 2.0).is_err());
        assert!(of(1.0, 0.05, 1.0, 0.0, 1.0, 2.0).is_err());
        assert!(of(1.0, 0.05, 1.0, 0.0, 1.4, 1.0).is_err());
        assert!(of(1e300, 0.05, 1e-300, 0.0, 1.4, 2.0).unwrap().is_finite());
    }
}
