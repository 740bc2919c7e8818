//! The way from a file to a draft plan: bounded reading, the tree, the tables, then targets, tasks and gates with
//! everything that was wrong collected on the way.

use crate::check::{Demand, check_record};
use crate::diagnostics::{Diagnostics, Location, Source, shown};
use crate::gate;
use crate::plan::{
    Budget, CacheMode, DEFAULT_MAX_ERROR_RATE, DraftPlan, ErrorCap, Extend, Origin, Target, Task, Warning,
};
use crate::quarantine;
use crate::scalar::to_json;
use crate::tables::{MAX_TASKS, SUITE};
use crate::task::Shared;
use crate::vocabulary::{OptionShape, Vocabulary};
use crate::yaml::{Data, MAX_FILE_BYTES, Node, parse};
use crate::{against, include, load, scorer, target, task};
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Largest `defaults:` block. They are copied into every target or task, so they must be small.
pub const MAX_DEFAULTS_BYTES: usize = 64 * 1024;

/// What reading a suite yields: the plan with warnings, or everything that is wrong.
pub type ReadResult = Result<(DraftPlan, Vec<Warning>), Diagnostics>;

/// Reads and checks a suite file of at most [`MAX_FILE_BYTES`] bytes.
///
/// Datasets are not looked at. Paths in the plan are resolved against the folder of `path`.
///
/// # Errors
/// All errors of the file in one go; a file that cannot be read or is not UTF-8 is one of them.
pub fn read_suite(path: &Path, vocabulary: &Vocabulary) -> ReadResult {
    let text = read_text(path)?;
    parse_suite(&text, path, vocabulary)
}

/// The same for a text that was read already; `path` is used for messages and for resolving paths. `${NAME}` takes
/// values from the environment of the process.
///
/// # Errors
/// All errors of the text in one go.
pub fn parse_suite(text: &str, path: &Path, vocabulary: &Vocabulary) -> ReadResult {
    parse_suite_in(text, path, vocabulary, &|name| std::env::var(name).ok())
}

/// The same in another environment: `variables` yields the value of each, or `None` where it is not set.
///
/// # Errors
/// All errors of the text in one go.
pub fn parse_suite_in(
    text: &str,
    path: &Path,
    vocabulary: &Vocabulary,
    variables: &dyn Fn(&str) -> Option<String>,
) -> ReadResult {
    let (source, root) = parse_bounded(text, path)?;
    let whole = root.span.clone();
    let mut errors = Diagnostics::new(source);
    let expanded = include::expand(root, path, variables, &mut errors);
    let source = errors.source().clone();
    let mut reader = Reader {
        errors,
        warnings: Vec::new(),
        vocabulary,
        models: Vec::new(),
    };
    let plan = expanded.and_then(|expanded| {
        let mut plan = reader.suite(&expanded.root, source)?;
        plan.origin.environment = expanded.environment;
        Some(plan)
    });
    match plan {
        Some(plan) if reader.errors.is_empty() => Ok((plan, reader.warnings)),
        _ => {
            if reader.errors.is_empty() {
                // Unreachable unless a value is refused without a word; better a poor message than a wrong plan.
                reader.errors.push(&whole, "the suite cannot be read", None);
            }
            Err(reader.errors)
        }
    }
}

/// Converts YAML to JSON: one document, without anchors, aliases, tags or repeated keys. Keys become texts.
///
/// # Errors
/// Everything in the text that JSON cannot hold or that is not YAML; `path` is used for messages.
pub fn load_yaml_value(text: &str, path: &Path) -> Result<serde_json::Value, Diagnostics> {
    let (source, root) = parse_bounded(text, path)?;
    let mut errors = Diagnostics::new(source);
    let value = to_json(&root, &mut errors);
    if errors.is_empty() { Ok(value) } else { Err(errors) }
}

pub(crate) fn parse_bounded(text: &str, path: &Path) -> Result<(Source, Node), Diagnostics> {
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(too_large(path));
    }
    let source = Source::new(path.to_owned(), text);
    let mut errors = Diagnostics::new(source.clone());
    match parse(&source, &mut errors) {
        Some(root) if errors.is_empty() => Ok((source, root)),
        _ => Err(errors),
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String, Diagnostics> {
    let fail = |message: String, hint: Option<String>| {
        let source = Source::new(path.to_owned(), "");
        let mut errors = Diagnostics::new(source.clone());
        errors.push_at(source.whole(), message, hint);
        errors
    };
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        };
        return Err(fail(
            format!("the file cannot be read: {reason}"),
            other_ending(path),
        ));
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
        return Err(too_large(path));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = bytes.get(..valid).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let message = if is_utf16 {
            "the file is UTF-16, expected UTF-8".to_owned()
        } else {
            format!("the file is not UTF-8: byte 0x{byte:02x} on line {line}")
        };
        fail(message, Some("save the file as UTF-8".to_owned()))
    })
}

fn too_large(path: &Path) -> Diagnostics {
    let source = Source::new(path.to_owned(), "");
    let mut errors = Diagnostics::new(source.clone());
    let message = format!("the file has more than {} MiB", MAX_FILE_BYTES / (1024 * 1024));
    let hint = "put the data into a dataset file".to_owned();
    errors.push_at(source.whole(), message, Some(hint));
    errors
}

/// `suite.yml` where `suite.yaml` was asked for, and the other way round.
fn other_ending(path: &Path) -> Option<String> {
    let other = match path.extension()?.to_str()? {
        "yaml" => "yml",
        "yml" => "yaml",
        _ => return None,
    };
    let other = path.with_extension(other);
    other
        .is_file()
        .then(|| format!("there is {}", shown(&other.display().to_string())))
}

fn absolute_folder(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    // Fails only where there is no working directory; then a relative path is the best there is.
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// What every part of the reading needs.
pub(crate) struct Reader<'a> {
    pub(crate) errors: Diagnostics,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) vocabulary: &'a Vocabulary,
    /// Names of the models that scorers may ask.
    pub(crate) models: Vec<String>,
}

impl Reader<'_> {
    /// Adds a warning, once.
    pub(crate) fn warn(&mut self, span: &Range<usize>, message: impl Into<String>, hint: Option<String>) {
        let warning = Warning {
            message: message.into(),
            hint,
            location: self.errors.locate(span),
        };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// A path, absolute: it is meant from the folder of the file in which `node`, where it is written, stands.
    pub(crate) fn resolve(&self, node: &Node, written: &str) -> PathBuf {
        absolute_folder(self.errors.source().path_at(node.span.start)).join(written)
    }

    fn suite(&mut self, root: &Node, source: Source) -> Option<DraftPlan> {
        check_record(&SUITE, root, Demand::Whole, &mut self.errors);
        let defaults = root.get("defaults");
        let seed = root.whole("seed").unwrap_or(0);
        let slices = root.texts("slices");

        let mut locations = BTreeMap::new();
        let items = |key: &str| root.get(key).map_or(&[][..], Node::items);
        let mut targets = Vec::new();
        for (index, own) in items("targets").iter().enumerate() {
            let (target, merged) = target::read(own, defaults.and_then(|node| node.get("target")), self);
            targets.push(target);
            self.record(&format!("targets/{index}"), &merged, &mut locations);
        }
        // Before the tasks, whose scorers name them.
        let mut models = Vec::new();
        for (index, own) in items("models").iter().enumerate() {
            let (model, merged) = target::read(own, None, self);
            models.push(model);
            self.record(&format!("models/{index}"), &merged, &mut locations);
        }
        self.models = self.unique_names("model", items("models"));
        let target_names = self.unique_names("target", items("targets"));
        let shared = Shared {
            seed,
            sequential: root.truth("sequential").unwrap_or(false),
            slices: &slices,
            targets: &target_names,
            defaults: defaults.and_then(|node| node.get("task")),
        };
        let (mut tasks, mut task_names) = (Vec::new(), Vec::new());
        for own in items("tasks").iter().filter(|own| !load::is_load(own)) {
            for read in task::read(own, &shared, self) {
                self.record(&format!("tasks/{}", tasks.len()), &read.node, &mut locations);
                tasks.push(read.task);
                task_names.push(read.name);
            }
        }
        let mut loads = Vec::new();
        for own in items("tasks").iter().filter(|own| load::is_load(own)) {
            self.record(&format!("loads/{}", loads.len()), own, &mut locations);
            let known = tasks.len();
            loads.push(load::read(own, &shared, &mut tasks, &mut task_names, self));
            if tasks.len() > known {
                self.record(&format!("tasks/{known}"), own, &mut locations);
            }
        }
        let load_names: Vec<String> = loads.iter().map(|load| load.name.clone()).collect();
        self.bound_tasks(root, tasks.len())?;
        self.unique_names("task", items("tasks"));
        let known = gate::Known {
            targets: &targets,
            target_names: &target_names,
            tasks: &tasks,
            task_names: &task_names,
            load_names: &load_names,
        };
        let (mut gate_nodes, mut load_gates) = (Vec::new(), Vec::new());
        for node in gate::expand(items("gates"), &known) {
            match load::asked_of(&node, &known) {
                None => gate_nodes.push(node),
                Some(of) => {
                    let path = format!("load_gates/{}", load_gates.len());
                    self.record(&path, &node, &mut locations);
                    load_gates.push(load::read_gate(&node, of, &known, &loads, self));
                }
            }
        }
        let gates = gate::read_all(&gate_nodes, &known, self);
        for (index, node) in gate_nodes.iter().enumerate() {
            self.record(&format!("gates/{index}"), node, &mut locations);
        }
        let quarantine = quarantine::read_all(items("quarantine"), &task_names, self);
        for (index, node) in items("quarantine").iter().enumerate() {
            self.record(&format!("quarantine/{index}"), node, &mut locations);
        }
        if !self.errors.is_empty() {
            return None;
        }
        Some(DraftPlan {
            path: source.path().to_owned(),
            name: root.text("name")?.to_owned(),
            seed,
            targets: targets.into_iter().collect::<Option<Vec<Target>>>()?,
            models: models.into_iter().collect::<Option<Vec<Target>>>()?,
            tasks: tasks.into_iter().collect::<Option<Vec<Task>>>()?,
            loads: loads
                .into_iter()
                .map(|read| read.load)
                .collect::<Option<Vec<_>>>()?,
            gates,
            load_gates: load_gates.into_iter().collect::<Option<Vec<_>>>()?,
            baseline: against::read_baseline(root),
            error_cap: error_cap(root),
            budget: budget(root.get("budget")),
            extend: extend(root.get("extend")),
            cache: root
                .text("cache")
                .and_then(CacheMode::from_word)
                .unwrap_or_default(),
            quarantine,
            origin: Origin {
                source,
                locations,
                environment: BTreeMap::new(),
            },
        })
    }

    /// `None` ends the reading: prompts have multiplied the tasks beyond bounds.
    fn bound_tasks(&mut self, root: &Node, count: usize) -> Option<()> {
        if count <= MAX_TASKS {
            return Some(());
        }
        let at = root.get("tasks").map_or(&root.span, |tasks| &tasks.span);
        let message =
            format!("there are {count} tasks once each prompt is counted, expected at most {MAX_TASKS}");
        self.errors.push(at, message, None);
        None
    }

    /// Names in order, each of them reported when it was there before; empty where there is none.
    fn unique_names(&mut self, what: &str, nodes: &[Node]) -> Vec<String> {
        let mut known: BTreeMap<&str, Location> = BTreeMap::new();
        for value in nodes.iter().filter_map(|node| node.get("name")) {
            let Some(name) = value.as_text() else { continue };
            if let Some(first) = known.get(name) {
                let first = self.errors.before(first, &value.span);
                let message = format!(
                    "there are two {what}s named {}; the first is {first}",
                    shown(name)
                );
                self.errors.push(
                    &value.span,
                    message,
                    Some("give each a name of its own".to_owned()),
                );
            } else {
                known.insert(name, self.errors.locate(&value.span));
            }
        }
        nodes
            .iter()
            .map(|node| node.text("name").unwrap_or_default().to_owned())
            .collect()
    }

    /// Notes where a node and what is below it stands; options of scorers directly below the scorer.
    fn record(&self, path: &str, node: &Node, locations: &mut BTreeMap<String, Location>) {
        locations.insert(path.to_owned(), self.errors.locate(&node.span));
        for entry in node.entries() {
            let below = format!("{path}/{}", entry.key.text);
            if entry.key.text == "scorers" {
                self.record_scorers(&below, &entry.value, locations);
            } else if entry.key.text == "params" {
                locations.insert(below, self.errors.locate(&entry.value.span));
            } else {
                self.record(&below, &entry.value, locations);
            }
        }
        for (index, item) in node.items().iter().enumerate() {
            self.record(&format!("{path}/{index}"), item, locations);
        }
    }

    /// Options of a scorer, and scorers inside it: `…/scorers/0/of/1/pattern`.
    fn record_scorers(&self, path: &str, scorers: &Node, locations: &mut BTreeMap<String, Location>) {
        locations.insert(path.to_owned(), self.errors.locate(&scorers.span));
        for (index, item) in scorer::items_or_self(scorers).iter().enumerate() {
            let below = format!("{path}/{index}");
            let Data::Map(entries) = &item.data else {
                locations.insert(below, self.errors.locate(&item.span));
                continue;
            };
            for entry in entries {
                locations.insert(below.clone(), self.errors.locate(&entry.key.span));
                let known = self.vocabulary.scorer(&entry.key.text);
                for option in entry.value.entries() {
                    let name = &option.key.text;
                    let path = format!("{below}/{name}");
                    let shape = known
                        .and_then(|known| known.option(name))
                        .map(|option| option.shape);
                    if shape == Some(OptionShape::Scorers) {
                        self.record_scorers(&path, &option.value, locations);
                    } else {
                        locations.insert(path, self.errors.locate(&option.value.span));
                    }
                }
            }
        }
    }
}

fn budget(node: Option<&Node>) -> Budget {
    Budget {
        cost_usd: node.and_then(|node| node.money("cost_usd")),
        duration: node.and_then(|node| node.duration("duration")),
    }
}

fn extend(node: Option<&Node>) -> Extend {
    Extend {
        epochs_max: node
            .and_then(|node| node.whole("epochs_max"))
            .and_then(|most| u32::try_from(most).ok()),
    }
}

fn error_cap(root: &Node) -> ErrorCap {
    match root.whole("max_errors") {
        Some(count) => ErrorCap::MaxErrors(count),
        None => ErrorCap::MaxErrorRate(root.number("max_error_rate").unwrap_or(DEFAULT_MAX_ERROR_RATE)),
    }
}
