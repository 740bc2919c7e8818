//! Quarantine: cases that a team knows to be unreliable, resolved against the tasks. That a case is in its dataset shows
//! only when datasets are read.

use crate::diagnostics::{Location, shown};
use crate::nearest;
use crate::plan::Quarantined;
use crate::suite::Reader;
use crate::task::VARIANT_MARK;
use crate::yaml::Node;
use jiff::civil::Date;
use std::collections::HashMap;

/// Lowers all entries; those with errors are left out.
pub(crate) fn read_all(entries: &[Node], task_names: &[String], reader: &mut Reader<'_>) -> Vec<Quarantined> {
    let mut read: Vec<Quarantined> = Vec::new();
    let mut seen: HashMap<(String, String), Location> = HashMap::new();
    for (entry, node) in entries.iter().enumerate() {
        let tasks = tasks_of(node, task_names, reader);
        let until = until(node, reader);
        let case = case(node, reader);
        let (Some(case), Some(owner), Some(until)) = (case, node.text("owner"), until) else {
            continue;
        };
        for task_index in tasks {
            let Some(task) = task_names.get(task_index) else {
                continue;
            };
            let place = reader.errors.locate(&node.span);
            if let Some(first) = seen.insert((task.clone(), case.clone()), place) {
                let first = reader.errors.before(&first, &node.span);
                let message = format!(
                    "case {} of task `{task}` is there twice; the first is {first}",
                    shown(&case)
                );
                let hint = "remove one of them".to_owned();
                reader.errors.push(&node.span, message, Some(hint));
                continue;
            }
            read.push(Quarantined {
                task_index,
                task: task.clone(),
                case: case.clone(),
                owner: owner.to_owned(),
                until: until.clone(),
                reason: node.text("reason").map(str::to_owned),
                entry,
            });
        }
    }
    read
}

/// The task that an entry names, or its variants where it has several prompts.
fn tasks_of(node: &Node, task_names: &[String], reader: &mut Reader<'_>) -> Vec<usize> {
    let Some(value) = node.get("task") else {
        return Vec::new();
    };
    let Some(name) = value.as_text() else {
        return Vec::new();
    };
    let is_it = |task: &String| {
        task == name
            || task
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(VARIANT_MARK))
    };
    let places: Vec<usize> = (0..task_names.len())
        .filter(|&index| task_names.get(index).is_some_and(is_it))
        .collect();
    if places.is_empty() {
        let names: Vec<&str> = task_names.iter().map(String::as_str).collect();
        let hint = nearest::hint(name, "tasks", &names);
        let message = format!("there is no task {}", shown(name));
        reader.errors.push(&value.span, message, hint);
    }
    places
}

/// An id is a text or a number.
fn case(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let value = node.get("case")?;
    let id = value.scalar_text().filter(|id| !id.is_empty()).map(str::to_owned);
    if id.is_none() {
        let message = "`case` is no id, expected a text or a number";
        reader.errors.push(&value.span, message, None);
    }
    id
}

fn until(node: &Node, reader: &mut Reader<'_>) -> Option<String> {
    let value = node.get("until")?;
    let written = value.as_text()?;
    // Written back, so that nothing passes that compares in another order than its day.
    let day = Date::strptime("%Y-%m-%d", written)
        .ok()
        .filter(|day| day.to_string() == written);
    if day.is_none() {
        let message = format!("{} is no day, expected YYYY-MM-DD", shown(written));
        let hint = "write the last day of the quarantine, such as `2026-12-31`".to_owned();
        reader.errors.push(&value.span, message, Some(hint));
    }
    day.map(|day| day.to_string())
}
