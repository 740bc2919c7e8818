//! Price files that people write: `provider/model:` with prices per million tokens, or meters with conditions. The same
//! keys describe the price of a target in a suite.

use super::book::{Book, Entry, provider_name};
use super::sheet::{Factor, Meter, Rate, Sheet, When};
use super::time::{Moment, Window};
use crate::class::Class;
use crate::fields::{Fields, Problem, Problems, shown};
use crate::fraction::Fraction;
use serde_json::Value;

/// Prices of a class, by the key that gives dollars for a million tokens.
const PRICE_KEYS: &[(&str, Class)] = &[
    ("input_usd_per_mtok", Class::InputUncached),
    ("output_usd_per_mtok", Class::OutputVisible),
    ("cache_read_usd_per_mtok", Class::CacheRead),
    ("cache_write_usd_per_mtok", Class::CacheWrite5m),
    ("cache_write_1h_usd_per_mtok", Class::CacheWrite1h),
    ("reasoning_usd_per_mtok", Class::Reasoning),
    ("input_audio_usd_per_mtok", Class::InputAudio),
    ("cache_read_audio_usd_per_mtok", Class::CacheReadAudio),
    ("output_audio_usd_per_mtok", Class::OutputAudio),
    ("input_image_usd_per_mtok", Class::InputImage),
    ("cache_read_image_usd_per_mtok", Class::CacheReadImage),
    ("output_image_usd_per_mtok", Class::OutputImage),
    ("input_video_usd_per_mtok", Class::InputVideo),
    ("cache_read_video_usd_per_mtok", Class::CacheReadVideo),
    ("output_video_usd_per_mtok", Class::OutputVideo),
];
/// Prices of one.
const FEE_KEYS: &[(&str, Class)] = &[
    ("request_usd", Class::Requests),
    ("web_search_usd", Class::WebSearches),
];
/// Keys of an entry beside its prices.
const ENTRY_KEYS: &[&str] = &[
    "meters", "tiers", "above", "regions", "discount", "margin", "tool_usd", "unit_usd", "currency", "as_of",
    "source",
];
const METER_KEYS: &[&str] = &[
    "class",
    "usd_per_mtok",
    "usd",
    "tier",
    "region",
    "from",
    "until",
    "hours",
    "weekdays",
    "above_input_tokens",
];
/// Keys of the file beside its models.
const FILE_KEYS: &[&str] = &["currency", "as_of", "source"];
/// The one currency of prices.
const CURRENCY: &str = "USD";
/// Models, tiers, cliffs or meters of one list at most.
const ITEMS_MAX: usize = 20_000;

/// Reads a price file.
///
/// # Errors
/// Everything that is wrong, each with the pointer of its field.
pub fn read(document: &Value, source: &str) -> Result<Book, Vec<Problem>> {
    let mut problems = Problems::default();
    let mut book = Book::new(source.to_owned());
    if let Some(file) = Fields::read_any(document, "", "a price file", &mut problems) {
        check_currency(&file, &mut problems);
        book.as_of = file.text("as_of", &mut problems).map(str::to_owned);
        if let Some(name) = file.text("source", &mut problems) {
            name.clone_into(&mut book.source);
        }
        let models = file.entries().filter(|(key, _)| !FILE_KEYS.contains(key));
        for (key, value) in models.take(ITEMS_MAX) {
            let pointer = file.at(key);
            let Some((provider, model)) = key
                .split_once('/')
                .filter(|(a, b)| !a.is_empty() && !b.is_empty())
            else {
                let hint = "a key is `provider/model`, such as `openai/gpt-4o`";
                problems.push(
                    &pointer,
                    format!("`{key}` does not name a provider and a model"),
                    Some(hint),
                );
                continue;
            };
            let Some(sheet) = read_sheet(value, &pointer, &mut problems) else {
                continue;
            };
            if book.exact(provider, model).is_some() {
                problems.push(
                    &pointer,
                    format!("`{key}` is the same model as one before"),
                    Some("keep one"),
                );
                continue;
            }
            book.push(Entry {
                provider: provider_name(provider),
                model: model.to_owned(),
                key: key.to_owned(),
                sheet,
                beside: Vec::new(),
                notes: Vec::new(),
                rule: None,
            });
        }
        if book.entries().is_empty() && problems.is_empty() {
            let hint = "add `provider/model: {input_usd_per_mtok: …, output_usd_per_mtok: …}`";
            problems.push("", "the file has no prices", Some(hint));
        }
    }
    problems.or(Some(book))
}

/// Reads what one model charges. `None` where something was reported.
pub fn read_sheet(value: &Value, pointer: &str, problems: &mut Problems) -> Option<Sheet> {
    let known: Vec<&str> = price_keys().chain(ENTRY_KEYS.iter().copied()).collect();
    let fields = Fields::read(value, pointer, "a price", &known, problems)?;
    let before = problems.len();
    check_currency(&fields, problems);
    let mut gathered = Gathered::default();
    gathered.take_prices(&fields, &When::default(), problems);
    gathered.take_tiers(&fields, problems);
    gathered.take_cliffs(&fields, &When::default(), problems);
    gathered.take_meters(&fields, problems);
    gathered.take_factors(&fields, problems);
    gathered.take_tools(&fields, problems);
    for (key, class) in &PRICE_KEYS[..2] {
        let is_by_units = !gathered.units.is_empty();
        if !is_by_units && !gathered.meters.iter().any(|meter| meter.class == *class) && !fields.has(key) {
            fields.missing(
                key,
                "US dollars for a million tokens; 0 where nothing is charged",
                problems,
            );
        }
    }
    if problems.len() > before {
        return None;
    }
    match Sheet::new(gathered.meters, gathered.factors, gathered.tools) {
        Ok(sheet) => Some(sheet.with_unit_prices(gathered.units)),
        Err(wrong) => {
            let when = if wrong.when.is_empty() {
                "without conditions".to_owned()
            } else {
                wrong.when
            };
            let message = format!("two different prices of {} tokens ({when})", wrong.class);
            problems.push(
                pointer,
                message,
                Some("keep one, or give one of them a further condition"),
            );
            None
        }
    }
}

fn price_keys() -> impl Iterator<Item = &'static str> {
    PRICE_KEYS.iter().chain(FEE_KEYS).map(|(key, _)| *key)
}

fn check_currency(fields: &Fields<'_>, problems: &mut Problems) {
    if let Some(currency) = fields.text("currency", problems)
        && currency != CURRENCY
    {
        let message = format!("`currency` is `{currency}`, expected `{CURRENCY}`");
        let hint =
            "prices are kept in US dollars; convert them, and write down the rate and its day in a comment";
        problems.push(&fields.at("currency"), message, Some(hint));
    }
}

#[derive(Default)]
struct Gathered {
    meters: Vec<Meter>,
    factors: Vec<Factor>,
    tools: Vec<(String, Rate)>,
    units: Vec<(String, Rate)>,
}

impl Gathered {
    fn take_prices(&mut self, fields: &Fields<'_>, when: &When, problems: &mut Problems) {
        for (key, class) in PRICE_KEYS {
            if let Some(usd) = fields.money(key, problems) {
                self.push(*class, Rate::per_million(usd), when);
            }
        }
        for (key, class) in FEE_KEYS {
            if let Some(usd) = fields.money(key, problems) {
                self.push(*class, Rate::per_unit(usd), when);
            }
        }
    }

    fn push(&mut self, class: Class, rate: Rate, when: &When) {
        self.meters.push(Meter {
            class,
            rate,
            when: when.clone(),
        });
    }

    /// `tiers: {batch: {factor: 0.5}}` or prices of its own, never both.
    fn take_tiers(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        let Some(tiers) = fields
            .get("tiers")
            .and_then(|tiers| Fields::read_any(tiers, &fields.at("tiers"), "`tiers`", problems))
        else {
            return;
        };
        let known: Vec<&str> = price_keys().chain(["factor", "above"]).collect();
        for (name, value) in tiers.entries().take(ITEMS_MAX) {
            let pointer = tiers.at(name);
            let Some(tier) = Fields::read(value, &pointer, "a tier", &known, problems) else {
                continue;
            };
            let when = When {
                tier: Some(tier_name(name).unwrap_or_else(|| name.to_owned())),
                ..When::default()
            };
            if tier_name(name).is_none() {
                let hint = "prices of the standard tier stand beside `tiers`";
                problems.push(&pointer, format!("`{name}` is the standard tier"), Some(hint));
                continue;
            }
            if self.factors.iter().any(|factor| factor.when == when)
                || self.meters.iter().any(|meter| meter.when.tier == when.tier)
            {
                problems.push(
                    &pointer,
                    format!("the tier `{name}` is there twice"),
                    Some("keep one"),
                );
                continue;
            }
            let is_priced = price_keys().any(|key| tier.has(key));
            match tier.fraction("factor", problems) {
                Some(_) if is_priced => {
                    let message =
                        format!("the tier `{name}` has a `factor` and prices, which contradict each other");
                    problems.push(&tier.at("factor"), message, Some("keep one of them"));
                }
                Some(_) if tier.has("above") => {
                    let message = format!(
                        "the tier `{name}` has a `factor` and `above`, which contradict each other: a factor takes the \
                         cliffs of the standard prices"
                    );
                    problems.push(&tier.at("above"), message, Some("keep one of them"));
                }
                Some(factor) => self.push_factor(format!("tier {name}"), factor, when),
                None if is_priced => {
                    self.take_prices(&tier, &when, problems);
                    self.take_cliffs(&tier, &when, problems);
                }
                None if tier.has("factor") => {}
                None => problems.push(&pointer, format!("the tier `{name}` has no prices"), None),
            }
        }
    }

    /// `above: [{input_tokens: 200000, …prices}]`, in rising order.
    fn take_cliffs(&mut self, fields: &Fields<'_>, when: &When, problems: &mut Problems) {
        let known: Vec<&str> = price_keys().chain(["input_tokens"]).collect();
        let mut last = 0;
        for (pointer, value) in fields.list("above", problems).into_iter().take(ITEMS_MAX) {
            let Some(cliff) = Fields::read(value, &pointer, "a cliff", &known, problems) else {
                continue;
            };
            if !cliff.has("input_tokens") {
                cliff.missing(
                    "input_tokens",
                    "the length of the prompt above which these prices hold",
                    problems,
                );
                continue;
            }
            let Some(tokens) = cliff.whole("input_tokens", 1, 1_000_000_000_000, problems) else {
                continue;
            };
            if tokens <= last {
                let message = format!("`input_tokens` is {tokens}, not above the {last} before it");
                problems.push(
                    &cliff.at("input_tokens"),
                    message,
                    Some("put the cliffs in rising order"),
                );
                continue;
            }
            last = tokens;
            let above = When {
                above_input: Some(tokens),
                ..when.clone()
            };
            if !price_keys().any(|key| cliff.has(key)) {
                problems.push(&pointer, "the cliff has no prices", None);
            }
            self.take_prices(&cliff, &above, problems);
        }
    }

    fn take_meters(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        for (pointer, value) in fields.list("meters", problems).into_iter().take(ITEMS_MAX) {
            let Some(meter) = Fields::read(value, &pointer, "a meter", METER_KEYS, problems) else {
                continue;
            };
            let words = Class::ALL.map(Class::as_str);
            if !meter.has("class") {
                meter.missing("class", "what is counted, such as `input_uncached`", problems);
            }
            let class = meter.choice("class", &words, problems).and_then(Class::from_word);
            let rate = match (
                meter.money("usd_per_mtok", problems),
                meter.money("usd", problems),
            ) {
                (Some(_), Some(_)) => {
                    problems.push(
                        &pointer,
                        "found `usd_per_mtok` and `usd`, expected one of them",
                        None,
                    );
                    None
                }
                (Some(usd), None) => Some(Rate::per_million(usd)),
                (None, Some(usd)) => Some(Rate::per_unit(usd)),
                (None, None) => {
                    if !meter.has("usd_per_mtok") && !meter.has("usd") {
                        meter.missing("usd_per_mtok", "its price", problems);
                    }
                    None
                }
            };
            if let (Some(class), Some(rate), Some(when)) = (class, rate, conditions(&meter, problems)) {
                self.push(class, rate, &when);
            }
        }
    }

    fn take_factors(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        if let Some(regions) = fields
            .get("regions")
            .and_then(|regions| Fields::read_any(regions, &fields.at("regions"), "`regions`", problems))
        {
            for (name, _) in regions.entries().take(ITEMS_MAX) {
                if let Some(factor) = regions.fraction(name, problems) {
                    let when = When {
                        region: Some(name.to_owned()),
                        ..When::default()
                    };
                    self.push_factor(format!("region {name}"), factor, when);
                }
            }
        }
        if let Some(discount) = fields.fraction("discount", problems) {
            match discount.complement() {
                Some(factor) => self.push_factor(format!("discount {discount}"), factor, When::default()),
                None => {
                    let message = format!("`discount` is {discount}, expected a share from 0 to 1");
                    problems.push(&fields.at("discount"), message, None);
                }
            }
        }
        if let Some(margin) = fields.fraction("margin", problems) {
            self.push_factor(format!("margin {margin}"), margin.plus_one(), When::default());
        }
    }

    fn push_factor(&mut self, name: String, factor: Fraction, when: When) {
        self.factors.push(Factor { name, factor, when });
    }

    fn take_tools(&mut self, fields: &Fields<'_>, problems: &mut Problems) {
        self.tools.extend(fees(fields, "tool_usd", problems));
        self.units.extend(fees(fields, "unit_usd", problems));
    }
}

/// `{NAME: dollars for one}`.
fn fees(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Vec<(String, Rate)> {
    let Some(fees) = fields
        .get(key)
        .and_then(|fees| Fields::read_any(fees, &fields.at(key), &format!("`{key}`"), problems))
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, _) in fees.entries().take(ITEMS_MAX) {
        if let Some(usd) = fees.money(name, problems) {
            all.push((name.to_owned(), Rate::per_unit(usd)));
        }
    }
    all
}

fn conditions(meter: &Fields<'_>, problems: &mut Problems) -> Option<When> {
    let before = problems.len();
    let moment = |key: &str, problems: &mut Problems| {
        let text = meter.text(key, problems)?;
        let moment = Moment::parse(text);
        if moment.is_none() {
            let message = format!("`{key}` is `{text}`, expected a date such as `2026-03-01`");
            problems.push(&meter.at(key), message, None);
        }
        moment
    };
    let (from, until) = (moment("from", problems), moment("until", problems));
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        problems.push(&meter.at("until"), "`until` is not after `from`", None);
    }
    let weekdays: Vec<u64> = meter
        .list("weekdays", problems)
        .iter()
        .map(|(pointer, day)| {
            let day_read = day.as_u64().filter(|day| (1..=7).contains(day));
            if day_read.is_none() {
                let message = format!("a weekday is {}, expected 1 (Monday) to 7 (Sunday)", shown(day));
                problems.push(pointer, message, None);
            }
            day_read.unwrap_or(1)
        })
        .collect();
    let hours = match meter.text("hours", problems) {
        None if weekdays.is_empty() => None,
        None => Some("00:00-00:00"),
        some => some,
    };
    let window = hours.and_then(|hours| {
        let window = Window::parse(hours, &weekdays);
        if window.is_none() {
            let message = format!("`hours` is `{hours}`, expected hours in UTC such as `00:30-16:30`");
            problems.push(&meter.at("hours"), message, None);
        }
        window
    });
    let when = When {
        tier: meter.text("tier", problems).and_then(tier_name),
        region: meter.text("region", problems).map(str::to_owned),
        from,
        until,
        windows: window.into_iter().collect(),
        above_input: meter.whole("above_input_tokens", 1, 1_000_000_000_000, problems),
    };
    (problems.len() == before).then_some(when)
}

/// A service tier by its one name; `None` for the standard one, which every API calls otherwise.
#[must_use]
pub fn tier_name(name: &str) -> Option<String> {
    const USUAL: [&str; 6] = ["", "standard", "default", "auto", "on_demand", "null"];
    if USUAL.iter().any(|usual| name.eq_ignore_ascii_case(usual)) {
        return None;
    }
    let mut tier = name.to_ascii_lowercase();
    if tier == "batches" {
        tier.truncate("batch".len());
    }
    Some(tier)
}
