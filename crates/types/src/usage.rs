//! Tokens that an answer used, and prices for them. Unknown is `None` and spreads; it is never zero.

use crate::Money;
use serde::{Deserialize, Serialize};

/// Token counts of one answer, normalised over providers.
///
/// `input_tokens` counts all prompt tokens, cached ones included; `output_tokens` all generated tokens, reasoning
/// included. The other three are parts of these two. `None` is "the provider did not say".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// All prompt tokens.
    pub input_tokens: Option<u64>,
    /// All generated tokens.
    pub output_tokens: Option<u64>,
    /// Prompt tokens read from the provider's cache, part of `input_tokens`.
    pub cache_read_tokens: Option<u64>,
    /// Prompt tokens written to the provider's cache, part of `input_tokens`.
    pub cache_write_tokens: Option<u64>,
    /// Generated tokens that the user does not see, part of `output_tokens`.
    pub reasoning_tokens: Option<u64>,
}

/// Token counts in classes that do not overlap: what prices apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageClasses {
    /// Prompt tokens that were neither read from nor written to the cache.
    pub input_uncached: Option<u64>,
    /// Prompt tokens read from the cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to the cache.
    pub cache_write: Option<u64>,
    /// Generated tokens that the user sees.
    pub output_visible: Option<u64>,
    /// Generated tokens that the user does not see.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// The counts apart. Where the whole is known, the classes that are known add up to it: a part that the provider
    /// did not name is not split off.
    #[must_use]
    pub fn classes(&self) -> UsageClasses {
        let without = |whole: Option<u64>, parts: [Option<u64>; 2]| {
            let parts = parts
                .iter()
                .fold(0_u64, |sum, part| sum.saturating_add(part.unwrap_or(0)));
            whole.map(|whole| whole.saturating_sub(parts))
        };
        UsageClasses {
            input_uncached: without(
                self.input_tokens,
                [self.cache_read_tokens, self.cache_write_tokens],
            ),
            cache_read: self.cache_read_tokens,
            cache_write: self.cache_write_tokens,
            output_visible: without(self.output_tokens, [self.reasoning_tokens, None]),
            reasoning: self.reasoning_tokens,
        }
    }
}

/// Token counts summed over answers; an unknown in any answer makes the sum unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageTotals {
    /// All prompt tokens.
    pub input_tokens: Option<u64>,
    /// All generated tokens.
    pub output_tokens: Option<u64>,
}

impl Default for UsageTotals {
    fn default() -> Self {
        Self {
            input_tokens: Some(0),
            output_tokens: Some(0),
        }
    }
}

impl UsageTotals {
    /// Adds one answer's usage.
    pub fn add(&mut self, usage: &Usage) {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.input_tokens = sum(self.input_tokens, usage.input_tokens);
        self.output_tokens = sum(self.output_tokens, usage.output_tokens);
    }
}

/// What a target charges. Where a class has no price of its own, that of the whole counts: all input tokens cost what
/// input costs, all output tokens what output costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// USD per million input tokens.
    pub input_usd_per_mtok: Money,
    /// USD per million output tokens.
    pub output_usd_per_mtok: Money,
    /// USD per million input tokens read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_usd_per_mtok: Option<Money>,
    /// USD per million input tokens written to the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_usd_per_mtok: Option<Money>,
    /// USD per million output tokens that the user does not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_usd_per_mtok: Option<Money>,
    /// USD per answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_usd: Option<Money>,
}

impl Price {
    /// The cost of one answer; `None` where a count is unknown.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        usage.input_tokens.zip(usage.output_tokens)?;
        let classes = usage.classes();
        let (input, output) = (self.input_usd_per_mtok, self.output_usd_per_mtok);
        let parts = [
            (input, classes.input_uncached),
            (self.cache_read_usd_per_mtok.unwrap_or(input), classes.cache_read),
            (
                self.cache_write_usd_per_mtok.unwrap_or(input),
                classes.cache_write,
            ),
            (output, classes.output_visible),
            (self.reasoning_usd_per_mtok.unwrap_or(output), classes.reasoning),
        ];
        let tokens = parts
            .into_iter()
            .map(|(price, count)| price.per_mtok_times(count.unwrap_or(0)));
        Some(tokens.sum::<Money>().saturating_add(self.request_fee()))
    }

    /// What an answer costs beside its tokens.
    #[must_use]
    pub fn request_fee(&self) -> Money {
        self.request_usd.unwrap_or(Money::ZERO)
    }

    /// USD per million of the dearest class of input tokens: what a cap must reckon with.
    #[must_use]
    pub fn dearest_input(&self) -> Money {
        let own = [self.cache_read_usd_per_mtok, self.cache_write_usd_per_mtok];
        own.into_iter()
            .flatten()
            .fold(self.input_usd_per_mtok, Money::max)
    }

    /// USD per million of the dearest class of output tokens.
    #[must_use]
    pub fn dearest_output(&self) -> Money {
        self.output_usd_per_mtok
            .max(self.reasoning_usd_per_mtok.unwrap_or(Money::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects classes with prices of their own: 4 × 1 + 5 × 0.1 + 1 × 1.25 + 3 × 2 + 7 × 3 = 32.75 per million and a fee;
    /// without them the price of the whole holds: 10 × 1 + 10 × 2.
    #[test]
    fn classes_have_their_prices() {
        let usd = |text: &str| text.parse::<Money>().unwrap();
        let usage = Usage {
            input_tokens: Some(10),
            output_tokens: Some(10),
            cache_read_tokens: Some(5),
            cache_write_tokens: Some(1),
            reasoning_tokens: Some(7),
        };
        let flat = Price {
            input_usd_per_mtok: usd("1"),
            output_usd_per_mtok: usd("2"),
            ..Price::default()
        };
        assert_eq!(flat.cost(&usage), Some(usd("0.00003")));
        let fine = Price {
            cache_read_usd_per_mtok: Some(usd("0.1")),
            cache_write_usd_per_mtok: Some(usd("1.25")),
            reasoning_usd_per_mtok: Some(usd("3")),
            request_usd: Some(usd("0.001")),
            ..flat
        };
        assert_eq!(fine.cost(&usage), Some(usd("0.00103275")));
        assert_eq!(
            (fine.dearest_input(), fine.dearest_output()),
            (usd("1.25"), usd("3"))
        );
        assert_eq!(
            serde_json::to_string(&flat).unwrap(),
            r#"{"input_usd_per_mtok":1,"output_usd_per_mtok":2}"#
        );
    }

    /// Protects "unknown is not zero": one silent answer makes totals and cost unknown.
    #[test]
    fn unknown_spreads() {
        let known = Usage {
            input_tokens: Some(3),
            output_tokens: Some(2),
            ..Usage::default()
        };
        let silent = Usage {
            input_tokens: Some(3),
            ..Usage::default()
        };
        let price = Price {
            input_usd_per_mtok: "1".parse().unwrap(),
            output_usd_per_mtok: "2".parse().unwrap(),
            ..Price::default()
        };
        assert_eq!(price.cost(&known).unwrap().to_string(), "0.000007");
        assert_eq!(price.cost(&silent), None);
        let mut totals = UsageTotals::default();
        totals.add(&known);
        assert_eq!(
            totals,
            UsageTotals {
                input_tokens: Some(3),
                output_tokens: Some(2)
            }
        );
        totals.add(&silent);
        assert_eq!(
            totals,
            UsageTotals {
                input_tokens: Some(6),
                output_tokens: None
            }
        );
    }
}
