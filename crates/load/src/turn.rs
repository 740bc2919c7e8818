//! The turns of a loop: from waking up to going to sleep again. Apart because how long something may have waited unread
//! follows from them alone.

use crate::account::{ThreadAccount, ThreadTimes};
use crate::clock::{RunClock, Stamp};

/// A wait shorter than this did not put the thread to sleep: something was there already.
const SLEEP_NS_MIN: u64 = 15_000;
/// Shortest time between two readings of the system's account, which cost a microsecond each. A wait for a processor
/// inside of a shorter stretch is shorter than this.
const ACCOUNT_NS_MIN: u64 = 250_000;

/// Follows one loop. Must live on the thread that it follows.
#[derive(Debug)]
pub(crate) struct Turns {
    clock: RunClock,
    account: ThreadAccount,
    seen: ThreadTimes,
    seen_ns: u64,
    /// Time awake since the account was read.
    awake_ns: u64,
    /// When the last wait began.
    wait_ns: u64,
    /// When the last wait ended.
    woke_ns: u64,
    /// How long what was there then may have waited.
    woke_lag_ns: u64,
    /// Whether the system tells waits for a processor.
    pub(crate) knows_waits: bool,
}

impl Turns {
    pub(crate) fn start(clock: RunClock) -> Self {
        let account = ThreadAccount::open();
        let now_ns = clock.now_ns();
        Self {
            knows_waits: account.read().is_some(),
            account,
            clock,
            seen: ThreadTimes::default(),
            seen_ns: now_ns,
            awake_ns: 0,
            wait_ns: now_ns,
            woke_ns: now_ns,
            woke_lag_ns: 0,
        }
    }

    /// The loop is about to wait.
    pub(crate) fn sleep(&mut self) {
        self.wait_ns = self.clock.now_ns();
        self.awake_ns += self.wait_ns.saturating_sub(self.woke_ns);
    }

    /// The wait is over; the moment.
    pub(crate) fn wake(&mut self) -> u64 {
        let now_ns = self.clock.now_ns();
        let mut waited_ns = 0;
        if now_ns.saturating_sub(self.seen_ns) >= ACCOUNT_NS_MIN
            && let Some(times) = self.account.read()
        {
            let ran_ns = times.run_ns.saturating_sub(self.seen.run_ns);
            // What was waited in the midst of turns is in their length already.
            waited_ns = times
                .wait_ns
                .saturating_sub(self.seen.wait_ns)
                .saturating_sub(self.awake_ns.saturating_sub(ran_ns));
            self.seen = times;
            self.seen_ns = now_ns;
            self.awake_ns = 0;
        }
        self.woke_lag_ns = woke_lag_ns(self.woke_ns, self.wait_ns, now_ns, waited_ns);
        self.woke_ns = now_ns;
        now_ns
    }

    /// Now, on the clock of the run.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// A stamp for what was just read. Taken behind the read, so that nothing in it came later: a latency may be too long
    /// by the lag that is stated, and is never too short.
    pub(crate) fn stamp(&self) -> Stamp {
        let at_ns = self.clock.now_ns();
        Stamp {
            at_ns,
            lag_ns: self.woke_lag_ns + at_ns.saturating_sub(self.woke_ns),
        }
    }

    /// Times of the thread so far.
    pub(crate) fn times(&self) -> Option<ThreadTimes> {
        self.account.read()
    }
}

/// How long something may have waited that is there when a wait ends.
///
/// A thread that slept had found nothing, so that it came since; it waited no longer than the thread did for a processor. One
/// that did not sleep may have had it waiting since it looked last, a whole turn ago.
fn woke_lag_ns(woke_before_ns: u64, wait_ns: u64, woke_ns: u64, waited_ns: u64) -> u64 {
    let wait_len = woke_ns.saturating_sub(wait_ns);
    if wait_len >= SLEEP_NS_MIN {
        waited_ns.min(wait_len)
    } else {
        woke_ns.saturating_sub(woke_before_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the certificate: the bound for a thread that slept, one that slept and then waited for a processor, and
    /// one that never rests.
    #[test]
    fn bounds_of_lag() {
        let us = |n: u64| n * 1000;
        assert_eq!(woke_lag_ns(0, us(50), us(1050), 0), 0);
        assert_eq!(woke_lag_ns(0, us(50), us(1050), us(400)), us(400));
        assert_eq!(woke_lag_ns(0, us(50), us(1050), us(4000)), us(1000));
        assert_eq!(woke_lag_ns(us(10), us(900), us(905), 0), us(895));
        assert_eq!(woke_lag_ns(us(10), us(900), us(905), us(700)), us(895));
    }
}
