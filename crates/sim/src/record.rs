//! What really happened, seen from the server: counters, a bounded log and its percentiles. Apart because it is the truth
//! that clients are checked against, and because it must cost next to nothing.

use crate::fault::Fault;
use crate::plan::Correctness;
use seatrial_types::ContentHash;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Conversations that are told apart for attempts and repeats; further ones count as first attempts.
const CONVERSATIONS_MAX: usize = 1 << 20;
/// Entries on one page of `/sim/log`.
pub(crate) const LOG_PAGE_MAX: usize = 10_000;

/// Counters and log of one simulated provider.
#[derive(Debug)]
pub(crate) struct Record {
    /// Zero of every `_ns` in the log.
    pub(crate) epoch: Instant,
    models: Vec<ModelCounters>,
    by_fault: [AtomicU64; Fault::ALL.len()],
    pub(crate) connections: AtomicU64,
    requests: AtomicU64,
    rejected: AtomicU64,
    aborted: AtomicU64,
    in_flight: AtomicU64,
    in_flight_max: AtomicU64,
    untracked: AtomicU64,
    seen: Mutex<HashMap<(u32, ContentHash), u32>>,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct ModelCounters {
    model: String,
    requests: AtomicU64,
    answered: AtomicU64,
    right: AtomicU64,
    wrong: AtomicU64,
    unknown: AtomicU64,
    distinct: AtomicU64,
    repeats: AtomicU64,
}

#[derive(Debug)]
struct Log {
    kept: VecDeque<Entry>,
    capacity: usize,
    next: u64,
    file: Option<BufWriter<File>>,
}

/// One finished request, as small as it can be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) persona: u32,
    pub(crate) attempt: u32,
    pub(crate) connection: u64,
    pub(crate) conversation: ContentHash,
    pub(crate) status: u16,
    pub(crate) is_stream: bool,
    pub(crate) is_complete: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) correctness: Correctness,
    pub(crate) output_tokens: u64,
    pub(crate) events: u32,
    pub(crate) received: Instant,
    pub(crate) first_byte: Option<Instant>,
    pub(crate) first_token: Option<Instant>,
    pub(crate) end: Instant,
}

impl Record {
    pub(crate) fn new<'a>(
        models: impl Iterator<Item = &'a str>,
        capacity: usize,
        file: Option<&Path>,
    ) -> io::Result<Self> {
        let file = file.map(File::create).transpose()?.map(BufWriter::new);
        let zero = || AtomicU64::new(0);
        let counters = |model: &str| ModelCounters {
            model: model.to_owned(),
            requests: zero(),
            answered: zero(),
            right: zero(),
            wrong: zero(),
            unknown: zero(),
            distinct: zero(),
            repeats: zero(),
        };
        Ok(Self {
            epoch: Instant::now(),
            models: models.map(counters).collect(),
            by_fault: Default::default(),
            connections: zero(),
            requests: zero(),
            rejected: zero(),
            aborted: zero(),
            in_flight: zero(),
            in_flight_max: zero(),
            untracked: zero(),
            seen: Mutex::default(),
            log: Mutex::new(Log {
                kept: VecDeque::new(),
                capacity,
                next: 0,
                file,
            }),
        })
    }

    /// A chat request was read; it is in flight until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        add(&self.requests);
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_max.fetch_max(now, Ordering::Relaxed);
        InFlight { record: self }
    }

    /// A chat request was refused before any model saw it; also its number.
    pub(crate) fn reject(&self) {
        add(&self.rejected);
    }

    /// How often this conversation came to this persona before.
    pub(crate) fn attempt(&self, persona: u32, conversation: ContentHash) -> u32 {
        let model = self.models.get(persona as usize);
        let mut seen = lock(&self.seen);
        let is_full = seen.len() >= CONVERSATIONS_MAX;
        let before = match seen.get_mut(&(persona, conversation)) {
            Some(count) => {
                *count = count.saturating_add(1);
                *count
            }
            None if is_full => {
                add(&self.untracked);
                return 0;
            }
            None => {
                seen.insert((persona, conversation), 0);
                0
            }
        };
        drop(seen);
        if let Some(model) = model {
            add(if before == 0 {
                &model.distinct
            } else {
                &model.repeats
            });
        }
        before
    }

    /// A request is over.
    pub(crate) fn finish(&self, entry: Entry) {
        if let Some(fault) = entry.fault
            && let Some(count) = self.by_fault.get(fault.index())
        {
            add(count);
        }
        let is_answered = entry.is_complete && entry.fault.is_none_or(Fault::is_answered);
        if let Some(model) = self.models.get(entry.persona as usize) {
            add(&model.requests);
            if is_answered {
                add(&model.answered);
                add(match entry.correctness {
                    Correctness::Right => &model.right,
                    Correctness::Wrong => &model.wrong,
                    Correctness::Unknown => &model.unknown,
                });
            }
        }
        if !entry.is_complete && entry.fault.is_none_or(Fault::is_answered) {
            add(&self.aborted);
        }
        let mut log = lock(&self.log);
        let number = log.next;
        log.next += 1;
        // Written while the lock is held, because the file is only for people who ask for it, and buffered, so that the
        // server's one thread rarely waits for it. A full disk must not end a simulation: the line is lost.
        if log.file.is_some() {
            let line = serde_json::to_vec(&self.shown(number, &entry));
            if let (Some(file), Ok(mut line)) = (&mut log.file, line) {
                line.push(b'\n');
                let _lost = file.write_all(&line);
            }
        }
        if log.capacity == 0 {
            return;
        }
        if log.kept.len() >= log.capacity {
            log.kept.pop_front();
        }
        log.kept.push_back(entry);
    }

    /// Writes what the log file still holds back.
    pub(crate) fn flush(&self) -> io::Result<()> {
        lock(&self.log).file.as_mut().map_or(Ok(()), Write::flush)
    }

    pub(crate) fn stats(&self, seed: u64) -> SimStats {
        let models = self.models.iter().map(|model| {
            let stats = ModelStats {
                requests: read(&model.requests),
                answered: read(&model.answered),
                right: read(&model.right),
                wrong: read(&model.wrong),
                unknown: read(&model.unknown),
                distinct_prompts: read(&model.distinct),
                repeats: read(&model.repeats),
            };
            (model.model.clone(), stats)
        });
        let by_model: BTreeMap<String, ModelStats> = models.collect();
        let sum = |of: fn(&ModelStats) -> u64| by_model.values().map(of).sum();
        SimStats {
            schema: "seatrial.sim.stats/1",
            seed,
            uptime_ms: self.epoch.elapsed().as_secs_f64() * 1e3,
            connections: read(&self.connections),
            requests: read(&self.requests),
            answered: sum(|model| model.answered),
            rejected: read(&self.rejected),
            aborted: read(&self.aborted),
            in_flight: read(&self.in_flight),
            in_flight_max: read(&self.in_flight_max),
            distinct_prompts: sum(|model| model.distinct_prompts),
            repeats: sum(|model| model.repeats),
            untracked: read(&self.untracked),
            by_fault: Fault::ALL
                .into_iter()
                .zip(&self.by_fault)
                .map(|(fault, n)| (fault.name(), read(n)))
                .collect(),
            by_model,
        }
    }

    /// A page of the log, oldest first, from entry number `after` on.
    pub(crate) fn log_page(&self, after: u64) -> LogPage {
        let log = lock(&self.log);
        let first = log.next - log.kept.len() as u64;
        let from = after.clamp(first, log.next);
        // Copied out, so that no request waits for the text to be made.
        let page: Vec<Entry> = log
            .kept
            .iter()
            .skip((from - first) as usize)
            .take(LOG_PAGE_MAX)
            .copied()
            .collect();
        let next = log.next;
        drop(log);
        let end = from + page.len() as u64;
        LogPage {
            schema: "seatrial.sim.log/1",
            dropped: first.saturating_sub(after),
            next: (end < next).then_some(end),
            entries: (from..)
                .zip(&page)
                .map(|(number, entry)| self.shown(number, entry))
                .collect(),
        }
    }

    /// Percentiles over complete requests in the log from entry number `after` on, of one model or of all.
    pub(crate) fn latency(&self, after: u64, model: Option<&str>) -> LatencyReport {
        let log = lock(&self.log);
        let skipped = after.saturating_sub(log.next - log.kept.len() as u64);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let is_meant = |entry: &&Entry| {
            let of_model = |wanted| self.model(entry.persona) == wanted;
            entry.is_complete && model.is_none_or(of_model)
        };
        let entries: Vec<Entry> = log.kept.iter().skip(skipped).filter(is_meant).copied().collect();
        drop(log);
        let since = |entry: &Entry, at: Instant| at.saturating_duration_since(entry.received);
        LatencyReport {
            schema: "seatrial.sim.latency/1",
            first_event_ms: LatencySummary::of(
                entries
                    .iter()
                    .filter_map(|entry| Some(since(entry, entry.first_token?)))
                    .collect(),
            ),
            end_ms: LatencySummary::of(entries.iter().map(|entry| since(entry, entry.end)).collect()),
        }
    }

    fn model(&self, persona: u32) -> &str {
        self.models.get(persona as usize).map_or("", |model| &model.model)
    }

    fn shown(&self, number: u64, entry: &Entry) -> LogEntry {
        let ns = |at: Instant| {
            u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
        };
        LogEntry {
            number,
            model: self.model(entry.persona).to_owned(),
            prompt: entry.conversation.to_string(),
            attempt: entry.attempt,
            connection: entry.connection,
            status: entry.status,
            fault: entry.fault,
            stream: entry.is_stream,
            complete: entry.is_complete,
            right: match entry.correctness {
                Correctness::Right => Some(true),
                Correctness::Wrong => Some(false),
                Correctness::Unknown => None,
            },
            output_tokens: entry.output_tokens,
            events: entry.events,
            received_ns: ns(entry.received),
            first_byte_ns: entry.first_byte.map(ns),
            first_token_ns: entry.first_token.map(ns),
            end_ns: ns(entry.end),
        }
    }
}

/// Counts a request as in flight while it lives.
#[derive(Debug)]
pub(crate) struct InFlight<'r> {
    record: &'r Record,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.record.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// A poisoned lock only means that a test panicked elsewhere; counters stay counters.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counters of a simulated provider, as `/sim/stats` shows them. Only requests to `/v1/chat/completions` count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimStats {
    /// `seatrial.sim.stats/1`.
    pub schema: &'static str,
    /// The seed.
    pub seed: u64,
    /// Milliseconds since it was bound.
    pub uptime_ms: f64,
    /// Connections accepted.
    pub connections: u64,
    /// Requests read.
    pub requests: u64,
    /// Requests that got their whole answer.
    pub answered: u64,
    /// Requests refused before a model saw them: not JSON, wrong key, unknown model, refused feature.
    pub rejected: u64,
    /// Requests whose client left before the end.
    pub aborted: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// Most requests ever answered at one time.
    pub in_flight_max: u64,
    /// Different conversations, summed over models.
    pub distinct_prompts: u64,
    /// Requests for a conversation beyond its first for that model, retries included. A resumed run that started with
    /// `n` calls in flight repeats at most `n`.
    pub repeats: u64,
    /// Requests that were not looked at for repeats, because too many conversations are known already.
    pub untracked: u64,
    /// How often each fault happened.
    pub by_fault: BTreeMap<&'static str, u64>,
    /// The same by model.
    pub by_model: BTreeMap<String, ModelStats>,
}

/// Counters of one model; a persona `*` counts everything that it answered under `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ModelStats {
    /// Requests that are over, whatever came of them.
    pub requests: u64,
    /// Requests that got their whole answer.
    pub answered: u64,
    /// Answered with the answer file's answer.
    pub right: u64,
    /// Answered wrongly on purpose.
    pub wrong: u64,
    /// Answered without knowing the prompt.
    pub unknown: u64,
    /// Different conversations.
    pub distinct_prompts: u64,
    /// Requests for a conversation beyond its first.
    pub repeats: u64,
}

/// Part of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogPage {
    /// `seatrial.sim.log/1`.
    pub schema: &'static str,
    /// Entries that were asked for and are no longer kept.
    pub dropped: u64,
    /// Number to ask for next, where there are more entries than fit a page.
    pub next: Option<u64>,
    /// Entries, oldest end first.
    pub entries: Vec<LogEntry>,
}

/// One finished request. Times are nanoseconds of the monotonic clock since the provider was bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogEntry {
    /// 0-based number in the order of ends.
    pub number: u64,
    /// The persona.
    pub model: String,
    /// Hash of the conversation.
    pub prompt: String,
    /// 0-based count of this conversation for this persona.
    pub attempt: u32,
    /// 1-based number of the connection.
    pub connection: u64,
    /// Status sent; for a reset, none was, and it is 0.
    pub status: u16,
    /// What went wrong on purpose.
    pub fault: Option<Fault>,
    /// Whether a stream was sent.
    pub stream: bool,
    /// Whether everything that was meant to be sent was sent.
    pub complete: bool,
    /// Whether the answer was right; `None` where the prompt is not in the answer file.
    pub right: Option<bool>,
    /// Tokens of the planned answer, reasoning included.
    pub output_tokens: u64,
    /// Events with text or reasoning in the planned answer.
    pub events: u32,
    /// The request had been read to its last byte.
    pub received_ns: u64,
    /// The write that held the first byte of the answer returned; none for a reset.
    pub first_byte_ns: Option<u64>,
    /// The write that held the first event with text or reasoning returned; for an answer in one piece, the whole.
    pub first_token_ns: Option<u64>,
    /// The last write returned, or the connection was given up.
    pub end_ns: u64,
}

/// Latencies seen from the server, over complete requests in the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyReport {
    /// `seatrial.sim.latency/1`.
    pub schema: &'static str,
    /// From receipt to the first event with text or reasoning.
    pub first_event_ms: LatencySummary,
    /// From receipt to the end.
    pub end_ms: LatencySummary,
}

/// Percentiles in milliseconds by nearest rank: the smallest value that at least that share does not exceed. All are
/// `None` where n is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencySummary {
    /// Requests.
    pub n: u64,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
}

impl LatencySummary {
    fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let ms = |duration: &Duration| duration.as_secs_f64() * 1e3;
        let n = durations.len();
        let rank = |percent: usize| {
            durations
                .get((n * percent).div_ceil(100).saturating_sub(1))
                .map(ms)
        };
        let total: f64 = durations.iter().map(ms).sum();
        Self {
            n: n as u64,
            p50: rank(50),
            p95: rank(95),
            p99: rank(99),
            mean: (n > 0).then(|| total / n as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(record: &Record, end_ms: u64) -> Entry {
        let at = |ms| record.epoch + Duration::from_millis(ms);
        Entry {
            persona: 0,
            attempt: 0,
            connection: 1,
            conversation: ContentHash::of(b"c"),
            status: 200,
            is_stream: true,
            is_complete: true,
            fault: None,
            correctness: Correctness::Right,
            output_tokens: 1,
            events: 1,
            received: at(10),
            first_byte: Some(at(11)),
            first_token: Some(at(12)),
            end: at(10 + end_ms),
        }
    }

    /// Protects the bound of the log: old entries go, numbers stay, and a reader learns how many it missed.
    #[test]
    fn log_is_bounded() {
        let record = Record::new(["m"].into_iter(), 3, None).unwrap();
        for ms in 1..=5 {
            record.finish(entry(&record, ms));
        }
        let page = record.log_page(0);
        assert_eq!((page.dropped, page.next), (2, None));
        assert_eq!(
            page.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(),
            [2, 3, 4]
        );
        assert_eq!(page.entries[0].end_ns - page.entries[0].received_ns, 3_000_000);
        assert_eq!(record.log_page(4).entries.len(), 1);
        assert_eq!(record.log_page(99).entries.len(), 0);
        let without = Record::new(["m"].into_iter(), 0, None).unwrap();
        without.finish(entry(&without, 1));
        assert_eq!(without.log_page(0).dropped, 1);
        assert_eq!(without.stats(0).answered, 1);
    }

    /// Protects the percentiles: nearest rank, over complete requests of the asked model only.
    #[test]
    fn percentiles_are_nearest_rank() {
        let record = Record::new(["m", "n"].into_iter(), 1000, None).unwrap();
        assert_eq!(
            record.latency(0, None).end_ms,
            LatencySummary {
                n: 0,
                p50: None,
                p95: None,
                p99: None,
                mean: None
            }
        );
        for ms in 1..=200 {
            record.finish(entry(&record, ms));
        }
        record.finish(Entry {
            is_complete: false,
            ..entry(&record, 900)
        });
        record.finish(Entry {
            persona: 1,
            ..entry(&record, 700)
        });
        let report = record.latency(0, Some("m"));
        let expected = LatencySummary {
            n: 200,
            p50: Some(100.0),
            p95: Some(190.0),
            p99: Some(198.0),
            mean: Some(100.5),
        };
        assert_eq!(report.end_ms, expected);
        assert_eq!(report.first_event_ms.p99, Some(2.0));
        assert_eq!(record.latency(100, Some("m")).end_ms.n, 100);
        assert_eq!(record.latency(0, None).end_ms.n, 201);
    }

    /// Protects the proof of resuming: repeats count per conversation and model, beyond the first.
    #[test]
    fn repeats_are_counted() {
        let record = Record::new(["m", "n"].into_iter(), 0, None).unwrap();
        let (one, two) = (ContentHash::of(b"1"), ContentHash::of(b"2"));
        let attempts = [(0, one), (0, two), (0, one), (1, one), (0, one)].map(|(p, c)| record.attempt(p, c));
        assert_eq!(attempts, [0, 0, 1, 0, 2]);
        let stats = record.stats(0);
        assert_eq!((stats.distinct_prompts, stats.repeats), (3, 2));
        let in_flight = (record.begin(), record.begin());
        drop(in_flight.0);
        let stats = record.stats(0);
        assert_eq!((stats.requests, stats.in_flight, stats.in_flight_max), (2, 1, 2));
    }
}
