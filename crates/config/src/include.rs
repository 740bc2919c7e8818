//! `include:`: several suite files as one tree. Apart from the reading, which sees the result as if it were one file,
//! but for places: each node knows in which file it stands.
//!
//! Lists of things (`targets`, `models`, `tasks`, `gates`, `quarantine`) are put one after the other, those of included files
//! first; `slices` without repetition. `defaults` are merged key by key. Of everything else, and of defaults that both
//! give, the including file's value holds; two files included side by side that give different values are an error.

use crate::check::Demand;
use crate::diagnostics::{Diagnostics, Source, shown};
use crate::environment::Substitution;
use crate::shape::Shape;
use crate::suite::{MAX_DEFAULTS_BYTES, read_text};
use crate::tables::INCLUDE;
use crate::yaml::{Data, Entry, MAX_FILE_BYTES, Node, parse};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files inside each other at most.
pub const MAX_INCLUDE_DEPTH: usize = 8;
/// Files that one suite may include in all, and in one list.
pub const MAX_INCLUDED_FILES: usize = 64;

const INCLUDE_KEY: &str = "include";
/// Keys whose lists are put one after the other.
const APPENDED_KEYS: [&str; 5] = ["targets", "models", "tasks", "gates", "quarantine"];
/// A key whose list is united.
const UNITED_KEY: &str = "slices";

/// A tree with what it includes, and the values that were taken from the environment.
pub(crate) struct Expanded {
    pub(crate) root: Node,
    pub(crate) environment: BTreeMap<String, String>,
}

/// Puts values of the environment and included files into the tree of the file `path`. `None` where the tree would make
/// no sense; then there is at least one error.
pub(crate) fn expand(
    root: Node,
    path: &Path,
    variables: &dyn Fn(&str) -> Option<String>,
    errors: &mut Diagnostics,
) -> Option<Expanded> {
    let mut files = Files {
        errors,
        substitution: Substitution::new(variables),
        open: vec![identity(path)],
        read: Vec::new(),
        defaults_bytes: 0,
    };
    let root = files.expand(root, folder_of(path))?;
    let environment = files.substitution.used;
    Some(Expanded { root, environment })
}

struct Files<'a, 'v> {
    errors: &'a mut Diagnostics,
    substitution: Substitution<'v>,
    /// The files that are being read, each inside the one before.
    open: Vec<PathBuf>,
    /// Those that were read: what is included by two ways is there once.
    read: Vec<PathBuf>,
    defaults_bytes: usize,
}

impl Files<'_, '_> {
    fn expand(&mut self, mut root: Node, folder: &Path) -> Option<Node> {
        self.substitution.apply(&mut root, self.errors);
        self.bound_defaults(&root)?;
        let Some(include) = root.get(INCLUDE_KEY).cloned() else {
            return Some(root);
        };
        let before = self.errors.len();
        INCLUDE.check(INCLUDE_KEY, &include, Demand::Whole, self.errors);
        if self.errors.len() > before {
            return Some(root);
        }
        let mut included: Option<Node> = None;
        for item in include.items() {
            let Some(written) = item.as_text() else { continue };
            let Some(node) = self.file(item, &folder.join(written)) else {
                continue;
            };
            included = Some(match included {
                None => node,
                Some(earlier) => combine(node, &earlier, Rank::Equal, self.errors),
            });
        }
        let own = root.without(|entry| entry.key.text == INCLUDE_KEY);
        Some(match included {
            None => own,
            Some(included) => combine(own, &included, Rank::Over, self.errors),
        })
    }

    /// The tree of an included file; `None` where it was read already or something was reported.
    fn file(&mut self, item: &Node, path: &Path) -> Option<Node> {
        let identity = identity(path);
        if let Some(position) = self.open.iter().position(|open| *open == identity) {
            let names = self.open[position..].iter().chain([&identity]);
            let names: Vec<String> = names.map(|path| name_of(path)).collect();
            let message = format!("files include each other in a circle: {}", names.join(" → "));
            let hint = "remove one of the `include` lines".to_owned();
            self.errors.push(&item.span, message, Some(hint));
            return None;
        }
        if self.read.contains(&identity) {
            return None;
        }
        self.bound(item)?;
        let text = match read_text(path) {
            Ok(text) => text,
            Err(problems) => {
                let problem = problems.entries().first();
                let reason = problem.map_or("it cannot be read", |problem| problem.message.as_str());
                let message = format!(
                    "failed to include {}: {reason}",
                    shown(item.as_text().unwrap_or_default())
                );
                let hint = problem.and_then(|problem| problem.hint.clone());
                let hint =
                    hint.unwrap_or_else(|| "paths are relative to the file that names them".to_owned());
                self.errors.push(&item.span, message, Some(hint));
                return None;
            }
        };
        if self.errors.source().text().len() + text.len() > max_bytes() {
            let message = format!(
                "the files have more than {} MiB together",
                MAX_FILE_BYTES / (1024 * 1024)
            );
            self.errors.push(
                &item.span,
                message,
                Some("put the data into a dataset file".to_owned()),
            );
            return None;
        }
        self.read.push(identity.clone());
        let source = self.add(path, &text);
        let root = parse(&source, self.errors)?;
        if !matches!(root.data, Data::Map(_)) {
            let hint = Some("an included file is a suite of which any part may be missing".to_owned());
            self.errors
                .push(&root.span, "an included file is not a map", hint);
            return None;
        }
        if let Some(version) = root.get("version") {
            Shape::Version.check("version", version, Demand::Whole, self.errors);
        }
        self.open.push(identity);
        let expanded = self.expand(root, folder_of(path));
        self.open.pop();
        expanded
    }

    fn bound(&mut self, item: &Node) -> Option<()> {
        let message = if self.open.len() > MAX_INCLUDE_DEPTH {
            format!("files include each other more than {MAX_INCLUDE_DEPTH} deep")
        } else if self.read.len() >= MAX_INCLUDED_FILES {
            format!("more than {MAX_INCLUDED_FILES} files are included")
        } else {
            return Some(());
        };
        self.errors.push(&item.span, message, None);
        None
    }

    fn add(&mut self, path: &Path, text: &str) -> Source {
        self.errors.add_file(path.to_owned(), text);
        self.errors.source().clone()
    }

    /// `None` ends the reading: defaults are copied into every target or task.
    fn bound_defaults(&mut self, root: &Node) -> Option<()> {
        let Some(defaults) = root.get("defaults") else {
            return Some(());
        };
        self.defaults_bytes += defaults.span.len();
        if self.defaults_bytes > MAX_DEFAULTS_BYTES {
            let message = format!("`defaults` has more than {} KiB", MAX_DEFAULTS_BYTES / 1024);
            self.errors.push(&defaults.span, message, None);
            return None;
        }
        Some(())
    }
}

fn max_bytes() -> usize {
    usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX)
}

/// The folder of a file as it is named, so that messages name included files in the same way.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// What tells files apart, whatever the way to them.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// How two files stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// The first includes the second, and wins.
    Over,
    /// Both are included by the same file: neither wins.
    Equal,
}

/// One tree of two files.
fn combine(first: Node, second: &Node, rank: Rank, errors: &mut Diagnostics) -> Node {
    let Data::Map(mut entries) = first.data else {
        return first;
    };
    for entry in second.entries() {
        let key = entry.key.text.as_str();
        match entries.iter_mut().find(|known| known.key.text == key) {
            None => entries.push(entry.clone()),
            Some(known) if APPENDED_KEYS.contains(&key) || key == UNITED_KEY => {
                append(known, entry, key == UNITED_KEY);
            }
            Some(known) => combine_values(known, entry, rank, errors),
        }
    }
    Node {
        span: first.span,
        data: Data::Map(entries),
    }
}

/// Puts the items of `second`, which is read before, in front.
fn append(first: &mut Entry, second: &Entry, is_united: bool) {
    let (Data::List(items), Data::List(before)) = (&mut first.value.data, &second.value.data) else {
        return;
    };
    let mut all = before.clone();
    for item in std::mem::take(items) {
        let is_known =
            |other: &Node| other.scalar_text().is_some() && other.scalar_text() == item.scalar_text();
        if !(is_united && all.iter().any(is_known)) {
            all.push(item);
        }
    }
    *items = all;
}

fn combine_values(first: &mut Entry, second: &Entry, rank: Rank, errors: &mut Diagnostics) {
    if let (Data::Map(entries), Data::Map(below)) = (&mut first.value.data, &second.value.data) {
        for entry in below {
            match entries.iter_mut().find(|known| known.key.text == entry.key.text) {
                None => entries.push(entry.clone()),
                Some(known) => combine_values(known, entry, rank, errors),
            }
        }
        return;
    }
    // `name` belongs to a file as a suite of its own, and says nothing once it is included.
    let differs = rank == Rank::Equal && !is_same(&first.value, &second.value);
    if differs && first.key.text != "name" {
        let other = errors.locate(&second.key.span);
        let message = format!(
            "{} is given differently by two included files; the other is at {}:{}",
            shown(&first.key.text),
            other.path.display(),
            other.line
        );
        let hint = "write it in the file that includes both, and keep it in one of them".to_owned();
        errors.push(&first.key.span, message, Some(hint));
    }
}

/// Whether two values are written alike, wherever they stand.
fn is_same(one: &Node, other: &Node) -> bool {
    match (&one.data, &other.data) {
        (Data::Scalar(one), Data::Scalar(other)) => one.text == other.text,
        (Data::List(one), Data::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        _ => false,
    }
}
