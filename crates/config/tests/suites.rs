//! Reading of whole suites, data-driven: every file in `suites/good` becomes a plan, every file in `suites/bad` a list
//! of errors, and both are compared with what they were when somebody last looked.

mod common;

use common::{suites, vocabulary};
use seatrial_config::{DatasetFrom, load_yaml_value, parse_suite, read_suite, schema};
use std::path::Path;

fn with_snapshots(folder: &str, check: impl FnOnce()) {
    insta::with_settings!({
        snapshot_path => format!("suites/{folder}"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { check() });
}

/// Protects the messages: each says what was found, what was expected, where, and what to do.
#[test]
fn bad_suites_are_explained() {
    let suites = suites("bad");
    assert!(suites.len() >= 30, "only {} bad suites", suites.len());
    for (name, _, text) in suites {
        let path = Path::new("bad").join(format!("{name}.yaml"));
        let Err(errors) = parse_suite(&text, &path, &vocabulary()) else {
            panic!("{name} was accepted");
        };
        assert!(!errors.is_empty(), "{name}");
        with_snapshots("bad", || insta::assert_snapshot!(name, errors.render(false)));
    }
}

/// Protects the meaning of suites: merged defaults, resolved metrics, warnings.
#[test]
fn good_suites_become_plans() {
    for (name, _, text) in suites("good") {
        let path = Path::new("/suites").join(format!("{name}.yaml"));
        let (plan, warnings) =
            parse_suite(&text, &path, &vocabulary()).unwrap_or_else(|errors| panic!("{name}:\n{errors}"));
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let seen = format!(
            "{}\n\nwarnings: {warnings:#?}",
            serde_json::to_string_pretty(&plan).unwrap()
        );
        with_snapshots("good", || insta::assert_snapshot!(name, seen));
    }
}

/// Protects review: a snapshot without its suite would never be looked at again.
#[test]
fn every_snapshot_has_its_suite() {
    for folder in ["good", "bad"] {
        let names: Vec<String> = suites(folder).into_iter().map(|(name, ..)| name).collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/suites")
            .join(folder);
        for entry in std::fs::read_dir(path).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let name = file.strip_suffix(".snap").or_else(|| file.strip_suffix(".yaml"));
            let name = name.unwrap_or_else(|| panic!("{file} is neither a suite nor a snapshot"));
            assert!(names.iter().any(|known| known == name), "{folder}/{file}");
        }
    }
}

/// Protects keys that are written into a suite by mistake: no message repeats them.
#[test]
fn keys_are_never_shown() {
    for (name, path, text) in suites("bad") {
        if text.contains("canary") {
            let errors = parse_suite(&text, &path, &vocabulary()).unwrap_err();
            for color in [false, true] {
                assert!(!errors.render(color).contains("canary"), "{name}:\n{errors}");
            }
        }
    }
}

/// Protects editors that use the schema: it accepts what the reading accepts, and refuses unknown keys as it does.
#[test]
fn schema_agrees_with_the_reading() {
    let schema = schema(&vocabulary());
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (name, path, text) in suites("good") {
        let value = load_yaml_value(&text, &path).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    let unknown: Vec<_> = suites("bad")
        .into_iter()
        .filter(|(name, ..)| name.starts_with("unknown_key"))
        .collect();
    assert!(unknown.len() >= 5);
    for (name, path, text) in unknown {
        let value = load_yaml_value(&text, &path).unwrap();
        assert!(!validator.is_valid(&value), "{name} fits the schema");
    }
    with_snapshots("../schema", || {
        insta::assert_snapshot!("suite", serde_json::to_string_pretty(&schema).unwrap());
    });
}

/// Protects the same for suites whose scorers nobody knows yet, and the schema itself against its own standard.
#[test]
fn schema_without_vocabulary_allows_any_scorer() {
    let schema = schema(&seatrial_config::Vocabulary::default());
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (name, path, text) in suites("good") {
        let value = load_yaml_value(&text, &path).unwrap();
        assert!(validator.is_valid(&value), "{name}");
    }
}

/// Protects resuming: what does not decide requests and scores leaves the identity alone, what does changes it.
#[test]
fn identity_covers_what_decides_results() {
    let (_, path, text) = suites("good")
        .into_iter()
        .find(|(name, ..)| name == "everything")
        .unwrap();
    let identity = |text: &str| {
        let (plan, _) = parse_suite(text, &path, &vocabulary()).unwrap_or_else(|errors| panic!("{errors}"));
        serde_json::to_string(&plan.identity()).unwrap()
    };
    let original = identity(&text);
    for (from, to) in [
        ("name: every.key_at-once", "name: other"),
        ("concurrency: 4", "concurrency: 5"),
        ("timeout: 1.5m", "timeout: 2m"),
        ("rpm: 600", "rpm: 601"),
        ("attempts: 3", "attempts: 4"),
        ("OTHER_KEY", "THIRD_KEY"),
        ("at_least: 0.95", "at_least: 0.94"),
        ("max_errors: 10", "max_errors: 11"),
        ("data/cases.csv", "moved/cases.csv"),
        ("{temperature: 0.5, seed: 7}", "{seed: 7, temperature: 0.5}"),
        ("# Every key", "# No key"),
    ] {
        assert!(text.contains(from), "{from}");
        assert_eq!(
            identity(&text.replacen(from, to, 1)),
            original,
            "{from} is part of the identity"
        );
    }
    for (from, to) in [
        ("seed: 18446744073709551615", "seed: 1"),
        ("name: tier-1", "name: tier-one"),
        ("target: tier-1", "target: tier-1"),
        ("https://api.example.com/v1/", "https://api.example.org/v1/"),
        ("model: small", "model: smaller"),
        ("temperature: 0.5", "temperature: 0.6"),
        ("output_usd_per_mtok: 3e-7", "output_usd_per_mtok: 4e-7"),
        ("usage_field: usage", "usage_field: tokens"),
        ("in one word", "in two words"),
        ("cluster: topic", "cluster: language"),
        ("epochs: 5", "epochs: 6"),
        ("limit: 200", "limit: 201"),
        ("first: 10", "limit: 10"),
        ("    seed: 3", "    seed: 4"),
        ("expected: gold", "expected: silver"),
        ("pattern: \"^[A-D]$\"", "pattern: \"^[A-E]$\""),
        ("unparsed: exclude", "unparsed: wrong"),
        ("slices: [topic, language]", "slices: [topic]"),
    ] {
        assert!(text.contains(from), "{from}");
        let all = if from == "name: tier-1" {
            text.replace("tier-1", "tier-one")
        } else {
            text.replacen(from, to, 1)
        };
        let expected_change = from != to && from != "slices: [topic, language]";
        assert_eq!(identity(&all) != original, expected_change, "{from} → {to}");
    }
}

/// Protects late errors: what a scorer's constructor or a dataset refuses is shown at its place, in the same style.
#[test]
fn late_errors_are_shown_in_place() {
    let (_, _, text) = suites("good")
        .into_iter()
        .find(|(name, ..)| name == "everything")
        .unwrap();
    let (plan, _) = parse_suite(&text, Path::new("everything.yaml"), &vocabulary()).unwrap();
    let mut errors = plan.diagnostics();
    assert!(errors.is_empty());
    errors.push_at(plan.locate_target(2, "path"), "there is no such file", None);
    errors.push_at(plan.locate_target(1, "params/temperature"), "is inherited", None);
    errors.push_at(
        plan.locate_task(0, "dataset/path"),
        "there is no such file",
        Some("look again".to_owned()),
    );
    errors.push_at(plan.locate(1, 3, "pattern"), "the pattern is not closed", None);
    errors.push_at(plan.locate(1, 3, "absent"), "something is missing", None);
    errors.push_at(plan.locate(1, 7, ""), "the scorer is alone", None);
    errors.push_at(plan.locate(9, 9, "x"), "nowhere", None);
    errors.push_at(plan.locate_gate(0, "risk"), "too bold", None);
    with_snapshots("../late", || {
        insta::assert_snapshot!("late_errors", errors.render(false));
    });
}

/// Protects relative paths: they are meant from the folder of the suite, wherever the program runs.
#[test]
fn paths_are_resolved_against_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.yaml");
    let (_, source, _) = suites("good")
        .into_iter()
        .find(|(name, ..)| name == "smallest")
        .unwrap();
    std::fs::copy(source, &path).unwrap();
    let (plan, _) = read_suite(&path, &vocabulary()).unwrap();
    let DatasetFrom::File {
        path, path_written, ..
    } = &plan.tasks[0].dataset.from
    else {
        panic!("{:?}", plan.tasks[0].dataset.from);
    };
    assert_eq!(*path, folder.path().join("cases.jsonl"));
    assert_eq!(path_written, "cases.jsonl");
}

/// Protects against files that are none: each is named with its path and reason.
#[test]
fn unreadable_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_suite(&path, &vocabulary()).unwrap_err().render(false)
    };
    let message = write("latin1.yaml", b"version: 1\nname: caf\xe9\n");
    assert!(message.contains("not UTF-8: byte 0xe9 on line 2"), "{message}");
    let message = write("utf16.yaml", b"\xff\xfev\0");
    assert!(message.contains("UTF-16"), "{message}");
    let message = write("large.yaml", &vec![b'#'; 4 * 1024 * 1024 + 1]);
    assert!(message.contains("more than 4 MiB"), "{message}");
    let missing = folder.path().join("latin1.yml");
    let message = read_suite(&missing, &vocabulary()).unwrap_err().render(false);
    assert!(
        message.contains("no such file") && message.contains("latin1.yaml"),
        "{message}"
    );
    let message = read_suite(folder.path(), &vocabulary())
        .unwrap_err()
        .render(false);
    assert!(message.contains("it is a folder"), "{message}");
}

/// Protects the configuration of other programs that comes through the same door: YAML becomes the JSON it looks like.
#[test]
fn yaml_becomes_json() {
    let path = Path::new("sim.yaml");
    let text =
        "a: [1, -2, 0.5, 1e3, true, ~, 'no', no, 18446744073709551615]\n1:\n  \"b\\tc\": |\n    x\n    y\n";
    let value = load_yaml_value(text, path).unwrap();
    let expected = serde_json::json!({
        "a": [1, -2, 0.5, 1000.0, true, null, "no", "no", 18_446_744_073_709_551_615_u64],
        "1": {"b\tc": "x\ny\n"},
    });
    assert_eq!(value, expected);
    assert_eq!(
        load_yaml_value("just text", path).unwrap(),
        serde_json::json!("just text")
    );
    for wrong in [
        "",
        "a: .inf",
        "a: 99999999999999999999",
        "a: 1\na: 2",
        "a: &x 1",
        "[a",
        "--- 1\n--- 2",
    ] {
        assert!(load_yaml_value(wrong, path).is_err(), "{wrong}");
    }
}
