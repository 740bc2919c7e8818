//! `seatrial run`: a suite from its file to its verdict.

use crate::args::RunArguments;
use crate::error::CliError;
use crate::output;
use crate::reports::{self, Outputs};
use crate::session::{self, Resume, Session};
use crate::wiring;
use seatrial_types::{ExitCode, RunId};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, CliError> {
    let outputs = Outputs::of(&arguments.output, &arguments.store.store);
    outputs.check()?;
    let (draft, warnings) = seatrial_config::read_suite(&arguments.suite, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    let resume = match &arguments.resume_run {
        Some(id) => Resume::Run(RunId::from_text(id.as_str())),
        None if arguments.resume => Resume::Newest,
        None => Resume::No,
    };
    let session = Session {
        draft,
        warnings: warnings.iter().map(ToString::to_string).collect(),
        suite_path: Some(arguments.suite.display().to_string()),
        store: arguments.store.store.clone(),
        resume,
        ca_file: arguments.ca_file.clone(),
    };
    let findings = session::conduct(session)?;
    reports::write(&findings, &outputs)?;
    Ok(session::exit_code(&findings))
}
