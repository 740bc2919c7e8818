//! Runs that stop as soon as their gates are decided, through the binary: what is saved, what is told, and that a run
//! which was interrupted or killed decides as one that was not.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, without_times};
use serde_json::{Value, json};

const CASES: usize = 1500;
const CONCURRENCY: u64 = 8;

fn limits() -> String {
    format!(
        "    limits: {{concurrency: {CONCURRENCY}}}\n    price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 10}}\n"
    )
}

fn gate(rest: &str) -> String {
    format!("sequential: true\ngates: [{{metric: answers.exact_match, {rest}}}]\n")
}

fn entry(findings: &Value) -> &Value {
    &findings["targets"][0]["execution"]["sequential"][0]
}

/// Protects the purpose: far from the limit either verdict comes after a small part of the cases, in random order; the
/// findings say what was saved and never show an interval for a number that was fixed before.
#[test]
fn decided_gates_end_the_run() {
    for (accuracy, verdict, code) in [(0.99, "pass", 0), (0.75, "fail", 1)] {
        let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
        write_cases(&workspace, CASES);
        let server = simulate(&workspace, &json!({"accuracy": accuracy}));
        write_suite(&workspace, &server.base_url(), &limits(), &gate("at_least: 0.9"));
        let run = workspace
            .run(&["run", "suite.yaml", "--json", "out.json"])
            .expect_code(code);
        let findings = workspace.json("out.json");
        assert_eq!(findings["verdict"], verdict);
        let entry = entry(&findings);
        let (asked, decided) = (
            entry["samples_asked"].as_u64().unwrap(),
            entry["decided_after"].as_u64().unwrap(),
        );
        assert!(asked <= 300, "{asked} of {CASES} samples were asked");
        // Calls that were under way are finished and recorded. Each of them may have taken the place of one that ended while
        // the decision was made; no others are started.
        assert!(
            (decided..=decided + 2 * CONCURRENCY).contains(&asked),
            "{decided} {asked}"
        );
        assert_eq!(server.stats().requests, asked);
        assert_eq!(entry["samples_saved"], CASES as u64 - asked);
        assert_eq!(entry["saved_usd"]["unit"], "usd");
        assert!(entry["saved_usd"]["low"].as_f64().unwrap() > 0.0);
        let gate = &findings["gates"][0];
        assert_eq!(
            (&gate["method"], gate["n"].as_u64()),
            (&json!("betting_cs"), Some(decided))
        );
        for metric in findings["targets"][0]["metrics"].as_array().unwrap() {
            let method = metric["method"].as_str().unwrap();
            assert!(method.ends_with("_cs") || method == "none", "{metric}");
        }
        assert!(
            run.stdout.contains(&format!(
                "sequential: answers of t  {asked} of {CASES} planned samples asked, decided after {decided}"
            )),
            "{}",
            run.stdout
        );
        assert!(
            run.stdout
                .contains("the population that the cases were drawn from"),
            "{}",
            run.stdout
        );
    }
}

/// Protects the cap: with the truth at the limit every case is asked once, none twice, and the gate says that it does not
/// know.
#[test]
fn at_the_limit_the_plan_is_never_passed() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 300);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    write_suite(&workspace, &server.base_url(), &limits(), &gate("at_least: 0.9"));
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "out.json"])
        .expect_code(0);
    let findings = workspace.json("out.json");
    assert_eq!(findings["gates"][0]["verdict"], "inconclusive");
    assert_eq!(
        (&findings["samples_finished"], server.stats().repeats),
        (&json!(300), 0)
    );
    assert_eq!(
        (
            &entry(&findings)["decided_after"],
            &entry(&findings)["samples_saved"]
        ),
        (&Value::Null, &json!(0))
    );
}

/// Protects resuming: a run that is killed and interrupted again and again asks in the same order, decides after the same
/// sample, and its findings are those of an undisturbed run but for calls that were under way.
#[test]
fn killed_and_interrupted_runs_decide_the_same() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let persona = json!({"accuracy": 0.86, "first_token_ms": 2});
    let server = simulate(&workspace, &persona);
    write_suite(&workspace, &server.base_url(), &limits(), &gate("at_least: 0.9"));
    let calm = workspace.run(&["run", "suite.yaml", "--store", "calm", "--json", "calm.json"]);
    assert!(calm.code == 1, "{}", calm.stderr);
    let calm = workspace.json("calm.json");
    let decided = entry(&calm)["decided_after"].as_u64().unwrap();
    assert!(decided > 100, "{decided}");
    let calls_before = server.stats().requests;

    for nth in 0..4 {
        let mut child = workspace.spawn(&["run", "suite.yaml", "--resume", "--store", "hurt"]);
        let moment = calls_before + (nth + 1) * decided / 6;
        while server.stats().requests < moment && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "process {nth} ended by itself"
        );
        if nth % 2 == 0 {
            child.kill().unwrap();
        } else {
            let pid = i32::try_from(child.id()).unwrap();
            interrupt(pid);
        }
        child.wait().unwrap();
    }
    let last = workspace.run(&[
        "run",
        "suite.yaml",
        "--resume",
        "--store",
        "hurt",
        "--json",
        "hurt.json",
    ]);
    assert!(
        last.code == 1 && last.stderr.contains("continuing run"),
        "{}",
        last.stderr
    );
    let hurt = workspace.json("hurt.json");
    assert_eq!(entry(&hurt)["decided_after"], decided);
    assert_eq!(without_times(&calm)["gates"], without_times(&hurt)["gates"]);
    let asked = entry(&hurt)["samples_asked"].as_u64().unwrap();
    assert!((decided..decided + 2 * CONCURRENCY).contains(&asked), "{asked}");

    // Finished: reported again without a call.
    let calls = server.stats().requests;
    let again = workspace.run(&[
        "run",
        "suite.yaml",
        "--resume",
        "--store",
        "hurt",
        "--json",
        "again.json",
    ]);
    assert!(
        again.code == 1 && again.stderr.contains("without calls"),
        "{}",
        again.stderr
    );
    assert_eq!(server.stats().requests, calls);
    assert_eq!(without_times(&hurt), without_times(&workspace.json("again.json")));
}

fn interrupt(pid: i32) {
    let status = std::process::Command::new("kill")
        .args(["-INT", &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

/// Protects gates that ask for more: epochs are added one by one, with a share of the risk each, until the gate is decided
/// or the most is reached; no gate, no epoch.
#[test]
fn extending_gates_add_epochs_until_decided() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 60);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    let rest = |gate: &str| {
        format!(
            "extend: {{epochs_max: 3}}\ngates: [{{metric: answers.exact_match, {gate}, on_inconclusive: extend}}]\n"
        )
    };
    write_suite(&workspace, &server.base_url(), &limits(), &rest("at_least: 0.9"));
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "out.json"])
        .expect_code(0);
    let findings = workspace.json("out.json");
    assert_eq!(findings["gates"][0]["verdict"], "inconclusive", "{}", run.stdout);
    assert_eq!(findings["samples_finished"], 180);
    assert_eq!(entry(&findings)["samples_added"], 120);
    assert!(
        run.stdout.contains(
            "extended: answers of t  180 of 60 planned samples asked, 120 of them added, not decided"
        ),
        "{}",
        run.stdout
    );

    write_suite(&workspace, &server.base_url(), &limits(), &rest("at_least: 0.5"));
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "out.json", "--store", "other"])
        .expect_code(0);
    let findings = workspace.json("out.json");
    assert_eq!(
        (&findings["gates"][0]["verdict"], &findings["samples_finished"]),
        (&json!("pass"), &json!(60))
    );

    // Added epochs stay within the budget, and what was planned is judged all the same.
    write_suite(&workspace, &server.base_url(), &limits(), &rest("at_least: 0.9"));
    let spent = workspace.json("out.json")["targets"][0]["execution"]["spent_usd"].clone();
    let cap: f64 = spent
        .as_str()
        .map_or_else(|| spent.as_f64().unwrap(), |text| text.parse().unwrap());
    let capped = format!("{:.9}", cap * 1.5);
    let budgeted = workspace.run(&[
        "run",
        "suite.yaml",
        "--json",
        "out.json",
        "--store",
        "third",
        "--max-cost",
        &capped,
    ]);
    let findings = workspace.json("out.json");
    let asked = findings["samples_finished"].as_u64().unwrap();
    assert!((60..180).contains(&asked), "{asked}");
    assert_eq!(
        (budgeted.code, &findings["gates"][0]["verdict"]),
        (0, &json!("inconclusive")),
        "{}",
        budgeted.stderr
    );
}

/// Protects the change of a model in CI: against a blessed run that was asked whole, the new one is asked until its gate is
/// decided case by case, and the findings tell the difference from the baseline.
#[test]
fn pairs_with_a_baseline_end_the_run() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({"accuracy": 0.9}));
    write_suite(&workspace, &server.base_url(), &limits(), "");
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let _ = workspace
        .run(&["baseline", "bless", "latest", "--reason", "release"])
        .expect_code(0);
    let gate = gate("not_worse_than: baseline, margin: 0.05");
    for (accuracy, verdict, code) in [(0.9, "pass", 0), (0.7, "fail", 1)] {
        let server = simulate(&workspace, &json!({"accuracy": accuracy}));
        write_suite(&workspace, &server.base_url(), &limits(), &gate);
        let run = workspace.run(&["run", "suite.yaml", "--json", "out.json"]);
        assert_eq!(run.code, code, "{}{}", run.stdout, run.stderr);
        let findings = workspace.json("out.json");
        let (entry, gate) = (entry(&findings), &findings["gates"][0]);
        assert_eq!(
            (&gate["verdict"], &gate["method"]),
            (&json!(verdict), &json!("betting_cs"))
        );
        let asked = entry["samples_asked"].as_u64().unwrap();
        assert!(asked <= CASES as u64 / 2, "{verdict} after {asked}");
        assert_eq!(
            (server.stats().requests, &gate["n"]),
            (asked, &entry["decided_after"])
        );
        assert!(
            gate["reason"]
                .as_str()
                .unwrap()
                .contains("decided case by case, on "),
            "{gate}"
        );
        let limit = if verdict == "pass" {
            "difference_low"
        } else {
            "difference_high"
        };
        let end = gate["baseline"][limit].as_f64().unwrap();
        assert_eq!(end >= -0.05 - 1e-9, verdict == "pass", "{gate}");
    }
}

/// Protects scores that are made again of a run that stopped early: the answers that are there are found by their ids, and
/// the gate is decided in the same order.
#[test]
fn answers_of_a_stopped_run_are_scored_again() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({"accuracy": 0.75}));
    write_suite(&workspace, &server.base_url(), &limits(), &gate("at_least: 0.9"));
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "first.json"])
        .expect_code(1);
    assert!(
        run.stderr.contains("at most that: sequential tasks end"),
        "{}",
        run.stderr
    );
    let _ = workspace
        .run(&["run", "suite.yaml", "--rescore", "latest", "--json", "again.json"])
        .expect_code(1);
    let (first, again) = (workspace.json("first.json"), workspace.json("again.json"));
    assert_eq!(first["samples_finished"], again["samples_finished"]);
    assert_eq!(first["gates"], again["gates"]);
    assert_eq!(entry(&first)["decided_after"], entry(&again)["decided_after"]);
}
