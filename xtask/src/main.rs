//! Checks for developers: `cargo xtask tidy` fails on a forbidden dependency between floors, a file without header, a
//! dead link in the documentation, a package too many, a statistic or text metric without an example. Apart from the
//! workspace's crates: it reads them, they never use it.

mod doctests;
mod floors;
mod headers;
mod links;
mod packages;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy(),
        other => {
            report(&format!("unknown command {other:?}; commands: tidy"));
            ExitCode::from(2)
        }
    }
}

/// One thing that is not tidy: where, and what to do about it.
type Problem = String;
/// A check over the folder of the project.
type Check = fn(&Path) -> Result<Vec<Problem>, String>;

fn tidy() -> ExitCode {
    let root = root();
    let checks: [(&str, Check); 5] = [
        ("doctests", doctests::check),
        ("floors", floors::check),
        ("headers", headers::check),
        ("links", links::check),
        ("packages", packages::check),
    ];
    let mut count = 0;
    for (name, check) in checks {
        let problems = check(&root).unwrap_or_else(|error| vec![error]);
        for problem in &problems {
            report(&format!("{name}: {problem}"));
        }
        count += problems.len();
    }
    if count == 0 {
        return ExitCode::SUCCESS;
    }
    report(&format!("{count} problems"));
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "a developer's tool speaks on standard error")]
fn report(line: &str) {
    eprintln!("{line}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_owned)
}

/// The files that git knows or would add, with one of these extensions.
fn files(root: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, String> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("failed to run git: {error}"))?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let wanted = |path: &Path| {
        path.extension()
            .and_then(|ext| ext.to_str())
            .is_some_and(|ext| extensions.contains(&ext))
    };
    Ok(names
        .lines()
        .map(|name| root.join(name))
        .filter(|path| wanted(path) && path.is_file())
        .collect())
}

/// The output of `cargo metadata` for the default build.
fn metadata(root: &Path, arguments: &[&str]) -> Result<serde_json::Value, String> {
    let output = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("failed to run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata gave no JSON: {error}"))
}
