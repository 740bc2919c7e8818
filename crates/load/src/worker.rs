//! One loop: its connections, its share of the schedule, its records. One thread each, nothing shared with other loops but
//! a stop signal, a count of requests and figures for the display, so that a loop waits for nobody.

use crate::ahead::Ahead;
use crate::clock::RunClock;
use crate::conn::{Conn, Pending, Step};
use crate::dialogue::Dialogues;
use crate::fault::Fault;
use crate::gauge::Gauge;
use crate::kept_answers::KeptAnswers;
use crate::live::{Failures, Live, LiveFigures};
use crate::pace::{Pace, PaceState, Start};
use crate::record::{GapLog, Outcome, Phase, WorkerRecording};
use crate::talks::{ConversationCounts, Talks, TurnAt};
use crate::target::{RequestSource, Target};
use crate::timer::WakeTimer;
use crate::turn::Turns;
use crate::{ThreadTimes, nanoseconds};
use mio::{Events, Interest, Poll, Token};
use seatrial_types::CallErrorKind;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// Most events of one wait: what comes last of them waits for all before it.
const BATCH_MAX: usize = 256;
/// Sockets that are read between two looks at the schedule.
const READS_PER_LOOK: usize = 32;
/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// How often limits of time and the stop signal are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Ticks between two pictures for the display, which cost some 50 µs.
const TICKS_PER_PUBLISH: u64 = 5;
/// How long a server may leave a body open behind its mark of the end before the connection is given up.
const DONE_GRACE_NS: u64 = 1_000_000_000;
/// Token of the alarm; connections have their index.
const ALARM: Token = Token(usize::MAX);

/// What one loop is to do.
pub(crate) struct WorkerPlan {
    pub(crate) index: u16,
    pub(crate) clock: RunClock,
    pub(crate) target: Arc<Target>,
    pub(crate) source: Arc<dyn RequestSource>,
    pub(crate) pace: Pace,
    /// Connections that stand already.
    pub(crate) ahead: Vec<Ahead>,
    /// When measurement begins.
    pub(crate) measured_from_ns: u64,
    /// When nothing is started any more; `None` leaves it to the count of requests.
    pub(crate) stop_ns: Option<u64>,
    /// How long what is under way at the end is waited for.
    pub(crate) drain: Duration,
    pub(crate) gaps_max: u64,
    pub(crate) records_max: usize,
    /// Most bytes of answers that are kept; 0 is none.
    pub(crate) answers_bytes_max: u64,
    /// Room for conversations, and nothing in it.
    pub(crate) talks: Talks,
    pub(crate) live: Arc<Live>,
}

/// What one loop did.
#[derive(Debug, Default)]
pub(crate) struct WorkerReport {
    pub(crate) recording: WorkerRecording,
    /// Answers, where they were wanted.
    pub(crate) answers: KeptAnswers,
    pub(crate) gauge: Gauge,
    pub(crate) failures: Failures,
    /// From its start to its end.
    pub(crate) wall_ns: u64,
    pub(crate) times: Option<ThreadTimes>,
    pub(crate) connections: u64,
    /// Requests that were due in measurement and never sent.
    pub(crate) unsent: u64,
    pub(crate) conversations: ConversationCounts,
    /// Records that did not fit.
    pub(crate) records_dropped: u64,
    pub(crate) ended_ns: u64,
    pub(crate) reads: u64,
    /// Requests under way, summed over the nanoseconds of measurement.
    pub(crate) in_flight_ns: u128,
    /// Whether the system tells waits for a processor.
    pub(crate) knows_waits: bool,
}

struct Worker {
    plan: WorkerPlan,
    pace: PaceState,
    poll: Poll,
    alarm: WakeTimer,
    alarm_for_ns: u64,
    turns: Turns,
    conns: Vec<Option<Conn>>,
    /// Places of `conns` without a connection.
    vacant: Vec<usize>,
    /// Connections without a request.
    idle: Vec<usize>,
    in_flight: usize,
    address: usize,
    has_connected: bool,
    buffer: Vec<u8>,
    report: WorkerReport,
    figures: LiveFigures,
    next_tick_ns: u64,
    ticks: u64,
    /// Until when what was under way is added up.
    counted_ns: u64,
}

/// Runs a loop to its end on the calling thread. Fails where the system refuses an event queue.
pub(crate) fn run(mut plan: WorkerPlan) -> io::Result<WorkerReport> {
    let poll = Poll::new()?;
    let alarm = WakeTimer::register(&poll, ALARM)?;
    let turns = Turns::start(plan.clock);
    let pace = PaceState::new(std::mem::take(&mut plan.pace));
    let mut worker = Worker {
        report: WorkerReport {
            recording: WorkerRecording {
                requests: Vec::new(),
                gaps: GapLog::with_limit(plan.gaps_max),
            },
            answers: KeptAnswers::with_limit(plan.answers_bytes_max),
            ..WorkerReport::default()
        },
        plan,
        pace,
        poll,
        alarm,
        alarm_for_ns: 0,
        turns,
        conns: Vec::new(),
        vacant: Vec::new(),
        idle: Vec::new(),
        in_flight: 0,
        address: 0,
        has_connected: false,
        buffer: vec![0; READ_BYTES],
        figures: LiveFigures::default(),
        next_tick_ns: 0,
        ticks: 0,
        counted_ns: 0,
    };
    worker.go()?;
    Ok(worker.finish())
}

impl Worker {
    fn go(&mut self) -> io::Result<()> {
        let started_ns = self.turns.now_ns();
        self.take_over();
        let mut events = Events::with_capacity(BATCH_MAX);
        loop {
            self.start_due();
            let now_ns = self.turns.now_ns();
            if now_ns >= self.next_tick_ns {
                self.next_tick_ns = now_ns + nanoseconds(TICK);
                if self.tick(now_ns) {
                    break;
                }
            }
            if self.in_flight == 0 && self.next_start_ns().is_none() {
                break;
            }
            let timeout = self.timeout(now_ns);
            self.turns.sleep();
            match self.poll.poll(&mut events, Some(timeout)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.turns.wake();
            for (count, event) in events.iter().enumerate() {
                if event.token() == ALARM {
                    self.alarm_for_ns = 0;
                    continue;
                }
                if count % READS_PER_LOOK == READS_PER_LOOK - 1 {
                    self.start_due();
                }
                self.ready(
                    event.token().0,
                    event.is_writable(),
                    event.is_read_closed() || event.is_error(),
                );
            }
        }
        self.report.wall_ns = self.turns.now_ns().saturating_sub(started_ns);
        Ok(())
    }

    /// Takes the connections that were made ahead.
    fn take_over(&mut self) {
        for ahead in std::mem::take(&mut self.plan.ahead) {
            let conn = Conn::made(ahead, &self.plan.target);
            // What cannot be taken is made again by the request that needs it, which tells what is wrong.
            if let Ok(index) = self.adopt(conn) {
                self.idle.push(index);
            }
        }
    }

    /// How long to wait at most; sets the alarm for the next start.
    fn timeout(&mut self, now_ns: u64) -> Duration {
        let tick = Duration::from_nanos(self.next_tick_ns.saturating_sub(now_ns));
        let Some(start_ns) = self.next_start_ns() else {
            return tick;
        };
        if start_ns >= self.next_tick_ns {
            return tick;
        }
        if self.alarm_for_ns == start_ns {
            return tick;
        }
        match self
            .alarm
            .arm(Duration::from_nanos(start_ns.saturating_sub(now_ns)))
        {
            None => {
                self.alarm_for_ns = start_ns;
                tick
            }
            Some(after) => after.min(tick),
        }
    }

    /// When the next request is to be started; `None` where there is none, or none can be now.
    fn next_start_ns(&mut self) -> Option<u64> {
        if self.in_flight >= self.pace.in_flight_max() || self.plan.live.is_stopping() {
            return None;
        }
        let next_ns = match (self.pace.next_ns(), self.plan.talks.next_ns()) {
            (Some(begin), Some(turn)) => Some(begin.min(turn)),
            (begin, turn) => begin.or(turn),
        };
        next_ns.filter(|ns| self.plan.stop_ns.is_none_or(|stop| *ns < stop))
    }

    /// Starts all requests that are due.
    fn start_due(&mut self) {
        while let Some(next_ns) = self.next_start_ns() {
            let now_ns = self.turns.now_ns();
            if next_ns > now_ns {
                return;
            }
            if self.plan.talks.next_ns() == Some(next_ns) {
                self.start_turn(now_ns);
                continue;
            }
            let Some(start) = self.pace.take() else { return };
            self.start(start, None, now_ns);
        }
    }

    /// Starts the next turn of a conversation.
    fn start_turn(&mut self, now_ns: u64) {
        let Some((intended_ns, at)) = self.plan.talks.take() else {
            return;
        };
        if let Some(start) = self.pace.take_turn(intended_ns, at.number) {
            self.start(start, Some(at), now_ns);
        }
    }

    /// Starts a request, or the turn of a conversation that it is.
    fn start(&mut self, start: Start, turn: Option<TurnAt>, now_ns: u64) {
        let phase = if start.intended_ns >= self.plan.measured_from_ns {
            Phase::Measured
        } else {
            Phase::WarmUp
        };
        let Some(number) = self.plan.live.number(
            phase == Phase::Measured,
            start.number,
            self.pace.is_open() || turn.is_some(),
        ) else {
            self.pace.stop();
            self.plan.talks.stop();
            return;
        };
        let deadline_ns = start.due_ns.saturating_add(nanoseconds(self.plan.target.timeout));
        let mut pending = Pending::new(phase, start.intended_ns, start.due_ns, deadline_ns);
        pending.is_capped = start.is_capped;
        if self.plan.source.dialogues().is_some() {
            self.plan.talks.counts.begun += u64::from(turn.is_none());
            pending.at = Some(turn.unwrap_or(TurnAt::first(number)));
        }
        self.count_in_flight(now_ns);
        self.in_flight += 1;
        self.plan.live.started(start.intended_ns);
        let index = match self.connection(now_ns) {
            Ok(index) => index,
            Err(fault) => {
                // Which prompt was not asked is told all the same.
                pending.prompt = self.plan.source.push_request(number, &mut Vec::new());
                return self.ended_without_connection(pending, &fault, now_ns);
            }
        };
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        pending.prompt = match (turn, self.plan.source.dialogues()) {
            (Some(at), Some(dialogues)) => {
                let history = self.plan.talks.history(at);
                dialogues.push_turn(number, usize::from(at.turn), history, conn.outgoing())
            }
            _ => self.plan.source.push_request(number, conn.outgoing()),
        };
        let step = conn.begin(pending, &self.turns);
        if phase == Phase::Measured && self.report.answers.is_wanted() {
            conn.keep_body();
        }
        self.after(index, step);
    }

    /// An idle connection, or a new one.
    fn connection(&mut self, now_ns: u64) -> Result<usize, Fault> {
        if let Some(index) = self.idle.pop() {
            return Ok(index);
        }
        let addresses = &self.plan.target.addresses;
        let address = addresses.get(self.address % addresses.len().max(1));
        let address =
            *address.ok_or_else(|| Fault::new(CallErrorKind::Connect, "the host has no address"))?;
        self.adopt(Conn::connect(address, &self.plan.target, now_ns)?)
    }

    /// Gives a connection a place, and hears of it from now on.
    fn adopt(&mut self, mut conn: Conn) -> Result<usize, Fault> {
        if self.plan.source.dialogues().is_some_and(Dialogues::needs_answers) {
            conn.keep_text();
        }
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let registered = self.poll.registry().register(
            &mut conn.tcp,
            Token(index),
            Interest::READABLE | Interest::WRITABLE,
        );
        if let Err(error) = registered {
            self.vacant.push(index);
            return Err(Fault::new(CallErrorKind::Connect, error.to_string()));
        }
        self.report.connections += 1;
        if let Some(place) = self.conns.get_mut(index) {
            *place = Some(conn);
        }
        Ok(index)
    }

    /// A connection has something.
    fn ready(&mut self, index: usize, is_writable: bool, is_read_closed: bool) {
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let step = conn.ready(
            is_writable,
            is_read_closed,
            &self.turns,
            &mut self.buffer,
            &mut self.report.gauge,
        );
        self.after(index, step);
    }

    fn after(&mut self, index: usize, step: Step) {
        match step {
            Step::Going => {}
            Step::Closed => self.close(index),
            Step::Ended(result) => {
                let outcome = match &result {
                    Ok(()) => Outcome::Ok,
                    Err(fault) => Outcome::Failed(fault.kind),
                };
                self.end(index, outcome, result.err().as_ref());
            }
        }
    }

    /// The request of a connection ended.
    fn end(&mut self, index: usize, outcome: Outcome, fault: Option<&Fault>) {
        let now_ns = self.turns.now_ns();
        self.count_in_flight(now_ns);
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let is_reusable = outcome == Outcome::Ok && conn.is_reusable() && !self.plan.target.is_cold;
        let at = conn.pending.as_ref().and_then(|pending| pending.at);
        if let Some((mut record, steps)) = conn.end(outcome, self.plan.index, now_ns) {
            self.has_connected |= record.first_byte_ns.is_some();
            self.in_flight -= 1;
            self.figures.take(&record);
            self.plan.live.ended(outcome, record.events);
            self.plan.live.show(&record);
            if record.phase == Phase::Measured {
                if record.sent_ns.is_some() {
                    self.report.gauge.send_lag.add_ns(record.own_delay_ns());
                }
                record.gaps = self.report.recording.gaps.push(steps);
            }
            let is_kept = outcome == Outcome::Ok && record.phase == Phase::Measured;
            let place = self.report.recording.requests.len();
            if place < self.plan.records_max {
                if is_kept && self.report.answers.is_wanted() {
                    self.report.answers.push(place, conn.body());
                }
                self.report.recording.requests.push(record);
            } else {
                self.report.records_dropped += 1;
                self.plan.live.stop_full();
            }
            if let Some(fault) = fault {
                self.report.failures.add(fault.kind, &fault.problem);
                if !self.has_connected {
                    self.address = self.address.wrapping_add(1);
                }
            }
            let end_ns = record.end_ns;
            let goes_on = at.is_some_and(|at| self.converse(index, at, end_ns, outcome));
            if goes_on {
                self.pace.turn_ended(end_ns);
            } else {
                self.pace.ended(end_ns, outcome);
            }
        }
        if is_reusable {
            self.idle.push(index);
        } else {
            self.close(index);
        }
    }

    /// A turn of a conversation ended on a connection; whether another follows.
    fn converse(&mut self, index: usize, at: TurnAt, end_ns: u64, outcome: Outcome) -> bool {
        let Some(dialogues) = self.plan.source.dialogues() else {
            return false;
        };
        match outcome {
            Outcome::Ok => {
                let conn = self.conns.get(index).and_then(Option::as_ref);
                let answer = conn.and_then(Conn::text_json);
                self.plan.talks.answered(dialogues, at, end_ns, answer)
            }
            Outcome::Failed(_) => {
                self.plan.talks.failed(at);
                false
            }
            // The run is over; it stays unfinished.
            Outcome::CutOff => false,
        }
    }

    /// Adds up what was under way until now; to be called before that changes.
    fn count_in_flight(&mut self, now_ns: u64) {
        let from = self.counted_ns.max(self.plan.measured_from_ns);
        let to = now_ns.min(self.plan.stop_ns.unwrap_or(u64::MAX));
        self.report.in_flight_ns += u128::from(to.saturating_sub(from)) * self.in_flight as u128;
        self.counted_ns = self.counted_ns.max(now_ns);
    }

    fn ended_without_connection(&mut self, pending: Pending, fault: &Fault, now_ns: u64) {
        self.count_in_flight(now_ns);
        self.in_flight -= 1;
        let outcome = Outcome::Failed(fault.kind);
        let record = pending.unsent(outcome, self.plan.index, now_ns);
        self.plan.live.ended(outcome, 0);
        self.plan.live.show(&record);
        if let Some(at) = pending.at {
            self.plan.talks.failed(at);
        }
        self.report.failures.add(fault.kind, &fault.problem);
        if self.report.recording.requests.len() < self.plan.records_max {
            self.report.recording.requests.push(record);
        }
        self.pace.ended(now_ns, outcome);
    }

    fn close(&mut self, index: usize) {
        if let Some(mut conn) = self.conns.get_mut(index).and_then(Option::take) {
            // Closing takes it out of the queue too; this only does it earlier.
            let _ = self.poll.registry().deregister(&mut conn.tcp);
            self.vacant.push(index);
            self.idle.retain(|idle| *idle != index);
        }
    }

    /// Looks at limits of time and at the stop signal; whether all is over.
    fn tick(&mut self, now_ns: u64) -> bool {
        for index in 0..self.conns.len() {
            let Some(conn) = self.conns.get(index).and_then(Option::as_ref) else {
                continue;
            };
            let Some(pending) = &conn.pending else { continue };
            if conn.done_since(now_ns).is_some_and(|since| since > DONE_GRACE_NS) {
                // The answer is whole; only its framing never ends.
                self.end(index, Outcome::Ok, None);
                self.close(index);
            } else if now_ns >= pending.deadline_ns {
                let fault = Fault::new(
                    CallErrorKind::Timeout,
                    format!("no whole answer within {:?}", self.plan.target.timeout),
                );
                self.end(index, Outcome::Failed(fault.kind), Some(&fault));
            }
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(TICKS_PER_PUBLISH) {
            self.figures.read_lag_ms_p99 = self.report.gauge.read_lag.quantile_ms(0.99);
            self.plan.live.publish(self.plan.index, &self.figures);
        }
        let is_drained = self
            .plan
            .stop_ns
            .is_some_and(|stop| now_ns >= stop.saturating_add(nanoseconds(self.plan.drain)));
        self.plan.live.is_abandoned() || is_drained
    }

    /// Cuts off what is under way, and reports.
    fn finish(mut self) -> WorkerReport {
        for index in 0..self.conns.len() {
            let has_pending = self
                .conns
                .get(index)
                .and_then(Option::as_ref)
                .is_some_and(|conn| conn.pending.is_some());
            if has_pending {
                self.end(index, Outcome::CutOff, None);
            }
        }
        let stop_ns = self.plan.stop_ns.unwrap_or(u64::MAX);
        let until_ns = stop_ns.min(self.turns.now_ns());
        let from_ns = self.plan.measured_from_ns;
        self.report.unsent = self.pace.unsent(from_ns, until_ns) + self.plan.talks.unsent(from_ns, until_ns);
        self.report.conversations = self.plan.talks.counts;
        self.report.times = self.turns.times();
        self.report.ended_ns = self.turns.now_ns();
        self.report.knows_waits = self.turns.knows_waits;
        self.report.reads = self.report.gauge.reads;
        self.plan.live.publish(self.plan.index, &self.figures);
        self.report
    }
}
