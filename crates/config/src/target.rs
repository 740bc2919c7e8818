//! Targets: from a checked map to an endpoint with price, limits and retries.

use crate::check::{Demand, check_record};
use crate::diagnostics::shown;
use crate::fields::merge;
use crate::plan::{Concurrency, Endpoint, Exec, Limits, Recorded, Retry, Target};
use crate::price;
use crate::remote;
use crate::scalar::to_json_map;
use crate::shape::Table;
use crate::suite::Reader;
use crate::tables::{PROVIDERS, TARGETS};
use crate::yaml::Node;

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

/// The table of a provider; the first one's where there is no such provider.
fn table_of(provider: &str) -> &'static Table {
    let known = TARGETS.iter().find(|(word, _)| *word == provider);
    known
        .or(TARGETS.first())
        .map_or(&crate::tables::SUITE, |(_, table)| *table)
}

/// The target without keys that belong to another provider, each of which is reported.
fn refuse_keys_of_others(own: &Node, provider: &str, table: &Table, reader: &mut Reader<'_>) -> Node {
    let knows = |table: &Table, key: &str| table.fields.iter().any(|field| field.name == key);
    let is_tried = |key: &str| table.tried.iter().any(|(word, _)| *word == key);
    let owner = |key: &str| {
        if !PROVIDERS.contains(&provider) || knows(table, key) || is_tried(key) {
            return None;
        }
        TARGETS.iter().find(|(_, other)| knows(other, key))
    };
    for entry in own.entries() {
        let Some((other, _)) = owner(&entry.key.text) else {
            continue;
        };
        let key = shown(&entry.key.text);
        let message = format!("{key} belongs to provider `{other}`, but this target is `{provider}`");
        let hint = format!("remove {key}, or change `provider`");
        reader.errors.push(&entry.key.span, message, Some(hint));
    }
    own.clone().without(|entry| owner(&entry.key.text).is_some())
}

fn lower(target: &Node, provider: Option<&str>, reader: &mut Reader<'_>) -> Option<Target> {
    let endpoint = match provider? {
        "recorded" => Endpoint::Recorded(lower_recorded(target, reader)?),
        "exec" => Endpoint::Exec(lower_exec(target, reader)?),
        "anthropic" => Endpoint::Anthropic(remote::lower_anthropic(target, reader)?),
        "http" => Endpoint::Http(Box::new(remote::lower_http(target, reader)?)),
        _ => Endpoint::OpenAi(remote::lower_openai(target, reader)?),
    };
    let retry = lower_retry(target.get("retry"), reader)?;
    check_concurrency(target, reader);
    if let Some(price) = target.get("price") {
        price::check(price, reader);
    }
    Some(Target {
        name: target.text("name")?.to_owned(),
        endpoint,
        price: target.get("price").and_then(price::lower),
        price_table: target
            .get("price")
            .and_then(|price| price::lower_table(price, reader)),
        limits: lower_limits(target.get("limits")),
        retry,
    })
}

fn lower_recorded(target: &Node, reader: &Reader<'_>) -> Option<Recorded> {
    let written = target.text("path")?;
    let field = |key: &str| target.text(key).map(str::to_owned);
    Some(Recorded {
        path: reader.resolve(target.get("path").unwrap_or(target), written),
        path_written: written.to_owned(),
        id_field: field("id_field").unwrap_or_else(|| "id".to_owned()),
        output_field: field("output_field").unwrap_or_else(|| "output".to_owned()),
        usage_field: field("usage_field"),
        latency_ms_field: field("latency_ms_field"),
    })
}

fn lower_exec(target: &Node, reader: &mut Reader<'_>) -> Option<Exec> {
    let count = |key: &str| target.whole(key).and_then(|count| u16::try_from(count).ok());
    let empty = target.emptied();
    let cwd_written = target.text("cwd").map(str::to_owned);
    Some(Exec {
        command: Some(target.texts("command")).filter(|command| !command.is_empty())?,
        cwd: reader.resolve(target, cwd_written.as_deref().unwrap_or("")),
        cwd_written,
        env: target.texts("env"),
        workers: count("workers").unwrap_or(1),
        in_flight: count("in_flight").unwrap_or(1),
        params: to_json_map(target.get("params").unwrap_or(&empty), &mut reader.errors),
    })
}

fn lower_limits(limits: Option<&Node>) -> Limits {
    let default = Limits::default();
    let Some(limits) = limits else { return default };
    Limits {
        concurrency: limits
            .get("concurrency")
            .map_or(default.concurrency, lower_concurrency),
        rpm: limits.whole("rpm"),
        tpm: limits.whole("tpm"),
        timeout: limits.duration("timeout").unwrap_or(default.timeout),
    }
}

/// A number is a bound to adapt below; a start that is not given stays between the bounds.
fn lower_concurrency(node: &Node) -> Concurrency {
    let slots = |value: u64| u16::try_from(value).ok();
    if let Some(most) = node.as_whole().and_then(slots) {
        return Concurrency::up_to(most);
    }
    let given = |key: &str| node.whole(key).and_then(slots);
    if let Some(count) = given("fixed") {
        return Concurrency::fixed(count);
    }
    let default = Concurrency::default();
    let min = given("min").unwrap_or(default.min);
    let max = given("max").unwrap_or(default.max.max(min).max(given("start").unwrap_or(0)));
    Concurrency {
        start: given("start").unwrap_or(default.start.clamp(min, max.max(min))),
        min,
        max,
    }
}

/// The bounds of concurrency must be in order.
fn check_concurrency(target: &Node, reader: &mut Reader<'_>) {
    let Some(node) = target.get("limits").and_then(|limits| limits.get("concurrency")) else {
        return;
    };
    if node.entries().is_empty() {
        return;
    }
    let Concurrency { start, min, max } = lower_concurrency(node);
    if !(min..=max).contains(&start) {
        let message = if min > max {
            format!("`min` of `concurrency` ({min}) is above its `max` ({max})")
        } else {
            format!("`concurrency` starts at {start}, which is not between {min} and {max}")
        };
        let hint = "expected `min` ≤ `start` ≤ `max`".to_owned();
        reader.errors.push(&node.span, message, Some(hint));
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
