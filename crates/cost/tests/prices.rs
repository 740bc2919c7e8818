//! Protects prices: golden payloads of every API priced by hand, the two open tables as they are shipped, price files
//! with everything that may be wrong in them.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_cost::prices::{
    Book, Circumstances, Moment, compare, read_genai_prices, read_litellm, read_price_file,
};
use seatrial_cost::rows::{Pricer, UsageRow};
use seatrial_cost::{Class, Problem};
use seatrial_types::Money;
use serde_json::{Value, json};

fn book(document: &Value) -> Book {
    read_price_file(document, "prices.yaml").unwrap()
}

fn price(books: &[Book], row: &Value) -> Result<Money, String> {
    let text = row.to_string();
    let row: UsageRow<'_> = serde_json::from_str(&text).unwrap();
    let mut pricer = Pricer::new(books, None);
    pricer.price(&row).cost.map_err(|why| why.to_string())
}

fn usd(text: &str) -> Result<Money, String> {
    Ok(text.parse().unwrap())
}

fn golden_prices() -> Book {
    book(&json!({
        "as_of": "2026-11-01",
        "openai/gpt-4o": {"input_usd_per_mtok": 2.5, "output_usd_per_mtok": 10, "cache_read_usd_per_mtok": 1.25,
            "input_audio_usd_per_mtok": 40, "output_audio_usd_per_mtok": 80,
            "tiers": {"batch": {"factor": 0.5}, "priority": {"input_usd_per_mtok": 4.25, "output_usd_per_mtok": 17}}},
        "anthropic/claude-x": {"input_usd_per_mtok": 3, "output_usd_per_mtok": 15, "cache_read_usd_per_mtok": 0.3,
            "cache_write_usd_per_mtok": 3.75, "cache_write_1h_usd_per_mtok": 6, "web_search_usd": 0.01,
            "above": [{"input_tokens": 200000, "input_usd_per_mtok": 6, "output_usd_per_mtok": 22.5,
                       "cache_read_usd_per_mtok": 0.6, "cache_write_usd_per_mtok": 7.5}],
            "regions": {"us": 1.1}},
        "google/gemini-x": {"input_usd_per_mtok": 1.25, "output_usd_per_mtok": 10, "cache_read_usd_per_mtok": 0.125,
            "input_audio_usd_per_mtok": 2, "cache_read_audio_usd_per_mtok": 0.2},
        "openrouter/some/model": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "cache_read_usd_per_mtok": 0.1,
            "cache_write_usd_per_mtok": 1.25, "request_usd": 0.001, "discount": 0.2, "margin": 0.05,
            "tool_usd": {"code": 0.03}},
        "deepseek/night": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2, "meters": [
            {"class": "input_uncached", "usd_per_mtok": 0.5, "hours": "16:30-00:30"},
            {"class": "output_visible", "usd_per_mtok": 1, "hours": "16:30-00:30"},
            {"class": "output_visible", "usd_per_mtok": 3, "from": "2026-06-01"}]},
    }))
}

/// Every API's usage, priced by hand.
#[test]
fn golden_payloads() {
    let books = [golden_prices()];
    // 500 × 2.5 + 400 × 1.25 + 100 × 40 + 50 × 10 + 200 × 10 (reasoning as output) + 50 × 80 = 12,250 per million.
    let chat = json!({"prompt_tokens": 1000, "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 50}});
    let row = |usage: &Value| json!({"id": 1, "provider": "openai", "model": "gpt-4o", "usage": usage});
    assert_eq!(price(&books, &row(&chat)), usd("0.01225"));
    // Responses: 30 × 2.5 + 6 × 1.25 + 87 × 10 = 952.5 per million; batch is half of it.
    let responses = json!({"input_tokens": 36, "input_tokens_details": {"cached_tokens": 6}, "output_tokens": 87,
        "output_tokens_details": {"reasoning_tokens": 64}});
    assert_eq!(price(&books, &row(&responses)), usd("0.0009525"));
    let mut batch = row(&responses);
    batch["tier"] = json!("batch");
    assert_eq!(price(&books, &batch), usd("0.00047625"));
    // The served tier beats the one asked for; priority has no price of cached tokens.
    let served = json!({"input_tokens": 10, "output_tokens": 1, "service_tier": "priority"});
    let mut asked = row(&served);
    asked["tier"] = json!("batch");
    // 10 × 4.25 + 1 × 17 = 59.5 per million.
    assert_eq!(price(&books, &asked), usd("0.0000595"));
    let mut cached = row(&responses);
    cached["tier"] = json!("priority");
    let why = price(&books, &cached).unwrap_err();
    assert_eq!(why, "no price for cache_read tokens in tier `priority`");
}

#[test]
fn golden_payloads_of_other_apis() {
    let books = [golden_prices()];
    // 5 × 3 + 100 × 0.3 + 600 × 3.75 + 400 × 6 + 30 × 15 = 5,145 per million, and 2 searches at 0.01.
    let usage = json!({"input_tokens": 5, "output_tokens": 30, "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 1000, "cache_creation": {"ephemeral_1h_input_tokens": 400},
        "server_tool_use": {"web_search_requests": 2}});
    let anthropic = json!({"provider": "anthropic", "model": "claude-x", "usage": usage});
    assert_eq!(price(&books, &anthropic), usd("0.025145"));
    // The cliff compares the whole prompt, cached tokens included: 1 + 200,000 > 200,000. 1 × 6 + 200,000 × 0.6 = 120,006
    // per million, times 1.1 in the United States.
    let long = json!({"provider": "anthropic", "model": "claude-x", "usage": {"input_tokens": 1, "output_tokens": 0,
        "cache_read_input_tokens": 200_000, "inference_geo": "us"}});
    assert_eq!(price(&books, &long), usd("0.1320066"));
    // 45 × 1.25 + 30 × 0.125 + 20 × 2 + 10 × 0.2 + 40 × 10 = 502 per million.
    let gemini = json!({"provider": "gemini", "model": "gemini-x", "usage": {"promptTokenCount": 100,
        "cachedContentTokenCount": 40, "candidatesTokenCount": 10, "thoughtsTokenCount": 30, "toolUsePromptTokenCount": 5,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}]}});
    assert_eq!(price(&books, &gemini), usd("0.000502"));
    // (44 × 1 + 50 × 0.1 + 100 × 1.25 + 2 × 2 = 178 per million, and 0.001 a request, and 0.03 for code) × 0.8 × 1.05.
    let router = json!({"provider": "openrouter", "model": "some/model", "tools": {"code": 1}, "usage":
        {"prompt_tokens": 194, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 50, "cache_write_tokens": 100}}});
    assert_eq!(price(&books, &router), usd("0.02618952"));
    // By night 10 × 0.5 + 10 × 1; from June on the later output price counts, also by night: 10 × 0.5 + 10 × 3.
    let night = |at: &str| {
        json!({"provider": "deepseek", "model": "night", "at": at,
        "usage": {"prompt_tokens": 10, "completion_tokens": 10}})
    };
    assert_eq!(price(&books, &night("2026-05-31T12:00:00Z")), usd("0.00003"));
    assert_eq!(price(&books, &night("2026-05-31T18:00:00Z")), usd("0.000015"));
    assert_eq!(price(&books, &night("2026-06-01T18:00:00Z")), usd("0.000035"));
    let no_time = json!({"provider": "deepseek", "model": "night", "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    assert!(price(&books, &no_time).unwrap_err().contains("no `at`"));
}

/// Protects "unknown is not zero": each way in which a price can be missing is told.
#[test]
fn the_unknown_is_told() {
    let books = [golden_prices()];
    for (row, said) in [
        (
            json!({"provider": "openai", "model": "gpt-9", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
            "no price for model `gpt-9` of `openai`",
        ),
        (json!({"provider": "openai", "model": "gpt-4o"}), "no `usage`"),
        (
            json!({"provider": "openai", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
            "no `model`",
        ),
        (
            json!({"provider": "google", "model": "gemini-x", "usage": {"prompt_tokens": 9, "completion_tokens": 1,
                "prompt_tokens_details": {"cache_write_tokens": 2}}}),
            "no price for cache_write_5m tokens",
        ),
        (
            json!({"provider": "openai", "model": "gpt-4o", "tools": {"shell": 1}, "usage": {"prompt_tokens": 9, "completion_tokens": 1}}),
            "no price for the tool `shell`",
        ),
    ] {
        let why = price(&books, &row).unwrap_err();
        assert!(why.contains(said), "{row}: {why}");
    }
    let without_provider = json!({"model": "gpt-4o", "usage": {"prompt_tokens": 4, "completion_tokens": 0}});
    assert_eq!(price(&books, &without_provider), usd("0.00001"));
}

fn problems(document: &Value) -> Vec<Problem> {
    read_price_file(document, "prices.yaml").unwrap_err()
}

/// Protects people who write price files: what is wrong is told at its field.
#[test]
fn wrong_price_files_name_the_field() {
    let of = |price: Value| json!({"a/b": price});
    let both = |more: Value| {
        let mut price = json!({"input_usd_per_mtok": 1, "output_usd_per_mtok": 2});
        if let (Value::Object(price), Value::Object(more)) = (&mut price, more) {
            price.extend(more);
        }
        of(price)
    };
    for (document, pointer, said) in [
        (
            of(json!({"input_usd_per_mtok": -1, "output_usd_per_mtok": 2})),
            "/a~1b/input_usd_per_mtok",
            "`input_usd_per_mtok` is -1",
        ),
        (
            of(json!({"input_usd_per_mtok": 1})),
            "/a~1b",
            "`output_usd_per_mtok` is missing",
        ),
        (
            of(json!({"input_usd_per_mtok": "1", "output_usd_per_mtok": 2})),
            "/a~1b/input_usd_per_mtok",
            "is the text `1`",
        ),
        (
            both(json!({"currency": "EUR"})),
            "/a~1b/currency",
            "`currency` is `EUR`",
        ),
        (
            json!({"currency": "credits"}),
            "/currency",
            "`currency` is `credits`",
        ),
        (json!({"gpt": {}}), "/gpt", "does not name a provider and a model"),
        (json!({}), "", "no prices"),
        (json!([1]), "", "a price file is a list"),
        (
            both(json!({"cached_usd_per_mtok": 1})),
            "/a~1b/cached_usd_per_mtok",
            "unknown key",
        ),
        (
            both(
                json!({"above": [{"input_tokens": 200, "input_usd_per_mtok": 2}, {"input_tokens": 100, "input_usd_per_mtok": 3}]}),
            ),
            "/a~1b/above/1/input_tokens",
            "`input_tokens` is 100, not above the 200 before it",
        ),
        (
            both(json!({"tiers": {"batch": {"factor": 0.5, "input_usd_per_mtok": 1}}})),
            "/a~1b/tiers/batch/factor",
            "contradict each other",
        ),
        (
            both(json!({"tiers": {"batch": {"factor": 0.5}, "batches": {"factor": 0.4}}})),
            "/a~1b/tiers/batches",
            "is there twice",
        ),
        (
            both(json!({"tiers": {"standard": {"factor": 1}}})),
            "/a~1b/tiers/standard",
            "standard tier",
        ),
        (
            both(json!({"meters": [{"class": "input_uncached", "usd_per_mtok": 9}]})),
            "/a~1b",
            "two different prices of input_uncached tokens",
        ),
        (
            both(json!({"meters": [{"class": "input", "usd_per_mtok": 9}]})),
            "/a~1b/meters/0/class",
            "expected one of `input_uncached`",
        ),
        (
            both(json!({"meters": [{"class": "cache_read", "usd_per_mtok": 9, "from": "soon"}]})),
            "/a~1b/meters/0/from",
            "expected a date",
        ),
        (
            both(json!({"meters": [{"class": "cache_read", "usd_per_mtok": 9, "hours": "1-2"}]})),
            "/a~1b/meters/0/hours",
            "expected hours",
        ),
        (
            both(json!({"discount": 1.5})),
            "/a~1b/discount",
            "a share from 0 to 1",
        ),
    ] {
        let found = problems(&document);
        let fits = |problem: &Problem| problem.pointer == pointer && problem.message.contains(said);
        assert!(found.iter().any(fits), "{document}: {found:?}");
    }
}

fn shipped(name: &str) -> Option<String> {
    let folder = seatrial_testkit::test_data("prices")?;
    std::fs::read_to_string(folder.join("benchmarks/prices").join(name)).ok()
}

/// Protects the readers of both open tables: every model is there, nothing that costs is dropped unseen, and the same id
/// finds a model by either.
#[test]
fn open_tables_load_completely() {
    let (Some(litellm), Some(genai)) = (
        shipped("litellm_prices_trimmed.json"),
        shipped("genai_prices_v2_data_slim.json"),
    ) else {
        return;
    };
    let litellm_models: Value = serde_json::from_str(&litellm).unwrap();
    let litellm = read_litellm(&litellm, "litellm").unwrap();
    // All but the specimen of the table's form.
    assert_eq!(
        litellm.entries().len(),
        litellm_models.as_object().unwrap().len() - 1
    );
    let genai = read_genai_prices(&genai, "genai-prices").unwrap();
    assert_eq!(genai.entries().len(), 1309);
    let fields: usize = litellm_models
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| *key != "sample_spec")
        .flat_map(|(_, model)| model.as_object().unwrap())
        .filter(|(name, value)| {
            name.contains("_cost") && !name.contains("search_context") && !value.is_null()
        })
        .count();
    let taken: usize = litellm
        .entries()
        .iter()
        .map(|entry| {
            let is_plain = |class: Class| class != Class::WebSearches;
            let plain = entry.sheet.meters().iter().filter(|meter| is_plain(meter.class));
            plain.filter(|meter| meter.when.windows.is_empty()).count()
                + entry.sheet.units().len()
                + entry
                    .beside
                    .iter()
                    .filter(|name| !name.starts_with("search_context"))
                    .count()
        })
        .sum();
    // Prices by length are lists of prices under one field, and zero prices are taken as unknown.
    assert!(taken + 60 > fields, "{taken} of {fields} prices");
    for (provider, model, input) in [
        ("openai", "gpt-4o", "2.5"),
        ("anthropic", "claude-sonnet-4-5", "3"),
        ("google", "gemini-2.5-pro", "1.25"),
    ] {
        for book in [&litellm, &genai] {
            let entry = book.find(Some(provider), model).unwrap();
            let rate = entry
                .sheet
                .rate(Class::InputUncached, 0, &Circumstances::default())
                .unwrap();
            assert_eq!(
                rate.usd_per_million().to_string(),
                input,
                "{} {model}",
                book.source
            );
        }
    }
    // Rules of the table: a dated id is the model without its date.
    let dated = genai
        .find(Some("anthropic"), "claude-3-5-haiku-20241022")
        .unwrap();
    assert_eq!(dated.model, "claude-3-5-haiku-latest");
    // A set of prices with a date takes the place of the one before, cliffs included.
    let opus = genai.exact("anthropic", "claude-opus-4-6").unwrap();
    let rate = |on: &str| {
        let circumstances = Circumstances {
            moment: Moment::parse(on),
            ..Circumstances::default()
        };
        let rate = opus
            .sheet
            .rate(Class::InputUncached, 300_000, &circumstances)
            .unwrap();
        rate.usd_per_million().to_string()
    };
    assert_eq!(
        (rate("2026-03-12"), rate("2026-03-13")),
        ("10".to_owned(), "5".to_owned())
    );
}

/// Protects the alarm: the two tables disagree about a part of the models that both have, and each is named.
#[test]
fn open_tables_disagree() {
    let (Some(litellm), Some(genai)) = (
        shipped("litellm_prices_trimmed.json"),
        shipped("genai_prices_v2_data_slim.json"),
    ) else {
        return;
    };
    let litellm = read_litellm(&litellm, "litellm").unwrap();
    let genai = read_genai_prices(&genai, "genai-prices").unwrap();
    let found = compare(&litellm, &genai, Moment::parse("2026-11-23").unwrap());
    let differing: Vec<_> = found.disagreeing().map(|found| found.a.key.as_str()).collect();
    let share = differing.len() as f64 / found.matched.len() as f64;
    let one_sided = found
        .matched
        .iter()
        .filter(|found| !found.one_sided.is_empty())
        .count();
    println!(
        "{} of {} ({one_sided} one-sided): {differing:?}",
        differing.len(),
        found.matched.len()
    );
    assert!((0.10..0.20).contains(&share), "{share}");
    assert!(differing.contains(&"xai/grok-code-fast-1"), "{differing:?}");
}

/// Protects from other files under these names.
#[test]
fn wrong_tables_are_told() {
    for text in [
        "",
        "[]",
        "{}",
        "{\"a\": 1}",
        "{\"a\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": -1}}",
    ] {
        assert!(read_litellm(text, "litellm").is_err(), "{text}");
        assert!(
            read_genai_prices(text, "genai").is_ok() == (text == "[]"),
            "{text}"
        );
    }
    let tiers = json!([{"id": "p", "models": [{"id": "m", "prices": {"input_mtok": {"base": 1, "tiers":
        [{"start": 9, "price": 2}, {"start": 8, "price": 3}]}}}]}]);
    let error = read_genai_prices(&tiers.to_string(), "genai")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "model `p/m`: `input_mtok` has tiers out of order at 8");
}
