//! From what the command line names to systems: runs of the record and files, each with where its samples can be looked
//! up again. Apart from the comparison, which sees scores alone.

use super::files;
use super::unpack::Unpacked;
use crate::error::CliError;
use crate::record;
use crate::scored::{self, RunReference};
use seatrial_analyse::compare::SYSTEMS_MAX;
use seatrial_analyse::scored::ScoredRun;
use seatrial_interop::Shape;
use seatrial_types::RunId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Endings that a file has and a run has not.
const ENDINGS: [&str; 6] = ["csv", "jsonl", "ndjson", "json", "parquet", "eval"];

/// A system that is compared.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) run: ScoredRun,
    pub(super) source: Source,
}

/// Where a system comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The record.
    Record(RunId),
    /// A file of scores; the line of each sample.
    Scores { path: PathBuf, lines: Rc<Vec<u64>> },
    /// A file with samples, and perhaps their texts; where it had to be unpacked, what it was unpacked into.
    Samples {
        shape: Rc<Shape>,
        #[expect(
            dead_code,
            reason = "it lives as long as its system, because texts are read from it again"
        )]
        unpacked: Rc<Option<Unpacked>>,
    },
}

impl Source {
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Record(_) => "record",
            Self::Scores { .. } | Self::Samples { .. } => "file",
        }
    }

    /// `file:line` of a sample, where there are lines.
    pub(super) fn place(&self, sample: usize) -> Option<String> {
        match self {
            Self::Scores { path, lines } => Some(format!("{}:{}", path.display(), lines.get(sample)?)),
            Self::Record(_) | Self::Samples { .. } => None,
        }
    }
}

/// The systems that each argument names.
pub(super) fn load(arguments: &[String], store: &Path) -> Result<Vec<Vec<Input>>, CliError> {
    let mut opened = None;
    let mut all = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let inputs = match file_of(argument)? {
            Some((path, target)) => files::read(&path, target)?,
            None => {
                if opened.is_none() {
                    opened = Some(record::open(store)?);
                }
                let Some(store) = &opened else { continue };
                let runs = scored::of_reference(store, RunReference::of(argument))?;
                runs.into_iter().map(of_record).collect()
            }
        };
        all.push(inputs);
        let systems: usize = all.iter().map(Vec::len).sum();
        if systems > SYSTEMS_MAX {
            return Err(CliError::usage(format!(
                "{systems} systems, at most {SYSTEMS_MAX} are compared at a time"
            )));
        }
    }
    Ok(all)
}

fn of_record(run: ScoredRun) -> Input {
    let id = run.run_id.clone().unwrap_or_else(|| RunId::from_text(""));
    Input {
        source: Source::Record(id),
        run,
    }
}

/// The file that an argument names, and the target behind an `@`; `None` for a run.
fn file_of(argument: &str) -> Result<Option<(PathBuf, Option<&str>)>, CliError> {
    let whole = Path::new(argument);
    if whole.is_dir() {
        return Err(CliError::usage(format!(
            "{argument} is a folder, expected a file or a run"
        )));
    }
    if whole.exists() {
        return Ok(Some((whole.to_owned(), None)));
    }
    if let Some((path, target)) = argument.rsplit_once('@')
        && Path::new(path).is_file()
    {
        return Ok(Some((path.into(), Some(target))));
    }
    let path = argument.rsplit_once('@').map_or(argument, |(path, _)| path);
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    let is_path = path.contains(std::path::is_separator)
        || ending.is_some_and(|ending| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()));
    if is_path {
        return Err(CliError::usage(format!("there is no file {path}"))
            .hint("a run is named by its id or `latest`: seatrial report list"));
    }
    Ok(None)
}

/// Systems that are compared with each other: all of them where each argument names one, or those of one run; by target
/// where several runs have the same targets.
pub(super) fn groups(mut arguments: Vec<Vec<Input>>) -> Result<Vec<Vec<Input>>, CliError> {
    if let Some(empty) = arguments.iter().position(Vec::is_empty) {
        return Err(CliError::usage(format!(
            "run {} of the command line has no targets on record",
            empty + 1
        )));
    }
    let mut groups = if arguments.len() == 1 {
        let only = arguments.remove(0);
        if only.len() < 2 {
            return Err(
                CliError::usage("one system alone, expected two or more to compare")
                    .hint("name another run or file: seatrial compare RUN_A RUN_B"),
            );
        }
        vec![only]
    } else if arguments.iter().all(|inputs| inputs.len() == 1) {
        vec![arguments.into_iter().flatten().collect()]
    } else {
        by_target(arguments)?
    };
    groups.iter_mut().for_each(|group| name_apart(group));
    Ok(groups)
}

fn by_target(arguments: Vec<Vec<Input>>) -> Result<Vec<Vec<Input>>, CliError> {
    let names = |inputs: &[Input]| -> Vec<String> {
        let names = inputs
            .iter()
            .map(|input| input.run.target.clone().unwrap_or_default());
        names.collect()
    };
    let sorted = |inputs: &[Input]| {
        let mut names = names(inputs);
        names.sort();
        names
    };
    let order = arguments.first().map(|inputs| names(inputs)).unwrap_or_default();
    if let Some(other) = arguments
        .iter()
        .find(|inputs| sorted(inputs) != sorted(&arguments[0]))
    {
        let describe = |inputs: &[Input]| {
            let run = inputs.first().and_then(|input| input.run.run_id.as_ref());
            let run = run.map_or_else(|| "a file".to_owned(), |run| format!("run {run}"));
            format!("{run} has {}", names(inputs).join(", "))
        };
        return Err(CliError::usage(format!(
            "the targets do not match: {}, {}",
            describe(&arguments[0]),
            describe(other)
        ))
        .hint("say which target of a run is meant: RUN@TARGET"));
    }
    let mut by_name: BTreeMap<String, Vec<Input>> = BTreeMap::new();
    for input in arguments.into_iter().flatten() {
        by_name
            .entry(input.run.target.clone().unwrap_or_default())
            .or_default()
            .push(input);
    }
    Ok(order.iter().filter_map(|name| by_name.remove(name)).collect())
}

/// Labels name systems everywhere, so no two are the same: the second of a name gets a number.
fn name_apart(group: &mut [Input]) {
    let mut taken: Vec<String> = Vec::with_capacity(group.len());
    for input in group {
        let mut label = input.run.label.clone();
        let mut number = 2;
        while taken.contains(&label) {
            label = format!("{} ({number})", input.run.label);
            number += 1;
        }
        input.run.label.clone_from(&label);
        taken.push(label);
    }
}
