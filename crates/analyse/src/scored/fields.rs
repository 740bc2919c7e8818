//! Identity and subject: named facts of a run, and where two runs differ in them. Apart from how they are read from a
//! plan, because a baseline brings its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Who says what a run was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A plan of our own: every field is known.
    Plan,
    /// The files of another tool: hashes of cases and names of scorers, made in another way than a plan's.
    Imported,
    /// Nobody: scores alone.
    #[default]
    Unknown,
}

/// What must be equal for two runs to be comparable, by task: dataset, cases, recipe, scorers with versions and options,
/// models that scorers ask, selection, seed, slices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// Who says so. Only identities of one origin can be held against each other.
    pub origin: Origin,
    /// By task, by field, such as `dataset` or `scorers.exact_match.version`.
    #[serde(default)]
    pub tasks: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What may differ and is what is compared, by field: `model`, `served_model`, `endpoint`, `parameters`, `price`,
/// `prompt.TASK`, `tool_version`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// By field.
    #[serde(default)]
    pub fields: BTreeMap<String, Value>,
}

/// A field that two runs do not share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// The field; of an identity `TASK.FIELD`.
    pub field: String,
    /// Its value in A; null where A has none.
    pub a: Value,
    /// Its value in B; null where B has none.
    pub b: Value,
}

/// Most characters of a value that a sentence shows.
const VALUE_CHARS_MAX: usize = 60;

impl std::fmt::Display for FieldDifference {
    /// `field: a → b`, values cut to a readable length; where both are long texts, the first part that differs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (a, b) = (plain(&self.a), plain(&self.b));
        let from = first_difference(&a, &b);
        write!(f, "{}: {} → {}", self.field, shown(&a, from), shown(&b, from))
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The character from which on two texts are shown: 0, or a little before they part.
fn first_difference(a: &str, b: &str) -> usize {
    const LEAD: usize = 20;
    let fits = |text: &str| text.chars().count() <= VALUE_CHARS_MAX;
    if fits(a) && fits(b) {
        return 0;
    }
    let common = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    common.saturating_sub(LEAD)
}

fn shown(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let part: String = rest.by_ref().take(VALUE_CHARS_MAX).collect();
    let (before, after) = (
        if from > 0 { "…" } else { "" },
        if rest.next().is_some() { "…" } else { "" },
    );
    format!("{before}{part}{after}")
}

/// Where two identities differ, in tasks that both have: sorted by task and field. Identities of different origins, or
/// of none, cannot be held against each other and have no differences.
#[must_use]
pub fn identity_differences(a: &Identity, b: &Identity) -> Vec<FieldDifference> {
    if a.origin != b.origin || a.origin == Origin::Unknown {
        return Vec::new();
    }
    let mut differences = Vec::new();
    for (task, of_a) in &a.tasks {
        if let Some(of_b) = b.tasks.get(task) {
            let fields = differing(of_a, of_b);
            differences.extend(fields.into_iter().map(|difference| FieldDifference {
                field: format!("{task}.{}", difference.field),
                ..difference
            }));
        }
    }
    differences
}

/// What changed between two systems, sorted by field.
#[must_use]
pub fn subject_differences(a: &Subject, b: &Subject) -> Vec<FieldDifference> {
    differing(&a.fields, &b.fields)
}

fn differing(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) -> Vec<FieldDifference> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, name: &str| of.get(name).cloned().unwrap_or(Value::Null);
    names
        .into_iter()
        .map(|name| FieldDifference {
            field: name.clone(),
            a: value(a, name),
            b: value(b, name),
        })
        .filter(|difference| difference.a != difference.b)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn identity(origin: Origin, tasks: &[(&str, &[(&str, Value)])]) -> Identity {
        let fields = |fields: &[(&str, Value)]| {
            let fields = fields.iter();
            fields
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect()
        };
        Identity {
            origin,
            tasks: tasks
                .iter()
                .map(|(task, of)| ((*task).to_owned(), fields(of)))
                .collect(),
        }
    }

    /// Protects the refusal: every field that differs is named with its task, and nothing else is; tasks of one side and
    /// identities that nobody can compare are no differences.
    #[test]
    fn names_what_differs() {
        let a = identity(
            Origin::Plan,
            &[
                (
                    "x",
                    &[
                        ("dataset", json!("1")),
                        ("seed", json!(7)),
                        ("recipe", json!("r@1")),
                    ],
                ),
                ("only-a", &[("dataset", json!("9"))]),
            ],
        );
        let b = identity(
            Origin::Plan,
            &[("x", &[("dataset", json!("2")), ("seed", json!(7))])],
        );
        let found = identity_differences(&a, &b);
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["x.dataset: 1 → 2", "x.recipe: r@1 → none"]);
        assert_eq!(identity_differences(&a, &a), []);
        for origin in [Origin::Imported, Origin::Unknown] {
            assert_eq!(identity_differences(&a, &Identity { origin, ..b.clone() }), []);
        }
        let nobody = Identity::default();
        assert_eq!(identity_differences(&nobody, &nobody), []);
    }

    /// Protects `changed: …` for long prompts: the part that differs is in sight.
    #[test]
    fn long_values_show_where_they_part() {
        let text = |end: &str| json!(format!("{}{end}", "the same words again. ".repeat(40)));
        let subject = |prompt: Value| Subject {
            fields: BTreeMap::from([("prompt.x".to_owned(), prompt)]),
        };
        let found = subject_differences(&subject(text("Be brief.")), &subject(text("Be thorough.")));
        let line = found[0].to_string();
        assert!(
            line.contains("Be brief.") && line.contains("Be thorough."),
            "{line}"
        );
        assert!(line.chars().count() < 160, "{line}");
    }
}
