//! JUnit XML for CI systems: one test case per gate and target, and on request one per case, task and target. A gate
//! that fails is a `failure`; a run that could not be carried out is an `error`: the two send different people looking.
//!
//! Names hold neither values nor verdicts, or the history of a test would break. The numbers are properties: in the form
//! that strict readers take, lines `[[PROPERTY|name=value]]` of the test case's output, because the schema that Jenkins's
//! xUnit plug-in checks files with knows neither properties nor a place of a test case.

use crate::junit_samples::JunitSamples;
use crate::rank::{Severity, severity};
use crate::{clean, flaky, format};
use chrono::{DateTime, FixedOffset};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};
use seatrial_types::{Findings, GateResult, TargetFindings};
use std::time::Duration;

/// How a test case says what JUnit has no agreed place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JunitForm {
    /// Keeps the schema `junit-10.xsd` of Jenkins's xUnit plug-in: properties are lines of `system-out`.
    #[default]
    Strict,
    /// `properties`, `file` and `line` of test cases, which GitLab, CircleCI, Jenkins's own step and most others read.
    Rich,
}

/// Gates per suite at most; more would not be read by anybody and slows CI systems down.
const GATES_MAX: usize = 10_000;

/// The findings as JUnit XML, with the samples that were collected.
///
/// # Errors
/// Where the XML writer fails, which writing to memory does not.
pub fn junit(
    findings: &Findings,
    samples: JunitSamples,
    form: JunitForm,
) -> Result<String, quick_junit::SerializeError> {
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
        suite.add_test_cases(gates.take(GATES_MAX).map(|gate| gate_case(gate, target, form)));
        report.add_test_suite(suite);
    }
    for target in &findings.targets {
        if let Some(suite) = flaky::junit_flaky(target, form) {
            report.add_test_suite(suite);
        }
    }
    if let Some(suite) = flaky::junit_quarantine(findings) {
        report.add_test_suite(suite);
    }
    for suite in samples.into_suites(form) {
        report.add_test_suite(suite);
    }
    let mut run = TestSuite::new("run");
    run.add_test_case(run_case(findings));
    report.add_test_suite(run);
    let xml = report.to_string()?;
    Ok(match form {
        JunitForm::Strict => without_skipped_of_all(&xml),
        JunitForm::Rich => xml,
    })
}

/// The file without the number of skipped test cases in its root, which the strict schema has in suites alone. Quotes are
/// escaped everywhere but around attributes, so that the first such text is the root's.
fn without_skipped_of_all(xml: &str) -> String {
    const NAME: &str = " skipped=\"";
    let Some((head, rest)) = xml.split_once(NAME) else {
        return xml.to_owned();
    };
    let rest = rest.split_once('"').map_or("", |(_, rest)| rest);
    format!("{head}{rest}")
}

/// Puts what is known of a test case where readers of this form find it.
pub(crate) fn tell(
    case: &mut TestCase,
    form: JunitForm,
    told: impl IntoIterator<Item = (&'static str, String)>,
) {
    let told = told.into_iter();
    match form {
        JunitForm::Rich => {
            for (name, value) in told {
                case.add_property(Property::new(name, clean::line(&value)));
            }
        }
        JunitForm::Strict => {
            // Two closing brackets would end the property early.
            let line = |(name, value): (&str, String)| {
                format!(
                    "[[PROPERTY|{name}={}]]\n",
                    clean::line(&value).replace("]]", "] ]")
                )
            };
            let lines: String = told.map(line).collect();
            if !lines.is_empty() {
                case.set_system_out(lines);
            }
        }
    }
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

fn gate_case(gate: &GateResult, target: &TargetFindings, form: JunitForm) -> TestCase {
    let reason = match crate::against::difference(gate) {
        Some(difference) => format!("{difference}. {}", gate.reason),
        None => gate.reason.clone(),
    };
    let reason = clean::text(&reason);
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
    let number = |value: Option<f64>| value.map(|value| value.to_string());
    let slice = gate
        .slice
        .as_ref()
        .map(|slice| format!("{}={}", slice.column, slice.value));
    let compared = gate.baseline.as_ref();
    let place = gate.place.as_ref();
    let file = place.map(|place| place.path.clone());
    let line = place
        .filter(|place| place.line > 0)
        .map(|place| place.line.to_string());
    let is_told_apart = form == JunitForm::Rich;
    if is_told_apart {
        for (name, value) in [("file", &file), ("line", &line)] {
            if let Some(value) = value {
                case.extra
                    .insert(XmlString::new(name), XmlString::new(clean::line(value)));
            }
        }
    }
    let properties = [
        ("file", file.filter(|_| !is_told_apart)),
        ("line", line.filter(|_| !is_told_apart)),
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
        ("baseline", number(compared.and_then(|compared| compared.value))),
        (
            "difference",
            number(compared.and_then(|compared| compared.difference)),
        ),
        (
            "difference_low",
            number(compared.and_then(|compared| compared.difference_low)),
        ),
        (
            "difference_high",
            number(compared.and_then(|compared| compared.difference_high)),
        ),
        ("cost_usd", target.cost_usd.map(|cost| cost.to_string())),
    ];
    tell(
        &mut case,
        form,
        properties
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
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
