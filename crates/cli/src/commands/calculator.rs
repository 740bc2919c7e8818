//! `seatrial stats` and `seatrial text`: the calculator under either name; figures for people are beside it.

use super::figures;
use crate::args::{ListArguments, StatsCommand, TextCommand};
use crate::error::CliError;
use crate::output;
use seatrial_calc::Field;
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::fmt::Write;

pub(crate) fn stats(command: &StatsCommand) -> Result<ExitCode, CliError> {
    match command {
        StatsCommand::Eval => eval(),
        StatsCommand::List(arguments) => list(arguments),
        StatsCommand::Proportion(arguments) => figures::proportion(arguments),
        StatsCommand::Power(arguments) => figures::power(arguments),
        StatsCommand::Compare(arguments) => figures::compare(arguments),
    }
}

pub(crate) fn text(command: &TextCommand) -> Result<ExitCode, CliError> {
    match command {
        TextCommand::Eval => eval(),
        TextCommand::List(arguments) => list(arguments),
        TextCommand::Bleu(arguments) => figures::bleu(arguments),
        TextCommand::Chrf(arguments) => figures::chrf(arguments),
        TextCommand::Ter(arguments) => figures::ter(arguments),
        TextCommand::Rouge(arguments) => figures::rouge(arguments),
    }
}

fn eval() -> Result<ExitCode, CliError> {
    match seatrial_calc::serve(std::io::stdin().lock(), std::io::stdout().lock()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::infrastructure(
            format!("failed to read calls or write answers: {error}"),
        )),
        _ => Ok(ExitCode::Pass),
    }
}

fn list(arguments: &ListArguments) -> Result<ExitCode, CliError> {
    let text = if arguments.json {
        let fields = |fields: &[Field]| -> Vec<Value> {
            fields
                .iter()
                .map(|field| json!({"name": field.name, "shape": field.shape, "what": field.what}))
                .collect()
        };
        let functions: Vec<Value> = seatrial_calc::functions()
            .map(|function| {
                json!({"fn": function.name, "family": function.family, "what": function.what, "source": function.source,
                       "inputs": fields(function.inputs), "outputs": fields(function.outputs)})
            })
            .collect();
        let all = json!({"schema": "seatrial.stats.list/1", "tool_version": seatrial_types::TOOL_VERSION,
                         "exit_code": ExitCode::Pass.code(), "warnings": [], "functions": functions});
        serde_json::to_string_pretty(&all).map_err(CliError::infrastructure)? + "\n"
    } else {
        listed()
    };
    output::stdout(&text)?;
    Ok(ExitCode::Pass)
}

fn listed() -> String {
    let mut text = String::new();
    let mut family = "";
    for function in seatrial_calc::functions() {
        if function.family != family {
            family = function.family;
            let _ = writeln!(text, "{}{family}", if text.is_empty() { "" } else { "\n" });
        }
        let _ = writeln!(text, "  {}  {}", function.name, function.what);
        for (direction, fields) in [("in ", function.inputs), ("out", function.outputs)] {
            for field in fields {
                let _ = writeln!(
                    text,
                    "    {direction} {}: {}  {}",
                    field.name, field.shape, field.what
                );
            }
        }
    }
    text
}
