//! Tasks: from a checked map to a dataset, a prompt, scorers and a selection of cases.

use crate::check::{Demand, check_record};
use crate::diagnostics::{Location, shown};
use crate::fields::merge;
use crate::plan::{FieldSource, Metric, ScorerUse, Selection, Task};
use crate::suite::Reader;
use crate::tables::TASK;
use crate::yaml::Node;
use crate::{dataset, message, nearest, scorer};
use seatrial_types::MetricKind;

/// What stands between the name of a task and the name of one of its prompts.
pub(crate) const VARIANT_MARK: char = '@';
/// Keys that a variant takes the place of.
const PROMPT_KEYS: [&str; 3] = ["prompt", "messages", "system"];

/// What a suite says once for all its tasks.
pub(crate) struct Shared<'a> {
    pub(crate) seed: u64,
    pub(crate) sequential: bool,
    pub(crate) slices: &'a [String],
    pub(crate) targets: &'a [String],
    pub(crate) defaults: Option<&'a Node>,
}

/// A task that was read.
pub(crate) struct ReadTask {
    /// `None` where something was reported.
    pub(crate) task: Option<Task>,
    /// Empty where there is none.
    pub(crate) name: String,
    /// Its map, with defaults.
    pub(crate) node: Node,
}

/// Checks one entry of `tasks` with its defaults merged in and lowers it: one task, or one for each of its `prompts`.
pub(crate) fn read(own: &Node, shared: &Shared<'_>, reader: &mut Reader<'_>) -> Vec<ReadTask> {
    let merged = merge(own, shared.defaults, &TASK);
    if let Some(entry) = merged.entry("load") {
        let hint = "write it in each load task".to_owned();
        let message = "a load cannot be shared through `defaults`";
        reader.errors.push(&entry.key.span, message, Some(hint));
    }
    check_record(&TASK, &merged, Demand::Whole, &mut reader.errors);
    check_targets(&merged, shared.targets, reader);
    let nodes = match merged.get("prompts") {
        Some(prompts) if !prompts.items().is_empty() => variants(&merged, prompts, reader),
        _ => vec![merged],
    };
    let lower = |node: Node| ReadTask {
        task: lower(&node, shared, reader),
        name: node.text("name").unwrap_or_default().to_owned(),
        node,
    };
    nodes.into_iter().map(lower).collect()
}

pub(crate) fn check_targets(task: &Node, known: &[String], reader: &mut Reader<'_>) {
    let Some(targets) = task.get("targets") else {
        return;
    };
    for target in targets.items() {
        let Some(name) = target.as_text() else { continue };
        if !known.iter().any(|known| known == name) {
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let hint = nearest::hint(name, "targets", &names);
            let message = format!("there is no target {}", shown(name));
            reader.errors.push(&target.span, message, hint);
        }
    }
}

/// The map of the task once for each of its prompts, named `task@prompt`.
fn variants(task: &Node, prompts: &Node, reader: &mut Reader<'_>) -> Vec<Node> {
    let mut seen: Vec<(&str, Location)> = Vec::new();
    let mut nodes = Vec::with_capacity(prompts.items().len());
    for prompt in prompts.items() {
        let name = prompt.text("name").unwrap_or_default();
        let at = prompt.get("name").map_or(&prompt.span, |node| &node.span);
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name && !name.is_empty()) {
            let first = reader.errors.before(first, at);
            let message = format!(
                "there are two prompts named {}; the first is {first}",
                shown(name)
            );
            let hint = "give each a name of its own".to_owned();
            reader.errors.push(at, message, Some(hint));
        }
        seen.push((name, reader.errors.locate(at)));
        // A system message of the task is that of each prompt without messages of its own.
        let keeps_system = prompt.get("system").is_none() && prompt.get("messages").is_none();
        let mut node = task.clone().without(|entry| {
            let key = entry.key.text.as_str();
            key == "prompts" || (PROMPT_KEYS.contains(&key) && !(key == "system" && keeps_system))
        });
        let own = prompt.entries().iter();
        node.extend(own.filter(|entry| PROMPT_KEYS.contains(&entry.key.text.as_str())));
        if let Some(of_task) = task.text("name") {
            node.set_text("name", &format!("{of_task}{VARIANT_MARK}{name}"));
        }
        nodes.push(node);
    }
    nodes
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
    let success = scorers
        .as_deref()
        .and_then(|scorers| lower_success(task, scorers, reader));
    let mut dataset = dataset?;
    if let Some(cluster) = &cluster {
        dataset.fields.cluster = Some(FieldSource::Column(cluster.clone()));
    }
    Some(Task {
        name: task.text("name")?.to_owned(),
        dataset,
        targets: task.texts("targets"),
        prompt: prompt?,
        scorers: scorers?,
        success,
        cluster,
        epochs: u32::try_from(epochs).ok()?,
        sequential: task.truth("sequential").unwrap_or(shared.sequential),
        selection: lower_selection(task),
        seed: task.whole("seed").unwrap_or(shared.seed),
        under_load: false,
        slices,
    })
}

/// The metric that `success` names, itself or by its scorer; `None` where nothing is named, and where it is wrong and was
/// reported.
fn lower_success(task: &Node, scorers: &[ScorerUse], reader: &mut Reader<'_>) -> Option<String> {
    let value = task.get("success")?;
    let name = value.as_text()?;
    let mut metrics = scorers.iter().flat_map(|scorer| &scorer.metrics);
    let of_scorer = || {
        let scorer = scorers.iter().find(|scorer| scorer.name == name)?;
        let is_right_or_wrong = |metric: &&Metric| metric.kind == MetricKind::Binary;
        // A scorer of several metrics is called by one of them; where none is right or wrong the first is told.
        let metrics = &scorer.metrics;
        metrics.iter().find(is_right_or_wrong).or(metrics.first())
    };
    let Some(metric) = metrics.find(|metric| metric.name == name).or_else(of_scorer) else {
        let names: Vec<&str> = scorers
            .iter()
            .flat_map(|scorer| &scorer.metrics)
            .filter(|metric| metric.kind == MetricKind::Binary)
            .map(|metric| metric.name.as_str())
            .collect();
        let message = format!("there is no scorer {} in this task", shown(name));
        let hint = nearest::hint(name, "scorers that say right or wrong", &names);
        reader.errors.push(&value.span, message, hint);
        return None;
    };
    if metric.kind != MetricKind::Binary {
        let message = format!(
            "`success` needs a scorer that says right or wrong, and {} gives a number",
            shown(name)
        );
        let hint =
            "give the scorer a limit (`at_least`), which turns its number into right or wrong".to_owned();
        reader.errors.push(&value.span, message, Some(hint));
        return None;
    }
    Some(metric.name.clone())
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
