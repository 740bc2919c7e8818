//! One gate while its data come in: observations in the order of the draw, a decision as soon as there is one, and the
//! evidence for it. A pure state: the same observations lead to the same decision, in whatever parts they come.
//!
//! Both directions are wagers that hold at every number of draws at once. A gate is *passed* when the wager against "the
//! limit is missed" reaches 1/risk, and *failed* when the one against "the limit is met" reaches (gates of the run)/risk:
//! then Holm's correction cannot take the fail back, whatever the other gates do, so no task waits for another.
//!
//! Where a case can be asked in several epochs, each epoch is a look of its own at means over all epochs so far, from the
//! first draw on. Look k is given 2⁻⁽ᵏ⁺¹⁾ of the risk (all of it where there is one epoch): the union of all looks keeps
//! the risk, however dependent they are.

use super::quantile_ranks;
use crate::bounds::mde_share;
use crate::gate::{Evidence, POWER};
use crate::series::to_f64;
use seatrial_config::Bound;
use seatrial_stats::sequential::{AsymptoticCs, Drawn, DrawnMean, Spread, Wager};
use seatrial_types::{Method, Verdict};

/// Draws before an asymptotic bound decides anything.
pub(crate) const START_UP: u64 = 50;
/// By how much the distance that a draw shows is larger than that of a fixed test of the same n: what looking all the
/// time costs. Computed exactly for shares, from 1.30 to 1.36 (`examples/sequential.rs` of `stats`).
const VISIBLE_TIMES: f64 = 1.36;
/// Least standard deviation that a share is thought to have, so that a limit of 0 or 1 has a stake.
const SD_MIN: f64 = 0.05;

/// What values there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// 0 and 1.
    Binary,
    /// Between these.
    Between(f64, f64),
    /// Any number.
    Real,
    /// Any number, of which this quantile is asked for.
    Quantile(f64),
}

/// What a gate asks of its observations, fixed before the first of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Question {
    pub(crate) scale: Scale,
    pub(crate) bound: Bound,
    pub(crate) risk: f64,
    /// Gates of the run, each target counted.
    pub(crate) family: u64,
    /// Units that are drawn at most.
    pub(crate) planned: u64,
    /// Cases of the largest unit.
    pub(crate) unit_size_max: u32,
    /// Epochs that this gate may see.
    pub(crate) epochs_max: u32,
}

impl Question {
    /// The limit as the wagers see it: of a share, where a quantile is asked for.
    fn wagered(&self) -> Bound {
        match (self.scale, self.bound) {
            // "The quantile is at most the limit" is "at least q of the values are".
            (Scale::Quantile(q), Bound::AtMost(_)) => Bound::AtLeast(q),
            (Scale::Quantile(q), Bound::AtLeast(_)) => Bound::AtMost(q),
            (_, bound) => bound,
        }
    }

    /// A value as the wagers see it.
    fn seen(&self, value: f64) -> f64 {
        match (self.scale, self.bound) {
            (Scale::Quantile(_), Bound::AtMost(limit)) => f64::from(u8::from(value <= limit)),
            (Scale::Quantile(_), Bound::AtLeast(limit)) => f64::from(u8::from(value < limit)),
            _ => value,
        }
    }

    /// The risk of one look.
    fn risk_of(&self, epoch: u32) -> f64 {
        let share = if self.epochs_max > 1 {
            0.5_f64.powi(i32::try_from(epoch).unwrap_or(i32::MAX).saturating_add(1))
        } else {
            1.0
        };
        self.risk * share
    }

    /// Values of one unit at most, when each case has been asked so often.
    fn size_max(&self, epoch: u32) -> f64 {
        f64::from(self.unit_size_max) * (f64::from(epoch) + 1.0)
    }

    fn range(&self) -> Option<(f64, f64)> {
        match self.scale {
            Scale::Binary | Scale::Quantile(_) => Some((0.0, 1.0)),
            Scale::Between(low, high) => Some((low, high)),
            Scale::Real => None,
        }
    }

    fn spread(&self, epoch: u32) -> Spread {
        let limit = self.wagered().limit();
        let is_share = matches!(self.scale, Scale::Binary | Scale::Quantile(_));
        if is_share && self.size_max(epoch) == 1.0 {
            return Spread::Known((limit * (1.0 - limit)).max(0.0).sqrt().max(SD_MIN));
        }
        let (low, high) = self.range().unwrap_or((0.0, 1.0));
        Spread::AtMost((high - low) / 2.0)
    }
}

/// One look: the draws with so many epochs each.
#[derive(Debug, Clone)]
struct Look {
    epoch: u32,
    draws: Vec<Drawn>,
    /// Wagers on a mean above and below the limit; `None` for real values, whose bounds are asymptotic.
    wagers: Option<(Wager, Wager)>,
    /// Smallest always-valid p-values so far of "at most the limit" and "at least the limit", for real values.
    p_real: (f64, f64),
    /// Mean and sum of squares of the gains of real values.
    moments: (f64, f64, f64),
}

impl Look {
    fn new(question: &Question, epoch: u32) -> Self {
        let limit = question.wagered().limit();
        let wagers = question.range().and_then(|(low, high)| {
            let spread = question.spread(epoch);
            let above = Wager::try_new(spread, (limit - low).max(0.0), question.planned).ok()?;
            let below = Wager::try_new(spread, (high - limit).max(0.0), question.planned).ok()?;
            Some((above, below))
        });
        Self {
            epoch,
            draws: Vec::new(),
            wagers,
            p_real: (1.0, 1.0),
            moments: (0.0, 0.0, 0.0),
        }
    }

    fn push(&mut self, question: &Question, drawn: Drawn) {
        let limit = question.wagered().limit();
        self.draws.push(drawn);
        let gain = limit.mul_add(-drawn.count, drawn.sum) / question.size_max(self.epoch);
        if let Some((above, below)) = &mut self.wagers {
            // A value outside the range of its metric is refused, which leaves both wagers as they were.
            let _ = above.push(gain);
            let _ = below.push(-gain);
            return;
        }
        let (n, mean, squares) = &mut self.moments;
        *n += 1.0;
        let step = gain - *mean;
        *mean += step / *n;
        *squares += step * (gain - *mean);
        let (n, mean, squares) = self.moments;
        let sd = (squares / n).max(0.0).sqrt();
        if self.draws.len() as u64 >= START_UP && sd > 0.0 {
            let p = AsymptoticCs::p_value(mean / sd, n, rho2(question, self.epoch));
            if mean > 0.0 {
                self.p_real.0 = self.p_real.0.min(p);
            } else {
                self.p_real.1 = self.p_real.1.min(p);
            }
        }
    }

    /// Always-valid p-values of "at most the limit" and "at least the limit".
    fn p_values(&self) -> (f64, f64) {
        match &self.wagers {
            Some((above, below)) => (above.p_value(), below.p_value()),
            None => self.p_real,
        }
    }

    /// One-sided bounds of the mean that the wagers are about, each at this risk.
    fn bounds(&self, question: &Question, risk: f64) -> (Option<f64>, Option<f64>) {
        let Some((low, high)) = question.range() else {
            return self.asymptotic_bounds(question, risk);
        };
        let mean = DrawnMean {
            draws: &self.draws,
            low,
            high,
            size_max: question.size_max(self.epoch),
            spread: question.spread(self.epoch),
            planned: question.planned,
            centre: question.wagered().limit(),
        };
        (mean.lower(risk).ok(), mean.upper(risk).ok())
    }

    fn asymptotic_bounds(&self, question: &Question, risk: f64) -> (Option<f64>, Option<f64>) {
        let (n, _, squares) = self.moments;
        let (sum, count) = self.totals();
        if (self.draws.len() as u64) < START_UP || count <= 0.0 {
            return (None, None);
        }
        let sd = (squares / n).max(0.0).sqrt() * question.size_max(self.epoch);
        let half = sd * AsymptoticCs::half_width(n, rho2(question, self.epoch), risk) * n / count;
        let mean = sum / count;
        (Some(mean - half), Some(mean + half))
    }

    fn totals(&self) -> (f64, f64) {
        self.draws.iter().fold((0.0, 0.0), |(sum, count), drawn| {
            (sum + drawn.sum, count + drawn.count)
        })
    }
}

fn rho2(question: &Question, epoch: u32) -> f64 {
    // Tightest at half of the plan: with the truth well away from the limit less is asked.
    let t = (question.planned as f64 / 2.0).max(1.0);
    AsymptoticCs::rho2_for(t, question.risk_of(epoch)).unwrap_or(1.0)
}

/// A gate while its data come in.
#[derive(Debug, Clone)]
pub(crate) struct Contest {
    question: Question,
    look: Look,
    /// Over all looks: p-values divided by the share of the risk of their look.
    p_missed: f64,
    p_met: f64,
    /// Values behind a quantile, in the order of the draw.
    values: Vec<f64>,
    /// What the looks before this one have left.
    before: Option<Evidence>,
    decided: Option<Verdict>,
}

impl Contest {
    pub(crate) fn new(question: Question) -> Self {
        Self {
            look: Look::new(&question, 0),
            question,
            p_missed: 1.0,
            p_met: 1.0,
            values: Vec::new(),
            before: None,
            decided: None,
        }
    }

    pub(crate) const fn decided(&self) -> Option<Verdict> {
        self.decided
    }

    pub(crate) const fn p_missed(&self) -> f64 {
        self.p_missed
    }

    pub(crate) const fn epochs_max(&self) -> u32 {
        self.question.epochs_max
    }

    /// Takes the values of one unit over the epochs up to this one. Draws come in order, epochs ascend; a gate that is
    /// decided, or whose epochs are over, takes no more.
    pub(crate) fn draw(&mut self, epoch: u32, values: &[f64]) {
        if self.decided.is_some() || epoch >= self.question.epochs_max {
            return;
        }
        if epoch != self.look.epoch {
            self.before = Some(self.evidence());
            self.look = Look::new(&self.question, epoch);
            self.values.clear();
        }
        if values.is_empty() {
            return;
        }
        if matches!(self.question.scale, Scale::Quantile(_)) {
            self.values.extend_from_slice(values);
        }
        let drawn = Drawn {
            sum: values.iter().map(|value| self.question.seen(*value)).sum(),
            count: values.len() as f64,
        };
        self.look.push(&self.question, drawn);
        self.decide();
    }

    fn decide(&mut self) {
        let (p_at_most, p_at_least) = self.look.p_values();
        let share = self.question.risk_of(self.look.epoch) / self.question.risk;
        let (missed, met) = match self.question.wagered() {
            Bound::AtLeast(_) => (p_at_most, p_at_least),
            Bound::AtMost(_) => (p_at_least, p_at_most),
        };
        self.p_missed = self.p_missed.min(missed / share);
        self.p_met = self.p_met.min(met / share);
        let risk = self.question.risk;
        if self.p_missed <= risk {
            self.decided = Some(Verdict::Pass);
        } else if self.p_met * self.question.family.max(1) as f64 <= risk {
            self.decided = Some(Verdict::Fail);
        }
    }

    /// What the draws so far say, up to the decision where there is one.
    pub(crate) fn evidence(&self) -> Evidence {
        let own = self.of_look();
        let Some(before) = &self.before else { return own };
        // Each look's bounds hold beside the others'. A look that has only begun knows less than the one before it.
        let tightest = |one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64| match (one, other)
        {
            (Some(one), Some(other)) => Some(choose(one, other)),
            (one, other) => one.or(other),
        };
        let knows_more = self.decided.is_some() || own.n >= before.n;
        let (low, high) = (
            tightest(own.low, before.low, f64::max),
            tightest(own.high, before.high, f64::min),
        );
        let shown = if knows_more { own } else { before.clone() };
        Evidence {
            low,
            high,
            p_fail: Some(self.p_met),
            ..shown
        }
    }

    fn of_look(&self) -> Evidence {
        let (sum, count) = self.look.totals();
        if count == 0.0 {
            return Evidence::none();
        }
        let risk = self.question.risk_of(self.look.epoch);
        let (value, low, high) = match self.question.scale {
            Scale::Quantile(q) => self.quantile(q, risk),
            _ => {
                let (low, high) = self.look.bounds(&self.question, risk);
                (Some(sum / count), low, high)
            }
        };
        // A decision stands although later draws might have weakened it; the bound says so too.
        let limit = self.question.bound.limit();
        let (low, high) = match (self.decided, self.question.bound) {
            (Some(Verdict::Pass), Bound::AtLeast(_)) => (Some(low.unwrap_or(limit).max(limit)), high),
            (Some(Verdict::Pass), Bound::AtMost(_)) => (low, Some(high.unwrap_or(limit).min(limit))),
            // Without a decision a bound that rounding has put onto the limit must not pass.
            (_, Bound::AtLeast(_)) => (low.filter(|low| *low < limit), high),
            (_, Bound::AtMost(_)) => (low, high.filter(|high| *high > limit)),
        };
        let has_wagers = self.look.wagers.is_some();
        Evidence {
            value,
            low,
            high,
            p_fail: Some(self.p_met),
            mde: self.mde(),
            method: match self.question.scale {
                Scale::Quantile(_) => Method::OrderStatisticCs,
                _ if has_wagers => Method::BettingCs,
                _ => Method::AsymptoticCs,
            },
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count kept as a whole float"
            )]
            n: count as u64,
        }
    }

    /// Smallest distance from the limit that the whole plan shows with probability [`POWER`], of a single share.
    fn mde(&self) -> Option<f64> {
        let question = &self.question;
        let is_share = question.scale == Scale::Binary && question.size_max(self.look.epoch) == 1.0;
        if !is_share || self.decided.is_some() {
            return None;
        }
        let risk = question.risk_of(self.look.epoch);
        let fixed = mde_share(
            question.bound.limit(),
            to_f64(question.planned),
            risk,
            POWER,
            question.bound,
        );
        Some(VISIBLE_TIMES * fixed?)
    }

    fn quantile(&self, q: f64, risk: f64) -> (Option<f64>, Option<f64>, Option<f64>) {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let value = crate::bounds::quantile(&sorted, q);
        if self.question.size_max(self.look.epoch) > 1.0 {
            // Ranks of dependent values bound nothing; the wagers on the share have decided all the same.
            return (value, None, None);
        }
        let (low, high) = quantile_ranks(sorted.len() as u64, q, self.question.planned, risk);
        let at = |rank: Option<u64>| {
            let index = usize::try_from(rank?.checked_sub(1)?).ok()?;
            sorted.get(index).copied()
        };
        (value, at(low), at(high))
    }
}
