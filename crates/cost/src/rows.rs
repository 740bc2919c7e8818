//! Rows of usage with their prices: `{id, provider, model, at, usage: {…}}`, one answer each. Apart because a file has
//! millions of them: what is looked up for a model is looked up once.

use crate::class::{Class, Counts};
use crate::prices::{Amount, Book, Circumstances, Entry, Moment, tier_name};
use crate::usage::{RawUsage, UsageError};
use seatrial_types::Money;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Different models of one file that are kept apart; further ones are looked up again each time.
const MODELS_KEPT_MAX: usize = 100_000;

/// A text that is copied only where it has escapes.
#[derive(Debug, Clone, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// One answer with the usage that its API reported.
#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "an object with `provider`, `model` and `usage`")]
pub struct UsageRow<'a> {
    /// Any JSON value, given back as it is.
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    /// Provider.
    #[serde(borrow, default)]
    pub provider: Option<Text<'a>>,
    /// Model.
    #[serde(borrow, default)]
    pub model: Option<Text<'a>>,
    /// When, RFC 3339 or a date.
    #[serde(borrow, default)]
    pub at: Option<Text<'a>>,
    /// As the API returned it.
    #[serde(default, deserialize_with = "crate::usage::object::optional")]
    pub usage: Option<RawUsage>,
    /// Service tier, where the usage does not say which one served.
    #[serde(borrow, default, alias = "service_tier")]
    pub tier: Option<Text<'a>>,
    /// Region, where the usage does not say which one served.
    #[serde(borrow, default)]
    pub region: Option<Text<'a>>,
    /// Uses of tools with a fee, by name.
    #[serde(default)]
    pub tools: Option<BTreeMap<String, u64>>,
    /// Quantities beside tokens, by the name of their unit: `{input_seconds: 12.4}`.
    #[serde(default)]
    pub units: Option<BTreeMap<String, serde_json::Number>>,
}

impl<'a> UsageRow<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// Anything that is not a JSON object of this form.
    pub fn read(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(line);
        let row = crate::usage::object::optional(&mut reader)?;
        reader.end()?;
        row.ok_or_else(|| serde::de::Error::custom("found null, expected an object"))
    }
}

/// What a row costs.
#[derive(Debug, Clone)]
pub struct PricedRow {
    /// Its counts, where the usage could be counted.
    pub counts: Option<Counts>,
    /// Its price, or why there is none.
    pub cost: Result<Money, Arc<str>>,
    /// Which of the pricer's models it is, where it names one.
    pub model: Option<usize>,
}

/// A model that rows named.
#[derive(Debug, Clone)]
pub struct AskedModel<'b> {
    /// Provider as the rows name it; empty where they do not.
    pub provider: String,
    /// Model as the rows name it.
    pub model: String,
    /// Its prices and where they come from, `source:key`, or why there are none.
    pub found: Result<(&'b Entry, String), Arc<str>>,
}

/// Prices rows by books, the first that has the model.
#[derive(Debug)]
pub struct Pricer<'b> {
    books: &'b [Book],
    /// Moment of rows that have none.
    moment: Option<Moment>,
    found: HashMap<String, HashMap<String, usize>>,
    models: Vec<AskedModel<'b>>,
}

impl<'b> Pricer<'b> {
    /// With these books, and a moment for rows that do not say theirs.
    #[must_use]
    pub fn new(books: &'b [Book], moment: Option<Moment>) -> Self {
        Self {
            books,
            moment,
            found: HashMap::new(),
            models: Vec::new(),
        }
    }

    /// Models that rows named so far.
    #[must_use]
    pub fn models(&self) -> &[AskedModel<'b>] {
        &self.models
    }

    /// Prices one row. Whatever is missing or contradictory makes the price unknown, and the row says why.
    pub fn price(&mut self, row: &UsageRow<'_>) -> PricedRow {
        let provider = row.provider.as_ref().map(|text| text.0.as_ref());
        let model = row.model.as_ref().map(|model| self.look_up(provider, &model.0));
        let unknown = |why: &str| PricedRow {
            counts: None,
            cost: Err(Arc::from(why)),
            model,
        };
        let nothing = RawUsage::default();
        let usage = match (&row.usage, &row.units) {
            (Some(usage), _) => usage,
            (None, Some(_)) => &nothing,
            (None, None) => return unknown("the row has no `usage` and no `units`"),
        };
        let is_anthropic = provider.is_some_and(|name| name.eq_ignore_ascii_case("anthropic"))
            || row.model.as_ref().is_some_and(|model| model.0.contains("claude"));
        let counts = match usage.count(is_anthropic) {
            Ok(counted) => counted.counts,
            // One request without tokens.
            Err(UsageError::Nothing) if row.units.is_some() || usage.seconds().is_some() => {
                Counts::default().with(Class::Requests, 1)
            }
            Err(error) => return unknown(&error.to_string()),
        };
        let cost = match model.and_then(|place| self.models.get(place)) {
            None => Err(Arc::from("the row has no `model`")),
            Some(asked) => match &asked.found {
                Ok((entry, _)) => price_with(entry, &counts, row, usage, self.moment),
                Err(why) => Err(Arc::clone(why)),
            },
        };
        PricedRow {
            counts: Some(counts),
            cost,
            model,
        }
    }

    fn look_up(&mut self, provider: Option<&str>, model: &str) -> usize {
        let key = provider.unwrap_or_default();
        if let Some(place) = self.found.get(key).and_then(|models| models.get(model)) {
            return *place;
        }
        let place = self.models.len();
        let asked = AskedModel {
            provider: key.to_owned(),
            model: model.to_owned(),
            found: self.find(provider, model),
        };
        if place >= MODELS_KEPT_MAX {
            // The last place is used again and again: such a file names no models but something else.
            self.models.truncate(MODELS_KEPT_MAX - 1);
            self.models.push(asked);
            return MODELS_KEPT_MAX - 1;
        }
        self.models.push(asked);
        let models = self.found.entry(key.to_owned()).or_default();
        models.insert(model.to_owned(), place);
        place
    }

    fn find(&self, provider: Option<&str>, model: &str) -> Result<(&'b Entry, String), Arc<str>> {
        let mut first_error = None;
        for book in self.books {
            match book.find(provider, model) {
                Ok(entry) => return Ok((entry, format!("{}:{}", book.source, entry.key))),
                Err(error) => {
                    first_error.get_or_insert_with(|| Arc::from(error.to_string()));
                }
            }
        }
        Err(first_error.unwrap_or_else(|| Arc::from("there are no prices")))
    }
}

/// The served tier and region beat those that were asked for.
fn price_with(
    entry: &Entry,
    counts: &Counts,
    row: &UsageRow<'_>,
    usage: &RawUsage,
    default: Option<Moment>,
) -> Result<Money, Arc<str>> {
    let tier = usage
        .served_tier()
        .or_else(|| row.tier.as_ref().map(|text| text.0.as_ref()))
        .and_then(tier_name);
    let region = usage
        .served_region()
        .or_else(|| row.region.as_ref().map(|text| text.0.as_ref()));
    // Reading a time is dear, and few prices depend on it.
    let moment = match &row.at {
        Some(at) if entry.sheet.needs_moment() || !Moment::is_written_like_one(&at.0) => {
            let wrong = || {
                Arc::from(format!(
                    "`at` is `{}`, expected a time such as 2026-01-31T12:00:00Z",
                    at.0
                ))
            };
            Some(Moment::parse(&at.0).ok_or_else(wrong)?)
        }
        _ => default,
    };
    let tools: Vec<(&str, u64)> = match &row.tools {
        Some(tools) => tools.iter().map(|(name, uses)| (name.as_str(), *uses)).collect(),
        None => Vec::new(),
    };
    let units = amounts(row, usage, counts)?;
    let circumstances = Circumstances {
        tier: tier.as_deref(),
        region,
        moment,
        tools: &tools,
        units: &units,
    };
    entry
        .sheet
        .price(counts, &circumstances)
        .map_err(|why| Arc::from(why.to_string()))
}

/// Quantities beside tokens: what the row tells, and the length of audio where the usage is that.
fn amounts<'a>(
    row: &'a UsageRow<'_>,
    usage: &RawUsage,
    counts: &Counts,
) -> Result<Vec<(&'a str, Amount)>, Arc<str>> {
    let mut all = Vec::new();
    for (name, number) in row.units.iter().flatten() {
        let amount = Amount::parse(number).ok_or_else(|| {
            Arc::<str>::from(format!(
                "`units`: `{name}` is {number}, expected an amount from 0 to a billion"
            ))
        })?;
        all.push((name.as_str(), amount));
    }
    // Beside tokens a length is only told, not charged.
    if let Some(seconds) = usage.seconds().filter(|_| counts.input_total() == 0)
        && !all.iter().any(|(name, _)| *name == SECONDS)
    {
        let amount = Amount::parse(seconds)
            .ok_or_else(|| Arc::<str>::from(format!("`seconds` is {seconds}, expected a length from 0")))?;
        all.push((SECONDS, amount));
    }
    Ok(all)
}

/// The unit of a usage that is a length of audio.
const SECONDS: &str = "input_seconds";
