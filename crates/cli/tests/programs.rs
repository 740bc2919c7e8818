//! Targets that are programs, through the binary: right answers in any order, every kind of misbehaviour, and that
//! nothing survives the run.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_testkit::{Finished, Workspace, is_alive, puppet};
use serde_json::{Value, json};
use std::process::Command;

fn workspace(cases: usize) -> Workspace {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let rows = (0..cases).map(|number| {
        let row = json!({"id": format!("c{number}"), "input": format!("question {number}"), "answer": format!("answer {number}")});
        format!("{row}\n")
    });
    workspace.write("cases.jsonl", rows.collect::<String>());
    workspace
}

/// A suite with the puppet in a mode as its only target; `target` is YAML that is added to it.
fn write_suite(workspace: &Workspace, mode: &str, target: &str) {
    let program = puppet().display();
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: programs\ntargets:\n  - name: t\n    provider: exec\n    command: [{program}, {mode}]\n{target}\
             tasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n    scorers: [exact_match]\nmax_error_rate: 1\n"
        ),
    );
}

fn run(workspace: &Workspace) -> (Finished, Value) {
    let finished = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    (finished, findings)
}

fn metric<'a>(findings: &'a Value, name: &str) -> Option<&'a Value> {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name)
}

fn errors(findings: &Value) -> &Value {
    &findings["targets"][0]["errors"]
}

/// The lines of `pids` as numbers.
fn pids(workspace: &Workspace) -> Vec<u32> {
    let text = std::fs::read_to_string(workspace.path().join("pids")).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[track_caller]
fn assert_no_survivors(workspace: &Workspace) {
    for pid in pids(workspace) {
        assert_ne!(is_alive(pid), Some(true), "process {pid} is still there");
    }
}

fn samples(workspace: &Workspace) -> Vec<Value> {
    let export = workspace.run(&["export", "latest"]).expect_code(0);
    export
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Protects the protocol: every answer reaches its own case, in order or not, with an id or without, and what the
/// program says of tokens and money is in the findings.
#[test]
fn answers_reach_their_cases() {
    for (mode, target) in [
        ("know", "    workers: 3\n"),
        ("know", "    workers: 2\n    in_flight: 16\n"),
        ("no-id", "    in_flight: 8\n"),
        ("backwards", "    in_flight: 4\n"),
    ] {
        let workspace = workspace(200);
        write_suite(&workspace, mode, target);
        let (_, findings) = run(&workspace);
        let quality = metric(&findings, "exact_match").unwrap();
        assert_eq!(quality["value"], 1.0, "{mode}: {quality}");
        assert_eq!(quality["n_scored"], 200, "{mode}");
        assert!(
            metric(&findings, "latency_ms").unwrap()["value"]
                .as_f64()
                .unwrap()
                > 0.0
        );
        assert!(
            metric(&findings, "ttft_ms").is_none(),
            "{mode}: a program has no first token"
        );
        if mode == "know" {
            let t = &findings["targets"][0];
            assert_eq!(
                (&t["usage"]["input_tokens"], &t["usage"]["output_tokens"]),
                (&2000.into(), &400.into())
            );
            assert_eq!(t["cost_usd"].to_string().trim_matches('"'), "0.2");
        }
        let started = pids(&workspace).len();
        let most = if target.contains("workers: 3") { 3 } else { 2 };
        assert!((1..=most).contains(&started), "{mode}: {started} processes");
        assert_no_survivors(&workspace);
    }
}

/// Protects the outcome classes: whatever a program does, each sample is in one class, the run ends, and nobody is left.
#[test]
fn misbehaviour_is_an_error_and_ends() {
    let fast = "    limits: {timeout: 900ms}\n    retry: {attempts: 2, wait_first: 1ms, wait_max: 1ms}\n";
    let two = format!("{fast}    workers: 2\n");
    for (mode, target, classes, words) in [
        (
            "die",
            &two,
            &["reset", "connect"][..],
            "last words: no weights found in /models",
        ),
        (
            "hang",
            &two,
            &["timeout"],
            "gave no answer within 900ms and was killed",
        ),
        ("garbage", &two, &["invalid_answer", "connect"], "not JSON"),
        (
            "wrong-id",
            &two,
            &["invalid_answer", "connect"],
            "an answer that nothing had asked for",
        ),
        ("flood-aside", &two, &["timeout"], "gave no answer within 900ms"),
        ("error", &two, &["bad_request"], "the program says: out of memory"),
        ("fork", &two, &["timeout"], "gave no answer"),
    ] {
        let workspace = workspace(6);
        write_suite(&workspace, mode, target);
        let (_, findings) = run(&workspace);
        let quality = metric(&findings, "exact_match").unwrap();
        assert_eq!(
            (&quality["n"], &quality["n_error"]),
            (&6.into(), &6.into()),
            "{mode}: {quality}"
        );
        let of_class = errors(&findings).as_object().unwrap();
        assert!(
            of_class.keys().all(|class| classes.contains(&class.as_str())),
            "{mode}: {of_class:?}"
        );
        let told: Vec<String> = samples(&workspace).iter().map(Value::to_string).collect();
        assert!(
            told.iter().any(|sample| sample.contains(words)),
            "{mode}: {}",
            told[0]
        );
        assert_no_survivors(&workspace);
    }
}

/// Protects the neighbours of a bad case: a program that hangs or dies on some costs those, and answers the rest.
#[test]
fn one_bad_case_costs_itself_alone() {
    for (mode, class) in [("hang-some", "timeout"), ("die-some", "reset")] {
        let workspace = workspace(40);
        let target = "    workers: 2\n    limits: {timeout: 1500ms}\n    retry: {attempts: 2, wait_first: 1ms, wait_max: 1ms}\n";
        write_suite(&workspace, mode, target);
        let (_, findings) = run(&workspace);
        let quality = metric(&findings, "exact_match").unwrap();
        let counts = (&quality["n_scored"], &quality["n_error"], &quality["value"]);
        assert_eq!(counts, (&36.into(), &4.into(), &1.0.into()), "{mode}: {quality}");
        assert_eq!(errors(&findings)[class], 4, "{mode}");
        assert_no_survivors(&workspace);
    }
}

/// Protects memory: a gigabyte without a line feed ends at the limit of a line, and not in this process.
#[test]
fn a_gigabyte_without_a_line_feed_takes_little_memory() {
    let workspace = workspace(2);
    write_suite(&workspace, "flood", "    retry: {attempts: 1}\n");
    let mut child = workspace.spawn(&["run", "suite.yaml", "--json", "findings.json"]);
    let mut peak_kib = 0_u64;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        std::thread::yield_now();
    }
    let findings = workspace.json("findings.json");
    assert_eq!(errors(&findings)["too_large"], 2, "{findings}");
    assert!(peak_kib < 200 * 1024, "{peak_kib} KiB");
    assert_no_survivors(&workspace);
}

/// Protects machines: after Ctrl-C no process is left, neither the program nor what it forked, even if it ignores
/// every polite request.
#[cfg(unix)]
#[test]
fn nothing_survives_an_interruption() {
    for stubborn in [false, true] {
        let workspace = workspace(50);
        if stubborn {
            let script = "trap '' TERM INT HUP; echo $$ >> pids; sleep 300 & echo $! >> pids; while :; do sleep 1; done";
            workspace.write("stubborn.sh", script);
            workspace.write(
                "suite.yaml",
                "version: 1\nname: programs\ntargets:\n  - {name: t, provider: exec, command: [sh, stubborn.sh], workers: 3}\n\
                 tasks:\n  - {name: answers, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n",
            );
        } else {
            write_suite(&workspace, "fork", "    workers: 3\n");
        }
        let mut child = workspace.spawn(&["run", "suite.yaml"]);
        while pids(&workspace).len() < 6 {
            assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
            std::thread::yield_now();
        }
        let interrupt = |_| {
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()
                .unwrap()
        };
        // The second says that nobody waits for calls under way.
        (0..2).for_each(|nth| assert!(interrupt(nth).success()));
        let status = child.wait().unwrap();
        assert!(matches!(status.code(), Some(130)), "{status:?}");
        assert_no_survivors(&workspace);
    }
}

/// Protects machines from the worst end of this process too: after `kill -9` a program reads the end of its input, and one
/// that heeds it is gone.
#[cfg(unix)]
#[test]
fn a_program_ends_with_its_input() {
    let workspace = workspace(2);
    // Waits for four requests, of which there are two.
    write_suite(&workspace, "backwards", "    in_flight: 8\n");
    let mut child = workspace.spawn(&["run", "suite.yaml"]);
    while pids(&workspace).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in pids(&workspace) {
        while is_alive(pid) == Some(true) {
            std::thread::yield_now();
        }
    }
}

/// Protects secrets and repeatability: a program gets the variables that the suite names and a few common ones, and a
/// value that it prints is not repeated.
#[test]
fn the_environment_is_what_the_suite_names() {
    let workspace = workspace(1);
    write_suite(&workspace, "variables", "    env: [PUPPET_KEY]\n");
    let canary = "canary-0123456789";
    let with_key = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        command.env("PUPPET_KEY", canary).env("OTHER_KEY", "x");
        Finished::of(command.output())
    };
    let _ = with_key(&["run", "suite.yaml"]).expect_code(0);
    let output = samples(&workspace)[0].to_string();
    assert!(
        output.contains("PUPPET_KEY") && output.contains("PATH"),
        "{output}"
    );
    assert!(
        !output.contains("OTHER_KEY") && !output.contains("CI"),
        "{output}"
    );

    write_suite(
        &workspace,
        "tell",
        "    env: [PUPPET_KEY]\n    retry: {attempts: 1}\n",
    );
    let told = with_key(&["run", "suite.yaml"]).expect_code(0);
    let output = samples(&workspace)[0].to_string();
    assert!(output.contains("the key is [redacted]"), "{output}");
    assert!(
        ![told.stdout, told.stderr, output]
            .iter()
            .any(|text| text.contains(canary))
    );

    let unset = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(
        unset
            .stderr
            .contains("the environment variable PUPPET_KEY is not set"),
        "{}",
        unset.stderr
    );
    assert!(unset.stderr.contains("suite.yaml:7:"), "{}", unset.stderr);
}

/// Protects people from late errors: what can be known of a program is said before the first call, at its place.
#[test]
fn unusable_programs_are_refused_early() {
    let workspace = workspace(1);
    workspace.write("plain.txt", "not a program");
    for (command, more, words) in [
        (
            "[no-such-program-here]",
            "",
            "there is no program `no-such-program-here` in PATH",
        ),
        ("[./absent.sh]", "", "there is no program `./absent.sh`"),
        ("[plain.txt]", "", "write it as a path, with `./` before it"),
        ("[./plain.txt]", "", "may not be executed"),
        ("[sh]", "    cwd: nowhere\n", "is no folder"),
        ("[\"a\\0b\"]", "", "NUL"),
    ] {
        workspace.write(
            "suite.yaml",
            format!(
                "version: 1\nname: programs\ntargets:\n  - name: t\n    provider: exec\n    command: {command}\n{more}\
                 tasks:\n  - {{name: answers, dataset: {{path: cases.jsonl}}, scorers: [exact_match]}}\n"
            ),
        );
        let refused = workspace.run(&["run", "suite.yaml"]).expect_code(2);
        assert!(refused.stderr.contains(words), "{command}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("suite.yaml:"),
            "{command}: {}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    }
}

/// Protects the record: a script that was edited is another plan, so its answers are never mixed with the old ones.
#[cfg(unix)]
#[test]
fn an_edited_script_is_another_plan() {
    let workspace = workspace(3);
    let script = "while read -r line; do echo '{\"output\": \"ANSWER\"}'; done\n";
    workspace.write("bot.sh", script);
    workspace.write(
        "suite.yaml",
        "version: 1\nname: programs\ntargets:\n  - {name: t, provider: exec, command: [sh, bot.sh]}\n\
         tasks:\n  - {name: answers, dataset: {path: cases.jsonl}, scorers: [exact_match]}\n",
    );
    let (_, first) = run(&workspace);
    let again = workspace.run(&["run", "suite.yaml", "--resume"]).expect_code(0);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
    workspace.write("bot.sh", script.replace("ANSWER", "answer 1"));
    let (_, second) = run(&workspace);
    assert_ne!(first["plan_hash"], second["plan_hash"]);
    assert_eq!(metric(&second, "exact_match").unwrap()["n_scored"], 3);
}
