//! The program for tests of programs, built when it is first asked for: cargo builds the binaries of other packages for
//! nobody.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The path of `seatrial-puppet`, freshly built.
///
/// # Panics
/// Where it cannot be built.
#[must_use]
#[expect(clippy::expect_used, reason = "a test without its program cannot go on")]
pub fn puppet() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        // `target/debug/deps/some_test-1234` tells where the profile's folder is.
        let test = std::env::current_exe().expect("the test knows where it is");
        let folder = test.ancestors().nth(2).expect("tests lie two folders deep");
        let profile = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("debug");
        let target = folder.parent().expect("the profile lies in the target folder");
        let profile = if profile == "debug" { "dev" } else { profile };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "seatrial-testkit",
                "--bin",
                "seatrial-puppet",
            ])
            .args(["--profile", profile])
            .env("CARGO_TARGET_DIR", target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        folder.join(format!("seatrial-puppet{}", std::env::consts::EXE_SUFFIX))
    })
}

/// Whether a process is there and not only its entry that nobody has collected; `None` where the system does not tell.
#[must_use]
pub fn is_alive(pid: u32) -> Option<bool> {
    if !Path::new("/proc/self/stat").exists() {
        return None;
    }
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return Some(false);
    };
    // The name stands in parentheses and may hold anything; the state is the word after it.
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    Some(!matches!(state, Some('Z' | 'X') | None))
}
