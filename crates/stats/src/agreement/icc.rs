//! The six intraclass correlations of Shrout and Fleiss with F tests and exact intervals.

use super::rectangular;
use crate::dist::{f_quantile, f_sf};
use crate::error::{StatsError, at_least, open_unit};

/// One intraclass correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Icc {
    /// The coefficient, at most 1; negative where raters disagree more than units differ; `NaN` where every
    /// rating is the same.
    pub icc: f64,
    /// F statistic of "units do not differ"; `+∞` where the error is 0.
    pub f: f64,
    /// Numerator degrees of freedom.
    pub df1: f64,
    /// Denominator degrees of freedom.
    pub df2: f64,
    /// P-value of the F test.
    pub p_value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// What [`icc`] returns: three models, each for a single rating and for the mean of all raters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IccForms {
    /// ICC(1,1): each unit has its own raters.
    pub icc1: Icc,
    /// ICC(2,1) = ICC(A,1): the same random raters, absolute agreement. The form for judge against people.
    pub icc2: Icc,
    /// ICC(3,1) = ICC(C,1): the same fixed raters, consistency only (a rater's constant offset is forgiven).
    pub icc3: Icc,
    /// ICC(1,k): mean of k ratings, model 1.
    pub icc1k: Icc,
    /// ICC(2,k): mean of k ratings, model 2.
    pub icc2k: Icc,
    /// ICC(3,k): mean of k ratings, model 3; Cronbach's alpha.
    pub icc3k: Icc,
}

/// Intraclass correlations of `ratings[unit][rater]`, nothing missing, with intervals at level `confidence`.
///
/// From the mean squares between units (MSB), within units (MSW), between raters (MSC) and residual (MSE), with
/// n units and k raters: (1,1) = (MSB−MSW)/(MSB+(k−1)MSW); (2,1) = (MSB−MSE)/(MSB+(k−1)MSE+k(MSC−MSE)/n);
/// (3,1) = (MSB−MSE)/(MSB+(k−1)MSE). The k forms by Spearman–Brown. Intervals are exact under normal errors for
/// models 1 and 3; for model 2 they are Satterthwaite's approximation, which can miss a negative estimate. The forms answer different questions and can be far apart: print
/// which one was used.
///
/// # Errors
/// Fewer than two units or raters, rows of unequal length, missing ratings, ratings that are not finite, a
/// confidence outside (0, 1).
///
/// Source: Shrout and Fleiss 1979; McGraw and Wong 1996.
///
/// ```
/// use seatrial_stats::agreement::icc;
/// let ratings = [[9.0, 2.0, 5.0, 8.0], [6.0, 1.0, 3.0, 2.0], [8.0, 4.0, 6.0, 8.0],
///     [7.0, 1.0, 2.0, 6.0], [10.0, 5.0, 6.0, 9.0], [6.0, 2.0, 4.0, 7.0]];
/// let rows: Vec<Vec<_>> = ratings.iter().map(|row| row.iter().copied().map(Some).collect()).collect();
/// let forms = icc(&rows, 0.95)?;
/// assert!((forms.icc2.icc - 0.289_763_779_5).abs() < 1e-9); // published: .29
/// assert!((forms.icc3.icc - 0.714_840_714_8).abs() < 1e-9); // published: .71
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn icc(ratings: &[Vec<Option<f64>>], confidence: f64) -> Result<IccForms, StatsError> {
    open_unit("confidence", confidence)?;
    at_least("units", ratings.len(), 2)?;
    let raters = rectangular("ratings", ratings)?;
    at_least("raters", raters, 2)?;
    let mut cells = Vec::with_capacity(ratings.len());
    for row in ratings {
        let complete: Option<Vec<f64>> = row.iter().copied().collect();
        cells.push(complete.ok_or(StatsError::Undefined {
            what: "intraclass correlation",
            why: "a rating is missing; use Krippendorff's alpha",
        })?);
    }
    Ok(Squares::of(&mut cells).forms(0.5 - 0.5 * confidence))
}

/// The mean squares of a two-way table.
struct Squares {
    n: f64,
    k: f64,
    /// Between units.
    msb: f64,
    /// Within units.
    msw: f64,
    /// Between raters.
    msc: f64,
    /// Residual.
    mse: f64,
}

impl Squares {
    fn of(cells: &mut [Vec<f64>]) -> Self {
        // Coefficients are invariant to scale and origin; this keeps squares from overflowing and a large
        // common offset from eating the digits.
        let largest = cells.iter().flatten().fold(0.0f64, |max, x| max.max(x.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let origin = cells[0][0] / scale;
        cells.iter_mut().flatten().for_each(|x| *x = *x / scale - origin);
        let (n, k) = (cells.len() as f64, cells[0].len() as f64);
        let grand = cells.iter().flatten().sum::<f64>() / (n * k);
        let unit_means: Vec<f64> = cells.iter().map(|row| row.iter().sum::<f64>() / k).collect();
        let rater_means: Vec<f64> = (0..cells[0].len())
            .map(|j| cells.iter().map(|row| row[j]).sum::<f64>() / n)
            .collect();
        let square_sum = |means: &[f64]| means.iter().map(|m| (m - grand) * (m - grand)).sum::<f64>();
        let (mut within, mut residual) = (0.0, 0.0);
        for (row, unit) in cells.iter().zip(&unit_means) {
            for (x, rater) in row.iter().zip(&rater_means) {
                within += (x - unit) * (x - unit);
                let left = (x - unit) - (rater - grand);
                residual += left * left;
            }
        }
        Self {
            n,
            k,
            msb: k * square_sum(&unit_means) / (n - 1.0),
            msw: within / (n * (k - 1.0)),
            msc: n * square_sum(&rater_means) / (k - 1.0),
            mse: residual / ((n - 1.0) * (k - 1.0)),
        }
    }

    fn forms(&self, tail: f64) -> IccForms {
        let Self {
            n,
            k,
            msb,
            msw,
            msc,
            mse,
        } = *self;
        let df1 = n - 1.0;
        let one = one_way(msb, msw, df1, n * (k - 1.0), k, tail);
        let df2 = df1 * (k - 1.0);
        let three = one_way(msb, mse, df1, df2, k, tail);
        let agreement = (msb - mse) / (msb + (k - 1.0) * mse + k * (msc - mse) / n);
        let (low, high) = self.agreement_interval(agreement, tail);
        let up = |r: f64| k * r / (1.0 + (k - 1.0) * r);
        let two = |icc, low, high| Icc {
            icc,
            low,
            high,
            ..three.0
        };
        IccForms {
            icc1: one.0,
            icc2: two(agreement, low, high),
            icc3: three.0,
            icc1k: one.1,
            icc2k: two((msb - mse) / (msb + (msc - mse) / n), up(low), up(high)),
            icc3k: three.1,
        }
    }

    /// Satterthwaite interval of ICC(2,1).
    fn agreement_interval(&self, icc: f64, tail: f64) -> (f64, f64) {
        let Self {
            n, k, msb, msc, mse, ..
        } = *self;
        if mse == 0.0 && msc == 0.0 {
            // No disagreement at all: 1 exactly, or undefined when the units do not differ either.
            return (icc, icc);
        }
        let df1 = n - 1.0;
        let df2 = df1 * (k - 1.0);
        // v = (a·MSC + b·MSE)² / (a²MSC²/(k−1) + b²MSE²/df2), multiplied out so that MSE = 0 is no 0/0.
        let (a, b) = (k * icc * msc, (n * (1.0 + (k - 1.0) * icc) - k * icc) * mse);
        let v = df2 * (a + b) * (a + b) / (df1 * a * a + b * b);
        let upper_f = f_quantile(1.0 - tail, df1, v);
        let lower_f = f_quantile(1.0 - tail, v, df1);
        let noise = k * msc + (k * n - k - n) * mse;
        let low = n * (msb - upper_f * mse) / (upper_f * noise + n * msb);
        let high = n * (lower_f * msb - mse) / (noise + n * lower_f * msb);
        (low, high)
    }
}

/// Single-rating and mean-of-k coefficient of a ratio of two independent mean squares.
fn one_way(between: f64, error: f64, df1: f64, df2: f64, k: f64, tail: f64) -> (Icc, Icc) {
    let f = between / error;
    let (lower_f, upper_f) = (
        f / f_quantile(1.0 - tail, df1, df2),
        f * f_quantile(1.0 - tail, df2, df1),
    );
    let single = |f: f64| {
        if f.is_infinite() {
            1.0
        } else {
            (f - 1.0) / (f + k - 1.0)
        }
    };
    let base = Icc {
        icc: (between - error) / (between + (k - 1.0) * error),
        f,
        df1,
        df2,
        p_value: if f.is_infinite() { 0.0 } else { f_sf(f, df1, df2) },
        low: single(lower_f),
        high: single(upper_f),
    };
    let mean = Icc {
        icc: (between - error) / between,
        low: 1.0 - 1.0 / lower_f,
        high: 1.0 - 1.0 / upper_f,
        ..base
    };
    (base, mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrap(rows: &[Vec<f64>]) -> Vec<Vec<Option<f64>>> {
        rows.iter()
            .map(|row| row.iter().copied().map(Some).collect())
            .collect()
    }

    proptest! {
        /// Protects: every form is at most 1, symmetric in the raters, and unmoved by scale.
        #[test]
        fn bounded_symmetric_and_scale_free(
            rows in prop::collection::vec(prop::collection::vec(-5.0f64..5.0, 3), 3..12),
        ) {
            let reversed: Vec<Vec<f64>> =
                rows.iter().map(|row| row.iter().rev().map(|x| x * 1e150).collect()).collect();
            let (a, b) = (icc(&wrap(&rows), 0.95).unwrap(), icc(&wrap(&reversed), 0.95).unwrap());
            for (x, y) in [(a.icc1, b.icc1), (a.icc2, b.icc2), (a.icc3, b.icc3)] {
                prop_assert!(x.icc <= 1.0 + 1e-12 && (x.icc - y.icc).abs() < 1e-9);
            }
            // Not ICC(2,1): its approximate interval can miss a negative estimate.
            for x in [a.icc1, a.icc3] {
                prop_assert!(x.low <= x.icc + 1e-9 && x.icc <= x.high + 1e-9);
            }
        }
    }

    /// Protects: perfect agreement is 1 with a closed interval, no variation at all is `NaN`, bad shapes fail.
    #[test]
    fn edges() {
        let perfect = icc(&wrap(&[vec![1.0, 1.0], vec![2.0, 2.0], vec![5.0, 5.0]]), 0.95).unwrap();
        for form in [
            perfect.icc1,
            perfect.icc2,
            perfect.icc3,
            perfect.icc1k,
            perfect.icc2k,
            perfect.icc3k,
        ] {
            assert_eq!(
                (form.icc, form.low, form.high, form.p_value),
                (1.0, 1.0, 1.0, 0.0)
            );
        }
        assert!(
            icc(&wrap(&[vec![1.0, 1.0], vec![1.0, 1.0]]), 0.95)
                .unwrap()
                .icc2
                .icc
                .is_nan()
        );
        assert!(icc(&wrap(&[vec![1.0, 2.0]]), 0.95).is_err());
        assert!(icc(&wrap(&[vec![1.0], vec![2.0]]), 0.95).is_err());
        assert!(icc(&[vec![Some(1.0), None], vec![Some(1.0), Some(2.0)]], 0.95).is_err());
        assert!(icc(&wrap(&[vec![1.0, f64::NAN], vec![1.0, 2.0]]), 0.95).is_err());
    }
}
