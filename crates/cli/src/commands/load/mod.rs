//! `seatrial load`: latency and throughput of an endpoint under load, with the client's own error known.

mod cases;
mod cases_told;
mod contrasts;
mod diff;
mod duel;
mod duel_told;
mod endpoint;
mod figures;
mod files;
mod find;
mod floor;
mod identity;
mod judged;
mod pace;
mod pictures;
mod quality;
mod repeat;
mod result;
mod rows;
mod saved;
mod server;
mod several;
mod sized;
mod stopper;
mod sweep;
mod talked;
mod tasked;
mod text;
mod tokens;
mod turns;
mod watch;
mod work;

use crate::args::LoadArguments;
use crate::args::load_compare::{LoadCommand, LoadCommandLine};
use crate::error::CliError;
use crate::output;
use endpoint::{Asked, asked};
use pace::{Schedule, schedule};
use quality::JudgedTask;
use result::LoadResult;
use seatrial_load::calibrate::{Calibration, calibrate};
use seatrial_load::server::{ServerPlan, ServerReader};
use seatrial_load::{Live, RunClock, RunError, RunPlan, RunResult, run_plan};
use seatrial_types::ExitCode;
use serde_json::Value;
use server::ServerTold;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

pub(crate) use stopper::Stopper;
pub(crate) use tasked::{TaskEnd, TaskLoad, TaskWork, calls_of};

/// `seatrial load` and what may follow it.
pub(crate) fn load(line: &LoadCommandLine) -> Result<ExitCode, CliError> {
    match &line.command {
        None => measure(&line.load),
        Some(LoadCommand::Compare(arguments)) => duel::compare(arguments),
        Some(LoadCommand::Diff(arguments)) => diff::diff(arguments),
    }
}

fn measure(arguments: &LoadArguments) -> Result<ExitCode, CliError> {
    if arguments
        .output
        .files()
        .filter(|path| output::is_stdout(path))
        .count()
        > 1
    {
        return Err(CliError::usage("only one file can be written to standard output")
            .hint("give the others a name instead of -"));
    }
    for path in arguments.output.files() {
        output::check_writable(path)?;
    }
    if let Some(kind) = arguments.objectives.find {
        refuse_margins(arguments)?;
        return find::search(arguments, kind);
    }
    if let Some(loads) = &arguments.series.sweep {
        return sweep::sweep(arguments, loads);
    }
    if let Some(runs) = arguments.series.runs {
        return repeat::repeat(arguments, runs);
    }
    let judged = JudgedTask::prepare(arguments)?;
    let arguments = judged.as_ref().map_or(arguments, |judged| &judged.arguments);
    let objectives = find::objectives(arguments)?;
    let asked = match &judged {
        Some(judged) => judged.asked()?,
        None => asked(arguments)?,
    };
    let against = diff::Against::read(
        &arguments.against,
        &result::load_json(arguments, &asked),
        &result::target_json(&asked),
    )?;
    let (schedule, plan, live) = planned(arguments, &asked)?;
    let started_at = crate::session::now();
    watch::listen(&live);
    let server = server::plan(arguments, plan.duration)?;
    let (run, server) = run(arguments, &asked, plan, &live, server)?;
    let ended_at = crate::session::now();
    let mut result = LoadResult::new(
        arguments,
        &asked,
        &schedule,
        &run,
        objectives.as_ref(),
        (started_at, ended_at),
    );
    result
        .warnings
        .extend(server.iter().flat_map(ServerTold::warnings));
    result.judge(objectives.as_ref());
    let floor = floor(&result, arguments.output.no_calibrate);
    let (json, text) = floor.map_or((Value::Null, None), |floor| {
        (floor::json(&floor), Some(floor::text(&floor)))
    });
    if let Some(judged) = &judged {
        judged.judge(&mut result);
    }
    if let Some(against) = against {
        match against.told(result.json(&Value::Null)) {
            Ok(told) => {
                result.exit = ExitCode::strongest(&[result.exit, told.exit]);
                result.comparison = Some(told);
            }
            // What was measured is told all the same.
            Err(error) => {
                result.exit = ExitCode::strongest(&[result.exit, error.exit]);
                result.warnings.push(error.message);
            }
        }
    }
    tell(&result, &json, text.as_deref(), server.as_ref())?;
    Ok(result.exit)
}

/// When requests are started, and what is shared while they run.
fn planned(arguments: &LoadArguments, asked: &Asked) -> Result<(Schedule, RunPlan, Arc<Live>), CliError> {
    let mut schedule = schedule(&arguments.shape, asked.times.as_deref())?;
    let paces = std::mem::take(&mut schedule.paces);
    let live = Arc::new(Live::new(
        paces.len(),
        schedule.users(),
        arguments.shape.requests.unwrap_or(u64::MAX),
    ));
    let plan = RunPlan {
        target: asked.target.clone(),
        paces,
        warm_up: arguments.shape.warmup,
        duration: schedule.duration.or(arguments.shape.duration),
        drain: arguments.shape.drain,
    };
    Ok((schedule, plan, live))
}

/// Margins without anything to compare with are a mistake.
fn refuse_margins(arguments: &LoadArguments) -> Result<(), CliError> {
    if arguments.against.margins.margin.is_none() {
        return Ok(());
    }
    Err(no_baseline())
}

fn no_baseline() -> CliError {
    CliError::usage("--margin needs something to compare with")
        .hint("add --baseline FILE, or compare two endpoints with `seatrial load compare`")
}

/// Measures the floor at the load that was just measured; `None` where it was not wanted, nothing was measured, or it
/// did not come about.
fn floor(result: &LoadResult<'_>, is_unwanted: bool) -> Option<Calibration> {
    if is_unwanted || result.measured.requests.ok == 0 || result.exit == ExitCode::Interrupted {
        return None;
    }
    let plan = floor::plan(result);
    match calibrate(plan) {
        Ok(calibration) => Some(calibration),
        Err(error) => {
            output::detail(&format!(
                "the floor of this client could not be measured: {error}\n"
            ));
            None
        }
    }
}

/// Runs on a thread of its own, so that this one can show how it goes.
fn run(
    arguments: &LoadArguments,
    asked: &Asked,
    plan: RunPlan,
    live: &Arc<Live>,
    server: Option<(String, ServerPlan)>,
) -> Result<(RunResult, Option<ServerTold>), CliError> {
    let clock = RunClock::start();
    let reader = server.map(|(url, plan)| (url, ServerReader::start(plan, clock).ok()));
    let whole = plan.duration.map(|duration| duration + arguments.shape.warmup);
    let (sender, receiver) = mpsc::sync_channel(1);
    let (source, of_run) = (Arc::clone(&asked.source), Arc::clone(live));
    let thread = std::thread::spawn(move || {
        let result = run_plan(plan, &source, &of_run, clock);
        // Nobody listens any more only when the process ends.
        let _ = sender.send(result);
    });
    let result = watch::watch(live, clock, whole, &receiver);
    let server = reader.map(|(url, reader)| ServerTold::new(url, reader.and_then(ServerReader::finish)));
    // It has sent its result, or panicked, which is told below.
    let _ = thread.join();
    let mut result = result
        .ok_or_else(|| CliError::infrastructure("the measuring session ended unexpectedly; this is a bug"))?
        .map_err(run_error)?;
    tokens::count(asked, &mut result);
    Ok((result, server))
}

/// A run that did not come about.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn run_error(error: RunError) -> CliError {
    let (message, hint) = crate::wiring::split_hint(&error.to_string());
    let error = CliError::infrastructure(message);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The report goes to standard error where a file that was asked for has standard output.
fn tell_report<'a>(report: &str, files: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), CliError> {
    if files.into_iter().any(|path| output::is_stdout(path)) {
        output::stderr(report);
        return Ok(());
    }
    output::stdout(report)
}

fn write_json(path: &Path, json: &Value) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(json).map_err(CliError::infrastructure)? + "\n";
    if output::is_stdout(path) {
        output::stdout(&text)
    } else {
        output::write_whole(path, &text)
    }
}

/// Writes what was asked for.
fn tell(
    result: &LoadResult<'_>,
    calibration: &Value,
    floor: Option<&str>,
    server: Option<&ServerTold>,
) -> Result<(), CliError> {
    let wanted = &result.arguments.output;
    let mut report = text::report(result, floor);
    report.extend(server.map(ServerTold::text));
    tell_report(&report, wanted.files())?;
    if let Some(path) = &wanted.csv {
        files::write_csv(path, &result.run.recording)?;
    }
    if let Some(path) = &wanted.hdr {
        files::write_hdr(path, result.run, result.tokens, |name| !result.is_withheld(name))?;
    }
    if let Some(path) = &wanted.markdown {
        output::write_whole(path, &pictures::markdown(result, &report))?;
    }
    let Some(path) = &wanted.json else {
        return Ok(());
    };
    let mut json = result.json(calibration);
    json["server"] = server.map_or(Value::Null, ServerTold::json);
    write_json(path, &json)
}
