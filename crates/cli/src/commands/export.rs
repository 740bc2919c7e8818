//! `seatrial export`: the samples of a recorded run as rows, as JSON, as Parquet, or as a log that Inspect reads. They
//! stream from the record to the file: memory holds one sample, or one group of rows.

mod inspect;
mod names;
mod parquet;
mod rows;
mod text;

use crate::args::{ExportArguments, ExportFormat};
use crate::error::CliError;
use crate::output;
use crate::record;
use crate::session::store_error;
use names::Names;
use seatrial_store::{Catalog, Events, RunRow, SqliteStore};
use seatrial_types::{ExitCode, Findings, SampleKey, SampleRecord};
use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::Path;

/// What every form needs.
struct Export {
    run: RunRow,
    names: Names,
    only: Only,
    with_texts: bool,
}

/// Targets and tasks that are wanted.
struct Only {
    targets: Vec<u16>,
    tasks: Vec<u16>,
    is_all: bool,
}

impl Only {
    fn contains(&self, key: SampleKey) -> bool {
        self.is_all || (self.targets.contains(&key.target) && self.tasks.contains(&key.task))
    }
}

/// Takes samples and writes them in some form.
trait SampleWriter {
    fn sample(&mut self, sample: &SampleRecord) -> std::io::Result<()>;

    /// What stands behind the last sample; also where there is none.
    fn end(&mut self) -> std::io::Result<()>;
}

pub(crate) fn export(arguments: &ExportArguments) -> Result<ExitCode, CliError> {
    let store = record::open(&arguments.store.store)?;
    let run = record::find_run(&store, &arguments.run)?;
    let plan = store.plan(run.header.plan_hash).map_err(store_error)?;
    let names = Names::of(plan.as_deref());
    let only = Only {
        targets: names.targets_named(arguments.target.as_deref()),
        tasks: names.tasks_named(arguments.task.as_deref()),
        is_all: arguments.target.is_none() && arguments.task.is_none(),
    };
    let absent = |what: &str, name: &str, known: String| {
        Err(CliError::usage(format!("the run has no {what} `{name}`")).hint(format!("it has: {known}")))
    };
    match (&arguments.target, &arguments.task) {
        (Some(target), _) if only.targets.is_empty() => {
            return absent("target", target, names.target_names());
        }
        (_, Some(task)) if only.tasks.is_empty() => return absent("task", task, names.task_names()),
        _ => {}
    }
    let export = Export {
        run,
        names,
        only,
        with_texts: !arguments.no_texts,
    };
    let path = arguments
        .output
        .as_deref()
        .filter(|path| !output::is_stdout(path));
    match path {
        None => to_stdout(&store, &export, arguments.format)?,
        Some(path) => to_file(&store, &export, arguments.format, path)?,
    }
    Ok(ExitCode::Pass)
}

fn to_stdout(store: &SqliteStore, export: &Export, format: ExportFormat) -> Result<(), CliError> {
    let out = std::io::stdout();
    if format == ExportFormat::Parquet && out.is_terminal() {
        return Err(CliError::usage("Parquet is no text for a screen").hint("name a file with --output"));
    }
    match write_samples(store, export, format, out)? {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::infrastructure(
            format!("failed to write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// The file appears whole or not at all; a device or a pipe is written to.
fn to_file(store: &SqliteStore, export: &Export, format: ExportFormat, path: &Path) -> Result<(), CliError> {
    output::check_writable(path)?;
    let mut refused = None;
    let written = output::replace(path, |file| {
        write_samples(store, export, format, file).unwrap_or_else(|error| {
            refused = Some(error);
            Err(std::io::ErrorKind::Other.into())
        })
    });
    match (refused, written) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(CliError::infrastructure(format!(
            "failed to write {}: {error}",
            path.display()
        ))),
        (None, Ok(())) => Ok(()),
    }
}

/// The outer error is about what was asked, the inner one about where it is written.
fn write_samples(
    store: &SqliteStore,
    export: &Export,
    format: ExportFormat,
    out: impl Write + Send,
) -> Result<std::io::Result<()>, CliError> {
    let out = BufWriter::new(out);
    let columns = || rows::columns(&export.names, export.with_texts);
    match format {
        ExportFormat::Jsonl => stream(store, export, text::JsonLines { export, out }),
        ExportFormat::Json => {
            let is_begun = false;
            stream(
                store,
                export,
                text::WholeJson {
                    export,
                    out,
                    is_begun,
                },
            )
        }
        ExportFormat::Csv => {
            let (columns, is_begun) = (columns(), false);
            let csv = text::Csv {
                export,
                columns,
                out,
                is_begun,
            };
            stream(store, export, csv)
        }
        ExportFormat::Parquet => match parquet::Parquet::try_new(export, columns(), out) {
            Ok(parquet) => stream(store, export, parquet),
            Err(error) => Ok(Err(error)),
        },
        ExportFormat::Inspect => {
            let pair = inspect::pair(export)?;
            let findings = store.findings(&export.run.header.id).map_err(store_error)?;
            let findings: Option<Findings> = findings.and_then(|json| serde_json::from_str(&json).ok());
            let log = inspect::InspectLog::new(export, pair, store, findings.as_ref(), out)?;
            stream(store, export, log)
        }
    }
}

fn stream(
    store: &SqliteStore,
    export: &Export,
    mut writer: impl SampleWriter,
) -> Result<std::io::Result<()>, CliError> {
    let mut result = Ok(());
    let mut write = |sample: SampleRecord| {
        if !export.only.contains(sample.key) {
            return ControlFlow::Continue(());
        }
        match writer.sample(&sample) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                result = Err(error);
                ControlFlow::Break(())
            }
        }
    };
    store
        .for_each_sample(&export.run.header.id, &mut write)
        .map_err(store_error)?;
    Ok(result.and_then(|()| writer.end()))
}
