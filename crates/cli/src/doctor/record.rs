//! The record: whether it can be written and locked, how much room there is, what is in it.

use super::Check;
use seatrial_store::{Catalog, RunLock, RunStatus, SqliteStore, StoreError};
use seatrial_types::ExitCode;
use std::path::{Path, PathBuf};

const SUBJECT: &str = "record";
/// Free space below which a run of a few thousand samples may not fit.
const FREE_BYTES_LITTLE: u64 = 1 << 30;
/// Free space below which hardly any run fits.
const FREE_BYTES_NONE: u64 = 64 << 20;
/// Runs that are looked at.
const RUNS_MAX: usize = 100;

/// Looks at the store in the folder `dir`, without making it.
pub(crate) fn checks(dir: &Path) -> Vec<Check> {
    let mut checks = vec![writable(dir)];
    checks.extend(free_space(dir));
    checks.extend(content(dir));
    checks
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(dir: &Path) -> PathBuf {
    let full = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let there = full.ancestors().find(|folder| folder.is_dir());
    there.unwrap_or(Path::new(".")).to_owned()
}

/// Writes and locks a file beside the record, and takes it away again.
fn writable(dir: &Path) -> Check {
    let folder = nearest(dir);
    let shown = folder.display();
    if dir.exists() && !dir.is_dir() {
        let hint = "move it away, or name another folder with --store";
        return Check::misuse(SUBJECT, "folder", format!("{} is no folder", dir.display()), hint);
    }
    let tried = tempfile::Builder::new()
        .prefix(".seatrial-doctor-")
        .tempfile_in(&folder);
    let file = match tried {
        Ok(file) => file,
        Err(error) => {
            let hint = "name another folder with --store, or make this one writable";
            return Check::fail(
                SUBJECT,
                "folder",
                format!("{shown} cannot be written: {error}"),
                hint,
            );
        }
    };
    let synced =
        std::io::Write::write_all(&mut file.as_file(), b"x").and_then(|()| file.as_file().sync_all());
    if let Err(error) = synced {
        let hint = "free some space, or name another folder with --store";
        return Check::fail(
            SUBJECT,
            "folder",
            format!("{shown} cannot be written: {error}"),
            hint,
        );
    }
    if let Err(error) = file.as_file().try_lock() {
        let hint = "network file systems often cannot; name a folder on a local disk with --store";
        return Check::fail(
            SUBJECT,
            "folder",
            format!("files in {shown} cannot be locked: {error}"),
            hint,
        );
    }
    let is_new = if dir.is_dir() { "" } else { " (it will be made)" };
    Check::ok(
        SUBJECT,
        "folder",
        format!("{} can be written and locked{is_new}", dir.display()),
    )
}

#[cfg(unix)]
fn free_space(dir: &Path) -> Option<Check> {
    let free = rustix::fs::statvfs(nearest(dir)).ok()?;
    let bytes = free.f_bavail.saturating_mul(free.f_frsize);
    let found = format!("{} free", shown(bytes));
    Some(if bytes < FREE_BYTES_NONE {
        Check::fail(
            SUBJECT,
            "free space",
            found,
            "free some space, or name another folder with --store",
        )
    } else if bytes < FREE_BYTES_LITTLE {
        let hint = "a sample takes one to ten KiB; large runs may not fit";
        Check::warn(SUBJECT, "free space", found, hint)
    } else {
        Check::ok(SUBJECT, "free space", found)
    })
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> Option<Check> {
    None
}

#[cfg(unix)]
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn shown(bytes: u64) -> String {
    let gib = bytes as f64 / (1_u64 << 30) as f64;
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.0} MiB", gib * 1024.0)
    }
}

fn content(dir: &Path) -> Vec<Check> {
    let store = match SqliteStore::open_read_only(dir) {
        Ok(store) => store,
        Err(StoreError::Absent { .. }) => {
            return vec![Check::ok(SUBJECT, "database", "none yet; the first run makes it")];
        }
        Err(error) => {
            let check = Check::fail_with(
                SUBJECT,
                "database",
                &error.to_string(),
                "name another folder with --store",
            );
            let is_misuse = matches!(error, StoreError::Foreign { .. } | StoreError::Newer { .. });
            return vec![Check {
                exit: if is_misuse { ExitCode::Usage } else { check.exit },
                ..check
            }];
        }
    };
    let runs = match store.runs(RUNS_MAX) {
        Ok(runs) => runs,
        Err(error) => {
            return vec![Check::fail_with(
                SUBJECT,
                "database",
                &error.to_string(),
                "restore a copy",
            )];
        }
    };
    let unfinished: Vec<_> = runs
        .iter()
        .filter(|run| run.status == RunStatus::Running)
        .collect();
    let mut checks = vec![Check::ok(
        SUBJECT,
        "database",
        format!(
            "can be read, {}{} runs",
            if runs.len() == RUNS_MAX { "at least " } else { "" },
            runs.len()
        ),
    )];
    for run in unfinished {
        let id = &run.header.id;
        checks.push(match RunLock::acquire(dir, id) {
            Err(StoreError::RunInUse { holder, .. }) => {
                let by = holder.map(|pid| format!(" by process {pid}")).unwrap_or_default();
                Check::ok(SUBJECT, "runs", format!("run {id} is being worked on{by}"))
            }
            _ => Check::warn(
                SUBJECT,
                "runs",
                format!(
                    "run {id} of suite `{}` was left by a process that died",
                    run.header.suite
                ),
                format!("continue it: seatrial run SUITE --resume-run {id}"),
            ),
        });
    }
    checks
}
