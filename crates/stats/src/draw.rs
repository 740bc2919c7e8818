//! Streams of random outcomes for simulations of whole decisions. Apart from resampling, which draws from data at hand:
//! here a model says how probable each outcome is.

use crate::rng;
use rand::Rng as _;
use rand::rngs::Xoshiro256PlusPlus;

/// One stream of draws (xoshiro256++). Streams of different blocks are independent of each other, so that blocks may be
/// drawn in any order and on any number of threads.
#[derive(Debug, Clone)]
pub struct Draws(Xoshiro256PlusPlus);

impl Draws {
    /// The stream of one block of a seed; always the same one.
    ///
    /// ```
    /// use seatrial_stats::draw::Draws;
    /// assert_eq!(Draws::new(7, 0).unit(), Draws::new(7, 0).unit());
    /// assert_ne!(Draws::new(7, 0).unit(), Draws::new(7, 1).unit());
    /// ```
    #[must_use]
    pub fn new(seed: u64, block: u64) -> Self {
        Self(rng::stream(seed, block))
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    #[must_use = "a draw that is not used only moves the stream on"]
    #[inline]
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let bits = (self.0.next_u64() >> 11) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform among `0..items`; 0 where there are none. Off by less than 2⁻³² for up to 2³² items.
    ///
    /// ```
    /// let mut draws = seatrial_stats::draw::Draws::new(7, 0);
    /// assert!(draws.index(6) < 6 && draws.index(0) == 0);
    /// ```
    #[must_use = "a draw that is not used only moves the stream on"]
    #[inline]
    pub fn index(&mut self, items: usize) -> usize {
        let wide = u128::from(self.0.next_u64()) * (items as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Successes among independent trials that each succeed with this probability; below 0 counts as 0, above 1 as 1,
    /// `NaN` as 0. One number of the stream a trial, so that a higher probability never gives fewer successes from the
    /// same state.
    ///
    /// ```
    /// let mut draws = seatrial_stats::draw::Draws::new(7, 0);
    /// assert_eq!((draws.successes(5, 1.0), draws.successes(5, 0.0)), (5, 0));
    /// ```
    #[must_use = "a draw that is not used only moves the stream on"]
    #[inline]
    pub fn successes(&mut self, trials: u32, probability: f64) -> u32 {
        (0..trials).map(|_| u32::from(self.unit() < probability)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the range and the mean of each kind of draw: four standard errors around what it must be.
    #[test]
    fn draws_have_their_means() {
        const N: u32 = 40_000;
        let mut draws = Draws::new(3, 9);
        let n = f64::from(N);
        let units: f64 = (0..N)
            .map(|_| draws.unit())
            .inspect(|u| assert!((0.0..1.0).contains(u)))
            .sum();
        assert!((units / n - 0.5).abs() < 4.0 * (1.0 / 12.0 / n).sqrt());
        let indices: Vec<usize> = (0..N).map(|_| draws.index(10)).collect();
        for index in 0..10 {
            let share = indices.iter().filter(|&&found| found == index).count() as f64 / n;
            assert!((share - 0.1).abs() < 4.0 * (0.09 / n).sqrt(), "{index}: {share}");
        }
        let successes = f64::from(draws.successes(N, 0.3));
        assert!((successes / n - 0.3).abs() < 4.0 * (0.21 / n).sqrt());
    }

    /// Protects the edges: impossible and certain outcomes, nothing to choose from.
    #[test]
    fn edges() {
        let mut draws = Draws::new(0, 0);
        for (probability, expected) in [(0.0, 0), (-1.0, 0), (f64::NAN, 0), (1.0, 50), (2.0, 50)] {
            assert_eq!(draws.successes(50, probability), expected);
        }
        assert_eq!(
            (draws.index(0), draws.index(1), draws.successes(0, 1.0)),
            (0, 0, 0)
        );
    }
}
