//! `seatrial cost`: prices, usage, and what follows from them. The rules are in the crate `cost`; here are files, arguments
//! and words.

mod document;
mod pareto;
mod price;
mod prices;
mod tables;

use crate::args::cost::{CostCommand, PricesCommand};
use crate::error::CliError;
use seatrial_cost::prices::Moment;
use seatrial_types::ExitCode;

pub(crate) fn cost(command: &CostCommand) -> Result<ExitCode, CliError> {
    match command {
        CostCommand::Price(arguments) => price::price(arguments),
        CostCommand::Pareto(arguments) => pareto::pareto(arguments),
        CostCommand::Prices { command } => match command {
            PricesCommand::List(arguments) => prices::list(arguments),
            PricesCommand::Show(arguments) => prices::show(arguments),
            PricesCommand::Diff(arguments) => prices::diff(arguments),
            PricesCommand::Import(arguments) => prices::import(arguments),
        },
    }
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
