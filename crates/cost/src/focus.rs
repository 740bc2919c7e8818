//! Charges in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification): a row for each day, model, tier and class,
//! so that what models cost stands beside everything else that a bill has.

use crate::class::{Class, Counts};
use crate::prices::{Circumstances, Entry, Unpriced};
use seatrial_types::Money;
use std::collections::BTreeMap;

/// Days, models and classes of one export at most.
pub const ROWS_MAX: usize = 1_000_000;

/// Columns, in order.
pub const COLUMNS: [&str; 33] = [
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "Tags",
];

/// What charges are put together by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    day: String,
    provider: String,
    model: String,
    tier: String,
    region: String,
    class: Class,
    /// Price of a million, so that a change of price within a day is two rows.
    rate: Money,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    quantity: u64,
    list: Money,
    billed: Money,
}

/// Charges that are put together.
#[derive(Debug, Clone, Default)]
pub struct Charges {
    rows: BTreeMap<Key, Sum>,
    source: String,
}

/// More rows than an export has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChargeError {
    /// Something has no price: a bill has no unknown amounts.
    #[error("a charge without a price")]
    Unpriced,
    /// Too many rows.
    #[error("more than {ROWS_MAX} rows of charges")]
    TooMany,
}

impl From<Unpriced> for ChargeError {
    fn from(_: Unpriced) -> Self {
        Self::Unpriced
    }
}

impl Charges {
    /// None yet, under prices of this source.
    #[must_use]
    pub fn new(source: String) -> Self {
        Self {
            rows: BTreeMap::new(),
            source,
        }
    }

    /// Adds an answer of a day (`2026-01-31`).
    ///
    /// # Errors
    /// What has no price, and more rows than an export has.
    pub fn add(
        &mut self,
        day: &str,
        entry: &Entry,
        counts: &Counts,
        circumstances: &Circumstances<'_>,
    ) -> Result<(), ChargeError> {
        // A class costs what it costs within its answer: cliffs look at the whole prompt.
        let input = counts.input_total();
        let mut parts = Vec::new();
        for (class, count) in counts.iter().filter(|(_, count)| *count > 0) {
            match entry.sheet.rate(class, input, circumstances) {
                Some(rate) => parts.push((class, count, rate)),
                None if class == Class::Requests => {}
                None => return Err(ChargeError::Unpriced),
            }
        }
        let factor = entry.sheet.factor(counts, circumstances)?;
        for (class, count, rate) in parts {
            let rate = rate.usd_per_million();
            let key = Key {
                day: day.to_owned(),
                provider: entry.provider.clone(),
                model: entry.model.clone(),
                tier: circumstances.tier.unwrap_or("standard").to_owned(),
                region: circumstances.region.unwrap_or_default().to_owned(),
                class,
                rate,
            };
            if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
                return Err(ChargeError::TooMany);
            }
            let list = rate.per_mtok_times(count);
            let billed = factor.apply(list.picodollars(), 1).ok_or(ChargeError::Unpriced)?;
            let sum = self.rows.entry(key).or_default();
            sum.quantity = sum.quantity.saturating_add(count);
            sum.list = sum.list.saturating_add(list);
            sum.billed = sum.billed.saturating_add(Money::from_picodollars(billed));
        }
        Ok(())
    }

    /// Cells of all rows, in the order of [`COLUMNS`], by day, provider, model, tier, region and class.
    #[must_use]
    pub fn rows(&self) -> Vec<[String; COLUMNS.len()]> {
        self.rows.iter().map(|(key, sum)| self.row(key, sum)).collect()
    }

    fn row(&self, key: &Key, sum: &Sum) -> [String; COLUMNS.len()] {
        let text = |text: &str| text.to_owned();
        let (month_start, month_end) = month_of(&key.day);
        let unit = match key.class {
            Class::Requests => "Requests",
            Class::WebSearches => "Searches",
            _ => "Tokens",
        };
        let unit_price = key.rate.to_string();
        let quantity = Money::from_picodollars(i128::from(sum.quantity) * 1_000_000).to_string();
        let sku = format!("{}/{}", key.provider, key.model);
        let standard = key.tier == "standard";
        [
            sum.billed.to_string(),
            text("models"),
            text("USD"),
            month_start,
            month_end,
            text("Usage"),
            String::new(),
            format!("{} {} of {sku}", key.class, unit.to_lowercase()),
            text("Usage-Based"),
            format!("{}T00:00:00Z", key.day),
            format!("{}T00:00:00Z", next_day(&key.day)),
            sum.quantity.to_string(),
            text(unit),
            sum.billed.to_string(),
            contracted_price(sum),
            sum.billed.to_string(),
            key.provider.clone(),
            sum.list.to_string(),
            unit_price,
            text(if standard { "Standard" } else { "Dynamic" }),
            text("USD"),
            quantity,
            format!("1000000 {unit}"),
            key.provider.clone(),
            key.provider.clone(),
            key.region.clone(),
            text("AI and Machine Learning"),
            text("Language models"),
            text("Generative AI"),
            sku.clone(),
            key.class.to_string(),
            format!("{sku}/{}/{}", key.tier, key.class),
            format!(
                "{{\"tier\":\"{}\",\"prices\":{}}}",
                key.tier,
                serde_json::Value::String(self.source.clone())
            ),
        ]
    }
}

/// Billed dollars for a million.
fn contracted_price(sum: &Sum) -> String {
    if sum.quantity == 0 {
        return "0".to_owned();
    }
    let per_million = sum.billed.picodollars().saturating_mul(1_000_000) / i128::from(sum.quantity);
    Money::from_picodollars(per_million).to_string()
}

fn month_of(day: &str) -> (String, String) {
    let Ok(date) = day.parse::<jiff::civil::Date>() else {
        return (String::new(), String::new());
    };
    let first = date.first_of_month();
    let next = date.last_of_month().tomorrow().unwrap_or(first);
    (format!("{first}T00:00:00Z"), format!("{next}T00:00:00Z"))
}

fn next_day(day: &str) -> String {
    let date = day
        .parse::<jiff::civil::Date>()
        .and_then(jiff::civil::Date::tomorrow);
    date.map_or_else(|_| day.to_owned(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::read_price_file;
    use serde_json::json;

    /// Protects a bill by hand: two answers of a day are one row for each class, list before the discount, billed after it.
    #[test]
    fn charges_by_hand() {
        let book = read_price_file(
            &json!({"openai/m": {"input_usd_per_mtok": 2, "output_usd_per_mtok": 10, "discount": 0.25}}),
            "p.yaml",
        )
        .unwrap();
        let entry = &book.entries()[0];
        let counts = Counts::default()
            .with(Class::InputUncached, 1000)
            .with(Class::OutputVisible, 100)
            .with(Class::Requests, 1);
        let mut charges = Charges::new("p.yaml".to_owned());
        for day in ["2026-01-31", "2026-01-31", "2026-02-01"] {
            charges
                .add(day, entry, &counts, &Circumstances::default())
                .unwrap();
        }
        let rows = charges.rows();
        let cell = |row: usize, column: &str| {
            let place = COLUMNS.iter().position(|name| *name == column).unwrap();
            rows[row][place].as_str()
        };
        assert_eq!(rows.len(), 4);
        assert_eq!(
            (cell(0, "SkuMeter"), cell(0, "ConsumedQuantity")),
            ("input_uncached", "2000")
        );
        assert_eq!((cell(0, "ListCost"), cell(0, "BilledCost")), ("0.004", "0.003"));
        assert_eq!(
            (
                cell(0, "ListUnitPrice"),
                cell(0, "ContractedUnitPrice"),
                cell(0, "PricingQuantity")
            ),
            ("2", "1.5", "0.002")
        );
        assert_eq!(
            (cell(0, "BillingPeriodEnd"), cell(0, "ChargePeriodEnd")),
            ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z")
        );
        assert_eq!(
            (cell(3, "ChargePeriodStart"), cell(3, "BilledCost")),
            ("2026-02-01T00:00:00Z", "0.00075")
        );
        let cached = counts.with(Class::CacheRead, 1);
        assert_eq!(
            charges.add("2026-02-01", entry, &cached, &Circumstances::default()),
            Err(ChargeError::Unpriced)
        );
    }
}
