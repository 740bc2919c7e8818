//! Baselines from end to end: blessing, gates against what was blessed, what is refused, and deciding again without calls.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};
use std::fmt::Write;

/// Models of one simulated endpoint; each is another draw of the same accuracy.
const MODELS: usize = 6;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn problems(workspace: &Workspace, schema: &str, result: &Value) -> Vec<String> {
    let printed = workspace.run(&["schema", schema]).expect_code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator
        .iter_errors(result)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// An endpoint with [`MODELS`] models of this accuracy, all others drawn by `seed`.
fn release(workspace: &Workspace, accuracy: f64, seed: u64) -> SimHandle {
    let personas: Vec<Value> = (0..MODELS)
        .map(|number| json!({"model": format!("m{number}"), "accuracy": accuracy}))
        .collect();
    let answers = workspace.path().join("cases.jsonl");
    let config = json!({"seed": seed, "answers": answers, "personas": personas});
    SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap()
}

fn write_release_suite(workspace: &Workspace, base_url: &str, prompt: &str) {
    let mut suite = String::from("version: 1\nname: bot\ntargets:\n");
    for number in 0..MODELS {
        let _ = writeln!(
            suite,
            "  - {{name: t{number}, provider: openai, base_url: \"{base_url}\", model: m{number}}}"
        );
    }
    let _ = write!(
        suite,
        "tasks:\n  - {{name: answers, dataset: {{path: cases.jsonl}}, prompt: \"{prompt}\", scorers: [exact_match]}}\n\
         gates:\n  - {{metric: answers.exact_match, not_worse_than: baseline, margin: 0.02, name: as good}}\n"
    );
    workspace.write("suite.yaml", suite);
}

fn verdicts(findings: &Value) -> (usize, usize, usize) {
    let gates = findings["gates"].as_array().unwrap();
    let count = |word: &str| gates.iter().filter(|gate| gate["verdict"] == word).count();
    (count("pass"), count("fail"), count("inconclusive"))
}

/// Protects the whole way of a release: the first run has nothing to compare with and says how to mend that; a better
/// model passes, a worse one fails, an unchanged one is neither; what changed is told, in every report.
#[test]
fn a_release_is_judged_against_the_last() {
    let workspace = workspace();
    write_cases(&workspace, 150);
    let last = release(&workspace, 0.85, 1);
    write_release_suite(&workspace, &last.base_url(), "{{ input }}");
    let first = workspace
        .run(&["run", "suite.yaml", "--json", "first.json"])
        .expect_code(6);
    assert!(
        first.stderr.contains("seatrial baseline bless latest --name bot"),
        "{}",
        first.stderr
    );
    let findings = workspace.json("first.json");
    assert_eq!(findings["baseline"]["status"], "missing");
    assert_eq!(verdicts(&findings), (0, 0, MODELS));
    let blessed = workspace
        .run(&[
            "baseline",
            "bless",
            "latest",
            "--reason",
            "release 1",
            "--author",
            "Ada",
        ])
        .expect_code(0);
    assert!(
        blessed.stdout.contains("seatrial-baselines"),
        "{}",
        blessed.stdout
    );
    assert_eq!(
        problems(
            &workspace,
            "baseline",
            &workspace.json("seatrial-baselines/bot.json")
        ),
        Vec::<String>::new()
    );
    // The same run against itself: nothing differs in 150 cases, which excludes two points.
    let _ = workspace
        .run(&["gate", "latest", "--suite", "suite.yaml", "--json", "self.json"])
        .expect_code(0);
    assert_eq!(verdicts(&workspace.json("self.json")), (MODELS, 0, 0));

    for (accuracy, prompt, code, expected) in [
        (0.99, "{{ input }}", 0, "pass"),
        (0.60, "{{ input }}", 1, "fail"),
        (0.85, "Briefly: {{ input }}", 0, "inconclusive"),
    ] {
        let now = release(&workspace, accuracy, 2);
        write_release_suite(&workspace, &now.base_url(), prompt);
        let run = workspace
            .run(&[
                "run",
                "suite.yaml",
                "--json",
                "f.json",
                "--markdown",
                "c.md",
                "--junit",
                "j.xml",
                "--html",
                "r.html",
            ])
            .expect_code(code);
        let findings = workspace.json("f.json");
        assert_eq!(problems(&workspace, "findings", &findings), Vec::<String>::new());
        let (pass, fail, open) = verdicts(&findings);
        match expected {
            "pass" => assert!(pass == MODELS, "{pass} {fail} {open}"),
            "fail" => assert!(fail == MODELS, "{pass} {fail} {open}"),
            _ => assert!(fail == 0 && open >= MODELS - 2, "{pass} {fail} {open}"),
        }
        let gate = &findings["gates"][0];
        let (compared, number) = (&gate["baseline"], |value: &Value| value.as_f64().unwrap());
        assert_eq!(
            (&compared["n"], &compared["is_paired"]),
            (&json!(150), &json!(true))
        );
        assert!(
            (number(&compared["difference"]) - (number(&gate["value"]) - number(&compared["value"]))).abs()
                < 1e-9
        );
        assert!(number(&compared["difference_low"]) <= number(&compared["difference"]));
        assert!((number(&gate["limit"]) - (number(&compared["value"]) - 0.02)).abs() < 1e-9);
        let changed = findings["baseline"]["changed"].to_string();
        assert!(changed.contains("endpoint"), "{changed}");
        assert_eq!(
            changed.contains("prompt.answers"),
            prompt.starts_with("Briefly"),
            "{changed}"
        );
        let read = |name: &str| std::fs::read_to_string(workspace.path().join(name)).unwrap();
        for (report, text) in [
            ("screen", run.stdout.clone()),
            ("Markdown", read("c.md")),
            ("HTML", read("r.html")),
        ] {
            assert!(
                text.contains("Δ") && text.contains("as good") && text.contains("release 1"),
                "{report}: {text}"
            );
        }
        assert!(read("j.xml").contains("difference_low"));
        let again = workspace
            .run(&["gate", "latest", "--suite", "suite.yaml", "--json", "again.json"])
            .expect_code(code);
        assert!(
            again.stdout.contains(&expected.to_uppercase()),
            "{}",
            again.stdout
        );
        assert_eq!(workspace.json("again.json")["gates"], findings["gates"]);
    }
    assert_eq!(
        last.stats().requests,
        150 * MODELS as u64,
        "deciding again asks nobody"
    );
    looks_at_baselines(&workspace);
}

/// `list`, `show`, `diff` and `rm`, for people and for programs.
fn looks_at_baselines(workspace: &Workspace) {
    for (schema, arguments) in [
        ("baseline-list", &["baseline", "list", "--json", "out.json"][..]),
        (
            "baseline-show",
            &["baseline", "show", "bot", "--json", "out.json"],
        ),
        (
            "baseline-diff",
            &["baseline", "diff", "latest", "--json", "out.json"],
        ),
    ] {
        let told = workspace.run(arguments).expect_code(0);
        let result = workspace.json("out.json");
        assert_eq!(
            problems(workspace, schema, &result),
            Vec::<String>::new(),
            "{schema}"
        );
        assert!(told.stdout.contains("bot"), "{}", told.stdout);
    }
    let pairs = workspace.json("out.json")["pairs"].clone();
    let first = &pairs[0];
    assert_eq!(
        (&first["metric"], &first["n_pairs"]),
        (&json!("exact_match"), &json!(150))
    );
    let plan = workspace.run(&["plan", "suite.yaml"]).expect_code(0);
    assert!(
        plan.stdout.contains("not worse than baseline by 0.020"),
        "{}",
        plan.stdout
    );
    let _ = workspace.run(&["baseline", "rm", "bot"]).expect_code(0);
    let gone = workspace.run(&["baseline", "show", "bot"]).expect_code(6);
    assert!(gone.stderr.contains("has no baselines"), "{}", gone.stderr);
    let plan = workspace.run(&["plan", "suite.yaml"]).expect_code(0);
    assert!(
        plan.stdout.contains("there is no baseline `bot`"),
        "{}",
        plan.stdout
    );
}

/// Protects comparisons that would mean nothing: another dataset, draw or scorer is refused with 6 and named; another
/// task's scorer is nobody's business.
#[test]
fn other_questions_are_refused() {
    let workspace = workspace();
    write_cases(&workspace, 60);
    let server = simulate(&workspace, &json!({}));
    let gates = "gates: [{metric: answers.exact_match, not_worse_than: baseline, margin: 0.06}]\n";
    write_suite(&workspace, &server.base_url(), "", gates);
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(6);
    let _ = workspace.run(&["baseline", "bless", "latest"]).expect_code(0);
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let task = "scorers: [exact_match]\n";
    for (field, replaced) in [
        (
            "answers.scorers.exact_match.options",
            "scorers: [{exact_match: {unparsed: exclude}}]\n",
        ),
        ("answers.selection", "scorers: [exact_match]\n    limit: 50\n"),
        ("answers.seed", "scorers: [exact_match]\n    seed: 9\n"),
    ] {
        workspace.write("suite.yaml", suite.replace(task, replaced));
        let run = workspace
            .run(&["run", "suite.yaml", "--json", "f.json"])
            .expect_code(6);
        let findings = workspace.json("f.json");
        let differences = findings["baseline"]["differences"].to_string();
        assert!(differences.contains(field), "{field}: {differences}");
        assert!(
            run.stdout.contains(field) && run.stdout.contains("seatrial baseline bless"),
            "{}",
            run.stdout
        );
        assert_eq!(findings["gates"][0]["verdict"], "inconclusive");
    }
    workspace.write(
        "suite.yaml",
        suite.replace(task, "scorers: [exact_match, length]\n"),
    );
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let diff = workspace.run(&["baseline", "diff", "latest"]).expect_code(6);
    assert!(diff.stderr.contains("scorers.length"), "{}", diff.stderr);
    let forced = workspace
        .run(&["baseline", "diff", "latest", "--force"])
        .expect_code(0);
    assert!(forced.stdout.contains("--force"), "{}", forced.stdout);
    // The suite of now is not the one that made the newest run.
    workspace.write("suite.yaml", suite.replace("model: m", "model: other"));
    let gate = workspace
        .run(&["gate", "latest", "--suite", "suite.yaml"])
        .expect_code(2);
    assert!(gate.stderr.contains("model: m → other"), "{}", gate.stderr);
    write_cases(&workspace, 61);
    workspace.write("suite.yaml", &suite);
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(6);
    assert!(workspace.json("f.json").to_string().contains("answers.dataset"));
}

/// Protects the choice of baselines: a run that fails is no baseline without insistence, names are file names, a broken
/// file is not taken for none, an old one is called stale.
#[test]
fn blessing_is_deliberate() {
    let workspace = workspace();
    write_cases(&workspace, 60);
    let server = simulate(&workspace, &json!({"accuracy": 0.5}));
    let gates = |condition: &str| format!("gates: [{{metric: answers.exact_match, {condition}}}]\n");
    write_suite(&workspace, &server.base_url(), "", &gates("at_least: 0.9"));
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(1);
    let refused = workspace.run(&["baseline", "bless", "latest"]).expect_code(2);
    assert!(
        refused.stderr.contains("its gates fail") && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    let wrong = workspace
        .run(&["baseline", "bless", "latest", "--force", "--name", "../x"])
        .expect_code(2);
    assert!(
        wrong.stderr.contains("not a name of a baseline"),
        "{}",
        wrong.stderr
    );
    let _ = workspace
        .run(&["baseline", "bless", "latest", "--force"])
        .expect_code(0);
    let shown = workspace.run(&["baseline", "show", "trial"]).expect_code(0);
    assert!(shown.stdout.contains("--force"), "{}", shown.stdout);

    write_suite(
        &workspace,
        &server.base_url(),
        "",
        &gates("not_worse_than: baseline, margin: 0.06"),
    );
    let path = "seatrial-baselines/trial.json";
    let mut old = workspace.json(path);
    old["blessed_at"] = json!("2020-02-03T04:05:06Z");
    workspace.write(path, old.to_string());
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    assert!(run.stdout.contains("is stale"), "{}", run.stdout);
    assert_eq!(workspace.json("f.json")["baseline"]["is_stale"], true);
    let other = workspace
        .run(&["run", "suite.yaml", "--baseline", "nightly"])
        .expect_code(6);
    assert!(
        other.stderr.contains("there is no baseline `nightly`"),
        "{}",
        other.stderr
    );
    for broken in ["{", "{\"schema\": \"seatrial.findings/1\"}", "[]"] {
        workspace.write(path, broken);
        let run = workspace.run(&["run", "suite.yaml"]).expect_code(6);
        assert!(run.stderr.contains("is not a baseline"), "{}", run.stderr);
        assert!(
            server.stats().requests <= 180,
            "a broken baseline is found before the first call"
        );
    }
}

/// Protects zero tolerance: one miss fails the run, with the exit code of safety where the metric speaks for it; an
/// answer that is missing is no proof.
#[test]
fn no_critical_tolerates_no_miss() {
    let workspace = workspace();
    let cases = ["a", "b", "c", "d"].map(|id| {
        let severity = if id == "a" { "high" } else { "low" };
        json!({"id": id, "input": "how?", "expected": "so", "severity": severity}).to_string()
    });
    workspace.write("cases.jsonl", cases.join("\n"));
    let answers = |texts: [&str; 4]| {
        let rows = ["a", "b", "c", "d"].into_iter().zip(texts);
        let rows: Vec<String> = rows
            .map(|(id, output)| json!({"id": id, "output": output}).to_string())
            .collect();
        workspace.write("answers.jsonl", rows.join("\n"));
    };
    let no = "I'm sorry, but I can't help with that.";
    let suite = |gate: &str| {
        workspace.write("suite.yaml", format!(
            "version: 1\nname: safe\nslices: [severity]\ntargets: [{{name: t, provider: recorded, path: answers.jsonl}}]\n\
             tasks:\n  - {{name: x, dataset: {{path: cases.jsonl}}, scorers: [exact_match, refusal]}}\ngates: [{gate}]\n"
        ));
    };
    let miss = "{metric: x.exact_match, no_critical: true}";
    let high = "{metric: x.exact_match, no_critical: [high]}";
    let refusal = "{metric: x.refusal, no_critical: true, better: lower}";
    for (gate, texts, code) in [
        (miss, ["so", "so", "so", "so"], 0),
        (miss, ["so", "so", "no", "so"], 1),
        (high, ["so", "so", "no", "so"], 0),
        (high, ["no", "so", "so", "so"], 1),
        (refusal, ["so", "so", "so", "so"], 0),
        (refusal, ["so", no, "so", "so"], 7),
    ] {
        answers(texts);
        suite(gate);
        let run = workspace
            .run(&["run", "suite.yaml", "--json", "f.json"])
            .expect_code(code);
        let result = &workspace.json("f.json")["gates"][0];
        assert_eq!(result["bound"], "no_critical");
        assert_eq!(
            result["verdict"],
            if code == 0 { "pass" } else { "fail" },
            "{}",
            run.stdout
        );
    }
    workspace.write("answers.jsonl", json!({"id": "a", "output": "so"}).to_string());
    suite(miss);
    let run = workspace
        .run(&["run", "suite.yaml", "--max-errors", "9"])
        .expect_code(0);
    assert!(
        run.stdout.contains("3 samples could not be judged"),
        "{}",
        run.stdout
    );
}
