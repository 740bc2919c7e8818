//! `seatrial cost prices`: what the sources of prices say, and where they disagree.

use super::moment_or_now;
use super::tables::{Loaded, Table, keep_copy, load, load_one, text_of};
use crate::args::cost::{
    PricesDiffArguments, PricesImportArguments, PricesListArguments, PricesShowArguments,
};
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use seatrial_cost::Class;
use seatrial_cost::prices::{BookComparison, Circumstances, Entry, Match, Moment, Rate, compare};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Classes that a list has columns for.
const COLUMNS: [Class; 4] = [
    Class::InputUncached,
    Class::OutputVisible,
    Class::CacheRead,
    Class::CacheWrite5m,
];

fn standard(entry: &Entry, class: Class, on: Moment) -> Option<Rate> {
    let circumstances = Circumstances {
        moment: Some(on),
        ..Circumstances::default()
    };
    entry.sheet.rate(class, 0, &circumstances)
}

fn usd(rate: Option<Rate>) -> String {
    rate.map_or_else(|| "–".to_owned(), |rate| rate.usd_per_million().to_string())
}

fn usd_json(rate: Option<Rate>) -> Value {
    json!(rate.map(Rate::usd_per_million))
}

/// Ids, by `provider/model`, about which two of the sources disagree.
fn disputed(sources: &[Loaded], on: Moment) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for (place, a) in sources.iter().enumerate() {
        for b in sources.iter().skip(place + 1) {
            for found in compare(&a.book, &b.book, on).disagreeing() {
                ids.insert(id_of(found.a));
            }
        }
    }
    ids
}

fn id_of(entry: &Entry) -> String {
    format!("{}/{}", entry.provider, entry.model)
}

fn source_json(loaded: &Loaded) -> Value {
    json!({"source": loaded.book.source, "from": loaded.from, "as_of": loaded.book.as_of,
           "models": loaded.book.entries().len(), "hidden": loaded.book.hidden()})
}

fn source_text(loaded: &Loaded) -> String {
    let as_of = loaded.book.as_of.as_deref().unwrap_or("of unknown date");
    format!(
        "{}  {as_of}  {} models  {}\n",
        loaded.book.source,
        loaded.book.entries().len(),
        loaded.from
    )
}

pub(super) fn list(arguments: &PricesListArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let sources = load(&arguments.books)?;
    let on = moment_or_now(arguments.at.as_deref())?;
    let disputed = disputed(&sources, on);
    let wanted = arguments.filter.as_deref().map(str::to_lowercase);
    let mut text: String = sources.iter().map(source_text).collect();
    let _ = writeln!(
        text,
        "\nUSD per million tokens: input  output  cache read  cache write"
    );
    let mut models = Vec::new();
    for loaded in &sources {
        for entry in loaded.book.entries() {
            let id = id_of(entry);
            if wanted
                .as_ref()
                .is_some_and(|wanted| !id.to_lowercase().contains(wanted))
            {
                continue;
            }
            let rates = COLUMNS.map(|class| standard(entry, class, on));
            let is_disputed = disputed.contains(&id);
            let columns = rates.map(usd).join("  ");
            let mark = if is_disputed { "  ≠ sources disagree" } else { "" };
            let notes: String = entry.notes.iter().map(|note| format!("  ({note})")).collect();
            let _ = writeln!(text, "{id}  {columns}  [{}]{mark}{notes}", loaded.book.source);
            models.push(json!({
                "provider": entry.provider, "model": entry.model, "source": loaded.book.source, "key": entry.key,
                "as_of": loaded.book.as_of,
                "input_usd_per_mtok": usd_json(rates[0]), "output_usd_per_mtok": usd_json(rates[1]),
                "cache_read_usd_per_mtok": usd_json(rates[2]), "cache_write_usd_per_mtok": usd_json(rates[3]),
                "disagrees": is_disputed, "notes": entry.notes,
            }));
        }
    }
    let named: Vec<Value> = sources.iter().map(source_json).collect();
    Figures {
        schema: "seatrial.cost.prices.list/1",
        text,
        warnings: Vec::new(),
        fields: json!({"at": on.date(), "sources": named, "models": models}),
    }
    .deliver(arguments.output.json.as_deref())
}

pub(super) fn show(arguments: &PricesShowArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let sources = load(&arguments.books)?;
    let on = moment_or_now(arguments.at.as_deref())?;
    let mut text = String::new();
    let mut entries = Vec::new();
    let mut found: Vec<&Entry> = Vec::new();
    let mut reasons = Vec::new();
    for loaded in &sources {
        let wanted = arguments.model.as_str();
        let entry = match loaded.book.find(None, wanted) {
            Err(error) => match wanted.split_once('/') {
                Some((provider, model)) => loaded.book.find(Some(provider), model),
                None => Err(error),
            },
            found => found,
        };
        match entry {
            Ok(entry) => {
                text.push_str(&entry_text(loaded, entry));
                entries.push(entry_json(loaded, entry));
                found.push(entry);
            }
            Err(error) => reasons.push(format!("{}: {error}", loaded.book.source)),
        }
    }
    if found.is_empty() {
        return Err(CliError::usage(reasons.join("; ")).hint("find its name: seatrial cost prices list TEXT"));
    }
    let differ: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|class| {
            let rates: BTreeSet<Rate> = found
                .iter()
                .filter_map(|entry| standard(entry, *class, on))
                .collect();
            rates.len() > 1
        })
        .map(Class::as_str)
        .collect();
    let mut warnings = Vec::new();
    if !differ.is_empty() {
        warnings.push(format!("the sources disagree about {}", differ.join(", ")));
    }
    Figures {
        schema: "seatrial.cost.prices.show/1",
        text,
        warnings,
        fields: json!({"at": on.date(), "model": arguments.model, "entries": entries, "disagree_about": differ,
                       "missing_in": reasons}),
    }
    .deliver(arguments.output.json.as_deref())
}

fn entry_text(loaded: &Loaded, entry: &Entry) -> String {
    let as_of = loaded.book.as_of.as_deref().unwrap_or("of unknown date");
    let mut text = format!(
        "{}  [{}:{}, {as_of}]\n",
        id_of(entry),
        loaded.book.source,
        entry.key
    );
    for meter in entry.sheet.meters() {
        let when = meter.when.to_string();
        let when = if when.is_empty() {
            String::new()
        } else {
            format!("  when {when}")
        };
        let _ = writeln!(
            text,
            "  {:<18} {:>12} USD per million{when}",
            meter.class.as_str(),
            meter.rate.usd_per_million()
        );
    }
    for factor in entry.sheet.factors() {
        let _ = writeln!(text, "  × {}  {}", factor.factor, factor.name);
    }
    for (unit, rate) in entry.sheet.units() {
        let _ = writeln!(text, "  {unit}: {} USD per million", rate.usd_per_million());
    }
    for (tool, rate) in entry.sheet.tools() {
        let _ = writeln!(
            text,
            "  tool {tool}: {} USD per million uses",
            rate.usd_per_million()
        );
    }
    for beside in &entry.beside {
        let _ = writeln!(text, "  not applied to tokens: {beside}");
    }
    for note in &entry.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

fn entry_json(loaded: &Loaded, entry: &Entry) -> Value {
    let meters: Vec<Value> = entry
        .sheet
        .meters()
        .iter()
        .map(|meter| {
            json!({"class": meter.class.as_str(), "usd_per_million": meter.rate.usd_per_million(),
                   "tier": meter.when.tier, "region": meter.when.region, "above_input_tokens": meter.when.above_input,
                   "from": meter.when.from.map(Moment::date), "until": meter.when.until.map(Moment::date),
                   "in_certain_hours": !meter.when.windows.is_empty()})
        })
        .collect();
    let factors: Vec<Value> = entry
        .sheet
        .factors()
        .iter()
        .map(|factor| json!({"name": factor.name, "factor": factor.factor.to_string()}))
        .collect();
    let units: Vec<Value> = entry
        .sheet
        .units()
        .iter()
        .map(|(name, rate)| json!({"name": name, "usd_per_million": rate.usd_per_million()}))
        .collect();
    json!({"provider": entry.provider, "model": entry.model, "source": loaded.book.source, "key": entry.key,
           "as_of": loaded.book.as_of, "meters": meters, "units": units, "factors": factors, "not_applied": entry.beside, "notes": entry.notes})
}

pub(super) fn diff(arguments: &PricesDiffArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let store = &arguments.store.store;
    let (a, b) = (load_one(&arguments.a, store)?, load_one(&arguments.b, store)?);
    let on = moment_or_now(arguments.at.as_deref())?;
    let found = compare(&a.book, &b.book, on);
    let disagreeing: Vec<&Match<'_>> = found.disagreeing().collect();
    let one_sided = found
        .matched
        .iter()
        .filter(|found| !found.one_sided.is_empty())
        .count();
    let mut text = source_text(&a) + &source_text(&b);
    let _ = writeln!(
        text,
        "\nUSD per million tokens on {}: {} against {}",
        on.date(),
        a.book.source,
        b.book.source
    );
    for found in &disagreeing {
        let _ = writeln!(text, "{}", id_of(found.a));
        for differ in &found.differ {
            let above = if differ.is_above_cliffs {
                "  (long prompts)"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  {:<18} {} ≠ {}{above}",
                differ.class.as_str(),
                usd(differ.a),
                usd(differ.b)
            );
        }
    }
    let _ = writeln!(text, "{}", summary(&found, disagreeing.len(), one_sided));
    let models: Vec<Value> = found.matched.iter().map(match_json).collect();
    let matched = found.matched.len();
    #[expect(clippy::cast_precision_loss, reason = "counts of models")]
    let share = (matched > 0).then(|| disagreeing.len() as f64 / matched as f64);
    Figures {
        schema: "seatrial.cost.prices.diff/1",
        text,
        warnings: Vec::new(),
        fields: json!({"at": on.date(), "a": source_json(&a), "b": source_json(&b), "matched": matched,
                       "disagreeing": disagreeing.len(), "share_disagreeing": share, "one_sided": one_sided,
                       "only_a": found.only_a, "only_b": found.only_b, "models": models}),
    }
    .deliver(arguments.output.json.as_deref())
}

fn summary(found: &BookComparison<'_>, disagreeing: usize, one_sided: usize) -> String {
    let matched = found.matched.len();
    #[expect(clippy::cast_precision_loss, reason = "counts of models")]
    let per_cent = 100.0 * disagreeing as f64 / matched.max(1) as f64;
    format!(
        "{matched} models in both, {disagreeing} ({per_cent:.1} %) priced differently, {one_sided} with a price that only one \
         has; {} only in the first, {} only in the second",
        found.only_a, found.only_b
    )
}

fn match_json(found: &Match<'_>) -> Value {
    let differ: Vec<Value> = found
        .differ
        .iter()
        .map(|differ| {
            json!({"class": differ.class.as_str(), "is_above_cliffs": differ.is_above_cliffs,
                   "a_usd_per_mtok": usd_json(differ.a), "b_usd_per_mtok": usd_json(differ.b)})
        })
        .collect();
    let one_sided: Vec<&str> = found.one_sided.iter().map(|class| class.as_str()).collect();
    json!({"provider": found.a.provider, "model": found.a.model, "a_key": found.a.key, "b_key": found.b.key,
           "disagrees": !differ.is_empty(), "differ": differ, "one_sided": one_sided})
}

pub(super) fn import(arguments: &PricesImportArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let table = Table::parse(&arguments.name)?;
    let as_of = moment_or_now(arguments.as_of.as_deref())?.date();
    let text = text_of(&arguments.from, arguments.ca_file.as_deref())?;
    let book = table.read(&text).map_err(|error| {
        CliError::usage(format!(
            "{} is not the table {}: {error}",
            arguments.from,
            table.name()
        ))
    })?;
    let path = keep_copy(table, &text, &arguments.from, &as_of, &arguments.store.store)?;
    let models = book.entries().len();
    Figures {
        schema: "seatrial.cost.prices.import/1",
        text: format!("{}  {as_of}  {models} models  {}\n", table.name(), path.display()),
        warnings: Vec::new(),
        fields: json!({"source": table.name(), "from": arguments.from, "as_of": as_of, "models": models,
                       "path": path.display().to_string()}),
    }
    .deliver(arguments.output.json.as_deref())
}
