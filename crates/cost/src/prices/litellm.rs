//! LiteLLM's table: one object by model id whose fields name what is paid for, under which tier and above which length.
//! Apart because the name of a field is a small language: `cache_read_input_token_cost_above_200k_tokens_batches`.

use super::book::{Book, Entry, provider_name};
use super::decimal::rate_per_unit;
use super::sheet::{Factor, Meter, Rate, Sheet, When};
use super::time::Window;
use super::units;
use crate::class::Class;
use crate::fraction::Fraction;
use serde_json::{Map, Value};

/// Entries that are no models.
const SPECIMEN: &str = "sample_spec";
/// Service tiers that a field may end in, as (ending, tier).
const TIERS: &[(&str, &str)] = &[
    ("_batches", "batch"),
    ("_flex", "flex"),
    ("_priority", "priority"),
    ("_ultrafast", "ultrafast"),
    ("_balanced", "balanced"),
    ("_decisions", "decisions"),
];
/// Fields that count tokens, and their class.
const TOKEN_FIELDS: &[(&str, Class)] = &[
    ("input_cost_per_token", Class::InputUncached),
    ("output_cost_per_token", Class::OutputVisible),
    ("output_cost_per_reasoning_token", Class::Reasoning),
    ("cache_read_input_token_cost", Class::CacheRead),
    ("cache_creation_input_token_cost", Class::CacheWrite5m),
    ("cache_creation_input_token_cost_above_1hr", Class::CacheWrite1h),
    ("input_cost_per_audio_token", Class::InputAudio),
    ("output_cost_per_audio_token", Class::OutputAudio),
    ("cache_read_input_audio_token_cost", Class::CacheReadAudio),
    ("input_cost_per_image_token", Class::InputImage),
    ("output_cost_per_image_token", Class::OutputImage),
    ("cache_read_input_image_token_cost", Class::CacheReadImage),
    ("input_cost_per_video_token", Class::InputVideo),
    ("output_cost_per_video_token", Class::OutputVideo),
    ("input_cost_per_request", Class::Requests),
];
/// The field of a DeepSeek-like price of cached tokens, where the usual one is missing.
const CACHE_HIT: &str = "input_cost_per_token_cache_hit";

/// Why a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// The document has another form.
    #[error("{0}")]
    NotATable(String),
    /// A model's entry has another form.
    #[error("model `{model}`: {why}")]
    Model {
        /// Its id.
        model: String,
        /// What is wrong.
        why: String,
    },
}

/// Reads the table.
///
/// # Errors
/// Text that is no such table; a price that is negative or no number.
pub fn read(text: &str, source: &str) -> Result<Book, TableError> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| TableError::NotJson(error.to_string()))?;
    let Value::Object(models) = document else {
        let found = "expected an object with an entry for each model, as LiteLLM's table is";
        return Err(TableError::NotATable(found.to_owned()));
    };
    if !models
        .values()
        .any(|model| model.get("litellm_provider").is_some())
    {
        let found = "no entry has a `litellm_provider`, so this is not LiteLLM's table";
        return Err(TableError::NotATable(found.to_owned()));
    }
    let mut book = Book::new(source.to_owned());
    for (key, model) in models.iter().filter(|(key, _)| *key != SPECIMEN) {
        let wrong = |why: String| TableError::Model {
            model: key.clone(),
            why,
        };
        let Value::Object(fields) = model else {
            return Err(wrong("expected an object".to_owned()));
        };
        book.push(entry(key, fields).map_err(wrong)?);
    }
    Ok(book)
}

fn entry(key: &str, fields: &Map<String, Value>) -> Result<Entry, String> {
    let named = fields
        .get("litellm_provider")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let provider = provider_name(named);
    let model = key
        .split_once('/')
        .filter(|(head, _)| provider_name(head) == provider)
        .map_or(key, |(_, model)| model);
    let mut gathered = Gathered::default();
    for (name, value) in fields {
        gathered.take(name, value)?;
    }
    gathered.finish();
    let Gathered {
        meters,
        factors,
        beside,
        notes,
        units,
        ..
    } = gathered;
    let sheet = Sheet::new(meters, factors, Vec::new())
        .map_err(|wrong| format!("two prices of {} ({})", wrong.class, wrong.when))?
        .with_unit_prices(units);
    Ok(Entry {
        provider,
        model: model.to_owned(),
        key: key.to_owned(),
        sheet,
        beside,
        notes,
        rule: None,
    })
}

#[derive(Default)]
struct Gathered {
    meters: Vec<Meter>,
    factors: Vec<Factor>,
    beside: Vec<String>,
    notes: Vec<String>,
    cache_hit: Option<Rate>,
    /// Prices of what is no token.
    units: Vec<(String, Rate)>,
}

impl Gathered {
    fn take(&mut self, name: &str, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        match name {
            "tiered_pricing" => return self.take_tiers(value),
            "off_peak_pricing" => return self.take_off_peak(value),
            "search_context_cost_per_query" => return self.take_searches(value),
            "provider_specific_entry" => return self.take_factors(value),
            CACHE_HIT => {
                self.cache_hit = Some(rate_per_unit(value).map_err(|why| format!("`{name}` {why}"))?);
                return Ok(());
            }
            _ => {}
        }
        if let Some(region) = name.strip_prefix("regional_processing_uplift_multiplier_") {
            return self.push_factor(&format!("uplift of region {region}"), value, |when| {
                when.region = Some(region.to_owned());
            });
        }
        if !is_price(name) {
            return Ok(());
        }
        match class_of(name) {
            Some((class, when)) => {
                let rate = rate_per_unit(value).map_err(|why| format!("`{name}` {why}"))?;
                self.meters.push(Meter { class, rate, when });
            }
            None => match units::of_litellm(name) {
                Some(unit) => {
                    let rate = rate_per_unit(value).map_err(|why| format!("`{name}` {why}"))?;
                    self.units.push((unit.to_owned(), rate));
                }
                None => self.beside.push(format!("{name}: {value}")),
            },
        }
        Ok(())
    }

    /// Lengths of the prompt from, to, and their prices; a length reprices every token.
    fn take_tiers(&mut self, value: &Value) -> Result<(), String> {
        let tiers = value.as_array().ok_or("`tiered_pricing` is no list")?;
        let mut last = None;
        for tier in tiers {
            let from = tier
                .get("range")
                .and_then(|range| range.get(0))
                .and_then(Value::as_f64);
            let from = from.filter(|from| *from >= 0.0 && *from < 1e15);
            let from = from.ok_or("`tiered_pricing` has a `range` that does not begin with a number")? as u64;
            if last.is_some_and(|last| from <= last) {
                return Err(format!("`tiered_pricing` is out of order at {from}"));
            }
            last = Some(from);
            let fields = tier.as_object().into_iter().flatten();
            for (name, price) in fields.filter(|(name, _)| name.contains("cost")) {
                let known = TOKEN_FIELDS.iter().find(|(field, _)| field == name);
                let Some((_, class)) = known else {
                    self.beside.push(format!("{name}: {price}"));
                    continue;
                };
                let rate = rate_per_unit(price).map_err(|why| format!("`tiered_pricing`: `{name}` {why}"))?;
                let when = When {
                    above_input: (from > 0).then_some(from),
                    ..When::default()
                };
                self.meters.push(Meter {
                    class: *class,
                    rate,
                    when,
                });
            }
        }
        Ok(())
    }

    fn take_off_peak(&mut self, value: &Value) -> Result<(), String> {
        let windows = windows(value).ok_or("`off_peak_pricing` has hours that cannot be read")?;
        for (name, price) in value.as_object().into_iter().flatten() {
            let Some((_, class)) = TOKEN_FIELDS.iter().find(|(field, _)| field == name) else {
                continue;
            };
            let rate = rate_per_unit(price).map_err(|why| format!("`off_peak_pricing`: `{name}` {why}"))?;
            let when = When {
                windows: windows.clone(),
                ..When::default()
            };
            self.meters.push(Meter {
                class: *class,
                rate,
                when,
            });
        }
        Ok(())
    }

    /// One price where the sizes of context do not differ; otherwise none, for usage does not tell the size.
    fn take_searches(&mut self, value: &Value) -> Result<(), String> {
        let prices: Vec<&Value> = value
            .as_object()
            .map(|map| map.values().collect())
            .unwrap_or_default();
        let Some(first) = prices.first() else {
            return Ok(());
        };
        if prices.iter().all(|price| price == first) {
            let rate =
                rate_per_unit(first).map_err(|why| format!("`search_context_cost_per_query` {why}"))?;
            self.meters.push(Meter {
                class: Class::WebSearches,
                rate,
                when: When::default(),
            });
        } else {
            self.beside
                .push(format!("search_context_cost_per_query: {value}"));
        }
        Ok(())
    }

    /// `us` is a region, `fast` a tier.
    fn take_factors(&mut self, value: &Value) -> Result<(), String> {
        for (name, factor) in value.as_object().into_iter().flatten() {
            let name = name.as_str();
            if name == "fast" {
                self.push_factor("tier fast", factor, |when| when.tier = Some("fast".to_owned()))?;
            } else {
                self.push_factor(&format!("uplift of region {name}"), factor, |when| {
                    when.region = Some(name.to_owned());
                })?;
            }
        }
        Ok(())
    }

    fn push_factor(&mut self, name: &str, value: &Value, set: impl FnOnce(&mut When)) -> Result<(), String> {
        let factor = Fraction::parse(&value.to_string()).map_err(|why| format!("{name}: {why}"))?;
        let mut when = When::default();
        set(&mut when);
        self.factors.push(Factor {
            name: name.to_owned(),
            factor,
            when,
        });
        Ok(())
    }

    /// The table writes 0 for hosted models whose price nobody entered: unknown, not free.
    fn finish(&mut self) {
        if let Some(rate) = self.cache_hit
            && !self
                .meters
                .iter()
                .any(|meter| meter.class == Class::CacheRead && meter.when == When::default())
        {
            self.meters.push(Meter {
                class: Class::CacheRead,
                rate,
                when: When::default(),
            });
        }
        let is_priced = |meter: &Meter| !matches!(meter.class, Class::WebSearches | Class::Requests);
        let mut tokens = self.meters.iter().filter(|meter| is_priced(meter)).peekable();
        if tokens.peek().is_some() && tokens.all(|meter| meter.rate.is_zero()) {
            self.meters.retain(|meter| !is_priced(meter));
            self.notes.push("listed at 0, taken as unknown".to_owned());
        }
        // The same holds of what is no token: a price of 0 is none.
        self.units.retain(|(_, rate)| !rate.is_zero());
    }
}

fn is_price(name: &str) -> bool {
    name.contains("_cost") && !name.ends_with("_unit")
}

/// A field's class and conditions: its name without `_above_…k_tokens` and the tier.
fn class_of(name: &str) -> Option<(Class, When)> {
    let mut when = When::default();
    let mut rest = name;
    for (ending, tier) in TIERS {
        if let Some(shorter) = rest.strip_suffix(ending) {
            when.tier = Some((*tier).to_owned());
            rest = shorter;
        }
    }
    if let Some(shorter) = rest.strip_suffix("k_tokens")
        && let Some((shorter, thousands)) = shorter.rsplit_once("_above_")
    {
        when.above_input = Some(thousands.parse::<u64>().ok()?.checked_mul(1000)?);
        rest = shorter;
    }
    let (_, class) = TOKEN_FIELDS.iter().find(|(field, _)| *field == rest)?;
    Some((*class, when))
}

fn windows(value: &Value) -> Option<Vec<Window>> {
    let mut windows = Vec::new();
    for window in value.get("windows")?.as_array()? {
        let days: Vec<u64> = match window.get("weekdays") {
            Some(days) => days.as_array()?.iter().filter_map(Value::as_u64).collect(),
            None => Vec::new(),
        };
        let hours = window.get("hours_utc")?;
        let texts: Vec<&str> = match hours {
            Value::String(text) => vec![text.as_str()],
            other => other.as_array()?.iter().filter_map(Value::as_str).collect(),
        };
        for text in texts {
            windows.push(Window::parse(text, &days)?);
        }
    }
    (!windows.is_empty()).then_some(windows)
}
