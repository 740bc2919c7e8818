//! Protects prices of what is no token: seconds, characters and pictures priced exactly where they are told, and unknown
//! where they are not.

#![expect(clippy::unwrap_used, reason = "tests")]

use seatrial_cost::prices::{Book, read_litellm, read_price_file};
use seatrial_cost::rows::Pricer;
use serde_json::{Value, json};

fn price(book: &Book, row: &Value) -> Result<String, String> {
    let text = row.to_string();
    let row = serde_json::from_str(&text).unwrap();
    let books = [book.clone()];
    let priced = Pricer::new(&books, None).price(&row);
    priced
        .cost
        .map(|usd| usd.to_string())
        .map_err(|why| why.to_string())
}

fn file() -> Book {
    let document = json!({
        "x/whisper": {"unit_usd": {"input_seconds": 0.0001}},
        "x/voice": {"unit_usd": {"input_characters": 0.000_015}, "discount": 0.1},
        "x/painter": {"input_usd_per_mtok": 5, "output_usd_per_mtok": 40, "unit_usd": {"output_images": 0.02}},
    });
    read_price_file(&document, "prices.yaml").unwrap()
}

/// By hand: 12.4 seconds at 0.0001; 2,000 characters at 15 dollars a million, a tenth off; 100 tokens at 5 dollars a million
/// and two pictures at 2 cents.
#[test]
fn told_units_are_priced() {
    let row = |model: &str, more: Value| {
        let mut row = json!({"provider": "x", "model": model});
        row.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row
    };
    let book = file();
    for (row, wanted) in [
        (
            row("whisper", json!({"usage": {"type": "duration", "seconds": 12.4}})),
            "0.00124",
        ),
        (
            row("whisper", json!({"units": {"input_seconds": 12.4}})),
            "0.00124",
        ),
        // What the row tells of its seconds counts, and tokens beside them are not charged.
        (
            row(
                "whisper",
                json!({"units": {"input_seconds": 10}, "usage": {"prompt_tokens": 5, "completion_tokens": 7}}),
            ),
            "0.001",
        ),
        (
            row("voice", json!({"units": {"input_characters": 2000}})),
            "0.027",
        ),
        (
            row(
                "painter",
                json!({"units": {"output_images": 2}, "usage": {"prompt_tokens": 100, "completion_tokens": 0}}),
            ),
            "0.0405",
        ),
        (
            row(
                "painter",
                json!({"usage": {"prompt_tokens": 100, "completion_tokens": 0}}),
            ),
            "0.0005",
        ),
    ] {
        assert_eq!(price(&book, &row).as_deref(), Ok(wanted), "{row}");
    }
    for (row, said) in [
        (
            row(
                "whisper",
                json!({"usage": {"prompt_tokens": 5, "completion_tokens": 7}}),
            ),
            "the model is paid by `input_seconds`, which neither the usage nor `units` tell",
        ),
        (
            row("whisper", json!({"units": {"output_images": 1}})),
            "no price for `output_images`",
        ),
        (
            row("whisper", json!({"units": {"input_seconds": -1}})),
            "`input_seconds` is -1, expected an amount from 0",
        ),
        (
            row("whisper", json!({"usage": {"seconds": -3}})),
            "`seconds` is -3, expected a length from 0",
        ),
        (row("whisper", json!({})), "the row has no `usage` and no `units`"),
        (
            row("painter", json!({"usage": {"seconds": 3}})),
            "no price for `input_seconds`",
        ),
    ] {
        let why = price(&book, &row).unwrap_err();
        assert!(why.contains(said), "{row}: {why}");
    }
}

/// Protects the public table: its fields beside tokens are units, and its zeros stay unknown.
#[test]
fn litellm_prices_units() {
    let table = json!({
        "whisper-1": {"litellm_provider": "openai", "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0},
        "tts-1": {"litellm_provider": "openai", "input_cost_per_character": 1.5e-5},
        "free": {"litellm_provider": "openai", "input_cost_per_second": 0},
    });
    let book = read_litellm(&table.to_string(), "litellm").unwrap();
    let row = |model: &str, units: Value| json!({"provider": "openai", "model": model, "units": units});
    assert_eq!(
        price(&book, &row("whisper-1", json!({"input_seconds": 60}))).as_deref(),
        Ok("0.006")
    );
    assert_eq!(
        price(&book, &row("tts-1", json!({"input_characters": 1000}))).as_deref(),
        Ok("0.015")
    );
    assert!(price(&book, &row("free", json!({"input_seconds": 60}))).is_err());
}

/// Protects people who write price files: a negative price of a unit has its field.
#[test]
fn wrong_units_name_the_field() {
    let document = json!({"x/whisper": {"unit_usd": {"input_seconds": -1}}});
    let found = read_price_file(&document, "prices.yaml").unwrap_err();
    assert!(
        found
            .iter()
            .any(|problem| problem.pointer == "/x~1whisper/unit_usd/input_seconds"
                && problem.message.contains("is -1")),
        "{found:?}"
    );
}
