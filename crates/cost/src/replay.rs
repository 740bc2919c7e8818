//! Recorded usage under other prices: another model, another share of cached input, a share that is sent in batches.

use crate::class::{Class, Counts};
use crate::fraction::Fraction;
use crate::prices::{Circumstances, Entry, Unpriced};
use seatrial_types::Money;

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    /// Share of the prompt's text that is read from the cache; `None` leaves what was.
    pub cached_share: Option<Fraction>,
    /// Share of answers that are priced as batches.
    pub batch_share: Option<Fraction>,
}

impl Changes {
    /// Counts with the changed share of cached input. Writing to the cache is taken as free: what is written once is read
    /// many times.
    #[must_use]
    pub fn counts(&self, counts: &Counts) -> Counts {
        let Some(share) = self.cached_share else {
            return *counts;
        };
        let text = [
            Class::InputUncached,
            Class::CacheRead,
            Class::CacheWrite5m,
            Class::CacheWrite1h,
        ]
        .into_iter()
        .fold(0_u64, |sum, class| sum.saturating_add(counts.of(class)));
        let cached = share
            .apply(i128::from(text), 1)
            .and_then(|cached| u64::try_from(cached).ok());
        let cached = cached.unwrap_or(0).min(text);
        counts
            .with(Class::InputUncached, text - cached)
            .with(Class::CacheRead, cached)
            .with(Class::CacheWrite5m, 0)
            .with(Class::CacheWrite1h, 0)
    }

    /// The price of an answer under the changes; of a share of batches the mean of both prices.
    ///
    /// # Errors
    /// What has no price.
    pub fn price(
        &self,
        entry: &Entry,
        counts: &Counts,
        circumstances: &Circumstances<'_>,
    ) -> Result<Money, Unpriced> {
        let counts = self.counts(counts);
        let usual = entry.sheet.price(&counts, circumstances)?;
        let Some(share) = self.batch_share else {
            return Ok(usual);
        };
        let batched = Circumstances {
            tier: Some("batch"),
            ..*circumstances
        };
        let batched = entry.sheet.price(&counts, &batched)?;
        let part = |share: Option<Fraction>, money: Money| {
            let picodollars = share.and_then(|share| share.apply(money.picodollars(), 1));
            picodollars.map(Money::from_picodollars).ok_or(Unpriced::TooLarge)
        };
        Ok(part(share.complement(), usual)?.saturating_add(part(Some(share), batched)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::read_price_file;
    use serde_json::json;

    /// Protects what-ifs by hand: 1000 tokens of which 400 cached cost 0.00064; 80 % cached 0.00028; half in batches at half
    /// price three quarters of it.
    #[test]
    fn changes_by_hand() {
        let book = read_price_file(
            &json!({"a/b": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 0, "cache_read_usd_per_mtok": 0.1,
                            "tiers": {"batch": {"factor": 0.5}}}}),
            "p",
        )
        .unwrap();
        let entry = &book.entries()[0];
        let counts = Counts::default()
            .with(Class::InputUncached, 600)
            .with(Class::CacheRead, 400);
        let price = |cached: Option<&str>, batch: Option<&str>| {
            let fraction = |text: &str| Fraction::parse(text).unwrap();
            let changes = Changes {
                cached_share: cached.map(fraction),
                batch_share: batch.map(fraction),
            };
            changes
                .price(entry, &counts, &Circumstances::default())
                .unwrap()
                .to_string()
        };
        assert_eq!(price(None, None), "0.00064");
        assert_eq!(price(Some("0.8"), None), "0.00028");
        assert_eq!(price(Some("0.8"), Some("0.5")), "0.00021");
        assert_eq!(price(Some("0"), None), "0.001");
    }
}
