//! How busy the measuring client itself was. A latency that is measured by a thread without a spare moment is the
//! client's, not the target's; the operating system's own account of the thread says which it was.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Above this share of time on the processor, latencies are the client's own.
pub const BUSY_SHARE_MAX: f64 = 0.80;
/// Above this share of time spent ready but waiting for a processor, latencies are the machine's.
pub const WAIT_SHARE_MAX: f64 = 0.20;

/// Shares of the wall time of a session; `None` where the operating system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ClientHealth {
    /// Share of time that the measuring thread was running, 0 to 1.
    pub busy_share: Option<f64>,
    /// Share of time that it was ready but waited for a processor, 0 and up.
    pub wait_share: Option<f64>,
    /// Upper estimate of the mean time for which an answer lay in the socket unread because the thread was busy with
    /// others, milliseconds; part of every latency. Half of what the event loop takes from waking up to going to sleep,
    /// each stretch counted by its length. Too high where the loop never sleeps, and then the client is the limit anyhow.
    #[serde(default)]
    pub read_lag_ms: Option<f64>,
}

/// Lengths of the event loop's turns: from waking up to going to sleep again.
#[derive(Debug, Default)]
pub struct TurnMeter {
    woke_ns: AtomicU64,
    /// Σ length.
    microseconds: AtomicU64,
    /// Σ length².
    squares: AtomicU64,
}

impl TurnMeter {
    /// Has the runtime measure its turns. The runtime must have one thread.
    pub fn attach(builder: &mut tokio::runtime::Builder) -> Arc<Self> {
        let meter = Arc::new(Self::default());
        let epoch = Instant::now();
        let now = move || u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (on_wake, on_sleep) = (Arc::clone(&meter), Arc::clone(&meter));
        builder.on_thread_unpark(move || on_wake.woke_ns.store(now(), Ordering::Relaxed));
        builder.on_thread_park(move || on_sleep.sleep(now()));
        meter
    }

    fn sleep(&self, now_ns: u64) {
        let woke = self.woke_ns.load(Ordering::Relaxed);
        if woke == 0 {
            return;
        }
        let turn = now_ns.saturating_sub(woke) / 1000;
        self.microseconds.fetch_add(turn, Ordering::Relaxed);
        self.squares
            .fetch_add(turn.saturating_mul(turn), Ordering::Relaxed);
    }

    /// Mean wait of what arrives while a turn goes on; `None` before the first turn.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean for a threshold")]
    pub fn read_lag_ms(&self) -> Option<f64> {
        let (sum, squares) = (
            self.microseconds.load(Ordering::Relaxed),
            self.squares.load(Ordering::Relaxed),
        );
        (sum > 0).then(|| squares as f64 / sum as f64 / 2.0 / 1000.0)
    }
}

impl ClientHealth {
    /// Whether latencies measured meanwhile are spoiled by the client.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        self.busy_share.is_some_and(|share| share > BUSY_SHARE_MAX)
            || self.wait_share.is_some_and(|share| share > WAIT_SHARE_MAX)
    }
}

/// Accounts for the calling thread from its creation on.
#[derive(Debug)]
pub struct HealthProbe {
    started: Instant,
    first: Option<(u64, u64)>,
}

impl HealthProbe {
    /// Starts the account of the calling thread.
    #[must_use]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            first: thread_account(),
        }
    }

    /// The account so far; must be called on the same thread.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "shares for a threshold")]
    pub fn read(&self) -> ClientHealth {
        let wall = self.started.elapsed().as_nanos() as f64;
        let (Some((run, wait)), Some((run_first, wait_first)), true) =
            (thread_account(), self.first, wall > 0.0)
        else {
            return ClientHealth::default();
        };
        ClientHealth {
            busy_share: Some(run.saturating_sub(run_first) as f64 / wall),
            wait_share: Some(wait.saturating_sub(wait_first) as f64 / wall),
            read_lag_ms: None,
        }
    }
}

/// Nanoseconds that the calling thread ran, and that it waited ready to run (Linux).
fn thread_account() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let mut fields = text.split_ascii_whitespace();
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the mark `client_saturated`: a thread that never rests is seen as busy.
    #[test]
    fn a_spinning_thread_is_busy() {
        // The machine may be busy with other things: one undisturbed look of several is enough.
        let looks: Vec<ClientHealth> = (0..20)
            .map(|_| {
                let probe = HealthProbe::start();
                let mut x = 1_u64;
                while probe.started.elapsed().as_millis() < 30 {
                    x = std::hint::black_box(x.wrapping_mul(3));
                }
                probe.read()
            })
            .collect();
        if looks.iter().all(|health| health.busy_share.is_some()) {
            assert!(looks.iter().any(ClientHealth::is_saturated), "{looks:?}");
        }
        assert!(!ClientHealth::default().is_saturated());
    }
}
