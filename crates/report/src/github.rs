//! What GitHub Actions reads: annotations on the lines of the suite, and outputs for later steps. Apart, because its
//! escaping and its limits are its own: ten annotations of a level for each step, more are dropped without a word.

use crate::rank::{Severity, severity, title, worst_first};
use crate::{clean, format};
use seatrial_types::{ExitCode, Findings, GateResult};
use std::fmt::Write;

/// Annotations of one level that GitHub shows of a step.
pub const ANNOTATIONS_PER_LEVEL_MAX: usize = 10;
/// Characters of an annotation; GitHub cuts at 64 KiB, people stop long before.
const MESSAGE_CHARS_MAX: usize = 1000;

/// Workflow commands, worst first: an error for each gate that fails the run, a warning for each that is open, and
/// notices of how many more there are. `repository_path` turns the suite's path into one below the checkout's root.
#[must_use]
pub fn annotations(findings: &Findings, repository_path: &dyn Fn(&str) -> String) -> String {
    let gates = worst_first(&findings.gates);
    let mut text = String::new();
    let mut left_out = Vec::new();
    let mut errors_free = ANNOTATIONS_PER_LEVEL_MAX;
    if let Some(code) = broken(findings) {
        let message = format!("{}\n{}", code.meaning(), findings.warnings.join("\n"));
        text += &command(
            "error",
            None,
            "seatrial: not carried out as planned",
            &message,
            repository_path,
        );
        errors_free -= 1;
    }
    for (level, shown_max, severities) in [
        ("error", errors_free, [Severity::Fail, Severity::Undecided]),
        (
            "warning",
            ANNOTATIONS_PER_LEVEL_MAX,
            [Severity::Open, Severity::Open],
        ),
    ] {
        let of_level: Vec<_> = gates
            .iter()
            .filter(|gate| severities.contains(&severity(gate)))
            .collect();
        for gate in of_level.iter().take(shown_max) {
            let title = format!("{}: {}", gate.verdict.as_str(), title(gate));
            text += &command(level, Some(gate), &title, &message(gate), repository_path);
        }
        if of_level.len() > shown_max {
            left_out.push(format!(
                "{} more gates at level {level}",
                of_level.len() - shown_max
            ));
        }
    }
    if !left_out.is_empty() {
        let message = format!(
            "{}; the step summary and the report files have all",
            left_out.join(", ")
        );
        text += &command("notice", None, "seatrial", &message, repository_path);
    }
    text
}

/// Why the run was not carried out as planned, if it was not.
pub(crate) fn broken(findings: &Findings) -> Option<ExitCode> {
    [
        ExitCode::Interrupted,
        ExitCode::Baseline,
        ExitCode::Errors,
        ExitCode::Budget,
        ExitCode::Saturated,
    ]
    .into_iter()
    .find(|code| code.code() == findings.exit_code)
}

fn message(gate: &GateResult) -> String {
    let value = format::interval(gate.value, gate.low, gate.high, gate.unit);
    let compared = crate::against::difference(gate).map_or_else(String::new, |text| format!("; {text}"));
    format!(
        "{}: {value}, n {}{compared}. {}",
        gate.target, gate.n, gate.reason
    )
}

fn command(
    level: &str,
    gate: Option<&GateResult>,
    title: &str,
    message: &str,
    repository_path: &dyn Fn(&str) -> String,
) -> String {
    let mut properties = String::new();
    if let Some(place) = gate.and_then(|gate| gate.place.as_ref()) {
        let _ = write!(
            properties,
            "file={},",
            escape_property(&repository_path(&place.path))
        );
        if place.line > 0 {
            let _ = write!(properties, "line={},", place.line);
        }
    }
    let _ = write!(properties, "title={}", escape_property(&clean::line(title)));
    let message = clean::text(message);
    let message = clean::cut(&message, MESSAGE_CHARS_MAX);
    format!("::{level} {properties}::{}\n", escape_data(&message))
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Lines for `$GITHUB_OUTPUT`: verdict, exit code, run, samples, money over all targets where it is known, and the
/// first report file. No value has a line break, so none needs a delimiter.
#[must_use]
pub fn outputs(findings: &Findings, report: Option<&str>) -> String {
    let cost = crate::total_cost(findings).map_or_else(String::new, |cost| cost.to_string());
    let mut text = String::new();
    for (name, value) in [
        ("verdict", findings.verdict.as_str().to_owned()),
        ("exit_code", findings.exit_code.to_string()),
        ("run_id", findings.run_id.to_string()),
        ("samples", findings.samples_finished.to_string()),
        ("cost_usd", cost),
        ("report", report.unwrap_or_default().to_owned()),
    ] {
        let _ = writeln!(text, "{name}={}", clean::line(&value));
    }
    text
}
