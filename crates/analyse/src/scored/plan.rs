//! Identity and subject of every target of a recorded plan. Apart, because it reads the JSON of the plan as it was
//! recorded, by this version or an earlier one: what it does not find is not said.

use super::fields::{Identity, Origin, Subject};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A target of a recorded plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTarget {
    /// Name.
    pub name: String,
    /// What must be equal, of the tasks that ask it.
    pub identity: Identity,
    /// What may differ; what only answers tell (the served model) is not in it yet.
    pub subject: Subject,
}

/// The targets of a plan, in order, from its JSON text; `tool_version` is that of the run.
///
/// An endpoint's address is part of the subject; of a model that scorers ask it is not even that, because where a judge
/// runs is not what it is.
#[must_use]
pub fn planned_targets(plan: &Value, tool_version: &str) -> Vec<PlannedTarget> {
    let is_imported = plan.get("imported").is_some();
    let targets = list(&plan["suite"]["targets"]).enumerate();
    targets
        .map(|(index, target)| PlannedTarget {
            name: text(&target["name"]).to_owned(),
            identity: Identity {
                origin: if is_imported {
                    Origin::Imported
                } else {
                    Origin::Plan
                },
                tasks: identities(plan, target),
            },
            subject: subject(plan, target, index, tool_version),
        })
        .collect()
}

fn identities(plan: &Value, target: &Value) -> BTreeMap<String, BTreeMap<String, Value>> {
    let name = &target["name"];
    let tasks = list(&plan["suite"]["tasks"]).enumerate();
    tasks
        .filter(|(_, task)| task["targets"].is_null() || list(&task["targets"]).any(|asked| asked == name))
        .map(|(index, task)| (text(&task["name"]).to_owned(), identity(plan, task, index)))
        .collect()
}

fn identity(plan: &Value, task: &Value, index: usize) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: &Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value.clone());
        }
    };
    let dataset = &plan["datasets"][index];
    put("dataset", &dataset["rows"]);
    put("cases", &dataset["cases"]);
    put("images", &dataset["images"]);
    for name in ["recipe", "fields", "cluster", "selection", "seed", "slices"] {
        put(name, &task[name]);
    }
    for (number, scorer) in list(&task["scorers"]).enumerate() {
        let name = text(&scorer["name"]);
        put(&format!("scorers.{name}.scorer"), &scorer["scorer"]);
        put(&format!("scorers.{name}.options"), &scorer["options"]);
        put(
            &format!("scorers.{name}.version"),
            &plan["scorer_versions"][index][number],
        );
        for model in models_in(plan, &scorer["options"]) {
            let model_name = text(&model["name"]);
            let endpoint = &model["endpoint"];
            put(&format!("models.{model_name}.provider"), &model["provider"]);
            put(&format!("models.{model_name}.model"), &endpoint["model"]);
            put(&format!("models.{model_name}.params"), &endpoint["params"]);
        }
    }
    let scorer_files = files(plan, false);
    if list(&task["scorers"]).next().is_some() && !scorer_files.is_empty() {
        fields.insert("files".to_owned(), scorer_files.into());
    }
    fields
}

/// Models of the plan that any text in these options names.
fn models_in<'a>(plan: &'a Value, options: &Value) -> Vec<&'a Value> {
    /// Deepest nesting that is looked at; scorers of scorers go a few levels.
    const DEPTH_MAX: usize = 32;
    fn names(value: &Value, name: &Value, depth: usize) -> bool {
        if depth == 0 {
            return false;
        }
        match value {
            Value::Array(items) => items.iter().any(|item| names(item, name, depth - 1)),
            Value::Object(map) => map.values().any(|item| names(item, name, depth - 1)),
            scalar => scalar == name,
        }
    }
    let models = list(&plan["suite"]["models"]);
    models
        .filter(|model| names(options, &model["name"], DEPTH_MAX))
        .collect()
}

/// Files that programs are made of: those that a target's command names are the target, all others judge.
fn files(plan: &Value, of_targets: bool) -> Vec<Value> {
    let commands: Vec<&Value> = list(&plan["suite"]["targets"])
        .flat_map(|target| list(&target["endpoint"]["command"]))
        .collect();
    list(&plan["files"])
        .filter(|file| commands.contains(&&file[0]) == of_targets)
        .cloned()
        .collect()
}

fn subject(plan: &Value, target: &Value, index: usize, tool_version: &str) -> Subject {
    let mut fields = BTreeMap::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    };
    let endpoint = &target["endpoint"];
    put("provider", target["provider"].clone());
    put("model", endpoint["model"].clone());
    put("parameters", endpoint["params"].clone());
    put("price", target["price"].clone());
    put("tool_version", json!(tool_version));
    put("recorded_answers", plan["recorded_answers"][index].clone());
    let rest: Map<String, Value> = endpoint
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "model" | "params"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // One part alone, which is an address most of the time, is shown without the braces around it.
    match (rest.len(), rest.get("base_url")) {
        (0, _) => {}
        (1, Some(address)) => put("endpoint", address.clone()),
        _ => put("endpoint", Value::Object(rest)),
    }
    if endpoint["command"].is_array() {
        let files = files(plan, true);
        put(
            "files",
            if files.is_empty() {
                Value::Null
            } else {
                files.into()
            },
        );
    }
    for task in list(&plan["suite"]["tasks"]) {
        put(
            &format!("prompt.{}", text(&task["name"])),
            prompt(&task["prompt"]),
        );
    }
    Subject { fields }
}

/// A prompt, as short as it can be written.
fn prompt(prompt: &Value) -> Value {
    let messages: Vec<&Value> = list(&prompt["messages"]).collect();
    match messages.as_slice() {
        [one] if one["role"] == "user" && one.as_object().is_some_and(|one| one.len() == 2) => {
            one["content"].clone()
        }
        _ => prompt.clone(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scored::{identity_differences, subject_differences};

    fn plan() -> Value {
        json!({
            "plan": 1,
            "suite": {
                "identity": 1, "seed": 3,
                "targets": [
                    {"name": "small", "provider": "openai", "price": null,
                     "endpoint": {"base_url": "http://127.0.0.1:1/v1", "model": "m-1", "params": {"temperature": 0}}},
                    {"name": "bot", "provider": "exec", "price": null,
                     "endpoint": {"command": ["python3", "bot.py"], "params": {}}},
                ],
                "models": [{"name": "judge", "provider": "openai",
                            "endpoint": {"base_url": "http://127.0.0.1:2/v1", "model": "j-1", "params": {}}}],
                "tasks": [
                    {"name": "qa", "prompt": {"messages": [{"role": "user", "content": "{{ q }}"}]},
                     "scorers": [{"scorer": "exact_match", "name": "exact_match", "options": {}},
                                 {"scorer": "similarity", "name": "near", "options": {"model": "judge"}}],
                     "cluster": null, "selection": {"limit": 9}, "seed": 3, "slices": ["topic"], "epochs": 2},
                    {"name": "chat", "targets": ["bot"], "prompt": {"input": {"system": null}}, "scorers": [],
                     "selection": "all", "seed": 3, "slices": []},
                ],
            },
            "datasets": [{"rows": "aa", "cases": "bb"}, {"rows": "cc", "cases": "dd"}],
            "scorer_versions": [[1, 2], []],
            "recorded_answers": [null, null],
            "files": [["bot.py", "11"], ["judge.py", "22"]],
        })
    }

    /// Changes one place of the plan and says which fields of identity and subject of the first target it touches.
    fn touched(pointer: &str, value: Value) -> (Vec<String>, Vec<String>) {
        let mut changed = plan();
        *changed.pointer_mut(pointer).unwrap() = value;
        let (old, new) = (planned_targets(&plan(), "1"), planned_targets(&changed, "1"));
        let names = |fields: Vec<crate::scored::FieldDifference>| {
            fields.into_iter().map(|difference| difference.field).collect()
        };
        (
            names(identity_differences(&old[0].identity, &new[0].identity)),
            names(subject_differences(&old[0].subject, &new[0].subject)),
        )
    }

    /// Protects the line between identity and subject, field by field as the design draws it.
    #[test]
    fn every_change_is_on_its_side() {
        let identity = |pointer: &str, value: Value, field: &str| {
            assert_eq!(
                touched(pointer, value),
                (vec![field.to_owned()], vec![]),
                "{pointer}"
            );
        };
        identity("/datasets/0/rows", json!("ab"), "qa.dataset");
        identity("/datasets/0/cases", json!("ab"), "qa.cases");
        identity("/scorer_versions/0/1", json!(3), "qa.scorers.near.version");
        identity(
            "/suite/tasks/0/scorers/0/options",
            json!({"negate": true}),
            "qa.scorers.exact_match.options",
        );
        identity(
            "/suite/models/0/endpoint/model",
            json!("j-2"),
            "qa.models.judge.model",
        );
        identity("/suite/tasks/0/selection", json!("all"), "qa.selection");
        identity("/suite/tasks/0/seed", json!(4), "qa.seed");
        identity("/suite/tasks/0/slices", json!([]), "qa.slices");
        identity("/files/1/1", json!("33"), "qa.files");
        let subject = |pointer: &str, value: Value, field: &str| {
            assert_eq!(
                touched(pointer, value),
                (vec![], vec![field.to_owned()]),
                "{pointer}"
            );
        };
        subject(
            "/suite/tasks/0/prompt/messages/0/content",
            json!("{{ q }}!"),
            "prompt.qa",
        );
        subject("/suite/targets/0/endpoint/model", json!("m-2"), "model");
        subject(
            "/suite/targets/0/endpoint/base_url",
            json!("http://127.0.0.1:9/v1"),
            "endpoint",
        );
        subject("/suite/targets/0/endpoint/params", json!({}), "parameters");
        subject(
            "/suite/targets/0/price",
            json!({"input_usd_per_mtok": "1"}),
            "price",
        );
        for indifferent in [
            "/suite/tasks/0/epochs",
            "/suite/models/0/endpoint/base_url",
            "/suite/targets/0/name",
        ] {
            assert_eq!(
                touched(indifferent, json!("x")),
                (vec![], vec![]),
                "{indifferent}"
            );
        }
        let planned = planned_targets(&plan(), "1");
        assert!(
            !planned[0].identity.tasks.contains_key("chat") && planned[1].identity.tasks.contains_key("chat")
        );
        assert_eq!(planned[1].subject.fields["files"], json!([["bot.py", "11"]]));
    }

    /// Protects against plans of anybody: nothing is found in nothing.
    #[test]
    fn other_json_is_no_plan() {
        for other in [json!(null), json!([]), json!({"suite": {"targets": 7}})] {
            assert_eq!(planned_targets(&other, "1"), []);
        }
    }
}
