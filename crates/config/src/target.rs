//! Targets: from a checked map to an endpoint with price, limits and retries.

use crate::address::Address;
use crate::check::{Demand, check_record};
use crate::diagnostics::shown;
use crate::fields::merge;
use crate::plan::{Endpoint, Limits, OpenAi, Recorded, Retry, Target};
use crate::scalar::to_json_map;
use crate::shape::Table;
use crate::suite::Reader;
use crate::tables::{DEFAULT_API_KEY_ENV, DEFAULT_BASE_URL, OPENAI, PROVIDERS, RECORDED};
use crate::yaml::Node;
use seatrial_types::Price;

/// Parameters that the request itself consists of.
const RESERVED_PARAMS: [&str; 2] = ["model", "messages"];

/// Checks one target with its defaults merged in and lowers it. `None` where something was reported.
pub(crate) fn read(own: &Node, defaults: Option<&Node>, reader: &mut Reader<'_>) -> (Option<Target>, Node) {
    let provider = own
        .get("provider")
        .or_else(|| defaults.and_then(|defaults| defaults.get("provider")));
    let word = provider.and_then(Node::as_text);
    let table = table_of(word.unwrap_or_default());
    let own_fitting = match word {
        Some(word) => refuse_keys_of_others(own, word, table, reader),
        None => own.clone(),
    };
    if word == Some("recorded") {
        for key in ["limits", "retry"] {
            if let Some(entry) = own.entry(key) {
                let message = format!("`{key}` has no effect on recorded answers");
                reader.warn(&entry.key.span, message, None);
            }
        }
    }
    let merged = merge(&own_fitting, defaults, table);
    if word.is_some_and(|word| !PROVIDERS.contains(&word)) {
        // Its keys are unknown: only the provider itself can be spoken of.
        let field = table.fields.iter().find(|field| field.name == "provider");
        if let (Some(field), Some(node)) = (field, provider) {
            field
                .shape
                .check("provider", node, Demand::Whole, &mut reader.errors);
        }
        return (None, merged);
    }
    check_record(table, &merged, Demand::Whole, &mut reader.errors);
    (lower(&merged, word, reader), merged)
}

fn table_of(provider: &str) -> &'static Table {
    if provider == "recorded" {
        &RECORDED
    } else {
        &OPENAI
    }
}

/// The target without keys that belong to another provider, each of which is reported.
fn refuse_keys_of_others(own: &Node, provider: &str, table: &Table, reader: &mut Reader<'_>) -> Node {
    let knows = |table: &Table, key: &str| table.fields.iter().any(|field| field.name == key);
    let other = if provider == "recorded" {
        ("openai", &OPENAI)
    } else {
        ("recorded", &RECORDED)
    };
    let foreign = |key: &str| PROVIDERS.contains(&provider) && !knows(table, key) && knows(other.1, key);
    for entry in own.entries().iter().filter(|entry| foreign(&entry.key.text)) {
        let key = shown(&entry.key.text);
        let message = format!(
            "{key} belongs to provider `{}`, but this target is `{provider}`",
            other.0
        );
        let hint = format!("remove {key}, or change `provider`");
        reader.errors.push(&entry.key.span, message, Some(hint));
    }
    own.clone().without(|entry| foreign(&entry.key.text))
}

fn lower(target: &Node, provider: Option<&str>, reader: &mut Reader<'_>) -> Option<Target> {
    let endpoint = match provider? {
        "recorded" => Endpoint::Recorded(lower_recorded(target, reader)?),
        _ => Endpoint::OpenAi(lower_openai(target, reader)?),
    };
    let retry = lower_retry(target.get("retry"), reader)?;
    Some(Target {
        name: target.text("name")?.to_owned(),
        endpoint,
        price: target.get("price").and_then(lower_price),
        limits: lower_limits(target.get("limits")),
        retry,
    })
}

fn lower_openai(target: &Node, reader: &mut Reader<'_>) -> Option<OpenAi> {
    let written = target.text("base_url").unwrap_or(DEFAULT_BASE_URL);
    let address = Address::parse(written).ok()?;
    let named_key = target.text("api_key_env");
    let at = target
        .entry("base_url")
        .map_or(&target.span, |entry| &entry.value.span);
    if !address.is_loopback() {
        if !address.secure {
            let message = format!(
                "{} is not encrypted: prompts, answers and the key can be read on the way",
                shown(written)
            );
            reader.warn(at, message, Some("use https".to_owned()));
        }
        let is_openai = address.host == "api.openai.com" || address.host.ends_with(".openai.com");
        if named_key.is_none() && !is_openai {
            let message = format!(
                "the key in {DEFAULT_API_KEY_ENV} will be sent to {}",
                shown(&address.host)
            );
            reader.warn(
                at,
                message,
                Some("name the variable that is meant with `api_key_env`".to_owned()),
            );
        }
    }
    let empty = target.emptied();
    let params_node = target.get("params").unwrap_or(&empty);
    check_params(params_node, reader);
    Some(OpenAi {
        api_key_required: !address.is_loopback(),
        base_url: address.url,
        model: target.text("model")?.to_owned(),
        api_key_env: named_key.unwrap_or(DEFAULT_API_KEY_ENV).to_owned(),
        params: to_json_map(params_node, &mut reader.errors),
    })
}

fn check_params(params: &Node, reader: &mut Reader<'_>) {
    for entry in params.entries() {
        let name = entry.key.text.as_str();
        if RESERVED_PARAMS.contains(&name) {
            let hint = if name == "model" {
                "write `model` beside `params`"
            } else {
                "write `prompt` or `messages` in the task"
            };
            let message = format!("`{name}` cannot be a request parameter: seatrial sets it itself");
            reader
                .errors
                .push(&entry.key.span, message, Some(hint.to_owned()));
        }
        if name == "n" && entry.value.scalar_text() != Some("1") {
            let message =
                "`n` asks for several answers per call, but only the first is used and all are paid for";
            reader.warn(
                &entry.key.span,
                message.to_owned(),
                Some("remove `n` and set `epochs` in the task".to_owned()),
            );
        }
    }
}

fn lower_recorded(target: &Node, reader: &Reader<'_>) -> Option<Recorded> {
    let written = target.text("path")?;
    let field = |key: &str| target.text(key).map(str::to_owned);
    Some(Recorded {
        path: reader.resolve(target, written),
        path_written: written.to_owned(),
        id_field: field("id_field").unwrap_or_else(|| "id".to_owned()),
        output_field: field("output_field").unwrap_or_else(|| "output".to_owned()),
        usage_field: field("usage_field"),
        latency_ms_field: field("latency_ms_field"),
    })
}

fn lower_price(price: &Node) -> Option<Price> {
    Some(Price {
        input_usd_per_mtok: price.money("input_usd_per_mtok")?,
        output_usd_per_mtok: price.money("output_usd_per_mtok")?,
    })
}

fn lower_limits(limits: Option<&Node>) -> Limits {
    let default = Limits::default();
    let Some(limits) = limits else { return default };
    let concurrency = limits
        .whole("concurrency")
        .and_then(|value| u16::try_from(value).ok());
    Limits {
        concurrency: concurrency.unwrap_or(default.concurrency),
        rpm: limits.whole("rpm"),
        tpm: limits.whole("tpm"),
        timeout: limits.duration("timeout").unwrap_or(default.timeout),
    }
}

fn lower_retry(retry: Option<&Node>, reader: &mut Reader<'_>) -> Option<Retry> {
    let default = Retry::default();
    let Some(node) = retry else { return Some(default) };
    let attempts = node.whole("attempts").and_then(|value| u32::try_from(value).ok());
    let wait_first = node.duration("wait_first");
    let wait_max = node.duration("wait_max");
    let retry = Retry {
        attempts: attempts.unwrap_or(default.attempts),
        // One that is given alone moves the other's default out of its way.
        wait_first: wait_first.unwrap_or(default.wait_first.min(wait_max.unwrap_or(default.wait_first))),
        wait_max: wait_max.unwrap_or(default.wait_max.max(wait_first.unwrap_or(default.wait_max))),
    };
    if retry.wait_first > retry.wait_max {
        let message = format!(
            "`wait_first` ({:?}) is longer than `wait_max` ({:?})",
            retry.wait_first, retry.wait_max
        );
        let at = node
            .entry("wait_first")
            .map_or(&node.span, |entry| &entry.value.span);
        reader.errors.push(at, message, Some("exchange them".to_owned()));
        return None;
    }
    Some(retry)
}
