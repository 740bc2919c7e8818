//! `seatrial audit`: what the files of an evaluation set-up have and lack, and what to do first.

use crate::args::AuditArguments;
use crate::error::CliError;
use crate::output;
use seatrial_interop::audit::{Audit, CHECKS, Evidence, audit as look};
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;

/// Needs that are shown on the screen; the JSON has all.
const NEEDS_SHOWN: usize = 8;

pub(crate) fn audit(arguments: &AuditArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let audit = look(&arguments.path).map_err(|error| {
        CliError::usage(format!("{}: {}", error.path.display(), error.problem)).hint(error.hint)
    })?;
    let text = for_people(&audit);
    let takes_stdout = arguments.json.as_deref().is_some_and(output::is_stdout);
    if takes_stdout {
        output::stderr(&text);
    } else {
        output::stdout(&text)?;
    }
    if let Some(path) = &arguments.json {
        let told = for_programs(&audit).map_err(CliError::infrastructure)?;
        let told = serde_json::to_string_pretty(&told).map_err(CliError::infrastructure)? + "\n";
        if takes_stdout {
            output::stdout(&told)?;
        } else {
            output::write_whole(path, &told)?;
        }
    }
    Ok(ExitCode::Pass)
}

fn for_programs(audit: &Audit) -> Result<Value, serde_json::Error> {
    let mut told = json!({
        "schema": "seatrial.audit/1", "tool_version": TOOL_VERSION, "exit_code": ExitCode::Pass.code(),
    });
    if let (Value::Object(told), Value::Object(audit)) = (&mut told, serde_json::to_value(audit)?) {
        told.extend(audit);
    }
    Ok(told)
}

fn for_people(audit: &Audit) -> String {
    let mut text = String::new();
    if audit.files.is_empty() {
        let _ = writeln!(
            text,
            "found no evaluation: no suite, promptfoo configuration, lm-eval task or CI file that runs one"
        );
    } else {
        let _ = writeln!(
            text,
            "{} files of an evaluation, of {} looked at",
            audit.files.len(),
            audit.files_seen
        );
        for file in &audit.files {
            let _ = writeln!(text, "  {:<10} {}", file.kind.as_str(), file.path);
        }
    }
    for pillar in &audit.pillars {
        let _ = writeln!(text, "\n{:<12} {}", pillar.pillar.as_str(), pillar.status);
        for check in CHECKS.iter().filter(|check| check.pillar == pillar.pillar) {
            let found: Vec<_> = pillar
                .has
                .iter()
                .filter(|evidence| evidence.check == check.id)
                .collect();
            if let [first, rest @ ..] = found.as_slice() {
                let more = match rest.len() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let _ = writeln!(
                    text,
                    "  has    {}: {}  {}{more}",
                    check.title,
                    first.what,
                    place(first)
                );
            }
        }
        let is_asked = |id: &&&str| audit.needs.iter().any(|need| need.check == **id);
        for lack in pillar.lacks.iter().filter(is_asked) {
            let title = CHECKS
                .iter()
                .find(|check| check.id == *lack)
                .map_or(*lack, |check| check.title);
            let _ = writeln!(text, "  lacks  {title}");
        }
    }
    if !audit.needs.is_empty() {
        let _ = writeln!(text, "\nfirst");
    }
    for (number, need) in (1..).zip(audit.needs.iter().take(NEEDS_SHOWN)) {
        let _ = writeln!(
            text,
            "  {number}. {} ({}): {}",
            need.title,
            need.pillar.as_str(),
            need.why
        );
        for line in need.add.lines() {
            let _ = writeln!(text, "       {line}");
        }
    }
    if audit.needs.len() > NEEDS_SHOWN {
        let _ = writeln!(
            text,
            "  … and {} more, in --json",
            audit.needs.len() - NEEDS_SHOWN
        );
    }
    for warning in &audit.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn place(evidence: &Evidence) -> String {
    evidence.line.map_or_else(
        || evidence.file.clone(),
        |line| format!("{}:{line}", evidence.file),
    )
}
