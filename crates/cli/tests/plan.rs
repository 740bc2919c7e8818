//! `seatrial plan` through the binary: figures before any call, gates that can never pass, what stays unknown, and
//! intervals once a run is on record.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/v1";

fn plan(workspace: &Workspace, more: &[&str]) -> Value {
    let arguments = [&["plan", "suite.yaml", "--json", "plan.json"], more].concat();
    let _ = workspace.run(&arguments).expect_code(0);
    workspace.json("plan.json")
}

/// Protects the promise: no call, no key, nothing on record; and a price that nobody gave stays unknown.
#[test]
fn a_plan_makes_no_call_and_invents_nothing() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 40);
    let gates = "slices: [group]\ngates:\n  - {metric: answers.exact_match, at_least: 0.95}\n  \
                 - {metric: answers.exact_match, at_least: 0.5, slice: {group: \"3\"}}\n  \
                 - {metric: answers.latency_ms.p95, at_most: 900}\n  - {metric: answers.output_tokens, at_most: 50}\n";
    write_suite(&workspace, NOWHERE, "", gates);
    let told = plan(&workspace, &[]);
    assert_eq!(
        (told["schema"].as_str(), told["forecast"]["calls"].as_u64()),
        (Some("seatrial.plan/1"), Some(40))
    );
    assert_eq!(
        (
            &told["forecast"]["cost_usd"]["value"],
            &told["forecast"]["cost_usd"]["high"]
        ),
        (&Value::Null, &Value::Null)
    );
    let gate = |number: usize| &told["gates"][number];
    assert_eq!(
        (gate(0)["n"].as_u64(), gate(0)["n_to_pass"].as_u64()),
        (Some(40), Some(59))
    );
    assert!(
        gate(0)["mde"].as_f64().unwrap() > 0.05 && gate(0)["n_for_difference"].as_u64().unwrap() > 100,
        "{}",
        gate(0)
    );
    assert_eq!(
        (gate(1)["n"].as_u64(), gate(1)["n_to_pass"].as_u64()),
        (Some(6), Some(5)),
        "group 3 of 0..40 by 7"
    );
    assert_eq!(
        (gate(2)["n_to_pass"].as_u64(), &gate(2)["mde"]),
        (Some(59), &Value::Null)
    );
    assert_eq!(
        (&gate(3)["mde"], &gate(3)["n_for_difference"]),
        (&Value::Null, &Value::Null)
    );
    let warnings = told["warnings"].to_string();
    assert!(
        warnings.contains("can never pass: it needs 59 independent answers, the plan has 40"),
        "{warnings}"
    );
    assert!(!workspace.path().join(".seatrial").exists());
    let text = workspace.run(&["plan", "suite.yaml"]).expect_code(0).stdout;
    assert!(
        text.contains("no call is made") && text.contains("can pass from n 59") && text.contains("unknown"),
        "{text}"
    );
}

/// Protects the figures: with a price and a limit of tokens there is a bound; after a run of the same plan there are
/// intervals, and the spread of a measured mean.
#[test]
fn past_runs_give_intervals() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 30);
    let server = simulate(&workspace, &json!({"usage": "last_event_empty_choices"}));
    let target = "    params: {max_tokens: 20}\n    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n";
    let gates = "gates:\n  - {metric: answers.latency_ms.mean, at_most: 900}\n";
    write_suite(&workspace, &server.base_url(), target, gates);
    let before = plan(&workspace, &[]);
    assert!(
        before["forecast"]["cost_usd"]["high"].as_f64().unwrap() > 0.0,
        "{before}"
    );
    assert_eq!(before["gates"][0]["mde"], Value::Null);
    // Whether this machine is too busy to time anything decides the exit code, and does not matter here.
    let _ = workspace.run(&["run", "suite.yaml"]);
    let after = plan(&workspace, &["--difference", "50"]);
    let cost = &after["forecast"]["cost_usd"];
    let (low, value, high) = (
        cost["low"].as_f64().unwrap(),
        cost["value"].as_f64().unwrap(),
        cost["high"].as_f64().unwrap(),
    );
    assert!(low <= value && value <= high && cost["n"] == 30, "{cost}");
    assert!(
        after["gates"][0]["mde"].as_f64().unwrap() > 0.0,
        "{}",
        after["gates"][0]
    );
    assert!(after["gates"][0]["n_for_difference"].as_u64().is_some());
}

/// Protects the programme: seven phases with their sizes; money is unknown until every part of it is known.
#[test]
fn a_programme_lays_out_the_phases() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 300);
    write_suite(&workspace, NOWHERE, "", "");
    let told = plan(&workspace, &["--programme", "--traffic", "1000"]);
    let phases = told["programme"]["phases"].as_array().unwrap();
    let calls: Vec<_> = phases
        .iter()
        .map(|phase| (phase["name"].as_str().unwrap(), phase["calls"].as_u64().unwrap()))
        .collect();
    let labels = phases[1]["labels"].as_u64().unwrap();
    assert_eq!(
        calls,
        [
            ("smoke", 10),
            ("calibration", labels),
            ("flakiness", 150),
            ("baseline", 300),
            ("main", 300),
            ("gate", 300),
            ("A/B", 0)
        ]
    );
    assert!(phases[6]["traffic_days"].as_f64().unwrap() > 3.0);
    assert_eq!(told["programme"]["total_usd"], Value::Null);
    let text = workspace
        .run(&["plan", "suite.yaml", "--programme"])
        .expect_code(0)
        .stdout;
    assert!(
        text.contains("days unknown without --traffic") && text.contains("money in all  unknown"),
        "{text}"
    );
    let wrong = workspace
        .run(&["plan", "suite.yaml", "--difference=-1"])
        .expect_code(2);
    assert!(wrong.stderr.contains("above 0"), "{}", wrong.stderr);
}
