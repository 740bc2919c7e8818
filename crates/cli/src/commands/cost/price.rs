//! `seatrial cost price`: usage as APIs reported it, priced line by line and in total. Streams, so that memory does not
//! depend on the number of lines.

use super::{moment, tables};
use crate::args::cost::PriceArguments;
use crate::commands::figures::check_output;
use crate::error::CliError;
use crate::output;
use seatrial_cost::rows::{PricedRow, Pricer, UsageRow};
use seatrial_cost::{Class, Counts};
use seatrial_types::{ExitCode, Money, TOOL_VERSION};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Longest line.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes that are read and written at once.
const BUFFER_BYTES: usize = 1 << 20;
/// Different reasons for an unknown price that are counted apart.
const REASONS_MAX: usize = 100;
/// Name of the schema.
const SCHEMA: &str = "seatrial.cost.price/1";

pub(super) fn price(arguments: &PriceArguments) -> Result<ExitCode, CliError> {
    check_output(arguments.output.json.as_deref())?;
    let books = tables::load_books(&arguments.books)?;
    let mut pricer = Pricer::new(&books, moment(arguments.at.as_deref())?);
    let lines = open(&arguments.usage)?;
    let mut totals = Totals::default();
    match arguments.output.json.as_deref() {
        None => {
            each_row(lines, &arguments.usage, &mut pricer, &mut totals, |_, _, _, _| {
                Ok(())
            })?;
            output::stdout(&totals.text(&pricer))?;
        }
        Some(path) if output::is_stdout(path) => {
            let mut out = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
            write_all(&mut out, lines, &arguments.usage, &mut pricer, &mut totals)?;
            drop(out);
            output::stderr(&totals.text(&pricer));
        }
        Some(path) => {
            let mut result = Ok(());
            let written = output::replace(path, |file| {
                let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
                result = write_all(&mut out, lines, &arguments.usage, &mut pricer, &mut totals);
                // An incomplete file must not take the place of another.
                match &result {
                    Ok(()) => out.flush(),
                    Err(_) => Err(std::io::Error::other("incomplete")),
                }
            });
            result?;
            written.map_err(|error| {
                CliError::infrastructure(format!("failed to write {}: {error}", path.display()))
            })?;
            output::stdout(&totals.text(&pricer))?;
        }
    }
    for warning in totals.warnings() {
        output::stderr(&format!("warning: {warning}\n"));
    }
    Ok(ExitCode::Pass)
}

type Lines = Box<dyn BufRead>;

fn open(path: &Path) -> Result<Lines, CliError> {
    if output::is_stdout(path) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, std::io::stdin())));
    }
    let file = std::fs::File::open(path)
        .map_err(|error| CliError::usage(format!("failed to read {}: {error}", path.display())))?;
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
}

/// The whole result: rows first, because totals are known at the end.
fn write_all(
    out: &mut impl Write,
    lines: Lines,
    path: &Path,
    pricer: &mut Pricer<'_>,
    totals: &mut Totals,
) -> Result<(), CliError> {
    let failed =
        |error: std::io::Error| CliError::infrastructure(format!("failed to write the result: {error}"));
    write!(
        out,
        "{{\"schema\":\"{SCHEMA}\",\"tool_version\":\"{TOOL_VERSION}\",\"rows\":["
    )
    .map_err(failed)?;
    let mut buffer = Vec::new();
    let mut named: Vec<String> = Vec::new();
    each_row(lines, path, pricer, totals, |line, row, priced, pricer| {
        buffer.clear();
        buffer.extend_from_slice(if line == 1 { b"\n" } else { b",\n" });
        for asked in pricer.models().iter().skip(named.len()) {
            let name = asked.found.as_ref().ok().map(|(_, name)| json!(name).to_string());
            named.push(name.unwrap_or_else(|| "null".to_owned()));
        }
        let by = priced.model.and_then(|place| named.get(place));
        write_row(&mut buffer, line, row, priced, by.map_or("null", String::as_str)).map_err(failed)?;
        out.write_all(&buffer).map_err(failed)
    })?;
    let rest = json!({"totals": totals.json(pricer), "warnings": totals.warnings(), "exit_code": ExitCode::Pass.code()});
    let rest = rest.to_string();
    writeln!(out, "\n],{}", rest.get(1..).unwrap_or("}")).map_err(failed)?;
    out.flush().map_err(failed)
}

fn write_row(
    buffer: &mut Vec<u8>,
    line: usize,
    row: &UsageRow<'_>,
    priced: &PricedRow,
    priced_by: &str,
) -> std::io::Result<()> {
    buffer.extend_from_slice(b"{\"id\":");
    match row.id {
        Some(id) => buffer.extend_from_slice(id.get().as_bytes()),
        None => write!(buffer, "{line}")?,
    }
    buffer.extend_from_slice(b",\"cost_usd\":");
    match &priced.cost {
        Ok(cost) => write!(buffer, "{cost}")?,
        Err(_) => buffer.extend_from_slice(b"null"),
    }
    buffer.extend_from_slice(b",\"classes\":");
    match &priced.counts {
        Some(counts) => write_counts(buffer, counts)?,
        None => buffer.extend_from_slice(b"null"),
    }
    buffer.extend_from_slice(b",\"priced_by\":");
    match &priced.cost {
        Ok(_) => buffer.extend_from_slice(priced_by.as_bytes()),
        Err(why) => write!(buffer, "null,\"unknown\":{}", json!(&**why))?,
    }
    buffer.push(b'}');
    Ok(())
}

/// The classes that every answer has, and those that this one has beside them.
fn write_counts(buffer: &mut Vec<u8>, counts: &Counts) -> std::io::Result<()> {
    let mut comma = b'{';
    for (class, count) in counts.iter().filter(|told| is_told(*told)) {
        buffer.push(comma);
        comma = b',';
        buffer.push(b'"');
        buffer.extend_from_slice(class.as_str().as_bytes());
        write!(buffer, "\":{count}")?;
    }
    buffer.push(b'}');
    Ok(())
}

fn is_told((class, count): (Class, u64)) -> bool {
    count > 0 && class != Class::Requests || Class::ALWAYS_TOLD.contains(&class)
}

/// Prices every line, in order; the first broken line ends it.
fn each_row<'b>(
    mut lines: Lines,
    path: &Path,
    pricer: &mut Pricer<'b>,
    totals: &mut Totals,
    mut take: impl FnMut(usize, &UsageRow<'_>, &PricedRow, &Pricer<'b>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut line = Vec::new();
    let mut number = 0;
    let mut rows = 0;
    loop {
        line.clear();
        let wrong = |number: usize, why: &dyn std::fmt::Display| {
            CliError::usage(format!("{}:{number}: {why}", path.display()))
        };
        let mut limited = std::io::Read::take(&mut lines, LINE_BYTES_MAX as u64 + 1);
        let read = limited
            .read_until(b'\n', &mut line)
            .map_err(|error| wrong(number + 1, &error))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        if line.len() > LINE_BYTES_MAX {
            return Err(wrong(
                number,
                &format!("the line is longer than {} MiB", LINE_BYTES_MAX >> 20),
            ));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row = UsageRow::read(&line).map_err(|error| {
            // The place within the line is the column; serde counts lines of its own.
            let problem = error.to_string();
            let problem = problem.split(" at line ").next().unwrap_or_default();
            CliError::usage(format!(
                "{}:{number}:{}: {problem}",
                path.display(),
                error.column()
            ))
            .hint("a line is {\"id\": …, \"provider\": …, \"model\": …, \"at\": …, \"usage\": {…}}")
        })?;
        rows += 1;
        let priced = pricer.price(&row);
        totals.add(&priced);
        take(rows, &row, &priced, pricer)?;
    }
}

/// Sums over rows.
#[derive(Debug, Default, Clone)]
struct Sum {
    rows: u64,
    unknown: u64,
    known: Money,
    counts: Counts,
}

impl Sum {
    fn add(&mut self, priced: &PricedRow) {
        self.rows += 1;
        match &priced.cost {
            Ok(cost) => self.known = self.known.saturating_add(*cost),
            Err(_) => self.unknown += 1,
        }
        if let Some(counts) = &priced.counts {
            self.counts.add(counts);
        }
    }

    /// Unknown as soon as one price is.
    fn cost(&self) -> Option<Money> {
        (self.unknown == 0).then_some(self.known)
    }

    fn json(&self) -> Value {
        let classes: serde_json::Map<String, Value> = self
            .counts
            .iter()
            .filter(|told| is_told(*told))
            .map(|(class, count)| (class.as_str().to_owned(), json!(count)))
            .collect();
        json!({"rows": self.rows, "unknown": self.unknown, "cost_usd": self.cost(), "known_cost_usd": self.known, "classes": classes})
    }
}

#[derive(Debug, Default)]
struct Totals {
    all: Sum,
    models: Vec<Sum>,
    reasons: BTreeMap<Arc<str>, u64>,
}

impl Totals {
    fn add(&mut self, priced: &PricedRow) {
        self.all.add(priced);
        if let Some(place) = priced.model {
            if self.models.len() <= place {
                self.models.resize(place + 1, Sum::default());
            }
            if let Some(sum) = self.models.get_mut(place) {
                sum.add(priced);
            }
        }
        if let Err(why) = &priced.cost
            && (self.reasons.len() < REASONS_MAX || self.reasons.contains_key(why))
        {
            *self.reasons.entry(Arc::clone(why)).or_default() += 1;
        }
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.all.rows == 0 {
            warnings.push("the file has no rows".to_owned());
        } else if self.all.unknown == self.all.rows {
            warnings.push(format!("none of the {} rows has a known price", self.all.rows));
        } else if self.all.unknown > 0 {
            warnings.push(format!(
                "{} of {} rows have no known price, so the total is unknown",
                self.all.unknown, self.all.rows
            ));
        }
        warnings
    }

    fn json(&self, pricer: &Pricer<'_>) -> Value {
        let mut all = self.all.json();
        let models: Vec<Value> = self
            .models
            .iter()
            .zip(pricer.models())
            .map(|(sum, asked)| {
                let mut told = sum.json();
                told["provider"] = if asked.provider.is_empty() {
                    Value::Null
                } else {
                    json!(asked.provider)
                };
                told["model"] = json!(asked.model);
                told["priced_by"] = json!(asked.found.as_ref().ok().map(|(_, name)| name));
                told
            })
            .collect();
        let reasons: Vec<Value> = self
            .reasons
            .iter()
            .map(|(why, rows)| json!({"why": &**why, "rows": rows}))
            .collect();
        all["by_model"] = json!(models);
        all["unknown_because"] = json!(reasons);
        all
    }

    fn text(&self, pricer: &Pricer<'_>) -> String {
        let mut text = String::new();
        let shown = |sum: &Sum| match sum.cost() {
            Some(cost) => format!("${cost}"),
            None => format!("unknown (${} without {} rows)", sum.known, sum.unknown),
        };
        for (sum, asked) in self.models.iter().zip(pricer.models()) {
            let by = asked
                .found
                .as_ref()
                .map_or_else(ToString::to_string, |(_, name)| name.clone());
            let slash = if asked.provider.is_empty() { "" } else { "/" };
            let _ = writeln!(
                text,
                "{}{slash}{}  {} rows  {} in  {} out  {}  [{by}]",
                asked.provider,
                asked.model,
                sum.rows,
                sum.counts.input_total(),
                sum.counts.output_total(),
                shown(sum),
            );
        }
        for (why, rows) in &self.reasons {
            let _ = writeln!(text, "unknown: {why}  ({rows} rows)");
        }
        let _ = writeln!(
            text,
            "total  {} rows  {} in  {} out  {}",
            self.all.rows,
            self.all.counts.input_total(),
            self.all.counts.output_total(),
            shown(&self.all)
        );
        text
    }
}
