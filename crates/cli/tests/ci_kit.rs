//! Pipelines and comments through the binary: what `ci init` writes and refuses, and what `report --format pr-comment` says
//! of two runs. What CI systems make of the files is in `scripts/ci_kit.sh`.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_testkit::Workspace;
use serde_json::json;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn read(workspace: &Workspace, name: &str) -> String {
    std::fs::read_to_string(workspace.path().join(name)).unwrap()
}

/// Protects people's files, and that every hole of a template is filled.
#[test]
fn pipelines_are_written_whole_and_never_over_others() {
    let workspace = workspace();
    std::fs::create_dir(workspace.path().join("evals")).unwrap();
    workspace.write(
        "evals/suite.yaml",
        "version: 1\nname: s\ntargets:\n  - {name: t, provider: anthropic, model: m}\n  - {name: u, provider: openai, model: \
         m, api_key_env: OTHER_KEY}\ntasks:\n  - {name: a, dataset: {cases: [{id: 1, input: q, expected: a}]}, scorers: \
         [exact_match]}\n",
    );
    for (system, path) in [
        ("github", ".github/workflows/seatrial.yml"),
        ("gitlab", ".gitlab-ci.yml"),
        ("jenkins", "Jenkinsfile"),
        ("azure", "azure-pipelines.yml"),
    ] {
        let arguments = [
            "ci",
            "init",
            system,
            "--suite",
            "evals/suite.yaml",
            "--main-branch",
            "trunk",
        ];
        let done = workspace.run(&arguments).expect_code(0);
        assert!(
            done.stderr.contains("ANTHROPIC_API_KEY OTHER_KEY"),
            "{}",
            done.stderr
        );
        let text = read(&workspace, path);
        for hole in [
            "@SUITE@",
            "@KEYS@",
            "@KEY_NAMES@",
            "@VERSION@",
            "@BRANCH@",
            "@INSTALL@",
            "@UPSERT@",
        ] {
            assert!(!text.contains(hole), "{system}: {hole}");
        }
        assert!(
            text.contains("evals/suite.yaml") && text.contains("OTHER_KEY"),
            "{text}"
        );
        assert_eq!(text.contains("trunk"), system != "gitlab", "{text}");
        assert!(text.contains("cargo install --locked seatrial@"), "{text}");

        workspace.write(path, "mine");
        let refused = workspace.run(&["ci", "init", system]).expect_code(2);
        assert!(refused.stderr.contains("is there already"), "{}", refused.stderr);
        assert_eq!(read(&workspace, path), "mine");
        let _ = workspace
            .run(&[
                "ci",
                "init",
                system,
                "--force",
                "--install-from",
                "https://git.example.com/a/b",
            ])
            .expect_code(0);
        assert!(read(&workspace, path).contains("--git https://git.example.com/a/b --tag v"));
    }
    let shown = workspace
        .run(&["ci", "init", "github", "--output", "-"])
        .expect_code(0);
    assert!(shown.stdout.starts_with("# Made by `seatrial ci init github`"));
}

/// Protects pipelines from values that a shell, YAML or Groovy would take for its own.
#[test]
fn values_that_mean_something_elsewhere_are_refused() {
    let workspace = workspace();
    for value in ["a b.yaml", "a'b", "$(id)", "a\nb", "${{ secrets.X }}", "-x", ""] {
        let done = workspace
            .run(&["ci", "init", "jenkins", &format!("--suite={value}")])
            .expect_code(2);
        assert!(done.stderr.contains("--suite"), "{}", done.stderr);
        let branch = format!("--main-branch={value}");
        let _ = workspace.run(&["ci", "init", "github", &branch]).expect_code(2);
    }
    workspace.write("suite.yaml", "version: 1\nnam: s\n");
    let done = workspace.run(&["ci", "init", "github"]).expect_code(2);
    assert!(done.stderr.contains("suite.yaml:2:1"), "{}", done.stderr);
    assert!(!workspace.path().join(".github").exists());
}

/// Protects the one script from becoming two: a published crate holds its own copy, and the action needs one beside it.
#[test]
fn action_and_workflow_share_their_script() {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: &str| std::fs::read_to_string(own.join(path)).unwrap();
    assert_eq!(
        text("assets/ci/upsert_comment.sh"),
        text("../../action/upsert_comment.sh")
    );
}

/// A run of recorded answers; `right` says which of 60 cases are right in which of 3 epochs.
fn run(workspace: &Workspace, gates: &str, right: &dyn Fn(u32, u32) -> bool) {
    let (mut cases, mut answers) = (String::new(), String::new());
    for case in 0..60 {
        let id = format!("c{case}");
        cases += &format!(
            "{}\n",
            json!({"id": id, "input": format!("Question {case}?"), "expected": "yes"})
        );
        for epoch in 0..3 {
            let output = if right(case, epoch) { "yes" } else { "no" };
            answers += &format!(
                "{}\n",
                json!({"id": id, "output": output, "latency_ms": 100 + case})
            );
        }
    }
    workspace.write("cases.jsonl", cases);
    workspace.write("answers.jsonl", answers);
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n  - {{name: t, provider: recorded, path: answers.jsonl, latency_ms_field: \
             latency_ms}}\ntasks:\n  - {{name: a, dataset: {{path: cases.jsonl}}, epochs: 3, scorers: [exact_match]}}\n{gates}"
        ),
    );
    let _ = workspace.run(&["run", "suite.yaml", "--quiet"]).expect_code(0);
}

/// Protects the comment end to end: against the baseline where there is one, against a run that is named, and against
/// nothing; flips with their history and texts of both runs.
#[test]
fn a_comment_compares_with_the_baseline() {
    let workspace = workspace();
    run(&workspace, "", &|case, _| case % 6 != 0);
    let comment = |extra: &[&str]| {
        let mut arguments = vec!["report", "latest", "--format", "pr-comment"];
        arguments.extend(extra);
        workspace.run(&arguments).expect_code(0).stdout
    };
    let first = comment(&[]);
    assert!(
        first.starts_with("<!-- seatrial:trial -->\n") && !first.contains("Compared with"),
        "{first}"
    );
    let _ = workspace
        .run(&["baseline", "bless", "latest", "--reason", "first"])
        .expect_code(0);
    assert!(
        !comment(&[]).contains("Compared with"),
        "a blessed run is no change to itself"
    );

    let gate =
        "gates:\n  - {metric: a.exact_match, not_worse_than: baseline, margin: 0.5, name: no step back}\n";
    run(&workspace, gate, &|case, epoch| {
        case % 4 != 0 && !(case % 7 == 0 && epoch == 1)
    });
    let text = comment(&[]);
    for part in [
        "Compared with baseline trial (run ",
        "| no step back<br>`a.exact_match.mean` | `t` | 0.833 | 0.717",
        "| -0.117 [",
        "<summary>10 newly failing</summary>",
        "- `c16` in `a`, `t`: 3/3 → 0/3 right",
        "<summary>4 newly passing</summary>",
        "<summary>6 flaky</summary>",
        "- `c14` in `a`, `t`: 3/3 → 2/3 right",
        "before:\n```text\nyes\n```\n\nnow:\n```text\nno\n```",
        "| `a.latency_ms.p50` | `t` | 130 ms | 130 ms [",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // The same against the run itself, and against one that is not there.
    let runs = workspace
        .run(&["report", "list", "--json", "-"])
        .expect_code(0)
        .stdout;
    let runs: serde_json::Value = serde_json::from_str(&runs).unwrap();
    let oldest = runs["runs"].as_array().unwrap().last().unwrap()["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = comment(&["--against", &oldest]);
    assert!(
        text.contains(&format!("Compared with run {oldest}")) && text.contains("10 newly failing"),
        "{text}"
    );
    let _ = workspace
        .run(&[
            "report",
            "latest",
            "--format",
            "pr-comment",
            "--against",
            "20200101T000000-000000",
        ])
        .expect_code(2);
    // A file that is no baseline is said to be none.
    workspace.write("seatrial-baselines/trial.json", "{}");
    let broken = workspace
        .run(&["report", "latest", "--format", "pr-comment"])
        .expect_code(6);
    assert!(broken.stderr.contains("is not a baseline"), "{}", broken.stderr);
}
