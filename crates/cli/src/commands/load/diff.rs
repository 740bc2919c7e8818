//! `seatrial load diff OLD NEW`, and `seatrial load --baseline OLD`: two results against each other. Apart from reading
//! them, and from blocks that are measured by turns.

use super::contrasts::{NO_MARGINS, exit_of, limits, markdown_table, table};
use super::result::{LEVEL, Status};
use super::saved::{Saved, SavedComparison};
use crate::args::load_compare::{LoadBaseline, LoadDiffArguments, LoadMargins};
use crate::error::CliError;
use crate::output;
use seatrial_load::figure::Limit;
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;

const METHOD: &str = "variance_recovery";

/// Compares two files, and tells.
pub(super) fn diff(arguments: &LoadDiffArguments) -> Result<ExitCode, CliError> {
    for path in [&arguments.json, &arguments.markdown].into_iter().flatten() {
        output::check_writable(path)?;
    }
    let limits = limits(&arguments.margins)?;
    let old = Saved::read(&arguments.old, ExitCode::Baseline)?;
    let new = Saved::read(&arguments.new, ExitCode::Usage)?;
    let mut comparison = old.compared_with(&new, &limits, &arguments.margins)?;
    if limits.is_empty() {
        comparison.warnings.push(NO_MARGINS.to_owned());
    }
    let exit = exit(&comparison, &arguments.margins);
    let report = report(&comparison, &arguments.margins);
    super::tell_report(
        &format!("baseline   {}\ncandidate  {}\n\n{report}", old.name, new.name),
        &arguments.json,
    )?;
    if let Some(path) = &arguments.markdown {
        output::write_whole(
            path,
            &markdown(&comparison, &old.name, &new.name, &arguments.margins),
        )?;
    }
    let Some(path) = &arguments.json else {
        return Ok(exit);
    };
    let mut json = json_of(&comparison, &old.name, &arguments.margins);
    json["schema"] = "seatrial.load.diff/1".into();
    json["tool_version"] = TOOL_VERSION.into();
    json["exit_code"] = exit.code().into();
    json["candidate"] = new.name.as_str().into();
    super::write_json(path, &json)?;
    Ok(exit)
}

/// A baseline that was read before anything is measured.
pub(super) struct Against<'a> {
    saved: Saved,
    limits: Vec<Limit>,
    margins: &'a LoadMargins,
}

/// What a comparison with a baseline adds to a result.
pub(super) struct AgainstTold {
    pub(super) json: Value,
    pub(super) text: String,
    pub(super) exit: ExitCode,
}

impl<'a> Against<'a> {
    /// Reads `--baseline` and refuses what does not fit the load that is to be measured; `None` where there is none.
    pub(super) fn read(
        given: &'a LoadBaseline,
        load: &Value,
        target: &Value,
    ) -> Result<Option<Self>, CliError> {
        let limits = limits(&given.margins)?;
        let Some(path) = &given.baseline else {
            if !limits.is_empty() {
                return Err(super::no_baseline());
            }
            return Ok(None);
        };
        let saved = Saved::read(path, ExitCode::Baseline)?;
        saved.check(load, target)?;
        Ok(Some(Self {
            saved,
            limits,
            margins: &given.margins,
        }))
    }

    /// Compares a result that was just made.
    pub(super) fn told(&self, result: Value) -> Result<AgainstTold, CliError> {
        let new = Saved::of("this load".to_owned(), result).map_err(CliError::infrastructure)?;
        let mut comparison = self.saved.compared_with(&new, &self.limits, self.margins)?;
        if self.limits.is_empty() {
            comparison.warnings.push(NO_MARGINS.to_owned());
        }
        Ok(AgainstTold {
            json: json_of(&comparison, &self.saved.name, self.margins),
            text: format!(
                "against {}\n{}",
                self.saved.name,
                report(&comparison, self.margins)
            ),
            exit: exit(&comparison, self.margins),
        })
    }
}

fn exit(comparison: &SavedComparison, margins: &LoadMargins) -> ExitCode {
    let is_withheld = comparison
        .compared
        .iter()
        .any(|one| one.limit.is_some() && one.status == Status::Withheld);
    let mut codes = vec![exit_of(comparison.verdict, margins.on_inconclusive)];
    if is_withheld {
        codes.push(ExitCode::Saturated);
    }
    ExitCode::strongest(&codes)
}

fn tail(comparison: &SavedComparison, margins: &LoadMargins) -> String {
    let mut text = String::new();
    for changed in &comparison.changed {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "changed: {changed}");
    }
    let _ = writeln!(
        text,
        "verdict    {} (risk {})",
        comparison.verdict.as_str(),
        margins.risk
    );
    for warning in &comparison.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn report(comparison: &SavedComparison, margins: &LoadMargins) -> String {
    format!(
        "{}{}",
        table(&comparison.compared, margins.risk),
        tail(comparison, margins)
    )
}

fn markdown(comparison: &SavedComparison, old: &str, new: &str, margins: &LoadMargins) -> String {
    let clean = |text: &str| text.replace('`', "'");
    let mut text = format!(
        "# Load: `{}` against `{}`\n\n{}\n",
        clean(new),
        clean(old),
        markdown_table(&comparison.compared, margins.risk)
    );
    let lines = comparison
        .changed
        .iter()
        .map(|changed| format!("changed: {changed}"))
        .chain(std::iter::once(format!(
            "verdict: {}",
            comparison.verdict.as_str()
        )))
        .chain(
            comparison
                .warnings
                .iter()
                .map(|warning| format!("warning: {warning}")),
        );
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {}", clean(&line));
    }
    text
}

fn json_of(comparison: &SavedComparison, baseline: &str, margins: &LoadMargins) -> Value {
    let figures: Vec<Value> = comparison
        .compared
        .iter()
        .map(|one| one.json(METHOD, margins.risk))
        .collect();
    json!({
        "baseline": baseline,
        "pairing": "unpaired",
        "verdict": comparison.verdict.as_str(),
        "warnings": comparison.warnings,
        "changed": comparison.changed,
        "risk": margins.risk,
        "level": LEVEL,
        "figures": figures,
    })
}
