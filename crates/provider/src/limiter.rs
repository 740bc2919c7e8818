//! Requests and tokens per minute. Apart because waiting for a limit that the user set is neither the target's latency
//! nor this client's queueing, so the moment at which the limit opened must come out of here exactly.

use crate::Limits;
use seatrial_types::RateLimit;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A minute in nanoseconds, the period of both limits.
const MINUTE_NS: u128 = 60_000_000_000;

/// Burst of both limits in nanoseconds of their rate: what one second allows may come at once.
const BURST_NS: u64 = 1_000_000_000;

/// Longest wait for a refill that a server names; beyond it, asking and being refused tells more.
const REFILL_WAIT_MAX: Duration = Duration::from_secs(60);

/// Lets requests through in the order in which they came, no faster than the limits.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Held by the request that is next; tokio's mutex is fair, so it is also the queue.
    turn: tokio::sync::Mutex<()>,
    buckets: Mutex<Buckets>,
    /// Told when an answer used fewer tokens than were set aside.
    refunded: Notify,
    limited: bool,
    tokens_limited: bool,
    /// The server has named a refill at least once; until then endpoints without limits take no lock.
    paused: AtomicBool,
}

#[derive(Debug)]
struct Buckets {
    zero: Instant,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// Nothing is due before this: the last request let through, or the refund that opened the limit.
    opened_ns: u64,
    /// The server has nothing left before this.
    paused_until_ns: u64,
}

/// A token bucket kept as its "theoretical arrival time" (GCRA, ITU-T I.371): the moment at which it will be full
/// again. One number, no timer that refills.
#[derive(Debug)]
struct Bucket {
    per_minute: u64,
    full_ns: u64,
    burst_ns: u64,
}

impl Limiter {
    /// Limits by `rpm` and `tpm`; the first requests find full buckets.
    pub(crate) fn new(limits: &Limits) -> Self {
        let bucket = |per_minute: u64| Bucket {
            per_minute: per_minute.max(1),
            full_ns: 0,
            burst_ns: 0,
        };
        let requests = limits.rpm.map(bucket).map(|bucket| Bucket {
            // The request that is let through is itself part of the burst.
            burst_ns: BURST_NS.saturating_sub(bucket.cost_ns(1)),
            ..bucket
        });
        let tokens = limits.tpm.map(bucket).map(|bucket| Bucket {
            burst_ns: BURST_NS,
            ..bucket
        });
        Self {
            turn: tokio::sync::Mutex::new(()),
            limited: requests.is_some() || tokens.is_some(),
            tokens_limited: tokens.is_some(),
            paused: AtomicBool::new(false),
            buckets: Mutex::new(Buckets {
                zero: Instant::now(),
                requests,
                tokens,
                opened_ns: 0,
                paused_until_ns: 0,
            }),
            refunded: Notify::new(),
        }
    }

    /// Whether an estimate of tokens is of use.
    pub(crate) const fn counts_tokens(&self) -> bool {
        self.tokens_limited
    }

    /// Waits until one request of about `tokens` tokens is allowed, and charges it. Returns the moment at which it was
    /// allowed, at least `earliest`: how much later this task runs is the client's own delay and not part of it.
    ///
    /// Dropping the future before it is done charges nothing.
    pub(crate) async fn admit(&self, tokens: u64, earliest: Instant) -> Instant {
        if !self.limited && !self.paused.load(Relaxed) {
            return earliest;
        }
        let _turn = self.turn.lock().await;
        loop {
            // Made before the look at the buckets, so that no refund is missed in between.
            let refunded = self.refunded.notified();
            let opens = match self.lock().try_charge(tokens, earliest) {
                Ok(due) => return due,
                Err(opens) => opens,
            };
            tokio::select! {
                () = sleep_until(opens) => {}
                () = refunded => {}
            }
        }
    }

    /// Heeds what the server says of its own limits: where nothing is left, nothing is sent before the refill. Waiting for
    /// it is the limit's doing, as with limits of the user's own.
    pub(crate) fn heed(&self, limit: &RateLimit) {
        let refill =
            |remaining: Option<u64>, reset_ms: Option<u64>| reset_ms.filter(|_| remaining == Some(0));
        let wait_ms = refill(limit.requests_remaining, limit.requests_reset_ms)
            .max(refill(limit.tokens_remaining, limit.tokens_reset_ms));
        if let Some(wait_ms) = wait_ms.filter(|wait_ms| *wait_ms > 0) {
            let wait = Duration::from_millis(wait_ms).min(REFILL_WAIT_MAX);
            self.lock().pause(wait);
            self.paused.store(true, Relaxed);
        }
    }

    /// Replaces the estimate by what was really used.
    pub(crate) fn settle(&self, estimated: u64, used: u64) {
        if !self.tokens_limited || estimated == used {
            return;
        }
        self.lock().settle(estimated, used);
        if used < estimated {
            self.refunded.notify_waiters();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Buckets> {
        // Plain numbers: there is no half-done state that a panic could leave.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    fn ns(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.zero).as_nanos()).unwrap_or(u64::MAX)
    }

    fn moment(&self, ns: u64) -> Instant {
        let far = self.zero + Duration::from_secs(365 * 24 * 3600);
        self.zero.checked_add(Duration::from_nanos(ns)).unwrap_or(far)
    }

    /// When both buckets are open.
    fn opens_ns(&self) -> u64 {
        let opens = |bucket: &Option<Bucket>| bucket.as_ref().map_or(0, Bucket::opens_ns);
        opens(&self.requests)
            .max(opens(&self.tokens))
            .max(self.paused_until_ns)
    }

    fn pause(&mut self, wait: Duration) {
        let until_ns = self.ns(Instant::now() + wait);
        self.paused_until_ns = self.paused_until_ns.max(until_ns);
    }

    fn try_charge(&mut self, tokens: u64, earliest: Instant) -> Result<Instant, Instant> {
        let now_ns = self.ns(Instant::now());
        let opens_ns = self.opens_ns();
        if opens_ns > now_ns {
            return Err(self.moment(opens_ns));
        }
        let due_ns = self.ns(earliest).max(opens_ns).max(self.opened_ns);
        self.opened_ns = due_ns;
        if let Some(bucket) = &mut self.requests {
            bucket.charge(1, due_ns);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.charge(tokens, due_ns);
        }
        Ok(earliest.max(self.moment(due_ns)))
    }

    fn settle(&mut self, estimated: u64, used: u64) {
        let now_ns = self.ns(Instant::now());
        let was_closed = self.opens_ns() > now_ns;
        if let Some(bucket) = &mut self.tokens {
            bucket.full_ns = if used > estimated {
                bucket.full_ns.saturating_add(bucket.cost_ns(used - estimated))
            } else {
                bucket.full_ns.saturating_sub(bucket.cost_ns(estimated - used))
            };
        }
        if was_closed && self.opens_ns() <= now_ns {
            self.opened_ns = self.opened_ns.max(now_ns);
        }
    }
}

impl Bucket {
    fn cost_ns(&self, units: u64) -> u64 {
        let cost = u128::from(units) * MINUTE_NS / u128::from(self.per_minute);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }

    /// The bucket is open while it would be full again within its burst. It may then be overdrawn once, so that a
    /// request above the burst is delayed for the next and never stuck.
    const fn opens_ns(&self) -> u64 {
        self.full_ns.saturating_sub(self.burst_ns)
    }

    fn charge(&mut self, units: u64, due_ns: u64) {
        self.full_ns = self.full_ns.max(due_ns).saturating_add(self.cost_ns(units));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn limits(rpm: Option<u64>, tpm: Option<u64>) -> Limits {
        Limits {
            rpm,
            tpm,
            ..Limits::default()
        }
    }

    /// Protects the hot path: without limits nothing waits and the due moment is the caller's own.
    #[tokio::test(start_paused = true)]
    async fn no_limit_is_free() {
        let limiter = Limiter::new(&limits(None, None));
        let earliest = Instant::now();
        assert_eq!(limiter.admit(1_000_000, earliest).await, earliest);
    }

    /// Protects the rate: after one second's worth at once, requests come evenly.
    #[tokio::test(start_paused = true)]
    async fn requests_come_evenly() {
        let limiter = Limiter::new(&limits(Some(120), None));
        let start = Instant::now();
        let mut due_ms = Vec::new();
        for _ in 0..6 {
            due_ms.push((limiter.admit(0, Instant::now()).await - start).as_millis());
        }
        assert_eq!(due_ms, [0, 0, 500, 1000, 1500, 2000]);
    }

    /// Protects slow limits: below one per second there is no burst beyond the first.
    #[tokio::test(start_paused = true)]
    async fn slow_limits_have_no_burst() {
        let limiter = Limiter::new(&limits(Some(6), None));
        let start = Instant::now();
        for expected_s in [0, 10, 20] {
            let due = limiter.admit(0, Instant::now()).await;
            assert_eq!((due - start).as_secs(), expected_s);
        }
    }

    /// Protects against credit piling up while nothing is asked.
    #[tokio::test(start_paused = true)]
    async fn idle_time_is_not_saved_up() {
        let limiter = Limiter::new(&limits(Some(60), None));
        tokio::time::advance(Duration::from_secs(600)).await;
        let start = Instant::now();
        limiter.admit(0, start).await;
        let second = limiter.admit(0, start).await;
        assert_eq!((second - start).as_millis(), 1000);
    }

    /// Protects the token limit: an expensive request delays the next one and is not itself stuck.
    #[tokio::test(start_paused = true)]
    async fn tokens_are_charged() {
        let limiter = Limiter::new(&limits(None, Some(6000)));
        let start = Instant::now();
        assert_eq!(limiter.admit(1000, start).await, start);
        // 1000 tokens are 10 s of 6000 a minute, of which the burst forgives one.
        assert_eq!((limiter.admit(0, start).await - start).as_secs(), 9);
    }

    /// Protects throughput: unused estimates come back at once, also to a request that is already waiting, and what
    /// it waited is not counted as this client's delay.
    #[tokio::test(start_paused = true)]
    async fn unused_tokens_come_back() {
        let limiter = Arc::new(Limiter::new(&limits(None, Some(6000))));
        let start = Instant::now();
        limiter.admit(6000, start).await;
        let waiting = {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.admit(0, start).await })
        };
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(5)).await;
        limiter.settle(6000, 100);
        assert_eq!((waiting.await.unwrap() - start).as_secs(), 5);
    }

    /// Protects the limit from answers longer than estimated.
    #[tokio::test(start_paused = true)]
    async fn extra_tokens_are_paid() {
        let limiter = Limiter::new(&limits(None, Some(6000)));
        let start = Instant::now();
        limiter.admit(0, start).await;
        limiter.settle(0, 600);
        assert_eq!((limiter.admit(0, start).await - start).as_secs(), 5);
    }

    /// Protects an abandoned call's neighbours: a wait that is given up costs nothing and does not block the queue.
    #[tokio::test(start_paused = true)]
    async fn abandoned_waits_cost_nothing() {
        let limiter = Limiter::new(&limits(Some(6), None));
        let start = Instant::now();
        limiter.admit(0, start).await;
        let abandoned = tokio::time::timeout(Duration::from_secs(3), limiter.admit(0, start)).await;
        assert!(abandoned.is_err());
        assert_eq!((limiter.admit(0, start).await - start).as_secs(), 10);
    }

    /// Protects the client's honesty: a task that runs late after the limit opened is late, not limited.
    #[tokio::test(start_paused = true)]
    async fn running_late_is_not_the_limits_fault() {
        let limiter = Arc::new(Limiter::new(&limits(Some(6), None)));
        let start = Instant::now();
        limiter.admit(0, start).await;
        let waiting = {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { limiter.admit(0, start).await })
        };
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(14)).await;
        assert_eq!((waiting.await.unwrap() - start).as_secs(), 10);
    }

    /// Protects a server that says it has nothing left: nothing is sent before the refill that it names, within reason,
    /// and what it has left is left to it.
    #[tokio::test(start_paused = true)]
    async fn refills_are_awaited() {
        let limiter = Limiter::new(&limits(None, None));
        let start = Instant::now();
        let told = |remaining, reset_ms| RateLimit {
            requests_remaining: Some(remaining),
            requests_reset_ms: Some(reset_ms),
            ..RateLimit::default()
        };
        limiter.heed(&told(5, 9000));
        assert_eq!(limiter.admit(0, start).await, start);
        limiter.heed(&told(0, 3000));
        limiter.heed(&told(0, 1000));
        assert_eq!((limiter.admit(0, start).await - start).as_secs(), 3);
        limiter.heed(&RateLimit {
            tokens_remaining: Some(0),
            tokens_reset_ms: Some(u64::MAX),
            ..RateLimit::default()
        });
        assert_eq!((limiter.admit(0, Instant::now()).await - start).as_secs(), 63);
    }

    /// Protects arithmetic at the ends of the ranges.
    #[tokio::test(start_paused = true)]
    async fn extremes_do_not_overflow() {
        let limiter = Limiter::new(&limits(Some(u64::MAX), Some(1)));
        limiter.admit(u64::MAX, Instant::now()).await;
        limiter.settle(u64::MAX, 0);
        limiter.settle(0, u64::MAX);
        limiter.settle(u64::MAX, u64::MAX - 1);
    }
}
