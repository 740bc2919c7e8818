//! What a target charges, exact to a picodollar. Apart from usage, which is counted whether or not a price is known.

use crate::{Money, Usage};
use serde::{Deserialize, Serialize};

/// What a target charges. Where a class has no price of its own, that of the whole counts: all input tokens cost what
/// input costs, all output tokens what output costs, and writes for an hour what other writes cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// USD per million input tokens written to the cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_usd_per_mtok: Option<Money>,
    /// USD per million output tokens that the user does not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_usd_per_mtok: Option<Money>,
    /// USD per answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_usd: Option<Money>,
    /// What holds for longer prompts, in rising order of their length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<PriceAbove>,
}

/// Prices of a call whose prompt is longer than so much: all tokens of the call cost that, not only those above. What is
/// not named keeps its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PriceAbove {
    /// Prompt tokens, cached ones included, above which these prices hold.
    pub input_tokens: u64,
    /// USD per million input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_usd_per_mtok: Option<Money>,
    /// USD per million output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_usd_per_mtok: Option<Money>,
    /// USD per million input tokens read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_usd_per_mtok: Option<Money>,
    /// USD per million input tokens written to the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_usd_per_mtok: Option<Money>,
    /// USD per million input tokens written to the cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_usd_per_mtok: Option<Money>,
    /// USD per million output tokens that the user does not see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_usd_per_mtok: Option<Money>,
}

/// USD per million tokens of every class, for a prompt of one length.
struct Rates {
    input: Money,
    cache_read: Money,
    cache_write: Money,
    cache_write_1h: Money,
    output: Money,
    reasoning: Money,
}

impl Price {
    /// The cost of one answer; `None` where a count is unknown.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<Money> {
        let (input, _) = usage.input_tokens.zip(usage.output_tokens)?;
        let classes = usage.classes();
        let rates = self.rates(input);
        let parts = [
            (rates.input, classes.input_uncached),
            (rates.cache_read, classes.cache_read),
            (rates.cache_write, classes.cache_write),
            (rates.cache_write_1h, classes.cache_write_1h),
            (rates.output, classes.output_visible),
            (rates.reasoning, classes.reasoning),
        ];
        let tokens = parts
            .into_iter()
            .map(|(price, count)| price.per_mtok_times(count.unwrap_or(0)));
        Some(tokens.sum::<Money>().saturating_add(self.request_fee()))
    }

    fn rates(&self, input_tokens: u64) -> Rates {
        // The highest cliff that names a class counts for it.
        let of = |part: fn(&PriceAbove) -> Option<Money>, own: Option<Money>| {
            let passed = |cliff: &&PriceAbove| input_tokens > cliff.input_tokens;
            self.above.iter().rev().filter(passed).find_map(part).or(own)
        };
        let input = of(|cliff| cliff.input_usd_per_mtok, None).unwrap_or(self.input_usd_per_mtok);
        let output = of(|cliff| cliff.output_usd_per_mtok, None).unwrap_or(self.output_usd_per_mtok);
        let cache_write = of(
            |cliff| cliff.cache_write_usd_per_mtok,
            self.cache_write_usd_per_mtok,
        )
        .unwrap_or(input);
        Rates {
            input,
            cache_read: of(
                |cliff| cliff.cache_read_usd_per_mtok,
                self.cache_read_usd_per_mtok,
            )
            .unwrap_or(input),
            cache_write,
            cache_write_1h: of(
                |cliff| cliff.cache_write_1h_usd_per_mtok,
                self.cache_write_1h_usd_per_mtok,
            )
            .unwrap_or(cache_write),
            output,
            reasoning: of(|cliff| cliff.reasoning_usd_per_mtok, self.reasoning_usd_per_mtok)
                .unwrap_or(output),
        }
    }

    /// What an answer costs beside its tokens.
    #[must_use]
    pub fn request_fee(&self) -> Money {
        self.request_usd.unwrap_or(Money::ZERO)
    }

    /// USD per million of the dearest class of input tokens, whatever the length of the prompt: what a cap must reckon
    /// with.
    #[must_use]
    pub fn dearest_input(&self) -> Money {
        self.dearest(|rates| {
            [
                rates.input,
                rates.cache_read,
                rates.cache_write,
                rates.cache_write_1h,
            ]
        })
    }

    /// USD per million of the dearest class of output tokens, whatever the length of the prompt.
    #[must_use]
    pub fn dearest_output(&self) -> Money {
        self.dearest(|rates| [rates.output, rates.reasoning])
    }

    fn dearest<const N: usize>(&self, classes: fn(&Rates) -> [Money; N]) -> Money {
        let cliffs = self
            .above
            .iter()
            .map(|cliff| cliff.input_tokens.saturating_add(1));
        std::iter::once(0)
            .chain(cliffs)
            .flat_map(|input| classes(&self.rates(input)))
            .fold(Money::ZERO, Money::max)
    }

    /// USD per million input and output tokens of a prompt of so many tokens, nothing of it cached.
    #[must_use]
    pub fn plain(&self, input_tokens: u64) -> (Money, Money) {
        let rates = self.rates(input_tokens);
        (rates.input, rates.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn flat() -> Price {
        Price {
            input_usd_per_mtok: usd("1"),
            output_usd_per_mtok: usd("2"),
            ..Price::default()
        }
    }

    fn usage() -> Usage {
        Usage {
            input_tokens: Some(10),
            output_tokens: Some(10),
            cache_read_tokens: Some(5),
            cache_write_tokens: Some(1),
            reasoning_tokens: Some(7),
            ..Usage::default()
        }
    }

    /// Protects classes with prices of their own: 4 × 1 + 5 × 0.1 + 1 × 1.25 + 3 × 2 + 7 × 3 = 32.75 per million and a fee;
    /// without them the price of the whole holds: 10 × 1 + 10 × 2.
    #[test]
    fn classes_have_their_prices() {
        assert_eq!(flat().cost(&usage()), Some(usd("0.00003")));
        let fine = Price {
            cache_read_usd_per_mtok: Some(usd("0.1")),
            cache_write_usd_per_mtok: Some(usd("1.25")),
            reasoning_usd_per_mtok: Some(usd("3")),
            request_usd: Some(usd("0.001")),
            ..flat()
        };
        assert_eq!(fine.cost(&usage()), Some(usd("0.00103275")));
        assert_eq!(
            (fine.dearest_input(), fine.dearest_output()),
            (usd("1.25"), usd("3"))
        );
        assert_eq!(
            serde_json::to_string(&flat()).unwrap(),
            r#"{"input_usd_per_mtok":1,"output_usd_per_mtok":2}"#
        );
    }

    /// Protects lifetimes: of six written tokens two are for an hour, 4 × 1 + 4 × 1.25 + 2 × 2 + 10 × 2 = 33; without a
    /// price of an hour they cost what writes cost, 4 × 1 + 6 × 1.25 + 10 × 2 = 31.5.
    #[test]
    fn writes_for_an_hour_have_their_price() {
        let usage = Usage {
            input_tokens: Some(10),
            output_tokens: Some(10),
            cache_write_tokens: Some(6),
            cache_write_1h_tokens: Some(2),
            ..Usage::default()
        };
        let mut price = Price {
            cache_write_usd_per_mtok: Some(usd("1.25")),
            cache_write_1h_usd_per_mtok: Some(usd("2")),
            ..flat()
        };
        assert_eq!(price.cost(&usage), Some(usd("0.000033")));
        assert_eq!(price.dearest_input(), usd("2"));
        price.cache_write_1h_usd_per_mtok = None;
        assert_eq!(price.cost(&usage), Some(usd("0.0000315")));
    }

    /// Protects cliffs: at 10 tokens the first prices hold, at 11 all tokens cost the second ones, and what a cliff does not
    /// name keeps the price of the one before: 11 × 2 + 1 × 3, then 21 × 4 + 1 × 3.
    #[test]
    fn long_prompts_cost_more() {
        let price = Price {
            above: vec![
                PriceAbove {
                    input_tokens: 10,
                    input_usd_per_mtok: Some(usd("2")),
                    output_usd_per_mtok: Some(usd("3")),
                    ..PriceAbove::default()
                },
                PriceAbove {
                    input_tokens: 20,
                    input_usd_per_mtok: Some(usd("4")),
                    ..PriceAbove::default()
                },
            ],
            ..flat()
        };
        for (input, cost) in [(10, "0.000012"), (11, "0.000025"), (21, "0.000087")] {
            let usage = Usage {
                input_tokens: Some(input),
                output_tokens: Some(1),
                ..Usage::default()
            };
            assert_eq!(price.cost(&usage), Some(usd(cost)), "{input}");
        }
        assert_eq!(
            (price.dearest_input(), price.dearest_output()),
            (usd("4"), usd("3"))
        );
        assert_eq!(price.plain(15), (usd("2"), usd("3")));
    }

    /// Protects "unknown is not zero": a silent answer has no cost.
    #[test]
    fn unknown_spreads() {
        let silent = Usage {
            input_tokens: Some(3),
            ..Usage::default()
        };
        assert_eq!(flat().cost(&silent), None);
    }
}
