//! From a sheet with conditions to the one price of a target: its tier, its region, a day. Apart from the sheet, because a
//! frozen plan can hold numbers and cliffs, but no hours.

use super::sheet::{Circumstances, Sheet, Unpriced, When};
use crate::class::{Class, Counts};
use crate::fraction::Fraction;
use seatrial_types::{Money, Price, PriceAbove};
use std::collections::BTreeSet;

/// Classes of tokens that the price of a target has, in the order of [`Level`].
const CLASSES: [Class; 6] = [
    Class::InputUncached,
    Class::OutputVisible,
    Class::CacheRead,
    Class::CacheWrite5m,
    Class::CacheWrite1h,
    Class::Reasoning,
];
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const REASONING: usize = 5;
/// Units of a rate.
const UNITS: i128 = 1_000_000;

/// USD per million tokens by class.
type Level = [Option<Money>; CLASSES.len()];

/// Why a sheet has no one price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFlat {
    /// Other prices at other hours.
    #[error("it depends on the hour of the day, and a plan has one price")]
    Hours,
    /// Nothing in the sheet knows this tier.
    #[error("it has no tier `{0}`")]
    Tier(String),
    /// Nothing in the sheet knows this region.
    #[error("it has no region `{0}`")]
    Region(String),
    /// Input or output costs nobody knows what.
    #[error("it has no price for {0} tokens")]
    Missing(Class),
    /// A factor that does not apply.
    #[error("{0}")]
    Factor(Unpriced),
}

/// The price under circumstances; factors are in it, each rate rounded half away from zero to a picodollar for a million
/// tokens. Classes without a price of their own are left to [`Price`].
///
/// # Errors
/// Conditions that one price cannot have, and prices that are missing.
pub fn flatten(sheet: &Sheet, circumstances: &Circumstances<'_>) -> Result<Price, NotFlat> {
    check_conditions(sheet, circumstances)?;
    let base = level(sheet, 0, circumstances)?;
    let missing = |place: usize| NotFlat::Missing(CLASSES[place]);
    let fee = factor(sheet, 0, circumstances)?;
    let request = sheet
        .rate(Class::Requests, 0, circumstances)
        .and_then(|rate| fee.apply(rate.usd_per_million().picodollars(), UNITS))
        .map(Money::from_picodollars);
    let explicit = without_implied(base, base[OUTPUT], None);
    Ok(Price {
        input_usd_per_mtok: base[INPUT].ok_or_else(|| missing(INPUT))?,
        output_usd_per_mtok: base[OUTPUT].ok_or_else(|| missing(OUTPUT))?,
        cache_read_usd_per_mtok: explicit[2],
        cache_write_usd_per_mtok: explicit[3],
        cache_write_1h_usd_per_mtok: explicit[4],
        reasoning_usd_per_mtok: explicit[REASONING],
        request_usd: request,
        above: above(sheet, circumstances, explicit)?,
    })
}

fn conditions(sheet: &Sheet) -> impl Iterator<Item = &When> {
    let meters = sheet.meters().iter().map(|meter| &meter.when);
    meters.chain(sheet.factors().iter().map(|factor| &factor.when))
}

fn check_conditions(sheet: &Sheet, circumstances: &Circumstances<'_>) -> Result<(), NotFlat> {
    if let Some(tier) = circumstances.tier
        && !conditions(sheet).any(|when| when.tier.as_deref() == Some(tier))
    {
        return Err(NotFlat::Tier(tier.to_owned()));
    }
    if let Some(region) = circumstances.region
        && !conditions(sheet).any(|when| when.region.as_deref() == Some(region))
    {
        return Err(NotFlat::Region(region.to_owned()));
    }
    let concerns = |when: &&When| when.tier.is_none() || when.tier.as_deref() == circumstances.tier;
    if conditions(sheet)
        .filter(concerns)
        .any(|when| !when.windows.is_empty())
    {
        return Err(NotFlat::Hours);
    }
    Ok(())
}

/// What prompts above each cliff cost, where that differs from the level before.
fn above(sheet: &Sheet, circumstances: &Circumstances<'_>, base: Level) -> Result<Vec<PriceAbove>, NotFlat> {
    let cliffs: BTreeSet<u64> = conditions(sheet).filter_map(|when| when.above_input).collect();
    let mut before = base;
    let mut all = Vec::new();
    for cliff in cliffs {
        let rates = level(sheet, cliff.saturating_add(1), circumstances)?;
        let explicit = without_implied(rates, rates[OUTPUT], before[REASONING]);
        let mut changed = Level::default();
        for place in 0..CLASSES.len() {
            if explicit[place].is_some() && explicit[place] != before[place] {
                changed[place] = explicit[place];
                before[place] = explicit[place];
            }
        }
        if changed != Level::default() {
            all.push(PriceAbove {
                input_tokens: cliff,
                input_usd_per_mtok: changed[INPUT],
                output_usd_per_mtok: changed[OUTPUT],
                cache_read_usd_per_mtok: changed[2],
                cache_write_usd_per_mtok: changed[3],
                cache_write_1h_usd_per_mtok: changed[4],
                reasoning_usd_per_mtok: changed[REASONING],
            });
        }
    }
    Ok(all)
}

/// Reasoning that costs what output costs follows it by itself, unless a level before has set it apart.
fn without_implied(mut level: Level, output: Option<Money>, before: Option<Money>) -> Level {
    if before.is_none() && level[REASONING] == output {
        level[REASONING] = None;
    }
    level
}

fn level(sheet: &Sheet, input: u64, circumstances: &Circumstances<'_>) -> Result<Level, NotFlat> {
    let factor = factor(sheet, input, circumstances)?;
    Ok(CLASSES.map(|class| {
        let rate = sheet.rate(class, input, circumstances)?;
        factor
            .apply(rate.usd_per_million().picodollars(), 1)
            .map(Money::from_picodollars)
    }))
}

fn factor(sheet: &Sheet, input: u64, circumstances: &Circumstances<'_>) -> Result<Fraction, NotFlat> {
    let counts = Counts::default().with(Class::InputUncached, input);
    sheet.factor(&counts, circumstances).map_err(NotFlat::Factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::{Moment, read_price_file};
    use proptest::prelude::*;
    use seatrial_types::Usage;
    use serde_json::{Value, json};

    fn sheet(document: &Value) -> Sheet {
        let book = read_price_file(&json!({"openai/m": document}), "prices.yaml").unwrap();
        book.entries()[0].sheet.clone()
    }

    fn full() -> Sheet {
        sheet(&json!({
            "input_usd_per_mtok": 3, "output_usd_per_mtok": 15, "cache_read_usd_per_mtok": 0.3,
            "cache_write_usd_per_mtok": 3.75, "cache_write_1h_usd_per_mtok": 6, "request_usd": 0.01,
            "above": [{"input_tokens": 100, "input_usd_per_mtok": 6, "output_usd_per_mtok": 22.5},
                      {"input_tokens": 200, "input_usd_per_mtok": 7, "reasoning_usd_per_mtok": 30}],
            "tiers": {"batch": {"factor": 0.5}, "flex": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
            "regions": {"eu": 1.1}, "discount": 0.2,
        }))
    }

    fn at<'a>(tier: Option<&'a str>, region: Option<&'a str>) -> Circumstances<'a> {
        Circumstances {
            tier,
            region,
            moment: Moment::parse("2026-11-01"),
            ..Circumstances::default()
        }
    }

    /// Protects the conditions: 20 % off everything, half of that as a batch, a tenth more in a region.
    #[test]
    fn conditions_are_worked_in() {
        let price = flatten(&full(), &at(Some("batch"), Some("eu"))).unwrap();
        // 3 × 0.8 × 0.5 × 1.1, 0.01 × 0.44 and, above 200 tokens, 7 × 0.44.
        assert_eq!(
            serde_json::to_value(&price).unwrap(),
            json!({"input_usd_per_mtok": 1.32, "output_usd_per_mtok": 6.6, "cache_read_usd_per_mtok": 0.132,
                   "cache_write_usd_per_mtok": 1.65, "cache_write_1h_usd_per_mtok": 2.64, "request_usd": 0.0044,
                   "above": [{"input_tokens": 100, "input_usd_per_mtok": 2.64, "output_usd_per_mtok": 9.9},
                             {"input_tokens": 200, "input_usd_per_mtok": 3.08, "reasoning_usd_per_mtok": 13.2}]})
        );
        let flex = flatten(&full(), &at(Some("flex"), None)).unwrap();
        assert_eq!(flex.input_usd_per_mtok.to_string(), "0.8");
        assert_eq!(
            flex.cache_read_usd_per_mtok, None,
            "flex has no price of cached input"
        );
    }

    /// Protects from prices that are none: what one number cannot say is refused with its reason.
    #[test]
    fn what_cannot_be_one_price_is_refused() {
        let refused = |sheet: &Sheet, circumstances: &Circumstances<'_>| {
            flatten(sheet, circumstances).unwrap_err().to_string()
        };
        assert_eq!(refused(&full(), &at(Some("gold"), None)), "it has no tier `gold`");
        assert_eq!(
            refused(&full(), &at(None, Some("mars"))),
            "it has no region `mars`"
        );
        let night = sheet(&json!({"input_usd_per_mtok": 1, "output_usd_per_mtok": 2,
            "meters": [{"class": "output_visible", "usd_per_mtok": 1, "hours": "16:30-00:30"}]}));
        assert_eq!(refused(&night, &at(None, None)), NotFlat::Hours.to_string());
        let half = sheet(&json!({"input_usd_per_mtok": 1, "output_usd_per_mtok": 2,
            "tiers": {"flex": {"input_usd_per_mtok": 1}}}));
        assert_eq!(
            refused(&half, &at(Some("flex"), None)),
            "it has no price for output_visible tokens"
        );
        let dated = sheet(&json!({"input_usd_per_mtok": 1, "output_usd_per_mtok": 2,
            "meters": [{"class": "output_visible", "usd_per_mtok": 3, "from": "2026-06-01"}]}));
        assert_eq!(
            flatten(&dated, &at(None, None))
                .unwrap()
                .output_usd_per_mtok
                .to_string(),
            "3"
        );
    }

    proptest! {
        /// Protects that a run costs what its usage costs: the flat price and the sheet agree, but for the rounding of six
        /// classes instead of one sum.
        #[test]
        fn flat_and_sheet_agree(read in 0_u64..150, write in 0_u64..60, hour in 0_u64..60, rest in 0_u64..150,
                                visible in 0_u64..500, reasoning in 0_u64..500, batch: bool, eu: bool) {
            let circumstances = at(batch.then_some("batch"), eu.then_some("eu"));
            let counts = Counts::default().with(Class::InputUncached, rest).with(Class::CacheRead, read)
                .with(Class::CacheWrite5m, write).with(Class::CacheWrite1h, hour)
                .with(Class::OutputVisible, visible).with(Class::Reasoning, reasoning).with(Class::Requests, 1);
            let usage = Usage {
                input_tokens: Some(read + write + hour + rest), output_tokens: Some(visible + reasoning),
                cache_read_tokens: Some(read), cache_write_tokens: Some(write + hour),
                cache_write_1h_tokens: Some(hour), reasoning_tokens: Some(reasoning),
            };
            let exact = full().price(&counts, &circumstances).unwrap().picodollars();
            let flat = flatten(&full(), &circumstances).unwrap().cost(&usage).unwrap().picodollars();
            prop_assert!((exact - flat).abs() <= 7, "{exact} {flat}");
        }
    }
}
