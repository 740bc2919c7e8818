//! One connection: TCP, TLS where it is spoken, and the request under way on it. Apart from the loop, which decides when
//! something is sent; here it is sent and read.

use crate::ahead::Ahead;
use crate::answer::{AnswerReader, Progress};
use crate::fault::Fault;
use crate::gauge::Gauge;
use crate::record::{Outcome, Phase, RequestRecord};
use crate::talks::TurnAt;
use crate::target::{Target, TlsTarget};
use crate::turn::Turns;
use mio::net::TcpStream;
use rustls::ClientConnection;
use seatrial_types::CallErrorKind;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// A request that was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) phase: Phase,
    pub(crate) prompt: u32,
    pub(crate) intended_ns: u64,
    pub(crate) due_ns: u64,
    pub(crate) deadline_ns: u64,
    pub(crate) is_capped: bool,
    /// Which turn it is, where it is one of a conversation.
    pub(crate) at: Option<TurnAt>,
    sent_ns: Option<u64>,
    write_ns: u64,
    is_reused: bool,
}

impl Pending {
    pub(crate) const fn new(phase: Phase, intended_ns: u64, due_ns: u64, deadline_ns: u64) -> Self {
        Self {
            phase,
            prompt: 0,
            intended_ns,
            due_ns,
            deadline_ns,
            is_capped: false,
            at: None,
            sent_ns: None,
            write_ns: 0,
            is_reused: false,
        }
    }

    /// The record of a request that no connection could be made for.
    pub(crate) fn unsent(&self, outcome: Outcome, worker: u16, now_ns: u64) -> RequestRecord {
        RequestRecord {
            phase: self.phase,
            outcome,
            worker,
            intended_ns: self.intended_ns,
            due_ns: self.due_ns,
            sent_ns: self.sent_ns,
            write_ns: self.write_ns,
            end_ns: now_ns,
            is_reused: self.is_reused,
            is_capped: self.is_capped,
            prompt: self.prompt,
            turn: self.at.map_or(0, |at| at.turn),
            conversation: self.at.map_or(0, |at| {
                u32::try_from(at.number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
            }),
            ..RequestRecord::default()
        }
    }
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    ShakingHands,
    Open,
}

/// What came of a turn on a connection.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing that ends a request.
    Going,
    /// The request under way ended.
    Ended(Result<(), Fault>),
    /// The server closed a connection that carried no request.
    Closed,
}

/// A connection.
pub(crate) struct Conn {
    pub(crate) tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    stage: Stage,
    reader: AnswerReader,
    pub(crate) pending: Option<Pending>,
    out: Vec<u8>,
    out_at: usize,
    started_ns: u64,
    connect_ns: u64,
    /// It stood before anything was due.
    is_ahead: bool,
    tls_ns: Option<u64>,
    requests: u64,
    is_spoiled: bool,
}

impl Conn {
    /// Begins to connect.
    pub(crate) fn connect(address: SocketAddr, target: &Target, now_ns: u64) -> Result<Self, Fault> {
        let tcp = TcpStream::connect(address).map_err(|error| connect_fault(&error))?;
        let tls = target
            .tls
            .as_ref()
            .map(|tls| new_tls(tls).map(Box::new))
            .transpose()?;
        Ok(Self::new(tcp, tls, target, now_ns))
    }

    /// Takes a connection that stands already; of plain HTTP, since TLS would still be to be agreed on.
    pub(crate) fn made(ahead: Ahead, target: &Target) -> Self {
        // As with those that are made for a request.
        let _ = ahead.tcp.set_nodelay(true);
        let mut conn = Self::new(ahead.tcp, None, target, 0);
        conn.stage = Stage::Open;
        conn.connect_ns = ahead.connect_ns;
        conn.is_ahead = true;
        conn
    }

    fn new(tcp: TcpStream, tls: Option<Box<ClientConnection>>, target: &Target, started_ns: u64) -> Self {
        Self {
            tcp,
            tls,
            stage: Stage::Connecting,
            reader: AnswerReader::new(target.form),
            pending: None,
            out: Vec::new(),
            out_at: 0,
            started_ns,
            connect_ns: 0,
            is_ahead: false,
            tls_ns: None,
            requests: 0,
            is_spoiled: false,
        }
    }

    /// The buffer that the next request is to be written into, empty.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        self.out.clear();
        self.out_at = 0;
        &mut self.out
    }

    /// Takes the request in the buffer; sends it where the connection stands already.
    pub(crate) fn begin(&mut self, pending: Pending, turns: &Turns) -> Step {
        self.reader.begin(pending.phase == Phase::Measured);
        self.pending = Some(Pending {
            is_reused: self.requests > 0,
            ..pending
        });
        self.requests += 1;
        if self.stage == Stage::Open {
            self.write(turns)
        } else {
            Step::Going
        }
    }

    /// Keeps the body of the answer to the request that was begun last.
    pub(crate) fn keep_body(&mut self) {
        self.reader.keep_body();
    }

    /// The body of a whole answer that was to be kept; `None` where it was too long.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.reader.body()
    }

    /// Keeps the texts of its answers.
    pub(crate) const fn keep_text(&mut self) {
        self.reader.keep_text(true);
    }

    /// The text of its last answer; see [`AnswerReader::text_json`].
    pub(crate) fn text_json(&self) -> Option<&[u8]> {
        self.reader.text_json()
    }

    /// Whether it can carry another request.
    pub(crate) fn is_reusable(&self) -> bool {
        self.stage == Stage::Open && !self.is_spoiled && self.reader.keeps_alive()
    }

    /// Whether a stream said that it is done but its body does not end, since this long.
    pub(crate) fn done_since(&self, now_ns: u64) -> Option<u64> {
        let is_waiting = self.pending.is_some() && self.reader.said_done();
        is_waiting.then(|| now_ns.saturating_sub(self.reader.marks().last_byte_ns))
    }

    /// The server, or the machine, has something: carries on as far as it goes.
    pub(crate) fn ready(
        &mut self,
        is_writable: bool,
        is_read_closed: bool,
        turns: &Turns,
        buffer: &mut [u8],
        gauge: &mut Gauge,
    ) -> Step {
        if self.stage == Stage::Connecting {
            match self.finish_connecting(turns) {
                Ok(true) => {}
                Ok(false) => return Step::Going,
                Err(fault) => return Step::Ended(Err(fault)),
            }
        }
        if self.stage == Stage::ShakingHands {
            match self.shake_hands(turns) {
                Ok(true) => return self.write(turns),
                Ok(false) => return Step::Going,
                Err(fault) => return Step::Ended(Err(fault)),
            }
        }
        if is_writable && self.has_outgoing() {
            let step = self.write(turns);
            if !matches!(step, Step::Going) {
                return step;
            }
        }
        if self.tls.is_some() {
            self.read_tls(turns, buffer, gauge)
        } else {
            self.read_plain(is_read_closed, turns, buffer, gauge)
        }
    }

    fn has_outgoing(&self) -> bool {
        self.out_at < self.out.len() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Whether the connection stands now.
    fn finish_connecting(&mut self, turns: &Turns) -> Result<bool, Fault> {
        if let Ok(Some(error)) | Err(error) = self.tcp.take_error() {
            return Err(connect_fault(&error));
        }
        match self.tcp.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(connect_fault(&error)),
        }
        // A request is one write: there is nothing that waiting for more could join it with.
        let _ = self.tcp.set_nodelay(true);
        self.connect_ns = turns.now_ns().saturating_sub(self.started_ns);
        self.stage = if self.tls.is_some() {
            Stage::ShakingHands
        } else {
            Stage::Open
        };
        if self.stage == Stage::Open {
            let Step::Ended(Err(fault)) = self.write(turns) else {
                return Ok(true);
            };
            return Err(fault);
        }
        Ok(true)
    }

    /// Whether TLS stands now.
    fn shake_hands(&mut self, turns: &Turns) -> Result<bool, Fault> {
        let Some(tls) = self.tls.as_mut() else {
            return Ok(true);
        };
        loop {
            while tls.wants_write() {
                match tls.write_tls(&mut self.tcp) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(Fault::new(CallErrorKind::Connect, error.to_string())),
                }
            }
            if !tls.is_handshaking() {
                self.stage = Stage::Open;
                self.tls_ns = Some(turns.now_ns().saturating_sub(self.started_ns + self.connect_ns));
                return Ok(true);
            }
            match tls.read_tls(&mut self.tcp) {
                Ok(0) => {
                    return Err(Fault::new(
                        CallErrorKind::Connect,
                        "the server closed the connection while TLS was agreed on",
                    ));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::new(CallErrorKind::Connect, error.to_string())),
            }
            tls.process_new_packets()
                .map_err(|error| Fault::new(CallErrorKind::Tls, error.to_string()))?;
        }
    }

    /// Sends what is to be sent.
    fn write(&mut self, turns: &Turns) -> Step {
        if self.pending.is_none() {
            return Step::Going;
        }
        let before_ns = turns.now_ns();
        let written = match self.tls.as_mut() {
            None => self.write_plain(),
            Some(_) => self.write_tls(),
        };
        if let Some(pending) = self.pending.as_mut()
            && pending.sent_ns.is_none()
            && matches!(written, Ok(true))
        {
            pending.sent_ns = Some(before_ns);
            pending.write_ns = turns.now_ns().saturating_sub(before_ns);
        }
        match written {
            Ok(_) => Step::Going,
            // The reason may be in an answer that the server sent before it closed; reading finds it.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.is_spoiled = true;
                Step::Going
            }
            Err(error) => Step::Ended(Err(Fault::new(CallErrorKind::Reset, error.to_string()))),
        }
    }

    /// Whether any byte went out.
    fn write_plain(&mut self) -> io::Result<bool> {
        let mut is_any = false;
        while let Some(rest) = self.out.get(self.out_at..).filter(|rest| !rest.is_empty()) {
            match self.tcp.write(rest) {
                Ok(0) => return Err(ErrorKind::BrokenPipe.into()),
                Ok(len) => {
                    self.out_at += len;
                    is_any = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(is_any)
    }

    fn write_tls(&mut self) -> io::Result<bool> {
        let Some(tls) = self.tls.as_mut() else {
            return Ok(false);
        };
        if let Some(rest) = self.out.get(self.out_at..).filter(|rest| !rest.is_empty()) {
            tls.writer().write_all(rest)?;
            self.out_at = self.out.len();
        }
        let mut is_any = false;
        while tls.wants_write() {
            match tls.write_tls(&mut self.tcp) {
                Ok(_) => is_any = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(is_any)
    }

    fn read_plain(
        &mut self,
        is_read_closed: bool,
        turns: &Turns,
        buffer: &mut [u8],
        gauge: &mut Gauge,
    ) -> Step {
        loop {
            let len = match self.tcp.read(buffer) {
                Ok(0) => return self.closed(),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Going,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.broken(&error),
            };
            let bytes = buffer.get(..len).unwrap_or_default();
            let step = self.take(bytes, turns, gauge);
            if !matches!(step, Step::Going) {
                self.is_spoiled |= is_read_closed;
                return step;
            }
            // A read that did not fill the buffer emptied the socket, and spares the read that would say so. Where the
            // server closed, the end is still to be read.
            if len < buffer.len() && !is_read_closed {
                return Step::Going;
            }
        }
    }

    fn read_tls(&mut self, turns: &Turns, buffer: &mut [u8], gauge: &mut Gauge) -> Step {
        loop {
            let Some(tls) = self.tls.as_mut() else {
                return Step::Going;
            };
            let is_end = match tls.read_tls(&mut self.tcp) {
                Ok(len) => len == 0,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Going,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return self.broken(&error),
            };
            if let Err(error) = tls.process_new_packets() {
                return Step::Ended(Err(Fault::new(CallErrorKind::Tls, error.to_string())));
            }
            loop {
                let Some(tls) = self.tls.as_mut() else {
                    return Step::Going;
                };
                let len = match tls.reader().read(buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(len) => len,
                };
                let bytes = buffer.get(..len).unwrap_or_default();
                let step = self.take(bytes, turns, gauge);
                if !matches!(step, Step::Going) {
                    return step;
                }
            }
            if is_end {
                return self.closed();
            }
        }
    }

    /// Takes bytes that were read just now.
    fn take(&mut self, bytes: &[u8], turns: &Turns, gauge: &mut Gauge) -> Step {
        let Some(pending) = &self.pending else {
            // Nobody asked for them.
            self.is_spoiled = true;
            return Step::Closed;
        };
        let stamp = turns.stamp();
        if pending.phase == Phase::Measured {
            gauge.read_lag.add_ns(stamp.lag_ns);
            gauge.reads += 1;
            gauge.backlog_bytes_max = gauge.backlog_bytes_max.max(bytes.len() as u64);
        }
        match self.reader.feed(bytes, stamp, gauge) {
            Ok(Progress::Open) => Step::Going,
            Ok(Progress::Whole(taken)) => {
                // What follows an answer unasked belongs to none; the answer itself is whole.
                self.is_spoiled |= taken < bytes.len();
                Step::Ended(Ok(()))
            }
            Err(fault) => {
                self.is_spoiled = true;
                Step::Ended(Err(fault))
            }
        }
    }

    fn closed(&mut self) -> Step {
        self.is_spoiled = true;
        if self.pending.is_none() {
            return Step::Closed;
        }
        Step::Ended(self.reader.end_of_input())
    }

    fn broken(&mut self, error: &io::Error) -> Step {
        self.is_spoiled = true;
        if self.pending.is_none() {
            return Step::Closed;
        }
        Step::Ended(Err(Fault::new(CallErrorKind::Reset, error.to_string())))
    }

    /// The request under way as a record without its gaps, and its gaps in steps of the log.
    pub(crate) fn end(
        &mut self,
        outcome: Outcome,
        worker: u16,
        now_ns: u64,
    ) -> Option<(RequestRecord, &[u32])> {
        let pending = self.pending.take()?;
        let marks = self.reader.marks();
        let (tokens_in, tokens_out) = self.reader.tokens();
        let is_first = !pending.is_reused;
        let end_ns = if outcome == Outcome::Ok {
            marks.last_byte_ns
        } else {
            now_ns
        };
        let record = RequestRecord {
            status: marks.status,
            connect_ns: (is_first && self.stage != Stage::Connecting).then_some(self.connect_ns),
            tls_ns: self.tls_ns.filter(|_| is_first),
            is_ahead: self.is_ahead && is_first,
            first_byte_ns: marks.first_byte_ns,
            first_event_ns: marks.first_event_ns,
            first_token_ns: marks.first_token_ns,
            first_answer_token_ns: marks.first_answer_token_ns,
            last_token_ns: marks.last_token_ns,
            first_token_lag_ns: marks.first_token_lag_ns,
            last_token_lag_ns: marks.last_token_lag_ns,
            events: marks.events,
            tokens_in,
            tokens_out,
            tokens_cached: self.reader.tokens_cached(),
            text_bytes: marks.text_bytes,
            is_stream: marks.is_stream,
            ..pending.unsent(outcome, worker, end_ns)
        };
        Some((record, &marks.gaps))
    }
}

fn new_tls(tls: &TlsTarget) -> Result<ClientConnection, Fault> {
    let mut connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone())
        .map_err(|error| Fault::new(CallErrorKind::Tls, error.to_string()))?;
    // Requests are bounded where they are made.
    connection.set_buffer_limit(None);
    Ok(connection)
}

fn connect_fault(error: &io::Error) -> Fault {
    Fault::new(CallErrorKind::Connect, error.to_string())
}
