//! Traces of traffic: when requests came and how long they were. What capacity and cached input are worked out from.

use crate::prices::Moment;
use serde::Deserialize;
use std::collections::HashSet;

/// Rows of one trace at most.
pub const ROWS_MAX: usize = 20_000_000;
/// Tokens of a block of a prompt that a trace names by one hash.
const BLOCK_TOKENS: u64 = 512;
const MINUTE: f64 = 60.0;
/// Minutes in a row without a request from which on a trace has a gap.
pub const GAP_MINUTES: usize = 5;
/// Longest trace, in minutes.
const MINUTES_MAX: f64 = 10.0 * 366.0 * 1440.0;

/// One request of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceRow {
    /// Seconds since some beginning.
    pub seconds: f64,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Why a trace cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// A column that is needed is not there.
    #[error("the trace has no column `{column}`; it has: {found}")]
    NoColumn {
        /// What was sought, with its other names.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// A value that cannot be read.
    #[error("line {line}: `{column}` is `{value}`, expected {expected}")]
    Value {
        /// 1-based line.
        line: usize,
        /// Column.
        column: String,
        /// What is there.
        value: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A line that is no row.
    #[error("line {line}: {problem}")]
    Line {
        /// 1-based line.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Requests stop and go on later: the mean and the peak would be those of no real hour.
    #[error("`timestamp` has a gap: no request for {minutes} minutes after line {line}")]
    Gap {
        /// 1-based line of the last request before it.
        line: usize,
        /// Its length.
        minutes: u64,
    },
    /// Too little to say anything.
    #[error("the trace has {0} requests, expected at least 2 within more than a minute")]
    TooShort(usize),
    /// Too much.
    #[error("the trace is longer than can be read")]
    TooLong,
}

/// A trace, summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSummary {
    /// Requests.
    pub requests: u64,
    /// Minutes that it touches.
    pub minutes: u64,
    /// Seconds from its first request to its last.
    pub seconds: f64,
    /// Mean tokens of a prompt.
    pub mean_input_tokens: f64,
    /// Mean tokens of an answer.
    pub mean_output_tokens: f64,
    /// 95 % quantile of the prompt's tokens.
    pub p95_input_tokens: f64,
    /// 95 % quantile of the answer's tokens.
    pub p95_output_tokens: f64,
    /// Requests of the busiest minute by the mean minute.
    pub peak_factor: f64,
    /// Requests of every minute by the mean minute.
    pub profile: Vec<f64>,
}

impl TraceSummary {
    /// Sums up a trace. The last minute, which the trace may cut off, counts as one: the peak is told rather too high than
    /// too low.
    ///
    /// # Errors
    /// Too few requests, or gaps; `may_have_gaps` lets them pass.
    pub fn of(rows: &[TraceRow], may_have_gaps: bool) -> Result<Self, TraceError> {
        let too_short = || TraceError::TooShort(rows.len());
        let first = rows
            .iter()
            .map(|row| row.seconds)
            .min_by(f64::total_cmp)
            .ok_or_else(too_short)?;
        let last = rows
            .iter()
            .map(|row| row.seconds)
            .max_by(f64::total_cmp)
            .ok_or_else(too_short)?;
        if last - first < MINUTE {
            return Err(too_short());
        }
        let minutes = ((last - first) / MINUTE).floor() + 1.0;
        if minutes > MINUTES_MAX {
            return Err(TraceError::TooLong);
        }
        let mut counts = vec![0_u64; minutes as usize];
        for row in rows {
            if let Some(count) = counts.get_mut(((row.seconds - first) / MINUTE) as usize) {
                *count += 1;
            }
        }
        if !may_have_gaps {
            check_gaps(rows)?;
        }
        let mean = counts.iter().sum::<u64>() as f64 / minutes;
        let profile: Vec<f64> = counts.iter().map(|count| *count as f64 / mean).collect();
        let n = rows.len() as f64;
        let (input, output) = (
            column(rows, |row| row.input_tokens),
            column(rows, |row| row.output_tokens),
        );
        let p95 = |sorted: &[f64]| seatrial_stats::quantile::type7(sorted, 0.95).unwrap_or(0.0);
        Ok(Self {
            requests: rows.len() as u64,
            minutes: minutes as u64,
            seconds: last - first,
            mean_input_tokens: input.iter().sum::<f64>() / n,
            mean_output_tokens: output.iter().sum::<f64>() / n,
            p95_input_tokens: p95(&input),
            p95_output_tokens: p95(&output),
            peak_factor: profile.iter().copied().fold(0.0, f64::max),
            profile,
        })
    }
}

fn column(rows: &[TraceRow], of: impl Fn(&TraceRow) -> u64) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().map(|row| of(row) as f64).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn check_gaps(rows: &[TraceRow]) -> Result<(), TraceError> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| rows[*a].seconds.total_cmp(&rows[*b].seconds));
    for pair in order.windows(2) {
        let minutes = (rows[pair[1]].seconds - rows[pair[0]].seconds) / MINUTE;
        if minutes >= GAP_MINUTES as f64 {
            return Err(TraceError::Gap {
                line: pair[0] + 2,
                minutes: minutes as u64,
            });
        }
    }
    Ok(())
}

const TIME_NAMES: &[&str] = &["timestamp", "arrived_at", "time", "at"];
const INPUT_NAMES: &[&str] = &["contexttokens", "input_tokens", "input_length", "prompt_tokens"];
const OUTPUT_NAMES: &[&str] = &[
    "generatedtokens",
    "output_tokens",
    "output_length",
    "completion_tokens",
];

/// Reads a trace in CSV with a header: a time (a date with a time of day, or seconds as a number), tokens of the prompt,
/// tokens of the answer, by any of their usual names.
///
/// # Errors
/// Columns that are missing and values that cannot be read, with their line.
pub fn read_csv(text: &str) -> Result<Vec<TraceRow>, TraceError> {
    let mut lines = text.lines().enumerate();
    let header: Vec<String> = lines
        .next()
        .map(|(_, line)| {
            line.trim_start_matches('\u{feff}')
                .split(',')
                .map(clean)
                .collect()
        })
        .unwrap_or_default();
    let find = |names: &[&str], column: &'static str| {
        let place = header
            .iter()
            .position(|name| names.contains(&name.to_ascii_lowercase().as_str()));
        place.ok_or_else(|| TraceError::NoColumn {
            column,
            found: header.join(", "),
        })
    };
    let time = find(TIME_NAMES, "timestamp")?;
    let input = find(INPUT_NAMES, "ContextTokens or input_tokens")?;
    let output = find(OUTPUT_NAMES, "GeneratedTokens or output_tokens")?;
    let mut rows = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<String> = line.split(',').map(clean).collect();
        let wrong = |place: usize, expected: &'static str| TraceError::Value {
            line: number + 1,
            column: header.get(place).cloned().unwrap_or_default(),
            value: cells.get(place).cloned().unwrap_or_default(),
            expected,
        };
        let cell = |place: usize| cells.get(place).map(String::as_str).unwrap_or_default();
        let count = |place: usize| {
            cell(place)
                .parse::<u64>()
                .map_err(|_| wrong(place, "a whole number of tokens"))
        };
        if rows.len() >= ROWS_MAX {
            return Err(TraceError::TooLong);
        }
        rows.push(TraceRow {
            seconds: seconds(cell(time))
                .ok_or_else(|| wrong(time, "a time such as 2026-01-31 12:00:00.5, or seconds"))?,
            input_tokens: count(input)?,
            output_tokens: count(output)?,
        });
    }
    Ok(rows)
}

fn clean(cell: &str) -> String {
    cell.trim().trim_matches('"').to_owned()
}

fn seconds(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number).filter(|number| number.is_finite());
    }
    if let Ok(time) = text.parse::<jiff::civil::DateTime>() {
        let midnight = Moment::parse(&time.date().to_string())?.unix() as f64;
        let clock = time.time();
        let of_day =
            i32::from(clock.hour()) * 3600 + i32::from(clock.minute()) * 60 + i32::from(clock.second());
        return Some(midnight + f64::from(of_day) + f64::from(clock.subsec_nanosecond()) / 1e9);
    }
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(|time| time.as_millisecond() as f64 / 1e3)
}

/// How much of the prompts begins as an earlier prompt did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrefixShare {
    /// Requests.
    pub requests: u64,
    /// Tokens of all prompts.
    pub input_tokens: u64,
    /// Those of them that a cache that forgets nothing would have.
    pub seen_tokens: u64,
}

impl PrefixShare {
    /// Seen by all; 0 where there is nothing.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.input_tokens == 0 {
            return 0.0;
        }
        self.seen_tokens as f64 / self.input_tokens as f64
    }

    /// The price of an input token by that of an uncached one, when seen ones cost `read` and all others `write` times the
    /// usual price.
    #[must_use]
    pub fn effective_price(&self, read: f64, write: f64) -> f64 {
        let hit = self.share();
        hit.mul_add(read, (1.0 - hit) * write)
    }
}

/// Reads a trace in JSON Lines whose prompts are named by hashes of their blocks of 512 tokens (`hash_ids`), such as
/// Mooncake's, and finds how much of them was seen before.
///
/// # Errors
/// Lines that are no such rows.
pub fn prefix_share(text: &str) -> Result<PrefixShare, TraceError> {
    #[derive(Deserialize)]
    struct Row {
        input_length: u64,
        hash_ids: Vec<u64>,
    }
    let mut seen: HashSet<u64> = HashSet::new();
    let mut found = PrefixShare {
        requests: 0,
        input_tokens: 0,
        seen_tokens: 0,
    };
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let row: Row = serde_json::from_str(line).map_err(|error| TraceError::Line {
            line: number + 1,
            problem: error.to_string(),
        })?;
        let blocks = row.hash_ids.iter().take_while(|id| seen.contains(id)).count() as u64;
        found.requests += 1;
        found.input_tokens = found.input_tokens.saturating_add(row.input_length);
        found.seen_tokens = found
            .seen_tokens
            .saturating_add((blocks * BLOCK_TOKENS).min(row.input_length));
        seen.extend(row.hash_ids);
    }
    Ok(found)
}

/// Reads a trace in JSON Lines: `timestamp` in milliseconds, `input_length`, `output_length`.
///
/// # Errors
/// Lines that are no such rows.
pub fn read_jsonl(text: &str) -> Result<Vec<TraceRow>, TraceError> {
    #[derive(Deserialize)]
    struct Row {
        timestamp: f64,
        #[serde(alias = "input_tokens")]
        input_length: u64,
        #[serde(alias = "output_tokens")]
        output_length: u64,
    }
    let mut rows = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let row: Row = serde_json::from_str(line).map_err(|error| TraceError::Line {
            line: number + 1,
            problem: error.to_string(),
        })?;
        rows.push(TraceRow {
            seconds: row.timestamp / 1e3,
            input_tokens: row.input_length,
            output_tokens: row.output_length,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the summary by a trace that can be counted: minutes with 1, 3, 2 and 1 requests.
    #[test]
    fn counts_minutes() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00.0000000,100,10\n\
                    2023-11-16 18:01:01.5,200,20\n2023-11-16 18:01:02,300,30\n2023-11-16 18:01:59.9,400,40\n\
                    2023-11-16 18:02:00,0,0\n2023-11-16 18:02:30,200,20\n2023-11-16 18:03:00,200,20\n";
        let summary = TraceSummary::of(&read_csv(text).unwrap(), false).unwrap();
        assert_eq!(
            (summary.requests, summary.minutes, summary.seconds),
            (7, 4, 180.0)
        );
        assert_eq!(
            summary.profile,
            [1.0, 3.0, 2.0, 1.0].map(|count: f64| count / 1.75)
        );
        assert!((summary.mean_input_tokens - 200.0).abs() < 1e-12 && summary.peak_factor == 3.0 / 1.75);
    }

    /// Protects from traces that are none: gaps, columns, values, each with its line and field.
    #[test]
    fn wrong_traces_are_told() {
        let said = |text: &str| {
            let rows = read_csv(text);
            let error = rows.and_then(|rows| TraceSummary::of(&rows, false)).unwrap_err();
            error.to_string()
        };
        let head = "timestamp,input_tokens,output_tokens\n";
        assert!(said("a,b\n1,2\n").contains("no column `timestamp`; it has: a, b"));
        assert!(said("timestamp,b\n1,2\n").contains("no column `ContextTokens or input_tokens`"));
        assert!(said(&format!("{head}0,1,1\nx,1,1\n")).contains("line 3: `timestamp` is `x`"));
        assert!(said(&format!("{head}0,-1,1\n")).contains("`input_tokens` is `-1`"));
        let gap = said(&format!("{head}0,1,1\n30,1,1\n1000,1,1\n"));
        assert_eq!(
            gap,
            "`timestamp` has a gap: no request for 16 minutes after line 3"
        );
        assert!(said(&format!("{head}0,1,1\n")).contains("has 1 requests"));
        assert!(said("").contains("no column"));
    }

    /// Protects the prefix rule: blocks count as seen only up to the first that is new.
    #[test]
    fn prefixes_end_at_the_first_new_block() {
        let text = "{\"timestamp\":0,\"input_length\":1000,\"output_length\":1,\"hash_ids\":[1,2]}\n\
                    {\"timestamp\":1,\"input_length\":1600,\"output_length\":1,\"hash_ids\":[1,9,2]}\n\
                    {\"timestamp\":2,\"input_length\":600,\"output_length\":1,\"hash_ids\":[1,2]}\n";
        let found = prefix_share(text).unwrap();
        assert_eq!((found.input_tokens, found.seen_tokens), (3200, 512 + 600));
        assert_eq!(read_jsonl(text).unwrap()[1].seconds, 0.001);
    }
}
