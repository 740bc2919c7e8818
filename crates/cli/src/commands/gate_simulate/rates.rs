//! Files of rates or outcomes of single cases, as the cases of a simulation, with a place for every complaint.

use crate::args::RateColumns;
use crate::commands::figures::lines::{is_json_lines, read_text};
use crate::commands::figures::scores_file::{Allowed, Columns, ScoresFile};
use crate::error::CliError;
use seatrial_analyse::simulate::{Known, KnownCase, Population, RateModel, SimulateError};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// Reads the cases of a file.
pub(super) fn read(
    path: &Path,
    columns: &RateColumns,
    model: Option<RateModel>,
) -> Result<Population, CliError> {
    let is_rates = has_rates(path, columns)?;
    let file = ScoresFile::read(
        path,
        Columns {
            id: &columns.id_field,
            score: if is_rates {
                &columns.rate_field
            } else {
                &columns.score_field
            },
            epoch: columns.epoch_field.as_deref(),
            cluster: columns.cluster_field.as_deref(),
        },
        if is_rates { Allowed::Unit } else { Allowed::Binary },
    )?;
    let (cases, rows) = if is_rates {
        rates(&file, &columns.rate_field)?
    } else {
        outcomes(&file)?
    };
    Population::try_new(&cases, model).map_err(|error| {
        let place = |index: &usize| file.place(rows.get(*index).copied().unwrap_or(0));
        match &error {
            SimulateError::Duplicate { first, second, .. } => CliError::usage(format!(
                "{}: {error}; the first is at {}",
                place(second),
                place(first)
            ))
            .hint("a file of rates has one row for each case"),
            SimulateError::ClusterMissing { index, .. } => {
                CliError::usage(format!("{}: {error}", place(index))).hint(
                    "give every case a cluster; a case that depends on no other is a cluster of its own",
                )
            }
            SimulateError::Rate { index, .. } | SimulateError::Counts { index, .. } => {
                CliError::usage(format!("{}: {error}", place(index)))
            }
            SimulateError::NoCases => CliError::usage(format!(
                "{} has no row with a score, expected at least one",
                path.display()
            )),
            _ => CliError::usage(format!("{}: {error}", path.display())),
        }
    })
}

/// Whether a file has a column of rates; else it must have one of scores.
fn has_rates(path: &Path, columns: &RateColumns) -> Result<bool, CliError> {
    let text = read_text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let names: Vec<String> = if is_json_lines(path) {
        let first = text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        // What is no object is refused by the reader, with its line.
        serde_json::from_str::<Map<String, Value>>(first)
            .map(|row| row.keys().cloned().collect())
            .unwrap_or_default()
    } else {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader
            .headers()
            .map(|header| header.iter().map(|name| name.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    if has(&columns.rate_field) {
        return Ok(true);
    }
    if has(&columns.score_field) || text.trim().is_empty() || names.is_empty() {
        return Ok(false);
    }
    Err(CliError::usage(format!(
        "{}:1: neither `{}` nor `{}` is there, found: {}",
        path.display(),
        columns.rate_field,
        columns.score_field,
        names.join(", ")
    ))
    .hint("name the column with --rate-field (rates from 0 to 1) or --score-field (outcomes, 0 or 1)"))
}

type Cases = (Vec<KnownCase>, Vec<usize>);

/// One case a row.
fn rates(file: &ScoresFile, name: &str) -> Result<Cases, CliError> {
    let rows = file.rows.iter().enumerate();
    let cases = rows.map(|(index, row)| {
        let Some(rate) = row.score else {
            return Err(CliError::usage(format!(
                "{}: case `{}` has no `{name}`, expected a number from 0 to 1",
                file.place(index),
                row.id
            )));
        };
        Ok(KnownCase {
            id: row.id.clone(),
            cluster: row.cluster.clone(),
            known: Known::Rate(rate),
        })
    });
    Ok((cases.collect::<Result<_, _>>()?, (0..file.rows.len()).collect()))
}

/// Rows counted by case, in the order of their first row; rows without a score are no answers.
fn outcomes(file: &ScoresFile) -> Result<Cases, CliError> {
    struct Counted {
        first: usize,
        attempts: u64,
        successes: u64,
    }
    let mut seen: HashMap<(&str, u32), usize> = HashMap::with_capacity(file.rows.len());
    let mut order: Vec<&str> = Vec::new();
    let mut counted: HashMap<&str, Counted> = HashMap::new();
    for (index, row) in file.rows.iter().enumerate() {
        if let Some(first) = seen.insert((&row.id, row.epoch), index) {
            return Err(CliError::usage(format!(
                "{}: case `{}` has a second score for epoch {}; the first is at {}",
                file.place(index),
                row.id,
                row.epoch,
                file.place(first)
            ))
            .hint(
                "number repeated answers of one case in a column `epoch`, or name that column: --epoch-field",
            ));
        }
        let case = counted.entry(&row.id).or_insert_with(|| {
            order.push(&row.id);
            Counted {
                first: index,
                attempts: 0,
                successes: 0,
            }
        });
        let known = file
            .rows
            .get(case.first)
            .and_then(|first| first.cluster.as_deref());
        if known != row.cluster.as_deref() {
            let shown =
                |cluster: Option<&str>| cluster.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
            return Err(CliError::usage(format!(
                "{}: the cluster of case `{}` is {}, but at {} it is {}",
                file.place(index),
                row.id,
                shown(row.cluster.as_deref()),
                file.place(case.first),
                shown(known)
            )));
        }
        if let Some(score) = row.score {
            case.attempts += 1;
            case.successes += u64::from(score >= 1.0);
        }
    }
    let cases: Vec<(KnownCase, usize)> = order
        .into_iter()
        .filter_map(|id| Some((id, counted.get(id)?)))
        .filter(|(_, case)| case.attempts > 0)
        .map(|(id, case)| {
            let known = KnownCase {
                id: id.to_owned(),
                cluster: file.rows.get(case.first).and_then(|row| row.cluster.clone()),
                known: Known::Counts {
                    attempts: case.attempts,
                    successes: case.successes,
                },
            };
            (known, case.first)
        })
        .collect();
    Ok(cases.into_iter().unzip())
}
