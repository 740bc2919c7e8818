//! A one-sided wager on a mean, planned for a number of observations: how a gate is decided while its data come in.
//! Apart from [`BettingProcess`](super::BettingProcess), which learns its stakes while it plays and knows no plan.

use super::bisect;
use crate::error::{StatsError, at_least, finite_scalar, open_unit, positive};

/// Stakes as multiples of [`unit_stake`], and the shares of the capital that play them; the rest of the capital always
/// plays the largest stake that leaves something in the worst case. A multiple of c is the best stake where the truth
/// is about c detectable differences away. Chosen by exact computation over limits from 0.5 to 0.95: against a truth two
/// differences away a third of the planned number decides, at one difference it costs little against the best stake.
const STAKES: [(f64, f64); 5] = [(0.75, 0.2), (1.5, 0.4), (3.0, 0.2), (6.0, 0.1), (12.0, 0.05)];
/// Share of the capital on the largest stake.
const REST: f64 = 0.05;
/// No bet risks more than this share of its capital.
const TRUNCATION: f64 = 0.95;
/// Where the spread is learned, this many imaginary observations of the largest possible spread come first.
const PRIOR_OBSERVATIONS: f64 = 1.0;
/// z(0.95) + z(0.8): in how many standard errors a test of risk 0.05 sees a difference with power 0.8.
const VISIBLE: f64 = 2.486_474_860;

/// What is known of the standard deviation of an observation before the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// This one, or near it: for shares √(p(1 − p)) at the limit.
    Known(f64),
    /// At most this; what it is, is learned on the way, from earlier observations only.
    AtMost(f64),
}

/// The stake that is best for a truth one detectable difference away, of `planned` observations with this spread.
fn unit_stake(spread: f64, planned: f64) -> f64 {
    VISIBLE / (spread * planned.sqrt())
}

/// Capital of a gambler who bets that the mean gain is above 0, in a game where it is at most 0.
///
/// A mixture of constant multiples of one stake: Σ wⱼ Π (1 + min(cⱼ s_t, 0.95/worst) g_t). If every gain's expectation,
/// given the earlier ones, is at most 0, this is a supermartingale that starts at 1: the chance that it *ever* reaches
/// 1/α is at most α (Ville), however often one looks and whenever one stops. With a known spread the capital does not
/// depend on the order of the gains.
///
/// Source: Waudby-Smith and Ramdas 2024 (arXiv 2010.09686); mixtures of constant stakes as in Orabona and Jun 2021.
///
/// ```
/// use seatrial_stats::sequential::{Spread, Wager};
/// // "The share is at least 0.9" against answers of which half are wrong.
/// let mut wager = Wager::try_new(Spread::Known(0.3), 0.1, 500)?;
/// for answer in [0.0, 1.0].into_iter().cycle().take(40) {
///     wager.push(0.9 - answer)?;
/// }
/// assert!(wager.p_value() < 0.05);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Wager {
    spread: Spread,
    planned: f64,
    worst: f64,
    ln_capitals: [f64; STAKES.len() + 1],
    /// ln of the largest capital so far.
    ln_best: f64,
    n: f64,
    mean: f64,
    squares: f64,
}

impl Wager {
    /// A wager on gains of at least −`worst`, tuned for `planned` observations. A worst of 0 means that any gain at all
    /// refutes the game.
    ///
    /// # Errors
    /// A spread that is not positive, `worst` negative or not finite, `planned` 0.
    pub fn try_new(spread: Spread, worst: f64, planned: u64) -> Result<Self, StatsError> {
        let (Spread::Known(sd) | Spread::AtMost(sd)) = spread;
        positive("spread", sd)?;
        if !(worst >= 0.0 && worst.is_finite()) {
            return Err(StatsError::OutOfRange {
                what: "worst",
                found: worst,
                expected: "a finite number of at least 0",
            });
        }
        at_least("planned", usize::try_from(planned).unwrap_or(usize::MAX), 1)?;
        let mut ln_capitals = [REST.ln(); STAKES.len() + 1];
        for (capital, (_, weight)) in ln_capitals.iter_mut().zip(STAKES) {
            *capital = weight.ln();
        }
        Ok(Self {
            spread,
            planned: planned as f64,
            worst,
            ln_capitals,
            ln_best: 0.0,
            n: 0.0,
            mean: 0.0,
            squares: 0.0,
        })
    }

    /// The stake of multiple 1 for the next observation.
    fn stake(&self) -> f64 {
        match self.spread {
            Spread::Known(sd) => unit_stake(sd, self.planned),
            Spread::AtMost(sd) => {
                let variance = (PRIOR_OBSERVATIONS * sd * sd + self.squares) / (PRIOR_OBSERVATIONS + self.n);
                unit_stake(variance.sqrt(), self.planned)
            }
        }
    }

    /// Takes a gain.
    ///
    /// # Errors
    /// A gain below −`worst` (beyond rounding) or not finite; the state is unchanged then.
    pub fn push(&mut self, gain: f64) -> Result<(), StatsError> {
        /// Rounding of a difference of two numbers near 1.
        const ROUNDING: f64 = 1e-9;
        finite_scalar("gain", gain)?;
        if gain < -self.worst - ROUNDING {
            return Err(StatsError::OutOfRange {
                what: "gain",
                found: gain,
                expected: "no less than the worst",
            });
        }
        let stake = self.stake();
        play(&mut self.ln_capitals, stake, self.worst, gain, 1.0);
        self.ln_best = self.ln_best.max(self.ln_capital());
        self.n += 1.0;
        let step = gain - self.mean;
        self.mean += step / self.n;
        self.squares += step * (gain - self.mean);
        Ok(())
    }

    /// ln of the capital now; 1 unit was put in.
    #[must_use]
    pub fn ln_capital(&self) -> f64 {
        ln_sum(&self.ln_capitals)
    }

    /// ln of the largest capital so far.
    #[must_use]
    pub const fn ln_best(&self) -> f64 {
        self.ln_best
    }

    /// Always-valid p-value of "the mean gain is at most 0": one over the largest capital so far. At most α at any time
    /// with probability at most α.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (-self.ln_best).exp().min(1.0)
    }
}

/// ln of the capitals of the two wagers on a share, "it is above `limit`" and "it is below", after `ones` of `n`
/// observations: order is nothing to them. Tuned for `planned` observations.
///
/// # Errors
/// A limit outside (0, 1), no planned observations, more ones than observations.
///
/// ```
/// use seatrial_stats::sequential::share_ln_capitals;
/// let (above, below) = share_ln_capitals(0.9, 200, 60, 40)?;
/// assert!(above < 0.0 && below > 20.0_f64.ln());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn share_ln_capitals(limit: f64, planned: u64, n: u64, ones: u64) -> Result<(f64, f64), StatsError> {
    open_unit("limit", limit)?;
    if ones > n {
        return Err(StatsError::OutOfRange {
            what: "ones",
            found: ones as f64,
            expected: "no more than the observations",
        });
    }
    let sd = (limit * (1.0 - limit)).sqrt();
    let mut above = Wager::try_new(Spread::Known(sd), limit, planned)?;
    let mut below = Wager::try_new(Spread::Known(sd), 1.0 - limit, planned)?;
    let stake = unit_stake(sd, planned as f64);
    let (ones, zeros) = (ones as f64, (n - ones) as f64);
    play(&mut above.ln_capitals, stake, limit, 1.0 - limit, ones);
    play(&mut above.ln_capitals, stake, limit, -limit, zeros);
    play(&mut below.ln_capitals, stake, 1.0 - limit, limit - 1.0, ones);
    play(&mut below.ln_capitals, stake, 1.0 - limit, limit, zeros);
    Ok((above.ln_capital(), below.ln_capital()))
}

/// What is drawn together and counts as one observation: the sum of some values, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// Sum of the values.
    pub sum: f64,
    /// Their number.
    pub count: f64,
}

/// Values of independent draws as far as they were seen, each value in [`low`, `high`]: the inversion of [`Wager`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawnMean<'a> {
    /// The draws, in order.
    pub draws: &'a [Drawn],
    /// Least value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
    /// Most values of one draw.
    pub size_max: f64,
    /// Spread of a draw's gain over `size_max`.
    pub spread: Spread,
    /// Draws that were planned.
    pub planned: u64,
    /// The mean at which the spread is learned: any constant.
    pub centre: f64,
}

impl DrawnMean<'_> {
    /// The mean is at least this, at every number of draws at once, with confidence 1 − `alpha`: the least candidate
    /// against which a gambler who bets on more has less than 1/`alpha`.
    ///
    /// ```
    /// use seatrial_stats::sequential::{Drawn, DrawnMean, Spread};
    /// let draws = [Drawn { sum: 1.0, count: 1.0 }; 60];
    /// let seen = DrawnMean {
    ///     draws: &draws, low: 0.0, high: 1.0, size_max: 1.0, spread: Spread::AtMost(0.5), planned: 100, centre: 0.5,
    /// };
    /// let low = seen.lower(0.05)?;
    /// assert!(low > 0.8 && low < 1.0);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Wager::try_new`]; `alpha` outside (0, 1); an empty range.
    pub fn lower(&self, alpha: f64) -> Result<f64, StatsError> {
        self.check(alpha)?;
        let goal = -alpha.ln();
        let Some(mean) = self.mean() else {
            return Ok(self.low);
        };
        let above = |m: f64| goal - self.ln_capital(m, 1.0);
        if mean <= self.low || above(self.low) >= 0.0 {
            return Ok(self.low);
        }
        Ok(bisect(0.0, mean - self.low, |step| above(self.low + step)) + self.low)
    }

    /// The mean is at most this; see [`lower`](Self::lower).
    ///
    /// ```
    /// use seatrial_stats::sequential::{Drawn, DrawnMean, Spread};
    /// let draws = [Drawn { sum: 1.0, count: 4.0 }; 40];
    /// let seen = DrawnMean {
    ///     draws: &draws, low: 0.0, high: 1.0, size_max: 5.0, spread: Spread::AtMost(0.5), planned: 100, centre: 0.5,
    /// };
    /// assert!(seen.upper(0.05)? < 0.5);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`lower`](Self::lower).
    pub fn upper(&self, alpha: f64) -> Result<f64, StatsError> {
        self.check(alpha)?;
        let goal = -alpha.ln();
        let Some(mean) = self.mean() else {
            return Ok(self.high);
        };
        let above = |m: f64| goal - self.ln_capital(m, -1.0);
        if mean >= self.high || above(self.high) >= 0.0 {
            return Ok(self.high);
        }
        Ok(self.high - bisect(0.0, self.high - mean, |step| above(self.high - step)))
    }

    fn check(&self, alpha: f64) -> Result<(), StatsError> {
        open_unit("alpha", alpha)?;
        positive("high - low", self.high - self.low)?;
        positive("size_max", self.size_max)?;
        let (Spread::Known(sd) | Spread::AtMost(sd)) = self.spread;
        positive("spread", sd)?;
        at_least("planned", usize::try_from(self.planned).unwrap_or(usize::MAX), 1)
    }

    /// The mean of all values; `None` where there is none.
    fn mean(&self) -> Option<f64> {
        let (sum, count) = self.draws.iter().fold((0.0, 0.0), |(sum, count), drawn| {
            (sum + drawn.sum, count + drawn.count)
        });
        (count > 0.0).then(|| sum / count)
    }

    /// ln of the capital against the candidate `m`, betting on more (`side` 1) or on less (−1).
    fn ln_capital(&self, m: f64, side: f64) -> f64 {
        let worst = if side > 0.0 { m - self.low } else { self.high - m };
        let Ok(mut wager) = Wager::try_new(self.spread, worst.max(0.0), self.planned) else {
            return 0.0;
        };
        let gain = |drawn: &Drawn, m: f64| side * (drawn.sum - m * drawn.count) / self.size_max;
        if let (Spread::Known(sd), Some(ones)) = (self.spread, self.ones()) {
            let stake = unit_stake(sd, wager.planned);
            let zeros = self.draws.len() as f64 - ones;
            for (value, times) in [(self.high, ones), (self.low, zeros)] {
                let drawn = Drawn {
                    sum: value,
                    count: 1.0,
                };
                play(&mut wager.ln_capitals, stake, wager.worst, gain(&drawn, m), times);
            }
            return wager.ln_capital();
        }
        for drawn in self.draws {
            // The stake depends on no candidate, so that the capital falls with the candidate.
            let stake = wager.stake();
            play(&mut wager.ln_capitals, stake, wager.worst, gain(drawn, m), 1.0);
            wager.n += 1.0;
            let value = gain(drawn, self.centre);
            let step = value - wager.mean;
            wager.mean += step / wager.n;
            wager.squares += step * (value - wager.mean);
        }
        wager.ln_capital()
    }

    /// How many draws are one value at the upper end, where all are single values at an end: then their number says all.
    fn ones(&self) -> Option<f64> {
        let mut ones = 0.0;
        for drawn in self.draws {
            if drawn.count != 1.0 || (drawn.sum != self.low && drawn.sum != self.high) {
                return None;
            }
            ones += f64::from(u8::from(drawn.sum == self.high));
        }
        (self.size_max == 1.0).then_some(ones)
    }
}

/// Plays the same gain so many times.
fn play(ln_capitals: &mut [f64; STAKES.len() + 1], stake: f64, worst: f64, gain: f64, times: f64) {
    if times == 0.0 {
        return;
    }
    let most = if worst > 0.0 {
        TRUNCATION / worst
    } else {
        f64::INFINITY
    };
    for (index, capital) in ln_capitals.iter_mut().enumerate() {
        let stake = STAKES
            .get(index)
            .map_or(most, |(multiple, _)| (multiple * stake).min(most));
        let factor = if gain == 0.0 {
            0.0
        } else {
            // A gain of rounding below the worst must not cost more than the truncation.
            (stake * gain).max(-TRUNCATION).ln_1p()
        };
        *capital += times * factor;
    }
}

fn ln_sum(logs: &[f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return top;
    }
    top + logs.iter().map(|log| (log - top).exp()).sum::<f64>().ln()
}
