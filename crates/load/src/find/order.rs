//! Requests of a probe in the order in which they were intended, although they end in another one. Apart because it is what
//! keeps slow requests in the test: whoever counts only what has ended counts the fast ones first, and never those that
//! hang.

use std::collections::BTreeMap;

/// Most requests that are held back; beyond it the oldest that is under way is given up.
const HELD_MAX: usize = 1 << 18;

/// What a request was worth: whether it met each share's terms, and how near it came to a limit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    pub(super) met: Vec<bool>,
    pub(super) strain: f64,
}

/// Requests under way and those that have ended after them.
#[derive(Debug)]
pub(super) struct Order {
    /// Age beyond which a request under way has missed whatever comes of it.
    hopeless_ns: u64,
    /// What such a request is worth.
    missed: Judged,
    /// How many of each intended moment are under way.
    under_way: BTreeMap<u64, u32>,
    /// How many of each intended moment were given up.
    given_up: BTreeMap<u64, u32>,
    /// Ended, by intended moment; `None` where it cannot be told what they were worth.
    ended: BTreeMap<u64, Vec<Option<Judged>>>,
    held: usize,
}

impl Order {
    pub(super) fn new(hopeless_ns: u64, shares: usize) -> Self {
        Self {
            hopeless_ns,
            missed: Judged {
                met: vec![false; shares],
                strain: f64::MAX,
            },
            under_way: BTreeMap::new(),
            given_up: BTreeMap::new(),
            ended: BTreeMap::new(),
            held: 0,
        }
    }

    pub(super) fn began(&mut self, intended_ns: u64) {
        *self.under_way.entry(intended_ns).or_default() += 1;
    }

    /// Takes one that ended and gives what may be counted now, in order.
    pub(super) fn ended(&mut self, intended_ns: u64, judged: Option<Judged>, now_ns: u64) -> Vec<Judged> {
        if !take(&mut self.given_up, intended_ns) {
            take(&mut self.under_way, intended_ns);
            self.ended.entry(intended_ns).or_default().push(judged);
            self.held += 1;
        }
        self.release(now_ns)
    }

    fn release(&mut self, now_ns: u64) -> Vec<Judged> {
        let mut released = Vec::new();
        loop {
            let oldest = self.under_way.keys().next().copied();
            // Everything before the oldest that is under way is known.
            while let Some(entry) = self.ended.first_entry()
                && oldest.is_none_or(|oldest| *entry.key() <= oldest)
            {
                let of_moment = entry.remove();
                self.held -= of_moment.len();
                released.extend(of_moment.into_iter().flatten());
            }
            match oldest {
                Some(oldest) if now_ns.saturating_sub(oldest) > self.hopeless_ns || self.held > HELD_MAX => {
                    take(&mut self.under_way, oldest);
                    *self.given_up.entry(oldest).or_default() += 1;
                    released.push(self.missed.clone());
                }
                _ => return released,
            }
        }
    }
}

/// Takes one of this moment; whether there was one.
fn take(counts: &mut BTreeMap<u64, u32>, moment: u64) -> bool {
    let Some(count) = counts.get_mut(&moment) else {
        return false;
    };
    *count -= 1;
    if *count == 0 {
        counts.remove(&moment);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(strain: f64) -> Judged {
        Judged {
            met: vec![true],
            strain,
        }
    }

    fn strains(released: &[Judged]) -> Vec<f64> {
        released.iter().map(|judged| judged.strain).collect()
    }

    /// Protects slow requests: a fast one that was intended later waits for them; one that hangs becomes a miss in its
    /// place, once, even if it ends later.
    #[test]
    fn the_slow_are_not_left_out() {
        let mut order = Order::new(100, 1);
        for moment in [10, 20, 20, 30] {
            order.began(moment);
        }
        assert_eq!(order.ended(20, Some(met(0.2)), 40), []);
        assert_eq!(order.ended(30, Some(met(0.3)), 50), []);
        assert_eq!(strains(&order.ended(10, Some(met(0.1)), 60)), [0.1, 0.2]);
        // The other one of moment 20 hangs.
        order.began(120);
        assert_eq!(strains(&order.ended(120, None, 125)), [f64::MAX, 0.3]);
        assert_eq!(order.ended(20, Some(met(0.9)), 200), []);
    }
}
