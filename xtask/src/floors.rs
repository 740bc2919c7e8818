//! The floors: a crate uses lower floors only, never its own floor or above. Normal and build dependencies count;
//! tests may use `sim` and `testkit` beside them.

use crate::{Problem, metadata};
use std::path::Path;

const FLOORS: &[(&str, u8)] = &[
    ("types", 0),
    ("stats", 0),
    ("text", 0),
    ("config", 1),
    ("provider", 1),
    ("cost", 1),
    ("sim", 1),
    ("store", 2),
    ("task", 2),
    ("analyse", 2),
    ("interop", 2),
    ("engine", 3),
    ("load", 3),
    ("score", 3),
    ("safety", 4),
    ("monitor", 4),
    ("report", 4),
    ("calc", 4),
    ("webui", 4),
    ("server", 5),
    ("cli", 6),
];
/// Crates that only tests may use, from any floor.
const FOR_TESTS: &[&str] = &["testkit", "sim"];

pub(crate) fn check(root: &Path) -> Result<Vec<Problem>, String> {
    let metadata = metadata(root, &["--no-deps"])?;
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(name) = folder_of(package) else { continue };
        if name == "xtask" || name == "testkit" {
            continue;
        }
        let Some(floor) = floor_of(&name) else {
            problems.push(format!(
                "crate `{name}` has no floor; name one in xtask/src/floors.rs and ARCHITECTURE.md"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(used) = dependency["name"]
                .as_str()
                .and_then(|name| name.strip_prefix("seatrial-"))
            else {
                continue;
            };
            let is_for_tests = dependency["kind"].as_str() == Some("dev");
            if is_for_tests && FOR_TESTS.contains(&used) {
                continue;
            }
            let verdict = match floor_of(used) {
                None => Some("which only tests may use".to_owned()),
                Some(below) if below >= floor => {
                    Some(format!("floor {below}, but a crate uses lower floors only"))
                }
                Some(_) => None,
            };
            if let Some(verdict) = verdict {
                problems.push(format!("`{name}` (floor {floor}) depends on `{used}`, {verdict}"));
            }
        }
    }
    Ok(problems)
}

/// The folder of a package is its name in the architecture.
fn folder_of(package: &serde_json::Value) -> Option<String> {
    let manifest = Path::new(package["manifest_path"].as_str()?);
    Some(manifest.parent()?.file_name()?.to_str()?.to_owned())
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, floor)| *floor)
}
