//! Requests as CSV, latencies as an HdrHistogram log: for tools that want more than the result. Apart because they are
//! other people's formats.

use crate::error::CliError;
use crate::output;
use seatrial_load::definitions::Definition;
use seatrial_load::metrics::TokenRule;
use seatrial_load::{Outcome, Phase, Recording, RequestRecord, RunResult, TimeHistogram};
use std::io::Write;
use std::path::Path;

const COLUMNS: [&str; 27] = [
    "phase",
    "outcome",
    "status",
    "loop",
    "prompt",
    "intended_ms",
    "due_ms",
    "sent_ms",
    "connect_ms",
    "tls_ms",
    "first_byte_ms",
    "first_event_ms",
    "first_token_ms",
    "first_answer_token_ms",
    "last_token_ms",
    "end_ms",
    "first_token_lag_ms",
    "last_token_lag_ms",
    "events",
    "tokens_in",
    "tokens_out",
    "reused_connection",
    "capped",
    "stream",
    "conversation",
    "turn",
    "tokens_cached",
];

/// Writes a line for each request; moments in milliseconds since the start of the run.
pub(super) fn write_csv(path: &Path, recording: &Recording) -> Result<(), CliError> {
    write(path, |out| {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COLUMNS)?;
        for request in recording.requests() {
            writer.write_record(row(request))?;
        }
        writer.flush()
    })
}

fn row(request: &RequestRecord) -> [String; 27] {
    let moment = |ns: Option<u64>| ns.map_or_else(String::new, ms);
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let outcome = match request.outcome {
        Outcome::Ok => "ok",
        Outcome::CutOff => "cut_off",
        Outcome::Failed(kind) => kind.as_str(),
    };
    let phase = match request.phase {
        Phase::WarmUp => "warm_up",
        Phase::Measured => "measured",
    };
    [
        phase.to_owned(),
        outcome.to_owned(),
        if request.status == 0 {
            String::new()
        } else {
            request.status.to_string()
        },
        request.worker.to_string(),
        request.prompt.to_string(),
        ms(request.intended_ns),
        ms(request.due_ns),
        moment(request.sent_ns),
        moment(request.connect_ns),
        moment(request.tls_ns),
        moment(request.first_byte_ns),
        moment(request.first_event_ns),
        moment(request.first_token_ns),
        moment(request.first_answer_token_ns),
        moment(request.last_token_ns),
        ms(request.end_ns),
        ms(request.first_token_lag_ns),
        ms(request.last_token_lag_ns),
        request.events.to_string(),
        count(request.tokens_in),
        count(request.tokens_out),
        request.is_reused.to_string(),
        request.is_capped.to_string(),
        request.is_stream.to_string(),
        request.conversation.to_string(),
        // As people count.
        (u32::from(request.turn) + 1).to_string(),
        count(request.tokens_cached.map(u64::from)),
    ]
}

/// Milliseconds with all digits that the clock has.
fn ms(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000)
}

/// Writes one interval of the whole measurement for each latency that may be told, tagged with its name, in microseconds.
pub(super) fn write_hdr(
    path: &Path,
    run: &RunResult,
    tokens: TokenRule,
    is_told: impl Fn(&str) -> bool,
) -> Result<(), CliError> {
    let recording = &run.recording;
    let mut all: Vec<(&'static str, TimeHistogram)> = Vec::new();
    for definition in Definition::ALL {
        let mut histogram = TimeHistogram::default();
        for request in recording.requests() {
            if request.phase == Phase::Measured
                && let Some(value) = definition.of(request, tokens.of(request))
            {
                histogram.add_ms(value);
            }
        }
        if !histogram.is_empty() && is_told(definition.name()) {
            all.push((definition.name(), histogram));
        }
    }
    if !run.gauge.gaps.is_empty() && is_told("icl") {
        all.push(("icl", run.gauge.gaps.clone()));
    }
    let text = seatrial_load::hdr_log(&all, recording)
        .map_err(|problem| CliError::infrastructure(format!("failed to encode histograms: {problem}")))?;
    write(path, |out| out.write_all(&text))
}

fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), CliError> {
    let written = if output::is_stdout(path) {
        fill(&mut std::io::stdout().lock())
    } else {
        output::replace(path, |file| fill(&mut std::io::BufWriter::new(file)))
    };
    written.map_err(|error| CliError::infrastructure(format!("failed to write {}: {error}", path.display())))
}
