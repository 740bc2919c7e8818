//! One module per command.

mod audit;
mod baseline;
mod calculator;
mod ci;
mod compare;
mod completions;
pub(crate) mod cost;
mod demo;
mod doctor;
mod export;
mod figures;
mod flaky;
mod gate;
mod gate_simulate;
mod import;
pub(crate) mod load;
mod plan;
mod promptfoo;
mod report;
mod run;
mod schema;
mod sim;

use crate::args::{Arguments, Command};
use crate::error::CliError;
use seatrial_types::ExitCode;

/// Runs the command that was asked for.
pub(crate) fn dispatch(arguments: Arguments) -> Result<ExitCode, CliError> {
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Audit(arguments) => audit::audit(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Gate(arguments) => gate::gate(&arguments),
        Command::Baseline(arguments) => baseline::baseline(&arguments.command),
        Command::Export(arguments) => export::export(&arguments),
        Command::Import { command } => import::import(&command),
        Command::Load(arguments) => load::load(&arguments),
        Command::Sim(arguments) => sim::sim(&arguments),
        Command::Stats { command } => calculator::stats(&command),
        Command::Text { command } => calculator::text(&command),
        Command::Cost { command } => cost::cost(&command),
        Command::Ci { command } => ci::ci(&command),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
    }
}
