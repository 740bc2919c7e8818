//! Push-back of a target, told at the moment it happens. Apart because a call tells its attempts only when it is over,
//! and after a push-back it is over only when its waits are: too late for whoever decides how many calls to start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Statuses by which a target says that it is asked too much: too many requests, and overloaded (Anthropic's 529).
const TOO_MUCH: [u16; 2] = [429, 529];
const UNAVAILABLE: u16 = 503;

/// Counts push-backs of one target. Shared between its provider, which tells them, and its scheduler, which takes them.
#[derive(Debug, Default)]
pub struct Pressure {
    push_backs: AtomicU64,
    /// Longest wait asked for since the last taking.
    retry_after_ms: AtomicU64,
}

/// Push-backs since the last taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushBacks {
    /// How many, at least 1.
    pub count: u64,
    /// Longest wait that the target asked for with them, milliseconds; 0 where it asked for none.
    pub retry_after_ms: u64,
}

impl Pressure {
    /// Looks at the status of a failed attempt: 429 and 529 are push-backs, 503 is one where the target says when to
    /// come again. Anything else says nothing about how much it can bear.
    pub fn tell(&self, status: Option<u16>, retry_after_ms: Option<u64>) {
        let is_push_back = status.is_some_and(|status| {
            TOO_MUCH.contains(&status) || (status == UNAVAILABLE && retry_after_ms.is_some())
        });
        if is_push_back {
            self.retry_after_ms
                .fetch_max(retry_after_ms.unwrap_or(0), Relaxed);
            self.push_backs.fetch_add(1, Relaxed);
        }
    }

    /// Takes what was told since the last time; `None` where nothing was.
    pub fn take(&self) -> Option<PushBacks> {
        if self.push_backs.load(Relaxed) == 0 {
            return None;
        }
        let count = self.push_backs.swap(0, Relaxed);
        let retry_after_ms = self.retry_after_ms.swap(0, Relaxed);
        (count > 0).then_some(PushBacks {
            count,
            retry_after_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the difference between "too much" and "broken": a crashing server is no reason to ask it less.
    #[test]
    fn only_push_backs_count() {
        let pressure = Pressure::default();
        for status in [None, Some(200), Some(400), Some(500), Some(502), Some(503)] {
            pressure.tell(status, None);
        }
        pressure.tell(Some(500), Some(1000));
        assert_eq!(pressure.take(), None);
        pressure.tell(Some(429), None);
        pressure.tell(Some(503), Some(2000));
        pressure.tell(Some(529), Some(1000));
        let taken = pressure.take().unwrap();
        assert_eq!((taken.count, taken.retry_after_ms), (3, 2000));
        assert_eq!(pressure.take(), None);
    }
}
