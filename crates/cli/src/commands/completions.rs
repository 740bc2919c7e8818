//! `seatrial completions`: what a shell needs to complete the command line.

use crate::args::{Arguments, CompletionsArguments};
use crate::error::CliError;
use crate::output;
use clap::CommandFactory;
use seatrial_types::ExitCode;

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "seatrial",
        &mut script,
    );
    output::stdout(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Pass)
}
