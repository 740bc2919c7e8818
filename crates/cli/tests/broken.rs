//! Wrong suites, datasets and endpoints: the right exit code, an error that names the place and the remedy, and nothing
//! left behind by a run that could not start.

use seatrial_testkit::{Finished, Workspace};
use std::fmt::Write;

/// A wrong input: what is written, what the error must say, how the program ends.
struct Broken {
    name: &'static str,
    /// Replaces this part of the good suite …
    from: &'static str,
    /// … by this.
    to: &'static str,
    /// The dataset.
    cases: &'static [u8],
    /// Every one of these is in the error.
    says: &'static [&'static str],
    code: i32,
}

const SUITE: &str = "version: 1
name: broken
targets:
  - name: t
    provider: openai
    base_url: http://127.0.0.1:1/v1
    model: m
    retry: {attempts: 1}
tasks:
  - name: answers
    dataset: {path: cases.jsonl}
    prompt: \"{{ input }}\"
    scorers: [exact_match]
gates:
  - {metric: answers.exact_match, at_least: 0.5}
";
const GOOD: &[u8] =
    b"{\"id\":1,\"input\":\"a\",\"answer\":\"b\"}\n{\"id\":2,\"input\":\"a\",\"answer\":\"b\"}\n";

const fn suite(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    says: &'static [&'static str],
) -> Broken {
    Broken {
        name,
        from,
        to,
        cases: GOOD,
        says,
        code: 2,
    }
}

const fn data(name: &'static str, cases: &'static [u8], says: &'static [&'static str]) -> Broken {
    Broken {
        name,
        from: "",
        to: "",
        cases,
        says,
        code: 2,
    }
}

const TABLE: &[Broken] = &[
    suite(
        "misspelt key",
        "targets:",
        "tragets:",
        &["suite.yaml:3:1", "targets", "hint"],
    ),
    suite(
        "misspelt key below",
        "base_url",
        "base_ulr",
        &["suite.yaml:6", "base_url"],
    ),
    suite("no version", "version: 1\n", "", &["version"]),
    suite(
        "future version",
        "version: 1",
        "version: 2",
        &["suite.yaml:1", "1"],
    ),
    suite(
        "tab in YAML",
        "    model: m",
        "\tmodel: m",
        &["suite.yaml:6", "tab"],
    ),
    suite(
        "unclosed bracket",
        "scorers: [exact_match]",
        "scorers: [exact_match",
        &["suite.yaml"],
    ),
    suite(
        "twice the same key",
        "    model: m",
        "    model: m\n    model: n",
        &["suite.yaml:8", "model"],
    ),
    suite(
        "unknown provider",
        "provider: openai",
        "provider: opnai",
        &["suite.yaml:5", "openai"],
    ),
    suite(
        "provider of a later version",
        "provider: openai",
        "provider: gemini",
        &["gemini", "openai"],
    ),
    suite("no model", "    model: m\n", "", &["model"]),
    suite(
        "no scheme",
        "http://127.0.0.1:1/v1",
        "127.0.0.1/v1",
        &["suite.yaml:6", "http"],
    ),
    suite(
        "key in the suite",
        "    model: m",
        "    model: m\n    api_key_env: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
        &["suite.yaml:8", "environment variable"],
    ),
    suite(
        "absent key",
        "http://127.0.0.1:1/v1",
        "https://api.example.invalid/v1",
        &["OPENAI_API_KEY", "hint"],
    ),
    suite(
        "no such scorer",
        "exact_match]",
        "exact_mach]",
        &["suite.yaml:13", "exact_match"],
    ),
    suite(
        "no such option",
        "[exact_match]",
        "[{exact_match: {normalize: [trim]}}]",
        &["suite.yaml:13", "normalise"],
    ),
    suite(
        "bad regex",
        "[exact_match]",
        "[exact_match, {regex: {pattern: \"(\"}}]",
        &["suite.yaml:13", "pattern"],
    ),
    suite(
        "bad extraction",
        "[exact_match]",
        "[{exact_match: {extract: [last_nubmer]}}]",
        &["suite.yaml:13", "last_number"],
    ),
    suite(
        "template does not close",
        "{{ input }}",
        "{{ input",
        &["suite.yaml:12"],
    ),
    suite(
        "template asks for a column that is not there",
        "{{ input }}",
        "{{ question }}",
        &["cases.jsonl:1", "undefined", "the row has"],
    ),
    suite(
        "no such dataset",
        "cases.jsonl",
        "cazes.jsonl",
        &["cazes.jsonl", "relative to the suite file"],
    ),
    suite(
        "dataset is a folder",
        "path: cases.jsonl",
        "{path: ., format: jsonl}",
        &["suite.yaml"],
    ),
    suite(
        "unknown form of dataset",
        "cases.jsonl",
        "cases.xlsx",
        &["suite.yaml:11", "jsonl"],
    ),
    suite(
        "gate on no metric",
        "answers.exact_match",
        "answers.exact_mach",
        &["suite.yaml:15", "exact_match"],
    ),
    suite(
        "gate in percent",
        "at_least: 0.5",
        "at_least: 95",
        &["suite.yaml:15", "0.95"],
    ),
    suite(
        "gate without bound",
        ", at_least: 0.5",
        "",
        &["suite.yaml:15", "at_least"],
    ),
    suite(
        "risk of one",
        "at_least: 0.5",
        "at_least: 0.5, risk: 1",
        &["suite.yaml:15", "0.5"],
    ),
    suite(
        "limit and first",
        "    prompt:",
        "    limit: 1\n    first: 1\n    prompt:",
        &["limit", "first"],
    ),
    suite(
        "no repetition",
        "    prompt:",
        "    epochs: 0\n    prompt:",
        &["suite.yaml:12", "1"],
    ),
    suite(
        "no slice column",
        "gates:",
        "slices: [topic]\ngates:",
        &["cases.jsonl:1", "topic"],
    ),
    suite(
        "cluster column is missing",
        "    prompt:",
        "    cluster: topic\n    prompt:",
        &["cases.jsonl:1", "topic"],
    ),
    suite(
        "negative price",
        "    model: m",
        "    model: m\n    price: {input_usd_per_mtok: -1, output_usd_per_mtok: 1}",
        &["suite.yaml:8", "-1"],
    ),
    suite(
        "no concurrency",
        "    model: m",
        "    model: m\n    limits: {concurrency: 0}",
        &["suite.yaml:8", "concurrency"],
    ),
    suite(
        "recorded file is missing",
        "provider: openai\n    base_url: http://127.0.0.1:1/v1\n    model: m\n    retry: {attempts: 1}",
        "provider: recorded\n    path: answers.jsonl",
        &["answers.jsonl"],
    ),
    suite(
        "recorded row is wrong",
        "provider: openai\n    base_url: http://127.0.0.1:1/v1\n    model: m\n    retry: {attempts: 1}",
        "provider: recorded\n    path: suite.yaml",
        &["suite.yaml", "line"],
    ),
    data("empty dataset", b"", &["cases.jsonl", "no rows"]),
    data(
        "not JSON",
        b"{\"id\":1,\"input\":\"a\",\"answer\":1}\nhello\n",
        &["cases.jsonl:2", "row 2", "hint"],
    ),
    data(
        "a JSON array",
        b"[{\"id\":1}]\n",
        &["cases.jsonl:1", "expected a JSON object, found a list"],
    ),
    data(
        "not UTF-8",
        b"{\"id\":1,\"input\":\"\xff\"}\n",
        &["cases.jsonl:1", "invalid UTF-8"],
    ),
    data(
        "id used twice",
        b"{\"id\":1,\"input\":\"a\",\"answer\":1}\n{\"id\":1,\"input\":\"a\",\"answer\":1}\n",
        &["cases.jsonl:2", "already used in row 1"],
    ),
    data(
        "no reference",
        b"{\"id\":1,\"input\":\"a\"}\n",
        &["cases.jsonl:1", "no reference", "fields"],
    ),
    Broken {
        name: "nobody listens",
        from: "",
        to: "",
        cases: GOOD,
        says: &["errors"],
        code: 4,
    },
];

/// Protects the promise that every error says where and what to do, and ends with the documented code.
#[test]
fn every_wrong_input_is_named() {
    assert!(TABLE.len() >= 25);
    let mut wrong = String::new();
    for case in TABLE {
        let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
        let text = if case.from.is_empty() {
            SUITE.to_owned()
        } else {
            SUITE.replacen(case.from, case.to, 1)
        };
        assert!(
            case.from.is_empty() || text != SUITE,
            "{} changes nothing",
            case.name
        );
        workspace.write("suite.yaml", text);
        workspace.write("cases.jsonl", case.cases);
        let run = workspace.run(&["run", "suite.yaml", "--json", "f.json"]);
        let said = format!("{}{}", run.stdout, run.stderr);
        let missing: Vec<_> = case.says.iter().filter(|part| !said.contains(**part)).collect();
        if run.code != case.code || !missing.is_empty() || said.contains("panicked") {
            let _ = writeln!(
                wrong,
                "## {}: exit {} (expected {}), not said: {missing:?}\n{said}",
                case.name, run.code, case.code
            );
        }
        let left: Vec<_> = std::fs::read_dir(workspace.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        if case.code == 2 && left.len() != 2 {
            let _ = writeln!(wrong, "## {}: left behind {left:?}", case.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Protects the command line itself.
#[test]
fn wrong_commands_are_usage_errors() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    workspace.write("suite.yaml", SUITE);
    workspace.write("cases.jsonl", GOOD);
    for (arguments, says) in [
        (&["runn"][..], "run"),
        (&["run"][..], "SUITE"),
        (&["run", "none.yaml"][..], "none.yaml"),
        (
            &["run", "suite.yaml", "--json", "no/such/folder/f.json"][..],
            "does not exist",
        ),
        (
            &["run", "suite.yaml", "--resume-run", "nobody"][..],
            "there is no run",
        ),
        (&["export", "latest", "--format", "xml"][..], "jsonl"),
        (&["sim", "--listen", "nonsense"][..], "nonsense"),
        (&["sim", "--config", "suite.yaml"][..], "suite.yaml"),
    ] {
        let run: Finished = workspace.run(arguments);
        assert_eq!(run.code, 2, "{arguments:?}\n{}{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains(says),
            "{arguments:?} does not say {says}: {}",
            run.stderr
        );
    }
    for arguments in [&["--help"][..], &["run", "--help"][..], &["--version"][..]] {
        let _ = workspace.run(arguments).expect_code(0);
    }
}
