//! Where text goes: reports, files, errors. Files are written whole or not at all.

use crate::error::CliError;
use crate::voice::{Level, voice};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Whether standard error is a screen that may move and blink: not in CI, not in a pipe, not as a log.
pub(crate) fn is_lively() -> bool {
    let voice = voice();
    !voice.is_quiet && !voice.is_json && std::io::stderr().is_terminal() && std::env::var_os("CI").is_none()
}

fn may_color(is_terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_terminal && !set("NO_COLOR") && !voice().is_json
}

/// Whether text on standard output may be coloured.
pub(crate) fn colors_stdout() -> bool {
    may_color(std::io::stdout().is_terminal())
}

/// Whether text on standard error may be coloured.
pub(crate) fn colors_stderr() -> bool {
    may_color(std::io::stderr().is_terminal())
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn stdout(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::infrastructure(
            format!("failed to write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Says a note on standard error, unless `--quiet`; with `--log json` it is one JSON object.
pub(crate) fn stderr(text: &str) {
    note(Level::Info, text);
}

/// Says a detail on standard error, with `--verbose` alone.
pub(crate) fn detail(text: &str) {
    note(Level::Debug, text);
}

fn note(level: Level, text: &str) {
    if voice().says(level) {
        raw_stderr(&voice().line(level, text, &crate::session::now()));
    }
}

/// Writes to standard error as it is; there is nowhere left to complain to.
pub(crate) fn raw_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Shows an error.
pub(crate) fn error(error: &CliError) {
    if voice().is_json {
        let object = json!({"time": crate::session::now(), "level": Level::Error.as_str(), "message": error.message.trim_end(),
                            "hint": error.hint, "exit_code": error.exit.code()});
        return raw_stderr(&format!("{object}\n"));
    }
    let prefix = if error.is_rendered { "" } else { "error: " };
    let end = if error.message.ends_with('\n') { "" } else { "\n" };
    raw_stderr(&format!("{prefix}{}{end}", error.message));
    if let Some(hint) = &error.hint {
        raw_stderr(&format!("hint: {hint}\n"));
    }
}

/// Writes a file whole: to a temporary file beside it, synced, then renamed over it.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), CliError> {
    replace(path, |file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::infrastructure(format!("failed to write {}: {error}", path.display())))
}

/// Replaces a file by what `fill` writes, whole or not at all. A link stays and what it leads to is replaced. What is no
/// file, a device or a pipe, is written to: renamed over, `/dev/null` would be gone.
pub(crate) fn replace(
    path: &Path,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> std::io::Result<()> {
    if is_stream(path) {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        return fill(&mut file);
    }
    let path = match std::fs::canonicalize(path) {
        Ok(target) => target,
        Err(_) => path.to_owned(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".seatrial-")
        .tempfile_in(folder)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    make_readable(&file)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether bytes written to a path go somewhere else than into a file of that name.
fn is_stream(path: &Path) -> bool {
    // An open descriptor, `/dev/stdout` for one: perhaps a file, but one that others write to as well.
    let is_descriptor = path.starts_with("/dev/fd")
        || std::fs::read_link(path).is_ok_and(|target| target.starts_with("/proc/self/fd"));
    is_descriptor || std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Temporary files are private; a report is meant to be read by others.
#[cfg(unix)]
fn make_readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

/// Whether a path given on the command line means standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Refuses an output path that could not be written later, before any call is paid for.
pub(crate) fn check_writable(path: &Path) -> Result<(), CliError> {
    if is_stdout(path) {
        return Ok(());
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(CliError::usage(format!(
            "{} is a folder, expected a file name",
            path.display()
        )));
    }
    if !folder.is_dir() {
        return Err(CliError::usage(format!(
            "cannot write {}: the folder {} does not exist",
            path.display(),
            folder.display()
        ))
        .hint(format!("create it: mkdir -p {}", folder.display())));
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Protects devices and pipes from being renamed over, which as root takes `/dev/null` away: a pipe stays a pipe, and
    /// its reader gets the text.
    #[test]
    fn what_is_no_file_is_written_to() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success() && is_stream(&pipe) && is_stream(Path::new("/dev/null")));
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write_whole(&pipe, "text").unwrap();
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(reader.join().unwrap(), "text");
    }

    /// Protects links: the file behind is replaced whole, and nothing is left beside it.
    #[test]
    fn links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "longer than before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
