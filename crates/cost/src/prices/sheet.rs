//! What one model charges: meters with conditions, and factors on their sum. A price is one exact fraction, rounded once.
//!
//! The formula: `factors · (Σ count · rate + Σ uses of tools · fee)`. Of the meters of a class whose conditions hold, the
//! most particular one counts: the one whose conditions contain those of all others. Where two hold at different prices and
//! neither is part of the other (a region's price and a cliff of the standard one), the price is unknown: whichever were
//! taken, it would be a guess. A cliff reprices every token of its class, as providers do, not only those above it.

use super::time::{Moment, Window};
use super::units::Amount;
use crate::class::{CLASSES, Class, Counts};
use crate::fraction::Fraction;
use seatrial_types::Money;
use std::cmp::Ordering;
use std::fmt;

/// Rates are kept for this many units: a million tokens, requests or searches.
const UNITS: i128 = 1_000_000;

/// Dollars for a million units of a class, in picodollars: exact to 10⁻¹⁸ dollars for one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(i128);

impl Rate {
    /// So many dollars for a million units.
    #[must_use]
    pub const fn per_million(usd: Money) -> Self {
        Self(usd.picodollars())
    }

    /// So many dollars for a thousand units.
    #[must_use]
    pub const fn per_thousand(usd: Money) -> Self {
        Self(usd.picodollars().saturating_mul(1000))
    }

    /// So many dollars for one unit.
    #[must_use]
    pub const fn per_unit(usd: Money) -> Self {
        Self(usd.picodollars().saturating_mul(UNITS))
    }

    /// Dollars for a million units.
    #[must_use]
    pub const fn usd_per_million(self) -> Money {
        Money::from_picodollars(self.0)
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// When a meter or a factor holds; what is not named does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// Service tier, such as `batch`; a meter without one is for the standard tier.
    pub tier: Option<String>,
    /// Region that served.
    pub region: Option<String>,
    /// From this moment on.
    pub from: Option<Moment>,
    /// Before this moment.
    pub until: Option<Moment>,
    /// Within one of these hours; empty is always.
    pub windows: Vec<Window>,
    /// More prompt tokens than this, cached ones included.
    pub above_input: Option<u64>,
}

impl When {
    /// Whether it depends on the moment.
    #[must_use]
    pub const fn needs_moment(&self) -> bool {
        self.from.is_some() || self.until.is_some() || !self.windows.is_empty()
    }

    fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// More particular conditions come first.
    fn order(&self, other: &Self) -> Ordering {
        let rank = |when: &Self| {
            (
                when.tier.is_some(),
                when.region.is_some(),
                when.from,
                when.until.is_some(),
                !when.windows.is_empty(),
                when.above_input.map_or(-1, i128::from),
            )
        };
        rank(other).cmp(&rank(self))
    }

    /// Whether every condition of `other` is a condition of this too, or a wider one of the same kind.
    fn is_within(&self, other: &Self) -> bool {
        let is_in = |own: &Option<String>, other: &Option<String>| other.is_none() || own == other;
        let is_later = other
            .from
            .is_none_or(|from| self.from.is_some_and(|own| own >= from));
        let is_earlier = other
            .until
            .is_none_or(|until| self.until.is_some_and(|own| own <= until));
        let is_higher = other
            .above_input
            .is_none_or(|cliff| self.above_input.is_some_and(|own| own >= cliff));
        is_in(&self.tier, &other.tier)
            && is_in(&self.region, &other.region)
            && is_later
            && is_earlier
            && (other.windows.is_empty() || self.windows == other.windows)
            && is_higher
    }

    /// Whether this one counts where both hold: as part of the other, or by a later date than that one, whatever its hours. A
    /// provider that changes its prices on a day changes those of all hours.
    fn outranks(&self, other: &Self) -> bool {
        let all_day = Self {
            windows: Vec::new(),
            ..other.clone()
        };
        self.is_within(other) || (self.from > other.from && self.is_within(&all_day))
    }

    /// Whether both are of the same tier, region and cliff and there is a day on which both hold.
    fn overlaps(&self, other: &Self) -> bool {
        let begins_before = |from: Option<Moment>, until: Option<Moment>| match (from, until) {
            (Some(from), Some(until)) => from < until,
            _ => true,
        };
        self.tier == other.tier
            && self.region == other.region
            && self.above_input == other.above_input
            && self.windows == other.windows
            && begins_before(self.from, other.until)
            && begins_before(other.from, self.until)
    }

    fn holds(&self, circumstances: &Circumstances<'_>, input: u64, is_tier_a_factor: bool) -> Holds {
        let tier_fits = match (&self.tier, circumstances.tier) {
            (Some(wanted), Some(served)) => wanted == served,
            (None, Some(_)) => is_tier_a_factor,
            (Some(_), None) => false,
            (None, None) => true,
        };
        let region_fits = self
            .region
            .as_deref()
            .is_none_or(|region| circumstances.region == Some(region));
        if !tier_fits || !region_fits || self.above_input.is_some_and(|cliff| input <= cliff) {
            return Holds::No;
        }
        if !self.needs_moment() {
            return Holds::Yes;
        }
        let Some(moment) = circumstances.moment else {
            return Holds::NeedsMoment;
        };
        let is_in_time =
            self.from.is_none_or(|from| moment >= from) && self.until.is_none_or(|until| moment < until);
        let is_in_hours =
            self.windows.is_empty() || self.windows.iter().any(|window| window.contains(moment));
        if is_in_time && is_in_hours {
            Holds::Yes
        } else {
            Holds::No
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(tier) = &self.tier {
            parts.push(format!("tier {tier}"));
        }
        if let Some(region) = &self.region {
            parts.push(format!("region {region}"));
        }
        if let Some(from) = self.from {
            parts.push(format!("from {}", from.date()));
        }
        if let Some(until) = self.until {
            parts.push(format!("before {}", until.date()));
        }
        if !self.windows.is_empty() {
            parts.push("in certain hours".to_owned());
        }
        if let Some(cliff) = self.above_input {
            parts.push(format!("above {cliff} input tokens"));
        }
        f.write_str(&parts.join(", "))
    }
}

enum Holds {
    Yes,
    No,
    NeedsMoment,
}

/// The price of a class under conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    /// What is counted.
    pub class: Class,
    /// What it costs.
    pub rate: Rate,
    /// When.
    pub when: When,
}

/// A factor on the whole price under conditions: an uplift, a contract's discount, a margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// What it is, for people.
    pub name: String,
    /// By how much.
    pub factor: Fraction,
    /// When.
    pub when: When,
}

/// Under what circumstances an answer was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// Service tier; `None` is the standard one.
    pub tier: Option<&'a str>,
    /// Region.
    pub region: Option<&'a str>,
    /// When.
    pub moment: Option<Moment>,
    /// Uses of tools that have a fee.
    pub tools: &'a [(&'a str, u64)],
    /// What else is paid for, by the name of its unit, such as `input_seconds`.
    pub units: &'a [(&'a str, Amount)],
}

/// Why a price is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    /// Tokens of a class that has no price.
    #[error("no price for {0} tokens")]
    Class(Class),
    /// The class has a price, but not in this tier.
    #[error("no price for {class} tokens in tier `{tier}`")]
    Tier {
        /// What has no price.
        class: Class,
        /// The tier that served.
        tier: String,
    },
    /// The price depends on the moment, which is not known.
    #[error("the price of {0} tokens depends on the time, and the row has no `at`")]
    Moment(Class),
    /// Two prices hold, and neither is the more particular one.
    #[error("{class} tokens have two prices here ({first}; {second}), and neither is part of the other")]
    Ambiguous {
        /// What has two prices.
        class: Class,
        /// Conditions of one.
        first: String,
        /// Conditions of the other.
        second: String,
    },
    /// The tier's price is of short prompts; the standard one changes at a length that this prompt is beyond.
    #[error("the price of {class} tokens in tier `{tier}` is not known above {cliff} input tokens")]
    TierAboveCliff {
        /// What has no price.
        class: Class,
        /// The tier that served.
        tier: String,
        /// Length at which the standard price changes.
        cliff: u64,
    },
    /// A tool without a fee.
    #[error("no price for the tool `{0}`")]
    Tool(String),
    /// A quantity without a price.
    #[error("no price for `{0}`")]
    Unit(String),
    /// The model is paid by something else than tokens, and nobody told how much of it there was.
    #[error("the model is paid by {0}, which neither the usage nor `units` tell")]
    Untold(String),
    /// More than can be counted.
    #[error("the price is beyond what can be counted")]
    TooLarge,
}

/// Two meters of one class for the same conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Class with two prices.
    pub class: Class,
    /// Conditions under which both hold.
    pub when: String,
}

/// What a model charges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Most particular first.
    meters: Vec<Meter>,
    factors: Vec<Factor>,
    tools: Vec<(String, Rate)>,
    /// Prices of what is no token, by the name of its unit.
    units: Vec<(String, Rate)>,
    /// Rates by class where no meter has a condition: then most answers are priced by a look.
    flat: Option<[Option<Rate>; CLASSES]>,
    /// The factor on everything where no factor has a condition.
    flat_factor: Option<Fraction>,
}

impl Sheet {
    /// From meters, factors and fees of tools by name.
    ///
    /// # Errors
    /// Two different prices of one class under the same conditions.
    pub fn new(
        mut meters: Vec<Meter>,
        factors: Vec<Factor>,
        tools: Vec<(String, Rate)>,
    ) -> Result<Self, Contradiction> {
        meters.sort_by(|a, b| a.when.order(&b.when));
        for (place, meter) in meters.iter().enumerate() {
            let later = &meters[place + 1..];
            if let Some(other) = later.iter().find(|other| {
                let is_ranked = other.when != meter.when
                    && (other.when.is_within(&meter.when) || meter.when.is_within(&other.when));
                other.class == meter.class
                    && other.rate != meter.rate
                    && other.when.overlaps(&meter.when)
                    && !is_ranked
            }) {
                return Err(Contradiction {
                    class: other.class,
                    when: if other.when == meter.when {
                        other.when.to_string()
                    } else {
                        format!("{}; {}", meter.when, other.when)
                    },
                });
            }
        }
        let flat = meters.iter().all(|meter| meter.when.is_always()).then(|| {
            let of = |class: Class| {
                meters
                    .iter()
                    .find(|meter| meter.class == class)
                    .map(|meter| meter.rate)
            };
            Class::ALL.map(|class| of(class).or_else(|| class.billed_as().and_then(of)))
        });
        let product = |all: Option<Fraction>, next: &Factor| all?.times(next.factor);
        let flat_factor = factors
            .iter()
            .all(|factor| factor.when.is_always())
            .then(|| factors.iter().fold(Some(Fraction::ONE), product))
            .flatten();
        Ok(Self {
            meters,
            factors,
            tools,
            units: Vec::new(),
            flat,
            flat_factor,
        })
    }

    /// The same with prices of what is no token, by the name of its unit.
    #[must_use]
    pub fn with_unit_prices(mut self, units: Vec<(String, Rate)>) -> Self {
        self.units = units;
        self
    }

    /// The price of what was counted, exact and rounded once, half away from zero, to a picodollar.
    ///
    /// # Errors
    /// Anything that was used and has no price: the whole is unknown then.
    pub fn price(&self, counts: &Counts, circumstances: &Circumstances<'_>) -> Result<Money, Unpriced> {
        // Where the model is paid by seconds or pictures, tokens that are reported beside them are not charged.
        let is_by_units = self.is_paid_by_units();
        let sum = match (&self.flat, circumstances.tier) {
            _ if is_by_units => self.sum(&counts.without_tokens(), circumstances)?,
            (Some(flat), None) => flat_sum(flat, counts)?,
            _ => self.sum(counts, circumstances)?,
        };
        let sum = self.with_tools(sum, circumstances)?;
        let sum = self.with_units(sum, circumstances)?;
        let factor = match (self.flat_factor, circumstances.tier) {
            (Some(factor), None) => factor,
            _ => self.factor(counts, circumstances)?,
        };
        let picodollars = factor.apply(sum, UNITS).ok_or(Unpriced::TooLarge)?;
        Ok(Money::from_picodollars(picodollars))
    }

    /// The rate of a class under circumstances, before factors; `None` where there is none.
    #[must_use]
    pub fn rate(&self, class: Class, input: u64, circumstances: &Circumstances<'_>) -> Option<Rate> {
        self.find(class, input, circumstances).ok()
    }

    /// All meters, the most particular first.
    #[must_use]
    pub fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// All factors.
    #[must_use]
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Fees of tools by name.
    #[must_use]
    pub fn tools(&self) -> &[(String, Rate)] {
        &self.tools
    }

    /// Prices of what is no token.
    #[must_use]
    pub fn units(&self) -> &[(String, Rate)] {
        &self.units
    }

    /// Whether anything depends on the moment.
    #[must_use]
    pub fn needs_moment(&self) -> bool {
        let meters = self.meters.iter().map(|meter| &meter.when);
        let factors = self.factors.iter().map(|factor| &factor.when);
        meters.chain(factors).any(When::needs_moment)
    }

    fn sum(&self, counts: &Counts, circumstances: &Circumstances<'_>) -> Result<i128, Unpriced> {
        let input = counts.input_total();
        let mut sum = 0_i128;
        for (class, count) in counts.iter().filter(|(_, count)| *count > 0) {
            let rate = match self.find(class, input, circumstances) {
                Ok(rate) => rate,
                // A fee that nobody lists is not charged.
                Err(
                    Unpriced::Class(Class::Requests)
                    | Unpriced::Tier {
                        class: Class::Requests,
                        ..
                    },
                ) => {
                    continue;
                }
                Err(why) => return Err(why),
            };
            sum = add(sum, rate, count)?;
        }
        Ok(sum)
    }

    fn find(&self, class: Class, input: u64, circumstances: &Circumstances<'_>) -> Result<Rate, Unpriced> {
        let wanted = [Some(class), class.billed_as()];
        for class in wanted.into_iter().flatten() {
            if let Some(meter) = self.holding(class, input, circumstances)? {
                return Ok(meter.rate);
            }
        }
        Err(match circumstances.tier {
            Some(tier) if self.meters.iter().any(|meter| meter.class == class) => Unpriced::Tier {
                class,
                tier: tier.to_owned(),
            },
            _ => Unpriced::Class(class),
        })
    }

    /// The most particular meter of exactly this class that holds.
    fn holding(
        &self,
        class: Class,
        input: u64,
        circumstances: &Circumstances<'_>,
    ) -> Result<Option<&Meter>, Unpriced> {
        let has_factor = self.has_tier_factor(circumstances);
        let mut found: Option<&Meter> = None;
        for meter in self.meters.iter().filter(|meter| meter.class == class) {
            match meter.when.holds(circumstances, input, has_factor) {
                Holds::No => {}
                Holds::NeedsMoment => return Err(Unpriced::Moment(class)),
                // They are sorted, so that one which contains the others comes before them.
                Holds::Yes => match found {
                    None => found = Some(meter),
                    Some(first) if first.rate == meter.rate || first.when.outranks(&meter.when) => {}
                    Some(first) => {
                        return Err(Unpriced::Ambiguous {
                            class,
                            first: first.when.to_string(),
                            second: meter.when.to_string(),
                        });
                    }
                },
            }
        }
        let Some((meter, tier)) = found.and_then(|meter| Some((meter, meter.when.tier.as_deref()?))) else {
            return Ok(found);
        };
        // Prices of a tier that say nothing of long prompts, where the standard ones do.
        let of_standard = self.meters.iter().filter(|other| {
            other.class == class && other.when.tier.is_none() && other.when.above_input.is_some()
        });
        let cliff = of_standard
            .filter_map(|other| other.when.above_input)
            .filter(|cliff| input > *cliff)
            .max();
        match cliff {
            Some(cliff) if meter.when.above_input.is_none() => Err(Unpriced::TierAboveCliff {
                class,
                tier: tier.to_owned(),
                cliff,
            }),
            _ => Ok(found),
        }
    }

    /// Whether a tier is priced by a factor on the standard prices.
    fn has_tier_factor(&self, circumstances: &Circumstances<'_>) -> bool {
        circumstances.tier.is_some()
            && self
                .factors
                .iter()
                .any(|factor| factor.when.tier.as_deref() == circumstances.tier)
    }

    fn with_tools(&self, sum: i128, circumstances: &Circumstances<'_>) -> Result<i128, Unpriced> {
        circumstances
            .tools
            .iter()
            .filter(|(_, uses)| *uses > 0)
            .try_fold(sum, |sum, (name, uses)| {
                let fee = self.tools.iter().find(|(tool, _)| tool == name);
                let (_, rate) = fee.ok_or_else(|| Unpriced::Tool((*name).to_owned()))?;
                add(sum, *rate, *uses)
            })
    }

    /// Adds quantities beside tokens. A model that is paid by such alone has no price where none of them is told: the tokens
    /// that its usage may have are not what is charged.
    fn with_units(&self, sum: i128, circumstances: &Circumstances<'_>) -> Result<i128, Unpriced> {
        if circumstances.units.is_empty() && self.is_paid_by_units() {
            let names: Vec<String> = self.units.iter().map(|(name, _)| format!("`{name}`")).collect();
            return Err(Unpriced::Untold(names.join(" or ")));
        }
        circumstances
            .units
            .iter()
            .filter(|(_, amount)| !amount.is_zero())
            .try_fold(sum, |sum, (name, amount)| {
                let listed = self.units.iter().find(|(unit, _)| unit == name);
                let (_, rate) = listed.ok_or_else(|| Unpriced::Unit((*name).to_owned()))?;
                let price = amount.times(*rate).ok_or(Unpriced::TooLarge)?;
                sum.checked_add(price).ok_or(Unpriced::TooLarge)
            })
    }

    /// Whether something that is no token has a price, and no token has.
    fn is_paid_by_units(&self) -> bool {
        let is_of_tokens = |meter: &Meter| !matches!(meter.class, Class::Requests | Class::WebSearches);
        !self.units.is_empty() && !self.meters.iter().any(is_of_tokens)
    }

    /// The product of all factors that hold.
    ///
    /// # Errors
    /// A factor that depends on a moment that is not known, and products that do not fit.
    pub fn factor(&self, counts: &Counts, circumstances: &Circumstances<'_>) -> Result<Fraction, Unpriced> {
        let input = counts.input_total();
        self.factors.iter().try_fold(Fraction::ONE, |product, factor| {
            match factor.when.holds(circumstances, input, true) {
                Holds::Yes => product.times(factor.factor).ok_or(Unpriced::TooLarge),
                Holds::No => Ok(product),
                Holds::NeedsMoment => Err(Unpriced::Moment(Class::InputUncached)),
            }
        })
    }
}

fn flat_sum(flat: &[Option<Rate>; CLASSES], counts: &Counts) -> Result<i128, Unpriced> {
    let mut sum = 0_i128;
    for (class, count) in counts.iter() {
        if count == 0 {
            continue;
        }
        match flat[class.index()] {
            Some(rate) => sum = add(sum, rate, count)?,
            // A fee that nobody lists is not charged.
            None if class == Class::Requests => {}
            None => return Err(Unpriced::Class(class)),
        }
    }
    Ok(sum)
}

fn add(sum: i128, rate: Rate, count: u64) -> Result<i128, Unpriced> {
    rate.0
        .checked_mul(i128::from(count))
        .and_then(|product| sum.checked_add(product))
        .ok_or(Unpriced::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn meter(class: Class, price: &str, when: When) -> Meter {
        Meter {
            class,
            rate: Rate::per_million(usd(price)),
            when,
        }
    }

    fn above(cliff: u64) -> When {
        When {
            above_input: Some(cliff),
            ..When::default()
        }
    }

    fn tier(name: &str) -> When {
        When {
            tier: Some(name.to_owned()),
            ..When::default()
        }
    }

    fn sheet(meters: Vec<Meter>, factors: Vec<Factor>) -> Sheet {
        Sheet::new(
            meters,
            factors,
            vec![("search".to_owned(), Rate::per_unit(usd("0.01")))],
        )
        .unwrap()
    }

    fn tokens(input: u64, output: u64) -> Counts {
        Counts::default()
            .with(Class::InputUncached, input)
            .with(Class::OutputVisible, output)
            .with(Class::Requests, 1)
    }

    /// Protects cliffs: they reprice every token of the answer, and the threshold itself is still below.
    #[test]
    fn cliffs_reprice_everything() {
        let sheet = sheet(
            vec![
                meter(Class::InputUncached, "3", When::default()),
                meter(Class::InputUncached, "6", above(200_000)),
                meter(Class::OutputVisible, "15", When::default()),
                meter(Class::OutputVisible, "22.5", above(200_000)),
            ],
            Vec::new(),
        );
        let price = |input| {
            sheet
                .price(&tokens(input, 1000), &Circumstances::default())
                .unwrap()
        };
        // 200,000 × 3/M + 1,000 × 15/M = 0.6 + 0.015; 200,001 × 6/M + 1,000 × 22.5/M = 1.200006 + 0.0225.
        assert_eq!(price(200_000), usd("0.615"));
        assert_eq!(price(200_001), usd("1.222506"));
    }

    /// Protects the unknown: tiers, classes, tools and times without a price make the whole unknown, never cheaper.
    #[test]
    fn what_has_no_price_is_unknown() {
        let dated = When {
            from: Moment::parse("2026-03-01"),
            ..When::default()
        };
        let sheet = sheet(
            vec![
                meter(Class::InputUncached, "1", When::default()),
                meter(Class::InputUncached, "0.5", tier("batch")),
                meter(Class::OutputVisible, "2", When::default()),
                meter(Class::CacheRead, "0.1", dated),
            ],
            Vec::new(),
        );
        let price = |counts: Counts, circumstances: Circumstances<'_>| sheet.price(&counts, &circumstances);
        let batch = Circumstances {
            tier: Some("batch"),
            ..Circumstances::default()
        };
        assert_eq!(price(tokens(10, 0), batch), Ok(usd("0.000005")));
        let error = price(tokens(10, 1), batch).unwrap_err().to_string();
        assert_eq!(error, "no price for output_visible tokens in tier `batch`");
        let cached = tokens(1, 1).with(Class::CacheRead, 1);
        assert_eq!(
            price(cached, Circumstances::default()),
            Err(Unpriced::Moment(Class::CacheRead))
        );
        let on = |date| Circumstances {
            moment: Moment::parse(date),
            ..Circumstances::default()
        };
        assert_eq!(
            price(cached, on("2026-02-28")),
            Err(Unpriced::Class(Class::CacheRead))
        );
        assert_eq!(price(cached, on("2026-03-01")), Ok(usd("0.0000031")));
        let written = tokens(1, 1).with(Class::CacheWrite1h, 1);
        assert_eq!(
            price(written, Circumstances::default()),
            Err(Unpriced::Class(Class::CacheWrite1h))
        );
        let with_tool = |name| Circumstances {
            tools: name,
            ..Circumstances::default()
        };
        assert_eq!(price(tokens(0, 0), with_tool(&[("search", 2)])), Ok(usd("0.02")));
        assert!(price(tokens(0, 0), with_tool(&[("exec", 1)])).is_err());
        // Reasoning is billed as output unless it has a price of its own.
        assert_eq!(
            price(
                Counts::default().with(Class::Reasoning, 3),
                Circumstances::default()
            ),
            Ok(usd("0.000006"))
        );
        assert!(price(tokens(u64::MAX, u64::MAX), Circumstances::default()).is_ok());
    }

    /// Protects from a guess: a region's price and a cliff of the standard one may both hold, and a tier may say nothing of
    /// long prompts; the latest of two dates is part of the earlier one and counts.
    #[test]
    fn nothing_is_guessed() {
        let region = When {
            region: Some("eu".to_owned()),
            ..When::default()
        };
        let dated = |date| When {
            from: Moment::parse(date),
            ..When::default()
        };
        let class = Class::InputUncached;
        let sheet = sheet(
            vec![
                meter(class, "1", When::default()),
                meter(class, "2", above(100)),
                meter(class, "3", region),
                meter(class, "0.5", tier("flex")),
            ],
            Vec::new(),
        );
        let rate = |input, tier, region| {
            let circumstances = Circumstances {
                tier,
                region,
                ..Circumstances::default()
            };
            sheet.price(&tokens(input, 0), &circumstances)
        };
        assert_eq!(rate(100, None, Some("eu")), Ok(usd("0.0003")));
        assert_eq!(
            rate(101, None, Some("eu")).unwrap_err().to_string(),
            "input_uncached tokens have two prices here (region eu; above 100 input tokens), and neither is part of the \
             other"
        );
        assert_eq!(rate(100, Some("flex"), None), Ok(usd("0.00005")));
        assert_eq!(
            rate(101, Some("flex"), None).unwrap_err().to_string(),
            "the price of input_uncached tokens in tier `flex` is not known above 100 input tokens"
        );
        let sheet = self::sheet(
            vec![
                meter(class, "1", dated("2026-01-01")),
                meter(class, "2", dated("2026-02-01")),
            ],
            Vec::new(),
        );
        let later = Circumstances {
            moment: Moment::parse("2026-03-01"),
            ..Circumstances::default()
        };
        assert_eq!(sheet.price(&tokens(1_000_000, 0), &later), Ok(usd("2")));
    }

    /// Protects from the order of lines: two prices of one class at the same time, neither part of the other.
    #[test]
    fn overlaps_are_contradictions() {
        let between = |from, until| When {
            from: Moment::parse(from),
            until: Moment::parse(until),
            ..When::default()
        };
        let sheet = |second: When| {
            Sheet::new(
                vec![
                    meter(Class::InputUncached, "5", between("2026-02-01", "2026-06-01")),
                    meter(Class::InputUncached, "6", second),
                ],
                Vec::new(),
                Vec::new(),
            )
        };
        assert!(sheet(between("2026-03-01", "2026-07-01")).is_err());
        assert!(sheet(between("2026-06-01", "2026-07-01")).is_ok());
        assert!(sheet(between("2026-01-01", "2026-07-01")).is_ok());
    }

    /// Protects factors: uplift, discount and margin multiply exactly, and a tier may be a factor.
    #[test]
    fn factors_multiply() {
        let factor = |name: &str, factor: &str, when| Factor {
            name: name.to_owned(),
            factor: Fraction::parse(factor).unwrap(),
            when,
        };
        let us = When {
            region: Some("us".to_owned()),
            ..When::default()
        };
        let sheet = sheet(
            vec![meter(Class::InputUncached, "10", When::default())],
            vec![
                factor("region us", "1.1", us),
                factor("discount", "0.85", When::default()),
                factor("fast", "2", tier("fast")),
            ],
        );
        let price = |region, tier| {
            let circumstances = Circumstances {
                region,
                tier,
                ..Circumstances::default()
            };
            sheet.price(&tokens(1_000_000, 0), &circumstances)
        };
        assert_eq!(price(None, None), Ok(usd("8.5")));
        assert_eq!(price(Some("us"), None), Ok(usd("9.35")));
        assert_eq!(price(Some("eu"), Some("fast")), Ok(usd("17")));
        assert!(price(None, Some("batch")).is_err());
    }

    /// Protects from silent choices: two prices for the same thing are refused.
    #[test]
    fn contradictions_are_refused() {
        let twice = |a, b| {
            let meters = vec![
                meter(Class::CacheRead, a, tier("batch")),
                meter(Class::CacheRead, b, tier("batch")),
            ];
            Sheet::new(meters, Vec::new(), Vec::new())
        };
        assert!(twice("1", "1").is_ok());
        let contradiction = twice("1", "2").unwrap_err();
        assert_eq!(
            (contradiction.class, contradiction.when.as_str()),
            (Class::CacheRead, "tier batch")
        );
    }
}
