//! Tokens that an answer used, whole and in classes. Unknown is `None` and spreads; it is never zero.

use serde::{Deserialize, Serialize};

/// Token counts of one answer, normalised over providers.
///
/// `input_tokens` counts all prompt tokens, cached ones included; `output_tokens` all generated tokens, reasoning
/// included. The others are parts of these two. `None` is "the provider did not say".
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
    /// Of `cache_write_tokens` those that were written for an hour, where the provider tells lifetimes apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_tokens: Option<u64>,
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
    /// Prompt tokens written to the cache for the usual time.
    pub cache_write: Option<u64>,
    /// Prompt tokens written to the cache for an hour.
    pub cache_write_1h: Option<u64>,
    /// Generated tokens that the user sees.
    pub output_visible: Option<u64>,
    /// Generated tokens that the user does not see.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Prompt and generated tokens together; `None` where either is unknown.
    #[must_use]
    pub fn total_tokens(&self) -> Option<u64> {
        Some(self.input_tokens?.saturating_add(self.output_tokens?))
    }

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
            cache_write: self
                .cache_write_tokens
                .map(|all| all.saturating_sub(self.cache_write_1h_tokens.unwrap_or(0))),
            cache_write_1h: self.cache_write_tokens.and(self.cache_write_1h_tokens),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects "unknown is not zero": one silent answer makes totals unknown.
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
