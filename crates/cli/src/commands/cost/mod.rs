//! `seatrial cost`: prices, usage, and what follows from them. The rules are in the crate `cost`; here are files, arguments
//! and words.

mod document;
mod measured;
mod measured_load;
mod of_run;
mod pareto;
mod plots;
mod price;
mod prices;
mod replay;
mod risk;
mod roi;
pub(crate) mod tables;
mod tco;

use crate::args::cost::{CostCommand, PricesCommand};
use crate::error::CliError;
use seatrial_cost::prices::Moment;
use seatrial_types::ExitCode;

pub(crate) fn cost(command: &CostCommand) -> Result<ExitCode, CliError> {
    match command {
        CostCommand::Price(arguments) => price::price(arguments),
        CostCommand::Pareto(arguments) => pareto::pareto(arguments),
        CostCommand::Run(arguments) => of_run::run(arguments),
        CostCommand::Replay(arguments) => replay::replay(arguments),
        CostCommand::Focus(arguments) => replay::focus(arguments),
        CostCommand::Tco(arguments) => tco::tco(arguments),
        CostCommand::Roi(arguments) => roi::roi(arguments),
        CostCommand::Risk(arguments) => risk::risk(arguments),
        CostCommand::Prices { command } => match command {
            PricesCommand::List(arguments) => prices::list(arguments),
            PricesCommand::Show(arguments) => prices::show(arguments),
            PricesCommand::Diff(arguments) => prices::diff(arguments),
            PricesCommand::Import(arguments) => prices::import(arguments),
        },
    }
}

/// Returns of the tiers of the demonstration, on what its run measured, as people read them.
pub(crate) fn demo_returns(
    document: &str,
    path: &std::path::Path,
    store: &std::path::Path,
) -> Result<String, CliError> {
    document::read_text_document(document, path, |document| {
        let mut document = document.clone();
        let folder = path.parent().unwrap_or_else(|| std::path::Path::new(""));
        let problems = measured::fill_in(&mut document, measured::Sources { store, folder });
        if !problems.is_empty() {
            return Err(problems);
        }
        let case = seatrial_cost::roi::RoiCase::read(&document)?;
        let result = case.work_out().map_err(|error| {
            vec![seatrial_cost::Problem {
                pointer: String::new(),
                message: error.to_string(),
                hint: None,
            }]
        })?;
        Ok(roi::for_people(&case, &result))
    })
}

/// The moment that an argument gives.
fn moment(argument: Option<&str>) -> Result<Option<Moment>, CliError> {
    let Some(text) = argument else { return Ok(None) };
    let moment = Moment::parse(text).ok_or_else(|| {
        CliError::usage(format!("`{text}` is no date"))
            .hint("write it like 2026-01-31 or 2026-01-31T12:00:00Z")
    })?;
    Ok(Some(moment))
}

/// The same, or now.
fn moment_or_now(argument: Option<&str>) -> Result<Moment, CliError> {
    let now = crate::session::now();
    moment(argument.or(Some(&now)))?.ok_or_else(|| CliError::infrastructure("the clock has no time"))
}

/// Dollars for people: cents where there are many, enough digits where there are few.
fn dollars(usd: f64) -> String {
    let decimals = match usd.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 4,
        _ => 6,
    };
    let text = format!("{:.decimals$}", usd.abs());
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if usd < 0.0 && text.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        "-"
    } else {
        ""
    };
    let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
    format!("{sign}${grouped}{fraction}")
}

/// What draws say as an estimate: the median with the middle 95 %.
fn outcome_json(outcome: Option<&seatrial_cost::montecarlo::Outcome>, unit: &str) -> serde_json::Value {
    let Some(outcome) = outcome else {
        return serde_json::Value::Null;
    };
    serde_json::json!({"value": outcome.p50, "low": outcome.low, "high": outcome.high, "level": 0.95, "n": outcome.n,
        "method": "latin_hypercube", "unit": unit, "mean": outcome.mean, "p10": outcome.p10, "p90": outcome.p90})
}

/// P10, median and P90 of draws, for people.
fn middle_80(outcome: &seatrial_cost::montecarlo::Outcome) -> String {
    format!(
        "{} [{}, {}]",
        dollars(outcome.p50),
        dollars(outcome.p10),
        dollars(outcome.p90)
    )
}

#[cfg(test)]
mod tests {
    use super::dollars;

    /// Protects amounts: grouped, with a sign only where there is something, and digits by size.
    #[test]
    fn amounts_are_readable() {
        for (usd, text) in [
            (1_234_567.8, "$1,234,568"),
            (-1000.0, "-$1,000"),
            (12.345, "$12.35"),
            (0.0123, "$0.0123"),
            (0.000_012_3, "$0.000012"),
            (-0.000_000_01, "$0.000000"),
            (0.0, "$0.000000"),
        ] {
            assert_eq!(dollars(usd), text);
        }
    }
}
