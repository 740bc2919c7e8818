//! `seatrial schema`: the JSON Schema of a file format.

use crate::args::{SchemaArguments, SchemaName};
use crate::error::CliError;
use crate::output;
use crate::wiring;
use seatrial_types::ExitCode;

pub(crate) fn schema(arguments: &SchemaArguments) -> Result<ExitCode, CliError> {
    let schema = match arguments.name {
        SchemaName::Suite => Ok(seatrial_config::schema(&wiring::vocabulary())),
        SchemaName::Findings => seatrial_report::findings_schema(),
        SchemaName::ReportList => seatrial_report::report_list_schema(),
        SchemaName::Doctor => serde_json::from_str(crate::doctor::SCHEMA),
    };
    let text = schema
        .and_then(|schema| serde_json::to_string_pretty(&schema))
        .map_err(CliError::infrastructure)?;
    output::stdout(&(text + "\n"))?;
    Ok(ExitCode::Pass)
}
