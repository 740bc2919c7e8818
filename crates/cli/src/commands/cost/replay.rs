//! `seatrial cost replay` and `cost focus`: recorded usage under other prices, and as charges in the columns of FOCUS.

use super::moment_or_now;
use super::tables::load;
use crate::args::cost::{FocusArguments, ReplayArguments, UsageSource};
use crate::commands::figures::{Figures, check_output};
use crate::error::CliError;
use crate::record;
use crate::scored;
use crate::session::store_error;
use seatrial_cost::focus::{COLUMNS, ChargeError, Charges};
use seatrial_cost::prices::{Book, Circumstances, Entry, Moment, tier_name};
use seatrial_cost::replay::Changes;
use seatrial_cost::rows::UsageRow;
use seatrial_cost::{Class, Counts, Fraction};
use seatrial_store::Events;
use seatrial_types::{ExitCode, Money, Usage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::Path;

/// Longest line of a usage file.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// When answers of the past are taken to be given.
#[derive(Clone, Copy)]
enum When {
    /// When they were.
    AsItWas,
    /// At their time of the day on another day.
    OnDay(Moment),
    /// All at one moment.
    At(Moment),
}

impl When {
    fn of(self, given: Option<Moment>) -> Option<Moment> {
        match self {
            Self::AsItWas => given,
            Self::OnDay(day) => Some(given.map_or(day, |given| given.on_the_day_of(day))),
            Self::At(moment) => Some(moment),
        }
    }
}

/// One answer of the past.
struct Event {
    provider: Option<String>,
    model: String,
    counts: Result<Counts, String>,
    at: Option<Moment>,
    tier: Option<String>,
    region: Option<String>,
    /// What it cost then; `None` where nobody says.
    cost: Option<Money>,
}

pub(super) fn replay(arguments: &ReplayArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let books: Vec<Book> = load(&arguments.books)?
        .into_iter()
        .map(|loaded| loaded.book)
        .collect();
    let changes = Changes {
        cached_share: share("--cached-share", arguments.cached_share.as_deref())?,
        batch_share: share("--batch-share", arguments.batch_share.as_deref())?,
    };
    let at = match arguments.at.as_deref() {
        None => When::AsItWas,
        // A date alone leaves the time of the day, which prices by the hour depend on.
        Some(text) if text.trim().contains(['T', 't', ' ']) => When::At(moment_or_now(Some(text))?),
        Some(text) => When::OnDay(moment_or_now(Some(text))?),
    };
    let is_file = arguments.source.usage.is_some();
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    each_event(&arguments.source, &arguments.books.store.store, &mut |event| {
        let sum = sums
            .entry((event.provider.clone().unwrap_or_default(), event.model.clone()))
            .or_default();
        // Nobody recorded what answers of a file cost: it is what they cost by the same prices without the changes.
        let before = match event.cost {
            None if is_file => repriced(event, &books, &Changes::default(), None, When::AsItWas).ok(),
            recorded => recorded,
        };
        let after = repriced(event, &books, &changes, arguments.model.as_deref(), at);
        sum.add(before, after);
        Ok(())
    })?;
    let mut text = String::new();
    let mut models = Vec::new();
    let mut all = Sum::default();
    for ((provider, model), sum) in &sums {
        let slash = if provider.is_empty() { "" } else { "/" };
        let _ = writeln!(text, "{provider}{slash}{model}  {}", sum.text());
        let mut told = sum.json();
        told["provider"] = json!(provider);
        told["model"] = json!(model);
        models.push(told);
        all.merge(sum);
    }
    let _ = writeln!(text, "total  {}", all.text());
    let mut warnings: Vec<String> = all
        .reasons
        .iter()
        .map(|(why, count)| format!("{count} answers have no price: {why}"))
        .collect();
    if all.answers == 0 {
        warnings.push("there are no answers".to_owned());
    }
    Figures {
        schema: "seatrial.cost.replay/1",
        text,
        warnings,
        fields: json!({"as_model": arguments.model, "cached_share": changes.cached_share.map(|share| share.to_string()),
            "batch_share": changes.batch_share.map(|share| share.to_string()), "models": models, "totals": all.json()}),
    }
    .deliver(arguments.output.json.as_deref())
}

fn share(name: &str, text: Option<&str>) -> Result<Option<Fraction>, CliError> {
    let Some(text) = text else { return Ok(None) };
    let share = Fraction::parse(text).map_err(|error| CliError::usage(format!("{name}: {error}")))?;
    if share.complement().is_none() {
        return Err(CliError::usage(format!(
            "{name} is {text}, expected a share from 0 to 1"
        )));
    }
    Ok(Some(share))
}

/// Sums of one model, or of all.
#[derive(Default)]
struct Sum {
    answers: u64,
    /// What was paid; unknown as soon as one price is.
    before: Money,
    before_unknown: u64,
    after: Money,
    after_unknown: u64,
    reasons: BTreeMap<String, u64>,
}

impl Sum {
    fn add(&mut self, before: Option<Money>, after: Result<Money, String>) {
        self.answers += 1;
        match before {
            Some(cost) => self.before = self.before.saturating_add(cost),
            None => self.before_unknown += 1,
        }
        match after {
            Ok(cost) => self.after = self.after.saturating_add(cost),
            Err(why) => {
                self.after_unknown += 1;
                *self.reasons.entry(why).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.answers += other.answers;
        self.before = self.before.saturating_add(other.before);
        self.before_unknown += other.before_unknown;
        self.after = self.after.saturating_add(other.after);
        self.after_unknown += other.after_unknown;
        for (why, count) in &other.reasons {
            *self.reasons.entry(why.clone()).or_default() += count;
        }
    }

    fn before(&self) -> Option<Money> {
        (self.before_unknown == 0).then_some(self.before)
    }

    fn after(&self) -> Option<Money> {
        (self.after_unknown == 0).then_some(self.after)
    }

    fn factor(&self) -> Option<f64> {
        let (before, after) = self.before().zip(self.after())?;
        (before > Money::ZERO).then(|| after.to_usd_f64() / before.to_usd_f64())
    }

    fn text(&self) -> String {
        let shown =
            |cost: Option<Money>| cost.map_or_else(|| "unknown".to_owned(), |cost| format!("${cost}"));
        let factor = self
            .factor()
            .map_or_else(String::new, |factor| format!("  × {factor:.3}"));
        format!(
            "{} answers  {} → {}{factor}",
            self.answers,
            shown(self.before()),
            shown(self.after())
        )
    }

    fn json(&self) -> Value {
        json!({"answers": self.answers, "recorded_cost_usd": self.before(), "cost_usd": self.after(),
               "unknown": self.after_unknown, "factor": self.factor()})
    }
}

fn find<'b>(books: &'b [Book], provider: Option<&str>, model: &str) -> Result<&'b Entry, String> {
    let mut first = None;
    for book in books {
        match book.find(provider, model) {
            Ok(entry) => return Ok(entry),
            Err(error) => {
                first.get_or_insert_with(|| error.to_string());
            }
        }
    }
    Err(first.unwrap_or_else(|| "there are no prices".to_owned()))
}

fn repriced(
    event: &Event,
    books: &[Book],
    changes: &Changes,
    model: Option<&str>,
    at: When,
) -> Result<Money, String> {
    let entry = match model.and_then(|model| model.split_once('/')) {
        Some((provider, model)) => find(books, Some(provider), model)?,
        None => find(books, event.provider.as_deref(), model.unwrap_or(&event.model))?,
    };
    let counts = event.counts.as_ref().map_err(Clone::clone)?;
    let circumstances = Circumstances {
        tier: event.tier.as_deref(),
        region: event.region.as_deref(),
        moment: at.of(event.at),
        tools: &[],
        units: &[],
    };
    changes
        .price(entry, counts, &circumstances)
        .map_err(|why| why.to_string())
}

pub(super) fn focus(arguments: &FocusArguments) -> Result<ExitCode, CliError> {
    check_output(Some(&arguments.csv))?;
    let loaded = load(&arguments.books)?;
    let names: Vec<&str> = loaded.iter().map(|loaded| loaded.book.source.as_str()).collect();
    let mut charges = Charges::new(names.join(", "));
    let books: Vec<Book> = loaded.iter().map(|loaded| loaded.book.clone()).collect();
    let (mut answers, mut left_out) = (0_u64, 0_u64);
    each_event(&arguments.source, &arguments.books.store.store, &mut |event| {
        answers += 1;
        let (Some(at), Ok(counts), Ok(entry)) = (
            event.at,
            &event.counts,
            find(&books, event.provider.as_deref(), &event.model),
        ) else {
            left_out += 1;
            return Ok(());
        };
        let circumstances = Circumstances {
            tier: event.tier.as_deref(),
            region: event.region.as_deref(),
            moment: Some(at),
            tools: &[],
            units: &[],
        };
        match charges.add(&at.date(), entry, counts, &circumstances) {
            Ok(()) => Ok(()),
            Err(ChargeError::Unpriced) => {
                left_out += 1;
                Ok(())
            }
            Err(error @ ChargeError::TooMany) => Err(CliError::usage(error)),
        }
    })?;
    let rows = charges.rows();
    write_csv(&arguments.csv, &rows)?;
    if left_out > 0 {
        crate::output::stderr(&format!(
            "warning: {left_out} of {answers} answers have no known price, day or usage and are left out\n"
        ));
    }
    Ok(ExitCode::Pass)
}

fn write_csv(path: &Path, rows: &[[String; COLUMNS.len()]]) -> Result<(), CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed =
        |error: csv::Error| CliError::infrastructure(format!("failed to write the charges: {error}"));
    writer.write_record(COLUMNS).map_err(failed)?;
    for row in rows {
        writer.write_record(row).map_err(failed)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| CliError::infrastructure(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(CliError::infrastructure)?;
    if crate::output::is_stdout(path) {
        crate::output::stdout(&text)
    } else {
        crate::output::write_whole(path, &text)
    }
}

type Take<'a> = &'a mut dyn FnMut(&Event) -> Result<(), CliError>;

/// Every answer of the runs or of the usage file.
fn each_event(source: &UsageSource, store: &Path, take: Take<'_>) -> Result<(), CliError> {
    match &source.usage {
        Some(path) => each_row(path, take),
        None => source
            .runs
            .iter()
            .try_for_each(|run| each_sample(run, store, take)),
    }
}

fn each_row(path: &Path, take: Take<'_>) -> Result<(), CliError> {
    let file = std::fs::File::open(path)
        .map_err(|error| CliError::usage(format!("failed to read {}: {error}", path.display())))?;
    let mut lines = std::io::BufReader::new(file);
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        let wrong =
            |why: &dyn std::fmt::Display| CliError::usage(format!("{}:{number}: {why}", path.display()));
        let mut limited = std::io::Read::take(&mut lines, LINE_BYTES_MAX as u64 + 1);
        if limited
            .read_until(b'\n', &mut line)
            .map_err(|error| wrong(&error))?
            == 0
        {
            break;
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(wrong(&"the line is too long"));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row = UsageRow::read(&line).map_err(|error| wrong(&error))?;
        take(&event_of(&row))?;
    }
    Ok(())
}

fn event_of(row: &UsageRow<'_>) -> Event {
    let provider = row.provider.as_ref().map(|text| text.0.to_string());
    let usage = row.usage.as_ref();
    let is_anthropic = provider
        .as_deref()
        .is_some_and(|name| name.eq_ignore_ascii_case("anthropic"));
    let counted = usage.map(|usage| usage.count(is_anthropic));
    let at = row.at.as_ref().map(|at| (at, Moment::parse(&at.0)));
    let served = |served: Option<&str>, asked: Option<&str>| served.or(asked).map(str::to_owned);
    let asked = |text: &Option<seatrial_cost::rows::Text<'_>>| text.as_ref().map(|text| text.0.to_string());
    let tier = served(
        usage.and_then(|usage| usage.served_tier()),
        asked(&row.tier).as_deref(),
    );
    Event {
        model: row
            .model
            .as_ref()
            .map(|text| text.0.to_string())
            .unwrap_or_default(),
        counts: match (&at, counted) {
            (Some((at, None)), _) => Err(format!(
                "`at` is `{}`, expected a time such as 2026-01-31T12:00:00Z",
                at.0
            )),
            (_, Some(Ok(counted))) => Ok(counted.counts),
            (_, Some(Err(error))) => Err(error.to_string()),
            (_, None) => Err("the row has no `usage`".to_owned()),
        },
        at: at.and_then(|(_, moment)| moment),
        tier: tier.as_deref().and_then(tier_name),
        region: served(
            usage.and_then(|usage| usage.served_region()),
            asked(&row.region).as_deref(),
        ),
        cost: None,
        provider,
    }
}

fn each_sample(run: &str, store: &Path, take: Take<'_>) -> Result<(), CliError> {
    let store = record::open(store)?;
    let row = record::find_run(&store, run)?;
    let targets: Vec<(Option<String>, String)> = scored::of_run(&store, &row, None)?
        .iter()
        .map(|run| {
            let field = |name: &str| {
                run.subject
                    .fields
                    .get(name)
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            };
            let name = run.target.clone().unwrap_or_default();
            (field("provider"), field("model").unwrap_or(name))
        })
        .collect();
    let at = Moment::parse(&row.header.started_at);
    let mut result = Ok(());
    let mut each = |sample: seatrial_types::SampleFigures| {
        let Some((provider, model)) = targets.get(usize::from(sample.key.target)) else {
            return ControlFlow::Continue(());
        };
        if sample.error.is_some() {
            return ControlFlow::Continue(());
        }
        let event = Event {
            provider: provider.clone(),
            model: model.clone(),
            counts: counts_of(&sample.usage),
            at,
            tier: None,
            region: None,
            cost: sample.cost,
        };
        result = take(&event);
        if result.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    store
        .for_each_figures(&row.header.id, &mut each)
        .map_err(store_error)?;
    result
}

/// Classes of recorded usage; what was written to the cache was written for the short time unless the API told.
fn counts_of(usage: &Usage) -> Result<Counts, String> {
    if usage.input_tokens.is_none() || usage.output_tokens.is_none() {
        return Err("the answer did not say how many tokens it took".to_owned());
    }
    let classes = usage.classes();
    Ok(Counts::default()
        .with(Class::InputUncached, classes.input_uncached.unwrap_or(0))
        .with(Class::CacheRead, classes.cache_read.unwrap_or(0))
        .with(Class::CacheWrite5m, classes.cache_write.unwrap_or(0))
        .with(Class::CacheWrite1h, classes.cache_write_1h.unwrap_or(0))
        .with(Class::OutputVisible, classes.output_visible.unwrap_or(0))
        .with(Class::Reasoning, classes.reasoning.unwrap_or(0))
        .with(Class::Requests, 1))
}
