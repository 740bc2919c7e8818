//! The table of genai-prices: a list of providers, each with models, rules that match their ids, and prices with context
//! tiers, dates and hours.

use super::book::{Book, Entry, ProviderRules, provider_name};
use super::decimal::{rate_per_million, rate_per_thousand};
use super::litellm::TableError;
use super::rule::Rule;
use super::sheet::{Meter, Rate, Sheet, When};
use super::time::{Moment, Window};
use crate::class::Class;
use serde_json::Value;

/// Names of prices, for a million tokens, and their class.
const TOKEN_PRICES: &[(&str, Class)] = &[
    ("input_mtok", Class::InputUncached),
    ("output_mtok", Class::OutputVisible),
    ("output_reasoning_mtok", Class::Reasoning),
    ("cache_read_mtok", Class::CacheRead),
    ("cache_write_mtok", Class::CacheWrite5m),
    ("cache_write_1h_mtok", Class::CacheWrite1h),
    ("input_audio_mtok", Class::InputAudio),
    ("output_audio_mtok", Class::OutputAudio),
    ("cache_audio_read_mtok", Class::CacheReadAudio),
    ("input_image_mtok", Class::InputImage),
    ("output_image_mtok", Class::OutputImage),
    ("cache_image_read_mtok", Class::CacheReadImage),
    ("input_video_mtok", Class::InputVideo),
    ("output_video_mtok", Class::OutputVideo),
];
/// The same for a thousand.
const COUNTED_PRICES: &[(&str, Class)] = &[
    ("requests_kcount", Class::Requests),
    ("web_searches_kcount", Class::WebSearches),
];

/// Reads the table.
///
/// # Errors
/// Text that is no such table; prices, rules, dates or hours that cannot be read; context tiers out of order.
pub fn read(text: &str, source: &str) -> Result<Book, TableError> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| TableError::NotJson(error.to_string()))?;
    let not_a_table = |why: &str| TableError::NotATable(why.to_owned());
    let providers = document
        .as_array()
        .or_else(|| document.get("providers")?.as_array())
        .ok_or_else(|| not_a_table("expected a list of providers, as the table of genai-prices is"))?;
    let mut book = Book::new(source.to_owned());
    for provider in providers {
        let id = provider.get("id").and_then(Value::as_str);
        let (Some(id), Some(models)) = (id, provider.get("models").and_then(Value::as_array)) else {
            return Err(not_a_table(
                "a provider has no `id` or no `models`, so this is not the table of genai-prices",
            ));
        };
        let texts = |key: &str| {
            let list = provider.get(key).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(provider_name).collect()
        };
        let rules = ProviderRules {
            fallback: texts("fallback_model_providers"),
        };
        book.set_rules(provider_name(id), rules);
        for model in models {
            let name = model.get("id").and_then(Value::as_str).unwrap_or("?");
            let wrong = |why: String| TableError::Model {
                model: format!("{id}/{name}"),
                why,
            };
            book.push(entry(id, name, model).map_err(wrong)?);
        }
    }
    Ok(book)
}

fn entry(provider: &str, name: &str, model: &Value) -> Result<Entry, String> {
    let mut beside = Vec::new();
    let mut meters = Vec::new();
    match model.get("prices").ok_or("it has no `prices`")? {
        Value::Array(sets) => {
            let starts: Vec<Option<Moment>> = sets
                .iter()
                .map(|set| date(set).transpose())
                .collect::<Result<_, _>>()?;
            for (place, set) in sets.iter().enumerate() {
                let mut when = conditions(set)?;
                // A later set takes the place of the whole earlier one, also of what it does not name.
                when.until = starts.iter().skip(place + 1).flatten().min().copied();
                let prices = set.get("prices").ok_or("a set of prices has no `prices`")?;
                take(prices, &when, &mut meters, &mut beside)?;
            }
        }
        prices => take(prices, &When::default(), &mut meters, &mut beside)?,
    }
    let rule = model.get("match").map(Rule::parse).transpose()?;
    let mut notes = Vec::new();
    if model.get("deprecated").and_then(Value::as_bool) == Some(true) {
        notes.push("deprecated".to_owned());
    }
    let sheet = Sheet::new(meters, Vec::new(), Vec::new())
        .map_err(|wrong| format!("two prices of {} ({})", wrong.class, wrong.when))?;
    Ok(Entry {
        provider: provider_name(provider),
        model: name.to_owned(),
        key: format!("{provider}/{name}"),
        sheet,
        beside,
        notes,
        rule,
    })
}

fn date(set: &Value) -> Option<Result<Moment, String>> {
    let text = set.get("constraint")?.get("start_date")?.as_str()?;
    Some(Moment::parse(text).ok_or_else(|| format!("`{text}` is not a date")))
}

fn conditions(set: &Value) -> Result<When, String> {
    let mut when = When::default();
    let Some(constraint) = set.get("constraint").filter(|constraint| !constraint.is_null()) else {
        return Ok(when);
    };
    if let Some(from) = date(set) {
        when.from = Some(from?);
        return Ok(when);
    }
    let text = |key: &str| constraint.get(key).and_then(Value::as_str);
    let (Some(from), Some(until)) = (text("start_time"), text("end_time")) else {
        return Err(format!("unknown constraint {constraint}"));
    };
    let hours = format!("{from}-{until}");
    let window = Window::parse(&hours, &[]).ok_or_else(|| format!("`{hours}` are not hours of a day"))?;
    when.windows = vec![window];
    Ok(when)
}

fn take(
    prices: &Value,
    when: &When,
    meters: &mut Vec<Meter>,
    beside: &mut Vec<String>,
) -> Result<(), String> {
    let prices = prices.as_object().ok_or("`prices` is no map")?;
    for (name, price) in prices.iter().filter(|(_, price)| !price.is_null()) {
        let find = |table: &[(&str, Class)]| {
            table
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, class)| *class)
        };
        let told = |why: String| format!("`{name}` {why}");
        if let Some(class) = find(COUNTED_PRICES) {
            let rate = rate_per_thousand(price).map_err(told)?;
            meters.push(meter(class, rate, when.clone()));
        } else if let Some(class) = find(TOKEN_PRICES) {
            take_token_price(class, price, when, meters).map_err(told)?;
        } else {
            beside.push(format!("{name}: {price}"));
        }
    }
    Ok(())
}

/// A number, or a base with tiers: a prompt longer than a tier's start reprices every token.
fn take_token_price(class: Class, price: &Value, when: &When, meters: &mut Vec<Meter>) -> Result<(), String> {
    let Some(tiers) = price.get("tiers") else {
        meters.push(meter(class, rate_per_million(price)?, when.clone()));
        return Ok(());
    };
    let base = price.get("base").ok_or("has tiers without a base")?;
    meters.push(meter(class, rate_per_million(base)?, when.clone()));
    let mut last = 0;
    for tier in tiers.as_array().ok_or("has tiers that are no list")? {
        let start = tier
            .get("start")
            .and_then(Value::as_u64)
            .ok_or("has a tier without a start")?;
        if start <= last {
            return Err(format!("has tiers out of order at {start}"));
        }
        last = start;
        let rate = rate_per_million(tier.get("price").ok_or("has a tier without a price")?)?;
        let above = When {
            above_input: Some(start),
            ..when.clone()
        };
        meters.push(meter(class, rate, above));
    }
    Ok(())
}

const fn meter(class: Class, rate: Rate, when: When) -> Meter {
    Meter { class, rate, when }
}
