//! Reports through the binary: of any run on record in any form, what a run writes beside it, what GitHub Actions reads,
//! and how talkative the program is.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn read(workspace: &Workspace, name: &str) -> String {
    std::fs::read_to_string(workspace.path().join(name)).unwrap()
}

/// A failed run with gates on lines that are known.
fn failed_run(arguments: &[&str], environment: &[(&str, &str)]) -> (Workspace, Finished) {
    let workspace = workspace();
    write_cases(&workspace, 60);
    let server = simulate(&workspace, &json!({"accuracy": 0.5}));
    let rest = "slices: [group]\ngates:\n  - {metric: answers.exact_match, at_least: 0.1}\n  \
                - metric: answers.exact_match\n    at_least: 0.9\n    name: good enough\n";
    write_suite(&workspace, &server.base_url(), "", rest);
    let mut command = workspace.command(&[&["run", "suite.yaml"], arguments].concat());
    for (name, value) in environment {
        let value = value.replace("WORKSPACE", workspace.path().to_str().unwrap());
        command.env(name, value);
    }
    let run = Finished::of(command.output()).expect_code(1);
    (workspace, run)
}

/// Protects reports from the record: what `report` makes later is what `run` made, whatever the form.
#[test]
fn a_recorded_run_is_reported_again() {
    let (workspace, run) = failed_run(
        &[
            "--json",
            "f.json",
            "--junit",
            "j.xml",
            "--junit-samples",
            "--markdown",
            "c.md",
            "--html",
            "r.html",
        ],
        &[],
    );
    for (format, file) in [
        ("json", "f.json"),
        ("junit", "j.xml"),
        ("markdown", "c.md"),
        ("html", "r.html"),
    ] {
        let samples: &[&str] = if format == "junit" {
            &["--junit-samples"]
        } else {
            &[]
        };
        let again = workspace
            .run(&[&["report", "latest", "--format", format], samples].concat())
            .expect_code(0);
        assert_eq!(again.stdout, read(&workspace, file), "{format}");
    }
    let again = workspace.run(&["report", "latest"]).expect_code(0);
    assert_eq!(again.stdout, run.stdout);
    let findings = workspace.json("f.json");
    let id = findings["run_id"].as_str().unwrap();
    let gated = workspace
        .run(&[
            "report",
            id,
            "--gate",
            "--format",
            "gitlab-metrics",
            "--output",
            "m.txt",
        ])
        .expect_code(1);
    assert_eq!(gated.stdout, "");
    assert!(read(&workspace, "m.txt").ends_with("# EOF\n"));
    let issues = workspace
        .run(&["report", id, "--format", "gitlab-codequality"])
        .expect_code(0);
    let issues: Value = serde_json::from_str(&issues.stdout).unwrap();
    assert_eq!(
        issues[0]["location"],
        json!({"path": "suite.yaml", "lines": {"begin": 15}})
    );
    assert_eq!(findings["gates"][1]["place"]["line"], 15);
    let junit = read(&workspace, "j.xml");
    assert_eq!(junit.matches("classname=\"t.answers\"").count(), 60, "{junit}");
    let unknown = workspace.run(&["report", "nobody"]).expect_code(2);
    assert!(unknown.stderr.contains(id), "{}", unknown.stderr);
    let nothing = workspace.run(&["report"]).expect_code(2);
    assert!(nothing.stderr.contains("<RUN>"), "{}", nothing.stderr);
}

/// Protects the list of runs: newest first, as text and as JSON, empty or not.
#[test]
fn runs_are_listed() {
    let (workspace, _) = failed_run(&[], &[]);
    let text = workspace.run(&["report", "list"]).expect_code(0).stdout;
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("finished") && text.contains("fail") && text.contains("60/60"),
        "{text}"
    );
    let list = workspace.run(&["report", "list", "--json", "-"]).expect_code(0);
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    assert_eq!(list["schema"], "seatrial.report.list/1");
    let schema = workspace.run(&["schema", "report-list"]).expect_code(0);
    jsonschema::validate(&serde_json::from_str(&schema.stdout).unwrap(), &list).unwrap();
    assert_eq!(
        (
            list["runs"][0]["verdict"].as_str(),
            list["runs"][0]["exit_code"].as_u64()
        ),
        (Some("fail"), Some(1))
    );
    let nowhere = workspace
        .run(&["report", "list", "--store", "nowhere"])
        .expect_code(2);
    assert!(nowhere.stderr.contains("hint: "), "{}", nowhere.stderr);
}

/// Protects a pull request: annotations on the gate's line below the checkout's root, a summary, outputs; and silence
/// where it is switched off.
#[test]
fn github_is_told() {
    let environment = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_WORKSPACE", "WORKSPACE"),
        ("GITHUB_STEP_SUMMARY", "WORKSPACE/summary.md"),
        ("GITHUB_OUTPUT", "WORKSPACE/output.txt"),
    ];
    let (workspace, run) = failed_run(&["--markdown", "c.md"], &environment);
    assert!(
        run.stderr.contains(
            "::error file=suite.yaml,line=15,title=fail%3A good enough%3A answers.exact_match.mean at least 0.900::t: "
        ),
        "{}",
        run.stderr
    );
    assert!(!run.stdout.contains("::error"), "{}", run.stdout);
    assert_eq!(read(&workspace, "summary.md"), read(&workspace, "c.md"));
    let outputs = read(&workspace, "output.txt");
    assert!(
        outputs.starts_with("verdict=fail\nexit_code=1\nrun_id="),
        "{outputs}"
    );
    assert!(outputs.contains("\nreport=c.md\n"), "{outputs}");
    let (silent, run) = failed_run(&["--no-github"], &environment);
    assert!(!run.stderr.contains("::error"), "{}", run.stderr);
    assert!(!silent.path().join("summary.md").exists());
    let by_hand = silent
        .run(&["report", "latest", "--format", "github"])
        .expect_code(0);
    assert_eq!(by_hand.stdout.lines().count(), 1, "{}", by_hand.stdout);
}

/// Protects scripts: `--quiet` says the verdict alone, `--verbose` more, `--log json` only objects, errors included.
#[test]
fn the_voice_is_as_asked() {
    let (workspace, quiet) = failed_run(&["--quiet"], &[]);
    assert!(
        quiet.stdout.starts_with("FAIL") && quiet.stdout.lines().count() == 1,
        "{}",
        quiet.stdout
    );
    assert_eq!(quiet.stderr, "");
    let (_, verbose) = failed_run(&["--verbose", "--json", "f.json"], &[]);
    for said in [
        "plan ",
        "1 targets, 1 tasks, 60 samples",
        "recorded in .seatrial",
        "wrote f.json",
    ] {
        assert!(verbose.stderr.contains(said), "{said}: {}", verbose.stderr);
    }
    let (_, logged) = failed_run(&["--verbose", "--log", "json"], &[]);
    assert!(logged.stderr.lines().count() >= 2, "{}", logged.stderr);
    for line in logged.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].is_string() && line["level"].is_string() && line["time"].is_string());
    }
    let error = workspace
        .run(&["report", "nobody", "--log", "json"])
        .expect_code(2);
    let error: Value = serde_json::from_str(&error.stderr).unwrap();
    assert_eq!(
        (error["level"].as_str(), error["exit_code"].as_u64()),
        (Some("error"), Some(2))
    );
    assert!(error["hint"].as_str().unwrap().contains("newest runs"));
    let both = workspace
        .run(&["report", "list", "--quiet", "--verbose"])
        .expect_code(2);
    assert!(both.stderr.contains("--verbose"), "{}", both.stderr);
}

/// Protects two reports from being mixed on standard output, before anything is asked.
#[test]
fn one_report_at_most_goes_to_standard_output() {
    let workspace = workspace();
    workspace.write("suite.yaml", "");
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "-", "--markdown", "-"])
        .expect_code(2);
    assert!(
        run.stderr.contains("2 reports are to go to standard output"),
        "{}",
        run.stderr
    );
}

/// Protects completions and help: every shell, every command with examples in its long help.
#[test]
fn shells_complete_and_help_has_examples() {
    let workspace = workspace();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = workspace.run(&["completions", shell]).expect_code(0).stdout;
        assert!(
            script.contains("seatrial") && script.contains("junit-samples"),
            "{shell}"
        );
    }
    for command in [
        "run",
        "import",
        "demo",
        "report",
        "export",
        "sim",
        "stats",
        "text",
        "schema",
        "completions",
    ] {
        let help = workspace.run(&[command, "--help"]).expect_code(0).stdout;
        assert!(
            help.contains(&format!("Examples:\n  seatrial {command}")),
            "{command}: {help}"
        );
    }
}
