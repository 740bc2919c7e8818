//! Traffic that was recorded elsewhere: the traces of Azure (CSV) and of Mooncake (JSON Lines), as moments, lengths and
//! shared prefixes. Apart because a trace is both a schedule and a workload.
//!
//! A row that cannot be read is an error with its line: traffic with holes would be another traffic.

use serde::Deserialize;
use std::io::{self, BufRead};
use std::sync::Arc;

/// Rows of one trace.
pub const ROWS_MAX: usize = 20_000_000;
/// Bytes of one line.
const LINE_BYTES_MAX: usize = 4 << 20;
/// Tokens of one prompt or answer.
const TOKENS_MAX: u64 = 100_000_000;
/// Tokens that a block of Mooncake's prefixes stands for.
pub const BLOCK_TOKENS: u64 = 512;
/// A trace may be replayed this much slower or faster.
pub const SPEED_MIN: f64 = 1e-3;
/// See [`SPEED_MIN`].
pub const SPEED_MAX: f64 = 1e6;

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A line that is not a row.
    #[error("{name}:{line}: {problem}, expected {expected}")]
    Row {
        /// File, or what stands for it.
        name: String,
        /// Line, from 1.
        line: u64,
        /// What was found.
        problem: String,
        /// What should be there.
        expected: String,
    },
    /// Reading failed.
    #[error("{name}:{line}: reading failed")]
    Read {
        /// File, or what stands for it.
        name: String,
        /// Line, from 1.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is not a single row.
    #[error(
        "{name}: no rows, expected an Azure trace (CSV with TIMESTAMP, ContextTokens, GeneratedTokens) or a Mooncake trace (JSON Lines with timestamp, input_length, output_length)"
    )]
    Empty {
        /// File, or what stands for it.
        name: String,
    },
}

impl TraceError {
    /// Why reading failed, where the system said so.
    #[must_use]
    pub fn source_text(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => Some(source.to_string()),
            Self::Row { .. } | Self::Empty { .. } => None,
        }
    }
}

/// One request of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// When, in nanoseconds from the first row.
    pub at_ns: u64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Names of the blocks that the prompt is made of, in order; equal names are equal text. Empty where the trace does
    /// not tell.
    pub blocks: Arc<[u64]>,
}

/// Who recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceFormat {
    /// Azure's LLM inference traces of 2023 and 2024: CSV with TIMESTAMP, ContextTokens, GeneratedTokens.
    Azure,
    /// Mooncake's: JSON Lines with milliseconds and names of blocks.
    Mooncake,
}

/// A whole trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Who recorded it.
    pub format: TraceFormat,
    /// Its requests in the order of time.
    pub rows: Vec<TraceRow>,
}

impl Trace {
    /// Reads a trace of either kind: a first line that begins with `{` is Mooncake's. At most `rows_max` rows, and never
    /// more than [`ROWS_MAX`]; `name` is what errors call the input.
    ///
    /// # Errors
    /// The first line that is no row, a moment before the one above it, a line of more than 4 MiB, an input without
    /// rows.
    pub fn read(input: impl BufRead, name: &str, rows_max: usize) -> Result<Self, TraceError> {
        let mut lines = Lines::new(input, name);
        let mut format = None;
        let mut columns = AzureColumns::default();
        let mut rows = Vec::new();
        let mut clock = Clock::default();
        while rows.len() < rows_max.min(ROWS_MAX) {
            let Some(text) = lines.next()? else { break };
            if text.trim().is_empty() {
                continue;
            }
            let known = *format.get_or_insert(if text.trim_start().starts_with('{') {
                TraceFormat::Mooncake
            } else {
                TraceFormat::Azure
            });
            let parsed = match known {
                TraceFormat::Mooncake => mooncake_row(text).map(Some),
                TraceFormat::Azure => columns.row(text),
            };
            let row = parsed.and_then(|raw| raw.map(|raw| clock.row(raw)).transpose());
            match row {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => {}
                Err(problem) => return Err(lines.error(problem)),
            }
        }
        match format {
            Some(format) if !rows.is_empty() => Ok(Self { format, rows }),
            _ => Err(TraceError::Empty {
                name: name.to_owned(),
            }),
        }
    }

    /// When its requests are due if it is replayed `speed` times as fast: nanoseconds from the first.
    #[must_use]
    pub fn schedule(&self, speed: f64) -> Vec<u64> {
        let speed = speed.clamp(SPEED_MIN, SPEED_MAX);
        self.rows
            .iter()
            .map(|row| {
                if speed == 1.0 {
                    return row.at_ns;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a cast of a float saturates, and neither factor is negative"
                )]
                let at = (row.at_ns as f64 / speed).round() as u64;
                at
            })
            .collect()
    }

    /// Share of the trace's input tokens that stand in blocks which came before: what an unbounded prefix cache would
    /// save. `None` without blocks.
    #[must_use]
    pub fn shared_input(&self) -> Option<f64> {
        let mut seen = std::collections::HashSet::new();
        let (mut shared, mut all) = (0u64, 0u64);
        for row in self.rows.iter().filter(|row| !row.blocks.is_empty()) {
            all += row.input_tokens;
            let mut is_prefix = true;
            for (place, &block) in row.blocks.iter().enumerate() {
                let is_known = !seen.insert(block);
                is_prefix &= is_known;
                if is_prefix {
                    shared += block_tokens(row, place);
                }
            }
        }
        (all > 0).then(|| shared as f64 / all as f64)
    }
}

/// Tokens of the block at this place of a row: all blocks are full but the last.
#[must_use]
pub fn block_tokens(row: &TraceRow, place: usize) -> u64 {
    let before = BLOCK_TOKENS * place as u64;
    let rest = row.input_tokens.saturating_sub(before);
    if place + 1 == row.blocks.len() {
        rest
    } else {
        rest.min(BLOCK_TOKENS)
    }
}

/// What stands in the way, and what should be there.
type Problem = (String, String);

/// A row with its moment as the trace has it, in nanoseconds on the trace's own clock.
struct RawRow {
    at_ns: i128,
    input_tokens: u64,
    output_tokens: u64,
    blocks: Arc<[u64]>,
}

/// From the trace's clock to time since its first row.
#[derive(Default)]
struct Clock {
    first: Option<i128>,
    last: u64,
}

impl Clock {
    fn row(&mut self, raw: RawRow) -> Result<TraceRow, Problem> {
        let first = *self.first.get_or_insert(raw.at_ns);
        let at_ns = u64::try_from(raw.at_ns - first)
            .ok()
            .filter(|at| *at >= self.last);
        let Some(at_ns) = at_ns else {
            return Err((
                "a moment before that of the row above".to_owned(),
                "rows in the order of time; sort the file".to_owned(),
            ));
        };
        self.last = at_ns;
        for (what, tokens) in [("input", raw.input_tokens), ("output", raw.output_tokens)] {
            if tokens > TOKENS_MAX {
                return Err((format!("{tokens} {what} tokens"), format!("at most {TOKENS_MAX}")));
            }
        }
        Ok(TraceRow {
            at_ns,
            input_tokens: raw.input_tokens,
            output_tokens: raw.output_tokens,
            blocks: raw.blocks,
        })
    }
}

#[derive(Deserialize)]
struct MooncakeRow {
    timestamp: f64,
    input_length: u64,
    output_length: u64,
    #[serde(default)]
    hash_ids: Vec<u64>,
}

fn mooncake_row(text: &str) -> Result<RawRow, Problem> {
    let row: MooncakeRow = serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        let problem = text.split(" at line ").next().unwrap_or(&text).to_owned();
        (
            format!("{problem} (column {})", error.column()),
            "an object with timestamp (ms), input_length, output_length and hash_ids".to_owned(),
        )
    })?;
    // Nine quadrillion milliseconds are three hundred thousand years; f64 is exact below.
    if !(0.0..=9e15).contains(&row.timestamp) {
        return Err((
            format!("timestamp {}", row.timestamp),
            "milliseconds from 0".to_owned(),
        ));
    }
    let blocks = row.hash_ids.len() as u64;
    if blocks > 0 && blocks != row.input_length.div_ceil(BLOCK_TOKENS).max(1) {
        return Err((
            format!("{blocks} hash_ids for {} input tokens", row.input_length),
            format!("one for each {BLOCK_TOKENS} tokens begun"),
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 9e21, far below i128")]
    let at_ns = (row.timestamp * 1e6).round() as i128;
    Ok(RawRow {
        at_ns,
        input_tokens: row.input_length,
        output_tokens: row.output_length,
        blocks: row.hash_ids.into(),
    })
}

/// Which column holds what.
#[derive(Default)]
struct AzureColumns {
    places: Option<[usize; 3]>,
}

const AZURE_COLUMNS: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

impl AzureColumns {
    /// A row; `None` for the header.
    fn row(&mut self, text: &str) -> Result<Option<RawRow>, Problem> {
        let cells: Vec<&str> = text.trim_end().split(',').map(str::trim).collect();
        let Some(places) = self.places else {
            self.places = Some(header(&cells)?);
            return Ok(None);
        };
        let cell = |column: usize| {
            cells.get(places[column]).copied().ok_or_else(|| {
                let name = AZURE_COLUMNS[column];
                (format!("{} columns", cells.len()), format!("a column {name}"))
            })
        };
        let tokens = |column: usize| {
            let text = cell(column)?;
            text.parse::<u64>().map_err(|_| {
                let name = AZURE_COLUMNS[column];
                (
                    format!("`{}` in column {name}", cut(text)),
                    "a number of tokens".to_owned(),
                )
            })
        };
        let stamp = cell(0)?;
        let at_ns = stamp_ns(stamp).ok_or_else(|| {
            (
                format!("`{}` in column TIMESTAMP", cut(stamp)),
                "a moment such as 2023-11-16 18:15:46.6805900".to_owned(),
            )
        })?;
        Ok(Some(RawRow {
            at_ns,
            input_tokens: tokens(1)?,
            output_tokens: tokens(2)?,
            blocks: Arc::from([]),
        }))
    }
}

fn header(cells: &[&str]) -> Result<[usize; 3], Problem> {
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(AZURE_COLUMNS) {
        let found = cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        *place = found.ok_or_else(|| {
            (
                format!("a first line without {name}: `{}`", cut(&cells.join(","))),
                format!(
                    "{} (Azure), or one JSON object a line (Mooncake)",
                    AZURE_COLUMNS.join(",")
                ),
            )
        })?;
    }
    Ok(places)
}

/// A moment such as `2023-11-16 18:15:46.6805900`, with `T` and an offset such as `+00:00` or `Z` allowed, in
/// nanoseconds since 1970 (proleptic Gregorian calendar).
fn stamp_ns(text: &str) -> Option<i128> {
    let text = text.trim_matches('"');
    if !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let is = |at: usize, set: &[u8]| text.as_bytes().get(at).is_some_and(|byte| set.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b" T") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &text[19..];
    let mut fraction_ns = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let kept = digits.min(9);
        fraction_ns = after[..kept].parse::<i128>().ok()? * 10i128.pow(u32::try_from(9 - kept).ok()?);
        rest = &after[digits..];
    }
    let offset_minutes = offset(rest)?;
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
    Some(i128::from(seconds) * 1_000_000_000 + fraction_ns)
}

/// Minutes east of Greenwich; nothing is Greenwich.
fn offset(text: &str) -> Option<i64> {
    if text.is_empty() || text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = match text.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(sign * (digits[..2].parse::<i64>().ok()? * 60 + digits[2..].parse::<i64>().ok()?))
}

/// Days from 1970-01-01: years are counted from March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Lines of bounded length, counted.
struct Lines<'a, R> {
    input: R,
    name: &'a str,
    line: u64,
    buffer: Vec<u8>,
}

impl<'a, R: BufRead> Lines<'a, R> {
    fn new(input: R, name: &'a str) -> Self {
        Self {
            input,
            name,
            line: 0,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self) -> Result<Option<&str>, TraceError> {
        self.buffer.clear();
        self.line += 1;
        let mut bounded = io::Read::take(&mut self.input, LINE_BYTES_MAX as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.buffer);
        let read = read.map_err(|source| TraceError::Read {
            name: self.name.to_owned(),
            line: self.line,
            source,
        })?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.len() > LINE_BYTES_MAX {
            let problem = format!("a line of more than {} MiB", LINE_BYTES_MAX >> 20);
            return Err(self.error((problem, "one request a line".to_owned())));
        }
        let bytes = if self.line == 1 {
            self.buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.buffer)
        } else {
            &self.buffer
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(TraceError::Row {
                name: self.name.to_owned(),
                line: self.line,
                problem: format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1),
                expected: "UTF-8".to_owned(),
            }),
        }
    }

    fn error(&self, (problem, expected): Problem) -> TraceError {
        TraceError::Row {
            name: self.name.to_owned(),
            line: self.line,
            problem,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Trace, TraceError> {
        Trace::read(text.as_bytes(), "t", usize::MAX)
    }

    const HEAD: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n";

    /// Protects: moments of both years of Azure's traces, to the nanosecond, over midnight and leap days.
    #[test]
    fn azure() {
        let text = format!(
            "\u{feff}{HEAD}2024-02-28 23:59:59.9999999,374,44\r\n2024-02-29 00:00:00.0000001,396,109\r\n\n\
             2024-03-01 00:00:00+00:00,1,2"
        );
        let trace = read(&text).unwrap();
        assert_eq!(trace.format, TraceFormat::Azure);
        let moments: Vec<u64> = trace.rows.iter().map(|row| row.at_ns).collect();
        assert_eq!(moments, [0, 200, 86_400_000_000_100]);
        assert_eq!(
            (trace.rows[1].input_tokens, trace.rows[1].output_tokens),
            (396, 109)
        );
        assert_eq!(trace.schedule(2.0), [0, 100, 43_200_000_000_050]);
        assert_eq!(stamp_ns("1970-01-01 00:00:00"), Some(0));
        assert_eq!(
            stamp_ns("2023-11-16T18:15:46+01:00"),
            Some(1_700_154_946_000_000_000)
        );
        assert_eq!(trace.shared_input(), None);
    }

    /// Protects: blocks and their lengths, the last one partly filled; what is shared.
    #[test]
    fn mooncake() {
        let text = "{\"timestamp\": 100, \"input_length\": 1100, \"output_length\": 5, \"hash_ids\": [0, 1, 2]}\n\
                    {\"timestamp\": 103, \"input_length\": 600, \"output_length\": 6, \"hash_ids\": [0, 9], \"more\": 1}\n";
        let trace = read(text).unwrap();
        assert_eq!(trace.format, TraceFormat::Mooncake);
        assert_eq!(trace.rows[1].at_ns, 3_000_000);
        let tokens: Vec<u64> = (0..3).map(|place| block_tokens(&trace.rows[0], place)).collect();
        assert_eq!(tokens, [512, 512, 76]);
        let shared = trace.shared_input().unwrap();
        assert!((shared - 512.0 / 1_700.0).abs() < 1e-12, "{shared}");
        assert_eq!(Trace::read(text.as_bytes(), "t", 1).unwrap().rows.len(), 1);
    }

    /// Protects: every kind of broken row is an error with its line.
    #[test]
    fn errors_have_lines() {
        for (text, line, part) in [
            ("a,b,c\n1,2,3".to_owned(), 1, "without TIMESTAMP"),
            (format!("{HEAD}2023-11-16 18:15:46,374\n"), 2, "2 columns"),
            (
                format!("{HEAD}2023-11-16 18:15:46,374,-1\n"),
                2,
                "`-1` in column GeneratedTokens",
            ),
            (
                format!("{HEAD}2023-13-16 18:15:46,374,1\n"),
                2,
                "`2023-13-16 18:15:46`",
            ),
            (format!("{HEAD}yesterday,374,1\n"), 2, "`yesterday`"),
            (
                format!("{HEAD}2023-11-16 18:15:46,1,1\n2023-11-16 18:15:45,1,1\n"),
                3,
                "row above",
            ),
            (
                format!("{HEAD}2023-11-16 18:15:46,1,999999999999\n"),
                2,
                "output tokens",
            ),
            ("{\"timestamp\": 1}\n".to_owned(), 1, "missing field"),
            ("{\"timestamp\": 1,\n".to_owned(), 1, "EOF"),
            (
                "\n{\"timestamp\":-1,\"input_length\":1,\"output_length\":1}".to_owned(),
                2,
                "timestamp -1",
            ),
            (
                "{\"timestamp\":1,\"input_length\":600,\"output_length\":1,\"hash_ids\":[1]}".to_owned(),
                1,
                "1 hash_ids for 600",
            ),
        ] {
            let error = read(&text).unwrap_err();
            let TraceError::Row {
                line: found, problem, ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!(*found, line, "{text}: {error}");
            assert!(problem.contains(part), "{text}: {error}");
        }
        assert!(matches!(read(""), Err(TraceError::Empty { .. })));
        assert!(matches!(read(HEAD), Err(TraceError::Empty { .. })));
        let bad = Trace::read(&b"{\xff"[..], "t", 5).unwrap_err();
        assert!(bad.to_string().contains("t:1: invalid UTF-8"), "{bad}");
        let long = "x".repeat(LINE_BYTES_MAX + 10);
        assert!(read(&long).unwrap_err().to_string().contains("4 MiB"));
    }

    proptest! {
        /// Protects: no text makes the reader panic.
        #[test]
        fn any_text(text in "(TIMESTAMP,ContextTokens,GeneratedTokens\n)?[-0-9 :.,TZ+\"{}a-z\n]{0,60}") {
            let _ = read(&text);
            let _ = stamp_ns(&text);
        }
    }
}
