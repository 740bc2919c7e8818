//! Betting: the capital of a gambler who bets against a candidate mean, and the confidence sequence of all
//! candidates against which nobody has become rich.

use super::bounded::PredictableBets;
use super::{ConfidenceSequence, unit_value};
use crate::Interval;
use crate::error::{StatsError, closed_unit, open_unit};

fn check_bets(alpha: f64, theta: f64, truncation: f64) -> Result<(), StatsError> {
    open_unit("alpha", alpha)?;
    closed_unit("theta", theta)?;
    if truncation > 0.0 && truncation <= 1.0 {
        return Ok(());
    }
    Err(StatsError::OutOfRange {
        what: "truncation",
        found: truncation,
        expected: "a number in (0, 1]",
    })
}

/// Hedged capital against one candidate mean `m` of observations in [0, 1]: an e-process, so the capital ever
/// reaches 1/α with probability at most α if the mean is `m`.
///
/// max(θ·Π(1 + λ⁺(x − m)), (1−θ)·Π(1 − λ⁻(x − m))) with predictable bets λ from the empirical variance, cut off
/// at `truncation`/m and `truncation`/(1−m). The capital may overflow to infinity, which is as good as rich.
///
/// Source: Waudby-Smith and Ramdas 2024.
///
/// ```
/// use seatrial_stats::sequential::BettingProcess;
/// let mut against_half = BettingProcess::try_new(0.5, 0.05, 0.5, 0.5)?;
/// let mut capital = 0.0;
/// for _ in 0..30 {
///     capital = against_half.push(0.9)?;
/// }
/// assert!(capital > 1.0 / 0.05);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BettingProcess {
    m: f64,
    theta: f64,
    truncation: f64,
    bets_up: PredictableBets,
    bets_down: PredictableBets,
    up: f64,
    down: f64,
}

impl BettingProcess {
    /// A gambler against mean `m` who tunes the bets to level `alpha`; `theta` is the share of the capital that
    /// bets on a larger mean.
    ///
    /// # Errors
    /// `m` or `theta` outside [0, 1], `alpha` outside (0, 1), `truncation` outside (0, 1].
    pub fn try_new(m: f64, alpha: f64, theta: f64, truncation: f64) -> Result<Self, StatsError> {
        closed_unit("m", m)?;
        check_bets(alpha, theta, truncation)?;
        Ok(Self {
            m,
            theta,
            truncation,
            bets_up: PredictableBets::new(-alpha.ln() - theta.ln()),
            bets_down: PredictableBets::new(-alpha.ln() - (1.0 - theta).ln()),
            up: 1.0,
            down: 1.0,
        })
    }

    /// Takes an observation and returns the capital after it.
    ///
    /// # Errors
    /// An observation outside [0, 1]; the state is unchanged then.
    pub fn push(&mut self, x: f64) -> Result<f64, StatsError> {
        unit_value(x)?;
        let gain = x - self.m;
        // A side without capital has infinite bets (level 0), which its factor 0 below must not meet.
        if self.theta > 0.0 {
            self.up *= 1.0 + self.bets_up.next().min(self.truncation / self.m) * gain;
        }
        if self.theta < 1.0 {
            self.down *= 1.0 - self.bets_down.next().min(self.truncation / (1.0 - self.m)) * gain;
        }
        self.bets_up.learn(x);
        self.bets_down.learn(x);
        Ok(self.capital())
    }

    /// The capital so far; 1 unit was put in, of which max(θ, 1−θ) counts at the start.
    #[must_use]
    pub fn capital(&self) -> f64 {
        let up = if self.theta > 0.0 {
            self.theta * self.up
        } else {
            0.0
        };
        let down = if self.theta < 1.0 {
            (1.0 - self.theta) * self.down
        } else {
            0.0
        };
        up.max(down)
    }
}

/// Capitals are renormalised this often, long before a product of factors up to some hundreds overflows.
const RENORMALISE_EVERY: u32 = 32;
/// More candidates than this are refused.
const BREAKS_MAX: usize = 1_000_000;

/// Betting confidence sequence for the mean of observations in [0, 1]: all candidates on a grid against which
/// the hedged capital is at most 1/α, widened by one step of the grid. The tightest of the family.
///
/// Time and memory per observation are those of the grid (`breaks` + 1 candidates). When every candidate has
/// been rejected, which with one constant mean happens with probability at most α, the interval is [0, 1].
///
/// Source: Waudby-Smith and Ramdas 2024.
///
/// ```
/// use seatrial_stats::sequential::{BettingCs, ConfidenceSequence, EmpBernMixCs};
/// let values: Vec<f64> = (0..200).map(|i| f64::from(u8::from(i % 10 > 0))).collect();
/// let betting = BettingCs::try_new(0.05, 1000)?.run(&values)?[199];
/// let bernstein = EmpBernMixCs::try_new(0.05)?.run(&values)?[199];
/// assert!(betting.contains(0.9) && betting.width() < bernstein.width());
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BettingCs {
    /// ln of the capital at which one side alone (half of the capital) rejects.
    log_rich: f64,
    breaks: usize,
    bets: PredictableBets,
    since_renormalised: u32,
    candidates: Vec<Candidate>,
}

/// Capitals against one candidate mean.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    m: f64,
    bet_up_max: f64,
    bet_down_max: f64,
    up: Capital,
    down: Capital,
}

/// A product kept in range: the true capital is `product`·e^`log_scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Capital {
    product: f64,
    log_scale: f64,
    /// The product at which the true capital is rich.
    rich: f64,
}

impl Capital {
    fn renormalise(&mut self, log_rich: f64) {
        self.log_scale += self.product.ln();
        self.product = 1.0;
        self.rich = (log_rich - self.log_scale).exp();
    }
}

impl BettingCs {
    /// A sequence at level 1 − `alpha` on a grid with steps of 1/`breaks`; half of the capital bets either way
    /// and no bet risks more than half of it.
    ///
    /// # Errors
    /// `alpha` outside (0, 1), no breaks or more than a million.
    pub fn try_new(alpha: f64, breaks: usize) -> Result<Self, StatsError> {
        const TRUNCATION: f64 = 0.5;
        open_unit("alpha", alpha)?;
        crate::error::at_least("breaks", breaks, 1)?;
        if breaks > BREAKS_MAX {
            return Err(StatsError::TooLarge {
                what: "breaks",
                found: breaks as u64,
                limit: BREAKS_MAX as u64,
            });
        }
        let log_rich = std::f64::consts::LN_2 - alpha.ln();
        let fresh = Capital {
            product: 1.0,
            log_scale: 0.0,
            rich: log_rich.exp(),
        };
        let candidates = (0..=breaks)
            .map(|i| {
                let m = i as f64 / breaks as f64;
                Candidate {
                    m,
                    bet_up_max: TRUNCATION / m,
                    bet_down_max: TRUNCATION / (1.0 - m),
                    up: fresh,
                    down: fresh,
                }
            })
            .collect();
        Ok(Self {
            log_rich,
            breaks,
            bets: PredictableBets::new(log_rich),
            since_renormalised: 0,
            candidates,
        })
    }

    /// The interval after what has been seen.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let alive = |c: &Candidate| c.up.product <= c.up.rich && c.down.product <= c.down.rich;
        let first = self.candidates.iter().position(alive);
        let last = self.candidates.iter().rposition(alive);
        let (Some(first), Some(last)) = (first, last) else {
            return Interval::new(0.0, 1.0);
        };
        let step = 1.0 / self.breaks as f64;
        Interval::new(
            (self.candidates[first].m - step).max(0.0),
            (self.candidates[last].m + step).min(1.0),
        )
    }

    /// Takes an observation without working out the interval, for when only the last one is wanted.
    ///
    /// # Errors
    /// An observation outside [0, 1]; the state is unchanged then.
    pub fn feed(&mut self, x: f64) -> Result<(), StatsError> {
        unit_value(x)?;
        let bet = self.bets.next();
        for c in &mut self.candidates {
            let gain = x - c.m;
            c.up.product *= 1.0 + bet.min(c.bet_up_max) * gain;
            c.down.product *= 1.0 - bet.min(c.bet_down_max) * gain;
        }
        self.since_renormalised += 1;
        if self.since_renormalised == RENORMALISE_EVERY {
            self.since_renormalised = 0;
            for c in &mut self.candidates {
                c.up.renormalise(self.log_rich);
                c.down.renormalise(self.log_rich);
            }
        }
        self.bets.learn(x);
        Ok(())
    }
}

impl ConfidenceSequence for BettingCs {
    fn push(&mut self, x: f64) -> Result<Interval, StatsError> {
        self.feed(x)?;
        Ok(self.interval())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Protects: the grid of capitals is the process of each candidate, renormalised or not; parts equal the
        /// whole; the interval lies in [0, 1] and mirrors with the data.
        #[test]
        fn grid_is_the_process(values in prop::collection::vec(0.0f64..=1.0, 1..120), cut in 0usize..120) {
            let mut cs = BettingCs::try_new(0.1, 20).unwrap();
            let cut = cut.min(values.len());
            cs.run(&values[..cut]).unwrap();
            let mut cs = cs.clone();
            cs.run(&values[cut..]).unwrap();
            let mut alive = Vec::new();
            for i in 0..=20 {
                let m = f64::from(i) / 20.0;
                let mut process = BettingProcess::try_new(m, 0.1, 0.5, 0.5).unwrap();
                let mut capital = 0.0;
                for &x in &values {
                    capital = process.push(x).unwrap();
                }
                prop_assert!(capital >= 0.0);
                // Leave out capitals that rounding could tip over.
                if (capital * 0.1 - 1.0).abs() < 1e-9 {
                    return Ok(());
                }
                if capital <= 10.0 {
                    alive.push(m);
                }
            }
            let got = cs.interval();
            let want = match (alive.first(), alive.last()) {
                (Some(first), Some(last)) => Interval::new((first - 0.05).max(0.0), (last + 0.05).min(1.0)),
                _ => Interval::new(0.0, 1.0),
            };
            prop_assert!((got.low - want.low).abs() < 1e-12 && (got.high - want.high).abs() < 1e-12);
            let mirrored: Vec<f64> = values.iter().map(|x| 1.0 - x).collect();
            let other = BettingCs::try_new(0.1, 20).unwrap().run(&mirrored).unwrap()[values.len() - 1];
            prop_assert!((got.low + other.high - 1.0).abs() < 1e-9);
        }
    }

    /// Protects: long streams neither over- nor underflow into wrong verdicts; after a change the interval may
    /// come back because capitals are kept however small.
    #[test]
    fn long_streams() {
        let mut cs = BettingCs::try_new(0.05, 100).unwrap();
        for i in 0..50_000u32 {
            cs.feed(f64::from(i % 2)).unwrap();
        }
        let i = cs.interval();
        assert!(i.contains(0.5) && i.width() < 0.06, "{i:?}");
        assert!(
            cs.candidates
                .iter()
                .all(|c| c.up.log_scale.is_finite() && c.down.log_scale.is_finite())
        );
    }

    /// Protects: parameters and observations outside their ranges are errors; one-sided gamblers are finite.
    #[test]
    fn edges() {
        assert!(BettingCs::try_new(0.0, 10).is_err());
        assert!(BettingCs::try_new(0.05, 0).is_err());
        assert!(BettingCs::try_new(0.05, usize::MAX).is_err());
        assert!(BettingProcess::try_new(1.1, 0.05, 0.5, 0.5).is_err());
        assert!(BettingProcess::try_new(0.5, 0.05, 0.5, 0.0).is_err());
        let mut cs = BettingCs::try_new(0.05, 10).unwrap();
        assert!(cs.push(f64::NAN).is_err() && cs.push(-0.5).is_err());
        for (theta, m) in [
            (0.0, 0.0),
            (1.0, 1.0),
            (1.0, 0.0),
            (0.0, 1.0),
            (0.5, 0.0),
            (0.5, 1.0),
        ] {
            let mut process = BettingProcess::try_new(m, 0.05, theta, 1.0).unwrap();
            for x in [0.0, 1.0, 0.5, 0.0, 1.0] {
                let capital = process.push(x).unwrap();
                assert!(capital >= 0.0, "{theta} {m} {capital}");
            }
        }
    }
}
