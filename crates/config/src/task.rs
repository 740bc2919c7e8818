//! Tasks: from a checked map to a dataset, a prompt, scorers and a selection of cases.

use crate::check::{Demand, check_record};
use crate::diagnostics::shown;
use crate::fields::merge;
use crate::message;
use crate::plan::{Dataset, DatasetFormat, Fields, Selection, Task};
use crate::scorer;
use crate::suite::Reader;
use crate::tables::TASK;
use crate::yaml::Node;
use std::path::Path;

/// What a suite says once for all its tasks.
pub(crate) struct Shared<'a> {
    pub(crate) seed: u64,
    pub(crate) slices: &'a [String],
    pub(crate) defaults: Option<&'a Node>,
}

/// Checks one task with its defaults merged in and lowers it. `None` where something was reported.
pub(crate) fn read(own: &Node, shared: &Shared<'_>, reader: &mut Reader<'_>) -> (Option<Task>, Node) {
    let merged = merge(own, shared.defaults, &TASK);
    check_record(&TASK, &merged, Demand::Whole, &mut reader.errors);
    (lower(&merged, shared, reader), merged)
}

fn lower(task: &Node, shared: &Shared<'_>, reader: &mut Reader<'_>) -> Option<Task> {
    // Every part is looked at before any of them can end the reading: all errors in one go.
    let scorers = scorer::read_all(task.get("scorers"), reader);
    let dataset = task.get("dataset").and_then(|node| lower_dataset(node, reader));
    let prompt = message::lower_prompt(task, reader);
    let cluster = lower_cluster(task, reader);
    let mut slices = shared.slices.to_vec();
    for column in task.texts("slices") {
        if !slices.contains(&column) {
            slices.push(column);
        }
    }
    let epochs = task.whole("epochs").unwrap_or(1);
    let mut dataset = dataset?;
    dataset.fields.cluster.clone_from(&cluster);
    Some(Task {
        name: task.text("name")?.to_owned(),
        dataset,
        prompt: prompt?,
        scorers: scorers?,
        cluster,
        epochs: u32::try_from(epochs).ok()?,
        selection: lower_selection(task),
        seed: task.whole("seed").unwrap_or(shared.seed),
        slices,
    })
}

fn lower_selection(task: &Node) -> Selection {
    match (task.whole("limit"), task.whole("first")) {
        (Some(limit), _) => Selection::Limit(limit),
        (None, Some(first)) => Selection::First(first),
        (None, None) => Selection::All,
    }
}

fn lower_cluster(task: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let of_task = task.entry("cluster");
    let of_fields = task
        .get("dataset")
        .and_then(|node| node.get("fields"))
        .and_then(|node| node.entry("cluster"));
    let text =
        |entry: Option<&crate::yaml::Entry>| entry.and_then(|entry| entry.value.as_text()).map(str::to_owned);
    let (task_column, field_column) = (text(of_task), text(of_fields));
    if let (Some(one), Some(other), Some(entry)) = (&task_column, &field_column, of_task)
        && one != other
    {
        let message = format!(
            "the cluster is column {} here, but {} in `dataset: fields`",
            shown(one),
            shown(other)
        );
        reader
            .errors
            .push(&entry.value.span, message, Some("keep one of them".to_owned()));
    }
    task_column.or(field_column)
}

fn lower_dataset(dataset: &Node, reader: &mut Reader<'_>) -> Option<Dataset> {
    let path = dataset.get("path")?;
    let written = dataset.text("path")?;
    if let Some((message, hint)) = refused_path(written) {
        reader.errors.push(&path.span, message, Some(hint.to_owned()));
        return None;
    }
    let format = match dataset.get("format") {
        Some(format) => match format.as_text()? {
            "csv" => DatasetFormat::Csv,
            _ => DatasetFormat::Jsonl,
        },
        None => format_of(written, path, reader)?,
    };
    let column = |key: &str| {
        dataset
            .get("fields")
            .and_then(|fields| fields.text(key))
            .map(str::to_owned)
    };
    Some(Dataset {
        path: reader.resolve(written),
        path_written: written.to_owned(),
        format,
        fields: Fields {
            id: column("id"),
            input: column("input"),
            expected: column("expected"),
            choices: column("choices"),
            cluster: None,
        },
    })
}

/// Paths of other kinds of datasets.
fn refused_path(written: &str) -> Option<(String, &'static str)> {
    if written.starts_with("hf:") {
        let message = format!(
            "{} is a dataset on a hub, which is not in this version",
            shown(written)
        );
        return Some((message, "download the file and write its path"));
    }
    if written.contains("://") {
        let message = format!("{} is an address, expected a path to a file", shown(written));
        return Some((message, "download the file and write its path"));
    }
    let extension = extension(written);
    if matches!(extension.as_deref(), Some("parquet" | "pq")) {
        let message = format!("{} is parquet, which is not in this version", shown(written));
        return Some((message, "convert the file to JSON Lines or CSV"));
    }
    None
}

fn extension(written: &str) -> Option<String> {
    Path::new(written)
        .extension()
        .and_then(|extension| extension.to_str())
        .map(str::to_ascii_lowercase)
}

fn format_of(written: &str, path: &Node, reader: &mut Reader<'_>) -> Option<DatasetFormat> {
    let extension = extension(written);
    match extension.as_deref() {
        Some("jsonl" | "ndjson") => Some(DatasetFormat::Jsonl),
        Some("csv") => Some(DatasetFormat::Csv),
        other => {
            let message = match other {
                Some(other) => format!(
                    "the extension {} does not say how the dataset is written",
                    shown(other)
                ),
                None => format!(
                    "{} has no extension that says how the dataset is written",
                    shown(written)
                ),
            };
            let hint =
                "name the file .jsonl or .csv, or write `format: jsonl` or `format: csv` below `dataset:`";
            reader.errors.push(&path.span, message, Some(hint.to_owned()));
            None
        }
    }
}
