//! Waking up at a moment. Apart because the wait of the event loop counts in milliseconds, which is far too coarse for
//! arrivals, and systems differ in what they have instead.

use mio::{Poll, Token};
use std::io;
use std::time::Duration;

/// Wakes a loop with tens of microseconds of lateness where the system can (Linux), else within a millisecond.
#[derive(Debug)]
pub(crate) struct WakeTimer {
    #[cfg(target_os = "linux")]
    fd: rustix::fd::OwnedFd,
}

impl WakeTimer {
    #[cfg(target_os = "linux")]
    pub(crate) fn register(poll: &Poll, token: Token) -> io::Result<Self> {
        use rustix::fd::AsRawFd;
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        // The kernel may fire 50 µs late to save power, unless told otherwise.
        let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1000));
        let fd = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        poll.registry().register(
            &mut mio::unix::SourceFd(&fd.as_raw_fd()),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Self { fd })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn register(_poll: &Poll, _token: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Sets the alarm; how long the loop may wait without it.
    pub(crate) fn arm(&self, after: Duration) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        {
            use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
            let zero = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // A value of zero would switch it off.
            let after = after.max(Duration::from_nanos(1));
            let value = Timespec {
                tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: after.subsec_nanos().into(),
            };
            let times = Itimerspec {
                it_interval: zero,
                it_value: value,
            };
            timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &times)
                .err()
                .map(|_| after)
        }
        #[cfg(not(target_os = "linux"))]
        Some(after)
    }
}
