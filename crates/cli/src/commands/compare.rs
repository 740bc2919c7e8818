//! `seatrial compare`: runs on record, exports, logs of other tools and files of scores, held against each other.

mod files;
mod inputs;
mod texts;
mod unpack;

use crate::args::compare::{BinaryTest, CompareRunsArguments};
use crate::error::CliError;
use crate::output;
use crate::voice::voice;
use inputs::Input;
use seatrial_analyse::compare::{CompareError, ComparedRuns, RunsError, RunsOptions, Side, compare_runs};
use seatrial_analyse::scored::{
    FieldDifference, Origin, ScoredRun, identity_differences, subject_differences,
};
use seatrial_types::{
    COMPARE_SCHEMA, ChangedField, ComparedSystem, ExitCode, Pillar, RunsComparison, TOOL_VERSION,
};
use std::path::Path;

pub(crate) fn compare(arguments: &CompareRunsArguments) -> Result<ExitCode, CliError> {
    check_outputs(arguments)?;
    let options = options(arguments)?;
    let groups = inputs::groups(inputs::load(&arguments.runs, &arguments.store.store)?)?;
    let mut comparison = blank(arguments);
    for group in &groups {
        comparison.systems.extend(group.iter().map(system));
        held_against_first(group, &mut comparison);
    }
    if !comparison.identity_differences.is_empty() && !arguments.force {
        return refuse(comparison, arguments);
    }
    comparison.forced = !comparison.identity_differences.is_empty();
    for group in groups {
        let (runs, sources): (Vec<ScoredRun>, Vec<_>) =
            group.into_iter().map(|input| (input.run, input.source)).unzip();
        let mut found = compare_runs(&runs, &options).map_err(|error| located(&error, &runs, &sources))?;
        check_found(&found, &runs)?;
        texts::fill(&mut found.pairs, &runs, &sources, &arguments.store.store)?;
        add(&mut comparison, found, &runs);
    }
    write(&comparison, arguments)?;
    Ok(ExitCode::Pass)
}

fn check_outputs(arguments: &CompareRunsArguments) -> Result<(), CliError> {
    let paths: Vec<&Path> = paths(arguments).collect();
    paths.iter().try_for_each(|path| output::check_writable(path))?;
    match paths.iter().filter(|path| output::is_stdout(path)).count() {
        0 | 1 => Ok(()),
        several => Err(CliError::usage(format!(
            "{several} reports are to go to standard output, expected at most one"
        ))
        .hint("give the others a file name")),
    }
}

fn paths(arguments: &CompareRunsArguments) -> impl Iterator<Item = &Path> {
    [&arguments.json, &arguments.markdown, &arguments.html]
        .into_iter()
        .filter_map(|path| path.as_deref())
}

fn options(arguments: &CompareRunsArguments) -> Result<RunsOptions, CliError> {
    let level = arguments.level;
    if !(level > 0.0 && level < 1.0) {
        return Err(CliError::usage(format!(
            "--level is {level}, expected a number between 0 and 1"
        )));
    }
    let alpha = ((1.0 - level) * 1e12).round() / 1e12;
    if !(arguments.power > alpha && arguments.power < 1.0) {
        return Err(CliError::usage(format!(
            "--power is {}, expected a number above {alpha} (one minus the level) and below 1",
            arguments.power
        )));
    }
    Ok(RunsOptions {
        level,
        power: arguments.power,
        resamples: arguments.resamples,
        seed: arguments.seed,
        exact: arguments.test == BinaryTest::Exact,
        primary: arguments.primary.clone(),
        lower_is_better: arguments.lower_is_better.clone(),
        slices: true,
    })
}

fn blank(arguments: &CompareRunsArguments) -> RunsComparison {
    RunsComparison {
        schema: COMPARE_SCHEMA.to_owned(),
        tool_version: TOOL_VERSION.to_owned(),
        exit_code: ExitCode::Pass.code(),
        forced: false,
        level: arguments.level,
        power: arguments.power,
        seed: arguments.seed,
        warnings: Vec::new(),
        systems: Vec::new(),
        identity_differences: Vec::new(),
        changed: Vec::new(),
        pairs: Vec::new(),
        slices: Vec::new(),
        ranking: Vec::new(),
    }
}

fn system(input: &Input) -> ComparedSystem {
    ComparedSystem {
        label: input.run.label.clone(),
        run_id: input.run.run_id.clone(),
        target: input.run.target.clone(),
        source: input.source.as_str().to_owned(),
        started_at: input.run.started_at.clone(),
        n_samples: input.run.tasks.iter().map(|task| task.samples.len() as u64).sum(),
    }
}

/// Identity and subject of every system of a group beside the first, and what a reader should know of each.
fn held_against_first(group: &[Input], comparison: &mut RunsComparison) {
    let Some((first, rest)) = group.split_first() else {
        return;
    };
    for input in group {
        let warnings = input.run.warnings.iter();
        comparison
            .warnings
            .extend(warnings.map(|warning| format!("{}: {warning}", input.run.label)));
    }
    for other in rest {
        let field = |difference: FieldDifference| ChangedField {
            system: other.run.label.clone(),
            against: first.run.label.clone(),
            text: difference.to_string(),
            field: difference.field,
            from: difference.a,
            to: difference.b,
        };
        let identity = identity_differences(&first.run.identity, &other.run.identity);
        comparison
            .identity_differences
            .extend(identity.into_iter().map(field));
        // Of scores alone nothing is known, so nothing can be said to have changed.
        let is_known = |input: &Input| input.run.identity.origin != Origin::Unknown;
        if is_known(first) && is_known(other) {
            let subject = subject_differences(&first.run.subject, &other.run.subject);
            comparison.changed.extend(subject.into_iter().map(field));
        }
    }
    let origins: Vec<Origin> = group.iter().map(|input| input.run.identity.origin).collect();
    let are_runs = origins.iter().any(|origin| *origin != Origin::Unknown);
    if are_runs && origins.windows(2).any(|two| two[0] != two[1]) {
        comparison.warnings.push(
            "what the systems were asked and how they were scored is not known alike of all of them: nobody checked \
             that it is the same"
                .to_owned(),
        );
    }
    let times: std::collections::BTreeSet<_> = group
        .iter()
        .filter_map(|input| input.run.run_id.as_ref())
        .collect();
    let has_times = group.iter().all(|input| {
        let mut metrics = input.run.tasks.iter().flat_map(|task| &task.metrics);
        metrics.any(|metric| metric.pillar == Pillar::Performance)
    });
    if times.len() > 1 && has_times {
        comparison.warnings.push(
            "the runs were made one after the other: a change of the service's load looks like a change of latency; \
             targets of one run are asked in turn"
                .to_owned(),
        );
    }
}

/// The end where identities differ: everything is said and written, nothing is compared.
fn refuse(mut comparison: RunsComparison, arguments: &CompareRunsArguments) -> Result<ExitCode, CliError> {
    comparison.exit_code = ExitCode::Baseline.code();
    write_files(&comparison, arguments)?;
    let mut message = "the runs are not comparable: what must be equal differs\n".to_owned();
    for field in &comparison.identity_differences {
        let text = seatrial_report::clean::line(&field.text);
        message += &format!("  {text}  ({} against {})\n", field.system, field.against);
    }
    let error = CliError {
        exit: ExitCode::Baseline,
        ..CliError::usage(message)
    };
    Err(error.hint(
        "run both with the same datasets, scorers and seeds; --force compares them all the same and says so",
    ))
}

fn check_found(found: &ComparedRuns, runs: &[ScoredRun]) -> Result<(), CliError> {
    if !found.pairs.is_empty() {
        return Ok(());
    }
    let tasks = |run: &ScoredRun| {
        let metrics = run.tasks.iter().flat_map(|task| {
            let names = task.metrics.iter().map(|metric| metric.metric.as_str());
            names.map(|name| format!("{}.{name}", task.task))
        });
        let names: Vec<String> = metrics.take(8).collect();
        format!(
            "{} has {}",
            run.label,
            if names.is_empty() {
                "no scores".to_owned()
            } else {
                names.join(", ")
            }
        )
    };
    let all: Vec<String> = runs.iter().take(4).map(tasks).collect();
    Err(
        CliError::usage("the systems have no task and metric in common, so there is nothing to compare")
            .hint(all.join("; ")),
    )
}

fn add(comparison: &mut RunsComparison, found: ComparedRuns, runs: &[ScoredRun]) {
    let label_of_group = runs.first().and_then(|run| run.target.clone());
    let several = comparison.systems.len() > runs.len();
    comparison.pairs.extend(found.pairs);
    comparison.slices.extend(found.slices);
    comparison.ranking.extend(found.ranking);
    comparison
        .warnings
        .extend(found.warnings.into_iter().map(|warning| match &label_of_group {
            Some(target) if several => format!("target {target}: {warning}"),
            _ => warning,
        }));
}

/// An error of the data with file and line, or case, and what to do.
fn located(error: &RunsError, runs: &[ScoredRun], sources: &[inputs::Source]) -> CliError {
    let position = |side: Side| if side == Side::A { error.a } else { error.b };
    let place = |side: Side, row: usize| {
        let source = sources.get(position(side)).and_then(|source| source.place(row));
        source.unwrap_or_else(|| {
            let label = runs.get(position(side)).map_or("", |run| run.label.as_str());
            format!("{label}, task `{}`", error.task)
        })
    };
    match &*error.source {
        CompareError::Duplicate {
            side, first, second, ..
        } => CliError::usage(format!(
            "{}: {}; the first is at {}",
            place(*side, *second),
            error.source,
            place(*side, *first)
        ))
        .hint("number repeated answers of one case in a column `epoch`"),
        CompareError::ClusterMissing { side, index, .. } => {
            CliError::usage(format!("{}: {}", place(*side, *index), error.source))
                .hint("give every case a cluster; a case that depends on no other is a cluster of its own")
        }
        CompareError::ClusterConflict { first, second, .. } => CliError::usage(format!(
            "{}: {} at {}",
            place(second.0, second.1),
            error.source,
            place(first.0, first.1)
        )),
        _ => CliError::usage(error),
    }
}

fn write(comparison: &RunsComparison, arguments: &CompareRunsArguments) -> Result<(), CliError> {
    let takes_stdout = paths(arguments).any(output::is_stdout);
    let color = if takes_stdout {
        output::colors_stderr()
    } else {
        output::colors_stdout()
    };
    let screen = seatrial_report::compare::terminal(comparison, color);
    match (takes_stdout, voice().is_json) {
        (false, _) => output::stdout(&screen)?,
        (true, true) => output::stderr(&screen),
        (true, false) => output::raw_stderr(&screen),
    }
    write_files(comparison, arguments)
}

fn write_files(comparison: &RunsComparison, arguments: &CompareRunsArguments) -> Result<(), CliError> {
    let put = |path: &Option<std::path::PathBuf>, make: &dyn Fn() -> Result<String, CliError>| match path
        .as_deref()
    {
        None => Ok(()),
        Some(path) if output::is_stdout(path) => output::stdout(&make()?),
        Some(path) => output::write_whole(path, &make()?),
    };
    put(&arguments.json, &|| {
        let text = serde_json::to_string_pretty(comparison).map_err(CliError::infrastructure)?;
        Ok(text + "\n")
    })?;
    put(&arguments.markdown, &|| {
        Ok(seatrial_report::compare::markdown(
            comparison,
            seatrial_report::COMMENT_BYTES_MAX,
        ))
    })?;
    put(&arguments.html, &|| {
        Ok(seatrial_report::compare::html(comparison))
    })
}
