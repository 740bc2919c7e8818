//! Durability: a run that is killed again and again ends with the findings of an undisturbed one, and pays for at most
//! `concurrency` calls twice per kill.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, without_times};
use serde_json::json;

const CASES: usize = 5000;
const KILLS: u64 = 20;
const CONCURRENCY: u64 = 16;

/// Numbers that look random and are the same every time: splitmix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[test]
fn twenty_kills_change_nothing_and_repeat_little() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let limits = format!("    limits: {{concurrency: {CONCURRENCY}}}\n");
    let persona = json!({"accuracy": 0.9});
    let rest = "gates: [{metric: answers.exact_match, at_least: 0.85}]\n";

    let server = simulate(&workspace, &persona);
    write_suite(&workspace, &server.base_url(), &limits, rest);
    let _ = workspace
        .run(&["run", "suite.yaml", "--store", "calm", "--json", "calm.json"])
        .expect_code(0);
    assert_eq!(server.stats().requests, CASES as u64);
    drop(server);

    let server = simulate(&workspace, &persona);
    write_suite(&workspace, &server.base_url(), &limits, rest);
    let mut state = 11;
    let mut kills = 0;
    for nth in 0..KILLS {
        let mut child = workspace.spawn(&["run", "suite.yaml", "--resume", "--store", "hurt"]);
        // Somewhere within this process's share of the run, at a moment that no clock decides.
        let share = CASES as u64 / (KILLS + 2);
        let moment = server.stats().requests + 1 + random(&mut state) % share;
        let is_over = loop {
            if server.stats().requests >= moment {
                break false;
            }
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            std::thread::yield_now();
        };
        assert!(!is_over, "process {nth} ended before it was killed");
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    let last = workspace
        .run(&[
            "run",
            "suite.yaml",
            "--resume",
            "--store",
            "hurt",
            "--json",
            "hurt.json",
        ])
        .expect_code(0);
    assert!(last.stderr.contains("continuing run"), "{}", last.stderr);

    let (calm, hurt) = (workspace.json("calm.json"), workspace.json("hurt.json"));
    assert_eq!(calm["samples_finished"], CASES);
    // Another port makes another plan; everything else is equal.
    let same = |findings| {
        let mut findings = without_times(findings);
        findings["plan_hash"] = serde_json::Value::Null;
        findings
    };
    assert_eq!(same(&calm), same(&hurt));
    let stats = server.stats();
    assert_eq!(stats.distinct_prompts, CASES as u64);
    assert!(
        stats.repeats <= kills * CONCURRENCY,
        "{} repeated calls for {kills} kills",
        stats.repeats
    );

    // Finished: reported again without a call.
    let again = workspace
        .run(&[
            "run",
            "suite.yaml",
            "--resume",
            "--store",
            "hurt",
            "--json",
            "again.json",
        ])
        .expect_code(0);
    assert!(again.stderr.contains("without calls"), "{}", again.stderr);
    assert_eq!(server.stats().requests, stats.requests);
    assert_eq!(without_times(&hurt), without_times(&workspace.json("again.json")));
}
