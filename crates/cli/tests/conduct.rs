//! How a run conducts itself: calls in flight that follow the target, caps on money, time and errors, kept answers,
//! errors asked again. All through the binary against a simulated endpoint that counts what it was really asked.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_sim::SimHandle;
use seatrial_testkit::{Finished, Workspace, without_times};
use serde_json::{Value, json};

/// 40 output tokens at 100 USD per million are 0.004 USD; the prompt costs nothing.
const PRICED: &str =
    "    price: {input_usd_per_mtok: 0, output_usd_per_mtok: 100}\n    params: {max_tokens: 40}\n";

fn prepare(cases: usize, persona: &Value, target: &str, rest: &str) -> (Workspace, SimHandle) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, cases);
    let server = simulate(&workspace, persona);
    write_suite(&workspace, &server.base_url(), target, rest);
    (workspace, server)
}

fn run(workspace: &Workspace, arguments: &[&str], code: i32) -> Finished {
    let with_json = [&["run", "suite.yaml", "--json", "findings.json"], arguments].concat();
    workspace.run(&with_json).expect_code(code)
}

fn warnings(findings: &Value) -> String {
    findings["warnings"].to_string()
}

fn course(findings: &Value) -> &Value {
    &findings["targets"][0]["execution"]["concurrency"][0]
}

/// Protects adaptive concurrency from end to end: it starts at 20, doubles until the target, which bears 30 at a time,
/// pushes back, is cut to four fifths then, and the course is in the findings and on the screen.
#[test]
fn calls_in_flight_follow_the_target() {
    let persona = json!({"slots": 30, "full_is_429": true, "retry_after_s": 0, "retry_after_ms": 5, "first_token_ms": 60});
    let retry = "    retry: {attempts: 100, wait_first: 1ms, wait_max: 5ms}\n";
    let (workspace, _server) = prepare(600, &persona, retry, "");
    let report = run(&workspace, &[], 0);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["samples_finished"], 600);
    let course = course(&findings);
    let steps = course["steps"].as_array().unwrap();
    let limit = |step: &Value| step["limit"].as_u64().unwrap();
    let mut was_pushed_back = false;
    assert_eq!((limit(&steps[0]), &steps[0]["why"]), (20, &json!("start")));
    for pair in steps.windows(2) {
        let (before, after) = (limit(&pair[0]), limit(&pair[1]));
        let expected = match pair[1]["why"].as_str().unwrap() {
            "slow_start" if !was_pushed_back => (before * 2).min(100),
            "clean" if was_pushed_back => (before + before.div_ceil(20)).min(100),
            "push_back" => before * 4 / 5,
            other => panic!("{other} at this place: {course}"),
        };
        assert_eq!(after, expected, "{course}");
        was_pushed_back |= pair[1]["why"] == "push_back";
    }
    assert!(was_pushed_back, "{course}");
    assert!(course["push_backs"].as_u64() >= course["cuts"].as_u64());
    assert!(
        report.stdout.contains("calls in flight of at most 100"),
        "{}",
        report.stdout
    );
    assert!(report.stdout.contains("pushed back"), "{}", report.stdout);
}

/// Protects runs against a target that wants to be left alone for a while: with no call under way the run waits, it does
/// not end.
#[test]
fn a_closed_target_is_waited_for() {
    let persona = json!({"faults": {"rate_limited": 0.7}, "retry_after_s": 0, "retry_after_ms": 20});
    let target = "    limits: {concurrency: {start: 2, max: 2}}\n    retry: {attempts: 1}\n";
    let (workspace, _server) = prepare(100, &persona, target, "max_error_rate: 1\n");
    run(&workspace, &[], 0);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["samples_finished"], 100);
    assert_eq!(findings["execution"]["stopped_by"], Value::Null);
    assert_eq!(
        course(&findings)["push_backs"],
        findings["targets"][0]["errors"]["rate_limited"]
    );
}

/// Protects the bounds that a suite gives: a number is the most, `fixed` does not move.
#[test]
fn bounds_of_the_suite_are_kept() {
    for (limits, highest, adaptive) in [
        ("8", 8, true),
        ("{start: 2, min: 2, max: 6}", 6, true),
        ("{fixed: 5}", 5, false),
    ] {
        let target = format!("    limits: {{concurrency: {limits}}}\n");
        let (workspace, server) = prepare(200, &json!({}), &target, "");
        run(&workspace, &[], 0);
        let findings = workspace.json("findings.json");
        let course = course(&findings);
        assert_eq!(course["adaptive"], adaptive, "{limits}");
        assert_eq!(course["highest"], highest, "{limits}: {course}");
        assert!(server.stats().in_flight_max <= highest, "{limits}");
    }
}

fn spent(findings: &Value) -> f64 {
    findings["targets"][0]["execution"]["spent_usd"].as_f64().unwrap()
}

/// Protects `--max-cost`: never passed, exit 5, says so, and goes on under a larger cap without paying twice.
#[test]
fn money_stops_before_the_cap_and_goes_on() {
    let persona = json!({"output_tokens": 20});
    let (workspace, server) = prepare(100, &persona, PRICED, "");
    let stopped = run(&workspace, &["--max-cost", "0.05"], 5);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["execution"]["stopped_by"], "cost_cap");
    assert!(
        warnings(&findings).contains("budget in money"),
        "{}",
        warnings(&findings)
    );
    assert!(stopped.stderr.contains("--resume"), "{}", stopped.stderr);
    let first = spent(&findings);
    // An answer costs 0.002, at most 0.004: less than one more answer is left.
    assert!((0.046..=0.05).contains(&first), "{first}");
    let asked = server.stats().requests;

    let still = run(&workspace, &["--resume", "--max-cost", "0.05"], 5);
    assert!(still.stderr.contains("continuing run"), "{}", still.stderr);
    assert_eq!(server.stats().requests, asked, "nothing is left of the budget");

    run(&workspace, &["--resume", "--max-cost", "0.1"], 5);
    let second = spent(&workspace.json("findings.json"));
    assert!(
        (0.096..=0.1).contains(&second),
        "earlier sessions count: {second}"
    );

    run(&workspace, &["--resume"], 0);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["samples_finished"], 100);
    assert_eq!(server.stats().requests, 100, "nothing was paid for twice");
    assert!((spent(&findings) - 0.2).abs() < 1e-9);
}

/// Protects the budget of the suite, and that the command line is the stronger one.
#[test]
fn the_suite_has_a_budget_too() {
    let persona = json!({"output_tokens": 20});
    let (workspace, _server) = prepare(100, &persona, PRICED, "budget: {cost_usd: 0.02, duration: 10m}\n");
    run(&workspace, &[], 5);
    assert!(spent(&workspace.json("findings.json")) <= 0.02);
    run(&workspace, &["--resume", "--max-cost", "1"], 0);
}

/// Protects a target without `max_tokens`: the first call goes alone, the dearest one is the measure of the others.
#[test]
fn money_without_a_bound_on_answers() {
    let priced = "    price: {input_usd_per_mtok: 0, output_usd_per_mtok: 100}\n";
    let (workspace, _server) = prepare(100, &json!({"output_tokens": 20}), priced, "");
    run(&workspace, &["--max-cost", "0.05"], 5);
    let spent = spent(&workspace.json("findings.json"));
    assert!((0.046..=0.05).contains(&spent), "{spent}");
}

/// Protects people from a cap that cannot be kept: a price that nobody gave is an error before the first call.
#[test]
fn money_without_a_price_is_refused() {
    let (workspace, server) = prepare(5, &json!({}), "", "");
    let refused = run(&workspace, &["--max-cost", "1"], 2);
    assert!(
        refused.stderr.contains("price of target `t` is unknown"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("suite.yaml:4"), "{}", refused.stderr);
    assert_eq!(server.stats().requests, 0);
    for wrong in [
        ["--max-cost", "-1"],
        ["--max-cost", "cheap"],
        ["--max-duration", "10"],
        ["--cache", "on"],
    ] {
        let refused = run(&workspace, &wrong, 2);
        assert!(refused.stderr.contains(wrong[0]), "{}", refused.stderr);
    }
}

/// Protects `--max-duration`: a target that never answers holds nobody up for longer, and what is on record stays.
#[test]
fn time_stops_a_run() {
    let persona = json!({"faults": {"stall": 1.0}, "stall_ms": 600_000});
    let (workspace, _server) = prepare(5, &persona, "    limits: {timeout: 10m}\n", "");
    let stopped = run(&workspace, &["--max-duration", "300ms"], 5);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["execution"]["stopped_by"], "duration_cap");
    assert!(
        warnings(&findings).contains("budget in time"),
        "{}",
        warnings(&findings)
    );
    assert!(stopped.stderr.contains("--resume"), "{}", stopped.stderr);
}

/// Protects `--max-errors`: exit 4 as with the key of the suite, which it overrides; and `--retry-errors`, which asks
/// again for the errors of a finished run, and for nothing else.
#[test]
fn errors_stop_a_run_and_are_asked_again() {
    let persona = json!({"faults": {"server_error": 0.5}});
    let target = "    limits: {concurrency: {fixed: 4}}\n    retry: {attempts: 1}\n";
    let (workspace, server) = prepare(200, &persona, target, "max_error_rate: 1\n");
    run(&workspace, &["--max-errors", "3"], 4);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["execution"]["stopped_by"], "error_cap");
    assert!(findings["samples_finished"].as_u64().unwrap() < 60);

    run(&workspace, &["--resume"], 0);
    let findings = workspace.json("findings.json");
    let errors = findings["targets"][0]["errors"]["server"].as_u64().unwrap();
    let asked = server.stats().requests;
    assert!(errors > 50, "{findings}");
    let again = run(&workspace, &["--resume", "--retry-errors"], 0);
    assert!(
        again
            .stderr
            .contains(&format!("asking again for {errors} samples")),
        "{}",
        again.stderr
    );
    assert_eq!(server.stats().requests, asked + errors);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["samples_finished"], 200);
    assert!(findings["execution"]["errors_asked_again"].as_u64().unwrap() >= errors);
    assert!(findings["targets"][0]["errors"]["server"].as_u64().unwrap() < errors);
    let alone = run(&workspace, &["--retry-errors"], 2);
    assert!(alone.stderr.contains("add --resume"), "{}", alone.stderr);
}

fn quality_of(findings: &Value) -> Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    let quality = metrics.iter().find(|metric| metric["metric"] == "exact_match");
    without_times(quality.unwrap())
}

/// Protects the cache: the same answers without a call and without a latency, epochs apart, and nothing spent.
#[test]
fn kept_answers_are_used_again() {
    let persona = json!({"accuracy": 0.7, "output_tokens": 20, "first_token_ms": 1});
    let (workspace, server) = prepare(60, &persona, PRICED, "    epochs: 2\n");
    run(&workspace, &["--cache", "read-write"], 0);
    let asked = workspace.json("findings.json");
    assert_eq!(server.stats().requests, 120, "epochs are calls of their own");
    assert_eq!(asked["targets"][0]["execution"]["n_cached"], 0);

    let second = run(&workspace, &["--cache", "read-write"], 0);
    let kept = workspace.json("findings.json");
    assert_eq!(server.stats().requests, 120, "nobody was asked");
    assert_eq!(quality_of(&asked), quality_of(&kept));
    let execution = &kept["targets"][0]["execution"];
    assert_eq!((&execution["n_cached"], spent(&kept)), (&json!(120), 0.0));
    assert_eq!(
        kept["targets"][0]["cost_usd"], asked["targets"][0]["cost_usd"],
        "the price of the answers"
    );
    let metrics = kept["targets"][0]["metrics"].as_array().unwrap();
    assert!(
        metrics.iter().all(|metric| metric["metric"] != "latency_ms"),
        "no time was measured"
    );
    assert!(
        warnings(&kept).contains("120 of 120 answers came from the response cache"),
        "{}",
        warnings(&kept)
    );
    assert!(
        second.stdout.contains("120 answers from the cache"),
        "{}",
        second.stdout
    );
    let exported = workspace.run(&["export", "latest"]).expect_code(0);
    assert_eq!(exported.stdout.lines().count(), 120);

    // Off is the default, refresh asks everybody.
    run(&workspace, &[], 0);
    assert_eq!(server.stats().requests, 240);
    run(&workspace, &["--cache", "refresh"], 0);
    assert_eq!(server.stats().requests, 360);
}

/// Protects `replay-only`: it works without network and without a key, and a request that is not kept is an error of a
/// class of its own, never quality.
#[test]
fn replay_only_asks_nobody() {
    let (workspace, server) = prepare(50, &json!({}), "", "cache: read-write\n");
    run(&workspace, &[], 0);
    let online = workspace.json("findings.json");
    drop(server);
    run(&workspace, &["--cache", "replay-only"], 0);
    assert_eq!(quality_of(&online), quality_of(&workspace.json("findings.json")));

    let rows = std::fs::read_to_string(workspace.path().join("cases.jsonl")).unwrap();
    let more = format!(
        "{rows}{}\n",
        json!({"id": "new", "input": "never asked", "answer": "x", "group": 1})
    );
    workspace.write("cases.jsonl", more);
    let missed = run(&workspace, &["--cache", "replay-only"], 0);
    let findings = workspace.json("findings.json");
    assert_eq!(
        findings["targets"][0]["errors"],
        json!({"cache_miss": 1}),
        "{}",
        missed.stdout
    );
    let quality = quality_of(&findings);
    assert_eq!(
        (&quality["denominator"], &quality["n_error"]),
        (&json!(50), &json!(1))
    );
}

/// Protects two runs at once: both get all their answers, and what they kept serves a third.
#[test]
fn two_runs_share_the_cache() {
    let (workspace, server) = prepare(300, &json!({"first_token_ms": 2}), "", "cache: read-write\n");
    let children = [
        workspace.spawn(&["run", "suite.yaml"]),
        workspace.spawn(&["run", "suite.yaml"]),
    ];
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let asked = server.stats().requests;
    assert!((300..=600).contains(&asked), "{asked}");
    run(&workspace, &["--cache", "replay-only"], 0);
    let findings = workspace.json("findings.json");
    assert_eq!(findings["targets"][0]["execution"]["n_cached"], 300);
    assert_eq!(quality_of(&findings)["value"], 1.0);
}

/// Protects the cache of a run that is killed: an answer on record is kept, so that a new run does not ask for it again.
#[test]
fn a_kill_loses_no_kept_answer() {
    const CASES: usize = 2000;
    let limits = "    limits: {concurrency: {fixed: 8}}\n";
    let (workspace, server) = prepare(CASES, &json!({}), limits, "cache: read-write\n");
    let mut child = workspace.spawn(&["run", "suite.yaml"]);
    while server.stats().requests < 700 {
        assert!(child.try_wait().unwrap().is_none(), "ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // A new run, not a resumed one: all that it has of the first is the cache.
    run(&workspace, &[], 0);
    let findings = workspace.json("findings.json");
    let cached = findings["targets"][0]["execution"]["n_cached"].as_u64().unwrap();
    let asked = server.stats().requests;
    assert!(cached >= 700 - 2 * 8, "{cached}");
    assert_eq!(server.stats().distinct_prompts, CASES as u64);
    assert!(asked <= CASES as u64 + 8, "{asked} calls for {CASES} cases");
    assert_eq!(findings["samples_finished"], CASES);
}

/// Protects the pre-flight: assumptions before the first run, intervals after it, for the same plan alone.
#[test]
fn a_run_says_what_it_is_going_to_take() {
    let persona = json!({"output_tokens": 20, "first_token_ms": 2});
    let (workspace, _server) = prepare(40, &persona, PRICED, "");
    let first = run(&workspace, &["--max-cost", "0.01"], 5);
    assert!(
        first.stderr.contains("estimate: 40 calls of `t`"),
        "{}",
        first.stderr
    );
    assert!(
        first.stderr.contains("out at most about 1600"),
        "{}",
        first.stderr
    );
    assert!(
        first.stderr.contains("cost at most about $0.16"),
        "{}",
        first.stderr
    );
    assert!(first.stderr.contains("time unknown"), "{}", first.stderr);
    run(&workspace, &["--resume"], 0);
    let later = run(&workspace, &[], 0);
    assert!(
        later.stderr.contains("out 800 [800, 800], from 40 earlier calls"),
        "{}",
        later.stderr
    );
    assert!(later.stderr.contains("cost $0.08"), "{}", later.stderr);
    assert!(later.stderr.contains(" s ["), "{}", later.stderr);
    let capped = run(&workspace, &["--max-cost", "0.02"], 5);
    assert!(
        capped.stderr.contains("above the cap of $0.02"),
        "{}",
        capped.stderr
    );
}
