//! `seatrial import promptfoo`: a configuration of promptfoo becomes a suite and its cases. Apart from the imports of
//! recorded runs, because nothing is recorded here: files are written.

use crate::args::PromptfooArguments;
use crate::error::CliError;
use crate::output;
use crate::wiring;
use seatrial_interop::promptfoo::{Checks, Imported, PromptfooError, import as import_configuration};
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::path::Path;

/// Schema of the result.
const SCHEMA: &str = "seatrial.import.promptfoo/1";
/// How a suite begins that this command wrote and may write again.
const OWN_MARK: &str = "# Made by `seatrial import promptfoo`";
/// Things left out that are shown on the screen; all are in the suite and the JSON.
const SHOWN_MAX: usize = 20;

pub(crate) fn import(arguments: &PromptfooArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    let checks = Checks {
        kinds: seatrial_score::checks::KINDS,
        metric_name: seatrial_score::checks::metric_name,
        problem_of: seatrial_score::checks::problem_of,
    };
    let imported = import_configuration(&arguments.file, &checks).map_err(told)?;
    check(&imported, &arguments.out)?;
    write(&imported, arguments)?;
    let is_whole = imported.left_out.is_empty() && imported.judges.is_empty();
    let exit = if arguments.strict && !is_whole {
        ExitCode::Usage
    } else {
        ExitCode::Pass
    };
    let report = report(&imported, arguments);
    match &arguments.json {
        Some(path) if output::is_stdout(path) => {
            output::stderr(&report);
            output::stdout(&(json_of(&imported, arguments, exit).to_string() + "\n"))?;
        }
        Some(path) => {
            output::write_whole(path, &(json_of(&imported, arguments, exit).to_string() + "\n"))?;
            output::stdout(&report)?;
        }
        None => output::stdout(&report)?,
    }
    Ok(exit)
}

fn told(error: PromptfooError) -> CliError {
    match error {
        PromptfooError::Yaml(errors) => CliError::rendered(errors.render(output::colors_stderr())),
        other => {
            let (message, hint) = wiring::split_hint(&other.to_string());
            let error = CliError::usage(message);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
    }
}

/// The suite must be one that `run` accepts; if it is not, that is shown where it would be written.
fn check(imported: &Imported, out: &Path) -> Result<(), CliError> {
    let Some(suite) = imported.files.first() else {
        return Ok(());
    };
    let path = out.join(&suite.name);
    match seatrial_config::parse_suite(&suite.text, &path, &wiring::vocabulary()) {
        Ok(_) => Ok(()),
        Err(errors) => Err(CliError::rendered(errors.render(output::colors_stderr()))
            .hint("the configuration says something that no suite can; change it there")),
    }
}

fn write(imported: &Imported, arguments: &PromptfooArguments) -> Result<(), CliError> {
    std::fs::create_dir_all(&arguments.out).map_err(|error| {
        CliError::usage(format!(
            "failed to make the folder {}: {error}",
            arguments.out.display()
        ))
    })?;
    let suite = arguments.out.join("suite.yaml");
    let is_foreign = std::fs::read_to_string(&suite).is_ok_and(|text| !text.starts_with(OWN_MARK));
    if is_foreign && !arguments.force {
        return Err(CliError::usage(format!(
            "{} is there and was not made by this command",
            suite.display()
        ))
        .hint("name another folder with --out, or write over it with --force"));
    }
    // The suite comes last, so that it never names files that are not there yet.
    for file in imported.files.iter().rev() {
        output::write_whole(&arguments.out.join(&file.name), &file.text)?;
    }
    Ok(())
}

fn report(imported: &Imported, arguments: &PromptfooArguments) -> String {
    let sum = |counts: &std::collections::BTreeMap<String, usize>| counts.values().sum::<usize>();
    let mut lines = vec![format!(
        "{} targets, {} tasks, {} cases, {} checks, written to {}",
        imported.targets.len(),
        imported.tasks.len(),
        imported.cases,
        sum(&imported.carried),
        arguments.out.display()
    )];
    if !imported.judges.is_empty() {
        let kinds: Vec<String> = imported
            .judges
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        lines.push(format!(
            "waiting for a judge, kept beside their cases: {}",
            kinds.join(", ")
        ));
    }
    if !imported.left_out.is_empty() {
        lines.push("not carried over:".to_owned());
        let shown = imported.left_out.iter().take(SHOWN_MAX);
        lines.extend(shown.map(|item| format!("  {}: {}: {}", item.place, item.what, item.why)));
        let more = imported.left_out.len().saturating_sub(SHOWN_MAX) + imported.left_out_more;
        if more > 0 {
            lines.push(format!("  and {more} more, listed at the end of the suite"));
        }
    }
    lines.push(format!(
        "next: seatrial run {}",
        arguments.out.join("suite.yaml").display()
    ));
    lines.join("\n") + "\n"
}

fn json_of(imported: &Imported, arguments: &PromptfooArguments, exit: ExitCode) -> Value {
    let files: Vec<String> = imported
        .files
        .iter()
        .map(|file| arguments.out.join(&file.name).display().to_string())
        .collect();
    json!({
        "schema": SCHEMA,
        "tool_version": TOOL_VERSION,
        "exit_code": exit.code(),
        "warnings": [],
        "source": arguments.file.display().to_string(),
        "files": files,
        "targets": imported.targets,
        "tasks": imported.tasks,
        "cases": imported.cases,
        "checks": imported.carried,
        "judges": imported.judges,
        "left_out": imported.left_out,
        "left_out_more": imported.left_out_more,
    })
}
