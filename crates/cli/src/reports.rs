//! Which reports a run writes and where they go: screen, files, and what GitHub Actions reads. Apart from making them,
//! which is pure and in `report`.

use crate::args::OutputArguments;
use crate::error::CliError;
use crate::output;
use crate::record;
use crate::voice::voice;
use seatrial_config::DraftPlan;
use seatrial_report::{HtmlReport, JunitForm, JunitSamples, TerminalOptions};
use seatrial_store::{RunRow, SqliteStore};
use seatrial_types::{Findings, Place};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of a step summary of GitHub; above that the whole upload fails.
const STEP_SUMMARY_BYTES_MAX: usize = 1024 * 1024;

/// The reports that were asked for.
pub(crate) struct Outputs<'a> {
    pub(crate) json: Option<&'a Path>,
    pub(crate) junit: Option<&'a Path>,
    pub(crate) junit_samples: bool,
    pub(crate) junit_form: JunitForm,
    pub(crate) markdown: Option<&'a Path>,
    pub(crate) html: Option<&'a Path>,
    /// Whether GitHub Actions is told, where it runs.
    pub(crate) github: bool,
    /// Folder of the record, for reports with samples.
    pub(crate) store: &'a Path,
}

impl<'a> Outputs<'a> {
    /// The screen alone.
    pub(crate) const fn none(store: &'a Path) -> Self {
        Self {
            json: None,
            junit: None,
            junit_samples: false,
            junit_form: JunitForm::Strict,
            markdown: None,
            html: None,
            github: false,
            store,
        }
    }

    /// What the command line asks for.
    pub(crate) fn of(arguments: &'a OutputArguments, store: &'a Path) -> Self {
        Self {
            json: arguments.json.as_deref(),
            junit: arguments.junit.as_deref(),
            junit_samples: arguments.junit_samples,
            junit_form: arguments.junit_form.form(),
            markdown: arguments.markdown.as_deref(),
            html: arguments.html.as_deref(),
            github: !arguments.no_github && is_github(),
            store,
        }
    }

    fn paths(&self) -> impl Iterator<Item = &'a Path> {
        // The report for people first: GitHub is told of the first one.
        [self.html, self.markdown, self.json, self.junit]
            .into_iter()
            .flatten()
    }

    /// Refuses paths that could not be written later, before any call is paid for.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        self.paths().try_for_each(output::check_writable)?;
        match self.paths().filter(|path| output::is_stdout(path)).count() {
            0 | 1 => Ok(()),
            several => Err(CliError::usage(format!(
                "{several} reports are to go to standard output, expected at most one"
            ))
            .hint("give the others a file name")),
        }
    }
}

/// Writes the reports: the screen first, then files, then what GitHub Actions reads.
pub(crate) fn write(findings: &Findings, outputs: &Outputs<'_>) -> Result<(), CliError> {
    let is_stdout_taken = outputs.paths().any(output::is_stdout);
    if !is_stdout_taken {
        output::stdout(&on_screen(findings, output::colors_stdout()))?;
    } else if voice().is_json {
        output::stderr(&on_screen(findings, false));
    } else {
        output::raw_stderr(&on_screen(findings, output::colors_stderr()));
    }
    if let Some(path) = outputs.json {
        let text = seatrial_report::findings_json(findings).map_err(CliError::infrastructure)?;
        put(path, &text)?;
    }
    if let Some(path) = outputs.markdown {
        put(
            path,
            &seatrial_report::markdown(findings, seatrial_report::COMMENT_BYTES_MAX),
        )?;
    }
    if let Some(path) = outputs.junit {
        let (store, run) = recorded(findings, outputs.store)?;
        put(
            path,
            &junit(findings, &store, &run, outputs.junit_samples, outputs.junit_form)?,
        )?;
    }
    if let Some(path) = outputs.html {
        let (store, run) = recorded(findings, outputs.store)?;
        put(path, &html(findings, &store, &run)?)?;
    }
    if outputs.github {
        tell_github(findings, outputs, is_stdout_taken);
    }
    Ok(())
}

/// Annotations, step summary and outputs. Nobody asked for them, so a file that cannot be written is no error of the run.
fn tell_github(findings: &Findings, outputs: &Outputs<'_>, is_stdout_taken: bool) {
    let report = outputs.paths().find(|path| !output::is_stdout(path));
    if let Err(error) = github_files(findings, report) {
        output::stderr(&format!("warning: {}\n", error.message));
    }
    let annotations = seatrial_report::github_annotations(findings, &repository_path);
    // GitHub reads either stream; a log of JSON lines must stay one.
    if voice().is_json && !is_stdout_taken {
        let _ = output::stdout(&annotations);
    } else {
        output::raw_stderr(&annotations);
    }
}

fn put(path: &Path, text: &str) -> Result<(), CliError> {
    if output::is_stdout(path) {
        output::stdout(text)
    } else {
        output::write_whole(path, text)?;
        output::detail(&format!("wrote {}, {} bytes\n", path.display(), text.len()));
        Ok(())
    }
}

fn recorded(findings: &Findings, store: &Path) -> Result<(SqliteStore, RunRow), CliError> {
    let store = record::open(store)?;
    let run = record::find_run(&store, findings.run_id.as_str())?;
    Ok((store, run))
}

/// The report for the screen; with `--quiet` its first line.
pub(crate) fn on_screen(findings: &Findings, color: bool) -> String {
    let options = TerminalOptions {
        color,
        brief: voice().is_quiet,
    };
    seatrial_report::terminal(findings, options)
}

/// JUnit of a recorded run, on request with its samples.
pub(crate) fn junit(
    findings: &Findings,
    store: &SqliteStore,
    run: &RunRow,
    with_samples: bool,
    form: JunitForm,
) -> Result<String, CliError> {
    let mut samples = JunitSamples::new(record::labels(store, run, findings)?);
    if with_samples {
        record::for_each_sample(store, &run.header.id, &mut |sample| samples.add(sample))?;
    }
    seatrial_report::junit(findings, samples, form).map_err(CliError::infrastructure)
}

/// The report for the browser, with the samples on record.
pub(crate) fn html(findings: &Findings, store: &SqliteStore, run: &RunRow) -> Result<String, CliError> {
    let mut report = HtmlReport::new(record::labels(store, run, findings)?);
    record::for_each_sample(store, &run.header.id, &mut |sample| report.add(sample))?;
    Ok(report.finish(findings))
}

/// Says in the findings where the suite writes each gate.
pub(crate) fn place_gates(findings: &mut Findings, draft: &DraftPlan) {
    for result in &mut findings.gates {
        let gate = draft.gates.iter().position(|gate| gate.name == result.name);
        let of_load = || draft.load_gates.iter().position(|gate| gate.name == result.name);
        let location = match (gate, of_load()) {
            (Some(index), _) => draft.locate_gate(index, ""),
            (None, Some(index)) => draft.locate_load_gate(index, ""),
            (None, None) => continue,
        };
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        result.place = (!location.path.as_os_str().is_empty()).then(|| Place {
            path: location.path.display().to_string(),
            line: number(location.line),
            column: number(location.column),
        });
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this is a step of GitHub Actions.
fn is_github() -> bool {
    variable("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// A path as a code host shows it: relative to the root of the checkout, where it lies inside.
pub(crate) fn repository_path(path: &str) -> String {
    let root = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"]
        .into_iter()
        .find_map(variable)
        .and_then(|root| std::fs::canonicalize(root).ok());
    let absolute = std::fs::canonicalize(path).ok();
    let relative = root
        .zip(absolute)
        .and_then(|(root, absolute)| absolute.strip_prefix(root).ok().map(Path::to_path_buf));
    let relative = relative.unwrap_or_else(|| PathBuf::from(path.strip_prefix("./").unwrap_or(path)));
    relative.to_string_lossy().replace('\\', "/")
}

/// Appends to the files that GitHub Actions names in its environment: step summary and outputs.
pub(crate) fn github_files(findings: &Findings, report: Option<&Path>) -> Result<(), CliError> {
    if let Some(path) = variable("GITHUB_STEP_SUMMARY") {
        // Steps of one job share the limit per step, not the file; what is there already counts.
        let there =
            std::fs::metadata(&path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
        let room = STEP_SUMMARY_BYTES_MAX.saturating_sub(there);
        append(&path, &seatrial_report::markdown(findings, room))?;
    }
    if let Some(path) = variable("GITHUB_OUTPUT") {
        let report = report.map(|path| path.display().to_string());
        append(
            &path,
            &seatrial_report::github_outputs(findings, report.as_deref()),
        )?;
    }
    Ok(())
}

fn append(path: &str, text: &str) -> Result<(), CliError> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::infrastructure(format!("failed to write {path}: {error}")))
}
