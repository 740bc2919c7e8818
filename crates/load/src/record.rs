//! What happened, request by request, as plain numbers. Apart because it is the border between the loop that measures and
//! everything that is computed from it: the loop writes these, the metrics read them, and neither knows the other.
//!
//! All moments are nanoseconds on one clock whose zero is the start of the run.

use seatrial_types::CallErrorKind;

/// One step of a [`GapLog`], in nanoseconds.
pub const GAP_STEP_NS: u64 = 100;
/// Gaps of one piece of a [`GapLog`].
const PIECE_GAPS: usize = 1 << 16;

/// Which part of the run a request belongs to, by the moment at which it was intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before measurement; load like any other, but in no metric.
    WarmUp,
    /// Measured.
    Measured,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer.
    Ok,
    /// No whole answer, for this reason.
    Failed(CallErrorKind),
    /// The run ended first: a failure where the drain ran out, neither that nor a success where somebody ended the run
    /// ([`Recording::is_abandoned`]).
    CutOff,
}

/// One request, from intended to ended.
///
/// `intended ≤ due ≤ sent ≤ first_byte ≤ first_event ≤ first_token ≤ last_token ≤ end`, where they exist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestRecord {
    /// Part of the run.
    pub phase: Phase,
    /// Ended how.
    pub outcome: Outcome,
    /// HTTP status; 0 where none came.
    pub status: u16,
    /// Which loop did it: index into [`Recording::workers`].
    pub worker: u16,
    /// When it was to be sent. Open loop: drawn before the run. Closed loop: when the answer before it ended.
    pub intended_ns: u64,
    /// When nothing but this client kept it from being sent: intended, or later where a cap on connections held it back.
    pub due_ns: u64,
    /// Just before its first byte was given to the kernel; `None` where it never was.
    pub sent_ns: Option<u64>,
    /// How long that took: the true moment of sending is at most this much after `sent_ns`.
    pub write_ns: u64,
    /// Name and TCP, where a connection was made for it.
    pub connect_ns: Option<u64>,
    /// TLS, where a connection was made for it.
    pub tls_ns: Option<u64>,
    /// First byte of the answer.
    pub first_byte_ns: Option<u64>,
    /// First event of the stream, of any kind.
    pub first_event_ns: Option<u64>,
    /// First event with tokens, reasoning included.
    pub first_token_ns: Option<u64>,
    /// First event with tokens that are not reasoning.
    pub first_answer_token_ns: Option<u64>,
    /// Last event with tokens.
    pub last_token_ns: Option<u64>,
    /// Last byte of the answer, or when it was given up.
    pub end_ns: u64,
    /// How long what made the first token may have waited in this client before it was stamped; an upper bound.
    pub first_token_lag_ns: u64,
    /// The same for the last token, or the last byte where there are no token events.
    pub last_token_lag_ns: u64,
    /// Events with tokens.
    pub events: u32,
    /// Input tokens as the server told.
    pub tokens_in: Option<u64>,
    /// Output tokens as the server told, reasoning included.
    pub tokens_out: Option<u64>,
    /// Bytes of text in events with tokens, as JSON carries it.
    pub text_bytes: u64,
    /// Whether the connection had carried a request before.
    pub is_reused: bool,
    /// Whether its connection was made before it was due, so that it did not wait for that.
    pub is_ahead: bool,
    /// Whether a cap on connections held it back.
    pub is_capped: bool,
    /// Whether the answer came as a stream of events.
    pub is_stream: bool,
    /// Its gaps; `None` where the log was full.
    pub gaps: Option<GapSpan>,
    /// Which prompt it sent: index into the workload.
    pub prompt: u32,
    /// Which turn of a conversation it is, from 0; 0 for a request that stands alone.
    pub turn: u16,
    /// Number of its conversation, or 0; beyond the largest number they begin again.
    pub conversation: u32,
    /// Input tokens that the server says it took from its cache.
    pub tokens_cached: Option<u32>,
    /// Output tokens that a tokenizer found in its text, after the run.
    pub tokens_counted: Option<u32>,
}

impl RequestRecord {
    /// How long it waited for its connection.
    #[must_use]
    pub fn connecting_ns(&self) -> u64 {
        if self.is_ahead {
            return 0;
        }
        self.connect_ns.unwrap_or(0) + self.tls_ns.unwrap_or(0)
    }

    /// How long this client itself kept it from being sent, connecting not counted: from due to given to the kernel.
    #[must_use]
    pub fn own_delay_ns(&self) -> u64 {
        self.sent_ns
            .unwrap_or(self.due_ns)
            .saturating_sub(self.due_ns)
            .saturating_sub(self.connecting_ns())
            .saturating_add(self.write_ns)
    }
}

impl Default for RequestRecord {
    /// A request of measurement at moment 0 that was cut off before it was sent.
    fn default() -> Self {
        Self {
            phase: Phase::Measured,
            outcome: Outcome::CutOff,
            status: 0,
            worker: 0,
            intended_ns: 0,
            due_ns: 0,
            sent_ns: None,
            write_ns: 0,
            connect_ns: None,
            tls_ns: None,
            first_byte_ns: None,
            first_event_ns: None,
            first_token_ns: None,
            first_answer_token_ns: None,
            last_token_ns: None,
            end_ns: 0,
            first_token_lag_ns: 0,
            last_token_lag_ns: 0,
            events: 0,
            tokens_in: None,
            tokens_out: None,
            text_bytes: 0,
            is_reused: false,
            is_ahead: false,
            is_capped: false,
            is_stream: false,
            gaps: None,
            prompt: 0,
            turn: 0,
            conversation: 0,
            tokens_cached: None,
            tokens_counted: None,
        }
    }
}

/// Where in a [`GapLog`] the gaps of a request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapSpan {
    start: u64,
    len: u32,
}

impl GapSpan {
    /// Number of gaps: events with tokens, less one.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Times between successive events with tokens, four bytes each: in steps of 0.1 µs, at most 429 s.
///
/// In pieces, because growing one block of this size would stop the loop while it is copied.
#[derive(Debug, Clone, Default)]
pub struct GapLog {
    pieces: Vec<Vec<u32>>,
    len: u64,
    gaps_max: u64,
}

impl GapLog {
    /// An empty log for at most `gaps_max` gaps.
    #[must_use]
    pub const fn with_limit(gaps_max: u64) -> Self {
        Self {
            pieces: Vec::new(),
            len: 0,
            gaps_max,
        }
    }

    /// A gap in steps of the log; the longest possible one where it is longer.
    #[must_use]
    pub fn steps(gap_ns: u64) -> u32 {
        u32::try_from(gap_ns.saturating_add(GAP_STEP_NS / 2) / GAP_STEP_NS).unwrap_or(u32::MAX)
    }

    /// Puts the gaps of one request (in steps) at the end; `None`, and nothing is put, where they would pass the limit.
    pub fn push(&mut self, steps: &[u32]) -> Option<GapSpan> {
        let len = u32::try_from(steps.len()).ok()?;
        if self.len + u64::from(len) > self.gaps_max {
            return None;
        }
        let span = GapSpan { start: self.len, len };
        let mut rest = steps;
        while !rest.is_empty() {
            if self.pieces.last().is_none_or(|piece| piece.len() == PIECE_GAPS) {
                self.pieces.push(Vec::with_capacity(PIECE_GAPS));
            }
            let Some(piece) = self.pieces.last_mut() else {
                break;
            };
            let (now, later) = rest.split_at(rest.len().min(PIECE_GAPS - piece.len()));
            piece.extend_from_slice(now);
            rest = later;
        }
        self.len += u64::from(len);
        Some(span)
    }

    /// The gaps of a request in nanoseconds, in order.
    pub fn gaps_ns(&self, span: GapSpan) -> impl Iterator<Item = u64> {
        let start = usize::try_from(span.start).unwrap_or(usize::MAX);
        (start..start.saturating_add(span.len())).map_while(|at| {
            let steps = *self.pieces.get(at / PIECE_GAPS)?.get(at % PIECE_GAPS)?;
            Some(u64::from(steps) * GAP_STEP_NS)
        })
    }

    /// Gaps in it.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What one loop recorded.
#[derive(Debug, Clone, Default)]
pub struct WorkerRecording {
    /// Requests in the order in which they ended.
    pub requests: Vec<RequestRecord>,
    /// Their gaps.
    pub gaps: GapLog,
}

/// What a run recorded.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// One for each loop.
    pub workers: Vec<WorkerRecording>,
    /// When measurement began.
    pub measured_from_ns: u64,
    /// When nothing more was started, and what was under way was waited for; where a number of requests was asked for, when
    /// the last of them ended.
    pub measured_to_ns: u64,
    /// When the last request ended.
    pub ended_ns: u64,
    /// Whether somebody ended the run at once; otherwise what was cut off had the whole drain to end in.
    pub is_abandoned: bool,
    /// Requests that were due in measurement and never sent.
    pub unsent: u64,
}

impl Recording {
    /// Whether a request failed, for shares of failures; `None` where it was cut off because somebody ended the run.
    #[must_use]
    pub const fn has_failed(&self, request: &RequestRecord) -> Option<bool> {
        match request.outcome {
            Outcome::Ok => Some(false),
            Outcome::Failed(_) => Some(true),
            Outcome::CutOff if self.is_abandoned => None,
            Outcome::CutOff => Some(true),
        }
    }

    /// All requests, loop by loop.
    pub fn requests(&self) -> impl Iterator<Item = &RequestRecord> {
        self.workers.iter().flat_map(|worker| &worker.requests)
    }

    /// The gaps of one of its requests in nanoseconds; nothing where they were not kept.
    pub fn gaps_ns(&self, request: &RequestRecord) -> impl Iterator<Item = u64> {
        let log = self
            .workers
            .get(usize::from(request.worker))
            .map(|worker| &worker.gaps);
        log.zip(request.gaps)
            .into_iter()
            .flat_map(|(log, span)| log.gaps_ns(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects every gap metric: what goes in comes out, across the borders of pieces, for each request apart.
        #[test]
        fn gaps_come_back(lengths in proptest::collection::vec(0_usize..70_000, 1..8)) {
            let mut log = GapLog::with_limit(u64::MAX);
            let mut spans = Vec::new();
            let mut next = 0_u32;
            for len in lengths {
                let steps: Vec<u32> = (0..len).map(|_| { next = next.wrapping_mul(31).wrapping_add(7); next }).collect();
                spans.push((log.push(&steps).unwrap(), steps));
            }
            for (span, steps) in spans {
                let back: Vec<u64> = log.gaps_ns(span).collect();
                let expected: Vec<u64> = steps.iter().map(|&s| u64::from(s) * GAP_STEP_NS).collect();
                prop_assert_eq!(back, expected);
            }
        }
    }

    /// Protects the bound on memory: a full log refuses whole requests and keeps what it has.
    #[test]
    fn a_full_log_refuses() {
        let mut log = GapLog::with_limit(3);
        let kept = log.push(&[1, 2]).unwrap();
        assert!(log.push(&[3, 4]).is_none());
        assert_eq!(log.len(), 2);
        assert_eq!(log.gaps_ns(kept).collect::<Vec<_>>(), [100, 200]);
        assert_eq!(GapLog::steps(149), 1);
        assert_eq!(GapLog::steps(u64::MAX), u32::MAX);
    }

    /// Protects the promise of 10 million gaps in 64 MiB.
    #[test]
    fn ten_million_gaps_fit() {
        let mut log = GapLog::with_limit(10_000_000);
        for _ in 0..10_000 {
            log.push(&[7; 1000]).unwrap();
        }
        let bytes: usize = log.pieces.iter().map(|piece| piece.capacity() * 4).sum();
        assert!(bytes <= 64 << 20, "{bytes}");
    }
}
