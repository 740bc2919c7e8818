//! Count, mean and central moments as a mergeable accumulator, and the exact-as-possible sums under them.
//!
//! Apart because everything that averages uses it, and because partial results of many workers must give the
//! same as one pass over all data.

use crate::StatsError;
use crate::dist::real;

/// Values below this many are summed straight on; above, halves are summed apart (pairwise summation).
const PAIRWISE_BLOCK: usize = 128;

/// Pairwise sum: rounding error grows with log n, not with n.
///
/// ```
/// assert_eq!(seatrial_stats::moments::sum(&[0.5, 0.25]), 0.75);
/// ```
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    if values.len() <= PAIRWISE_BLOCK {
        // Four lanes so that the adds do not wait for each other.
        let mut lanes = [0.0; 4];
        let chunks = values.chunks_exact(4);
        let rest: f64 = chunks.remainder().iter().sum();
        for chunk in chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value;
            }
        }
        return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest;
    }
    let (left, right) = values.split_at(values.len() / 2);
    sum(left) + sum(right)
}

/// Arithmetic mean; `NaN` for an empty slice, which callers exclude first.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let n = real(values.len() as u64);
    let first = sum(values) / n;
    if !first.is_finite() {
        return first;
    }
    // One correction step removes what rounding the sum left; it also makes the mean of equal values exact.
    let rest: Vec<f64> = values.iter().map(|x| x - first).collect();
    first + sum(&rest) / n
}

/// Sum of squared deviations from `mean`.
pub(crate) fn squares(values: &[f64], mean: f64) -> f64 {
    let squares: Vec<f64> = values.iter().map(|x| (x - mean) * (x - mean)).collect();
    sum(&squares)
}

/// Count, mean and second to fourth central moments of a stream; two of them merge into the moments of the
/// whole.
///
/// Updates and merges by the formulas of Welford 1962, Chan, Golub and LeVeque 1979 and Pébay 2008.
///
/// ```
/// use seatrial_stats::moments::Moments;
/// let m = Moments::of(&[1.0, 2.0, 3.0])?;
/// assert_eq!((m.variance(), m.variance_population()), (Some(1.0), Some(2.0 / 3.0)));
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    n: u64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl Moments {
    /// No observations yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The moments of a slice, by two passes.
    ///
    /// ```
    /// let m = seatrial_stats::moments::Moments::of(&[1.0, 2.0, 3.0])?;
    /// assert_eq!((m.n(), m.mean(), m.variance()), (3, Some(2.0), Some(1.0)));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::NotFinite`] for a `NaN` or an infinity.
    pub fn of(values: &[f64]) -> Result<Self, StatsError> {
        crate::error::finite("values", values)?;
        if values.is_empty() {
            return Ok(Self::default());
        }
        let mean = mean(values);
        let central = |power: i32| {
            let terms: Vec<f64> = values.iter().map(|x| (x - mean).powi(power)).collect();
            sum(&terms)
        };
        Ok(Self {
            n: values.len() as u64,
            mean,
            m2: central(2),
            m3: central(3),
            m4: central(4),
        })
    }

    /// Adds one observation.
    ///
    /// ```
    /// let mut m = seatrial_stats::moments::Moments::new();
    /// m.push(1.0)?;
    /// m.push(3.0)?;
    /// assert_eq!((m.mean(), m.variance()), (Some(2.0), Some(2.0)));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::NotFinite`] for a `NaN` or an infinity; the accumulator is unchanged then.
    pub fn push(&mut self, x: f64) -> Result<(), StatsError> {
        if !x.is_finite() {
            return Err(StatsError::NotFinite {
                what: "x",
                index: usize::try_from(self.n).unwrap_or(usize::MAX),
                found: x,
            });
        }
        self.merge(&Self {
            n: 1,
            mean: x,
            m2: 0.0,
            m3: 0.0,
            m4: 0.0,
        });
        Ok(())
    }

    /// Adds the observations of another accumulator.
    ///
    /// ```
    /// use seatrial_stats::moments::Moments;
    /// let mut m = Moments::of(&[1.0, 2.0])?;
    /// m.merge(&Moments::of(&[6.0])?);
    /// assert_eq!(m.mean(), Some(3.0));
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = *other;
            return;
        }
        let (na, nb) = (real(self.n), real(other.n));
        let n = na + nb;
        let delta = other.mean - self.mean;
        let part = delta * (nb / n);
        let m2 = self.m2 + other.m2 + delta * part * na;
        let m3 = self.m3
            + other.m3
            + delta * delta * part * na * ((na - nb) / n)
            + 3.0 * delta * (na * other.m2 - nb * self.m2) / n;
        let m4 = self.m4
            + other.m4
            + delta * delta * delta * part * na * ((na * na - na * nb + nb * nb) / (n * n))
            + 6.0 * delta * delta * (na * na * other.m2 + nb * nb * self.m2) / (n * n)
            + 4.0 * delta * (na * other.m3 - nb * self.m3) / n;
        *self = Self {
            n: self.n.saturating_add(other.n),
            mean: self.mean + part,
            m2,
            m3,
            m4,
        };
    }

    /// Number of observations.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Mean; `None` when empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Sample variance (divisor n − 1); `None` below two observations.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        (self.n > 1).then(|| self.m2 / real(self.n - 1))
    }

    /// Population variance (divisor n); `None` when empty.
    #[must_use]
    pub fn variance_population(&self) -> Option<f64> {
        (self.n > 0).then(|| self.m2 / real(self.n))
    }

    /// Skewness m₃/m₂^1.5 with divisors n (biased); `None` when empty or all values are equal.
    ///
    /// ```
    /// let m = seatrial_stats::moments::Moments::of(&[1.0, 1.0, 0.0])?;
    /// assert!((m.skewness().unwrap() + 0.5f64.sqrt()).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn skewness(&self) -> Option<f64> {
        let n = real(self.n);
        self.spread().map(|m2| (self.m3 / n) / m2.powf(1.5))
    }

    /// Excess kurtosis m₄/m₂² − 3 with divisors n (biased); `None` when empty or all values are equal.
    ///
    /// ```
    /// let m = seatrial_stats::moments::Moments::of(&[1.0, 1.0, 0.0])?;
    /// assert!((m.kurtosis().unwrap() + 1.5).abs() < 1e-12);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn kurtosis(&self) -> Option<f64> {
        let n = real(self.n);
        self.spread().map(|m2| (self.m4 / n) / (m2 * m2) - 3.0)
    }

    /// Population variance where it is more than the rounding of equal values.
    fn spread(&self) -> Option<f64> {
        let m2 = self.variance_population()?;
        (m2 > (f64::EPSILON * self.mean).powi(2)).then_some(m2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: Option<f64>, b: Option<f64>, scale: f64) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * scale.max(b.abs()),
            (a, b) => a == b,
        }
    }

    proptest! {
        /// Protects: partial results of workers merge into the result of one pass, however they are cut.
        #[test]
        fn merging_parts_equals_the_whole(
            x in prop::collection::vec(-1e3f64..1e3, 0..200),
            cut in 0.0f64..=1.0,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let at = (cut * real(x.len() as u64)) as usize;
            let whole = Moments::of(&x).unwrap();
            let mut merged = Moments::of(&x[..at]).unwrap();
            merged.merge(&Moments::of(&x[at..]).unwrap());
            let mut pushed = Moments::new();
            for &value in &x {
                pushed.push(value).unwrap();
            }
            for other in [merged, pushed] {
                prop_assert_eq!(other.n(), whole.n());
                prop_assert!(close(other.mean(), whole.mean(), 1e3));
                prop_assert!(close(other.variance(), whole.variance(), 1e3));
                if whole.variance().is_some_and(|v| v > 1.0) {
                    prop_assert!(close(other.skewness(), whole.skewness(), 1.0));
                    prop_assert!(close(other.kurtosis(), whole.kurtosis(), 1.0));
                }
            }
        }
    }

    /// Protects: empty, single and equal values are defined; infinities are refused.
    #[test]
    fn edges() {
        let empty = Moments::of(&[]).unwrap();
        assert_eq!(
            (empty.mean(), empty.variance(), empty.skewness()),
            (None, None, None)
        );
        let one = Moments::of(&[4.0]).unwrap();
        assert_eq!(
            (one.mean(), one.variance(), one.variance_population()),
            (Some(4.0), None, Some(0.0))
        );
        let equal = Moments::of(&[0.1; 37]).unwrap();
        assert_eq!(
            (equal.mean(), equal.variance(), equal.kurtosis()),
            (Some(0.1), Some(0.0), None)
        );
        assert!(Moments::of(&[f64::INFINITY]).is_err());
        let mut m = empty;
        assert!(m.push(f64::NAN).is_err());
        assert_eq!(m, Moments::new());
    }
}
