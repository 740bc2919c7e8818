//! What a target charges: from a checked `price:` to numbers, or to the place where they stand. Apart from targets, which
//! have much else.

use crate::plan::PriceTable;
use crate::suite::Reader;
use crate::yaml::Node;
use seatrial_types::{Price, PriceAbove};

/// Reports what no single key shows: a table without a model, a tier without a table, lengths that do not rise.
pub(crate) fn check(price: &Node, reader: &mut Reader<'_>) {
    let names_table = names_table(price);
    if names_table && price.get("id").is_none() {
        let hint = "add `id: …`: the model as the table calls it, such as `openai/gpt-4o`";
        let message = "`price` names a table and no model in it";
        reader.errors.push(&price.span, message, Some(hint.to_owned()));
    }
    for key in ["id", "tier", "region"] {
        if !names_table && let Some(entry) = price.entry(key) {
            let message = format!("`{key}` belongs to a price in a table, and no table is named");
            let hint = "add `table: litellm`, `table: genai-prices` or `path: prices.yaml`";
            reader
                .errors
                .push(&entry.key.span, message, Some(hint.to_owned()));
        }
    }
    let mut last = 0;
    for cliff in price.get("above").map(Node::items).unwrap_or_default() {
        let Some(tokens) = cliff.whole("input_tokens") else {
            continue;
        };
        if tokens <= last {
            let message = format!("`input_tokens` is {tokens}, not above the {last} before it");
            let hint = "put the items of `above` in rising order".to_owned();
            let at = cliff
                .entry("input_tokens")
                .map_or(&cliff.span, |entry| &entry.value.span);
            reader.errors.push(at, message, Some(hint));
        }
        last = last.max(tokens);
    }
}

fn names_table(price: &Node) -> bool {
    price.get("table").is_some() || price.get("path").is_some()
}

/// The price where it is written out.
pub(crate) fn lower(price: &Node) -> Option<Price> {
    Some(Price {
        input_usd_per_mtok: price.money("input_usd_per_mtok")?,
        output_usd_per_mtok: price.money("output_usd_per_mtok")?,
        cache_read_usd_per_mtok: price.money("cache_read_usd_per_mtok"),
        cache_write_usd_per_mtok: price.money("cache_write_usd_per_mtok"),
        cache_write_1h_usd_per_mtok: price.money("cache_write_1h_usd_per_mtok"),
        reasoning_usd_per_mtok: price.money("reasoning_usd_per_mtok"),
        request_usd: price.money("request_usd"),
        above: price
            .get("above")
            .map(Node::items)
            .unwrap_or_default()
            .iter()
            .filter_map(lower_above)
            .collect(),
    })
}

fn lower_above(cliff: &Node) -> Option<PriceAbove> {
    Some(PriceAbove {
        input_tokens: cliff.whole("input_tokens")?,
        input_usd_per_mtok: cliff.money("input_usd_per_mtok"),
        output_usd_per_mtok: cliff.money("output_usd_per_mtok"),
        cache_read_usd_per_mtok: cliff.money("cache_read_usd_per_mtok"),
        cache_write_usd_per_mtok: cliff.money("cache_write_usd_per_mtok"),
        cache_write_1h_usd_per_mtok: cliff.money("cache_write_1h_usd_per_mtok"),
        reasoning_usd_per_mtok: cliff.money("reasoning_usd_per_mtok"),
    })
}

/// The place of the price where it is not written out.
pub(crate) fn lower_table(price: &Node, reader: &Reader<'_>) -> Option<PriceTable> {
    if !names_table(price) {
        return None;
    }
    let text = |key: &str| price.text(key).map(str::to_owned);
    let path = price.get("path").zip(price.text("path"));
    Some(PriceTable {
        table: text("table"),
        path: path.map(|(node, written)| reader.resolve(node, written)),
        id: text("id")?,
        tier: text("tier"),
        region: text("region"),
    })
}
