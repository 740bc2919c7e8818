//! What reports say of a baseline: one sentence for a gate, a few lines for the run. Apart, because every report says the
//! same in the same words.

use crate::format;
use seatrial_types::{BaselineChange, BaselineStatus, Findings, GateResult};
use serde_json::Value;

/// Changes that are told; the findings have all.
const CHANGES_TOLD_MAX: usize = 20;
/// Characters of a value that a change shows.
const VALUE_CHARS_MAX: usize = 80;

/// `baseline 0.900, Δ -0.020 [-0.051, 0.012]`, for a gate that was compared with a baseline.
#[must_use]
pub fn difference(gate: &GateResult) -> Option<String> {
    let compared = gate.baseline.as_ref()?;
    let base = compared
        .value
        .map_or_else(|| "–".to_owned(), |value| format::number(value, gate.unit));
    let difference = format::interval(
        compared.difference,
        compared.difference_low,
        compared.difference_high,
        gate.unit,
    );
    let how = if compared.is_paired { "" } else { ", unpaired" };
    Some(format!("baseline {base}, Δ {difference}{how}"))
}

/// ` by 0.020` or ` by 10%`: the margin of a gate against a baseline; empty where there is none.
#[must_use]
pub fn margin(gate: &GateResult) -> String {
    let Some(compared) = &gate.baseline else {
        return String::new();
    };
    match (compared.margin_share, compared.margin) {
        (Some(share), _) if share > 0.0 => {
            let percent = format!("{:.2}", share * 100.0);
            format!(" by {}%", percent.trim_end_matches('0').trim_end_matches('.'))
        }
        (None, Some(margin)) if margin > 0.0 => format!(" by {}", format::number(margin, gate.unit)),
        _ => String::new(),
    }
}

/// Which baseline it was, and what changed since; empty where no gate names one.
#[must_use]
pub fn lines(findings: &Findings) -> Vec<String> {
    let Some(baseline) = &findings.baseline else {
        return Vec::new();
    };
    let name = &baseline.name;
    let first = match baseline.status {
        BaselineStatus::Missing => format!("baseline {name}: missing"),
        BaselineStatus::Incompatible => format!("baseline {name}: not comparable in every gate"),
        BaselineStatus::Used => {
            let run = baseline.run_id.as_ref().map_or("–", |run| run.as_str());
            let age = baseline
                .age_days
                .map_or_else(String::new, |days| format!(", {days:.0} days ago"));
            let author = baseline.author.as_deref();
            let author = author.map_or_else(String::new, |author| format!(" by {author}"));
            let reason = baseline.reason.as_deref();
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            format!("baseline {name}: run {run}, blessed{author}{age}{reason}")
        }
    };
    let mut lines = vec![first];
    lines.extend(told("differs", &baseline.differences));
    lines.extend(told("changed", &baseline.changed));
    if baseline.status == BaselineStatus::Used && baseline.changed.is_empty() {
        lines.push("changed: nothing".to_owned());
    }
    lines
}

fn told(word: &str, changes: &[BaselineChange]) -> Vec<String> {
    let mut lines: Vec<String> = changes
        .iter()
        .take(CHANGES_TOLD_MAX)
        .map(|change| {
            let place = format!("{} {}", change.target, change.field);
            if change.baseline.is_null() && change.run.is_null() {
                return format!("{word}: {place} is not in the baseline");
            }
            let (from, to) = (shown(&change.baseline), shown(&change.run));
            format!("{word}: {place}: {from} → {to}")
        })
        .collect();
    if changes.len() > CHANGES_TOLD_MAX {
        lines.push(format!(
            "{word}: {} fields more",
            changes.len() - CHANGES_TOLD_MAX
        ));
    }
    lines
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::clean::preview(&text, VALUE_CHARS_MAX)
}
