//! Faults of an endpoint: the run ends, every sample is in exactly one outcome class, and the counts add up.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

const CASES: usize = 2000;
const FAULTS: [&str; 12] = [
    "rate_limited",
    "rate_limited_no_retry_after",
    "server_error",
    "reset",
    "stall",
    "truncated",
    "invalid_json",
    "error_event",
    "empty_choices_usage",
    "role_only_first",
    "no_done",
    "trickle",
];
/// A connection that is reset before any byte of an answer, and that had served before, is what a server does to idle
/// connections: the request goes out once more on a new one. So few of these faults become errors.
const REPLACED: &str = "reset";
/// Faults that are only an odd form: the answer is complete all the same.
const HARMLESS: [&str; 4] = ["empty_choices_usage", "role_only_first", "no_done", "trickle"];

fn metric<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

fn run_with(fault: &str, persona: &Value, attempts: u32, timeout: &str) -> (Value, u64) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, persona);
    let target = format!(
        "    limits: {{concurrency: 64, timeout: {timeout}}}\n    retry: {{attempts: {attempts}, wait_first: 1ms, wait_max: 2ms}}\n"
    );
    write_suite(&workspace, &server.base_url(), &target, "max_error_rate: 1\n");
    let run = workspace.run(&["run", "suite.yaml", "--json", "findings.json"]);
    assert_eq!(run.code, 0, "{fault}: {}\n{}", run.stdout, run.stderr);
    let findings = workspace.json("findings.json");
    let quality = metric(&findings, "exact_match");
    let count = |key: &str| quality[key].as_u64().unwrap();
    assert_eq!(count("n"), CASES as u64, "{fault}");
    assert_eq!(
        count("n"),
        count("n_scored") + count("n_unparsed") + count("n_refused") + count("n_error"),
        "{fault}: every sample in exactly one class"
    );
    let by_class: u64 = findings["targets"][0]["errors"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(by_class, count("n_error"), "{fault}: errors by class add up");
    let scored_right = quality["value"].as_f64().unwrap();
    assert_eq!(
        scored_right, 1.0,
        "{fault}: an answer that came is the right one, an error is never quality"
    );
    let injected = server.stats().by_fault;
    if persona["faults"].get(fault).is_some() {
        let count = injected.get(fault).copied().unwrap_or(0);
        assert!(
            count >= 50,
            "{fault}: the simulator made only {count} of about 100 faults"
        );
    }
    let errors = count("n_error");
    (findings, errors)
}

/// Protects the outcome classes: without retries a fault is an error of its sample, and of no other.
#[test]
fn each_fault_at_five_percent_without_retries() {
    for fault in FAULTS {
        let persona = json!({"faults": {fault: 0.05}, "stall_ms": 30_000, "trickle_gap_ms": 0.1, "trickle_bytes": 40, "events": 3});
        let (_, errors) = run_with(fault, &persona, 1, "400ms");
        if HARMLESS.contains(&fault) {
            assert_eq!(errors, 0, "{fault} is no error");
        } else if fault == REPLACED {
            assert!(errors <= 160, "{fault}: {errors} errors of about 100 faults");
        } else {
            assert!(
                (50..=160).contains(&errors),
                "{fault}: {errors} errors of about 100 faults"
            );
        }
    }
}

/// Protects retries: with them nearly every sample gets its answer.
#[test]
fn all_faults_together_with_retries() {
    let faults: serde_json::Map<String, Value> = FAULTS
        .iter()
        .map(|fault| ((*fault).to_owned(), json!(0.02)))
        .collect();
    let persona = json!({"faults": faults, "stall_ms": 30_000, "trickle_gap_ms": 0.1, "trickle_bytes": 40, "events": 3});
    let (findings, errors) = run_with("all", &persona, 6, "400ms");
    assert_eq!(errors, 0);
    assert!(findings["targets"][0]["retries"].as_u64().unwrap() > 100);
}
