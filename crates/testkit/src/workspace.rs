//! A temporary folder with a suite in it, and the binary run inside. What almost every test of the command line needs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A temporary folder in which the binary runs; removed when dropped.
#[derive(Debug)]
pub struct Workspace {
    folder: tempfile::TempDir,
    binary: PathBuf,
}

/// What a finished process left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; −1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Workspace {
    /// An empty one; `binary` is the program under test, `env!("CARGO_BIN_EXE_seatrial")` in its tests.
    ///
    /// # Panics
    /// Where no temporary folder can be made.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a test without a temporary folder cannot go on"
    )]
    pub fn new(binary: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            binary: PathBuf::from(binary),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    ///
    /// # Panics
    /// Where that fails.
    #[expect(
        clippy::expect_used,
        reason = "a test that cannot write its input cannot go on"
    )]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).expect("a file in the temporary folder");
        path
    }

    /// Reads a JSON file of the folder.
    ///
    /// # Panics
    /// Where it is absent or not JSON.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its result cannot go on")]
    pub fn json(&self, name: &str) -> Value {
        let text = std::fs::read(self.path().join(name)).expect("the file is there");
        serde_json::from_slice(&text).expect("the file is JSON")
    }

    /// The binary with these arguments, set up to run in the folder with a bare environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("CI", "true")
            .stdin(Stdio::null());
        for kept in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(self.command(arguments).output())
    }

    /// Starts the binary with its streams caught.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its process cannot go on")]
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }
}

impl Finished {
    /// From what the standard library gives.
    ///
    /// # Panics
    /// Where the process could not be started or awaited.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test without its process cannot go on")]
    pub fn of(output: std::io::Result<Output>) -> Self {
        let output = output.expect("the binary runs");
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, after checking the exit code.
    ///
    /// # Panics
    /// With everything the process said, where the code is another.
    #[track_caller]
    #[must_use]
    #[expect(clippy::panic, reason = "this is an assertion")]
    pub fn expect_code(self, code: i32) -> Self {
        if self.code != code {
            panic!(
                "exit {} instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
                self.code, self.stdout, self.stderr
            );
        }
        self
    }
}

/// Findings without what is measured by a clock or drawn per run: what must be the same for the same answers.
#[must_use]
pub fn without_times(findings: &Value) -> Value {
    const TIMED_KEYS: [&str; 8] = [
        "concurrency",
        "client_read_lag_ms",
        "run_id",
        "started_at",
        "ended_at",
        "client_queue_ms_p99",
        "latency_ms",
        "warnings",
    ];
    match findings {
        Value::Array(items) => items
            .iter()
            .filter(|item| !is_timed(item))
            .map(without_times)
            .collect(),
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !TIMED_KEYS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), without_times(value)))
            .collect(),
        other => other.clone(),
    }
}

fn is_timed(item: &Value) -> bool {
    let metric = item.get("metric").and_then(Value::as_str).unwrap_or_default();
    metric.contains("latency_ms") || metric.contains("ttft_ms")
}
