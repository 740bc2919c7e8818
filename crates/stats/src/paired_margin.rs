//! Is the difference of two paired shares at least (at most) some number other than zero? An exact unconditional test, and
//! the bounds that follow from it. Apart from McNemar's test, which needs no nuisance parameter because its limit is zero.
//!
//! Of n cases, b are right with the first system alone and c with the second alone. Their difference (b − c)/n depends on
//! the share of discordant cases q, which nobody knows. For a given q and difference δ the number of discordant cases is
//! Binomial(n, q), and of k such cases the first wins Binomial(k, (q + δ)/2q). The tail of the standardised difference is
//! summed exactly over both, and the largest tail over a Clopper–Pearson interval of q at confidence 1 − γ, plus γ, is the
//! p-value (Berger and Boos 1994). So the error rate holds for every q. The difference is standardised with Agresti and
//! Min's half added to each cell (2005), which keeps the tail flat in q.

use crate::StatsError;
use crate::dist::{binom_cdf, binom_pmf, real};
use crate::error::open_unit;
use crate::mcnemar::PairedCounts;
use crate::proportion::clopper_pearson;

/// What the interval of the nuisance parameter may cost of the risk.
const GAMMA_SHARE: f64 = 0.002;
/// Values of the share of discordant cases at which the tail is looked at.
const GRID: u32 = 24;
/// Halvings of the bracket of a bound; differences are resolved to 2⁻³⁰.
const BISECTIONS: usize = 30;
/// How far from its mean the number of discordant cases is followed, in standard deviations; what is beyond has less than
/// [`LEFT_OUT`].
const SPAN_SD: f64 = 9.0;
/// Probability that is added for what is not followed.
const LEFT_OUT: f64 = 1e-12;
/// Relative slack at which two statistics count as equal.
const TIE: f64 = 1e-9;

impl PairedCounts {
    /// p-value of "the share of the first is at least `limit` above that of the second" (below it for a negative limit).
    ///
    /// Small values say that the first falls short of the limit. At limit 0 this is McNemar's exact one-sided test.
    /// `risk` is the level that the p-value will be held against: a five-hundredth of it is spent on the unknown share of
    /// discordant cases, and p never falls below that.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 150, first_only: 2, second_only: 18, neither: 30 };
    /// assert!(t.p_at_least(-0.02, 0.05)? < 0.05); // worse, by more than two points
    /// assert!(t.p_at_least(-0.10, 0.05)? > 0.05); // by more than ten is not shown
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatsError::TooFew`] without cases, [`StatsError::OutOfRange`] for a limit outside (−1, 1) or a risk outside (0, 1).
    pub fn p_at_least(&self, limit: f64, risk: f64) -> Result<f64, StatsError> {
        open_unit("risk", risk)?;
        if !(limit > -1.0 && limit < 1.0) {
            return Err(StatsError::OutOfRange {
                what: "limit",
                found: limit,
                expected: "a difference between -1 and 1",
            });
        }
        let (b, c) = (self.first_only, self.second_only);
        let n = [self.both, b, c, self.neither]
            .into_iter()
            .fold(0_u64, u64::saturating_add);
        if n == 0 {
            return Err(StatsError::TooFew {
                what: "pairs",
                found: 0,
                needed: 1,
            });
        }
        let discordant = b.saturating_add(c);
        if limit == 0.0 {
            return Ok(if discordant == 0 {
                1.0
            } else {
                binom_cdf(b, discordant, 0.5)
            });
        }
        let gamma = risk * GAMMA_SHARE;
        let discordance = clopper_pearson(real(discordant), real(n), 1.0 - gamma)?;
        // A difference above zero needs at least as many discordant cases.
        let (low, high) = (discordance.low.max(limit), discordance.high);
        if low > high {
            return Ok(gamma);
        }
        let observed = Statistic::new(n, limit).of(b, discordant);
        let tail = (0..=GRID)
            .map(|step| low + (high - low) * f64::from(step) / f64::from(GRID))
            .map(|q| tail(n, q, limit, observed))
            .fold(0.0, f64::max);
        Ok((tail + gamma + LEFT_OUT).min(1.0))
    }

    /// p-value of "the share of the first is at most `limit` above that of the second": the mirror of
    /// [`Self::p_at_least`]. Small values say that the first exceeds the limit.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let t = PairedCounts { both: 900, first_only: 20, second_only: 18, neither: 62 };
    /// assert!(t.p_at_most(-0.02, 0.05)? < 0.05); // not worse by two points
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::p_at_least`].
    pub fn p_at_most(&self, limit: f64, risk: f64) -> Result<f64, StatsError> {
        self.mirrored().p_at_least(-limit, risk)
    }

    /// The difference is at least this, with confidence 1 − risk: what [`Self::p_at_most`] does not refute.
    ///
    /// # Errors
    /// As [`Self::p_at_least`].
    pub fn exact_lower(&self, risk: f64) -> Result<f64, StatsError> {
        Ok(-self.mirrored().exact_upper(risk)?)
    }

    /// The difference is at most this, with confidence 1 − risk: what [`Self::p_at_least`] does not refute.
    ///
    /// ```
    /// use seatrial_stats::mcnemar::PairedCounts;
    /// let same = PairedCounts { both: 150, first_only: 0, second_only: 0, neither: 50 };
    /// let (low, high) = (same.exact_lower(0.05)?, same.exact_upper(0.05)?);
    /// assert!(low < -0.01 && low > -0.03 && (low + high).abs() < 1e-6);
    /// # Ok::<(), seatrial_stats::StatsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::p_at_least`].
    pub fn exact_upper(&self, risk: f64) -> Result<f64, StatsError> {
        let n = real(self.both) + real(self.first_only) + real(self.second_only) + real(self.neither);
        let gap = (real(self.first_only) - real(self.second_only)) / n.max(1.0);
        let (mut kept, mut refuted) = (gap.clamp(-0.999_999, 0.999_999), 1.0);
        // Checks the arguments, also where the loop finds nothing to refute.
        self.p_at_least(kept, risk)?;
        for _ in 0..BISECTIONS {
            let middle = 0.5 * (kept + refuted);
            if self.p_at_least(middle, risk)? > risk {
                kept = middle;
            } else {
                refuted = middle;
            }
        }
        Ok(refuted)
    }

    const fn mirrored(&self) -> Self {
        Self {
            both: self.both,
            first_only: self.second_only,
            second_only: self.first_only,
            neither: self.neither,
        }
    }
}

/// The difference from the limit over its standard error, half a case added to each cell.
struct Statistic {
    n: f64,
    limit: f64,
}

impl Statistic {
    fn new(n: u64, limit: f64) -> Self {
        Self {
            n: real(n) + 2.0,
            limit,
        }
    }

    /// Of `b` wins among `k` discordant cases. Rises with b for a fixed k: the derivative has the sign of
    /// share of discordant cases + difference × limit, which is not negative.
    fn of(&self, b: u64, k: u64) -> f64 {
        let gap = (2.0 * real(b) - real(k)) / self.n;
        let share = (real(k) + 1.0) / self.n;
        (gap - self.limit) / (share - gap * gap).max(f64::MIN_POSITIVE).sqrt()
    }
}

/// P(statistic ≤ observed) where a share q is discordant and the true difference is the limit, or as near to it from above
/// as that q allows.
fn tail(n: u64, q: f64, limit: f64, observed: f64) -> f64 {
    let statistic = Statistic::new(n, limit);
    let within = |b: u64, k: u64| statistic.of(b, k) <= observed + TIE * (1.0 + observed.abs());
    if q <= 0.0 {
        return if within(0, 0) { 1.0 } else { 0.0 };
    }
    let wins = ((q + limit) / (2.0 * q)).clamp(0.0, 1.0);
    let mean = real(n) * q;
    let reach = SPAN_SD.mul_add((mean * (1.0 - q)).sqrt(), 12.0);
    let (first, last) = (whole(mean - reach), whole(mean + reach).min(n));
    // Wins up to which the statistic stays within, one more than them to be able to say "none"; follows k upwards.
    let mut below = first_beyond(first, |b| within(b, first));
    let mut cumulative = match below.checked_sub(1) {
        Some(b) => binom_cdf(b, first, wins),
        None => 0.0,
    };
    let mut sum = 0.0;
    for k in first..=last {
        if k > first {
            // From k − 1 to k discordant cases the distribution of wins moves up: F(b; k) = F(b; k−1) − θ·f(b; k−1).
            cumulative -= below.checked_sub(1).map_or(0.0, |b| wins * pmf(b, k - 1, wins));
        }
        while below <= k && within(below, k) {
            cumulative += pmf(below, k, wins);
            below += 1;
        }
        while below > 0 && !within(below - 1, k) {
            below -= 1;
            cumulative -= pmf(below, k, wins);
        }
        sum += binom_pmf(k, n, q) * cumulative.clamp(0.0, 1.0);
    }
    sum
}

/// The first of 0..=k for which `holds` does not; k + 1 where it holds for all. Once it does not, it never does again.
fn first_beyond(k: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, k.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn pmf(b: u64, k: u64, wins: f64) -> f64 {
    if b > k { 0.0 } else { binom_pmf(b, k, wins) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of cases; a negative one is zero"
)]
fn whole(x: f64) -> u64 {
    x.max(0.0).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(n: u64, b: u64, c: u64) -> PairedCounts {
        PairedCounts {
            both: n - b - c,
            first_only: b,
            second_only: c,
            neither: 0,
        }
    }

    /// The same tail by summing over every table.
    fn tail_by_enumeration(n: u64, q: f64, limit: f64, observed: f64) -> f64 {
        let statistic = Statistic::new(n, limit);
        let wins = ((q + limit) / (2.0 * q)).clamp(0.0, 1.0);
        let mut sum = 0.0;
        for k in 0..=n {
            for b in 0..=k {
                if statistic.of(b, k) <= observed + TIE * (1.0 + observed.abs()) {
                    sum += binom_pmf(k, n, q) * binom_pmf(b, k, wins);
                }
            }
        }
        sum
    }

    /// Protects the recurrence against the definition.
    #[test]
    fn tail_is_the_sum_over_tables() {
        for (n, b, c, limit, q) in [
            (30, 2, 9, -0.05, 0.3),
            (30, 9, 2, 0.1, 0.35),
            (60, 0, 12, -0.1, 0.15),
            (25, 0, 0, -0.2, 0.2),
            (40, 20, 20, -0.02, 1.0),
            (40, 1, 3, -0.3, 0.1),
        ] {
            let observed = Statistic::new(n, limit).of(b, b + c);
            let (fast, slow) = (
                tail(n, q, limit, observed),
                tail_by_enumeration(n, q, limit, observed),
            );
            assert!(
                (fast - slow).abs() < 1e-10,
                "{n} {b} {c} {limit} {q}: {fast} {slow}"
            );
        }
    }

    /// Protects the promise, exactly: for truths at the limit, whatever the share of discordant cases, "falls short" and
    /// "exceeds" are each said wrongly at most as often as the risk.
    #[test]
    fn error_rates_hold_for_every_discordance() {
        let (n, risk) = (60_u64, 0.05);
        for limit in [-0.05, -0.1, 0.1] {
            let mut wrong = vec![(0.0_f64, 0.0_f64); 6];
            let shares = [0.1, 0.12, 0.2, 0.35, 0.6, 0.95];
            for k in 0..=n {
                for b in 0..=k {
                    let t = counts(n, b, k - b);
                    let (short, beyond) = (
                        t.p_at_least(limit, risk).unwrap(),
                        t.p_at_most(limit, risk).unwrap(),
                    );
                    if short > risk && beyond > risk {
                        continue;
                    }
                    for (q, sums) in shares.iter().zip(&mut wrong) {
                        let wins = f64::midpoint(*q, limit) / q;
                        let p = binom_pmf(k, n, *q) * binom_pmf(b, k, wins.clamp(0.0, 1.0));
                        sums.0 += if short <= risk { p } else { 0.0 };
                        sums.1 += if beyond <= risk { p } else { 0.0 };
                    }
                }
            }
            for (q, (short, beyond)) in shares.iter().zip(&wrong) {
                assert!(
                    *short <= risk + 1e-9 && *beyond <= risk + 1e-9,
                    "limit {limit} q {q}: {short} {beyond}"
                );
            }
            // And it is no test that never decides: near its level where the normal approximation is good.
            assert!(wrong[3].0 > 0.02 && wrong[3].1 > 0.02, "{wrong:?}");
        }
    }

    /// Protects the edges: no cases, limits off the scale, McNemar at zero, enormous tables, nothing discordant.
    #[test]
    fn edges() {
        assert!(counts(0, 0, 0).p_at_least(-0.02, 0.05).is_err());
        assert!(counts(9, 1, 1).p_at_least(1.0, 0.05).is_err());
        assert!(counts(9, 1, 1).p_at_least(f64::NAN, 0.05).is_err());
        assert!(counts(9, 1, 1).exact_upper(1.0).is_err());
        let t = counts(50, 3, 12);
        let (one_sided, two_sided) = (t.p_at_least(0.0, 0.05).unwrap(), t.test().p_exact);
        assert!((2.0 * one_sided - two_sided).abs() < 1e-12);
        assert_eq!(counts(50, 0, 0).p_at_least(0.0, 0.05), Ok(1.0));
        assert!(counts(50, 50, 0).p_at_least(-0.5, 0.05).unwrap() > 0.99);
        assert!(counts(50, 0, 50).p_at_least(-0.5, 0.05).unwrap() < 0.01);
        let large = counts(200_000, 10_000, 10_500);
        assert!(
            large.p_at_least(-0.01, 0.05).unwrap() > 0.99 && large.p_at_most(-0.01, 0.05).unwrap() < 1e-3
        );
        let low = large.exact_lower(0.05).unwrap();
        assert!(
            (low - large.difference_lower(0.95).unwrap()).abs() < 1e-4,
            "{low}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Protects: bounds contain the difference and mirror with the systems; p is a probability and falls as the limit
        /// rises far enough.
        #[test]
        fn bounds_contain_the_difference(n in 5_u64..120, b in 0_u64..40, c in 0_u64..40) {
            let (b, c) = (b.min(n / 2), c.min(n / 2));
            let (t, gap) = (counts(n, b, c), (real(b) - real(c)) / real(n));
            let (low, high) = (t.exact_lower(0.05).unwrap(), t.exact_upper(0.05).unwrap());
            prop_assert!(low <= gap && gap <= high, "{low} {gap} {high}");
            prop_assert!((low + counts(n, c, b).exact_upper(0.05).unwrap()).abs() < 1e-9);
            prop_assert!(high <= 1.0 && low >= -1.0);
            for limit in [-0.3, -0.02, 0.01, 0.4] {
                let p = t.p_at_least(limit, 0.05).unwrap();
                prop_assert!((0.0..=1.0).contains(&p));
            }
        }
    }
}
