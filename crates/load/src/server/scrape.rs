//! Asking a server for its numbers while a load runs. On a thread of its own with a connection for each reading, so that
//! nothing of it touches the loops, and blocking, because there is nothing else to do while it waits.

use super::figure::{ServerFigure, ServerSeries};
use super::known::ServerKind;
use super::window::Window;
use crate::clock::{RunClock, nanoseconds};
use crate::fault::Fault;
use crate::http1::{AnswerParser, Encoding, Head, Sink};
use crate::target::TlsTarget;
use rustls::{ClientConnection, StreamOwned};
use seatrial_types::CallErrorKind;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most bytes of one reading.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Time for one reading, connecting included.
const READING_TIME_MAX: Duration = Duration::from_secs(5);
/// Readings stop after so many in a row that failed: what is not there will not come.
const FAILED_IN_A_ROW_MAX: u64 = 20;

/// What to read, and when.
#[derive(Debug)]
pub struct ServerPlan {
    /// Addresses of the host, tried in order.
    pub addresses: Vec<SocketAddr>,
    /// `None` speaks plain HTTP.
    pub tls: Option<TlsTarget>,
    /// The request in bytes; the connection is closed after its answer.
    pub request: Vec<u8>,
    /// Time from one reading to the next.
    pub every: Duration,
    /// When measurement begins: the first reading.
    pub from_ns: u64,
    /// When it ends: the last one; `None` where that is known only when it is over.
    pub to_ns: Option<u64>,
    /// Numbers that are asked for by the server's own names, besides those with plain words.
    pub asked: Vec<ServerSeries>,
}

/// What a server said of itself over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerAccount {
    /// Which server it is, where its numbers are known.
    pub kind: Option<ServerKind>,
    /// First and last good reading, nanoseconds since the start of the run.
    pub span_ns: Option<(u64, u64)>,
    /// Good readings.
    pub readings: u64,
    /// Readings that failed.
    pub failed: u64,
    /// Why the first of them did, to be read behind the address. Holds text of the server.
    pub first_problem: Option<String>,
    /// What was asked for by name and never came.
    pub missing: Vec<String>,
    /// Its numbers.
    pub figures: Vec<ServerFigure>,
}

/// Readings under way.
#[derive(Debug)]
pub struct ServerReader {
    stop: SyncSender<()>,
    thread: JoinHandle<ServerAccount>,
}

impl ServerReader {
    /// Begins to read.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(plan: ServerPlan, clock: RunClock) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("server-metrics".to_owned())
            .spawn(move || Readings::new(plan, clock).run(&stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends the readings, with a last one where measurement ended only now; waits for at most one reading.
    #[must_use]
    pub fn finish(self) -> Option<ServerAccount> {
        // The thread may have ended by itself, which is just as well.
        let _ = self.stop.try_send(());
        self.thread.join().ok()
    }
}

struct Readings {
    plan: ServerPlan,
    clock: RunClock,
    window: Window,
    good: u64,
    failed: u64,
    failed_in_a_row: u64,
    first_problem: Option<String>,
}

impl Readings {
    fn new(mut plan: ServerPlan, clock: RunClock) -> Self {
        let asked = std::mem::take(&mut plan.asked);
        Self {
            window: Window::new(asked),
            plan,
            clock,
            good: 0,
            failed: 0,
            failed_in_a_row: 0,
            first_problem: None,
        }
    }

    fn run(mut self, stopped: &Receiver<()>) -> ServerAccount {
        let every_ns = nanoseconds(self.plan.every).max(1);
        let to_ns = self.plan.to_ns.unwrap_or(u64::MAX);
        let mut due_ns = self.plan.from_ns;
        loop {
            let wait = Duration::from_nanos(due_ns.saturating_sub(self.clock.now_ns()));
            match stopped.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    // Measurement ended before it was to, or only now does one know that it has.
                    if self.clock.now_ns() >= self.plan.from_ns {
                        self.read();
                    }
                    break;
                }
            }
            self.read();
            if due_ns >= to_ns || self.failed_in_a_row >= FAILED_IN_A_ROW_MAX {
                break;
            }
            // A reading that took long leaves out those that it overlapped.
            let next_ns = due_ns + every_ns * (self.clock.now_ns().saturating_sub(due_ns) / every_ns + 1);
            due_ns = next_ns.min(to_ns);
        }
        ServerAccount {
            kind: self.window.kind(),
            span_ns: self.window.span_ns(),
            readings: self.good,
            failed: self.failed,
            first_problem: self.first_problem,
            missing: self.window.missing(),
            figures: self.window.figures(),
        }
    }

    fn read(&mut self) {
        let before_ns = self.clock.now_ns();
        let taken = self.fetch().and_then(|body| {
            // The server told its numbers somewhen between being asked and having answered.
            let at_ns = before_ns.midpoint(self.clock.now_ns());
            self.window.push(at_ns, &String::from_utf8_lossy(&body))
        });
        match taken {
            Ok(()) => {
                self.good += 1;
                self.failed_in_a_row = 0;
            }
            Err(problem) => {
                self.failed += 1;
                self.failed_in_a_row += 1;
                self.first_problem.get_or_insert(problem);
            }
        }
    }

    fn fetch(&self) -> Result<Vec<u8>, String> {
        let until = Instant::now() + READING_TIME_MAX;
        let mut last = "has no address".to_owned();
        for address in &self.plan.addresses {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(address, left) {
                Ok(tcp) => return self.ask(tcp, until).map_err(|fault| fault.problem),
                Err(error) => last = format!("cannot be reached: {error}"),
            }
        }
        Err(last)
    }

    fn ask(&self, tcp: TcpStream, until: Instant) -> Result<Vec<u8>, Fault> {
        match &self.plan.tls {
            None => exchange(Timed { tcp, until }, &self.plan.request),
            Some(tls) => {
                let session = ClientConnection::new(tls.config.clone(), tls.name.clone())
                    .map_err(|error| Fault::new(CallErrorKind::Tls, error.to_string()))?;
                let stream = StreamOwned::new(session, Timed { tcp, until });
                exchange(stream, &self.plan.request)
            }
        }
    }
}

/// A connection that is given up at a moment, however slowly bytes drip.
struct Timed {
    tcp: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(self.left()?)?;
        self.tcp.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(self.left()?)?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Asks, and reads the whole answer.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Result<Vec<u8>, Fault> {
    let broken = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Fault::new(
            CallErrorKind::Timeout,
            format!("did not answer within {READING_TIME_MAX:?}"),
        ),
        _ => Fault::new(CallErrorKind::Reset, format!("broke the connection: {error}")),
    };
    stream.write_all(request).map_err(broken)?;
    stream.flush().map_err(broken)?;
    let mut parser = AnswerParser::new();
    let mut page = Page::default();
    let mut buffer = vec![0; 64 << 10];
    while !parser.is_done() {
        let len = match stream.read(&mut buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // TLS without a word of farewell: what ended is told by HTTP.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(broken(error)),
        };
        if len == 0 {
            if parser.end_of_input() {
                break;
            }
            return Err(Fault::new(
                CallErrorKind::Truncated,
                "hung up before its answer was complete",
            ));
        }
        parser.feed(buffer.get(..len).unwrap_or_default(), &mut page)?;
    }
    if (200..300).contains(&page.status) {
        return Ok(page.body);
    }
    Err(Fault::new(
        CallErrorKind::Server,
        format!("answered with status {}, expected 200", page.status),
    ))
}

#[derive(Default)]
struct Page {
    status: u16,
    body: Vec<u8>,
}

impl Sink for Page {
    fn head(&mut self, head: Head) -> Result<(), Fault> {
        self.status = head.status;
        if head.encoding == Encoding::Identity {
            return Ok(());
        }
        Err(Fault::new(
            CallErrorKind::InvalidAnswer,
            "sent its numbers compressed, which nobody asked for",
        ))
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.body.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(Fault::new(
                CallErrorKind::TooLarge,
                format!("sent more than {BODY_BYTES_MAX} bytes"),
            ));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }
}
