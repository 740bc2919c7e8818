//! Programs that a suite names: from what is written to what can be started. Apart from the rest of the wiring, because
//! targets and scorers share it, and because only here the environment is read for them.

use crate::wiring::split_hint;
use seatrial_config::{Exec, Target};
use seatrial_provider as provider;
use seatrial_types::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Key of the suite that is at fault, message, hint.
pub(crate) type Problem = (&'static str, String, Option<String>);

/// What a suite says of a program.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) command: &'a [String],
    pub(crate) cwd: PathBuf,
    pub(crate) env: &'a [String],
    pub(crate) workers: usize,
    pub(crate) in_flight: usize,
    pub(crate) timeout: Duration,
}

/// The program with the values of the variables that it is given.
pub(crate) fn spec(written: Written<'_>) -> Result<provider::ProgramSpec, Problem> {
    let mut env = Vec::with_capacity(written.env.len());
    for name in written.env {
        match std::env::var(name) {
            Ok(value) => env.push((name.clone(), Secret::new(value))),
            Err(_) => {
                let message = format!("the environment variable {name} is not set");
                let hint = format!("export {name}=…, or remove it from `env`");
                return Err(("env", message, Some(hint)));
            }
        }
    }
    Ok(provider::ProgramSpec {
        command: written.command.to_vec(),
        cwd: written.cwd,
        env,
        workers: written.workers,
        in_flight: written.in_flight,
        timeout: written.timeout,
    })
}

/// What is wrong with a description, at its key.
pub(crate) fn problem(error: &provider::ProgramSpecError) -> Problem {
    let (message, hint) = split_hint(&error.to_string());
    (error.key(), message, hint)
}

/// A program under test.
pub(crate) fn target(
    exec: &Exec,
    target: &Target,
    clock: provider::Clock,
    seed: u64,
) -> Result<provider::Exec, Problem> {
    let spec = spec(Written {
        command: &exec.command,
        cwd: exec.cwd.clone(),
        env: &exec.env,
        workers: usize::from(exec.workers),
        in_flight: usize::from(exec.in_flight),
        timeout: target.limits.timeout,
    })?;
    let limits = provider::Limits {
        rpm: target.limits.rpm,
        tpm: target.limits.tpm,
        ..provider::Limits::default()
    };
    let retry = provider::RetryPolicy {
        attempts_max: target.retry.attempts,
        backoff_first: target.retry.wait_first,
        backoff_max: target.retry.wait_max,
        ..provider::RetryPolicy::default()
    };
    let params = exec.params.clone();
    provider::Exec::try_new(&target.name, spec, params, (&limits, retry), clock, seed)
        .map_err(|error| problem(&error))
}
