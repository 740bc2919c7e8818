//! JUnit XML for CI systems: one test case per gate and target. A gate that fails is a `failure`; a run that could not
//! be carried out is an `error`: the two send different people looking.

use crate::format;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use seatrial_types::{ExitCode, Findings, GateResult, Unit, Verdict};

/// Test cases per suite at most; more would not be read by anybody and slows CI systems down.
const CASES_MAX: usize = 10_000;

/// The findings as JUnit XML.
///
/// # Errors
/// Where the XML writer fails, which writing to memory does not.
pub fn junit(findings: &Findings) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new(findings.suite.as_str());
    for target in &findings.targets {
        let mut suite = TestSuite::new(target.name.as_str());
        suite.add_property(Property::new("run_id", findings.run_id.as_str()));
        suite.add_property(Property::new("plan_hash", findings.plan_hash.as_str()));
        for metric in &target.metrics {
            suite.add_property(Property::new(metric.name(), format::estimate(metric)));
        }
        let gates = findings.gates.iter().filter(|gate| gate.target == target.name);
        suite.add_test_cases(gates.take(CASES_MAX).map(gate_case));
        report.add_test_suite(suite);
    }
    let mut run = TestSuite::new("run");
    run.add_test_case(run_case(findings));
    report.add_test_suite(run);
    report.to_string()
}

fn gate_case(gate: &GateResult) -> TestCase {
    let status = match (gate.verdict, gate.inconclusive_fails) {
        (Verdict::Pass, _) => TestCaseStatus::success(),
        (Verdict::Fail, _) => non_success("gate", &gate.reason),
        (Verdict::Inconclusive, true) => non_success("inconclusive", &gate.reason),
        (Verdict::Inconclusive, false) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(format!("inconclusive: {}", gate.reason));
            status
        }
    };
    let mut case = TestCase::new(gate.name.as_str(), status);
    case.set_classname(format!("{}.{}", gate.target, gate.metric));
    let value = format::interval(gate.value, gate.low, gate.high, gate.unit);
    for (name, text) in [
        ("verdict", gate.verdict.as_str().to_owned()),
        ("value", value),
        (gate.bound.as_str(), format::number(gate.limit, gate.unit)),
        ("risk", gate.risk.to_string()),
        ("n", format::number(count(gate.n), Unit::Count)),
    ] {
        case.add_property(Property::new(name, text));
    }
    case
}

/// The run itself as a test case: an error when it was not carried out as planned.
fn run_case(findings: &Findings) -> TestCase {
    let broken = [
        ExitCode::Interrupted,
        ExitCode::Errors,
        ExitCode::Budget,
        ExitCode::Saturated,
    ]
    .into_iter()
    .find(|code| code.code() == findings.exit_code);
    let status = broken.map_or_else(TestCaseStatus::success, |code| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("run").set_message(code.meaning());
        status.set_description(findings.warnings.join("\n"));
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

#[expect(clippy::cast_precision_loss, reason = "a count for display")]
fn count(n: u64) -> f64 {
    n as f64
}
