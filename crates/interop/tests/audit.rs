//! Audits of whole folders: what each set-up has with its place, what it lacks, what comes first, and that odd files are
//! no errors.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_interop::audit::{Audit, audit as audit_of};
use std::path::Path;

fn look(folder: &str) -> Audit {
    audit_of(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../testdata/audit")
            .join(folder),
    )
    .unwrap()
}

/// The pillar's status, and the ids of what it has.
fn has(audit: &Audit, pillar: &str) -> (String, Vec<&'static str>) {
    let found = audit
        .pillars
        .iter()
        .find(|found| found.pillar.as_str() == pillar)
        .unwrap();
    let mut ids: Vec<_> = found.has.iter().map(|evidence| evidence.check).collect();
    ids.dedup();
    (found.status.to_owned(), ids)
}

fn needs(audit: &Audit) -> Vec<&'static str> {
    audit.needs.iter().map(|need| need.check).collect()
}

fn places(audit: &Audit, check: &str) -> Vec<String> {
    let all = audit.pillars.iter().flat_map(|pillar| &pillar.has);
    all.filter(|evidence| evidence.check == check)
        .map(|evidence| format!("{}:{}", evidence.file, evidence.line.unwrap_or(0)))
        .collect()
}

/// Protects what is read of promptfoo and GitHub: assertions with their lines, a judge nobody calibrated, too few
/// cases, and a failure that the workflow swallows.
#[test]
fn a_promptfoo_set_up() {
    let audit = look("promptfoo");
    let files: Vec<_> = audit
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.kind.as_str()))
        .collect();
    assert_eq!(
        files,
        [
            (".github/workflows/eval.yml", "CI"),
            ("promptfooconfig.yaml", "promptfoo")
        ]
    );
    assert_eq!(places(&audit, "latency_limit"), ["promptfooconfig.yaml:11"]);
    assert_eq!(places(&audit, "refusals"), ["promptfooconfig.yaml:23"]);
    let mut all = audit.pillars.iter().flat_map(|pillar| &pillar.has);
    assert!(
        !all.any(|evidence| evidence.what.contains("`object`")),
        "a schema is no assertion"
    );
    assert_eq!(places(&audit, "in_ci"), [".github/workflows/eval.yml:9"]);
    assert_eq!(has(&audit, "cost").1, ["answer_length", "cost_limit", "prices"]);
    let needs = needs(&audit);
    assert_eq!(&needs[..2], ["enough_cases", "judge_calibrated"]);
    assert!(
        needs.contains(&"red_team") && !needs.contains(&"results_kept"),
        "{needs:?}"
    );
    assert!(
        audit
            .warnings
            .iter()
            .any(|warning| warning.contains("eval.yml:9: `|| true`")),
        "{:?}",
        audit.warnings
    );
}

/// Protects what is read of lm-eval and make: tasks by name, tags of YAML that are not ours, comments that run nothing.
#[test]
fn an_lm_eval_set_up() {
    let audit = look("lm-eval");
    assert_eq!(audit.files.len(), 3);
    assert_eq!(
        has(&audit, "safety"),
        ("partly".to_owned(), vec!["bias", "hallucination"])
    );
    assert_eq!(places(&audit, "bias"), ["tasks/group.yaml:2"]);
    assert_eq!(places(&audit, "repeats"), ["tasks/truthful.yaml:10"]);
    assert_eq!(places(&audit, "in_ci"), ["Makefile:3"]);
    let (performance, cost) = (has(&audit, "performance"), has(&audit, "cost"));
    assert_eq!((performance.0.as_str(), cost.0.as_str()), ("nothing", "nothing"));
    assert_eq!(needs(&audit)[0], "gates");
}

/// Protects suites: gates, prices, caps, groups, counted cases; and advice that names what is there.
#[test]
fn a_suite_set_up() {
    let audit = look("seatrial");
    assert_eq!(
        has(&audit, "quality").0,
        "partly",
        "no judge is there, so none has to be calibrated"
    );
    assert_eq!(has(&audit, "cost").0, "covered");
    assert_eq!(has(&audit, "reliability").0, "covered");
    assert_eq!(
        has(&audit, "safety").1,
        ["bias", "red_team", "refusals", "safety_gate"]
    );
    assert_eq!(places(&audit, "undecided_fails"), ["suite.yaml:21"]);
    assert_eq!(needs(&audit), ["hallucination", "load"]);
    assert_eq!(audit.warnings, Vec::<String>::new());
}

/// Protects the walk: what others installed is no part of a set-up, whatever lies in it.
#[test]
fn installed_folders_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["node_modules/x", ".git", "target", "own"] {
        let inner = folder.path().join(name);
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("promptfooconfig.yaml"), "tests: []\n").unwrap();
    }
    let files = audit_of(folder.path()).unwrap().files;
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["own/promptfooconfig.yaml"]);
}

/// Protects the walk: broken YAML, programs, binary and foreign files are no errors; an empty set-up needs everything.
#[test]
fn odd_files_are_no_errors() {
    let audit = look("odd");
    assert_eq!(audit.files.len(), 1, "{:?}", audit.files);
    assert!(
        audit.warnings[0].contains("promptfooconfig.js: cannot be read"),
        "{:?}",
        audit.warnings
    );
    assert_eq!(needs(&audit)[..3], ["scored_cases", "in_ci", "gates"]);
    assert!(audit.needs[0].add.contains("cases.jsonl"));
    assert_eq!(look("seatrial/suite.yaml").files.len(), 1);
    let nowhere = audit_of(Path::new("nowhere/at/all")).unwrap_err();
    assert!(nowhere.to_string().contains("failed to look at"), "{nowhere}");
}
