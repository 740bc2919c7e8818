//! The interval every estimator of this crate returns, and the choice of side of a test.

/// A closed interval. The level it was made for is the caller's to keep.
///
/// ```
/// use seatrial_stats::Interval;
/// let i = Interval::around(0.9, 0.2);
/// assert!(i.contains(1.1) && !i.contains(f64::NAN));
/// assert_eq!(i.clamped(0.0, 1.0).high, 1.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end; −∞ where the method gives no lower bound.
    pub low: f64,
    /// Upper end; +∞ where the method gives no upper bound.
    pub high: f64,
}

impl Interval {
    /// An interval from its ends.
    ///
    /// ```
    /// use seatrial_stats::Interval;
    /// assert_eq!(Interval::new(0.2, 0.5).width(), 0.3);
    /// ```
    #[must_use]
    pub const fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// `centre ± half`.
    #[must_use]
    pub fn around(centre: f64, half: f64) -> Self {
        Self::new(centre - half, centre + half)
    }

    /// `high - low`.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.high - self.low
    }

    /// Whether `x` lies in the interval, ends included. `NaN` lies in none.
    #[must_use]
    pub fn contains(&self, x: f64) -> bool {
        self.low <= x && x <= self.high
    }

    /// The part of the interval inside `[low, high]`; both ends are moved to the nearer limit. `NaN` stays.
    #[must_use]
    pub fn clamped(&self, low: f64, high: f64) -> Self {
        let clamp = |x: f64| {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        };
        Self::new(clamp(self.low), clamp(self.high))
    }
}

/// Which departures from the null hypothesis count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// Either direction.
    TwoSided,
    /// The quantity is smaller than under the null hypothesis.
    Less,
    /// The quantity is greater than under the null hypothesis.
    Greater,
}
