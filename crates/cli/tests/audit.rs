//! `seatrial audit` through the binary: its text, its JSON, and that nothing in a folder makes it fail.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_testkit::Workspace;
use std::path::Path;

fn folder(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/audit");
    root.join(name).to_str().unwrap().to_owned()
}

/// Protects both forms: what is there with its place, what is lacking, and lines to add that name what is there.
#[test]
fn a_folder_is_audited() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let text = workspace
        .run(&["audit", &folder("promptfoo")])
        .expect_code(0)
        .stdout;
    for part in [
        "promptfooconfig.yaml:11",
        "lacks  at least 59 cases",
        "1. at least 59 cases (quality)",
        "warning: ",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let _ = workspace
        .run(&["audit", &folder("seatrial"), "--json", "a.json"])
        .expect_code(0);
    let told = workspace.json("a.json");
    assert_eq!(
        (told["schema"].as_str(), told["exit_code"].as_u64()),
        (Some("seatrial.audit/1"), Some(0))
    );
    assert_eq!(told["pillars"].as_array().unwrap().len(), 5);
    assert_eq!(told["needs"][0]["check"], "hallucination");
}

/// Protects the user of an empty or odd folder: exit 0; of a folder that is not there: exit 2.
#[test]
fn odd_folders_do_not_fail() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let _ = workspace.run(&["audit", &folder("odd")]).expect_code(0);
    let empty = workspace.run(&["audit", "."]).expect_code(0).stdout;
    assert!(empty.starts_with("found no evaluation"), "{empty}");
    let absent = workspace.run(&["audit", "absent"]).expect_code(2);
    assert!(
        absent.stderr.contains("absent: failed to look at"),
        "{}",
        absent.stderr
    );
}
