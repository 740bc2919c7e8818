//! Length bias: does the longer answer win?

use super::Verdict;
use crate::Alternative;
use crate::error::{StatsError, finite, same_length};
use crate::proportion::binom_test;

/// What [`length_bias`] returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthBias {
    /// Decided verdicts between answers of different length.
    pub n: u64,
    /// Share of them for the longer answer; `NaN` where n is 0.
    pub prefer_longer: f64,
    /// Exact two-sided binomial p-value against one half; 1 where n is 0.
    pub p_value: f64,
    /// Logistic regression on the length difference; `None` where it has no finite solution (too few verdicts,
    /// equal lengths, or lengths that separate the verdicts).
    pub fit: Option<LengthFit>,
}

/// Logistic regression of "A wins" on the length difference, over all decided verdicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthFit {
    /// Log-odds of A at equal length.
    pub intercept: f64,
    /// Log-odds per 1,000 units by which A is longer.
    pub slope: f64,
    /// Standard error of the slope.
    pub slope_se: f64,
}

/// Length bias of pairwise verdicts; lengths in any unit (tokens, characters).
///
/// A preference for longer answers is only a bias as far as people do not share it: compare with the same
/// numbers of human verdicts, or put length into [`style_control`](crate::ranking::style_control).
///
/// # Errors
/// Lists of unequal length or lengths that are not finite.
///
/// Source: Dubois et al. 2024 for the regression on length.
///
/// ```
/// use seatrial_stats::judge::{Verdict::{A, B}, length_bias};
/// let b = length_bias(&[A, A, B, A], &[200.0, 300.0, 100.0, 90.0], &[100.0, 100.0, 200.0, 100.0])?;
/// assert_eq!((b.n, b.prefer_longer), (4, 0.75));
/// assert!((b.p_value - 0.625).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn length_bias(verdicts: &[Verdict], len_a: &[f64], len_b: &[f64]) -> Result<LengthBias, StatsError> {
    same_length("verdicts", verdicts.len(), "len_a", len_a.len())?;
    same_length("verdicts", verdicts.len(), "len_b", len_b.len())?;
    finite("len_a", len_a)?;
    finite("len_b", len_b)?;
    let decided: Vec<(bool, f64)> = verdicts
        .iter()
        .zip(len_a.iter().zip(len_b))
        .filter(|(verdict, _)| **verdict != Verdict::Tie)
        .map(|(verdict, (a, b))| (*verdict == Verdict::A, (a - b) / 1000.0))
        .collect();
    let n = decided.iter().filter(|(_, x)| *x != 0.0).count() as u64;
    let longer = decided
        .iter()
        .filter(|(a_wins, x)| *x != 0.0 && *a_wins == (*x > 0.0))
        .count() as u64;
    Ok(LengthBias {
        n,
        prefer_longer: longer as f64 / n as f64,
        p_value: if n == 0 {
            1.0
        } else {
            binom_test(longer, n, 0.5, Alternative::TwoSided)?
        },
        fit: logistic(&decided),
    })
}

/// Newton steps at the most.
const STEPS_MAX: usize = 200;

/// Maximum-likelihood logistic regression with intercept; `None` where the maximum is not finite or unique.
fn logistic(data: &[(bool, f64)]) -> Option<LengthFit> {
    let range = |wanted: bool| {
        data.iter()
            .filter(|(y, _)| *y == wanted)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &(_, x)| {
                (low.min(x), high.max(x))
            })
    };
    let ((win_low, win_high), (lose_low, lose_high)) = (range(true), range(false));
    // The maximum is finite exactly when the ranges of both outcomes overlap by more than a point (Albert and
    // Anderson 1984); an absent outcome has an empty range.
    if !(win_low < lose_high && lose_low < win_high) {
        return None;
    }
    // In units of the largest difference, so that squares stay in range.
    let scale = data.iter().fold(0.0f64, |max, (_, x)| max.max(x.abs()));
    if !scale.is_finite() {
        return None;
    }
    let (mut intercept, mut slope) = (0.0f64, 0.0f64);
    for _ in 0..STEPS_MAX {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(y, x) in data {
            let x = x / scale;
            let p = 1.0 / (1.0 + (-(intercept + slope * x)).exp());
            let residual = f64::from(u8::from(y)) - p;
            let w = p * (1.0 - p);
            g0 += residual;
            g1 += residual * x;
            h00 += w;
            h01 += w * x;
            h11 += w * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        if !(determinant > 0.0) {
            return None;
        }
        let (d0, d1) = (
            (h11 * g0 - h01 * g1) / determinant,
            (h00 * g1 - h01 * g0) / determinant,
        );
        // A step of more than a few log-odds overshoots; shorten it.
        let shorten = (5.0 / d0.abs().max(d1.abs())).min(1.0);
        intercept += shorten * d0;
        slope += shorten * d1;
        if d0.abs().max(d1.abs()) < 1e-10 * (1.0 + intercept.abs().max(slope.abs())) {
            return Some(LengthFit {
                intercept,
                slope: slope / scale,
                slope_se: (h00 / determinant).sqrt() / scale,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: exchanging the names of the answers keeps the preference and turns the intercept.
        #[test]
        fn mirrors(items in prop::collection::vec((any::<bool>(), 0u16..500, 0u16..500), 1..80)) {
            let verdicts: Vec<Verdict> =
                items.iter().map(|&(a, ..)| if a { Verdict::A } else { Verdict::B }).collect();
            let flipped: Vec<Verdict> =
                items.iter().map(|&(a, ..)| if a { Verdict::B } else { Verdict::A }).collect();
            let a: Vec<f64> = items.iter().map(|&(_, a, _)| f64::from(a)).collect();
            let b: Vec<f64> = items.iter().map(|&(.., b)| f64::from(b)).collect();
            let (p, m) = (length_bias(&verdicts, &a, &b).unwrap(), length_bias(&flipped, &b, &a).unwrap());
            prop_assert_eq!(p.n, m.n);
            prop_assert!(p.n == 0 || p.prefer_longer == m.prefer_longer && (0.0..=1.0).contains(&p.p_value));
            if let (Some(p), Some(m)) = (p.fit, m.fit) {
                prop_assert!((p.slope - m.slope).abs() < 1e-5 * (1.0 + p.slope.abs()));
                prop_assert!((p.intercept + m.intercept).abs() < 1e-5 * (1.0 + p.intercept.abs()));
            }
            prop_assert_eq!(p.fit.is_some(), m.fit.is_some());
        }
    }

    /// Protects: nothing decided, equal lengths, separated and huge lengths give no fit instead of nonsense.
    #[test]
    fn edges() {
        let none = length_bias(&[Verdict::Tie], &[1.0], &[2.0]).unwrap();
        assert!(none.n == 0 && none.prefer_longer.is_nan() && none.p_value == 1.0 && none.fit.is_none());
        assert_eq!(length_bias(&[], &[], &[]).unwrap().n, 0);
        let equal = length_bias(&[Verdict::A, Verdict::B], &[5.0; 2], &[5.0; 2]).unwrap();
        assert!(equal.n == 0 && equal.fit.is_none());
        let split = length_bias(&[Verdict::A, Verdict::B], &[9.0, 1.0], &[1.0, 9.0]).unwrap();
        assert!(split.prefer_longer == 1.0 && split.fit.is_none());
        let huge = length_bias(
            &[Verdict::A, Verdict::B, Verdict::A, Verdict::B],
            &[1e308, 1e308, -1e308, -1e308],
            &[0.0; 4],
        )
        .unwrap();
        assert!(
            huge.fit
                .is_some_and(|fit| fit.slope.abs() < 1e-9 && fit.slope_se.is_finite())
        );
        assert!(length_bias(&[Verdict::A], &[f64::NAN], &[1.0]).is_err());
        assert!(length_bias(&[Verdict::A], &[], &[1.0]).is_err());
    }
}
