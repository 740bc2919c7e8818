//! What describes a program, and why a description cannot be used. Apart from the running, so that a suite can be
//! refused before anything is started.

use seatrial_types::Secret;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most processes of one program.
pub const WORKERS_MAX: usize = 256;
/// Most requests that one process is given at a time.
pub const IN_FLIGHT_MAX: usize = 1024;
/// Variables that every program is given where they are set; all others must be named.
pub const ENV_KEPT: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
];

/// A program and how to treat it.
#[derive(Debug, Clone)]
pub struct ProgramSpec {
    /// Program and arguments; no shell is between. A program with a slash is a path, else it is looked up in `PATH`.
    pub command: Vec<String>,
    /// Folder in which it runs; relative paths of programs start here too.
    pub cwd: PathBuf,
    /// Variables that it gets beside [`ENV_KEPT`]. Their values are taken out of what it writes to standard error.
    pub env: Vec<(String, Secret)>,
    /// Processes at most, 1 to [`WORKERS_MAX`]; started when they are needed.
    pub workers: usize,
    /// Requests that one process is given at a time, 1 to [`IN_FLIGHT_MAX`].
    pub in_flight: usize,
    /// Time for one request, from a process being free for it to its answer; above zero. Starting is part of it.
    pub timeout: Duration,
}

/// Why a program cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramSpecError {
    /// Nothing to run.
    #[error("the command is empty; hint: write `command: [program, argument]`")]
    Empty,
    /// A byte that no system call takes.
    #[error("the command holds a NUL character; hint: remove it")]
    Nul,
    /// There is no such program.
    #[error("there is no program `{program}`{place}; hint: {hint}")]
    NotFound {
        /// As it is written.
        program: String,
        /// Where it was looked for.
        place: String,
        /// What to do.
        hint: &'static str,
    },
    /// It may not be run.
    #[error("{} may not be executed; hint: chmod +x it, or name its interpreter first: [python3, {program}]", path.display())]
    NotExecutable {
        /// As it is written.
        program: String,
        /// Where it is.
        path: PathBuf,
    },
    /// The folder to run in.
    #[error("{} is no folder, so nothing can run in it; hint: paths in a suite are relative to the suite file", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A number out of range.
    #[error("`{what}` is {found}, expected 1 to {most}")]
    Range {
        /// Which.
        what: &'static str,
        /// What was found.
        found: usize,
        /// What is allowed.
        most: usize,
    },
}

impl ProgramSpecError {
    /// The key of a suite that is at fault.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NoFolder { .. } => "cwd",
            Self::Range { what, .. } => what,
            _ => "command",
        }
    }
}

impl ProgramSpec {
    /// Checks everything that can be known before a start; the path of the program to run.
    pub(super) fn check(&self) -> Result<PathBuf, ProgramSpecError> {
        let range = |what, found, most| match found {
            1.. if found <= most => Ok(()),
            _ => Err(ProgramSpecError::Range { what, found, most }),
        };
        range("workers", self.workers, WORKERS_MAX)?;
        range("in_flight", self.in_flight, IN_FLIGHT_MAX)?;
        if self.command.iter().any(|part| part.contains('\0')) {
            return Err(ProgramSpecError::Nul);
        }
        if !self.cwd.is_dir() {
            return Err(ProgramSpecError::NoFolder {
                path: self.cwd.clone(),
            });
        }
        let program = self.command.first().filter(|program| !program.is_empty());
        find(program.ok_or(ProgramSpecError::Empty)?, &self.cwd)
    }

    /// The command line for messages.
    pub(super) fn shown(&self) -> String {
        const SHOWN_CHARS_MAX: usize = 120;
        let line = self.command.join(" ");
        if line.chars().count() <= SHOWN_CHARS_MAX {
            return line;
        }
        let cut: String = line.chars().take(SHOWN_CHARS_MAX).collect();
        cut + "…"
    }
}

fn find(program: &str, cwd: &Path) -> Result<PathBuf, ProgramSpecError> {
    let not_found = |place: String, hint| ProgramSpecError::NotFound {
        program: program.to_owned(),
        place,
        hint,
    };
    if program.contains(std::path::is_separator) {
        let path = cwd.join(program);
        if !path.is_file() {
            let place = format!(" in {}", cwd.display());
            return Err(not_found(
                place,
                "paths are relative to the suite file, or to `cwd`",
            ));
        }
        if !is_executable(&path) {
            let program = program.to_owned();
            return Err(ProgramSpecError::NotExecutable { program, path });
        }
        return Ok(path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join(program))
        .find(|path| is_program(path));
    let hint = if cwd.join(program).is_file() {
        "there is such a file beside the suite: write it as a path, with `./` before it"
    } else {
        "install it, or write its path"
    };
    found.ok_or_else(|| not_found(" in PATH".to_owned(), hint))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    path.is_file() && is_executable(path)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file() || path.with_extension("exe").is_file()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    true
}
