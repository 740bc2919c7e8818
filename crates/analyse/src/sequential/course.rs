//! One task of one target while it is asked: which samples are there, in the order of the draw, which gates are decided
//! by them, and which samples are still worth asking.
//!
//! Decisions are made on the *complete beginning* of the draw only. Answers that overtake others wait, so that no
//! decision depends on how long an answer took; and the order is the plan's, so that an interrupted run decides as an
//! uninterrupted one.

use super::Wanted;
use super::contest::Contest;
use super::observe::Observed;
use crate::gate::{Evidence, weigh};
use crate::series::{Policy, Series};
use seatrial_config::{Bound, Gate, OnInconclusive};
use seatrial_types::{DrawOrder, MetricKind, SampleFigures, Unit, Verdict};
use std::collections::HashMap;
use std::sync::Arc;

/// How far a draw is asked ahead of its complete beginning, as a multiple of the calls that may be in flight: enough to
/// keep all of them busy, and no more than that wasted on a gate that was as good as decided.
const LOOKAHEAD: usize = 2;

/// A gate of the task.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// 0-based index in the suite.
    pub(super) gate: usize,
    pub(super) observed: Observed,
    pub(super) extends: bool,
    pub(super) state: Decider,
}

/// How a gate is decided.
#[derive(Debug, Clone)]
pub(super) enum Decider {
    /// After every draw.
    Draws(Box<Contest>),
    /// After whole epochs, the planned ones first.
    Epochs(Box<Looks>),
}

/// Looks after whole epochs at a gate that is not decided draw by draw.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    pub(super) gate: Gate,
    pub(super) bound: Bound,
    pub(super) kind: MetricKind,
    /// Where values lie that are no shares: they are weighed as if they lay between 0 and 1.
    pub(super) range: (f64, f64),
    pub(super) family: u64,
    pub(super) evidence: Option<Evidence>,
    /// p-value of "the limit is missed", over all looks.
    pub(super) p_missed: f64,
    pub(super) decided: Option<Verdict>,
    pub(super) looks: u32,
}

impl Looks {
    /// A value as it is weighed.
    fn moved(&self, value: f64) -> f64 {
        let (from, to) = self.range;
        (value - from) / (to - from)
    }

    /// Weighs what is there with this look's share of the risk, 2⁻⁽ᵏ⁺¹⁾, and keeps what is tightest of all looks.
    fn look(&mut self, series: &Series) {
        let share = 0.5_f64.powi(i32::try_from(self.looks).unwrap_or(i32::MAX).saturating_add(1));
        self.looks += 1;
        let (bound, missed) = match self.bound {
            Bound::AtLeast(limit) => (
                Bound::AtLeast(self.moved(limit)),
                Bound::AtMost(self.moved(limit)),
            ),
            Bound::AtMost(limit) => (
                Bound::AtMost(self.moved(limit)),
                Bound::AtLeast(self.moved(limit)),
            ),
        };
        let risk = self.gate.risk * share;
        let mut now = weigh(series, self.gate.statistic, bound, risk);
        let of_missed = weigh(series, self.gate.statistic, missed, risk).p_fail;
        self.p_missed = self.p_missed.min(of_missed.unwrap_or(1.0) / share);
        let (from, to) = self.range;
        let back = |end: Option<f64>| end.map(|end| (to - from).mul_add(end, from));
        (now.value, now.low, now.high) = (back(now.value), back(now.low), back(now.high));
        now.mde = now.mde.map(|mde| mde * (to - from));
        now.p_fail = now.p_fail.map(|p| (p / share).min(1.0));
        if let Some(before) = &self.evidence {
            let tightest = |one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64| {
                one.zip(other)
                    .map(|(one, other)| choose(one, other))
                    .or(one)
                    .or(other)
            };
            now.low = tightest(now.low, before.low, f64::max);
            now.high = tightest(now.high, before.high, f64::min);
            now.p_fail = tightest(now.p_fail, before.p_fail, f64::min);
        }
        let p_adjusted = now.p_fail.map(|p| (p * self.family.max(1) as f64).min(1.0));
        self.decided = match now.verdict(self.bound, self.gate.risk, p_adjusted) {
            Verdict::Inconclusive => None,
            verdict => Some(verdict),
        };
        self.evidence = Some(now);
    }
}

impl Watched {
    pub(super) fn decided(&self) -> Option<Verdict> {
        match &self.state {
            Decider::Draws(contest) => contest.decided(),
            Decider::Epochs(looks) => looks.decided,
        }
    }

    /// Whether further epochs could decide it.
    fn wants_epoch(&self, epoch: u32, epochs_max: u32) -> bool {
        let most = match &self.state {
            Decider::Draws(contest) => contest.epochs_max(),
            Decider::Epochs(_) => epochs_max,
        };
        self.extends && self.decided().is_none() && epoch < most
    }

    pub(super) fn evidence(&self) -> Option<Evidence> {
        match &self.state {
            Decider::Draws(contest) => Some(contest.evidence()),
            Decider::Epochs(looks) => looks.evidence.clone(),
        }
    }

    /// p-value of "the limit is missed".
    pub(super) fn p_missed(&self) -> f64 {
        match &self.state {
            Decider::Draws(contest) => contest.p_missed(),
            Decider::Epochs(looks) => looks.p_missed,
        }
    }

    pub(super) fn extends(gate: &Gate) -> bool {
        gate.on_inconclusive == OnInconclusive::Extend
    }
}

/// A task of a target.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// The order of the draw; `None` where all planned samples are asked.
    pub(super) order: Option<DrawOrder>,
    pub(super) cases: u32,
    pub(super) epochs: u32,
    pub(super) epochs_max: u32,
    pub(super) watched: Vec<Watched>,
    /// Whether rows name clusters.
    pub(super) has_clusters: bool,
    /// How many samples may be asked beyond the complete beginning of a draw.
    lookahead: usize,
    /// By epoch, then position in the order: which samples are there.
    seen: Vec<bool>,
    /// By gate, then as `seen`: the value, `NaN` for none.
    values: Vec<Vec<f64>>,
    /// By position: number of the cluster, where rows name some.
    clusters: Vec<u32>,
    cluster_numbers: HashMap<Arc<str>, u32>,
    /// Samples at the beginning that are all there.
    cursor: usize,
    /// Unit that the cursor stands in.
    unit: usize,
    /// Number of the sample after the last one that is there.
    frontier: usize,
    pub(super) asked: u64,
    pub(super) decided_after: Option<u64>,
}

impl Course {
    pub(super) fn new(
        order: Option<DrawOrder>,
        cases: u32,
        epochs: u32,
        epochs_max: u32,
        has_clusters: bool,
        in_flight_max: u16,
        watched: Vec<Watched>,
    ) -> Self {
        Self {
            lookahead: LOOKAHEAD * usize::from(in_flight_max.max(1)),
            order,
            cases,
            epochs,
            epochs_max,
            has_clusters,
            seen: Vec::new(),
            values: vec![Vec::new(); watched.len()],
            watched,
            clusters: Vec::new(),
            cluster_numbers: HashMap::new(),
            cursor: 0,
            unit: 0,
            frontier: 0,
            asked: 0,
            decided_after: None,
        }
    }

    fn position(&self, case: u32) -> Option<usize> {
        let position = match &self.order {
            Some(order) => order.position(case)?,
            None if case < self.cases => case,
            None => return None,
        };
        usize::try_from(position).ok()
    }

    fn index(&self, epoch: u32, case: u32) -> Option<usize> {
        if epoch >= self.epochs_max {
            return None;
        }
        let before = usize::try_from(epoch).ok()?.checked_mul(self.cases as usize)?;
        before.checked_add(self.position(case)?)
    }

    /// Takes a finished sample, once; one outside the plan is ignored.
    pub(super) fn take(&mut self, sample: &SampleFigures) {
        let Some(index) = self.index(sample.key.epoch, sample.key.case) else {
            return;
        };
        if self.seen.len() <= index {
            let length = (index / self.cases.max(1) as usize + 1) * self.cases as usize;
            self.seen.resize(length, false);
            self.values
                .iter_mut()
                .for_each(|values| values.resize(length, f64::NAN));
        }
        if std::mem::replace(&mut self.seen[index], true) {
            return;
        }
        self.asked += 1;
        self.frontier = self.frontier.max(index + 1);
        for (watched, values) in self.watched.iter().zip(&mut self.values) {
            values[index] = watched.observed.value(sample).unwrap_or(f64::NAN);
        }
        self.note_cluster(index, sample);
        self.advance();
    }

    fn note_cluster(&mut self, index: usize, sample: &SampleFigures) {
        if self.order.is_some() || !self.has_clusters {
            return;
        }
        let name = sample.cluster.as_ref().unwrap_or(&sample.case_id);
        let next = u32::try_from(self.cluster_numbers.len()).unwrap_or(u32::MAX);
        let number = *self.cluster_numbers.entry(Arc::clone(name)).or_insert(next);
        self.clusters.resize(self.cases as usize, 0);
        if let Some(slot) = self.clusters.get_mut(index % self.cases.max(1) as usize) {
            *slot = number;
        }
    }

    /// Decides what the complete beginning decides.
    fn advance(&mut self) {
        let cases = self.cases as usize;
        while self.seen.get(self.cursor).copied().unwrap_or(false) {
            self.cursor += 1;
            let epoch = (self.cursor - 1) / cases;
            let position = self.cursor - epoch * cases;
            let unit_end = self.order.as_ref().and_then(|order| order.unit_end(self.unit));
            if unit_end.is_some_and(|end| end as usize == position) {
                self.draw(epoch, position);
                self.unit += 1;
            }
            if position == cases {
                self.unit = 0;
                if self.order.is_none() && epoch + 1 >= self.epochs as usize {
                    self.look(epoch);
                }
            }
            if self.decided_after.is_none() && self.is_decided() {
                self.decided_after = Some(self.cursor as u64);
            }
        }
    }

    /// A unit is complete in this epoch: its values over all epochs so far are one draw.
    fn draw(&mut self, epoch: usize, end: usize) {
        let Some(order) = &self.order else { return };
        let start = match self.unit {
            0 => 0,
            unit => order.unit_end(unit - 1).map_or(0, |end| end as usize),
        };
        let cases = self.cases as usize;
        let epoch_number = u32::try_from(epoch).unwrap_or(u32::MAX);
        for (watched, values) in self.watched.iter_mut().zip(&self.values) {
            let Decider::Draws(contest) = &mut watched.state else {
                continue;
            };
            let of_unit: Vec<f64> = (0..=epoch)
                .flat_map(|epoch| &values[epoch * cases + start..epoch * cases + end])
                .copied()
                .filter(|value| !value.is_nan())
                .collect();
            contest.draw(epoch_number, &of_unit);
        }
    }

    /// All samples up to this epoch are there.
    fn look(&mut self, epoch: usize) {
        let cases = self.cases as usize;
        let is_clustered = self.has_clusters || epoch > 0;
        for (watched, values) in self.watched.iter_mut().zip(&self.values) {
            let Decider::Epochs(looks) = &mut watched.state else {
                continue;
            };
            if looks.decided.is_some() {
                continue;
            }
            let mut series = Series::new(looks.kind, Unit::Score, Policy::EXCLUDE, is_clustered);
            for (index, value) in values.iter().take((epoch + 1) * cases).enumerate() {
                let case = index % cases;
                let cluster = self.clusters.get(case).copied();
                let cluster = cluster.unwrap_or_else(|| u32::try_from(case).unwrap_or(u32::MAX));
                if !value.is_nan() {
                    let moved = looks.moved(*value);
                    series.add(seatrial_types::Outcome::Scored, Some(moved), cluster);
                }
            }
            looks.look(&series);
        }
    }

    /// Whether no gate waits for further samples. A task without gates is asked as planned.
    pub(super) fn is_decided(&self) -> bool {
        !self.watched.is_empty() && self.watched.iter().all(|watched| watched.decided().is_some())
    }

    /// Whether a sample is worth asking.
    pub(super) fn wanted(&self, epoch: u32, case: u32) -> Wanted {
        let Some(index) = self.index(epoch, case) else {
            return Wanted::Over;
        };
        // What lies before a sample that is there was due when that one was asked: without it there is a gap.
        if index < self.frontier {
            return Wanted::Yes;
        }
        if self.order.is_some() {
            if self.is_decided() {
                return Wanted::Over;
            }
            // One answer that takes long must not let all the others be asked meanwhile.
            if index - self.cursor >= self.lookahead {
                return Wanted::Later;
            }
        }
        if epoch < self.epochs {
            return Wanted::Yes;
        }
        if self.cursor < epoch as usize * self.cases as usize {
            return Wanted::Later;
        }
        let mut watched = self.watched.iter();
        if watched.any(|watched| watched.wants_epoch(epoch, self.epochs_max)) {
            Wanted::Yes
        } else {
            Wanted::Over
        }
    }
}
