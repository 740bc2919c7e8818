//! `seatrial load --slo … --find …`: the largest load that meets the objectives, with its interval, told as it narrows.

use super::endpoint::asked;
use crate::args::{LoadArguments, LoadFind};
use crate::error::CliError;
use crate::output;
use seatrial_load::arrivals::Scatter;
use seatrial_load::find::{FindPlan, Found, FoundProbe, find};
use seatrial_load::search::{LoadKind, ProbeVerdict, Search, SearchEnd, SearchPlan, SearchResult};
use seatrial_load::slo::Objectives;
use seatrial_load::{Live, RunError};
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Finds it, and tells.
pub(super) fn search(arguments: &LoadArguments, kind: LoadFind) -> Result<ExitCode, CliError> {
    let objectives = objectives(arguments)?
        .ok_or_else(|| CliError::usage("--find needs objectives").hint("add --slo 'ttft_p99<500ms'"))?;
    let asked = asked(arguments)?;
    let started_at = crate::session::now();
    let (kind, unit) = match kind {
        LoadFind::Rate => (LoadKind::Rate, "requests per second"),
        LoadFind::Concurrency => (LoadKind::Concurrency, "users"),
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut plan = SearchPlan::new(kind, arguments.objectives.start, objectives.shares());
    plan.tolerance = arguments.objectives.tolerance;
    let plan = FindPlan {
        target: asked.target.clone(),
        source: Arc::clone(&asked.source),
        objectives,
        search: plan,
        scatter: Scatter::parse(&arguments.shape.arrivals)
            .map_err(|error| CliError::usage(format!("--arrivals cannot be read: {error}")))?,
        seed: arguments.shape.seed,
        workers: arguments
            .shape
            .workers
            .map_or(1, usize::from)
            .clamp(1, processors.max(1)),
        in_flight_max: arguments.shape.max_in_flight as usize,
        probe_time_max: arguments.objectives.probe_time,
    };
    let found = carry_out(&plan, unit)?;
    let exit = exit_of(&found);
    let warnings = warnings(&found);
    let report = report(&plan, &found, unit, &asked.url);
    let json = json_of(
        &plan,
        &found,
        &asked.url,
        exit,
        (&started_at, &crate::session::now()),
        &warnings,
    );
    let is_stdout = arguments.output.json.as_deref().is_some_and(output::is_stdout);
    if is_stdout {
        output::stderr(&report);
    } else {
        output::stdout(&report)?;
    }
    if let Some(path) = &arguments.output.json {
        let text = serde_json::to_string_pretty(&json).map_err(CliError::infrastructure)? + "\n";
        if is_stdout {
            output::stdout(&text)?;
        } else {
            output::write_whole(path, &text)?;
        }
    }
    Ok(exit)
}

/// Reads `--slo`.
pub(super) fn objectives(arguments: &LoadArguments) -> Result<Option<Objectives>, CliError> {
    let Some(text) = &arguments.objectives.slo else {
        return Ok(None);
    };
    let objectives =
        Objectives::parse(text).map_err(|error| CliError::usage(format!("--slo cannot be read: {error}")))?;
    let of_tokens = objectives
        .terms()
        .iter()
        .find(|term| term.definition.is_of_tokens());
    if let (Some(term), true) = (of_tokens, arguments.endpoint.no_stream) {
        return Err(CliError::usage(format!(
            "--slo asks for {} and --no-stream brings whole answers, which have no times of tokens",
            term.definition.name()
        ))
        .hint("leave --no-stream out, or ask for e2e"));
    }
    Ok(Some(objectives))
}

/// Probe by probe, with a line for each.
fn carry_out(plan: &FindPlan, unit: &str) -> Result<Found, CliError> {
    // Ctrl-C ends the probe that is under way.
    let current: Arc<Mutex<Option<Arc<Live>>>> = Arc::default();
    listen(&current);
    let mut begin = |_: &seatrial_load::search::ProbePlan, live: &Arc<Live>| {
        *current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(live));
    };
    let mut end = |probe: &FoundProbe, search: &Search| {
        let (low, middle, high) = search.interval();
        output::stderr(&format!(
            "probe {:>3}: {:>9.2} {unit}  {}  {} of {} missed in {:.1} s  now {middle:.2} [{low:.2}, {high:.2}]\n",
            search.probes().len(),
            probe.outcome.load,
            word(probe.outcome.verdict),
            probe.outcome.misses,
            probe.outcome.n,
            probe.seconds,
        ));
    };
    find(plan, &mut begin, &mut end).map_err(|error: RunError| {
        let (message, hint) = crate::wiring::split_hint(&error.to_string());
        let error = CliError::infrastructure(message);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

fn listen(current: &Arc<Mutex<Option<Arc<Live>>>>) {
    let current = Arc::clone(current);
    let listening = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // Without a runtime the default holds: the signal ends the process.
            let Ok(runtime) = runtime else { return };
            while runtime.block_on(crate::signals::next_signal()).is_ok() {
                output::stderr("\nstopping: requests under way are cut off\n");
                let live = current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(live) = live {
                    live.interrupt();
                }
            }
        });
    drop(listening);
}

fn exit_of(found: &Found) -> ExitCode {
    if found.is_interrupted {
        return ExitCode::Interrupted;
    }
    if found.failures.is_some() {
        return ExitCode::Errors;
    }
    if found.saturated_at.is_some() {
        return ExitCode::Saturated;
    }
    match found.result.as_ref().map(|result| result.end) {
        Some(SearchEnd::NothingPasses) => ExitCode::GateFailed,
        _ => ExitCode::Pass,
    }
}

const fn word(verdict: ProbeVerdict) -> &'static str {
    match verdict {
        ProbeVerdict::Pass => "pass",
        ProbeVerdict::Fail => "fail",
        ProbeVerdict::Undecided => "undecided",
    }
}

const fn end_word(end: SearchEnd) -> &'static str {
    match end {
        SearchEnd::Resolved => "resolved",
        SearchEnd::ProbesSpent => "probes_spent",
        SearchEnd::NothingPasses => "nothing_passes",
        SearchEnd::NothingFails => "nothing_fails",
        SearchEnd::Stopped => "stopped",
    }
}

/// How requests failed, where none of the whole search was answered.
fn warnings(found: &Found) -> Vec<String> {
    let failures = found.failures.iter().flat_map(seatrial_load::Failures::iter);
    failures
        .map(|(kind, count, problem)| format!("{count} requests failed with {}: {problem}", kind.as_str()))
        .collect()
}

fn report(plan: &FindPlan, found: &Found, unit: &str, url: &str) -> String {
    let mut text = format!("objectives {}\n", plan.objectives.text());
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    // Writing to a string cannot fail.
    if found.failures.is_some() {
        let _ = writeln!(
            text,
            "no request to {url} was answered: that says nothing of its capacity"
        );
        for warning in warnings(found) {
            let _ = writeln!(text, "  {warning}");
        }
        let _ = writeln!(
            text,
            "hint: try one request first: seatrial load … --concurrency 1 --requests 1"
        );
        return text;
    }
    if let Some(load) = found.saturated_at {
        let _ = writeln!(
            text,
            "this client could not hold {load:.2} {unit} or was itself too late there: what it saw says nothing of the endpoint\n\
             remedy: more loops (--workers), fewer programs beside it, or another machine"
        );
    }
    let Some(result) = &found.result else {
        return text;
    };
    let tail = match result.end {
        SearchEnd::Resolved => "",
        SearchEnd::ProbesSpent => " (the probes were spent before the interval was as narrow as asked)",
        SearchEnd::NothingPasses => " (not even the smallest load meets them)",
        SearchEnd::NothingFails => " (the largest load that was tried still meets them)",
        SearchEnd::Stopped => {
            let _ = writeln!(
                text,
                "stopped after {} probes and {} requests; {}",
                found.probes.len(),
                found
                    .probes
                    .iter()
                    .map(|probe| probe.outcome.requests)
                    .sum::<u64>(),
                known(result, unit)
            );
            return text;
        }
    };
    let _ = writeln!(
        text,
        "largest load {} {unit} [{}, {}] at {:.0} %{tail}\n{} probes, {} requests",
        number(result.load),
        number(result.low),
        number(result.high),
        100.0 * result.level,
        found.probes.len(),
        result.requests
    );
    text
}

/// What a search knew that was stopped.
fn known(result: &SearchResult, unit: &str) -> String {
    match (result.passed, result.failed) {
        (Some(passed), Some(failed)) => {
            format!("{passed:.2} {unit} met the objectives, and {failed:.2} did not")
        }
        (Some(passed), None) => format!("{passed:.2} {unit} met the objectives, and nothing failed"),
        (None, Some(failed)) => format!("{failed:.2} {unit} did not meet the objectives, and nothing did"),
        (None, None) => "nothing is known yet".to_owned(),
    }
}

fn json_of(
    plan: &FindPlan,
    found: &Found,
    url: &str,
    exit: ExitCode,
    (from, to): (&str, &str),
    warnings: &[String],
) -> Value {
    let result = found.result.as_ref();
    let kind = match plan.search.kind {
        LoadKind::Rate => "rate",
        LoadKind::Concurrency => "concurrency",
    };
    let probes: Vec<Value> = found
        .probes
        .iter()
        .map(|probe| {
            json!({
                "load": probe.outcome.load,
                "verdict": word(probe.outcome.verdict),
                "misses": probe.outcome.misses,
                "n": probe.outcome.n,
                "requests": probe.outcome.requests,
                "share": probe.outcome.share,
                "design_effect": probe.outcome.clumping,
                "growing": probe.outcome.is_growing,
                "seconds": probe.seconds,
                "own_lag_ms_p99": probe.own_lag_ms,
                "ok": probe.ok,
                "failed": probe.failed,
            })
        })
        .collect();
    json!({
        "schema": "seatrial.load.search/1",
        "tool_version": TOOL_VERSION,
        "exit_code": exit.code(),
        "warnings": warnings,
        "interrupted": found.is_interrupted,
        "started_at": from,
        "ended_at": to,
        "target": {"url": url},
        "slo": plan.objectives.text(),
        "kind": kind,
        "status": if found.saturated_at.is_some() { "withheld" } else { "ok" },
        "saturated_at": found.saturated_at,
        "end": result.map(|result| end_word(result.end)),
        "estimate": {
            "value": result.and_then(|result| result.load),
            "low": result.and_then(|result| result.low),
            "high": result.and_then(|result| result.high),
            "level": plan.search.level,
            "n": found.probes.len(),
            "method": "probabilistic_bisection",
            "unit": if kind == "rate" { "requests_per_s" } else { "users" },
        },
        "passed": result.and_then(|result| result.passed),
        "failed": result.and_then(|result| result.failed),
        "requests": found.probes.iter().map(|probe| probe.outcome.requests).sum::<u64>(),
        "probes": probes,
    })
}
