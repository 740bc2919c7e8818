//! The suite and its files as texts. Apart from the reading, because everything here is our own grammar.

use super::cases::{TestCase, Tests};
use super::prompts::{Prompt, is_named};
use super::providers::{Endpoint, Provider};
use super::source::Source;
use super::{CASES_MAX, EMBEDDINGS, Imported, NewFile, PromptfooError, templates};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Columns that are made here; variables of promptfoo hardly begin so.
const ID: &str = "_id";
const CHECKS: &str = "_checks";
const JUDGES: &str = "_judges";
const LEFT_OUT: &str = "_left_out";
const PREFIX: &str = "_prefix";
const SUFFIX: &str = "_suffix";
/// Letters of a name.
const NAME_CHARS_MAX: usize = 60;
/// Comments at the end of the suite.
const COMMENTS_MAX: usize = 200;

struct Task<'a> {
    name: String,
    prompt: &'a Prompt,
    cases: Vec<(String, &'a TestCase)>,
    file: String,
}

pub(super) fn write(
    source: &Source,
    providers: &[Provider],
    prompts: &[Prompt],
    tests: &Tests,
    imported: &mut Imported,
) -> Result<(), PromptfooError> {
    let tasks = tasks(prompts, tests)?;
    let given = tests
        .cases
        .iter()
        .filter(|case| case.provider_output.is_some())
        .count();
    let all_given = given > 0 && given == tests.cases.len();
    let asks = providers
        .iter()
        .any(|provider| provider.endpoint != Endpoint::Echo);
    if asks && given > 0 && !all_given {
        let why = format!("{given} tests bring their answer and others do not; those {given} are asked too");
        imported.leave_out(&source.place("/tests"), "providerOutput", why);
    }
    let mut files = Vec::new();
    let mut target_lines = String::new();
    let mut names = BTreeSet::new();
    for provider in providers {
        let name = unique(&provider.label, "target", &mut names);
        let keys = match &provider.endpoint {
            Endpoint::Target(keys) if !all_given => keys.clone(),
            _ => {
                let file = format!("answers-{}.jsonl", imported.targets.len() + 1);
                files.push(NewFile {
                    name: file.clone(),
                    text: answers(&tasks),
                });
                Map::from_iter([
                    ("provider".to_owned(), json!("recorded")),
                    ("path".to_owned(), json!(file)),
                ])
            }
        };
        push_target(&mut target_lines, &name, &keys, source);
        imported.targets.push(name);
    }
    let with_affixes = tests
        .cases
        .iter()
        .any(|case| !case.prefix.is_empty() || !case.suffix.is_empty());
    let mut task_lines = String::new();
    for task in &tasks {
        push_task(&mut task_lines, task, tests, with_affixes, source, imported);
        files.push(NewFile {
            name: task.file.clone(),
            text: rows(task, prompts, with_affixes),
        });
        imported.tasks.push(task.name.clone());
        imported.cases += task.cases.len();
    }
    let name = source
        .root
        .get("description")
        .and_then(Value::as_str)
        .map_or("promptfoo", |text| text);
    let mut suite = format!(
        "# Made by `seatrial import promptfoo` from {}.\n# Every case brings its own checks; promptfoo's verdict on a row is the metric `checks`.\nversion: 1\nname: {}\n",
        file_name(source),
        slug(name, "promptfoo"),
    );
    let _ = write!(suite, "targets:\n{target_lines}");
    if let Some(keys) = &imported.embeddings {
        let _ = writeln!(suite, "models:\n  - name: {EMBEDDINGS}");
        for (key, value) in keys {
            let _ = writeln!(suite, "    {key}: {value}");
        }
    }
    let _ = write!(suite, "tasks:\n{task_lines}");
    push_comments(&mut suite, imported);
    imported.files.push(NewFile {
        name: "suite.yaml".to_owned(),
        text: suite,
    });
    imported.files.extend(files);
    Ok(())
}

fn file_name(source: &Source) -> String {
    let name = source.path.file_name().and_then(|name| name.to_str());
    name.unwrap_or("a configuration").replace(char::is_control, "?")
}

/// One task for each prompt that has cases; ids are the same in all of them where one prompt does not suffice.
fn tasks<'a>(prompts: &'a [Prompt], tests: &'a Tests) -> Result<Vec<Task<'a>>, PromptfooError> {
    let mut names = BTreeSet::new();
    let mut all = Vec::new();
    let mut count = 0;
    for (index, prompt) in prompts.iter().enumerate() {
        let is_for = |case: &&TestCase| case.prompts.as_ref().is_none_or(|names| is_named(prompt, names));
        let cases: Vec<(String, &TestCase)> = (1..)
            .zip(&tests.cases)
            .filter(|(_, case)| is_for(case))
            .map(|(number, case)| {
                let id = if prompts.len() == 1 {
                    format!("{number}")
                } else {
                    format!("p{}-{number}", index + 1)
                };
                (id, case)
            })
            .collect();
        count += cases.len();
        if cases.is_empty() {
            continue;
        }
        let is_text = prompt.label == prompt.raw;
        let name = if is_text {
            format!("prompt-{}", index + 1)
        } else {
            prompt.label.clone()
        };
        all.push(Task {
            name: unique(&name, "prompt", &mut names),
            prompt,
            cases,
            file: if prompts.len() == 1 {
                "cases.jsonl".to_owned()
            } else {
                format!("cases-{}.jsonl", index + 1)
            },
        });
    }
    if count > CASES_MAX || all.is_empty() {
        let message = if all.is_empty() {
            "no test is for any of the prompts".to_owned()
        } else {
            format!("prompts and tests make {count} cases, at most {CASES_MAX}")
        };
        let hint = "split the configuration".to_owned();
        let place = "prompts".to_owned();
        return Err(PromptfooError::Config { place, message, hint });
    }
    Ok(all)
}

fn push_target(lines: &mut String, name: &str, keys: &Map<String, Value>, source: &Source) {
    let _ = writeln!(lines, "  - name: {}", quoted(name));
    for (key, value) in keys {
        let _ = writeln!(lines, "    {key}: {value}");
    }
    let concurrency = |key: &str| {
        let options = source.root.get(key)?;
        options
            .get("maxConcurrency")?
            .as_u64()
            .filter(|count| (1..=1024).contains(count))
    };
    let found = concurrency("commandLineOptions").or_else(|| concurrency("evaluateOptions"));
    if let (Some(count), false) = (found, keys.contains_key("path")) {
        let _ = writeln!(lines, "    limits: {{concurrency: {count}}}");
    }
}

fn push_task(
    lines: &mut String,
    task: &Task<'_>,
    tests: &Tests,
    with_affixes: bool,
    source: &Source,
    imported: &mut Imported,
) {
    let _ = writeln!(lines, "  - name: {}", quoted(&task.name));
    let _ = writeln!(
        lines,
        "    dataset: {{path: {}, fields: {{id: {ID}}}}}",
        quoted(&task.file)
    );
    match &task.prompt.messages {
        Some(messages) if !with_affixes => {
            lines.push_str("    messages:\n");
            for (role, content) in messages {
                let content = templates::translated(content);
                let _ = writeln!(lines, "      - {{role: {role}, content: {}}}", quoted(&content));
            }
        }
        _ => {
            if with_affixes && task.prompt.messages.is_some() {
                let why = "a conversation with a prefix or suffix is sent as one text";
                imported.leave_out(&source.place("/prompts"), "options.prefix", why);
            }
            let raw = templates::translated(&task.prompt.raw);
            let text = if with_affixes {
                format!("{{{{ {PREFIX} }}}}{raw}{{{{ {SUFFIX} }}}}")
            } else {
                raw
            };
            let _ = writeln!(lines, "    prompt: {}", quoted(&text));
        }
    }
    let named = if tests.named.is_empty() {
        String::new()
    } else {
        format!(", named: {}", json!(tests.named))
    };
    let model = if imported.embeddings.is_some() {
        format!(", model: {EMBEDDINGS}")
    } else {
        String::new()
    };
    let log_probabilities = if imported.wants_log_probabilities {
        ", log_probabilities: true"
    } else {
        ""
    };
    let _ = writeln!(
        lines,
        "    scorers:\n      - checks: {{column: {CHECKS}{named}{model}{log_probabilities}}}"
    );
    if tests.repeat > 1 {
        let _ = writeln!(lines, "    epochs: {}", tests.repeat);
    }
}

/// A text as YAML reads it whatever is in it: JSON is YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn push_comments(suite: &mut String, imported: &Imported) {
    if !imported.judges.is_empty() {
        let _ = writeln!(
            suite,
            "# Waiting for a judge, in the column {JUDGES} of the cases:"
        );
        for (kind, count) in &imported.judges {
            let _ = writeln!(suite, "#   {kind}: {count}");
        }
    }
    if !imported.left_out.is_empty() {
        suite.push_str("# Not carried over:\n");
        for item in imported.left_out.iter().take(COMMENTS_MAX) {
            let line = format!("{}: {}: {}", item.place, item.what, item.why);
            let _ = writeln!(suite, "#   {}", line.replace(char::is_control, " "));
        }
        let more = imported.left_out.len().saturating_sub(COMMENTS_MAX) + imported.left_out_more;
        if more > 0 {
            let _ = writeln!(suite, "#   and {more} more");
        }
    }
}

fn rows(task: &Task<'_>, prompts: &[Prompt], with_affixes: bool) -> String {
    let asked: BTreeSet<String> = prompts
        .iter()
        .filter_map(|prompt| templates::variables(&prompt.raw))
        .flatten()
        .collect();
    let mut text = String::new();
    for (id, case) in &task.cases {
        let mut row = Map::new();
        row.insert(ID.to_owned(), json!(id));
        // A variable that a test lacks is an empty text, as in Nunjucks; here it would be an error.
        for name in &asked {
            row.insert(name.clone(), json!(""));
        }
        for (name, value) in &case.variables {
            row.insert(name.clone(), variable(name, value, &task.prompt.raw));
        }
        if with_affixes {
            row.insert(PREFIX.to_owned(), json!(case.prefix));
            row.insert(SUFFIX.to_owned(), json!(case.suffix));
        }
        if let Some(description) = &case.description {
            row.insert("_description".to_owned(), json!(description));
        }
        if !case.metadata.is_empty() {
            row.insert("_metadata".to_owned(), Value::Object(case.metadata.clone()));
        }
        row.insert(CHECKS.to_owned(), case.checks.clone());
        for (column, list) in [(JUDGES, &case.judges), (LEFT_OUT, &case.left_out)] {
            if !list.is_empty() {
                row.insert(column.to_owned(), Value::Array(list.clone()));
            }
        }
        let _ = writeln!(text, "{}", Value::Object(row));
    }
    text
}

/// Lists and maps are filled in as JSON unless the prompt looks inside them.
fn variable(name: &str, value: &Value, prompt: &str) -> Value {
    let looks_inside = || {
        let inside = [format!("{name}."), format!("{name}["), format!("in {name}")];
        inside.iter().any(|sign| prompt.contains(sign.as_str()))
    };
    match value {
        Value::Array(_) | Value::Object(_) if !looks_inside() => json!(value.to_string()),
        Value::Null => json!(""),
        other => other.clone(),
    }
}

/// Recorded answers: what the test gives, else the prompt itself.
fn answers(tasks: &[Task<'_>]) -> String {
    let mut text = String::new();
    for (id, case, prompt) in tasks
        .iter()
        .flat_map(|task| task.cases.iter().map(|(id, case)| (id, case, task.prompt)))
    {
        let output = match &case.provider_output {
            Some(output) => output.clone(),
            None => {
                let filled = templates::render(&prompt.raw, &case.variables).unwrap_or_default();
                format!("{}{filled}{}", case.prefix, case.suffix)
            }
        };
        let _ = writeln!(text, "{}", json!({"id": id, "output": output}));
    }
    text
}

/// A name of letters, digits, `_` and `-` that none before it has.
fn unique(text: &str, fallback: &str, names: &mut BTreeSet<String>) -> String {
    let base = slug(text, fallback);
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let name = std::iter::once(base.clone())
        .chain(numbered)
        .find(|name| !names.contains(name));
    let name = name.unwrap_or(base);
    names.insert(name.clone());
    name
}

fn slug(text: &str, fallback: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name: String = name.trim_matches('-').chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        fallback.to_owned()
    } else {
        name.to_owned()
    }
}
