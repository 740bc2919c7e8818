//! `seatrial run`: a suite from its file to its verdict.

use crate::args::RunArguments;
use crate::baselines::BaselinesAt;
use crate::error::CliError;
use crate::output;
use crate::reports::{self, Outputs};
use crate::rescore;
use crate::session::{self, Resume, Session};
use crate::wiring;
use seatrial_types::{ExitCode, RunId};

pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, CliError> {
    let outputs = Outputs::of(&arguments.output, &arguments.store.store);
    outputs.check()?;
    if arguments.retry_errors && !arguments.resume && arguments.resume_run.is_none() {
        return Err(
            CliError::usage("--retry-errors asks again for errors of an earlier run")
                .hint("add --resume, or --resume-run ID"),
        );
    }
    let (mut draft, warnings) = seatrial_config::read_suite(&arguments.suite, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    arguments.caps.apply(&mut draft);
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
        retry_errors: arguments.retry_errors,
        ca_file: arguments.ca_file.clone(),
        baselines: BaselinesAt::of(&arguments.baseline),
    };
    let findings = match &arguments.rescore {
        Some(source) => rescore::rescore(session, source)?,
        None => session::conduct(session)?,
    };
    reports::write(&findings, &outputs)?;
    Ok(session::exit_code(&findings))
}
