//! Configurations of promptfoo through the binary: import, run, and its own verdicts row by row. Apart from the imports
//! of recorded runs, because a suite comes out of this one.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::Workspace;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/promptfoo")
        .join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Protects the meaning of every supported assertion: the verdicts and scores that promptfoo itself gave
/// (`scripts/promptfoo_parity.sh --record`), but for the differences that are written down with their reason.
#[test]
fn verdicts_are_those_of_promptfoo() {
    let workspace = workspace();
    for name in ["parity.yaml", "parity.csv"] {
        workspace.write(name, read(name));
    }
    assert!(compare_with_promptfoo(&workspace, "parity.yaml", "verdicts.json") > 400);
}

/// Protects the same of checks that ask: vectors of an embeddings model, log probabilities of the target.
#[test]
fn verdicts_are_those_of_promptfoo_where_a_model_is_asked() {
    let workspace = workspace();
    let answers = workspace.write("perplexity-answers.jsonl", read("perplexity-answers.jsonl"));
    let config = json!({"seed": 1, "answers": answers, "personas": [{"model": "*"}]});
    let server = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
    for (name, rows) in [("similar", 70), ("perplexity", 40)] {
        let suite = format!("{name}.yaml");
        workspace.write(&suite, read(&suite).replace("@BASE_URL@", &server.base_url()));
        assert!(compare_with_promptfoo(&workspace, &suite, &format!("{name}-verdicts.json")) > rows);
    }
}

/// Imports and runs a configuration and holds its rows against recorded verdicts; how many there are.
fn compare_with_promptfoo(workspace: &Workspace, configuration: &str, verdicts: &str) -> usize {
    let _ = workspace
        .run(&["import", "promptfoo", configuration, "--out", "ours", "--force"])
        .expect_code(0);
    let _ = workspace.run(&["run", "ours/suite.yaml"]).expect_code(0);
    let exported = workspace
        .run(&["export", "latest", "--format", "jsonl"])
        .expect_code(0);
    let mut ours: HashMap<String, (bool, f64)> = HashMap::new();
    for sample in lines(&exported.stdout) {
        let mut values = sample["scores"]
            .as_array()
            .unwrap()
            .iter()
            .map(|score| score["value"].as_f64());
        let passes = values.next().unwrap() == Some(1.0);
        let score = values.next().unwrap().unwrap_or(0.0);
        ours.insert(sample["id"].as_str().unwrap().to_owned(), (passes, score));
    }
    let recorded: Value = serde_json::from_str(&read(verdicts)).unwrap();
    let explained: Vec<Value> = serde_json::from_str(&read("differences.json")).unwrap();
    let is_explained = |row: &Value| explained.iter().any(|item| item["what"] == row["what"]);
    let rows = recorded["rows"].as_array().unwrap();
    assert_eq!(ours.len(), rows.len());
    let mut differences = Vec::new();
    for row in rows {
        let (passes, score) = ours[row["case"].as_str().unwrap()];
        let theirs = row["score"].as_f64().unwrap().clamp(0.0, 1.0);
        let same = passes == row["passes"].as_bool().unwrap() && (score - theirs).abs() < 1e-5;
        if same == is_explained(row) {
            differences.push(format!("{row} against {passes} {score}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    rows.len()
}

/// Protects what the suite says of who is asked for vectors, and that a second model, one without counterpart and a hosted
/// classifier are named instead of being dropped.
#[test]
fn checks_that_ask_name_their_model() {
    let workspace = workspace();
    workspace.write(
        "config.yaml",
        r#"prompts: ['{{q}}']
providers: [echo]
defaultTest: {vars: {q: hi}}
tests:
  - assert: [{type: similar, value: a}]
  - assert: [{type: similar, value: a, provider: 'openai:embedding:text-embedding-3-small'}]
  - assert: [{type: similar, value: a, provider: 'huggingface:sentence-similarity:x'}]
  - assert: [{type: classifier, value: a}]
  - assert: [{type: perplexity, threshold: 9}]
"#,
    );
    let _ = workspace
        .run(&[
            "import",
            "promptfoo",
            "config.yaml",
            "--out",
            "ours",
            "--json",
            "report.json",
        ])
        .expect_code(0);
    let report = workspace.json("report.json");
    let left_out = report["left_out"].as_array().unwrap();
    let why = |at: usize| left_out[at]["why"].as_str().unwrap();
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(
        why(0).contains("ask one") && left_out[0]["place"] == "config.yaml:6:14",
        "{left_out:?}"
    );
    assert!(why(1).contains("is no model of embeddings") && why(2).contains("scorer `http`"));
    let suite = std::fs::read_to_string(workspace.path().join("ours/suite.yaml")).unwrap();
    assert!(
        suite.contains("    model: \"text-embedding-3-large\"\n"),
        "{suite}"
    );
    assert!(
        suite.contains("model: embeddings, log_probabilities: true}"),
        "{suite}"
    );
    // Recorded answers tell no log probabilities: unparsed with a reason, and never a number.
    let run = "version: 1\nname: p\ntargets:\n  - {name: t, provider: recorded, path: answers.jsonl}\ntasks:\n  - name: a\n    \
               dataset: {cases: [{id: 1, input: q}]}\n    scorers: [perplexity, perplexity_score]\n";
    workspace.write("suite.yaml", run);
    workspace.write("answers.jsonl", "{\"id\": 1, \"output\": \"x\"}\n");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "f.json"])
        .expect_code(0);
    let findings = workspace.json("f.json");
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    for name in ["perplexity", "perplexity_score"] {
        let metric = metrics.iter().find(|metric| metric["metric"] == name).unwrap();
        assert_eq!(
            (&metric["value"], &metric["n_unparsed"]),
            (&Value::Null, &json!(1))
        );
    }
    let exported = workspace
        .run(&["export", "latest", "--format", "jsonl"])
        .expect_code(0);
    assert!(
        exported.stdout.contains("told no log probabilities"),
        "{}",
        exported.stdout
    );
}

const CONFIGURATION: &str = r#"description: Support bot
prompts:
  - "Answer {{ question }} in {{ language }}."
  - id: formal
    label: formal
    raw: |
      [{"role": "system", "content": "Be formal."}, {"role": "user", "content": "{{ question }}"}]
providers:
  - echo
  - id: openai:gpt-4o-mini
    label: small
    config: {temperature: 0, max_tokens: 50, apiKey: sk-secret-canary, showThinking: false}
  - anthropic:messages:claude-3-5-haiku-latest
  - "exec: ./my-bot.sh"
evaluateOptions: {repeat: 2, maxConcurrency: 3}
derivedMetrics: [{name: f1, value: a / b}]
defaultTest:
  vars: {language: English}
  assert:
    - {type: llm-rubric, value: "is polite to {{ user }}"}
scenarios:
  - config:
      - vars: {question: "Where is {{ place }}?", place: Rome}
    tests:
      - assert: [{type: contains, value: "{{ place }}", metric: Place}]
tests:
  - vars: {question: [Who?, Why?]}
    threshold: 0.5
    assert:
      - {type: icontains, value: who}
      - {type: javascript, value: output.length > 3}
  - vars: {question: file://question.txt}
    prompts: [formal]
    assert:
      - $ref: '#/assertionTemplates/long'
      - {type: is-json, value: file://schema.json}
      - {type: is-valid-function-call}
assertionTemplates:
  long: {type: word-count, value: {min: 3}}
"#;

/// Protects the way of each part: what becomes a target, a task, a case, a check, a stub, a line with its place.
#[test]
fn everything_is_carried_over_or_named() {
    let workspace = workspace();
    workspace.write("promptfooconfig.yaml", CONFIGURATION);
    workspace.write("question.txt", "What is this about?\n");
    workspace.write("schema.json", r#"{"type": "object"}"#);
    let finished = workspace
        .run(&[
            "import",
            "promptfoo",
            "promptfooconfig.yaml",
            "--json",
            "import.json",
        ])
        .expect_code(0);
    assert!(
        finished.stdout.contains("promptfooconfig.yaml:31:9: javascript:"),
        "{}",
        finished.stdout
    );
    let report = workspace.json("import.json");
    assert_eq!(report["schema"], "seatrial.import.promptfoo/1");
    assert_eq!(
        report["targets"],
        json!([
            "echo",
            "small",
            "anthropic-messages-claude-3-5-haiku-latest",
            "exec-my-bot-sh"
        ])
    );
    assert_eq!(report["tasks"], json!(["prompt-1", "formal"]));
    assert_eq!(
        report["cases"], 7,
        "two and a scenario for both prompts, one for one of them"
    );
    assert_eq!(report["judges"], json!({"llm-rubric": 4}));
    assert_eq!(
        report["checks"],
        json!({"contains": 1, "icontains": 2, "is-json": 1, "word-count": 1})
    );
    let left_out: Vec<String> = report["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            format!(
                "{} {}",
                item["place"].as_str().unwrap(),
                item["what"].as_str().unwrap()
            )
        })
        .collect();
    for expected in [
        "promptfooconfig.yaml:16:17 derivedMetrics",
        "promptfooconfig.yaml:10:5 providers.config.apiKey",
        "promptfooconfig.yaml:10:5 providers.config.showThinking",
        "promptfooconfig.yaml:14:5 provider exec: ./my-bot.sh",
        "promptfooconfig.yaml:31:9 javascript",
        "promptfooconfig.yaml:37:9 is-valid-function-call",
        "promptfooconfig.yaml:27:5 threshold",
    ] {
        assert!(
            left_out.iter().any(|found| found == expected),
            "{expected} is not in {left_out:#?}"
        );
    }
    let suite = std::fs::read_to_string(workspace.path().join("promptfoo-suite/suite.yaml")).unwrap();
    assert!(!suite.contains("canary"), "keys do not get into the suite");
    assert!(
        suite.contains("epochs: 2") && suite.contains("limits: {concurrency: 3}"),
        "{suite}"
    );
    assert!(
        suite.contains("{role: system, content: \"Be formal.\"}") && suite.contains("named: [\"Place\"]")
    );
    let cases = std::fs::read_to_string(workspace.path().join("promptfoo-suite/cases-1.jsonl")).unwrap();
    let first = &lines(&cases)[0];
    assert_eq!(
        *first,
        json!({"_id": "p1-1", "question": "Who?", "language": "English",
               "_checks": {"threshold": 0.5, "assert": [{"type": "icontains", "value": "who"}]},
               "_judges": [{"type": "llm-rubric", "value": "is polite to "}],
               "_left_out": [{"type": "javascript", "value": "output.length > 3"}]})
    );
    let strict = ["import", "promptfoo", "promptfooconfig.yaml", "--strict"];
    let _ = workspace.run(&strict).expect_code(2);
}

/// Protects checks of calls: the tools of the provider become parameters of the target and the value of the check, and an
/// import where they are unknown or not the same says so.
#[test]
fn tools_go_to_the_checks() {
    let workspace = workspace();
    let tool = |name: &str| {
        format!("[{{type: function, function: {{name: {name}, parameters: {{type: object}}}}}}]")
    };
    let provider = |tools: &str| format!("  - {{id: openai:chat:m, config: {{tools: {tools}}}}}\n");
    let tests =
        "prompts: ['{{q}}']\ntests:\n  - vars: {q: a}\n    assert: [{type: is-valid-openai-tools-call}]\n";
    let imported = |providers: &str, code: i32| {
        workspace.write("c.yaml", format!("{tests}providers:\n{providers}"));
        let import = [
            "import",
            "promptfoo",
            "c.yaml",
            "--out",
            "out",
            "--force",
            "--strict",
        ];
        workspace.run(&import).expect_code(code)
    };
    let _ = imported(&[provider(&tool("f")), provider(&tool("f"))].concat(), 0);
    let read = |name: &str| std::fs::read_to_string(workspace.path().join("out").join(name)).unwrap();
    let cases = read("cases.jsonl");
    let check = &lines(&cases)[0]["_checks"][0];
    assert_eq!(check["value"][0]["function"]["name"], "f", "{cases}");
    assert!(read("suite.yaml").contains("tools"));
    for (providers, why) in [
        (
            provider(&tool("f")) + &provider(&tool("g")),
            "offer different tools",
        ),
        ("  - openai:chat:m\n".to_owned(), "offers tools"),
    ] {
        let refused = imported(&providers, 2);
        let said = refused.stdout + &refused.stderr;
        assert!(said.contains(why), "{said}");
    }
}

/// Protects files that somebody wrote, and the messages of configurations that cannot become a suite.
#[test]
fn mistakes_are_placed() {
    let workspace = workspace();
    let refused = |text: &str, expected: &str| {
        workspace.write("c.yaml", text);
        let finished = workspace.run(&["import", "promptfoo", "c.yaml"]).expect_code(2);
        assert!(
            finished.stderr.contains(expected),
            "{expected} is not in\n{}",
            finished.stderr
        );
    };
    refused("prompts: [a\n", "c.yaml:");
    refused("[1]", "c.yaml:1:1: the file holds no map");
    refused("prompts: [a]\n", "there are neither `providers` nor `targets`");
    refused(
        "prompts: [file://missing.txt]\nproviders: [echo]\n",
        "missing.txt",
    );
    refused(
        "prompts: [file://p.py]\nproviders: [echo]\n",
        "no prompt can be carried over",
    );
    refused("prompts: [a]\nproviders: [echo]\ntests: cases.csv\n", "cases.csv");
    workspace.write("broken.jsonl", "{\"vars\": {}}\nnope\n");
    refused(
        "prompts: [a]\nproviders: [echo]\ntests: broken.jsonl\n",
        "broken.jsonl:2:1",
    );
    let missing = workspace
        .run(&["import", "promptfoo", "nothing.yaml"])
        .expect_code(2);
    assert!(
        missing.stderr.contains("failed to read nothing.yaml"),
        "{}",
        missing.stderr
    );

    workspace.write("good.yaml", "prompts: [a]\nproviders: [echo]\n");
    std::fs::create_dir(workspace.path().join("mine")).unwrap();
    workspace.write("mine/suite.yaml", "version: 1\n");
    let import = ["import", "promptfoo", "good.yaml", "--out", "mine"];
    let kept = workspace.run(&import).expect_code(2);
    assert!(
        kept.stderr.contains("was not made by this command"),
        "{}",
        kept.stderr
    );
    assert_eq!(
        std::fs::read_to_string(workspace.path().join("mine/suite.yaml")).unwrap(),
        "version: 1\n"
    );
    let _ = workspace
        .run(&[&import[..], &["--force"]].concat())
        .expect_code(0);
    let _ = workspace.run(&import).expect_code(0);
    let _ = workspace.run(&["run", "mine/suite.yaml"]).expect_code(0);
}
