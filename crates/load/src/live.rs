//! What loops share while they run: a stop signal, the count of requests, figures for the display. Apart because it is all
//! that they share; loops write it with plain atomic stores or at most every tick, and never wait for each other.

use crate::gauge::TimeHistogram;
use crate::record::{Outcome, RequestRecord};
use seatrial_types::CallErrorKind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// Failures without a single success after which a run gives up: per user, and at least.
const HOPELESS_PER_USER: u64 = 2;
/// See [`HOPELESS_PER_USER`].
const HOPELESS_MIN: u64 = 20;

const RUNNING: u8 = 0;
/// Nothing new is started.
const STOPPING: u8 = 1;
/// What is under way is dropped.
const ABANDONED: u8 = 2;

/// Why a run ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyEnd {
    /// Nothing worked.
    Hopeless,
    /// There was no more room for records.
    Full,
    /// Somebody asked for it.
    Interrupted,
}

/// Sees every request when it ends, on the loop that did it: it must be quick.
pub trait RequestWatch: std::fmt::Debug + Send + Sync {
    /// A request that was intended then begins.
    fn began(&self, intended_ns: u64);

    /// `record` ended; `counts` are those of the run so far. Whether enough has been seen: the run then ends at once.
    fn ended(&self, record: &RequestRecord, counts: LiveCounts) -> bool;
}

/// Shared by the loops of a run and whoever watches.
#[derive(Debug)]
pub struct Live {
    state: AtomicU8,
    early: AtomicU8,
    users: u64,
    /// Requests of measurement that may still be numbered.
    requests_max: u64,
    measured: AtomicU64,
    numbered: AtomicU64,
    started: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    events: AtomicU64,
    figures: Vec<Mutex<LiveFigures>>,
    watch: Option<Arc<dyn RequestWatch>>,
}

/// Latencies of one loop for the display.
#[derive(Debug, Clone, Default)]
pub struct LiveFigures {
    /// Time to the first token, or to the last byte where there is none.
    pub first: TimeHistogram,
    /// From sent to the last token or byte.
    pub whole: TimeHistogram,
    /// How late this client read, p99 over measurement so far, milliseconds; the largest over all loops.
    pub read_lag_ms_p99: Option<f64>,
}

impl LiveFigures {
    pub(crate) fn take(&mut self, record: &RequestRecord) {
        let (Some(sent_ns), Outcome::Ok) = (record.sent_ns, record.outcome) else {
            return;
        };
        let first_ns = record.first_token_ns.unwrap_or(record.end_ns);
        self.first.add_ns(first_ns.saturating_sub(sent_ns));
        self.whole.add_ns(record.end_ns.saturating_sub(sent_ns));
    }
}

/// Counts at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveCounts {
    /// Requests started.
    pub started: u64,
    /// Ended with a whole answer.
    pub ok: u64,
    /// Ended without.
    pub failed: u64,
    /// Events with tokens of requests that ended.
    pub events: u64,
}

impl LiveCounts {
    /// Requests under way.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.ok + self.failed)
    }
}

impl Live {
    /// For `workers` loops with `users` requests under way at most; measurement ends after `requests_max` requests.
    #[must_use]
    pub fn new(workers: usize, users: u64, requests_max: u64) -> Self {
        Self {
            state: AtomicU8::new(RUNNING),
            early: AtomicU8::new(0),
            users,
            requests_max,
            measured: AtomicU64::new(0),
            numbered: AtomicU64::new(0),
            started: AtomicU64::new(0),
            ok: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            events: AtomicU64::new(0),
            figures: (0..workers).map(|_| Mutex::default()).collect(),
            watch: None,
        }
    }

    /// As [`Self::new`], without a number of requests; ends when `watch` has seen enough.
    #[must_use]
    pub fn watched(workers: usize, users: u64, watch: Arc<dyn RequestWatch>) -> Self {
        Self {
            watch: Some(watch),
            ..Self::new(workers, users, u64::MAX)
        }
    }

    /// The same, and `watch` sees every request when it ends, and may end the run.
    #[must_use]
    pub fn with_watch(self, watch: Arc<dyn RequestWatch>) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// Shows a request that ended to whoever watches. Nothing is cut off before the run ends, so what ends then is not
    /// shown.
    pub(crate) fn show(&self, record: &RequestRecord) {
        if record.outcome != Outcome::CutOff
            && let Some(watch) = &self.watch
            && watch.ended(record, self.counts())
        {
            self.state.fetch_max(ABANDONED, Relaxed);
        }
    }

    /// Ends the run now; what is under way is dropped.
    pub fn interrupt(&self) {
        self.end_early(EarlyEnd::Interrupted, ABANDONED);
    }

    /// Counts so far.
    #[must_use]
    pub fn counts(&self) -> LiveCounts {
        LiveCounts {
            started: self.started.load(Relaxed),
            ok: self.ok.load(Relaxed),
            failed: self.failed.load(Relaxed),
            events: self.events.load(Relaxed),
        }
    }

    /// Latencies so far, as the loops last told them.
    #[must_use]
    pub fn figures(&self) -> LiveFigures {
        let mut all = LiveFigures::default();
        for cell in &self.figures {
            let figures = cell.lock().unwrap_or_else(PoisonError::into_inner);
            all.first.merge(&figures.first);
            all.whole.merge(&figures.whole);
            let (old, new) = (all.read_lag_ms_p99, figures.read_lag_ms_p99);
            all.read_lag_ms_p99 = match (old, new) {
                (Some(old), Some(new)) => Some(if new > old { new } else { old }),
                (old, new) => old.or(new),
            };
        }
        all
    }

    /// Why the run ended before its time; `None` where it did not.
    #[must_use]
    pub fn early_end(&self) -> Option<EarlyEnd> {
        match self.early.load(Relaxed) {
            1 => Some(EarlyEnd::Hopeless),
            2 => Some(EarlyEnd::Full),
            3 => Some(EarlyEnd::Interrupted),
            _ => None,
        }
    }

    fn end_early(&self, why: EarlyEnd, state: u8) {
        let why = match why {
            EarlyEnd::Hopeless => 1,
            EarlyEnd::Full => 2,
            EarlyEnd::Interrupted => 3,
        };
        // An interruption is told even when the run was ending; otherwise the first reason counts.
        if why == 3 {
            self.early.store(why, Relaxed);
        } else {
            let _ = self.early.compare_exchange(0, why, Relaxed, Relaxed);
        }
        self.state.fetch_max(state, Relaxed);
    }

    /// Requests of measurement that may be numbered at most.
    pub(crate) const fn requests_max(&self) -> u64 {
        self.requests_max
    }

    pub(crate) fn stop_full(&self) {
        self.end_early(EarlyEnd::Full, STOPPING);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state.load(Relaxed) >= STOPPING
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.state.load(Relaxed) >= ABANDONED
    }

    /// The number of the next request: its own where that was drawn before the run. `None` where all were given out.
    pub(crate) fn number(&self, is_measured: bool, drawn: u64, is_drawn: bool) -> Option<u64> {
        if is_measured && self.measured.fetch_add(1, Relaxed) >= self.requests_max {
            return None;
        }
        Some(if is_drawn {
            drawn
        } else {
            self.numbered.fetch_add(1, Relaxed)
        })
    }

    pub(crate) fn started(&self, intended_ns: u64) {
        self.started.fetch_add(1, Relaxed);
        if let Some(watch) = &self.watch {
            watch.began(intended_ns);
        }
    }

    pub(crate) fn ended(&self, outcome: Outcome, events: u32) {
        self.events.fetch_add(u64::from(events), Relaxed);
        match outcome {
            Outcome::Ok => {
                self.ok.fetch_add(1, Relaxed);
            }
            Outcome::CutOff => {}
            Outcome::Failed(_) => {
                let failed = self.failed.fetch_add(1, Relaxed) + 1;
                let hopeless = HOPELESS_MIN.max(self.users.saturating_mul(HOPELESS_PER_USER));
                if failed >= hopeless && self.ok.load(Relaxed) == 0 {
                    self.end_early(EarlyEnd::Hopeless, STOPPING);
                }
            }
        }
    }

    pub(crate) fn publish(&self, worker: u16, figures: &LiveFigures) {
        // Nobody is waited for: what is not told now is told at the next tick.
        if let Some(cell) = self.figures.get(usize::from(worker))
            && let Ok(mut cell) = cell.try_lock()
        {
            cell.clone_from(figures);
        }
    }
}

/// Failures by class, each with the first message.
#[derive(Debug, Clone, Default)]
pub struct Failures(Vec<(CallErrorKind, u64, String)>);

impl Failures {
    pub(crate) fn add(&mut self, kind: CallErrorKind, problem: &str) {
        match self.0.iter_mut().find(|(known, _, _)| *known == kind) {
            Some((_, count, _)) => *count += 1,
            None => self.0.push((kind, 1, problem.to_owned())),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, count, problem) in other.0 {
            match self.0.iter_mut().find(|(known, _, _)| *known == kind) {
                Some((_, sum, _)) => *sum += count,
                None => self.0.push((kind, count, problem)),
            }
        }
        self.0
            .sort_by_key(|(kind, count, _)| (u64::MAX - count, kind.as_str()));
    }

    /// Class, number and first message, the most frequent first. Messages hold text of the server.
    pub fn iter(&self) -> impl Iterator<Item = (CallErrorKind, u64, &str)> {
        self.0
            .iter()
            .map(|(kind, count, problem)| (*kind, *count, problem.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects people from waiting for a run in which nothing works, and runs in which something does from ending.
    #[test]
    fn gives_up_where_nothing_works() {
        let live = Live::new(1, 2, u64::MAX);
        for _ in 0..HOPELESS_MIN {
            assert!(!live.is_stopping());
            live.ended(Outcome::Failed(CallErrorKind::Connect), 0);
        }
        assert_eq!(live.early_end(), Some(EarlyEnd::Hopeless));
        let live = Live::new(1, 2, u64::MAX);
        live.ended(Outcome::Ok, 3);
        for _ in 0..1000 {
            live.ended(Outcome::Failed(CallErrorKind::Connect), 0);
        }
        assert_eq!(live.early_end(), None);
        assert_eq!(live.counts().events, 3);
    }

    /// Protects `--requests`: exactly so many are given out, warm-up not counted.
    #[test]
    fn numbers_are_given_out_once() {
        let live = Live::new(1, 1, 2);
        assert_eq!(live.number(false, 0, false), Some(0));
        assert_eq!(live.number(true, 0, false), Some(1));
        assert_eq!(live.number(true, 9, true), Some(9));
        assert_eq!(live.number(true, 0, false), None);
    }
}
