//! The client's own floor: the same loops against a server of our own that knows when it really sent, at the load that was
//! just measured. Apart from the run, whose numbers it does not change: it is told beside them, so that everybody can see
//! how far this client, on this machine, at this load, is from the truth.

use crate::clock::{RunClock, nanoseconds};
use crate::events::AnswerForm;
use crate::gauge::TimeHistogram;
use crate::live::Live;
use crate::metrics::{MeasureOptions, Window, measure};
use crate::pace::Pace;
use crate::session::{RunError, RunPlan, run_plan};
use crate::target::{FixedRequests, RequestSource, Target};
use crate::timer::WakeTimer;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Most streams at once.
const STREAMS_MAX: usize = 2048;
/// Tokens of an answer.
const TOKENS: u32 = 24;
/// Bounds of the time between two tokens.
const GAP_MIN: Duration = Duration::from_millis(1);
/// See [`GAP_MIN`].
const GAP_MAX: Duration = Duration::from_millis(25);
/// Time to the first token.
const FIRST: Duration = Duration::from_millis(20);
/// Bytes of a request; it is always the same.
const REQUEST: &[u8] = b"POST /calibrate HTTP/1.1\r\nhost: calibrate\r\ncontent-length: 2\r\n\r\n{}";
const LISTENER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX);

/// What to calibrate at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationPlan {
    /// Streams at once, at least 1.
    pub streams: usize,
    /// Events per second over all streams.
    pub events_per_s: f64,
    /// Loops.
    pub workers: usize,
    /// Length of the calibration.
    pub length: Duration,
}

/// How far this client was from the truth, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Calibration {
    /// Streams at once.
    pub streams: usize,
    /// Events per second that were sent.
    pub events_per_s: f64,
    /// Answers.
    pub answers: u64,
    /// Median time to the first token: client's less server's.
    pub ttft_p50_ms: Option<f64>,
    /// The same at the 99th percentile.
    pub ttft_p99_ms: Option<f64>,
    /// Median gap: client's less server's.
    pub gap_p50_ms: Option<f64>,
    /// The same at the 99th percentile.
    pub gap_p99_ms: Option<f64>,
}

/// Measures the floor.
pub fn calibrate(plan: CalibrationPlan) -> Result<Calibration, RunError> {
    let streams = plan.streams.clamp(1, STREAMS_MAX);
    let gap = if plan.events_per_s > 0.0 {
        Duration::try_from_secs_f64(streams as f64 / plan.events_per_s).unwrap_or(GAP_MAX)
    } else {
        GAP_MAX
    };
    let gap = gap.clamp(GAP_MIN, GAP_MAX);
    let stop = Arc::new(AtomicBool::new(false));
    let mut server = MockServer::bind(gap)?;
    let address = server.address;
    let stop_server = Arc::clone(&stop);
    let serving = thread::Builder::new()
        .name("calibrate".to_owned())
        .spawn(move || {
            // What the server says is of no use after an error, and the client sees that it fails.
            let _ = server.run(&stop_server);
            server.truth
        })?;
    let result = ask(plan, streams, address);
    stop.store(true, Relaxed);
    let truth = serving.join().map_err(|_| RunError::Lost)?;
    let (recording, gauge) = result?;
    let window = Window::measured(&recording);
    let metrics = measure(&recording, window, &MeasureOptions::default());
    let mut first = TimeHistogram::default();
    for request in recording.requests() {
        if let (Some(sent), Some(token)) = (request.sent_ns, request.first_token_ns) {
            first.add_ns(token.saturating_sub(sent));
        }
    }
    let apart = |seen: &TimeHistogram, true_one: &TimeHistogram, q: f64| {
        Some(seen.quantile_ms(q)? - true_one.quantile_ms(q)?)
    };
    Ok(Calibration {
        streams,
        events_per_s: gauge.gaps.len() as f64 / window.seconds().max(1e-9),
        answers: metrics.requests.ok,
        ttft_p50_ms: apart(&first, &truth.first, 0.5),
        ttft_p99_ms: apart(&first, &truth.first, 0.99),
        gap_p50_ms: apart(&gauge.gaps, &truth.gaps, 0.5),
        gap_p99_ms: apart(&gauge.gaps, &truth.gaps, 0.99),
    })
}

fn ask(
    plan: CalibrationPlan,
    streams: usize,
    address: SocketAddr,
) -> Result<(crate::Recording, crate::Gauge), RunError> {
    let workers = plan.workers.clamp(1, streams);
    let spread_ns = nanoseconds(plan.length / 4);
    let start_ns = |user: usize| spread_ns * user as u64 / streams as u64;
    let paces = (0..workers)
        .map(|worker| Pace::Closed {
            starts_ns: (worker..streams).step_by(workers).map(start_ns).collect(),
        })
        .collect();
    let run = RunPlan {
        target: Target {
            addresses: vec![address],
            tls: None,
            form: AnswerForm::Chat,
            timeout: Duration::from_secs(10),
            is_cold: false,
        },
        paces,
        warm_up: Duration::ZERO,
        duration: Some(plan.length),
        drain: Duration::from_secs(2),
    };
    let source: Arc<dyn RequestSource> = Arc::new(FixedRequests::new(vec![Arc::from(REQUEST)]));
    let live = Arc::new(Live::new(workers, streams as u64, u64::MAX));
    let result = run_plan(run, &source, &live, RunClock::start())?;
    Ok((result.recording, result.gauge))
}

/// What the server really did.
#[derive(Debug, Default)]
struct Truth {
    /// From a request read to its first token written.
    first: TimeHistogram,
    /// Between writes of tokens.
    gaps: TimeHistogram,
}

/// A server that sends tokens on time and says when it did.
struct MockServer {
    address: SocketAddr,
    listener: TcpListener,
    poll: Poll,
    alarm: WakeTimer,
    clock: RunClock,
    gap_ns: u64,
    conns: Vec<Option<MockConn>>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    truth: Truth,
}

struct MockConn {
    tcp: TcpStream,
    /// Bytes of the request that came.
    came: usize,
    read_ns: u64,
    last_ns: u64,
    sent: u32,
}

impl MockServer {
    fn bind(gap: Duration) -> io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let alarm = WakeTimer::register(&poll, ALARM)?;
        Ok(Self {
            address,
            listener,
            poll,
            alarm,
            clock: RunClock::start(),
            gap_ns: nanoseconds(gap),
            conns: Vec::new(),
            due: BinaryHeap::new(),
            truth: Truth::default(),
        })
    }

    fn run(&mut self, stop: &AtomicBool) -> io::Result<()> {
        const LOOK: Duration = Duration::from_millis(20);
        let mut events = Events::with_capacity(256);
        while !stop.load(Relaxed) {
            let now_ns = self.clock.now_ns();
            while let Some(Reverse((due_ns, index))) = self.due.peek().copied() {
                if due_ns > now_ns {
                    break;
                }
                self.due.pop();
                self.send(index, due_ns);
            }
            let mut timeout = LOOK;
            if let Some(Reverse((due_ns, _))) = self.due.peek() {
                let after = Duration::from_nanos(due_ns.saturating_sub(self.clock.now_ns()));
                timeout = self.alarm.arm(after).map_or(LOOK, |after| after.min(LOOK));
            }
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    ALARM => {}
                    Token(index) => self.read(index),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while self.conns.len() < STREAMS_MAX {
            let mut tcp = match self.listener.accept() {
                Ok((tcp, _)) => tcp,
                Err(_) => break,
            };
            let _ = tcp.set_nodelay(true);
            let token = Token(self.conns.len());
            self.poll
                .registry()
                .register(&mut tcp, token, Interest::READABLE)?;
            self.conns.push(Some(MockConn {
                tcp,
                came: 0,
                read_ns: 0,
                last_ns: 0,
                sent: 0,
            }));
            // It may have sent its request before it was looked at.
            self.read(token.0);
        }
        Ok(())
    }

    fn read(&mut self, index: usize) {
        let mut buffer = [0_u8; 1024];
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        loop {
            match conn.tcp.read(&mut buffer) {
                Ok(len @ 1..) => conn.came += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    if let Some(conn) = self.conns.get_mut(index) {
                        *conn = None;
                    }
                    return;
                }
            }
        }
        if conn.came >= REQUEST.len() {
            conn.came -= REQUEST.len();
            conn.read_ns = self.clock.now_ns();
            conn.sent = 0;
            self.due.push(Reverse((conn.read_ns + nanoseconds(FIRST), index)));
        }
    }

    fn send(&mut self, index: usize, due_ns: u64) {
        let Some(conn) = self.conns.get_mut(index).and_then(Option::as_mut) else {
            return;
        };
        let mut text: &str = EVENT;
        let (first, last);
        if conn.sent == 0 {
            first = [HEAD, EVENT].concat();
            text = &first;
        } else if conn.sent + 1 == TOKENS {
            last = [EVENT, END].concat();
            text = &last;
        }
        // A full buffer is for a client that does not read, which is none of ours.
        if conn.tcp.write_all(text.as_bytes()).is_err() {
            if let Some(conn) = self.conns.get_mut(index) {
                *conn = None;
            }
            return;
        }
        let now_ns = self.clock.now_ns();
        if conn.sent == 0 {
            self.truth.first.add_ns(now_ns.saturating_sub(conn.read_ns));
        } else {
            self.truth.gaps.add_ns(now_ns.saturating_sub(conn.last_ns));
        }
        conn.last_ns = now_ns;
        conn.sent += 1;
        if conn.sent < TOKENS {
            self.due.push(Reverse((due_ns + self.gap_ns, index)));
        }
    }
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
/// A chunk with one event.
const EVENT: &str =
    "42\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" ship ahoy\"}}]}\n\n\r\n";
const END: &str = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the floor that is printed beside results: the server's events are whole, all of them are counted by both
    /// sides, and the client sees nothing before it was sent.
    #[test]
    fn both_sides_count_the_same() {
        let (length, rest) = EVENT.split_once("\r\n").unwrap();
        assert_eq!(
            usize::from_str_radix(length, 16).unwrap(),
            rest.len() - 2,
            "the length of a chunk"
        );
        let found = calibrate(CalibrationPlan {
            streams: 4,
            events_per_s: 2000.0,
            workers: 1,
            length: Duration::from_millis(300),
        })
        .unwrap();
        assert_eq!(found.streams, 4);
        assert!(found.answers >= 4, "{found:?}");
        assert!(found.ttft_p50_ms.unwrap() > -1.0, "{found:?}");
        assert!(found.gap_p50_ms.is_some());
    }
}
