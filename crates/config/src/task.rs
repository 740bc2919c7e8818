//! Tasks: from a checked map to a dataset, a prompt, scorers and a selection of cases.

use crate::check::{Demand, check_record};
use crate::diagnostics::shown;
use crate::fields::merge;
use crate::plan::{FieldSource, Selection, Task};
use crate::suite::Reader;
use crate::tables::TASK;
use crate::yaml::Node;
use crate::{dataset, message, scorer};

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
    let dataset = task.get("dataset").and_then(|node| dataset::lower(node, reader));
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
    if let Some(cluster) = &cluster {
        dataset.fields.cluster = Some(FieldSource::Column(cluster.clone()));
    }
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

/// The column of the cluster; `None` where there is none or where an expression gives it.
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
    task_column.or(field_column.filter(|text| !FieldSource::is_expression(text)))
}
