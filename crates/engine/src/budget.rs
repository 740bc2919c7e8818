//! What a run may spend. Money is set aside before a call starts and settled when its answer is there, so that the cap
//! is not passed by answers that were under way when it came near. Pure: prices in, yes or no out.

use seatrial_types::{Money, Price};
use std::time::Duration;

/// Bytes of a prompt for one token, at least: tokenizers of models split bytes and never one, so that no prompt has more
/// tokens than bytes.
const BYTES_PER_TOKEN_MIN: u64 = 1;
/// Tokens that an API adds to a prompt for roles and separators.
const TOKENS_ADDED: u64 = 64;

/// The caps of a run beside its error cap; `None` is no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// Money over all sessions of the run.
    pub cost: Option<CostCap>,
    /// Wall time of this session.
    pub duration: Option<Duration>,
}

/// A cap on money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostCap {
    /// Most that may be spent.
    pub cap: Money,
    /// What earlier sessions of the run have spent.
    pub spent_before: Money,
}

/// How a target charges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tariff {
    pub(crate) price: Price,
    /// Most tokens of an answer, where requests set a limit.
    pub(crate) answer_tokens_max: Option<u64>,
}

/// What is left, and what is set aside for calls under way.
#[derive(Debug)]
pub(crate) struct Purse {
    cap: Money,
    spent: Money,
    /// What scorers have spent on models in this session.
    on_models: Money,
    reserved: Money,
    /// By target; `None` for one that costs nothing.
    payers: Vec<Option<Payer>>,
}

#[derive(Debug)]
struct Payer {
    tariff: Tariff,
    /// Dearest answer so far.
    largest: Option<Money>,
    /// Whether a call is under way whose price nobody can bound: it goes alone, and what it costs bounds the next.
    is_probing: bool,
}

impl Purse {
    pub(crate) fn new(cap: CostCap, tariffs: impl Iterator<Item = Option<Tariff>>) -> Self {
        Self {
            cap: cap.cap,
            spent: cap.spent_before,
            on_models: Money::ZERO,
            reserved: Money::ZERO,
            payers: tariffs
                .map(|tariff| {
                    tariff.map(|tariff| Payer {
                        tariff,
                        largest: None,
                        is_probing: false,
                    })
                })
                .collect(),
        }
    }

    /// Sets money aside for a call; how much, or `None` where there is no room for it now.
    ///
    /// With a limit on tokens of an answer that is what the call costs at most. Without one it is what the dearest
    /// answer so far cost, and before the first answer calls go one at a time.
    pub(crate) fn reserve(&mut self, target: usize, prompt_bytes: u64) -> Option<Money> {
        let Some(Some(payer)) = self.payers.get_mut(target) else {
            return Some(Money::ZERO);
        };
        let price = &payer.tariff.price;
        let input_tokens = prompt_bytes
            .div_ceil(BYTES_PER_TOKEN_MIN)
            .saturating_add(TOKENS_ADDED);
        let input = price
            .dearest_input()
            .per_mtok_times(input_tokens)
            .saturating_add(price.request_fee());
        let is_bounded = payer.tariff.answer_tokens_max.is_some() || payer.largest.is_some();
        if !is_bounded && payer.is_probing {
            return None;
        }
        let amount = match (payer.tariff.answer_tokens_max, payer.largest) {
            (Some(most), _) => input.saturating_add(price.dearest_output().per_mtok_times(most)),
            (None, Some(largest)) => largest.max(input),
            (None, None) => input,
        };
        let before = [self.spent, self.on_models, self.reserved];
        let before: Money = before.into_iter().sum();
        if before.saturating_add(amount) > self.cap {
            return None;
        }
        payer.is_probing = !is_bounded;
        self.reserved = self.reserved.saturating_add(amount);
        Some(amount)
    }

    /// Notes what scorers have spent on models so far. It is not set aside before, because nobody knows which samples
    /// make a scorer ask: the cap can be passed by the calls of scorers that are under way.
    pub(crate) fn spend_on_models(&mut self, so_far: Money) {
        self.on_models = so_far;
    }

    /// Settles a call: `cost` is what its answer cost; `None` where it did not say, and then what was set aside counts
    /// as spent.
    pub(crate) fn settle(&mut self, target: usize, reserved: Money, cost: Option<Money>) {
        self.release(target, reserved);
        self.spent = self.spent.saturating_add(cost.unwrap_or(reserved));
        if let (Some(Some(payer)), Some(cost)) = (self.payers.get_mut(target), cost)
            && cost > Money::ZERO
        {
            payer.largest = payer.largest.max(Some(cost));
        }
    }

    /// Gives back what was set aside for a call that cost nothing: it failed, or the cache answered.
    pub(crate) fn release(&mut self, target: usize, reserved: Money) {
        self.reserved = Money::from_picodollars(self.reserved.picodollars() - reserved.picodollars());
        if let Some(Some(payer)) = self.payers.get_mut(target) {
            payer.is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn purse(cap: &str, answer_tokens_max: Option<u64>) -> Purse {
        let tariff = Tariff {
            price: Price {
                input_usd_per_mtok: usd("1"),
                output_usd_per_mtok: usd("10"),
                ..Price::default()
            },
            answer_tokens_max,
        };
        let cap = CostCap {
            cap: usd(cap),
            spent_before: Money::ZERO,
        };
        Purse::new(cap, [Some(tariff), None].into_iter())
    }

    /// Protects the cap: with bounded answers no more calls are under way than it can pay for at their dearest.
    #[test]
    fn bounded_calls_are_paid_for_beforehand() {
        // 36 bytes are at most 36 + 64 tokens: 0.0001 and 0.001 for the answer.
        let mut purse = purse("0.0034", Some(100));
        let amounts: Vec<_> = (0..4).map(|_| purse.reserve(0, 36)).collect();
        assert_eq!(
            amounts,
            [
                Some(usd("0.0011")),
                Some(usd("0.0011")),
                Some(usd("0.0011")),
                None
            ]
        );
        // An answer that was cheaper makes room, one that failed makes all of it.
        purse.settle(0, usd("0.0011"), Some(usd("0.0002")));
        assert_eq!(purse.reserve(0, 36), None);
        purse.release(0, usd("0.0011"));
        assert!(purse.reserve(0, 36).is_some());
        assert_eq!(
            purse.reserve(1, 1 << 30),
            Some(Money::ZERO),
            "what is free always has room"
        );
    }

    /// Protects the start without a bound: one call finds out what calls cost, then the dearest one is the measure.
    #[test]
    fn unbounded_calls_start_one_by_one() {
        let mut purse = purse("0.01", None);
        let first = purse.reserve(0, 36).unwrap();
        assert_eq!(
            purse.reserve(0, 36),
            None,
            "nobody knows what the first one costs"
        );
        purse.settle(0, first, Some(usd("0.004")));
        assert_eq!(purse.reserve(0, 36), Some(usd("0.004")));
        assert_eq!(purse.reserve(0, 36), None);
    }

    /// Protects the cap from judges: what scorers spend is part of it.
    #[test]
    fn models_of_scorers_are_paid_too() {
        let mut purse = purse("0.002", Some(100));
        assert!(purse.reserve(0, 36).is_some());
        purse.release(0, usd("0.0011"));
        purse.spend_on_models(usd("0.001"));
        assert_eq!(purse.reserve(0, 36), None);
    }

    /// Protects the cap from answers without usage: what was set aside counts.
    #[test]
    fn silent_answers_count_as_dear() {
        let mut purse = purse("0.002", Some(100));
        let amount = purse.reserve(0, 36).unwrap();
        purse.settle(0, amount, None);
        assert_eq!(purse.reserve(0, 36), None);
    }

    proptest! {
        /// Protects the promise of `--max-cost`: where answers are bounded and cost no more than their bound, the cap
        /// is never passed, whatever the order of starts and ends.
        #[test]
        fn the_cap_is_never_passed(cap in 0_i128..10_000_000_000_000, most in 0_u64..2000,
                                   steps in proptest::collection::vec((any::<bool>(), 0_u64..5000, 0.0_f64..=1.0), 0..300)) {
            let cap = Money::from_picodollars(cap);
            let tariff = Tariff {
                price: Price { input_usd_per_mtok: usd("3"), output_usd_per_mtok: usd("15"), ..Price::default() },
                answer_tokens_max: Some(most),
            };
            let mut purse = Purse::new(CostCap { cap, spent_before: Money::ZERO }, std::iter::once(Some(tariff)));
            let (mut under_way, mut spent) = (vec![], Money::ZERO);
            for (starts, bytes, share) in steps {
                if starts {
                    under_way.extend(purse.reserve(0, bytes));
                } else if let Some(amount) = under_way.pop() {
                    let cost = Money::from_picodollars((amount.picodollars() as f64 * share) as i128).min(amount);
                    purse.settle(0, amount, Some(cost));
                    spent = spent.saturating_add(cost);
                }
                let all: Money = under_way.iter().copied().sum();
                prop_assert!(spent.saturating_add(all) <= cap);
            }
        }
    }
}
