//! One process at work: writes requests, reads answers, keeps time, and buries the process when something is wrong.
//! Apart from the pool, so that everything that can happen to a process is handled in one place.

use super::fault::ProgramFault;
use super::pool::Reply;
use super::process::Process;
use super::spec::ProgramSpec;
use super::tail::{Tail, clean};
use super::{FAILURES_AT_FIRST_MAX, FAILURES_IN_A_ROW_MAX, LINE_BYTES_MAX};
use seatrial_types::CallErrorKind;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// How long the answers of a program that no longer reads are still awaited.
const DEAF_GRACE: Duration = Duration::from_millis(1000);
/// How long the last words of a dead program are awaited: something it forked may hold the pipe.
const LAST_WORDS_GRACE: Duration = Duration::from_millis(200);

/// What all processes of a program share.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) spec: ProgramSpec,
    /// The program, found.
    path: PathBuf,
    /// Whether it ever answered.
    has_answered: AtomicBool,
    /// Failures since the last answer, running out of time apart.
    failures: AtomicU32,
}

impl Crew {
    pub(super) const fn new(spec: ProgramSpec, path: PathBuf) -> Self {
        Self {
            spec,
            path,
            has_answered: AtomicBool::new(false),
            failures: AtomicU32::new(0),
        }
    }

    fn answered(&self) {
        self.has_answered.store(true, Relaxed);
        self.failures.store(0, Relaxed);
    }

    /// How many failures in a row there were, where they are too many.
    fn given_up_after(&self) -> Option<u32> {
        let most = if self.has_answered.load(Relaxed) {
            FAILURES_IN_A_ROW_MAX
        } else {
            FAILURES_AT_FIRST_MAX
        };
        Some(self.failures.load(Relaxed)).filter(|failures| *failures >= most)
    }

    fn fault(&self, kind: CallErrorKind, sent: Option<Instant>, what: &str) -> ProgramFault {
        ProgramFault {
            kind,
            message: format!("`{}` {what}", self.spec.shown()),
            retry: kind.is_retryable(),
            sent,
            end: Instant::now(),
        }
    }
}

/// A request on its way to a process.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: u64,
    /// With its line feed.
    pub(super) line: Vec<u8>,
    /// From when its time counts.
    pub(super) due: Instant,
    pub(super) answer: oneshot::Sender<Result<Reply, ProgramFault>>,
}

/// A request that a process has.
#[derive(Debug)]
struct Pending {
    id: u64,
    /// When its first byte was written.
    sent: Option<Instant>,
    deadline: Instant,
    answer: oneshot::Sender<Result<Reply, ProgramFault>>,
}

/// Serves orders until there are no more, with one process after the other.
pub(super) async fn work(crew: Arc<Crew>, mut orders: mpsc::Receiver<Order>) {
    let mut last_problem = String::new();
    while let Some(order) = orders.recv().await {
        if let Some(failures) = crew.given_up_after() {
            let what =
                format!("was given up after {failures} failures in a row, the last one: {last_problem}");
            let fault = crew.fault(
                CallErrorKind::Connect,
                None,
                what.trim_end_matches(", the last one: "),
            );
            let fault = ProgramFault {
                retry: false,
                ..fault
            };
            // Nobody may be waiting any more.
            let _ = order.answer.send(Err(fault));
            continue;
        }
        let process = match Process::start(&crew.spec, &crew.path) {
            Ok(process) => process,
            Err(error) => {
                crew.failures.fetch_add(1, Relaxed);
                last_problem = format!("it could not be started: {error}");
                let what = format!("could not be started: {error}");
                let _ = order
                    .answer
                    .send(Err(crew.fault(CallErrorKind::Connect, None, &what)));
                continue;
            }
        };
        let mut shift = Shift::new(&crew, process);
        shift.take(order);
        match shift.serve(&mut orders).await {
            Stop::NoMoreOrders => {
                shift.process.close().await;
                return;
            }
            stop => last_problem = shift.bury(stop).await,
        }
    }
}

/// Why a process is not asked any further.
#[derive(Debug)]
enum Stop {
    NoMoreOrders,
    /// It closed its output.
    Ended,
    /// It closed its input and then said nothing more.
    Deaf,
    /// The oldest request ran out of time.
    OutOfTime,
    /// A line is no answer; what it is instead.
    Garbage(String),
    /// A line above the limit.
    TooLong,
}

/// The time of one process.
struct Shift<'a> {
    crew: &'a Crew,
    process: Process,
    pending: VecDeque<Pending>,
    /// Bytes that are still to be written, and which request each part belongs to.
    out: VecDeque<Vec<u8>>,
    written: usize,
    /// What was read of the line under way.
    line: Vec<u8>,
    words: Tail,
    stderr_open: bool,
    deaf_since: Option<Instant>,
}

impl<'a> Shift<'a> {
    fn new(crew: &'a Crew, process: Process) -> Self {
        Self {
            crew,
            process,
            pending: VecDeque::new(),
            out: VecDeque::new(),
            written: 0,
            line: Vec::new(),
            words: Tail::default(),
            stderr_open: true,
            deaf_since: None,
        }
    }

    fn take(&mut self, order: Order) {
        self.pending.push_back(Pending {
            id: order.id,
            sent: None,
            deadline: order.due + self.crew.spec.timeout,
            answer: order.answer,
        });
        self.out.push_back(order.line);
    }

    async fn serve(&mut self, orders: &mut mpsc::Receiver<Order>) -> Stop {
        let mut read = vec![0; READ_BYTES];
        let mut words = vec![0; 4096];
        loop {
            let deadline = self.next_deadline();
            let has_room = self.pending.len() < self.crew.spec.in_flight && self.deaf_since.is_none();
            let chunk = self.out.front().map_or(&[][..], Vec::as_slice);
            let chunk = chunk.get(self.written..).unwrap_or_default();
            let (stdin, stdout, stderr) = (
                &mut self.process.stdin,
                &mut self.process.stdout,
                &mut self.process.stderr,
            );
            let write = async {
                match stdin {
                    Some(stdin) => (Instant::now(), stdin.write(chunk).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // First: a program that never stops writing must not keep its time from running out.
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return if self.is_out_of_time() { Stop::OutOfTime } else { Stop::Deaf };
                }
                got = stdout.read(&mut read) => match got {
                    Ok(0) | Err(_) => return Stop::Ended,
                    Ok(count) => {
                        let piece = read.get(..count).unwrap_or_default();
                        if let Err(stop) = self.read(piece) {
                            return stop;
                        }
                    }
                },
                got = stderr.read(&mut words), if self.stderr_open => match got {
                    Ok(0) | Err(_) => self.stderr_open = false,
                    Ok(count) => self.words.push(words.get(..count).unwrap_or_default()),
                },
                (began, wrote) = write, if !chunk.is_empty() => self.wrote(began, &wrote),
                order = orders.recv(), if has_room => match order {
                    Some(order) => self.take(order),
                    None => return Stop::NoMoreOrders,
                },
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deaf = self.deaf_since.map(|since| since + DEAF_GRACE);
        let timed = self.pending.iter().map(|pending| pending.deadline).min();
        [deaf, timed].into_iter().flatten().min()
    }

    fn is_out_of_time(&self) -> bool {
        let now = Instant::now();
        self.pending.iter().any(|pending| pending.deadline <= now)
    }

    fn wrote(&mut self, began: Instant, wrote: &std::io::Result<usize>) {
        let &Ok(count @ 1..) = wrote else {
            // It no longer reads. What it answers to earlier requests is still awaited for a moment.
            self.process.stdin = None;
            self.deaf_since = Some(Instant::now());
            return;
        };
        if self.written == 0 {
            let unsent = self.pending.iter_mut().find(|pending| pending.sent.is_none());
            if let Some(pending) = unsent {
                pending.sent = Some(began);
            }
        }
        self.written += count;
        if self.out.front().is_some_and(|line| self.written >= line.len()) {
            self.out.pop_front();
            self.written = 0;
        }
    }

    /// Takes what was read: whole lines are answers, the rest waits for its line feed.
    fn read(&mut self, mut piece: &[u8]) -> Result<(), Stop> {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            let (before, after) = piece.split_at(end);
            if self.line.len() + before.len() > LINE_BYTES_MAX {
                return Err(Stop::TooLong);
            }
            self.line.extend_from_slice(before);
            let line = std::mem::take(&mut self.line);
            self.answer(&line)?;
            piece = after.get(1..).unwrap_or_default();
        }
        if self.line.len() + piece.len() > LINE_BYTES_MAX {
            return Err(Stop::TooLong);
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn answer(&mut self, line: &[u8]) -> Result<(), Stop> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let excerpt = || clean(&line[..line.len().min(1000)], &self.crew.spec.env);
        let object: Map<String, Value> = match serde_json::from_slice(line) {
            Ok(Value::Object(object)) => object,
            Ok(_) => {
                return Err(Stop::Garbage(format!(
                    "a line that is no JSON object: `{}`",
                    excerpt()
                )));
            }
            Err(error) => {
                return Err(Stop::Garbage(format!(
                    "a line that is not JSON ({error}): `{}`",
                    excerpt()
                )));
            }
        };
        let place = match object.get("id") {
            None | Some(Value::Null) => Some(0),
            Some(id) => {
                let number = id.as_u64().or_else(|| id.as_str()?.parse().ok());
                self.pending.iter().position(|pending| Some(pending.id) == number)
            }
        };
        // An answer is an answer to something that was sent.
        let found = place.filter(|&place| self.pending.get(place).is_some_and(|one| one.sent.is_some()));
        let Some(pending) = found.and_then(|place| self.pending.remove(place)) else {
            return Err(Stop::Garbage(format!(
                "an answer that nothing had asked for: `{}`",
                excerpt()
            )));
        };
        self.crew.answered();
        let end = Instant::now();
        let reply = Reply {
            object,
            sent: pending.sent.unwrap_or(end),
            end,
        };
        // Nobody may be waiting any more: then the answer is dropped, and the order of the rest is kept.
        let _ = pending.answer.send(Ok(reply));
        Ok(())
    }

    /// Ends the process and tells every request that it had what happened; the same in short for those to come.
    async fn bury(mut self, stop: Stop) -> String {
        self.process.stdin = None;
        let ended_by_itself = matches!(stop, Stop::Ended) && self.process.has_ended().await;
        let status = self.process.kill().await.ok().filter(|_| ended_by_itself);
        let _ = timeout(LAST_WORDS_GRACE, self.last_words()).await;
        let (kind, what) = self.describe(&stop, status);
        if !matches!(stop, Stop::OutOfTime) {
            self.crew.failures.fetch_add(1, Relaxed);
        }
        let words = self.words.shown(&self.crew.spec.env);
        let words = if words.is_empty() {
            String::new()
        } else {
            format!("; its last words: {words}")
        };
        let now = Instant::now();
        let mut is_first = true;
        for pending in std::mem::take(&mut self.pending) {
            let fault = match stop {
                Stop::OutOfTime if pending.deadline > now => {
                    let what = format!(
                        "was killed because another request took longer than {:?}",
                        self.crew.spec.timeout
                    );
                    self.crew.fault(CallErrorKind::Reset, pending.sent, &what)
                }
                // Whom the line was meant for is not known: the oldest takes it, the others lost their process.
                Stop::Garbage(_) | Stop::TooLong if !is_first => {
                    let what = format!("was killed because it wrote {what}");
                    self.crew.fault(CallErrorKind::Reset, pending.sent, &what)
                }
                Stop::Garbage(_) | Stop::TooLong => {
                    let hint = "; hint: write nothing but answers to standard output, and messages to standard error";
                    let what = format!("wrote {what}{words}{hint}");
                    self.crew.fault(kind, pending.sent, &what)
                }
                _ => self.crew.fault(kind, pending.sent, &format!("{what}{words}")),
            };
            is_first = false;
            let _ = pending.answer.send(Err(fault));
        }
        format!("it {what}{words}")
    }

    /// Class and words; `status` is how it ended, where it ended by itself.
    fn describe(&self, stop: &Stop, status: Option<ExitStatus>) -> (CallErrorKind, String) {
        match stop {
            Stop::NoMoreOrders | Stop::Ended => {
                let what = match status {
                    Some(status) => format!("ended before it answered ({status})"),
                    None => "closed its standard output before it answered".to_owned(),
                };
                (CallErrorKind::Reset, what)
            }
            Stop::Deaf => (
                CallErrorKind::Reset,
                "closed its standard input before it had read the request".to_owned(),
            ),
            Stop::OutOfTime => (
                CallErrorKind::Timeout,
                format!(
                    "gave no answer within {:?} and was killed; hint: raise the timeout, and flush standard output after \
                     each line",
                    self.crew.spec.timeout
                ),
            ),
            Stop::Garbage(what) => (CallErrorKind::InvalidAnswer, what.clone()),
            Stop::TooLong => (
                CallErrorKind::TooLarge,
                format!("a line of more than {LINE_BYTES_MAX} bytes"),
            ),
        }
    }

    async fn last_words(&mut self) {
        let mut buffer = vec![0; 4096];
        while self.stderr_open {
            match self.process.stderr.read(&mut buffer).await {
                Ok(0) | Err(_) => self.stderr_open = false,
                Ok(count) => self.words.push(buffer.get(..count).unwrap_or_default()),
            }
        }
    }
}
