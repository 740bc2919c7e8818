//! How long to wait before the next attempt. Apart because it is pure: policy, attempt number and generator in,
//! duration out.

use crate::RetryPolicy;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use std::time::Duration;

/// Random waits of one endpoint, from a seeded PCG-64 so that a run can be repeated.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    generator: Pcg64,
}

impl Backoff {
    /// Waits by `policy`; endpoints of different names draw different numbers from the same seed.
    pub(crate) fn new(policy: RetryPolicy, seed: u64, name: &str) -> Self {
        Self {
            policy,
            generator: Pcg64::seed_from_u64(seed ^ fnv1a(name.as_bytes())),
        }
    }

    /// The wait after the `failures`-th failure (1-based).
    ///
    /// Full jitter: uniform between 0 and `backoff_first · 2^(failures − 1)`, at most `backoff_max` (Brooker,
    /// "Exponential backoff and jitter", 2015: the least work for server and clients). Where the server named a wait,
    /// that counts, cut to `retry_after_max`, plus a little so that not all clients come back in the same instant.
    pub(crate) fn wait(&mut self, failures: u32, retry_after_ms: Option<u64>) -> Duration {
        if let Some(asked_ms) = retry_after_ms {
            let asked = Duration::from_millis(asked_ms).min(self.policy.retry_after_max);
            return asked.saturating_add(self.up_to(asked.min(self.policy.backoff_first)));
        }
        let doublings = failures.saturating_sub(1).min(31);
        let bound = self
            .policy
            .backoff_first
            .saturating_mul(1_u32 << doublings)
            .min(self.policy.backoff_max);
        self.up_to(bound)
    }

    fn up_to(&mut self, bound: Duration) -> Duration {
        let bound_ns = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.generator.random_range(0..=bound_ns))
    }
}

/// FNV-1a, 64 bits: the standard library's hash may change between compilers, and a seed must not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts_max: 9,
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_millis(350),
            retry_after_max: Duration::from_secs(2),
        }
    }

    /// Protects the bounds: doubled each time, cut at the maximum, spread over the whole range.
    #[test]
    fn doubles_and_stops() {
        let mut backoff = Backoff::new(policy(), 1, "a");
        for (failures, bound_ms) in [(1, 100), (2, 200), (3, 350), (40, 350), (u32::MAX, 350)] {
            let waits: Vec<u128> = (0..500)
                .map(|_| backoff.wait(failures, None).as_millis())
                .collect();
            let longest = *waits.iter().max().unwrap();
            assert!(
                longest <= bound_ms && longest > bound_ms * 9 / 10,
                "{failures}: {longest}"
            );
            assert!(*waits.iter().min().unwrap() < bound_ms / 10);
        }
    }

    /// Protects the server's wish: never shorter, cut at the maximum, and 0 is at once.
    #[test]
    fn honours_the_server() {
        let mut backoff = Backoff::new(policy(), 1, "a");
        let wait = backoff.wait(1, Some(1000)).as_millis();
        assert!((1000..=1100).contains(&wait), "{wait}");
        let wait = backoff.wait(1, Some(u64::MAX)).as_millis();
        assert!((2000..=2100).contains(&wait), "{wait}");
        assert_eq!(backoff.wait(1, Some(0)), Duration::ZERO);
    }

    /// Protects repeatability, and that two targets do not come back in step.
    #[test]
    fn is_seeded() {
        let draw = |seed, name| Backoff::new(policy(), seed, name).wait(3, None);
        assert_eq!(draw(7, "a"), draw(7, "a"));
        assert_ne!(draw(7, "a"), draw(8, "a"));
        assert_ne!(draw(7, "a"), draw(7, "b"));
    }
}
