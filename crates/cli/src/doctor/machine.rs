//! The machine: processors, open files, clocks, certificates, terminal.

use super::Check;
use std::io::IsTerminal;
use std::time::{Duration, Instant, SystemTime};

const SUBJECT: &str = "machine";
/// How long the two clocks are compared.
const CLOCK_LOOK: Duration = Duration::from_millis(60);
/// Difference between them above which something sets the time.
const CLOCK_DRIFT_MAX: Duration = Duration::from_millis(10);
/// Files that are open beside connections: record, locks, datasets, streams.
const FILES_BESIDE: u64 = 64;

/// Looks at the machine; `concurrency` is what all targets together may have in flight.
pub(crate) fn checks(concurrency: u64) -> Vec<Check> {
    let mut checks = vec![processors()];
    checks.extend(open_files(concurrency));
    checks.extend([clocks(), certificates(), terminal()]);
    checks
}

fn processors() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let quota = cgroup_cores();
    let found = match quota {
        Some(quota) => format!("{cores} processors, the control group allows {quota:.2}"),
        None => format!("{cores} processors"),
    };
    if quota.is_some_and(|quota| quota < 1.0) {
        let hint =
            "latencies may be the client's own; give it a whole processor or lower `limits.concurrency`";
        return Check::warn(SUBJECT, "processors", found, hint);
    }
    Check::ok(SUBJECT, "processors", found)
}

/// Processors that the control group allows (version 2, then 1); `None` where it sets no limit.
fn cgroup_cores() -> Option<f64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let (quota, period) = match read("/sys/fs/cgroup/cpu.max") {
        Some(text) => {
            let mut words = text.split_ascii_whitespace();
            (
                words.next()?.parse::<f64>().ok()?,
                words.next()?.parse::<f64>().ok()?,
            )
        }
        None => {
            let number = |path| read(path)?.trim().parse::<f64>().ok();
            (
                number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")?,
                number("/sys/fs/cgroup/cpu/cpu.cfs_period_us")?,
            )
        }
    };
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

#[cfg(unix)]
fn open_files(concurrency: u64) -> Option<Check> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let Some(limit) = limit else {
        return Some(Check::ok(SUBJECT, "open files", "no limit"));
    };
    let found = format!("{limit} files may be open");
    let needed = concurrency.saturating_add(FILES_BESIDE);
    if limit < needed {
        let hint = format!(
            "{needed} are needed at full concurrency: ulimit -n {needed}, or lower `limits.concurrency`"
        );
        return Some(Check::fail(SUBJECT, "open files", found, hint));
    }
    Some(Check::ok(SUBJECT, "open files", found))
}

#[cfg(not(unix))]
fn open_files(_: u64) -> Option<Check> {
    None
}

/// Compares the clock that measures with the clock on the wall for a moment.
fn clocks() -> Check {
    let (monotonic, wall) = (Instant::now(), SystemTime::now());
    std::thread::sleep(CLOCK_LOOK);
    let by_monotonic = monotonic.elapsed();
    match wall.elapsed() {
        Ok(by_wall) if by_wall.abs_diff(by_monotonic) <= CLOCK_DRIFT_MAX => {
            Check::ok(SUBJECT, "clocks", "the monotonic clock and the wall clock agree")
        }
        by_wall => {
            let by_wall = by_wall.map_or_else(|_| "backwards".to_owned(), |time| format!("{time:.1?}"));
            let found = format!("in {by_monotonic:.1?} the wall clock went {by_wall}");
            let hint = "something sets the time; latencies are not affected, timestamps of runs are";
            Check::warn(SUBJECT, "clocks", found, hint)
        }
    }
}

fn certificates() -> Check {
    let (count, problem) = seatrial_provider::probe::trusted_certificates();
    if count > 0 {
        return Check::ok(SUBJECT, "certificates", format!("{count} trusted certificates"));
    }
    let found = format!(
        "no trusted certificates: {}",
        problem.unwrap_or_else(|| "the system has none".to_owned())
    );
    let hint = "https will fail; install ca-certificates, or name a file in SSL_CERT_FILE or with --ca-file";
    Check::warn(SUBJECT, "certificates", found, hint)
}

fn terminal() -> Check {
    let is = |terminal: bool| if terminal { "a terminal" } else { "no terminal" };
    let found = format!(
        "standard output is {}, standard error is {}{}",
        is(std::io::stdout().is_terminal()),
        is(std::io::stderr().is_terminal()),
        if std::env::var_os("CI").is_some() {
            ", CI is set"
        } else {
            ""
        }
    );
    Check::ok(SUBJECT, "terminal", found)
}
