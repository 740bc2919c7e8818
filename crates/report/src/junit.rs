//! JUnit XML for CI systems: one test case per gate and target, and on request one per case, task and target. A gate
//! that fails is a `failure`; a run that could not be carried out is an `error`: the two send different people looking.
//!
//! Names hold neither values nor verdicts, or the history of a test would break. The numbers are properties.

use crate::junit_samples::JunitSamples;
use crate::rank::{Severity, severity};
use crate::{clean, format};
use chrono::{DateTime, FixedOffset};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};
use seatrial_types::{Findings, GateResult, TargetFindings};
use std::time::Duration;

/// Gates per suite at most; more would not be read by anybody and slows CI systems down.
const GATES_MAX: usize = 10_000;

/// The findings as JUnit XML, with the samples that were collected.
///
/// # Errors
/// Where the XML writer fails, which writing to memory does not.
pub fn junit(findings: &Findings, samples: JunitSamples) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new(clean::line(&findings.suite));
    let started = DateTime::parse_from_rfc3339(&findings.started_at).ok();
    let duration = duration(started, findings.ended_at.as_deref());
    if let Some(duration) = duration {
        report.set_time(duration);
    }
    for target in &findings.targets {
        let mut suite = TestSuite::new(clean::line(&target.name));
        describe(&mut suite, findings, target, started, duration);
        let gates = findings.gates.iter().filter(|gate| gate.target == target.name);
        suite.add_test_cases(gates.take(GATES_MAX).map(|gate| gate_case(gate, target)));
        report.add_test_suite(suite);
    }
    for suite in samples.into_suites() {
        report.add_test_suite(suite);
    }
    let mut run = TestSuite::new("run");
    run.add_test_case(run_case(findings));
    report.add_test_suite(run);
    report.to_string()
}

fn duration(started: Option<DateTime<FixedOffset>>, ended_at: Option<&str>) -> Option<Duration> {
    let ended = DateTime::parse_from_rfc3339(ended_at?).ok()?;
    ended.signed_duration_since(started?).to_std().ok()
}

fn describe(
    suite: &mut TestSuite,
    findings: &Findings,
    target: &TargetFindings,
    started: Option<DateTime<FixedOffset>>,
    duration: Option<Duration>,
) {
    if let Some(started) = started {
        suite.set_timestamp(started);
    }
    if let Some(duration) = duration {
        suite.set_time(duration);
    }
    for (name, value) in [
        ("run_id", Some(findings.run_id.to_string())),
        ("plan_hash", Some(findings.plan_hash.clone())),
        ("tool_version", Some(findings.tool_version.clone())),
        ("model", target.model.clone()),
        (
            "served_models",
            Some(target.served_models.join(", ")).filter(|names| !names.is_empty()),
        ),
        ("cost_usd", target.cost_usd.map(|cost| cost.to_string())),
        ("input_tokens", target.usage.input_tokens.map(|n| n.to_string())),
        ("output_tokens", target.usage.output_tokens.map(|n| n.to_string())),
    ] {
        if let Some(value) = value {
            suite.add_property(Property::new(name, clean::line(&value)));
        }
    }
    for metric in &target.metrics {
        suite.add_property(Property::new(
            clean::line(&metric.name()),
            format::estimate(metric),
        ));
    }
}

fn gate_case(gate: &GateResult, target: &TargetFindings) -> TestCase {
    let reason = clean::text(&gate.reason);
    let status = match severity(gate) {
        Severity::Pass => TestCaseStatus::success(),
        Severity::Fail => non_success("gate", &reason),
        Severity::Undecided => non_success("inconclusive", &reason),
        Severity::Open => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("inconclusive: {reason}"));
            status
        }
    };
    let mut case = TestCase::new(clean::line(&gate.name), status);
    case.set_classname(clean::line(&format!("{}.{}", gate.target, gate.metric)));
    if let Some(place) = &gate.place {
        case.extra
            .insert(XmlString::new("file"), XmlString::new(clean::line(&place.path)));
        if place.line > 0 {
            case.extra
                .insert(XmlString::new("line"), XmlString::new(place.line.to_string()));
        }
    }
    let number = |value: Option<f64>| value.map(|value| value.to_string());
    let slice = gate
        .slice
        .as_ref()
        .map(|slice| format!("{}={}", slice.column, slice.value));
    for (name, value) in [
        ("verdict", Some(gate.verdict.as_str().to_owned())),
        (
            "value",
            Some(format::interval(gate.value, gate.low, gate.high, gate.unit)),
        ),
        ("score", number(gate.value)),
        ("ci_low", number(gate.low)),
        ("ci_high", number(gate.high)),
        ("bound", Some(gate.bound.clone())),
        ("threshold", Some(gate.limit.to_string())),
        ("unit", Some(gate.unit.as_str().to_owned())),
        ("risk", Some(gate.risk.to_string())),
        ("n", Some(gate.n.to_string())),
        ("p_value", number(gate.p_fail)),
        ("p_value_adjusted", number(gate.p_fail_adjusted)),
        ("mde", number(gate.mde)),
        ("slice", slice),
        ("cost_usd", target.cost_usd.map(|cost| cost.to_string())),
    ] {
        if let Some(value) = value {
            case.add_property(Property::new(name, clean::line(&value)));
        }
    }
    case
}

/// The run itself as a test case: an error when it was not carried out as planned.
fn run_case(findings: &Findings) -> TestCase {
    let status = crate::github::broken(findings).map_or_else(TestCaseStatus::success, |code| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("run").set_message(code.meaning());
        status.set_description(clean::text(&findings.warnings.join("\n")));
        status
    });
    let mut case = TestCase::new("carried out as planned", status);
    case.set_classname("run");
    case
}

fn non_success(kind: &str, reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(reason);
    status
}
