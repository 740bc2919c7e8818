//! The `seatrial` binary: parses the command line, calls a command, maps its end to an exit code. Rules of the
//! business live on lower floors; only the wiring is here.

mod answers;
mod args;
mod baselines;
mod caps;
mod commands;
mod doctor;
mod endpoints;
mod error;
mod first_errors;
mod history;
mod imported_plan;
mod load_tasks;
mod materials;
mod output;
mod outside;
mod pr_changes;
mod preflight;
mod programs;
mod progress;
mod record;
mod reports;
mod rescore;
mod scored;
mod sequential;
mod session;
mod signals;
mod suite_prices;
mod voice;
mod wiring;

use clap::Parser;
use seatrial_types::ExitCode;

fn main() -> std::process::ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; clap knows which stream each belongs to.
            let _ = error.print();
            let code = if error.use_stderr() {
                ExitCode::Usage
            } else {
                ExitCode::Pass
            };
            return std::process::ExitCode::from(code.code());
        }
    };
    voice::set(voice::Voice {
        is_quiet: arguments.global.quiet,
        is_verbose: arguments.global.verbose,
        is_json: arguments.global.log == args::LogFormat::Json,
    });
    let code = match commands::dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            error.exit
        }
    };
    std::process::ExitCode::from(code.code())
}
