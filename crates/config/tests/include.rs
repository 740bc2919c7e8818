//! Suites of several files, and values of the environment: what becomes one plan, and how mistakes are told with the
//! places of both sides.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{suites, vocabulary};
use seatrial_config::{DatasetFrom, DraftPlan, Prompt, parse_suite_in};

const MAIN: &str = "version: 1
name: main
include: [shared/common.yaml]
targets:
  - {name: own, model: large}
tasks:
  - {name: answers, dataset: {path: cases.jsonl}}
gates:
  - {metric: answers.exact_match, at_least: 0.9}
slices: [topic, language]
";
const COMMON: &str = "version: 1
name: common
seed: 7
defaults:
  target: {provider: openai, base_url: \"http://127.0.0.1:1/v1\", limits: {rpm: 60}}
  task: {scorers: [exact_match]}
targets:
  - {name: shared, model: small}
tasks:
  - {name: smoke, dataset: {path: smoke.jsonl}}
gates:
  - {metric: smoke.exact_match, at_least: 0.8}
slices: [language]
";

/// Reads `suite.yaml` of these files; errors with the folder cut out of the paths.
fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<DraftPlan, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let path = folder.path().join("suite.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let root = format!("{}/", folder.path().display());
    match parse_suite_in(&text, &path, &vocabulary(), &variable) {
        Ok((plan, _)) => Ok(plan),
        Err(errors) => Err(errors.render(false).replace(&root, "")),
    }
}

fn one(text: &str, variables: &[(&str, &str)]) -> Result<DraftPlan, String> {
    read(&[("suite.yaml", text)], variables)
}

/// Protects the rules of merging: lists are put together, defaults are shared, paths are meant from where they stand.
#[test]
fn included_files_become_one_plan() {
    let plan = read(&[("suite.yaml", MAIN), ("shared/common.yaml", COMMON)], &[]).unwrap();
    let names = |names: Vec<&str>| names.join(" ");
    assert_eq!(plan.name, "main");
    assert_eq!(plan.seed, 7);
    assert_eq!(
        names(plan.targets.iter().map(|target| target.name.as_str()).collect()),
        "shared own"
    );
    assert_eq!(
        names(plan.tasks.iter().map(|task| task.name.as_str()).collect()),
        "smoke answers"
    );
    assert_eq!(plan.gates.len(), 2);
    assert_eq!(plan.tasks[1].slices, ["language", "topic"]);
    assert!(plan.targets.iter().all(|target| target.limits.rpm == Some(60)));
    let paths: Vec<_> = plan
        .tasks
        .iter()
        .map(|task| match &task.dataset.from {
            DatasetFrom::File { path, .. } => path
                .iter()
                .rev()
                .take(2)
                .map(|part| part.to_str().unwrap())
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(paths[0], ["smoke.jsonl", "shared"]);
    assert_eq!(paths[1][0], "cases.jsonl");
    assert_ne!(paths[1][1], "shared");
    assert!(
        plan.locate_task(0, "dataset/path")
            .to_string()
            .ends_with("shared/common.yaml:10:35")
    );
    assert!(
        plan.locate_task(1, "dataset/path")
            .to_string()
            .ends_with("suite.yaml:7:37")
    );
}

/// Protects the including file's word, and a file that two ways lead to from being there twice.
#[test]
fn the_including_file_wins_and_nothing_is_there_twice() {
    let middle = "include: [common.yaml]\nseed: 8\n";
    let main = MAIN
        .replace(
            "[shared/common.yaml]",
            "[shared/middle.yaml, shared/../shared/common.yaml]",
        )
        .replace("targets:", "defaults: {target: {limits: {rpm: 30}}}\ntargets:");
    let files = [
        ("suite.yaml", main.as_str()),
        ("shared/middle.yaml", middle),
        ("shared/common.yaml", COMMON),
    ];
    let plan = read(&files, &[]).unwrap();
    assert_eq!((plan.seed, plan.targets.len(), plan.tasks.len()), (8, 2, 2));
    assert!(plan.targets.iter().all(|target| target.limits.rpm == Some(30)));
}

/// Protects people who have to find a mistake in several files: both places are named.
#[test]
fn mistakes_across_files_name_both_places() {
    let wrong = |main: &str, common: &str, says: &[&str]| {
        let error = read(&[("suite.yaml", main), ("shared/common.yaml", common)], &[]).unwrap_err();
        for text in says {
            assert!(error.contains(text), "{error}\nlacks {text}");
        }
    };
    wrong(
        &MAIN.replace("name: own", "name: shared"),
        COMMON,
        &[
            "suite.yaml:5:12",
            "there are two targets named `shared`; the first is at shared/common.yaml:8",
        ],
    );
    wrong(
        &MAIN
            .replace("name: answers", "name: smoke")
            .replace("answers.exact", "smoke.exact"),
        COMMON,
        &["there are two tasks named `smoke`; the first is at shared/common.yaml:10"],
    );
    wrong(
        &MAIN.replace(
            "answers.exact_match, at_least: 0.9",
            "smoke.exact_match, at_least: 0.8",
        ),
        COMMON,
        &["the gate `smoke.exact_match at_least 0.8` is there twice; the first is at shared/common.yaml:12"],
    );
    wrong(
        MAIN,
        &COMMON
            .replace("at_least", "atleast")
            .replace("seed: 7", "sead: 7"),
        &[
            "shared/common.yaml:3:1",
            "shared/common.yaml:12:33",
            "did you mean `seed`?",
            "and what it includes",
        ],
    );
    wrong(MAIN, "version: 2\n", &["shared/common.yaml:1:10", "version"]);
    wrong(
        MAIN,
        "- a\n",
        &["shared/common.yaml:1:1", "an included file is not a map"],
    );
    wrong(MAIN, "", &["shared/common.yaml", "the file is empty"]);
    wrong(MAIN, "targets: [a", &["shared/common.yaml:1", "not valid YAML"]);
    wrong(
        &MAIN.replace("shared/common.yaml", "shared/comon.yaml"),
        COMMON,
        &[
            "suite.yaml:3:11",
            "failed to include `shared/comon.yaml`: the file cannot be read: no such file",
        ],
    );
    wrong(
        &MAIN.replace("[shared/common.yaml]", "shared/common.yaml"),
        COMMON,
        &["expected a list"],
    );
    wrong(
        &MAIN.replace("[shared/common.yaml]", "[]"),
        COMMON,
        &["suite.yaml:3:10", "empty list"],
    );
}

/// Protects from files without end: circles, depth, and two files that disagree.
#[test]
fn includes_are_bounded() {
    let circle = [
        ("suite.yaml", "include: [a.yaml]\n"),
        ("a.yaml", "include: [b.yaml]\n"),
        ("b.yaml", "include: [a.yaml]\n"),
    ];
    let error = read(&circle, &[]).unwrap_err();
    assert!(error.contains("b.yaml:1:11"), "{error}");
    assert!(error.contains("in a circle: a.yaml → b.yaml → a.yaml"), "{error}");
    let error = read(&[("suite.yaml", "include: [suite.yaml]\n")], &[]).unwrap_err();
    assert!(error.contains("suite.yaml → suite.yaml"), "{error}");

    let names: Vec<(String, String)> = (0..12)
        .map(|n| {
            let name = if n == 0 {
                "suite.yaml".to_owned()
            } else {
                format!("{n}.yaml")
            };
            (name, format!("include: [{}.yaml]\n", n + 1))
        })
        .collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let error = read(&files, &[]).unwrap_err();
    assert!(
        error.contains("8.yaml:1:11") && error.contains("more than 8 deep"),
        "{error}"
    );

    let main = MAIN.replace("[shared/common.yaml]", "[a.yaml, b.yaml]");
    let files = [
        ("suite.yaml", main.as_str()),
        ("a.yaml", "seed: 1\nname: a\n"),
        ("b.yaml", "seed: 2\nname: b\n"),
    ];
    let error = read(&files, &[]).unwrap_err();
    assert!(error.contains("b.yaml:1:1"), "{error}");
    assert!(
        error.contains("`seed` is given differently by two included files; the other is at a.yaml:1"),
        "{error}"
    );
    assert!(!error.contains("`name` is given differently"), "{error}");
}

const VARIABLES: &str = "version: 1
name: env-${STAGE:-local}
targets:
  - name: t
    provider: openai
    base_url: ${BASE_URL}
    model: \"${FAMILY}-${SIZE:-small}\"
tasks:
  - name: a
    dataset: {path: \"${DATA:-data}/cases.jsonl\"}
    prompt: \"costs ${PRICE}: {{ q }}\"
    scorers: [{contains: {text: \"${X}\"}}]
    limit: ${LIMIT:-100}
";

/// Protects substitution: values are checked like written ones, defaults hold, templates and options stay as they are.
#[test]
fn variables_are_put_in() {
    let variables = [
        ("BASE_URL", "http://127.0.0.1:9/v1"),
        ("FAMILY", "$x"),
        ("SIZE", ""),
    ];
    let plan = one(VARIABLES, &variables).unwrap();
    assert_eq!(plan.name, "env-local");
    assert_eq!(plan.targets[0].model(), Some("$x-small"));
    assert_eq!(plan.tasks[0].selection, seatrial_config::Selection::Limit(100));
    let Prompt::Messages { messages } = &plan.tasks[0].prompt else {
        panic!("{:?}", plan.tasks[0].prompt);
    };
    assert_eq!(messages[0].content, "costs ${PRICE}: {{ q }}");
    assert_eq!(plan.tasks[0].scorers[0].options["text"], "${X}");
    let used: Vec<_> = plan
        .environment()
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let expected = "BASE_URL=http://127.0.0.1:9/v1 DATA=data FAMILY=$x LIMIT=100 SIZE=small STAGE=local";
    assert_eq!(used.join(" "), expected);
    let other = one(VARIABLES, &[variables[0], variables[1], ("LIMIT", "7")]).unwrap();
    assert_eq!(other.tasks[0].selection, seatrial_config::Selection::Limit(7));
}

/// Protects what is meant as a text with `${` in it.
#[test]
fn two_dollars_are_one_text() {
    let text = VARIABLES.replace("${DATA:-data}/cases.jsonl", "$${DATA}/${DATA}.jsonl");
    let variables = [
        ("BASE_URL", "http://127.0.0.1:9/v1"),
        ("FAMILY", "f"),
        ("DATA", "d"),
    ];
    let plan = one(&text, &variables).unwrap();
    assert_eq!(plan.tasks[0].dataset.from.written(), "${DATA}/d.jsonl");
}

/// Protects secrets, and people who forget a variable: the place, the name and what to do, and never the value.
#[test]
fn wrong_variables_are_explained() {
    let good = [("BASE_URL", "http://127.0.0.1:9/v1"), ("FAMILY", "f")];
    let wrong = |from: &str, to: &str, variables: &[(&str, &str)], says: &[&str]| {
        let error = one(&VARIABLES.replace(from, to), variables).unwrap_err();
        for text in says {
            assert!(error.contains(text), "{error}\nlacks {text}");
        }
        assert!(!error.contains("canary"), "{error}");
    };
    wrong(
        "",
        "",
        &good[..1],
        &["suite.yaml:7:12", "variable `FAMILY` is not set", "${FAMILY:-…}"],
    );
    wrong(
        "${BASE_URL}",
        "https://x/${OPENAI_API_KEY}",
        &[good[1], ("OPENAI_API_KEY", "canary")],
        &[
            "suite.yaml:6:15",
            "`OPENAI_API_KEY` looks like a secret",
            "api_key_env: OPENAI_API_KEY",
        ],
    );
    wrong(
        "",
        "",
        &[good[0], ("FAMILY", "sk-canarycanary1")],
        &["the value of `FAMILY` looks like a key"],
    );
    wrong(
        "${BASE_URL}",
        "${BASE URL}",
        &good,
        &["`BASE URL` is not the name of an environment variable"],
    );
    wrong(
        "${BASE_URL}",
        "${BASE_URL",
        &good,
        &["suite.yaml:6:15", "a `${` is not closed"],
    );
    wrong("${BASE_URL}", "${}", &good, &["`` is not the name"]);
    wrong(
        "${LIMIT:-100}",
        "${LIMIT:-many}",
        &good,
        &["suite.yaml:13:12", "expected a whole number"],
    );
    wrong(
        "    model:",
        "    api_key_env: ${NAME:-X}\n    model:",
        &good,
        &["`api_key_env`", "suite.yaml:7"],
    );
    wrong(
        "{path: \"${DATA:-data}/cases.jsonl\"}",
        "{path: ${DATA}}",
        &good,
        &["put quotes around `${…}`"],
    );
}

/// Protects suites that know nothing of variables: they are read in any environment.
#[test]
fn suites_without_variables_ask_for_none() {
    for (name, path, text) in suites("good") {
        let asked = |name: &str| panic!("asked for {name}");
        let read = parse_suite_in(&text, &path, &vocabulary(), &asked);
        assert!(read.is_ok(), "{name}");
    }
}

/// Protects editors: what holds includes and variables fits the schema, and what is alone must still be complete.
#[test]
fn the_schema_knows_includes_and_variables() {
    let schema = seatrial_config::schema(&vocabulary());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let is_valid = |text: &str| {
        let value = seatrial_config::load_yaml_value(text, std::path::Path::new("suite.yaml")).unwrap();
        validator.is_valid(&value)
    };
    assert!(is_valid(MAIN) && is_valid(VARIABLES) && is_valid("include: [a.yaml]"));
    assert!(!is_valid(&MAIN.replace("include: [shared/common.yaml]\n", "")));
    assert!(!is_valid(&VARIABLES.replace("${LIMIT:-100}", "many")));
    assert!(!is_valid("name: a"));
}
