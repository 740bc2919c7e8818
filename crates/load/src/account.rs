//! What the operating system says about this client: time on a processor, time waiting for one, throttling. Apart because
//! it tells our own slowness from the server's, and because every system tells it differently or not at all.

use std::fs::File;
use std::time::Duration;

/// Files that are open besides connections.
const FILES_BESIDE: usize = 64;

/// Nanoseconds of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadTimes {
    /// On a processor.
    pub run_ns: u64,
    /// Ready to run, but without a processor.
    pub wait_ns: u64,
}

/// Reads the account of the thread that opened it (Linux: `/proc/thread-self/schedstat`).
#[derive(Debug)]
pub(crate) struct ThreadAccount {
    file: Option<File>,
    first: ThreadTimes,
}

impl ThreadAccount {
    /// Opens the account of the calling thread; times count from here.
    pub(crate) fn open() -> Self {
        let mut account = Self {
            file: File::open("/proc/thread-self/schedstat").ok(),
            first: ThreadTimes::default(),
        };
        account.first = account.read_raw().unwrap_or_default();
        account
    }

    /// Times since it was opened; `None` where the system does not tell.
    pub(crate) fn read(&self) -> Option<ThreadTimes> {
        let now = self.read_raw()?;
        Some(ThreadTimes {
            run_ns: now.run_ns.saturating_sub(self.first.run_ns),
            wait_ns: now.wait_ns.saturating_sub(self.first.wait_ns),
        })
    }

    #[cfg(unix)]
    fn read_raw(&self) -> Option<ThreadTimes> {
        use std::os::unix::fs::FileExt;
        let mut buffer = [0_u8; 96];
        let len = self.file.as_ref()?.read_at(&mut buffer, 0).ok()?;
        times_of(std::str::from_utf8(buffer.get(..len)?).ok()?)
    }

    #[cfg(not(unix))]
    fn read_raw(&self) -> Option<ThreadTimes> {
        None
    }
}

/// `run wait slices` as schedstat writes them.
fn times_of(text: &str) -> Option<ThreadTimes> {
    let mut fields = text.split_ascii_whitespace();
    Some(ThreadTimes {
        run_ns: fields.next()?.parse().ok()?,
        wait_ns: fields.next()?.parse().ok()?,
    })
}

/// How often and how long a limit on processor time stopped this process; `None` where there is no such limit or the
/// system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttling {
    /// Periods in which it was stopped.
    pub periods: u64,
    /// For how long.
    pub time: Duration,
}

impl Throttling {
    /// The account of this process's control group so far (Linux, version 2).
    #[must_use]
    pub fn read() -> Option<Self> {
        let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
        let stat = std::fs::read_to_string(format!("/sys/fs/cgroup{path}/cpu.stat"))
            .or_else(|_| std::fs::read_to_string("/sys/fs/cgroup/cpu.stat"))
            .ok()?;
        Self::parse(&stat)
    }

    /// What came on top of an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            periods: self.periods.saturating_sub(earlier.periods),
            time: self.time.saturating_sub(earlier.time),
        }
    }

    fn parse(stat: &str) -> Option<Self> {
        let number = |name: &str| -> Option<u64> {
            stat.lines().find_map(|line| {
                let (key, value) = line.split_once(' ')?;
                (key == name).then(|| value.trim().parse().ok())?
            })
        };
        Some(Self {
            periods: number("nr_throttled")?,
            time: Duration::from_micros(number("throttled_usec")?),
        })
    }
}

/// Processor time of the whole process so far, all threads, user and system; `None` where the system does not tell.
#[must_use]
pub fn process_cpu() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (seconds, nanoseconds) = (
            u64::try_from(time.tv_sec).ok()?,
            u32::try_from(time.tv_nsec).ok()?,
        );
        Some(Duration::new(seconds, nanoseconds))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Allows this process as many open files as its hard limit says; how many that are, where the system tells.
pub(crate) fn raise_open_files() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            let before = limit.current;
            limit.current = limit.maximum;
            if setrlimit(Resource::Nofile, limit).is_err() {
                limit.current = before;
            }
        }
        limit.current
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Makes room for so many open files at once: where the table of a process with several threads grows, opening stops until
/// all processors have seen it, which takes many milliseconds, and would stop a loop that connects. While a process has one
/// thread it costs nothing; so call it early, and again does no harm.
pub fn make_room_for_files(count: usize) {
    let _ = raise_open_files();
    #[cfg(target_os = "linux")]
    if let Ok(last) = i32::try_from(count.saturating_add(FILES_BESIDE)) {
        // The highest number decides the size, and it stays when that file is closed. A limit below it only leaves the table
        // as it was.
        drop(rustix::io::fcntl_dupfd_cloexec(std::io::stderr(), last));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = count;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the run-queue delay: a thread that works is seen to have run or waited.
    #[test]
    fn sees_the_own_thread() {
        let account = ThreadAccount::open();
        let mut x = 1_u64;
        let mut spins = 0;
        // Until the system's account moves, which it does at the next tick at the latest.
        while spins < 400_000_000 {
            x = std::hint::black_box(x.wrapping_mul(3));
            spins += 1;
            if spins % 1_000_000 == 0
                && account
                    .read()
                    .is_none_or(|times| times.run_ns + times.wait_ns > 0)
            {
                break;
            }
        }
        if let Some(times) = account.read() {
            assert!(times.run_ns + times.wait_ns > 0);
        }
    }

    /// Protects the reading of the system's files, whole and broken.
    #[test]
    fn reads_the_files() {
        assert_eq!(
            times_of("12 34 5\n"),
            Some(ThreadTimes {
                run_ns: 12,
                wait_ns: 34
            })
        );
        assert_eq!(times_of("x"), None);
        let stat = "usage_usec 5\nnr_periods 9\nnr_throttled 2\nthrottled_usec 1500\n";
        let found = Throttling::parse(stat).unwrap();
        assert_eq!((found.periods, found.time), (2, Duration::from_micros(1500)));
        assert_eq!(Throttling::parse("usage_usec 5\n"), None);
    }
}
