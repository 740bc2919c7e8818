//! What GitLab reads: gates as code quality issues on the lines of the suite, and values as a metrics report in
//! OpenMetrics text. Apart, because both formats are GitLab's and limited in their own ways.

use crate::rank::{Severity, question, severity, worst_first};
use crate::{clean, format};
use seatrial_types::{ContentHash, Findings, GateResult, MetricResult};
use serde_json::{Value, json};
use std::fmt::Write;

/// Issues of a report; GitLab shows the first hundreds.
const ISSUES_MAX: usize = 1000;

/// Code quality issues, worst first: every gate that does not pass. The fingerprint holds neither line nor value, so
/// that the same gate is the same issue in the next run.
#[must_use]
pub fn code_quality(findings: &Findings, repository_path: &dyn Fn(&str) -> String) -> String {
    let issues: Vec<Value> = worst_first(&findings.gates)
        .into_iter()
        .filter(|gate| severity(gate) != Severity::Pass)
        .take(ISSUES_MAX)
        .map(|gate| issue(findings, gate, repository_path))
        .collect();
    let mut text = serde_json::to_string_pretty(&issues).unwrap_or_else(|_| "[]".to_owned());
    text.push('\n');
    text
}

fn issue(findings: &Findings, gate: &GateResult, repository_path: &dyn Fn(&str) -> String) -> Value {
    let value = format::interval(gate.value, gate.low, gate.high, gate.unit);
    let description = format!(
        "{}: {} on {}: {value}, n {}. {}",
        gate.verdict.as_str(),
        question(gate),
        gate.target,
        gate.n,
        gate.reason
    );
    let identity = json!([findings.suite, gate.name, gate.target, gate.metric, gate.slice]).to_string();
    let (path, line) = gate.place.as_ref().map_or_else(
        || ("suite".to_owned(), 1),
        |place| (repository_path(&place.path), place.line.max(1)),
    );
    json!({
        "description": clean::line(&description),
        "check_name": clean::line(&format!("seatrial/{}", gate.metric)),
        "fingerprint": ContentHash::of(identity.as_bytes()),
        "severity": match severity(gate) {
            Severity::Fail => "critical",
            Severity::Undecided => "major",
            Severity::Open | Severity::Pass => "minor",
        },
        "location": {"path": path, "lines": {"begin": line}},
    })
}

/// Values as OpenMetrics text: for every overall metric its value, interval and n; for every gate 1 where it passes,
/// 0 where it fails, 0.5 where it is undecided. What is unknown is left out.
#[must_use]
pub fn open_metrics(findings: &Findings) -> String {
    let mut text = String::new();
    let metrics: Vec<(&str, &MetricResult)> = findings
        .targets
        .iter()
        .flat_map(|target| target.metrics.iter().map(|metric| (target.name.as_str(), metric)))
        .collect();
    let labels = |target: &str, metric: &MetricResult| {
        [
            ("suite", findings.suite.clone()),
            ("target", target.to_owned()),
            ("task", metric.task.clone()),
            ("metric", metric.metric.clone()),
            ("statistic", metric.statistic.as_str().to_owned()),
            ("unit", metric.unit.as_str().to_owned()),
        ]
    };
    type Field = fn(&MetricResult) -> Option<f64>;
    let families: [(&str, &str, Field); 4] = [
        ("seatrial_value", "value of a metric", |metric| metric.value),
        ("seatrial_value_low", "lower end of its interval", |metric| {
            metric.low
        }),
        ("seatrial_value_high", "upper end of its interval", |metric| {
            metric.high
        }),
        ("seatrial_samples", "finished samples behind it", |metric| {
            Some(count(metric.n))
        }),
    ];
    for (family, help, field) in families {
        header(&mut text, family, help);
        for (target, metric) in &metrics {
            if let Some(value) = field(metric).filter(|value| value.is_finite()) {
                line(&mut text, family, &labels(target, metric), value);
            }
        }
    }
    header(&mut text, "seatrial_gate", "1 pass, 0.5 inconclusive, 0 fail");
    for gate in &findings.gates {
        let value = match severity(gate) {
            Severity::Fail => 0.0,
            Severity::Undecided | Severity::Open => 0.5,
            Severity::Pass => 1.0,
        };
        let labels = [
            ("suite", findings.suite.clone()),
            ("target", gate.target.clone()),
            ("gate", gate.name.clone()),
        ];
        line(&mut text, "seatrial_gate", &labels, value);
    }
    text.push_str("# EOF\n");
    text
}

fn header(text: &mut String, family: &str, help: &str) {
    let _ = writeln!(text, "# TYPE {family} gauge\n# HELP {family} {help}");
}

fn line(text: &mut String, family: &str, labels: &[(&str, String)], value: f64) {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let value = clean::line(value).replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}=\"{value}\"")
        })
        .collect();
    let _ = writeln!(text, "{family}{{{}}} {value}", labels.join(","));
}

#[expect(clippy::cast_precision_loss, reason = "a count for display")]
fn count(n: u64) -> f64 {
    n as f64
}
